//! Points in time. Nothing here knows what time it is: the shell reads the clock and passes it on.
//!
//! A [`Timestamp`] is what a clock said. A [`PartialDate`] is what people write in an invitation:
//! "sáng 21/2" has no year, "cuối tháng 9/2022" no day. What is not known is left out, never guessed.

use std::{collections::BTreeMap, fmt};

use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use crate::error::Language;

mod day;
mod partial_day;

pub use day::{Day, DayError, Weekday};
pub use partial_day::{PartialDay, PartialDayError, Validity};

use day::civil_from_days;

/// Milliseconds since 1970-01-01T00:00:00Z, without leap seconds. Prints as RFC 3339 in UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(u64);

impl Timestamp {
    /// Makes a timestamp of milliseconds since 1970, UTC.
    pub const fn from_unix_ms(ms: u64) -> Self {
        Self(ms)
    }

    /// Returns milliseconds since 1970, UTC.
    pub const fn unix_ms(self) -> u64 {
        self.0
    }

    /// Returns the time `ms` milliseconds later, at most the last that can be written.
    pub const fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Writes the time as clocks `utc_offset_ms` ahead of UTC show it, in whole seconds with the offset
    /// (RFC 3339): `2026-12-07T08:00:00+07:00`.
    pub fn written_at(self, utc_offset_ms: u64) -> String {
        let local = self.plus_ms(utc_offset_ms).to_string();
        let seconds = local.split('.').next().unwrap_or(&local);
        let minutes = utc_offset_ms / 60_000;
        format!("{seconds}+{:02}:{:02}", minutes / 60, minutes % 60)
    }

    /// Returns the milliseconds from `earlier` to this time, or zero if that is later.
    pub const fn ms_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, ms) = (self.0 / 86_400_000, self.0 % 86_400_000);
        let (year, month, day) = civil_from_days(days as i64);
        let (seconds, ms) = (ms / 1000, ms % 1000);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{ms:03}Z",
            seconds / 3600,
            seconds / 60 % 60,
            seconds % 60
        )
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<C> Encode<C> for Timestamp {
    fn encode<W: encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        e.u64(self.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Timestamp {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        d.u64().map(Self)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

/// A date as far as it is known, in the body's own time zone. Prints in Vietnamese.
///
/// At least one part is known; the parts that are known fit together: a day has a month, and the
/// month has that day (29 February needs a leap year, or no year at all).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "DateParts", into = "DateParts")]
pub struct PartialDate {
    year: Option<u16>,
    month: Option<u8>,
    day: Option<u8>,
    part_of_day: Option<PartOfDay>,
    time: Option<(u8, u8)>,
    text: Option<String>,
    extra: BTreeMap<String, Value>,
}

/// The parts of a date as they stand in a file, before anybody has looked whether they fit together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DateParts {
    /// Year, 1 to 9999.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub year: Option<i64>,
    /// Month, 1 to 12.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub month: Option<i64>,
    /// Day of the month.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub day: Option<i64>,
    /// Part of the day: "sáng", "chiều" or "tối".
    #[serde(default, rename = "part", skip_serializing_if = "Option::is_none")]
    pub part_of_day: Option<String>,
    /// Time of the day, "HH:MM".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// The author's own words, as "cuối tháng 9/2022".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// What a newer version writes beside these.
    #[serde(flatten)]
    pub extra: BTreeMap<String, Value>,
}

/// A part of the day, as invitations name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PartOfDay {
    /// Sáng.
    Morning,
    /// Chiều.
    Afternoon,
    /// Tối.
    Evening,
}

/// Why parts do not make a date.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DateError {
    /// No part is given.
    #[error("the date says nothing; expected at least one of year, month, day, part, time, text")]
    Empty,
    /// Not a year.
    #[error("year {0}; expected 1 to 9999")]
    Year(i64),
    /// Not a month.
    #[error("month {0}; expected 1 to 12")]
    Month(i64),
    /// A day without its month.
    #[error("day {0} without a month; expected the month too")]
    DayWithoutMonth(i64),
    /// Not a day of that month.
    #[error("day {day}; expected 1 to {last}, the days of {month}")]
    Day {
        /// The day given.
        day: i64,
        /// The last day of the month.
        last: u8,
        /// The month, with its year where that is known.
        month: String,
    },
    /// Not a part of the day.
    #[error("part {0:?}; expected \"sáng\", \"chiều\" or \"tối\"")]
    PartOfDay(String),
    /// Not a time.
    #[error("time {0:?}; expected \"HH:MM\" from \"00:00\" to \"23:59\"")]
    Time(String),
    /// Words that cannot be shown.
    #[error("text {0:?}; expected words without control characters")]
    Text(String),
}

impl DateError {
    /// Returns the part that is wrong, by its key in a file, or `None` if it is the whole.
    pub const fn key(&self) -> Option<&'static str> {
        match self {
            Self::Empty => None,
            Self::Year(_) => Some("year"),
            Self::Month(_) => Some("month"),
            Self::DayWithoutMonth(_) | Self::Day { .. } => Some("day"),
            Self::PartOfDay(_) => Some("part"),
            Self::Time(_) => Some("time"),
            Self::Text(_) => Some("text"),
        }
    }
}

impl PartOfDay {
    const ALL: [Self; 3] = [Self::Morning, Self::Afternoon, Self::Evening];

    const fn of_hour(hour: u8) -> Self {
        match hour {
            0..12 => Self::Morning,
            12..18 => Self::Afternoon,
            _ => Self::Evening,
        }
    }

    /// Returns the word for it; the Vietnamese one is also the one in files.
    pub const fn text(self, language: Language) -> &'static str {
        match (self, language) {
            (Self::Morning, Language::Vietnamese) => "sáng",
            (Self::Afternoon, Language::Vietnamese) => "chiều",
            (Self::Evening, Language::Vietnamese) => "tối",
            (Self::Morning, Language::English) => "morning",
            (Self::Afternoon, Language::English) => "afternoon",
            (Self::Evening, Language::English) => "evening",
        }
    }
}

impl PartialDate {
    /// Returns the year.
    pub const fn year(&self) -> Option<u16> {
        self.year
    }

    /// Returns the month, 1 to 12.
    pub const fn month(&self) -> Option<u8> {
        self.month
    }

    /// Returns the day of the month.
    pub const fn day(&self) -> Option<u8> {
        self.day
    }

    /// Returns the part of the day as it was given; a time alone does not imply one.
    pub const fn part_of_day(&self) -> Option<PartOfDay> {
        self.part_of_day
    }

    /// Returns hour and minute.
    pub const fn time(&self) -> Option<(u8, u8)> {
        self.time
    }

    /// Returns the author's own words.
    pub fn text(&self) -> Option<&str> {
        self.text.as_deref()
    }

    /// Returns the day of this date, without a part of the day or a time.
    pub fn whole_day(&self) -> Self {
        Self {
            part_of_day: None,
            time: None,
            ..self.clone()
        }
    }

    /// Returns the moment after the last one that this date can mean: "8/12/2026" ends when that day
    /// does, "sáng 8/12/2026" at noon, "11h30 8/12/2026" after that minute, "tháng 12/2026" with the
    /// year. A date without its year, and one before 1970, has no such moment. The body's own clock is
    /// `utc_offset_ms` ahead of UTC.
    pub fn ends_at(&self, utc_offset_ms: u64) -> Option<Timestamp> {
        let last = self.last_day()?;
        let minutes = match (self.day, self.time, self.part_of_day) {
            (Some(_), Some((hour, minute)), _) => u64::from(hour) * 60 + u64::from(minute) + 1,
            (Some(_), None, Some(PartOfDay::Morning)) => 12 * 60,
            (Some(_), None, Some(PartOfDay::Afternoon)) => 18 * 60,
            (Some(_), None, Some(PartOfDay::Evening) | None) | (None, _, _) => 24 * 60,
        };
        Some(last.begins_at(utc_offset_ms)?.plus_ms(minutes * 60_000))
    }

    /// Returns what lists are sorted by: year, month, day, part of the day, minute of the day.
    /// What is unknown sorts last among what shares the known parts: a meeting "in March" stands
    /// after those on a day of March, and before April.
    pub fn sort_key(&self) -> [u16; 5] {
        let part_of_day = self
            .part_of_day
            .or_else(|| self.time.map(|(hour, _)| PartOfDay::of_hour(hour)));
        [
            self.year.unwrap_or(u16::MAX),
            self.month.map_or(u16::MAX, u16::from),
            self.day.map_or(u16::MAX, u16::from),
            part_of_day.map_or(u16::MAX, |part| part as u16),
            self.time.map_or(u16::MAX, |(hour, minute)| {
                u16::from(hour) * 60 + u16::from(minute)
            }),
        ]
    }

    /// Writes the date for people. The author's own words, where there are any, stand for all of it.
    pub fn written(&self, language: Language) -> String {
        if let Some(text) = &self.text {
            return text.clone();
        }
        match language {
            Language::Vietnamese => self.vietnamese(),
            Language::English => self.english(),
        }
    }

    fn vietnamese(&self) -> String {
        let time = self.time.map(|(hour, minute)| match minute {
            0 => format!("{hour}h"),
            _ => format!("{hour}h{minute:02}"),
        });
        let date = match (self.day, self.month, self.year) {
            (Some(day), Some(month), Some(year)) => format!("{day}/{month}/{year}"),
            (Some(day), Some(month), None) => format!("{day}/{month}"),
            (_, Some(month), Some(year)) => format!("tháng {month}/{year}"),
            (_, Some(month), None) => format!("tháng {month}"),
            (_, None, Some(year)) => format!("năm {year}"),
            (_, None, None) => String::new(),
        };
        let part = self.part_of_day.map(|part| part.text(Language::Vietnamese));
        let date = match (part, &time) {
            (None, Some(_)) if self.day.is_some() => format!("ngày {date}"),
            (None, Some(_) | None) => date,
            (Some(part), _) => format!("{part} {date}").trim_end().to_owned(),
        };
        join(" ", &[time.as_deref().unwrap_or_default(), &date])
    }

    fn english(&self) -> String {
        let time = self
            .time
            .map(|(hour, minute)| format!("{hour}:{minute:02}"))
            .unwrap_or_default();
        let day = self.day.map(|day| day.to_string()).unwrap_or_default();
        let month = self
            .month
            .map_or("", |month| MONTHS[usize::from(month) - 1]);
        let year = self.year.map(|year| year.to_string()).unwrap_or_default();
        let date = join(" ", &[&day, month, &year]);
        let part = self
            .part_of_day
            .map_or("", |part| part.text(Language::English));
        let date = join(" of ", &[part, &date]);
        match (time.is_empty(), date.is_empty(), self.part_of_day) {
            (false, false, None) if self.day.is_some() => format!("{time} on {date}"),
            _ => join(", ", &[&time, &date]),
        }
    }
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

fn join(between: &str, parts: &[&str]) -> String {
    let parts: Vec<&str> = parts
        .iter()
        .copied()
        .filter(|part| !part.is_empty())
        .collect();
    parts.join(between)
}

impl TryFrom<DateParts> for PartialDate {
    type Error = DateError;

    fn try_from(parts: DateParts) -> Result<Self, DateError> {
        let year = parts
            .year
            .map(|year| within(year, 1, 9999).ok_or(DateError::Year(year)))
            .transpose()?;
        let month = parts
            .month
            .map(|month| {
                within(month, 1, 12)
                    .and_then(|month| u8::try_from(month).ok())
                    .ok_or(DateError::Month(month))
            })
            .transpose()?;
        let day = match (parts.day, month) {
            (None, _) => None,
            (Some(day), None) => return Err(DateError::DayWithoutMonth(day)),
            (Some(day), Some(month)) => {
                let last = last_day(year, month);
                let name = MONTHS[usize::from(month) - 1];
                let of = year.map_or_else(|| name.to_owned(), |year| format!("{name} {year}"));
                let known = within(day, 1, i64::from(last)).and_then(|day| u8::try_from(day).ok());
                Some(known.ok_or(DateError::Day {
                    day,
                    last,
                    month: of,
                })?)
            }
        };
        let part_of_day = match parts.part_of_day {
            None => None,
            Some(text) => {
                let part = PartOfDay::ALL
                    .into_iter()
                    .find(|part| part.text(Language::Vietnamese) == text);
                Some(part.ok_or(DateError::PartOfDay(text))?)
            }
        };
        let time = match parts.time {
            None => None,
            Some(text) => Some(hour_and_minute(&text).ok_or(DateError::Time(text))?),
        };
        if let Some(text) = &parts.text
            && (text.trim().is_empty() || text.chars().any(char::is_control))
        {
            return Err(DateError::Text(text.clone()));
        }
        let date = Self {
            year,
            month,
            day,
            part_of_day,
            time,
            text: parts.text,
            extra: parts.extra,
        };
        let known = date.year.is_some()
            || date.month.is_some()
            || date.part_of_day.is_some()
            || date.time.is_some()
            || date.text.is_some();
        if known {
            Ok(date)
        } else {
            Err(DateError::Empty)
        }
    }
}

impl From<PartialDate> for DateParts {
    fn from(date: PartialDate) -> Self {
        Self {
            year: date.year.map(i64::from),
            month: date.month.map(i64::from),
            day: date.day.map(i64::from),
            part_of_day: date
                .part_of_day
                .map(|part| part.text(Language::Vietnamese).to_owned()),
            time: date
                .time
                .map(|(hour, minute)| format!("{hour:02}:{minute:02}")),
            text: date.text,
            extra: date.extra,
        }
    }
}

impl fmt::Display for PartialDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written(Language::Vietnamese))
    }
}

fn within(value: i64, first: i64, last: i64) -> Option<u16> {
    (first..=last)
        .contains(&value)
        .then(|| u16::try_from(value).ok())
        .flatten()
}

/// Last day of a month. Without a year February has 29: the year may be a leap year.
fn last_day(year: Option<u16>, month: u8) -> u8 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_none_or(|year| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)) => 29,
        2 => 28,
        _ => 31,
    }
}

fn hour_and_minute(text: &str) -> Option<(u8, u8)> {
    let (hour, minute) = text.split_once(':')?;
    let two_digits = |text: &str, max: u8| {
        let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse()
            .ok()
            .filter(|&value: &u8| digits && value <= max)
    };
    Some((two_digits(hour, 23)?, two_digits(minute, 59)?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_timestamp_prints_in_utc() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_796_083_200_123, "2026-12-01T00:00:00.123Z"),
        ] {
            assert_eq!(Timestamp::from_unix_ms(ms).to_string(), text);
        }
    }

    #[test]
    fn a_timestamp_is_written_as_the_clock_on_the_wall_shows_it() {
        let at = Timestamp::from_unix_ms(1_796_605_200_999);
        let minutes = |minutes: u64| minutes * 60_000;
        assert_eq!(at.written_at(minutes(420)), "2026-12-07T08:00:00+07:00");
        assert_eq!(at.written_at(minutes(345)), "2026-12-07T06:45:00+05:45");
        assert_eq!(at.written_at(0), "2026-12-07T01:00:00+00:00");
    }

    fn parts(toml_like: Value) -> Result<PartialDate, String> {
        serde_json::from_value(toml_like).map_err(|error| error.to_string())
    }

    #[test]
    fn a_date_ends_when_the_last_moment_that_it_can_mean_is_over() {
        let ends = |value: Value| {
            let date = parts(value).unwrap();
            date.ends_at(7 * 3_600_000).map(|at| at.to_string())
        };
        for (value, end) in [
            (
                json!({"year": 2026, "month": 12, "day": 8}),
                "2026-12-08T17:00:00.000Z",
            ),
            (
                json!({"year": 2026, "month": 12, "day": 8, "part": "sáng"}),
                "2026-12-08T05:00:00.000Z",
            ),
            (
                json!({"year": 2026, "month": 12, "day": 8, "part": "chiều"}),
                "2026-12-08T11:00:00.000Z",
            ),
            (
                json!({"year": 2026, "month": 12, "day": 8, "part": "chiều", "time": "16:30"}),
                "2026-12-08T09:31:00.000Z",
            ),
            (
                json!({"year": 2024, "month": 2}),
                "2024-02-29T17:00:00.000Z",
            ),
            (
                json!({"year": 2026, "month": 12}),
                "2026-12-31T17:00:00.000Z",
            ),
            (json!({"year": 2026}), "2026-12-31T17:00:00.000Z"),
        ] {
            assert_eq!(ends(value.clone()).as_deref(), Some(end), "{value}");
        }
        for value in [
            json!({"month": 12, "day": 8}),
            json!({"text": "cuối năm"}),
            json!({"year": 1950, "month": 1}),
        ] {
            assert_eq!(ends(value), None);
        }
    }

    #[test]
    fn a_date_prints_as_far_as_it_is_known() {
        for (value, vietnamese, english) in [
            (
                json!({"year": 2022, "month": 2, "day": 21, "part": "sáng"}),
                "sáng 21/2/2022",
                "morning of 21 February 2022",
            ),
            (
                json!({"month": 2, "day": 21, "part": "sáng"}),
                "sáng 21/2",
                "morning of 21 February",
            ),
            (
                json!({"year": 2022, "month": 3, "day": 7}),
                "7/3/2022",
                "7 March 2022",
            ),
            (
                json!({"year": 2022, "month": 9, "text": "cuối tháng 9/2022"}),
                "cuối tháng 9/2022",
                "cuối tháng 9/2022",
            ),
            (
                json!({"year": 2020, "month": 12}),
                "tháng 12/2020",
                "December 2020",
            ),
            (json!({"month": 12}), "tháng 12", "December"),
            (json!({"year": 2020}), "năm 2020", "2020"),
            (json!({"part": "tối"}), "tối", "evening"),
            (json!({"time": "07:45"}), "7h45", "7:45"),
            (
                json!({"time": "08:00", "part": "sáng"}),
                "8h sáng",
                "8:00, morning",
            ),
            (
                json!({"year": 2022, "month": 3, "day": 7, "time": "07:45"}),
                "7h45 ngày 7/3/2022",
                "7:45 on 7 March 2022",
            ),
            (
                json!({"year": 2022, "month": 3, "day": 7, "time": "07:45", "part": "sáng"}),
                "7h45 sáng 7/3/2022",
                "7:45, morning of 7 March 2022",
            ),
        ] {
            let date = parts(value.clone()).unwrap();
            assert_eq!(date.to_string(), vietnamese);
            assert_eq!(date.written(Language::English), english);
            assert_eq!(serde_json::to_value(&date).unwrap(), value);
        }
    }

    #[test]
    fn a_date_that_cannot_be_is_refused_with_what_was_expected() {
        for (value, why) in [
            (
                json!({}),
                "the date says nothing; expected at least one of year, month, day, part, time, text",
            ),
            (json!({"year": 0}), "year 0; expected 1 to 9999"),
            (
                json!({"year": 2022, "month": 13}),
                "month 13; expected 1 to 12",
            ),
            (json!({"month": -3}), "month -3; expected 1 to 12"),
            (
                json!({"year": 2022, "day": 3}),
                "day 3 without a month; expected the month too",
            ),
            (
                json!({"year": 2022, "month": 4, "day": 31}),
                "day 31; expected 1 to 30, the days of April 2022",
            ),
            (
                json!({"year": 2023, "month": 2, "day": 29}),
                "day 29; expected 1 to 28, the days of February 2023",
            ),
            (
                json!({"year": 1900, "month": 2, "day": 29}),
                "day 29; expected 1 to 28, the days of February 1900",
            ),
            (
                json!({"month": 2, "day": 30}),
                "day 30; expected 1 to 29, the days of February",
            ),
            (
                json!({"month": 1, "day": 0}),
                "day 0; expected 1 to 31, the days of January",
            ),
            (
                json!({"part": "trưa"}),
                "part \"trưa\"; expected \"sáng\", \"chiều\" or \"tối\"",
            ),
            (
                json!({"time": "7:45"}),
                "time \"7:45\"; expected \"HH:MM\" from \"00:00\" to \"23:59\"",
            ),
            (
                json!({"time": "24:00"}),
                "time \"24:00\"; expected \"HH:MM\" from \"00:00\" to \"23:59\"",
            ),
            (
                json!({"time": "+7:45"}),
                "time \"+7:45\"; expected \"HH:MM\" from \"00:00\" to \"23:59\"",
            ),
            (
                json!({"text": " "}),
                "text \" \"; expected words without control characters",
            ),
        ] {
            assert_eq!(parts(value).unwrap_err(), why);
        }
    }

    #[test]
    fn the_29th_of_february_stands_in_a_leap_year_or_in_none() {
        for value in [
            json!({"year": 2024, "month": 2, "day": 29}),
            json!({"year": 2000, "month": 2, "day": 29}),
            json!({"month": 2, "day": 29}),
        ] {
            parts(value).unwrap();
        }
    }

    #[test]
    fn what_is_unknown_sorts_last_within_what_is_known() {
        let in_order = [
            json!({"year": 2021, "month": 1, "day": 7, "part": "sáng"}),
            json!({"year": 2022, "month": 2, "day": 21, "time": "08:00"}),
            json!({"year": 2022, "month": 2, "day": 21, "part": "sáng", "time": "09:00"}),
            json!({"year": 2022, "month": 2, "day": 21, "part": "sáng"}),
            json!({"year": 2022, "month": 2, "day": 21, "time": "13:30"}),
            json!({"year": 2022, "month": 2, "day": 21}),
            json!({"year": 2022, "month": 2}),
            json!({"year": 2022, "month": 3, "day": 1}),
            json!({"year": 2022}),
            json!({"month": 2, "day": 1}),
            json!({"text": "chưa rõ"}),
        ];
        let keys: Vec<[u16; 5]> = in_order
            .into_iter()
            .map(|value| parts(value).unwrap().sort_key())
            .collect();
        assert!(keys.is_sorted_by(|a, b| a < b), "{keys:?}");
    }

    #[test]
    fn what_a_newer_version_adds_to_a_date_survives() {
        let value = json!({"year": 2022, "lunar": true});
        assert_eq!(
            serde_json::to_value(parts(value.clone()).unwrap()).unwrap(),
            value
        );
    }
}
