//! What is published: to whom, signed by whom, and nothing older unnoticed. Real processes and real
//! sockets, and an office that is put back, or that lies.
#![expect(
    clippy::unwrap_used,
    reason = "the helpers below the tests are tests too"
)]

use std::{fs, path::Path};

use nghisu_core::{
    cbor,
    document::Document,
    ids::{DocumentId, Feed, Hash, Kind, LogId, domain},
    meeting::{
        content_hash,
        publication::{Publication, SignedPublication, programme_of},
    },
    sync::{
        envelope::{Chain, Envelope, Subject},
        publication::sign,
        wire::{LogHead, chain_after},
    },
    time::Timestamp,
    trust::{
        enrol::Signed,
        keys::{DeviceSigner, SoftwareKey},
        office::PublicationKey,
    },
};
use nghisu_server::{Passphrase, PublicationSigner};
use nghisu_tests::{
    canary::{copy_folder, files_below, is_in, kept, served},
    link::Link,
    process::{Device, Office, run_on},
};
use rusqlite::{Connection, ToSql};
use serde_json::{Value, json};
use tempfile::TempDir;

const PROGRAMME: &str = r#"
id = "kh-1"
kind = "regular_session"
title = "Kỳ họp thứ Nhất"

[[paper]]
id = "p1"
title = "Tờ trình nhân sự ZQ4Y"
file = "p1.pdf"

[[item]]
id = "i1"
number = "1"
title = "Khai mạc"

[[item]]
id = "i2"
number = "2"
title = "Miễn nhiệm ông Trỏ QX7Z giữ kín"
papers = ["p1"]
circle = "thường trực"
"#;
const CLOSED: &str = "Miễn nhiệm ông Trỏ QX7Z giữ kín";
const CIRCLE: &str = "circle = \"thường trực\"";

struct Hall {
    office: Office,
    member: Device,
    cable: Link,
    other: Device,
}

impl Hall {
    /// An office with a meeting of an open item and one of a circle, a member of the circle, and
    /// somebody else.
    fn new(programme: &str) -> Self {
        let office = Office::start(false);
        office.file("p1.pdf", b"%PDF-1.7 about ZQ4Y");
        office.must(&["circle", "add", "thường trực"]);
        office.publish("kh.toml", programme.as_bytes());
        let cable = Link::to(office.address());
        let member = Device::enrol(&office, "Đại biểu 01");
        let other = Device::enrol_at(&office, "Đại biểu 02", &cable.address());
        office.must(&["member", "add", "Đại biểu 01", "--circle", "thường trực"]);
        let hall = Self {
            office,
            member,
            cable,
            other,
        };
        hall.sync();
        hall
    }

    fn sync(&self) {
        self.member.must(&["sync"]);
        self.other.must(&["sync"]);
    }
}

#[test]
fn an_item_of_a_circle_is_in_no_byte_that_others_are_served_or_keep() {
    let hall = Hall::new(PROGRAMME);
    let shown = show(&hall.member);
    assert_eq!(titles(&shown), ["Khai mạc", CLOSED]);
    assert_eq!(shown["parts"].as_array().unwrap().len(), 2);
    assert_eq!(titles(&show(&hall.other)), ["Khai mạc"]);
    let meeting = meeting(&hall.member);
    let paper = hall.member.must(&["paper", &meeting, "p1"]);
    let paper = fs::read(paper["path"].as_str().unwrap()).unwrap();
    assert_eq!(paper, b"%PDF-1.7 about ZQ4Y");
    assert_eq!(files_below(&hall.other.folder().join("papers")).len(), 0);

    // The member acts on it, and the others see that he has, not on what.
    hall.member
        .must(&["act", "speak", &meeting, "Nhân sự", "--item", "i2"]);
    hall.sync();
    let receipts = hall.other.must(&["act", "list", "--receipts", &meeting]);
    assert_eq!(receipts[0]["number"], 1);
    assert_eq!(receipts[0]["item"], Value::Null);
    assert_eq!(hall.member.must(&["act", "list"])[0]["number"], 1);
    let refused = hall
        .other
        .error(&["act", "speak", &meeting, "Nhân sự", "--item", "i2"]);
    assert_eq!(refused, "item_unknown");

    let (served, kept_by_other) = (served(&hall.cable), kept(&hall.other));
    for canary in [CLOSED, "Tờ trình nhân sự ZQ4Y"] {
        assert!(!is_in(canary, &served), "{canary} was served");
        assert!(!is_in(canary, &kept_by_other), "{canary} is on the device");
    }
    // The same search finds what is where it belongs.
    assert!(is_in(CLOSED, &kept(&hall.member)));
}

#[test]
fn an_item_that_becomes_closed_goes_from_the_others_and_comes_back_once_it_is_open() {
    let open = PROGRAMME.replace(CIRCLE, "");
    let hall = Hall::new(&open);
    assert_eq!(titles(&show(&hall.other)), ["Khai mạc", CLOSED]);
    for device in [&hall.member, &hall.other] {
        device.must(&["show", &meeting(device), "--changes"]);
    }

    let closed = hall.office.file("kh.toml", PROGRAMME.as_bytes());
    hall.office.must(&["import", &closed]);
    let printed = hall.office.must(&["publish", "--note", "Họp kín mục 2"]);
    hall.sync();

    assert!(printed.contains("was readable before"), "{printed}");
    assert!(printed.contains(CLOSED), "{printed}");
    assert_eq!(titles(&show(&hall.other)), ["Khai mạc"]);
    assert_eq!(titles(&show(&hall.member)), ["Khai mạc", CLOSED]);
    assert_eq!(changes(&hall.other), ["removed"]);
    assert_eq!(
        changes(&hall.member),
        [""; 0],
        "nothing has changed for him"
    );
    let asked = hall.other.error(&["paper", &meeting(&hall.other), "p1"]);
    assert_eq!(asked, "paper_missing");

    hall.office.publish("kh.toml", open.as_bytes());
    hall.sync();

    for device in [&hall.member, &hall.other] {
        let shown = show(device);
        assert_eq!(titles(&shown), ["Khai mạc", CLOSED]);
        assert_eq!(shown["number"], 3);
    }
    let exported = hall.office.must(&["export", "--person", "Đại biểu 01"]);
    let shown = String::from_utf8(hall.member.text(&["view"])).unwrap();
    assert_eq!(exported, shown);
}

#[test]
fn what_commands_write_step_by_step_reaches_devices_and_an_item_that_one_closes_goes_from_the_others()
 {
    let hall = Hall::new(&PROGRAMME.replace(CIRCLE, ""));
    let item = |arguments: &[&str]| hall.office.must(&[&["item"], arguments].concat());
    assert!(is_in(CLOSED, &kept(&hall.other)));

    let added = item(&["add", "kh-1", "Chất vấn", "--after", "i1", "--number", "1a"]);
    item(&["retitle", "kh-1", "i1", "Khai mạc kỳ họp"]);
    hall.sync();
    assert_eq!(titles(&show(&hall.other)), ["Khai mạc", CLOSED]);
    hall.office.must(&["publish"]);
    hall.sync();
    let order = ["Khai mạc kỳ họp", "Chất vấn", CLOSED];
    assert_eq!(titles(&show(&hall.other)), order);

    item(&["close", "kh-1", "i2", "--circle", "thường trực"]);
    item(&["move", "kh-1", added.trim(), "--first"]);
    let printed = hall.office.must(&["publish"]);
    hall.sync();

    assert!(printed.contains("was readable before"), "{printed}");
    assert_eq!(titles(&show(&hall.other)), ["Chất vấn", "Khai mạc kỳ họp"]);
    assert_eq!(
        titles(&show(&hall.member)),
        ["Chất vấn", "Khai mạc kỳ họp", CLOSED]
    );
    let paper = hall.other.error(&["paper", &meeting(&hall.other), "p1"]);
    assert_eq!(paper, "paper_missing");
}

#[test]
fn an_export_says_of_each_what_his_device_shows() {
    let hall = Hall::new(PROGRAMME);
    for (device, person) in [(&hall.member, "Đại biểu 01"), (&hall.other, "Đại biểu 02")]
    {
        let exported = hall.office.must(&["export", "--person", person]);
        assert_eq!(exported, String::from_utf8(device.text(&["view"])).unwrap());
        assert_eq!(exported.contains(CLOSED), person == "Đại biểu 01");
    }
    hall.office.must(&["verify"]);
}

#[test]
fn an_office_that_was_put_back_shows_nothing_older_and_is_told_once() {
    let mut office = Office::start(true);
    let publish = |office: &Office, title: &str| {
        let programme = PROGRAMME.replace(CIRCLE, "").replace("Khai mạc", title);
        office.file("p1.pdf", b"%PDF-1.7");
        office.publish("kh.toml", programme.as_bytes());
    };
    publish(&office, "Lần một");
    let device = Device::enrol(&office, "Đại biểu 01");
    device.must(&["sync"]);
    office.kill();
    let copy = office.folder().join("copy");
    copy_folder(&office.data(), &copy);
    office.restart();
    publish(&office, "Lần hai");
    device.must(&["sync"]);
    assert_eq!(alerts(&device), [""; 0]);
    office.kill();
    fs::remove_dir_all(office.data()).unwrap();
    copy_folder(&copy, &office.data());
    office.restart();

    // Under the number that was lost the office publishes something else before it notices: that is not
    // shown.
    publish(&office, "Lần hai khác");
    device.must(&["sync"]);
    device.must(&["sync"]);
    assert_eq!(titles(&show(&device))[0], "Lần hai");
    let fork = ["log_rolled_back", "other_publication"];
    assert_eq!(alerts(&device), fork);
    let heal = office.must(&["heal"]);
    assert!(heal.contains("Publication 2 of meeting"), "{heal}");

    // The next number is shown. It is of the epoch that has begun.
    office.must(&["heal", "--finish"]);
    publish(&office, "Lần ba");
    device.must(&["sync"]);
    device.must(&["sync"]);
    let shown = show(&device);
    assert_eq!(
        (titles(&shown)[0].as_str(), &shown["number"]),
        ("Lần ba", &json!(1_000_001))
    );
    // It names the one that the office has lost.
    let [older, other] = fork;
    assert_eq!(alerts(&device), [older, other, "abandoned_publication"]);
    let told = device.must(&["alerts"]);
    assert!(told[0]["text"].as_str().unwrap().contains("lost or hides"));
    assert!(!told[0]["at"].as_str().unwrap().starts_with("1970"));
}

#[test]
fn a_publication_that_comes_back_unchanged_after_a_restore_is_no_fork() {
    let mut office = Office::start(true);
    office.file("p1.pdf", b"%PDF-1.7");
    let open = PROGRAMME.replace(CIRCLE, "");
    office.publish("kh.toml", open.as_bytes());
    let second = open.replace("Khai mạc", "Lần hai");
    let device = Device::enrol(&office, "Đại biểu 01");
    device.must(&["sync"]);
    office.kill();
    let copy = office.folder().join("copy");
    copy_folder(&office.data(), &copy);
    office.restart();
    office.publish("kh.toml", second.as_bytes());
    device.must(&["sync"]);
    office.kill();
    fs::remove_dir_all(office.data()).unwrap();
    copy_folder(&copy, &office.data());
    office.restart();
    office.publish("kh.toml", second.as_bytes());
    device.must(&["sync"]);
    office.must(&["heal", "--finish"]);
    office.publish("kh.toml", second.replace("Lần hai", "Lần ba").as_bytes());
    device.must(&["sync"]);

    assert_eq!(titles(&show(&device))[0], "Lần ba");
    assert_eq!(alerts(&device), ["log_rolled_back"]);
}

#[test]
fn a_device_proves_offline_which_version_it_has_read() {
    let hall = Hall::new(PROGRAMME);
    let meeting = meeting(&hall.member);
    let file = hall.office.folder().join("proof");
    let path = file.to_str().unwrap();
    hall.member.must(&["proof", &meeting, path]);

    let printed = hall.office.must(&["verify", "--proof", path]);

    assert!(
        printed.contains("Kỳ họp thứ Nhất") && printed.contains("number 1"),
        "{printed}"
    );
    assert!(printed.contains("signed by the server"), "{printed}");
    assert_eq!(printed.matches("SHA-256").count(), 2);
    // Anywhere else, by the fingerprint alone, and with another one not.
    let invitation = hall.office.invite("Đại biểu 01", hall.office.address());
    let root = invitation.split('/').nth(3).unwrap();
    let elsewhere = TempDir::new().unwrap();
    let verify = |root: &str, path: &str| {
        run_on(
            elsewhere.path(),
            &["verify", "--proof", path, "--root", root],
        )
    };
    assert!(verify(root, path).status.success());
    let other = verify(&root.replace(&root[..4], "AAAA"), path);
    assert!(!other.status.success());
    let bytes = fs::read(&file).unwrap();
    for at in (0..bytes.len()).step_by(97) {
        let mut altered = bytes.clone();
        altered[at] ^= 1;
        fs::write(&file, &altered).unwrap();
        assert!(!verify(root, path).status.success(), "byte {at}");
    }
}

#[test]
fn a_secretary_signs_on_a_machine_without_an_office_what_it_shows() {
    let office = Office::start_with_secretaries(true);
    office.file("p1.pdf", b"%PDF-1.7");
    let machine = TempDir::new().unwrap();
    let key = secretary_key(&office, "Thư ký 1", machine.path());
    let passphrase = machine.path().join("passphrase");
    fs::copy(office.folder().join("passphrase"), &passphrase).unwrap();
    let passphrase = passphrase.to_str().unwrap();
    let programme = office.file("kh.toml", PROGRAMME.as_bytes());
    office.must(&["import", &programme]);

    let unsigned = office.run(&["publish"]);
    let told = String::from_utf8(unsigned.stderr).unwrap();
    assert_eq!(unsigned.status.code(), Some(1));
    assert!(
        told.contains("not signed as it must be") && told.contains("kh-1"),
        "{told}"
    );
    let proposal = machine.path().join("proposal").to_str().unwrap().to_owned();
    office.must(&["publish", "--note", "Lần đầu", "--prepare", &proposal]);
    let sign = ["publish", "--key", &key, "--proposal", &proposal];
    let sign = [&sign[..], &["--passphrase-file", passphrase]].concat();
    // Nobody there who says yes: nothing is signed.
    let refused = run_on(machine.path(), &sign);
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8(refused.stdout).unwrap().contains(CLOSED));
    assert!(!Path::new(&format!("{proposal}.signed")).exists());
    let signed = run_on(machine.path(), &[&sign[..], &["--yes"]].concat());
    let shown = String::from_utf8(signed.stdout).unwrap();
    assert!(signed.status.success());
    for words in [
        "number 1",
        "Lần đầu",
        "Khai mạc",
        CLOSED,
        "for the circle alone: thường trực",
    ] {
        assert!(shown.contains(words), "{words} is missing in {shown}");
    }
    let signed = format!("{proposal}.signed");
    let printed = office.must(&["publish", "--signed", &signed]);
    assert!(printed.contains("published as number 1"), "{printed}");
    let again = office.run(&["publish", "--signed", &signed]);
    assert!(
        String::from_utf8(again.stderr)
            .unwrap()
            .contains("Prepare it again")
    );

    let device = Device::enrol(&office, "Đại biểu 01");
    device.must(&["sync"]);
    let shown = show(&device);
    assert_eq!(shown["signed_by"], "signed by Thư ký 1");
    assert_eq!(titles(&shown), ["Khai mạc"]);
    let proof = machine.path().join("proof").to_str().unwrap().to_owned();
    device.must(&["proof", &meeting(&device), &proof]);
    let printed = office.must(&["verify", "--proof", &proof]);
    assert!(printed.contains("signed by Thư ký 1"), "{printed}");
    assert_eq!(alerts(&device), [""; 0]);
}

#[test]
fn an_office_that_secretaries_sign_for_cannot_make_a_publication_itself() {
    let mut office = Office::start_with_secretaries(true);
    let machine = TempDir::new().unwrap();
    let key = secretary_key(&office, "Thư ký 1", machine.path());
    office.file("p1.pdf", b"%PDF-1.7");
    office.must(&["import", &office.file("kh.toml", PROGRAMME.as_bytes())]);
    let proposal = machine.path().join("proposal").to_str().unwrap().to_owned();
    let passphrase = office
        .folder()
        .join("passphrase")
        .to_str()
        .unwrap()
        .to_owned();
    office.must(&["publish", "--prepare", &proposal]);
    let sign = ["publish", "--key", &key, "--proposal", &proposal, "--yes"];
    office.must(&[&sign[..], &["--passphrase-file", &passphrase]].concat());
    office.must(&["publish", "--signed", &format!("{proposal}.signed")]);
    let device = Device::enrol(&office, "Đại biểu 01");
    device.must(&["sync"]);
    let before = show(&device);
    office.kill();

    // With the online key and the database it writes what the log's rules allow: once without a
    // signature, once with one by a key that nobody but itself has signed.
    let forger = Forger::of(&office);
    forger.publish(2, None);
    let own = SoftwareKey::from_seed(&[7; 32]);
    forger.publish(3, Some((&forger.statement(&own), &own)));
    office.restart();
    office.must(&["verify"]);
    device.must(&["sync"]);
    device.must(&["sync"]);

    assert_eq!(show(&device), before);
    assert_eq!(
        alerts(&device),
        ["unsigned_publication", "unsigned_publication"]
    );
    let late = Device::enrol(&office, "Đại biểu 02");
    late.must(&["sync"]);
    assert_eq!(titles(&show(&late)), titles(&before));
    assert!(!is_in(
        "Bãi nhiệm Q9XZ ông Trỏ",
        &[show(&late).to_string().into_bytes()]
    ));
}

#[test]
fn a_secretarys_key_that_was_taken_back_publishes_nothing_more_and_what_it_signed_before_stays() {
    let mut office = Office::start_with_secretaries(true);
    let machine = TempDir::new().unwrap();
    let key = secretary_key(&office, "Thư ký 1", machine.path());
    office.file("p1.pdf", b"%PDF-1.7");
    office.must(&["import", &office.file("kh.toml", PROGRAMME.as_bytes())]);
    let proposal = machine.path().join("proposal").to_str().unwrap().to_owned();
    let passphrase = office.folder().join("passphrase");
    let passphrase = passphrase.to_str().unwrap();
    let sign = ["publish", "--key", &key, "--proposal", &proposal, "--yes"];
    let sign = [&sign[..], &["--passphrase-file", passphrase]].concat();
    office.must(&["publish", "--prepare", &proposal]);
    office.must(&sign);
    office.must(&["publish", "--signed", &format!("{proposal}.signed")]);
    let device = Device::enrol(&office, "Đại biểu 01");
    device.must(&["sync"]);
    let before = show(&device);

    // Prepared and signed, but not yet published.
    let changed = PROGRAMME.replace("Khai mạc", "Bế mạc");
    office.must(&["import", &office.file("kh.toml", changed.as_bytes())]);
    let again = format!("{proposal}2");
    office.must(&["publish", "--prepare", &again]);
    let sign = ["publish", "--key", &key, "--proposal", &again, "--yes"];
    let sign = [&sign[..], &["--passphrase-file", passphrase]].concat();
    office.must(&sign);

    let shown =
        || -> Value { serde_json::from_str(&office.must(&["keys", "show", "--json"])).unwrap() };
    let issued = || shown()["publication_keys"][0].clone();
    assert_eq!(issued()["name"], "Thư ký 1");
    assert_eq!(issued()["withdrawn"], false);
    let id = issued()["key"].as_str().unwrap().to_owned();
    let withdraw =
        |id: &str| office.run(&["keys", "withdraw", id, "--passphrase-file", passphrase]);
    let unknown = withdraw(shown()["online"].as_str().unwrap());
    assert!(
        told(&unknown).contains("issued no such publication key"),
        "{unknown:?}"
    );
    assert!(withdraw(&id).status.success());
    assert_eq!(issued()["withdrawn"], true);

    // The office takes nothing more that it has signed, and the secretary's machine says so, too.
    let refused = office.run(&["publish", "--signed", &format!("{again}.signed")]);
    assert!(told(&refused).contains("taken back"), "{refused:?}");
    let again = format!("{proposal}3");
    office.must(&["publish", "--prepare", &again]);
    let sign = ["publish", "--key", &key, "--proposal", &again, "--yes"];
    let refused = office.run(&[&sign[..], &["--passphrase-file", passphrase]].concat());
    assert!(told(&refused).contains("taken back"), "{refused:?}");

    // Nor do devices, whoever writes it into the log.
    device.must(&["sync"]);
    office.kill();
    let text = fs::read_to_string(passphrase).unwrap();
    let signer =
        PublicationSigner::load(Path::new(&key), &Passphrase::new(text.trim_end())).unwrap();
    Forger::of(&office).publish(2, Some((signer.statement(), &signer)));
    office.restart();
    device.must(&["sync"]);
    device.must(&["sync"]);
    assert_eq!(show(&device), before);
    assert_eq!(alerts(&device), ["unsigned_publication"]);
    let late = Device::enrol(&office, "Đại biểu 02");
    late.must(&["sync"]);
    assert_eq!(titles(&show(&late)), titles(&before));
}

fn told(output: &std::process::Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Makes a publication key at the office and puts it on the secretary's machine.
fn secretary_key(office: &Office, name: &str, machine: &Path) -> String {
    let key = machine.join("secretary.key").to_str().unwrap().to_owned();
    let passphrase = office
        .folder()
        .join("passphrase")
        .to_str()
        .unwrap()
        .to_owned();
    office.must(&[
        "keys",
        "publication",
        "--name",
        name,
        "--out",
        &key,
        "--passphrase-file",
        &passphrase,
        "--new-passphrase-file",
        &passphrase,
    ]);
    key
}

/// Somebody with the office's database and online key.
struct Forger {
    database: Connection,
    online: SoftwareKey,
    log: LogId,
}

impl Forger {
    fn of(office: &Office) -> Self {
        let pem = fs::read_to_string(office.data().join("keys/online.key")).unwrap();
        let text: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        let der = data_encoding::BASE64.decode(text.as_bytes()).unwrap();
        let database = Connection::open(office.database()).unwrap();
        let log: Vec<u8> = database
            .query_row("SELECT log FROM office", [], |row| row.get(0))
            .unwrap();
        Self {
            online: SoftwareKey::from_slice(&der[der.len() - 32..]).unwrap(),
            log: LogId::from_slice(&log).unwrap(),
            database,
        }
    }

    /// Says of a key that it may publish, as the root would.
    fn statement(&self, key: &SoftwareKey) -> Signed {
        let statement = PublicationKey {
            log: self.log,
            key: key.public_key(),
            name: "Thư ký 1".into(),
            issued_at: Timestamp::from_unix_ms(0),
            expires_at: Timestamp::from_unix_ms(u64::MAX >> 12),
        };
        Signed::sign(domain::PUBLICATION_KEY, &statement, &self.online).unwrap()
    }

    /// Writes a change of the open programme and a record of it.
    fn publish(&self, number: u64, by: Option<(&Signed, &dyn DeviceSigner)>) {
        let (feed, id, saved): (Vec<u8>, Vec<u8>, Vec<u8>) = self
            .database
            .query_row(
                "SELECT feed, id, saved FROM document WHERE substr(feed, 1, 1) = x'04'",
                [],
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
            )
            .unwrap();
        let feed = Feed::from_slice(&feed).unwrap();
        let id = DocumentId::from_slice(&id).unwrap();
        let mut document = Document::load(&saved, [u8::try_from(number).unwrap(); 16]).unwrap();
        let before = document.heads();
        let mut content = document.to_json().unwrap();
        content["items"]["i1"]["title"] = json!(format!("Bãi nhiệm Q9XZ ông Trỏ {number}"));
        document.reconcile(&content).unwrap();
        let record = Publication {
            meeting: programme_of(feed).unwrap().0,
            number,
            base_number: 1,
            heads: document.heads(),
            content: content_hash(&content),
            note: String::new(),
            published_at: Timestamp::from_unix_ms(1_800_000_000_000),
            base: Hash::ZERO,
            circle: None,
            abandons: Vec::new(),
        };
        let signed = match by {
            None => SignedPublication::new(&record, None),
            Some((statement, key)) => sign(&record, statement, key).unwrap(),
        };
        let change = document.changes_since(&before).concat();
        self.append(feed, id, Kind::Changes, change);
        self.append(feed, id, Kind::Publication, signed.encode());
        self.database
            .execute(
                "UPDATE document SET saved = ?1 WHERE feed = ?2",
                (document.save(), feed.to_bytes()),
            )
            .unwrap();
    }

    fn append(&self, feed: Feed, document: DocumentId, kind: Kind, payload: Vec<u8>) {
        type Row = (i64, Vec<u8>, Vec<u8>, i64, Vec<u8>);
        let (seq, chain, head, device_seq, newest): Row = self
            .database
            .query_row(
                "SELECT seq, chain, head, device_seq, newest FROM counter",
                [],
                |row| {
                    Ok((
                        row.get(0)?,
                        row.get(1)?,
                        row.get(2)?,
                        row.get(3)?,
                        row.get(4)?,
                    ))
                },
            )
            .unwrap();
        let number = |number: i64| u64::try_from(number).unwrap();
        let head: Signed = cbor::decode(&head, "head").unwrap();
        let head: LogHead = head.unverified().unwrap();
        let mut own = Chain {
            device: self.online.public_key().device(),
            incarnation: head.epoch,
            device_seq: number(device_seq),
            newest: Hash::from_slice(&newest).unwrap(),
        };
        let subject = Subject {
            log: self.log,
            feed,
            document,
            kind,
            generation: 0,
            sealed: None,
            covers: None,
        };
        let at = Timestamp::from_unix_ms(1_800_000_000_000);
        let envelope = Envelope::sign(&mut own, subject, payload, at, &self.online).unwrap();
        let feed_seq: i64 = self
            .database
            .query_row(
                "SELECT max(feed_seq) + 1 FROM entry WHERE feed = ?1",
                [feed.to_bytes()],
                |row| row.get(0),
            )
            .unwrap();
        let chain = chain_after(
            &Hash::from_slice(&chain).unwrap(),
            number(seq + 1),
            feed,
            number(feed_seq),
            &envelope.id(),
            at,
        );
        let head = LogHead {
            seq: number(seq + 1),
            chain,
            ..head
        };
        let head = Signed::sign(domain::HEAD, &head, &self.online).unwrap();
        let (id, bytes) = (envelope.id(), envelope.encode());
        let write = |statement: &str, values: &[&dyn ToSql]| {
            assert_eq!(self.database.execute(statement, values).unwrap(), 1);
        };
        let ms = i64::try_from(at.unix_ms()).unwrap();
        let length = i64::try_from(bytes.len()).unwrap();
        write(
            "INSERT INTO entry (seq, feed, feed_seq, envelope_id, device, length, received_at, chain)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            &[
                &(seq + 1),
                &feed.to_bytes(),
                &feed_seq,
                id.as_bytes(),
                own.device.as_bytes(),
                &length,
                &ms,
                chain.as_bytes(),
            ],
        );
        write(
            "INSERT INTO envelope (id, bytes) VALUES (?1, ?2)",
            &[id.as_bytes(), &bytes],
        );
        write(
            "INSERT INTO entry_audience (audience, seq) VALUES (?1, ?2)",
            &[&feed.audience(self.log).to_bytes(), &(seq + 1)],
        );
        write(
            "UPDATE counter SET seq = ?1, chain = ?2, head = ?3, device_seq = ?4, newest = ?5",
            &[
                &(seq + 1),
                chain.as_bytes(),
                &cbor::encode(&head),
                &(device_seq + 1),
                id.as_bytes(),
            ],
        );
    }
}

fn show(device: &Device) -> Value {
    device.must(&["show", &meeting(device)])
}

fn meeting(device: &Device) -> String {
    device.must(&["show"])[0]["id"].as_str().unwrap().to_owned()
}

fn titles(shown: &Value) -> Vec<String> {
    let items = shown["programme"]["items"].as_object().unwrap();
    let mut items: Vec<&Value> = items.values().collect();
    items.sort_by_key(|item| item["order_key"].as_str().unwrap().to_owned());
    items
        .iter()
        .map(|item| item["title"].as_str().unwrap().to_owned())
        .collect()
}

fn changes(device: &Device) -> Vec<String> {
    let changes = device.must(&["show", &meeting(device), "--changes"]);
    let changes = changes.as_array().unwrap().iter();
    changes
        .map(|change| change["change"].as_str().unwrap().to_owned())
        .filter(|change| !change.starts_with("paper"))
        .collect()
}

fn alerts(device: &Device) -> Vec<String> {
    let alerts = device.must(&["alerts"]);
    let alerts = alerts.as_array().unwrap().iter();
    alerts
        .map(|alert| alert["kind"].as_str().unwrap().to_owned())
        .collect()
}
