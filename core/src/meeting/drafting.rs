//! A draft that is written step by step, by several secretaries at once.
//!
//! A draft is an Automerge document, and [`Document::reconcile`](crate::document::Document::reconcile) writes
//! a programme into it field by field. So a step changes no field that it is not about: two steps that were
//! taken apart both count, unless both set the same field. Of these one counts, the same for everybody.
//!
//! What steps alone cannot promise follows from [`settled`], by which every draft is read:
//!
//! - An item that somebody removed stays removed, whatever others did to it meanwhile: Automerge deletes it
//!   with all that they wrote. Its papers and outcomes go with it, also those that came meanwhile. Left
//!   without an item, what only a circle reads would be everybody's.
//! - A date is written in parts, and the parts of two dates may make none ("30" of one, "tháng 2" of the
//!   other): then the day goes, and if that is not enough, the date.
//! - A list is written as a whole. So a paper that a step gave to an item says itself to which, in
//!   [`Paper::item`], and the items' lists follow from that.
//!
//! A draft has to begin in one place: two documents would have two maps of items, and of these one is left.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use unicode_normalization::UnicodeNormalization;

use super::{
    changes::Timing,
    order,
    programme::{Item, ItemId, ItemType, Kind, Meeting, Paper, PaperId, Place, Programme, State},
};
use crate::{
    error::{Code, Error, Result},
    ids::MeetingId,
    limits::{
        DRAFT_ITEMS_MAX, DRAFT_MINUTES_MAX, DRAFT_NAME_BYTES_MAX, DRAFT_PAPERS_MAX,
        DRAFT_TITLE_BYTES_MAX,
    },
    time::PartialDate,
};

/// One step by which a draft is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "snake_case")]
pub enum DraftStep {
    /// It begins with a meeting that the office does not have.
    Begin {
        /// The id by which its author names it, which no meeting has or had: "kh-3".
        id: String,
        /// What kind of gathering it is.
        kind: Kind,
        /// The title.
        title: String,
    },
    /// About an item.
    Item {
        /// The item.
        item: ItemId,
        /// What becomes of it.
        step: ItemStep,
    },
    /// About a paper.
    Paper {
        /// The paper.
        paper: PaperId,
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemStep {
    /// It is new, and its id is one that no item has or had.
    Add {
        /// The item behind which it stands; none for the front.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<ItemId>,
        /// What it says.
        new: NewItem,
    },
    /// It stands elsewhere.
    Move {
        /// The item behind which it stands; none for the front.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<ItemId>,
    },
    /// It has another title.
    Retitle {
        /// The title.
        title: String,
    },
    /// It has another number, or none. The others keep theirs.
    Renumber {
        /// The number as it is printed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        number: Option<String>,
    },
    /// It is at another time.
    Retime {
        /// The whole of its time, also what stays.
        timing: Timing,
    },
    /// Something else is done there.
    Retype {
        /// What is done; none if that is not known.
        #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
        item_type: Option<ItemType>,
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

/// A step about a paper.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaperStep {
    /// It is new and has no file yet, and its id is one that no paper has or had.
    Add {
        /// The item that has it; none for a paper of the whole meeting, which all who take part read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        item: Option<ItemId>,
        /// The title.
        title: String,
        /// The number as it is printed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
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
        #[serde(default, skip_serializing_if = "Option::is_none")]
        item: Option<ItemId>,
    },
    /// It goes.
    Remove,
}

/// A step about the meeting itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MeetingStep {
    /// It has another title.
    Retitle {
        /// The title.
        title: String,
    },
    /// It is at another time.
    Retime {
        /// When it is, or begins.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        when: Option<PartialDate>,
        /// When it ends.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        end: Option<PartialDate>,
    },
    /// It is elsewhere.
    Place {
        /// The name of the place; none if it is not known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        place: Option<String>,
    },
    /// It is further, or cancelled.
    State {
        /// How far it is.
        state: State,
    },
}

/// What a new item says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewItem {
    /// Title.
    pub title: String,
    /// Number as it is printed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// When it is, and how long it takes.
    #[serde(default)]
    pub timing: Timing,
    /// What is done.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub item_type: Option<ItemType>,
    /// The name of the circle that alone reads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub circle: Option<String>,
}

/// Takes a step in a draft that was read by [`settled`]. After an error nothing has changed.
///
/// # Errors
/// [`Code::ItemUnknown`] for an item that the draft does not have, [`Code::TooLarge`] beyond a limit, and
/// [`Code::DraftStepInvalid`] for what else cannot be. The detail names it.
pub fn apply(programme: &mut Programme, step: &DraftStep) -> Result<()> {
    match step {
        DraftStep::Begin { id, kind, title } => begin(programme, id, kind, title),
        DraftStep::Item { item, step } => apply_to_item(programme, item, step),
        DraftStep::Paper { paper, step } => apply_to_paper(programme, paper, step),
        DraftStep::Meeting { step } => apply_to_meeting(&mut programme.meeting, step),
    }
}

/// Takes a step that was taken elsewhere. Where the item behind which something was put is gone meanwhile, it
/// stands where its author saw it: `key` is the order key that it had there. What is gone is not removed twice.
///
/// # Errors
/// As [`apply`].
pub fn apply_elsewhere(
    programme: &mut Programme,
    step: &DraftStep,
    key: Option<&str>,
) -> Result<()> {
    let is_gone = match step {
        DraftStep::Item {
            item,
            step: ItemStep::Remove,
        } => !programme.items.contains_key(item),
        DraftStep::Paper {
            paper,
            step: PaperStep::Remove,
        } => !programme.papers.contains_key(paper),
        DraftStep::Begin { .. }
        | DraftStep::Item { .. }
        | DraftStep::Paper { .. }
        | DraftStep::Meeting { .. } => false,
    };
    if is_gone {
        return Ok(());
    }
    let mut step = step.clone();
    if let (
        DraftStep::Item {
            item,
            step: ItemStep::Add { after, .. } | ItemStep::Move { after },
        },
        Some(key),
    ) = (&mut step, key)
        && let Some(gone) = after
        && !programme.items.contains_key(gone)
    {
        let before = programme
            .items_in_order()
            .into_iter()
            .rfind(|(id, it)| *id != item && (it.order_key.as_str(), *id) < (key, &*item));
        *after = before.map(|(id, _)| id.clone());
    }
    apply(programme, &step)
}

/// Returns the order key that a step has given to its item in `programme`, in which it was taken.
pub fn place_of(programme: &Programme, step: &DraftStep) -> Option<String> {
    let DraftStep::Item {
        item,
        step: ItemStep::Add { .. } | ItemStep::Move { .. },
    } = step
    else {
        return None;
    };
    let item = programme.items.get(item)?;
    Some(item.order_key.clone())
}

fn begin(programme: &mut Programme, id: &str, kind: &Kind, title: &str) -> Result<()> {
    if *programme != Programme::default() {
        let known = &programme.meeting.id;
        return Err(refused(format_args!("meeting {known} has begun")));
    }
    let id: String = id.nfc().collect();
    let id: ItemId = id
        .parse()
        .map_err(|error| refused(format_args!("{}: {error}", id.escape_debug())))?;
    // Else it would be another meeting that this names.
    if id.as_str().parse::<MeetingId>().is_ok() {
        return Err(refused(format_args!("{id}: reads as the office's own id")));
    }
    if let Kind::Unknown(word) = kind {
        let word = word.escape_debug();
        return Err(refused(format_args!("kind \"{word}\" of meeting")));
    }
    let title = titled(title)?;
    programme.meeting = Meeting {
        id: id.into(),
        kind: Some(kind.clone()),
        title,
        ..Meeting::default()
    };
    Ok(())
}

fn apply_to_item(programme: &mut Programme, id: &ItemId, step: &ItemStep) -> Result<()> {
    match step {
        ItemStep::Add { after, new } => add_item(programme, id, after.as_ref(), new)?,
        ItemStep::Move { after } => move_item(programme, id, after.as_ref())?,
        ItemStep::Retitle { title } => item_of(programme, id)?.title = titled(title)?,
        ItemStep::Renumber { number } => {
            item_of(programme, id)?.number = named("number", number.as_deref())?;
        }
        ItemStep::Retime { timing } => {
            let item = item_of(programme, id)?;
            let timing = timed(timing)?;
            (item.when, item.end, item.minutes) = (timing.when, timing.end, timing.minutes);
        }
        ItemStep::Retype { item_type } => {
            item_of(programme, id)?.item_type = typed(item_type.as_ref())?;
        }
        ItemStep::Close { circle } => {
            item_of(programme, id)?.circle = named("circle", Some(circle))?;
        }
        ItemStep::Open => item_of(programme, id)?.circle = None,
        ItemStep::Remove => remove_item(programme, id)?,
    }
    Ok(())
}

fn add_item(
    programme: &mut Programme,
    id: &ItemId,
    after: Option<&ItemId>,
    new: &NewItem,
) -> Result<()> {
    if programme.items.contains_key(id) {
        return Err(refused(format_args!("item {id} is there already")));
    }
    if programme.items.len() >= DRAFT_ITEMS_MAX {
        return Err(too_large("items", DRAFT_ITEMS_MAX));
    }
    let timing = timed(&new.timing)?;
    let item = Item {
        title: titled(&new.title)?,
        number: named("number", new.number.as_deref())?,
        item_type: typed(new.item_type.as_ref())?,
        circle: named("circle", new.circle.as_deref())?,
        when: timing.when,
        end: timing.end,
        minutes: timing.minutes,
        ..Item::default()
    };
    let index = index_after(&others(programme, id), after)?;
    programme.items.insert(id.clone(), item);
    put_at(programme, id, index);
    Ok(())
}

fn move_item(programme: &mut Programme, id: &ItemId, after: Option<&ItemId>) -> Result<()> {
    item_of(programme, id)?;
    if after == Some(id) {
        return Err(refused(format_args!("item {id} behind itself")));
    }
    let index = index_after(&others(programme, id), after)?;
    let so_far = programme.items_in_order();
    // Where it stands there already nothing is written, so that this undoes nobody's move.
    if so_far.get(index).is_none_or(|(there, _)| *there != id) {
        put_at(programme, id, index);
    }
    Ok(())
}

/// Returns the ids of all items but one, in their order.
fn others(programme: &Programme, id: &ItemId) -> Vec<ItemId> {
    let items = programme.items_in_order().into_iter();
    items
        .map(|(other, _)| other)
        .filter(|other| *other != id)
        .cloned()
        .collect()
}

fn index_after(ids: &[ItemId], after: Option<&ItemId>) -> Result<usize> {
    let Some(after) = after else { return Ok(0) };
    let place = ids.iter().position(|id| id == after);
    place
        .map(|place| place + 1)
        .ok_or_else(|| Error::new(Code::ItemUnknown, after))
}

/// Gives an item the key of a place among the others. Two that were added apart may have the same key:
/// there those behind the place get new ones, since nothing else fits between them.
fn put_at(programme: &mut Programme, id: &ItemId, index: usize) {
    let ids = others(programme, id);
    let key = |id: &ItemId| programme.items.get(id).map(|item| item.order_key.clone());
    let mut low = index.checked_sub(1).and_then(|before| key(&ids[before]));
    let behind = ids[index..].iter();
    let tied: Vec<&ItemId> = behind
        .take_while(|id| low.is_some() && key(id) == low)
        .collect();
    let high = ids.get(index + tied.len()).and_then(key);
    for id in [id].into_iter().chain(tied) {
        let order_key = order::between(low.as_deref(), high.as_deref());
        if let Some(item) = programme.items.get_mut(id) {
            item.order_key.clone_from(&order_key);
        }
        low = Some(order_key);
    }
}

fn remove_item(programme: &mut Programme, id: &ItemId) -> Result<()> {
    let removed = programme.items.remove(id);
    let removed = removed.ok_or_else(|| Error::new(Code::ItemUnknown, id))?;
    for paper in &removed.papers {
        let mut owners = programme
            .items
            .iter()
            .filter(|(_, item)| item.papers.contains(paper))
            .map(|(owner, _)| owner);
        match (owners.next(), owners.next()) {
            (None, _) => drop(programme.papers.remove(paper)),
            // If somebody removes that item meanwhile, the paper goes with it.
            (Some(last), None) => {
                if let Some(row) = programme.papers.get_mut(paper) {
                    row.item = Some(last.clone());
                }
            }
            (Some(_), Some(_)) => {}
        }
    }
    let outcomes = &mut programme.outcomes;
    outcomes.retain(|_, outcome| outcome.item.as_ref() != Some(id));
    Ok(())
}

fn apply_to_paper(programme: &mut Programme, id: &PaperId, step: &PaperStep) -> Result<()> {
    match step {
        PaperStep::Add {
            item,
            title,
            number,
        } => {
            if programme.papers.contains_key(id) {
                return Err(refused(format_args!("paper {id} is there already")));
            }
            if programme.papers.len() >= DRAFT_PAPERS_MAX {
                return Err(too_large("papers", DRAFT_PAPERS_MAX));
            }
            let paper = Paper {
                title: titled(title)?,
                number: named("number", number.as_deref())?,
                ..Paper::default()
            };
            known(programme, item.as_ref())?;
            programme.papers.insert(id.clone(), paper);
            give(programme, id, item.as_ref());
        }
        PaperStep::Retitle { title } => paper_of(programme, id)?.title = titled(title)?,
        PaperStep::Move { item } => {
            known(programme, item.as_ref())?;
            paper_of(programme, id)?;
            give(programme, id, item.as_ref());
        }
        PaperStep::Remove => {
            paper_of(programme, id)?;
            give(programme, id, None);
            programme.papers.remove(id);
        }
    }
    Ok(())
}

/// Gives a paper to one item and to no other, or to the whole meeting.
fn give(programme: &mut Programme, id: &PaperId, owner: Option<&ItemId>) {
    if let Some(paper) = programme.papers.get_mut(id) {
        paper.item = owner.cloned();
    }
    for (item, row) in &mut programme.items {
        let has = row.papers.contains(id);
        if Some(item) != owner {
            row.papers.retain(|paper| paper != id);
        } else if !has {
            row.papers.push(id.clone());
        }
    }
}

fn apply_to_meeting(meeting: &mut Meeting, step: &MeetingStep) -> Result<()> {
    match step {
        MeetingStep::Retitle { title } => meeting.title = titled(title)?,
        MeetingStep::Retime { when, end } => {
            let timing = timed(&Timing {
                when: when.clone(),
                end: end.clone(),
                minutes: None,
            })?;
            (meeting.when, meeting.end) = (timing.when, timing.end);
        }
        MeetingStep::Place { place } => {
            let name = named("place", place.as_deref())?;
            let so_far = meeting.place.take().unwrap_or_default();
            let place = Place { name, ..so_far };
            meeting.place = (place != Place::default()).then_some(place);
        }
        MeetingStep::State { state } => {
            if let State::Unknown(word) = state {
                return Err(refused(format_args!("state: {word}")));
            }
            meeting.state = state.clone();
        }
    }
    Ok(())
}

fn item_of<'p>(programme: &'p mut Programme, id: &ItemId) -> Result<&'p mut Item> {
    let item = programme.items.get_mut(id);
    item.ok_or_else(|| Error::new(Code::ItemUnknown, id))
}

fn known(programme: &Programme, item: Option<&ItemId>) -> Result<()> {
    match item.filter(|item| !programme.items.contains_key(*item)) {
        Some(item) => Err(Error::new(Code::ItemUnknown, item)),
        None => Ok(()),
    }
}

fn paper_of<'p>(programme: &'p mut Programme, id: &PaperId) -> Result<&'p mut Paper> {
    let paper = programme.papers.get_mut(id);
    paper.ok_or_else(|| refused(format_args!("paper {id} is not there")))
}

fn titled(title: &str) -> Result<String> {
    line("title", title, DRAFT_TITLE_BYTES_MAX)
}

fn named(what: &str, name: Option<&str>) -> Result<Option<String>> {
    let name = name.map(|name| line(what, name, DRAFT_NAME_BYTES_MAX));
    name.transpose()
}

/// Returns a text composed, so that what looks alike is alike; it is one line and says something.
fn line(what: &str, text: &str, bytes_max: usize) -> Result<String> {
    if text.len() > bytes_max {
        return Err(too_large(what, bytes_max));
    }
    if text.trim().is_empty() {
        return Err(refused(format_args!("{what} is empty")));
    }
    if text.chars().any(char::is_control) {
        return Err(refused(format_args!("{what} has control characters")));
    }
    Ok(text.nfc().collect())
}

fn timed(timing: &Timing) -> Result<Timing> {
    if let Some(minutes) = timing.minutes
        && !(1..=DRAFT_MINUTES_MAX).contains(&minutes)
    {
        let range = format_args!("minutes {minutes}; expected 1 to {DRAFT_MINUTES_MAX}");
        return Err(refused(range));
    }
    let own_words = [&timing.when, &timing.end];
    for date in own_words.into_iter().flatten() {
        if let Some(text) = date.text() {
            line("time", text, DRAFT_NAME_BYTES_MAX)?;
        }
    }
    Ok(timing.clone())
}

fn typed(item_type: Option<&ItemType>) -> Result<Option<ItemType>> {
    if let Some(ItemType::Unknown(word)) = item_type {
        return Err(refused(format_args!("type: {word}")));
    }
    Ok(item_type.cloned())
}

fn refused(detail: std::fmt::Arguments<'_>) -> Error {
    Error::new(Code::DraftStepInvalid, detail)
}

fn too_large(what: &str, max: usize) -> Error {
    Error::new(Code::TooLarge, format_args!("{what}: at most {max}"))
}

/// Reads a draft as it is once steps that were taken apart have come together. What follows from the same
/// content is the same everywhere, so the order in which they came does not matter. Rows that nobody can
/// read are left out, and of the meeting the fields: one broken row stops no secretary.
///
/// # Errors
/// [`Code::Malformed`] if it is no map.
pub fn settled(content: &Value) -> Result<Programme> {
    let Value::Object(content) = content else {
        return Err(Error::new(Code::Malformed, "draft: not a map"));
    };
    let mut rest = content.clone();
    let mut programme = Programme {
        meeting: meeting(rest.remove("meeting")),
        items: rows(rest.remove("items"), &["when", "end"]),
        papers: rows(rest.remove("papers"), &["date"]),
        outcomes: rows(rest.remove("outcomes"), &[]),
        extra: rest.into_iter().collect(),
    };
    let items = &programme.items;
    let is_gone = |item: Option<&ItemId>| item.is_some_and(|item| !items.contains_key(item));
    programme
        .papers
        .retain(|_, paper| !is_gone(paper.item.as_ref()));
    programme
        .outcomes
        .retain(|_, outcome| !is_gone(outcome.item.as_ref()));
    settle_lists(&mut programme);
    settle_order(&mut programme);
    Ok(programme)
}

/// Makes the items' lists follow from what papers say themselves, and name no paper that is gone.
fn settle_lists(programme: &mut Programme) {
    let papers = &programme.papers;
    for (id, item) in &mut programme.items {
        item.papers.retain(|paper| {
            let owner = papers.get(paper).map(|paper| paper.item.as_ref());
            owner.is_some_and(|owner| owner.is_none_or(|owner| owner == id))
        });
    }
    for (id, paper) in papers {
        let owner = paper.item.as_ref();
        if let Some(item) = owner.and_then(|owner| programme.items.get_mut(owner))
            && !item.papers.contains(id)
        {
            item.papers.push(id.clone());
        }
    }
}

/// Gives keys to items that have none, at the place where they stand without.
fn settle_order(programme: &mut Programme) {
    if programme
        .items
        .values()
        .all(|item| order::is_key(&item.order_key))
    {
        return;
    }
    let in_order = programme.items_in_order();
    let so_far: Vec<Option<&str>> = in_order
        .iter()
        .map(|(_, item)| Some(&*item.order_key).filter(|key| order::is_key(key)))
        .collect();
    let keys = order::assign(&so_far);
    let ids: Vec<ItemId> = in_order.into_iter().map(|(id, _)| id.clone()).collect();
    for (id, key) in ids.iter().zip(keys) {
        if let Some(item) = programme.items.get_mut(id) {
            item.order_key = key;
        }
    }
}

fn rows<I: TryFrom<String> + Ord, T: DeserializeOwned>(
    rows: Option<Value>,
    dates: &[&str],
) -> BTreeMap<I, T> {
    let Some(Value::Object(rows)) = rows else {
        return BTreeMap::new();
    };
    let rows = rows.into_iter().filter_map(|(id, mut row)| {
        settle_dates(row.as_object_mut()?, dates);
        Some((I::try_from(id).ok()?, T::deserialize(row).ok()?))
    });
    rows.collect()
}

fn meeting(fields: Option<Value>) -> Meeting {
    let Some(Value::Object(mut fields)) = fields else {
        return Meeting::default();
    };
    settle_dates(&mut fields, &["when", "end"]);
    fields.retain(|key, value| {
        let alone = Map::from_iter([(key.clone(), value.clone())]);
        Meeting::deserialize(Value::Object(alone)).is_ok()
    });
    Meeting::deserialize(Value::Object(fields)).unwrap_or_default()
}

fn settle_dates(fields: &mut Map<String, Value>, keys: &[&str]) {
    for &key in keys {
        let is_date = |date: &Value| Option::<PartialDate>::deserialize(date).is_ok();
        let Some(date) = fields.get_mut(key).filter(|date| !is_date(date)) else {
            continue;
        };
        if let Some(parts) = date.as_object_mut() {
            parts.remove("day");
        }
        if !is_date(date) {
            fields.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::{prelude::*, sample::Index};
    use serde_json::json;

    use super::*;
    use crate::{document::Document, time::DateParts};

    const CIRCLE: &str = "Thường trực";

    fn id(text: &str) -> ItemId {
        text.parse().unwrap()
    }

    fn date(parts: Value) -> PartialDate {
        PartialDate::try_from(serde_json::from_value::<DateParts>(parts).unwrap()).unwrap()
    }

    fn item(text: &str, step: ItemStep) -> DraftStep {
        DraftStep::Item {
            item: id(text),
            step,
        }
    }

    fn paper(text: &str, step: PaperStep) -> DraftStep {
        DraftStep::Paper {
            paper: text.parse().unwrap(),
            step,
        }
    }

    fn retitle(text: &str, title: &str) -> DraftStep {
        item(
            text,
            ItemStep::Retitle {
                title: title.to_owned(),
            },
        )
    }

    fn move_behind(text: &str, after: Option<&str>) -> DraftStep {
        item(
            text,
            ItemStep::Move {
                after: after.map(id),
            },
        )
    }

    fn add(text: &str, after: Option<&str>) -> DraftStep {
        let new = NewItem {
            title: format!("Mục {text}"),
            ..NewItem::default()
        };
        item(
            text,
            ItemStep::Add {
                after: after.map(id),
                new,
            },
        )
    }

    fn close(text: &str) -> DraftStep {
        item(
            text,
            ItemStep::Close {
                circle: CIRCLE.to_owned(),
            },
        )
    }

    fn give_to(text: &str, owner: &str) -> DraftStep {
        paper(
            text,
            PaperStep::Move {
                item: Some(id(owner)),
            },
        )
    }

    fn bring(text: &str, owner: &str) -> DraftStep {
        let title = format!("Tài liệu {text}");
        paper(
            text,
            PaperStep::Add {
                item: Some(id(owner)),
                title,
                number: None,
            },
        )
    }

    fn remove(text: &str) -> DraftStep {
        item(text, ItemStep::Remove)
    }

    /// A draft as it is imported: a is of a circle, with a paper of its own and one that c shares.
    fn example() -> Programme {
        Programme::from_json(&json!({
            "meeting": {"id": "m", "title": "Kỳ họp", "when": {"year": 2026, "month": 12, "day": 30}},
            "items": {
                "a": {"order_key": "V", "number": "1", "title": "A", "papers": ["p", "s"], "circle": CIRCLE},
                "b": {"order_key": "W", "number": "2", "title": "B", "when": {"year": 2026, "month": 1, "day": 30}},
                "c": {"order_key": "X", "number": "3", "title": "C", "papers": ["s"], "circle": CIRCLE},
            },
            "papers": {"p": {"title": "P"}, "s": {"title": "S"}},
            "outcomes": {"o": {"item": "a", "kind": "conclusion", "text": "Kết luận"}},
        }))
        .unwrap()
    }

    /// What one secretary has.
    struct Side(Document);

    impl Side {
        /// Both sides of a draft that began in one place.
        fn two() -> [Self; 2] {
            let mut office = Document::new([1; 16]);
            office.reconcile(&example().to_json()).unwrap();
            let saved = office.save();
            [[2; 16], [3; 16]].map(|actor| Self(Document::load(&saved, actor).unwrap()))
        }

        fn programme(&self) -> Programme {
            settled(&self.0.to_json().unwrap()).unwrap()
        }

        fn try_step(&mut self, step: &DraftStep) -> Result<()> {
            let mut programme = self.programme();
            apply(&mut programme, step)?;
            self.0.reconcile(&programme.to_json()).map(drop)
        }

        fn step(&mut self, step: &DraftStep) {
            self.try_step(step).unwrap();
        }

        fn order(&self) -> String {
            let programme = self.programme();
            let ids = programme.items_in_order().into_iter();
            ids.map(|(id, _)| id.as_str()).collect::<Vec<_>>().join(" ")
        }
    }

    fn exchange([one, other]: &mut [Side; 2]) {
        let (from_one, from_other) = (one.0.changes_since(&[]), other.0.changes_since(&[]));
        one.0.apply(&from_other.concat()).unwrap();
        other.0.apply(&from_one.concat()).unwrap();
    }

    /// What both have after each has taken his steps without the other's.
    fn merged(one: &[DraftStep], other: &[DraftStep]) -> Programme {
        let mut sides = Side::two();
        for (side, steps) in sides.iter_mut().zip([one, other]) {
            steps.iter().for_each(|step| side.step(step));
        }
        exchange(&mut sides);
        let programmes = sides.each_ref().map(Side::programme);
        assert_eq!(programmes[0], programmes[1]);
        assert_eq!(settled(&programmes[0].to_json()).unwrap(), programmes[0]);
        programmes[0].clone()
    }

    /// The fields that differ, as paths.
    fn changed(before: &Value, after: &Value, path: &str, into: &mut Vec<String>) {
        match (before, after) {
            (Value::Object(before), Value::Object(after)) => {
                let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
                for key in keys {
                    let value =
                        |map: &Map<String, Value>| map.get(key).cloned().unwrap_or_default();
                    changed(
                        &value(before),
                        &value(after),
                        &format!("{path}/{key}"),
                        into,
                    );
                }
            }
            _ if before != after => into.push(path.to_owned()),
            _ => {}
        }
    }

    #[test]
    fn what_was_put_behind_an_item_that_is_gone_stands_where_its_author_saw_it() {
        let titled = |title: &str| NewItem {
            title: title.into(),
            ..NewItem::default()
        };
        let add = |id: &str, after: Option<&str>| DraftStep::Item {
            item: id.parse().unwrap(),
            step: ItemStep::Add {
                after: after.map(|it| it.parse().unwrap()),
                new: titled(id),
            },
        };
        let mut seen = Programme::default();
        for (id, after) in [
            ("a", None),
            ("b", Some("a")),
            ("c", Some("b")),
            ("d", Some("c")),
        ] {
            apply(&mut seen, &add(id, after)).unwrap();
        }
        let mut now = seen.clone();
        let remove = |id: &str| DraftStep::Item {
            item: id.parse().unwrap(),
            step: ItemStep::Remove,
        };
        for gone in ["b", "c"] {
            apply(&mut now, &remove(gone)).unwrap();
        }
        let new = add("e", Some("c"));
        apply(&mut seen, &new).unwrap();
        let key = place_of(&seen, &new);
        assert!(apply(&mut now.clone(), &new).is_err());
        apply_elsewhere(&mut now, &new, key.as_deref()).unwrap();
        let order: Vec<&str> = now
            .items_in_order()
            .into_iter()
            .map(|(id, _)| id.as_str())
            .collect();
        assert_eq!(order, ["a", "e", "d"]);
        assert_eq!(place_of(&now, &remove("a")), None);
    }

    #[test]
    fn a_step_changes_the_fields_that_it_is_about_and_no_other() {
        let timing = |minutes| Timing {
            minutes,
            ..Timing::default()
        };
        for (step, expected) in [
            (move_behind("c", None), "/items/c/order_key"),
            (move_behind("a", Some("b")), "/items/a/order_key"),
            (move_behind("b", Some("a")), ""),
            (add("x", Some("a")), "/items/x"),
            (retitle("b", "Bê"), "/items/b/title"),
            (
                item("b", ItemStep::Renumber { number: None }),
                "/items/b/number",
            ),
            (
                item(
                    "a",
                    ItemStep::Retime {
                        timing: timing(Some(20)),
                    },
                ),
                "/items/a/minutes",
            ),
            (
                item(
                    "b",
                    ItemStep::Retype {
                        item_type: Some(ItemType::Vote),
                    },
                ),
                "/items/b/type",
            ),
            (close("b"), "/items/b/circle"),
            (item("a", ItemStep::Open), "/items/a/circle"),
            (remove("b"), "/items/b"),
            (remove("a"), "/items/a /outcomes/o /papers/p /papers/s/item"),
            (bring("x", "b"), "/items/b/papers /papers/x"),
            (
                give_to("p", "b"),
                "/items/a/papers /items/b/papers /papers/p/item",
            ),
            (
                paper("s", PaperStep::Remove),
                "/items/a/papers /items/c/papers /papers/s",
            ),
            (
                paper("p", PaperStep::Retitle { title: "Q".into() }),
                "/papers/p/title",
            ),
            (
                DraftStep::Meeting {
                    step: MeetingStep::State {
                        state: State::Convened,
                    },
                },
                "/meeting/state",
            ),
            (
                DraftStep::Meeting {
                    step: MeetingStep::Place {
                        place: Some("Hội trường".into()),
                    },
                },
                "/meeting/place",
            ),
            (
                DraftStep::Meeting {
                    step: MeetingStep::Retime {
                        when: None,
                        end: None,
                    },
                },
                "/meeting/when",
            ),
            (
                DraftStep::Meeting {
                    step: MeetingStep::Retitle {
                        title: "Kỳ họp 2".into(),
                    },
                },
                "/meeting/title",
            ),
        ] {
            let before = example();
            let mut after = before.clone();
            apply(&mut after, &step).unwrap();

            let mut paths = Vec::new();
            changed(&before.to_json(), &after.to_json(), "", &mut paths);
            assert_eq!(paths.join(" "), expected, "{step:?}");
            let json = serde_json::to_value(&step).unwrap();
            assert_eq!(serde_json::from_value::<DraftStep>(json).unwrap(), step);
        }
    }

    #[test]
    fn what_cannot_be_is_named_and_changes_nothing() {
        let long = "x".repeat(DRAFT_TITLE_BYTES_MAX + 1);
        let name = "x".repeat(DRAFT_NAME_BYTES_MAX + 1);
        let minutes = |minutes| Timing {
            minutes: Some(minutes),
            ..Timing::default()
        };
        let unknown = ItemType::from("hearing".to_owned());
        for (step, code, detail) in [
            (retitle("x", "X"), Code::ItemUnknown, "x"),
            (move_behind("a", Some("x")), Code::ItemUnknown, "x"),
            (add("x", Some("y")), Code::ItemUnknown, "y"),
            (bring("q", "x"), Code::ItemUnknown, "x"),
            (give_to("p", "x"), Code::ItemUnknown, "x"),
            (remove("x"), Code::ItemUnknown, "x"),
            (
                move_behind("a", Some("a")),
                Code::DraftStepInvalid,
                "item a behind itself",
            ),
            (
                add("a", None),
                Code::DraftStepInvalid,
                "item a is there already",
            ),
            (
                bring("p", "a"),
                Code::DraftStepInvalid,
                "paper p is there already",
            ),
            (
                give_to("q", "a"),
                Code::DraftStepInvalid,
                "paper q is not there",
            ),
            (
                retitle("a", " \u{a0}"),
                Code::DraftStepInvalid,
                "title is empty",
            ),
            (
                retitle("a", "A\nB"),
                Code::DraftStepInvalid,
                "title has control characters",
            ),
            (retitle("a", &long), Code::TooLarge, "title: at most 4096"),
            (
                item("a", ItemStep::Close { circle: name }),
                Code::TooLarge,
                "circle: at most 512",
            ),
            (
                item(
                    "a",
                    ItemStep::Close {
                        circle: String::new(),
                    },
                ),
                Code::DraftStepInvalid,
                "circle is empty",
            ),
            (
                item("a", ItemStep::Retime { timing: minutes(0) }),
                Code::DraftStepInvalid,
                "minutes 0; expected 1 to 10000",
            ),
            (
                item(
                    "a",
                    ItemStep::Retype {
                        item_type: Some(unknown),
                    },
                ),
                Code::DraftStepInvalid,
                "type: hearing",
            ),
        ] {
            let mut after = example();
            let error = apply(&mut after, &step).unwrap_err();
            assert_eq!((error.code(), error.detail()), (code, detail), "{step:?}");
            assert_eq!(after, example(), "{step:?}");
        }
        let mut full = example();
        for n in 0..DRAFT_ITEMS_MAX {
            full.items.insert(id(&format!("n{n}")), Item::default());
        }
        let error = apply(&mut full, &add("x", None)).unwrap_err();
        assert_eq!(error.code(), Code::TooLarge);
    }

    #[test]
    fn steps_taken_apart_both_count_where_they_are_about_other_fields() {
        let timing = Timing {
            minutes: Some(15),
            ..Timing::default()
        };
        let one = [
            retitle("b", "Bê"),
            item(
                "b",
                ItemStep::Renumber {
                    number: Some("2a".into()),
                },
            ),
            add("x", Some("c")),
            DraftStep::Meeting {
                step: MeetingStep::Retitle {
                    title: "Kỳ họp thứ 9".into(),
                },
            },
        ];
        let other = [
            move_behind("b", None),
            item("b", ItemStep::Retime { timing }),
            close("b"),
            add("y", Some("c")),
            DraftStep::Meeting {
                step: MeetingStep::State {
                    state: State::Convened,
                },
            },
        ];

        let programme = merged(&one, &other);

        let b = &programme.items["b"];
        assert_eq!((b.title.as_str(), b.number.as_deref()), ("Bê", Some("2a")));
        assert_eq!((b.minutes, b.circle.as_deref()), (Some(15), Some(CIRCLE)));
        let order: Vec<&str> = programme
            .items_in_order()
            .iter()
            .map(|(id, _)| id.as_str())
            .collect();
        assert_eq!(order, ["b", "a", "c", "x", "y"]);
        assert_eq!(programme.meeting.title, "Kỳ họp thứ 9");
        assert_eq!(programme.meeting.state, State::Convened);
    }

    #[test]
    fn an_item_that_was_removed_stays_removed_whatever_others_did_to_it() {
        let of_others = [
            retitle("a", "Á"),
            move_behind("a", Some("c")),
            item("a", ItemStep::Open),
            bring("x", "a"),
        ];

        let programme = merged(&[remove("a")], &of_others);

        let ids: Vec<&str> = programme.items.keys().map(ItemId::as_str).collect();
        assert_eq!(ids, ["b", "c"]);
        // Neither its own paper, nor the one that came meanwhile, nor its outcome is the whole meeting's.
        let papers: Vec<&str> = programme.papers.keys().map(PaperId::as_str).collect();
        assert_eq!(papers, ["s"]);
        assert!(programme.outcomes.is_empty());
    }

    #[test]
    fn a_paper_of_two_items_goes_with_the_last_of_them_also_if_they_were_removed_apart() {
        let programme = merged(&[remove("a")], &[remove("c")]);
        assert!(programme.papers.is_empty(), "{:?}", programme.papers);
    }

    #[test]
    fn papers_given_to_one_item_at_once_are_all_there_and_one_that_was_moved_is_at_one_place() {
        let programme = merged(&[bring("x", "a"), give_to("p", "b")], &[bring("y", "a")]);

        let of = |item: &str| -> BTreeSet<&str> {
            let papers = programme.items[item].papers.iter();
            papers.map(PaperId::as_str).collect()
        };
        assert_eq!(of("a"), BTreeSet::from(["s", "x", "y"]));
        assert_eq!(of("b"), BTreeSet::from(["p"]));
    }

    #[test]
    fn an_item_that_one_closes_and_another_opens_is_closed() {
        let closed = item(
            "a",
            ItemStep::Close {
                circle: "Ban Pháp chế".into(),
            },
        );
        let programme = merged(&[item("a", ItemStep::Open)], &[closed]);
        assert_eq!(programme.items["a"].circle.as_deref(), Some("Ban Pháp chế"));
    }

    #[test]
    fn parts_of_two_dates_that_make_none_lose_their_day() {
        let retime = |parts| Timing {
            when: Some(date(parts)),
            ..Timing::default()
        };
        let february = retime(json!({"year": 2026, "month": 2, "day": 10}));
        let last = retime(json!({"year": 2026, "month": 1, "day": 31}));

        let programme = merged(
            &[item("b", ItemStep::Retime { timing: february })],
            &[item("b", ItemStep::Retime { timing: last })],
        );

        // Both set the day. If the 31 counts, February has no such day.
        let when = programme.items["b"].when.clone().unwrap();
        assert_eq!((when.year(), when.month()), (Some(2026), Some(2)));
        assert!([None, Some(10)].contains(&when.day()), "{when:?}");

        let impossible = json!({
            "meeting": {"title": "T", "when": {"year": 2026, "month": 2, "day": 31}, "end": {}},
            "items": {"b": {"order_key": "V", "title": "B", "when": {"day": 3}}},
        });
        let programme = settled(&impossible).unwrap();
        assert_eq!(
            programme.meeting.when,
            Some(date(json!({"year": 2026, "month": 2})))
        );
        assert_eq!(
            (&programme.meeting.end, &programme.items["b"].when),
            (&None, &None)
        );
    }

    #[test]
    fn an_item_is_put_between_two_that_were_added_apart_behind_the_same_one() {
        let mut sides = Side::two();
        sides[0].step(&add("x", Some("b")));
        sides[1].step(&add("y", Some("b")));
        exchange(&mut sides);
        let keys = sides[0].programme().items;
        assert_eq!(keys["x"].order_key, keys["y"].order_key);

        // Where it stands there already, a step writes nothing, though another key would do as well.
        let mut same = sides[0].programme();
        apply(&mut same, &move_behind("y", Some("x"))).unwrap();
        assert_eq!(same, sides[0].programme());

        sides[0].step(&add("z", Some("x")));
        sides[1].step(&move_behind("a", Some("x")));
        assert_eq!(sides[0].order(), "a b x z y c");
        assert_eq!(sides[1].order(), "b x a y c");
        exchange(&mut sides);
        assert_eq!(sides[0].order(), sides[1].order());
    }

    #[test]
    fn a_broken_row_is_left_out_and_an_item_without_a_key_gets_one() {
        let programme = settled(&json!({
            "meeting": {"id": "m", "title": "T", "kind": 3, "place": "?", "mới": [1]},
            "items": {
                "": {"title": "no id"},
                "a": {"title": "A", "order_key": "Đ"},
                "b": {"title": "B", "order_key": "V", "papers": ["p", "q"]},
                "c": {"title": "C", "order_key": "V"},
                "d": {"title": "D", "order_key": "W", "circle": 7},
                "e": 5,
                "f": {"title": "F"},
            },
            "papers": {"p": {"title": "P"}, "r": {"title": "R", "file": {}}},
            "mới": {"a": null},
        }))
        .unwrap();

        let order: Vec<&str> = programme
            .items_in_order()
            .iter()
            .map(|(id, _)| id.as_str())
            .collect();
        assert_eq!(order, ["f", "b", "c", "a"]);
        assert!(
            programme
                .items
                .values()
                .all(|item| order::is_key(&item.order_key))
        );
        assert_eq!(programme.items["b"].papers, ["p".parse().unwrap()]);
        assert_eq!(programme.papers.len(), 1);
        assert_eq!(
            (programme.meeting.title.as_str(), &programme.meeting.kind),
            ("T", &None)
        );
        assert_eq!(programme.meeting.extra["mới"], json!([1]));
        assert_eq!(programme.extra["mới"], json!({"a": null}));
        assert_eq!(settled(&programme.to_json()).unwrap(), programme);
        assert_eq!(settled(&json!([])).unwrap_err().code(), Code::Malformed);
        assert_eq!(settled(&example().to_json()).unwrap(), example());
    }

    /// A step drawn for whatever items and papers the side has by then.
    #[derive(Debug, Clone)]
    enum Drawn {
        Exchange,
        Step(bool, u8, Index, Index),
    }

    fn drawn() -> impl Strategy<Value = Drawn> {
        prop_oneof![
            1 => Just(Drawn::Exchange),
            8 => (any::<bool>(), 0..12_u8, any::<Index>(), any::<Index>())
                .prop_map(|(side, kind, a, b)| Drawn::Step(side, kind, a, b)),
        ]
    }

    /// Turns what was drawn into a step; nothing of it gives a paper to the whole meeting.
    fn drawn_step(
        programme: &Programme,
        kind: u8,
        a: Index,
        b: Index,
        n: usize,
    ) -> Option<DraftStep> {
        let ids: Vec<&str> = programme.items.keys().map(ItemId::as_str).collect();
        let papers: Vec<&str> = programme.papers.keys().map(PaperId::as_str).collect();
        let new = format!("n{n}");
        let after = (!ids.is_empty() && b.index(5) > 0).then(|| ids[b.index(ids.len())]);
        if kind == 0 {
            return Some(add(&new, after));
        }
        let own = *ids.get(a.index(ids.len().max(1)))?;
        let owner = *ids.get(b.index(ids.len()))?;
        let of_paper = papers.get(a.index(papers.len().max(1))).copied();
        let (month, day) = ([2, 12][b.index(2)], [1, 28, 31][a.index(3)]);
        let when = DateParts {
            month: Some(month),
            day: Some(day),
            ..DateParts::default()
        };
        let when = PartialDate::try_from(when).ok();
        Some(match kind {
            1 | 2 => move_behind(own, after.filter(|after| *after != own)),
            3 => retitle(own, &format!("Tên {n}")),
            4 => item(
                own,
                ItemStep::Renumber {
                    number: Some(n.to_string()),
                },
            ),
            5 => item(
                own,
                ItemStep::Retime {
                    timing: Timing {
                        when,
                        ..Timing::default()
                    },
                },
            ),
            6 => close(own),
            7 => item(own, ItemStep::Open),
            8 => remove(own),
            9 => bring(&new, owner),
            10 => give_to(of_paper?, owner),
            _ => paper(of_paper?, PaperStep::Remove),
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(120))]

        #[test]
        fn steps_of_two_sides_in_any_order_make_one_programme_that_has_every_item_once(
            all in proptest::collection::vec(drawn(), 1..40),
        ) {
            let mut sides = Side::two();
            let mut there: BTreeSet<ItemId> = example().items.into_keys().collect();
            let mut gone = BTreeSet::new();
            let mut closed = BTreeSet::from([id("a"), id("c")]);
            let mut opened = BTreeSet::new();
            for (n, drawn) in all.into_iter().enumerate() {
                let Drawn::Step(side, kind, a, b) = drawn else {
                    exchange(&mut sides);
                    continue;
                };
                let side = &mut sides[usize::from(side)];
                let Some(step) = drawn_step(&side.programme(), kind, a, b, n) else { continue };
                side.try_step(&step).unwrap();
                if let DraftStep::Item { item, step } = step {
                    let set = match step {
                        ItemStep::Add { .. } => &mut there,
                        ItemStep::Remove => &mut gone,
                        ItemStep::Close { .. } => &mut closed,
                        ItemStep::Open => &mut opened,
                        ItemStep::Move { .. }
                        | ItemStep::Retitle { .. }
                        | ItemStep::Renumber { .. }
                        | ItemStep::Retime { .. }
                        | ItemStep::Retype { .. } => continue,
                    };
                    set.insert(item);
                }
            }
            exchange(&mut sides);

            let [one, other] = sides.each_ref().map(Side::programme);
            prop_assert_eq!(&one, &other);
            prop_assert_eq!(&settled(&one.to_json()).unwrap(), &one);
            let items: BTreeSet<ItemId> = one.items.keys().cloned().collect();
            prop_assert_eq!(&items, &(&there - &gone));
            for id in &(&closed - &opened) & &items {
                prop_assert!(one.items[&id].circle.is_some(), "{} is open", id);
            }
            for paper in one.papers.keys() {
                let owners = one.items.values().filter(|item| item.papers.contains(paper));
                prop_assert!(owners.count() > 0, "{} is everybody's", paper);
            }
            // Both can go on from there.
            for side in &mut sides {
                let first = side.programme().items_in_order().first().map(|(id, _)| (*id).clone());
                side.step(&add("last", first.as_ref().map(ItemId::as_str)));
                let order = side.order();
                prop_assert_eq!(order.split(' ').position(|id| id == "last"), Some(usize::from(first.is_some())));
            }
        }
    }
}
