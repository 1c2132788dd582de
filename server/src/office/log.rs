//! The log: appending to it, and checking it from its first entry.

use nghisu_core::{
    Code, Error, Result,
    ids::{Audience, DocumentId, Feed, Hash, Kind, LogId, domain},
    sync::{
        envelope::{Chain, Envelope, Subject},
        wire::{LogHead, Outcome, chain_after},
    },
    time::Timestamp,
    trust::{
        decide::{Action, Actor, Decision, State, decide},
        enrol::Signed,
        keys::DeviceSigner,
    },
};

use super::{keys::Keys, snapshots};
use crate::db::{
    Tx,
    rows::{Counter, EntryRow, OfficeRow},
};

/// The log while a transaction appends to it.
pub(crate) struct Appending<'t> {
    pub(crate) tx: &'t Tx<'t>,
    pub(crate) office: OfficeRow,
    pub(crate) now: Timestamp,
    signer: &'t dyn DeviceSigner,
    counter: Counter,
    begun_at: u64,
}

/// Where an envelope stands in the log.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) seq: u64,
    pub(crate) feed_seq: u64,
}

impl<'t> Appending<'t> {
    pub(crate) fn begin(tx: &'t Tx<'t>, keys: &'t Keys, now: Timestamp) -> Result<Self> {
        let office = super::office_row(tx)?;
        keys.follow(&office, now)?;
        let counter = tx.counter()?;
        let mut log = Self {
            tx,
            office,
            now,
            signer: &keys.online,
            begun_at: counter.seq,
            counter,
        };
        super::healing::name_epochs(&mut log)?;
        Ok(log)
    }

    /// Begins to write with a new online key, whose chain starts anew.
    pub(crate) fn begin_anew(
        tx: &'t Tx<'t>,
        office: OfficeRow,
        signer: &'t dyn DeviceSigner,
        now: Timestamp,
    ) -> Result<Self> {
        let mut counter = tx.counter()?;
        (counter.device_seq, counter.newest) = (0, Hash::ZERO);
        Ok(Self {
            tx,
            office,
            now,
            signer,
            begun_at: counter.seq,
            counter,
        })
    }

    /// Appends an envelope that was admitted, in the bytes in which it came.
    pub(crate) fn append(&mut self, envelope: &Envelope, bytes: &[u8]) -> Result<Place> {
        let header = envelope.header();
        let (id, feed) = (envelope.id(), header.feed);
        let place = Place {
            seq: self.counter.seq + 1,
            feed_seq: self.tx.newest_feed_seq(feed)? + 1,
        };
        let chain = chain_after(
            &self.counter.chain,
            place.seq,
            feed,
            place.feed_seq,
            &id,
            self.now,
        );
        let entry = EntryRow {
            seq: place.seq,
            feed,
            feed_seq: place.feed_seq,
            envelope: id,
            device: header.device,
            length: bytes.len(),
            received_at: self.now,
            chain,
            covered: false,
        };
        self.tx.add_entry(&entry, bytes)?;
        for audience in audiences_of(feed, self.office.log) {
            self.tx.add_entry_audience(audience, place.seq)?;
        }
        snapshots::entered(self.tx, envelope, place)?;
        self.counter.seq = place.seq;
        self.counter.chain = chain;
        Ok(place)
    }

    /// Returns the key with which the office signs.
    pub(crate) fn signer(&self) -> &'t dyn DeviceSigner {
        self.signer
    }

    /// Writes, signs and appends an envelope of the office itself.
    pub(crate) fn write(
        &mut self,
        feed: Feed,
        document: DocumentId,
        kind: Kind,
        payload: Vec<u8>,
    ) -> Result<Place> {
        let append = Action::Append(feed, kind);
        if decide(Actor::Office, append, State::default()) != Decision::Allow {
            return Err(Error::new(Code::NotAllowed, feed));
        }
        let mut chain = Chain {
            device: self.signer.public_key().device(),
            incarnation: self.office.epoch,
            device_seq: self.counter.device_seq,
            newest: self.counter.newest,
        };
        let subject = Subject {
            log: self.office.log,
            feed,
            document,
            kind,
            generation: 0,
            sealed: None,
            covers: None,
        };
        let envelope = Envelope::sign(&mut chain, subject, payload, self.now, self.signer)?;
        let place = self.append(&envelope, &envelope.encode())?;
        self.counter.device_seq = chain.device_seq;
        self.counter.newest = chain.newest;
        Ok(place)
    }

    /// Stores where the log stands, for what follows in the same transaction. Whoever comes last signs
    /// the head with [`Appending::finish`]: nobody is shown one in between.
    pub(crate) fn pass_on(self) -> Result<()> {
        if self.counter.seq == self.begun_at {
            return Ok(());
        }
        self.tx.set_counter(&self.counter)
    }

    /// Stores where the log stands, with its signed head. Without this nothing was appended.
    pub(crate) fn finish(mut self) -> Result<()> {
        if self.counter.seq == self.begun_at && is_signed(&self.counter) {
            return Ok(());
        }
        self.tx.note_head();
        self.counter.head = sign_head(
            &self.office,
            self.counter.seq,
            self.counter.chain,
            self.signer,
        )?;
        self.tx.set_counter(&self.counter)
    }

    /// Returns the outcome that tells a device its place.
    pub(crate) fn accepted(&self, place: Place) -> Outcome {
        Outcome::Accepted {
            seq: place.seq,
            feed_seq: place.feed_seq,
            received_at: self.now,
        }
    }
}

/// Returns the audiences in whose index the entries of a feed stand.
pub(crate) fn audiences_of(feed: Feed, log: LogId) -> impl Iterator<Item = Audience> {
    let office = matches!(feed, Feed::Outbox(_)).then_some(Audience::Office(log));
    std::iter::once(feed.audience(log)).chain(office)
}

/// Says whether the head that is stored is that of the newest entry.
pub(super) fn is_signed(counter: &Counter) -> bool {
    let head = counter.head.unverified();
    head.is_ok_and(|head: LogHead| head.seq == counter.seq)
}

/// Signs the head of the log.
pub(crate) fn sign_head(
    office: &OfficeRow,
    seq: u64,
    chain: Hash,
    signer: &dyn DeviceSigner,
) -> Result<Signed> {
    let head = LogHead {
        log: office.log,
        epoch: office.epoch,
        seq,
        chain,
    };
    Signed::sign(domain::HEAD, &head, signer)
}

/// Returns the error of a log that does not hold, naming the first entry where it does not.
pub(crate) fn damaged(seq: u64, what: &str) -> Error {
    Error::new(Code::LogDamaged, format_args!("seq {seq}: {what}"))
}
