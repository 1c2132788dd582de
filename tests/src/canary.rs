//! A search for a text in everything that an office served or a device keeps.

use std::{
    fs,
    path::{Path, PathBuf},
};

use nghisu_core::{
    document::Document,
    sync::{envelope::Envelope, wire::Reply},
};
use rusqlite::Connection;
use unicode_normalization::UnicodeNormalization;

use crate::{
    link::{Link, messages},
    process::Device,
};

/// Every file in a folder and below it.
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("the folder can be read").path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files
}

/// Copies a folder with all that is below it, and who may read it.
///
/// # Panics
/// If the copy cannot be made whole.
pub fn copy_folder(from: &Path, to: &Path) {
    let whole = "the copy is whole";
    fs::create_dir_all(to).expect(whole);
    for file in fs::read_dir(from).expect(whole) {
        let file = file.expect(whole);
        let target = to.join(file.file_name());
        if file.file_type().expect(whole).is_dir() {
            copy_folder(&file.path(), &target);
        } else {
            fs::copy(file.path(), target).expect(whole);
        }
    }
    let permissions = fs::metadata(from).expect(whole).permissions();
    fs::set_permissions(to, permissions).expect(whole);
}

/// All that an office has sent through a cable: the bytes as they passed, and unpacked.
pub fn served(cable: &Link) -> Vec<Vec<u8>> {
    let passed = cable.passed();
    let (replies, rest) = messages(&passed.down);
    assert_eq!(rest, 0, "every reply has passed in full");
    let mut all = vec![passed.down];
    let mut payloads = 0;
    for reply in replies {
        if let Ok(Reply::Synced(synced)) = Reply::decode(&reply.body) {
            let segments = synced.segments.iter();
            let segments = segments
                .map(|segment| segment.unpack().expect("what was served can be read"))
                .chain([synced.backfilled]);
            for entries in segments {
                for entry in entries {
                    let envelope =
                        Envelope::decode(&entry.envelope).expect("what was served can be read");
                    all.push(envelope.payload().to_vec());
                    all.push(entry.envelope);
                    payloads += 1;
                }
            }
        }
        all.push(reply.body);
    }
    assert!(payloads > 0, "nothing was served");
    all
}

/// All that a device holds: its files as they are, and every document's history and content.
pub fn kept(device: &Device) -> Vec<Vec<u8>> {
    let mut all: Vec<_> = files_below(device.folder())
        .into_iter()
        .map(|file| fs::read(file).expect("a file can be read"))
        .collect();
    let database = Connection::open(device.database()).expect("the store can be read");
    let mut documents = database
        .prepare("SELECT id, saved FROM document")
        .expect("the store can be read");
    let documents = documents
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .expect("the store can be read");
    for row in documents {
        let (id, mut saved): (Vec<u8>, Vec<u8>) = row.expect("the store can be read");
        let mut changes = database
            .prepare("SELECT bytes FROM document_change WHERE document = ?1 ORDER BY n")
            .expect("the store can be read");
        let changes = changes
            .query_map([id], |row| row.get::<_, Vec<u8>>(0))
            .expect("the store can be read");
        saved.extend(changes.flat_map(|row| row.expect("a row can be read")));
        let mut document = Document::load(&saved, [0; 16]).expect("the store can be read");
        all.extend(document.changes_since(&[]));
        all.push(
            document
                .to_json()
                .expect("the store can be read")
                .to_string()
                .into_bytes(),
        );
    }
    all
}

/// Whether a text, or its one word that stands in no other text, is somewhere in `bytes`.
pub fn is_in(text: &str, bytes: &[Vec<u8>]) -> bool {
    let word = text
        .split(' ')
        .find(|word| word.is_ascii() && word.contains(|letter: char| letter.is_ascii_digit()))
        .expect("one word of the text stands in no other");
    let utf_16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let (composed, decomposed): (String, String) = (text.nfc().collect(), text.nfd().collect());
    assert_ne!(composed, decomposed);
    let forms: [Vec<u8>; 6] = [
        utf_16(&composed),
        utf_16(&decomposed),
        utf_16(word),
        composed.into(),
        decomposed.into(),
        word.into(),
    ];
    forms.iter().any(|form| {
        bytes
            .iter()
            .any(|bytes| bytes.windows(form.len()).any(|window| window == form))
    })
}
