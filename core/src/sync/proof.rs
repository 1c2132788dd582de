//! Which version of a programme a device has read, to be shown to anybody who has the fingerprint of
//! the office's root key: original bytes, checked without an office.

use minicbor::{Decode, Encode, bytes::ByteVec};
use serde_json::Value;

use crate::{
    cbor,
    error::{Code, Error, Result},
    ids::{Hash, Kind, LogId, MeetingId, domain},
    limits::OFFICE_PAYLOAD_BYTES_MAX,
    meeting::{content_hash, publication::Part},
    sync::{envelope::Envelope, publication::Publishers},
    trust::{
        enrol::Signed,
        keys::PublicKey,
        office::{OnlineKey, SignedSuccession},
        office_keys::OfficeKeys,
    },
};

/// The version of the form that this code writes.
const VERSION: u8 = 1;
/// Parts that a proof may have: the open programme and the circles of one person.
const PARTS_MAX: usize = 256;

/// What a device shows.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Proof {
    #[n(0)]
    version: u8,
    #[n(1)]
    root: PublicKey,
    #[n(2)]
    online: Signed,
    #[n(3)]
    successions: Vec<SignedSuccession>,
    #[n(4)]
    parts: Vec<ProofPart>,
}

/// A part of the programme with all that its signatures are checked with.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ProofPart {
    /// The statement of the online key that wrote the envelope.
    #[n(0)]
    pub online: Signed,
    /// The envelope of the publication's record, as it was received.
    #[n(1)]
    pub envelope: ByteVec,
    /// The content as canonical JSON (RFC 8785).
    #[n(2)]
    pub content: String,
}

/// What a proof shows once it was checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Proven {
    /// The log in which it was published.
    pub log: LogId,
    /// The meeting.
    pub meeting: MeetingId,
    /// What was published, and by whom.
    pub part: Part,
    /// The programme as it was published.
    pub programme: Value,
}

impl Proof {
    /// Puts a proof together.
    pub fn new(office: &OfficeKeys, parts: Vec<ProofPart>) -> Self {
        Self {
            version: VERSION,
            root: office.root().clone(),
            online: office.newest_signed().clone(),
            successions: office.successions().to_vec(),
            parts,
        }
    }

    /// Returns the bytes of a proof's file.
    pub fn encode(&self) -> Vec<u8> {
        cbor::encode(self)
    }

    /// Reads what [`Proof::encode`] wrote.
    ///
    /// # Errors
    /// [`Code::Malformed`], [`Code::TooLarge`], [`Code::NewerProtocol`].
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        if bytes.len() > PARTS_MAX * 4 * OFFICE_PAYLOAD_BYTES_MAX {
            return Err(Error::new(Code::TooLarge, "proof"));
        }
        let proof: Self = cbor::decode(bytes, "proof")?;
        if proof.version != VERSION {
            return Err(Error::new(Code::NewerProtocol, "proof"));
        }
        if proof.parts.len() > PARTS_MAX {
            return Err(Error::new(Code::TooLarge, "proof"));
        }
        Ok(proof)
    }

    /// Checks every signature from the root with the fingerprint `root`, which is
    /// today's or one that it follows, down to the content, and
    /// returns what was published.
    ///
    /// # Errors
    /// [`Code::OfficeCertificate`] if the keys are not that root's; [`Code::PublicationUnsigned`] or
    /// [`Code::Malformed`] if a record or its content does not hold.
    pub fn check(&self, root: &Hash) -> Result<Vec<Proven>> {
        let office = OfficeKeys::begin(root, &self.root, &self.online, &self.successions)?;
        let parts = self.parts.iter();
        parts.map(|part| part.check(&office)).collect()
    }
}

impl ProofPart {
    fn check(&self, office: &OfficeKeys) -> Result<Proven> {
        let wrong = |what: &str| Error::new(Code::Malformed, format_args!("proof: {what}"));
        let online: OnlineKey = office.by_a_root(domain::ONLINE_KEY, &self.online)?;
        let envelope = Envelope::decode(&self.envelope)?;
        let header = envelope.header();
        if header.kind != Kind::Publication || header.log != online.log {
            return Err(wrong("an envelope of another kind or log"));
        }
        if !envelope.verify(&online.key) {
            return Err(wrong("the envelope's signature does not hold"));
        }
        let publishers = Publishers {
            log: online.log,
            roots: office.roots(),
            server: online.publishes,
            withdrawn: &online.withdrawn,
        };
        let (publication, by) = publishers.check(envelope.payload(), header.feed)?;
        let programme: Value = serde_json::from_str(&self.content)
            .map_err(|error| wrong(&format!("content: {error}")))?;
        if content_hash(&programme) != publication.content {
            return Err(wrong("the content is not the one published"));
        }
        Ok(Proven {
            log: online.log,
            meeting: publication.meeting,
            part: Part::of(&publication, by),
            programme,
        })
    }
}
