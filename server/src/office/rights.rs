//! Who is in which audience: what follows from a role, what was granted and what was withdrawn.

use std::collections::BTreeMap;

use nghisu_core::{
    Code, Error, Result, cbor,
    ids::{Audience, CircleId, DocumentId, Feed, Kind, LogId, PersonId},
    time::Timestamp,
    trust::{
        decide::{Role, State},
        membership::{Grant, Withdrawal},
    },
};

use super::{Office, log::Appending, publish::find_meeting};
use crate::db::{
    Tx,
    rows::{MembershipRow, Named, Person},
};

/// Whose entries a person is served, each audience with the number in the log from which on: that of
/// its last grant, or 0 if it was never withdrawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Audiences(BTreeMap<Audience, u64>);

/// An audience that can be granted, as people name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked<'a> {
    /// A circle by its name.
    Circle(&'a str),
    /// A group by its name.
    Group(&'a str),
    /// A meeting by its id or its author's.
    Meeting(&'a str),
}

/// A person in an audience.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The person.
    pub person: Person,
    /// The audience: a meeting, a circle or a group.
    pub audience: Audience,
    /// The circle's or group's name, or the meeting's id as its author gave it.
    pub name: String,
    /// Whether the role alone makes the person a member; otherwise it was granted.
    pub implied: bool,
}

impl Audiences {
    /// Works out the audiences of a person: everybody's and his own, those of the office for a
    /// secretary, every published meeting for all but guests; then what was granted and withdrawn.
    pub(crate) fn of(tx: &Tx<'_>, log: LogId, person: &Person) -> Result<Self> {
        let mut audiences =
            BTreeMap::from([(Audience::Body(log), 0), (Audience::Person(person.id), 0)]);
        match person.role {
            Role::Delegate | Role::Chair | Role::Secretary => {
                let meetings = tx.given_meetings()?;
                audiences.extend(meetings.into_iter().map(|id| (Audience::Meeting(id), 0)));
            }
            Role::Guest => {}
        }
        if person.role == Role::Secretary {
            audiences.insert(Audience::Office(log), 0);
        }
        for row in tx.memberships_of(person.id)? {
            if row.member {
                audiences.insert(row.audience, row.seq);
            } else {
                audiences.remove(&row.audience);
            }
        }
        Ok(Self(audiences))
    }

    /// Returns those of `asked` that a person is in, as [`Audiences::of`] would hold them. Each is looked
    /// up by itself, so what it takes does not depend on how many others there are.
    pub(crate) fn among(
        tx: &Tx<'_>,
        log: LogId,
        person: &Person,
        asked: impl IntoIterator<Item = Audience>,
    ) -> Result<Self> {
        let mut audiences = BTreeMap::new();
        for audience in asked {
            let granted = match tx.membership_of(person.id, audience)? {
                Some(row) => row.member.then_some(row.seq),
                None => by_role(tx, log, person, audience)?.then_some(0),
            };
            audiences.extend(granted.map(|seq| (audience, seq)));
        }
        Ok(Self(audiences))
    }

    /// Returns each audience with the number after which its entries are served.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Audience, u64)> {
        self.0
            .iter()
            .map(|(audience, granted)| (*audience, *granted))
    }

    /// Says whether the person is in the audience.
    pub(crate) fn contains(&self, audience: Audience) -> bool {
        self.0.contains_key(&audience)
    }

    /// Returns what a decision about `feed` depends on.
    pub(crate) fn state(&self, feed: Feed, log: LogId) -> State {
        State {
            member: self.contains(feed.audience(log)),
        }
    }
}

/// Says whether a person's role alone makes him a member.
fn by_role(tx: &Tx<'_>, log: LogId, person: &Person, audience: Audience) -> Result<bool> {
    Ok(match (audience, person.role) {
        (Audience::Body(of), _) => of == log,
        (Audience::Person(of), _) => of == person.id,
        (Audience::Meeting(meeting), Role::Delegate | Role::Chair | Role::Secretary) => {
            tx.is_given(meeting)?
        }
        (Audience::Office(of), Role::Secretary) => of == log,
        (Audience::Office(_), Role::Delegate | Role::Chair | Role::Guest)
        | (Audience::Meeting(_), Role::Guest)
        | (Audience::Circle(_) | Audience::Group(_), _) => false,
    })
}

/// Returns what a decision about `feed` depends on: whether the person is in its audience, as far as
/// that is by membership. In an appending transaction this is what holds at the entry's place.
pub(crate) fn state_of(tx: &Tx<'_>, log: LogId, person: PersonId, feed: Feed) -> Result<State> {
    let by_membership = match feed.audience(log) {
        Audience::Meeting(_) | Audience::Circle(_) | Audience::Group(_) => tx.person(person)?,
        Audience::Body(_) | Audience::Person(_) | Audience::Office(_) => None,
    };
    match by_membership {
        Some(person) => {
            let asked = Audiences::among(tx, log, &person, [feed.audience(log)])?;
            Ok(asked.state(feed, log))
        }
        None => Ok(State::default()),
    }
}

impl Office {
    /// Makes a group that people can be made members of; a group of this name stays as it is.
    ///
    /// # Errors
    /// [`Code::Malformed`] if it is no name.
    pub fn add_group(&self, name: &str) -> Result<Named> {
        let name = name.to_owned();
        self.db.write(move |tx| tx.group_named(&name))
    }

    /// Makes a circle that items can name and people can be made members of; one of this name stays as
    /// it is. A circle that a draft names is made by its import.
    ///
    /// # Errors
    /// [`Code::Malformed`] if it is no name.
    pub fn add_circle(&self, name: &str) -> Result<CircleId> {
        let name = name.to_owned();
        self.db.write(move |tx| tx.circle_named(&name))
    }

    /// Returns all circles and groups, by name.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn audience_names(&self) -> Result<Vec<Named>> {
        self.db.read(|tx| tx.audience_names())
    }

    /// Finds a circle, a group or a meeting.
    ///
    /// # Errors
    /// [`Code::AudienceUnknown`].
    pub fn audience(&self, asked: Asked<'_>) -> Result<Audience> {
        self.db.read(|tx| {
            let (found, name) = match asked {
                Asked::Circle(name) => (tx.circle(name)?, name),
                Asked::Group(name) => (tx.group(name)?, name),
                Asked::Meeting(name) => match find_meeting(tx, name) {
                    Ok(meeting) => (Some(Audience::Meeting(meeting.id)), name),
                    Err(error) if error.code() == Code::MeetingUnknown => (None, name),
                    Err(error) => return Err(error),
                },
            };
            found.ok_or_else(|| Error::new(Code::AudienceUnknown, name))
        })
    }

    /// Makes a person a member of a meeting, a circle or a group, from the next request on. What the
    /// audience's feeds held before is fetched by the person's devices. Returns whether the person was
    /// none before.
    ///
    /// # Errors
    /// [`Code::PersonUnknown`]; [`Code::NotAllowed`] if the audience is not one that is granted, or the
    /// person is a guest and it is no meeting.
    pub fn grant(&self, person: PersonId, audience: Audience, now: Timestamp) -> Result<bool> {
        let keys = self.keys.clone();
        self.db.write(move |tx| {
            let mut log = Appending::begin(tx, &keys, now)?;
            if is_member(&log, person, audience)? {
                return Ok(false);
            }
            let grant = Grant {
                audience,
                feeds: tx.feeds_of_audience(audience)?,
            };
            set_member(
                &mut log,
                person,
                audience,
                Kind::Grant,
                cbor::encode(&grant),
            )?;
            log.finish()?;
            Ok(true)
        })
    }

    /// Ends a person's membership in a meeting, a circle or a group, from the next request on. The
    /// person's devices delete what they hold of it. Returns whether the person was a member.
    ///
    /// # Errors
    /// As [`Office::grant`].
    pub fn withdraw(&self, person: PersonId, audience: Audience, now: Timestamp) -> Result<bool> {
        let keys = self.keys.clone();
        self.db.write(move |tx| {
            let mut log = Appending::begin(tx, &keys, now)?;
            if !is_member(&log, person, audience)? {
                return Ok(false);
            }
            let withdrawal = cbor::encode(&Withdrawal { audience });
            set_member(&mut log, person, audience, Kind::Withdrawal, withdrawal)?;
            log.finish()?;
            Ok(true)
        })
    }

    /// Returns who is in which meeting, circle and group, by the person's name.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn members(&self) -> Result<Vec<Member>> {
        self.db.read(|tx| {
            let names = tx.audience_names()?.into_iter();
            let mut names: BTreeMap<Audience, String> =
                names.map(|named| (named.audience, named.name)).collect();
            for meeting in tx.meetings()? {
                names.insert(Audience::Meeting(meeting.id), meeting.external_id);
            }
            let mut members = Vec::new();
            for person in tx.people()? {
                for (audience, granted) in Audiences::of(tx, self.log, &person)?.iter() {
                    let Some(name) = names.get(&audience) else {
                        continue;
                    };
                    members.push(Member {
                        person: person.clone(),
                        audience,
                        name: name.clone(),
                        implied: granted == 0,
                    });
                }
            }
            Ok(members)
        })
    }
}

/// Gives or takes membership once more. Returns the number of the entry, or `None` if nothing changes.
pub(super) fn give_or_take(
    log: &mut Appending<'_>,
    person: PersonId,
    audience: Audience,
    member: bool,
) -> Result<Option<u64>> {
    if is_member(log, person, audience)? == member {
        return Ok(None);
    }
    let (kind, payload) = if member {
        let feeds = log.tx.feeds_of_audience(audience)?;
        (Kind::Grant, cbor::encode(&Grant { audience, feeds }))
    } else {
        let withdrawal = Withdrawal { audience };
        (Kind::Withdrawal, cbor::encode(&withdrawal))
    };
    set_member(log, person, audience, kind, payload).map(Some)
}

/// Says whether the person is in the audience now, if that is something to be granted to him at all.
fn is_member(log: &Appending<'_>, person: PersonId, audience: Audience) -> Result<bool> {
    let found = log.tx.person(person)?;
    let person = found.ok_or_else(|| Error::new(Code::PersonUnknown, person))?;
    let grantable = match audience {
        Audience::Meeting(_) => true,
        Audience::Circle(_) | Audience::Group(_) => person.role != Role::Guest,
        Audience::Body(_) | Audience::Person(_) | Audience::Office(_) => false,
    };
    if !grantable {
        return Err(Error::new(Code::NotAllowed, person.name));
    }
    Ok(Audiences::of(log.tx, log.office.log, &person)?.contains(audience))
}

/// Writes the entry into the person's feed, and the row that counts from then on.
fn set_member(
    log: &mut Appending<'_>,
    person: PersonId,
    audience: Audience,
    kind: Kind,
    payload: Vec<u8>,
) -> Result<u64> {
    let document = DocumentId::from_bytes(document_of(audience));
    let place = log.write(Feed::Person(person), document, kind, payload)?;
    log.tx.set_membership(&MembershipRow {
        person,
        audience,
        member: kind == Kind::Grant,
        seq: place.seq,
    })?;
    Ok(place.seq)
}

/// The series of a person's grants and withdrawals of one audience is known by that audience's id.
fn document_of(audience: Audience) -> [u8; 16] {
    let mut id = [0; 16];
    id.copy_from_slice(&audience.to_bytes()[1..]);
    id
}
