//! The objects that a programme is, one by one and with what each embeds.

use std::collections::{BTreeMap, BTreeSet};

use nghisu_core::{
    ids::MeetingId,
    meeting::{
        Item, ItemId, Paper, PaperFile, PaperId, Participant, Programme, State,
        programme::oparl_order,
    },
    time::PartialDate,
};
use serde_json::{Map, Value, json};
use unicode_normalization::UnicodeNormalization;

use super::{Base, Files, Objects, PublicFile, TYPES, class_of, pages::CLASSES, segment};

/// The zone of the body, as it stands behind a time.
const OFFSET: &str = "+07:00";
/// Letters of the ending of a file's name that are kept, so that a web server knows what it is.
const ENDING_MAX: usize = 5;

/// Returns the objects of a programme by their ids, and the files of its papers by their paths. Nothing
/// of it mentions a hidden address.
pub(super) fn of(
    base: &Base,
    meeting: MeetingId,
    programme: &Programme,
    hidden: &BTreeSet<String>,
) -> (Objects, Files) {
    let id = match &programme.meeting.oparl {
        Some(_) => programme.meeting.id.clone(),
        None => base.at(&format!("meeting/{meeting}.json")),
    };
    let mut build = Build {
        base,
        path: format!("meeting/{meeting}"),
        id,
        programme,
        hidden,
        objects: Objects::new(),
        files: Files::new(),
    };
    build.people();
    for (id, paper) in &programme.papers {
        let paper = build.paper(id, paper);
        build.put(paper);
    }
    let meeting = build.meeting();
    build.put(meeting);
    (build.objects, build.files)
}

struct Build<'a> {
    base: &'a Base,
    /// The path of what is the meeting's own.
    path: String,
    /// The meeting's id.
    id: String,
    programme: &'a Programme,
    hidden: &'a BTreeSet<String>,
    objects: Objects,
    files: Files,
}

pub(super) type Fields = Map<String, Value>;

impl Build<'_> {
    /// Takes an object and all that it embeds.
    fn put(&mut self, mut value: Value) {
        scrub(&mut value, self.hidden);
        self.spread(&value);
    }

    fn spread(&mut self, value: &Value) {
        match value {
            Value::Object(fields) => {
                fields.values().for_each(|value| self.spread(value));
                let id = fields.get("id").and_then(Value::as_str);
                let known = class_of(value)
                    .is_some_and(|class| CLASSES.iter().any(|one| one.name == class));
                let Some(id) = id.filter(|_| known) else {
                    return;
                };
                let mut object = value.clone();
                // Alone, an item has to say whose it is.
                if class_of(value) == Some("AgendaItem") && object.get("meeting").is_none() {
                    object["meeting"] = json!(self.id);
                }
                self.objects.insert(id.to_owned(), object);
            }
            Value::Array(list) => list.iter().for_each(|value| self.spread(value)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn meeting(&mut self) -> Value {
        let meeting = &self.programme.meeting;
        let in_order = self.programme.items_in_order();
        let orders = in_order
            .iter()
            .map(|(_, item)| oparl_order(item.oparl.as_ref()));
        let as_imported = orders.clone().all(|(missing, _)| !missing) && orders.is_sorted();
        let mut fields = match self.programme.to_oparl() {
            Some(Value::Object(fields)) => fields,
            Some(_) | None => object("Meeting", &self.id),
        };
        let numbers = (0i64..).zip(in_order);
        let items: Vec<Value> = numbers
            .map(|(number, (id, item))| self.item(id, item, (!as_imported).then_some(number)))
            .collect();
        if !items.is_empty() || fields.contains_key("agendaItem") {
            fields.insert("agendaItem".to_owned(), Value::Array(items));
        }
        set_text(&mut fields, "name", &meeting.title);
        set_time(&mut fields, "start", meeting.when.as_ref());
        set_time(&mut fields, "end", meeting.end.as_ref());
        if meeting.oparl.is_some() {
            return Value::Object(fields);
        }
        fields.insert("meetingState".to_owned(), json!(meeting.state.word()));
        if meeting.state == State::Cancelled {
            fields.insert("cancelled".to_owned(), json!(true));
        }
        if let Some(host) = &meeting.host {
            fields.insert("organization".to_owned(), json!([self.organisation(host)]));
        }
        if let Some(place) = meeting.place.as_ref().and_then(|place| place.name.as_ref()) {
            let id = self.base.at(&format!("location/{}.json", segment(place)));
            let mut location = object("Location", &id);
            location.insert("description".to_owned(), json!(place));
            fields.insert("location".to_owned(), Value::Object(location));
        }
        if let Some(kind) = &meeting.kind {
            fields.insert("nghisu:kind".to_owned(), json!(kind.word()));
        }
        if let Some(theme) = &meeting.theme {
            fields.insert("nghisu:theme".to_owned(), json!(theme));
        }
        Value::Object(fields)
    }

    /// An item, with its place in the list where the meeting's items do not stand as they were imported.
    fn item(&self, id: &ItemId, item: &Item, number: Option<i64>) -> Value {
        let mut fields = match &item.oparl {
            Some(Value::Object(fields)) => fields.clone(),
            Some(_) | None => {
                let mut fields = object("AgendaItem", &self.item_id(id, item));
                fields.insert("meeting".to_owned(), json!(self.id));
                fields.insert("public".to_owned(), json!(true));
                if let Some(kind) = &item.item_type {
                    fields.insert("nghisu:type".to_owned(), json!(kind.word()));
                }
                fields
            }
        };
        set_text(
            &mut fields,
            "number",
            item.number.as_deref().unwrap_or_default(),
        );
        set_text(&mut fields, "name", &item.title);
        set_text(
            &mut fields,
            "result",
            item.result.as_deref().unwrap_or_default(),
        );
        set_text(
            &mut fields,
            "resolutionText",
            item.resolution.as_deref().unwrap_or_default(),
        );
        set_time(&mut fields, "start", item.when.as_ref());
        set_time(&mut fields, "end", item.end.as_ref());
        if let Some(number) = number {
            fields.insert("order".to_owned(), json!(number));
        }
        let papers = item.papers.iter();
        let paper = papers
            .into_iter()
            .find(|paper| self.programme.papers.contains_key(*paper));
        if let (Some(paper), false) = (paper, fields.contains_key("consultation")) {
            fields.insert(
                "consultation".to_owned(),
                json!(self.consultation_id(id, paper)),
            );
        }
        Value::Object(fields)
    }

    fn item_id(&self, id: &ItemId, item: &Item) -> String {
        match &item.oparl {
            Some(_) => id.as_str().to_owned(),
            None => self.own("item", id.as_str()),
        }
    }

    fn own(&self, what: &str, id: &str) -> String {
        self.base
            .at(&format!("{}/{what}/{}.json", self.path, segment(id)))
    }

    fn consultation_id(&self, item: &ItemId, paper: &PaperId) -> String {
        let item = segment(item.as_str());
        self.base.at(&format!(
            "{}/consultation/{item}/{}.json",
            self.path,
            segment(paper.as_str())
        ))
    }

    fn paper(&mut self, id: &PaperId, paper: &Paper) -> Value {
        if let Some(oparl) = &paper.oparl {
            return oparl.clone();
        }
        let own_id = self.own("paper", id.as_str());
        let mut fields = object("Paper", &own_id);
        fields.insert("body".to_owned(), json!(self.base.at("body.json")));
        set_text(&mut fields, "name", &paper.title);
        set_text(
            &mut fields,
            "reference",
            paper.number.as_deref().unwrap_or_default(),
        );
        set_text(
            &mut fields,
            "paperType",
            paper.paper_type.as_deref().unwrap_or_default(),
        );
        if let Some(date) = paper.date.as_ref().and_then(date) {
            fields.insert("date".to_owned(), json!(date));
        }
        if let Some(issuer) = &paper.issuer {
            fields.insert(
                "originatorOrganization".to_owned(),
                json!([self.organisation(issuer)]),
            );
        }
        let earlier = paper.supersedes.as_ref();
        if let Some((earlier, of)) =
            earlier.and_then(|id| Some((id, self.programme.papers.get(id)?)))
        {
            let id = match &of.oparl {
                Some(_) => earlier.as_str().to_owned(),
                None => self.own("paper", earlier.as_str()),
            };
            fields.insert("relatedPaper".to_owned(), json!([id]));
        }
        self.paper_files(id, &own_id, paper, &mut fields);
        let items = self.programme.items_in_order().into_iter();
        let consultations: Vec<Value> = items
            .filter(|(_, item)| item.papers.contains(id))
            .map(|(item_id, item)| {
                let mut fields = object("Consultation", &self.consultation_id(item_id, id));
                fields.insert("paper".to_owned(), json!(own_id));
                fields.insert("agendaItem".to_owned(), json!(self.item_id(item_id, item)));
                fields.insert("meeting".to_owned(), json!(self.id));
                Value::Object(fields)
            })
            .collect();
        if !consultations.is_empty() {
            fields.insert("consultation".to_owned(), Value::Array(consultations));
        }
        Value::Object(fields)
    }

    fn paper_files(&mut self, id: &PaperId, paper_id: &str, paper: &Paper, fields: &mut Fields) {
        let of = |role: &str| format!("{}/file/{}/{role}.json", self.path, segment(id.as_str()));
        let [main_id, text_id] = ["main", "text"].map(|role| self.base.at(&of(role)));
        let main = paper
            .file
            .as_ref()
            .map(|file| (file, self.file(&main_id, paper_id, file)));
        let text = paper
            .text_file
            .as_ref()
            .map(|file| (file, self.file(&text_id, paper_id, file)));
        match (main, text) {
            (Some((_, mut main)), Some((_, mut text))) => {
                main.insert("derivativeFile".to_owned(), json!([text_id]));
                text.insert("masterFile".to_owned(), json!(main_id));
                fields.insert("mainFile".to_owned(), Value::Object(main));
                fields.insert("auxiliaryFile".to_owned(), json!([text]));
            }
            (Some((_, one)), None) | (None, Some((_, one))) => {
                fields.insert("mainFile".to_owned(), Value::Object(one));
            }
            (None, None) => {}
        }
    }

    fn file(&mut self, id: &str, paper: &str, file: &PaperFile) -> Fields {
        let ending = file.name.rsplit_once('.').map_or("", |(_, ending)| ending);
        let plain = (1..=ENDING_MAX).contains(&ending.len())
            && ending.chars().all(|c| c.is_ascii_alphanumeric());
        let ending = if plain {
            format!(".{}", ending.to_ascii_lowercase())
        } else {
            String::new()
        };
        let path = format!("download/{}{ending}", file.hash);
        let mut fields = object("File", id);
        fields.insert("fileName".to_owned(), json!(file.name));
        fields.insert("mimeType".to_owned(), json!(file.media_type));
        fields.insert("size".to_owned(), json!(file.length));
        fields.insert("accessUrl".to_owned(), json!(self.base.at(&path)));
        fields.insert("paper".to_owned(), json!([paper]));
        fields.insert("nghisu:sha256".to_owned(), json!(file.hash.to_string()));
        let known = PublicFile {
            hash: file.hash,
            media_type: file.media_type.clone(),
        };
        self.files.insert(path, known);
        fields
    }

    /// The terms, organisations, persons and memberships that the meeting names.
    fn people(&mut self) {
        let meeting = &self.programme.meeting;
        let term = meeting
            .term
            .as_ref()
            .and_then(|term| Some((term.start?, term.end?)));
        if let Some((start, end)) = term {
            let name = format!("{start}-{end}");
            let id = self.base.at(&format!("term/{name}.json"));
            let mut fields = object("LegislativeTerm", &id);
            fields.insert("body".to_owned(), json!(self.base.at("body.json")));
            fields.insert("name".to_owned(), json!(name));
            self.put(Value::Object(fields));
        }
        let presenters = self
            .programme
            .items
            .values()
            .flat_map(|item| &item.presenters);
        let all = meeting
            .chairs
            .iter()
            .chain(&meeting.participants)
            .chain(presenters);
        let mut memberships: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
        for participant in all {
            if let Some(organisation) = &participant.organisation {
                self.organisation(organisation);
            }
            if let Some(person) = &participant.person {
                let of = memberships.entry(person).or_default();
                let membership = self.membership(person, participant);
                if let Some(membership) = membership.filter(|one| !of.contains(one)) {
                    of.push(membership);
                }
            }
        }
        for (person, of) in memberships {
            let mut fields = object("Person", &self.person_id(person));
            fields.insert("body".to_owned(), json!(self.base.at("body.json")));
            fields.insert("name".to_owned(), json!(person));
            if !of.is_empty() {
                fields.insert("membership".to_owned(), Value::Array(of));
            }
            self.put(Value::Object(fields));
        }
    }

    fn person_id(&self, name: &str) -> String {
        self.base.at(&format!("person/{}.json", segment(name)))
    }

    /// The post that a person has, if any is told.
    fn membership(&mut self, person: &str, of: &Participant) -> Option<Value> {
        let post = of.post.as_ref().or(of.role.as_ref());
        let organisation = of.organisation.as_deref();
        if post.is_none() && organisation.is_none() {
            return None;
        }
        let parts = json!([person, organisation, post]).to_string();
        let id = self
            .base
            .at(&format!("membership/{}.json", segment(&parts)));
        let mut fields = object("Membership", &id);
        fields.insert("person".to_owned(), json!(self.person_id(person)));
        if let Some(organisation) = organisation {
            fields.insert(
                "organization".to_owned(),
                json!(self.organisation(organisation)),
            );
        }
        if let Some(post) = post {
            fields.insert("role".to_owned(), json!(post));
        }
        Some(Value::Object(fields))
    }

    /// Makes the organisation of a name known and returns its id.
    fn organisation(&mut self, name: &str) -> String {
        let id = self
            .base
            .at(&format!("organization/{}.json", segment(name)));
        let mut fields = object("Organization", &id);
        fields.insert("body".to_owned(), json!(self.base.at("body.json")));
        fields.insert("name".to_owned(), json!(name));
        self.put(Value::Object(fields));
        id
    }
}

pub(super) fn object(class: &str, id: &str) -> Fields {
    let mut fields = Map::new();
    fields.insert("id".to_owned(), json!(id));
    fields.insert("type".to_owned(), json!(format!("{TYPES}{class}")));
    fields
}

/// Sets a text, unless that is what stands there in other letters of the same kind: what was imported
/// and not changed stays as it came.
fn set_text(fields: &mut Fields, key: &str, text: &str) {
    let stands: String = fields
        .get(key)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .nfc()
        .collect();
    if stands == text {
        return;
    }
    if text.is_empty() {
        fields.remove(key);
    } else {
        fields.insert(key.to_owned(), json!(text));
    }
}

/// Sets a time, unless the clock on the wall shows it there already. What is less than a time OParl
/// cannot say, so it stands in words in a field of our own.
fn set_time(fields: &mut Fields, key: &str, when: Option<&PartialDate>) {
    let own = format!("nghisu:{key}");
    fields.remove(&own);
    let Some(when) = when else {
        fields.remove(key);
        return;
    };
    let Some((date, (hour, minute))) = date(when).zip(when.time()) else {
        let imported = fields.get(key).and_then(Value::as_str).unwrap_or_default();
        if date(when).as_deref() != Some(imported) {
            fields.remove(key);
            fields.insert(own, json!(when.to_string()));
        }
        return;
    };
    let clock = format!("{date}T{hour:02}:{minute:02}");
    let stands = fields.get(key).and_then(Value::as_str).unwrap_or_default();
    let stands = stands.replacen(['t', ' '], "T", 1);
    if !stands.starts_with(&clock) {
        fields.insert(key.to_owned(), json!(format!("{clock}:00{OFFSET}")));
    }
}

/// Returns a date of which all is known.
fn date(when: &PartialDate) -> Option<String> {
    let (year, month, day) = (when.year()?, when.month()?, when.day()?);
    Some(format!("{year:04}-{month:02}-{day:02}"))
}

/// Takes out every mention of a hidden address: the address, an object of that id, and what says that it
/// is of a hidden item.
fn scrub(value: &mut Value, hidden: &BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| !is_hidden(value, hidden));
            fields.values_mut().for_each(|value| scrub(value, hidden));
        }
        Value::Array(list) => {
            list.retain(|value| !is_hidden(value, hidden));
            list.iter_mut().for_each(|value| scrub(value, hidden));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn is_hidden(value: &Value, hidden: &BTreeSet<String>) -> bool {
    let names = |value: &Value| value.as_str().is_some_and(|text| hidden.contains(text));
    names(value)
        || ["id", "agendaItem"]
            .iter()
            .any(|key| value.get(*key).is_some_and(names))
}
