//! Notes as characters. No character is typed twice in one note, so each can be followed: where it
//! was typed, who took it away, and on whose screens it must therefore stand or not stand.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

use nghisu_core::ids::DocumentId;

use super::{Author, Verdict};

/// How much of each author's writing in a note somebody has seen at least.
pub(in crate::world) type Seen = BTreeMap<Author, usize>;

#[derive(Debug, Clone)]
struct Edit {
    author: Author,
    /// Its place among the author's edits of this note, from 1.
    nth: usize,
    inserted: Vec<char>,
    deleted: Vec<char>,
    /// Whether it hides the note.
    hides: bool,
    /// What its author had seen.
    after: Seen,
    /// What its author then saw.
    view: Vec<char>,
}

/// One note.
#[derive(Debug, Clone, Default)]
pub(in crate::world) struct Note {
    edits: Vec<Edit>,
    /// Characters by the edit that typed them.
    typed: BTreeMap<char, usize>,
    /// Characters by the edits that deleted them.
    deleted: BTreeMap<char, Vec<usize>>,
    written: BTreeMap<Author, usize>,
    /// How much of each author's writing the office has said that it has.
    confirmed: Seen,
    /// What each author has seen at least.
    seen: BTreeMap<Author, Seen>,
    /// Characters that the office will refuse: from then on they stand nowhere.
    refused: BTreeSet<char>,
}

/// The notes of one person.
#[derive(Debug, Clone, Default)]
pub(in crate::world) struct Notes {
    pub(in crate::world) all: BTreeMap<DocumentId, Note>,
}

/// What somebody did to a text, in UTF-16 units.
#[derive(Debug, Clone)]
pub(in crate::world) struct Typing<'t> {
    pub(in crate::world) before: &'t str,
    pub(in crate::world) position: usize,
    pub(in crate::world) delete: usize,
    pub(in crate::world) insert: &'t str,
    pub(in crate::world) after: &'t str,
}

impl Note {
    /// Says how many different characters were typed so far: the next is another one.
    pub(in crate::world) fn characters(&self) -> usize {
        self.typed.len()
    }

    /// Returns the longest text that was typed at once, if it is long enough to be told from chance.
    pub(in crate::world) fn longest(&self) -> Option<String> {
        let longest = self.edits.iter().max_by_key(|edit| edit.inserted.len())?;
        let text: String = longest.inserted.iter().collect();
        (text.len() >= 10).then_some(text)
    }

    /// Says whether anybody's edit is not known to somebody who edits now.
    pub(in crate::world) fn is_concurrent(&self, author: Author) -> bool {
        let seen = self.seen.get(&author);
        self.written.iter().any(|(other, written)| {
            *other != author && seen.and_then(|seen| seen.get(other)).unwrap_or(&0) < written
        })
    }

    /// Says whether somebody has hidden the note and somebody who edits now does not know it.
    pub(in crate::world) fn is_hidden_elsewhere(&self, author: Author) -> bool {
        let seen = self.seen.get(&author);
        let known = |of: Author| seen.and_then(|seen| seen.get(&of)).copied().unwrap_or(0);
        let mut hiding = self.edits.iter().filter(|edit| edit.hides);
        hiding.any(|edit| edit.author != author && known(edit.author) < edit.nth)
    }

    /// An edit was said to be saved.
    pub(in crate::world) fn typed(&mut self, author: Author, typing: &Typing<'_>) -> Verdict {
        let (mut expected, mut deleted, mut units) = (String::new(), Vec::new(), 0);
        let (from, to) = (typing.position, typing.position + typing.delete);
        for character in typing.before.chars() {
            if units == from {
                expected.push_str(typing.insert);
            }
            if units >= from && units < to {
                deleted.push(character);
            } else {
                expected.push(character);
            }
            units += character.len_utf16();
        }
        if units == from {
            expected.push_str(typing.insert);
        }
        if expected != typing.after {
            return Err(format!("typing gave {:?}, not {expected:?}", typing.after));
        }
        self.note(
            author,
            typing.insert.chars().collect(),
            deleted,
            false,
            typing.after,
        );
        Ok(())
    }

    /// The office will refuse these characters, and the space beside them.
    pub(in crate::world) fn expect_refusal(&mut self, letters: &str, space: char) {
        self.refused.extend(letters.chars().chain([space]));
    }

    /// The note was hidden.
    pub(in crate::world) fn hidden(&mut self, author: Author, text: &str) {
        self.note(author, Vec::new(), Vec::new(), true, text);
    }

    fn note(
        &mut self,
        author: Author,
        inserted: Vec<char>,
        deleted: Vec<char>,
        hides: bool,
        view: &str,
    ) {
        let nth = self.written.entry(author).or_default();
        *nth += 1;
        let nth = *nth;
        let after = self.seen.get(&author).cloned().unwrap_or_default();
        let index = self.edits.len();
        for character in &inserted {
            self.typed.insert(*character, index);
        }
        for character in &deleted {
            self.deleted.entry(*character).or_default().push(index);
        }
        self.edits.push(Edit {
            author,
            nth,
            inserted,
            deleted,
            hides,
            after,
            view: view.chars().collect(),
        });
        self.seen.entry(author).or_default().insert(author, nth);
    }

    /// A device says that the office has all of what it shows of the note.
    pub(in crate::world) fn confirm(&mut self, author: Author) {
        if let Some(seen) = self.seen.get(&author) {
            raise(&mut self.confirmed, seen);
        }
    }

    /// A device shows this text. What it has shown before it goes on showing.
    pub(in crate::world) fn show(&mut self, author: Author, text: &str, hidden: bool) -> Verdict {
        let seen = self.seen.get(&author).cloned().unwrap_or_default();
        let seen = self.explain(seen, text, hidden)?;
        self.seen.insert(author, seen);
        Ok(())
    }

    /// Tells what everybody did, in the order in which it was done.
    pub(in crate::world) fn told(&self) -> String {
        let mut told = String::new();
        for edit in &self.edits {
            let text = |letters: &[char]| letters.iter().collect::<String>();
            let _ = write!(
                told,
                "\n  author {} for the {}. time, after {:?}: {:?} came, {:?} went{}: {:?}",
                edit.author,
                edit.nth,
                edit.after,
                text(&edit.inserted),
                text(&edit.deleted),
                if edit.hides { ", hidden" } else { "" },
                text(&edit.view)
            );
        }
        told
    }

    /// Says whether a device that shows nothing of the note may do so.
    pub(in crate::world) fn may_be_absent(&self, author: Author) -> Verdict {
        match self.seen.get(&author) {
            Some(seen) if !seen.is_empty() => Err("a note that was shown is gone".into()),
            _ => Ok(()),
        }
    }

    /// Everybody has synced, and this is what they show: all that the living wrote or have shown, and of
    /// the dead what the office had said that it has.
    pub(in crate::world) fn settled(&self, alive: &[Author], text: &str, hidden: bool) -> Verdict {
        let mut least = self.confirmed.clone();
        for author in alive {
            if let Some(seen) = self.seen.get(author) {
                raise(&mut least, seen);
            }
        }
        let seen = self.explain(least, text, hidden)?;
        let shown: BTreeMap<char, usize> = text.chars().zip(0..).collect();
        for edit in &self.edits {
            if seen.get(&edit.author).is_none_or(|seen| *seen < edit.nth) {
                continue;
            }
            let places: Vec<usize> = edit
                .view
                .iter()
                .filter_map(|it| shown.get(it))
                .copied()
                .collect();
            if places.windows(2).any(|two| two[0] > two[1]) {
                return Err(format!(
                    "{text:?} has another order than {:?} was saved with",
                    edit.view.iter().collect::<String>()
                ));
            }
        }
        Ok(())
    }

    /// Finds whose edits a text shows, at least those in `seen`; or says why no edits show it.
    fn explain(&self, mut seen: Seen, text: &str, hidden: bool) -> Result<Seen, String> {
        let mut shown = BTreeSet::new();
        for character in text.chars() {
            let Some(&edit) = self.typed.get(&character) else {
                return Err(format!("{character:?} was never typed, in {text:?}"));
            };
            if !shown.insert(character) {
                return Err(format!("{character:?} stands twice, in {text:?}"));
            }
            self.witness(&mut seen, edit);
        }
        let hiding: Vec<usize> = (0..self.edits.len())
            .filter(|&it| self.edits[it].hides)
            .collect();
        if hidden {
            match hiding[..] {
                [] => return Err("hidden, and nobody has hidden it".into()),
                [only] => self.witness(&mut seen, only),
                _ => {}
            }
        }
        loop {
            let known = seen.clone();
            for edit in self.within(&known) {
                raise(&mut seen, &edit.after);
                for character in &edit.inserted {
                    if shown.contains(character) || self.refused.contains(character) {
                        continue;
                    }
                    match self.deleted.get(character).map_or(&[][..], Vec::as_slice) {
                        [] => return Err(format!("{character:?} is lost, in {text:?}")),
                        [only] => self.witness(&mut seen, *only),
                        _ => {}
                    }
                }
            }
            if seen == known {
                break;
            }
        }
        for edit in self.within(&seen) {
            if let Some(back) = edit.deleted.iter().find(|it| shown.contains(it)) {
                return Err(format!("{back:?} was deleted and is back, in {text:?}"));
            }
            if edit.hides && !hidden {
                return Err("it was hidden and is shown again".into());
            }
        }
        Ok(seen)
    }

    fn within<'n>(&'n self, seen: &'n Seen) -> impl Iterator<Item = &'n Edit> {
        self.edits
            .iter()
            .filter(|edit| seen.get(&edit.author).is_some_and(|seen| *seen >= edit.nth))
    }

    fn witness(&self, seen: &mut Seen, edit: usize) {
        let edit = &self.edits[edit];
        let at = seen.entry(edit.author).or_default();
        *at = (*at).max(edit.nth);
    }
}

fn raise(least: &mut Seen, seen: &Seen) {
    for (author, nth) in seen {
        let at = least.entry(*author).or_default();
        *at = (*at).max(*nth);
    }
}

impl Notes {
    /// Returns what an author has seen and written.
    pub(in crate::world) fn seen(&self, author: Author) -> BTreeMap<DocumentId, Seen> {
        let seen = |(id, note): (&DocumentId, &Note)| Some((*id, note.seen.get(&author)?.clone()));
        self.all.iter().filter_map(seen).collect()
    }

    /// Somebody begins with what another one had then: a folder was copied.
    pub(in crate::world) fn begin(&mut self, author: Author, seen: &BTreeMap<DocumentId, Seen>) {
        for (id, seen) in seen {
            let note = self.all.entry(*id).or_default();
            note.seen.insert(author, seen.clone());
        }
    }

    /// Returns what the office has said that it has.
    pub(in crate::world) fn confirmed(&self) -> BTreeMap<DocumentId, Seen> {
        self.all
            .iter()
            .map(|(id, note)| (*id, note.confirmed.clone()))
            .collect()
    }

    /// The office was put back: of what it had said since, nothing counts any more.
    pub(in crate::world) fn forget_confirmed(&mut self, then: &BTreeMap<DocumentId, Seen>) {
        for (id, note) in &mut self.all {
            note.confirmed = then.get(id).cloned().unwrap_or_default();
        }
    }
}
