//! What delegates and their office live through together, with real processes and real sockets.
#![expect(
    clippy::unwrap_used,
    reason = "the helpers below the tests are tests too"
)]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use nghisu_core::{
    Client, Config,
    ids::Hash,
    meeting::{Programme, canonical_json},
    store::NoteTarget,
};
use nghisu_tests::{
    canary::{copy_folder, files_below, is_in, kept, served},
    data,
    link::Link,
    process::{Device, Office, run_on},
};
use rusqlite::{Connection, types::Value as Sql};
use serde_json::{Value, json};
use tempfile::TempDir;

const DELEGATE: &str = "Đại biểu 03";
const PROGRAMME: &str = r#"
id = "kh-1"
kind = "regular_session"
title = "Kỳ họp thứ Nhất"
when = { year = 2026, month = 12, day = 8 }

[[item]]
id = "i1"
number = "1"
title = "Khai mạc"

[[item]]
id = "i2"
number = "2"
title = "Chất vấn"
"#;

#[test]
fn two_edits_of_one_place_made_offline_are_both_there() {
    two_edits_of_one_place_meet([false, false]);
}

#[test]
fn an_edit_is_there_although_the_first_device_was_killed_right_after_it() {
    two_edits_of_one_place_meet([true, false]);
}

#[test]
fn an_edit_is_there_although_the_second_device_was_killed_right_after_it() {
    two_edits_of_one_place_meet([false, true]);
}

fn two_edits_of_one_place_meet(killed: [bool; 2]) {
    let office = Office::start(true);
    let cable = Link::to(office.address());
    let first = Device::enrol_at(&office, DELEGATE, &cable.address());
    let second = first.another_at(&office, DELEGATE, &cable.address());
    let devices = [first, second];
    let [a, b] = &devices;
    let note = create_note(a, "Kính thưa hội đồng");
    a.must(&["sync"]);
    b.must(&["sync"]);
    cable.set_up(false);

    for ((device, killed), insert) in devices.iter().zip(killed).zip([" [A]", " [B]"]) {
        let edit = ["note", "edit", &note, "--at", "9", insert];
        if killed {
            device.killed_after(&edit);
        } else {
            device.must(&edit);
        }
    }
    cable.set_up(true);
    for device in [a, b, a] {
        device.must(&["sync"]);
    }

    let (on_a, on_b) = (notes(a), notes(b));
    assert_eq!(on_a, on_b);
    let text = on_a[&note].as_str();
    assert!(
        ["Kính thưa [A] [B] hội đồng", "Kính thưa [B] [A] hội đồng"].contains(&text),
        "{text}"
    );
    assert_eq!(a.must(&["status"])["unsent"], 0);
    assert_eq!(b.must(&["status"])["unsent"], 0);
}

#[test]
fn an_edit_made_offline_reaches_the_other_device() {
    let office = Office::start(true);
    let cable = Link::to(office.address());
    let a = Device::enrol_at(&office, DELEGATE, &cable.address());
    let b = a.another_at(&office, DELEGATE, &cable.address());
    let note = create_note(&a, "Cử tri thôn 4");
    a.must(&["sync"]);
    b.must(&["sync"]);

    cable.set_up(false);
    a.must(&["note", "edit", &note, "--at", "13", " hỏi về đường 😀"]);
    assert_eq!(a.error(&["sync"]), "office_unreachable");
    cable.set_up(true);
    a.must(&["sync"]);
    b.must(&["sync"]);

    assert_eq!(notes(&b)[&note], "Cử tri thôn 4 hỏi về đường 😀");
}

#[test]
fn a_device_works_without_any_network_from_its_second_start_on() {
    let mut office = Office::start(true);
    office.publish("kh.toml", PROGRAMME.as_bytes());
    let cable = Link::to(office.address());
    let device = Device::enrol_at(&office, DELEGATE, &cable.address());
    device.must(&["sync"]);
    let before = device.must(&["show"]);
    office.kill();
    cable.set_up(false);

    let meeting = meeting(&device);
    let shown = device.must(&["show", &meeting]);
    let note = create_note(&device, "Ghi khi mất mạng");
    device.must(&["note", "edit", &note, "--at", "0", "1. "]);
    device.must(&["act", "speak", &meeting, "Ngân sách", "--item", "i2"]);
    device.must(&["act", "ask", &meeting, "Bao giờ xong?", "--item", "i2"]);

    assert_eq!(device.must(&["show"]), before);
    assert_eq!(shown["number"], 1);
    assert_eq!(shown["programme"]["items"]["i2"]["title"], "Chất vấn");
    assert_eq!(notes(&device)[&note], "1. Ghi khi mất mạng");
    let acts = device.must(&["act", "list"]);
    assert_eq!(acts.as_array().unwrap().len(), 2);
    assert_eq!(acts[0]["state"]["state"], "written");
    assert_eq!(device.must(&["status"])["unsent"], 4);
    assert_eq!(device.error(&["sync"]), "office_unreachable");

    office.restart();
    cable.set_up(true);
    device.must(&["sync"]);
    assert_eq!(device.must(&["status"])["unsent"], 0);
    assert_eq!(
        device.must(&["act", "list"])[1]["state"]["state"],
        "accepted"
    );
}

#[test]
fn acts_get_numbers_without_gaps_that_every_device_shows() {
    let office = Office::start(true);
    office.publish("kh.toml", PROGRAMME.as_bytes());
    let devices =
        ["Đại biểu 01", "Đại biểu 02", "Đại biểu 03"].map(|who| Device::enrol(&office, who));
    for device in &devices {
        device.must(&["sync"]);
    }
    let [a, b, c] = &devices;
    let meeting = meeting(a);

    a.must(&["act", "speak", &meeting, "Ngân sách"]);
    b.must(&["act", "ask", &meeting, "Bao giờ xong?", "--item", "i2"]);
    c.must(&["act", "speak", &meeting, "Giao thông", "--item", "i2"]);
    a.must(&["act", "ask", &meeting, "Vì sao chậm?"]);
    for device in devices.iter().chain(&devices) {
        device.must(&["sync"]);
    }

    let seen = receipts(a, &meeting);
    assert_eq!(seen, receipts(b, &meeting));
    assert_eq!(seen, receipts(c, &meeting));
    let mut numbers: Vec<_> = seen
        .iter()
        .map(|receipt| receipt["number"].as_u64())
        .collect();
    numbers.sort();
    assert_eq!(numbers, [1, 2, 3, 4].map(Some));
    for device in &devices {
        let own = device.must(&["act", "list"]);
        for act in own.as_array().unwrap() {
            let receipt = seen.iter().find(|receipt| receipt["act"] == act["id"]);
            assert_eq!(receipt.unwrap()["number"], act["number"]);
        }
    }
}

#[test]
fn the_text_of_a_question_is_on_no_other_delegates_device() {
    let office = Office::start(false);
    office.publish("kh.toml", PROGRAMME.as_bytes());
    let cables = [Link::to(office.address()), Link::to(office.address())];
    let asker = Device::enrol_at(&office, "Đại biểu 01", &cables[0].address());
    let other = Device::enrol_at(&office, "Đại biểu 02", &cables[1].address());
    asker.must(&["sync"]);
    let meeting = meeting(&asker);
    let text = "Vì sao cầu Ông Trỏ 7QZX chậm tiến độ?";

    asker.must(&["act", "ask", &meeting, text, "--item", "i2"]);
    asker.must(&["sync"]);
    other.must(&["sync"]);

    let receipts = receipts(&other, &meeting);
    assert_eq!(receipts.len(), 1);
    assert_eq!(receipts[0]["kind"], "question_slip");
    assert!(!is_in(text, &kept(&other)));
    assert!(!is_in(text, &served(&cables[1])));
    // The same search finds it where it belongs.
    assert!(is_in(text, &kept(&asker)));
}

#[test]
fn two_standing_registrations_of_one_person_are_one() {
    let office = Office::start(true);
    office.publish("kh.toml", PROGRAMME.as_bytes());
    let phone = Device::enrol(&office, DELEGATE);
    let laptop = Device::enrol(&office, DELEGATE);
    let other = Device::enrol(&office, "Đại biểu 04");
    let devices = [&phone, &laptop, &other];
    for device in devices {
        device.must(&["sync"]);
    }
    let meeting = meeting(&phone);

    let ids = devices.map(|device| {
        let printed = device.must(&["act", "speak", &meeting, "Ngân sách", "--item", "i2"]);
        printed["id"].clone()
    });
    for device in devices.into_iter().chain(devices) {
        device.must(&["sync"]);
    }

    for device in devices {
        let seen = receipts(device, &meeting);
        let told: Vec<_> = seen
            .iter()
            .map(|receipt| (&receipt["act"], &receipt["number"], &receipt["refers_to"]))
            .collect();
        assert_eq!(
            told,
            [
                (&ids[0], &json!(1), &Value::Null),
                (&ids[1], &Value::Null, &ids[0]),
                (&ids[2], &json!(2), &Value::Null),
            ]
        );
    }
}

#[test]
fn a_sync_repeated_changes_nothing() {
    let office = Office::start(true);
    office.publish("kh.toml", PROGRAMME.as_bytes());
    let device = Device::enrol(&office, DELEGATE);
    device.must(&["sync"]);
    create_note(&device, "Một");
    device.must(&["act", "speak", &meeting(&device), "Ngân sách"]);
    device.must(&["sync"]);
    device.must(&["sync"]);
    let (kept, log) = (rows(&device.database()), entries(&office));

    let printed = device.must(&["sync"]);

    assert_eq!(rows(&device.database()), kept);
    assert_eq!(entries(&office), log);
    let done = ["accepted", "refused", "received", "papers"].map(|what| printed[what].as_u64());
    assert_eq!(done, [Some(0); 4]);
    assert_eq!(printed["requests"], 1);
}

#[test]
fn a_note_deleted_on_one_device_is_hidden_on_both() {
    let office = Office::start(true);
    let a = Device::enrol(&office, DELEGATE);
    let b = a.another(&office, DELEGATE);
    let [gone, stays] = ["Bỏ", "Giữ"].map(|text| create_note(&a, text));
    a.must(&["sync"]);
    b.must(&["sync"]);
    assert_eq!(notes(&b).len(), 2);

    b.must(&["note", "delete", &gone]);
    b.must(&["sync"]);
    a.must(&["sync"]);

    for device in [&a, &b] {
        let ids: Vec<_> = notes(device).into_keys().collect();
        assert_eq!(ids, [stays.as_str()]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn meetings_and_programmes_are_shown_without_opening_a_document() {
    let mut office = Office::start(true);
    for n in 1..=3 {
        let programme = PROGRAMME.replace("kh-1", &format!("kh-{n}"));
        office.publish(&format!("kh-{n}.toml"), programme.as_bytes());
    }
    let cable = Link::to(office.address());
    let device = Device::enrol_at(&office, DELEGATE, &cable.address());
    device.must(&["sync"]);
    let meeting = meeting(&device);
    write_notes(&device, &meeting, 300).await;
    device.must(&["sync"]);
    office.kill();
    cable.set_up(false);
    let asked: [&[&str]; 3] = [&["show"], &["show", &meeting], &["note", "list"]];
    let before = asked.map(|asked| device.text(asked));
    let note = notes(&device).into_keys().next().unwrap();

    let database = Connection::open(device.database()).unwrap();
    let documents = database
        .execute("UPDATE document SET saved = randomblob(100)", [])
        .unwrap();
    let changes = database
        .execute(
            "UPDATE document_change SET bytes = randomblob(length(bytes))",
            [],
        )
        .unwrap();
    drop(database);

    assert!(documents >= 303 && changes >= 303, "{documents} {changes}");
    assert_eq!(asked.map(|asked| device.text(asked)), before);
    assert!(before.iter().all(|printed| !printed.is_empty()));
    // Whoever does open one sees that it is spoilt.
    assert_eq!(
        device.error(&["note", "edit", &note, "x"]),
        "database_corrupt"
    );
}

async fn write_notes(device: &Device, meeting: &str, count: usize) {
    let config = Config::new(device.folder(), "device");
    let client = Client::open(config).await.unwrap();
    for n in 0..count {
        let target = NoteTarget {
            meeting: Some(meeting.parse().unwrap()),
            ..NoteTarget::default()
        };
        let text = format!("Ghi chú số {n}");
        client.create_note(target, &text).await.unwrap();
    }
    client.shut_down().await;
}

#[test]
fn twelve_real_versions_reach_a_device_that_was_offline_between_them() {
    let Some(folder) = data("oparl-karlsruhe/10566") else {
        return;
    };
    let office = Office::start(true);
    let cable = Link::to(office.address());
    let [steady, late] = [DELEGATE, DELEGATE].map(|who| {
        let device = Device::enrol_at(&office, who, &cable.address());
        device.must(&["sync"]);
        device
    });
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert_eq!(files.len(), 12);
    let mut modified = Vec::new();

    for (file, number) in files.iter().zip(1u32..) {
        cable.set_up(false);
        let content = fs::read(file).unwrap();
        let version: Value = serde_json::from_slice(&content).unwrap();
        office.publish("meeting.json", &content);
        // The same content once more is no publication.
        office.publish("meeting.json", &content);
        assert_eq!(publications(&office), number);
        cable.set_up(true);
        steady.must(&["sync"]);

        let (shown_number, shown) = as_oparl(&steady);
        assert_eq!(shown_number, u64::from(number));
        assert_eq!(shown, canonical_json(&version), "{}", file.display());
        modified.push(version["modified"].clone());
    }

    // That something changed is told by the content: the author's date does not tell it.
    assert_eq!(modified[9], modified[10]);
    late.must(&["sync"]);
    assert_eq!(as_oparl(&late), as_oparl(&steady));
}

fn as_oparl(device: &Device) -> (u64, String) {
    let shown = device.must(&["show", &meeting(device)]);
    let programme = Programme::from_json(&shown["programme"]).unwrap();
    let number = shown["number"].as_u64().unwrap();
    (number, canonical_json(&programme.to_oparl().unwrap()))
}

fn publications(office: &Office) -> u32 {
    Connection::open(office.database())
        .unwrap()
        .query_row("SELECT count(*) FROM publication", [], |row| row.get(0))
        .unwrap()
}

#[test]
fn a_title_that_stood_in_a_draft_alone_reaches_no_delegate() {
    let office = Office::start(false);
    let cable = Link::to(office.address());
    let import = |title: &str| {
        let programme = PROGRAMME.replace("Chất vấn", title);
        office.must(&["import", &office.file("kh.toml", programme.as_bytes())]);
    };
    let [draft, other_draft] = [
        "Đề án sáp nhập ZQ7X giữ kín",
        "Miễn nhiệm ông Trỏ ZQ8X giữ kín",
    ];
    let [published, later] = ["Chất vấn ZQ9X công khai", "Chất vấn ZQ6X công khai"];

    import(draft);
    import(published);
    office.must(&["publish"]);
    let device = Device::enrol_at(&office, DELEGATE, &cable.address());
    device.must(&["sync"]);
    import(other_draft);
    device.must(&["sync"]);
    import(later);
    office.must(&["publish"]);
    device.must(&["sync"]);

    let title = &device.must(&["show", &meeting(&device)])["programme"]["items"]["i2"]["title"];
    assert_eq!(title, later);
    let (served, kept) = (served(&cable), kept(&device));
    for canary in [draft, other_draft] {
        assert!(!is_in(canary, &served), "{canary} was served");
        assert!(!is_in(canary, &kept), "{canary} is on the device");
    }
    // The same search finds what was published in both places.
    for canary in [published, later] {
        assert!(is_in(canary, &served), "{canary} was not served");
        assert!(is_in(canary, &kept), "{canary} is not on the device");
    }
}

const WITH_PAPER: &str = r#"
id = "kh-2"
kind = "regular_session"
title = "Kỳ họp thứ Hai"

[[paper]]
id = "p1"
title = "Tờ trình"
file = "p1.pdf"

[[item]]
id = "i1"
title = "Ngân sách"
papers = ["p1"]
"#;

#[test]
fn a_paper_comes_down_with_its_hash_and_opens_offline() {
    let mut office = Office::start(true);
    let content = paper_of(300_000);
    office.file("p1.pdf", &content);
    office.publish("kh.toml", WITH_PAPER.as_bytes());
    let device = Device::enrol(&office, DELEGATE);

    let printed = device.must(&["sync"]);
    office.kill();

    assert_eq!(printed["papers"], 1);
    assert_eq!(printed["paper_bytes"], content.len());
    let meeting = meeting(&device);
    let shown = device.must(&["show", &meeting]);
    let file = &shown["programme"]["papers"]["p1"]["file"];
    let opened = fs::read(paper_path(&device, &meeting)).unwrap();
    assert_eq!(file["hash"], Hash::of_content(&opened).to_string());
    assert!(opened == content);
}

#[test]
fn a_download_that_was_cut_goes_on_where_it_stopped() {
    let office = Office::start(true);
    let content = paper_of(2 << 20);
    office.file("p1.pdf", &content);
    office.publish("kh.toml", WITH_PAPER.as_bytes());
    let cable = Link::to(office.address());
    let device = Device::enrol_at(&office, DELEGATE, &cable.address());
    device.must(&["sync", "--without-papers"]);
    let meeting = meeting(&device);

    cable.break_after(1 << 20);
    assert_eq!(device.error(&["sync"]), "office_unreachable");

    assert_eq!(device.error(&["paper", &meeting, "p1"]), "paper_missing");
    assert_eq!(device.must(&["show"])[0]["files_missing"], 1);
    let part = fs::metadata(part_path(&device)).unwrap().len();
    assert!((500_000..content.len() as u64).contains(&part), "{part}");

    cable.forget();
    let printed = device.must(&["sync"]);
    let rest = content.len() as u64 - part;
    assert_eq!(printed["paper_bytes"], rest);
    // A handshake, a sync and what TLS adds to the rest.
    let down = cable.look(|passed| passed.down.len() as u64);
    assert!(
        (rest..rest + rest / 50 + 16_000).contains(&down),
        "{down} bytes for {rest}"
    );
    assert!(fs::read(paper_path(&device, &meeting)).unwrap() == content);
}

fn part_path(device: &Device) -> PathBuf {
    let mut files = files_below(&device.folder().join("papers"));
    let part = files.pop().unwrap();
    assert!(files.is_empty() && part.extension().is_some_and(|end| end == "part"));
    part
}

#[test]
fn a_paper_damaged_at_the_office_is_refused_and_never_shown() {
    let office = Office::start(true);
    let content = paper_of(300_000);
    office.file("p1.pdf", &content);
    office.publish("kh.toml", WITH_PAPER.as_bytes());
    let device = Device::enrol(&office, DELEGATE);
    let blob = files_below(&office.data().join("blobs")).pop().unwrap();
    let mut damaged = content.clone();
    damaged[200_000] ^= 1;
    fs::write(&blob, damaged).unwrap();

    assert_eq!(device.error(&["sync"]), "paper_damaged");

    let meeting = meeting(&device);
    assert_eq!(device.error(&["paper", &meeting, "p1"]), "paper_missing");
    assert_eq!(
        files_below(&device.folder().join("papers")),
        [] as [PathBuf; 0]
    );
    fs::write(&blob, &content).unwrap();
    device.must(&["sync"]);
    assert!(fs::read(paper_path(&device, &meeting)).unwrap() == content);
}

#[test]
fn a_file_with_a_secret_paper_is_refused_and_nothing_of_it_imported() {
    let office = Office::start(true);
    office.file("open.txt", "Công khai".as_bytes());
    let marked = "\n[[paper]]\nid = \"p2\"\ntitle = \"Báo cáo\"\nfile = \"secret.txt\"\n";
    let open = WITH_PAPER.replace("p1.pdf", "open.txt");
    for (degree, content) in [
        ("secrecy = \"Tối mật\"\n", "Báo cáo quốc phòng"),
        ("", "Số: 3/BC\nTỐI MẬT\nBáo cáo"),
    ] {
        office.file("secret.txt", content.as_bytes());
        let path = office.file("kh.toml", format!("{open}{marked}{degree}").as_bytes());

        let output = office.run(&["import", &path]);

        assert_eq!(output.status.code(), Some(1));
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(
            told.contains("state secret") && told.contains("p2"),
            "{told}"
        );
        let status: Value = serde_json::from_str(&office.must(&["status", "--json"])).unwrap();
        assert_eq!(status["meetings"], json!([]));
        assert_eq!(
            files_below(&office.data().join("blobs")),
            [] as [PathBuf; 0]
        );
    }
    // Without that paper the same file is taken.
    office.publish("kh.toml", open.as_bytes());
}

#[test]
fn an_export_equals_what_the_device_shows_and_tells_a_missing_envelope() {
    let mut office = Office::start(true);
    office.file("p1.pdf", &paper_of(1000));
    office.publish("a.toml", PROGRAMME.as_bytes());
    office.publish("b.toml", WITH_PAPER.as_bytes());
    let a = Device::enrol(&office, DELEGATE);
    let b = Device::enrol(&office, "Đại biểu 04");
    for device in [&a, &b] {
        device.must(&["sync"]);
        let meeting = meeting(device);
        device.must(&["act", "speak", &meeting, "Ngân sách"]);
        device.must(&["act", "ask", &meeting, "Bao giờ xong? 😀"]);
        create_note(device, "Riêng tư");
    }
    office.publish(
        "a.toml",
        PROGRAMME.replace("Khai mạc", "Chào cờ").as_bytes(),
    );
    for device in [&a, &b, &a, &b] {
        device.must(&["sync"]);
    }
    office.kill();
    let copy = TempDir::new().unwrap();
    copy_folder(&office.data(), copy.path());

    for (device, person) in [(&a, DELEGATE), (&b, "Đại biểu 04")] {
        let output = run_on(copy.path(), &["export", "--person", person]);

        assert!(output.status.success());
        let exported = String::from_utf8(output.stdout).unwrap();
        let shown = String::from_utf8(device.text(&["view"])).unwrap();
        assert_eq!(exported, shown);
        assert!(shown.contains("Chào cờ") && shown.contains("Bao giờ xong?"));
    }

    let database = Connection::open(copy.path().join("office.db")).unwrap();
    let one = "DELETE FROM envelope WHERE id = (SELECT envelope_id FROM entry WHERE seq = 5)";
    assert_eq!(database.execute(one, []).unwrap(), 1);
    drop(database);
    let output = run_on(copy.path(), &["export", "--person", DELEGATE]);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("damaged") && told.contains('5'), "{told}");
}

#[test]
fn an_office_restored_from_an_older_copy_gets_back_what_a_device_still_holds() {
    let mut office = Office::start(true);
    let first = Device::enrol(&office, "Đại biểu 01");
    let second = first.another(&office, "Đại biểu 01");
    let note = create_note(&first, "Trước bản sao. ");
    first.must(&["sync"]);
    office.kill();
    let copy = office.folder().join("copy");
    copy_folder(&office.data(), &copy);
    office.restart();
    first.must(&["note", "edit", &note, "--at", "15", "Sau bản sao."]);
    assert_eq!(first.must(&["sync"])["accepted"], 1);
    office.kill();
    fs::remove_dir_all(office.data()).unwrap();
    fs::rename(&copy, office.data()).unwrap();
    office.restart();

    first.must(&["sync"]);

    second.must(&["sync"]);
    assert_eq!(
        second.must(&["note", "list"])[0]["text"],
        "Trước bản sao. Sau bản sao."
    );
    office.must(&["verify"]);
}

fn create_note(device: &Device, text: &str) -> String {
    let printed = device.must(&["note", "create", text]);
    printed["id"].as_str().unwrap().to_owned()
}

fn notes(device: &Device) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let listed = device.must(&["note", "list"]);
    let listed = listed.as_array().unwrap().iter();
    listed
        .map(|note| (text(&note["id"]), text(&note["text"])))
        .collect()
}

fn meeting(device: &Device) -> String {
    device.must(&["show"])[0]["id"].as_str().unwrap().to_owned()
}

fn receipts(device: &Device, meeting: &str) -> Vec<Value> {
    let listed = device.must(&["act", "list", "--receipts", meeting]);
    listed.as_array().unwrap().clone()
}

/// All rows of a device but those that say when and how often it has asked the office.
fn rows(database: &Path) -> BTreeMap<String, Vec<Vec<Sql>>> {
    let database = Connection::open(database).unwrap();
    let mut tables = database
        .prepare("SELECT name FROM sqlite_master WHERE type = 'table'")
        .unwrap();
    let tables = tables
        .query_map([], |row| row.get::<_, String>(0))
        .unwrap()
        .map(Result::unwrap);
    let read = |table: String| {
        let asked = match table.as_str() {
            "state" => "WHERE name NOT IN ('counter', 'read_token', 'synced_at')",
            _ => "",
        };
        let mut rows = database
            .prepare(&format!("SELECT * FROM {table} {asked}"))
            .unwrap();
        let columns = rows.column_count();
        let rows = rows
            .query_map([], |row| (0..columns).map(|at| row.get(at)).collect())
            .unwrap()
            .map(Result::unwrap)
            .collect();
        (table, rows)
    };
    tables.map(read).collect()
}

fn entries(office: &Office) -> u32 {
    Connection::open(office.database())
        .unwrap()
        .query_row("SELECT count(*) FROM entry", [], |row| row.get(0))
        .unwrap()
}

fn paper_of(bytes: usize) -> Vec<u8> {
    let mut content = vec![0; bytes];
    getrandom::fill(&mut content).unwrap();
    content
}

fn paper_path(device: &Device, meeting: &str) -> PathBuf {
    let printed = device.must(&["paper", meeting, "p1"]);
    printed["path"].as_str().unwrap().into()
}
