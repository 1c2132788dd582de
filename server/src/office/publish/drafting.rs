//! Drafts that the office's console writes step by step.

use std::path::{Path, PathBuf};

use nghisu_core::{
    Code, Error, Result,
    ids::MeetingId,
    meeting::{
        ItemId, PaperId, Programme,
        drafting::{DraftStep, apply},
        publication::{Part, PublishedBy, merge},
    },
    time::Timestamp,
};
use unicode_normalization::UnicodeNormalization;

use super::{
    Author, ImportedDraft, MeetingStatus, draft, find_meeting, meeting_status, parts::work_out,
    write::open, write_programme,
};
use crate::{
    clock,
    db::{Tx, rows::MeetingRow},
    import::{self, FileRole},
    office::{Office, log::Appending},
};

/// A meeting's draft beside what is published of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// How far the meeting is.
    pub status: MeetingStatus,
    /// The draft.
    pub programme: Programme,
    /// What is published, for all who take part and for circles.
    pub published: Option<Programme>,
}

/// A draft before and after steps were taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Drafted {
    /// The meeting, and whether its draft is another one than before.
    pub draft: ImportedDraft,
    /// The draft so far.
    pub before: Programme,
    /// The draft as it is.
    pub after: Programme,
}

impl Office {
    /// Begins a draft with a meeting that the office does not have. What follows from `steps` is in it.
    ///
    /// # Errors
    /// [`Code::DraftStepInvalid`] for an id that cannot be one or is there already; as [`apply`]; and as
    /// [`Office::publish`] what could not be published.
    pub fn begin_draft(
        &self,
        mut programme: Programme,
        steps: &[DraftStep],
        now: Timestamp,
    ) -> Result<ImportedDraft> {
        let id: String = programme.meeting.id.nfc().collect();
        let id: ItemId = id.parse().map_err(|error| {
            let id = programme.meeting.id.escape_debug();
            Error::new(Code::DraftStepInvalid, format_args!("{id}: {error}"))
        })?;
        programme.meeting.id = id.clone().into();
        for step in steps {
            apply(&mut programme, step)?;
        }
        let keys = self.keys.clone();
        self.db.write(move |tx| {
            let mut log = Appending::begin(tx, &keys, now)?;
            if tx.meeting_of_external_id(id.as_str())?.is_some() {
                let detail = format_args!("meeting {id} is there already").to_string();
                return Err(Error::new(Code::DraftStepInvalid, detail));
            }
            let meeting = MeetingRow {
                id: MeetingId::from_bytes(clock::random()?),
                external_id: id.into(),
            };
            tx.add_meeting(&meeting)?;
            let changed = write_programme(&mut log, &keys.online, &meeting, None, &programme)?;
            publishable(&log, Author::of(&log.office, &keys.online), &meeting, now)?;
            log.finish()?;
            Ok(imported(meeting, &programme, changed))
        })
    }

    /// Takes a step in the draft of a meeting, by its id or its author's.
    ///
    /// # Errors
    /// As [`Office::draft_steps`].
    pub fn draft_step(&self, meeting: &str, step: &DraftStep, now: Timestamp) -> Result<Drafted> {
        let step = step.clone();
        self.draft_steps(meeting, |_| Ok(vec![step]), now)
    }

    /// Takes the steps that follow from the draft of a meeting as it is, by its id or its author's: all
    /// of them or none.
    ///
    /// # Errors
    /// [`Code::MeetingUnknown`]; as [`apply`]; and as [`Office::publish`] what could not be published.
    pub fn draft_steps(
        &self,
        meeting: &str,
        steps: impl FnOnce(&Programme) -> Result<Vec<DraftStep>> + Send + 'static,
        now: Timestamp,
    ) -> Result<Drafted> {
        let edit = |draft: &mut Programme| {
            for step in steps(draft)? {
                apply(draft, &step)?;
            }
            Ok(())
        };
        self.edit_draft(meeting, edit, now)
    }

    /// Takes steps in the draft of a meeting, by its id or its author's, and gives the paper that `steps` names
    /// these files: a new one, or a new version. All of it or nothing.
    ///
    /// # Errors
    /// As [`Office::draft_steps`] and [`import::attach_files`].
    pub fn draft_paper(
        &self,
        meeting: &str,
        files: &[(FileRole, PathBuf)],
        steps: impl FnOnce(&Programme) -> Result<(PaperId, Vec<DraftStep>)> + Send + 'static,
        now: Timestamp,
    ) -> Result<Drafted> {
        let mut read = Vec::new();
        for (role, path) in files {
            let name = path.to_string_lossy();
            let folder = path.parent().unwrap_or_else(|| Path::new(""));
            let (file, blob) = import::read_file(&name, *role, path, folder)?;
            // Papers first: a draft never names a file that is not on disk.
            self.keep_paper(&blob.path, blob.hash)?;
            read.push((*role, file));
        }
        let edit = |draft: &mut Programme| {
            let (id, steps) = steps(draft)?;
            for step in steps {
                apply(draft, &step)?;
            }
            if let Some(paper) = draft.papers.get_mut(&id) {
                for (role, file) in read {
                    role.put(paper, file);
                }
            }
            Ok(())
        };
        self.edit_draft(meeting, edit, now)
    }

    fn edit_draft(
        &self,
        meeting: &str,
        edit: impl FnOnce(&mut Programme) -> Result<()> + Send + 'static,
        now: Timestamp,
    ) -> Result<Drafted> {
        let (keys, meeting) = (self.keys.clone(), meeting.to_owned());
        self.db.write(move |tx| {
            let mut log = Appending::begin(tx, &keys, now)?;
            let meeting = find_meeting(tx, &meeting)?;
            let before = known(tx, &meeting)?;
            let mut after = before.clone();
            edit(&mut after)?;
            let so_far = Some(&before);
            let changed = write_programme(&mut log, &keys.online, &meeting, so_far, &after)?;
            if changed {
                publishable(&log, Author::of(&log.office, &keys.online), &meeting, now)?;
            }
            log.finish()?;
            Ok(Drafted {
                draft: imported(meeting, &after, changed),
                before,
                after,
            })
        })
    }

    /// Returns the draft of a meeting, by its id or its author's, beside what is published of it.
    ///
    /// # Errors
    /// [`Code::MeetingUnknown`].
    pub fn draft(&self, meeting: &str) -> Result<Draft> {
        self.db.read(|tx| {
            let meeting = find_meeting(tx, meeting)?;
            Ok(Draft {
                programme: known(tx, &meeting)?,
                published: published(tx, &meeting)?,
                status: meeting_status(tx, meeting)?,
            })
        })
    }
}

/// Returns the draft, or what is published where a restored office has lost the draft.
fn known(tx: &Tx<'_>, meeting: &MeetingRow) -> Result<Programme> {
    let known = match draft(tx, meeting.id)? {
        Some(draft) => Some(draft),
        None => published(tx, meeting)?,
    };
    known.ok_or_else(|| Error::new(Code::MeetingUnknown, &meeting.external_id))
}

fn imported(meeting: MeetingRow, programme: &Programme, changed: bool) -> ImportedDraft {
    ImportedDraft {
        meeting: meeting.id,
        external_id: meeting.external_id,
        title: programme.meeting.title.clone(),
        changed,
    }
}

/// Refuses a draft that could not be published as it is, before it is written.
fn publishable(
    log: &Appending<'_>,
    author: Author,
    meeting: &MeetingRow,
    now: Timestamp,
) -> Result<()> {
    work_out(log.tx, author, meeting, "", now).map(drop)
}

/// Returns what is published of a meeting, all its parts together.
fn published(tx: &Tx<'_>, meeting: &MeetingRow) -> Result<Option<Programme>> {
    let mut parts = Vec::new();
    for feed in tx.published_feeds(meeting.id)? {
        if let (Some((_, newest)), Some(row)) = (tx.newest_publication(feed)?, tx.document(feed)?) {
            let content = open(&row.saved, *row.id.as_bytes())?.to_json()?;
            parts.push((Part::of(&newest, PublishedBy::Server), content));
        }
    }
    let merged = merge(parts.iter().map(|(part, content)| (part, content)));
    merged
        .map(|content| Programme::from_json(&content))
        .transpose()
}
