//! Which server is the office.
//!
//! A TLS certificate is taken if it leads to the root key that the invitation pinned, whatever names
//! it carries: that root issues for this office alone, and an office on a LAN changes its address.
//! The device's clock is not asked either; phones that were off for long have wrong ones.
//!
//! An office behind a proxy may show a certificate of a public authority instead. That says only who
//! owns the name, so nothing is said to such a server before it has shown, over a question that
//! tells nothing ([`OFFICE_PATH`]), that it speaks for the office: from then on this very certificate
//! is taken, and no other. Where the pinned root leads to the certificate, no clock and no authority
//! plays a part.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
};

use crate::{
    error::{Code, Error, Result},
    ids::Hash,
    trust::{enrol::fingerprint, keys::PublicKey, office::OfficeShown, office_keys::OfficeKeys},
};

/// The question by which a server shows that it speaks for the office.
pub(super) const OFFICE_PATH: &str = "/v1/office";
/// The moment at which certificates under the pinned root must have been valid: a fixed one, since no
/// decision looks at this device's clock. 2026-01-01T00:00:00Z.
const VALID_AT: Duration = Duration::from_secs(1_767_225_600);

/// Whom a device takes for its office.
#[derive(Debug, Clone)]
pub(super) struct Trust {
    /// The fingerprint of the root.
    pin: Hash,
    /// The office's keys; none before the enrolment.
    known: Option<Box<OfficeKeys>>,
    /// Authorities whose word is taken for who owns a name.
    authorities: Arc<RootCertStore>,
}

impl Trust {
    /// Trusts the office whose root an invitation pins.
    pub(super) fn pinned(root: Hash, authorities: Arc<RootCertStore>) -> Self {
        Self {
            pin: root,
            known: None,
            authorities,
        }
    }

    /// Trusts the office that a device is enrolled at.
    pub(super) fn known(office: OfficeKeys, authorities: Arc<RootCertStore>) -> Self {
        Self {
            pin: fingerprint(office.root()),
            known: Some(Box::new(office)),
            authorities,
        }
    }

    /// Checks what a server has shown in answer to `nonce`.
    pub(super) fn check(&self, shown: &OfficeShown, nonce: &[u8; 32]) -> Result<()> {
        let keys = match &self.known {
            None => OfficeKeys::begin(&self.pin, &shown.root, &shown.online, &shown.successions)?,
            Some(known) => {
                let mut keys = OfficeKeys::clone(known);
                keys.meet(&shown.online, &shown.successions)?;
                keys
            }
        };
        shown.check_presence(keys.newest(), nonce)
    }
}

/// Returns the authorities of the public web, and those of `pem` besides.
///
/// # Errors
/// [`Code::Malformed`] if a text holds no certificate, or one that is none.
pub(super) fn authorities(pem: &[String]) -> Result<Arc<RootCertStore>> {
    let malformed = || Error::new(Code::Malformed, "authorities: not a certificate in PEM");
    let mut store = RootCertStore::empty();
    store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    for text in pem {
        let before = store.len();
        for certificate in CertificateDer::pem_slice_iter(text.as_bytes()) {
            let certificate = certificate.map_err(|_| malformed())?;
            store.add(certificate).map_err(|_| malformed())?;
        }
        if store.len() == before {
            return Err(malformed());
        }
    }
    Ok(Arc::new(store))
}

/// The certificates of other authorities that have shown to be the office's.
pub(super) type Proven = Arc<Mutex<BTreeSet<Hash>>>;

/// Returns TLS settings that take the office's own certificates, and those in `proven`.
pub(super) fn office_config(trust: &Trust, proven: &Proven) -> Result<ClientConfig> {
    config(trust, Takes::Proven, proven)
}

/// Returns TLS settings to ask a server that nobody has proven. What it shows is noted in `seen`.
pub(super) fn question_config(trust: &Trust, seen: &Proven) -> Result<ClientConfig> {
    config(trust, Takes::Public, seen)
}

fn config(trust: &Trust, takes: Takes, leaves: &Proven) -> Result<ClientConfig> {
    let provider = Arc::new(ring::default_provider());
    let verifier = Arc::new(Verifier {
        root: trust.pin,
        authorities: Arc::clone(&trust.authorities),
        takes,
        leaves: Arc::clone(leaves),
        provider: Arc::clone(&provider),
    });
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::new(Code::Internal, error))?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    Ok(config)
}

/// Which certificates are taken that the pinned root does not lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Takes {
    /// Of a public authority, and proven to be the office's.
    Proven,
    /// Of a public authority.
    Public,
}

#[derive(Debug)]
struct Verifier {
    root: Hash,
    authorities: Arc<RootCertStore>,
    takes: Takes,
    leaves: Proven,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
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

    fn verifier(
        &self,
        roots: Arc<RootCertStore>,
    ) -> Result<Arc<WebPkiServerVerifier>, rustls::Error> {
        WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&self.provider))
            .build()
            .map_err(|_| unknown_issuer())
    }

    fn verify_public(
        &self,
        leaf: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verifier = self.verifier(Arc::clone(&self.authorities))?;
        let verified = verifier.verify_server_cert(leaf, chain, name, ocsp, now)?;
        let mut leaves = self.leaves.lock().unwrap_or_else(PoisonError::into_inner);
        let leaf = Hash::of_content(leaf);
        match self.takes {
            Takes::Public => {
                leaves.insert(leaf);
                Ok(verified)
            }
            Takes::Proven if leaves.contains(&leaf) => Ok(verified),
            Takes::Proven => Err(unknown_issuer()),
        }
    }
}

fn unknown_issuer() -> rustls::Error {
    rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some(roots) = self.root_among(chain) else {
            return self.verify_public(leaf, chain, name, ocsp, now);
        };
        let verifier = self.verifier(Arc::new(roots))?;
        let at = UnixTime::since_unix_epoch(VALID_AT);
        match verifier.verify_server_cert(leaf, chain, name, ocsp, at) {
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
