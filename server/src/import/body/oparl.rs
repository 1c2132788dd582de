//! A body as OParl 1.1 has it: objects in one JSON text, embedded in each other or beside each other.
//!
//! What is read is laid over what is stated already, object by object, known again by its address. An object
//! says all that OParl can say of it; what OParl has no field for stays as it was. One that is missing says
//! nothing: sources are read page by page. What is marked `deleted` ends on the day of its `modified`. Apart
//! from that day, `modified` decides nothing: in real data it stays the same while the content changes.
//!
//! People's addresses, numbers, pictures, births, deaths and sex have no place in a body and are left out.

use std::{
    borrow::Cow,
    collections::{BTreeMap, btree_map::Entry},
    fmt,
    str::FromStr,
};

use nghisu_core::{
    Code, Error, Language, Result,
    meeting::body::{
        Body, Level, List, Membership, Organisation, OrganisationKey, OrganisationKind, Person,
        PersonKey, Term,
    },
    time::{Day, PartialDay, Validity},
};
use serde_json::{Map, Value};
use unicode_normalization::UnicodeNormalization;

use super::{FAULTS_SHOWN, fits};

/// Classes of OParl that a file may have beside those of a body.
const OTHERS: [&str; 7] = [
    "System",
    "Meeting",
    "Paper",
    "AgendaItem",
    "Consultation",
    "File",
    "Location",
];
/// Words for kinds of organisations in councils that are not ours.
const KINDS: [(&str, OrganisationKind); 7] = [
    ("gemeinderat", OrganisationKind::Council),
    ("stadtrat", OrganisationKind::Council),
    ("kreistag", OrganisationKind::Council),
    ("ausschuss", OrganisationKind::Committee),
    ("beschließender ausschuss", OrganisationKind::Committee),
    ("beratender ausschuss", OrganisationKind::Committee),
    ("verwaltungsbereich", OrganisationKind::Department),
];

/// What a key of a body has to be.
const ADDRESS: &str = "an address of 1 to 256 bytes";

/// Reads the objects of a JSON text and lays them over `before`.
pub(super) fn parse(name: &str, text: &str, before: &Body, language: Language) -> Result<Body> {
    let value: Value = serde_json::from_str(text).map_err(|error| {
        let why = error.to_string();
        let why = why.split(" at line ").next().unwrap_or_default();
        let detail = format!("{name}:{}: {why}; expected JSON", error.line());
        Error::new(Code::BodyFile, detail)
    })?;
    let mut source = Source {
        name,
        ..Source::default()
    };
    source.document(&value)?;
    if source.body.is_none() && source.objects.is_empty() {
        let expected = "a Body, LegislativeTerm, Organization, Person or Membership of OParl";
        return Err(source.found("", None, expected));
    }
    let mut laid = Laid::over(before);
    if let Some(place) = source.body {
        laid.body(&place)?;
    }
    // Each class names those before it.
    for class in [
        Class::LegislativeTerm,
        Class::Organization,
        Class::Person,
        Class::Membership,
    ] {
        for place in source.objects.iter().filter(|it| it.class == class) {
            match class {
                Class::LegislativeTerm => laid.term(place)?,
                Class::Organization => laid.organisation(place)?,
                Class::Person => laid.person(place)?,
                Class::Membership => laid.membership(place)?,
            }
        }
    }
    laid.end_memberships();
    laid.sound(name, language)
}

/// The classes of which a body has lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    LegislativeTerm,
    Organization,
    Person,
    Membership,
}

/// Where a list of a body stands, and what it is of.
const LISTS: [(&str, Class); 5] = [
    ("legislativeTerm", Class::LegislativeTerm),
    ("legislativeTermList", Class::LegislativeTerm),
    ("organization", Class::Organization),
    ("person", Class::Person),
    ("membership", Class::Membership),
];

/// An object, and the way to it in its file.
struct Object<'a> {
    name: &'a str,
    path: String,
    class: Class,
    id: String,
    /// All that the file says of it, at one place or at several.
    fields: Cow<'a, Map<String, Value>>,
    within: Within,
}

/// In whom and in what a membership is embedded.
#[derive(Debug, Clone, Default)]
struct Within {
    person: Option<String>,
    organisation: Option<String>,
}

/// All objects of a file, in the order in which they stand there.
#[derive(Default)]
struct Source<'a> {
    name: &'a str,
    body: Option<Object<'a>>,
    objects: Vec<Object<'a>>,
    known: BTreeMap<String, usize>,
}

impl<'a> Source<'a> {
    fn document(&mut self, value: &'a Value) -> Result<()> {
        match value {
            // Lists side by side, each under its name.
            Value::Object(fields)
                if !fields.contains_key("type") && !fields.contains_key("data") =>
            {
                if fields.is_empty() {
                    return Err(self.found("type", None, "a type of OParl"));
                }
                let mut parts = fields.iter();
                parts.try_for_each(|(key, value)| self.any(key, value, None))
            }
            Value::Object(_)
            | Value::Array(_)
            | Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_) => self.any("", value, None),
        }
    }

    /// Takes an object, a list of objects, or a page of a list.
    fn any(&mut self, path: &str, value: &'a Value, expected: Option<Class>) -> Result<()> {
        match value {
            Value::Array(list) => {
                let mut list = list.iter().enumerate();
                list.try_for_each(|(index, one)| {
                    self.any(&format!("{path}[{index}]"), one, expected)
                })
            }
            Value::Object(fields) => match fields.get("data") {
                Some(list @ Value::Array(_)) if !fields.contains_key("type") => {
                    self.any(&under(path, "data"), list, expected)
                }
                Some(_) | None => self.object(path, fields, expected, Within::default()),
            },
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                Err(self.found(path, Some(value), "an object of OParl"))
            }
        }
    }

    fn object(
        &mut self,
        path: &str,
        fields: &'a Map<String, Value>,
        expected: Option<Class>,
        within: Within,
    ) -> Result<()> {
        let object_type = fields.get("type");
        let word = object_type.and_then(Value::as_str).unwrap_or_default();
        let word = word.rsplit_once('/').map_or("", |(_, word)| word);
        let class = match word {
            "LegislativeTerm" => Some(Class::LegislativeTerm),
            "Organization" => Some(Class::Organization),
            "Person" => Some(Class::Person),
            "Membership" => Some(Class::Membership),
            _other => None,
        };
        if expected.is_some() && class != expected {
            let expected = format!("the type {}", expected.map_or("", Class::word));
            return Err(self.found(&under(path, "type"), object_type, &expected));
        }
        let mut object = Object {
            name: self.name,
            path: path.to_owned(),
            class: class.unwrap_or(Class::Organization),
            id: String::new(),
            fields: Cow::Borrowed(fields),
            within,
        };
        if class.is_none() {
            if word == "Body" && self.body.is_none() {
                // A body's own fields are read like those of any of its objects.
                self.body = Some(object);
                return self.lists(path, fields);
            }
            if OTHERS.contains(&word) {
                return Ok(());
            }
            let expected = match word {
                "Body" => "one Body in a file",
                _other => "a type of OParl 1.1",
            };
            return Err(self.found(&under(path, "type"), object_type, expected));
        }
        object.id = object.read_id()?;
        self.embedded(&object, fields)?;
        self.known_again(object)
    }

    /// Puts an object beside the others, or together with what is said of it elsewhere.
    fn known_again(&mut self, object: Object<'a>) -> Result<()> {
        let at = match self.known.entry(object.id.clone()) {
            Entry::Occupied(at) => *at.get(),
            Entry::Vacant(place) => {
                place.insert(self.objects.len());
                self.objects.push(object);
                return Ok(());
            }
        };
        let Some(known) = self.objects.get_mut(at) else {
            return Ok(());
        };
        // Its memberships are read each by itself, as objects or not at all.
        let mut fields = object.fields.iter().filter(|(key, _)| *key != "membership");
        let differs =
            fields.any(|(key, value)| known.fields.get(key).is_some_and(|it| it != value));
        let Within {
            person,
            organisation,
        } = object.within;
        let [of_person, of_organisation] = [
            (person, &mut known.within.person),
            (organisation, &mut known.within.organisation),
        ]
        .map(|(of, known)| {
            let same = of.is_none() || known.is_none() || of == *known;
            *known = known.take().or(of);
            same
        });
        if differs || !of_person || !of_organisation {
            let detail = format!("{}, which says something else at {}", object.id, known.path);
            let what = Value::from(detail);
            return Err(self.found(&object.path, Some(&what), "one state of each object"));
        }
        if object
            .fields
            .keys()
            .any(|key| !known.fields.contains_key(key))
        {
            let all = known.fields.to_mut();
            for (key, value) in object.fields.into_owned() {
                all.entry(key).or_insert(value);
            }
        }
        Ok(())
    }

    /// Takes what a body embeds; what it only names by an address lies elsewhere.
    fn lists(&mut self, path: &str, fields: &'a Map<String, Value>) -> Result<()> {
        for (key, class) in LISTS {
            let path = under(path, key);
            match fields.get(key) {
                None | Some(Value::Null | Value::String(_)) => {}
                Some(list @ (Value::Array(_) | Value::Object(_))) => {
                    self.any(&path, list, Some(class))?;
                }
                other @ Some(Value::Bool(_) | Value::Number(_)) => {
                    return Err(self.found(&path, other, "a list or its address"));
                }
            }
        }
        Ok(())
    }

    /// Takes the memberships that a person or an organisation embeds.
    fn embedded(&mut self, of: &Object<'a>, fields: &'a Map<String, Value>) -> Result<()> {
        let id = Some(of.id.clone());
        let within = match of.class {
            Class::Person => Within {
                person: id,
                organisation: None,
            },
            Class::Organization => Within {
                person: None,
                organisation: id,
            },
            Class::LegislativeTerm | Class::Membership => return Ok(()),
        };
        let path = under(&of.path, "membership");
        let list = match fields.get("membership") {
            None | Some(Value::Null) => return Ok(()),
            Some(Value::Array(list)) => list,
            other @ Some(
                Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_),
            ) => return Err(self.found(&path, other, "a list of memberships")),
        };
        for (index, one) in list.iter().enumerate() {
            let path = format!("{path}[{index}]");
            match one {
                Value::Object(fields) => {
                    self.object(&path, fields, Some(Class::Membership), within.clone())?;
                }
                Value::String(_) => {}
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => {
                    return Err(self.found(&path, Some(one), "a membership or its address"));
                }
            }
        }
        Ok(())
    }

    fn found(&self, path: &str, value: Option<&Value>, expected: &str) -> Error {
        found(self.name, path, value, expected)
    }
}

impl Class {
    const fn word(self) -> &'static str {
        match self {
            Self::LegislativeTerm => "LegislativeTerm",
            Self::Organization => "Organization",
            Self::Person => "Person",
            Self::Membership => "Membership",
        }
    }
}

impl Object<'_> {
    /// Its address, in the letters in which others name it.
    fn read_id(&self) -> Result<String> {
        let value = self.fields.get("id");
        let id = value.and_then(Value::as_str).map(plain);
        // The bounds of a key, of whichever class.
        let fits = |id: &String| id.parse::<PersonKey>().is_ok();
        id.filter(fits)
            .ok_or_else(|| self.found("id", value, ADDRESS))
    }

    fn own_key<K: FromStr>(&self) -> Result<K> {
        let key = self.id.parse().ok();
        key.ok_or_else(|| self.found("id", self.fields.get("id"), ADDRESS))
    }

    /// A text that says something; OParl forbids `null` and empty texts, and real data has both.
    fn text(&self, key: &str) -> Result<Option<String>> {
        match self.fields.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(plain(text)).filter(|text| !text.is_empty())),
            other => Err(self.found(key, other, "a text")),
        }
    }

    fn flag(&self, key: &str) -> Result<Option<bool>> {
        match self.fields.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            other => Err(self.found(key, other, "true or false")),
        }
    }

    /// A text that has to be of one form.
    fn read<T>(
        &self,
        key: &str,
        expected: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>> {
        let Some(text) = self.text(key)? else {
            return Ok(None);
        };
        match read(&text) {
            Some(value) => Ok(Some(value)),
            None => Err(self.found(key, self.fields.get(key), expected)),
        }
    }

    fn key<K: FromStr>(&self, key: &str) -> Result<Option<K>> {
        self.read(key, ADDRESS, |text| text.parse().ok())
    }

    /// The same of a membership, which need not name what it is embedded in.
    fn key_or<K>(&self, key: &str, what: &str, within: Option<&String>) -> Result<Option<K>>
    where
        K: FromStr + PartialEq + fmt::Display,
    {
        let (named, within) = (
            self.key::<K>(key)?,
            within.and_then(|it| it.parse::<K>().ok()),
        );
        match (named, within) {
            (Some(named), Some(within)) if named != within => {
                let expected = format!("the {what} that it stands in, {within}");
                Err(self.found(key, self.fields.get(key), &expected))
            }
            (named, within) => Ok(named.or(within)),
        }
    }

    fn number(&self, key: &str) -> Result<Option<u32>> {
        match self.fields.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => {
                let number = value.as_u64().and_then(|it| it.try_into().ok());
                let number = number.ok_or_else(|| self.found(key, Some(value), "a number"))?;
                Ok(Some(number))
            }
        }
    }

    /// A day, or as much of it as a field of our own says.
    fn day(&self, key: &str) -> Result<Option<PartialDay>> {
        let day = |text: &str| text.parse::<Day>().ok().map(PartialDay::from);
        if let Some(day) = self.read(key, "a day like \"2026-12-07\"", day)? {
            return Ok(Some(day));
        }
        let expected = "\"2026-12-24\", \"2026-12\" or \"2026\"";
        self.read(&format!("nghisu:{key}"), expected, |text| text.parse().ok())
    }

    fn period(&self) -> Result<(Option<PartialDay>, Option<PartialDay>)> {
        Ok((self.day("startDate")?, self.day("endDate")?))
    }

    /// Returns the day on which it was taken away.
    fn deleted(&self) -> Result<Option<Day>> {
        if self.flag("deleted")? != Some(true) {
            return Ok(None);
        }
        let expected = "the time of the deletion, like \"2026-12-07T08:00:00+07:00\"";
        let day = self.read("modified", expected, |text| {
            let (day, clock) = text.split_at_checked(10)?;
            let day = day.parse().ok();
            day.filter(|_| clock.is_empty() || clock.starts_with('T'))
        })?;
        match day {
            Some(day) => Ok(Some(day)),
            None => Err(self.found("modified", None, expected)),
        }
    }

    fn kind(&self) -> Result<Option<OrganisationKind>> {
        let own = self.read("nghisu:kind", "a kind of organisation", |text| {
            kinds().find(|kind| kind.word() == text)
        })?;
        if own.is_some() {
            return Ok(own);
        }
        for key in ["organizationType", "classification"] {
            let word = self.text(key)?.unwrap_or_default().to_lowercase();
            let ours = kinds().find(|kind| {
                let says = |text: &str| text.to_lowercase() == word;
                says(kind.word())
                    || says(kind.text(Language::English))
                    || says(kind.text(Language::Vietnamese))
            });
            let theirs = KINDS.iter().find(|(theirs, _)| *theirs == word);
            if let Some(kind) = ours.or_else(|| theirs.map(|(_, kind)| *kind)) {
                return Ok(Some(kind));
            }
        }
        Ok(None)
    }

    /// How somebody is addressed, with the titles that do not stand in his name already, as they should.
    fn honorific(&self, name: &str) -> Result<Option<String>> {
        let mut words: Vec<String> = self.text("formOfAddress")?.into_iter().collect();
        match self.fields.get("title") {
            None | Some(Value::Null) => {}
            Some(Value::Array(titles)) => {
                for (index, title) in titles.iter().enumerate() {
                    let Value::String(title) = title else {
                        let key = format!("title[{index}]");
                        return Err(self.found(&key, Some(title), "a text"));
                    };
                    let title = plain(title);
                    words.extend(Some(title).filter(|it| !name.contains(it.as_str())));
                }
            }
            other => return Err(self.found("title", other, "a list of texts")),
        }
        words.retain(|word: &String| !word.is_empty());
        Ok((!words.is_empty()).then(|| words.join(" ")))
    }

    fn full_name(&self) -> Result<String> {
        if let Some(name) = self.text("name")? {
            return Ok(name);
        }
        let parts = [self.text("givenName")?, self.text("familyName")?];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        Ok(parts.join(" "))
    }

    fn found(&self, key: &str, value: Option<&Value>, expected: &str) -> Error {
        found(self.name, &under(&self.path, key), value, expected)
    }
}

fn kinds() -> impl Iterator<Item = OrganisationKind> {
    OrganisationKind::ALL.iter().copied()
}

/// What is stated already, with what was read laid over it.
struct Laid {
    body: Body,
    /// Where an entry of a list stands in it.
    known: BTreeMap<(Class, String), usize>,
    /// Where an entry of a list came from.
    places: BTreeMap<(&'static str, usize), String>,
    /// Organisations and people that were taken away, and on which day.
    ended: BTreeMap<(Class, String), Day>,
}

impl Laid {
    fn over(before: &Body) -> Self {
        let mut known = BTreeMap::new();
        for (at, it) in before.terms.iter().enumerate() {
            known.insert((Class::LegislativeTerm, it.id.to_string()), at);
        }
        for (at, it) in before.organisations.iter().enumerate() {
            known.insert((Class::Organization, it.id.to_string()), at);
        }
        for (at, it) in before.persons.iter().enumerate() {
            known.insert((Class::Person, it.id.to_string()), at);
        }
        for (at, it) in before.memberships.iter().enumerate() {
            let id = it.id.as_ref().map(ToString::to_string);
            known.extend(id.map(|id| ((Class::Membership, id), at)));
        }
        Self {
            body: before.clone(),
            known,
            places: BTreeMap::new(),
            ended: BTreeMap::new(),
        }
    }

    /// Returns where an object stands already.
    fn at(&self, from: &Object<'_>) -> Option<usize> {
        self.known.get(&(from.class, from.id.clone())).copied()
    }

    fn body(&mut self, from: &Object<'_>) -> Result<()> {
        if let Some(day) = from.deleted()? {
            end(self.body.from, &mut self.body.until, day);
            return Ok(());
        }
        let (body, (since, until)) = (&mut self.body, from.period()?);
        if let Some(name) = from.text("name")? {
            body.name = name;
        } else {
            return Err(from.found("name", None, "a name"));
        }
        body.short_name = from.text("shortName")?;
        body.website = from.text("website")?;
        // OParl has no ends of a body, so an absent one says nothing.
        body.from = since.or(body.from);
        body.until = until.or(body.until);
        let level = |text: &str| Level::ALL.iter().copied().find(|it| it.word() == text);
        let level = from.read("nghisu:level", "province, district or commune", level)?;
        body.level = level.or(body.level);
        let region = from.text("nghisu:regionCode")?;
        body.region_code = region.or_else(|| body.region_code.take());
        Ok(())
    }

    fn term(&mut self, from: &Object<'_>) -> Result<()> {
        let (known, terms) = (self.at(from), &mut self.body.terms);
        if let Some(day) = from.deleted()? {
            if let Some(term) = known.and_then(|at| terms.get_mut(at)) {
                end(term.from, &mut term.until, day);
            }
            return Ok(());
        }
        let before = known.and_then(|at| terms.get(at));
        let ((since, until), number) = (from.period()?, from.number("nghisu:legislature")?);
        let term = Term {
            id: from.own_key()?,
            name: from.text("name")?.unwrap_or_default(),
            legislature: number.or_else(|| before.and_then(|it| it.legislature)),
            from: since,
            until,
        };
        let at = put(terms, known, term);
        self.place(List::Term, at, from);
        Ok(())
    }

    fn organisation(&mut self, from: &Object<'_>) -> Result<()> {
        let (known, all) = (self.at(from), &mut self.body.organisations);
        if let Some(day) = from.deleted()? {
            if let Some(organisation) = known.and_then(|at| all.get_mut(at)) {
                end(organisation.from, &mut organisation.until, day);
                self.ended.insert((from.class, from.id.clone()), day);
            }
            return Ok(());
        }
        let before = known.and_then(|at| all.get(at)).cloned();
        let before = before.as_ref();
        let ((since, until), external) = (from.period()?, from.text("externalBody")?.is_some());
        let own = from.flag("nghisu:external")?;
        let organisation = Organisation {
            id: from.own_key()?,
            name: from.text("name")?.unwrap_or_default(),
            short_name: from.text("shortName")?,
            kind: from.kind()?.or_else(|| before.and_then(|it| it.kind)),
            parent: from.key::<OrganisationKey>("subOrganizationOf")?,
            external: external || own.unwrap_or_else(|| before.is_some_and(|it| it.external)),
            from: since,
            until,
            predecessors: before.map_or_else(Vec::new, |it| it.predecessors.clone()),
        };
        let at = put(all, known, organisation);
        self.place(List::Organisation, at, from);
        Ok(())
    }

    fn person(&mut self, from: &Object<'_>) -> Result<()> {
        let (known, all) = (self.at(from), &mut self.body.persons);
        if let Some(day) = from.deleted()? {
            // Who somebody was does not end; what he is does.
            self.ended.insert((from.class, from.id.clone()), day);
            return Ok(());
        }
        let before = known.and_then(|at| all.get(at));
        let (name, sort_key) = (from.full_name()?, from.text("nghisu:sortKey")?);
        let person = Person {
            id: from.own_key()?,
            honorific: from.honorific(&name)?,
            name,
            sort_key: sort_key.or_else(|| before?.sort_key.clone()),
            account: before.and_then(|it| it.account),
        };
        let at = put(all, known, person);
        self.place(List::Person, at, from);
        Ok(())
    }

    fn membership(&mut self, from: &Object<'_>) -> Result<()> {
        let (known, all) = (self.at(from), &mut self.body.memberships);
        if let Some(day) = from.deleted()? {
            if let Some(membership) = known.and_then(|at| all.get_mut(at)) {
                end(membership.from, &mut membership.until, day);
            }
            return Ok(());
        }
        let before = known.and_then(|at| all.get(at));
        let (since, until) = from.period()?;
        let within = &from.within;
        let organisation = within.organisation.as_ref();
        let organisation = from.key_or("organization", "organisation", organisation)?;
        let Some(organisation) = organisation else {
            // OParl allows a post in nothing, and a body has no place for it.
            return Ok(());
        };
        let person = from.key_or("person", "person", within.person.as_ref())?;
        let Some(person) = person else {
            return Err(from.found("person", None, "the address of a person"));
        };
        let term = from.key("nghisu:term")?;
        let membership = Membership {
            person,
            organisation,
            post: from.text("role")?,
            voting: from.flag("votingRight")?,
            on_behalf_of: from.key("onBehalfOf")?,
            term: term.or_else(|| before?.term.clone()),
            from: since,
            until,
            id: Some(from.own_key()?),
        };
        let at = put(all, known, membership);
        self.place(List::Membership, at, from);
        Ok(())
    }

    /// In an organisation that is no more nobody is a member, and neither is anybody who was taken away.
    fn end_memberships(&mut self) {
        let (known, body) = (&self.known, &mut self.body);
        for membership in &mut body.memberships {
            let person = (Class::Person, membership.person.to_string());
            let organisation = (Class::Organization, membership.organisation.to_string());
            let at = known.get(&organisation);
            let until = at.and_then(|at| body.organisations.get(*at)?.until);
            let validity = Validity {
                from: membership.from,
                until,
            };
            // One that has begun when it was over already is wrong, and is told so.
            if membership.until.is_none() && validity.can_be() {
                membership.until = until;
            }
            for of in [person, organisation] {
                if let Some(day) = self.ended.get(&of) {
                    end(membership.from, &mut membership.until, *day);
                }
            }
        }
    }

    fn place(&mut self, list: List, at: usize, from: &Object<'_>) {
        self.known.insert((from.class, from.id.clone()), at);
        self.places.insert((list.word(), at), from.path.clone());
    }

    fn sound(self, name: &str, language: Language) -> Result<Body> {
        fits(name, &self.body)?;
        let faults = self.body.faults();
        if faults.is_empty() {
            return Ok(self.body);
        }
        let told = faults.iter().take(FAULTS_SHOWN).map(|fault| {
            let list = fault.list.map_or("", List::word);
            match self.places.get(&(list, fault.index)) {
                Some(path) if path.is_empty() => format!("{name}: {}", fault.wrong.text(language)),
                Some(path) => format!("{name}: {path}: {}", fault.wrong.text(language)),
                // In what is stated already, on which the file has an effect.
                None => format!("{name}: {}", fault.text(language)),
            }
        });
        let mut told: Vec<String> = told.collect();
        if let Some(more) = faults.len().checked_sub(FAULTS_SHOWN + 1) {
            told.push(format!("… +{}", more + 1));
        }
        Err(Error::new(Code::BodyFile, told.join("\n")))
    }
}

/// Ends on a day what has not ended before it, but not before it has begun.
fn end(from: Option<PartialDay>, until: &mut Option<PartialDay>, day: Day) {
    let day = from.map_or(day, |from| day.max(from.first_day()));
    if until.is_none_or(|until| until.last_day() > day) {
        *until = Some(day.into());
    }
}

/// Puts an entry in the place of what it is a newer state of, or at the end.
fn put<T>(all: &mut Vec<T>, known: Option<usize>, one: T) -> usize {
    match known.and_then(|at| Some((at, all.get_mut(at)?))) {
        Some((at, place)) => {
            *place = one;
            at
        }
        None => {
            all.push(one);
            all.len() - 1
        }
    }
}

/// A text as it is compared and kept.
fn plain(text: &str) -> String {
    text.trim().nfc().collect()
}

fn under(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

fn found(name: &str, path: &str, value: Option<&Value>, expected: &str) -> Error {
    let found = crate::import::oparl::shown(value);
    let path = if path.is_empty() {
        String::new()
    } else {
        format!("{path}: ")
    };
    let detail = format!("{name}: {path}found {found}; expected {expected}");
    Error::new(Code::BodyFile, detail)
}
