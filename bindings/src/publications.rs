//! Who answers for what was published, what does not fit, and what a device can prove.

use nghisu_core::{meeting::publication, store};

use crate::{
    Device, Result,
    records::{Language, meeting_id, ms},
};

/// Who answers for a publication.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct PublishedBy {
    /// The secretary who signed it; none if the office's server signed it by itself.
    pub secretary: Option<String>,
    /// The same for people.
    pub text: String,
}

impl PublishedBy {
    pub(crate) fn new(by: &publication::PublishedBy, language: Language) -> Self {
        Self {
            secretary: by.secretary().map(str::to_owned),
            text: by.text(language.into()),
        }
    }
}

/// What was found that does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum AlertKind {
    /// The office offers an older publication than the one shown here, which stays.
    Older,
    /// The office has two publications under one number. The one shown here stays until the next.
    Fork,
    /// A publication that was shown here was lost in a restore of the office, and the one that is shown
    /// now does not follow it.
    Abandoned,
    /// A publication lacks the signature that it must have, and is not shown.
    Unsigned,
    /// The office's log has lost or hides what this device has received.
    LogRolledBack,
    /// One of the owner's devices was put back from a copy, or copied: it goes on in another incarnation.
    DeviceForked,
    /// Two copies of one of the owner's devices have spoken: its key is locked.
    DeviceCopied,
}

impl From<store::AlertKind> for AlertKind {
    fn from(kind: store::AlertKind) -> Self {
        match kind {
            store::AlertKind::Older => Self::Older,
            store::AlertKind::Fork => Self::Fork,
            store::AlertKind::Abandoned => Self::Abandoned,
            store::AlertKind::Unsigned => Self::Unsigned,
            store::AlertKind::LogRolledBack => Self::LogRolledBack,
            store::AlertKind::DeviceForked => Self::DeviceForked,
            store::AlertKind::DeviceCopied => Self::DeviceCopied,
        }
    }
}

/// Something that the owner should hear about the office's log or publications. It stays in the list.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Alert {
    /// What was found.
    pub kind: AlertKind,
    /// The meeting that it is about, if it is about one.
    pub meeting: Option<String>,
    /// What was found and what to do, for people.
    pub text: String,
    /// The values that belong to it: numbers.
    pub detail: String,
    /// When, by the office's clock as far as it is known.
    pub at_ms: i64,
}

impl Alert {
    fn new(alert: store::Alert, language: Language) -> Self {
        Self {
            kind: alert.kind.into(),
            meeting: alert.meeting.map(|id| id.to_string()),
            text: alert.text(language.into()),
            detail: alert.detail,
            at_ms: ms(alert.at),
        }
    }
}

#[uniffi::export]
impl Device {
    /// Returns what the owner should hear about the office's log and publications, the oldest first. Read
    /// it at the start and after `Change::Alerts`.
    pub async fn alerts(&self, language: Language) -> Result<Vec<Alert>> {
        self.run(|client| async move {
            let alerts = client.alerts().await?;
            Ok(alerts
                .into_iter()
                .map(|alert| Alert::new(alert, language))
                .collect())
        })
        .await
    }

    /// Returns the bytes of a file by which anybody who has the fingerprint of the office's root key sees,
    /// without an office, which version of a meeting's programme this device has read.
    pub async fn publication_proof(&self, meeting: String) -> Result<Vec<u8>> {
        let meeting = meeting_id(&meeting)?;
        self.run(|client| async move {
            let proof = client.publication_proof(meeting).await?;
            Ok(proof.encode())
        })
        .await
    }
}
