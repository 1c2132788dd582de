//! Documents that are made anew of what the office has.
//!
//! Two things spoil the changes of this device in a document: the office has refused one, so that all
//! behind it stand on something that nobody else has; or a copy of this device has written under the
//! same actor. What the office has is kept, what this device wrote beyond it is brought over by its
//! words, under a new actor. Until then the document is shown and edited as it is, and not sent.

use std::collections::BTreeSet;

use rusqlite::{OptionalExtension, Transaction};

use super::{
    Store, column, documents, inbox::Taken, notes, outbox::put_pending, put_state, sql, vault,
};
use crate::{
    document::{Document, change_hashes},
    error::Result,
    ids::{DocumentId, Feed, Hash, Kind},
    sync::envelope::{Envelope, Header},
    time::Timestamp,
    trust::vault::chain::index_document,
};

/// The reason of an outcome that follows from an earlier one.
const AFTER_REFUSED: &str = "after_refused";

/// A document that is to be made anew, and what the office has of it as far as that was read; `None`
/// after a refusal.
type Rebuild = (DocumentId, Feed, Option<Vec<u8>>);

/// What this device has written in a document and the office has not accepted.
#[derive(Default)]
struct Unsent {
    /// All of it, by the hashes of its changes.
    changes: BTreeSet<Hash>,
    /// What was refused for itself.
    refused: BTreeSet<Hash>,
    /// The envelopes of that.
    envelopes: Vec<Hash>,
}

impl Store {
    /// Makes anew what can be: after a refusal at once, otherwise once the office's log was read again.
    pub(super) fn rebuild_documents(&mut self, now: Timestamp) -> Result<()> {
        for (id, feed, office) in self.rebuilds()? {
            match office {
                None => self.rebuild_after_refusal(id, feed, now)?,
                Some(_) if self.is_being_read(id, feed)? => {}
                Some(bytes) => self.rebuild_from_office(id, feed, &bytes, now)?,
            }
        }
        Ok(())
    }

    fn rebuilds(&self) -> Result<Vec<Rebuild>> {
        let query = "SELECT document, feed, office FROM rebuild ORDER BY rowid";
        let mut statement = self.connection.prepare_cached(query).map_err(sql)?;
        let mut rows = statement.query([]).map_err(sql)?;
        let mut all = Vec::new();
        while let Some(row) = rows.next().map_err(sql)? {
            let (id, feed): (Vec<u8>, Vec<u8>) =
                (row.get(0).map_err(sql)?, row.get(1).map_err(sql)?);
            all.push((
                column(&id, DocumentId::from_slice)?,
                column(&feed, Feed::from_slice)?,
                row.get(2).map_err(sql)?,
            ));
        }
        Ok(all)
    }

    /// Says whether something of a document may still come: the log is being read again, ranges of its
    /// feed are missing, or sealed entries wait for their key, other than those of a vault that was lost.
    fn is_being_read(&self, id: DocumentId, feed: Feed) -> Result<bool> {
        if self.state("own")?.is_some() {
            return Ok(true);
        }
        let query = "SELECT EXISTS (SELECT 1 FROM backfill WHERE feed = ?1)
            OR EXISTS (SELECT 1 FROM parked WHERE feed = ?1)";
        let missing: bool = self
            .connection
            .query_row(query, [feed.to_bytes()], |row| row.get(0))
            .map_err(sql)?;
        if missing {
            return Ok(true);
        }
        let mut statement = self
            .connection
            .prepare_cached(
                // Behind a vault that was lost some wait for ever, also where their own key is here.
                "SELECT bytes FROM unopened
                 WHERE epoch >= ?1 AND (?1 <= 1 OR epoch NOT IN (SELECT epoch FROM vault_key))",
            )
            .map_err(sql)?;
        let rows = statement
            .query_map([self.first_epoch()?], |row| row.get::<_, Vec<u8>>(0))
            .map_err(sql)?;
        for bytes in rows {
            if Envelope::decode(&bytes.map_err(sql)?)?.header().document == id {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn rebuild_from_office(
        &mut self,
        id: DocumentId,
        feed: Feed,
        bytes: &[u8],
        now: Timestamp,
    ) -> Result<()> {
        let (generation, mut here) = self.document_and_generation(id)?;
        let actor = self.actor(id, generation + 1)?;
        let mut office = self.at_office(id, bytes)?;
        let given_back = self.give_back(id, &mut office)?;
        let mut office = office.written_by(actor);
        let changes = office.make_again(&mut here)?;
        let waits = (&given_back[..], &changes[..]);
        self.put_rebuilt((id, feed, generation + 1), office, waits, &[], now)
    }

    fn rebuild_after_refusal(&mut self, id: DocumentId, feed: Feed, now: Timestamp) -> Result<()> {
        let (generation, mut here) = self.document_and_generation(id)?;
        let unsent = self.unsent_changes(id, generation)?;
        let office = here.without(&unsent.changes)?;
        let later: BTreeSet<Hash> = unsent
            .changes
            .difference(&unsent.refused)
            .copied()
            .collect();
        let with_refused = here.without(&later)?;
        let text = with_refused.added(&office, notes::TEXT);
        let tray: Vec<(Hash, String)> = unsent
            .envelopes
            .iter()
            .map(|envelope| (*envelope, text.clone()))
            .collect();
        let mut office = office.written_by(self.actor(id, generation + 1)?);
        // Once more without anything that is wanted it would be refused for ever.
        let changes = if later.is_empty() && generation > 0 && office.heads().is_empty() {
            Vec::new()
        } else {
            office.bring_over(&with_refused, &here)?
        };
        let waits = (&[][..], &changes[..]);
        self.put_rebuilt((id, feed, generation + 1), office, waits, &tray, now)
    }

    /// Takes into what the office has of a document what waits to be given back to it: others may give the
    /// same back. Returns its rows among what waits.
    fn give_back(&self, id: DocumentId, office: &mut Document) -> Result<Vec<i64>> {
        let mut offered = BTreeSet::new();
        let query = "SELECT bytes FROM former_envelope WHERE outcome = 'offered'";
        let mut statement = self.connection.prepare_cached(query).map_err(sql)?;
        let mut rows = statement.query([]).map_err(sql)?;
        while let Some(row) = rows.next().map_err(sql)? {
            let envelope = Envelope::decode(&row.get::<_, Vec<u8>>(0).map_err(sql)?)?;
            if envelope.header().document == id && envelope.header().kind == Kind::Changes {
                offered.extend(self.changes_in(&envelope)?.unwrap_or_default());
            }
        }
        let query = "SELECT n, payload FROM pending WHERE document = ?1 AND kind = ?2 ORDER BY n";
        let mut statement = self.connection.prepare_cached(query).map_err(sql)?;
        let mut rows = statement
            .query((id.as_bytes(), Kind::Changes.number()))
            .map_err(sql)?;
        let mut given_back = Vec::new();
        while let Some(row) = rows.next().map_err(sql)? {
            let payload: Vec<u8> = row.get(1).map_err(sql)?;
            let changes = change_hashes(&payload)?;
            let known = changes.iter().all(|change| offered.contains(change));
            // A copy of a former device may have written under the same actor: then it is made anew.
            let mut tried = office.clone();
            if known && tried.apply(&payload).is_ok() {
                *office = tried;
                given_back.push(row.get(0).map_err(sql)?);
            }
        }
        Ok(given_back)
    }

    /// Returns the hashes of the changes in an envelope; `None` if it cannot be opened.
    pub(super) fn changes_in(&self, envelope: &Envelope) -> Result<Option<Vec<Hash>>> {
        match self.unseal(envelope)? {
            vault::Unsealed::Opened(payload) => change_hashes(&payload).map(Some),
            vault::Unsealed::Plain => change_hashes(envelope.payload()).map(Some),
            vault::Unsealed::Locked => Ok(None),
        }
    }

    fn document_and_generation(&mut self, id: DocumentId) -> Result<(u32, Document)> {
        let generation: Option<u32> = self
            .connection
            .query_row(
                "SELECT generation FROM document WHERE id = ?1",
                [id.as_bytes()],
                |row| row.get(0),
            )
            .optional()
            .map_err(sql)?;
        let generation = generation.unwrap_or(0);
        let document = match self.load_document(id)? {
            Some(document) => document,
            None => Document::new(self.actor(id, generation)?),
        };
        Ok((generation, document))
    }

    fn at_office(&self, id: DocumentId, bytes: &[u8]) -> Result<Document> {
        let actor = self.actor(id, 0)?;
        if bytes.is_empty() {
            return Ok(Document::new(actor));
        }
        Document::load(bytes, actor)
    }

    /// Finds what of a document's generation the office has not accepted.
    fn unsent_changes(&self, id: DocumentId, generation: u32) -> Result<Unsent> {
        let mut unsent = Unsent::default();
        let query = "SELECT bytes, reason FROM envelope
            WHERE document = ?1 AND (outcome IS NULL OR outcome = 'refused')";
        let mut statement = self.connection.prepare_cached(query).map_err(sql)?;
        let mut rows = statement.query([id.as_bytes()]).map_err(sql)?;
        while let Some(row) = rows.next().map_err(sql)? {
            let bytes: Vec<u8> = row.get(0).map_err(sql)?;
            let reason: Option<String> = row.get(1).map_err(sql)?;
            let envelope = Envelope::decode(&bytes)?;
            let header = envelope.header();
            if header.kind != Kind::Changes || header.generation != generation {
                continue;
            }
            let Some(hashes) = self.changes_in(&envelope)? else {
                continue;
            };
            if reason.is_some_and(|reason| reason != AFTER_REFUSED) {
                unsent.refused.extend(&hashes);
                unsent.envelopes.push(envelope.id());
            }
            unsent.changes.extend(hashes);
        }
        let query = "SELECT payload FROM pending WHERE document = ?1 AND kind = ?2";
        let mut statement = self.connection.prepare_cached(query).map_err(sql)?;
        let payloads = statement
            .query_map((id.as_bytes(), Kind::Changes.number()), |row| {
                row.get::<_, Vec<u8>>(0)
            })
            .map_err(sql)?;
        for payload in payloads {
            unsent
                .changes
                .extend(change_hashes(&payload.map_err(sql)?)?);
        }
        Ok(unsent)
    }

    /// Stores a document that was made anew, in place of what it was and of what of it waited, but for the
    /// rows that are given back.
    fn put_rebuilt(
        &mut self,
        (id, feed, generation): (DocumentId, Feed, u32),
        mut document: Document,
        (given_back, changes): (&[i64], &[Vec<u8>]),
        tray: &[(Hash, String)],
        now: Timestamp,
    ) -> Result<()> {
        let index = index_document(self.person()?.1);
        self.write(|transaction| {
            let execute = |statement: &str, values: &[&dyn rusqlite::ToSql]| {
                transaction
                    .execute(statement, values)
                    .map(|_| ())
                    .map_err(sql)
            };
            let document_id = id.as_bytes();
            execute(
                "DELETE FROM document_change WHERE document = ?1",
                &[document_id],
            )?;
            execute(
                "UPDATE document SET saved = ?2, generation = ?3 WHERE id = ?1",
                &[document_id, &document.save(), &generation],
            )?;
            execute(
                "DELETE FROM pending WHERE document = ?1 AND kind = ?2
                    AND n NOT IN (SELECT value FROM json_each(?3))",
                &[
                    document_id,
                    &Kind::Changes.number(),
                    &format!("{given_back:?}"),
                ],
            )?;
            for change in changes {
                put_pending(transaction, feed, id, Kind::Changes, change, now)?;
            }
            for (envelope, text) in tray {
                let change = if text.is_empty() {
                    "DELETE FROM not_sent WHERE envelope = ?1 AND ?2 = ''"
                } else {
                    "UPDATE not_sent SET text = ?2 WHERE envelope = ?1"
                };
                execute(change, &[envelope.as_bytes(), text])?;
            }
            execute("DELETE FROM rebuild WHERE document = ?1", &[document_id])?;
            put_state(transaction, "vault_again", &[1])?;
            if id == index {
                return vault::project_index(transaction, &document);
            }
            if document.heads().is_empty() {
                return execute("DELETE FROM note WHERE id = ?1", &[document_id]);
            }
            notes::project(transaction, id, &document)
        })?;
        tracing::info!(document = %id, generation, "a document was made anew");
        self.rebuilt = true;
        self.keep_open(id, document);
        Ok(())
    }

    /// Takes changes into what the office has of a document that is to be made anew. Returns whether
    /// it is one.
    pub(super) fn take_for_rebuild(
        &self,
        header: &Header,
        take: impl Fn(&mut Document) -> Result<()>,
        taken: &mut Taken,
    ) -> Result<bool> {
        let id = header.document;
        let known = match taken.at_office.remove(&id) {
            Some(document) => Some(document),
            None => {
                let bytes: Option<Vec<u8>> = self
                    .connection
                    .prepare_cached(
                        "SELECT office FROM rebuild WHERE document = ?1 AND office IS NOT NULL",
                    )
                    .and_then(|mut statement| {
                        statement
                            .query_row([id.as_bytes()], |row| row.get(0))
                            .optional()
                    })
                    .map_err(sql)?;
                bytes.map(|bytes| self.at_office(id, &bytes)).transpose()?
            }
        };
        let Some(document) = known else {
            return Ok(false);
        };
        let mut tried = document.clone();
        let applied = take(&mut tried);
        let kept = if applied.is_ok() { tried } else { document };
        taken.at_office.insert(id, kept);
        applied.map(|()| true)
    }
}

/// Keeps what the office has of a document as far as it was read.
pub(super) fn keep(
    transaction: &Transaction<'_>,
    id: DocumentId,
    document: &mut Document,
) -> Result<()> {
    transaction
        .execute(
            "UPDATE rebuild SET office = ?2 WHERE document = ?1",
            (id.as_bytes(), document.save()),
        )
        .map(|_| ())
        .map_err(sql)
}

/// The log is read again from its beginning: so is what the office has of these documents.
pub(super) fn begin_again(transaction: &Transaction<'_>) -> Result<()> {
    transaction
        .execute("UPDATE rebuild SET office = x''", [])
        .map(|_| ())
        .map_err(sql)
}

/// A change was refused: the document is made anew. Returns whether it is a reason of its own, which
/// belongs into the tray.
pub(super) fn refused(
    transaction: &Transaction<'_>,
    header: &Header,
    reason: &str,
) -> Result<bool> {
    let generation: Option<u32> = transaction
        .query_row(
            "SELECT generation FROM document WHERE id = ?1",
            [header.document.as_bytes()],
            |row| row.get(0),
        )
        .optional()
        .map_err(sql)?;
    if generation == Some(header.generation) {
        transaction
            .execute(
                "INSERT OR IGNORE INTO rebuild (document, feed, office) VALUES (?1, ?2, NULL)",
                (header.document.as_bytes(), header.feed.to_bytes()),
            )
            .map_err(sql)?;
        put_state(transaction, "vault_again", &[1])?;
    }
    Ok(generation.is_none() || reason != AFTER_REFUSED)
}

/// Has every document made anew in which something is unsent.
pub(super) fn mark_unsent(transaction: &Transaction<'_>) -> Result<()> {
    let mut unsent: BTreeSet<(DocumentId, Feed)> = BTreeSet::new();
    {
        let query = "SELECT DISTINCT document, feed FROM pending WHERE kind = ?1";
        let mut statement = transaction.prepare_cached(query).map_err(sql)?;
        let mut rows = statement.query([Kind::Changes.number()]).map_err(sql)?;
        while let Some(row) = rows.next().map_err(sql)? {
            let (id, feed): (Vec<u8>, Vec<u8>) =
                (row.get(0).map_err(sql)?, row.get(1).map_err(sql)?);
            unsent.insert((
                column(&id, DocumentId::from_slice)?,
                column(&feed, Feed::from_slice)?,
            ));
        }
        let query = "SELECT bytes FROM envelope WHERE outcome IS NULL";
        let mut statement = transaction.prepare_cached(query).map_err(sql)?;
        let mut rows = statement.query([]).map_err(sql)?;
        while let Some(row) = rows.next().map_err(sql)? {
            let bytes: Vec<u8> = row.get(0).map_err(sql)?;
            let envelope = Envelope::decode(&bytes)?;
            let header = envelope.header();
            if header.kind == Kind::Changes {
                unsent.insert((header.document, header.feed));
            }
        }
    }
    for (id, feed) in unsent {
        mark(transaction, id, feed, &[])?;
    }
    Ok(())
}

/// Has a document made anew that is written while this device reads its own chain back: until now it
/// had nothing unsent in it.
pub(super) fn mark_written(
    transaction: &Transaction<'_>,
    id: DocumentId,
    feed: Feed,
) -> Result<()> {
    let behind: Option<i64> = transaction
        .query_row("SELECT 1 FROM state WHERE name = 'behind'", [], |row| {
            row.get(0)
        })
        .optional()
        .map_err(sql)?;
    if behind.is_none() {
        return Ok(());
    }
    mark(
        transaction,
        id,
        feed,
        &documents::stored_bytes(transaction, id)?,
    )
}

fn mark(transaction: &Transaction<'_>, id: DocumentId, feed: Feed, office: &[u8]) -> Result<()> {
    transaction
        .execute(
            "INSERT OR IGNORE INTO rebuild (document, feed, office) VALUES (?1, ?2, ?3)",
            (id.as_bytes(), feed.to_bytes(), office),
        )
        .map(|_| ())
        .map_err(sql)
}
