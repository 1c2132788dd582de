//! Who wrote an entry of the log: the office with the key that was its own there, or a device.

use crate::{
    error::{Code, Error, Result},
    ids::{Feed, Kind},
    sync::envelope::Envelope,
    trust::{
        keys::PublicKey,
        office_keys::{OfficeKeyEntry, OfficeKeys},
    },
};

/// Takes up an entry of [`Kind::OfficeKey`]. Any other entry changes nothing. Entries come in the
/// order of the log.
///
/// # Errors
/// [`Code::OfficeCertificate`] if the office that `keys` belong to may not have written it.
pub fn take_office_key(keys: &mut OfficeKeys, seq: u64, envelope: &Envelope) -> Result<()> {
    let header = envelope.header();
    if header.kind != Kind::OfficeKey {
        return Ok(());
    }
    let wrong = |what: &str| Error::new(Code::OfficeCertificate, what);
    if header.feed != Feed::Body(keys.log()) || header.log != keys.log() {
        return Err(wrong("an online key in another feed"));
    }
    let entry: OfficeKeyEntry = crate::cbor::decode(envelope.payload(), "office key")
        .map_err(|error| wrong(error.detail()))?;
    keys.name(seq, &entry, |key| envelope.verify(key))
}

/// Returns the office's key at entry `seq`, if that entry is the office's own.
///
/// # Errors
/// [`Code::OfficeCertificate`] if it is by a key that was the office's at another time only.
pub fn office_author<'k>(
    keys: &'k OfficeKeys,
    seq: u64,
    envelope: &Envelope,
) -> Result<Option<&'k PublicKey>> {
    let author = envelope.header().device;
    match keys.at(seq) {
        Some(online) if online.key.device() == author => Ok(Some(&online.key)),
        _ if keys.is_office(author) => Err(Error::new(
            Code::OfficeCertificate,
            "by an online key that is not the office's there",
        )),
        _ => Ok(None),
    }
}
