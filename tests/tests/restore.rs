//! An office that loses its disk and is restored from an old backup, and a hundred devices that bring
//! back what it has lost: the real office, sessions and stores in one process.
#![expect(clippy::unwrap_used, reason = "the helpers of the test are tests too")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use nghisu_core::{
    Code,
    ids::{ActId, DeviceId, DocumentId, Feed, Hash, Kind, MeetingId, PersonId},
    meeting::{
        ItemId,
        act::{Act, ActKind},
    },
    store::{Acted, AlertKind, Durability},
    sync::{envelope::Envelope, healing::SerialNumber, wire::Reply},
    time::Timestamp,
    trust::decide::{DeviceStatus, Role},
};
use nghisu_server::{
    Office, RootKey,
    office::{Asked, examine},
};
use nghisu_tests::{
    canary::copy_folder,
    local::{Local, NOW, folder},
    report,
};
use rusqlite::Connection;
use tempfile::TempDir;

const PEOPLE: usize = 50;
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

struct World {
    folder: TempDir,
    root: RootKey,
    data: PathBuf,
    office: Office,
    people: Vec<PersonId>,
    devices: Vec<Local>,
    /// Whose each device is.
    owners: Vec<usize>,
    acts: u8,
}

fn programme(folder: &Path, title: &str, closed: Option<&str>) -> PathBuf {
    let closed = closed.map_or_else(String::new, |title| {
        format!("[[item]]\nid = 'i2'\ntitle = '{title}'\ncircle = 'thường trực'\n")
    });
    let text = format!(
        "id = 'kh-1'\nkind = 'regular_session'\ntitle = 'Kỳ họp thứ Nhất'\n[[item]]\nid = 'i1'\ntitle = '{title}'\n{closed}"
    );
    let file = folder.join("kh-1.toml");
    fs::write(&file, text).unwrap();
    file
}

impl World {
    fn new(people: usize) -> Self {
        let folder = folder();
        let root = RootKey::draw().unwrap();
        let data = folder.path().join("office");
        let office = Office::open_or_create(&data, &root).unwrap();
        let mut world = Self {
            folder,
            root,
            data,
            office,
            people: Vec::new(),
            devices: Vec::new(),
            owners: Vec::new(),
            acts: 0,
        };
        for number in 0..people {
            world.add_person(&format!("Đại biểu {number:02}"));
        }
        world
    }

    fn add_person(&mut self, name: &str) -> usize {
        let person = self.office.add_person(name, Role::Delegate).unwrap();
        self.people.push(person.id);
        self.people.len() - 1
    }

    fn enrol(&mut self, owner: usize) -> usize {
        let mut seed = [7; 32];
        seed[..8].copy_from_slice(&(self.devices.len() as u64).to_be_bytes());
        let device = Local::enrol(&self.office, self.people[owner], seed);
        self.devices.push(device);
        self.owners.push(owner);
        self.devices.len() - 1
    }

    fn publish(&self, title: &str, closed: Option<&str>, at: Timestamp) -> MeetingId {
        let file = programme(self.folder.path(), title, closed);
        self.office.import_files(&[file], at, |_| {}).unwrap();
        self.office.publish(Some("kh-1"), title, at).unwrap()[0].meeting
    }

    fn sync(&mut self, device: usize, at: Timestamp) {
        self.devices[device].clock = at;
        self.devices[device].sync(&self.office).unwrap();
    }

    /// Hands in a question.
    fn ask(&mut self, device: usize, meeting: MeetingId, at: Timestamp) -> ActId {
        self.acts += 1;
        let act = Act {
            id: ActId::from_bytes([self.acts; 16]),
            person: self.people[self.owners[device]],
            meeting,
            item: Some("i1".parse::<ItemId>().unwrap()),
            kind: ActKind::QuestionSlip,
            text: format!("câu hỏi {}", self.acts),
            addressee: None,
            withdraws: None,
            made_at: at,
            ruling: None,
        };
        let document = DocumentId::from_bytes([self.acts; 16]);
        self.devices[device].store.put_act(&act, document).unwrap();
        act.id
    }

    fn acted(&self, device: usize, act: ActId) -> Acted {
        let acts = self.devices[device].store.acts(None).unwrap();
        acts.into_iter().find(|acted| acted.act.id == act).unwrap()
    }

    fn number(&self, device: usize, act: ActId) -> Option<String> {
        let number = self.acted(device, act).receipt?.number?;
        Some(SerialNumber::new(number).to_string())
    }

    /// Syncs, and counts the requests: those that only read on are pages.
    fn requests(&mut self, device: usize, at: Timestamp) -> u64 {
        self.devices[device].clock = at;
        let (mut requests, mut reads_on) = (0, false);
        self.devices[device]
            .sync_through(&self.office, |reply| {
                requests += u64::from(!reads_on);
                reads_on = matches!(&reply, Reply::Synced(synced) if synced.more);
                reply
            })
            .unwrap();
        requests
    }

    /// What devices hold of the log: originals by their ids, with feed and kind.
    fn held(&self) -> BTreeMap<Hash, (Feed, Kind)> {
        let mut held = BTreeMap::new();
        for device in &self.devices {
            let beside = Connection::open(device.folder().join("nghisu.db")).unwrap();
            let query = "SELECT bytes FROM kept UNION SELECT bytes FROM envelope WHERE outcome = 'accepted'";
            let mut statement = beside.prepare(query).unwrap();
            let rows = statement.query_map([], |row| row.get::<_, Vec<u8>>(0));
            for bytes in rows.unwrap() {
                let envelope = Envelope::decode(&bytes.unwrap()).unwrap();
                let header = envelope.header();
                held.insert(envelope.id(), (header.feed, header.kind));
            }
        }
        held.retain(|_, (_, kind)| !matches!(kind, Kind::OfficeKey | Kind::Epoch | Kind::Backup));
        held
    }

    /// The originals that stand in the office's log, by themselves or as given back.
    fn in_log(&self) -> BTreeSet<Hash> {
        let beside = Connection::open(self.data.join("office.db")).unwrap();
        let mut statement = beside
            .prepare("SELECT envelope_id FROM entry UNION SELECT envelope FROM returned")
            .unwrap();
        let rows = statement.query_map([], |row| row.get::<_, Vec<u8>>(0));
        rows.unwrap()
            .map(|id| Hash::from_slice(&id.unwrap()).unwrap())
            .collect()
    }

    /// Loses the disk and restores the newest backup on another one.
    fn restore(&mut self, backups: &Path, at: Timestamp) {
        let data = self
            .folder
            .path()
            .join(format!("restored-{}", at.unix_ms()));
        let restored = Office::restore(backups, &data, at, |_, _| {}).unwrap();
        assert!(restored.epoch >= 2 && restored.noted);
        Office::renew_online_key(&data, &self.root, None, at).unwrap();
        self.office = Office::open(&data).unwrap().with_pages_of(64 << 10);
        self.data = data;
    }

    fn status(&self, device: DeviceId) -> DeviceStatus {
        let found = self.office.device(&device.to_string(), NOW).unwrap();
        found.status
    }
}

#[test]
fn a_hundred_devices_bring_back_all_that_an_office_restored_from_an_old_backup_has_lost() {
    let mut world = World::new(PEOPLE);
    let at = |hours: u64| NOW.plus_ms(hours * 60 * 60 * 1000);
    // Everybody has a phone, which has begun the vault, and a tablet, which has not been let in.
    for owner in 0..PEOPLE {
        for _ in 0..2 {
            let device = world.enrol(owner);
            world.sync(device, at(0));
        }
    }
    let meeting = world.publish("Khai mạc", None, at(1));
    for device in 0..2 * PEOPLE {
        world.sync(device, at(1));
    }
    let early = world.ask(0, meeting, at(1));
    let old_note = world.devices[0].write("trước bản sao lưu");
    world.sync(0, at(1));
    let backups = world.folder.path().join("backups");
    world.office.backup(&backups, at(2), |_, _| {}).unwrap();
    world.sync(0, at(2));
    let level = |world: &World, note| world.devices[0].store.durability(note).unwrap();
    assert_eq!(level(&world, old_note), Durability::BackedUp);
    assert_eq!(world.acted(0, early).durability, Durability::BackedUp);

    // After the backup: acts and notes of all, a publication, a grant and what it opened, another
    // delegate, a lost phone.
    let mut numbers = BTreeMap::new();
    let mut notes = BTreeMap::new();
    for owner in 0..PEOPLE {
        let phone = 2 * owner;
        let act = world.ask(phone, meeting, at(3));
        let note = world.devices[phone].write(&format!("sau bản sao lưu {owner}"));
        world.sync(phone, at(3));
        numbers.insert((phone, act), world.number(phone, act).unwrap());
        notes.insert(phone, note);
    }
    assert_eq!(numbers.values().collect::<BTreeSet<_>>().len(), PEOPLE);
    let circle = world.office.add_circle("thường trực").unwrap();
    assert_eq!(
        world.office.audience(Asked::Circle("thường trực")).unwrap(),
        nghisu_core::ids::Audience::Circle(circle)
    );
    let audience = world.office.audience(Asked::Circle("thường trực")).unwrap();
    world
        .office
        .grant(world.people[1], audience, at(4))
        .unwrap();
    world.publish("Khai mạc và thảo luận", Some("Nhân sự"), at(4));
    let late = world.add_person("Đại biểu mới");
    let newcomer = world.enrol(late);
    let (lost, left) = (2, 3);
    let stolen = world.enrol(4);
    for device in 0..world.devices.len() {
        world.sync(device, at(5));
    }
    let newcomers_act = world.ask(newcomer, meeting, at(5));
    world.sync(newcomer, at(5));
    let newcomers_number = world.number(newcomer, newcomers_act).unwrap();
    let stolen_id = world.devices[stolen].id();
    world.office.lock_device(stolen_id, at(6)).unwrap();
    for device in 0..world.devices.len() {
        if device != stolen {
            world.sync(device, at(6));
        }
    }
    let titles = |world: &World, device: usize| {
        let programme = world.devices[device].store.programme(meeting).unwrap();
        let items = programme.programme.items.into_values();
        (
            programme.number,
            items.map(|item| item.title).collect::<BTreeSet<_>>(),
        )
    };
    let shown: Vec<_> = (0..4).map(|device| titles(&world, device)).collect();
    assert!(shown[2].1.contains("Nhân sự") && !shown[0].1.contains("Nhân sự"));

    // The second delegate loses his phone for good; then the office loses its disk.
    let gone = world.devices.remove(lost);
    world.owners.remove(lost);
    let index = |device: usize| device - usize::from(device > lost);
    numbers.retain(|(phone, _), _| *phone != lost);
    drop(gone);
    let (tablet, newcomer, stolen) = (index(left), index(newcomer), index(stolen));
    let held = world.held();
    let before = world.in_log();
    world.restore(&backups, at(DAY_MS / 3_600_000));
    let lost_entries: Vec<_> = held
        .keys()
        .filter(|id| !world.in_log().contains(id))
        .collect();
    assert!(lost_entries.len() > 3 * PEOPLE, "{}", lost_entries.len());
    assert!(world.office.healing().unwrap().unwrap().back == 0);

    // Nobody has to do anything but sync.
    let mut most = 0;
    for device in 0..world.devices.len() {
        if device == stolen {
            continue;
        }
        let requests = world.requests(device, at(30));
        assert!(requests <= 2, "device {device} needs {requests} requests");
        most = most.max(requests);
        if device == 0 {
            let healing = world.office.healing().unwrap().unwrap();
            assert_eq!(healing.back, 1, "{healing:?}");
            let early = world.office.publish(None, "", at(30)).unwrap_err();
            assert_eq!(early.code(), Code::OfficeHealing);
        }
    }
    assert_eq!(most, 2);
    let back = world.in_log();
    let missing: Vec<_> = held.iter().filter(|(id, _)| !back.contains(id)).collect();
    assert!(missing.is_empty(), "not back: {missing:?}");
    assert!(
        before
            .iter()
            .filter(|id| held.contains_key(id))
            .all(|id| back.contains(id))
    );
    for device in (0..world.devices.len()).filter(|device| *device != stolen) {
        world.sync(device, at(31));
        let store = &world.devices[device].store;
        assert_eq!(store.not_back().unwrap(), 0, "device {device}");
    }
    let healing = world.office.healing().unwrap().unwrap();
    let sound = world.devices.len() as u64 - 1;
    // The phone that is gone for good was enrolled before the backup and is not back.
    assert_eq!(
        (healing.back, healing.devices),
        (sound, sound + 1),
        "{healing:?}"
    );
    assert!(
        healing.doubled.is_empty() && healing.abandoned.is_empty(),
        "{healing:?}"
    );
    world.office.verify_log().unwrap();

    // The one who was enrolled, and the one that was locked, are as they were.
    let newcomer_id = world.devices[newcomer].id();
    assert_eq!(world.status(newcomer_id), DeviceStatus::Active);
    assert_eq!(world.status(stolen_id), DeviceStatus::Locked);
    let refused = world.devices[stolen].sync(&world.office).unwrap_err();
    assert_eq!(refused.detail(), "locked");

    // Receipts that came back keep their numbers; numbers of the new epoch are others.
    world.office.finish_healing(at(32)).unwrap();
    let fresh = world.ask(0, meeting, at(33));
    for device in (0..world.devices.len()).filter(|device| *device != stolen) {
        world.sync(device, at(33));
    }
    for ((device, act), number) in &numbers {
        assert_eq!(world.number(index(*device), *act).as_ref(), Some(number));
    }
    assert_eq!(
        world.number(newcomer, newcomers_act),
        Some(newcomers_number)
    );
    assert_eq!(world.number(0, fresh).as_deref(), Some("2-1"));
    assert_eq!(world.number(0, early).as_deref(), Some("1"));

    // Programmes, the grant and the notes are as they were; the lost phone's note too, which its
    // owner's tablet brought back unread.
    for (device, before) in [(0, &shown[0]), (1, &shown[1]), (tablet, &shown[3])] {
        assert_eq!(&titles(&world, device), before);
    }
    assert!(titles(&world, tablet).1.contains("Nhân sự"));
    let published = world.publish("Bế mạc", Some("Nhân sự"), at(34));
    assert_eq!(published, meeting);
    let exports = world.office.export(&world.people, None).unwrap();
    for device in (0..world.devices.len()).filter(|device| *device != stolen) {
        world.sync(device, at(35));
        let (number, titles) = titles(&world, device);
        assert_eq!(SerialNumber::new(number).to_string(), "2-1");
        assert!(titles.contains("Bế mạc"));
        let store = &world.devices[device].store;
        let exported = nghisu_core::meeting::canonical_json(&exports[world.owners[device]]);
        assert_eq!(store.view().unwrap(), exported, "device {device}");
        for alert in store.alerts().unwrap() {
            assert_eq!(alert.kind, AlertKind::LogRolledBack);
        }
    }
    for (phone, note) in notes.iter().filter(|(phone, _)| **phone != lost) {
        let level = world.devices[index(*phone)]
            .store
            .durability(*note)
            .unwrap();
        assert_eq!(level, Durability::AtOffice);
    }
    world.office.backup(&backups, at(36), |_, _| {}).unwrap();
    world.sync(0, at(36));
    assert_eq!(
        world.devices[0].store.durability(notes[&0]).unwrap(),
        Durability::BackedUp
    );
    let found = examine(&world.data, at(36)).unwrap();
    assert!(found.iter().all(|checked| checked.well), "{found:?}");
    report(&format!(
        "{} devices, {} originals held, {} lost and back, at most {most} requests each",
        world.devices.len(),
        held.len(),
        lost_entries.len()
    ));
}

#[test]
fn a_put_back_folder_is_noticed_by_the_first_device_that_is_ahead_and_doubled_numbers_are_named() {
    let mut world = World::new(4);
    let at = |minutes: u64| NOW.plus_ms(minutes * 60 * 1000);
    for owner in 0..4 {
        let device = world.enrol(owner);
        world.sync(device, at(0));
    }
    let (ahead, behind, also_ahead) = (0, 1, 2);
    let meeting = world.publish("Khai mạc", None, at(1));
    for device in 0..4 {
        world.sync(device, at(1));
    }
    let first = world.ask(ahead, meeting, at(2));
    world.sync(ahead, at(2));
    world.sync(behind, at(2));
    // The folder is copied without a word to anybody; the office goes on.
    let copy = world.folder.path().join("copy");
    copy_folder(&world.data, &copy);
    let second = world.ask(ahead, meeting, at(3));
    world.sync(ahead, at(3));
    let third = world.ask(also_ahead, meeting, at(4));
    world.sync(also_ahead, at(4));
    let note = world.devices[ahead].write("chưa có ở bản chép");
    world.sync(ahead, at(4));
    world.publish("Thảo luận", None, at(4));
    world.sync(ahead, at(4));
    assert_eq!(world.number(ahead, second).as_deref(), Some("2"));
    assert_eq!(world.number(also_ahead, third).as_deref(), Some("3"));

    // Then the copy is put back. One who was away meanwhile notices nothing.
    world.office = Office::open(&copy).unwrap();
    world.data = copy;
    let doubled = world.ask(behind, meeting, at(5));
    assert_eq!(world.requests(behind, at(5)), 1);
    assert_eq!(world.number(behind, doubled).as_deref(), Some("2"));
    assert_eq!(world.office.healing().unwrap(), None);

    // The first one who has read further finds it out, and numbers stop.
    assert!(world.requests(ahead, at(6)) <= 2);
    let healing = world.office.healing().unwrap().unwrap();
    assert_eq!((healing.epoch, healing.ended_at), (2, None));
    let waiting = world.ask(behind, meeting, at(7));
    assert!(world.requests(behind, at(7)) <= 2);
    assert_eq!(world.number(behind, waiting), None);
    assert!(world.requests(also_ahead, at(7)) <= 2);
    world.sync(3, at(7));
    let healing = world.office.healing().unwrap().unwrap();
    assert_eq!((healing.back, healing.devices), (4, 4));
    let [two] = &healing.doubled[..] else {
        panic!("{healing:?}");
    };
    assert_eq!((two.meeting, two.number), (meeting, 2));
    let holders = two.holders.iter();
    let holders: Vec<_> = holders.map(|it| (it.act, it.person.as_str())).collect();
    let expected = [(second, "Đại biểu 00"), (doubled, "Đại biểu 01")];
    assert_eq!(holders, expected, "the first comes first");

    world.office.finish_healing(at(8)).unwrap();
    for device in [0, 1, 2, 3, 0, 1, 2, 3] {
        world.sync(device, at(9));
    }
    world.office.verify_log().unwrap();
    let number = |device, act| world.number(device, act).unwrap();
    assert_eq!(number(ahead, first), "1");
    assert_eq!(number(ahead, second), "2");
    assert_eq!(number(also_ahead, third), "3");
    let given = BTreeSet::from([number(behind, doubled), number(behind, waiting)]);
    assert_eq!(given, BTreeSet::from(["2-1".to_owned(), "2-2".to_owned()]));
    let healing = world.office.healing().unwrap().unwrap();
    assert!(healing.doubled[0].holders[1].replaced_by.is_some());
    assert_eq!(world.devices[ahead].notes()[0].id, note);
    let level = world.devices[ahead].store.durability(note).unwrap();
    assert_eq!(level, Durability::AtOffice);
    let exports = world.office.export(&world.people, None).unwrap();
    for (device, exported) in exports.iter().enumerate() {
        let exported = nghisu_core::meeting::canonical_json(exported);
        assert_eq!(world.devices[device].store.view().unwrap(), exported);
        assert_eq!(world.devices[device].store.not_back().unwrap(), 0);
        let programme = world.devices[device].store.programme(meeting).unwrap();
        assert_eq!(programme.number, 2, "the publication is back");
    }
}

#[test]
fn a_publication_that_a_restore_has_lost_is_named_by_the_one_that_takes_its_place() {
    let mut world = World::new(2);
    let at = |minutes: u64| NOW.plus_ms(minutes * 60 * 1000);
    let (ahead, behind) = (world.enrol(0), world.enrol(1));
    let meeting = world.publish("Khai mạc", None, at(1));
    for device in [ahead, behind] {
        world.sync(device, at(1));
    }
    let copy = world.folder.path().join("copy");
    copy_folder(&world.data, &copy);
    world.publish("Thảo luận", None, at(2));
    world.sync(ahead, at(2));

    // Under the number that was lost, the copy publishes something else.
    world.office = Office::open(&copy).unwrap();
    world.data = copy;
    world.publish("Chất vấn", None, at(3));
    world.sync(behind, at(3));
    world.sync(ahead, at(4));
    let healing = world.office.healing().unwrap().unwrap();
    assert_eq!(healing.abandoned, [(meeting, 2)]);
    let alerts = |world: &World, device: usize| {
        let alerts = world.devices[device].store.alerts().unwrap();
        let alerts = alerts.into_iter().filter(|it| it.meeting.is_some());
        alerts.map(|it| (it.kind, it.detail)).collect::<Vec<_>>()
    };
    assert_eq!(alerts(&world, ahead), [(AlertKind::Fork, "2".to_owned())]);

    // Also where nothing of the draft has changed, there is something to say.
    world.office.finish_healing(at(5)).unwrap();
    let meetings = world.office.meetings().unwrap();
    assert!(meetings.iter().all(|it| it.differs), "{meetings:?}");
    let [published] = &world.office.publish(None, "", at(5)).unwrap()[..] else {
        panic!("one meeting");
    };
    let named: Vec<u64> = published
        .parts
        .iter()
        .flat_map(|(_, part)| part.abandons.iter().map(|it| it.number))
        .collect();
    assert_eq!(named, [2]);
    let healing = world.office.healing().unwrap().unwrap();
    assert!(healing.abandoned.is_empty());
    let nothing = world.office.publish(None, "", at(6)).unwrap_err();
    assert_eq!(nothing.code(), Code::NothingToPublish);
    for device in [ahead, behind] {
        world.sync(device, at(6));
        let shown = world.devices[device].store.programme(meeting).unwrap();
        assert_eq!(SerialNumber::new(shown.number).to_string(), "2-1");
        let mut items = shown.programme.items.into_values();
        assert!(items.any(|item| item.title == "Chất vấn"));
    }
    let told = [
        (AlertKind::Fork, "2".to_owned()),
        (AlertKind::Abandoned, "2".to_owned()),
    ];
    assert_eq!(alerts(&world, ahead), told);
    assert_eq!(alerts(&world, behind), []);

    world.publish("Bế mạc", None, at(7));
    world.sync(ahead, at(7));
    assert_eq!(alerts(&world, ahead), told, "it is named once");
}

#[test]
fn what_was_written_is_saved_then_at_the_office_then_backed_up_and_says_when_a_restore_lost_it() {
    let mut world = World::new(1);
    let at = |minutes: u64| NOW.plus_ms(minutes * 60 * 1000);
    let phone = world.enrol(0);
    world.sync(phone, at(0));
    let meeting = world.publish("Khai mạc", None, at(1));
    world.sync(phone, at(1));
    let backups = world.folder.path().join("backups");
    world.office.backup(&backups, at(1), |_, _| {}).unwrap();

    let act = world.ask(phone, meeting, at(2));
    let note = world.devices[phone].write("ghi chú");
    let levels = |world: &World| {
        let of_note = world.devices[phone].store.durability(note).unwrap();
        assert_eq!(world.devices[phone].notes()[0].durability, of_note);
        assert_eq!(world.acted(phone, act).durability, of_note);
        (of_note, world.acted(phone, act).not_back)
    };
    assert_eq!(levels(&world), (Durability::Saved, false));
    world.sync(phone, at(2));
    assert_eq!(levels(&world), (Durability::AtOffice, false));
    // A second backup has it, and is lost with the disk: the office goes back to the first.
    let lost = world.folder.path().join("lost");
    world.office.backup(&lost, at(3), |_, _| {}).unwrap();
    world.sync(phone, at(3));
    assert_eq!(levels(&world), (Durability::BackedUp, false));

    world.restore(&backups, at(4));
    // The reply to the first request is read, the one that takes everything back is lost.
    let mut replies = 0;
    world.devices[phone].clock = at(4);
    let cut = world.devices[phone].sync_through(&world.office, |reply| {
        replies += 1;
        match replies {
            1 => reply,
            _ => Reply::CounterTooLow { counter: 0 },
        }
    });
    assert!(cut.is_err());
    assert_eq!(levels(&world), (Durability::Saved, true));
    assert_eq!(world.devices[phone].notes()[0].text, "ghi chú");
    world.sync(phone, at(5));
    assert_eq!(levels(&world), (Durability::AtOffice, false));
    world.office.backup(&backups, at(6), |_, _| {}).unwrap();
    world.sync(phone, at(6));
    assert_eq!(levels(&world), (Durability::BackedUp, false));
}

#[test]
fn a_device_that_was_enrolled_after_a_copy_that_was_put_back_shows_it_and_is_known_again() {
    let mut world = World::new(1);
    let copy = world.folder.path().join("copy");
    copy_folder(&world.data, &copy);
    let new = world.add_person("Đại biểu mới");
    let phone = world.enrol(new);
    world.sync(phone, NOW);
    let note = world.devices[phone].write("của người mới");
    world.sync(phone, NOW);

    world.office = Office::open(&copy).unwrap();
    world.data = copy;
    let people = world.office.people().unwrap();
    assert!(people.iter().all(|it| it.id != world.people[new]));
    assert!(world.requests(phone, NOW) <= 2);

    let id = world.devices[phone].id();
    assert_eq!(world.status(id), DeviceStatus::Active);
    let healing = world.office.healing().unwrap().unwrap();
    assert_eq!((healing.back, healing.devices), (1, 1));
    assert_eq!(healing.people.len(), 1, "his name came from his device");
    let level = world.devices[phone].store.durability(note).unwrap();
    assert_eq!(level, Durability::AtOffice);
    world.office.verify_log().unwrap();
    // Whoever was never enrolled is not let in by saying so.
    let other = folder();
    let stranger = Office::open_or_create(&other.path().join("office"), &world.root).unwrap();
    let person = stranger.add_person("Người lạ", Role::Delegate).unwrap();
    let mut foreign = Local::enrol(&stranger, person.id, [9; 32]);
    let refused = foreign.sync(&world.office).unwrap_err();
    assert_eq!(refused.detail(), "unknown");
}

#[test]
fn a_note_that_two_devices_wrote_in_turn_comes_back_so_that_a_third_can_read_it() {
    for first_back in [0, 1] {
        let mut world = World::new(1);
        let (phone, tablet) = (world.enrol(0), world.enrol(0));
        world.sync(phone, NOW);
        world.sync(tablet, NOW);
        let [one, two] = &mut world.devices[..] else {
            panic!("two devices");
        };
        one.let_in(&world.office, two).unwrap();
        let backups = world.folder.path().join("backups");
        world.office.backup(&backups, NOW, |_, _| {}).unwrap();
        let note = world.devices[phone].write("0");
        for turn in 1..8 {
            let device = turn % 2;
            world.sync(phone, NOW);
            world.sync(tablet, NOW);
            world.devices[device].edit(note, &turn.to_string());
            world.sync(device, NOW);
        }
        world.sync(phone, NOW);
        let written = |device: &Local| device.notes()[0].text.clone();
        assert_eq!(written(&world.devices[tablet]), "76543210");

        world.restore(&backups, NOW);
        assert!(world.requests(first_back, NOW) <= 2);
        // The other one is lost. A new device is let in by the one that is left, and reads from the log.
        let new = world.enrol(0);
        let mut third = world.devices.remove(new);
        let left = &mut world.devices[first_back];
        left.let_in(&world.office, &mut third).unwrap();
        third.sync(&world.office).unwrap();
        assert_eq!(written(&third), "76543210", "{first_back} came first");
        assert_eq!(third.store.vault_status().unwrap().unreadable, 0);
        world.office.verify_log().unwrap();
    }
}

#[test]
fn what_was_read_of_a_log_that_was_put_back_comes_back_also_to_an_office_restored_from_the_one_after_it()
 {
    let mut world = World::new(2);
    let at = |minutes: u64| NOW.plus_ms(minutes * 60 * 1000);
    for owner in 0..2 {
        world.enrol(owner);
    }
    let (ahead, behind) = (0, 1);
    let meeting = world.publish("Khai mạc", None, at(1));
    world.sync(ahead, at(1));
    world.sync(behind, at(1));
    let copy = world.folder.path().join("copy");
    copy_folder(&world.data, &copy);
    world.publish("Thảo luận", None, at(2));
    world.sync(ahead, at(2));
    let number = |world: &World| {
        world.devices[ahead]
            .store
            .programme(meeting)
            .unwrap()
            .number
    };
    assert_eq!(number(&world), 2);
    for n in 0..20 {
        world.devices[ahead].write(&format!("ghi chú {n}"));
        world.sync(ahead, at(3));
    }

    let read = world.office.seq().unwrap();

    // The copy is put back, and goes on without anybody who would notice; then it is backed up and lost.
    world.office = Office::open(&copy).unwrap();
    world.data = copy;
    for n in 0..10 {
        world.devices[behind].write(&format!("ghi chú {n}"));
        world.sync(behind, at(4));
    }
    let backups = world.folder.path().join("backups");
    world.office.backup(&backups, at(5), |_, _| {}).unwrap();
    world.restore(&backups, at(6));
    assert!(read > world.office.seq().unwrap());
    world.sync(ahead, at(7));
    world.sync(behind, at(7));
    world.office.finish_healing(at(8)).unwrap();
    world.sync(ahead, at(9));

    let there = world.in_log();
    let lost: Vec<_> = world
        .held()
        .into_iter()
        .filter(|(id, _)| !there.contains(id))
        .collect();
    assert!(lost.is_empty(), "{lost:?}");
    assert_eq!(world.devices[ahead].store.not_back().unwrap(), 0);
    assert_eq!(number(&world), 2, "the publication is back");
    world.sync(behind, at(9));
    assert_eq!(
        world.devices[behind]
            .store
            .programme(meeting)
            .unwrap()
            .number,
        2
    );
    world.office.verify_log().unwrap();
}

#[test]
fn a_device_that_is_enrolled_anew_at_an_office_that_was_put_back_tells_it_so_and_brings_its_words_back()
 {
    let mut world = World::new(1);
    let (phone, tablet) = (world.enrol(0), world.enrol(0));
    world.sync(phone, NOW);
    let [one, two] = &mut world.devices[..] else {
        panic!("two devices");
    };
    one.let_in(&world.office, two).unwrap();
    let note = world.devices[phone].write("trước");
    world.sync(phone, NOW);
    world.sync(tablet, NOW);
    let copy = world.folder.path().join("copy");
    copy_folder(&world.data, &copy);
    world.devices[phone].edit(note, "sau ");
    world.sync(phone, NOW);
    world.sync(tablet, NOW);

    // The first that this office hears of the phone is that it is another device.
    world.office = Office::open(&copy).unwrap();
    world.data = copy;
    let (id, person) = (world.devices[phone].id(), world.people[0]);
    world.office.lock_device(id, NOW).unwrap();
    world.devices[phone].store.note_refusal("locked").unwrap();
    world.devices[phone].enrol_anew(&world.office, person);
    assert_eq!(world.office.healing().unwrap(), None);
    world.sync(phone, NOW);
    let healing = world.office.healing().unwrap().expect("it has heard");

    world.sync(tablet, NOW);
    world.sync(phone, NOW);
    world.sync(tablet, NOW);
    let written = |device: usize| world.devices[device].notes()[0].text.clone();
    assert_eq!(
        (written(phone), written(tablet)),
        ("sau trước".into(), "sau trước".into())
    );
    let level = world.devices[phone].store.durability(note).unwrap();
    assert_eq!(level, Durability::AtOffice);
    assert_eq!(world.devices[tablet].store.not_back().unwrap(), 0);
    world.office.verify_log().unwrap();
    // Told once more, it is no other log.
    let id = world.devices[phone].id();
    world.office.lock_device(id, NOW).unwrap();
    world.devices[phone].store.note_refusal("locked").unwrap();
    world.devices[phone].enrol_anew(&world.office, person);
    world.sync(phone, NOW);
    assert_eq!(
        world.office.healing().unwrap().unwrap().epoch,
        healing.epoch
    );
}

#[test]
fn what_was_handed_in_without_an_answer_is_there_once_although_another_device_gives_it_back() {
    let mut world = World::new(1);
    let (phone, tablet) = (world.enrol(0), world.enrol(0));
    world.sync(phone, NOW);
    let [one, two] = &mut world.devices[..] else {
        panic!("two devices");
    };
    one.let_in(&world.office, two).unwrap();
    let note = world.devices[phone].write("trước");
    world.sync(phone, NOW);
    world.sync(tablet, NOW);
    let backups = world.folder.path().join("backups");
    world.office.backup(&backups, NOW, |_, _| {}).unwrap();
    world.devices[phone].edit(note, "sau ");
    let unheard = |_| Reply::CounterTooLow { counter: 0 };
    let cut = world.devices[phone].sync_through(&world.office, unheard);
    assert_eq!(cut.unwrap_err().code(), Code::Malformed);
    world.sync(tablet, NOW);

    world.restore(&backups, NOW);
    let (id, person) = (world.devices[phone].id(), world.people[0]);
    world.office.lock_device(id, NOW).unwrap();
    world.devices[phone].store.note_refusal("locked").unwrap();
    world.devices[phone].enrol_anew(&world.office, person);
    for device in [phone, tablet, phone, tablet] {
        world.sync(device, NOW);
    }

    for device in [phone, tablet] {
        assert_eq!(world.devices[device].notes()[0].text, "sau trước");
    }
    world.office.verify_log().unwrap();
}
