//! The objects of what the office states of its body: terms, organisations, people and memberships.
//!
//! What came from OParl keeps its address. Accounts at the office are nobody else's business, and the rules by
//! which days are counted have no place in OParl.

use std::collections::{BTreeMap, BTreeSet};

use nghisu_core::{
    Language,
    meeting::body::{Body, Membership, Organisation, Person, Term},
    time::{PartialDay, Validity},
};
use serde_json::{Value, json};

use super::{
    Base, Objects, is_address,
    objects::{Fields, object},
    segment,
};

/// Returns the objects of a body by their ids.
pub(super) fn of(base: &Base, body: &Body) -> Objects {
    let build = Build::of(base, body);
    let mut objects = Objects::new();
    let mut put = |fields: Fields| {
        if let Some(id) = fields.get("id").and_then(Value::as_str) {
            objects.insert(id.to_owned(), Value::Object(fields));
        }
    };
    let mut of_persons: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    let mut of_organisations: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    let mut like_it: BTreeMap<String, u32> = BTreeMap::new();
    for membership in &body.memberships {
        let fields = build.membership(membership, &mut like_it);
        let of = of_organisations.entry(membership.organisation.as_str());
        of.or_default().extend(fields.get("id").cloned());
        let of = of_persons.entry(membership.person.as_str());
        of.or_default().push(Value::Object(fields.clone()));
        put(fields);
    }
    for term in &body.terms {
        put(build.term(term));
    }
    for organisation in &body.organisations {
        let mut fields = build.organisation(organisation);
        if let Some(of) = of_organisations.remove(organisation.id.as_str()) {
            fields.insert("membership".to_owned(), Value::Array(of));
        }
        put(fields);
    }
    for person in &body.persons {
        let mut fields = build.person(person);
        if let Some(of) = of_persons.remove(person.id.as_str()) {
            fields.insert("membership".to_owned(), Value::Array(of));
        }
        put(fields);
    }
    objects
}

/// Says of the body itself what OParl and fields of our own have a place for.
pub(super) fn describe(fields: &mut Fields, body: &Body) {
    set(fields, "name", &body.name);
    set_some(fields, "shortName", body.short_name.as_deref());
    let website = body.website.as_deref().filter(|it| is_address(it));
    set_some(fields, "website", website);
    set_some(fields, "nghisu:level", body.level.map(|it| it.word()));
    set_some(fields, "nghisu:regionCode", body.region_code.as_deref());
    // OParl has no first and last day of a body.
    for (key, day) in [
        ("nghisu:startDate", body.from),
        ("nghisu:endDate", body.until),
    ] {
        if let Some(day) = day {
            set(fields, key, &day.to_string());
        }
    }
}

struct Build<'a> {
    base: &'a Base,
    /// Addresses that more than one class has.
    twice: BTreeSet<&'a str>,
}

impl<'a> Build<'a> {
    fn of(base: &'a Base, body: &'a Body) -> Self {
        let (mut known, mut twice) = (BTreeSet::new(), BTreeSet::new());
        let memberships = body.memberships.iter();
        let ids = (body.terms.iter().map(|it| it.id.as_str()))
            .chain(body.organisations.iter().map(|it| it.id.as_str()))
            .chain(body.persons.iter().map(|it| it.id.as_str()))
            .chain(memberships.filter_map(|it| Some(it.id.as_ref()?.as_str())));
        twice.extend(ids.filter(|id| !known.insert(*id)));
        Self { base, twice }
    }

    /// What came with an address keeps it, unless it is one that cannot be followed, or leads with us to
    /// something else.
    fn id(&self, what: &str, key: &str) -> String {
        if is_address(key) && !self.twice.contains(key) && self.is_free(what, key) {
            return key.to_owned();
        }
        self.base.at(&format!("body/{what}/{}.json", segment(key)))
    }

    /// Whoever reads what we give out, and has us read that again, names objects of ours.
    fn is_free(&self, what: &str, address: &str) -> bool {
        self.base.path(address).is_none_or(|_| {
            let path = self.base.file(address).and_then(|it| it.rsplit_once('/'));
            let folder = path.map(|(folder, _)| folder.strip_prefix("body/").unwrap_or(folder));
            folder == Some(what)
        })
    }
}

impl Build<'_> {
    fn object(&self, class: &str, (what, key): (&str, &str)) -> Fields {
        let mut fields = object(class, &self.id(what, key));
        set(&mut fields, "body", &self.base.at("body.json"));
        fields
    }

    fn term(&self, term: &Term) -> Fields {
        let mut fields = self.object("LegislativeTerm", ("term", term.id.as_str()));
        set(&mut fields, "name", &term.name);
        set_period(&mut fields, term.validity());
        if let Some(number) = term.legislature {
            fields.insert("nghisu:legislature".to_owned(), json!(number));
        }
        fields
    }

    fn organisation(&self, organisation: &Organisation) -> Fields {
        let of = ("organization", organisation.id.as_str());
        let mut fields = self.object("Organization", of);
        set(&mut fields, "name", &organisation.name);
        set_some(&mut fields, "shortName", organisation.short_name.as_deref());
        if let Some(kind) = organisation.kind {
            set(
                &mut fields,
                "classification",
                kind.text(Language::Vietnamese),
            );
            set(&mut fields, "nghisu:kind", kind.word());
        }
        if let Some(parent) = &organisation.parent {
            let parent = self.id("organization", parent.as_str());
            set(&mut fields, "subOrganizationOf", &parent);
        }
        if organisation.external {
            fields.insert("nghisu:external".to_owned(), json!(true));
        }
        set_period(&mut fields, organisation.validity());
        fields
    }

    fn person(&self, person: &Person) -> Fields {
        let mut fields = self.object("Person", ("person", person.id.as_str()));
        set(&mut fields, "name", &person.name);
        set_some(&mut fields, "formOfAddress", person.honorific.as_deref());
        set_some(&mut fields, "nghisu:sortKey", person.sort_key.as_deref());
        fields
    }

    /// The end decides nothing of the address: it comes last.
    fn membership(&self, of: &Membership, like_it: &mut BTreeMap<String, u32>) -> Fields {
        let key = match &of.id {
            Some(id) => id.as_str().to_owned(),
            None => {
                let (from, behalf) = (of.from.map(|it| it.to_string()), &of.on_behalf_of);
                let parts = [
                    Some(of.person.as_str()),
                    Some(of.organisation.as_str()),
                    of.post.as_deref(),
                    behalf.as_ref().map(|it| it.as_str()),
                    of.term.as_ref().map(|it| it.as_str()),
                    from.as_deref(),
                ];
                let parts = json!(parts).to_string();
                let number = like_it.entry(parts.clone()).or_default();
                *number += 1;
                format!("{parts}{number}")
            }
        };
        let mut fields = object("Membership", &self.id("membership", &key));
        let person = self.id("person", of.person.as_str());
        set(&mut fields, "person", &person);
        let organisation = self.id("organization", of.organisation.as_str());
        set(&mut fields, "organization", &organisation);
        set_some(&mut fields, "role", of.post.as_deref());
        if let Some(votes) = of.voting {
            fields.insert("votingRight".to_owned(), json!(votes));
        }
        if let Some(behalf) = &of.on_behalf_of {
            let behalf = self.id("organization", behalf.as_str());
            set(&mut fields, "onBehalfOf", &behalf);
        }
        if let Some(term) = &of.term {
            set(&mut fields, "nghisu:term", &self.id("term", term.as_str()));
        }
        set_period(&mut fields, of.validity());
        fields
    }
}

fn set(fields: &mut Fields, key: &str, text: &str) {
    fields.insert(key.to_owned(), json!(text));
}

fn set_some(fields: &mut Fields, key: &str, text: Option<&str>) {
    if let Some(text) = text {
        set(fields, key, text);
    }
}

/// What is less than a day OParl cannot say, so it stands in a field of our own.
fn set_period(fields: &mut Fields, validity: Validity) {
    for (key, day) in [("startDate", validity.from), ("endDate", validity.until)] {
        let Some(day) = day else { continue };
        let key = if is_whole(day) {
            key.to_owned()
        } else {
            format!("nghisu:{key}")
        };
        set(fields, &key, &day.to_string());
    }
}

fn is_whole(day: PartialDay) -> bool {
    day.first_day() == day.last_day()
}
