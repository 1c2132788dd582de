//! Bringing what one history has over into another by its content, not by its changes.
//!
//! Changes of a copy of a device, and those behind a refused one, cannot go on as they are: they stand
//! on what the office does not have, or in the place of others. What they say can.

use std::collections::BTreeSet;

use automerge::{ActorId, AutoCommit, ChangeHash, ROOT, TextEncoding, transaction::Transactable};
use serde_json::{Map, Value};

use super::{Document, difference, internal, split_chunks};
use crate::{
    error::{Code, Error, Result},
    ids::Hash,
    limits::SPLICE_UNITS_MAX,
};

impl Document {
    /// Returns the hashes of all changes.
    pub fn hashes(&mut self) -> BTreeSet<Hash> {
        let changes = self.inner.get_changes(&[]);
        let hashes = changes.iter().map(|change| change.hash());
        hashes.map(|hash| Hash::from_bytes(hash.0)).collect()
    }

    /// Writes under another actor from here on.
    #[must_use]
    pub fn written_by(self, actor: [u8; 16]) -> Self {
        Self {
            inner: self.inner.with_actor(ActorId::from(actor)),
        }
    }

    /// Returns the document as it would be without some changes, and without those that need them.
    ///
    /// # Errors
    /// [`Code::Malformed`] never happens on a history of ours.
    pub fn without(&mut self, changes: &BTreeSet<Hash>) -> Result<Self> {
        let mut gone: BTreeSet<ChangeHash> = changes
            .iter()
            .map(|hash| ChangeHash(*hash.as_bytes()))
            .collect();
        let mut heads = BTreeSet::new();
        // They come in an order in which each follows what it needs.
        for change in self.inner.get_changes(&[]) {
            if gone.contains(&change.hash()) || change.deps().iter().any(|it| gone.contains(it)) {
                gone.insert(change.hash());
                continue;
            }
            for needed in change.deps() {
                heads.remove(needed);
            }
            heads.insert(change.hash());
        }
        if heads.is_empty() {
            let inner = AutoCommit::new_with_encoding(TextEncoding::Utf16CodeUnit);
            return Ok(Self { inner });
        }
        let heads: Vec<ChangeHash> = heads.into_iter().collect();
        match self.inner.fork_at(&heads) {
            Ok(inner) => Ok(Self { inner }),
            Err(error) => Err(Error::new(Code::Malformed, format_args!("heads: {error}"))),
        }
    }

    /// Returns what this and another history have in common.
    ///
    /// # Errors
    /// As [`Document::without`].
    pub fn common_with(&mut self, other: &mut Self) -> Result<Self> {
        let there = other.hashes();
        let only_here = self.hashes().difference(&there).copied().collect();
        self.without(&only_here)
    }

    /// Writes the difference between `base` and `wanted` into this document, which has come from `base`
    /// too: texts by words, other values whole. Returns the changes, each of a size that can be sent.
    ///
    /// # Errors
    /// [`Code::Malformed`] if the content is not of the kind that notes have.
    pub fn bring_over(&mut self, base: &Self, wanted: &Self) -> Result<Vec<Vec<u8>>> {
        let mut changes = Vec::new();
        let (before, after) = (content(base)?, content(wanted)?);
        let empty = self.heads().is_empty();
        for (key, value) in &after {
            match (wanted.text(key), value) {
                (Some(text), _) => {
                    let from = base.text(key).unwrap_or_default();
                    self.bring_text_over(key, &from, &text, &mut changes)?;
                }
                (None, Value::Object(_) | Value::Array(_)) => {}
                (None, value) => {
                    let here = content(self)?;
                    if (empty || before.get(key) != Some(value)) && here.get(key) != Some(value) {
                        self.put_scalar(key, value)?;
                    }
                }
            }
        }
        for key in before.keys().filter(|key| !after.contains_key(*key)) {
            if content(self)?.contains_key(key) && self.text(key).is_none() {
                self.inner.delete(ROOT, key.as_str()).map_err(internal)?;
            }
        }
        changes.extend(self.commit());
        Ok(changes)
    }

    fn bring_text_over(
        &mut self,
        key: &str,
        from: &str,
        to: &str,
        changes: &mut Vec<Vec<u8>>,
    ) -> Result<()> {
        if self.text(key).is_none() {
            self.put_text(key)?;
        }
        let here = self.text(key).unwrap_or_default();
        for change in difference::bring_over(from, to, &here) {
            let mut position = change.position;
            self.splice_text(key, position, change.delete, "")?;
            for piece in pieces(&change.insert) {
                self.splice_text(key, position, 0, piece)?;
                position += piece.encode_utf16().count();
                if piece.len() < change.insert.len() {
                    changes.extend(self.commit());
                }
            }
        }
        Ok(())
    }

    /// Returns the words that `self` has beyond `base` under `key`.
    pub fn added(&self, base: &Self, key: &str) -> String {
        let text = |document: &Self| document.text(key).unwrap_or_default();
        difference::added(&text(base), &text(self))
    }
}

fn content(document: &Document) -> Result<Map<String, Value>> {
    let Value::Object(map) = document.to_json()? else {
        return Ok(Map::new());
    };
    Ok(map)
}

/// Returns the hashes of the changes in a payload.
///
/// # Errors
/// [`Code::Malformed`] if the bytes are not change chunks.
pub fn change_hashes(payload: &[u8]) -> Result<Vec<Hash>> {
    // A change is named by the hash of its chunk behind the magic bytes and the checksum.
    let chunks = split_chunks(payload)?.into_iter();
    Ok(chunks.map(|chunk| Hash::of_content(&chunk[8..])).collect())
}

/// Cuts a text into pieces that each fit into a change.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let mut units = 0;
        let end = rest
            .char_indices()
            .find(|(_, character)| {
                units += character.len_utf16();
                units > SPLICE_UNITS_MAX
            })
            .map_or(rest.len(), |(at, _)| at);
        let (piece, after) = rest.split_at(end);
        rest = after;
        (!piece.is_empty()).then_some(piece)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn note(text: &str) -> Document {
        let mut note = Document::new([1; 16]);
        note.put_scalar("item", &json!("i1")).unwrap();
        note.put_text("text").unwrap();
        note.splice_text("text", 0, 0, text).unwrap();
        note.commit().unwrap();
        note
    }

    fn append(document: &mut Document, text: &str) -> Hash {
        let end = document.text("text").unwrap().encode_utf16().count();
        document.splice_text("text", end, 0, text).unwrap();
        document.commit().unwrap();
        document.heads()[0]
    }

    #[test]
    fn what_two_copies_wrote_under_one_actor_comes_together() {
        let mut first = note("chung");
        let mut copy = Document::load(&first.save(), [1; 16]).unwrap();
        let common = first.heads();
        append(&mut first, " một");
        append(&mut copy, " hai");
        copy.put_scalar("deleted_at", &json!(7)).unwrap();
        copy.commit().unwrap();
        let change = first.changes_since(&common).concat();
        assert!(copy.clone().apply(&change).is_err());

        let base = copy.common_with(&mut first).unwrap();
        let mut rebuilt = first.clone().written_by([2; 16]);
        let changes = rebuilt.bring_over(&base, &copy).unwrap();

        assert_eq!(rebuilt.text("text").unwrap(), "chung một hai");
        assert_eq!(rebuilt.to_json().unwrap()["deleted_at"], 7);
        first.apply(&changes.concat()).unwrap();
        assert_eq!(first.heads(), rebuilt.heads());
    }

    #[test]
    fn what_follows_a_change_that_is_left_out_stays_by_its_words() {
        let mut document = note("gốc");
        let refused = append(&mut document, " bị từ chối");
        let mut with_refused = document.clone();
        append(&mut document, " vẫn muốn");
        let mut all = document.clone();

        let mut without = all.without(&BTreeSet::from([refused])).unwrap();
        assert_eq!(without.text("text").unwrap(), "gốc");
        let added = with_refused.added(&without, "text");
        without = without.written_by([2; 16]);
        without.bring_over(&with_refused, &all).unwrap();

        assert_eq!(added, "bị từ chối");
        assert_eq!(without.text("text").unwrap(), "gốc vẫn muốn");
        assert_eq!(with_refused.hashes().len(), 2);
    }

    #[test]
    fn a_note_that_the_office_has_nothing_of_is_written_whole_in_pieces() {
        let long = "chữ ".repeat(SPLICE_UNITS_MAX);
        let wanted = note(&long);
        let empty = Document::new([3; 16]);

        let mut rebuilt = Document::new([2; 16]);
        let changes = rebuilt.bring_over(&empty, &wanted).unwrap();

        assert_eq!(rebuilt.to_json().unwrap(), wanted.to_json().unwrap());
        assert!(changes.len() > 3);
        assert!(rebuilt.bring_over(&empty, &wanted).unwrap().is_empty());
    }
}
