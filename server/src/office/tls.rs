//! The certificates that the office shows: a leaf by the online key, the online key by the root, and
//! the roots themselves, so that a device finds the one that it has pinned.
//!
//! ```text
//!   leaf ── online key ── root                      devices that pinned the root
//!                    └─── root, by its predecessor ── predecessor      and those that pinned that one
//! ```

use std::{net::IpAddr, path::Path, sync::Arc};

use nghisu_core::{
    Code, Error, Result,
    ids::DeviceId,
    time::Timestamp,
    trust::{
        enrol::fingerprint,
        keys::{DeviceSigner, PublicKey},
    },
};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ED25519, PublicKeyData, SignatureAlgorithm, SigningKey,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, pem::PemObject};

use super::{files, pem::key_file};

/// How long a TLS leaf holds: one year. Devices do not look at it; browsers and proxies do.
const LEAF_MS: u64 = 365 * 24 * 60 * 60 * 1000;
/// A leaf that holds for less than 30 days is issued anew.
const LEAF_RENEWAL_MS: u64 = 30 * 24 * 60 * 60 * 1000;

const TLS_KEY: &str = "tls.key";
const TLS_CERTIFICATES: &str = "tls.crt";

/// A key of ours that issues certificates.
struct Certifier<'k> {
    key: &'k dyn DeviceSigner,
    public: PublicKey,
}

impl<'k> Certifier<'k> {
    fn new(key: &'k dyn DeviceSigner) -> Self {
        let public = key.public_key();
        Self { key, public }
    }
}

impl PublicKeyData for Certifier<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.public.as_bytes()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ED25519
    }
}

impl SigningKey for Certifier<'_> {
    fn sign(&self, message: &[u8]) -> std::result::Result<Vec<u8>, rcgen::Error> {
        // Without a domain string, as X.509 wants it. A certificate begins like no statement of ours.
        self.key
            .sign(b"", message)
            .map_err(|_| rcgen::Error::RemoteKeyError)
    }
}

/// A public key of ours that a certificate is about.
struct Certified<'k>(&'k PublicKey);

impl PublicKeyData for Certified<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ED25519
    }
}

/// Returns the certificate by which a root vouches for itself. It says the same whenever it is made.
pub(crate) fn root_certificate(root: &dyn DeviceSigner) -> Result<String> {
    let certifier = Certifier::new(root);
    let certificate = root_params(&certifier.public)
        .self_signed(&certifier)
        .map_err(tls_error)?;
    Ok(certificate.pem())
}

/// Returns the certificate by which a root vouches for the one that follows it.
pub(crate) fn cross_certificate(old: &dyn DeviceSigner, new: &PublicKey) -> Result<String> {
    signed_by_root(old, root_params(new), new)
}

/// Returns the certificate by which a root makes the online key the issuer of leaves.
pub(crate) fn online_certificate(
    root: &dyn DeviceSigner,
    online: &PublicKey,
    until: Timestamp,
) -> Result<String> {
    signed_by_root(root, online_params(online, until), online)
}

fn signed_by_root(
    root: &dyn DeviceSigner,
    params: CertificateParams,
    subject: &PublicKey,
) -> Result<String> {
    let certifier = Certifier::new(root);
    let issuer = Issuer::new(root_params(&certifier.public), certifier);
    let certificate = params
        .signed_by(&Certified(subject), &issuer)
        .map_err(tls_error)?;
    Ok(certificate.pem())
}

fn root_params(root: &PublicKey) -> CertificateParams {
    let name = format!("Nghi Su office root {:.8}", fingerprint(root).to_string());
    authority_params(&name, BasicConstraints::Unconstrained)
}

fn online_params(online: &PublicKey, until: Timestamp) -> CertificateParams {
    let name = format!("Nghi Su office {:.8}", online.device().to_string());
    let mut params = authority_params(&name, BasicConstraints::Constrained(0));
    hold_until(&mut params, until);
    params.use_authority_key_identifier_extension = true;
    params
}

fn authority_params(name: &str, constraints: BasicConstraints) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(constraints);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn leaf_params(names: &str, until: Timestamp) -> Result<CertificateParams> {
    let names: Vec<String> = names.split(' ').map(str::to_owned).collect();
    let mut params = CertificateParams::new(names).map_err(tls_error)?;
    params
        .distinguished_name
        .push(DnType::CommonName, "Nghi Su office");
    hold_until(&mut params, until);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

/// Devices ask whether a certificate held at a fixed moment, since their own clocks may be far off;
/// browsers and proxies look at the end alone.
fn hold_until(params: &mut CertificateParams, until: Timestamp) {
    params.not_before = rcgen::date_time_ymd(1975, 1, 1);
    let (year, month, day) = date(until);
    params.not_after = rcgen::date_time_ymd(year, month, day);
}

fn date(at: Timestamp) -> (i32, u8, u8) {
    let text = at.to_string();
    let mut parts = text.split(['-', 'T']).map(str::parse::<i32>);
    let mut next = |otherwise: i32| parts.next().and_then(Result::ok).unwrap_or(otherwise);
    let (year, month, day) = (next(4096), next(1), next(1));
    (
        year,
        u8::try_from(month).unwrap_or(1),
        u8::try_from(day).unwrap_or(1),
    )
}

/// The TLS leaf as it stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Leaf {
    /// The names that it is issued for.
    pub(crate) names: String,
    /// Until when it holds.
    pub(crate) until: Timestamp,
    /// The online key that issued it; none before the first.
    pub(crate) issuer: Option<DeviceId>,
}

/// Issues a new leaf if the present one is for other names, is by another online key, runs out soon,
/// or is not there. Returns it if it is new. `chain` are the certificates behind it.
pub(crate) fn renew_leaf(
    folder: &Path,
    present: &Leaf,
    names: &str,
    (online, online_until): (&dyn DeviceSigner, Timestamp),
    chain: &str,
    now: Timestamp,
) -> Result<Option<Leaf>> {
    let issuer = Some(online.public_key().device());
    let path = folder.join(TLS_CERTIFICATES);
    let there = folder.join(TLS_KEY).is_file()
        && files::read_file(&path)?.is_some_and(|shown| shown.ends_with(chain.as_bytes()));
    if there
        && present.names == names
        && present.issuer == issuer
        && present.until.ms_since(now) > LEAF_RENEWAL_MS
    {
        return Ok(None);
    }
    let key_path = folder.join(TLS_KEY);
    let key = match files::read_file(&key_path)? {
        Some(pem) => KeyPair::from_pem(&String::from_utf8_lossy(&pem)).map_err(tls_error)?,
        None => {
            let key = KeyPair::generate().map_err(tls_error)?;
            files::write_file(&key_path, key.serialize_pem().as_bytes())?;
            key
        }
    };
    let until = now.plus_ms(LEAF_MS);
    let certifier = Certifier::new(online);
    let issuing = Issuer::new(online_params(&certifier.public, online_until), certifier);
    let leaf = leaf_params(names, until)?
        .signed_by(&key, &issuing)
        .map_err(tls_error)?;
    files::write_file(&path, format!("{}{chain}", leaf.pem()).as_bytes())?;
    Ok(Some(Leaf {
        names: names.to_owned(),
        until,
        issuer,
    }))
}

/// Reads the certificates, from the leaf to the roots, and the leaf's key.
pub(crate) fn tls_config(folder: &Path) -> Result<Arc<rustls::ServerConfig>> {
    let path = folder.join(TLS_CERTIFICATES);
    let pem = files::read_file(&path)?.ok_or_else(|| key_file(&path, "missing"))?;
    let chain = CertificateDer::pem_slice_iter(&pem)
        .collect::<std::result::Result<Vec<_>, _>>()
        .map_err(|_| key_file(&path, "not certificates"))?;
    let path = folder.join(TLS_KEY);
    let pem = files::read_file(&path)?.ok_or_else(|| key_file(&path, "missing"))?;
    let key = PrivatePkcs8KeyDer::from_pem_slice(&pem).map_err(|_| key_file(&path, "not a key"))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(tls_error)?
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::Pkcs8(key))
        .map_err(tls_error)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// The names that a TLS leaf is issued for, in one line.
pub(crate) fn leaf_names(listen: IpAddr) -> String {
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".into(), "::1".into()];
    let host = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .to_ascii_lowercase();
    if host
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '.')
        && !host.is_empty()
    {
        names.push(host);
    }
    let own = if listen.is_unspecified() {
        outward_ip()
    } else {
        Some(listen)
    };
    names.extend(own.map(|ip| ip.to_string()));
    let mut seen = Vec::new();
    names.retain(|name| {
        !seen.contains(name) && {
            seen.push(name.clone());
            true
        }
    });
    names.join(" ")
}

/// Returns the address under which other machines see this one, if it is on a network.
pub(crate) fn outward_ip() -> Option<IpAddr> {
    // Connecting a datagram socket sends nothing; it only asks which address would be used.
    ["0.0.0.0:0 192.0.2.1:9", "[::]:0 [2001:db8::1]:9"]
        .into_iter()
        .filter_map(|pair| pair.split_once(' '))
        .find_map(|(own, other)| {
            let socket = std::net::UdpSocket::bind(own).ok()?;
            socket.connect(other).ok()?;
            Some(socket.local_addr().ok()?.ip())
        })
        .filter(|ip| !ip.is_loopback() && !ip.is_unspecified())
}

fn tls_error(error: impl std::fmt::Display) -> Error {
    Error::new(Code::Internal, format_args!("TLS: {error}"))
}
