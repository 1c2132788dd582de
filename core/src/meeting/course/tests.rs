use super::*;
use crate::{
    ids::{Hash, MeetingId},
    meeting::{body::Body, deadlines::Rules, states::TaskState},
};

const CHAIR: u8 = 1;
const SECRETARY: u8 = 2;

fn act(number: u64) -> ActId {
    let mut bytes = [0; 16];
    bytes[8..].copy_from_slice(&number.to_be_bytes());
    ActId::from_bytes(bytes)
}

fn person(number: u8) -> PersonId {
    PersonId::from_bytes([number; 16])
}

fn at(ms: u64) -> Timestamp {
    Timestamp::from_unix_ms(1_796_605_200_000 + ms)
}

fn item() -> Option<ItemId> {
    "i4".parse().ok()
}

/// The receipt of the `number`th act.
fn receipt(of: u8, number: u64, kind: ActKind) -> Receipt {
    Receipt {
        number: Some(number),
        person: person(of),
        item: item(),
        kind,
        received_at: at(number),
        act: act(number),
        act_hash: Hash::ZERO,
        refers_to: None,
        late: false,
        replaces: None,
    }
}

fn registers(of: u8, number: u64) -> Receipt {
    receipt(of, number, ActKind::SpeakingRegistration)
}

/// The `number`th record, on the device of `by`.
fn record(by: u8, number: u64, ruling: Ruling) -> Record {
    Record {
        meeting: MeetingId::from_bytes([9; 16]),
        number,
        item: item(),
        ruling,
        text: format!("lời {number}"),
        addressee: None,
        by: Some(person(by)),
        device: Some(DeviceId::from_bytes([by; 16])),
        act: act(1000 + number),
        act_hash: Hash::ZERO,
        made_at: at(number),
        received_at: at(number),
    }
}

fn floor(by: u8, number: u64, term: u32, ruling: FloorRuling) -> Record {
    record(by, number, Ruling::Floor { term, ruling })
}

const fn grant(number: u64) -> FloorRuling {
    FloorRuling::Grant {
        registration: ActId::from_bytes((number as u128).to_be_bytes()),
    }
}

const fn refuse(number: u64) -> FloorRuling {
    FloorRuling::Refuse {
        registration: ActId::from_bytes((number as u128).to_be_bytes()),
    }
}

const fn spoken(number: u64) -> FloorRuling {
    FloorRuling::Spoken {
        registration: ActId::from_bytes((number as u128).to_be_bytes()),
        began: Timestamp::from_unix_ms(1),
        ended: Timestamp::from_unix_ms(2),
    }
}

/// The numbers on the list, the next one first.
fn list(course: &Course) -> Vec<u64> {
    let list = course.speaking_list(item().as_ref());
    list.iter().map(|speaker| speaker.number).collect()
}

fn state(course: &Course, number: u64) -> SpeakingState {
    let of = |it: &&Registration| it.number == number;
    let registration = course.registrations.iter().find(of).unwrap();
    registration.history.state()
}

/// Numbers of the records that were set aside, and whether they count.
fn aside(course: &Course) -> Vec<(u64, Why, bool)> {
    let all = course.set_aside.iter();
    all.map(|it| (it.record.number, it.why, it.counts))
        .collect()
}

#[test]
fn whoever_has_spoken_was_refused_or_withdrew_has_no_place_and_the_others_move_up() {
    let withdraws = Receipt {
        number: None,
        item: None,
        refers_to: Some(act(3)),
        ..receipt(3, 5, ActKind::Withdrawal)
    };
    let receipts = (1..=4).map(|n| registers(n as u8, n)).chain([withdraws]);
    let course = Course::of(
        receipts,
        [
            floor(CHAIR, 1, 1, FloorRuling::TakeFloor),
            floor(CHAIR, 2, 1, grant(1)),
            floor(CHAIR, 3, 1, spoken(1)),
            floor(CHAIR, 4, 1, refuse(2)),
            floor(CHAIR, 5, 1, grant(4)),
        ],
    );
    assert_eq!(list(&course), [4]);
    assert_eq!(course.floor.speaking, Some(act(4)));
    assert_eq!(state(&course, 1), SpeakingState::Spoken);
    assert_eq!(state(&course, 2), SpeakingState::Refused);
    assert_eq!(state(&course, 3), SpeakingState::Withdrawn);
    let first = &course.registrations[0];
    assert!(first.spoke.is_some());
    let refused = course.registrations[1].history.steps().last().unwrap();
    assert_eq!(refused.note, "lời 4");
    assert_eq!(aside(&course), []);
}

#[test]
fn in_a_debate_the_delegate_who_asked_goes_first_until_it_is_ended() {
    let receipts = [registers(1, 1), registers(4, 2), registers(2, 3)];
    let debate = |number, asked_by| floor(CHAIR, number, 1, FloorRuling::Debate { asked_by });
    let mut records = vec![
        floor(CHAIR, 1, 1, FloorRuling::TakeFloor),
        debate(2, Some(person(2))),
    ];
    let course = Course::of(receipts.clone(), records.clone());
    assert_eq!(list(&course), [3, 1, 2]);
    records.push(debate(3, None));
    assert_eq!(list(&Course::of(receipts, records)), [1, 2, 3]);
}

#[test]
fn two_who_held_the_floor_while_cut_off_are_resolved_by_term_and_nothing_is_lost() {
    let receipts: Vec<Receipt> = (1..=5).map(|n| registers(n as u8, n)).collect();
    // The secretary took over in the hall; what the chair did meanwhile comes afterwards.
    let records = [
        floor(CHAIR, 1, 1, FloorRuling::TakeFloor),
        floor(CHAIR, 2, 1, grant(1)),
        floor(SECRETARY, 3, 2, FloorRuling::TakeFloor),
        floor(SECRETARY, 4, 2, FloorRuling::Open),
        floor(SECRETARY, 5, 2, spoken(1)),
        floor(SECRETARY, 6, 2, refuse(2)),
        floor(CHAIR, 7, 1, grant(2)),
        floor(CHAIR, 8, 1, spoken(2)),
        floor(CHAIR, 9, 1, grant(3)),
        floor(CHAIR, 10, 1, spoken(3)),
        floor(CHAIR, 11, 1, FloorRuling::Open),
        floor(SECRETARY, 12, 2, grant(4)),
    ];
    let course = Course::of(receipts, records);
    assert_eq!(course.floor.term, 2);
    assert_eq!(course.floor.holder.unwrap().person, Some(person(SECRETARY)));
    assert_eq!(state(&course, 1), SpeakingState::Spoken);
    // The newer holder refused him, so that he was called by the other does not count …
    assert_eq!(state(&course, 2), SpeakingState::Refused);
    // … but that somebody has spoken of whom the newer holder said nothing does.
    assert_eq!(state(&course, 3), SpeakingState::Spoken);
    assert_eq!(list(&course), [4, 5]);
    // Whom the other has called meanwhile does not speak now.
    assert_eq!(course.floor.speaking, Some(act(4)));
    assert_eq!(
        aside(&course),
        [
            (7, Why::Overtaken, false),
            (8, Why::Overtaken, false),
            (9, Why::Overtaken, true),
            (10, Why::Overtaken, true),
            (11, Why::Overtaken, false),
        ]
    );
}

#[test]
fn of_terms_that_were_overtaken_the_newer_one_counts_first() {
    let course = Course::of(
        [registers(1, 1)],
        [
            floor(CHAIR, 1, 3, FloorRuling::TakeFloor),
            floor(SECRETARY, 2, 1, refuse(1)),
            floor(3, 3, 2, grant(1)),
        ],
    );
    assert_eq!(state(&course, 1), SpeakingState::Granted);
    assert_eq!(
        aside(&course),
        [(3, Why::Overtaken, true), (2, Why::Overtaken, false)]
    );
}

#[test]
fn of_two_who_take_the_floor_under_one_term_the_first_at_the_office_holds_it() {
    let course = Course::of(
        [registers(1, 1), registers(2, 2)],
        [
            floor(SECRETARY, 1, 1, FloorRuling::TakeFloor),
            floor(CHAIR, 2, 1, FloorRuling::TakeFloor),
            floor(CHAIR, 3, 1, grant(2)),
            floor(SECRETARY, 4, 1, grant(1)),
        ],
    );
    assert_eq!(course.floor.holder.unwrap().person, Some(person(SECRETARY)));
    assert_eq!(
        aside(&course),
        [(2, Why::Overtaken, false), (3, Why::Overtaken, true)]
    );
    assert_eq!(state(&course, 2), SpeakingState::Granted);
}

#[test]
fn a_step_that_does_not_follow_and_one_of_what_is_not_known_are_set_aside() {
    let course = Course::of(
        [registers(1, 1)],
        [
            floor(CHAIR, 1, 1, FloorRuling::TakeFloor),
            floor(CHAIR, 2, 1, spoken(1)),
            floor(CHAIR, 3, 1, grant(7)),
            floor(CHAIR, 4, 3, grant(1)),
        ],
    );
    assert_eq!(
        aside(&course),
        [
            (2, Why::Step, false),
            (3, Why::Unknown, false),
            (4, Why::Overtaken, true)
        ]
    );
}

#[test]
fn the_course_is_the_same_in_whatever_order_things_came_and_however_often() {
    let receipts: Vec<Receipt> = (1..=6).map(|n| registers(n as u8, n)).collect();
    // A generator of numbers (Lehmer) draws what two holders do and in which order it comes.
    let mut seed = 7u64;
    let mut draw = |below: u64| {
        seed = seed.wrapping_mul(48_271) % 0x7fff_ffff;
        seed % below
    };
    for _ in 0..300 {
        let mut term = [1, 2];
        let mut records = Vec::new();
        for number in 1..=20 {
            let who = draw(2) as usize;
            let of = draw(6) + 1;
            let ruling = match draw(6) {
                0 => {
                    term[who] += draw(3) as u32;
                    FloorRuling::TakeFloor
                }
                1 => FloorRuling::Open,
                2 => refuse(of),
                3 => spoken(of),
                _ => grant(of),
            };
            records.push(floor(who as u8 + 1, number, term[who], ruling));
        }
        let course = Course::of(receipts.clone(), records.clone());
        for record in &records {
            let Ruling::Floor { ruling, .. } = record.ruling else {
                continue;
            };
            let of_a_registration = !matches!(ruling, FloorRuling::TakeFloor | FloorRuling::Open);
            let stands = course
                .registrations
                .iter()
                .flat_map(|it| it.history.steps())
                .any(|step| step.note == record.text);
            let told = course.set_aside.iter().find(|it| it.record == *record);
            if of_a_registration {
                assert_eq!(stands, told.is_none_or(|it| it.counts), "{record:?}");
            }
        }
        let mut shuffled = [records.clone(), records].concat();
        for last in (1..shuffled.len()).rev() {
            shuffled.swap(last, draw(last as u64 + 1) as usize);
        }
        let others: Vec<Receipt> = receipts.iter().rev().cloned().collect();
        assert_eq!(Course::of(others, shuffled), course);
    }
}

#[test]
fn the_roll_counts_whom_the_office_has_written_down_and_shows_who_says_otherwise() {
    let presence = |number, of, presence| {
        let person = person(of);
        record(
            SECRETARY,
            number,
            Ruling::Roll(RollRuling::Presence { person, presence }),
        )
    };
    let seats = RollRuling::Seats {
        total: 4,
        quorum: super::super::ruling::general_quorum(4),
    };
    let receipts = [
        receipt(1, 1, ActKind::CheckIn),
        receipt(2, 2, ActKind::Absence),
        receipt(3, 3, ActKind::CheckIn),
        receipt(4, 4, ActKind::CheckIn),
    ];
    let course = |records: Vec<Record>| Course::of(receipts.clone(), records).roll;
    let mut records = vec![
        presence(1, 1, Presence::InHall),
        presence(2, 2, Presence::Excused),
        presence(3, 3, Presence::Absent),
    ];
    assert_eq!(course(records.clone()).has_quorum(), None);
    records.push(record(SECRETARY, 4, Ruling::Roll(seats)));
    let roll = course(records.clone());
    assert_eq!(
        (roll.present(), roll.quorum, roll.has_quorum()),
        (1, Some(3), Some(false))
    );
    let disputed: Vec<PersonId> = roll
        .people
        .iter()
        .filter(|(_, it)| it.is_disputed())
        .map(|(person, _)| *person)
        .collect();
    assert_eq!(disputed, [person(3)]);
    records.push(presence(5, 3, Presence::Late));
    records.push(presence(6, 4, Presence::Online));
    assert_eq!(course(records.clone()).has_quorum(), Some(true));
    records.push(presence(7, 1, Presence::Left));
    assert_eq!(course(records).has_quorum(), Some(false));
}

#[test]
fn a_question_is_grouped_answered_and_asked_again() {
    let question = receipt(1, 1, ActKind::QuestionSlip);
    let step = |number, state| {
        let question = act(1);
        let mut record = record(
            SECRETARY,
            number,
            Ruling::Recorded(Recorded::Question { question, state }),
        );
        record.addressee = Some("Giám đốc Sở Tài chính".into());
        record
    };
    let course = Course::of(
        [question],
        [
            step(1, QuestionState::Grouped),
            step(2, QuestionState::AnsweredOrally),
            step(3, QuestionState::Unsatisfied),
            step(4, QuestionState::FollowUp),
            step(5, QuestionState::AnsweredInWriting),
            step(6, QuestionState::Accepted),
            step(7, QuestionState::Grouped),
        ],
    );
    let asked = &course.questions[0];
    assert_eq!(asked.history.state(), QuestionState::Accepted);
    assert_eq!(asked.group.as_deref(), Some("lời 1"));
    assert_eq!(asked.answered_by.as_deref(), Some("Giám đốc Sở Tài chính"));
    assert_eq!(asked.history.steps().len(), 3 + 6);
    assert_eq!(aside(&course), [(7, Why::Step, false)]);
}

#[test]
fn a_vote_has_a_majority_by_more_than_half_of_all_delegates() {
    let vote = |in_favour| {
        let result = VoteResult {
            total: 50,
            present: 40,
            in_favour,
            against: 3,
            abstained: 1,
        };
        let course = Course::of(
            [],
            [record(
                SECRETARY,
                1,
                Ruling::Recorded(Recorded::Vote { result }),
            )],
        );
        course.votes[0].majority
    };
    assert_eq!([vote(25), vote(26)], [false, true]);
}

#[test]
fn tasks_and_petitions_keep_all_their_steps_and_who_has_them() {
    let with = |number, addressee: Option<&str>, ruling| Record {
        addressee: addressee.map(str::to_owned),
        ..record(SECRETARY, number, ruling)
    };
    let due = "2026-12-24".parse().ok();
    let task = act(1001);
    let petition = act(5);
    let step = |state| Ruling::Task(TaskRuling::TaskStep { task, state });
    let urged = |state, due| {
        Ruling::Petition(PetitionRuling::PetitionStep {
            petition,
            state,
            due,
        })
    };
    let records = [
        with(
            1,
            Some("Ban Pháp chế"),
            Ruling::Task(TaskRuling::Task {
                conclusion: None,
                due,
            }),
        ),
        with(2, None, step(TaskState::Reported)),
        with(3, None, step(TaskState::Done)),
        with(4, None, step(TaskState::Reported)),
        with(
            5,
            None,
            Ruling::Petition(PetitionRuling::Petition {
                heard: Some(petition),
            }),
        ),
        with(6, Some("UBND tỉnh"), urged(PetitionState::Transferred, due)),
        with(7, None, urged(PetitionState::Urged, None)),
        with(8, None, urged(PetitionState::Resolved, None)),
        with(
            9,
            None,
            Ruling::Petition(PetitionRuling::Petition {
                heard: Some(petition),
            }),
        ),
        with(10, None, urged(PetitionState::Urged, None)),
    ];
    let follow_up = FollowUp::of(records, Clocks::default());
    let given = &follow_up.tasks[0];
    assert_eq!(given.owner.as_deref(), Some("Ban Pháp chế"));
    assert_eq!((given.state(), given.due), (TaskState::Done, due));
    let heard = &follow_up.petitions[0];
    assert_eq!(heard.id, petition.to_string());
    assert_eq!(heard.owner.as_deref(), Some("UBND tỉnh"));
    assert_eq!((heard.state(), heard.due), (PetitionState::Resolved, due));
    assert_eq!(heard.history.steps().len(), 5);
    let aside: Vec<u64> = follow_up
        .set_aside
        .iter()
        .map(|it| it.record.number)
        .collect();
    assert_eq!(aside, [4, 9, 10]);
}

#[test]
fn the_day_of_a_step_is_that_of_the_bodys_clocks_when_the_office_had_it() {
    let given = || Record {
        // 19:00 in UTC on 1 June 2027.
        received_at: Timestamp::from_unix_ms(1_811_876_400_000),
        ..record(
            SECRETARY,
            1,
            Ruling::Task(TaskRuling::Task {
                conclusion: None,
                due: None,
            }),
        )
    };
    let on = |clocks| {
        let follow_up = FollowUp::of([given()], clocks);
        follow_up.tasks[0].history.steps()[0].on.to_string()
    };
    assert_eq!(on(Clocks::default()), "2027-06-02");
    let mut body: Body = serde_json::from_value(serde_json::json!({"name": "HĐND"})).unwrap();
    let mut rules = Rules::vietnamese();
    rules.calendar.utc_offset_minutes = 0;
    body.rules.push(rules);
    assert_eq!(on(Clocks(Some(&body))), "2027-06-01");
}
