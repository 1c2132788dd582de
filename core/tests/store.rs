//! A device's store on a real disk: what survives, what is refused, what is carried over.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::{fs, path::Path};

use nghisu_core::{
    Code,
    ids::{DocumentId, Hash, LogId, PersonId, domain},
    store::{NoteTarget, Opening, Splice, Store, VaultState},
    sync::{
        envelope::Envelope,
        session::{Page, PageEnd, Step},
        wire::{Cursor, LogHead, Outcome},
    },
    time::Timestamp,
    trust::{
        decide::Role,
        enrol::{Address, Certificate, Enrolled, Signed, fingerprint},
        keys::{DeviceSigner, SoftwareKey},
        office::OnlineKey,
        office_keys::OfficeKeys,
    },
};
use rusqlite::Connection;
use tempfile::TempDir;
use zeroize::Zeroizing;

const NOW: Timestamp = Timestamp::from_unix_ms(1_790_000_000_000);

fn open(directory: &Path) -> nghisu_core::Result<Store> {
    let opening = Opening {
        seed: Zeroizing::new([1; 32]),
        sealing: Zeroizing::new([9; 32]),
        signer: None,
        database_key: None,
    };
    Store::open(directory, &opening, NOW)
}

/// A store that belongs to a delegate.
fn enrolled(directory: &Path) -> Store {
    let mut store = open(directory).unwrap();
    let (root, office) = (
        SoftwareKey::from_seed(&[2; 32]),
        SoftwareKey::from_seed(&[3; 32]),
    );
    let log = LogId::from_bytes([4; 16]);
    let online = OnlineKey {
        log,
        key: office.public_key(),
        issued_at: NOW,
        expires_at: NOW,
        publishes: true,
        withdrawn: Vec::new(),
    };
    let certificate = Certificate {
        log,
        key: store.signer().public_key(),
        person: PersonId::from_bytes([5; 16]),
        role: Role::Delegate,
        incarnation: 1,
        issued_at: NOW,
        expires_at: NOW,
        sealing_key: None,
        name: String::new(),
    };
    let enrolled = Enrolled {
        office: OfficeKeys::begin(
            &fingerprint(&root.public_key()),
            &root.public_key(),
            &Signed::sign(domain::ONLINE_KEY, &online, &root).unwrap(),
            &[],
        )
        .unwrap(),
        root: root.public_key(),
        certificate_signed: Signed::sign(domain::CERTIFICATE, &certificate, &office).unwrap(),
        online,
        certificate,
    };
    let address = Address {
        authority: "127.0.0.1:1".into(),
        tls: true,
    };
    store
        .enrol(&address, &enrolled, 1, "HĐND", "Đại biểu 03")
        .unwrap();
    store
}

/// An office says that it has nothing, and takes the vault that the device begins.
fn open_vault(store: &mut Store) {
    let office = store.office_keys().unwrap().unwrap();
    let page = |outcomes| {
        Step::Page(Page {
            outcomes,
            entries: Vec::new(),
            answered: Vec::new(),
            covered: Vec::new(),
            head: None,
            end: Some(Box::new(PageEnd {
                cursor: Cursor {
                    log: LogId::from_bytes([4; 16]),
                    epoch: 1,
                    seq: 0,
                    chain: Hash::ZERO,
                    mac: [0; 16],
                },
                counter: 1,
                read_token: Vec::new(),
                office_now: NOW,
                backed_up: 0,
                complete: true,
                office: Box::new(office.clone()),
                offered: None,
                head: LogHead {
                    log: LogId::from_bytes([4; 16]),
                    epoch: 1,
                    seq: 0,
                    chain: Hash::ZERO,
                },
            })),
        })
    };
    store.save(&page(Vec::new())).unwrap();
    assert!(store.prepare_vault([2; 32], NOW).unwrap());
    let mut work = store.work([3; 32]).unwrap();
    let step = work.pending.remove(0);
    let signer = store.signer();
    let envelope = Envelope::sign(
        &mut work.chain,
        step.subject,
        step.payload,
        NOW,
        signer.as_ref(),
    )
    .unwrap();
    let id = envelope.id();
    store
        .save(&Step::Envelopes(vec![(envelope, step.covers)]))
        .unwrap();
    let accepted = Outcome::Accepted {
        seq: 1,
        feed_seq: 1,
        received_at: NOW,
    };
    store.save(&page(vec![(id, accepted)])).unwrap();
    assert_eq!(store.vault_status().unwrap().state, VaultState::Open);
}

fn note(store: &mut Store, n: u8, text: &str) -> DocumentId {
    store
        .create_note(
            DocumentId::from_bytes([n; 16]),
            &NoteTarget::default(),
            text,
            NOW,
        )
        .unwrap()
        .id
}

fn insert(position: usize, text: &str) -> Vec<Splice> {
    vec![Splice {
        position,
        delete: 0,
        insert: text.into(),
    }]
}

#[test]
fn a_note_is_there_after_reopening() {
    let directory = TempDir::new().unwrap();
    let mut store = enrolled(directory.path());
    let id = note(&mut store, 1, "Kiến nghị");
    store.edit_note(id, &insert(9, " của cử tri"), NOW).unwrap();
    let key = store.signer().public_key();
    drop(store);

    let store = open(directory.path()).unwrap();

    assert_eq!(store.note(id).unwrap().text, "Kiến nghị của cử tri");
    assert_eq!(store.signer().public_key(), key);
    assert_eq!(
        store.identity().unwrap().unwrap().person_name,
        "Đại biểu 03"
    );
}

#[test]
fn edits_of_one_note_wait_as_one_envelope() {
    let directory = TempDir::new().unwrap();
    let mut store = enrolled(directory.path());
    let id = note(&mut store, 1, "");
    for position in 0..100 {
        store.edit_note(id, &insert(position, "á"), NOW).unwrap();
    }
    note(&mut store, 2, "khác");

    assert!(
        store.work([1; 32]).unwrap().pending.is_empty(),
        "there is no vault yet"
    );
    open_vault(&mut store);
    let work = store.work([1; 32]).unwrap();

    // The two notes, and the list of them.
    assert_eq!(work.pending.len(), 3);
    assert!(
        work.pending
            .iter()
            .all(|pending| pending.subject.sealed.is_some())
    );
    assert_eq!(store.unsent().unwrap(), 102);
    assert_eq!(store.note(id).unwrap().text.chars().count(), 100);
}

#[test]
fn a_large_paste_is_split_into_changes_that_each_fit_an_envelope() {
    let directory = TempDir::new().unwrap();
    let mut store = enrolled(directory.path());
    let text = "Điều 60. Chất vấn 😀. ".repeat(20_000);
    let id = note(&mut store, 1, &text);

    assert_eq!(store.note(id).unwrap().text, text);
    open_vault(&mut store);
    let work = store.work([1; 32]).unwrap();
    assert!(work.pending.len() > 1);
    assert!(
        work.pending
            .iter()
            .all(|pending| pending.payload.len() <= nghisu_core::limits::NOTE_PAYLOAD_BYTES_MAX)
    );
}

#[test]
fn a_splice_outside_of_the_text_changes_nothing() {
    let directory = TempDir::new().unwrap();
    let mut store = enrolled(directory.path());
    let id = note(&mut store, 1, "a😀b");
    for position in [2, 5] {
        let error = store
            .edit_note(id, &insert(position, "x"), NOW)
            .unwrap_err();
        assert_eq!(error.code(), Code::PositionInvalid);
    }
    let both = [insert(0, "x"), insert(99, "y")].concat();
    assert!(store.edit_note(id, &both, NOW).is_err());

    assert_eq!(store.note(id).unwrap().text, "a😀b");
    assert_eq!(
        store.edit_note(id, &insert(4, "c"), NOW).unwrap().text,
        "a😀bc"
    );
}

#[test]
fn what_is_held_keeps_its_bytes_and_is_offered_again_until_it_is_final() {
    let folder = TempDir::new().unwrap();
    let mut store = enrolled(folder.path());
    open_vault(&mut store);
    let written = note(&mut store, 1, "chờ");
    let mut work = store.work([3; 32]).unwrap();
    let signer = store.signer();
    let mut envelopes = Vec::new();
    for pending in work.pending {
        let envelope = Envelope::sign(
            &mut work.chain,
            pending.subject,
            pending.payload,
            NOW,
            signer.as_ref(),
        );
        envelopes.push((envelope.unwrap(), pending.covers));
    }
    store.save(&Step::Envelopes(envelopes.clone())).unwrap();
    let settle = |store: &mut Store, at: usize, outcome: Outcome| {
        let outcomes = vec![(envelopes[at].0.id(), outcome)];
        let page = Page {
            outcomes,
            ..Page::default()
        };
        store.save(&Step::Page(page)).unwrap();
    };
    let accepted = |seq| Outcome::Accepted {
        seq,
        feed_seq: seq,
        received_at: NOW,
    };
    let held = |reason: &str| Outcome::Held {
        reason: reason.into(),
        retry_after_ms: 1_000,
    };
    assert_eq!(envelopes.len(), 2, "the note, and the list of notes");

    settle(&mut store, 0, held("missing_dependency"));
    settle(&mut store, 1, accepted(2));
    settle(&mut store, 0, held("quota"));
    drop(store);
    let mut store = open(folder.path()).unwrap();

    let offered = store.work([4; 32]).unwrap();
    assert_eq!(offered.unsettled, [envelopes[0].0.clone()]);
    assert_eq!(offered.chain.newest, envelopes[1].0.id());
    assert!(store.not_sent().unwrap().is_empty());
    settle(&mut store, 0, accepted(3));
    assert!(store.work([5; 32]).unwrap().unsettled.is_empty());
    assert_eq!(store.note(written).unwrap().unsent, 0);
}

#[test]
fn a_second_opening_is_refused() {
    let directory = TempDir::new().unwrap();
    let _store = open(directory.path()).unwrap();
    assert_eq!(
        open(directory.path()).unwrap_err().code(),
        Code::AlreadyOpen
    );
}

#[test]
fn a_database_of_a_newer_version_is_refused_and_not_touched() {
    let directory = TempDir::new().unwrap();
    drop(enrolled(directory.path()));
    let path = directory.path().join("nghisu.db");
    let connection = Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    connection
        .pragma_update(None, "journal_mode", "DELETE")
        .unwrap();
    drop(connection);
    let before = fs::read(&path).unwrap();

    assert_eq!(
        open(directory.path()).unwrap_err().code(),
        Code::DatabaseNewer
    );

    assert!(fs::read(&path).unwrap() == before);
}

#[test]
fn what_is_no_database_is_moved_aside_and_kept() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("nghisu.db");
    fs::write(&path, "không phải cơ sở dữ liệu".repeat(100)).unwrap();

    let store = open(directory.path()).unwrap();

    let salvage = store.salvage().unwrap();
    assert_eq!(salvage.rows, 0);
    assert_eq!(
        fs::read(&salvage.moved_to).unwrap().len(),
        "không phải cơ sở dữ liệu".len() * 100
    );
}

#[test]
fn readable_rows_of_a_damaged_database_are_carried_over() {
    let directory = TempDir::new().unwrap();
    let mut store = enrolled(directory.path());
    let ids: Vec<_> = (0..40)
        .map(|n| {
            note(
                &mut store,
                n,
                &format!("Ghi chú {n} {}", "dài ".repeat(300)),
            )
        })
        .collect();
    let person = store.identity().unwrap().unwrap().certificate.person;
    drop(store);
    let path = directory.path().join("nghisu.db");
    spoil_pages_of(&path, "pending", 3);

    let mut store = open(directory.path()).unwrap();

    let salvage = store.salvage().unwrap().clone();
    assert_eq!(salvage.damaged_tables, ["pending"], "{salvage:?}");
    assert!(salvage.moved_to.exists());
    assert_eq!(
        store.identity().unwrap().unwrap().certificate.person,
        person
    );
    for (n, id) in ids.iter().enumerate() {
        assert!(
            store
                .note(*id)
                .unwrap()
                .text
                .starts_with(&format!("Ghi chú {n} "))
        );
    }
    assert!(
        store.unsent().unwrap() > 0,
        "rows at both ends of the damage are readable"
    );
    store
        .edit_note(ids[7], &insert(0, "Vẫn viết được. "), NOW)
        .unwrap();
    drop(store);
    assert!(open(directory.path()).unwrap().salvage().is_none());
}

/// Overwrites `count` leaf pages in the middle of a table.
fn spoil_pages_of(path: &Path, table: &str, count: usize) {
    let connection = Connection::open(path).unwrap();
    connection
        .pragma_update(None, "wal_checkpoint", "TRUNCATE")
        .unwrap();
    let root: u32 = connection
        .query_row(
            "SELECT rootpage FROM sqlite_schema WHERE name = ?1",
            [table],
            |row| row.get(0),
        )
        .unwrap();
    let page_size: u32 = connection
        .pragma_query_value(None, "page_size", |row| row.get(0))
        .unwrap();
    connection
        .pragma_update(None, "journal_mode", "DELETE")
        .unwrap();
    drop(connection);
    let page_size = page_size as usize;
    let mut bytes = fs::read(path).unwrap();
    let start = (root as usize - 1) * page_size;
    let page = &bytes[start..start + page_size];
    assert_eq!(page[0], 5, "the root of {table} is an interior page");
    let cells = u16::from_be_bytes([page[3], page[4]]) as usize;
    let children: Vec<usize> = (0..cells)
        .map(|cell| {
            let at = 12 + 2 * cell;
            let cell = u16::from_be_bytes([page[at], page[at + 1]]) as usize;
            u32::from_be_bytes(page[cell..cell + 4].try_into().unwrap()) as usize
        })
        .collect();
    for child in children.iter().skip(cells / 2).take(count) {
        bytes[(child - 1) * page_size..child * page_size].fill(0xa5);
    }
    fs::write(path, bytes).unwrap();
}

#[test]
fn an_act_needs_a_meeting_that_is_here() {
    let directory = TempDir::new().unwrap();
    let mut store = enrolled(directory.path());
    let act = nghisu_core::meeting::act::Act {
        id: nghisu_core::ids::ActId::from_bytes([1; 16]),
        person: PersonId::from_bytes([5; 16]),
        meeting: nghisu_core::ids::MeetingId::from_bytes([1; 16]),
        item: None,
        kind: nghisu_core::meeting::act::ActKind::SpeakingRegistration,
        text: String::new(),
        addressee: None,
        withdraws: None,
        made_at: NOW,
        ruling: None,
    };
    let error = store
        .put_act(&act, DocumentId::from_bytes([1; 16]))
        .unwrap_err();
    assert_eq!(error.code(), Code::MeetingUnknown);
    let somebody_else = nghisu_core::meeting::act::Act {
        person: PersonId::from_bytes([6; 16]),
        ..act
    };
    let error = store
        .put_act(&somebody_else, DocumentId::from_bytes([1; 16]))
        .unwrap_err();
    assert_eq!(error.code(), Code::NotAllowed);
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    let error = open(&file.join("store")).unwrap_err();
    assert_eq!(error.code(), Code::FolderNotWritable);
    assert!(error.detail().contains("store"));
}

#[test]
fn a_signed_head_that_goes_back_is_told_once() {
    let directory = TempDir::new().unwrap();
    let mut store = enrolled(directory.path());
    let office = store.office_keys().unwrap().unwrap();
    let page = |seq: u64, chain: u8| {
        Step::Page(Page {
            end: Some(Box::new(PageEnd {
                cursor: Cursor {
                    log: LogId::from_bytes([4; 16]),
                    epoch: 1,
                    seq: 0,
                    chain: Hash::ZERO,
                    mac: [0; 16],
                },
                counter: 1,
                read_token: Vec::new(),
                office_now: NOW,
                backed_up: 0,
                complete: true,
                office: Box::new(office.clone()),
                offered: None,
                head: LogHead {
                    log: LogId::from_bytes([4; 16]),
                    epoch: 1,
                    seq,
                    chain: Hash::from_bytes([chain; 32]),
                },
            })),
            ..Page::default()
        })
    };
    let told = |store: &Store| {
        let alerts = store.alerts().unwrap().into_iter();
        alerts
            .map(|alert| (alert.kind.name(), alert.detail, alert.at))
            .collect::<Vec<_>>()
    };
    for (seq, chain) in [(5, 1), (5, 1), (7, 2)] {
        assert!(store.save(&page(seq, chain)).unwrap().is_empty());
    }
    assert_eq!(told(&store), []);

    let changed = store.save(&page(6, 3)).unwrap();
    store.save(&page(6, 3)).unwrap();

    assert!(changed.contains(&nghisu_core::store::Changed::Alerts));
    assert_eq!(told(&store), [("log_rolled_back", "7".to_owned(), NOW)]);
    // Another log of the same length is another log.
    store.save(&page(6, 4)).unwrap();
    assert_eq!(told(&store).len(), 2);
    drop(store);
    assert_eq!(told(&open(directory.path()).unwrap()).len(), 2);
}

#[test]
fn a_recovery_code_that_is_written_down_is_nowhere_in_the_store() {
    let directory = TempDir::new().unwrap();
    let mut store = enrolled(directory.path());
    open_vault(&mut store);
    let code = store.recovery_code().unwrap().unwrap();
    let found = || {
        fs::read_dir(directory.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_file())
            .map(|path| fs::read(path).unwrap())
            .filter(|bytes| {
                bytes
                    .windows(16)
                    .any(|window| window == code.as_bytes().as_slice())
            })
            .count()
    };
    assert!(found() > 0, "it is kept until then");

    store.recovery_code_written().unwrap();

    assert_eq!(store.recovery_code().unwrap(), None);
    assert_eq!(found(), 0);
}
