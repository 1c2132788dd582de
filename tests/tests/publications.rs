//! What is published: to whom, signed by whom, and nothing older unnoticed. Real processes and real
//! sockets, and an office that is put back, or that lies.
#![expect(
    clippy::unwrap_used,
    reason = "the helpers below the tests are tests too"
)]

use std::fs;

use nghisu_tests::{
    link::Link,
    process::{Device, Office},
    scan::{copy_folder, files_below, is_in, kept, served},
};
use serde_json::{Value, json};

const PROGRAMME: &str = r#"
id = "kh-1"
kind = "regular_session"
title = "Kỳ họp thứ Nhất"

[[paper]]
id = "p1"
title = "Tờ trình nhân sự ZQ4Y"
file = "p1.pdf"

[[item]]
id = "i1"
number = "1"
title = "Khai mạc"

[[item]]
id = "i2"
number = "2"
title = "Miễn nhiệm ông Trỏ QX7Z giữ kín"
papers = ["p1"]
circle = "thường trực"
"#;
const CLOSED: &str = "Miễn nhiệm ông Trỏ QX7Z giữ kín";
const CIRCLE: &str = "circle = \"thường trực\"";

struct Hall {
    office: Office,
    member: Device,
    cable: Link,
    other: Device,
}

impl Hall {
    /// An office with a meeting of an open item and one of a circle, a member of the circle, and
    /// somebody else.
    fn new(programme: &str) -> Self {
        let office = Office::start(false);
        office.file("p1.pdf", b"%PDF-1.7 about ZQ4Y");
        office.must(&["circle", "add", "thường trực"]);
        office.publish("kh.toml", programme.as_bytes());
        let cable = Link::to(office.address());
        let member = Device::enrol(&office, "Đại biểu 01");
        let other = Device::enrol_at(&office, "Đại biểu 02", &cable.address());
        office.must(&["member", "add", "Đại biểu 01", "--circle", "thường trực"]);
        let hall = Self {
            office,
            member,
            cable,
            other,
        };
        hall.sync();
        hall
    }

    fn sync(&self) {
        self.member.must(&["sync"]);
        self.other.must(&["sync"]);
    }
}

#[test]
fn an_item_of_a_circle_is_in_no_byte_that_others_are_served_or_keep() {
    let hall = Hall::new(PROGRAMME);
    let shown = show(&hall.member);
    assert_eq!(titles(&shown), ["Khai mạc", CLOSED]);
    assert_eq!(shown["parts"].as_array().unwrap().len(), 2);
    assert_eq!(titles(&show(&hall.other)), ["Khai mạc"]);
    let meeting = meeting(&hall.member);
    let paper = hall.member.must(&["paper", &meeting, "p1"]);
    let paper = fs::read(paper["path"].as_str().unwrap()).unwrap();
    assert_eq!(paper, b"%PDF-1.7 about ZQ4Y");
    assert_eq!(files_below(&hall.other.folder().join("papers")).len(), 0);

    // The member acts on it, and the others see that he has, not on what.
    hall.member
        .must(&["act", "speak", &meeting, "Nhân sự", "--item", "i2"]);
    hall.sync();
    let receipts = hall.other.must(&["act", "list", "--receipts", &meeting]);
    assert_eq!(receipts[0]["number"], 1);
    assert_eq!(receipts[0]["item"], Value::Null);
    assert_eq!(hall.member.must(&["act", "list"])[0]["number"], 1);
    let refused = hall
        .other
        .error(&["act", "speak", &meeting, "Nhân sự", "--item", "i2"]);
    assert_eq!(refused, "item_unknown");

    let (served, kept_by_other) = (served(&hall.cable), kept(&hall.other));
    for canary in [CLOSED, "Tờ trình nhân sự ZQ4Y"] {
        assert!(!is_in(canary, &served), "{canary} was served");
        assert!(!is_in(canary, &kept_by_other), "{canary} is on the device");
    }
    // The same search finds what is where it belongs.
    assert!(is_in(CLOSED, &kept(&hall.member)));
}

#[test]
fn an_item_that_becomes_closed_goes_from_the_others_and_comes_back_once_it_is_open() {
    let open = PROGRAMME.replace(CIRCLE, "");
    let hall = Hall::new(&open);
    assert_eq!(titles(&show(&hall.other)), ["Khai mạc", CLOSED]);
    for device in [&hall.member, &hall.other] {
        device.must(&["show", &meeting(device), "--changes"]);
    }

    let closed = hall.office.file("kh.toml", PROGRAMME.as_bytes());
    hall.office.must(&["import", &closed]);
    let printed = hall.office.must(&["publish", "--note", "Họp kín mục 2"]);
    hall.sync();

    assert!(printed.contains("was readable before"), "{printed}");
    assert!(printed.contains(CLOSED), "{printed}");
    assert_eq!(titles(&show(&hall.other)), ["Khai mạc"]);
    assert_eq!(titles(&show(&hall.member)), ["Khai mạc", CLOSED]);
    assert_eq!(changes(&hall.other), ["removed"]);
    assert_eq!(
        changes(&hall.member),
        [""; 0],
        "nothing has changed for him"
    );
    let asked = hall.other.error(&["paper", &meeting(&hall.other), "p1"]);
    assert_eq!(asked, "paper_missing");

    hall.office.publish("kh.toml", open.as_bytes());
    hall.sync();

    for device in [&hall.member, &hall.other] {
        let shown = show(device);
        assert_eq!(titles(&shown), ["Khai mạc", CLOSED]);
        assert_eq!(shown["number"], 3);
    }
    let exported = hall.office.must(&["export", "--person", "Đại biểu 01"]);
    let shown = String::from_utf8(hall.member.text(&["view"])).unwrap();
    assert_eq!(exported, shown);
}

#[test]
fn an_export_says_of_each_what_his_device_shows() {
    let hall = Hall::new(PROGRAMME);
    for (device, person) in [(&hall.member, "Đại biểu 01"), (&hall.other, "Đại biểu 02")]
    {
        let exported = hall.office.must(&["export", "--person", person]);
        assert_eq!(exported, String::from_utf8(device.text(&["view"])).unwrap());
        assert_eq!(exported.contains(CLOSED), person == "Đại biểu 01");
    }
    hall.office.must(&["verify"]);
}

#[test]
fn an_office_that_was_put_back_shows_nothing_older_and_is_told_once() {
    let mut office = Office::start(true);
    let publish = |office: &Office, title: &str| {
        let programme = PROGRAMME.replace(CIRCLE, "").replace("Khai mạc", title);
        office.file("p1.pdf", b"%PDF-1.7");
        office.publish("kh.toml", programme.as_bytes());
    };
    publish(&office, "Lần một");
    let device = Device::enrol(&office, "Đại biểu 01");
    device.must(&["sync"]);
    office.kill();
    let copy = office.folder().join("copy");
    copy_folder(&office.data(), &copy);
    office.restart();
    publish(&office, "Lần hai");
    device.must(&["sync"]);
    assert_eq!(alerts(&device), [""; 0]);
    office.kill();
    fs::remove_dir_all(office.data()).unwrap();
    copy_folder(&copy, &office.data());
    office.restart();

    device.must(&["sync"]);
    device.must(&["sync"]);

    assert_eq!(titles(&show(&device))[0], "Lần hai");
    assert_eq!(alerts(&device), ["log_rolled_back", "older_publication"]);

    // Under the number that was lost the office publishes something else: that is not shown either.
    publish(&office, "Lần hai khác");
    device.must(&["sync"]);
    assert_eq!(titles(&show(&device))[0], "Lần hai");
    let fork = ["log_rolled_back", "older_publication", "other_publication"];
    assert_eq!(alerts(&device), fork);

    // The next number is shown.
    publish(&office, "Lần ba");
    device.must(&["sync"]);
    device.must(&["sync"]);
    let shown = show(&device);
    assert_eq!(
        (titles(&shown)[0].as_str(), &shown["number"]),
        ("Lần ba", &json!(3))
    );
    assert_eq!(alerts(&device), fork);
    let told = device.must(&["alerts"]);
    assert!(told[0]["text"].as_str().unwrap().contains("lost or hides"));
    assert!(!told[0]["at"].as_str().unwrap().starts_with("1970"));
}

#[test]
fn a_publication_that_comes_back_unchanged_after_a_restore_is_no_fork() {
    let mut office = Office::start(true);
    office.file("p1.pdf", b"%PDF-1.7");
    let open = PROGRAMME.replace(CIRCLE, "");
    office.publish("kh.toml", open.as_bytes());
    let second = open.replace("Khai mạc", "Lần hai");
    let device = Device::enrol(&office, "Đại biểu 01");
    device.must(&["sync"]);
    office.kill();
    let copy = office.folder().join("copy");
    copy_folder(&office.data(), &copy);
    office.restart();
    office.publish("kh.toml", second.as_bytes());
    device.must(&["sync"]);
    office.kill();
    fs::remove_dir_all(office.data()).unwrap();
    copy_folder(&copy, &office.data());
    office.restart();
    office.publish("kh.toml", second.as_bytes());
    device.must(&["sync"]);
    office.publish("kh.toml", second.replace("Lần hai", "Lần ba").as_bytes());
    device.must(&["sync"]);

    assert_eq!(titles(&show(&device))[0], "Lần ba");
    assert_eq!(alerts(&device), ["log_rolled_back"]);
}

#[test]
fn a_device_proves_offline_which_version_it_has_read() {
    let hall = Hall::new(PROGRAMME);
    let meeting = meeting(&hall.member);
    let file = hall.office.folder().join("proof");
    let path = file.to_str().unwrap();
    hall.member.must(&["proof", &meeting, path]);

    let printed = hall.office.must(&["verify", "--proof", path]);

    assert!(
        printed.contains("Kỳ họp thứ Nhất") && printed.contains("number 1"),
        "{printed}"
    );
    assert!(printed.contains("signed by the server"), "{printed}");
    assert_eq!(printed.matches("SHA-256").count(), 2);
    // Anywhere else, by the fingerprint alone, and with another one not.
    let invitation = hall.office.invite("Đại biểu 01", hall.office.address());
    let root = invitation.split('/').nth(3).unwrap();
    let elsewhere = tempfile::TempDir::new().unwrap();
    let verify = |root: &str, path: &str| {
        nghisu_tests::process::run_on(
            elsewhere.path(),
            &["verify", "--proof", path, "--root", root],
        )
    };
    assert!(verify(root, path).status.success());
    let other = verify(&root.replace(&root[..4], "AAAA"), path);
    assert!(!other.status.success());
    let bytes = fs::read(&file).unwrap();
    for at in (0..bytes.len()).step_by(97) {
        let mut altered = bytes.clone();
        altered[at] ^= 1;
        fs::write(&file, &altered).unwrap();
        assert!(!verify(root, path).status.success(), "byte {at}");
    }
}

fn show(device: &Device) -> Value {
    device.must(&["show", &meeting(device)])
}

fn meeting(device: &Device) -> String {
    device.must(&["show"])[0]["id"].as_str().unwrap().to_owned()
}

fn titles(shown: &Value) -> Vec<String> {
    let items = shown["programme"]["items"].as_object().unwrap();
    let mut items: Vec<&Value> = items.values().collect();
    items.sort_by_key(|item| item["order_key"].as_str().unwrap().to_owned());
    items
        .iter()
        .map(|item| item["title"].as_str().unwrap().to_owned())
        .collect()
}

fn changes(device: &Device) -> Vec<String> {
    let changes = device.must(&["show", &meeting(device), "--changes"]);
    let changes = changes.as_array().unwrap().iter();
    changes
        .map(|change| change["change"].as_str().unwrap().to_owned())
        .filter(|change| !change.starts_with("paper"))
        .collect()
}

fn alerts(device: &Device) -> Vec<String> {
    let alerts = device.must(&["alerts"]);
    let alerts = alerts.as_array().unwrap().iter();
    alerts
        .map(|alert| alert["kind"].as_str().unwrap().to_owned())
        .collect()
}
