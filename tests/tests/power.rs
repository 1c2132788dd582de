//! Loss of power, a full disk and a failing one, at every point of what a device and an office do:
//! the real store and the real office on a disk that forgets, reorders and tears what was not synced.
#![expect(
    clippy::unwrap_used,
    reason = "the helpers below the tests are tests too"
)]
#![allow(clippy::disallowed_methods, reason = "how long it took is reported")]

#[path = "power/faults.rs"]
mod faults;
#[path = "power/pair.rs"]
mod pair;

use std::{
    collections::BTreeMap,
    sync::{Mutex, mpsc},
    thread,
    time::Instant,
};

use nghisu_core::ids::{ActId, DocumentId};
use nghisu_tests::{
    disk::{Chance, Disk, Image, Operation, Step, Trouble},
    local, report, vfs,
};
use pair::{DEVICE, Deed, Ledger, OFFICE, Pair, Template, Verdict, check};
use rusqlite::Connection;

/// Random histories with losses of power, unless `NGHISU_POWER` says another number.
const HISTORIES: u64 = 5;
/// Losses of power in a history.
const LOSSES: u64 = 5;
/// Deeds between two losses, at most.
const DEEDS_MAX: usize = 40;

fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap())
}

/// What a history did.
#[derive(Debug, Default, Clone, Copy)]
struct Lived {
    deeds: u64,
    losses: u64,
}

/// Lives through losses of power, each at a random step; after each one everything that was answered
/// with success has to be there.
fn live(seed: u64, setting: Option<&'static str>) -> Verdict<Lived> {
    let mut chance = Chance::new(seed);
    let mut folder = local::folder();
    Template::get().lay_out(folder.path());
    let mut ledger = Ledger::default();
    let mut lived = Lived::default();
    for _ in 0..LOSSES {
        let disk = Disk::of(folder.path(), chance.draw());
        let steps = [20, 200, 1_500][chance.below(3)];
        disk.trouble(Trouble::PowerBefore(1 + chance.below(steps) as u64));
        let mut pair = Pair::on(disk, ledger.clone(), chance.draw(), setting);
        for _ in 0..1 + chance.below(DEEDS_MAX) {
            let deed = pair.ledger().draw(&mut chance);
            match pair.act(&deed) {
                Ok(()) => lived.deeds += 1,
                Err(_) if pair.disk.is_dead() => break,
                Err(error) => panic!("{deed:?} fails while there is power: {error}"),
            }
        }
        let image = pair.disk.after_power_loss();
        lived.losses += 1;
        let promised = pair.ledger().clone();
        drop(pair);

        let looked_at = local::folder();
        image.write_to(looked_at.path());
        ledger = check(looked_at.path(), &promised)?;
        // Sometimes it goes on with what the check has finished, sometimes with what was left.
        folder = if chance.below(2) == 0 {
            looked_at
        } else {
            let left = local::folder();
            image.write_to(left.path());
            left
        };
    }
    Ok(lived)
}

/// Lives through histories, and returns what they did and which of them lost something.
fn live_all(setting: Option<&'static str>) -> (Lived, BTreeMap<u64, String>) {
    let (histories, first) = (
        self::setting("NGHISU_POWER", HISTORIES),
        self::setting("NGHISU_SEED", 1),
    );
    let (mut all, mut lost) = (Lived::default(), BTreeMap::new());
    for seed in first..first + histories {
        match live(seed, setting) {
            Ok(lived) => {
                all.deeds += lived.deeds;
                all.losses += lived.losses;
            }
            Err(what) => {
                lost.insert(seed, what);
            }
        }
    }
    (all, lost)
}

/// Writes rows in transactions until the power goes. Returns how many were committed, how many are
/// there afterwards, and whether the database is sound.
fn rows_after_power_loss(seed: u64, settings: &str) -> (i64, i64, bool) {
    vfs::install();
    let mut chance = Chance::new(seed);
    let folder = local::folder();
    let disk = Disk::of(folder.path(), seed);
    let path = folder.path().join("rows.db");
    let database = Connection::open(&path).unwrap();
    database.execute_batch(settings).unwrap();
    let create =
        "CREATE TABLE row (n INTEGER PRIMARY KEY, text TEXT); CREATE INDEX by_text ON row (text)";
    database.execute_batch(create).unwrap();
    disk.trouble(Trouble::PowerBefore(1 + chance.below(900) as u64));
    let mut committed = 0;
    while committed < 60 && !disk.is_dead() {
        let text = format!("{}", chance.draw()).repeat(1 + chance.below(200));
        let insert = "INSERT INTO row VALUES (?1, ?2)";
        committed += i64::from(database.execute(insert, (committed, text)).is_ok());
    }
    let image = disk.after_power_loss();
    drop(database);
    let left = local::folder();
    image.write_to(left.path());
    let database = Connection::open(left.path().join("rows.db")).unwrap();
    let ask = |query: &str| database.query_row(query, [], |row| row.get::<_, String>(0));
    let is_sound = ask("PRAGMA integrity_check").is_ok_and(|said| said == "ok");
    let rows = ask("SELECT CAST(count(*) AS TEXT) FROM row").unwrap_or_default();
    (committed, rows.parse().unwrap_or(0), is_sound)
}

#[test]
fn a_disk_keeps_what_was_synced_and_may_lose_reorder_and_tear_all_else() {
    let lives =
        |settings: &'static str| (1..=40).map(move |seed| rows_after_power_loss(seed, settings));
    for settings in [
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 20",
        "PRAGMA journal_mode = DELETE; PRAGMA synchronous = EXTRA",
    ] {
        for (committed, rows, is_sound) in lives(settings) {
            assert!(
                is_sound && rows >= committed,
                "{settings}: {committed} {rows} {is_sound}"
            );
        }
    }
    let normal =
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 20";
    assert!(lives(normal).all(|(_, _, is_sound)| is_sound));
    assert!(lives(normal).any(|(committed, rows, _)| rows < committed));
    let off = "PRAGMA journal_mode = DELETE; PRAGMA synchronous = OFF";
    assert!(
        lives(off).any(|(_, _, is_sound)| !is_sound),
        "nothing was reordered or torn"
    );
}

#[test]
fn what_was_answered_survives_every_loss_of_power() {
    let begun = Instant::now();
    // A log that is taken over into the database every few pages begins anew all the time.
    for setting in [None, Some("PRAGMA wal_autocheckpoint = 20")] {
        let (lived, lost) = live_all(setting);
        report(&format!(
            "{setting:?}: {lived:?}, {} histories failed; {:.1} s",
            lost.len(),
            begun.elapsed().as_secs_f64()
        ));
        assert_eq!(lost, BTreeMap::new());
        assert!(lived.losses >= LOSSES && lived.deeds > 0);
    }
}

#[test]
fn without_a_sync_at_each_commit_something_is_lost_and_nothing_is_damaged() {
    let (lived, lost) = live_all(Some("PRAGMA synchronous = NORMAL"));
    report(&format!(
        "NORMAL: {lived:?}, {} histories lost something",
        lost.len()
    ));
    for (seed, what) in &lost {
        report(&format!("  {seed}: {what:.120}"));
    }
    assert!(
        !lost.is_empty(),
        "a disk that forgets nothing proves nothing"
    );
    for what in lost.values() {
        assert!(
            !what.contains("database") && !what.contains("opens"),
            "{what}"
        );
    }
}

/// A script in which a device and an office do each thing that they keep, and go through a restart.
fn script() -> Vec<Deed> {
    let note = |n: u8| DocumentId::from_bytes([n; 16]);
    let act = |n: u8| ActId::from_bytes([n; 16]);
    vec![
        Deed::Write(note(1), "First. ".repeat(3)),
        Deed::Edit(note(1), 5, 2, " and ".into()),
        Deed::Act(act(1)),
        Deed::Sync,
        Deed::Publish(0),
        Deed::Edit(note(1), 0, 0, "Before. ".into()),
        Deed::Write(note(2), "Second. ".repeat(1_500)),
        Deed::Sync,
        Deed::AddPerson("Person".into()),
        Deed::Delete(note(2)),
        Deed::ReopenOffice,
        Deed::Act(act(2)),
        Deed::ReopenDevice,
        Deed::Edit(note(1), 3, 0, "x".repeat(600)),
        Deed::Sync,
        Deed::ReopenDevice,
        Deed::ReopenOffice,
    ]
}

/// What is on the disk if the power goes right before a step, and what was promised by then.
struct Photo {
    step: Step,
    image: Image,
    promised: Ledger,
}

#[test]
fn power_may_go_after_any_step_of_device_and_office() {
    let begun = Instant::now();
    // Without a number each sync, deletion, truncation and creation, and one write of four.
    let times = setting("NGHISU_POWER_TIMES", 0);
    let seed = setting("NGHISU_SEED", 1);
    let folder = local::folder();
    Template::get().lay_out(folder.path());
    let disk = Disk::of(folder.path(), seed);
    let every_few_pages = Some("PRAGMA wal_autocheckpoint = 30");
    let mut pair = Pair::on(disk, Ledger::default(), seed, every_few_pages);
    let (photos, developed) = mpsc::sync_channel::<Photo>(8);
    let developed = Mutex::new(developed);
    let ledger = pair.ledger_shared();
    let mut chance = Chance::new(seed);
    pair.disk.watch(move |step, files| {
        let side = if step.file.starts_with(DEVICE) {
            DEVICE
        } else {
            OFFICE
        };
        let skipped = times == 0 && step.operation == Operation::Write && chance.below(4) > 0;
        for _ in 0..times.max(u64::from(!skipped)) {
            let photo = Photo {
                step: step.clone(),
                image: files.after_power_loss(side, &mut chance),
                promised: ledger.lock().unwrap().clone(),
            };
            photos.send(photo).unwrap();
        }
    });

    let mut struck: BTreeMap<String, u64> = BTreeMap::new();
    let failed: Vec<String> = thread::scope(|scope| {
        let look = || {
            let mut told = Vec::new();
            loop {
                let photo = developed.lock().unwrap().recv();
                let Ok(Photo {
                    step,
                    image,
                    promised,
                }) = photo
                else {
                    return told;
                };
                let looked_at = local::folder();
                image.write_to(looked_at.path());
                told.push((step, check(looked_at.path(), &promised).err()));
            }
        };
        let lookers: Vec<_> = (0..2).map(|_| scope.spawn(look)).collect();
        for deed in script() {
            pair.act(&deed).unwrap();
        }
        let disk = pair.disk.clone();
        drop(pair);
        // Ends the photographs.
        disk.unwatch();
        let mut failed = Vec::new();
        for (step, said) in lookers.into_iter().flat_map(|it| it.join().unwrap()) {
            let file = step.file.file_name().unwrap().to_string_lossy();
            *struck
                .entry(format!("{file} {:?}", step.operation))
                .or_default() += 1;
            failed.extend(said.map(|said| format!("{step}: {said}")));
        }
        failed
    });

    let all: u64 = struck.values().sum();
    report(&format!(
        "{all} losses of power before each step in turn: {struck:?}; {:.1} s",
        begun.elapsed().as_secs_f64()
    ));
    assert_eq!(failed, [""; 0]);
    for kind in [
        "nghisu.db Write",
        "nghisu.db Sync",
        "nghisu.db-wal Write",
        "nghisu.db-wal Sync",
        "nghisu.db-wal Delete",
        "office.db Write",
        "office.db Sync",
        "office.db-wal Write",
        "office.db-wal Sync",
        "office.db-wal Delete",
    ] {
        assert!(struck.contains_key(kind), "the script has no {kind}");
    }
}
