//! Enrolment: asked for once, waited for as long as the office compares, safe to repeat.

use std::{sync::Arc, time::Duration};

use super::{
    Client, PendingEnrolment, dice,
    http::{Http, Refused},
    orders,
    pin::Trust,
};
use crate::{
    error::{Code, Error, Result},
    limits::{CONFIRMATION_POLL_MAX_MS, CONFIRMATION_POLL_MS},
    store::Identity,
    sync::cadence::Input,
    trust::enrol::{EnrolmentReply, EnrolmentRequest, Invitation, encode_request},
};

/// After these, asking again with the same invitation leads nowhere.
const LEADS_NOWHERE: [Code; 5] = [
    Code::AlreadyEnrolled,
    Code::InvitationInvalid,
    Code::InvitationUsed,
    Code::InvitationExpired,
    Code::DeviceRefused,
];

impl Client {
    /// Enrols this device with an invitation of the office. Until the office has confirmed the device
    /// this ends with [`Code::EnrolmentPending`], whose detail holds the six digits to be shown: call
    /// it again with the same invitation. Safe to repeat after any interruption.
    ///
    /// # Errors
    /// [`Code::InvitationInvalid`], [`Code::InvitationUsed`], [`Code::InvitationExpired`],
    /// [`Code::AlreadyEnrolled`] unless the device is locked or refused, or if the invitation is for
    /// somebody else than whose device this was; [`Code::EnrolmentPending`], [`Code::DeviceRefused`]
    /// if the office did not confirm it, [`Code::TooManyDevices`], [`Code::OfficeUnreachable`],
    /// [`Code::OfficeCertificate`], [`Code::NotAnOffice`].
    pub async fn enrol(&self, invitation: &str) -> Result<Identity> {
        let invitation: Invitation = invitation.parse()?;
        let result = self.try_enrol(invitation).await;
        if let Err(error) = &result {
            if error.code() == Code::EnrolmentPending {
                let digits = error.detail().to_owned();
                self.call_always(move |store| store.keep_digits(&digits))
                    .await?;
            } else if LEADS_NOWHERE.contains(&error.code()) {
                self.call_always(|store| store.forget_enrolment()).await?;
            }
        }
        result
    }

    /// Enrols this device and waits until the office has confirmed it. `on_digits` gets the six digits
    /// to show as soon as they are known. Stop waiting by dropping the future; it can be begun again.
    ///
    /// # Errors
    /// As [`Client::enrol`], but [`Code::EnrolmentPending`] never.
    pub async fn enrol_until_confirmed(
        &self,
        invitation: &str,
        mut on_digits: impl FnMut(&str) + Send,
    ) -> Result<Identity> {
        let mut shown = String::new();
        let mut pause_ms = CONFIRMATION_POLL_MS;
        loop {
            match self.enrol(invitation).await {
                Err(error) if error.code() == Code::EnrolmentPending => {
                    if shown != error.detail() {
                        error.detail().clone_into(&mut shown);
                        on_digits(&shown);
                    }
                }
                // A network that comes and goes while somebody compares digits changes nothing.
                Err(error)
                    if !shown.is_empty()
                        && [Code::OfficeUnreachable, Code::OfficeBusy].contains(&error.code()) => {}
                ended => return ended,
            }
            tokio::time::sleep(Duration::from_millis(pause_ms)).await;
            pause_ms = (pause_ms * 3 / 2).min(CONFIRMATION_POLL_MAX_MS);
        }
    }

    /// Returns the enrolment that has begun and not ended, also after a restart: go on with
    /// [`Client::enrol`] and its invitation.
    ///
    /// # Errors
    /// [`Code::Storage`], [`Code::Closed`].
    pub async fn pending_enrolment(&self) -> Result<Option<PendingEnrolment>> {
        self.call_always(|store| store.pending_enrolment()).await
    }

    async fn try_enrol(&self, invitation: Invitation) -> Result<Identity> {
        let authorities = Arc::clone(&self.authorities);
        let trust = Trust::pinned(invitation.root, authorities);
        let http = Http::new(&invitation.address, trust)?;
        let (text, dice) = (invitation.to_string(), dice(&self.config)?);
        let asking = self
            .call_always(move |store| store.begin_enrolment(&text, &dice))
            .await?;
        let request = EnrolmentRequest {
            version: 1,
            code: invitation.code,
            key: asking.signer.public_key(),
            name: self.config.device_name.clone(),
            root: invitation.root,
            sealing_key: Some(asking.sealing_key),
            person: asking.person,
        };
        let body = encode_request(&request, asking.signer.as_ref())?;
        let reply = match http.post("/v1/enrol", body).await {
            Ok(reply) => reply,
            Err(refused) => return Err(self.enrolment_refused(&request, refused).await),
        };
        let reply: EnrolmentReply = crate::cbor::decode(&reply, "enrolment reply")?;
        let enrolled = reply.check(&invitation, &request)?;
        // Before the store says that the device is enrolled: whoever stops waiting in between finds
        // a device that can sync.
        *self.http.write().await = Some(http);
        let address = invitation.address;
        let identity = self
            .call_always(move |store| {
                store.enrol(
                    &address,
                    &enrolled,
                    reply.epoch,
                    &reply.body_name,
                    &reply.person_name,
                )?;
                store.identity()
            })
            .await?;
        self.pacer.tell(Input::Enrolled);
        identity.ok_or_else(|| Code::Internal.into())
    }

    /// A refusal of keys that only ask says nothing about the device that this store is.
    async fn enrolment_refused(&self, request: &EnrolmentRequest, refused: Refused) -> Error {
        let asked = request.key.device();
        let own = self
            .call_always(move |store| Ok(store.signer().public_key().device() == asked))
            .await;
        match (own, self.handle().await) {
            (Ok(true), Ok(store)) => orders::refused(&store, refused, |it| self.tell(it)).await,
            _ => refused.error,
        }
    }
}
