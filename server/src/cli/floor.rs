//! `nghisu floor`: what the office's console states as the holder of a meeting's floor.

use clap::{Args, Subcommand, builder::NonEmptyStringValueParser};
use nghisu_core::{
    Code, Error, Language, Result,
    ids::ActId,
    meeting::{
        ItemId,
        course::Registration,
        ruling::{FloorRuling, Ruling, Statement},
        states::{SpeakingState, State},
    },
    sync::healing::SerialNumber,
    time::Timestamp,
};

use super::{
    Data, out,
    ruling::{Sitting, When, follows},
};

#[derive(Debug, Args)]
pub(super) struct FloorArguments {
    /// Meeting, by its id or its author's
    #[arg(value_name = "MEETING")]
    meeting: String,
    #[command(flatten)]
    data: Data,
    #[command(subcommand)]
    command: FloorCommand,
}

#[derive(Debug, Subcommand)]
enum FloorCommand {
    /// Hold the floor from here on, whoever has held it
    Take,
    /// Deal with an item; without one, with none
    Open {
        /// The item's id in the programme
        #[arg(value_name = "ITEM")]
        item: Option<ItemId>,
    },
    /// End dealing with the item
    Close,
    /// Call whoever has registered to speak
    Grant {
        /// Number of the registration's receipt
        #[arg(value_name = "NUMBER")]
        number: SerialNumber,
    },
    /// Refuse a registration
    Refuse {
        /// Number of the registration's receipt
        #[arg(value_name = "NUMBER")]
        number: SerialNumber,
        /// Why; everybody reads it
        #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
        reason: String,
    },
    /// Note that whoever was called has spoken
    Spoken {
        /// Number of the registration's receipt
        #[arg(value_name = "NUMBER")]
        number: SerialNumber,
        /// When he began: 08:30 today, or 2026-12-07T08:30 [default: when he was called]
        #[arg(long, value_name = "TIME")]
        began: Option<When>,
        /// When he ended, written likewise [default: now]
        #[arg(long, value_name = "TIME")]
        ended: Option<When>,
    },
    /// Debate the answer to a question on an item: whoever asked speaks first, once
    Debate {
        /// The item's id in the programme
        #[arg(value_name = "ITEM")]
        item: ItemId,
        /// Number of the question's receipt
        #[arg(
            value_name = "NUMBER",
            required_unless_present = "end",
            conflicts_with = "end"
        )]
        question: Option<SerialNumber>,
        /// End the debate on that item
        #[arg(long)]
        end: bool,
    },
    /// Give time to whoever speaks
    Time {
        /// How many seconds from now on; 0 ends it
        #[arg(value_name = "SECONDS")]
        seconds: u32,
    },
}

/// What is stated, and how it is told on standard output.
struct Stated {
    item: Option<ItemId>,
    ruling: FloorRuling,
    text: String,
    told: String,
}

pub(super) fn run(arguments: FloorArguments, language: Language) -> Result<()> {
    let sitting = Sitting::open(&arguments.data.data, &arguments.meeting, language)?;
    let floor = &sitting.course.floor;
    let takes = matches!(arguments.command, FloorCommand::Take);
    let term = if takes {
        floor.term.saturating_add(1)
    } else {
        must_hold(&sitting)?;
        floor.term
    };
    let Stated {
        item,
        ruling,
        text,
        told,
    } = stated(&sitting, arguments.command, term)?;
    sitting.state(Statement {
        item,
        ruling: Ruling::Floor { term, ruling },
        text,
        addressee: None,
    })?;
    out(&told)
}

/// Refuses what only the holder of the floor states, and says who that is.
fn must_hold(sitting: &Sitting) -> Result<()> {
    let holder = sitting.course.floor.holder;
    if holder.is_some_and(|holder| holder.device.is_none()) {
        return Ok(());
    }
    Err(Error::new(
        Code::FloorNotHeld,
        match holder.and_then(|holder| holder.person) {
            Some(person) => format!(
                "{} {}",
                sitting.say("đang điều hành:", "held by"),
                sitting.name(person)
            ),
            None => sitting
                .say("chưa có ai điều hành", "held by nobody")
                .to_owned(),
        },
    ))
}

fn stated(sitting: &Sitting, command: FloorCommand, term: u32) -> Result<Stated> {
    let of_item = |item: Option<ItemId>, ruling, told: String| {
        Ok(Stated {
            item,
            ruling,
            text: String::new(),
            told,
        })
    };
    match command {
        FloorCommand::Take => {
            let words = sitting.say(
                "văn phòng điều hành, lượt",
                "the office holds the floor, term",
            );
            of_item(None, FloorRuling::TakeFloor, format!("{words} {term}"))
        }
        FloorCommand::Open { item: Some(item) } => {
            let told = format!("{}  {item}", sitting.say("đang bàn", "open"));
            of_item(Some(item), FloorRuling::Open, told)
        }
        FloorCommand::Open { item: None } | FloorCommand::Close => {
            let told = sitting.say("không bàn mục nào", "no item is open");
            of_item(None, FloorRuling::Open, told.to_owned())
        }
        FloorCommand::Grant { number } => {
            let grant = |registration| FloorRuling::Grant { registration };
            step(sitting, number, SpeakingState::Granted, grant)
        }
        FloorCommand::Refuse { number, reason } => {
            let refuse = |registration| FloorRuling::Refuse { registration };
            let stated = step(sitting, number, SpeakingState::Refused, refuse)?;
            Ok(Stated {
                text: reason,
                ..stated
            })
        }
        FloorCommand::Spoken {
            number,
            began,
            ended,
        } => spoken(sitting, number, began, ended),
        FloorCommand::Debate {
            item,
            question: Some(number),
            ..
        } => {
            let asked_by = sitting.question(number)?.person;
            let words = sitting.say("tranh luận về trả lời chất vấn", "debate on question");
            let told = format!("{words} {number}  {item}  {}", sitting.name(asked_by));
            let asked_by = Some(asked_by);
            of_item(Some(item), FloorRuling::Debate { asked_by }, told)
        }
        FloorCommand::Debate {
            item,
            question: None,
            ..
        } => {
            if !sitting.course.debates.contains_key(&item) {
                let words = sitting.say("không có tranh luận ở mục", "there is no debate on");
                return Err(Error::new(
                    Code::StepInvalid,
                    format_args!("{words} {item}"),
                ));
            }
            let told = format!("{}  {item}", sitting.say("hết tranh luận", "debate ended"));
            let ruling = FloorRuling::Debate { asked_by: None };
            of_item(Some(item), ruling, told)
        }
        FloorCommand::Time { seconds } => {
            let told = format!("{}  {seconds}", sitting.say("thời gian (giây)", "seconds"));
            of_item(None, FloorRuling::Allot { seconds }, told)
        }
    }
}

/// Lets a registration go on, if it can.
fn step(
    sitting: &Sitting,
    number: SerialNumber,
    to: SpeakingState,
    ruling: impl FnOnce(ActId) -> FloorRuling,
) -> Result<Stated> {
    let registration = sitting.registration(number)?;
    follows(registration.history.state(), to, sitting.language)?;
    let (word, name) = (to.text(sitting.language), sitting.name(registration.person));
    Ok(Stated {
        item: registration.item.clone(),
        ruling: ruling(registration.act),
        text: String::new(),
        told: format!("{word}  {number}  {name}"),
    })
}

fn spoken(
    sitting: &Sitting,
    number: SerialNumber,
    began: Option<When>,
    ended: Option<When>,
) -> Result<Stated> {
    let registration = sitting.registration(number)?;
    let moment = |when: When| sitting.moment(when);
    let began = began.map_or_else(|| called_at(registration, sitting.now), moment);
    let ended = ended.map_or(sitting.now, moment);
    let stated = step(sitting, number, SpeakingState::Spoken, |registration| {
        FloorRuling::Spoken {
            registration,
            began,
            ended,
        }
    })?;
    sitting.in_order(began, ended)?;
    Ok(stated)
}

/// Returns when a registration was called.
fn called_at(registration: &Registration, now: Timestamp) -> Timestamp {
    let mut steps = registration.history.steps().iter();
    let called = steps.find(|step| step.state == SpeakingState::Granted);
    called.map_or(now, |step| step.on)
}
