//! The minutes of a meeting, as one screen shows them.

use nghisu_core::meeting::{
    minutes,
    states::{self, State},
};

use super::{Language, ms};

/// How the minutes of a meeting stand for whoever asks.
///
/// Read it again after `Change::Acts` of the meeting.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Minutes {
    /// How far they are.
    pub state: MinutesState,
    /// The same for people.
    pub state_text: String,
    /// The text: for secretaries as it is being written, for the chair as it was laid before him, for the
    /// others as it was approved. Positions in it count UTF-16 code units.
    pub text: String,
    /// Names this text for what is typed into it next; it says nothing else, and may change at every sync and
    /// with everything that is typed. Empty for who does not write them.
    pub version: String,
    /// The chair's approval, once he has given it.
    pub approval: Option<MinutesApproval>,
    /// What was typed in a text that is not known here, the oldest first: a secretary puts it where it belongs.
    pub set_aside: Vec<UnplacedWords>,
}

/// That minutes were approved.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct MinutesApproval {
    /// The act.
    pub act: String,
    /// Who has approved them; none for the office's console.
    pub by: Option<String>,
    /// When the office had it, by its own clock.
    pub at_ms: i64,
}

/// Words that have no place in the text.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct UnplacedWords {
    /// The act by which they were typed.
    pub act: String,
    /// Who has typed them; none for the office's console.
    pub by: Option<String>,
    /// The words.
    pub text: String,
}

same! {
    /// How far minutes are: biên bản.
    MinutesState of states::MinutesState {
        /// Being written.
        Writing,
        /// Laid before the chair, as they then stood; they can be again.
        Laid,
        /// Approved by the chair. Nothing follows.
        Approved,
    }
}

impl Minutes {
    pub(crate) fn new(minutes: minutes::Minutes, language: Language) -> Self {
        Self {
            state: minutes.state.into(),
            state_text: minutes.state.text(language.into()).to_owned(),
            text: minutes.text,
            version: minutes.version.to_string(),
            approval: minutes.approval.map(|approval| MinutesApproval {
                act: approval.act.to_string(),
                by: approval.by.map(|id| id.to_string()),
                at_ms: ms(approval.at),
            }),
            set_aside: minutes
                .set_aside
                .into_iter()
                .map(|words| UnplacedWords {
                    act: words.act.to_string(),
                    by: words.by.map(|id| id.to_string()),
                    text: words.text,
                })
                .collect(),
        }
    }
}
