//! Our own programme file: TOML, one file a meeting, written by hand or by a program.
//!
//! What is unknown is left out; a key that nobody knows is an error, since it is mostly a key that
//! somebody mistyped. Every error says file and line, what was found and what was expected.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use ::toml::de::DeTable;
use nghisu_core::{
    Code, Error, Result,
    meeting::{
        Item, ItemId, ItemType, Kind, Meeting, Ordinal, Outcome, OutcomeId, Paper, PaperId,
        PaperState, Place, Programme, Recurrence, State, Task, Term, order,
    },
};

use self::fields::{COUNT_MAX, Seen, Source, Table};
use super::{FileRole, Imported, secrecy};

mod fields;

const MEETING_KEYS: &[&str] = &[
    "id",
    "kind",
    "title",
    "ordinal",
    "term",
    "state",
    "when",
    "end",
    "place",
    "host",
    "theme",
    "chairs",
    "participants",
    "legal_basis",
    "recurrence",
    "follows",
    "paper",
    "item",
    "outcome",
];
const PAPER_KEYS: &[&str] = &[
    "id",
    "number",
    "type",
    "issuer",
    "date",
    "title",
    "state",
    "file",
    "text",
    "supersedes",
    "secrecy",
];
const ITEM_KEYS: &[&str] = &[
    "id",
    "number",
    "title",
    "type",
    "presenters",
    "minutes",
    "when",
    "end",
    "papers",
    "public",
    "circle",
    "result",
    "resolution",
];
const OUTCOME_KEYS: &[&str] = &["id", "item", "kind", "text", "tasks"];
const TASK_KEYS: &[&str] = &["owner", "text", "due"];
/// Reads a programme; `name` is the file's name, and `folder` where it lies, with the papers.
pub fn parse(name: &str, text: &str, folder: &Path) -> Result<Imported> {
    let source = Source { name, text };
    let root = DeTable::parse(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        let why = error.message().replace('\n', "; ");
        source.error(offset, why)
    })?;
    let root = Table::new(
        &source,
        "the programme",
        root.span(),
        root.get_ref(),
        MEETING_KEYS,
    )?;

    let mut files = Vec::new();
    let papers = papers(&root, folder, &mut files)?;
    let items = items(&root, &papers)?;
    let outcomes = outcomes(&root, &items)?;
    let meeting = meeting(&root)?;
    let external_id = meeting.id.clone();
    let programme = Programme {
        meeting,
        items,
        papers,
        outcomes,
        ..Programme::default()
    };
    Ok(Imported {
        external_id,
        programme,
        folder: folder.to_owned(),
        files,
    })
}

fn meeting(root: &Table<'_>) -> Result<Meeting> {
    let id: ItemId = root.id("id")?;
    Ok(Meeting {
        id: id.into(),
        kind: Some(root.required("kind", root.word("kind", Kind::parse, Kind::WORDS)?)?),
        title: root.title()?,
        ordinal: match root.table("ordinal", &["number", "text"])? {
            None => None,
            Some(table) => {
                let (number, text) = (table.number("number", 1..=COUNT_MAX)?, table.text("text")?);
                Some(Ordinal {
                    number,
                    text,
                    ..Ordinal::default()
                })
            }
        },
        term: match root.table("term", &["start", "end"])? {
            None => None,
            Some(table) => {
                let (start, end) = (
                    table.number("start", 1..=9999)?,
                    table.number("end", 1..=9999)?,
                );
                Some(Term {
                    start,
                    end,
                    ..Term::default()
                })
            }
        },
        state: root
            .word("state", State::parse, State::WORDS)?
            .unwrap_or_default(),
        when: root.date("when")?,
        end: root.date("end")?,
        place: match root.table("place", &["name"])? {
            None => None,
            Some(table) => Some(Place {
                name: table.text("name")?,
                ..Place::default()
            }),
        },
        host: root.text("host")?,
        theme: root.text("theme")?,
        chairs: root.participants("chairs")?,
        participants: root.participants("participants")?,
        legal_basis: root
            .texts("legal_basis")?
            .into_iter()
            .map(|(text, _)| text)
            .collect(),
        recurrence: match root.table("recurrence", &["every_months", "host"])? {
            None => None,
            Some(table) => {
                let (every_months, host) =
                    (table.number("every_months", 1..=1200)?, table.text("host")?);
                Some(Recurrence {
                    every_months,
                    host,
                    ..Recurrence::default()
                })
            }
        },
        follows: root.text("follows")?,
        ..Meeting::default()
    })
}

fn papers(
    root: &Table<'_>,
    folder: &Path,
    files: &mut Vec<(PaperId, FileRole, PathBuf)>,
) -> Result<BTreeMap<PaperId, Paper>> {
    let mut papers = BTreeMap::new();
    let mut seen = Seen::default();
    let tables = root.tables("paper", "[[paper]]", PAPER_KEYS)?;
    for table in &tables {
        let id: PaperId = seen.id(table)?;
        let paper = Paper {
            number: table.text("number")?,
            paper_type: table.text("type")?,
            issuer: table.text("issuer")?,
            date: table.date("date")?,
            title: table.title()?,
            state: table.word("state", PaperState::parse, PaperState::WORDS)?,
            supersedes: table.optional_id("supersedes")?,
            secrecy: degree_of_secrecy(table, &id)?,
            ..Paper::default()
        };
        for (key, role) in [("file", FileRole::File), ("text", FileRole::Text)] {
            if let Some(path) = table.path(key)? {
                files.push((id.clone(), role, folder.join(path)));
            }
        }
        papers.insert(id, paper);
    }
    for table in &tables {
        if let Some(other) = table.optional_id::<PaperId>("supersedes")?
            && (!papers.contains_key(&other)
                || table.text("id")?.as_deref() == Some(other.as_str()))
        {
            return Err(table.error_at(
                "supersedes",
                format!(
                    "supersedes {other:?}; expected the id of another paper here",
                    other = other.as_str()
                ),
            ));
        }
    }
    Ok(papers)
}

fn degree_of_secrecy(table: &Table<'_>, id: &PaperId) -> Result<Option<String>> {
    let Some(degree) = table.text("secrecy")? else {
        return Ok(None);
    };
    if secrecy::is_secret(&degree) {
        let (name, line) = (table.source.name, table.line("secrecy"));
        return Err(Error::new(
            Code::StateSecret,
            format!("{name}:{line}: paper \"{id}\""),
        ));
    }
    if !secrecy::is_open(&degree) {
        return Err(table.error_at(
            "secrecy",
            format!("secrecy {degree:?}; expected \"thường\""),
        ));
    }
    Ok(Some(degree))
}

fn items(root: &Table<'_>, papers: &BTreeMap<PaperId, Paper>) -> Result<BTreeMap<ItemId, Item>> {
    let tables = root.tables("item", "[[item]]", ITEM_KEYS)?;
    let mut seen = Seen::default();
    let mut items = BTreeMap::new();
    for (table, order_key) in tables.iter().zip(order::assign(&vec![None; tables.len()])) {
        let id: ItemId = seen.id(table)?;
        let item = Item {
            order_key,
            number: table.text("number")?,
            title: table.title()?,
            item_type: table.word("type", ItemType::parse, ItemType::WORDS)?,
            presenters: table.participants("presenters")?,
            minutes: table.number("minutes", 1..=10_000)?,
            when: table.date("when")?,
            end: table.date("end")?,
            papers: papers_of(table, papers)?,
            public: table.flag("public")?,
            circle: table.text("circle")?,
            result: table.text("result")?,
            resolution: table.text("resolution")?,
            ..Item::default()
        };
        items.insert(id, item);
    }
    Ok(items)
}

fn papers_of(table: &Table<'_>, papers: &BTreeMap<PaperId, Paper>) -> Result<Vec<PaperId>> {
    let names = table.texts("papers")?;
    names
        .into_iter()
        .map(|(text, span)| {
            let known = papers
                .get_key_value(text.as_str())
                .map(|(id, _)| id.clone());
            known.ok_or_else(|| {
                table.source.error(
                    span.start,
                    format!("paper {text:?}; expected the id of a paper here"),
                )
            })
        })
        .collect()
}

fn outcomes(
    root: &Table<'_>,
    items: &BTreeMap<ItemId, Item>,
) -> Result<BTreeMap<OutcomeId, Outcome>> {
    let mut outcomes = BTreeMap::new();
    let mut seen = Seen::default();
    for (index, table) in root
        .tables("outcome", "[[outcome]]", OUTCOME_KEYS)?
        .iter()
        .enumerate()
    {
        let id: OutcomeId = seen.id_or(table, format!("o{}", index + 1))?;
        let item: Option<ItemId> = table.optional_id("item")?;
        if let Some(item) = item.as_ref().filter(|item| !items.contains_key(*item)) {
            return Err(table.error_at(
                "item",
                format!("item {:?}; expected the id of an item here", item.as_str()),
            ));
        }
        let tasks = table.tables("tasks", "tasks", TASK_KEYS)?;
        let tasks = tasks.iter().map(|table| {
            let text = table.required("text", table.text("text")?)?;
            Ok(Task {
                owner: table.text("owner")?,
                text,
                due: table.date("due")?,
                ..Task::default()
            })
        });
        let outcome = Outcome {
            item,
            kind: table.required("kind", table.text("kind")?)?,
            text: table.required("text", table.text("text")?)?,
            tasks: tasks.collect::<Result<_>>()?,
            ..Outcome::default()
        };
        outcomes.insert(id, outcome);
    }
    Ok(outcomes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = r#"
id = "gb-1"
kind = "briefing"
title = "Hội nghị giao ban"
ordinal = { number = 1, text = "lần thứ Nhất" }
term = { start = 2021, end = 2026 }
state = "held"
when = { year = 2022, month = 3, day = 25, part = "chiều" }
place = { name = "Hội trường" }
host = "Thường trực HĐND thành phố"
theme = "Chất lượng"
chairs = [{ person = "A", post = "Chủ tịch" }, { group = "các Phó Chủ tịch" }]
participants = [{ organisation = "Thường trực HĐND quận", role = "lãnh đạo", count = 15 }]
legal_basis = ["110/KH-UBTVQH15"]
recurrence = { every_months = 6, host = "luân phiên" }
follows = "gb-0"

[[paper]]
id = "p1"
number = "110/KH-UBTVQH15"
type = "KH"
issuer = "UBTVQH"
date = { year = 2022, month = 1, day = 27 }
title = "Kế hoạch"
state = "issued"
file = "p1.pdf"
text = "p1.txt"
secrecy = "thường"

[[paper]]
id = "p2"
title = "Kế hoạch (mới)"
supersedes = "p1"

[[item]]
id = "i1"
number = "1"
title = "Báo cáo"
type = "report"
presenters = [{ person = "A", post = "B" }]
minutes = 20
papers = ["p1", "p2"]
public = true
circle = "thường trực"

[[item]]
id = "a-after"
title = "Kết luận"

[[outcome]]
item = "i1"
kind = "conclusion"
text = "Giao Ban"
tasks = [{ owner = "Ban Pháp chế", text = "báo cáo", due = { year = 2022, month = 6 } }]

[[outcome]]
id = "of-the-meeting"
kind = "direction"
text = "Tiếp tục"
"#;

    fn error(text: &str) -> String {
        let error = parse("kh.toml", text, Path::new("")).unwrap_err();
        assert_eq!(error.code(), Code::ProgrammeFile);
        error.detail().to_owned()
    }

    #[test]
    fn a_programme_has_every_field_of_its_file() {
        let imported = parse("kh.toml", EXAMPLE, Path::new("folder")).unwrap();

        assert_eq!(imported.external_id, "gb-1");
        assert_eq!(
            imported.files,
            [
                (
                    "p1".parse().unwrap(),
                    FileRole::File,
                    PathBuf::from("folder/p1.pdf")
                ),
                (
                    "p1".parse().unwrap(),
                    FileRole::Text,
                    PathBuf::from("folder/p1.txt")
                ),
            ]
        );
        let json = serde_json::to_string_pretty(&imported.programme.to_json()).unwrap();
        insta::assert_snapshot!(json, @r#"
        {
          "items": {
            "a-after": {
              "order_key": "W",
              "title": "Kết luận"
            },
            "i1": {
              "circle": "thường trực",
              "minutes": 20,
              "number": "1",
              "order_key": "V",
              "papers": [
                "p1",
                "p2"
              ],
              "presenters": [
                {
                  "person": "A",
                  "post": "B"
                }
              ],
              "public": true,
              "title": "Báo cáo",
              "type": "report"
            }
          },
          "meeting": {
            "chairs": [
              {
                "person": "A",
                "post": "Chủ tịch"
              },
              {
                "group": "các Phó Chủ tịch"
              }
            ],
            "follows": "gb-0",
            "host": "Thường trực HĐND thành phố",
            "id": "gb-1",
            "kind": "briefing",
            "legal_basis": [
              "110/KH-UBTVQH15"
            ],
            "ordinal": {
              "number": 1,
              "text": "lần thứ Nhất"
            },
            "participants": [
              {
                "count": 15,
                "organisation": "Thường trực HĐND quận",
                "role": "lãnh đạo"
              }
            ],
            "place": {
              "name": "Hội trường"
            },
            "recurrence": {
              "every_months": 6,
              "host": "luân phiên"
            },
            "state": "held",
            "term": {
              "end": 2026,
              "start": 2021
            },
            "theme": "Chất lượng",
            "title": "Hội nghị giao ban",
            "when": {
              "day": 25,
              "month": 3,
              "part": "chiều",
              "year": 2022
            }
          },
          "outcomes": {
            "o1": {
              "item": "i1",
              "kind": "conclusion",
              "tasks": [
                {
                  "due": {
                    "month": 6,
                    "year": 2022
                  },
                  "owner": "Ban Pháp chế",
                  "text": "báo cáo"
                }
              ],
              "text": "Giao Ban"
            },
            "of-the-meeting": {
              "kind": "direction",
              "text": "Tiếp tục"
            }
          },
          "papers": {
            "p1": {
              "date": {
                "day": 27,
                "month": 1,
                "year": 2022
              },
              "issuer": "UBTVQH",
              "number": "110/KH-UBTVQH15",
              "secrecy": "thường",
              "state": "issued",
              "title": "Kế hoạch",
              "type": "KH"
            },
            "p2": {
              "supersedes": "p1",
              "title": "Kế hoạch (mới)"
            }
          }
        }
        "#);
    }

    #[test]
    fn text_is_composed_and_otherwise_as_its_author_wrote_it() {
        let text = "id = \"m\"\nkind = \"briefing\"\ntitle = \"Bội  Nội vu\u{323}\u{a0}uỷ\"\nwhen = { part = \"chie\u{302}\u{300}u\" }";
        let meeting = parse("kh.toml", text, Path::new(""))
            .unwrap()
            .programme
            .meeting;

        assert_eq!(meeting.title, "Bội  Nội vụ\u{a0}uỷ");
        assert_eq!(meeting.when.unwrap().to_string(), "chiều");
    }

    #[test]
    fn an_error_says_file_line_what_was_found_and_what_was_expected() {
        let head = "id = \"m\"\nkind = \"briefing\"\ntitle = \"T\"\n";
        for (text, expected) in [
            (
                "titel = \"T\"",
                "kh.toml:4: unknown key \"titel\" in the programme; expected \"title\"?",
            ),
            (
                "[[item]]\nid = \"a\"\ntitle = \"A\"\nnot_a_key = 1",
                "kh.toml:7: unknown key \"not_a_key\" in [[item]]; expected one of id, number, title, type, presenters, minutes, when, end, papers, public, circle, result, resolution",
            ),
            (
                "when = { year = 2022, moth = 3 }",
                "kh.toml:4: unknown key \"moth\" in when; expected \"month\"?",
            ),
            (
                "when = { year = 2022, month = 13 }",
                "kh.toml:4: when: month 13; expected 1 to 12",
            ),
            (
                "[when]\nyear = 2023\nmonth = 2\nday = 29",
                "kh.toml:7: when: day 29; expected 1 to 28, the days of February 2023",
            ),
            (
                "when = 2022-03-25",
                "kh.toml:4: when is a datetime; expected a table { year, month, day, part, time, text }",
            ),
            (
                "when = { year = \"2022\" }",
                "kh.toml:4: year is a text; expected a whole number",
            ),
            (
                "when = {}",
                "kh.toml:4: when: the date says nothing; expected at least one of year, month, day, part, time, text",
            ),
            (
                "state = \"done\"",
                "kh.toml:4: state \"done\"; expected one of foreseen, planned, convened, running, held, cancelled",
            ),
            (
                "theme = 1",
                "kh.toml:4: theme is a whole number; expected a text in quotes",
            ),
            (
                "theme = \" \"",
                "kh.toml:4: theme is empty; expected a text, or no such key",
            ),
            (
                "ordinal = { number = -1 }",
                "kh.toml:4: number -1; expected 1 to 1000000",
            ),
            (
                "ordinal = { number = 0xffffffffffffffffff }",
                "kh.toml:4: number 0xffffffffffffffffff; expected a smaller number",
            ),
            (
                "item = \"a\"",
                "kh.toml:4: item is a text; expected a list of tables { id, number, title, type, presenters, minutes, when, end, papers, public, circle, result, resolution }",
            ),
            (
                "legal_basis = [\n\"a\",\n1]",
                "kh.toml:6: legal_basis is a whole number; expected a text in quotes",
            ),
            (
                "chairs = [{ person = \"A\", role = \"b\" }]",
                "kh.toml:4: chairs has { person, role }; expected { person, post }, { organisation, role, count } or { group, count }",
            ),
            (
                "chairs = [{ post = \"A\" }]",
                "kh.toml:4: chairs has { post }; expected { person, post }, { organisation, role, count } or { group, count }",
            ),
            (
                "[[item]]\ntitle = \"A\"",
                "kh.toml:4: [[item]] has no id; expected id = …",
            ),
            (
                "\n[[item]]\nid = \"a\"",
                "kh.toml:5: [[item]] has no title; expected title = …",
            ),
            (
                "[[item]]\nid = \"a\\u0007\"\ntitle = \"A\"",
                "kh.toml:5: id cannot be an id; expected 1 to 256 bytes without control characters",
            ),
            (
                "[[item]]\nid = \"a\"\ntitle = \"A\"\n[[item]]\nid = \"a\"\ntitle = \"B\"",
                "kh.toml:8: id \"a\" of [[item]] stands in line 5 too; expected an id of its own",
            ),
            (
                "[[paper]]\nid = \"p\"\ntitle = \"A\"\n[[paper]]\ntitle = \"B\"\nid = \"p\"",
                "kh.toml:9: id \"p\" of [[paper]] stands in line 5 too; expected an id of its own",
            ),
            (
                "[[item]]\nid = \"a\"\ntitle = \"A\"\npapers = [\n\"p\"]",
                "kh.toml:8: paper \"p\"; expected the id of a paper here",
            ),
            (
                "[[item]]\nid = \"a\"\ntitle = \"A\"\npublic = \"yes\"",
                "kh.toml:7: public is a text; expected true or false",
            ),
            (
                "[[outcome]]\nitem = \"a\"\nkind = \"k\"\ntext = \"t\"",
                "kh.toml:5: item \"a\"; expected the id of an item here",
            ),
            (
                "[[outcome]]\nkind = \"k\"",
                "kh.toml:4: [[outcome]] has no text; expected text = …",
            ),
            (
                "[[outcome]]\nid = \"o2\"\nkind = \"k\"\ntext = \"t\"\n[[outcome]]\nkind = \"k\"\ntext = \"t\"",
                "kh.toml:8: id \"o2\" of [[outcome]] stands in line 5 too; expected an id of its own",
            ),
            (
                "[[paper]]\nid = \"p\"\ntitle = \"A\"\nsupersedes = \"p\"",
                "kh.toml:7: supersedes \"p\"; expected the id of another paper here",
            ),
            (
                "[[paper]]\nid = \"p\"\ntitle = \"A\"\nsupersedes = \"q\"",
                "kh.toml:7: supersedes \"q\"; expected the id of another paper here",
            ),
            (
                "[[paper]]\nid = \"p\"\ntitle = \"A\"\nsecrecy = \"mat\"",
                "kh.toml:7: secrecy \"mat\"; expected \"thường\"",
            ),
            ("theme = \"a\"\ntheme = \"b\"", "kh.toml:5: duplicate key"),
            (
                "theme = \"a",
                "kh.toml:4: invalid basic string, expected `\"`",
            ),
        ] {
            assert_eq!(error(&format!("{head}{text}")), expected);
        }
        assert_eq!(
            error("title = \"T\"\nkind = \"briefing\""),
            "kh.toml:1: the programme has no id; expected id = …"
        );
        assert_eq!(
            error("id = \"m\"\ntitle = \"T\""),
            "kh.toml:1: the programme has no kind; expected kind = …"
        );
        assert_eq!(
            error(""),
            "kh.toml:1: the programme has no id; expected id = …"
        );
    }

    #[test]
    fn a_file_that_is_not_beside_the_programme_is_refused() {
        for path in [
            "../p.pdf",
            "/etc/passwd",
            "a/../../p.pdf",
            "./../p",
            "..",
            "C:\\\\p.pdf",
            "a/",
        ] {
            let text = format!(
                "id = \"m\"\nkind = \"briefing\"\ntitle = \"T\"\n[[paper]]\nid = \"p\"\ntitle = \"P\"\nfile = \"{path}\""
            );
            let detail = error(&text);
            assert!(
                detail.starts_with("kh.toml:7: file ")
                    && detail.ends_with("expected a file beside the programme"),
                "{detail}"
            );
        }
    }

    #[test]
    fn a_paper_marked_as_a_state_secret_is_refused_by_name() {
        for degree in ["Mật", "TỐI MẬT", "tuyệt mật", "Ma\u{323}\u{302}t"] {
            let text = format!(
                "id = \"m\"\nkind = \"briefing\"\ntitle = \"T\"\n[[paper]]\nid = \"p7\"\ntitle = \"P\"\nsecrecy = \"{degree}\""
            );
            let error = parse("kh.toml", &text, Path::new("")).unwrap_err();
            assert_eq!(
                (error.code(), error.detail()),
                (Code::StateSecret, "kh.toml:7: paper \"p7\"")
            );
        }
    }

    #[test]
    fn deep_nesting_is_an_error() {
        let deep = format!("id = {}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(error(&deep).starts_with("kh.toml:1: "));
    }
}
