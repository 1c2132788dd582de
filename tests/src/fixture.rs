//! What earlier versions have written, so that every later one must read it: an office's folder, two
//! devices' folders, and the conversation that they had.
//!
//! Everything happens at one moment ([`NOW`]), so that what was written never expires.

use std::{fs, path::Path};

use minicbor::bytes::ByteVec;
use nghisu_core::{
    cbor,
    ids::{ActId, DocumentId, MeetingId, PersonId},
    meeting::act::{Act, ActKind},
    store::{Opening, Store},
    trust::{decide::Role, vault::Dice},
};
use nghisu_server::{Office, RootKey};
use rusqlite::Connection;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::{
    canary::copy_folder,
    local::{Local, NOW},
};

const PROGRAMME: &str = "id = 'kh-1'\nkind = 'regular_session'\ntitle = 'Kỳ họp thứ Nhất'\n\
    [[paper]]\nid = 'p1'\ntitle = 'Tờ trình'\nfile = 'p1.pdf'\n\
    [[item]]\nid = 'i1'\nnumber = '1'\ntitle = 'Khai mạc'\npapers = ['p1']\n\
    [[item]]\nid = 'i2'\nnumber = '2'\ntitle = 'Chất vấn'\n";
/// The names of the devices' folders; the number of each is the seed of its keys.
pub const DEVICES: [&str; 2] = ["device-1", "device-2"];
/// Edits of the note that has grown long.
const EDITS: usize = 40;

/// Writes all of it into `folder`, which is made.
///
/// # Panics
/// If any of it does not succeed.
pub fn write(folder: &Path) {
    fs::create_dir_all(folder).expect("the folder can be made");
    let root = RootKey::draw().expect("a key is drawn");
    let office = Office::open_or_create(&folder.join("office"), &root).expect("an office is made");
    let person = office.add_person("Đại biểu tổ 3", Role::Delegate);
    let person = person.expect("a person is added").id;
    publish(&office, folder);
    let mut first = Local::enrol(&office, person, [1; 32]);
    let mut second = Local::enrol(&office, person, [2; 32]);
    first.record();
    second.record();
    first.sync(&office).expect("the vault is begun");
    first
        .let_in(&office, &mut second)
        .expect("the second comes in");

    let long = first.write("Ý kiến cử tri. ");
    for number in 0..EDITS {
        first.edit(long, &format!("{number} "));
        first.sync(&office).expect("an edit is synced");
    }
    first.write("Hỏi về số liệu 😀");
    let meeting = first.store.meetings().expect("meetings are listed")[0].id;
    act(
        &mut first,
        person,
        meeting,
        1,
        ActKind::SpeakingRegistration,
    );
    act(&mut first, person, meeting, 2, ActKind::QuestionSlip);
    first.sync(&office).expect("acts are handed in");
    second.sync(&office).expect("they are read");
    // What is left waits on the devices.
    second.edit(long, "trên máy thứ hai ");
    act(&mut second, person, meeting, 3, ActKind::QuestionSlip);
    first.write("Chưa gửi");

    let mut conversation = Vec::new();
    let mut devices = Vec::new();
    for (name, device) in DEVICES.iter().zip([&mut first, &mut second]) {
        conversation.append(&mut device.recorded());
        devices.push(shown(&device.store));
        copy_folder(device.folder(), &folder.join(name));
        fold(&folder.join(name), "nghisu.db");
    }
    drop(office);
    fold(&folder.join("office"), "office.db");
    let conversation: Vec<(ByteVec, ByteVec)> = conversation
        .into_iter()
        .map(|(request, reply)| (request.into(), reply.into()))
        .collect();
    let shown = serde_json::to_vec_pretty(&json!(devices)).expect("it becomes JSON");
    fs::write(folder.join("shown.json"), shown).expect("it is written");
    let bytes = cbor::encode(&conversation);
    fs::write(folder.join("conversation.cbor"), bytes).expect("it is written");
}

/// Leaves a database in one file that is as small as it can be.
fn fold(folder: &Path, name: &str) {
    let path = folder.join(name);
    let database = Connection::open(&path).expect("the database opens");
    let folded = database.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE);");
    folded.expect("the database is written anew");
    drop(database);
    for file in ["db-wal", "db-shm", "db.lock"] {
        let file = path.with_extension(file);
        if file.exists() {
            fs::remove_file(file).expect("a file is removed");
        }
    }
}

/// Imports and publishes a meeting with a paper.
///
/// # Panics
/// If that does not succeed.
pub fn publish(office: &Office, folder: &Path) {
    let papers = tempfile::TempDir::new_in(folder).expect("a folder is made");
    let folder = papers.path();
    let file = folder.join("kh.toml");
    fs::write(&file, PROGRAMME).expect("the programme is written");
    fs::write(folder.join("p1.pdf"), b"%PDF-1.7").expect("the paper is written");
    let imported = office.import_files(&[file], NOW, |_| {});
    imported.expect("it is imported");
    office
        .publish(None, "lần đầu", NOW)
        .expect("it is published");
}

fn act(device: &mut Local, person: PersonId, meeting: MeetingId, number: u8, kind: ActKind) {
    let act = Act {
        id: ActId::from_bytes([number; 16]),
        person,
        meeting,
        item: "i2".parse().ok(),
        kind,
        text: format!("Câu hỏi {number}"),
        addressee: None,
        withdraws: None,
        made_at: NOW,
        ruling: None,
    };
    let document = DocumentId::from_bytes([number; 16]);
    device
        .store
        .put_act(&act, document)
        .expect("an act is made");
}

/// Opens a device's store; `number` is its place in [`DEVICES`], from 1.
///
/// # Panics
/// If it does not open.
pub fn open(folder: &Path, number: u8) -> Store {
    let mut dice = Dice::new([number; 32]);
    let opening = Opening {
        seed: Zeroizing::new(dice.draw()),
        sealing: Zeroizing::new(dice.draw()),
        signer: None,
        database_key: None,
    };
    Store::open(folder, &opening, NOW).expect("the store opens")
}

/// Returns what a device shows.
///
/// # Panics
/// If the store cannot be read.
pub fn shown(store: &Store) -> Value {
    let mut notes: Vec<_> = store.notes(None).expect("notes are listed");
    notes.sort_by_key(|note| note.id);
    let meetings = store.meetings().expect("meetings are listed");
    let acts = store.acts(None).expect("acts are listed");
    json!({
        "meetings": meetings.iter().map(|row| &row.meeting.title).collect::<Vec<_>>(),
        "notes": notes.iter().map(|note| json!([note.id, note.text, note.unsent > 0])).collect::<Vec<_>>(),
        "acts": acts.iter().map(|act| json!([act.act.id, act.act.text, act.receipt.as_ref().and_then(|it| it.number)])).collect::<Vec<_>>(),
        "unsent": store.unsent().expect("it is counted"),
    })
}
