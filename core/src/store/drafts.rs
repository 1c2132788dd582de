//! Drafts of programmes on a secretary's device: the office's document, and on top of it the steps that this
//! device has taken and the office has not made known yet.

use std::collections::BTreeSet;

use rusqlite::OptionalExtension;

use super::{Changed, Store, column, sql};
use crate::{
    error::{Code, Error, Result},
    ids::{ActId, DocumentId, Feed, MeetingId},
    meeting::{
        Programme,
        act::Act,
        content_hash,
        drafting::{self, DraftStep, apply_elsewhere, place_of, settled},
        ruling::{DraftRuling, Ruling, Statement},
    },
    time::Timestamp,
};

/// The draft of a programme as a secretary's device has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// The meeting.
    pub meeting: MeetingId,
    /// The draft, own steps included.
    pub programme: Programme,
    /// The number of the publication that all who take part have, as far as this device knows; 0 for none.
    pub published: u64,
    /// Own steps that the office has not made known yet.
    pub pending: Vec<ActId>,
    /// Those among them that do not follow any more, since somebody else has changed what they are about.
    /// The office refuses them.
    pub set_aside: Vec<ActId>,
}

impl Store {
    /// Returns the drafts of all meetings.
    ///
    /// # Errors
    /// [`Code::NotAllowed`] for who is no secretary; [`Code::NotEnrolled`], [`Code::Storage`].
    pub fn drafts(&mut self) -> Result<Vec<Draft>> {
        self.check_secretary()?;
        let query = "SELECT feed FROM document WHERE substr(feed, 1, 1) = x'02' ORDER BY feed";
        let mut meetings: BTreeSet<MeetingId> = {
            let mut statement = self.connection.prepare_cached(query).map_err(sql)?;
            let rows = statement.query_map([], |row| row.get::<_, Vec<u8>>(0));
            rows.map_err(sql)?
                .map(|feed| {
                    let feed = column(&feed.map_err(sql)?, Feed::from_slice)?;
                    Ok(if let Feed::Draft(meeting) = feed {
                        Some(meeting)
                    } else {
                        None
                    })
                })
                .filter_map(Result::transpose)
                .collect::<Result<_>>()?
        };
        let begun = self.pending_acts(None, |_| false)?.into_iter();
        meetings.extend(
            begun
                .filter(|(_, act)| begins(act))
                .map(|(_, act)| act.meeting),
        );
        meetings
            .into_iter()
            .map(|meeting| self.draft(meeting))
            .collect()
    }

    /// Returns the draft of a meeting, own steps included.
    ///
    /// # Errors
    /// [`Code::MeetingUnknown`] for one of which there is no draft here; otherwise as [`Store::drafts`].
    pub fn draft(&mut self, meeting: MeetingId) -> Result<Draft> {
        self.check_secretary()?;
        let feed = Feed::Draft(meeting);
        let id = self.draft_document(meeting)?;
        let document = match id {
            Some(id) => self.load_document(id)?.map(|document| (id, document)),
            None => None,
        };
        let programme = match document {
            Some((id, document)) => {
                let content = document.to_json();
                self.keep_open(id, document);
                Some(settled(&content?)?)
            }
            None => None,
        };
        // Where the office's document is not here, all that was done to it was done here.
        let is_here = programme.is_some();
        if !is_here && !self.has_begun(meeting)? {
            return Err(Error::new(Code::MeetingUnknown, meeting));
        }
        let mut draft = Draft {
            meeting,
            programme: programme.unwrap_or_default(),
            published: self.shown_number(Feed::Programme(meeting))?.unwrap_or(0),
            pending: Vec::new(),
            set_aside: Vec::new(),
        };
        let records = self.records(Some(feed))?;
        let known: BTreeSet<ActId> = records.iter().map(|(_, record)| record.act).collect();
        for (_, act) in self.pending_acts(Some(meeting), |act| is_here && known.contains(&act))? {
            if let Some(Ruling::Draft(DraftRuling::DraftStep { step, place })) = act.ruling {
                let programme = &mut draft.programme;
                if apply_elsewhere(programme, &step, place.as_deref()).is_err() {
                    draft.set_aside.push(act.id);
                }
                draft.pending.push(act.id);
            }
        }
        Ok(draft)
    }

    /// Begins the draft of a meeting that the office does not have, whose id is random. It is signed and on disk
    /// when this returns; after an error nothing has changed.
    ///
    /// # Errors
    /// [`Code::DraftStepInvalid`] for anything but [`DraftStep::Begin`], and for what in it cannot be; otherwise
    /// as [`Store::put_draft_step`].
    pub fn put_begun(
        &mut self,
        meeting: MeetingId,
        step: DraftStep,
        ids: (ActId, DocumentId),
        now: Timestamp,
    ) -> Result<Changed> {
        self.check_secretary()?;
        drafting::apply(&mut Programme::default(), &step)?;
        let (step, place) = (Box::new(step), None);
        let ruling = DraftRuling::DraftStep { step, place };
        self.put_draft_ruling((meeting, ruling), String::new(), ids, now)
    }

    /// Takes a step in the draft of a meeting. It is signed and on disk when this returns; after an error
    /// nothing has changed. The ids are random.
    ///
    /// # Errors
    /// As [`drafting::apply`] for a step that does not follow, and as [`Store::draft`];
    /// [`Code::DiskFull`].
    pub fn put_draft_step(
        &mut self,
        meeting: MeetingId,
        step: DraftStep,
        ids: (ActId, DocumentId),
        now: Timestamp,
    ) -> Result<Changed> {
        let mut programme = self.draft(meeting)?.programme;
        drafting::apply(&mut programme, &step)?;
        let place = place_of(&programme, &step);
        let step = Box::new(step);
        let ruling = DraftRuling::DraftStep { step, place };
        self.put_draft_ruling((meeting, ruling), String::new(), ids, now)
    }

    /// Publishes the draft of a meeting as this device shows it. The office does so if it has the same draft
    /// by then and nobody has published meanwhile; otherwise it refuses the act.
    ///
    /// # Errors
    /// As [`Store::draft`]; [`Code::TooLarge`], [`Code::DiskFull`].
    pub fn put_publish(
        &mut self,
        meeting: MeetingId,
        note: String,
        ids: (ActId, DocumentId),
        now: Timestamp,
    ) -> Result<Changed> {
        let draft = self.draft(meeting)?;
        let ruling = DraftRuling::Publish {
            base: draft.published,
            content: content_hash(&draft.programme.to_json()),
        };
        self.put_draft_ruling((meeting, ruling), note, ids, now)
    }

    fn put_draft_ruling(
        &mut self,
        (meeting, ruling): (MeetingId, DraftRuling),
        text: String,
        ids: (ActId, DocumentId),
        now: Timestamp,
    ) -> Result<Changed> {
        let statement = Statement {
            item: None,
            ruling: Ruling::Draft(ruling),
            text,
            addressee: None,
        };
        self.put_ruling(meeting, statement, ids, now)
    }

    /// Says whether there is a draft of a meeting here.
    pub(super) fn has_draft(&self, meeting: MeetingId) -> Result<bool> {
        Ok(self.draft_document(meeting)?.is_some() || self.has_begun(meeting)?)
    }

    /// Says whether a draft of a meeting has begun on this device.
    fn has_begun(&self, meeting: MeetingId) -> Result<bool> {
        let own = self.pending_acts(Some(meeting), |_| false)?;
        Ok(own.iter().any(|(_, act)| begins(act)))
    }

    fn draft_document(&self, meeting: MeetingId) -> Result<Option<DocumentId>> {
        let id: Option<Vec<u8>> = self
            .connection
            .prepare_cached("SELECT id FROM document WHERE feed = ?1")
            .and_then(|mut statement| {
                let feed = Feed::Draft(meeting).to_bytes();
                statement.query_row([feed], |row| row.get(0)).optional()
            })
            .map_err(sql)?;
        id.map(|id| column(&id, DocumentId::from_slice)).transpose()
    }
}

/// Says whether a draft begins with an act.
pub(super) fn begins(act: &Act) -> bool {
    match &act.ruling {
        Some(Ruling::Draft(DraftRuling::DraftStep { step, .. })) => {
            matches!(**step, DraftStep::Begin { .. })
        }
        Some(_) | None => false,
    }
}
