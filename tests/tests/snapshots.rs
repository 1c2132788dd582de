//! Sealed snapshots: a new device reads one instead of a long history, and nothing depends on it.
#![expect(
    clippy::unwrap_used,
    reason = "the helpers below the tests are tests too"
)]

use nghisu_core::{
    cbor,
    ids::{DocumentId, PersonId},
    limits::SNAPSHOT_ENTRIES,
    store::Note,
    sync::snapshot::Snapshot,
    trust::decide::Role,
};
use nghisu_server::{Office, RootKey};
use nghisu_tests::{
    canary::copy_folder,
    local::{Local, NOW, folder},
    report,
};
use rusqlite::Connection;
use tempfile::TempDir;

struct Scene {
    place: TempDir,
    office: Office,
    person: PersonId,
}

impl Scene {
    fn new() -> Self {
        let place = folder();
        let office =
            Office::open_or_create(&place.path().join("office"), &RootKey::draw().unwrap())
                .unwrap();
        let person = office.add_person("Đại biểu", Role::Delegate).unwrap().id;
        Self {
            place,
            office,
            person,
        }
    }

    fn enrol(&self, seed: u8) -> Local {
        Local::enrol(&self.office, self.person, [seed; 32])
    }

    fn first(&self) -> Local {
        let mut first = self.enrol(1);
        first.sync(&self.office).unwrap();
        first
    }

    fn second(&self, first: &mut Local, seed: u8) -> Local {
        let mut second = self.enrol(seed);
        first.let_in(&self.office, &mut second).unwrap();
        second
    }
}

/// Writes a note in `entries` envelopes.
fn long_note(device: &mut Local, office: &Office, entries: u64) -> DocumentId {
    let note = device.write("Ý kiến cử tri. ");
    device.sync(office).unwrap();
    for number in 1..entries {
        device.edit(note, &format!("{number} thêm "));
        device.sync(office).unwrap();
    }
    note
}

fn texts(device: &Local) -> Vec<(DocumentId, String)> {
    let text = |note: Note| (note.id, note.text);
    device.notes().into_iter().map(text).collect()
}

fn rows(device: &Local, query: &str) -> u32 {
    let database = Connection::open(device.store.directory().join("nghisu.db")).unwrap();
    database.query_row(query, [], |row| row.get(0)).unwrap()
}

const SNAPSHOTS: &str = "SELECT count(*) FROM envelope WHERE internal = 1 AND outcome = 'accepted'";

#[test]
fn a_new_device_reads_a_snapshot_in_place_of_a_long_history() {
    let scene = Scene::new();
    let mut first = scene.first();
    long_note(&mut first, &scene.office, SNAPSHOT_ENTRIES);
    let mut plain = scene.enrol(7);
    let before = plain.sync(&scene.office).unwrap();
    assert_eq!(rows(&first, SNAPSHOTS), 0);
    first.sync(&scene.office).unwrap();
    assert_eq!(rows(&first, SNAPSHOTS), 1);

    let mut second = scene.enrol(2);
    let after = second.sync(&scene.office).unwrap();
    first.let_in(&scene.office, &mut second).unwrap();
    first.let_in(&scene.office, &mut plain).unwrap();

    report(&format!(
        "a history of {SNAPSHOT_ENTRIES} entries: {} entries read without a snapshot, {} with one",
        before.received, after.received
    ));
    assert_eq!(texts(&second), texts(&first));
    assert_eq!(texts(&plain), texts(&first));
    // The note's changes are one entry now; one entry more is the new device's certificate.
    let covered = u32::try_from(SNAPSHOT_ENTRIES).unwrap();
    assert_eq!(after.received, before.received - covered + 1 + 1);
    // What was left out is no gap to be asked for.
    assert_eq!(
        (after.requests, after.pulls),
        (before.requests, before.pulls)
    );
    second.edit(texts(&second)[0].0, "thiết bị mới ");
    second.sync(&scene.office).unwrap();
    first.sync(&scene.office).unwrap();
    assert_eq!(texts(&second), texts(&first));
}

#[test]
fn a_device_that_was_away_takes_a_snapshot_beside_what_it_has_written() {
    let scene = Scene::new();
    let mut first = scene.first();
    let note = long_note(&mut first, &scene.office, 5);
    let mut second = scene.second(&mut first, 2);
    second.edit(note, "ngoại tuyến ");
    for number in 0..SNAPSHOT_ENTRIES {
        first.edit(note, &format!("{number} "));
        first.sync(&scene.office).unwrap();
    }
    first.sync(&scene.office).unwrap();
    assert_eq!(rows(&first, SNAPSHOTS), 1);

    second.sync(&scene.office).unwrap();
    first.sync(&scene.office).unwrap();

    assert_eq!(texts(&second), texts(&first));
    assert!(texts(&first)[0].1.contains("ngoại tuyến"));
    assert!(texts(&first)[0].1.contains("Ý kiến cử tri."));
}

#[test]
fn a_snapshot_that_cannot_be_read_costs_a_request_and_nothing_else() {
    let scene = Scene::new();
    let mut first = scene.first();
    long_note(&mut first, &scene.office, SNAPSHOT_ENTRIES);
    first.store.prepare_snapshots(NOW).unwrap();
    let database = Connection::open(first.store.directory().join("nghisu.db")).unwrap();
    let payload: Vec<u8> = database
        .query_row("SELECT payload FROM pending WHERE kind = 15", [], |row| {
            row.get(0)
        })
        .unwrap();
    let mut snapshot: Snapshot = cbor::decode(&payload, "snapshot").unwrap();
    snapshot.saved.truncate(40);
    database
        .execute(
            "UPDATE pending SET payload = ?1 WHERE kind = 15",
            [cbor::encode(&snapshot)],
        )
        .unwrap();
    drop(database);
    first.sync(&scene.office).unwrap();
    assert_eq!(rows(&first, SNAPSHOTS), 1);

    let mut second = scene.second(&mut first, 2);

    assert_eq!(texts(&second), texts(&first));
    assert_eq!(rows(&second, "SELECT count(*) FROM quarantine"), 1);
    let status = second.store.vault_status().unwrap();
    assert_eq!((status.missing, status.unreadable), (0, 0));
    second.edit(texts(&second)[0].0, "và ");
    second.sync(&scene.office).unwrap();
    first.sync(&scene.office).unwrap();
    assert_eq!(texts(&second), texts(&first));
}

#[test]
fn a_snapshot_that_a_change_has_overtaken_stands_for_nothing_and_is_not_reported() {
    let scene = Scene::new();
    let mut first = scene.first();
    let mut second = scene.second(&mut first, 2);
    let note = long_note(&mut first, &scene.office, SNAPSHOT_ENTRIES);
    first.store.prepare_snapshots(NOW).unwrap();
    assert_eq!(first.store.unsent().unwrap(), 0);
    second.sync(&scene.office).unwrap();
    second.edit(note, "hai ");
    second.sync(&scene.office).unwrap();

    first.sync(&scene.office).unwrap();

    assert_eq!(rows(&first, SNAPSHOTS), 0);
    assert!(first.store.not_sent().unwrap().is_empty());
    assert_eq!(first.store.unsent().unwrap(), 0);
    let third = scene.second(&mut first, 3);
    assert_eq!(texts(&third), texts(&first));
}

#[test]
fn a_snapshot_of_a_log_that_was_put_back_stands_for_nothing() {
    let mut scene = Scene::new();
    let mut first = scene.first();
    let mut second = scene.second(&mut first, 2);
    long_note(&mut first, &scene.office, 4);
    second.sync(&scene.office).unwrap();
    let data = scene.place.path().join("office");
    let copy = scene.place.path().join("copy");
    copy_folder(&data, &copy);
    let note = texts(&first)[0].0;
    for number in 1..SNAPSHOT_ENTRIES {
        first.edit(note, &format!("{number} "));
        first.sync(&scene.office).unwrap();
    }
    // What comes to the other notes makes room for a number that the snapshot says it covers.
    first.edit(note, "cuối ");
    first.write("Ghi chú khác");
    first.sync(&scene.office).unwrap();
    first.sync(&scene.office).unwrap();
    assert_eq!(rows(&first, SNAPSHOTS), 1);
    scene.office = Office::open_or_create(&copy, &RootKey::draw().unwrap()).unwrap();

    second.edit(note, "trong lúc đó ");
    second.sync(&scene.office).unwrap();
    first.sync(&scene.office).unwrap();
    first.sync(&scene.office).unwrap();
    second.sync(&scene.office).unwrap();

    assert_eq!(rows(&first, SNAPSHOTS), 0);
    let third = scene.second(&mut first, 3);
    assert_eq!(texts(&third), texts(&first));
    assert_eq!(texts(&second), texts(&first));
    assert!(texts(&third)[0].1.contains("trong lúc đó"));
}
