//! A change of a note that the office refuses for good, in peace: its words lie in the tray, what was
//! written behind it goes on, and all that is elsewhere stays as it was.

use nghisu_core::{
    ids::DocumentId,
    store::{Durability, Splice, VaultState},
};

use super::{
    model::{Verdict, notes::Typing},
    run::World,
    script::Fault,
};

/// Bytes of a change that the office takes then: enough for a few letters, too few for [`LETTERS`].
const NOTE_BYTES: usize = 1_024;
/// Letters of a change that it refuses.
const LETTERS: usize = 1_500;
/// Letters that are written behind it at most.
const BEHIND_MAX: usize = 6;
/// What stands between the words: what is written behind a refusal is brought over by its words.
const BESIDE_REFUSED: char = '\u{2003}';
const BESIDE_BEHIND: char = '\u{3000}';
/// Syncs of every device until all have what was written behind.
const ROUNDS: usize = 6;

impl World {
    /// Has a change refused for each person who has a note and a device that may write.
    pub(super) fn have_refused(&mut self) -> Verdict {
        self.desk.take_notes_of(NOTE_BYTES);
        for account in 0..self.notes.len() {
            if self.lost_vaults.contains(&account) {
                continue;
            }
            let able: Vec<usize> = (0..self.nodes.len())
                .filter(|node| self.nodes[*node].account == account && self.may_write(*node))
                .collect();
            let Some(&node) = self.dice.pick(&able) else {
                continue;
            };
            let notes = self.nodes[node].read().notes(None);
            let notes = notes.map_err(|error| error.to_string())?;
            let Some(id) = self.dice.pick(&notes).map(|note| note.id) else {
                continue;
            };
            self.refuse(node, id)
                .map_err(|why| format!("{why}, of device {node}, note {id} in peace"))?;
        }
        self.check_sealed()
    }

    fn may_write(&self, node: usize) -> bool {
        let status = self.nodes[node].read().vault_status();
        self.is_alive(node) && status.is_ok_and(|status| status.state == VaultState::Open)
    }

    fn refuse(&mut self, node: usize, id: DocumentId) -> Verdict {
        let account = self.nodes[node].account;
        let refused = self.letters(account, id, LETTERS);
        let note = self.notes[account].all.get_mut(&id);
        note.ok_or("S7: a note that nobody wrote")?
            .expect_refusal(&refused, BESIDE_REFUSED);
        self.insert(node, id, &refused, BESIDE_REFUSED)?;
        // The office refuses it, and what the device sends next stands behind a refusal it has not heard of.
        if self.dice.one_in(2) {
            self.nodes[node].faults.push_back(Fault::LoseReply);
        }
        self.sync(node)?;
        self.until_it_is_sealed(node, id)?;
        let count = 1 + self.dice.below(BEHIND_MAX);
        let behind = self.letters(account, id, count);
        self.insert(node, id, &behind, BESIDE_BEHIND)?;
        let hides = self.dice.one_in(3);
        if hides {
            self.hide_note(node, id)?;
        }
        for _ in 0..ROUNDS {
            self.settle()?;
            for other in 0..self.nodes.len() {
                if self.nodes[other].account == account && self.is_alive(other) {
                    self.sync(other)?;
                    self.settle()?;
                }
            }
        }
        self.coverage.count("deeds", "change of a note refused");
        self.check_tray(node, id, &refused)?;
        for other in 0..self.nodes.len() {
            if self.nodes[other].account != account || !self.may_write(other) {
                continue;
            }
            let note = self.nodes[other].read().note(id);
            let note = note.map_err(|error| format!("S9: device {other}: {error}"))?;
            let has = |letters: &str| letters.chars().any(|it| note.text.contains(it));
            let lacks = |letters: &str| letters.chars().any(|it| !note.text.contains(it));
            let wrong = [
                (has(&refused), "shows what was refused"),
                (lacks(&behind), "lacks what was written behind"),
                (
                    hides != note.deleted,
                    "does not hide what was hidden behind",
                ),
                (note.unsent > 0, "does not get rid of a change"),
                (
                    note.durability == Durability::Saved,
                    "does not say that the office has the rest",
                ),
            ];
            if let Some((_, what)) = wrong.iter().find(|(is, _)| *is) {
                return Err(format!("S9: device {other} {what}"));
            }
        }
        self.check_account(account)
    }

    /// Writes a word before or behind a note's text.
    fn insert(&mut self, node: usize, id: DocumentId, letters: &str, space: char) -> Verdict {
        let (account, author) = (self.nodes[node].account, self.nodes[node].author);
        let text = |error: nghisu_core::Error| format!("S14: {error}");
        let before = self.nodes[node].read().note(id).map_err(text)?.text;
        let (position, insert) = if self.dice.one_in(2) {
            (0, format!("{letters}{space}"))
        } else {
            let end = before.chars().map(char::len_utf16).sum();
            (end, format!("{space}{letters}"))
        };
        let splice = Splice {
            position,
            delete: 0,
            insert,
        };
        let at = self.nodes[node].clock(self.now);
        let edited = self.nodes[node]
            .store()
            .edit_note(id, std::slice::from_ref(&splice), at);
        let typing = Typing {
            before: &before,
            position: splice.position,
            delete: 0,
            insert: &splice.insert,
            after: &edited.map_err(text)?.text,
        };
        let kept = self.notes[account].all.get_mut(&id);
        kept.ok_or("S7: a note that nobody wrote")?
            .typed(author, &typing)
            .map_err(|why| format!("S8: {why}"))?;
        self.check_node(node)
    }

    /// Lets time pass until what was written is in an envelope: a device may read the whole log again first.
    fn until_it_is_sealed(&mut self, node: usize, id: DocumentId) -> Verdict {
        let waits = |world: &Self| {
            let rows = world.nodes[node].rows("SELECT document FROM pending", |row| {
                row.get::<_, Vec<u8>>(0)
            });
            rows.iter().any(|it| it.as_slice() == id.as_bytes())
        };
        for _ in 0..5_000 {
            if !waits(self) {
                return Ok(());
            }
            self.pass(10)?;
        }
        Err("S15: what was written is put into no envelope".into())
    }

    /// What was refused lies in the tray, with all its words and the reason.
    fn check_tray(&self, node: usize, id: DocumentId, refused: &str) -> Verdict {
        let tray = self.nodes[node].read().not_sent();
        let tray = tray.map_err(|error| error.to_string())?;
        let of_note = tray.iter().filter(|it| it.document == id);
        let mut told = of_note.filter(|it| it.reason == "too_large");
        if told.any(|it| refused.chars().all(|letter| it.text.contains(letter))) {
            return Ok(());
        }
        let tray: Vec<_> = tray
            .iter()
            .map(|it| (it.document, &it.reason, it.text.chars().count()))
            .collect();
        Err(format!(
            "S9: the tray lacks words that were refused: {tray:?}"
        ))
    }
}
