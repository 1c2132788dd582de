//! Random lives of a delegate's phones: written on, synced, cut off, killed, copied, put back from
//! copies of any age, locked, enrolled anew. At the end every word that was not thrown away on purpose
//! is in the notes of every device, none is there twice, and each act was received once.
#![expect(clippy::unwrap_used, reason = "the helpers of the tests are tests too")]

use std::collections::{BTreeMap, BTreeSet};

use nghisu_core::{
    Code,
    ids::{DocumentId, MeetingId, PersonId},
    store::VaultState,
    trust::{
        decide::{DeviceStatus, Role},
        vault::Dice,
    },
};
use nghisu_server::{Office, RootKey};
use nghisu_tests::{
    copies::{Moment, Phone, publish},
    local::{NOW, folder},
    report,
};
use rusqlite::Connection;

/// Histories, unless `NGHISU_HISTORIES` says another number.
const HISTORIES: u64 = 20;
/// What happens in one of them.
const EVENTS: usize = 30;
/// Phones at a time, beside the tablet that is never copied.
const PHONES_MAX: usize = 3;

#[test]
fn in_any_history_of_copies_no_word_is_lost_none_is_doubled_and_all_agree() {
    let histories =
        std::env::var("NGHISU_HISTORIES").map_or(HISTORIES, |text| text.parse().unwrap());
    let seed = std::env::var("NGHISU_SEED").map_or(1, |text| text.parse().unwrap());
    let place = folder();
    let office =
        Office::open_or_create(&place.path().join("office"), &RootKey::draw().unwrap()).unwrap();
    let meeting = publish(&office);
    let mut total = Counts::default();
    for number in seed..seed + histories {
        let mut history = History::new(&office, meeting, number);
        for _ in 0..EVENTS {
            history.happen();
        }
        history.check();
        total.add(&history.counts);
    }
    office.verify_log().unwrap();
    report(&format!(
        "{histories} histories from seed {seed}: {total:?}"
    ));
    assert!(total.cut > 0 && total.granted > 0 && total.locked > 0 && total.put_back > 0);
}

/// What the histories had in them.
#[derive(Debug, Default)]
struct Counts {
    words: usize,
    acts: usize,
    cut: usize,
    copied: usize,
    put_back: usize,
    granted: usize,
    locked: usize,
    thrown_away: usize,
}

impl Counts {
    fn add(&mut self, other: &Self) {
        self.words += other.words;
        self.acts += other.acts;
        self.cut += other.cut;
        self.copied += other.copied;
        self.put_back += other.put_back;
        self.granted += other.granted;
        self.locked += other.locked;
        self.thrown_away += other.thrown_away;
    }
}

/// A phone, or a copy that lies in a drawer, with the words that may be nowhere else.
struct Held {
    phone: Phone,
    unsent: BTreeSet<String>,
}

struct History<'o> {
    office: &'o Office,
    meeting: MeetingId,
    number: u64,
    person: PersonId,
    dice: Dice,
    tablet: Held,
    phones: Vec<Held>,
    drawer: Vec<Held>,
    written: usize,
    /// Words that went with a phone whose content was thrown away.
    thrown_away: BTreeSet<String>,
    counts: Counts,
}

impl<'o> History<'o> {
    fn new(office: &'o Office, meeting: MeetingId, number: u64) -> Self {
        let name = format!("Đại biểu {number}");
        let person = office.add_person(&name, Role::Delegate).unwrap().id;
        let mut seed = [7; 32];
        seed[..8].copy_from_slice(&number.to_be_bytes());
        let mut dice = Dice::new(seed);
        let mut tablet = Phone::enrol(office, person, dice.draw());
        tablet.sync(office).unwrap();
        let mut phone = Phone::enrol(office, person, dice.draw());
        tablet.let_in(office, &mut phone).unwrap();
        let held = |phone| Held {
            phone,
            unsent: BTreeSet::new(),
        };
        Self {
            office,
            meeting,
            number,
            person,
            dice,
            tablet: held(tablet),
            phones: vec![held(phone)],
            drawer: Vec::new(),
            written: 0,
            thrown_away: BTreeSet::new(),
            counts: Counts::default(),
        }
    }

    fn pick(&mut self, count: usize) -> usize {
        u32::from_be_bytes(self.dice.draw()) as usize % count
    }

    fn happen(&mut self) {
        let at = self.pick(self.phones.len());
        match self.pick(20) {
            0..=5 => self.write(at),
            6 => self.act(at),
            7..=9 => self.sync(at, None),
            10..=12 => {
                let cut = self.pick(14);
                self.sync(at, Some(cut));
            }
            13 => {
                self.tablet.phone.sync(self.office).unwrap();
                self.tablet.unsent.clear();
                if self.pick(2) == 0 {
                    let word = self.word();
                    write(&mut self.tablet, &mut self.dice, &word);
                }
            }
            14 => self.phones[at].phone.restart(),
            15 | 16 => self.copy(at),
            17 => self.put_back(at),
            18 => self.wake(),
            _ => self.lose(at),
        }
    }

    fn word(&mut self) -> String {
        self.written += 1;
        self.counts.words += 1;
        format!("«{}»", self.written)
    }

    fn write(&mut self, at: usize) {
        let word = self.word();
        write(&mut self.phones[at], &mut self.dice, &word);
    }

    fn act(&mut self, at: usize) {
        let held = &mut self.phones[at];
        // While it reads the log again, a phone may not know the meeting.
        let known = held.phone.store().meetings().unwrap();
        if known.iter().any(|row| row.id == self.meeting) {
            self.written += 1;
            self.counts.acts += 1;
            let text = format!("câu {}", self.written);
            held.phone.ask(self.meeting, &text);
            held.unsent.insert(text);
        }
    }

    fn sync(&mut self, at: usize, cut: Option<usize>) {
        let held = &mut self.phones[at];
        let mut moments = 0;
        let ended = held.phone.sync_cut(self.office, |_: Moment| {
            moments += 1;
            cut.is_some_and(|cut| moments == cut + 1)
        });
        match ended {
            Ok(_) if held.phone.store().unsent().unwrap() == 0 => held.unsent.clear(),
            Ok(_) => {}
            Err(error) if error.code() == Code::OfficeUnreachable => self.counts.cut += 1,
            Err(error) if error.code() == Code::DeviceRefused => self.enrol_anew(at),
            Err(error) => panic!("history {}: {error}", self.number),
        }
    }

    fn enrol_anew(&mut self, at: usize) {
        self.counts.locked += 1;
        // Only so many devices of a person stand at a time.
        for device in self.office.devices(NOW).unwrap() {
            if device.person.id == self.person && device.status == DeviceStatus::Locked {
                self.counts.granted += device.incarnation as usize - 1;
                self.office.revoke_device(device.id, NOW).unwrap();
            }
        }
        self.phones[at].phone.enrol_anew(self.office);
    }

    fn copy(&mut self, at: usize) {
        let seed = self.dice.draw();
        let held = &mut self.phones[at];
        let copy = Held {
            phone: held.phone.copy(seed),
            unsent: held.unsent.clone(),
        };
        if self.phones.len() < PHONES_MAX && self.pick(2) == 0 {
            self.counts.copied += 1;
            self.phones.push(copy);
        } else {
            self.drawer.push(copy);
        }
    }

    /// A phone gets the content of an older copy.
    fn put_back(&mut self, at: usize) {
        if self.drawer.is_empty() {
            return;
        }
        let from = self.pick(self.drawer.len());
        let (held, copy) = (&mut self.phones[at], &mut self.drawer[from]);
        held.phone.put_back(&mut copy.phone);
        let unsent = std::mem::replace(&mut held.unsent, copy.unsent.clone());
        self.counts.put_back += 1;
        self.thrown_away.extend(unsent);
    }

    /// An older copy becomes a phone.
    fn wake(&mut self) {
        if self.drawer.is_empty() || self.phones.len() == PHONES_MAX {
            return;
        }
        let from = self.pick(self.drawer.len());
        self.counts.copied += 1;
        self.phones.push(self.drawer.remove(from));
    }

    fn lose(&mut self, at: usize) {
        if self.phones.len() > 1 {
            let lost = self.phones.remove(at);
            self.thrown_away.extend(lost.unsent);
        }
    }

    fn check(&mut self) {
        for turn in 0..4 {
            for at in 0..self.phones.len() {
                self.sync(at, None);
                let held = &mut self.phones[at];
                // What was refused a moment ago belongs to a device that is new now.
                held.phone.sync(self.office).unwrap();
                let state = held.phone.store().vault_status().unwrap().state;
                if turn < 2 && state != VaultState::Open {
                    self.tablet
                        .phone
                        .let_in(self.office, &mut held.phone)
                        .unwrap();
                }
            }
            self.tablet.phone.sync(self.office).unwrap();
        }
        for device in self.office.devices(NOW).unwrap() {
            if device.person.id == self.person && device.status == DeviceStatus::Active {
                self.counts.granted += device.incarnation as usize - 1;
            }
        }
        let kept: BTreeSet<String> = self.thrown_away.clone();
        self.counts.thrown_away = kept.len();
        let shown = texts(&mut self.tablet.phone);
        let (number, all) = (self.number, &mut self.phones);
        for held in all.iter_mut().chain([&mut self.tablet]) {
            let phone = &mut held.phone;
            assert_eq!(phone.store().unsent().unwrap(), 0, "history {number}");
            assert!(phone.store().not_sent().unwrap().is_empty());
            let status = phone.store().vault_status().unwrap();
            assert_eq!((status.missing, status.unreadable), (0, 0));
            assert_eq!(texts(phone), shown, "history {number}");
            let database = phone.store().directory().join("nghisu.db");
            let aside: i64 = Connection::open(database)
                .unwrap()
                .query_row("SELECT count(*) FROM quarantine", [], |row| row.get(0))
                .unwrap();
            assert_eq!(aside, 0, "history {number}: entries that could not be read");
        }
        let text: Vec<&str> = shown.values().map(String::as_str).collect();
        let text = text.join("\n");
        let export = self.office.export(&[self.person], None).unwrap();
        let acts: BTreeSet<String> = export[0]["acts"]
            .as_array()
            .unwrap()
            .iter()
            .map(|act| act["text"].as_str().unwrap().to_owned())
            .collect();
        for n in 1..=self.written {
            let (word, act) = (format!("«{n}»"), format!("câu {n}"));
            let found = text.matches(&word).count() + usize::from(acts.contains(&act));
            let may_be_lost = kept.contains(&word) || kept.contains(&act);
            assert!(
                found == 1 || (found == 0 && may_be_lost),
                "history {number}: {word} is there {found} times in {shown:#?}"
            );
        }
        let receipts = export[0]["receipts"].as_array().unwrap();
        let own = receipts
            .iter()
            .filter(|it| it["person"] == self.person.to_string());
        assert_eq!(own.count(), acts.len(), "history {number}");
    }
}

/// Writes a word into a note, at its beginning or its end, or into a new one.
fn write(held: &mut Held, dice: &mut Dice, word: &str) {
    let mut pick = |count: usize| u32::from_be_bytes(dice.draw()) as usize % count;
    let notes = held.phone.notes();
    if notes.len() < 2 || pick(6) == 0 {
        held.phone.write(word);
    } else {
        let note = notes[pick(notes.len())].id;
        if pick(2) == 0 {
            held.phone.append(note, &format!(" {word}"));
        } else {
            held.phone.insert(note, 0, &format!("{word} "));
        }
    }
    held.unsent.insert(word.to_owned());
}

fn texts(phone: &mut Phone) -> BTreeMap<DocumentId, String> {
    let notes = phone.notes().into_iter();
    notes.map(|note| (note.id, note.text)).collect()
}
