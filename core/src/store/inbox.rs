//! What the office says, taken in: outcomes, entries, the cursor, and the rows that follow from them.
//!
//! Documents are loaded and tried before the transaction; one that an entry spoils is thrown away
//! and loaded anew, and the entry goes into quarantine. One bad change never stops a sync. Taking in
//! an entry twice changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Transaction;

use super::{
    Changed, Store,
    alerts::{Finding, keep_head, miss_publications, put_head},
    documents,
    durability::{self, put_watermark},
    healing, incarnation,
    membership::{self, Turn},
    notes, outbox,
    publications::{Accepted, Seen, store_publications, unsigned_publication},
    put_state, rebuild, signed, snapshots, sql,
    vault::{self, Unsealed},
};
use crate::{
    document::Document,
    error::{Code, Error, Result},
    ids::{DeviceId, DocumentId, Feed, Hash, Kind, LogId, MeetingId, PersonId},
    meeting::{
        act::{ReceiptBatch, SignedAct},
        body::BodyStatement,
        minutes::MinutesText,
        ruling::Record,
    },
    sync::{
        envelope::{Envelope, Header},
        session::{Incoming, Page, PageEnd, Step, Via},
        wire::{LogHead, Outcome},
    },
    trust::{
        incarnation::Incarnation,
        membership::{Grant, Withdrawal},
        orders::{Order, Revocation},
        vault::chain::index_document,
    },
};

/// What a page's entries come to, worked out before the transaction.
#[derive(Default)]
pub(super) struct Taken {
    pub(super) documents: BTreeMap<DocumentId, (Feed, Document, Vec<u8>)>,
    /// What the office has of documents that are to be made anew.
    pub(super) at_office: BTreeMap<DocumentId, Document>,
    pub(super) programmes: BTreeMap<Feed, Accepted>,
    pub(super) seen: BTreeMap<Feed, Seen>,
    pub(super) findings: Vec<Finding>,
    /// Entries that were lost and that a snapshot, of this number, shows to be back.
    pub(super) back: Vec<(Hash, u64)>,
    quarantined: Vec<(usize, Error)>,
    /// Sealed entries whose key is not here, or that build upon a change that is not here, and their
    /// epoch.
    locked: Vec<(usize, u32)>,
    /// Those that build upon a change that is not here, while more is taken in.
    early: Vec<(usize, u32)>,
}

impl Store {
    /// Stores one step of a sync. It is on disk when this returns.
    ///
    /// # Errors
    /// [`Code::DiskFull`], [`Code::Storage`]; then nothing of the step is stored.
    pub fn save(&mut self, step: &Step) -> Result<BTreeSet<Changed>> {
        match step {
            Step::Envelopes(envelopes) => self.save_envelopes(envelopes)?,
            Step::Unsettle { device_seq } => self.unsettle(*device_seq)?,
            Step::ReadAgain => return self.meet_again(),
            Step::Order(order) => return Ok(self.try_order(order)?.into_iter().collect()),
            Step::Page(page) => return self.save_page(page),
            Step::Parked => return self.take_parked(),
            Step::Own { chain, outcomes } => return self.meet_own_chain(chain, outcomes),
            Step::Anew => self.ask_anew()?,
            Step::Resume(resumed) => return self.resume(resumed),
            Step::Introduce => self.introduce()?,
        }
        Ok(BTreeSet::new())
    }

    pub(super) fn save_page(&mut self, page: &Page) -> Result<BTreeSet<Changed>> {
        self.scrub()?;
        let (owner, head) = (self.person()?, self.head()?);
        let own = (self.device(), self.incarnation()?);
        let mut changed = BTreeSet::new();
        if std::mem::take(&mut self.rebuilt) {
            changed.insert(Changed::Everything);
        }
        if self.take_vault(page)? {
            changed.insert(Changed::Everything);
        }
        let (later, progress) = self.turns(page, owner.0)?;
        let opened = self.readable_unopened()?;
        let entries: Vec<&Incoming> = opened.iter().chain(&page.entries).collect();
        let mut turns = vec![Turn::Take; opened.len()];
        turns.extend(later);
        let mut taken = self.take_in(&entries, &turns)?;
        let (index, device) = (index_document(owner.1), self.device());
        let mut useless = false;
        self.write(|transaction| {
            keep_head(transaction, page.head.as_ref())?;
            for (id, outcome) in &page.outcomes {
                settle(transaction, id, outcome, device, &mut changed)?;
            }
            for (id, (feed, document, changes)) in &mut taken.documents {
                documents::store_changes(transaction, *id, *feed, changes, document)?;
                if *id == index {
                    vault::project_index(transaction, document)?;
                } else if matches!(feed, Feed::Notes(_)) {
                    notes::project(transaction, *id, document)?;
                    changed.insert(Changed::Note(*id));
                }
            }
            healing::are_back(transaction, &taken.back)?;
            for (id, document) in &mut taken.at_office {
                rebuild::keep(transaction, *id, document)?;
            }
            for entry in &opened {
                vault::forget_unopened(transaction, entry.seq)?;
            }
            for (index, (entry, turn)) in entries.iter().zip(&turns).enumerate() {
                if let Some((_, epoch)) = taken.locked.iter().find(|(at, _)| *at == index) {
                    vault::keep_unopened(transaction, entry, *epoch)?;
                    if let Ok(envelope) = &entry.envelope {
                        keep_original(transaction, entry, envelope)?;
                    }
                    membership::unpark(transaction, entry)?;
                    continue;
                }
                let bad = taken
                    .quarantined
                    .iter()
                    .find(|(at, _)| *at == index)
                    .map(|(_, error)| error);
                match (turn, &entry.envelope, bad) {
                    (Turn::Take, Ok(envelope), None) => {
                        snapshots::entered(transaction, envelope, device)?;
                        keep(transaction, entry, envelope, owner, &mut changed)?;
                        incarnation::keep(transaction, entry, envelope, own, &mut changed)?;
                    }
                    (Turn::Take, Err(error), _) | (Turn::Take, Ok(_), Some(error)) => {
                        useless |= entry.is_snapshot() && entry.via != Via::Backfill;
                        quarantine(transaction, entry, error)?
                    }
                    (Turn::Park, Ok(envelope), _) => {
                        membership::park(transaction, entry, envelope)?
                    }
                    (Turn::Park, Err(_), _) | (Turn::Drop, _, _) => {}
                }
                membership::unpark(transaction, entry)?;
            }
            progress.save(transaction)?;
            if useless {
                snapshots::read_plainly(transaction, Feed::Notes(owner.1))?;
            }
            for entry in &page.entries {
                take_access(transaction, entry, owner, &mut changed)?;
            }
            store_publications(transaction, &taken, &mut changed)?;
            match &page.end {
                Some(end) => {
                    put_end(transaction, end, head.as_ref(), &mut changed)?;
                    incarnation::end(transaction, end, own)
                }
                None => Ok(()),
            }
        })?;
        for (id, (_, document, _)) in taken.documents {
            self.keep_open(id, document);
        }
        if page.end.is_some() {
            self.custody.lease.met();
        }
        if self.state("scrub")?.is_some() {
            self.open.clear();
            self.scrub()?;
        }
        Ok(changed)
    }

    /// Tries the entries whose turn it is on documents in memory. An entry may come before what it builds
    /// upon, where devices have given back what an office had lost: it is tried again after the others.
    fn take_in(&mut self, entries: &[&Incoming], turns: &[Turn]) -> Result<Taken> {
        let mut taken = Taken::default();
        for (index, (entry, turn)) in entries.iter().zip(turns).enumerate() {
            if *turn == Turn::Take {
                self.take_one(index, entry, &mut taken)?;
            }
        }
        loop {
            let early = std::mem::take(&mut taken.early);
            for (index, _) in &early {
                self.take_one(*index, entries[*index], &mut taken)?;
            }
            if taken.early.len() == early.len() {
                break;
            }
        }
        let early = std::mem::take(&mut taken.early);
        taken.locked.extend(early);
        Ok(taken)
    }

    fn take_one(&mut self, index: usize, entry: &Incoming, taken: &mut Taken) -> Result<()> {
        let envelope = match &entry.envelope {
            Ok(envelope) => envelope,
            Err(error) => {
                if error.code() == Code::PublicationUnsigned {
                    taken.findings.push(unsigned_publication(entry, error));
                }
                return Ok(());
            }
        };
        let unsealed = self.unseal(envelope);
        if let (Ok(Unsealed::Locked), Some(sealed)) = (&unsealed, &envelope.header().sealed) {
            taken.locked.push((index, sealed.epoch));
            return Ok(());
        }
        let payload = unsealed.map(|unsealed| match unsealed {
            Unsealed::Opened(payload) => payload,
            Unsealed::Plain | Unsealed::Locked => envelope.payload().to_vec().into(),
        });
        let tried = payload.and_then(|payload| match envelope.header().kind {
            Kind::Changes => {
                let applied =
                    self.take_history(envelope, taken, |document| document.apply(&payload));
                if let (Err(_), Some(sealed)) = (&applied, &envelope.header().sealed)
                    && self.is_early(envelope.header(), &payload, taken)?
                {
                    taken.early.push((index, sealed.epoch));
                    return Ok(());
                }
                applied
            }
            Kind::Snapshot => self.take_snapshot((entry.seq, envelope), &payload, taken),
            Kind::Publication => self.take_publication(entry, envelope, taken),
            Kind::Act => SignedAct::decode(envelope.payload()).map(|_| ()),
            Kind::Receipts => {
                crate::cbor::decode::<ReceiptBatch>(envelope.payload(), "receipts").map(|_| ())
            }
            Kind::Record => {
                let (feed, log) = (envelope.header().feed, envelope.header().log);
                Record::decode(envelope.payload(), feed, log).map(|_| ())
            }
            Kind::Minutes => {
                MinutesText::decode(envelope.payload(), envelope.header().feed).map(|_| ())
            }
            Kind::Body => {
                let (feed, log) = (envelope.header().feed, envelope.header().log);
                BodyStatement::decode(envelope.payload(), feed, log).map(|_| ())
            }
            Kind::Revocation => {
                crate::cbor::decode::<Revocation>(envelope.payload(), "revocation").map(|_| ())
            }
            Kind::Order => crate::cbor::decode::<Order>(envelope.payload(), "order").map(|_| ()),
            Kind::Grant => crate::cbor::decode::<Grant>(envelope.payload(), "grant").map(|_| ()),
            Kind::Withdrawal => {
                crate::cbor::decode::<Withdrawal>(envelope.payload(), "withdrawal").map(|_| ())
            }
            Kind::Incarnation => {
                crate::cbor::decode::<Incarnation>(envelope.payload(), "incarnation").map(|_| ())
            }
            Kind::Certificate
            | Kind::Audit
            | Kind::Tombstone
            | Kind::OfficeKey
            | Kind::Vault
            | Kind::Bundle
            | Kind::Epoch
            | Kind::Backup
            | Kind::Returned
            | Kind::Other(_) => Ok(()),
        });
        if let Err(error) = tried {
            let bad =
                [Code::Malformed, Code::NewerProtocol, Code::TooLarge].contains(&error.code());
            if !bad {
                return Err(error);
            }
            taken.quarantined.push((index, error));
        }
        Ok(())
    }

    /// Says whether a change builds upon another one that is not in its document.
    fn is_early(&mut self, header: &Header, payload: &[u8], taken: &mut Taken) -> Result<bool> {
        let id = &header.document;
        if let Some(document) = taken.at_office.get_mut(id) {
            return document.lacks_cause_of(payload);
        }
        if let Some((_, document, _)) = taken.documents.get_mut(id) {
            return document.lacks_cause_of(payload);
        }
        let document = self.load_document(*id)?;
        let mut document = match document {
            Some(document) => document,
            None => Document::new(self.actor(*id, 0)?),
        };
        document.lacks_cause_of(payload)
    }

    /// Takes changes into a copy of the envelope's document, which counts if `take` succeeds.
    pub(super) fn take_history(
        &mut self,
        envelope: &Envelope,
        taken: &mut Taken,
        take: impl Fn(&mut Document) -> Result<()>,
    ) -> Result<()> {
        let header = envelope.header();
        if self.take_for_rebuild(header, &take, taken)? {
            return Ok(());
        }
        let (feed, mut document, mut changes) = match taken.documents.remove(&header.document) {
            Some(open) => open,
            None => {
                let document = match self.load_document(header.document)? {
                    Some(document) => document,
                    None => Document::new(self.actor(header.document, 0)?),
                };
                (header.feed, document, Vec::new())
            }
        };
        if feed != header.feed {
            return Err(Error::new(Code::Malformed, "a document of another feed"));
        }
        let before = document.heads();
        let mut tried = document.clone();
        match take(&mut tried) {
            Ok(()) => {
                document = tried;
                changes.extend(document.changes_since(&before).concat());
                if !changes.is_empty() {
                    taken
                        .documents
                        .insert(header.document, (feed, document, changes));
                } else {
                    self.keep_open(header.document, document);
                }
                Ok(())
            }
            Err(error) => {
                if changes.is_empty() {
                    self.keep_open(header.document, document);
                } else {
                    taken
                        .documents
                        .insert(header.document, (feed, document, changes));
                }
                Err(error)
            }
        }
    }
}

pub(super) fn settle(
    transaction: &Transaction<'_>,
    id: &Hash,
    outcome: &Outcome,
    device: DeviceId,
    changed: &mut BTreeSet<Changed>,
) -> Result<()> {
    let Some(envelope) = outbox::settle(transaction, id, outcome)? else {
        return Ok(());
    };
    if matches!(outcome, Outcome::Accepted { .. }) {
        snapshots::entered(transaction, &envelope, device)?;
    }
    if envelope.header().kind == Kind::Act {
        let (_, act) = SignedAct::decode(envelope.payload())?;
        changed.insert(Changed::Acts(act.meeting));
    } else {
        let (feed, document) = (envelope.header().feed, envelope.header().document);
        // The list of one's notes is no note.
        if !matches!(feed, Feed::Notes(person) if document == index_document(person)) {
            changed.insert(Changed::Note(document));
        }
    }
    Ok(())
}

/// Keeps an entry that was taken in, and the rows of records.
fn keep(
    transaction: &Transaction<'_>,
    entry: &Incoming,
    envelope: &Envelope,
    (_, person): (LogId, PersonId),
    changed: &mut BTreeSet<Changed>,
) -> Result<()> {
    let header = envelope.header();
    keep_original(transaction, entry, envelope)?;
    if !entry.returned {
        healing::keep_checkpoint(transaction, envelope)?;
    }
    if matches!(header.feed, Feed::Notes(_)) {
        durability::reach(transaction, header.document, entry.seq)?;
    }
    match (header.kind, header.feed) {
        (Kind::Act, Feed::Outbox(owner)) if owner == person => {
            keep_act(transaction, entry, envelope, changed)
        }
        (Kind::Receipts, Feed::Receipts(_)) => keep_receipts(transaction, entry, envelope, changed),
        (Kind::Record, feed) => {
            let record = Record::decode(envelope.payload(), feed, header.log)?;
            changed.insert(Changed::Acts(record.meeting));
            Ok(())
        }
        (Kind::Changes, Feed::Draft(meeting)) => {
            changed.insert(Changed::Acts(meeting));
            Ok(())
        }
        (Kind::Minutes, feed) => {
            let minutes = MinutesText::decode(envelope.payload(), feed)?;
            changed.insert(Changed::Acts(minutes.meeting));
            Ok(())
        }
        // What is due follows from it, in every meeting.
        (Kind::Body, _) => {
            changed.insert(Changed::Everything);
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Keeps the envelope as it came: what the office has signed for good, what others wrote until a backup
/// has it, and of a backup nothing. One's own are kept as they were sent.
fn keep_original(
    transaction: &Transaction<'_>,
    entry: &Incoming,
    envelope: &Envelope,
) -> Result<()> {
    let header = envelope.header();
    if header.kind == Kind::Backup {
        return Ok(());
    }
    healing::came_back(transaction, &envelope.id())?;
    let for_healing = matches!(header.kind, Kind::Changes | Kind::Bundle | Kind::Snapshot);
    let row = (
        envelope.id().as_bytes().to_vec(),
        signed(entry.seq),
        header.feed.to_bytes(),
        header.kind.number(),
        &entry.bytes,
        header.document.as_bytes(),
        signed(entry.received_at.unix_ms()),
        for_healing,
    );
    transaction
        .prepare_cached(
            "INSERT INTO kept (envelope, seq, feed, kind, bytes, document, received_at)
             SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7
             WHERE NOT ?8 OR NOT EXISTS (SELECT 1 FROM envelope WHERE id = ?1)
             ON CONFLICT (envelope) DO UPDATE SET seq = ?2 WHERE seq < 0",
        )
        .and_then(|mut statement| statement.execute(row))
        .map(|_| ())
        .map_err(sql)
}

/// Carries out a grant or a withdrawal, after all else that stands in its step.
fn take_access(
    transaction: &Transaction<'_>,
    entry: &Incoming,
    (log, person): (LogId, PersonId),
    changed: &mut BTreeSet<Changed>,
) -> Result<()> {
    let Ok(envelope) = &entry.envelope else {
        return Ok(());
    };
    let header = envelope.header();
    if header.feed != Feed::Person(person) || entry.returned {
        return Ok(());
    }
    // What cannot be read was set aside.
    if header.kind == Kind::Grant
        && let Ok(grant) = crate::cbor::decode::<Grant>(envelope.payload(), "grant")
    {
        membership::granted(transaction, &grant, entry.seq, log)?;
    }
    if header.kind == Kind::Withdrawal
        && let Ok(ended) = crate::cbor::decode::<Withdrawal>(envelope.payload(), "withdrawal")
    {
        membership::withdrawn(transaction, &ended, entry.seq, log, changed)?;
    }
    Ok(())
}

fn keep_act(
    transaction: &Transaction<'_>,
    entry: &Incoming,
    envelope: &Envelope,
    changed: &mut BTreeSet<Changed>,
) -> Result<()> {
    let (signed_act, act) = SignedAct::decode(envelope.payload())?;
    let row = (
        act.id.as_bytes(),
        signed_act.encode(),
        act.meeting.as_bytes(),
        signed(entry.seq),
        signed(entry.received_at.unix_ms()),
    );
    transaction
        .execute(
            "INSERT INTO act (id, content, meeting, state, seq, received_at) VALUES (?1, ?2, ?3, 'accepted', ?4, ?5)
             ON CONFLICT (id) DO UPDATE SET state = 'accepted', reason = NULL, seq = ?4, received_at = ?5
             WHERE seq IS NULL OR seq < 0 OR seq > ?4",
            row,
        )
        .map_err(sql)?;
    changed.insert(Changed::Acts(act.meeting));
    Ok(())
}

fn keep_receipts(
    transaction: &Transaction<'_>,
    entry: &Incoming,
    envelope: &Envelope,
    changed: &mut BTreeSet<Changed>,
) -> Result<()> {
    let batch: ReceiptBatch = crate::cbor::decode(envelope.payload(), "receipts")?;
    for (position, receipt) in (0i64..).zip(&batch.receipts) {
        let row = (
            signed(entry.seq),
            position,
            batch.meeting.as_bytes(),
            receipt.act.as_bytes(),
            crate::cbor::encode(receipt),
        );
        transaction
            .prepare_cached(
                "INSERT OR IGNORE INTO receipt (seq, position, meeting, act, content) VALUES (?1, ?2, ?3, ?4, ?5)",
            )
            .and_then(|mut statement| statement.execute(row))
            .map_err(sql)?;
    }
    changed.insert(Changed::Acts(batch.meeting));
    Ok(())
}

fn quarantine(transaction: &Transaction<'_>, entry: &Incoming, error: &Error) -> Result<()> {
    tracing::warn!(
        seq = entry.seq,
        reason = error.code().name(),
        detail = error.detail(),
        "an entry was set aside"
    );
    let row = (
        signed(entry.seq),
        env!("CARGO_PKG_VERSION"),
        error.to_string(),
        &entry.bytes,
        entry.feed().map(|feed| feed.to_bytes()),
    );
    transaction
        .execute("INSERT OR REPLACE INTO quarantine (seq, version, reason, bytes, feed) VALUES (?1, ?2, ?3, ?4, ?5)", row)
        .map(|_| ())
        .map_err(sql)
}

fn put_end(
    transaction: &Transaction<'_>,
    end: &PageEnd,
    head: Option<&LogHead>,
    changed: &mut BTreeSet<Changed>,
) -> Result<()> {
    let mut alarmed = put_head(transaction, head, &end.head, end.office_now)?;
    put_state(transaction, "cursor", &crate::cbor::encode(&end.cursor))?;
    put_state(
        transaction,
        "office",
        &crate::cbor::encode(end.office.as_ref()),
    )?;
    put_state(transaction, "epoch", &end.cursor.epoch.to_be_bytes())?;
    put_state(transaction, "counter", &end.counter.to_be_bytes())?;
    put_state(transaction, "read_token", &end.read_token)?;
    if put_watermark(transaction, end.backed_up, end.office_now)? {
        changed.insert(Changed::Everything);
    }
    put_state(transaction, "lease", &0u64.to_be_bytes())?;
    transaction
        .execute("DELETE FROM state WHERE name = 'refused'", [])
        .map_err(sql)?;
    let all_back = healing::end_page(transaction, end)?;
    if end.complete {
        put_state(
            transaction,
            "synced_at",
            &end.office_now.unix_ms().to_be_bytes(),
        )?;
        transaction
            .execute("DELETE FROM state WHERE name = 'own'", [])
            .map_err(sql)?;
        if all_back {
            alarmed |= miss_publications(transaction, end.office_now)?;
        }
    }
    if alarmed {
        changed.insert(Changed::Alerts);
    }
    Ok(())
}

/// Reads the id of a meeting from a column.
pub(super) fn meeting_id(bytes: &[u8]) -> Result<MeetingId> {
    super::column(bytes, MeetingId::from_slice)
}
