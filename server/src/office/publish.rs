//! Programmes: drafts as they are imported, and publications as delegates receive them.
//!
//! Delegates never receive a draft's history. What they receive is written by the office as the
//! difference to what was last published, in a document of its own lineage: a sentence that was
//! deleted before a publication is in nobody's file.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use nghisu_core::{
    Code, Error, Result, cbor,
    document::{Document, actor},
    ids::{DocumentId, Feed, Hash, Kind, MeetingId},
    limits::OFFICE_PAYLOAD_BYTES_MAX,
    meeting::{PaperId, Programme, act::Publication, content_hash},
    time::Timestamp,
    trust::keys::DeviceSigner,
};
use serde_json::Value;

use super::{Office, keys::Keys, log::Appending};
use crate::{
    clock,
    db::{
        Tx,
        rows::{DocumentRow, MeetingRow},
    },
    import::{self, Imported, PaperBlob},
};

/// Characters of the note of a publication.
const NOTE_CHARS_MAX: usize = 2000;

/// A meeting whose draft was imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedDraft {
    /// The meeting.
    pub meeting: MeetingId,
    /// The author's id of it.
    pub external_id: String,
    /// Its title.
    pub title: String,
    /// Whether the draft is another one than before.
    pub changed: bool,
}

/// A publication that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The author's id of the meeting.
    pub external_id: String,
    /// The record as it was signed.
    pub publication: Publication,
    /// How many items were left out because only a circle may read them.
    pub withheld: usize,
}

/// How far a meeting is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeetingStatus {
    /// The meeting.
    pub meeting: MeetingId,
    /// The author's id of it.
    pub external_id: String,
    /// The title of its draft.
    pub title: String,
    /// The number of its newest publication.
    pub published: Option<u64>,
    /// Whether the draft differs from that.
    pub differs: bool,
}

impl Office {
    /// Imports programme files, all or none: any mistake in any of them changes nothing. A programme
    /// equal to its draft writes nothing. `on_file` hears how many files were read.
    ///
    /// # Errors
    /// [`Code::ProgrammeFile`], [`Code::StateSecret`], [`Code::PaperMissing`], [`Code::TooLarge`],
    /// and what the disk says.
    pub fn import_files(
        &self,
        files: &[PathBuf],
        now: Timestamp,
        mut on_file: impl FnMut(usize),
    ) -> Result<Vec<ImportedDraft>> {
        let mut meetings = Vec::new();
        for (index, file) in files.iter().enumerate() {
            for mut meeting in import::read_all(file)? {
                let blobs = import::attach_files(&mut meeting)?;
                meetings.push((meeting, blobs));
            }
            on_file(index + 1);
        }
        self.import(meetings, now)
    }

    /// Imports programmes that were read, with the papers that belong to them.
    ///
    /// # Errors
    /// As [`Office::import_files`].
    pub fn import(
        &self,
        meetings: Vec<(Imported, Vec<PaperBlob>)>,
        now: Timestamp,
    ) -> Result<Vec<ImportedDraft>> {
        // Papers first: a draft never names a file that is not on disk.
        for blob in meetings.iter().flat_map(|(_, blobs)| blobs) {
            self.keep_paper(&blob.path, blob.hash)?;
        }
        let keys = self.keys.clone();
        self.db.write(move |tx| {
            let mut log = Appending::begin(tx, &keys, now)?;
            let imported = meetings
                .into_iter()
                .map(|(meeting, _)| write_draft(&mut log, &keys, meeting))
                .collect::<Result<Vec<_>>>()?;
            log.finish()?;
            Ok(imported)
        })
    }

    /// Publishes a meeting, by id or by its author's id; without one, all whose draft differs from
    /// what is published. All of it is one transaction.
    ///
    /// # Errors
    /// [`Code::MeetingUnknown`], [`Code::NothingToPublish`], [`Code::TooLarge`].
    pub fn publish(
        &self,
        meeting: Option<&str>,
        note: &str,
        now: Timestamp,
    ) -> Result<Vec<Published>> {
        if note.chars().count() > NOTE_CHARS_MAX {
            return Err(Error::new(Code::TooLarge, "note"));
        }
        let (keys, note) = (self.keys.clone(), note.to_owned());
        let asked = meeting.map(str::to_owned);
        self.db.write(move |tx| {
            let meetings = match &asked {
                Some(asked) => vec![find_meeting(tx, asked)?],
                None => tx.meetings()?,
            };
            let mut log = Appending::begin(tx, &keys, now)?;
            let mut published = Vec::new();
            for meeting in &meetings {
                published.extend(publish(&mut log, &keys, meeting, &note)?);
            }
            log.finish()?;
            if published.is_empty() {
                return Err(Error::new(
                    Code::NothingToPublish,
                    asked.unwrap_or_default(),
                ));
            }
            Ok(published)
        })
    }

    /// Returns how far each meeting is.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn meetings(&self) -> Result<Vec<MeetingStatus>> {
        self.db.read(|tx| {
            tx.meetings()?
                .into_iter()
                .map(|meeting| meeting_status(tx, meeting))
                .collect()
        })
    }
}

fn meeting_status(tx: &Tx<'_>, meeting: MeetingRow) -> Result<MeetingStatus> {
    let draft = draft(tx, meeting.id)?;
    let newest = tx.newest_publication(meeting.id)?;
    let content = draft.as_ref().map(|draft| {
        let (open, _) = withhold(draft);
        content_hash(&open.to_json())
    });
    Ok(MeetingStatus {
        meeting: meeting.id,
        external_id: meeting.external_id,
        title: draft.map(|draft| draft.meeting.title).unwrap_or_default(),
        differs: content != newest.as_ref().map(|newest| newest.content),
        published: newest.map(|newest| newest.number),
    })
}

/// Finds a meeting by id or by its author's id.
pub(crate) fn find_meeting(tx: &Tx<'_>, asked: &str) -> Result<MeetingRow> {
    if let Some(meeting) = tx.meeting_of_external_id(asked)? {
        return Ok(meeting);
    }
    let id: Option<MeetingId> = asked.parse().ok();
    tx.meetings()?
        .into_iter()
        .find(|meeting| Some(meeting.id) == id)
        .ok_or_else(|| Error::new(Code::MeetingUnknown, asked))
}

fn draft(tx: &Tx<'_>, meeting: MeetingId) -> Result<Option<Programme>> {
    let Some(row) = tx.document(Feed::Draft(meeting))? else {
        return Ok(None);
    };
    // Nothing is written, so any actor will do.
    let document = Document::load(&row.saved, *row.id.as_bytes())?;
    Programme::from_json(&document.to_json()?).map(Some)
}

fn write_draft(log: &mut Appending<'_>, keys: &Keys, imported: Imported) -> Result<ImportedDraft> {
    let tx = log.tx;
    let Imported {
        external_id,
        mut programme,
        ..
    } = imported;
    let meeting = match tx.meeting_of_external_id(&external_id)? {
        Some(meeting) => meeting,
        None => {
            let meeting = MeetingRow {
                id: MeetingId::from_bytes(clock::random()?),
                external_id,
            };
            tx.add_meeting(&meeting)?;
            meeting
        }
    };
    let previous = draft(tx, meeting.id)?;
    import::place_items(&mut programme, previous.as_ref());
    let content = programme.to_json();
    let unchanged = previous
        .is_some_and(|previous| content_hash(&previous.to_json()) == content_hash(&content));
    let feed = Feed::Draft(meeting.id);
    let written = if unchanged {
        None
    } else {
        write_document(log, keys, feed, &content)
            .map_err(|error| about(&error, &meeting.external_id))?
    };
    Ok(ImportedDraft {
        meeting: meeting.id,
        external_id: meeting.external_id,
        title: programme.meeting.title,
        changed: written.is_some(),
    })
}

/// What a document is after a change.
struct Written {
    id: DocumentId,
    heads: Vec<Hash>,
    content: Value,
}

/// Makes the office's document in `feed` equal to `content` by one change, or none if it is that.
fn write_document(
    log: &mut Appending<'_>,
    keys: &Keys,
    feed: Feed,
    content: &Value,
) -> Result<Option<Written>> {
    let row = log.tx.document(feed)?;
    let id = match &row {
        Some(row) => row.id,
        None => DocumentId::from_bytes(clock::random()?),
    };
    let device = keys.online.public_key().device();
    let actor = actor(device, id, log.office.epoch, 0);
    let mut document = match &row {
        Some(row) => Document::load(&row.saved, actor)?,
        None => Document::new(actor),
    };
    let before = document.heads();
    if !document.reconcile(content)? {
        return Ok(None);
    }
    let payload = document.changes_since(&before).concat();
    if payload.len() > OFFICE_PAYLOAD_BYTES_MAX {
        let detail = format_args!("{} bytes in one change", payload.len()).to_string();
        return Err(Error::new(Code::TooLarge, detail));
    }
    log.write(feed, id, Kind::Changes, payload)?;
    let saved = document.save();
    log.tx.set_document(feed, &DocumentRow { id, saved })?;
    Ok(Some(Written {
        id,
        heads: document.heads(),
        content: document.to_json()?,
    }))
}

fn publish(
    log: &mut Appending<'_>,
    keys: &Keys,
    meeting: &MeetingRow,
    note: &str,
) -> Result<Option<Published>> {
    let tx = log.tx;
    let Some(draft) = draft(tx, meeting.id)? else {
        return Ok(None);
    };
    let newest = tx.newest_publication(meeting.id)?;
    let (programme, withheld) = withhold(&draft);
    let content = programme.to_json();
    if newest
        .as_ref()
        .is_some_and(|newest| newest.content == content_hash(&content))
    {
        return Ok(None);
    }
    let feed = Feed::Programme(meeting.id);
    let written = write_document(log, keys, feed, &content)
        .map_err(|error| about(&error, &meeting.external_id))?;
    let Some(written) = written else {
        return Ok(None);
    };
    let base_number = newest.map_or(0, |newest| newest.number);
    let publication = Publication {
        meeting: meeting.id,
        number: base_number + 1,
        base_number,
        heads: written.heads,
        content: content_hash(&written.content),
        note: note.to_owned(),
        published_at: log.now,
    };
    let record = cbor::encode(&publication);
    log.write(feed, written.id, Kind::Publication, record)?;
    tx.add_publication(&publication)?;
    super::late::note_ends(tx, feed, &programme)?;
    for item in programme.items.keys() {
        tx.add_published_item(meeting.id, item.as_str())?;
    }
    for paper in programme.papers.values() {
        for file in [&paper.file, &paper.text_file].into_iter().flatten() {
            tx.add_paper_ref(file.hash, meeting.id, &file.media_type)?;
        }
    }
    Ok(Some(Published {
        external_id: meeting.external_id.clone(),
        publication,
        withheld,
    }))
}

/// Leaves out what only a circle may read: its items, their outcomes, and papers of theirs that no
/// other item has. Returns the rest, and how many items are missing.
fn withhold(draft: &Programme) -> (Programme, usize) {
    let mut open = draft.clone();
    let closed: BTreeMap<_, _> = draft
        .items
        .iter()
        .filter(|(_, item)| item.circle.is_some())
        .collect();
    open.items.retain(|id, _| !closed.contains_key(id));
    open.outcomes.retain(|_, outcome| {
        !outcome
            .item
            .as_ref()
            .is_some_and(|item| closed.contains_key(item))
    });
    let named_openly: BTreeSet<&PaperId> =
        open.items.values().flat_map(|item| &item.papers).collect();
    let papers = closed
        .values()
        .flat_map(|item| &item.papers)
        .filter(|paper| !named_openly.contains(paper));
    for paper in papers {
        open.papers.remove(paper);
    }
    let withheld = closed.len();
    (open, withheld)
}

fn about(error: &Error, external_id: &str) -> Error {
    Error::new(
        error.code(),
        format_args!("{external_id}: {}", error.detail()),
    )
}
