//! The body itself: its terms, its organisations, who is in them with which post, and the rules it goes by.
//!
//! Nothing of it is ever overwritten: what ends gets its last day, and what takes its place stands beside it.
//! So history is data, and every question is asked of a day. A person has any number of posts at once. Where
//! bodies or organisations are merged or divided, each names what it has come from and on which day: there is
//! no district any more since July 2025, and what its council did is asked of days before.
//!
//! The office states the whole [`Body`] as one signed [`BodyStatement`] with a number, and the newest counts.
//! A body is small and written by one office: nothing is won by merging it, and a part of it alone would name
//! people and organisations that are not there.
//!
//! Everybody with an account reads it. So it has no addresses or numbers of people, and no membership in a
//! party.

mod check;

use std::{borrow::Cow, cmp::Ordering};

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::deadlines::{Duty, Rules};
pub use super::programme::{MembershipKey, OrganisationKey, PersonKey, TermKey};
use crate::{
    cbor,
    error::{Code, Error, Language, Result},
    ids::{Feed, Hash, LogId, PersonId},
    limits::BODY_BYTES_MAX,
    time::{Day, PartialDay, Timestamp, Validity},
};

pub use check::{Fault, List, Wrong};

/// A body at all times that its office knows of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[cbor(map)]
#[serde(deny_unknown_fields)]
pub struct Body {
    /// What it is called.
    #[n(0)]
    pub name: String,
    /// What it is called for short.
    #[n(1)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub short_name: Option<String>,
    /// Of what it is the council.
    #[n(2)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// The code of its unit of administration.
    #[n(3)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region_code: Option<String>,
    /// Its site.
    #[n(4)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub website: Option<String>,
    /// Its first day.
    #[n(5)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<PartialDay>,
    /// Its last day.
    #[n(6)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<PartialDay>,
    /// Bodies that it has come from.
    #[n(7)]
    #[serde(default, rename = "predecessor", skip_serializing_if = "Vec::is_empty")]
    pub predecessors: Vec<OtherBody>,
    /// Bodies that it has gone into.
    #[n(8)]
    #[serde(default, rename = "successor", skip_serializing_if = "Vec::is_empty")]
    pub successors: Vec<OtherBody>,
    /// Its terms.
    #[n(9)]
    #[serde(default, rename = "term", skip_serializing_if = "Vec::is_empty")]
    pub terms: Vec<Term>,
    /// Its organisations and those that it has to do with, in the order in which they are named.
    #[n(10)]
    #[serde(
        default,
        rename = "organisation",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub organisations: Vec<Organisation>,
    /// Its people, in the order in which they are named.
    #[n(11)]
    #[serde(default, rename = "person", skip_serializing_if = "Vec::is_empty")]
    pub persons: Vec<Person>,
    /// Who is in which organisation with which post, in the order of rank.
    #[n(12)]
    #[serde(default, rename = "membership", skip_serializing_if = "Vec::is_empty")]
    pub memberships: Vec<Membership>,
    /// Its rules, those of one time after those of another.
    #[n(13)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rules>,
}

/// A body that another one has come from or has gone into.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[cbor(map)]
#[serde(deny_unknown_fields)]
pub struct OtherBody {
    /// What it is called.
    #[n(0)]
    pub name: String,
    /// The first day on which one was in the place of the other.
    #[n(1)]
    pub on: PartialDay,
    /// Its log, where it has an office of its own.
    #[n(2)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<LogId>,
    /// By what that was decided.
    #[n(3)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legal_basis: Option<String>,
}

/// A term of a body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[cbor(map)]
#[serde(deny_unknown_fields)]
pub struct Term {
    /// What it is called wherever it is named.
    #[n(0)]
    pub id: TermKey,
    /// What people call it: "Khóa XVIII, nhiệm kỳ 2021-2026".
    #[n(1)]
    pub name: String,
    /// Which legislature it is.
    #[n(2)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legislature: Option<u32>,
    /// Its first day.
    #[n(3)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<PartialDay>,
    /// Its last day.
    #[n(4)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<PartialDay>,
}

/// An organisation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[cbor(map)]
#[serde(deny_unknown_fields)]
pub struct Organisation {
    /// What it is called wherever it is named.
    #[n(0)]
    pub id: OrganisationKey,
    /// What people call it. Under another name it is another organisation that has come from this one.
    #[n(1)]
    pub name: String,
    /// What they call it for short.
    #[n(2)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub short_name: Option<String>,
    /// What it is, where that is one of these.
    #[n(3)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<OrganisationKind>,
    /// The one that it is a part of.
    #[n(4)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<OrganisationKey>,
    /// Whether it is none of the body's own.
    #[n(5)]
    #[serde(default, skip_serializing_if = "is_false")]
    pub external: bool,
    /// Its first day.
    #[n(6)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<PartialDay>,
    /// Its last day.
    #[n(7)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<PartialDay>,
    /// Those that it has come from.
    #[n(8)]
    #[serde(default, rename = "predecessor", skip_serializing_if = "Vec::is_empty")]
    pub predecessors: Vec<Predecessor>,
}

/// An organisation that another one has come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[cbor(map)]
#[serde(deny_unknown_fields)]
pub struct Predecessor {
    /// Which.
    #[n(0)]
    pub organisation: OrganisationKey,
    /// The first day on which one was in the place of the other.
    #[n(1)]
    pub on: PartialDay,
}

/// Somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[cbor(map)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// What he is called wherever he is named.
    #[n(0)]
    pub id: PersonKey,
    /// His full name.
    #[n(1)]
    pub name: String,
    /// How he is addressed: "ông", "bà", "đồng chí".
    #[n(2)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub honorific: Option<String>,
    /// What he is sorted by, where that is not what his name says.
    #[n(3)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sort_key: Option<String>,
    /// His account at the office.
    #[n(4)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<PersonId>,
}

/// That somebody is in an organisation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[cbor(map)]
#[serde(deny_unknown_fields)]
pub struct Membership {
    /// Who.
    #[n(0)]
    pub person: PersonKey,
    /// In what.
    #[n(1)]
    pub organisation: OrganisationKey,
    /// With which post; without one he is a member.
    #[n(2)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub post: Option<String>,
    /// Whether he votes there.
    #[n(3)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voting: Option<bool>,
    /// For whom he is there.
    #[n(4)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<OrganisationKey>,
    /// The term for which he is there.
    #[n(5)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub term: Option<TermKey>,
    /// His first day.
    #[n(6)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<PartialDay>,
    /// His last day.
    #[n(7)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<PartialDay>,
    /// Its address at the source that it was imported from: by that a newer state of it is known again.
    #[n(8)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<MembershipKey>,
}

/// Of what a body is the council.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Tỉnh, thành phố.
    #[n(1)]
    Province,
    /// Huyện, quận, thị xã: until June 2025.
    #[n(2)]
    District,
    /// Xã, phường, đặc khu.
    #[n(3)]
    Commune,
}

/// What an organisation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum OrganisationKind {
    /// All delegates.
    #[n(1)]
    Council,
    /// Thường trực.
    #[n(2)]
    StandingCommittee,
    /// Ban.
    #[n(3)]
    Committee,
    /// Tổ đại biểu.
    #[n(4)]
    DelegationGroup,
    /// Văn phòng.
    #[n(5)]
    Office,
    /// Ủy ban nhân dân.
    #[n(6)]
    PeoplesCommittee,
    /// Sở, phòng, ban of a people's committee.
    #[n(7)]
    Department,
    /// Ủy ban Mặt trận Tổ quốc.
    #[n(8)]
    FatherlandFront,
    /// Đoàn đại biểu Quốc hội.
    #[n(9)]
    NationalAssemblyDelegation,
}

/// What the office states of the body: the whole of it, with its number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Encode, Decode)]
#[cbor(map)]
pub struct BodyStatement {
    /// Its number in the series of statements; see [`BodyStatement::order`] for what it decides.
    #[n(0)]
    pub number: u64,
    /// When it was stated, by the office's clock.
    #[n(1)]
    pub stated_at: Timestamp,
    /// The body.
    #[n(2)]
    pub body: Body,
}

/// Something that holds on the day that was asked for, or may hold, since its ends are not known to the day.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Held<'a, T> {
    /// What.
    pub what: &'a T,
    /// Whether it is certain.
    pub certain: bool,
}

impl<T> Clone for Held<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Held<'_, T> {}

/// A body as it is on one day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BodyOn<'a> {
    /// The day.
    pub day: Day,
    /// Whether the body is there; `None` where that is not known.
    pub exists: Option<bool>,
    /// Its term: several where it is not known which.
    pub terms: Vec<Held<'a, Term>>,
    /// The organisations.
    pub organisations: Vec<Held<'a, Organisation>>,
    /// The posts, in the order of rank.
    pub memberships: Vec<Held<'a, Membership>>,
    /// The rules.
    pub rules: Option<&'a Rules>,
}

/// What holds from one day to another.
trait Dated {
    fn validity(&self) -> Validity;
}

macro_rules! dated {
    ($($name:ident)*) => {$(
        impl $name {
            /// Returns from when until when it holds.
            pub const fn validity(&self) -> Validity {
                Validity {
                    from: self.from,
                    until: self.until,
                }
            }
        }

        impl Dated for $name {
            fn validity(&self) -> Validity {
                self.validity()
            }
        }
    )*};
}

dated! { Term Organisation Membership }

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "what serde hands to the function that it is given"
)]
const fn is_false(value: &bool) -> bool {
    !*value
}

fn held<T: Dated>(all: &[T], day: Day) -> impl Iterator<Item = Held<'_, T>> {
    all.iter().filter_map(move |what| {
        let holds = what.validity().holds_on(day);
        (holds != Some(false)).then_some(Held {
            what,
            certain: holds.is_some(),
        })
    })
}

impl Body {
    /// Makes a body of which nothing is known but its name.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            short_name: None,
            level: None,
            region_code: None,
            website: None,
            from: None,
            until: None,
            predecessors: Vec::new(),
            successors: Vec::new(),
            terms: Vec::new(),
            organisations: Vec::new(),
            persons: Vec::new(),
            memberships: Vec::new(),
            rules: Vec::new(),
        }
    }

    /// Returns from when until when there is such a body.
    pub const fn validity(&self) -> Validity {
        Validity {
            from: self.from,
            until: self.until,
        }
    }

    /// Returns the body as it is on a day.
    pub fn on(&self, day: Day) -> BodyOn<'_> {
        BodyOn {
            day,
            exists: self.validity().holds_on(day),
            terms: held(&self.terms, day).collect(),
            organisations: held(&self.organisations, day).collect(),
            memberships: held(&self.memberships, day).collect(),
            rules: self.rules_on(day),
        }
    }

    /// Returns a person.
    pub fn person(&self, id: &PersonKey) -> Option<&Person> {
        self.persons.iter().find(|person| person.id == *id)
    }

    /// Returns the person who has this account at the office.
    pub fn person_of_account(&self, account: PersonId) -> Option<&Person> {
        let mut persons = self.persons.iter();
        persons.find(|person| person.account == Some(account))
    }

    /// Returns an organisation.
    pub fn organisation(&self, id: &OrganisationKey) -> Option<&Organisation> {
        let mut organisations = self.organisations.iter();
        organisations.find(|organisation| organisation.id == *id)
    }

    /// Returns all that somebody is on a day.
    pub fn posts_of(&self, person: &PersonKey, day: Day) -> Vec<Held<'_, Membership>> {
        held(&self.memberships, day)
            .filter(|held| held.what.person == *person)
            .collect()
    }

    /// Returns who is in an organisation on a day, in the order of rank.
    pub fn members_of(
        &self,
        organisation: &OrganisationKey,
        day: Day,
    ) -> Vec<Held<'_, Membership>> {
        held(&self.memberships, day)
            .filter(|held| held.what.organisation == *organisation)
            .collect()
    }

    /// Returns who holds a post of an organisation on a day.
    pub fn holders_of(
        &self,
        organisation: &OrganisationKey,
        post: &str,
        day: Day,
    ) -> Vec<Held<'_, Membership>> {
        let mut holders = self.members_of(organisation, day);
        holders.retain(|held| held.what.post.as_deref() == Some(post));
        holders
    }

    /// Returns the organisations that have come from one, each with the first day on which it was in its place.
    pub fn successors_of(
        &self,
        organisation: &OrganisationKey,
    ) -> impl Iterator<Item = (&Organisation, PartialDay)> {
        self.organisations.iter().filter_map(move |successor| {
            let mut from = successor.predecessors.iter();
            let from = from.find(|from| from.organisation == *organisation)?;
            Some((successor, from.on))
        })
    }

    /// Returns the rules that are in force on a day.
    pub fn rules_on(&self, day: Day) -> Option<&Rules> {
        self.rules.iter().find(|rules| rules.hold_on(day))
    }

    /// Returns the day by whose end a duty that follows from an event has to be done, by the rules that are
    /// in force on the day of the event; `None` if the body has no rule for it then.
    pub fn due(&self, duty: Duty, event: Day) -> Option<Day> {
        self.rules_on(event)?.due(duty, event)
    }
}

/// The clocks of a body: which day it is for it at a moment. They go as the calendar says of its rules that are in
/// force, and as Vietnam's where it has stated none.
#[derive(Debug, Clone, Copy, Default)]
pub struct Clocks<'a>(pub Option<&'a Body>);

impl Clocks<'_> {
    /// Returns by how many milliseconds they are ahead of UTC on a day.
    pub fn utc_offset_ms(self, day: Day) -> u64 {
        u64::from(rules_on(self.0, day).calendar.utc_offset_minutes) * 60_000
    }

    /// Returns the day that it is for the body at a moment. The rules are those of the day in UTC.
    pub fn day_at(self, moment: Timestamp) -> Day {
        Day::at(moment, self.utc_offset_ms(Day::at(moment, 0)))
    }
}

/// Returns the rules that are in force on a day in a body, or those that a body begins with where it has
/// stated none.
pub fn rules_on(body: Option<&Body>, day: Day) -> Cow<'_, Rules> {
    let stated = body.and_then(|body| body.rules_on(day));
    stated.map_or_else(|| Cow::Owned(Rules::vietnamese()), Cow::Borrowed)
}

impl BodyStatement {
    /// Reads a statement from an entry of `feed`.
    ///
    /// # Errors
    /// [`Code::TooLarge`]; [`Code::Malformed`], also in another feed than the body's, and for a body in which
    /// something cannot be.
    pub fn decode(bytes: &[u8], feed: Feed, log: LogId) -> Result<Self> {
        if feed != Feed::Body(log) {
            let detail = format_args!("body: in the feed {feed}");
            return Err(Error::new(Code::Malformed, detail));
        }
        if bytes.len() > BODY_BYTES_MAX {
            let detail = format_args!(
                "body: {} bytes; expected at most {BODY_BYTES_MAX}",
                bytes.len()
            );
            return Err(Error::new(Code::TooLarge, detail));
        }
        let statement: Self = cbor::decode_canonical(bytes, "body")?;
        match statement.body.faults().first() {
            Some(fault) => {
                let fault = fault.text(Language::English);
                Err(Error::new(Code::Malformed, format_args!("body: {fault}")))
            }
            None => Ok(statement),
        }
    }

    /// Says which of two statements counts: that of the higher number. Two that have the same one, of which
    /// a restored office has forgotten one, still have one order everywhere.
    pub fn order(&self, other: &Self) -> Ordering {
        let place = |it: &Self| (it.number, it.stated_at);
        place(self)
            .cmp(&place(other))
            .then_with(|| self.content_hash().cmp(&other.content_hash()))
    }

    /// Returns the SHA-256 hash of the body as it travels.
    pub fn content_hash(&self) -> Hash {
        Hash::of_content(&cbor::encode(&self.body))
    }

    /// Returns the one that counts.
    pub fn newest(statements: impl IntoIterator<Item = Self>) -> Option<Self> {
        statements.into_iter().max_by(Self::order)
    }
}

macro_rules! words {
    ($($name:ident { $($variant:ident = $word:literal $vi:literal $en:literal,)* })*) => {$(
        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Returns the word as it stands in files.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// Says it to people.
            pub const fn text(self, language: Language) -> &'static str {
                match (self, language) {
                    $((Self::$variant, Language::Vietnamese) => $vi,
                      (Self::$variant, Language::English) => $en,)*
                }
            }
        }
    )*};
}

words! {
    Level {
        Province = "province" "cấp tỉnh" "province",
        District = "district" "cấp huyện" "district",
        Commune = "commune" "cấp xã" "commune",
    }
    OrganisationKind {
        Council = "council" "Hội đồng nhân dân" "council",
        StandingCommittee = "standing_committee" "Thường trực" "standing committee",
        Committee = "committee" "Ban" "committee",
        DelegationGroup = "delegation_group" "Tổ đại biểu" "group of delegates",
        Office = "office" "Văn phòng" "office",
        PeoplesCommittee = "peoples_committee" "Ủy ban nhân dân" "people's committee",
        Department = "department" "cơ quan chuyên môn" "department",
        FatherlandFront = "fatherland_front" "Ủy ban Mặt trận Tổ quốc" "Fatherland Front",
        NationalAssemblyDelegation = "national_assembly_delegation" "Đoàn đại biểu Quốc hội" "National Assembly delegation",
    }
}

#[cfg(test)]
mod tests;
