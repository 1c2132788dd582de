//! What is different between two programmes, as a delegate would say it.
//!
//! An item is known by its id. Where an id is gone and a new one has the same number and the same
//! title, its author deleted the item and wrote it again: this is one change, [`Change::Recreated`],
//! and whoever keeps something about the item goes on under the new id.
//!
//! Moves are relative: the items that both programmes share stand in two orders, a longest run that
//! both have in common stayed, and only the others moved. Inserting an item moves none, and new
//! numbers on all of them are one change.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use super::{
    order,
    programme::{
        Item, ItemId, Meeting, Outcome, OutcomeId, Paper, PaperId, Participant, Programme, State,
    },
};
use crate::{error::Language, ids::Hash, time::PartialDate};

/// One change of a programme.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Change {
    /// The meeting is further, or cancelled.
    State {
        /// State so far.
        old: State,
        /// State as it is.
        new: State,
    },
    /// The meeting is at another time.
    When {
        /// Time so far.
        old: Timing,
        /// Time as it is.
        new: Timing,
    },
    /// The meeting is elsewhere.
    Place {
        /// Place so far.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        old: Option<String>,
        /// Place as it is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        new: Option<String>,
    },
    /// The meeting has another title.
    Title {
        /// Title so far.
        old: String,
        /// Title as it is.
        new: String,
    },
    /// Others chair the meeting.
    Chairs {
        /// Chairs so far.
        old: Vec<Participant>,
        /// Chairs as they are.
        new: Vec<Participant>,
    },
    /// An item was added.
    Added {
        /// The item.
        item: ItemName,
    },
    /// An item was removed.
    Removed {
        /// The item as it was.
        item: ItemName,
    },
    /// An item was deleted and written again under another id.
    Recreated {
        /// Its id so far.
        old: ItemId,
        /// The item as it is.
        new: ItemName,
    },
    /// An item stands elsewhere among the others.
    Moved {
        /// The item.
        item: ItemName,
        /// The item before it; none if it is the first.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<ItemName>,
    },
    /// An item has another title.
    Retitled {
        /// The item as it is.
        item: ItemName,
        /// Title so far.
        old: String,
    },
    /// Items have other numbers.
    Renumbered {
        /// The items in their order.
        items: Vec<Renumbering>,
    },
    /// An item is at another time, or takes longer or shorter.
    Retimed {
        /// The item.
        item: ItemName,
        /// Time so far.
        old: Timing,
        /// Time as it is.
        new: Timing,
    },
    /// An item has a result, another one, or none any more.
    Result {
        /// The item.
        item: ItemName,
        /// Result so far.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        old: Option<String>,
        /// Result as it is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        new: Option<String>,
    },
    /// A paper was added.
    PaperAdded {
        /// The paper.
        paper: PaperName,
    },
    /// A paper was removed.
    PaperRemoved {
        /// The paper as it was.
        paper: PaperName,
    },
    /// A paper has another file.
    PaperReplaced {
        /// The paper.
        paper: PaperName,
        /// Hash of its file so far.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        old: Option<Hash>,
        /// Hash of its file as it is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        new: Option<Hash>,
    },
    /// There is a new outcome.
    OutcomeAdded {
        /// The outcome.
        outcome: OutcomeId,
        /// What it says.
        text: String,
    },
    /// An outcome says something else.
    OutcomeChanged {
        /// The outcome.
        outcome: OutcomeId,
        /// What it said.
        old: String,
        /// What it says.
        text: String,
    },
    /// An outcome is gone.
    OutcomeRemoved {
        /// The outcome.
        outcome: OutcomeId,
        /// What it said.
        text: String,
    },
}

/// An item as a change speaks of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemName {
    /// Its id.
    pub id: ItemId,
    /// Its number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// Its title.
    pub title: String,
}

/// A paper as a change speaks of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaperName {
    /// Its id.
    pub id: PaperId,
    /// Its number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// Its title.
    pub title: String,
}

/// An item that has another number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renumbering {
    /// The item as it is.
    pub item: ItemName,
    /// Number so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old: Option<String>,
}

/// When something is and how long it takes, as far as it is known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timing {
    /// Begin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<PartialDate>,
    /// End.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<PartialDate>,
    /// Minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minutes: Option<u32>,
}

/// Lists what changed from `old` to `new`: the meeting, then the items in their new order, what was
/// removed, papers, outcomes.
pub fn changes(old: &Programme, new: &Programme) -> Vec<Change> {
    let mut list = Vec::new();
    meeting_changes(&old.meeting, &new.meeting, &mut list);
    item_changes(old, new, &mut list);
    paper_changes(&old.papers, &new.papers, &mut list);
    outcome_changes(&old.outcomes, &new.outcomes, &mut list);
    list
}

fn meeting_changes(old: &Meeting, new: &Meeting, list: &mut Vec<Change>) {
    if old.state != new.state {
        list.push(Change::State {
            old: old.state.clone(),
            new: new.state.clone(),
        });
    }
    let (old_timing, new_timing) = (Timing::of_meeting(old), Timing::of_meeting(new));
    if old_timing != new_timing {
        list.push(Change::When {
            old: old_timing,
            new: new_timing,
        });
    }
    let name = |meeting: &Meeting| meeting.place.as_ref().and_then(|place| place.name.clone());
    let (old_place, new_place) = (name(old), name(new));
    if old_place != new_place {
        list.push(Change::Place {
            old: old_place,
            new: new_place,
        });
    }
    if same_words(&old.title) != same_words(&new.title) {
        list.push(Change::Title {
            old: old.title.clone(),
            new: new.title.clone(),
        });
    }
    if old.chairs != new.chairs {
        list.push(Change::Chairs {
            old: old.chairs.clone(),
            new: new.chairs.clone(),
        });
    }
}

fn item_changes(old: &Programme, new: &Programme, list: &mut Vec<Change>) {
    let old_order = old.items_in_order();
    let new_order = new.items_in_order();
    let recreated = recreated(old, new);
    let place_so_far: BTreeMap<&ItemId, usize> = old_order
        .iter()
        .enumerate()
        .map(|(place, &(id, _))| (id, place))
        .collect();
    let places: Vec<Option<usize>> = new_order
        .iter()
        .map(|(id, _)| place_so_far.get(recreated.get(id).unwrap_or(id)).copied())
        .collect();
    let stayed: BTreeSet<usize> = order::rising(&places).into_iter().collect();

    let mut renumbered = Vec::new();
    for (index, &(id, item)) in new_order.iter().enumerate() {
        let Some((old_id, old_item)) = places[index].map(|place| old_order[place]) else {
            list.push(Change::Added {
                item: ItemName::of(id, item),
            });
            continue;
        };
        if old_id != id {
            list.push(Change::Recreated {
                old: old_id.clone(),
                new: ItemName::of(id, item),
            });
        }
        if !stayed.contains(&index) {
            let after = index.checked_sub(1).map(|before| new_order[before]);
            let after = after.map(|(id, item)| ItemName::of(id, item));
            list.push(Change::Moved {
                item: ItemName::of(id, item),
                after,
            });
        }
        if number(item) != number(old_item) {
            renumbered.push(Renumbering {
                item: ItemName::of(id, item),
                old: number(old_item),
            });
        }
        one_item_changes(id, old_item, item, list);
    }
    let still_there: BTreeSet<usize> = places.into_iter().flatten().collect();
    for (place, &(id, item)) in old_order.iter().enumerate() {
        if !still_there.contains(&place) {
            list.push(Change::Removed {
                item: ItemName::of(id, item),
            });
        }
    }
    if !renumbered.is_empty() {
        list.push(Change::Renumbered { items: renumbered });
    }
}

fn one_item_changes(id: &ItemId, old: &Item, new: &Item, list: &mut Vec<Change>) {
    let name = || ItemName::of(id, new);
    if same_words(&old.title) != same_words(&new.title) {
        list.push(Change::Retitled {
            item: name(),
            old: old.title.clone(),
        });
    }
    let (old_timing, new_timing) = (Timing::of_item(old), Timing::of_item(new));
    if old_timing != new_timing {
        list.push(Change::Retimed {
            item: name(),
            old: old_timing,
            new: new_timing,
        });
    }
    if (&old.result, &old.resolution) != (&new.result, &new.resolution) {
        list.push(Change::Result {
            item: name(),
            old: result(old),
            new: result(new),
        });
    }
}

/// Returns for items under a new id the id under which they were deleted. An item without a title
/// says too little to be found again.
fn recreated<'a>(old: &'a Programme, new: &'a Programme) -> BTreeMap<&'a ItemId, &'a ItemId> {
    let words = |item: &Item| (number(item), same_words(&item.title));
    let mut gone: BTreeMap<(Option<String>, String), VecDeque<&ItemId>> = BTreeMap::new();
    for (id, item) in old.items_in_order() {
        if !new.items.contains_key(id) && !item.title.trim().is_empty() {
            gone.entry(words(item)).or_default().push_back(id);
        }
    }
    let mut pairs = BTreeMap::new();
    for (id, item) in new.items_in_order() {
        if !old.items.contains_key(id)
            && let Some(old_id) = gone.get_mut(&words(item)).and_then(VecDeque::pop_front)
        {
            pairs.insert(id, old_id);
        }
    }
    pairs
}

fn paper_changes(
    old: &BTreeMap<PaperId, Paper>,
    new: &BTreeMap<PaperId, Paper>,
    list: &mut Vec<Change>,
) {
    for (id, paper) in new {
        let name = PaperName::of(id, paper);
        match old.get(id) {
            None => list.push(Change::PaperAdded { paper: name }),
            Some(before) if file_hash(before) != file_hash(paper) => {
                list.push(Change::PaperReplaced {
                    paper: name,
                    old: file_hash(before),
                    new: file_hash(paper),
                });
            }
            Some(_) => {}
        }
    }
    for (id, paper) in old.iter().filter(|(id, _)| !new.contains_key(*id)) {
        list.push(Change::PaperRemoved {
            paper: PaperName::of(id, paper),
        });
    }
}

/// Outcomes without an id of their own are named by place, so one put before the others shifts all
/// names: an outcome that stands in both programmes under any name is unchanged.
fn outcome_changes(
    old: &BTreeMap<OutcomeId, Outcome>,
    new: &BTreeMap<OutcomeId, Outcome>,
    list: &mut Vec<Change>,
) {
    let mut left: BTreeMap<&OutcomeId, &Outcome> = old.iter().collect();
    let mut arrived = Vec::new();
    for (id, outcome) in new {
        let same = if left.get(id) == Some(&outcome) {
            Some(id)
        } else {
            left.iter()
                .find(|(_, other)| **other == outcome)
                .map(|(&id, _)| id)
        };
        match same {
            Some(same) => drop(left.remove(same)),
            None => arrived.push((id, outcome)),
        }
    }
    for (id, outcome) in arrived {
        let text = outcome.text.clone();
        list.push(match left.remove(id) {
            Some(before) => Change::OutcomeChanged {
                outcome: id.clone(),
                old: before.text.clone(),
                text,
            },
            None => Change::OutcomeAdded {
                outcome: id.clone(),
                text,
            },
        });
    }
    for (id, outcome) in left {
        list.push(Change::OutcomeRemoved {
            outcome: id.clone(),
            text: outcome.text.clone(),
        });
    }
}

fn number(item: &Item) -> Option<String> {
    item.number
        .as_deref()
        .map(same_words)
        .filter(|number| !number.is_empty())
}

fn result(item: &Item) -> Option<String> {
    item.result.clone().or_else(|| item.resolution.clone())
}

/// The file that people read; a paper may have nothing but its text.
fn file_hash(paper: &Paper) -> Option<Hash> {
    paper
        .file
        .as_ref()
        .or(paper.text_file.as_ref())
        .map(|file| file.hash)
}

/// The words of a text, whatever stands between them and however their letters are composed.
fn same_words(text: &str) -> String {
    let text: String = text.nfc().collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl ItemName {
    fn of(id: &ItemId, item: &Item) -> Self {
        Self {
            id: id.clone(),
            number: number(item),
            title: item.title.clone(),
        }
    }

    fn text(&self, language: Language) -> String {
        let item = match language {
            Language::Vietnamese => "Mục",
            Language::English => "Item",
        };
        named(item, self.number.as_deref(), &self.title)
    }
}

impl PaperName {
    fn of(id: &PaperId, paper: &Paper) -> Self {
        Self {
            id: id.clone(),
            number: paper.number.clone(),
            title: paper.title.clone(),
        }
    }

    fn text(&self, language: Language) -> String {
        let paper = match language {
            Language::Vietnamese => "Tài liệu",
            Language::English => "Paper",
        };
        named(paper, self.number.as_deref(), &self.title)
    }
}

fn named(noun: &str, number: Option<&str>, title: &str) -> String {
    match number {
        Some(number) => format!("{noun} {number} “{title}”"),
        None => format!("{noun} “{title}”"),
    }
}

impl Timing {
    fn of_meeting(meeting: &Meeting) -> Self {
        Self {
            when: meeting.when.clone(),
            end: meeting.end.clone(),
            minutes: None,
        }
    }

    /// Returns the time of an item.
    pub fn of_item(item: &Item) -> Self {
        Self {
            when: item.when.clone(),
            end: item.end.clone(),
            minutes: item.minutes,
        }
    }

    /// Says it to people.
    pub fn text(&self, language: Language) -> String {
        let (until, minutes) = match language {
            Language::Vietnamese => ("đến", "phút"),
            Language::English => ("until", "min"),
        };
        let mut parts = Vec::new();
        if let Some(when) = &self.when {
            parts.push(when.written(language));
        }
        if let Some(end) = &self.end {
            parts.push(format!("{until} {}", end.written(language)));
        }
        if let Some(count) = self.minutes {
            parts.push(format!("{count} {minutes}"));
        }
        if parts.is_empty() {
            unknown(language).to_owned()
        } else {
            parts.join(", ")
        }
    }
}

const fn unknown(language: Language) -> &'static str {
    match language {
        Language::Vietnamese => "chưa rõ",
        Language::English => "not known",
    }
}

fn chairs_text(chairs: &[Participant], language: Language) -> String {
    let names: Vec<&str> = chairs
        .iter()
        .filter_map(|chair| {
            chair
                .person
                .as_deref()
                .or(chair.group.as_deref())
                .or(chair.organisation.as_deref())
        })
        .collect();
    if names.is_empty() {
        unknown(language).to_owned()
    } else {
        names.join(", ")
    }
}

impl Change {
    /// Says the change to people, in one line.
    pub fn text(&self, language: Language) -> String {
        match language {
            Language::Vietnamese => self.vietnamese(),
            Language::English => self.english(),
        }
    }

    fn vietnamese(&self) -> String {
        let language = Language::Vietnamese;
        let or_unknown =
            |text: &Option<String>| text.clone().unwrap_or_else(|| unknown(language).to_owned());
        match self {
            Self::State { old, new } => {
                format!(
                    "Trạng thái cuộc họp: {} → {}",
                    old.text(language),
                    new.text(language)
                )
            }
            Self::When { old, new } => format!(
                "Thời gian họp: {} → {}",
                old.text(language),
                new.text(language)
            ),
            Self::Place { old, new } => {
                format!("Địa điểm: {} → {}", or_unknown(old), or_unknown(new))
            }
            Self::Title { old, new } => format!("Tên cuộc họp: “{old}” → “{new}”"),
            Self::Chairs { old, new } => {
                format!(
                    "Chủ tọa: {} → {}",
                    chairs_text(old, language),
                    chairs_text(new, language)
                )
            }
            Self::Added { item } => format!("{}: mới", item.text(language)),
            Self::Removed { item } => format!("{}: đã bỏ", item.text(language)),
            Self::Recreated { new, .. } => {
                format!("{}: được lập lại, cùng số và tên", new.text(language))
            }
            Self::Moved {
                item,
                after: Some(after),
            } => {
                format!(
                    "{}: chuyển đến sau {}",
                    item.text(language),
                    lower_first(&after.text(language))
                )
            }
            Self::Moved { item, after: None } => format!("{}: chuyển lên đầu", item.text(language)),
            Self::Retitled { item, old } => {
                format!("{}: đổi tên, trước là “{old}”", item.text(language))
            }
            Self::Renumbered { items } => match items.as_slice() {
                [one] => match &one.old {
                    Some(old) => format!("{}: đổi số, trước là {old}", one.item.text(language)),
                    None => format!("{}: được đánh số", one.item.text(language)),
                },
                _ => format!("{} mục được đánh số lại", items.len()),
            },
            Self::Retimed { item, old, new } => {
                format!(
                    "{}: đổi thời gian, {} → {}",
                    item.text(language),
                    old.text(language),
                    new.text(language)
                )
            }
            Self::Result { item, old, new } => match (old, new) {
                (_, None) => format!("{}: kết quả đã được rút", item.text(language)),
                (None, Some(new)) => format!("{}: có kết quả, {new}", item.text(language)),
                (Some(old), Some(new)) => {
                    format!("{}: kết quả đổi, {old} → {new}", item.text(language))
                }
            },
            Self::PaperAdded { paper } => format!("{}: mới", paper.text(language)),
            Self::PaperRemoved { paper } => format!("{}: đã bỏ", paper.text(language)),
            Self::PaperReplaced { paper, old, new } => match (old, new) {
                (_, None) => format!("{}: tệp đã được rút", paper.text(language)),
                (None, Some(_)) => format!("{}: có tệp", paper.text(language)),
                (Some(_), Some(_)) => format!("{}: có bản mới", paper.text(language)),
            },
            Self::OutcomeAdded { text, .. } => format!("Kết luận mới: {text}"),
            Self::OutcomeChanged { text, .. } => format!("Kết luận đổi: {text}"),
            Self::OutcomeRemoved { text, .. } => format!("Kết luận đã bỏ: {text}"),
        }
    }

    fn english(&self) -> String {
        let language = Language::English;
        let or_unknown =
            |text: &Option<String>| text.clone().unwrap_or_else(|| unknown(language).to_owned());
        match self {
            Self::State { old, new } => format!(
                "State of the meeting: {} → {}",
                old.text(language),
                new.text(language)
            ),
            Self::When { old, new } => format!(
                "Time of the meeting: {} → {}",
                old.text(language),
                new.text(language)
            ),
            Self::Place { old, new } => format!("Place: {} → {}", or_unknown(old), or_unknown(new)),
            Self::Title { old, new } => format!("Title of the meeting: “{old}” → “{new}”"),
            Self::Chairs { old, new } => {
                format!(
                    "Chair: {} → {}",
                    chairs_text(old, language),
                    chairs_text(new, language)
                )
            }
            Self::Added { item } => format!("{}: new", item.text(language)),
            Self::Removed { item } => format!("{}: removed", item.text(language)),
            Self::Recreated { new, .. } => format!(
                "{}: written again, same number and title",
                new.text(language)
            ),
            Self::Moved {
                item,
                after: Some(after),
            } => {
                format!(
                    "{}: moved behind {}",
                    item.text(language),
                    lower_first(&after.text(language))
                )
            }
            Self::Moved { item, after: None } => {
                format!("{}: moved to the front", item.text(language))
            }
            Self::Retitled { item, old } => {
                format!("{}: retitled, it was “{old}”", item.text(language))
            }
            Self::Renumbered { items } => match items.as_slice() {
                [one] => match &one.old {
                    Some(old) => format!("{}: renumbered, it was {old}", one.item.text(language)),
                    None => format!("{}: numbered", one.item.text(language)),
                },
                _ => format!("{} items renumbered", items.len()),
            },
            Self::Retimed { item, old, new } => {
                format!(
                    "{}: other time, {} → {}",
                    item.text(language),
                    old.text(language),
                    new.text(language)
                )
            }
            Self::Result { item, old, new } => match (old, new) {
                (_, None) => format!("{}: result withdrawn", item.text(language)),
                (None, Some(new)) => format!("{}: result, {new}", item.text(language)),
                (Some(old), Some(new)) => {
                    format!("{}: other result, {old} → {new}", item.text(language))
                }
            },
            Self::PaperAdded { paper } => format!("{}: new", paper.text(language)),
            Self::PaperRemoved { paper } => format!("{}: removed", paper.text(language)),
            Self::PaperReplaced { paper, old, new } => match (old, new) {
                (_, None) => format!("{}: file withdrawn", paper.text(language)),
                (None, Some(_)) => format!("{}: file added", paper.text(language)),
                (Some(_), Some(_)) => format!("{}: new version", paper.text(language)),
            },
            Self::OutcomeAdded { text, .. } => format!("New outcome: {text}"),
            Self::OutcomeChanged { text, .. } => format!("Outcome changed: {text}"),
            Self::OutcomeRemoved { text, .. } => format!("Outcome removed: {text}"),
        }
    }
}

fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_lowercase().chain(letters).collect()
    })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use serde_json::{Value, json};

    use super::*;

    /// A programme of items `(id, number, title)` in this order.
    fn programme(items: &[(&str, &str, &str)]) -> Programme {
        let keys = order::assign(&vec![None; items.len()]);
        let items: serde_json::Map<String, Value> = items
            .iter()
            .zip(keys)
            .map(|(&(id, number, title), order_key)| {
                (
                    id.to_owned(),
                    json!({"number": number, "title": title, "order_key": order_key}),
                )
            })
            .collect();
        Programme::from_json(&json!({"meeting": {"id": "m", "title": "T"}, "items": items}))
            .unwrap()
    }

    fn with(programme: &Programme, path: &str, value: Value) -> Programme {
        let mut json = programme.to_json();
        let (parent, key) = path.rsplit_once('/').unwrap();
        json.pointer_mut(parent).unwrap()[key] = value;
        Programme::from_json(&json).unwrap()
    }

    fn english(old: &Programme, new: &Programme) -> Vec<String> {
        changes(old, new)
            .iter()
            .map(|change| change.text(Language::English))
            .collect()
    }

    #[test]
    fn equal_programmes_have_no_changes() {
        let one = programme(&[("a", "1", "A"), ("b", "2", "B")]);
        assert_eq!(changes(&one, &one), []);
    }

    #[test]
    fn an_item_put_in_moves_no_other() {
        let old = programme(&[("a", "1", "A"), ("b", "2", "B"), ("c", "3", "C")]);
        let new = programme(&[
            ("a", "1", "A"),
            ("x", "2", "X"),
            ("b", "3", "B"),
            ("c", "4", "C"),
        ]);

        assert_eq!(
            english(&old, &new),
            ["Item 2 “X”: new", "2 items renumbered"]
        );
        assert_eq!(
            english(&new, &old),
            ["Item 2 “X”: removed", "2 items renumbered"]
        );
    }

    #[test]
    fn of_items_in_another_order_as_few_as_possible_moved() {
        let old = programme(&[
            ("a", "1", "A"),
            ("b", "2", "B"),
            ("c", "3", "C"),
            ("d", "4", "D"),
        ]);
        let to_the_end = programme(&[
            ("b", "2", "B"),
            ("c", "3", "C"),
            ("d", "4", "D"),
            ("a", "1", "A"),
        ]);
        let to_the_front = programme(&[
            ("d", "4", "D"),
            ("a", "1", "A"),
            ("b", "2", "B"),
            ("c", "3", "C"),
        ]);

        assert_eq!(
            english(&old, &to_the_end),
            ["Item 1 “A”: moved behind item 4 “D”"]
        );
        assert_eq!(
            english(&old, &to_the_front),
            ["Item 4 “D”: moved to the front"]
        );
    }

    #[test]
    fn an_item_written_again_is_the_same_item() {
        let old = programme(&[("a", "1", "Báo  cáo"), ("b", "2", "B")]);
        let mut new = programme(&[("x", "1", "Ba\u{301}o\u{a0}ca\u{301}o"), ("b", "2", "B")]);
        new = with(&new, "/items/x/minutes", json!(20));

        let list = changes(&old, &new);

        assert!(
            matches!(&list[0], Change::Recreated { old, new } if old.as_str() == "a" && new.id.as_str() == "x")
        );
        assert!(matches!(&list[1], Change::Retimed { new, .. } if new.minutes == Some(20)));
        assert_eq!(list.len(), 2);
    }

    #[test]
    fn an_item_written_again_elsewhere_has_moved_too() {
        let old = programme(&[("a", "1", "A"), ("b", "2", "B"), ("c", "3", "C")]);
        let new = programme(&[("b", "2", "B"), ("c", "3", "C"), ("x", "1", "A")]);

        assert_eq!(
            english(&old, &new),
            [
                "Item 1 “A”: written again, same number and title",
                "Item 1 “A”: moved behind item 3 “C”"
            ]
        );
    }

    #[test]
    fn an_item_of_another_title_or_number_is_not_the_one_that_went() {
        let old = programme(&[("a", "1", "A")]);

        assert_eq!(
            english(&old, &programme(&[("x", "2", "A")])),
            ["Item 2 “A”: new", "Item 1 “A”: removed"]
        );
        assert_eq!(
            english(&programme(&[("a", "", " ")]), &programme(&[("x", "", " ")])),
            ["Item “ ”: new", "Item “ ”: removed"]
        );
        assert_eq!(
            english(&old, &programme(&[("x", "1", "B")])),
            ["Item 1 “B”: new", "Item 1 “A”: removed"]
        );
    }

    #[test]
    fn every_kind_of_change_is_said_in_both_languages() {
        let file = |digit: &str| json!({"hash": digit.repeat(64), "length": 1, "media_type": "a/b", "name": "p.pdf"});
        let old = Programme::from_json(&json!({
            "meeting": {"id": "m", "title": "T", "place": {"name": "Hội trường A"}, "when": {"year": 2026, "month": 12}},
            "items": {
                "a": {"order_key": "V", "number": "1", "title": "A", "when": {"time": "08:00"}},
                "b": {"order_key": "W", "title": "B"},
            },
            "papers": {"p": {"title": "P", "file": file("0")}, "q": {"title": "Q"}, "r": {"title": "R"}},
            "outcomes": {"o1": {"kind": "conclusion", "text": "một"}, "o2": {"kind": "conclusion", "text": "hai"}},
        }))
        .unwrap();
        let new = Programme::from_json(&json!({
            "meeting": {
                "id": "m", "title": "T2", "state": "convened", "chairs": [{"person": "A"}, {"group": "các Phó Chủ tịch"}],
                "when": {"year": 2026, "month": 12, "day": 7, "part": "sáng"},
            },
            "items": {
                "a": {"order_key": "V", "number": "1a", "title": "A", "when": {"time": "09:30"}, "minutes": 20},
                "b": {"order_key": "W", "title": "B2", "result": "thông qua"},
            },
            "papers": {"p": {"number": "1/TB", "title": "P", "file": file("1")}, "q": {"title": "Q", "file": file("2")}, "s": {"title": "S"}},
            "outcomes": {"o1": {"kind": "conclusion", "text": "không"}, "o2": {"kind": "conclusion", "text": "một"}, "o3": {"kind": "conclusion", "text": "hai"}},
        }))
        .unwrap();

        let list = changes(&old, &new);

        let vietnamese: Vec<String> = list
            .iter()
            .map(|change| change.text(Language::Vietnamese))
            .collect();
        assert_eq!(
            vietnamese,
            [
                "Trạng thái cuộc họp: đã lên kế hoạch → đã triệu tập",
                "Thời gian họp: tháng 12/2026 → sáng 7/12/2026",
                "Địa điểm: Hội trường A → chưa rõ",
                "Tên cuộc họp: “T” → “T2”",
                "Chủ tọa: chưa rõ → A, các Phó Chủ tịch",
                "Mục 1a “A”: đổi thời gian, 8h → 9h30, 20 phút",
                "Mục “B2”: đổi tên, trước là “B”",
                "Mục “B2”: có kết quả, thông qua",
                "Mục 1a “A”: đổi số, trước là 1",
                "Tài liệu 1/TB “P”: có bản mới",
                "Tài liệu “Q”: có tệp",
                "Tài liệu “S”: mới",
                "Tài liệu “R”: đã bỏ",
                "Kết luận mới: không",
            ]
        );
        let english: Vec<String> = list
            .iter()
            .map(|change| change.text(Language::English))
            .collect();
        assert_eq!(english[5], "Item 1a “A”: other time, 8:00 → 9:30, 20 min");
        assert!(
            english
                .iter()
                .zip(&vietnamese)
                .all(|(english, vietnamese)| english != vietnamese)
        );

        let json = serde_json::to_value(&list).unwrap();
        assert_eq!(
            json[0],
            json!({"change": "state", "old": "planned", "new": "convened"})
        );
        assert_eq!(serde_json::from_value::<Vec<Change>>(json).unwrap(), list);
    }

    #[test]
    fn twelve_versions_of_a_real_meeting_change_as_its_council_changed_them() {
        let folder = std::env::var_os("NGHISU_TEST_DATA").map_or_else(
            || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"),
            PathBuf::from,
        );
        let folder = folder.join("oparl-karlsruhe/10566");
        if !folder.is_dir() {
            eprintln!("skipped: {} is not there", folder.display());
            return;
        }
        let versions: Vec<Programme> = (1..=12)
            .map(|n| oparl(&std::fs::read(folder.join(format!("v{n:02}.json"))).unwrap()))
            .collect();

        let counts: Vec<String> = versions
            .windows(2)
            .map(|pair| counted(&changes(&pair[0], &pair[1])))
            .collect();

        assert_eq!(
            counts,
            [
                "1 added",
                "3 added",
                "1 recreated",
                "1 added",
                "4 added, 13 result",
                "42 result",
                "",
                "",
                "",
                "1 result",
                "",
            ]
        );
        let again = changes(&versions[2], &versions[3]);
        let [Change::Recreated { old, new }] = again.as_slice() else {
            panic!("{again:?}")
        };
        assert!(old.as_str().ends_with("/102472"), "{old}");
        assert!(new.id.as_str().ends_with("/102623"), "{new:?}");
    }

    /// The council's items, put in the order of their list with keys of their own in each version.
    fn oparl(bytes: &[u8]) -> Programme {
        let meeting: Value = serde_json::from_slice(bytes).unwrap();
        let items = meeting["agendaItem"].as_array().unwrap();
        let keys = order::assign(&vec![None; items.len()]);
        let items: serde_json::Map<String, Value> = items
            .iter()
            .zip(keys)
            .map(|(item, order_key)| {
                let typed = json!({
                    "order_key": order_key, "number": item["number"], "title": item["name"], "result": item["result"],
                });
                (item["id"].as_str().unwrap().to_owned(), typed)
            })
            .collect();
        Programme::from_json(&json!({"meeting": {"title": meeting["name"]}, "items": items}))
            .unwrap()
    }

    fn counted(list: &[Change]) -> String {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for change in list {
            let json = serde_json::to_value(change).unwrap();
            *counts
                .entry(json["change"].as_str().unwrap().to_owned())
                .or_default() += 1;
        }
        counts
            .iter()
            .map(|(name, count)| format!("{count} {name}"))
            .collect::<Vec<_>>()
            .join(", ")
    }
}
