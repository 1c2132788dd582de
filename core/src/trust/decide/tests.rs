use super::*;
use crate::ids::{CircleId, LogId, MeetingId, OrganisationId};

const OWNER: PersonId = PersonId::from_bytes([1; 16]);
const OTHER: PersonId = PersonId::from_bytes([2; 16]);

fn feeds() -> Vec<Feed> {
    let (log, meeting) = (LogId::from_bytes([9; 16]), MeetingId::from_bytes([8; 16]));
    vec![
        Feed::Body(log),
        Feed::Draft(meeting),
        Feed::MinutesDraft(meeting),
        Feed::Programme(meeting),
        Feed::CircleProgramme(meeting, CircleId::from_bytes([7; 16])),
        Feed::Outbox(OWNER),
        Feed::Receipts(meeting),
        Feed::Roll(meeting),
        Feed::RollPrivate(meeting),
        Feed::Record(meeting),
        Feed::Floor(meeting),
        Feed::Petition(log),
        Feed::Task(log),
        Feed::Notes(OWNER),
        Feed::Group(OrganisationId::from_bytes([6; 16])),
        Feed::Person(OWNER),
    ]
}

fn name(feed: Feed) -> String {
    let text = feed.to_string();
    let kind = text.split('/').next().unwrap_or_default();
    if matches!(feed, Feed::CircleProgramme(..)) {
        "programme/circle".into()
    } else {
        kind.into()
    }
}

/// One row a feed: who reads it, who writes what. `m` stands for "only as a member".
const TABLE: &[(&str, &str, &str)] = &[
    ("body", "delegate delegate' secretary chair guest", ""),
    ("draft", "secretary", "secretary:changes"),
    ("minutes-draft", "secretary", "secretary:changes"),
    (
        "programme",
        "delegate-m delegate'-m secretary-m chair-m guest-m",
        "",
    ),
    (
        "programme/circle",
        "delegate-m delegate'-m secretary-m chair-m guest-m",
        "",
    ),
    (
        "outbox",
        "delegate secretary chair guest",
        "delegate:act chair:act",
    ),
    (
        "receipts",
        "delegate-m delegate'-m secretary-m chair-m guest-m",
        "",
    ),
    (
        "roll",
        "delegate-m delegate'-m secretary-m chair-m guest-m",
        "",
    ),
    ("roll-private", "secretary", ""),
    (
        "record",
        "delegate-m delegate'-m secretary-m chair-m guest-m",
        "",
    ),
    (
        "floor",
        "delegate-m delegate'-m secretary-m chair-m guest-m",
        "",
    ),
    ("petition", "delegate delegate' secretary chair guest", ""),
    ("task", "delegate delegate' secretary chair guest", ""),
    (
        "notes",
        "delegate secretary* chair guest",
        "delegate:changes delegate:tombstone secretary*:changes secretary*:tombstone chair:changes chair:tombstone guest:changes guest:tombstone",
    ),
    (
        "group",
        "delegate-m delegate'-m secretary-m chair-m guest-m",
        "delegate-m:changes delegate'-m:changes secretary-m:changes chair-m:changes guest-m:changes",
    ),
    ("person", "delegate secretary* chair guest", ""),
];

/// `delegate'` is a delegate to whom the feed does not belong; so is `secretary`, while
/// `secretary*`, `delegate`, `chair` and `guest` own the feed where it has an owner.
fn actors() -> Vec<(&'static str, PersonId, Role)> {
    vec![
        ("delegate", OWNER, Role::Delegate),
        ("delegate'", OTHER, Role::Delegate),
        ("secretary", OTHER, Role::Secretary),
        ("secretary*", OWNER, Role::Secretary),
        ("chair", OWNER, Role::Chair),
        ("guest", OWNER, Role::Guest),
    ]
}

#[test]
fn the_whole_table_holds() {
    let kinds = [
        ("changes", Kind::Changes),
        ("act", Kind::Act),
        ("tombstone", Kind::Tombstone),
        ("receipts", Kind::Receipts),
    ];
    let mut rows = 0;
    for feed in feeds() {
        let (_, readers, writers) = TABLE
            .iter()
            .find(|(row, ..)| *row == name(feed))
            .unwrap_or_else(|| panic!("{feed} has no row"));
        for (actor_name, person, role) in actors() {
            for member in [false, true] {
                let actor = Actor::Device {
                    person,
                    role,
                    status: DeviceStatus::Active,
                };
                let state = State { member };
                let listed = |list: &str, suffix: &str| {
                    list.split(' ').any(|entry| {
                        let row_name = |name: &str| {
                            entry == format!("{name}{suffix}")
                                || (member && entry == format!("{name}-m{suffix}"))
                        };
                        row_name(actor_name)
                            || (actor_name == "secretary*" && row_name("secretary"))
                    })
                };
                let allowed = decide(actor, Action::Read(feed), state) == Decision::Allow;
                assert_eq!(
                    allowed,
                    listed(readers, ""),
                    "{actor_name} reads {feed}, member: {member}"
                );
                for (kind_name, kind) in kinds {
                    let allowed =
                        decide(actor, Action::Append(feed, kind), state) == Decision::Allow;
                    let expected = listed(writers, &format!(":{kind_name}"));
                    assert_eq!(
                        allowed, expected,
                        "{actor_name} appends {kind_name} to {feed}, member: {member}"
                    );
                    rows += 1;
                }
            }
        }
    }
    assert_eq!(rows, 16 * 6 * 2 * 4);
}

#[test]
fn only_an_active_device_may_do_anything() {
    for status in [
        DeviceStatus::Pending,
        DeviceStatus::Locked,
        DeviceStatus::Revoked,
    ] {
        let actor = Actor::Device {
            person: OWNER,
            role: Role::Secretary,
            status,
        };
        for feed in feeds() {
            let state = State { member: true };
            assert_eq!(
                decide(actor, Action::Read(feed), state),
                Decision::Deny(Reason::Device)
            );
            assert_eq!(
                decide(actor, Action::Append(feed, Kind::Changes), state),
                Decision::Deny(Reason::Device)
            );
        }
        assert_eq!(
            decide(actor, Action::Sync, State::default()),
            Decision::Deny(Reason::Device)
        );
    }
}

#[test]
fn a_stranger_may_enrol_and_see_whether_the_office_is_up() {
    let ask = |action| decide(Actor::Stranger, action, State { member: true });
    assert_eq!(ask(Action::Enrol), Decision::Allow);
    assert_eq!(ask(Action::Health), Decision::Allow);
    assert_eq!(ask(Action::Sync), Decision::Deny(Reason::Unknown));
    for feed in feeds() {
        assert_eq!(ask(Action::Read(feed)), Decision::Deny(Reason::Unknown));
        assert_eq!(
            ask(Action::Append(feed, Kind::Act)),
            Decision::Deny(Reason::Unknown)
        );
    }
}
