//! The course of a meeting: what follows from the office's receipts and records, for whoever has them.
//!
//! Records are taken by their numbers, never by how they came, so all who have the same see the same.
//!
//! The floor has one holder at a time: whoever took it last with a term higher than any before. What a holder
//! states while his term is the newest counts. What somebody states under a term that has been overtaken, as
//! when two held the floor while cut off from each other, is not lost: a step of a registration counts where
//! it still follows from what the newer holder stated, and is shown as set aside where it does not. What was
//! dealt with just now, and how much time was given, is the newest holder's to say.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use serde::Serialize;

use super::{
    act::{ActKind, Receipt},
    body::Clocks,
    follow_up::{Followed, Petition, Task},
    minutes::MinutesRuling,
    programme::ItemId,
    ruling::{
        FloorRuling, PetitionRuling, Presence, Record, Recorded, RollRuling, Ruling, TaskRuling,
        VoteResult,
    },
    speaking::{self, Speaker, speaking_list, withdrawn},
    states::{History, PetitionState, QuestionState, SpeakingState, State, Step},
};
use crate::{
    ids::{ActId, DeviceId, Feed, MeetingId, PersonId},
    time::{Day, Timestamp},
};

/// How a meeting stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Course {
    /// Who holds the floor, and what he has said of it.
    pub floor: Floor,
    /// Who has registered to speak, in the order of receipt.
    pub registrations: Vec<Registration>,
    /// Whose question the answer debated on an item is to.
    pub debates: BTreeMap<ItemId, PersonId>,
    /// Who is there.
    pub roll: Roll,
    /// Questions, in the order of receipt.
    pub questions: Vec<Question>,
    /// Speeches that were recorded by themselves, in order.
    pub speeches: Vec<Record>,
    /// Results of votes, in order.
    pub votes: Vec<Vote>,
    /// Conclusions, in order.
    pub conclusions: Vec<Record>,
    /// The chair's approval of the minutes.
    pub minutes: Option<Record>,
    /// What did not count, or was stated under a term that had been overtaken.
    pub set_aside: Vec<SetAside>,
    #[serde(skip)]
    receipts: Vec<Receipt>,
}

/// The floor.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Floor {
    /// The newest term; 0 while nobody has taken the floor.
    pub term: u32,
    /// Whose it is.
    pub holder: Option<Holder>,
    /// What is dealt with.
    pub item: Option<ItemId>,
    /// The registration that was called last by whoever held the floor, and that has not spoken.
    pub speaking: Option<ActId>,
    /// The time that was given last.
    pub allotted: Option<Allotted>,
}

/// Who holds the floor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Holder {
    /// The person; none for the office's console.
    pub person: Option<PersonId>,
    /// On which device; none for the office's console.
    #[serde(skip)]
    pub device: Option<DeviceId>,
}

/// Time that was given to a speaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Allotted {
    /// How much.
    pub seconds: u32,
    /// From when on, by the holder's clock.
    pub since: Timestamp,
}

/// A registration to speak.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Registration {
    /// The act.
    pub act: ActId,
    /// Its number in the meeting's series.
    pub number: u64,
    /// Who.
    pub person: PersonId,
    /// On what.
    pub item: Option<ItemId>,
    /// How far it is; each step when the office had it.
    #[serde(flatten)]
    pub history: History<SpeakingState, Timestamp>,
    /// From when to when he spoke, by the holder's clock.
    pub spoke: Option<(Timestamp, Timestamp)>,
}

/// A question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Question {
    /// The question slip.
    pub act: ActId,
    /// Its number in the meeting's series.
    pub number: u64,
    /// Who asked.
    pub person: PersonId,
    /// On what.
    pub item: Option<ItemId>,
    /// The subject by which it was put to others.
    pub group: Option<String>,
    /// How far it is; a step's note holds the answer, or what was said of it.
    #[serde(flatten)]
    pub history: History<QuestionState, Timestamp>,
    /// Who answered last.
    pub answered_by: Option<String>,
}

/// Who is there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Roll {
    /// How many delegates the body has.
    pub total: Option<u16>,
    /// How many must be there.
    pub quorum: Option<u16>,
    /// Of whom something is known.
    pub people: BTreeMap<PersonId, Attendance>,
}

/// What is known of one person.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Attendance {
    /// What the office has written down: this holds.
    pub recorded: Option<Presence>,
    /// What he has stated himself: a check-in or an absence.
    pub stated: Option<ActKind>,
}

/// A vote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Vote {
    /// The record; its text is what was voted on.
    pub record: Record,
    /// The count.
    pub result: VoteResult,
    /// Whether more than half of all delegates are in favour.
    pub majority: bool,
}

/// A record that did not count as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SetAside {
    /// The record.
    pub record: Record,
    /// Why.
    pub why: Why,
    /// Whether it counts nevertheless, since nobody has said otherwise.
    pub counts: bool,
}

/// Why a record was set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// Somebody else held the floor by then.
    Overtaken,
    /// The step does not follow from the state.
    Step,
    /// What it names is not known here.
    Unknown,
}

/// What is followed up after meetings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct FollowUp {
    /// Tasks, in the order in which they were given.
    pub tasks: Vec<Task>,
    /// Petitions, in the order in which they were made known.
    pub petitions: Vec<Petition>,
    /// What did not count.
    pub set_aside: Vec<SetAside>,
}

impl Roll {
    fn take(&mut self, ruling: RollRuling) {
        match ruling {
            RollRuling::Seats { total, quorum } => {
                (self.total, self.quorum) = (Some(total), Some(quorum));
            }
            RollRuling::Presence { person, presence } => {
                self.people.entry(person).or_default().recorded = Some(presence);
            }
        }
    }

    /// Returns how many are there, by what the office has written down.
    pub fn present(&self) -> usize {
        let recorded = self.people.values().filter_map(|it| it.recorded);
        recorded.filter(|presence| presence.counts()).count()
    }

    /// Says whether enough are there; `None` while nobody has said how many that is.
    pub fn has_quorum(&self) -> Option<bool> {
        self.quorum
            .map(|quorum| self.present() >= usize::from(quorum))
    }
}

impl Attendance {
    /// Says whether a person and the office state different things.
    pub fn is_disputed(&self) -> bool {
        self.recorded
            .zip(self.stated)
            .is_some_and(|(recorded, stated)| recorded.counts() != (stated == ActKind::CheckIn))
    }
}

impl Course {
    /// Returns the feeds whose records make the course of a meeting.
    pub const fn feeds(meeting: MeetingId) -> [Feed; 3] {
        [
            Feed::Floor(meeting),
            Feed::Roll(meeting),
            Feed::Record(meeting),
        ]
    }

    /// Works out how a meeting stands. `receipts` are those that count (see [`Receipt::that_counts`]) and
    /// `records` those of the meeting, each in whatever order; one that came twice counts once.
    pub fn of(
        receipts: impl IntoIterator<Item = Receipt>,
        records: impl IntoIterator<Item = Record>,
    ) -> Self {
        let mut receipts: Vec<Receipt> = receipts.into_iter().collect();
        receipts.sort_by_key(|receipt| (receipt.number, receipt.act));
        let all: Vec<&Receipt> = receipts.iter().collect();
        let withdrawals = withdrawals(&all);
        let mut course = Self {
            registrations: registrations(&receipts),
            questions: questions(&receipts, &withdrawals),
            ..Self::default()
        };
        course.claim(&receipts, &withdrawals);
        let mut overtaken = Vec::new();
        for record in in_order(records) {
            match record.ruling {
                Ruling::Floor { term, ruling } if course.counts_now(term, ruling, &record) => {
                    course.rule(ruling, &record);
                }
                Ruling::Floor { term, ruling } => overtaken.push((Reverse(term), ruling, record)),
                Ruling::Roll(ruling) => course.roll.take(ruling),
                Ruling::Recorded(recorded) => course.take(recorded, record),
                Ruling::Minutes(MinutesRuling::Approved { .. }) => {
                    course.minutes.get_or_insert(record);
                }
                // What is being written is no part of the course, and the others are the body's.
                Ruling::Minutes(MinutesRuling::Typed { .. } | MinutesRuling::Laid { .. })
                | Ruling::Draft(_)
                | Ruling::Task(_)
                | Ruling::Petition(_) => {}
            }
        }
        // Newer terms first; the sort is stable, so the order of numbers stays within each.
        overtaken.sort_by_key(|(term, ..)| *term);
        for (_, ruling, record) in overtaken {
            course.rule_overtaken(ruling, record);
        }
        course.withdraw(&withdrawals);
        course.receipts = receipts;
        course
    }

    /// Returns who stands on the list of an item, the next one first.
    pub fn speaking_list(&self, item: Option<&ItemId>) -> Vec<Speaker> {
        let in_state = |state: SpeakingState| -> BTreeSet<ActId> {
            let registrations = self.registrations.iter();
            registrations
                .filter(|it| it.history.state() == state)
                .map(|it| it.act)
                .collect()
        };
        let floor = speaking::Floor {
            spoken: in_state(SpeakingState::Spoken),
            refused: in_state(SpeakingState::Refused),
            asked_by: item.and_then(|item| self.debates.get(item)).copied(),
        };
        speaking_list(&self.receipts, item, &floor)
    }

    /// Says whether a ruling of the floor is by whoever holds it; whoever takes it holds it from here on.
    fn counts_now(&mut self, term: u32, ruling: FloorRuling, record: &Record) -> bool {
        let by = Holder {
            person: record.by,
            device: record.device,
        };
        if ruling == FloorRuling::TakeFloor && term > self.floor.term {
            (self.floor.term, self.floor.holder) = (term, Some(by));
            return true;
        }
        let holds = |holder: Holder| holder.device == by.device;
        ruling != FloorRuling::TakeFloor
            && term == self.floor.term
            && self.floor.holder.is_some_and(holds)
    }

    /// Takes what the holder of the floor states.
    fn rule(&mut self, ruling: FloorRuling, record: &Record) {
        match ruling {
            FloorRuling::TakeFloor => {}
            FloorRuling::Open => self.floor.item.clone_from(&record.item),
            FloorRuling::Debate { asked_by } => {
                if let Some(item) = &record.item {
                    match asked_by {
                        Some(asker) => self.debates.insert(item.clone(), asker),
                        None => self.debates.remove(item),
                    };
                }
            }
            FloorRuling::Allot { seconds } => {
                self.floor.allotted = (seconds > 0).then_some(Allotted {
                    seconds,
                    since: record.made_at,
                });
            }
            FloorRuling::Grant { registration } => match self.step(ruling, record) {
                Ok(()) => self.floor.speaking = Some(registration),
                Err(why) => self.set_aside(record.clone(), why, false),
            },
            FloorRuling::Refuse { .. } | FloorRuling::Spoken { .. } => {
                if let Err(why) = self.step(ruling, record) {
                    self.set_aside(record.clone(), why, false);
                }
            }
        }
    }

    /// Takes what somebody states whose term was overtaken, as far as it still follows.
    fn rule_overtaken(&mut self, ruling: FloorRuling, record: Record) {
        let counts = match ruling {
            FloorRuling::Grant { .. } | FloorRuling::Refuse { .. } | FloorRuling::Spoken { .. } => {
                self.step(ruling, &record).is_ok()
            }
            FloorRuling::TakeFloor
            | FloorRuling::Open
            | FloorRuling::Debate { .. }
            | FloorRuling::Allot { .. } => false,
        };
        self.set_aside(record, Why::Overtaken, counts);
    }

    /// Lets a registration go on.
    fn step(&mut self, ruling: FloorRuling, record: &Record) -> Result<(), Why> {
        let (act, state, spoke) = match ruling {
            FloorRuling::Grant { registration } => (registration, SpeakingState::Granted, None),
            FloorRuling::Refuse { registration } => (registration, SpeakingState::Refused, None),
            FloorRuling::Spoken {
                registration,
                began,
                ended,
            } => (registration, SpeakingState::Spoken, Some((began, ended))),
            FloorRuling::TakeFloor
            | FloorRuling::Open
            | FloorRuling::Debate { .. }
            | FloorRuling::Allot { .. } => return Ok(()),
        };
        let registration = self.registrations.iter_mut().find(|it| it.act == act);
        let registration = registration.ok_or(Why::Unknown)?;
        registration
            .history
            .go_on(step_of(state, record))
            .map_err(|_| Why::Step)?;
        registration.spoke = spoke;
        if state != SpeakingState::Granted && self.floor.speaking == Some(act) {
            self.floor.speaking = None;
        }
        Ok(())
    }

    fn take(&mut self, recorded: Recorded, record: Record) {
        match recorded {
            Recorded::Speech { .. } => self.speeches.push(record),
            Recorded::Vote { result } => self.votes.push(Vote {
                result,
                majority: result.has_majority(),
                record,
            }),
            Recorded::Conclusion => self.conclusions.push(record),
            Recorded::Question { question, state } => {
                if let Err(why) = self.step_question(question, state, &record) {
                    self.set_aside(record, why, false);
                }
            }
        }
    }

    fn step_question(
        &mut self,
        question: ActId,
        state: QuestionState,
        record: &Record,
    ) -> Result<(), Why> {
        let question = self.questions.iter_mut().find(|it| it.act == question);
        let question = question.ok_or(Why::Unknown)?;
        question
            .history
            .go_on(step_of(state, record))
            .map_err(|_| Why::Step)?;
        match state {
            QuestionState::Grouped => question.group = Some(record.text.clone()),
            QuestionState::AnsweredOrally | QuestionState::AnsweredInWriting => {
                question.answered_by.clone_from(&record.addressee);
            }
            QuestionState::Drafted
            | QuestionState::Submitted
            | QuestionState::Received
            | QuestionState::Accepted
            | QuestionState::Unsatisfied
            | QuestionState::FollowUp => {}
        }
        Ok(())
    }

    /// Notes what people state of their own presence: the last that was not withdrawn.
    fn claim(&mut self, receipts: &[Receipt], withdrawals: &BTreeMap<ActId, Timestamp>) {
        for receipt in receipts {
            let of_presence = matches!(receipt.kind, ActKind::CheckIn | ActKind::Absence);
            if of_presence && receipt.number.is_some() && !withdrawals.contains_key(&receipt.act) {
                let person = self.roll.people.entry(receipt.person).or_default();
                person.stated = Some(receipt.kind);
            }
        }
    }

    /// A withdrawal comes before a call, and after a speech it changes nothing.
    fn withdraw(&mut self, withdrawals: &BTreeMap<ActId, Timestamp>) {
        for registration in &mut self.registrations {
            if let Some(at) = withdrawals.get(&registration.act) {
                let step = Step {
                    state: SpeakingState::Withdrawn,
                    on: *at,
                    note: String::new(),
                };
                if registration.history.go_on(step).is_ok()
                    && self.floor.speaking == Some(registration.act)
                {
                    self.floor.speaking = None;
                }
            }
        }
    }

    fn set_aside(&mut self, record: Record, why: Why, counts: bool) {
        self.set_aside.push(SetAside {
            record,
            why,
            counts,
        });
    }
}

impl FollowUp {
    /// Works out what is followed up from the records of a body's tasks and petitions, in whatever order. The day
    /// of a step is that of the body's clocks when the office had it.
    pub fn of(records: impl IntoIterator<Item = Record>, clocks: Clocks<'_>) -> Self {
        let mut all = Self::default();
        for record in in_order(records) {
            if let Err(why) = all.take(&record, clocks.day_at(record.received_at)) {
                all.set_aside.push(SetAside {
                    record,
                    why,
                    counts: false,
                });
            }
        }
        all
    }

    fn take(&mut self, record: &Record, on: Day) -> Result<(), Why> {
        let (owner, text) = (record.addressee.as_deref(), record.text.as_str());
        match record.ruling {
            Ruling::Task(TaskRuling::Task { due, .. }) => {
                let task = Task::begun(&record.act.to_string(), owner, text, on, due);
                self.tasks.push(task);
                Ok(())
            }
            Ruling::Task(TaskRuling::TaskStep { task, state }) => {
                let task = found(&mut self.tasks, task)?;
                task.go_on(state, on, text).map_err(|_| Why::Step)
            }
            Ruling::Petition(PetitionRuling::Petition { heard }) => {
                let id = heard.unwrap_or(record.act);
                if found(&mut self.petitions, id).is_ok() {
                    return Err(Why::Step);
                }
                let mut petition = Petition::begun(&id.to_string(), None, text, on, None);
                petition
                    .go_on(PetitionState::Received, on, "")
                    .map_err(|_| Why::Step)?;
                self.petitions.push(petition);
                Ok(())
            }
            Ruling::Petition(PetitionRuling::PetitionStep {
                petition,
                state,
                due,
            }) => {
                let petition = found(&mut self.petitions, petition)?;
                let stepped = match (state, owner) {
                    (PetitionState::Transferred, Some(to)) => petition.transfer(to, on, due),
                    _ => petition.go_on(state, on, text),
                };
                stepped.map_err(|_| Why::Step)
            }
            // They are one meeting's.
            Ruling::Floor { .. }
            | Ruling::Roll(_)
            | Ruling::Recorded(_)
            | Ruling::Minutes(_)
            | Ruling::Draft(_) => Ok(()),
        }
    }
}

fn found<S>(all: &mut [Followed<S>], id: ActId) -> Result<&mut Followed<S>, Why> {
    let id = id.to_string();
    all.iter_mut().find(|it| it.id == id).ok_or(Why::Unknown)
}

/// Sorts records, each once.
fn in_order(records: impl IntoIterator<Item = Record>) -> Vec<Record> {
    let mut records: Vec<Record> = records.into_iter().collect();
    records.sort_by_key(Record::order);
    let mut seen = BTreeSet::new();
    records.retain(|record| seen.insert(record.act));
    records
}

fn step_of<S: State>(state: S, record: &Record) -> Step<S, Timestamp> {
    Step {
        state,
        on: record.received_at,
        note: record.text.clone(),
    }
}

/// Returns what was withdrawn, and when.
fn withdrawals(receipts: &[&Receipt]) -> BTreeMap<ActId, Timestamp> {
    let taken_back = withdrawn(receipts);
    let at = |act: &ActId| {
        let of_it = receipts
            .iter()
            .filter(|it| it.kind == ActKind::Withdrawal && it.refers_to == Some(*act));
        of_it.map(|it| it.received_at).min().unwrap_or_default()
    };
    taken_back.iter().map(|act| (*act, at(act))).collect()
}

fn registrations(receipts: &[Receipt]) -> Vec<Registration> {
    let of_kind = |kind| matches!(kind, ActKind::SpeakingRegistration | ActKind::PointOfOrder);
    let receipts = receipts.iter().filter(|receipt| of_kind(receipt.kind));
    receipts
        .filter_map(|receipt| {
            let mut history = History::begun(receipt.received_at);
            // One without a number joins another, which has its own life.
            let number = receipt.number?;
            history
                .go_on(received(SpeakingState::Received, receipt))
                .ok()?;
            Some(Registration {
                act: receipt.act,
                number,
                person: receipt.person,
                item: receipt.item.clone(),
                history,
                spoke: None,
            })
        })
        .collect()
}

fn questions(receipts: &[Receipt], withdrawals: &BTreeMap<ActId, Timestamp>) -> Vec<Question> {
    let of_kind = receipts.iter().filter(|receipt| {
        receipt.kind == ActKind::QuestionSlip && !withdrawals.contains_key(&receipt.act)
    });
    of_kind
        .filter_map(|receipt| {
            let mut history = History::begun(receipt.received_at);
            for state in [QuestionState::Submitted, QuestionState::Received] {
                history.go_on(received(state, receipt)).ok()?;
            }
            Some(Question {
                act: receipt.act,
                number: receipt.number?,
                person: receipt.person,
                item: receipt.item.clone(),
                group: None,
                history,
                answered_by: None,
            })
        })
        .collect()
}

fn received<S: State>(state: S, receipt: &Receipt) -> Step<S, Timestamp> {
    Step {
        state,
        on: receipt.received_at,
        note: String::new(),
    }
}

#[cfg(test)]
mod tests;
