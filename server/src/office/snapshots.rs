//! Snapshots of sealed documents, as a serving cache: what one covers is left out for whoever has not
//! read it yet, since the snapshot follows. The log itself stays whole, and ranges that a device asks
//! for by number are served whole.

use nghisu_core::{
    Result,
    ids::{Feed, Kind},
    limits::COVERED_ENTRIES_MAX,
    sync::{envelope::Envelope, wire::Backfill},
};

use super::{log::Place, vault::Verdict};
use crate::db::{Tx, rows::EntryRow};

/// Judges a snapshot that is sealed as it should be. A change that it does not hold must not stand
/// in front of it: who is served the snapshot would meet that change first, and could not place it.
pub(super) fn judge(tx: &Tx<'_>, envelope: &Envelope) -> Result<Verdict> {
    let header = envelope.header();
    let Some(covers) = header.covers else {
        return Ok(Verdict::Refuse("malformed"));
    };
    // Of a log that was put back meanwhile the numbers may stand for other entries.
    let of_this_log = tx.chain_at(covers.seq)? == Some(covers.chain)
        && covers.feed_seq <= tx.newest_feed_seq(header.feed)?;
    let newest = tx.newest_change(header.feed, header.document)?;
    let holds_all = newest.is_none_or(|newest| newest <= covers.feed_seq);
    Ok(if of_this_log && holds_all {
        Verdict::Accept
    } else {
        Verdict::Refuse("stale")
    })
}

/// Notes an entry of sealed notes that was appended. A snapshot covers those before it from now on.
pub(super) fn entered(tx: &Tx<'_>, envelope: &Envelope, place: Place) -> Result<()> {
    let header = envelope.header();
    let of_notes = matches!(header.feed, Feed::Notes(_));
    let snapshot = header.kind == Kind::Snapshot;
    if !of_notes || !(snapshot || matches!(header.kind, Kind::Changes | Kind::Bundle)) {
        return Ok(());
    }
    if let (true, Some(covers)) = (snapshot, header.covers) {
        tx.cover(header.feed, header.document, covers.feed_seq)?;
    }
    tx.add_uncovered(header.feed, header.document, place.feed_seq, snapshot)
}

/// What a page leaves out.
#[derive(Default)]
pub(super) struct LeftOut {
    pub(super) ranges: Vec<Backfill>,
    entries: u64,
}

impl LeftOut {
    /// Adds an entry, unless there are so many that the page must end before it.
    pub(super) fn add(&mut self, entry: &EntryRow) -> bool {
        if self.entries == COVERED_ENTRIES_MAX {
            return false;
        }
        self.entries += 1;
        let before = entry.feed_seq - 1;
        match self.ranges.last_mut() {
            Some(range) if range.feed == entry.feed && range.to == before => {
                range.to = entry.feed_seq;
            }
            _ => self.ranges.push(Backfill {
                feed: entry.feed,
                after: before,
                to: entry.feed_seq,
            }),
        }
        true
    }
}
