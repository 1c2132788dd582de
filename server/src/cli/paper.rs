//! `nghisu paper`: the papers of a draft and their files.

use std::path::PathBuf;

use clap::{Args, Subcommand, builder::NonEmptyStringValueParser};
use nghisu_core::{
    Code, Error, Language, Result,
    meeting::{
        ItemId, Paper, PaperId, Programme,
        drafting::{DraftStep, PaperStep},
    },
};
use serde_json::{Value, json};

use super::{Data, item, meeting::changed, out, publish::visible, say};
use crate::{Office, clock, import::FileRole};

#[derive(Debug, Subcommand)]
pub(super) enum PaperCommand {
    /// Add a paper; prints the id by which it is named
    Add {
        /// Meeting, by its id or its author's
        #[arg(value_name = "MEETING")]
        meeting: String,
        /// Title
        #[arg(value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
        title: String,
        /// The item that has it, by its id or its number [default: the whole meeting]
        #[arg(long, value_name = "ITEM")]
        item: Option<String>,
        /// Number as it is printed: 83/TTr-TTHĐND
        #[arg(long, value_name = "NUMBER")]
        number: Option<String>,
        #[command(flatten)]
        files: Files,
        #[command(flatten)]
        data: Data,
    },
    /// Give a paper another version of its files
    Replace {
        #[command(flatten)]
        of: OnePaper,
        #[command(flatten)]
        files: SomeFiles,
    },
    /// Give a paper another title
    Retitle {
        #[command(flatten)]
        of: OnePaper,
        /// Title
        #[arg(value_name = "TEXT")]
        title: String,
    },
    /// Give a paper to one item, or to the whole meeting
    Move {
        #[command(flatten)]
        of: OnePaper,
        #[command(flatten)]
        to: Owner,
    },
    /// Remove a paper
    Remove(OnePaper),
    /// List the papers of a draft
    List {
        /// Meeting, by its id or its author's
        #[arg(value_name = "MEETING")]
        meeting: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        data: Data,
    },
}

#[derive(Debug, Args)]
pub(super) struct Files {
    /// The file that people read
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Its text in UTF-8, for search
    #[arg(long, value_name = "FILE")]
    text: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(super) struct SomeFiles {
    /// The file that people read
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Its text in UTF-8, for search
    #[arg(long, value_name = "FILE")]
    text: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct Owner {
    /// The item, by its id or its number
    #[arg(long, value_name = "ITEM")]
    item: Option<String>,
    /// The whole meeting: all who take part read it
    #[arg(long)]
    whole: bool,
}

/// A paper of a draft.
#[derive(Debug, Args)]
pub(super) struct OnePaper {
    /// Meeting, by its id or its author's
    #[arg(value_name = "MEETING")]
    meeting: String,
    /// Paper, by its id, or by its number where no other has it
    #[arg(value_name = "PAPER")]
    paper: String,
    #[command(flatten)]
    data: Data,
}

pub(super) fn run(command: PaperCommand, language: Language) -> Result<()> {
    match command {
        PaperCommand::Add {
            meeting,
            title,
            item,
            number,
            files,
            data,
        } => {
            let office = Office::open(&data.data)?;
            let id = item::drawn_id()?;
            let paper: PaperId = id
                .parse()
                .map_err(|error| Error::new(Code::Internal, error))?;
            let steps = move |draft: &Programme| {
                let item = owner(draft, item.as_deref(), language)?;
                let step = PaperStep::Add {
                    item,
                    title,
                    number,
                };
                Ok((paper.clone(), vec![DraftStep::Paper { paper, step }]))
            };
            let files = roles(files.file, files.text);
            office.draft_paper(&meeting, &files, steps, clock::now())?;
            out(&id)
        }
        PaperCommand::Replace { of, files } => {
            take(&of, &roles(files.file, files.text), language, |_| Ok(None))
        }
        PaperCommand::Retitle { of, title } => take(&of, &[], language, |_| {
            Ok(Some(PaperStep::Retitle { title }))
        }),
        PaperCommand::Move { of, to } => take(&of, &[], language, move |draft| {
            let item = owner(draft, to.item.as_deref(), language)?;
            Ok(Some(PaperStep::Move { item }))
        }),
        PaperCommand::Remove(of) => take(&of, &[], language, |_| Ok(Some(PaperStep::Remove))),
        PaperCommand::List {
            meeting,
            json,
            data,
        } => {
            let draft = Office::open(&data.data)?.draft(&meeting)?;
            list(&draft.programme, json, language)
        }
    }
}

fn roles(file: Option<PathBuf>, text: Option<PathBuf>) -> Vec<(FileRole, PathBuf)> {
    let file = file.map(|path| (FileRole::File, path));
    let text = text.map(|path| (FileRole::Text, path));
    file.into_iter().chain(text).collect()
}

fn owner(draft: &Programme, item: Option<&str>, language: Language) -> Result<Option<ItemId>> {
    item.map(|item| item::find(draft, item, language))
        .transpose()
}

/// Takes a step about a paper, or gives it files, and says which one that was.
fn take(
    of: &OnePaper,
    files: &[(FileRole, PathBuf)],
    language: Language,
    step: impl FnOnce(&Programme) -> Result<Option<PaperStep>> + Send + 'static,
) -> Result<()> {
    let asked = of.paper.clone();
    let steps = move |draft: &Programme| {
        let paper = find(draft, &asked, language)?;
        let step = step(draft)?;
        let step = step.map(|step| DraftStep::Paper {
            paper: paper.clone(),
            step,
        });
        Ok((paper, step.into_iter().collect()))
    };
    let office = Office::open(&of.data.data)?;
    let drafted = office.draft_paper(&of.meeting, files, steps, clock::now())?;
    let id = find(&drafted.before, &of.paper, language)?;
    let (before, after) = (
        drafted.before.papers.get(&id),
        drafted.after.papers.get(&id),
    );
    let name = after.or(before).map(name).unwrap_or_default();
    let word = match after {
        Some(_) => changed(drafted.draft.changed, language),
        None => say(language, "đã bỏ", "removed"),
    };
    out(&format!("{word}  {id}  {name}"))
}

/// Finds a paper by its id, or by its number.
fn find(draft: &Programme, asked: &str, language: Language) -> Result<PaperId> {
    if let Some((id, _)) = draft.papers.get_key_value(asked) {
        return Ok(id.clone());
    }
    let papers = draft.papers.iter();
    let found: Vec<&PaperId> = papers
        .filter(|(_, paper)| paper.number.as_deref() == Some(asked))
        .map(|(id, _)| id)
        .collect();
    if found.is_empty() {
        let words = say(language, "không có tài liệu này", "no such paper");
        let detail = format_args!("{asked}: {words}").to_string();
        return Err(Error::new(Code::DraftStepInvalid, detail));
    }
    item::the_one(&found, asked, Code::DraftStepInvalid, language)
}

/// Returns number and title of a paper.
fn name(paper: &Paper) -> String {
    let number = paper.number.as_ref().map(|number| format!("{number}  "));
    visible(&format!("{}{}", number.unwrap_or_default(), paper.title))
}

fn list(draft: &Programme, json: bool, language: Language) -> Result<()> {
    let items = |id: &PaperId| -> Vec<&ItemId> {
        let items = draft.items_in_order().into_iter();
        items
            .filter(|(_, item)| item.papers.contains(id))
            .map(|(item, _)| item)
            .collect()
    };
    if json {
        let rows = draft.papers.iter().map(|(id, paper)| {
            json!({
                "id": id,
                "number": paper.number,
                "title": paper.title,
                "items": items(id),
                "file": paper.file,
                "text_file": paper.text_file,
            })
        });
        return out(&rows.collect::<Value>());
    }
    draft.papers.iter().try_for_each(|(id, paper)| {
        let items: Vec<&str> = items(id).into_iter().map(|item| item.as_str()).collect();
        let of = match items[..] {
            [] => say(language, "cả cuộc họp", "the whole meeting").to_owned(),
            _ => format!("{} {}", say(language, "mục", "item"), items.join(", ")),
        };
        let file = match &paper.file {
            Some(file) => visible(&file.name),
            None => say(language, "chưa có tệp", "no file yet").to_owned(),
        };
        out(&format!("{id}  {}  ({of}; {file})", name(paper)))
    })
}
