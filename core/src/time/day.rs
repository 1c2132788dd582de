//! Whole days, as deadlines count them.

use std::{fmt, str::FromStr};

use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};
use serde::{Deserialize, Serialize};

use super::{PartialDate, Timestamp, last_day};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// A day of the Gregorian calendar in the body's own time zone, from 1 January 1 to 31 December 9999.
/// Prints and reads as `2026-12-24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Day {
    /// Days since 1970-01-01.
    number: i64,
}

/// A day of the week.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Encode, Decode,
)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum Weekday {
    /// Thứ Hai.
    #[n(1)]
    Monday,
    /// Thứ Ba.
    #[n(2)]
    Tuesday,
    /// Thứ Tư.
    #[n(3)]
    Wednesday,
    /// Thứ Năm.
    #[n(4)]
    Thursday,
    /// Thứ Sáu.
    #[n(5)]
    Friday,
    /// Thứ Bảy.
    #[n(6)]
    Saturday,
    /// Chủ nhật.
    #[n(7)]
    Sunday,
}

impl<C> Encode<C> for Day {
    fn encode<W: encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        e.str(&self.to_string())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Day {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        let text = d.str()?;
        text.parse().map_err(decode::Error::message)
    }
}

/// A text that names no day.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("day {0:?}; expected a day of the calendar as \"2026-12-24\"")]
pub struct DayError(String);

impl Weekday {
    const ALL: [Self; 7] = [
        Self::Monday,
        Self::Tuesday,
        Self::Wednesday,
        Self::Thursday,
        Self::Friday,
        Self::Saturday,
        Self::Sunday,
    ];
}

impl Day {
    /// The first day that can be named.
    pub const FIRST: Self = Self {
        number: days_from_civil(1, 1, 1),
    };
    /// The last day that can be named.
    pub const LAST: Self = Self {
        number: days_from_civil(9999, 12, 31),
    };

    /// Returns the day of this date; `None` where the calendar has no such day.
    pub fn of(year: u16, month: u8, day: u8) -> Option<Self> {
        let exists = (1..=9999).contains(&year)
            && (1..=12).contains(&month)
            && (1..=last_day(Some(year), month)).contains(&day);
        exists.then(|| Self {
            number: days_from_civil(i64::from(year), i64::from(month), i64::from(day)),
        })
    }

    /// Returns the day that it is at a moment, where the clocks are `utc_offset_ms` ahead of UTC.
    pub fn at(moment: Timestamp, utc_offset_ms: u64) -> Self {
        let number = moment.unix_ms().saturating_add(utc_offset_ms) / DAY_MS;
        Self::limited(i64::try_from(number).unwrap_or(i64::MAX))
    }

    /// Returns the moment at which the day begins, where the clocks are `utc_offset_ms` ahead of UTC;
    /// `None` for days before 2 January 1970.
    pub fn begins_at(self, utc_offset_ms: u64) -> Option<Timestamp> {
        let number = u64::try_from(self.number).ok().filter(|days| *days > 0)?;
        let local = number * DAY_MS;
        Some(Timestamp::from_unix_ms(local.saturating_sub(utc_offset_ms)))
    }

    /// Returns year, month and day of the month.
    pub const fn date(self) -> (u16, u8, u8) {
        let (year, month, day) = civil_from_days(self.number);
        (year as u16, month as u8, day as u8)
    }

    /// Returns the day of the week.
    pub const fn weekday(self) -> Weekday {
        // 1970-01-01 was a Thursday.
        Weekday::ALL[(self.number + 3).rem_euclid(7) as usize]
    }

    /// Returns the day `days` days after this one, or before it if negative; at most the first or the last
    /// that can be named.
    pub fn plus_days(self, days: i64) -> Self {
        Self::limited(self.number.saturating_add(days))
    }

    /// Returns the same day of the month `months` months after this one, or the last one of that month
    /// where it has no such day: a month after 31 January is 28 or 29 February.
    pub fn plus_months(self, months: u32) -> Self {
        let (year, month, day) = self.date();
        let whole = u64::from(year) * 12 + u64::from(month) - 1 + u64::from(months);
        let Ok(year) = u16::try_from(whole / 12) else {
            return Self::LAST;
        };
        let month = (whole % 12) as u8 + 1;
        Self::of(year, month, day.min(last_day(Some(year), month))).unwrap_or(Self::LAST)
    }

    /// Returns the days from `earlier` to this one, negative if that is later.
    pub const fn days_since(self, earlier: Self) -> i64 {
        self.number - earlier.number
    }

    fn limited(number: i64) -> Self {
        Self {
            number: number.clamp(Self::FIRST.number, Self::LAST.number),
        }
    }
}

impl PartialDate {
    /// Returns the last day that this date can mean: of "tháng 9/2022" 30 September. A date without its year
    /// has none.
    pub fn last_day(&self) -> Option<Day> {
        let year = self.year()?;
        let month = self.month().unwrap_or(12);
        let day = self.day().unwrap_or_else(|| last_day(Some(year), month));
        Day::of(year, month, day)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.date();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

impl FromStr for Day {
    type Err = DayError;

    fn from_str(text: &str) -> Result<Self, DayError> {
        let digits = |text: &str, count: usize| {
            (text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit()))
                .then(|| text.parse::<u16>().ok())
                .flatten()
        };
        let day = || {
            let mut parts = text.splitn(3, '-');
            let year = digits(parts.next()?, 4)?;
            let month = digits(parts.next()?, 2)?;
            let day = digits(parts.next()?, 2)?;
            Self::of(year, u8::try_from(month).ok()?, u8::try_from(day).ok()?)
        };
        day().ok_or_else(|| DayError(text.to_owned()))
    }
}

impl TryFrom<String> for Day {
    type Error = DayError;

    fn try_from(text: String) -> Result<Self, DayError> {
        text.parse()
    }
}

impl From<Day> for String {
    fn from(day: Day) -> Self {
        day.to_string()
    }
}

/// Gregorian year, month and day of a number of days since 1970-01-01
/// (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
pub(super) const fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + (month <= 2) as i64;
    (year, month, day)
}

/// Returns the days from 1970-01-01 to a date of the Gregorian calendar.
const fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::DateParts;

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    #[test]
    fn every_day_that_can_be_named_reads_as_it_prints_and_follows_the_one_before() {
        let mut previous = Day::FIRST;
        assert_eq!(previous.to_string(), "0001-01-01");
        assert_eq!(previous.weekday(), Weekday::Monday);
        while previous < Day::LAST {
            let next = previous.plus_days(1);
            let ((year, month, of_month), (was_year, was_month, was_day)) =
                (next.date(), previous.date());
            let follows = (year, month, of_month) == (was_year, was_month, was_day + 1)
                || (year, month, of_month) == (was_year, was_month + 1, 1)
                || (year, month, of_month) == (was_year + 1, 1, 1);
            assert!(follows, "{previous} {next}");
            assert_eq!(Day::of(year, month, of_month), Some(next));
            assert_eq!(
                (next.weekday() as u8 + 6) % 7,
                previous.weekday() as u8,
                "{next}"
            );
            previous = next;
        }
        assert_eq!(Day::LAST.to_string(), "9999-12-31");
        assert_eq!(day("2024-02-29").to_string(), "2024-02-29");
    }

    #[test]
    fn what_names_no_day_is_refused_and_said() {
        for text in [
            "",
            "2026",
            "2026-13-01",
            "2026-02-29",
            "2026-2-9",
            "0000-01-01",
            "2026-12-24-",
            "+026-12-24",
            "24/12/2026",
        ] {
            let error = text.parse::<Day>().unwrap_err().to_string();
            assert!(error.contains(&format!("{text:?}")), "{error}");
        }
    }

    #[test]
    fn the_week_is_that_of_the_calendar_on_the_wall() {
        for (text, weekday) in [
            ("1969-12-31", Weekday::Wednesday),
            ("1970-01-01", Weekday::Thursday),
            ("2026-12-04", Weekday::Friday),
            ("2027-01-03", Weekday::Sunday),
        ] {
            assert_eq!(day(text).weekday(), weekday, "{text}");
        }
    }

    #[test]
    fn a_month_later_is_the_same_day_or_the_last_one() {
        for (from, months, to) in [
            ("2026-01-31", 1, "2026-02-28"),
            ("2024-01-31", 1, "2024-02-29"),
            ("2022-03-25", 6, "2022-09-25"),
            ("2026-12-31", 6, "2027-06-30"),
            ("2026-11-30", 0, "2026-11-30"),
            ("9999-12-01", 1, "9999-12-31"),
            ("2026-01-01", u32::MAX, "9999-12-31"),
        ] {
            assert_eq!(day(from).plus_months(months), day(to), "{from} + {months}");
        }
    }

    #[test]
    fn the_day_changes_at_midnight_of_the_body() {
        let offset = 7 * 60 * 60 * 1000;
        let begin = day("2026-12-25").begins_at(offset).unwrap();
        assert_eq!(begin.to_string(), "2026-12-24T17:00:00.000Z");
        assert_eq!(Day::at(begin, offset), day("2026-12-25"));
        let before = Timestamp::from_unix_ms(begin.unix_ms() - 1);
        assert_eq!(Day::at(before, offset), day("2026-12-24"));
        assert_eq!(day("1970-01-01").begins_at(0), None);
    }

    #[test]
    fn a_date_that_is_partly_known_ends_with_its_last_day() {
        let date = |year, month, day| {
            PartialDate::try_from(DateParts {
                year,
                month,
                day,
                ..DateParts::default()
            })
        };
        for (parts, last) in [
            ((Some(2022), Some(9), None), Some("2022-09-30")),
            ((Some(2024), Some(2), None), Some("2024-02-29")),
            ((Some(2026), None, None), Some("2026-12-31")),
            ((Some(2022), Some(3), Some(25)), Some("2022-03-25")),
            ((None, Some(2), Some(21)), None),
        ] {
            let date = date(parts.0, parts.1, parts.2).unwrap();
            assert_eq!(date.last_day(), last.map(day), "{date}");
        }
    }
}
