//! `nghisu task`: what was given to somebody to do, and what became of it.

use std::collections::BTreeMap;

use clap::{Args, Subcommand, builder::NonEmptyStringValueParser};
use nghisu_core::{
    Language, Result,
    meeting::{
        follow_up::{Followed, Petition, Task, overdue_on},
        ruling::{Ruling, Statement, TaskRuling},
        states::{State, TaskState},
    },
    sync::healing::SerialNumber,
    time::Day,
};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    Data, out,
    ruling::{Sitting, followed, follows, meeting_of},
    say,
};
use crate::{Office, clock};

#[derive(Debug, Subcommand)]
pub(super) enum TaskCommand {
    /// Give a task
    Give {
        /// Meeting in which it was given, by its id or its author's
        #[arg(value_name = "MEETING")]
        meeting: String,
        /// Whose it is
        #[arg(long, value_name = "OWNER", value_parser = NonEmptyStringValueParser::new())]
        to: String,
        /// By the end of which day
        #[arg(long, value_name = "YYYY-MM-DD")]
        due: Option<Day>,
        /// The conclusion that it comes from, by its number in the meeting's record
        #[arg(long, value_name = "NUMBER")]
        conclusion: Option<SerialNumber>,
        /// What is to be done
        #[arg(value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
        text: String,
        #[command(flatten)]
        data: Data,
    },
    /// Note what its owner has reported
    Report {
        /// The task, by its id or the first 6 letters of it or more
        #[arg(value_name = "ID")]
        id: String,
        /// The report
        #[arg(value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
        text: String,
        #[command(flatten)]
        data: Data,
    },
    /// Note that it is done
    Done {
        /// The task, by its id or the first 6 letters of it or more
        #[arg(value_name = "ID")]
        id: String,
        /// What there is to say of it
        #[arg(value_name = "TEXT")]
        text: Option<String>,
        #[command(flatten)]
        data: Data,
    },
    /// List tasks
    List(ListArguments),
}

/// How tasks and petitions are listed.
#[derive(Debug, Args)]
pub(super) struct ListArguments {
    /// Only what was due before today and is not done, what has waited longest first
    #[arg(long)]
    pub(super) overdue: bool,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) data: Data,
}

pub(super) fn run(command: TaskCommand, language: Language) -> Result<()> {
    match command {
        TaskCommand::Give {
            meeting,
            to,
            due,
            conclusion,
            text,
            data,
        } => {
            let sitting = Sitting::open(&data.data, &meeting, language)?;
            let conclusion = conclusion.map(|number| sitting.conclusion(number));
            let conclusion = conclusion.transpose()?;
            let given = sitting.state(Statement {
                item: conclusion.and_then(|conclusion| conclusion.item.clone()),
                ruling: Ruling::Task(TaskRuling::Task {
                    conclusion: conclusion.map(|conclusion| conclusion.act),
                    due,
                }),
                text,
                addressee: Some(to),
            })?;
            out(&given.act)
        }
        TaskCommand::Report { id, text, data } => {
            step(&data, &id, TaskState::Reported, text, language)
        }
        TaskCommand::Done { id, text, data } => {
            let text = text.unwrap_or_default();
            step(&data, &id, TaskState::Done, text, language)
        }
        TaskCommand::List(arguments) => {
            let office = Office::open(&arguments.data.data)?;
            let tasks = office.follow_up()?.tasks;
            let overdue = overdue(&office, &tasks, &[])?;
            list(&tasks, &overdue, &arguments, language)
        }
    }
}

fn step(data: &Data, id: &str, state: TaskState, text: String, language: Language) -> Result<()> {
    let office = Office::open(&data.data)?;
    let tasks = office.follow_up()?.tasks;
    let task = followed(&tasks, id, language)?;
    follows(task.state(), state, language)?;
    let (meeting, task_id) = meeting_of(&office, task)?;
    let statement = Statement {
        item: None,
        ruling: Ruling::Task(TaskRuling::TaskStep {
            task: task_id,
            state,
        }),
        text,
        addressee: None,
    };
    office.rule(&meeting.to_string(), statement, clock::now())?;
    out(&format!("{}  {}", state.text(language), task.text))
}

/// Returns for how many days what is overdue today has been.
pub(super) fn overdue(
    office: &Office,
    tasks: &[Task],
    petitions: &[Petition],
) -> Result<Vec<(String, i64)>> {
    let today = office.day_at(clock::now())?;
    let overdue = overdue_on(tasks, petitions, today).into_iter();
    Ok(overdue.map(|it| (it.what.to_owned(), it.days)).collect())
}

/// Lists what is followed up: all in the order in which it began, or what is overdue.
pub(super) fn list<S: State + Serialize>(
    all: &[Followed<S>],
    overdue: &[(String, i64)],
    arguments: &ListArguments,
    language: Language,
) -> Result<()> {
    let by_id: BTreeMap<&str, &Followed<S>> = all.iter().map(|it| (it.id.as_str(), it)).collect();
    let days: BTreeMap<&str, i64> = overdue.iter().map(|(id, days)| (&**id, *days)).collect();
    let shown: Vec<&Followed<S>> = if arguments.overdue {
        let ids = overdue.iter().map(|(id, _)| id.as_str());
        ids.filter_map(|id| by_id.get(id).copied()).collect()
    } else {
        all.iter().collect()
    };
    if arguments.json {
        let json = |it: &&Followed<S>| -> Value {
            let mut json = json!(it);
            json["state"] = it.state().word().into();
            json["overdue_days"] = days.get(it.id.as_str()).copied().into();
            json
        };
        return out(&shown.iter().map(json).collect::<Value>());
    }
    shown.into_iter().try_for_each(|it| {
        let owner = it.owner.as_deref().unwrap_or("—");
        let state = it.state().text(language);
        let due = it.due.map_or(String::new(), |due| {
            format!("  {} {due}", say(language, "hạn", "due"))
        });
        let late = days.get(it.id.as_str()).map_or(String::new(), |days| {
            let (before, after) = match language {
                Language::Vietnamese => ("quá hạn", "ngày"),
                Language::English => ("overdue by", "days"),
            };
            format!("  ({before} {days} {after})")
        });
        out(&format!(
            "{}  {state}  {owner}{due}{late}  {}",
            it.id, it.text
        ))
    })
}
