//! Names of things: 128-bit ids, SHA-256 hashes, feeds and audiences, and the strings that keep
//! hashes and signatures of different kinds apart.
//!
//! Ids are random and say nothing about what they name, so that an id in a header or an address
//! tells an observer nothing. They print as 26 letters and digits (RFC 4648 base32, lower case).

use std::{fmt, str::FromStr};

use data_encoding::{BASE32_NOPAD, HEXLOWER};
use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};
use sha2::{Digest, Sha256};

/// Domain strings: what is hashed or signed begins with one of these, so that no signature over
/// one kind of thing can be taken for a signature over another.
pub mod domain {
    /// Envelope ids and signatures.
    pub const ENVELOPE: &[u8] = b"nghisu/envelope/1";
    /// Sync requests signed by a device.
    pub const REQUEST: &[u8] = b"nghisu/request/1";
    /// The chain over the log's entries.
    pub const LOG: &[u8] = b"nghisu/log/1";
    /// The head of the log as signed by the office.
    pub const HEAD: &[u8] = b"nghisu/head/1";
    /// A device certificate.
    pub const CERTIFICATE: &[u8] = b"nghisu/certificate/1";
    /// The office's one-year online key, signed by its root.
    pub const ONLINE_KEY: &[u8] = b"nghisu/online-key/1";
    /// An enrolment request's self-signature.
    pub const ENROLMENT: &[u8] = b"nghisu/enrolment/1";
    /// The six digits that both screens show during an enrolment.
    pub const DIGITS: &[u8] = b"nghisu/digits/1";
    /// A delegate's act.
    pub const ACT: &[u8] = b"nghisu/act/1";
    /// A publication record.
    pub const PUBLICATION: &[u8] = b"nghisu/publication/1";
    /// The id of a device, from its public key.
    pub const DEVICE: &[u8] = b"nghisu/device/1";
    /// An Automerge actor, from device, document, incarnation and generation.
    pub const ACTOR: &[u8] = b"nghisu/actor/1";
    /// The actor of a change that was made again, from the hash of the old one.
    pub const CARRIED: &[u8] = b"nghisu/carried/1";
    /// The name of a device's request for another incarnation.
    pub const INCARNATION: &[u8] = b"nghisu/incarnation/1";
    /// The pinned fingerprint of an office's root key.
    pub const ROOT: &[u8] = b"nghisu/root/1";
    /// The office's authentication code over a cursor.
    pub const CURSOR: &[u8] = b"nghisu/cursor/1";
    /// The hash of an invitation's code, which is all that the office keeps of it.
    pub const INVITATION: &[u8] = b"nghisu/invitation/1";
    /// Read tokens.
    pub const TOKEN: &[u8] = b"nghisu/token/1";
    /// The number of somebody who asks a server whether it speaks for the office.
    pub const OFFICE: &[u8] = b"nghisu/office/1";
    /// A root key's successor, signed by both.
    pub const SUCCESSION: &[u8] = b"nghisu/succession/1";
    /// A secretary's key for publications, signed by the root.
    pub const PUBLICATION_KEY: &[u8] = b"nghisu/publication-key/1";
    /// An order to a device: lock, release or wipe.
    pub const ORDER: &[u8] = b"nghisu/order/1";
    /// A step of a person's chain of devices, by which the vault of his notes is kept.
    pub const VAULT: &[u8] = b"nghisu/vault/1";
    /// The id of a vault, and the ids of the documents that belong to it.
    pub const VAULT_ID: &[u8] = b"nghisu/vault-id/1";
    /// The hash of a step, by which the next one names it.
    pub const VAULT_STEP: &[u8] = b"nghisu/vault-step/1";
    /// The key of a vault's epoch, wrapped for a device or for the recovery key.
    pub const VAULT_WRAP: &[u8] = b"nghisu/vault-wrap/1";
    /// The key under which payloads of an epoch are sealed.
    pub const VAULT_PAYLOAD: &[u8] = b"nghisu/vault-payload/1";
    /// The key under which the key of the epoch before is sealed.
    pub const VAULT_BEFORE: &[u8] = b"nghisu/vault-before/1";
    /// What tells one epoch's key from another without showing it.
    pub const VAULT_CHECK: &[u8] = b"nghisu/vault-check/1";
    /// The recovery key that opens, from the recovery code.
    pub const RECOVERY_SEALING: &[u8] = b"nghisu/recovery-sealing/1";
    /// The recovery key that signs, from the recovery code.
    pub const RECOVERY_SIGNING: &[u8] = b"nghisu/recovery-signing/1";
    /// The check letters of a recovery code.
    pub const RECOVERY_CODE: &[u8] = b"nghisu/recovery-code/1";
    /// A new device's keys under the secret of its link code.
    pub const LINK_ASK: &[u8] = b"nghisu/link-ask/1";
    /// The approving device's step under the secret of the link code.
    pub const LINK_ADD: &[u8] = b"nghisu/link-add/1";
    /// The list of what a bundle of a meeting holds.
    pub const BUNDLE: &[u8] = b"nghisu/bundle/1";
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident,)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 16]);

        impl $name {
            /// Makes the id of 16 bytes, which the caller draws at random or derives from a hash.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// Returns the 16 bytes of the id.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }

            /// Reads an id of exactly 16 bytes; anything else is `None`.
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&BASE32_NOPAD.encode(&self.0).to_ascii_lowercase())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let text = self.to_string();
                write!(f, "{}:{}", stringify!($name), &text[..6])
            }
        }

        impl FromStr for $name {
            type Err = ParseError;

            fn from_str(text: &str) -> Result<Self, ParseError> {
                let bytes = BASE32_NOPAD
                    .decode(text.to_ascii_uppercase().as_bytes())
                    .map_err(|_| ParseError)?;
                Self::from_slice(&bytes).ok_or(ParseError)
            }
        }

        impl<C> Encode<C> for $name {
            fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
                e.bytes(&self.0)?.ok()
            }
        }

        impl<'b, C> Decode<'b, C> for $name {
            fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
                Self::from_slice(d.bytes()?).ok_or_else(|| decode::Error::message("an id has 16 bytes"))
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

ids! {
    /// A log; every body has one. Also names the office that keeps it.
    LogId,
    /// A device, or the office's online key: derived from the public key.
    DeviceId,
    /// What one envelope is about: an Automerge history, or a series of records.
    DocumentId,
    /// A meeting.
    MeetingId,
    /// A person with an account at the office.
    PersonId,
    /// A circle: the few who take part in a closed item.
    CircleId,
    /// An organisation whose members share a group feed.
    OrganisationId,
    /// A delegate's act; the key under which repeats are recognised, also after a new enrolment.
    ActId,
}

impl DeviceId {
    /// Returns the id of the device that holds `public_key`.
    pub fn of_key(public_key: &[u8]) -> Self {
        let hash = Hash::of(domain::DEVICE, &[public_key]);
        let mut id = [0; 16];
        id.copy_from_slice(&hash.as_bytes()[..16]);
        Self(id)
    }
}

/// A text that is not an id, a hash or a feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a valid id")]
pub struct ParseError;

/// A SHA-256 hash. Prints as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash([u8; 32]);

impl Hash {
    /// The hash before the first: `previous` of a device's first envelope and of a log's first entry.
    pub const ZERO: Self = Self([0; 32]);

    /// Makes a hash of its 32 bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Hashes `parts`, one after the other, behind a domain string.
    /// Parts of variable length must be separated by the caller.
    pub fn of(domain: &[u8], parts: &[&[u8]]) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(domain);
        for part in parts {
            hasher.update(part);
        }
        Self(hasher.finalize().into())
    }

    /// Hashes content as everybody does: SHA-256 without a domain string, as papers are named.
    pub fn of_content(content: &[u8]) -> Self {
        Self(Sha256::digest(content).into())
    }

    /// Returns the 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Reads a hash of exactly 32 bytes; anything else is `None`.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash:{}", &self.to_string()[..8])
    }
}

impl FromStr for Hash {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let bytes = HEXLOWER
            .decode(text.to_ascii_lowercase().as_bytes())
            .map_err(|_| ParseError)?;
        Self::from_slice(&bytes).ok_or(ParseError)
    }
}

impl<C> Encode<C> for Hash {
    fn encode<W: encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        e.bytes(&self.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Hash {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        Self::from_slice(d.bytes()?).ok_or_else(|| decode::Error::message("a hash has 32 bytes"))
    }
}

impl serde::Serialize for Hash {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Hash {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A feed: the unit of access. One class of writers, one class of readers, one lifetime.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Feed {
    /// Terms, organisations, posts, rules; certificates and revocations.
    Body(LogId),
    /// What secretaries write and delegates never receive.
    Draft(MeetingId),
    /// Minutes until the chair approves them.
    MinutesDraft(MeetingId),
    /// What the office published of a meeting to all who take part.
    Programme(MeetingId),
    /// What the office published of a meeting to one circle.
    CircleProgramme(MeetingId, CircleId),
    /// A delegate's signed acts.
    Outbox(PersonId),
    /// The office's numbered receipts for acts of a meeting.
    Receipts(MeetingId),
    /// Who was present.
    Roll(MeetingId),
    /// Why somebody was absent.
    RollPrivate(MeetingId),
    /// Speeches, answers, results, conclusions, approved minutes.
    Record(MeetingId),
    /// Current item, granted order, timers.
    Floor(MeetingId),
    /// Voters' petitions and their history.
    Petition(LogId),
    /// Tasks and their history.
    Task(LogId),
    /// A person's private notes.
    Notes(PersonId),
    /// What the members of an organisation write together.
    Group(OrganisationId),
    /// What the office tells one person: grants, withdrawals, orders.
    Person(PersonId),
}

/// Who reads a feed. Whoever is in an audience reads all its feeds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Audience {
    /// Everybody with an account.
    Body(LogId),
    /// All who take part in a meeting.
    Meeting(MeetingId),
    /// The members of a circle.
    Circle(CircleId),
    /// One person.
    Person(PersonId),
    /// The office's secretaries.
    Office(LogId),
    /// The members of an organisation.
    Group(OrganisationId),
}

impl Feed {
    /// Returns the audience of the feed in the log `log`.
    pub const fn audience(&self, log: LogId) -> Audience {
        match *self {
            Self::Body(_) | Self::Petition(_) | Self::Task(_) => Audience::Body(log),
            Self::Draft(_) | Self::MinutesDraft(_) | Self::RollPrivate(_) => Audience::Office(log),
            Self::Programme(meeting)
            | Self::Receipts(meeting)
            | Self::Roll(meeting)
            | Self::Record(meeting)
            | Self::Floor(meeting) => Audience::Meeting(meeting),
            Self::CircleProgramme(_, circle) => Audience::Circle(circle),
            Self::Outbox(person) | Self::Notes(person) | Self::Person(person) => {
                Audience::Person(person)
            }
            Self::Group(organisation) => Audience::Group(organisation),
        }
    }

    fn parts(&self) -> (u8, [u8; 16], Option<[u8; 16]>) {
        match *self {
            Self::Body(id) => (1, id.0, None),
            Self::Draft(id) => (2, id.0, None),
            Self::MinutesDraft(id) => (3, id.0, None),
            Self::Programme(id) => (4, id.0, None),
            Self::CircleProgramme(id, circle) => (5, id.0, Some(circle.0)),
            Self::Outbox(id) => (6, id.0, None),
            Self::Receipts(id) => (7, id.0, None),
            Self::Roll(id) => (8, id.0, None),
            Self::RollPrivate(id) => (9, id.0, None),
            Self::Record(id) => (10, id.0, None),
            Self::Floor(id) => (11, id.0, None),
            Self::Petition(id) => (12, id.0, None),
            Self::Task(id) => (13, id.0, None),
            Self::Notes(id) => (14, id.0, None),
            Self::Group(id) => (15, id.0, None),
            Self::Person(id) => (16, id.0, None),
        }
    }

    fn from_parts(kind: u8, id: [u8; 16], second: Option<[u8; 16]>) -> Option<Self> {
        if let Some(circle) = second {
            return (kind == 5).then_some(Self::CircleProgramme(MeetingId(id), CircleId(circle)));
        }
        Some(match kind {
            1 => Self::Body(LogId(id)),
            2 => Self::Draft(MeetingId(id)),
            3 => Self::MinutesDraft(MeetingId(id)),
            4 => Self::Programme(MeetingId(id)),
            6 => Self::Outbox(PersonId(id)),
            7 => Self::Receipts(MeetingId(id)),
            8 => Self::Roll(MeetingId(id)),
            9 => Self::RollPrivate(MeetingId(id)),
            10 => Self::Record(MeetingId(id)),
            11 => Self::Floor(MeetingId(id)),
            12 => Self::Petition(LogId(id)),
            13 => Self::Task(LogId(id)),
            14 => Self::Notes(PersonId(id)),
            15 => Self::Group(OrganisationId(id)),
            16 => Self::Person(PersonId(id)),
            _ => return None,
        })
    }

    /// Returns the feed as bytes that sort and compare like the feed: kind, id, second id.
    /// This is the form in which databases keep it.
    pub fn to_bytes(&self) -> Vec<u8> {
        let (kind, id, second) = self.parts();
        let mut bytes = vec![kind];
        bytes.extend_from_slice(&id);
        bytes.extend(second.into_iter().flatten());
        bytes
    }

    /// Reads what [`Feed::to_bytes`] wrote.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        let (&kind, rest) = bytes.split_first()?;
        let (id, second) = rest.split_first_chunk::<16>()?;
        let second = match second.len() {
            0 => None,
            _ => Some(second.try_into().ok()?),
        };
        Self::from_parts(kind, *id, second)
    }
}

impl Audience {
    /// Returns the audience as bytes: kind, then id. This is the form in which databases keep it.
    pub fn to_bytes(&self) -> [u8; 17] {
        let (kind, id) = match *self {
            Self::Body(id) => (1, id.0),
            Self::Meeting(id) => (2, id.0),
            Self::Circle(id) => (3, id.0),
            Self::Person(id) => (4, id.0),
            Self::Office(id) => (5, id.0),
            Self::Group(id) => (6, id.0),
        };
        let mut bytes = [kind; 17];
        bytes[1..].copy_from_slice(&id);
        bytes
    }

    /// Reads what [`Audience::to_bytes`] wrote.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; 17] = bytes.try_into().ok()?;
        let mut id = [0; 16];
        id.copy_from_slice(&bytes[1..]);
        Some(match bytes[0] {
            1 => Self::Body(LogId(id)),
            2 => Self::Meeting(MeetingId(id)),
            3 => Self::Circle(CircleId(id)),
            4 => Self::Person(PersonId(id)),
            5 => Self::Office(LogId(id)),
            6 => Self::Group(OrganisationId(id)),
            _ => return None,
        })
    }
}

macro_rules! as_cbor_bytes {
    ($($name:ident)*) => {$(
        impl<C> Encode<C> for $name {
            fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
                e.bytes(self.to_bytes().as_ref())?.ok()
            }
        }

        impl<'b, C> Decode<'b, C> for $name {
            fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
                Self::from_slice(d.bytes()?)
                    .ok_or_else(|| decode::Error::message(concat!("not a known ", stringify!($name))))
            }
        }
    )*};
}

as_cbor_bytes! { Feed Audience }

impl fmt::Display for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Body(id) => write!(f, "body/{id}"),
            Self::Draft(id) => write!(f, "draft/{id}"),
            Self::MinutesDraft(id) => write!(f, "minutes-draft/{id}"),
            Self::Programme(id) => write!(f, "programme/{id}"),
            Self::CircleProgramme(id, circle) => write!(f, "programme/{id}/{circle}"),
            Self::Outbox(id) => write!(f, "outbox/{id}"),
            Self::Receipts(id) => write!(f, "receipts/{id}"),
            Self::Roll(id) => write!(f, "roll/{id}"),
            Self::RollPrivate(id) => write!(f, "roll-private/{id}"),
            Self::Record(id) => write!(f, "record/{id}"),
            Self::Floor(id) => write!(f, "floor/{id}"),
            Self::Petition(id) => write!(f, "petition/{id}"),
            Self::Task(id) => write!(f, "task/{id}"),
            Self::Notes(id) => write!(f, "notes/{id}"),
            Self::Group(id) => write!(f, "group/{id}"),
            Self::Person(id) => write!(f, "person/{id}"),
        }
    }
}

/// What a payload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Uncompressed Automerge change chunks.
    Changes,
    /// An Automerge bundle of many small changes, from one's own vault or under the office's signature.
    Bundle,
    /// A publication record.
    Publication,
    /// A delegate's act.
    Act,
    /// A batch of the office's receipts.
    Receipts,
    /// A device certificate.
    Certificate,
    /// The end of a device.
    Revocation,
    /// Access to an audience is given.
    Grant,
    /// Access to an audience ends.
    Withdrawal,
    /// An order to a device: lock or wipe.
    Order,
    /// What the office notes for auditors.
    Audit,
    /// The owner has purged a document.
    Tombstone,
    /// The office's online key from here on, signed by the root.
    OfficeKey,
    /// A step of the owner's chain of devices: who holds the key of his notes.
    Vault,
    /// A document as it stands, in place of the changes before.
    Snapshot,
    /// One of a person's devices goes on in another incarnation, or was found to be two.
    Incarnation,
    /// An epoch of the log begins: the office was restored.
    Epoch,
    /// A backup has all entries up to one.
    Backup,
    /// An envelope that a restored office had lost and was given back.
    Returned,
    /// What the office makes known of a ruling.
    Record,
    /// The text of minutes: for the chair who is to approve it, or as it was approved.
    Minutes,
    /// What the office states of the body: its terms, organisations, people, rules.
    Body,
    /// A kind of a later version: kept, passed on, not understood.
    Other(u16),
}

impl Kind {
    /// Returns the number that travels.
    pub const fn number(self) -> u16 {
        match self {
            Self::Changes => 1,
            Self::Bundle => 2,
            Self::Publication => 3,
            Self::Act => 4,
            Self::Receipts => 5,
            Self::Certificate => 6,
            Self::Revocation => 7,
            Self::Grant => 8,
            Self::Withdrawal => 9,
            Self::Order => 10,
            Self::Audit => 11,
            Self::Tombstone => 12,
            Self::OfficeKey => 13,
            Self::Vault => 14,
            Self::Snapshot => 15,
            Self::Epoch => 16,
            Self::Backup => 17,
            Self::Returned => 18,
            Self::Incarnation => 20,
            Self::Record => 21,
            Self::Minutes => 22,
            Self::Body => 24,
            Self::Other(number) => number,
        }
    }

    /// Returns the kind of a number.
    pub const fn of_number(number: u16) -> Self {
        match number {
            1 => Self::Changes,
            2 => Self::Bundle,
            3 => Self::Publication,
            4 => Self::Act,
            5 => Self::Receipts,
            6 => Self::Certificate,
            7 => Self::Revocation,
            8 => Self::Grant,
            9 => Self::Withdrawal,
            10 => Self::Order,
            11 => Self::Audit,
            12 => Self::Tombstone,
            13 => Self::OfficeKey,
            14 => Self::Vault,
            15 => Self::Snapshot,
            16 => Self::Epoch,
            17 => Self::Backup,
            18 => Self::Returned,
            20 => Self::Incarnation,
            21 => Self::Record,
            22 => Self::Minutes,
            24 => Self::Body,
            other => Self::Other(other),
        }
    }
}

impl<C> Encode<C> for Kind {
    fn encode<W: encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        e.u16(self.number())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Kind {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        d.u16().map(Self::of_number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_back_from_what_it_prints() {
        let id = MeetingId::from_bytes([7; 16]);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.to_string().to_uppercase().parse(), Ok(id));
        assert_eq!("tooshort".parse::<MeetingId>(), Err(ParseError));
    }

    #[test]
    fn every_feed_is_read_back_from_its_bytes_and_unknown_kinds_are_refused() {
        for kind in 0..=u8::MAX {
            let second = (kind == 5).then_some([3; 16]);
            let Some(feed) = Feed::from_parts(kind, [9; 16], second) else {
                assert!(kind == 0 || kind > 16, "kind {kind} has no feed");
                continue;
            };
            assert_eq!(Feed::from_slice(&feed.to_bytes()), Some(feed));
        }
        assert_eq!(Feed::from_slice(&[4; 16]), None);
    }

    #[test]
    fn every_kind_is_read_back_from_its_number() {
        for number in 0..40 {
            assert_eq!(Kind::of_number(number).number(), number);
        }
        assert_eq!(Kind::Changes.number(), 1);
        assert_eq!(Kind::Snapshot.number(), 15);
    }

    #[test]
    fn an_outbox_and_notes_belong_to_their_person_alone() {
        let (log, person) = (LogId::from_bytes([1; 16]), PersonId::from_bytes([2; 16]));
        assert_eq!(Feed::Notes(person).audience(log), Audience::Person(person));
        assert_eq!(Feed::Outbox(person).audience(log), Audience::Person(person));
    }
}
