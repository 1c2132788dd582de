//! Backups, epochs, and what a restored office is given back.
//!
//! A backup has all entries of the log up to a number; an entry of the log says so. An office that was
//! restored from one begins a new epoch, also if it notices only by the cursor of a device that has
//! read further: a device of an earlier epoch goes on at the entry that the new one names, keeps what
//! it has read above that, and offers it back. The office writes what it takes back into the log as
//! envelopes of its own, each with one original in it ([`ReturnedEntry`]): its signature says that the
//! original stands there, and whose the original is its own signature says.

use std::str::FromStr;

use minicbor::{Decode, Encode, bytes::ByteVec};

use crate::{
    error::{Code, Error, Result},
    ids::{Feed, Hash, Kind, domain},
    sync::envelope::Envelope,
    trust::{enrol::Signed, keys::PublicKey, office::OnlineKey, office_keys::OfficeKeys},
};

/// The payload of an entry of [`Kind::Epoch`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct EpochEntry {
    /// The epoch that begins.
    #[n(0)]
    pub epoch: u32,
    /// The entry after which it begins. A cursor of an earlier epoch that lies above it, or does not
    /// hold, goes on there; 0 if nobody knows where the log was cut.
    #[n(1)]
    pub begins: u64,
    /// The log's chain at that entry.
    #[n(2)]
    pub chain: Option<Hash>,
}

/// The payload of an entry of [`Kind::Backup`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct BackupEntry {
    /// All entries up to this one are in the backup.
    #[n(0)]
    pub covers: u64,
    /// The log's chain at that entry.
    #[n(1)]
    pub chain: Hash,
    /// SHA-256 of the backup's manifest, which names the hash of each of its files.
    #[n(2)]
    pub manifest: Hash,
}

/// The payload of an entry of [`Kind::Returned`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ReturnedEntry {
    /// The original, as it once stood in the log. It is of the same feed.
    #[n(0)]
    pub envelope: ByteVec,
    /// The [`OnlineKey`] that signed it, signed by the root, if it is the office's and the log does not
    /// name that key any more.
    #[n(1)]
    pub online: Option<Signed>,
}

impl ReturnedEntry {
    /// Returns the original in an envelope of [`Kind::Returned`], whose own signature was checked.
    ///
    /// # Errors
    /// [`Code::Malformed`] if it is none, or of another feed or log.
    pub fn open(outer: &Envelope) -> Result<(Self, Envelope)> {
        let returned: Self = crate::cbor::decode(outer.payload(), "returned entry")?;
        let inner = Envelope::decode(&returned.envelope)?;
        let (at, of) = (outer.header(), inner.header());
        if at.feed != of.feed || at.log != of.log || of.kind == Kind::Returned {
            return Err(Error::new(Code::Malformed, "returned: of another feed"));
        }
        Ok((returned, inner))
    }

    /// Returns the key of the office that signed `inner`, if it is the office's.
    ///
    /// # Errors
    /// [`Code::OfficeCertificate`] if `online` is by no root of the office.
    pub fn office_key(&self, inner: &Envelope, office: &OfficeKeys) -> Result<Option<PublicKey>> {
        let author = inner.header().device;
        if let Some(online) = &self.online {
            let online: OnlineKey = office.by_a_root(domain::ONLINE_KEY, online)?;
            if online.key.device() == author && online.log == office.log() {
                return Ok(Some(online.key));
            }
        }
        Ok(office.key_of(author))
    }
}

/// What a device offers to an office that may have lost it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Default)]
#[cbor(map)]
pub struct Offering {
    /// Originals that stood in the log, in its order.
    #[n(0)]
    pub envelopes: Vec<ByteVec>,
    /// The root's statements about online keys that have signed them.
    #[n(1)]
    pub online: Vec<Signed>,
    /// Whether the device has nothing else of before this epoch.
    #[n(2)]
    pub all: bool,
    /// For each original, the number of the first envelope of the device's own chain that stood behind
    /// it: what depends on another comes after it again. [`u64::MAX`] if none did.
    #[cbor(n(3), default)]
    pub places: Vec<u64>,
}

/// Who a device is, for an office that has forgotten it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Introduction {
    /// The device's certificate, signed by an online key.
    #[n(0)]
    pub certificate: Signed,
    /// The root's statements about the online keys that the device knows.
    #[n(1)]
    pub online: Vec<Signed>,
    /// The name of the owner, as the office gave it.
    #[n(2)]
    pub person_name: String,
}

/// Where a device of an earlier epoch goes on.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Resumed {
    /// The epoch of the log.
    #[n(0)]
    pub epoch: u32,
    /// The reply's entries are those after this one. What the device holds of entries above it was
    /// lost.
    #[n(1)]
    pub from: u64,
    /// How far the feeds that the device reads went at that entry, each by its newest `feed_seq`.
    #[n(2)]
    pub feeds: Vec<(Feed, u64)>,
    /// The newest envelope of the device's chain that the office has.
    #[n(3)]
    pub device_seq: u64,
    /// The log's chain at that entry. A device that has read another one there, or does not know, goes on
    /// at the beginning.
    #[n(4)]
    pub chain: Option<Hash>,
}

/// The highest epoch that numbers are made for.
const EPOCHS_MAX: u32 = 1_000_000;
/// Numbers of one series in one epoch: more than a meeting ever has.
const NUMBERS_OF_EPOCH: u64 = 1_000_000;

/// A number of a series as the office gives it: of an epoch, so that a restored office gives none
/// twice. They sort as they were given. In the first epoch they count from 1 as people do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SerialNumber(u64);

impl SerialNumber {
    /// Reads a number as it travels.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// Returns the number as it travels.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Returns the number after `newest` in `epoch`; the first of that epoch if `newest` is of an
    /// earlier one, or 0.
    pub fn after(newest: u64, epoch: u32) -> u64 {
        let epochs = u64::from(epoch.clamp(1, EPOCHS_MAX) - 1);
        newest.max(epochs * NUMBERS_OF_EPOCH) + 1
    }

    /// Returns the epoch in which it was given.
    pub const fn epoch(self) -> u64 {
        self.0.saturating_sub(1) / NUMBERS_OF_EPOCH + 1
    }

    /// Returns its place in the epoch's series, from 1; 0 if there is no number.
    pub const fn in_epoch(self) -> u64 {
        if self.0 == 0 {
            return 0;
        }
        (self.0 - 1) % NUMBERS_OF_EPOCH + 1
    }
}

impl std::fmt::Display for SerialNumber {
    /// As people read it: `7` in the first epoch, `2-7` in the second.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.epoch() {
            1 => write!(f, "{}", self.in_epoch()),
            epoch => write!(f, "{epoch}-{}", self.in_epoch()),
        }
    }
}

/// A text that is no number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("number {0:?}; expected one as it is printed: \"7\" or \"2-7\"")]
pub struct NumberError(String);

impl FromStr for SerialNumber {
    type Err = NumberError;

    /// Reads what is printed.
    fn from_str(text: &str) -> std::result::Result<Self, NumberError> {
        let digits = |text: &str| {
            let all = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            all.then(|| text.parse::<u64>().ok()).flatten()
        };
        let read = || {
            let (epoch, place) = match text.split_once('-') {
                Some((epoch, place)) => (digits(epoch)?, digits(place)?),
                None => (1, digits(text)?),
            };
            let known = (1..=u64::from(EPOCHS_MAX)).contains(&epoch);
            let fits = (1..=NUMBERS_OF_EPOCH).contains(&place);
            (known && fits).then(|| Self((epoch - 1) * NUMBERS_OF_EPOCH + place))
        };
        read().ok_or_else(|| NumberError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        ids::{DocumentId, LogId, PersonId},
        sync::envelope::{Chain, Subject},
        time::Timestamp,
        trust::keys::{DeviceSigner, SoftwareKey},
    };

    fn envelope(feed: Feed, kind: Kind, payload: Vec<u8>) -> Envelope {
        let key = SoftwareKey::from_seed(&[1; 32]);
        let mut chain = Chain::start(key.public_key().device(), 1);
        let subject = Subject {
            log: LogId::from_bytes([1; 16]),
            feed,
            document: DocumentId::from_bytes([2; 16]),
            kind,
            generation: 0,
            sealed: None,
            covers: None,
        };
        let at = Timestamp::from_unix_ms(1);
        Envelope::sign(&mut chain, subject, payload, at, &key).unwrap()
    }

    #[test]
    fn an_original_is_read_back_and_stands_in_its_own_feed_alone() {
        let (one, two) = (
            Feed::Outbox(PersonId::from_bytes([3; 16])),
            Feed::Outbox(PersonId::from_bytes([4; 16])),
        );
        let original = envelope(one, Kind::Act, vec![1, 2, 3]);
        let returned = |inner: &Envelope| {
            crate::cbor::encode(&ReturnedEntry {
                envelope: inner.encode().into(),
                online: None,
            })
        };
        let outer = envelope(one, Kind::Returned, returned(&original));
        assert_eq!(ReturnedEntry::open(&outer).unwrap().1, original);
        for wrong in [
            envelope(two, Kind::Returned, returned(&original)),
            envelope(one, Kind::Returned, returned(&outer)),
        ] {
            let error = ReturnedEntry::open(&wrong).unwrap_err();
            assert_eq!(error.code(), Code::Malformed);
        }
    }

    #[test]
    fn numbers_of_later_epochs_come_after_and_say_which() {
        assert_eq!(SerialNumber::after(0, 1), 1);
        assert_eq!(SerialNumber::after(7, 1), 8);
        let first = SerialNumber::after(8, 2);
        assert!(first > 8);
        assert_eq!(SerialNumber::after(first, 2), first + 1);
        assert_eq!(SerialNumber::new(8).to_string(), "8");
        assert_eq!(SerialNumber::new(first).to_string(), "2-1");
        assert_eq!(SerialNumber::new(first + 41).to_string(), "2-42");
    }

    #[test]
    fn a_number_is_read_as_it_is_printed_and_nothing_else_is_one() {
        for number in [
            1,
            7,
            NUMBERS_OF_EPOCH,
            NUMBERS_OF_EPOCH + 1,
            5 * NUMBERS_OF_EPOCH,
        ] {
            let printed = SerialNumber::new(number).to_string();
            assert_eq!(printed.parse(), Ok(SerialNumber::new(number)), "{printed}");
        }
        for text in [
            "", "0", "-1", "2-", "0-1", "2-0", "+7", "1000001", "2-7-1", "vii", "7 ",
        ] {
            let read: std::result::Result<SerialNumber, _> = text.parse();
            assert!(read.is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_a_decoder_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let feed = Feed::Outbox(PersonId::from_bytes([3; 16]));
            let _ = ReturnedEntry::open(&envelope(feed, Kind::Returned, bytes.clone()));
            let _ = crate::cbor::decode::<Offering>(&bytes, "offering");
            let _ = crate::cbor::decode::<Introduction>(&bytes, "introduction");
            let _ = crate::cbor::decode::<Resumed>(&bytes, "resumed");
        }
    }
}
