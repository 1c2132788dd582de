//! Drafts of programmes: secretaries write them step by step, also offline, and publish them.

use nghisu_core::meeting::{ItemType, Kind, State};

use crate::{
    Device, Result,
    records::{Draft, DraftStep, Language, Word, meeting_id},
};

/// Returns what can be done at an item, in the order in which it is offered: the words that steps use.
#[uniffi::export]
pub fn item_types(language: Language) -> Vec<Word> {
    let types = ItemType::WORDS.iter().copied().filter_map(ItemType::parse);
    types
        .map(|it| Word::new(it.word(), it.text(language.into())))
        .collect()
}

/// Returns what kinds of gathering a meeting can be, in the order in which they are offered: the words by which
/// drafts begin.
#[uniffi::export]
pub fn meeting_kinds(language: Language) -> Vec<Word> {
    let kinds = Kind::WORDS.iter().copied().filter_map(Kind::parse);
    kinds
        .map(|it| Word::new(it.word(), it.text(language.into())))
        .collect()
}

/// Returns how far a meeting can be, the first one first: the words that steps use.
#[uniffi::export]
pub fn meeting_states(language: Language) -> Vec<Word> {
    let states = State::WORDS.iter().copied().filter_map(State::parse);
    states
        .map(|it| Word::new(it.word(), it.text(language.into())))
        .collect()
}

#[uniffi::export]
impl Device {
    /// Returns the drafts of all meetings, with the steps that were taken on this device. `Change::Acts` and
    /// `Change::Meeting` of a meeting say that its draft may have changed. It fails with `NotAllowed` for others than secretaries.
    pub async fn drafts(&self, language: Language) -> Result<Vec<Draft>> {
        self.run(|client| async move {
            let drafts = client.drafts().await?.into_iter();
            Ok(drafts.map(|draft| Draft::new(draft, language)).collect())
        })
        .await
    }

    /// Returns the draft of a meeting, with the steps that were taken on this device. Read it again after
    /// `Change::Acts` and `Change::Meeting` of the meeting. It fails with `NotAllowed` for others than secretaries, and with
    /// `NotFound` for a meeting of which there is none.
    pub async fn draft(&self, meeting: String, language: Language) -> Result<Draft> {
        let meeting = meeting_id(&meeting)?;
        self.run(|client| async move {
            let draft = client.draft(meeting).await?;
            Ok(Draft::new(draft, language))
        })
        .await
    }

    /// Begins the draft of a meeting that the office does not have, under an id by which its author names it, such
    /// as "kh-3", with a word of `meeting_kinds`; returns the meeting. It is signed and on disk then, with or
    /// without a network, and a draft like any other here at once. Where another meeting has that id, the office
    /// refuses it and all steps in it. It fails with `InvalidInput` for an id, a kind or a title that cannot be,
    /// and with `NotAllowed` for others than secretaries.
    pub async fn begin_draft(&self, id: String, kind: String, title: String) -> Result<String> {
        self.run(|client| async move {
            let meeting = client.begin_draft(&id, kind.into(), &title).await?;
            Ok(meeting.to_string())
        })
        .await
    }

    /// Takes a step in the draft of a meeting, and returns the act. It is signed and on disk then, with or
    /// without a network, and counts here at once. Where somebody else has changed meanwhile what it is about,
    /// the office takes it as far as it still follows, and refuses it otherwise. It fails with `InvalidInput`
    /// and `NotFound` for a step that does not follow, and with `NotAllowed` for others than secretaries; after
    /// an error nothing has changed.
    pub async fn draft_step(&self, meeting: String, step: DraftStep) -> Result<String> {
        let meeting = meeting_id(&meeting)?;
        let step = step.try_into()?;
        self.run(|client| async move {
            let act = client.draft_step(meeting, step).await?;
            Ok(act.to_string())
        })
        .await
    }

    /// Publishes the draft of a meeting as this device shows it, with a note for its readers, and returns the
    /// act. It is signed and on disk then. The office does so if it has the same draft by then and nobody has
    /// published meanwhile; otherwise the act is refused, and the draft is published after another look. It
    /// fails with `NotAllowed` for others than secretaries.
    #[uniffi::method(default(note = ""))]
    pub async fn publish(&self, meeting: String, note: String) -> Result<String> {
        let meeting = meeting_id(&meeting)?;
        self.run(|client| async move {
            let act = client.publish(meeting, &note).await?;
            Ok(act.to_string())
        })
        .await
    }
}
