//! Grants and withdrawals at the office: when they count, what is served, what is refused.
#![expect(clippy::unwrap_used, reason = "the helpers of the tests are tests too")]

#[path = "support/device.rs"]
mod device;

use device::{Device, NOW, another, enrolled, writer};
use nghisu_core::{
    Code, cbor,
    ids::{Audience, DeviceId, Feed, Kind, MeetingId, OrganisationId},
    meeting::act::ActKind,
    sync::{
        envelope::Envelope,
        wire::{Backfill, Entry, Outcome, Reply, RequestBody, Synced},
    },
    trust::{
        decide::{DeviceStatus, Role},
        keys::DeviceSigner,
        membership::{Grant, Withdrawal},
    },
};
use nghisu_server::{Office, RootKey, office::Asked};
use tempfile::TempDir;

struct Hall {
    folder: TempDir,
    office: Office,
}

impl Hall {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let office =
            Office::open_or_create(&folder.path().join("office"), &RootKey::draw().unwrap())
                .unwrap();
        Self { folder, office }
    }

    /// Publishes the meeting `name` with this title.
    fn publish(&self, name: &str, title: &str) -> MeetingId {
        let text = format!("id = '{name}'\nkind = 'regular_session'\ntitle = '{title}'\n");
        let file = self.folder.path().join("m.toml");
        std::fs::write(&file, text).unwrap();
        self.office.import_files(&[file], NOW, |_| {}).unwrap();
        let published = self.office.publish(Some(name), "", NOW).unwrap();
        published[0].meeting
    }
}

fn feeds(entries: &[Entry]) -> Vec<Feed> {
    entries
        .iter()
        .map(|entry| Envelope::decode(&entry.envelope).unwrap().header().feed)
        .collect()
}

fn ask(office: &Office, device: &mut Device, backfill: Vec<Backfill>) -> Synced {
    let request = device.request(&RequestBody {
        backfill,
        ..RequestBody::default()
    });
    let Reply::Synced(synced) = Reply::decode(&office.sync(&request, NOW).unwrap()).unwrap() else {
        panic!("not carried out");
    };
    *synced
}

#[test]
fn a_guest_reads_a_meeting_from_its_grant_on_and_what_was_before_by_backfill() {
    let hall = Hall::new();
    let meeting = hall.publish("kh-1", "Kỳ họp");
    hall.publish("kh-1", "Kỳ họp thứ nhất");
    let feed = Feed::Programme(meeting);
    let mut guest = enrolled(&hall.office, "Guest", Role::Guest, 1);
    assert!(!feeds(&guest.read_all(&hall.office)).contains(&feed));
    let all = Backfill {
        feed,
        after: 0,
        to: 4,
    };
    assert_eq!(ask(&hall.office, &mut guest, vec![all]).backfilled, []);

    assert!(
        hall.office
            .grant(guest.person, Audience::Meeting(meeting), NOW)
            .unwrap()
    );

    let entries = guest.read_all(&hall.office);
    let granted = Envelope::decode(&entries[0].envelope).unwrap();
    assert_eq!(granted.header().kind, Kind::Grant);
    let grant: Grant = cbor::decode(granted.payload(), "grant").unwrap();
    assert_eq!(
        grant,
        Grant {
            audience: Audience::Meeting(meeting),
            feeds: vec![(feed, 4)]
        }
    );
    assert_eq!(entries.len(), 1);
    let synced = ask(&hall.office, &mut guest, vec![all]);
    assert_eq!(feeds(&synced.backfilled), [feed; 4]);
    assert_eq!(synced.backfilled_to, [(feed, 4)]);
    hall.publish("kh-1", "Kỳ họp 1");
    assert_eq!(feeds(&guest.read_all(&hall.office)), [feed; 2]);
}

#[test]
fn a_withdrawal_counts_in_the_next_request_and_a_second_grant_starts_anew() {
    let hall = Hall::new();
    let meeting = hall.publish("kh-1", "Kỳ họp");
    let (feed, audience) = (Feed::Programme(meeting), Audience::Meeting(meeting));
    let mut alice = enrolled(&hall.office, "Alice", Role::Delegate, 1);

    assert!(hall.office.withdraw(alice.person, audience, NOW).unwrap());
    assert!(!hall.office.withdraw(alice.person, audience, NOW).unwrap());

    // The device has read nothing yet, and still gets none of what was before.
    let entries = alice.read_all(&hall.office);
    let own = Feed::Person(alice.person);
    assert_eq!(feeds(&entries), [Feed::Body(alice.log), own, own]);
    let envelope = Envelope::decode(&entries[2].envelope).unwrap();
    let withdrawal: Withdrawal = cbor::decode(envelope.payload(), "withdrawal").unwrap();
    assert_eq!(withdrawal.audience, audience);
    let all = Backfill {
        feed,
        after: 0,
        to: 2,
    };
    let synced = ask(&hall.office, &mut alice, vec![all]);
    assert_eq!(
        (synced.backfilled.len(), synced.backfilled_to.len()),
        (0, 0)
    );
    let act = alice.act(1, meeting, None, ActKind::QuestionSlip);
    let act = alice.send_act(&act);
    let refused = Outcome::Refused {
        reason: "meeting_unknown".into(),
    };
    assert_eq!(alice.sync(&hall.office, &[act]).outcomes, [refused]);

    assert!(hall.office.grant(alice.person, audience, NOW).unwrap());
    assert!(!hall.office.grant(alice.person, audience, NOW).unwrap());
    assert_eq!(
        feeds(&alice.read_all(&hall.office)),
        [Feed::Person(alice.person)]
    );
    assert_eq!(ask(&hall.office, &mut alice, vec![all]).backfilled.len(), 2);
    hall.office.verify_log().unwrap();
}

#[test]
fn ranges_are_answered_in_pages_and_say_how_far_they_came() {
    let hall = Hall::new();
    let (first, second) = (hall.publish("kh-1", "Một"), hall.publish("kh-2", "Hai"));
    let Hall { folder, office } = hall;
    let office = office.with_pages_of(1);
    let mut alice = enrolled(&office, "Alice", Role::Delegate, 1);
    let range = |meeting, after| Backfill {
        feed: Feed::Programme(meeting),
        after,
        to: 2,
    };

    let one = ask(&office, &mut alice, vec![range(first, 0), range(second, 0)]);
    assert_eq!(one.backfilled.len(), 1);
    assert_eq!(one.backfilled_to, [(Feed::Programme(first), 1)]);
    let two = ask(&office, &mut alice, vec![range(first, 1), range(second, 0)]);
    assert_eq!(two.backfilled_to, [(Feed::Programme(first), 2)]);
    let beyond = Backfill {
        to: 99,
        ..range(second, 2)
    };
    let nothing = ask(&office, &mut alice, vec![beyond]);
    assert_eq!(nothing.backfilled_to, [(Feed::Programme(second), 99)]);
    drop(folder);
}

#[test]
fn an_audience_granted_midway_gets_the_same_segment_as_the_others() {
    let hall = Hall::new();
    let meeting = hall.publish("kh-1", "Một");
    let mut alice = enrolled(&hall.office, "Alice", Role::Delegate, 1);
    let mut guest = enrolled(&hall.office, "Guest", Role::Guest, 2);
    alice.read_all(&hall.office);
    hall.office
        .grant(guest.person, Audience::Meeting(meeting), NOW)
        .unwrap();
    hall.publish("kh-1", "Hai");

    // An entry's id says by a throw of dice whether a segment ends with it.
    let of_meeting = |synced: Synced| -> Vec<_> {
        let segments = synced.segments.into_iter();
        let found = segments.filter(|segment| segment.audience == Audience::Meeting(meeting));
        found.flat_map(|it| it.unpack().unwrap()).collect()
    };
    let of_alice = of_meeting(alice.sync(&hall.office, &[]));
    let of_guest = of_meeting(guest.sync(&hall.office, &[]));

    assert_eq!(of_alice, of_guest);
    assert_eq!(of_alice.len(), 2);
}

#[test]
fn what_cannot_be_granted_is_refused_and_writes_nothing() {
    let hall = Hall::new();
    let office = &hall.office;
    let guest = office.add_person("Guest", Role::Guest).unwrap();
    let alice = office.add_person("Alice", Role::Delegate).unwrap();
    let group = office.add_group("Tổ 1").unwrap().audience;
    assert_eq!(
        office.add_group("To\u{302}\u{309} 1").unwrap().audience,
        group
    );
    let circle = Audience::Circle(office.add_circle("thường trực").unwrap());
    assert_eq!(
        office.audience(Asked::Circle("thường trực")).unwrap(),
        circle
    );
    let seq = office.seq().unwrap();

    for (person, audience) in [
        (guest.id, group),
        (guest.id, circle),
        (alice.id, Audience::Body(office.log())),
        (alice.id, Audience::Office(office.log())),
        (alice.id, Audience::Person(guest.id)),
    ] {
        let error = office.grant(person, audience, NOW).unwrap_err();
        assert_eq!(error.code(), Code::NotAllowed, "{audience:?}");
        let error = office.withdraw(person, audience, NOW).unwrap_err();
        assert_eq!(error.code(), Code::NotAllowed, "{audience:?}");
    }
    let nobody = office.grant(nghisu_core::ids::PersonId::from_bytes([9; 16]), group, NOW);
    assert_eq!(nobody.unwrap_err().code(), Code::PersonUnknown);
    for asked in [
        Asked::Circle("x"),
        Asked::Group("thường trực"),
        Asked::Meeting("x"),
    ] {
        assert_eq!(
            office.audience(asked).unwrap_err().code(),
            Code::AudienceUnknown
        );
    }
    assert_eq!(office.seq().unwrap(), seq);
}

#[test]
fn group_changes_are_judged_by_membership_at_their_place_in_the_log() {
    let hall = Hall::new();
    let group = hall.office.add_group("Tổ 1").unwrap().audience;
    let Audience::Group(id) = group else {
        panic!("{group:?}")
    };
    let mut alice = enrolled(&hall.office, "Alice", Role::Delegate, 1);
    let mut reasons = Vec::new();
    let mut offer = |feed, kind| {
        let change = alice.envelope(feed, 1, kind, b"x");
        let outcomes = alice.sync(&hall.office, &[change]).outcomes;
        let [Outcome::Refused { reason }] = &outcomes[..] else {
            panic!("{outcomes:?}");
        };
        reasons.push(reason.clone());
    };

    offer(Feed::Group(id), Kind::Changes);
    hall.office
        .grant(hall.office.person("Alice").unwrap().id, group, NOW)
        .unwrap();
    offer(Feed::Group(id), Kind::Changes);
    offer(Feed::Group(id), Kind::Act);
    offer(
        Feed::Group(OrganisationId::from_bytes([9; 16])),
        Kind::Changes,
    );
    hall.office
        .withdraw(hall.office.person("Alice").unwrap().id, group, NOW)
        .unwrap();
    offer(Feed::Group(id), Kind::Changes);

    assert_eq!(
        reasons,
        ["not_yours", "not_yet", "kind", "not_yours", "not_yours"]
    );
}

/// Returns the numbers of the notes that a device wrote.
fn notes_of(entries: &[Entry], device: DeviceId) -> Vec<u64> {
    let entries = entries.iter().map(|entry| {
        let envelope = Envelope::decode(&entry.envelope).unwrap();
        (entry.seq, envelope.header().device, envelope.header().kind)
    });
    let notes = entries.filter(|(_, author, kind)| *author == device && *kind == Kind::Changes);
    notes.map(|(seq, ..)| seq).collect()
}

#[test]
fn revoked_between_any_two_messages_nothing_with_a_later_seq_is_accepted_and_others_go_on() {
    // A conversation of twelve messages, three envelopes each, of which two devices are Alice's.
    for revoked_before in 0..=12 {
        let hall = Hall::new();
        let mut alice = writer(&hall.office, "Alice", Role::Delegate, 1);
        let mut tablet = another(&hall.office, alice.person, 2);
        tablet.vault.clone_from(&alice.vault);
        let mut bob = writer(&hall.office, "Bob", Role::Delegate, 3);
        let revoked = alice.key.public_key().device();
        let mut revoked_at = None;
        for message in 0..12 {
            if message == revoked_before {
                hall.office
                    .set_device_status(revoked, DeviceStatus::Revoked)
                    .unwrap();
                revoked_at = Some(hall.office.seq().unwrap());
            }
            let batch: Vec<_> = (0..3).map(|n| alice.note(3 * message + n, "a")).collect();
            match alice.try_sync(&hall.office, &batch) {
                Ok(_) => assert!(revoked_at.is_none(), "message {message}"),
                Err(error) => {
                    assert_eq!(error.code(), Code::DeviceRefused);
                    assert!(revoked_at.is_some(), "message {message}");
                }
            }
            for other in [&mut tablet, &mut bob] {
                let note = other.note(message, "b");
                let outcomes = other.sync(&hall.office, &[note]).outcomes;
                assert!(matches!(outcomes[..], [Outcome::Accepted { .. }]));
            }
        }
        let mut heir = another(&hall.office, alice.person, 4);
        let notes = notes_of(&heir.read_all(&hall.office), revoked);
        assert_eq!(notes.len(), 3 * usize::from(revoked_before));
        assert!(
            notes
                .iter()
                .all(|seq| revoked_at.is_none_or(|revoked| *seq <= revoked))
        );
        hall.office.verify_log().unwrap();
    }
}

#[test]
fn a_revocation_during_a_request_keeps_all_of_its_batch_out_or_comes_after_it() {
    let hall = Hall::new();
    let bob = &mut writer(&hall.office, "Bob", Role::Delegate, 250);
    let mut refused = 0;
    for round in 0..40 {
        let name = format!("A{round}");
        let mut alice = writer(&hall.office, &name, Role::Delegate, round + 1);
        let id = alice.key.public_key().device();
        let batch: Vec<_> = (0..20).map(|n| alice.note(n, "a")).collect();
        let office = &hall.office;
        let (replied, revoked_at) = std::thread::scope(|scope| {
            let revoking = scope.spawn(move || {
                std::thread::sleep(std::time::Duration::from_micros(u64::from(round) * 30));
                office.set_device_status(id, DeviceStatus::Revoked).unwrap();
                office.seq().unwrap()
            });
            (alice.try_sync(office, &batch), revoking.join().unwrap())
        });
        refused += u32::from(replied.is_err());
        let own = another(office, alice.person, 100 + round).read_all(office);
        let own = notes_of(&own, id);
        assert!([0, 20].contains(&own.len()), "{} of a batch", own.len());
        assert!(own.iter().all(|seq| *seq <= revoked_at));
        let note = bob.note(round, "b");
        assert!(matches!(
            bob.sync(office, &[note]).outcomes[..],
            [Outcome::Accepted { .. }]
        ));
    }
    assert!(refused > 0, "no revocation came before its request");
}
