//! The file in which an office writes what its body is: TOML, the whole body in one file.
//!
//! It is [`Body`] as it stands, so that what is written out is read in again as it was. A key that nobody
//! knows is an error, and whatever cannot be is named with its line before anything is written.
//!
//! A file in JSON is one of OParl instead.

mod oparl;

use std::path::Path;

use ::toml::de::{DeTable, DeValue};
use nghisu_core::{
    Code, Error, Language, Result, cbor,
    limits::BODY_BYTES_MAX,
    meeting::body::{Body, Fault},
};
use unicode_normalization::UnicodeNormalization;

use super::{file_name, is_json, line_of, text_of};

/// Mistakes that are named at once.
const FAULTS_SHOWN: usize = 10;

/// A file that says what a body is. The content says whether it is TOML or OParl.
#[derive(Debug)]
pub struct BodyFile {
    name: String,
    text: String,
}

impl BodyFile {
    /// Takes up a file, once: it may be a pipe.
    ///
    /// # Errors
    /// [`Code::BodyFile`] if it cannot be read, or is no text.
    pub fn open(path: &Path) -> Result<Self> {
        let name = file_name(path);
        let text = text_of(path, &name, Code::BodyFile)?;
        Ok(Self { name, text })
    }

    /// Returns the body of a file in TOML, or `before` with the objects of OParl 1.1 laid over it, and tells in
    /// this language what cannot be.
    ///
    /// # Errors
    /// [`Code::BodyFile`] with the places; [`Code::TooLarge`].
    pub fn over(&self, before: &Body, language: Language) -> Result<Body> {
        let Self { name, text } = self;
        if is_json(text) {
            return oparl::parse(name, text, before, language);
        }
        let text: String = text.nfc().collect();
        parse(name, &text, language)
    }
}

/// Refuses what no statement can hold, before each part of it is compared with each.
fn fits(name: &str, body: &Body) -> Result<()> {
    let length = cbor::encode(body).len();
    if length <= BODY_BYTES_MAX {
        return Ok(());
    }
    let detail = format!("{name}: {length} bytes; expected at most {BODY_BYTES_MAX}");
    Err(Error::new(Code::TooLarge, detail))
}

fn parse(name: &str, text: &str, language: Language) -> Result<Body> {
    let line = |offset| line_of(text.as_bytes(), offset);
    let body: Body = ::toml::from_str(text).map_err(|error| {
        let line = line(error.span().map_or(0, |span| span.start));
        let why = error.message().replace('\n', "; ");
        Error::new(Code::BodyFile, format!("{name}:{line}: {why}"))
    })?;
    fits(name, &body)?;
    let faults = body.faults();
    if faults.is_empty() {
        return Ok(body);
    }
    let places = DeTable::parse(text).ok();
    let mut told: Vec<String> = Vec::new();
    for fault in faults.iter().take(FAULTS_SHOWN) {
        let offset = places
            .as_ref()
            .and_then(|root| offset_of(root.get_ref(), fault));
        let line = line(offset.unwrap_or(0));
        told.push(format!("{name}:{line}: {}", fault.text(language)));
    }
    if let Some(more) = faults.len().checked_sub(FAULTS_SHOWN + 1) {
        told.push(format!("… +{}", more + 1));
    }
    Err(Error::new(Code::BodyFile, told.join("\n")))
}

/// Returns where the entry begins that a fault is about.
fn offset_of(root: &DeTable<'_>, fault: &Fault) -> Option<usize> {
    let list = root.get(fault.list?.word())?;
    let DeValue::Array(entries) = list.get_ref() else {
        return None;
    };
    Some(entries.get(fault.index)?.span().start)
}

/// Writes a body as a file that [`BodyFile`] reads.
///
/// # Errors
/// [`Code::Internal`] for what no file of this kind can say.
pub fn written(body: &Body) -> Result<String> {
    ::toml::to_string(body).map_err(|error| Error::new(Code::Internal, error))
}
