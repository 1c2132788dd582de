//! The body itself: its terms, organisations, people, posts and rules, at all times and on one day.

use nghisu_core::{
    meeting::{body, deadlines},
    time,
    time::Day,
};

use super::{Language, Word, ms};

/// What the office has stated of the body: the whole of it, at all times that the office knows of.
///
/// First and last days are as exact as they are known: "2026-12-24", "2026-12" or "2026". Without its first day
/// something has been ever since anybody knows; without its last day it goes on.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct BodyStatement {
    /// The statement's number in their series.
    pub number: u64,
    /// When it was stated, by the office's clock.
    pub stated_at_ms: i64,
    /// What the body is called.
    pub name: String,
    /// What it is called for short.
    pub short_name: Option<String>,
    /// Of what it is the council: "province", "district" or "commune".
    pub level: Option<Word>,
    /// The code of its unit of administration.
    pub region_code: Option<String>,
    /// Its site.
    pub website: Option<String>,
    /// Its first day.
    pub first_day: Option<String>,
    /// Its last day.
    pub last_day: Option<String>,
    /// Bodies that it has come from.
    pub predecessors: Vec<OtherBody>,
    /// Bodies that it has gone into.
    pub successors: Vec<OtherBody>,
    /// Its terms.
    pub terms: Vec<Term>,
    /// Its organisations and those that it has to do with, in the order in which they are named.
    pub organisations: Vec<Organisation>,
    /// Its people, in the order in which they are named.
    pub persons: Vec<Person>,
    /// Who is in which organisation with which post, in the order of rank.
    pub memberships: Vec<Membership>,
    /// Its rules, those of one time after those of another.
    pub rules: Vec<BodyRules>,
}

/// A body that another one has come from or has gone into.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct OtherBody {
    /// What it is called.
    pub name: String,
    /// The first day on which one was in the place of the other.
    pub on: String,
    /// Its log, where it has an office of its own.
    pub log: Option<String>,
    /// By what that was decided.
    pub legal_basis: Option<String>,
}

/// A term of a body.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Term {
    /// What it is called wherever it is named.
    pub id: String,
    /// What people call it: "Khóa XVIII, nhiệm kỳ 2021-2026".
    pub name: String,
    /// Which legislature it is.
    pub legislature: Option<u32>,
    /// Its first day.
    pub first_day: Option<String>,
    /// Its last day.
    pub last_day: Option<String>,
}

/// An organisation.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Organisation {
    /// What it is called wherever it is named.
    pub id: String,
    /// What people call it. Under another name it is another organisation that has come from this one.
    pub name: String,
    /// What they call it for short.
    pub short_name: Option<String>,
    /// What it is, such as "committee", where that is known.
    pub kind: Option<Word>,
    /// The one that it is a part of.
    pub parent: Option<String>,
    /// Whether it is none of the body's own.
    pub external: bool,
    /// Its first day.
    pub first_day: Option<String>,
    /// Its last day.
    pub last_day: Option<String>,
    /// Those that it has come from.
    pub predecessors: Vec<Predecessor>,
}

/// An organisation that another one has come from.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Predecessor {
    /// Which.
    pub organisation: String,
    /// The first day on which one was in the place of the other.
    pub on: String,
}

/// Somebody.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Person {
    /// What he is called wherever the body names him.
    pub id: String,
    /// His full name.
    pub name: String,
    /// How he is addressed: "ông", "bà", "đồng chí".
    pub honorific: Option<String>,
    /// What he is sorted by, where that is not what his name says.
    pub sort_key: Option<String>,
    /// His account at the office: the person of acts and receipts.
    pub account: Option<String>,
}

/// That somebody is in an organisation.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Membership {
    /// Who: a person's id.
    pub person: String,
    /// In what: an organisation's id.
    pub organisation: String,
    /// With which post; without one he is a member.
    pub post: Option<String>,
    /// Whether he votes there.
    pub voting: Option<bool>,
    /// For whom he is there: an organisation's id.
    pub on_behalf_of: Option<String>,
    /// The term for which he is there.
    pub term: Option<String>,
    /// His first day.
    pub first_day: Option<String>,
    /// His last day.
    pub last_day: Option<String>,
}

/// A body as it is on one day. Where the ends of something are not known to the day, it may hold or not.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct BodyOnDay {
    /// The day.
    pub day: String,
    /// Whether the body is there; none where that is not known.
    pub exists: Option<bool>,
    /// Its term: several where it is not known which.
    pub terms: Vec<HeldTerm>,
    /// The organisations.
    pub organisations: Vec<HeldOrganisation>,
    /// The posts, in the order of rank.
    pub memberships: Vec<HeldMembership>,
    /// The rules; none where the body has stated none for that day.
    pub rules: Option<BodyRules>,
}

/// A term that holds on a day, or may hold.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct HeldTerm {
    /// Which.
    pub term: Term,
    /// Whether it is certain.
    pub certain: bool,
}

/// An organisation that is there on a day, or may be.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct HeldOrganisation {
    /// Which.
    pub organisation: Organisation,
    /// Whether it is certain.
    pub certain: bool,
}

/// A post that somebody has on a day, or may have.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct HeldMembership {
    /// Which.
    pub membership: Membership,
    /// Whether it is certain.
    pub certain: bool,
}

/// A body's rules of periods, and the days on which they are in force.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct BodyRules {
    /// Events from this day on.
    pub first_day: Option<String>,
    /// Events up to this day.
    pub last_day: Option<String>,
    /// The body's days.
    pub calendar: WorkCalendar,
    /// Its periods. Where several of one duty are in force on a day, the one that stands last holds.
    pub rules: Vec<BodyRule>,
}

/// Which days a body works on, and where its clocks are.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct WorkCalendar {
    /// Minutes by which the clocks are ahead of UTC, all year round.
    pub utc_offset_minutes: u32,
    /// The days of a week on which people work.
    pub working_days: Vec<Weekday>,
    /// Days on which nobody works, whatever the week says.
    pub holidays: Vec<String>,
    /// Days on which people work to make up for others, whatever the week says.
    pub made_up: Vec<String>,
}

/// One rule of a period.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct BodyRule {
    /// What it is about.
    pub duty: Duty,
    /// The same for people.
    pub duty_text: String,
    /// How it counts.
    pub period: DutyPeriod,
    /// Events from this day on.
    pub first_day: Option<String>,
    /// Events up to this day.
    pub last_day: Option<String>,
    /// Where it stands written.
    pub source: String,
}

/// How a period is counted from its event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum DutyPeriod {
    /// Within so many days after the event, that day not counted.
    After {
        /// How many.
        days: u32,
        /// Whether working days alone count.
        working: bool,
        /// Whether a period that would end on a day of rest ends with the next working day.
        rolls: bool,
    },
    /// So many whole days before the event, neither that day nor the due one counted.
    Before {
        /// How many.
        days: u32,
        /// Whether working days alone count.
        working: bool,
    },
    /// So many months after the event, on its day of the month or the last one there is.
    Months {
        /// How many.
        months: u32,
    },
}

same! {
    /// What a rule of a period is about.
    Duty of deadlines::Duty {
        /// Papers are with the delegates, before a meeting.
        Papers,
        /// Date and programme are made public, before a meeting.
        PublicNotice,
        /// A committee has appraised, before a meeting.
        Appraisal,
        /// An explanation before the standing committee is announced, before it.
        ExplanationNotice,
        /// What was promised is reported, before the next session.
        PromiseReport,
        /// A question is answered in writing, after it was put.
        WrittenAnswer,
        /// A resolution goes to whoever is above, after it was signed.
        ResolutionSentUp,
        /// The minutes go to whoever is above, after the meeting.
        MinutesSentUp,
        /// The next meeting of the standing committee, after the one before.
        StandingMeeting,
        /// The next briefing, after the one before.
        Briefing,
    }

    /// A day of the week.
    Weekday of time::Weekday {
        /// Thứ Hai.
        Monday,
        /// Thứ Ba.
        Tuesday,
        /// Thứ Tư.
        Wednesday,
        /// Thứ Năm.
        Thursday,
        /// Thứ Sáu.
        Friday,
        /// Thứ Bảy.
        Saturday,
        /// Chủ nhật.
        Sunday,
    }
}

impl BodyStatement {
    pub(crate) fn new(stated: body::BodyStatement, language: Language) -> Self {
        let body = stated.body;
        Self {
            number: stated.number,
            stated_at_ms: ms(stated.stated_at),
            name: body.name,
            short_name: body.short_name,
            level: body
                .level
                .map(|level| Word::new(level.word(), level.text(language.into()))),
            region_code: body.region_code,
            website: body.website,
            first_day: said(body.from),
            last_day: said(body.until),
            predecessors: all(&body.predecessors, OtherBody::from),
            successors: all(&body.successors, OtherBody::from),
            terms: all(&body.terms, Term::from),
            organisations: all(&body.organisations, |it| Organisation::new(it, language)),
            persons: all(&body.persons, Person::from),
            memberships: all(&body.memberships, Membership::from),
            rules: all(&body.rules, |it| BodyRules::new(it, language)),
        }
    }
}

impl BodyOnDay {
    pub(crate) fn new(on: &body::BodyOn<'_>, language: Language) -> Self {
        Self {
            day: on.day.to_string(),
            exists: on.exists,
            terms: all(&on.terms, |held| HeldTerm {
                term: held.what.into(),
                certain: held.certain,
            }),
            organisations: all(&on.organisations, |held| HeldOrganisation {
                organisation: Organisation::new(held.what, language),
                certain: held.certain,
            }),
            memberships: all(&on.memberships, |held| HeldMembership {
                membership: held.what.into(),
                certain: held.certain,
            }),
            rules: on.rules.map(|rules| BodyRules::new(rules, language)),
        }
    }
}

fn all<'a, A: 'a, B>(these: impl IntoIterator<Item = &'a A>, each: impl Fn(&'a A) -> B) -> Vec<B> {
    these.into_iter().map(each).collect()
}

/// Says what is known, as it is printed.
fn said(known: Option<impl ToString>) -> Option<String> {
    known.map(|it| it.to_string())
}

impl From<&body::OtherBody> for OtherBody {
    fn from(other: &body::OtherBody) -> Self {
        Self {
            name: other.name.clone(),
            on: other.on.to_string(),
            log: said(other.log),
            legal_basis: other.legal_basis.clone(),
        }
    }
}

impl From<&body::Term> for Term {
    fn from(term: &body::Term) -> Self {
        Self {
            id: term.id.to_string(),
            name: term.name.clone(),
            legislature: term.legislature,
            first_day: said(term.from),
            last_day: said(term.until),
        }
    }
}

impl Organisation {
    fn new(organisation: &body::Organisation, language: Language) -> Self {
        Self {
            id: organisation.id.to_string(),
            name: organisation.name.clone(),
            short_name: organisation.short_name.clone(),
            kind: organisation
                .kind
                .map(|kind| Word::new(kind.word(), kind.text(language.into()))),
            parent: said(organisation.parent.as_ref()),
            external: organisation.external,
            first_day: said(organisation.from),
            last_day: said(organisation.until),
            predecessors: all(&organisation.predecessors, |from| Predecessor {
                organisation: from.organisation.to_string(),
                on: from.on.to_string(),
            }),
        }
    }
}

impl From<&body::Person> for Person {
    fn from(person: &body::Person) -> Self {
        Self {
            id: person.id.to_string(),
            name: person.name.clone(),
            honorific: person.honorific.clone(),
            sort_key: person.sort_key.clone(),
            account: said(person.account),
        }
    }
}

impl From<&body::Membership> for Membership {
    fn from(membership: &body::Membership) -> Self {
        Self {
            person: membership.person.to_string(),
            organisation: membership.organisation.to_string(),
            post: membership.post.clone(),
            voting: membership.voting,
            on_behalf_of: said(membership.on_behalf_of.as_ref()),
            term: said(membership.term.as_ref()),
            first_day: said(membership.from),
            last_day: said(membership.until),
        }
    }
}

impl BodyRules {
    fn new(rules: &deadlines::Rules, language: Language) -> Self {
        let calendar = &rules.calendar;
        Self {
            first_day: said(rules.from),
            last_day: said(rules.until),
            calendar: WorkCalendar {
                utc_offset_minutes: calendar.utc_offset_minutes,
                working_days: all(&calendar.working_days, |day| (*day).into()),
                holidays: all(&calendar.holidays, Day::to_string),
                made_up: all(&calendar.made_up, Day::to_string),
            },
            rules: all(&rules.rules, |rule| BodyRule {
                duty: rule.duty.into(),
                duty_text: rule.duty.text(language.into()).to_owned(),
                period: rule.period.into(),
                first_day: said(rule.from),
                last_day: said(rule.until),
                source: rule.source.clone(),
            }),
        }
    }
}

impl From<deadlines::Period> for DutyPeriod {
    fn from(period: deadlines::Period) -> Self {
        match period {
            deadlines::Period::After {
                days,
                working,
                rolls,
            } => Self::After {
                days: days.into(),
                working,
                rolls,
            },
            deadlines::Period::Before { days, working } => Self::Before {
                days: days.into(),
                working,
            },
            deadlines::Period::Months(months) => Self::Months { months },
        }
    }
}
