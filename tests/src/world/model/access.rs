//! Who may read what: grants, withdrawals and the table of rights, by numbers of the log.

use nghisu_core::ids::{Audience, Feed, LogId, MeetingId, PersonId};

/// What somebody is to the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::world) enum Post {
    Delegate,
    Guest,
    Secretary,
}

/// A change of access.
#[derive(Debug, Clone, Copy)]
pub(in crate::world) struct Turn {
    pub(in crate::world) seq: u64,
    pub(in crate::world) person: PersonId,
    pub(in crate::world) audience: Audience,
    pub(in crate::world) member: bool,
}

/// Everybody, and every change.
#[derive(Debug, Clone)]
pub(in crate::world) struct Access {
    pub(in crate::world) log: LogId,
    pub(in crate::world) people: Vec<(PersonId, Post)>,
    pub(in crate::world) turns: Vec<Turn>,
}

impl Access {
    /// Returns the number after which a person is served an audience, by what had happened up to the
    /// entry `upto`; `None` if he is not in it.
    pub(in crate::world) fn since(
        &self,
        person: PersonId,
        audience: Audience,
        upto: u64,
    ) -> Option<u64> {
        let (_, post) = self.people.iter().find(|(id, _)| *id == person)?;
        let last =
            self.turns.iter().rev().find(|turn| {
                turn.person == person && turn.audience == audience && turn.seq <= upto
            });
        match (last, audience) {
            (Some(turn), _) => turn.member.then_some(turn.seq),
            (None, Audience::Meeting(_)) => (*post != Post::Guest).then_some(0),
            (None, Audience::Body(_)) => Some(0),
            (None, Audience::Person(owner)) => (owner == person).then_some(0),
            (None, Audience::Office(_)) => (*post == Post::Secretary).then_some(0),
            (None, Audience::Circle(_) | Audience::Group(_)) => None,
        }
    }

    /// Says the same of a feed: of all audiences that read it, the one that was let in first.
    pub(in crate::world) fn since_feed(
        &self,
        person: PersonId,
        feed: Feed,
        upto: u64,
    ) -> Option<u64> {
        let audiences = self.audiences(feed);
        let since = audiences
            .into_iter()
            .filter_map(|it| self.since(person, it, upto));
        since.min()
    }

    /// Says whether a person reads a meeting's open part.
    pub(in crate::world) fn is_in(&self, person: PersonId, meeting: MeetingId) -> bool {
        self.since(person, Audience::Meeting(meeting), u64::MAX)
            .is_some()
    }

    /// Says who reads a feed, as the design's table has it.
    fn audiences(&self, feed: Feed) -> Vec<Audience> {
        match feed {
            Feed::Body(_) | Feed::Petition(_) | Feed::Task(_) => vec![Audience::Body(self.log)],
            Feed::Draft(_) | Feed::MinutesDraft(_) | Feed::RollPrivate(_) => {
                vec![Audience::Office(self.log)]
            }
            Feed::Programme(meeting)
            | Feed::Receipts(meeting)
            | Feed::Roll(meeting)
            | Feed::Record(meeting)
            | Feed::Floor(meeting) => vec![Audience::Meeting(meeting)],
            Feed::CircleProgramme(_, circle) => vec![Audience::Circle(circle)],
            Feed::Outbox(person) => vec![Audience::Person(person), Audience::Office(self.log)],
            Feed::Notes(person) | Feed::Person(person) => vec![Audience::Person(person)],
            Feed::Group(group) => vec![Audience::Group(group)],
        }
    }
}
