//! Drafts that secretaries write on their devices: steps and publications that arrive as rulings.

use nghisu_core::{
    Code, Result,
    ids::{Feed, MeetingId},
    meeting::{
        Programme, content_hash,
        drafting::{DraftStep, ItemStep, apply_elsewhere},
        ruling::{DraftRuling, Record},
    },
    time::Timestamp,
};

use super::{
    Author, NOTE_CHARS_MAX, draft, find_meeting, publishes, work_out, write_part, write_programme,
};
use crate::{
    db::{Tx, rows::MeetingRow},
    office::{log::Appending, office_row},
};

/// Says whether a meeting has a draft.
pub(in crate::office) fn has_draft(tx: &Tx<'_>, meeting: MeetingId) -> Result<bool> {
    Ok(tx.document(Feed::Draft(meeting))?.is_some())
}

/// Returns why a ruling of a draft, with its words, does not hold as the draft stands, if so.
pub(in crate::office) fn why_not(
    tx: &Tx<'_>,
    meeting: MeetingId,
    (ruling, words): (&DraftRuling, &str),
) -> Result<Option<&'static str>> {
    // What devices still bring back comes before it.
    if tx.is_healing()? {
        return Ok(None);
    }
    let Some(draft) = draft(tx, meeting)? else {
        return why_not_begun(tx, meeting, ruling);
    };
    match ruling {
        DraftRuling::DraftStep { step, place } => {
            let follows = takes(tx, &draft, (step, place.as_deref()))?.is_some();
            Ok((!follows).then_some("draft_step"))
        }
        DraftRuling::Publish { base, content } => {
            let newest = tx.newest_publication(Feed::Programme(meeting))?;
            let newest = newest.map_or(0, |(_, newest)| newest.number);
            let office = office_row(tx)?;
            Ok(if !publishes(&office)? {
                Some("secretary_signs")
            } else if words.chars().count() > NOTE_CHARS_MAX {
                Some("too_large")
            } else if newest != *base {
                Some("publication_stale")
            } else if content_hash(&draft.to_json()) != *content {
                Some("draft_changed")
            } else {
                let row = find_meeting(tx, &meeting.to_string())?;
                match work_out(
                    tx,
                    Author::on_trial(&office)?,
                    &row,
                    words,
                    Timestamp::default(),
                ) {
                    Ok(Some(_)) => None,
                    Ok(None) => Some("nothing_to_publish"),
                    Err(error) if error.code() == Code::TooLarge => Some("too_large"),
                    Err(error) => return Err(error),
                }
            })
        }
    }
}

/// Says whether a draft begins with a ruling.
pub(in crate::office) fn begins(ruling: &DraftRuling) -> bool {
    match ruling {
        DraftRuling::DraftStep { step, .. } => matches!(**step, DraftStep::Begin { .. }),
        DraftRuling::Publish { .. } => false,
    }
}

/// Returns the draft that begins with a ruling, if it can be one.
fn begun(ruling: &DraftRuling) -> Option<Programme> {
    let DraftRuling::DraftStep { step, .. } = ruling else {
        return None;
    };
    let mut programme = Programme::default();
    let begun = begins(ruling) && apply_elsewhere(&mut programme, step, None).is_ok();
    begun.then_some(programme)
}

/// Returns why no draft of a meeting that has none begins with a ruling, if so.
fn why_not_begun(
    tx: &Tx<'_>,
    meeting: MeetingId,
    ruling: &DraftRuling,
) -> Result<Option<&'static str>> {
    if !begins(ruling) {
        return Ok(Some("meeting_unknown"));
    }
    let Some(programme) = begun(ruling) else {
        return Ok(Some("draft_step"));
    };
    let taken = tx.meetings()?.iter().any(|it| it.id == meeting)
        || tx.meeting_of_external_id(&programme.meeting.id)?.is_some();
    Ok(taken.then_some("meeting_taken"))
}

/// Returns the draft after a step, if it follows.
fn takes(
    tx: &Tx<'_>,
    draft: &Programme,
    (step, place): (&DraftStep, Option<&str>),
) -> Result<Option<Programme>> {
    let circle = match step {
        DraftStep::Item {
            step: ItemStep::Close { circle },
            ..
        } => Some(circle),
        DraftStep::Item {
            step: ItemStep::Add { new, .. },
            ..
        } => new.circle.as_ref(),
        DraftStep::Begin { .. }
        | DraftStep::Item { .. }
        | DraftStep::Paper { .. }
        | DraftStep::Meeting { .. } => None,
    };
    let mut after = draft.clone();
    // A mistyped name would close an item to everybody.
    let known = match circle.map(|circle| tx.circle(circle)) {
        None => true,
        Some(Ok(circle)) => circle.is_some(),
        Some(Err(error)) if error.code() == Code::Storage => return Err(error),
        Some(Err(_)) => false,
    };
    let taken = known && apply_elsewhere(&mut after, step, place).is_ok();
    Ok(taken.then_some(after))
}

/// Carries out a ruling of a draft whose record stands in the log. What does not follow changes nothing.
pub(in crate::office) fn carry_out(
    log: &mut Appending<'_>,
    record: &Record,
    ruling: &DraftRuling,
) -> Result<()> {
    let (tx, signer) = (log.tx, log.signer());
    let Some(before) = draft(tx, record.meeting)? else {
        let begun = begun(ruling);
        let holds = why_not_begun(tx, record.meeting, ruling)?.is_none();
        if let Some(programme) = begun.filter(|_| holds) {
            let meeting = MeetingRow {
                id: record.meeting,
                external_id: programme.meeting.id.clone(),
            };
            tx.add_meeting(&meeting)?;
            write_programme(log, signer, &meeting, None, &programme)?;
        }
        return Ok(());
    };
    let meeting = find_meeting(tx, &record.meeting.to_string())?;
    match ruling {
        DraftRuling::DraftStep { step, place } => {
            if let Some(after) = takes(tx, &before, (step, place.as_deref()))? {
                match write_programme(log, signer, &meeting, Some(&before), &after) {
                    // One step that no entry holds must not stop all that comes with it.
                    Ok(_) => {}
                    Err(error) if error.code() == Code::TooLarge => {}
                    Err(error) => return Err(error),
                }
            }
        }
        DraftRuling::Publish { .. } => {
            let author = Author::of(&log.office, signer);
            if let Some(worked) = work_out(tx, author, &meeting, &record.text, log.now)? {
                worked
                    .parts
                    .iter()
                    .try_for_each(|part| write_part(log, part))?;
                super::close_papers(tx, worked.meeting)?;
            }
        }
    }
    Ok(())
}
