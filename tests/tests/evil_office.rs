//! An office that owns the process, the database and everything that passes, and would read a
//! delegate's notes.
#![expect(
    clippy::unwrap_used,
    reason = "the helpers below the tests are tests too"
)]

use nghisu_core::{
    ids::{DocumentId, Feed, Kind, PersonId},
    store::{VaultState, WaitingDevice},
    sync::{
        envelope::{Chain, Envelope, Subject},
        session::Step,
        wire::{Entry, Reply, Segment},
    },
    trust::{decide::Role, keys::SoftwareKey},
};
use nghisu_server::{Office, RootKey, office::Confirmation};
use nghisu_tests::{
    local::{Local, NOW, folder},
    process, report,
    scan::Needle,
};
use tempfile::TempDir;

const DELEGATE: &str = "Đại biểu 03";
const PRIVATE: &str = "Kiến nghị riêng ẤQ7XW4Z của cử tri thôn Hạ";
const EDITED: &str = "Sửa thêm ỆK9VJ2N trước khi họp";
const PUBLIC: &str = "Tờ trình công khai ỞB3TM8R về ngân sách";
const PROGRAMME: &str = r#"
id = "kh-1"
kind = "regular_session"
title = "TITLE"
when = { year = 2026, month = 12, day = 8 }
"#;

#[test]
fn the_whole_machine_of_the_office_holds_no_word_of_a_note() {
    let office = process::Office::start(false);
    office.publish("kh.toml", PROGRAMME.replace("TITLE", PUBLIC).as_bytes());
    let device = process::Device::enrol(&office, DELEGATE);
    device.must(&["sync"]);
    let note = device.must(&["note", "create", PRIVATE])["id"].clone();
    let note = note.as_str().unwrap();
    device.must(&["sync"]);
    device.must(&["note", "edit", note, "--at", "0", EDITED]);
    device.must(&["sync"]);
    let other = device.another(&office, DELEGATE);
    let text = format!("{EDITED}{PRIVATE}");
    assert_eq!(other.must(&["note", "list"])[0]["text"], text);

    let everywhere = |texts: &[&str]| {
        let needle = Needle::new(texts);
        // Database, WAL, papers and keys; what the office printed and was given lies beside them.
        let disk = needle.find_in_folder(office.folder());
        let memory = needle.find_in_memory(office.pid().unwrap()).unwrap();
        (disk, memory)
    };
    let (disk, memory) = everywhere(&[PUBLIC]);
    assert!(
        disk.total() > 0 && memory.total() > 0,
        "{disk:?} {memory:?}"
    );
    report(&format!(
        "a public title: {} times on {} bytes of disk, {} times in {} bytes of memory",
        disk.total(),
        disk.bytes,
        memory.total(),
        memory.bytes
    ));
    let (disk, memory) = everywhere(&["ẤQ7XW4Z", "ỆK9VJ2N", "cử tri thôn Hạ", note]);
    assert_eq!((disk.total(), memory.total()), (0, 0));
}

/// A delegate with two devices that are in the vault, and an office.
struct Hall {
    _folder: TempDir,
    office: Office,
    person: PersonId,
    a: Local,
    b: Local,
}

impl Hall {
    fn new() -> Self {
        let place = folder();
        let office =
            Office::open_or_create(&place.path().join("office"), &RootKey::draw().unwrap())
                .unwrap();
        let person = office.add_person(DELEGATE, Role::Delegate).unwrap().id;
        let mut a = Local::enrol(&office, person, [1; 32]);
        a.sync(&office).unwrap();
        let mut b = Local::enrol(&office, person, [2; 32]);
        a.let_in(&office, &mut b).unwrap();
        Self {
            _folder: place,
            office,
            person,
            a,
            b,
        }
    }
}

#[test]
fn a_device_that_the_office_adds_by_itself_gets_no_key_and_is_shown() {
    let mut hall = Hall::new();
    hall.a.write(PRIVATE);
    hall.a.sync(&hall.office).unwrap();
    let mut ghost = Local::enrol(&hall.office, hall.person, [9; 32]);
    // It asks with a code of its own, as a new device would, and nobody shows that code to anybody.
    ghost.sync(&hall.office).unwrap();
    ghost.store.link_code([7; 16]).unwrap();
    for _ in 0..3 {
        for device in [&mut ghost, &mut hall.a, &mut hall.b] {
            device.sync(&hall.office).unwrap();
        }
        hall.a.write(EDITED);
    }

    let status = ghost.store.vault_status().unwrap();
    assert_eq!(status.state, VaultState::Waiting);
    assert!(ghost.notes().is_empty() && status.unreadable > 0);
    assert!(ghost.store.renew_recovery_code([1; 16]).is_err());
    for device in [&hall.a, &hall.b] {
        let status = device.store.vault_status().unwrap();
        assert_eq!(status.members.len(), 2);
        assert!(!status.members.contains(&ghost.id()));
        let waiting = WaitingDevice {
            device: ghost.id(),
            asked: true,
        };
        assert_eq!(status.waiting, [waiting]);
    }
}

#[test]
fn a_vault_that_somebody_else_begins_gets_no_note_and_no_new_device() {
    let mut hall = Hall::new();
    let first = hall.a.write(PRIVATE);
    hall.a.sync(&hall.office).unwrap();
    let mut ghost = Local::enrol(&hall.office, hall.person, [9; 32]);
    ghost.sync(&hall.office).unwrap();
    ghost.store.start_over([3; 16]).unwrap();
    ghost.sync(&hall.office).unwrap();
    assert!(ghost.is_open(), "a vault of its own");

    // A device that knows its vault keeps to it, and says so.
    hall.a.sync(&hall.office).unwrap();
    let second = hall.a.write(EDITED);
    hall.a.sync(&hall.office).unwrap();
    ghost.sync(&hall.office).unwrap();
    let status = hall.a.store.vault_status().unwrap();
    assert_eq!(status.state, VaultState::Replaced);
    assert!(status.contradicted);
    assert_eq!(hall.a.notes().len(), 2);
    assert!(hall.a.store.note(first).unwrap().unsent == 0);
    assert!(
        hall.a.store.note(second).unwrap().unsent > 0,
        "it stays here"
    );
    assert!(ghost.notes().is_empty());

    // A new device that waits to be approved is not taken in by it.
    let mut fresh = Local::enrol(&hall.office, hall.person, [4; 32]);
    fresh.sync(&hall.office).unwrap();
    fresh.store.link_code([5; 16]).unwrap();
    fresh.sync(&hall.office).unwrap();
    ghost.sync(&hall.office).unwrap();
    let guessed = nghisu_core::trust::vault::codes::LinkCode::new([6; 16]);
    assert!(ghost.store.approve_device(&guessed).is_err());
    fresh.sync(&hall.office).unwrap();
    assert_eq!(
        fresh.store.vault_status().unwrap().state,
        VaultState::Waiting
    );
    fresh.write("Chỉ ở đây");
    fresh.sync(&hall.office).unwrap();
    assert!(fresh.notes()[0].unsent > 0);
}

/// What an office serves in place of what a device wrote: the same sealed bytes, signed by a device
/// that the office has added, for another document or as another kind.
fn forged(entry: &Entry, ghost: &SoftwareKey, change: impl Fn(&mut Subject)) -> Entry {
    let envelope = Envelope::decode(&entry.envelope).unwrap();
    let header = envelope.header();
    let mut subject = Subject {
        log: header.log,
        feed: header.feed,
        document: header.document,
        kind: header.kind,
        generation: header.generation,
        sealed: header.sealed.clone(),
        covers: None,
    };
    change(&mut subject);
    let device = nghisu_core::trust::keys::DeviceSigner::public_key(ghost).device();
    let mut chain = Chain::start(device, 1);
    let payload = envelope.payload().to_vec();
    let envelope = Envelope::sign(&mut chain, subject, payload, NOW, ghost).unwrap();
    Entry {
        envelope: envelope.encode(),
        ..entry.clone()
    }
}

/// Rewrites the entries of a reply.
fn served(reply: Reply, mut alter: impl FnMut(Entry) -> Option<Entry>) -> Reply {
    let Reply::Synced(mut synced) = reply else {
        return reply;
    };
    for segment in &mut synced.segments {
        let entries: Vec<Entry> = segment
            .unpack()
            .unwrap()
            .into_iter()
            .filter_map(&mut alter)
            .collect();
        *segment = Segment::pack(segment.audience, segment.after, segment.to, &entries);
    }
    Reply::Synced(synced)
}

fn is_note(entry: &Entry, note: DocumentId) -> bool {
    Envelope::decode(&entry.envelope).unwrap().header().document == note
}

fn set_aside(device: &Local) -> Vec<String> {
    let path = device.store.directory().join("nghisu.db");
    let database = rusqlite::Connection::open(path).unwrap();
    let mut statement = database.prepare("SELECT reason FROM quarantine").unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

#[test]
fn sealed_bytes_that_are_moved_to_another_document_are_refused() {
    type Way = fn(&mut Subject, DocumentId);
    let ways: [(&str, Way); 4] = [
        ("document", |subject, other| subject.document = other),
        ("kind", |subject, _| subject.kind = Kind::Snapshot),
        ("feed", |subject, _| {
            subject.feed = Feed::Notes(PersonId::from_bytes([1; 16]));
        }),
        ("seal", |subject, _| subject.sealed = None),
    ];
    for (what, change) in ways {
        let mut hall = Hall::new();
        let [first, second] = [PRIVATE, EDITED].map(|text| hall.a.write(text));
        hall.a.sync(&hall.office).unwrap();
        let key = [8; 32];
        // The ghost's certificate is served like any other: the office signs it.
        let ghost = ghost_of(&hall, &key);
        hall.b
            .sync_through(&hall.office, |reply| {
                served(reply, |entry| {
                    Some(if is_note(&entry, first) {
                        forged(&entry, &ghost, |subject| change(subject, second))
                    } else {
                        entry
                    })
                })
            })
            .unwrap();

        let reasons = set_aside(&hall.b);
        assert_eq!(reasons.len(), 1, "{what}: {reasons:?}");
        for note in hall.b.notes() {
            // A gap that the forgery leaves in the feed may have been filled by then.
            let written = if note.id == first { PRIVATE } else { EDITED };
            assert_eq!(note.text, written, "{what}");
            assert!([first, second].contains(&note.id), "{what}");
        }
        // What belongs there comes in once the office serves it.
        hall.b.store.save(&Step::ReadAgain).unwrap();
        hall.b.sync(&hall.office).unwrap();
        assert_eq!(hall.b.notes().len(), 2, "{what}");
        assert_eq!(hall.b.store.vault_status().unwrap().missing, 0, "{what}");
    }
}

/// Enrols a device whose key the test knows.
fn ghost_of(hall: &Hall, key: &[u8; 32]) -> SoftwareKey {
    use nghisu_core::trust::{
        enrol::{Address, EnrolmentRequest, encode_request},
        keys::DeviceSigner,
    };
    let ghost = SoftwareKey::from_seed(key);
    let address = Address {
        authority: "127.0.0.1:7443".into(),
        tls: true,
    };
    let invitation = hall
        .office
        .invite(hall.person, address, Confirmation::AtOnce, 60_000, NOW)
        .unwrap();
    let request = EnrolmentRequest {
        version: 1,
        code: invitation.code,
        key: ghost.public_key(),
        name: "ghost".into(),
        root: invitation.root,
        sealing_key: None,
        person: None,
    };
    let request = encode_request(&request, &ghost).unwrap();
    hall.office.enrol(&request, NOW).unwrap();
    ghost
}

#[test]
fn a_note_that_the_office_withholds_is_missed() {
    let mut hall = Hall::new();
    let [withheld, _] = [PRIVATE, EDITED].map(|text| hall.a.write(text));
    hall.a.sync(&hall.office).unwrap();
    // A gap in the feed's numbers would be noticed by itself, so the office closes it.
    let mut skipped = 0;
    hall.b
        .sync_through(&hall.office, |reply| {
            served(reply, |entry| {
                skipped += u64::from(is_note(&entry, withheld));
                let closed = Entry {
                    feed_seq: entry.feed_seq - skipped,
                    ..entry.clone()
                };
                (!is_note(&entry, withheld)).then_some(closed)
            })
        })
        .unwrap();

    assert_eq!(hall.b.notes().len(), 1);
    assert_eq!(hall.b.store.vault_status().unwrap().missing, 1);
    assert_eq!(hall.a.store.vault_status().unwrap().missing, 0);
}

#[test]
fn a_device_that_the_office_closes_leaves_the_vault_at_the_others_next_sync() {
    let mut hall = Hall::new();
    hall.a.write(PRIVATE);
    hall.a.sync(&hall.office).unwrap();
    hall.b.sync(&hall.office).unwrap();
    let mut away = Local::enrol(&hall.office, hall.person, [3; 32]);
    hall.a.let_in(&hall.office, &mut away).unwrap();
    away.write("Viết khi vắng mặt");
    hall.office.revoke_device(hall.b.id(), NOW).unwrap();

    hall.a.sync(&hall.office).unwrap();
    hall.a.write(EDITED);
    hall.a.sync(&hall.office).unwrap();

    let status = hall.a.store.vault_status().unwrap();
    assert_eq!((status.epoch, status.members.len()), (2, 2));
    assert!(!status.members.contains(&hall.b.id()));
    // Whoever was away wrote for the epoch that is over; it comes in once, under the new one.
    away.sync(&hall.office).unwrap();
    hall.a.sync(&hall.office).unwrap();
    assert_eq!(away.store.unsent().unwrap(), 0);
    let texts = |device: &Local| -> Vec<String> {
        device.notes().into_iter().map(|note| note.text).collect()
    };
    assert_eq!(texts(&hall.a), texts(&away));
    assert_eq!(texts(&away).len(), 3);
    assert_eq!(hall.b.notes().len(), 1);
}
