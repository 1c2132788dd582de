//! Programmes as their authors bring them: a TOML file in our own format, or an OParl 1.1 meeting.
//!
//! Reading a file decides nothing and changes nothing. [`read`] gives a [`Programme`] and the paths
//! of the papers beside it, or says file, line, what was found and what was expected.
//! [`attach_files`] then hashes the papers, and [`place_items`] gives the items their order keys,
//! given the draft that is there already.
//!
//! All text is composed (NFC), so that what looks alike is alike; otherwise it stays as its author
//! wrote it. Objects from OParl are kept beside that as they came.
//!
//! State secrets must not enter this system: see [`secrecy`].

use std::{
    collections::BTreeMap,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use nghisu_core::{
    Code, Error, Result,
    ids::Hash,
    limits::{PAPER_BYTES_MAX, PAPER_TEXT_BYTES_MAX, PROGRAMME_FILE_BYTES_MAX},
    meeting::{ItemId, Paper, PaperFile, PaperId, Programme, order},
};
use sha2::{Digest, Sha256};
use unicode_normalization::UnicodeNormalization;

pub mod body;
pub mod oparl;
pub mod secrecy;
pub mod toml;

/// A programme as it was read from a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// The author's id of the meeting, or its OParl address: the same over all versions.
    pub external_id: String,
    /// The programme. Its items have order keys of their own, in the order of the file; see
    /// [`place_items`]. Its papers have no files; see [`attach_files`].
    pub programme: Programme,
    /// Where the programme's file lies. Papers are taken from within this folder alone.
    pub folder: PathBuf,
    /// The files that belong to the papers.
    pub files: Vec<(PaperId, FileRole, PathBuf)>,
}

/// What a file is to its paper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileRole {
    /// The file that people read.
    File,
    /// Its text.
    Text,
}

/// The content of a paper, on disk beside the programme.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaperBlob {
    /// SHA-256 of the content.
    pub hash: Hash,
    /// Where it lies.
    pub path: PathBuf,
    /// Number of its bytes.
    pub length: u64,
}

/// Reads the one meeting that a file holds. The content says whether it is TOML or OParl.
pub fn read(path: &Path) -> Result<Imported> {
    let mut meetings = read_all(path)?;
    match meetings.pop() {
        Some(meeting) if meetings.is_empty() => Ok(meeting),
        last => {
            let count = meetings.len() + usize::from(last.is_some());
            let name = file_name(path);
            Err(Error::new(
                Code::ProgrammeFile,
                format!("{name}: {count} meetings; expected one"),
            ))
        }
    }
}

/// Reads every meeting that a file holds: one of a TOML file, all of a page of OParl meetings.
pub fn read_all(path: &Path) -> Result<Vec<Imported>> {
    let name = file_name(path);
    let text = text_of(path, &name, Code::ProgrammeFile)?;
    if is_json(&text) {
        oparl::parse(&name, &text)
    } else {
        let folder = path.parent().unwrap_or_else(|| Path::new(""));
        Ok(vec![toml::parse(&name, &text, folder)?])
    }
}

/// Reads a file that somebody has written by hand. What is wrong with it goes by `code`.
fn text_of(path: &Path, name: &str, code: Code) -> Result<String> {
    let bytes = bytes_of(path, name, code)?;
    let text = std::str::from_utf8(&bytes).map_err(|error| {
        let line = line_of(&bytes, error.valid_up_to());
        let detail = format!("{name}:{line}: bytes that are no text; expected UTF-8");
        Error::new(code, detail)
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text).to_owned())
}

/// Hashes the files of an imported programme, enters them into its papers and lists them.
///
/// [`Code::PaperMissing`] names a file that is not there or lies elsewhere, [`Code::TooLarge`] one
/// over its limit, and [`Code::StateSecret`] a paper whose text bears a stamp.
pub fn attach_files(imported: &mut Imported) -> Result<Vec<PaperBlob>> {
    let mut blobs = Vec::with_capacity(imported.files.len());
    for (id, role, path) in &imported.files {
        let (file, blob) = read_file(id.as_str(), *role, path, &imported.folder)?;
        role.put(
            imported.programme.papers.entry(id.clone()).or_default(),
            file,
        );
        blobs.push(blob);
    }
    Ok(blobs)
}

impl FileRole {
    /// Gives a paper a file.
    pub fn put(self, paper: &mut Paper, file: PaperFile) {
        match self {
            Self::File => paper.file = Some(file),
            Self::Text => paper.text_file = Some(file),
        }
    }
}

/// Reads a file of the paper that is called `paper`, which lies within `folder`.
///
/// # Errors
/// As [`attach_files`].
pub fn read_file(
    paper: &str,
    role: FileRole,
    path: &Path,
    folder: &Path,
) -> Result<(PaperFile, PaperBlob)> {
    let name = file_name(path);
    let media_type = media_type(&name);
    let (blob, text) = hash_file(paper, role, path, folder)?;
    if let Some(line) = text.as_deref().and_then(secrecy::stamped_line) {
        let detail = format!("paper \"{paper}\": {name}:{line}");
        return Err(Error::new(Code::StateSecret, detail));
    }
    if text.is_none() && (role == FileRole::Text || media_type.starts_with("text/")) {
        let detail = format!("paper \"{paper}\": {name} is no text; expected UTF-8");
        return Err(Error::new(Code::ProgrammeFile, detail));
    }
    let file = PaperFile {
        hash: blob.hash,
        length: blob.length,
        media_type: media_type.to_owned(),
        name: name.nfc().collect(),
        extra: BTreeMap::new(),
    };
    Ok((file, blob))
}

/// Gives the items of a programme as it was read the keys that they have in the previous draft,
/// and new ones only to those that were inserted or moved.
pub fn place_items(programme: &mut Programme, previous: Option<&Programme>) {
    let ids: Vec<ItemId> = programme
        .items_in_order()
        .into_iter()
        .map(|(id, _)| id.clone())
        .collect();
    let so_far: Vec<Option<&str>> = ids
        .iter()
        .map(|id| {
            previous
                .and_then(|previous| previous.items.get(id))
                .map(|item| item.order_key.as_str())
        })
        .collect();
    for (id, key) in ids.iter().zip(order::assign(&so_far)) {
        if let Some(item) = programme.items.get_mut(id) {
            item.order_key = key;
        }
    }
}

/// An array of arrays is a TOML table: `[[paper]]`.
fn is_json(text: &str) -> bool {
    let mut letters = text.chars().filter(|letter| !letter.is_whitespace());
    match letters.next() {
        Some('{') => true,
        Some('[') => matches!(letters.next(), Some('{' | ']') | None),
        _ => false,
    }
}

fn bytes_of(path: &Path, name: &str, code: Code) -> Result<Vec<u8>> {
    let not_readable = |error: std::io::Error| Error::new(code, format!("{name}: {error}"));
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(not_readable)?;
    file.take(PROGRAMME_FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(not_readable)?;
    if bytes.len() as u64 > PROGRAMME_FILE_BYTES_MAX {
        let detail =
            format!("{name}: too large; expected at most {PROGRAMME_FILE_BYTES_MAX} bytes");
        return Err(Error::new(code, detail));
    }
    Ok(bytes)
}

/// Hashes one file in pieces. The content comes along if it is text of a size that is searched.
fn hash_file(
    paper: &str,
    role: FileRole,
    path: &Path,
    folder: &Path,
) -> Result<(PaperBlob, Option<String>)> {
    let name = file_name(path);
    let missing = |why: &dyn std::fmt::Display| {
        Error::new(
            Code::PaperMissing,
            format!("paper \"{paper}\": {name}: {why}"),
        )
    };
    let limit = match role {
        FileRole::File => PAPER_BYTES_MAX,
        FileRole::Text => PAPER_TEXT_BYTES_MAX,
    };
    // A link may lead out of the folder, to a file that its owner does not mean to publish.
    let real_path = path.canonicalize().map_err(|error| missing(&error))?;
    let real_folder = if folder == Path::new("") {
        Path::new(".")
    } else {
        folder
    };
    let real_folder = real_folder
        .canonicalize()
        .map_err(|error| missing(&error))?;
    if !real_path.starts_with(real_folder) {
        return Err(missing(&"not beside the programme"));
    }
    // Opening what is not a file may wait for ever.
    if !real_path.is_file() {
        return Err(missing(&"not a file"));
    }
    let mut file = File::open(real_path).map_err(|error| missing(&error))?;
    let mut hasher = Sha256::new();
    let mut text = Some(Vec::new());
    let mut piece = vec![0; 64 << 10];
    let mut length = 0;
    loop {
        let count = file.read(&mut piece).map_err(|error| missing(&error))?;
        if count == 0 {
            break;
        }
        length += count as u64;
        if length > limit {
            let detail = format!("paper \"{paper}\": {name}: more than {limit} bytes");
            return Err(Error::new(Code::TooLarge, detail));
        }
        hasher.update(&piece[..count]);
        text = text.filter(|_| length <= PAPER_TEXT_BYTES_MAX && !piece[..count].contains(&0));
        if let Some(text) = &mut text {
            text.extend_from_slice(&piece[..count]);
        }
    }
    let blob = PaperBlob {
        hash: Hash::from_bytes(hasher.finalize().into()),
        path: path.to_owned(),
        length,
    };
    Ok((blob, text.and_then(|text| String::from_utf8(text).ok())))
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy()
        .into_owned()
}

fn line_of(bytes: &[u8], offset: usize) -> usize {
    1 + bytes
        .iter()
        .take(offset)
        .filter(|&&byte| byte == b'\n')
        .count()
}

/// Media types of the files that offices hand out, by the ending of the name.
fn media_type(name: &str) -> &'static str {
    let ending = name
        .rsplit_once('.')
        .map(|(_, ending)| ending.to_ascii_lowercase());
    match ending.as_deref() {
        Some("pdf") => "application/pdf",
        Some("txt") => "text/plain",
        Some("md") => "text/markdown",
        Some("csv") => "text/csv",
        Some("htm" | "html") => "text/html",
        Some("rtf") => "application/rtf",
        Some("doc") => "application/msword",
        Some("xls") => "application/vnd.ms-excel",
        Some("ppt") => "application/vnd.ms-powerpoint",
        Some("docx") => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        Some("xlsx") => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        Some("pptx") => "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        Some("odt") => "application/vnd.oasis.opendocument.text",
        Some("ods") => "application/vnd.oasis.opendocument.spreadsheet",
        Some("odp") => "application/vnd.oasis.opendocument.presentation",
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("tif" | "tiff") => "image/tiff",
        Some("zip") => "application/zip",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_says_which_format_a_file_has() {
        for (text, json) in [
            ("{", true),
            (" \n{\"id\": 1}", true),
            ("[ {", true),
            ("[]", true),
            ("[[paper]]", false),
            ("[place]", false),
            ("id = \"x\"", false),
            ("# {", false),
            ("", false),
        ] {
            assert_eq!(is_json(text), json, "{text}");
        }
    }
}
