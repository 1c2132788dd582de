//! A small export that holds, and faults to plant in it.

use serde_json::{Value, json};

use super::Export;

const BASE: &str = "https://hdnd.example/oparl/";

/// A fault, where it is to be found, and how many are found in all.
pub(crate) struct Plant {
    pub(crate) name: &'static str,
    pub(crate) plant: fn(&mut Export),
    pub(crate) place: &'static str,
    pub(crate) what: &'static str,
    pub(crate) faults: usize,
}

const fn plant(
    name: &'static str,
    plant: fn(&mut Export),
    place: &'static str,
    what: &'static str,
    faults: usize,
) -> Plant {
    Plant {
        name,
        plant,
        place,
        what,
        faults,
    }
}

/// Each is planted alone. One fault may be seen from two sides: what is missing is missed where it is
/// named, and where it was to stand.
pub(crate) const PLANTS: &[Plant] = &[
    plant(
        "a required field is absent",
        |it| remove(it, "bodies", "/data/0/paper"),
        "https://hdnd.example/oparl/bodies#/data/0/paper",
        "required of a Body, and absent",
        4,
    ),
    plant(
        "the order of an embedded item is absent",
        |it| remove(it, "meetings", "/data/0/agendaItem/1/order"),
        "https://hdnd.example/oparl/meetings#/data/0/agendaItem/1/order",
        "required of a AgendaItem, and absent",
        1,
    ),
    plant(
        "the type is unknown",
        |it| {
            put(
                it,
                "papers",
                "/data/0/mainFile/type",
                json!("https://schema.oparl.org/1.1/Blob"),
            )
        },
        "https://hdnd.example/oparl/papers#/data/0/mainFile/type",
        "unknown type",
        1,
    ),
    plant(
        "the type is of version 1.0",
        |it| {
            put(
                it,
                "organizations",
                "/data/0/type",
                json!("https://schema.oparl.org/1.0/Organization"),
            )
        },
        "https://hdnd.example/oparl/organizations#/data/0/type",
        "unknown type",
        6,
    ),
    plant(
        "another class is embedded than the schema says",
        |it| {
            put(
                it,
                "meetings",
                "/data/0/location/type",
                json!("https://schema.oparl.org/1.1/File"),
            )
        },
        "https://hdnd.example/oparl/meetings#/data/0/location/type",
        "a File; expected Location",
        1,
    ),
    plant(
        "a boolean is a text",
        |it| put(it, "meetings", "/data/0/agendaItem/0/public", json!("true")),
        "https://hdnd.example/oparl/meetings#/data/0/agendaItem/0/public",
        "expected boolean, found a string",
        2,
    ),
    plant(
        "an integer is a fraction",
        |it| put(it, "files", "/data/0/size", json!(82930.5)),
        "https://hdnd.example/oparl/files#/data/0/size",
        "expected integer, found a fraction",
        2,
    ),
    plant(
        "a value is null",
        |it| put(it, "papers", "/data/0/reference", Value::Null),
        "https://hdnd.example/oparl/papers#/data/0/reference",
        "expected string, found null",
        1,
    ),
    plant(
        "one stands where many may",
        |it| {
            put(
                it,
                "meetings",
                "/data/0/organization",
                json!("https://hdnd.example/oparl/organization/1"),
            )
        },
        "https://hdnd.example/oparl/meetings#/data/0/organization",
        "expected array, found a string",
        1,
    ),
    plant(
        "many stand where one may",
        |it| {
            put(
                it,
                "consultations",
                "/data/0/meeting",
                json!(["https://hdnd.example/oparl/meeting/1"]),
            )
        },
        "https://hdnd.example/oparl/consultations#/data/0/meeting",
        "expected string, found a list",
        2,
    ),
    plant(
        "a date is of no calendar",
        |it| put(it, "papers", "/data/0/date", json!("2026-02-29")),
        "https://hdnd.example/oparl/papers#/data/0/date",
        "no date: \"2026-02-29\"",
        1,
    ),
    plant(
        "a time has no offset",
        |it| {
            put(
                it,
                "meetings",
                "/data/0/start",
                json!("2026-12-07T08:00:00Z"),
            )
        },
        "https://hdnd.example/oparl/meetings#/data/0/start",
        "no date-time",
        1,
    ),
    plant(
        "an address has a space in it",
        |it| {
            put(
                it,
                "bodies",
                "/data/0/website",
                json!("https://hdnd.example/trang chu"),
            )
        },
        "https://hdnd.example/oparl/bodies#/data/0/website",
        "no url",
        1,
    ),
    plant(
        "the version is another one",
        |it| {
            put(
                it,
                "system",
                "/oparlVersion",
                json!("https://schema.oparl.org/1.2/"),
            )
        },
        "https://hdnd.example/oparl/system#/oparlVersion",
        "does not fit the pattern",
        1,
    ),
    plant(
        "a field is unknown and no maker's own",
        |it| put(it, "persons", "/data/0/familyname", json!("Trần")),
        "https://hdnd.example/oparl/persons#/data/0/familyname",
        "unknown of a Person",
        1,
    ),
    plant(
        "a reference leads to nothing",
        |it| {
            put(
                it,
                "consultations",
                "/data/0/organization/0",
                json!("https://hdnd.example/oparl/organization/9"),
            )
        },
        "https://hdnd.example/oparl/consultations#/data/0/organization/0",
        "leads to nothing: https://hdnd.example/oparl/organization/9",
        2,
    ),
    plant(
        "a reference leads to an object of another class",
        |it| {
            put(
                it,
                "memberships",
                "/data/0/organization",
                json!("https://hdnd.example/oparl/person/1"),
            )
        },
        "https://hdnd.example/oparl/memberships#/data/0/organization",
        "leads to a Person; expected Organization",
        3,
    ),
    plant(
        "a reference within a list leads to an object of another class",
        |it| {
            put(
                it,
                "locations",
                "/data/0/meetings/0",
                json!("https://hdnd.example/oparl/paper/1"),
            )
        },
        "https://hdnd.example/oparl/locations#/data/0/meetings/0",
        "leads to a Paper; expected Meeting",
        2,
    ),
    plant(
        "two objects of a list have one id",
        |it| {
            let twin = it.documents[&at("persons")]["data"][0].clone();
            let page = it.documents.get_mut(&at("persons")).unwrap();
            page["data"].as_array_mut().unwrap().push(twin);
            set(page, "/pagination/totalElements", json!(2));
        },
        "https://hdnd.example/oparl/persons#/data/1/id",
        "stands in the list twice: https://hdnd.example/oparl/person/1",
        1,
    ),
    plant(
        "two objects of different classes have one id",
        |it| {
            put(
                it,
                "memberships",
                "/data/0/id",
                json!("https://hdnd.example/oparl/meeting/1"),
            )
        },
        "https://hdnd.example/oparl/memberships#/data/0",
        "is a Membership here and a Meeting",
        2,
    ),
    plant(
        "one object says two things",
        |it| put(it, "meetings", "/data/0/agendaItem/0/name", json!("Bế mạc")),
        "https://hdnd.example/oparl/meetings#/data/0/agendaItem/0/name",
        "says something else",
        1,
    ),
    plant(
        "a deleted object is embedded",
        |it| put(it, "meetings", "/data/0/agendaItem/1/deleted", json!(true)),
        "https://hdnd.example/oparl/meetings#/data/0/agendaItem/1",
        "a deleted object is embedded",
        1,
    ),
    plant(
        "a deleted object is in the list of what there is",
        |it| put(it, "papers", "/data/0/deleted", json!(true)),
        "https://hdnd.example/oparl/papers#/data/0",
        "a deleted object in a list of what there is",
        5,
    ),
    plant(
        "a deleted object does not say when it was deleted",
        |it| put(it, "gone", "/modified", Value::Null),
        "https://hdnd.example/oparl/gone#/modified",
        "expected string, found null",
        1,
    ),
    plant(
        "one consultation is of two items",
        |it| {
            put(
                it,
                "meetings",
                "/data/0/agendaItem/0/consultation",
                json!("https://hdnd.example/oparl/consultation/1"),
            );
        },
        "https://hdnd.example/oparl/meetings#/data/0/agendaItem/0/consultation",
        "does not lead back by its agendaItem",
        2,
    ),
    plant(
        "the items stand in another order than they say",
        |it| put(it, "meetings", "/data/0/agendaItem/1/order", json!(0)),
        "https://hdnd.example/oparl/meetings#/data/0/agendaItem/1/order",
        "not above that of the item before",
        2,
    ),
    plant(
        "an embedded object is in no list",
        |it| {
            remove(it, "files", "/data/0");
            put(it, "files", "/pagination/totalElements", json!(0));
        },
        "https://hdnd.example/oparl/papers#/data/0/mainFile",
        "is not in the list of every File",
        1,
    ),
    plant(
        "the file of a paper is not there",
        |it| it.files.clear(),
        "https://hdnd.example/oparl/files#/data/0/accessUrl",
        "leads to nothing",
        2,
    ),
    plant(
        "a page is not reached",
        |it| remove(it, "agendaItems", "/links/next"),
        "https://hdnd.example/oparl/agendaItems-2",
        "nothing leads here",
        4,
    ),
    plant(
        "the pages lead in a circle",
        |it| {
            put(
                it,
                "agendaItems-2",
                "/links/next",
                json!("https://hdnd.example/oparl/agendaItems"),
            )
        },
        "https://hdnd.example/oparl/agendaItems-2#/links/next",
        "leads back to",
        1,
    ),
    plant(
        "a place is given by a bare point",
        |it| {
            put(
                it,
                "locations",
                "/data/0/geojson",
                json!({"type": "Point", "coordinates": [105.8, 21.0]}),
            )
        },
        "https://hdnd.example/oparl/locations#/data/0/geojson",
        "no whole feature",
        1,
    ),
    plant(
        "something was modified before it was created",
        |it| {
            put(
                it,
                "papers",
                "/data/0/modified",
                json!("2026-11-30T23:59:59+07:00"),
            )
        },
        "https://hdnd.example/oparl/papers#/data/0/modified",
        "before created",
        1,
    ),
];

fn at(document: &str) -> String {
    format!("{BASE}{document}")
}

fn object(class: &str, id: &str, fields: Value) -> Value {
    let mut object = json!({
        "id": at(id),
        "type": format!("https://schema.oparl.org/1.1/{class}"),
        "created": "2026-12-01T08:00:00+07:00",
        "modified": "2026-12-01T08:00:00+07:00",
    });
    let own = object.as_object_mut().unwrap();
    own.extend(fields.as_object().unwrap().clone());
    object
}

/// An export with an object of each class, in lists of one page, and the items in two.
pub(crate) fn export() -> Export {
    let mut export = Export {
        below: BASE.to_owned(),
        system: at("system"),
        files: [at("files/1.pdf")].into(),
        ..Export::default()
    };
    let items = [
        object(
            "AgendaItem",
            "item/1",
            json!({"meeting": at("meeting/1"), "order": 0, "number": "1",
            "name": "Khai mạc", "public": true}),
        ),
        object(
            "AgendaItem",
            "item/2",
            json!({"meeting": at("meeting/1"), "order": 1, "number": "2",
            "name": "Tờ trình", "public": true, "consultation": at("consultation/1"), "nghisu:type": "report"}),
        ),
    ];
    let location = object(
        "Location",
        "location/1",
        json!({"room": "Hội trường", "meetings": [at("meeting/1")]}),
    );
    let consultation = object(
        "Consultation",
        "consultation/1",
        json!({"paper": at("paper/1"),
        "agendaItem": at("item/2"), "meeting": at("meeting/1"), "organization": [at("organization/1")]}),
    );
    let file = object(
        "File",
        "file/1",
        json!({"fileName": "1.pdf", "mimeType": "application/pdf", "size": 82930,
        "accessUrl": at("files/1.pdf"), "paper": [at("paper/1")]}),
    );
    let membership = object(
        "Membership",
        "membership/1",
        json!({"person": at("person/1"),
        "organization": at("organization/1"), "role": "Chủ tịch", "startDate": "2026-05-01"}),
    );
    let term = object(
        "LegislativeTerm",
        "term/1",
        json!({"body": at("body/1"), "name": "2026-2031",
        "startDate": "2026-05-01", "endDate": "2031-04-30"}),
    );
    let meeting = object(
        "Meeting",
        "meeting/1",
        json!({"name": "Kỳ họp thứ Nhất", "start": "2026-12-07T08:00:00+07:00",
        "end": "2026-12-07T17:00:00+07:00", "organization": [at("organization/1")], "location": location,
        "agendaItem": items}),
    );
    let paper = object(
        "Paper",
        "paper/1",
        json!({"body": at("body/1"), "name": "Tờ trình", "reference": "1/TTr",
        "date": "2026-11-30", "mainFile": file, "consultation": [consultation]}),
    );
    let person = object(
        "Person",
        "person/1",
        json!({"body": at("body/1"), "name": "Đại biểu tổ 3", "membership": [membership]}),
    );
    let organization = object(
        "Organization",
        "organization/1",
        json!({"body": at("body/1"), "name": "Thường trực",
        "membership": [at("membership/1")]}),
    );
    let body = object(
        "Body",
        "body/1",
        json!({"system": at("system"), "name": "HĐND phường Ví Dụ",
        "website": "https://hdnd.example/", "organization": at("organizations"), "person": at("persons"),
        "meeting": at("meetings"), "paper": at("papers"), "agendaItem": at("agendaItems"),
        "consultation": at("consultations"), "file": at("files"), "locationList": at("locations"),
        "legislativeTermList": at("terms"), "membership": at("memberships"), "legislativeTerm": [term]}),
    );
    let system = object(
        "System",
        "system",
        json!({"oparlVersion": "https://schema.oparl.org/1.1/", "body": at("bodies")}),
    );
    export.documents.insert(at("system"), system);
    let gone = object("Paper", "gone", json!({"deleted": true}));
    export.documents.insert(at("gone"), gone);
    for (name, one) in [
        ("bodies", body),
        ("organizations", organization),
        ("persons", person),
        ("meetings", meeting),
        ("papers", paper),
        ("consultations", consultation),
        ("files", file),
        ("locations", location),
        ("terms", term),
        ("memberships", membership),
    ] {
        let page =
            json!({"data": [one], "pagination": {"totalElements": 1}, "links": {"self": at(name)}});
        export.documents.insert(at(name), page);
    }
    let [first, second] = items;
    let pagination = |page: u32| json!({"totalElements": 2, "elementsPerPage": 1, "currentPage": page, "totalPages": 2});
    let names = ["agendaItems", "agendaItems-2"].map(at);
    export.documents.insert(
        names[0].clone(),
        json!({"data": [first], "pagination": pagination(1), "links": {"next": names[1]}}),
    );
    export.documents.insert(
        names[1].clone(),
        json!({"data": [second], "pagination": pagination(2), "links": {"prev": names[0]}}),
    );
    export
}

fn put(export: &mut Export, document: &str, pointer: &str, value: Value) {
    set(
        export.documents.get_mut(&at(document)).unwrap(),
        pointer,
        value,
    );
}

fn remove(export: &mut Export, document: &str, pointer: &str) {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let document = export.documents.get_mut(&at(document)).unwrap();
    let parent = document.pointer_mut(parent).unwrap();
    match parent.as_array_mut() {
        Some(list) => drop(list.remove(key.parse().unwrap())),
        None => drop(parent.as_object_mut().unwrap().remove(key).unwrap()),
    }
}

/// Sets what stands at a pointer, whether there was anything or not.
pub(crate) fn set(document: &mut Value, pointer: &str, value: Value) {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = document.pointer_mut(parent).unwrap();
    match parent.as_array_mut() {
        Some(list) => list[key.parse::<usize>().unwrap()] = value,
        None => parent[key] = value,
    }
}
