//! The office as a node of the world: its folder, its clock, its backups, and its log as another
//! process reads it.

use std::{
    path::{Path, PathBuf},
    sync::OnceLock,
};

use nghisu_core::{
    ids::{ActId, DeviceId, Feed, Hash, Kind},
    meeting::act::SignedAct,
    sync::{envelope::Envelope, healing::ReturnedEntry},
    time::Timestamp,
    trust::vault::Dice as Drawn,
};
use nghisu_server::{Office, RootKey, clock, office::Publications};
use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;

use super::{
    files,
    model::{Verdict, log::Logged},
};

/// The moment at which a world begins.
const BEGINNING: u64 = 1_800_000_000_000;
/// A day in milliseconds.
pub(super) const DAY_MS: u64 = 24 * 60 * 60 * 1000;
/// A year in milliseconds.
pub(super) const YEAR_MS: i64 = 31_557_600_000;

/// Returns the moment that a clock shows which is wrong by `wrong` milliseconds.
pub(super) fn moment(now: u64, wrong: i64) -> Timestamp {
    Timestamp::from_unix_ms((BEGINNING + now).saturating_add_signed(wrong))
}

/// An entry that the office has, and the act in it.
pub(super) struct Read {
    pub(super) logged: Logged,
    /// The original, if it was given back.
    pub(super) envelope: Envelope,
    pub(super) act: Option<ActId>,
    /// Whether a device has given it back.
    pub(super) returned: bool,
}

pub(super) struct Desk {
    pub(super) folder: PathBuf,
    office: Option<Office>,
    database: Option<Connection>,
    page_bytes: usize,
    /// By how much its clock is wrong.
    pub(super) wrong_ms: i64,
    /// The next request meets an office that is killed before, or after, it has carried it out.
    pub(super) dies: Option<bool>,
    /// Requests for which the disk is full still.
    pub(super) full_for: u8,
    /// Whether its commits fail.
    pub(super) commits_fail: bool,
}

/// An office that every world copies, and its root: the keys are drawn once, and from the same dice in
/// every process.
fn template() -> (PathBuf, &'static RootKey) {
    static TEMPLATE: OnceLock<(TempDir, RootKey)> = OnceLock::new();
    let (folder, root) = TEMPLATE.get_or_init(|| {
        let folder = files::folder();
        clock::draw_from(Some(Drawn::new([0x77; 32])));
        let root = RootKey::draw().unwrap();
        let begins = moment(0, 0);
        let path = folder.path().join("office");
        Office::create(&path, &root, "", Publications::Server, begins).unwrap();
        (folder, root)
    });
    (folder.path().join("office"), root)
}

impl Desk {
    pub(super) fn new(folder: PathBuf, seed: [u8; 32], page_bytes: usize) -> Self {
        files::copy(&template().0, &folder);
        clock::draw_from(Some(Drawn::new(seed)));
        let mut desk = Self {
            folder,
            office: None,
            database: None,
            page_bytes,
            wrong_ms: 0,
            dies: None,
            full_for: 0,
            commits_fail: false,
        };
        desk.open();
        desk
    }

    fn open(&mut self) {
        self.office = Some(
            Office::open(&self.folder)
                .unwrap()
                .with_pages_of(self.page_bytes),
        );
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
        let path = self.folder.join("office.db");
        self.database = Some(Connection::open_with_flags(path, flags).unwrap());
        self.full_for = 0;
    }

    pub(super) fn office(&self) -> &Office {
        self.office.as_ref().unwrap()
    }

    pub(super) fn clock(&self, now: u64) -> Timestamp {
        moment(now, self.wrong_ms)
    }

    fn beside(&self, name: &str) -> PathBuf {
        self.folder.with_file_name(name)
    }

    /// Kills the office where it stands, and starts it again.
    pub(super) fn kill(&mut self) {
        let left = self.beside("office-killed");
        files::copy(&self.folder, &left);
        (self.office, self.database) = (None, None);
        files::replace(&left, &self.folder);
        self.open();
    }

    /// Copies the folder as `README.md` says: with the office stopped.
    pub(super) fn back_up(&mut self, name: &str) {
        (self.office, self.database) = (None, None);
        let copy = self.beside(name);
        if copy.exists() {
            std::fs::remove_dir_all(&copy).unwrap();
        }
        files::copy(&self.folder, &copy);
        self.open();
    }

    /// Puts a copy in the place of the folder.
    pub(super) fn put_back(&mut self, name: &str) {
        (self.office, self.database) = (None, None);
        files::put_back(&self.beside(name), &self.folder);
        self.open();
    }

    /// Makes an office of a backup, as the manual says, and puts it in the place of the one that is lost.
    pub(super) fn restore(&mut self, backup: &Path, at: Timestamp) -> nghisu_core::Result<()> {
        let restored = self.beside("office-restored");
        Office::restore(backup, &restored, at, |_, _| {})?;
        Office::renew_online_key(&restored, template().1, None, at)?;
        (self.office, self.database) = (None, None);
        files::replace(&restored, &self.folder);
        self.open();
        Ok(())
    }

    /// From here on, until it is started again, the office takes changes of notes of so many bytes at most.
    pub(super) fn take_notes_of(&mut self, bytes_max: usize) {
        self.office = self.office.take().map(|it| it.with_notes_of(bytes_max));
    }

    /// Leaves the office's database so many pages.
    pub(super) fn fill(&mut self, pages: u8, requests: u8) {
        let used = self.office().limit_pages(None).unwrap();
        self.office()
            .limit_pages(Some(used + u32::from(pages)))
            .unwrap();
        self.full_for = requests;
    }

    pub(super) fn empty(&mut self) {
        self.office().limit_pages(None).unwrap();
        self.full_for = 0;
    }

    /// Returns the day that its clock shows.
    pub(super) fn day(&self, now: u64) -> u64 {
        self.clock(now).unix_ms() / DAY_MS
    }

    /// Has every commit of a request fail that was carried out: what it writes refers to nothing, and that is
    /// looked at when all is written.
    pub(super) fn fail_commits(&mut self, fail: bool) {
        let database = Connection::open(self.folder.join("office.db")).unwrap();
        let change = if fail {
            "CREATE TABLE absent (id INTEGER PRIMARY KEY) STRICT;
             CREATE TABLE uncommitted (
                 id INTEGER REFERENCES absent DEFERRABLE INITIALLY DEFERRED
             ) STRICT;
             CREATE TRIGGER uncommitted AFTER UPDATE ON device
             BEGIN INSERT INTO uncommitted VALUES (1); END;"
        } else {
            "DROP TRIGGER uncommitted; DROP TABLE uncommitted; DROP TABLE absent;"
        };
        database.execute_batch(change).unwrap();
        self.commits_fail = fail;
    }

    /// Sets how much of a day's quota a device has used. Says whether the office knows the device.
    pub(super) fn use_quota(&self, device: DeviceId, day: u64, used: u64) -> bool {
        let database = Connection::open(self.folder.join("office.db")).unwrap();
        let number = |number: u64| i64::try_from(number).unwrap();
        let row = (device.as_bytes(), number(day), number(used));
        let update = "UPDATE device SET quota_day = ?2, quota_used = ?3 WHERE id = ?1";
        database.execute(update, row).unwrap() == 1
    }

    /// Reads what the log has got behind `seq`.
    pub(super) fn read_log(&self, seq: u64) -> Result<Vec<Read>, String> {
        let query = "SELECT seq, feed, feed_seq, device, bytes FROM entry
            JOIN envelope ON id = envelope_id WHERE seq > ? ORDER BY seq";
        let database = self.database.as_ref().unwrap();
        let mut statement = database.prepare_cached(query).unwrap();
        let mut rows = statement.query([i64::try_from(seq).unwrap()]).unwrap();
        let mut read = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            let blob = |index| row.get::<_, Vec<u8>>(index).unwrap();
            let mut envelope = Envelope::decode(&blob(4)).map_err(|error| error.to_string())?;
            let returned = envelope.header().kind == Kind::Returned;
            if returned {
                let opened = ReturnedEntry::open(&envelope);
                envelope = opened.map_err(|error| error.to_string())?.1;
            }
            let header = envelope.header();
            let act = match header.kind {
                Kind::Act => SignedAct::decode(envelope.payload())
                    .ok()
                    .map(|(_, act)| act.id),
                _ => None,
            };
            let number = |index| row.get::<_, i64>(index).unwrap().unsigned_abs();
            read.push(Read {
                logged: Logged {
                    seq: number(0),
                    feed: Feed::from_slice(&blob(1)).unwrap(),
                    feed_seq: number(2),
                    document: header.document,
                    device: DeviceId::from_slice(&blob(3)).unwrap(),
                    envelope: envelope.id(),
                    kind: header.kind,
                },
                act,
                envelope,
                returned,
            });
        }
        Ok(read)
    }

    /// Says whether the log stands on disk up to `seq` as another process reads it.
    pub(super) fn newest(&self) -> u64 {
        let database = self.database.as_ref().unwrap();
        let query = "SELECT coalesce(max(seq), 0) FROM entry";
        let newest: i64 = database.query_row(query, [], |row| row.get(0)).unwrap();
        newest.unsigned_abs()
    }

    /// Checks the whole log as `nghisu verify` does.
    pub(super) fn verify(&self) -> Verdict {
        self.office()
            .verify_log()
            .map(|_| ())
            .map_err(|error| format!("S4: {error}"))
    }

    /// Says whether a file of the office holds these bytes.
    pub(super) fn holds(&self, bytes: &[u8]) -> Vec<PathBuf> {
        files::holding(&self.folder, bytes)
    }
}

/// A hash of the bytes, for the trace.
pub(super) fn short(bytes: &[u8]) -> [u8; 32] {
    *Hash::of_content(bytes).as_bytes()
}
