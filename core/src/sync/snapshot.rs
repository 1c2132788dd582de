//! What a snapshot of a document holds: its whole history in one compact piece.
//!
//! It is a serving cache. The office serves it in place of the changes that it covers; whoever cannot
//! use it asks for those and has lost nothing.

use minicbor::{Decode, Encode};

use crate::{
    cbor,
    error::{Code, Error, Result},
    sync::envelope::{Covers, Envelope},
};

/// The payload of a snapshot, before it is sealed.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Snapshot {
    /// What is in it; the header says the same.
    #[n(0)]
    pub covers: Covers,
    /// The document as [`crate::document::Document::save`] writes it.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub saved: Vec<u8>,
}

impl Snapshot {
    /// Reads the opened payload of `envelope`.
    ///
    /// # Errors
    /// [`Code::Malformed`] if it is none, or covers something else than the header says.
    pub fn decode(envelope: &Envelope, payload: &[u8]) -> Result<Self> {
        let snapshot: Self = cbor::decode(payload, "snapshot")?;
        if Some(snapshot.covers) != envelope.header().covers {
            return Err(Error::new(
                Code::Malformed,
                "a snapshot that covers something else than its header says",
            ));
        }
        Ok(snapshot)
    }
}
