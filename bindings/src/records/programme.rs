//! The list of meetings, and a programme as one screen shows it.

use std::collections::BTreeMap;

use nghisu_core::{
    ids::Hash,
    meeting::{self, PaperId, Programme},
    store::{self, Programmed},
    time::PartialDate,
};

use super::{Language, ms};
use crate::publications::PublishedBy;

/// A word of a programme, or of a state: what a program compares, and what people read.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Word {
    /// The word as it stands in files, such as "speech". A newer office may send one that is not known
    /// here.
    pub word: String,
    /// The word for people.
    pub text: String,
}

impl Word {
    pub(crate) fn new(word: &str, text: &str) -> Self {
        Self {
            word: word.to_owned(),
            text: text.to_owned(),
        }
    }
}

/// A meeting in the list.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct MeetingSummary {
    /// The meeting.
    pub id: String,
    /// The number of the publication that is shown.
    pub number: u64,
    /// When it was published.
    pub published_at_ms: i64,
    /// What the office wrote of the changes.
    pub office_note: String,
    /// Who answers for it.
    pub published_by: PublishedBy,
    /// What is said of the meeting as a whole.
    pub heading: Heading,
    /// The number of items.
    pub items: u64,
    /// The number of papers.
    pub papers: u64,
    /// The number of papers' files that are not here yet.
    pub files_missing: u64,
}

impl MeetingSummary {
    pub(crate) fn new(row: store::MeetingRow, language: Language) -> Self {
        Self {
            id: row.id.to_string(),
            number: row.number,
            published_at_ms: ms(row.published_at),
            office_note: row.note,
            published_by: PublishedBy::new(&row.signed_by, language),
            heading: Heading::new(row.meeting, language),
            items: row.items,
            papers: row.papers,
            files_missing: row.files_missing,
        }
    }
}

/// What is said of a meeting as a whole.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Heading {
    /// Title. May be empty.
    pub title: String,
    /// What kind of gathering it is.
    pub kind: Option<Word>,
    /// How far it is.
    pub state: Word,
    /// When it is or begins, as far as it is known.
    pub begins: Option<String>,
    /// When it ends.
    pub ends: Option<String>,
    /// Where it is.
    pub place: Option<String>,
    /// The organisation that holds it.
    pub host: Option<String>,
    /// Theme.
    pub theme: Option<String>,
    /// Who chairs it.
    pub chairs: Vec<Participant>,
    /// Who takes part.
    pub participants: Vec<Participant>,
}

impl Heading {
    pub(crate) fn new(meeting: meeting::Meeting, language: Language) -> Self {
        let spoken = language.into();
        Self {
            title: meeting.title,
            kind: meeting
                .kind
                .map(|kind| Word::new(kind.word(), kind.text(spoken))),
            state: Word::new(meeting.state.word(), meeting.state.text(spoken)),
            begins: written(meeting.when, language),
            ends: written(meeting.end, language),
            place: meeting.place.and_then(|place| place.name),
            host: meeting.host,
            theme: meeting.theme,
            chairs: participants(meeting.chairs),
            participants: participants(meeting.participants),
        }
    }
}

/// A person with a post, an organisation with a role and a count, or a group without names.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Participant {
    /// Name of a person.
    pub person: Option<String>,
    /// The person's post.
    pub post: Option<String>,
    /// Name of an organisation.
    pub organisation: Option<String>,
    /// Who of the organisation.
    pub role: Option<String>,
    /// How many.
    pub count: Option<u32>,
    /// A group.
    pub group: Option<String>,
}

pub(crate) fn participants(all: Vec<meeting::Participant>) -> Vec<Participant> {
    all.into_iter()
        .map(|one| Participant {
            person: one.person,
            post: one.post,
            organisation: one.organisation,
            role: one.role,
            count: one.count,
            group: one.group,
        })
        .collect()
}

/// A published programme, as one screen shows it.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct ProgrammeScreen {
    /// The meeting.
    pub meeting: String,
    /// The number of the publication.
    pub number: u64,
    /// When it was published.
    pub published_at_ms: i64,
    /// What the office wrote of the changes.
    pub office_note: String,
    /// Who answers for it.
    pub published_by: PublishedBy,
    /// What is said of the meeting as a whole.
    pub heading: Heading,
    /// The items in their order.
    pub items: Vec<ProgrammeItem>,
    /// The papers that belong to no item.
    pub other_papers: Vec<Paper>,
    /// What came out of the meeting.
    pub outcomes: Vec<Outcome>,
}

/// An item of a programme.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct ProgrammeItem {
    /// The item: its author's id.
    pub id: String,
    /// Number as it is printed. Says nothing about the order.
    pub number: Option<String>,
    /// Title. May be empty.
    pub title: String,
    /// What is done.
    pub item_type: Option<Word>,
    /// Who presents it.
    pub presenters: Vec<Participant>,
    /// Minutes that it is expected to take.
    pub minutes: Option<u32>,
    /// When it begins.
    pub begins: Option<String>,
    /// When it ends.
    pub ends: Option<String>,
    /// Its result, as it was announced.
    pub result: Option<String>,
    /// What was resolved, in full.
    pub resolution: Option<String>,
    /// The papers that belong to it.
    pub papers: Vec<Paper>,
}

/// A paper.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Paper {
    /// The paper: its author's id.
    pub id: String,
    /// Number as it is printed.
    pub number: Option<String>,
    /// Title. May be empty.
    pub title: String,
    /// Type, by its code or in words.
    pub paper_type: Option<String>,
    /// Who issued it.
    pub issuer: Option<String>,
    /// Its date.
    pub date: Option<String>,
    /// How far it is.
    pub state: Option<Word>,
    /// The file that people read, if it has one.
    pub file: Option<PaperFile>,
}

/// The file of a paper.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct PaperFile {
    /// Name as its author gave it, without a folder.
    pub name: String,
    /// Media type.
    pub media_type: String,
    /// Number of its bytes.
    pub length_bytes: u64,
    /// Whether it is on this device; if not, fetch papers.
    pub is_here: bool,
}

/// What came out of a meeting.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Outcome {
    /// The outcome: its author's id.
    pub id: String,
    /// The item that it came out of; none if it is of the whole meeting.
    pub item: Option<String>,
    /// What it is, such as "conclusion".
    pub kind: String,
    /// What it says.
    pub text: String,
    /// What somebody is to do.
    pub tasks: Vec<OutcomeTask>,
}

/// What somebody is to do after a meeting.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct OutcomeTask {
    /// Who is to do it.
    pub owner: Option<String>,
    /// What is to be done.
    pub text: String,
    /// By when.
    pub due: Option<String>,
}

impl ProgrammeScreen {
    pub(crate) fn new(
        shown: Programmed,
        missing: &BTreeMap<Hash, u64>,
        language: Language,
    ) -> Self {
        let programme = &shown.programme;
        let mut other_papers = programme.papers.clone();
        for id in programme.items.values().flat_map(|item| &item.papers) {
            other_papers.remove(id);
        }
        let paper = |id: &PaperId, paper: &meeting::Paper| Paper::new(id, paper, missing, language);
        Self {
            meeting: shown.id.to_string(),
            number: shown.number,
            published_at_ms: ms(shown.published_at),
            office_note: shown.note,
            published_by: PublishedBy::new(&shown.signed_by, language),
            items: items(programme, paper, language),
            other_papers: other_papers.iter().map(|(id, it)| paper(id, it)).collect(),
            outcomes: outcomes(programme, language),
            heading: Heading::new(shown.programme.meeting, language),
        }
    }
}

fn items(
    programme: &Programme,
    paper: impl Fn(&PaperId, &meeting::Paper) -> Paper,
    language: Language,
) -> Vec<ProgrammeItem> {
    let in_order = programme.items_in_order().into_iter();
    in_order
        .map(|(id, item)| ProgrammeItem {
            id: id.to_string(),
            number: item.number.clone(),
            title: item.title.clone(),
            item_type: item
                .item_type
                .as_ref()
                .map(|kind| Word::new(kind.word(), kind.text(language.into()))),
            presenters: participants(item.presenters.clone()),
            minutes: item.minutes,
            begins: written(item.when.clone(), language),
            ends: written(item.end.clone(), language),
            result: item.result.clone(),
            resolution: item.resolution.clone(),
            papers: item
                .papers
                .iter()
                .filter_map(|id| Some(paper(id, programme.papers.get(id)?)))
                .collect(),
        })
        .collect()
}

impl Paper {
    fn new(
        id: &PaperId,
        paper: &meeting::Paper,
        missing: &BTreeMap<Hash, u64>,
        language: Language,
    ) -> Self {
        Self {
            id: id.to_string(),
            number: paper.number.clone(),
            title: paper.title.clone(),
            paper_type: paper.paper_type.clone(),
            issuer: paper.issuer.clone(),
            date: written(paper.date.clone(), language),
            state: paper
                .state
                .as_ref()
                .map(|state| Word::new(state.word(), state.text(language.into()))),
            file: paper.file.as_ref().map(|file| PaperFile {
                name: file.name.clone(),
                media_type: file.media_type.clone(),
                length_bytes: file.length,
                is_here: !missing.contains_key(&file.hash),
            }),
        }
    }
}

fn outcomes(programme: &Programme, language: Language) -> Vec<Outcome> {
    programme
        .outcomes
        .iter()
        .map(|(id, outcome)| Outcome {
            id: id.to_string(),
            item: outcome.item.as_ref().map(ToString::to_string),
            kind: outcome.kind.clone(),
            text: outcome.text.clone(),
            tasks: outcome
                .tasks
                .iter()
                .map(|task| OutcomeTask {
                    owner: task.owner.clone(),
                    text: task.text.clone(),
                    due: written(task.due.clone(), language),
                })
                .collect(),
        })
        .collect()
}

pub(crate) fn written(date: Option<PartialDate>, language: Language) -> Option<String> {
    date.map(|date| date.written(language.into()))
}

#[cfg(test)]
mod tests {
    use nghisu_core::{ids::MeetingId, time::Timestamp};

    use super::*;

    #[test]
    fn a_programme_is_one_screen_with_its_items_in_order_and_its_papers_where_they_belong() {
        let (here, missing) = (Hash::of_content(b"here"), Hash::of_content(b"missing"));
        let file = |hash: Hash| {
            format!(r#"{{"hash":"{hash}","length":4,"media_type":"text/plain","name":"a.txt"}}"#)
        };
        let json = format!(
            r#"{{"meeting": {{"title": "T", "state": "convened", "when": {{"year": 2026, "month": 7, "day": 9}}}},
            "items": {{"b": {{"order_key": "V", "title": "B", "type": "vote", "papers": ["p", "gone"]}},
                       "a": {{"order_key": "W", "title": "A", "number": "1", "minutes": 10}}}},
            "papers": {{"p": {{"title": "P", "file": {}}}, "q": {{"title": "Q", "file": {}}}}}}}"#,
            file(here),
            file(missing)
        );
        let shown = Programmed {
            id: MeetingId::from_bytes([7; 16]),
            number: 3,
            content: Hash::ZERO,
            published_at: Timestamp::from_unix_ms(1_000),
            note: "n".to_owned(),
            signed_by: meeting::publication::PublishedBy::Server,
            parts: Vec::new(),
            programme: Programme::from_json(&json.parse().unwrap()).unwrap(),
        };

        let screen =
            ProgrammeScreen::new(shown, &BTreeMap::from([(missing, 4)]), Language::English);

        assert_eq!((screen.number, screen.published_at_ms), (3, 1_000));
        assert_eq!(screen.published_by.secretary, None);
        assert_eq!(screen.published_by.text, "signed by the server");
        assert_eq!(screen.heading.state, Word::new("convened", "convened"));
        assert_eq!(screen.heading.begins.as_deref(), Some("9 July 2026"));
        let titles: Vec<&str> = screen
            .items
            .iter()
            .map(|item| item.title.as_str())
            .collect();
        assert_eq!(titles, ["B", "A"]);
        let papers = &screen.items[0].papers;
        assert_eq!(
            papers.len(),
            1,
            "a paper that the programme does not have is left out"
        );
        assert!(papers[0].file.as_ref().unwrap().is_here);
        assert_eq!(screen.other_papers.len(), 1);
        assert!(!screen.other_papers[0].file.as_ref().unwrap().is_here);
    }
}
