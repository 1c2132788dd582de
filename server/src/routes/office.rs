//! `GET /v1/office`: shows to somebody who knows only the pinned root that this server speaks for the
//! office. Devices ask it of a server that another authority vouches for, before they say anything.

use axum::{
    extract::{Query, State},
    response::Response,
};
use data_encoding::BASE64URL_NOPAD;
use nghisu_core::{Code, Error, Result, cbor, trust::decide::Action};

use super::{App, answer, stranger_may};

/// The asker's number, in base64url.
#[derive(Debug, serde::Deserialize)]
pub(crate) struct Question {
    #[serde(default)]
    nonce: String,
}

pub(crate) async fn show(State(app): State<App>, Query(question): Query<Question>) -> Response {
    answer(shown(&app, &question.nonce).await)
}

async fn shown(app: &App, nonce: &str) -> Result<Vec<u8>> {
    stranger_may(Action::Health)?;
    let nonce: [u8; 32] = BASE64URL_NOPAD
        .decode(nonce.as_bytes())
        .ok()
        .and_then(|nonce| nonce.try_into().ok())
        .ok_or_else(|| Error::new(Code::Malformed, "nonce"))?;
    app.run(move |office| Ok(cbor::encode(&office.show(&nonce)?)))
        .await
}
