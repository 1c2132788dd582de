//! What the chair and secretaries rule, and how a meeting stands for everybody.

use std::collections::BTreeSet;

use super::{Client, clock, random};
use crate::{
    error::Result,
    ids::{ActId, DocumentId, MeetingId},
    meeting::{
        ItemId,
        body::BodyStatement,
        course::{Course, FollowUp},
        deadlines::Obligation,
        owed::Owed,
        ruling::{FloorRuling, Statement},
    },
};

impl Client {
    /// Returns how a meeting stands: the floor and who speaks next, the roll, questions, votes, conclusions.
    /// Own rulings count before the office has them.
    ///
    /// # Errors
    /// [`Code::MeetingUnknown`](crate::Code::MeetingUnknown), [`Code::Storage`](crate::Code::Storage),
    /// [`Code::Closed`](crate::Code::Closed).
    pub async fn course(&self, meeting: MeetingId) -> Result<Course> {
        self.call(move |store| store.course(meeting)).await
    }

    /// Returns what the office has stated of the body: its terms, organisations, people and posts, and its
    /// rules; `None` until it has.
    ///
    /// # Errors
    /// [`Code::Storage`](crate::Code::Storage), [`Code::Closed`](crate::Code::Closed).
    pub async fn body(&self) -> Result<Option<BodyStatement>> {
        self.call(|store| store.body()).await
    }

    /// Returns the body's tasks and petitions, each with what has become of it.
    ///
    /// # Errors
    /// [`Code::NotEnrolled`](crate::Code::NotEnrolled), [`Code::Storage`](crate::Code::Storage),
    /// [`Code::Closed`](crate::Code::Closed).
    pub async fn follow_up(&self) -> Result<FollowUp> {
        self.call(|store| store.follow_up()).await
    }

    /// Returns what the body has to do by a day and whether it has, what is due first first: what its rules ask
    /// for around the meetings that are read here, answers to questions, tasks and petitions. What was to be done before
    /// a day and was not is [`overdue`](crate::meeting::deadlines::overdue).
    ///
    /// # Errors
    /// As [`Client::follow_up`].
    pub async fn obligations(&self) -> Result<Vec<Obligation<Owed>>> {
        self.call(|store| store.obligations()).await
    }

    /// States a ruling of the floor: under the term that this device holds, or, with
    /// [`FloorRuling::TakeFloor`], under the next one. It is signed and on disk when this returns.
    ///
    /// # Errors
    /// [`Code::FloorNotHeld`](crate::Code::FloorNotHeld) where another device, or none, holds the floor;
    /// [`Code::NotAllowed`](crate::Code::NotAllowed) where this one would take it from itself; otherwise as
    /// [`Client::rule`].
    pub async fn rule_floor(
        &self,
        meeting: MeetingId,
        item: Option<ItemId>,
        ruling: FloorRuling,
        text: &str,
    ) -> Result<ActId> {
        let (ids, text) = (ids()?, text.to_owned());
        let changed = self
            .call(move |store| store.put_floor_ruling((meeting, item), ruling, text, ids, clock()))
            .await;
        let changed = self.soon(changed)?;
        self.tell(BTreeSet::from([changed]));
        Ok(ids.0)
    }

    /// States a ruling: of the roll, the record, a task, a petition. It is signed and on disk when this
    /// returns.
    ///
    /// # Errors
    /// [`Code::NotAllowed`](crate::Code::NotAllowed) for what is not for this person's role to state;
    /// [`Code::StatementInvalid`](crate::Code::StatementInvalid) for what
    /// [`Ruling::check`](crate::meeting::ruling::Ruling::check) refuses; otherwise as
    /// [`Client::register_to_speak`].
    pub async fn rule(&self, meeting: MeetingId, statement: Statement) -> Result<ActId> {
        let ids = ids()?;
        let changed = self
            .call(move |store| store.put_ruling(meeting, statement, ids, clock()))
            .await;
        let changed = self.soon(changed)?;
        self.tell(BTreeSet::from([changed]));
        Ok(ids.0)
    }
}

pub(super) fn ids() -> Result<(ActId, DocumentId)> {
    let (act, document) = (random()?, random()?);
    Ok((ActId::from_bytes(act), DocumentId::from_bytes(document)))
}
