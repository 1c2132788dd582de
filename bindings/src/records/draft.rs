//! The draft of a programme as a secretary's screen shows it, and the steps by which it is written.

use std::collections::BTreeSet;

use nghisu_core::{
    Code, Error,
    meeting::{self, PaperId, changes, drafting},
    store, time,
    time::PartialDate,
};

use super::{
    Heading, Language, Participant, Word, item_id,
    programme::{participants, written},
};

/// The draft of a programme as a secretary's device has it, own steps included.
///
/// Read it again after `Change::Acts` and `Change::Meeting` of the meeting.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Draft {
    /// The meeting.
    pub meeting: String,
    /// The number of the publication that all who take part have, as far as this device knows; 0 for none.
    pub published: u64,
    /// What is said of the meeting as a whole.
    pub heading: Heading,
    /// When it is or begins, in its parts.
    pub begins: Option<DateParts>,
    /// When it ends, in its parts.
    pub ends: Option<DateParts>,
    /// The items in their order.
    pub items: Vec<DraftItem>,
    /// The papers that belong to no item: all who take part read them.
    pub other_papers: Vec<DraftPaper>,
    /// Own steps that the office has not made known yet: acts.
    pub pending: Vec<String>,
    /// Those among them that do not follow any more, since somebody else has changed what they are about. The
    /// office refuses them.
    pub set_aside: Vec<String>,
}

/// An item of a draft.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct DraftItem {
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
    /// When it begins, for people.
    pub begins: Option<String>,
    /// When it ends, for people.
    pub ends: Option<String>,
    /// When it is, in its parts, and how long it takes.
    pub timing: Timing,
    /// The circle that alone reads it; none where all who take part do.
    pub circle: Option<String>,
    /// The papers that belong to it.
    pub papers: Vec<DraftPaper>,
}

/// A paper of a draft.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct DraftPaper {
    /// The paper: its author's id.
    pub id: String,
    /// Number as it is printed.
    pub number: Option<String>,
    /// Title. May be empty.
    pub title: String,
    /// The name of its file; none while it has none. Files are added at the office.
    pub file_name: Option<String>,
}

/// When something is and how long it takes, as far as it is known.
#[derive(Debug, Clone, Default, PartialEq, Eq, uniffi::Record)]
pub struct Timing {
    /// When it begins.
    #[uniffi(default = None)]
    pub begins: Option<DateParts>,
    /// When it ends.
    #[uniffi(default = None)]
    pub ends: Option<DateParts>,
    /// How many minutes it takes, from 1 to 10000.
    #[uniffi(default = None)]
    pub minutes: Option<u32>,
}

/// The parts of a date, as far as it is known: at least one of them, and parts that fit together.
#[derive(Debug, Clone, Default, PartialEq, Eq, uniffi::Record)]
pub struct DateParts {
    /// Year, 1 to 9999.
    #[uniffi(default = None)]
    pub year: Option<u32>,
    /// Month, 1 to 12.
    #[uniffi(default = None)]
    pub month: Option<u32>,
    /// Day of the month, which goes with the month.
    #[uniffi(default = None)]
    pub day: Option<u32>,
    /// Part of the day.
    #[uniffi(default = None)]
    pub part_of_day: Option<PartOfDay>,
    /// Time of the day, as "08:30".
    #[uniffi(default = None)]
    pub time: Option<String>,
    /// The author's own words, such as "cuối tháng 9/2022", which stand for all of it where people read it.
    #[uniffi(default = None)]
    pub text: Option<String>,
}

same! {
    /// A part of the day, as invitations name it.
    PartOfDay of time::PartOfDay {
        /// Sáng.
        Morning,
        /// Chiều.
        Afternoon,
        /// Tối.
        Evening,
    }
}

/// One step by which a draft is written.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum DraftStep {
    /// About an item.
    Item {
        /// The item. That of a new one is an id that no item has or had, of 1 to 256 bytes: draw a random one.
        item: String,
        /// What becomes of it.
        step: ItemStep,
    },
    /// About a paper.
    Paper {
        /// The paper. That of a new one is an id that no paper has or had, as for items.
        paper: String,
        /// What becomes of it.
        step: PaperStep,
    },
    /// About the meeting itself.
    Meeting {
        /// What is said of it.
        step: MeetingStep,
    },
}

/// A step about an item.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum ItemStep {
    /// It is new.
    Add {
        /// The item behind which it stands; none for the front.
        after: Option<String>,
        /// What it says.
        new_item: NewItem,
    },
    /// It stands elsewhere.
    Move {
        /// The item behind which it stands; none for the front.
        after: Option<String>,
    },
    /// It has another title.
    Retitle {
        /// The title.
        title: String,
    },
    /// It has another number, or none. The others keep theirs.
    Renumber {
        /// The number as it is printed.
        number: Option<String>,
    },
    /// It is at another time.
    Retime {
        /// The whole of its time, also what stays.
        timing: Timing,
    },
    /// Something else is done there.
    Retype {
        /// What is done: a word of `item_types`; none if that is not known.
        item_type: Option<String>,
    },
    /// A circle alone reads it.
    Close {
        /// The name of the circle.
        circle: String,
    },
    /// All who take part read it.
    Open,
    /// It goes, and with it its outcomes and the papers that no other item has.
    Remove,
}

/// What a new item says.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct NewItem {
    /// Title.
    pub title: String,
    /// Number as it is printed.
    #[uniffi(default = None)]
    pub number: Option<String>,
    /// When it is, and how long it takes.
    #[uniffi(default = None)]
    pub timing: Option<Timing>,
    /// What is done: a word of `item_types`.
    #[uniffi(default = None)]
    pub item_type: Option<String>,
    /// The name of the circle that alone reads it.
    #[uniffi(default = None)]
    pub circle: Option<String>,
}

/// A step about a paper.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum PaperStep {
    /// It is new and has no file yet.
    Add {
        /// The item that has it; none for a paper of the whole meeting, which all who take part read.
        item: Option<String>,
        /// The title.
        title: String,
        /// The number as it is printed.
        number: Option<String>,
    },
    /// It has another title.
    Retitle {
        /// The title.
        title: String,
    },
    /// One item has it, and no other.
    Move {
        /// The item; none for a paper of the whole meeting, which all who take part read.
        item: Option<String>,
    },
    /// It goes.
    Remove,
}

/// A step about the meeting itself.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum MeetingStep {
    /// It has another title.
    Retitle {
        /// The title.
        title: String,
    },
    /// It is at another time.
    Retime {
        /// When it is, or begins.
        begins: Option<DateParts>,
        /// When it ends.
        ends: Option<DateParts>,
    },
    /// It is elsewhere.
    Place {
        /// The name of the place; none if it is not known.
        place: Option<String>,
    },
    /// It is further, or cancelled.
    State {
        /// How far it is: a word of `meeting_states`.
        state: String,
    },
}

impl Draft {
    pub(crate) fn new(draft: store::Draft, language: Language) -> Self {
        let programme = draft.programme;
        let items = programme.items_in_order().into_iter();
        let of_items: BTreeSet<&PaperId> = programme
            .items
            .values()
            .flat_map(|item| &item.papers)
            .collect();
        let acts = |acts: Vec<nghisu_core::ids::ActId>| {
            acts.into_iter().map(|act| act.to_string()).collect()
        };
        Self {
            meeting: draft.meeting.to_string(),
            published: draft.published,
            items: items
                .map(|(id, item)| DraftItem::new(id, item, &programme, language))
                .collect(),
            other_papers: programme
                .papers
                .iter()
                .filter(|(id, _)| !of_items.contains(id))
                .map(|(id, paper)| DraftPaper::new(id, paper))
                .collect(),
            begins: programme.meeting.when.as_ref().map(DateParts::from),
            ends: programme.meeting.end.as_ref().map(DateParts::from),
            heading: Heading::new(programme.meeting, language),
            pending: acts(draft.pending),
            set_aside: acts(draft.set_aside),
        }
    }
}

impl DraftItem {
    fn new(
        id: &meeting::ItemId,
        item: &meeting::Item,
        programme: &meeting::Programme,
        language: Language,
    ) -> Self {
        let papers = item.papers.iter();
        Self {
            id: id.to_string(),
            number: item.number.clone(),
            title: item.title.clone(),
            item_type: item
                .item_type
                .as_ref()
                .map(|kind| Word::new(kind.word(), kind.text(language.into()))),
            presenters: participants(item.presenters.clone()),
            begins: written(item.when.clone(), language),
            ends: written(item.end.clone(), language),
            timing: Timing {
                begins: item.when.as_ref().map(DateParts::from),
                ends: item.end.as_ref().map(DateParts::from),
                minutes: item.minutes,
            },
            circle: item.circle.clone(),
            papers: papers
                .filter_map(|id| Some(DraftPaper::new(id, programme.papers.get(id)?)))
                .collect(),
        }
    }
}

impl DraftPaper {
    fn new(id: &PaperId, paper: &meeting::Paper) -> Self {
        Self {
            id: id.to_string(),
            number: paper.number.clone(),
            title: paper.title.clone(),
            file_name: paper.file.as_ref().map(|file| file.name.clone()),
        }
    }
}

impl From<&PartialDate> for DateParts {
    fn from(date: &PartialDate) -> Self {
        Self {
            year: date.year().map(u32::from),
            month: date.month().map(u32::from),
            day: date.day().map(u32::from),
            part_of_day: date.part_of_day().map(PartOfDay::from),
            time: date
                .time()
                .map(|(hour, minute)| format!("{hour:02}:{minute:02}")),
            text: date.text().map(str::to_owned),
        }
    }
}

impl TryFrom<DateParts> for PartialDate {
    type Error = Error;

    fn try_from(parts: DateParts) -> Result<Self, Error> {
        let in_files = nghisu_core::Language::Vietnamese;
        let part_of_day = parts.part_of_day.map(time::PartOfDay::from);
        let date = Self::try_from(time::DateParts {
            year: parts.year.map(i64::from),
            month: parts.month.map(i64::from),
            day: parts.day.map(i64::from),
            part_of_day: part_of_day.map(|part| part.text(in_files).to_owned()),
            time: parts.time,
            text: parts.text,
            ..time::DateParts::default()
        });
        date.map_err(|error| Error::new(Code::DraftStepInvalid, error))
    }
}

impl TryFrom<Timing> for changes::Timing {
    type Error = Error;

    fn try_from(timing: Timing) -> Result<Self, Error> {
        Ok(Self {
            when: date(timing.begins)?,
            end: date(timing.ends)?,
            minutes: timing.minutes,
        })
    }
}

impl TryFrom<DraftStep> for drafting::DraftStep {
    type Error = Error;

    fn try_from(step: DraftStep) -> Result<Self, Error> {
        Ok(match step {
            DraftStep::Item { item, step } => Self::Item {
                item: item_id(&item)?,
                step: step.try_into()?,
            },
            DraftStep::Paper { paper, step } => Self::Paper {
                paper: paper_id(&paper)?,
                step: step.try_into()?,
            },
            DraftStep::Meeting { step } => Self::Meeting {
                step: step.try_into()?,
            },
        })
    }
}

impl TryFrom<ItemStep> for drafting::ItemStep {
    type Error = Error;

    fn try_from(step: ItemStep) -> Result<Self, Error> {
        let item = |id: Option<String>| id.as_deref().map(item_id).transpose();
        Ok(match step {
            ItemStep::Add { after, new_item } => Self::Add {
                after: item(after)?,
                new: new_item.try_into()?,
            },
            ItemStep::Move { after } => Self::Move {
                after: item(after)?,
            },
            ItemStep::Retitle { title } => Self::Retitle { title },
            ItemStep::Renumber { number } => Self::Renumber { number },
            ItemStep::Retime { timing } => Self::Retime {
                timing: timing.try_into()?,
            },
            // A word that nobody knows is for the core to refuse.
            ItemStep::Retype { item_type } => Self::Retype {
                item_type: item_type.map(meeting::ItemType::from),
            },
            ItemStep::Close { circle } => Self::Close { circle },
            ItemStep::Open => Self::Open,
            ItemStep::Remove => Self::Remove,
        })
    }
}

impl TryFrom<NewItem> for drafting::NewItem {
    type Error = Error;

    fn try_from(item: NewItem) -> Result<Self, Error> {
        Ok(Self {
            title: item.title,
            number: item.number,
            timing: item.timing.unwrap_or_default().try_into()?,
            item_type: item.item_type.map(meeting::ItemType::from),
            circle: item.circle,
        })
    }
}

impl TryFrom<PaperStep> for drafting::PaperStep {
    type Error = Error;

    fn try_from(step: PaperStep) -> Result<Self, Error> {
        let id = |id: Option<String>| id.as_deref().map(item_id).transpose();
        Ok(match step {
            PaperStep::Add {
                item,
                title,
                number,
            } => Self::Add {
                item: id(item)?,
                title,
                number,
            },
            PaperStep::Retitle { title } => Self::Retitle { title },
            PaperStep::Move { item } => Self::Move { item: id(item)? },
            PaperStep::Remove => Self::Remove,
        })
    }
}

impl TryFrom<MeetingStep> for drafting::MeetingStep {
    type Error = Error;

    fn try_from(step: MeetingStep) -> Result<Self, Error> {
        Ok(match step {
            MeetingStep::Retitle { title } => Self::Retitle { title },
            MeetingStep::Retime { begins, ends } => Self::Retime {
                when: date(begins)?,
                end: date(ends)?,
            },
            MeetingStep::Place { place } => Self::Place { place },
            MeetingStep::State { state } => Self::State {
                state: state.into(),
            },
        })
    }
}

fn date(parts: Option<DateParts>) -> Result<Option<PartialDate>, Error> {
    parts.map(PartialDate::try_from).transpose()
}

fn paper_id(text: &str) -> Result<PaperId, Error> {
    text.parse().map_err(|_| {
        let detail = format_args!("paper {text:?}; expected an id of 1 to 256 bytes");
        Error::new(Code::DraftStepInvalid, detail)
    })
}

#[cfg(test)]
mod tests {
    use nghisu_core::{
        ids::{ActId, MeetingId},
        meeting::Programme,
    };

    use super::*;

    fn parts() -> DateParts {
        DateParts {
            year: Some(2026),
            month: Some(7),
            day: Some(9),
            part_of_day: Some(PartOfDay::Morning),
            time: Some("08:05".to_owned()),
            text: Some("sáng ngày khai mạc".to_owned()),
        }
    }

    #[test]
    fn the_parts_of_a_date_are_the_same_after_their_way_to_the_core_and_back() {
        let none = || DateParts {
            year: Some(2026),
            ..DateParts::default()
        };
        for part_of_day in [PartOfDay::Morning, PartOfDay::Afternoon, PartOfDay::Evening] {
            let given = DateParts {
                part_of_day: Some(part_of_day),
                ..parts()
            };
            let crossed = PartialDate::try_from(given.clone()).unwrap();
            assert_eq!(DateParts::from(&crossed), given);
        }
        let crossed = PartialDate::try_from(none()).unwrap();
        assert_eq!(DateParts::from(&crossed), none());
    }

    #[test]
    fn a_step_with_a_date_or_an_id_that_cannot_be_says_so() {
        let retime = |timing| DraftStep::Item {
            item: "a".to_owned(),
            step: ItemStep::Retime { timing },
        };
        let wrong = |begins| Timing {
            begins: Some(begins),
            ..Timing::default()
        };
        let remove = |paper: &str| DraftStep::Paper {
            paper: paper.to_owned(),
            step: PaperStep::Remove,
        };
        let nowhere = DraftStep::Item {
            item: String::new(),
            step: ItemStep::Open,
        };
        let feb = DateParts {
            month: Some(2),
            day: Some(30),
            ..DateParts::default()
        };
        for (step, code, detail) in [
            (retime(wrong(feb)), Code::DraftStepInvalid, "day 30"),
            (
                retime(wrong(DateParts::default())),
                Code::DraftStepInvalid,
                "the date says nothing",
            ),
            (remove(""), Code::DraftStepInvalid, "paper \"\""),
            (nowhere, Code::ItemUnknown, ""),
        ] {
            let error = drafting::DraftStep::try_from(step).unwrap_err();
            assert_eq!(error.code(), code);
            assert!(error.detail().starts_with(detail), "{}", error.detail());
        }
    }

    #[test]
    fn a_draft_is_one_screen_with_its_items_in_order_and_its_steps_that_wait() {
        let json = r#"{"meeting": {"title": "T", "when": {"year": 2026, "month": 7}},
            "items": {"b": {"order_key": "V", "title": "B", "papers": ["p", "gone"], "circle": "thường trực",
                            "when": {"time": "08:05", "day": 9, "month": 7}, "minutes": 10},
                      "a": {"order_key": "W", "title": "A", "type": "vote"}},
            "papers": {"p": {"title": "P"}, "q": {"title": "Q", "number": "1"}}}"#;
        let act = ActId::from_bytes([3; 16]);
        let draft = store::Draft {
            meeting: MeetingId::from_bytes([7; 16]),
            programme: Programme::from_json(&json.parse().unwrap()).unwrap(),
            published: 3,
            pending: vec![act],
            set_aside: vec![act],
        };

        let shown = Draft::new(draft, Language::Vietnamese);

        assert_eq!(
            (shown.published, &shown.pending, &shown.set_aside),
            (3, &vec![act.to_string()], &vec![act.to_string()])
        );
        let titles: Vec<&str> = shown.items.iter().map(|it| it.title.as_str()).collect();
        assert_eq!(titles, ["B", "A"]);
        let first = &shown.items[0];
        assert_eq!(first.circle.as_deref(), Some("thường trực"));
        assert_eq!(first.begins.as_deref(), Some("8h05 ngày 9/7"));
        assert_eq!(first.timing.minutes, Some(10));
        let ids = |papers: &[DraftPaper]| -> Vec<String> {
            papers.iter().map(|paper| paper.id.clone()).collect()
        };
        assert_eq!(ids(&first.papers), ["p"]);
        assert_eq!(ids(&shown.other_papers), ["q"]);
        assert_eq!(shown.begins.unwrap().month, Some(7));
    }
}
