//! Deterministic CBOR (RFC 8949, section 4.2): what is written has one form only, and what is read
//! must have that form, so that equal things always have equal hashes.

use minicbor::{Decode, Encode};

use crate::error::{Code, Error, Result};

/// Encodes a value. Types here write integers in their shortest form, definite lengths, and
/// integer keys in ascending order.
pub fn encode<T: Encode<()>>(value: &T) -> Vec<u8> {
    let Ok(bytes) = minicbor::to_vec(value) else {
        unreachable!("writing to memory does not fail");
    };
    bytes
}

/// Decodes a value that fills `bytes` exactly. Unknown keys of maps are skipped.
///
/// # Errors
/// [`Code::Malformed`] with `what` was to be read.
pub fn decode<'b, T: Decode<'b, ()>>(bytes: &'b [u8], what: &str) -> Result<T> {
    let mut decoder = minicbor::Decoder::new(bytes);
    let value = decoder
        .decode()
        .map_err(|error| Error::new(Code::Malformed, format_args!("{what}: {error}")))?;
    if decoder.position() != bytes.len() {
        return Err(Error::new(
            Code::Malformed,
            format_args!("{what}: bytes after its end"),
        ));
    }
    Ok(value)
}

/// Decodes what [`encode`] wrote and refuses any other form of the same value.
///
/// # Errors
/// [`Code::Malformed`] with `what` was to be read.
pub fn decode_canonical<'b, T: Decode<'b, ()> + Encode<()>>(
    bytes: &'b [u8],
    what: &str,
) -> Result<T> {
    let value = decode(bytes, what)?;
    if encode(&value) != bytes {
        return Err(Error::new(
            Code::Malformed,
            format_args!("{what}: not in its one form"),
        ));
    }
    Ok(value)
}
