//! The minutes of a meeting: secretaries type them, the chair approves them, and then all who take part read
//! them.

use nghisu_core::{Code, Error, meeting::minutes::Version};

use crate::{
    Device, Result,
    records::{Language, Minutes, Splice, meeting_id},
};

#[uniffi::export]
impl Device {
    /// Returns how the minutes of a meeting stand: to secretaries the text as they write it, to the chair the
    /// text that lies before him, to all others the one that he has approved. Nothing while there is none for
    /// this person. Read it again after `Change::Acts` of the meeting.
    pub async fn minutes(&self, meeting: String, language: Language) -> Result<Option<Minutes>> {
        let meeting = meeting_id(&meeting)?;
        self.run(|client| async move {
            let minutes = client.minutes(meeting).await?;
            Ok(minutes.map(|minutes| Minutes::new(minutes, language)))
        })
        .await
    }

    /// Types into the minutes, in the text that was shown as `version`, and returns what is shown then: what
    /// others have typed meanwhile is in it. Positions count UTF-16 code units, each in the text after the
    /// splices before it. It is on disk when this returns, with or without a network; after an error nothing
    /// has changed. It fails with `InvalidInput` for a splice that leaves that text and for a version that is
    /// not shown any more: read the minutes again. It fails with `NotAllowed` for others than secretaries, and
    /// once the minutes are approved.
    pub async fn type_minutes(
        &self,
        meeting: String,
        version: String,
        splices: Vec<Splice>,
        language: Language,
    ) -> Result<Minutes> {
        let meeting = meeting_id(&meeting)?;
        let version: Version = version.parse().map_err(|_| {
            let detail = format_args!("version {version:?}; expected that of the minutes as shown");
            Error::new(Code::PositionInvalid, detail)
        })?;
        let splices = splices.into_iter().map(Into::into).collect();
        self.run(|client| async move {
            let minutes = client.type_minutes(meeting, version, splices).await?;
            Ok(Minutes::new(minutes, language))
        })
        .await
    }

    /// Lays the minutes before the chair as this device shows them, and returns the act. It is signed and on
    /// disk then. The office takes it if it has the same text by then; otherwise the act is refused, and they
    /// are laid before him again after a look. It fails with `NotAllowed` for others than secretaries, and once
    /// the minutes are approved.
    pub async fn lay_minutes(&self, meeting: String) -> Result<String> {
        let meeting = meeting_id(&meeting)?;
        self.run(|client| async move {
            let act = client.lay_minutes(meeting).await?;
            Ok(act.to_string())
        })
        .await
    }

    /// Approves the minutes as they lie before the chair, and returns the act: his signature is over their text.
    /// From then on nobody types into them, and all who take part read them. It fails with `NotAllowed` for
    /// others than the chair, and where none lie before him.
    pub async fn approve_minutes(&self, meeting: String) -> Result<String> {
        let meeting = meeting_id(&meeting)?;
        self.run(|client| async move {
            let act = client.approve_minutes(meeting).await?;
            Ok(act.to_string())
        })
        .await
    }
}
