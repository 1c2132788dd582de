//! Notes in an editor: what is typed counts in the text that the editor shows, whatever came meanwhile.

use super::{Note, Store, notes};
use crate::{
    document::{self, Splice},
    error::{Code, Error, Result},
    ids::{DocumentId, Hash},
    time::Timestamp,
};

/// The text that an editor shows of a note, and which version it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    text: String,
    version: Vec<Hash>,
}

impl Shown {
    /// Returns the text.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl Store {
    /// Returns a note as it is now, for an editor that begins.
    ///
    /// # Errors
    /// [`Code::NoteUnknown`], [`Code::Storage`].
    pub fn shown(&mut self, id: DocumentId) -> Result<Shown> {
        let mut document = self.load_note(id)?;
        let shown = Shown {
            text: document.text(notes::TEXT).unwrap_or_default(),
            version: document.heads(),
        };
        self.keep_open(id, document);
        Ok(shown)
    }

    /// Writes what was typed into a text that is shown, and returns what is shown then: what came from
    /// elsewhere meanwhile is not in it. It is on disk when this returns; after an error nothing has changed.
    ///
    /// # Errors
    /// As [`Store::edit_note`].
    pub fn type_into(
        &mut self,
        id: DocumentId,
        shown: &Shown,
        splices: &[Splice],
        now: Timestamp,
    ) -> Result<(Note, Shown)> {
        let invalid = || Error::new(Code::PositionInvalid, "beyond the text that is shown");
        let text = document::spliced(&shown.text, splices).ok_or_else(invalid)?;
        let mut document = self.load_note(id)?;
        if !document.has_version(&shown.version) {
            let theirs = document.text(notes::TEXT).unwrap_or_default();
            let typed = document::brought_over(&shown.text, &text, &theirs);
            let changes = notes::write_splices(&mut document, &typed)?;
            let note = self.save_note(id, document, &changes, now)?;
            // The version stays unknown: what else differs is told as what came.
            let version = shown.version.clone();
            return Ok((note, Shown { text, version }));
        }
        document.go_back(&shown.version);
        let changes = notes::write_splices(&mut document, splices)?;
        let version = match changes.is_empty() {
            true => shown.version.clone(),
            false => document.heads(),
        };
        document.go_forward();
        let note = self.save_note(id, document, &changes, now)?;
        Ok((note, Shown { text, version }))
    }

    /// Returns what an editor has to change so that it shows a note as it is, and what it shows then.
    ///
    /// # Errors
    /// [`Code::NoteUnknown`], [`Code::Storage`].
    pub fn come_meanwhile(
        &mut self,
        id: DocumentId,
        shown: &Shown,
    ) -> Result<(Vec<Splice>, Shown)> {
        let mut document = self.load_note(id)?;
        let version = document.heads();
        let text = document.text(notes::TEXT).unwrap_or_default();
        let splices = match document.has_version(&shown.version) {
            true => document.splices_since(notes::TEXT, &shown.version),
            false => Vec::new(),
        };
        self.keep_open(id, document);
        let leads_there = document::spliced(&shown.text, &splices).as_ref() == Some(&text);
        let splices = match leads_there {
            true => splices,
            // The history is another one by now.
            false => document::brought_over(&shown.text, &text, &shown.text),
        };
        Ok((splices, Shown { text, version }))
    }
}
