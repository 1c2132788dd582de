//! What a device keeps: one SQLite file, and the files of papers beside it.
//!
//! There is no unsaved state. A call that changes something returns after its transaction is on
//! disk (WAL, `synchronous=FULL`), and everything that belongs together is in that one transaction:
//! a change, its row in the outbox and the rows that the app reads.
//!
//! A file that SQLite cannot read any more is moved aside and never deleted, since it may hold the
//! only copy of a note; what can still be read of it is carried over. A file of a newer version is
//! refused untouched. One process opens a store at a time.

mod alerts;
mod body;
mod cipher;
mod course;
mod devices;
mod documents;
mod drafts;
mod durability;
mod editing;
mod healing;
mod inbox;
mod incarnation;
mod listing;
mod membership;
mod minutes;
mod notes;
mod orders;
mod outbox;
mod own_data;
mod own_devices;
mod publications;
mod rebuild;
mod room;
mod salvage;
mod schema;
mod snapshots;
mod vault;
mod wipe;

use std::{
    cell::RefCell,
    collections::VecDeque,
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use rusqlite::{Connection, ErrorCode, OptionalExtension, TransactionBehavior};
use zeroize::Zeroizing;

use crate::{
    document::Document,
    error::{Code, Error, Result},
    ids::{DocumentId, LogId, PersonId},
    limits::SNAPSHOT_ENTRIES,
    sync::wire::Cursor,
    time::Timestamp,
    trust::{
        enrol::{Address, Certificate, Enrolled, Signed, signed_bytes},
        keys::{DeviceSigner, PublicKey, SoftwareKey},
        office::OnlineKey,
        office_keys::OfficeKeys,
    },
};

pub use crate::document::Splice;
pub use alerts::{Alert, AlertKind};
pub use cipher::DatabaseKey;
pub use devices::{Asking, FormerKey, PendingEnrolment};
pub use drafts::Draft;
pub use durability::Durability;
pub use editing::Shown;
pub use listing::{ActState, Acted, MeetingRow, NotSent, Note, Programmed, Receipted};
pub use notes::NoteTarget;
pub use orders::Standing;
pub use own_data::StorageUse;
pub use own_devices::OwnDevice;
pub use salvage::Salvage;
pub use vault::{SealingCost, VaultState, VaultStatus, WaitingDevice};

/// Something that rows changed in; what an app shows of it has to be read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Changed {
    /// A meeting's programme, its papers, or the list of meetings.
    Meeting(crate::ids::MeetingId),
    /// A note.
    Note(DocumentId),
    /// Acts or receipts of a meeting, how it stands, its minutes, or its draft.
    Acts(crate::ids::MeetingId),
    /// Files of papers arrived.
    Papers,
    /// There is something new to hear about the office's log or publications.
    Alerts,
    /// Any of these: the listener was too slow to be told one by one.
    Everything,
}

/// Whose device this is, and of which office.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The office's address.
    pub address: Address,
    /// The office's root key.
    pub root: PublicKey,
    /// The office's online key.
    pub online: OnlineKey,
    /// The device's certificate.
    pub certificate: Certificate,
    /// The name of the body.
    pub body_name: String,
    /// The name of the person.
    pub person_name: String,
}

/// What a store is opened with: fresh dice for the keys that it does not have yet, and the key store
/// of the phone if that holds the device's key.
#[derive(Debug)]
pub struct Opening {
    /// Random. Becomes the device's key if it has none and there is no `signer`.
    pub seed: Zeroizing<[u8; 32]>,
    /// Random. Becomes the secret to which others seal, if the device has none.
    pub sealing: Zeroizing<[u8; 32]>,
    /// Signs with a key that never leaves its key store.
    pub signer: Option<Arc<dyn DeviceSigner>>,
    /// The key of the database, if that is sealed.
    pub database_key: Option<DatabaseKey>,
}

/// The store of one device. All calls block.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    directory: PathBuf,
    signer: Arc<dyn DeviceSigner>,
    key_store: Option<Arc<dyn DeviceSigner>>,
    custody: orders::Custody,
    open: VecDeque<(DocumentId, Document)>,
    salvage: Option<Salvage>,
    former: Option<Arc<dyn DeviceSigner>>,
    snapshot_entries: u64,
    /// Whether documents were made anew since the listeners heard of changes.
    rebuilt: bool,
    followed: RefCell<Option<vault::Followed>>,
    minutes: Option<minutes::Known>,
    giving_way: Option<Arc<OnceLock<Code>>>,
    _lock: File,
}

const FILE_NAME: &str = "nghisu.db";

impl Store {
    /// Opens the store in `directory` and creates what is not there yet. `now` names a damaged file
    /// that is moved aside.
    ///
    /// # Errors
    /// [`Code::AlreadyOpen`], [`Code::DatabaseNewer`], [`Code::FolderNotWritable`], [`Code::DiskFull`],
    /// [`Code::Storage`], [`Code::KeyMissing`]. None of them changes anything on disk.
    pub fn open(directory: &Path, opening: &Opening, now: Timestamp) -> Result<Self> {
        fs::create_dir_all(directory.join("papers")).map_err(|error| folder(directory, &error))?;
        let lock = lock(directory)?;
        let wiped = wipe::begun(directory)?;
        if wiped.is_some() {
            wipe::destroy(directory)?;
            fs::create_dir_all(directory.join("papers"))
                .map_err(|error| folder(directory, &error))?;
        }
        let key = opening.database_key.as_ref();
        let path = cipher::place(directory, key)?;
        salvage::resume(&path, key)?;
        let connection = match schema::open(&path, key) {
            Err(error) if error.code() == Code::DatabaseCorrupt => {
                salvage::move_aside(&path, key, now)?
            }
            opened => opened?,
        };
        let salvage = salvage::carry_over(&connection, &path, key)?;
        let mut store = Self {
            connection,
            directory: directory.to_owned(),
            signer: match &opening.signer {
                Some(signer) => Arc::clone(signer),
                None => Arc::new(SoftwareKey::from_seed(&opening.seed)),
            },
            key_store: None,
            custody: orders::Custody::default(),
            open: VecDeque::new(),
            salvage,
            former: None,
            snapshot_entries: SNAPSHOT_ENTRIES,
            rebuilt: false,
            followed: RefCell::new(None),
            minutes: None,
            giving_way: None,
            _lock: lock,
        };
        match wiped {
            Some(wipe::By::Office) => {
                store.set_state(&[("wiped", &[1])])?;
                wipe::end(directory)?;
            }
            Some(wipe::By::Owner) => wipe::end(directory)?,
            None => {}
        }
        store.find_custody()?;
        store.find_keys(opening)?;
        store.rejoin_as_former()?;
        if store.salvage.is_some() {
            store.read_again()?;
            salvage::end(&store.connection)?;
        } else {
            store.sweep_papers()?;
        }
        store.scrub()?;
        Ok(store)
    }

    /// Returns what was carried over from a damaged file, if this opening found one.
    pub const fn salvage(&self) -> Option<&Salvage> {
        self.salvage.as_ref()
    }

    /// Returns the key of this device.
    pub fn signer(&self) -> Arc<dyn DeviceSigner> {
        Arc::clone(&self.signer)
    }

    /// Returns the folder of the store.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Returns whose device this is; `None` before the enrolment.
    ///
    /// # Errors
    /// [`Code::DatabaseCorrupt`] if what is kept cannot be read.
    pub fn identity(&self) -> Result<Option<Identity>> {
        let Some(certificate) = self.state("certificate")? else {
            return Ok(None);
        };
        let required = |name: &str| {
            self.state(name)?
                .ok_or_else(|| Error::new(Code::DatabaseCorrupt, name))
        };
        let text = |name: &str| {
            String::from_utf8(required(name)?).map_err(|_| Error::new(Code::DatabaseCorrupt, name))
        };
        let office = self
            .office_keys()?
            .ok_or_else(|| Error::new(Code::DatabaseCorrupt, "office"))?;
        let certificate: Signed = crate::cbor::decode(&certificate, "certificate")?;
        Ok(Some(Identity {
            address: Address {
                authority: text("address")?,
                tls: required("tls")? == [1],
            },
            root: office.root().clone(),
            online: office.newest().clone(),
            certificate: certificate.unverified()?,
            body_name: text("body_name")?,
            person_name: text("person_name")?,
        }))
    }

    /// Keeps what the enrolment brought. A store whose device was locked or refused goes on as another
    /// device of the same person, and keeps everything.
    ///
    /// # Errors
    /// [`Code::AlreadyEnrolled`] if the store belongs to somebody else, or to a device in good standing;
    /// [`Code::KeyMissing`]; [`Code::DiskFull`], [`Code::Storage`].
    pub fn enrol(
        &mut self,
        address: &Address,
        enrolled: &Enrolled,
        epoch: u32,
        body_name: &str,
        person_name: &str,
    ) -> Result<()> {
        let mut office = enrolled.office.clone();
        let mut epoch = epoch;
        if let Some(mut known) = self.office_keys()?
            && known.log() == office.log()
        {
            // An office that was restored meanwhile has to hear that this device knows the log that was:
            // it is brought back what it had accepted.
            let read_in = self
                .number("epoch")?
                .and_then(|read_in| u32::try_from(read_in).ok());
            epoch = epoch.min(read_in.unwrap_or(epoch));
            // A device that enrols anew does not go back to a key that it knows to be replaced.
            known.meet(office.newest_signed(), office.successions())?;
            known.read_again();
            office = known;
        }
        let values: &[(&str, &[u8])] = &[
            ("address", address.authority.as_bytes()),
            ("tls", &[u8::from(address.tls)]),
            ("office", &crate::cbor::encode(&office)),
            ("certificate", &signed_bytes(&enrolled.certificate_signed)),
            (
                "incarnation",
                &enrolled.certificate.incarnation.to_be_bytes(),
            ),
            ("epoch", &epoch.to_be_bytes()),
            ("body_name", body_name.as_bytes()),
            ("person_name", person_name.as_bytes()),
        ];
        self.become_device(enrolled, person_name, values)
    }

    /// Returns the office's keys as far as this device has followed them; `None` before the enrolment.
    ///
    /// # Errors
    /// [`Code::DatabaseCorrupt`] if what is kept cannot be read.
    pub fn office_keys(&self) -> Result<Option<OfficeKeys>> {
        let Some(bytes) = self.state("office")? else {
            return Ok(None);
        };
        crate::cbor::decode(&bytes, "office")
            .map(Some)
            .map_err(|error| Error::new(Code::DatabaseCorrupt, error.detail()))
    }

    /// Keeps another address of the same office.
    ///
    /// # Errors
    /// [`Code::DiskFull`], [`Code::Storage`].
    pub fn move_office(&mut self, address: &Address) -> Result<()> {
        self.set_state(&[
            ("address", address.authority.as_bytes()),
            ("tls", &[u8::from(address.tls)]),
        ])
    }

    /// Returns when the log was last read to its end, by the office's clock.
    ///
    /// # Errors
    /// [`Code::Storage`].
    pub fn synced_at(&self) -> Result<Option<Timestamp>> {
        Ok(self.number("synced_at")?.map(Timestamp::from_unix_ms))
    }

    /// Returns up to which number the log was read; 0 before the first sync.
    ///
    /// # Errors
    /// [`Code::Storage`].
    pub fn read_to(&self) -> Result<u64> {
        Ok(self.cursor()?.map_or(0, |cursor| cursor.seq))
    }

    /// Returns the token that opens papers and lets the device listen, from the newest sync.
    ///
    /// # Errors
    /// [`Code::Storage`].
    pub fn read_token(&self) -> Result<Option<Vec<u8>>> {
        self.state("read_token")
    }

    fn person(&self) -> Result<(LogId, PersonId)> {
        let identity = self.identity()?.ok_or(Code::NotEnrolled)?;
        Ok((identity.certificate.log, identity.certificate.person))
    }

    fn cursor(&self) -> Result<Option<Cursor>> {
        self.state("cursor")?
            .map(|bytes| crate::cbor::decode(&bytes, "cursor"))
            .transpose()
    }

    fn state(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT value FROM state WHERE name = ?1")
            .map_err(sql)?;
        statement
            .query_row([name], |row| row.get(0))
            .optional()
            .map_err(sql)
    }

    fn number(&self, name: &str) -> Result<Option<u64>> {
        let Some(bytes) = self.state(name)? else {
            return Ok(None);
        };
        let mut number = [0; 8];
        let at = 8usize
            .checked_sub(bytes.len())
            .ok_or_else(|| Error::new(Code::DatabaseCorrupt, name))?;
        number[at..].copy_from_slice(&bytes);
        Ok(Some(u64::from_be_bytes(number)))
    }

    fn set_state(&mut self, values: &[(&str, &[u8])]) -> Result<()> {
        self.write(|transaction| {
            for (name, value) in values {
                put_state(transaction, name, value)?;
            }
            Ok(())
        })
    }

    /// Begins no further transaction once `closing` is set, and fails with it.
    pub(crate) fn give_way(&mut self, closing: Option<Arc<OnceLock<Code>>>) {
        self.giving_way = closing;
    }

    /// Runs `work` in one transaction that is on disk when this returns.
    fn write<T>(
        &mut self,
        work: impl FnOnce(&rusqlite::Transaction<'_>) -> Result<T>,
    ) -> Result<T> {
        let closing = self.giving_way.as_ref();
        if let Some(code) = closing.and_then(|closing| closing.get()) {
            return Err((*code).into());
        }
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(sql)?;
        let value = work(&transaction)?;
        transaction.commit().map_err(sql)?;
        Ok(value)
    }
}

fn put_state(transaction: &rusqlite::Transaction<'_>, name: &str, value: &[u8]) -> Result<()> {
    transaction
        .prepare_cached("INSERT INTO state (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?2")
        .and_then(|mut statement| statement.execute((name, value)))
        .map(|_| ())
        .map_err(sql)
}

fn lock(directory: &Path) -> Result<File> {
    let path = directory.join(format!("{FILE_NAME}.lock"));
    let file = File::options()
        .create(true)
        .append(true)
        .open(&path)
        .map_err(|error| folder(directory, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::new(Code::AlreadyOpen, directory.display())),
        Err(TryLockError::Error(error)) => Err(file_error(&path, &error)),
    }
}

fn folder(directory: &Path, error: &std::io::Error) -> Error {
    if is_full(error) {
        return Error::new(Code::DiskFull, directory.display());
    }
    Error::new(
        Code::FolderNotWritable,
        format_args!("{}: {error}", directory.display()),
    )
}

/// Turns an error about a file into what people can do about it.
pub(crate) fn file_error(path: &Path, error: &std::io::Error) -> Error {
    if is_full(error) {
        return Error::new(Code::DiskFull, path.display());
    }
    Error::new(Code::Storage, format_args!("{}: {error}", path.display()))
}

fn is_full(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded
    )
}

/// Turns an error of SQLite into what people can do about it.
fn sql(error: rusqlite::Error) -> Error {
    let extended = error.sqlite_error().map(|error| error.extended_code);
    let code = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => Code::DiskFull,
        // What a start on a full disk meets first: no room for the index of the WAL.
        _ if extended == Some(rusqlite::ffi::SQLITE_IOERR_SHMSIZE) => Code::DiskFull,
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Code::DatabaseCorrupt,
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            Code::FolderNotWritable
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Code::AlreadyOpen,
        _ => Code::Storage,
    };
    Error::new(code, error)
}

/// Reads an id or a hash from a column.
fn column<T>(bytes: &[u8], read: impl FnOnce(&[u8]) -> Option<T>) -> Result<T> {
    read(bytes).ok_or_else(|| Error::new(Code::DatabaseCorrupt, "an id"))
}

/// Reads a number that SQLite keeps signed.
fn unsigned(number: i64) -> u64 {
    number.max(0).unsigned_abs()
}

/// Writes a number that SQLite keeps signed. All of ours are far below its limit.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
