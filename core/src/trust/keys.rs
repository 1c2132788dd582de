//! Keys and signatures: software Ed25519, and the trait behind which a phone's key store signs.

use std::fmt;

use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use minicbor::{Decode, Encode};

use crate::{
    error::{Code, Error, Result},
    ids::DeviceId,
    trust::p256,
};

/// How a signature is made. The number travels in headers and certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Algorithm {
    /// Ed25519 (RFC 8032); keys of 32, signatures of 64 bytes.
    #[n(1)]
    Ed25519,
    /// ECDSA over P-256 with SHA-256 as phones' key stores make it; keys are compressed points of 33
    /// bytes, signatures raw `r || s` with low `s`. [`p256`] makes them so.
    #[n(2)]
    P256,
}

/// A public key with its algorithm.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct PublicKey {
    #[n(0)]
    algorithm: Algorithm,
    #[cbor(n(1), with = "minicbor::bytes")]
    bytes: Vec<u8>,
}

impl PublicKey {
    /// Makes an Ed25519 public key of its 32 bytes.
    pub fn ed25519(bytes: [u8; 32]) -> Self {
        Self {
            algorithm: Algorithm::Ed25519,
            bytes: bytes.to_vec(),
        }
    }

    /// Makes a key of bytes that the caller has checked.
    pub(super) const fn of_bytes(algorithm: Algorithm, bytes: Vec<u8>) -> Self {
        Self { algorithm, bytes }
    }

    /// Returns how signatures of this key are made.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Returns the key's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns the id of the device that holds this key.
    pub fn device(&self) -> DeviceId {
        DeviceId::of_key(&self.bytes)
    }

    /// Says whether `signature` was made with this key over `domain` and `message`.
    pub fn verify(&self, domain: &[u8], message: &[u8], signature: &[u8]) -> bool {
        match self.algorithm {
            Algorithm::Ed25519 => self.verify_ed25519(domain, message, signature).is_some(),
            Algorithm::P256 => p256::verify(&self.bytes, &with_domain(domain, message), signature),
        }
    }

    fn verify_ed25519(&self, domain: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
        let key = VerifyingKey::from_bytes(self.bytes.as_slice().try_into().ok()?).ok()?;
        let signature = ed25519_dalek::Signature::from_slice(signature).ok()?;
        key.verify_strict(&with_domain(domain, message), &signature)
            .ok()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({:?}, {:?})", self.algorithm, self.device())
    }
}

fn with_domain(domain: &[u8], message: &[u8]) -> Vec<u8> {
    [domain, message].concat()
}

/// Something that signs: a software key, or the key store of a phone.
/// Calls are synchronous and may take as long as the key store does.
pub trait DeviceSigner: fmt::Debug + Send + Sync {
    /// Returns the public key. Always the same one.
    fn public_key(&self) -> PublicKey;

    /// Signs `domain` and `message`.
    ///
    /// # Errors
    /// [`Code::KeyMissing`] if the key store does not give the key out, for example before the first
    /// unlock after a restart; the caller tries again later, and nothing is lost meanwhile.
    fn sign(&self, domain: &[u8], message: &[u8]) -> Result<Vec<u8>>;
}

/// An Ed25519 key in memory. It is wiped when dropped and never printed.
pub struct SoftwareKey {
    key: SigningKey,
}

impl SoftwareKey {
    /// Makes the key of 32 random bytes that the caller has drawn.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self {
            key: SigningKey::from_bytes(seed),
        }
    }

    /// Reads a key of the 32 bytes that were kept.
    ///
    /// # Errors
    /// [`Code::DatabaseCorrupt`] for any other number of bytes.
    pub fn from_slice(seed: &[u8]) -> Result<Self> {
        let seed = seed
            .try_into()
            .map_err(|_| Error::new(Code::DatabaseCorrupt, "key"))?;
        Ok(Self::from_seed(seed))
    }
}

impl DeviceSigner for SoftwareKey {
    fn public_key(&self) -> PublicKey {
        PublicKey::ed25519(self.key.verifying_key().to_bytes())
    }

    fn sign(&self, domain: &[u8], message: &[u8]) -> Result<Vec<u8>> {
        Ok(self
            .key
            .sign(&with_domain(domain, message))
            .to_bytes()
            .to_vec())
    }
}

impl fmt::Debug for SoftwareKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SoftwareKey({:?})", self.public_key().device())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_holds_for_its_key_domain_and_message_alone() {
        let alice = SoftwareKey::from_seed(&[1; 32]);
        let signature = alice.sign(b"a", b"message").unwrap();
        let key = alice.public_key();
        assert!(key.verify(b"a", b"message", &signature));
        assert!(!key.verify(b"b", b"message", &signature));
        assert!(!key.verify(b"a", b"massage", &signature));
        assert!(!key.verify(b"a", b"message", &signature[1..]));
        assert!(
            !SoftwareKey::from_seed(&[2; 32])
                .public_key()
                .verify(b"a", b"message", &signature)
        );
    }

    #[test]
    fn a_key_never_prints_its_secret() {
        let text = format!("{:?}", SoftwareKey::from_seed(&[0x41; 32]));
        assert!(
            !text.contains("AAAA") && !text.contains("65, 65") && !text.contains("4141"),
            "{text}"
        );
    }
}
