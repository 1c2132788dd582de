//! A note and an agenda on screen after a cold start: each time in a process that has just begun.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use automerge::Automerge;
use loro::LoroDoc;
use tempfile::TempDir;
use yrs::{GetString, ReadTxn, StateVector, Transact, Update, updates::decoder::Decode};

use super::{
    AS_PEER, agenda, npm,
    typing::{self, TEXT},
    words,
};
use crate::{
    bench::{Contender, Figures, Metric, Workload, material},
    process,
};

/// Keys pressed in the note.
const KEYS: usize = 20_000;

pub(super) fn contenders() -> Vec<Box<dyn Contender>> {
    [Library::Automerge, Library::Loro, Library::Yrs]
        .into_iter()
        .map(|library| Box::new(library) as Box<dyn Contender>)
        .collect()
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Library {
    Automerge,
    Loro,
    Yrs,
}

/// A note and an agenda as files.
pub(super) struct Files {
    folder: TempDir,
    library: Library,
}

/// How long it took until they could be shown, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shown {
    pub(super) note_ms: f64,
    /// None where the library is only measured with texts.
    pub(super) agenda_ms: Option<f64>,
}

impl Contender for Library {
    fn name(&self) -> String {
        match self {
            Self::Automerge => "automerge 0.12.0, saved",
            Self::Loro => "loro 1.17.1, snapshot",
            Self::Yrs => "yrs 0.28.1, update v1",
        }
        .to_owned()
    }

    fn terms(&self) -> &'static str {
        "a plain file, read and opened in a new process; no database, nothing sealed"
    }

    fn run(&mut self, workload: Workload) -> Result<Figures, String> {
        if workload != Workload::ColdOpen {
            return Err("a file is only opened".to_owned());
        }
        let files = self.write(KEYS)?;
        let shown = files.open()?;
        let mut figures = Figures::from([
            (Metric::ShownMs, shown.note_ms),
            (Metric::StoredBytes, files.note_bytes()?),
        ]);
        if let Some(ms) = shown.agenda_ms {
            figures.insert(Metric::AgendaShownMs, ms);
        }
        Ok(figures)
    }
}

impl Library {
    const fn word(self) -> &'static str {
        match self {
            Self::Automerge => "automerge",
            Self::Loro => "loro",
            Self::Yrs => "yrs",
        }
    }

    /// Writes a note of so many keys, and the agenda where the library is measured with one.
    pub(super) fn write(self, keys: usize) -> Result<Files, String> {
        let keys = material::keystrokes(keys);
        let folder = TempDir::new_in(npm::cache()?).map_err(words)?;
        let note = match self {
            Self::Automerge => typing::automerge(&keys)?.save(),
            Self::Loro => typing::loro(&keys)?
                .export(loro::ExportMode::Snapshot)
                .map_err(words)?,
            Self::Yrs => typing::yrs(&keys)
                .transact()
                .encode_state_as_update_v1(&StateVector::default()),
        };
        fs::write(folder.path().join("note"), note).map_err(words)?;
        fs::write(folder.path().join("expected"), material::typed(&keys)).map_err(words)?;
        let agenda = &material::shared()[0];
        let document = agenda::document(agenda)?.save();
        fs::write(folder.path().join("agenda"), document).map_err(words)?;
        Ok(Files {
            folder,
            library: self,
        })
    }
}

impl Files {
    /// Opens both in a new process.
    pub(super) fn open(&self) -> Result<Shown, String> {
        let output = Command::new(process::program("bench"))
            .args([AS_PEER, "open", self.library.word()])
            .args([self.path("note"), self.path("agenda")])
            .output()
            .map_err(words)?;
        let said = String::from_utf8_lossy(&output.stdout);
        let mut numbers = said.split_whitespace().map(str::parse::<f64>);
        match (output.status.success(), numbers.next()) {
            (true, Some(Ok(note_ms))) => Ok(Shown {
                note_ms,
                agenda_ms: numbers.next().and_then(Result::ok),
            }),
            _ => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }

    fn note_bytes(&self) -> Result<f64, String> {
        Ok(fs::metadata(self.path("note")).map_err(words)?.len() as f64)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// Opens a note, and an agenda where the library is measured with one, and prints how many
/// milliseconds each took until its texts were there.
///
/// # Errors
/// If a file cannot be read or another text stands in it than beside it.
pub(super) fn open(library: &str, note: &Path, agenda: &Path) -> Result<(), String> {
    let begun = Instant::now();
    let bytes = fs::read(note).map_err(words)?;
    let text = match library {
        "automerge" => typing::automerge_text(&Automerge::load(&bytes).map_err(words)?)?,
        "loro" => {
            let document = LoroDoc::from_snapshot(&bytes).map_err(words)?;
            document.get_text(TEXT).to_string()
        }
        "yrs" => {
            let document = typing::yrs_document();
            let text = document.get_or_insert_text(TEXT);
            let update = Update::decode_v1(&bytes).map_err(words)?;
            let mut transaction = document.transact_mut();
            transaction.apply_update(update).map_err(words)?;
            text.get_string(&transaction)
        }
        _ => return Err(format!("{library} is not known")),
    };
    let note_ms = begun.elapsed().as_secs_f64() * 1e3;
    if fs::read_to_string(note.with_file_name("expected")).map_err(words)? != text {
        return Err(format!("{library}: another text is opened"));
    }
    let mut line = note_ms.to_string();
    if library == "automerge" {
        let begun = Instant::now();
        let document = Automerge::load(&fs::read(agenda).map_err(words)?).map_err(words)?;
        let shown = agenda::shown(&document).map_err(words)?;
        let ms = begun.elapsed().as_secs_f64() * 1e3;
        let items = &material::shared()[0].items;
        let texts: usize = items.iter().map(|i| 3 + i.attachments.len()).sum();
        if shown.len() != 1 + texts {
            return Err("the agenda is not whole".to_owned());
        }
        line = format!("{line} {ms}");
    }
    writeln!(std::io::stdout(), "{line}").map_err(words)
}
