//! What the key stores of phones give, brought into the one form that travels: P-256 keys as 33
//! bytes of SEC1, signatures as raw `r || s` with low `s`.
//!
//! Of every ECDSA signature there is a second one that holds as well, with `n - s` for `s`. Only the
//! lower of the two is taken, so that nobody can make another envelope of one that was signed.

use p256::ecdsa::{Signature, VerifyingKey, signature::Verifier};

use super::keys::{Algorithm, PublicKey};
use crate::error::{Code, Error, Result};

/// Bytes of a compressed point: the only form of a key that counts.
const KEY_BYTES: usize = 33;
/// What stands before the 65 bytes of an uncompressed point in a SubjectPublicKeyInfo of P-256
/// (RFC 5480), as Android's Keystore gives it.
const SPKI_P256: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// Makes a public key of what a key store gives: a point in SEC1, compressed or not (Secure Enclave:
/// X9.63), or a SubjectPublicKeyInfo in DER (Android).
///
/// # Errors
/// [`Code::Malformed`] for anything else, and for what is no point of the curve.
pub fn public_key(given: &[u8]) -> Result<PublicKey> {
    let point = given.strip_prefix(&SPKI_P256).unwrap_or(given);
    let key = VerifyingKey::from_sec1_bytes(point)
        .map_err(|_| Error::new(Code::Malformed, "not a key of P-256"))?;
    let bytes = key.to_sec1_point(true).as_bytes().to_vec();
    Ok(PublicKey::of_bytes(Algorithm::P256, bytes))
}

/// Makes the signature that travels of what a key store gives: DER (X9.62) or raw, with any `s`.
///
/// # Errors
/// [`Code::Malformed`] for what is no signature.
pub fn signature(given: &[u8]) -> Result<Vec<u8>> {
    let signature = match given.len() {
        64 => Signature::from_slice(given),
        _ => Signature::from_der(given),
    };
    let signature =
        signature.map_err(|_| Error::new(Code::Malformed, "not a signature of P-256"))?;
    Ok(signature.normalize_s().to_bytes().to_vec())
}

/// Says whether the raw, low `signature` over SHA-256 of `message` is by `key`.
pub(super) fn verify(key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let verified = || {
        if key.len() != KEY_BYTES {
            return None;
        }
        let key = VerifyingKey::from_sec1_bytes(key).ok()?;
        let signature = Signature::from_slice(signature).ok()?;
        if signature.normalize_s() != signature {
            return None;
        }
        key.verify(message, &signature).ok()
    };
    verified().is_some()
}

#[cfg(test)]
mod tests {
    use p256::ecdsa::{SigningKey, signature::Signer};
    use proptest::prelude::*;

    use super::*;

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_slice(&[seed; 32]).unwrap()
    }

    fn high(low: &Signature) -> Signature {
        let (r, s) = low.normalize_s().split_scalars();
        Signature::from_scalars(r, -*s).unwrap()
    }

    #[test]
    fn a_key_is_the_same_in_every_form_in_which_key_stores_give_it() {
        let verifying = *key(1).verifying_key();
        let compressed = verifying.to_sec1_point(true);
        let uncompressed = verifying.to_sec1_point(false);
        let spki = [&SPKI_P256, uncompressed.as_bytes()].concat();

        let taken = public_key(compressed.as_bytes()).unwrap();

        assert_eq!(taken.as_bytes().len(), KEY_BYTES);
        assert_eq!(public_key(uncompressed.as_bytes()).unwrap(), taken);
        assert_eq!(public_key(&spki).unwrap(), taken);
        for wrong in [&[][..], &[2; 32], &[4; 65], &spki[1..]] {
            assert_eq!(public_key(wrong).unwrap_err().code(), Code::Malformed);
        }
    }

    #[test]
    fn a_signature_holds_in_its_low_form_alone_and_every_form_becomes_it() {
        let signing = key(1);
        let public = public_key(signing.verifying_key().to_sec1_point(true).as_bytes()).unwrap();
        let made: Signature = signing.sign(b"domain/message");
        let (low, high) = (made.normalize_s(), high(&made));
        let verify = |bytes: &[u8]| public.verify(b"domain/", b"message", bytes);

        assert!(verify(&low.to_bytes()));
        assert!(!verify(&high.to_bytes()), "a high s");
        assert!(!verify(low.to_der().as_bytes()), "DER");
        for given in [
            low.to_bytes().to_vec(),
            high.to_bytes().to_vec(),
            low.to_der().as_bytes().to_vec(),
            high.to_der().as_bytes().to_vec(),
        ] {
            assert_eq!(signature(&given).unwrap(), low.to_bytes().to_vec());
        }
        assert!(!public.verify(b"domain/", b"massage", &low.to_bytes()));
        assert!(!public.verify(b"Domain/", b"message", &low.to_bytes()));
        let other = public_key(key(2).verifying_key().to_sec1_point(true).as_bytes()).unwrap();
        assert!(!other.verify(b"domain/", b"message", &low.to_bytes()));
    }

    #[test]
    fn an_uncompressed_key_verifies_nothing() {
        let signing = key(1);
        let made: Signature = signing.sign(b"message");
        let long = signing.verifying_key().to_sec1_point(false);
        let key = PublicKey::of_bytes(Algorithm::P256, long.as_bytes().to_vec());
        assert!(!key.verify(b"", b"message", &made.normalize_s().to_bytes()));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = public_key(&bytes);
            let _ = signature(&bytes);
            verify(&bytes, b"message", &bytes);
        }
    }
}
