//! `GET /v1/papers/{hash}`: a paper's file, or a range of it, from disk. `GET /v1/papers` and
//! `POST /v1/papers/{hash}`: which files the office has lost, and a piece of one that comes back.

use std::io::SeekFrom;

use axum::{
    body::Body,
    extract::Query,
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header, request::Parts},
    response::{IntoResponse, Response},
};
use nghisu_core::{Code, Error, Result, cbor, ids::Hash, limits::PAPER_PIECE_BYTES_MAX};
use tokio::{
    fs::File,
    io::{AsyncReadExt, AsyncSeekExt},
};

use super::{App, body, gate::Allowed, now, refuse};
use crate::office::Paper;

/// Bytes that are read from disk at a time.
const STEP_BYTES: u64 = 64 << 10;

pub(super) async fn paper(app: &App, token: Allowed<Vec<u8>>, parts: &Parts) -> Result<Response> {
    let token = token.into_shown();
    let hash = hash_of(&parts.uri)?;
    let paper = app
        .run(move |office| office.paper(&token, hash, now()))
        .await?;
    let file = File::open(&paper.path)
        .await
        .map_err(|_| Error::new(Code::PaperMissing, hash))?;
    Ok(serve(file, &paper, &parts.headers).await)
}

fn hash_of(uri: &Uri) -> Result<Hash> {
    let hash = uri.path().rsplit('/').next().unwrap_or_default();
    hash.parse()
        .map_err(|_| Error::new(Code::PaperMissing, "not a hash"))
}

/// Where in a file a piece belongs, and how long the file is.
#[derive(Debug, serde::Deserialize)]
struct Place {
    at: u64,
    of: u64,
}

pub(super) async fn missing(app: &App, token: Allowed<Vec<u8>>) -> Result<Vec<u8>> {
    let token = token.into_shown();
    app.run(move |office| Ok(cbor::encode(&office.papers_missing(&token, now())?)))
        .await
}

pub(super) async fn back(
    app: &App,
    token: Allowed<Vec<u8>>,
    uri: &Uri,
    request: Body,
) -> Result<Vec<u8>> {
    let (token, hash) = (token.into_shown(), hash_of(uri)?);
    let Ok(Query(Place { at, of })) = Query::<Place>::try_from_uri(uri) else {
        return Err(Error::new(Code::Malformed, "at, of"));
    };
    let piece = body(request, PAPER_PIECE_BYTES_MAX).await?;
    app.run(move |office| {
        let taken = office.take_paper_piece(&token, hash, (at, of), &piece, now())?;
        Ok(cbor::encode(&taken))
    })
    .await
}

pub(super) async fn serve(mut file: File, paper: &Paper, headers: &HeaderMap) -> Response {
    let asked = headers
        .get(header::RANGE)
        .and_then(|value| value.to_str().ok())
        .map_or(Asked::All, |text| parse_range(text, paper.length));
    let (status, from, length) = match asked {
        Asked::All => (StatusCode::OK, 0, paper.length),
        Asked::Range { from, length } => (StatusCode::PARTIAL_CONTENT, from, length),
        Asked::Outside => {
            let range = format!("bytes */{}", paper.length);
            let status = StatusCode::RANGE_NOT_SATISFIABLE;
            return (status, [(header::CONTENT_RANGE, range)]).into_response();
        }
    };
    if let Err(error) = file.seek(SeekFrom::Start(from)).await {
        return refuse(&Error::new(Code::Storage, error));
    }
    let kind = HeaderValue::from_str(&paper.media_type)
        .unwrap_or(HeaderValue::from_static("application/octet-stream"));
    let mut response = (status, stream(file, length)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, kind);
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if status == StatusCode::PARTIAL_CONTENT {
        let range = format!("bytes {from}-{}/{}", from + length - 1, paper.length);
        headers.extend(HeaderValue::from_str(&range).map(|range| (header::CONTENT_RANGE, range)));
    }
    response
}

fn stream(file: File, length: u64) -> Body {
    let steps = futures_util::stream::try_unfold((file, length), |(mut file, left)| async move {
        let step = usize::try_from(left.min(STEP_BYTES)).unwrap_or(0);
        if step == 0 {
            return Ok(None);
        }
        let mut bytes = vec![0; step];
        file.read_exact(&mut bytes).await?;
        Ok::<_, std::io::Error>(Some((bytes, (file, left - step as u64))))
    });
    Body::from_stream(steps)
}

#[derive(Debug, PartialEq, Eq)]
enum Asked {
    All,
    Range { from: u64, length: u64 },
    Outside,
}

/// Reads a single range of bytes. As RFC 9110 allows, what cannot be read as one asks for everything.
fn parse_range(text: &str, length: u64) -> Asked {
    let Some((first, last)) = text
        .strip_prefix("bytes=")
        .and_then(|text| text.split_once('-'))
    else {
        return Asked::All;
    };
    let number = |text: &str| text.trim().parse::<u64>().ok();
    let (from, to) = match (number(first), number(last)) {
        (Some(from), None) if last.trim().is_empty() => (from, length),
        (Some(from), Some(last)) if last >= from => (from, last.saturating_add(1).min(length)),
        (None, Some(suffix)) if first.trim().is_empty() => (length.saturating_sub(suffix), length),
        (_, _) => return Asked::All,
    };
    if from >= to {
        return Asked::Outside;
    }
    Asked::Range {
        from,
        length: to - from,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_range_is_cut_to_the_file() {
        for (text, asked) in [
            ("bytes=0-3", Asked::Range { from: 0, length: 4 }),
            ("bytes=8-", Asked::Range { from: 8, length: 2 }),
            ("bytes=8-99", Asked::Range { from: 8, length: 2 }),
            ("bytes=-3", Asked::Range { from: 7, length: 3 }),
            ("bytes=10-", Asked::Outside),
            ("bytes=-0", Asked::Outside),
            ("bytes=3-1", Asked::All),
            ("bytes=0-1,3-4", Asked::All),
            ("lines=1-2", Asked::All),
            ("bytes=-", Asked::All),
        ] {
            assert_eq!(parse_range(text, 10), asked, "{text}");
        }
    }
}
