//! `GET /oparl/{*path}`: what is public, as OParl 1.1. It is there only where `serve` was asked for it.

use axum::{
    extract::Query,
    http::{HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use nghisu_core::{Code, Error, Result};
use serde_json::{Value, json};
use tokio::fs::File;

use super::{App, gate::Allowed, papers, refuse};
use crate::office::oparl::Filter;

/// What the path of every document begins with here; a proxy may show it elsewhere.
const PLACE: &str = "/oparl/";

pub(super) async fn show(app: &App, _allowed: Allowed<()>, parts: &Parts) -> Response {
    let mut response = match find(app, parts).await {
        Ok(response) => response,
        Err(error) => refuse(&error),
    };
    let headers = response.headers_mut();
    // Programs in any page may read what everybody may.
    let anybody = HeaderValue::from_static("*");
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, anybody);
    // A paper is nothing that acts for the office in a browser.
    let sandbox = HeaderValue::from_static("sandbox");
    headers.insert(header::CONTENT_SECURITY_POLICY, sandbox);
    let nosniff = HeaderValue::from_static("nosniff");
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
    response
}

async fn find(app: &App, parts: &Parts) -> Result<Response> {
    let path = parts.uri.path().strip_prefix(PLACE).unwrap_or_default();
    let asked = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri);
    let asked = asked.map(|Query(asked)| asked).unwrap_or_default();
    let asked = asked.iter();
    let asked = asked.map(|(name, value)| (name.as_str(), value.as_str()));
    let filter = match Filter::read(asked) {
        Ok(filter) => filter,
        Err(name) => {
            let error = format!("{name}: expected a time like 2026-12-07T08:00:00+07:00");
            return Ok(answer(StatusCode::BAD_REQUEST, &json!({ "error": error })));
        }
    };
    let _turn = app.public_turn().await?;
    let unknown = || {
        Ok(answer(
            StatusCode::NOT_FOUND,
            &json!({ "error": "unknown" }),
        ))
    };
    let Some(public) = app.run(|office| office.public_oparl()).await? else {
        return unknown();
    };
    if let Some(file) = public.file(path) {
        let file = file.clone();
        let paper = app.run(move |office| office.public_paper(&file)).await?;
        let open = File::open(&paper.path).await;
        let open = open.map_err(|error| Error::new(Code::PaperMissing, error))?;
        return Ok(papers::serve(open, &paper, &parts.headers).await);
    }
    match public.document(path, &filter) {
        Some(document) => Ok(answer(StatusCode::OK, &document)),
        None => unknown(),
    }
}

fn answer(status: StatusCode, document: &Value) -> Response {
    let kind = HeaderValue::from_static("application/json");
    (status, [(header::CONTENT_TYPE, kind)], document.to_string()).into_response()
}
