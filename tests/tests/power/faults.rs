//! A disk that is full, or fails once, at every operation of a script.

use std::{collections::BTreeMap, fmt::Write as _, time::Instant};

use nghisu_core::{
    Code,
    ids::{ActId, DocumentId},
};
use nghisu_tests::{
    disk::{Disk, Trouble},
    local, report,
};

use super::{
    pair::{Deed, Ledger, Pair, Template, check},
    setting,
};

/// Of so many operations one is tried, unless `NGHISU_FAULTS` is 1.
const FULL_STEP: u64 = 4;
const ERROR_STEP: u64 = 16;

fn script() -> Vec<Deed> {
    let note = DocumentId::from_bytes([1; 16]);
    let act = ActId::from_bytes([1; 16]);
    vec![
        Deed::Write(note, "First. ".repeat(3)),
        Deed::Act(act),
        Deed::Sync,
        Deed::Publish(0),
        Deed::Edit(note, 0, 5, "Much. ".repeat(1_000)),
        Deed::AddPerson("Person".into()),
        Deed::Sync,
        Deed::ReopenDevice,
        Deed::ReopenOffice,
        Deed::Edit(note, 0, 1, "m".into()),
        Deed::Sync,
    ]
}

/// What an app or a command is told when the disk is the cause.
fn is_clear(code: Code, trouble: Trouble) -> bool {
    match trouble {
        Trouble::FullFrom(_) => code == Code::DiskFull,
        Trouble::ErrorAt(_) => matches!(code, Code::Storage | Code::FolderNotWritable),
        Trouble::None | Trouble::PowerBefore(_) => false,
    }
}

/// Goes through the script with a disk that fails. Returns what was told, or `None` if the script
/// ended before the trouble came.
fn go_through(trouble: Trouble) -> Result<Option<String>, String> {
    let folder = local::folder();
    Template::get().lay_out(folder.path());
    let disk = Disk::of(folder.path(), 1);
    let every_few_pages = Some("PRAGMA wal_autocheckpoint = 30");
    let mut pair = Pair::on(disk, Ledger::default(), 1, every_few_pages);
    pair.disk.trouble(trouble);
    let mut struck = None;
    let mut told = String::new();
    for deed in script() {
        let Err(error) = pair.act(&deed) else {
            struck = struck.or_else(|| pair.disk.struck());
            continue;
        };
        struck = struck.or_else(|| pair.disk.struck());
        if struck.is_none() || !is_clear(error.code(), trouble) {
            return Err(format!("{trouble:?} {struck:?} {deed:?}: {error}"));
        }
        let _ = write!(told, "{} ", error.code().name());
        // Nothing that was done is gone while it lasts, and what failed is done once it is over.
        let seen = pair.look();
        seen.map_err(|what| format!("{trouble:?} {struck:?} {deed:?} meanwhile: {what}"))?;
        pair.disk.trouble(Trouble::None);
        let again = pair.act(&deed);
        again.map_err(|error| format!("{trouble:?} {struck:?} {deed:?} again: {error}"))?;
    }
    let Some((operation, _)) = struck else {
        return Ok(None);
    };
    let image = pair.disk.after_power_loss();
    let promised = pair.ledger().clone();
    drop(pair);
    let left = local::folder();
    image.write_to(left.path());
    check(left.path(), &promised).map_err(|what| format!("{trouble:?} afterwards: {what}"))?;
    let told = if told.is_empty() {
        "nothing"
    } else {
        told.trim()
    };
    Ok(Some(format!("{operation:?}: {told}")))
}

/// Lets the disk fail at each operation in turn, or at one of `step`.
fn at_each(step: u64, trouble: fn(u64) -> Trouble) -> (BTreeMap<String, u64>, Vec<String>) {
    let step = setting("NGHISU_FAULTS", step).max(1);
    let mut told: BTreeMap<String, u64> = BTreeMap::new();
    let mut failed = Vec::new();
    let mut at = 1 + setting("NGHISU_SEED", 0) % step;
    loop {
        match go_through(trouble(at)) {
            Ok(Some(what)) => *told.entry(what).or_default() += 1,
            Ok(None) => return (told, failed),
            Err(what) => failed.push(what),
        }
        at += step;
    }
}

fn try_each(what: &str, step: u64, trouble: fn(u64) -> Trouble) {
    let begun = Instant::now();
    let (told, failed) = at_each(step, trouble);
    let all: u64 = told.values().sum();
    let seconds = begun.elapsed().as_secs_f64();
    report(&format!(
        "{what} at {all} operations: {told:?}; {seconds:.1} s"
    ));
    assert_eq!(failed, [""; 0]);
    assert!(all > 20, "the script is too short");
}

#[test]
fn a_disk_may_be_full_at_any_operation_and_the_work_goes_on_when_there_is_space() {
    try_each("no space", FULL_STEP, Trouble::FullFrom);
}

#[test]
fn a_disk_may_fail_at_any_operation_and_what_failed_can_be_done_again() {
    try_each("an error", ERROR_STEP, Trouble::ErrorAt);
}
