//! `nghisu minutes`: the minutes of a meeting, from what secretaries type to what the chair has approved.

use std::{
    fs,
    io::{Read, stdin},
    path::PathBuf,
};

use clap::Subcommand;
use nghisu_core::{
    Code, Error, Language, Result,
    ids::Hash,
    limits::MINUTES_TEXT_BYTES_MAX,
    meeting::{
        minutes::{Minutes, text_hash},
        states::State,
    },
};
use serde_json::json;

use super::{Data, out, say};
use crate::{Office, clock};

#[derive(Debug, Subcommand)]
pub(super) enum MinutesCommand {
    /// Print the minutes as they stand
    Show {
        /// Meeting, by its id or its author's
        #[arg(value_name = "MEETING")]
        meeting: String,
        /// Print JSON: also how far they are, and the name of the text
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        data: Data,
    },
    /// Make the minutes say what a file says; what differs is typed into them
    Write {
        /// Meeting, by its id or its author's
        #[arg(value_name = "MEETING")]
        meeting: String,
        /// File with the text; - for standard input
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Refuse it if the minutes are not this text any more, as `show --json` names it
        #[arg(long, value_name = "SHA256")]
        seen: Option<Hash>,
        #[command(flatten)]
        data: Data,
    },
    /// Lay the minutes before the chair as they stand
    Lay {
        /// Meeting, by its id or its author's
        #[arg(value_name = "MEETING")]
        meeting: String,
        #[command(flatten)]
        data: Data,
    },
    /// Approve the minutes that lie before the chair, for one who has no device
    Approve {
        /// Meeting, by its id or its author's
        #[arg(value_name = "MEETING")]
        meeting: String,
        #[command(flatten)]
        data: Data,
    },
}

pub(super) fn run(command: MinutesCommand, language: Language) -> Result<()> {
    match command {
        MinutesCommand::Show {
            meeting,
            json,
            data,
        } => {
            let minutes = Office::open(&data.data)?.minutes(&meeting)?;
            if json {
                return out(&minutes_json(&minutes));
            }
            if !minutes.text.is_empty() {
                out(&minutes.text)?;
            }
            minutes.set_aside.iter().try_for_each(|it| {
                let words = say(
                    language,
                    "chưa có chỗ trong biên bản",
                    "has no place in them",
                );
                out(&format!("[{words}: {}]", it.text))
            })
        }
        MinutesCommand::Write {
            meeting,
            file,
            seen,
            data,
        } => {
            let text = read(&file)?;
            let office = Office::open(&data.data)?;
            let minutes = office.write_minutes(&meeting, (&text, seen), clock::now())?;
            told(&minutes, language)
        }
        MinutesCommand::Lay { meeting, data } => {
            let office = Office::open(&data.data)?;
            told(&office.lay_minutes(&meeting, clock::now())?, language)
        }
        MinutesCommand::Approve { meeting, data } => {
            let office = Office::open(&data.data)?;
            told(&office.approve_minutes(&meeting, clock::now())?, language)
        }
    }
}

fn read(file: &PathBuf) -> Result<String> {
    let failed = |error| Error::new(Code::Storage, format_args!("{}: {error}", file.display()));
    let mut text = String::new();
    // One byte more than fits shows that it does not.
    let most = MINUTES_TEXT_BYTES_MAX as u64 + 1;
    if file.as_os_str() == "-" {
        stdin()
            .take(most)
            .read_to_string(&mut text)
            .map_err(failed)?;
    } else {
        let opened = fs::File::open(file).map_err(failed)?;
        opened
            .take(most)
            .read_to_string(&mut text)
            .map_err(failed)?;
    }
    Ok(text)
}

fn told(minutes: &Minutes, language: Language) -> Result<()> {
    let hash = text_hash(&minutes.text);
    out(&format!("{}  {hash}", minutes.state.text(language)))
}

fn minutes_json(minutes: &Minutes) -> serde_json::Value {
    json!({
        "state": minutes.state.word(),
        "text": minutes.text,
        "sha256": text_hash(&minutes.text),
        "approved": minutes.approval,
        "set_aside": minutes.set_aside,
    })
}
