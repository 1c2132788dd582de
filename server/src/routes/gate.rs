//! The one place where the network asks the table of rights.
//!
//! A handler takes an [`Allowed`], and only this module makes one: after it has found out who asks, and
//! after the decision about the action that stands in the route's row.

use axum::{
    body::{Body, Bytes},
    http::HeaderMap,
};
use data_encoding::BASE64URL_NOPAD;
use nghisu_core::{
    Code, Error, Result,
    ids::DeviceId,
    limits::REQUEST_BYTES_MAX,
    trust::decide::{Action, Actor},
};

use super::{App, body, now};
use crate::office::{
    Asking, allow,
    orders::{device_of_enrolment, device_of_request, device_of_token},
};

/// Bytes of an enrolment request: its fields at their largest.
const ENROLMENT_BYTES_MAX: usize = 4 << 10;

/// What a request has shown, once the table has allowed what it asks for.
#[derive(Debug)]
pub(super) struct Allowed<T> {
    shown: T,
}

impl<T> Allowed<T> {
    /// Returns what the request has shown.
    pub(super) fn into_shown(self) -> T {
        self.shown
    }
}

/// What a request says of its device, whether that holds or not. A device that is refused is told what
/// was ordered of it, which is signed and no secret.
#[derive(Debug, Default)]
pub(super) enum Claim {
    #[default]
    Nothing,
    Request(Bytes),
    Enrolment(Bytes),
    Token(Vec<u8>),
}

impl Claim {
    /// Returns the device that the request names.
    pub(super) fn device(&self) -> Option<DeviceId> {
        match self {
            Self::Nothing => None,
            Self::Request(bytes) => device_of_request(bytes),
            Self::Enrolment(bytes) => device_of_enrolment(bytes),
            Self::Token(token) => device_of_token(token),
        }
    }
}

fn decided<T>(actor: Actor, action: Action, shown: T) -> Result<Allowed<T>> {
    allow(actor, action)?;
    Ok(Allowed { shown })
}

/// Somebody who shows nothing.
pub(super) fn anybody(action: Action) -> Result<Allowed<()>> {
    decided(Actor::Stranger, action, ())
}

/// Somebody who brings an enrolment request. Whether its invitation holds is for the office to say.
pub(super) async fn invited(
    action: Action,
    request: Body,
    claim: &mut Claim,
) -> Result<Allowed<Vec<u8>>> {
    allow(Actor::Stranger, action)?;
    let bytes = body(request, ENROLMENT_BYTES_MAX).await?;
    *claim = Claim::Enrolment(bytes.clone());
    decided(Actor::Stranger, action, bytes.to_vec())
}

/// A device that has signed its request.
pub(super) async fn device(
    action: Action,
    app: &App,
    request: Body,
    claim: &mut Claim,
) -> Result<Allowed<Asking>> {
    let bytes = body(request, REQUEST_BYTES_MAX).await?;
    *claim = Claim::Request(bytes.clone());
    let asking = app.run(move |office| office.asking(&bytes)).await?;
    decided(asking.actor(), action, asking)
}

/// A device that shows the read token of its last sync.
pub(super) async fn bearer(
    action: Action,
    app: &App,
    headers: &HeaderMap,
    claim: &mut Claim,
) -> Result<Allowed<Vec<u8>>> {
    let token = headers
        .get(axum::http::header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "))
        .and_then(|text| BASE64URL_NOPAD.decode(text.as_bytes()).ok())
        .ok_or_else(|| Error::new(Code::DeviceRefused, "read token"))?;
    let shown = token.clone();
    *claim = Claim::Token(token.clone());
    let actor = app.run(move |office| office.bearer(&token, now())).await?;
    decided(actor, action, shown)
}
