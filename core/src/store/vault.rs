//! The vault as this device has it: the chain of devices, the keys of its epochs, and the steps that
//! it is to make.
//!
//! What counts is what the chain says. A step is made from the chain as it is known, travels like
//! everything that this device writes, and counts once the office has accepted it at that place; if
//! another device was faster the office answers `redo` and the step is made anew, or not at all if it
//! is no longer needed. So a wish stays until the chain shows it fulfilled.
//!
//! Which chain is this device's own: the one that it has signed a step of, the one that its link code
//! authenticates, or the one that the recovery code signed. What the office serves beside it changes
//! nothing and is shown.

mod cost;
mod wishes;

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{OptionalExtension, Transaction};
use zeroize::Zeroizing;

use super::{Store, column, devices::WaitingRow, put_state, signed, sql, unsigned};
use crate::{
    cbor,
    document::{Document, packed},
    error::{Code, Error, Result},
    ids::{DeviceId, DocumentId, Feed, Hash, Kind, LogId, PersonId},
    limits::NOTE_UNPACKED_BYTES_MAX,
    sync::{
        envelope::{Envelope, Sealed},
        session::{Incoming, Page, Pending, Via},
        wire::Outcome,
    },
    time::Timestamp,
    trust::{
        orders::Revocation,
        vault::{
            Dice,
            chain::{Chain, Record, chain_document, index_document},
            codes::LinkCode,
            seal::{EpochKey, Place, SealingSecret, VaultId},
        },
    },
};
pub use cost::SealingCost;
use wishes::Wish;

/// How the vault of the private notes stands on this device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum VaultState {
    /// The device has not synced yet, so it does not know.
    Unknown,
    /// There is a vault, and this device is not in it yet: notes written here stay here.
    Waiting,
    /// Notes are sealed, sent and read.
    Open,
    /// The owner, or somebody who says so, has begun another vault in place of this one. Notes stay
    /// here until this device is linked to that one.
    Replaced,
}

/// A device of the owner that is in no chain: the office says that it is his.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitingDevice {
    /// The device.
    pub device: DeviceId,
    /// Whether it has asked, so that its link code can be given. One that never asks may be a device
    /// that the office has added by itself.
    pub asked: bool,
}

/// How the vault stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VaultStatus {
    /// On this device.
    pub state: VaultState,
    /// The epoch; 0 while there is none.
    pub epoch: u32,
    /// The devices that open the notes.
    pub members: Vec<DeviceId>,
    /// The devices that do not, and wait for approval.
    pub waiting: Vec<WaitingDevice>,
    /// Whether the recovery code was not confirmed as written down yet.
    pub code_to_write_down: bool,
    /// Whether the office serves another vault of this owner, or a chain that contradicts this one.
    pub contradicted: bool,
    /// Sealed entries that this device cannot open. They are kept.
    pub unreadable: u64,
    /// Notes that the owner's devices have listed and the office has not delivered.
    pub missing: u64,
}

/// What is needed to seal.
pub(super) struct Sealing {
    vault: VaultId,
    epoch: u32,
    key: EpochKey,
    dice: Dice,
}

impl Sealing {
    /// Seals what waits to be sent.
    pub(super) fn seal(&mut self, pending: &mut Pending) -> Result<()> {
        let subject = &mut pending.subject;
        let nonce = self.dice.draw();
        let place = Place::new(self.vault, self.epoch, subject.document, subject.kind);
        let mut payload = Zeroizing::new(std::mem::take(&mut pending.payload));
        if subject.kind == Kind::Changes {
            *payload = packed::pack(std::mem::take(&mut *payload));
        }
        pending.payload = self.key.seal(&place, &nonce, &payload)?;
        subject.sealed = Some(Sealed {
            epoch: self.epoch,
            nonce,
        });
        Ok(())
    }
}

/// What an entry holds for this device.
pub(super) enum Unsealed {
    /// It is not sealed.
    Plain,
    /// It was opened.
    Opened(Zeroizing<Vec<u8>>),
    /// Its key is not here yet.
    Locked,
}

/// Says whether payloads of this feed and kind are sealed.
pub(super) const fn is_sealed(feed: Feed, kind: Kind) -> bool {
    matches!(
        (feed, kind),
        (
            Feed::Notes(_),
            Kind::Changes | Kind::Snapshot | Kind::Bundle
        )
    )
}

/// The chains of a vault as they follow from its steps.
#[derive(Debug)]
pub(super) struct Followed {
    owner: (LogId, PersonId),
    steps: Vec<Vec<u8>>,
    chains: Vec<Chain>,
    contradicted: bool,
}

fn is_replaced(own: &Chain, chains: &[Chain]) -> bool {
    let mut others = chains.iter();
    others.any(|other| other.replaces() == Some(own.vault().hash))
}

fn follow(owner: (LogId, PersonId), steps: &[Vec<u8>]) -> Result<(Vec<Chain>, bool)> {
    let (mut chains, mut contradicted): (Vec<Chain>, bool) = (Vec::new(), false);
    for bytes in steps {
        let Record::Step(step) = Record::decode(bytes)? else {
            continue;
        };
        let vault = step.step().vault;
        let taken = match chains.iter_mut().find(|chain| chain.vault() == vault) {
            Some(chain) => chain.follow(&step).is_ok(),
            None if (vault.log, vault.owner) == owner => match Chain::begin(&step) {
                Ok(chain) => {
                    chains.push(chain);
                    true
                }
                Err(_) => false,
            },
            None => false,
        };
        contradicted |= !taken;
    }
    Ok((chains, contradicted))
}

impl Store {
    pub(super) fn sealing_secret(&self) -> Result<SealingSecret> {
        let kept = self
            .state("sealing")?
            .ok_or_else(|| Error::new(Code::DatabaseCorrupt, "sealing"))?;
        SealingSecret::from_slice(&Zeroizing::new(kept))
    }

    /// Returns the chains that are known, in the order in which they were first seen, and whether
    /// steps contradict them. Signatures are checked again once there are other steps.
    fn chains(&self) -> Result<(Vec<Chain>, bool)> {
        let owner = self.person()?;
        let mut statement = self
            .connection
            .prepare_cached("SELECT bytes FROM vault_step ORDER BY number, n")
            .map_err(sql)?;
        let steps: Vec<Vec<u8>> = statement
            .query_map([], |row| row.get(0))
            .and_then(Iterator::collect)
            .map_err(sql)?;
        if let Some(followed) = &*self.followed.borrow()
            && (followed.owner, &followed.steps) == (owner, &steps)
        {
            return Ok((followed.chains.clone(), followed.contradicted));
        }
        let (chains, contradicted) = follow(owner, &steps)?;
        self.followed.replace(Some(Followed {
            owner,
            steps,
            chains: chains.clone(),
            contradicted,
        }));
        Ok((chains, contradicted))
    }

    /// Returns the chain that is this device's own.
    fn own_chain(&self) -> Result<Option<Chain>> {
        let Some(own) = self.state("vault")? else {
            return Ok(None);
        };
        let own: VaultId = cbor::decode(&own, "vault")?;
        let chains = self.chains()?.0;
        Ok(chains.into_iter().find(|chain| chain.vault() == own))
    }

    /// Returns the epoch with which this device's vault begins. Whoever comes into it never gets the keys
    /// of earlier ones.
    pub(super) fn first_epoch(&self) -> Result<u32> {
        let chain = self.own_chain()?;
        let first = chain.as_ref().and_then(|chain| chain.steps().first());
        Ok(first.map_or(0, |genesis| genesis.step().epoch))
    }

    fn vault_keys(&self) -> Result<BTreeMap<u32, (VaultId, EpochKey)>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT epoch, vault, key FROM vault_key")
            .map_err(sql)?;
        let mut rows = statement.query([]).map_err(sql)?;
        let mut keys = BTreeMap::new();
        while let Some(row) = rows.next().map_err(sql)? {
            let vault: Vec<u8> = row.get(1).map_err(sql)?;
            let key = Zeroizing::new(row.get::<_, Vec<u8>>(2).map_err(sql)?);
            keys.insert(
                row.get(0).map_err(sql)?,
                (
                    cbor::decode(&vault, "vault")?,
                    column(&key, EpochKey::from_slice)?,
                ),
            );
        }
        Ok(keys)
    }

    /// Returns what is needed to seal; `None` as [`Store::open_epoch`] says.
    pub(super) fn sealing(&self, dice: [u8; 32]) -> Result<Option<Sealing>> {
        Ok(self.open_epoch()?.map(|(vault, epoch, key)| Sealing {
            vault,
            epoch,
            key,
            dice: Dice::new(dice),
        }))
    }

    /// Returns the epoch under which this device seals, and its key; `None` while this device is not
    /// in the vault, or a step that begins a new epoch is on its way.
    pub(super) fn open_epoch(&self) -> Result<Option<(VaultId, u32, EpochKey)>> {
        let Some(chain) = self.own_chain()? else {
            return Ok(None);
        };
        let epoch = chain.epoch();
        let key = self.vault_keys()?.remove(&epoch);
        let member = chain.members().contains_key(&self.device());
        let on_its_way = self.records_on_their_way()? > 0;
        let replaced = self.is_replaced(&chain)?;
        Ok(match key {
            Some((vault, key)) if member && !on_its_way && !replaced && vault == chain.vault() => {
                Some((vault, epoch, key))
            }
            _ => None,
        })
    }

    fn is_replaced(&self, own: &Chain) -> Result<bool> {
        Ok(is_replaced(own, &self.chains()?.0))
    }

    /// Counts records of the chain that wait to be sent or settled.
    fn records_on_their_way(&self) -> Result<i64> {
        let document = chain_document(self.person()?.1);
        let count = "SELECT (SELECT count(*) FROM pending WHERE document = ?1)
             + (SELECT count(*) FROM envelope WHERE document = ?1 AND outcome IS NULL)";
        self.connection
            .query_row(count, [document.as_bytes()], |row| row.get(0))
            .map_err(sql)
    }

    /// Opens an entry's payload.
    ///
    /// # Errors
    /// [`Code::Malformed`] if it must be sealed and is not, or was sealed for another place.
    pub(super) fn unseal(&self, envelope: &Envelope) -> Result<Unsealed> {
        let header = envelope.header();
        let Some(sealed) = &header.sealed else {
            if is_sealed(header.feed, header.kind) {
                return Err(Error::new(Code::Malformed, "a note that is not sealed"));
            }
            return Ok(Unsealed::Plain);
        };
        if !is_sealed(header.feed, header.kind) {
            return Err(Error::new(Code::NewerProtocol, "a sealed payload"));
        }
        let Some((vault, key)) = self.vault_keys()?.remove(&sealed.epoch) else {
            return Ok(Unsealed::Locked);
        };
        let place = Place::new(vault, sealed.epoch, header.document, header.kind);
        if place.feed != header.feed {
            return Err(Error::new(Code::Malformed, "notes of somebody else"));
        }
        open(&key, &place, &sealed.nonce, envelope.payload()).map(Unsealed::Opened)
    }

    /// Takes in what a page says of the vault, before its other entries: they may need the keys.
    /// Repeating it changes nothing. Returns whether anything is new.
    pub(super) fn take_vault(&mut self, page: &Page) -> Result<bool> {
        let owner = self.person()?.1;
        let document = chain_document(owner);
        let mut records = Vec::new();
        for entry in &page.entries {
            if let Ok(envelope) = &entry.envelope
                && envelope.header().kind == Kind::Vault
                && envelope.header().feed == Feed::Notes(owner)
                && envelope.header().document == document
            {
                records.push(envelope.payload().to_vec());
            }
        }
        for (id, outcome) in &page.outcomes {
            if matches!(outcome, Outcome::Accepted { .. })
                && let Some(envelope) = self.own_envelope(id)?
                && envelope.header().kind == Kind::Vault
            {
                records.push(envelope.payload().to_vec());
            }
        }
        if records.is_empty() {
            return Ok(false);
        }
        self.write(|transaction| {
            records
                .iter()
                .try_for_each(|bytes| put_record(transaction, bytes))
        })?;
        self.refresh_vault()?;
        Ok(true)
    }

    fn own_envelope(&self, id: &Hash) -> Result<Option<Envelope>> {
        let bytes: Option<Vec<u8>> = self
            .connection
            .prepare_cached("SELECT bytes FROM envelope WHERE id = ?1")
            .and_then(|mut statement| {
                statement
                    .query_row([id.as_bytes()], |row| row.get(0))
                    .optional()
            })
            .map_err(sql)?;
        bytes.map(|bytes| Envelope::decode(&bytes)).transpose()
    }

    /// Finds the chain that is this device's own, opens the keys of its epochs, and drops the wishes
    /// that it fulfils.
    pub(super) fn refresh_vault(&mut self) -> Result<()> {
        let (log, owner) = self.person()?;
        let device = self.device();
        let wishes = self.wishes()?;
        let chains = self.chains()?.0;
        let own = self.find_own(&chains, &wishes)?;
        let mut keys = BTreeMap::new();
        let mut done: Vec<i64> = Vec::new();
        let mut code = None;
        if let Some(chain) = own {
            if chain.members().contains_key(&device) {
                keys = chain.open_as(device, &self.sealing_secret()?)?;
            }
            for former in self.former_keys()? {
                if chain.members().contains_key(&former.device) {
                    let secret = SealingSecret::from_slice(former.sealing.as_slice())?;
                    keys.extend(chain.open_as(former.device, &secret)?);
                }
            }
            for (n, wish) in &wishes {
                if let Wish::Restore { code } = wish
                    && let Ok(opened) = chain.open_with(&code.keys(log, owner)?)
                {
                    keys.extend(opened);
                }
                if wish.is_fulfilled(chain, device)? {
                    done.push(*n);
                    if let Wish::Begin { code: new, .. } | Wish::Renew { code: new } = wish {
                        code = Some(new.clone());
                    }
                }
            }
        }
        let known = self.vault_keys()?;
        let fresh = keys.keys().any(|epoch| !known.contains_key(epoch));
        // A member of a vault that was replaced still has to be let into the one in its place.
        let is_in =
            |chain: &Chain| chain.members().contains_key(&device) && !is_replaced(chain, &chains);
        let own = own.map(|chain| (chain.vault(), is_in(chain)));
        self.write(|transaction| {
            if let Some((vault, is_in)) = &own {
                put_state(transaction, "vault", &cbor::encode(vault))?;
                if *is_in {
                    forget(transaction, "vault_link")?;
                }
                for (epoch, key) in &keys {
                    put_key(transaction, vault, *epoch, key)?;
                }
            }
            if let Some(code) = &code {
                put_state(transaction, "vault_code", code.as_bytes())?;
            }
            if fresh {
                put_state(transaction, "vault_again", &[1])?;
            }
            done.iter()
                .try_for_each(|n| wishes::delete(transaction, *n))
        })
    }

    fn find_own<'c>(
        &self,
        chains: &'c [Chain],
        wishes: &[(i64, Wish)],
    ) -> Result<Option<&'c Chain>> {
        let (log, owner) = self.person()?;
        let device = self.device();
        let link = self.link()?;
        // The newest word of the owner counts: a link or a code that he has given on purpose.
        for chain in chains.iter().rev() {
            let linked = link
                .as_ref()
                .is_some_and(|link| chain.is_linked(device, link));
            let mut meant = linked;
            for (_, wish) in wishes {
                meant |= match wish {
                    Wish::Restore { code } => code.keys(log, owner)?.public() == *chain.recovery(),
                    Wish::Begin { code, .. } => {
                        chain.steps()[0].step().by == Some(device)
                            && code.keys(log, owner)?.public() == *chain.recovery()
                    }
                    Wish::Approve { .. } | Wish::Remove { .. } | Wish::Renew { .. } => false,
                };
            }
            if meant {
                return Ok(Some(chain));
            }
        }
        if let Some(own) = self.state("vault")? {
            let own: VaultId = cbor::decode(&own, "vault")?;
            return Ok(chains.iter().find(|chain| chain.vault() == own));
        }
        // After damage: what this device has signed, it trusts.
        Ok(chains.iter().rev().find(|chain| {
            chain
                .steps()
                .iter()
                .any(|signed| signed.step().by == Some(device))
        }))
    }

    fn link(&self) -> Result<Option<LinkCode>> {
        let kept = self.state("vault_link")?.map(Zeroizing::new);
        Ok(kept.and_then(|bytes| LinkCode::from_slice(&bytes)))
    }

    /// Returns sealed entries whose keys are here now, as they arrived. Those that build upon a change
    /// that is not here yet are among them.
    pub(super) fn readable_unopened(&self) -> Result<Vec<Incoming>> {
        let query = "SELECT seq, feed_seq, received_at, bytes FROM unopened
             WHERE epoch IN (SELECT epoch FROM vault_key) ORDER BY seq";
        let mut statement = self.connection.prepare_cached(query).map_err(sql)?;
        let mut rows = statement.query([]).map_err(sql)?;
        let mut opened = Vec::new();
        while let Some(row) = rows.next().map_err(sql)? {
            let bytes: Vec<u8> = row.get(3).map_err(sql)?;
            opened.push(Incoming {
                seq: unsigned(row.get(0).map_err(sql)?),
                feed_seq: unsigned(row.get(1).map_err(sql)?),
                received_at: Timestamp::from_unix_ms(unsigned(row.get(2).map_err(sql)?)),
                // Its signature was checked when it arrived.
                envelope: Envelope::decode(&bytes),
                bytes,
                via: Via::Parked,
                returned: false,
            });
        }
        Ok(opened)
    }

    /// Returns the steps of this device's chain, for an office that may have lost them.
    pub(super) fn steps_again(&self) -> Result<Vec<(Feed, DocumentId, Vec<u8>)>> {
        let owner = self.person()?.1;
        let chain = self.own_chain()?;
        let steps = chain.iter().flat_map(|chain| chain.steps());
        Ok(steps
            .map(|step| {
                let record = Record::Step(Box::new(step.clone()));
                (Feed::Notes(owner), chain_document(owner), record.encode())
            })
            .collect())
    }

    /// Returns the steps that a former device of this store may have handed in, which no other brings
    /// back.
    pub(super) fn former_steps(&self) -> Result<Vec<(Feed, DocumentId, Vec<u8>)>> {
        let handed_in = "SELECT count(*) FROM former_envelope WHERE outcome = 'accepted'";
        match self.count(handed_in)? {
            0 => Ok(Vec::new()),
            _ => self.steps_again(),
        }
    }

    /// Takes the flag that the vault brought something since the round before for which something
    /// waits to be sent.
    ///
    /// # Errors
    /// [`Code::DiskFull`], [`Code::Storage`].
    pub fn take_vault_again(&mut self) -> Result<bool> {
        let again = self.state("vault_again")?.is_some();
        if again {
            self.write(|transaction| forget(transaction, "vault_again"))?;
        }
        Ok(again && self.count("SELECT count(*) FROM pending")? > 0)
    }

    /// Returns how the vault stands.
    ///
    /// # Errors
    /// [`Code::Storage`].
    pub fn vault_status(&self) -> Result<VaultStatus> {
        let mut status = VaultStatus {
            state: VaultState::Unknown,
            epoch: 0,
            members: Vec::new(),
            waiting: Vec::new(),
            code_to_write_down: false,
            contradicted: false,
            unreadable: 0,
            missing: 0,
        };
        if self.identity()?.is_none() {
            return Ok(status);
        }
        let device = self.device();
        let (chains, contradicted) = self.chains()?;
        status.contradicted = contradicted;
        if self.synced_at()?.is_some() && !chains.is_empty() {
            status.state = VaultState::Waiting;
        }
        if let Some(chain) = self.own_chain()? {
            status.contradicted |= chains.iter().any(|other| {
                other.vault() != chain.vault() && chain.replaces() != Some(other.vault().hash)
            });
            status.epoch = chain.epoch();
            status.members = chain.members().keys().copied().collect();
            status.waiting = self.waiting_devices(&chain)?;
            if chain.members().contains_key(&device) {
                status.state = VaultState::Open;
            }
            if self.is_replaced(&chain)? {
                status.state = VaultState::Replaced;
            }
        }
        status.code_to_write_down = self.recovery_code()?.is_some();
        status.unreadable = self.count("SELECT count(*) FROM unopened")?;
        status.missing = self.count(
            "SELECT count(*) FROM vault_index WHERE note NOT IN (SELECT id FROM document)",
        )?;
        Ok(status)
    }

    fn count(&self, query: &str) -> Result<u64> {
        self.connection
            .query_row(query, [], |row| row.get(0))
            .map(unsigned)
            .map_err(sql)
    }

    /// Returns the devices that the office says are the owner's and that are in no chain.
    fn waiting_devices(&self, chain: &Chain) -> Result<Vec<WaitingDevice>> {
        let mut asked = BTreeSet::new();
        let mut statement = self
            .connection
            .prepare_cached("SELECT device FROM vault_ask")
            .map_err(sql)?;
        let mut rows = statement.query([]).map_err(sql)?;
        while let Some(row) = rows.next().map_err(sql)? {
            let device: Vec<u8> = row.get(0).map_err(sql)?;
            asked.insert(column(&device, DeviceId::from_slice)?);
        }
        let revoked = self.revoked()?;
        let owner = self.person()?.1;
        let known = self.certified(owner)?;
        Ok(known
            .union(&asked)
            .filter(|device| {
                !chain.members().contains_key(device)
                    && !chain.left().contains(device)
                    && !revoked.contains(device)
            })
            .map(|device| WaitingDevice {
                device: *device,
                asked: asked.contains(device),
            })
            .collect())
    }

    /// Returns the devices whose certificates stand in the owner's feed.
    fn certified(&self, owner: PersonId) -> Result<BTreeSet<DeviceId>> {
        use crate::trust::enrol::{Certificate, Signed};
        let mut devices = BTreeSet::new();
        for envelope in self.kept_of_person(owner, Kind::Certificate)? {
            let signed: Signed = cbor::decode(envelope.payload(), "certificate")?;
            let certificate: Certificate = signed.unverified()?;
            if certificate.person == owner {
                devices.insert(certificate.device());
            }
        }
        Ok(devices)
    }

    /// Returns the devices that the office has closed.
    fn revoked(&self) -> Result<BTreeSet<DeviceId>> {
        let owner = self.person()?.1;
        let mut devices = BTreeSet::new();
        for envelope in self.kept_of_person(owner, Kind::Revocation)? {
            // One of a later version says nothing to this one.
            if let Ok(revocation) = cbor::decode::<Revocation>(envelope.payload(), "revocation") {
                devices.insert(revocation.device);
            }
        }
        Ok(devices)
    }

    fn kept_of_person(&self, owner: PersonId, kind: Kind) -> Result<Vec<Envelope>> {
        let mut statement = self
            .connection
            .prepare_cached(
                "SELECT bytes FROM kept WHERE feed = ?1 AND kind = ?2 ORDER BY abs(seq)",
            )
            .map_err(sql)?;
        let feed = Feed::Person(owner).to_bytes();
        let rows = statement
            .query_map((feed, kind.number()), |row| row.get::<_, Vec<u8>>(0))
            .map_err(sql)?;
        rows.map(|bytes| Envelope::decode(&bytes.map_err(sql)?))
            .collect()
    }

    /// Lists a note in the index, unless it is listed. Returns the index and the change to write.
    pub(super) fn list_note(&mut self, note: DocumentId) -> Result<Option<(Document, Vec<u8>)>> {
        let listed: Option<i64> = self
            .connection
            .prepare_cached("SELECT 1 FROM vault_index WHERE note = ?1")
            .and_then(|mut statement| {
                statement
                    .query_row([note.as_bytes()], |row| row.get(0))
                    .optional()
            })
            .map_err(sql)?;
        if listed.is_some() {
            return Ok(None);
        }
        let id = index_document(self.person()?.1);
        let mut index = match self.load_document(id)? {
            Some(index) => index,
            None => Document::new(self.actor(id, 0)?),
        };
        index.put_scalar(&note.to_string(), &serde_json::Value::Bool(true))?;
        let change = index
            .commit()
            .ok_or_else(|| Error::new(Code::Internal, "an index without a change"))?;
        Ok(Some((index, change)))
    }
}

/// Writes the rows of the index.
pub(super) fn project_index(transaction: &Transaction<'_>, index: &Document) -> Result<()> {
    let content = index.to_json()?;
    for note in content
        .as_object()
        .into_iter()
        .flat_map(serde_json::Map::keys)
    {
        if let Ok(note) = note.parse() {
            project_listed(transaction, note)?;
        }
    }
    Ok(())
}

/// Writes the row of one note of the index.
pub(super) fn project_listed(transaction: &Transaction<'_>, note: DocumentId) -> Result<()> {
    transaction
        .prepare_cached("INSERT OR IGNORE INTO vault_index (note) VALUES (?1)")
        .and_then(|mut statement| statement.execute([note.as_bytes()]))
        .map(|_| ())
        .map_err(sql)
}

/// Keeps a sealed entry whose key is not here, or that builds upon a change that is not here.
pub(super) fn keep_unopened(
    transaction: &Transaction<'_>,
    entry: &Incoming,
    epoch: u32,
) -> Result<()> {
    transaction
        .prepare_cached(
            "INSERT OR REPLACE INTO unopened (seq, feed_seq, received_at, epoch, bytes) VALUES (?1, ?2, ?3, ?4, ?5)",
        )
        .and_then(|mut statement| {
            statement.execute((
                signed(entry.seq),
                signed(entry.feed_seq),
                signed(entry.received_at.unix_ms()),
                epoch,
                &entry.bytes,
            ))
        })
        .map(|_| ())
        .map_err(sql)
}

/// Forgets an unopened entry that was taken in.
pub(super) fn forget_unopened(transaction: &Transaction<'_>, seq: u64) -> Result<()> {
    transaction
        .prepare_cached("DELETE FROM unopened WHERE seq = ?1")
        .and_then(|mut statement| statement.execute([signed(seq)]))
        .map(|_| ())
        .map_err(sql)
}

/// A record of the chain is settled: what waited for it goes on.
pub(super) fn settled(transaction: &Transaction<'_>) -> Result<()> {
    put_state(transaction, "vault_again", &[1])
}

/// Opens an envelope of this store that must be sealed anew and puts its changes back before all that
/// waits, in the order in which they were written. Returns whether it could.
pub(super) fn put_back(transaction: &Transaction<'_>, envelope: &Envelope) -> Result<bool> {
    // A snapshot stands for what others hold; it is made anew when one is due.
    if envelope.header().kind == Kind::Snapshot {
        return Ok(true);
    }
    let Some(row) = waiting_row(transaction, envelope)? else {
        return Ok(false);
    };
    let (feed, document, kind, generation, payload, at) = row;
    let n = signed(envelope.header().device_seq) - BEFORE_ALL;
    transaction
        .prepare_cached(
            // One that is offered again may come back again before it was sealed anew.
            "INSERT OR REPLACE INTO pending (n, feed, document, kind, generation, payload, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )
        .and_then(|mut statement| {
            statement.execute((n, feed, document, kind, generation, payload, at))
        })
        .map_err(sql)?;
    put_state(transaction, "vault_again", &[1])?;
    Ok(true)
}

/// Opens an envelope of this store that must be sealed anew. Returns it as it waits, or `None` if its key
/// is not here.
pub(super) fn waiting_row(
    transaction: &Transaction<'_>,
    envelope: &Envelope,
) -> Result<Option<WaitingRow>> {
    let header = envelope.header();
    let Some(sealed) = &header.sealed else {
        return Ok(None);
    };
    let row: Option<(Vec<u8>, Vec<u8>)> = transaction
        .prepare_cached("SELECT vault, key FROM vault_key WHERE epoch = ?1")
        .and_then(|mut statement| {
            statement
                .query_row([sealed.epoch], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()
        })
        .map_err(sql)?;
    let Some((vault, key)) = row else {
        return Ok(None);
    };
    let key = column(&Zeroizing::new(key), EpochKey::from_slice)?;
    let vault: VaultId = cbor::decode(&vault, "vault")?;
    let place = Place::new(vault, sealed.epoch, header.document, header.kind);
    let payload = open(&key, &place, &sealed.nonce, envelope.payload())?;
    Ok(Some((
        header.feed.to_bytes(),
        header.document.as_bytes().to_vec(),
        header.kind.number(),
        header.generation,
        payload.to_vec(),
        signed(header.at.unix_ms()),
    )))
}

/// Opens a payload, and unpacks the changes of one that was packed.
fn open(
    key: &EpochKey,
    place: &Place,
    nonce: &[u8; 24],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>> {
    let payload = key.open(place, nonce, sealed)?;
    if place.kind == Kind::Changes {
        return packed::unpack(&payload, NOTE_UNPACKED_BYTES_MAX).map(Zeroizing::new);
    }
    Ok(payload)
}

/// Larger than every number of an envelope: what is put back stands before what was written later.
const BEFORE_ALL: i64 = 1 << 40;

fn put_record(transaction: &Transaction<'_>, bytes: &[u8]) -> Result<()> {
    match Record::decode(bytes) {
        Ok(Record::Step(step)) => transaction
            .prepare_cached(
                "INSERT OR IGNORE INTO vault_step (vault, number, hash, bytes) VALUES (?1, ?2, ?3, ?4)",
            )
            .and_then(|mut statement| {
                statement.execute((
                    step.step().vault.hash.as_bytes(),
                    signed(step.step().number),
                    Hash::of_content(bytes).as_bytes(),
                    bytes,
                ))
            })
            .map(|_| ())
            .map_err(sql),
        Ok(Record::Ask(ask)) => transaction
            .prepare_cached("INSERT OR REPLACE INTO vault_ask (device, bytes) VALUES (?1, ?2)")
            .and_then(|mut statement| {
                statement.execute((ask.key.device().as_bytes(), bytes))
            })
            .map(|_| ())
            .map_err(sql),
        // What the office made up stands in no chain.
        Err(_) => Ok(()),
    }
}

fn put_key(
    transaction: &Transaction<'_>,
    vault: &VaultId,
    epoch: u32,
    key: &EpochKey,
) -> Result<()> {
    transaction
        .prepare_cached("INSERT OR REPLACE INTO vault_key (epoch, vault, key) VALUES (?1, ?2, ?3)")
        .and_then(|mut statement| {
            statement.execute((epoch, cbor::encode(vault), key.as_bytes().as_slice()))
        })
        .map(|_| ())
        .map_err(sql)
}

fn forget(transaction: &Transaction<'_>, name: &str) -> Result<()> {
    transaction
        .execute("DELETE FROM state WHERE name = ?1", [name])
        .map(|_| ())
        .map_err(sql)
}
