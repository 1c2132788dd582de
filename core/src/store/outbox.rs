//! What this device has written and the office has not settled.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{OptionalExtension, Row, Transaction};

use super::{
    Changed, Store,
    alerts::{expect_publications, put_alert, rolled_back},
    column,
    devices::offer_former,
    durability, membership, put_state, rebuild, signed, snapshots, sql, unsigned,
    vault::{self, Sealing},
};
use crate::{
    error::{Code, Result},
    ids::{DeviceId, DocumentId, Feed, Hash, Kind},
    limits::{NOTE_PLAIN_BYTES_MAX, REQUEST_ENVELOPES_MAX},
    meeting::act::SignedAct,
    sync::{
        envelope::{Chain, Envelope, Subject},
        session::{Parties, Pending, Work},
        wire::Outcome,
    },
    time::Timestamp,
    trust::{
        enrol::{Certificate, Signed},
        keys::PublicKey,
        vault::chain::{chain_document, index_document},
    },
};

impl Store {
    /// Returns who takes part in the conversation with the office.
    ///
    /// # Errors
    /// [`Code::NotEnrolled`].
    pub fn parties(&self) -> Result<Parties> {
        let identity = self.identity()?.ok_or(Code::NotEnrolled)?;
        Ok(Parties {
            log: identity.certificate.log,
            office: self.office_keys()?.ok_or(Code::NotEnrolled)?,
            device: self.device(),
        })
    }

    /// Returns what a request is made of. `dice` is random and used nowhere else: notes are sealed
    /// with it.
    ///
    /// # Errors
    /// [`Code::NotEnrolled`], [`Code::Storage`].
    pub fn work(&self, dice: [u8; 32]) -> Result<Work> {
        let incarnation = self.incarnation()?;
        let (behind, anew) = (self.behind()?.is_some(), self.anew()?);
        // What is written on top of what the office has lost comes after that.
        let heals = self.state("healing")?.is_some() && self.state("healing_read")?.is_none();
        let quiet = behind || anew.is_some() || heals;
        let cursor = self.cursor()?;
        // Of a log that was read up to its head the cursor tells as much.
        let read = match (&cursor, self.head()?) {
            (Some(cursor), Some(head)) => cursor.seq >= head.seq,
            (Some(_), None) => true,
            (None, _) => false,
        };
        let head = if read { None } else { self.signed_head()? };
        let (unsettled, pending) = if quiet {
            (Vec::new(), Vec::new())
        } else {
            let pending = self.pending(self.sealing(dice)?)?;
            (self.unsettled(incarnation)?, pending)
        };
        Ok(Work {
            epoch: self
                .number("epoch")?
                .and_then(|epoch| u32::try_from(epoch).ok())
                .unwrap_or(1),
            cursor,
            counter: self.number("counter")?.unwrap_or(0),
            chain: self.chain(incarnation)?,
            unsettled,
            pending,
            behind,
            quiet,
            anew,
            keys: self.keys()?,
            revoked: self.revocations()?,
            unsent: self.unsent()?,
            own: self.state("own")?.is_some(),
            backfill: self.missing_ranges()?,
            parked: self.has_parked()?,
            owed: self.owed()?,
            head,
        })
    }

    /// Returns the number of changes and acts that the office has not settled. What the device
    /// writes for the vault itself is not among them.
    ///
    /// # Errors
    /// [`Code::Storage`].
    pub fn unsent(&self) -> Result<u64> {
        let Some(identity) = self.identity()? else {
            return Ok(0);
        };
        let owner = identity.certificate.person;
        let count = "SELECT (SELECT count(*) FROM pending WHERE document NOT IN (?1, ?2) AND kind <> ?3)
             + (SELECT count(*) FROM envelope WHERE outcome IS NULL AND internal = 0 AND document NOT IN (?1, ?2))";
        let internal = (
            *chain_document(owner).as_bytes(),
            *index_document(owner).as_bytes(),
            Kind::Snapshot.number(),
        );
        self.connection
            .query_row(count, internal, |row| row.get(0))
            .map(unsigned)
            .map_err(sql)
    }

    fn chain(&self, incarnation: u32) -> Result<Chain> {
        let newest = "SELECT device_seq, id FROM envelope WHERE incarnation = ?1 ORDER BY device_seq DESC LIMIT 1";
        let mut statement = self.connection.prepare_cached(newest).map_err(sql)?;
        let mut rows = statement.query([incarnation]).map_err(sql)?;
        let mut chain = Chain::start(self.device(), incarnation);
        if let Some(row) = rows.next().map_err(sql)? {
            let id: Vec<u8> = row.get(1).map_err(sql)?;
            chain.device_seq = unsigned(row.get(0).map_err(sql)?);
            chain.newest = column(&id, Hash::from_slice)?;
        }
        Ok(chain)
    }

    fn unsettled(&self, incarnation: u32) -> Result<Vec<Envelope>> {
        let query = "SELECT bytes FROM envelope WHERE incarnation = ?1 AND outcome IS NULL ORDER BY device_seq LIMIT ?2";
        let mut statement = self.connection.prepare_cached(query).map_err(sql)?;
        let limit = signed(REQUEST_ENVELOPES_MAX as u64 + 1);
        let rows = statement
            .query_map((incarnation, limit), |row| row.get::<_, Vec<u8>>(0))
            .map_err(sql)?;
        rows.map(|bytes| Envelope::decode(&bytes.map_err(sql)?))
            .collect()
    }

    /// Returns what is in no envelope yet: the changes of one document together, as far as a
    /// payload holds them, in the place of the first; each act by itself. Notes are sealed; while that
    /// cannot be, they wait, and so do documents that are to be made anew.
    fn pending(&self, sealing: Option<Sealing>) -> Result<Vec<Pending>> {
        let Some(identity) = self.identity()? else {
            return Err(Code::NotEnrolled.into());
        };
        let log = identity.certificate.log;
        let query = "SELECT n, feed, document, kind, generation, payload, at FROM pending
            WHERE document NOT IN (SELECT document FROM rebuild) ORDER BY n LIMIT 20000";
        let mut statement = self.connection.prepare_cached(query).map_err(sql)?;
        let mut rows = statement.query([]).map_err(sql)?;
        let mut all: Vec<Pending> = Vec::new();
        let mut growing: BTreeMap<DocumentId, usize> = BTreeMap::new();
        while let Some(row) = rows.next().map_err(sql)? {
            let next = pending_row(row, log)?;
            if sealing.is_none() && vault::is_sealed(next.subject.feed, next.subject.kind) {
                continue;
            }
            let document = next.subject.document;
            let open = growing.get(&document).and_then(|&at| all.get_mut(at));
            match open {
                Some(open)
                    if next.subject == open.subject
                        && next.subject.kind == Kind::Changes
                        && open.payload.len() + next.payload.len() <= NOTE_PLAIN_BYTES_MAX =>
                {
                    open.payload.extend(next.payload);
                    open.covers = next.covers;
                }
                _ => {
                    if all.len() > REQUEST_ENVELOPES_MAX {
                        break;
                    }
                    growing.insert(document, all.len());
                    all.push(next);
                }
            }
        }
        if let Some(mut sealing) = sealing {
            for pending in &mut all {
                if vault::is_sealed(pending.subject.feed, pending.subject.kind) {
                    sealing.seal(pending)?;
                }
            }
        }
        Ok(all)
    }

    /// Returns the keys by which other devices' envelopes are checked.
    fn keys(&self) -> Result<BTreeMap<DeviceId, PublicKey>> {
        let query = "SELECT bytes FROM kept WHERE kind = ?1";
        let mut statement = self.connection.prepare_cached(query).map_err(sql)?;
        let rows = statement
            .query_map([Kind::Certificate.number()], |row| row.get::<_, Vec<u8>>(0))
            .map_err(sql)?;
        let mut keys = BTreeMap::new();
        for bytes in rows {
            let envelope = Envelope::decode(&bytes.map_err(sql)?)?;
            let signed: Signed = crate::cbor::decode(envelope.payload(), "certificate")?;
            let certificate: Certificate = signed.unverified()?;
            keys.insert(certificate.device(), certificate.key);
        }
        Ok(keys)
    }

    /// Stores new envelopes and takes what they cover out of the pending rows.
    pub(super) fn save_envelopes(&mut self, envelopes: &[(Envelope, i64)]) -> Result<()> {
        self.write(|transaction| {
            for (envelope, covers) in envelopes {
                let header = envelope.header();
                transaction
                    .prepare_cached(
                        "INSERT INTO envelope (incarnation, device_seq, id, document, bytes, internal) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                    )
                    .and_then(|mut statement| {
                        statement.execute((
                            header.incarnation,
                            signed(header.device_seq),
                            envelope.id().as_bytes(),
                            header.document.as_bytes(),
                            envelope.encode(),
                            header.kind == Kind::Snapshot,
                        ))
                    })
                    .map_err(sql)?;
                transaction
                    .prepare_cached("DELETE FROM pending WHERE document = ?1 AND n <= ?2")
                    .and_then(|mut statement| statement.execute((header.document.as_bytes(), covers)))
                    .map_err(sql)?;
            }
            Ok(())
        })
    }

    /// Offers the envelopes after `device_seq` again.
    pub(super) fn unsettle(&mut self, device_seq: u64) -> Result<()> {
        let incarnation = self.incarnation()?;
        self.write(|transaction| offer_again(transaction, incarnation, device_seq))
    }

    /// Reads the log again from the beginning at the next sync, one's own envelopes among it.
    pub(super) fn read_again(&mut self) -> Result<()> {
        self.write(forget_cursor)
    }

    /// Meets an office whose log is not the one known: reads it again, and offers every envelope of
    /// this incarnation again. What the office has it knows by id; what it has lost it gets back. So
    /// does the chain of devices, whoever wrote it. Of its own documents the office may have another
    /// history by now: they are made anew of what it serves, while what was published stays shown.
    pub(super) fn meet_again(&mut self) -> Result<BTreeSet<Changed>> {
        let incarnation = self.incarnation()?;
        let steps = self.steps_again()?;
        let (head, at) = (self.head()?, self.synced_at()?.unwrap_or_default());
        let alarmed = self.write(|transaction| {
            forget_cursor(transaction)?;
            // Whatever the office's epoch is, this device comes from another log.
            put_state(transaction, "epoch", &0_u32.to_be_bytes())?;
            offer_former(transaction)?;
            offer_again(transaction, incarnation, 0)?;
            put_steps(transaction, &steps)?;
            forget_programmes(transaction)?;
            expect_publications(transaction)?;
            match head {
                Some(head) => put_alert(transaction, &rolled_back(&head, at)),
                None => Ok(false),
            }
        })?;
        self.open.clear();
        Ok(alarmed.then_some(Changed::Alerts).into_iter().collect())
    }
}

/// Hands steps of the chain of devices in once more. They are signed by themselves, so it does not
/// matter who brings them; the office takes those that follow what it has.
pub(super) fn put_steps(
    transaction: &Transaction<'_>,
    steps: &[(Feed, DocumentId, Vec<u8>)],
) -> Result<()> {
    for (feed, document, step) in steps {
        let (kind, at) = (Kind::Vault, Timestamp::default());
        put_pending(transaction, *feed, *document, kind, step, at)?;
    }
    Ok(())
}

pub(super) fn forget_cursor(transaction: &Transaction<'_>) -> Result<()> {
    transaction
        .execute("DELETE FROM state WHERE name = 'cursor'", [])
        .map_err(sql)?;
    transaction
        .execute("DELETE FROM checkpoint", [])
        .map_err(sql)?;
    membership::forget_progress(transaction)?;
    rebuild::begin_again(transaction)?;
    put_state(transaction, "own", &[1])
}

/// Drops the histories of what an office writes, drafts and programmes, and the head of the log that they
/// came from.
pub(super) fn forget_programmes(transaction: &Transaction<'_>) -> Result<()> {
    transaction
        .execute_batch(
            "DELETE FROM document_change WHERE document IN
                (SELECT id FROM document WHERE substr(feed, 1, 1) IN (x'02', x'03', x'04', x'05'));
             DELETE FROM document WHERE substr(feed, 1, 1) IN (x'02', x'03', x'04', x'05');
             DELETE FROM state WHERE name = 'head';",
        )
        .map_err(sql)
}

pub(super) fn offer_again(
    transaction: &Transaction<'_>,
    incarnation: u32,
    device_seq: u64,
) -> Result<()> {
    transaction
        .execute(
            "UPDATE envelope SET outcome = NULL, reason = NULL WHERE incarnation = ?1 AND device_seq > ?2",
            (incarnation, signed(device_seq)),
        )
        .map(|_| ())
        .map_err(sql)
}

fn pending_row(row: &Row<'_>, log: crate::ids::LogId) -> Result<Pending> {
    let (feed, document): (Vec<u8>, Vec<u8>) = (row.get(1).map_err(sql)?, row.get(2).map_err(sql)?);
    let kind = Kind::of_number(row.get(3).map_err(sql)?);
    let payload: Vec<u8> = row.get(5).map_err(sql)?;
    Ok(Pending {
        covers: row.get(0).map_err(sql)?,
        subject: Subject {
            log,
            feed: column(&feed, Feed::from_slice)?,
            document: column(&document, DocumentId::from_slice)?,
            kind,
            generation: row.get(4).map_err(sql)?,
            sealed: None,
            covers: snapshots::covered_by(kind, &payload)?,
        },
        payload,
        at: Timestamp::from_unix_ms(unsigned(row.get(6).map_err(sql)?)),
    })
}

/// Puts a change or an act into the outbox, in the transaction that stores it.
pub(super) fn put_pending(
    transaction: &Transaction<'_>,
    feed: Feed,
    document: DocumentId,
    kind: Kind,
    payload: &[u8],
    at: Timestamp,
) -> Result<()> {
    let row = (
        feed.to_bytes(),
        document.as_bytes(),
        kind.number(),
        payload,
        signed(at.unix_ms()),
    );
    transaction
        .prepare_cached(
            "INSERT INTO pending (feed, document, kind, generation, payload, at) VALUES
             (?1, ?2, ?3, coalesce((SELECT generation FROM document WHERE id = ?2), 0), ?4, ?5)",
        )
        .and_then(|mut statement| statement.execute(row))
        .map(|_| ())
        .map_err(sql)
}

/// Notes what became of an envelope. Returns the envelope if the outcome is final and new.
pub(super) fn settle(
    transaction: &Transaction<'_>,
    id: &Hash,
    outcome: &Outcome,
) -> Result<Option<Envelope>> {
    let (name, reason, seq, received_at) = match outcome {
        Outcome::Accepted {
            seq, received_at, ..
        } => (
            "accepted",
            None,
            Some(signed(*seq)),
            Some(signed(received_at.unix_ms())),
        ),
        Outcome::Refused { reason } => ("refused", Some(reason.as_str()), None, None),
        Outcome::Redo { reason } => ("redo", Some(reason.as_str()), None, None),
        Outcome::Held { .. } => return Ok(None),
    };
    let changed = transaction
        .prepare_cached(
            "UPDATE envelope SET outcome = ?2, reason = ?3, seq = ?4, received_at = ?5 WHERE id = ?1 AND outcome IS NULL",
        )
        .and_then(|mut statement| statement.execute((id.as_bytes(), name, reason, seq, received_at)))
        .map_err(sql)?;
    if changed == 0 {
        return Ok(None);
    }
    let bytes: Vec<u8> = transaction
        .prepare_cached("SELECT bytes FROM envelope WHERE id = ?1")
        .and_then(|mut statement| statement.query_row([id.as_bytes()], |row| row.get(0)))
        .map_err(sql)?;
    let envelope = Envelope::decode(&bytes)?;
    let internal = envelope.header().kind == Kind::Vault;
    if let Outcome::Accepted { seq, .. } = outcome {
        durability::reach(transaction, envelope.header().document, *seq)?;
    }
    match outcome {
        // A step that came too late is made anew if it is still wanted.
        _ if internal => vault::settled(transaction)?,
        // One that came too late is made anew when the history has grown.
        _ if envelope.header().kind == Kind::Snapshot => {}
        Outcome::Redo { .. } if vault::put_back(transaction, &envelope)? => {}
        Outcome::Refused { reason } if envelope.header().kind == Kind::Changes => {
            if rebuild::refused(transaction, envelope.header(), reason)? {
                put_not_sent(transaction, id, &envelope, reason)?;
            }
        }
        Outcome::Refused { reason } | Outcome::Redo { reason } => {
            put_not_sent(transaction, id, &envelope, reason)?
        }
        Outcome::Accepted { .. } | Outcome::Held { .. } => {}
    }
    if envelope.header().kind == Kind::Act {
        let (_, act) = SignedAct::decode(envelope.payload())?;
        transaction
            .execute(
                "UPDATE act SET state = ?2, reason = ?3, seq = ?4, received_at = ?5 WHERE id = ?1",
                (act.id.as_bytes(), name, reason, seq, received_at),
            )
            .map_err(sql)?;
    }
    Ok(Some(envelope))
}

/// Puts what was refused for good into the tray, readable.
fn put_not_sent(
    transaction: &Transaction<'_>,
    id: &Hash,
    envelope: &Envelope,
    reason: &str,
) -> Result<()> {
    let header = envelope.header();
    let text = if header.kind == Kind::Act {
        SignedAct::decode(envelope.payload())?.1.words()
    } else {
        let query = "SELECT text FROM note WHERE id = ?1";
        let text: Option<String> = transaction
            .query_row(query, [header.document.as_bytes()], |row| row.get(0))
            .optional()
            .map_err(sql)?;
        text.unwrap_or_default()
    };
    transaction
        .execute(
            "INSERT OR IGNORE INTO not_sent (envelope, document, reason, text, at) VALUES (?1, ?2, ?3, ?4, ?5)",
            (id.as_bytes(), header.document.as_bytes(), reason, text, signed(header.at.unix_ms())),
        )
        .map(|_| ())
        .map_err(sql)
}
