//! An office and devices as programs, each in a folder of its own.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

/// How long a program may take to come up.
const START_MAX: Duration = Duration::from_secs(120);

/// Returns the program `name`, which the same build has made.
///
/// # Panics
/// If it is not there: then the whole workspace was not built.
pub fn program(name: &str) -> PathBuf {
    let own = std::env::current_exe().expect("a running program has a path");
    let found = own
        .ancestors()
        .skip(1)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("{name} is not built: run the tests with --workspace"))
}

/// An office. It is killed when dropped.
#[derive(Debug)]
pub struct Office {
    folder: TempDir,
    process: Option<Child>,
    listen: String,
    tls: bool,
    serve_flags: Vec<String>,
}

impl Office {
    /// Starts an office in a new folder on a free port.
    pub fn start(tls: bool) -> Self {
        Self::start_in(&std::env::temp_dir(), tls)
    }

    /// Starts an office in a new folder within `parent` on a free port.
    pub fn start_in(parent: &Path, tls: bool) -> Self {
        let folder = TempDir::new_in(parent).expect("a temporary folder can be made");
        let mut office = Self {
            folder,
            process: None,
            listen: "127.0.0.1:0".into(),
            tls,
            serve_flags: Vec::new(),
        };
        office.restart();
        office
    }

    /// Starts the office again, now and from here on with further flags of `serve`.
    pub fn restart_with(&mut self, flags: &[&str]) {
        self.kill();
        self.serve_flags = flags.iter().map(ToString::to_string).collect();
        self.restart();
    }

    /// Starts an office whose publications secretaries sign. Its root key lies in `root.key` in the
    /// office's folder, under the passphrase in `passphrase`.
    pub fn start_with_secretaries(tls: bool) -> Self {
        let folder = TempDir::new().expect("a temporary folder can be made");
        let mut office = Self {
            folder,
            process: None,
            listen: "127.0.0.1:0".into(),
            tls,
            serve_flags: Vec::new(),
        };
        let passphrase = office.file("passphrase", b"a passphrase of this test");
        let root = office.folder.path().join("root.key");
        let root = root.to_str().expect("temporary paths are UTF-8");
        office.must(&[
            "init",
            "--publications",
            "secretary",
            "--root-key",
            root,
            "--passphrase-file",
            &passphrase,
        ]);
        office.restart();
        office
    }

    /// Starts the office again in its folder, at its address.
    pub fn restart(&mut self) {
        let port_file = self.folder.path().join("address");
        if port_file.exists() {
            fs::remove_file(&port_file).expect("the office's folder can be written to");
        }
        let mut command = Command::new(program("nghisu"));
        command
            .arg("serve")
            .arg("--data")
            .arg(self.data())
            .args(["--listen", &self.listen])
            .arg("--port-file")
            .arg(&port_file);
        if !self.tls {
            command.arg("--plain-http");
        }
        command.args(&self.serve_flags);
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(self.log())
            .expect("the log can be opened");
        let errors = log.try_clone().expect("the log can be opened twice");
        self.process = Some(
            command
                .stdout(log)
                .stderr(errors)
                .stdin(Stdio::null())
                .spawn()
                .expect("nghisu starts"),
        );
        let begun = Instant::now();
        self.listen = loop {
            if let Some(address) = fs::read_to_string(&port_file)
                .ok()
                .filter(|text| !text.is_empty())
            {
                break address.trim().to_owned();
            }
            let ended = self
                .process
                .as_mut()
                .and_then(|process| process.try_wait().ok().flatten());
            assert!(
                ended.is_none() && begun.elapsed() < START_MAX,
                "the office does not come up: {}",
                self.log_text()
            );
            thread::yield_now();
        };
    }

    /// Kills the office with SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().expect("a child can be killed");
            process.wait().expect("a killed child ends");
        }
    }

    /// Returns the process id of the running office.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Child::id)
    }

    /// Returns the address at which the office listens: `127.0.0.1:PORT`.
    pub fn address(&self) -> &str {
        &self.listen
    }

    /// Returns the office's data folder.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// Returns the office's database.
    pub fn database(&self) -> PathBuf {
        self.data().join("office.db")
    }

    /// Returns what the office has printed.
    pub fn log_text(&self) -> String {
        fs::read_to_string(self.log()).unwrap_or_default()
    }

    /// Runs a command of `nghisu` on this office's folder.
    pub fn run(&self, arguments: &[&str]) -> Output {
        run_on(&self.data(), arguments)
    }

    /// Runs a command that must succeed and returns what it printed.
    pub fn must(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "nghisu {arguments:?}: {errors}");
        String::from_utf8(output.stdout).expect("nghisu prints UTF-8")
    }

    /// Adds a delegate and returns an invitation for a device of his at `address`, which is enrolled
    /// at once.
    pub fn invite(&self, person: &str, address: &str) -> String {
        self.invite_with(person, address, &["--confirm-at-once"])
    }

    /// Adds a delegate and returns an invitation for a device of his at `address`, which waits until
    /// its six digits are confirmed.
    pub fn invite_to_compare(&self, person: &str, address: &str) -> String {
        self.invite_with(person, address, &[])
    }

    fn invite_with(&self, person: &str, address: &str, flags: &[&str]) -> String {
        if !self.must(&["person", "list"]).contains(person) {
            self.must(&["person", "add", person]);
        }
        let invite = ["invite", "--person", person, "--address", address, "--json"];
        let printed = self.must(&[&invite, flags].concat());
        let value: Value = serde_json::from_str(&printed).expect("--json prints JSON");
        value["invitation"]
            .as_str()
            .expect("an invitation is a text")
            .to_owned()
    }

    /// Writes a file into the folder that programmes are imported from, and returns its path.
    pub fn file(&self, name: &str, content: &[u8]) -> String {
        let path = self.folder.path().join(name);
        fs::write(&path, content).expect("a file can be written");
        path.into_os_string()
            .into_string()
            .expect("temporary paths are UTF-8")
    }

    /// Writes a programme file, imports it and publishes.
    pub fn publish(&self, name: &str, content: &[u8]) {
        self.must(&["import", &self.file(name, content)]);
        self.must(&["publish"]);
    }

    /// Returns the office's folder beside its data, for files of a test.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Office {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Runs a command of `nghisu` on the office in `folder`.
pub fn run_on(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(program("nghisu"));
    command
        .args(arguments)
        .arg("--data")
        .arg(folder)
        .args(["--lang", "en"])
        .stdin(Stdio::null());
    command.output().expect("nghisu runs")
}

/// A device as a program.
#[derive(Debug)]
pub struct Device {
    folder: PathBuf,
    _temporary: Option<TempDir>,
}

impl Device {
    /// Enrols a new device of `person`.
    pub fn enrol(office: &Office, person: &str) -> Self {
        Self::enrol_at(office, person, office.address())
    }

    /// Enrols a new device of `person` that reaches the office at `address`.
    pub fn enrol_at(office: &Office, person: &str, address: &str) -> Self {
        let device = Self::new();
        device.must(&["enrol", &office.invite(person, address)]);
        device
    }

    /// Enrols another device of `person` and lets it into the vault of his notes by the word of this one.
    pub fn another(&self, office: &Office, person: &str) -> Self {
        self.another_at(office, person, office.address())
    }

    /// The same for a device that reaches the office at `address`.
    pub fn another_at(&self, office: &Office, person: &str, address: &str) -> Self {
        self.must(&["sync"]);
        let other = Self::enrol_at(office, person, address);
        self.let_in(&other);
        other
    }

    /// Lets another device of the same person into the vault.
    pub fn let_in(&self, other: &Self) {
        other.must(&["sync"]);
        let code = other.must(&["vault", "link"])["code"].clone();
        other.must(&["sync"]);
        self.must(&["sync"]);
        self.must(&["vault", "approve", code.as_str().expect("a code is a text")]);
        self.must(&["sync"]);
        other.must(&["sync"]);
        let state = other.must(&["vault", "status"])["state"].clone();
        assert_eq!(state, "open", "the device is in the vault");
    }

    /// Makes a device that belongs to nobody yet.
    #[expect(clippy::new_without_default, reason = "a device is made on purpose")]
    pub fn new() -> Self {
        let temporary = TempDir::new().expect("a temporary folder can be made");
        Self {
            folder: temporary.path().to_owned(),
            _temporary: Some(temporary),
        }
    }

    /// Returns the device whose store is, or shall be, in `folder`.
    pub fn at(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            _temporary: None,
        }
    }

    /// Returns the device's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the device's database.
    pub fn database(&self) -> PathBuf {
        self.folder.join("nghisu.db")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program("device"));
        command
            .arg(self.folder())
            .args(arguments)
            .args(["--json", "--lang", "en"]);
        command
    }

    /// Runs a command.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments)
            .stdin(Stdio::null())
            .output()
            .expect("device runs")
    }

    /// Runs a command that must succeed and returns what it printed.
    pub fn must(&self, arguments: &[&str]) -> Value {
        let output = self.run(arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "device {arguments:?}: {errors}");
        serde_json::from_slice(&output.stdout).expect("--json prints JSON")
    }

    /// Runs a command that must succeed and returns the bytes that it printed as text for people.
    pub fn text(&self, arguments: &[&str]) -> Vec<u8> {
        let mut command = Command::new(program("device"));
        let output = command
            .arg(self.folder())
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .expect("device runs");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "device {arguments:?}: {errors}");
        output.stdout
    }

    /// Runs a command that must fail and returns the name of its error.
    pub fn error(&self, arguments: &[&str]) -> String {
        self.failure(arguments)["error"]
            .as_str()
            .expect("an error has a name")
            .to_owned()
    }

    /// Runs a command that must fail and returns its error with detail and text.
    pub fn failure(&self, arguments: &[&str]) -> Value {
        let output = self.run(arguments);
        assert!(!output.status.success(), "device {arguments:?} succeeds");
        serde_json::from_slice(&output.stderr).expect("--json prints errors as JSON")
    }

    /// Starts a command and leaves it running.
    pub fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("device runs")
    }

    /// Runs a command, waits until it has printed its result, and kills it with SIGKILL.
    pub fn killed_after(&self, arguments: &[&str]) -> Value {
        let (mut child, printed) = self.held(arguments);
        child.kill().expect("a child can be killed");
        child.wait().expect("a killed child ends");
        printed
    }

    /// Runs a command, waits until it has printed its result, and leaves it running with its store
    /// open until its input is closed.
    pub fn held(&self, arguments: &[&str]) -> (Child, Value) {
        let mut command = self.command(arguments);
        let mut child = command
            .arg("--hold")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("device runs");
        let mut line = String::new();
        let stdout: ChildStdout = child.stdout.take().expect("its output is piped");
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("its output can be read");
        let printed = serde_json::from_str(&line).expect("--json prints JSON");
        (child, printed)
    }
}
