//! `nghisu item`: the items of a draft, one step at a time.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Display,
};

use clap::{Args, Subcommand};
use nghisu_core::{
    Code, Error, Language, Result,
    meeting::{
        Change, Item, ItemId, ItemType, Programme,
        changes::{Timing, changes},
        drafting::{DraftStep, ItemStep, NewItem},
    },
    time::PartialDate,
};
use serde_json::{Value, json};

use super::{
    Data,
    meeting::{Given, changed},
    out,
    publish::visible,
    say,
};
use crate::{
    Office, clock,
    office::{Asked, Draft},
};

#[derive(Debug, Subcommand)]
pub(super) enum ItemCommand {
    /// Add an item; prints the id by which it is named
    Add(AddArguments),
    /// Put an item elsewhere
    Move {
        #[command(flatten)]
        of: OneItem,
        #[command(flatten)]
        place: Place,
    },
    /// Give an item another title
    Retitle {
        #[command(flatten)]
        of: OneItem,
        /// Title
        #[arg(value_name = "TEXT")]
        title: String,
    },
    /// Give an item another number, as it is printed; the others keep theirs
    Renumber {
        #[command(flatten)]
        of: OneItem,
        /// Number; - for none
        #[arg(value_name = "NUMBER", allow_hyphen_values = true)]
        number: Given<String>,
    },
    /// Give an item another time; what is not named stays
    #[command(group(clap::ArgGroup::new("retimed").required(true).multiple(true)
        .args(["when", "end", "minutes"])))]
    Retime {
        #[command(flatten)]
        of: OneItem,
        #[command(flatten)]
        time: Times,
    },
    /// Say what is done at an item
    Retype {
        #[command(flatten)]
        of: OneItem,
        /// What is done
        #[arg(value_name = "TYPE", value_parser = item_type)]
        item_type: ItemType,
    },
    /// Close an item, so that a circle alone reads it from the next publication on
    Close {
        #[command(flatten)]
        of: OneItem,
        /// The circle, which is there already: see `nghisu member list`
        #[arg(long, value_name = "NAME")]
        circle: String,
    },
    /// Open an item, so that all who take part read it from the next publication on
    Open(OneItem),
    /// Remove an item, its outcomes, and the papers that no other item has
    Remove(OneItem),
    /// List the items of a draft, with what differs from the published programme
    List {
        /// Meeting, by its id or its author's
        #[arg(value_name = "MEETING")]
        meeting: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        data: Data,
    },
}

#[derive(Debug, Args)]
pub(super) struct AddArguments {
    /// Meeting, by its id or its author's
    #[arg(value_name = "MEETING")]
    meeting: String,
    /// Title
    #[arg(value_name = "TEXT")]
    title: String,
    /// Behind which item, by its id or its number [default: at the end]
    #[arg(long, value_name = "ITEM", conflicts_with = "first")]
    after: Option<String>,
    /// Before all others
    #[arg(long)]
    first: bool,
    /// Number as it is printed
    #[arg(long, value_name = "NUMBER")]
    number: Option<String>,
    /// What is done
    #[arg(long = "type", value_name = "TYPE", value_parser = item_type)]
    item_type: Option<ItemType>,
    #[command(flatten)]
    time: Times,
    /// The circle that alone reads it, which is there already
    #[arg(long, value_name = "NAME")]
    circle: Option<String>,
    #[command(flatten)]
    data: Data,
}

/// An item of a draft.
#[derive(Debug, Args)]
pub(super) struct OneItem {
    /// Meeting, by its id or its author's
    #[arg(value_name = "MEETING")]
    meeting: String,
    /// Item, by its id, or by its number where no other has it
    #[arg(value_name = "ITEM")]
    item: String,
    #[command(flatten)]
    data: Data,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct Place {
    /// Behind which item, by its id or its number
    #[arg(long, value_name = "ITEM")]
    after: Option<String>,
    /// Before all others
    #[arg(long)]
    first: bool,
    /// Behind all others
    #[arg(long)]
    last: bool,
}

#[derive(Debug, Args)]
pub(super) struct Times {
    /// When it begins: 08:00, 2026-12-07T08:00, "2026-12-07 sáng"; - for unknown
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true)]
    when: Option<Given<PartialDate>>,
    /// When it ends, written likewise
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true)]
    end: Option<Given<PartialDate>>,
    /// Minutes that it is expected to take; - for unknown
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    minutes: Option<Given<u32>>,
}

fn item_type(word: &str) -> Result<ItemType, String> {
    ItemType::parse(word).ok_or_else(|| format!("expected {}", ItemType::WORDS.join(", ")))
}

pub(super) fn run(command: ItemCommand, language: Language) -> Result<()> {
    match command {
        ItemCommand::Add(arguments) => add(arguments, language),
        ItemCommand::Move { of, place } => take(of, language, move |draft, id| {
            let after = match place.after {
                Some(after) => Some(find(draft, &after, language)?),
                None if place.last => last(draft, Some(id)),
                None => None,
            };
            Ok(ItemStep::Move { after })
        }),
        ItemCommand::Retitle { of, title } => {
            take(of, language, |_, _| Ok(ItemStep::Retitle { title }))
        }
        ItemCommand::Renumber {
            of,
            number: Given(number),
        } => take(of, language, |_, _| Ok(ItemStep::Renumber { number })),
        ItemCommand::Retime { of, time } => take(of, language, |draft, id| {
            let so_far = draft.items.get(id).cloned().unwrap_or_default();
            let timing = time.beside(so_far);
            Ok(ItemStep::Retime { timing })
        }),
        ItemCommand::Retype { of, item_type } => take(of, language, |_, _| {
            let item_type = Some(item_type);
            Ok(ItemStep::Retype { item_type })
        }),
        ItemCommand::Close { of, circle } => {
            Office::open(&of.data.data)?.audience(Asked::Circle(&circle))?;
            take(of, language, |_, _| Ok(ItemStep::Close { circle }))
        }
        ItemCommand::Open(of) => take(of, language, |_, _| Ok(ItemStep::Open)),
        ItemCommand::Remove(of) => take(of, language, |_, _| Ok(ItemStep::Remove)),
        ItemCommand::List {
            meeting,
            json,
            data,
        } => list(&Office::open(&data.data)?.draft(&meeting)?, json, language),
    }
}

fn add(arguments: AddArguments, language: Language) -> Result<()> {
    let office = Office::open(&arguments.data.data)?;
    if let Some(circle) = &arguments.circle {
        office.audience(Asked::Circle(circle))?;
    }
    let id = drawn_id()?;
    let item: ItemId = id
        .parse()
        .map_err(|error| Error::new(Code::Internal, error))?;
    let new = NewItem {
        title: arguments.title,
        number: arguments.number,
        timing: arguments.time.beside(Item::default()),
        item_type: arguments.item_type,
        circle: arguments.circle,
    };
    let (after, first) = (arguments.after, arguments.first);
    let steps = move |draft: &Programme| {
        let after = match after {
            Some(after) => Some(find(draft, &after, language)?),
            None if first => None,
            None => last(draft, None),
        };
        let step = ItemStep::Add { after, new };
        Ok(vec![DraftStep::Item { item, step }])
    };
    office.draft_steps(&arguments.meeting, steps, clock::now())?;
    out(&id)
}

/// Draws the id of an item or a paper.
pub(super) fn drawn_id() -> Result<String> {
    let drawn: [u8; 5] = clock::random()?;
    Ok(drawn.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Takes a step about an item, and says which one that was.
fn take(
    of: OneItem,
    language: Language,
    step: impl FnOnce(&Programme, &ItemId) -> Result<ItemStep> + Send + 'static,
) -> Result<()> {
    let asked = of.item.clone();
    let steps = move |draft: &Programme| {
        let item = find(draft, &asked, language)?;
        let step = step(draft, &item)?;
        Ok(vec![DraftStep::Item { item, step }])
    };
    let office = Office::open(&of.data.data)?;
    let drafted = office.draft_steps(&of.meeting, steps, clock::now())?;
    let id = find(&drafted.before, &of.item, language)?;
    let (before, after) = (drafted.before.items.get(&id), drafted.after.items.get(&id));
    let name = after.or(before).map(name).unwrap_or_default();
    let word = match after {
        Some(_) => changed(drafted.draft.changed, language),
        None => say(language, "đã bỏ", "removed"),
    };
    out(&format!("{word}  {id}  {name}"))
}

/// Finds an item by its id, or by its number.
pub(super) fn find(draft: &Programme, asked: &str, language: Language) -> Result<ItemId> {
    if let Some((id, _)) = draft.items.get_key_value(asked) {
        return Ok(id.clone());
    }
    let items = draft.items_in_order().into_iter();
    let found: Vec<&ItemId> = items
        .filter(|(_, item)| item.number.as_deref() == Some(asked))
        .map(|(id, _)| id)
        .collect();
    the_one(&found, asked, Code::ItemUnknown, language)
}

/// Returns the one that has a number, or says by `code` that none has, or several.
pub(super) fn the_one<I: Clone + Display>(
    found: &[&I],
    asked: &str,
    code: Code,
    language: Language,
) -> Result<I> {
    match found {
        [one] => Ok((*one).clone()),
        [] => Err(Error::new(code, asked)),
        _ => {
            let ids: Vec<String> = found.iter().map(ToString::to_string).collect();
            let words = say(
                language,
                "nhiều chỗ có số này, dùng mã",
                "several have this number, name one by its id",
            );
            let detail = format!("{asked}: {words}: {}", ids.join(", "));
            Err(Error::new(code, detail))
        }
    }
}

/// Returns the last item but one that is looked away from.
fn last(draft: &Programme, but: Option<&ItemId>) -> Option<ItemId> {
    let items = draft.items_in_order().into_iter().rev();
    let mut others = items.map(|(id, _)| id).filter(|id| Some(*id) != but);
    others.next().cloned()
}

impl Times {
    /// Returns the whole of a time; what was not named stays as it is.
    fn beside(self, so_far: Item) -> Timing {
        Timing {
            when: self.when.map_or(so_far.when, |Given(when)| when),
            end: self.end.map_or(so_far.end, |Given(end)| end),
            minutes: self
                .minutes
                .map_or(so_far.minutes, |Given(minutes)| minutes),
        }
    }
}

/// What differs at an item from what is published of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Differs {
    New,
    Moved,
    Retitled,
    Renumbered,
    Retimed,
    Closed,
    Opened,
    Changed,
}

impl Differs {
    const fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Moved => "moved",
            Self::Retitled => "retitled",
            Self::Renumbered => "renumbered",
            Self::Retimed => "retimed",
            Self::Closed => "closed",
            Self::Opened => "opened",
            Self::Changed => "changed",
        }
    }

    const fn text(self, language: Language) -> &'static str {
        match (language, self) {
            (Language::English, _) => self.name(),
            (Language::Vietnamese, Self::New) => "mới",
            (Language::Vietnamese, Self::Moved) => "chuyển chỗ",
            (Language::Vietnamese, Self::Retitled) => "đổi tên",
            (Language::Vietnamese, Self::Renumbered) => "đổi số",
            (Language::Vietnamese, Self::Retimed) => "đổi thời gian",
            (Language::Vietnamese, Self::Closed) => "nay kín",
            (Language::Vietnamese, Self::Opened) => "nay mở",
            (Language::Vietnamese, Self::Changed) => "thay đổi",
        }
    }

    /// Returns what differs at each item of a draft.
    fn of(draft: &Draft) -> BTreeMap<&ItemId, Vec<Self>> {
        let Some(published) = &draft.published else {
            return BTreeMap::new();
        };
        let changes = changes(published, &draft.programme);
        let moved: BTreeSet<&ItemId> = changes
            .iter()
            .filter_map(|change| {
                if let Change::Moved { item, .. } = change {
                    Some(&item.id)
                } else {
                    None
                }
            })
            .collect();
        let items = draft.programme.items.iter();
        let differs = items.map(|(id, item)| match published.items.get(id) {
            None => (id, vec![Self::New]),
            Some(before) => (id, Self::between(before, item, moved.contains(id))),
        });
        differs.filter(|(_, differs)| !differs.is_empty()).collect()
    }

    fn between(before: &Item, item: &Item, moved: bool) -> Vec<Self> {
        let closure = match (&before.circle, &item.circle) {
            (before, now) if before == now => None,
            (_, Some(_)) => Some(Self::Closed),
            (_, None) => Some(Self::Opened),
        };
        let named = [
            moved.then_some(Self::Moved),
            (before.title != item.title).then_some(Self::Retitled),
            (before.number != item.number).then_some(Self::Renumbered),
            (Timing::of_item(before) != Timing::of_item(item)).then_some(Self::Retimed),
            closure,
        ];
        let otherwise = Item {
            order_key: item.order_key.clone(),
            title: item.title.clone(),
            number: item.number.clone(),
            when: item.when.clone(),
            end: item.end.clone(),
            minutes: item.minutes,
            circle: item.circle.clone(),
            ..before.clone()
        };
        let changed = (otherwise != *item).then_some(Self::Changed);
        named.into_iter().chain([changed]).flatten().collect()
    }
}

fn list(draft: &Draft, json: bool, language: Language) -> Result<()> {
    let differs = Differs::of(draft);
    let published = draft.published.iter().flat_map(Programme::items_in_order);
    let removed: Vec<(&ItemId, &Item)> = published
        .filter(|(id, _)| !draft.programme.items.contains_key(*id))
        .collect();
    if json {
        return out(&as_json(draft, &differs, &removed));
    }
    let status = &draft.status;
    let meeting = &draft.programme.meeting;
    let when = meeting
        .when
        .as_ref()
        .map(|when| format!("  {}", when.written(language)));
    out(&format!(
        "{}  {}{}  [{}]",
        status.external_id,
        visible(&meeting.title),
        visible(&when.unwrap_or_default()),
        super::how_far(status, language),
    ))?;
    for (id, item) in draft.programme.items_in_order() {
        let words: Vec<&str> = differs
            .get(id)
            .into_iter()
            .flatten()
            .map(|differs| differs.text(language))
            .collect();
        let (mark, words) = match words[..] {
            [] => (' ', String::new()),
            _ => ('*', format!("  [{}]", words.join(", "))),
        };
        let about = about(item, language);
        out(&format!("{mark} {id}  {}{about}{words}", name(item)))?;
    }
    for (id, item) in removed {
        let word = say(language, "đã bỏ", "removed");
        out(&format!("- {id}  {}  [{word}]", name(item)))?;
    }
    Ok(())
}

/// Returns number and title of an item.
fn name(item: &Item) -> String {
    let number = item.number.as_ref().map(|number| format!("{number}  "));
    visible(&format!("{}{}", number.unwrap_or_default(), item.title))
}

fn about(item: &Item, language: Language) -> String {
    let timing = Timing::of_item(item);
    let time = (timing != Timing::default()).then(|| timing.text(language));
    let circle = item.circle.as_ref();
    let circle =
        circle.map(|circle| format!("{}: {circle}", say(language, "riêng nhóm", "circle")));
    let papers: Vec<&str> = item.papers.iter().map(|paper| paper.as_str()).collect();
    let papers = (!papers.is_empty()).then(|| {
        format!(
            "{}: {}",
            say(language, "tài liệu", "papers"),
            papers.join(", ")
        )
    });
    let all: Vec<String> = [time, circle, papers].into_iter().flatten().collect();
    match all[..] {
        [] => String::new(),
        _ => visible(&format!("  ({})", all.join("; "))),
    }
}

fn as_json(
    draft: &Draft,
    differs: &BTreeMap<&ItemId, Vec<Differs>>,
    removed: &[(&ItemId, &Item)],
) -> Value {
    let row = |id: &ItemId, item: &Item| {
        json!({
            "id": id,
            "number": item.number,
            "title": item.title,
            "type": item.item_type,
            "when": item.when,
            "end": item.end,
            "minutes": item.minutes,
            "circle": item.circle,
            "papers": item.papers,
        })
    };
    let items = draft.programme.items_in_order().into_iter();
    let items = items.map(|(id, item)| {
        let mut row = row(id, item);
        let names = differs.get(id).into_iter().flatten();
        row["differs"] = names.map(|differs| differs.name()).collect();
        row
    });
    json!({
        "meeting": super::meeting_json(&draft.status),
        "items": items.collect::<Value>(),
        "removed": removed.iter().map(|(id, item)| row(id, item)).collect::<Value>(),
    })
}
