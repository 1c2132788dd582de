//! What the database was asked for: counts, so that a test can say that a request costs the same however
//! large the office is.

use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::{Statement, StatementStatus};

/// What an office was asked for since it was opened, as far as that is for answering and for writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Worked {
    /// Statements that SQLite ran, but for those that begin and end transactions.
    pub statements: u64,
    /// Steps of SQLite's machine in them: a few for each row that is looked at.
    pub steps: u64,
    /// Rows that were looked at without an index.
    pub scanned: u64,
    /// Documents that were loaded.
    pub documents: u64,
    /// Heads of the log that were signed.
    pub heads: u64,
    /// Commits of this process: each is one wait for the disk.
    pub commits: u64,
    /// Connections that were opened for reading: each reads the schema and prepares its statements anew.
    pub readers: u64,
    /// Segments that were packed; all others were taken from memory.
    pub packed: u64,
    /// Entries in them.
    pub packed_entries: u64,
}

/// The same while it is counted.
#[derive(Default)]
pub(crate) struct Work {
    statements: AtomicU64,
    steps: AtomicU64,
    scanned: AtomicU64,
    documents: AtomicU64,
    heads: AtomicU64,
}

impl Work {
    /// Counts one run of a statement.
    pub(super) fn note(&self, statement: &Statement<'_>) {
        let take = |status| u64::try_from(statement.reset_status(status)).unwrap_or_default();
        self.statements.fetch_add(1, Ordering::Relaxed);
        self.steps
            .fetch_add(take(StatementStatus::VmStep), Ordering::Relaxed);
        self.scanned
            .fetch_add(take(StatementStatus::FullscanStep), Ordering::Relaxed);
    }

    pub(super) fn note_document(&self) {
        self.documents.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn note_head(&self) {
        self.heads.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn worked(&self, commits: u64) -> Worked {
        Worked {
            statements: self.statements.load(Ordering::Relaxed),
            steps: self.steps.load(Ordering::Relaxed),
            scanned: self.scanned.load(Ordering::Relaxed),
            documents: self.documents.load(Ordering::Relaxed),
            heads: self.heads.load(Ordering::Relaxed),
            commits,
            ..Worked::default()
        }
    }
}
