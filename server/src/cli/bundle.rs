//! `nghisu bundle`, and what `nghisu verify --bundle` says.

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use clap::Args;
use nghisu_core::{Code, Error, Language, Result, ids::Hash, sync::healing::SerialNumber};

use super::{Data, absolute, out, publish::visible, say};
use crate::{
    Office,
    bundle::{Checked, Contents, Withheld, check},
    clock,
    office::{Beside, files},
};

#[derive(Debug, Args)]
pub(super) struct BundleArguments {
    /// Meeting, by its id or its author's
    #[arg(value_name = "MEETING")]
    meeting: String,
    /// The file to write: a ZIP
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Put in items and papers of circles too; the bundle says so
    #[arg(long)]
    closed: bool,
    /// Put in acts as they were signed, which else their authors and the office alone read; the bundle
    /// says so
    #[arg(long)]
    acts: bool,
    #[command(flatten)]
    data: Data,
}

pub(super) fn run(arguments: &BundleArguments, language: Language) -> Result<()> {
    let office = Office::open(&arguments.data.data)?;
    let beside = Beside {
        closed: arguments.closed,
        acts: arguments.acts,
    };
    let file = absolute(&arguments.file)?;
    let contents = office.bundle(&arguments.meeting, beside, &file, clock::now())?;
    say_contents(&contents, language)?;
    let root = say(language, "khóa gốc", "root key");
    out(&format!("{root} {}", office.pin()))
}

/// Checks a bundle and says what it holds. Whose it is must be known.
pub(super) fn verify(file: &Path, root: Option<Hash>, language: Language) -> Result<()> {
    let opened = File::open(file).map_err(|error| files::file_error(&error, file))?;
    let Checked {
        contents,
        root,
        is_known,
    } = check(opened, root.as_ref())?;
    say_contents(&contents, language)?;
    if !is_known {
        return Err(Error::new(Code::BundleForeign, root));
    }
    let (count, words) = (
        contents.members.len(),
        say(
            language,
            "Hồ sơ nguyên vẹn, do văn phòng có khóa gốc này ký",
            "The bundle holds, signed by the office with this root key",
        ),
    );
    let members = say(language, "tệp", "files");
    out(&format!("{words}: {root}, {count} {members}"))
}

fn say_contents(contents: &Contents, language: Language) -> Result<()> {
    out(&format!(
        "{}  {}  {}",
        visible(&contents.body_name),
        visible(&contents.external_id),
        visible(&contents.title)
    ))?;
    for line in &contents.publications {
        let signed_by = match (&line.signed_by, language) {
            (None, Language::Vietnamese) => "ký bởi máy chủ".to_owned(),
            (None, Language::English) => "signed by the server".to_owned(),
            (Some(name), Language::Vietnamese) => format!("ký bởi {name}"),
            (Some(name), Language::English) => format!("signed by {name}"),
        };
        let (number, word) = (
            SerialNumber::new(line.number),
            say(language, "lần", "number"),
        );
        let mut text = format!(
            "  {word} {number}  {}  {}",
            line.published_at,
            visible(&signed_by)
        );
        if let Some(circle) = &line.circle {
            let words = say(language, "riêng cho nhóm", "for the circle alone");
            text += &format!("  [{words}: {}]", visible(&circle.name));
        }
        if let Some(withheld) = line.withheld {
            text += &format!("  [{}]", why(withheld, language));
        }
        if !line.follows {
            text += say(
                language,
                "  [lần công bố trước nó không còn]",
                "  [the one that it follows is lost]",
            );
        }
        out(&text)?;
    }
    let papers = contents.papers.iter();
    let missing: Vec<_> = papers.filter(|line| line.file.is_none()).collect();
    let (papers, entries) = (
        contents.papers.len() - missing.len(),
        contents.entries.len(),
    );
    out(&match language {
        Language::Vietnamese => format!("  {papers} tệp tài liệu, {entries} mục ghi nhận"),
        Language::English => format!("  {papers} files of papers, {entries} entries"),
    })?;
    for line in missing {
        let words = say(language, "thiếu tệp tài liệu", "the file is missing");
        out(&format!("  {words}: {}", visible(&line.names.join(", "))))?;
    }
    for (there, vi, en) in [
        (
            contents.closed,
            "  Có mục và tài liệu kín: chỉ giao cho người được đọc.",
            "  Closed items and papers are in it: give it to those alone who may read them.",
        ),
        (
            contents.acts,
            "  Có nội dung đăng ký, phiếu chất vấn của đại biểu.",
            "  What delegates handed in is in it, with its text.",
        ),
    ] {
        if there {
            out(&say(language, vi, en))?;
        }
    }
    Ok(())
}

const fn why(withheld: Withheld, language: Language) -> &'static str {
    match withheld {
        Withheld::Closed => say(
            language,
            "không kèm nội dung: có mục nay kín",
            "without its content: an item of it is closed now",
        ),
        Withheld::Lost => say(
            language,
            "nội dung đã mất khi khôi phục",
            "its content was lost in a restore",
        ),
    }
}
