//! `nghisu verify`: the office's own log, the proof that a device has written, or the bundle of a meeting.

use std::path::{Path, PathBuf};

use clap::Args;
use data_encoding::BASE32_NOPAD;
use nghisu_core::{
    Code, Error, Language, Result,
    ids::Hash,
    meeting::Programme,
    sync::proof::{Proof, Proven},
};

use super::{
    Data, bundle, out,
    publish::{read, visible},
    say,
};
use crate::Office;

#[derive(Debug, Args)]
pub(super) struct VerifyArguments {
    #[command(flatten)]
    data: Data,
    /// Check a device's proof of which version of a programme it has read; needs no office with --root
    #[arg(long, value_name = "FILE", group = "file")]
    proof: Option<PathBuf>,
    /// Check the bundle of a meeting; needs no office with --root
    #[arg(long, value_name = "FILE", group = "file")]
    bundle: Option<PathBuf>,
    /// Fingerprint of the office's root key, as invitations carry it [default: that of the office in --data]
    #[arg(long, value_name = "FINGERPRINT", requires = "file")]
    root: Option<String>,
}

pub(super) fn run(arguments: &VerifyArguments, language: Language) -> Result<()> {
    if let Some(proof) = &arguments.proof {
        return verify_proof(arguments, proof, language);
    }
    if let Some(file) = &arguments.bundle {
        let root = match &arguments.root {
            Some(text) => Some(fingerprint(text)?),
            None => own_root(&arguments.data.data)?,
        };
        return bundle::verify(file, root, language);
    }
    let entries = Office::open(&arguments.data.data)?.verify_log()?;
    out(&match language {
        Language::Vietnamese => format!("Nhật ký nguyên vẹn: {entries} mục."),
        Language::English => format!("The log holds: {entries} entries."),
    })
}

/// Returns the fingerprint of the office in a folder, if there is one.
fn own_root(folder: &Path) -> Result<Option<Hash>> {
    match Office::open(folder) {
        Ok(office) => Ok(Some(office.pin())),
        Err(error) if error.code() == Code::OfficeMissing => Ok(None),
        Err(error) => Err(error),
    }
}

fn verify_proof(arguments: &VerifyArguments, file: &Path, language: Language) -> Result<()> {
    let root = match &arguments.root {
        Some(text) => fingerprint(text)?,
        None => Office::open(&arguments.data.data)?.pin(),
    };
    let proof = Proof::decode(&read(file)?)?;
    for proven in proof.check(&root)? {
        say_proven(&proven, language)?;
    }
    Ok(())
}

fn say_proven(proven: &Proven, language: Language) -> Result<()> {
    let Proven {
        meeting,
        part,
        programme,
        ..
    } = proven;
    let title = Programme::from_json(programme)?.meeting.title;
    let number = say(language, "lần", "number");
    out(&format!(
        "{meeting}  {}  {number} {}  {}  {}",
        visible(&title),
        part.number,
        part.published_at,
        visible(&part.by.text(language))
    ))?;
    if let Some(circle) = part.circle {
        let words = say(language, "riêng cho nhóm", "for the circle alone");
        out(&format!("  {words}: {circle}"))?;
    }
    out(&format!("  SHA-256 {}", part.content))
}

/// Reads a fingerprint as invitations carry it, or in hexadecimal digits.
fn fingerprint(text: &str) -> Result<Hash> {
    let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let of_invitation = || {
        let bytes = BASE32_NOPAD.decode(text.to_ascii_uppercase().as_bytes());
        Hash::from_slice(&bytes.ok()?)
    };
    text.parse()
        .ok()
        .or_else(of_invitation)
        .ok_or_else(|| Error::new(Code::Malformed, format_args!("--root {text}")))
}
