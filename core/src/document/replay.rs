//! Changes that another document lacks, made again on top of what it has.
//!
//! A change that two copies of a device both have and neither has sent is made again by both. So that
//! it is not there twice, everything about the new change follows from the old one: its actor from the
//! old one's hash, its place from what the old one stood on. Two copies make it byte for byte alike, and
//! Automerge knows it again. Letters that it did not touch are not touched again: what both copies write
//! into one word stands there once, with what was in the word before.

use std::collections::{BTreeMap, BTreeSet};

use automerge::{
    ActorId, AutoCommit, ChangeHash, ObjId, ObjType, PatchAction, ROOT, ReadDoc, ScalarValue,
    TextEncoding, Value,
    transaction::{CommitOptions, Transactable},
};

use super::{Document, difference, difference::Change, internal};
use crate::{
    error::{Code, Error, Result},
    ids::{Hash, domain},
};

/// Marks a change that was made again: it stands by itself, and is never made a third time.
const CARRIED: &str = "carried";
/// Changes that are made again one by one; more of them are brought over by their words together.
const CHANGES_MAX: usize = 2_000;

/// What stands at the root of a document at some heads.
#[derive(Default)]
struct Content {
    texts: BTreeMap<String, (ObjId, String)>,
    scalars: BTreeMap<String, ScalarValue>,
}

impl Document {
    /// Counts the changes that `other` lacks.
    pub fn beyond(&mut self, other: &mut Self) -> usize {
        let there = other.hashes();
        self.hashes().difference(&there).count()
    }

    /// Brings what `from` has beyond this document over, so that two copies that do it at the same time
    /// do it alike. Returns the changes.
    ///
    /// # Errors
    /// [`Code::Malformed`] if the content is not of the kind that notes have.
    pub fn make_again(&mut self, from: &mut Self) -> Result<Vec<Vec<u8>>> {
        if from.beyond(self) <= CHANGES_MAX {
            return self.replay(from);
        }
        let base = from.common_with(self)?;
        self.bring_over(&base, from)
    }

    /// Makes those changes of `from` again that this document lacks, each by its words, and takes them
    /// in. Returns them.
    ///
    /// # Errors
    /// [`Code::Malformed`] never happens on histories of ours.
    pub fn replay(&mut self, from: &mut Self) -> Result<Vec<Vec<u8>>> {
        let there = self.hashes();
        let is_there = |hash: &ChangeHash| there.contains(&Hash::from_bytes(hash.0));
        let changes = from.inner.get_changes(&[]);
        let missing = changes.iter().filter(|change| !is_there(&change.hash()));
        let mut made: BTreeMap<ChangeHash, ChangeHash> = BTreeMap::new();
        let mut branch: Option<(BTreeSet<ChangeHash>, AutoCommit)> = None;
        let mut written = Vec::new();
        for change in missing {
            let old = change.hash();
            let deps: BTreeSet<ChangeHash> = change
                .deps()
                .iter()
                .map(|needed| made.get(needed).copied().unwrap_or(*needed))
                .collect();
            let unmoved = change.deps().iter().all(|needed| deps.contains(needed));
            if unmoved && change.message().is_some_and(|message| message == CARRIED) {
                let bytes = change.raw_bytes().to_vec();
                self.apply(&bytes)?;
                made.insert(old, old);
                written.push(bytes);
                continue;
            }
            let going_on = branch.take().filter(|(heads, _)| *heads == deps);
            let mut on = match going_on {
                Some((_, on)) => on,
                None => self.fork(&deps)?,
            };
            let actor = Hash::of(domain::CARRIED, &[&old.0]);
            on.set_actor(ActorId::from(&actor.as_bytes()[..16]));
            let (before, after) = (content(from, change.deps())?, content(from, &[old])?);
            let typed = typed(from, change.deps(), old);
            write(&mut on, &before, &after, &typed)?;
            let options = || CommitOptions::default().with_message(CARRIED).with_time(0);
            let new = if on.pending_ops() == 0 {
                on.empty_change(options())
            } else {
                on.commit_with(options()).ok_or(Code::Internal)?
            };
            let change = on.get_change_by_hash(&new).ok_or(Code::Internal)?;
            let bytes = change.raw_bytes().to_vec();
            self.apply(&bytes)?;
            made.insert(old, new);
            written.push(bytes);
            branch = Some((BTreeSet::from([new]), on));
        }
        Ok(written)
    }

    fn fork(&mut self, heads: &BTreeSet<ChangeHash>) -> Result<AutoCommit> {
        if heads.is_empty() {
            return Ok(AutoCommit::new_with_encoding(TextEncoding::Utf16CodeUnit));
        }
        let heads: Vec<ChangeHash> = heads.iter().copied().collect();
        self.inner
            .fork_at(&heads)
            .map_err(|error| Error::new(Code::Malformed, format_args!("heads: {error}")))
    }
}

fn content(document: &Document, heads: &[ChangeHash]) -> Result<Content> {
    let mut content = Content::default();
    if heads.is_empty() {
        return Ok(content);
    }
    let inner = &document.inner;
    for key in inner.keys_at(ROOT, heads) {
        let found = inner.get_at(ROOT, key.as_str(), heads).map_err(internal)?;
        match found {
            Some((Value::Object(ObjType::Text), id)) => {
                let text = inner.text_at(&id, heads).map_err(internal)?;
                content.texts.insert(key, (id, text));
            }
            Some((Value::Scalar(scalar), _)) => {
                content.scalars.insert(key, scalar.into_owned());
            }
            Some((Value::Object(ObjType::Map | ObjType::List | ObjType::Table), _)) | None => {}
        }
    }
    Ok(content)
}

/// Returns what a change did to texts, letter by letter.
fn typed(from: &mut Document, deps: &[ChangeHash], change: ChangeHash) -> Vec<(ObjId, Change)> {
    let mut typed = Vec::new();
    for patch in from.inner.diff(deps, &[change]) {
        let done = match patch.action {
            PatchAction::SpliceText { index, value, .. } => Change {
                position: index,
                delete: 0,
                insert: value.make_string(),
            },
            PatchAction::DeleteSeq { index, length } => Change {
                position: index,
                delete: length,
                insert: String::new(),
            },
            PatchAction::PutMap { .. }
            | PatchAction::PutSeq { .. }
            | PatchAction::Insert { .. }
            | PatchAction::Increment { .. }
            | PatchAction::Conflict { .. }
            | PatchAction::DeleteMap { .. }
            | PatchAction::Mark { .. } => continue,
        };
        typed.push((patch.obj, done));
    }
    typed
}

/// Returns the text after some changes, if each has its place in it.
fn after(text: &str, changes: &[Change]) -> Option<String> {
    let mut units: Vec<u16> = text.encode_utf16().collect();
    for change in changes {
        let end = change.position.checked_add(change.delete)?;
        if end > units.len() {
            return None;
        }
        units.splice(change.position..end, change.insert.encode_utf16());
    }
    String::from_utf16(&units).ok()
}

/// Writes what differs between two contents: letter by letter where the text is the one that it was
/// typed into, otherwise by words.
fn write(
    on: &mut AutoCommit,
    before: &Content,
    now: &Content,
    typed: &[(ObjId, Change)],
) -> Result<()> {
    for (key, value) in &now.scalars {
        if before.scalars.get(key) != Some(value) {
            on.put(ROOT, key.as_str(), value.clone())
                .map_err(internal)?;
        }
    }
    for key in before.scalars.keys() {
        if !now.scalars.contains_key(key) && !now.texts.contains_key(key) {
            on.delete(ROOT, key.as_str()).map_err(internal)?;
        }
    }
    for (key, (object, text)) in &now.texts {
        let known = on.get(ROOT, key.as_str()).map_err(internal)?;
        let id = match known {
            Some((Value::Object(ObjType::Text), id)) => id,
            Some(_) | None => on
                .put_object(ROOT, key.as_str(), ObjType::Text)
                .map_err(internal)?,
        };
        let known = before.texts.get(key);
        let from = known.map_or("", |(_, text)| text.as_str());
        let here = on.text(&id).map_err(internal)?;
        let of_text = typed.iter().filter(|(of, _)| of == object);
        let mut changes: Vec<Change> = of_text.map(|(_, change)| change.clone()).collect();
        let same = here == from && known.is_none_or(|(of, _)| of == object);
        if !same || after(&here, &changes).as_ref() != Some(text) {
            changes = difference::bring_over(from, text, &here);
        }
        for change in changes {
            let delete = isize::try_from(change.delete).map_err(|_| Code::Internal)?;
            on.splice_text(&id, change.position, delete, &change.insert)
                .map_err(internal)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn note(actor: u8, text: &str) -> Document {
        let mut note = Document::new([actor; 16]);
        note.put_scalar("item", &json!("i1")).unwrap();
        note.put_text("text").unwrap();
        note.splice_text("text", 0, 0, text).unwrap();
        note.commit().unwrap();
        note
    }

    fn append(document: &mut Document, text: &str) {
        let end = document.text("text").unwrap().encode_utf16().count();
        document.splice_text("text", end, 0, text).unwrap();
        document.commit().unwrap();
    }

    fn insert(document: &mut Document, position: usize, text: &str) {
        document.splice_text("text", position, 0, text).unwrap();
        document.commit().unwrap();
    }

    #[test]
    fn what_two_copies_write_into_one_word_moves_and_doubles_no_letter_of_it() {
        let mut office = note(9, "thời");
        let (mut one, mut two) = (same(&mut office), same(&mut office));
        insert(&mut office, 2, "«a»");
        insert(&mut one, 3, "«b»");
        insert(&mut two, 1, "«c»");
        one.splice_text("text", 0, 1, "").unwrap();
        one.commit().unwrap();

        let mut first = same(&mut office);
        let from_one = first.replay(&mut one).unwrap();
        let mut second = same(&mut office);
        let from_two = second.replay(&mut two).unwrap();
        office.apply(&from_one.concat()).unwrap();
        office.apply(&from_two.concat()).unwrap();

        assert_eq!(office.text("text").unwrap(), "«c»h«a»ờ«b»i");
    }

    fn same(document: &mut Document) -> Document {
        Document::load(&document.save(), [1; 16]).unwrap()
    }

    #[test]
    fn what_two_copies_have_unsent_alike_is_there_once_and_the_rest_of_both() {
        let mut office = note(9, "gốc");
        let mut one = same(&mut office);
        append(&mut one, " chung");
        one.put_scalar("deleted_at", &json!(7)).unwrap();
        one.commit().unwrap();
        let mut two = same(&mut one);
        append(&mut one, " một");
        append(&mut two, " hai");

        // Both at the same time, neither having seen the other's.
        let (mut first, mut second) = (same(&mut office), same(&mut office));
        let from_one = first.replay(&mut one).unwrap();
        let from_two = second.replay(&mut two).unwrap();
        assert_eq!(from_one[..2], from_two[..2]);
        office.apply(&from_one.concat()).unwrap();
        office.apply(&from_two.concat()).unwrap();

        let text = office.text("text").unwrap();
        for word in ["gốc", "chung", "một", "hai"] {
            assert_eq!(text.matches(word).count(), 1, "{text}");
        }
        assert_eq!(office.to_json().unwrap()["deleted_at"], 7);
        assert_eq!(one.beyond(&mut office), 3);
        // Once more, from a copy that has them made again already: nothing is new.
        assert_eq!(first.beyond(&mut office), 0);
        assert!(office.replay(&mut first).unwrap().is_empty());
    }

    #[test]
    fn a_change_that_was_made_again_is_not_made_a_third_time() {
        let mut office = note(9, "gốc");
        let mut one = same(&mut office);
        append(&mut one, " chữ");
        let mut again = same(&mut office);
        let first = again.replay(&mut one).unwrap();

        let third = same(&mut office).replay(&mut again).unwrap();

        assert_eq!(first, third);
    }

    #[test]
    fn a_note_that_both_copies_began_is_one_note() {
        let mut begun = note(1, "mới");
        let (mut first, mut second) = (Document::new([2; 16]), Document::new([3; 16]));
        let one = first.replay(&mut begun).unwrap();
        let two = second.replay(&mut begun).unwrap();
        assert_eq!(one, two);
        first.apply(&two.concat()).unwrap();
        assert_eq!(first.to_json().unwrap(), begun.to_json().unwrap());
    }
}
