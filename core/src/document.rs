//! Automerge wrapped once: load, change, save, and the bytes that travel.
//!
//! Text is counted in UTF-16 code units throughout, since that is what the editors on phones count.
//! What travels is a sequence of uncompressed change chunks: nothing to unpack means nothing that
//! unpacks to gigabytes. Automerge panics on some inputs that it should refuse, so whoever applies
//! bytes from outside does it on a copy and throws the copy away when [`Document::apply`] fails.

mod carry;
mod difference;
mod editing;
pub mod packed;
mod replay;

pub use carry::change_hashes;
pub use editing::{between, brought_over, moved, spliced};

use std::{
    collections::BTreeSet,
    panic::{AssertUnwindSafe, catch_unwind},
};

use automerge::{
    ActorId, AutoCommit, Change, ChangeHash, LoadOptions, ObjId, ObjType, ROOT, ReadDoc,
    ScalarValue, TextEncoding, Value, transaction::Transactable,
};
use minicbor::{Decode, Encode};
use serde::Serialize;
use serde_json::{Map, Number};

use crate::{
    error::{Code, Error, Result},
    ids::{DeviceId, DocumentId, Hash, domain},
    limits::{DOCUMENT_OPERATIONS_MAX, NESTING_MAX},
};

/// One Automerge history.
#[derive(Debug, Clone)]
pub struct Document {
    inner: AutoCommit,
}

/// A change of a text: at `position`, `delete` units go and `insert` comes.
/// Units are UTF-16 code units of the text as it is after the splices before it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct Splice {
    /// Where, in UTF-16 code units.
    #[n(0)]
    pub position: usize,
    /// How many UTF-16 code units go.
    #[n(1)]
    pub delete: usize,
    /// What comes.
    #[n(2)]
    pub insert: String,
}

/// Returns the actor under which a device writes a document.
/// Nobody else can choose it, and a new generation never collides with a closed one.
pub fn actor(
    device: DeviceId,
    document: DocumentId,
    incarnation: u32,
    generation: u32,
) -> [u8; 16] {
    let hash = Hash::of(
        domain::ACTOR,
        &[
            device.as_bytes(),
            document.as_bytes(),
            &incarnation.to_be_bytes(),
            &generation.to_be_bytes(),
        ],
    );
    let mut actor = [0; 16];
    actor.copy_from_slice(&hash.as_bytes()[..16]);
    actor
}

impl Document {
    /// Makes an empty document in which `actor` writes.
    pub fn new(actor: [u8; 16]) -> Self {
        let inner = AutoCommit::new_with_encoding(TextEncoding::Utf16CodeUnit)
            .with_actor(ActorId::from(actor));
        Self { inner }
    }

    /// Loads a document from what [`Document::save`] and [`Document::changes_since`] wrote to our own store.
    ///
    /// # Errors
    /// [`Code::DatabaseCorrupt`] if the bytes are not that.
    pub fn load(bytes: &[u8], actor: [u8; 16]) -> Result<Self> {
        let loaded = catch_unwind(|| {
            AutoCommit::load_with_options(
                bytes,
                LoadOptions::new().text_encoding(TextEncoding::Utf16CodeUnit),
            )
        });
        match loaded {
            Ok(Ok(inner)) => Ok(Self {
                inner: inner.with_actor(ActorId::from(actor)),
            }),
            Ok(Err(error)) => Err(Error::new(
                Code::DatabaseCorrupt,
                format_args!("document: {error}"),
            )),
            Err(_) => Err(Error::new(
                Code::DatabaseCorrupt,
                "document: it cannot be read",
            )),
        }
    }

    /// Applies a payload of change chunks. Chunks that are already there change nothing.
    /// After an error the document must be dropped and loaded again.
    ///
    /// # Errors
    /// [`Code::Malformed`] if the bytes are not change chunks, or a change needs one that is missing.
    pub fn apply(&mut self, payload: &[u8]) -> Result<()> {
        let chunks = split_chunks(payload)?;
        let applied = catch_unwind(AssertUnwindSafe(|| {
            let changes = chunks
                .into_iter()
                .map(|chunk| Change::from_bytes(chunk.to_vec()))
                .collect::<Result<Vec<_>, _>>()
                .map_err(|error| error.to_string())?;
            let hashes: Vec<_> = changes.iter().map(Change::hash).collect();
            self.inner
                .apply_changes(changes)
                .map_err(|error| error.to_string())?;
            match hashes
                .iter()
                .find(|hash| self.inner.get_change_meta_by_hash(hash).is_none())
            {
                Some(hash) => Err(format!("change {hash} needs one that is missing")),
                None => Ok(()),
            }
        }));
        let reason = match applied {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(reason)) => reason,
            Err(_) => "it makes the document unreadable".to_owned(),
        };
        Err(Error::new(
            Code::Malformed,
            format_args!("change: {reason}"),
        ))
    }

    /// Says whether a payload of change chunks builds upon a change that is neither here nor in it.
    ///
    /// # Errors
    /// [`Code::Malformed`] if the bytes are not change chunks.
    pub fn lacks_cause_of(&mut self, payload: &[u8]) -> Result<bool> {
        let changes = split_chunks(payload)?
            .into_iter()
            .map(|chunk| Change::from_bytes(chunk.to_vec()))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| Error::new(Code::Malformed, format_args!("change: {error}")))?;
        let brought: BTreeSet<_> = changes.iter().map(Change::hash).collect();
        let mut causes = changes.iter().flat_map(Change::deps);
        Ok(causes.any(|cause| {
            !brought.contains(cause) && self.inner.get_change_meta_by_hash(cause).is_none()
        }))
    }

    /// Takes in a whole history that [`Document::save`] wrote on a device of the same owner. What is
    /// there already stays. After an error the document must be dropped and loaded again.
    ///
    /// # Errors
    /// [`Code::Malformed`] if the bytes are not that.
    pub fn merge_saved(&mut self, saved: &[u8]) -> Result<()> {
        let merged = catch_unwind(AssertUnwindSafe(|| {
            let options = LoadOptions::new().text_encoding(TextEncoding::Utf16CodeUnit);
            let mut other =
                AutoCommit::load_with_options(saved, options).map_err(|error| error.to_string())?;
            self.inner
                .merge(&mut other)
                .map(drop)
                .map_err(|error| error.to_string())
        }));
        let reason = match merged {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(reason)) => reason,
            Err(_) => "it cannot be read".to_owned(),
        };
        Err(Error::new(
            Code::Malformed,
            format_args!("snapshot: {reason}"),
        ))
    }

    /// Returns the whole history in its compact form, for our own store and for one's own devices.
    pub fn save(&mut self) -> Vec<u8> {
        self.inner.save()
    }

    /// Returns the changes that are not among the ancestors of `heads`, as change chunks in an
    /// order in which they can be applied.
    pub fn changes_since(&mut self, heads: &[Hash]) -> Vec<Vec<u8>> {
        let heads: Vec<_> = heads
            .iter()
            .map(|hash| ChangeHash(*hash.as_bytes()))
            .collect();
        self.inner
            .get_changes(&heads)
            .iter()
            .map(|change| change.raw_bytes().to_vec())
            .collect()
    }

    /// Returns the hashes of the newest changes, sorted.
    pub fn heads(&mut self) -> Vec<Hash> {
        let mut heads: Vec<_> = self
            .inner
            .get_heads()
            .iter()
            .map(|head| Hash::from_bytes(head.0))
            .collect();
        heads.sort();
        heads
    }

    /// Returns the number of operations in the history.
    pub fn operations(&self) -> u64 {
        self.inner.stats().num_ops
    }

    /// Says whether the history is so long that the document should be continued in a new one.
    pub fn is_full(&self) -> bool {
        self.operations() >= DOCUMENT_OPERATIONS_MAX
    }

    /// Returns the content as it was at `heads`, as [`Document::to_json`] does.
    ///
    /// # Errors
    /// [`Code::Malformed`] if a head is not in this history, or as [`Document::to_json`].
    pub fn json_at(&mut self, heads: &[Hash]) -> Result<serde_json::Value> {
        if self.heads() == heads {
            return self.to_json();
        }
        let heads: Vec<_> = heads
            .iter()
            .map(|hash| ChangeHash(*hash.as_bytes()))
            .collect();
        match self.inner.fork_at(&heads) {
            Ok(inner) => Self { inner }.to_json(),
            Err(error) => Err(Error::new(Code::Malformed, format_args!("heads: {error}"))),
        }
    }

    /// Returns the content as JSON. Texts become strings; of concurrent values the winning one counts.
    ///
    /// # Errors
    /// [`Code::Malformed`] if the content is nested too deeply or has values that JSON has not.
    pub fn to_json(&self) -> Result<serde_json::Value> {
        self.object_to_json(&ROOT, ObjType::Map, 0)
    }

    fn object_to_json(
        &self,
        object: &ObjId,
        kind: ObjType,
        depth: usize,
    ) -> Result<serde_json::Value> {
        if depth > NESTING_MAX {
            return Err(Error::new(Code::Malformed, "document: nested too deeply"));
        }
        Ok(match kind {
            ObjType::Map | ObjType::Table => {
                let mut map = Map::new();
                for key in self.inner.keys(object) {
                    if let Some((value, id)) =
                        self.inner.get(object, key.as_str()).map_err(internal)?
                    {
                        let value = self.value_to_json(value, &id, depth)?;
                        map.insert(key, value);
                    }
                }
                map.into()
            }
            ObjType::List => {
                let mut list = Vec::new();
                for index in 0..self.inner.length(object) {
                    if let Some((value, id)) = self.inner.get(object, index).map_err(internal)? {
                        list.push(self.value_to_json(value, &id, depth)?);
                    }
                }
                list.into()
            }
            ObjType::Text => self.inner.text(object).map_err(internal)?.into(),
        })
    }

    fn value_to_json(
        &self,
        value: Value<'_>,
        id: &ObjId,
        depth: usize,
    ) -> Result<serde_json::Value> {
        let scalar = match value {
            Value::Object(kind) => return self.object_to_json(id, kind, depth + 1),
            Value::Scalar(scalar) => scalar,
        };
        Ok(match scalar.as_ref() {
            ScalarValue::Null => serde_json::Value::Null,
            ScalarValue::Boolean(value) => (*value).into(),
            ScalarValue::Str(text) => text.as_str().into(),
            ScalarValue::Int(value) => (*value).into(),
            ScalarValue::Uint(value) => (*value).into(),
            ScalarValue::F64(value) => match Number::from_f64(*value) {
                Some(number) => number.into(),
                None => {
                    return Err(Error::new(
                        Code::Malformed,
                        "document: a number that is none",
                    ));
                }
            },
            ScalarValue::Bytes(_)
            | ScalarValue::Counter(_)
            | ScalarValue::Timestamp(_)
            | ScalarValue::Unknown { .. } => {
                return Err(Error::new(
                    Code::Malformed,
                    "document: a kind of value that does not belong there",
                ));
            }
        })
    }

    /// Makes the content equal to `wanted` with as few writes as maps allow: entries of maps are
    /// compared by key, a list that differs is written anew. Returns whether anything was written.
    ///
    /// # Errors
    /// [`Code::Malformed`] if `wanted` is no map or nested too deeply.
    pub fn reconcile(&mut self, wanted: &serde_json::Value) -> Result<bool> {
        let serde_json::Value::Object(wanted) = wanted else {
            return Err(Error::new(
                Code::Malformed,
                "document: its content is not a map",
            ));
        };
        self.reconcile_map(&ROOT, wanted, 0)?;
        Ok(self.inner.commit().is_some())
    }

    fn reconcile_map(
        &mut self,
        object: &ObjId,
        wanted: &Map<String, serde_json::Value>,
        depth: usize,
    ) -> Result<()> {
        let present: Vec<String> = self.inner.keys(object).collect();
        for key in present.iter().filter(|key| !wanted.contains_key(*key)) {
            self.inner.delete(object, key.as_str()).map_err(internal)?;
        }
        for (key, wanted) in wanted {
            let present = self.inner.get(object, key.as_str()).map_err(internal)?;
            match (present, wanted) {
                (Some((Value::Object(ObjType::Map), id)), serde_json::Value::Object(wanted)) => {
                    self.reconcile_map(&id, wanted, depth + 1)?;
                }
                (Some((value, id)), wanted)
                    if self.value_to_json(value.clone(), &id, depth)? == *wanted => {}
                (_, wanted) => self.put(object, key, wanted, depth + 1)?,
            }
        }
        Ok(())
    }

    fn put(
        &mut self,
        object: &ObjId,
        key: &str,
        wanted: &serde_json::Value,
        depth: usize,
    ) -> Result<()> {
        match wanted {
            serde_json::Value::Object(map) => {
                let id = self
                    .inner
                    .put_object(object, key, ObjType::Map)
                    .map_err(internal)?;
                self.fill_map(&id, map, depth)
            }
            serde_json::Value::Array(list) => {
                let id = self
                    .inner
                    .put_object(object, key, ObjType::List)
                    .map_err(internal)?;
                self.fill_list(&id, list, depth)
            }
            serde_json::Value::Null
            | serde_json::Value::Bool(_)
            | serde_json::Value::Number(_)
            | serde_json::Value::String(_) => self
                .inner
                .put(object, key, scalar(wanted))
                .map_err(internal),
        }
    }

    fn fill_map(
        &mut self,
        object: &ObjId,
        map: &Map<String, serde_json::Value>,
        depth: usize,
    ) -> Result<()> {
        if depth > NESTING_MAX {
            return Err(Error::new(Code::Malformed, "document: nested too deeply"));
        }
        map.iter()
            .try_for_each(|(key, value)| self.put(object, key, value, depth + 1))
    }

    fn fill_list(
        &mut self,
        object: &ObjId,
        list: &[serde_json::Value],
        depth: usize,
    ) -> Result<()> {
        if depth > NESTING_MAX {
            return Err(Error::new(Code::Malformed, "document: nested too deeply"));
        }
        for (index, value) in list.iter().enumerate() {
            match value {
                serde_json::Value::Object(map) => {
                    let id = self
                        .inner
                        .insert_object(object, index, ObjType::Map)
                        .map_err(internal)?;
                    self.fill_map(&id, map, depth + 1)?;
                }
                serde_json::Value::Array(list) => {
                    let id = self
                        .inner
                        .insert_object(object, index, ObjType::List)
                        .map_err(internal)?;
                    self.fill_list(&id, list, depth + 1)?;
                }
                serde_json::Value::Null
                | serde_json::Value::Bool(_)
                | serde_json::Value::Number(_)
                | serde_json::Value::String(_) => {
                    self.inner
                        .insert(object, index, scalar(value))
                        .map_err(internal)?;
                }
            }
        }
        Ok(())
    }

    /// Returns the text under `key`, or `None` where there is none.
    pub fn text(&self, key: &str) -> Option<String> {
        match self.inner.get(ROOT, key) {
            Ok(Some((Value::Object(ObjType::Text), id))) => self.inner.text(&id).ok(),
            _ => None,
        }
    }

    /// Puts a text, number, truth value or null under `key`; a map or list becomes null.
    ///
    /// # Errors
    /// [`Code::Internal`] never happens on a document of ours.
    pub fn put_scalar(&mut self, key: &str, value: &serde_json::Value) -> Result<()> {
        self.inner.put(ROOT, key, scalar(value)).map_err(internal)
    }

    /// Puts an empty text under `key`, to be filled with [`Document::splice_text`].
    ///
    /// # Errors
    /// [`Code::Internal`] never happens on a document of ours.
    pub fn put_text(&mut self, key: &str) -> Result<()> {
        self.inner
            .put_object(ROOT, key, ObjType::Text)
            .map(|_| ())
            .map_err(internal)
    }

    /// In the text under `key`, removes `delete` UTF-16 code units at `position` and inserts `insert` there.
    ///
    /// # Errors
    /// [`Code::PositionInvalid`] if the range leaves the text or cuts a surrogate pair.
    pub fn splice_text(
        &mut self,
        key: &str,
        position: usize,
        delete: usize,
        insert: &str,
    ) -> Result<()> {
        let Ok(Some((Value::Object(ObjType::Text), id))) = self.inner.get(ROOT, key) else {
            return Err(Code::PositionInvalid.into());
        };
        let text = self.inner.text(&id).map_err(internal)?;
        let end = position.checked_add(delete).ok_or(Code::PositionInvalid)?;
        if !is_boundary(&text, position) || !is_boundary(&text, end) {
            return Err(Error::new(
                Code::PositionInvalid,
                format_args!("{position}+{delete}"),
            ));
        }
        let delete = isize::try_from(delete).map_err(|_| Code::PositionInvalid)?;
        self.inner
            .splice_text(&id, position, delete, insert)
            .map_err(internal)
    }

    /// Closes the change that was being written. Returns its chunk, or `None` if nothing was written.
    pub fn commit(&mut self) -> Option<Vec<u8>> {
        let hash = self.inner.commit()?;
        self.inner
            .get_change_by_hash(&hash)
            .map(|change| change.raw_bytes().to_vec())
    }
}

fn scalar(value: &serde_json::Value) -> ScalarValue {
    match value {
        serde_json::Value::Bool(value) => ScalarValue::Boolean(*value),
        serde_json::Value::String(text) => ScalarValue::Str(text.as_str().into()),
        serde_json::Value::Number(number) => {
            match (number.as_u64(), number.as_i64(), number.as_f64()) {
                (Some(value), _, _) => ScalarValue::Uint(value),
                (_, Some(value), _) => ScalarValue::Int(value),
                (_, _, Some(value)) => ScalarValue::F64(value),
                (None, None, None) => ScalarValue::Null,
            }
        }
        serde_json::Value::Null | serde_json::Value::Array(_) | serde_json::Value::Object(_) => {
            ScalarValue::Null
        }
    }
}

fn internal(error: automerge::AutomergeError) -> Error {
    Error::new(Code::Internal, format_args!("document: {error}"))
}

/// Says whether `position`, in UTF-16 code units, is at the edge of a character of `text` or at its end.
fn is_boundary(text: &str, position: usize) -> bool {
    let mut units = 0;
    for character in text.chars() {
        if units >= position {
            return units == position;
        }
        units += character.len_utf16();
    }
    units == position
}

const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];
const CHANGE_CHUNK: u8 = 1;

/// Splits a payload into its change chunks; each has the right checksum and kind.
///
/// # Errors
/// [`Code::Malformed`] for anything else, an empty payload among them.
pub fn split_chunks(payload: &[u8]) -> Result<Vec<&[u8]>> {
    let mut chunks = Vec::new();
    let mut rest = payload;
    while !rest.is_empty() {
        let (chunk, after) = split_chunk(rest)
            .ok_or_else(|| Error::new(Code::Malformed, "change: not a change chunk"))?;
        chunks.push(chunk);
        rest = after;
    }
    if chunks.is_empty() {
        return Err(Error::new(Code::Malformed, "change: empty"));
    }
    Ok(chunks)
}

/// Chunk: magic, four bytes of SHA-256 over the rest, kind, length in LEB128, content
/// (Automerge binary format, automerge.org/automerge-binary-format-spec).
fn split_chunk(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let after_magic = bytes.strip_prefix(&MAGIC)?;
    let (checksum, after_checksum) = after_magic.split_first_chunk::<4>()?;
    let (&kind, after_kind) = after_checksum.split_first()?;
    if kind != CHANGE_CHUNK {
        return None;
    }
    let (length, content) = split_leb128(after_kind)?;
    let rest = content.get(usize::try_from(length).ok()?..)?;
    let hashed = &after_checksum[..after_checksum.len() - rest.len()];
    if Hash::of_content(hashed).as_bytes()[..4] != checksum[..] {
        return None;
    }
    Some((&bytes[..bytes.len() - rest.len()], rest))
}

fn split_leb128(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0u64;
    for (index, &byte) in bytes.iter().enumerate().take(5) {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[index + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const ALICE: [u8; 16] = [1; 16];
    const BOB: [u8; 16] = [2; 16];

    #[test]
    fn positions_count_utf16_code_units() {
        let mut document = Document::new(ALICE);
        document.put_text("text").unwrap();
        document.splice_text("text", 0, 0, "chất 😀 vấn").unwrap();
        document.splice_text("text", 7, 0, "!").unwrap();
        assert_eq!(document.text("text").unwrap(), "chất 😀! vấn");
        let error = document.splice_text("text", 6, 0, "x").unwrap_err();
        assert_eq!(error.code(), Code::PositionInvalid);
        assert!(document.splice_text("text", 12, 1, "").is_err());
        assert!(document.splice_text("text", usize::MAX, 1, "").is_err());
    }

    #[test]
    fn both_of_two_edits_at_one_place_stay() {
        let mut alice = Document::new(ALICE);
        alice.put_text("text").unwrap();
        let first = alice.commit().unwrap();
        let mut bob = Document::new(BOB);
        bob.apply(&first).unwrap();
        alice.splice_text("text", 0, 0, "một").unwrap();
        bob.splice_text("text", 0, 0, "hai").unwrap();
        let (from_alice, from_bob) = (alice.commit().unwrap(), bob.commit().unwrap());

        alice.apply(&from_bob).unwrap();
        bob.apply(&from_alice).unwrap();
        bob.apply(&from_alice).unwrap();

        assert_eq!(alice.text("text"), bob.text("text"));
        let text = alice.text("text").unwrap();
        assert!(text.contains("một") && text.contains("hai"), "{text}");
        assert_eq!(alice.heads(), bob.heads());
    }

    #[test]
    fn a_change_whose_ancestor_is_missing_is_refused() {
        let mut alice = Document::new(ALICE);
        alice.put_text("text").unwrap();
        alice.commit().unwrap();
        alice.splice_text("text", 0, 0, "x").unwrap();
        let second = alice.commit().unwrap();

        let mut bob = Document::new(BOB);
        assert!(bob.lacks_cause_of(&second).unwrap());
        let error = bob.apply(&second).unwrap_err();

        assert_eq!(error.code(), Code::Malformed);
        assert!(!alice.lacks_cause_of(&second).unwrap());
    }

    #[test]
    fn reconciling_writes_only_what_differs() {
        let mut document = Document::new(ALICE);
        let first = json!({"a": {"x": 1, "y": [1, 2, {"z": null}]}, "b": "chữ", "c": 1.5, "d": -3});
        assert!(document.reconcile(&first).unwrap());
        assert_eq!(document.to_json().unwrap(), first);
        assert!(!document.reconcile(&first).unwrap());
        let heads = document.heads();
        let second =
            json!({"a": {"x": 1, "y": [1, 2, {"z": null}]}, "b": "chữ khác", "c": 1.5, "e": {}});

        document.reconcile(&second).unwrap();

        assert_eq!(document.to_json().unwrap(), second);
        let change = document.changes_since(&heads).concat();
        assert!(change.len() < 180, "{} bytes", change.len());
        assert_eq!(document.json_at(&heads).unwrap(), first);
    }

    #[test]
    fn a_document_is_the_same_after_saving_and_loading() {
        let mut document = Document::new(ALICE);
        document.reconcile(&json!({"a": [true, "b"]})).unwrap();
        let bytes = document.save();

        let mut loaded = Document::load(&bytes, BOB).unwrap();

        assert_eq!(loaded.heads(), document.heads());
        assert_eq!(loaded.to_json().unwrap(), document.to_json().unwrap());
        assert!(Document::load(b"garbage", BOB).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_apply_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut payload = MAGIC.to_vec();
            payload.extend(&bytes);
            prop_assert!(Document::new(ALICE).apply(&bytes).is_err());
            prop_assert!(Document::new(ALICE).apply(&payload).is_err());
        }
    }
}
