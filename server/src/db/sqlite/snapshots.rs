//! Which entries of notes a snapshot holds.

use nghisu_core::{
    Result,
    ids::{DocumentId, Feed},
};

use super::{
    super::rows::{int, uint},
    Tx,
};

impl Tx<'_> {
    /// Returns the number of the newest change of a document that no snapshot covers.
    pub(crate) fn newest_change(&self, feed: Feed, document: DocumentId) -> Result<Option<u64>> {
        self.one(
            "SELECT feed_seq FROM uncovered
             WHERE feed = ? AND document = ? AND snapshot = 0 ORDER BY feed_seq DESC LIMIT 1",
            (feed.to_bytes(), document.as_bytes()),
            |row| uint(row, 0),
        )
    }

    pub(crate) fn add_uncovered(
        &self,
        feed: Feed,
        document: DocumentId,
        feed_seq: u64,
        snapshot: bool,
    ) -> Result<()> {
        self.run(
            "INSERT INTO uncovered (feed, document, feed_seq, snapshot) VALUES (?, ?, ?, ?)",
            (
                feed.to_bytes(),
                document.as_bytes(),
                int(feed_seq),
                snapshot,
            ),
        )
        .map(drop)
    }

    /// Marks the entries of a document up to `covers` as held by a snapshot.
    pub(crate) fn cover(&self, feed: Feed, document: DocumentId, covers: u64) -> Result<()> {
        let of_document = (feed.to_bytes(), document.as_bytes(), int(covers));
        self.run(
            "UPDATE entry SET covered = 1 WHERE feed = ?1 AND feed_seq IN
                (SELECT feed_seq FROM uncovered WHERE feed = ?1 AND document = ?2 AND feed_seq <= ?3)",
            of_document.clone(),
        )?;
        self.run(
            "DELETE FROM uncovered WHERE feed = ? AND document = ? AND feed_seq <= ?",
            of_document,
        )
        .map(drop)
    }
}
