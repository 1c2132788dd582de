//! Acts and their receipts: one number for each act that has one, in the order of the log.

use std::collections::{BTreeMap, BTreeSet};

use nghisu_core::{
    ids::{ActId, MeetingId, PersonId},
    meeting::act::ActKind,
};

use super::{Author, Verdict};

/// What an act states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::world) enum Stated {
    /// What stands once for each person, item and kind: another one joins it.
    Once(ActKind),
    /// What stands as often as it is stated.
    Each,
    Withdraw(ActId),
    /// What is made known by a record in place of a receipt.
    Ruled,
}

/// An act.
#[derive(Debug, Clone)]
pub(in crate::world) struct Act {
    pub(in crate::world) person: PersonId,
    pub(in crate::world) meeting: MeetingId,
    pub(in crate::world) item: Option<String>,
    pub(in crate::world) stated: Stated,
    /// Who has it on disk: its author, and whoever is a copy of him.
    pub(in crate::world) holders: BTreeSet<Author>,
}

/// What a receipt must say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::world) struct Receipt {
    pub(in crate::world) act: ActId,
    pub(in crate::world) number: Option<u64>,
    pub(in crate::world) refers_to: Option<ActId>,
    /// The number in whose place it is.
    pub(in crate::world) replaces: Option<u64>,
}

/// All acts of everybody.
#[derive(Debug, Clone, Default)]
pub(in crate::world) struct Acts {
    pub(in crate::world) made: BTreeMap<ActId, Act>,
    /// Receipts by meeting, in the order of the log.
    pub(in crate::world) receipts: BTreeMap<MeetingId, Vec<Receipt>>,
    received: BTreeSet<ActId>,
    numbers: BTreeMap<MeetingId, u64>,
    /// Acts that were taken back, and those that joined another.
    withdrawn: BTreeSet<ActId>,
    joined: BTreeMap<ActId, ActId>,
    /// Withdrawals that came before their act.
    early: BTreeMap<ActId, ActId>,
    /// Receipts by meeting as the log tells them, in its order.
    pub(in crate::world) told: BTreeMap<MeetingId, Vec<Receipt>>,
    /// Every number that was ever given, and to whom.
    pub(in crate::world) ever: BTreeMap<(MeetingId, u64), ActId>,
    /// What each author has stated, in its order, since its folder was last copied and the office last lost
    /// something.
    stated: BTreeMap<Author, Vec<ActId>>,
    /// Acts that their device says are at the office.
    pub(in crate::world) confirmed: BTreeSet<ActId>,
}

impl Acts {
    /// Returns the acts that somebody has on disk as his own.
    pub(in crate::world) fn held_by(&self, author: Author) -> BTreeSet<ActId> {
        let held = self
            .made
            .iter()
            .filter(|(_, act)| act.holders.contains(&author));
        held.map(|(id, _)| *id).collect()
    }

    /// Somebody begins with what another one had then: a folder was copied.
    pub(in crate::world) fn begin(&mut self, author: Author, held: &BTreeSet<ActId>) {
        for id in held {
            if let Some(act) = self.made.get_mut(id) {
                act.holders.insert(author);
            }
        }
    }

    /// Somebody states something.
    pub(in crate::world) fn state(&mut self, author: Author, id: ActId, act: Act) {
        self.stated.entry(author).or_default().push(id);
        self.made.insert(id, act);
    }

    /// Returns the newest act of an author that is like this, if there is one.
    pub(in crate::world) fn newest_of(
        &self,
        author: Author,
        is: impl Fn(&Act) -> bool,
    ) -> Option<ActId> {
        let mut stated = self.stated.get(&author)?.iter().rev();
        stated
            .find(|id| self.made.get(*id).is_some_and(&is))
            .copied()
    }

    /// From here on what somebody has stated may come from another one too, or again.
    pub(in crate::world) fn begin_order(&mut self, author: Option<Author>) {
        match author {
            Some(author) => drop(self.stated.remove(&author)),
            None => self.stated.clear(),
        }
    }

    /// An act is about to be received: nothing that its author stated later was.
    pub(in crate::world) fn comes_in_order(&self, id: ActId) -> Verdict {
        let mut of_author = self.stated.values();
        let Some(stated) = of_author.find(|stated| stated.contains(&id)) else {
            return Ok(());
        };
        let later = stated.iter().skip_while(|other| **other != id).skip(1);
        match later.clone().find(|other| self.received.contains(other)) {
            Some(other) if !self.received.contains(&id) => Err(format!(
                "{id} arrives behind {other}, which was stated later"
            )),
            Some(_) | None => Ok(()),
        }
    }

    /// Says whether the office has an act.
    pub(in crate::world) fn is_received(&self, act: ActId) -> bool {
        self.received.contains(&act)
    }

    /// The log has an entry with this act. A repeat changes nothing.
    pub(in crate::world) fn receive(&mut self, id: ActId) -> Verdict {
        let Some(act) = self.made.get(&id).cloned() else {
            return Err("the office has an act that nobody made".into());
        };
        if !self.received.insert(id) {
            return Ok(());
        }
        let (mut number, mut refers_to) = (None, None);
        match act.stated {
            Stated::Ruled => return Ok(()),
            Stated::Withdraw(other) => {
                refers_to = Some(other);
                if self.received.contains(&other) {
                    let first = self.joined.get(&other).copied();
                    self.withdrawn.insert(first.unwrap_or(other));
                } else {
                    self.early.entry(other).or_insert(id);
                }
            }
            Stated::Once(_) | Stated::Each => {
                let standing = self.standing(id, &act);
                if let Some(withdrawal) = self.early.get(&id) {
                    refers_to = Some(*withdrawal);
                    self.withdrawn.insert(id);
                    if let Some(first) = standing {
                        self.joined.insert(id, first);
                        self.withdrawn.insert(first);
                    }
                } else if let Some(first) = standing {
                    refers_to = Some(first);
                    self.joined.insert(id, first);
                } else {
                    let newest = self.numbers.entry(act.meeting).or_insert(0);
                    *newest += 1;
                    number = Some(*newest);
                }
            }
        }
        self.receipts.entry(act.meeting).or_default().push(Receipt {
            act: id,
            number,
            refers_to,
            replaces: None,
        });
        Ok(())
    }

    /// The log has these receipts. No number is given twice, also not in another epoch, unless the office
    /// does not know what it has given: it was put back by hand.
    pub(in crate::world) fn tell(
        &mut self,
        meeting: MeetingId,
        receipts: Vec<Receipt>,
        may_repeat: bool,
    ) -> Verdict {
        for receipt in &receipts {
            let Some(number) = receipt.number else {
                continue;
            };
            let first = *self.ever.entry((meeting, number)).or_insert(receipt.act);
            if first != receipt.act && !may_repeat {
                return Err(format!("number {number} of {meeting} was given twice"));
            }
        }
        self.told.entry(meeting).or_default().extend(receipts);
        Ok(())
    }

    /// After the office has healed: each act that it has holds one receipt, nobody holds the number of
    /// another, and a device shows them as the log tells them.
    pub(in crate::world) fn check_healed(&self, meeting: MeetingId, shown: &[Receipt]) -> Verdict {
        let told = self.told.get(&meeting).map_or(&[][..], Vec::as_slice);
        if told != shown {
            return Err(format!(
                "receipts {shown:?} are shown, and the log tells {told:?}"
            ));
        }
        let acts: BTreeSet<ActId> = told.iter().map(|it| it.act).collect();
        let mut holders = BTreeMap::new();
        for act in &acts {
            if let Some(number) = self.number(meeting, *act)
                && let Some(other) = holders.insert(number, act)
            {
                return Err(format!("{other} and {act} hold number {number}"));
            }
        }
        let due = self.received.iter().filter(|id| {
            let receipted = |act: &Act| act.meeting == meeting && act.stated != Stated::Ruled;
            self.made.get(*id).is_some_and(receipted)
        });
        for act in due {
            if !acts.contains(act) {
                return Err(format!("{act} was received and has no receipt"));
            }
        }
        Ok(())
    }

    /// Returns the number that an act holds now: the highest that no other receipt has taken the place of.
    pub(in crate::world) fn number(&self, meeting: MeetingId, act: ActId) -> Option<u64> {
        let told = self.told.get(&meeting)?;
        let of_act = || told.iter().filter(|it| it.act == act);
        let is_replaced = |number| of_act().any(|it| it.replaces == Some(number));
        of_act()
            .filter_map(|it| it.number)
            .filter(|number| !is_replaced(*number))
            .max()
    }

    /// In peace: what is known of a meeting's rulings. Each that the office has is known once, and none that
    /// nobody made; where nothing was lost, no other one either.
    pub(in crate::world) fn check_ruled(
        &self,
        meeting: MeetingId,
        known: &[ActId],
        lost: bool,
    ) -> Verdict {
        let once: BTreeSet<ActId> = known.iter().copied().collect();
        if once.len() != known.len() {
            return Err(format!("a ruling is known twice: {known:?}"));
        }
        let of_meeting = |act: &Act| act.meeting == meeting && act.stated == Stated::Ruled;
        let made = self.made.iter().filter(|(_, act)| of_meeting(act));
        let made: BTreeSet<ActId> = made.map(|(id, _)| *id).collect();
        let due: BTreeSet<ActId> = made.intersection(&self.received).copied().collect();
        if !due.is_subset(&once) || !once.is_subset(&made) || (!lost && once != due) {
            return Err(format!(
                "rulings {known:?} are known, and {due:?} were received"
            ));
        }
        Ok(())
    }

    /// Returns the act that another one of the same person, item and kind joins.
    fn standing(&self, id: ActId, act: &Act) -> Option<ActId> {
        if !matches!(act.stated, Stated::Once(_)) {
            return None;
        }
        let receipts = self.receipts.get(&act.meeting)?;
        receipts.iter().map(|receipt| receipt.act).find(|other| {
            let alike = |it: &Act| {
                it.person == act.person && it.item == act.item && it.stated == act.stated
            };
            *other != id
                && self.made.get(other).is_some_and(alike)
                && !self.withdrawn.contains(other)
                && !self.joined.contains_key(other)
        })
    }

    /// What a device shows of a meeting's receipts: some first ones of those that were given, or, once
    /// it has read the log to its end, all of them.
    pub(in crate::world) fn check(
        &self,
        meeting: MeetingId,
        shown: &[Receipt],
        whole: bool,
    ) -> Verdict {
        let given = self.receipts.get(&meeting).map_or(&[][..], Vec::as_slice);
        let fits =
            given.get(..shown.len()) == Some(shown) && (!whole || shown.len() == given.len());
        if fits {
            Ok(())
        } else {
            Err(format!(
                "receipts {shown:?} are shown where {given:?} were given"
            ))
        }
    }
}
