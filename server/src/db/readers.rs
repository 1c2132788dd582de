//! The connections that read: a few, made when they are needed and kept.
//!
//! A new connection reads the schema and prepares each of its statements once more, which costs more
//! than all that a request asks, and it has a cache of its own. So whoever finds all of them in use waits
//! for one, rather than that there be one for each request of a hall that comes back at one moment.

use std::{
    path::PathBuf,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use nghisu_core::Result;
use rusqlite::Connection;

use super::connect_to_read;

/// Connections for reading. More than cores read at once only if one of them waits for the disk.
const READERS_MAX: usize = 4;
/// How long one is waited for before there is another one after all: a read that takes long, or one
/// within another, holds nobody up for good.
const PATIENCE: Duration = Duration::from_secs(10);

/// The connections that read.
pub(super) struct Readers {
    path: PathBuf,
    kept: Mutex<Kept>,
    free: Condvar,
    patience: Duration,
}

#[derive(Default)]
struct Kept {
    free: Vec<Connection>,
    /// Those that are free and those in use.
    open: usize,
    /// Those that were opened so far.
    opened: u64,
}

impl Readers {
    /// For the database at `path`. None is opened yet.
    pub(super) fn of(path: PathBuf) -> Self {
        Self {
            path,
            kept: Mutex::default(),
            free: Condvar::new(),
            patience: PATIENCE,
        }
    }

    /// How many were opened so far.
    pub(super) fn opened(&self) -> u64 {
        self.kept().opened
    }

    /// Takes one that is free; it is given back when it is dropped.
    pub(super) fn take(&self) -> Result<Reader<'_>> {
        let busy = |kept: &mut Kept| kept.free.is_empty() && kept.open >= READERS_MAX;
        let waited = self
            .free
            .wait_timeout_while(self.kept(), self.patience, busy);
        let (mut kept, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if let Some(connection) = kept.free.pop() {
            return Ok(Reader {
                readers: self,
                connection: Some(connection),
            });
        }
        kept.open += 1;
        kept.opened += 1;
        drop(kept);
        // Counted out again if it cannot be opened.
        let mut reader = Reader {
            readers: self,
            connection: None,
        };
        reader.connection = Some(connect_to_read(&self.path)?);
        Ok(reader)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that somebody reads with.
pub(super) struct Reader<'r> {
    readers: &'r Readers,
    connection: Option<Connection>,
}

impl Reader<'_> {
    /// Reads with it. A connection that fails, or on which a job panics, is not used again.
    pub(super) fn read<T>(mut self, job: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let Some(connection) = self.connection.take() else {
            return Err(nghisu_core::Code::Internal.into());
        };
        connection.execute_batch("BEGIN").map_err(super::error)?;
        let result = job(&connection);
        connection.execute_batch("ROLLBACK").map_err(super::error)?;
        self.connection = Some(connection);
        result
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        let mut kept = self.readers.kept();
        match self.connection.take() {
            Some(connection) if kept.open <= READERS_MAX => kept.free.push(connection),
            Some(_) | None => kept.open -= 1,
        }
        drop(kept);
        self.readers.free.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Barrier, thread};

    use super::*;
    use crate::db::Db;

    #[test]
    fn however_many_read_at_once_few_connections_are_opened() {
        let folder = tempfile::TempDir::new().unwrap();
        let mut db = Db::open(&folder.path().join("office.db")).unwrap();
        // However slow the machine is.
        db.readers.patience = Duration::from_secs(120);
        let together = Barrier::new(64);

        thread::scope(|scope| {
            for _ in 0..64 {
                scope.spawn(|| {
                    together.wait();
                    for _ in 0..4 {
                        db.read(|tx| tx.people()).unwrap();
                    }
                });
            }
        });

        let opened = db.readers.opened();
        assert!(opened <= READERS_MAX as u64, "{opened} opened");
    }

    #[test]
    fn a_read_within_reads_that_use_all_connections_comes_to_an_end() {
        let folder = tempfile::TempDir::new().unwrap();
        let mut db = Db::open(&folder.path().join("office.db")).unwrap();
        db.readers.patience = Duration::from_millis(10);
        fn within(db: &Db, depth: usize) -> usize {
            let read = db.read(|_| Ok(depth.checked_sub(1).map_or(0, |left| within(db, left))));
            read.unwrap() + 1
        }

        assert_eq!(within(&db, READERS_MAX), READERS_MAX + 1);

        // What was opened beyond them is not kept.
        assert_eq!(db.readers.kept().open, READERS_MAX);
    }

    #[test]
    fn a_reader_that_panics_takes_no_place() {
        let folder = tempfile::TempDir::new().unwrap();
        let db = Db::open(&folder.path().join("office.db")).unwrap();
        for _ in 0..=READERS_MAX {
            let job = || db.read(|_| -> Result<()> { panic!("on purpose") });
            let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(job));
            assert!(panicked.is_err());
        }

        assert_eq!(db.readers.kept().open, 0);
        assert_eq!(db.read(|tx| tx.people()).unwrap(), []);
    }
}
