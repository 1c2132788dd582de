//! What the commands for rulings share: how a meeting stands, whom a number or an id means, and what is
//! refused before anything is written.

use std::{collections::BTreeMap, path::Path, str::FromStr};

use nghisu_core::{
    Code, Error, Language, Result,
    ids::{ActId, MeetingId, PersonId},
    meeting::{
        body::{Body, Clocks},
        course::{Course, Question, Registration},
        follow_up::Followed,
        ruling::{Record, Statement},
        states::State,
    },
    sync::healing::SerialNumber,
    time::{Day, Timestamp},
};

use super::say;
use crate::{Office, clock};

/// Letters of an id that are enough to name a task or a petition.
const ID_LETTERS_MIN: usize = 6;

/// A meeting as it stands when a command begins.
pub(super) struct Sitting {
    pub(super) office: Office,
    pub(super) course: Course,
    pub(super) names: BTreeMap<PersonId, String>,
    pub(super) language: Language,
    pub(super) now: Timestamp,
    meeting: String,
    body: Option<Body>,
}

impl Sitting {
    pub(super) fn open(data: &Path, meeting: &str, language: Language) -> Result<Self> {
        let office = Office::open(data)?;
        let people = office.people()?.into_iter();
        Ok(Self {
            course: office.course(meeting)?,
            names: people.map(|person| (person.id, person.name)).collect(),
            body: office.body()?.map(|stated| stated.body),
            office,
            language,
            now: clock::now(),
            meeting: meeting.to_owned(),
        })
    }

    /// Returns the moment that is meant by a time.
    pub(super) fn moment(&self, when: When) -> Timestamp {
        when.moment(self.now, Clocks(self.body.as_ref()))
    }

    /// Returns a person's name, or his id where the office has forgotten it.
    pub(super) fn name(&self, person: PersonId) -> String {
        let name = self.names.get(&person).cloned();
        name.unwrap_or_else(|| person.to_string())
    }

    /// Finds a registration to speak by the number of its receipt.
    pub(super) fn registration(&self, number: SerialNumber) -> Result<&Registration> {
        let mut all = self.course.registrations.iter();
        all.find(|it| it.number == number.get()).ok_or_else(|| {
            let what = say(self.language, "đăng ký phát biểu", "registration to speak");
            unknown(what, number)
        })
    }

    /// Finds a question by the number of its receipt.
    pub(super) fn question(&self, number: SerialNumber) -> Result<&Question> {
        let mut all = self.course.questions.iter();
        all.find(|it| it.number == number.get())
            .ok_or_else(|| unknown(say(self.language, "phiếu chất vấn", "question"), number))
    }

    /// Finds a conclusion by its number in the record.
    pub(super) fn conclusion(&self, number: SerialNumber) -> Result<&Record> {
        let mut all = self.course.conclusions.iter();
        all.find(|it| it.number == number.get())
            .ok_or_else(|| unknown(say(self.language, "kết luận", "conclusion"), number))
    }

    /// Makes a ruling of the office known.
    pub(super) fn state(&self, statement: Statement) -> Result<Record> {
        self.office.rule(&self.meeting, statement, self.now)
    }

    /// Writes a time as the body's clocks show it.
    pub(super) fn shown(&self, at: Timestamp) -> String {
        shown(at, Clocks(self.body.as_ref()))
    }

    /// Says whether something ended after it began, before anything is written.
    pub(super) fn in_order(&self, began: Timestamp, ended: Timestamp) -> Result<()> {
        if began <= ended {
            return Ok(());
        }
        let (began, ended) = (self.shown(began), self.shown(ended));
        let words = self.say("kết thúc trước khi bắt đầu", "an end before its beginning");
        let detail = format_args!("{words}: {began} – {ended}");
        Err(Error::new(Code::StatementInvalid, detail))
    }

    pub(super) const fn say(&self, vi: &'static str, en: &'static str) -> &'static str {
        say(self.language, vi, en)
    }
}

/// Returns the error for a number that nothing has.
pub(super) fn unknown(what: &str, number: SerialNumber) -> Error {
    Error::new(Code::RecordUnknown, format_args!("{what} {number}"))
}

/// Says whether a step follows, before anything is written.
pub(super) fn follows<S: State>(from: S, to: S, language: Language) -> Result<()> {
    from.step(to).map(drop).map_err(|_| {
        let next: Vec<&str> = from.next().iter().map(|it| it.text(language)).collect();
        let (is, asked) = (from.text(language), to.text(language));
        let detail = match (language, next.is_empty()) {
            (Language::Vietnamese, true) => format!("đang: {is}; muốn: {asked}; đã kết thúc"),
            (Language::English, true) => format!("it is: {is}; asked for: {asked}; it has ended"),
            (Language::Vietnamese, false) => {
                format!("đang: {is}; muốn: {asked}; có thể: {}", next.join(", "))
            }
            (Language::English, false) => {
                format!(
                    "it is: {is}; asked for: {asked}; may follow: {}",
                    next.join(", ")
                )
            }
        };
        Error::new(Code::StepInvalid, detail)
    })
}

/// Finds a task or a petition by its id or by the beginning of it.
pub(super) fn followed<'a, S>(
    all: &'a [Followed<S>],
    id: &str,
    language: Language,
) -> Result<&'a Followed<S>> {
    let id = id.to_ascii_lowercase();
    if id.chars().count() < ID_LETTERS_MIN {
        let words = match language {
            Language::Vietnamese => format!("{id}: cần ít nhất {ID_LETTERS_MIN} ký tự đầu của mã"),
            Language::English => format!("{id}: at least {ID_LETTERS_MIN} letters of the id"),
        };
        return Err(Error::new(Code::RecordUnknown, words));
    }
    let found: Vec<&Followed<S>> = all.iter().filter(|it| it.id.starts_with(&id)).collect();
    match found[..] {
        [one] => Ok(one),
        [] => Err(Error::new(Code::RecordUnknown, id)),
        _ => {
            let ids: Vec<&str> = found.iter().map(|it| it.id.as_str()).collect();
            let words = say(language, "nhiều mã bắt đầu như vậy", "several begin so");
            let detail = format!("{id}: {words}: {}", ids.join(", "));
            Err(Error::new(Code::RecordUnknown, detail))
        }
    }
}

/// Returns the meeting in which a task or a petition began, and its id.
pub(super) fn meeting_of<S>(office: &Office, followed: &Followed<S>) -> Result<(MeetingId, ActId)> {
    let id = followed.id.parse();
    let id = id.map_err(|_| Error::new(Code::RecordUnknown, &followed.id))?;
    Ok((office.meeting_of_followed(id)?, id))
}

/// Writes a time as the body's clocks show it.
pub(super) fn shown(at: Timestamp, clocks: Clocks<'_>) -> String {
    at.written_at(clocks.utc_offset_ms(clocks.day_at(at)))
}

/// A time as people type it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    /// A moment.
    At(Timestamp),
    /// So many milliseconds after the beginning of a day, or of today, by the body's clocks.
    Local(Option<Day>, u64),
}

impl When {
    /// Returns the moment that is meant.
    fn moment(self, now: Timestamp, clocks: Clocks<'_>) -> Timestamp {
        match self {
            Self::At(moment) => moment,
            Self::Local(day, ms) => {
                let day = day.unwrap_or_else(|| clocks.day_at(now));
                let begins = day.begins_at(clocks.utc_offset_ms(day));
                begins.unwrap_or_default().plus_ms(ms)
            }
        }
    }
}

impl FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = || match text.split_once('T') {
            Some((day, time)) => {
                let day = day.parse::<Day>().ok()?;
                let (time, offset_ms) = with_offset(time)?;
                let ms = time_of_day(time)?;
                let local = day.begins_at(0)?.plus_ms(ms).unix_ms();
                Some(match offset_ms {
                    Some(offset_ms) => {
                        let utc = local.checked_add_signed(-offset_ms)?;
                        Self::At(Timestamp::from_unix_ms(utc))
                    }
                    None => Self::Local(Some(day), ms),
                })
            }
            None => time_of_day(text).map(|ms| Self::Local(None, ms)),
        };
        read().ok_or_else(|| "expected 08:30, 08:30:15 or 2026-12-07T08:30:15+07:00".to_owned())
    }
}

/// Splits the offset from a time, if it has one.
fn with_offset(time: &str) -> Option<(&str, Option<i64>)> {
    if let Some(time) = time.strip_suffix('Z') {
        return Some((time, Some(0)));
    }
    match time.find(['+', '-']) {
        None => Some((time, None)),
        Some(at) => {
            let (time, offset) = time.split_at(at);
            let sign = if offset.starts_with('-') { -1 } else { 1 };
            let ms = i64::try_from(time_of_day(offset.get(1..)?)?).ok()?;
            Some((time, Some(sign * ms)))
        }
    }
}

/// Returns the milliseconds since midnight of `HH:MM`, `HH:MM:SS` or `HH:MM:SS.mmm`.
fn time_of_day(text: &str) -> Option<u64> {
    let (text, ms) = match text.split_once('.') {
        Some((text, ms)) if text.len() == 8 => (text, digits(ms, 3, 999)?),
        Some(_) => return None,
        None => (text, 0),
    };
    let mut parts = text.splitn(3, ':');
    let hours = digits(parts.next()?, 2, 23)?;
    let minutes = digits(parts.next()?, 2, 59)?;
    let seconds = parts.next().map_or(Some(0), |part| digits(part, 2, 59))?;
    Some(((hours * 60 + minutes) * 60 + seconds) * 1000 + ms)
}

fn digits(text: &str, count: usize, max: u64) -> Option<u64> {
    let all = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = all.then(|| text.parse().ok()).flatten();
    number.filter(|number| *number <= max)
}

#[cfg(test)]
mod tests {
    use nghisu_core::meeting::deadlines::Rules;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_time_is_read_as_people_and_this_program_write_it() {
        // 2026-12-07 01:30:15 in UTC.
        let at = Timestamp::from_unix_ms(1_796_607_015_000);
        for text in [
            "2026-12-07T08:30:15+07:00",
            "2026-12-07T01:30:15Z",
            "2026-12-06T20:30:15-05:00",
            &at.to_string(),
            &shown(at, Clocks(None)),
        ] {
            assert_eq!(text.parse(), Ok(When::At(at)), "{text}");
        }
        let late = Timestamp::from_unix_ms(1_796_607_015_000 + 12 * 3_600_000);
        let mut body: Body = serde_json::from_value(json!({"name": "HĐND"})).unwrap();
        let mut rules = Rules::vietnamese();
        rules.calendar.utc_offset_minutes = 9 * 60;
        body.rules.push(rules);
        for text in ["08:30:15", "2026-12-07T08:30:15"] {
            let local: When = text.parse().unwrap();
            assert_eq!(local.moment(late, Clocks(None)), at, "{text}");
            let earlier = local.moment(late, Clocks(Some(&body)));
            assert_eq!(
                earlier.plus_ms(2 * 3_600_000),
                at,
                "{text} where the clocks are ahead"
            );
        }
        for text in [
            "",
            "8:30",
            "24:00",
            "08:60",
            "08:30:15.5",
            "2026-02-30T08:30",
            "2026-12-07",
            "2026-12-07T08:30+7",
            "1970-01-01T00:00+23:00",
            "08:30Z",
        ] {
            assert!(text.parse::<When>().is_err(), "{text}");
        }
    }
}
