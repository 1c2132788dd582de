//! What is due, and when: the body's rules of periods, as data.
//!
//! Laws change and bodies have rules of their own, so no figure stands in code that decides: a body holds
//! [`Rules`], each with the days on which it is in force and its source. [`Rules::vietnamese`] are those that
//! a body begins with.
//!
//! A period after an event counts from the day after it, and where its last day is no working day it ends
//! with the next one that is (Civil Code 91/2015/QH13, articles 147 and 148). "At least n days before" leaves
//! n whole days between, and does not move: whoever is early harms nobody.

use std::collections::BTreeSet;

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::{
    error::Language,
    limits::UTC_OFFSET_MS,
    time::{Day, Timestamp, Weekday},
};

/// Which days a body works on, and where its clocks are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[cbor(map)]
#[serde(deny_unknown_fields)]
pub struct Calendar {
    /// Minutes by which the clocks are ahead of UTC, all year round.
    #[n(0)]
    pub utc_offset_minutes: u32,
    /// The days of a week on which people work.
    #[n(1)]
    pub working_days: BTreeSet<Weekday>,
    /// Days on which nobody works, whatever the week says.
    #[n(2)]
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub holidays: BTreeSet<Day>,
    /// Days on which people work to make up for others, whatever the week says.
    #[n(3)]
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub made_up: BTreeSet<Day>,
}

/// What a rule is about.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Encode, Decode,
)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum Duty {
    /// Papers are with the delegates, before a meeting.
    #[n(1)]
    Papers,
    /// Date and programme are made public, before a meeting.
    #[n(2)]
    PublicNotice,
    /// A committee has appraised, before a meeting.
    #[n(3)]
    Appraisal,
    /// An explanation before the standing committee is announced, before it.
    #[n(4)]
    ExplanationNotice,
    /// What was promised is reported, before the next session.
    #[n(5)]
    PromiseReport,
    /// A question is answered in writing, after it was put.
    #[n(6)]
    WrittenAnswer,
    /// A resolution goes to whoever is above, after it was signed.
    #[n(7)]
    ResolutionSentUp,
    /// The minutes go to whoever is above, after the meeting.
    #[n(8)]
    MinutesSentUp,
    /// The next meeting of the standing committee, after the one before.
    #[n(9)]
    StandingMeeting,
    /// The next briefing, after the one before.
    #[n(10)]
    Briefing,
}

/// How a period is counted from its event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Period {
    /// Within so many days after the event, that day not counted.
    #[n(1)]
    After {
        /// How many.
        #[n(0)]
        days: u16,
        /// Whether working days alone count.
        #[n(1)]
        #[serde(default)]
        working: bool,
        /// Whether a period that would end on a day of rest ends with the next working day.
        #[n(2)]
        #[serde(default)]
        rolls: bool,
    },
    /// So many whole days before the event, neither that day nor the due one counted.
    #[n(2)]
    Before {
        /// How many.
        #[n(0)]
        days: u16,
        /// Whether working days alone count.
        #[n(1)]
        #[serde(default)]
        working: bool,
    },
    /// So many months after the event, on its day of the month or the last one there is.
    #[n(3)]
    Months(#[n(0)] u32),
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[cbor(map)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// What it is about.
    #[n(0)]
    pub duty: Duty,
    /// How it counts.
    #[n(1)]
    pub period: Period,
    /// Events from this day on.
    #[n(2)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Day>,
    /// Events up to this day.
    #[n(3)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Day>,
    /// Where it stands written.
    #[n(4)]
    pub source: String,
}

/// A body's rules, and the days on which they are in force. [`Body`](super::body::Body) has those of all times.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[cbor(map)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// Events from this day on.
    #[n(0)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Day>,
    /// Events up to this day.
    #[n(1)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Day>,
    /// The body's days.
    #[n(2)]
    pub calendar: Calendar,
    /// Its periods. Where several of one duty are in force on a day, the one written last holds.
    #[n(3)]
    #[serde(default, rename = "rule", skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
}

/// Something that has to be done by a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Obligation<K> {
    /// What has to be done.
    pub what: K,
    /// By the end of this day.
    pub due: Day,
    /// When it was done, which may have been too late, or is going to be.
    pub done: Option<Day>,
}

/// An obligation that was not met, and for how long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Overdue<K> {
    /// What has to be done.
    pub what: K,
    /// By the end of this day.
    pub due: Day,
    /// Days since then.
    pub days: i64,
}

impl Duty {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Papers,
        Self::PublicNotice,
        Self::Appraisal,
        Self::ExplanationNotice,
        Self::PromiseReport,
        Self::WrittenAnswer,
        Self::ResolutionSentUp,
        Self::MinutesSentUp,
        Self::StandingMeeting,
        Self::Briefing,
    ];

    /// Says it to people.
    pub const fn text(self, language: Language) -> &'static str {
        let (vi, en) = match self {
            Self::Papers => ("gửi tài liệu tới đại biểu", "papers to the delegates"),
            Self::PublicNotice => (
                "thông báo thời gian, chương trình",
                "date and programme made public",
            ),
            Self::Appraisal => ("thẩm tra", "appraisal"),
            Self::ExplanationNotice => (
                "thông báo phiên giải trình",
                "notice of an explanation session",
            ),
            Self::PromiseReport => ("báo cáo việc thực hiện lời hứa", "report on promises"),
            Self::WrittenAnswer => ("trả lời chất vấn bằng văn bản", "written answer"),
            Self::ResolutionSentUp => ("gửi nghị quyết lên cấp trên", "resolution sent up"),
            Self::MinutesSentUp => ("gửi biên bản lên cấp trên", "minutes sent up"),
            Self::StandingMeeting => ("phiên họp Thường trực", "meeting of the standing committee"),
            Self::Briefing => ("hội nghị giao ban", "briefing"),
        };
        match language {
            Language::Vietnamese => vi,
            Language::English => en,
        }
    }
}

impl Calendar {
    /// Vietnam's: Monday to Friday, UTC+7. Holidays are announced each year, so there are none yet.
    pub fn vietnamese() -> Self {
        let rest = [Weekday::Saturday, Weekday::Sunday];
        let week = (0..7).map(|day| Day::FIRST.plus_days(day).weekday());
        Self {
            utc_offset_minutes: u32::try_from(UTC_OFFSET_MS / 60_000).unwrap_or_default(),
            working_days: week.filter(|day| !rest.contains(day)).collect(),
            holidays: BTreeSet::new(),
            made_up: BTreeSet::new(),
        }
    }

    /// Returns the day that it is for the body at a moment.
    pub fn day_at(&self, moment: Timestamp) -> Day {
        Day::at(moment, u64::from(self.utc_offset_minutes) * 60_000)
    }

    /// Says whether people work on a day.
    pub fn is_working(&self, day: Day) -> bool {
        self.made_up.contains(&day)
            || self.working_days.contains(&day.weekday()) && !self.holidays.contains(&day)
    }

    /// Returns the day, or the next one on which people work. In a body that never works every day is taken
    /// as it is.
    pub fn working_from(&self, day: Day) -> Day {
        // Where a year has no working day, there is none to wait for.
        (0..366)
            .map(|days| day.plus_days(days))
            .find(|day| self.is_working(*day))
            .unwrap_or(day)
    }

    /// Returns the day that is so many days on, or back, of which working days alone count.
    fn working_steps(&self, from: Day, count: u16, step: i64) -> Day {
        let mut day = from;
        for _ in 0..count {
            let steps = (1..=366).map(|days| day.plus_days(days * step));
            let next = { steps }.find(|day| self.is_working(*day));
            day = next.unwrap_or_else(|| day.plus_days(step));
        }
        day
    }
}

impl Period {
    /// Returns the day by whose end it has to be done.
    pub fn due(self, event: Day, calendar: &Calendar) -> Day {
        match self {
            Self::After {
                days,
                working,
                rolls,
            } => {
                let last = if working {
                    calendar.working_steps(event, days, 1)
                } else {
                    event.plus_days(i64::from(days))
                };
                if rolls {
                    calendar.working_from(last)
                } else {
                    last
                }
            }
            Self::Before {
                days,
                working: false,
            } => event.plus_days(-i64::from(days) - 1),
            Self::Before {
                days,
                working: true,
            } => calendar.working_steps(event, days, -1).plus_days(-1),
            Self::Months(months) => event.plus_months(months),
        }
    }
}

impl Rules {
    /// Returns the rules that a Vietnamese body begins with, each with its source. The law of 2003 was
    /// replaced since: its periods stand until a body puts in those that are in force for it.
    pub fn vietnamese() -> Self {
        let before = |days| Period::Before {
            days,
            working: false,
        };
        let after = |days| Period::After {
            days,
            working: false,
            rolls: true,
        };
        let rule = |(duty, period, source): (Duty, Period, &str)| Rule {
            duty,
            period,
            from: None,
            until: None,
            source: source.to_owned(),
        };
        Self {
            from: None,
            until: None,
            calendar: Calendar::vietnamese(),
            rules: [
                (Duty::Papers, before(5), "11/2003/QH11, art. 48"),
                (Duty::PublicNotice, before(5), "11/2003/QH11, art. 48"),
                (Duty::Appraisal, before(10), "87/2015/QH13, art. 78"),
                (
                    Duty::ExplanationNotice,
                    before(10),
                    "87/2015/QH13, art. 72.2",
                ),
                (Duty::PromiseReport, before(10), "87/2015/QH13, art. 60.7"),
                (Duty::WrittenAnswer, after(20), "87/2015/QH13, art. 60.4"),
                (Duty::ResolutionSentUp, after(3), "87/2015/QH13, art. 7"),
                (Duty::MinutesSentUp, after(10), "11/2003/QH11, art. 50"),
                (Duty::StandingMeeting, Period::Months(1), "the body's own"),
                (Duty::Briefing, Period::Months(6), "the body's own"),
            ]
            .map(rule)
            .to_vec(),
        }
    }

    /// Says whether they are in force on a day.
    pub fn hold_on(&self, day: Day) -> bool {
        self.from.is_none_or(|from| from <= day) && self.until.is_none_or(|until| day <= until)
    }

    /// Returns the rule of a duty that is in force on the day of an event.
    pub fn rule(&self, duty: Duty, event: Day) -> Option<&Rule> {
        let holds = |rule: &&Rule| {
            rule.duty == duty
                && rule.from.is_none_or(|from| from <= event)
                && rule.until.is_none_or(|until| event <= until)
        };
        self.rules.iter().rfind(holds)
    }

    /// Returns the day by whose end a duty that follows from an event has to be done; `None` if the body has
    /// no rule for it.
    pub fn due(&self, duty: Duty, event: Day) -> Option<Day> {
        let rule = self.rule(duty, event)?;
        Some(rule.period.due(event, &self.calendar))
    }
}

/// Returns what was to be done before `today` and was not done by then, what has waited longest first.
pub fn overdue<K: Clone>(
    obligations: impl IntoIterator<Item = Obligation<K>>,
    today: Day,
) -> Vec<Overdue<K>> {
    let mut overdue: Vec<Overdue<K>> = obligations
        .into_iter()
        .filter(|it| it.due < today && it.done.is_none_or(|done| done > today))
        .map(|it| Overdue {
            days: today.days_since(it.due),
            what: it.what,
            due: it.due,
        })
        .collect();
    overdue.sort_by_key(|it| it.due);
    overdue
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    fn with_holidays(holidays: &[&str]) -> Rules {
        let mut rules = Rules::vietnamese();
        rules.calendar.holidays = holidays.iter().map(|text| day(text)).collect();
        rules
    }

    #[test]
    fn periods_are_counted_as_the_worked_examples_have_them() {
        let rules = with_holidays(&["2027-01-01"]);
        for (duty, event, due) in [
            // A Friday; its twentieth day is a Thursday.
            (Duty::WrittenAnswer, "2026-12-04", "2026-12-24"),
            // Counted to Sunday 3 January.
            (Duty::ResolutionSentUp, "2026-12-31", "2027-01-04"),
            // Five whole days before a Monday.
            (Duty::Papers, "2026-12-07", "2026-12-01"),
            // "Before" does not move, also where that is a Sunday.
            (Duty::Appraisal, "2026-12-10", "2026-11-29"),
            (Duty::Briefing, "2022-03-25", "2022-09-25"),
            (Duty::StandingMeeting, "2026-01-31", "2026-02-28"),
        ] {
            assert_eq!(
                rules.due(duty, day(event)),
                Some(day(due)),
                "{duty:?} {event}"
            );
        }
    }

    #[test]
    fn a_day_made_up_for_is_worked_and_a_holiday_is_not() {
        let mut rules = with_holidays(&["2026-12-24", "2026-12-25"]);
        let due = |rules: &Rules| rules.due(Duty::WrittenAnswer, day("2026-12-04"));
        assert_eq!(due(&rules), Some(day("2026-12-28")));
        rules.calendar.made_up.insert(day("2026-12-26"));
        assert_eq!(due(&rules), Some(day("2026-12-26")));
    }

    #[test]
    fn working_days_alone_count_where_a_rule_says_so() {
        let calendar = with_holidays(&["2026-12-25"]).calendar;
        let after = |days, rolls| Period::After {
            days,
            working: true,
            rolls,
        };
        let before = |days| Period::Before {
            days,
            working: true,
        };
        for (period, event, due) in [
            (after(1, true), "2026-12-24", "2026-12-28"),
            (after(5, false), "2026-12-18", "2026-12-28"),
            (after(0, true), "2026-12-26", "2026-12-28"),
            // Two whole working days stand between: Wednesday and Thursday.
            (before(2), "2026-12-26", "2026-12-22"),
        ] {
            assert_eq!(period.due(day(event), &calendar), day(due), "{period:?}");
        }
    }

    #[test]
    fn a_body_that_never_works_has_periods_all_the_same() {
        let mut rules = Rules::vietnamese();
        rules.calendar.working_days.clear();
        assert_eq!(
            rules.due(Duty::WrittenAnswer, day("2026-12-04")),
            Some(day("2026-12-24"))
        );
        let period = Period::After {
            days: 2,
            working: true,
            rolls: true,
        };
        assert_eq!(
            period.due(day("2026-12-04"), &rules.calendar),
            day("2026-12-06")
        );
    }

    #[test]
    fn a_law_that_changes_counts_for_events_from_its_day_on() {
        let mut rules = Rules::vietnamese();
        rules.rules.push(Rule {
            duty: Duty::WrittenAnswer,
            period: Period::After {
                days: 10,
                working: false,
                rolls: false,
            },
            from: Some(day("2027-01-01")),
            until: None,
            source: "a later law".to_owned(),
        });
        let due = |event| rules.due(Duty::WrittenAnswer, day(event));
        assert_eq!(due("2026-12-31"), Some(day("2027-01-20")));
        assert_eq!(due("2027-01-01"), Some(day("2027-01-11")));
    }

    #[test]
    fn rules_are_read_as_they_are_written_and_what_is_no_rule_is_named() {
        let rules = with_holidays(&["2027-01-01"]);
        let text = serde_json::to_string(&rules).unwrap();
        assert_eq!(serde_json::from_str::<Rules>(&text).unwrap(), rules);

        let misspelt = text.replacen("\"rolls\"", "\"roll\"", 1);
        let error = serde_json::from_str::<Rules>(&misspelt).unwrap_err();
        assert!(error.to_string().contains("`roll`"), "{error}");
    }

    #[test]
    fn a_body_begins_with_one_rule_for_each_duty() {
        let rules = Rules::vietnamese();
        for duty in Duty::ALL {
            let of = rules.rules.iter().filter(|rule| rule.duty == duty);
            assert_eq!(of.count(), 1, "{duty:?}");
            assert_ne!(
                duty.text(Language::Vietnamese),
                duty.text(Language::English)
            );
        }
        assert_eq!(rules.rules.len(), Duty::ALL.len());
    }

    #[test]
    fn what_is_due_today_is_not_overdue_and_what_was_done_late_is_not_either() {
        let obligation = |what, due, done: Option<&str>| Obligation {
            what,
            due: day(due),
            done: done.map(day),
        };
        let list = overdue(
            [
                obligation("today", "2026-12-24", None),
                obligation("yesterday", "2026-12-23", None),
                obligation("done late", "2026-12-01", Some("2026-12-20")),
                obligation("long ago", "2026-11-24", None),
            ],
            day("2026-12-24"),
        );
        let told: Vec<_> = list.iter().map(|it| (it.what, it.days)).collect();
        assert_eq!(told, [("long ago", 30), ("yesterday", 1)]);
    }

    #[test]
    fn the_day_is_that_of_the_body() {
        let calendar = Calendar::vietnamese();
        let at = |ms| calendar.day_at(Timestamp::from_unix_ms(ms));
        assert_eq!(at(17 * 3_600_000 - 1), day("1970-01-01"));
        assert_eq!(at(17 * 3_600_000), day("1970-01-02"));
    }
}
