//! A draft in the parts in which it is published: the open programme, and one for each circle.
//!
//! Nothing of an item that names a circle is in the open part: neither the item, nor its outcomes, nor
//! papers that no open item has. They are in the circle's part, with as much of the meeting's head as
//! somebody needs who reads that part alone.

use std::collections::{BTreeMap, BTreeSet};

use nghisu_core::{
    Result,
    ids::{Audience, CircleId, Feed, Hash, MeetingId},
    meeting::{
        Item, ItemId, Meeting, Outcome, PaperId, Programme, content_hash,
        publication::{
            Publication, SecretarySignature, SignedPublication, programme_feed, programme_of,
        },
    },
    time::Timestamp,
};

use super::{
    Published, about, draft, publishes,
    write::{Author, DocumentChange, change_document, open, unchanged},
};
use crate::{
    db::{Tx, rows::MeetingRow},
    office::office_row,
};

/// What is to be published of a meeting, worked out and not yet written.
pub(super) struct Worked {
    pub(super) meeting: MeetingId,
    pub(super) external_id: String,
    pub(super) number: u64,
    pub(super) parts: Vec<WorkedPart>,
    closed: Vec<String>,
}

/// A part that differs from what was published of it.
pub(super) struct WorkedPart {
    /// The name of the circle that reads it; none for the open part.
    pub(super) circle: Option<String>,
    pub(super) change: DocumentChange,
    /// The publication that it follows.
    pub(super) base: Option<SignedPublication>,
    pub(super) publication: Publication,
    /// A secretary's signature, where one has signed.
    pub(super) signature: Option<SecretarySignature>,
    pub(super) programme: Programme,
}

impl Worked {
    pub(super) fn summary(&self) -> Published {
        let parts = self.parts.iter();
        Published {
            meeting: self.meeting,
            external_id: self.external_id.clone(),
            number: self.number,
            parts: parts
                .map(|part| (part.circle.clone(), part.publication.clone()))
                .collect(),
            closed: self.closed.clone(),
        }
    }
}

/// Works out what a publication of the meeting would be; `None` if nothing has changed.
pub(super) fn work_out(
    tx: &Tx<'_>,
    author: Author,
    meeting: &MeetingRow,
    note: &str,
    now: Timestamp,
) -> Result<Option<Worked>> {
    let to_sign = secretaries_sign(tx)?;
    let Some(draft) = draft(tx, meeting.id)? else {
        return Ok(None);
    };
    let wanted = split(&draft, |name| tx.circle_named(name).map(Some))?;
    let number = author.next_number(tx, meeting.id)?;
    let closed = closed(tx, meeting.id, &draft)?;
    let mut parts = Vec::new();
    for (circle, (name, programme)) in with_emptied(tx, meeting.id, wanted.parts)? {
        let feed = programme_feed(meeting.id, circle);
        let newest = tx.newest_publication(feed)?;
        let content = programme.to_json();
        let base = newest.as_ref().map(|(_, newest)| newest.content);
        let unsigned = newest
            .as_ref()
            .is_some_and(|(it, _)| it.signature.is_none());
        let change = if base == Some(content_hash(&content)) {
            None
        } else {
            change_document(tx, author, feed, &content)
                .map_err(|error| about(&error, &meeting.external_id))?
        };
        let abandons = tx.abandoned_of(feed)?;
        let change = match change {
            Some(change) => change,
            None if unsigned && to_sign || !abandons.is_empty() => unchanged(tx, feed)?,
            None => continue,
        };
        let publication = Publication {
            meeting: meeting.id,
            number,
            base_number: newest.as_ref().map_or(0, |(_, newest)| newest.number),
            heads: change.heads.clone(),
            content: content_hash(&change.content),
            note: note.to_owned(),
            published_at: now,
            base: base.unwrap_or(Hash::ZERO),
            circle,
            abandons,
        };
        parts.push(WorkedPart {
            circle: name,
            change,
            base: newest.map(|(signed, _)| signed),
            publication,
            signature: None,
            programme,
        });
    }
    if parts.is_empty() {
        return Ok(None);
    }
    Ok(Some(Worked {
        meeting: meeting.id,
        external_id: meeting.external_id.clone(),
        number,
        parts,
        closed,
    }))
}

/// Says whether anything of a draft differs from what is published.
pub(super) fn differs(tx: &Tx<'_>, meeting: MeetingId, draft: &Programme) -> Result<bool> {
    let wanted = split(draft, |name| {
        Ok(match tx.circle(name)? {
            Some(Audience::Circle(circle)) => Some(circle),
            Some(_) | None => None,
        })
    })?;
    if wanted.unnamed {
        return Ok(true);
    }
    let to_sign = secretaries_sign(tx)?;
    for (circle, (_, programme)) in with_emptied(tx, meeting, wanted.parts)? {
        let feed = programme_feed(meeting, circle);
        let newest = tx.newest_publication(feed)?;
        let content = content_hash(&programme.to_json());
        let stands = newest.is_some_and(|(signed, newest)| {
            newest.content == content && (signed.signature.is_some() || !to_sign)
        }) && tx.abandoned_of(feed)?.is_empty();
        if !stands {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Says whether publications have to be signed by a secretary. Those that the server made before are
/// published once more, unchanged: no device takes them in newly without a secretary's signature.
fn secretaries_sign(tx: &Tx<'_>) -> Result<bool> {
    Ok(!publishes(&office_row(tx)?)?)
}

type Items = BTreeMap<ItemId, Item>;
type Parts = BTreeMap<Option<CircleId>, (Option<String>, Programme)>;

struct Split {
    parts: Parts,
    /// Whether a circle is named that the office does not have yet.
    unnamed: bool,
}

/// Takes a draft apart. The open part comes first.
fn split(
    draft: &Programme,
    mut circle_of: impl FnMut(&str) -> Result<Option<CircleId>>,
) -> Result<Split> {
    // The open part is there also without any item.
    let mut items = BTreeMap::from([(None, (None, Items::new()))]);
    let mut unnamed = false;
    for (id, item) in &draft.items {
        let circle = match &item.circle {
            None => None,
            Some(name) => match circle_of(name)? {
                Some(circle) => Some(circle),
                None => {
                    unnamed = true;
                    continue;
                }
            },
        };
        let (name, own) = items.entry(circle).or_default();
        name.clone_from(&item.circle);
        own.insert(id.clone(), item.clone());
    }
    let parts = items.into_iter();
    let parts = parts.map(|(circle, (name, items))| (circle, (name, part(draft, circle, items))));
    Ok(Split {
        parts: parts.collect(),
        unnamed,
    })
}

/// Puts the part together that has these items.
fn part(draft: &Programme, circle: Option<CircleId>, items: Items) -> Programme {
    let named: BTreeSet<&PaperId> = items.values().flat_map(|item| &item.papers).collect();
    let closed: BTreeSet<&PaperId> = draft
        .items
        .values()
        .filter(|item| item.circle.is_some())
        .flat_map(|item| &item.papers)
        .collect();
    let papers = draft.papers.iter().filter(|(id, _)| match circle {
        None => named.contains(id) || !closed.contains(id),
        Some(_) => named.contains(id),
    });
    let is_own = |outcome: &Outcome| match (&outcome.item, circle) {
        (Some(item), None) => items.contains_key(item) || !draft.items.contains_key(item),
        (Some(item), Some(_)) => items.contains_key(item),
        (None, None) => true,
        (None, Some(_)) => false,
    };
    let outcomes = draft.outcomes.iter().filter(|(_, it)| is_own(it));
    Programme {
        papers: papers.map(|(id, it)| (id.clone(), it.clone())).collect(),
        outcomes: outcomes.map(|(id, it)| (id.clone(), it.clone())).collect(),
        meeting: match circle {
            None => draft.meeting.clone(),
            Some(_) => head(&draft.meeting),
        },
        extra: match circle {
            None => draft.extra.clone(),
            Some(_) => BTreeMap::new(),
        },
        items,
    }
}

/// What a circle's part says of the meeting: enough for somebody who reads that part alone.
fn head(meeting: &Meeting) -> Meeting {
    Meeting {
        id: meeting.id.clone(),
        kind: meeting.kind.clone(),
        title: meeting.title.clone(),
        state: meeting.state.clone(),
        when: meeting.when.clone(),
        end: meeting.end.clone(),
        place: meeting.place.clone(),
        ..Meeting::default()
    }
}

/// A circle that had a part and has no item any more has an empty one.
fn with_emptied(tx: &Tx<'_>, meeting: MeetingId, mut parts: Parts) -> Result<Parts> {
    let names: BTreeMap<Audience, String> = tx
        .audience_names()?
        .into_iter()
        .map(|named| (named.audience, named.name))
        .collect();
    let circles = tx.published_feeds(meeting)?.into_iter();
    for circle in circles.filter_map(|feed| programme_of(feed)?.1) {
        parts.entry(Some(circle)).or_insert_with(|| {
            let name = names.get(&Audience::Circle(circle)).cloned();
            (name, Programme::default())
        });
    }
    Ok(parts)
}

/// Returns the titles of items that are in the open part now and will be in a circle's alone.
fn closed(tx: &Tx<'_>, meeting: MeetingId, draft: &Programme) -> Result<Vec<String>> {
    let Some(row) = tx.document(Feed::Programme(meeting))? else {
        return Ok(Vec::new());
    };
    let document = open(&row.saved, *row.id.as_bytes())?;
    let published = Programme::from_json(&document.to_json()?)?;
    let is_closed = |id: &ItemId| draft.items.get(id).is_some_and(|it| it.circle.is_some());
    let items = published.items_in_order().into_iter();
    Ok(items
        .filter(|(id, _)| is_closed(id))
        .map(|(_, item)| item.title.clone())
        .collect())
}
