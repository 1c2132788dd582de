//! The phone's key store, which signs with a key that never leaves it.
//!
//! Key stores give keys and signatures in forms of their own. Here they become the core's one form,
//! and each signature is checked before anything travels under it.

use std::{fmt, sync::Arc};

use nghisu_core::{
    Code, Error,
    trust::{
        keys::{self, PublicKey},
        p256,
    },
};
use tokio::task::block_in_place;
use uniffi::UnexpectedUniFFICallbackError;

/// The key store did not sign.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum SignerError {
    /// It does not give the key out now, for example before the first unlock after a restart. What
    /// needed the signature fails with `KeyUnavailable`, and nothing is lost.
    #[error("{detail}")]
    Unavailable {
        /// What the key store said. It becomes a part of the error's detail.
        detail: String,
    },
}

impl From<UnexpectedUniFFICallbackError> for SignerError {
    fn from(error: UnexpectedUniFFICallbackError) -> Self {
        Self::Unavailable {
            detail: error.reason,
        }
    }
}

impl From<SignerError> for Error {
    fn from(SignerError::Unavailable { detail }: SignerError) -> Self {
        Self::new(Code::KeyMissing, detail)
    }
}

/// Signs with a P-256 key that never leaves the phone's key store: Android's Keystore or the Secure
/// Enclave.
///
/// Calls are synchronous, come from threads of the library, and may take as long as the key store
/// does. They must not call the device.
#[uniffi::export(with_foreign)]
pub trait DeviceSigner: Send + Sync {
    /// Returns the public key: a SubjectPublicKeyInfo in DER (Android's `getEncoded`), or a point of
    /// X9.63, uncompressed (the Secure Enclave's `x963Representation`) or compressed. Always the same.
    fn public_key(&self) -> Result<Vec<u8>, SignerError>;

    /// Signs by ECDSA with SHA-256 of `message`, and returns the signature in DER (X9.62) or as raw
    /// `r || s`.
    fn sign(&self, message: Vec<u8>) -> Result<Vec<u8>, SignerError>;
}

/// A key store, as the core knows one.
pub(crate) struct KeyStore {
    public: PublicKey,
    foreign: Arc<dyn DeviceSigner>,
}

impl KeyStore {
    /// Asks for the public key, once for the life of the device.
    pub(crate) fn open(foreign: Arc<dyn DeviceSigner>) -> nghisu_core::Result<Self> {
        let given = block_in_place(|| foreign.public_key())?;
        Ok(Self {
            public: p256::public_key(&given)?,
            foreign,
        })
    }
}

impl keys::DeviceSigner for KeyStore {
    fn public_key(&self) -> PublicKey {
        self.public.clone()
    }

    fn sign(&self, domain: &[u8], message: &[u8]) -> nghisu_core::Result<Vec<u8>> {
        let whole = [domain, message].concat();
        // Foreign code may take its time, and others wait for this thread.
        let given = block_in_place(|| self.foreign.sign(whole))?;
        let signature = p256::signature(&given)?;
        if !self.public.verify(domain, message, &signature) {
            return Err(Error::new(
                Code::KeyMissing,
                "the signature does not hold for the public key",
            ));
        }
        Ok(signature)
    }
}

impl fmt::Debug for KeyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyStore({:?})", self.public)
    }
}
