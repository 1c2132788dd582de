//! `nghisu oparl`: what is public, as files.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::Args;
use nghisu_core::{Code, Error, Language, Result, meeting::canonical_json};

use super::{Data, out, say};
use crate::{
    Office,
    office::{files, oparl::Base},
};

#[derive(Debug, Args)]
pub(super) struct OparlArguments {
    /// Address at which the folder will be served; ids of all that was not imported lie below it
    #[arg(long, value_name = "URL", value_parser = Base::parse)]
    url: Base,
    /// Folder to write, which must be new or empty
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    data: Data,
}

pub(super) fn run(arguments: &OparlArguments, language: Language) -> Result<()> {
    let folder = &arguments.out;
    let failed = |error: std::io::Error| files::file_error(&error, folder);
    // What was public once and is no longer must not stay beside the rest.
    if folder.exists() && fs::read_dir(folder).map_err(failed)?.next().is_some() {
        let detail = say(language, "thư mục không trống", "the folder is not empty");
        return Err(Error::new(
            Code::Storage,
            format_args!("{}: {detail}", folder.display()),
        ));
    }
    let office = Office::open(&arguments.data.data)?;
    let public = office.oparl(&arguments.url)?;
    let documents = public.documents();
    let mut count = documents.len();
    for (path, document) in documents {
        write(&folder.join(path), canonical_json(&document).as_bytes())?;
    }
    for (path, file) in public.files() {
        let content = office.paper_content(file.hash)?;
        write(&folder.join(path), &content)?;
        count += 1;
    }
    let words = say(
        language,
        "tệp đã ghi, bắt đầu từ",
        "files written; they begin at",
    );
    out(&format!(
        "{count} {words} {}",
        arguments.url.at("system.json")
    ))
}

/// Writes a file that everybody may read, as a web server has to.
fn write(path: &Path, content: &[u8]) -> Result<()> {
    let failed = |error: std::io::Error| files::file_error(&error, path);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    fs::write(path, content).map_err(failed)
}
