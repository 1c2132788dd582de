use proptest::prelude::*;

use super::*;
use crate::meeting::deadlines::{Period, Rule};

const LOG: LogId = LogId::from_bytes([3; 16]);

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

fn organisation(id: &str, kind: OrganisationKind, period: (&str, &str)) -> Organisation {
    Organisation {
        id: id.parse().unwrap(),
        name: format!("Tổ chức {id}"),
        short_name: None,
        kind: Some(kind),
        parent: None,
        external: false,
        from: period.0.parse().ok(),
        until: period.1.parse().ok(),
        predecessors: Vec::new(),
    }
}

fn person(id: &str) -> Person {
    Person {
        id: id.parse().unwrap(),
        name: format!("Đại biểu {id}"),
        honorific: None,
        sort_key: None,
        account: None,
    }
}

fn member(of: (&str, &str), post: Option<&str>, period: (&str, &str)) -> Membership {
    Membership {
        person: of.0.parse().unwrap(),
        organisation: of.1.parse().unwrap(),
        post: post.map(str::to_owned),
        voting: None,
        on_behalf_of: None,
        term: None,
        from: period.0.parse().ok(),
        until: period.1.parse().ok(),
        id: None,
    }
}

fn term(id: &str, from: &str, until: &str) -> Term {
    Term {
        id: id.parse().unwrap(),
        name: format!("Khóa {id}"),
        legislature: None,
        from: from.parse().ok(),
        until: until.parse().ok(),
    }
}

/// Two provinces' councils that are one since 1 July 2025: the new one's office states its body.
fn merged() -> Body {
    let standing = OrganisationKind::StandingCommittee;
    let council = OrganisationKind::Council;
    let from = |organisation: &str| Predecessor {
        organisation: organisation.parse().unwrap(),
        on: "2025-07-01".parse().unwrap(),
    };
    let other = |name: &str| OtherBody {
        name: name.to_owned(),
        on: "2025-07-01".parse().unwrap(),
        log: None,
        legal_basis: Some("202/2025/QH15".to_owned()),
    };
    let mut new = organisation("council", council, ("2025-07-01", ""));
    new.predecessors = vec![from("east"), from("west")];
    let mut new_standing = organisation("standing", standing, ("2025-07-01", ""));
    new_standing.parent = "council".parse().ok();
    Body {
        level: Some(Level::Province),
        from: "2025-07-01".parse().ok(),
        predecessors: vec![other("HĐND tỉnh Đông"), other("HĐND tỉnh Tây")],
        terms: vec![term("xviii", "2021", "2026"), term("xix", "2026", "2031")],
        organisations: vec![
            organisation("east", council, ("", "2025-06-30")),
            organisation("west", council, ("", "2025-06-30")),
            new,
            new_standing,
            organisation("budget", OrganisationKind::Committee, ("2025-07-01", "")),
            organisation("group-3", OrganisationKind::DelegationGroup, ("", "")),
        ],
        persons: vec![person("alice"), person("bob")],
        memberships: vec![
            member(
                ("alice", "east"),
                Some("Chủ tịch"),
                ("2021-06", "2025-06-30"),
            ),
            member(("bob", "west"), Some("Chủ tịch"), ("2021-06", "2025-06-30")),
            member(("alice", "council"), Some("Chủ tịch"), ("2025-07-01", "")),
            member(
                ("bob", "council"),
                Some("Phó Chủ tịch"),
                ("2025-07-01", "2026-03"),
            ),
            member(("alice", "budget"), Some("Trưởng Ban"), ("2025-07-15", "")),
            member(("alice", "group-3"), None, ("2021-06", "")),
        ],
        ..Body::named("HĐND tỉnh Mới")
    }
}

fn posts(held: &[Held<'_, Membership>]) -> Vec<(String, String, bool)> {
    held.iter()
        .map(|it| {
            let post = it.what.post.clone().unwrap_or_default();
            (it.what.organisation.to_string(), post, it.certain)
        })
        .collect()
}

fn people(held: &[Held<'_, Membership>]) -> Vec<String> {
    held.iter().map(|it| it.what.person.to_string()).collect()
}

#[test]
fn somebody_holds_three_posts_at_once_and_each_from_its_own_day() {
    let body = merged();
    assert_eq!(body.faults(), []);
    let alice = "alice".parse().unwrap();
    let of = |organisation: &str, post: &str, certain| {
        (organisation.to_owned(), post.to_owned(), certain)
    };
    assert_eq!(
        posts(&body.posts_of(&alice, day("2025-07-15"))),
        [
            of("council", "Chủ tịch", true),
            of("budget", "Trưởng Ban", true),
            of("group-3", "", true)
        ]
    );
    assert_eq!(
        posts(&body.posts_of(&alice, day("2025-07-14"))),
        [of("council", "Chủ tịch", true), of("group-3", "", true)]
    );
    // On which day of June she began nobody has written down.
    assert_eq!(
        posts(&body.posts_of(&alice, day("2021-06-20"))),
        [of("east", "Chủ tịch", false), of("group-3", "", false)]
    );
    assert_eq!(body.posts_of(&alice, day("2021-05-31")), []);
}

#[test]
fn two_councils_become_one_and_each_day_has_its_own() {
    let body = merged();
    let (before, after) = (day("2025-06-30"), day("2025-07-01"));
    let chairs = |organisation: &str, on| {
        people(&body.holders_of(&organisation.parse().unwrap(), "Chủ tịch", on))
    };
    assert_eq!(chairs("east", before), ["alice"]);
    assert_eq!(chairs("west", before), ["bob"]);
    assert!(chairs("council", before).is_empty());
    assert_eq!(chairs("council", after), ["alice"]);
    assert!(chairs("east", after).is_empty() && chairs("west", after).is_empty());
    let council = "council".parse().unwrap();
    assert_eq!(people(&body.members_of(&council, after)), ["alice", "bob"]);
    // Bob has left at some time in March.
    assert_eq!(
        people(&body.members_of(&council, day("2026-03-15"))),
        ["alice", "bob"]
    );
    assert_eq!(
        people(&body.members_of(&council, day("2026-04-01"))),
        ["alice"]
    );

    let came: Vec<_> = body.successors_of(&"west".parse().unwrap()).collect();
    assert_eq!(came.len(), 1);
    assert_eq!(
        (came[0].0.id.as_str(), came[0].1.to_string()),
        ("council", "2025-07-01".into())
    );

    let ids = |on: Day| -> Vec<String> {
        let organisations = body.on(on).organisations;
        organisations
            .iter()
            .map(|it| it.what.id.to_string())
            .collect()
    };
    assert_eq!(ids(before), ["east", "west", "group-3"]);
    assert_eq!(ids(after), ["council", "standing", "budget", "group-3"]);
    assert_eq!(body.on(before).exists, Some(false));
    assert_eq!(body.on(after).exists, Some(true));
    // Of a year of which no more is known either term may be the one.
    let terms = |on: &str| -> Vec<(String, bool)> {
        let terms = body.on(day(on)).terms;
        terms
            .iter()
            .map(|it| (it.what.id.to_string(), it.certain))
            .collect()
    };
    assert_eq!(terms("2025-12-31"), [("xviii".to_owned(), true)]);
    assert_eq!(
        terms("2026-05-01"),
        [("xviii".to_owned(), false), ("xix".to_owned(), false)]
    );
    assert_eq!(terms("2027-01-01"), [("xix".to_owned(), true)]);
}

/// The rules of the laws before and after a day, of which the later ones give half the time and have a holiday.
fn with_rules() -> Body {
    let mut before = Rules::vietnamese();
    before.until = Some(day("2026-12-31"));
    let mut after = Rules::vietnamese();
    after.from = Some(day("2027-01-01"));
    after.calendar.holidays.insert(day("2027-01-18"));
    after.rules = vec![Rule {
        duty: Duty::WrittenAnswer,
        period: Period::After {
            days: 10,
            working: false,
            rolls: true,
        },
        from: None,
        until: None,
        source: "72/2025/QH15".to_owned(),
    }];
    Body {
        rules: vec![before, after],
        ..merged()
    }
}

#[test]
fn a_rule_that_changes_on_a_day_gives_two_events_two_due_days() {
    let body = with_rules();
    assert_eq!(body.faults(), []);
    for (event, due) in [
        // Twenty days after Thursday 31 December, by the rules before: Wednesday.
        ("2026-12-31", Some("2027-01-20")),
        // Ten days after Friday 1 January, by those since: Monday.
        ("2027-01-01", Some("2027-01-11")),
        // Ten days after Friday 8 January: Monday 18 is a holiday then.
        ("2027-01-08", Some("2027-01-19")),
    ] {
        assert_eq!(
            body.due(Duty::WrittenAnswer, day(event)),
            due.map(day),
            "{event}"
        );
    }
    // The new rules say nothing of papers.
    assert_eq!(
        body.due(Duty::Papers, day("2026-12-07")),
        Some(day("2026-12-01"))
    );
    assert_eq!(body.due(Duty::Papers, day("2027-12-07")), None);
    // A body that has stated none goes by those that all begin with.
    let on = day("2027-01-08");
    assert_eq!(rules_on(Some(&body), on).rules.len(), 1);
    assert_eq!(*rules_on(Some(&merged()), on), Rules::vietnamese());
    assert_eq!(*rules_on(None, on), Rules::vietnamese());
}

#[test]
fn what_cannot_be_is_named_with_its_place() {
    let sound = with_rules;
    let change = |change: &dyn Fn(&mut Body)| {
        let mut body = sound();
        change(&mut body);
        body.faults()
    };
    let fault = |list, index, wrong| {
        vec![Fault {
            list: Some(list),
            index,
            wrong,
        }]
    };
    let unknown = || "carol".to_owned();
    assert_eq!(
        change(&|body| body.memberships[1].person = "carol".parse().unwrap()),
        fault(List::Membership, 1, Wrong::UnknownPerson(unknown()))
    );
    assert_eq!(
        change(&|body| body.memberships[0].on_behalf_of = "carol".parse().ok()),
        fault(List::Membership, 0, Wrong::UnknownOrganisation(unknown()))
    );
    assert_eq!(
        change(&|body| body.memberships[5].organisation = "carol".parse().unwrap()),
        fault(List::Membership, 5, Wrong::UnknownOrganisation(unknown()))
    );
    assert_eq!(
        change(&|body| body.memberships[5].term = "carol".parse().ok()),
        fault(List::Membership, 5, Wrong::UnknownTerm(unknown()))
    );
    assert_eq!(
        change(&|body| body.memberships[5].until = "2021-05".parse().ok()),
        fault(List::Membership, 5, Wrong::UntilBeforeFrom)
    );
    assert_eq!(
        change(&|body| body.memberships[0].until = None),
        fault(
            List::Membership,
            0,
            Wrong::OutlivesOrganisation("east".to_owned())
        )
    );
    assert_eq!(
        change(&|body| body.memberships.push(body.memberships[2].clone())),
        fault(List::Membership, 6, Wrong::Twice)
    );
    assert_eq!(
        change(&|body| {
            body.memberships[1].id = "m-1".parse().ok();
            body.memberships[4].id = "m-1".parse().ok();
        }),
        fault(List::Membership, 4, Wrong::IdTwice("m-1".to_owned()))
    );
    assert_eq!(
        change(&|body| body.terms[1].from = "2025-01-01".parse().ok()),
        fault(List::Term, 1, Wrong::TermsOverlap("xviii".to_owned()))
    );
    assert_eq!(
        change(&|body| body.terms[1].name = " ".to_owned()),
        fault(List::Term, 1, Wrong::NoName)
    );
    assert_eq!(
        change(&|body| body.persons[1].id = "alice".parse().unwrap())[0],
        fault(List::Person, 1, Wrong::IdTwice("alice".to_owned()))[0]
    );
    assert_eq!(
        change(&|body| body
            .persons
            .iter_mut()
            .for_each(|person| person.account = Some(PersonId::from_bytes([1; 16])))),
        fault(List::Person, 1, Wrong::AccountTwice)
    );
    assert_eq!(
        change(&|body| body.rules[1].from = Some(day("2026-12-31"))),
        fault(List::Rules, 1, Wrong::RulesOverlap)
    );
    assert_eq!(
        change(&|body| body.rules[1].calendar.utc_offset_minutes = 841),
        fault(List::Rules, 1, Wrong::Zone)
    );
    assert_eq!(
        change(&|body| body.rules[1].rules[0].period = Period::Months(119)),
        fault(List::Rules, 1, Wrong::LongPeriod)
    );
    // Over another one: both are named, and nobody who is a part of them.
    assert_eq!(
        change(&|body| {
            body.organisations[2].parent = "budget".parse().ok();
            body.organisations[4].parent = "council".parse().ok();
        }),
        [
            fault(List::Organisation, 2, Wrong::PartOfItself),
            fault(List::Organisation, 4, Wrong::PartOfItself)
        ]
        .concat()
    );
    let from_itself = body_that_comes_from_itself(sound());
    assert_eq!(
        from_itself.faults(),
        fault(List::Organisation, 0, Wrong::FromItself)
    );
    let text = from_itself.faults()[0].text(Language::English);
    assert_eq!(
        text,
        "organisation 1: the organisation has come from itself"
    );
    let mut nameless = sound();
    nameless.name = String::new();
    assert_eq!(nameless.faults()[0].list, None);
    assert_eq!(
        nameless.faults()[0].text(Language::Vietnamese),
        "chưa có tên"
    );
}

fn body_that_comes_from_itself(mut body: Body) -> Body {
    let of = Predecessor {
        organisation: "east".parse().unwrap(),
        on: "2025".parse().unwrap(),
    };
    body.organisations[0].predecessors.push(of);
    body
}

fn stated(number: u64, name: &str) -> BodyStatement {
    BodyStatement {
        number,
        stated_at: Timestamp::from_unix_ms(number),
        body: Body {
            name: name.to_owned(),
            ..with_rules()
        },
    }
}

#[test]
fn the_highest_number_counts_in_whatever_order_they_come() {
    let mut twin = stated(2, "b");
    let statements = [stated(1, "a"), twin.clone(), stated(2, "c")];
    let newest = BodyStatement::newest(statements.clone()).unwrap();
    assert_eq!(newest.number, 2);
    let back = statements.iter().rev().cloned();
    assert_eq!(BodyStatement::newest(back), Some(newest.clone()));
    // Of two under one number the later one counts.
    twin.stated_at = twin.stated_at.plus_ms(1);
    assert_eq!(BodyStatement::newest([newest, twin.clone()]), Some(twin));
    assert_eq!(BodyStatement::newest([]), None);
}

#[test]
fn a_statement_is_read_from_the_bodys_feed_alone_and_only_if_it_is_sound() {
    let (feed, sound) = (Feed::Body(LOG), stated(1, "HĐND tỉnh Mới"));
    let bytes = cbor::encode(&sound);
    assert_eq!(BodyStatement::decode(&bytes, feed, LOG).unwrap(), sound);
    for other in [Feed::Task(LOG), Feed::Body(LogId::from_bytes([4; 16]))] {
        let error = BodyStatement::decode(&bytes, other, LOG).unwrap_err();
        assert_eq!(error.code(), Code::Malformed, "{other}");
    }
    let mut wrong = sound.clone();
    wrong.body = body_that_comes_from_itself(wrong.body);
    let error = BodyStatement::decode(&cbor::encode(&wrong), feed, LOG).unwrap_err();
    assert_eq!(error.code(), Code::Malformed);
    let mut large = sound;
    large.body.name = "x".repeat(BODY_BYTES_MAX);
    let error = BodyStatement::decode(&cbor::encode(&large), feed, LOG).unwrap_err();
    assert_eq!(error.code(), Code::TooLarge);
}

#[test]
fn a_province_with_ten_terms_of_a_hundred_delegates_fits() {
    let mut body = Body::named("HĐND thành phố");
    body.organisations = vec![organisation("council", OrganisationKind::Council, ("", ""))];
    for number in 0..10 {
        let (from, until) = (1976 + 5 * number, 1981 + 5 * number);
        let id = format!("khoa-{number}");
        body.terms
            .push(term(&id, &from.to_string(), &until.to_string()));
        for delegate in 0..100 {
            let key = format!("delegate-{number}-{delegate}");
            body.persons.push(person(&key));
            let period = (&*format!("{from}-06"), &*format!("{until}-05-20"));
            let mut of = member(
                (&key, "council"),
                Some("Đại biểu Hội đồng nhân dân"),
                period,
            );
            of.term = id.parse().ok();
            body.memberships.push(of);
        }
    }
    assert_eq!(body.faults(), []);
    let bytes = cbor::encode(&body).len();
    assert!(bytes < BODY_BYTES_MAX * 3 / 4, "{bytes} bytes");
}

proptest! {
    #[test]
    fn no_bytes_make_a_statement_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = BodyStatement::decode(&bytes, Feed::Body(LOG), LOG);
    }

    #[test]
    fn a_statement_with_a_byte_changed_is_another_one_or_none(at: proptest::sample::Index, by in 1..=255u8) {
        let (feed, given) = (Feed::Body(LOG), stated(1, "HĐND tỉnh Mới"));
        let mut bytes = cbor::encode(&given);
        let at = at.index(bytes.len());
        bytes[at] ^= by;
        if let Ok(other) = BodyStatement::decode(&bytes, feed, LOG) {
            prop_assert_ne!(other, given);
        }
    }
}
