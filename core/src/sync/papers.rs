//! Papers' files that an office has lost in a restore and that devices hand back, piece by piece.
//!
//! The office is asked which it lacks of those that the asker may read, and takes each by its hash: a
//! file that is not the one that its name says is thrown away when its last piece has come.

use minicbor::{Decode, Encode};

use crate::{error::Result, ids::Hash};

/// What the office lacks, in answer to `GET /v1/papers`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub struct PapersMissing {
    /// Files that publications name which the asker reads.
    #[n(0)]
    pub files: Vec<Hash>,
}

/// How far a file has come, in answer to a piece of it: `POST /v1/papers/{hash}?at=…&of=…`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct PieceTaken {
    /// Bytes that the office has; all of them once the file is in its place.
    #[n(0)]
    pub have: u64,
}

impl PapersMissing {
    /// Reads an answer.
    ///
    /// # Errors
    /// [`Code::Malformed`](crate::Code::Malformed).
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        crate::cbor::decode(bytes, "missing papers")
    }
}

impl PieceTaken {
    /// Reads an answer.
    ///
    /// # Errors
    /// [`Code::Malformed`](crate::Code::Malformed).
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        crate::cbor::decode(bytes, "piece")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_answer_comes_back_as_it_was() {
        let missing = PapersMissing {
            files: vec![Hash::ZERO, Hash::of_content(b"paper")],
        };
        let taken = PieceTaken { have: 7 };
        let (one, two) = (crate::cbor::encode(&missing), crate::cbor::encode(&taken));
        assert_eq!(PapersMissing::decode(&one).unwrap(), missing);
        assert_eq!(PieceTaken::decode(&two).unwrap(), taken);
    }

    proptest! {
        #[test]
        fn no_bytes_make_a_decoder_panic(bytes: Vec<u8>) {
            let _ = (PapersMissing::decode(&bytes), PieceTaken::decode(&bytes));
        }
    }
}
