//! `nghisu record`: what is written down of what was said and decided.

use clap::{Args, Subcommand, builder::NonEmptyStringValueParser};
use nghisu_core::{
    Code, Error, Language, Result,
    meeting::{
        ItemId,
        ruling::{Recorded, Ruling, Statement, VoteResult},
        states::{QuestionState, State},
    },
    sync::healing::SerialNumber,
};

use super::{
    Data, out,
    ruling::{Sitting, When, follows},
};

#[derive(Debug, Args)]
pub(super) struct RecordArguments {
    /// Meeting, by its id or its author's
    #[arg(value_name = "MEETING")]
    meeting: String,
    #[command(flatten)]
    data: Data,
    #[command(subcommand)]
    command: RecordCommand,
}

#[derive(Debug, Subcommand)]
enum RecordCommand {
    /// Write down a speech that nobody had registered for
    Speech {
        /// Who spoke
        #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
        speaker: String,
        /// The item's id in the programme
        #[arg(long, value_name = "ID")]
        item: Option<ItemId>,
        /// When it began: 08:30 today, or 2026-12-07T08:30
        #[arg(long, value_name = "TIME")]
        began: When,
        /// When it ended, written likewise
        #[arg(long, value_name = "TIME")]
        ended: When,
        /// What was said, in short
        #[arg(value_name = "TEXT")]
        text: Option<String>,
    },
    /// Write down the result of a vote
    Vote(VoteArguments),
    /// Write down what the chair concludes; tasks name it by the number that is printed
    Conclusion {
        /// Who concluded
        #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
        by: Option<String>,
        /// The item's id in the programme
        #[arg(long, value_name = "ID")]
        item: Option<ItemId>,
        /// The conclusion
        #[arg(value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
        text: String,
    },
    /// Write down a step in the life of a question
    Question {
        /// Number of the question's receipt
        #[arg(value_name = "NUMBER")]
        number: SerialNumber,
        #[command(subcommand)]
        step: QuestionCommand,
    },
}

#[derive(Debug, Args)]
struct VoteArguments {
    /// The item's id in the programme
    #[arg(long, value_name = "ID")]
    item: Option<ItemId>,
    /// All delegates of the body [default: from `nghisu roll MEETING seats`]
    #[arg(long, value_name = "N")]
    total: Option<u16>,
    /// Those who were there
    #[arg(long, value_name = "N")]
    present: u16,
    /// For it
    #[arg(long = "for", value_name = "N")]
    in_favour: u16,
    /// Against it
    #[arg(long, value_name = "N")]
    against: u16,
    /// Neither
    #[arg(long, value_name = "N")]
    abstained: u16,
    /// What was voted on
    #[arg(value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    text: String,
}

#[derive(Debug, Subcommand)]
enum QuestionCommand {
    /// Put it to others of the same subject
    Group {
        /// The subject
        #[arg(value_name = "SUBJECT", value_parser = NonEmptyStringValueParser::new())]
        subject: String,
    },
    /// It was answered in the hall
    AnswerOrally(Answer),
    /// It was answered by letter
    AnswerInWriting(Answer),
}

#[derive(Debug, Args)]
struct Answer {
    /// Who answered
    #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    by: String,
    /// The answer, or what it says in short
    #[arg(value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    text: String,
}

pub(super) fn run(arguments: RecordArguments, language: Language) -> Result<()> {
    let sitting = Sitting::open(&arguments.data.data, &arguments.meeting, language)?;
    match arguments.command {
        RecordCommand::Speech {
            speaker,
            item,
            began,
            ended,
            text,
        } => {
            let (began, ended) = (sitting.moment(began), sitting.moment(ended));
            sitting.in_order(began, ended)?;
            let word = sitting.say("phát biểu", "speech");
            let statement = Statement {
                item,
                ruling: Ruling::Recorded(Recorded::Speech { began, ended }),
                text: text.unwrap_or_default(),
                addressee: Some(speaker),
            };
            record(&sitting, word, statement)
        }
        RecordCommand::Vote(arguments) => vote(&sitting, arguments),
        RecordCommand::Conclusion { by, item, text } => {
            let word = sitting.say("kết luận", "conclusion");
            let statement = Statement {
                item,
                ruling: Ruling::Recorded(Recorded::Conclusion),
                text,
                addressee: by,
            };
            record(&sitting, word, statement)
        }
        RecordCommand::Question { number, step } => question(&sitting, number, step),
    }
}

/// Writes something down and prints the number that it got.
fn record(sitting: &Sitting, word: &str, statement: Statement) -> Result<()> {
    let number = SerialNumber::new(sitting.state(statement)?.number);
    out(&format!("{word} {number}"))
}

fn vote(sitting: &Sitting, arguments: VoteArguments) -> Result<()> {
    let total = arguments.total.or(sitting.course.roll.total);
    let total = total.ok_or_else(|| {
        let words = sitting.say(
            "chưa biết tổng số đại biểu; dùng --total hoặc `nghisu roll CUỘC-HỌP seats`",
            "how many delegates there are is not known; give --total or run `nghisu roll MEETING seats`",
        );
        Error::new(Code::StatementInvalid, words)
    })?;
    let result = VoteResult {
        total,
        present: arguments.present,
        in_favour: arguments.in_favour,
        against: arguments.against,
        abstained: arguments.abstained,
    };
    if !result.adds_up() {
        let (present, votes) = (
            result.present,
            [result.in_favour, result.against, result.abstained].map(u32::from),
        );
        let votes: u32 = votes.iter().sum();
        let detail = match sitting.language {
            Language::Vietnamese => format!(
                "{votes} phiếu, {present} có mặt, {total} đại biểu: số phiếu không được quá số có mặt, số có mặt không được quá tổng số"
            ),
            Language::English => format!(
                "{votes} votes, {present} present, {total} delegates: no more votes than present, and no more present than delegates"
            ),
        };
        return Err(Error::new(Code::StatementInvalid, detail));
    }
    let word = if result.has_majority() {
        sitting.say("biểu quyết (quá nửa tán thành)", "vote (carried)")
    } else {
        sitting.say("biểu quyết (chưa quá nửa tán thành)", "vote (not carried)")
    };
    let statement = Statement {
        item: arguments.item,
        ruling: Ruling::Recorded(Recorded::Vote { result }),
        text: arguments.text,
        addressee: None,
    };
    record(sitting, word, statement)
}

fn question(sitting: &Sitting, number: SerialNumber, step: QuestionCommand) -> Result<()> {
    let question = sitting.question(number)?;
    let (state, text, addressee) = match step {
        QuestionCommand::Group { subject } => (QuestionState::Grouped, subject, None),
        QuestionCommand::AnswerOrally(Answer { by, text }) => {
            (QuestionState::AnsweredOrally, text, Some(by))
        }
        QuestionCommand::AnswerInWriting(Answer { by, text }) => {
            (QuestionState::AnsweredInWriting, text, Some(by))
        }
    };
    follows(question.history.state(), state, sitting.language)?;
    sitting.state(Statement {
        item: question.item.clone(),
        ruling: Ruling::Recorded(Recorded::Question {
            question: question.act,
            state,
        }),
        text,
        addressee,
    })?;
    let (word, name) = (state.text(sitting.language), sitting.name(question.person));
    out(&format!("{word}  {number}  {name}"))
}
