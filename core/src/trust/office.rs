//! The keys of an office: a root that devices pin, an online key for daily use, keys of secretaries
//! for publications.

use minicbor::{Decode, Encode, bytes::ByteVec};

use crate::{
    error::{Code, Error, Result},
    ids::{DeviceId, LogId, domain},
    time::Timestamp,
    trust::{
        enrol::Signed,
        keys::{DeviceSigner, PublicKey},
    },
};

/// The office's key for daily use, as its root has signed it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct OnlineKey {
    /// The log that it may sign for.
    #[n(0)]
    pub log: LogId,
    /// The key.
    #[n(1)]
    pub key: PublicKey,
    /// When it was made.
    #[n(2)]
    pub issued_at: Timestamp,
    /// When its successor must be in place.
    #[n(3)]
    pub expires_at: Timestamp,
    /// Whether it may sign publications by itself. If not, a [`PublicationKey`] must.
    #[n(4)]
    pub publishes: bool,
    /// The [`PublicationKey`]s that the root has taken back before their date, at most
    /// [`WITHDRAWN_KEYS_MAX`](crate::limits::WITHDRAWN_KEYS_MAX). Each later online key names them again.
    #[cbor(n(5), default)]
    pub withdrawn: Vec<DeviceId>,
}

/// A secretary's key for publications, kept on a machine of his own, as the root has signed it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct PublicationKey {
    /// The log that it may publish in.
    #[n(0)]
    pub log: LogId,
    /// The key.
    #[n(1)]
    pub key: PublicKey,
    /// Whose key it is, for people: "Thư ký 1".
    #[n(2)]
    pub name: String,
    /// When it was signed.
    #[n(3)]
    pub issued_at: Timestamp,
    /// When its successor must be in place.
    #[n(4)]
    pub expires_at: Timestamp,
}

/// One root key follows another.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Succession {
    /// The root until then.
    #[n(0)]
    pub old: PublicKey,
    /// The root from then on.
    #[n(1)]
    pub new: PublicKey,
    /// When.
    #[n(2)]
    pub at: Timestamp,
}

/// A [`Succession`] that both roots have signed: devices that pinned the old one take the new one,
/// and devices that pinned the new one know whose older statements to take.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct SignedSuccession {
    /// Signed by the old root.
    #[n(0)]
    pub by_old: Signed,
    /// The same statement, signed by the new root.
    #[n(1)]
    pub by_new: Signed,
}

/// What a server shows to somebody who asks whether it speaks for the office.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct OfficeShown {
    /// The office's root key.
    #[n(0)]
    pub root: PublicKey,
    /// The office's [`OnlineKey`], signed by the root.
    #[n(1)]
    pub online: Signed,
    /// How the root came to follow its predecessors, the oldest first.
    #[n(2)]
    pub successions: Vec<SignedSuccession>,
    /// The asker's number, drawn for this once, signed by the online key.
    #[n(3)]
    presence: Signed,
}

impl OfficeShown {
    /// Answers somebody who has drawn `nonce`.
    ///
    /// # Errors
    /// What the signer says.
    pub fn sign(
        root: PublicKey,
        online: Signed,
        successions: Vec<SignedSuccession>,
        nonce: &[u8; 32],
        key: &dyn DeviceSigner,
    ) -> Result<Self> {
        let nonce = ByteVec::from(nonce.to_vec());
        Ok(Self {
            root,
            online,
            successions,
            presence: Signed::sign(domain::OFFICE, &nonce, key)?,
        })
    }

    /// Says whether the answer is to `nonce` and by `online`, of which the asker has found out that it
    /// is the office's.
    ///
    /// # Errors
    /// [`Code::OfficeCertificate`] if not.
    pub fn check_presence(&self, online: &OnlineKey, nonce: &[u8; 32]) -> Result<()> {
        let signed: ByteVec = self.presence.verify(domain::OFFICE, &online.key)?;
        if signed.as_slice() == nonce {
            return Ok(());
        }
        Err(Error::new(
            Code::OfficeCertificate,
            "an answer to another question",
        ))
    }
}
