//! Sealed snapshots of long histories: when one is made, and how one is taken in.
//!
//! The device that wrote the newest entry of a document makes its snapshot, once the history is whole
//! here and worth it. What it says it covers is what this device has taken in of the feed, so a
//! snapshot never stands for something that its maker has not read. Who cannot use one reads the
//! entries that it covers.

use rusqlite::Transaction;

use super::{
    Store, column, inbox::Taken, membership::execute, outbox::put_pending, signed, sql, unsigned,
    vault,
};
use crate::{
    cbor,
    document::Document,
    error::{Code, Error, Result},
    ids::{DeviceId, DocumentId, Feed, Hash, Kind},
    limits::{NOTE_PLAIN_BYTES_MAX, SNAPSHOT_SAVING, SNAPSHOTS_PER_REQUEST},
    sync::{
        envelope::{Covers, Envelope},
        snapshot::Snapshot,
    },
    time::Timestamp,
};

impl Store {
    /// Sets after how many entries of a document a snapshot of it is considered;
    /// [`SNAPSHOT_ENTRIES`](crate::limits::SNAPSHOT_ENTRIES) unless this is called.
    pub const fn set_snapshot_entries(&mut self, entries: u64) {
        self.snapshot_entries = entries;
    }

    /// Puts snapshots of documents whose history has grown long into the outbox. To be called before
    /// a sync; a snapshot that is not made now is made before a later one.
    ///
    /// # Errors
    /// [`Code::DiskFull`], [`Code::Storage`].
    pub fn prepare_snapshots(&mut self, now: Timestamp) -> Result<()> {
        if self.identity()?.is_none() || self.open_epoch()?.is_none() {
            return Ok(());
        }
        let feed = Feed::Notes(self.person()?.1);
        let Some(covers) = self.read_whole(feed)? else {
            return Ok(());
        };
        for (document, bytes) in self.long_histories()? {
            let Some(mut history) = self.load_document(document)? else {
                continue;
            };
            let saved = history.save();
            self.keep_open(document, history);
            let worth = (saved.len() as u64).saturating_mul(SNAPSHOT_SAVING) <= bytes;
            let payload = cbor::encode(&Snapshot { covers, saved });
            self.write(|transaction| {
                if worth && payload.len() <= NOTE_PLAIN_BYTES_MAX {
                    put_pending(transaction, feed, document, Kind::Snapshot, &payload, now)?;
                }
                execute(
                    transaction,
                    "UPDATE history SET tried = entries WHERE document = ?1",
                    [document.as_bytes()],
                )
            })?;
        }
        Ok(())
    }

    /// Returns up to where a feed was taken in, if nothing of it is missing, waits, cannot be opened
    /// or was set aside.
    fn read_whole(&self, feed: Feed) -> Result<Option<Covers>> {
        let Some(cursor) = self.cursor()? else {
            return Ok(None);
        };
        let query = "SELECT feed_seq FROM feed WHERE feed = ?1
             AND NOT EXISTS (SELECT 1 FROM backfill WHERE feed = ?1)
             AND NOT EXISTS (SELECT 1 FROM parked WHERE feed = ?1)
             AND NOT EXISTS (SELECT 1 FROM quarantine WHERE feed = ?1)
             AND NOT EXISTS (SELECT 1 FROM unopened)
             AND NOT EXISTS (SELECT 1 FROM state WHERE name = 'own')";
        let mut statement = self.connection.prepare_cached(query).map_err(sql)?;
        let mut rows = statement.query([feed.to_bytes()]).map_err(sql)?;
        match rows.next().map_err(sql)? {
            Some(row) => Ok(Some(Covers {
                feed_seq: unsigned(row.get(0).map_err(sql)?),
                seq: cursor.seq,
                chain: cursor.chain,
            })),
            None => Ok(None),
        }
    }

    /// Returns settled documents of many entries whose newest is of this device, and their bytes.
    fn long_histories(&self) -> Result<Vec<(DocumentId, u64)>> {
        let query = "SELECT document, bytes FROM history
             WHERE own = 1 AND entries >= ?1 AND entries >= 2 * tried
             AND document NOT IN (SELECT document FROM pending)
             AND document NOT IN (SELECT document FROM envelope WHERE outcome IS NULL)
             AND document NOT IN (SELECT document FROM rebuild)
             ORDER BY entries DESC LIMIT ?2";
        let mut statement = self.connection.prepare_cached(query).map_err(sql)?;
        let limits = (
            signed(self.snapshot_entries),
            signed(SNAPSHOTS_PER_REQUEST as u64),
        );
        let mut rows = statement.query(limits).map_err(sql)?;
        let mut long = Vec::new();
        while let Some(row) = rows.next().map_err(sql)? {
            let document: Vec<u8> = row.get(0).map_err(sql)?;
            let bytes = unsigned(row.get(1).map_err(sql)?);
            long.push((column(&document, DocumentId::from_slice)?, bytes));
        }
        Ok(long)
    }

    /// Tries a snapshot on the document as it is here: what is here already stays.
    pub(super) fn take_snapshot(
        &mut self,
        (seq, envelope): (u64, &Envelope),
        payload: &[u8],
        taken: &mut Taken,
    ) -> Result<()> {
        let snapshot = Snapshot::decode(envelope, payload)?;
        self.take_history(envelope, taken, |document: &mut Document| {
            document.merge_saved(&snapshot.saved)
        })?;
        let back = self.back_within(envelope.header().document, &snapshot)?;
        taken.back.extend(back.into_iter().map(|id| (id, seq)));
        Ok(())
    }

    /// Returns which entries that the office had lost it has again, as a snapshot shows: it is served in
    /// place of them.
    fn back_within(&self, document: DocumentId, snapshot: &Snapshot) -> Result<Vec<Hash>> {
        let query = "SELECT bytes FROM kept WHERE document = ?1 AND kind = ?2 AND seq < 0";
        let mut statement = self.connection.prepare_cached(query).map_err(sql)?;
        let lost = (document.as_bytes(), Kind::Changes.number());
        let mut rows = statement.query(lost).map_err(sql)?;
        let mut held = None;
        let mut back = Vec::new();
        while let Some(row) = rows.next().map_err(sql)? {
            let envelope = Envelope::decode(&row.get::<_, Vec<u8>>(0).map_err(sql)?)?;
            let Some(changes) = self.changes_in(&envelope)? else {
                continue;
            };
            let held = match &held {
                Some(held) => held,
                None => {
                    let mut saved = Document::load(&snapshot.saved, *document.as_bytes())?;
                    held.insert(saved.hashes())
                }
            };
            if changes.iter().all(|change| held.contains(change)) {
                back.push(envelope.id());
            }
        }
        Ok(back)
    }
}

/// Notes that an entry was added to a sealed document, or that a snapshot now stands for it.
pub(super) fn entered(
    transaction: &Transaction<'_>,
    envelope: &Envelope,
    device: DeviceId,
) -> Result<()> {
    let header = envelope.header();
    if !vault::is_sealed(header.feed, header.kind) {
        return Ok(());
    }
    if header.kind == Kind::Snapshot {
        return execute(
            transaction,
            "DELETE FROM history WHERE document = ?1",
            [header.document.as_bytes()],
        );
    }
    execute(
        transaction,
        "INSERT INTO history (document, entries, bytes, own) VALUES (?1, 1, ?2, ?3)
         ON CONFLICT (document) DO UPDATE SET entries = entries + 1, bytes = bytes + ?2, own = ?3",
        (
            header.document.as_bytes(),
            signed(envelope.encode().len() as u64),
            header.device == device,
        ),
    )
}

/// Asks for every entry of a feed as it was handed in, since a snapshot cannot be used.
pub(super) fn read_plainly(transaction: &Transaction<'_>, feed: Feed) -> Result<()> {
    let feed = feed.to_bytes();
    execute(
        transaction,
        "INSERT INTO backfill (feed, upto) SELECT feed, feed_seq FROM feed WHERE feed = ?1 AND feed_seq > 0
         ON CONFLICT (feed) DO UPDATE SET upto = max(upto, excluded.upto)",
        [&feed],
    )?;
    execute(
        transaction,
        "UPDATE feed SET feed_seq = 0 WHERE feed = ?1",
        [&feed],
    )
}

/// Returns what a snapshot that waits holds.
pub(super) fn covered_by(kind: Kind, payload: &[u8]) -> Result<Option<Covers>> {
    if kind != Kind::Snapshot {
        return Ok(None);
    }
    let snapshot: Snapshot = cbor::decode(payload, "snapshot")
        .map_err(|error| Error::new(Code::DatabaseCorrupt, error.detail()))?;
    Ok(Some(snapshot.covers))
}
