//! `GET /v1/office`: shows to somebody who knows only the pinned root that this server speaks for the
//! office. Devices ask it of a server that another authority vouches for, before they say anything.

use axum::{
    extract::{Query, State},
    http::StatusCode,
    response::Response,
};
use data_encoding::BASE64URL_NOPAD;
use nghisu_core::{Code, Error, Result, cbor, trust::decide::Action};

use super::{App, cbor_response, refuse, stranger_may};

/// The asker's number, in base64url.
#[derive(Debug, serde::Deserialize)]
pub(crate) struct Question {
    #[serde(default)]
    nonce: String,
}

pub(crate) async fn show(State(app): State<App>, Query(question): Query<Question>) -> Response {
    match shown(&app, &question.nonce).await {
        Ok(bytes) => cbor_response(StatusCode::OK, bytes),
        Err(error) => refuse(&error),
    }
}

async fn shown(app: &App, nonce: &str) -> Result<Vec<u8>> {
    stranger_may(Action::Health)?;
    // Who asks without a number is shown the keys, with an answer that proves nothing.
    let nonce = match nonce {
        "" => Some([0; 32]),
        nonce => BASE64URL_NOPAD
            .decode(nonce.as_bytes())
            .ok()
            .and_then(|nonce| nonce.try_into().ok()),
    };
    let nonce = nonce.ok_or_else(|| Error::new(Code::Malformed, "nonce"))?;
    app.run(move |office| Ok(cbor::encode(&office.show(&nonce)?)))
        .await
}
