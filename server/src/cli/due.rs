//! `nghisu due`: what the body has to do by a day, by its rules and by what it has promised.

use clap::Args;
use nghisu_core::{
    Language, Result,
    meeting::{
        deadlines::{Obligation, overdue},
        owed::Owed,
    },
    time::Day,
};
use serde_json::json;

use super::{Data, out, publish::visible};
use crate::{Office, clock};

#[derive(Debug, Args)]
pub(super) struct DueArguments {
    /// Only what was due before that day and was not done by then, what has waited longest first
    #[arg(long)]
    overdue: bool,
    /// As it stands on that day [default: today]
    #[arg(long, value_name = "YYYY-MM-DD")]
    on: Option<Day>,
    #[command(flatten)]
    data: Data,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &DueArguments, language: Language) -> Result<()> {
    let office = Office::open(&arguments.data.data)?;
    let today = match arguments.on {
        Some(day) => day,
        None => office.day_at(clock::now())?,
    };
    let mut open = office.obligations()?;
    open.retain(|it| it.done.is_none_or(|done| done > today));
    if arguments.overdue {
        let late = overdue(open.iter().cloned(), today);
        if arguments.json {
            return out(&json!(late));
        }
        return late.iter().try_for_each(|it| {
            let days = it.days;
            let late = match language {
                Language::Vietnamese => format!("quá hạn {days} ngày"),
                Language::English => format!("overdue by {days} days"),
            };
            out(&format!("{}  {late}  {}", it.due, told(&it.what, language)))
        });
    }
    if arguments.json {
        return out(&json!(open));
    }
    open.iter().try_for_each(|it: &Obligation<Owed>| {
        out(&format!("{}  {}", it.due, told(&it.what, language)))
    })
}

fn told(owed: &Owed, language: Language) -> String {
    let owner = owed.owner().map(|owner| format!("  ({owner})"));
    visible(&format!(
        "{}{}",
        owed.text(language),
        owner.unwrap_or_default()
    ))
}
