//! The minutes, typed by secretaries who are away from each other, up to what everybody reads.
#![expect(clippy::unwrap_used, reason = "the helpers of the tests are tests too")]

use std::{fs, io::Cursor};

use nghisu_core::{
    Code, Error, Result,
    document::Splice,
    ids::{ActId, MeetingId},
    meeting::{
        minutes::{Minutes, MinutesRuling, text_hash},
        ruling::Ruling,
        states::MinutesState,
    },
    store::ActState,
    trust::decide::Role,
};
use nghisu_server::{
    Office, bundle,
    office::{Asked, Beside},
};
use nghisu_tests::{
    canary::copy_folder,
    disk::Chance,
    hall::{Hall, Member, PROGRAMME},
    local::NOW,
};

/// A sentence that is deleted again before anybody but the secretaries may read the minutes.
const DELETED: &str = "Câu này bị bỏ 7QK2W9XT";
const ALSO_DELETED: &str = "Và câu này nữa M3ZP8VRL";

/// Schedules of typing, unless `NGHISU_SCHEDULES` says another number.
const SCHEDULES: u64 = 40;

fn hall() -> Hall {
    Hall::new("kh-1", PROGRAMME)
}

fn splice(position: usize, delete: usize, insert: &str) -> Splice {
    Splice {
        position,
        delete,
        insert: insert.to_owned(),
    }
}

fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

/// The minutes on somebody's device.
fn shown(member: &mut Member, meeting: MeetingId) -> Minutes {
    member.device.store.minutes(meeting).unwrap().unwrap()
}

fn try_type(member: &mut Member, shown: (MeetingId, &Minutes), splice: Splice) -> Result<Minutes> {
    let mut ids: Vec<_> = (0..8).map(|_| member.ids()).collect();
    let (meeting, minutes) = shown;
    let draw = || ids.pop().ok_or_else(|| Error::from(Code::Internal));
    let store = &mut member.device.store;
    store.type_minutes(meeting, &minutes.version, &[splice], draw, NOW)
}

/// Types behind some words of the text on somebody's device, or deletes words.
fn change(
    member: &mut Member,
    meeting: MeetingId,
    at: &str,
    delete: bool,
    insert: &str,
) -> Minutes {
    let minutes = shown(member, meeting);
    let found = minutes.text.find(at).unwrap();
    let splice = match delete {
        true => splice(units(&minutes.text[..found]), units(at), insert),
        false => splice(units(&minutes.text[..found + at.len()]), 0, insert),
    };
    try_type(member, (meeting, &minutes), splice).unwrap()
}

fn lay(member: &mut Member, meeting: MeetingId) -> ActId {
    let ids = member.ids();
    member.device.store.lay_minutes(meeting, ids, NOW).unwrap();
    ids.0
}

fn try_approve(member: &mut Member, meeting: MeetingId) -> Result<ActId> {
    let ids = member.ids();
    let store = &mut member.device.store;
    store.approve_minutes(meeting, ids, NOW)?;
    Ok(ids.0)
}

#[test]
fn minutes_that_two_secretaries_type_offline_are_frozen_at_approval_and_nobody_else_gets_what_they_deleted()
 {
    let mut hall = hall();
    let meeting = hall.meeting;
    let mut chair = hall.member("Chủ tọa", Role::Chair);
    let mut alice = hall.member("Thư ký 1", Role::Secretary);
    let mut bob = hall.member("Thư ký 2", Role::Secretary);
    let mut carol = hall.member("Đại biểu tổ 3", Role::Delegate);
    let mut guest = hall.member("Khách mời", Role::Guest);
    let audience = hall.office.audience(Asked::Meeting("kh-1")).unwrap();
    hall.office.grant(guest.person, audience, NOW).unwrap();

    let empty = shown(&mut alice, meeting);
    assert_eq!(
        (empty.text.as_str(), empty.state),
        ("", MinutesState::Writing)
    );
    let begun = "Khai mạc lúc 8 giờ. Thảo luận về ngân sách. Bế mạc.";
    try_type(&mut alice, (meeting, &empty), splice(0, 0, begun)).unwrap();
    change(
        &mut alice,
        meeting,
        "8 giờ.",
        false,
        &format!(" {DELETED}."),
    );
    hall.meet(&mut [&mut alice, &mut bob]);
    assert_eq!(
        shown(&mut bob, meeting).text,
        shown(&mut alice, meeting).text
    );
    // Both are away, and type in the same text.
    change(
        &mut alice,
        meeting,
        "ngân sách.",
        false,
        " Ba đại biểu phát biểu.",
    );
    change(&mut alice, meeting, &format!(" {DELETED}."), true, "");
    change(&mut bob, meeting, "Bế mạc", false, " lúc 17 giờ");
    change(
        &mut bob,
        meeting,
        "8 giờ",
        false,
        &format!(" ({ALSO_DELETED})"),
    );
    change(&mut bob, meeting, &format!(" ({ALSO_DELETED})"), true, "");
    hall.meet(&mut [&mut alice, &mut bob]);
    let expected =
        "Khai mạc lúc 8 giờ. Thảo luận về ngân sách. Ba đại biểu phát biểu. Bế mạc lúc 17 giờ.";
    for secretary in [&mut alice, &mut bob] {
        let minutes = shown(secretary, meeting);
        assert_eq!(minutes.text, expected);
        assert_eq!(
            (minutes.state, &*minutes.set_aside),
            (MinutesState::Writing, &[][..])
        );
        assert!(secretary.keeps(DELETED), "the search finds what is there");
    }
    assert_eq!(hall.office.minutes("kh-1").unwrap().text, expected);
    // Until they are laid before him the chair has none, and so have all others.
    hall.meet(&mut [&mut chair, &mut carol, &mut guest]);
    for member in [&mut chair, &mut carol, &mut guest] {
        assert_eq!(member.device.store.minutes(meeting).unwrap(), None);
    }
    let error = try_approve(&mut chair, meeting).unwrap_err();
    assert_eq!(error.code(), Code::NotAllowed);

    let laid = lay(&mut bob, meeting);
    hall.meet(&mut [&mut bob, &mut alice, &mut chair, &mut carol, &mut guest]);
    assert!(matches!(bob.act_state(laid), ActState::Accepted { .. }));
    assert_eq!(shown(&mut alice, meeting).state, MinutesState::Laid);
    let before_him = shown(&mut chair, meeting);
    assert_eq!(
        (before_him.text.as_str(), before_him.state),
        (expected, MinutesState::Laid)
    );
    assert_eq!(carol.device.store.minutes(meeting).unwrap(), None);
    // Alice types on while the chair approves what he has read.
    change(&mut alice, meeting, "8 giờ", false, " 30");
    let approved = try_approve(&mut chair, meeting).unwrap();
    hall.sync(&mut chair);
    hall.sync(&mut alice);
    let refused = alice.device.store.not_sent().unwrap();
    assert_eq!(
        (&*refused[0].reason, &*refused[0].text),
        ("minutes_approved", " 30")
    );
    hall.meet(&mut [&mut bob, &mut alice, &mut chair, &mut carol, &mut guest]);
    for member in [&mut chair, &mut alice, &mut bob, &mut carol, &mut guest] {
        let minutes = shown(member, meeting);
        assert_eq!(
            (minutes.text.as_str(), minutes.state),
            (expected, MinutesState::Approved)
        );
        assert_eq!(minutes.approval.unwrap().act, approved);
        let signed = member.course(meeting).minutes.unwrap();
        assert_eq!(signed.act, approved);
        let content = text_hash(expected);
        let said = Ruling::Minutes(MinutesRuling::Approved { content });
        assert_eq!(signed.ruling, said);
    }
    let minutes = shown(&mut bob, meeting);
    let error = try_type(&mut bob, (meeting, &minutes), splice(0, 0, "x")).unwrap_err();
    assert_eq!(error.code(), Code::NotAllowed);
    let error = hall
        .office
        .write_minutes("kh-1", ("khác", None), NOW)
        .unwrap_err();
    assert_eq!(error.code(), Code::StepInvalid);

    for words in [DELETED, ALSO_DELETED] {
        for member in [&chair, &carol, &guest] {
            assert!(!member.keeps(words), "{words}");
        }
    }
    // Nor are they in the meeting's file, with all that it can have.
    let file = hall.folder.path().join("kh-1.zip");
    let beside = Beside {
        acts: true,
        closed: true,
    };
    hall.office.bundle("kh-1", beside, &file, NOW).unwrap();
    let bundle = fs::read(&file).unwrap();
    assert!(!contains(&bundle, DELETED) && !contains(&bundle, ALSO_DELETED));
    assert!(contains(&bundle, expected), "what was approved is there");
    bundle::check(Cursor::new(&bundle), None).unwrap();
}

fn contains(bytes: &[u8], words: &str) -> bool {
    let mut places = bytes.windows(words.len());
    places.any(|it| it == words.as_bytes())
}

#[test]
fn minutes_that_were_changed_since_they_were_read_are_neither_laid_nor_approved() {
    let mut hall = hall();
    let meeting = hall.meeting;
    let mut chair = hall.member("Chủ tọa", Role::Chair);
    let mut alice = hall.member("Thư ký 1", Role::Secretary);
    let mut bob = hall.member("Thư ký 2", Role::Secretary);
    let empty = shown(&mut alice, meeting);
    try_type(&mut alice, (meeting, &empty), splice(0, 0, "Bản thứ nhất.")).unwrap();
    hall.meet(&mut [&mut alice, &mut bob]);
    change(&mut bob, meeting, "nhất", false, " (đã sửa)");
    hall.sync(&mut bob);
    // She has not seen what Bob has typed.
    let laid = lay(&mut alice, meeting);
    hall.meet(&mut [&mut alice, &mut chair]);
    let refused = |member: &Member, act| match member.act_state(act) {
        ActState::Refused { reason } => reason,
        other @ (ActState::Written | ActState::Accepted { .. }) => panic!("{other:?}"),
    };
    assert_eq!(refused(&alice, laid), "minutes_changed");
    assert_eq!(chair.device.store.minutes(meeting).unwrap(), None);
    lay(&mut alice, meeting);
    hall.meet(&mut [&mut alice, &mut chair]);
    assert_eq!(shown(&mut chair, meeting).text, "Bản thứ nhất (đã sửa).");
    // Whoever is not the chair does not approve, and the chair nothing that was not laid before him.
    assert_eq!(
        try_approve(&mut bob, meeting).unwrap_err().code(),
        Code::NotAllowed
    );
    let content = text_hash("Bản chưa ai đọc.");
    let unread = Ruling::Minutes(MinutesRuling::Approved { content });
    let unread = chair.try_rule(meeting, unread, ("", None)).unwrap();
    hall.sync(&mut chair);
    assert_eq!(refused(&chair, unread), "minutes_changed");
    assert_eq!(shown(&mut chair, meeting).state, MinutesState::Laid);
}

#[test]
fn a_text_that_is_not_shown_any_more_is_not_typed_into() {
    let mut hall = hall();
    let meeting = hall.meeting;
    let mut alice = hall.member("Thư ký 1", Role::Secretary);
    let empty = shown(&mut alice, meeting);
    let first = try_type(&mut alice, (meeting, &empty), splice(0, 0, "😀 một")).unwrap();
    let second = try_type(&mut alice, (meeting, &first), splice(6, 0, " hai")).unwrap();
    assert_eq!(second.text, "😀 một hai");
    for (shown, wrong) in [
        (&first, splice(0, 0, "x")),
        (&second, splice(11, 0, "x")),
        (&second, splice(1, 0, "x")),
        (&second, splice(0, 1, "")),
        (&second, splice(0, usize::MAX, "")),
    ] {
        let error = try_type(&mut alice, (meeting, shown), wrong.clone()).unwrap_err();
        assert_eq!(error.code(), Code::PositionInvalid, "{wrong:?}");
    }
    assert_eq!(shown(&mut alice, meeting).text, "😀 một hai");
    // A later screen of what was there before goes on in another act.
    hall.sync(&mut alice);
    let again = try_type(&mut alice, (meeting, &second), splice(10, 0, " ba")).unwrap();
    assert_eq!(again.text, "😀 một hai ba");
    // A page that is pasted at once is several acts.
    let page = "Đại biểu tổ 3 phát biểu về ngân sách. ".repeat(250);
    let pasted = try_type(&mut alice, (meeting, &again), splice(0, 0, &page)).unwrap();
    hall.sync(&mut alice);
    assert_eq!(hall.office.minutes("kh-1").unwrap().text, pasted.text);
    let mut delegate = hall.member("Đại biểu tổ 3", Role::Delegate);
    let error = try_type(&mut delegate, (meeting, &again), splice(0, 0, "x")).unwrap_err();
    assert_eq!(error.code(), Code::NotAllowed);
}

#[test]
fn minutes_that_an_office_lost_come_back_from_the_secretaries_and_go_on() {
    let mut hall = hall();
    let meeting = hall.meeting;
    let mut chair = hall.member("Chủ tọa", Role::Chair);
    let mut alice = hall.member("Thư ký 1", Role::Secretary);
    let mut bob = hall.member("Thư ký 2", Role::Secretary);
    let empty = shown(&mut alice, meeting);
    try_type(
        &mut alice,
        (meeting, &empty),
        splice(0, 0, "Khai mạc. Bế mạc."),
    )
    .unwrap();
    hall.meet(&mut [&mut alice, &mut bob]);
    let copy = hall.folder.path().join("copy");
    copy_folder(&hall.folder.path().join("office"), &copy);
    change(&mut bob, meeting, "Khai mạc.", false, " Thảo luận.");
    hall.meet(&mut [&mut bob, &mut alice]);
    // The office is put back to before that, while Alice types on in what she has read.
    hall.office = Office::open(&copy).unwrap();
    change(&mut alice, meeting, "Thảo luận", false, " tại tổ");
    hall.meet(&mut [&mut alice, &mut bob]);
    let expected = "Khai mạc. Thảo luận tại tổ. Bế mạc.";
    assert_eq!(shown(&mut alice, meeting).text, expected);
    // What was not known before the loss waits until the office has healed.
    assert_eq!(
        shown(&mut bob, meeting).text,
        "Khai mạc. Thảo luận. Bế mạc."
    );
    let error = hall.office.lay_minutes("kh-1", NOW).unwrap_err();
    assert_eq!(error.code(), Code::OfficeHealing);
    hall.office.finish_healing(NOW).unwrap();
    hall.meet(&mut [&mut alice, &mut bob, &mut chair]);
    for secretary in [&mut alice, &mut bob] {
        let minutes = shown(secretary, meeting);
        assert_eq!(
            (minutes.text.as_str(), &*minutes.set_aside),
            (expected, &[][..])
        );
    }
    assert_eq!(hall.office.minutes("kh-1").unwrap().text, expected);
    hall.office.lay_minutes("kh-1", NOW).unwrap();
    hall.meet(&mut [&mut chair, &mut alice]);
    assert_eq!(shown(&mut chair, meeting).text, expected);
    // That they are approved is known again to an office that has forgotten it.
    copy_folder(&copy, &hall.folder.path().join("second copy"));
    try_approve(&mut chair, meeting).unwrap();
    hall.meet(&mut [&mut chair, &mut alice]);
    hall.office = Office::open(&hall.folder.path().join("second copy")).unwrap();
    hall.meet(&mut [&mut alice, &mut chair, &mut bob]);
    assert_eq!(
        hall.office.minutes("kh-1").unwrap().state,
        MinutesState::Approved
    );
    assert_eq!(shown(&mut bob, meeting).state, MinutesState::Approved);
    // What had its record before the loss is refused to nobody, though nothing new is typed by now.
    for member in [&chair, &alice, &bob] {
        assert_eq!(member.device.store.not_sent().unwrap(), []);
    }
}

/// What one schedule does is drawn by its number.
fn schedule(seed: u64, hall: &Hall, secretaries: &mut [Member]) {
    let meeting = hall.meeting;
    let mut chance = Chance::new(seed);
    let (mut typed, mut deleted) = (0, 0);
    for n in 0..24 {
        let who = chance.below(secretaries.len());
        let member = &mut secretaries[who];
        match chance.below(8) {
            0 => hall.sync(member),
            1 => member.lose_reply(&hall.office),
            2 => {
                let minutes = shown(member, meeting);
                let most = units(&minutes.text);
                let at = chance.below(most + 1);
                let count = chance.below((most - at).min(9) + 1);
                if count > 0 {
                    let gone = splice(at, count, "");
                    try_type(member, (meeting, &minutes), gone).unwrap();
                    deleted += count;
                }
            }
            _ => {
                let minutes = shown(member, meeting);
                let at = chance.below(units(&minutes.text) + 1);
                let word = format!("[{seed}.{n}]");
                try_type(member, (meeting, &minutes), splice(at, 0, &word)).unwrap();
                typed += word.len();
            }
        }
    }
    for _ in 0..2 {
        for member in &mut *secretaries {
            hall.sync(member);
        }
    }
    let office = hall.office.minutes(&meeting.to_string()).unwrap();
    assert_eq!(office.set_aside, [], "schedule {seed}");
    for member in secretaries {
        let minutes = shown(member, meeting);
        assert_eq!(minutes.text, office.text, "schedule {seed}");
        assert_eq!(minutes.set_aside, [], "schedule {seed}");
    }
    // Two may delete the same letters, so at least so many are left.
    let left = units(&office.text);
    assert!(
        left <= typed && left + deleted >= typed,
        "schedule {seed}: {left} of {typed} − {deleted}"
    );
}

#[test]
fn whatever_two_secretaries_on_three_devices_type_and_lose_all_have_one_text() {
    let mut hall = hall();
    let mut secretaries = vec![
        hall.member("Thư ký 1", Role::Secretary),
        hall.member("Thư ký 2", Role::Secretary),
    ];
    let person = secretaries[0].person;
    secretaries.push(hall.enrol(person));
    let schedules = std::env::var("NGHISU_SCHEDULES");
    let schedules: u64 = schedules.map_or(SCHEDULES, |text| text.parse().unwrap());
    for seed in 0..schedules {
        let id = format!("bb-{seed}");
        hall.publish(&id, &PROGRAMME.replace("kh-1", &id));
        for member in &mut secretaries {
            hall.sync(member);
        }
        schedule(seed, &hall, &mut secretaries);
    }
}
