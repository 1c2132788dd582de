//! `nghisu body`: what the body is, stated to all with an account, and shown as it is on a day.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use nghisu_core::{
    Code, Error, Language, Result,
    meeting::{
        body::{Body, BodyOn, BodyStatement, Clocks, Held, Membership, rules_on},
        deadlines::{Duty, Period, Rules},
    },
    sync::healing::SerialNumber,
    time::{Day, Validity},
};
use serde_json::json;

use super::{Data, out, publish::visible, ruling::shown, say, write_out};
use crate::{
    Office, clock,
    import::body::{BodyFile, written},
};

#[derive(Debug, Subcommand)]
pub(super) enum BodyCommand {
    /// State what the body is: terms, organisations, people, posts and rules, from one file
    Import {
        /// The whole body: TOML, as export writes it; or objects of OParl 1.1 in JSON, laid over what is stated
        #[arg(value_name = "FILE")]
        file: PathBuf,
        #[command(flatten)]
        data: Data,
    },
    /// Show the body as it is on a day
    Show {
        /// The day [default: today]
        #[arg(long, value_name = "YYYY-MM-DD")]
        on: Option<Day>,
        #[command(flatten)]
        data: Data,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Write what was stated last as a file that import reads
    Export {
        /// The file to write, or - for standard output
        #[arg(value_name = "FILE|-")]
        file: PathBuf,
        #[command(flatten)]
        data: Data,
    },
    /// Work out by which day something is due, by the body's rules on the day of the event
    Due(DueArguments),
}

#[derive(Debug, Args)]
pub(super) struct DueArguments {
    /// papers, public_notice, appraisal, explanation_notice, promise_report, written_answer,
    /// resolution_sent_up, minutes_sent_up, standing_meeting or briefing
    #[arg(value_name = "DUTY", value_parser = duty)]
    duty: Duty,
    /// The day of the event: of the meeting, the question, the signature
    #[arg(value_name = "YYYY-MM-DD")]
    event: Day,
    #[command(flatten)]
    data: Data,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn duty(word: &str) -> Result<Duty, String> {
    serde_json::from_value(json!(word)).map_err(|error| error.to_string())
}

pub(super) fn run(command: BodyCommand, language: Language) -> Result<()> {
    match command {
        BodyCommand::Import { file, data } => {
            let office = Office::open(&data.data)?;
            let file = BodyFile::open(&file)?;
            let lay = move |before: &Body| file.over(before, language);
            let (word, stated) = match office.state_body_over(lay, clock::now())? {
                Some(stated) => (say(language, "đã nhập", "imported"), stated),
                None => (say(language, "không đổi", "unchanged"), known(&office)?),
            };
            let number = SerialNumber::new(stated.number);
            out(&format!("{word}  {number}  {}", visible(&stated.body.name)))
        }
        BodyCommand::Show { on, data, json } => {
            let stated = known(&Office::open(&data.data)?)?;
            let day = on.unwrap_or_else(|| Clocks(Some(&stated.body)).day_at(clock::now()));
            if json {
                return out(&json!({
                    "number": SerialNumber::new(stated.number).to_string(),
                    "stated_at": stated.stated_at,
                    "body": stated.body,
                    "on": stated.body.on(day),
                }));
            }
            show(&stated, day, language)
        }
        BodyCommand::Export { file, data } => {
            let stated = known(&Office::open(&data.data)?)?;
            write_out(&file, written(&stated.body)?.as_bytes())
        }
        BodyCommand::Due(arguments) => due(&arguments, language),
    }
}

fn known(office: &Office) -> Result<BodyStatement> {
    let stated = office.body()?;
    stated.ok_or_else(|| Error::new(Code::BodyUnknown, "nghisu body import"))
}

fn show(stated: &BodyStatement, day: Day, language: Language) -> Result<()> {
    let (body, at) = (
        &stated.body,
        shown(stated.stated_at, Clocks(Some(&stated.body))),
    );
    let number = SerialNumber::new(stated.number);
    let level = body.level.map(|level| level.text(language));
    out(&format!(
        "{}{}\n{} {number}, {at}",
        visible(&body.name),
        level
            .map(|level| format!("  [{level}]"))
            .unwrap_or_default(),
        say(language, "bản", "statement"),
    ))?;
    for (word, others) in [
        (say(language, "tiền thân", "came from"), &body.predecessors),
        (say(language, "kế tục", "went into"), &body.successors),
    ] {
        for other in others {
            out(&format!("{word}: {}  {}", visible(&other.name), other.on))?;
        }
    }
    let on = body.on(day);
    let exists = match on.exists {
        Some(true) => "",
        Some(false) => say(language, "  (không tồn tại)", "  (does not exist)"),
        None => unsure(false, language),
    };
    out(&format!("\n{day}{exists}"))?;
    for term in &on.terms {
        let word = say(language, "nhiệm kỳ", "term");
        let (name, unsure) = (visible(&term.what.name), unsure(term.certain, language));
        out(&format!("{word}: {name}{unsure}"))?;
    }
    for organisation in &on.organisations {
        let unsure = unsure(organisation.certain, language);
        out(&format!("{}{unsure}", visible(&organisation.what.name)))?;
        for (successor, since) in body.successors_of(&organisation.what.id) {
            let word = say(language, "kế tục", "goes into");
            out(&format!(
                "  → {word}: {}  {since}",
                visible(&successor.name)
            ))?;
        }
        members(body, &on, organisation.what.id.as_str(), language)?;
    }
    match on.rules {
        Some(rules) => show_rules(rules, language),
        None => out(&say(
            language,
            "chưa có quy định riêng: dùng quy định chung",
            "no rules of its own: those that every body begins with",
        )),
    }
}

fn members(body: &Body, on: &BodyOn<'_>, organisation: &str, language: Language) -> Result<()> {
    let of = |held: &&Held<'_, Membership>| held.what.organisation.as_str() == organisation;
    for held in on.memberships.iter().filter(of) {
        let person = body.person(&held.what.person);
        let name = person.map_or(held.what.person.as_str(), |person| &person.name);
        let honorific = person.and_then(|person| person.honorific.as_deref());
        let post = match &held.what.post {
            Some(post) => post.as_str(),
            None => say(language, "thành viên", "member"),
        };
        out(&format!(
            "  {}{}  {}  {}{}",
            honorific
                .map(|it| format!("{} ", visible(it)))
                .unwrap_or_default(),
            visible(name),
            visible(post),
            period(held.what.validity()),
            unsure(held.certain, language)
        ))?;
    }
    Ok(())
}

fn show_rules(rules: &Rules, language: Language) -> Result<()> {
    let validity = Validity {
        from: rules.from.map(Into::into),
        until: rules.until.map(Into::into),
    };
    let word = say(language, "quy định", "rules");
    out(&format!("{word}  {}", period(validity)))?;
    for duty in Duty::ALL {
        let of = rules.rules.iter().filter(|rule| rule.duty == duty);
        for rule in of {
            out(&format!(
                "  {}: {}  [{}]",
                duty.text(language),
                counted(rule.period, language),
                visible(&rule.source)
            ))?;
        }
    }
    Ok(())
}

fn period(validity: Validity) -> String {
    let end = |day: Option<_>| day.map_or_else(|| "…".to_owned(), |day| format!("{day}"));
    format!("{}–{}", end(validity.from), end(validity.until))
}

/// Says how a period is counted.
fn counted(period: Period, language: Language) -> String {
    let days = |working: bool| match (language, working) {
        (Language::Vietnamese, false) => "ngày",
        (Language::Vietnamese, true) => "ngày làm việc",
        (Language::English, false) => "days",
        (Language::English, true) => "working days",
    };
    match (period, language) {
        (
            Period::After {
                days: n, working, ..
            },
            Language::Vietnamese,
        ) => {
            format!("trong {n} {} sau", days(working))
        }
        (
            Period::After {
                days: n, working, ..
            },
            Language::English,
        ) => {
            format!("within {n} {} after", days(working))
        }
        (Period::Before { days: n, working }, Language::Vietnamese) => {
            format!("{n} {} trước", days(working))
        }
        (Period::Before { days: n, working }, Language::English) => {
            format!("{n} {} before", days(working))
        }
        (Period::Months(n), Language::Vietnamese) => format!("{n} tháng sau"),
        (Period::Months(n), Language::English) => format!("{n} months after"),
    }
}

const fn unsure(certain: bool, language: Language) -> &'static str {
    if certain {
        ""
    } else {
        say(language, "  (chưa rõ ngày)", "  (the day is not known)")
    }
}

fn due(arguments: &DueArguments, language: Language) -> Result<()> {
    let DueArguments {
        duty, event, json, ..
    } = *arguments;
    let stated = Office::open(&arguments.data.data)?.body()?;
    let rules = rules_on(stated.as_ref().map(|stated| &stated.body), event);
    let rule = rules.rule(duty, event);
    let due = rule.map(|rule| rule.period.due(event, &rules.calendar));
    if json {
        return out(&json!({ "duty": duty, "event": event, "due": due, "rule": rule }));
    }
    match (due, rule) {
        (Some(due), Some(rule)) => out(&format!(
            "{due}  {}: {}  [{}]",
            duty.text(language),
            counted(rule.period, language),
            visible(&rule.source)
        )),
        (None, _) | (_, None) => out(&format!(
            "{}  {}",
            duty.text(language),
            say(
                language,
                "chưa có quy định cho ngày này",
                "no rule for it on that day"
            )
        )),
    }
}
