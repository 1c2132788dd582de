//! A text that somebody edits while it changes elsewhere.
//!
//! What is typed counts at the place where it was typed: in the text as the editor showed it, not as it
//! is by then. What came meanwhile is told as splices of what the editor shows.

use automerge::{ChangeHash, ObjType, PatchAction, ROOT, ReadDoc, Value};

use super::{Document, Splice, difference};
use crate::ids::Hash;

impl Document {
    /// Says whether the history has a version: it does not if it was made anew since.
    pub fn has_version(&mut self, heads: &[Hash]) -> bool {
        let mut heads = heads.iter();
        heads.all(|head| self.inner.get_change_by_hash(&hash(head)).is_some())
    }

    /// Goes back to a version: what is read and written from here on is read and written there, until
    /// [`Document::go_forward`].
    pub fn go_back(&mut self, heads: &[Hash]) {
        let heads: Vec<ChangeHash> = heads.iter().map(hash).collect();
        self.inner.isolate(&heads);
    }

    /// Comes back to the newest state, with what was written at an earlier version.
    pub fn go_forward(&mut self) {
        self.inner.integrate();
    }

    /// Returns the splices that make the newest text of one of an earlier version.
    pub fn splices_since(&mut self, key: &str, heads: &[Hash]) -> Vec<Splice> {
        let before: Vec<ChangeHash> = heads.iter().map(hash).collect();
        let after = self.inner.get_heads();
        let Ok(Some((Value::Object(ObjType::Text), text))) = self.inner.get(ROOT, key) else {
            return Vec::new();
        };
        let patches = self.inner.diff(&before, &after).into_iter();
        let of_text = patches.filter(|patch| patch.obj == text);
        let splices = of_text.filter_map(|patch| match patch.action {
            PatchAction::SpliceText { index, value, .. } => Some(Splice {
                position: index,
                delete: 0,
                insert: value.make_string(),
            }),
            PatchAction::DeleteSeq { index, length } => Some(Splice {
                position: index,
                delete: length,
                insert: String::new(),
            }),
            PatchAction::PutMap { .. }
            | PatchAction::PutSeq { .. }
            | PatchAction::Insert { .. }
            | PatchAction::Increment { .. }
            | PatchAction::Conflict { .. }
            | PatchAction::DeleteMap { .. }
            | PatchAction::Mark { .. } => None,
        });
        splices.collect()
    }
}

fn hash(head: &Hash) -> ChangeHash {
    ChangeHash(*head.as_bytes())
}

/// Returns what has to be written into `theirs` so that it gets what was typed between `base` and
/// `wanted`, by words: for a history that was made anew.
pub fn brought_over(base: &str, wanted: &str, theirs: &str) -> Vec<Splice> {
    difference::bring_over(base, wanted, theirs)
}

/// Returns a text after splices, or `None` if one leaves it or cuts a character.
pub fn spliced(text: &str, splices: &[Splice]) -> Option<String> {
    let mut units: Vec<u16> = text.encode_utf16().collect();
    for splice in splices {
        let end = splice.position.checked_add(splice.delete)?;
        // The second half of a character stands nowhere else.
        let cuts = |at: usize| matches!(units.get(at), Some(0xdc00..=0xdfff));
        if end > units.len() || cuts(splice.position) || cuts(end) {
            return None;
        }
        units.splice(splice.position..end, splice.insert.encode_utf16());
    }
    String::from_utf16(&units).ok()
}

/// Returns where a position of a text is after splices: behind the letter that it stood behind, or where
/// that was. UTF-16 code units.
pub fn moved(position: usize, splices: &[Splice]) -> usize {
    splices.iter().fold(position, |position, splice| {
        let end = splice.position.saturating_add(splice.delete);
        if position <= splice.position {
            position
        } else if position < end {
            splice.position
        } else {
            position - splice.delete + splice.insert.encode_utf16().count()
        }
    })
}

/// Returns the splice that makes one text of another, or `None` if they are the same: what lies between
/// their common beginning and end.
pub fn between(from: &str, to: &str) -> Option<Splice> {
    let units = |text: &str| text.encode_utf16().count();
    let both = from.char_indices().zip(to.chars());
    let begins = both
        .take_while(|((_, one), other)| one == other)
        .last()
        .map_or(0, |((at, letter), _)| at + letter.len_utf8());
    let (from_rest, to_rest) = (&from[begins..], &to[begins..]);
    let both = from_rest.chars().rev().zip(to_rest.chars().rev());
    let ends: usize = both
        .take_while(|(one, other)| one == other)
        .map(|(letter, _)| letter.len_utf8())
        .sum();
    let deleted = &from_rest[..from_rest.len() - ends];
    let insert = &to_rest[..to_rest.len() - ends];
    (from != to).then(|| Splice {
        position: units(&from[..begins]),
        delete: units(deleted),
        insert: insert.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEXT: &str = "text";

    #[test]
    fn a_splice_that_cuts_a_character_leads_nowhere_also_where_its_halves_would_fit() {
        let splice = |position, delete| Splice {
            position,
            delete,
            insert: String::new(),
        };
        for wrong in [
            splice(1, 0),
            splice(1, 2),
            splice(0, 1),
            splice(3, 1),
            splice(0, 5),
        ] {
            assert_eq!(
                spliced("😀😀", std::slice::from_ref(&wrong)),
                None,
                "{wrong:?}"
            );
        }
        assert_eq!(spliced("😀😀", &[splice(2, 2)]).as_deref(), Some("😀"));
    }

    #[test]
    fn what_lies_between_two_texts_is_one_splice() {
        let splice = |position, delete, insert: &str| {
            let insert = insert.to_owned();
            Some(Splice {
                position,
                delete,
                insert,
            })
        };
        assert_eq!(between("tieng", "tiêng"), splice(2, 1, "ê"));
        assert_eq!(between("😀 Việt", "😀 Viết"), splice(5, 1, "ế"));
        assert_eq!(between("aa", "aaa"), splice(2, 0, "a"));
        assert_eq!(between("a", ""), splice(0, 1, ""));
        assert_eq!(between("", ""), None);
    }

    #[test]
    fn a_cursor_stays_behind_the_letter_that_it_stood_behind() {
        let splice = |position, delete, insert: &str| {
            let insert = insert.to_owned();
            [Splice {
                position,
                delete,
                insert,
            }]
        };
        assert_eq!(moved(3, &splice(1, 0, "😀")), 5);
        assert_eq!(moved(3, &splice(3, 0, "x")), 3);
        assert_eq!(moved(3, &splice(4, 1, "x")), 3);
        assert_eq!(moved(3, &splice(1, 4, "")), 1);
        assert_eq!(moved(5, &splice(1, 4, "")), 1);
        assert_eq!(moved(6, &splice(1, 4, "xy")), 4);
    }

    /// A screen over one of two histories that hear of each other from time to time.
    struct Screen {
        history: Document,
        version: Vec<Hash>,
        text: String,
    }

    impl Screen {
        fn type_in(&mut self, splice: &Splice) {
            self.text = spliced(&self.text, std::slice::from_ref(splice)).unwrap();
            self.history.go_back(&self.version);
            let (position, delete) = (splice.position, splice.delete);
            self.history
                .splice_text(TEXT, position, delete, &splice.insert)
                .unwrap();
            self.history.commit();
            self.version = self.history.heads();
            self.history.go_forward();
        }

        fn hear(&mut self, other: &mut Self) {
            let changes = other.history.inner.get_changes(&[]);
            let bytes: Vec<u8> = changes
                .iter()
                .flat_map(|it| it.raw_bytes().to_vec())
                .collect();
            self.history.apply(&bytes).unwrap();
        }

        fn take(&mut self) {
            let splices = self.history.splices_since(TEXT, &self.version);
            self.text = spliced(&self.text, &splices).unwrap();
            self.version = self.history.heads();
            assert_eq!(self.history.text(TEXT).unwrap(), self.text);
        }
    }

    proptest! {
        #[test]
        fn two_screens_come_to_one_text_and_each_letter_stands_where_it_was_typed(
            steps in proptest::collection::vec((0..2_usize, 0..5_u8, 0..40_usize, "[a-ể😀]{1,3}"), 1..40),
        ) {
            let mut begun = Document::new([9; 16]);
            begun.put_text(TEXT).unwrap();
            begun.splice_text(TEXT, 0, 0, "gốc 😀").unwrap();
            begun.commit().unwrap();
            let saved = begun.save();
            let mut screens = [1, 2].map(|actor| {
                let mut history = Document::load(&saved, [actor; 16]).unwrap();
                let version = history.heads();
                let text = history.text(TEXT).unwrap();
                Screen { history, version, text }
            });
            for (screen, what, place, insert) in steps {
                let [one, two] = &mut screens;
                let (here, there) = if screen == 0 { (one, two) } else { (two, one) };
                match what {
                    0 => here.hear(there),
                    1 => here.take(),
                    _ => {
                        let letters: Vec<char> = here.text.chars().collect();
                        let at = place % (letters.len() + 1);
                        let delete = usize::from(what == 2).min(letters.len() - at);
                        let units = |of: &[char]| of.iter().map(|it| it.len_utf16()).sum();
                        let before: String = here.text.chars().take(at).collect();
                        here.type_in(&Splice {
                            position: units(&letters[..at]),
                            delete: units(&letters[at..at + delete]),
                            insert: insert.clone(),
                        });
                        prop_assert!(here.text.starts_with(&(before + &insert)));
                    }
                }
            }
            let [one, two] = &mut screens;
            one.hear(two);
            two.hear(one);
            one.take();
            two.take();
            prop_assert_eq!(&one.text, &two.text);
        }
    }
}
