//! Days of which perhaps only the month or the year is known, and the periods between two of them.

use std::{fmt, str::FromStr};

use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};
use serde::{Deserialize, Serialize};

use super::{Day, last_day};

/// A day, or the month or the year that it lies in where no more is known. Prints and reads as `2026-12-24`,
/// `2026-12` or `2026` (ISO 8601). Sorts by the first day that it can mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PartialDay {
    first: Day,
    last: Day,
}

/// A text that names no day, month or year.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} names no day; expected \"2026-12-24\", \"2026-12\" or \"2026\"")]
pub struct PartialDayError(String);

/// From when until when something holds, both included. Without its beginning it has held ever since anybody
/// knows; without its end it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Validity {
    /// The first day.
    pub from: Option<PartialDay>,
    /// The last day.
    pub until: Option<PartialDay>,
}

impl PartialDay {
    /// Returns the first day that it can mean.
    pub const fn first_day(self) -> Day {
        self.first
    }

    /// Returns the last day that it can mean.
    pub const fn last_day(self) -> Day {
        self.last
    }
}

impl From<Day> for PartialDay {
    fn from(day: Day) -> Self {
        Self {
            first: day,
            last: day,
        }
    }
}

impl fmt::Display for PartialDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = self.first.to_string();
        let shown = match self.last.days_since(self.first) {
            0 => whole.as_str(),
            1..=30 => &whole[..7],
            _ => &whole[..4],
        };
        f.write_str(shown)
    }
}

impl FromStr for PartialDay {
    type Err = PartialDayError;

    fn from_str(text: &str) -> Result<Self, PartialDayError> {
        let (first, last) = match text.len() {
            4 => (format!("{text}-01-01"), format!("{text}-12-31")),
            7 => {
                let first: Option<Day> = format!("{text}-01").parse().ok();
                let days = first.map_or(0, |first| {
                    let (year, month, _) = first.date();
                    last_day(Some(year), month)
                });
                (format!("{text}-01"), format!("{text}-{days:02}"))
            }
            _ => (text.to_owned(), text.to_owned()),
        };
        match (first.parse(), last.parse()) {
            (Ok(first), Ok(last)) => Ok(Self { first, last }),
            (Err(_), _) | (_, Err(_)) => Err(PartialDayError(text.to_owned())),
        }
    }
}

impl TryFrom<String> for PartialDay {
    type Error = PartialDayError;

    fn try_from(text: String) -> Result<Self, PartialDayError> {
        text.parse()
    }
}

impl From<PartialDay> for String {
    fn from(day: PartialDay) -> Self {
        day.to_string()
    }
}

impl<C> Encode<C> for PartialDay {
    fn encode<W: encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        e.str(&self.to_string())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for PartialDay {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        d.str()?.parse().map_err(decode::Error::message)
    }
}

impl Validity {
    /// Says whether it holds on a day; `None` where what is known of its ends does not say.
    pub fn holds_on(self, day: Day) -> Option<bool> {
        let begun = self
            .from
            .map_or(Some(true), |from| known(day >= from.last, day < from.first));
        let going_on = self.until.map_or(Some(true), |until| {
            known(day <= until.first, day > until.last)
        });
        match (begun, going_on) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (Some(true), Some(true)) => Some(true),
            (None, _) | (_, None) => None,
        }
    }

    /// Says whether it can be at all: its end is not before its beginning.
    pub fn can_be(self) -> bool {
        match (self.from, self.until) {
            (Some(from), Some(until)) => from.first <= until.last,
            (None, _) | (_, None) => true,
        }
    }

    /// Says whether there is a day on which both hold for certain.
    pub fn overlaps(self, other: Self) -> bool {
        let from = self.certain_from().max(other.certain_from());
        from <= self.certain_until().min(other.certain_until())
    }

    /// Says whether it goes on for certain when `other` has ended for certain.
    pub fn outlives(self, other: Self) -> bool {
        other
            .until
            .is_some_and(|until| self.certain_until() > until.last)
    }

    fn certain_from(self) -> Day {
        self.from.map_or(Day::FIRST, PartialDay::last_day)
    }

    fn certain_until(self) -> Day {
        self.until.map_or(Day::LAST, PartialDay::first_day)
    }
}

const fn known(yes: bool, no: bool) -> Option<bool> {
    match (yes, no) {
        (true, _) => Some(true),
        (false, true) => Some(false),
        (false, false) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    fn validity(from: &str, until: &str) -> Validity {
        Validity {
            from: from.parse().ok(),
            until: until.parse().ok(),
        }
    }

    #[test]
    fn a_day_a_month_and_a_year_read_as_they_print_and_name_their_ends() {
        for (text, first, last) in [
            ("2025-07-01", "2025-07-01", "2025-07-01"),
            ("2024-02", "2024-02-01", "2024-02-29"),
            ("2025-12", "2025-12-01", "2025-12-31"),
            ("2021", "2021-01-01", "2021-12-31"),
        ] {
            let read: PartialDay = text.parse().unwrap();
            assert_eq!(read.to_string(), text);
            assert_eq!((read.first_day(), read.last_day()), (day(first), day(last)));
            let bytes = crate::cbor::encode(&read);
            assert_eq!(crate::cbor::decode::<PartialDay>(&bytes, "").unwrap(), read);
        }
        for text in [
            "",
            "21",
            "0000",
            "2025-13",
            "2025-02-29",
            "2025-7-1",
            "+025",
            "2025-",
            "2025/07",
            "20é",
        ] {
            let error = text.parse::<PartialDay>().unwrap_err().to_string();
            assert!(error.contains(&format!("{text:?}")), "{error}");
        }
    }

    #[test]
    fn what_the_ends_do_not_say_is_not_known() {
        for (from, until, on, holds) in [
            ("2021", "2026", "2020-12-31", Some(false)),
            ("2021", "2026", "2021-06-01", None),
            ("2021", "2026", "2021-12-31", Some(true)),
            ("2021", "2026", "2026-01-01", Some(true)),
            ("2021", "2026", "2026-01-02", None),
            ("2021", "2026", "2027-01-01", Some(false)),
            ("2025-07-01", "", "2025-06-30", Some(false)),
            ("2025-07-01", "", "2025-07-01", Some(true)),
            ("", "2025-06-30", "1990-01-01", Some(true)),
            ("", "2025-06-30", "2025-07-01", Some(false)),
            // A month within which something began and ended.
            ("2025-06", "2025-06", "2025-06-15", None),
        ] {
            assert_eq!(
                validity(from, until).holds_on(day(on)),
                holds,
                "{from}–{until} {on}"
            );
        }
    }

    #[test]
    fn periods_overlap_where_both_hold_for_certain() {
        for (one, other, overlap) in [
            (("2021", "2026"), ("2026", "2031"), false),
            (("2021", "2026"), ("2025", "2031"), true),
            (("", "2025-06-30"), ("2025-07-01", ""), false),
            (("", "2025-07-01"), ("2025-07-01", ""), true),
            (("", ""), ("2021", "2026"), true),
        ] {
            let (one, other) = (validity(one.0, one.1), validity(other.0, other.1));
            assert_eq!(one.overlaps(other), overlap, "{one:?} {other:?}");
            assert_eq!(other.overlaps(one), overlap, "{other:?} {one:?}");
        }
        assert!(!validity("2026", "2025-12").can_be());
        assert!(validity("2025", "2025-03").can_be());
        assert!(validity("", "").outlives(validity("", "2025-06-30")));
        assert!(!validity("", "2025").outlives(validity("", "2025-06-30")));
    }
}
