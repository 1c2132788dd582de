//! What the chair and the secretaries rule, over devices that are away from each other and a real office.
#![expect(clippy::unwrap_used, reason = "the helpers of the tests are tests too")]

use std::{collections::BTreeSet, fs, io::Cursor};

use nghisu_core::{
    Code,
    ids::{ActId, PersonId},
    meeting::{
        ItemId,
        act::{Act, ActKind, SignedAct},
        canonical_json,
        course::Why,
        ruling::{
            FloorRuling, PetitionRuling, Presence, Recorded, RollRuling, Ruling, Statement,
            TaskRuling, VoteResult,
        },
        states::{PetitionState, QuestionState, SpeakingState, State, TaskState},
    },
    store::ActState,
    sync::healing::SerialNumber,
    trust::decide::Role,
};
use nghisu_server::{
    Office, bundle,
    office::{Asked, Beside},
};
use nghisu_tests::{
    canary::copy_folder,
    hall::{Hall, Member, PROGRAMME, Stated, json},
    local::NOW,
};

fn hall() -> Hall {
    Hall::new("kh-1", PROGRAMME)
}

fn item() -> ItemId {
    "i1".parse().unwrap()
}

#[test]
fn sixty_registrations_made_offline_in_three_places_are_one_list_on_every_device() {
    let mut hall = hall();
    let meeting = hall.meeting;
    let mut chair = hall.member("Chủ tọa", Role::Chair);
    let mut members: Vec<Member> = (0..60)
        .map(|n| hall.member(&format!("Đại biểu {n:02}"), Role::Delegate))
        .collect();
    let registrations: Vec<ActId> = members
        .iter_mut()
        .enumerate()
        .map(|(n, member)| {
            let kind = if n % 20 == 7 {
                ActKind::PointOfOrder
            } else {
                ActKind::SpeakingRegistration
            };
            member.state(meeting, kind, None)
        })
        .collect();
    for n in [4, 31, 58] {
        members[n].state(meeting, ActKind::Withdrawal, Some(registrations[n]));
    }
    // The second place is back first, then the third; in each the last comes first.
    let order: Vec<usize> = [20..40, 40..60, 0..20]
        .into_iter()
        .flat_map(Iterator::rev)
        .collect();
    for n in &order {
        hall.sync(&mut members[*n]);
    }
    hall.sync(&mut chair);
    let expected: Vec<PersonId> = {
        let of = |points: bool| {
            let order = order.iter().filter(move |n| (*n % 20 == 7) == points);
            order.filter(|n| ![4, 31, 58].contains(*n))
        };
        of(true)
            .chain(of(false))
            .map(|n| members[*n].person)
            .collect()
    };
    assert_eq!(chair.list(meeting, "i1"), expected);
    // The chair goes on while nobody hears of it, and all see the same once they do.
    chair.floor(meeting, FloorRuling::TakeFloor);
    let first = registrations[order[12]];
    let second = registrations[order[0]];
    chair.floor(
        meeting,
        FloorRuling::Grant {
            registration: first,
        },
    );
    chair.floor(
        meeting,
        FloorRuling::Spoken {
            registration: first,
            began: NOW,
            ended: NOW.plus_ms(180_000),
        },
    );
    chair.floor(
        meeting,
        FloorRuling::Refuse {
            registration: second,
        },
    );
    let left: Vec<PersonId> = expected
        .iter()
        .copied()
        .filter(|person| ![members[order[12]].person, members[order[0]].person].contains(person))
        .collect();
    assert_eq!(chair.list(meeting, "i1"), left);
    hall.sync(&mut chair);
    let shown = json(&chair.course(meeting));
    for n in order.iter().rev() {
        hall.sync(&mut members[*n]);
        assert_eq!(json(&members[*n].course(meeting)), shown, "device {n}");
        assert_eq!(members[*n].list(meeting, "i1"), left);
    }
    assert_eq!(json(&hall.office.course("kh-1").unwrap()), shown);
    // What a device shows of the log is what the office prints of it.
    let view = hall.office.export(&[members[7].person], None).unwrap();
    let view = canonical_json(&view[0]);
    assert_eq!(members[7].device.store.view().unwrap(), view);
    assert!(
        view.contains("\"ruling\":\"refuse\""),
        "records are among it"
    );
}

#[test]
fn the_bundle_of_a_meeting_has_its_course_and_what_follows_and_no_reason_of_an_absence() {
    let mut hall = hall();
    let meeting = hall.meeting;
    let mut chair = hall.member("Chủ tọa", Role::Chair);
    let absent = RollRuling::Presence {
        person: chair.person,
        presence: Presence::Excused,
    };
    chair.rule(meeting, Ruling::Roll(absent), ("nằm viện 3KQ8Z", None));
    let conclusion = Ruling::Recorded(Recorded::Conclusion);
    chair.rule(meeting, conclusion, ("Kết luận 5WM2X", None));
    let task = TaskRuling::Task {
        conclusion: None,
        due: None,
    };
    chair.rule(
        meeting,
        Ruling::Task(task),
        ("Nhiệm vụ 9RT4B", Some("Ban Pháp chế")),
    );
    hall.sync(&mut chair);
    hall.publish("kh-2", &PROGRAMME.replace("kh-1", "kh-2"));
    hall.sync(&mut chair);
    let task = Ruling::Task(task);
    chair.rule(hall.meeting, task, ("Nhiệm vụ khác 2HD6N", None));
    hall.sync(&mut chair);
    let file = hall.folder.path().join("kh-1.zip");
    let made = hall
        .office
        .bundle("kh-1", Beside::default(), &file, NOW)
        .unwrap();
    let bytes = fs::read(&file).unwrap();
    let checked = bundle::check(Cursor::new(&bytes), None).unwrap();
    assert_eq!(checked.contents, made);
    let has = |words: &str| bytes.windows(words.len()).any(|it| it == words.as_bytes());
    assert!(has("Kết luận 5WM2X") && has("Nhiệm vụ 9RT4B"));
    assert!(!has("3KQ8Z") && !has("2HD6N"));
}

#[test]
fn a_ruling_of_one_meeting_says_nothing_of_another() {
    let mut hall = hall();
    let first = hall.meeting;
    hall.publish("kh-2", &PROGRAMME.replace("kh-1", "kh-2"));
    let second = hall.meeting;
    let mut chair = hall.member("Chủ tọa", Role::Chair);
    chair.floor(first, FloorRuling::TakeFloor);
    let terms = |chair: &Member| [first, second].map(|it| chair.course(it).floor.term);
    assert_eq!(terms(&chair), [1, 0]);
    hall.meet(&mut [&mut chair]);
    assert_eq!(terms(&chair), [1, 0]);
}

#[test]
fn acts_of_every_kind_sent_ten_times_from_two_devices_of_one_person_are_in_the_record_once() {
    let mut hall = hall();
    let meeting = hall.meeting;
    let mut secretary = hall.member("Thư ký 1", Role::Secretary);
    let mut first = hall.member("Chủ tọa", Role::Chair);
    let mut second = hall.enrol(first.person);
    let mut acts = Vec::new();
    for device in [&mut first, &mut second] {
        for kind in ActKind::ALL {
            let withdraws = match kind {
                ActKind::Ruling => continue,
                ActKind::Withdrawal => {
                    let question = device.state(meeting, ActKind::QuestionSlip, None);
                    acts.push((ActKind::QuestionSlip, question));
                    Some(question)
                }
                ActKind::SpeakingRegistration
                | ActKind::QuestionSlip
                | ActKind::CheckIn
                | ActKind::Absence
                | ActKind::PointOfOrder
                | ActKind::OpinionSlip
                | ActKind::Recommendation
                | ActKind::Petition => None,
            };
            acts.push((kind, device.state(meeting, kind, withdraws)));
        }
        let conclusion = Ruling::Recorded(Recorded::Conclusion);
        let ruled = device.rule(meeting, conclusion, ("Giao các Ban thực hiện", None));
        acts.push((ActKind::Ruling, ruled));
    }
    for _ in 0..10 {
        first.lose_reply(&hall.office);
        second.lose_reply(&hall.office);
    }
    hall.meet(&mut [&mut first, &mut second, &mut secretary]);
    let receipts = secretary.device.store.receipts(meeting).unwrap();
    let numbers: BTreeSet<u64> = receipts.iter().filter_map(|it| it.number).collect();
    let numbered = receipts.iter().filter(|it| it.number.is_some()).count();
    assert_eq!(numbers.len(), numbered, "a number was given twice");
    for (kind, act) in &acts {
        let of_it = receipts.iter().filter(|it| it.act == *act).count();
        assert_eq!(of_it, usize::from(*kind != ActKind::Ruling), "{kind:?}");
    }
    let conclusions = secretary.course(meeting).conclusions;
    let ruled: Vec<ActId> = conclusions.iter().map(|record| record.act).collect();
    let stated = acts.iter().filter(|(kind, _)| *kind == ActKind::Ruling);
    assert_eq!(ruled, stated.map(|(_, act)| *act).collect::<Vec<_>>());
    let numbers: Vec<u64> = conclusions.iter().map(|record| record.number).collect();
    assert_eq!(numbers, [1, 2]);
}

#[test]
fn what_two_holders_of_the_floor_did_while_cut_off_is_resolved_by_term_and_seen_by_all() {
    let mut hall = hall();
    let meeting = hall.meeting;
    let mut chair = hall.member("Chủ tọa", Role::Chair);
    let mut secretary = hall.member("Thư ký 1", Role::Secretary);
    let mut alice = hall.member("Alice", Role::Delegate);
    let mut bob = hall.member("Bob", Role::Delegate);
    let of_alice = alice.state(meeting, ActKind::SpeakingRegistration, None);
    let of_bob = bob.state(meeting, ActKind::SpeakingRegistration, None);
    hall.sync(&mut alice);
    hall.sync(&mut bob);
    hall.sync(&mut chair);
    chair.floor(meeting, FloorRuling::TakeFloor);
    hall.sync(&mut chair);
    hall.sync(&mut secretary);
    // Nobody but the holder rules the floor, and he need not take it again.
    let error = chair.try_floor((meeting, None), FloorRuling::TakeFloor);
    assert_eq!(error.unwrap_err().code(), Code::NotAllowed);
    let error = secretary
        .try_floor((meeting, None), FloorRuling::Open)
        .unwrap_err();
    assert_eq!(error.code(), Code::FloorNotHeld);
    // The network ends. The chair goes on on his tablet; in the hall the secretary takes over.
    chair.floor(
        meeting,
        FloorRuling::Grant {
            registration: of_bob,
        },
    );
    let spoke = (NOW.plus_ms(1), NOW.plus_ms(2));
    let spoken = |registration| FloorRuling::Spoken {
        registration,
        began: spoke.0,
        ended: spoke.1,
    };
    chair.floor(meeting, spoken(of_bob));
    let refused = chair.floor(
        meeting,
        FloorRuling::Refuse {
            registration: of_alice,
        },
    );
    secretary.floor(meeting, FloorRuling::TakeFloor);
    secretary.floor(meeting, FloorRuling::Open);
    secretary.floor(
        meeting,
        FloorRuling::Grant {
            registration: of_alice,
        },
    );
    assert_eq!(chair.list(meeting, "i1"), []);
    assert_eq!(secretary.course(meeting).floor.term, 2);
    hall.sync(&mut secretary);
    hall.meet(&mut [&mut chair, &mut secretary, &mut alice, &mut bob]);

    let course = alice.course(meeting);
    let all = [&chair, &secretary, &bob];
    assert!(
        all.iter()
            .all(|it| json(&it.course(meeting)) == json(&course))
    );
    assert_eq!(course.floor.holder.unwrap().person, Some(secretary.person));
    assert_eq!(course.floor.item, Some(item()));
    assert_eq!(course.floor.speaking, Some(of_alice));
    let states: Vec<SpeakingState> = course
        .registrations
        .iter()
        .map(|it| it.history.state())
        .collect();
    // Bob has spoken, of whom the newer holder said nothing; that Alice was refused does not count.
    assert_eq!(states, [SpeakingState::Granted, SpeakingState::Spoken]);
    assert_eq!(course.registrations[1].spoke, Some(spoke));
    let aside: Vec<_> = course
        .set_aside
        .iter()
        .map(|it| (it.why, it.counts, it.record.act == refused))
        .collect();
    assert_eq!(
        aside,
        [
            (Why::Overtaken, true, false),
            (Why::Overtaken, true, false),
            (Why::Overtaken, false, true)
        ]
    );
    // Whoever lost the floor takes it back under the next term.
    let error = chair
        .try_floor((meeting, None), FloorRuling::Open)
        .unwrap_err();
    assert_eq!(error.code(), Code::FloorNotHeld);
    chair.floor(meeting, FloorRuling::TakeFloor);
    assert_eq!(chair.course(meeting).floor.term, 3);
}

#[test]
fn whoever_has_spoken_registers_anew_with_a_place_of_his_own() {
    let mut hall = hall();
    let meeting = hall.meeting;
    let mut chair = hall.member("Chủ tọa", Role::Chair);
    let mut alice = hall.member("Alice", Role::Delegate);
    let first = alice.state(meeting, ActKind::SpeakingRegistration, None);
    let joins = alice.state(meeting, ActKind::SpeakingRegistration, None);
    hall.meet(&mut [&mut alice, &mut chair]);
    chair.floor(meeting, FloorRuling::TakeFloor);
    chair.floor(
        meeting,
        FloorRuling::Grant {
            registration: first,
        },
    );
    chair.floor(
        meeting,
        FloorRuling::Spoken {
            registration: first,
            began: NOW,
            ended: NOW,
        },
    );
    hall.sync(&mut chair);
    let again = alice.state(meeting, ActKind::SpeakingRegistration, None);
    hall.meet(&mut [&mut alice, &mut chair]);
    let receipts = chair.device.store.receipts(meeting).unwrap();
    let numbers = [first, joins, again].map(|act| {
        let receipt = receipts.iter().find(|it| it.act == act).unwrap();
        receipt.number
    });
    assert_eq!(numbers, [Some(1), None, Some(2)]);
    assert_eq!(chair.list(meeting, "i1"), [alice.person]);
    let acts = hall.office.acts("kh-1").unwrap();
    assert!(
        acts.iter().all(|act| !act.withdrawn),
        "nobody has withdrawn"
    );
}

#[test]
fn why_somebody_is_absent_is_in_no_file_of_anybody_but_the_office() {
    const REASON: &str = "nằm viện 7KQ2Z";
    let mut hall = hall();
    let meeting = hall.meeting;
    let mut secretary = hall.member("Thư ký 1", Role::Secretary);
    let mut other = hall.member("Thư ký 2", Role::Secretary);
    let mut chair = hall.member("Chủ tọa", Role::Chair);
    let mut alice = hall.member("Alice", Role::Delegate);
    let mut bob = hall.member("Bob", Role::Delegate);
    bob.state(meeting, ActKind::CheckIn, None);
    let presence = |person, presence| Ruling::Roll(RollRuling::Presence { person, presence });
    let seats = RollRuling::Seats {
        total: 3,
        quorum: 2,
    };
    secretary.rule(meeting, Ruling::Roll(seats), ("", None));
    let excused = presence(alice.person, Presence::Excused);
    secretary.rule(meeting, excused, (REASON, None));
    secretary.rule(meeting, presence(bob.person, Presence::Absent), ("", None));
    hall.meet(&mut [&mut bob, &mut secretary, &mut other, &mut chair, &mut alice]);
    for member in [&chair, &alice, &bob] {
        let roll = member.course(meeting).roll;
        assert_eq!(roll.people[&alice.person].recorded, Some(Presence::Excused));
        assert!(roll.people[&bob.person].is_disputed());
        assert_eq!((roll.present(), roll.has_quorum()), (0, Some(false)));
    }
    assert!(secretary.keeps(REASON) && other.keeps(REASON));
    let others = [&chair, &alice, &bob];
    assert!(!others.into_iter().any(|it| it.keeps(REASON)));
    let reasons = hall.office.roll_reasons("kh-1").unwrap();
    assert_eq!(reasons.len(), 1);
    assert_eq!(reasons[0].text, REASON);
}

#[test]
fn what_is_not_for_somebodys_role_to_state_is_refused_here_and_at_the_office() {
    let mut hall = hall();
    let meeting = hall.meeting;
    let mut chair = hall.member("Chủ tọa", Role::Chair);
    let mut secretary = hall.member("Thư ký 1", Role::Secretary);
    let mut alice = hall.member("Alice", Role::Delegate);
    let mut bob = hall.member("Bob", Role::Delegate);
    let question = alice.state(meeting, ActKind::QuestionSlip, None);
    hall.meet(&mut [&mut alice, &mut bob, &mut chair]);
    let conclusion = Ruling::Recorded(Recorded::Conclusion);
    let error = alice
        .try_rule(meeting, conclusion.clone(), ("Tôi kết luận", None))
        .unwrap_err();
    assert_eq!(error.code(), Code::NotAllowed);
    let answered = |state| Ruling::Recorded(Recorded::Question { question, state });
    // A device that does not keep to its role.
    let forged = |member: &mut Member, kind, ruling| {
        member.put(Stated {
            ruling,
            ..Stated::of(meeting, kind)
        })
    };
    let ruled = ActKind::Ruling;
    let concludes = forged(&mut alice, ruled, Some(conclusion.clone()));
    let not_his = forged(&mut bob, ruled, Some(answered(QuestionState::Accepted)));
    let registers = forged(&mut secretary, ActKind::SpeakingRegistration, None);
    let nothing = forged(&mut secretary, ruled, None);
    let both = forged(&mut chair, ActKind::QuestionSlip, Some(conclusion));
    let seats = RollRuling::Seats {
        total: 2,
        quorum: 3,
    };
    let far = Ruling::Floor {
        term: 101,
        ruling: FloorRuling::TakeFloor,
    };
    let far = forged(&mut chair, ruled, Some(far));
    let impossible = forged(&mut chair, ruled, Some(Ruling::Roll(seats)));
    hall.meet(&mut [&mut alice, &mut bob, &mut chair, &mut secretary]);
    for (member, act, expected) in [
        (&alice, concludes, "role"),
        (&bob, not_his, "role"),
        (&secretary, registers, "role"),
        (&secretary, nothing, "malformed"),
        (&chair, both, "malformed"),
        (&chair, impossible, "malformed"),
        (&chair, far, "malformed"),
    ] {
        let reason = expected.to_owned();
        assert_eq!(member.act_state(act), ActState::Refused { reason });
    }
    // The delegate who asked says what he thinks of the answer.
    chair.rule(
        meeting,
        answered(QuestionState::AnsweredOrally),
        ("Đã bố trí vốn", Some("Sở Tài chính")),
    );
    hall.meet(&mut [&mut chair, &mut alice]);
    alice.rule(
        meeting,
        answered(QuestionState::Unsatisfied),
        ("Chưa rõ thời hạn", None),
    );
    hall.meet(&mut [&mut alice, &mut chair, &mut bob]);
    let asked = &bob.course(meeting).questions[0];
    assert_eq!(asked.history.state(), QuestionState::Unsatisfied);
    assert_eq!(asked.answered_by.as_deref(), Some("Sở Tài chính"));
    assert_eq!(bob.course(meeting).set_aside, []);
}

#[test]
fn nothing_is_made_known_of_an_item_that_only_a_circle_reads() {
    let mut hall = hall();
    let meeting = hall.meeting;
    let mut chair = hall.member("Chủ tọa", Role::Chair);
    let mut alice = hall.member("Alice", Role::Delegate);
    let circle = hall.office.audience(Asked::Circle("thường trực")).unwrap();
    hall.office.grant(chair.person, circle, NOW).unwrap();
    hall.sync(&mut chair);
    chair.floor(meeting, FloorRuling::TakeFloor);
    let ids = chair.ids();
    let closed: ItemId = "i2".parse().unwrap();
    let store = &mut chair.device.store;
    store
        .put_floor_ruling(
            (meeting, Some(closed.clone())),
            FloorRuling::Open,
            String::new(),
            ids,
            NOW,
        )
        .unwrap();
    hall.meet(&mut [&mut chair, &mut alice]);
    let reason = "closed_item".to_owned();
    assert_eq!(chair.act_state(ids.0), ActState::Refused { reason });
    assert_eq!(alice.course(meeting).floor.item, None);
    let statement = Statement {
        item: Some(closed),
        ruling: Ruling::Recorded(Recorded::Conclusion),
        text: "kín".into(),
        addressee: None,
    };
    let error = hall.office.rule("kh-1", statement, NOW).unwrap_err();
    assert_eq!(error.code(), Code::ItemUnknown);
}

#[test]
fn tasks_and_petitions_are_followed_by_everybody_of_the_body() {
    let mut hall = hall();
    let meeting = hall.meeting;
    let mut chair = hall.member("Chủ tọa", Role::Chair);
    let mut secretary = hall.member("Thư ký 1", Role::Secretary);
    let mut alice = hall.member("Alice", Role::Delegate);
    let mut guest = hall.member("Khách mời", Role::Guest);
    let heard = alice.state(meeting, ActKind::Petition, None);
    hall.sync(&mut alice);
    let due = "2027-03-31".parse().ok();
    let conclusion = chair.rule(
        meeting,
        Ruling::Recorded(Recorded::Conclusion),
        ("Các Ban tăng cường giám sát", Some("Chủ tọa")),
    );
    let given = Ruling::Task(TaskRuling::Task {
        conclusion: Some(conclusion),
        due,
    });
    let task = chair.rule(
        meeting,
        given,
        ("Giám sát đầu tư công", Some("Ban Kinh tế – Ngân sách")),
    );
    hall.sync(&mut chair);
    hall.sync(&mut secretary);
    let known = Ruling::Petition(PetitionRuling::Petition { heard: Some(heard) });
    secretary.rule(meeting, known, ("Sửa đường liên xã", None));
    for (state, due, to) in [
        (PetitionState::Transferred, due, Some("UBND tỉnh")),
        (PetitionState::Urged, None, None),
        (PetitionState::Resolved, None, None),
        (PetitionState::Reported, None, None),
    ] {
        let step = PetitionRuling::PetitionStep {
            petition: heard,
            state,
            due,
        };
        secretary.rule(meeting, Ruling::Petition(step), ("", to));
    }
    let done = TaskRuling::TaskStep {
        task,
        state: TaskState::Reported,
    };
    secretary.rule(meeting, Ruling::Task(done), ("Đã giám sát ba dự án", None));
    hall.meet(&mut [&mut secretary, &mut chair, &mut alice, &mut guest]);
    let office = hall.office.follow_up().unwrap();
    for member in [&chair, &secretary, &alice, &guest] {
        let all = member.follow_up();
        assert_eq!(all, office);
        assert_eq!(all.set_aside, []);
        let [task] = &all.tasks[..] else {
            panic!("{:?}", all.tasks);
        };
        assert_eq!(task.state(), TaskState::Reported);
        assert_eq!(
            (task.due, task.owner.as_deref()),
            (due, Some("Ban Kinh tế – Ngân sách"))
        );
        let [petition] = &all.petitions[..] else {
            panic!("{:?}", all.petitions);
        };
        assert_eq!(petition.text, "Sửa đường liên xã");
        let words: Vec<&str> = petition
            .history
            .steps()
            .iter()
            .map(|step| step.state.word())
            .collect();
        assert_eq!(
            words,
            [
                "recorded",
                "received",
                "transferred",
                "urged",
                "resolved",
                "reported"
            ]
        );
    }
    // A guest who was let into no meeting has read nothing of one.
    let error = guest.device.store.course(meeting).unwrap_err();
    assert_eq!(error.code(), Code::MeetingUnknown);
}

#[test]
fn records_that_an_office_lost_come_back_with_their_numbers_and_new_ones_wait_until_it_has_healed()
{
    let mut hall = hall();
    let meeting = hall.meeting;
    let mut chair = hall.member("Chủ tọa", Role::Chair);
    let mut alice = hall.member("Alice", Role::Delegate);
    let vote = |in_favour| {
        let result = VoteResult {
            total: 50,
            present: 48,
            in_favour,
            against: 0,
            abstained: 0,
        };
        Ruling::Recorded(Recorded::Vote { result })
    };
    chair.rule(meeting, vote(40), ("Nghị quyết 1", None));
    hall.meet(&mut [&mut chair, &mut alice]);
    let data = hall.folder.path().join("office");
    let copy = hall.folder.path().join("copy");
    copy_folder(&data, &copy);
    chair.rule(meeting, vote(41), ("Nghị quyết 2", None));
    hall.meet(&mut [&mut chair, &mut alice]);
    let before = alice.course(meeting).votes;
    assert_eq!(before.len(), 2);
    // The office is put back to before the second one, and notices when somebody comes.
    hall.office = Office::open(&copy).unwrap();
    hall.sync(&mut alice);
    hall.sync(&mut alice);
    chair.rule(meeting, vote(42), ("Nghị quyết 3", None));
    hall.meet(&mut [&mut chair, &mut alice]);
    assert_eq!(hall.office.course("kh-1").unwrap().votes, before);
    let shown = chair.course(meeting).votes;
    assert_eq!(shown[..2], before);
    assert!(
        shown[2].record.is_pending(),
        "no number while the office heals"
    );
    let statement = Statement {
        item: None,
        ruling: vote(43),
        text: "Nghị quyết 4".into(),
        addressee: None,
    };
    let error = hall.office.rule("kh-1", statement, NOW).unwrap_err();
    assert_eq!(error.code(), Code::OfficeHealing);
    hall.office.finish_healing(NOW).unwrap();
    hall.meet(&mut [&mut chair, &mut alice]);
    let votes = alice.course(meeting).votes;
    assert_eq!(votes[..2], before);
    let third = SerialNumber::new(votes[2].record.number);
    assert_eq!((third.epoch(), third.in_epoch()), (2, 1));
    assert_eq!(chair.course(meeting).votes, votes);
    assert_eq!(hall.office.course("kh-1").unwrap().votes, votes);
}

#[test]
fn acts_of_one_millisecond_are_listed_in_the_order_in_which_they_were_made() {
    let mut hall = hall();
    let meeting = hall.meeting;
    let mut alice = hall.member("Alice", Role::Delegate);
    let made: Vec<ActId> = (0..12)
        .map(|_| alice.state(meeting, ActKind::QuestionSlip, None))
        .collect();
    let listed = |member: &Member| -> Vec<ActId> {
        let acts = member.device.store.acts(None).unwrap();
        acts.into_iter().map(|acted| acted.act.id).collect()
    };
    assert_eq!(listed(&alice), made);
    hall.sync(&mut alice);
    assert_eq!(listed(&alice), made);
}

#[test]
fn a_guest_who_is_shut_out_of_a_meeting_keeps_nothing_of_its_course() {
    let mut hall = hall();
    let meeting = hall.meeting;
    let mut chair = hall.member("Chủ tọa", Role::Chair);
    let mut guest = hall.member("Khách mời", Role::Guest);
    let audience = hall.office.audience(Asked::Meeting("kh-1")).unwrap();
    hall.office.grant(guest.person, audience, NOW).unwrap();
    let words = "Kết luận 9XW4K2";
    chair.rule(
        meeting,
        Ruling::Recorded(Recorded::Conclusion),
        (words, None),
    );
    hall.meet(&mut [&mut chair, &mut guest]);
    assert_eq!(guest.course(meeting).conclusions[0].text, words);
    assert!(guest.keeps(words));
    hall.office.withdraw(guest.person, audience, NOW).unwrap();
    hall.meet(&mut [&mut guest]);
    assert!(!guest.keeps(words));
}

#[test]
fn an_act_of_before_is_read_as_it_was_and_has_no_ruling() {
    let hall = hall();
    let act = Act {
        id: ActId::from_bytes([1; 16]),
        person: PersonId::from_bytes([2; 16]),
        meeting: hall.meeting,
        item: None,
        kind: ActKind::QuestionSlip,
        text: String::new(),
        addressee: None,
        withdraws: None,
        made_at: NOW,
        ruling: None,
    };
    let bytes = nghisu_core::cbor::encode(&act);
    // A map of six fields: what is not there takes no room.
    assert_eq!(bytes[0], 0xa6);
    let made_on = nghisu_core::ids::DeviceId::from_bytes([3; 16]);
    let signed = SignedAct::sign(&act, made_on, |_, _| Ok(vec![0; 64])).unwrap();
    assert_eq!(SignedAct::decode(&signed.encode()).unwrap().1, act);
}
