//! Who may what: one pure function, asked before anything is served or appended.
//!
//! Deny by default. No decision looks at a clock of a device.

use minicbor::{Decode, Encode};

use crate::ids::{Feed, Kind, PersonId};

/// What a person is to the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(index_only)]
pub enum Role {
    /// An elected delegate.
    #[n(1)]
    Delegate,
    /// A secretary of the office.
    #[n(2)]
    Secretary,
    /// The chair.
    #[n(3)]
    Chair,
    /// Somebody invited, who reads and does not act.
    #[n(4)]
    Guest,
}

/// What the office holds of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeviceStatus {
    /// It may sync.
    Active,
    /// It waits for the office's confirmation.
    Pending,
    /// It is locked until the office says otherwise.
    Locked,
    /// It is closed for good.
    Revoked,
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    /// The office itself, with its online key.
    Office,
    /// A person on one of his devices.
    Device {
        /// Whose device it is.
        person: PersonId,
        /// What he is to the body.
        role: Role,
        /// What the office holds of the device.
        status: DeviceStatus,
    },
    /// Somebody who has not shown who he is.
    Stranger,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// To be served entries of a feed, or papers that it names.
    Read(Feed),
    /// To append an envelope of this kind to a feed.
    Append(Feed, Kind),
    /// To start a sync at all.
    Sync,
    /// To use an invitation.
    Enrol,
    /// To see whether the office is up.
    Health,
    /// To be told what the office is: its keys and how they follow each other.
    Hello,
    /// To ask for papers with a read token. Which ones depends on the feeds that name them.
    Papers,
    /// To hand back with a read token a paper's file that the office has lost. Which ones depends on the
    /// feeds that name them.
    PapersBack,
    /// To be told with a read token that there is something newer.
    Pokes,
    /// To read what is public of the body, where the office gives that out.
    Public,
}

/// What the answer depends on beside the actor: where he belongs. The office fills it in from its table of
/// grants, in the transaction that serves or appends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct State {
    /// Whether the actor is in the audience of the feed, as far as that is by membership:
    /// meetings, circles, groups.
    pub member: bool,
}

/// The answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Yes.
    Allow,
    /// No, and why.
    Deny(Reason),
}

/// Why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// The actor has not shown who he is.
    Unknown,
    /// The device is not (or no longer) active.
    Device,
    /// The feed belongs to others.
    NotYours,
    /// Only the office writes there.
    OfficeWrites,
    /// Nothing of this kind belongs into the feed.
    Kind,
}

impl Reason {
    /// Returns the stable name that travels in outcomes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Device => "device",
            Self::NotYours => "not_yours",
            Self::OfficeWrites => "office_writes",
            Self::Kind => "kind",
        }
    }
}

/// Decides.
pub fn decide(actor: Actor, action: Action, state: State) -> Decision {
    let (person, role) = match (actor, action) {
        (_, Action::Health | Action::Hello | Action::Enrol | Action::Public)
        | (Actor::Office, _) => {
            return Decision::Allow;
        }
        (Actor::Stranger, _) => return Decision::Deny(Reason::Unknown),
        (
            Actor::Device {
                status: DeviceStatus::Active,
                person,
                role,
            },
            _,
        ) => (person, role),
        (Actor::Device { .. }, _) => return Decision::Deny(Reason::Device),
    };
    match action {
        Action::Read(feed) => read(person, role, feed, state),
        Action::Append(feed, kind) => append(person, role, feed, kind, state),
        Action::Sync
        | Action::Papers
        | Action::PapersBack
        | Action::Pokes
        | Action::Enrol
        | Action::Health
        | Action::Hello
        | Action::Public => Decision::Allow,
    }
}

fn read(person: PersonId, role: Role, feed: Feed, state: State) -> Decision {
    let allowed = match feed {
        Feed::Body(_) | Feed::Petition(_) | Feed::Task(_) => true,
        Feed::Draft(_) | Feed::MinutesDraft(_) | Feed::RollPrivate(_) => role == Role::Secretary,
        Feed::Programme(_)
        | Feed::Receipts(_)
        | Feed::Roll(_)
        | Feed::Record(_)
        | Feed::Floor(_) => state.member,
        // A guest is let into meetings and nowhere else, whatever a row says.
        Feed::CircleProgramme(..) | Feed::Group(_) => state.member && role != Role::Guest,
        Feed::Outbox(owner) => owner == person || role == Role::Secretary,
        Feed::Notes(owner) | Feed::Person(owner) => owner == person,
    };
    if allowed {
        Decision::Allow
    } else {
        Decision::Deny(Reason::NotYours)
    }
}

fn append(person: PersonId, role: Role, feed: Feed, kind: Kind, state: State) -> Decision {
    let (allowed, kinds): (bool, &[Kind]) = match feed {
        Feed::Notes(owner) => (
            owner == person,
            &[Kind::Changes, Kind::Snapshot, Kind::Vault, Kind::Tombstone],
        ),
        Feed::Outbox(owner) => (
            // What each role may state there is for the office to judge.
            owner == person && role != Role::Guest,
            &[Kind::Act],
        ),
        Feed::Group(_) => (state.member && role != Role::Guest, &[Kind::Changes]),
        // What secretaries write there they state in their outboxes.
        Feed::Draft(_)
        | Feed::MinutesDraft(_)
        | Feed::Body(_)
        | Feed::Programme(_)
        | Feed::CircleProgramme(..)
        | Feed::Receipts(_)
        | Feed::Roll(_)
        | Feed::RollPrivate(_)
        | Feed::Record(_)
        | Feed::Floor(_)
        | Feed::Petition(_)
        | Feed::Task(_)
        | Feed::Person(_) => return Decision::Deny(Reason::OfficeWrites),
    };
    match (allowed, kinds.contains(&kind)) {
        (true, true) => Decision::Allow,
        (true, false) => Decision::Deny(Reason::Kind),
        (false, _) => Decision::Deny(Reason::NotYours),
    }
}

#[cfg(test)]
mod tests;
