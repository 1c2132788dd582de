//! Whole programme files with their papers, in folders of their own.
#![expect(
    clippy::unwrap_used,
    reason = "the helpers below the tests are tests too"
)]

use std::{
    fs,
    path::{Path, PathBuf},
};

use nghisu_core::{
    Code,
    ids::Hash,
    limits::{PAPER_BYTES_MAX, PAPER_TEXT_BYTES_MAX, PROGRAMME_FILE_BYTES_MAX},
    meeting::{Change, canonical_json, changes},
};
use nghisu_server::import::{Imported, attach_files, place_items, read, read_all};

const PROGRAMME: &str = r#"
id = "kh-1"
kind = "regular_session"
title = "Kỳ họp"

[[paper]]
id = "p1"
title = "Tờ trình"
file = "p1.pdf"
text = "văn bản/p1.txt"

[[item]]
id = "i1"
title = "Khai mạc"

[[item]]
id = "i2"
title = "Báo cáo"
papers = ["p1"]
"#;

#[test]
fn papers_are_hashed_and_named_in_the_programme() {
    let (folder, path) = folder(PROGRAMME);
    let mut imported = read(&path).unwrap();

    let blobs = attach_files(&mut imported).unwrap();

    let content = fs::read(folder.path().join("p1.pdf")).unwrap();
    assert_eq!(blobs[0].hash, Hash::of_content(&content));
    assert_eq!((blobs[0].length, blobs.len()), (content.len() as u64, 2));
    let paper = &imported.programme.papers["p1"];
    let file = paper.file.as_ref().unwrap();
    assert_eq!(
        (file.hash, file.media_type.as_str(), file.name.as_str()),
        (blobs[0].hash, "application/pdf", "p1.pdf")
    );
    let text = paper.text_file.as_ref().unwrap();
    assert_eq!(
        (text.hash, text.media_type.as_str(), text.name.as_str()),
        (blobs[1].hash, "text/plain", "p1.txt")
    );
}

#[test]
fn a_paper_whose_file_is_not_there_is_named() {
    let (folder, path) = folder(PROGRAMME);
    fs::remove_file(folder.path().join("p1.pdf")).unwrap();

    let (code, detail) = attach_error(&path);

    assert_eq!(code, Code::PaperMissing);
    assert!(detail.starts_with("paper \"p1\": p1.pdf: "), "{detail}");

    fs::create_dir(folder.path().join("p1.pdf")).unwrap();
    let detail = "paper \"p1\": p1.pdf: not a file".to_owned();
    assert_eq!(attach_error(&path), (Code::PaperMissing, detail));
}

#[cfg(unix)]
#[test]
fn a_link_that_leads_out_of_the_folder_is_refused() {
    let (outside, _) = folder(PROGRAMME);
    let (folder, path) = folder(PROGRAMME);
    let paper = folder.path().join("p1.pdf");
    fs::remove_file(&paper).unwrap();
    std::os::unix::fs::symlink(outside.path().join("p1.pdf"), &paper).unwrap();

    let detail = "paper \"p1\": p1.pdf: not beside the programme".to_owned();
    assert_eq!(attach_error(&path), (Code::PaperMissing, detail));
}

#[test]
fn a_paper_whose_text_bears_a_stamp_is_refused() {
    let (folder, path) = folder(PROGRAMME);
    let text = folder.path().join("văn bản/p1.txt");
    fs::write(&text, "ỦY BAN NHÂN DÂN\n\n  TỐI MẬT\nTờ trình").unwrap();
    assert_eq!(
        attach_error(&path),
        (Code::StateSecret, "paper \"p1\": p1.txt:3".to_owned())
    );

    fs::write(&text, "Tờ trình về bí mật").unwrap();
    fs::write(folder.path().join("p1.pdf"), "MẬT\nđây là văn bản").unwrap();
    assert_eq!(
        attach_error(&path),
        (Code::StateSecret, "paper \"p1\": p1.pdf:1".to_owned())
    );
}

#[test]
fn text_that_is_not_utf_8_is_refused() {
    let (folder, path) = folder(PROGRAMME);
    let utf_16: Vec<u8> = "\u{feff}MẬT"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    fs::write(folder.path().join("văn bản/p1.txt"), utf_16).unwrap();

    let detail = "paper \"p1\": p1.txt is no text; expected UTF-8".to_owned();
    assert_eq!(attach_error(&path), (Code::ProgrammeFile, detail));
}

#[test]
fn files_over_their_limits_are_refused() {
    let (folder, path) = folder(PROGRAMME);
    let set_length = |name: &str, length: u64| {
        let file = fs::File::options()
            .write(true)
            .open(folder.path().join(name))
            .unwrap();
        file.set_len(length).unwrap();
    };

    set_length("văn bản/p1.txt", PAPER_TEXT_BYTES_MAX + 1);
    assert_eq!(attach_error(&path).0, Code::TooLarge);
    set_length("p1.pdf", PAPER_BYTES_MAX + 1);
    assert_eq!(attach_error(&path).0, Code::TooLarge);
    set_length("kh.toml", PROGRAMME_FILE_BYTES_MAX + 1);
    assert_eq!(
        read_error(&path),
        "kh.toml: too large; expected at most 16777216 bytes"
    );
}

#[test]
fn a_file_that_is_not_utf_8_is_refused_with_its_line() {
    let (_folder, path) = folder(PROGRAMME);
    fs::write(&path, b"id = \"m\"\ntitle = \"\xff\"").unwrap();

    assert_eq!(
        read_error(&path),
        "kh.toml:2: bytes that are no text; expected UTF-8"
    );
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let detail = read_error(Path::new("nowhere/kh.toml"));
    assert!(detail.starts_with("kh.toml: "), "{detail}");
}

#[test]
fn one_meeting_is_wanted_where_a_file_holds_several() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("page.json");
    let meeting = r#"{"id": "m", "type": "https://schema.oparl.org/1.1/Meeting"}"#;
    fs::write(&path, format!("\u{feff}[{meeting}, {meeting}]")).unwrap();

    assert_eq!(read_error(&path), "page.json: 2 meetings; expected one");
    assert_eq!(read_all(&path).unwrap().len(), 2);
}

#[test]
fn an_item_put_in_changes_no_other_key() {
    let (_folder, path) = folder(PROGRAMME);
    let mut first = read(&path).unwrap().programme;
    place_items(&mut first, None);
    let second_item = "[[item]]\nid = \"i2\"";
    let new_item = format!("[[item]]\nid = \"new\"\ntitle = \"Mới\"\n\n{second_item}");
    fs::write(&path, PROGRAMME.replace(second_item, &new_item)).unwrap();

    let mut second = read(&path).unwrap().programme;
    place_items(&mut second, Some(&first));

    let ids: Vec<&str> = second
        .items_in_order()
        .into_iter()
        .map(|(id, _)| id.as_str())
        .collect();
    assert_eq!(ids, ["i1", "new", "i2"]);
    for id in ["i1", "i2"] {
        assert_eq!(second.items[id].order_key, first.items[id].order_key);
    }
    let list = changes(&first, &second);
    assert!(matches!(list.as_slice(), [Change::Added { item }] if item.id.as_str() == "new"));
}

#[test]
fn twelve_versions_of_a_real_meeting_come_back_as_they_were() {
    let folder = std::env::var_os("NGHISU_TEST_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"),
        PathBuf::from,
    );
    let folder = folder.join("oparl-karlsruhe/10566");
    if !folder.is_dir() {
        eprintln!("skipped: {} is not there", folder.display());
        return;
    }
    let mut previous: Option<Imported> = None;
    let mut added = Vec::new();
    for version in 1..=12 {
        let path = folder.join(format!("v{version:02}.json"));
        let mut imported = read(&path).unwrap();
        let so_far = previous.as_ref().map(|previous| &previous.programme);
        place_items(&mut imported.programme, so_far);

        let original = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let again = imported.programme.to_oparl().unwrap();
        assert_eq!(canonical_json(&again), canonical_json(&original));
        if let Some(so_far) = so_far {
            let list = changes(so_far, &imported.programme);
            let count = |is: fn(&Change) -> bool| list.iter().filter(|change| is(change)).count();
            assert_eq!(
                count(|change| matches!(change, Change::Moved { .. } | Change::Removed { .. })),
                0
            );
            added.push(count(|change| matches!(change, Change::Added { .. })));
        }
        previous = Some(imported);
    }
    assert_eq!(added, [1, 3, 0, 1, 4, 0, 0, 0, 0, 0, 0]);
}

/// A folder with a programme and the papers that it names.
fn folder(programme: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("p1.pdf"), b"%PDF-1.7 \x00\xff").unwrap();
    fs::create_dir(folder.path().join("văn bản")).unwrap();
    fs::write(
        folder.path().join("văn bản/p1.txt"),
        "Tờ trình về mật độ dân số",
    )
    .unwrap();
    let path = folder.path().join("kh.toml");
    fs::write(&path, programme).unwrap();
    (folder, path)
}

fn read_error(path: &Path) -> String {
    let error = read(path).unwrap_err();
    assert_eq!(error.code(), Code::ProgrammeFile);
    error.detail().to_owned()
}

fn attach_error(path: &Path) -> (Code, String) {
    let error = attach_files(&mut read(path).unwrap()).unwrap_err();
    (error.code(), error.detail().to_owned())
}
