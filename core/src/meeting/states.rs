//! How far a thing is, and which step may follow.
//!
//! Each life is a small machine: what is written down is the steps, one after the other, and none is taken
//! back. That something is overdue is worked out from a day and never a state.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::Language;

/// A state of one of the lives below.
pub trait State: Copy + Eq + fmt::Debug + 'static {
    /// Whose life it is, by its word in the glossary.
    const OF: &'static str;
    /// All states, in the order of the life.
    const ALL: &'static [Self];
    /// Where a life begins.
    const FIRST: Self;

    /// Returns the word as it stands in files and on the wire.
    fn word(self) -> &'static str;

    /// Says it to people.
    fn text(self, language: Language) -> &'static str;

    /// Returns the states that may follow.
    fn next(self) -> &'static [Self];

    /// Goes on to another state.
    ///
    /// # Errors
    /// [`StepError`] where that does not follow.
    fn step(self, to: Self) -> Result<Self, StepError> {
        if self.next().contains(&to) {
            Ok(to)
        } else {
            Err(StepError {
                from: self.word(),
                to: to.word(),
                allowed: self.next().iter().map(|state| state.word()).collect(),
            })
        }
    }
}

/// A step that the life of a thing does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepError {
    /// The state that it is in.
    pub from: &'static str,
    /// The state that was asked for.
    pub to: &'static str,
    /// The states that may follow.
    pub allowed: Vec<&'static str>,
}

impl fmt::Display for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} after {:?}; expected ", self.to, self.from)?;
        match self.allowed.as_slice() {
            [] => write!(f, "nothing more: it has ended"),
            allowed => write!(f, "{}", allowed.join(" or ")),
        }
    }
}

impl std::error::Error for StepError {}

macro_rules! states {
    ($($(#[$doc:meta])* $name:ident of $of:literal {
        $($(#[$state_doc:meta])* $state:ident = $word:literal $vi:literal $en:literal => [$($next:ident),*],)*
    })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name {
            $($(#[$state_doc])* $state,)*
        }

        impl State for $name {
            const OF: &'static str = $of;
            const ALL: &'static [Self] = &[$(Self::$state,)*];
            const FIRST: Self = Self::ALL[0];

            fn word(self) -> &'static str {
                match self { $(Self::$state => $word,)* }
            }

            fn text(self, language: Language) -> &'static str {
                match (self, language) {
                    $((Self::$state, Language::Vietnamese) => $vi,
                      (Self::$state, Language::English) => $en,)*
                }
            }

            fn next(self) -> &'static [Self] {
                match self { $(Self::$state => &[$(Self::$next,)*],)* }
            }
        }
    )*};
}

states! {
    /// Đăng ký phát biểu.
    SpeakingState of "speaking_registration" {
        /// Stated on a device.
        Registered = "registered" "đã đăng ký" "registered" => [Received, Withdrawn],
        /// The office has it, and it has its number.
        Received = "received" "đã nhận" "received" => [Granted, Withdrawn, Refused],
        /// The chair has called.
        Granted = "granted" "được mời phát biểu" "granted" => [Spoken, Withdrawn],
        /// Said.
        Spoken = "spoken" "đã phát biểu" "spoken" => [],
        /// Taken back by its author, before he spoke.
        Withdrawn = "withdrawn" "đã rút" "withdrawn" => [],
        /// Refused by the chair, with a reason.
        Refused = "refused" "không được chấp nhận" "refused" => [],
    }

    /// Biên bản.
    MinutesState of "minutes" {
        /// Being written.
        Writing = "writing" "đang ghi" "being written" => [Laid],
        /// Laid before the chair, as they then stood; they can be again.
        Laid = "laid" "đã trình chủ tọa" "laid before the chair" => [Laid, Approved],
        /// Approved by the chair.
        Approved = "approved" "đã thông qua" "approved" => [],
    }

    /// Phiếu chất vấn.
    QuestionState of "question_slip" {
        /// Written and not handed in.
        Drafted = "drafted" "đang soạn" "drafted" => [Submitted],
        /// Stated on a device.
        Submitted = "submitted" "đã gửi" "submitted" => [Received],
        /// The office has it.
        Received = "received" "đã nhận" "received" => [Grouped, AnsweredOrally, AnsweredInWriting],
        /// Put to others of the same subject.
        Grouped = "grouped" "đã xếp vào nhóm vấn đề" "grouped" => [AnsweredOrally, AnsweredInWriting],
        /// Answered in the hall.
        AnsweredOrally = "answered_orally" "đã trả lời trực tiếp" "answered in the hall" => [Accepted, Unsatisfied],
        /// Answered by letter.
        AnsweredInWriting = "answered_in_writing" "đã trả lời bằng văn bản" "answered in writing" => [Accepted, Unsatisfied],
        /// Who asked is content.
        Accepted = "accepted" "đồng ý với trả lời" "accepted" => [],
        /// Who asked is not.
        Unsatisfied = "unsatisfied" "chưa đồng ý với trả lời" "not satisfied" => [FollowUp],
        /// Asked again; it may be answered again.
        FollowUp = "follow_up" "chất vấn lại" "asked again" => [AnsweredOrally, AnsweredInWriting],
    }

    /// Ý kiến, kiến nghị của cử tri.
    PetitionState of "petition" {
        /// Heard from voters, on a device.
        Recorded = "recorded" "đã ghi nhận" "recorded" => [Received],
        /// The office has it.
        Received = "received" "đã tiếp nhận" "received" => [Transferred],
        /// Passed to whoever is competent.
        Transferred = "transferred" "đã chuyển cơ quan có thẩm quyền" "transferred" => [Urged, Resolved, InProgress, Explained, NotCompetent, Transferred],
        /// Đôn đốc: asked for once more.
        Urged = "urged" "đã đôn đốc" "urged" => [Urged, Resolved, InProgress, Explained, NotCompetent, Transferred],
        /// Answered: done.
        Resolved = "resolved" "đã giải quyết xong" "resolved" => [Reported],
        /// Answered: being done.
        InProgress = "in_progress" "đang giải quyết" "in progress" => [Urged, Resolved, Explained, Reported],
        /// Answered: explained.
        Explained = "explained" "đã giải trình, cung cấp thông tin" "explained" => [Reported],
        /// Answered: of another's competence, who gets it.
        NotCompetent = "not_competent" "không thuộc thẩm quyền" "not competent" => [Transferred, Reported],
        /// Told to the voters.
        Reported = "reported" "đã thông báo tới cử tri" "reported" => [],
    }

    /// Nhiệm vụ.
    TaskState of "task" {
        /// Given.
        Open = "open" "đang thực hiện" "open" => [Reported, Done],
        /// Told how it stands.
        Reported = "reported" "đã báo cáo" "reported" => [Reported, Done],
        /// Done.
        Done = "done" "đã hoàn thành" "done" => [],
    }

    /// Phiếu xin ý kiến.
    OpinionState of "opinion_slip" {
        /// Asked for.
        Open = "open" "chờ ý kiến" "open" => [Answered],
        /// Answered; answered anew it counts as the newer says.
        Answered = "answered" "đã cho ý kiến" "answered" => [Answered],
    }
}

/// The steps that a thing has taken, the first state first. Steps are added and never changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct History<S, D> {
    steps: Vec<Step<S, D>>,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step<S, D> {
    /// The state from here on.
    pub state: S,
    /// When, as the office has it.
    pub on: D,
    /// What there is to say of it: to whom it went, the words of an answer, the reason of a refusal.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

impl<S: State, D: Copy> History<S, D> {
    /// Begins a life.
    pub fn begun(on: D) -> Self {
        Self {
            steps: vec![Step {
                state: S::FIRST,
                on,
                note: String::new(),
            }],
        }
    }

    /// Returns how far it is.
    pub fn state(&self) -> S {
        self.steps.last().map_or(S::FIRST, |step| step.state)
    }

    /// Returns all steps, the first one first.
    pub fn steps(&self) -> &[Step<S, D>] {
        &self.steps
    }

    /// Adds a step.
    ///
    /// # Errors
    /// [`StepError`] where it does not follow; then nothing has changed.
    pub fn go_on(&mut self, step: Step<S, D>) -> Result<(), StepError> {
        self.state().step(step.state)?;
        self.steps.push(step);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Every state with the steps that may follow, life after life, as the field has them.
    const STEPS: &str = "
        registered: received withdrawn
        received: granted withdrawn refused
        granted: spoken withdrawn
        spoken:
        withdrawn:
        refused:

        writing: laid
        laid: laid approved
        approved:

        drafted: submitted
        submitted: received
        received: grouped answered_orally answered_in_writing
        grouped: answered_orally answered_in_writing
        answered_orally: accepted unsatisfied
        answered_in_writing: accepted unsatisfied
        accepted:
        unsatisfied: follow_up
        follow_up: answered_orally answered_in_writing

        recorded: received
        received: transferred
        transferred: urged resolved in_progress explained not_competent transferred
        urged: urged resolved in_progress explained not_competent transferred
        resolved: reported
        in_progress: urged resolved explained reported
        explained: reported
        not_competent: transferred reported
        reported:

        open: reported done
        reported: reported done
        done:

        open: answered
        answered: answered
    ";

    fn written<S: State>() -> String {
        let line = |state: &S| {
            let next: Vec<&str> = state.next().iter().map(|next| next.word()).collect();
            format!("{}: {}", state.word(), next.join(" "))
                .trim_end()
                .to_owned()
        };
        S::ALL.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    fn holds<S: State>() {
        let words: BTreeSet<&str> = S::ALL.iter().map(|state| state.word()).collect();
        assert_eq!(words.len(), S::ALL.len(), "{words:?}");
        for language in [Language::Vietnamese, Language::English] {
            let texts: BTreeSet<&str> = S::ALL.iter().map(|state| state.text(language)).collect();
            assert_eq!(texts.len(), S::ALL.len(), "{texts:?}");
        }
        // Every state is reached from the first, and the first is where it begins.
        let mut reached = vec![S::FIRST];
        let mut next = 0;
        while let Some(state) = reached.get(next).copied() {
            for to in state.next() {
                if !reached.contains(to) {
                    reached.push(*to);
                }
            }
            next += 1;
        }
        assert_eq!(reached.len(), S::ALL.len(), "{reached:?}");
        for from in S::ALL {
            for to in S::ALL {
                let step = from.step(*to);
                assert_eq!(step.is_ok(), from.next().contains(to), "{from:?} {to:?}");
            }
        }
    }

    #[test]
    fn every_state_of_every_life_is_reached_and_has_words_of_its_own() {
        holds::<SpeakingState>();
        holds::<MinutesState>();
        holds::<QuestionState>();
        holds::<PetitionState>();
        holds::<TaskState>();
        holds::<OpinionState>();
    }

    #[test]
    fn each_life_takes_the_steps_of_the_field_and_no_other() {
        let table: Vec<String> = STEPS
            .trim()
            .split("\n\n")
            .map(|life| life.lines().map(str::trim).collect::<Vec<_>>().join("\n"))
            .collect();
        let lives = [
            written::<SpeakingState>(),
            written::<MinutesState>(),
            written::<QuestionState>(),
            written::<PetitionState>(),
            written::<TaskState>(),
            written::<OpinionState>(),
        ];
        assert_eq!(lives.as_slice(), table.as_slice());
    }

    #[test]
    fn a_step_that_does_not_follow_changes_nothing_and_says_what_would() {
        let mut history = History::<SpeakingState, u32>::begun(1);
        let step = |state, on| Step {
            state,
            on,
            note: String::new(),
        };

        let error = history.go_on(step(SpeakingState::Spoken, 2)).unwrap_err();

        assert_eq!(
            error.to_string(),
            r#""spoken" after "registered"; expected received or withdrawn"#
        );
        assert_eq!(history.state(), SpeakingState::Registered);
        for (on, state) in [
            (3, SpeakingState::Received),
            (4, SpeakingState::Granted),
            (5, SpeakingState::Spoken),
        ] {
            history.go_on(step(state, on)).unwrap();
        }
        let error = history
            .go_on(step(SpeakingState::Withdrawn, 6))
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            r#""withdrawn" after "spoken"; expected nothing more: it has ended"#
        );
        let days: Vec<u32> = history.steps().iter().map(|step| step.on).collect();
        assert_eq!(days, [1, 3, 4, 5]);
    }

    #[test]
    fn a_petition_is_urged_as_often_as_it_takes_and_one_in_progress_may_still_be_resolved() {
        let mut petition = History::<PetitionState, u32>::begun(0);
        for (on, state) in (1..).zip([
            PetitionState::Received,
            PetitionState::Transferred,
            PetitionState::Urged,
            PetitionState::Urged,
            PetitionState::InProgress,
            PetitionState::Urged,
            PetitionState::Resolved,
            PetitionState::Reported,
        ]) {
            petition
                .go_on(Step {
                    state,
                    on,
                    note: String::new(),
                })
                .unwrap();
        }
        assert_eq!(petition.state(), PetitionState::Reported);
    }

    #[test]
    fn words_travel_as_they_stand_in_files() {
        let json = serde_json::to_string(&QuestionState::AnsweredInWriting).unwrap();
        assert_eq!(
            json,
            format!("\"{}\"", QuestionState::AnsweredInWriting.word())
        );
        for state in PetitionState::ALL {
            let json = serde_json::to_string(state).unwrap();
            assert_eq!(json, format!("\"{}\"", state.word()));
        }
    }
}
