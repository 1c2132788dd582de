//! The difference of two texts by words, brought over into a third.

use similar::{Algorithm, DiffOp, capture_diff_slices};

use super::Splice;

/// Words that differ in the middle of two texts before they are taken as wholly different: the work
/// grows with their square.
const WORDS_MAX: usize = 20_000;

/// Returns the changes that bring the difference from `base` to `wanted` into `theirs`, which comes from
/// `base` too. What stands there already in the same place is not written a second time.
pub(super) fn bring_over(base: &str, wanted: &str, theirs: &str) -> Vec<Splice> {
    let base = words(base);
    let (ours, theirs) = (Edit::of(&base, wanted), Edit::of(&base, theirs));
    let mut changes = Changes::default();
    let mut position = 0;
    for (at, there) in theirs.inserted.iter().enumerate() {
        position += units(there);
        let insert = missing(&ours.inserted[at], there);
        position += changes.insert(position, insert);
        let Some(word) = base.get(at).filter(|_| theirs.kept[at]) else {
            continue;
        };
        if ours.kept[at] {
            position += units(word);
        } else {
            changes.delete(position, units(word));
        }
    }
    changes.all
}

/// Returns what was added from `base` to `wanted`, for people to read.
pub(super) fn added(base: &str, wanted: &str) -> String {
    let base = words(base);
    let inserted = Edit::of(&base, wanted).inserted;
    let parts = inserted.iter().map(|part| part.trim());
    let parts: Vec<&str> = parts.filter(|part| !part.is_empty()).collect();
    parts.join("\n")
}

/// How a text came from another: which of its words stay, and what comes before each and at the end.
struct Edit {
    kept: Vec<bool>,
    inserted: Vec<String>,
}

impl Edit {
    fn of(base: &[&str], text: &str) -> Self {
        let text = words(text);
        let mut edit = Self {
            kept: vec![true; base.len()],
            inserted: vec![String::new(); base.len() + 1],
        };
        let start = common(base.iter(), text.iter());
        let (old, new) = (&base[start..], &text[start..]);
        let end = common(old.iter().rev(), new.iter().rev());
        let (old, new) = (&old[..old.len() - end], &new[..new.len() - end]);
        if old.len() + new.len() > WORDS_MAX {
            edit.replace(start, old.len(), new);
            return edit;
        }
        for step in capture_diff_slices(Algorithm::Myers, old, new) {
            match step {
                DiffOp::Equal { .. } => {}
                DiffOp::Delete {
                    old_index, old_len, ..
                } => edit.replace(start + old_index, old_len, &[]),
                DiffOp::Insert {
                    old_index,
                    new_index,
                    new_len,
                } => edit.replace(start + old_index, 0, &new[new_index..new_index + new_len]),
                DiffOp::Replace {
                    old_index,
                    old_len,
                    new_index,
                    new_len,
                } => edit.replace(
                    start + old_index,
                    old_len,
                    &new[new_index..new_index + new_len],
                ),
            }
        }
        edit
    }

    fn replace(&mut self, at: usize, count: usize, by: &[&str]) {
        self.kept[at..at + count].fill(false);
        self.inserted[at].push_str(&by.concat());
    }
}

#[derive(Default)]
struct Changes {
    all: Vec<Splice>,
}

impl Changes {
    /// Returns the length of what is inserted.
    fn insert(&mut self, position: usize, insert: String) -> usize {
        let length = units(&insert);
        if length > 0 {
            self.all.push(Splice {
                position,
                delete: 0,
                insert,
            });
        }
        length
    }

    fn delete(&mut self, position: usize, delete: usize) {
        match self.all.last_mut() {
            Some(last) if last.position == position && last.insert.is_empty() => {
                last.delete += delete;
            }
            Some(_) | None => self.all.push(Splice {
                position,
                delete,
                insert: String::new(),
            }),
        }
    }
}

/// Returns what of `wanted` is still to be written behind `there`, which somebody has inserted in the
/// same place: both may begin with the same words, typed before one phone became two.
fn missing(wanted: &str, there: &str) -> String {
    if there.is_empty() || wanted.is_empty() {
        return wanted.to_owned();
    }
    let (ours, theirs) = (words(wanted), words(there));
    let same = common(ours.iter(), theirs.iter());
    let is_word = |word: &&str| !word.trim().is_empty();
    let rest = if ours[..same].iter().any(is_word) {
        ours[same..].concat()
    } else {
        wanted.to_owned()
    };
    let glued = !there.ends_with(char::is_whitespace)
        && rest.starts_with(|character: char| !character.is_whitespace());
    if glued { format!(" {rest}") } else { rest }
}

fn common<'t>(
    left: impl Iterator<Item = &'t &'t str>,
    right: impl Iterator<Item = &'t &'t str>,
) -> usize {
    left.zip(right).take_while(|(one, two)| one == two).count()
}

/// Cuts a text into words and the space between them.
fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut start = 0;
    let mut space = None;
    for (at, character) in text.char_indices() {
        let is_space = character.is_whitespace();
        if space.is_some_and(|space| space != is_space) {
            words.push(&text[start..at]);
            start = at;
        }
        space = Some(is_space);
    }
    if start < text.len() {
        words.push(&text[start..]);
    }
    words
}

fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn after(base: &str, wanted: &str, theirs: &str) -> String {
        let mut text: Vec<u16> = theirs.encode_utf16().collect();
        for change in bring_over(base, wanted, theirs) {
            let insert: Vec<u16> = change.insert.encode_utf16().collect();
            let range = change.position..change.position + change.delete;
            text.splice(range, insert);
        }
        String::from_utf16(&text).unwrap()
    }

    #[test]
    fn what_one_has_written_comes_into_what_the_other_has() {
        let base = "Kiến nghị về đường xã";
        assert_eq!(
            after(
                base,
                "Kiến nghị của cử tri về đường xã",
                "Gấp: Kiến nghị về đường xã"
            ),
            "Gấp: Kiến nghị của cử tri về đường xã"
        );
        assert_eq!(
            after(base, "Kiến nghị đường xã", "Kiến nghị về đường huyện xã"),
            "Kiến nghị đường huyện xã"
        );
        assert_eq!(after("", "một 😀 hai", ""), "một 😀 hai");
    }

    #[test]
    fn words_that_are_there_already_are_not_written_again() {
        assert_eq!(after("a", "a b c", "a b c"), "a b c");
        assert_eq!(after("a", "a b c", "a b d"), "a b d c");
        assert_eq!(after("a", "a b", "a b c"), "a b c");
        assert_eq!(
            after("", "chung riêng một", "chung riêng hai"),
            "chung riêng hai một"
        );
        assert_eq!(after("sai chữ", "đúng chữ", "đúng chữ"), "đúng chữ");
    }

    #[test]
    fn words_of_two_are_not_glued_together() {
        assert_eq!(after("", "một", "hai"), "hai một");
    }

    #[test]
    fn what_was_added_is_told_without_the_rest() {
        assert_eq!(added("một hai", "một thêm hai nữa"), "thêm\nnữa");
        assert_eq!(added("một hai", "một"), "");
    }

    #[test]
    fn texts_that_have_nothing_in_common_end() {
        let long = |word: &str| format!("{word} ").repeat(30_000);
        let (one, two) = (long("một"), long("hai"));
        assert_eq!(after(&one, &two, &one), two);
    }

    fn text() -> impl Strategy<Value = String> {
        let word = prop_oneof!["[a-c]{1,2}", Just("😀".to_owned()), Just("ệ".to_owned())];
        proptest::collection::vec(word, 0..12).prop_map(|words| words.join(" "))
    }

    proptest! {
        #[test]
        fn where_nobody_else_has_written_the_text_is_the_wanted_one(base in text(), wanted in text()) {
            prop_assert_eq!(after(&base, &wanted, &base), &*wanted);
            prop_assert_eq!(after(&base, &base, &wanted), &*wanted);
            prop_assert_eq!(after(&base, &wanted, &wanted), wanted);
        }

        #[test]
        fn no_three_texts_make_it_panic(base: String, wanted: String, theirs: String) {
            after(&base, &wanted, &theirs);
        }
    }
}
