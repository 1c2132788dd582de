//! A meeting as one file: checked where there is no office and no network, and refused once any byte
//! of it is another one.
#![expect(
    clippy::unwrap_used,
    reason = "the helpers below the tests are tests too"
)]

use std::{
    collections::BTreeMap,
    fs,
    io::{Cursor, Read},
    path::Path,
    process::{Command, Output},
};

use nghisu_core::{Code, Error, ids::Hash};
use nghisu_server::bundle::{Checked, archive::Writer, check};
use nghisu_tests::process::{Device, Office, program, run_on};
use serde_json::Value;
use tempfile::TempDir;
use zip::ZipArchive;

const FIRST: &str = r#"
id = "kh-1"
kind = "regular_session"
title = "Kỳ họp thứ Nhất"

[[paper]]
id = "p1"
title = "Báo cáo ngân sách"
file = "p1.pdf"

[[paper]]
id = "p2"
title = "Tờ trình nhân sự ZQ4Y"
file = "p2.pdf"

[[paper]]
id = "p3"
title = "Đơn thư VB3N"
file = "p3.txt"

[[item]]
id = "i1"
number = "1"
title = "Ngân sách"
papers = ["p1"]

[[item]]
id = "i2"
number = "2"
title = "Nhân sự QX7Z"
papers = ["p2"]
circle = "thường trực"

[[item]]
id = "i3"
number = "3"
title = "Khiếu nại WK9P"
papers = ["p3"]
"#;
/// What only the circle has ever read, or reads now: titles, and words of papers.
const CLOSED: [&str; 6] = [
    "Nhân sự QX7Z",
    "Tờ trình nhân sự ZQ4Y",
    "about ZQ4Y",
    "Khiếu nại WK9P",
    "Đơn thư VB3N",
    "about VB3N",
];
const SPOKEN: &str = "hỏi về số liệu RM5T";

type Members = BTreeMap<String, Vec<u8>>;

/// An office with a meeting that was published three times: an item of a circle from the beginning, one
/// that was open at first and is closed since, and an act with its receipt.
struct Session {
    office: Office,
    root: Hash,
}

impl Session {
    fn new() -> Self {
        let office = Office::start(false);
        office.file("p1.pdf", b"%PDF-1.7 about money");
        office.file("p2.pdf", b"%PDF-1.7 about ZQ4Y");
        office.file("p3.txt", b"about VB3N");
        office.must(&["circle", "add", "thường trực"]);
        office.publish("kh.toml", FIRST.as_bytes());
        let device = Device::enrol(&office, "Đại biểu tổ 3");
        device.must(&["sync"]);
        let meeting = device.must(&["show"])[0]["id"].as_str().unwrap().to_owned();
        device.must(&["act", "speak", &meeting, SPOKEN, "--item", "i1"]);
        device.must(&["sync"]);
        let closed = format!("{FIRST}circle = \"thường trực\"\n");
        office.publish("kh.toml", closed.as_bytes());
        let held = closed.replace("id = \"kh-1\"\n", "id = \"kh-1\"\nstate = \"held\"\n");
        office.publish("kh.toml", held.as_bytes());
        let root = root_of(&office);
        Self { office, root }
    }

    fn bundle(&self, options: &[&str]) -> Vec<u8> {
        let file = self.office.folder().join("bundle.zip");
        let arguments = ["bundle", "kh-1", file.to_str().unwrap()];
        self.office.must(&[&arguments, options].concat());
        fs::read(file).unwrap()
    }

    fn refused(&self, bundle: &[u8]) -> Error {
        check(Cursor::new(bundle), Some(&self.root)).unwrap_err()
    }
}

#[test]
fn a_bundle_is_verified_in_an_empty_folder_without_its_office() {
    let mut session = Session::new();
    let bundle = session.bundle(&[]);
    assert_eq!(session.bundle(&[]), bundle, "the same content, other bytes");
    let (root, folder) = (session.root.to_string(), TempDir::new().unwrap());
    session.office.kill();
    drop(session);

    let output = verify(folder.path(), &bundle, Some(&root));

    let printed = succeeded(&output);
    for words in [
        "Kỳ họp thứ Nhất",
        "number 1",
        "number 3",
        "1 files of papers",
        &root,
    ] {
        assert!(printed.contains(words), "{words}: {printed}");
    }
    assert!(!printed.contains("Closed"), "{printed}");
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "it wrote something: {left:?}");

    // Without a fingerprint it holds in itself, and nobody is told that it is the right office's.
    let unknown = verify(folder.path(), &bundle, None);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(
        complained(&unknown).contains(&root),
        "{}",
        complained(&unknown)
    );
    let other = verify(folder.path(), &bundle, Some(&Hash::ZERO.to_string()));
    assert_eq!(other.status.code(), Some(1));
    assert!(complained(&other).contains(&root), "{}", complained(&other));
}

#[test]
fn other_programs_read_a_bundle_and_its_parts_say_what_the_office_published() {
    let session = Session::new();
    let members = members(&session.bundle(&["--acts"]));

    let list: Value = serde_json::from_slice(&members["bundle.json"]).unwrap();
    assert_eq!(list["title"], "Kỳ họp thứ Nhất");
    assert_eq!(list["people"][0]["name"], "Đại biểu tổ 3");
    let paper = list["papers"][0]["file"].as_str().unwrap();
    assert_eq!(members[paper], b"%PDF-1.7 about money");
    assert_eq!(list["papers"][0]["names"][0], "p1.pdf");
    for line in list["members"].as_array().unwrap() {
        let content = &members[line["name"].as_str().unwrap()];
        assert_eq!(line["sha256"], Hash::of_content(content).to_string());
    }
    let newest: Value = serde_json::from_slice(&members["programme/00003/programme.json"]).unwrap();
    assert_eq!(newest["meeting"]["state"], "held");
    assert_eq!(newest["items"].as_object().unwrap().len(), 1);
    let receipts: Value = serde_json::from_slice(&members["receipts/00001.json"]).unwrap();
    assert_eq!(receipts["receipts"][0]["number"], 1);
    let act: Value = serde_json::from_slice(&members["acts/00001.json"]).unwrap();
    assert_eq!(act["text"], SPOKEN);
    assert_eq!(act["id"], receipts["receipts"][0]["act"]);
}

#[test]
fn what_is_closed_is_in_a_bundle_only_if_it_was_asked_for() {
    let session = Session::new();
    let (open, acts, all) = (
        session.bundle(&[]),
        session.bundle(&["--acts"]),
        session.bundle(&["--closed"]),
    );

    for words in CLOSED {
        assert!(!has(&open, words), "{words}");
        assert!(!has(&acts, words), "{words}");
        assert!(has(&all, words), "{words}");
    }
    assert!(!has(&open, SPOKEN) && !has(&all, SPOKEN));
    assert!(has(&acts, SPOKEN));
    let checked = session.checked(&open).contents;
    let withheld: Vec<bool> = checked
        .publications
        .iter()
        .map(|it| it.withheld.is_some())
        .collect();
    assert_eq!(withheld, [true, false, false]);
    assert!(!checked.closed && !checked.acts);
    assert!(session.checked(&acts).contents.acts);
    let checked = session.checked(&all).contents;
    assert!(checked.closed && checked.publications.iter().all(|it| it.content.is_some()));
    let folder = TempDir::new().unwrap();
    let printed = verify(folder.path(), &all, Some(&session.root.to_string()));
    assert!(succeeded(&printed).contains("Closed items"));
}

#[test]
fn any_changed_byte_is_refused_and_its_place_is_named() {
    let session = Session::new();
    let bundle = session.bundle(&["--acts"]);
    let places = places(&bundle);

    for at in 0..bundle.len() {
        let mut bad = bundle.clone();
        bad[at] ^= 1 << (at % 8);

        let error = session.refused(&bad);

        assert_eq!(error.code(), Code::BundleDamaged, "byte {at}: {error}");
        let detail = error.detail();
        let before = places.range(..=at).next_back();
        let within = before.filter(|(begins, (_, length))| at < *begins + *length);
        if let Some((_, (name, _))) = within {
            let named = detail.starts_with(&format!("{name}: "));
            assert!(named, "byte {at} of {name}: {detail}");
        } else if let Some((begins, (name, _))) = places.range(at..).next() {
            // A header: it is named by its member, also where its name is another one now, by its place, or
            // by the member that it follows.
            let after = before.map_or("", |(_, (name, _))| *name);
            let name_at = begins - name.len();
            let now = String::from_utf8_lossy(&bad[name_at..*begins]);
            let place = format!("byte {}", name_at - 30);
            let said = detail.strip_prefix("directory: ").unwrap_or(detail);
            let said = said.split(": ").next().unwrap();
            let named = bad[name_at..].starts_with(said.as_bytes())
                || [*name, now.as_ref(), place.as_str(), after]
                    .into_iter()
                    .any(|place| !place.is_empty() && detail.contains(place));
            assert!(named, "byte {at} before {name}: {detail}");
        } else {
            let named = ["directory: ", "the end of the directory: ", "byte "]
                .into_iter()
                .any(|place| detail.starts_with(place));
            assert!(named, "byte {at}: {detail}");
        }
    }
}

#[test]
fn whoever_writes_the_container_anew_is_refused_at_the_member_that_he_changed() {
    let session = Session::new();
    let bundle = session.bundle(&["--acts", "--closed"]);
    let members = members(&bundle);
    assert_eq!(
        written(&members),
        bundle,
        "the members alone make the bytes"
    );

    for name in members.keys() {
        // The signature is over the list: which of the two was altered nobody can say.
        let place = match name.as_str() {
            "signature.bin" => "bundle.json",
            name => name,
        };
        for round in 0..8 {
            let mut changed = members.clone();
            let content = changed.get_mut(name).unwrap();
            let at = offset(name, round, content.len());
            content[at] ^= 1 << (round % 8);
            let error = session.refused(&written(&changed));
            let detail = error.detail();
            let named = detail.starts_with(place)
                || name == "keys.cbor" && detail.starts_with("bundle.json");
            assert!(named, "{name} at {at}: {detail}");
        }
        let mut removed = members.clone();
        let content = removed.remove(name).unwrap();
        let error = session.refused(&written(&removed));
        assert!(
            error.detail().starts_with(name.as_str()),
            "{}",
            error.detail()
        );
        removed.insert(format!("{name}.bak"), content.clone());
        let error = session.refused(&written(&removed));
        assert!(error.detail().contains(name.as_str()), "{}", error.detail());
        let mut added = members.clone();
        added.insert(format!("{name}.bak"), content);
        let error = session.refused(&written(&added));
        assert!(
            error.detail().starts_with(&format!("{name}.bak")),
            "{}",
            error.detail()
        );
    }
}

#[test]
fn the_program_itself_refuses_what_is_damaged_cut_or_of_another_office() {
    let session = Session::new();
    let (bundle, root) = (session.bundle(&[]), session.root.to_string());
    let folder = TempDir::new().unwrap();
    let places = places(&bundle);

    for (begins, (name, length)) in &places {
        let mut bad = bundle.clone();
        bad[begins + offset(name, 1, *length)] ^= 0x20;
        let output = verify(folder.path(), &bad, Some(&root));
        assert_eq!(output.status.code(), Some(1), "{name}");
        assert!(
            complained(&output).contains(&format!("[{name}: ")),
            "{}",
            complained(&output)
        );
        let cut = verify(folder.path(), &bundle[..begins + length - 1], Some(&root));
        assert_eq!(cut.status.code(), Some(1), "{name}");
        assert!(complained(&cut).contains(name), "{}", complained(&cut));
    }
    for bad in [
        &b""[..],
        b"PK",
        b"not a bundle at all, and long enough to be one",
    ] {
        let output = verify(folder.path(), bad, Some(&root));
        assert_eq!(output.status.code(), Some(1));
        assert!(
            complained(&output).contains("byte "),
            "{}",
            complained(&output)
        );
    }

    // Another office with the same programme, and one that signs the first one's list with its own keys.
    let other = Session::new();
    let foreign = other.bundle(&[]);
    let output = verify(folder.path(), &foreign, Some(&root));
    assert_eq!(output.status.code(), Some(1));
    assert!(
        complained(&output).contains(&other.root.to_string()),
        "{}",
        complained(&output)
    );
    let (mut mixed, theirs) = (members(&bundle), members(&foreign));
    for name in ["keys.cbor", "signature.bin"] {
        mixed.insert(name.to_owned(), theirs[name].clone());
    }
    let output = verify(folder.path(), &written(&mixed), Some(&root));
    assert!(
        complained(&output).contains("[bundle.json: "),
        "{}",
        complained(&output)
    );
}

#[test]
fn a_meeting_that_was_never_published_has_no_bundle_and_no_file() {
    let office = Office::start(false);
    office.must(&[
        "import",
        &office.file(
            "kh.toml",
            b"id = 'kh-2'\nkind = 'briefing'\ntitle = 'Giao ban'\n",
        ),
    ]);
    let file = office.folder().join("bundle.zip");
    for meeting in ["kh-2", "kh-9"] {
        let output = run_on(&office.data(), &["bundle", meeting, file.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(1));
        assert!(
            complained(&output).contains(meeting),
            "{}",
            complained(&output)
        );
    }
    assert!(!file.exists());
}

impl Session {
    fn checked(&self, bundle: &[u8]) -> Checked {
        check(Cursor::new(bundle), Some(&self.root)).unwrap()
    }
}

fn root_of(office: &Office) -> Hash {
    let keys: Value = serde_json::from_str(&office.must(&["keys", "show", "--json"])).unwrap();
    keys["root"].as_str().unwrap().parse().unwrap()
}

/// Runs the check in a folder that holds nothing else.
fn verify(folder: &Path, bundle: &[u8], root: Option<&str>) -> Output {
    fs::write(folder.join("b.zip"), bundle).unwrap();
    let mut command = Command::new(program("nghisu"));
    command.current_dir(folder);
    command.args(["verify", "--bundle", "b.zip", "--lang", "en"]);
    if let Some(root) = root {
        command.args(["--root", root]);
    }
    command.output().unwrap()
}

fn succeeded(output: &Output) -> String {
    assert!(output.status.success(), "{}", complained(output));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn complained(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Reads the members with a library that knows nothing of bundles.
fn members(bundle: &[u8]) -> Members {
    let mut archive = ZipArchive::new(Cursor::new(bundle)).unwrap();
    let mut members = Members::new();
    for at in 0..archive.len() {
        let mut member = archive.by_index(at).unwrap();
        let mut content = Vec::new();
        member.read_to_end(&mut content).unwrap();
        members.insert(member.name().unwrap().into_owned(), content);
    }
    members
}

/// Returns where the content of each member begins, and how long it is.
fn places(bundle: &[u8]) -> BTreeMap<usize, (&'static str, usize)> {
    let mut archive = ZipArchive::new(Cursor::new(bundle)).unwrap();
    let mut places = BTreeMap::new();
    for at in 0..archive.len() {
        let member = archive.by_index(at).unwrap();
        let begins = usize::try_from(member.data_start().unwrap()).unwrap();
        let length = usize::try_from(member.size()).unwrap();
        let name: &'static str = member.name().unwrap().into_owned().leak();
        places.insert(begins, (name, length));
    }
    places
}

/// Nothing in a bundle is compressed.
fn has(bundle: &[u8], words: &str) -> bool {
    bundle
        .windows(words.len())
        .any(|window| window == words.as_bytes())
}

fn written(members: &Members) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new());
    for (name, content) in members {
        writer.add(name, content).unwrap();
    }
    writer.finish().unwrap()
}

fn offset(name: &str, round: usize, length: usize) -> usize {
    let hash = Hash::of_content(format!("{name} {round}").as_bytes());
    let number = u32::from_le_bytes(hash.as_bytes()[..4].try_into().unwrap());
    number as usize % length
}
