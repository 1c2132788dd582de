//! What happens with the root key at hand: an office is made, its online key is renewed, another
//! root follows, a secretary gets a key for publications.
//!
//! All of it works on the folder of an office, also while `serve` runs on it: that takes up the new
//! key with its next transaction and shows the new certificates within seconds.

use std::path::Path;

use nghisu_core::{
    Code, Error, Result, cbor,
    ids::{DeviceId, DocumentId, Feed, Hash, Kind, LogId, domain},
    limits::WITHDRAWN_KEYS_MAX,
    time::Timestamp,
    trust::{
        enrol::{Signed, fingerprint},
        keys::DeviceSigner,
        office::{OfficeShown, OnlineKey, PublicationKey, SignedSuccession, Succession},
        office_keys::{OfficeKeyEntry, OfficeKeys},
    },
};

use super::{
    Office, files,
    keys::{Keys, NextKey, ONLINE_KEY_MS, Publications, RENEWAL_MS},
    log::{Appending, sign_head},
    office_row,
    pem::PublicationSigner,
    root::RootKey,
    tls::{cross_certificate, online_certificate, root_certificate},
};
use crate::{
    clock,
    db::{Db, Tx, rows::OfficeRow},
};

/// The name of a body that nobody has named.
const BODY_NAME: &str = "Hội đồng nhân dân";

/// How the keys of an office stand.
#[derive(Debug, Clone)]
pub struct KeysStatus {
    /// The fingerprint of the root, which invitations carry and devices pin.
    pub pin: Hash,
    /// Where the root's file was put when it was made.
    pub root_file: String,
    /// The fingerprints of earlier roots, the oldest first. Devices that pinned one follow.
    pub former_pins: Vec<Hash>,
    /// The online key, as the root has signed it.
    pub online: OnlineKey,
    /// The online keys of the log, each with the number of the entry from which on it is the office's.
    pub named: Vec<(u64, OnlineKey)>,
    /// The keys that secretaries were given, in the order of their names. `online.withdrawn` says which
    /// were taken back.
    pub publication_keys: Vec<PublicationKey>,
    /// Milliseconds until the online key's end; 0 after it.
    pub left_ms: u64,
}

impl KeysStatus {
    /// Says whether the online key should be renewed by now.
    pub const fn is_renewal_due(&self) -> bool {
        self.left_ms < RENEWAL_MS
    }
}

impl Office {
    /// Makes an office in `folder` under `root`: keys, log, everything. `root_file` says, for people,
    /// where the root's file lies. A start that was interrupted anywhere may be repeated, also with
    /// another root.
    ///
    /// # Errors
    /// [`Code::OfficeExists`] if there is one already; otherwise as [`Office::open_or_create`].
    pub fn create(
        folder: &Path,
        root: &RootKey,
        root_file: &str,
        publications: Publications,
        now: Timestamp,
    ) -> Result<Self> {
        let db = Self::prepare(folder)?;
        let _one = files::lock_folder(&folder.join("keys"))?;
        if db.read(|tx| tx.office())?.is_some() {
            return Err(Error::new(Code::OfficeExists, folder.display()));
        }
        create(&db, folder, root, root_file, publications, now)?;
        Self::open_with(db, folder)
    }

    /// Says whether there is an office in `folder`.
    ///
    /// # Errors
    /// As [`Office::open`], but for [`Code::OfficeMissing`].
    pub fn exists(folder: &Path) -> Result<bool> {
        let path = folder.join("office.db");
        Ok(path.is_file() && Db::open(&path)?.read(|tx| tx.office())?.is_some())
    }

    /// Returns where the root's file was put, without opening the office: also where its own keys are
    /// lost.
    ///
    /// # Errors
    /// [`Code::OfficeMissing`]; if it cannot be read.
    pub fn root_file(folder: &Path) -> Result<String> {
        if !Self::exists(folder)? {
            return Err(Error::new(Code::OfficeMissing, folder.display()));
        }
        let db = Db::open(&folder.join("office.db"))?;
        db.read(|tx| Ok(office_row(tx)?.root_file))
    }

    /// Makes a new online key for a year from `now`. Without `publications` it stays as it was who
    /// signs them. Needs no other key: also an office whose `keys` were lost comes back by this.
    ///
    /// # Errors
    /// [`Code::KeyFile`] if `root` is not this office's; [`Code::OfficeMissing`].
    pub fn renew_online_key(
        folder: &Path,
        root: &RootKey,
        publications: Option<Publications>,
        now: Timestamp,
    ) -> Result<OnlineKey> {
        renew(folder, root, Change::Publications(publications), now)
    }

    /// Puts `new` in the place of the root `old`, and makes a new online key under it. Devices that
    /// pinned the old root follow; new invitations pin the new one. `root_file` says, for people,
    /// where the new root's file lies.
    ///
    /// # Errors
    /// [`Code::KeyFile`] if `old` is not this office's root, or `new` is or was; [`Code::OfficeMissing`].
    pub fn succeed_root(
        folder: &Path,
        old: &RootKey,
        new: &RootKey,
        root_file: &str,
        now: Timestamp,
    ) -> Result<OnlineKey> {
        renew(folder, old, Change::Successor(new, root_file), now)
    }

    /// Makes a key with which a secretary signs publications, for a year from `now`.
    ///
    /// # Errors
    /// [`Code::KeyFile`] if `root` is not this office's.
    pub fn issue_publication_key(
        &self,
        root: &RootKey,
        name: &str,
        now: Timestamp,
    ) -> Result<PublicationSigner> {
        let office = self.db.read(office_row)?;
        is_root(&office, root)?;
        let until = now.plus_ms(ONLINE_KEY_MS);
        let signer = PublicationSigner::issue(root, office.log, name, now, until)?;
        let statement = signer.statement().clone();
        self.db
            .write(move |tx| tx.add_publication_key(&statement))?;
        Ok(signer)
    }

    /// Takes back a secretary's key before its date, and makes a new online key that says so: what the
    /// key signs from then on is no publication, here and on every device that has read that.
    ///
    /// # Errors
    /// [`Code::PublicationKeyUnknown`] if this office has issued no such key; otherwise as
    /// [`Office::renew_online_key`], and [`Code::TooLarge`] after
    /// [`WITHDRAWN_KEYS_MAX`] keys.
    pub fn withdraw_publication_key(
        folder: &Path,
        root: &RootKey,
        key: DeviceId,
        now: Timestamp,
    ) -> Result<OnlineKey> {
        renew(folder, root, Change::Withdraw(key), now)
    }

    /// Returns how the keys stand.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn keys_status(&self, now: Timestamp) -> Result<KeysStatus> {
        let office = self.db.read(office_row)?;
        let online: OnlineKey = office.online.unverified()?;
        let mut former_pins = pins(&office);
        former_pins.pop();
        Ok(KeysStatus {
            pin: fingerprint(&office.root),
            former_pins,
            root_file: office.root_file,
            left_ms: online.expires_at.ms_since(now),
            named: self.named_keys()?,
            publication_keys: self.db.read(|tx| tx.publication_keys())?,
            online,
        })
    }

    /// Shows to somebody who has drawn `nonce` that this office is the one that its root names.
    ///
    /// # Errors
    /// If the keys cannot be read.
    pub fn show(&self, nonce: &[u8; 32]) -> Result<OfficeShown> {
        let office = self.db.read(office_row)?;
        self.take_up_renewal(&office)?;
        let (root, signed, successions) = (office.root, office.online, office.successions);
        OfficeShown::sign(root, signed, successions, nonce, &self.keys.online)
    }

    /// Makes sure that what is signed next beside the log is signed with the online key that `office`
    /// names, and not with one that another process has renewed.
    pub(crate) fn take_up_renewal(&self, office: &OfficeRow) -> Result<()> {
        let online: OnlineKey = office.online.unverified()?;
        if online.key == self.keys.online.public_key() {
            return Ok(());
        }
        let keys = self.keys.clone();
        self.db
            .write(move |tx| keys.follow(&office_row(tx)?, online.issued_at))
    }

    /// Returns which online key the office has at `now`, and whether it should be renewed.
    pub(crate) fn online_key(&self, now: Timestamp) -> Result<(DeviceId, bool)> {
        let office = self.db.read(office_row)?;
        let online: OnlineKey = office.online.unverified()?;
        let due = online.expires_at.ms_since(now) < RENEWAL_MS;
        Ok((online.key.device(), due))
    }

    fn named_keys(&self) -> Result<Vec<(u64, OnlineKey)>> {
        self.db.read(|tx| {
            let feed = Feed::Body(self.log);
            let mut named = Vec::new();
            for entry in tx.entries_of_feed(feed, 0, u64::MAX, usize::MAX)? {
                let bytes = tx.envelope(entry.envelope)?.unwrap_or_default();
                let envelope = nghisu_core::sync::envelope::Envelope::decode(&bytes)?;
                if envelope.header().kind == Kind::OfficeKey {
                    let key: OfficeKeyEntry = cbor::decode(envelope.payload(), "office key")?;
                    named.push((entry.seq, key.online.unverified()?));
                }
            }
            Ok(named)
        })
    }
}

/// Returns the fingerprints that lead to this office, the oldest root's first and today's last.
pub(crate) fn pins(office: &OfficeRow) -> Vec<Hash> {
    let former = office.successions.iter().filter_map(|signed| {
        let succession: Succession = signed.by_old.unverified().ok()?;
        Some(fingerprint(&succession.old))
    });
    former.chain([fingerprint(&office.root)]).collect()
}

/// Begins to follow the office's keys from the log's first entry, under the root of today.
pub(crate) fn office_keys(office: &OfficeRow) -> Result<OfficeKeys> {
    OfficeKeys::begin(
        &fingerprint(&office.root),
        &office.root,
        &office.online,
        &office.successions,
    )
}

fn is_root(office: &OfficeRow, root: &RootKey) -> Result<()> {
    if office.root == root.public_key() {
        return Ok(());
    }
    Err(Error::new(
        Code::KeyFile,
        format_args!("{} != {}", root.pin(), fingerprint(&office.root)),
    ))
}

/// Makes an office. The keys come first: a log is bound to them, and keys without a log are replaced
/// next time.
pub(super) fn create(
    db: &Db,
    folder: &Path,
    root: &RootKey,
    root_file: &str,
    publications: Publications,
    now: Timestamp,
) -> Result<()> {
    let next = NextKey::write(&folder.join("keys"))?;
    let log = LogId::from_bytes(clock::random()?);
    let (online, signed) = next.sign(root, log, publications, Vec::new(), None, now)?;
    let office = OfficeRow {
        log,
        epoch: 1,
        secret: clock::random()?,
        online: signed,
        body_name: BODY_NAME.into(),
        address: None,
        root: root.public_key(),
        successions: Vec::new(),
        root_file: root_file.to_owned(),
        online_certificate: online_certificate(root, &online.key, online.expires_at)?,
        root_certificates: root_certificate(root)?,
    };
    commit(db, next, office, now, true)
}

/// What a renewal changes beside the online key.
#[derive(Clone, Copy)]
enum Change<'a> {
    /// Who signs publications, if that is said.
    Publications(Option<Publications>),
    /// Another root follows, whose file lies there.
    Successor(&'a RootKey, &'a str),
    /// A secretary's key is taken back.
    Withdraw(DeviceId),
}

fn renew(folder: &Path, root: &RootKey, change: Change<'_>, now: Timestamp) -> Result<OnlineKey> {
    if !Office::exists(folder)? {
        return Err(Error::new(Code::OfficeMissing, folder.display()));
    }
    let keys_folder = folder.join("keys");
    files::make_folder(&keys_folder)?;
    let _one = files::lock_folder(&keys_folder)?;
    let db = Db::open(&folder.join("office.db"))?;
    let mut office = db.read(office_row)?;
    is_root(&office, root)?;
    // A renewal that was interrupted after its commit is completed before its key is written over.
    let _ = Keys::load(&keys_folder, &office);
    let before: OnlineKey = office.online.unverified()?;
    if let Change::Successor(new, root_file) = change {
        if pins(&office).contains(&new.pin()) {
            return Err(Error::new(Code::KeyFile, new.pin()));
        }
        office.successions.push(succession(root, new, now)?);
        let cross = cross_certificate(root, &new.public_key())?;
        let own = root_certificate(new)?;
        office.root_certificates = format!("{cross}{own}{}", office.root_certificates);
        office.root = new.public_key();
        root_file.clone_into(&mut office.root_file);
    }
    let mut withdrawn = before.withdrawn;
    let as_before = if before.publishes {
        Publications::Server
    } else {
        Publications::Secretary
    };
    let (root, publications) = match change {
        Change::Publications(publications) => (root, publications.unwrap_or(as_before)),
        Change::Successor(new, _) => (new, as_before),
        Change::Withdraw(key) => {
            withdraw(&db, &mut withdrawn, key)?;
            (root, as_before)
        }
    };
    let next = NextKey::write(&keys_folder)?;
    let since = Some(before.issued_at);
    let (online, signed) = next.sign(root, office.log, publications, withdrawn, since, now)?;
    office.online = signed;
    office.online_certificate = online_certificate(root, &online.key, online.expires_at)?;
    commit(&db, next, office, now, false)?;
    Ok(online)
}

fn withdraw(db: &Db, withdrawn: &mut Vec<DeviceId>, key: DeviceId) -> Result<()> {
    let issued = db.read(|tx| tx.publication_keys())?;
    if !issued.iter().any(|issued| issued.key.device() == key) {
        return Err(Error::new(Code::PublicationKeyUnknown, key));
    }
    if !withdrawn.contains(&key) {
        withdrawn.push(key);
    }
    if withdrawn.len() > WITHDRAWN_KEYS_MAX {
        return Err(Error::new(Code::TooLarge, "keys that were taken back"));
    }
    Ok(())
}

fn succession(old: &RootKey, new: &RootKey, now: Timestamp) -> Result<SignedSuccession> {
    let statement = Succession {
        old: old.public_key(),
        new: new.public_key(),
        at: now,
    };
    Ok(SignedSuccession {
        by_old: Signed::sign(domain::SUCCESSION, &statement, old)?,
        by_new: Signed::sign(domain::SUCCESSION, &statement, new)?,
    })
}

/// Stores what the root has signed and has the new online key name itself in the log, in one
/// transaction; then the key takes its place.
fn commit(db: &Db, next: NextKey, office: OfficeRow, now: Timestamp, is_new: bool) -> Result<()> {
    let next = std::sync::Arc::new(next);
    let signing = std::sync::Arc::clone(&next);
    db.write(move |tx| {
        let key = signing.key();
        if is_new {
            tx.add_office(&office, &sign_head(&office, 0, Hash::ZERO, key)?)?;
        } else {
            tx.set_office_keys(&office)?;
        }
        name_key(tx, office, key, now)
    })?;
    next.take_place()
}

fn name_key(tx: &Tx<'_>, office: OfficeRow, key: &dyn DeviceSigner, now: Timestamp) -> Result<()> {
    let entry = OfficeKeyEntry {
        online: office.online.clone(),
        successions: office.successions.clone(),
    };
    let feed = Feed::Body(office.log);
    let document = DocumentId::from_bytes(*key.public_key().device().as_bytes());
    let mut log = Appending::begin_anew(tx, office, key, now)?;
    log.write(feed, document, Kind::OfficeKey, cbor::encode(&entry))?;
    log.finish()
}
