//! The office's keys: the root that devices pin, the online key for daily use, and the TLS chain.
//!
//! The root is one Ed25519 key. It signs the online key and issues the TLS leaf; its self-signed
//! certificate is served behind the leaf, so that a device finds the pinned key in the chain.
//! The root is read from disk only when it signs.

use std::{net::IpAddr, path::Path, sync::Arc};

use ed25519_dalek::{SigningKey, pkcs8::DecodePrivateKey};
use nghisu_core::{
    Code, Error, Result,
    ids::{Hash, LogId, domain},
    time::Timestamp,
    trust::{
        enrol::{Signed, fingerprint},
        keys::{DeviceSigner, PublicKey, SoftwareKey},
        office::OnlineKey,
    },
};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ED25519,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, pem::PemObject};

use super::files;
use crate::clock;

/// How long an online key and a TLS leaf hold: one year.
const YEAR_MS: u64 = 365 * 24 * 60 * 60 * 1000;
/// A leaf that holds for less than 30 days is issued anew.
const LEAF_RENEWAL_MS: u64 = 30 * 24 * 60 * 60 * 1000;

const ROOT_KEY: &str = "root.key";
const ROOT_CERTIFICATE: &str = "root.crt";
const ONLINE_KEY: &str = "online.key";
const TLS_KEY: &str = "tls.key";
const TLS_CERTIFICATE: &str = "tls.crt";

/// The keys that a running office holds.
pub(crate) struct Keys {
    pub(crate) root: PublicKey,
    pub(crate) online: SoftwareKey,
}

impl Keys {
    /// Makes the keys that are not there yet. Whatever an interrupted start left behind is used.
    pub(crate) fn create(folder: &Path) -> Result<Self> {
        files::make_folder(folder)?;
        for name in [ROOT_KEY, ONLINE_KEY] {
            let path = folder.join(name);
            if files::read_file(&path)?.is_none() {
                files::write_file(&path, new_key()?.as_bytes())?;
            }
        }
        Self::load(folder)
    }

    /// Reads the keys of an office that exists.
    pub(crate) fn load(folder: &Path) -> Result<Self> {
        Ok(Self {
            root: load_key(&folder.join(ROOT_KEY))?.public_key(),
            online: load_key(&folder.join(ONLINE_KEY))?,
        })
    }

    /// Returns the fingerprint that invitations carry.
    pub(crate) fn pin(&self) -> Hash {
        fingerprint(&self.root)
    }

    /// Signs the online key with the root.
    pub(crate) fn sign_online(&self, folder: &Path, log: LogId, now: Timestamp) -> Result<Signed> {
        let statement = OnlineKey {
            log,
            key: self.online.public_key(),
            issued_at: now,
            expires_at: now.plus_ms(YEAR_MS),
            publishes: true,
        };
        let root = load_key(&folder.join(ROOT_KEY))?;
        Signed::sign(domain::ONLINE_KEY, &statement, &root)
    }
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

/// The TLS files as they stand.
pub(crate) struct Leaf {
    /// The names that it is issued for.
    pub(crate) names: String,
    /// Until when it holds.
    pub(crate) until: Timestamp,
}

/// Issues a new leaf if the present one is for other names, runs out soon, or is not there.
/// Returns it if it is new.
pub(crate) fn renew_leaf(
    folder: &Path,
    present: &Leaf,
    names: &str,
    now: Timestamp,
) -> Result<Option<Leaf>> {
    let there = folder.join(TLS_CERTIFICATE).is_file()
        && folder.join(TLS_KEY).is_file()
        && folder.join(ROOT_CERTIFICATE).is_file();
    if there && present.names == names && present.until.ms_since(now) > LEAF_RENEWAL_MS {
        return Ok(None);
    }
    let root_der = load_der(&folder.join(ROOT_KEY))?;
    let root =
        KeyPair::from_pkcs8_der_and_sign_algo(&root_der, &PKCS_ED25519).map_err(tls_error)?;
    let root_path = folder.join(ROOT_CERTIFICATE);
    if !root_path.is_file() {
        let certificate = root_params().self_signed(&root).map_err(tls_error)?;
        files::write_file(&root_path, certificate.pem().as_bytes())?;
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
    let until = now.plus_ms(YEAR_MS);
    let certificate = leaf_params(names, until)?
        .signed_by(&key, &Issuer::new(root_params(), root))
        .map_err(tls_error)?;
    files::write_file(&folder.join(TLS_CERTIFICATE), certificate.pem().as_bytes())?;
    Ok(Some(Leaf {
        names: names.to_owned(),
        until,
    }))
}

/// Reads the chain, leaf and root, and the leaf's key.
pub(crate) fn tls_config(folder: &Path) -> Result<Arc<rustls::ServerConfig>> {
    let mut chain = Vec::new();
    for name in [TLS_CERTIFICATE, ROOT_CERTIFICATE] {
        let path = folder.join(name);
        let pem = files::read_file(&path)?.ok_or_else(|| missing(&path))?;
        chain.push(CertificateDer::from_pem_slice(&pem).map_err(|_| missing(&path))?);
    }
    let key = load_der(&folder.join(TLS_KEY))?;
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

/// The root's certificate says the same whenever it is made.
fn root_params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(DnType::CommonName, "Nghi Su office root");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn leaf_params(names: &str, until: Timestamp) -> Result<CertificateParams> {
    let names: Vec<String> = names.split(' ').map(str::to_owned).collect();
    let mut params = CertificateParams::new(names).map_err(tls_error)?;
    params
        .distinguished_name
        .push(DnType::CommonName, "Nghi Su office");
    // Devices ask whether the leaf held at a fixed moment, since their own clocks may be far off;
    // browsers look at the end alone.
    params.not_before = rcgen::date_time_ymd(1975, 1, 1);
    let (year, month, day) = date(until);
    params.not_after = rcgen::date_time_ymd(year, month, day);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
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

/// What stands before the 32 bytes of an Ed25519 key in PKCS#8 (RFC 8410, section 7).
const PKCS8_ED25519: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// Draws an Ed25519 key and returns it as PKCS#8 in PEM.
fn new_key() -> Result<String> {
    let der = [PKCS8_ED25519.as_slice(), &clock::random::<32>()?].concat();
    let text = data_encoding::BASE64.encode(&der);
    Ok(format!(
        "-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n"
    ))
}

fn load_key(path: &Path) -> Result<SoftwareKey> {
    let der = load_der(path)?;
    let key = SigningKey::from_pkcs8_der(der.secret_pkcs8_der()).map_err(|_| missing(path))?;
    Ok(SoftwareKey::from_seed(key.as_bytes()))
}

fn load_der(path: &Path) -> Result<PrivatePkcs8KeyDer<'static>> {
    let pem = files::read_file(path)?.ok_or_else(|| missing(path))?;
    PrivatePkcs8KeyDer::from_pem_slice(&pem).map_err(|_| missing(path))
}

fn missing(path: &Path) -> Error {
    Error::new(
        Code::Storage,
        format_args!("{}: missing or not a key", path.display()),
    )
}

fn tls_error(error: impl std::fmt::Display) -> Error {
    Error::new(Code::Internal, format_args!("TLS: {error}"))
}
