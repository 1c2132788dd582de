//! What travels: a signed header over a payload. The bytes are stored and passed on as received.
//!
//! A device's envelopes form a chain: each names its predecessor by hash. The chain runs over
//! headers alone, so a payload can be erased without breaking it.

use std::fmt;

use minicbor::{Decode, Encode, bytes::ByteVec};

use crate::{
    cbor,
    error::{Code, Error, Result},
    ids::{DeviceId, DocumentId, Feed, Hash, Kind, LogId, domain},
    limits::{HEADER_BYTES_MAX, OFFICE_PAYLOAD_BYTES_MAX},
    time::Timestamp,
    trust::keys::{Algorithm, DeviceSigner, PublicKey},
};

/// The version of the envelope that this code writes.
pub const VERSION: u8 = 1;

/// How a payload is sealed. Absent where the office reads it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Sealed {
    /// The epoch of the vault key.
    #[n(0)]
    pub epoch: u32,
    /// The nonce, 24 bytes.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub nonce: [u8; 24],
}

/// What a snapshot holds: the document as it is in the log up to a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Covers {
    /// The number in the feed up to which its maker has read.
    #[n(0)]
    pub feed_seq: u64,
    /// The number in the log up to which its maker has read.
    #[n(1)]
    pub seq: u64,
    /// The log's chain at that number. In a log that was put back the same numbers may stand for
    /// other entries; then the chain differs, and the snapshot stands for nothing.
    #[n(2)]
    pub chain: Hash,
}

/// What an envelope says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Header {
    /// The version of this format.
    #[n(0)]
    pub version: u8,
    /// The log that the envelope is for.
    #[n(1)]
    pub log: LogId,
    /// The feed within the log.
    #[n(2)]
    pub feed: Feed,
    /// The document within the feed.
    #[n(3)]
    pub document: DocumentId,
    /// What the payload is.
    #[n(4)]
    pub kind: Kind,
    /// The schema of the payload's content.
    #[n(5)]
    pub schema: u16,
    /// Who wrote and signed it.
    #[n(6)]
    pub device: DeviceId,
    /// The device's incarnation: another one after a restore or a clone.
    #[n(7)]
    pub incarnation: u32,
    /// Its number among the envelopes of this incarnation, from 1, without gaps.
    #[n(8)]
    pub device_seq: u64,
    /// The id of the envelope before it in this incarnation, or zeros.
    #[n(9)]
    pub previous: Hash,
    /// The generation of this device's actor in this document.
    #[n(10)]
    pub generation: u32,
    /// SHA-256 of the payload.
    #[n(11)]
    pub payload: Hash,
    /// Bytes of the payload.
    #[n(12)]
    pub length: u32,
    /// How the payload is sealed, if it is.
    #[n(13)]
    pub sealed: Option<Sealed>,
    /// The device's clock. Shown, never decided by.
    #[n(14)]
    pub at: Timestamp,
    /// How the signature is made.
    #[n(15)]
    pub algorithm: Algorithm,
    /// What a snapshot holds. Absent on everything else.
    #[n(16)]
    pub covers: Option<Covers>,
}

/// Where an author stands: who writes, and after which envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chain {
    /// The author.
    pub device: DeviceId,
    /// The author's incarnation.
    pub incarnation: u32,
    /// The number of the newest envelope; 0 before the first.
    pub device_seq: u64,
    /// The id of the newest envelope; zeros before the first.
    pub newest: Hash,
}

impl Chain {
    /// Returns the chain of an author that has written nothing yet in this incarnation.
    pub const fn start(device: DeviceId, incarnation: u32) -> Self {
        Self {
            device,
            incarnation,
            device_seq: 0,
            newest: Hash::ZERO,
        }
    }
}

/// What an envelope is about, before it has its place in a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The log.
    pub log: LogId,
    /// The feed.
    pub feed: Feed,
    /// The document.
    pub document: DocumentId,
    /// What the payload is.
    pub kind: Kind,
    /// The generation of the author's actor in the document.
    pub generation: u32,
    /// How the payload is sealed, if it is.
    pub sealed: Option<Sealed>,
    /// What a snapshot holds.
    pub covers: Option<Covers>,
}

/// A header, its signature, its payload. Its parts agree with each other; whether the signature is
/// its author's is for [`Envelope::verify`] to say.
#[derive(Clone, PartialEq, Eq)]
pub struct Envelope {
    header: Header,
    header_bytes: Vec<u8>,
    signature: Vec<u8>,
    payload: Vec<u8>,
}

impl Envelope {
    /// Writes and signs the next envelope of `chain` and moves the chain on.
    ///
    /// # Errors
    /// [`Code::TooLarge`] for a payload over the limit; what the signer says.
    pub fn sign(
        chain: &mut Chain,
        subject: Subject,
        payload: Vec<u8>,
        at: Timestamp,
        signer: &dyn DeviceSigner,
    ) -> Result<Self> {
        let length = u32::try_from(payload.len())
            .ok()
            .filter(|&length| length as usize <= OFFICE_PAYLOAD_BYTES_MAX);
        let header = Header {
            version: VERSION,
            log: subject.log,
            feed: subject.feed,
            document: subject.document,
            kind: subject.kind,
            schema: 1,
            device: chain.device,
            incarnation: chain.incarnation,
            device_seq: chain.device_seq + 1,
            previous: chain.newest,
            generation: subject.generation,
            payload: Hash::of_content(&payload),
            length: length.ok_or(Code::TooLarge)?,
            sealed: subject.sealed,
            at,
            algorithm: signer.public_key().algorithm(),
            covers: subject.covers,
        };
        let header_bytes = cbor::encode(&header);
        let signature = signer.sign(domain::ENVELOPE, &header_bytes)?;
        let envelope = Self {
            header,
            header_bytes,
            signature,
            payload,
        };
        chain.device_seq += 1;
        chain.newest = envelope.id();
        Ok(envelope)
    }

    /// Reads an envelope: sizes, one form of the header, payload as the header says.
    ///
    /// # Errors
    /// [`Code::Malformed`], [`Code::TooLarge`], or [`Code::NewerProtocol`] for a later version.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        if bytes.len() > OFFICE_PAYLOAD_BYTES_MAX + HEADER_BYTES_MAX + 256 {
            return Err(Error::new(Code::TooLarge, "envelope"));
        }
        let (header_bytes, signature, payload): (ByteVec, ByteVec, ByteVec) =
            cbor::decode_canonical(bytes, "envelope")?;
        let (header_bytes, signature, payload): (Vec<u8>, Vec<u8>, Vec<u8>) =
            (header_bytes.into(), signature.into(), payload.into());
        if header_bytes.len() > HEADER_BYTES_MAX {
            return Err(Error::new(Code::TooLarge, "envelope header"));
        }
        let header: Header = cbor::decode_canonical(&header_bytes, "envelope header")?;
        if header.version != VERSION {
            return Err(Error::new(
                Code::NewerProtocol,
                format_args!("envelope version {}", header.version),
            ));
        }
        if header.length as usize != payload.len() || header.payload != Hash::of_content(&payload) {
            return Err(Error::new(
                Code::Malformed,
                "envelope: the payload is not the one signed",
            ));
        }
        Ok(Self {
            header,
            header_bytes,
            signature,
            payload,
        })
    }

    /// Returns the bytes that travel and are stored.
    pub fn encode(&self) -> Vec<u8> {
        let parts = (
            ByteVec::from(self.header_bytes.clone()),
            ByteVec::from(self.signature.clone()),
            ByteVec::from(self.payload.clone()),
        );
        cbor::encode(&parts)
    }

    /// Returns the hash that names this envelope: over the header alone.
    pub fn id(&self) -> Hash {
        Hash::of(domain::ENVELOPE, &[&self.header_bytes])
    }

    /// Says whether the holder of `key` wrote it.
    pub fn verify(&self, key: &PublicKey) -> bool {
        self.header.device == key.device()
            && self.header.algorithm == key.algorithm()
            && key.verify(domain::ENVELOPE, &self.header_bytes, &self.signature)
    }

    /// Returns what the envelope says of itself.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// Returns the content.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }
}

impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Header {
            feed,
            kind,
            device,
            device_seq,
            ..
        } = &self.header;
        write!(
            f,
            "Envelope({feed} {kind:?} {device:?} #{device_seq}, {} bytes)",
            self.payload.len()
        )
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{ids::PersonId, trust::keys::SoftwareKey};

    fn envelope(payload: &[u8]) -> (Envelope, PublicKey) {
        let alice = SoftwareKey::from_seed(&[1; 32]);
        let mut chain = Chain::start(alice.public_key().device(), 1);
        let subject = Subject {
            log: LogId::from_bytes([2; 16]),
            feed: Feed::Notes(PersonId::from_bytes([3; 16])),
            document: DocumentId::from_bytes([4; 16]),
            kind: Kind::Changes,
            generation: 0,
            sealed: None,
            covers: None,
        };
        let at = Timestamp::from_unix_ms(1_700_000_000_000);
        (
            Envelope::sign(&mut chain, subject, payload.to_vec(), at, &alice).unwrap(),
            alice.public_key(),
        )
    }

    #[test]
    fn an_envelope_is_read_back_and_verifies() {
        let (envelope, key) = envelope(b"payload");
        let read = Envelope::decode(&envelope.encode()).unwrap();
        assert_eq!(read, envelope);
        assert_eq!(read.id(), envelope.id());
        assert!(read.verify(&key));
        assert!(!read.verify(&SoftwareKey::from_seed(&[9; 32]).public_key()));
    }

    #[test]
    fn the_header_takes_few_bytes() {
        let (envelope, _) = envelope(b"");
        assert!(
            envelope.encode().len() <= 280,
            "{} bytes without a payload",
            envelope.encode().len()
        );
    }

    proptest! {
        #[test]
        fn no_altered_byte_passes(position in 0usize..400, flip in 1u8..) {
            let (envelope, key) = envelope(b"payload");
            let mut bytes = envelope.encode();
            let position = position % bytes.len();
            bytes[position] ^= flip;
            if let Ok(read) = Envelope::decode(&bytes) {
                prop_assert!(!read.verify(&key));
            }
        }

        #[test]
        fn no_bytes_make_decode_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(Envelope::decode(&bytes).is_err());
        }
    }
}
