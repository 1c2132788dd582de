//! `GET /v1/office`: shows to somebody who knows only the pinned root that this server speaks for the
//! office. Devices ask it of a server that another authority vouches for, before they say anything.

use axum::{extract::Query, http::Uri};
use data_encoding::BASE64URL_NOPAD;
use nghisu_core::{Code, Error, Result, cbor};

use super::{App, gate::Allowed};

/// The asker's number, in base64url.
#[derive(Debug, serde::Deserialize)]
struct Question {
    #[serde(default)]
    nonce: String,
}

pub(super) async fn show(app: &App, _allowed: Allowed<()>, uri: &Uri) -> Result<Vec<u8>> {
    let question = Query::<Question>::try_from_uri(uri).ok();
    // Who asks without a number is shown the keys, with an answer that proves nothing.
    let nonce: [u8; 32] = match question.as_ref().map(|question| question.nonce.as_str()) {
        Some("") => Some([0; 32]),
        Some(nonce) => BASE64URL_NOPAD
            .decode(nonce.as_bytes())
            .ok()
            .and_then(|nonce| nonce.try_into().ok()),
        None => None,
    }
    .ok_or_else(|| Error::new(Code::Malformed, "nonce"))?;
    app.run(move |office| Ok(cbor::encode(&office.show(&nonce)?)))
        .await
}
