//! Drafts of programmes: secretaries write them step by step, also offline, and publish them.

use std::collections::BTreeSet;

use super::{Client, clock, random, rulings::ids};
use crate::{
    error::Result,
    ids::{ActId, MeetingId},
    meeting::{Kind, drafting::DraftStep},
    store::Draft,
};

impl Client {
    /// Returns the drafts of all meetings, with the steps that were taken on this device.
    /// [`Changed::Acts`](crate::store::Changed::Acts) and [`Changed::Meeting`](crate::store::Changed::Meeting)
    /// of a meeting say that its draft may have changed.
    ///
    /// # Errors
    /// [`Code::NotAllowed`](crate::Code::NotAllowed) for who is no secretary;
    /// [`Code::Storage`](crate::Code::Storage), [`Code::Closed`](crate::Code::Closed).
    pub async fn drafts(&self) -> Result<Vec<Draft>> {
        self.call(|store| store.drafts()).await
    }

    /// Returns the draft of a meeting, with the steps that were taken on this device.
    ///
    /// # Errors
    /// [`Code::MeetingUnknown`](crate::Code::MeetingUnknown); otherwise as [`Client::drafts`].
    pub async fn draft(&self, meeting: MeetingId) -> Result<Draft> {
        self.call(move |store| store.draft(meeting)).await
    }

    /// Begins the draft of a meeting that the office does not have, and returns the meeting. It is signed and on
    /// disk when this returns, and is a draft like any other here at once. Where somebody else has begun one
    /// under the same author's id meanwhile, the office refuses it and all steps in it.
    ///
    /// # Errors
    /// [`Code::DraftStepInvalid`](crate::Code::DraftStepInvalid) for an id, a kind or a title that cannot be;
    /// otherwise as [`Client::drafts`].
    pub async fn begin_draft(&self, id: &str, kind: Kind, title: &str) -> Result<MeetingId> {
        let meeting = MeetingId::from_bytes(random()?);
        let step = DraftStep::Begin {
            id: id.to_owned(),
            kind,
            title: title.to_owned(),
        };
        let ids = ids()?;
        let begun = self.call(move |store| store.put_begun(meeting, step, ids, clock()));
        let changed = self.soon(begun.await)?;
        self.tell(BTreeSet::from([changed]));
        Ok(meeting)
    }

    /// Takes a step in the draft of a meeting. It is signed and on disk when this returns, and counts here at
    /// once. Where somebody else has changed meanwhile what it is about, the office takes it as far as it
    /// still follows, and refuses it otherwise.
    ///
    /// # Errors
    /// [`Code::DraftStepInvalid`](crate::Code::DraftStepInvalid) and
    /// [`Code::ItemUnknown`](crate::Code::ItemUnknown) for a step that does not follow;
    /// otherwise as [`Client::draft`].
    pub async fn draft_step(&self, meeting: MeetingId, step: DraftStep) -> Result<ActId> {
        let ids = ids()?;
        let taken = self.call(move |store| store.put_draft_step(meeting, step, ids, clock()));
        let changed = self.soon(taken.await)?;
        self.tell(BTreeSet::from([changed]));
        Ok(ids.0)
    }

    /// Publishes the draft of a meeting as this device shows it, with a note for its readers. The office does
    /// so if it has the same draft by then and nobody has published meanwhile; otherwise the act is refused,
    /// and the draft is published after another look.
    ///
    /// # Errors
    /// As [`Client::draft`]; [`Code::TooLarge`](crate::Code::TooLarge).
    pub async fn publish(&self, meeting: MeetingId, note: &str) -> Result<ActId> {
        let (ids, note) = (ids()?, note.to_owned());
        let stated = self.call(move |store| store.put_publish(meeting, note, ids, clock()));
        let changed = self.soon(stated.await)?;
        self.tell(BTreeSet::from([changed]));
        Ok(ids.0)
    }
}
