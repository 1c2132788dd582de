//! What a pull costs the office, counted: statements, SQLite's steps, documents, commits, packed segments,
//! bytes. None of it grows with what the pull does not bring.
#![expect(clippy::unwrap_used, reason = "the helpers of the tests are tests too")]

#[path = "support/device.rs"]
mod device;

use std::{collections::BTreeSet, fmt::Write, path::PathBuf};

use device::{Device, NOW, enrolled, entries_of, numbered, writer};
use nghisu_core::{
    sync::wire::{Reply, RequestBody, Segment},
    trust::decide::Role,
};
use nghisu_server::{Office, RootKey, office::Worked};
use tempfile::TempDir;

/// How many times as large the office is, in turn.
const TIMES: [usize; 3] = [1, 4, 16];
/// Bytes by which a reply may differ: signatures and ids do not pack alike each time.
const BYTES: usize = 48;

struct Hall {
    folder: TempDir,
    office: Office,
    edits: usize,
}

/// What a pull has cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cost {
    statements: u64,
    steps: u64,
    scanned: u64,
    documents: u64,
    commits: u64,
    packed: u64,
    entries: usize,
}

impl Hall {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let root = RootKey::draw().unwrap();
        let office = Office::open_or_create(&folder.path().join("office"), &root).unwrap();
        let mut hall = Self {
            folder,
            office,
            edits: 0,
        };
        hall.publish(0);
        hall
    }

    /// Publishes a meeting, in which something is new each time.
    fn publish(&mut self, meeting: usize) {
        self.edits += 1;
        let mut text =
            format!("id = 'kh-{meeting}'\nkind = 'regular_session'\ntitle = 'Kỳ họp {meeting}'\n");
        for item in 1..=4 {
            let number = if item == 1 { 1_000 + self.edits } else { item };
            write!(text, "[[item]]\nid = 'i{item}'\ntitle = 'Mục {number}'\n").unwrap();
        }
        let file: PathBuf = self.folder.path().join("m.toml");
        std::fs::write(&file, text).unwrap();
        self.office.import_files(&[file], NOW, |_| {}).unwrap();
        let id = format!("kh-{meeting}");
        self.office.publish(Some(&id), "", NOW).unwrap();
    }

    /// Lets delegates write so many notes in all.
    fn write_notes(&self, writers: &mut [Device], count: usize) {
        for n in 0..count {
            let place = n % writers.len();
            let note = writers[place].note(1, &format!("ghi chú {n}"));
            writers[place].sync(&self.office, &[note]);
        }
    }

    fn pull(&self, device: &mut Device) -> (Cost, Vec<u8>) {
        let before = self.office.worked();
        let request = device.request(&RequestBody::default());
        let bytes = self.office.sync(&request, NOW).unwrap();
        let after = self.office.worked();
        let Reply::Synced(synced) = Reply::decode(&bytes).unwrap() else {
            panic!("not carried out");
        };
        device.cursor = Some(synced.cursor.clone());
        let since = |of: fn(&Worked) -> u64| of(&after) - of(&before);
        let cost = Cost {
            statements: since(|it| it.statements),
            steps: since(|it| it.steps),
            scanned: since(|it| it.scanned),
            documents: since(|it| it.documents),
            commits: since(|it| it.commits),
            packed: since(|it| it.packed),
            entries: entries_of(&synced).len(),
        };
        (cost, bytes)
    }

    /// What it costs to hear of one publication, for somebody who has read all before, while `meanwhile`
    /// happens that does not concern him.
    fn one_publication(
        &mut self,
        reader: &mut Device,
        mut meanwhile: impl FnMut(&mut Self),
    ) -> (Cost, usize) {
        // An entry's id says by a throw of dice whether a segment ends with it: the two entries of a
        // publication are to be of one.
        let (cost, bytes) = loop {
            reader.read_all(&self.office);
            meanwhile(self);
            self.publish(0);
            let (cost, bytes) = self.pull(reader);
            if segments(&bytes).len() == 1 {
                break (cost, bytes);
            }
        };
        assert_eq!((cost.documents, cost.commits, cost.packed), (0, 1, 1));
        assert_eq!(cost.scanned, 0, "rows are found by an index");
        (cost, bytes.len())
    }
}

/// Returns the segments that a reply brings.
fn segments(reply: &[u8]) -> Vec<Segment> {
    let Reply::Synced(synced) = Reply::decode(reply).unwrap() else {
        panic!("not carried out");
    };
    synced.segments
}

/// Says that a pull costs the same, however large the office is.
fn is_flat(what: &str, cost: impl Fn(usize) -> (Cost, usize)) {
    let costs: Vec<(Cost, usize)> = TIMES.into_iter().map(cost).collect();
    for (times, (cost, bytes)) in TIMES.iter().zip(&costs) {
        assert_eq!(*cost, costs[0].0, "{times} times as many {what}");
        assert!(bytes.abs_diff(costs[0].1) <= BYTES, "{what}: {costs:?}");
    }
}

#[test]
fn a_pull_costs_the_same_however_many_documents_there_are() {
    is_flat("documents", |times| {
        let mut hall = Hall::new();
        for meeting in 1..=4 * times {
            hall.publish(meeting);
        }
        let mut reader = enrolled(&hall.office, "Reader", Role::Delegate, 251);
        hall.one_publication(&mut reader, |_| {})
    });
}

#[test]
fn a_pull_costs_the_same_however_long_the_history_is() {
    is_flat("publications and notes before", |times| {
        let mut hall = Hall::new();
        let mut reader = writer(&hall.office, "Reader", Role::Delegate, 251);
        for n in 0..4 * times {
            hall.publish(0);
            let note = reader.note(1, &format!("ghi chú {n}"));
            reader.sync(&hall.office, &[note]);
        }
        hall.one_publication(&mut reader, |_| {})
    });
}

#[test]
fn a_pull_costs_the_same_however_much_others_write() {
    is_flat("notes of others", |times| {
        let mut hall = Hall::new();
        let mut writers: Vec<Device> = (1..=4)
            .map(|n| writer(&hall.office, &format!("Writer {n}"), Role::Delegate, n))
            .collect();
        let mut reader = enrolled(&hall.office, "Reader", Role::Delegate, 251);
        hall.one_publication(&mut reader, |hall| {
            hall.write_notes(&mut writers, 8 * times);
        })
    });
}

#[test]
fn a_pull_costs_the_same_however_many_devices_there_are() {
    is_flat("devices", |times| {
        let mut hall = Hall::new();
        for n in 0..4 * times {
            let person = hall
                .office
                .add_person(&format!("Đại biểu {n}"), Role::Delegate);
            let mut device = numbered(&hall.office, person.unwrap().id, n);
            device.read_all(&hall.office);
        }
        let mut reader = enrolled(&hall.office, "Reader", Role::Delegate, 251);
        hall.one_publication(&mut reader, |_| {})
    });
}

/// Enrols so many delegates.
fn delegates(hall: &Hall, count: usize) -> Vec<Device> {
    let delegate = |n| {
        let person = hall
            .office
            .add_person(&format!("Đại biểu {n}"), Role::Delegate);
        numbered(&hall.office, person.unwrap().id, n)
    };
    (0..count).map(delegate).collect()
}

#[test]
fn what_a_hundred_devices_read_is_packed_once() {
    let mut hall = Hall::new();
    let mut devices = delegates(&hall, 100);
    for device in &mut devices {
        device.read_all(&hall.office);
    }
    loop {
        hall.publish(0);
        let before = hall.office.worked();
        let replies: Vec<Vec<u8>> = devices.iter_mut().map(|it| hall.pull(it).1).collect();
        let after = hall.office.worked();
        let packed = |reply: &Vec<u8>| nghisu_core::cbor::encode(&segments(reply));
        let served: BTreeSet<Vec<u8>> = replies.iter().map(packed).collect();
        assert_eq!(served.len(), 1, "all are served the same bytes");
        let count = segments(&replies[0]).len();
        assert_eq!(after.packed - before.packed, count as u64);
        // A publication is its change and its record.
        assert_eq!(after.packed_entries - before.packed_entries, 2);
        if count == 1 {
            return;
        }
    }
}

#[test]
fn devices_with_fifty_cursors_share_all_but_their_first_segment() {
    const ENTRIES: usize = 200;
    const DEVICES: usize = 50;
    let mut hall = Hall::new();
    let mut devices = delegates(&hall, DEVICES);
    for device in &mut devices {
        device.read_all(&hall.office);
        for _ in 0..ENTRIES / DEVICES {
            hall.publish(0);
        }
    }
    // The n-th has read what was there before the n-th group of publications.
    let before = hall.office.worked();
    let (mut segments, mut distinct, mut entries) = (0, BTreeSet::new(), 0);
    for device in &mut devices {
        let (cost, bytes) = hall.pull(device);
        entries += cost.entries;
        let Reply::Synced(synced) = Reply::decode(&bytes).unwrap() else {
            panic!("not carried out");
        };
        segments += synced.segments.len();
        for segment in &synced.segments {
            assert!(segment.after < segment.to && segment.to <= synced.cursor.seq);
            let unpacked = segment.unpack().unwrap();
            distinct.insert((unpacked[0].seq, unpacked[unpacked.len() - 1].seq));
        }
    }
    let after = hall.office.worked();
    let (packed, packed_entries) = (
        after.packed - before.packed,
        after.packed_entries - before.packed_entries,
    );
    println!(
        "{DEVICES} cursors, {entries} entries in {segments} segments: {packed} packed with {packed_entries} entries"
    );
    assert!(packed <= distinct.len() as u64, "none is packed twice");
    // A first segment for each, and the ends that all meet.
    assert!(packed <= (DEVICES + ENTRIES / 8) as u64, "{packed}");
    assert!(
        packed_entries * 3 < entries as u64,
        "{packed_entries} of {entries}"
    );
}
