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

#[cfg(test)]
mod tests {
    use nghisu_core::{
        ids::{ActId, PersonId},
        time::Timestamp,
    };

    use super::*;

    #[test]
    fn minutes_cross_with_all_that_a_screen_shows_of_them() {
        let (act, person) = (ActId::from_bytes([3; 16]), PersonId::from_bytes([4; 16]));
        let shown = minutes::Minutes {
            state: states::MinutesState::Approved,
            text: "Khai mạc.".to_owned(),
            version: format!("{act}+2").parse().unwrap(),
            approval: Some(minutes::Approval {
                act,
                by: None,
                at: Timestamp::from_unix_ms(5),
            }),
            set_aside: vec![minutes::Unplaced {
                act,
                by: Some(person),
                text: "Bế mạc.".to_owned(),
            }],
        };

        let crossed = Minutes::new(shown, Language::English);

        let expected = Minutes {
            state: MinutesState::Approved,
            state_text: "approved".to_owned(),
            text: "Khai mạc.".to_owned(),
            version: format!("{act}+2"),
            approval: Some(MinutesApproval {
                act: act.to_string(),
                by: None,
                at_ms: 5,
            }),
            set_aside: vec![UnplacedWords {
                act: act.to_string(),
                by: Some(person.to_string()),
                text: "Bế mạc.".to_owned(),
            }],
        };
        assert_eq!(crossed, expected);
    }
}
