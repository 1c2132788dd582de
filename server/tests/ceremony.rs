//! `nghisu init` and `nghisu keys` as their users run them: files, passphrases, paper.

#![expect(clippy::unwrap_used, reason = "the helpers of the tests are tests too")]

use std::{
    io::{BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use data_encoding::{BASE32, BASE64, HEXLOWER};
use nghisu_server::{Passphrase, PublicationSigner, RootKey, office::pem::open_key};
use tempfile::TempDir;

const WORDS: &str = "năm con gà trống gáy";
const OTHER_WORDS: &str = "sáu con vịt bơi ngang sông";

/// A folder in which somebody works.
struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        let desk = Self(TempDir::new().unwrap());
        std::fs::write(desk.path("words"), format!("{WORDS}\n")).unwrap();
        std::fs::write(desk.path("other"), OTHER_WORDS).unwrap();
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nghisu"));
        command
            .args(arguments.split(' '))
            .env("LC_ALL", "en_US.UTF-8")
            .current_dir(self.0.path())
            .stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &str) -> Output {
        self.command(arguments).output().unwrap()
    }

    #[track_caller]
    fn must(&self, arguments: &str) -> String {
        let output = self.run(arguments);
        let said = told(&output);
        assert!(output.status.success(), "{arguments}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs what must fail and returns what it says.
    #[track_caller]
    fn fails(&self, arguments: &str) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments}");
        assert!(output.stdout.is_empty(), "{arguments}");
        told(&output)
    }

    fn init(&self) -> String {
        self.must("init --data office --passphrase-file words --paper paper --body-name HĐND")
    }

    fn seed(&self, file: &str, words: &str) -> [u8; 32] {
        let pem = std::fs::read_to_string(self.path(file)).unwrap();
        *open_key(&pem, &Passphrase::new(words)).unwrap()
    }
}

fn told(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A running office, ended when dropped.
struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Serving {
    /// Starts and waits until the office says that it is open. Returns what it says then.
    fn start(desk: &Desk, arguments: &str) -> (Self, String) {
        let command = format!("serve --data office --listen 127.0.0.1:0 {arguments}");
        let mut child = desk
            .command(command.trim_end())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let out = child.stdout.take().unwrap();
        BufReader::new(out).read_line(&mut line).unwrap();
        (Self(child), line)
    }

    fn of_proc(&self, file: &str) -> Vec<u8> {
        std::fs::read(format!("/proc/{}/{file}", self.0.id())).unwrap()
    }

    /// Ends it and returns what it has said on standard error.
    fn end(mut self) -> String {
        self.0.kill().unwrap();
        let mut said = String::new();
        let errors = self.0.stderr.take();
        errors.unwrap().read_to_string(&mut said).unwrap();
        said
    }
}

fn files_of(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_of(&path));
        } else {
            files.push(path);
        }
    }
    files
}

fn holds(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|part| part == needle)
}

/// A secret in the forms in which it might lie about.
fn forms(seed: &[u8; 32]) -> Vec<Vec<u8>> {
    // In the middle of a PKCS#8 block, the letters of base64 depend on the place of the seed.
    let pkcs8 = [&[0; 16], seed.as_slice()].concat();
    let inner = BASE64.encode(&pkcs8)[24..60].to_owned();
    let encoded = [
        inner,
        BASE64.encode(&seed[..30]),
        BASE32.encode(&seed[..30]),
        HEXLOWER.encode(seed),
    ];
    let texts = encoded.into_iter().map(String::into_bytes);
    std::iter::once(seed.to_vec()).chain(texts).collect()
}

#[test]
fn an_office_is_made_with_its_root_key_beside_it_and_a_paper_copy() {
    let desk = Desk::new();

    let said = desk.init();

    let root = RootKey::open(&desk.path("office-root.key"), &Passphrase::new(WORDS)).unwrap();
    assert!(said.contains(&root.pin().to_string()), "{said}");
    let paper = std::fs::read_to_string(desk.path("paper")).unwrap();
    assert_eq!(RootKey::from_paper(&paper).unwrap().pin(), root.pin());
    assert!(paper.contains("HĐND"));
    for file in ["office-root.key", "paper"] {
        use std::os::unix::fs::PermissionsExt;
        let mode = desk.path(file).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    let shown = desk.must("keys show --data office");
    assert!(
        shown.contains("office-root.key") && shown.contains("from entry 1"),
        "{shown}"
    );
    assert!(desk.must("verify --data office").contains("1 entries"));
    assert!(desk.fails("init --data office").contains("already"));
    // The office runs without the file, wherever that is.
    std::fs::rename(desk.path("office-root.key"), desk.path("safe")).unwrap();
    let (_serving, line) = Serving::start(&desk, "");
    assert!(line.contains("open at"), "{line}");
}

#[test]
fn a_copy_of_the_office_holds_neither_the_root_key_nor_its_passphrase() {
    let desk = Desk::new();
    desk.init();
    let (serving, _) = Serving::start(&desk, "");
    desk.must("keys renew --data office --passphrase-file words");
    desk.must("keys successor --data office --passphrase-file words --new-root-key new.key --new-passphrase-file other --paper new.paper");
    let secrets = [
        desk.seed("office-root.key", WORDS),
        desk.seed("new.key", OTHER_WORDS),
    ];
    let online = std::fs::read_to_string(desk.path("office/keys/online.key")).unwrap();
    let online = BASE64
        .decode(online.lines().nth(1).unwrap().as_bytes())
        .unwrap();
    let scan = |secret: &[u8; 32], words: &str| {
        let mut forms = forms(secret);
        forms.push(words.as_bytes().to_vec());
        let files = files_of(&desk.path("office"));
        assert!(files.len() > 4, "{files:?}");
        let hits = files.iter().filter(|file| {
            let content = std::fs::read(file).unwrap();
            forms.iter().any(|form| holds(&content, form))
        });
        hits.count()
    };

    assert_eq!(scan(&secrets[0], WORDS), 0);
    assert_eq!(scan(&secrets[1], OTHER_WORDS), 0);
    // The same scan finds a key that is there.
    assert_eq!(scan(online.last_chunk().unwrap(), WORDS), 1);
    let said = serving.end();
    for secret in &secrets {
        assert!(
            !forms(secret)
                .iter()
                .any(|form| holds(said.as_bytes(), form))
        );
    }
}

#[test]
fn without_a_terminal_a_passphrase_is_drawn_and_shown_once_and_lies_nowhere() {
    let desk = Desk::new();
    let (serving, line) = Serving::start(&desk, "");
    let (arguments, environment) = (serving.of_proc("cmdline"), serving.of_proc("environ"));
    let said = serving.end();
    let drawn = said
        .lines()
        .map(str::trim)
        .find(|line| line.len() == 29 && line.matches('-').count() == 5)
        .unwrap()
        .to_owned();
    assert!(said.contains("keys paper"), "{said}");

    desk.seed("office-root.key", &drawn);
    for place in [line.as_bytes(), &arguments, &environment] {
        assert!(!holds(place, drawn.as_bytes()));
    }
    for file in files_of(desk.0.path()) {
        let content = std::fs::read(&file).unwrap();
        assert!(!holds(&content, drawn.as_bytes()), "{}", file.display());
    }
    let (serving, _) = Serving::start(&desk, "");
    assert!(!serving.end().contains(&drawn));
}

#[test]
fn a_wrong_passphrase_or_file_is_named_in_words_to_act_on_and_changes_nothing() {
    let desk = Desk::new();
    desk.init();
    let before = desk.must("keys show --data office --json");
    for command in [
        "keys renew --data office --passphrase-file other",
        "keys successor --data office --passphrase-file other --new-root-key n --new-passphrase-file other",
        "keys publication --data office --passphrase-file other --name A --out p --new-passphrase-file other",
        "keys paper --root-key office-root.key --passphrase-file other --paper p2",
    ] {
        let said = desk.fails(command);
        assert!(
            said.contains("The passphrase does not open the key."),
            "{said}"
        );
        assert!(
            said.contains("office-root.key") && said.contains("keys restore"),
            "{said}"
        );
        let vi = desk.fails(&format!("--lang vi {command}"));
        assert!(
            vi.contains("Mật khẩu không mở được khóa.") && vi.contains("bản giấy"),
            "{vi}"
        );
    }
    let missing = desk.fails("keys renew --data office --root-key gone --passphrase-file words");
    assert!(
        missing.contains("gone: missing") && missing.contains("keys restore"),
        "{missing}"
    );
    let unasked = desk.fails("keys renew --data office");
    assert!(unasked.contains("--passphrase-file"), "{unasked}");
    desk.must("init --data second --passphrase-file other --paper paper2");
    let foreign =
        desk.fails("keys renew --data office --root-key second-root.key --passphrase-file other");
    assert!(foreign.contains("not a key of this office"), "{foreign}");
    assert_eq!(desk.must("keys show --data office --json"), before);
    for file in ["n", "p", "p2"] {
        assert!(!desk.path(file).exists(), "{file}");
    }
}

#[test]
fn a_key_file_never_comes_to_lie_in_the_office_or_in_the_place_of_another() {
    let desk = Desk::new();
    std::fs::create_dir(desk.path("office")).unwrap();
    std::os::unix::fs::symlink(desk.path("office"), desk.path("link")).unwrap();
    for place in [
        "office/root.key",
        "link/root.key",
        "office/../office/root.key",
    ] {
        let said = desk.fails(&format!(
            "init --data office --root-key {place} --passphrase-file words"
        ));
        assert!(said.contains("must not be put there"), "{said}");
    }
    let said = desk.fails("init --data office --passphrase-file words --paper office/paper");
    assert!(said.contains("must not be put there"), "{said}");
    std::fs::write(desk.path("short"), "ngắn quá").unwrap();
    assert!(
        desk.fails("init --data office --passphrase-file short")
            .contains("too short")
    );
    assert!(files_of(&desk.path("office")).is_empty());
    desk.init();
    let before = std::fs::read(desk.path("office-root.key")).unwrap();
    let said = desk
        .fails("keys restore --root-key office-root.key --paper paper --new-passphrase-file other");
    assert!(said.contains("must not be put there"), "{said}");
    let said = desk.fails("keys publication --data office --passphrase-file words --name A --out paper --new-passphrase-file other");
    assert!(said.contains("must not be put there"), "{said}");
    assert_eq!(std::fs::read(desk.path("office-root.key")).unwrap(), before);
}

#[test]
fn a_root_key_is_restored_from_its_typed_paper_and_renews_the_office() {
    let desk = Desk::new();
    desk.init();
    std::fs::remove_file(desk.path("office-root.key")).unwrap();
    let paper = std::fs::read_to_string(desk.path("paper")).unwrap();
    let lines: Vec<&str> = paper
        .lines()
        .filter_map(|line| line.trim().split_once(":  "))
        .filter(|(number, _)| number.len() == 1)
        .map(|(_, letters)| letters)
        .collect();
    assert_eq!(lines.len(), 5);
    let restore = |typed: &[&str]| {
        let mut child = desk
            .command("keys restore --root-key office-root.key --new-passphrase-file other")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        for line in typed {
            let _ = writeln!(stdin, "{}", line.to_lowercase());
        }
        drop(stdin);
        child.wait_with_output().unwrap()
    };

    let swapped = [lines[0], lines[2], lines[1], lines[3], lines[4]];
    let said = told(&restore(&swapped));
    assert!(
        said.contains("[2]") && said.contains("Compare that line"),
        "{said}"
    );
    assert!(!desk.path("office-root.key").exists());
    assert!(restore(&lines).status.success());

    assert!(
        desk.fails("keys renew --data office --passphrase-file words")
            .contains("passphrase")
    );
    desk.must("keys renew --data office --passphrase-file other");
    desk.must("keys passphrase --root-key office-root.key --passphrase-file other --new-passphrase-file words");
    desk.must("keys renew --data office --passphrase-file words");
    assert!(desk.must("verify --data office").contains("3 entries"));
}

#[test]
fn an_office_that_was_lost_is_made_again_under_the_root_that_was_kept() {
    let desk = Desk::new();
    desk.init();
    let pin = desk.must("keys show --data office --json");
    let pin: serde_json::Value = serde_json::from_str(&pin).unwrap();
    std::fs::remove_dir_all(desk.path("office")).unwrap();

    assert!(
        desk.fails("init --data office --passphrase-file other")
            .contains("does not open")
    );
    desk.must("init --data office --passphrase-file words");

    let again = desk.must("keys show --data office --json");
    let again: serde_json::Value = serde_json::from_str(&again).unwrap();
    assert_eq!(again["root"], pin["root"]);
    assert_ne!(again["online"], pin["online"]);
}

#[test]
fn a_start_that_was_interrupted_before_or_after_the_office_was_made_is_completed() {
    let desk = Desk::new();
    // Before: a root key waits of which nobody knows the passphrase.
    std::fs::write(desk.path("office-root.key.new"), "left behind").unwrap();
    desk.init();
    assert!(!desk.path("office-root.key.new").exists());
    // After: the office is there, its root key's file not yet in its place.
    std::fs::rename(
        desk.path("office-root.key"),
        desk.path("office-root.key.new"),
    )
    .unwrap();
    let (_serving, _) = Serving::start(&desk, "");
    desk.seed("office-root.key", WORDS);
}

#[test]
fn a_passphrase_comes_from_a_descriptor_too() {
    let desk = Desk::new();
    let nghisu = env!("CARGO_BIN_EXE_nghisu");
    let script = format!(
        "exec 7<words; '{nghisu}' init --data office --passphrase-fd 7 --paper paper && \
         exec 8<words 9<other && '{nghisu}' keys publication --data office --passphrase-fd 8 \
         --name 'Thư ký 1' --out tk1.key --new-passphrase-fd 9"
    );
    let output = Command::new("bash")
        .args(["-c", &script])
        .current_dir(desk.0.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", told(&output));
    desk.seed("office-root.key", WORDS);
    let signer = PublicationSigner::load(&desk.path("tk1.key"), &Passphrase::new(OTHER_WORDS));
    assert_eq!(signer.unwrap().key().name, "Thư ký 1");
}

#[test]
fn at_a_terminal_a_passphrase_is_asked_for_twice_and_does_not_show() {
    let desk = Desk::new();
    let nghisu = env!("CARGO_BIN_EXE_nghisu");
    let ask = |command: &str, typed: &str| -> Option<(bool, String)> {
        let mut script = Command::new("script")
            .args(["-qec", &format!("'{nghisu}' {command}"), "/dev/null"])
            .env("LC_ALL", "C.UTF-8")
            .current_dir(desk.0.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .ok()?;
        let mut stdin = script.stdin.take()?;
        let mut out = script.stdout.take()?;
        let mut said = Vec::new();
        let mut buffer = [0; 4096];
        // Each line is typed when it is asked for, as somebody would.
        for line in typed.lines() {
            while !said.ends_with(b": ") {
                let read = out.read(&mut buffer).ok()?;
                if read == 0 {
                    break;
                }
                said.extend_from_slice(&buffer[..read]);
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
            writeln!(stdin, "{line}").ok()?;
            said.push(b'\n');
        }
        let _ = out.read_to_end(&mut said);
        let ended = script.wait().ok()?;
        Some((ended.success(), String::from_utf8_lossy(&said).into_owned()))
    };
    let differing = format!("{WORDS}\n{OTHER_WORDS}");
    let Some((done, said)) = ask("--lang en init --data office", &differing) else {
        return skipped("no `script` to stand in for a terminal");
    };
    assert!(!done && said.contains("does not open"), "{said}");
    assert!(!desk.path("office-root.key").exists());

    let twice = format!("{WORDS}\n{WORDS}");
    let (done, said) = ask("--lang en init --data office", &twice).unwrap();

    assert!(done, "{said}");
    assert!(
        said.contains("Type it again") && !said.contains("gà trống"),
        "{said}"
    );
    let root = RootKey::open(&desk.path("office-root.key"), &Passphrase::new(WORDS)).unwrap();
    assert_eq!(RootKey::from_paper(&said).unwrap().pin(), root.pin());
    let (done, said) = ask("--lang en keys renew --data office", WORDS).unwrap();
    assert!(done && !said.contains("gà trống"), "{said}");
}

fn skipped(why: &str) {
    // Nobody is left to be told if standard error is closed.
    let _ = writeln!(std::io::stderr(), "SKIPPED: {why}");
}

#[test]
fn no_command_takes_a_secret_as_an_argument() {
    let desk = Desk::new();
    for command in [
        "init",
        "serve",
        "keys renew",
        "keys successor",
        "keys restore",
    ] {
        let help = desk.must(&format!("{command} --help"));
        assert!(help.contains("assphrase-f"), "{command}: {help}");
        let output = desk.run(&format!("{command} --passphrase secret"));
        assert_eq!(output.status.code(), Some(2), "{command}");
    }
}

#[test]
fn a_key_that_runs_out_is_announced_and_a_successor_is_shown() {
    let desk = Desk::new();
    desk.init();
    assert!(!told(&desk.run("status --data office")).contains("ends soon"));
    desk.must("keys successor --data office --passphrase-file words --new-root-key new.key --new-passphrase-file other --paper new.paper");
    let shown = desk.must("keys show --data office");
    assert!(
        shown.contains("former root key") && shown.contains("new.key"),
        "{shown}"
    );
    // From now on the new file is the one that is looked for.
    desk.must("keys renew --data office --passphrase-file other --publications secretary");
    let shown = desk.must("keys show --data office --json");
    assert!(shown.contains("\"publications\":\"secretary\""), "{shown}");
    let same = desk.fails("keys successor --data office --passphrase-file other --new-root-key new.key --new-passphrase-file other");
    assert!(same.contains("must not be put there"), "{same}");
    assert!(desk.must("verify --data office").contains("3 entries"));
}
