//! Entries as segments: packed once, kept, and served to all who read them.
//!
//! Where a segment ends depends on the entries alone and on nobody's cursor: two devices that read on from
//! different places are served the same bytes from the first end on that both meet. Entries never change,
//! so what is kept is never out of date. A segment of which somebody is not served an entry is his alone,
//! and so is what only one person reads.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use nghisu_core::{
    Result,
    ids::Audience,
    sync::wire::{Entry, Segment},
};

use super::Office;
use crate::db::{Tx, rows::EntryRow};

/// Bytes of packed segments that are kept in memory.
const SEGMENT_CACHE_BYTES_MAX: usize = 32 << 20;
/// One entry of so many is the last of its segment: long enough to pack well, short enough that what
/// devices do not share is little.
const SEGMENT_ENTRIES: u8 = 32;

/// What a page has of one audience, in pieces that each become a segment.
#[derive(Default)]
pub(super) struct Picked {
    pieces: Vec<Piece>,
}

#[derive(Default)]
struct Piece {
    entries: Vec<EntryRow>,
    /// Whether an entry was left out that others are served.
    filtered: bool,
    closed: bool,
}

impl Picked {
    /// Adds the audience's next entry, or notes that it is left out.
    pub(super) fn add(&mut self, entry: EntryRow, left_out: bool) {
        if self.pieces.last().is_none_or(|piece| piece.closed) {
            self.pieces.push(Piece::default());
        }
        if let Some(piece) = self.pieces.last_mut() {
            piece.closed = is_last(&entry);
            if left_out {
                piece.filtered = true;
            } else {
                piece.entries.push(entry);
            }
        }
    }

    /// Says whether nothing of it is served.
    pub(super) fn is_empty(&self) -> bool {
        self.pieces.iter().all(|piece| piece.entries.is_empty())
    }
}

/// Says whether a segment ends with this entry. An envelope's id is a hash, so this is a throw of dice that
/// falls alike for everybody.
fn is_last(entry: &EntryRow) -> bool {
    entry.envelope.as_bytes()[0].is_multiple_of(SEGMENT_ENTRIES)
}

impl Office {
    /// Packs what was picked of an audience between two numbers of the log, or takes it from memory.
    pub(super) fn segments(
        &self,
        tx: &Tx<'_>,
        audience: Audience,
        (after, to): (u64, u64),
        picked: &Picked,
    ) -> Result<Vec<Segment>> {
        let served = picked.pieces.iter().filter(|it| !it.entries.is_empty());
        let mut segments = Vec::new();
        for piece in served {
            segments.push(self.segment(tx, audience, piece)?);
        }
        // Together they have all that there is in between.
        let mut begun = after;
        let count = segments.len();
        for (place, segment) in segments.iter_mut().enumerate() {
            segment.after = begun;
            if place + 1 == count {
                segment.to = to;
            }
            begun = segment.to;
        }
        Ok(segments)
    }

    fn segment(&self, tx: &Tx<'_>, audience: Audience, piece: &Piece) -> Result<Segment> {
        let (Some(first), Some(last)) = (piece.entries.first(), piece.entries.last()) else {
            return Ok(Segment::pack(audience, 0, 0, &[]));
        };
        let shared = !piece.filtered && !matches!(audience, Audience::Person(_));
        let key = (audience, first.seq, last.seq);
        if shared && let Some(segment) = self.segments.find(&key) {
            return Ok(segment);
        }
        let entries = piece
            .entries
            .iter()
            .map(|row| load_entry(tx, row))
            .collect::<Result<Vec<_>>>()?;
        let segment = Segment::pack(audience, 0, last.seq, &entries);
        self.segments.note(entries.len());
        if shared {
            self.segments.keep(key, &segment);
        }
        Ok(segment)
    }
}

/// Returns an entry with its envelope.
pub(super) fn load_entry(tx: &Tx<'_>, row: &EntryRow) -> Result<Entry> {
    let envelope = tx
        .envelope(row.envelope)?
        .ok_or_else(|| super::log::damaged(row.seq, "the envelope is missing"))?;
    Ok(Entry {
        seq: row.seq,
        feed_seq: row.feed_seq,
        received_at: row.received_at,
        envelope,
    })
}

/// Packed segments by audience, first and last entry.
#[derive(Default)]
pub(crate) struct SegmentCache {
    kept: Mutex<Kept>,
    packed: AtomicU64,
    packed_entries: AtomicU64,
}

type SegmentKey = (Audience, u64, u64);

#[derive(Default)]
struct Kept {
    segments: BTreeMap<SegmentKey, Segment>,
    oldest_first: VecDeque<SegmentKey>,
    bytes: usize,
}

impl SegmentCache {
    /// How many segments were packed so far, and how many entries that were.
    pub(super) fn packed(&self) -> (u64, u64) {
        let entries = self.packed_entries.load(Ordering::Relaxed);
        (self.packed.load(Ordering::Relaxed), entries)
    }

    fn note(&self, entries: usize) {
        self.packed.fetch_add(1, Ordering::Relaxed);
        self.packed_entries
            .fetch_add(entries as u64, Ordering::Relaxed);
    }

    fn find(&self, key: &SegmentKey) -> Option<Segment> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.segments.get(key).cloned()
    }

    fn keep(&self, key: SegmentKey, segment: &Segment) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = &mut *kept;
        if kept.segments.insert(key, segment.clone()).is_none() {
            kept.oldest_first.push_back(key);
            kept.bytes += segment.packed_bytes();
        }
        while kept.bytes > SEGMENT_CACHE_BYTES_MAX
            && let Some(oldest) = kept.oldest_first.pop_front()
        {
            let gone = kept.segments.remove(&oldest);
            kept.bytes -= gone.map_or(0, |segment| segment.packed_bytes());
        }
    }
}
