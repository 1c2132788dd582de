//! Codes that people carry: the recovery code on paper, and the code that links a new device.

use std::{fmt, str::FromStr};

use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use minicbor::{Decode, Encode};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{
    chain::{RecoveryKeys, SignedStep},
    seal::{SealingSecret, expand},
};
use crate::{
    cbor,
    error::{Code, Error, Result},
    ids::{Hash, LogId, PersonId, domain},
    trust::keys::{DeviceSigner, PublicKey, SoftwareKey},
};

/// Letters of data in one group of a recovery code; a check letter follows them.
const GROUP_LETTERS: usize = 4;
/// Groups of a recovery code.
const GROUPS: usize = 7;

/// The code on paper that opens the vault when all devices are gone: 128 random bits.
///
/// Prints as seven groups of five letters (RFC 4648 base32). The last letter of each group checks
/// the group, and twelve bits at the end check the whole, so a mistake is named with its group while
/// the code is typed. Wiped when dropped, never printed by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct RecoveryCode(Zeroizing<[u8; 16]>);

impl RecoveryCode {
    /// Makes a code of 16 random bytes.
    pub fn new(bytes: [u8; 16]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Reads a code that was kept.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self::new)
    }

    /// Returns the code's bytes, for the device's own store until it is written down.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Returns the code as it is printed and written down.
    pub fn to_text(&self) -> Zeroizing<String> {
        let sum = Hash::of(domain::RECOVERY_CODE, &[self.0.as_slice()]);
        let mut bytes = Zeroizing::new(self.0.to_vec());
        bytes.extend(&sum.as_bytes()[..2]);
        let letters = Zeroizing::new(BASE32_NOPAD.encode(&bytes));
        let mut text = Zeroizing::new(String::with_capacity(48));
        for (index, group) in letters.as_bytes()[..GROUPS * GROUP_LETTERS]
            .chunks(GROUP_LETTERS)
            .enumerate()
        {
            if index > 0 {
                text.push('-');
            }
            text.extend(group.iter().map(|letter| char::from(*letter)));
            text.push(check_letter(index, group));
        }
        text
    }

    /// Returns the keys that follow from the code for an owner's vault.
    ///
    /// # Errors
    /// None that the caller can act on.
    pub fn keys(&self, log: LogId, owner: PersonId) -> Result<RecoverySecrets> {
        let owner = cbor::encode(&(log, owner));
        let sealing = expand(self.0.as_slice(), &[domain::RECOVERY_SEALING, &owner]);
        let signing = expand(self.0.as_slice(), &[domain::RECOVERY_SIGNING, &owner]);
        Ok(RecoverySecrets {
            sealing: SealingSecret::from_slice(sealing.as_slice())?,
            signing: SoftwareKey::from_seed(&signing),
        })
    }
}

impl FromStr for RecoveryCode {
    type Err = Error;

    /// Reads a code as it was typed: capitals, spaces and hyphens do not matter, and the digits 0, 1
    /// and 8, which no code has, are read as the letters that they look like.
    fn from_str(text: &str) -> Result<Self> {
        let wrong = |what: &dyn fmt::Display| Error::new(Code::RecoveryCodeWrong, what);
        let typed: Zeroizing<Vec<u8>> = Zeroizing::new(typed_letters(text));
        if typed.len() != GROUPS * (GROUP_LETTERS + 1) {
            return Err(wrong(&format_args!(
                "{}/{}",
                typed.len(),
                GROUPS * (GROUP_LETTERS + 1)
            )));
        }
        let mut letters = Zeroizing::new(Vec::with_capacity(32));
        for (index, group) in typed.chunks(GROUP_LETTERS + 1).enumerate() {
            let (data, check) = group.split_at(GROUP_LETTERS);
            if check != [check_letter(index, data) as u8] {
                return Err(wrong(&format_args!("{}/{GROUPS}", index + 1)));
            }
            letters.extend(data);
        }
        // 28 letters are 140 bits; one letter more makes 18 bytes, of which the last half is not used.
        letters.push(b'A');
        let bytes = Zeroizing::new(
            BASE32_NOPAD
                .decode(&letters)
                .map_err(|_| wrong(&"letters"))?,
        );
        let code = bytes
            .get(..16)
            .and_then(Self::from_slice)
            .ok_or_else(|| wrong(&"letters"))?;
        let sum = Hash::of(domain::RECOVERY_CODE, &[code.0.as_slice()]);
        let agrees = bytes[16] == sum.as_bytes()[0] && bytes[17] >> 4 == sum.as_bytes()[1] >> 4;
        if agrees { Ok(code) } else { Err(wrong(&"")) }
    }
}

impl fmt::Debug for RecoveryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryCode")
    }
}

fn typed_letters(text: &str) -> Vec<u8> {
    text.chars()
        .filter(|letter| letter.is_ascii_alphanumeric())
        .map(|letter| match letter.to_ascii_uppercase() {
            '0' => b'O',
            '1' => b'I',
            '8' => b'B',
            letter => u8::try_from(letter).unwrap_or(b'?'),
        })
        .collect()
}

/// The check letter stands for its place too, so that groups in another order are noticed.
fn check_letter(index: usize, group: &[u8]) -> char {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let index = u8::try_from(index).unwrap_or(u8::MAX);
    let hash = Hash::of(domain::RECOVERY_CODE, &[&[index], group]);
    char::from(LETTERS[usize::from(hash.as_bytes()[0] & 31)])
}

/// The secret halves of the recovery keys.
#[derive(Debug)]
pub struct RecoverySecrets {
    /// Opens what was wrapped for the code.
    pub sealing: SealingSecret,
    /// Signs steps in place of a device.
    pub signing: SoftwareKey,
}

impl RecoverySecrets {
    /// Returns the public halves, as the chain names them.
    pub fn public(&self) -> RecoveryKeys {
        RecoveryKeys {
            sealing: self.sealing.public(),
            signing: self.signing.public_key(),
        }
    }
}

/// The secret that a new device shows and an approved one scans or types: 128 random bits that never
/// pass the office. Prints as 26 letters. Wiped when dropped, never printed by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct LinkCode(Zeroizing<[u8; 16]>);

impl LinkCode {
    /// Makes a code of 16 random bytes.
    pub fn new(bytes: [u8; 16]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Reads a code that was kept.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self::new)
    }

    /// Returns the code's bytes, for the device's own store until it is approved.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Returns the code as it is shown, also in a QR code.
    pub fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(BASE32_NOPAD.encode(self.0.as_slice()))
    }

    fn mac(&self, purpose: &[u8], message: &[u8]) -> Hmac<Sha256> {
        let key = expand(self.0.as_slice(), &[purpose]);
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.as_slice()) else {
            unreachable!("HMAC takes keys of every length");
        };
        mac.update(message);
        mac
    }

    /// Authenticates the step that adds the device that showed this code. The step names the whole
    /// chain before it by hash.
    pub fn of_step(&self, step: &SignedStep) -> [u8; 32] {
        let mac = self.mac(domain::LINK_ADD, step.id().as_bytes());
        mac.finalize().into_bytes().into()
    }

    /// Says whether whoever knows this code has made the step.
    pub fn holds_for_step(&self, step: &SignedStep) -> bool {
        let mac = self.mac(domain::LINK_ADD, step.id().as_bytes());
        step.link()
            .is_some_and(|link| mac.verify_slice(link).is_ok())
    }
}

impl FromStr for LinkCode {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let letters = Zeroizing::new(typed_letters(text));
        BASE32_NOPAD
            .decode(&letters)
            .ok()
            .map(Zeroizing::new)
            .and_then(|bytes| Self::from_slice(&bytes))
            .ok_or_else(|| Code::LinkCodeWrong.into())
    }
}

impl fmt::Debug for LinkCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkCode")
    }
}

/// A new device asks for the vault: its keys, authenticated under the secret of its link code. It
/// changes nothing by itself.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Ask {
    /// The log.
    #[n(0)]
    pub log: LogId,
    /// Whose device it is.
    #[n(1)]
    pub owner: PersonId,
    /// Its key.
    #[n(2)]
    pub key: PublicKey,
    /// The key to which the vault is to be wrapped, X25519.
    #[cbor(n(3), with = "minicbor::bytes")]
    pub sealing: [u8; 32],
    #[cbor(n(4), with = "minicbor::bytes")]
    mac: [u8; 32],
}

impl Ask {
    /// Writes what a device asks.
    pub fn new(
        log: LogId,
        owner: PersonId,
        key: PublicKey,
        sealing: [u8; 32],
        code: &LinkCode,
    ) -> Self {
        let mut ask = Self {
            log,
            owner,
            key,
            sealing,
            mac: [0; 32],
        };
        ask.mac = code
            .mac(domain::LINK_ASK, &ask.message())
            .finalize()
            .into_bytes()
            .into();
        ask
    }

    /// Says whether the device that shows `code` has asked this.
    pub fn is_of(&self, code: &LinkCode) -> bool {
        code.mac(domain::LINK_ASK, &self.message())
            .verify_slice(&self.mac)
            .is_ok()
    }

    fn message(&self) -> Vec<u8> {
        cbor::encode(&(
            self.log,
            self.owner,
            &self.key,
            minicbor::bytes::ByteArray::from(self.sealing),
        ))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_recovery_code_is_read_as_it_was_typed() {
        let code = RecoveryCode::new([0x5a; 16]);
        let text = code.to_text();
        assert_eq!(text.len(), 41);
        for typed in [
            text.to_string(),
            text.to_lowercase(),
            text.replace('-', " "),
            text.replace('-', ""),
            text.replace('O', "0").replace('B', "8"),
        ] {
            assert!(typed.parse::<RecoveryCode>().unwrap() == code);
        }
    }

    #[test]
    fn a_mistake_is_named_with_its_group() {
        let text = RecoveryCode::new([3; 16]).to_text();
        let mut groups: Vec<&str> = text.split('-').collect();
        groups.swap(1, 4);
        let error = groups.join("-").parse::<RecoveryCode>().unwrap_err();
        assert_eq!(
            (error.code(), error.detail()),
            (Code::RecoveryCodeWrong, "2/7")
        );
        let error = text[..40].parse::<RecoveryCode>().unwrap_err();
        assert_eq!(
            (error.code(), error.detail()),
            (Code::RecoveryCodeWrong, "34/35")
        );
        assert!("".parse::<RecoveryCode>().is_err());
    }

    #[test]
    fn the_keys_of_a_code_belong_to_one_owner() {
        let code = RecoveryCode::new([3; 16]);
        let log = LogId::from_bytes([1; 16]);
        let keys = |owner| {
            code.keys(log, PersonId::from_bytes([owner; 16]))
                .unwrap()
                .public()
        };
        assert_eq!(keys(1), keys(1));
        assert_ne!(keys(1).sealing, keys(2).sealing);
        assert_ne!(keys(1).signing, keys(2).signing);
    }

    #[test]
    fn what_a_device_asks_holds_for_its_code_and_its_keys_alone() {
        let (code, key) = (LinkCode::new([1; 16]), SoftwareKey::from_seed(&[2; 32]));
        let (log, owner) = (LogId::from_bytes([1; 16]), PersonId::from_bytes([2; 16]));
        let ask = Ask::new(log, owner, key.public_key(), [3; 32], &code);
        assert!(ask.is_of(&code));
        assert!(!ask.is_of(&LinkCode::new([2; 16])));
        assert!(
            !Ask {
                sealing: [4; 32],
                ..ask.clone()
            }
            .is_of(&code)
        );
        let ghost = SoftwareKey::from_seed(&[9; 32]).public_key();
        assert!(!Ask { key: ghost, ..ask }.is_of(&code));
        assert_eq!(code.to_text().len(), 26);
        assert!(code.to_text().to_lowercase().parse::<LinkCode>().unwrap() == code);
        assert_eq!(
            "x".parse::<LinkCode>().unwrap_err().code(),
            Code::LinkCodeWrong
        );
    }

    #[test]
    fn no_code_is_printed() {
        let shown = format!(
            "{:?} {:?}",
            RecoveryCode::new([65; 16]),
            LinkCode::new([65; 16])
        );
        assert_eq!(shown, "RecoveryCode LinkCode");
    }

    proptest! {
        #[test]
        fn every_code_is_read_back_and_one_wrong_letter_is_noticed(
            bytes: [u8; 16], at in 0..41usize, letter in 0..32usize,
        ) {
            let code = RecoveryCode::new(bytes);
            let text = code.to_text();
            prop_assert!(text.parse::<RecoveryCode>().unwrap() == code);
            let mut typed = text.as_bytes().to_vec();
            let letter = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[letter];
            if typed[at] != b'-' && typed[at] != letter {
                typed[at] = letter;
                let typed = String::from_utf8(typed).unwrap();
                // A group's letter notices 31 of 32 mistakes, the end 4,095 of 4,096 of the rest.
                let noticed = typed.parse::<RecoveryCode>().is_err();
                prop_assert!(noticed);
            }
        }

        #[test]
        fn no_text_makes_a_code_panic(text in ".{0,60}") {
            let _ = text.parse::<RecoveryCode>();
            let _ = text.parse::<LinkCode>();
        }
    }
}
