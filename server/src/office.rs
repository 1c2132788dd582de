//! The office of one body: a folder with its log, its papers and its keys.
//!
//! ```text
//! office.db      the log, people, drafts (SQLite)
//! blobs/ab/cdef  papers, named by their SHA-256
//! keys/          online.key tls.key tls.crt, for the owner's eyes only
//! ```
//!
//! The root key is not in the folder; see [`root`].
//!
//! Nothing here is async and nothing is kept in memory that another process changes: the commands
//! beside `serve` work on the same folder. What is answered is on disk.

mod acts;
mod admit;
mod asking;
mod backup;
mod blobs;
mod body;
mod bundle;
mod calendar;
mod ceremony;
mod devices;
mod doctor;
mod export;
pub(crate) mod files;
mod healing;
mod incarnation;
pub(crate) mod keys;
mod late;
mod log;
mod minutes;
pub mod oparl;
pub(crate) mod orders;
mod owed;
mod page;
mod papers_back;
pub mod pem;
mod people;
pub mod pokes;
mod publish;
mod receipts;
mod recent;
mod records;
mod returned;
mod rights;
mod room;
pub mod root;
mod segments;
mod snapshots;
pub(crate) mod tls;
mod vault;

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use nghisu_core::{
    Code, Error, Result,
    ids::{Hash, LogId},
    limits::{NOTE_PAYLOAD_BYTES_MAX, PAGE_BYTES_MAX},
    time::Timestamp,
    trust::{
        enrol::Address,
        keys::{DeviceSigner, PublicKey},
    },
};

use crate::{
    clock,
    db::{Db, Tx, rows::OfficeRow},
};
use keys::Keys;
use root::RootKey;

pub use crate::db::{
    Worked,
    rows::{Named, Person},
};
pub use acts::ReceivedAct;
pub use asking::Asking;
pub(crate) use asking::allow;
pub use backup::{BackedUp, BackedUpFile, Manifest, Restored};
pub use blobs::Paper;
pub use bundle::Beside;
pub use calendar::OpenMeeting;
pub use ceremony::KeysStatus;
pub use devices::{Confirmation, DeviceInfo};
pub use doctor::{Check, Checked, examine};
pub use export::Status;
pub use healing::{Doubled, Healing, Holder};
pub use keys::Publications;
pub use orders::status_name;
pub use papers_back::MissingPaper;
pub use publish::{
    Difference, Draft, Drafted, ImportedDraft, MeetingStatus, Proposal, Published, Review,
};
pub use rights::{Asked, Member};

/// An office, open. Several may be open on one folder, also in several processes.
pub struct Office {
    folder: PathBuf,
    db: Db,
    keys: Arc<Keys>,
    log: LogId,
    secret: [u8; 32],
    segments: segments::SegmentCache,
    recent: recent::Recent,
    public: oparl::Public,
    page_bytes_max: usize,
    note_bytes_max: usize,
}

impl Office {
    /// Opens the office in `folder`, and makes it first under `root` if there is none. An office that
    /// is there keeps its own root.
    ///
    /// # Errors
    /// [`Code::FolderNotWritable`], [`Code::DatabaseNewer`], [`Code::DatabaseCorrupt`],
    /// [`Code::DiskFull`], [`Code::Storage`].
    pub fn open_or_create(folder: &Path, root: &RootKey) -> Result<Self> {
        let db = Self::prepare(folder)?;
        if db.read(|tx| tx.office())?.is_none() {
            let _one = files::lock_folder(&folder.join("keys"))?;
            // Another process may have been faster.
            if db.read(|tx| tx.office())?.is_none() {
                let now = clock::now();
                ceremony::create(&db, folder, root, "", Publications::Server, now)?;
            }
        }
        Self::open_with(db, folder)
    }

    fn prepare(folder: &Path) -> Result<Db> {
        files::make_folder(folder)?;
        files::make_folder(&folder.join("blobs"))?;
        Db::open(&folder.join("office.db"))
    }

    /// Opens the office in `folder`.
    ///
    /// # Errors
    /// [`Code::OfficeMissing`] if there is none; otherwise as [`Office::open_or_create`].
    pub fn open(folder: &Path) -> Result<Self> {
        let path = folder.join("office.db");
        let missing = || Error::new(Code::OfficeMissing, folder.display());
        if !path.is_file() {
            return Err(missing());
        }
        let db = Db::open(&path)?;
        if db.read(|tx| tx.office())?.is_none() {
            return Err(missing());
        }
        Self::open_with(db, folder)
    }

    fn open_with(db: Db, folder: &Path) -> Result<Self> {
        let row = db.read(office_row)?;
        let keys = Keys::load(&folder.join("keys"), &row)?;
        Ok(Self {
            folder: folder.to_owned(),
            db,
            keys: Arc::new(keys),
            log: row.log,
            secret: row.secret,
            segments: segments::SegmentCache::default(),
            recent: recent::Recent::default(),
            public: oparl::Public::default(),
            page_bytes_max: PAGE_BYTES_MAX,
            note_bytes_max: NOTE_PAYLOAD_BYTES_MAX,
        })
    }

    /// Serves pages of at most so many bytes of entries, or of one entry, in place of
    /// [`PAGE_BYTES_MAX`]: more requests, each answered sooner.
    #[must_use]
    pub const fn with_pages_of(mut self, bytes_max: usize) -> Self {
        self.page_bytes_max = bytes_max;
        self
    }

    /// Takes in payloads of notes of at most so many bytes, in place of [`NOTE_PAYLOAD_BYTES_MAX`]:
    /// larger ones are refused for good.
    #[must_use]
    pub const fn with_notes_of(mut self, bytes_max: usize) -> Self {
        self.note_bytes_max = bytes_max;
        self
    }

    /// Gives out over HTTP what is public, with ids below `base`.
    #[must_use]
    pub fn with_public_oparl(mut self, base: oparl::Base) -> Self {
        self.public = oparl::Public::at(base);
        self
    }

    /// Returns the log's id, which also names the office.
    pub const fn log(&self) -> LogId {
        self.log
    }

    /// Returns the folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the root's public key.
    pub fn root(&self) -> PublicKey {
        self.keys.online.root()
    }

    /// Returns the fingerprint of the root key, which invitations carry and devices pin.
    pub fn pin(&self) -> Hash {
        self.keys.online.pin()
    }

    /// Returns the number of the log's newest entry. Also shows that the database can be read.
    ///
    /// # Errors
    /// If it cannot.
    pub fn seq(&self) -> Result<u64> {
        self.db.read(|tx| Ok(tx.counter()?.seq))
    }

    /// Says what this office was asked for since it was opened: what a test compares, and a slow office
    /// is looked at by.
    pub fn worked(&self) -> Worked {
        let (packed, packed_entries) = self.segments.packed();
        Worked {
            packed,
            packed_entries,
            ..self.db.worked()
        }
    }

    /// Names the body, for people.
    ///
    /// # Errors
    /// If it cannot be stored.
    pub fn set_body_name(&self, name: &str) -> Result<()> {
        let name = name.to_owned();
        self.db.write(move |tx| tx.set_body_name(&name))
    }

    /// Returns the body's name.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn body_name(&self) -> Result<String> {
        self.db.read(|tx| Ok(office_row(tx)?.body_name))
    }

    /// Notes where the office is reached, for invitations that are made later.
    ///
    /// # Errors
    /// If it cannot be stored.
    pub fn set_address(&self, address: &Address) -> Result<()> {
        let address = address.clone();
        self.db.write(move |tx| tx.set_address(&address))
    }

    /// Returns where the office is reached, as the newest `serve` noted it.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn address(&self) -> Result<Option<Address>> {
        self.db.read(|tx| Ok(office_row(tx)?.address))
    }

    /// Returns the TLS settings for an office that listens on `listen`. The leaf is issued for the
    /// names of this machine, for a year, and anew when fewer than 30 days are left or the online key
    /// is another one.
    ///
    /// # Errors
    /// [`Code::OnlineKeyExpired`]; if the keys cannot be read or written.
    pub fn tls_config(&self, listen: IpAddr, now: Timestamp) -> Result<Arc<rustls::ServerConfig>> {
        let folder = self.folder.join("keys");
        let names = tls::leaf_names(listen);
        let (office, present) = self.db.read(|tx| Ok((office_row(tx)?, tx.leaf()?)))?;
        self.keys.follow(&office, now)?;
        let chain = format!("{}{}", office.online_certificate, office.root_certificates);
        let online = &self.keys.online;
        let issuer: (&dyn DeviceSigner, _) = (online, online.named().expires_at);
        if let Some(leaf) = tls::renew_leaf(&folder, &present, &names, issuer, &chain, now)? {
            self.db.write(move |tx| tx.set_leaf(&leaf))?;
        }
        tls::tls_config(&folder)
    }
}

impl std::fmt::Debug for Office {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Office({:?}, {})", self.log, self.folder.display())
    }
}

fn office_row(tx: &Tx<'_>) -> Result<OfficeRow> {
    tx.office()?
        .ok_or_else(|| Error::new(Code::DatabaseCorrupt, "no office"))
}
