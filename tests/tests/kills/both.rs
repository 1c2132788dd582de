//! A device that works and an office that answers it over HTTPS, killed in turn and together.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Child,
    thread,
    time::{Duration, Instant},
};

use nghisu_core::{
    store::{Opening, Store},
    time::Timestamp,
};
use nghisu_tests::{
    local,
    process::{Device, Office},
    report,
};
use rusqlite::{Connection, OpenFlags};
use zeroize::Zeroizing;

use super::{DELEGATE, Dice, check_log, log_of, read, written};

/// Kills over both sides, unless `NGHISU_KILLS` says another number.
const KILLS: usize = 60;
/// Between two kills at most. A program is up again after a third of it.
const PAUSE: Duration = Duration::from_millis(150);

const ACCEPTED: &str = "SELECT id FROM envelope WHERE outcome = 'accepted' ORDER BY device_seq";

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Victim {
    Device,
    Office,
    Both,
}

/// What the device was doing when a program was killed, as its record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Doing {
    Starting,
    Editing,
    Acting,
    /// In a sync that the office had not carried out.
    Syncing,
    /// In a sync whose envelopes the office had accepted, which the device did not know.
    Accepted,
    Between,
}

const HURTS: [Doing; 3] = [Doing::Editing, Doing::Syncing, Doing::Accepted];

#[test]
fn nothing_accepted_is_lost_or_doubled_when_device_and_office_are_killed() {
    let begun = Instant::now();
    let kills = std::env::var("NGHISU_KILLS").map_or(KILLS, |text| text.parse().unwrap());
    let mut dice = Dice::new("both");
    let mut scene = Scene::new();
    let mut struck: BTreeMap<(Victim, Doing), usize> = BTreeMap::new();
    let mut killed = 0;
    // Where it hurts most some have to fall, whatever was drawn.
    while killed < kills
        || !HURTS
            .iter()
            .all(|doing| struck.keys().any(|(_, at)| at == doing))
    {
        assert!(
            killed < 5 * kills,
            "no kill fell where it hurts: {struck:?}"
        );
        killed += 1;
        scene.work();
        dice.pause(PAUSE);
        let victim = match dice.below(5) {
            0 | 1 => Victim::Device,
            2 | 3 => Victim::Office,
            _ => Victim::Both,
        };
        if victim != Victim::Office {
            scene.kill_device();
        }
        if victim != Victim::Device {
            scene.office.kill();
        }
        let doing = scene.check(victim);
        *struck.entry((victim, doing)).or_default() += 1;
        if victim != Victim::Device {
            scene.office.restart();
        }
    }
    let (edits, acts, accepted) = scene.end(killed);

    report(&format!(
        "{killed} kills: {edits} edits, {acts} acts, {accepted} envelopes accepted; {:.1} s",
        begun.elapsed().as_secs_f64()
    ));
    for ((victim, doing), count) in &struck {
        let bar = "█".repeat((count * 60).div_ceil(killed));
        report(&format!(
            "{:>8} {:<9}{count:>5}  {bar}",
            format!("{victim:?}"),
            format!("{doing:?}")
        ));
    }
}

struct Scene {
    office: Office,
    device: Device,
    other: Device,
    note: String,
    meeting: String,
    record: PathBuf,
    worker: Option<Child>,
    /// Lines of the record that were read before.
    seen: usize,
    told: Told,
}

/// What the device has recorded.
#[derive(Default)]
struct Told {
    /// Edits that returned: their numbers are 0 … edits - 1.
    edits: usize,
    acts: BTreeSet<String>,
    accepted: BTreeSet<Vec<u8>>,
    last: String,
}

impl Scene {
    fn new() -> Self {
        let office = Office::start(true);
        office.publish(
            "programme.toml",
            b"id = 'm'\nkind = 'regular_session'\ntitle = 'Session'\n[[item]]\nid = 'i'\ntitle = 'Item'\n",
        );
        let device = Device::enrol(&office, DELEGATE);
        let other = device.another(&office, DELEGATE);
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let note = text(&device.must(&["note", "create", ""])["id"]);
        device.must(&["sync"]);
        let meeting = text(&device.must(&["show"])[0]["id"]);
        let record = office.folder().join("record");
        fs::write(&record, "").unwrap();
        Self {
            office,
            device,
            other,
            note,
            meeting,
            record,
            worker: None,
            seen: 0,
            told: Told::default(),
        }
    }

    /// Starts the device if it is not at work.
    fn work(&mut self) {
        if let Some(worker) = &mut self.worker {
            let ended = worker.try_wait().unwrap();
            assert!(ended.is_none(), "the device has given up");
            return;
        }
        let record = self.record.to_str().unwrap();
        self.worker = Some(
            self.device
                .start(&["work", record, &self.note, &self.meeting]),
        );
    }

    fn kill_device(&mut self) {
        if let Some(mut worker) = self.worker.take() {
            worker.kill().unwrap();
            worker.wait().unwrap();
        }
    }

    /// Reads what the device has recorded since.
    fn read_record(&mut self) {
        let text = fs::read_to_string(&self.record).unwrap();
        // The last line may have been cut off by the kill, or be in the making.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        for line in whole.lines().skip(self.seen) {
            self.seen += 1;
            let told = &mut self.told;
            line.clone_into(&mut told.last);
            let words: Vec<&str> = line.split(' ').collect();
            match words[..] {
                ["edited", number] => {
                    assert_eq!(number, told.edits.to_string());
                    told.edits += 1;
                }
                ["acted", id] => {
                    told.acts.insert(id.to_owned());
                }
                ["accepted", _, id] => {
                    let id = data_encoding::HEXLOWER.decode(id.as_bytes()).unwrap();
                    told.accepted.insert(id);
                }
                ["failed", code] => assert_eq!(code, "office_unreachable"),
                // The device has found so many after its start.
                ["editing", number] => {
                    let number: usize = number.parse().unwrap();
                    assert!(number >= told.edits, "edit {number} is gone");
                    told.edits = number;
                }
                ["opened" | "acting" | "syncing" | "synced"] => {}
                _ => panic!("the record says {line}"),
            }
        }
    }

    /// Looks at what the killed programs have left, without touching it, and says what was going on.
    fn check(&mut self, victim: Victim) -> Doing {
        self.read_record();
        let entries: Vec<Vec<u8>> = if victim == Victim::Device {
            read(&self.office.database(), "SELECT envelope_id FROM entry")
        } else {
            let copy = Copied::of(&self.office.data(), "office.db");
            copy.check();
            read(&copy.path, "SELECT envelope_id FROM entry")
        };
        let once: BTreeSet<&Vec<u8>> = entries.iter().collect();
        assert_eq!(once.len(), entries.len(), "an envelope is twice in the log");
        for id in &self.told.accepted {
            assert!(once.contains(id), "an accepted envelope is not in the log");
        }
        let ahead = if victim == Victim::Office {
            // The device lives and cannot hear more from an office that is dead.
            is_ahead(&self.device.database(), &once)
        } else {
            let copy = Copied::of(self.device.folder(), "nghisu.db");
            copy.check();
            self.check_store(copy.path.parent().unwrap());
            is_ahead(&copy.path, &once)
        };
        match self.told.last.split(' ').next() {
            Some("editing") => Doing::Editing,
            Some("acting") => Doing::Acting,
            Some("syncing") if ahead => Doing::Accepted,
            Some("syncing") => Doing::Syncing,
            Some("edited" | "acted" | "accepted" | "synced" | "failed") => Doing::Between,
            Some(_) | None => Doing::Starting,
        }
    }

    /// What returned is there when the store is opened again.
    fn check_store(&self, folder: &Path) {
        let opening = Opening {
            seed: Zeroizing::new([1; 32]),
            sealing: Zeroizing::new([1; 32]),
            signer: None,
            database_key: None,
        };
        let store = Store::open(folder, &opening, Timestamp::from_unix_ms(0)).unwrap();
        assert_eq!(store.salvage(), None);
        let text = store.note(self.note.parse().unwrap()).unwrap().text;
        let there = text.split_whitespace().count();
        // The last one may be there before its call has returned.
        assert!((self.told.edits..=self.told.edits + 1).contains(&there));
        assert_eq!(text, written(there));
        let acts: BTreeSet<String> = store
            .acts(None)
            .unwrap()
            .iter()
            .map(|acted| acted.act.id.to_string())
            .collect();
        assert!(self.told.acts.is_subset(&acts), "an act is gone");
    }

    /// Lets everything settle and holds both sides against each other. Returns how many edits, acts and
    /// envelopes there are.
    fn end(&mut self, kills: usize) -> (usize, usize, usize) {
        self.kill_device();
        self.read_record();
        self.device.must(&["sync"]);
        self.other.must(&["sync"]);
        let text = self.device.must(&["note", "list"])[0]["text"].clone();
        let edits = text.as_str().unwrap().split_whitespace().count();
        assert_eq!(text, written(edits));
        assert!((self.told.edits..=self.told.edits + 1).contains(&edits));
        assert_eq!(self.other.must(&["note", "list"])[0]["text"], text);
        assert_eq!(self.device.must(&["status"])["unsent"], 0);

        let acts = self.device.must(&["act", "list"]);
        let acts = acts.as_array().unwrap();
        let ids: BTreeSet<&str> = acts.iter().map(|act| act["id"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), acts.len(), "an act is there twice");
        assert!(self.told.acts.iter().all(|id| ids.contains(id.as_str())));
        assert!(acts.len() <= self.told.acts.len() + kills + 1);
        let numbers: BTreeSet<u64> = acts
            .iter()
            .map(|act| act["number"].as_u64().unwrap())
            .collect();
        assert_eq!(
            numbers,
            (1..=acts.len() as u64).collect(),
            "numbers of receipts"
        );

        let accepted: BTreeSet<Vec<u8>> = read(&self.device.database(), ACCEPTED)
            .into_iter()
            .collect();
        assert!(self.told.accepted.is_subset(&accepted));
        let this = self.device.must(&["status"])["device"]
            .as_str()
            .unwrap()
            .parse();
        let log = log_of(&self.office, this.unwrap());
        check_log(&log);
        let ids: BTreeSet<Vec<u8>> = log
            .iter()
            .map(|entry| entry.id().as_bytes().to_vec())
            .collect();
        assert_eq!(ids, accepted);
        self.office.kill();
        self.office.must(&["verify"]);
        (edits, acts.len(), accepted.len())
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.kill_device();
    }
}

/// Says whether the office has accepted envelopes of which the device does not know it.
fn is_ahead(device: &Path, log: &BTreeSet<&Vec<u8>>) -> bool {
    let waiting: Vec<Vec<u8>> = read(device, "SELECT id FROM envelope WHERE outcome IS NULL");
    waiting.iter().any(|id| log.contains(id))
}

/// A copy of a database as a kill has left it.
struct Copied {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

impl Copied {
    fn of(from: &Path, name: &str) -> Self {
        let folder = local::folder();
        for suffix in ["", "-wal"] {
            let file = format!("{name}{suffix}");
            if from.join(&file).exists() {
                fs::copy(from.join(&file), folder.path().join(&file)).unwrap();
            }
        }
        let path = folder.path().join(name);
        Self {
            _folder: folder,
            path,
        }
    }

    fn check(&self) {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE;
        let database = Connection::open_with_flags(&self.path, flags).unwrap();
        let found: String = database
            .query_row("PRAGMA integrity_check", [], |row| row.get(0))
            .unwrap();
        assert_eq!(found, "ok", "{} is damaged", self.path.display());
    }
}

impl Dice {
    fn below(&mut self, bound: u32) -> u32 {
        let drawn = self.between(Duration::ZERO, Duration::from_nanos(bound.into()));
        u32::try_from(drawn.as_nanos()).unwrap().min(bound - 1)
    }

    fn pause(&mut self, longest: Duration) {
        thread::sleep(self.between(Duration::ZERO, longest));
    }
}
