//! What is the owner's own: taken out as one text, destroyed, and how much room it takes.

use std::{fs, io::ErrorKind, path::Path};

use serde_json::{Value, json};

use super::{ActState, FILE_NAME, Note, Store, file_error, wipe};
use crate::{
    error::{Code, Result},
    store::Acted,
    time::Timestamp,
};

/// Names the form of what is taken out. A later one that is read otherwise has another number.
const FORMAT: &str = "nghisu-own-data-1";

/// How much room a device takes on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StorageUse {
    /// Bytes of the database and of what belongs to it.
    pub database_bytes: u64,
    /// Bytes of the files of papers.
    pub papers_bytes: u64,
    /// Files of papers, those among them that have not come whole.
    pub papers: u64,
}

impl StorageUse {
    /// Counts in a device's folder.
    ///
    /// # Errors
    /// [`Code::Storage`] if it cannot be read.
    pub(crate) fn of(directory: &Path) -> Result<Self> {
        let database = |name: &str| name.starts_with(FILE_NAME);
        let (_, database_bytes) = count(directory, database)?;
        let (papers, papers_bytes) = count(&directory.join("papers"), |_| true)?;
        Ok(Self {
            database_bytes,
            papers_bytes,
            papers,
        })
    }
}

fn count(folder: &Path, counts: impl Fn(&str) -> bool) -> Result<(u64, u64)> {
    let failed = |error| file_error(folder, &error);
    let (mut files, mut bytes) = (0, 0);
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok((0, 0)),
        entries => entries.map_err(failed)?,
    };
    for entry in entries {
        let entry = entry.map_err(failed)?;
        if !counts(&entry.file_name().to_string_lossy()) {
            continue;
        }
        match entry.metadata() {
            Ok(file) if file.is_file() => (files, bytes) = (files + 1, bytes + file.len()),
            // It was deleted meanwhile, or is a folder.
            Ok(_) | Err(_) => {}
        }
    }
    Ok((files, bytes))
}

impl Store {
    /// Returns what the owner has written, as JSON; see [`Client::own_data`](crate::Client::own_data).
    ///
    /// # Errors
    /// [`Code::NotEnrolled`], [`Code::Storage`].
    pub fn own_data(&self, now: Timestamp) -> Result<String> {
        let identity = self.identity()?.ok_or(Code::NotEnrolled)?;
        let notes = self.notes(None)?;
        let acts = self.acts(None)?;
        let not_sent = self.not_sent()?.into_iter().map(|it| {
            json!({
                "document": it.document.to_string(),
                "reason": it.reason,
                "text": it.text,
                "written_at": it.at.to_string(),
            })
        });
        let data = json!({
            "format": FORMAT,
            "taken_out_at": now.to_string(),
            "person": {
                "id": identity.certificate.person.to_string(),
                "name": identity.person_name,
            },
            "device": identity.certificate.device().to_string(),
            "office": identity.body_name,
            "notes": notes.iter().map(note_json).collect::<Vec<Value>>(),
            "acts": acts.iter().map(act_json).collect::<Vec<Value>>(),
            "not_sent": not_sent.collect::<Vec<Value>>(),
        });
        Ok(format!("{data:#}"))
    }

    /// Destroys everything, as the owner wants it. The store is of no use afterwards.
    ///
    /// # Errors
    /// [`Code::Storage`]; the next opening finishes it.
    pub fn erase(&mut self) -> Result<()> {
        self.wipe(wipe::By::Owner)?;
        wipe::end(&self.directory)
    }
}

fn note_json(note: &Note) -> Value {
    let target = &note.target;
    json!({
        "id": note.id.to_string(),
        "meeting": target.meeting.map(|it| it.to_string()),
        "item": target.item.as_ref().map(ToString::to_string),
        "paper": target.paper.as_ref().map(ToString::to_string),
        "text": note.text,
        "created_at": note.created_at.to_string(),
        "edited_at": note.edited_at.to_string(),
    })
}

fn act_json(acted: &Acted) -> Value {
    let act = &acted.act;
    let (state, received_at, reason) = match &acted.state {
        ActState::Written => ("written", None, None),
        ActState::Accepted { received_at } => ("accepted", Some(received_at.to_string()), None),
        ActState::Refused { reason } => ("refused", None, Some(reason)),
    };
    json!({
        "id": act.id.to_string(),
        "meeting": act.meeting.to_string(),
        "item": act.item.as_ref().map(ToString::to_string),
        "kind": act.kind.name(),
        "text": act.text,
        "addressee": act.addressee,
        "withdraws": act.withdraws.map(|it| it.to_string()),
        "made_at": act.made_at.to_string(),
        "state": state,
        "received_at": received_at,
        "reason": reason,
        "receipt": acted.receipt.as_ref().and_then(|it| it.number),
    })
}
