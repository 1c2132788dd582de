//! The minutes: secretaries type them, a secretary lays them before the chair, and he approves them.

use std::collections::BTreeSet;

use super::{Client, clock, rulings::ids};
use crate::{
    document::Splice,
    error::Result,
    ids::{ActId, DocumentId, MeetingId},
    meeting::minutes::{Minutes, Version},
    store::Changed,
};

impl Client {
    /// Returns how the minutes of a meeting stand: to secretaries the text as they write it, to the chair the
    /// text that lies before him, to all others the one that he has approved. `None` while there is none for
    /// this person. [`Changed::Acts`] of the meeting says that they may have changed.
    ///
    /// # Errors
    /// [`Code::MeetingUnknown`](crate::Code::MeetingUnknown), [`Code::Storage`](crate::Code::Storage),
    /// [`Code::Closed`](crate::Code::Closed).
    pub async fn minutes(&self, meeting: MeetingId) -> Result<Option<Minutes>> {
        self.call(move |store| store.minutes(meeting)).await
    }

    /// Types into the minutes, in the text that was shown as `version`, and returns what is shown then: what
    /// others have typed meanwhile is in it. Positions count UTF-16 code units, each in the text after the
    /// splices before it. It is on disk when this returns; after an error nothing has changed.
    ///
    /// # Errors
    /// [`Code::PositionInvalid`](crate::Code::PositionInvalid) for a splice that leaves that text or cuts a
    /// character, and for a version that is not shown any more: read the minutes again;
    /// [`Code::NotAllowed`](crate::Code::NotAllowed) for who is no secretary, and once they are approved;
    /// [`Code::TooLarge`](crate::Code::TooLarge), [`Code::MeetingUnknown`](crate::Code::MeetingUnknown),
    /// [`Code::DiskFull`](crate::Code::DiskFull), [`Code::Storage`](crate::Code::Storage),
    /// [`Code::Closed`](crate::Code::Closed).
    pub async fn type_minutes(
        &self,
        meeting: MeetingId,
        version: Version,
        splices: Vec<Splice>,
    ) -> Result<Minutes> {
        let typed = self
            .call(move |store| store.type_minutes(meeting, &version, &splices, ids, clock()))
            .await;
        // They travel like a note that is being written.
        let document = DocumentId::from_bytes(*meeting.as_bytes());
        let minutes = self.edited(document, typed)?;
        self.tell(BTreeSet::from([Changed::Acts(meeting)]));
        Ok(minutes)
    }

    /// Lays the minutes before the chair as this device shows them. The office takes it if it has the same
    /// text by then; otherwise the act is refused, and they are laid before him again after a look.
    ///
    /// # Errors
    /// [`Code::NotAllowed`](crate::Code::NotAllowed) for who is no secretary, and once they are approved;
    /// otherwise as [`Client::rule`].
    pub async fn lay_minutes(&self, meeting: MeetingId) -> Result<ActId> {
        let ids = ids()?;
        let laid = self.call(move |store| store.lay_minutes(meeting, ids, clock()));
        let changed = self.soon(laid.await)?;
        self.tell(BTreeSet::from([changed]));
        Ok(ids.0)
    }

    /// Approves the minutes as they lie before the chair: his signature is over their text. From then on
    /// nobody types into them, and all who take part read them.
    ///
    /// # Errors
    /// [`Code::NotAllowed`](crate::Code::NotAllowed) for who is not the chair, and where none lie before him;
    /// otherwise as [`Client::rule`].
    pub async fn approve_minutes(&self, meeting: MeetingId) -> Result<ActId> {
        let ids = ids()?;
        let approved = self.call(move |store| store.approve_minutes(meeting, ids, clock()));
        let changed = self.soon(approved.await)?;
        self.tell(BTreeSet::from([changed]));
        Ok(ids.0)
    }
}
