//! Rulings: what the chair and the secretaries state of a meeting's course, and what the office makes known
//! of it.
//!
//! A ruling is an act like a delegate's: signed on the device on which it was made, recognised by its id, at
//! home in its author's outbox. What everybody reads is the office's [`Record`] of it, with a number that was
//! given on admission. So no device needs another person's certificate, and what is for the office alone, such
//! as why somebody is absent, stays out of what is made known.

use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};
use serde::Serialize;

use crate::{
    cbor,
    error::{Code, Error, Language, Result},
    ids::{ActId, DeviceId, Feed, Hash, LogId, MeetingId, PersonId},
    meeting::{
        act::Act,
        canonical_json,
        drafting::DraftStep,
        minutes::MinutesRuling,
        programme::ItemId,
        states::{PetitionState, QuestionState, State, TaskState},
    },
    time::{Day, Timestamp},
};

/// What is ruled or recorded. Words that go with it (a reason, an answer, a conclusion, what is to be done)
/// are the act's text; whom they concern beside persons with an account is its addressee.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize)]
#[serde(untagged)]
pub enum Ruling {
    /// Of the floor, by its holder.
    #[n(1)]
    Floor {
        /// The holder's term, from 1; see [`course`](super::course) for what it decides.
        #[n(0)]
        term: u32,
        /// What he states.
        #[n(1)]
        #[serde(flatten)]
        ruling: FloorRuling,
    },
    /// Of who is there.
    #[n(2)]
    Roll(#[n(0)] RollRuling),
    /// Of what was said and decided.
    #[n(3)]
    Recorded(#[n(0)] Recorded),
    /// Of a task.
    #[n(4)]
    Task(#[n(0)] TaskRuling),
    /// Of a petition of voters.
    #[n(5)]
    Petition(#[n(0)] PetitionRuling),
    /// Of the minutes.
    #[n(6)]
    Minutes(#[n(0)] MinutesRuling),
    /// Of the draft of a programme.
    #[n(7)]
    Draft(#[n(0)] DraftRuling),
}

/// What the holder of the floor states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize)]
#[serde(rename_all = "snake_case", tag = "ruling")]
pub enum FloorRuling {
    /// He holds the floor from here on; his term is higher than any before.
    #[n(1)]
    TakeFloor,
    /// The act's item is what is dealt with now; without one, nothing is.
    #[n(2)]
    Open,
    /// A registration is called.
    #[n(3)]
    Grant {
        /// The registration.
        #[n(0)]
        registration: ActId,
    },
    /// A registration is refused; the text says why.
    #[n(4)]
    Refuse {
        /// The registration.
        #[n(0)]
        registration: ActId,
    },
    /// Whoever was called has spoken.
    #[n(5)]
    Spoken {
        /// The registration.
        #[n(0)]
        registration: ActId,
        /// When he began, by the holder's clock.
        #[n(1)]
        began: Timestamp,
        /// When he ended, by the holder's clock.
        #[n(2)]
        ended: Timestamp,
    },
    /// An answer to this person's question is debated on the act's item: he speaks first, once.
    #[n(6)]
    Debate {
        /// Who asked; nobody where no answer is debated any more.
        #[n(0)]
        asked_by: Option<PersonId>,
    },
    /// So much time is given to whoever speaks; 0 ends it.
    #[n(7)]
    Allot {
        /// Seconds, from when it was stated.
        #[n(0)]
        seconds: u32,
    },
}

/// What is written down of who is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize)]
#[serde(rename_all = "snake_case", tag = "ruling")]
pub enum RollRuling {
    /// How many delegates the body has, and how many of them make a quorum.
    #[n(1)]
    Seats {
        /// All delegates.
        #[n(0)]
        total: u16,
        /// How many must be there.
        #[n(1)]
        quorum: u16,
    },
    /// Whether somebody is there. The text is the reason, and for the office alone.
    #[n(2)]
    Presence {
        /// Who.
        #[n(0)]
        person: PersonId,
        /// How.
        #[n(1)]
        presence: Presence,
    },
}

/// What is recorded of a meeting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize)]
#[serde(rename_all = "snake_case", tag = "ruling")]
pub enum Recorded {
    /// A speech that nobody had registered for: a report, the closing words. The addressee is the speaker.
    #[n(1)]
    Speech {
        /// When it began.
        #[n(0)]
        began: Timestamp,
        /// When it ended.
        #[n(1)]
        ended: Timestamp,
    },
    /// A step in the life of a question: its group or its answer as the text, whoever answered as the
    /// addressee; or what the delegate who asked says of the answer.
    #[n(2)]
    Question {
        /// The question slip.
        #[n(0)]
        question: ActId,
        /// The step.
        #[cbor(n(1), with = "word")]
        state: QuestionState,
    },
    /// The result of a vote on what the text says.
    #[n(3)]
    Vote {
        /// The count.
        #[n(0)]
        result: VoteResult,
    },
    /// What the chair concludes. Tasks name it by the act's id.
    #[n(4)]
    Conclusion,
}

/// What becomes of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize)]
#[serde(rename_all = "snake_case", tag = "ruling")]
pub enum TaskRuling {
    /// It is given to the addressee; its id is the act's.
    #[n(1)]
    Task {
        /// The conclusion that it comes from.
        #[n(0)]
        conclusion: Option<ActId>,
        /// By the end of which day.
        #[n(1)]
        due: Option<Day>,
    },
    /// A step in its life; the text is the report.
    #[n(2)]
    TaskStep {
        /// The task.
        #[n(0)]
        task: ActId,
        /// The step.
        #[cbor(n(1), with = "word")]
        state: TaskState,
    },
}

/// What becomes of a petition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize)]
#[serde(rename_all = "snake_case", tag = "ruling")]
pub enum PetitionRuling {
    /// It is made known in the words in which all may read it. Its id is that of the delegate's act, or of
    /// this one where the office itself has heard it.
    #[n(1)]
    Petition {
        /// The delegate's act.
        #[n(0)]
        heard: Option<ActId>,
    },
    /// A step in its life. Passed on, it goes to the addressee.
    #[n(2)]
    PetitionStep {
        /// The petition.
        #[n(0)]
        petition: ActId,
        /// The step.
        #[cbor(n(1), with = "word")]
        state: PetitionState,
        /// By the end of which day whoever has it answers.
        #[n(2)]
        due: Option<Day>,
    },
}

/// What is ruled of the draft of a programme.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize)]
#[serde(rename_all = "snake_case", tag = "ruling")]
pub enum DraftRuling {
    /// A step is taken in it.
    #[n(1)]
    DraftStep {
        /// The step.
        #[cbor(n(0), with = "step")]
        step: Box<DraftStep>,
        /// The order key that its item had then, where it has put it somewhere.
        #[n(1)]
        place: Option<String>,
    },
    /// It is published as its author saw it. The text is the note that goes with the publication.
    #[n(2)]
    Publish {
        /// The number of the publication that all who take part had by then; 0 for none.
        #[n(0)]
        base: u64,
        /// The draft, as [`content_hash`](super::content_hash) names it.
        #[n(1)]
        content: Hash,
    },
}

/// Whether, and how, somebody is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, Serialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// In the hall.
    #[n(1)]
    InHall,
    /// Following from elsewhere.
    #[n(2)]
    Online,
    /// In the hall, after the opening.
    #[n(3)]
    Late,
    /// There, and gone since.
    #[n(4)]
    Left,
    /// Absent with leave.
    #[n(5)]
    Excused,
    /// Absent without.
    #[n(6)]
    Absent,
}

impl Presence {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::InHall,
        Self::Online,
        Self::Late,
        Self::Left,
        Self::Excused,
        Self::Absent,
    ];

    /// Returns the stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::InHall => "in_hall",
            Self::Online => "online",
            Self::Late => "late",
            Self::Left => "left",
            Self::Excused => "excused",
            Self::Absent => "absent",
        }
    }

    /// Returns the value of a stable name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }

    /// Says it to people.
    pub const fn text(self, language: Language) -> &'static str {
        let (vi, en) = match self {
            Self::InHall => ("có mặt tại hội trường", "in the hall"),
            Self::Online => ("dự trực tuyến", "online"),
            Self::Late => ("đến muộn", "late"),
            Self::Left => ("về trước", "left"),
            Self::Excused => ("vắng có lý do", "excused"),
            Self::Absent => ("vắng không lý do", "absent"),
        };
        match language {
            Language::Vietnamese => vi,
            Language::English => en,
        }
    }

    /// Says whether he counts for the quorum.
    pub const fn counts(self) -> bool {
        match self {
            Self::InHall | Self::Online | Self::Late => true,
            Self::Left | Self::Excused | Self::Absent => false,
        }
    }
}

/// How a vote went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct VoteResult {
    /// All delegates of the body.
    #[n(0)]
    pub total: u16,
    /// Those who were there.
    #[n(1)]
    pub present: u16,
    /// For it.
    #[n(2)]
    pub in_favour: u16,
    /// Against it.
    #[n(3)]
    pub against: u16,
    /// Neither.
    #[n(4)]
    pub abstained: u16,
}

impl VoteResult {
    /// Says whether the counts can be: nobody votes who is not there, and nobody is there who is no delegate.
    pub fn adds_up(&self) -> bool {
        let voted = u32::from(self.in_favour) + u32::from(self.against) + u32::from(self.abstained);
        voted <= u32::from(self.present) && self.present <= self.total
    }

    /// Says whether more than half of all delegates, present or not, are in favour (Law 11/2003/QH11).
    pub fn has_majority(&self) -> bool {
        u32::from(self.in_favour) * 2 > u32::from(self.total)
    }
}

/// Returns how many of `total` delegates make a quorum by the general rule: two thirds (Law 11/2003/QH11).
pub const fn general_quorum(total: u16) -> u16 {
    // At most two thirds of what fits.
    (total as u32 * 2).div_ceil(3) as u16
}

/// Own rulings that have no number stand behind all that have one.
pub(crate) const PENDING: u64 = 1 << 63;

/// A ruling with what goes with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The item that it is about.
    pub item: Option<ItemId>,
    /// What is ruled.
    pub ruling: Ruling,
    /// The words that go with it.
    pub text: String,
    /// Whom it concerns, or who speaks or answers.
    pub addressee: Option<String>,
}

/// Who may state a ruling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Author {
    /// The chair and secretaries.
    Officer,
    /// Secretaries.
    Secretary,
    /// The chair.
    Chair,
    /// The delegate who put this question; the chair and secretaries for him.
    Asker(ActId),
}

impl Author {
    /// Says whether a secretary, the chair, or somebody who is neither may state it by what he is; who asked
    /// a question may besides.
    pub const fn allows(self, secretary: bool, chair: bool) -> bool {
        match self {
            Self::Officer | Self::Asker(_) => secretary || chair,
            Self::Secretary => secretary,
            Self::Chair => chair,
        }
    }
}

impl Ruling {
    /// Returns the feed in which the office makes the ruling known.
    pub const fn feed(&self, meeting: MeetingId, log: LogId) -> Feed {
        match self {
            Self::Floor { .. } => Feed::Floor(meeting),
            Self::Roll(_) => Feed::Roll(meeting),
            Self::Recorded(_) => Feed::Record(meeting),
            Self::Task(_) => Feed::Task(log),
            Self::Petition(_) => Feed::Petition(log),
            Self::Minutes(ruling) => ruling.feed(meeting),
            Self::Draft(_) => Feed::Draft(meeting),
        }
    }

    /// Returns the registration that has no place on the list any more after this.
    pub const fn ends(&self) -> Option<ActId> {
        match self {
            Self::Floor {
                ruling:
                    FloorRuling::Refuse { registration } | FloorRuling::Spoken { registration, .. },
                ..
            } => Some(*registration),
            Self::Floor { .. }
            | Self::Roll(_)
            | Self::Recorded(_)
            | Self::Task(_)
            | Self::Petition(_)
            | Self::Minutes(_)
            | Self::Draft(_) => None,
        }
    }

    /// Returns whom it names, beside its author.
    pub const fn person(&self) -> Option<PersonId> {
        match self {
            Self::Roll(RollRuling::Presence { person, .. }) => Some(*person),
            Self::Floor {
                ruling: FloorRuling::Debate { asked_by },
                ..
            } => *asked_by,
            Self::Floor { .. }
            | Self::Roll(_)
            | Self::Recorded(_)
            | Self::Task(_)
            | Self::Petition(_)
            | Self::Minutes(_)
            | Self::Draft(_) => None,
        }
    }

    /// Returns who may state it.
    pub const fn author(&self) -> Author {
        match self {
            Self::Recorded(Recorded::Question {
                question,
                state:
                    QuestionState::Accepted | QuestionState::Unsatisfied | QuestionState::FollowUp,
            }) => Author::Asker(*question),
            Self::Floor { .. }
            | Self::Roll(_)
            | Self::Recorded(_)
            | Self::Task(_)
            | Self::Petition(_) => Author::Officer,
            Self::Minutes(MinutesRuling::Typed { .. } | MinutesRuling::Laid { .. })
            | Self::Draft(_) => Author::Secretary,
            Self::Minutes(MinutesRuling::Approved { .. }) => Author::Chair,
        }
    }

    /// Says whether the words that go with it are for the office alone.
    pub const fn is_private(&self) -> bool {
        matches!(self, Self::Roll(_))
    }

    /// Checks what can be checked of a ruling by itself.
    ///
    /// # Errors
    /// [`Code::Malformed`]: a term of 0, a quorum of more than all, a count that does not add up, an end
    /// before its beginning, a state in which a life begins.
    pub fn check(&self) -> Result<()> {
        let wrong = match self {
            Self::Floor { term: 0, .. } => "term 0; expected 1 or more",
            Self::Floor {
                ruling: FloorRuling::Spoken { began, ended, .. },
                ..
            }
            | Self::Recorded(Recorded::Speech { began, ended })
                if ended < began =>
            {
                "an end before its beginning"
            }
            Self::Roll(RollRuling::Seats { total, quorum }) if quorum > total || *quorum == 0 => {
                "a quorum that cannot be; expected from 1 to the number of delegates"
            }
            Self::Recorded(Recorded::Vote { result }) if !result.adds_up() => {
                "a count that does not add up; expected no more votes than present, and no more present than all"
            }
            Self::Recorded(Recorded::Question {
                state: QuestionState::Drafted | QuestionState::Submitted | QuestionState::Received,
                ..
            })
            | Self::Task(TaskRuling::TaskStep {
                state: TaskState::Open,
                ..
            })
            | Self::Petition(PetitionRuling::PetitionStep {
                state: PetitionState::Recorded | PetitionState::Received,
                ..
            }) => "a state in which a life begins; expected one that follows",
            Self::Minutes(ruling) => match ruling.wrong() {
                Some(wrong) => wrong,
                None => return Ok(()),
            },
            Self::Floor { .. }
            | Self::Roll(_)
            | Self::Recorded(_)
            | Self::Task(_)
            | Self::Petition(_)
            | Self::Draft(_) => return Ok(()),
        };
        Err(Error::new(Code::Malformed, wrong))
    }
}

/// What the office makes known of a ruling, with its number.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Record {
    /// The meeting.
    #[n(0)]
    pub meeting: MeetingId,
    /// The number in the series of its feed, from 1, given on admission. After a restore two may have the
    /// same one: [`Record::order`] then still is one order.
    #[n(1)]
    pub number: u64,
    /// The item that it is about.
    #[n(2)]
    pub item: Option<ItemId>,
    /// What is ruled.
    #[n(3)]
    #[serde(flatten)]
    pub ruling: Ruling,
    /// The words that go with it, but for those that are the office's alone.
    #[n(4)]
    pub text: String,
    /// Whom it concerns, or who speaks or answers.
    #[n(5)]
    pub addressee: Option<String>,
    /// Whose ruling; none where the office itself has stated it.
    #[n(6)]
    pub by: Option<PersonId>,
    /// The device on which it was made; none where the office itself has stated it.
    #[n(7)]
    pub device: Option<DeviceId>,
    /// The act, which lies in its author's outbox.
    #[n(8)]
    pub act: ActId,
    /// The act's content, as a hash; zeros where the office itself has stated it.
    #[n(9)]
    pub act_hash: Hash,
    /// The clock of the device. Shown, never decided by.
    #[n(10)]
    pub made_at: Timestamp,
    /// When the office had it, by its own clock.
    #[n(11)]
    pub received_at: Timestamp,
}

impl Record {
    /// Makes the record of an act, if it is a ruling. Words for the office alone stay out of it.
    pub fn of(act: &Act, device: DeviceId, number: u64, received_at: Timestamp) -> Option<Self> {
        let ruling = act.ruling.clone()?;
        Some(Self {
            meeting: act.meeting,
            number,
            item: act.item.clone(),
            text: if ruling.is_private() {
                String::new()
            } else {
                act.text.clone()
            },
            ruling,
            addressee: act.addressee.clone(),
            by: Some(act.person),
            device: Some(device),
            act: act.id,
            act_hash: act.content_hash(),
            made_at: act.made_at,
            received_at,
        })
    }

    /// Reads a record from an entry of `feed`.
    ///
    /// # Errors
    /// [`Code::Malformed`], also where it belongs into another feed.
    pub fn decode(bytes: &[u8], feed: Feed, log: LogId) -> Result<Self> {
        let record: Self = cbor::decode_canonical(bytes, "record")?;
        let own = record.ruling.feed(record.meeting, log);
        let reasons = Feed::RollPrivate(record.meeting);
        if feed == own || (record.ruling.is_private() && feed == reasons) {
            Ok(record)
        } else {
            Err(Error::new(
                Code::Malformed,
                format_args!("record: in the feed {feed}"),
            ))
        }
    }

    /// Says whether the office has not made it known yet: it is this device's own.
    pub const fn is_pending(&self) -> bool {
        self.number >= PENDING
    }

    /// Returns what records are sorted by: the same for whoever has them, in whatever order they came.
    pub const fn order(&self) -> (u64, Timestamp, ActId) {
        (self.number, self.received_at, self.act)
    }
}

/// Steps travel as canonical JSON, as they stand in files.
mod step {
    use super::*;

    pub(super) fn encode<C, W: encode::Write>(
        step: &DraftStep,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> std::result::Result<(), encode::Error<W::Error>> {
        let json = serde_json::to_value(step).unwrap_or_default();
        e.str(&canonical_json(&json))?.ok()
    }

    pub(super) fn decode<C>(
        d: &mut Decoder<'_>,
        _: &mut C,
    ) -> std::result::Result<Box<DraftStep>, decode::Error> {
        serde_json::from_str(d.str()?)
            .map_err(|error| decode::Error::message(format_args!("a step: {error}")))
    }
}

/// States travel by their words.
mod word {
    use super::*;

    pub(super) fn encode<C, S: State, W: encode::Write>(
        state: &S,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> std::result::Result<(), encode::Error<W::Error>> {
        e.str(state.word())?.ok()
    }

    pub(super) fn decode<C, S: State>(
        d: &mut Decoder<'_>,
        _: &mut C,
    ) -> std::result::Result<S, decode::Error> {
        let word = d.str()?;
        let known = S::ALL.iter().find(|state| state.word() == word);
        known
            .copied()
            .ok_or_else(|| decode::Error::message("not a known state"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn record(ruling: Ruling) -> Record {
        Record {
            meeting: MeetingId::from_bytes([1; 16]),
            number: 1,
            item: None,
            ruling,
            text: String::new(),
            addressee: None,
            by: None,
            device: None,
            act: ActId::from_bytes([2; 16]),
            act_hash: Hash::ZERO,
            made_at: Timestamp::default(),
            received_at: Timestamp::default(),
        }
    }

    #[test]
    fn a_record_is_read_from_its_own_feed_alone() {
        let (meeting, log) = (MeetingId::from_bytes([1; 16]), LogId::from_bytes([3; 16]));
        let bytes = cbor::encode(&record(Ruling::Recorded(Recorded::Conclusion)));
        assert!(Record::decode(&bytes, Feed::Record(meeting), log).is_ok());
        let other = Feed::Record(MeetingId::from_bytes([4; 16]));
        for feed in [other, Feed::Floor(meeting), Feed::RollPrivate(meeting)] {
            let error = Record::decode(&bytes, feed, log).unwrap_err();
            assert_eq!(error.code(), Code::Malformed, "{feed}");
        }
        let seats = Ruling::Roll(RollRuling::Seats {
            total: 3,
            quorum: 2,
        });
        let bytes = cbor::encode(&record(seats));
        assert!(Record::decode(&bytes, Feed::RollPrivate(meeting), log).is_ok());
    }

    proptest! {
        #[test]
        fn no_bytes_make_a_record_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let log = LogId::from_bytes([3; 16]);
            let _ = Record::decode(&bytes, Feed::Task(log), log);
        }

        #[test]
        fn a_record_with_a_byte_changed_is_another_one_or_none(at: proptest::sample::Index, by in 1..=255u8) {
            let (meeting, log) = (MeetingId::from_bytes([1; 16]), LogId::from_bytes([3; 16]));
            let given = record(Ruling::Petition(PetitionRuling::PetitionStep {
                petition: ActId::from_bytes([4; 16]),
                state: PetitionState::Transferred,
                due: "2026-12-24".parse().ok(),
            }));
            let feed = given.ruling.feed(meeting, log);
            let mut bytes = cbor::encode(&given);
            let read = Record::decode(&bytes, feed, log);
            prop_assert_eq!(read.as_ref().ok(), Some(&given));
            let at = at.index(bytes.len());
            bytes[at] ^= by;
            if let Ok(other) = Record::decode(&bytes, feed, log) {
                prop_assert_ne!(other, given);
            }
        }
    }

    #[test]
    fn what_cannot_be_is_refused_by_itself() {
        let (early, late) = (Timestamp::from_unix_ms(1), Timestamp::from_unix_ms(2));
        let act = ActId::from_bytes([2; 16]);
        let result = |total, present, in_favour| {
            let result = VoteResult {
                total,
                present,
                in_favour,
                against: 1,
                abstained: 0,
            };
            Ruling::Recorded(Recorded::Vote { result })
        };
        let seats = |total, quorum| Ruling::Roll(RollRuling::Seats { total, quorum });
        let floor = |term, ruling| Ruling::Floor { term, ruling };
        let spoken = |began, ended| FloorRuling::Spoken {
            registration: act,
            began,
            ended,
        };
        let speech = |began, ended| Ruling::Recorded(Recorded::Speech { began, ended });
        let question = |state| {
            let question = act;
            Ruling::Recorded(Recorded::Question { question, state })
        };
        let task = |state| Ruling::Task(TaskRuling::TaskStep { task: act, state });
        let petition = |state| {
            Ruling::Petition(PetitionRuling::PetitionStep {
                petition: act,
                state,
                due: None,
            })
        };
        for ruling in [
            floor(0, FloorRuling::Open),
            floor(1, spoken(late, early)),
            speech(late, early),
            seats(3, 4),
            seats(3, 0),
            result(50, 40, 40),
            result(39, 40, 20),
            question(QuestionState::Received),
            task(TaskState::Open),
            petition(PetitionState::Recorded),
            petition(PetitionState::Received),
        ] {
            let error = ruling.check().unwrap_err();
            assert_eq!(error.code(), Code::Malformed, "{ruling:?}");
        }
        for ruling in [
            floor(1, FloorRuling::Open),
            floor(1, spoken(early, late)),
            speech(early, early),
            seats(3, 3),
            result(50, 40, 39),
            question(QuestionState::Grouped),
            task(TaskState::Done),
            petition(PetitionState::Urged),
        ] {
            assert!(ruling.check().is_ok(), "{ruling:?}");
        }
    }

    #[test]
    fn two_thirds_of_all_are_a_quorum() {
        let quorums = [1, 2, 3, 4, 34, 50, 95, u16::MAX].map(general_quorum);
        assert_eq!(quorums, [1, 2, 2, 3, 23, 34, 64, 43690]);
    }

    #[test]
    fn presences_have_names_of_their_own_and_are_read_back_from_them() {
        for presence in Presence::ALL {
            assert_eq!(Presence::of_name(presence.name()), Some(presence));
            let json = serde_json::to_string(&presence).unwrap();
            assert_eq!(json, format!("\"{}\"", presence.name()));
        }
    }
}
