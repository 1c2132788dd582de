//! What an office states of its body, over devices that are away from it.
#![expect(clippy::unwrap_used, reason = "the helpers of the tests are tests too")]

use nghisu_core::{
    Code,
    meeting::{
        body::{Body, BodyStatement},
        canonical_json,
        deadlines::Duty,
    },
    sync::healing::SerialNumber,
    time::{Day, Timestamp},
    trust::decide::Role,
};
use nghisu_server::Office;
use nghisu_tests::{
    body::state,
    canary::copy_folder,
    hall::{Hall, Member, PROGRAMME},
    local::NOW,
};

fn hall() -> Hall {
    Hall::new("kh-1", PROGRAMME)
}

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

fn shown(member: &Member) -> BodyStatement {
    member.device.store.body().unwrap().unwrap()
}

fn posts(body: &Body, member: &Member, on: &str) -> Vec<String> {
    let person = body.person_of_account(member.person).unwrap();
    let posts = body.posts_of(&person.id, day(on));
    let names = posts.iter().map(|held| held.what.post.clone());
    names.map(Option::unwrap_or_default).collect()
}

#[test]
fn devices_without_a_network_know_who_holds_which_post_and_what_is_due() {
    let mut hall = hall();
    let mut alice = hall.member("Alice", Role::Delegate);
    let mut guest = hall.member("Khách mời", Role::Guest);
    assert_eq!(alice.device.store.body().unwrap(), None);
    let folder = hall.folder.path().to_owned();
    let stated = state(&hall.office, &folder, "HĐND tỉnh Mới", NOW);
    hall.meet(&mut [&mut alice, &mut guest]);
    // From here on nobody meets the office.
    for member in [&alice, &guest] {
        assert_eq!(shown(member), stated);
    }
    let body = shown(&guest).body;
    assert_eq!(posts(&body, &alice, "2025-06-30"), [""]);
    assert_eq!(
        posts(&body, &alice, "2025-07-15"),
        ["Chủ tịch", "Trưởng Ban", ""]
    );
    let due = |event| body.due(Duty::WrittenAnswer, day(event));
    assert_eq!(due("2026-12-31"), Some(day("2027-01-20")));
    // Ten days after 6 January a Saturday that is made up for.
    assert_eq!(due("2027-01-06"), Some(day("2027-01-16")));
    assert_eq!(due("2027-01-07"), Some(day("2027-01-19")));
    // What a device shows of the log is what the office prints of it.
    let view = hall.office.export(&[alice.person], None).unwrap();
    let view = canonical_json(&view[0]);
    assert_eq!(alice.device.store.view().unwrap(), view);
    assert!(view.contains("Trưởng Ban"), "the body is among it");
}

#[test]
fn the_newest_statement_takes_the_place_of_all_before_and_what_is_stated_already_writes_nothing() {
    let mut hall = hall();
    let mut alice = hall.member("Alice", Role::Delegate);
    let folder = hall.folder.path().to_owned();
    let first = state(&hall.office, &folder, "HĐND tỉnh Mới", NOW);
    hall.sync(&mut alice);
    let second = state(&hall.office, &folder, "HĐND thành phố Mới", NOW);
    assert!(second.number > first.number);
    let seq = hall.office.status(NOW).unwrap().seq;
    assert_eq!(
        hall.office.state_body(second.body.clone(), NOW).unwrap(),
        None
    );
    assert_eq!(hall.office.status(NOW).unwrap().seq, seq);
    assert_eq!(hall.office.body().unwrap(), Some(second.clone()));
    hall.sync(&mut alice);
    assert_eq!(shown(&alice), second);
    // Back to what it said first: another number.
    let third = hall.office.state_body(first.body.clone(), NOW).unwrap();
    let third = third.unwrap();
    assert_eq!(
        (third.number, &third.body),
        (second.number + 1, &first.body)
    );
    let mut late = hall.member("Bob", Role::Delegate);
    hall.meet(&mut [&mut alice, &mut late]);
    assert_eq!(shown(&alice), third);
    assert_eq!(shown(&late), third);
}

#[test]
fn what_cannot_be_or_names_nobody_is_refused_with_nothing_written() {
    let mut hall = hall();
    let alice = hall.member("Alice", Role::Delegate);
    let folder = hall.folder.path().to_owned();
    let sound = state(&hall.office, &folder, "HĐND tỉnh Mới", NOW);
    let seq = hall.office.status(NOW).unwrap().seq;
    let refused = |body: Body| {
        let error = hall.office.state_body(body, NOW).unwrap_err();
        assert_eq!(hall.office.status(NOW).unwrap().seq, seq);
        assert_eq!(hall.office.body().unwrap(), Some(sound.clone()));
        error
    };
    let mut wrong = sound.body.clone();
    wrong.memberships[0].until = "2025-06".parse().ok();
    let error = refused(wrong);
    assert_eq!(error.code(), Code::BodyFile);
    assert_eq!(error.detail(), "membership 1: until is before from");
    let mut stranger = sound.body.clone();
    let mut id = *alice.person.as_bytes();
    id[0] ^= 1;
    stranger.persons[1].account = Some(nghisu_core::ids::PersonId::from_bytes(id));
    let error = refused(stranger);
    assert_eq!(error.code(), Code::BodyFile);
    assert!(error.detail().starts_with("bob: account "), "{error}");
    let mut large = sound.body.clone();
    large.website = Some("x".repeat(300 << 10));
    assert_eq!(refused(large).code(), Code::TooLarge);
}

#[test]
fn a_statement_that_an_office_lost_comes_back_and_the_next_one_waits_until_it_has_healed() {
    let mut hall = hall();
    let mut alice = hall.member("Alice", Role::Delegate);
    let mut bob = hall.member("Bob", Role::Delegate);
    let folder = hall.folder.path().to_owned();
    let first = state(&hall.office, &folder, "HĐND tỉnh Mới", NOW);
    hall.meet(&mut [&mut alice, &mut bob]);
    let copy = hall.folder.path().join("copy");
    copy_folder(&hall.folder.path().join("office"), &copy);
    let second = state(&hall.office, &folder, "HĐND thành phố Mới", NOW);
    hall.sync(&mut alice);
    // The office is put back to before the second one. Whoever has read it goes on showing it.
    hall.office = Office::open(&copy).unwrap();
    assert_eq!(hall.office.body().unwrap(), Some(first.clone()));
    hall.sync(&mut bob);
    assert_eq!(shown(&bob), first);
    hall.sync(&mut alice);
    assert_eq!(shown(&alice), second);
    hall.sync(&mut alice);
    assert_eq!(hall.office.body().unwrap(), Some(second.clone()));
    hall.sync(&mut bob);
    assert_eq!(shown(&bob), second);
    let error = hall.office.state_body(first.body.clone(), NOW).unwrap_err();
    assert_eq!(error.code(), Code::OfficeHealing);
    hall.office.finish_healing(NOW).unwrap();
    let third = hall.office.state_body(first.body, NOW).unwrap().unwrap();
    let number = SerialNumber::new(third.number);
    assert_eq!((number.epoch(), number.in_epoch()), (2, 1));
    hall.meet(&mut [&mut alice, &mut bob]);
    assert_eq!(shown(&alice), third);
    assert_eq!(shown(&bob), third);
    hall.office.verify_log().unwrap();
}

/// Two statements get one number: one that the office has lost, and one that it makes before it notices. The
/// device that has the first stays away until then.
fn stated_twice(lost_at: Timestamp, anew_at: Timestamp) {
    let mut hall = hall();
    let mut alice = hall.member("Alice", Role::Delegate);
    let mut bob = hall.member("Bob", Role::Delegate);
    let folder = hall.folder.path().to_owned();
    let copy = hall.folder.path().join("copy");
    copy_folder(&hall.folder.path().join("office"), &copy);
    let lost = state(&hall.office, &folder, "HĐND tỉnh Mới", lost_at);
    hall.sync(&mut alice);
    hall.office = Office::open(&copy).unwrap();
    let anew = state(&hall.office, &folder, "HĐND thành phố Mới", anew_at);
    assert_eq!(lost.number, anew.number);
    hall.sync(&mut bob);
    assert_eq!(shown(&bob), anew);
    for _ in 0..2 {
        hall.meet(&mut [&mut alice, &mut bob]);
    }
    let counts = if lost_at > anew_at { lost } else { anew };
    assert_eq!(hall.office.body().unwrap(), Some(counts.clone()));
    for member in [&alice, &bob] {
        assert_eq!(shown(member), counts);
    }
    // The office goes on from whichever counts.
    hall.office.finish_healing(NOW).unwrap();
    let next = state(&hall.office, &folder, "HĐND xã Mới", NOW);
    hall.meet(&mut [&mut alice, &mut bob]);
    for member in [&alice, &bob] {
        assert_eq!(shown(member), next);
    }
}

#[test]
fn of_two_statements_under_one_number_the_later_one_counts_for_all() {
    let later = NOW.plus_ms(1);
    stated_twice(NOW, later);
    stated_twice(later, NOW);
}
