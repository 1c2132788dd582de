//! A damaged database that is carried over, interrupted anywhere.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Instant,
};

use nghisu_core::{
    ids::DocumentId,
    store::{NoteTarget, Store},
    trust::keys::PublicKey,
};
use nghisu_tests::{
    disk::{Chance, Disk, Image, Operation, Step, Trouble},
    local::{self, NOW},
    report,
};
use rusqlite::Connection;

use super::{
    faults::is_clear,
    pair::{DEVICE, Template, Verdict, ensure, open_store, sound_at, told},
    setting,
};

/// Of so many writes one is a loss of power, and of so many operations one fails, unless
/// `NGHISU_FAULTS` is 1.
const STEP: u64 = 25;

/// What an app sees of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    key: PublicKey,
    person: String,
    notes: BTreeMap<DocumentId, String>,
    unsent: u64,
}

fn see(store: &Store) -> nghisu_core::Result<Seen> {
    Ok(Seen {
        key: store.signer().public_key(),
        person: store
            .identity()?
            .map_or_else(String::new, |it| it.person_name),
        notes: store
            .notes(None)?
            .into_iter()
            .map(|note| (note.id, note.text))
            .collect(),
        unsent: store.unsent()?,
    })
}

/// Lays out a device whose database is damaged in the middle.
fn lay_out_damaged(folder: &Path) -> PathBuf {
    Template::get().lay_out(folder);
    let device = folder.join(DEVICE);
    let mut store = open_store(&device).unwrap();
    for n in 0..12 {
        let (id, text) = (
            DocumentId::from_bytes([n; 16]),
            format!("{n} ").repeat(2_000),
        );
        store
            .create_note(id, &NoteTarget::default(), &text, NOW)
            .unwrap();
    }
    drop(store);
    let path = device.join("nghisu.db");
    let database = Connection::open(&path).unwrap();
    database
        .pragma_update(None, "journal_mode", "DELETE")
        .unwrap();
    let root = "SELECT rootpage FROM sqlite_schema WHERE name = 'pending'";
    let root: u32 = database.query_row(root, [], |row| row.get(0)).unwrap();
    let size: u32 = database
        .pragma_query_value(None, "page_size", |row| row.get(0))
        .unwrap();
    drop(database);
    let mut bytes = fs::read(&path).unwrap();
    let size = size as usize;
    let table = Pages::of_table(&bytes, size, root as usize);
    for page in [table.overflow[3], table.leaves[0]] {
        bytes[(page - 1) * size..page * size].fill(0xa5);
    }
    fs::write(&path, bytes).unwrap();
    device
}

/// The pages of a table, as SQLite's file format has them (sqlite.org/fileformat2.html, section 1.6).
#[derive(Default)]
struct Pages {
    leaves: Vec<usize>,
    overflow: Vec<usize>,
}

impl Pages {
    fn of_table(bytes: &[u8], size: usize, root: usize) -> Self {
        let mut found = Self::default();
        found.walk(bytes, size, root);
        found
    }

    fn walk(&mut self, bytes: &[u8], size: usize, number: usize) {
        let page = &bytes[(number - 1) * size..number * size];
        let short = |at: usize| usize::from(u16::from_be_bytes([page[at], page[at + 1]]));
        let (cells, is_leaf) = (short(3), page[0] == 13);
        if is_leaf {
            self.leaves.push(number);
        }
        for cell in 0..cells {
            let mut at = short(if is_leaf { 8 } else { 12 } + 2 * cell);
            if !is_leaf {
                self.walk(bytes, size, long(page, at));
                continue;
            }
            let payload = varint(page, &mut at);
            varint(page, &mut at);
            let (usable, least) = (size, (size - 12) * 32 / 255 - 23);
            if payload > usable - 35 {
                let kept = least + (payload - least) % (usable - 4);
                at += if kept > usable - 35 { least } else { kept };
                let mut next = long(page, at);
                while next != 0 {
                    self.overflow.push(next);
                    next = long(bytes, (next - 1) * size);
                }
            }
        }
        if !is_leaf {
            self.walk(bytes, size, long(page, 8));
        }
    }
}

fn long(bytes: &[u8], at: usize) -> usize {
    let bytes = bytes[at..at + 4].try_into().unwrap();
    u32::from_be_bytes(bytes) as usize
}

/// Reads a number of less than nine bytes, and goes on behind it.
fn varint(bytes: &[u8], at: &mut usize) -> usize {
    let mut number = 0;
    loop {
        let byte = bytes[*at];
        *at += 1;
        number = number << 7 | usize::from(byte & 0x7f);
        if byte < 0x80 {
            return number;
        }
    }
}

/// Opens what is left; it is what an opening without interruption sees.
fn check(image: &Image, expected: &Seen) -> Verdict {
    let left = local::folder();
    image.write_to(left.path());
    let device = left.path().join(DEVICE);
    for time in ["once", "again"] {
        let store = told(open_store(&device), time)?;
        let seen = told(see(&store), time)?;
        ensure(seen == *expected, || {
            format!(
                "{time}: {} notes of {}, {} unsent of {}, same key: {}",
                seen.notes.len(),
                expected.notes.len(),
                seen.unsent,
                expected.unsent,
                seen.key == expected.key
            )
        })?;
    }
    let store = told(open_store(&device), "at last")?;
    ensure(store.salvage().is_none(), || {
        "it is carried over without end".into()
    })?;
    drop(store);
    let mut names = fs::read_dir(&device)
        .unwrap()
        .flatten()
        .map(|file| file.file_name());
    ensure(
        names.any(|name| name.to_string_lossy().contains(".damaged-")),
        || "the damaged file is gone".into(),
    )?;
    sound_at(&device.join("nghisu.db"))
}

#[test]
fn the_carrying_over_of_a_damaged_database_may_be_interrupted_anywhere() {
    let begun = Instant::now();
    let step_by = setting("NGHISU_FAULTS", STEP).max(1);
    let seed = setting("NGHISU_SEED", 1);
    let damaged = local::folder();
    let device = lay_out_damaged(damaged.path());
    let disk = Disk::of(damaged.path(), seed);
    let before = disk.look(nghisu_tests::disk::Files::present);

    let photos: Arc<Mutex<Vec<(Step, Image)>>> = Arc::default();
    let (taken, mut chance) = (Arc::clone(&photos), Chance::new(seed));
    disk.watch(move |step, files| {
        if step.operation != Operation::Write || chance.draw().is_multiple_of(step_by) {
            let image = files.after_power_loss("", &mut chance);
            taken.lock().unwrap().push((step.clone(), image));
        }
    });
    let store = open_store(&device).unwrap();
    assert!(store.salvage().is_some(), "nothing was damaged");
    let expected = see(&store).unwrap();
    assert_eq!(expected.notes.len(), 12);
    drop(store);
    disk.unwatch();
    let photos = std::mem::take(&mut *photos.lock().unwrap());
    let mut failed: Vec<String> = photos
        .iter()
        .filter_map(|(step, image)| Some(format!("{step}: {}", check(image, &expected).err()?)))
        .collect();

    let mut errors = 0;
    for trouble in [Trouble::FullFrom as fn(u64) -> Trouble, Trouble::ErrorAt] {
        let mut at = 1 + seed % step_by;
        loop {
            let folder = local::folder();
            before.write_to(folder.path());
            let disk = Disk::of(folder.path(), at);
            disk.trouble(trouble(at));
            let opened = open_store(&folder.path().join(DEVICE));
            if disk.struck().is_none() {
                break;
            }
            if let Err(error) = opened.as_ref() {
                errors += 1;
                if !is_clear(error.code(), trouble(at)) {
                    failed.push(format!("{:?}: {error}", trouble(at)));
                }
            }
            drop(opened);
            disk.trouble(Trouble::None);
            let image = disk.look(nghisu_tests::disk::Files::present);
            failed.extend(
                check(&image, &expected)
                    .err()
                    .map(|said| format!("{:?}: {said}", trouble(at))),
            );
            at += step_by;
        }
    }
    report(&format!(
        "a salvage: {} losses of power, {errors} errors; {:.1} s",
        photos.len(),
        begun.elapsed().as_secs_f64()
    ));
    assert_eq!(failed, [""; 0]);
}

/// Moves files as an opening does that ends after so many of the moves.
fn move_some(device: &Path, moves: usize) {
    let fresh = device.join("nghisu.db.fresh");
    let aside = "nghisu.db.damaged-1";
    drop(open_store(&device.join("elsewhere")).unwrap());
    fs::rename(device.join("elsewhere").join("nghisu.db"), &fresh).unwrap();
    let database = Connection::open(&fresh).unwrap();
    let name = "INSERT INTO state (name, value) VALUES ('salvaging', CAST(?1 AS BLOB))";
    database.execute_batch("DELETE FROM state").unwrap();
    database.execute(name, [aside]).unwrap();
    drop(database);
    fs::write(device.join("nghisu.db-wal"), "").unwrap();
    for suffix in ["", "-wal"].iter().take(moves) {
        let from = device.join(format!("nghisu.db{suffix}"));
        fs::rename(from, device.join(format!("{aside}{suffix}"))).unwrap();
    }
}

#[test]
fn a_move_of_a_damaged_database_that_was_interrupted_is_finished() {
    for moves in 0..=2 {
        let folder = local::folder();
        let device = lay_out_damaged(folder.path());
        move_some(&device, moves);

        let store = open_store(&device).unwrap();

        let salvage = store.salvage().unwrap().clone();
        assert!(salvage.moved_to.is_file(), "{moves}: {salvage:?}");
        assert_eq!(see(&store).unwrap().notes.len(), 12, "{moves}");
        drop(store);
        assert!(!device.join("nghisu.db.fresh").exists());
        assert!(open_store(&device).unwrap().salvage().is_none());
    }
}
