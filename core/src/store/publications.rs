//! Programmes as they were published: which are taken, which are shown, and what is noted where the
//! office offers something older or something else.
//!
//! Of each part of a meeting's programme the device shows the newest publication that it has checked,
//! and remembers its number and content for good. A lower number is never shown in its place, nor
//! other content under the same number; both are noted as an [`Alert`](super::Alert).

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension, Row, Transaction};
use serde_json::{Map, Value};

use super::{
    Changed, Store,
    alerts::{AlertKind, Finding, put_alert},
    column,
    inbox::{Taken, meeting_id},
    listing::json_of,
    signed, sql, unsigned,
};
use crate::{
    error::{Code, Error, Result},
    ids::{DeviceId, Feed, Hash, Kind, MeetingId},
    meeting::{
        Programme, canonical_json, content_hash,
        publication::{
            Abandoned, Part, Publication, PublishedBy, ROWS, SignedPublication, programme_of,
        },
    },
    sync::{
        envelope::Envelope,
        healing::SerialNumber,
        proof::{Proof, ProofPart},
        session::Incoming,
    },
    time::Timestamp,
    trust::{enrol::Signed, office_keys::OfficeKeyEntry},
};

/// A publication that is to be shown.
pub(super) struct Accepted {
    publication: Publication,
    by: PublishedBy,
    content: Value,
    envelope: Hash,
}

/// Parts of one meeting, the open one first, each with its content or its head.
pub(super) type Parts = Vec<(Part, Value)>;

/// The newest publication of a part that this device has ever shown.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    number: u64,
    content: Hash,
    feed_seq: u64,
    offered: u64,
}

/// The tables that hold the rows of programmes, in the order of [`ROWS`].
const TABLES: [&str; 3] = ["item", "paper", "outcome"];

impl Store {
    /// Judges a publication that has arrived. What is to be shown or noted goes into `taken`.
    ///
    /// # Errors
    /// [`Code::Malformed`] if it is to be set aside.
    pub(super) fn take_publication(
        &mut self,
        entry: &Incoming,
        envelope: &Envelope,
        taken: &mut Taken,
    ) -> Result<()> {
        let feed = envelope.header().feed;
        let id = envelope.id();
        // Who answers for it was checked when it arrived.
        let (signed, publication) = SignedPublication::decode(envelope.payload())?;
        let by = signed.claimed_by();
        let shown = match taken.programmes.get(&feed) {
            Some(accepted) => Some(accepted.publication.number),
            None => self.shown_number(feed)?,
        };
        let seen = match taken.seen.get(&feed) {
            Some(seen) => Some(*seen),
            None => self.seen(feed)?,
        };
        let mut finding = |kind, finding: String, detail: String| {
            taken.findings.push(Finding {
                kind,
                finding: format!("{feed}:{finding}"),
                meeting: Some(publication.meeting),
                detail,
                at: entry.received_at,
            });
        };
        let number = publication.number;
        let mut now = seen.unwrap_or(Seen {
            number: 0,
            content: Hash::ZERO,
            feed_seq: 0,
            offered: 0,
        });
        now.offered = now.offered.max(number);
        let show = match seen {
            Some(seen) if number < seen.number => {
                let again = self.is_kept(&id)?;
                if shown.is_some() && !again && entry.feed_seq > seen.feed_seq {
                    finding(
                        AlertKind::Older,
                        format!("{}:{number}", seen.number),
                        format!("{number} < {}", seen.number),
                    );
                }
                false
            }
            Some(seen) if number == seen.number && publication.content != seen.content => {
                finding(AlertKind::Fork, number.to_string(), number.to_string());
                false
            }
            Some(seen) if number == seen.number => {
                now.feed_seq = entry.feed_seq;
                shown.is_none_or(|shown| shown < seen.number)
            }
            Some(seen) => {
                let follows = publication.base_number > seen.number
                    || (publication.base_number, publication.base) == (seen.number, seen.content);
                let is_named = publication.abandons.contains(&Abandoned {
                    number: seen.number,
                    content: seen.content,
                });
                if is_named {
                    finding(
                        AlertKind::Abandoned,
                        seen.number.to_string(),
                        SerialNumber::new(seen.number).to_string(),
                    );
                } else if !follows {
                    let base = publication.base_number;
                    finding(AlertKind::Fork, base.to_string(), base.to_string());
                }
                true
            }
            None => true,
        };
        if show {
            let content = self.published_content(envelope, &publication, taken)?;
            now.number = number;
            now.content = publication.content;
            now.feed_seq = entry.feed_seq;
            let accepted = Accepted {
                publication,
                by,
                content,
                envelope: id,
            };
            taken.programmes.insert(feed, accepted);
        }
        taken.seen.insert(feed, now);
        Ok(())
    }

    /// Returns the content that a publication names, from its document.
    fn published_content(
        &mut self,
        envelope: &Envelope,
        publication: &Publication,
        taken: &mut Taken,
    ) -> Result<Value> {
        let id = envelope.header().document;
        let wrong = |what: &str| Error::new(Code::Malformed, format_args!("publication: {what}"));
        let content = match taken.documents.get_mut(&id) {
            Some((_, document, _)) => document.json_at(&publication.heads)?,
            None => {
                let Some(mut document) = self.load_document(id)? else {
                    return Err(wrong("of a document that is not here"));
                };
                let content = document.json_at(&publication.heads);
                self.keep_open(id, document);
                content?
            }
        };
        if content_hash(&content) != publication.content {
            return Err(wrong("the content is not the one published"));
        }
        // What cannot be read is not shown.
        Programme::from_json(&content)?;
        Ok(content)
    }

    pub(super) fn shown_number(&self, feed: Feed) -> Result<Option<u64>> {
        self.connection
            .prepare_cached("SELECT number FROM programme WHERE feed = ?1")
            .and_then(|mut statement| {
                statement
                    .query_row([feed.to_bytes()], |row| row.get(0))
                    .optional()
            })
            .map(|number| number.map(unsigned))
            .map_err(sql)
    }

    fn seen(&self, feed: Feed) -> Result<Option<Seen>> {
        let query = "SELECT number, content, feed_seq, offered FROM seen WHERE feed = ?1";
        let row: Option<(i64, Vec<u8>, i64, i64)> = self
            .connection
            .prepare_cached(query)
            .and_then(|mut statement| {
                statement
                    .query_row([feed.to_bytes()], |row| {
                        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
                    })
                    .optional()
            })
            .map_err(sql)?;
        row.map(|(number, content, feed_seq, offered)| {
            Ok(Seen {
                number: unsigned(number),
                content: column(&content, Hash::from_slice)?,
                feed_seq: unsigned(feed_seq),
                offered: unsigned(offered),
            })
        })
        .transpose()
    }

    fn is_kept(&self, envelope: &Hash) -> Result<bool> {
        self.connection
            .prepare_cached("SELECT 1 FROM kept WHERE envelope = ?1")
            .and_then(|mut statement| statement.exists([envelope.as_bytes()]))
            .map_err(sql)
    }

    /// Returns the parts of a meeting's programme as they are shown, each with its content.
    pub(super) fn parts(&self, meeting: MeetingId) -> Result<Parts> {
        let query = format!("SELECT {PART} FROM programme WHERE meeting = ?1 ORDER BY feed");
        let mut statement = self.connection.prepare_cached(&query).map_err(sql)?;
        let mut rows = statement.query([meeting.as_bytes()]).map_err(sql)?;
        let mut parts = Vec::new();
        while let Some(row) = rows.next().map_err(sql)? {
            let (feed, part, mut content) = part_of_row(row)?;
            if let Some(content) = content.as_object_mut() {
                for (table, parent) in TABLES.into_iter().zip(ROWS) {
                    content.insert(parent.to_owned(), self.rows(table, feed)?.into());
                }
            }
            parts.push((part, content));
        }
        Ok(parts)
    }

    fn rows(&self, table: &str, feed: Feed) -> Result<Map<String, Value>> {
        let mut statement = self
            .connection
            .prepare_cached(&format!("SELECT id, content FROM {table} WHERE feed = ?1"))
            .map_err(sql)?;
        let mut rows = statement.query([feed.to_bytes()]).map_err(sql)?;
        let mut map = Map::new();
        while let Some(row) = rows.next().map_err(sql)? {
            let content: String = row.get(1).map_err(sql)?;
            map.insert(row.get(0).map_err(sql)?, json_of(&content)?);
        }
        Ok(map)
    }

    /// Returns of all meetings their parts without rows, in the order of their time; those without a
    /// date come last. A meeting of which there is nothing but emptied circles is left out.
    pub(super) fn meeting_parts(&self) -> Result<Vec<(MeetingId, Parts)>> {
        let query = format!(
            "SELECT {PART}, meeting, sort_key FROM programme
             WHERE meeting IN (SELECT meeting FROM programme WHERE substr(feed, 1, 1) = x'04'
                UNION SELECT meeting FROM item UNION SELECT meeting FROM paper UNION SELECT meeting FROM outcome)
             ORDER BY feed"
        );
        let mut statement = self.connection.prepare_cached(&query).map_err(sql)?;
        let mut rows = statement.query([]).map_err(sql)?;
        let mut meetings: BTreeMap<MeetingId, (String, Parts)> = BTreeMap::new();
        while let Some(row) = rows.next().map_err(sql)? {
            let (_, part, head) = part_of_row(row)?;
            let id: Vec<u8> = row.get("meeting").map_err(sql)?;
            let sort_key: String = row.get("sort_key").map_err(sql)?;
            // The open part comes first.
            let (_, parts) = meetings
                .entry(meeting_id(&id)?)
                .or_insert_with(|| (sort_key, Vec::new()));
            parts.push((part, head));
        }
        let mut meetings: Vec<_> = meetings.into_iter().collect();
        meetings.sort_by(|(a, (at, _)), (b, (bt, _))| (at, a).cmp(&(bt, b)));
        let without_keys = meetings.into_iter().map(|(id, (_, parts))| (id, parts));
        Ok(without_keys.collect())
    }

    /// Returns the original bytes by which this device can show, without an office, which version of a
    /// meeting's programme it has read.
    ///
    /// # Errors
    /// [`Code::MeetingUnknown`]; [`Code::NotEnrolled`], [`Code::Storage`].
    pub fn publication_proof(&self, meeting: MeetingId) -> Result<Proof> {
        let office = self.office_keys()?.ok_or(Code::NotEnrolled)?;
        let statements = self.online_statements()?;
        let query =
            "SELECT kept.bytes FROM programme JOIN kept ON kept.envelope = programme.envelope
             WHERE programme.meeting = ?1 ORDER BY programme.feed";
        let mut statement = self.connection.prepare_cached(query).map_err(sql)?;
        let records = statement
            .query_map([meeting.as_bytes()], |row| row.get::<_, Vec<u8>>(0))
            .map_err(sql)?;
        let mut parts = Vec::new();
        for (record, (_, content)) in records.zip(self.parts(meeting)?) {
            let record = record.map_err(sql)?;
            let author = Envelope::decode(&record)?.header().device;
            let online = statements.get(&author);
            parts.push(ProofPart {
                online: online.unwrap_or_else(|| office.newest_signed()).clone(),
                envelope: record.into(),
                content: canonical_json(&content),
            });
        }
        if parts.is_empty() {
            return Err(Error::new(Code::MeetingUnknown, meeting));
        }
        Ok(Proof::new(&office, parts))
    }

    /// Returns the root's statements about the online keys that the log has named, by their keys.
    pub(super) fn online_statements(&self) -> Result<BTreeMap<DeviceId, Signed>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT bytes FROM kept WHERE kind = ?1")
            .map_err(sql)?;
        let rows = statement
            .query_map([Kind::OfficeKey.number()], |row| row.get::<_, Vec<u8>>(0))
            .map_err(sql)?;
        let mut statements = BTreeMap::new();
        for bytes in rows {
            let envelope = Envelope::decode(&bytes.map_err(sql)?)?;
            let named: OfficeKeyEntry = crate::cbor::decode(envelope.payload(), "office key")?;
            statements.insert(envelope.header().device, named.online);
        }
        Ok(statements)
    }
}

/// Notes a publication that nobody who may publish answers for.
pub(super) fn unsigned_publication(entry: &Incoming, error: &Error) -> Finding {
    let envelope = Envelope::decode(&entry.bytes).ok();
    let meeting = envelope
        .as_ref()
        .and_then(|it| programme_of(it.header().feed));
    Finding {
        kind: AlertKind::Unsigned,
        finding: envelope.map(|it| it.id().to_string()).unwrap_or_default(),
        meeting: meeting.map(|(meeting, _)| meeting),
        detail: error.detail().to_owned(),
        at: entry.received_at,
    }
}

/// The columns of a part, as [`part_of_row`] reads them.
const PART: &str = "feed, number, content, note, published_at, signed_by, head";

fn part_of_row(row: &Row<'_>) -> Result<(Feed, Part, Value)> {
    let (feed, content): (Vec<u8>, Vec<u8>) = (row.get(0).map_err(sql)?, row.get(2).map_err(sql)?);
    let feed = column(&feed, Feed::from_slice)?;
    let head: String = row.get(6).map_err(sql)?;
    let part = Part {
        circle: programme_of(feed).and_then(|(_, circle)| circle),
        number: unsigned(row.get(1).map_err(sql)?),
        content: column(&content, Hash::from_slice)?,
        published_at: Timestamp::from_unix_ms(unsigned(row.get(4).map_err(sql)?)),
        note: row.get(3).map_err(sql)?,
        by: PublishedBy::of_secretary(row.get(5).map_err(sql)?),
    };
    Ok((feed, part, json_of(&head)?))
}

/// Writes what is to be shown, and what was seen.
pub(super) fn store_publications(
    transaction: &Transaction<'_>,
    taken: &Taken,
    changed: &mut std::collections::BTreeSet<Changed>,
) -> Result<()> {
    for (feed, accepted) in &taken.programmes {
        project(transaction, *feed, accepted)?;
        changed.insert(Changed::Meeting(accepted.publication.meeting));
    }
    for (feed, seen) in &taken.seen {
        let row = (
            feed.to_bytes(),
            signed(seen.number),
            seen.content.as_bytes(),
            signed(seen.feed_seq),
            signed(seen.offered),
        );
        transaction
            .prepare_cached(
                "INSERT OR REPLACE INTO seen (feed, number, content, feed_seq, offered) VALUES (?1, ?2, ?3, ?4, ?5)",
            )
            .and_then(|mut statement| statement.execute(row))
            .map_err(sql)?;
    }
    for finding in &taken.findings {
        if put_alert(transaction, finding)? {
            changed.insert(Changed::Alerts);
        }
    }
    Ok(())
}

/// Writes a part as rows in place of those of the publication before.
fn project(transaction: &Transaction<'_>, feed: Feed, accepted: &Accepted) -> Result<()> {
    let publication = &accepted.publication;
    let meeting = publication.meeting.as_bytes();
    let mut head = accepted.content.clone();
    let programme = Programme::from_json(&accepted.content)?;
    delete_rows(transaction, feed)?;
    for (table, parent) in TABLES.into_iter().zip(ROWS) {
        let rows = head.as_object_mut().and_then(|head| head.remove(parent));
        let mut insert = transaction
            .prepare_cached(&format!(
                "INSERT INTO {table} (feed, meeting, id, content) VALUES (?1, ?2, ?3, ?4)"
            ))
            .map_err(sql)?;
        for (id, value) in rows
            .as_ref()
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            insert
                .execute((feed.to_bytes(), meeting, id, value.to_string()))
                .map_err(sql)?;
        }
    }
    transaction
        .execute(
            "INSERT INTO programme (feed, meeting, number, content, note, published_at, signed_by, envelope, sort_key, head)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            (
                feed.to_bytes(),
                meeting,
                signed(publication.number),
                publication.content.as_bytes(),
                &publication.note,
                signed(publication.published_at.unix_ms()),
                accepted.by.secretary(),
                accepted.envelope.as_bytes(),
                sort_key(&programme),
                head.to_string(),
            ),
        )
        .map_err(sql)?;
    let files = programme.papers.values();
    for file in files.flat_map(|paper| paper.file.iter().chain(&paper.text_file)) {
        transaction
            .execute(
                "INSERT OR IGNORE INTO file (hash, length) VALUES (?1, ?2)",
                (file.hash.as_bytes(), signed(file.length)),
            )
            .map_err(sql)?;
    }
    Ok(())
}

fn delete_rows(transaction: &Transaction<'_>, feed: Feed) -> Result<()> {
    for table in TABLES.into_iter().chain(["programme"]) {
        transaction
            .prepare_cached(&format!("DELETE FROM {table} WHERE feed = ?1"))
            .and_then(|mut statement| statement.execute([feed.to_bytes()]))
            .map_err(sql)?;
    }
    Ok(())
}

/// Removes everything that is shown of a programme's feed, and what its owner last saw of it. That the
/// feed was seen, and up to which number, stays: a device to which it is given again is shown nothing
/// older.
pub(super) fn forget_programme(transaction: &Transaction<'_>, feed: Feed) -> Result<()> {
    delete_rows(transaction, feed)?;
    transaction
        .execute("DELETE FROM looked WHERE feed = ?1", [feed.to_bytes()])
        .map(|_| ())
        .map_err(sql)
}

/// A text by which meetings sort in time; one without a date comes last.
fn sort_key(programme: &Programme) -> String {
    programme.meeting.when.as_ref().map_or_else(
        || "~".to_owned(),
        |when| when.sort_key().map(|part| format!("{part:05}")).join("-"),
    )
}
