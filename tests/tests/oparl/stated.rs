//! What an office gives to the public of the body that it states.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use nghisu_core::{
    Language,
    meeting::body::{Body, Person},
};
use nghisu_server::import::body::BodyFile;
use nghisu_server::office::oparl::{Base, Filter};
use nghisu_tests::{
    canary::files_below,
    data,
    hall::{Hall, PROGRAMME},
    local::NOW,
    oparl::Export,
    process::Office,
};
use serde_json::{Value, json};

use super::{
    bodies::{export, laid, nothing, object, source},
    exports::{URL, exported, listed},
    planted::set,
    schemas,
    served::{document, get, ids, pages, serving},
};

const LISTS: [&str; 4] = ["terms", "organizations", "persons", "memberships"];

/// Has a running office read these objects from a file.
fn import(office: &Office, objects: &Value) -> String {
    let file = office.file("rat.json", objects.to_string().as_bytes());
    office.must(&["body", "import", &file])
}

fn by_id(export: &Export, list: &str) -> BTreeMap<String, Value> {
    let all = listed(export, list).into_iter();
    all.map(|one| (one["id"].as_str().unwrap().to_owned(), one))
        .collect()
}

fn keys(value: &Value) -> Vec<&str> {
    let fields = value.as_object().unwrap();
    fields.keys().map(String::as_str).collect()
}

/// What has got out of an export's folder into those around it.
fn written_beside(office: &Office, export: &Path) -> Vec<PathBuf> {
    let mut all = files_below(office.folder());
    let below = |folder: &Path, path: &Path| path.starts_with(folder);
    all.retain(|path| !below(export, path) && !below(&office.data(), path));
    let planted = |path: &Path| path.file_name()?.to_str()?.strip_prefix("ZQ").map(|_| ());
    all.retain(|path| planted(path).is_some());
    all
}

fn organisation(id: &str) -> Value {
    let mut object = object("Organization", "", json!({"name": "Ban"}));
    object["id"] = json!(id);
    object
}

/// Ids that a source may have, at which none of its objects can lie with us.
fn strange_addresses(elsewhere: &Path) -> Vec<String> {
    let mut all: Vec<String> = [
        "../ZQ1.json",
        "organization/../../ZQ2.json",
        "organization/.json",
        "system.json",
        "persons.json",
        "organizations-2.json",
        "body.json/ZQ3.json",
        "download/ZQ4.json",
        "meeting/ZQ5.json",
        "organization/ZQ6",
        "organization//ZQ7.json",
        "organization/a.b/ZQ8.json",
        "organization/ví dụ.json",
    ]
    .iter()
    .map(|path| format!("{URL}/{path}"))
    .collect();
    all.push(format!("{URL}/{}/ZQ9.json", elsewhere.display()));
    all.extend(["https://rat.example/ví dụ", "https://rat.example/a b"].map(str::to_owned));
    all.extend(["https:///x", "http://rat.example/%zz", "https://"].map(str::to_owned));
    all
}

#[test]
fn whatever_the_ids_of_a_source_the_files_lie_in_the_folder_and_none_takes_anothers_place() {
    let Some(schemas) = schemas() else {
        return;
    };
    let office = Office::start(false);
    let addresses = strange_addresses(office.folder());
    let all: Vec<Value> = addresses.iter().map(|id| organisation(id)).collect();
    import(&office, &json!(all));
    let (folder, export) = exported(&office);
    assert_eq!(
        written_beside(&office, &folder.path().join("oparl")),
        Vec::<PathBuf>::new()
    );
    assert_eq!(schemas.check_export(&export), []);
    assert_eq!(listed(&export, "organizations").len(), addresses.len());
    assert_eq!(
        export.documents[&export.system]["body"],
        json!(format!("{URL}/bodies.json"))
    );
    for id in by_id(&export, "organizations").keys() {
        let path = id.strip_prefix(&format!("{URL}/body/organization/"));
        let path = path.unwrap_or_else(|| panic!("{id}"));
        let file = folder.path().join("oparl/body/organization").join(path);
        assert!(file.is_file(), "{id}");
    }
    // What lies where our own objects do has been given out by us, and keeps its place.
    for kept in ["organization/3.json", "body/organization/3.json"] {
        import(&office, &json!([organisation(&format!("{URL}/{kept}"))]));
        let (_folder, export) = exported(&office);
        assert_eq!(schemas.check_export(&export), []);
        assert_eq!(export.documents[&format!("{URL}/{kept}")]["name"], "Ban");
    }
}

#[test]
fn a_meeting_from_elsewhere_writes_no_file_beside_the_folder_either() {
    let office = Office::start(false);
    let place = |id: &str| {
        let mut place = object("Location", "", json!({"description": "ZQ"}));
        place["id"] = json!(id);
        place
    };
    for (number, id) in strange_addresses(office.folder()).iter().enumerate() {
        let id = id.as_str();
        let meeting = object(
            "Meeting",
            &format!("{number}"),
            json!({"name": "M", "location": place(id)}),
        );
        office.publish("m.json", meeting.to_string().as_bytes());
    }
    let (folder, export) = exported(&office);
    assert_eq!(
        written_beside(&office, &folder.path().join("oparl")),
        Vec::<PathBuf>::new()
    );
    assert_eq!(
        export.documents[&export.system]["type"],
        "https://schema.oparl.org/1.1/System"
    );
    assert!(export.documents[&format!("{URL}/persons.json")]["data"].is_array());
}

#[test]
fn an_address_of_two_classes_is_given_to_none_of_them() {
    let Some(schemas) = schemas() else {
        return;
    };
    let hall = Hall::new("kh-1", PROGRAMME);
    let mut body = laid(&source(), &nothing()).unwrap();
    let twice = body.organisations[0].id.as_str().to_owned();
    body.persons[0].id = twice.parse().unwrap();
    body.memberships[0].person = twice.parse().unwrap();
    hall.office.state_body(body, NOW).unwrap().unwrap();
    let public = hall.office.oparl(&Base::parse(URL).unwrap()).unwrap();
    let export = export(&public);
    assert_eq!(schemas.check_export(&export), []);
    assert!(!export.documents.contains_key(&twice));
    assert_eq!(by_id(&export, "persons").len(), 2);
    assert_eq!(by_id(&export, "organizations").len(), 3);
}

#[test]
fn the_organisations_of_a_real_council_are_given_out_as_they_came_and_followed_through_a_year() {
    let (Some(schemas), Some(folder)) = (schemas(), data("oparl-karlsruhe")) else {
        return;
    };
    let file = folder.join("organizations.json");
    let came: Vec<Value> = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let hall = Hall::new("kh-1", PROGRAMME);
    let base = Base::parse(URL).unwrap();
    let body = BodyFile::open(&file)
        .unwrap()
        .over(&Body::named("Karlsruhe"), Language::English)
        .unwrap();
    let stated = hall.office.state_body(body, NOW).unwrap().unwrap();
    let first = export(&hall.office.oparl(&base).unwrap());
    assert_eq!(schemas.check_export(&first), []);
    let given = by_id(&first, "organizations");
    assert_eq!((came.len(), given.len()), (97, 97));
    let at = NOW.written_at(7 * 3_600_000);
    for one in &came {
        let other = &given[one["id"].as_str().unwrap()];
        for key in ["type", "name", "shortName", "startDate", "endDate"] {
            // A text that says nothing is none.
            let came = Some(&one[key])
                .filter(|it| **it != "")
                .unwrap_or(&Value::Null);
            assert_eq!(&other[key], came, "{one}");
        }
        // When we have said so, for who asks us what is new.
        assert_eq!(
            (&other["created"], &other["modified"]),
            (&json!(at), &json!(at)),
            "{one}"
        );
    }

    // A year on one is called otherwise, one has ended and one is new; all others come as they were.
    let mut newer = came.clone();
    let changed: Vec<String> = newer[..2]
        .iter()
        .map(|it| it["id"].as_str().unwrap().to_owned())
        .collect();
    set(&mut newer[0], "/name", json!("Ban Đô thị"));
    newer[1] = json!({
        "id": changed[1], "type": newer[1]["type"], "deleted": true,
        "created": newer[1]["created"], "modified": "2027-08-01T10:00:00+02:00",
    });
    newer.push(object(
        "Organization",
        "o/1",
        json!({"name": "Ban Văn hóa"}),
    ));
    let read = laid(&json!(newer), &stated.body).unwrap();
    let later = NOW.plus_ms(86_400_000);
    hall.office.state_body(read, later).unwrap().unwrap();
    let public = hall.office.oparl(&base).unwrap();
    assert_eq!(schemas.check_export(&export(&public)), []);
    let since = later.written_at(0);
    let since = Filter::read([("modified_since", since.as_str())].into_iter()).unwrap();
    let page = public.document("organizations.json", &since).unwrap();
    let said = page["data"].as_array().unwrap().iter();
    let said: BTreeMap<&str, _> = said
        .map(|it| {
            (
                it["id"].as_str().unwrap(),
                (&it["name"], &it["endDate"], &it["modified"]),
            )
        })
        .collect();
    let at = json!(later.written_at(7 * 3_600_000));
    assert_eq!(
        said,
        BTreeMap::from([
            (
                changed[0].as_str(),
                (&json!("Ban Đô thị"), &came[0]["endDate"], &at)
            ),
            (
                changed[1].as_str(),
                (&came[1]["name"], &json!("2027-08-01"), &at)
            ),
            (
                "https://rat.example/o/1",
                (&json!("Ban Văn hóa"), &Value::Null, &at)
            ),
        ])
    );
}

#[test]
fn what_is_stated_no_longer_leaves_nothing_but_that_it_was() {
    let Some(schemas) = schemas() else {
        return;
    };
    let office = serving();
    import(&office, &source());
    let (_folder, before) = exported(&office);
    let known = |list: &str| listed(&before, list)[0]["id"].clone();
    let toml = "name = \"HĐND tỉnh Mới\"\n[[organisation]]\nid = \"council\"\nname = \"HĐND\"\n";
    office.must(&["body", "import", &office.file("body.toml", toml.as_bytes())]);

    let (folder, export) = exported(&office);
    assert_eq!(schemas.check_export(&export), []);
    for word in [
        "Đại biểu tổ 3",
        "Thư ký",
        "Chủ tịch",
        "Khóa XIX",
        "Ban Pháp chế",
        "TS.",
    ] {
        for file in files_below(folder.path()) {
            let text = fs::read_to_string(&file).unwrap();
            assert!(!text.contains(word), "{word}: {}", file.display());
        }
    }
    let since = "modified_since=2020-01-01T00%3A00%3A00%2B07%3A00";
    for (list, class) in [
        ("terms", "LegislativeTerm"),
        ("organizations", "Organization"),
        ("persons", "Person"),
        ("memberships", "Membership"),
    ] {
        let now = pages(&office, &format!("{URL}/{list}.json"));
        assert_eq!(ids(&now, false).len(), usize::from(list == "organizations"));
        assert!(ids(&now, true).is_empty(), "{list}");
        let changed = pages(&office, &format!("{URL}/{list}.json?{since}"));
        assert_eq!(schemas.check_changes(class, &changed), []);
        let gone = changed[0].1["data"].as_array().unwrap().iter();
        let gone: Vec<&Value> = gone.filter(|it| it["deleted"] == true).collect();
        assert!(gone.iter().any(|it| it["id"] == known(list)), "{list}");
        for one in gone {
            assert_eq!(keys(one), ["created", "deleted", "id", "modified", "type"]);
        }
    }
}

#[test]
fn the_list_of_bodies_says_whether_the_body_has_changed() {
    let office = serving();
    import(&office, &source());
    let bodies = |filter: &str| pages(&office, &format!("{URL}/bodies.json?{filter}"));
    let modified = document(&office, &format!("{URL}/body.json"))["modified"].clone();
    let modified = modified.as_str().unwrap().replace('+', "%2B");
    for (filter, count) in [
        (String::new(), 1),
        (format!("modified_since={modified}"), 1),
        ("modified_since=2999-01-01T00:00:00%2B07:00".to_owned(), 0),
        ("created_until=2020-01-01T00:00:00%2B07:00".to_owned(), 0),
        ("omit_internal=true".to_owned(), 1),
    ] {
        let found = bodies(&filter);
        assert_eq!(ids(&found, false).len(), count, "{filter}");
        assert_eq!(found[0].1["pagination"]["totalElements"], count, "{filter}");
    }
}

#[test]
fn a_body_of_many_people_is_given_out_in_pages_and_so_are_its_changes() {
    let Some(schemas) = schemas() else {
        return;
    };
    let office = serving();
    let person = |number: u32| {
        object(
            "Person",
            &format!("p/{number}"),
            json!({"name": format!("Đại biểu {number}")}),
        )
    };
    let all: Vec<Value> = (1..=230).map(person).collect();
    // A source has pages too, each in a file of its own.
    for page in all.chunks(100) {
        import(
            &office,
            &json!({"data": page, "links": {}, "pagination": {}}),
        );
    }
    let persons = pages(&office, &format!("{URL}/persons.json"));
    let lengths: Vec<usize> = persons
        .iter()
        .map(|(_, page)| page["data"].as_array().unwrap().len())
        .collect();
    assert_eq!(
        (lengths, ids(&persons, false).len()),
        (vec![100, 100, 30], 230)
    );
    assert_eq!(schemas.check_export(&exported(&office).1), []);
    let toml =
        "name = \"HĐND\"\n[[person]]\nid = \"https://rat.example/p/1\"\nname = \"Đại biểu 1\"\n";
    office.must(&["body", "import", &office.file("body.toml", toml.as_bytes())]);
    let changed = pages(
        &office,
        &format!("{URL}/persons.json?modified_since=2020-01-01T00%3A00%3A00%2B07%3A00"),
    );
    assert_eq!(
        (
            changed.len(),
            ids(&changed, true).len(),
            ids(&changed, false).len()
        ),
        (3, 229, 1)
    );
    assert_eq!(schemas.check_changes("Person", &changed), []);
}

#[test]
fn an_object_is_found_under_any_id_that_looks_like_a_page() {
    let hall = Hall::new("kh-1", PROGRAMME);
    let mut body = Body::named("HĐND");
    let keys = ["p-3", "p-18446744073709551616", "p-"];
    body.persons = keys
        .iter()
        .map(|id| Person {
            id: id.parse().unwrap(),
            name: "Đại biểu tổ 3".to_owned(),
            honorific: None,
            sort_key: None,
            account: None,
        })
        .collect();
    hall.office.state_body(body, NOW).unwrap().unwrap();
    let public = hall.office.oparl(&Base::parse(URL).unwrap()).unwrap();
    for key in keys {
        let found = public.document(&format!("body/person/{key}.json"), &Filter::default());
        assert_eq!(found.unwrap()["name"], "Đại biểu tổ 3", "{key}");
    }
}

/// Everything that one office gives out is read by another one, file after file, and given out from there.
#[test]
fn a_body_goes_from_office_to_office_as_files_and_keeps_its_addresses() {
    let Some(schemas) = schemas() else {
        return;
    };
    let (first, second) = (serving(), serving());
    import(&first, &source());
    let (folder, given) = exported(&first);
    let lists = ["body", "terms", "organizations", "persons", "memberships"];
    let read = || -> Vec<String> {
        let file = |list| folder.path().join(format!("oparl/{list}.json"));
        lists
            .iter()
            .map(|list| second.must(&["body", "import", file(list).to_str().unwrap()]))
            .collect()
    };
    assert!(read()[0].starts_with("imported"));
    assert!(
        read().iter().all(|it| it.starts_with("unchanged")),
        "{:?}",
        read()
    );
    let (_folder, again) = exported(&second);
    assert_eq!(schemas.check_export(&again), []);
    let of = |export: &Export, list: &str| -> Value {
        let mut all = json!(listed(export, list));
        without_times(&mut all);
        all
    };
    for list in LISTS {
        assert_eq!(of(&again, list), of(&given, list), "{list}");
    }
    // Served it is the same as in files.
    for list in LISTS {
        let url = format!("{URL}/{list}.json");
        assert_eq!(document(&second, &url), again.documents[&url]);
    }
    assert_eq!(get(&second, &format!("{URL}/body/person/x.json")).0, 404);
}

fn without_times(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|key, _| key != "created" && key != "modified");
            fields.values_mut().for_each(without_times);
        }
        Value::Array(list) => list.iter_mut().for_each(without_times),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
