//! Requests to the office: bytes in, bytes out. Knows nothing of the protocol's meaning, and leaves to
//! [`super::pin`] which server is the office.

use std::{error::Error as _, sync::PoisonError, time::Duration};

use data_encoding::BASE64URL_NOPAD;
use reqwest::{RequestBuilder, Response, StatusCode, header};
use rustls::ClientConfig;

use super::{
    listen::{Heard, PokeLines},
    pin::{OFFICE_PATH, Proven, Trust, office_config, question_config},
    random,
};
use crate::{
    error::{Code, Error, Result},
    ids::Hash,
    limits::{REPLY_BYTES_MAX, RETRY_AFTER_MS_MAX},
    sync::{
        papers::{PapersMissing, PieceTaken},
        wire::{MEDIA_TYPE, POKES_TYPE, Refusal},
    },
    trust::{enrol::Address, office::OfficeShown, orders::SignedOrder},
};

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// How long the office may be silent within an answer.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// Servers of one office that may show different certificates under one name.
const SERVERS_MAX: u32 = 4;

/// A way to one office.
#[derive(Debug, Clone)]
pub(super) struct Http {
    client: reqwest::Client,
    url: String,
    address: Address,
    trust: Trust,
    proven: Proven,
}

impl Http {
    /// Makes a way to the office at `address`, if it is the one that is trusted.
    pub(super) fn new(address: &Address, trust: Trust) -> Result<Self> {
        if !address.tls && !is_loopback(&address.authority) {
            return Err(Error::new(
                Code::OfficeCertificate,
                format_args!("{}: without TLS only on this machine", address.authority),
            ));
        }
        let proven = Proven::default();
        Ok(Self {
            client: client(office_config(&trust, &proven)?)?,
            url: address.url(),
            address: address.clone(),
            trust,
            proven,
        })
    }

    /// Sends a request to a server that is the office. Before one of another authority hears of it,
    /// it has to show that it is.
    async fn send(&self, make: impl Fn(&reqwest::Client) -> RequestBuilder) -> Result<Response> {
        for _ in 0..SERVERS_MAX {
            match make(&self.client)
                .send()
                .await
                .map_err(|error| self.failed(&error))
            {
                Err(error) if error.code() == Code::OfficeCertificate && self.address.tls => {
                    self.ask_who_it_is().await?;
                }
                answered => return answered,
            }
        }
        Err(Error::new(Code::OfficeCertificate, &self.address.authority))
    }

    /// Asks the server whether it speaks for the office, and notes its certificate if it does.
    async fn ask_who_it_is(&self) -> Result<()> {
        let seen = Proven::default();
        let client = client(question_config(&self.trust, &seen)?)?;
        let nonce: [u8; 32] = random()?;
        let url = format!(
            "{}{OFFICE_PATH}?nonce={}",
            self.url,
            BASE64URL_NOPAD.encode(&nonce)
        );
        let response = client.get(url).send().await;
        let response = response.map_err(|error| self.failed(&error))?;
        let status = response.status();
        if media_type(&response) != Some(MEDIA_TYPE) || status != StatusCode::OK {
            return Err(self.stranger(status));
        }
        let shown: OfficeShown = crate::cbor::decode(&self.read(response).await?, "office")?;
        self.trust.check(&shown, &nonce)?;
        let seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        // One answer proves one certificate: which of two has answered nobody could say.
        match (seen.first(), seen.len()) {
            (Some(leaf), 1) => {
                let mut proven = self.proven.lock().unwrap_or_else(PoisonError::into_inner);
                proven.insert(*leaf);
                Ok(())
            }
            (None, _) => Ok(()),
            (Some(_), _) => Err(Error::new(Code::OfficeCertificate, &self.address.authority)),
        }
    }

    /// Posts a message of the protocol and returns the answer's bytes.
    pub(super) async fn post(&self, path: &str, body: Vec<u8>) -> Result<Vec<u8>, Refused> {
        let response = self.send(|client| {
            client
                .post(format!("{}{path}", self.url))
                .header(header::CONTENT_TYPE, MEDIA_TYPE)
                .body(body.clone())
        });
        let response = response.await?;
        let (status, retry_after_ms) = (response.status(), retry_after_ms(&response));
        if media_type(&response) != Some(MEDIA_TYPE) {
            return Err(self
                .stranger(status)
                .with_retry_after(retry_after_ms)
                .into());
        }
        let bytes = self.read(response).await?;
        if status == StatusCode::OK {
            return Ok(bytes);
        }
        let mut refusal: Refusal = crate::cbor::decode(&bytes, "refusal")?;
        let order = refusal.order.take().map(Box::new);
        let error = refusal.into_error().with_retry_after(retry_after_ms);
        Err(Refused { error, order })
    }

    /// Asks for a paper's bytes from `start` on.
    pub(super) async fn paper(&self, hash: &Hash, token: &[u8], start: u64) -> Result<Paper> {
        let url = format!("{}/v1/papers/{hash}", self.url);
        let response = self.send(|client| {
            let request = client.get(&url).header(
                header::AUTHORIZATION,
                format!("Bearer {}", BASE64URL_NOPAD.encode(token)),
            );
            if start > 0 {
                request.header(header::RANGE, format!("bytes={start}-"))
            } else {
                request
            }
        });
        let response = response.await?;
        match response.status() {
            StatusCode::OK => Ok(Paper {
                http: self.clone(),
                response,
                start: 0,
            }),
            StatusCode::PARTIAL_CONTENT => Ok(Paper {
                http: self.clone(),
                response,
                start,
            }),
            status if media_type(&response) == Some(MEDIA_TYPE) => {
                let bytes = self.read(response).await?;
                let refusal: Refusal = crate::cbor::decode(&bytes, "refusal")?;
                tracing::debug!(%status, code = refusal.code, "paper refused");
                Err(refusal.into_error())
            }
            status => Err(self.stranger(status)),
        }
    }

    /// Asks which papers' files the office lacks.
    pub(super) async fn papers_missing(&self, token: &[u8]) -> Result<PapersMissing> {
        let bearer = format!("Bearer {}", BASE64URL_NOPAD.encode(token));
        let response = self.send(|client| {
            let request = client.get(format!("{}/v1/papers", self.url));
            request.header(header::AUTHORIZATION, &bearer)
        });
        PapersMissing::decode(&self.answer(response.await?).await?)
    }

    /// Hands a piece of a paper's file back: the bytes from `at` on, of a file of `of` bytes.
    pub(super) async fn paper_piece(
        &self,
        hash: &Hash,
        token: &[u8],
        (at, of): (u64, u64),
        piece: &[u8],
    ) -> Result<PieceTaken> {
        let bearer = format!("Bearer {}", BASE64URL_NOPAD.encode(token));
        let response = self.send(|client| {
            let request = client.post(format!("{}/v1/papers/{hash}?at={at}&of={of}", self.url));
            let request = request.header(header::AUTHORIZATION, &bearer);
            request.body(piece.to_vec())
        });
        PieceTaken::decode(&self.answer(response.await?).await?)
    }

    /// Returns the bytes of a message of the protocol that answers a request, or what was refused.
    async fn answer(&self, response: Response) -> Result<Vec<u8>> {
        let status = response.status();
        if media_type(&response) != Some(MEDIA_TYPE) {
            return Err(self.stranger(status));
        }
        let bytes = self.read(response).await?;
        if status == StatusCode::OK {
            return Ok(bytes);
        }
        let refusal: Refusal = crate::cbor::decode(&bytes, "refusal")?;
        Err(refusal.into_error())
    }

    /// Begins to hear from the office that there is something new.
    pub(super) async fn pokes(&self, token: &[u8]) -> Result<Pokes> {
        let url = format!("{}/v1/pokes", self.url);
        let bearer = format!("Bearer {}", BASE64URL_NOPAD.encode(token));
        let response = self.send(|client| client.get(&url).header(header::AUTHORIZATION, &bearer));
        let response = response.await?;
        let (status, after_ms) = (response.status(), retry_after_ms(&response));
        match media_type(&response) {
            Some(POKES_TYPE) if status == StatusCode::OK => Ok(Pokes {
                http: self.clone(),
                response,
                lines: PokeLines::default(),
            }),
            Some(MEDIA_TYPE) => {
                let bytes = self.read(response).await?;
                let refusal: Refusal = crate::cbor::decode(&bytes, "refusal")?;
                Err(refusal.into_error().with_retry_after(after_ms))
            }
            _ => Err(self.stranger(status).with_retry_after(after_ms)),
        }
    }

    async fn read(&self, mut response: Response) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| self.failed(&error))?
        {
            if bytes.len() + chunk.len() > REPLY_BYTES_MAX {
                return Err(Error::new(Code::TooLarge, "reply"));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    fn stranger(&self, status: StatusCode) -> Error {
        let code = match status {
            StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => Code::OfficeBusy,
            _ => Code::NotAnOffice,
        };
        Error::new(code, format_args!("{}: {status}", self.address.authority))
    }

    fn failed(&self, error: &reqwest::Error) -> Error {
        let authority = &self.address.authority;
        let mut cause: Option<&(dyn std::error::Error + 'static)> = error.source();
        while let Some(present) = cause {
            match present.downcast_ref::<rustls::Error>() {
                Some(
                    rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented,
                ) => {
                    return Error::new(Code::OfficeCertificate, authority);
                }
                Some(rustls::Error::InvalidMessage(_) | rustls::Error::AlertReceived(_)) => {
                    return Error::new(Code::NotAnOffice, authority);
                }
                _ => {}
            }
            // The source of an `io::Error` is that of the error within, not the error within itself.
            let within = present
                .downcast_ref::<std::io::Error>()
                .and_then(std::io::Error::get_ref);
            cause = match within {
                Some(within) => Some(within),
                None => present.source(),
            };
        }
        Error::new(Code::OfficeUnreachable, authority)
    }
}

/// Why a request was not carried out, and what the office has ordered along with that.
#[derive(Debug)]
pub(super) struct Refused {
    /// Why.
    pub(super) error: Error,
    /// The order.
    pub(super) order: Option<Box<SignedOrder>>,
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self { error, order: None }
    }
}

/// A paper that arrives piece by piece.
pub(super) struct Paper {
    http: Http,
    response: Response,
    /// Where in the file the first piece belongs.
    pub(super) start: u64,
}

impl Paper {
    /// Returns the next piece, or `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<u8>>> {
        let chunk = self
            .response
            .chunk()
            .await
            .map_err(|error| self.http.failed(&error))?;
        Ok(chunk.map(Into::into))
    }
}

/// What the office says while it is listened to.
pub(super) struct Pokes {
    http: Http,
    response: Response,
    lines: PokeLines,
}

impl Pokes {
    /// Waits until the office says something, and returns what it said; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<Heard>>> {
        let chunk = self.response.chunk().await;
        match chunk.map_err(|error| self.http.failed(&error))? {
            Some(chunk) => self.lines.take(&chunk).map(Some),
            None => Ok(None),
        }
    }
}

/// For how many milliseconds an answer asks to be left alone; 0 if it does not say.
fn retry_after_ms(response: &Response) -> u64 {
    let header = response.headers().get(header::RETRY_AFTER);
    let seconds: Option<u64> = header.and_then(|it| it.to_str().ok()?.trim().parse().ok());
    seconds.map_or(0, |it| it.saturating_mul(1000).min(RETRY_AFTER_MS_MAX))
}

fn client(config: ClientConfig) -> Result<reqwest::Client> {
    reqwest::Client::builder()
        .tls_backend_preconfigured(config)
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(READ_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .user_agent(concat!("nghisu/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| Error::new(Code::Internal, error))
}

fn media_type(response: &Response) -> Option<&str> {
    response.headers().get(header::CONTENT_TYPE)?.to_str().ok()
}

fn is_loopback(authority: &str) -> bool {
    let host = authority
        .rsplit_once(':')
        .map_or(authority, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::{super::pin::authorities, *};

    #[test]
    fn without_tls_an_office_is_reached_on_this_machine_alone() {
        let address = |authority: &str, tls| Address {
            authority: authority.into(),
            tls,
        };
        let new = |authority: &str, tls| {
            let trust = Trust::pinned(Hash::ZERO, authorities(&[]).unwrap());
            Http::new(&address(authority, tls), trust)
        };
        assert!(new("127.0.0.1:1", false).is_ok());
        assert!(new("[::1]:1", false).is_ok());
        assert!(new("10.0.0.1:1", true).is_ok());
        let error = new("10.0.0.1:1", false).unwrap_err();
        assert_eq!(error.code(), Code::OfficeCertificate);
    }
}
