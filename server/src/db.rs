//! The office's database: one writer, several readers, nothing answered before it is on disk.
//!
//! All writing goes through one thread that owns the write connection. It takes what is queued, up
//! to [`GROUP_JOBS_MAX`] jobs, runs each in a savepoint, commits once and only then answers: a disk
//! that syncs 100 times a second still takes in thousands of envelopes. Other processes (the
//! commands beside `serve`) write to the same file; each transaction therefore begins by taking the
//! write lock and reads again what it depends on.

mod readers;
pub(crate) mod rows;
mod sqlite;
mod work;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread::JoinHandle,
    time::Duration,
};

use nghisu_core::{Code, Error, Result};
use rusqlite::{Connection, ErrorCode, OpenFlags};
use tokio::sync::watch;

use readers::Readers;
pub(crate) use sqlite::Tx;
use work::Work;
pub use work::Worked;

/// Jobs in one commit: bounds how long the first waits for the last.
const GROUP_JOBS_MAX: usize = 64;
/// How long the writer waits at most for those who are about to write …
const LINGER: Duration = Duration::from_millis(10);
/// … looking so often whether they still are.
const LINGER_STEP: Duration = Duration::from_millis(1);
/// Jobs that may wait: whoever comes after them waits to be queued.
const QUEUE_JOBS_MAX: usize = 256;
/// How long a transaction waits for another process's: an import of many files takes seconds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(20);
/// Marks the file as an office's ("ngsu").
const APPLICATION_ID: i32 = 0x6e67_7375;
/// What brings a database of version `n` to version `n + 1`, in order.
const MIGRATIONS: &[&str] = &[
    include_str!("db/migrations/0001.sql"),
    include_str!("db/migrations/0002_keys.sql"),
    include_str!("db/migrations/0003_publications.sql"),
    include_str!("db/migrations/0004_rights.sql"),
    include_str!("db/migrations/0005_vault.sql"),
    include_str!("db/migrations/0006_devices.sql"),
    include_str!("db/migrations/0007_snapshots.sql"),
    include_str!("db/migrations/0008_fork.sql"),
    include_str!("db/migrations/0009_publication_keys.sql"),
    include_str!("db/migrations/0010_restore.sql"),
    include_str!("db/migrations/0011_cadence.sql"),
    include_str!("db/migrations/0012_abandoned.sql"),
    include_str!("db/migrations/0013_records.sql"),
    include_str!("db/migrations/0014_minutes.sql"),
    include_str!("db/migrations/0015_body.sql"),
];

/// What the writer does within a savepoint.
type Job = Box<dyn FnOnce(Writing<'_>) -> Done + Send>;
/// The write connection, and what counts its statements.
type Writing<'w> = (&'w Connection, &'w Work);
/// What is done once before the commit, for all jobs together.
type Close = Box<dyn FnOnce(&Tx<'_>) -> Result<()> + Send>;

/// What a job has come to.
struct Done {
    /// Why it failed, if it did.
    failure: Option<Error>,
    /// Is called after the commit.
    answer: Box<dyn FnOnce(Result<()>) + Send>,
    /// What it wants done before the commit.
    close: Option<Close>,
}

/// An open database.
pub(crate) struct Db {
    path: PathBuf,
    queue: Option<mpsc::SyncSender<Job>>,
    writer: Option<JoinHandle<()>>,
    readers: Readers,
    commits: watch::Sender<u64>,
    coming: Arc<AtomicUsize>,
    work: Arc<Work>,
}

impl Db {
    /// Opens the database, or makes an empty one, and brings it to this version.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let mut connection = connect(path)?;
        migrate(&mut connection)?;
        let (queue, jobs) = mpsc::sync_channel(QUEUE_JOBS_MAX);
        let commits = watch::Sender::new(0);
        let committed = commits.clone();
        let coming = Arc::new(AtomicUsize::new(0));
        let expected = Arc::clone(&coming);
        let work = Arc::<Work>::default();
        let worked = Arc::clone(&work);
        let writer = std::thread::Builder::new()
            .name("nghisu-writer".into())
            .spawn(move || write_all((&connection, &worked), &jobs, &expected, &committed))
            .map_err(|error| Error::new(Code::Internal, format_args!("writer thread: {error}")))?;
        Ok(Self {
            path: path.to_owned(),
            queue: Some(queue),
            writer: Some(writer),
            readers: Readers::of(path.to_owned()),
            commits,
            coming,
            work,
        })
    }

    /// Says what was asked for so far.
    pub(crate) fn worked(&self) -> Worked {
        Worked {
            readers: self.readers.opened(),
            ..self.work.worked(*self.commits.borrow())
        }
    }

    /// Changes with every commit of this process; holds their number.
    pub(crate) fn commits(&self) -> watch::Receiver<u64> {
        self.commits.subscribe()
    }

    /// Runs `job` in a transaction of the writer and returns its result once it is on disk.
    /// If it fails, nothing that it wrote stays.
    pub(crate) fn write<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Tx<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.queue(job, None)
    }

    /// Runs `job` like [`Db::write`]. Before the commit `close` is run, once for all jobs of the
    /// transaction that brought one: the last one's, so all must do the same. If it fails, none of them
    /// stays.
    pub(crate) fn write_and_close<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Tx<'_>) -> Result<T> + Send + 'static,
        close: impl FnOnce(&Tx<'_>) -> Result<()> + Send + 'static,
    ) -> Result<T> {
        self.queue(job, Some(Box::new(close)))
    }

    /// Says that somebody is about to write: the writer waits for him a moment, so that those who come
    /// together share a transaction.
    pub(crate) fn expect(&self) -> Coming {
        self.coming.fetch_add(1, Ordering::Relaxed);
        Coming(Arc::clone(&self.coming))
    }

    fn queue<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Tx<'_>) -> Result<T> + Send + 'static,
        close: Option<Close>,
    ) -> Result<T> {
        let (sender, receiver) = mpsc::sync_channel(1);
        let job: Job = Box::new(move |writing| {
            let result = in_savepoint(writing, job);
            Done {
                failure: result.as_ref().err().map(same),
                close: close.filter(|_| result.is_ok()),
                answer: Box::new(move |committed| {
                    // Whoever asked may be gone.
                    let _ = sender.send(committed.and(result));
                }),
            }
        });
        let gone = || Error::new(Code::Closed, "writer");
        let queue = self.queue.as_ref().ok_or_else(gone)?;
        queue.send(job).map_err(|_| gone())?;
        receiver.recv().map_err(|_| gone())?
    }

    /// Writes all that the database holds at one moment into a new file, without the office's secret.
    /// When this returns the file is on disk. Others write meanwhile.
    pub(crate) fn snapshot(&self, to: &Path) -> Result<()> {
        let source = connect(&self.path)?;
        let name = to
            .to_str()
            .ok_or_else(|| Error::new(Code::FolderNotWritable, to.display()))?;
        source.execute("VACUUM INTO ?1", [name]).map_err(error)?;
        let copy = Connection::open(to).map_err(error)?;
        // Overwritten where it stands: nothing of it is left in the file.
        copy.execute_batch(
            "PRAGMA journal_mode = DELETE; PRAGMA secure_delete = ON;
             UPDATE office SET secret = zeroblob(32);",
        )
        .map_err(error)?;
        copy.close().map_err(|(_, failure)| error(failure))?;
        std::fs::File::open(to)
            .and_then(|file| file.sync_all())
            .map_err(|failure| Error::new(Code::Storage, failure))
    }

    /// Runs `job` in a read transaction: all that it reads is of one moment.
    pub(crate) fn read<T>(&self, job: impl FnOnce(&Tx<'_>) -> Result<T>) -> Result<T> {
        let reader = self.readers.take()?;
        reader.read(|connection| job(&Tx::counted(connection, &self.work)))
    }
}

impl Drop for Db {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

/// Somebody who is about to write.
pub(crate) struct Coming(Arc<AtomicUsize>);

impl Drop for Coming {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn write_all(
    writing: Writing<'_>,
    jobs: &mpsc::Receiver<Job>,
    coming: &AtomicUsize,
    commits: &watch::Sender<u64>,
) {
    while let Ok(first) = jobs.recv() {
        let group = Group {
            first: Some(first),
            jobs,
            coming,
            taken: 0,
            waited: Duration::ZERO,
        };
        write_group(writing, group, commits);
    }
}

/// The jobs of one commit, each taken when those before it are done: what comes meanwhile is among them.
struct Group<'q> {
    first: Option<Job>,
    jobs: &'q mpsc::Receiver<Job>,
    coming: &'q AtomicUsize,
    taken: usize,
    waited: Duration,
}

impl Iterator for Group<'_> {
    type Item = Job;

    fn next(&mut self) -> Option<Job> {
        if self.taken == GROUP_JOBS_MAX {
            return None;
        }
        let mut job = self.first.take().or_else(|| self.jobs.try_recv().ok());
        while job.is_none()
            && self.waited < LINGER
            && self.coming.load(Ordering::Relaxed) > self.taken
        {
            job = self.jobs.recv_timeout(LINGER_STEP).ok();
            self.waited += LINGER_STEP;
        }
        self.taken += usize::from(job.is_some());
        job
    }
}

fn write_group(writing: Writing<'_>, jobs: Group<'_>, commits: &watch::Sender<u64>) {
    let (connection, _) = writing;
    let begun = connection.execute_batch("BEGIN IMMEDIATE").map_err(error);
    let (mut answers, mut close) = (Vec::new(), None);
    let mut lost = begun.err();
    for job in jobs {
        let done = job(writing);
        answers.push(done.answer);
        close = done.close.or(close);
        let failure = done.failure;
        // A full or failing disk makes SQLite give up the whole transaction, not only the savepoint.
        if lost.is_none() && connection.is_autocommit() {
            let given_up = || Error::new(Code::Storage, "the transaction was given up");
            lost = Some(failure.unwrap_or_else(given_up));
        }
    }
    if let (None, Some(close)) = (&lost, close) {
        lost = in_savepoint(writing, close).err();
    }
    let committed = match lost {
        Some(error) => Err(error),
        None => connection.execute_batch("COMMIT").map_err(error),
    };
    if committed.is_ok() {
        commits.send_modify(|count| *count += 1);
    } else if !connection.is_autocommit() {
        let _ = connection.execute_batch("ROLLBACK");
    }
    for answer in answers {
        answer(match &committed {
            Ok(()) => Ok(()),
            Err(error) => Err(same(error)),
        });
    }
}

/// Says the same to another one who asked.
fn same(error: &Error) -> Error {
    Error::new(error.code(), error.detail())
}

fn in_savepoint<T>(
    (connection, work): Writing<'_>,
    job: impl FnOnce(&Tx<'_>) -> Result<T>,
) -> Result<T> {
    if connection.is_autocommit() {
        return Err(Error::new(Code::Storage, "no transaction"));
    }
    connection.execute_batch("SAVEPOINT job").map_err(error)?;
    let result = catch_unwind(AssertUnwindSafe(|| job(&Tx::counted(connection, work))))
        .unwrap_or_else(|_| Err(Error::new(Code::Internal, "a job of the writer panicked")));
    match &result {
        Ok(_) => connection.execute_batch("RELEASE job").map_err(error)?,
        Err(_) if connection.is_autocommit() => {}
        Err(_) => connection
            .execute_batch("ROLLBACK TO job; RELEASE job")
            .map_err(error)?,
    }
    result
}

fn connect(path: &Path) -> Result<Connection> {
    let opening = |failure: rusqlite::Error| opening_error(&failure, path);
    let connection = Connection::open(path).map_err(opening)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(opening)?;
    let mode: String = connection
        .query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))
        .map_err(opening)?;
    connection
        .execute_batch("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; PRAGMA cache_size = -16384;")
        .map_err(opening)?;
    let synchronous: i64 = connection
        .query_row("PRAGMA synchronous", [], |row| row.get(0))
        .map_err(opening)?;
    if mode != "wal" || synchronous != 2 {
        // A full disk leaves the mode as it was without a word; a write says so.
        connection
            .pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0))
            .and_then(|version| connection.pragma_update(None, "user_version", version))
            .map_err(opening)?;
        return Err(Error::new(
            Code::Storage,
            format_args!(
                "{}: no safe writing here (journal {mode}, synchronous {synchronous})",
                path.display()
            ),
        ));
    }
    connection.set_prepared_statement_cache_capacity(256);
    Ok(connection)
}

fn connect_to_read(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(error)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(error)?;
    connection
        .execute_batch(
            "PRAGMA query_only = ON; PRAGMA trusted_schema = OFF; PRAGMA cache_size = -16384;",
        )
        .map_err(error)?;
    connection.set_prepared_statement_cache_capacity(256);
    Ok(connection)
}

/// Opens a database that no office serves, to look at it.
pub(crate) fn open_alone(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)
        .map_err(|failure| opening_error(&failure, path))?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(error)?;
    connection
        .execute_batch("PRAGMA trusted_schema = OFF")
        .map_err(error)?;
    Ok(connection)
}

/// Has SQLite check all of a database.
pub(crate) fn integrity(connection: &Connection) -> Result<()> {
    let found: String = connection
        .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
        .map_err(error)?;
    if found == "ok" {
        Ok(())
    } else {
        Err(Error::new(Code::DatabaseCorrupt, found))
    }
}

fn migrate(connection: &mut Connection) -> Result<()> {
    let transaction = connection
        .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
        .map_err(error)?;
    let version: i64 = transaction
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .map_err(error)?;
    let application: i32 = transaction
        .query_row("PRAGMA application_id", [], |row| row.get(0))
        .map_err(error)?;
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    if version > known {
        return Err(Error::new(
            Code::DatabaseNewer,
            format_args!("version {version}, this software knows {known}"),
        ));
    }
    if version > 0 && application != APPLICATION_ID {
        return Err(Error::new(
            Code::DatabaseCorrupt,
            "not an office's database",
        ));
    }
    let done = usize::try_from(version).unwrap_or(0);
    for migration in MIGRATIONS.iter().skip(done) {
        transaction.execute_batch(migration).map_err(error)?;
    }
    transaction
        .execute_batch(&format!(
            "PRAGMA user_version = {known}; PRAGMA application_id = {APPLICATION_ID};"
        ))
        .map_err(error)?;
    transaction.commit().map_err(error)
}

/// Says what a failure of SQLite means to people.
#[allow(
    clippy::needless_pass_by_value,
    reason = "this is what map_err passes on"
)]
pub(crate) fn error(failure: rusqlite::Error) -> Error {
    Error::new(code_of(&failure), failure)
}

fn opening_error(failure: &rusqlite::Error, path: &Path) -> Error {
    Error::new(
        code_of(failure),
        format_args!("{}: {failure}", path.display()),
    )
}

fn code_of(failure: &rusqlite::Error) -> Code {
    const MEANINGS: &[(ErrorCode, Code)] = &[
        (ErrorCode::DiskFull, Code::DiskFull),
        (ErrorCode::DatabaseCorrupt, Code::DatabaseCorrupt),
        (ErrorCode::NotADatabase, Code::DatabaseCorrupt),
        (ErrorCode::DatabaseBusy, Code::OfficeBusy),
        (ErrorCode::DatabaseLocked, Code::OfficeBusy),
        (ErrorCode::ReadOnly, Code::FolderNotWritable),
        (ErrorCode::PermissionDenied, Code::FolderNotWritable),
        (ErrorCode::CannotOpen, Code::FolderNotWritable),
    ];
    let known = failure
        .sqlite_error_code()
        .and_then(|code| MEANINGS.iter().find(|(known, _)| *known == code));
    let extended = failure.sqlite_error().map(|error| error.extended_code);
    match (known, failure) {
        (Some((_, code)), _) => *code,
        // What a start on a full disk meets first: no room for the index of the WAL.
        (None, _) if extended == Some(rusqlite::ffi::SQLITE_IOERR_SHMSIZE) => Code::DiskFull,
        (None, rusqlite::Error::InvalidColumnType(..)) => Code::DatabaseCorrupt,
        (None, _) => Code::Storage,
    }
}

#[cfg(test)]
mod tests {
    use nghisu_core::{
        ids::{ActId, Hash, MeetingId, PersonId},
        meeting::act::{ActKind, Receipt},
        time::Timestamp,
    };

    use super::*;

    const MEETING: MeetingId = MeetingId::from_bytes([1; 16]);

    fn receipt(act: u8) -> Receipt {
        Receipt {
            number: None,
            person: PersonId::from_bytes([2; 16]),
            item: None,
            kind: ActKind::QuestionSlip,
            received_at: Timestamp::default(),
            act: ActId::from_bytes([act; 16]),
            act_hash: Hash::ZERO,
            refers_to: None,
            late: false,
            replaces: None,
        }
    }

    fn due(tx: &Tx<'_>) -> Result<Vec<(MeetingId, Receipt)>> {
        tx.take_due_receipts()
    }

    #[test]
    fn the_close_of_a_transaction_sees_what_succeeded_and_nothing_of_what_failed() {
        let folder = tempfile::TempDir::new().unwrap();
        let db = Db::open(&folder.path().join("office.db")).unwrap();
        let close = |tx: &Tx<'_>| {
            let acts = due(tx)?.into_iter().map(|(_, receipt)| receipt.act);
            assert_eq!(acts.collect::<Vec<_>>(), [ActId::from_bytes([7; 16])]);
            Ok(())
        };
        let connection = connect(&folder.path().join("office.db")).unwrap();
        let work = Work::default();
        connection.execute_batch("BEGIN IMMEDIATE").unwrap();
        let failed = in_savepoint((&connection, &work), |tx| {
            tx.add_due_receipt(MEETING, &receipt(6))?;
            Err::<(), _>(Code::Internal.into())
        });
        assert!(failed.is_err());
        in_savepoint((&connection, &work), |tx| {
            tx.add_due_receipt(MEETING, &receipt(7))
        })
        .unwrap();
        in_savepoint((&connection, &work), close).unwrap();
        connection.execute_batch("COMMIT").unwrap();
        assert_eq!(db.read(due).unwrap(), []);
    }

    #[test]
    fn when_the_close_fails_nothing_of_the_transaction_stays() {
        let folder = tempfile::TempDir::new().unwrap();
        let db = Db::open(&folder.path().join("office.db")).unwrap();
        let before = *db.commits().borrow();

        let failed = db.write_and_close(
            |tx| tx.add_due_receipt(MEETING, &receipt(1)),
            |_| Err(Code::DiskFull.into()),
        );

        assert_eq!(failed.unwrap_err().code(), Code::DiskFull);
        assert_eq!(*db.commits().borrow(), before);
        db.write(|tx| {
            assert_eq!(due(tx)?, []);
            Ok(())
        })
        .unwrap();
    }
}
