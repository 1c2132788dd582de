//! The office itself: what it takes in, what it refuses, what it serves, and that it keeps it.
#![expect(clippy::unwrap_used, reason = "the helpers of the tests are tests too")]

#[path = "support/device.rs"]
mod device;

use device::{Device, NOW, address, another, enrolled, enrolment, entries_of, writer};
use nghisu_core::{
    Code,
    ids::{Feed, Hash, Kind},
    limits::{ENVELOPES_PER_DEVICE_AND_DAY_MAX, NOTE_PAYLOAD_BYTES_MAX},
    sync::{
        envelope::{Chain, Envelope},
        wire::{Outcome, Reply},
    },
    trust::{
        decide::{DeviceStatus, Role},
        keys::DeviceSigner,
    },
};
use nghisu_server::{
    Office, RootKey,
    office::{Confirmation, Publications},
};
use tempfile::TempDir;

fn office() -> (TempDir, Office) {
    let folder = TempDir::new().unwrap();
    let root = RootKey::draw().unwrap();
    let office = Office::create(folder.path(), &root, "", Publications::Server, NOW).unwrap();
    (folder, office)
}

fn refused(reason: &str) -> Outcome {
    Outcome::Refused {
        reason: reason.into(),
    }
}

#[test]
fn an_accepted_envelope_is_there_after_the_office_is_opened_again() {
    let (folder, office) = office();
    let mut alice = writer(&office, "Alice", Role::Delegate, 1);
    let note = alice.note(1, "câu hỏi về ngân sách");

    let synced = alice.sync(&office, std::slice::from_ref(&note));
    assert!(matches!(
        synced.outcomes[..],
        [Outcome::Accepted { feed_seq: 2, .. }]
    ));
    drop(office);
    let office = Office::open(folder.path()).unwrap();

    let mut tablet = another(&office, alice.person, 2);
    let read: Vec<_> = tablet
        .read_all(&office)
        .into_iter()
        .map(|entry| entry.envelope)
        .collect();
    assert!(read.contains(&note));
}

#[test]
fn what_a_device_wrote_is_not_echoed_to_it_unless_it_asks() {
    let (_folder, office) = office();
    let mut alice = writer(&office, "Alice", Role::Delegate, 1);
    let note = alice.note(1, "a");

    let synced = alice.sync(&office, std::slice::from_ref(&note));
    assert!(
        entries_of(&synced)
            .iter()
            .all(|entry| entry.envelope != note)
    );

    alice.cursor = None;
    let request = alice.request(&nghisu_core::sync::wire::RequestBody {
        own: true,
        ..Default::default()
    });
    let Reply::Synced(synced) = Reply::decode(&office.sync(&request, NOW).unwrap()).unwrap() else {
        panic!("not carried out");
    };
    assert!(
        entries_of(&synced)
            .iter()
            .any(|entry| entry.envelope == note)
    );
}

#[test]
fn repeats_get_the_same_outcome() {
    let (_folder, office) = office();
    let mut alice = writer(&office, "Alice", Role::Delegate, 1);
    let good = alice.note(1, "a");
    let bad = alice.envelope(Feed::Notes(alice.person), 2, Kind::Changes, b"no chunk");
    let batch = [good, bad];

    let first = alice.sync(&office, &batch);
    let again = alice.sync(&office, &batch);
    let one = alice.sync(&office, &batch[1..]);

    assert_eq!(first.outcomes.len(), 2);
    assert_eq!(first.outcomes, again.outcomes);
    assert_eq!(first.outcomes[1..], one.outcomes[..]);
    assert_eq!(first.cursor.seq, again.cursor.seq);
}

#[test]
fn a_gap_in_the_chain_stops_the_batch_and_says_what_is_expected() {
    let (_folder, office) = office();
    let mut alice = enrolled(&office, "Alice", Role::Delegate, 1);
    let first = alice.note(1, "a");
    let missing = alice.note(1, "b");
    let third = alice.note(2, "c");

    let synced = alice.sync(&office, &[first.clone(), third.clone()]);

    assert_eq!(synced.outcomes.len(), 1);
    let stopped = synced.stopped.unwrap();
    assert_eq!(stopped.reason, "chain");
    assert_eq!(stopped.device_seq, 1);
    assert_eq!(stopped.newest, Envelope::decode(&first).unwrap().id());
    let synced = alice.sync(&office, &[missing, third]);
    assert_eq!(synced.outcomes.len(), 2);
    assert_eq!(synced.stopped, None);
}

#[test]
fn a_signature_that_does_not_hold_stops_the_batch() {
    let (_folder, office) = office();
    let mut alice = enrolled(&office, "Alice", Role::Delegate, 1);
    let mut note = alice.note(1, "a");
    let id = Envelope::decode(&note).unwrap().id();
    let position = note.len() - Envelope::decode(&note).unwrap().payload().len() - 10;
    note[position] ^= 1;
    assert_eq!(
        Envelope::decode(&note).unwrap().id(),
        id,
        "the signature was altered"
    );

    let synced = alice.sync(&office, &[note]);

    assert_eq!(synced.stopped.unwrap().reason, "signature");
    assert!(synced.outcomes.is_empty());
}

#[test]
fn bytes_that_are_no_envelope_stop_the_batch() {
    let (_folder, office) = office();
    let mut alice = writer(&office, "Alice", Role::Delegate, 1);
    let note = alice.note(1, "a");

    let synced = alice.sync(&office, &[note[..note.len() - 1].to_vec()]);

    assert_eq!(synced.stopped.unwrap().reason, "malformed");
    assert!(matches!(
        alice.sync(&office, &[note]).outcomes[..],
        [Outcome::Accepted { .. }]
    ));
}

#[test]
fn a_refused_envelope_advances_the_chain() {
    let (_folder, office) = office();
    let mut alice = writer(&office, "Alice", Role::Delegate, 1);
    let bad = alice.envelope(Feed::Notes(alice.person), 1, Kind::Changes, b"no chunk");
    let same_document = alice.note(1, "a");
    let other_document = alice.note(2, "b");

    let synced = alice.sync(&office, &[bad, same_document, other_document]);

    assert_eq!(synced.outcomes[0], refused("unsealed"));
    assert_eq!(synced.outcomes[1], refused("after_refused"));
    assert!(matches!(synced.outcomes[2], Outcome::Accepted { .. }));
}

#[test]
fn feeds_of_others_and_of_the_office_are_refused() {
    let (_folder, office) = office();
    let mut alice = enrolled(&office, "Alice", Role::Delegate, 1);
    let bob = enrolled(&office, "Bob", Role::Delegate, 2);
    let mut carol = enrolled(&office, "Carol", Role::Secretary, 3);
    let meeting = nghisu_core::ids::MeetingId::from_bytes([1; 16]);
    let batch = [
        alice.envelope(Feed::Notes(bob.person), 1, Kind::Changes, b"x"),
        alice.envelope(Feed::Outbox(bob.person), 2, Kind::Act, b"x"),
        alice.envelope(Feed::Programme(meeting), 3, Kind::Changes, b"x"),
        alice.envelope(Feed::Person(alice.person), 4, Kind::Certificate, b"x"),
        alice.envelope(Feed::Notes(alice.person), 5, Kind::Act, b"x"),
        alice.envelope(Feed::Notes(alice.person), 6, Kind::Other(99), b"x"),
        alice.envelope(Feed::Draft(meeting), 7, Kind::Changes, b"x"),
    ];

    let synced = alice.sync(&office, &batch);

    let expected = [
        "not_yours",
        "not_yours",
        "office_writes",
        "office_writes",
        "kind",
        "kind",
        "office_writes",
    ];
    assert_eq!(synced.outcomes, expected.map(refused));
    let draft = carol.envelope(Feed::Draft(meeting), 1, Kind::Changes, b"x");
    // What a secretary writes there she states in her outbox.
    let refused = [refused("office_writes")];
    assert_eq!(carol.sync(&office, &[draft]).outcomes, refused);
}

#[test]
fn a_payload_over_the_limit_of_its_feed_is_refused() {
    let (_folder, office) = office();
    let mut alice = enrolled(&office, "Alice", Role::Delegate, 1);
    let large = vec![0; NOTE_PAYLOAD_BYTES_MAX + 1];
    let batch = [
        alice.envelope(Feed::Notes(alice.person), 1, Kind::Changes, &large),
        alice.envelope(Feed::Outbox(alice.person), 2, Kind::Act, &large[..9000]),
    ];

    assert_eq!(
        alice.sync(&office, &batch).outcomes,
        [refused("too_large"), refused("too_large")]
    );
}

#[test]
fn the_quota_of_a_day_holds_the_batch_and_the_next_day_goes_on() {
    let (folder, office) = office();
    let mut alice = writer(&office, "Alice", Role::Delegate, 1);
    let first = alice.note(1, "a");
    alice.sync(&office, &[first]);
    drop(office);
    let database = rusqlite::Connection::open(folder.path().join("office.db")).unwrap();
    let used = i64::try_from(ENVELOPES_PER_DEVICE_AND_DAY_MAX).unwrap();
    database
        .execute("UPDATE device SET quota_used = ?", [used])
        .unwrap();
    let office = Office::open(folder.path()).unwrap();
    let note = alice.note(2, "b");

    let held = alice.sync(&office, std::slice::from_ref(&note));

    let [
        Outcome::Held {
            reason,
            retry_after_ms,
        },
    ] = &held.outcomes[..]
    else {
        panic!("{:?}", held.outcomes);
    };
    assert_eq!(reason, "quota");
    let tomorrow = NOW.plus_ms(*retry_after_ms);
    let request = alice.request(&nghisu_core::sync::wire::RequestBody {
        envelopes: vec![note.into()],
        ..Default::default()
    });
    let Reply::Synced(synced) = Reply::decode(&office.sync(&request, tomorrow).unwrap()).unwrap()
    else {
        panic!("not carried out");
    };
    assert!(matches!(synced.outcomes[..], [Outcome::Accepted { .. }]));
}

#[test]
fn a_counter_that_is_too_low_has_no_effect() {
    let (_folder, office) = office();
    let mut alice = writer(&office, "Alice", Role::Delegate, 1);
    alice.sync(&office, &[]);
    let seq = office.seq().unwrap();
    let note = alice.note(1, "a");
    alice.counter -= 1;

    let reply = alice
        .try_sync(&office, std::slice::from_ref(&note))
        .unwrap();

    assert_eq!(reply, Reply::CounterTooLow { counter: 2 });
    assert_eq!(office.seq().unwrap(), seq);
    assert!(matches!(
        alice.sync(&office, &[note]).outcomes[..],
        [Outcome::Accepted { .. }]
    ));
}

#[test]
fn a_cursor_that_was_not_given_for_this_log_is_not_served() {
    let (_folder, office) = office();
    let mut alice = enrolled(&office, "Alice", Role::Delegate, 1);
    alice.sync(&office, &[]);
    let given = alice.cursor.clone().unwrap();

    for wrong in [
        nghisu_core::sync::wire::Cursor {
            seq: given.seq - 1,
            ..given.clone()
        },
        nghisu_core::sync::wire::Cursor {
            epoch: 2,
            ..given.clone()
        },
        nghisu_core::sync::wire::Cursor {
            chain: Hash::ZERO,
            ..given.clone()
        },
        nghisu_core::sync::wire::Cursor {
            mac: [0; 16],
            ..given
        },
    ] {
        alice.cursor = Some(wrong);
        assert_eq!(
            alice.try_sync(&office, &[]).unwrap(),
            Reply::LogChanged { epoch: 1 }
        );
    }
    alice.cursor = Some(given);
    alice.sync(&office, &[]);
}

#[test]
fn notes_are_served_to_their_owner_alone() {
    let (_folder, office) = office();
    let mut alice = writer(&office, "Alice", Role::Delegate, 1);
    let mut bob = enrolled(&office, "Bob", Role::Delegate, 2);
    let mut carol = enrolled(&office, "Carol", Role::Secretary, 3);
    let note = alice.note(1, "riêng");
    alice.sync(&office, std::slice::from_ref(&note));

    for other in [&mut bob, &mut carol] {
        assert!(
            other
                .read_all(&office)
                .iter()
                .all(|entry| entry.envelope != note)
        );
    }
    let mut tablet = another(&office, alice.person, 4);
    assert!(
        tablet
            .read_all(&office)
            .iter()
            .any(|entry| entry.envelope == note)
    );
}

#[test]
fn pages_are_bounded_and_together_complete() {
    let (_folder, office) = office();
    let mut alice = writer(&office, "Alice", Role::Delegate, 1);
    let mut tablet = another(&office, alice.person, 2);
    let text = "x".repeat(200_000);
    let notes: Vec<_> = (0..12)
        .map(|document| {
            let mut note = nghisu_core::document::Document::new([document; 16]);
            note.reconcile(&serde_json::json!({ "text": text }))
                .unwrap();
            let change = note.changes_since(&[]).concat();
            alice.sealed(document, 1, &change)
        })
        .collect();
    alice.sync(&office, &notes);

    let first = tablet.sync(&office, &[]);
    assert!(first.more);
    let mut served = entries_of(&first);
    served.extend(tablet.read_all(&office));

    let bytes: Vec<_> = served.into_iter().map(|entry| entry.envelope).collect();
    assert!(notes.iter().all(|note| bytes.contains(note)));
}

#[test]
fn an_unknown_a_locked_and_a_revoked_device_get_no_answer() {
    let (_folder, office) = office();
    let mut alice = enrolled(&office, "Alice", Role::Delegate, 1);
    let id = alice.key.public_key().device();
    for status in [
        DeviceStatus::Locked,
        DeviceStatus::Revoked,
        DeviceStatus::Pending,
    ] {
        office.set_device_status(id, status).unwrap();
        assert_eq!(
            alice.try_sync(&office, &[]).unwrap_err().code(),
            Code::DeviceRefused
        );
    }
    office.set_device_status(id, DeviceStatus::Active).unwrap();
    alice.sync(&office, &[]);

    alice.key = nghisu_core::trust::keys::SoftwareKey::from_seed(&[9; 32]);
    assert_eq!(
        alice.try_sync(&office, &[]).unwrap_err().code(),
        Code::DeviceRefused
    );
}

#[test]
fn the_same_code_with_the_same_key_gets_the_same_certificate_also_when_it_has_expired() {
    let (_folder, office) = office();
    let alice = office.add_person("Alice", Role::Delegate).unwrap();
    let invitation = office
        .invite(alice.id, address(), Confirmation::AtOnce, 60_000, NOW)
        .unwrap();
    let request = enrolment(1, &invitation);
    let later = NOW.plus_ms(60_001);

    let reply = |bytes: Vec<u8>| -> nghisu_core::trust::enrol::EnrolmentReply {
        nghisu_core::cbor::decode(&bytes, "reply").unwrap()
    };
    let first = reply(office.enrol(&request, NOW).unwrap());
    let seq = office.seq().unwrap();
    let again = reply(office.enrol(&request, later).unwrap());

    assert_eq!(first.certificate, again.certificate);
    assert_eq!(office.seq().unwrap(), seq);
    let other = office.enrol(&enrolment(2, &invitation), NOW).unwrap_err();
    assert_eq!(other.code(), Code::InvitationUsed);
}

#[test]
fn unknown_expired_and_foreign_invitations_are_refused() {
    let (_folder, office) = office();
    let (_elsewhere, other) = self::office();
    let alice = office.add_person("Alice", Role::Delegate).unwrap();
    let invitation = office
        .invite(alice.id, address(), Confirmation::AtOnce, 60_000, NOW)
        .unwrap();
    let code = |request: &[u8], now| office.enrol(request, now).unwrap_err().code();

    let mut unknown = invitation.clone();
    unknown.code = [9; 16];
    assert_eq!(code(&enrolment(1, &unknown), NOW), Code::InvitationInvalid);
    let mut foreign = invitation.clone();
    foreign.root = other.pin();
    assert_eq!(code(&enrolment(1, &foreign), NOW), Code::InvitationInvalid);
    assert_eq!(
        code(&enrolment(1, &invitation), NOW.plus_ms(60_001)),
        Code::InvitationExpired
    );
    assert_eq!(code(b"no request", NOW), Code::Malformed);
}

#[test]
fn a_sixth_device_is_refused() {
    let (_folder, office) = office();
    let alice = office.add_person("Alice", Role::Delegate).unwrap();
    for seed in 1..=5 {
        another(&office, alice.id, seed);
    }
    let invitation = office
        .invite(alice.id, address(), Confirmation::AtOnce, 60_000, NOW)
        .unwrap();

    let error = office.enrol(&enrolment(6, &invitation), NOW).unwrap_err();

    assert_eq!(error.code(), Code::TooManyDevices);
}

#[test]
fn a_name_is_found_however_it_was_typed_and_stands_once() {
    let (_folder, office) = office();
    let composed = "Nguyễn Văn Ân";
    let person = office
        .add_person(&format!(" {composed} "), Role::Chair)
        .unwrap();
    let decomposed: String = unicode_normalization::UnicodeNormalization::nfd(composed).collect();

    assert_eq!(office.person(&decomposed).unwrap(), person);
    assert_eq!(office.person(&person.id.to_string()).unwrap(), person);
    let twice = office.add_person(&decomposed, Role::Delegate).unwrap_err();
    assert_eq!(twice.code(), Code::PersonExists);
    assert_eq!(
        office.person("Bob").unwrap_err().code(),
        Code::PersonUnknown
    );
}

#[test]
fn a_first_start_that_was_interrupted_anywhere_is_completed_by_the_next() {
    let (folder, office) = office();
    let log = office.log();
    drop(office);
    let root = RootKey::draw().unwrap();
    assert_eq!(
        Office::open_or_create(folder.path(), &root).unwrap().log(),
        log
    );

    let elsewhere = TempDir::new().unwrap();
    let keys = elsewhere.path().join("keys");
    std::fs::create_dir(&keys).unwrap();
    let left_behind = std::fs::read(folder.path().join("keys/online.key")).unwrap();
    for name in ["online.key", "online-next.key"] {
        std::fs::write(keys.join(name), &left_behind).unwrap();
    }
    std::fs::write(keys.join(".tmpAbc"), b"half a key").unwrap();
    assert_eq!(
        Office::open(elsewhere.path()).unwrap_err().code(),
        Code::OfficeMissing
    );
    std::fs::write(elsewhere.path().join("office.db"), b"").unwrap();
    let error = Office::open(elsewhere.path()).unwrap_err();
    assert_eq!(error.code(), Code::OfficeMissing);
    let office = Office::open_or_create(elsewhere.path(), &root).unwrap();
    assert_eq!(office.pin(), root.pin());
    assert_ne!(office.log(), log);
    assert_eq!(office.verify_log().unwrap(), 1);
    assert!(!keys.join("online-next.key").exists());
}

#[test]
fn keys_are_for_their_owner_alone_and_are_never_made_anew_for_a_log() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, office) = office();
    office.tls_config([127, 0, 0, 1].into(), NOW).unwrap();
    let keys = folder.path().join("keys");
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&keys), 0o700);
    let mut names: Vec<_> = std::fs::read_dir(&keys)
        .unwrap()
        .map(|file| file.unwrap().path())
        .inspect(|path| assert_eq!(mode(path), 0o600, "{}", path.display()))
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    assert_eq!(names, ["online.key", "tls.crt", "tls.key"]);

    drop(office);
    std::fs::remove_file(keys.join("online.key")).unwrap();
    let error = Office::open_or_create(folder.path(), &RootKey::draw().unwrap()).unwrap_err();
    assert_eq!(error.code(), Code::KeyFile);
    assert!(!keys.join("online.key").exists());
}

#[test]
fn the_tls_leaf_is_renewed_for_other_names_and_before_it_runs_out() {
    let (folder, office) = office();
    let leaf = || std::fs::read(folder.path().join("keys/tls.crt")).unwrap();
    let day = 24 * 60 * 60 * 1000;
    office.tls_config([127, 0, 0, 1].into(), NOW).unwrap();
    let first = leaf();
    office
        .tls_config([127, 0, 0, 1].into(), NOW.plus_ms(300 * day))
        .unwrap();
    assert_eq!(leaf(), first);
    office
        .tls_config([127, 0, 0, 1].into(), NOW.plus_ms(336 * day))
        .unwrap();
    let second = leaf();
    assert_ne!(second, first);
    office
        .tls_config([127, 0, 0, 2].into(), NOW.plus_ms(336 * day))
        .unwrap();
    assert_ne!(leaf(), second);
}

#[test]
fn a_newer_and_a_damaged_database_are_refused_and_not_touched() {
    let (folder, office) = office();
    drop(office);
    let path = folder.path().join("office.db");
    let database = rusqlite::Connection::open(&path).unwrap();
    database.execute_batch("PRAGMA user_version = 99").unwrap();
    drop(database);
    assert_eq!(
        Office::open(folder.path()).unwrap_err().code(),
        Code::DatabaseNewer
    );

    std::fs::write(&path, vec![b'x'; 8192]).unwrap();
    assert_eq!(
        Office::open(folder.path()).unwrap_err().code(),
        Code::DatabaseCorrupt
    );
    assert_eq!(std::fs::read(&path).unwrap(), vec![b'x'; 8192]);
}

#[test]
fn a_folder_that_cannot_be_written_to_is_named() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, b"").unwrap();

    let error =
        Office::open_or_create(&file.join("office"), &RootKey::draw().unwrap()).unwrap_err();

    assert_eq!(error.code(), Code::FolderNotWritable);
    assert!(error.detail().contains("file"), "{}", error.detail());
}

#[test]
fn many_threads_append_without_gaps() {
    let (_folder, office) = office();
    let mut devices: Vec<Device> = (1..=8)
        .map(|seed| writer(&office, &format!("Person {seed}"), Role::Delegate, seed))
        .collect();
    let before = office.seq().unwrap();

    std::thread::scope(|scope| {
        for device in &mut devices {
            scope.spawn(|| {
                for document in 0..10 {
                    let note = device.note(document, "x");
                    let synced = device.sync(&office, &[note]);
                    assert!(matches!(synced.outcomes[..], [Outcome::Accepted { .. }]));
                }
            });
        }
    });

    assert_eq!(office.seq().unwrap(), before + 80);
}

#[test]
fn two_offices_open_on_one_folder_continue_one_log() {
    let (folder, office) = office();
    let beside = Office::open(folder.path()).unwrap();
    let mut alice = writer(&office, "Alice", Role::Delegate, 1);
    let note = alice.note(1, "a");

    alice.sync(&beside, &[note]);
    let other = alice.note(2, "b");
    let synced = alice.sync(&office, &[other]);

    assert!(matches!(
        synced.outcomes[..],
        [Outcome::Accepted { seq: 5, .. }]
    ));
    assert_eq!(beside.seq().unwrap(), 5);
}

#[test]
fn an_incarnation_that_the_office_did_not_give_is_stopped() {
    let (_folder, office) = office();
    let mut alice = enrolled(&office, "Alice", Role::Delegate, 1);
    alice.chain = Chain::start(alice.key.public_key().device(), 2);
    let note = alice.note(1, "a");

    assert_eq!(
        alice.sync(&office, &[note]).stopped.unwrap().reason,
        "chain"
    );
}
