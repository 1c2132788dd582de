//! What the office says, taken in: outcomes, entries, the cursor, and the rows that follow from them.
//!
//! Documents are loaded and tried before the transaction; one that an entry spoils is thrown away
//! and loaded anew, and the entry goes into quarantine. One bad change never stops a sync. Taking in
//! an entry twice changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{OptionalExtension, Transaction};
use serde_json::Value;

use super::{Changed, Store, documents, notes, outbox, put_state, signed, sql};
use crate::{
    document::Document,
    error::{Code, Error, Result},
    ids::{DocumentId, Feed, Hash, Kind, MeetingId, PersonId},
    meeting::{
        Programme,
        act::{Publication, ReceiptBatch, SignedAct},
        content_hash,
    },
    sync::{
        envelope::Envelope,
        session::{Incoming, Page, PageEnd, Step},
        wire::Outcome,
    },
    trust::orders::{Order, Revocation},
};

/// What a page's entries come to, worked out before the transaction.
#[derive(Default)]
struct Taken {
    documents: BTreeMap<DocumentId, (Feed, Document, Vec<u8>)>,
    programmes: BTreeMap<MeetingId, (Publication, Programme)>,
    quarantined: Vec<(usize, Error)>,
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
            Step::ReadAgain => self.meet_again()?,
            Step::Order(order) => return Ok(self.try_order(order)?.into_iter().collect()),
            Step::Page(page) => return self.save_page(page),
        }
        Ok(BTreeSet::new())
    }

    fn save_page(&mut self, page: &Page) -> Result<BTreeSet<Changed>> {
        let person = self.person()?.1;
        let mut taken = self.take_in(&page.entries)?;
        let mut changed = BTreeSet::new();
        self.write(|transaction| {
            for (id, outcome) in &page.outcomes {
                settle(transaction, id, outcome, &mut changed)?;
            }
            for (id, (feed, document, changes)) in &mut taken.documents {
                documents::store_changes(transaction, *id, *feed, changes, document)?;
                if matches!(feed, Feed::Notes(_)) {
                    notes::project(transaction, *id, document)?;
                    changed.insert(Changed::Note(*id));
                }
            }
            for (index, entry) in page.entries.iter().enumerate() {
                let bad = taken
                    .quarantined
                    .iter()
                    .find(|(at, _)| *at == index)
                    .map(|(_, error)| error);
                match (&entry.envelope, bad) {
                    (Ok(envelope), None) => {
                        keep(transaction, entry, envelope, person, &mut changed)?
                    }
                    (Err(error), _) | (Ok(_), Some(error)) => {
                        quarantine(transaction, entry, error)?
                    }
                }
            }
            for (meeting, (publication, programme)) in &taken.programmes {
                project_programme(transaction, publication, programme)?;
                changed.insert(Changed::Meeting(*meeting));
            }
            page.end
                .as_ref()
                .map_or(Ok(()), |end| put_end(transaction, end))
        })?;
        for (id, (_, document, _)) in taken.documents {
            self.keep_open(id, document);
        }
        if page.end.is_some() {
            self.custody.lease.met();
        }
        Ok(changed)
    }

    /// Tries the entries on documents in memory.
    fn take_in(&mut self, entries: &[Incoming]) -> Result<Taken> {
        let mut taken = Taken::default();
        for (index, entry) in entries.iter().enumerate() {
            let Ok(envelope) = &entry.envelope else {
                continue;
            };
            let tried = match envelope.header().kind {
                Kind::Changes => self.take_changes(envelope, &mut taken),
                Kind::Publication => self.take_publication(envelope, &mut taken),
                Kind::Act => SignedAct::decode(envelope.payload()).map(|_| ()),
                Kind::Receipts => {
                    crate::cbor::decode::<ReceiptBatch>(envelope.payload(), "receipts").map(|_| ())
                }
                Kind::Revocation => {
                    crate::cbor::decode::<Revocation>(envelope.payload(), "revocation").map(|_| ())
                }
                Kind::Order => {
                    crate::cbor::decode::<Order>(envelope.payload(), "order").map(|_| ())
                }
                Kind::Certificate
                | Kind::Grant
                | Kind::Withdrawal
                | Kind::Audit
                | Kind::Tombstone
                | Kind::OfficeKey
                | Kind::Vault
                | Kind::Snapshot
                | Kind::Bundle
                | Kind::Other(_) => Ok(()),
            };
            if let Err(error) = tried {
                let bad =
                    [Code::Malformed, Code::NewerProtocol, Code::TooLarge].contains(&error.code());
                if !bad {
                    return Err(error);
                }
                taken.quarantined.push((index, error));
            }
        }
        Ok(taken)
    }

    fn take_changes(&mut self, envelope: &Envelope, taken: &mut Taken) -> Result<()> {
        let header = envelope.header();
        if header.sealed.is_some() {
            return Err(Error::new(Code::NewerProtocol, "a sealed payload"));
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
        match tried.apply(envelope.payload()) {
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

    fn take_publication(&mut self, envelope: &Envelope, taken: &mut Taken) -> Result<()> {
        let publication: Publication =
            crate::cbor::decode_canonical(envelope.payload(), "publication")?;
        if envelope.header().feed != Feed::Programme(publication.meeting) {
            return Err(Error::new(
                Code::Malformed,
                "publication: in another meeting's feed",
            ));
        }
        let shown = match taken.programmes.get(&publication.meeting) {
            Some((newest, _)) => newest.number,
            None => self.shown_number(publication.meeting)?,
        };
        if publication.number <= shown {
            return Ok(());
        }
        let id = envelope.header().document;
        let content = match taken.documents.get_mut(&id) {
            Some((_, document, _)) => document.at(&publication.heads)?.to_json()?,
            None => {
                let Some(mut document) = self.load_document(id)? else {
                    return Err(Error::new(
                        Code::Malformed,
                        "publication: of a document that is not here",
                    ));
                };
                let content = document
                    .at(&publication.heads)
                    .and_then(|document| document.to_json());
                self.keep_open(id, document);
                content?
            }
        };
        if content_hash(&content) != publication.content {
            return Err(Error::new(
                Code::Malformed,
                "publication: the content is not the one published",
            ));
        }
        let programme = Programme::from_json(&content)?;
        taken
            .programmes
            .insert(publication.meeting, (publication, programme));
        Ok(())
    }

    fn shown_number(&self, meeting: MeetingId) -> Result<u64> {
        let number: Option<i64> = self
            .connection
            .query_row(
                "SELECT number FROM meeting WHERE id = ?1",
                [meeting.as_bytes()],
                |row| row.get(0),
            )
            .optional()
            .map_err(sql)?;
        Ok(number.map_or(0, super::unsigned))
    }
}

fn settle(
    transaction: &Transaction<'_>,
    id: &Hash,
    outcome: &Outcome,
    changed: &mut BTreeSet<Changed>,
) -> Result<()> {
    let Some(envelope) = outbox::settle(transaction, id, outcome)? else {
        return Ok(());
    };
    if envelope.header().kind == Kind::Act {
        let (_, act) = SignedAct::decode(envelope.payload())?;
        changed.insert(Changed::Acts(act.meeting));
    } else {
        changed.insert(Changed::Note(envelope.header().document));
    }
    Ok(())
}

/// Keeps an entry that was taken in, and the rows of records.
fn keep(
    transaction: &Transaction<'_>,
    entry: &Incoming,
    envelope: &Envelope,
    person: PersonId,
    changed: &mut BTreeSet<Changed>,
) -> Result<()> {
    let header = envelope.header();
    transaction
        .prepare_cached(
            "INSERT INTO feed (feed, feed_seq) VALUES (?1, ?2)
             ON CONFLICT (feed) DO UPDATE SET feed_seq = max(feed_seq, ?2)",
        )
        .and_then(|mut statement| {
            statement.execute((header.feed.to_bytes(), signed(entry.feed_seq)))
        })
        .map_err(sql)?;
    let changes = matches!(header.kind, Kind::Changes | Kind::Bundle);
    if !changes {
        let row = (
            envelope.id().as_bytes().to_vec(),
            signed(entry.seq),
            header.feed.to_bytes(),
            header.kind.number(),
            &entry.bytes,
        );
        transaction
            .prepare_cached("INSERT OR IGNORE INTO kept (envelope, seq, feed, kind, bytes) VALUES (?1, ?2, ?3, ?4, ?5)")
            .and_then(|mut statement| statement.execute(row))
            .map_err(sql)?;
    }
    match (header.kind, header.feed) {
        (Kind::Act, Feed::Outbox(owner)) if owner == person => {
            keep_act(transaction, entry, envelope, changed)
        }
        (Kind::Receipts, Feed::Receipts(_)) => keep_receipts(transaction, entry, envelope, changed),
        _ => Ok(()),
    }
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
             WHERE seq IS NULL OR seq > ?4",
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
    );
    transaction
        .execute("INSERT OR REPLACE INTO quarantine (seq, version, reason, bytes) VALUES (?1, ?2, ?3, ?4)", row)
        .map(|_| ())
        .map_err(sql)
}

fn put_end(transaction: &Transaction<'_>, end: &PageEnd) -> Result<()> {
    put_state(transaction, "cursor", &crate::cbor::encode(&end.cursor))?;
    put_state(transaction, "epoch", &end.cursor.epoch.to_be_bytes())?;
    put_state(transaction, "counter", &end.counter.to_be_bytes())?;
    put_state(transaction, "read_token", &end.read_token)?;
    put_state(transaction, "backed_up", &end.backed_up.to_be_bytes())?;
    put_state(transaction, "lease", &0u64.to_be_bytes())?;
    transaction
        .execute("DELETE FROM state WHERE name = 'refused'", [])
        .map_err(sql)?;
    if end.complete {
        put_state(
            transaction,
            "synced_at",
            &end.office_now.unix_ms().to_be_bytes(),
        )?;
        transaction
            .execute("DELETE FROM state WHERE name = 'own'", [])
            .map_err(sql)?;
    }
    Ok(())
}

/// Writes a published programme as rows in place of those of the publication before.
fn project_programme(
    transaction: &Transaction<'_>,
    publication: &Publication,
    programme: &Programme,
) -> Result<()> {
    let meeting = publication.meeting.as_bytes();
    let content = programme.to_json();
    let part = |name: &str| {
        content
            .get(name)
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default()
    };
    let mut head = content.clone();
    if let Some(head) = head.as_object_mut() {
        for rows in ["items", "papers", "outcomes"] {
            head.remove(rows);
        }
    }
    transaction
        .execute(
            "INSERT OR REPLACE INTO meeting (id, number, content, note, published_at, sort_key, programme)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            (
                meeting,
                signed(publication.number),
                publication.content.as_bytes(),
                &publication.note,
                signed(publication.published_at.unix_ms()),
                sort_key(programme),
                head.to_string(),
            ),
        )
        .map_err(sql)?;
    for (table, parent) in [
        ("item", "items"),
        ("paper", "papers"),
        ("outcome", "outcomes"),
    ] {
        transaction
            .execute(
                &format!("DELETE FROM {table} WHERE meeting = ?1"),
                [meeting],
            )
            .map_err(sql)?;
        for (id, value) in part(parent) {
            let inserted = if table == "item" {
                let order_key = value
                    .get("order_key")
                    .and_then(Value::as_str)
                    .unwrap_or_default();
                transaction
                    .prepare_cached("INSERT INTO item (meeting, id, order_key, content) VALUES (?1, ?2, ?3, ?4)")
                    .and_then(|mut statement| statement.execute((meeting, id, order_key, value.to_string())))
            } else {
                transaction
                    .prepare_cached(&format!(
                        "INSERT INTO {table} (meeting, id, content) VALUES (?1, ?2, ?3)"
                    ))
                    .and_then(|mut statement| statement.execute((meeting, id, value.to_string())))
            };
            inserted.map_err(sql)?;
        }
    }
    for file in programme
        .papers
        .values()
        .flat_map(|paper| paper.file.iter().chain(&paper.text_file))
    {
        transaction
            .execute(
                "INSERT OR IGNORE INTO file (hash, length) VALUES (?1, ?2)",
                (file.hash.as_bytes(), signed(file.length)),
            )
            .map_err(sql)?;
    }
    Ok(())
}

/// A text by which meetings sort in time; one without a date comes last.
fn sort_key(programme: &Programme) -> String {
    programme.meeting.when.as_ref().map_or_else(
        || "~".to_owned(),
        |when| when.sort_key().map(|part| format!("{part:05}")).join("-"),
    )
}

/// Reads the id of a meeting from a column.
pub(super) fn meeting_id(bytes: &[u8]) -> Result<MeetingId> {
    super::column(bytes, MeetingId::from_slice)
}
