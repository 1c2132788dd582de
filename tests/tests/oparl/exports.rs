//! What an office gives to the public, as files.

use std::{collections::BTreeMap, fs, path::Path};

use nghisu_core::meeting::canonical_json;
use nghisu_tests::{canary::files_below, data, oparl::Export, process::Office, scan::Needle};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{json_files, schemas};

pub(super) const URL: &str = "https://hdnd.example/oparl";
const TYPES: &str = "https://schema.oparl.org/1.1/";

/// A meeting with something of every class, and closed items of both kinds with papers of their own.
pub(super) const PROGRAMME: &str = r#"
id = "kh-1"
kind = "regular_session"
title = "Kỳ họp thứ Nhất"
state = "convened"
term = { start = 2026, end = 2031 }
when = { year = 2026, month = 12, day = 7, time = "08:00" }
end = { year = 2026, month = 12, day = 8 }
place = { name = "Hội trường lớn" }
host = "Thường trực HĐND phường Ví Dụ"
chairs = [{ person = "Đại biểu tổ 3", post = "Chủ tịch" }]
participants = [{ organisation = "Ban Pháp chế", role = "lãnh đạo", count = 2 }]

[[paper]]
id = "p1"
number = "12/TTr-UBND"
type = "TTr"
issuer = "UBND phường Ví Dụ"
date = { year = 2026, month = 11, day = 20 }
title = "Tờ trình về ngân sách"
file = "p1.pdf"
text = "p1.txt"

[[paper]]
id = "p2"
title = "Tờ trình về ngân sách (mới)"
supersedes = "p1"

[[paper]]
id = "p3"
title = "Nhân sự ZQ1X"
file = "p3.pdf"

[[paper]]
id = "p4"
title = "Khiếu nại ZQ2X"
file = "p4.pdf"
supersedes = "p1"

[[item]]
id = "1"
number = "1"
title = "Khai mạc"

[[item]]
id = "mục hai"
number = "2"
title = "Trình ngân sách"
type = "report"
presenters = [{ person = "Đại biểu tổ 3", post = "Trưởng ban" }]
when = { year = 2026, month = 12, day = 7, time = "09:00" }
papers = ["p1", "p2"]

[[item]]
id = "ZQ3X-nhan-su"
number = "3"
title = "Nhân sự ZQ3X"
circle = "thường trực"
presenters = [{ person = "Người được giới thiệu ZQ4X", post = "Ứng viên ZQ5X" }]
papers = ["p3", "p1"]

[[item]]
id = "ZQ6X-khieu-nai"
number = "4"
title = "Khiếu nại ZQ6X"
public = false
presenters = [{ person = "Người khiếu nại ZQ7X", post = "Cơ quan ZQ8X" }]
papers = ["p4", "p1"]

[[item]]
id = "5"
title = "Bế mạc"

[[outcome]]
item = "ZQ6X-khieu-nai"
kind = "conclusion"
text = "Kết luận ZQ9X"
"#;

pub(super) const CLOSED: [&str; 11] = [
    "ZQ1X", "ZQ2X", "ZQ3X", "ZQ4X", "ZQ5X", "ZQ6X", "ZQ7X", "ZQ8X", "ZQ9X", "ZQ10X", "ZQ11X",
];

/// Writes the programme's papers beside it, and imports and publishes it.
pub(super) fn publish(office: &Office, programme: &str) {
    office.file("p1.pdf", b"%PDF-1.7 to trinh");
    office.file("p1.txt", "Tờ trình về ngân sách".as_bytes());
    office.file("p3.pdf", b"%PDF-1.7 ZQ10X");
    office.file("p4.pdf", b"%PDF-1.7 ZQ11X");
    office.publish("kh.toml", programme.as_bytes());
}

/// Has the office write its export, and reads it as its readers do.
pub(super) fn exported(office: &Office) -> (TempDir, Export) {
    let folder = TempDir::new_in(office.folder()).unwrap();
    let out = folder.path().join("oparl");
    office.must(&["oparl", "--url", URL, "--out", out.to_str().unwrap()]);
    let export = read(&out);
    (folder, export)
}

fn read(folder: &Path) -> Export {
    let mut export = Export {
        below: format!("{URL}/"),
        system: format!("{URL}/system.json"),
        ..Export::default()
    };
    for path in files_below(folder) {
        let below = path.strip_prefix(folder).unwrap();
        let url = format!("{URL}/{}", below.to_str().unwrap());
        if below.starts_with("download") {
            export.files.insert(url);
        } else {
            let document = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
            export.documents.insert(url, document);
        }
    }
    export
}

/// Every object of a list, over all of its pages.
pub(super) fn listed(export: &Export, list: &str) -> Vec<Value> {
    let mut all = Vec::new();
    let mut next = Some(format!("{URL}/{list}.json"));
    while let Some(url) = next {
        let page = &export.documents[&url];
        all.extend(page["data"].as_array().unwrap().clone());
        next = page["links"]["next"].as_str().map(str::to_owned);
    }
    all
}

fn no_closed_word_in(folder: &Path) {
    let needle = Needle::new(&CLOSED);
    let found = needle.find_in_folder(folder);
    assert!(found.bytes > 1000, "{found:?}");
    for path in files_below(folder) {
        let found = needle.find(&fs::read(&path).unwrap(), 1);
        assert_eq!(found.total(), 0, "{}", path.display());
        let name = path.to_str().unwrap();
        assert!(CLOSED.iter().all(|word| !name.contains(word)), "{name}");
    }
}

#[test]
fn twelve_real_versions_come_out_as_they_came_in() {
    let (Some(schemas), Some(folder)) = (schemas(), data("oparl-karlsruhe/10566")) else {
        return;
    };
    let office = Office::start(false);
    let versions = json_files(&folder);
    assert_eq!(versions.len(), 12);
    let mut earlier: Vec<String> = Vec::new();

    for (path, version) in &versions {
        office.publish("meeting.json", &fs::read(path).unwrap());
        let (_folder, export) = exported(&office);

        assert_eq!(schemas.check_export(&export), [], "{}", path.display());
        let meetings = listed(&export, "meetings");
        assert_eq!(meetings.len(), 1);
        assert_eq!(
            canonical_json(&meetings[0]),
            canonical_json(version),
            "{}",
            path.display()
        );
        // Each item, place and file is also there by itself, with every field.
        let items = version["agendaItem"].as_array().unwrap();
        let by_id = |list: &str| -> BTreeMap<String, Value> {
            let all = listed(&export, list).into_iter();
            all.map(|one| (one["id"].as_str().unwrap().to_owned(), one))
                .collect()
        };
        let alone = by_id("agenda-items");
        assert_eq!(alone.len(), items.len());
        for item in items {
            assert_eq!(alone[item["id"].as_str().unwrap()], *item);
        }
        assert_eq!(listed(&export, "locations"), [version["location"].clone()]);
        let files: Vec<Value> = ["invitation", "resultsProtocol"]
            .iter()
            .filter_map(|key| version.get(*key).cloned())
            .collect();
        let listed_files = by_id("files");
        assert_eq!(listed_files.len(), files.len());
        assert!(
            files
                .iter()
                .all(|file| listed_files[file["id"].as_str().unwrap()] == *file)
        );
        earlier.push(path.display().to_string());
    }
    // An item that was taken out and put in again under another id is there once.
    let gone = "https://web1.karlsruhe.de/oparl/bodies/0001/agendaitems/102472";
    let (_folder, export) = exported(&office);
    assert!(versions[2].1.to_string().contains(gone));
    assert!(
        !json!(export.documents.values().collect::<Vec<_>>())
            .to_string()
            .contains(gone)
    );
}

#[test]
fn a_closed_item_planted_in_a_real_meeting_is_in_no_export() {
    let (Some(schemas), Some(folder)) = (schemas(), data("oparl-karlsruhe/10566")) else {
        return;
    };
    let mut version: Value =
        serde_json::from_slice(&fs::read(folder.join("v12.json")).unwrap()).unwrap();
    let whole = version.clone();
    let place = "https://web1.karlsruhe.de/oparl/bodies/0001";
    let file = json!({"id": format!("{place}/files/ZQ1X"), "type": format!("{TYPES}File"), "name": "ZQ2X",
        "accessUrl": format!("{place}/downloadfiles/ZQ3X.pdf")});
    let closed = json!({"id": format!("{place}/agendaitems/ZQ4X"), "type": format!("{TYPES}AgendaItem"),
        "meeting": version["id"], "number": "ZQ5X", "order": 69, "name": "Personalangelegenheit ZQ6X", "public": false,
        "consultation": format!("{place}/consultations/ZQ7X"), "result": "ZQ8X", "resolutionText": "ZQ9X",
        "resolutionFile": file});
    version["agendaItem"]
        .as_array_mut()
        .unwrap()
        .insert(30, closed);
    // What else of the meeting leads to it: a file of the item that hangs at the meeting too.
    version["auxiliaryFile"] = json!([file]);
    let office = Office::start(false);
    office.publish("meeting.json", version.to_string().as_bytes());

    let (folder, export) = exported(&office);

    no_closed_word_in(folder.path());
    assert_eq!(schemas.check_export(&export), []);
    let mut meeting = listed(&export, "meetings").remove(0);
    assert_eq!(meeting["auxiliaryFile"], json!([]));
    meeting.as_object_mut().unwrap().remove("auxiliaryFile");
    assert_eq!(canonical_json(&meeting), canonical_json(&whole));
}

#[test]
fn a_meeting_of_our_own_is_whole_without_what_is_closed() {
    let Some(schemas) = schemas() else {
        return;
    };
    let office = Office::start(false);
    publish(&office, PROGRAMME);
    let second = PROGRAMME
        .replace("kh-1", "kh-2")
        .replace("thứ Nhất", "thứ Hai");
    publish(&office, &second);

    let (folder, export) = exported(&office);

    no_closed_word_in(folder.path());
    assert_eq!(schemas.check_export(&export), []);
    for (list, count) in [
        ("bodies", 1),
        ("organizations", 3),
        ("persons", 1),
        ("meetings", 2),
        ("papers", 4),
        ("agenda-items", 6),
        ("consultations", 4),
        ("files", 4),
        ("locations", 1),
        ("terms", 1),
        ("memberships", 2),
    ] {
        assert_eq!(listed(&export, list).len(), count, "{list}");
    }
    assert_eq!(export.files.len(), 2);
    let meetings = listed(&export, "meetings");
    let first = meetings
        .iter()
        .find(|one| one["name"] == "Kỳ họp thứ Nhất")
        .unwrap();
    assert_eq!(first["start"], "2026-12-07T08:00:00+07:00");
    // A day without an hour is no time of OParl's.
    assert_eq!(
        (&first["end"], &first["nghisu:end"]),
        (&Value::Null, &json!("8/12/2026"))
    );
    let items = first["agendaItem"].as_array().unwrap();
    let shown = |key: &str| -> Vec<Value> { items.iter().map(|item| item[key].clone()).collect() };
    assert_eq!(shown("name"), ["Khai mạc", "Trình ngân sách", "Bế mạc"]);
    assert_eq!(json!(shown("order")), json!([0, 1, 2]));
    let person = listed(&export, "persons").remove(0);
    assert_eq!(
        person["membership"].as_array().unwrap().len(),
        2,
        "{person}"
    );
}

#[test]
fn what_was_public_and_is_no_longer_leaves_nothing_but_that_it_was() {
    let Some(schemas) = schemas() else {
        return;
    };
    let office = Office::start(false);
    let open = PROGRAMME
        .replace("public = false\n", "")
        .replace("circle = \"thường trực\"\n", "");
    publish(&office, &open);
    let (_before, export) = exported(&office);
    let item = listed(&export, "agenda-items")
        .into_iter()
        .find(|item| item["number"] == "4");
    let url = item.unwrap()["id"].as_str().unwrap().to_owned();
    let paper = listed(&export, "papers")
        .into_iter()
        .find(|paper| paper["name"] == "Khiếu nại ZQ2X");
    let paper = paper.unwrap()["id"].as_str().unwrap().to_owned();
    publish(&office, PROGRAMME);

    let (folder, export) = exported(&office);

    assert_eq!(schemas.check_export(&export), []);
    let no_id = |word: &str| word != "ZQ3X" && word != "ZQ6X";
    for file in files_below(folder.path()) {
        let text = fs::read_to_string(&file).unwrap_or_default();
        let words = CLOSED
            .iter()
            .filter(|word| no_id(word) && text.contains(**word));
        assert_eq!(words.count(), 0, "{}", file.display());
    }
    for gone in [&url, &paper] {
        let left = &export.documents[gone.as_str()];
        let keys: Vec<&String> = left.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["created", "deleted", "id", "modified", "type"]);
        assert_eq!(left["deleted"], true);
    }
    let meeting = listed(&export, "meetings").remove(0);
    assert_eq!(meeting["agendaItem"].as_array().unwrap().len(), 3);
}

/// A programme with more items than a page has objects.
pub(super) fn long_programme() -> String {
    let item = |number: u32| format!("[[item]]\nid = \"m{number}\"\ntitle = \"Mục {number}\"\n");
    let items: String = (1..=230).map(item).collect();
    format!("id = \"kh-dài\"\nkind = \"briefing\"\ntitle = \"Dài\"\n{items}")
}

#[test]
fn a_long_list_has_pages_that_lead_to_each_other() {
    let Some(schemas) = schemas() else {
        return;
    };
    let office = Office::start(false);
    office.publish("dài.toml", long_programme().as_bytes());

    let (_folder, export) = exported(&office);

    assert_eq!(schemas.check_export(&export), []);
    assert_eq!(listed(&export, "agenda-items").len(), 230);
    let lengths = ["", "-2", "-3"].map(|page| {
        let url = format!("{URL}/agenda-items{page}.json");
        export.documents[&url]["data"].as_array().unwrap().len()
    });
    assert_eq!(lengths, [100, 100, 30]);
}

#[test]
fn a_draft_is_in_no_export_and_a_folder_that_is_in_use_is_left_alone() {
    let office = Office::start(false);
    office.file("p1.pdf", b"%PDF-1.7");
    office.must(&[
        "import",
        &office.file(
            "kh.toml",
            b"id = 'kh-1'\nkind = 'briefing'\ntitle = 'ZQ1X'\n",
        ),
    ]);
    let (folder, export) = exported(&office);
    no_closed_word_in(folder.path());
    assert_eq!(listed(&export, "meetings"), Vec::<Value>::new());
    if let Some(schemas) = schemas() {
        assert_eq!(schemas.check_export(&export), []);
    }

    let out = folder.path().join("oparl");
    let output = office.run(&["oparl", "--url", URL, "--out", out.to_str().unwrap()]);
    assert!(!output.status.success());
    let output = office.run(&["oparl", "--url", "hdnd.example", "--out", "x"]);
    assert_eq!(output.status.code(), Some(2));
}
