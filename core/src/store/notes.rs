//! Notes: texts in Automerge documents, one for each note, and their current state as rows.

use rusqlite::{OptionalExtension, Transaction};
use serde_json::{Value, json};

use super::{
    Changed, Durability, Note, Store, documents, durability::level_of_document,
    outbox::put_pending, rebuild, signed, sql, unsigned, vault,
};
use crate::{
    document::{Document, Splice},
    error::{Code, Error, Result},
    ids::{DocumentId, Feed, Kind, MeetingId},
    limits::{NOTE_TEXT_UNITS_MAX, SPLICE_UNITS_MAX},
    meeting::{ItemId, PaperId},
    time::Timestamp,
    trust::vault::chain::index_document,
};

/// What a note is about. All parts may be absent: then it stands by itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NoteTarget {
    /// The meeting.
    pub meeting: Option<MeetingId>,
    /// The item of its programme.
    pub item: Option<ItemId>,
    /// The paper.
    pub paper: Option<PaperId>,
}

impl Store {
    /// Writes a new note. It is on disk when this returns. `id` is random.
    ///
    /// # Errors
    /// [`Code::NotEnrolled`], [`Code::TooLarge`], [`Code::DiskFull`], [`Code::Storage`].
    pub fn create_note(
        &mut self,
        id: DocumentId,
        target: &NoteTarget,
        text: &str,
        now: Timestamp,
    ) -> Result<Note> {
        let mut document = Document::new(self.actor(id, 0)?);
        let text_or_null = |value: Option<String>| value.map_or(Value::Null, Value::from);
        for (key, value) in [
            (
                "meeting",
                text_or_null(target.meeting.map(|meeting| meeting.to_string())),
            ),
            (
                "item",
                text_or_null(target.item.as_ref().map(|item| item.as_str().to_owned())),
            ),
            (
                "paper",
                text_or_null(target.paper.as_ref().map(|paper| paper.as_str().to_owned())),
            ),
            ("created_at", json!(now.unix_ms())),
        ] {
            if !value.is_null() {
                document.put_scalar(key, &value)?;
            }
        }
        document.put_text(TEXT)?;
        let splice = Splice {
            position: 0,
            delete: 0,
            insert: text.to_owned(),
        };
        let changes = write_splices(&mut document, &[splice])?;
        self.save_note(id, document, &changes, now)
    }

    /// Changes a note's text. It is on disk when this returns; after an error nothing has changed.
    ///
    /// # Errors
    /// [`Code::NoteUnknown`], [`Code::PositionInvalid`], [`Code::TooLarge`], [`Code::DiskFull`],
    /// [`Code::Storage`].
    pub fn edit_note(
        &mut self,
        id: DocumentId,
        splices: &[Splice],
        now: Timestamp,
    ) -> Result<Note> {
        let mut document = self.load_note(id)?;
        let changes = write_splices(&mut document, splices)?;
        self.save_note(id, document, &changes, now)
    }

    /// Hides a note on all of its owner's devices.
    ///
    /// # Errors
    /// [`Code::NoteUnknown`], [`Code::DiskFull`], [`Code::Storage`].
    pub fn delete_note(&mut self, id: DocumentId, now: Timestamp) -> Result<Note> {
        let mut document = self.load_note(id)?;
        document.put_scalar("deleted_at", &json!(now.unix_ms()))?;
        let changes = write_splices(&mut document, &[])?;
        self.save_note(id, document, &changes, now)
    }

    pub(super) fn load_note(&mut self, id: DocumentId) -> Result<Document> {
        let known: Option<i64> = self
            .connection
            .query_row("SELECT 1 FROM note WHERE id = ?1", [id.as_bytes()], |row| {
                row.get(0)
            })
            .optional()
            .map_err(sql)?;
        match known {
            Some(_) => self
                .load_document(id)?
                .ok_or_else(|| Error::new(Code::DatabaseCorrupt, id)),
            None => Err(Error::new(Code::NoteUnknown, id)),
        }
    }

    /// Saves what was written into a note, and hands it in.
    pub(super) fn save_note(
        &mut self,
        id: DocumentId,
        mut document: Document,
        changes: &[Vec<u8>],
        now: Timestamp,
    ) -> Result<Note> {
        let person = self.person()?.1;
        let units = document
            .text(TEXT)
            .map_or(0, |text| text.encode_utf16().count());
        if units > NOTE_TEXT_UNITS_MAX {
            return Err(Error::new(
                Code::TooLarge,
                format_args!("{units} UTF-16 units"),
            ));
        }
        let feed = Feed::Notes(person);
        let index = index_document(person);
        let mut listing = self.list_note(id)?;
        let note = self.write(|transaction| {
            if let Some((listed, change)) = &mut listing {
                rebuild::mark_written(transaction, index, feed)?;
                documents::store_changes(transaction, index, feed, change, listed)?;
                vault::project_listed(transaction, id)?;
                put_pending(transaction, feed, index, Kind::Changes, change, now)?;
            }
            if !changes.is_empty() {
                rebuild::mark_written(transaction, id, feed)?;
            }
            for change in changes {
                documents::store_changes(transaction, id, feed, change, &mut document)?;
                put_pending(transaction, feed, id, Kind::Changes, change, now)?;
            }
            project(transaction, id, &document)?;
            transaction
                .execute(
                    "UPDATE note SET edited_at = ?2 WHERE id = ?1",
                    (id.as_bytes(), signed(now.unix_ms())),
                )
                .map_err(sql)?;
            note_row(transaction, id)
        })?;
        if let Some((listed, _)) = listing {
            self.keep_open(index, listed);
        }
        self.keep_open(id, document);
        Ok(note)
    }

    /// Returns a note as it is.
    ///
    /// # Errors
    /// [`Code::NoteUnknown`], [`Code::Storage`].
    pub fn note(&self, id: DocumentId) -> Result<Note> {
        note_row(&self.connection, id)
    }
}

pub(super) const TEXT: &str = "text";

/// Applies splices and closes the change. Returns the changes.
pub(super) fn write_splices(document: &mut Document, splices: &[Splice]) -> Result<Vec<Vec<u8>>> {
    let mut changes = Vec::new();
    for splice in splices {
        write_splice(document, splice, &mut changes)?;
    }
    changes.extend(document.commit());
    Ok(changes)
}

/// Applies a splice in pieces that each fit into a payload, and closes a change after each large piece.
fn write_splice(
    document: &mut Document,
    splice: &Splice,
    changes: &mut Vec<Vec<u8>>,
) -> Result<()> {
    document.splice_text(TEXT, splice.position, splice.delete, "")?;
    let mut position = splice.position;
    let mut rest = splice.insert.as_str();
    while !rest.is_empty() {
        let mut units = 0;
        let piece_end = rest
            .char_indices()
            .find(|(_, character)| {
                units += character.len_utf16();
                units > SPLICE_UNITS_MAX
            })
            .map_or(rest.len(), |(at, _)| at);
        let (piece, after) = rest.split_at(piece_end);
        document.splice_text(TEXT, position, 0, piece)?;
        position += piece.encode_utf16().count();
        if !after.is_empty() {
            changes.extend(document.commit());
        }
        rest = after;
    }
    Ok(())
}

/// Writes a note's row from its document.
pub(super) fn project(
    transaction: &Transaction<'_>,
    id: DocumentId,
    document: &Document,
) -> Result<()> {
    let content = document.to_json()?;
    let text = |key: &str| content.get(key).and_then(Value::as_str);
    let number = |key: &str| content.get(key).and_then(Value::as_u64);
    let meeting: Option<MeetingId> = text("meeting").and_then(|meeting| meeting.parse().ok());
    let created_at = number("created_at").unwrap_or(0);
    transaction
        .prepare_cached(
            "INSERT INTO note (id, meeting, item, paper, text, created_at, edited_at, deleted)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7)
             ON CONFLICT (id) DO UPDATE SET meeting = ?2, item = ?3, paper = ?4, text = ?5, created_at = ?6, deleted = ?7",
        )
        .and_then(|mut statement| {
            statement.execute((
                id.as_bytes(),
                meeting.map(|meeting| *meeting.as_bytes()),
                text("item"),
                text("paper"),
                text(TEXT).unwrap_or_default(),
                signed(created_at),
                number("deleted_at").is_some(),
            ))
        })
        .map(|_| ())
        .map_err(sql)
}

/// Reads a note's row.
fn note_row(connection: &rusqlite::Connection, id: DocumentId) -> Result<Note> {
    let query = format!("SELECT {} FROM note WHERE id = ?1", Note::COLUMNS);
    let mut statement = connection.prepare_cached(&query).map_err(sql)?;
    let mut rows = statement.query([id.as_bytes()]).map_err(sql)?;
    match rows.next().map_err(sql)? {
        Some(row) => Note::of_row(row),
        None => Err(Error::new(Code::NoteUnknown, id)),
    }
}

impl Note {
    pub(super) const COLUMNS: &str = concat!(
        "id, meeting, item, paper, text, created_at, edited_at, deleted,
        (SELECT count(*) FROM pending WHERE document = note.id AND kind <> 15)
        + (SELECT count(*) FROM envelope WHERE document = note.id AND outcome IS NULL AND internal = 0), ",
        level_of_document!("note.id")
    );

    pub(super) fn of_row(row: &rusqlite::Row<'_>) -> Result<Self> {
        let (id, meeting): (Vec<u8>, Option<Vec<u8>>) =
            (row.get(0).map_err(sql)?, row.get(1).map_err(sql)?);
        let (item, paper): (Option<String>, Option<String>) =
            (row.get(2).map_err(sql)?, row.get(3).map_err(sql)?);
        let time = |index: usize| {
            row.get(index)
                .map(|ms| Timestamp::from_unix_ms(unsigned(ms)))
                .map_err(sql)
        };
        Ok(Self {
            id: super::column(&id, DocumentId::from_slice)?,
            target: NoteTarget {
                meeting: meeting
                    .map(|meeting| super::column(&meeting, MeetingId::from_slice))
                    .transpose()?,
                item: item.and_then(|item| item.parse().ok()),
                paper: paper.and_then(|paper| paper.parse().ok()),
            },
            text: row.get(4).map_err(sql)?,
            created_at: time(5)?,
            edited_at: time(6)?,
            deleted: row.get(7).map_err(sql)?,
            unsent: unsigned(row.get(8).map_err(sql)?),
            durability: row.get(9).map(Durability::of_number).map_err(sql)?,
        })
    }
}

impl From<DocumentId> for Changed {
    fn from(note: DocumentId) -> Self {
        Self::Note(note)
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::{super::schema, Note};

    #[test]
    fn how_a_note_stands_is_found_without_a_look_at_what_waits_of_others() {
        let folder = tempfile::tempdir().unwrap();
        drop(schema::open(&folder.path().join("nghisu.db"), None).unwrap());
        let database = Connection::open(folder.path().join("nghisu.db")).unwrap();

        let query = format!("EXPLAIN QUERY PLAN SELECT {} FROM note", Note::COLUMNS);
        let mut statement = database.prepare(&query).unwrap();
        let steps = statement.query_map([], |row| row.get(3)).unwrap();
        let mut looks: Vec<String> = steps.map(Result::unwrap).collect();
        looks.retain(|step| step.starts_with("SCAN"));

        assert_eq!(looks, ["SCAN note", "SCAN watermark"]);
    }
}
