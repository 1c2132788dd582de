//! Publications that a restored office has lost and that devices bring back.

use nghisu_core::{
    Result,
    ids::{DocumentId, Feed, MeetingId},
    meeting::{
        Programme, content_hash,
        publication::{SignedPublication, programme_of},
    },
};

use super::write::{close_papers, open, refer};
use crate::db::{
    Tx,
    rows::{DocumentRow, MeetingRow},
};

/// What became of a publication that was brought back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Back {
    /// It is the part's newest again.
    Taken,
    /// The office has another in its place: it stays the devices' alone.
    Abandoned,
    /// It is none, or the office has it.
    Passed,
}

/// Applies a change of a document that the office has written. Returns whether the document takes it:
/// of a document whose history went on differently it does not.
pub(crate) fn change_back(
    tx: &Tx<'_>,
    feed: Feed,
    document: DocumentId,
    payload: &[u8],
) -> Result<bool> {
    let row = tx.document(feed)?;
    if row.as_ref().is_some_and(|row| row.id != document) || is_past(tx, feed)? {
        return Ok(false);
    }
    let before = row.map(|row| row.saved).unwrap_or_default();
    let mut open = open(&before, *document.as_bytes())?;
    if open.apply(payload).is_err() {
        return Ok(false);
    }
    let saved = open.save();
    tx.set_document(
        feed,
        &DocumentRow {
            id: document,
            saved,
        },
    )?;
    if let Feed::Draft(meeting) = feed {
        // A draft says how its author calls the meeting.
        let content = open.to_json()?;
        let external_id = content["meeting"]["id"].as_str().unwrap_or_default();
        name_meeting(tx, meeting, external_id)?;
    }
    Ok(true)
}

/// Notes a meeting that the office has lost, under its author's id if no other meeting has it.
fn name_meeting(tx: &Tx<'_>, meeting: MeetingId, external_id: &str) -> Result<()> {
    if tx.meetings()?.iter().any(|known| known.id == meeting) {
        return Ok(());
    }
    let is_free = !external_id.is_empty() && tx.meeting_of_external_id(external_id)?.is_none();
    let external_id = if is_free {
        external_id.to_owned()
    } else {
        meeting.to_string()
    };
    tx.add_meeting(&MeetingRow {
        id: meeting,
        external_id,
    })
}

/// Says whether the part was published anew since the office was restored.
fn is_past(tx: &Tx<'_>, feed: Feed) -> Result<bool> {
    let (Some(epoch), Some((_, newest))) = (tx.newest_epoch()?, tx.newest_publication(feed)?)
    else {
        return Ok(false);
    };
    Ok(epoch.ended_at.is_some() && newest.published_at >= epoch.begun_at)
}

/// Takes a publication back if it follows what the office has, and its content is that of the document.
pub(crate) fn publication_back(
    tx: &Tx<'_>,
    feed: Feed,
    document: DocumentId,
    payload: &[u8],
) -> Result<Back> {
    let Ok((signed, publication)) = SignedPublication::decode(payload) else {
        return Ok(Back::Passed);
    };
    let Some((meeting, circle)) = programme_of(feed) else {
        return Ok(Back::Passed);
    };
    if publication.feed() != feed {
        return Ok(Back::Passed);
    }
    let newest = tx.newest_publication(feed)?.map(|(_, newest)| newest);
    if newest.as_ref().is_some_and(|newest| {
        (newest.number, newest.content) == (publication.number, publication.content)
    }) {
        return Ok(Back::Passed);
    }
    let follows = newest.is_none_or(|newest| newest.number < publication.number);
    let row = tx.document(feed)?.filter(|row| row.id == document);
    let content = match row {
        Some(row) if follows && !is_past(tx, feed)? => open(&row.saved, *row.id.as_bytes())?
            .json_at(&publication.heads)
            .ok(),
        Some(_) | None => None,
    };
    let content = content.filter(|content| content_hash(content) == publication.content);
    let Some(programme) = content.and_then(|content| Programme::from_json(&content).ok()) else {
        let (number, at) = (publication.number, publication.published_at);
        tx.add_abandoned(feed, meeting, number, publication.content, at)?;
        return Ok(Back::Abandoned);
    };
    // Its author's own id is in the draft alone.
    name_meeting(tx, meeting, "")?;
    let names = programme
        .items
        .values()
        .find_map(|item| item.circle.as_ref());
    if let (Some(circle), Some(name)) = (circle, names) {
        tx.name_circle(circle, name)?;
    }
    tx.add_publication(&publication, &signed)?;
    refer(tx, &publication, &programme)?;
    close_papers(tx, meeting)?;
    Ok(Back::Taken)
}
