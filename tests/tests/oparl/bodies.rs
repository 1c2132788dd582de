//! A whole body that comes from OParl, and changes over time.

use std::fs;

use nghisu_core::{
    Code, Language,
    ids::PersonId,
    meeting::body::{Body, Membership, OrganisationKind},
    trust::decide::Role,
};
use nghisu_server::import::body::BodyFile;
use nghisu_server::office::oparl::{Base, Filter, PublicBody};
use nghisu_tests::{
    body::state,
    data,
    hall::{Hall, PROGRAMME},
    local::{NOW, folder},
    oparl::Export,
};
use serde_json::{Value, json};

use super::{exports::URL, planted::set, schemas};

const OF: &str = "https://rat.example/";

pub(super) fn object(class: &str, id: &str, fields: Value) -> Value {
    let mut object = json!({
        "id": format!("{OF}{id}"),
        "type": format!("https://schema.oparl.org/1.1/{class}"),
        "created": "2025-01-01T08:00:00+07:00",
        "modified": "2025-01-01T08:00:00+07:00",
    });
    let mut fields = fields;
    object
        .as_object_mut()
        .unwrap()
        .append(fields.as_object_mut().unwrap());
    object
}

pub(super) fn address(id: &str) -> String {
    format!("{OF}{id}")
}

/// A body with some of its objects embedded and some beside it, as pages and as lists.
pub(super) fn source() -> Value {
    let alice = object(
        "Person",
        "p/1",
        json!({
            "name": "Đại biểu tổ 3", "formOfAddress": "bà", "title": ["TS."], "gender": "female",
            "email": ["ZQ1X@example"], "phone": ["ZQ2X"], "life": "ZQ3X", "locationObject":
            object("Location", "l/1", json!({"streetAddress": "ZQ4X"})),
            "membership": [object("Membership", "m/1", json!({
                "organization": address("o/1"), "role": "Chủ tịch", "votingRight": true,
                "startDate": "2025-07-01",
            }))],
        }),
    );
    let bob = object(
        "Person",
        "p/2",
        json!({"givenName": "1", "familyName": "Thư ký"}),
    );
    json!({
        "body": object("Body", "b", json!({
            "name": "HĐND tỉnh Mới", "shortName": "HĐND", "website": "https://rat.example",
            "contactEmail": "ZQ5X@example", "person": address("persons"),
            "legislativeTerm": [object("LegislativeTerm", "t/1", json!({
                "name": "Khóa XIX", "startDate": "2026-05-01", "endDate": "2031-04-30",
            }))],
        })),
        "organizations": {"data": [
            object("Organization", "o/1", json!({
                "name": "HĐND tỉnh", "classification": "Hội đồng nhân dân",
                "membership": [address("m/1")],
            })),
            object("Organization", "o/2", json!({
                "name": "Ban Pháp chế", "organizationType": "Committee", "startDate": "2025-07-01",
                "subOrganizationOf": address("o/1"), "shortName": "",
            })),
            object("Organization", "o/3", json!({
                "name": "Sở Tài chính", "classification": "ZQ", "externalBody": address("other"),
            })),
        ], "links": {}},
        "persons": [alice, bob],
        "posts": [
            object("Membership", "m/2", json!({
                "person": address("p/2"), "organization": address("o/2"), "onBehalfOf": address("o/3"),
            })),
            object("Membership", "m/3", json!({"person": address("p/2"), "role": "Thư ký"})),
        ],
    })
}

pub(super) fn laid(value: &Value, before: &Body) -> Result<Body, String> {
    let folder = folder();
    let file = folder.path().join("rat.json");
    fs::write(&file, value.to_string()).unwrap();
    BodyFile::open(&file)
        .unwrap()
        .over(before, Language::English)
        .map_err(|error| {
            assert_eq!(error.code(), Code::BodyFile);
            error.detail().to_owned()
        })
}

pub(super) fn nothing() -> Body {
    Body::named("Cơ quan")
}

#[test]
fn a_body_from_oparl_has_its_terms_organisations_people_and_posts_and_nobodys_number() {
    let body = laid(&source(), &nothing()).unwrap();
    assert_eq!(body.faults(), []);
    assert_eq!(
        (
            body.name.as_str(),
            body.short_name.as_deref(),
            body.website.as_deref()
        ),
        ("HĐND tỉnh Mới", Some("HĐND"), Some("https://rat.example"))
    );
    let term = &body.terms[0];
    assert_eq!(term.id.as_str(), address("t/1"));
    assert_eq!(term.name, "Khóa XIX");
    assert_eq!(
        (term.from, term.until),
        ("2026-05-01".parse().ok(), "2031-04-30".parse().ok())
    );
    let kinds: Vec<_> = body
        .organisations
        .iter()
        .map(|it| (it.kind, it.external))
        .collect();
    assert_eq!(
        kinds,
        [
            (Some(OrganisationKind::Council), false),
            (Some(OrganisationKind::Committee), false),
            (None, true)
        ]
    );
    let committee = &body.organisations[1];
    assert_eq!(committee.parent, address("o/1").parse().ok());
    assert_eq!(
        (committee.short_name.as_deref(), committee.until),
        (None, None)
    );
    let people: Vec<_> = body
        .persons
        .iter()
        .map(|it| (it.id.as_str(), it.name.as_str(), it.honorific.as_deref()))
        .collect();
    let [first, second] = ["p/1", "p/2"].map(address);
    assert_eq!(
        people,
        [
            (first.as_str(), "Đại biểu tổ 3", Some("bà TS.")),
            (second.as_str(), "1 Thư ký", None)
        ]
    );
    assert_eq!(
        body.memberships,
        [
            Membership {
                person: first.parse().unwrap(),
                organisation: address("o/1").parse().unwrap(),
                post: Some("Chủ tịch".to_owned()),
                voting: Some(true),
                on_behalf_of: None,
                term: None,
                from: "2025-07-01".parse().ok(),
                until: None,
                id: address("m/1").parse().ok(),
            },
            Membership {
                person: second.parse().unwrap(),
                organisation: address("o/2").parse().unwrap(),
                post: None,
                voting: None,
                on_behalf_of: address("o/3").parse().ok(),
                term: None,
                from: None,
                until: None,
                id: address("m/2").parse().ok(),
            },
        ]
    );
    let text = serde_json::to_string(&body).unwrap();
    assert!(!text.contains("ZQ"), "{text}");
    // Read once more it is what it was.
    assert_eq!(laid(&source(), &body).unwrap(), body);
}

/// What only an office says of a body that it takes over from OParl.
fn with_words_of_its_own() -> Body {
    let mut body = laid(&source(), &nothing()).unwrap();
    body.persons[0].account = Some(PersonId::from_bytes([1; 16]));
    body.persons[1].sort_key = Some("1".to_owned());
    body.memberships[0].term = address("t/1").parse().ok();
    body.organisations[2].kind = Some(OrganisationKind::Department);
    body.rules = vec![nghisu_core::meeting::deadlines::Rules::vietnamese()];
    body
}

#[test]
fn a_newer_state_changes_what_it_says_and_nothing_else() {
    let before = with_words_of_its_own();
    assert_eq!(laid(&source(), &before).unwrap(), before);
    let changed = |objects: Value, change: &dyn Fn(&mut Body)| {
        let mut expected = before.clone();
        change(&mut expected);
        assert_eq!(laid(&objects, &before).unwrap(), expected, "{objects}");
        // The same state once more is no change.
        assert_eq!(laid(&objects, &expected).unwrap(), expected, "{objects}");
    };
    let gone = |class: &str, id: &str| {
        object(
            class,
            id,
            json!({"deleted": true, "modified": "2026-10-01T23:30:00+07:00"}),
        )
    };
    // What is missing stays as it is, and nothing is decided by `modified`.
    changed(json!([source()["persons"][1]]), &|_| {});
    changed(
        json!({"data": [source()["organizations"]["data"][2]]}),
        &|_| {},
    );
    // A post and its end, embedded in the person.
    let mut alice = source()["persons"][0].clone();
    set(&mut alice, "/membership/0/role", json!("Phó Chủ tịch"));
    set(&mut alice, "/membership/0/endDate", json!("2026-09-30"));
    changed(alice, &|body| {
        body.memberships[0].post = Some("Phó Chủ tịch".to_owned());
        body.memberships[0].until = "2026-09-30".parse().ok();
    });
    // A new one beside it, and a term that is called otherwise.
    let more = object(
        "Membership",
        "m/4",
        json!({"person": address("p/1"), "organization": address("o/2"), "role": "Trưởng Ban"}),
    );
    let term = object("LegislativeTerm", "t/1", json!({"name": "Khóa 19"}));
    changed(json!([more, term]), &|body| {
        body.memberships.push(Membership {
            person: address("p/1").parse().unwrap(),
            organisation: address("o/2").parse().unwrap(),
            post: Some("Trưởng Ban".to_owned()),
            id: address("m/4").parse().ok(),
            ..body.memberships[1].clone()
        });
        body.memberships[2].on_behalf_of = None;
        (body.terms[0].from, body.terms[0].until) = (None, None);
        body.terms[0].name = "Khóa 19".to_owned();
    });
    // Whoever is in an organisation that ends is in it no longer.
    let mut committee = source()["organizations"]["data"][1].clone();
    set(&mut committee, "/endDate", json!("2026-06-30"));
    changed(committee, &|body| {
        body.organisations[1].until = "2026-06-30".parse().ok();
        body.memberships[1].until = "2026-06-30".parse().ok();
    });
    changed(gone("Organization", "o/2"), &|body| {
        body.organisations[1].until = "2026-10-01".parse().ok();
        body.memberships[1].until = "2026-10-01".parse().ok();
    });
    changed(gone("Membership", "m/1"), &|body| {
        body.memberships[0].until = "2026-10-01".parse().ok();
    });
    changed(gone("Person", "p/1"), &|body| {
        body.memberships[0].until = "2026-10-01".parse().ok();
    });
    changed(gone("LegislativeTerm", "t/1"), &|body| {
        body.terms[0].until = "2026-10-01".parse().ok();
    });
    changed(gone("Body", "b"), &|body| {
        body.until = "2026-10-01".parse().ok();
    });
    // Nobody has heard of it, and it is gone already.
    changed(gone("Membership", "m/9"), &|_| {});
}

/// Where a fault is planted, what it is, and what is said of it.
fn faults() -> Vec<(&'static str, Value, &'static str)> {
    vec![
        (
            "/body/name",
            Value::Null,
            "body.name: found nothing; expected a name",
        ),
        (
            "/body/website",
            json!(1),
            "body.website: found 1; expected a text",
        ),
        (
            "/body/legislativeTerm/0/endDate",
            json!("2031-02-30"),
            "body.legislativeTerm[0].endDate: found \"2031-02-30\"; expected a day like \"2026-12-07\"",
        ),
        (
            "/body/legislativeTerm/0/nghisu:legislature",
            json!("19"),
            "body.legislativeTerm[0].nghisu:legislature: found \"19\"; expected a number",
        ),
        (
            "/body/legislativeTerm/0/nghisu:legislature",
            json!(5_000_000_000_u64),
            "body.legislativeTerm[0].nghisu:legislature: found 5000000000; expected a number",
        ),
        (
            "/body/legislativeTerm/0/endDate",
            json!("2025-01-01"),
            "body.legislativeTerm[0]: until is before from",
        ),
        (
            "/body/legislativeTerm/0/type",
            json!("https://schema.oparl.org/1.1/Person"),
            "body.legislativeTerm[0].type: found \"https://schema.oparl.org/1.1/Person\"; \
             expected the type LegislativeTerm",
        ),
        (
            "/organizations/data/1/name",
            json!(""),
            "organizations.data[1]: it has no name",
        ),
        (
            "/organizations/data/1/subOrganizationOf",
            json!(address("o/9")),
            "organizations.data[1]: there is no organisation \"https://rat.example/o/9\"",
        ),
        (
            "/organizations/data/2/id",
            json!(7),
            "organizations.data[2].id: found 7; expected an address of 1 to 256 bytes",
        ),
        (
            "/organizations/data/2/id",
            json!(address("o/1")),
            "organizations.data[2]: found \"https://rat.example/o/1, which says something else at \
             organizations.data[0]\"; expected one state of each object",
        ),
        (
            "/persons/1/id",
            json!(address("o/1")),
            "persons[1]: found \"https://rat.example/o/1, which says something else at \
             organizations.data[0]\"; expected one state of each object",
        ),
        (
            "/persons/1/familyName",
            json!(["a"]),
            "persons[1].familyName: found a list; expected a text",
        ),
        (
            "/persons/0/title",
            json!("TS."),
            "persons[0].title: found \"TS.\"; expected a list of texts",
        ),
        (
            "/persons/0/membership/0/votingRight",
            json!(1),
            "persons[0].membership[0].votingRight: found 1",
        ),
        (
            "/persons/0/membership/0/person",
            json!(address("p/2")),
            "persons[0].membership[0].person: found \"https://rat.example/p/2\"; \
             expected the person that it stands in, https://rat.example/p/1",
        ),
        (
            "/posts/0/person",
            Value::Null,
            "posts[0].person: found nothing; expected the address of a person",
        ),
        (
            "/posts/0/organization",
            json!(address("o/9")),
            "posts[0]: there is no organisation \"https://rat.example/o/9\"",
        ),
        (
            "/posts/0/startDate",
            json!("01.07.2025"),
            "posts[0].startDate: found \"01.07.2025\"; expected a day",
        ),
        (
            "/posts/0/type",
            json!("https://schema.oparl.org/1.1/Coffee"),
            "posts[0].type: found \"https://schema.oparl.org/1.1/Coffee\"; expected a type of OParl 1.1",
        ),
        (
            "/posts/1",
            json!(3),
            "posts[1]: found 3; expected an object of OParl",
        ),
    ]
}

#[test]
fn a_planted_fault_in_each_class_is_refused_with_its_place() {
    for (at, value, says) in faults() {
        let mut source = source();
        set(&mut source, at, value);
        let error = laid(&source, &nothing()).unwrap_err();
        assert!(
            error.starts_with(&format!("rat.json: {says}")),
            "{at}: {error}"
        );
    }
}

#[test]
fn what_one_object_says_in_two_places_is_put_together() {
    let mut objects = json!([
        source()["organizations"]["data"][0],
        source()["persons"][0],
        object(
            "Membership",
            "m/1",
            json!({"person": address("p/1"), "endDate": "2031-04-30", "nghisu:term": ""}),
        ),
        source()["persons"][1],
    ]);
    // One that stands in its organisation need not name it.
    objects[0]["membership"] = json!([
        address("m/1"),
        object(
            "Membership",
            "m/2",
            json!({"person": address("p/2"), "role": "Thư ký"})
        )
    ]);
    let body = laid(&objects, &nothing()).unwrap();
    let posts: Vec<_> = body
        .memberships
        .iter()
        .map(|it| {
            let (from, until) = (it.from.map(|it| it.to_string()), it.until);
            let until = until.map(|it| it.to_string());
            (
                it.organisation.as_str(),
                it.post.as_deref(),
                it.voting,
                from,
                until,
            )
        })
        .collect();
    let council = address("o/1");
    let day = |day: &str| Some(day.to_owned());
    assert_eq!(
        posts,
        [
            (council.as_str(), Some("Thư ký"), None, None, None,),
            (
                council.as_str(),
                Some("Chủ tịch"),
                Some(true),
                day("2025-07-01"),
                day("2031-04-30"),
            ),
        ]
    );
    set(
        &mut objects,
        "/0/membership/1/organization",
        json!(address("o/2")),
    );
    let error = laid(&objects, &nothing()).unwrap_err();
    assert!(
        error.starts_with(
            "rat.json: [0].membership[1].organization: found \"https://rat.example/o/2\"; \
             expected the organisation that it stands in, https://rat.example/o/1"
        ),
        "{error}"
    );
}

#[test]
fn an_address_is_the_same_however_its_letters_are_composed() {
    let (composed, decomposed) = ("o/\u{1ec7}", "o/e\u{323}\u{302}");
    let objects = |of: &str, named: &str| {
        json!([
            object("Organization", of, json!({"name": "HĐND"})),
            source()["persons"][1],
            object(
                "Membership",
                "m/1",
                json!({"person": address("p/2"), "organization": address(named)})
            ),
        ])
    };
    let body = laid(&objects(decomposed, decomposed), &nothing()).unwrap();
    assert_eq!(body.organisations[0].id.as_str(), address(composed));
    for (of, named) in [(composed, decomposed), (decomposed, composed)] {
        assert_eq!(laid(&objects(of, named), &body).unwrap(), body);
    }
}

#[test]
fn a_post_that_begins_when_its_organisation_has_ended_is_told_so() {
    let mut source = source();
    set(
        &mut source,
        "/organizations/data/0/endDate",
        json!("2025-06-30"),
    );
    let error = laid(&source, &nothing()).unwrap_err();
    assert_eq!(
        error,
        "rat.json: persons[0].membership[0]: it goes on after the organisation \
         \"https://rat.example/o/1\" has ended; set until"
    );
}

#[test]
fn what_is_larger_than_any_body_is_refused_before_each_part_of_it_is_compared_with_each() {
    let folder = folder();
    let file = folder.path().join("rat.json");
    let person = |number: u32| object("Person", &format!("p/{number}"), json!({}));
    let objects: Vec<Value> = (0..20_000).map(person).collect();
    fs::write(&file, json!(objects).to_string()).unwrap();
    let error = BodyFile::open(&file)
        .unwrap()
        .over(&nothing(), Language::English)
        .unwrap_err();
    assert_eq!(error.code(), Code::TooLarge);
    assert!(error.detail().starts_with("rat.json: "), "{error}");
    assert!(
        error.detail().ends_with("expected at most 262144"),
        "{error}"
    );
    let term = |number: u32| format!("[[term]]\nid = \"{number}\"\nname = \"Khóa\"\n");
    let terms: String = (0..20_000).map(term).collect();
    fs::write(&file, format!("name = \"HĐND\"\n{terms}")).unwrap();
    let error = BodyFile::open(&file)
        .unwrap()
        .over(&nothing(), Language::English)
        .unwrap_err();
    assert_eq!(error.code(), Code::TooLarge);
}

#[test]
fn a_file_without_a_body_or_with_two_of_them_is_refused() {
    let deleted = json!({"id": address("m/1"), "type": "x/Membership", "deleted": true});
    let error = laid(&deleted, &nothing()).unwrap_err();
    assert!(
        error.starts_with("rat.json: modified: found nothing; expected the time"),
        "{error}"
    );
    let mut deleted = deleted;
    set(
        &mut deleted,
        "/modified",
        json!("2026-10-011T08:00:00+07:00"),
    );
    let error = laid(&deleted, &nothing()).unwrap_err();
    assert!(
        error.starts_with(
            "rat.json: modified: found \"2026-10-011T08:00:00+07:00\"; expected the time"
        ),
        "{error}"
    );
    let two = json!([source()["body"], source()["body"]]);
    let error = laid(&two, &nothing()).unwrap_err();
    assert!(
        error.contains("[1].type") && error.ends_with("expected one Body in a file"),
        "{error}"
    );
    for empty in [
        json!([]),
        json!({"data": []}),
        json!([object("Paper", "x", json!({}))]),
    ] {
        let error = laid(&empty, &nothing()).unwrap_err();
        assert!(error.contains("found nothing; expected a Body"), "{error}");
    }
}

#[test]
fn the_organisations_of_a_real_council_are_taken_over_and_a_second_time_change_nothing() {
    let Some(folder) = data("oparl-karlsruhe") else {
        return;
    };
    let file = folder.join("organizations.json");
    let read = |before: &Body| {
        BodyFile::open(&file)
            .unwrap()
            .over(before, Language::English)
            .unwrap()
    };
    let body = read(&Body::named("Karlsruhe"));
    assert_eq!(
        (body.name.as_str(), body.organisations.len()),
        ("Karlsruhe", 97)
    );
    let committees = body.organisations.iter();
    let committees = committees.filter(|it| it.kind == Some(OrganisationKind::Committee));
    assert_eq!(committees.count(), 5);
    assert_eq!(read(&body), body);
}

#[test]
fn the_specification_s_own_body_organisation_and_person_are_taken_over() {
    let Some(folder) = data("oparl-spec-examples") else {
        return;
    };
    let example = |name: &str| -> Value {
        let text = fs::read(folder.join(format!("{name}-01.json"))).unwrap();
        serde_json::from_slice(&text).unwrap()
    };
    let [body, organisation, person] = ["Body", "Organization", "Person"].map(example);
    let of = |id: u32| {
        let mut organisation = organisation.clone();
        set(
            &mut organisation,
            "/id",
            json!(format!("https://oparl.example.org/organizations/{id}")),
        );
        organisation
    };
    let objects = json!([
        example("System"),
        body,
        of(5),
        of(9),
        person,
        example("Meeting")
    ]);
    let body = laid(&objects, &nothing()).unwrap();
    assert_eq!(
        (
            body.name.as_str(),
            body.terms[0].name.as_str(),
            body.organisations.len()
        ),
        ("Stadt Köln, kreisfreie Stadt", "21. Wahlperiode", 2)
    );
    // Degrees belong to the name, and stand in it already.
    assert_eq!(
        (
            body.persons[0].name.as_str(),
            body.persons[0].honorific.as_deref()
        ),
        ("Prof. Dr. Max Mustermann", Some("Ratsfrau"))
    );
    let posts = body.memberships.iter();
    let posts: Vec<_> = posts
        .map(|it| (it.post.as_deref(), it.voting, it.until.is_some()))
        .collect();
    assert_eq!(
        posts,
        [
            (Some("Vorsitzende"), Some(true), false),
            (Some("Sachkundige Bürgerin"), Some(false), true)
        ]
    );
    let text = serde_json::to_string(&body).unwrap();
    for word in ["max@mustermann.de", "+493012345678", "ris@", "male"] {
        assert!(!text.contains(word), "{word}: {text}");
    }
    assert_eq!(laid(&objects, &body).unwrap(), body);
    // Without the person's organisations it is told which is missing.
    let error = laid(&json!([objects[1], objects[4]]), &nothing()).unwrap_err();
    assert!(
        error.starts_with(
            "rat.json: [1].membership[0]: there is no organisation \"https://oparl.example.org/organizations/5\""
        ),
        "{error}"
    );
}

pub(super) fn export(public: &PublicBody) -> Export {
    let documents = public.documents().into_iter();
    let files = public.files().map(|(path, _)| format!("{URL}/{path}"));
    Export {
        below: format!("{URL}/"),
        system: format!("{URL}/system.json"),
        documents: documents
            .map(|(path, it)| (format!("{URL}/{path}"), it))
            .collect(),
        files: files.collect(),
    }
}

/// What an office that is not ours has of a body after it has been given out and read: the losses, each of
/// them.
fn as_read_elsewhere(body: &Body) -> Body {
    let address = |what: &str, key: &str| format!("{URL}/body/{what}/{key}.json");
    let organisation = |key: &str| address("organization", key).parse().unwrap();
    let mut body = body.clone();
    // OParl has no rules, no bodies and organisations that others have come from, and nobody's account.
    body.rules.clear();
    body.predecessors.clear();
    body.successors.clear();
    for term in &mut body.terms {
        term.id = address("term", term.id.as_str()).parse().unwrap();
    }
    for it in &mut body.organisations {
        it.predecessors.clear();
        it.id = organisation(it.id.as_str());
        it.parent = it.parent.as_ref().map(|it| organisation(it.as_str()));
    }
    for person in &mut body.persons {
        person.account = None;
        person.id = address("person", person.id.as_str()).parse().unwrap();
    }
    for it in &mut body.memberships {
        it.person = address("person", it.person.as_str()).parse().unwrap();
        it.organisation = organisation(it.organisation.as_str());
        it.on_behalf_of = it.on_behalf_of.as_ref().map(|it| organisation(it.as_str()));
        let term = it.term.as_ref();
        it.term = term.map(|it| address("term", it.as_str()).parse().unwrap());
    }
    sorted(body)
}

/// Lists of OParl have the order of the addresses.
fn sorted(mut body: Body) -> Body {
    body.terms.sort_by(|a, b| a.id.cmp(&b.id));
    body.organisations.sort_by(|a, b| a.id.cmp(&b.id));
    body.persons.sort_by(|a, b| a.id.cmp(&b.id));
    body.memberships
        .sort_by(|a, b| a.organisation.cmp(&b.organisation));
    body
}

#[test]
fn a_stated_body_is_given_out_and_read_elsewhere_but_for_what_oparl_cannot_say() {
    let Some(schemas) = schemas() else {
        return;
    };
    let mut hall = Hall::new("kh-1", PROGRAMME);
    let alice = hall.member("Alice", Role::Delegate);
    let base = Base::parse(URL).unwrap();
    let before = hall.office.oparl(&base).unwrap();
    assert_eq!(schemas.check_export(&export(&before)), []);
    let folder = hall.folder.path().to_owned();
    let stated = state(&hall.office, &folder, "HĐND tỉnh Mới", NOW);
    let public = hall.office.oparl(&base).unwrap();
    let given = export(&public);
    assert_eq!(schemas.check_export(&given), []);
    let text = Value::from_iter(given.documents.clone()).to_string();
    assert!(
        !text.contains(&alice.person.to_string()),
        "an account is given out"
    );

    let lists = ["body", "terms", "organizations", "persons", "memberships"];
    let documents = lists.map(|list| given.documents[&format!("{URL}/{list}.json")].clone());
    let other = Hall::new("kh-1", PROGRAMME);
    let read = laid(&json!(documents), &nothing()).unwrap();
    let read = other.office.state_body(read, NOW).unwrap().unwrap().body;
    assert_eq!(laid(&json!(documents), &read).unwrap(), read);
    let expected = as_read_elsewhere(&stated.body);
    let mut without_new_ids = sorted(read);
    for (read, of) in without_new_ids
        .memberships
        .iter_mut()
        .zip(&expected.memberships)
    {
        assert!(read.id.is_some());
        if of.id.is_none() {
            read.id = None;
        }
    }
    assert_eq!(without_new_ids, expected);

    // Given out from there, each object has the address that it had.
    let again = other.office.oparl(&base).unwrap();
    let again = export(&again);
    assert_eq!(schemas.check_export(&again), []);
    for list in &lists[1..] {
        let ids = |of: &Export| -> Vec<Value> {
            let data = of.documents[&format!("{URL}/{list}.json")]["data"].clone();
            data.as_array()
                .unwrap()
                .iter()
                .map(|it| it["id"].clone())
                .collect()
        };
        assert_eq!(ids(&again), ids(&given), "{list}");
        assert!(!ids(&given).is_empty(), "{list}");
    }
}

#[test]
fn a_reader_who_asks_what_has_changed_in_a_body_is_told_of_that_alone() {
    let Some(schemas) = schemas() else {
        return;
    };
    let mut hall = Hall::new("kh-1", PROGRAMME);
    hall.member("Alice", Role::Delegate);
    let base = Base::parse(URL).unwrap();
    let folder = hall.folder.path().to_owned();
    let stated = state(&hall.office, &folder, "HĐND tỉnh Mới", NOW);
    let later = NOW.plus_ms(86_400_000);
    let mut body = stated.body;
    body.memberships[1].until = "2026-09-30".parse().ok();
    body.memberships.pop();
    body.organisations[1].name = "HĐND thành phố Mới".to_owned();
    hall.office.state_body(body, later).unwrap().unwrap();
    let public = hall.office.oparl(&base).unwrap();
    assert_eq!(schemas.check_export(&export(&public)), []);
    let since = later.written_at(0);
    let since = Filter::read([("modified_since", since.as_str())].into_iter()).unwrap();
    let changed = |class: &str, list: &str| -> Vec<(Value, Value)> {
        let page = public.document(&format!("{list}.json"), &since).unwrap();
        assert_eq!(
            schemas.check_changes(
                class,
                &[(
                    page["links"]["self"].as_str().unwrap().to_owned(),
                    page.clone()
                )]
            ),
            []
        );
        let data = page["data"].as_array().unwrap().iter();
        data.map(|it| (it["name"].clone(), it["endDate"].clone()))
            .collect()
    };
    assert_eq!(changed("LegislativeTerm", "terms"), []);
    assert_eq!(
        changed("Organization", "organizations"),
        [
            (json!("HĐND thành phố Mới"), Value::Null),
            // One that a membership was in, which is stated no longer.
            (json!("Tổ đại biểu số 3"), Value::Null),
        ]
    );
    assert_eq!(
        changed("Person", "persons"),
        [(json!("Đại biểu tổ 3"), Value::Null)]
    );
    let mut memberships = changed("Membership", "memberships");
    memberships.sort_by_key(|(_, end)| end.to_string());
    assert_eq!(
        memberships,
        [
            (Value::Null, json!("2026-09-30")),
            (Value::Null, Value::Null)
        ]
    );
}
