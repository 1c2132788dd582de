//! The same over HTTP, from an office that was asked to give it out.

use std::{
    collections::BTreeSet,
    io::{Read, Write},
    net::TcpStream,
};

use nghisu_core::{ids::Hash, meeting::canonical_json};
use nghisu_tests::{oparl::Export, process::Office, scan::Needle};
use serde_json::Value;

use super::{
    exports::{CLOSED, PROGRAMME, URL, exported, long_programme, publish},
    schemas,
};

/// Asks as a reader does who sees the office at [`URL`], through a proxy. Returns status and body.
pub(super) fn get(office: &Office, url: &str) -> (u16, Vec<u8>) {
    let path = url.strip_prefix("https://hdnd.example").unwrap();
    let mut stream = TcpStream::connect(office.address()).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: hdnd.example\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap();
    let head = String::from_utf8(answer[..end].to_vec())
        .unwrap()
        .to_lowercase();
    if path.starts_with("/oparl/") && !head.starts_with("http/1.1 404") {
        assert!(head.contains("access-control-allow-origin: *"), "{head}");
    }
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer.split_off(end + 4))
}

pub(super) fn document(office: &Office, url: &str) -> Value {
    let (status, body) = get(office, url);
    assert_eq!(status, 200, "{url}");
    serde_json::from_slice(&body).unwrap()
}

/// The pages of a list, from the first one on.
pub(super) fn pages(office: &Office, first: &str) -> Vec<(String, Value)> {
    let mut pages = Vec::new();
    let mut next = Some(first.to_owned());
    while let Some(url) = next {
        let page = document(office, &url);
        next = page["links"]["next"].as_str().map(str::to_owned);
        pages.push((url, page));
    }
    pages
}

pub(super) fn ids(pages: &[(String, Value)], deleted: bool) -> BTreeSet<String> {
    let objects = pages
        .iter()
        .flat_map(|(_, page)| page["data"].as_array().unwrap());
    let fitting = objects.filter(|object| (object["deleted"] == true) == deleted);
    fitting
        .map(|object| object["id"].as_str().unwrap().to_owned())
        .collect()
}

/// Everything that leads on from the system, as it is served.
fn crawled(office: &Office) -> (Export, Vec<Vec<u8>>) {
    let mut export = Export {
        below: format!("{URL}/"),
        system: format!("{URL}/system.json"),
        ..Export::default()
    };
    let mut bodies = Vec::new();
    let mut to_ask = vec![export.system.clone()];
    while let Some(url) = to_ask.pop() {
        if export.documents.contains_key(&url) || export.files.contains(&url) {
            continue;
        }
        let (status, body) = get(office, &url);
        assert_eq!(status, 200, "{url}");
        if url.contains("/download/") {
            export.files.insert(url);
        } else {
            let document: Value = serde_json::from_slice(&body).unwrap();
            addresses(&document, &mut to_ask);
            export.documents.insert(url, document);
        }
        bodies.push(body);
    }
    (export, bodies)
}

fn addresses(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) if text.starts_with(&format!("{URL}/")) => found.push(text.clone()),
        Value::Array(list) => list.iter().for_each(|value| addresses(value, found)),
        Value::Object(fields) => fields.values().for_each(|value| addresses(value, found)),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

pub(super) fn serving() -> Office {
    let mut office = Office::start(false);
    office.restart_with(&["--public-oparl", URL]);
    office
}

#[test]
fn what_is_served_is_what_is_written_to_files_and_holds_nothing_closed() {
    let Some(schemas) = schemas() else {
        return;
    };
    let office = serving();
    publish(&office, PROGRAMME);
    office.publish("dài.toml", long_programme().as_bytes());

    let (served, bodies) = crawled(&office);

    assert_eq!(schemas.check_export(&served), []);
    let (_folder, written) = exported(&office);
    let texts = |export: &Export| -> Vec<(String, String)> {
        let all = export.documents.iter();
        all.map(|(url, document)| (url.clone(), canonical_json(document)))
            .collect()
    };
    assert_eq!(texts(&served), texts(&written));
    assert_eq!(served.files, written.files);
    assert!(bodies.iter().any(|body| body == b"%PDF-1.7 to trinh"));
    let needle = Needle::new(&CLOSED);
    assert_eq!(needle.find(&bodies.concat(), 64).total(), 0);
    // Who knows a closed file's hash is told no more than of any other.
    let closed = Hash::of_content(b"%PDF-1.7 ZQ10X");
    assert_eq!(get(&office, &format!("{URL}/download/{closed}.pdf")).0, 404);
}

#[test]
fn a_reader_who_asks_what_has_changed_is_told_what_is_gone() {
    let Some(schemas) = schemas() else {
        return;
    };
    let office = serving();
    let open = PROGRAMME
        .replace("public = false\n", "")
        .replace("circle = \"thường trực\"\n", "");
    publish(&office, &open);
    let list = format!("{URL}/agenda-items.json");
    let before = ids(&pages(&office, &list), false);
    assert_eq!(before.len(), 5);
    publish(&office, PROGRAMME);

    let after = pages(&office, &list);
    let changed = pages(
        &office,
        &format!("{list}?modified_since=2026-01-01T00%3A00%3A00%2B07%3A00"),
    );

    assert_eq!(ids(&after, true), BTreeSet::new());
    let left = ids(&after, false);
    assert_eq!(left.len(), 3);
    assert_eq!(ids(&changed, false), left);
    let gone: BTreeSet<String> = before.difference(&left).cloned().collect();
    assert_eq!(ids(&changed, true), gone);
    assert_eq!(schemas.check_changes("AgendaItem", &changed), []);
    for id in &gone {
        // At its own address it is still there, and says that it is gone.
        let tombstone = document(&office, id);
        assert_eq!(tombstone["deleted"], true);
        // The moment itself counts.
        let since = tombstone["modified"].as_str().unwrap().replace('+', "%2B");
        let since = pages(&office, &format!("{list}?modified_since={since}"));
        assert!(ids(&since, true).contains(id));
    }
    for (filter, count) in [
        ("modified_since=2999-01-01T00:00:00%2B07:00", 0),
        ("created_since=2999-01-01T00:00:00%2B07:00", 0),
        ("created_since=2020-01-01T00:00:00%2B07:00", 3),
        ("created_until=2020-01-01T00:00:00%2B07:00", 0),
        ("modified_until=2999-01-01T00:00:00+07:00", 3),
        ("vendor=x", 3),
    ] {
        let pages = pages(&office, &format!("{list}?{filter}"));
        let all = ids(&pages, false).len() + ids(&pages, true).len();
        assert_eq!(all, count, "{filter}");
    }
    assert_eq!(
        get(&office, &format!("{list}?modified_since=yesterday")).0,
        400
    );
}

#[test]
fn pages_keep_what_was_asked_and_leave_out_what_is_internal() {
    let office = serving();
    office.publish("dài.toml", long_programme().as_bytes());
    let list = format!("{URL}/agenda-items.json?created_since=2020-01-01T00%3A00%3A00%2B07%3A00");

    let all = pages(&office, &list);

    assert_eq!((all.len(), ids(&all, false).len()), (3, 230));
    assert!(
        all.iter()
            .all(|(url, _)| url.ends_with("?created_since=2020-01-01T00%3A00%3A00%2B07%3A00"))
    );
    let meetings = |filter: &str| document(&office, &format!("{URL}/meetings.json{filter}"));
    assert_eq!(
        meetings("")["data"][0]["agendaItem"]
            .as_array()
            .unwrap()
            .len(),
        230
    );
    assert_eq!(
        meetings("?omit_internal=true")["data"][0].get("agendaItem"),
        None
    );
}

#[test]
fn nothing_is_public_of_an_office_that_was_not_asked_to() {
    let office = Office::start(false);
    publish(&office, PROGRAMME);
    for path in ["system.json", "meetings.json", "body.json"] {
        assert_eq!(get(&office, &format!("{URL}/{path}")).0, 404);
    }
    let office = serving();
    for path in [
        "",
        "x",
        "..",
        "meetings-2.json",
        "meetings-0.json",
        "agenda-items",
        "download/x.pdf",
    ] {
        assert_eq!(get(&office, &format!("{URL}/{path}")).0, 404, "{path}");
    }
}
