//! OParl 1.1: the validator on what others and we have written.
#![expect(
    clippy::unwrap_used,
    reason = "the helpers below the tests are tests too"
)]

#[path = "oparl/bodies.rs"]
mod bodies;
#[path = "oparl/exports.rs"]
mod exports;
#[path = "oparl/planted.rs"]
mod planted;
#[path = "oparl/served.rs"]
mod served;
#[path = "oparl/stated.rs"]
mod stated;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use nghisu_tests::{
    data,
    oparl::{Export, Schemas},
};
use serde_json::{Value, json};

fn schemas() -> Option<Schemas> {
    let folder = data("oparl-schema-1.1")?;
    let schemas = Schemas::read(&folder).unwrap();
    assert_eq!(schemas.classes().count(), 12);
    Some(schemas)
}

fn json_files(folder: &Path) -> Vec<(PathBuf, Value)> {
    let entries = fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
        .collect();
    paths.sort();
    let read = |path: PathBuf| {
        let value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        (path, value)
    };
    paths.into_iter().map(read).collect()
}

/// Two of the specification's eight examples contradict the specification.
#[test]
fn the_examples_of_the_specification_hold_but_for_what_is_wrong_in_them() {
    let (Some(schemas), Some(folder)) = (schemas(), data("oparl-spec-examples")) else {
        return;
    };
    let mut wrong = BTreeMap::new();
    let examples = json_files(&folder);
    assert_eq!(examples.len(), 8);
    for (path, example) in &examples {
        let name = path.file_stem().unwrap().to_str().unwrap();
        for fault in schemas.check(name, example) {
            let faults: &mut Vec<String> = wrong.entry(name.to_owned()).or_default();
            faults.push(fault.to_string());
        }
    }

    // `order` is required since 1.1, and four different files bear one id.
    let of_meeting = wrong.remove("Meeting-01").unwrap();
    assert_eq!(
        of_meeting[0],
        "Meeting-01#/agendaItem/0/order: required of a AgendaItem, and absent"
    );
    let one_id = "https://oparl.example.org/files/57739 says something else at";
    assert!(of_meeting[1..].iter().all(|fault| fault.contains(one_id)));
    assert_eq!(of_meeting.len(), 4, "{of_meeting:#?}");
    // A bare point, where strings.yml demands a whole feature.
    assert_eq!(
        wrong.remove("Paper-01").unwrap(),
        ["Paper-01#/location/0/geojson: no whole feature"]
    );
    assert_eq!(wrong, BTreeMap::new());
}

#[test]
fn what_a_real_council_publishes_holds() {
    let Some(schemas) = schemas() else {
        return;
    };
    let Some(folder) = data("oparl-karlsruhe") else {
        return;
    };
    let mut objects = json_files(&folder.join("papers"));
    objects.extend(json_files(&folder.join("10566")));
    assert_eq!(objects.len(), 62 + 12);
    for (path, object) in &objects {
        let faults = schemas.check(path.file_stem().unwrap().to_str().unwrap(), object);
        assert_eq!(faults, [], "{}", path.display());
    }
    let text = fs::read(folder.join("organizations.json")).unwrap();
    let organisations: Vec<Value> = serde_json::from_slice(&text).unwrap();
    assert_eq!(organisations.len(), 97);
    for organisation in &organisations {
        assert_eq!(schemas.check("organizations", organisation), []);
    }
}

#[test]
fn a_whole_export_holds_and_each_of_its_planted_faults_is_named_with_its_place() {
    let Some(schemas) = schemas() else {
        return;
    };
    assert_eq!(schemas.check_export(&planted::export()), []);

    let (mut names, mut missed) = (BTreeSet::new(), Vec::new());
    for plant in planted::PLANTS {
        let mut export = planted::export();
        (plant.plant)(&mut export);
        let faults = schemas.check_export(&export);
        let named = faults
            .iter()
            .any(|fault| fault.place == plant.place && fault.what.contains(plant.what));
        if !named || faults.len() != plant.faults {
            missed.push((plant.name, faults));
        }
        names.insert(plant.name);
    }
    assert!(missed.is_empty(), "{missed:#?}");
    assert!(names.len() >= 20, "{}", names.len());
}

#[test]
fn a_schema_that_says_more_than_is_understood_is_not_believed() {
    let Some(folder) = data("oparl-schema-1.1") else {
        return;
    };
    let copy = nghisu_tests::local::folder();
    nghisu_tests::canary::copy_folder(&folder, copy.path());
    let path = copy.path().join("Paper.json");
    let whole: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    for (at, value, expected) in [
        (
            "/properties/name/minLength",
            json!(1),
            "minLength is not understood",
        ),
        ("/properties/date/format", json!("time"), "format \"time\""),
        (
            "/properties/body/references",
            json!("Town"),
            "no schema of Town",
        ),
        (
            "/properties/mainFile/schema",
            json!("Blob.json"),
            "no schema of Blob",
        ),
        (
            "/properties/type/pattern",
            json!("^https.*$"),
            "pattern \"^https.*$\"",
        ),
    ] {
        let mut schema = whole.clone();
        planted::set(&mut schema, at, value);
        fs::write(&path, schema.to_string()).unwrap();

        let error = Schemas::read(copy.path()).unwrap_err();

        assert!(error.contains(expected), "{error}");
    }
}
