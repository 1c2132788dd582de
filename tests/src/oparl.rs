//! A validator of OParl 1.1, strict where a plain JSON Schema validator is blind.
//!
//! The schema files have a dialect of their own: what an embedded object is stands under `schema`, what
//! a URL leads to under `references`, and the formats are OParl's. All of it is followed, and so is what
//! `strings.yml` demands in words and no keyword says: a place's `geojson` is a whole feature,
//! `locationObject` is the object that `location` names, items stand in the list as their `order` says.
//! What only the specification's text says is held to as well: times have the one form with an offset,
//! deleted objects are never embedded, every page but the last leads to the next.
//!
//! Texts may be empty and lists too: the specification advises against both and forbids neither.

mod export;
mod format;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs,
    path::Path,
};

use serde_json::{Map, Value};

pub use export::Export;

/// What the addresses of the types begin with.
const TYPES: &str = "https://schema.oparl.org/1.1/";
/// What a schema may say. A file that says more is not understood, and so not believed.
const KEYWORDS: [&str; 12] = [
    "title",
    "description",
    "type",
    "required",
    "properties",
    "format",
    "pattern",
    "items",
    "schema",
    "references",
    "backreference",
    "cardinality",
];
/// What stays of an object that was deleted.
const OF_DELETED: [&str; 4] = ["id", "type", "created", "modified"];

/// One thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// The document's address, `#`, and the way to the value within it (RFC 6901).
    pub place: String,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

/// The schema of each class of objects.
#[derive(Debug)]
pub struct Schemas {
    classes: BTreeMap<String, Value>,
}

impl Schemas {
    /// Reads the schema files of a folder.
    ///
    /// # Errors
    /// If one cannot be read, says what is not understood, or leads to a class that has no file.
    pub fn read(folder: &Path) -> Result<Self, String> {
        let mut classes = BTreeMap::new();
        let entries = fs::read_dir(folder).map_err(|error| error.to_string())?;
        for entry in entries {
            let path = entry.map_err(|error| error.to_string())?.path();
            if path.extension().is_none_or(|ending| ending != "json") {
                continue;
            }
            let text = fs::read_to_string(&path).map_err(|error| error.to_string())?;
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            let schema = serde_json::from_str(&text).map_err(|error| format!("{name}: {error}"))?;
            classes.insert(name.into_owned(), schema);
        }
        let schemas = Self { classes };
        for (class, schema) in &schemas.classes {
            schemas.understands(class, schema)?;
        }
        Ok(schemas)
    }

    /// Returns the names of the classes.
    pub fn classes(&self) -> impl Iterator<Item = &str> {
        self.classes.keys().map(String::as_str)
    }

    /// Checks one document by itself: an object with all that is embedded in it.
    pub fn check(&self, address: &str, value: &Value) -> Vec<Fault> {
        let mut seen = Seen::new(self);
        seen.object(&format!("{address}#"), value, None, Stands::Alone);
        seen.copies();
        seen.references(None);
        seen.sorted()
    }

    fn understands(&self, place: &str, schema: &Value) -> Result<(), String> {
        let keywords = schema
            .as_object()
            .ok_or_else(|| format!("{place}: no object"))?;
        for (keyword, value) in keywords {
            if !KEYWORDS.contains(&keyword.as_str()) {
                return Err(format!("{place}: {keyword} is not understood"));
            }
            let text = value.as_str();
            match (keyword.as_str(), text) {
                ("format", Some("url" | "date" | "date-time")) => {}
                ("format", _) => return Err(format!("{place}: format {value}")),
                ("pattern", Some(pattern)) if format::literals(pattern).is_none() => {
                    return Err(format!("{place}: pattern {value}"));
                }
                ("schema", Some(file)) => self.known(place, file.trim_end_matches(".json"))?,
                ("references", Some("externalList")) => {}
                ("references", Some(class)) => self.known(place, class)?,
                _ => {}
            }
        }
        let items = schema.get("items").into_iter();
        let properties = schema.get("properties").and_then(Value::as_object);
        let nested = items.chain(properties.into_iter().flat_map(Map::values));
        nested
            .into_iter()
            .try_for_each(|one| self.understands(place, one))
    }

    fn known(&self, place: &str, class: &str) -> Result<(), String> {
        if self.classes.contains_key(class) {
            Ok(())
        } else {
            Err(format!("{place}: no schema of {class}"))
        }
    }

    fn property(&self, class: &str, key: &str) -> Option<&Value> {
        self.classes.get(class)?.get("properties")?.get(key)
    }

    fn class_of(&self, object: &Map<String, Value>) -> Option<&str> {
        let name = object.get("type")?.as_str()?.strip_prefix(TYPES)?;
        let (class, _) = self.classes.get_key_value(name)?;
        Some(class)
    }
}

/// Where an object stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stands {
    /// As a document or an element of a list.
    Alone,
    /// Within another object.
    Embedded,
}

/// An object that was found.
struct Found<'v> {
    place: String,
    class: String,
    stands: Stands,
    fields: &'v Map<String, Value>,
}

/// A URL that leads to an object.
struct Reference {
    place: String,
    from: String,
    class: String,
    key: String,
    to_class: String,
    to: String,
}

/// What one check has come across.
struct Seen<'s, 'v> {
    schemas: &'s Schemas,
    faults: Vec<Fault>,
    objects: BTreeMap<&'v str, Vec<Found<'v>>>,
    references: Vec<Reference>,
    /// Lists by their address, with the class of their elements and the place that names them.
    lists: BTreeMap<String, (String, String)>,
}

impl<'s, 'v> Seen<'s, 'v> {
    fn new(schemas: &'s Schemas) -> Self {
        Self {
            schemas,
            faults: Vec::new(),
            objects: BTreeMap::new(),
            references: Vec::new(),
            lists: BTreeMap::new(),
        }
    }

    fn fault(&mut self, place: &str, what: impl Into<String>) {
        self.faults.push(Fault {
            place: place.to_owned(),
            what: what.into(),
        });
    }

    fn sorted(mut self) -> Vec<Fault> {
        self.faults.sort();
        self.faults.dedup();
        self.faults
    }

    fn object(&mut self, place: &str, value: &'v Value, expected: Option<&str>, stands: Stands) {
        let Value::Object(fields) = value else {
            return self.fault(place, "expected an object");
        };
        let Some(class) = self.schemas.class_of(fields).map(str::to_owned) else {
            return self.fault(&format!("{place}/type"), "unknown type");
        };
        if expected.is_some_and(|expected| expected != class) {
            let what = format!("a {class}; expected {}", expected.unwrap_or_default());
            return self.fault(&format!("{place}/type"), what);
        }
        let deleted = fields.get("deleted") == Some(&Value::Bool(true));
        if deleted && stands == Stands::Embedded {
            self.fault(place, "a deleted object is embedded");
        }
        let required = self.schemas.classes[&class].get("required");
        let required = required.and_then(Value::as_array).into_iter().flatten();
        let required: Vec<&str> = if deleted {
            OF_DELETED.to_vec()
        } else {
            required.filter_map(Value::as_str).collect()
        };
        for key in required {
            if !fields.contains_key(key) {
                self.fault(
                    &format!("{place}/{key}"),
                    format!("required of a {class}, and absent"),
                );
            }
        }
        let id = fields.get("id").and_then(Value::as_str);
        for (key, value) in fields {
            let place = format!("{place}/{}", key.replace('~', "~0").replace('/', "~1"));
            match self.schemas.property(&class, key) {
                Some(schema) => {
                    let at = At {
                        place: &place,
                        id: id.unwrap_or_default(),
                        class: &class,
                        key,
                    };
                    self.property(&at, value, schema);
                }
                // A maker's own field has his name before a colon.
                None if key
                    .split_once(':')
                    .is_some_and(|(maker, name)| !maker.is_empty() && !name.is_empty()) => {}
                None => self.fault(&place, format!("unknown of a {class}")),
            }
        }
        if let Some(what) = format::contradiction(&class, fields) {
            self.fault(&format!("{place}/{}", what.0), what.1);
        }
        if let Some(id) = id {
            let found = Found {
                place: place.to_owned(),
                class,
                stands,
                fields,
            };
            self.objects.entry(id).or_default().push(found);
        }
    }

    fn property(&mut self, at: &At<'_>, value: &'v Value, schema: &'s Value) {
        let says = |keyword: &str| schema.get(keyword).and_then(Value::as_str);
        let wanted = says("type").unwrap_or_default();
        let fits = match wanted {
            "string" => value.is_string(),
            "integer" => value.is_i64() || value.is_u64(),
            "boolean" => value.is_boolean(),
            "array" => value.is_array(),
            _ => value.is_object(),
        };
        if !fits {
            return self.fault(
                at.place,
                format!("expected {wanted}, found {}", format::kind(value)),
            );
        }
        if let Some(text) = value.as_str() {
            if let Some(format) = says("format").filter(|format| !format::holds(format, text)) {
                return self.fault(at.place, format!("no {format}: {text:?}"));
            }
            let pattern = says("pattern").and_then(format::literals);
            if pattern.is_some_and(|literals| !literals.iter().any(|one| one == text)) {
                return self.fault(at.place, format!("does not fit the pattern: {text:?}"));
            }
            match says("references") {
                Some("externalList") => {
                    let class = schema["items"]["schema"].as_str().unwrap_or_default();
                    let class = class.trim_end_matches(".json").to_owned();
                    self.lists
                        .insert(text.to_owned(), (class, at.place.to_owned()));
                }
                Some(class) => self.refer(at, class, text),
                None => {}
            }
        }
        if let Some(elements) = value.as_array() {
            self.elements(at, elements, schema);
        }
        if let (true, Some(file)) = (value.is_object(), says("schema")) {
            let class = file.trim_end_matches(".json");
            self.object(at.place, value, Some(class), Stands::Embedded);
        }
    }

    fn elements(&mut self, at: &At<'_>, elements: &'v [Value], schema: &'s Value) {
        let Some(of) = schema.get("items") else {
            return self.fault(at.place, "a list of nothing known");
        };
        let mut earlier = BTreeSet::new();
        for (index, element) in elements.iter().enumerate() {
            let place = format!("{}/{index}", at.place);
            let at = At {
                place: &place,
                ..*at
            };
            self.property(&at, element, of);
            let name = element.get("id").unwrap_or(element).as_str();
            if name.is_some_and(|name| !earlier.insert(name)) {
                self.fault(&place, "stands in the list twice");
            }
            if let (Some(class), Some(to)) = (schema.get("references"), element.as_str()) {
                self.refer(&at, class.as_str().unwrap_or_default(), to);
            }
        }
    }

    fn refer(&mut self, at: &At<'_>, class: &str, to: &str) {
        self.references.push(Reference {
            place: at.place.to_owned(),
            from: at.id.to_owned(),
            class: at.class.to_owned(),
            key: at.key.to_owned(),
            to_class: class.to_owned(),
            to: to.to_owned(),
        });
    }

    /// An object may stand in several places, and says the same in all of them. Where `modified`
    /// differs they are states of different times.
    fn copies(&mut self) {
        let mut faults = Vec::new();
        for (id, found) in &self.objects {
            for other in &found[1..] {
                let first = &found[0];
                if first.class != other.class {
                    let what = format!(
                        "{id} is a {} here and a {} at {}",
                        other.class, first.class, first.place
                    );
                    faults.push((other.place.clone(), what));
                    continue;
                }
                let of_other_times = first.fields.get("modified") != other.fields.get("modified");
                let differs = first
                    .fields
                    .iter()
                    .find(|(key, value)| other.fields.get(*key).is_some_and(|here| here != *value));
                if let Some((key, _)) = differs.filter(|_| !of_other_times) {
                    let what = format!("{id} says something else at {}/{key}", first.place);
                    faults.push((format!("{}/{key}", other.place), what));
                }
            }
        }
        faults
            .into_iter()
            .for_each(|(place, what)| self.fault(&place, what));
    }

    /// Follows every reference. With `below`, whatever begins with that has to be there.
    fn references(&mut self, below: Option<&str>) {
        let mut faults = Vec::new();
        let mut only: BTreeMap<(&str, &str, &str), &str> = BTreeMap::new();
        for reference in &self.references {
            let Reference {
                place,
                from,
                class,
                key,
                to_class,
                to,
            } = reference;
            let Some(targets) = self.objects.get(to.as_str()) else {
                if below.is_some_and(|below| to.starts_with(below)) {
                    faults.push((place, format!("leads to nothing: {to}")));
                }
                continue;
            };
            let target = &targets[0];
            if target.class != *to_class {
                faults.push((
                    place,
                    format!("leads to a {}; expected {to_class}: {to}", target.class),
                ));
                continue;
            }
            if target.fields.get("deleted") == Some(&Value::Bool(true)) {
                faults.push((place, format!("leads to a deleted object: {to}")));
            }
            let Some(schema) = self.schemas.property(class, key) else {
                continue;
            };
            let back = schema.get("backreference").and_then(Value::as_str);
            let cardinality = schema.get("cardinality").and_then(Value::as_str);
            let many = cardinality == Some("n:1");
            if let Some(back) = back.filter(|back| self.leads_elsewhere(target, back, from, many)) {
                faults.push((place, format!("{to} does not lead back by its {back}")));
            }
            let single = match cardinality {
                Some("1:1") => true,
                Some("1:n") => back.is_some(),
                _ => false,
            };
            let earlier = only.entry((class, key, to)).or_insert(from);
            if single && *earlier != from {
                faults.push((place, format!("{to} is the {key} of {earlier} already")));
            }
        }
        let faults: Vec<_> = faults
            .into_iter()
            .map(|(place, what)| (place.clone(), what))
            .collect();
        faults
            .into_iter()
            .for_each(|(place, what)| self.fault(&place, what));
    }

    /// Whether the target says by `back` that it belongs to another object. A list at an address of its
    /// own says nothing here, and where `many` lead to one, a single address leads back to one of them.
    fn leads_elsewhere(&self, target: &Found<'_>, back: &str, from: &str, many: bool) -> bool {
        let is_list = self.schemas.property(&target.class, back);
        if is_list.is_none_or(|schema| schema["references"] == "externalList") {
            return false;
        }
        match target.fields.get(back) {
            Some(Value::String(to)) => to != from && !many,
            Some(Value::Array(all)) => !all.iter().any(|to| to == from),
            _ => false,
        }
    }
}

/// Where a value stands: its place, and the object and the field that it is of.
struct At<'a> {
    place: &'a str,
    id: &'a str,
    class: &'a str,
    key: &'a str,
}
