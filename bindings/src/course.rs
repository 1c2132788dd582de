//! How a meeting stands, what is followed up after it, and what the chair and secretaries rule.

use nghisu_core::meeting::ruling::Statement;

use crate::{
    Device, Result,
    records::{Course, FloorRuling, FollowUp, Language, Obligation, Ruling, item_id, meeting_id},
};

#[uniffi::export]
impl Device {
    /// Returns how a meeting stands: the floor and who speaks next, the roll, questions, votes, conclusions.
    /// Own rulings count before the office has them. Read it again after `Change::Acts` of the meeting.
    pub async fn course(&self, meeting: String, language: Language) -> Result<Course> {
        let meeting = meeting_id(&meeting)?;
        self.run(|client| async move {
            let course = client.course(meeting).await?;
            let identity = client.status().await?.identity;
            let this = identity.map(|identity| identity.certificate.device());
            Ok(Course::new(meeting, course, this, language))
        })
        .await
    }

    /// Returns the body's tasks and petitions, each with what has become of it. Own rulings count before the
    /// office has them. Read it again after `Change::Acts` of whatever meeting.
    pub async fn follow_up(&self, language: Language) -> Result<FollowUp> {
        self.run(|client| async move {
            let follow_up = client.follow_up().await?;
            Ok(FollowUp::new(follow_up, language))
        })
        .await
    }

    /// Returns what the body has to do by a day and whether it has, what is due first first: what its rules ask
    /// for around the meetings that are read here, answers to questions, tasks and petitions. Overdue is what was
    /// due before today and has no `done_on` up to today. Read it again after `Change::Acts` and
    /// `Change::Meeting` of whatever meeting.
    pub async fn obligations(&self, language: Language) -> Result<Vec<Obligation>> {
        self.run(|client| async move {
            let all = client.obligations().await?.into_iter();
            Ok(all.map(|it| Obligation::new(it, language)).collect())
        })
        .await
    }

    /// States a ruling of the roll, the record, a task or a petition, and returns the act. It is signed and on
    /// disk then; its number is the office's. It fails with `NotAllowed` for others than the chair and
    /// secretaries, but for what a delegate says of the answer to his question, and with `InvalidInput` for
    /// figures that cannot be.
    #[uniffi::method(default(item = None, text = "", addressee = None))]
    pub async fn rule(
        &self,
        meeting: String,
        ruling: Ruling,
        item: Option<String>,
        text: String,
        addressee: Option<String>,
    ) -> Result<String> {
        let meeting = meeting_id(&meeting)?;
        let item = item.as_deref().map(item_id).transpose()?;
        let ruling = ruling.try_into()?;
        let statement = Statement {
            item,
            ruling,
            text,
            addressee,
        };
        self.run(|client| async move {
            let act = client.rule(meeting, statement).await?;
            Ok(act.to_string())
        })
        .await
    }

    /// States a ruling of the floor, and returns the act. It is signed and on disk then, with or without a
    /// network. It fails with `NotAllowed` for others than the chair and secretaries, and with `FloorNotHeld`
    /// for all but `TakeFloor` while another device, or none, holds the floor.
    #[uniffi::method(default(item = None, text = ""))]
    pub async fn rule_floor(
        &self,
        meeting: String,
        ruling: FloorRuling,
        item: Option<String>,
        text: String,
    ) -> Result<String> {
        let meeting = meeting_id(&meeting)?;
        let item = item.as_deref().map(item_id).transpose()?;
        let ruling = ruling.try_into()?;
        self.run(|client| async move {
            let act = client.rule_floor(meeting, item, ruling, &text).await?;
            Ok(act.to_string())
        })
        .await
    }
}
