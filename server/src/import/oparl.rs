//! Meetings as OParl 1.1 has them: one object, a list of them, or a page with a list under `data`.
//!
//! What we know of a meeting and its items is taken over; every field, known or not, is kept beside
//! it as it came, so that the same objects can be given out again. Nothing is decided by `modified`:
//! in real data it stays the same while a result changes. Objects marked `deleted` are left out.
//!
//! OParl's times have an offset. They are taken as the clock on the wall shows them there.

use std::{collections::BTreeMap, path::PathBuf};

use nghisu_core::{
    Code, Error, Result,
    limits::NESTING_MAX,
    meeting::{Item, ItemId, Meeting, Place, Programme, State, order, programme::oparl_order},
    time::{DateParts, PartialDate},
};
use serde_json::{Map, Value};
use unicode_normalization::UnicodeNormalization;

use super::Imported;

/// Reads the meetings of a JSON text; `name` is the file that it came from.
pub fn parse(name: &str, text: &str) -> Result<Vec<Imported>> {
    let value: Value = serde_json::from_str(text).map_err(|error| {
        let why = error.to_string();
        let why = why.split(" at line ").next().unwrap_or_default();
        Error::new(
            Code::ProgrammeFile,
            format!("{name}:{}: {why}; expected JSON", error.line()),
        )
    })?;
    let (path, list) = match value {
        Value::Array(list) => ("", list),
        Value::Object(mut page) if page.contains_key("data") && !page.contains_key("type") => {
            match page.remove("data") {
                Some(Value::Array(list)) => ("data", list),
                other => return Err(found(name, "data", other.as_ref(), "a list of meetings")),
            }
        }
        one @ (Value::Object(_)
        | Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)) => {
            return Ok(meeting(name, "", one)?.into_iter().collect());
        }
    };
    let meetings = list
        .into_iter()
        .enumerate()
        .map(|(index, value)| meeting(name, &format!("{path}[{index}]"), value));
    meetings.filter_map(Result::transpose).collect()
}

/// Reads one meeting; `None` if it is marked as deleted.
fn meeting(name: &str, path: &str, value: Value) -> Result<Option<Imported>> {
    if depth(&value) > NESTING_MAX {
        let detail = format!(
            "{name}: {path}: nested more deeply than {NESTING_MAX} levels; expected a meeting"
        );
        return Err(Error::new(Code::ProgrammeFile, detail));
    }
    let Value::Object(mut fields) = value else {
        return Err(found(name, path, Some(&value), "an OParl meeting"));
    };
    let at = |key: &str| {
        if path.is_empty() {
            key.to_owned()
        } else {
            format!("{path}.{key}")
        }
    };
    let object_type = fields.get("type");
    if !object_type
        .and_then(Value::as_str)
        .is_some_and(|text| text.ends_with("/Meeting"))
    {
        let expected = "an OParl type that ends in \"/Meeting\"";
        return Err(found(name, &at("type"), object_type, expected));
    }
    if is_deleted(&fields) {
        return Ok(None);
    }
    let external_id: ItemId = id(name, &at("id"), fields.get("id"))?;
    let mut items = Vec::new();
    if let Some(list) = fields.get_mut("agendaItem").filter(|list| !list.is_null()) {
        let Value::Array(list) = list else {
            return Err(found(
                name,
                &at("agendaItem"),
                Some(list),
                "a list of items",
            ));
        };
        let mut kept = Vec::new();
        for (index, value) in list.drain(..).enumerate() {
            if let Some((id, item)) = item(name, &at(&format!("agendaItem[{index}]")), value)? {
                kept.push(Value::from(id.as_str()));
                items.push((index, id, item));
            }
        }
        *list = kept;
    }
    let programme = Programme {
        meeting: typed_meeting(name, path, external_id.as_str(), fields)?,
        items: placed(name, &at("agendaItem"), items)?,
        ..Programme::default()
    };
    Ok(Some(Imported {
        external_id: external_id.into(),
        programme,
        folder: PathBuf::new(),
        files: Vec::new(),
    }))
}

fn typed_meeting(name: &str, path: &str, id: &str, fields: Map<String, Value>) -> Result<Meeting> {
    let object = Object {
        name,
        path,
        fields: &fields,
    };
    Ok(Meeting {
        id: id.to_owned(),
        title: object.text("name")?.unwrap_or_default(),
        state: state(&object)?,
        when: object.date("start")?,
        end: object.date("end")?,
        place: fields.get("location").and_then(place),
        oparl: Some(Value::Object(fields)),
        ..Meeting::default()
    })
}

fn item(name: &str, path: &str, value: Value) -> Result<Option<(ItemId, Item)>> {
    let Value::Object(fields) = value else {
        return Err(found(name, path, Some(&value), "an OParl item"));
    };
    if is_deleted(&fields) {
        return Ok(None);
    }
    let id = id(name, &format!("{path}.id"), fields.get("id"))?;
    let object = Object {
        name,
        path,
        fields: &fields,
    };
    let item = Item {
        number: object.text("number")?,
        title: object.text("name")?.unwrap_or_default(),
        public: object.flag("public")?,
        result: object.text("result")?,
        resolution: object.text("resolutionText")?,
        when: object.date("start")?,
        end: object.date("end")?,
        oparl: Some(Value::Object(fields)),
        ..Item::default()
    };
    Ok(Some((id, item)))
}

/// Puts items into their order; an id that stands twice is refused.
fn placed(
    name: &str,
    path: &str,
    mut items: Vec<(usize, ItemId, Item)>,
) -> Result<BTreeMap<ItemId, Item>> {
    items.sort_by_key(|(_, _, item)| oparl_order(item.oparl.as_ref()));
    let keys = order::assign(&vec![None; items.len()]);
    let mut map: BTreeMap<ItemId, Item> = BTreeMap::new();
    for ((index, id, mut item), order_key) in items.into_iter().zip(keys) {
        item.order_key = order_key;
        if map.contains_key(&id) {
            let detail =
                format!("{name}: {path}[{index}].id: {id} stands twice; expected an id of its own");
            return Err(Error::new(Code::ProgrammeFile, detail));
        }
        map.insert(id, item);
    }
    Ok(map)
}

/// `meetingState` is free text; these are the words of the specification's own examples, their
/// English counterparts and ours. Anything else is a plan.
fn state(meeting: &Object<'_>) -> Result<State> {
    if meeting.flag("cancelled")? == Some(true) {
        return Ok(State::Cancelled);
    }
    let word = meeting
        .text("meetingState")?
        .unwrap_or_default()
        .to_lowercase();
    Ok(match word.trim() {
        "terminiert" | "geplant" | "scheduled" => State::Planned,
        "eingeladen" | "einberufen" | "invited" => State::Convened,
        "läuft" | "laufend" => State::Running,
        "durchgeführt" | "beendet" | "stattgefunden" | "completed" => State::Held,
        "abgesagt" | "entfallen" | "ausgefallen" | "canceled" => State::Cancelled,
        word => State::parse(word).unwrap_or_default(),
    })
}

fn place(location: &Value) -> Option<Place> {
    let part = |key: &str| {
        let text = location.get(key).and_then(Value::as_str).map(str::trim);
        text.filter(|text| !text.is_empty())
    };
    let name = part("description").map(str::to_owned).or_else(|| {
        let parts: Vec<&str> = ["room", "streetAddress", "locality"]
            .into_iter()
            .filter_map(part)
            .collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    })?;
    Some(Place {
        name: Some(name.nfc().collect()),
        ..Place::default()
    })
}

struct Object<'a> {
    name: &'a str,
    path: &'a str,
    fields: &'a Map<String, Value>,
}

impl Object<'_> {
    /// A text that says something; OParl forbids `null` and empty texts, and real data has both.
    fn text(&self, key: &str) -> Result<Option<String>> {
        match self.fields.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => {
                Ok(Some(text.nfc().collect()).filter(|text: &String| !text.is_empty()))
            }
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

    fn date(&self, key: &str) -> Result<Option<PartialDate>> {
        let Some(text) = self.text(key)? else {
            return Ok(None);
        };
        let date = wall_clock(&text);
        let found = Some(Value::from(text));
        date.map(Some).ok_or_else(|| {
            self.found(
                key,
                found.as_ref(),
                "a time like \"2026-12-07T08:00:00+07:00\"",
            )
        })
    }

    fn found(&self, key: &str, value: Option<&Value>, expected: &str) -> Error {
        let path = if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        };
        found(self.name, &path, value, expected)
    }
}

/// Date, and time if there is one, of an RFC 3339 text as it stands there.
fn wall_clock(text: &str) -> Option<PartialDate> {
    let (date, time) = text
        .split_once(['T', 't', ' '])
        .map_or((text, None), |(date, time)| (date, Some(time)));
    let mut parts = date.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let mut next = || parts.next().flatten().map(Some);
    let (year, month, day) = (next()?, next()?, next()?);
    let time = match time {
        Some(time) => Some(time.get(..5)?.to_owned()),
        None => None,
    };
    DateParts {
        year,
        month,
        day,
        time,
        ..DateParts::default()
    }
    .try_into()
    .ok()
}

fn is_deleted(fields: &Map<String, Value>) -> bool {
    fields.get("deleted") == Some(&Value::Bool(true))
}

fn id(name: &str, path: &str, value: Option<&Value>) -> Result<ItemId> {
    let id = value
        .and_then(Value::as_str)
        .and_then(|text| text.parse().ok());
    id.ok_or_else(|| found(name, path, value, "an id of 1 to 256 bytes"))
}

/// Levels of maps and lists. What `serde_json` has read is at most 128 levels deep.
fn depth(value: &Value) -> usize {
    match value {
        Value::Array(list) => 1 + list.iter().map(depth).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

/// Says what was found, in a few words.
pub(super) fn shown(value: Option<&Value>) -> String {
    match value {
        None => "nothing".to_owned(),
        Some(Value::Object(_)) => "an object".to_owned(),
        Some(Value::Array(_)) => "a list".to_owned(),
        Some(Value::String(text)) if text.len() > 80 => "a long text".to_owned(),
        Some(value @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_))) => {
            value.to_string()
        }
    }
}

fn found(name: &str, path: &str, value: Option<&Value>, expected: &str) -> Error {
    let found = shown(value);
    let path = if path.is_empty() {
        String::new()
    } else {
        format!("{path}: ")
    };
    Error::new(
        Code::ProgrammeFile,
        format!("{name}: {path}found {found}; expected {expected}"),
    )
}

#[cfg(test)]
mod tests {
    use nghisu_core::meeting::canonical_json;
    use serde_json::json;

    use super::*;

    fn one(value: &Value) -> Imported {
        let mut meetings = parse("v.json", &value.to_string()).unwrap();
        assert_eq!(meetings.len(), 1);
        meetings.remove(0)
    }

    fn error(text: &str) -> String {
        let error = parse("v.json", text).unwrap_err();
        assert_eq!(error.code(), Code::ProgrammeFile);
        error.detail().to_owned()
    }

    fn meeting_of(fields: Value) -> Value {
        let mut meeting =
            json!({"id": "https://o.example/m/1", "type": "https://schema.oparl.org/1.1/Meeting"});
        meeting
            .as_object_mut()
            .unwrap()
            .append(&mut fields.as_object().unwrap().clone());
        meeting
    }

    #[test]
    fn a_meeting_has_its_typed_fields_and_all_others_beside_them() {
        let value = meeting_of(json!({
            "name": "Ho\u{323}p", "start": "2026-07-28T15:30:00+02:00", "end": "2026-07-28T20:00:00+02:00",
            "location": {"room": "Bürgersaal", "locality": "", "streetAddress": "Markt 1"},
            "meetingState": "eingeladen", "vendor:x": {"a": [1, 2.5, null]},
            "agendaItem": [
                {"id": "b", "order": 2, "name": "B", "number": "", "result": null, "start": "2026-07-28T16:00:00+02:00"},
                {"id": "a", "order": 1, "name": "A", "number": "1", "public": true, "result": "zugestimmt", "resolutionText": "Text", "vendor:y": 1},
            ],
        }));

        let Imported {
            external_id,
            programme,
            files,
            ..
        } = one(&value);

        assert_eq!(external_id, "https://o.example/m/1");
        assert!(files.is_empty());
        let meeting = &programme.meeting;
        assert_eq!(
            (meeting.title.as_str(), &meeting.state),
            ("Họp", &State::Convened)
        );
        assert_eq!(
            meeting.when.as_ref().unwrap().to_string(),
            "15h30 ngày 28/7/2026"
        );
        assert_eq!(
            meeting.place.as_ref().unwrap().name.as_deref(),
            Some("Bürgersaal, Markt 1")
        );
        let items = programme.items_in_order();
        assert_eq!(
            items.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>(),
            ["a", "b"]
        );
        let first = items[0].1;
        assert_eq!(
            (first.number.as_deref(), first.public),
            (Some("1"), Some(true))
        );
        assert_eq!(
            (first.result.as_deref(), first.resolution.as_deref()),
            (Some("zugestimmt"), Some("Text"))
        );
        assert_eq!((&items[1].1.number, &items[1].1.result), (&None, &None));
        assert_eq!(
            canonical_json(&programme.to_oparl().unwrap()),
            canonical_json(&value)
        );
        let read_again = Programme::from_json(&programme.to_json()).unwrap();
        assert_eq!(
            canonical_json(&read_again.to_oparl().unwrap()),
            canonical_json(&value)
        );
    }

    #[test]
    fn a_page_gives_all_its_meetings_but_deleted_ones() {
        let meeting = meeting_of(json!({}));
        let deleted = meeting_of(json!({"deleted": true}));
        for page in [
            json!([meeting, deleted, meeting]),
            json!({"data": [meeting, deleted, meeting], "links": {}}),
        ] {
            assert_eq!(parse("v.json", &page.to_string()).unwrap().len(), 2);
        }
    }

    #[test]
    fn the_state_is_told_where_it_can_be() {
        for (fields, state) in [
            (json!({"agendaItem": null}), State::Planned),
            (json!({"meetingState": "durchgeführt"}), State::Held),
            (json!({"meetingState": "Running"}), State::Running),
            (json!({"meetingState": "???"}), State::Planned),
            (
                json!({"meetingState": "eingeladen", "cancelled": true}),
                State::Cancelled,
            ),
        ] {
            let value = meeting_of(fields);
            let programme = one(&value).programme;
            assert_eq!(programme.meeting.state, state);
            assert_eq!(programme.to_oparl(), Some(value));
        }
    }

    #[test]
    fn what_is_no_meeting_is_refused_with_its_place() {
        let item = |value: Value| meeting_of(json!({"agendaItem": value})).to_string();
        for (text, expected) in [
            (
                "{\n\"id\": 1,\n}".to_owned(),
                "v.json:3: trailing comma; expected JSON",
            ),
            (
                "[1]".to_owned(),
                "v.json: [0]: found 1; expected an OParl meeting",
            ),
            (
                "{}".to_owned(),
                "v.json: type: found nothing; expected an OParl type that ends in \"/Meeting\"",
            ),
            (
                "{\"data\": {}}".to_owned(),
                "v.json: data: found an object; expected a list of meetings",
            ),
            (
                json!([{"type": "https://schema.oparl.org/1.1/Paper"}]).to_string(),
                "v.json: [0].type: found \"https://schema.oparl.org/1.1/Paper\"; expected an OParl type that ends in \"/Meeting\"",
            ),
            (
                json!({"type": "x/Meeting"}).to_string(),
                "v.json: id: found nothing; expected an id of 1 to 256 bytes",
            ),
            (
                meeting_of(json!({"name": 1})).to_string(),
                "v.json: name: found 1; expected a text",
            ),
            (
                meeting_of(json!({"start": "2026-02-30T08:00:00Z"})).to_string(),
                "v.json: start: found \"2026-02-30T08:00:00Z\"; expected a time like \"2026-12-07T08:00:00+07:00\"",
            ),
            (
                item(json!("x")),
                "v.json: agendaItem: found \"x\"; expected a list of items",
            ),
            (
                item(json!(["x"])),
                "v.json: agendaItem[0]: found \"x\"; expected an OParl item",
            ),
            (
                item(json!([{"id": "a", "public": "ja"}])),
                "v.json: agendaItem[0].public: found \"ja\"; expected true or false",
            ),
            (
                item(json!([{"id": "a"}, {"id": "a"}])),
                "v.json: agendaItem[1].id: a stands twice; expected an id of its own",
            ),
        ] {
            assert_eq!(error(&text), expected);
        }
    }

    #[test]
    fn deep_nesting_is_refused() {
        let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        let meeting = |levels: usize| {
            format!(
                "{{\"id\": \"m\", \"type\": \"x/Meeting\", \"deep\": {}}}",
                deep(levels)
            )
        };

        assert!(parse("v.json", &meeting(NESTING_MAX - 1)).is_ok());
        assert!(error(&meeting(NESTING_MAX)).contains("nested more deeply than 16 levels"));
        assert!(error(&deep(100_000)).contains("recursion limit"));
    }
}
