//! A meeting from draft to record: import, publication, acts and their receipts, and the log that
//! all of it comes from.
#![expect(clippy::unwrap_used, reason = "the helpers of the tests are tests too")]

#[path = "support/device.rs"]
mod device;

use std::path::{Path, PathBuf};

use device::{Device, NOW, another, enrolled, entries_of, writer};
use nghisu_core::{
    Code, cbor,
    ids::{Feed, Kind, MeetingId},
    meeting::{
        Programme,
        act::{Act, ActKind, Receipt, ReceiptBatch, SignedAct},
        content_hash,
        publication::{Publication, SignedPublication},
        view::{Seen, View},
    },
    sync::{
        envelope::Envelope,
        wire::{Entry, Outcome},
    },
    trust::{decide::Role, keys::DeviceSigner},
};
use nghisu_server::{Office, RootKey};
use tempfile::TempDir;

const PROGRAMME: &str = r#"
id = "kh-1"
kind = "regular_session"
title = "Kỳ họp thứ Nhất"

[[paper]]
id = "p1"
title = "Tờ trình"
file = "p1.pdf"

[[item]]
id = "i1"
title = "Khai mạc"

[[item]]
id = "i2"
title = "Báo cáo ngân sách"
papers = ["p1"]
"#;

struct Hall {
    folder: TempDir,
    office: Office,
}

impl Hall {
    /// An office with a published meeting of two items and one paper.
    fn new() -> Self {
        let hall = Self::empty();
        hall.import(PROGRAMME);
        hall.office.publish(None, "bản đầu", NOW).unwrap();
        hall
    }

    fn empty() -> Self {
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join("p1.pdf"), b"%PDF-1.7 content").unwrap();
        let office =
            Office::open_or_create(&folder.path().join("office"), &RootKey::draw().unwrap())
                .unwrap();
        Self { folder, office }
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn import(&self, text: &str) -> bool {
        let path = self.file("kh.toml", text);
        self.office.import_files(&[path], NOW, |_| {}).unwrap()[0].changed
    }

    fn meeting(&self) -> MeetingId {
        self.office.meetings().unwrap()[0].meeting
    }

    fn database(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.folder.path().join("office/office.db")).unwrap()
    }
}

fn envelopes(entries: &[Entry]) -> Vec<Envelope> {
    entries
        .iter()
        .map(|entry| Envelope::decode(&entry.envelope).unwrap())
        .collect()
}

/// What a device that has these entries knows.
fn view_of(entries: &[Entry], person: nghisu_core::ids::PersonId) -> serde_json::Value {
    let mut view = View::default();
    for (entry, envelope) in entries.iter().zip(envelopes(entries)) {
        view.apply(Seen {
            log: envelope.header().log,
            feed: envelope.header().feed,
            document: envelope.header().document,
            kind: envelope.header().kind,
            payload: envelope.payload(),
            seq: entry.seq,
            received_at: entry.received_at,
        })
        .unwrap();
    }
    view.to_json_of(person, |_| true)
}

fn receipts_in(entries: &[Entry]) -> Vec<Receipt> {
    envelopes(entries)
        .iter()
        .filter(|envelope| envelope.header().kind == Kind::Receipts)
        .flat_map(|envelope| {
            let batch: ReceiptBatch = cbor::decode(envelope.payload(), "receipts").unwrap();
            batch.receipts
        })
        .collect()
}

fn send(hall: &Hall, device: &mut Device, acts: &[Act]) -> Vec<Receipt> {
    let envelopes: Vec<_> = acts.iter().map(|act| device.send_act(act)).collect();
    let synced = device.sync(&hall.office, &envelopes);
    assert_eq!(synced.outcomes.len(), acts.len());
    assert!(
        synced
            .outcomes
            .iter()
            .all(|outcome| matches!(outcome, Outcome::Accepted { .. })),
        "{:?}",
        synced.outcomes
    );
    receipts_in(&entries_of(&synced))
}

fn withdrawal(device: &Device, id: u8, of: &Act) -> Act {
    Act {
        withdraws: Some(of.id),
        ..device.act(id, of.meeting, None, ActKind::Withdrawal)
    }
}

#[test]
fn what_one_imports_and_publishes_reaches_the_others_page() {
    let hall = Hall::new();
    let mut bob = enrolled(&hall.office, "Bob", Role::Delegate, 2);

    let entries = bob.read_all(&hall.office);

    let view = view_of(&entries, bob.person);
    let shown = &view["meetings"][hall.meeting().to_string()];
    assert_eq!(shown["number"], 1);
    assert_eq!(shown["note"], "bản đầu");
    let programme = Programme::from_json(&shown["programme"]).unwrap();
    let titles: Vec<_> = programme
        .items_in_order()
        .into_iter()
        .map(|(_, item)| item.title.as_str())
        .collect();
    assert_eq!(titles, ["Khai mạc", "Báo cáo ngân sách"]);
}

#[test]
fn a_publication_is_one_change_and_one_record_in_one_document() {
    let hall = Hall::new();
    hall.import(&PROGRAMME.replace("Khai mạc", "Chào cờ"));
    hall.office.publish(None, "", NOW).unwrap();
    let mut bob = enrolled(&hall.office, "Bob", Role::Delegate, 2);

    let entries = bob.read_all(&hall.office);

    let feed = Feed::Programme(hall.meeting());
    let of_feed: Vec<_> = envelopes(&entries)
        .into_iter()
        .filter(|envelope| envelope.header().feed == feed)
        .collect();
    let kinds: Vec<_> = of_feed
        .iter()
        .map(|envelope| envelope.header().kind)
        .collect();
    assert_eq!(
        kinds,
        [
            Kind::Changes,
            Kind::Publication,
            Kind::Changes,
            Kind::Publication
        ]
    );
    assert!(
        of_feed
            .windows(2)
            .all(|two| two[0].header().document == two[1].header().document)
    );
    let records: Vec<Publication> = [&of_feed[1], &of_feed[3]]
        .map(|envelope| SignedPublication::decode(envelope.payload()).unwrap().1)
        .into();
    assert_eq!((records[0].number, records[0].base_number), (1, 0));
    assert_eq!((records[1].number, records[1].base_number), (2, 1));
    let chunks = nghisu_core::document::split_chunks(of_feed[2].payload()).unwrap();
    assert_eq!(chunks.len(), 1);
}

#[test]
fn nothing_of_a_draft_is_in_any_byte_that_a_delegate_is_served() {
    let hall = Hall::new();
    let secret = "Bỏ phiếu tín nhiệm đột xuất";
    hall.import(&PROGRAMME.replace("Khai mạc", secret));
    let mut bob = enrolled(&hall.office, "Bob", Role::Delegate, 2);
    let mut carol = enrolled(&hall.office, "Carol", Role::Secretary, 3);
    let has = |entries: &[Entry]| {
        entries.iter().any(|entry| {
            entry
                .envelope
                .windows(secret.len())
                .any(|window| window == secret.as_bytes())
        })
    };

    assert!(
        has(&carol.read_all(&hall.office)),
        "a secretary reads drafts"
    );
    assert!(!has(&bob.read_all(&hall.office)));
    hall.import(PROGRAMME);
    hall.import(&PROGRAMME.replace("ngân sách", "kinh tế"));
    hall.office.publish(None, "", NOW).unwrap();

    let mut tablet = another(&hall.office, bob.person, 4);
    assert!(!has(&tablet.read_all(&hall.office)));
}

#[test]
fn an_import_of_equal_content_writes_nothing_and_there_is_nothing_to_publish() {
    let hall = Hall::new();
    let seq = hall.office.seq().unwrap();

    assert!(!hall.import(PROGRAMME));
    let error = hall.office.publish(None, "", NOW).unwrap_err();

    assert_eq!(error.code(), Code::NothingToPublish);
    assert_eq!(hall.office.seq().unwrap(), seq);
    let unknown = hall.office.publish(Some("kh-9"), "", NOW).unwrap_err();
    assert_eq!(unknown.code(), Code::MeetingUnknown);
}

#[test]
fn one_bad_file_of_many_changes_nothing() {
    let hall = Hall::empty();
    let good = hall.file("good.toml", PROGRAMME);
    let bad = hall.file("bad.toml", "id = 'kh-2'\ntitel = 'x'\n");

    let error = hall
        .office
        .import_files(&[good, bad], NOW, |_| {})
        .unwrap_err();

    assert_eq!(error.code(), Code::ProgrammeFile);
    assert_eq!(hall.office.seq().unwrap(), 1);
    assert_eq!(hall.office.meetings().unwrap(), []);
    let blobs = hall.folder.path().join("office/blobs");
    assert_eq!(std::fs::read_dir(blobs).unwrap().count(), 0);
}

#[test]
fn items_of_a_circle_are_left_out_of_what_all_read() {
    let hall = Hall::empty();
    let closed = PROGRAMME.replace(
        "[[item]]\nid = \"i2\"",
        "[[item]]\nid = \"i2\"\ncircle = \"thường trực\"",
    );
    hall.import(&closed);

    let published = hall.office.publish(None, "", NOW).unwrap();

    assert_eq!(published[0].parts.len(), 2);
    assert_eq!(published[0].parts[1].0.as_deref(), Some("thường trực"));
    assert!(!hall.office.meetings().unwrap()[0].differs);
    let mut bob = enrolled(&hall.office, "Bob", Role::Delegate, 2);
    let view = view_of(&bob.read_all(&hall.office), bob.person);
    let programme = &view["meetings"][hall.meeting().to_string()]["programme"];
    assert_eq!(programme["items"].as_object().unwrap().len(), 1);
    assert_eq!(programme["papers"].as_object().unwrap().len(), 0);
    let paper = nghisu_core::ids::Hash::of_content(b"%PDF-1.7 content");
    let error = hall.office.paper(&bob.read_token, paper, NOW).unwrap_err();
    assert_eq!(error.code(), Code::PaperMissing);
}

#[test]
fn a_paper_opens_for_whoever_reads_a_publication_that_names_it() {
    let hall = Hall::empty();
    hall.import(PROGRAMME);
    let mut bob = enrolled(&hall.office, "Bob", Role::Delegate, 2);
    bob.sync(&hall.office, &[]);
    let hash = nghisu_core::ids::Hash::of_content(b"%PDF-1.7 content");
    let code = |token: &[u8], now| hall.office.paper(token, hash, now).unwrap_err().code();
    assert_eq!(
        code(&bob.read_token, NOW),
        Code::PaperMissing,
        "not published"
    );

    hall.office.publish(None, "", NOW).unwrap();

    let paper = hall.office.paper(&bob.read_token, hash, NOW).unwrap();
    assert_eq!(std::fs::read(&paper.path).unwrap(), b"%PDF-1.7 content");
    assert_eq!(
        (paper.length, paper.media_type.as_str()),
        (16, "application/pdf")
    );
    let later = NOW.plus_ms(15 * 60 * 1000 + 1);
    assert_eq!(code(&bob.read_token, later), Code::DeviceRefused);
    assert_eq!(code(b"", NOW), Code::DeviceRefused);
    let mut altered = bob.read_token.clone();
    altered[20] ^= 1;
    assert_eq!(code(&altered, NOW), Code::DeviceRefused);
    let id = bob.key.public_key().device();
    let locked = nghisu_core::trust::decide::DeviceStatus::Locked;
    hall.office.set_device_status(id, locked).unwrap();
    assert_eq!(code(&bob.read_token, NOW), Code::DeviceRefused);
}

#[test]
fn receipts_are_numbered_without_gaps_over_devices_and_kinds() {
    let hall = Hall::new();
    let mut alice = enrolled(&hall.office, "Alice", Role::Delegate, 1);
    let mut bob = enrolled(&hall.office, "Bob", Role::Delegate, 2);
    let meeting = hall.meeting();
    let register = ActKind::SpeakingRegistration;
    let first = alice.act(1, meeting, Some("i1"), register);
    let question = alice.act(2, meeting, None, ActKind::QuestionSlip);
    let second = bob.act(3, meeting, Some("i1"), register);

    let mut receipts = send(&hall, &mut alice, &[first, question.clone()]);
    receipts.extend(send(&hall, &mut bob, &[second]));
    // Bob has read the receipts of Alice on his page, and his own.
    let seen: Vec<_> = receipts[2..].iter().map(|receipt| receipt.number).collect();

    assert_eq!(seen, [Some(1), Some(2), Some(3)]);
    assert_eq!(receipts[1].act_hash, question.content_hash());
    assert!(receipts.iter().all(|receipt| receipt.received_at == NOW));
}

#[test]
fn a_second_registration_merges_into_the_first_and_withdrawing_either_frees_the_place() {
    let hall = Hall::new();
    let mut alice = enrolled(&hall.office, "Alice", Role::Delegate, 1);
    let meeting = hall.meeting();
    let register =
        |alice: &Device, id| alice.act(id, meeting, Some("i1"), ActKind::SpeakingRegistration);
    let (first, again, third) = (
        register(&alice, 1),
        register(&alice, 2),
        register(&alice, 3),
    );
    let other_item = alice.act(4, meeting, Some("i2"), ActKind::SpeakingRegistration);
    let withdrawn = withdrawal(&alice, 5, &again);

    let acts = [first.clone(), again.clone(), other_item, withdrawn, third];
    let receipts = send(&hall, &mut alice, &acts);

    let given: Vec<_> = receipts
        .iter()
        .map(|receipt| (receipt.number, receipt.refers_to))
        .collect();
    let expected = [
        (Some(1), None),
        (None, Some(first.id)),
        (Some(2), None),
        (None, Some(again.id)),
        (Some(3), None),
    ];
    assert_eq!(given, expected);
}

#[test]
fn two_question_slips_on_one_item_are_two_questions() {
    let hall = Hall::new();
    let mut alice = enrolled(&hall.office, "Alice", Role::Chair, 1);
    let slip =
        |alice: &Device, id| alice.act(id, hall.meeting(), Some("i2"), ActKind::QuestionSlip);
    let acts = [slip(&alice, 1), slip(&alice, 2)];

    let receipts = send(&hall, &mut alice, &acts);

    assert_eq!(receipts[1].number, Some(2));
}

#[test]
fn a_withdrawal_that_arrives_first_waits_for_its_act() {
    let hall = Hall::new();
    let mut phone = enrolled(&hall.office, "Alice", Role::Delegate, 1);
    let mut tablet = another(&hall.office, phone.person, 2);
    let act = phone.act(1, hall.meeting(), Some("i1"), ActKind::SpeakingRegistration);
    let withdrawal = withdrawal(&tablet, 2, &act);

    let early = send(&hall, &mut tablet, std::slice::from_ref(&withdrawal));
    phone.read_all(&hall.office);
    let late = send(&hall, &mut phone, std::slice::from_ref(&act));

    assert_eq!((early[0].number, early[0].refers_to), (None, Some(act.id)));
    assert_eq!(
        (late[0].number, late[0].refers_to),
        (None, Some(withdrawal.id))
    );
    let next = phone.act(3, hall.meeting(), Some("i1"), ActKind::SpeakingRegistration);
    assert_eq!(send(&hall, &mut phone, &[next])[0].number, Some(1));
}

#[test]
fn an_act_that_comes_twice_has_one_receipt_and_other_content_under_its_id_is_refused() {
    let hall = Hall::new();
    let mut phone = enrolled(&hall.office, "Alice", Role::Delegate, 1);
    let mut tablet = another(&hall.office, phone.person, 2);
    let act = phone.act(1, hall.meeting(), Some("i1"), ActKind::SpeakingRegistration);
    assert_eq!(send(&hall, &mut phone, std::slice::from_ref(&act)).len(), 1);
    tablet.read_all(&hall.office);

    assert_eq!(send(&hall, &mut tablet, std::slice::from_ref(&act)), []);
    let altered = Act {
        text: "khác".into(),
        ..act
    };
    let envelope = tablet.send_act(&altered);
    let refused = Outcome::Refused {
        reason: "act_id_reused".into(),
    };
    assert_eq!(tablet.sync(&hall.office, &[envelope]).outcomes, [refused]);
}

#[test]
fn acts_that_cannot_be_received_are_refused_with_a_reason() {
    let hall = Hall::new();
    let mut alice = enrolled(&hall.office, "Alice", Role::Delegate, 1);
    let mut bob = enrolled(&hall.office, "Bob", Role::Delegate, 2);
    let mut guest = enrolled(&hall.office, "Guest", Role::Guest, 3);
    let meeting = hall.meeting();
    let register = ActKind::SpeakingRegistration;
    let bobs = bob.act(1, meeting, Some("i1"), register);
    send(&hall, &mut bob, std::slice::from_ref(&bobs));
    let unknown_meeting = alice.act(2, MeetingId::from_bytes([9; 16]), None, register);
    let unknown_item = alice.act(3, meeting, Some("i9"), register);
    let of_another = withdrawal(&alice, 4, &bobs);
    let of_nothing = alice.act(5, meeting, None, ActKind::Withdrawal);
    let in_bobs_name = Act {
        person: bob.person,
        ..alice.act(6, meeting, None, register)
    };
    let mut batch: Vec<_> = [
        unknown_meeting,
        unknown_item,
        of_another,
        of_nothing,
        in_bobs_name,
    ]
    .iter()
    .map(|act| alice.send_act(act))
    .collect();
    let act = alice.act(7, meeting, None, register);
    let foreign = SignedAct::sign(&act, bob.key.public_key().device(), |domain, content| {
        alice.key.sign(domain, content)
    });
    let feed = Feed::Outbox(alice.person);
    batch.push(alice.envelope(feed, 7, Kind::Act, &foreign.unwrap().encode()));
    batch.push(alice.envelope(feed, 8, Kind::Act, b"no act"));
    let batch_of_guest = [guest.send_act(&guest.act(9, meeting, None, register))];

    let reasons = |outcomes: Vec<Outcome>| -> Vec<String> {
        outcomes
            .into_iter()
            .map(|outcome| {
                let Outcome::Refused { reason } = outcome else {
                    panic!("{outcome:?}");
                };
                reason
            })
            .collect()
    };
    assert_eq!(
        reasons(alice.sync(&hall.office, &batch).outcomes),
        [
            "meeting_unknown",
            "item_unknown",
            "not_yours",
            "malformed",
            "not_yours",
            "signature",
            "malformed"
        ]
    );
    assert_eq!(
        reasons(guest.sync(&hall.office, &batch_of_guest).outcomes),
        ["not_yours"]
    );
}

#[test]
fn an_act_on_an_item_that_was_removed_meanwhile_is_still_received() {
    let hall = Hall::new();
    let mut alice = enrolled(&hall.office, "Alice", Role::Delegate, 1);
    let without = PROGRAMME.replace("[[item]]\nid = \"i1\"\ntitle = \"Khai mạc\"\n", "");
    assert!(hall.import(&without));
    hall.office.publish(None, "", NOW).unwrap();

    let act = alice.act(1, hall.meeting(), Some("i1"), ActKind::SpeakingRegistration);

    let receipts = send(&hall, &mut alice, &[act]);
    assert_eq!(receipts[0].number, Some(1));
}

#[test]
fn acts_reach_the_office_and_no_other_delegate() {
    let hall = Hall::new();
    let mut alice = enrolled(&hall.office, "Alice", Role::Delegate, 1);
    let mut bob = enrolled(&hall.office, "Bob", Role::Delegate, 2);
    let mut carol = enrolled(&hall.office, "Carol", Role::Secretary, 3);
    let act = alice.act(1, hall.meeting(), None, ActKind::QuestionSlip);
    send(&hall, &mut alice, &[act]);
    let has_act = |entries: Vec<Entry>| {
        envelopes(&entries)
            .iter()
            .any(|envelope| envelope.header().kind == Kind::Act)
    };

    assert!(has_act(carol.read_all(&hall.office)));
    assert!(!has_act(bob.read_all(&hall.office)));
}

#[test]
fn an_export_is_what_the_persons_device_works_out_of_its_own_entries() {
    let hall = Hall::new();
    let mut alice = writer(&hall.office, "Alice", Role::Delegate, 1);
    let mut bob = enrolled(&hall.office, "Bob", Role::Delegate, 2);
    let note = alice.note(9, "riêng của tôi");
    alice.sync(&hall.office, &[note]);
    let acts = [
        alice.act(1, hall.meeting(), Some("i1"), ActKind::SpeakingRegistration),
        alice.act(2, hall.meeting(), None, ActKind::QuestionSlip),
    ];
    send(&hall, &mut alice, &acts);
    let act = bob.act(3, hall.meeting(), Some("i2"), ActKind::SpeakingRegistration);
    send(&hall, &mut bob, &[act]);
    let mut tablet = another(&hall.office, alice.person, 4);

    let exported = hall.office.export(&[alice.person], None).unwrap().remove(0);

    assert_eq!(
        exported,
        view_of(&tablet.read_all(&hall.office), alice.person)
    );
    assert_eq!(exported["acts"].as_array().unwrap().len(), 2);
    assert_eq!(exported["receipts"].as_array().unwrap().len(), 3);
    assert!(!exported.to_string().contains("riêng của tôi"));
    let body = hall.office.export(&[], Some("kh-1")).unwrap().remove(0);
    assert_eq!(body["acts"].as_array().unwrap().len(), 3);
    let programme = &body["meetings"][hall.meeting().to_string()];
    assert_eq!(
        programme["content"],
        content_hash(&programme["programme"]).to_string()
    );
}

#[test]
fn an_export_of_one_meeting_has_nothing_of_another() {
    let hall = Hall::new();
    let other = PROGRAMME.replace("kh-1", "kh-2");
    let path = hall.file("kh-2.toml", &other);
    hall.office.import_files(&[path], NOW, |_| {}).unwrap();
    hall.office.publish(Some("kh-2"), "", NOW).unwrap();
    let mut alice = enrolled(&hall.office, "Alice", Role::Delegate, 1);
    let acts: Vec<_> = hall
        .office
        .meetings()
        .unwrap()
        .into_iter()
        .zip(1..)
        .map(|(meeting, id)| alice.act(id, meeting.meeting, None, ActKind::QuestionSlip))
        .collect();
    send(&hall, &mut alice, &acts);

    let exported = hall.office.export(&[], Some("kh-2")).unwrap().remove(0);

    assert_eq!(exported["meetings"].as_object().unwrap().len(), 1);
    assert_eq!(exported["acts"].as_array().unwrap().len(), 1);
    assert_eq!(exported["receipts"].as_array().unwrap().len(), 1);
    assert_eq!(
        exported["receipts"][0]["number"], 1,
        "each meeting has its own series"
    );
}

#[test]
fn the_log_holds_with_refused_envelopes_between_accepted_ones() {
    let hall = Hall::new();
    let mut alice = writer(&hall.office, "Alice", Role::Delegate, 1);
    let batch = [
        alice.note(1, "a"),
        alice.envelope(Feed::Notes(alice.person), 2, Kind::Changes, b"no chunk"),
        alice.note(3, "b"),
    ];
    alice.sync(&hall.office, &batch);

    assert_eq!(
        hall.office.verify_log().unwrap(),
        hall.office.seq().unwrap()
    );
}

#[test]
fn a_log_in_which_anything_is_missing_or_altered_is_damaged_at_that_entry() {
    let hall = Hall::new();
    let mut alice = writer(&hall.office, "Alice", Role::Delegate, 1);
    let notes = [alice.note(1, "a"), alice.note(2, "b"), alice.note(1, "c")];
    alice.sync(&hall.office, &notes);
    let last = hall.office.verify_log().unwrap();
    let database = hall.database();
    let copy = hall.folder.path().join("copy.db");
    database
        .execute("VACUUM INTO ?", [copy.to_str().unwrap()])
        .unwrap();
    let damaged = |seq: u64| {
        let error = hall.office.verify_log().unwrap_err();
        assert_eq!(error.code(), Code::LogDamaged);
        let named = format!("seq {seq}: ");
        assert!(
            error.detail().starts_with(&named),
            "{seq}: {}",
            error.detail()
        );
        assert_eq!(
            hall.office.export(&[], None).unwrap_err().code(),
            Code::LogDamaged
        );
    };
    let altered = [
        "DELETE FROM entry WHERE seq = ?",
        "DELETE FROM envelope WHERE id = (SELECT envelope_id FROM entry WHERE seq = ?)",
        "UPDATE entry SET received_at = received_at + 1 WHERE seq = ?",
        "UPDATE entry SET chain = zeroblob(32) WHERE seq = ?",
        "UPDATE entry SET feed_seq = feed_seq + 1000 WHERE seq = ?",
        "UPDATE envelope SET bytes = CAST(substr(bytes, 1, length(bytes) - 40) || zeroblob(40) AS BLOB)
         WHERE id = (SELECT envelope_id FROM entry WHERE seq = ?)",
    ];
    for seq in 1..=last {
        for statement in altered {
            let id = i64::try_from(seq).unwrap();
            assert_eq!(database.execute(statement, [id]).unwrap(), 1, "{statement}");
            damaged(seq);
            restore(&database, &copy);
        }
    }
    hall.office.verify_log().unwrap();
    database
        .execute_batch("UPDATE counter SET seq = seq - 1")
        .unwrap();
    assert_eq!(
        hall.office.verify_log().unwrap_err().code(),
        Code::LogDamaged
    );
}

/// Puts back what the copy of the database has.
fn restore(database: &rusqlite::Connection, copy: &Path) {
    database
        .execute_batch(&format!(
            "ATTACH '{}' AS copy;
             DELETE FROM entry; INSERT INTO entry SELECT * FROM copy.entry;
             DELETE FROM envelope; INSERT INTO envelope SELECT * FROM copy.envelope;
             DETACH copy;",
            copy.display()
        ))
        .unwrap();
}

#[test]
fn the_status_says_how_far_each_meeting_is() {
    let hall = Hall::empty();
    hall.import(PROGRAMME);
    let status = hall.office.status(NOW).unwrap();
    assert_eq!(status.meetings[0].published, None);
    assert!(status.meetings[0].differs);

    hall.office.publish(Some("kh-1"), "", NOW).unwrap();
    enrolled(&hall.office, "Alice", Role::Delegate, 1);

    let status = hall.office.status(NOW).unwrap();
    assert_eq!(status.meetings[0].published, Some(1));
    assert!(!status.meetings[0].differs);
    assert_eq!(
        (status.people, status.devices, status.open_invitations),
        (1, 1, 0)
    );
    assert_eq!(status.seq, 5);
}

#[test]
fn a_paper_that_is_imported_twice_is_stored_once() {
    let hall = Hall::new();
    let other = PROGRAMME.replace("kh-1", "kh-2");
    let path = hall.file("kh-2.toml", &other);
    hall.office.import_files(&[path], NOW, |_| {}).unwrap();

    assert_eq!(files_under(&hall.folder.path().join("office/blobs")), 1);
}

fn files_under(folder: &Path) -> usize {
    std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .map(|path| if path.is_dir() { files_under(&path) } else { 1 })
        .sum()
}
