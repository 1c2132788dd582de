//! What goes wrong outside: wrong invitations, wrong servers, wrong files, no space. Each is named
//! for what it is, and nothing is half done.
#![expect(
    clippy::unwrap_used,
    reason = "the helpers below the tests are tests too"
)]

use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use nghisu_core::{
    Client, Code, Config,
    limits::REQUEST_BYTES_MAX,
    store::{NoteTarget, Splice},
    sync::wire::{MEDIA_TYPE, Refusal},
};
use nghisu_tests::{
    link::{Link, Passed, messages},
    process::{Device, Office, run_on},
    report,
};
use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;

const DELEGATE: &str = "Đại biểu 03";

#[test]
fn a_wrong_code_enrols_nobody() {
    let office = Office::start(true);
    let device = Device::new();
    let invitation = office.invite(DELEGATE, office.address());
    let (before, code) = invitation.rsplit_once('/').unwrap();
    let other_letter = if code.starts_with('A') { "B" } else { "A" };

    for wrong in [
        format!("{before}/{other_letter}{}", &code[1..]),
        before.to_owned(),
        "https://example.org".to_owned(),
        String::new(),
    ] {
        assert_eq!(device.error(&["enrol", &wrong]), "invitation_invalid");
    }

    assert_eq!(devices(&office), 0);
    // The right one still works, however it was wrapped on paper.
    let wrapped = invitation.replace('/', "/\n ");
    device.must(&["enrol", &wrapped]);
    assert_eq!(devices(&office), 1);
}

#[test]
fn an_invitation_works_for_one_device_alone() {
    let office = Office::start(true);
    let [first, second] = [Device::new(), Device::new()];
    let invitation = office.invite(DELEGATE, office.address());
    first.must(&["enrol", &invitation]);

    assert_eq!(second.error(&["enrol", &invitation]), "invitation_used");
    assert_eq!(first.error(&["enrol", &invitation]), "already_enrolled");
    assert_eq!(devices(&office), 1);
}

#[test]
fn an_invitation_expires() {
    let office = Office::start(true);
    let device = Device::new();
    let invitation = office.invite(DELEGATE, office.address());
    Connection::open(office.database())
        .unwrap()
        .execute("UPDATE invitation SET expires_at = 1", [])
        .unwrap();

    assert_eq!(device.error(&["enrol", &invitation]), "invitation_expired");

    assert_eq!(devices(&office), 0);
    device.must(&["enrol", &office.invite(DELEGATE, office.address())]);
}

#[test]
fn an_office_that_is_not_there_is_unreachable_and_can_be_tried_again() {
    let mut office = Office::start(true);
    let device = Device::new();
    let invitation = office.invite(DELEGATE, office.address());
    office.kill();

    assert_eq!(device.error(&["enrol", &invitation]), "office_unreachable");

    office.restart();
    device.must(&["enrol", &invitation]);
    office.kill();
    assert_eq!(device.error(&["sync"]), "office_unreachable");
}

#[test]
fn another_office_at_the_address_learns_nothing() {
    let [invited, other] = [Office::start(true), Office::start(true)];
    let cable = Link::to(other.address());
    let device = Device::new();
    let invitation = invited.invite(DELEGATE, &cable.address());

    assert_eq!(device.error(&["enrol", &invitation]), "office_certificate");

    let up = cable.passed().up;
    let records = tls_records(&up);
    report(&format!("sent: {records:?}"));
    // Handshake, alert, change of cipher: in TLS 1.3 the alert travels as 19 bytes of "data".
    assert!(
        records
            .iter()
            .all(|&(kind, length)| [20, 21, 22].contains(&kind) || (kind == 23 && length <= 19))
    );
    // Two greetings: to the office itself, and to a server that another authority might vouch for.
    assert_eq!(records.iter().filter(|(kind, _)| *kind == 22).count(), 2);
    assert_eq!((devices(&invited), devices(&other)), (0, 0));

    // The same holds for a device that has long been enrolled and meets another office.
    let cable = Link::to(invited.address());
    let device = Device::enrol_at(&invited, DELEGATE, &cable.address());
    move_to(&device, other.address());
    assert_eq!(device.error(&["sync"]), "office_certificate");
    // The control: a request does show as data.
    let up = cable.passed().up;
    assert!(
        tls_records(&up)
            .iter()
            .any(|&(kind, length)| kind == 23 && length > 19)
    );
}

/// Returns the kind and the length of every TLS record.
fn tls_records(mut bytes: &[u8]) -> Vec<(u8, usize)> {
    let mut records = Vec::new();
    while let [kind, _, _, high, low, rest @ ..] = bytes {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        records.push((*kind, length));
        bytes = &rest[length..];
    }
    assert!(bytes.is_empty());
    records
}

fn move_to(device: &Device, address: &str) {
    Connection::open(device.database())
        .unwrap()
        .execute(
            "UPDATE state SET value = ?1 WHERE name = 'address'",
            [address.as_bytes()],
        )
        .unwrap();
}

#[test]
fn what_is_no_office_is_named_so() {
    for tls in [true, false] {
        let office = Office::start(tls);
        let portal = Portal::open();
        let device = Device::new();
        let invitation = office.invite(DELEGATE, &portal.address);

        assert_eq!(device.error(&["enrol", &invitation]), "not_an_office");

        device.must(&["enrol", &office.invite(DELEGATE, office.address())]);
        device.must(&["note", "create", "Giữ lại"]);
        move_to(&device, &portal.address);
        assert_eq!(device.error(&["sync"]), "not_an_office");
        move_to(&device, office.address());
        device.must(&["sync"]);
        assert_eq!(device.must(&["status"])["unsent"], 0);
    }
}

/// The sign-in page of a public network: whatever is asked, it answers 200 and HTML.
struct Portal {
    address: String,
    closed: Arc<AtomicBool>,
}

impl Portal {
    fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let closed = Arc::new(AtomicBool::new(false));
        let is_closed = Arc::clone(&closed);
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                if is_closed.load(Ordering::SeqCst) {
                    return;
                }
                let page = "<html>Đăng nhập để dùng Wi-Fi</html>";
                let head = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {}\r\n\r\n",
                    page.len()
                );
                // Whoever asked may have gone.
                let _ = stream.read(&mut [0; 16 << 10]);
                let _ = stream.write_all(format!("{head}{page}").as_bytes());
                let _ = stream.shutdown(std::net::Shutdown::Write);
                let _ = stream.read_to_end(&mut Vec::new());
            }
        });
        Self { address, closed }
    }
}

impl Drop for Portal {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::SeqCst);
        // Wakes the listener, which then ends.
        let _ = TcpStream::connect(&self.address);
    }
}

#[test]
fn requests_that_are_none_are_refused_and_the_office_goes_on() {
    let office = Office::start(false);
    let cable = Link::to(office.address());
    let device = Device::enrol_at(&office, DELEGATE, &cable.address());
    device.must(&["note", "create", "Một"]);
    cable.forget();
    device.must(&["sync"]);
    let requests = |passed: &Passed| messages(&passed.up).0;
    assert!(cable.wait(Duration::from_secs(120), |passed| {
        !requests(passed).is_empty()
    }));
    let request = &cable.look(requests)[0].body;
    let log = entries(&office);

    for cut in [0, 1, 2, request.len() / 3, request.len() - 1] {
        let (status, refusal) = post(&office, "/v1/sync", &request[..cut], cut);
        assert_eq!(
            (status, refusal.as_str()),
            (400, "malformed"),
            "{cut} bytes"
        );
    }
    let mut altered = request.clone();
    *altered.last_mut().unwrap() ^= 1;
    let (status, refusal) = post(&office, "/v1/sync", &altered, altered.len());
    assert_eq!((status, refusal.as_str()), (400, "malformed"));
    let long = vec![0; REQUEST_BYTES_MAX + 1];
    for announced in [long.len(), usize::MAX >> 1] {
        let (status, refusal) = post(&office, "/v1/sync", &long[..1], announced);
        assert_eq!((status, refusal.as_str()), (413, "too_large"));
    }
    // Nobody waits for the answer to one that breaks off.
    let mut broken_off = TcpStream::connect(office.address()).unwrap();
    let head = request_head(&office, "/v1/sync", request.len());
    broken_off.write_all(head.as_bytes()).unwrap();
    broken_off.write_all(&request[..request.len() / 2]).unwrap();
    drop(broken_off);
    let (status, refusal) = post(&office, "/v1/enrol", &long[..5000], 5000);
    assert_eq!((status, refusal.as_str()), (413, "too_large"));
    let (status, refusal) = post(&office, "/v1/enrol", b"hello", 5);
    assert_eq!((status, refusal.as_str()), (400, "malformed"));
    let (status, refusal) = post(&office, "/v1/secrets", b"", 0);
    assert_eq!((status, refusal.as_str()), (404, "malformed"));

    assert_eq!(entries(&office), log);
    device.must(&["note", "create", "Hai"]);
    // The note, and the list of notes.
    assert_eq!(device.must(&["sync"])["accepted"], 2);
    assert!(
        !office.log_text().contains("ERROR"),
        "{}",
        office.log_text()
    );
}

/// Posts bytes by hand, of which `announced` are announced, and returns the status and the refusal.
fn post(office: &Office, path: &str, body: &[u8], announced: usize) -> (u16, String) {
    let mut stream = TcpStream::connect(office.address()).unwrap();
    let head = request_head(office, path, announced);
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    let mut answer = Vec::new();
    // The office may close before it has read what nobody will send.
    let _ = stream.read_to_end(&mut answer);
    let (answers, _) = messages(&answer);
    let answer = &answers[0];
    let status = answer.head.split(' ').nth(1).unwrap().parse().unwrap();
    assert!(answer.head.contains(MEDIA_TYPE), "{}", answer.head);
    let refusal: Refusal = nghisu_core::cbor::decode(&answer.body, "refusal").unwrap();
    (status, refusal.code)
}

fn request_head(office: &Office, path: &str, announced: usize) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: {}\r\ncontent-type: {MEDIA_TYPE}\r\ncontent-length: {announced}\r\nconnection: close\r\n\r\n",
        office.address()
    )
}

#[test]
fn a_port_that_is_taken_is_named_and_the_other_office_goes_on() {
    let office = Office::start(true);
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("office");

    let output = run_on(&data, &["serve", "--listen", office.address()]);

    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        told.contains("Another program uses this port") && told.contains(office.address()),
        "{told}"
    );
    assert!(!data.exists());
    Device::enrol(&office, DELEGATE).must(&["sync"]);
}

#[test]
fn a_data_folder_that_is_a_file_is_left_alone() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("report.txt");
    fs::write(&file, "Báo cáo").unwrap();

    let office = run_on(&file, &["serve", "--listen", "127.0.0.1:0"]);
    let device = Device::at(&file).error(&["status"]);

    let told = String::from_utf8(office.stderr).unwrap();
    assert_eq!(office.status.code(), Some(1));
    assert!(
        told.contains("cannot be written to") && told.contains("report.txt"),
        "{told}"
    );
    assert_eq!(device, "folder_not_writable");
    assert_eq!(fs::read_to_string(file).unwrap(), "Báo cáo");
}

#[test]
fn a_folder_without_an_office_is_named() {
    let folder = TempDir::new().unwrap();

    for arguments in [&["status"][..], &["publish"], &["person", "list"]] {
        let output = run_on(folder.path(), arguments);

        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(told.contains("no office in this folder"), "{told}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_with_a_full_disk_keeps_what_it_has_and_goes_on_when_there_is_space() {
    let office = Office::start(true);
    let device = Device::new();
    let Some(disk) = Disk::at(device.folder()) else {
        return;
    };
    device.must(&["enrol", &office.invite(DELEGATE, office.address())]);
    let config = Config::new(device.folder(), "device");
    let client = Client::open(config).await.unwrap();
    let saved = client
        .create_note(NoteTarget::default(), "Còn nguyên")
        .await
        .unwrap();
    let large = "Điều 60. ".repeat(3000);

    disk.fill();
    let failed = client
        .create_note(NoteTarget::default(), &large)
        .await
        .unwrap_err();
    let edit = Splice {
        position: 0,
        delete: 0,
        insert: large.clone(),
    };
    let edited = client.edit_note(saved.id, vec![edit]).await.unwrap_err();

    assert_eq!(
        (failed.code(), edited.code()),
        (Code::DiskFull, Code::DiskFull)
    );
    assert_eq!(client.notes(None).await.unwrap(), [saved]);

    disk.free();
    client
        .create_note(NoteTarget::default(), &large)
        .await
        .unwrap();
    client.sync().await.unwrap();
    assert_eq!(client.status().await.unwrap().unsent, 0);
    client.shut_down().await;

    // A start on a full disk is named too, and what was saved is there afterwards. What is written is more
    // than the pages that are free within the file.
    disk.fill();
    let larger = large.repeat(2);
    assert_eq!(device.error(&["note", "create", &larger]), "disk_full");
    disk.free();
    let notes = device.must(&["note", "list"]);
    let texts: Vec<_> = notes
        .as_array()
        .unwrap()
        .iter()
        .map(|note| &note["text"])
        .collect();
    assert_eq!(texts, [&json!("Còn nguyên"), &json!(large)]);
}

#[test]
fn an_office_with_a_full_disk_accepts_nothing_and_goes_on_when_there_is_space() {
    let mut office = Office::start(true);
    let device = Device::enrol(&office, DELEGATE);
    device.must(&["note", "create", "Một"]);
    device.must(&["sync"]);
    office.kill();
    let aside = office.folder().join("aside");
    fs::rename(office.data(), &aside).unwrap();
    fs::create_dir(office.data()).unwrap();
    let Some(disk) = Disk::at(&office.data()) else {
        return;
    };
    let copied = Command::new("cp")
        .arg("-a")
        .arg(format!("{}/.", aside.display()))
        .arg(office.data())
        .status()
        .unwrap();
    assert!(copied.success());
    office.restart();
    let log = entries(&office);

    disk.fill();
    for n in 0..20 {
        device.must(&[
            "note",
            "create",
            &format!("{n} {}", "Điều 60. ".repeat(500)),
        ]);
    }
    assert_eq!(device.error(&["sync"]), "disk_full");
    assert_eq!(entries(&office), log);
    assert_eq!(device.must(&["status"])["unsent"], 20);

    disk.free();
    // The notes, and the list of them.
    assert_eq!(device.must(&["sync"])["accepted"], 21);
    assert_eq!(device.must(&["status"])["unsent"], 0);
    office.kill();
    office.must(&["verify"]);
    disk.fill();
    let output = office.run(&["status"]);
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(told.contains("The disk is full"), "{told}");
    disk.free();
    office.must(&["verify"]);
}

/// A disk of 4 MiB.
struct Disk {
    folder: PathBuf,
}

impl Disk {
    /// Mounts it at `folder`; where that is not permitted, says so and returns `None`.
    fn at(folder: &Path) -> Option<Self> {
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"])
            .arg(folder)
            .output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self {
                folder: folder.to_owned(),
            });
        }
        report(
            "SKIPPED: a small disk cannot be mounted here; run as root where mount is permitted",
        );
        None
    }

    fn fill(&self) {
        let mut file = fs::File::create(self.folder.join("filler")).unwrap();
        let piece = [1; 4 << 10];
        // What was deleted just now may come free a moment later.
        for _ in 0..20 {
            let full = loop {
                if let Err(error) = file.write_all(&piece) {
                    break error;
                }
            };
            assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn free(&self) {
        fs::remove_file(self.folder.join("filler")).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily, since a process of a failed test may still have files open there.
        let _ = Command::new("umount").arg("-l").arg(&self.folder).status();
    }
}

#[test]
fn a_database_of_a_newer_version_is_refused_untouched() {
    let mut office = Office::start(true);
    let device = Device::enrol(&office, DELEGATE);
    device.must(&["note", "create", "Giữ"]);
    office.kill();
    let mut known = 0;
    for database in [office.database(), device.database()] {
        let connection = Connection::open(&database).unwrap();
        known = connection
            .pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0))
            .unwrap();
        connection.pragma_update(None, "user_version", 99).unwrap();
    }
    let before = fs::read(device.database()).unwrap();

    for command in [&["note", "list"][..], &["sync"], &["note", "create", "x"]] {
        assert_eq!(device.error(command), "database_newer");
    }
    let output = office.run(&["status"]);

    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("newer version"), "{told}");
    assert!(fs::read(device.database()).unwrap() == before);
    Connection::open(device.database())
        .unwrap()
        .pragma_update(None, "user_version", known)
        .unwrap();
    assert_eq!(device.must(&["note", "list"])[0]["text"], "Giữ");
}

#[test]
fn a_mistake_in_a_programme_is_named_with_its_place_and_nothing_imported() {
    let office = Office::start(true);
    let good = "id = \"kh-1\"\nkind = \"regular_session\"\ntitle = \"Kỳ họp\"\n";
    let good_file = office.file("good.toml", good.replace("kh-1", "kh-2").as_bytes());
    let item = "\n[[item]]\nid = \"i1\"\ntitle = \"Khai mạc\"\n";
    for (content, place, expected) in [
        (
            format!("{good}titel = \"x\"\n"),
            "kh.toml:4",
            "expected \"title\"?",
        ),
        (
            format!("{good}when = {{ year = 2026, month = 13 }}\n"),
            "kh.toml:4",
            "month",
        ),
        (
            format!("{good}when = \"8/12/2026\"\n"),
            "kh.toml:4",
            "expected",
        ),
        (
            format!("{good}{item}{item}"),
            "kh.toml:10",
            "stands in line 6 too; expected an id of its own",
        ),
        (format!("{good}[[item\n"), "kh.toml:4", "expected"),
        (
            "{\n\"type\": \"x/Meeting\",\n}".to_owned(),
            "kh.toml:3",
            "expected JSON",
        ),
    ] {
        let bad_file = office.file("kh.toml", content.as_bytes());

        let output = office.run(&["import", &good_file, &bad_file]);

        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{content}");
        assert!(told.contains(place) && told.contains(expected), "{told}");
        assert!(output.stdout.is_empty());
        let status: Value = serde_json::from_str(&office.must(&["status", "--json"])).unwrap();
        assert_eq!(status["meetings"], json!([]));
        assert_eq!(entries(&office), 1);
    }
    let bad_file = office.file("kh.toml", format!("{good}{item}").as_bytes());
    office.must(&["import", &good_file, &bad_file]);
}

#[test]
fn a_second_process_on_one_store_is_refused() {
    let office = Office::start(true);
    let device = Device::enrol(&office, DELEGATE);
    let (mut holder, _) = device.held(&["note", "create", "Một"]);

    for command in [&["note", "list"][..], &["sync"], &["note", "create", "Hai"]] {
        assert_eq!(device.error(command), "already_open");
    }

    // Closing its input ends the one that has the store open.
    drop(holder.stdin.take());
    assert!(holder.wait().unwrap().success());
    device.must(&["note", "create", "Hai"]);
    assert_eq!(device.must(&["note", "list"]).as_array().unwrap().len(), 2);
}

fn devices(office: &Office) -> u32 {
    count(office, "device")
}

fn entries(office: &Office) -> u32 {
    count(office, "entry")
}

fn count(office: &Office, table: &str) -> u32 {
    Connection::open(office.database())
        .unwrap()
        .query_row(&format!("SELECT count(*) FROM {table}"), [], |row| {
            row.get(0)
        })
        .unwrap()
}
