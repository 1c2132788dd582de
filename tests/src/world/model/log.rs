//! The office's log as numbers: what stands where, and who wrote it.

use std::collections::{BTreeMap, BTreeSet};

use nghisu_core::ids::{DeviceId, DocumentId, Feed, Hash, Kind};

use super::Verdict;

/// An entry.
#[derive(Debug, Clone)]
pub(in crate::world) struct Logged {
    pub(in crate::world) seq: u64,
    pub(in crate::world) feed: Feed,
    pub(in crate::world) feed_seq: u64,
    pub(in crate::world) document: DocumentId,
    pub(in crate::world) device: DeviceId,
    pub(in crate::world) envelope: Hash,
    pub(in crate::world) kind: Kind,
}

/// The log.
#[derive(Debug, Clone, Default)]
pub(in crate::world) struct Log {
    pub(in crate::world) entries: Vec<Logged>,
    newest: BTreeMap<Feed, u64>,
    ids: BTreeSet<Hash>,
    /// Devices that may write nothing, since when.
    closed: BTreeMap<DeviceId, u64>,
}

impl Log {
    /// Returns the newest entry's number.
    pub(in crate::world) fn seq(&self) -> u64 {
        self.entries.last().map_or(0, |entry| entry.seq)
    }

    /// The office has one entry more.
    pub(in crate::world) fn append(&mut self, entry: Logged) -> Verdict {
        if entry.seq != self.seq() + 1 {
            return Err(format!("entry {} follows {}", entry.seq, self.seq()));
        }
        let newest = self.newest.entry(entry.feed).or_insert(0);
        if entry.feed_seq != *newest + 1 {
            return Err(format!(
                "number {} of {} follows {newest}",
                entry.feed_seq, entry.feed
            ));
        }
        *newest = entry.feed_seq;
        if !self.ids.insert(entry.envelope) {
            return Err(format!(
                "an envelope stands in the log twice, at last at {}",
                entry.seq
            ));
        }
        if let Some(since) = self.closed.get(&entry.device) {
            return Err(format!(
                "a device that was closed at {since} has written entry {}",
                entry.seq
            ));
        }
        self.entries.push(entry);
        Ok(())
    }

    /// From the next entry on this device writes nothing.
    pub(in crate::world) fn close(&mut self, device: DeviceId) {
        let seq = self.seq();
        self.closed.entry(device).or_insert(seq);
    }

    /// The device may write again.
    pub(in crate::world) fn open(&mut self, device: DeviceId) {
        self.closed.remove(&device);
    }

    /// Says whether a snapshot that stands behind an entry may stand for it.
    pub(in crate::world) fn is_covered(&self, entry: &Logged) -> bool {
        entry.kind == Kind::Changes && self.is_covered_after(entry, entry.seq)
            || entry.kind == Kind::Snapshot
    }

    /// Says whether a snapshot of an entry's document stands behind another entry.
    pub(in crate::world) fn is_covered_after(&self, entry: &Logged, seq: u64) -> bool {
        let later = self.entries.iter().filter(|other| other.seq > seq);
        let mut snapshots = later.filter(|other| other.kind == Kind::Snapshot);
        snapshots.any(|other| other.document == entry.document)
    }

    /// Says whether the log has this envelope.
    pub(in crate::world) fn holds(&self, envelope: &Hash) -> bool {
        self.ids.contains(envelope)
    }

    /// Says whether the log has this envelope under these numbers.
    pub(in crate::world) fn has(&self, envelope: &Hash, seq: u64, feed_seq: u64) -> bool {
        let at = usize::try_from(seq.saturating_sub(1)).unwrap_or(usize::MAX);
        self.entries.get(at).is_some_and(|entry| {
            entry.envelope == *envelope && entry.seq == seq && entry.feed_seq == feed_seq
        })
    }
}
