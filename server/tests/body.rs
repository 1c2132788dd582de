//! `nghisu body`: what an office states of its body, each command in a process of its own.
#![expect(clippy::unwrap_used, reason = "the helpers of the tests are tests too")]

#[path = "support/console.rs"]
mod console;

use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
};

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

/// The same council as another system has it.
fn rat() -> Value {
    let object = |class: &str, id: &str, fields: Value| {
        let mut object = json!({
            "id": format!("https://rat.example/{id}"),
            "type": format!("https://schema.oparl.org/1.1/{class}"),
            "modified": "2026-01-01T08:00:00+07:00",
        });
        let own = fields.as_object().unwrap().clone();
        object.as_object_mut().unwrap().extend(own);
        object
    };
    json!([
        object("Body", "b", json!({"name": "HĐND tỉnh Mới"})),
        object(
            "LegislativeTerm",
            "t/1",
            json!({"name": "Khóa XIX", "startDate": "2026-05-01"})
        ),
        object("Organization", "o/1", json!({"name": "HĐND tỉnh"})),
        object(
            "Person",
            "p/1",
            json!({"name": "Đại biểu tổ 3", "phone": ["ZQ1X"], "membership": [
                object("Membership", "m/1", json!({
                    "organization": "https://rat.example/o/1", "role": "Chủ tịch", "startDate": "2026-05-20",
                })),
            ]}),
        ),
    ])
}

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

/// The lines that stand in one text alone, and those in the other alone.
fn changes<'a>(before: &'a str, after: &'a str) -> (Vec<&'a str>, Vec<&'a str>) {
    let without = |all: &'a str, other: &str| -> Vec<&'a str> {
        let lines = all.lines();
        lines
            .filter(|line| !other.lines().any(|it| it == *line))
            .collect()
    };
    (without(before, after), without(after, before))
}

#[test]
fn a_body_of_another_system_is_read_and_a_newer_state_changes_what_it_says_alone() {
    let place = Place::new();
    let import = ["body", "import", "rat.json"];
    place.file("rat.json", &rat().to_string());
    assert_eq!(place.must(&import), "imported  1  HĐND tỉnh Mới\n");
    let seq = place.seq();
    assert_eq!(place.must(&import), "unchanged  1  HĐND tỉnh Mới\n");
    assert_eq!(place.seq(), seq);
    let shown = place.must(&["body", "show", "--on", "2026-06-01"]);
    for line in [
        "term: Khóa XIX",
        "HĐND tỉnh",
        "  Đại biểu tổ 3  Chủ tịch  2026-05-20–…",
    ] {
        assert!(shown.lines().any(|it| it == line), "{line}:\n{shown}");
    }
    let export = || place.must(&["body", "export", "-"]);
    let before = export();
    assert!(!before.contains("ZQ1X"), "{before}");

    // One page of it, a year on; `modified` is what it was.
    let mut person = rat()[3].clone();
    person["membership"][0]["endDate"] = json!("2027-05-19");
    place.file(
        "rat.json",
        &json!({"data": [person], "links": {}}).to_string(),
    );
    assert_eq!(place.must(&import), "imported  2  HĐND tỉnh Mới\n");
    let ended = export();
    assert_eq!(
        changes(&before, &ended),
        (vec![], vec!["until = \"2027-05-19\""])
    );
    let gone = json!({
        "id": "https://rat.example/t/1", "type": "https://schema.oparl.org/1.1/LegislativeTerm",
        "deleted": true, "created": "2026-01-01T08:00:00+07:00", "modified": "2027-06-30T23:59:00+07:00",
    });
    place.file("rat.json", &gone.to_string());
    assert_eq!(place.must(&import), "imported  3  HĐND tỉnh Mới\n");
    assert_eq!(
        changes(&ended, &export()),
        (vec![], vec!["until = \"2027-06-30\""])
    );
    // What it says in our own format is the same body.
    place.file("body.toml", &export());
    assert_eq!(
        place.must(&["body", "import", "body.toml"]),
        "unchanged  3  HĐND tỉnh Mới\n"
    );
}

#[test]
fn what_cannot_be_in_a_body_of_another_system_is_named_with_its_place_and_changes_nothing() {
    let place = Place::new();
    place.file("rat.json", &rat().to_string());
    place.must(&["body", "import", "rat.json"]);
    let import = ["body", "import", "wrong.json"];
    let refused = |language: &str, text: &str| {
        place.file("wrong.json", text);
        place.refused(language, &import, 1)
    };
    let with = |at: &str, value: Value| {
        let mut objects = rat();
        *objects.pointer_mut(at).unwrap() = value;
        objects.to_string()
    };
    for (text, says) in [
        (
            with("/1/startDate", json!("01.05.2026")),
            "wrong.json: [1].startDate: found \"01.05.2026\"; expected a day like \"2026-12-07\"",
        ),
        (
            with(
                "/3/membership/0/organization",
                json!("https://rat.example/o/9"),
            ),
            "wrong.json: [3].membership[0]: there is no organisation \"https://rat.example/o/9\"",
        ),
        (
            with("/2/id", json!("")),
            "wrong.json: [2].id: found \"\"; expected an address",
        ),
        (
            with("/0/name", json!(7)),
            "wrong.json: [0].name: found 7; expected a text",
        ),
        (
            "[{\"id\":".to_owned(),
            "wrong.json:1: EOF while parsing a value; expected JSON",
        ),
        (
            "[]".to_owned(),
            "wrong.json: found nothing; expected a Body, LegislativeTerm",
        ),
        (
            "{}".to_owned(),
            "wrong.json: type: found nothing; expected a type of OParl",
        ),
        (
            format!("{{\"a\": {}", "[".repeat(100_000)),
            "wrong.json:1: recursion limit exceeded",
        ),
    ] {
        let complaint = refused("en", &text);
        assert!(complaint.contains(says), "{says}:\n{complaint}");
    }
    let nowhere = with(
        "/3/membership/0/organization",
        json!("https://rat.example/o/9"),
    );
    let vietnamese = refused("vi", &nowhere);
    assert!(
        vietnamese
            .contains("wrong.json: [3].membership[0]: không có tổ chức “https://rat.example/o/9”"),
        "{vietnamese}"
    );
    let file = place.file("wrong.json", "");
    fs::write(&file, b"{\n\"name\": \"\xff\"}").unwrap();
    let complaint = place.refused("en", &import, 1);
    assert!(
        complaint.contains("wrong.json:2: bytes that are no text"),
        "{complaint}"
    );
    // Each piece of it, as a broken line leaves one behind.
    let whole = rat().to_string();
    for at in (1..whole.len())
        .step_by(97)
        .filter(|at| whole.is_char_boundary(*at))
    {
        let complaint = refused("en", &whole[..at]);
        assert!(complaint.contains("wrong.json:1: EOF"), "{complaint}");
    }
}

#[cfg(unix)]
#[test]
fn a_body_is_read_from_a_pipe_in_either_format() {
    let place = Place::new();
    for (text, says) in [
        (BODY.to_owned(), "imported  1  HĐND tỉnh Mới\n"),
        (rat()[2].to_string(), "imported  2  HĐND tỉnh Mới\n"),
    ] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_nghisu"))
            .current_dir(place.folder.path())
            .args([
                "body",
                "import",
                "/dev/stdin",
                "--data",
                "office",
                "--lang",
                "en",
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), text.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert_eq!(String::from_utf8_lossy(&output.stdout), says, "{complaint}");
    }
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
