//! How a store comes to belong to a device: enrolment, which may be interrupted anywhere, and
//! enrolment anew with other keys.
//!
//! Keys are drawn and stored before the code is sent. They become the device's when its certificate
//! is here, in one transaction with everything that follows: what a former device had not brought to
//! an end goes back to the changes and acts that wait.

use std::{fmt, sync::Arc};

use rusqlite::{OptionalExtension, Transaction};
use zeroize::Zeroizing;

use super::{
    Opening, Store, column, outbox::forget_cursor, put_state, rebuild, signed, sql, vault,
};
use crate::{
    error::{Code, Error, Result},
    ids::{DeviceId, Feed, Kind, PersonId},
    sync::envelope::Envelope,
    time::Timestamp,
    trust::{
        enrol::Enrolled,
        keys::{DeviceSigner, PublicKey, SoftwareKey},
        vault::seal::SealingSecret,
    },
};

/// An enrolment that the office has not confirmed, or that was interrupted: enrol again with the
/// same invitation.
#[derive(Clone, PartialEq, Eq)]
pub struct PendingEnrolment {
    /// The invitation.
    pub invitation: String,
    /// The six digits to be compared; `None` before the office has answered.
    pub digits: Option<String>,
}

impl fmt::Debug for PendingEnrolment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The invitation admits whoever has it.
        f.debug_struct("PendingEnrolment")
            .field("digits", &self.digits)
            .finish_non_exhaustive()
    }
}

/// The keys with which a device asks to be enrolled. They are stored before anything is sent.
#[derive(Debug, Clone)]
pub struct Asking {
    /// The device's key.
    pub signer: Arc<dyn DeviceSigner>,
    /// The public key to which others seal.
    pub sealing_key: [u8; 32],
    /// Whose store it is, if it belongs to somebody.
    pub person: Option<PersonId>,
}

/// The keys of a device that this store was before it was enrolled anew.
pub struct FormerKey {
    /// The device.
    pub device: DeviceId,
    /// Its key.
    pub key: PublicKey,
    /// Signs with it, unless a key store held it.
    pub signer: Option<Arc<dyn DeviceSigner>>,
    /// The secret to which others sealed for it.
    pub sealing: Zeroizing<[u8; 32]>,
}

impl fmt::Debug for FormerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FormerKey({:?})", self.device)
    }
}

/// Stands for a key that its key store does not hold any more.
#[derive(Debug)]
pub(super) struct GoneKey(pub(super) PublicKey);

impl DeviceSigner for GoneKey {
    fn public_key(&self) -> PublicKey {
        self.0.clone()
    }

    fn sign(&self, _: &[u8], _: &[u8]) -> Result<Vec<u8>> {
        Err(Error::new(Code::KeyMissing, "enrol this device anew"))
    }
}

/// A device's key, and the secret to which others seal for it.
type NextKeys = (Arc<dyn DeviceSigner>, Zeroizing<[u8; 32]>);

/// What of an enrolment that is under way is kept.
const PENDING: &str = "DELETE FROM state WHERE name IN
    ('invitation', 'digits', 'next_key', 'next_public_key', 'next_sealing')";

impl Store {
    /// Takes the keys that are kept, and keeps those that are new. A key store that has lost the
    /// device's key opens a store that may be enrolled anew, for that alone.
    pub(super) fn find_keys(&mut self, opening: &Opening) -> Result<()> {
        if self.state("sealing")?.is_none() {
            self.set_state(&[("sealing", opening.sealing.as_slice())])?;
        }
        self.key_store.clone_from(&opening.signer);
        let seed = self.state("key")?.map(Zeroizing::new);
        let kept = self.state("public_key")?;
        match (&opening.signer, seed, kept) {
            (None, Some(seed), _) => {
                self.signer = Arc::new(SoftwareKey::from_slice(&seed)?);
                Ok(())
            }
            (None, None, None) => self.set_state(&[("key", opening.seed.as_slice())]),
            (Some(signer), None, None) => {
                let key = crate::cbor::encode(&signer.public_key());
                self.set_state(&[("public_key", &key)])
            }
            (Some(signer), None, Some(kept))
                if crate::cbor::encode(&signer.public_key()) == kept =>
            {
                Ok(())
            }
            (None, None, Some(kept)) | (Some(_), None, Some(kept)) => {
                if !self.may_enrol_anew()? {
                    return Err(Code::KeyMissing.into());
                }
                self.signer = Arc::new(GoneKey(crate::cbor::decode(&kept, "public key")?));
                Ok(())
            }
            (Some(_), Some(seed), _) => {
                if !self.may_enrol_anew()? {
                    return Err(Code::KeyMissing.into());
                }
                self.signer = Arc::new(SoftwareKey::from_slice(&seed)?);
                Ok(())
            }
        }
    }

    /// Keeps the invitation until the enrolment has ended, and returns the keys to enrol with: for
    /// the same invitation always the same, of `dice` for another one.
    ///
    /// # Errors
    /// [`Code::AlreadyEnrolled`] unless the device is locked, refused or wiped; [`Code::KeyMissing`]
    /// if the key store still gives the key of the device that is to be replaced; [`Code::Wiped`]
    /// until the store was opened again; [`Code::DiskFull`], [`Code::Storage`].
    pub fn begin_enrolment(&mut self, invitation: &str, dice: &Opening) -> Result<Asking> {
        if super::wipe::begun(&self.directory)?.is_some() {
            return Err(Code::Wiped.into());
        }
        let identity = self.identity()?;
        if identity.is_some() && !self.may_enrol_anew()? {
            return Err(Code::AlreadyEnrolled.into());
        }
        if let (Some(key_store), Some(identity)) = (&self.key_store, &identity)
            && key_store.public_key() == identity.certificate.key
        {
            return Err(Error::new(Code::KeyMissing, "a new key is needed"));
        }
        if self.state("invitation")?.as_deref() != Some(invitation.as_bytes()) {
            let key_store = self.key_store.clone();
            self.write(|transaction| {
                transaction.execute(PENDING, []).map_err(sql)?;
                put_state(transaction, "invitation", invitation.as_bytes())?;
                put_state(transaction, "next_sealing", dice.sealing.as_slice())?;
                match key_store {
                    Some(signer) => {
                        let key = crate::cbor::encode(&signer.public_key());
                        put_state(transaction, "next_public_key", &key)
                    }
                    None => put_state(transaction, "next_key", dice.seed.as_slice()),
                }
            })?;
        }
        let (signer, sealing) = self.next_keys()?.ok_or(Code::KeyMissing)?;
        Ok(Asking {
            signer,
            sealing_key: SealingSecret::from_slice(sealing.as_slice())?.public(),
            person: identity.map(|identity| identity.certificate.person),
        })
    }

    /// Returns the keys of an enrolment that is under way.
    fn next_keys(&self) -> Result<Option<NextKeys>> {
        let Some(sealing) = self.state("next_sealing")?.map(Zeroizing::new) else {
            return Ok(None);
        };
        let sealing = secret(&sealing, "next_sealing")?;
        let seed = self.state("next_key")?.map(Zeroizing::new);
        let asked = self.state("next_public_key")?;
        let signer: Arc<dyn DeviceSigner> = match (seed, asked, &self.key_store) {
            (Some(seed), _, _) => Arc::new(SoftwareKey::from_slice(&seed)?),
            (None, Some(asked), Some(signer))
                if crate::cbor::encode(&signer.public_key()) == asked =>
            {
                Arc::clone(signer)
            }
            _ => return Ok(None),
        };
        Ok(Some((signer, sealing)))
    }

    /// Keeps the digits that both screens show while the office compares them.
    ///
    /// # Errors
    /// [`Code::DiskFull`], [`Code::Storage`].
    pub fn keep_digits(&mut self, digits: &str) -> Result<()> {
        if self.state("digits")?.as_deref() == Some(digits.as_bytes()) {
            return Ok(());
        }
        self.set_state(&[("digits", digits.as_bytes())])
    }

    /// Forgets an enrolment that has led nowhere, and its keys.
    ///
    /// # Errors
    /// [`Code::DiskFull`], [`Code::Storage`].
    pub fn forget_enrolment(&mut self) -> Result<()> {
        self.write(|transaction| transaction.execute(PENDING, []).map(|_| ()).map_err(sql))
    }

    /// Returns the enrolment that is under way, if there is one.
    ///
    /// # Errors
    /// [`Code::Storage`].
    pub fn pending_enrolment(&self) -> Result<Option<PendingEnrolment>> {
        let text = |name: &str| -> Result<Option<String>> {
            let kept = self.state(name)?.map(String::from_utf8).transpose();
            kept.map_err(|_| Error::new(Code::DatabaseCorrupt, name))
        };
        let digits = text("digits")?;
        Ok(text("invitation")?.map(|invitation| PendingEnrolment { invitation, digits }))
    }

    /// Becomes the device of a certificate: takes the keys that were asked with, and everything in
    /// `values`, in one transaction. Of a store that was enrolled before, what that device had not
    /// brought to an end waits to be sent by the new one; acts stay as they were signed.
    ///
    /// # Errors
    /// [`Code::AlreadyEnrolled`] if the store is somebody else's or the device may not be replaced;
    /// [`Code::KeyMissing`] if the certificate is for keys that are not here.
    pub(super) fn become_device(
        &mut self,
        enrolled: &Enrolled,
        person_name: &str,
        values: &[(&str, &[u8])],
    ) -> Result<()> {
        let certificate = &enrolled.certificate;
        let former = self.identity()?.map(|identity| identity.certificate);
        if let Some(former) = &former {
            let same = former.person == certificate.person && former.log == certificate.log;
            if !same || former.key == certificate.key || !self.may_enrol_anew()? {
                return Err(Error::new(Code::AlreadyEnrolled, person_name));
            }
        }
        let next = self
            .next_keys()?
            .filter(|(signer, _)| signer.public_key() == certificate.key);
        let signer = match &next {
            Some((signer, _)) => Arc::clone(signer),
            None if self.signer.public_key() == certificate.key => self.signer(),
            None => return Err(Error::new(Code::KeyMissing, "another device's certificate")),
        };
        let seed = self.state("next_key")?.map(Zeroizing::new);
        let own_key = self.signer.public_key();
        self.write(|transaction| {
            if former.is_some() {
                leave_device(transaction, &own_key, certificate.issued_at)?;
            }
            if let Some((signer, sealing)) = &next {
                transaction
                    .execute("DELETE FROM state WHERE name IN ('key', 'public_key')", [])
                    .map_err(sql)?;
                match &seed {
                    Some(seed) => put_state(transaction, "key", seed)?,
                    None => {
                        let key = crate::cbor::encode(&signer.public_key());
                        put_state(transaction, "public_key", &key)?;
                    }
                }
                put_state(transaction, "sealing", sealing.as_slice())?;
            }
            transaction.execute(PENDING, []).map_err(sql)?;
            let gone = "DELETE FROM state WHERE name IN
                ('locked', 'refused', 'wiped', 'obeyed', 'lease', 'read_token')";
            transaction.execute(gone, []).map_err(sql)?;
            if former.is_some() {
                forget_cursor(transaction)?;
            }
            for (name, value) in values {
                put_state(transaction, name, value)?;
            }
            Ok(())
        })?;
        self.signer = signer;
        self.open.clear();
        self.begin_custody();
        self.rejoin_as_former()
    }

    /// Returns the keys of the devices that this store was before, the newest first.
    ///
    /// # Errors
    /// [`Code::DatabaseCorrupt`], [`Code::Storage`].
    pub fn former_keys(&self) -> Result<Vec<FormerKey>> {
        let query =
            "SELECT device, public_key, sealing, seed FROM former_key ORDER BY left_at DESC";
        let mut statement = self.connection.prepare_cached(query).map_err(sql)?;
        let rows = statement
            .query_map([], |row| {
                Ok((
                    row.get::<_, Vec<u8>>(0)?,
                    row.get::<_, Vec<u8>>(1)?,
                    Zeroizing::new(row.get::<_, Vec<u8>>(2)?),
                    row.get::<_, Option<Vec<u8>>>(3)?.map(Zeroizing::new),
                ))
            })
            .map_err(sql)?;
        rows.map(|row| {
            let (device, key, sealing, seed) = row.map_err(sql)?;
            let signer = match seed {
                Some(seed) => {
                    let signer: Arc<dyn DeviceSigner> = Arc::new(SoftwareKey::from_slice(&seed)?);
                    Some(signer)
                }
                None => None,
            };
            Ok(FormerKey {
                signer,
                device: column(&device, DeviceId::from_slice)?,
                key: crate::cbor::decode(&key, "former key")?,
                sealing: secret(&sealing, "former key")?,
            })
        })
        .collect()
    }

    /// Lets this store speak for itself in the vault under a key that it had before.
    pub(super) fn rejoin_as_former(&mut self) -> Result<()> {
        for former in self.former_keys()? {
            if let Some(signer) = former.signer
                && self.rejoin_vault(signer)?
            {
                return Ok(());
            }
        }
        Ok(())
    }
}

fn secret(bytes: &[u8], name: &str) -> Result<Zeroizing<[u8; 32]>> {
    let secret = <[u8; 32]>::try_from(bytes).map(Zeroizing::new);
    secret.map_err(|_| Error::new(Code::DatabaseCorrupt, name))
}

/// Puts the keys and the envelopes of a device aside, and what it had not brought to an end back to
/// what waits, before everything that was written later.
fn leave_device(transaction: &Transaction<'_>, key: &PublicKey, left_at: Timestamp) -> Result<()> {
    let state = |name: &str| -> Result<Option<Zeroizing<Vec<u8>>>> {
        transaction
            .query_row("SELECT value FROM state WHERE name = ?1", [name], |row| {
                row.get(0)
            })
            .optional()
            .map(|value: Option<Vec<u8>>| value.map(Zeroizing::new))
            .map_err(sql)
    };
    let device = key.device();
    let (seed, sealing) = (state("key")?, state("sealing")?);
    transaction
        .execute(
            "INSERT OR REPLACE INTO former_key (device, public_key, seed, sealing, left_at) VALUES (?1, ?2, ?3, ?4, ?5)",
            (
                device.as_bytes(),
                crate::cbor::encode(key),
                seed.as_ref().map(|seed| seed.as_slice()),
                sealing.as_ref().map(|sealing| sealing.as_slice()),
                signed(left_at.unix_ms()),
            ),
        )
        .map_err(sql)?;
    transaction
        .execute(
            "DELETE FROM state WHERE name IN ('vault_asked', 'vault_link', 'anew', 'behind')",
            [],
        )
        .map_err(sql)?;
    rebuild::mark_unsent(transaction)?;
    set_aside(transaction, device)
}

/// Puts the envelopes of a device, or of an incarnation that is closed, aside, and what it had not
/// brought to an end back to what waits. Steps of the vault are made anew, as far as they are still
/// wanted.
pub(super) fn set_aside(transaction: &Transaction<'_>, device: DeviceId) -> Result<()> {
    transaction
        .execute(
            "DELETE FROM pending WHERE kind IN (?1, ?2)",
            [Kind::Vault.number(), Kind::Snapshot.number()],
        )
        .map_err(sql)?;
    let unsettled = bytes_of(
        transaction,
        "SELECT bytes FROM envelope WHERE outcome IS NULL ORDER BY incarnation, device_seq",
    )?;
    wait_again(transaction, &unsettled)?;
    transaction
        .execute(
            "INSERT OR IGNORE INTO former_envelope (device, incarnation, device_seq, id, bytes, outcome)
             SELECT ?1, incarnation, device_seq, id, bytes, outcome FROM envelope",
            [device.as_bytes()],
        )
        .map_err(sql)?;
    transaction
        .execute("DELETE FROM envelope", [])
        .map(|_| ())
        .map_err(sql)
}

/// Offers what former devices had handed in once more, under this device: the office has lost it. It is
/// known as such, also where no answer had arrived: others may have read it and give it back, and what was
/// made of it anew would stand beside it.
pub(super) fn offer_former(transaction: &Transaction<'_>) -> Result<()> {
    let accepted = bytes_of(
        transaction,
        "SELECT bytes FROM former_envelope WHERE outcome = 'accepted' ORDER BY rowid",
    )?;
    wait_again(transaction, &accepted)?;
    transaction
        .execute(
            "UPDATE former_envelope SET outcome = 'offered' WHERE outcome = 'accepted' OR outcome IS NULL",
            [],
        )
        .map(|_| ())
        .map_err(sql)
}

/// Puts the content of a former device's envelopes back before all that waits: an act as it was
/// signed, a note's changes as they were made. The office knows both again, whoever brings them.
fn wait_again(transaction: &Transaction<'_>, envelopes: &[Vec<u8>]) -> Result<()> {
    let later = take_waiting(transaction)?;
    for bytes in envelopes {
        let envelope = Envelope::decode(bytes)?;
        let header = envelope.header();
        if header.kind == Kind::Snapshot {
            continue;
        }
        if header.sealed.is_some() {
            match vault::waiting_row(transaction, &envelope)? {
                Some(row) => put_waiting(transaction, row)?,
                None => {
                    tracing::warn!(envelope = %envelope.id(), "a sealed envelope could not be opened");
                }
            }
            put_state(transaction, "vault_again", &[1])?;
            continue;
        }
        let ours = matches!(
            (header.feed, header.kind),
            (Feed::Outbox(_), Kind::Act)
                | (Feed::Notes(_), Kind::Changes | Kind::Tombstone)
                | (Feed::Group(_), Kind::Changes)
        );
        if ours {
            put_waiting(
                transaction,
                (
                    header.feed.to_bytes(),
                    header.document.as_bytes().to_vec(),
                    header.kind.number(),
                    header.generation,
                    envelope.payload().to_vec(),
                    signed(header.at.unix_ms()),
                ),
            )?;
        }
    }
    let first = take_waiting(transaction)?;
    for row in first.into_iter().chain(later) {
        put_waiting(transaction, row)?;
    }
    Ok(())
}

fn bytes_of(transaction: &Transaction<'_>, query: &str) -> Result<Vec<Vec<u8>>> {
    let mut statement = transaction.prepare(query).map_err(sql)?;
    let rows = statement.query_map([], |row| row.get(0)).map_err(sql)?;
    rows.collect::<rusqlite::Result<_>>().map_err(sql)
}

/// A row of what waits: feed, document, kind, generation, payload, and when it was written.
pub(super) type WaitingRow = (Vec<u8>, Vec<u8>, u16, u32, Vec<u8>, i64);

/// Takes out everything that waits, in its order.
fn take_waiting(transaction: &Transaction<'_>) -> Result<Vec<WaitingRow>> {
    let query = "SELECT feed, document, kind, generation, payload, at FROM pending ORDER BY n";
    let mut statement = transaction.prepare(query).map_err(sql)?;
    let rows = statement
        .query_map([], |row| {
            Ok((
                row.get(0)?,
                row.get(1)?,
                row.get(2)?,
                row.get(3)?,
                row.get(4)?,
                row.get(5)?,
            ))
        })
        .map_err(sql)?;
    let rows = rows.collect::<rusqlite::Result<_>>().map_err(sql)?;
    transaction
        .execute("DELETE FROM pending", [])
        .map_err(sql)?;
    Ok(rows)
}

fn put_waiting(transaction: &Transaction<'_>, row: WaitingRow) -> Result<()> {
    transaction
        .execute(
            "INSERT INTO pending (feed, document, kind, generation, payload, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            row,
        )
        .map(|_| ())
        .map_err(sql)
}
