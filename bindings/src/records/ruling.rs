//! What the chair and secretaries state, and the states that a thing goes through.

use nghisu_core::{
    Code, Error,
    ids::{ActId, PersonId},
    meeting::{ruling, states},
    time::{Day, Timestamp},
};

use super::ms;

/// What the holder of the floor states.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum FloorRuling {
    /// This device holds the floor from here on. It may be taken from whoever has it.
    TakeFloor,
    /// The item that goes with the ruling is what is dealt with now; without one, nothing is.
    Open,
    /// A registration is called.
    Grant {
        /// The registration: an act.
        registration: String,
    },
    /// A registration is refused; the text says why.
    Refuse {
        /// The registration: an act.
        registration: String,
    },
    /// Whoever was called has spoken.
    Spoken {
        /// The registration: an act.
        registration: String,
        /// When he began, by this device's clock.
        began_ms: i64,
        /// When he ended, by this device's clock; not before he began.
        ended_ms: i64,
    },
    /// An answer to this person's question is debated on the item that goes with the ruling: he speaks first,
    /// once.
    Debate {
        /// Who asked; none where no answer is debated any more.
        asked_by: Option<String>,
    },
    /// So much time is given to whoever speaks, from now on; 0 ends it.
    Allot {
        /// How much.
        seconds: u32,
    },
}

/// What is ruled or recorded beside the floor. The words that go with it are the text of the call, and whom it
/// concerns beside persons with an account is its addressee.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum Ruling {
    /// How many delegates the body has, and how many of them make a quorum.
    Seats {
        /// All delegates.
        total: u16,
        /// How many must be there: from 1 to all.
        quorum: u16,
    },
    /// Whether somebody is there. The text is the reason, and for the office alone.
    Attendance {
        /// Who: a person.
        person: String,
        /// How.
        presence: Presence,
    },
    /// A speech that nobody had registered for: a report, the closing words. The addressee is the speaker.
    Speech {
        /// When it began, by the clock of whoever records it.
        began_ms: i64,
        /// When it ended, by that clock; not before it began.
        ended_ms: i64,
    },
    /// A step of a question. Its group or its answer is the text, and whoever answered the addressee. What the
    /// delegate says of the answer (accepted, not satisfied, asked again) he may state himself.
    Question {
        /// The question: an act.
        question: String,
        /// The step.
        state: QuestionState,
    },
    /// The result of a vote on what the text says.
    Vote {
        /// The count.
        result: VoteResult,
    },
    /// What the chair concludes: the text. Tasks name it by the act.
    Conclusion,
    /// A task is given to the addressee; the text says what is to be done. Its id is the act.
    Task {
        /// The conclusion that it comes from: an act.
        conclusion: Option<String>,
        /// By the end of which day, as "2026-12-24".
        due: Option<String>,
    },
    /// A step of a task; the text is the report.
    TaskStep {
        /// The task.
        task: String,
        /// The step.
        state: TaskState,
    },
    /// A petition of voters is made known in the words of the text, which all may read.
    Petition {
        /// The act of the delegate who heard it, which is the petition's id then; none where the office itself
        /// has heard it, and the id is this ruling's act.
        heard: Option<String>,
    },
    /// A step of a petition. Passed on, it goes to the addressee.
    PetitionStep {
        /// The petition.
        petition: String,
        /// The step.
        state: PetitionState,
        /// By the end of which day whoever has it answers, as "2026-12-24".
        due: Option<String>,
    },
}

/// What was stated, as it stands in a record.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum Ruled {
    /// Of the floor.
    Floor {
        /// The term of whoever stated it, from 1.
        term: u32,
        /// What he stated.
        ruling: FloorRuling,
    },
    /// Of the minutes.
    Minutes,
    /// Of the draft of a programme.
    Draft,
    /// Anything else.
    Other {
        /// What it is.
        ruling: Ruling,
    },
}

/// How a vote went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Record)]
pub struct VoteResult {
    /// All delegates of the body.
    pub total: u16,
    /// Those who were there: no more than all.
    pub present: u16,
    /// For it.
    pub in_favour: u16,
    /// Against it.
    pub against: u16,
    /// Neither. Together with those for and against no more than were there.
    pub abstained: u16,
}

impl From<VoteResult> for ruling::VoteResult {
    fn from(result: VoteResult) -> Self {
        Self {
            total: result.total,
            present: result.present,
            in_favour: result.in_favour,
            against: result.against,
            abstained: result.abstained,
        }
    }
}

impl From<ruling::VoteResult> for VoteResult {
    fn from(result: ruling::VoteResult) -> Self {
        Self {
            total: result.total,
            present: result.present,
            in_favour: result.in_favour,
            against: result.against,
            abstained: result.abstained,
        }
    }
}

same! {
    /// Whether, and how, somebody is there.
    Presence of ruling::Presence {
        /// In the hall.
        InHall,
        /// Following from elsewhere.
        Online,
        /// In the hall, after the opening.
        Late,
        /// There, and gone since: does not count for the quorum.
        Left,
        /// Absent with leave.
        Excused,
        /// Absent without.
        Absent,
    }

    /// How far a registration to speak is: đăng ký phát biểu.
    SpeakingState of states::SpeakingState {
        /// Stated on a device.
        Registered,
        /// The office has it, and it has its number.
        Received,
        /// The chair has called.
        Granted,
        /// Said. Nothing follows.
        Spoken,
        /// Taken back by its author, before he spoke. Nothing follows.
        Withdrawn,
        /// Refused by the chair, with a reason. Nothing follows.
        Refused,
    }

    /// How far a question is: phiếu chất vấn.
    QuestionState of states::QuestionState {
        /// Written and not handed in.
        Drafted,
        /// Stated on a device.
        Submitted,
        /// The office has it.
        Received,
        /// Put to others of the same subject.
        Grouped,
        /// Answered in the hall.
        AnsweredOrally,
        /// Answered by letter.
        AnsweredInWriting,
        /// Who asked is content. Nothing follows.
        Accepted,
        /// Who asked is not.
        Unsatisfied,
        /// Asked again; it may be answered again.
        FollowUp,
    }

    /// How far a task is: nhiệm vụ.
    TaskState of states::TaskState {
        /// Given.
        Open,
        /// Told how it stands, once or more.
        Reported,
        /// Done. Nothing follows.
        Done,
    }

    /// How far a petition is: ý kiến, kiến nghị của cử tri.
    PetitionState of states::PetitionState {
        /// Heard from voters, on a device.
        Recorded,
        /// The office has it.
        Received,
        /// Passed to whoever is competent.
        Transferred,
        /// Đôn đốc: asked for once more.
        Urged,
        /// Answered: done.
        Resolved,
        /// Answered: being done. The answer is still owed.
        InProgress,
        /// Answered: explained.
        Explained,
        /// Answered: of another's competence, who gets it.
        NotCompetent,
        /// Told to the voters. Nothing follows.
        Reported,
    }
}

impl TryFrom<FloorRuling> for ruling::FloorRuling {
    type Error = Error;

    fn try_from(floor: FloorRuling) -> Result<Self, Error> {
        Ok(match floor {
            FloorRuling::TakeFloor => Self::TakeFloor,
            FloorRuling::Open => Self::Open,
            FloorRuling::Grant { registration } => Self::Grant {
                registration: act_id(&registration)?,
            },
            FloorRuling::Refuse { registration } => Self::Refuse {
                registration: act_id(&registration)?,
            },
            FloorRuling::Spoken {
                registration,
                began_ms,
                ended_ms,
            } => Self::Spoken {
                registration: act_id(&registration)?,
                began: moment(began_ms)?,
                ended: moment(ended_ms)?,
            },
            FloorRuling::Debate { asked_by } => Self::Debate {
                asked_by: asked_by.as_deref().map(person_id).transpose()?,
            },
            FloorRuling::Allot { seconds } => Self::Allot { seconds },
        })
    }
}

impl From<ruling::FloorRuling> for FloorRuling {
    fn from(floor: ruling::FloorRuling) -> Self {
        match floor {
            ruling::FloorRuling::TakeFloor => Self::TakeFloor,
            ruling::FloorRuling::Open => Self::Open,
            ruling::FloorRuling::Grant { registration } => Self::Grant {
                registration: registration.to_string(),
            },
            ruling::FloorRuling::Refuse { registration } => Self::Refuse {
                registration: registration.to_string(),
            },
            ruling::FloorRuling::Spoken {
                registration,
                began,
                ended,
            } => Self::Spoken {
                registration: registration.to_string(),
                began_ms: ms(began),
                ended_ms: ms(ended),
            },
            ruling::FloorRuling::Debate { asked_by } => Self::Debate {
                asked_by: asked_by.map(|id| id.to_string()),
            },
            ruling::FloorRuling::Allot { seconds } => Self::Allot { seconds },
        }
    }
}

impl TryFrom<Ruling> for ruling::Ruling {
    type Error = Error;

    fn try_from(stated: Ruling) -> Result<Self, Error> {
        use ruling::{PetitionRuling, Recorded, RollRuling, TaskRuling};
        Ok(match stated {
            Ruling::Seats { total, quorum } => Self::Roll(RollRuling::Seats { total, quorum }),
            Ruling::Attendance { person, presence } => Self::Roll(RollRuling::Presence {
                person: person_id(&person)?,
                presence: presence.into(),
            }),
            Ruling::Speech { began_ms, ended_ms } => Self::Recorded(Recorded::Speech {
                began: moment(began_ms)?,
                ended: moment(ended_ms)?,
            }),
            Ruling::Question { question, state } => Self::Recorded(Recorded::Question {
                question: act_id(&question)?,
                state: state.into(),
            }),
            Ruling::Vote { result } => Self::Recorded(Recorded::Vote {
                result: result.into(),
            }),
            Ruling::Conclusion => Self::Recorded(Recorded::Conclusion),
            Ruling::Task { conclusion, due } => Self::Task(TaskRuling::Task {
                conclusion: conclusion.as_deref().map(act_id).transpose()?,
                due: due.as_deref().map(day).transpose()?,
            }),
            Ruling::TaskStep { task, state } => Self::Task(TaskRuling::TaskStep {
                task: act_id(&task)?,
                state: state.into(),
            }),
            Ruling::Petition { heard } => Self::Petition(PetitionRuling::Petition {
                heard: heard.as_deref().map(act_id).transpose()?,
            }),
            Ruling::PetitionStep {
                petition,
                state,
                due,
            } => Self::Petition(PetitionRuling::PetitionStep {
                petition: act_id(&petition)?,
                state: state.into(),
                due: due.as_deref().map(day).transpose()?,
            }),
        })
    }
}

impl From<ruling::Ruling> for Ruled {
    fn from(ruled: ruling::Ruling) -> Self {
        use ruling::{PetitionRuling, Recorded, RollRuling, TaskRuling};
        let ruling = match ruled {
            ruling::Ruling::Floor { term, ruling } => {
                let ruling = ruling.into();
                return Self::Floor { term, ruling };
            }
            ruling::Ruling::Minutes(_) => return Self::Minutes,
            ruling::Ruling::Draft(_) => return Self::Draft,
            ruling::Ruling::Roll(RollRuling::Seats { total, quorum }) => {
                Ruling::Seats { total, quorum }
            }
            ruling::Ruling::Roll(RollRuling::Presence { person, presence }) => Ruling::Attendance {
                person: person.to_string(),
                presence: presence.into(),
            },
            ruling::Ruling::Recorded(Recorded::Speech { began, ended }) => Ruling::Speech {
                began_ms: ms(began),
                ended_ms: ms(ended),
            },
            ruling::Ruling::Recorded(Recorded::Question { question, state }) => Ruling::Question {
                question: question.to_string(),
                state: state.into(),
            },
            ruling::Ruling::Recorded(Recorded::Vote { result }) => Ruling::Vote {
                result: result.into(),
            },
            ruling::Ruling::Recorded(Recorded::Conclusion) => Ruling::Conclusion,
            ruling::Ruling::Task(TaskRuling::Task { conclusion, due }) => Ruling::Task {
                conclusion: conclusion.map(|id| id.to_string()),
                due: due.map(|day| day.to_string()),
            },
            ruling::Ruling::Task(TaskRuling::TaskStep { task, state }) => Ruling::TaskStep {
                task: task.to_string(),
                state: state.into(),
            },
            ruling::Ruling::Petition(PetitionRuling::Petition { heard }) => Ruling::Petition {
                heard: heard.map(|id| id.to_string()),
            },
            ruling::Ruling::Petition(PetitionRuling::PetitionStep {
                petition,
                state,
                due,
            }) => Ruling::PetitionStep {
                petition: petition.to_string(),
                state: state.into(),
                due: due.map(|day| day.to_string()),
            },
        };
        Self::Other { ruling }
    }
}

fn act_id(text: &str) -> Result<ActId, Error> {
    text.parse().map_err(|_| Error::new(Code::Malformed, text))
}

fn person_id(text: &str) -> Result<PersonId, Error> {
    text.parse()
        .map_err(|_| Error::new(Code::PersonUnknown, text))
}

pub(crate) fn day(text: &str) -> Result<Day, Error> {
    text.parse().map_err(|_| {
        let detail = format_args!("{text:?}; expected a day such as 2026-12-24");
        Error::new(Code::StatementInvalid, detail)
    })
}

fn moment(ms: i64) -> Result<Timestamp, Error> {
    let since_1970 = u64::try_from(ms).map_err(|_| {
        let detail = format_args!("{ms} ms; expected a time since 1970");
        Error::new(Code::StatementInvalid, detail)
    });
    since_1970.map(Timestamp::from_unix_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ruling_is_the_same_after_its_way_to_the_core_and_back() {
        let act = || ActId::from_bytes([3; 16]).to_string();
        let person = || PersonId::from_bytes([4; 16]).to_string();
        let due = || Some("2026-12-24".to_owned());
        let result = VoteResult {
            total: 50,
            present: 45,
            in_favour: 30,
            against: 10,
            abstained: 5,
        };
        for given in [
            Ruling::Seats {
                total: 50,
                quorum: 34,
            },
            Ruling::Attendance {
                person: person(),
                presence: Presence::Late,
            },
            Ruling::Speech {
                began_ms: 1,
                ended_ms: 2,
            },
            Ruling::Question {
                question: act(),
                state: QuestionState::AnsweredInWriting,
            },
            Ruling::Vote { result },
            Ruling::Conclusion,
            Ruling::Task {
                conclusion: Some(act()),
                due: due(),
            },
            Ruling::TaskStep {
                task: act(),
                state: TaskState::Done,
            },
            Ruling::Petition { heard: Some(act()) },
            Ruling::PetitionStep {
                petition: act(),
                state: PetitionState::NotCompetent,
                due: due(),
            },
        ] {
            let crossed = ruling::Ruling::try_from(given.clone()).unwrap();
            let back = Ruled::from(crossed);
            assert_eq!(back, Ruled::Other { ruling: given });
        }
        for given in [
            FloorRuling::TakeFloor,
            FloorRuling::Open,
            FloorRuling::Grant {
                registration: act(),
            },
            FloorRuling::Refuse {
                registration: act(),
            },
            FloorRuling::Spoken {
                registration: act(),
                began_ms: 1,
                ended_ms: 2,
            },
            FloorRuling::Debate {
                asked_by: Some(person()),
            },
            FloorRuling::Allot { seconds: 300 },
        ] {
            let crossed = ruling::FloorRuling::try_from(given.clone()).unwrap();
            assert_eq!(FloorRuling::from(crossed), given);
        }
    }

    #[test]
    fn what_names_nothing_or_is_no_day_is_an_error_that_says_so() {
        let code = |ruling| {
            let crossed: Result<ruling::Ruling, Error> = Ruling::try_into(ruling);
            crossed.unwrap_err().code()
        };
        let nobody = Ruling::Attendance {
            person: "alice".to_owned(),
            presence: Presence::Online,
        };
        assert_eq!(code(nobody), Code::PersonUnknown);
        let nothing = Ruling::TaskStep {
            task: "12".to_owned(),
            state: TaskState::Done,
        };
        assert_eq!(code(nothing), Code::Malformed);
        let due = Ruling::Task {
            conclusion: None,
            due: Some("24/12/2026".to_owned()),
        };
        assert_eq!(code(due), Code::StatementInvalid);
        let before = Ruling::Speech {
            began_ms: -1,
            ended_ms: 0,
        };
        assert_eq!(code(before), Code::StatementInvalid);
    }
}
