//! `nghisu publish`: by the server itself, or prepared here, signed elsewhere, and taken in here.

use std::{
    io::BufRead,
    path::{Path, PathBuf},
};

use clap::Args;
use nghisu_core::{Code, Error, Language, Result, meeting::publication::PublishedBy};

use super::{
    Data, absolute, out,
    passphrase::{PassphraseArguments, tell},
    say,
};
use crate::{
    Office, PublicationSigner, clock,
    office::{Proposal, Published, Review, files},
};

#[derive(Debug, Args)]
pub(super) struct PublishArguments {
    /// Meeting, by its id or its author's [default: all whose draft differs]
    #[arg(long, value_name = "ID")]
    meeting: Option<String>,
    /// What has changed, in the office's words
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    note: String,
    /// Publish nothing; write what a secretary has to sign to this file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["key", "signed"])]
    prepare: Option<PathBuf>,
    /// On the secretary's machine: show and sign a proposal with this key file; needs no office
    #[arg(long, value_name = "FILE", requires = "proposal", conflicts_with_all = ["meeting", "note", "signed"])]
    key: Option<PathBuf>,
    /// The file that --prepare wrote
    #[arg(long, value_name = "FILE", requires = "key")]
    proposal: Option<PathBuf>,
    /// Where to write what was signed [default: the proposal's name with .signed]
    #[arg(long, value_name = "FILE", requires = "key")]
    out: Option<PathBuf>,
    #[command(flatten)]
    passphrase: PassphraseArguments,
    /// Sign what is shown without asking
    #[arg(long, requires = "key")]
    yes: bool,
    /// Publish what a secretary has signed
    #[arg(long, value_name = "FILE", conflicts_with_all = ["meeting", "note"])]
    signed: Option<PathBuf>,
    #[command(flatten)]
    data: Data,
}

pub(super) fn run(arguments: &PublishArguments, language: Language) -> Result<()> {
    if let (Some(key), Some(proposal)) = (&arguments.key, &arguments.proposal) {
        return sign(arguments, key, proposal, language);
    }
    let office = Office::open(&arguments.data.data)?;
    let (meeting, note) = (arguments.meeting.as_deref(), arguments.note.as_str());
    if let Some(signed) = &arguments.signed {
        let proposal = Proposal::decode(&read(signed)?)?;
        let published = office.publish_signed(proposal, clock::now())?;
        return say_published(
            &published,
            say(language, "đã công bố lần", "published as number"),
            language,
        );
    }
    let done = match &arguments.prepare {
        None => office.publish(meeting, note, clock::now()),
        Some(file) => prepare(&office, meeting, note, file),
    };
    let published = match done {
        Ok(published) => published,
        // Without a meeting named, nothing to do is no failure.
        Err(error) if meeting.is_none() && error.code() == Code::NothingToPublish => {
            return out(&Code::NothingToPublish.text(language));
        }
        Err(error) => return Err(error),
    };
    let word = match &arguments.prepare {
        None => say(language, "đã công bố lần", "published as number"),
        Some(_) => say(language, "đã chuẩn bị lần", "prepared as number"),
    };
    say_published(&published, word, language)
}

fn prepare(
    office: &Office,
    meeting: Option<&str>,
    note: &str,
    file: &Path,
) -> Result<Vec<Published>> {
    let (proposal, summaries) = office.prepare_publication(meeting, note, clock::now())?;
    files::write_file(&absolute(file)?, &proposal.encode())?;
    Ok(summaries)
}

fn say_published(published: &[Published], word: &str, language: Language) -> Result<()> {
    for one in published {
        out(&format!("{word} {}  {}", one.number, one.external_id))?;
        for circle in one.parts.iter().filter_map(|(circle, _)| circle.as_ref()) {
            let words = say(language, "riêng cho nhóm", "for the circle alone");
            out(&format!("  {words}: {circle}"))?;
        }
        for title in &one.closed {
            let words = say(
                language,
                "mục nay kín, trước đây mọi người dự họp đã đọc được",
                "closed now, was readable before by all who take part",
            );
            out(&format!("  {words}: {}", visible(title)))?;
        }
    }
    Ok(())
}

/// Shows what would be signed, asks, and signs.
fn sign(arguments: &PublishArguments, key: &Path, file: &Path, language: Language) -> Result<()> {
    let proposal = Proposal::decode(&read(file)?)?;
    let passphrase = arguments.passphrase.known(key, language)?;
    let signer = PublicationSigner::load(key, &passphrase)?;
    out(&visible(proposal.body_name()))?;
    for review in proposal.review(signer.statement())? {
        show(&review, language)?;
    }
    if !arguments.yes && !agreed(language)? {
        return Err(Error::new(
            Code::PublicationUnsigned,
            say(language, "chưa ký", "not signed"),
        ));
    }
    let signed = proposal.sign(signer.statement(), &signer)?;
    let to = match &arguments.out {
        Some(out) => out.clone(),
        None => {
            let mut name = file.as_os_str().to_owned();
            name.push(".signed");
            name.into()
        }
    };
    files::write_file(&absolute(&to)?, &signed.encode())?;
    let by = PublishedBy::Secretary(signer.key().name.clone()).text(language);
    out(&format!("{}: {}", visible(&by), to.display()))
}

fn show(review: &Review, language: Language) -> Result<()> {
    let record = &review.publication;
    let number = say(language, "lần", "number");
    let follows = say(language, "tiếp theo lần", "follows number");
    out(&format!(
        "\n{}  {}  {number} {} ({follows} {})",
        visible(&review.external_id),
        visible(&review.title),
        record.number,
        record.base_number
    ))?;
    if let Some(circle) = &review.circle {
        let words = say(language, "riêng cho nhóm", "for the circle alone");
        out(&format!("  {words}: {}", visible(circle)))?;
    }
    if !record.note.is_empty() {
        let words = say(language, "ghi chú", "note");
        out(&format!("  {words}: {}", visible(&record.note)))?;
    }
    if review.from_nothing {
        out(&say(
            language,
            "  Chưa có bản trước do thư ký ký, nên toàn bộ nội dung được nêu dưới đây:",
            "  No earlier version that a secretary signed is known, so all of the content follows:",
        ))?;
    }
    for change in &review.changes {
        out(&format!("  - {}", visible(&change.text(language))))?;
    }
    let words = say(language, "từng chỗ khác nhau", "every difference");
    out(&format!("  {words}:"))?;
    for difference in &review.differences {
        let none = || "∅".to_owned();
        out(&format!(
            "    {}: {} → {}",
            visible(&difference.path),
            visible(&difference.old.clone().unwrap_or_else(none)),
            visible(&difference.new.clone().unwrap_or_else(none))
        ))?;
    }
    out(&format!("  SHA-256 {}", record.content))
}

/// Replaces what would change how other text looks on a terminal: control characters, and those that
/// turn the direction of writing.
pub(super) fn visible(text: &str) -> String {
    let hides = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let shown = text.chars().map(|c| if hides(c) { '\u{fffd}' } else { c });
    shown.collect()
}

fn agreed(language: Language) -> Result<bool> {
    tell(say(
        language,
        "Ký? Gõ “ký” rồi Enter: ",
        "Sign? Type “sign” and Enter: ",
    ))?;
    let mut line = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut line)
        .map_err(|error| Error::new(Code::Storage, error))?;
    Ok(["ký", "sign"].contains(&line.trim()))
}

pub(super) fn read(file: &Path) -> Result<Vec<u8>> {
    files::read_file(file)?.ok_or_else(|| Error::new(Code::Storage, file.display()))
}
