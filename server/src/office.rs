//! The office of one body: a folder with its log, its papers and its keys.
//!
//! ```text
//! office.db      the log, people, drafts (SQLite)
//! blobs/ab/cdef  papers, named by their SHA-256
//! keys/          root.key root.crt online.key tls.key tls.crt, for the owner's eyes only
//! ```
//!
//! Nothing here is async and nothing is kept in memory that another process changes: the commands
//! beside `serve` work on the same folder. What is answered is on disk.

mod admit;
mod blobs;
mod devices;
mod export;
pub(crate) mod files;
pub(crate) mod keys;
mod late;
mod log;
pub(crate) mod orders;
mod page;
pub mod pem;
mod people;
mod publish;
mod rights;
mod vault;

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use nghisu_core::{
    Code, Error, Result,
    ids::{Hash, LogId, domain},
    limits::PAGE_BYTES_MAX,
    time::Timestamp,
    trust::{
        enrol::{Address, Signed},
        keys::{DeviceSigner, PublicKey},
        office::OnlineKey,
    },
};

use crate::{
    clock,
    db::{Db, Tx, rows::OfficeRow},
};
use keys::Keys;

pub use crate::db::rows::{Named, Person};
pub use blobs::Paper;
pub use devices::{Confirmation, DeviceInfo};
pub use export::Status;
pub use orders::status_name;
pub use publish::{ImportedDraft, MeetingStatus, Published};
pub use rights::{Asked, Member};

/// The name of a body that nobody has named.
const BODY_NAME: &str = "Hội đồng nhân dân";

/// An office, open. Several may be open on one folder, also in several processes.
pub struct Office {
    folder: PathBuf,
    db: Db,
    keys: Arc<Keys>,
    log: LogId,
    secret: [u8; 32],
    segments: page::SegmentCache,
    page_bytes_max: usize,
}

impl Office {
    /// Opens the office in `folder`, and makes it first if there is none: keys, log, everything.
    /// A start that was interrupted anywhere is completed by the next.
    ///
    /// # Errors
    /// [`Code::FolderNotWritable`], [`Code::DatabaseNewer`], [`Code::DatabaseCorrupt`],
    /// [`Code::DiskFull`], [`Code::Storage`].
    pub fn open_or_create(folder: &Path) -> Result<Self> {
        files::make_folder(folder)?;
        files::make_folder(&folder.join("blobs"))?;
        let db = Db::open(&folder.join("office.db"))?;
        if db.read(|tx| tx.office())?.is_none() {
            create(&db, folder)?;
        }
        Self::open_with(db, folder)
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
        let keys = Keys::load(&folder.join("keys"))?;
        let online: OnlineKey = row.online.verify(domain::ONLINE_KEY, &keys.root)?;
        if online.key != keys.online.public_key() || online.log != row.log {
            return Err(Error::new(
                Code::Storage,
                "keys: the online key is not this office's",
            ));
        }
        Ok(Self {
            folder: folder.to_owned(),
            db,
            keys: Arc::new(keys),
            log: row.log,
            secret: row.secret,
            segments: page::SegmentCache::default(),
            page_bytes_max: PAGE_BYTES_MAX,
        })
    }

    /// Serves pages of at most so many bytes of entries, or of one entry, in place of
    /// [`PAGE_BYTES_MAX`]: more requests, each answered sooner.
    #[must_use]
    pub const fn with_pages_of(mut self, bytes_max: usize) -> Self {
        self.page_bytes_max = bytes_max;
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

    /// Returns the root key.
    pub fn root(&self) -> &PublicKey {
        &self.keys.root
    }

    /// Returns the fingerprint of the root key, which invitations carry and devices pin.
    pub fn pin(&self) -> Hash {
        self.keys.pin()
    }

    /// Returns the number of the log's newest entry. Also shows that the database can be read.
    ///
    /// # Errors
    /// If it cannot.
    pub fn seq(&self) -> Result<u64> {
        self.db.read(|tx| Ok(tx.counter()?.seq))
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
    /// names of this machine, for a year, and anew when fewer than 30 days are left.
    ///
    /// # Errors
    /// If the keys cannot be read or written.
    pub fn tls_config(&self, listen: IpAddr, now: Timestamp) -> Result<Arc<rustls::ServerConfig>> {
        let folder = self.folder.join("keys");
        let names = keys::leaf_names(listen);
        let (present, until) = self.db.read(|tx| tx.leaf())?;
        let present = keys::Leaf {
            names: present,
            until,
        };
        if let Some(leaf) = keys::renew_leaf(&folder, &present, &names, now)? {
            self.db
                .write(move |tx| tx.set_leaf(&leaf.names, leaf.until))?;
        }
        keys::tls_config(&folder)
    }
}

impl std::fmt::Debug for Office {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Office({:?}, {})", self.log, self.folder.display())
    }
}

/// The keys come first: a log is bound to them, and keys without a log are simply used next time.
fn create(db: &Db, folder: &Path) -> Result<()> {
    let keys_folder = folder.join("keys");
    let keys = Keys::create(&keys_folder)?;
    let log = LogId::from_bytes(clock::random()?);
    let office = OfficeRow {
        log,
        epoch: 1,
        secret: clock::random()?,
        online: keys.sign_online(&keys_folder, log, clock::now())?,
        body_name: BODY_NAME.into(),
        address: None,
    };
    let head: Signed = log::sign_head(&office, 0, Hash::ZERO, &keys)?;
    db.write(move |tx| match tx.office()? {
        // Another process was faster.
        Some(_) => Ok(()),
        None => tx.add_office(&office, &head),
    })
}

fn office_row(tx: &Tx<'_>) -> Result<OfficeRow> {
    tx.office()?
        .ok_or_else(|| Error::new(Code::DatabaseCorrupt, "no office"))
}
