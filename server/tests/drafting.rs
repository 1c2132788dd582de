//! Drafts written step by step at the office: through its API, and by its commands in processes of their own.
#![expect(clippy::unwrap_used, reason = "the helpers of the tests are tests too")]

#[path = "support/console.rs"]
mod console;
#[path = "support/device.rs"]
mod device;

use device::{Device, NOW, enrolled};
use nghisu_core::{
    Code,
    document::Document,
    ids::{Feed, Hash, Kind, MeetingId},
    meeting::{
        Item, ItemId, Programme,
        drafting::{DraftStep, ItemStep, MeetingStep, NewItem, PaperStep},
        publication::programme_feed,
    },
    sync::envelope::Envelope,
    trust::decide::Role,
};
use nghisu_server::{
    Office, RootKey,
    office::{Asked, Drafted, ImportedDraft},
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

const PROGRAMME: &str = r#"
id = "kh-1"
kind = "regular_session"
title = "Kỳ họp thứ Nhất"

[[paper]]
id = "p1"
title = "Danh sách dự kiến"

[[item]]
id = "i1"
number = "1"
title = "Khai mạc"

[[item]]
id = "i2"
number = "2"
title = "Công tác nhân sự"
papers = ["p1"]

[[item]]
id = "i3"
number = "3"
title = "Bế mạc"
"#;
const CIRCLE: &str = "thường trực";

/// An office that has published `kh-1`, with a circle.
struct Hall {
    folder: TempDir,
    office: Office,
}

fn step(item: &str, step: ItemStep) -> DraftStep {
    let item = item.parse().unwrap();
    DraftStep::Item { item, step }
}

fn new(title: &str) -> NewItem {
    NewItem {
        title: title.to_owned(),
        ..NewItem::default()
    }
}

fn close(item: &str) -> DraftStep {
    let circle = CIRCLE.to_owned();
    step(item, ItemStep::Close { circle })
}

fn ids(programme: &Programme) -> Vec<&str> {
    let items = programme.items_in_order().into_iter();
    items.map(|(id, _)| id.as_str()).collect()
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|part| part == text.as_bytes())
}

impl Hall {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let root = RootKey::draw().unwrap();
        let office = Office::open_or_create(&folder.path().join("office"), &root).unwrap();
        office.add_circle(CIRCLE).unwrap();
        let file = folder.path().join("kh.toml");
        std::fs::write(&file, PROGRAMME).unwrap();
        office.import_files(&[file], NOW, |_| {}).unwrap();
        office.publish(None, "", NOW).unwrap();
        Self { folder, office }
    }

    fn meeting(&self) -> MeetingId {
        self.office.draft("kh-1").unwrap().status.meeting
    }

    fn step(&self, step: &DraftStep) -> Drafted {
        self.office.draft_step("kh-1", step, NOW).unwrap()
    }

    fn draft(&self) -> Programme {
        self.office.draft("kh-1").unwrap().programme
    }

    fn seq(&self) -> u64 {
        self.office.seq().unwrap()
    }

    /// Runs a command that must do what it was asked, and returns what it printed.
    fn must(&self, arguments: &[&str]) -> String {
        console::must(self.folder.path(), arguments)
            .trim_end()
            .into()
    }

    /// Runs a command that must be refused with nothing written, and returns why.
    fn refused(&self, arguments: &[&str], code: i32) -> String {
        console::refused(self.folder.path(), &self.office, arguments, code)
    }
}

/// What a device was served, as bytes and as the programmes that follow from them.
struct Served {
    bytes: Vec<u8>,
    open: Option<Programme>,
    of_circle: Option<Programme>,
}

/// Lets a device read everything from the beginning.
fn served(hall: &Hall, device: &mut Device) -> Served {
    device.cursor = None;
    let entries = device.read_all(&hall.office);
    let read = |is_wanted: &dyn Fn(Feed) -> bool| {
        let mut document = Document::new([9; 16]);
        let mut any = false;
        for entry in &entries {
            let envelope = Envelope::decode(&entry.envelope).unwrap();
            let header = envelope.header();
            if is_wanted(header.feed) && header.kind == Kind::Changes {
                document.apply(envelope.payload()).unwrap();
                any = true;
            }
        }
        any.then(|| Programme::from_json(&document.to_json().unwrap()).unwrap())
    };
    let meeting = hall.meeting();
    let open = programme_feed(meeting, None);
    Served {
        open: read(&|feed| feed == open),
        of_circle: read(&|feed| matches!(feed, Feed::CircleProgramme(of, _) if of == meeting)),
        bytes: entries
            .into_iter()
            .flat_map(|entry| entry.envelope)
            .collect(),
    }
}

#[test]
fn steps_change_the_draft_alone_until_it_is_published() {
    let hall = Hall::new();
    let mut alice = enrolled(&hall.office, "Alice", Role::Delegate, 1);
    let before = hall.seq();

    let added = ItemStep::Add {
        after: Some("i1".parse().unwrap()),
        new: new("Thảo luận về ngân sách"),
    };
    assert!(hall.step(&step("x", added)).draft.changed);
    let title = "Kỳ họp thứ Nhất, khóa X".to_owned();
    let retitle = MeetingStep::Retitle {
        title: title.clone(),
    };
    hall.step(&DraftStep::Meeting { step: retitle });
    hall.step(&step(
        "i3",
        ItemStep::Renumber {
            number: Some("4".into()),
        },
    ));
    let moved = hall.step(&step("i3", ItemStep::Move { after: None }));
    assert_eq!(ids(&moved.before), ["i1", "x", "i2", "i3"]);
    assert_eq!(ids(&moved.after), ["i3", "i1", "x", "i2"]);
    assert_eq!(hall.seq(), before + 4);
    let again = hall.step(&step("i3", ItemStep::Move { after: None }));
    assert!(!again.draft.changed);
    assert_eq!(hall.seq(), before + 4);

    // Nobody but secretaries hears of it before it is published.
    let draft = hall.office.draft("kh-1").unwrap();
    assert!(draft.status.differs);
    assert_eq!(ids(draft.published.as_ref().unwrap()), ["i1", "i2", "i3"]);
    let read = served(&hall, &mut alice);
    assert_eq!(ids(&read.open.unwrap()), ["i1", "i2", "i3"]);
    assert!(!contains(&read.bytes, "ngân sách"));

    hall.office.publish(Some("kh-1"), "", NOW).unwrap();
    let draft = hall.office.draft("kh-1").unwrap();
    assert!(!draft.status.differs);
    assert_eq!(draft.published.as_ref(), Some(&draft.programme));
    let open = served(&hall, &mut alice).open.unwrap();
    assert_eq!(open, draft.programme);
    assert_eq!(open.meeting.title, title);
}

#[test]
fn an_item_that_is_closed_is_in_nothing_that_others_are_served_from_then_on() {
    let hall = Hall::new();
    let mut alice = enrolled(&hall.office, "Alice", Role::Delegate, 1);
    let mut bob = enrolled(&hall.office, "Bob", Role::Delegate, 2);
    let circle = hall.office.audience(Asked::Circle(CIRCLE)).unwrap();
    hall.office.grant(bob.person, circle, NOW).unwrap();
    // What is written while it is closed was never open.
    hall.step(&close("i2"));
    let title = "Miễn nhiệm ông Trỏ".to_owned();
    hall.step(&step(
        "i2",
        ItemStep::Retitle {
            title: title.clone(),
        },
    ));
    let secret = ItemStep::Add {
        after: None,
        new: NewItem {
            circle: Some(CIRCLE.into()),
            ..new("Kỷ luật cán bộ")
        },
    };
    hall.step(&step("x", secret));
    let paper = PaperStep::Add {
        item: Some("x".parse().unwrap()),
        title: "Báo cáo kiểm tra".into(),
        number: None,
    };
    let paper = DraftStep::Paper {
        paper: "p2".parse().unwrap(),
        step: paper,
    };
    hall.step(&paper);

    let published = hall.office.publish(Some("kh-1"), "", NOW).unwrap();

    assert_eq!(published[0].closed, ["Công tác nhân sự"]);
    let of_alice = served(&hall, &mut alice);
    let open = of_alice.open.unwrap();
    assert_eq!(ids(&open), ["i1", "i3"]);
    assert!(open.papers.is_empty(), "{:?}", open.papers);
    assert_eq!(of_alice.of_circle, None);
    for words in ["ông Trỏ", "Kỷ luật", "kiểm tra"] {
        assert!(!contains(&of_alice.bytes, words), "{words}");
    }
    let of_bob = served(&hall, &mut bob).of_circle.unwrap();
    assert_eq!(ids(&of_bob), ["x", "i2"]);
    assert_eq!(of_bob.items["i2"].title, title);
    assert_eq!(of_bob.papers.len(), 2);

    // Once it is removed, its papers are nobody's rather than everybody's.
    hall.step(&step("x", ItemStep::Remove));
    hall.step(&step("i2", ItemStep::Remove));
    hall.office.publish(Some("kh-1"), "", NOW).unwrap();
    let open = served(&hall, &mut alice).open.unwrap();
    assert!(open.papers.is_empty(), "{:?}", open.papers);
    assert!(hall.draft().papers.is_empty());
}

#[test]
fn a_draft_begins_at_the_console_and_what_cannot_be_published_is_not_written() {
    let hall = Hall::new();
    let mut meeting = Programme::default();
    meeting.meeting.id = "kh-2".into();
    let retitle = MeetingStep::Retitle {
        title: "Kỳ họp thứ Hai".into(),
    };
    let steps = [DraftStep::Meeting { step: retitle }];
    let begin = |programme: &Programme| -> Result<ImportedDraft, Code> {
        let begun = hall.office.begin_draft(programme.clone(), &steps, NOW);
        begun.map_err(|error| error.code())
    };

    assert_eq!(begin(&meeting).unwrap().title, "Kỳ họp thứ Hai");
    let before = hall.seq();
    assert_eq!(begin(&meeting), Err(Code::DraftStepInvalid));
    meeting.meeting.id = "a\nb".into();
    assert_eq!(begin(&meeting), Err(Code::DraftStepInvalid));
    meeting.meeting.id = "kh-3".into();
    for n in 0..80 {
        let id: ItemId = format!("i{n}").parse().unwrap();
        let title = format!("{n} {}", "x".repeat(9_000));
        let order_key = format!("{n:02}V");
        let item = Item {
            title,
            order_key,
            ..Item::default()
        };
        meeting.items.insert(id, item);
    }
    let mut larger = meeting.clone();
    for (id, item) in &meeting.items {
        larger
            .items
            .insert(format!("{id}-2").parse().unwrap(), item.clone());
    }
    assert_eq!(begin(&larger), Err(Code::TooLarge));
    let unknown = hall.office.draft("kh-3").unwrap_err();
    assert_eq!(unknown.code(), Code::MeetingUnknown);
    assert_eq!(hall.seq(), before);

    // Each step can be written, and in the end all of it not be published at once.
    begin(&meeting).unwrap();
    let title = "x".repeat(4_000);
    let mut added = 0;
    let refusal = loop {
        let new = new(&title);
        let item = step(&format!("n{added}"), ItemStep::Add { after: None, new });
        match hall.office.draft_step("kh-3", &item, NOW) {
            Ok(_) => added += 1,
            Err(error) => break error,
        }
        assert!(added < 100, "nothing was refused");
    };
    assert_eq!(refusal.code(), Code::TooLarge, "{refusal}");
    let draft = hall.office.draft("kh-3").unwrap();
    assert_eq!(draft.programme.items.len(), 80 + added);
    hall.office.publish(Some("kh-3"), "", NOW).unwrap();
}

#[test]
fn items_are_written_and_listed_by_commands_and_one_that_is_closed_is_absent_from_what_others_receive()
 {
    let hall = Hall::new();
    let mut alice = enrolled(&hall.office, "Alice", Role::Delegate, 1);
    let item = |arguments: &[&str]| hall.must(&[&["item"], arguments].concat());
    assert_eq!(
        item(&["list", "kh-1"]),
        "kh-1  Kỳ họp thứ Nhất  [published 1]\n  i1  1  Khai mạc\n\
         \x20 i2  2  Công tác nhân sự  (papers: p1)\n  i3  3  Bế mạc"
    );

    let added = item(&[
        "add",
        "kh-1",
        "Chất vấn",
        "--after",
        "1",
        "--number",
        "1a",
        "--type",
        "question_time",
        "--when",
        "08:00",
        "--minutes",
        "90",
    ]);
    let secret = item(&["add", "kh-1", "Việc kín", "--circle", CIRCLE]);
    assert_eq!(
        item(&["move", "kh-1", "i3", "--first"]),
        "changed  i3  3  Bế mạc"
    );
    assert_eq!(
        item(&["move", "kh-1", "i3", "--last"]),
        "changed  i3  3  Bế mạc"
    );
    assert_eq!(
        item(&["move", "kh-1", "3", "--last"]),
        "unchanged  i3  3  Bế mạc"
    );
    item(&["move", "kh-1", "i3", "--after", "i1"]);
    assert_eq!(
        item(&["retitle", "kh-1", "i1", "Khai mạc kỳ họp"]),
        "changed  i1  1  Khai mạc kỳ họp"
    );
    item(&["retitle", "kh-1", "1", "Khai mạc"]);
    assert_eq!(
        item(&["renumber", "kh-1", "i3", "-"]),
        "changed  i3  Bế mạc"
    );
    item(&["retime", "kh-1", &added, "--minutes", "-", "--end", "09:30"]);
    item(&["retype", "kh-1", "i1", "ceremony"]);
    assert_eq!(
        item(&["close", "kh-1", "i2", "--circle", CIRCLE]),
        "changed  i2  2  Công tác nhân sự"
    );
    assert_eq!(
        item(&["list", "kh-1"]),
        format!(
            "kh-1  Kỳ họp thứ Nhất  [published 1, draft differs]\n* i1  1  Khai mạc  [changed]\n\
             * i3  Bế mạc  [moved, renumbered]\n* {added}  1a  Chất vấn  (8:00, until 9:30)  [new]\n\
             * i2  2  Công tác nhân sự  (circle: {CIRCLE}; papers: p1)  [closed]\n\
             * {secret}  Việc kín  (circle: {CIRCLE})  [new]"
        )
    );
    let listed: Value = serde_json::from_str(&item(&["list", "kh-1", "--json"])).unwrap();
    assert_eq!(listed["meeting"]["differs"], true);
    assert_eq!(listed["items"][2]["type"], "question_time");
    assert_eq!(listed["items"][3]["differs"], json!(["closed"]));
    assert_eq!(listed["removed"], json!([]));

    hall.must(&["publish", "--meeting", "kh-1"]);
    let read = served(&hall, &mut alice);
    assert_eq!(ids(&read.open.unwrap()), ["i1", "i3", &added]);
    assert!(!contains(&read.bytes, "Việc kín"));

    item(&["open", "kh-1", "i2"]);
    assert_eq!(
        item(&["remove", "kh-1", "1a"]),
        format!("removed  {added}  1a  Chất vấn")
    );
    let vietnamese = item(&["list", "kh-1", "--lang", "vi"]);
    for line in [
        "kh-1  Kỳ họp thứ Nhất  [công bố 2, có thay đổi]".to_owned(),
        "* i2  2  Công tác nhân sự  (tài liệu: p1)  [nay mở]".to_owned(),
        format!("- {added}  1a  Chất vấn  [đã bỏ]"),
    ] {
        assert!(vietnamese.lines().any(|it| it == line), "{vietnamese}");
    }
    hall.must(&["publish", "--meeting", "kh-1"]);
    let open = served(&hall, &mut alice).open.unwrap();
    assert_eq!(ids(&open), ["i1", "i3", "i2"]);
}

#[test]
fn meetings_and_agendas_begin_by_commands_as_drafts() {
    let hall = Hall::new();
    let add = [
        "meeting",
        "add",
        "kh-2",
        "--kind",
        "thematic_session",
        "--title",
        "Kỳ họp chuyên đề",
        "--when",
        "2026-12-07 sáng",
        "--place",
        "Hội trường A",
    ];
    assert_eq!(hall.must(&add), "draft  kh-2  Kỳ họp chuyên đề");
    hall.must(&["item", "add", "kh-2", "Khai mạc"]);
    hall.must(&["item", "add", "kh-2", "Bế mạc"]);
    hall.must(&["item", "add", "kh-2", "Mặc niệm", "--first"]);
    let edit = [
        "meeting",
        "edit",
        "kh-2",
        "--end",
        "2026-12-08",
        "--place",
        "-",
        "--state",
        "convened",
    ];
    assert_eq!(hall.must(&edit), "changed  kh-2  Kỳ họp chuyên đề");
    assert_eq!(hall.must(&edit), "unchanged  kh-2  Kỳ họp chuyên đề");
    let programme = hall.office.draft("kh-2").unwrap().programme;
    let titles: Vec<&str> = programme
        .items_in_order()
        .iter()
        .map(|(_, it)| it.title.as_str())
        .collect();
    assert_eq!(titles, ["Mặc niệm", "Khai mạc", "Bế mạc"]);
    assert_eq!(
        programme.meeting.when.unwrap().to_string(),
        "sáng 7/12/2026"
    );
    assert_eq!(programme.meeting.end.unwrap().to_string(), "8/12/2026");
    assert_eq!(
        (programme.meeting.place, programme.meeting.state.word()),
        (None, "convened")
    );

    let task = [
        "task",
        "give",
        "kh-1",
        "--to",
        "UBND phường",
        "--due",
        "2026-12-20",
        "sửa đường",
    ];
    hall.must(&task);
    let agenda = ["agenda", "2027-01-12"];
    let begun = hall.must(&agenda);
    let id = "standing-meeting-2027-01";
    assert_eq!(
        begun,
        format!("draft  {id}  Phiên họp tháng 01/2027 của Thường trực HĐND")
    );
    let listed = hall.must(&["item", "list", id]);
    assert!(
        listed.contains("1.1  sửa đường (quá hạn 23 ngày)"),
        "{listed}"
    );
    hall.must(&["item", "retitle", id, "1.1", "Sửa đường"]);
    // What a secretary has made of it is not written over.
    let refusal = hall.refused(&agenda, 1);
    assert!(
        refusal.contains(&format!("[meeting {id} is there already]")),
        "{refusal}"
    );
    hall.must(&["publish"]);
}

#[test]
fn what_cannot_be_is_refused_in_words_and_nothing_is_written() {
    let hall = Hall::new();
    hall.must(&["item", "renumber", "kh-1", "i2", "1"]);
    for (arguments, words) in [
        (
            &["item", "move", "kh-1", "i9", "--first"][..],
            "There is no such item in the programme. [i9]",
        ),
        (
            &["item", "move", "kh-1", "i1", "--after", "i1"],
            "[item i1 behind itself]",
        ),
        (&["item", "retitle", "kh-1", "i1", " "], "[title is empty]"),
        (
            &["item", "retitle", "kh-1", "1", "X"],
            "[1: several have this number, name one by its id: i1, i2]",
        ),
        (
            &["item", "retitle", "kh-9", "i1", "X"],
            "There is no such meeting. [kh-9]",
        ),
        (
            &["item", "close", "kh-1", "i1", "--circle", "thường trục"],
            "There is no such circle",
        ),
        (
            &["item", "add", "kh-1", "X", "--circle", "thường trục"],
            "There is no such circle",
        ),
        (
            &["item", "retime", "kh-1", "i1", "--minutes", "0"],
            "[minutes 0; expected 1 to 10000]",
        ),
        (
            &["item", "retitle", "kh-1", "i1", "", "--lang", "vi"],
            "Không sửa dự thảo như vậy được.",
        ),
        (
            &[
                "meeting", "add", "kh-1", "--kind", "briefing", "--title", "X",
            ],
            "[meeting kh-1 is there already]",
        ),
        (
            &[
                "meeting", "add", "kh-2", "--kind", "briefing", "--title", "",
            ],
            "[title is empty]",
        ),
    ] {
        let refusal = hall.refused(arguments, 1);
        assert!(refusal.contains(words), "{arguments:?}: {refusal}");
    }
    for (arguments, words) in [
        (&["item", "move", "kh-1", "i1"][..], "--after"),
        (
            &["item", "move", "kh-1", "i1", "--first", "--last"],
            "cannot be used with",
        ),
        (
            &["item", "add", "kh-1", "X", "--type", "hearing"],
            "expected speech, report",
        ),
        (
            &["item", "retime", "kh-1", "i1", "--when", "8:00"],
            "expected \"HH:MM\"",
        ),
        (&["item", "retime", "kh-1", "i1"], "--when"),
        (&["meeting", "edit", "kh-1"], "--title"),
        (
            &["meeting", "edit", "kh-1", "--state", "over"],
            "expected foreseen, planned",
        ),
        (
            &["meeting", "add", "kh-2", "--kind", "feast", "--title", "X"],
            "expected regular_session",
        ),
        (&["agenda", "2027-01"], "2027-01"),
    ] {
        let refusal = hall.refused(arguments, 2);
        assert!(refusal.contains(words), "{arguments:?}: {refusal}");
    }
}

#[test]
fn papers_are_written_with_their_files_by_commands_and_a_new_version_takes_the_place_of_the_old() {
    let hall = Hall::new();
    let write = |name: &str, bytes: &[u8]| {
        std::fs::write(hall.folder.path().join(name), bytes).unwrap();
        Hash::from_bytes(Sha256::digest(bytes).into())
    };
    let paper = |arguments: &[&str]| hall.must(&[&["paper"], arguments].concat());
    let first = write("83.pdf", b"%PDF the first");
    let text = write("83.txt", "Tờ trình".as_bytes());
    let added = paper(&[
        "add",
        "kh-1",
        "Tờ trình",
        "--item",
        "1",
        "--number",
        "83/TTr",
        "--file",
        "83.pdf",
        "--text",
        "83.txt",
    ]);
    assert_eq!(
        paper(&["list", "kh-1"])
            .lines()
            .find(|line| line.starts_with(&added))
            .unwrap(),
        format!("{added}  83/TTr  Tờ trình  (item i1; 83.pdf)")
    );
    let mut alice = enrolled(&hall.office, "Alice", Role::Delegate, 1);
    hall.must(&["publish"]);
    let files = |alice: &mut Device| {
        let open = served(&hall, alice).open.unwrap();
        let found = open.papers.into_iter().find(|(id, _)| id.as_str() == added);
        let found = found.map(|(_, paper)| [paper.file, paper.text_file]);
        found.map(|files| files.map(|file| file.map(|file| file.hash)))
    };
    assert_eq!(files(&mut alice), Some([Some(first), Some(text)]));
    let serve = |alice: &Device, hash| hall.office.paper(&alice.read_token, hash, NOW);
    assert_eq!(
        std::fs::read(serve(&alice, first).unwrap().path).unwrap(),
        b"%PDF the first"
    );

    // Another version of the file alone; nothing is served before it is published.
    let second = write("83-2.pdf", b"%PDF the second");
    assert_eq!(
        paper(&["replace", "kh-1", "83/TTr", "--file", "83-2.pdf"]),
        format!("changed  {added}  83/TTr  Tờ trình")
    );
    serve(&alice, second).unwrap_err();
    hall.must(&["publish"]);
    assert_eq!(files(&mut alice), Some([Some(second), Some(text)]));
    serve(&alice, second).unwrap();
    assert_eq!(
        paper(&[
            "replace", "kh-1", &added, "--file", "83-2.pdf", "--lang", "vi"
        ]),
        format!("không đổi  {added}  83/TTr  Tờ trình")
    );

    paper(&["retitle", "kh-1", &added, "Tờ trình (sửa)"]);
    paper(&["move", "kh-1", &added, "--whole"]);
    let listed: Value = serde_json::from_str(&paper(&["list", "kh-1", "--json"])).unwrap();
    let listed = listed
        .as_array()
        .unwrap()
        .iter()
        .find(|it| it["id"] == *added)
        .unwrap();
    assert_eq!(listed["items"], json!([]));
    assert_eq!(listed["file"]["name"], "83-2.pdf");
    assert_eq!(
        paper(&["remove", "kh-1", "83/TTr"]),
        format!("removed  {added}  83/TTr  Tờ trình (sửa)")
    );
    hall.must(&["publish"]);
    assert_eq!(files(&mut alice), None);
}

#[test]
fn a_paper_that_cannot_be_is_refused_in_words_and_nothing_is_written() {
    let hall = Hall::new();
    for (name, bytes) in [
        ("secret.txt", "MẬT\n".as_bytes()),
        ("bytes.txt", &[0xff, 0xfe]),
    ] {
        std::fs::write(hall.folder.path().join(name), bytes).unwrap();
    }
    for (arguments, words) in [
        (
            &["add", "kh-1", "X", "--file", "absent.pdf"][..],
            "The paper's file is not here. ",
        ),
        (
            &["add", "kh-1", "X", "--text", "secret.txt"],
            "marked as a state secret",
        ),
        (
            &["add", "kh-1", "X", "--text", "bytes.txt"],
            "bytes.txt is no text; expected UTF-8",
        ),
        (
            &["add", "kh-1", "X", "--item", "9"],
            "There is no such item in the programme. [9]",
        ),
        (&["add", "kh-1", " "], "[title is empty]"),
        (&["add", "kh-9", "X"], "There is no such meeting. [kh-9]"),
        (&["retitle", "kh-1", "p9", "X"], "[p9: no such paper]"),
        (
            &["remove", "kh-1", "p9", "--lang", "vi"],
            "[p9: không có tài liệu này]",
        ),
    ] {
        let refusal = hall.refused(&[&["paper"], arguments].concat(), 1);
        assert!(refusal.contains(words), "{arguments:?}: {refusal}");
    }
    for arguments in [&["replace", "kh-1", "p1"][..], &["move", "kh-1", "p1"]] {
        hall.refused(&[&["paper"], arguments].concat(), 2);
    }
}
