//! When is something safe? Follows from rows alone.
//!
//! | | what is lost without loss of data |
//! |---|---|
//! | [`Durability::Saved`] | the app, power |
//! | [`Durability::AtOffice`] | the device |
//! | [`Durability::BackedUp`] | the office's disk |

use rusqlite::Transaction;

use super::{Store, signed, sql, unsigned};
use crate::{
    error::{Code, Error, Result},
    ids::{DocumentId, Kind},
    time::Timestamp,
};

/// Milliseconds for which a device keeps what a backup has and what only serves to heal the office:
/// 30 days, so that an office that is restored from the backup before the newest still gets it.
const KEPT_AFTER_BACKUP_MS: u64 = 30 * 24 * 60 * 60 * 1000;

macro_rules! levels {
    ($($(#[$doc:meta])* $variant:ident = $number:literal $name:literal $mark:literal)*) => {
        /// How safe something that was written is. Each level holds what the one before it holds.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Durability {
            $($(#[$doc])* $variant,)*
        }

        impl Durability {
            /// Returns the stable name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Returns the mark by which apps show it.
            pub const fn mark(self) -> &'static str {
                match self { $(Self::$variant => $mark,)* }
            }

            pub(super) const fn of_number(number: i64) -> Self {
                match number {
                    $($number => Self::$variant,)*
                    _ => Self::Saved,
                }
            }
        }
    };
}

levels! {
    /// On this device's disk, and not at the office, or not at the office any more. Survives a crash
    /// and a loss of power.
    Saved = 1 "saved" "✓"
    /// At the office, which has said so, and that is stored here. Survives the loss of the device.
    AtOffice = 2 "at_office" "✓✓"
    /// In a backup of the office. Survives the loss of the office's disk.
    BackedUp = 3 "backed_up" "✓✓✓"
}

/// The level of the document in the column `{document}`, as a number. A refused change counts until a
/// later one of its document was accepted: then the document was made anew.
macro_rules! level_of_document {
    ($document:literal) => {
        concat!(
            "CASE WHEN EXISTS (SELECT 1 FROM pending WHERE document = ", $document, " AND kind <> 15)
                OR EXISTS (SELECT 1 FROM envelope WHERE document = ", $document, " AND outcome IS NULL AND internal = 0)
                OR EXISTS (SELECT 1 FROM envelope e WHERE e.document = ", $document, " AND e.outcome = 'refused' AND e.internal = 0
                    AND NOT EXISTS (SELECT 1 FROM envelope later WHERE later.document = e.document
                        AND later.outcome = 'accepted'
                        AND (later.incarnation, later.device_seq) > (e.incarnation, e.device_seq)))
                OR EXISTS (SELECT 1 FROM kept WHERE document = ", $document, " AND seq < 0) THEN 1
            WHEN (SELECT seq FROM document_seq WHERE document = ", $document, ") <= (SELECT backed_up FROM watermark)
            THEN 3 ELSE 2 END"
        )
    };
}
pub(super) use level_of_document;

impl Store {
    /// Returns how safe a note, or another document, is.
    ///
    /// # Errors
    /// [`Code::NoteUnknown`] if there is none; [`Code::Storage`].
    pub fn durability(&self, document: DocumentId) -> Result<Durability> {
        let query = concat!(
            "SELECT ",
            level_of_document!("document.id"),
            " FROM document WHERE id = ?1"
        );
        let mut statement = self.connection.prepare_cached(query).map_err(sql)?;
        let mut rows = statement.query([document.as_bytes()]).map_err(sql)?;
        match rows.next().map_err(sql)? {
            Some(row) => row.get(0).map(Durability::of_number).map_err(sql),
            None => Err(Error::new(Code::NoteUnknown, document)),
        }
    }

    /// Returns the newest entry of the log that is in a backup of the office; 0 if none is.
    ///
    /// # Errors
    /// [`Code::Storage`].
    pub fn backed_up(&self) -> Result<u64> {
        self.connection
            .query_row("SELECT backed_up FROM watermark", [], |row| row.get(0))
            .map(unsigned)
            .map_err(sql)
    }

    /// Returns the number of entries that this device holds and that the office has lost and not got
    /// back.
    ///
    /// # Errors
    /// [`Code::Storage`].
    pub fn not_back(&self) -> Result<u64> {
        self.connection
            .query_row("SELECT count(*) FROM kept WHERE seq < 0", [], |row| {
                row.get(0)
            })
            .map(unsigned)
            .map_err(sql)
    }
}

/// Notes that a document has taken something from entry `seq`.
pub(super) fn reach(transaction: &Transaction<'_>, document: DocumentId, seq: u64) -> Result<()> {
    transaction
        .prepare_cached(
            "INSERT INTO document_seq (document, seq) VALUES (?1, ?2)
             ON CONFLICT (document) DO UPDATE SET seq = ?2 WHERE seq < ?2",
        )
        .and_then(|mut statement| statement.execute((document.as_bytes(), signed(seq))))
        .map(|_| ())
        .map_err(sql)
}

/// Keeps up to which entry the office is backed up, and drops what only served to heal it and is in a
/// backup for long enough. Returns whether the level of anything may be another one.
pub(super) fn put_watermark(
    transaction: &Transaction<'_>,
    backed_up: u64,
    office_now: Timestamp,
) -> Result<bool> {
    let moved = transaction
        .prepare_cached("UPDATE watermark SET backed_up = ?1 WHERE backed_up <> ?1")
        .and_then(|mut statement| statement.execute([signed(backed_up)]))
        .map_err(sql)?;
    let oldest = office_now.unix_ms().saturating_sub(KEPT_AFTER_BACKUP_MS);
    transaction
        .prepare_cached(
            "DELETE FROM kept WHERE kind IN (?1, ?2, ?3) AND seq > 0 AND seq <= ?4 AND received_at < ?5",
        )
        .and_then(|mut statement| {
            statement.execute((
                Kind::Changes.number(),
                Kind::Bundle.number(),
                Kind::Snapshot.number(),
                signed(backed_up),
                signed(oldest),
            ))
        })
        .map_err(sql)?;
    Ok(moved > 0)
}
