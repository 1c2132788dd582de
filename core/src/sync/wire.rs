//! Requests and replies of `POST /v1/sync`, and their limits.
//!
//! A request is signed by the device, so there is no token to fetch before it. A reply carries an
//! outcome for each envelope and then entries, in one independently compressed segment an audience:
//! equal for all who read that audience, and no secret shares a compression window with text that
//! somebody else chose.

use std::io::{Read, Write};

use flate2::{Compression, read::DeflateDecoder, write::DeflateEncoder};
use minicbor::{Decode, Encode, bytes::ByteVec};

use crate::{
    cbor,
    error::{Code, Error, Result},
    ids::{Audience, DeviceId, Feed, Hash, LogId, domain},
    limits::{
        BACKFILL_RANGES_MAX, REPLY_BYTES_MAX, REQUEST_BYTES_MAX, REQUEST_ENVELOPES_MAX,
        SEGMENT_BYTES_MAX,
    },
    sync::healing::{Introduction, Offering, Resumed},
    time::Timestamp,
    trust::{
        enrol::Signed,
        keys::{DeviceSigner, PublicKey},
        office::SignedSuccession,
        orders::SignedOrder,
    },
};

/// The version of the protocol that this code speaks.
pub const VERSION: u8 = 1;
/// The media type of every request and reply: what has another one does not come from an office.
pub const MEDIA_TYPE: &str = "application/vnd.nghisu.v1+cbor";
/// The media type of `GET /v1/pokes`: server-sent events, each a number of the log.
pub const POKES_TYPE: &str = "text/event-stream";

/// How far a device has read a log. Only the office looks inside; a device keeps it and sends it back.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Cursor {
    /// The log.
    #[n(0)]
    pub log: LogId,
    /// The epoch in which it was given.
    #[n(1)]
    pub epoch: u32,
    /// All entries up to this number were scanned.
    #[n(2)]
    pub seq: u64,
    /// The log's chain at that entry: tells a log that was rewritten.
    #[n(3)]
    pub chain: Hash,
    /// The office's authentication code over the other fields and the device.
    #[cbor(n(4), with = "minicbor::bytes")]
    pub mac: [u8; 16],
}

/// What the device signs.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct RequestHead {
    /// The version of the protocol.
    #[n(0)]
    pub version: u8,
    /// The log, which also names the office.
    #[n(1)]
    pub log: LogId,
    /// The id of the office's online key as the device knows it.
    #[n(2)]
    pub office: DeviceId,
    /// The device that asks.
    #[n(3)]
    pub device: DeviceId,
    /// The log's epoch as the device knows it.
    #[n(4)]
    pub epoch: u32,
    /// Higher in every request of this device: a request that is played back has no effect.
    #[n(5)]
    pub counter: u64,
    /// Where the device stands; absent before the first page.
    #[n(6)]
    pub cursor: Option<Cursor>,
    /// SHA-256 of the body.
    #[n(7)]
    pub body: Hash,
}

/// What the device asks for and hands in.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Default)]
#[cbor(map)]
pub struct RequestBody {
    /// Envelopes without a final outcome, in the order of their chain.
    #[n(0)]
    pub envelopes: Vec<ByteVec>,
    /// Ranges of feeds that were granted after the cursor had passed them.
    #[n(1)]
    pub backfill: Vec<Backfill>,
    /// Whether the device wants its own envelopes too: after a restore, or when it has lost some.
    #[n(2)]
    pub own: bool,
    /// Changes and acts that wait on the device beyond this request: what a wipe would destroy.
    #[cbor(n(3), default)]
    pub waiting: u32,
    /// What an office that was restored may have lost.
    #[n(8)]
    pub offering: Option<Offering>,
    /// Who the device is, for an office that has forgotten it.
    #[n(9)]
    pub introduction: Option<Introduction>,
    /// The incarnation in which the device speaks; 0 of a version that does not say.
    #[cbor(n(20), default)]
    pub incarnation: u32,
    /// Asks for another incarnation, since what is stored cannot continue the chain as the office has
    /// it. The hash names the request: the same one gets the same grant.
    #[n(21)]
    pub anew: Option<Hash>,
    /// The newest head of the log that the device was told, if it has not read up to there: an office
    /// that was put back finds out by it that it is.
    #[n(22)]
    pub head: Option<SignedHead>,
}

/// A range of a feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Backfill {
    /// The feed.
    #[n(0)]
    pub feed: Feed,
    /// The device has all up to this `feed_seq`.
    #[n(1)]
    pub after: u64,
    /// It wants all up to this one.
    #[n(2)]
    pub to: u64,
}

impl Backfill {
    /// Returns the number of entries in it.
    pub const fn length(&self) -> u64 {
        self.to.saturating_sub(self.after)
    }
}

/// A request whose parts agree; whether its signature holds is for [`Request::verify`] to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What is signed.
    pub head: RequestHead,
    /// What is asked for.
    pub body: RequestBody,
    head_bytes: Vec<u8>,
    signature: Vec<u8>,
}

impl Request {
    /// Encodes and signs a request. `head.body` is filled in.
    ///
    /// # Errors
    /// What the signer says.
    pub fn encode(
        mut head: RequestHead,
        body: &RequestBody,
        signer: &dyn DeviceSigner,
    ) -> Result<Vec<u8>> {
        let body = cbor::encode(body);
        head.body = Hash::of_content(&body);
        let head = cbor::encode(&head);
        let signature = signer.sign(domain::REQUEST, &head)?;
        Ok(cbor::encode(&(
            ByteVec::from(head),
            ByteVec::from(signature),
            ByteVec::from(body),
        )))
    }

    /// Reads a request within its limits.
    ///
    /// # Errors
    /// [`Code::TooLarge`], [`Code::Malformed`], [`Code::NewerProtocol`].
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        if bytes.len() > REQUEST_BYTES_MAX {
            return Err(Error::new(
                Code::TooLarge,
                format_args!("request of {} bytes", bytes.len()),
            ));
        }
        let (head_bytes, signature, body_bytes): (ByteVec, ByteVec, ByteVec) =
            cbor::decode(bytes, "request")?;
        let head: RequestHead = cbor::decode(&head_bytes, "request head")?;
        if head.version != VERSION {
            return Err(Error::new(
                Code::NewerProtocol,
                format_args!("request version {}", head.version),
            ));
        }
        if head.body != Hash::of_content(&body_bytes) {
            return Err(Error::new(
                Code::Malformed,
                "request: the body is not the one signed",
            ));
        }
        let body: RequestBody = cbor::decode(&body_bytes, "request body")?;
        if body.envelopes.len() > REQUEST_ENVELOPES_MAX {
            return Err(Error::new(
                Code::TooLarge,
                format_args!("{} envelopes", body.envelopes.len()),
            ));
        }
        if let Some(offering) = &body.offering
            && offering.envelopes.len() > REQUEST_ENVELOPES_MAX
        {
            return Err(Error::new(
                Code::TooLarge,
                format_args!("{} originals", offering.envelopes.len()),
            ));
        }
        if body.backfill.len() > BACKFILL_RANGES_MAX {
            return Err(Error::new(
                Code::TooLarge,
                format_args!("{} ranges", body.backfill.len()),
            ));
        }
        Ok(Self {
            head,
            body,
            head_bytes: head_bytes.into(),
            signature: signature.into(),
        })
    }

    /// Says whether the holder of `key` sent it.
    pub fn verify(&self, key: &PublicKey) -> bool {
        self.head.device == key.device()
            && key.verify(domain::REQUEST, &self.head_bytes, &self.signature)
    }
}

/// What became of an envelope.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Outcome {
    /// On the office's disk.
    #[n(0)]
    Accepted {
        /// Its number in the log.
        #[n(0)]
        seq: u64,
        /// Its number in the feed.
        #[n(1)]
        feed_seq: u64,
        /// When the office had it, by its own clock.
        #[n(2)]
        received_at: Timestamp,
    },
    /// Refused for good.
    #[n(1)]
    Refused {
        /// Why, as a stable name.
        #[n(0)]
        reason: String,
    },
    /// Not yet: offer it again.
    #[n(2)]
    Held {
        /// Why, as a stable name: `missing_dependency`, `quota`, `busy`.
        #[n(0)]
        reason: String,
        /// Milliseconds after which to try again.
        #[n(1)]
        retry_after_ms: u64,
    },
    /// It must be made anew: another incarnation or key epoch.
    #[n(3)]
    Redo {
        /// Why, as a stable name.
        #[n(0)]
        reason: String,
    },
}

impl Outcome {
    /// Says whether repeats get the same answer and the device need not offer the envelope again.
    pub const fn is_final(&self) -> bool {
        !matches!(self, Self::Held { .. })
    }
}

/// The batch stopped: the next envelope does not continue the chain that the office knows.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Stopped {
    /// Why, as a stable name: `chain`, `signature`, `malformed`.
    #[n(0)]
    pub reason: String,
    /// The `device_seq` of the newest envelope that the office has of this incarnation.
    #[n(1)]
    pub device_seq: u64,
    /// The id of that envelope.
    #[n(2)]
    pub newest: Hash,
}

/// Where the office has a device's own chain. With a higher incarnation than the device's it is a
/// grant: what the device had not sent is written anew there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct OwnChain {
    /// The incarnation in which the device may speak.
    #[n(0)]
    pub incarnation: u32,
    /// The number of the newest envelope in it; 0 before the first.
    #[n(1)]
    pub device_seq: u64,
    /// The id of that envelope; zeros before the first.
    #[n(2)]
    pub newest: Hash,
}

/// The newest entry of the log as the office signs it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct LogHead {
    /// The log.
    #[n(0)]
    pub log: LogId,
    /// Its epoch.
    #[n(1)]
    pub epoch: u32,
    /// The newest entry's number; 0 while the log is empty.
    #[n(2)]
    pub seq: u64,
    /// The chain over all entries up to it.
    #[n(3)]
    pub chain: Hash,
}

/// A head of the log, for an office that may have forgotten it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct SignedHead {
    /// The [`LogHead`], signed by an online key.
    #[n(0)]
    pub head: Signed,
    /// The root's statement about that key.
    #[n(1)]
    pub online: Signed,
}

/// An entry as it is served.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Entry {
    /// Its number in the log.
    #[n(0)]
    pub seq: u64,
    /// Its number in the feed, without gaps.
    #[n(1)]
    pub feed_seq: u64,
    /// When the office had it, by its own clock.
    #[n(2)]
    pub received_at: Timestamp,
    /// The envelope's bytes, as received.
    #[cbor(n(3), with = "minicbor::bytes")]
    pub envelope: Vec<u8>,
}

/// Returns the chain after an entry: over the chain before it and the entry's own header.
pub fn chain_after(
    previous: &Hash,
    seq: u64,
    feed: Feed,
    feed_seq: u64,
    envelope: &Hash,
    received_at: Timestamp,
) -> Hash {
    let header = cbor::encode(&(seq, feed, feed_seq, *envelope, received_at));
    Hash::of(domain::LOG, &[previous.as_bytes(), &header])
}

/// Entries of one audience, compressed by themselves. The same bytes for all who read it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Segment {
    /// Who reads it.
    #[n(0)]
    pub audience: Audience,
    /// It has all the audience's entries after this number …
    #[n(1)]
    pub after: u64,
    /// … up to this one.
    #[n(2)]
    pub to: u64,
    #[cbor(n(3), with = "minicbor::bytes")]
    deflated: Vec<u8>,
}

impl Segment {
    /// Packs entries, as small as can be: it is done once for all who read them.
    pub fn pack(audience: Audience, after: u64, to: u64, entries: &[Entry]) -> Self {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
        let packed = encoder
            .write_all(&cbor::encode(&entries))
            .and_then(|()| encoder.finish());
        let Ok(deflated) = packed else {
            unreachable!("writing to memory does not fail");
        };
        Self {
            audience,
            after,
            to,
            deflated,
        }
    }

    /// Returns how many bytes the packed entries take.
    pub const fn packed_bytes(&self) -> usize {
        self.deflated.len()
    }

    /// Unpacks the entries, up to the limit for a segment.
    ///
    /// # Errors
    /// [`Code::Malformed`] or [`Code::TooLarge`].
    pub fn unpack(&self) -> Result<Vec<Entry>> {
        let mut bytes = Vec::new();
        DeflateDecoder::new(self.deflated.as_slice())
            .take(SEGMENT_BYTES_MAX as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| Error::new(Code::Malformed, format_args!("segment: {error}")))?;
        if bytes.len() > SEGMENT_BYTES_MAX {
            return Err(Error::new(Code::TooLarge, "segment"));
        }
        cbor::decode(&bytes, "segment")
    }
}

/// The answer to a request that was carried out.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Synced {
    /// An outcome for each envelope, in the order of the request; fewer if the batch stopped.
    #[n(0)]
    pub outcomes: Vec<Outcome>,
    /// Why the batch stopped, if it did for another reason than a held envelope.
    #[n(1)]
    pub stopped: Option<Stopped>,
    /// Entries after the request's cursor.
    #[n(2)]
    pub segments: Vec<Segment>,
    /// Entries of the ranges asked for.
    #[n(3)]
    pub backfilled: Vec<Entry>,
    /// Where the device stands after these entries.
    #[n(4)]
    pub cursor: Cursor,
    /// Whether there is more to read.
    #[n(5)]
    pub more: bool,
    /// The log's head ([`LogHead`]), signed by the online key.
    #[n(6)]
    pub head: Signed,
    /// Opens papers and pokes for the time of a read token.
    #[cbor(n(7), with = "minicbor::bytes")]
    pub read_token: Vec<u8>,
    /// The office's clock.
    #[n(8)]
    pub now: Timestamp,
    /// All entries up to this number are in a backup.
    #[n(9)]
    pub backed_up: u64,
    /// The office's online key with the root's signature, if the device knows another one.
    #[n(10)]
    pub online: Option<Signed>,
    /// How the root came to follow its predecessors, the oldest first; beside `online`.
    #[cbor(n(11), default)]
    pub successions: Vec<SignedSuccession>,
    /// The newest order to this device, if it is a release.
    #[n(12)]
    pub order: Option<SignedOrder>,
    /// For each range asked for that may be read: up to which `feed_seq` it is answered. What of it is
    /// not among `backfilled` is not there.
    #[cbor(n(13), default)]
    pub backfilled_to: Vec<(Feed, u64)>,
    /// Ranges of feeds up to the new cursor that are left out: a snapshot that follows them holds what
    /// they say. At most [`COVERED_ENTRIES_MAX`](crate::limits::COVERED_ENTRIES_MAX) entries.
    #[cbor(n(14), default)]
    pub covered: Vec<Backfill>,
    /// Where the office has the device's own chain after this request.
    #[n(20)]
    pub own: Option<OwnChain>,
    /// Where the device goes on, if its cursor is of an earlier epoch of the log or does not hold.
    #[n(21)]
    pub resumed: Option<Resumed>,
}

/// The answer to a sync request.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Reply {
    /// It was carried out.
    #[n(0)]
    Synced(#[n(0)] Box<Synced>),
    /// The counter was too low; nothing was done. Ask again with a higher one.
    #[n(1)]
    CounterTooLow {
        /// The highest counter that the office has seen.
        #[n(0)]
        counter: u64,
    },
    /// The cursor is not of this log as the office has it.
    #[n(2)]
    LogChanged {
        /// The log's epoch.
        #[n(0)]
        epoch: u32,
    },
}

/// What an office answers when it does not carry a request out; with an HTTP status from 400.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Refusal {
    /// The name of the [`Code`].
    #[n(0)]
    pub code: String,
    /// The values that belong to it.
    #[n(1)]
    pub detail: String,
    /// The order that goes with it, to a device that is locked or to be wiped.
    #[n(2)]
    pub order: Option<SignedOrder>,
}

impl Refusal {
    /// Returns the error as the device knows it. A code of a later version becomes [`Code::NewerProtocol`].
    pub fn into_error(self) -> Error {
        match Code::ALL.iter().find(|code| code.name() == self.code) {
            Some(&code) => Error::new(code, self.detail),
            None => Error::new(Code::NewerProtocol, self.code),
        }
    }
}

impl Reply {
    /// Reads a reply within its limits.
    ///
    /// # Errors
    /// [`Code::TooLarge`] or [`Code::Malformed`].
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        if bytes.len() > REPLY_BYTES_MAX {
            return Err(Error::new(
                Code::TooLarge,
                format_args!("reply of {} bytes", bytes.len()),
            ));
        }
        cbor::decode(bytes, "reply")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{ids::MeetingId, trust::keys::SoftwareKey};

    fn head() -> RequestHead {
        let alice = SoftwareKey::from_seed(&[1; 32]).public_key();
        RequestHead {
            version: VERSION,
            log: LogId::from_bytes([1; 16]),
            office: DeviceId::from_bytes([2; 16]),
            device: alice.device(),
            epoch: 1,
            counter: 7,
            cursor: None,
            body: Hash::ZERO,
        }
    }

    #[test]
    fn a_request_is_read_back_and_verifies() {
        let alice = SoftwareKey::from_seed(&[1; 32]);
        let body = RequestBody {
            envelopes: vec![vec![1, 2, 3].into()],
            ..RequestBody::default()
        };
        let bytes = Request::encode(head(), &body, &alice).unwrap();
        let request = Request::decode(&bytes).unwrap();
        assert_eq!(request.body, body);
        assert!(request.verify(&alice.public_key()));
        assert!(!request.verify(&SoftwareKey::from_seed(&[2; 32]).public_key()));
    }

    #[test]
    fn too_many_envelopes_and_too_many_bytes_are_refused() {
        let alice = SoftwareKey::from_seed(&[1; 32]);
        let envelopes = vec![ByteVec::from(vec![0]); REQUEST_ENVELOPES_MAX + 1];
        let bytes = Request::encode(
            head(),
            &RequestBody {
                envelopes,
                ..RequestBody::default()
            },
            &alice,
        )
        .unwrap();
        assert_eq!(Request::decode(&bytes).unwrap_err().code(), Code::TooLarge);
        assert_eq!(
            Request::decode(&vec![0; REQUEST_BYTES_MAX + 1])
                .unwrap_err()
                .code(),
            Code::TooLarge
        );
    }

    #[test]
    fn a_segment_that_unpacks_to_more_than_the_limit_is_refused() {
        let audience = Audience::Meeting(MeetingId::from_bytes([1; 16]));
        let entry = Entry {
            seq: 1,
            feed_seq: 1,
            received_at: Timestamp::from_unix_ms(1),
            envelope: vec![0; SEGMENT_BYTES_MAX + 1],
        };
        let segment = Segment::pack(audience, 0, 1, &[entry]);
        assert!(segment.deflated.len() < 10_000);
        assert_eq!(segment.unpack().unwrap_err().code(), Code::TooLarge);
    }

    #[test]
    fn an_unknown_refusal_asks_for_an_update() {
        let refusal = Refusal {
            code: "not_of_this_version".into(),
            detail: String::new(),
            order: None,
        };
        assert_eq!(refusal.into_error().code(), Code::NewerProtocol);
        let refusal = Refusal {
            code: "device_refused".into(),
            detail: "locked".into(),
            order: None,
        };
        assert_eq!(refusal.into_error().code(), Code::DeviceRefused);
    }

    proptest! {
        #[test]
        fn no_bytes_make_a_decoder_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Request::decode(&bytes);
            let _ = Reply::decode(&bytes);
            let _ = cbor::decode::<Segment>(&bytes, "segment").and_then(|segment| segment.unpack());
        }
    }
}
