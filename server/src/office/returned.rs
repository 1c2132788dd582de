//! What devices bring back of what a restored office has lost.
//!
//! Originals are checked as they were when they came first: an envelope of the office by one of its
//! online keys, one of a device by its certificate, and only by its owner. What is taken stands in the
//! log again, inside of an envelope of the office, and what follows from it holds at once.

use std::{
    collections::{BTreeMap, VecDeque},
    iter::repeat,
};

use nghisu_core::{
    Result, cbor,
    ids::{DeviceId, Feed, Kind, domain},
    limits::OFFICE_PAYLOAD_BYTES_MAX,
    meeting::act::ReceiptBatch,
    sync::{
        envelope::Envelope,
        healing::{Offering, ReturnedEntry},
    },
    trust::{
        decide::{Actor, DeviceStatus},
        enrol::{Certificate, Signed},
        keys::{DeviceSigner, PublicKey},
        membership::{Grant, Withdrawal},
        office::OnlineKey,
        office_keys::OfficeKeyEntry,
        orders::{Order, OrderKind, Revocation},
    },
};

use super::{
    admit::{Judged, judge_act, note_given, receive},
    body,
    ceremony::office_keys,
    healing::{add_known_device, give_numbers},
    log::{Appending, Place},
    publish::{Back, change_back, publication_back},
    receipts, records,
    rights::give_or_take,
    vault,
};
use crate::db::{Tx, rows::Person};

/// The office's online keys, each with the root's statement, if the log does not name it any more.
type OnlineKeys = BTreeMap<DeviceId, (PublicKey, Option<Signed>)>;

/// What a device offers, as far as it is taken.
pub(super) struct Returning<'o> {
    online: &'o dyn DeviceSigner,
    asker: Person,
    keys: OnlineKeys,
    /// Originals, each with the number of the asker's own envelope before which it stood.
    originals: VecDeque<(u64, Envelope)>,
}

impl<'o> Returning<'o> {
    /// Reads what is offered. Only an office that has noticed that it was restored takes anything.
    pub(super) fn read(
        log: &mut Appending<'_>,
        online: &'o dyn DeviceSigner,
        asker: &Person,
        offering: Option<&Offering>,
    ) -> Result<Self> {
        let mut returning = Self {
            online,
            asker: asker.clone(),
            keys: OnlineKeys::new(),
            originals: VecDeque::new(),
        };
        let Some(offering) = offering else {
            return Ok(returning);
        };
        if log.tx.newest_epoch()?.is_none() || offering.envelopes.is_empty() {
            return Ok(returning);
        }
        returning.keys = online_keys(log.tx, &log.office, offering)?;
        let places = offering.places.iter().copied().chain(repeat(u64::MAX));
        for (bytes, place) in offering.envelopes.iter().zip(places) {
            if let Ok(original) = Envelope::decode(bytes) {
                // Who wrote the others is known by their certificates, and which acts the office had
                // by its receipts and records.
                let kind = original.header().kind;
                let first = matches!(kind, Kind::Certificate | Kind::Receipts | Kind::Record);
                let place = if first { 0 } else { place };
                returning.originals.push_back((place, original));
            }
        }
        let originals = returning.originals.make_contiguous();
        originals.sort_by_key(|(place, _)| *place);
        Ok(returning)
    }

    /// Takes back what stood before the asker's own envelope of this number.
    pub(super) fn take_before(&mut self, log: &mut Appending<'_>, device_seq: u64) -> Result<()> {
        while self
            .originals
            .front()
            .is_some_and(|(place, _)| *place <= device_seq)
        {
            if let Some((_, original)) = self.originals.pop_front() {
                self.take(log, &original)?;
            }
        }
        Ok(())
    }

    /// Takes back the rest.
    pub(super) fn finish(mut self, log: &mut Appending<'_>) -> Result<()> {
        if self.keys.is_empty() {
            return Ok(());
        }
        self.take_before(log, u64::MAX)?;
        if !log.tx.is_healing()? {
            give_numbers(log)?;
        }
        Ok(())
    }

    /// Takes an original back. What the office has, or cannot take, is passed over.
    fn take(&self, log: &mut Appending<'_>, original: &Envelope) -> Result<()> {
        let header = original.header();
        let fits = header.log == log.office.log
            && original.payload().len() + 2048 < OFFICE_PAYLOAD_BYTES_MAX
            && !matches!(
                header.kind,
                Kind::Returned | Kind::Epoch | Kind::Backup | Kind::OfficeKey
            );
        if !fits || log.tx.place_of(original.id())?.is_some() {
            return Ok(());
        }
        match self.keys.get(&header.device) {
            Some((key, statement)) if original.verify(key) => {
                of_office(log, (self.online, key), original, statement.as_ref())
            }
            Some(_) => Ok(()),
            None => of_device(log, &self.asker, original),
        }
    }
}

fn online_keys(
    tx: &Tx<'_>,
    office: &crate::db::rows::OfficeRow,
    offering: &Offering,
) -> Result<OnlineKeys> {
    let known = office_keys(office)?;
    let mut keys = OnlineKeys::new();
    for statement in &offering.online {
        if let Ok(online) = known.by_a_root::<OnlineKey>(domain::ONLINE_KEY, statement)
            && online.log == office.log
        {
            let named = (online.key.clone(), Some(statement.clone()));
            keys.insert(online.key.device(), named);
        }
    }
    for entry in tx.entries_of_feed(Feed::Body(office.log), 0, u64::MAX, usize::MAX)? {
        let bytes = tx.envelope(entry.envelope)?.unwrap_or_default();
        let envelope = Envelope::decode(&bytes)?;
        if envelope.header().kind == Kind::OfficeKey {
            let named: OfficeKeyEntry = cbor::decode(envelope.payload(), "office key")?;
            let online: OnlineKey = named.online.unverified()?;
            keys.insert(online.key.device(), (online.key, None));
        }
    }
    Ok(keys)
}

/// Writes an original into the log again. Returns where it stands.
fn write(log: &mut Appending<'_>, original: &Envelope, online: Option<&Signed>) -> Result<Place> {
    let header = original.header();
    let payload = cbor::encode(&ReturnedEntry {
        envelope: original.encode().into(),
        online: online.cloned(),
    });
    let (feed, document) = (header.feed, header.document);
    let place = log.write(feed, document, Kind::Returned, payload)?;
    log.tx.add_returned(original.id(), place.seq)?;
    let of_notes = matches!(feed, Feed::Notes(_));
    if of_notes && matches!(header.kind, Kind::Changes | Kind::Bundle) {
        // A snapshot that does not hold it must not take its place.
        log.tx
            .add_uncovered(feed, document, place.feed_seq, false)?;
    }
    Ok(place)
}

/// Takes back what the office itself has written.
fn of_office(
    log: &mut Appending<'_>,
    (online, signed_by): (&dyn DeviceSigner, &PublicKey),
    original: &Envelope,
    statement: Option<&Signed>,
) -> Result<()> {
    let (tx, header, payload) = (log.tx, original.header(), original.payload());
    if header.kind == Kind::Changes && !change_back(tx, header.feed, header.document, payload)? {
        return Ok(());
    }
    if header.kind == Kind::Publication {
        let back = publication_back(tx, header.feed, header.document, payload)?;
        if back != Back::Taken {
            return Ok(());
        }
    }
    let place = write(log, original, statement)?;
    match header.kind {
        Kind::Receipts => receipts_back(tx, header.feed, payload),
        Kind::Record => records::record_back(tx, header.feed, header.log, payload),
        Kind::Body => body::body_back(tx, (header.feed, header.log), payload, place),
        Kind::Certificate => certificate(log, online, signed_by, payload),
        Kind::Revocation => match cbor::decode::<Revocation>(payload, "revocation") {
            Ok(revocation) => revoke(tx, revocation.device),
            Err(_) => Ok(()),
        },
        Kind::Order => match cbor::decode::<Order>(payload, "order") {
            Ok(ordered) => order(tx, ordered),
            Err(_) => Ok(()),
        },
        Kind::Grant | Kind::Withdrawal => membership(log, original),
        Kind::Changes
        | Kind::Bundle
        | Kind::Publication
        | Kind::Act
        | Kind::Audit
        | Kind::Tombstone
        | Kind::OfficeKey
        | Kind::Vault
        | Kind::Snapshot
        | Kind::Incarnation
        | Kind::Epoch
        | Kind::Backup
        | Kind::Returned
        | Kind::Minutes
        | Kind::Other(_) => Ok(()),
    }
}

fn receipts_back(tx: &Tx<'_>, feed: Feed, payload: &[u8]) -> Result<()> {
    let Ok(batch) = cbor::decode::<ReceiptBatch>(payload, "receipts") else {
        return Ok(());
    };
    if feed != Feed::Receipts(batch.meeting) {
        return Ok(());
    }
    for receipt in &batch.receipts {
        note_given(tx, batch.meeting, receipt)?;
        tx.add_settled_act(receipt)?;
    }
    Ok(())
}

fn certificate(
    log: &mut Appending<'_>,
    online: &dyn DeviceSigner,
    signed_by: &PublicKey,
    payload: &[u8],
) -> Result<()> {
    let signed = cbor::decode::<Signed>(payload, "certificate");
    let certified =
        signed.and_then(|signed| signed.verify::<Certificate>(domain::CERTIFICATE, signed_by));
    match certified {
        Ok(certificate)
            if log.tx.device(certificate.device())?.is_none()
                && log.tx.person(certificate.person)?.is_some() =>
        {
            add_known_device(log, online, &certificate)
        }
        Ok(_) | Err(_) => Ok(()),
    }
}

fn revoke(tx: &Tx<'_>, device: DeviceId) -> Result<()> {
    tx.close_device(device)?;
    tx.set_device_status(device, DeviceStatus::Revoked)
        .map(drop)
}

/// An order counts as it did. Of two under one number, of which one was given since the restore, the
/// one that closes holds.
fn order(tx: &Tx<'_>, mut ordered: Order) -> Result<()> {
    let newest = tx.newest_order(ordered.device)?;
    if let Some(newest) = &newest
        && newest.number >= ordered.number
    {
        if tx.has_order(&ordered)? || ordered.kind == OrderKind::Release {
            return Ok(());
        }
        ordered.number = newest.number + 1;
    }
    tx.add_order(&ordered)?;
    let Some(device) = tx.device(ordered.device)? else {
        return Ok(());
    };
    let status = match (ordered.kind, device.status) {
        (_, DeviceStatus::Revoked) | (OrderKind::Wipe, _) => DeviceStatus::Revoked,
        (OrderKind::Lock, _) => DeviceStatus::Locked,
        (OrderKind::Release, DeviceStatus::Locked) => DeviceStatus::Active,
        (OrderKind::Release, status @ (DeviceStatus::Active | DeviceStatus::Pending)) => status,
    };
    tx.set_device_status(ordered.device, status).map(drop)
}

/// A grant or a withdrawal counts if it is newer than the one that counts now. It is given once more,
/// so that it names how far the feeds are today.
fn membership(log: &mut Appending<'_>, original: &Envelope) -> Result<()> {
    let (tx, header) = (log.tx, original.header());
    let Feed::Person(person) = header.feed else {
        return Ok(());
    };
    let member = header.kind == Kind::Grant;
    let audience = if member {
        cbor::decode::<Grant>(original.payload(), "grant").map(|grant| grant.audience)
    } else {
        cbor::decode::<Withdrawal>(original.payload(), "withdrawal").map(|ended| ended.audience)
    };
    let Ok(audience) = audience else {
        return Ok(());
    };
    let current = tx.memberships_of(person)?;
    if let Some(row) = current.iter().find(|row| row.audience == audience) {
        let repeated = tx.returned_membership(row)?;
        let given_at = match (repeated, tx.envelope_at(row.seq)?) {
            (Some(at), _) => Some(at),
            (None, Some(bytes)) => Some(Envelope::decode(&bytes)?.header().at),
            (None, None) => None,
        };
        if given_at.is_some_and(|at| at > header.at) {
            return Ok(());
        }
    }
    // Whom nothing can be granted is not known yet, or is a guest by now.
    if let Ok(Some(seq)) = give_or_take(log, person, audience, member) {
        tx.set_returned_membership(person, audience, header.at, seq)?;
    }
    Ok(())
}

/// Takes back what one of the asker's own devices has written.
fn of_device(log: &mut Appending<'_>, asker: &Person, original: &Envelope) -> Result<()> {
    let (tx, header) = (log.tx, original.header());
    let own = matches!(header.feed, Feed::Notes(owner) | Feed::Outbox(owner) if owner == asker.id);
    let author = tx.device(header.device)?;
    let by = author.filter(|author| author.person == asker.id && original.verify(&author.key));
    if !own || by.is_none() {
        return Ok(());
    }
    match (header.feed, header.kind) {
        (Feed::Notes(owner), Kind::Vault) => {
            if !matches!(vault::judge(tx, owner, original)?, vault::Verdict::Accept) {
                return Ok(());
            }
            write(log, original, None).map(drop)
        }
        (Feed::Notes(_), Kind::Changes | Kind::Snapshot | Kind::Bundle | Kind::Tombstone) => {
            write(log, original, None).map(drop)
        }
        (Feed::Outbox(_), Kind::Act) => {
            // Without its receipt nothing shows that it was there before: then it is an act as any other.
            let actor = Actor::Device {
                person: asker.id,
                role: asker.role,
                status: DeviceStatus::Active,
            };
            let Judged::Accepted(act) = judge_act(tx, actor, original)? else {
                return Ok(());
            };
            let place = write(log, original, None)?;
            if let Some(stated) = act
                && let Some(receipt) = receive(log, &stated, place)?
            {
                let of_meeting = BTreeMap::from([(stated.0.meeting, vec![receipt])]);
                receipts::write(log, of_meeting)?;
            }
            Ok(())
        }
        _ => Ok(()),
    }
}
