//! What is left of private notes when devices are gone: everything, as long as one device or the
//! recovery code is left; nothing without both.
#![expect(
    clippy::unwrap_used,
    reason = "the helpers below the tests are tests too"
)]
#![allow(clippy::disallowed_methods, reason = "how long it took is reported")]

use std::{collections::BTreeMap, time::Instant};

use nghisu_core::{
    Code,
    ids::{DeviceId, DocumentId, PersonId},
    store::{Note, VaultState},
    trust::{
        decide::{DeviceStatus, Role},
        vault::{Dice, codes::RecoveryCode},
    },
};
use nghisu_server::{Office, RootKey};
use nghisu_tests::{
    canary::copy_folder,
    local::{Local, folder},
    report,
};

/// Histories, unless `NGHISU_HISTORIES` says another number.
const HISTORIES: u64 = 20;
/// What happens in one of them.
const EVENTS: usize = 14;
/// Entries of a note after which its device makes a snapshot: few, so that there are many.
const SNAPSHOT_ENTRIES: u64 = 3;
/// Devices of one owner at a time; one place more is left for the device that is new.
const DEVICES_MAX: usize = 3;

#[test]
fn any_device_or_the_code_restores_all_notes_and_nothing_else_does() {
    let begun = Instant::now();
    let histories =
        std::env::var("NGHISU_HISTORIES").map_or(HISTORIES, |text| text.parse().unwrap());
    let seed = std::env::var("NGHISU_SEED").map_or(1, |text| text.parse().unwrap());
    let place = folder();
    let office =
        Office::open_or_create(&place.path().join("office"), &RootKey::draw().unwrap()).unwrap();
    let mut total = Counts::default();
    for number in seed..seed + histories {
        let mut history = History::new(&office, number);
        for _ in 0..EVENTS {
            history.happen();
        }
        history.check();
        total.add(&history.counts);
    }
    report(&format!(
        "{histories} histories from seed {seed}: {total:?}; {:.1} s",
        begun.elapsed().as_secs_f64()
    ));
    assert!(total.removed > 0 && total.by_code > 0 && total.renewed > 0 && total.redone > 0);
    assert!(total.snapshots > 0);
}

#[test]
fn the_chain_of_devices_comes_back_to_an_office_that_was_put_back() {
    let place = folder();
    let path = place.path().join("office");
    let office = Office::open_or_create(&path, &RootKey::draw().unwrap()).unwrap();
    let person = office.add_person("Đại biểu", Role::Delegate).unwrap().id;
    let mut first = Local::enrol(&office, person, [1; 32]);
    first.sync(&office).unwrap();
    let code = first.store.recovery_code().unwrap().unwrap();
    let mut second = Local::enrol(&office, person, [2; 32]);
    second.sync(&office).unwrap();
    let copy = place.path().join("copy");
    copy_folder(&path, &copy);
    // Two steps of the chain and a new epoch, with notes under both.
    first.let_in(&office, &mut second).unwrap();
    first.write("Dưới khóa thứ nhất");
    first.sync(&office).unwrap();
    first.store.remove_device(second.id()).unwrap();
    first.sync(&office).unwrap();
    first.write("Dưới khóa thứ hai");
    first.sync(&office).unwrap();
    let before = first.store.vault_status().unwrap();
    assert_eq!((before.epoch, before.members.len()), (2, 1));
    drop(office);
    let office = Office::open(&copy).unwrap();

    first.sync(&office).unwrap();

    let after = first.store.vault_status().unwrap();
    assert_eq!((after.epoch, after.members), (2, before.members));
    assert_eq!(first.store.unsent().unwrap(), 0);
    assert!(!after.contradicted);
    let mut third = Local::enrol(&office, person, [3; 32]);
    third.restore(&office, &code).unwrap();
    assert_eq!(by_id(&third), by_id(&first));
    assert_eq!(third.notes().len(), 2);
}

/// What the histories had in them.
#[derive(Debug, Default)]
struct Counts {
    notes: usize,
    added: usize,
    by_code: usize,
    removed: usize,
    renewed: usize,
    /// Snapshots of notes that the office took.
    snapshots: u32,
    /// Notes that were sealed under an epoch that had ended meanwhile.
    redone: u32,
    restored: usize,
}

impl Counts {
    fn add(&mut self, other: &Self) {
        self.notes += other.notes;
        self.added += other.added;
        self.by_code += other.by_code;
        self.removed += other.removed;
        self.renewed += other.renewed;
        self.snapshots += other.snapshots;
        self.redone += other.redone;
        self.restored += other.restored;
    }
}

/// The life of one owner's notes.
struct History<'o> {
    office: &'o Office,
    number: u64,
    person: PersonId,
    dice: Dice,
    devices: Vec<Local>,
    /// Devices that were removed, with what they held when they were.
    gone: Vec<(Local, BTreeMap<DocumentId, Note>)>,
    code: RecoveryCode,
    written: usize,
    counts: Counts,
}

impl<'o> History<'o> {
    fn new(office: &'o Office, number: u64) -> Self {
        let name = format!("Đại biểu {number}");
        let person = office.add_person(&name, Role::Delegate).unwrap().id;
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&number.to_be_bytes());
        let mut dice = Dice::new(seed);
        let mut first = Local::enrol(office, person, dice.draw());
        first.store.set_snapshot_entries(SNAPSHOT_ENTRIES);
        first.sync(office).unwrap();
        let code = first.store.recovery_code().unwrap().unwrap();
        first.store.recovery_code_written().unwrap();
        Self {
            office,
            number,
            person,
            dice,
            devices: vec![first],
            gone: Vec::new(),
            code,
            written: 0,
            counts: Counts::default(),
        }
    }

    fn pick(&mut self, count: usize) -> usize {
        let number = u32::from_be_bytes(self.dice.draw());
        number as usize % count
    }

    fn happen(&mut self) {
        let at = self.pick(self.devices.len());
        match self.pick(12) {
            0..=3 => self.write(at),
            4..=6 => {
                let report = self.devices[at].sync(self.office).unwrap();
                assert_eq!(report.refused, 0);
            }
            7 | 8 if self.devices.len() < DEVICES_MAX => self.add(at),
            9 if self.devices.len() < DEVICES_MAX => self.add_by_code(),
            10 if self.devices.len() > 1 => self.remove(at),
            11 => self.renew(at),
            _ => self.write(at),
        }
    }

    fn write(&mut self, at: usize) {
        self.written += 1;
        self.counts.notes += 1;
        let text = format!("{} của lịch sử {}: cử tri 😀 ", self.written, self.number);
        let notes = self.devices[at].notes();
        if notes.is_empty() || self.pick(2) == 0 {
            self.devices[at].write(&text.repeat(1 + self.written % 7));
        } else {
            let note = notes[self.pick(notes.len())].id;
            self.devices[at].edit(note, &text);
        }
    }

    fn add(&mut self, by: usize) {
        self.counts.added += 1;
        let seed = self.dice.draw();
        let mut new = Local::enrol(self.office, self.person, seed);
        self.devices[by].let_in(self.office, &mut new).unwrap();
        assert!(new.is_open());
        new.store.set_snapshot_entries(SNAPSHOT_ENTRIES);
        self.devices.push(new);
    }

    fn add_by_code(&mut self) {
        self.counts.by_code += 1;
        let seed = self.dice.draw();
        let mut new = Local::enrol(self.office, self.person, seed);
        new.restore(self.office, &self.code).unwrap();
        assert!(new.is_open());
        new.store.set_snapshot_entries(SNAPSHOT_ENTRIES);
        self.devices.push(new);
    }

    /// One device removes another, which is closed at the office. Whoever was away meanwhile has
    /// sealed for an epoch that is over.
    fn remove(&mut self, by: usize) {
        self.counts.removed += 1;
        let mut gone = (by + 1 + self.pick(self.devices.len() - 1)) % self.devices.len();
        let remover = self.devices[by].id();
        let mut left = self.devices.remove(gone);
        gone = self
            .devices
            .iter()
            .position(|device| device.id() == remover)
            .unwrap();
        let device = &mut self.devices[gone];
        device.sync(self.office).unwrap();
        left.sync(self.office).unwrap();
        let held = by_id(&left);
        device.store.remove_device(left.id()).unwrap();
        device.sync(self.office).unwrap();
        self.close(left.id());
        self.gone.push((left, held));
    }

    fn renew(&mut self, at: usize) {
        self.counts.renewed += 1;
        let (old, random) = (self.code.clone(), self.dice.draw());
        let device = &mut self.devices[at];
        device.sync(self.office).unwrap();
        device.store.renew_recovery_code(random).unwrap();
        device.sync(self.office).unwrap();
        self.code = device.store.recovery_code().unwrap().unwrap();
        device.store.recovery_code_written().unwrap();
        assert!(old != self.code);
        let mut finder = self.stranger();
        let error = finder.restore(self.office, &old).unwrap_err();
        assert_eq!(error.code(), Code::RecoveryCodeWrong);
        self.close(finder.id());
    }

    /// A device that the office has added by itself: it has a certificate and nothing else.
    fn stranger(&mut self) -> Local {
        let seed = self.dice.draw();
        Local::enrol(self.office, self.person, seed)
    }

    fn close(&self, device: DeviceId) {
        self.office
            .set_device_status(device, DeviceStatus::Revoked)
            .unwrap();
    }

    fn check(&mut self) {
        for _ in 0..2 {
            for device in &mut self.devices {
                device.sync(self.office).unwrap();
            }
        }
        let accepted = by_id(&self.devices[0]);
        for device in &mut self.devices {
            assert_eq!(device.store.unsent().unwrap(), 0, "history {}", self.number);
            assert_eq!(by_id(device), accepted, "history {}", self.number);
            assert!(device.store.not_sent().unwrap().is_empty());
            let status = device.store.vault_status().unwrap();
            assert_eq!(
                (status.missing, status.unreadable, status.contradicted),
                (0, 0, false)
            );
            self.counts.redone += count(device, "outcome = 'redo'");
            self.counts.snapshots += count(device, "internal = 1 AND outcome = 'accepted'");
        }
        // Every subset with something in it restores all; each is as strong as one of its members.
        for survivor in 0..=self.devices.len() {
            let mut fresh = self.stranger();
            if survivor == self.devices.len() {
                fresh.restore(self.office, &self.code).unwrap();
            } else {
                self.devices[survivor]
                    .let_in(self.office, &mut fresh)
                    .unwrap();
            }
            assert_eq!(
                by_id(&fresh),
                accepted,
                "history {}, survivor {survivor}",
                self.number
            );
            assert_eq!(fresh.store.vault_status().unwrap().missing, 0);
            self.counts.restored += 1;
            self.close(fresh.id());
        }
        // The empty one does not, and neither does what a removed device kept.
        let mut nothing = self.stranger();
        nothing.sync(self.office).unwrap();
        let status = nothing.store.vault_status().unwrap();
        assert_eq!(status.state, VaultState::Waiting);
        assert!(nothing.notes().is_empty());
        assert!(accepted.is_empty() || status.unreadable > 0);
        let wrong = RecoveryCode::new(self.dice.draw());
        let error = nothing.store.restore(&wrong).unwrap_err();
        assert_eq!(error.code(), Code::RecoveryCodeWrong);
        self.close(nothing.id());
        for (mut left, held) in std::mem::take(&mut self.gone) {
            // Even if the office lets it read on.
            self.office
                .set_device_status(left.id(), DeviceStatus::Active)
                .unwrap();
            left.sync(self.office).unwrap();
            assert_eq!(by_id(&left), held, "history {}", self.number);
            assert!(!left.is_open());
            self.close(left.id());
        }
    }
}

/// Counts a device's own envelopes.
fn count(device: &Local, which: &str) -> u32 {
    let database = rusqlite::Connection::open(device.store.directory().join("nghisu.db")).unwrap();
    let count = format!("SELECT count(*) FROM envelope WHERE {which}");
    database.query_row(&count, [], |row| row.get(0)).unwrap()
}

/// What a device shows of its owner's notes, but for what depends on the device.
fn by_id(device: &Local) -> BTreeMap<DocumentId, Note> {
    let alike = |mut note: Note| {
        note.edited_at = note.created_at;
        note.unsent = 0;
        (note.id, note)
    };
    device.notes().into_iter().map(alike).collect()
}
