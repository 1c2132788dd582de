//! Acts: late ones are received and said to be late; what is withdrawn is withdrawn in any order.
#![expect(clippy::unwrap_used, reason = "the helpers of the tests are tests too")]

#[path = "support/device.rs"]
mod device;

use device::{Device, NOW, another, enrolled, entries_of};
use minicbor::bytes::ByteVec;
use nghisu_core::{
    cbor,
    ids::{Kind, MeetingId},
    meeting::{
        act::{Act, ActKind, Receipt, ReceiptBatch},
        body::Body,
        deadlines::Rules,
    },
    sync::{
        envelope::Envelope,
        wire::{Outcome, Reply, RequestBody},
    },
    time::Timestamp,
    trust::decide::Role,
};
use nghisu_server::{Office, RootKey};
use serde_json::json;
use tempfile::TempDir;

const REGISTER: ActKind = ActKind::SpeakingRegistration;
/// 2027-01-15 08:00 in UTC, 15:00 in Vietnam.
const AT: Timestamp = NOW;

struct Hall {
    folder: TempDir,
    office: Office,
}

impl Hall {
    fn new(programme: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let office =
            Office::open_or_create(&folder.path().join("office"), &RootKey::draw().unwrap())
                .unwrap();
        let hall = Self { folder, office };
        hall.publish(programme);
        hall
    }

    fn publish(&self, programme: &str) {
        let path = self.folder.path().join("kh.toml");
        let head = "id = 'kh-1'\nkind = 'regular_session'\ntitle = 'Kỳ họp'\n";
        std::fs::write(&path, format!("{head}{programme}")).unwrap();
        self.office.import_files(&[path], AT, |_| {}).unwrap();
        self.office.publish(None, "", AT).unwrap();
    }

    fn meeting(&self) -> MeetingId {
        self.office.meetings().unwrap()[0].meeting
    }

    /// Hands an act in at a time and returns its receipt.
    fn receive(&self, device: &mut Device, act: &Act, now: Timestamp) -> Receipt {
        let envelope = ByteVec::from(device.send_act(act));
        let body = RequestBody {
            envelopes: vec![envelope],
            ..RequestBody::default()
        };
        let request = device.request(&body);
        let reply = Reply::decode(&self.office.sync(&request, now).unwrap()).unwrap();
        let Reply::Synced(synced) = reply else {
            panic!("the request was not carried out");
        };
        assert!(matches!(synced.outcomes[..], [Outcome::Accepted { .. }]));
        device.cursor = Some(synced.cursor.clone());
        let batches = entries_of(&synced).into_iter().filter_map(|entry| {
            let envelope = Envelope::decode(&entry.envelope).unwrap();
            let is_batch = envelope.header().kind == Kind::Receipts;
            is_batch.then(|| cbor::decode::<ReceiptBatch>(envelope.payload(), "receipts").unwrap())
        });
        let mut receipts = batches.flat_map(|batch| batch.receipts);
        receipts.find(|receipt| receipt.act == act.id).unwrap()
    }
}

fn withdrawal(device: &Device, id: u8, of: &Act) -> Act {
    Act {
        withdraws: Some(of.id),
        ..device.act(id, of.meeting, None, ActKind::Withdrawal)
    }
}

#[test]
fn an_act_after_the_end_is_received_with_a_number_and_said_to_be_late() {
    let hall = Hall::new(
        "when = { year = 2027, month = 1, day = 15, time = '07:30' }\n\
         [[item]]\nid = 'i1'\ntitle = 'Có giờ kết thúc'\n\
         end = { year = 2027, month = 1, day = 15, time = '15:30' }\n\
         [[item]]\nid = 'i2'\ntitle = 'Không có'\n",
    );
    let mut alice = enrolled(&hall.office, "Alice", Role::Delegate, 1);
    let minute = 60_000;
    // 15:30 ends with its minute; the meeting, which says no end, with its day in Vietnam.
    let cases = [
        (Some("i1"), AT.plus_ms(31 * minute - 1), false),
        (Some("i1"), AT.plus_ms(31 * minute), true),
        (Some("i2"), AT.plus_ms(31 * minute), false),
        (None, AT.plus_ms(9 * 60 * minute - 1), false),
        (None, AT.plus_ms(9 * 60 * minute), true),
        (Some("i2"), AT.plus_ms(9 * 60 * minute), true),
    ];
    for (n, (item, now, late)) in cases.into_iter().enumerate() {
        let act = alice.act(n as u8 + 1, hall.meeting(), item, ActKind::QuestionSlip);

        let receipt = hall.receive(&mut alice, &act, now);

        assert_eq!((receipt.late, receipt.received_at), (late, now), "{n}");
        assert_eq!(receipt.number, Some(n as u64 + 1));
    }
}

#[test]
fn the_end_of_a_day_is_that_of_the_bodys_clocks() {
    let programme = "when = { year = 2027, month = 1, day = 15 }\n\
        [[item]]\nid = 'i1'\ntitle = 'Khai mạc'\n";
    let hall = Hall::new(programme);
    let mut rules = Rules::vietnamese();
    rules.calendar.utc_offset_minutes = 9 * 60;
    let mut body: Body = serde_json::from_value(json!({"name": "HĐND"})).unwrap();
    body.rules.push(rules);
    hall.office.state_body(body, AT).unwrap();
    hall.publish(&programme.replace("Khai mạc", "Bế mạc"));
    let mut alice = enrolled(&hall.office, "Alice", Role::Delegate, 1);
    // Midnight there is two hours before that in Vietnam.
    let midnight = AT.plus_ms(7 * 3_600_000);
    for (id, now, late) in [
        (1, Timestamp::from_unix_ms(midnight.unix_ms() - 1), false),
        (2, midnight, true),
    ] {
        let act = alice.act(id, hall.meeting(), None, ActKind::QuestionSlip);
        assert_eq!(hall.receive(&mut alice, &act, now).late, late, "{now}");
    }
}

#[test]
fn the_devices_clock_makes_no_act_late_and_none_early() {
    let hall = Hall::new(
        "end = { year = 2027, month = 1, day = 15, part = 'sáng' }\n\
         [[item]]\nid = 'i1'\ntitle = 'Khai mạc'\n",
    );
    let mut alice = enrolled(&hall.office, "Alice", Role::Delegate, 1);
    let made_early = Act {
        made_at: Timestamp::from_unix_ms(0),
        ..alice.act(1, hall.meeting(), None, REGISTER)
    };
    assert!(hall.receive(&mut alice, &made_early, AT).late);
    let made_late = Act {
        made_at: AT.plus_ms(1 << 40),
        ..alice.act(2, hall.meeting(), None, REGISTER)
    };
    let morning = Timestamp::from_unix_ms(AT.unix_ms() - 4 * 3_600_000);
    assert!(!hall.receive(&mut alice, &made_late, morning).late);
}

#[test]
fn the_end_is_the_one_published_last() {
    let item = "[[item]]\nid = 'i1'\ntitle = 'Khai mạc'\n";
    let hall = Hall::new(&format!(
        "end = {{ year = 2027, month = 1, day = 14 }}\n{item}"
    ));
    let mut alice = enrolled(&hall.office, "Alice", Role::Delegate, 1);
    let mut act = |hall: &Hall, id| {
        let act = alice.act(id, hall.meeting(), Some("i1"), ActKind::QuestionSlip);
        hall.receive(&mut alice, &act, AT).late
    };
    assert!(act(&hall, 1));
    hall.publish(&format!("end = {{ year = 2027, month = 1 }}\n{item}"));
    assert!(!act(&hall, 2));
    hall.publish(&format!("end = {{ month = 1, day = 2 }}\n{item}"));
    assert!(!act(&hall, 3), "an end without its year is none");
}

#[test]
fn withdrawing_a_merged_registration_before_it_arrives_withdraws_what_it_joins() {
    let hall = Hall::new("[[item]]\nid = 'i1'\ntitle = 'Khai mạc'\n");
    let mut phone = enrolled(&hall.office, "Alice", Role::Delegate, 1);
    let mut tablet = another(&hall.office, phone.person, 2);
    let register = |device: &Device, id| device.act(id, hall.meeting(), Some("i1"), REGISTER);
    let (first, second) = (register(&phone, 1), register(&phone, 2));
    let taken_back = withdrawal(&tablet, 3, &second);

    assert_eq!(hall.receive(&mut phone, &first, AT).number, Some(1));
    hall.receive(&mut tablet, &taken_back, AT);
    let joined = hall.receive(&mut phone, &second, AT);

    assert_eq!(
        (joined.number, joined.refers_to),
        (None, Some(taken_back.id))
    );
    // Neither stands: the next registration has a place of its own.
    let next = register(&tablet, 4);
    let next = hall.receive(&mut tablet, &next, AT);
    assert_eq!((next.number, next.refers_to), (Some(2), None));
}

#[test]
fn an_act_of_every_kind_gets_a_number_and_of_three_kinds_a_second_one_joins_the_first() {
    let hall = Hall::new("[[item]]\nid = 'i1'\ntitle = 'Thảo luận'\n");
    let mut alice = enrolled(&hall.office, "Alice", Role::Delegate, 1);
    let joining = [
        ActKind::SpeakingRegistration,
        ActKind::PointOfOrder,
        ActKind::CheckIn,
    ];
    let stated = ActKind::ALL
        .into_iter()
        .filter(|kind| !matches!(kind, ActKind::Withdrawal | ActKind::Ruling));
    let mut numbers = 0;
    for (n, kind) in (0..).zip(stated) {
        let first = alice.act(3 * n + 1, hall.meeting(), Some("i1"), kind);
        let second = alice.act(3 * n + 2, hall.meeting(), Some("i1"), kind);

        let (of_first, of_second) = (
            hall.receive(&mut alice, &first, AT),
            hall.receive(&mut alice, &second, AT),
        );

        numbers += 1;
        assert_eq!((of_first.number, of_first.kind), (Some(numbers), kind));
        if joining.contains(&kind) {
            assert_eq!(
                (of_second.number, of_second.refers_to),
                (None, Some(first.id))
            );
        } else {
            numbers += 1;
            assert_eq!(
                (of_second.number, of_second.refers_to),
                (Some(numbers), None)
            );
        }
        let back = withdrawal(&alice, 3 * n + 3, &first);
        let of_back = hall.receive(&mut alice, &back, AT);
        assert_eq!((of_back.number, of_back.refers_to), (None, Some(first.id)));
    }
}

#[test]
fn an_act_that_names_another_and_is_no_withdrawal_is_refused() {
    let hall = Hall::new("[[item]]\nid = 'i1'\ntitle = 'Thảo luận'\n");
    let mut alice = enrolled(&hall.office, "Alice", Role::Delegate, 1);
    let first = alice.act(1, hall.meeting(), None, REGISTER);
    hall.receive(&mut alice, &first, AT);
    for (n, kind) in (2..).zip(ActKind::ALL) {
        if kind == ActKind::Withdrawal {
            continue;
        }
        let act = Act {
            withdraws: Some(first.id),
            ..alice.act(n, hall.meeting(), None, kind)
        };
        let envelope = alice.send_act(&act);
        let outcomes = alice.sync(&hall.office, &[envelope]).outcomes;
        assert!(
            matches!(&outcomes[..], [Outcome::Refused { reason }] if reason == "malformed"),
            "{kind:?} {outcomes:?}"
        );
    }
}
