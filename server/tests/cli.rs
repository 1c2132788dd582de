//! The commands, run as an office runs them: each in a process of its own, on one folder.
#![expect(clippy::unwrap_used, reason = "the helpers of the tests are tests too")]

use std::{
    io::{BufRead, BufReader},
    net::TcpListener,
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use tempfile::TempDir;

const PROGRAMME: &str = "id = 'kh-1'\nkind = 'regular_session'\ntitle = 'Kỳ họp thứ Nhất'\n[[item]]\nid = 'i1'\ntitle = 'Khai mạc'\n";

/// A running `nghisu serve`, ended when dropped.
struct Serving {
    child: Child,
    address: String,
}

impl Serving {
    fn start(folder: &Path) -> Self {
        let port_file = folder.join("port");
        let mut child = command(folder)
            .args([
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--plain-http",
                "--port-file",
            ])
            .arg(&port_file)
            .arg("--data")
            .arg(folder.join("office"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // It prints one line when it is open.
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert!(line.contains("http://127.0.0.1:"), "{line}");
        let address = std::fs::read_to_string(&port_file).unwrap();
        Self { child, address }
    }

    fn stop(mut self) -> bool {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        self.child.wait().unwrap().success()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nghisu"));
    command
        .current_dir(folder)
        .env_remove("LC_ALL")
        .env("LANG", "en_GB.UTF-8");
    command
}

fn nghisu(folder: &Path, arguments: &[&str]) -> Output {
    command(folder)
        .args(arguments)
        .args(["--data", "office"])
        .output()
        .unwrap()
}

fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{}", complained(output));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn complained(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn json(output: &Output) -> serde_json::Value {
    serde_json::from_str(&printed(output)).unwrap()
}

#[test]
fn an_office_is_run_from_the_first_start_to_the_export() {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    std::fs::write(path.join("kh.toml"), PROGRAMME).unwrap();
    let serving = Serving::start(path);

    let added = json(&nghisu(path, &["person", "add", "Đại biểu 03", "--json"]));
    assert_eq!(added["role"], "delegate");
    let list = printed(&nghisu(path, &["person", "list"]));
    assert!(list.contains("Đại biểu 03"), "{list}");
    let invited = json(&nghisu(
        path,
        &["invite", "--person", "Đại biểu 03", "--json"],
    ));
    assert_eq!(invited["address"], serving.address.as_str());
    let invitation = invited["invitation"].as_str().unwrap();
    assert!(invitation.starts_with("nghisu+http://"), "{invitation}");
    let arguments = [
        "--person",
        "Đại biểu 03",
        "--address",
        "https://hop.example:443",
    ];
    let proxied = json(&nghisu(
        path,
        &[&["invite", "--json"], &arguments[..]].concat(),
    ));
    let proxied = proxied["invitation"].as_str().unwrap();
    assert!(
        proxied.starts_with("nghisu://hop.example:443/"),
        "{proxied}"
    );
    let wrong = ["invite", "--person", "Đại biểu 03", "--address", "nowhere"];
    let wrong = nghisu(path, &wrong);
    assert_eq!(wrong.status.code(), Some(1));
    assert!(complained(&wrong).contains("nowhere"));
    let shown = printed(&nghisu(
        path,
        &["invite", "--letter", "--person", "Đại biểu 03"],
    ));
    assert!(
        shown.contains("nghisu+http://") && shown.contains('▀'),
        "{shown}"
    );

    assert!(printed(&nghisu(path, &["import", "kh.toml"])).starts_with("imported"));
    assert!(printed(&nghisu(path, &["import", "kh.toml"])).starts_with("unchanged"));
    let published = printed(&nghisu(path, &["publish", "--note", "lần đầu"]));
    assert!(published.contains("number 1"), "{published}");
    let again = nghisu(path, &["publish"]);
    assert_eq!(printed(&again).trim(), "There is nothing to publish.");
    let named = nghisu(path, &["publish", "--meeting", "kh-1"]);
    assert_eq!(named.status.code(), Some(1));

    let status = json(&nghisu(path, &["status", "--json"]));
    assert_eq!(status["meetings"][0]["published"], 1);
    assert_eq!(status["open_invitations"], 3);
    let exported = json(&nghisu(path, &["export", "--person", "Đại biểu 03"]));
    let meeting = status["meetings"][0]["id"].as_str().unwrap();
    assert_eq!(exported["meetings"][meeting]["note"], "lần đầu");
    assert!(printed(&nghisu(path, &["verify"])).contains("4 entries"));
    assert!(serving.stop());
}

#[test]
fn a_port_that_is_taken_is_named_and_no_office_is_made() {
    let folder = TempDir::new().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();

    let output = nghisu(folder.path(), &["serve", "--listen", &address]);

    assert_eq!(output.status.code(), Some(1));
    let text = complained(&output);
    assert!(text.contains("port") && text.contains(&address), "{text}");
    assert!(!folder.path().join("office").exists());
}

#[test]
fn what_cannot_be_used_is_said_in_the_language_asked_for() {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    let en = nghisu(path, &["person", "list"]);
    assert_eq!(en.status.code(), Some(1));
    assert!(complained(&en).starts_with("There is no office in this folder."));
    let vi = nghisu(path, &["person", "list", "--lang", "vi"]);
    assert!(complained(&vi).starts_with("Thư mục này chưa có văn phòng."));
    let default = command(path)
        .env("LANG", "C")
        .args(["person", "list", "--data", "office"])
        .output()
        .unwrap();
    assert!(complained(&default).starts_with("Thư mục này chưa có văn phòng."));

    let address = nghisu(path, &["serve", "--listen", "nowhere"]);
    assert_eq!(address.status.code(), Some(1));
    assert!(complained(&address).contains("nowhere"));
    assert_eq!(
        nghisu(path, &["serve", "--nonsense"]).status.code(),
        Some(2)
    );
    assert_eq!(
        command(path).arg("--help").output().unwrap().status.code(),
        Some(0)
    );
}

#[test]
fn a_data_folder_that_cannot_be_made_is_named() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("office"), b"a file").unwrap();

    let output = nghisu(folder.path(), &["serve", "--listen", "127.0.0.1:0"]);

    assert_eq!(output.status.code(), Some(1));
    let text = complained(&output);
    assert!(
        text.starts_with("The folder cannot be written to. [office"),
        "{text}"
    );
}

#[test]
fn a_mistake_in_a_programme_is_named_with_file_and_line() {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    let serving = Serving::start(path);
    std::fs::write(path.join("kh.toml"), "id = 'kh-1'\ntitel = 'x'\n").unwrap();

    let output = nghisu(path, &["import", "kh.toml"]);

    assert_eq!(output.status.code(), Some(1));
    let text = complained(&output);
    assert!(text.contains("kh.toml:2"), "{text}");
    assert!(serving.stop());
}

#[test]
fn who_belongs_where_is_said_by_name_and_taken_back_by_name() {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    std::fs::write(path.join("kh.toml"), PROGRAMME).unwrap();
    let serving = Serving::start(path);
    printed(&nghisu(path, &["person", "add", "Đại biểu 03"]));
    printed(&nghisu(path, &["import", "kh.toml"]));
    printed(&nghisu(path, &["publish"]));
    let list = || printed(&nghisu(path, &["member", "list"]));

    // Typed in another form of Unicode it is the same circle.
    printed(&nghisu(path, &["circle", "add", "thường trực"]));
    let decomposed = "thươ\u{300}ng trực";
    printed(&nghisu(path, &["group", "add", "Tổ 1"]));
    assert!(
        list().contains("circle   thường trực  (nobody yet)"),
        "{}",
        list()
    );
    assert!(list().contains("group    Tổ 1  (nobody yet)"), "{}", list());

    let to_circle = ["Đại biểu 03", "--circle", decomposed];
    let to_group = ["Đại biểu 03", "--group", "Tổ 1"];
    let out_of_meeting = ["Đại biểu 03", "--meeting", "kh-1"];
    let member = |what: &str, whom: &[&str]| nghisu(path, &[&["member", what], whom].concat());
    assert_eq!(printed(&member("add", &to_circle)), "added  Đại biểu 03\n");
    assert_eq!(
        printed(&member("add", &to_circle)),
        "was a member already  Đại biểu 03\n"
    );
    printed(&member("add", &to_group));
    assert_eq!(
        printed(&member("remove", &out_of_meeting)),
        "removed  Đại biểu 03\n"
    );
    assert!(
        list().contains("circle   thường trực  Đại biểu 03  (granted)"),
        "{}",
        list()
    );
    assert!(
        list().contains("group    Tổ 1  Đại biểu 03  (granted)"),
        "{}",
        list()
    );
    printed(&member("remove", &to_group));
    assert_eq!(
        printed(&member("remove", &to_group)),
        "was no member  Đại biểu 03\n"
    );
    let members = json(&nghisu(path, &["member", "list", "--json"]));
    let members = members.as_array().unwrap();
    let of_person: Vec<_> = members
        .iter()
        .filter(|member| member["person"]["name"] == "Đại biểu 03")
        .collect();
    assert_eq!(of_person.len(), 1, "{members:?}");
    assert_eq!(of_person[0]["circle"], "thường trực");
    assert_eq!(of_person[0]["implied"], false);

    for (whom, words) in [
        (
            &["Đại biểu 99", "--circle", "thường trực"][..],
            "no such person",
        ),
        (&["Đại biểu 03", "--circle", "kinh tế"], "no such circle"),
        (&["Đại biểu 03", "--group", "Tổ 9"], "no such circle, group"),
        (&["Đại biểu 03", "--meeting", "kh-9"], "no such"),
    ] {
        let output = member("add", whom);
        assert_eq!(output.status.code(), Some(1));
        assert!(
            complained(&output).contains(words),
            "{}",
            complained(&output)
        );
    }
    assert_eq!(member("add", &["Đại biểu 03"]).status.code(), Some(2));
    assert!(serving.stop());
}
