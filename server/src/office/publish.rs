//! Programmes: drafts as they are imported or written step by step, and publications as delegates receive them.
//!
//! Delegates never receive a draft's history. What they receive is written by the office as the
//! difference to what was last published, in a document of its own lineage: a sentence that was
//! deleted before a publication is in nobody's file.

mod back;
mod drafting;
mod parts;
mod proposal;
mod ruled;
mod write;

use std::path::PathBuf;

use nghisu_core::{
    Code, Error, Result,
    document::Document,
    ids::{Feed, Kind, MeetingId},
    meeting::{Programme, content_hash, drafting::settled, publication::Publication},
    time::Timestamp,
    trust::{keys::DeviceSigner, office::OnlineKey},
};

use super::{Office, log::Appending};
use crate::{
    clock,
    db::{
        Tx,
        rows::{MeetingRow, OfficeRow},
    },
    import::{self, Imported, PaperBlob},
};
use parts::{Worked, differs, work_out};
use write::{Author, change_document, close_papers, write_part};

pub(super) use back::{Back, change_back, publication_back};
pub use drafting::{Draft, Drafted};
pub use proposal::{Difference, Proposal, Review};
pub(super) use ruled::{begins, carry_out, has_draft, why_not};
pub(super) use write::paper_title;

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

/// A publication that was made, or prepared to be signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The meeting.
    pub meeting: MeetingId,
    /// The author's id of the meeting.
    pub external_id: String,
    /// Its number.
    pub number: u64,
    /// Each part that changed, with the name of the circle that alone reads it.
    pub parts: Vec<(Option<String>, Publication)>,
    /// Titles of items that all who take part could read before and that only a circle reads now.
    pub closed: Vec<String>,
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
                .map(|(meeting, _)| write_draft(&mut log, &keys.online, meeting))
                .collect::<Result<Vec<_>>>()?;
            log.finish()?;
            Ok(imported)
        })
    }

    /// Publishes a meeting, by id or by its author's id; without one, all whose draft differs from
    /// what is published. All of it is one transaction.
    ///
    /// # Errors
    /// [`Code::MeetingUnknown`], [`Code::NothingToPublish`], [`Code::TooLarge`]; [`Code::OfficeHealing`];
    /// [`Code::PublicationUnsigned`] where a secretary has to sign: see [`Office::prepare_publication`].
    pub fn publish(
        &self,
        meeting: Option<&str>,
        note: &str,
        now: Timestamp,
    ) -> Result<Vec<Published>> {
        check_note(note)?;
        let (keys, note) = (self.keys.clone(), note.to_owned());
        let asked = meeting.map(str::to_owned);
        self.db.write(move |tx| {
            let mut log = Appending::begin(tx, &keys, now)?;
            no_healing(tx)?;
            let author = Author::of(&log.office, &keys.online);
            let worked = work_out_all(tx, author, asked.as_deref(), &note, now)?;
            if !publishes(&log.office)? {
                let ids = worked.iter().map(|one| one.external_id.as_str());
                let ids = ids.collect::<Vec<_>>().join(", ");
                return Err(Error::new(Code::PublicationUnsigned, ids));
            }
            let mut published = Vec::new();
            for worked in worked {
                for part in &worked.parts {
                    write_part(&mut log, part)?;
                }
                close_papers(tx, worked.meeting)?;
                published.push(worked.summary());
            }
            log.finish()?;
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

/// # Errors
/// [`Code::OfficeHealing`] while the office takes back what it has lost: a number given now could be one
/// that a device still brings.
pub(super) fn no_healing(tx: &Tx<'_>) -> Result<()> {
    if tx.is_healing()? {
        return Err(Code::OfficeHealing.into());
    }
    Ok(())
}

fn check_note(note: &str) -> Result<()> {
    if note.chars().count() > NOTE_CHARS_MAX {
        return Err(Error::new(Code::TooLarge, "note"));
    }
    Ok(())
}

/// Says whether the online key may publish by itself, as the root has signed it.
fn publishes(office: &OfficeRow) -> Result<bool> {
    let online: OnlineKey = office.online.unverified()?;
    Ok(online.publishes)
}

/// Works out what is to be published of a meeting, or of all.
fn work_out_all(
    tx: &Tx<'_>,
    author: Author,
    asked: Option<&str>,
    note: &str,
    now: Timestamp,
) -> Result<Vec<Worked>> {
    let meetings = match asked {
        Some(asked) => vec![find_meeting(tx, asked)?],
        None => tx.meetings()?,
    };
    let mut worked = Vec::new();
    for meeting in &meetings {
        worked.extend(work_out(tx, author, meeting, note, now)?);
    }
    if worked.is_empty() {
        return Err(Error::new(
            Code::NothingToPublish,
            asked.unwrap_or_default(),
        ));
    }
    Ok(worked)
}

fn meeting_status(tx: &Tx<'_>, meeting: MeetingRow) -> Result<MeetingStatus> {
    let draft = draft(tx, meeting.id)?;
    let number = tx.newest_number(meeting.id)?;
    let differs = match &draft {
        Some(draft) => differs(tx, meeting.id, draft)?,
        None => false,
    };
    Ok(MeetingStatus {
        meeting: meeting.id,
        external_id: meeting.external_id,
        title: draft.map(|draft| draft.meeting.title).unwrap_or_default(),
        published: (number > 0).then_some(number),
        differs,
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
    settled(&document.to_json()?).map(Some)
}

fn write_draft(
    log: &mut Appending<'_>,
    online: &dyn DeviceSigner,
    imported: Imported,
) -> Result<ImportedDraft> {
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
    let changed = write_programme(log, online, &meeting, previous.as_ref(), &programme)?;
    Ok(ImportedDraft {
        meeting: meeting.id,
        external_id: meeting.external_id,
        title: programme.meeting.title,
        changed,
    })
}

/// Makes the draft of a meeting equal to `programme`; the circles that it names are made. Returns whether it
/// was another one.
fn write_programme(
    log: &mut Appending<'_>,
    online: &dyn DeviceSigner,
    meeting: &MeetingRow,
    previous: Option<&Programme>,
    programme: &Programme,
) -> Result<bool> {
    let tx = log.tx;
    let content = programme.to_json();
    let items = programme.items.values();
    for circle in items.filter_map(|item| item.circle.as_deref()) {
        tx.circle_named(circle)
            .map_err(|error| about(&error, &meeting.external_id))?;
    }
    let unchanged = previous
        .is_some_and(|previous| content_hash(&previous.to_json()) == content_hash(&content));
    if unchanged {
        return Ok(false);
    }
    let feed = Feed::Draft(meeting.id);
    let change = change_document(tx, Author::of(&log.office, online), feed, &content)
        .map_err(|error| about(&error, &meeting.external_id))?;
    let Some(change) = change else {
        return Ok(false);
    };
    log.write(feed, change.id, Kind::Changes, change.payload.clone())?;
    tx.set_document(feed, &change.row())?;
    Ok(true)
}

fn about(error: &Error, external_id: &str) -> Error {
    Error::new(
        error.code(),
        format_args!("{external_id}: {}", error.detail()),
    )
}
