//! What the office refuses for good lies in the tray "not sent", in words that its author can use.

use std::{collections::BTreeSet, fs, path::Path};

use nghisu_core::sync::reason::Reason;
use nghisu_tests::process::{Device, Office};

const DELEGATE: &str = "Đại biểu 03";
const PROGRAMME: &str = r#"
id = "kh-1"
kind = "regular_session"
title = "Kỳ họp thứ Nhất"
when = { year = 2026, month = 12, day = 8 }
"#;

#[test]
fn what_is_refused_is_told_in_words_with_what_to_do() {
    let office = Office::start(true);
    office.publish("kh-1.toml", PROGRAMME.as_bytes());
    let device = Device::enrol(&office, DELEGATE);
    device.must(&["sync"]);
    let shown = device.must(&["show"]);
    let meeting = shown[0]["id"].as_str().unwrap();
    device.must(&["act", "speak", meeting, "Đường liên thôn"]);
    office.must(&["member", "remove", DELEGATE, "--meeting", "kh-1"]);

    let synced = device.must(&["sync"]);

    assert_eq!(
        (&synced["refused"], &synced["held"]),
        (&1.into(), &0.into())
    );
    let tray = device.must(&["not-sent"]);
    assert_eq!(tray[0]["text"], "Đường liên thôn");
    assert_eq!(tray[0]["reason"], "meeting_unknown");
    assert_eq!(
        tray[0]["told"],
        "This meeting is not published to you, or you do not take part any more. \
         Sync to see your meetings, then ask the office."
    );
    let told = String::from_utf8(device.text(&["not-sent"])).unwrap();
    assert!(told.contains("Đường liên thôn"), "{told}");
    assert!(told.contains("hoặc bạn không còn dự"), "{told}");
    let acts = String::from_utf8(device.text(&["act", "list"])).unwrap();
    assert!(acts.contains("✗ Kỳ họp này không được công bố"), "{acts}");
}

#[test]
fn every_reason_that_the_office_gives_is_told_in_words() {
    let mut given = BTreeSet::new();
    let office = Path::new(env!("CARGO_MANIFEST_DIR")).join("../server/src/office");
    for file in fs::read_dir(office).unwrap() {
        let path = file.unwrap().path();
        let Ok(source) = fs::read_to_string(&path) else {
            continue;
        };
        for outcome in ["Refused(\"", "Refuse(\"", "Redo(\""] {
            let reasons = source.split(outcome).skip(1);
            given.extend(reasons.map(|rest| rest.split('"').next().unwrap().to_owned()));
        }
    }
    assert!(given.len() > 10, "{given:?}");
    for name in given {
        assert!(Reason::of_name(&name).is_some(), "{name}");
    }
}
