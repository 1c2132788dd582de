//! Documents that the office writes: one change at a time, from what they say to what they shall say.

use std::collections::BTreeSet;

use nghisu_core::{
    Code, Error, Result,
    document::{Document, actor},
    ids::{DeviceId, DocumentId, Feed, Hash, Kind, MeetingId},
    limits::OFFICE_PAYLOAD_BYTES_MAX,
    meeting::{
        Programme,
        publication::{Publication, SignedPublication},
    },
    sync::healing::SerialNumber,
    trust::{keys::DeviceSigner, office::OnlineKey},
};
use serde_json::Value;

use super::{super::late::note_ends, parts::WorkedPart};
use crate::{
    clock,
    db::{
        Tx,
        rows::{DocumentRow, OfficeRow},
    },
    office::log::Appending,
};

/// Under which actors the office writes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Author {
    device: DeviceId,
    epoch: u32,
}

impl Author {
    pub(super) fn of(office: &OfficeRow, online: &dyn DeviceSigner) -> Self {
        Self {
            device: online.public_key().device(),
            epoch: office.epoch,
        }
    }

    /// Returns under which actor the office would write, to try something out.
    pub(super) fn on_trial(office: &OfficeRow) -> Result<Self> {
        let online: OnlineKey = office.online.unverified()?;
        Ok(Self {
            device: online.key.device(),
            epoch: office.epoch,
        })
    }

    /// Returns the number of the meeting's next publication: in each epoch of the log they begin anew.
    pub(super) fn next_number(self, tx: &Tx<'_>, meeting: MeetingId) -> Result<u64> {
        Ok(SerialNumber::after(tx.newest_number(meeting)?, self.epoch))
    }

    fn actor(self, id: DocumentId) -> [u8; 16] {
        actor(self.device, id, self.epoch, 0)
    }
}

/// A change of a document that is worked out and not yet written.
#[derive(Debug, Clone)]
pub(super) struct DocumentChange {
    pub(super) id: DocumentId,
    /// The document so far, in its saved form; empty if it is new.
    pub(super) before: Vec<u8>,
    /// The change.
    pub(super) payload: Vec<u8>,
    /// The document after it, in its saved form.
    pub(super) after: Vec<u8>,
    pub(super) heads: Vec<Hash>,
    pub(super) content: Value,
}

impl DocumentChange {
    pub(super) fn row(&self) -> DocumentRow {
        DocumentRow {
            id: self.id,
            saved: self.after.clone(),
        }
    }
}

/// Works out the one change that makes the office's document in `feed` equal to `content`, or none if
/// it is that.
pub(super) fn change_document(
    tx: &Tx<'_>,
    author: Author,
    feed: Feed,
    content: &Value,
) -> Result<Option<DocumentChange>> {
    let row = tx.document(feed)?;
    let (id, before) = match row {
        Some(row) => (row.id, row.saved),
        None => (DocumentId::from_bytes(clock::random()?), Vec::new()),
    };
    let mut document = open(&before, author.actor(id))?;
    let heads = document.heads();
    if !document.reconcile(content)? {
        return Ok(None);
    }
    let payload = document.changes_since(&heads).concat();
    if payload.len() > OFFICE_PAYLOAD_BYTES_MAX {
        let detail = format_args!("{} bytes in one change", payload.len()).to_string();
        return Err(Error::new(Code::TooLarge, detail));
    }
    Ok(Some(DocumentChange {
        id,
        before,
        payload,
        after: document.save(),
        heads: document.heads(),
        content: document.to_json()?,
    }))
}

/// Returns the office's document in `feed` as it is, with a change that changes nothing.
pub(super) fn unchanged(tx: &Tx<'_>, feed: Feed) -> Result<DocumentChange> {
    let row = tx.document(feed)?;
    let row =
        row.ok_or_else(|| Error::new(Code::DatabaseCorrupt, "a publication without content"))?;
    let mut document = open(&row.saved, *row.id.as_bytes())?;
    Ok(DocumentChange {
        id: row.id,
        before: row.saved.clone(),
        payload: Vec::new(),
        after: row.saved,
        heads: document.heads(),
        content: document.to_json()?,
    })
}

/// Opens a document in its saved form; nothing saved is an empty one.
pub(super) fn open(saved: &[u8], actor: [u8; 16]) -> Result<Document> {
    if saved.is_empty() {
        Ok(Document::new(actor))
    } else {
        Document::load(saved, actor)
    }
}

/// Writes a part: the change, its record, and what follows from them.
pub(super) fn write_part(log: &mut Appending<'_>, part: &WorkedPart) -> Result<()> {
    let signed = SignedPublication::new(&part.publication, part.signature.clone());
    let (feed, change) = (part.publication.feed(), &part.change);
    if !change.payload.is_empty() {
        log.write(feed, change.id, Kind::Changes, change.payload.clone())?;
    }
    log.write(feed, change.id, Kind::Publication, signed.encode())?;
    log.tx.set_document(feed, &change.row())?;
    log.tx.add_publication(&part.publication, &signed)?;
    log.tx.name_abandoned(&part.publication)?;
    refer(log.tx, &part.publication, &part.programme)
}

/// Notes which items and files the part names from here on.
pub(super) fn refer(tx: &Tx<'_>, publication: &Publication, programme: &Programme) -> Result<()> {
    let (meeting, feed) = (publication.meeting, publication.feed());
    for item in programme.items.keys() {
        tx.add_published_item(meeting, item.as_str(), feed)?;
    }
    for (hash, media_type) in files(programme) {
        tx.add_paper_ref(hash, feed, media_type)?;
    }
    note_ends(tx, feed, programme)
}

/// Ends that a file is served to all who take part, once papers of circles alone have it.
pub(super) fn close_papers(tx: &Tx<'_>, meeting: MeetingId) -> Result<()> {
    let programme = |feed: Feed| -> Result<Option<Programme>> {
        let Some(row) = tx.document(feed)? else {
            return Ok(None);
        };
        let document = open(&row.saved, *row.id.as_bytes())?;
        Programme::from_json(&document.to_json()?).map(Some)
    };
    let open = Feed::Programme(meeting);
    let still_open = programme(open)?.unwrap_or_default();
    let still_open: BTreeSet<Hash> = files(&still_open).map(|(hash, _)| hash).collect();
    for feed in tx.published_feeds(meeting)? {
        if feed == open {
            continue;
        }
        let closed = programme(feed)?.unwrap_or_default();
        for (hash, _) in files(&closed).filter(|(hash, _)| !still_open.contains(hash)) {
            tx.remove_paper_ref(hash, open)?;
        }
    }
    Ok(())
}

/// Returns the title of the paper that has a file, if a part that is published now has it.
pub(crate) fn paper_title(tx: &Tx<'_>, hash: Hash) -> Result<Option<String>> {
    for (feed, _) in tx.paper_refs(hash)? {
        let Some(row) = tx.document(feed)? else {
            continue;
        };
        let document = open(&row.saved, *row.id.as_bytes())?;
        let programme = Programme::from_json(&document.to_json()?)?;
        let found = programme.papers.into_values().find(|paper| {
            let mut files = paper.file.iter().chain(&paper.text_file);
            files.any(|file| file.hash == hash)
        });
        if let Some(paper) = found {
            return Ok(Some(paper.title));
        }
    }
    Ok(None)
}

/// Returns the files that a programme's papers have.
fn files(programme: &Programme) -> impl Iterator<Item = (Hash, &str)> {
    let papers = programme.papers.values();
    papers
        .flat_map(|paper| [&paper.file, &paper.text_file])
        .flatten()
        .map(|file| (file.hash, file.media_type.as_str()))
}
