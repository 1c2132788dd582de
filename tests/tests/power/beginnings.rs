//! The first opening of a store and the making of an office, interrupted anywhere.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex},
    time::Instant,
};

use nghisu_core::{Code, Result, trust::keys::PublicKey};
use nghisu_server::{Office, RootKey, office::Publications};
use nghisu_tests::{
    disk::{Chance, Disk, Image, Operation, Step, Trouble},
    local::{self, NOW},
    report, vfs,
};

use super::{
    faults::is_clear,
    pair::{Verdict, ensure, open_store, sound_at, told},
    setting,
};

/// Of so many writes one is a loss of power, and of so many operations one fails, unless
/// `NGHISU_FAULTS` is 1.
const STEP: u64 = 12;

/// What begins: returns who it is from then on.
type Begin = fn(&Path) -> Result<PublicKey>;

fn begin_store(folder: &Path) -> Result<PublicKey> {
    Ok(open_store(folder)?.signer().public_key())
}

fn begin_office(folder: &Path) -> Result<PublicKey> {
    if Office::exists(folder)? {
        return Ok(Office::open(folder)?.root());
    }
    let root = RootKey::draw()?;
    let made = Office::create(folder, &root, "", Publications::Server, NOW);
    Ok(made?.root())
}

/// A step, what is left if the power goes before it, and who it was by then.
type Photo = (Step, Image, Option<PublicKey>);

/// Lets the power go before the steps of a beginning. Whatever is left can be begun again, and is who
/// it was if that was answered.
fn lose_power_while(begin: Begin, database: &str, step_by: u64) -> (u64, Vec<String>) {
    let folder = local::folder();
    let disk = Disk::of(folder.path(), 1);
    let photos: Arc<Mutex<Vec<Photo>>> = Arc::default();
    let answered: Arc<Mutex<Option<PublicKey>>> = Arc::default();
    let mut chance = Chance::new(setting("NGHISU_SEED", 1));
    let (taken, by_then) = (Arc::clone(&photos), Arc::clone(&answered));
    disk.watch(move |step, files| {
        let often = step.operation != Operation::Write;
        if often || chance.draw().is_multiple_of(step_by) {
            let image = files.after_power_loss("", &mut chance);
            let who = by_then.lock().unwrap().clone();
            taken.lock().unwrap().push((step.clone(), image, who));
        }
    });
    let side = folder.path().join("side");
    let who = begin(&side).unwrap();
    *answered.lock().unwrap() = Some(who.clone());
    assert_eq!(begin(&side).unwrap(), who);
    disk.unwatch();

    let photos = std::mem::take(&mut *photos.lock().unwrap());
    let check = |image: &Image, before: &Option<PublicKey>| -> Verdict {
        let left = local::folder();
        image.write_to(left.path());
        let side = left.path().join("side");
        let who = told(begin(&side), "it begins again")?;
        ensure(before.as_ref().is_none_or(|before| *before == who), || {
            "it is somebody else".into()
        })?;
        ensure(told(begin(&side), "it is opened")? == who, || {
            "it becomes somebody else".into()
        })?;
        sound_at(&side.join(database))
    };
    let failed = photos.iter().filter_map(|(step, image, before)| {
        let said = check(image, before).err()?;
        Some(format!("{step}: {said}"))
    });
    (photos.len() as u64, failed.collect())
}

/// Lets operations of a beginning fail; afterwards it can be begun again.
fn fail_while(begin: Begin, trouble: fn(u64) -> Trouble, step_by: u64) -> BTreeMap<Code, u64> {
    let mut codes = BTreeMap::new();
    let mut at = 1 + setting("NGHISU_SEED", 0) % step_by;
    loop {
        let folder = local::folder();
        let disk = Disk::of(folder.path(), at);
        disk.trouble(trouble(at));
        let side = folder.path().join("side");
        let begun = begin(&side);
        if disk.struck().is_none() {
            return codes;
        }
        if let Err(error) = begun {
            assert!(
                is_clear(error.code(), trouble(at)),
                "{:?}: {error}",
                trouble(at)
            );
            *codes.entry(error.code()).or_default() += 1;
        }
        disk.trouble(Trouble::None);
        begin(&side).unwrap();
        at += step_by;
    }
}

fn try_beginning(begin: Begin, database: &str) {
    vfs::install();
    let begun = Instant::now();
    let step_by = setting("NGHISU_FAULTS", STEP).max(1);
    let (losses, failed) = lose_power_while(begin, database, step_by);
    assert_eq!(failed, [""; 0]);
    let full = fail_while(begin, Trouble::FullFrom, step_by);
    let errors = fail_while(begin, Trouble::ErrorAt, step_by);
    report(&format!(
        "{database}: {losses} losses of power, no space {full:?}, errors {errors:?}; {:.1} s",
        begun.elapsed().as_secs_f64()
    ));
    assert!(losses > 10 && !full.is_empty() && !errors.is_empty());
}

#[test]
fn the_first_opening_of_a_store_may_be_interrupted_anywhere() {
    try_beginning(begin_store, "nghisu.db");
}

#[test]
fn the_making_of_an_office_may_be_interrupted_anywhere() {
    try_beginning(begin_office, "office.db");
}
