//! `nghisu meeting` and `nghisu agenda`: drafts that begin at the console, and what they say of the meeting.

use std::str::FromStr;

use clap::{Args, Subcommand, builder::NonEmptyStringValueParser};
use nghisu_core::{
    Language, Result,
    meeting::{
        Kind, Meeting, Programme, State,
        drafting::{DraftStep, MeetingStep},
        follow_up::monthly_agenda,
    },
    time::{DateParts, Day, PartialDate},
};

use super::{Data, out, publish::visible, say};
use crate::{Office, clock, office::ImportedDraft};

#[derive(Debug, Subcommand)]
pub(super) enum MeetingCommand {
    /// Begin the draft of a meeting
    Add {
        /// Id by which it is named from now on: "kh-3"
        #[arg(value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
        id: String,
        /// What kind of gathering it is
        #[arg(long, value_name = "KIND", value_parser = kind)]
        kind: Kind,
        /// Title
        #[arg(long, value_name = "TEXT")]
        title: String,
        #[command(flatten)]
        said: Said,
        #[command(flatten)]
        data: Data,
    },
    /// Say something else of the meeting in its draft; what is not named stays
    #[command(group(clap::ArgGroup::new("edited").required(true).multiple(true)
        .args(["title", "when", "end", "place", "state"])))]
    Edit {
        /// Meeting, by its id or its author's
        #[arg(value_name = "MEETING")]
        meeting: String,
        /// Title
        #[arg(long, value_name = "TEXT")]
        title: Option<String>,
        #[command(flatten)]
        said: Said,
        #[command(flatten)]
        data: Data,
    },
}

/// What may be said of a meeting.
#[derive(Debug, Args)]
pub(super) struct Said {
    /// When it is, or begins: 2026-12-07, 2026-12-07T08:00, "2026-12-07 sáng", 2026-12; - for unknown
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true)]
    when: Option<Given<PartialDate>>,
    /// When it ends, written likewise
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true)]
    end: Option<Given<PartialDate>>,
    /// Where it is; - for unknown
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    place: Option<Given<String>>,
    /// How far it is
    #[arg(long, value_name = "STATE", value_parser = state)]
    state: Option<State>,
}

#[derive(Debug, Args)]
pub(super) struct AgendaArguments {
    /// Day of the meeting: the agenda is that of its month
    #[arg(value_name = "YYYY-MM-DD")]
    on: Day,
    #[command(flatten)]
    data: Data,
}

/// A value, or that there shall be none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Given<T>(pub(super) Option<T>);

impl FromStr for Given<String> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(Self((text != "-").then(|| text.to_owned())))
    }
}

impl FromStr for Given<u32> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = (text != "-").then(|| text.parse());
        let number = number.transpose();
        number
            .map(Self)
            .map_err(|_| "expected a whole number, or - for none".to_owned())
    }
}

impl FromStr for Given<PartialDate> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "-" {
            return Ok(Self(None));
        }
        let unread = || {
            "expected 08:00, 2026-12-07, 2026-12-07T08:00, \"2026-12-07 sáng\", 2026-12, or - for none"
                .to_owned()
        };
        let mut parts = DateParts::default();
        for word in text.split([' ', 'T']).filter(|word| !word.is_empty()) {
            let unset = if word.contains(':') {
                parts.time.replace(word.to_owned()).is_none()
            } else if word.starts_with(|letter: char| letter.is_ascii_digit()) {
                date(word, &mut parts).ok_or_else(unread)?
            } else {
                parts.part_of_day.replace(word.to_owned()).is_none()
            };
            if !unset {
                return Err(unread());
            }
        }
        let date = PartialDate::try_from(parts);
        date.map(|date| Self(Some(date)))
            .map_err(|error| error.to_string())
    }
}

/// Reads year, month and day as far as they are there. Returns whether there was none before.
fn date(word: &str, parts: &mut DateParts) -> Option<bool> {
    let mut numbers = [None; 3];
    for (index, number) in word.split('-').enumerate() {
        let is_number = number.len() == if index == 0 { 4 } else { 2 };
        *numbers.get_mut(index)? = Some(number.parse().ok().filter(|_| is_number)?);
    }
    let unset = parts.year.is_none();
    [parts.year, parts.month, parts.day] = numbers;
    Some(unset)
}

fn kind(word: &str) -> Result<Kind, String> {
    Kind::parse(word).ok_or_else(|| format!("expected {}", Kind::WORDS.join(", ")))
}

fn state(word: &str) -> Result<State, String> {
    State::parse(word).ok_or_else(|| format!("expected {}", State::WORDS.join(", ")))
}

pub(super) fn run(command: MeetingCommand, language: Language) -> Result<()> {
    match command {
        MeetingCommand::Add {
            id,
            kind,
            title,
            said,
            data,
        } => {
            let meeting = Meeting {
                id,
                kind: Some(kind),
                ..Meeting::default()
            };
            let programme = Programme {
                meeting,
                ..Programme::default()
            };
            let steps = said.steps(Some(title), &programme.meeting);
            let office = Office::open(&data.data)?;
            begun(
                &office.begin_draft(programme, &steps, clock::now())?,
                language,
            )
        }
        MeetingCommand::Edit {
            meeting,
            title,
            said,
            data,
        } => {
            let office = Office::open(&data.data)?;
            let steps = move |draft: &Programme| Ok(said.steps(title, &draft.meeting));
            let draft = office.draft_steps(&meeting, steps, clock::now())?.draft;
            let word = changed(draft.changed, language);
            let title = visible(&draft.title);
            out(&format!("{word}  {}  {title}", draft.external_id))
        }
    }
}

/// Says whether a command has changed a draft.
pub(super) const fn changed(changed: bool, language: Language) -> &'static str {
    if changed {
        say(language, "đã sửa", "changed")
    } else {
        say(language, "không đổi", "unchanged")
    }
}

pub(super) fn agenda(arguments: &AgendaArguments, language: Language) -> Result<()> {
    let office = Office::open(&arguments.data.data)?;
    let open = office.follow_up()?;
    let agenda = monthly_agenda(arguments.on, &open.tasks, &open.petitions);
    begun(&office.begin_draft(agenda, &[], clock::now())?, language)
}

fn begun(draft: &ImportedDraft, language: Language) -> Result<()> {
    let word = say(language, "bản thảo", "draft");
    let title = visible(&draft.title);
    out(&format!("{word}  {}  {title}", draft.external_id))
}

impl Said {
    /// Returns the steps by which a meeting says this. A time is written as a whole, so what was not named
    /// is taken from the draft.
    fn steps(self, title: Option<String>, so_far: &Meeting) -> Vec<DraftStep> {
        let mut steps = Vec::new();
        steps.extend(title.map(|title| MeetingStep::Retitle { title }));
        if self.when.is_some() || self.end.is_some() {
            let kept = |given: Option<Given<PartialDate>>, so_far: &Option<PartialDate>| match given
            {
                Some(Given(date)) => date,
                None => so_far.clone(),
            };
            steps.push(MeetingStep::Retime {
                when: kept(self.when, &so_far.when),
                end: kept(self.end, &so_far.end),
            });
        }
        steps.extend(self.place.map(|Given(place)| MeetingStep::Place { place }));
        steps.extend(self.state.map(|state| MeetingStep::State { state }));
        let steps = steps.into_iter();
        steps.map(|step| DraftStep::Meeting { step }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, String> {
        let Given(date) = text.parse()?;
        Ok(date.map_or_else(String::new, |date: PartialDate| {
            date.written(Language::Vietnamese)
        }))
    }

    #[test]
    fn a_date_is_read_as_far_as_it_is_known() {
        for (text, written) in [
            ("08:00", "8h"),
            ("2026-12-07", "7/12/2026"),
            ("2026-12-07T08:30", "8h30 ngày 7/12/2026"),
            ("2026-12-07 08:30", "8h30 ngày 7/12/2026"),
            ("sáng 2026-12-07", "sáng 7/12/2026"),
            ("2026-12", "tháng 12/2026"),
            ("2026", "năm 2026"),
            ("chiều", "chiều"),
            ("-", ""),
        ] {
            assert_eq!(read(text).as_deref(), Ok(written), "{text}");
        }
        for text in [
            "",
            "8:00",
            "24:00",
            "2026-13",
            "2026-02-30",
            "2026-2-3",
            "7/12/2026",
            "2026-12-07-01",
            "2026 2027",
            "08:00 09:00",
            "trưa",
            "--",
        ] {
            assert!(read(text).is_err(), "{text}: {:?}", read(text));
        }
    }
}
