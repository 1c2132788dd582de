//! `nghisu petition`: what voters have asked for, and what became of it.

use clap::{Args, Subcommand, builder::NonEmptyStringValueParser};
use nghisu_core::{
    Code, Error, Language, Result,
    meeting::{
        act::ActKind,
        ruling::{PetitionRuling, Ruling, Statement},
        states::{PetitionState, State},
    },
    sync::healing::SerialNumber,
    time::Day,
};

use super::{
    Data, out,
    ruling::{followed, follows, meeting_of, unknown},
    say,
    task::{ListArguments, list, overdue},
};
use crate::{Office, clock, office::ReceivedAct};

#[derive(Debug, Subcommand)]
pub(super) enum PetitionCommand {
    /// Make known what a delegate has heard from voters
    Receive {
        /// Meeting to which it was handed in, by its id or its author's
        #[arg(value_name = "MEETING")]
        meeting: String,
        /// Number of the act's receipt
        #[arg(value_name = "NUMBER")]
        number: SerialNumber,
        /// The words in which all may read it [default: the delegate's own]
        #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
        text: Option<String>,
        #[command(flatten)]
        data: Data,
    },
    /// Make known what the office itself has heard from voters
    Add {
        /// Meeting in which it is followed up, by its id or its author's
        #[arg(value_name = "MEETING")]
        meeting: String,
        /// The words in which all may read it
        #[arg(value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
        text: String,
        #[command(flatten)]
        data: Data,
    },
    /// Pass it to whoever is competent
    Transfer {
        /// The petition, by its id or the first 6 letters of it or more
        #[arg(value_name = "ID")]
        id: String,
        /// To whom
        #[arg(long, value_name = "ORGANISATION", value_parser = NonEmptyStringValueParser::new())]
        to: String,
        /// By the end of which day it is to be answered
        #[arg(long, value_name = "YYYY-MM-DD")]
        due: Option<Day>,
        #[command(flatten)]
        data: Data,
    },
    /// Ask whoever has it once more
    Urge(StepArguments),
    /// It was answered: done
    Resolve(StepArguments),
    /// It was answered: being done
    Progress(StepArguments),
    /// It was answered: explained
    Explain(StepArguments),
    /// It was answered: of another's competence; pass it on with transfer
    NotCompetent(StepArguments),
    /// The voters were told
    Report(StepArguments),
    /// List petitions
    List(ListArguments),
}

#[derive(Debug, Args)]
pub(super) struct StepArguments {
    /// The petition, by its id or the first 6 letters of it or more
    #[arg(value_name = "ID")]
    id: String,
    /// The answer, or what there is to say of it
    #[arg(value_name = "TEXT")]
    text: Option<String>,
    #[command(flatten)]
    data: Data,
}

/// A step, with what goes with it.
struct Step {
    state: PetitionState,
    text: String,
    to: Option<String>,
    due: Option<Day>,
}

pub(super) fn run(command: PetitionCommand, language: Language) -> Result<()> {
    let answered = |state, arguments: StepArguments| {
        let StepArguments { id, text, data } = arguments;
        let step = Step {
            state,
            text: text.unwrap_or_default(),
            to: None,
            due: None,
        };
        go_on(&data, &id, step, language)
    };
    match command {
        PetitionCommand::Receive {
            meeting,
            number,
            text,
            data,
        } => receive(&data, &meeting, number, text, language),
        PetitionCommand::Add {
            meeting,
            text,
            data,
        } => {
            let statement = Statement {
                item: None,
                ruling: Ruling::Petition(PetitionRuling::Petition { heard: None }),
                text,
                addressee: None,
            };
            let office = Office::open(&data.data)?;
            out(&office.rule(&meeting, statement, clock::now())?.act)
        }
        PetitionCommand::Transfer { id, to, due, data } => {
            let step = Step {
                state: PetitionState::Transferred,
                text: String::new(),
                to: Some(to),
                due,
            };
            go_on(&data, &id, step, language)
        }
        PetitionCommand::Urge(it) => answered(PetitionState::Urged, it),
        PetitionCommand::Resolve(it) => answered(PetitionState::Resolved, it),
        PetitionCommand::Progress(it) => answered(PetitionState::InProgress, it),
        PetitionCommand::Explain(it) => answered(PetitionState::Explained, it),
        PetitionCommand::NotCompetent(it) => answered(PetitionState::NotCompetent, it),
        PetitionCommand::Report(it) => answered(PetitionState::Reported, it),
        PetitionCommand::List(arguments) => {
            let office = Office::open(&arguments.data.data)?;
            let petitions = office.follow_up()?.petitions;
            let overdue = overdue(&office, &[], &petitions)?;
            list(&petitions, &overdue, &arguments, language)
        }
    }
}

/// Makes a delegate's petition known, once.
fn receive(
    data: &Data,
    meeting: &str,
    number: SerialNumber,
    text: Option<String>,
    language: Language,
) -> Result<()> {
    let office = Office::open(&data.data)?;
    let is_meant = |it: &ReceivedAct| {
        let own = it.receipt.as_ref().and_then(|receipt| receipt.number);
        own == Some(number.get()) && it.act.kind == ActKind::Petition && !it.withdrawn
    };
    let heard = office.acts(meeting)?.into_iter().find(is_meant);
    let heard = heard.ok_or_else(|| {
        let what = say(language, "ý kiến, kiến nghị cử tri", "voters' petition");
        unknown(what, number)
    })?;
    let id = heard.act.id.to_string();
    let known = office.follow_up()?.petitions;
    if let Some(known) = known.iter().find(|it| it.id == id) {
        return follows(known.state(), PetitionState::Received, language);
    }
    let text = text.unwrap_or(heard.act.text);
    if text.trim().is_empty() {
        let words = say(
            language,
            "không có lời nào; dùng --text",
            "it has no words; give --text",
        );
        return Err(Error::new(Code::StatementInvalid, words));
    }
    let statement = Statement {
        item: heard.act.item,
        ruling: Ruling::Petition(PetitionRuling::Petition {
            heard: Some(heard.act.id),
        }),
        text,
        addressee: None,
    };
    office.rule(meeting, statement, clock::now())?;
    out(&id)
}

fn go_on(data: &Data, id: &str, step: Step, language: Language) -> Result<()> {
    let office = Office::open(&data.data)?;
    let petitions = office.follow_up()?.petitions;
    let petition = followed(&petitions, id, language)?;
    follows(petition.state(), step.state, language)?;
    let (meeting, petition_id) = meeting_of(&office, petition)?;
    let statement = Statement {
        item: None,
        ruling: Ruling::Petition(PetitionRuling::PetitionStep {
            petition: petition_id,
            state: step.state,
            due: step.due,
        }),
        text: step.text,
        addressee: step.to,
    };
    office.rule(&meeting.to_string(), statement, clock::now())?;
    out(&format!("{}  {}", step.state.text(language), petition.text))
}
