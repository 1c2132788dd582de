//! Documents on disk: a folded history and the changes since.

use rusqlite::{OptionalExtension, Transaction};

use super::{Store, sql};
use crate::{
    document::{self, Document},
    error::Result,
    ids::{DeviceId, DocumentId, Feed},
};

/// Documents held open: the note being written, and a few beside it.
const OPEN_MAX: usize = 4;
/// Changes after which a history is folded: loading stays fast and an edit writes little.
const CHANGES_MAX: i64 = 64;
/// Bytes of changes that come at once after which it is folded, too.
const CHANGES_BYTES_MAX: usize = 64 << 10;

impl Store {
    /// Takes a document out of the store, or `None` if it is not there. Whoever changed it and has
    /// committed gives it back with [`Store::keep_open`]; one that is dropped is loaded anew next time.
    pub(super) fn load_document(&mut self, id: DocumentId) -> Result<Option<Document>> {
        if let Some(at) = self.open.iter().position(|(open, _)| *open == id) {
            return Ok(self.open.remove(at).map(|(_, document)| document));
        }
        let mut statement = self
            .connection
            .prepare_cached("SELECT generation, saved FROM document WHERE id = ?1")
            .map_err(sql)?;
        let row: Option<(u32, Vec<u8>)> = statement
            .query_row([id.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()
            .map_err(sql)?;
        let Some((generation, mut bytes)) = row else {
            return Ok(None);
        };
        let mut statement = self
            .connection
            .prepare_cached("SELECT bytes FROM document_change WHERE document = ?1 ORDER BY n")
            .map_err(sql)?;
        let mut rows = statement.query([id.as_bytes()]).map_err(sql)?;
        while let Some(row) = rows.next().map_err(sql)? {
            let change: Vec<u8> = row.get(0).map_err(sql)?;
            bytes.extend(change);
        }
        Document::load(&bytes, self.actor(id, generation)?).map(Some)
    }

    pub(super) fn keep_open(&mut self, id: DocumentId, document: Document) {
        self.open.retain(|(open, _)| *open != id);
        self.open.push_front((id, document));
        self.open.truncate(OPEN_MAX);
    }

    /// Returns the actor under which this device writes a document.
    pub(super) fn actor(&self, id: DocumentId, generation: u32) -> Result<[u8; 16]> {
        let incarnation = self.incarnation()?;
        Ok(document::actor(self.device(), id, incarnation, generation))
    }

    pub(super) fn device(&self) -> DeviceId {
        self.signer().public_key().device()
    }

    pub(super) fn incarnation(&self) -> Result<u32> {
        Ok(self
            .number("incarnation")?
            .and_then(|number| u32::try_from(number).ok())
            .unwrap_or(1))
    }
}

/// Stores changes of a document, which is made if it is new, and folds its history when it is time.
pub(super) fn store_changes(
    transaction: &Transaction<'_>,
    id: DocumentId,
    feed: Feed,
    changes: &[u8],
    document: &mut Document,
) -> Result<()> {
    let new = transaction
        .prepare_cached(
            "INSERT OR IGNORE INTO document (id, feed, generation, saved) VALUES (?1, ?2, 0, x'')",
        )
        .and_then(|mut statement| statement.execute((id.as_bytes(), feed.to_bytes())))
        .map_err(sql)?
        == 1;
    let next: i64 = if new {
        0
    } else {
        transaction
            .prepare_cached(
                "SELECT coalesce(max(n) + 1, 0) FROM document_change WHERE document = ?1",
            )
            .and_then(|mut statement| statement.query_row([id.as_bytes()], |row| row.get(0)))
            .map_err(sql)?
    };
    if next < CHANGES_MAX && changes.len() <= CHANGES_BYTES_MAX {
        transaction
            .prepare_cached("INSERT INTO document_change (document, n, bytes) VALUES (?1, ?2, ?3)")
            .and_then(|mut statement| statement.execute((id.as_bytes(), next, changes)))
            .map_err(sql)?;
        return Ok(());
    }
    transaction
        .execute(
            "UPDATE document SET saved = ?2 WHERE id = ?1",
            (id.as_bytes(), document.save()),
        )
        .map_err(sql)?;
    transaction
        .execute(
            "DELETE FROM document_change WHERE document = ?1",
            [id.as_bytes()],
        )
        .map_err(sql)?;
    Ok(())
}
