//! A device that is lost, as its store sees it: locked, released, wiped, kept from its office,
//! enrolled anew.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::{fs, path::Path};

use nghisu_core::{
    Code,
    ids::{ActId, DeviceId, DocumentId, Feed, Kind, LogId, MeetingId, PersonId, domain},
    limits::{LEASE_RUNNING_MS, LEASE_STEP_MS},
    meeting::act::{Act, ActKind, SignedAct},
    store::{NoteTarget, Opening, Standing, Store},
    sync::{
        envelope::Envelope,
        session::{Page, PageEnd, Step},
        wire::{Cursor, LogHead, Outcome},
    },
    time::Timestamp,
    trust::{
        decide::Role,
        enrol::{Address, Certificate, Enrolled, Signed, fingerprint},
        keys::{DeviceSigner, PublicKey, SoftwareKey},
        office::OnlineKey,
        office_keys::OfficeKeys,
        orders::{Order, OrderKind, SignedOrder},
    },
};
use rusqlite::Connection;
use tempfile::TempDir;
use zeroize::Zeroizing;

const NOW: Timestamp = Timestamp::from_unix_ms(1_790_000_000_000);
const TEN_YEARS_MS: u64 = 10 * 365 * 24 * 60 * 60 * 1000;
const LOG: LogId = LogId::from_bytes([4; 16]);
const ALICE: PersonId = PersonId::from_bytes([5; 16]);
const CANARY: &str = "chim hoàng yến 7Q2";

fn dice(seed: u8) -> Opening {
    Opening {
        seed: Zeroizing::new([seed; 32]),
        sealing: Zeroizing::new([seed + 100; 32]),
        signer: None,
        database_key: None,
    }
}

fn open(directory: &Path) -> Store {
    Store::open(directory, &dice(1), NOW).unwrap()
}

fn root() -> SoftwareKey {
    SoftwareKey::from_seed(&[2; 32])
}

fn online(seed: u8) -> (SoftwareKey, OnlineKey) {
    let key = SoftwareKey::from_seed(&[seed; 32]);
    let statement = OnlineKey {
        log: LOG,
        key: key.public_key(),
        issued_at: NOW,
        expires_at: NOW,
        publishes: true,
        withdrawn: Vec::new(),
    };
    (key, statement)
}

/// What the office answers to a device with this key.
fn answer(key: PublicKey, person: PersonId) -> Enrolled {
    let (office, online) = online(3);
    let certificate = Certificate {
        log: LOG,
        key,
        person,
        role: Role::Delegate,
        incarnation: 1,
        issued_at: NOW,
        expires_at: NOW,
        sealing_key: None,
        name: "máy tính bảng".into(),
    };
    Enrolled {
        root: root().public_key(),
        office: OfficeKeys::begin(
            &fingerprint(&root().public_key()),
            &root().public_key(),
            &Signed::sign(domain::ONLINE_KEY, &online, &root()).unwrap(),
            &[],
        )
        .unwrap(),
        certificate_signed: Signed::sign(domain::CERTIFICATE, &certificate, &office).unwrap(),
        online,
        certificate,
    }
}

fn enrol(store: &mut Store, key: PublicKey, person: PersonId) -> nghisu_core::Result<()> {
    let address = Address {
        authority: "127.0.0.1:1".into(),
        tls: true,
    };
    store.enrol(&address, &answer(key, person), 1, "HĐND", "Đại biểu 03")
}

fn enrolled(directory: &Path) -> Store {
    let mut store = open(directory);
    let key = store.signer().public_key();
    enrol(&mut store, key, ALICE).unwrap();
    store
}

fn own(store: &Store) -> DeviceId {
    store.signer().public_key().device()
}

/// An order to `device`, signed by the office of these tests.
fn order(device: DeviceId, kind: OrderKind, number: u64) -> SignedOrder {
    order_by(device, kind, number, 3, &root())
}

fn order_by(
    device: DeviceId,
    kind: OrderKind,
    number: u64,
    by: u8,
    root: &SoftwareKey,
) -> SignedOrder {
    let (office, statement) = online(by);
    let order = Order {
        log: LOG,
        device,
        kind,
        number,
        at: NOW,
    };
    let statement = Signed::sign(domain::ONLINE_KEY, &statement, root).unwrap();
    order.sign(&office, statement, Vec::new()).unwrap()
}

fn note(store: &mut Store, n: u8, text: &str) -> DocumentId {
    let id = DocumentId::from_bytes([n; 16]);
    store
        .create_note(id, &NoteTarget::default(), text, NOW)
        .unwrap();
    id
}

fn speak(store: &mut Store, n: u8) -> ActId {
    let act = Act {
        id: ActId::from_bytes([n; 16]),
        person: ALICE,
        meeting: MeetingId::from_bytes([6; 16]),
        item: None,
        kind: ActKind::QuestionSlip,
        text: format!("câu hỏi {n}"),
        addressee: None,
        withdraws: None,
        made_at: NOW,
        ruling: None,
    };
    // A meeting without any content: what matters is what becomes of the act.
    Connection::open(store.directory().join("nghisu.db"))
        .unwrap()
        .execute(
            "INSERT OR IGNORE INTO programme VALUES (?1, ?2, 1, zeroblob(32), '', 0, NULL, zeroblob(32), '', '{}')",
            (Feed::Programme(act.meeting).to_bytes(), act.meeting.as_bytes()),
        )
        .unwrap();
    let document = DocumentId::from_bytes([n; 16]);
    store.put_act(&act, document).unwrap();
    act.id
}

#[test]
fn a_lock_holds_until_a_newer_release_and_destroys_nothing() {
    let directory = TempDir::new().unwrap();
    let mut store = enrolled(directory.path());
    let id = note(&mut store, 1, "Kiến nghị");
    let device = own(&store);

    store.obey(&order(device, OrderKind::Lock, 1)).unwrap();
    assert_eq!(store.standing(0).unwrap(), Standing::Locked);
    drop(store);
    let mut store = open(directory.path());
    assert_eq!(store.standing(0).unwrap(), Standing::Locked);
    let replayed = store.obey(&order(device, OrderKind::Lock, 1)).unwrap_err();
    assert_eq!(replayed.code(), Code::Malformed);

    let release = order(device, OrderKind::Release, 2);
    store.obey(&release).unwrap();
    assert_eq!(store.standing(0).unwrap(), Standing::Usable);
    assert_eq!(store.note(id).unwrap().text, "Kiến nghị");

    // Once it is locked again, the release of before does not open it.
    store.obey(&order(device, OrderKind::Lock, 3)).unwrap();
    assert_eq!(store.obey(&release).unwrap_err().code(), Code::Malformed);
    assert_eq!(store.standing(0).unwrap(), Standing::Locked);
    assert_eq!(store.unsent().unwrap(), 1);
}

#[test]
fn a_forged_or_foreign_order_changes_nothing() {
    let directory = TempDir::new().unwrap();
    let mut store = enrolled(directory.path());
    let device = own(&store);
    let other = DeviceId::from_bytes([7; 16]);
    let other_root = SoftwareKey::from_seed(&[8; 32]);
    let wrong_name = {
        // The order of the device, beside the statement about another key.
        let mut forged = order_by(device, OrderKind::Wipe, 1, 9, &root());
        forged.online = order(device, OrderKind::Wipe, 1).online;
        forged
    };
    for wrong in [
        order(other, OrderKind::Wipe, 1),
        order_by(device, OrderKind::Wipe, 1, 9, &other_root),
        wrong_name,
    ] {
        let error = store.obey(&wrong).unwrap_err();
        assert_eq!(error.code(), Code::OfficeCertificate);
        // As a reply would bring it: noted, and the sync goes on.
        let changed = store.save(&Step::Order(Box::new(wrong))).unwrap();
        assert!(changed.is_empty());
        assert_eq!(store.standing(0).unwrap(), Standing::Usable);
        assert!(!directory.path().join("nghisu.wipe").exists());
    }
    // None of them has used up a number.
    store.obey(&order(device, OrderKind::Lock, 1)).unwrap();
}

fn files(directory: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push((path.clone(), fs::read(&path).unwrap()));
        }
    }
    found
}

fn holds(directory: &Path, needle: &[u8]) -> bool {
    files(directory)
        .iter()
        .any(|(_, bytes)| bytes.windows(needle.len()).any(|it| it == needle))
}

/// A store with something of everything: a note, a paper, a copy of a damaged database, a key.
fn full(directory: &Path) -> Store {
    let mut store = enrolled(directory);
    note(&mut store, 1, CANARY);
    fs::write(directory.join("papers").join("aa"), CANARY).unwrap();
    fs::write(directory.join("nghisu.db.damaged-1"), CANARY).unwrap();
    fs::write(directory.join("nghisu.db.damaged-1-wal"), CANARY).unwrap();
    assert!(holds(directory, CANARY.as_bytes()));
    assert!(holds(directory, &[1; 32]), "the key is in the database");
    store
}

#[test]
fn a_wipe_leaves_nothing_and_can_be_repeated() {
    let directory = TempDir::new().unwrap();
    let mut store = full(directory.path());
    let device = own(&store);

    store.obey(&order(device, OrderKind::Wipe, 1)).unwrap();

    assert_eq!(store.standing(0).unwrap(), Standing::Wiped);
    assert_eq!(
        store
            .begin_enrolment("nghisu://x", &dice(2))
            .unwrap_err()
            .code(),
        Code::Wiped
    );
    for needle in [CANARY.as_bytes(), &[1; 32]] {
        assert!(!holds(directory.path(), needle));
    }
    drop(store);
    for _ in 0..2 {
        let mut store = Store::open(directory.path(), &dice(2), NOW).unwrap();
        assert_eq!(store.standing(0).unwrap(), Standing::Wiped);
        assert!(store.identity().unwrap().is_none());
    }
    // Found again, it is enrolled like any other.
    let mut store = Store::open(directory.path(), &dice(3), NOW).unwrap();
    let asking = store.begin_enrolment("nghisu://x", &dice(3)).unwrap();
    enrol(&mut store, asking.signer.public_key(), ALICE).unwrap();
    assert_eq!(store.standing(0).unwrap(), Standing::Usable);
    assert!(store.notes(None).unwrap().is_empty());
}

#[test]
fn a_wipe_that_was_interrupted_is_finished_by_the_next_opening() {
    // What a kill can leave behind: the marker alone, half of a file overwritten, files gone.
    for stage in 0..4 {
        let directory = TempDir::new().unwrap();
        let path = directory.path();
        drop(full(path));
        fs::write(path.join("nghisu.wipe"), b"").unwrap();
        if stage >= 1 {
            let database = path.join("nghisu.db");
            let mut bytes = fs::read(&database).unwrap();
            let half = bytes.len() / 2;
            bytes[..half].fill(0);
            fs::write(&database, bytes).unwrap();
        }
        if stage >= 2 {
            fs::remove_file(path.join("nghisu.db")).unwrap();
        }
        if stage >= 3 {
            fs::remove_dir_all(path.join("papers")).unwrap();
        }

        let mut store = Store::open(path, &dice(2), NOW).unwrap();

        assert_eq!(store.standing(0).unwrap(), Standing::Wiped, "{stage}");
        for needle in [CANARY.as_bytes(), &[1; 32]] {
            assert!(!holds(path, needle), "{stage}");
        }
        assert!(!path.join("nghisu.wipe").exists());
    }
}

/// A reply that reads the log to its end.
fn met(store: &Store) -> Step {
    Step::Page(Page {
        end: Some(Box::new(PageEnd {
            cursor: Cursor {
                log: LOG,
                epoch: 1,
                seq: 0,
                chain: nghisu_core::ids::Hash::ZERO,
                mac: [0; 16],
            },
            counter: 1,
            read_token: Vec::new(),
            office_now: NOW,
            backed_up: 0,
            complete: true,
            office: Box::new(store.office_keys().unwrap().unwrap()),
            offered: None,
            head: LogHead {
                log: LOG,
                epoch: 1,
                seq: 0,
                chain: nghisu_core::ids::Hash::ZERO,
            },
        })),
        ..Page::default()
    })
}

#[test]
fn a_lease_counts_running_time_whatever_the_wall_clock_says() {
    let directory = TempDir::new().unwrap();
    drop(enrolled(directory.path()));
    let wall_clocks = [
        NOW,
        NOW.plus_ms(TEN_YEARS_MS),
        Timestamp::from_unix_ms(NOW.unix_ms() - TEN_YEARS_MS),
        Timestamp::from_unix_ms(0),
    ];
    let per_run = LEASE_RUNNING_MS / 4;
    for (run, now) in wall_clocks.into_iter().enumerate() {
        let mut store = Store::open(directory.path(), &dice(1), now).unwrap();
        for ms in [0, per_run / 2, per_run - 4 * LEASE_STEP_MS] {
            assert_eq!(store.standing(ms).unwrap(), Standing::Usable, "run {run}");
        }
        // The clock of the run itself goes back: nothing is counted twice, nothing is given back.
        assert_eq!(store.standing(0).unwrap(), Standing::Usable);
        store
            .create_note(
                DocumentId::from_bytes([run as u8; 16]),
                &NoteTarget::default(),
                "ghi",
                now,
            )
            .unwrap();
    }

    let mut store = open(directory.path());
    store.standing(0).unwrap();
    assert_eq!(
        store.standing(17 * LEASE_STEP_MS).unwrap(),
        Standing::LeaseOver
    );
    drop(store);
    let mut store = Store::open(directory.path(), &dice(1), wall_clocks[2]).unwrap();
    assert_eq!(store.standing(0).unwrap(), Standing::LeaseOver);
    assert_eq!(store.unsent().unwrap(), 4, "nothing is destroyed");

    let step = met(&store);
    store.save(&step).unwrap();

    assert_eq!(store.standing(0).unwrap(), Standing::Usable);
    drop(store);
    let mut store = open(directory.path());
    store.standing(0).unwrap();
    let nearly = LEASE_RUNNING_MS - 4 * LEASE_STEP_MS;
    assert_eq!(store.standing(nearly).unwrap(), Standing::Usable);
}

/// Signs what waits, as a session does, and returns the envelopes.
fn sign_all(store: &mut Store) -> Vec<Envelope> {
    let mut work = store.work([1; 32]).unwrap();
    let signer = store.signer();
    let envelopes: Vec<(Envelope, i64)> = work
        .pending
        .into_iter()
        .map(|it| {
            let chain = &mut work.chain;
            let envelope =
                Envelope::sign(chain, it.subject, it.payload, it.at, signer.as_ref()).unwrap();
            (envelope, it.covers)
        })
        .collect();
    store.save(&Step::Envelopes(envelopes.clone())).unwrap();
    envelopes
        .into_iter()
        .map(|(envelope, _)| envelope)
        .collect()
}

fn settle(store: &mut Store, envelope: &Envelope, seq: u64) {
    let outcome = Outcome::Accepted {
        seq,
        feed_seq: seq,
        received_at: NOW,
    };
    store
        .save(&Step::Page(Page {
            outcomes: vec![(envelope.id(), outcome)],
            ..Page::default()
        }))
        .unwrap();
}

#[test]
fn what_a_locked_device_had_not_handed_in_waits_under_the_new_one_as_it_was_signed() {
    let directory = TempDir::new().unwrap();
    let mut store = enrolled(directory.path());
    let before = own(&store);
    speak(&mut store, 1);
    let settled = sign_all(&mut store);
    settle(&mut store, &settled[0], 1);
    let act = speak(&mut store, 2);
    let sent = sign_all(&mut store);
    let later = speak(&mut store, 3);
    note(&mut store, 4, "chưa gửi");
    assert_eq!(store.unsent().unwrap(), 3);
    store.obey(&order(before, OrderKind::Lock, 1)).unwrap();

    let asking = store.begin_enrolment("nghisu://x", &dice(7)).unwrap();
    // Interrupted: the same keys, also after another start.
    drop(store);
    let mut store = open(directory.path());
    let again = store.begin_enrolment("nghisu://x", &dice(8)).unwrap();
    let key = again.signer.public_key();
    assert_eq!(key, asking.signer.public_key());
    assert_eq!(again.sealing_key, asking.sealing_key);
    assert_eq!(again.person, Some(ALICE));
    assert_ne!(key.device(), before);
    enrol(&mut store, key.clone(), ALICE).unwrap();

    assert_eq!(own(&store), key.device());
    assert_eq!(store.standing(0).unwrap(), Standing::Usable);
    assert_eq!(store.unsent().unwrap(), 3);
    let envelopes = sign_all(&mut store);
    assert!(envelopes.iter().all(|envelope| envelope.verify(&key)));
    assert_eq!(envelopes.len(), 2, "the note waits for the vault");
    assert_eq!(envelopes[0].payload(), sent[0].payload());
    for (envelope, act) in envelopes.iter().zip([act, later]) {
        assert_eq!(envelope.header().kind, Kind::Act);
        let (signed, carried) = SignedAct::decode(envelope.payload()).unwrap();
        assert_eq!((carried.id, signed.made_on), (act, before));
    }
    let former = store.former_keys().unwrap();
    assert_eq!(former.len(), 1);
    assert_eq!(former[0].device, before);
    assert_eq!(*former[0].sealing, [101; 32]);
    drop(store);
    // Nothing of it depends on this run.
    let mut store = open(directory.path());
    assert_eq!(own(&store), key.device());
    assert_eq!(store.acts(None).unwrap().len(), 3);
    assert_eq!(store.notes(None).unwrap().len(), 1);
    // An office that has lost its log gets back what the former device had handed in too.
    store.save(&Step::ReadAgain).unwrap();
    assert_eq!(store.unsent().unwrap(), 4);
    let all = sign_all(&mut store);
    assert_eq!(all[0].payload(), settled[0].payload());
}

#[test]
fn a_store_is_enrolled_anew_for_its_owner_alone_and_only_when_it_has_to_be() {
    let directory = TempDir::new().unwrap();
    let mut store = enrolled(directory.path());
    let before = own(&store);
    let early = store.begin_enrolment("nghisu://x", &dice(7)).unwrap_err();
    assert_eq!(early.code(), Code::AlreadyEnrolled);

    store.note_refusal("revoked").unwrap();
    let key = store
        .begin_enrolment("nghisu://x", &dice(7))
        .unwrap()
        .signer
        .public_key();
    let bob = PersonId::from_bytes([9; 16]);
    let other = enrol(&mut store, key.clone(), bob).unwrap_err();
    assert_eq!(other.code(), Code::AlreadyEnrolled);
    assert_eq!(own(&store), before);
    let nobody = SoftwareKey::from_seed(&[77; 32]).public_key();
    let error = enrol(&mut store, nobody, ALICE).unwrap_err();
    assert_eq!(error.code(), Code::KeyMissing);
    enrol(&mut store, key.clone(), ALICE).unwrap();
    assert_eq!(own(&store), key.device());
}
