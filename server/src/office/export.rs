//! The log checked and replayed from its first entry.

use std::collections::BTreeMap;

use nghisu_core::{
    Code, Error, Result, cbor,
    ids::{DeviceId, Feed, Hash, Kind, LogId, PersonId, domain},
    meeting::view::{Seen, View},
    sync::{
        authors::{office_author, take_office_key},
        envelope::{Chain, Envelope},
        healing::ReturnedEntry,
        wire::{LogHead, chain_after},
    },
    time::Timestamp,
    trust::{
        enrol::{Certificate, Signed},
        keys::PublicKey,
        office_keys::OfficeKeys,
    },
};
use serde_json::Value;

use super::{
    Office,
    ceremony::office_keys,
    log::damaged,
    publish::{MeetingStatus, find_meeting},
    rights::Audiences,
};
use crate::db::{Tx, rows::EntryRow};

/// Entries that are read at a time.
const STEP: usize = 256;

/// What an office has, in numbers.
#[derive(Debug, Clone)]
pub struct Status {
    /// The log.
    pub log: LogId,
    /// Its epoch.
    pub epoch: u32,
    /// The number of its newest entry.
    pub seq: u64,
    /// The body's name.
    pub body_name: String,
    /// How many people there are.
    pub people: u64,
    /// How many devices have enrolled.
    pub devices: u64,
    /// How many invitations may still be used.
    pub open_invitations: u64,
    /// How far each meeting is.
    pub meetings: Vec<MeetingStatus>,
}

impl Office {
    /// Checks the log from its first entry to its signed head: numbers without gaps, every envelope
    /// there and signed by a device that the log itself certifies, every chain unbroken.
    /// Returns the number of entries.
    ///
    /// # Errors
    /// [`Code::LogDamaged`], naming the first entry that does not hold.
    pub fn verify_log(&self) -> Result<u64> {
        self.db.read(|tx| walk(tx, &mut |_, _| Ok(())))
    }

    /// Returns what each of these people is served, or without any what the body has, as JSON. It
    /// comes from the log alone, which is checked on the way. With a meeting only what concerns that.
    ///
    /// # Errors
    /// As [`Office::verify_log`]; [`Code::MeetingUnknown`].
    pub fn export(&self, people: &[PersonId], meeting: Option<&str>) -> Result<Vec<Value>> {
        self.db.read(|tx| {
            let meeting = meeting.map(|asked| find_meeting(tx, asked)).transpose()?;
            let view = view(tx)?;
            let mut exports: Vec<Value> = match people {
                [] => vec![view.to_json()],
                people => {
                    let of = |person: &PersonId| self.view_of(tx, &view, *person);
                    people.iter().map(of).collect::<Result<_>>()?
                }
            };
            if let Some(meeting) = meeting {
                let id = meeting.id.to_string();
                exports.iter_mut().for_each(|json| keep_meeting(json, &id));
            }
            Ok(exports)
        })
    }

    /// Returns what the office has, in numbers.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn status(&self, now: Timestamp) -> Result<Status> {
        let meetings = self.meetings()?;
        self.db.read(|tx| {
            let office = super::office_row(tx)?;
            Ok(Status {
                log: office.log,
                epoch: office.epoch,
                seq: tx.counter()?.seq,
                body_name: office.body_name,
                people: tx.people()?.len() as u64,
                devices: tx.count_devices()?,
                open_invitations: tx.count_open_invitations(now)?,
                meetings,
            })
        })
    }

    /// Returns what a person is served, by what he may read now.
    fn view_of(&self, tx: &Tx<'_>, view: &View, person: PersonId) -> Result<Value> {
        let found = tx.person(person)?;
        let found = found.ok_or_else(|| Error::new(Code::PersonUnknown, person))?;
        let readable = Audiences::of(tx, self.log, &found)?;
        Ok(view.to_json_of(person, |feed| readable.state(feed, self.log).member))
    }
}

/// Checks the log and returns what it says.
pub(super) fn view(tx: &Tx<'_>) -> Result<View> {
    let mut view = View::default();
    walk(tx, &mut |entry, envelope| view.apply(seen(entry, envelope)))?;
    Ok(view)
}

/// Returns an entry as far as a view depends on it.
pub(super) fn seen<'a>(entry: &EntryRow, envelope: &'a Envelope) -> Seen<'a> {
    Seen {
        log: envelope.header().log,
        feed: entry.feed,
        document: envelope.header().document,
        kind: envelope.header().kind,
        payload: envelope.payload(),
        seq: entry.seq,
        received_at: entry.received_at,
    }
}

/// Checks the log and shows each entry to `visit`. Returns the number of entries.
pub(super) fn walk(
    tx: &Tx<'_>,
    visit: &mut dyn FnMut(&EntryRow, &Envelope) -> Result<()>,
) -> Result<u64> {
    let office = super::office_row(tx)?;
    let mut check = Check {
        log: office.log,
        seq: 0,
        chain: Hash::ZERO,
        feeds: BTreeMap::new(),
        devices: BTreeMap::new(),
        chains: BTreeMap::new(),
        office: office_keys(&office)?,
    };
    loop {
        let entries = tx.entries(check.seq, STEP)?;
        if entries.is_empty() {
            break;
        }
        for entry in &entries {
            let envelope = check.entry(tx, entry)?;
            let envelope = check.original(entry.seq, envelope)?;
            visit(entry, &envelope).map_err(|error| damaged(entry.seq, error.detail()))?;
        }
    }
    check.head(tx)?;
    Ok(check.seq)
}

fn keep_meeting(json: &mut Value, meeting: &str) {
    for list in ["acts", "receipts"] {
        if let Some(values) = json[list].as_array_mut() {
            values.retain(|value| value["meeting"] == meeting);
        }
    }
    if let Some(meetings) = json["meetings"].as_object_mut() {
        meetings.retain(|id, _| id == meeting);
    }
}

/// What the entries so far have shown.
struct Check {
    log: LogId,
    seq: u64,
    chain: Hash,
    feeds: BTreeMap<Feed, u64>,
    devices: BTreeMap<DeviceId, PublicKey>,
    chains: BTreeMap<(DeviceId, u32), Chain>,
    office: OfficeKeys,
}

impl Check {
    fn entry(&mut self, tx: &Tx<'_>, entry: &EntryRow) -> Result<Envelope> {
        let seq = self.seq + 1;
        let wrong = |what: &str| damaged(seq, what);
        if entry.seq != seq {
            return Err(wrong("the entry is missing"));
        }
        let feed_seq = self.feeds.entry(entry.feed).or_default();
        *feed_seq += 1;
        if entry.feed_seq != *feed_seq {
            return Err(wrong("an entry of the feed is missing"));
        }
        let bytes = tx
            .envelope(entry.envelope)?
            .ok_or_else(|| wrong("the envelope is missing"))?;
        let envelope = Envelope::decode(&bytes).map_err(|error| wrong(error.detail()))?;
        let header = envelope.header();
        let same = envelope.id() == entry.envelope
            && header.feed == entry.feed
            && header.device == entry.device
            && header.log == self.log;
        if !same {
            return Err(wrong("the envelope is another one"));
        }
        take_office_key(&mut self.office, seq, &envelope).map_err(|error| wrong(error.detail()))?;
        let office = office_author(&self.office, seq, &envelope)
            .map_err(|error| wrong(error.detail()))?
            .cloned();
        let key = office.as_ref().or_else(|| self.devices.get(&header.device));
        if !key.is_some_and(|key| envelope.verify(key)) {
            return Err(wrong("the signature does not hold"));
        }
        self.device_chain(tx, seq, &envelope)?;
        let received_at = entry.received_at;
        let chain = chain_after(
            &self.chain,
            seq,
            entry.feed,
            entry.feed_seq,
            &entry.envelope,
            received_at,
        );
        if chain != entry.chain {
            return Err(wrong("the chain does not hold"));
        }
        if let (Kind::Certificate, Some(office)) = (header.kind, office) {
            self.certificate(seq, envelope.payload(), &office)?;
        }
        self.seq = seq;
        self.chain = chain;
        Ok(envelope)
    }

    /// A device's envelopes follow each other. Those that were refused are not in the log; the
    /// office has kept what became of them.
    fn device_chain(&mut self, tx: &Tx<'_>, seq: u64, envelope: &Envelope) -> Result<()> {
        let header = envelope.header();
        let chain = self
            .chains
            .entry((header.device, header.incarnation))
            .or_insert_with(|| Chain::start(header.device, header.incarnation));
        let follows = if header.device_seq == chain.device_seq + 1 {
            header.previous == chain.newest
        } else {
            header.device_seq > chain.device_seq
                && tx.settled(header.device, header.incarnation, header.device_seq - 1)?
                    == Some(header.previous)
        };
        if !follows {
            return Err(damaged(seq, "the author's chain does not hold"));
        }
        chain.device_seq = header.device_seq;
        chain.newest = envelope.id();
        Ok(())
    }

    /// Returns the envelope that was given back, if it is one of those, and of any other itself.
    fn original(&mut self, seq: u64, envelope: Envelope) -> Result<Envelope> {
        if envelope.header().kind != Kind::Returned {
            return Ok(envelope);
        }
        let wrong = |error: Error| damaged(seq, error.detail());
        let (returned, inner) = ReturnedEntry::open(&envelope).map_err(wrong)?;
        let office = returned.office_key(&inner, &self.office).map_err(wrong)?;
        let key = office.as_ref();
        let key = key.or_else(|| self.devices.get(&inner.header().device));
        if !key.is_some_and(|key| inner.verify(key)) {
            return Err(damaged(
                seq,
                "the signature of what was given back does not hold",
            ));
        }
        if let (Kind::Certificate, Some(office)) = (inner.header().kind, &office) {
            self.certificate(seq, inner.payload(), office)?;
        }
        Ok(inner)
    }

    fn certificate(&mut self, seq: u64, payload: &[u8], office: &PublicKey) -> Result<()> {
        let read = || -> Result<Certificate> {
            let signed: Signed = cbor::decode(payload, "certificate")?;
            signed.verify(domain::CERTIFICATE, office)
        };
        let certificate = read().map_err(|error: Error| damaged(seq, error.detail()))?;
        self.devices.insert(certificate.device(), certificate.key);
        Ok(())
    }

    /// The log ends where the office has signed that it ends.
    fn head(&self, tx: &Tx<'_>) -> Result<()> {
        let counter = tx.counter()?;
        let next = self.seq + 1;
        let online = self.office.named_last().map(|(_, online)| &online.key);
        let head: LogHead = online
            .filter(|online| **online == self.office.newest().key)
            .and_then(|online| counter.head.verify(domain::HEAD, online).ok())
            .ok_or_else(|| damaged(self.seq, "the head's signature does not hold"))?;
        if head.seq > self.seq {
            return Err(damaged(next, "the entry is missing"));
        }
        let same = head.log == self.log
            && head.seq == self.seq
            && head.chain == self.chain
            && counter.seq == self.seq
            && counter.chain == self.chain;
        if same {
            Ok(())
        } else {
            Err(damaged(self.seq, "the head is another one"))
        }
    }
}
