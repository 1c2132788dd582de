//! Changes that another document lacks, made again on top of what it has.
//!
//! A change that two copies of a device both have and neither has sent is made again by both. So that
//! it is not there twice, everything about the new change follows from the old one: its actor from the
//! old one's hash, its operations one by one from the old ones. Two copies make it byte for byte alike,
//! and Automerge knows it again. Each letter stays behind the letter that it was typed behind: what both
//! copies write into one word stands there once, with what was in the word before, in the same order.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    num::NonZeroU64,
};

use automerge::{
    ActorId, Change, ChangeHash, ExpandedChange,
    legacy::{ElementId, Key, ObjectId, Op, OpId},
};

use super::Document;
use crate::{
    error::{Code, Result},
    ids::{Hash, domain},
};

/// Marks a change that was made again, by its actor of which one; or, behind the mark, if it was made
/// again once more since what it stands on was. As long as it can it stays as it is.
const CARRIED: &str = "carried";
/// Bytes of an actor, and of what tells a change that was made again from others of its author.
const NAME_BYTES: usize = 16;
/// Changes that are made again one by one; more of them are brought over by their words together.
const CHANGES_MAX: usize = 2_000;

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
        let missing = self.missing(from);
        let known = self.known();
        let alike = |change: &Change| {
            let known = known.get(&origin(change));
            known.is_none_or(|known| is_alike(known, change))
        };
        if missing.len() <= CHANGES_MAX && missing.iter().all(alike) {
            return self.replay(&missing, known);
        }
        let base = from.common_with(self)?;
        self.bring_over(&base, from)
    }

    /// Returns those changes of `from` that this document lacks.
    fn missing(&mut self, from: &mut Self) -> Vec<Change> {
        let there = self.hashes();
        let is_there = |change: &Change| there.contains(&Hash::from_bytes(change.hash().0));
        let mut changes = from.inner.get_changes(&[]);
        changes.retain(|change| !is_there(change));
        changes
    }

    /// Returns this document's changes by what was written in them.
    fn known(&mut self) -> BTreeMap<String, Change> {
        let changes = self.inner.get_changes(&[]).into_iter();
        changes.map(|change| (origin(&change), change)).collect()
    }

    /// Makes changes again that this document lacks, and takes them in. Returns them.
    fn replay(
        &mut self,
        missing: &[Change],
        mut known: BTreeMap<String, Change>,
    ) -> Result<Vec<Vec<u8>>> {
        let mut made = Made::default();
        let mut written = Vec::new();
        for change in missing {
            // Of a change and what was made of it one is enough.
            let twin = known.get(&origin(change));
            if let Some(twin) = twin.filter(|twin| is_alike(twin, change)) {
                made.note(change, twin);
                continue;
            }
            let carried = is_carried(change);
            let deps: BTreeSet<ChangeHash> = change.deps().iter().map(|it| made.hash(it)).collect();
            let unmoved = change.deps().iter().all(|needed| deps.contains(needed));
            let again = if unmoved && carried {
                change.clone()
            } else {
                let begins = self.begins_after(&deps)?;
                made.again(change, deps, begins)
            };
            self.apply(again.raw_bytes())?;
            written.push(again.raw_bytes().to_vec());
            made.note(change, &again);
            known.insert(origin(change), again);
        }
        Ok(written)
    }

    /// Returns the number of the first operation of a change that follows others.
    fn begins_after(&mut self, deps: &BTreeSet<ChangeHash>) -> Result<NonZeroU64> {
        let mut begins = NonZeroU64::MIN;
        for needed in deps {
            let needed = self
                .inner
                .get_change_by_hash(needed)
                .ok_or(Code::Internal)?;
            let length = u64::try_from(needed.len()).map_err(|_| Code::Internal)?;
            begins = begins.max(needed.start_op().saturating_add(length));
        }
        Ok(begins)
    }
}

/// What stands in the place of changes that were made again.
#[derive(Default)]
struct Made {
    hashes: BTreeMap<ChangeHash, ChangeHash>,
    /// By a change's actor and the number of its first operation.
    operations: BTreeMap<(ActorId, u64), Place>,
}

/// Where the operations of a change stand now.
struct Place {
    length: u64,
    begins: u64,
    actor: ActorId,
}

impl Made {
    fn note(&mut self, old: &Change, new: &Change) {
        self.hashes.insert(old.hash(), new.hash());
        self.place(old, new.start_op(), new.actor_id());
    }

    fn place(&mut self, old: &Change, begins: NonZeroU64, actor: &ActorId) {
        let began = (old.actor_id().clone(), old.start_op().get());
        let place = Place {
            length: u64::try_from(old.len()).unwrap_or(u64::MAX),
            begins: begins.get(),
            actor: actor.clone(),
        };
        self.operations.insert(began, place);
    }

    fn hash(&self, old: &ChangeHash) -> ChangeHash {
        self.hashes.get(old).copied().unwrap_or(*old)
    }

    fn operation(&self, old: &OpId) -> OpId {
        let (counter, actor) = (old.counter(), old.actor());
        let mut before = self.operations.range(..=(actor.clone(), counter));
        match before.next_back() {
            Some(((of, began), place)) if of == actor && counter - began < place.length => {
                OpId(place.begins + (counter - began), place.actor.clone())
            }
            Some(_) | None => old.clone(),
        }
    }

    /// Returns a change as it is made again, operation by operation.
    fn again(&mut self, old: &Change, deps: BTreeSet<ChangeHash>, begins: NonZeroU64) -> Change {
        let message = if is_carried(old) {
            format!("{CARRIED}{}", origin(old))
        } else {
            CARRIED.to_owned()
        };
        let actor = actor(old);
        self.place(old, begins, &actor);
        let moved = |old: &OpId| self.operation(old);
        let operations = old.decode().operations.into_iter().map(|operation| Op {
            obj: match &operation.obj {
                ObjectId::Root => ObjectId::Root,
                ObjectId::Id(id) => ObjectId::Id(moved(id)),
            },
            key: match &operation.key {
                Key::Seq(ElementId::Id(id)) => Key::Seq(ElementId::Id(moved(id))),
                same @ (Key::Map(_) | Key::Seq(ElementId::Head)) => same.clone(),
            },
            pred: operation.pred.iter().map(moved).collect(),
            ..operation
        });
        Change::from(ExpandedChange {
            operations: operations.collect(),
            actor_id: actor,
            hash: None,
            seq: 1,
            start_op: begins,
            time: 0,
            message: Some(message),
            deps: deps.into_iter().collect(),
            extra_bytes: Vec::new(),
            author: None,
        })
    }
}

/// Says whether two changes write the same, each at its place.
fn is_alike(one: &Change, other: &Change) -> bool {
    let (one, other) = (one.decode().operations, other.decode().operations);
    let mut both = one.iter().zip(&other);
    one.len() == other.len() && both.all(|(a, b)| a.action == b.action && a.insert == b.insert)
}

fn is_carried(change: &Change) -> bool {
    let message = change.message();
    message.is_some_and(|message| message.starts_with(CARRIED))
}

/// Names what was written, in a change as it was made first and in each that was made of it.
fn origin(change: &Change) -> String {
    let named = change.message().and_then(|it| it.strip_prefix(CARRIED));
    match named {
        Some("") => {
            let actor = change.actor_id().to_bytes();
            hex(&actor[actor.len().saturating_sub(NAME_BYTES)..])
        }
        Some(origin) => origin.to_owned(),
        None => hex(&name(&change.hash())),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn name(change: &ChangeHash) -> Vec<u8> {
    Hash::of(domain::CARRIED, &[&change.0]).as_bytes()[..NAME_BYTES].to_vec()
}

/// Returns under whom a change is made again. What two wrote at one place stands in the order of their
/// actors, compared byte by byte: it begins as the old one, so that the order stays what it was.
fn actor(change: &Change) -> ActorId {
    let mut actor = change.actor_id().to_bytes().to_vec();
    actor.truncate(NAME_BYTES);
    actor.extend(name(&change.hash()));
    ActorId::from(actor)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
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
        let from_one = first.make_again(&mut one).unwrap();
        let mut second = same(&mut office);
        let from_two = second.make_again(&mut two).unwrap();
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
        let from_one = first.make_again(&mut one).unwrap();
        let from_two = second.make_again(&mut two).unwrap();
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
        assert!(office.make_again(&mut first).unwrap().is_empty());
    }

    #[test]
    fn a_change_that_was_made_again_is_not_made_a_third_time() {
        let mut office = note(9, "gốc");
        let mut one = same(&mut office);
        append(&mut one, " chữ");
        let mut again = same(&mut office);
        let first = again.make_again(&mut one).unwrap();

        let third = same(&mut office).make_again(&mut again).unwrap();

        assert_eq!(first, third);
    }

    #[test]
    fn a_note_whose_beginning_arrives_after_it_was_made_again_has_one_text() {
        let mut begun = note(1, "gốc");
        let mut copy = Document::new([2; 16]);
        copy.make_again(&mut begun).unwrap();
        append(&mut copy, " một");
        // The beginning arrives as it was, with what followed it there.
        append(&mut begun, " hai");
        let mut office = same(&mut begun);

        let again = same(&mut begun).make_again(&mut copy).unwrap();
        office.apply(&again.concat()).unwrap();

        let text = office.text("text").unwrap();
        for word in ["gốc", "một", "hai"] {
            assert_eq!(text.matches(word).count(), 1, "{text}");
        }
        assert!(office.make_again(&mut copy).unwrap().is_empty());
    }

    #[test]
    fn a_note_that_both_copies_began_is_one_note() {
        let mut begun = note(1, "mới");
        let (mut first, mut second) = (Document::new([2; 16]), Document::new([3; 16]));
        let one = first.make_again(&mut begun).unwrap();
        let two = second.make_again(&mut begun).unwrap();
        assert_eq!(one, two);
        first.apply(&two.concat()).unwrap();
        assert_eq!(first.to_json().unwrap(), begun.to_json().unwrap());
    }

    fn changes(document: &mut Document) -> Vec<u8> {
        let changes = document.inner.get_changes(&[]);
        changes
            .iter()
            .flat_map(|it| it.raw_bytes().to_vec())
            .collect()
    }

    proptest! {
        #[test]
        fn whatever_was_typed_stands_in_the_same_order_when_it_is_made_again(
            steps in proptest::collection::vec((0..3_usize, 0..4_u8, 0..60_usize, "[a-z]{1,4}"), 1..40),
        ) {
            let mut office = note(9, "gốc");
            let saved = office.save();
            let mut writers =
                [3, 2, 1].map(|actor| Document::load(&saved, [actor; 16]).unwrap());
            for (writer, what, place, word) in steps {
                let other = changes(&mut writers[(writer + 1 + place % 2) % 3]);
                let document = &mut writers[writer];
                let length = document.text("text").unwrap().encode_utf16().count();
                let position = place % (length + 1);
                let delete = word.len().min(length - position);
                match what {
                    0 => document.splice_text("text", position, delete, "").unwrap(),
                    1 => document.splice_text("text", position, delete, &word).unwrap(),
                    2 => document.splice_text("text", position, 0, &word).unwrap(),
                    _ => document.apply(&other).unwrap(),
                }
                let _ = document.commit();
            }
            let [here, other, third] = &mut writers;
            // The office has what one of them has; the rest is made again.
            office.apply(&changes(here)).unwrap();
            here.apply(&changes(other)).unwrap();
            here.apply(&changes(third)).unwrap();
            office.make_again(here).unwrap();
            prop_assert_eq!(office.text("text").unwrap(), here.text("text").unwrap());
        }
    }
}
