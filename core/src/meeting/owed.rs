//! What a body has to do by a day: what its rules ask for around its meetings, answers to questions, tasks, and
//! what voters have asked for. From it follows the list of what is overdue.
//!
//! A duty is in it if something here says whether it was done. The appraisal of a draft or what is sent up leave
//! no trace: whoever wants that to be followed gives it as a task.

use serde::Serialize;

use super::{
    body::{Clocks, rules_on},
    course::{FollowUp, Question},
    deadlines::{Duty, Obligation},
    follow_up::{Petition, Task},
    programme::{Kind, Meeting, State},
    states::QuestionState,
};
use crate::{
    error::Language,
    ids::{ActId, MeetingId},
    time::{Day, Timestamp},
};

/// Something that has to be done by a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "what")]
pub enum Owed {
    /// What the body's rules ask for around a meeting.
    Duty {
        /// What.
        duty: Duty,
        /// The meeting.
        meeting: MeetingId,
        /// Its title.
        title: String,
    },
    /// The answer to a question.
    Answer {
        /// The meeting in which it was put.
        meeting: MeetingId,
        /// Its title.
        title: String,
        /// The question slip.
        question: ActId,
        /// Its number in the meeting's series.
        number: u64,
    },
    /// A task.
    Task {
        /// Its id.
        id: String,
        /// What is to be done.
        text: String,
        /// Who has it.
        owner: Option<String>,
    },
    /// The answer to what voters have asked for.
    Petition {
        /// Its id.
        id: String,
        /// What was asked for.
        text: String,
        /// To whom it went.
        owner: Option<String>,
    },
}

impl Owed {
    /// Says it to people, without who has it.
    pub fn text(&self, language: Language) -> String {
        let (vi, en, text) = match self {
            Self::Duty { duty, title, .. } => {
                return format!("{}: {title}", duty.text(language));
            }
            Self::Answer { title, number, .. } => {
                let words = match language {
                    Language::Vietnamese => "trả lời phiếu chất vấn số",
                    Language::English => "answer to question",
                };
                return format!("{words} {number}: {title}");
            }
            Self::Task { text, .. } => ("nhiệm vụ", "task", text),
            Self::Petition { text, .. } => ("kiến nghị cử tri", "petition", text),
        };
        match language {
            Language::Vietnamese => format!("{vi}: {text}"),
            Language::English => format!("{en}: {text}"),
        }
    }

    /// Returns who has it; none where the body has it as such, or nobody has been named.
    pub fn owner(&self) -> Option<&str> {
        match self {
            Self::Duty { .. } | Self::Answer { .. } => None,
            Self::Task { owner, .. } | Self::Petition { owner, .. } => owner.as_deref(),
        }
    }
}

/// A published meeting, as far as deadlines follow from it.
#[derive(Debug, Clone, PartialEq)]
pub struct Announced {
    /// The meeting.
    pub id: MeetingId,
    /// What all who take part read of it.
    pub meeting: Meeting,
    /// Whether they read papers with it.
    pub has_papers: bool,
    /// When it was published first.
    pub first: Timestamp,
    /// When it was published last.
    pub last: Timestamp,
    /// The questions that were put.
    pub questions: Vec<Question>,
}

/// Works out what a body has to do and whether it has, by the rules that are in force on the day of each event;
/// what is due first comes first. Tasks and petitions without a day are not in it.
///
/// Papers count as sent on the day on which the programme was published last: what came then came no sooner.
pub fn obligations(
    clocks: Clocks<'_>,
    meetings: &[Announced],
    follow_up: &FollowUp,
) -> Vec<Obligation<Owed>> {
    let due = |duty: Duty, event: Day| rules_on(clocks.0, event).due(duty, event);
    let mut all: Vec<Obligation<Owed>> = Vec::new();
    let held = || meetings.iter().filter(|it| it.takes_place());
    for announced in held() {
        let Some(opens) = announced.opens() else {
            continue;
        };
        if announced.is_session() {
            let first = Some(clocks.day_at(announced.first));
            let papers = announced.has_papers.then(|| clocks.day_at(announced.last));
            for (duty, done) in [(Duty::PublicNotice, first), (Duty::Papers, papers)] {
                all.extend(due(duty, opens).map(|due| announced.owed(duty, due, done)));
            }
        }
    }
    for (kind, duty) in [
        (Kind::StandingMeeting, Duty::StandingMeeting),
        (Kind::Briefing, Duty::Briefing),
    ] {
        let series = held().filter(|it| it.meeting.kind.as_ref() == Some(&kind));
        let mut series: Vec<(Day, &Announced)> =
            series.filter_map(|it| Some((it.opens()?, it))).collect();
        series.sort_by_key(|(opens, it)| (*opens, it.id));
        let next = series.iter().skip(1).map(|(opens, _)| Some(*opens));
        for ((opens, announced), next) in series.iter().zip(next.chain([None])) {
            all.extend(due(duty, *opens).map(|due| announced.owed(duty, due, next)));
        }
    }
    for announced in meetings {
        all.extend(announced.questions.iter().filter_map(|question| {
            let (put, done) = put_and_answered(question, clocks)?;
            let what = Owed::Answer {
                meeting: announced.id,
                title: announced.meeting.title.clone(),
                question: question.act,
                number: question.number,
            };
            let due = due(Duty::WrittenAnswer, put)?;
            Some(Obligation { what, due, done })
        }));
    }
    all.extend(follow_up.tasks.iter().filter_map(Task::owed));
    all.extend(follow_up.petitions.iter().filter_map(Petition::owed));
    all.sort_by_key(|it| it.due);
    all
}

impl Announced {
    fn takes_place(&self) -> bool {
        self.meeting.state != State::Cancelled
    }

    /// Says whether it is a session (kỳ họp): the law's periods before a meeting are for these.
    const fn is_session(&self) -> bool {
        match self.meeting.kind {
            Some(Kind::RegularSession | Kind::ThematicSession | Kind::ClosingTermSession) => true,
            Some(
                Kind::StandingMeeting
                | Kind::ReviewConference
                | Kind::ExchangeConference
                | Kind::Briefing
                | Kind::Unknown(_),
            )
            | None => false,
        }
    }

    /// Returns the day on which it begins; `None` while that is not known to the day.
    fn opens(&self) -> Option<Day> {
        let when = self.meeting.when.as_ref()?;
        when.day().and_then(|_| when.last_day())
    }

    fn owed(&self, duty: Duty, due: Day, done: Option<Day>) -> Obligation<Owed> {
        let what = Owed::Duty {
            duty,
            meeting: self.id,
            title: self.meeting.title.clone(),
        };
        Obligation { what, due, done }
    }
}

impl Task {
    fn owed(&self) -> Option<Obligation<Owed>> {
        let what = Owed::Task {
            id: self.id.clone(),
            text: self.text.clone(),
            owner: self.owner.clone(),
        };
        let (due, done) = (self.due?, self.done());
        Some(Obligation { what, due, done })
    }
}

impl Petition {
    fn owed(&self) -> Option<Obligation<Owed>> {
        let what = Owed::Petition {
            id: self.id.clone(),
            text: self.text.clone(),
            owner: self.owner.clone(),
        };
        let (due, done) = (self.due?, self.done());
        Some(Obligation { what, due, done })
    }
}

/// Returns the day on which a question was put, or put again, and the day on which it was answered since.
fn put_and_answered(question: &Question, clocks: Clocks<'_>) -> Option<(Day, Option<Day>)> {
    let mut found = None;
    for step in question.history.steps() {
        let day = clocks.day_at(step.on);
        found = match step.state {
            QuestionState::Submitted | QuestionState::FollowUp => Some((day, None)),
            QuestionState::AnsweredOrally | QuestionState::AnsweredInWriting => {
                found.map(|(put, _)| (put, Some(day)))
            }
            QuestionState::Drafted
            | QuestionState::Received
            | QuestionState::Grouped
            | QuestionState::Accepted
            | QuestionState::Unsatisfied => found,
        };
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::meeting::{
        Programme,
        body::Body,
        course::Course,
        deadlines::{Rules, overdue},
    };

    /// 1 June 2027, 19:00 in UTC: the second of June in Vietnam, the first where the clocks go as in UTC.
    const EVENING: Timestamp = Timestamp::from_unix_ms(1_811_876_400_000);

    fn announced(meeting: &serde_json::Value) -> Announced {
        let programme = json!({"meeting": meeting});
        Announced {
            id: MeetingId::from_bytes([7; 16]),
            meeting: Programme::from_json(&programme).unwrap().meeting,
            has_papers: true,
            first: EVENING,
            last: EVENING,
            questions: Course::default().questions,
        }
    }

    fn owed(
        meeting: &serde_json::Value,
        clocks: Clocks<'_>,
    ) -> Vec<(Duty, String, Option<String>)> {
        let all = obligations(clocks, &[announced(meeting)], &FollowUp::default());
        let duty = |owed: Owed| match owed {
            Owed::Duty { duty, .. } => duty,
            Owed::Answer { .. } | Owed::Task { .. } | Owed::Petition { .. } => panic!("{owed:?}"),
        };
        all.into_iter()
            .map(|it| {
                (
                    duty(it.what),
                    it.due.to_string(),
                    it.done.map(|day| day.to_string()),
                )
            })
            .collect()
    }

    #[test]
    fn the_laws_periods_before_a_meeting_are_for_sessions_alone() {
        let on = json!({"year": 2027, "month": 6, "day": 14});
        let of_kind = |kind: &str| {
            let meeting = json!({"id": "m", "title": "T", "kind": kind, "when": on});
            let duties = owed(&meeting, Clocks::default());
            duties
                .into_iter()
                .map(|(duty, ..)| duty)
                .collect::<Vec<_>>()
        };
        let before = [Duty::PublicNotice, Duty::Papers];
        for kind in [
            "regular_session",
            "thematic_session",
            "closing_term_session",
        ] {
            assert_eq!(of_kind(kind), before, "{kind}");
        }
        for kind in ["review_conference", "exchange_conference", "something_new"] {
            assert_eq!(of_kind(kind), [], "{kind}");
        }
        assert_eq!(of_kind("standing_meeting"), [Duty::StandingMeeting]);
        assert_eq!(of_kind("briefing"), [Duty::Briefing]);
    }

    #[test]
    fn a_meeting_that_is_cancelled_or_has_no_day_yet_owes_nothing() {
        for (state, when) in [
            ("cancelled", json!({"year": 2027, "month": 6, "day": 14})),
            ("planned", json!({"year": 2027, "month": 6})),
            ("planned", json!({"month": 6, "day": 14})),
        ] {
            let meeting = json!({
                "id": "m", "title": "T", "kind": "regular_session", "state": state, "when": when,
            });
            assert_eq!(owed(&meeting, Clocks::default()), [], "{state} {when}");
        }
    }

    #[test]
    fn days_are_those_of_the_bodys_clocks_and_periods_those_of_its_rules() {
        let meeting = json!({
            "id": "m", "title": "T", "kind": "regular_session",
            "when": {"year": 2027, "month": 6, "day": 14},
        });
        let told = |clocks| {
            let all = owed(&meeting, clocks).into_iter();
            all.map(|(_, due, done)| format!("{due} {}", done.unwrap()))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            told(Clocks::default()),
            ["2027-06-08 2027-06-02", "2027-06-08 2027-06-02"]
        );
        let mut body: Body = serde_json::from_value(json!({"name": "HĐND"})).unwrap();
        let mut rules = Rules::vietnamese();
        rules.calendar.utc_offset_minutes = 0;
        rules.rules.retain(|rule| rule.duty != Duty::Papers);
        body.rules.push(rules);
        assert_eq!(told(Clocks(Some(&body))), ["2027-06-08 2027-06-01"]);
    }

    #[test]
    fn what_is_planned_for_a_day_after_its_last_is_overdue_until_that_day() {
        let day = |text: &str| text.parse::<Day>().unwrap();
        let all = || {
            [Obligation {
                what: (),
                due: day("2027-06-08"),
                done: Some(day("2027-06-10")),
            }]
        };
        let days = |today| overdue(all(), day(today)).first().map(|it| it.days);
        assert_eq!(days("2027-06-08"), None);
        assert_eq!(days("2027-06-09"), Some(1));
        assert_eq!(days("2027-06-10"), None);
    }
}
