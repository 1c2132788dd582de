//! The office's address and its pin: bytes in, bytes out. Knows nothing of the protocol's meaning.
//!
//! A TLS certificate is taken if the root key that the invitation pinned has issued it, whatever
//! names it carries: that root issues for this office alone, and an office on a LAN changes its
//! address. The device's clock is not asked either; phones that were off for long have wrong ones.

use std::{error::Error as _, sync::Arc, time::Duration};

use data_encoding::BASE64URL_NOPAD;
use reqwest::{Response, StatusCode, header};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};

use crate::{
    error::{Code, Error, Result},
    ids::Hash,
    limits::REPLY_BYTES_MAX,
    sync::wire::{MEDIA_TYPE, Refusal},
    trust::{
        enrol::{Address, fingerprint},
        keys::PublicKey,
        orders::SignedOrder,
    },
};

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// How long the office may be silent within an answer.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// The moment at which certificates must have been valid: a fixed one, since no decision looks at
/// this device's clock. 2026-01-01T00:00:00Z.
const VALID_AT: Duration = Duration::from_secs(1_767_225_600);

/// A way to one office.
#[derive(Debug, Clone)]
pub(super) struct Http {
    client: reqwest::Client,
    url: String,
    address: Address,
}

impl Http {
    /// Makes a way to the office at `address` whose root key has the fingerprint `root`.
    pub(super) fn new(address: &Address, root: Hash) -> Result<Self> {
        if !address.tls && !is_loopback(&address.authority) {
            return Err(Error::new(
                Code::OfficeCertificate,
                format_args!("{}: without TLS only on this machine", address.authority),
            ));
        }
        let provider = Arc::new(ring::default_provider());
        let verifier = Arc::new(Pinned {
            root,
            provider: Arc::clone(&provider),
        });
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::new(Code::Internal, error))?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(config)
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .user_agent(concat!("nghisu/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| Error::new(Code::Internal, error))?;
        Ok(Self {
            client,
            url: address.url(),
            address: address.clone(),
        })
    }

    /// Posts a message of the protocol and returns the answer's bytes.
    pub(super) async fn post(&self, path: &str, body: Vec<u8>) -> Result<Vec<u8>, Refused> {
        let request = self
            .client
            .post(format!("{}{path}", self.url))
            .header(header::CONTENT_TYPE, MEDIA_TYPE)
            .body(body);
        let response = request.send().await.map_err(|error| self.failed(&error))?;
        let status = response.status();
        if media_type(&response) != Some(MEDIA_TYPE) {
            return Err(self.stranger(status).into());
        }
        let bytes = self.read(response).await?;
        if status == StatusCode::OK {
            return Ok(bytes);
        }
        let mut refusal: Refusal = crate::cbor::decode(&bytes, "refusal")?;
        let order = refusal.order.take().map(Box::new);
        let error = refusal.into_error();
        Err(Refused { error, order })
    }

    /// Asks for a paper's bytes from `start` on.
    pub(super) async fn paper(&self, hash: &Hash, token: &[u8], start: u64) -> Result<Paper> {
        let url = format!("{}/v1/papers/{hash}", self.url);
        let mut request = self.client.get(url).header(
            header::AUTHORIZATION,
            format!("Bearer {}", BASE64URL_NOPAD.encode(token)),
        );
        if start > 0 {
            request = request.header(header::RANGE, format!("bytes={start}-"));
        }
        let response = request.send().await.map_err(|error| self.failed(&error))?;
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

#[derive(Debug)]
struct Pinned {
    root: Hash,
    provider: Arc<CryptoProvider>,
}

impl Pinned {
    /// Returns the pinned root among the certificates that the server has sent.
    fn root_among(&self, certificates: &[CertificateDer<'_>]) -> Option<RootCertStore> {
        certificates.iter().find_map(|certificate| {
            let mut store = RootCertStore::empty();
            store.add(certificate.clone().into_owned()).ok()?;
            // SubjectPublicKeyInfo of an Ed25519 key (RFC 8410) ends with a bit string of its 32 bytes.
            let (head, key) = store
                .roots
                .first()?
                .subject_public_key_info
                .split_last_chunk::<32>()?;
            let is_root = head.ends_with(&[0x03, 0x21, 0x00])
                && fingerprint(&PublicKey::ed25519(*key)) == self.root;
            is_root.then_some(store)
        })
    }
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let unknown = || rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer);
        let roots = self.root_among(chain).ok_or_else(unknown)?;
        let verifier = WebPkiServerVerifier::builder_with_provider(
            Arc::new(roots),
            Arc::clone(&self.provider),
        )
        .build()
        .map_err(|_| unknown())?;
        let at = UnixTime::since_unix_epoch(VALID_AT);
        match verifier.verify_server_cert(leaf, &[], name, ocsp, at) {
            // The chain was verified before the name was looked at.
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            certificate,
            signed,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            certificate,
            signed,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_tls_an_office_is_reached_on_this_machine_alone() {
        let address = |authority: &str, tls| Address {
            authority: authority.into(),
            tls,
        };
        assert!(Http::new(&address("127.0.0.1:1", false), Hash::ZERO).is_ok());
        assert!(Http::new(&address("[::1]:1", false), Hash::ZERO).is_ok());
        assert!(Http::new(&address("10.0.0.1:1", true), Hash::ZERO).is_ok());
        let error = Http::new(&address("10.0.0.1:1", false), Hash::ZERO).unwrap_err();
        assert_eq!(error.code(), Code::OfficeCertificate);
    }
}
