//! The documents: the system, the body, lists in pages, and our own objects one by one.

use std::collections::BTreeMap;

use nghisu_core::time::{Day, Timestamp};
use serde_json::{Map, Value, json};

use super::{
    Base, Files, Ledger, Mark, PublicFile, Stated, TYPES, body::describe, class_of, written,
};

/// Objects of a page.
const PAGE_OBJECTS: usize = 100;

/// A class of objects, its list, and where the body names that.
pub(super) struct Class {
    pub(super) name: &'static str,
    list: &'static str,
    key: &'static str,
}

const fn class(name: &'static str, list: &'static str, key: &'static str) -> Class {
    Class { name, list, key }
}

/// The classes of what meetings name. The system and the body are there without them.
pub(super) const CLASSES: &[Class] = &[
    class("Organization", "organizations", "organization"),
    class("Person", "persons", "person"),
    class("Meeting", "meetings", "meeting"),
    class("Paper", "papers", "paper"),
    class("AgendaItem", "agenda-items", "agendaItem"),
    class("Consultation", "consultations", "consultation"),
    class("File", "files", "file"),
    class("Location", "locations", "locationList"),
    class("LegislativeTerm", "terms", "legislativeTermList"),
    class("Membership", "memberships", "membership"),
];

/// The lists that `omit_internal` leaves out.
const INTERNAL: [(&str, &str); 7] = [
    ("AgendaItem", "auxiliaryFile"),
    ("Meeting", "auxiliaryFile"),
    ("Paper", "auxiliaryFile"),
    ("Paper", "location"),
    ("Person", "membership"),
    ("Meeting", "agendaItem"),
    ("Body", "legislativeTerm"),
];

/// What a list is asked for.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    created: Span,
    modified: Span,
    omit_internal: bool,
    /// As it was asked, for the links to other pages.
    query: String,
}

#[derive(Debug, Clone, Copy, Default)]
struct Span {
    since: Option<i64>,
    until: Option<i64>,
}

impl Span {
    fn has(self, seconds: i64) -> bool {
        self.since.is_none_or(|since| seconds >= since)
            && self.until.is_none_or(|until| seconds <= until)
    }
}

impl Filter {
    /// Reads the parameters of an address. Those that OParl does not know are passed over.
    ///
    /// # Errors
    /// The name of a parameter whose value is no time.
    pub fn read<'a>(parameters: impl Iterator<Item = (&'a str, &'a str)>) -> Result<Self, String> {
        let mut filter = Self::default();
        let mut kept = Vec::new();
        for (name, value) in parameters {
            let place = match name {
                "created_since" => &mut filter.created.since,
                "created_until" => &mut filter.created.until,
                "modified_since" => &mut filter.modified.since,
                "modified_until" => &mut filter.modified.until,
                "omit_internal" => {
                    filter.omit_internal = value == "true";
                    kept.push(format!("omit_internal={}", filter.omit_internal));
                    continue;
                }
                _ => continue,
            };
            // A plus sign that nobody has escaped arrives as a space.
            let value = value.replace(' ', "+");
            *place = Some(seconds(&value).ok_or_else(|| name.to_owned())?);
            kept.push(format!(
                "{name}={}",
                value.replace('+', "%2B").replace(':', "%3A")
            ));
        }
        if !kept.is_empty() {
            filter.query = format!("?{}", kept.join("&"));
        }
        Ok(filter)
    }

    fn takes(&self, entry: &Entry) -> bool {
        // What is gone is told to those alone who ask what has changed.
        (!entry.deleted || self.modified.since.is_some())
            && self.created.has(entry.created)
            && self.modified.has(entry.modified)
    }

    /// Of what has no times yet nobody knows that it has not changed.
    fn takes_times(&self, object: &Value) -> bool {
        let fits = |key: &str, span: Span| {
            let at = object[key].as_str().and_then(seconds);
            at.is_none_or(|at| span.has(at))
        };
        fits("created", self.created) && fits("modified", self.modified)
    }
}

/// An object as it is given out.
#[derive(Debug)]
struct Entry {
    value: Value,
    created: i64,
    /// When it changed here, or by its own word if that is later: of what was imported the word of its
    /// author stays the same while its result changes.
    modified: i64,
    deleted: bool,
}

/// All that is public of a body.
#[derive(Debug)]
pub struct PublicBody {
    base: Base,
    system: Value,
    body: Value,
    lists: BTreeMap<&'static str, Vec<Entry>>,
    files: Files,
}

impl PublicBody {
    pub(super) fn new(base: Base, name: &str, stated: Option<Stated>, ledger: Ledger) -> Self {
        let mut lists: BTreeMap<&'static str, Vec<Entry>> = CLASSES
            .iter()
            .map(|class| (class.list, Vec::new()))
            .collect();
        // Sorted by id, so that a page is the same however often it is asked for.
        for (id, mark) in &ledger.marks {
            let class = CLASSES
                .iter()
                .find(|class| class_of(&mark.value) == Some(class.name));
            if let Some(list) = class.and_then(|class| lists.get_mut(class.list)) {
                list.push(entry(&base, id, mark, &ledger.marks));
            }
        }
        let times = ledger
            .marks
            .values()
            .map(|mark| (mark.created, mark.modified))
            .chain(stated.iter().map(|it| (it.first, it.newest)));
        let times = times.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
        let with_times = |mut object: Value| {
            if let Some((created, modified)) = times {
                object["created"] = json!(written(created));
                object["modified"] = json!(written(modified));
            }
            object
        };
        let system = with_times(json!({
            "id": base.at("system.json"),
            "type": format!("{TYPES}System"),
            "oparlVersion": "https://schema.oparl.org/1.1/",
            "name": name,
            "body": base.at("bodies.json"),
        }));
        let mut body = with_times(json!({
            "id": base.at("body.json"),
            "type": format!("{TYPES}Body"),
            "system": base.at("system.json"),
            "name": name,
        }));
        if let (Some(stated), Value::Object(fields)) = (&stated, &mut body) {
            describe(fields, &stated.body);
        }
        for class in CLASSES {
            body[class.key] = json!(base.at(&format!("{}.json", class.list)));
        }
        let terms = lists["terms"].iter().filter(|term| !term.deleted);
        body["legislativeTerm"] = terms.map(|term| term.value.clone()).collect();
        let files = ledger.files.into_values().flatten().collect();
        Self {
            base,
            system,
            body,
            lists,
            files,
        }
    }

    /// Returns the document at a path below the base, or what lists have of it that fits.
    pub fn document(&self, path: &str, filter: &Filter) -> Option<Value> {
        match path {
            "system.json" => return Some(self.system.clone()),
            "body.json" => return Some(self.body.clone()),
            _ => {}
        }
        let name = path.strip_suffix(".json")?;
        let (list, number) = match name.rsplit_once('-') {
            Some((list, number)) if number.bytes().all(|c| c.is_ascii_digit()) => {
                (list, number.parse().unwrap_or(0))
            }
            Some(_) | None => (name, 1),
        };
        if let Some(page) = self.page(list, number, filter) {
            return Some(page);
        }
        let id = self.base.at(path);
        let entries = self.lists.values().flatten();
        let found = entries
            .into_iter()
            .find(|entry| entry.value["id"] == id.as_str());
        found.map(|entry| entry.value.clone())
    }

    /// Returns the file of a public paper.
    pub fn file(&self, path: &str) -> Option<&PublicFile> {
        self.files.get(path)
    }

    /// Returns the paths and the files of all public papers.
    pub fn files(&self) -> impl Iterator<Item = (&str, &PublicFile)> {
        self.files.iter().map(|(path, file)| (path.as_str(), file))
    }

    /// Returns every document with its path: what a folder of files has.
    pub fn documents(&self) -> Vec<(String, Value)> {
        let all = Filter::default();
        let mut documents = vec![
            ("system.json".to_owned(), self.system.clone()),
            ("body.json".to_owned(), self.body.clone()),
        ];
        for list in self.lists.keys().chain(&["bodies"]) {
            let pages = (1..).map_while(|number| Some((number, self.page(list, number, &all)?)));
            documents.extend(pages.map(|(number, page)| (page_path(list, number), page)));
        }
        for entry in self.lists.values().flatten() {
            let path = entry.value["id"].as_str().and_then(|id| self.base.file(id));
            documents.extend(path.map(|path| (path.to_owned(), entry.value.clone())));
        }
        documents
    }

    /// Returns a page of a list. There is a first page also of an empty list.
    fn page(&self, list: &str, number: usize, filter: &Filter) -> Option<Value> {
        let values: Vec<&Value> = match self.lists.get(list) {
            Some(entries) => {
                let fitting = entries.iter().filter(|entry| filter.takes(entry));
                fitting.map(|entry| &entry.value).collect()
            }
            None if list == "bodies" => {
                let fits = filter.takes_times(&self.body);
                fits.then_some(&self.body).into_iter().collect()
            }
            None => return None,
        };
        let pages = values.len().div_ceil(PAGE_OBJECTS).max(1);
        if !(1..=pages).contains(&number) {
            return None;
        }
        let shown = values
            .iter()
            .skip((number - 1) * PAGE_OBJECTS)
            .take(PAGE_OBJECTS);
        let data: Vec<Value> = shown.map(|value| filter.shown(value)).collect();
        let url = |number| {
            self.base
                .at(&format!("{}{}", page_path(list, number), filter.query))
        };
        let mut links = json!({"first": url(1), "self": url(number), "last": url(pages)});
        if number > 1 {
            links["prev"] = json!(url(number - 1));
        }
        if number < pages {
            links["next"] = json!(url(number + 1));
        }
        let pagination = json!({
            "totalElements": values.len(),
            "elementsPerPage": PAGE_OBJECTS,
            "currentPage": number,
            "totalPages": pages,
        });
        Some(json!({"data": data, "pagination": pagination, "links": links}))
    }
}

impl Filter {
    fn shown(&self, value: &Value) -> Value {
        let mut value = value.clone();
        if self.omit_internal {
            let class = class_of(&value).unwrap_or_default().to_owned();
            if let Value::Object(fields) = &mut value {
                fields.retain(|key, _| !INTERNAL.contains(&(&class, key)));
            }
        }
        value
    }
}

fn page_path(list: &str, number: usize) -> String {
    match number {
        1 => format!("{list}.json"),
        _ => format!("{list}-{number}.json"),
    }
}

fn entry(base: &Base, id: &str, mark: &Mark, marks: &BTreeMap<String, Mark>) -> Entry {
    let own = |key: &str| mark.value.get(key).and_then(Value::as_str);
    let [created, modified] = [mark.created, mark.modified].map(written);
    let value = if mark.deleted {
        json!({
            "id": id,
            "type": mark.value["type"],
            "created": own("created").unwrap_or(&created),
            "modified": modified,
            "deleted": true,
        })
    } else {
        let mut value = mark.value.clone();
        stamp(base, &mut value, marks);
        value
    };
    let at = |text: &str| seconds(text).unwrap_or_default();
    let of_author = own("modified").filter(|_| !mark.deleted).map_or(0, at);
    Entry {
        created: own("created").map_or_else(|| at(&created), at),
        modified: at(&modified).max(of_author),
        deleted: mark.deleted,
        value,
    }
}

/// Says of everything that we have made when that was, and of what we state of a body from elsewhere.
fn stamp(base: &Base, value: &mut Value, marks: &BTreeMap<String, Mark>) {
    match value {
        Value::Object(fields) => {
            let id = fields.get("id").and_then(Value::as_str);
            let ours = id.and_then(|id| Some((base.path(id).is_some(), marks.get(id)?)));
            if let Some((_, mark)) = ours.filter(|(own, mark)| *own || mark.stated) {
                add_times(fields, mark);
            }
            fields
                .values_mut()
                .for_each(|value| stamp(base, value, marks));
        }
        Value::Array(list) => list.iter_mut().for_each(|value| stamp(base, value, marks)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn add_times(fields: &mut Map<String, Value>, mark: &Mark) {
    fields.insert("created".to_owned(), json!(written(mark.created)));
    fields.insert("modified".to_owned(), json!(written(mark.modified)));
}

/// Reads a time with an offset as seconds since 1970; any other text is none.
fn seconds(text: &str) -> Option<i64> {
    let (clock, offset) = text.split_at_checked(19)?;
    let shape = clock.bytes().zip("0000-00-00T00:00:00".bytes());
    if !shape.into_iter().all(|(c, s)| {
        if s == b'0' {
            c.is_ascii_digit()
        } else {
            c.eq_ignore_ascii_case(&s)
        }
    }) {
        return None;
    }
    let day: Day = text.get(..10)?.parse().ok()?;
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    // Parts of a second decide nothing.
    let offset = match offset.strip_prefix('.') {
        Some(rest) => rest.trim_start_matches(|c: char| c.is_ascii_digit()),
        None => offset,
    };
    let ahead = match offset.as_bytes() {
        [b'Z' | b'z'] => 0,
        [sign @ (b'+' | b'-'), h @ .., b':', m1, m2] if h.len() == 2 && offset.is_ascii() => {
            let hours: i64 = std::str::from_utf8(h).ok()?.parse().ok()?;
            let minutes: i64 = std::str::from_utf8(&[*m1, *m2]).ok()?.parse().ok()?;
            let ahead = hours * 3600 + minutes * 60;
            if *sign == b'-' { -ahead } else { ahead }
        }
        _ => return None,
    };

    let days = day.days_since(Day::at(Timestamp::default(), 0));
    Some(days * 86_400 + hour * 3600 + minute * 60 + second - ahead)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_whatever_its_offset() {
        assert_eq!(seconds("1970-01-01T00:00:00+00:00"), Some(0));
        assert_eq!(seconds("2026-12-07T08:00:00+07:00"), Some(1_796_605_200));
        assert_eq!(seconds("2026-12-07T01:00:00.25Z"), Some(1_796_605_200));
        assert_eq!(seconds("2000-02-29T23:00:00-01:00"), Some(951_868_800));
        for wrong in [
            "",
            "2026-12-07",
            "2026-12-07T08:00:00",
            "2026-13-07T08:00:00Z",
            "2026-02-30T08:00:00Z",
            "2026-12-07T08:00:00+7",
            "2026-12-07T08:00:00+aa:00",
            "2026-12-07T08:00:0é+07:00",
        ] {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_filter_is_kept_in_the_links_and_a_wrong_time_is_named() {
        let asked = [
            ("modified_since", "2026-12-07T08:00:00 07:00"),
            ("x", "y"),
            ("omit_internal", "true"),
        ];
        let filter = Filter::read(asked.into_iter()).unwrap();
        assert_eq!(
            filter.query,
            "?modified_since=2026-12-07T08%3A00%3A00%2B07%3A00&omit_internal=true"
        );
        assert_eq!(filter.modified.since, Some(1_796_605_200));

        let wrong = Filter::read([("created_until", "yesterday")].into_iter()).unwrap_err();
        assert_eq!(wrong, "created_until");
    }
}
