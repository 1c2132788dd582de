//! Backups, restores and the doctor, as a clerk runs them: each command in a process of its own.
#![expect(clippy::unwrap_used, reason = "the helpers of the tests are tests too")]

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use tempfile::TempDir;

const PROGRAMME: &str = "id = 'kh-1'\nkind = 'regular_session'\ntitle = 'Kỳ họp'\n[[item]]\nid = 'i1'\ntitle = 'Khai mạc'\n[[paper]]\nid = 'tt-1'\ntitle = 'Tờ trình'\nfile = 'tt-1.pdf'\n";

struct Folder {
    folder: TempDir,
    serving: Child,
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = self.serving.kill();
        let _ = self.serving.wait();
    }
}

impl Folder {
    /// An office that serves, with a meeting and a paper.
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path();
        fs::write(path.join("kh.toml"), PROGRAMME).unwrap();
        fs::write(path.join("tt-1.pdf"), b"%PDF-1.4 to trinh").unwrap();
        fs::write(path.join("passphrase"), "mot hai ba bon nam\n").unwrap();
        let mut serving = command(path)
            .args([
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--plain-http",
                "--data",
                "office",
            ])
            .args(["--passphrase-file", "passphrase"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let out = serving.stdout.take().unwrap();
        BufReader::new(out).read_line(&mut line).unwrap();
        assert!(line.contains("http://"), "{line}");
        let made = Self { folder, serving };
        made.does("import kh.toml --data office");
        made.does("publish --data office");
        made
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn runs(&self, arguments: &str) -> Output {
        command(self.folder.path())
            .args(arguments.split(' '))
            .output()
            .unwrap()
    }

    fn does(&self, arguments: &str) -> String {
        let output = self.runs(arguments);
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments}: {complaint}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn fails(&self, arguments: &str) -> String {
        let output = self.runs(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments}");
        String::from_utf8(output.stderr).unwrap() + &String::from_utf8(output.stdout).unwrap()
    }

    /// The only backup in a folder.
    fn backup(&self, name: &str) -> PathBuf {
        let mut found = backups(&self.path(name));
        assert_eq!(found.len(), 1);
        found.remove(0)
    }
}

fn backups(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path());
    let mut found: Vec<_> = files
        .filter(|path| {
            path.file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .starts_with("backup-")
        })
        .collect();
    found.sort();
    found
}

fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nghisu"));
    command
        .current_dir(folder)
        .env_remove("LC_ALL")
        .env("LANG", "en_GB.UTF-8");
    command
}

fn files_in(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.is_dir() {
            all.extend(files_in(&path));
        } else {
            all.push(path);
        }
    }
    all.sort();
    all
}

#[test]
fn a_backup_of_a_serving_office_is_restored_whole_into_a_new_folder_and_serves_again() {
    let folder = Folder::new();
    let said = folder.does("backup backups --data office");
    assert!(said.contains("1 new papers"), "{said}");
    let exported = folder.does("export --data office");

    let said = folder.does("restore backups --data new");
    assert!(
        said.contains("epoch 2") && said.contains("keys renew"),
        "{said}"
    );
    let keyless = folder.fails("status --data new");
    assert!(keyless.contains("keys"), "{keyless}");
    folder.does("keys renew --data new --root-key office-root.key --passphrase-file passphrase");
    assert_eq!(folder.does("export --data new"), exported);
    folder.does("verify --data new");
    let heal: serde_json::Value =
        serde_json::from_str(&folder.does("heal --data new --json")).unwrap();
    assert_eq!(
        (&heal["healing"], &heal["epoch"]),
        (&true.into(), &2.into())
    );
    assert_eq!(heal["papers_missing"], serde_json::json!([]));
    folder.fails("publish --data new --meeting kh-1");
    let finished = folder.does("heal --finish --data new");
    assert!(finished.contains("Ended"), "{finished}");
    folder.fails("heal --finish --data new");
    folder.does("doctor --data new");
    // A second restore of the same backup begins an epoch of its own.
    assert!(
        folder
            .does("restore backups --data newer")
            .contains("epoch 3")
    );
}

#[test]
fn a_second_backup_copies_what_is_new_and_neither_holds_a_key() {
    let folder = Folder::new();
    folder.does("backup backups --data office");
    fs::write(folder.path("tt-1.pdf"), b"%PDF-1.4 to trinh, ban sua").unwrap();
    folder.does("import kh.toml --data office");
    folder.does("publish --data office");
    let said = folder.does("backup backups --data office --json");
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(
        (&said["papers_copied"], &said["papers_there"]),
        (&1.into(), &1.into())
    );
    assert_eq!(backups(&folder.path("backups")).len(), 2);

    let key = fs::read(folder.path("office/keys/online.key")).unwrap();
    let der = key.split(|byte| *byte == b'\n').nth(1).unwrap();
    let connection = rusqlite::Connection::open(folder.path("office/office.db")).unwrap();
    let secret: Vec<u8> = connection
        .query_row("SELECT secret FROM office", [], |row| row.get(0))
        .unwrap();
    for path in files_in(&folder.path("backups")) {
        let bytes = fs::read(&path).unwrap();
        for hidden in [der, &secret[..]] {
            let found = bytes.windows(hidden.len()).any(|window| window == hidden);
            assert!(!found, "a secret is in {}", path.display());
        }
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(!name.contains("key"), "{name}");
    }
}

#[test]
fn a_backup_of_which_any_file_is_altered_or_missing_is_not_restored_at_all() {
    let folder = Folder::new();
    folder.does("backup backups --data office");
    let backup = folder.backup("backups");
    let blob = files_in(&folder.path("backups/blobs")).remove(0);
    for path in [backup.join("office.db"), backup.join("manifest.json"), blob] {
        let whole = fs::read(&path).unwrap();
        let mut altered = whole.clone();
        let middle = altered.len() / 2;
        altered[middle] ^= 1;
        for damage in [Some(altered), Some(whole[..middle].to_vec()), None] {
            match damage {
                Some(bytes) => fs::write(&path, bytes).unwrap(),
                None => fs::remove_file(&path).unwrap(),
            }
            let said = folder.fails("restore backups --data new");
            assert!(said.contains("backup"), "{said}");
            assert!(!folder.path("new/office.db").exists());
        }
        fs::write(&path, whole).unwrap();
    }
    folder.does("restore backups --data new");
    let said = folder.fails("restore backups --data new");
    assert!(said.contains("new"), "{said}");
    let none = folder.fails("restore blobs-only --data other");
    assert!(!none.is_empty() && !folder.path("other/office.db").exists());
}

fn files_below(folder: &Path) -> usize {
    // What is listed may be moved into its place meanwhile.
    let Ok(entries) = fs::read_dir(folder) else {
        return 0;
    };
    let count = |path: PathBuf| if path.is_dir() { files_below(&path) } else { 1 };
    entries.flatten().map(|entry| count(entry.path())).sum()
}

#[test]
fn a_backup_that_is_killed_leaves_none_and_the_next_one_is_whole() {
    let folder = Folder::new();
    // Papers enough that a kill falls into the copying.
    for number in 0..200 {
        let content = vec![u8::try_from(number).unwrap(); 100_000];
        let hash = nghisu_core::ids::Hash::of_content(&content).to_string();
        let shelf = folder.path("office/blobs").join(&hash[..2]);
        fs::create_dir_all(&shelf).unwrap();
        fs::write(shelf.join(&hash[2..]), content).unwrap();
    }
    let mut struck = 0;
    for files in [1, 40, 120, 190] {
        let to = format!("backups-{files}");
        let mut child = command(folder.folder.path())
            .args(["backup", &to, "--data", "office"])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let to_path = folder.path(&to);
        while files_below(&to_path) < files && child.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        child.kill().unwrap();
        let finished = child.wait().unwrap().success();
        if to_path.is_dir() {
            let made = backups(&to_path);
            struck += usize::from(!finished && made.is_empty());
            for backup in made {
                // What is called a backup is one.
                let target = format!("restored-{files}");
                folder.does(&format!("restore {} --data {target}", backup.display()));
            }
        }
        folder.does(&format!("backup {to} --data office"));
        folder.does(&format!("restore {to} --data again-{files}"));
        let left = fs::read_dir(&to_path).unwrap();
        let partial = left.filter(|file| {
            let name = file.as_ref().unwrap().file_name();
            name.to_str().unwrap().starts_with(".partial")
        });
        assert_eq!(partial.count(), 0);
    }
    assert!(struck > 1, "{struck} kills fell into a backup");
}

#[test]
fn the_doctor_names_each_damage_and_says_what_to_do() {
    let folder = Folder::new();
    let sound = folder.does("doctor --data office");
    assert!(sound.contains("The office is sound."), "{sound}");
    assert!(
        sound.contains("nghisu backup DIR"),
        "no backup yet is a hint: {sound}"
    );
    let vietnamese = folder.does("doctor --data office --lang vi");
    assert!(vietnamese.contains("Văn phòng ổn."), "{vietnamese}");
    folder.does("backup backups --data office");

    let blob = files_in(&folder.path("office/blobs")).remove(0);
    let whole = fs::read(&blob).unwrap();
    fs::write(&blob, b"something else").unwrap();
    let said = folder.fails("doctor --data office");
    assert!(said.contains("✗ The papers' files"), "{said}");
    fs::remove_file(&blob).unwrap();
    let said = folder.fails("doctor --data office");
    assert!(
        said.contains("✗ Every published paper") && said.contains("blobs of a backup"),
        "{said}"
    );
    fs::write(&blob, whole).unwrap();

    let database = rusqlite::Connection::open(folder.path("office/office.db")).unwrap();
    let envelope: (Vec<u8>, Vec<u8>) = database
        .query_row(
            "SELECT id, bytes FROM envelope JOIN entry ON envelope_id = id WHERE seq = 3",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap();
    let mut altered = envelope.1.clone();
    let last = altered.len() - 1;
    altered[last] ^= 1;
    let set = "UPDATE envelope SET bytes = ? WHERE id = ?";
    database.execute(set, (&altered, &envelope.0)).unwrap();
    let said = folder.fails("doctor --data office --json");
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    let log = said["checks"]
        .as_array()
        .unwrap()
        .iter()
        .find(|it| it["check"] == "log");
    assert!(
        log.unwrap()["detail"].as_str().unwrap().contains("seq 3"),
        "{said}"
    );
    let refused = folder.fails("backup other --data office");
    assert!(
        refused.contains("seq 3"),
        "what is damaged is not called a backup: {refused}"
    );
    assert!(backups(&folder.path("other")).is_empty());
    database.execute(set, (&envelope.1, &envelope.0)).unwrap();
    drop(database);

    fs::rename(folder.path("office/keys"), folder.path("keys")).unwrap();
    let said = folder.fails("doctor --data office");
    assert!(
        said.contains("✗ The online key") && said.contains("keys renew"),
        "{said}"
    );
    fs::rename(folder.path("keys"), folder.path("office/keys")).unwrap();
    folder.does("doctor --data office");
    assert!(folder.fails("doctor --data nowhere").contains("no office"));
}
