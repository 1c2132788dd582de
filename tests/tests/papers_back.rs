//! An office that was put back from a copy older than a published paper gets the paper's file from
//! devices that have it, over HTTPS and with the real programs.

use std::fs;

use nghisu_core::{ids::Hash, limits::PAPER_PIECE_BYTES_MAX, time::Timestamp, trust::decide::Role};
use nghisu_server::{Office as InProcess, RootKey};
use nghisu_tests::{
    canary::copy_folder,
    local::{Local, NOW, folder},
    process::{Device, Office},
};

const DELEGATE: &str = "Đại biểu 03";

fn programme(paper: &str) -> String {
    format!("id = 'kh-1'\nkind = 'regular_session'\ntitle = 'Kỳ họp thứ Nhất'\n{paper}")
}

const PAPER: &str = "[[paper]]\nid = 'p1'\ntitle = 'Tờ trình về dự toán'\nfile = 'p1.pdf'\n";

#[test]
fn a_restored_office_gets_a_paper_s_file_back_from_a_device_that_has_it() {
    let mut office = Office::start(true);
    office.publish("kh-1.toml", programme("").as_bytes());
    let device = Device::enrol(&office, DELEGATE);
    device.must(&["sync"]);
    office.kill();
    let copy = office.folder().join("copy");
    copy_folder(&office.data(), &copy);
    office.restart();
    // Three pieces, the last one short.
    let content: Vec<u8> = (0..=u8::MAX)
        .cycle()
        .take(2 * PAPER_PIECE_BYTES_MAX + 7)
        .collect();
    office.file("p1.pdf", &content);
    office.publish("kh-1.toml", programme(PAPER).as_bytes());
    device.must(&["sync"]);
    let hash = Hash::of_content(&content).to_string();
    office.kill();
    fs::remove_dir_all(office.data()).expect("the office's disk is lost");
    copy_folder(&copy, &office.data());
    office.restart();

    // Publications come back first, and the files that they name once the office has all of them.
    device.must(&["sync", "--without-papers"]);
    device.must(&["sync", "--without-papers"]);
    let missing = heal(&office);
    let doctor = office.run(&["doctor", "--json"]);
    let handed = device.must(&["sync"]);
    let again = device.must(&["sync"]);

    let expected = serde_json::json!([{ "hash": hash, "title": "Tờ trình về dự toán" }]);
    assert_eq!(missing, expected);
    assert!(!doctor.status.success());
    assert!(String::from_utf8_lossy(&doctor.stdout).contains("Tờ trình về dự toán"));
    assert_eq!(
        (&handed["handed_back"], &again["handed_back"]),
        (&1.into(), &0.into())
    );
    assert_eq!(heal(&office), serde_json::json!([]));
    office.must(&["doctor"]);
    let other = Device::enrol(&office, "Đại biểu 04");
    assert_eq!(other.must(&["sync"])["papers"], 1);
}

fn heal(office: &Office) -> serde_json::Value {
    let told = office.must(&["heal", "--json"]);
    let told: serde_json::Value = serde_json::from_str(&told).expect("--json prints JSON");
    told["papers_missing"].clone()
}

#[test]
fn a_file_that_is_another_one_or_nobody_asks_for_is_not_taken_back() {
    let place = folder();
    let data = place.path().join("office");
    let root = RootKey::draw().expect("a key is drawn");
    let office = InProcess::open_or_create(&data, &root).expect("an office begins");
    let file = place.path().join("kh-1.toml");
    fs::write(&file, programme(PAPER)).expect("a file can be written");
    fs::write(place.path().join("p1.pdf"), b"paper").expect("a file can be written");
    office.import_files(&[file], NOW, |_| {}).expect("imported");
    office.publish(None, "", NOW).expect("published");
    let person = |name, role| office.add_person(name, role).expect("a person").id;
    let (delegate, guest) = (person("A", Role::Delegate), person("B", Role::Guest));
    let token = |device: &mut Local| {
        device.sync(&office).expect("synced");
        let token = device.store.read_token().expect("stored");
        token.expect("a sync brings a token")
    };
    let token_of_guest = token(&mut Local::enrol(&office, guest, [2; 32]));
    let token = token(&mut Local::enrol(&office, delegate, [1; 32]));
    let hash = Hash::of_content(b"paper");
    let shelf = data.join("blobs").join(&hash.to_string()[..2]);
    fs::remove_dir_all(&shelf).expect("the file is lost");
    let missing =
        |token: &[u8], now: Timestamp| office.papers_missing(token, now).map(|it| it.files);
    let piece = |token: &[u8], hash, place, bytes: &[u8]| {
        let taken = office.take_paper_piece(token, hash, place, bytes, NOW);
        taken.map(|it| it.have).map_err(|error| error.code().name())
    };

    assert_eq!(missing(&token, NOW).ok(), Some(vec![hash]));
    assert_eq!(missing(&token_of_guest, NOW).ok(), Some(vec![]));
    assert_eq!(
        piece(&token_of_guest, hash, (0, 5), b"paper"),
        Err("paper_missing")
    );
    assert_eq!(
        piece(&token, Hash::ZERO, (0, 5), b"paper"),
        Err("paper_missing")
    );
    assert_eq!(piece(&token, hash, (0, 5), b"PAPER"), Err("paper_damaged"));
    assert_eq!(missing(&token, NOW).ok(), Some(vec![hash]));
    // A piece that does not follow what has come changes nothing, and more than was announced neither.
    assert_eq!(piece(&token, hash, (0, 5), b"pa"), Ok(2));
    assert_eq!(piece(&token, hash, (0, 5), b"pa"), Ok(2));
    assert_eq!(piece(&token, hash, (3, 5), b"er"), Ok(2));
    assert_eq!(piece(&token, hash, (2, 5), b"per and more"), Ok(2));
    assert_eq!(piece(&token, hash, (2, 5), b"per"), Ok(5));
    assert_eq!(missing(&token, NOW).ok(), Some(vec![]));
    assert_eq!(piece(&token, hash, (0, 5), b"again"), Ok(5));
    let left = fs::read_dir(data.join("blobs/returning")).expect("its folder is there");
    assert_eq!(left.count(), 0);
}
