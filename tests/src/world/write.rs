//! What people do on their devices: writing, deleting, registering, asking, taking back.

use nghisu_core::{
    Code,
    ids::{ActId, DocumentId, MeetingId, PersonId},
    meeting::{
        ItemId,
        act::{Act, ActKind},
        ruling::{Recorded, Ruling},
    },
    store::{NoteTarget, Splice},
};

use super::{
    checks::stated,
    dice::Dice,
    model::{Verdict, access::Post, acts, notes::Typing},
    run::World,
};

/// What is stated beside registrations to speak, each after the other.
const STATED: [ActKind; 7] = [
    ActKind::QuestionSlip,
    ActKind::PointOfOrder,
    ActKind::Recommendation,
    ActKind::CheckIn,
    ActKind::OpinionSlip,
    ActKind::Petition,
    ActKind::Absence,
];
/// Letters of each of these kinds stand beside each other in a note as long as there are enough: Vietnamese
/// ones, composed and as marks that combine, emoji, for which UTF-16 takes two units and UTF-8 four bytes.
const MIXED: [(u32, usize); 5] = [
    (0x1ea0, 90),
    (0x1f600, 80),
    (0xc0, 23),
    (0x300, 112),
    (0x102, 60),
];
/// What follows: ideographs, of which the later ones are of two units too.
const FURTHER: [(u32, usize); 2] = [(0x4e00, 4_000), (0x20000, 9_000)];
/// Letters that take more pages than a database has free, mostly.
const OVERFULL: usize = 2_500;
/// Letters of a note up to which there are that many more.
const NOT_OVERFULL_YET: usize = 5_000;
/// The smallest of the mixed kinds.
const OF_EACH: usize = 23;

/// Characters of a note, none twice.
fn letter(seed: u64, nth: usize) -> char {
    let of = |(first, size): (u32, usize), nth: usize| {
        // Not in their order, so that no order follows from how they were typed.
        let step = if size.is_multiple_of(7) {
            nth
        } else {
            nth * 7 % size
        };
        char::from_u32(first + u32::try_from(step).unwrap()).unwrap()
    };
    let turn = usize::try_from(seed % 5).unwrap();
    let kinds = MIXED.len();
    if nth < kinds * OF_EACH {
        return of(MIXED[(nth + turn) % kinds], nth / kinds);
    }
    let nth = nth - kinds * OF_EACH;
    match nth.checked_sub(FURTHER[0].1) {
        None => of(FURTHER[0], nth),
        Some(later) => of(FURTHER[1], later),
    }
}

impl World {
    /// Says whether an error on a device is one that was put into the world; nothing has changed then.
    fn may_fail(&mut self, node: usize, error: &nghisu_core::Error) -> Verdict {
        if error.code() == Code::DiskFull && self.nodes[node].full {
            self.coverage.count("deeds", "a full disk refused to save");
            return self.check_node(node);
        }
        Err(format!("S14: a call failed: {error}"))
    }

    pub(super) fn letters(&self, account: usize, note: DocumentId, count: usize) -> String {
        let known = self.notes[account].all.get(&note);
        let from = known.map_or(0, |note| note.characters());
        (from..from + count)
            .map(|nth| letter(self.seed, nth))
            .collect()
    }

    pub(super) fn write(&mut self, node: usize, drawn: u32) -> Verdict {
        let now = self.now;
        let mut dice = Dice::new(u64::from(drawn));
        let it = &mut self.nodes[node];
        let (account, author, at) = (it.account, it.author, it.clock(now));
        let id = DocumentId::from_bytes(it.draw());
        let text = self.letters(account, id, dice.below(9));
        let target = NoteTarget {
            meeting: self.meetings.get(&dice.below(3)).copied(),
            ..NoteTarget::default()
        };
        let written = self.nodes[node].store().create_note(id, &target, &text, at);
        let note = match written {
            Ok(note) => note,
            Err(error) => return self.may_fail(node, &error),
        };
        self.coverage.count("deeds", "note written");
        let typing = Typing {
            before: "",
            position: 0,
            delete: 0,
            insert: &text,
            after: &note.text,
        };
        self.notes[account]
            .all
            .entry(id)
            .or_default()
            .typed(author, &typing)?;
        self.check_node(node)
    }

    /// Returns one of the notes that a device shows.
    fn a_note(&self, node: usize, dice: &mut Dice) -> Option<(DocumentId, String, bool)> {
        let rows = self.nodes[node].rows("SELECT id, text, deleted FROM note ORDER BY id", |row| {
            let id: Vec<u8> = row.get(0)?;
            Ok((
                DocumentId::from_slice(&id).unwrap(),
                row.get(1)?,
                row.get(2)?,
            ))
        });
        // Mostly one of a few, so that two devices meet in one.
        let few = rows.len().min(if dice.one_in(3) { rows.len() } else { 3 });
        dice.pick(&rows[..few]).cloned()
    }

    pub(super) fn edit(&mut self, node: usize, drawn: u32) -> Verdict {
        let mut dice = Dice::new(u64::from(drawn));
        let Some((id, before, hidden)) = self.a_note(node, &mut dice) else {
            return self.write(node, drawn);
        };
        let characters: Vec<char> = before.chars().collect();
        let from = dice.below(characters.len() + 1);
        let deleted = if dice.one_in(3) {
            dice.below(4).min(characters.len() - from)
        } else {
            0
        };
        let units = |part: &[char]| part.iter().map(|it| it.len_utf16()).sum::<usize>();
        let (account, author) = (self.nodes[node].account, self.nodes[node].author);
        let inserted = if deleted > 0 {
            dice.below(4)
        } else {
            1 + dice.below(8)
        };
        let insert = self.letters(account, id, inserted);
        let splice = Splice {
            position: units(&characters[..from]),
            delete: units(&characters[from..from + deleted]),
            insert,
        };
        let at = self.nodes[node].clock(self.now);
        self.try_wrong_position(node, id, &characters)?;
        let edited = self.nodes[node]
            .store()
            .edit_note(id, std::slice::from_ref(&splice), at);
        let note = match edited {
            Ok(note) => note,
            Err(error) => return self.may_fail(node, &error),
        };
        let typing = Typing {
            before: &before,
            position: splice.position,
            delete: splice.delete,
            insert: &splice.insert,
            after: &note.text,
        };
        let kept = self.notes[account]
            .all
            .get_mut(&id)
            .ok_or("S7: a note that nobody wrote")?;
        let deed = if hidden {
            "edit of a hidden note"
        } else {
            "edit"
        };
        self.coverage.count("deeds", deed);
        if kept.is_concurrent(author) {
            self.coverage
                .count("deeds", "edit while others have edited too");
        }
        if kept.is_hidden_elsewhere(author) {
            self.coverage
                .count("faults", "deletion while the other device types");
        }
        kept.typed(author, &typing)
            .map_err(|why| format!("S8: {why}"))?;
        self.check_node(node)
    }

    /// An edit for which the disk has no room is refused; then there is room again.
    pub(super) fn overfill(&mut self, node: usize, drawn: u32) -> Verdict {
        let mut dice = Dice::new(u64::from(drawn));
        let Some((id, before, _)) = self.a_note(node, &mut dice) else {
            return Ok(());
        };
        let account = self.nodes[node].account;
        let known = self.notes[account].all.get(&id);
        if known.is_none_or(|note| note.characters() > NOT_OVERFULL_YET) {
            return Ok(());
        }
        let it = &mut self.nodes[node];
        let text = |error: nghisu_core::Error| error.to_string();
        let used = it.read().limit_pages(None).map_err(text)?;
        it.read().limit_pages(Some(used)).map_err(text)?;
        let (author, at) = (it.author, it.clock(self.now));
        let insert = self.letters(account, id, OVERFULL);
        let splice = Splice {
            position: 0,
            delete: 0,
            insert: insert.clone(),
        };
        let edited = self.nodes[node].store().edit_note(id, &[splice], at);
        self.nodes[node].read().limit_pages(None).map_err(text)?;
        self.nodes[node].full = false;
        let kept = self.notes[account].all.get_mut(&id);
        let kept = kept.ok_or("S7: a note that nobody wrote")?;
        match edited {
            // There was room that is used up by nothing else any more.
            Ok(note) => {
                let typing = Typing {
                    before: &before,
                    position: 0,
                    delete: 0,
                    insert: &insert,
                    after: &note.text,
                };
                kept.typed(author, &typing)
                    .map_err(|why| format!("S8: {why}"))?;
            }
            Err(error) if error.code() == Code::DiskFull => {
                self.coverage.count("deeds", "a full disk refused an edit");
            }
            Err(error) => return Err(format!("S14: a call failed: {error}")),
        }
        self.check_node(node)
    }

    /// What begins or ends within a character is refused, and nothing changes.
    fn try_wrong_position(&mut self, node: usize, id: DocumentId, characters: &[char]) -> Verdict {
        let Some(wide) = characters.iter().rposition(|it| it.len_utf16() == 2) else {
            return Ok(());
        };
        let before: usize = characters[..wide].iter().map(|it| it.len_utf16()).sum();
        let at = self.nodes[node].clock(self.now);
        for (position, delete) in [
            (before + 1, 0),
            (before + 1, 1),
            (before, 1),
            (0, before + 1),
        ] {
            let splice = Splice {
                position,
                delete,
                insert: "?".into(),
            };
            match self.nodes[node].store().edit_note(id, &[splice], at) {
                Err(error) if error.code() == Code::PositionInvalid => {}
                Err(error) => self.may_fail(node, &error)?,
                Ok(_) => {
                    return Err("S14: half a character was taken for a place".into());
                }
            }
        }
        Ok(())
    }

    pub(super) fn hide(&mut self, node: usize, drawn: u32) -> Verdict {
        let mut dice = Dice::new(u64::from(drawn));
        match self.a_note(node, &mut dice) {
            Some((id, ..)) => self.hide_note(node, id),
            None => Ok(()),
        }
    }

    pub(super) fn hide_note(&mut self, node: usize, id: DocumentId) -> Verdict {
        let hidden = self.nodes[node].read().note(id).is_ok_and(|it| it.deleted);
        let (account, author) = (self.nodes[node].account, self.nodes[node].author);
        let at = self.nodes[node].clock(self.now);
        let note = match self.nodes[node].store().delete_note(id, at) {
            Ok(note) => note,
            Err(error) => return self.may_fail(node, &error),
        };
        let kept = self.notes[account]
            .all
            .get_mut(&id)
            .ok_or("S7: a note that nobody wrote")?;
        if !hidden && kept.is_concurrent(author) {
            self.coverage
                .count("faults", "deletion while the other device types");
        }
        self.coverage.count("deeds", "note deleted");
        kept.hidden(author, &note.text);
        self.check_node(node)
    }

    /// Registers, asks, or takes something back.
    pub(super) fn state(&mut self, node: usize, drawn: u32) -> Verdict {
        let mut dice = Dice::new(u64::from(drawn));
        let it = &mut self.nodes[node];
        let person = it.person;
        let held = it.store().meetings().map_err(|error| error.to_string())?;
        let Some(row) = dice.pick(&held) else {
            return Ok(());
        };
        let meeting = row.id;
        let programme = it
            .store()
            .programme(meeting)
            .map_err(|error| error.to_string())?;
        let items: Vec<_> = programme.programme.items.keys().cloned().collect();
        let item = if dice.one_in(3) {
            None
        } else {
            dice.pick(&items).cloned()
        };
        let made = self.acts.made.iter();
        let mine: Vec<ActId> = made
            .filter(|(_, act)| {
                act.person == person
                    && act.meeting == meeting
                    && !matches!(act.stated, acts::Stated::Withdraw(_))
            })
            .map(|(id, _)| *id)
            .collect();
        if self.is_secretary(person) && !dice.one_in(4) {
            return self.put_act(node, meeting, (ActKind::Ruling, None, None));
        }
        let (kind, item, withdraws) = match (dice.below(5), dice.pick(&mine)) {
            (0, Some(other)) => (ActKind::Withdrawal, None, Some(*other)),
            (0..3, _) => (ActKind::SpeakingRegistration, item, None),
            _ => (STATED[mine.len() % STATED.len()], item, None),
        };
        self.put_act(node, meeting, (kind, item, withdraws))
    }

    /// Says whether somebody is a delegate from the beginning on.
    pub(super) fn is_delegate(&self, person: PersonId) -> bool {
        self.access.people[..2].iter().any(|(id, _)| *id == person)
    }

    /// Says whether somebody is a secretary.
    pub(super) fn is_secretary(&self, person: PersonId) -> bool {
        let mut people = self.access.people.iter();
        people.any(|(id, post)| *id == person && *post == Post::Secretary)
    }

    /// Returns the first meeting of which a delegate's device shows the item that all who take part read.
    fn an_open_item(&mut self, node: usize) -> Result<Option<(MeetingId, ItemId)>, String> {
        let it = &mut self.nodes[node];
        let person = it.person;
        let held = it.store().meetings().map_err(|error| error.to_string())?;
        let item: ItemId = "i0".parse().map_err(|_| "i0 names no item")?;
        let shows = |meeting: &MeetingId| {
            let programme = it.read().programme(*meeting);
            programme.is_ok_and(|it| it.programme.items.contains_key(&item))
        };
        let first = held.iter().map(|row| row.id).find(shows);
        Ok(first
            .filter(|_| self.is_delegate(person))
            .map(|first| (first, item)))
    }

    /// Registers to speak on an item that all may read.
    pub(super) fn register(&mut self, node: usize) -> Verdict {
        match self.an_open_item(node)? {
            Some((meeting, item)) => {
                self.coverage.count("deeds", "registration of a scene");
                let stated = (ActKind::SpeakingRegistration, Some(item), None);
                self.put_act(node, meeting, stated)
            }
            None => Ok(()),
        }
    }

    /// Takes back what this device has registered last on that item.
    pub(super) fn take_back(&mut self, node: usize) -> Verdict {
        let Some((meeting, item)) = self.an_open_item(node)? else {
            return Ok(());
        };
        let newest = self.acts.newest_of(self.nodes[node].author, |act| {
            act.meeting == meeting
                && act.stated == acts::Stated::Once(ActKind::SpeakingRegistration)
                && act.item.as_deref() == Some(item.as_str())
        });
        match newest {
            Some(newest) => self.put_act(node, meeting, (ActKind::Withdrawal, None, Some(newest))),
            None => Ok(()),
        }
    }

    /// Puts an act into a device's outbox.
    fn put_act(
        &mut self,
        node: usize,
        meeting: MeetingId,
        (kind, item, withdraws): (ActKind, Option<ItemId>, Option<ActId>),
    ) -> Verdict {
        let person = self.nodes[node].person;
        let act = Act {
            id: ActId::from_bytes(self.nodes[node].draw()),
            person,
            meeting,
            item,
            kind,
            text: "Đề nghị làm rõ số liệu.".into(),
            addressee: None,
            withdraws,
            made_at: self.nodes[node].clock(self.now),
            ruling: (kind == ActKind::Ruling).then_some(Ruling::Recorded(Recorded::Conclusion)),
        };
        let document = DocumentId::from_bytes(self.nodes[node].draw());
        if let Err(error) = self.nodes[node].store().put_act(&act, document) {
            return self.may_fail(node, &error);
        }
        self.coverage.count("acts", kind.name());
        let author = self.nodes[node].author;
        self.acts.state(
            author,
            act.id,
            acts::Act {
                person,
                meeting,
                item: act.item.as_ref().map(|item| item.as_str().to_owned()),
                stated: stated(kind, withdraws),
                holders: [author].into(),
            },
        );
        self.check_node(node)
    }
}
