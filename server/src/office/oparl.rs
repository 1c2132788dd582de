//! What is public of the body, as OParl 1.1.
//!
//! Public is the open part of each meeting as it was published last, without items that are not public
//! and without the papers that only those have. Drafts and the parts of circles are never a source: the
//! latter are read for the addresses alone that must not be mentioned.
//!
//! When an object was made, changed or taken away follows from the publications, replayed in the order
//! in which they were made. What came from OParl keeps its id and every field; what we have made has ids
//! below the base that the office is asked for.
//!
//! What the office states of its body is public too, but for accounts; the statements are replayed among the
//! publications.

mod body;
mod objects;
mod pages;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};

use nghisu_core::{
    Code, Error, Result,
    document::Document,
    ids::{Feed, Hash, MeetingId},
    limits::UTC_OFFSET_MS,
    meeting::{ItemId, PaperId, Programme, body::Body, content_hash, publication::Publication},
    time::Timestamp,
};
use serde_json::{Map, Value};

use super::{Office, body::history, office_row};
use crate::db::{Tx, rows::MeetingRow};

pub use pages::{Filter, PublicBody};

/// What the addresses of OParl's types begin with.
const TYPES: &str = "https://schema.oparl.org/1.1/";
/// Bytes of an author's id that stands in an address as it is.
const SEGMENT_BYTES_MAX: usize = 64;

/// The address below which the ids lie of all that is not imported; ends with a slash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base(String);

impl Base {
    /// Reads an address like `https://hdnd.example/oparl`.
    ///
    /// # Errors
    /// In words, what is expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let host = text.strip_prefix("https://");
        let host = host.or_else(|| text.strip_prefix("http://")).unwrap_or("");
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._~:/[]".contains(c);
        if host.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[')
            && host.chars().all(plain)
        {
            Ok(Self(format!("{}/", text.trim_end_matches('/'))))
        } else {
            Err("expected an address like https://hdnd.example/oparl".to_owned())
        }
    }

    /// Returns the address of what lies at a path below it.
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }

    /// Returns the path below it; `None` of an address that lies elsewhere.
    fn path<'a>(&self, address: &'a str) -> Option<&'a str> {
        address.strip_prefix(&self.0)
    }

    /// Returns the path below it at which an object of that id has a file of its own. Ids may come from
    /// anybody: none leads out of the folder, or to the place of the system, the body or a list.
    fn file<'a>(&self, id: &'a str) -> Option<&'a str> {
        self.path(id).filter(|path| {
            let plain = |part: &str| {
                let plain = |c: u8| c.is_ascii_alphanumeric() || b"-_~".contains(&c);
                !part.is_empty() && part.bytes().all(plain)
            };
            path.rsplit_once('/').is_some_and(|(folder, name)| {
                folder.split('/').all(plain) && name.strip_suffix(".json").is_some_and(plain)
            })
        })
    }
}

/// A file that belongs to a public paper.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicFile {
    /// SHA-256 of its content.
    pub hash: Hash,
    /// Its media type.
    pub media_type: String,
}

impl Office {
    /// Returns what is public, with ids below `base`.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn oparl(&self, base: &Base) -> Result<PublicBody> {
        self.db.read(|tx| read(tx, base))
    }

    /// Returns what is public, if this office gives it out: as it was worked out last, unless something
    /// was published since.
    ///
    /// # Errors
    /// As [`Office::oparl`].
    pub(crate) fn public_oparl(&self) -> Result<Option<Arc<PublicBody>>> {
        let Some(base) = &self.public.base else {
            return Ok(None);
        };
        // Whoever comes meanwhile waits for the same answer.
        let known = self.public.known.lock();
        let mut known = known.unwrap_or_else(PoisonError::into_inner);
        self.db.read(|tx| {
            let stated = tx.all_body_statements()?.len();
            let now = (tx.count_publications()?, stated, office_row(tx)?.body_name);
            match &*known {
                Some((then, public)) if *then == now => Ok(Some(public.clone())),
                Some(_) | None => {
                    let public = Arc::new(read(tx, base)?);
                    *known = Some((now, public.clone()));
                    Ok(Some(public))
                }
            }
        })
    }
}

/// Whether an office gives out what is public, and what that was when it was asked last.
#[derive(Default)]
pub(super) struct Public {
    base: Option<Base>,
    known: Mutex<Option<Known>>,
}

/// How many publications and statements of the body there were, what it was called, and what was public then.
type Known = ((u64, usize, String), Arc<PublicBody>);

impl Public {
    pub(super) fn at(base: Base) -> Self {
        Self {
            base: Some(base),
            known: Mutex::default(),
        }
    }
}

fn read(tx: &Tx<'_>, base: &Base) -> Result<PublicBody> {
    let mut states = Vec::new();
    for meeting in tx.meetings()? {
        states.extend(states_of(tx, base, &meeting)?);
    }
    let mut stated = None;
    for statement in history(tx)? {
        // A clock that was put back does not put an older statement in front.
        let before = stated.as_ref().map(|it: &Stated| (it.first, it.newest));
        let at = before.map_or(statement.stated_at, |(_, at)| at.max(statement.stated_at));
        states.push(State {
            at,
            source: Source::Body,
            number: statement.number,
            says: Says::Body(Box::new(statement.body.clone())),
        });
        stated = Some(Stated {
            first: before.map_or(at, |(first, _)| first),
            newest: at,
            body: statement.body,
        });
    }
    states.sort_by_key(|state| (state.at, state.source, state.number));
    let mut ledger = Ledger::default();
    for state in states {
        ledger.take(base, state);
    }
    let name = office_row(tx)?.body_name;
    Ok(PublicBody::new(base.clone(), &name, stated, ledger))
}

/// What the office states of its body, and since when it does.
struct Stated {
    first: Timestamp,
    newest: Timestamp,
    body: Body,
}

/// Who has said something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    /// The office, of its body.
    Body,
    /// The publications of a meeting.
    Meeting(MeetingId),
}

type Objects = BTreeMap<String, Value>;
type Files = BTreeMap<String, PublicFile>;

/// What one publication made public of its meeting, or one statement of the body.
struct State {
    at: Timestamp,
    source: Source,
    number: u64,
    says: Says,
}

/// The objects and files of it. Those of a body are made when its turn comes: each statement has all of them.
enum Says {
    Body(Box<Body>),
    Meeting(Objects, Files),
}

/// Returns what each publication of the open part has made public, as far as the document still says it.
fn states_of(tx: &Tx<'_>, base: &Base, meeting: &MeetingRow) -> Result<Vec<State>> {
    let feed = Feed::Programme(meeting.id);
    let publications = tx.publications(feed)?;
    let Some(newest) = publications.last() else {
        return Ok(Vec::new());
    };
    let lost = || Error::new(Code::DatabaseCorrupt, "a publication without content");
    let mut document = load(tx, feed)?.ok_or_else(lost)?;
    let mut closed = Vec::new();
    for feed in tx.published_feeds(meeting.id)? {
        if let (Feed::CircleProgramme(..), Some(document)) = (feed, load(tx, feed)?) {
            closed.push(Programme::from_json(&document.to_json()?)?);
        }
    }
    let mut states = Vec::new();
    for publication in &publications {
        let Some(mut programme) = content(&mut document, publication) else {
            // One that was brought back to a restored office may lack what led to it.
            if publication.number == newest.number {
                return Err(lost());
            }
            continue;
        };
        let hidden = hide(&mut programme, &closed);
        let (objects, files) = objects::of(base, meeting.id, &programme, &hidden);
        states.push(State {
            at: publication.published_at,
            source: Source::Meeting(meeting.id),
            number: publication.number,
            says: Says::Meeting(objects, files),
        });
    }
    Ok(states)
}

fn load(tx: &Tx<'_>, feed: Feed) -> Result<Option<Document>> {
    let row = tx.document(feed)?;
    // Nothing is written, so any actor will do.
    row.map(|row| Document::load(&row.saved, *row.id.as_bytes()))
        .transpose()
}

fn content(document: &mut Document, publication: &Publication) -> Option<Programme> {
    let content = document.json_at(&publication.heads).ok()?;
    if content_hash(&content) != publication.content {
        return None;
    }
    Programme::from_json(&content).ok()
}

/// Takes out what is not public, and returns the addresses that nothing public may mention.
fn hide(programme: &mut Programme, closed: &[Programme]) -> BTreeSet<String> {
    let is_closed = |id: &ItemId| {
        let item = programme.items.get(id);
        item.is_some_and(|item| item.public == Some(false) || item.circle.is_some())
    };
    let items: Vec<ItemId> = programme
        .items
        .keys()
        .filter(|id| is_closed(id))
        .cloned()
        .collect();
    let papers_of = |closed: bool| -> BTreeSet<PaperId> {
        let items = programme
            .items
            .iter()
            .filter(|(id, _)| is_closed(id) == closed);
        items.flat_map(|(_, item)| item.papers.clone()).collect()
    };
    let (open, shut) = (papers_of(false), papers_of(true));
    let papers: Vec<PaperId> = shut.difference(&open).cloned().collect();
    let mut hidden = Programme::default();
    for id in items {
        hidden.items.extend(programme.items.remove_entry(&id));
    }
    for id in papers {
        hidden.papers.extend(programme.papers.remove_entry(&id));
    }
    let mut found = addresses(&hidden);
    found.extend(closed.iter().flat_map(addresses));
    for public in addresses(programme) {
        found.remove(&public);
    }
    found
}

/// Returns the addresses under which a programme's items and papers are known outside.
fn addresses(programme: &Programme) -> BTreeSet<String> {
    let items = programme
        .items
        .iter()
        .map(|(id, item)| (id.as_str(), &item.oparl));
    let papers = programme
        .papers
        .iter()
        .map(|(id, paper)| (id.as_str(), &paper.oparl));
    let mut found = BTreeSet::new();
    for (id, oparl) in items.chain(papers) {
        note_address(id, &mut found);
        if let Some(oparl) = oparl {
            note_addresses(oparl, &mut found);
        }
    }
    found
}

/// An author's own id may be any word, which says nothing elsewhere.
fn note_address(text: &str, found: &mut BTreeSet<String>) {
    if text.starts_with("https://") || text.starts_with("http://") {
        found.insert(text.to_owned());
    }
}

fn note_addresses(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for key in ["id", "consultation"] {
                if let Some(text) = fields.get(key).and_then(Value::as_str) {
                    note_address(text, found);
                }
            }
            fields
                .values()
                .for_each(|value| note_addresses(value, found));
        }
        Value::Array(list) => list.iter().for_each(|value| note_addresses(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// What the publications and the statements have said of every object so far.
#[derive(Default)]
struct Ledger {
    /// Of each object what each source says of it, with the number of the step that said it.
    said: BTreeMap<String, BTreeMap<Source, (u64, Value)>>,
    marks: BTreeMap<String, Mark>,
    sources: BTreeMap<Source, BTreeSet<String>>,
    files: BTreeMap<Source, Files>,
    steps: u64,
}

/// An object, and when it was first and last another one.
struct Mark {
    created: Timestamp,
    modified: Timestamp,
    /// As it was said last.
    value: Value,
    /// Whether it is the body's statement that said so.
    stated: bool,
    deleted: bool,
}

impl Ledger {
    fn take(&mut self, base: &Base, state: State) {
        self.steps += 1;
        let (mut objects, files) = match state.says {
            Says::Body(body) => (body::of(base, &body), Files::new()),
            Says::Meeting(objects, files) => (objects, files),
        };
        let ids: BTreeSet<String> = objects.keys().cloned().collect();
        let before = self.sources.insert(state.source, ids).unwrap_or_default();
        self.files.insert(state.source, files);
        let gone: Vec<String> = before
            .into_iter()
            .filter(|id| !objects.contains_key(id))
            .collect();
        for id in gone {
            if let Some(said) = self.said.get_mut(&id) {
                said.remove(&state.source);
            }
            self.mark(base, &id, state.at);
        }
        while let Some((id, value)) = objects.pop_first() {
            let said = self.said.entry(id.clone()).or_default();
            said.insert(state.source, (self.steps, value));
            self.mark(base, &id, state.at);
        }
    }

    fn mark(&mut self, base: &Base, id: &str, at: Timestamp) {
        let said = self.said.get(id);
        let merged = said.and_then(|said| merged(base.path(id).is_some(), said));
        let mark = self.marks.entry(id.to_owned()).or_insert_with(|| Mark {
            created: at,
            modified: at,
            value: Value::Null,
            stated: false,
            deleted: false,
        });
        match merged {
            Some((source, value)) => {
                mark.stated = source == Source::Body;
                if mark.deleted || mark.value != value {
                    mark.value = value;
                    mark.deleted = false;
                    mark.modified = at;
                }
            }
            None if !mark.deleted => {
                mark.deleted = true;
                mark.modified = at;
            }
            None => {}
        }
    }
}

/// Puts together what several say of one object, and returns who said it last. Of our own their lists are
/// added up; what was imported is taken as it came last.
fn merged(own: bool, said: &BTreeMap<Source, (u64, Value)>) -> Option<(Source, Value)> {
    let mut said: Vec<_> = said.iter().collect();
    said.sort_by_key(|(_, (step, _))| std::cmp::Reverse(*step));
    let mut said = said.into_iter().map(|(source, (_, value))| (source, value));
    let (source, mut newest) = said
        .next()
        .map(|(source, value)| (*source, value.clone()))?;
    if own && let Value::Object(fields) = &mut newest {
        said.filter_map(|(_, value)| value.as_object())
            .for_each(|other| add_lists(fields, other));
    }
    Some((source, newest))
}

fn add_lists(fields: &mut Map<String, Value>, other: &Map<String, Value>) {
    for (key, value) in other {
        match (fields.get_mut(key), value) {
            (Some(Value::Array(list)), Value::Array(more)) => {
                let new: Vec<_> = more
                    .iter()
                    .filter(|one| !list.contains(one))
                    .cloned()
                    .collect();
                list.extend(new);
                // The same whichever meeting spoke last.
                list.sort_by_cached_key(Value::to_string);
            }
            (Some(_), _) => {}
            (None, _) => {
                fields.insert(key.clone(), value.clone());
            }
        }
    }
}

/// Returns the class that an object's `type` names.
fn class_of(value: &Value) -> Option<&str> {
    value.get("type")?.as_str()?.strip_prefix(TYPES)
}

/// Says whether a text is an address that others can follow (RFC 3986).
fn is_address(text: &str) -> bool {
    let rest = text.strip_prefix("https://");
    let rest = rest.or_else(|| text.strip_prefix("http://")).unwrap_or("");
    let allowed = |c: u8| c.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&c);
    let is_escape = |rest: &str| {
        let hex = rest.as_bytes().get(..2);
        hex.is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit))
    };
    rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[')
        && rest.bytes().all(allowed)
        && rest.split('%').skip(1).all(is_escape)
}

/// Returns a time as OParl writes it, in the body's zone.
fn written(at: Timestamp) -> String {
    at.written_at(UTC_OFFSET_MS)
}

/// Returns how an author's id or a name stands in an address: as it is where that is plain, otherwise by
/// a hash, which no plain one begins like.
fn segment(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if text.len() <= SEGMENT_BYTES_MAX && text.chars().all(plain) && !text.is_empty() {
        return text.to_owned();
    }
    let hash = Hash::of_content(text.as_bytes()).to_string();
    format!("~{}", hash.get(..32).unwrap_or(&hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_ends_with_one_slash_and_is_plain() {
        let base = Base::parse("https://hdnd.example/oparl//").unwrap();
        assert_eq!(
            base.at("system.json"),
            "https://hdnd.example/oparl/system.json"
        );
        assert_eq!(
            Base::parse("http://[::1]:7443").unwrap().at(""),
            "http://[::1]:7443/"
        );
        for wrong in [
            "",
            "hdnd.example",
            "ftp://a",
            "https://",
            "https:///x",
            "https://a/?b",
            "https://a b",
            "https://ví",
        ] {
            assert!(Base::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_address_that_nobody_can_follow_is_none() {
        for right in [
            "https://rat.example",
            "http://[::1]:7443/a?b=%C3%AD#c",
            "https://rat.example/oparl/bodies/0001/organizations/at/883022",
        ] {
            assert!(is_address(right), "{right}");
        }
        for wrong in [
            "",
            "rat.example",
            "ftp://rat.example",
            "https://",
            "https:///x",
            "https://rat.example/a b",
            "https://rat.example/ví",
            "https://rat.example/%",
            "https://rat.example/%4",
            "https://rat.example/%zz",
        ] {
            assert!(!is_address(wrong), "{wrong}");
        }
    }

    #[test]
    fn an_id_in_an_address_is_plain_and_no_two_are_alike() {
        assert_eq!(segment("muc-7_b"), "muc-7_b");
        let others = ["../../etc", "a/b", "", "mục", "~", &"x".repeat(65)].map(segment);
        let distinct: BTreeSet<_> = others.iter().collect();
        assert_eq!(distinct.len(), others.len());
        assert!(
            others
                .iter()
                .all(|one| one.len() == 33 && one.starts_with('~'))
        );
    }

    #[test]
    fn a_time_is_written_with_the_offset_of_the_body() {
        let at = Timestamp::from_unix_ms(1_796_605_200_999);
        assert_eq!(written(at), "2026-12-07T08:00:00+07:00");
    }
}
