//! `nghisu body`: what an office states of its body, each command in a process of its own.
#![expect(clippy::unwrap_used, reason = "the helpers of the tests are tests too")]

#[path = "support/console.rs"]
mod console;

use std::{fs, path::PathBuf};

use nghisu_core::time::Timestamp;
use nghisu_server::{Office, RootKey};
use serde_json::{Value, json};
use tempfile::TempDir;

const NOW: Timestamp = Timestamp::from_unix_ms(1_800_000_000_000);

const BODY: &str = r#"name = "HĐND tỉnh Mới"
level = "province"
from = "2025-07-01"
[[predecessor]]
name = "HĐND tỉnh Đông"
on = "2025-07-01"
[[term]]
id = "xviii"
name = "Khóa XVIII"
from = "2021"
until = "2026"
[[organisation]]
id = "council"
name = "HĐND tỉnh"
kind = "council"
[[organisation]]
id = "budget"
name = "Ban Kinh tế – Ngân sách"
parent = "council"
[[person]]
id = "alice"
name = "Đại biểu tổ 3"
honorific = "bà"
[[membership]]
person = "alice"
organisation = "council"
post = "Phó Chủ tịch"
from = "2025-07-01"
[[membership]]
person = "alice"
organisation = "budget"
post = "Trưởng Ban"
from = "2025-07"
[[rules]]
from = "2027-01-01"
calendar = { utc_offset_minutes = 480, working_days = ["monday", "tuesday", "wednesday", "thursday", "friday"] }
[[rules.rule]]
duty = "written_answer"
period = { after = { days = 10, rolls = true } }
source = "72/2025/QH15"
"#;

struct Place {
    folder: TempDir,
    office: Office,
}

impl Place {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let root = RootKey::draw().unwrap();
        let office = Office::open_or_create(&folder.path().join("office"), &root).unwrap();
        Self { folder, office }
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let file = self.folder.path().join(name);
        fs::write(&file, text).unwrap();
        file
    }

    fn must(&self, arguments: &[&str]) -> String {
        console::must(self.folder.path(), arguments)
    }

    fn seq(&self) -> u64 {
        self.office.status(NOW).unwrap().seq
    }

    /// Runs a command that must be refused with nothing written, and returns why.
    fn refused(&self, language: &str, arguments: &[&str], code: i32) -> String {
        let arguments = [&["--lang", language], arguments].concat();
        console::refused(self.folder.path(), &self.office, &arguments, code)
    }
}

#[test]
fn a_body_is_imported_shown_on_a_day_and_written_out_as_it_was_read() {
    let place = Place::new();
    let complaint = place.refused("en", &["body", "show"], 1);
    assert!(complaint.contains("nghisu body import"), "{complaint}");
    place.file("body.toml", BODY);
    let import = ["body", "import", "body.toml"];
    assert_eq!(place.must(&import), "imported  1  HĐND tỉnh Mới\n");
    let seq = place.seq();
    assert_eq!(place.must(&import), "unchanged  1  HĐND tỉnh Mới\n");
    assert_eq!(place.seq(), seq);

    let shown = place.must(&["body", "show", "--on", "2025-07-20"]);
    for line in [
        "HĐND tỉnh Mới  [province]",
        "came from: HĐND tỉnh Đông  2025-07-01",
        "term: Khóa XVIII",
        "  bà Đại biểu tổ 3  Phó Chủ tịch  2025-07-01–…",
        "  bà Đại biểu tổ 3  Trưởng Ban  2025-07–…  (the day is not known)",
        "no rules of its own: those that every body begins with",
    ] {
        assert!(shown.lines().any(|it| it == line), "{line}:\n{shown}");
    }
    let before = place.must(&["body", "show", "--on", "2025-06-30"]);
    assert!(before.contains("2025-06-30  (does not exist)"), "{before}");
    assert!(!before.contains("Đại biểu tổ 3"), "{before}");
    let later = place.must(&["body", "show", "--on", "2027-01-01"]);
    assert!(
        later.contains("  written answer: within 10 days after  [72/2025/QH15]"),
        "{later}"
    );
    let json: Value =
        serde_json::from_str(&place.must(&["body", "show", "--on", "2025-08-01", "--json"]))
            .unwrap();
    let posts = json["on"]["memberships"].as_array().unwrap();
    let posts: Vec<&Value> = posts.iter().map(|held| &held["what"]["post"]).collect();
    assert_eq!(posts, ["Phó Chủ tịch", "Trưởng Ban"]);
    assert_eq!(json["on"]["rules"], Value::Null);

    place.must(&["body", "export", "out.toml"]);
    assert_eq!(place.must(&["body", "export", "-"]), {
        fs::read_to_string(place.folder.path().join("out.toml")).unwrap()
    });
    assert_eq!(
        place.must(&["body", "import", "out.toml"]),
        "unchanged  1  HĐND tỉnh Mới\n"
    );
    place.file(
        "body.toml",
        &BODY.replace("HĐND tỉnh Mới", "HĐND thành phố Mới"),
    );
    assert_eq!(place.must(&import), "imported  2  HĐND thành phố Mới\n");
}

#[test]
fn what_cannot_be_is_named_with_its_line_in_both_languages_and_changes_nothing() {
    let place = Place::new();
    place.file("body.toml", BODY);
    place.must(&["body", "import", "body.toml"]);
    let line_of = |text: &str, part: &str| {
        let at = text.find(part).unwrap();
        text[..at].lines().count() + 1
    };
    let wrong = BODY
        .replace(
            "from = \"2025-07\"\n",
            "from = \"2025-07\"\nuntil = \"2025-06\"\n",
        )
        .replace(
            "person = \"alice\"\norganisation = \"council\"",
            "person = \"bob\"\norganisation = \"council\"",
        );
    place.file("wrong.toml", &wrong);
    let import = ["body", "import", "wrong.toml"];
    let first = line_of(&wrong, "[[membership]]");
    let second = line_of(
        &wrong,
        "[[membership]]\nperson = \"alice\"\norganisation = \"budget\"",
    );
    let english = place.refused("en", &import, 1);
    assert!(
        english.contains(&format!(
            "wrong.toml:{first}: membership 1: there is no person \"bob\"\n\
             wrong.toml:{second}: membership 2: until is before from"
        )),
        "{english}"
    );
    let vietnamese = place.refused("vi", &import, 1);
    assert!(
        vietnamese.contains(&format!(
            "wrong.toml:{first}: membership 1: không có người “bob”"
        )),
        "{vietnamese}"
    );
    for (change, into, says) in [
        (
            "level = \"province\"",
            "levl = \"province\"",
            "wrong.toml:2: unknown field `levl`",
        ),
        ("\"province\"", "\"county\"", "unknown variant `county`"),
        (
            "\"2021\"",
            "\"2021/06\"",
            "expected \"2026-12-24\", \"2026-12\" or \"2026\"",
        ),
        (
            "rolls = true",
            "roll = true",
            "unexpected keys in table: roll",
        ),
        ("name = \"HĐND tỉnh Mới\"", "name = ", "wrong.toml:1: "),
    ] {
        place.file("wrong.toml", &BODY.replacen(change, into, 1));
        let complaint = place.refused("en", &import, 1);
        assert!(complaint.contains(says), "{into}: {complaint}");
    }
    let file = place.file("wrong.toml", "");
    fs::write(&file, b"name = \"\xff\"").unwrap();
    assert!(
        place
            .refused("en", &import, 1)
            .contains("wrong.toml:1: bytes that are no text")
    );
    let missing = place.refused("en", &["body", "import", "none.toml"], 1);
    assert!(missing.contains("none.toml"), "{missing}");
}

#[test]
fn what_is_due_and_the_hours_of_the_calendar_follow_the_rules_of_the_day() {
    let place = Place::new();
    let due = |duty: &str, event: &str| place.must(&["body", "due", duty, event]);
    assert_eq!(
        due("written_answer", "2027-01-08"),
        "2027-01-28  written answer: within 20 days after  [87/2015/QH13, art. 60.4]\n"
    );
    let meeting = |id: &str, year: i32| {
        let text = format!(
            "id = '{id}'\nkind = 'regular_session'\ntitle = 'Kỳ họp'\n\
             when = {{ year = {year}, month = 12, day = 7, time = '08:00' }}\n"
        );
        place.file(&format!("{id}.toml"), &text)
    };
    let files = [meeting("kh-1", 2026), meeting("kh-2", 2027)];
    place.office.import_files(&files, NOW, |_| {}).unwrap();
    place.office.publish(None, "", NOW).unwrap();
    let begins = || -> Vec<String> {
        let calendar = place.must(&["calendar", "-"]);
        let lines = calendar
            .lines()
            .filter_map(|line| line.strip_prefix("DTSTART:"));
        let mut begins: Vec<String> = lines.map(str::to_owned).collect();
        begins.sort();
        begins
    };
    assert_eq!(begins(), ["20261207T010000Z", "20271207T010000Z"]);

    place.file("body.toml", BODY);
    place.must(&["body", "import", "body.toml"]);
    // The rules since 2027 give ten days, and have clocks eight hours ahead.
    assert_eq!(
        due("written_answer", "2026-12-31"),
        "2027-01-20  written answer: within 20 days after  [87/2015/QH13, art. 60.4]\n"
    );
    assert_eq!(
        due("written_answer", "2027-01-08"),
        "2027-01-18  written answer: within 10 days after  [72/2025/QH15]\n"
    );
    assert_eq!(
        due("papers", "2027-01-08"),
        "papers to the delegates  no rule for it on that day\n"
    );
    assert_eq!(begins(), ["20261207T010000Z", "20271207T000000Z"]);
    let json = place.must(&["body", "due", "written_answer", "2027-01-08", "--json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["due"], json!("2027-01-18"));
    let complaint = place.refused("en", &["body", "due", "coffee", "2027-01-08"], 2);
    assert!(complaint.contains("written_answer"), "{complaint}");
}

#[test]
fn the_file_in_the_readme_is_one_that_is_imported() {
    let place = Place::new();
    let readme = include_str!("../README.md");
    let sample = readme.split("```toml\n").nth(1).unwrap();
    place.file("body.toml", sample.split("```").next().unwrap());
    let imported = place.must(&["body", "import", "body.toml"]);
    assert_eq!(imported, "imported  1  HĐND tỉnh Mới\n");
    assert_eq!(
        place.must(&["body", "due", "written_answer", "2026-12-04"]),
        "2026-12-24  written answer: within 20 days after  [87/2015/QH13, art. 60.4]\n"
    );
}
