//! The office's commands for rulings: each in a process of its own, beside devices of delegates and a chair.
#![expect(clippy::unwrap_used, reason = "the helpers of the tests are tests too")]

#[path = "support/console.rs"]
mod console;
#[path = "support/device.rs"]
mod device;

use device::{Device, enrolled};
use nghisu_core::{
    ids::{ActId, MeetingId, PersonId},
    meeting::{
        act::{Act, ActKind},
        ruling::{FloorRuling, Ruling},
    },
    sync::wire::Outcome,
    trust::decide::Role,
};
use nghisu_server::{Office, RootKey};
use serde_json::{Value, json};
use tempfile::TempDir;

const PROGRAMME: &str = "kind = 'regular_session'\ntitle = 'Kỳ họp'\n\
    [[item]]\nid = 'i1'\ntitle = 'Chất vấn'\n\
    [[item]]\nid = 'i2'\ntitle = 'Họp kín'\ncircle = 'thường trực'\n";

/// An office with two published meetings, `kh-1` and `kh-2`.
struct Hall {
    folder: TempDir,
    office: Office,
}

impl Hall {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let root = RootKey::draw().unwrap();
        let office = Office::open_or_create(&folder.path().join("office"), &root).unwrap();
        let files = ["kh-1", "kh-2"].map(|id| {
            let path = folder.path().join(format!("{id}.toml"));
            std::fs::write(&path, format!("id = '{id}'\n{PROGRAMME}")).unwrap();
            path
        });
        office.import_files(&files, device::NOW, |_| {}).unwrap();
        office.publish(None, "", device::NOW).unwrap();
        Self { folder, office }
    }

    fn meeting(&self, external_id: &str) -> MeetingId {
        let meetings = self.office.meetings().unwrap();
        let mut meetings = meetings.iter();
        let found = meetings.find(|meeting| meeting.external_id == external_id);
        found.unwrap().meeting
    }

    /// Hands an act in, and returns the number that it got as people see it.
    fn receive(&self, device: &mut Device, act: &Act) -> String {
        let envelope = device.send_act(act);
        let outcomes = device.sync(&self.office, &[envelope]).outcomes;
        assert!(
            matches!(outcomes[..], [Outcome::Accepted { .. }]),
            "{outcomes:?}"
        );
        let acts = self.office.acts("kh-1").unwrap();
        let found = acts.iter().find(|it| it.act.id == act.id);
        let receipt = found.and_then(|it| it.receipt.clone());
        let number = receipt.and_then(|receipt| receipt.number);
        number.map(|number| number.to_string()).unwrap_or_default()
    }

    fn act(&self, device: &mut Device, id: u8, item: Option<&str>, kind: ActKind) -> String {
        let act = device.act(id, self.meeting("kh-1"), item, kind);
        self.receive(device, &act)
    }

    /// Runs a command that must do what it was asked, and returns what it printed.
    fn must(&self, arguments: &[&str]) -> String {
        console::must(self.folder.path(), arguments)
            .trim_end()
            .into()
    }

    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.must(&[arguments, &["--json"]].concat())).unwrap()
    }

    fn course(&self) -> Value {
        self.json(&["course", "kh-1"])
    }

    /// Runs a command that must be refused with nothing written, and returns why.
    fn refused(&self, arguments: &[&str], code: i32) -> String {
        console::refused(self.folder.path(), &self.office, arguments, code)
    }
}

const REGISTER: ActKind = ActKind::SpeakingRegistration;

fn states(of: &Value) -> Vec<&str> {
    let steps = of["steps"].as_array().unwrap().iter();
    steps.map(|step| step["state"].as_str().unwrap()).collect()
}

fn listed(course: &Value) -> Vec<(&str, &str)> {
    let list = course["list"].as_array().unwrap().iter();
    list.map(|it| (it["number"].as_str().unwrap(), it["name"].as_str().unwrap()))
        .collect()
}

#[test]
fn who_speaks_is_ruled_from_the_console_and_every_step_is_in_the_course() {
    let hall = Hall::new();
    let mut alice = enrolled(&hall.office, "Alice", Role::Delegate, 1);
    let mut bob = enrolled(&hall.office, "Bob", Role::Delegate, 2);
    let one = hall.act(&mut alice, 1, Some("i1"), REGISTER);
    let two = hall.act(&mut bob, 2, Some("i1"), REGISTER);
    let asked = hall.act(&mut bob, 3, Some("i1"), ActKind::QuestionSlip);
    let three = hall.act(&mut bob, 4, None, REGISTER);
    let floor = |arguments: &[&str]| hall.must(&[&["floor", "kh-1"], arguments].concat());

    assert_eq!(floor(&["take"]), "the office holds the floor, term 1");
    assert_eq!(floor(&["open", "i1"]), "open  i1");
    floor(&["time", "300"]);
    let course = hall.course();
    assert_eq!(course["floor"]["term"], 1);
    assert_eq!(course["floor"]["holder"], json!({ "person": null }));
    assert_eq!(course["floor"]["item"], "i1");
    assert_eq!(course["floor"]["allotted"]["seconds"], 300);
    assert_eq!(listed(&course), [(&*one, "Alice"), (&*two, "Bob")]);
    assert_eq!(course["names"][bob.person.to_string()], "Bob");

    // In the debate on the answer to his question Bob speaks first.
    floor(&["debate", "i1", &asked]);
    let course = hall.course();
    assert_eq!(listed(&course), [(&*two, "Bob"), (&*one, "Alice")]);
    assert_eq!(course["list"][0]["before_others"], "asked");
    floor(&["debate", "i1", "--end"]);
    assert_eq!(listed(&hall.course())[0].1, "Alice");

    assert_eq!(floor(&["grant", &one]), format!("granted  {one}  Alice"));
    let act = ActId::from_bytes([1; 16]).to_string();
    assert_eq!(hall.course()["floor"]["speaking"], act);
    let text = hall.must(&["course", "kh-1"]);
    assert!(text.contains(&format!("speaking: {one}  Alice")), "{text}");
    let text = hall.must(&["course", "kh-1", "--lang", "vi"]);
    let spoken =
        format!("điều hành: văn phòng, lượt 1\nđang bàn: i1\nđang phát biểu: {one}  Alice");
    assert!(text.starts_with(&spoken), "{text}");

    let times = [
        "--began",
        "2026-12-07T08:00",
        "--ended",
        "2026-12-07T01:05:00Z",
    ];
    floor(&[&["spoken", &one], &times[..]].concat());
    floor(&["refuse", &two, "--reason", "hết giờ"]);
    let course = hall.course();
    let [first, second] = [0, 1].map(|n| &course["registrations"][n]);
    assert_eq!(
        states(first),
        ["registered", "received", "granted", "spoken"]
    );
    let spoke = json!(["2026-12-07T01:00:00.000Z", "2026-12-07T01:05:00.000Z"]);
    assert_eq!(first["spoke"], spoke);
    assert_eq!(states(second), ["registered", "received", "refused"]);
    assert_eq!(second["steps"][2]["note"], "hết giờ");
    assert!(listed(&course).is_empty(), "{course}");
    assert_eq!(course["floor"]["speaking"], Value::Null);

    floor(&["close"]);
    floor(&["time", "0"]);
    let course = hall.course();
    assert_eq!(course["floor"]["item"], Value::Null);
    assert_eq!(course["floor"]["allotted"], Value::Null);
    assert_eq!(listed(&course), [(&*three, "Bob")]);
    let of_item = hall.json(&["course", "kh-1", "--item", "i1"]);
    assert!(listed(&of_item).is_empty(), "{of_item}");

    // Without times: from when he was called until now.
    floor(&["grant", &three]);
    floor(&["spoken", &three]);
    let course = hall.course();
    let last = &course["registrations"][2];
    assert_eq!(last["spoke"][0], last["steps"][2]["on"]);
    assert!(
        last["spoke"][1].as_str() > last["spoke"][0].as_str(),
        "{last}"
    );
    assert_eq!(course["set_aside"], json!([]));
}

#[test]
fn the_console_rules_only_while_it_holds_the_floor() {
    let hall = Hall::new();
    let mut chair = enrolled(&hall.office, "Chủ tọa", Role::Chair, 1);
    let refusal = hall.refused(&["floor", "kh-1", "open", "i1"], 1);
    assert!(refusal.contains("[held by nobody]"), "{refusal}");

    hall.must(&["floor", "kh-1", "take"]);
    let take = Act {
        ruling: Some(Ruling::Floor {
            term: 2,
            ruling: FloorRuling::TakeFloor,
        }),
        ..chair.act(1, hall.meeting("kh-1"), None, ActKind::Ruling)
    };
    hall.receive(&mut chair, &take);

    let holder = &hall.course()["floor"]["holder"];
    assert_eq!(holder["person"], chair.person.to_string());
    let refusal = hall.refused(&["floor", "kh-1", "open", "i1"], 1);
    let words = "The floor of this meeting is not held here. [held by Chủ tọa] Take it first, at the office with `nghisu floor MEETING take`";
    assert!(refusal.starts_with(words), "{refusal}");
    let refusal = hall.refused(&["floor", "kh-1", "close", "--lang", "vi"], 1);
    assert!(refusal.contains("[đang điều hành: Chủ tọa]"), "{refusal}");

    let taken = hall.must(&["floor", "kh-1", "take", "--lang", "vi"]);
    assert_eq!(taken, "văn phòng điều hành, lượt 3");
    hall.must(&["floor", "kh-1", "open", "i1"]);
    assert_eq!(hall.course()["floor"]["item"], "i1");
}

#[test]
fn what_does_not_follow_is_refused_and_nothing_is_written() {
    let hall = Hall::new();
    let mut alice = enrolled(&hall.office, "Alice", Role::Delegate, 1);
    let number = hall.act(&mut alice, 1, Some("i1"), REGISTER);
    let asked = hall.act(&mut alice, 2, Some("i1"), ActKind::QuestionSlip);
    hall.must(&["floor", "kh-1", "take"]);
    let floor =
        |arguments: &[&str], code| hall.refused(&[&["floor", "kh-1"], arguments].concat(), code);

    let refusal = floor(&["spoken", &number], 1);
    let words = "[it is: received; asked for: spoken; may follow: granted, withdrawn, refused]";
    assert!(refusal.contains(words), "{refusal}");
    hall.must(&["floor", "kh-1", "grant", &number]);
    let refusal = floor(&["grant", &number, "--lang", "vi"], 1);
    let words = "Bước này không nối tiếp được từ trạng thái hiện tại. [đang: được mời phát biểu; muốn: được mời phát biểu; có thể: đã phát biểu, đã rút]";
    assert!(refusal.starts_with(words), "{refusal}");
    let refusal = floor(
        &["spoken", &number, "--began", "08:30", "--ended", "08:29"],
        1,
    );
    assert!(refusal.contains("an end before its beginning"), "{refusal}");
    hall.must(&["floor", "kh-1", "spoken", &number]);
    let refusal = floor(&["refuse", &number, "--reason", "hết giờ"], 1);
    assert!(refusal.contains("it has ended"), "{refusal}");

    for (arguments, words) in [
        (&["grant", "9"][..], "[registration to speak 9]"),
        (&["grant", "2-1"], "[registration to speak 2-1]"),
        (&["grant", &asked], "[registration to speak 2]"),
        (&["debate", "i1", &number], "[question 1]"),
        (&["debate", "i1", "--end"], "[there is no debate on i1]"),
        (
            &["open", "i2"],
            "There is no such item in the programme. [i2]",
        ),
        (
            &["open", "i9"],
            "There is no such item in the programme. [i9]",
        ),
    ] {
        let refusal = floor(arguments, 1);
        assert!(refusal.contains(words), "{refusal}");
    }
    for (arguments, words) in [
        (&["grant", "vii"][..], "expected one as it is printed"),
        (&["grant", "0"], "expected one as it is printed"),
        (&["spoken", "1", "--began", "8:30"], "expected 08:30"),
        (&["refuse", "1"], "--reason"),
        (&["debate", "i1"], "NUMBER"),
        (&["debate", "i1", "2", "--end"], "cannot be used with"),
        (&["time", "-5"], "-5"),
    ] {
        let refusal = floor(arguments, 2);
        assert!(refusal.contains(words), "{refusal}");
    }
    let refusal = hall.refused(&["course", "kh-9"], 1);
    assert!(
        refusal.starts_with("There is no such meeting."),
        "{refusal}"
    );
    let long = "dài ".repeat(3000);
    let refusal = hall.refused(&["record", "kh-1", "conclusion", &long], 1);
    assert!(
        refusal.starts_with("This is larger than the limit."),
        "{refusal}"
    );
}

#[test]
fn the_roll_says_who_is_there_and_marks_what_is_disputed() {
    let hall = Hall::new();
    let mut alice = enrolled(&hall.office, "Alice", Role::Delegate, 1);
    let mut bob = enrolled(&hall.office, "Bob", Role::Delegate, 2);
    hall.office.add_person("Carol", Role::Delegate).unwrap();
    hall.office.add_person("Thư ký 1", Role::Secretary).unwrap();
    hall.act(&mut alice, 1, None, ActKind::CheckIn);
    hall.act(&mut bob, 2, None, ActKind::CheckIn);
    let roll = |arguments: &[&str]| hall.must(&[&["roll", "kh-1"], arguments].concat());
    assert!(roll(&["show"]).contains("not written down"));

    assert_eq!(roll(&["seats", "3"]), "3 delegates, 2 make a quorum");
    assert_eq!(roll(&["set", "Alice", "in_hall"]), "in the hall  Alice");
    roll(&[
        "set",
        &bob.person.to_string(),
        "excused",
        "--reason",
        "đi công tác",
    ]);

    let expected = "Alice  in the hall  (stated: check-in)\n\
        Bob  absent with leave  (stated: check-in)  ! disputed\n\
        Carol  —\n\
        present 1 of 3, needed 2: no quorum";
    let expected = expected.replace("absent with leave", "excused");
    assert_eq!(roll(&["show"]), expected);
    let shown = roll(&["show", "--reasons", "--lang", "vi"]);
    assert!(shown.contains("    vắng có lý do: đi công tác"), "{shown}");
    assert!(
        shown.ends_with("có mặt 1 / 3, cần 2: chưa đủ số đại biểu"),
        "{shown}"
    );
    let json = hall.json(&["roll", "kh-1", "show"]);
    assert!(!json.to_string().contains("công tác"), "{json}");
    assert_eq!(json["people"][1]["disputed"], true);
    let json = hall.json(&["roll", "kh-1", "show", "--reasons"]);
    assert_eq!(json["people"][1]["reasons"][0]["text"], "đi công tác");
    assert!(!hall.course().to_string().contains("công tác"));

    roll(&["set", "Carol", "late"]);
    let json = hall.json(&["roll", "kh-1", "show"]);
    assert_eq!(
        (&json["present"], &json["has_quorum"]),
        (&json!(2), &json!(true))
    );
    roll(&["seats", "3", "--quorum", "3"]);
    assert_eq!(hall.course()["roll"]["quorum"], 3);
    assert!(
        hall.must(&["course", "kh-1"])
            .contains("present 2 of 3, needed 3: no quorum")
    );

    let refused =
        |arguments: &[&str], code| hall.refused(&[&["roll", "kh-1"], arguments].concat(), code);
    assert!(refused(&["seats", "3", "--quorum", "4"], 1).contains("4 / 3"));
    assert!(refused(&["seats", "0"], 1).contains("a quorum is from 1"));
    assert!(refused(&["set", "Dave", "late"], 1).contains("no such person. [Dave]"));
    assert!(refused(&["set", "Bob", "away"], 2).contains("in_hall, online, late"));
}

#[test]
fn votes_conclusions_and_answers_are_recorded_with_their_numbers() {
    let hall = Hall::new();
    let mut alice = enrolled(&hall.office, "Alice", Role::Delegate, 1);
    let asked = hall.act(&mut alice, 1, Some("i1"), ActKind::QuestionSlip);
    let record = |arguments: &[&str]| hall.must(&[&["record", "kh-1"], arguments].concat());
    let refused = |arguments: &[&str]| hall.refused(&[&["record", "kh-1"], arguments].concat(), 1);
    let count = |present, yes, no| {
        [
            "vote",
            "--present",
            present,
            "--for",
            yes,
            "--against",
            no,
            "--abstained",
            "0",
            "Dự toán",
        ]
    };

    assert!(refused(&count("9", "6", "3")).contains("give --total or run"));
    hall.must(&["roll", "kh-1", "seats", "10"]);
    assert_eq!(record(&count("9", "6", "3")), "vote (carried) 1");
    let of_twelve = [
        &count("9", "6", "3")[..],
        &["--total", "12", "--item", "i1"],
    ]
    .concat();
    assert_eq!(record(&of_twelve), "vote (not carried) 2");
    assert!(refused(&count("9", "6", "4")).contains("[10 votes, 9 present, 10 delegates"));
    assert!(refused(&count("11", "6", "4")).contains("no more present than delegates"));
    let closed = [&count("9", "6", "3")[..], &["--item", "i2"]].concat();
    assert!(refused(&closed).contains("no such item in the programme. [i2]"));

    let speech = [
        "speech",
        "--speaker",
        "Chủ tọa",
        "--item",
        "i1",
        "--began",
        "08:00",
        "--ended",
    ];
    assert_eq!(
        record(&[&speech[..], &["08:10", "khai mạc"]].concat()),
        "speech 3"
    );
    assert!(refused(&[&speech[..], &["07:59"]].concat()).contains("an end before"));
    let concluded = record(&[
        "conclusion",
        "--by",
        "Chủ tọa",
        "làm xong trong quý I",
        "--lang",
        "vi",
    ]);
    assert_eq!(concluded, "kết luận 4");

    let answer = ["answer-orally", "--by", "Giám đốc Sở", "sẽ sửa"];
    let question = ["question", &asked];
    let grouped = record(&[&question[..], &["group", "giao thông"]].concat());
    assert!(grouped.ends_with(&format!("  {asked}  Alice")), "{grouped}");
    record(&[&question[..], &answer].concat());
    let again = ["answer-in-writing", "--by", "Giám đốc Sở", "đã sửa"];
    let refusal = refused(&[&question[..], &again].concat());
    let words = "it is: answered in the hall; asked for: answered in writing; may follow: accepted";
    assert!(refusal.contains(words), "{refusal}");
    assert!(refused(&["question", "7", "group", "x"]).contains("[question 7]"));

    let course = hall.course();
    assert_eq!(course["votes"][0]["majority"], true);
    assert_eq!(course["votes"][1]["result"]["total"], 12);
    assert_eq!(course["votes"][1]["record"]["item"], "i1");
    assert_eq!(course["speeches"][0]["addressee"], "Chủ tọa");
    assert_eq!(course["conclusions"][0]["text"], "làm xong trong quý I");
    let question = &course["questions"][0];
    assert_eq!(question["group"], "giao thông");
    assert_eq!(question["answered_by"], "Giám đốc Sở");
    assert_eq!(states(question)[3..], ["grouped", "answered_orally"]);
    let text = hall.must(&["course", "kh-1"]);
    let lines = "1  vote  for 6, against 3, abstained 0; present 9 of 10: carried  Dự toán\n\
        2  vote  for 6, against 3, abstained 0; present 9 of 12: not carried  Dự toán\n\
        3  speech  Chủ tọa  khai mạc\n\
        4  conclusion  Chủ tọa  làm xong trong quý I";
    assert!(text.ends_with(lines), "{text}");
}

#[test]
fn a_task_is_followed_from_the_conclusion_until_it_is_done() {
    let hall = Hall::new();
    hall.must(&["record", "kh-1", "conclusion", "sửa đường"]);
    let give = ["task", "give", "kh-1", "--to", "UBND phường"];
    let id = hall.must(
        &[
            &give[..],
            &["--due", "2020-02-28", "--conclusion", "1", "sửa đường"],
        ]
        .concat(),
    );
    let other = hall.must(&["task", "give", "kh-2", "--to", "Ban Pháp chế", "rà soát"]);
    let ids = [&id, &other].map(|id| id.parse().unwrap());
    for (id, meeting) in ids.into_iter().zip(["kh-1", "kh-2"]) {
        let began = hall.office.meeting_of_followed(id).unwrap();
        assert_eq!(began, hall.meeting(meeting));
    }

    let overdue = hall.json(&["task", "list", "--overdue"]);
    assert_eq!(overdue.as_array().unwrap().len(), 1);
    assert_eq!(overdue[0]["id"], id);
    assert!(
        overdue[0]["overdue_days"].as_i64() > Some(2000),
        "{overdue}"
    );
    let list = hall.must(&["task", "list", "--lang", "vi"]);
    assert!(
        list.contains("đang thực hiện  UBND phường  hạn 2020-02-28  (quá hạn "),
        "{list}"
    );
    assert!(
        list.contains("đang thực hiện  Ban Pháp chế  rà soát"),
        "{list}"
    );

    let refused = |arguments: &[&str], code| hall.refused(&[&["task"], arguments].concat(), code);
    assert!(refused(&["done", &id[..5]], 1).contains("at least 6 letters"));
    assert!(refused(&["done", "aaaaaaaa"], 1).contains("[aaaaaaaa]"));
    assert_eq!(
        hall.must(&["task", "report", &id[..6].to_uppercase(), "một nửa"]),
        "reported  sửa đường"
    );
    assert_eq!(hall.must(&["task", "done", &id]), "done  sửa đường");
    let refusal = refused(&["report", &id, "nữa"], 1);
    assert!(
        refusal.contains("[it is: done; asked for: reported; it has ended]"),
        "{refusal}"
    );
    hall.must(&["task", "done", &other, "--lang", "vi", "đã rà soát"]);

    let tasks = hall.json(&["task", "list"]);
    assert_eq!(tasks[0]["state"], "done");
    assert_eq!(states(&tasks[0]["history"]), ["open", "reported", "done"]);
    assert_eq!(tasks[1]["history"]["steps"][1]["note"], "đã rà soát");
    assert_eq!(hall.json(&["task", "list", "--overdue"]), json!([]));

    assert!(
        refused(
            &["give", "kh-1", "--to", "A", "--due", "2026-02-29", "x"],
            2
        )
        .contains("2026-12-24")
    );
    assert!(
        refused(&["give", "kh-1", "--to", "A", "--conclusion", "7", "x"], 1)
            .contains("[conclusion 7]")
    );
    assert!(refused(&["give", "kh-9", "--to", "A", "x"], 1).contains("no such meeting"));
    assert!(refused(&["give", "kh-1", "--to", "A", ""], 2).contains("TEXT"));
}

#[test]
fn a_petition_is_made_known_passed_on_urged_and_answered() {
    let hall = Hall::new();
    let mut alice = enrolled(&hall.office, "Alice", Role::Delegate, 1);
    let meeting = hall.meeting("kh-1");
    // The ids of these two begin alike.
    let heard = |last: u8, item| {
        let mut id = [9; 16];
        id[15] = last;
        Act {
            id: ActId::from_bytes(id),
            text: format!("đèn đường hẻm {last}"),
            ..alice.act(9, meeting, item, ActKind::Petition)
        }
    };
    let [first, second] = [1, 2].map(|last| heard(last, None));
    let [first, second] =
        [first, second].map(|act| (hall.receive(&mut alice, &act), act.id.to_string()));
    let registered = hall.act(&mut alice, 3, None, REGISTER);
    let petition = |arguments: &[&str]| hall.must(&[&["petition"], arguments].concat());
    let refused =
        |arguments: &[&str], code| hall.refused(&[&["petition"], arguments].concat(), code);

    assert!(refused(&["receive", "kh-1", &registered], 1).contains("[voters' petition 3]"));
    assert_eq!(petition(&["receive", "kh-1", &first.0]), first.1);
    let own = ["receive", "kh-1", &second.0, "--text", "chiếu sáng hẻm"];
    assert_eq!(petition(&own), second.1);
    let added = petition(&["add", "kh-2", "mở lớp mẫu giáo"]);
    let refusal = refused(&own, 1);
    assert!(
        refusal.contains("it is: received; asked for: received; may follow: transferred"),
        "{refusal}"
    );
    let refusal = refused(&["urge", &first.1[..6]], 1);
    assert!(refusal.contains("several begin so"), "{refusal}");
    let refusal = refused(&["resolve", &first.1], 1);
    assert!(refusal.contains("may follow: transferred"), "{refusal}");

    petition(&[
        "transfer",
        &first.1,
        "--to",
        "UBND phường",
        "--due",
        "2020-01-31",
    ]);
    assert_eq!(
        petition(&["urge", &first.1, "--lang", "vi"]),
        "đã đôn đốc  đèn đường hẻm 1"
    );
    let overdue = hall.json(&["petition", "list", "--overdue"]);
    assert_eq!(
        (&overdue[0]["id"], &overdue[0]["owner"]),
        (&json!(first.1), &json!("UBND phường"))
    );
    petition(&["progress", &first.1, "đang lắp"]);
    petition(&["resolve", &first.1, "đã lắp"]);
    petition(&["report", &first.1]);
    petition(&["transfer", &second.1, "--to", "Sở Xây dựng"]);
    petition(&["not-competent", &second.1]);
    petition(&["transfer", &second.1, "--to", "UBND phường"]);
    petition(&["explain", &second.1, "chưa có vốn"]);
    petition(&[
        "transfer",
        &added[..6],
        "--to",
        "Phòng Giáo dục",
        "--due",
        "2099-01-31",
    ]);

    let list = hall.json(&["petition", "list"]);
    let steps = |n: usize| states(&list[n]["history"])[2..].join(" ");
    assert_eq!(steps(0), "transferred urged in_progress resolved reported");
    assert_eq!(steps(1), "transferred not_competent transferred explained");
    assert_eq!(steps(2), "transferred");
    assert_eq!(list[1]["text"], "chiếu sáng hẻm");
    assert_eq!(list[1]["history"]["steps"][5]["note"], "chưa có vốn");
    assert_eq!(list[2]["due"], "2099-01-31");
    assert_eq!(hall.json(&["petition", "list", "--overdue"]), json!([]));
    let began = hall
        .office
        .meeting_of_followed(added.parse().unwrap())
        .unwrap();
    assert_eq!(began, hall.meeting("kh-2"));
    assert!(
        refused(&["transfer", &added, "--to", "A", "--due", "31/1/2027"], 2).contains("2026-12-24")
    );
}

#[test]
fn a_petition_on_an_item_of_a_circle_is_not_made_known() {
    let hall = Hall::new();
    let mut alice = enrolled(&hall.office, "Alice", Role::Delegate, 1);
    let circle = hall
        .office
        .audience(nghisu_server::office::Asked::Circle("thường trực"));
    let person: PersonId = alice.person;
    hall.office
        .grant(person, circle.unwrap(), device::NOW)
        .unwrap();
    let number = hall.act(&mut alice, 1, Some("i2"), ActKind::Petition);

    let refusal = hall.refused(&["petition", "receive", "kh-1", &number], 1);

    assert!(
        refusal.contains("no such item in the programme. [i2]"),
        "{refusal}"
    );
}

#[test]
fn minutes_are_written_from_a_file_laid_before_the_chair_and_approved() {
    let hall = Hall::new();
    let file = hall.folder.path().join("bien-ban.txt");
    let write = |text: &str| std::fs::write(&file, text).unwrap();
    write("Khai mạc lúc 8 giờ.\n\nBế mạc.\n");
    let written = ["minutes", "write", "kh-1", "bien-ban.txt"];
    assert!(hall.must(&written).starts_with("being written  "));
    assert_eq!(
        hall.must(&["minutes", "show", "kh-1"]),
        "Khai mạc lúc 8 giờ.\n\nBế mạc."
    );
    let shown = hall.json(&["minutes", "show", "kh-1"]);
    let seen = shown["sha256"].as_str().unwrap();
    // Somebody else types meanwhile: what was written from the text before does not undo it.
    write("Khai mạc lúc 8 giờ 30.\n\nBế mạc.\n");
    hall.must(&written);
    write("Khai mạc lúc 8 giờ.\n\nBế mạc lúc 17 giờ.\n");
    let refused = hall.refused(&[&written[..], &["--seen", seen]].concat(), 1);
    assert!(refused.contains("does not follow"), "{refused}");
    let refused = hall.refused(&["minutes", "write", "kh-1", "khong-co.txt"], 1);
    assert!(refused.contains("khong-co.txt"), "{refused}");
    let refused = hall.refused(&["minutes", "approve", "kh-1"], 1);
    assert!(refused.contains("does not follow"), "{refused}");
    let laid = hall.must(&["minutes", "lay", "kh-1", "--lang", "vi"]);
    assert!(laid.starts_with("đã trình chủ tọa  "), "{laid}");
    assert_eq!(hall.json(&["minutes", "show", "kh-1"])["state"], "laid");
    let approved = hall.must(&["minutes", "approve", "kh-1"]);
    assert!(approved.starts_with("approved  "), "{approved}");
    for again in [
        &written[..],
        &["minutes", "lay", "kh-1"],
        &["minutes", "approve", "kh-1"],
    ] {
        let refused = hall.refused(again, 1);
        assert!(refused.contains("does not follow"), "{refused}");
    }
    let shown = hall.json(&["minutes", "show", "kh-1"]);
    assert_eq!(shown["text"], "Khai mạc lúc 8 giờ 30.\n\nBế mạc.\n");
    assert_eq!(shown["approved"]["by"], Value::Null);
    assert_eq!(hall.json(&["minutes", "show", "kh-2"])["text"], "");
}

#[test]
fn what_is_due_by_the_bodys_rules_is_listed_with_tasks_and_petitions_as_it_stands_on_a_day() {
    let hall = Hall::new();
    let programme =
        format!("id = 'kh-9'\nwhen = {{ year = 2099, month = 12, day = 7 }}\n{PROGRAMME}");
    std::fs::write(hall.folder.path().join("kh-9.toml"), programme).unwrap();
    hall.must(&["import", "kh-9.toml"]);
    hall.must(&["publish", "--meeting", "kh-9"]);
    let mut alice = enrolled(&hall.office, "Alice", Role::Delegate, 1);
    let asked = hall.act(&mut alice, 3, Some("i1"), ActKind::QuestionSlip);
    let give = [
        "task",
        "give",
        "kh-9",
        "--to",
        "UBND phường",
        "--due",
        "2099-12-05",
    ];
    hall.must(&[&give[..], &["sửa đường"]].concat());

    // Five whole days before Monday 7 December: by the first. The question was put on 15 January 2027.
    let answer = format!("2027-02-04  answer to question {asked}: Kỳ họp");
    assert_eq!(
        hall.must(&["due", "--on", "2027-01-20"]),
        format!(
            "{answer}\n2099-12-01  papers to the delegates: Kỳ họp\n2099-12-05  task: sửa đường  (UBND phường)"
        )
    );
    assert_eq!(hall.must(&["due", "--overdue", "--on", "2027-02-04"]), "");
    let late = hall.must(&["due", "--overdue", "--on", "2099-12-06", "--lang", "vi"]);
    let late: Vec<&str> = late.lines().collect();
    assert!(late[0].starts_with("2027-02-04  quá hạn "), "{late:?}");
    assert!(late[0].ends_with(&format!(" ngày  trả lời phiếu chất vấn số {asked}: Kỳ họp")));
    assert_eq!(
        late[1..],
        [
            "2099-12-01  quá hạn 5 ngày  gửi tài liệu tới đại biểu: Kỳ họp",
            "2099-12-05  quá hạn 1 ngày  nhiệm vụ: sửa đường  (UBND phường)",
        ]
    );
    let json = hall.json(&["due", "--overdue", "--on", "2099-12-06"]);
    assert_eq!(json[1]["what"]["duty"], "papers");
    assert_eq!(json[1]["days"], 5);

    hall.must(&[
        "record",
        "kh-1",
        "question",
        &asked,
        "answer-in-writing",
        "--by",
        "Sở Tài chính",
        "đã trả lời",
    ]);
    let open = hall.must(&["due", "--on", "2099-12-01"]);
    assert!(open.starts_with("2099-12-01  papers"), "{open}");
}
