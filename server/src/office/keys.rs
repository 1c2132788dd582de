//! The office's key for daily use: where it lies, and how a running office follows its renewal.
//!
//! The key holds for one year. It lies in `keys/online.key`; what the root has signed of it stands in
//! the database, which decides: a key that the database does not name is not used. A renewal writes
//! the new key beside the old one, commits, and moves it into its place, so that whoever is killed in
//! between leaves an office that opens.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use nghisu_core::{
    Code, Error, Result,
    ids::{DeviceId, Hash, LogId, domain},
    time::Timestamp,
    trust::{
        enrol::{Signed, fingerprint},
        keys::{DeviceSigner, PublicKey, SoftwareKey},
        office::OnlineKey,
    },
};
use rustls::pki_types::{PrivatePkcs8KeyDer, pem::PemObject};
use zeroize::Zeroizing;

use super::{
    files,
    pem::{key_file, plain_key},
};
use crate::{clock, db::rows::OfficeRow};

/// How long an online key holds: one year.
pub(crate) const ONLINE_KEY_MS: u64 = 365 * 24 * 60 * 60 * 1000;
/// From how long before its end on the office asks for a new one: 30 days.
pub(crate) const RENEWAL_MS: u64 = 30 * 24 * 60 * 60 * 1000;

const ONLINE_KEY: &str = "online.key";
const NEXT_ONLINE_KEY: &str = "online-next.key";

/// Who signs publications. The root pins it, in its statement about the online key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Publications {
    /// The office's own machine.
    Server,
    /// Secretaries, with keys of their own on machines of their own.
    Secretary,
}

/// What a running office holds of its keys. Follows renewals by other processes.
#[derive(Debug)]
pub(crate) struct Keys {
    folder: PathBuf,
    /// Signs with the online key that the office has now.
    pub(crate) online: Online,
}

/// The online key of now.
#[derive(Debug, Clone)]
pub(crate) struct Online(Arc<RwLock<Arc<Held>>>);

#[derive(Debug)]
struct Held {
    root: PublicKey,
    signed: Signed,
    named: OnlineKey,
    key: SoftwareKey,
}

impl Keys {
    /// Reads the online key that `office` names.
    pub(crate) fn load(folder: &Path, office: &OfficeRow) -> Result<Self> {
        let held = Arc::new(Held::load(folder, office)?);
        Ok(Self {
            folder: folder.to_owned(),
            online: Online(Arc::new(RwLock::new(held))),
        })
    }

    /// Makes sure that the online key is the one that `office` names, and may still be used at `now`.
    /// Within a transaction that writes nobody else can renew it.
    pub(crate) fn follow(&self, office: &OfficeRow, now: Timestamp) -> Result<()> {
        let mut held = self.online.held();
        if held.signed != office.online {
            held = Arc::new(Held::load(&self.folder, office)?);
            let mut place = self
                .online
                .0
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            *place = Arc::clone(&held);
        }
        if now > held.named.expires_at {
            return Err(Error::new(Code::OnlineKeyExpired, held.named.expires_at));
        }
        Ok(())
    }
}

impl Online {
    fn held(&self) -> Arc<Held> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns the root that has signed the key.
    pub(crate) fn root(&self) -> PublicKey {
        self.held().root.clone()
    }

    /// Returns the fingerprint of the root that has signed the key.
    pub(crate) fn pin(&self) -> Hash {
        fingerprint(&self.root())
    }

    /// Returns what the root has signed of the key.
    pub(crate) fn named(&self) -> OnlineKey {
        self.held().named.clone()
    }
}

impl DeviceSigner for Online {
    fn public_key(&self) -> PublicKey {
        self.held().named.key.clone()
    }

    fn sign(&self, domain: &[u8], message: &[u8]) -> Result<Vec<u8>> {
        self.held().key.sign(domain, message)
    }
}

impl Held {
    fn load(folder: &Path, office: &OfficeRow) -> Result<Self> {
        let named: OnlineKey = office.online.verify(domain::ONLINE_KEY, &office.root)?;
        let path = folder.join(ONLINE_KEY);
        let next = folder.join(NEXT_ONLINE_KEY);
        let fits = |path: &Path| -> Result<Option<SoftwareKey>> {
            Ok(read_key(path)?.filter(|key| key.public_key() == named.key))
        };
        // What lies beside it may be half of a renewal that was interrupted.
        let key = match (fits(&path)?, fits(&next)) {
            (Some(key), _) => key,
            (None, Ok(Some(key))) => {
                files::move_file(&next, &path)?;
                key
            }
            // Another process may have moved it in between.
            (None, _) => {
                fits(&path)?.ok_or_else(|| key_file(&path, "missing, or not this office's"))?
            }
        };
        Ok(Self {
            root: office.root.clone(),
            signed: office.online.clone(),
            named,
            key,
        })
    }
}

/// A new online key, on disk beside the one in use.
pub(crate) struct NextKey {
    folder: PathBuf,
    key: SoftwareKey,
}

impl NextKey {
    /// Draws a key and writes it beside the one in use.
    pub(crate) fn write(folder: &Path) -> Result<Self> {
        files::make_folder(folder)?;
        let seed = Zeroizing::new(clock::random::<32>()?);
        let der = plain_key(&seed);
        let text = Zeroizing::new(format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            Zeroizing::new(data_encoding::BASE64.encode(&der)).as_str()
        ));
        files::write_file(&folder.join(NEXT_ONLINE_KEY), text.as_bytes())?;
        Ok(Self {
            folder: folder.to_owned(),
            key: SoftwareKey::from_seed(&seed),
        })
    }

    /// Has the root sign the key for a year from `now`, or a moment later, if the one before it
    /// claims to be younger.
    pub(crate) fn sign(
        &self,
        root: &dyn DeviceSigner,
        log: LogId,
        publications: Publications,
        withdrawn: Vec<DeviceId>,
        before: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(OnlineKey, Signed)> {
        let after = before.map_or(now, |before| before.plus_ms(1));
        let issued_at = now.max(after);
        let named = OnlineKey {
            log,
            key: self.key.public_key(),
            issued_at,
            expires_at: issued_at.plus_ms(ONLINE_KEY_MS),
            publishes: publications == Publications::Server,
            withdrawn,
        };
        let signed = Signed::sign(domain::ONLINE_KEY, &named, root)?;
        Ok((named, signed))
    }

    /// Puts the key into its place, once the database names it.
    pub(crate) fn take_place(&self) -> Result<()> {
        files::move_file(
            &self.folder.join(NEXT_ONLINE_KEY),
            &self.folder.join(ONLINE_KEY),
        )
    }

    /// Returns the key, to sign with it.
    pub(crate) const fn key(&self) -> &SoftwareKey {
        &self.key
    }
}

fn read_key(path: &Path) -> Result<Option<SoftwareKey>> {
    let Some(pem) = files::read_file(path)? else {
        return Ok(None);
    };
    let pem = Zeroizing::new(pem);
    let der = PrivatePkcs8KeyDer::from_pem_slice(&pem).map_err(|_| key_file(path, "not a key"))?;
    let seed = der
        .secret_pkcs8_der()
        .last_chunk::<32>()
        .filter(|seed| plain_key(seed).as_slice() == der.secret_pkcs8_der())
        .ok_or_else(|| key_file(path, "not an Ed25519 key"))?;
    Ok(Some(SoftwareKey::from_seed(seed)))
}
