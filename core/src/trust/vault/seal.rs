//! Sealing: payloads under the key of an epoch, and keys of epochs for those who may have them.

use std::fmt;

use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use hkdf::Hkdf;
use hpke::{
    Deserializable, Kem, OpModeR, OpModeS, Serializable, aead::ChaCha20Poly1305, kdf::HkdfSha256,
    kem::X25519HkdfSha256, single_shot_open, single_shot_seal_with_rng,
};
use minicbor::{Decode, Encode};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::Dice;
use crate::{
    cbor,
    error::{Code, Error, Result},
    ids::{DocumentId, Feed, Hash, Kind, LogId, PersonId, domain},
};

/// Bytes of the smallest padded payload: a note of one line looks like an empty one.
pub const PADDED_BYTES_MIN: usize = 128;
/// Bytes that sealing adds behind the padded payload.
pub const TAG_BYTES: usize = 16;
/// Bytes of the payload's length within the padding.
const LENGTH_BYTES: usize = 4;

/// Which vault a payload or a key belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct VaultId {
    /// The log.
    #[n(0)]
    pub log: LogId,
    /// Whose notes they are.
    #[n(1)]
    pub owner: PersonId,
    /// What sets this vault apart from another of the same owner.
    #[n(2)]
    pub hash: Hash,
}

/// What a sealed payload is bound to beside its key: it opens nowhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode)]
#[cbor(map)]
pub struct Place {
    /// The version of this format.
    #[n(0)]
    pub version: u8,
    /// The feed.
    #[n(1)]
    pub feed: Feed,
    /// The document.
    #[n(2)]
    pub document: DocumentId,
    /// What the payload is.
    #[n(3)]
    pub kind: Kind,
    /// The vault, which names log and owner.
    #[n(4)]
    pub vault: VaultId,
    /// The epoch.
    #[n(5)]
    pub epoch: u32,
}

impl Place {
    /// The place of a payload in the notes of the vault's owner.
    pub const fn new(vault: VaultId, epoch: u32, document: DocumentId, kind: Kind) -> Self {
        Self {
            version: 1,
            feed: Feed::Notes(vault.owner),
            document,
            kind,
            vault,
            epoch,
        }
    }
}

/// The key of one epoch of a vault. Wiped when dropped, never printed.
#[derive(Clone)]
pub struct EpochKey(Zeroizing<[u8; 32]>);

impl EpochKey {
    /// Makes a key of 32 random bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Reads a key that was kept.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self::new)
    }

    /// Returns the key's bytes, for the device's own store.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    fn derive(&self, purpose: &[u8], vault: &VaultId, epoch: u32) -> Zeroizing<[u8; 32]> {
        expand(
            self.0.as_slice(),
            &[purpose, &cbor::encode(&(vault, epoch))],
        )
    }

    /// Returns what tells this key from another without showing it.
    pub fn check(&self, vault: &VaultId, epoch: u32) -> [u8; 16] {
        let mut check = [0; 16];
        check.copy_from_slice(&self.derive(domain::VAULT_CHECK, vault, epoch)[..16]);
        check
    }

    /// Pads and seals a payload. A nonce must not be used twice.
    ///
    /// # Errors
    /// [`Code::TooLarge`] for a payload of 4 GiB and more.
    pub fn seal(&self, place: &Place, nonce: &[u8; 24], payload: &[u8]) -> Result<Vec<u8>> {
        let key = self.derive(domain::VAULT_PAYLOAD, &place.vault, place.epoch);
        seal_under(&key, nonce, &pad(payload)?, &cbor::encode(place))
    }

    /// Opens a payload.
    ///
    /// # Errors
    /// [`Code::Malformed`] if it was not sealed with this key for this place, or was altered.
    pub fn open(
        &self,
        place: &Place,
        nonce: &[u8; 24],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>> {
        let key = self.derive(domain::VAULT_PAYLOAD, &place.vault, place.epoch);
        let padded = open_under(&key, nonce, sealed, &cbor::encode(place))?;
        unpad(padded)
    }

    /// Seals the key of the epoch before under this one.
    pub(super) fn seal_before(
        &self,
        vault: &VaultId,
        epoch: u32,
        nonce: [u8; 24],
        before: &Self,
    ) -> Result<Before> {
        let key = self.derive(domain::VAULT_BEFORE, vault, epoch);
        let sealed = seal_under(&key, &nonce, before.0.as_slice(), &cbor::encode(vault))?;
        Ok(Before { nonce, sealed })
    }

    /// Opens the key of the epoch before.
    pub(super) fn open_before(&self, vault: &VaultId, epoch: u32, before: &Before) -> Result<Self> {
        let key = self.derive(domain::VAULT_BEFORE, vault, epoch);
        let opened = open_under(&key, &before.nonce, &before.sealed, &cbor::encode(vault))?;
        Self::from_slice(&opened).ok_or_else(|| refused("a key of another length"))
    }
}

impl fmt::Debug for EpochKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EpochKey")
    }
}

/// The key of an epoch, sealed under the key of the epoch after it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Before {
    #[cbor(n(0), with = "minicbor::bytes")]
    nonce: [u8; 24],
    #[cbor(n(1), with = "minicbor::bytes")]
    sealed: Vec<u8>,
}

/// The key of an epoch, wrapped for one holder of an X25519 key: HPKE (RFC 9180), base mode,
/// DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Wrapped {
    #[cbor(n(0), with = "minicbor::bytes")]
    encapsulated: [u8; 32],
    #[cbor(n(1), with = "minicbor::bytes")]
    sealed: Vec<u8>,
}

impl Wrapped {
    /// Wraps a key for the holder of `recipient`.
    ///
    /// # Errors
    /// [`Code::Malformed`] if `recipient` is no key.
    pub fn wrap(
        key: &EpochKey,
        vault: &VaultId,
        epoch: u32,
        recipient: &[u8; 32],
        dice: &mut Dice,
    ) -> Result<Self> {
        let public = <X25519HkdfSha256 as Kem>::PublicKey::from_bytes(recipient)
            .map_err(|_| refused("no sealing key"))?;
        let (encapsulated, sealed) =
            single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
                &OpModeS::Base,
                &public,
                domain::VAULT_WRAP,
                key.as_bytes(),
                &cbor::encode(&WrapPlace::new(vault, epoch, recipient)),
                &mut dice.0,
            )
            .map_err(|_| refused("no sealing key"))?;
        Ok(Self {
            encapsulated: encapsulated.to_bytes().into(),
            sealed,
        })
    }

    /// Unwraps the key with the secret of its recipient.
    ///
    /// # Errors
    /// [`Code::Malformed`] if it is not for this recipient, vault and epoch.
    pub fn open(&self, vault: &VaultId, epoch: u32, secret: &SealingSecret) -> Result<EpochKey> {
        let encapsulated = <X25519HkdfSha256 as Kem>::EncappedKey::from_bytes(&self.encapsulated)
            .map_err(|_| refused("no wrapped key"))?;
        let opened = single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Base,
            &secret.key,
            &encapsulated,
            domain::VAULT_WRAP,
            &self.sealed,
            &cbor::encode(&WrapPlace::new(vault, epoch, &secret.public())),
        )
        .map_err(|_| refused("a key wrapped for somebody else"))?;
        EpochKey::from_slice(&Zeroizing::new(opened))
            .ok_or_else(|| refused("a key of another length"))
    }
}

/// What a wrapped key is bound to.
#[derive(Encode)]
struct WrapPlace<'a> {
    #[n(0)]
    vault: &'a VaultId,
    #[n(1)]
    epoch: u32,
    #[cbor(n(2), with = "minicbor::bytes")]
    recipient: &'a [u8],
}

impl<'a> WrapPlace<'a> {
    fn new(vault: &'a VaultId, epoch: u32, recipient: &'a [u8; 32]) -> Self {
        Self {
            vault,
            epoch,
            recipient,
        }
    }
}

/// The secret half of an X25519 key to which others wrap. Wiped when dropped, never printed.
#[derive(Clone)]
pub struct SealingSecret {
    key: <X25519HkdfSha256 as Kem>::PrivateKey,
}

impl SealingSecret {
    /// Makes the secret of 32 random bytes.
    ///
    /// # Errors
    /// [`Code::DatabaseCorrupt`] for any other number of bytes.
    pub fn from_slice(bytes: &[u8]) -> Result<Self> {
        let key = <X25519HkdfSha256 as Kem>::PrivateKey::from_bytes(bytes)
            .map_err(|_| Error::new(Code::DatabaseCorrupt, "sealing key"))?;
        Ok(Self { key })
    }

    /// Returns the public half.
    pub fn public(&self) -> [u8; 32] {
        X25519HkdfSha256::sk_to_pk(&self.key).to_bytes().into()
    }
}

impl fmt::Debug for SealingSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealingSecret")
    }
}

/// Derives 32 bytes from a secret, for one purpose: HKDF-SHA256 without a salt.
pub(super) fn expand(secret: &[u8], purpose: &[&[u8]]) -> Zeroizing<[u8; 32]> {
    let mut bytes = Zeroizing::new([0; 32]);
    let expanded =
        Hkdf::<Sha256>::new(None, secret).expand_multi_info(purpose, bytes.as_mut_slice());
    debug_assert!(expanded.is_ok(), "32 bytes are within HKDF's limit");
    bytes
}

fn seal_under(key: &[u8; 32], nonce: &[u8; 24], message: &[u8], aad: &[u8]) -> Result<Vec<u8>> {
    XChaCha20Poly1305::new(&(*key).into())
        .encrypt(&XNonce::from(*nonce), Payload { msg: message, aad })
        .map_err(|_| Error::new(Code::TooLarge, "a payload to seal"))
}

fn open_under(
    key: &[u8; 32],
    nonce: &[u8; 24],
    sealed: &[u8],
    aad: &[u8],
) -> Result<Zeroizing<Vec<u8>>> {
    XChaCha20Poly1305::new(&(*key).into())
        .decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad })
        .map(Zeroizing::new)
        .map_err(|_| refused("sealed with another key, for another place, or altered"))
}

fn refused(what: &str) -> Error {
    Error::new(Code::Malformed, format_args!("vault: {what}"))
}

/// Returns to how many bytes a payload is padded: Padmé (Nikitin et al. 2019), at most 12 % more,
/// so that a length tells no more than its order of magnitude and few bits beside.
pub const fn padded_length(length: usize) -> usize {
    let length = length + LENGTH_BYTES;
    if length <= PADDED_BYTES_MIN {
        return PADDED_BYTES_MIN;
    }
    let exponent = length.ilog2();
    let mantissa = exponent.ilog2() + 1;
    let mask = (1usize << (exponent - mantissa)) - 1;
    (length + mask) & !mask
}

fn pad(payload: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    let length = u32::try_from(payload.len()).map_err(|_| Code::TooLarge)?;
    let mut padded = Zeroizing::new(Vec::with_capacity(padded_length(payload.len())));
    padded.extend(length.to_be_bytes());
    padded.extend(payload);
    padded.resize(padded_length(payload.len()), 0);
    Ok(padded)
}

fn unpad(padded: Zeroizing<Vec<u8>>) -> Result<Zeroizing<Vec<u8>>> {
    let wrong = || refused("padding");
    let (length, rest) = padded.split_first_chunk().ok_or_else(wrong)?;
    let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| wrong())?;
    let payload = rest.get(..length).ok_or_else(wrong)?;
    if padded.len() != padded_length(length) || rest[length..].iter().any(|byte| *byte != 0) {
        return Err(wrong());
    }
    Ok(Zeroizing::new(payload.to_vec()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn vault(owner: u8) -> VaultId {
        VaultId {
            log: LogId::from_bytes([1; 16]),
            owner: PersonId::from_bytes([owner; 16]),
            hash: Hash::from_bytes([owner; 32]),
        }
    }

    fn place(epoch: u32, document: u8) -> Place {
        Place::new(
            vault(2),
            epoch,
            DocumentId::from_bytes([document; 16]),
            Kind::Changes,
        )
    }

    #[test]
    fn a_sealed_payload_opens_with_its_key_at_its_place_alone() {
        let key = EpochKey::new([7; 32]);
        let sealed = key.seal(&place(1, 1), &[9; 24], b"rieng").unwrap();
        assert_eq!(
            key.open(&place(1, 1), &[9; 24], &sealed)
                .unwrap()
                .as_slice(),
            b"rieng"
        );
        assert!(
            EpochKey::new([8; 32])
                .open(&place(1, 1), &[9; 24], &sealed)
                .is_err()
        );
        assert!(key.open(&place(1, 1), &[8; 24], &sealed).is_err());
        let elsewhere = [
            place(1, 2),
            place(2, 1),
            Place {
                kind: Kind::Snapshot,
                ..place(1, 1)
            },
            Place {
                vault: vault(3),
                ..place(1, 1)
            },
            Place {
                feed: Feed::Group(crate::ids::OrganisationId::from_bytes([2; 16])),
                ..place(1, 1)
            },
        ];
        for other in elsewhere {
            assert!(key.open(&other, &[9; 24], &sealed).is_err(), "{other:?}");
        }
        for at in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[at] ^= 1;
            assert!(key.open(&place(1, 1), &[9; 24], &altered).is_err());
        }
    }

    #[test]
    fn a_wrapped_key_is_for_its_recipient_vault_and_epoch_alone() {
        let mut dice = Dice::new([1; 32]);
        let (alice, bob) = (
            SealingSecret::from_slice(&[3; 32]).unwrap(),
            SealingSecret::from_slice(&[4; 32]).unwrap(),
        );
        let key = EpochKey::new([7; 32]);
        let wrapped = Wrapped::wrap(&key, &vault(2), 1, &alice.public(), &mut dice).unwrap();
        assert_eq!(
            wrapped.open(&vault(2), 1, &alice).unwrap().as_bytes(),
            key.as_bytes()
        );
        assert!(wrapped.open(&vault(2), 1, &bob).is_err());
        assert!(wrapped.open(&vault(2), 2, &alice).is_err());
        assert!(wrapped.open(&vault(3), 1, &alice).is_err());
        let again = Wrapped::wrap(&key, &vault(2), 1, &alice.public(), &mut dice).unwrap();
        assert_ne!(again, wrapped, "each wrapping has a key of its own");
    }

    #[test]
    fn lengths_fall_into_few_classes_and_grow_by_little() {
        assert_eq!(padded_length(0), PADDED_BYTES_MIN);
        assert_eq!(padded_length(124), PADDED_BYTES_MIN);
        let mut classes = std::collections::BTreeSet::new();
        for length in 0..100_000 {
            let padded = padded_length(length);
            assert!(padded >= length + LENGTH_BYTES);
            assert!(padded <= PADDED_BYTES_MIN || padded * 100 <= (length + LENGTH_BYTES) * 112);
            classes.insert(padded);
        }
        assert!(classes.len() < 200, "{}", classes.len());
    }

    #[test]
    fn no_secret_is_printed() {
        let shown = format!(
            "{:?} {:?} {:?}",
            EpochKey::new([65; 32]),
            SealingSecret::from_slice(&[65; 32]).unwrap(),
            Dice::new([65; 32])
        );
        assert_eq!(shown, "EpochKey SealingSecret Dice");
    }

    proptest! {
        #[test]
        fn every_payload_comes_back(payload in proptest::collection::vec(any::<u8>(), 0..2000)) {
            let key = EpochKey::new([7; 32]);
            let sealed = key.seal(&place(1, 1), &[1; 24], &payload).unwrap();
            prop_assert_eq!(sealed.len(), padded_length(payload.len()) + TAG_BYTES);
            let opened = key.open(&place(1, 1), &[1; 24], &sealed).unwrap();
            prop_assert_eq!(opened.as_slice(), payload.as_slice());
        }

        #[test]
        fn no_bytes_open(sealed in proptest::collection::vec(any::<u8>(), 0..400)) {
            prop_assert!(EpochKey::new([7; 32]).open(&place(1, 1), &[1; 24], &sealed).is_err());
            let _ = cbor::decode::<Wrapped>(&sealed, "wrapped");
        }
    }
}
