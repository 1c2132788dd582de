//! How a meeting stands, and what is followed up after meetings, each as one screen shows it.

use std::collections::BTreeSet;

use nghisu_core::{
    ids::{DeviceId, MeetingId},
    meeting::{
        ItemId, course, deadlines, follow_up, owed,
        ruling::Record,
        speaking,
        states::{History, State},
    },
    time::Timestamp,
};

use super::{
    ActKind, Duty, Language, Word, ms,
    ruling::{PetitionState, Presence, QuestionState, Ruled, SpeakingState, TaskState, VoteResult},
};

/// How a meeting stands. All who have read the same see the same, but for own rulings, which count here at once.
///
/// Read it again after `Change::Acts` of the meeting.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Course {
    /// The meeting.
    pub meeting: String,
    /// Who holds the floor, and what he has said of it.
    pub floor: Floor,
    /// Who speaks next: one list for each item on which somebody waits, for each that is debated, and for what
    /// is dealt with. That of the meeting itself comes first, the others by their items.
    pub speaking: Vec<SpeakingList>,
    /// All registrations to speak, in the order of receipt.
    pub registrations: Vec<Registration>,
    /// Who is there.
    pub roll: Roll,
    /// Questions, in the order of receipt.
    pub questions: Vec<Question>,
    /// Speeches that nobody had registered for, in order.
    pub speeches: Vec<RecordedSpeech>,
    /// Results of votes, in order.
    pub votes: Vec<RecordedVote>,
    /// Conclusions, in order: the record's text.
    pub conclusions: Vec<RulingRecord>,
    /// The chair's approval of the minutes, once he has given it.
    pub minutes_approved: Option<RulingRecord>,
    /// What did not count as it stands, or was stated while somebody else held the floor already.
    pub set_aside: Vec<SetAside>,
}

/// The floor.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Floor {
    /// How often it was taken, with gaps: it only grows. 0 while nobody has taken it.
    pub term: u32,
    /// Whose it is; none while nobody has taken it.
    pub holder: Option<Holder>,
    /// What is dealt with; none while nothing is.
    pub item: Option<String>,
    /// The registration that was called last and has not spoken: an act.
    pub speaking: Option<String>,
    /// The time that was given last; none once it was ended. That it is over is the app's to see.
    pub allotted: Option<Allotted>,
}

/// Who holds the floor.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Holder {
    /// The person; none for the office's console.
    pub person: Option<String>,
    /// Whether it is held on this device: only then may it rule the floor.
    pub is_this: bool,
}

/// Time that was given to a speaker.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Allotted {
    /// How much.
    pub seconds: u32,
    /// From when on, by the holder's clock.
    pub since_ms: i64,
}

/// Who speaks next on an item.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct SpeakingList {
    /// The item; none for the meeting itself.
    pub item: Option<String>,
    /// Whose question the answer debated on the item is to, if one is.
    pub asked_by: Option<String>,
    /// Who waits or was called, the next one first.
    pub speakers: Vec<Speaker>,
}

/// A place in a list of speakers.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Speaker {
    /// His registration: an act.
    pub registration: String,
    /// Its number in the meeting's series, from 1.
    pub number: u64,
    /// Who.
    pub person: String,
    /// Why he stands before those who registered earlier, if he does.
    pub before_others: Option<BeforeOthers>,
}

/// Why somebody stands before those who registered earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum BeforeOthers {
    /// A point of order.
    PointOfOrder,
    /// He asked what is debated.
    Asked,
}

/// A step in the life of a registration or a question.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Step {
    /// The state from here on.
    pub state: Word,
    /// When, by the office's clock; of an own ruling that it has not made known yet, by this device's.
    pub at_ms: i64,
    /// What was said of it: the reason of a refusal, the group or the answer of a question. May be empty.
    pub note: String,
}

/// A registration to speak.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Registration {
    /// The registration: an act.
    pub id: String,
    /// Its number in the meeting's series, from 1.
    pub number: u64,
    /// Who.
    pub person: String,
    /// On what; none for the meeting itself.
    pub item: Option<String>,
    /// How far it is; the last of `steps` has the word for people.
    pub state: SpeakingState,
    /// All steps, the first one first.
    pub steps: Vec<Step>,
    /// From when to when he spoke, once he has.
    pub spoke: Option<Spoke>,
}

/// When somebody spoke, by the clock of whoever stated it.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Spoke {
    /// When he began.
    pub began_ms: i64,
    /// When he ended.
    pub ended_ms: i64,
}

/// A question that was handed in.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Question {
    /// The question: an act.
    pub id: String,
    /// Its number in the meeting's series, from 1.
    pub number: u64,
    /// Who asked.
    pub person: String,
    /// On what; none for the meeting itself.
    pub item: Option<String>,
    /// The subject by which it was put to others.
    pub group: Option<String>,
    /// How far it is; the last of `steps` has the word for people.
    pub state: QuestionState,
    /// All steps, the first one first; the note of one holds the answer, or what was said of it.
    pub steps: Vec<Step>,
    /// Who answered last.
    pub answered_by: Option<String>,
}

/// Who is there.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Roll {
    /// How many delegates the body has; none while nobody has said so.
    pub total: Option<u16>,
    /// How many must be there; none while nobody has said so.
    pub quorum: Option<u16>,
    /// How many are there, by what the office has written down.
    pub present: u64,
    /// Whether enough are there; none while nobody has said how many that is.
    pub has_quorum: Option<bool>,
    /// Of whom something is known, by their ids.
    pub people: Vec<Attendance>,
}

/// What is known of one person.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Attendance {
    /// Who.
    pub person: String,
    /// What the office has written down: this holds.
    pub recorded: Option<Presence>,
    /// What he has stated himself: a check-in or an absence.
    pub stated: Option<ActKind>,
    /// Whether the two contradict each other.
    pub disputed: bool,
    /// What was written down, for people.
    pub text: Option<String>,
}

/// What was ruled or recorded, as the office made it known.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct RulingRecord {
    /// The ruling: an act. Tasks name a conclusion by it.
    pub id: String,
    /// The meeting in which it was stated.
    pub meeting: String,
    /// The number in its series, from 1; none for an own ruling that the office has not made known yet.
    pub number: Option<u64>,
    /// The item that it is about.
    pub item: Option<String>,
    /// What was stated.
    pub ruled: Ruled,
    /// The words that go with it, but for those that are the office's alone.
    pub text: String,
    /// Whom it concerns, or who speaks or answers.
    pub addressee: Option<String>,
    /// Whose ruling; none where the office itself has stated it.
    pub by: Option<String>,
    /// The clock of the device on which it was stated.
    pub made_at_ms: i64,
    /// When the office had it, by its own clock; none where it has not made it known yet.
    pub received_at_ms: Option<i64>,
}

/// A speech that nobody had registered for.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct RecordedSpeech {
    /// The record; its addressee is the speaker.
    pub record: RulingRecord,
    /// From when to when.
    pub spoke: Spoke,
}

/// A vote.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct RecordedVote {
    /// The record; its text is what was voted on.
    pub record: RulingRecord,
    /// The count.
    pub result: VoteResult,
    /// Whether more than half of all delegates, present or not, are in favour.
    pub majority: bool,
}

/// A record that did not count as it stands.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct SetAside {
    /// The record.
    pub record: RulingRecord,
    /// Why.
    pub why: WhySetAside,
    /// Whether it counts nevertheless, since nobody has said otherwise.
    pub counts: bool,
}

/// Why a record was set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum WhySetAside {
    /// Somebody else held the floor by then.
    Overtaken,
    /// The step does not follow from the state.
    Step,
    /// What it names is not known here.
    Unknown,
}

/// What is followed up after meetings.
///
/// Read it again after `Change::Acts` of whatever meeting.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct FollowUp {
    /// Tasks, in the order in which they were given.
    pub tasks: Vec<FollowedTask>,
    /// Petitions of voters, in the order in which they were made known.
    pub petitions: Vec<FollowedPetition>,
    /// What did not count.
    pub set_aside: Vec<SetAside>,
}

/// Something that the body has to do by a day.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Obligation {
    /// What it is.
    pub owed: Owed,
    /// The same for people, without who has it.
    pub text: String,
    /// Who has it; none where the body has it as such, or nobody has been named.
    pub owner: Option<String>,
    /// By the end of which day, as "2026-12-24": such texts sort as days do.
    pub due: String,
    /// On which day it was done, which may have been too late, or is going to be.
    pub done_on: Option<String>,
}

/// What the body has to do.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum Owed {
    /// What its rules ask for around a meeting.
    Duty {
        /// What.
        duty: Duty,
        /// The meeting.
        meeting: String,
    },
    /// The answer to a question.
    Answer {
        /// The meeting in which it was put.
        meeting: String,
        /// The question slip.
        question: String,
        /// Its number in the meeting's series.
        number: u64,
    },
    /// A task.
    Task {
        /// Its id.
        task: String,
    },
    /// The answer to what voters have asked for.
    Petition {
        /// Its id.
        petition: String,
    },
}

/// A task. It is overdue from the day after `due` on, until it is done.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct FollowedTask {
    /// The task: the act by which it was given.
    pub id: String,
    /// Who has it.
    pub owner: Option<String>,
    /// What is to be done.
    pub text: String,
    /// By the end of which day, as "2026-12-24": such texts sort as days do.
    pub due: Option<String>,
    /// How far it is; the last of `steps` has the word for people.
    pub state: TaskState,
    /// All steps, the first one first.
    pub steps: Vec<DayStep>,
    /// On which day it was done, if it is.
    pub done_on: Option<String>,
}

/// A petition of voters. It is overdue from the day after `due` on, until it is done.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct FollowedPetition {
    /// The petition: the delegate's act, or the office's where it has heard it itself.
    pub id: String,
    /// To whom it went.
    pub owner: Option<String>,
    /// What was asked for.
    pub text: String,
    /// By the end of which day it is to be answered, as "2026-12-24": such texts sort as days do.
    pub due: Option<String>,
    /// How far it is; the last of `steps` has the word for people.
    pub state: PetitionState,
    /// All steps, the first one first.
    pub steps: Vec<DayStep>,
    /// On which day it was answered so that nothing more is owed, if it was. One that is in progress is not.
    pub done_on: Option<String>,
}

/// A step in the life of a task or a petition.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct DayStep {
    /// The state from here on.
    pub state: Word,
    /// The day in Việt Nam on which the office had it, as "2026-12-24"; of an own ruling that it has not made
    /// known yet, on which it was stated.
    pub on: String,
    /// To whom it went, the report, the answer. May be empty.
    pub note: String,
}

impl Course {
    /// `this` is the device that shows it.
    pub(crate) fn new(
        meeting: MeetingId,
        course: course::Course,
        this: Option<DeviceId>,
        language: Language,
    ) -> Self {
        Self {
            meeting: meeting.to_string(),
            speaking: speaking_lists(&course),
            floor: floor(course.floor, this),
            registrations: all(course.registrations, |it| registration(it, language)),
            roll: roll(&course.roll, language),
            questions: all(course.questions, |it| question(it, language)),
            speeches: course.speeches.into_iter().filter_map(speech).collect(),
            votes: all(course.votes, |vote| RecordedVote {
                result: vote.result.into(),
                majority: vote.majority,
                record: vote.record.into(),
            }),
            conclusions: all(course.conclusions, RulingRecord::from),
            minutes_approved: course.minutes.map(RulingRecord::from),
            set_aside: all(course.set_aside, SetAside::from),
        }
    }
}

impl Obligation {
    pub(crate) fn new(obligation: deadlines::Obligation<owed::Owed>, language: Language) -> Self {
        Self {
            text: obligation.what.text(language.into()),
            owner: obligation.what.owner().map(str::to_owned),
            owed: obligation.what.into(),
            due: obligation.due.to_string(),
            done_on: obligation.done.map(|day| day.to_string()),
        }
    }
}

impl From<owed::Owed> for Owed {
    fn from(owed: owed::Owed) -> Self {
        match owed {
            owed::Owed::Duty { duty, meeting, .. } => Self::Duty {
                duty: duty.into(),
                meeting: meeting.to_string(),
            },
            owed::Owed::Answer {
                meeting,
                question,
                number,
                ..
            } => Self::Answer {
                meeting: meeting.to_string(),
                question: question.to_string(),
                number,
            },
            owed::Owed::Task { id, .. } => Self::Task { task: id },
            owed::Owed::Petition { id, .. } => Self::Petition { petition: id },
        }
    }
}

impl FollowUp {
    pub(crate) fn new(follow_up: course::FollowUp, language: Language) -> Self {
        Self {
            tasks: all(follow_up.tasks, |it| task(it, language)),
            petitions: all(follow_up.petitions, |it| petition(it, language)),
            set_aside: all(follow_up.set_aside, SetAside::from),
        }
    }
}

fn all<A, B>(these: Vec<A>, each: impl FnMut(A) -> B) -> Vec<B> {
    these.into_iter().map(each).collect()
}

fn floor(floor: course::Floor, this: Option<DeviceId>) -> Floor {
    Floor {
        term: floor.term,
        holder: floor.holder.map(|holder| Holder {
            person: holder.person.map(|id| id.to_string()),
            is_this: holder.device.is_some() && holder.device == this,
        }),
        item: floor.item.map(|id| id.to_string()),
        speaking: floor.speaking.map(|id| id.to_string()),
        allotted: floor.allotted.map(|time| Allotted {
            seconds: time.seconds,
            since_ms: ms(time.since),
        }),
    }
}

fn speaking_lists(course: &course::Course) -> Vec<SpeakingList> {
    let registered = course.registrations.iter().map(|it| it.item.as_ref());
    let now = course.floor.item.as_ref();
    let items: BTreeSet<Option<&ItemId>> = registered
        .chain(course.debates.keys().map(Some))
        .chain(now.map(Some))
        .collect();
    let list = |item: Option<&ItemId>| SpeakingList {
        item: item.map(ToString::to_string),
        asked_by: item
            .and_then(|item| course.debates.get(item))
            .map(ToString::to_string),
        speakers: all(course.speaking_list(item), Speaker::from),
    };
    let lists = items.into_iter().map(|item| (item, list(item)));
    lists
        .filter(|(item, list)| {
            let shown = item.is_some() && *item == now;
            shown || list.asked_by.is_some() || !list.speakers.is_empty()
        })
        .map(|(_, list)| list)
        .collect()
}

impl From<speaking::Speaker> for Speaker {
    fn from(speaker: speaking::Speaker) -> Self {
        Self {
            registration: speaker.act.to_string(),
            number: speaker.number,
            person: speaker.person.to_string(),
            before_others: speaker.before_others.map(|why| match why {
                speaking::BeforeOthers::PointOfOrder => BeforeOthers::PointOfOrder,
                speaking::BeforeOthers::Asked => BeforeOthers::Asked,
            }),
        }
    }
}

fn word<S: State>(state: S, language: Language) -> Word {
    Word::new(state.word(), state.text(language.into()))
}

fn steps<S: State>(history: &History<S, Timestamp>, language: Language) -> Vec<Step> {
    let step = |step: &nghisu_core::meeting::states::Step<S, Timestamp>| Step {
        state: word(step.state, language),
        at_ms: ms(step.on),
        note: step.note.clone(),
    };
    history.steps().iter().map(step).collect()
}

fn spoke(began: Timestamp, ended: Timestamp) -> Spoke {
    Spoke {
        began_ms: ms(began),
        ended_ms: ms(ended),
    }
}

fn registration(registration: course::Registration, language: Language) -> Registration {
    Registration {
        id: registration.act.to_string(),
        number: registration.number,
        person: registration.person.to_string(),
        item: registration.item.map(|id| id.to_string()),
        state: registration.history.state().into(),
        steps: steps(&registration.history, language),
        spoke: registration.spoke.map(|(began, ended)| spoke(began, ended)),
    }
}

fn question(question: course::Question, language: Language) -> Question {
    Question {
        id: question.act.to_string(),
        number: question.number,
        person: question.person.to_string(),
        item: question.item.map(|id| id.to_string()),
        group: question.group,
        state: question.history.state().into(),
        steps: steps(&question.history, language),
        answered_by: question.answered_by,
    }
}

fn roll(roll: &course::Roll, language: Language) -> Roll {
    let attendance = |(person, known): (&_, &course::Attendance)| Attendance {
        person: ToString::to_string(person),
        recorded: known.recorded.map(Presence::from),
        stated: known.stated.map(ActKind::from),
        disputed: known.is_disputed(),
        text: known.recorded.map(|it| it.text(language.into()).to_owned()),
    };
    Roll {
        total: roll.total,
        quorum: roll.quorum,
        present: u64::try_from(roll.present()).unwrap_or(u64::MAX),
        has_quorum: roll.has_quorum(),
        people: roll.people.iter().map(attendance).collect(),
    }
}

impl From<Record> for RulingRecord {
    fn from(record: Record) -> Self {
        let known = !record.is_pending();
        Self {
            id: record.act.to_string(),
            meeting: record.meeting.to_string(),
            number: known.then_some(record.number),
            item: record.item.map(|id| id.to_string()),
            ruled: record.ruling.into(),
            text: record.text,
            addressee: record.addressee,
            by: record.by.map(|id| id.to_string()),
            made_at_ms: ms(record.made_at),
            received_at_ms: known.then(|| ms(record.received_at)),
        }
    }
}

/// Others than speeches are not among the speeches of a course.
fn speech(record: Record) -> Option<RecordedSpeech> {
    use nghisu_core::meeting::ruling::{Recorded, Ruling};
    let Ruling::Recorded(Recorded::Speech { began, ended }) = record.ruling else {
        return None;
    };
    let (record, spoke) = (record.into(), spoke(began, ended));
    Some(RecordedSpeech { record, spoke })
}

impl From<course::SetAside> for SetAside {
    fn from(aside: course::SetAside) -> Self {
        Self {
            record: aside.record.into(),
            why: match aside.why {
                course::Why::Overtaken => WhySetAside::Overtaken,
                course::Why::Step => WhySetAside::Step,
                course::Why::Unknown => WhySetAside::Unknown,
            },
            counts: aside.counts,
        }
    }
}

fn day_steps<S: State>(followed: &follow_up::Followed<S>, language: Language) -> Vec<DayStep> {
    let steps = followed.history.steps().iter();
    steps
        .map(|step| DayStep {
            state: word(step.state, language),
            on: step.on.to_string(),
            note: step.note.clone(),
        })
        .collect()
}

fn task(task: follow_up::Task, language: Language) -> FollowedTask {
    FollowedTask {
        state: task.state().into(),
        steps: day_steps(&task, language),
        done_on: task.done().map(|day| day.to_string()),
        due: task.due.map(|day| day.to_string()),
        id: task.id,
        owner: task.owner,
        text: task.text,
    }
}

fn petition(petition: follow_up::Petition, language: Language) -> FollowedPetition {
    FollowedPetition {
        state: petition.state().into(),
        steps: day_steps(&petition, language),
        done_on: petition.done().map(|day| day.to_string()),
        due: petition.due.map(|day| day.to_string()),
        id: petition.id,
        owner: petition.owner,
        text: petition.text,
    }
}
