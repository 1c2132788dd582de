//! Enrolment: the six digits that both screens show, and waiting until the office has compared them.

use std::sync::Arc;

use nghisu_core::{Client, Code, client};
use tokio::task::block_in_place;

use crate::{CancelHandle, Device, Result, records::Identity};

/// An enrolment that the office has not confirmed, or that was interrupted. Go on with
/// `resume_enrolment`.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct PendingEnrolment {
    /// The six digits to be compared; none before the office has answered.
    pub digits: Option<String>,
}

impl From<client::PendingEnrolment> for PendingEnrolment {
    fn from(pending: client::PendingEnrolment) -> Self {
        // The invitation admits whoever has it, and records are printed: it stays in the store.
        Self {
            digits: pending.digits,
        }
    }
}

/// Hears of the six digits that the office compares.
#[uniffi::export(with_foreign)]
pub trait EnrolmentListener: Send + Sync {
    /// Show these digits, and read them to the office. The enrolment waits for this call.
    fn digits(&self, digits: String);
}

#[uniffi::export]
impl Device {
    /// Enrols this device with an invitation of the office. Until the office has compared the six digits
    /// this fails with `EnrolmentPending`, whose detail they are. Safe to repeat after any interruption.
    pub async fn enrol(&self, invitation: String) -> Result<Identity> {
        self.run(|client| async move { client.enrol(&invitation).await.map(Identity::from) })
            .await
    }

    /// Enrols this device and waits until the office has compared the six digits, which `listener` hears.
    /// It asks every few seconds and lets the network come and go. Stop waiting at any time; after that,
    /// or after a restart, `resume_enrolment` goes on.
    #[uniffi::method(default(cancel = None))]
    pub async fn enrol_until_confirmed(
        &self,
        invitation: String,
        listener: Arc<dyn EnrolmentListener>,
        cancel: Option<Arc<CancelHandle>>,
    ) -> Result<Identity> {
        self.run_while_awaited(cancel, |client| async move {
            wait(&client, &invitation, listener).await
        })
        .await
    }

    /// Goes on with the enrolment that is pending, as `enrol_until_confirmed` does. `NotEnrolled` if none
    /// is; the device's identity if it has ended meanwhile.
    #[uniffi::method(default(cancel = None))]
    pub async fn resume_enrolment(
        &self,
        listener: Arc<dyn EnrolmentListener>,
        cancel: Option<Arc<CancelHandle>>,
    ) -> Result<Identity> {
        self.run_while_awaited(cancel, |client| async move {
            match client.pending_enrolment().await? {
                Some(pending) => wait(&client, &pending.invitation, listener).await,
                None => {
                    let identity = client.status().await?.identity;
                    Ok(identity.ok_or(Code::NotEnrolled)?.into())
                }
            }
        })
        .await
    }

    /// Returns the enrolment that has begun and not ended, also after a restart.
    pub async fn pending_enrolment(&self) -> Result<Option<PendingEnrolment>> {
        self.run(|client| async move {
            let pending = client.pending_enrolment().await?;
            Ok(pending.map(PendingEnrolment::from))
        })
        .await
    }
}

async fn wait(
    client: &Client,
    invitation: &str,
    listener: Arc<dyn EnrolmentListener>,
) -> nghisu_core::Result<Identity> {
    // Foreign code may take its time, and others wait for this thread.
    let show = |digits: &str| block_in_place(|| listener.digits(digits.to_owned()));
    let enrolled = client.enrol_until_confirmed(invitation, show).await?;
    Ok(enrolled.into())
}
