//! Devices whose chain forks: a copied phone, and one that was put back from a copy.
//!
//! A device signs its envelopes as one chain. Two that follow the same predecessor were written by two
//! copies of one key. Whoever presents the second gets a new incarnation, a chain of its own, and the
//! old one is closed. That is enough for a phone that was put back: nobody speaks in the closed one
//! again. If somebody does, there are two, and the key is locked until both have enrolled anew.

use nghisu_core::{
    Code, Error, Result, cbor,
    ids::{DocumentId, Feed, Hash, Kind},
    sync::envelope::Chain,
    trust::{
        decide::DeviceStatus,
        incarnation::Incarnation,
        orders::{Order, OrderKind},
    },
};

use super::{
    admit::{Admitted, Offered},
    log::Appending,
};
use crate::db::{
    Tx,
    rows::{DeviceRow, IncarnationRow},
};

/// What a request is, by the incarnation in which it speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spoken {
    /// It may be carried out.
    Now,
    /// It asks for the grant that it has got already: the reply was lost.
    Again,
    /// Its incarnation is closed: there are two copies of the device.
    Copy,
}

/// Finds out in which incarnation a request speaks. One that this office has never granted was granted
/// before it was put back from a backup: it holds, and those below it are closed.
pub(super) fn spoken(
    tx: &Tx<'_>,
    device: &mut DeviceRow,
    said: u32,
    anew: Option<Hash>,
    batch: &[Offered],
) -> Result<Spoken> {
    let now = device.chain.incarnation;
    if said == 0 || said == now {
        return Ok(Spoken::Now);
    }
    if said > now {
        device.chain = Chain::start(device.id, said);
        return Ok(Spoken::Now);
    }
    let granted_for = tx
        .newest_incarnation(device.id)?
        .filter(|grant| grant.number == now)
        .map(|grant| grant.cause);
    let brought = granted_for.is_some_and(|cause| {
        anew == Some(cause) || batch.iter().any(|offered| offered.id() == Some(cause))
    });
    Ok(if brought { Spoken::Again } else { Spoken::Copy })
}

/// Closes a device's incarnation and lets it go on in another.
///
/// # Errors
/// [`Code::NotAllowed`] if there is none left.
pub(super) fn grant(log: &mut Appending<'_>, device: &mut DeviceRow, cause: Hash) -> Result<()> {
    let number = device.chain.incarnation.checked_add(1);
    let number = number.ok_or_else(|| Error::new(Code::NotAllowed, "incarnations"))?;
    device.chain = Chain::start(device.id, number);
    let row = IncarnationRow { number, cause };
    log.tx.add_incarnation(device.id, &row, log.now)?;
    tracing::warn!(device = %device.id, number, "a device goes on in another incarnation");
    tell(log, device, cause, false)
}

/// Answers for those of a batch that were settled before the envelope that forked.
pub(super) fn settled(tx: &Tx<'_>, device: &DeviceRow, batch: &[Offered]) -> Result<Admitted> {
    let mut admitted = Admitted::default();
    for offered in batch {
        let known = match offered.id() {
            Some(id) => tx.outcome(device.id, id)?,
            None => None,
        };
        let Some(outcome) = known else { break };
        admitted.outcomes.push(outcome);
    }
    Ok(admitted)
}

/// Locks the key of a device of which a closed incarnation has spoken.
pub(super) fn lock_copies(log: &mut Appending<'_>, device: &DeviceRow) -> Result<()> {
    let number = device.chain.incarnation;
    let cause = log.tx.newest_incarnation(device.id)?;
    let cause = cause.map_or(Hash::ZERO, |grant| grant.cause);
    log.tx.set_copied(device.id, number, log.now)?;
    tracing::warn!(device = %device.id, "two copies of a device have spoken: it is locked");
    tell(log, device, cause, true)?;
    let order = Order {
        log: log.office.log,
        device: device.id,
        kind: OrderKind::Lock,
        number: log
            .tx
            .newest_order(device.id)?
            .map_or(0, |newest| newest.number)
            + 1,
        at: log.now,
    };
    let document = DocumentId::from_bytes(*device.id.as_bytes());
    let feed = Feed::Person(device.person);
    log.write(feed, document, Kind::Order, cbor::encode(&order))?;
    log.tx.add_order(&order)?;
    log.tx.set_device_status(device.id, DeviceStatus::Locked)?;
    Ok(())
}

/// Tells the owner, and whoever checks the log.
fn tell(log: &mut Appending<'_>, device: &DeviceRow, cause: Hash, copied: bool) -> Result<()> {
    let entry = Incarnation {
        device: device.id,
        number: device.chain.incarnation,
        cause,
        at: log.now,
        copied,
    };
    let document = DocumentId::from_bytes(*device.id.as_bytes());
    let feed = Feed::Person(device.person);
    log.write(feed, document, Kind::Incarnation, cbor::encode(&entry))
        .map(drop)
}
