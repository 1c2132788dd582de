//! The table of rights, written out, and every combination held against it.
//!
//! [`TABLE`] is data and knows nothing of the code: one block a feed, one line a right. Whatever no line
//! gives is denied.

use std::collections::BTreeSet;

use super::*;
use crate::ids::{CircleId, LogId, MeetingId, OrganisationId};

const OWNER: PersonId = PersonId::from_bytes([1; 16]);
const OTHER: PersonId = PersonId::from_bytes([2; 16]);

/// Who a line is for. `own` is whoever the feed belongs to, `member` whoever is in its audience.
///
/// feed | right | who, of active devices
const TABLE: &str = "
body             | read             | delegate secretary chair guest
petition         | read             | delegate secretary chair guest
task             | read             | delegate secretary chair guest

draft            | read             | secretary
minutes-draft    | read             | secretary
roll-private     | read             | secretary

programme        | read             | member:delegate member:secretary member:chair member:guest
receipts         | read             | member:delegate member:secretary member:chair member:guest
roll             | read             | member:delegate member:secretary member:chair member:guest
record           | read             | member:delegate member:secretary member:chair member:guest
floor            | read             | member:delegate member:secretary member:chair member:guest

programme/circle | read             | member:delegate member:secretary member:chair
group            | read             | member:delegate member:secretary member:chair
group            | append changes   | member:delegate member:secretary member:chair

outbox           | read             | own:delegate own:chair own:guest secretary
outbox           | append act       | own:delegate own:secretary own:chair
person           | read             | own:delegate own:secretary own:chair own:guest
notes            | read             | own:delegate own:secretary own:chair own:guest
notes            | append changes   | own:delegate own:secretary own:chair own:guest
notes            | append snapshot  | own:delegate own:secretary own:chair own:guest
notes            | append vault     | own:delegate own:secretary own:chair own:guest
notes            | append tombstone | own:delegate own:secretary own:chair own:guest
";

/// Rights that are about no feed: who has them in which state of the device.
const AT_THE_DOOR: &str = "
health | stranger active pending locked revoked
hello  | stranger active pending locked revoked
enrol  | stranger active pending locked revoked
public | stranger active pending locked revoked
sync   | active
papers | active
papers-back | active
pokes  | active
";

fn feeds(owner: PersonId) -> Vec<(&'static str, Feed)> {
    let (log, meeting) = (LogId::from_bytes([9; 16]), MeetingId::from_bytes([8; 16]));
    let circle = CircleId::from_bytes([7; 16]);
    vec![
        ("body", Feed::Body(log)),
        ("draft", Feed::Draft(meeting)),
        ("minutes-draft", Feed::MinutesDraft(meeting)),
        ("programme", Feed::Programme(meeting)),
        ("programme/circle", Feed::CircleProgramme(meeting, circle)),
        ("outbox", Feed::Outbox(owner)),
        ("receipts", Feed::Receipts(meeting)),
        ("roll", Feed::Roll(meeting)),
        ("roll-private", Feed::RollPrivate(meeting)),
        ("record", Feed::Record(meeting)),
        ("floor", Feed::Floor(meeting)),
        ("petition", Feed::Petition(log)),
        ("task", Feed::Task(log)),
        ("notes", Feed::Notes(owner)),
        ("group", Feed::Group(OrganisationId::from_bytes([6; 16]))),
        ("person", Feed::Person(owner)),
    ]
}

const ROLES: [(&str, Role); 4] = [
    ("delegate", Role::Delegate),
    ("secretary", Role::Secretary),
    ("chair", Role::Chair),
    ("guest", Role::Guest),
];

const STATUSES: [(&str, DeviceStatus); 4] = [
    ("active", DeviceStatus::Active),
    ("pending", DeviceStatus::Pending),
    ("locked", DeviceStatus::Locked),
    ("revoked", DeviceStatus::Revoked),
];

/// Every kind there is, and one of a later version.
fn kinds() -> Vec<(String, Kind)> {
    let name = |kind: Kind| format!("{kind:?}").to_lowercase();
    (0..=32)
        .map(Kind::of_number)
        .map(|kind| (name(kind), kind))
        .collect()
}

fn rows(table: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    let rows = table.lines().filter(|line| !line.trim().is_empty());
    rows.map(|line| line.split('|').map(str::trim).collect())
}

/// The rights that [`TABLE`] gives to active devices: feed, right, who.
fn given() -> BTreeSet<(&'static str, &'static str, &'static str)> {
    let mut given = BTreeSet::new();
    for row in rows(TABLE) {
        let [feed, right, people] = row[..] else {
            panic!("{row:?}");
        };
        for who in people.split_whitespace() {
            assert!(given.insert((feed, right, who)), "{row:?} stands twice");
        }
    }
    given
}

#[test]
fn the_whole_table_holds() {
    let given = given();
    let mut used = BTreeSet::new();
    let mut asked = 0;
    for (role_name, role) in ROLES {
        for (status_name, status) in STATUSES {
            for own in [false, true] {
                for member in [false, true] {
                    let person = if own { OWNER } else { OTHER };
                    let actor = Actor::Device {
                        person,
                        role,
                        status,
                    };
                    for (feed_name, feed) in feeds(OWNER) {
                        let mut actions = vec![("read".to_owned(), Action::Read(feed))];
                        actions.extend(kinds().into_iter().map(|(name, kind)| {
                            (format!("append {name}"), Action::Append(feed, kind))
                        }));
                        for (right, action) in actions {
                            asked += 1;
                            let lines = given.iter().filter(|(of_feed, of_right, who)| {
                                let (needs, of_role) = who.split_once(':').unwrap_or(("", who));
                                let fits = match needs {
                                    "own" => own,
                                    "member" => member,
                                    _ => true,
                                };
                                *of_feed == feed_name
                                    && *of_right == right
                                    && of_role == role_name
                                    && fits
                            });
                            let lines: Vec<_> = lines.copied().collect();
                            let expected = status_name == "active" && !lines.is_empty();
                            used.extend(lines);
                            let decided = decide(actor, action, State { member });
                            assert_eq!(
                                decided == Decision::Allow,
                                expected,
                                "{role_name} {status_name} own:{own} member:{member} {right} {feed_name}: {decided:?}"
                            );
                        }
                    }
                }
            }
        }
    }
    assert_eq!(asked, 4 * 4 * 2 * 2 * 16 * 34);
    assert_eq!(used, given, "lines that no combination meets");
}

#[test]
fn at_the_door_the_state_of_the_device_decides_and_nothing_else() {
    let actions = [
        ("health", Action::Health),
        ("hello", Action::Hello),
        ("enrol", Action::Enrol),
        ("sync", Action::Sync),
        ("papers", Action::Papers),
        ("papers-back", Action::PapersBack),
        ("pokes", Action::Pokes),
        ("public", Action::Public),
    ];
    let table: Vec<_> = rows(AT_THE_DOOR).collect();
    assert_eq!(table.len(), actions.len());
    for (name, action) in actions {
        let row = table.iter().find(|row| row[0] == name).expect("a row");
        let listed = |state: &str| row[1].split_whitespace().any(|listed| listed == state);
        for member in [false, true] {
            let ask = |actor| decide(actor, action, State { member }) == Decision::Allow;
            assert_eq!(ask(Actor::Stranger), listed("stranger"), "stranger {name}");
            assert!(ask(Actor::Office), "the office {name}");
            for (_, role) in ROLES {
                for (status_name, status) in STATUSES {
                    let actor = Actor::Device {
                        person: OWNER,
                        role,
                        status,
                    };
                    assert_eq!(ask(actor), listed(status_name), "{status_name} {name}");
                }
            }
        }
    }
}

#[test]
fn a_stranger_reads_and_appends_nothing_and_the_office_all() {
    for (name, feed) in feeds(OWNER) {
        for (_, kind) in kinds() {
            for action in [Action::Read(feed), Action::Append(feed, kind)] {
                let ask = |actor| decide(actor, action, State { member: true });
                assert_eq!(
                    ask(Actor::Stranger),
                    Decision::Deny(Reason::Unknown),
                    "{name}"
                );
                assert_eq!(ask(Actor::Office), Decision::Allow, "{name}");
            }
        }
    }
}

#[test]
fn a_refusal_says_why() {
    let active = |role| Actor::Device {
        person: OTHER,
        role,
        status: DeviceStatus::Active,
    };
    let of = |actor, action| decide(actor, action, State { member: false });
    let notes = Feed::Notes(OWNER);
    for (actor, action, reason) in [
        (active(Role::Chair), Action::Read(notes), Reason::NotYours),
        (
            active(Role::Secretary),
            Action::Append(notes, Kind::Changes),
            Reason::NotYours,
        ),
        (
            active(Role::Delegate),
            Action::Append(Feed::Notes(OTHER), Kind::Act),
            Reason::Kind,
        ),
        (
            active(Role::Secretary),
            Action::Append(Feed::Person(OTHER), Kind::Grant),
            Reason::OfficeWrites,
        ),
        (
            Actor::Device {
                person: OWNER,
                role: Role::Delegate,
                status: DeviceStatus::Revoked,
            },
            Action::Read(notes),
            Reason::Device,
        ),
        (Actor::Stranger, Action::Sync, Reason::Unknown),
    ] {
        assert_eq!(of(actor, action), Decision::Deny(reason), "{action:?}");
    }
}

#[test]
fn every_feed_that_can_travel_is_in_the_table() {
    let readable = |kind: &u8| {
        let bytes = |length| [&[*kind][..], &vec![1; length]].concat();
        Feed::from_slice(&bytes(16))
            .or_else(|| Feed::from_slice(&bytes(32)))
            .is_some()
    };
    let travels = (0..=u8::MAX).filter(readable).count();
    let listed: BTreeSet<_> = feeds(OWNER).into_iter().map(|(name, _)| name).collect();
    let in_table: BTreeSet<_> = rows(TABLE).map(|row| row[0]).collect();
    assert_eq!(listed.len(), travels);
    assert_eq!(in_table, listed);
}
