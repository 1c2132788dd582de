//! What apps read: rows, never documents.

use std::{collections::BTreeMap, path::PathBuf};

use rusqlite::{OptionalExtension, Transaction};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{
    Changed, Durability, NoteTarget, Store, column, drafts::begins, inbox::meeting_id,
    outbox::put_pending, signed, sql, unsigned,
};
use crate::{
    error::{Code, Error, Result},
    ids::{DocumentId, Feed, Hash, Kind, MeetingId},
    meeting::{
        Change, ItemId, Programme,
        act::{Act, Receipt, SignedAct},
        canonical_json, changes,
        publication::{Part, PublishedBy, leading, merge, programme_feed},
        ruling::Ruling,
        view::{act_json, meeting_json, put_body, receipt_json, record_json},
    },
    time::Timestamp,
};

/// A meeting in the list.
#[derive(Debug, Clone, PartialEq)]
pub struct MeetingRow {
    /// The meeting.
    pub id: MeetingId,
    /// The number of the publication that is shown.
    pub number: u64,
    /// When it was published.
    pub published_at: Timestamp,
    /// What the office wrote of the changes.
    pub note: String,
    /// Who answers for it.
    pub signed_by: PublishedBy,
    /// The meeting itself.
    pub meeting: crate::meeting::Meeting,
    /// The number of items.
    pub items: u64,
    /// The number of papers.
    pub papers: u64,
    /// The number of papers' files that are not here yet.
    pub files_missing: u64,
}

/// A published programme: the open part and those of circles, put together. What is said of its
/// publication is said of the newest of its parts.
#[derive(Debug, Clone, PartialEq)]
pub struct Programmed {
    /// The meeting.
    pub id: MeetingId,
    /// The number of the publication.
    pub number: u64,
    /// SHA-256 of the newest part's canonical JSON, as published.
    pub content: Hash,
    /// When it was published.
    pub published_at: Timestamp,
    /// What the office wrote of the changes.
    pub note: String,
    /// Who answers for it.
    pub signed_by: PublishedBy,
    /// All its parts, the open one first.
    pub parts: Vec<Part>,
    /// The programme.
    pub programme: Programme,
}

/// A note as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The note's document.
    pub id: DocumentId,
    /// What it is about.
    pub target: NoteTarget,
    /// Its text; positions in it count UTF-16 code units.
    pub text: String,
    /// When it was made, by the clock of the device that made it.
    pub created_at: Timestamp,
    /// When this device last wrote in it.
    pub edited_at: Timestamp,
    /// Whether its owner has deleted it.
    pub deleted: bool,
    /// Changes that the office has not settled: 0 means that the office has all of it.
    pub unsent: u64,
    /// How safe it is.
    pub durability: Durability,
}

/// How far an act is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum ActState {
    /// Saved here.
    Written,
    /// At the office.
    Accepted {
        /// When the office had it, by its own clock.
        received_at: Timestamp,
    },
    /// Refused for good.
    Refused {
        /// Why, as a stable name; [`told`](crate::sync::reason::told) has words for it.
        reason: String,
    },
}

/// An act of this person, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acted {
    /// The act.
    pub act: Act,
    /// How far it is.
    pub state: ActState,
    /// The office's receipt, once it is here: the newest, if its number was replaced.
    pub receipt: Option<Receipt>,
    /// How safe it is.
    pub durability: Durability,
    /// Whether the office had it, has lost it in a restore, and has not got it back yet.
    pub not_back: bool,
}

/// A receipt for anybody's act in a meeting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipted {
    /// The meeting.
    pub meeting: MeetingId,
    /// The receipt.
    pub receipt: Receipt,
}

/// Something that the office refused for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotSent {
    /// The document that it belongs to.
    pub document: DocumentId,
    /// Why, as a stable name; [`told`](crate::sync::reason::told) has words for it.
    pub reason: String,
    /// Its text, or that of the whole note.
    pub text: String,
    /// When it was written.
    pub at: Timestamp,
}

impl Store {
    /// Returns the meetings in the order of their time; those without a date come last.
    ///
    /// # Errors
    /// [`Code::Storage`].
    pub fn meetings(&self) -> Result<Vec<MeetingRow>> {
        let mut meetings = Vec::new();
        for (id, parts) in self.meeting_parts()? {
            let (parts, heads): (Vec<Part>, Vec<Value>) = parts.into_iter().unzip();
            let (Some(leading), Some(head)) = (leading(&parts), heads.first()) else {
                continue;
            };
            let [items, papers, files_missing] = self.counts(id)?;
            meetings.push(MeetingRow {
                id,
                number: leading.number,
                published_at: leading.published_at,
                note: leading.note.clone(),
                signed_by: leading.by.clone(),
                meeting: Programme::from_json(head)?.meeting,
                items,
                papers,
                files_missing,
            });
        }
        Ok(meetings)
    }

    /// Counts a meeting's items, its papers, and the files of papers that are not here.
    fn counts(&self, meeting: MeetingId) -> Result<[u64; 3]> {
        let query = "SELECT (SELECT count(DISTINCT id) FROM item WHERE meeting = ?1),
            (SELECT count(DISTINCT id) FROM paper WHERE meeting = ?1),
            (SELECT count(*) FROM file WHERE present = 0 AND hash IN
                (SELECT unhex(json_extract(content, '$.file.hash')) FROM paper WHERE meeting = ?1))";
        self.connection
            .prepare_cached(query)
            .and_then(|mut statement| {
                statement.query_row([meeting.as_bytes()], |row| {
                    Ok([row.get(0)?, row.get(1)?, row.get(2)?].map(unsigned))
                })
            })
            .map_err(sql)
    }

    /// Returns the programme of a meeting: each part that this device reads at its newest publication,
    /// put together.
    ///
    /// # Errors
    /// [`Code::MeetingUnknown`], [`Code::Storage`].
    pub fn programme(&self, meeting: MeetingId) -> Result<Programmed> {
        let parts = self.parts(meeting)?;
        let unknown = || Error::new(Code::MeetingUnknown, meeting);
        let programme = merged(&parts).ok_or_else(unknown)?;
        let parts: Vec<Part> = parts.into_iter().map(|(part, _)| part).collect();
        let leading = leading(&parts).ok_or_else(unknown)?.clone();
        Ok(Programmed {
            id: meeting,
            number: leading.number,
            content: leading.content,
            published_at: leading.published_at,
            note: leading.note,
            signed_by: leading.by,
            parts,
            programme: Programme::from_json(&programme)?,
        })
    }

    /// Returns what has changed in a meeting's programme since its owner last looked; nothing if he
    /// has never looked.
    ///
    /// # Errors
    /// [`Code::MeetingUnknown`], [`Code::Storage`].
    pub fn changes_since_looked(&self, meeting: MeetingId) -> Result<Vec<Change>> {
        let now = self.programme(meeting)?;
        match merged(&self.looked(&now)?) {
            Some(looked) => Ok(changes(&Programme::from_json(&looked)?, &now.programme)),
            None => Ok(Vec::new()),
        }
    }

    /// Returns the parts of a programme as its owner last looked at them.
    fn looked(&self, now: &Programmed) -> Result<Vec<(Part, Value)>> {
        let mut looked = Vec::new();
        for part in &now.parts {
            let feed = programme_feed(now.id, part.circle);
            let row: Option<(i64, String)> = self
                .connection
                .prepare_cached("SELECT number, programme FROM looked WHERE feed = ?1")
                .and_then(|mut statement| {
                    statement
                        .query_row([feed.to_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))
                        .optional()
                })
                .map_err(sql)?;
            if let Some((number, programme)) = row {
                let part = Part {
                    number: unsigned(number),
                    ..part.clone()
                };
                looked.push((part, json_of(&programme)?));
            }
        }
        Ok(looked)
    }

    /// Notes that the owner has looked at the programme as it is shown.
    ///
    /// # Errors
    /// [`Code::MeetingUnknown`], [`Code::DiskFull`], [`Code::Storage`].
    pub fn mark_looked(&mut self, meeting: MeetingId) -> Result<()> {
        let parts = self.parts(meeting)?;
        if merged(&parts).is_none() {
            return Err(Error::new(Code::MeetingUnknown, meeting));
        }
        self.write(|transaction| {
            for (part, programme) in &parts {
                let row = (
                    programme_feed(meeting, part.circle).to_bytes(),
                    meeting.as_bytes(),
                    signed(part.number),
                    programme.to_string(),
                );
                transaction
                    .prepare_cached(
                        "INSERT OR REPLACE INTO looked (feed, meeting, number, programme) VALUES (?1, ?2, ?3, ?4)",
                    )
                    .and_then(|mut statement| statement.execute(row))
                    .map_err(sql)?;
            }
            Ok(())
        })
    }

    /// Returns the notes about a meeting, or all of them; deleted ones are left out.
    ///
    /// # Errors
    /// [`Code::Storage`].
    pub fn notes(&self, meeting: Option<MeetingId>) -> Result<Vec<Note>> {
        let query = format!(
            "SELECT {} FROM note WHERE NOT deleted AND (?1 IS NULL OR meeting = ?1) ORDER BY created_at, id",
            Note::COLUMNS
        );
        let mut statement = self.connection.prepare_cached(&query).map_err(sql)?;
        let mut rows = statement
            .query([meeting.map(|meeting| *meeting.as_bytes())])
            .map_err(sql)?;
        let mut notes = Vec::new();
        while let Some(row) = rows.next().map_err(sql)? {
            notes.push(Note::of_row(row)?);
        }
        Ok(notes)
    }

    /// Signs and stores an act, and puts it into the outbox. It is on disk when this returns.
    /// `document` is random and names the series that the act begins.
    ///
    /// # Errors
    /// [`Code::MeetingUnknown`], [`Code::ItemUnknown`], [`Code::TooLarge`], [`Code::NotEnrolled`],
    /// [`Code::DiskFull`], [`Code::Storage`].
    pub fn put_act(&mut self, act: &Act, document: DocumentId) -> Result<Changed> {
        let person = self.person()?.1;
        if act.person != person {
            return Err(Error::new(Code::NotAllowed, "an act of somebody else"));
        }
        // A draft is written before anything is published.
        let known = match &act.ruling {
            Some(Ruling::Draft(_)) => begins(act) || self.has_draft(act.meeting)?,
            Some(_) | None => merged(&self.parts(act.meeting)?).is_some(),
        };
        if !known {
            return Err(Error::new(Code::MeetingUnknown, act.meeting));
        }
        if let Some(item) = &act.item {
            self.check_item(act.meeting, item)?;
        }
        let content = self.sign_act(act)?;
        self.write(|transaction| write_act(transaction, act, &content, document))?;
        Ok(Changed::Acts(act.meeting))
    }

    /// Signs an act.
    pub(super) fn sign_act(&self, act: &Act) -> Result<Vec<u8>> {
        let signed_act = SignedAct::sign(act, self.device(), |domain, message| {
            self.signer().sign(domain, message)
        })?;
        Ok(signed_act.encode())
    }

    fn check_item(&self, meeting: MeetingId, item: &ItemId) -> Result<()> {
        let query = "SELECT 1 FROM item WHERE meeting = ?1 AND id = ?2";
        let found: Option<i64> = self
            .connection
            .query_row(query, (meeting.as_bytes(), item.as_str()), |row| row.get(0))
            .optional()
            .map_err(sql)?;
        found
            .map(|_| ())
            .ok_or_else(|| Error::new(Code::ItemUnknown, item.as_str()))
    }

    /// Returns this person's acts in a meeting, or all of them, in the order in which they were made.
    ///
    /// # Errors
    /// [`Code::Storage`].
    pub fn acts(&self, meeting: Option<MeetingId>) -> Result<Vec<Acted>> {
        let query = "SELECT content, state, reason, received_at, id,
                CASE WHEN state <> 'accepted' OR seq IS NULL OR seq < 0 THEN 1
                    WHEN seq <= (SELECT backed_up FROM watermark) THEN 3 ELSE 2 END,
                coalesce(seq < 0, 0)
            FROM act WHERE ?1 IS NULL OR meeting = ?1 ORDER BY rowid";
        let mut statement = self.connection.prepare_cached(query).map_err(sql)?;
        let mut receipts = self
            .connection
            .prepare_cached("SELECT content FROM receipt WHERE act = ?1")
            .map_err(sql)?;
        let mut rows = statement
            .query([meeting.map(|meeting| *meeting.as_bytes())])
            .map_err(sql)?;
        let mut acts = Vec::new();
        while let Some(row) = rows.next().map_err(sql)? {
            let (content, state): (Vec<u8>, String) =
                (row.get(0).map_err(sql)?, row.get(1).map_err(sql)?);
            let (reason, received_at): (Option<String>, Option<i64>) =
                (row.get(2).map_err(sql)?, row.get(3).map_err(sql)?);
            let id: Vec<u8> = row.get(4).map_err(sql)?;
            let held = receipts
                .query_map([id], |row| row.get::<_, Vec<u8>>(0))
                .map_err(sql)?
                .map(|bytes| crate::cbor::decode(&bytes.map_err(sql)?, "receipt"))
                .collect::<Result<Vec<Receipt>>>()?;
            acts.push(Acted {
                act: SignedAct::decode(&content)?.1,
                state: match (state.as_str(), received_at) {
                    ("accepted", Some(ms)) => ActState::Accepted {
                        received_at: Timestamp::from_unix_ms(unsigned(ms)),
                    },
                    ("refused" | "redo", _) => ActState::Refused {
                        reason: reason.unwrap_or_default(),
                    },
                    _ => ActState::Written,
                },
                receipt: Receipt::that_counts(held),
                durability: row.get(5).map(Durability::of_number).map_err(sql)?,
                not_back: row.get(6).map_err(sql)?,
            });
        }
        // Within a millisecond they stay in the order in which this device has had them.
        acts.sort_by_key(|acted| acted.act.made_at);
        Ok(acts)
    }

    /// Returns the office's receipts in a meeting, in the order of receipt.
    ///
    /// # Errors
    /// [`Code::Storage`].
    pub fn receipts(&self, meeting: MeetingId) -> Result<Vec<Receipt>> {
        let all = self.all_receipts()?;
        Ok(all
            .into_iter()
            .filter(|row| row.meeting == meeting)
            .map(|row| row.receipt)
            .collect())
    }

    fn all_receipts(&self) -> Result<Vec<Receipted>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT meeting, content FROM receipt ORDER BY abs(seq), position")
            .map_err(sql)?;
        let mut rows = statement.query([]).map_err(sql)?;
        let mut receipts = Vec::new();
        while let Some(row) = rows.next().map_err(sql)? {
            let (meeting, content): (Vec<u8>, Vec<u8>) =
                (row.get(0).map_err(sql)?, row.get(1).map_err(sql)?);
            receipts.push(Receipted {
                meeting: meeting_id(&meeting)?,
                receipt: crate::cbor::decode(&content, "receipt")?,
            });
        }
        Ok(receipts)
    }

    /// Returns what the office refused for good.
    ///
    /// # Errors
    /// [`Code::Storage`].
    pub fn not_sent(&self) -> Result<Vec<NotSent>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT document, reason, text, at FROM not_sent ORDER BY at, envelope")
            .map_err(sql)?;
        let mut rows = statement.query([]).map_err(sql)?;
        let mut tray = Vec::new();
        while let Some(row) = rows.next().map_err(sql)? {
            let document: Vec<u8> = row.get(0).map_err(sql)?;
            tray.push(NotSent {
                document: column(&document, DocumentId::from_slice)?,
                reason: row.get(1).map_err(sql)?,
                text: row.get(2).map_err(sql)?,
                at: Timestamp::from_unix_ms(unsigned(row.get(3).map_err(sql)?)),
            });
        }
        Ok(tray)
    }

    /// Returns the files of published papers that are not here, with their lengths in bytes.
    ///
    /// # Errors
    /// [`Code::Storage`].
    pub fn missing_files(&self) -> Result<BTreeMap<Hash, u64>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT hash, length FROM file WHERE present = 0")
            .map_err(sql)?;
        let mut rows = statement.query([]).map_err(sql)?;
        let mut missing = BTreeMap::new();
        while let Some(row) = rows.next().map_err(sql)? {
            let hash: Vec<u8> = row.get(0).map_err(sql)?;
            missing.insert(
                column(&hash, Hash::from_slice)?,
                unsigned(row.get(1).map_err(sql)?),
            );
        }
        Ok(missing)
    }

    /// Notes that the verified bytes of a file are at [`Store::file_path`].
    ///
    /// # Errors
    /// [`Code::PaperMissing`] if no programme names it any more: it is deleted again.
    /// [`Code::DiskFull`], [`Code::Storage`].
    pub fn put_file(&mut self, hash: &Hash) -> Result<()> {
        let named = self.write(|transaction| {
            transaction
                .execute(
                    "UPDATE file SET present = 1 WHERE hash = ?1",
                    [hash.as_bytes()],
                )
                .map_err(sql)
        })?;
        if named == 0 {
            self.sweep_papers()?;
            return Err(Error::new(Code::PaperMissing, hash));
        }
        Ok(())
    }

    /// Returns where the bytes of a file belong.
    pub fn file_path(&self, hash: &Hash) -> PathBuf {
        self.directory.join("papers").join(hash.to_string())
    }

    /// Returns where the file of a paper is.
    ///
    /// # Errors
    /// [`Code::PaperMissing`] if it is not here, or the meeting has no such paper.
    pub fn paper(&self, meeting: MeetingId, paper: &str) -> Result<PathBuf> {
        let programme = self.programme(meeting)?.programme;
        let found = programme
            .papers
            .iter()
            .find(|(id, _)| id.as_str() == paper)
            .and_then(|(_, paper)| paper.file.as_ref());
        let missing = || Error::new(Code::PaperMissing, paper);
        let hash = found.ok_or_else(missing)?.hash;
        let present: Option<bool> = self
            .connection
            .query_row(
                "SELECT present FROM file WHERE hash = ?1",
                [hash.as_bytes()],
                |row| row.get(0),
            )
            .optional()
            .map_err(sql)?;
        let path = self.file_path(&hash);
        if present == Some(true) && path.is_file() {
            Ok(path)
        } else {
            Err(missing())
        }
    }

    /// Returns everything but notes as canonical JSON (RFC 8785): what the office's export of this
    /// person must equal once all is quiet.
    ///
    /// # Errors
    /// [`Code::Storage`].
    pub fn view(&self) -> Result<String> {
        let mut meetings = Map::new();
        for (id, _) in self.meeting_parts()? {
            if let Some(json) = meeting_json(&self.parts(id)?) {
                meetings.insert(id.to_string(), json);
            }
        }
        let receipts = self.all_receipts()?;
        let receipts = receipts
            .iter()
            .map(|row| receipt_json(row.meeting, &row.receipt));
        let receipts: Vec<Value> = receipts.collect();
        let records = self.records(None)?;
        let records = records
            .iter()
            .map(|(feed, record)| record_json(*feed, record));
        let records: Vec<Value> = records.collect();
        let mut view = json!({
            "acts": self.acts_json()?,
            "meetings": meetings,
            "receipts": receipts,
            "records": records,
        });
        put_body(&mut view, self.body()?.as_ref());
        Ok(canonical_json(&view))
    }

    fn acts_json(&self) -> Result<Vec<Value>> {
        let query =
            "SELECT content, seq, received_at FROM act WHERE state = 'accepted' ORDER BY seq";
        let mut statement = self.connection.prepare_cached(query).map_err(sql)?;
        let mut rows = statement.query([]).map_err(sql)?;
        let mut acts = Vec::new();
        while let Some(row) = rows.next().map_err(sql)? {
            let content: Vec<u8> = row.get(0).map_err(sql)?;
            let (_, act) = SignedAct::decode(&content)?;
            let (seq, received_at): (i64, i64) =
                (row.get(1).map_err(sql)?, row.get(2).map_err(sql)?);
            let received_at = Timestamp::from_unix_ms(unsigned(received_at));
            acts.push(act_json(&act, unsigned(seq), received_at));
        }
        Ok(acts)
    }
}

fn merged(parts: &[(Part, Value)]) -> Option<Value> {
    merge(parts.iter().map(|(part, programme)| (part, programme)))
}

pub(super) fn json_of(text: &str) -> Result<Value> {
    serde_json::from_str(text).map_err(|error| Error::new(Code::DatabaseCorrupt, error))
}
/// Stores an act that was signed, to be handed in.
pub(super) fn write_act(
    transaction: &Transaction<'_>,
    act: &Act,
    content: &[u8],
    document: DocumentId,
) -> Result<()> {
    transaction
        .execute(
            "INSERT INTO act (id, content, meeting, state) VALUES (?1, ?2, ?3, 'written')",
            (act.id.as_bytes(), content, act.meeting.as_bytes()),
        )
        .map_err(sql)?;
    let feed = Feed::Outbox(act.person);
    put_pending(transaction, feed, document, Kind::Act, content, act.made_at)
}
