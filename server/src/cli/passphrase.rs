//! Where a passphrase comes from: a file, a descriptor, somebody at a terminal, or the dice.

use std::{
    io::{BufRead, IsTerminal, Read, Write},
    path::{Path, PathBuf},
};

use clap::Args;
use nghisu_core::{Code, Error, Language, Result};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use super::say;
use crate::{Passphrase, office::files::file_error};

/// Bytes that are read of a file before its first line is taken.
const FILE_BYTES_MAX: u64 = 4096;

/// The passphrase of the key that a command needs.
#[derive(Debug, Args)]
pub(super) struct PassphraseArguments {
    /// File whose first line is the passphrase [default: asked for]
    #[arg(long, value_name = "FILE", conflicts_with = "passphrase_fd")]
    passphrase_file: Option<PathBuf>,
    /// Descriptor of an open file whose first line is the passphrase
    #[arg(long, value_name = "N")]
    passphrase_fd: Option<u32>,
}

/// The passphrase of the key that a command makes.
#[derive(Debug, Args)]
pub(super) struct NewPassphraseArguments {
    /// File whose first line is the new key's passphrase [default: asked for twice, or drawn and shown]
    #[arg(long, value_name = "FILE", conflicts_with = "new_passphrase_fd")]
    new_passphrase_file: Option<PathBuf>,
    /// Descriptor of an open file whose first line is the new key's passphrase
    #[arg(long, value_name = "N")]
    new_passphrase_fd: Option<u32>,
}

impl PassphraseArguments {
    /// Returns the passphrase of a key that lies in `path`.
    pub(super) fn known(&self, path: &Path, language: Language) -> Result<Passphrase> {
        if let Some(given) = given(self.passphrase_file.as_deref(), self.passphrase_fd)? {
            return Ok(given);
        }
        if !is_somebody_there() {
            return Err(Error::new(Code::PassphraseMissing, path.display()));
        }
        let words = say(language, "Mật khẩu của", "Passphrase of");
        prompt(&format!("{words} {}: ", path.display()))
    }

    /// Returns a passphrase for a key that is to lie in `path`.
    pub(super) fn fresh(&self, path: &Path, language: Language) -> Result<Passphrase> {
        let given = given(self.passphrase_file.as_deref(), self.passphrase_fd)?;
        fresh(given, path, language)
    }
}

impl NewPassphraseArguments {
    /// Returns a passphrase for a key that is to lie in `path`.
    pub(super) fn fresh(&self, path: &Path, language: Language) -> Result<Passphrase> {
        let given = given(self.new_passphrase_file.as_deref(), self.new_passphrase_fd)?;
        fresh(given, path, language)
    }
}

fn fresh(given: Option<Passphrase>, path: &Path, language: Language) -> Result<Passphrase> {
    let path = path.display();
    let long_enough = |passphrase: Passphrase| {
        if passphrase.is_long_enough() {
            Ok(passphrase)
        } else {
            Err(Error::from(Code::PassphraseShort))
        }
    };
    if let Some(given) = given {
        return long_enough(given);
    }
    if !is_somebody_there() {
        let drawn = Passphrase::draw()?;
        let words = say(
            language,
            "Mật khẩu của tệp khóa, chỉ hiện một lần này. Ghi lại và cất ở nơi khác với tệp",
            "Passphrase of the key file, shown this once. Note it down and keep it elsewhere than the file",
        );
        tell(&format!("{words} {path}:\n    {}\n", drawn.reveal()))?;
        return Ok(drawn);
    }
    let words = say(language, "Mật khẩu mới cho", "New passphrase for");
    let first = long_enough(prompt(&format!("{words} {path}: "))?)?;
    let again = prompt(say(language, "Nhập lại lần nữa: ", "Type it again: "))?;
    if first.is(&again) {
        Ok(first)
    } else {
        Err(Code::PassphraseWrong.into())
    }
}

fn given(file: Option<&Path>, descriptor: Option<u32>) -> Result<Option<Passphrase>> {
    let path = match (file, descriptor) {
        (Some(file), _) => file.to_owned(),
        (None, Some(descriptor)) => PathBuf::from(format!("/dev/fd/{descriptor}")),
        (None, None) => return Ok(None),
    };
    let mut text = Zeroizing::new(String::new());
    std::fs::File::open(&path)
        .and_then(|file| file.take(FILE_BYTES_MAX).read_to_string(&mut text))
        .map_err(|error| file_error(&error, &path))?;
    Ok(text.lines().next().map(Passphrase::new))
}

/// Says whether somebody can be asked.
pub(super) fn is_somebody_there() -> bool {
    std::io::stdin().is_terminal()
}

/// Asks somebody at the terminal; what he types does not show.
fn prompt(words: &str) -> Result<Passphrase> {
    tell(words)?;
    let mut line = Zeroizing::new(String::new());
    let hidden = Hidden::begin();
    let read = std::io::stdin().lock().read_line(&mut line);
    drop(hidden);
    tell("\n")?;
    read.map_err(|error| Error::new(Code::Storage, error))?;
    Ok(Passphrase::new(&line))
}

/// While it lives, the terminal does not show what is typed.
struct Hidden(Option<Termios>);

impl Hidden {
    fn begin() -> Self {
        let Ok(before) = tcgetattr(std::io::stdin()) else {
            return Self(None);
        };
        let mut hidden = before.clone();
        hidden.local_modes.remove(LocalModes::ECHO);
        let set = tcsetattr(std::io::stdin(), OptionalActions::Flush, &hidden);
        Self(set.is_ok().then_some(before))
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            let _ = tcsetattr(std::io::stdin(), OptionalActions::Flush, before);
        }
    }
}

/// Writes to standard error, where it is in nobody's way.
pub(super) fn tell(text: &str) -> Result<()> {
    let mut out = std::io::stderr();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|error| Error::new(Code::Storage, error))
}
