//! What leaves the office as lists: meetings as a calendar, acts as a table.
#![expect(
    clippy::unwrap_used,
    reason = "the helpers below the tests are tests too"
)]

use std::{fs, process::Output};

use icalendar::{Calendar, Component, Event, EventLike};
use nghisu_tests::process::{Device, Office, run_on};

const SESSION: &str = r#"
id = "kh-1"
kind = "regular_session"
title = "Kỳ họp thứ Nhất: ngân sách, đầu tư; nhân sự \\ giữa hai kỳ họp của Hội đồng nhân dân thành phố khóa mười tám"
state = "convened"
when = { year = 2096, month = 12, day = 8, time = "08:00" }
end = { year = 2096, month = 12, day = 8, time = "11:30" }
place = { name = "Hội trường lớn, tầng 2; số 1" }

[[item]]
id = "i1"
number = "1"
title = "Khai mạc"
when = { time = "08:15" }
end = { time = "08:30" }

[[item]]
id = "i2"
number = "2"
title = "Nhân sự QX7Z"
circle = "thường trực"
when = { time = "09:00" }

[[item]]
id = "i3"
number = "3"
title = "Việc riêng WK9P"
public = false
when = { time = "10:00" }
"#;
const MORNING: &str = r#"
id = "gb-1"
kind = "briefing"
title = "Giao ban"
state = "cancelled"
when = { year = 2022, month = 2, day = 21, part = "sáng" }
"#;
const LONG: &str = r#"
id = "hn-1"
kind = "exchange_conference"
title = "Trao đổi kinh nghiệm"
when = { year = 2024, month = 2, day = 28 }
end = { year = 2024, month = 2, day = 29 }
"#;
const NO_YEAR: &str = r#"
id = "hn-2"
kind = "review_conference"
title = "Tổng kết không năm"
when = { month = 3, day = 7 }
"#;
const MONTH: &str = r#"
id = "gb-2"
kind = "briefing"
title = "Giao ban tháng chín"
state = "foreseen"
when = { year = 2022, month = 9 }
"#;

#[test]
fn a_calendar_is_read_back_as_it_was_published_and_says_what_it_leaves_out() {
    let office = Office::start(false);
    office.must(&["circle", "add", "thường trực"]);
    for (name, text) in [
        ("1", SESSION),
        ("2", MORNING),
        ("3", LONG),
        ("4", NO_YEAR),
        ("5", MONTH),
    ] {
        office.publish(&format!("{name}.toml"), text.as_bytes());
    }
    let calendar = run_on(&office.data(), &["calendar", "-"]);
    let text = succeeded(&calendar);
    let said = complained(&calendar);

    for (id, why) in [
        ("gb-1", "whole day"),
        ("hn-2", "year is not known"),
        ("gb-2", "day is not known"),
    ] {
        let line = said.lines().find(|line| line.starts_with(id));
        assert!(line.is_some_and(|line| line.contains(why)), "{id}: {said}");
    }
    assert_eq!(said.lines().count(), 3, "{said}");
    lines_are_sound(&text);
    let read: Calendar = text.parse().unwrap();
    let events: Vec<&Event> = read.events().collect();
    assert_eq!(events.len(), 4);
    let session = event(&events, "Kỳ họp thứ Nhất");
    assert_eq!(
        session.get_summary().unwrap(),
        "Kỳ họp thứ Nhất: ngân sách, đầu tư; nhân sự \\ giữa hai kỳ họp của Hội đồng nhân dân thành phố khóa mười tám"
    );
    assert_eq!(
        session.get_location().unwrap(),
        "Hội trường lớn, tầng 2; số 1"
    );
    assert_eq!(
        session.get_description().unwrap().lines().last().unwrap(),
        "1. Khai mạc"
    );
    let has = |event: &Event, wanted: &[(&str, &str)]| {
        for (key, value) in wanted {
            assert_eq!(event.property_value(key), Some(*value), "{key}");
        }
    };
    has(
        session,
        &[
            ("DTSTART", "20961208T010000Z"),
            ("DTEND", "20961208T043000Z"),
            ("STATUS", "CONFIRMED"),
            ("SEQUENCE", "1"),
        ],
    );
    let item = event(&events, "1. Khai mạc");
    has(
        item,
        &[
            ("DTSTART", "20961208T011500Z"),
            ("DTEND", "20961208T013000Z"),
            ("RELATED-TO", session.get_uid().unwrap()),
        ],
    );
    let morning = event(&events, "Giao ban");
    has(morning, &[("DTSTART", "20220221"), ("STATUS", "CANCELLED")]);
    assert_eq!(morning.property_value("DTEND"), None);
    has(
        event(&events, "Trao đổi"),
        &[("DTSTART", "20240228"), ("DTEND", "20240301")],
    );
    for closed in ["QX7Z", "WK9P", "không năm"] {
        assert!(!unfolded(&text).contains(closed), "{closed}");
    }
}

#[test]
fn an_event_keeps_its_id_over_publications_and_an_item_that_is_closed_goes() {
    let office = Office::start(false);
    office.must(&["circle", "add", "thường trực"]);
    office.publish("1.toml", SESSION.as_bytes());
    let first = office.must(&["calendar", "-"]);
    assert_eq!(office.must(&["calendar", "-"]), first, "nothing changed");
    let closed = SESSION.replace(
        "title = \"Khai mạc\"",
        "title = \"Khai mạc\"\ncircle = \"thường trực\"",
    );
    office.publish("1.toml", closed.replace("convened", "cancelled").as_bytes());

    let file = office.folder().join("lich.ics");
    office.must(&["calendar", file.to_str().unwrap()]);
    let second = fs::read_to_string(file).unwrap();

    let (first, second): (Calendar, Calendar) = (first.parse().unwrap(), second.parse().unwrap());
    let (before, after): (Vec<_>, Vec<_>) = (first.events().collect(), second.events().collect());
    assert_eq!((before.len(), after.len()), (2, 1));
    assert_eq!(event(&before, "Kỳ họp").get_uid(), after[0].get_uid());
    assert_eq!(after[0].property_value("SEQUENCE"), Some("2"));
    assert_eq!(after[0].property_value("STATUS"), Some("CANCELLED"));
    assert!(!unfolded(&second.to_string()).contains("Khai mạc"));
}

#[test]
fn acts_are_a_table_with_their_numbers_and_no_cell_is_a_formula() {
    let office = Office::start(false);
    office.publish("1.toml", SESSION.as_bytes());
    let alice = Device::enrol(&office, "=Đại biểu, tổ 3");
    alice.must(&["sync"]);
    let meeting = alice.must(&["show"])[0]["id"].as_str().unwrap().to_owned();
    let formula = "=HYPERLINK(\"http://x\";\"1\")\nhai dòng, một \"ngoặc\"";
    alice.must(&["act", "speak", &meeting, formula, "--item", "i1"]);
    let second = alice.must(&["act", "speak", &meeting, "'rút lại"]);
    alice.must(&["sync"]);
    alice.must(&["act", "withdraw", &meeting, second["id"].as_str().unwrap()]);
    alice.must(&["sync"]);

    let text = office.must(&["acts", "kh-1", "--csv", "-"]);

    assert!(text.ends_with("\r\n") && !text.contains("\n="), "{text:?}");
    let mut table = csv::Reader::from_reader(text.as_bytes());
    let names: Vec<String> = table.headers().unwrap().iter().map(str::to_owned).collect();
    let rows: Vec<Vec<String>> = table
        .records()
        .map(|row| row.unwrap().iter().map(str::to_owned).collect())
        .collect();
    let cell = |row: usize, name: &str| {
        let column = names.iter().position(|it| it == name).unwrap();
        rows[row][column].clone()
    };
    for row in rows.iter().flatten() {
        assert!(!row.starts_with(['=', '+', '-', '@']), "{row}");
    }
    assert_eq!(rows.len(), 3);
    assert_eq!(
        (cell(0, "number"), cell(1, "number")),
        ("1".into(), "2".into())
    );
    assert_eq!(cell(0, "person"), "'=Đại biểu, tổ 3");
    assert_eq!(cell(0, "text"), format!("'{formula}"));
    assert_eq!(cell(0, "item_number"), "1");
    assert_eq!(cell(0, "item_title"), "Khai mạc");
    assert_eq!(
        (cell(0, "withdrawn"), cell(0, "late")),
        ("false".into(), "false".into())
    );
    assert_eq!(
        (cell(1, "text"), cell(1, "withdrawn")),
        ("''rút lại".into(), "true".into())
    );
    assert_eq!(cell(2, "kind"), "withdrawal");
    assert_eq!(
        (cell(2, "number"), cell(2, "refers_to")),
        (String::new(), "2".into())
    );
    assert!(cell(0, "received_at").ends_with("+07:00"));

    let file = office.folder().join("acts.csv");
    office.must(&["acts", "kh-1", "--bom", "--csv", file.to_str().unwrap()]);
    let marked = fs::read_to_string(file).unwrap();
    assert_eq!(marked.strip_prefix('\u{feff}'), Some(text.as_str()));
    let unknown = run_on(&office.data(), &["acts", "kh-9", "--csv", "-"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(complained(&unknown).contains("kh-9") && unknown.stdout.is_empty());
    assert_eq!(
        run_on(&office.data(), &["acts", "kh-1"]).status.code(),
        Some(2)
    );
}

/// RFC 5545, 3.1: lines end with CR LF, have at most 75 bytes, and no character is cut in two.
fn lines_are_sound(text: &str) {
    assert!(text.ends_with("\r\n"));
    assert_eq!(text.matches('\n').count(), text.matches("\r\n").count());
    assert_eq!(text.matches('\r').count(), text.matches("\r\n").count());
    let lines: Vec<&str> = text.split_terminator("\r\n").collect();
    assert!(
        lines.iter().any(|line| line.starts_with(' ')),
        "nothing was folded"
    );
    for line in lines {
        assert!(line.len() <= 75, "{} bytes: {line}", line.len());
        assert!(!line.is_empty());
    }
    // Each line is a name, a colon and a value, in which a comma or semicolon of a text is escaped.
    for line in unfolded(text).lines() {
        let (name, value) = line.split_once(':').unwrap();
        assert!(name.starts_with(|c: char| c.is_ascii_uppercase()), "{line}");
        if ["SUMMARY", "LOCATION", "DESCRIPTION"].contains(&name) {
            let bare = value
                .replace("\\\\", "")
                .replace("\\,", "")
                .replace("\\;", "");
            assert!(
                !bare.replace("\\n", "").contains(['\\', ',', ';']),
                "{line}"
            );
        }
    }
}

fn unfolded(text: &str) -> String {
    text.replace("\r\n ", "").replace("\r\n", "\n")
}

fn event<'e>(events: &[&'e Event], begins: &str) -> &'e Event {
    let found = events
        .iter()
        .find(|event| event.get_summary().unwrap().starts_with(begins));
    found.unwrap()
}

fn succeeded(output: &Output) -> String {
    assert!(output.status.success(), "{}", complained(output));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn complained(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}
