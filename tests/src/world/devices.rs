//! A device as a node of the world: its folder, its clock, its store, and what goes wrong with it next.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    path::{Path, PathBuf},
    sync::Arc,
};

use nghisu_core::{
    Result,
    ids::{DeviceId, Feed, PersonId},
    store::{Opening, Store},
    sync::session::Session,
    time::Timestamp,
    trust::{keys::DeviceSigner, vault::Dice as Drawn},
};
use rusqlite::{Connection, OpenFlags, Row};
use zeroize::Zeroizing;

use super::{copies::Copy, desk::moment, files, model::Author, script::Fault};

/// Entries of a note after which its device makes a snapshot: few, so that there are many.
const SNAPSHOT_ENTRIES: u64 = 4;

/// How far a device is with its enrolment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    /// It asks with this invitation.
    Asking(String),
    /// It has a certificate.
    Enrolled,
}

/// A sync that is under way.
pub(super) struct Running {
    pub(super) session: Session<'static>,
    pub(super) round: u32,
    pub(super) requests: u32,
    /// How often the office had been put back when it began.
    pub(super) put_back: u32,
    /// Somebody has asked for a sync meanwhile.
    pub(super) again: bool,
}

pub(super) struct Node {
    pub(super) account: usize,
    pub(super) person: PersonId,
    pub(super) author: Author,
    pub(super) folder: PathBuf,
    store: Option<Store>,
    beside: Option<Connection>,
    signer: Option<(DeviceId, &'static dyn DeviceSigner)>,
    dice: Drawn,
    pub(super) wrong_ms: i64,
    pub(super) standing: Standing,
    pub(super) running: Option<Running>,
    /// What it waits for: an answer with another number is not for it.
    pub(super) waits: u64,
    pub(super) faults: VecDeque<Fault>,
    /// What the sync under way may fail for.
    pub(super) excuses: BTreeSet<&'static str>,
    /// The next reply breaks off after so many thousandths, or comes so much later.
    pub(super) cut_reply: Option<u16>,
    pub(super) late_ms: u64,
    /// What is wrong at the office with its next request alone.
    pub(super) trouble: Option<Fault>,
    pub(super) kill_in: Option<u8>,
    pub(super) full: bool,
    /// Every device that this folder was.
    pub(super) was: BTreeSet<DeviceId>,
    /// How far it had read, and what it has shown at the newest.
    pub(super) cursor: u64,
    pub(super) shown: BTreeMap<Feed, u64>,
    /// How far it had read at most when it began to read the log again.
    pub(super) read_before: u64,
    pub(super) closed: bool,
    /// How often the office had been put back when its last sync that ended well began.
    pub(super) heard: u32,
    /// An older copy of its folder.
    pub(super) copy: Option<Copy>,
}

impl Node {
    pub(super) fn new(
        account: usize,
        person: PersonId,
        author: Author,
        folder: PathBuf,
        seed: [u8; 32],
    ) -> Self {
        let mut node = Self::of_folder(account, person, author, folder, seed);
        node.open(0).unwrap();
        node
    }

    /// Makes a device of a folder, which is not open yet.
    pub(super) fn of_folder(
        account: usize,
        person: PersonId,
        author: Author,
        folder: PathBuf,
        seed: [u8; 32],
    ) -> Self {
        Self {
            account,
            person,
            author,
            folder,
            store: None,
            beside: None,
            signer: None,
            dice: Drawn::new(seed),
            wrong_ms: 0,
            standing: Standing::Asking(String::new()),
            running: None,
            waits: 0,
            faults: VecDeque::new(),
            excuses: BTreeSet::new(),
            cut_reply: None,
            late_ms: 0,
            trouble: None,
            kill_in: None,
            full: false,
            was: BTreeSet::new(),
            cursor: 0,
            shown: BTreeMap::new(),
            read_before: 0,
            closed: false,
            heard: 0,
            copy: None,
        }
    }

    /// Opens the store. Every start brings fresh dice, as the client does.
    pub(super) fn open(&mut self, now: u64) -> Result<()> {
        let opening = self.opening();
        let mut store = Store::open(&self.folder, &opening, moment(now, self.wrong_ms))?;
        store.set_snapshot_entries(SNAPSHOT_ENTRIES);
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
        let path = self.folder.join("nghisu.db");
        self.beside = Some(Connection::open_with_flags(path, flags).unwrap());
        self.store = Some(store);
        (self.full, self.signer) = (false, None);
        Ok(())
    }

    pub(super) fn opening(&mut self) -> Opening {
        Opening {
            seed: Zeroizing::new(self.dice.draw()),
            sealing: Zeroizing::new(self.dice.draw()),
            signer: None,
            database_key: None,
        }
    }

    /// It begins to read the log again.
    pub(super) fn reads_again(&mut self) {
        self.read_before = self.read_before.max(self.cursor);
        self.cursor = 0;
    }

    pub(super) fn draw<const N: usize>(&mut self) -> [u8; N] {
        self.dice.draw()
    }

    pub(super) fn store(&mut self) -> &mut Store {
        self.store.as_mut().unwrap()
    }

    pub(super) fn read(&self) -> &Store {
        self.store.as_ref().unwrap()
    }

    pub(super) fn id(&self) -> DeviceId {
        self.read().signer().public_key().device()
    }

    pub(super) fn clock(&self, now: u64) -> Timestamp {
        moment(now, self.wrong_ms)
    }

    /// Returns the device's key for as long as the program runs: sessions borrow it.
    pub(super) fn signer(&mut self) -> &'static dyn DeviceSigner {
        let id = self.id();
        match self.signer {
            Some((of, signer)) if of == id => signer,
            _ => {
                let key: &'static Arc<dyn DeviceSigner> = Box::leak(Box::new(self.read().signer()));
                self.signer = Some((id, key.as_ref()));
                key.as_ref()
            }
        }
    }

    /// Says whether the device is enrolled, and neither locked nor wiped.
    pub(super) fn is_usable(&self) -> bool {
        self.standing == Standing::Enrolled && matches!(self.read().standing_ordered(), Ok(None))
    }

    /// Ends everything that is not on disk.
    fn stop(&mut self) {
        (self.store, self.beside, self.running, self.kill_in) = (None, None, None, None);
        self.waits += 1;
    }

    /// Kills the device's program where it stands, and starts it again.
    pub(super) fn kill(&mut self, now: u64) -> Result<()> {
        let left = self.folder.with_extension("killed");
        files::copy(&self.folder, &left);
        self.stop();
        files::replace(&left, &self.folder);
        self.open(now)
    }

    /// Puts a copy in the place of the folder.
    pub(super) fn put_back(&mut self, copied: &Path, now: u64) -> Result<()> {
        self.stop();
        files::put_back(copied, &self.folder);
        self.open(now)
    }

    /// Reads rows beside the store, as another process would: only what is on disk is there.
    pub(super) fn rows<T>(
        &self,
        query: &str,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Vec<T> {
        let mut statement = self.beside.as_ref().unwrap().prepare_cached(query).unwrap();
        let rows = statement.query_map([], read).unwrap();
        rows.collect::<rusqlite::Result<_>>().unwrap()
    }

    /// Returns the first column of the first row as a number, 0 if there is none.
    pub(super) fn count(&self, query: &str) -> u64 {
        self.rows(query, |row| number(row, 0))
            .first()
            .copied()
            .unwrap_or(0)
    }
}

pub(super) fn number(row: &Row<'_>, index: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(index).map(i64::unsigned_abs)
}
