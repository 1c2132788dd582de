//! A device and an office on one disk, what is done with them, and what was promised.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, OnceLock},
};

use nghisu_core::{
    Code, Error, Result,
    ids::{ActId, DocumentId, MeetingId, PersonId},
    meeting::act::{Act, ActKind},
    store::{Note, NoteTarget, Opening, Splice, Store},
    sync::envelope::Envelope,
    trust::{decide::Role, vault::Dice},
};
use nghisu_server::{Office, RootKey};
use nghisu_tests::{
    disk::{Chance, Disk},
    local::{self, Local, NOW},
    vfs,
};
use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;
use zeroize::Zeroizing;

/// The folders on the disk.
pub(crate) const DEVICE: &str = "device";
pub(crate) const OFFICE: &str = "office";

/// What both begin with: an office with a meeting, a device, and another of the same owner.
pub(crate) struct Template {
    folder: TempDir,
    pub(crate) meeting: MeetingId,
    pub(crate) person: PersonId,
}

impl Template {
    pub(crate) fn get() -> &'static Self {
        static TEMPLATE: OnceLock<Template> = OnceLock::new();
        TEMPLATE.get_or_init(|| {
            vfs::install();
            let folder = local::folder();
            let path = folder.path().join(OFFICE);
            let office = Office::open_or_create(&path, &RootKey::draw().unwrap()).unwrap();
            let person = office.add_person("Delegate", Role::Delegate).unwrap().id;
            let meeting = publish(&office, folder.path(), 0).unwrap();
            let mut device = Local::enrol(&office, person, [1; 32]);
            let mut other = Local::enrol(&office, person, [2; 32]);
            device.sync(&office).unwrap();
            device.let_in(&office, &mut other).unwrap();
            copy_folder(device.folder(), &folder.path().join(DEVICE));
            copy_folder(other.folder(), &folder.path().join("other"));
            Self {
                folder,
                meeting,
                person,
            }
        })
    }

    /// Lays both sides out in a folder.
    pub(crate) fn lay_out(&self, folder: &Path) {
        for side in [DEVICE, OFFICE] {
            copy_folder(&self.folder.path().join(side), &folder.join(side));
        }
    }
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        let target = to.join(file.file_name());
        if file.file_type().unwrap().is_dir() {
            copy_folder(&file.path(), &target);
        } else if !target.to_string_lossy().ends_with("-shm") {
            fs::copy(file.path(), target).unwrap();
        }
    }
}

fn publish(office: &Office, folder: &Path, number: usize) -> Result<MeetingId> {
    let file = folder.join("programme.toml");
    let items: String = (0..=number)
        .map(|n| format!("[[item]]\nid = 'i{n}'\ntitle = 'Item {n}'\n"))
        .collect();
    let text = format!("id = 'm'\nkind = 'regular_session'\ntitle = 'Session {number}'\n{items}");
    fs::write(&file, text).unwrap();
    office.import_files(&[file], NOW, |_| {})?;
    Ok(office.publish(Some("m"), "", NOW)?[0].meeting)
}

/// What may be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Deed {
    Write(DocumentId, String),
    /// Where, how many characters go, and what comes.
    Edit(DocumentId, usize, usize, String),
    Delete(DocumentId),
    Act(ActId),
    Sync,
    Publish(usize),
    AddPerson(String),
    ReopenDevice,
    ReopenOffice,
}

/// What was answered with success, and what was asked and not answered so.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ledger {
    /// The texts; of notes that were deleted none.
    notes: BTreeMap<DocumentId, Option<String>>,
    acts: BTreeSet<ActId>,
    people: BTreeSet<String>,
    published: u64,
    /// The envelopes of which the device knows that the office has accepted them.
    accepted: BTreeSet<Vec<u8>>,
    /// May have been done, or not.
    open: Option<Deed>,
}

impl Ledger {
    /// Draws something that can be done now.
    pub(crate) fn draw(&self, chance: &mut Chance) -> Deed {
        let living: Vec<(&DocumentId, &String)> = self
            .notes
            .iter()
            .filter_map(|(id, text)| Some((id, text.as_ref()?)))
            .collect();
        let mut id = [0; 16];
        id[..8].copy_from_slice(&chance.draw().to_le_bytes());
        let words = match chance.below(12) {
            0 => 4_000,
            1 => 400,
            _ => 1 + chance.below(4),
        };
        let text: String = (0..words)
            .map(|_| format!("{:03} ", chance.below(1000)))
            .collect();
        match chance.below(20) {
            0..=2 => Deed::Write(DocumentId::from_bytes(id), text),
            3..=9 if !living.is_empty() => {
                let (id, old) = living[chance.below(living.len())];
                let position = chance.below(old.len() + 1);
                let delete = chance.below((old.len() - position).min(9) + 1);
                Deed::Edit(*id, position, delete, text)
            }
            10 if living.len() > 2 => Deed::Delete(*living[chance.below(living.len())].0),
            11 | 12 => Deed::Act(ActId::from_bytes(id)),
            13 => Deed::Publish(usize::try_from(self.published).unwrap()),
            14 => Deed::AddPerson(format!("Person {}", chance.draw())),
            15 => Deed::ReopenDevice,
            16 => Deed::ReopenOffice,
            _ => Deed::Sync,
        }
    }

    fn text_after(&self, deed: &Deed) -> Option<(DocumentId, Option<String>)> {
        match deed {
            Deed::Write(id, text) => Some((*id, Some(text.clone()))),
            Deed::Edit(id, position, delete, insert) => {
                let mut text = self.notes[id].clone().unwrap();
                // All texts are ASCII: a character is a code unit and a byte.
                text.replace_range(*position..position + delete, insert);
                Some((*id, Some(text)))
            }
            Deed::Delete(id) => Some((*id, None)),
            Deed::Act(_)
            | Deed::Sync
            | Deed::Publish(_)
            | Deed::AddPerson(_)
            | Deed::ReopenDevice
            | Deed::ReopenOffice => None,
        }
    }

    fn begin(&mut self, deed: &Deed) {
        self.open = Some(deed.clone());
    }

    fn done(&mut self, deed: &Deed) {
        if let Some((id, text)) = self.text_after(deed) {
            self.notes.insert(id, text);
        }
        match deed {
            Deed::Act(id) => {
                self.acts.insert(*id);
            }
            Deed::Publish(_) => self.published += 1,
            Deed::AddPerson(name) => {
                self.people.insert(name.clone());
            }
            Deed::Write(..)
            | Deed::Edit(..)
            | Deed::Delete(_)
            | Deed::Sync
            | Deed::ReopenDevice
            | Deed::ReopenOffice => {}
        }
        self.open = None;
    }
}

/// A device and an office that work on a disk.
pub(crate) struct Pair {
    pub(crate) disk: Arc<Disk>,
    device: Option<Store>,
    office: Option<Office>,
    dice: Dice,
    ledger: Arc<Mutex<Ledger>>,
    /// What is run on every connection once the product has set and checked its own.
    setting: Option<&'static str>,
}

impl Pair {
    /// Takes the disk, on which both sides are laid out. Nothing is opened yet.
    pub(crate) fn on(
        disk: Arc<Disk>,
        ledger: Ledger,
        seed: u64,
        setting: Option<&'static str>,
    ) -> Self {
        let mut random = [3; 32];
        random[..8].copy_from_slice(&seed.to_le_bytes());
        Self {
            disk,
            device: None,
            office: None,
            dice: Dice::new(random),
            ledger: Arc::new(Mutex::new(ledger)),
            setting,
        }
    }

    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap()
    }

    pub(crate) fn ledger_shared(&self) -> Arc<Mutex<Ledger>> {
        Arc::clone(&self.ledger)
    }

    fn folder(&self, side: &str) -> PathBuf {
        self.disk.root().join(side)
    }

    pub(crate) fn device(&mut self) -> Result<&mut Store> {
        if self.device.is_none() {
            let mut store = open_store(&self.folder(DEVICE))?;
            if let Some(salvage) = store.salvage() {
                let told = format_args!("a sound database was moved aside: {salvage:?}");
                return Err(Error::new(Code::DatabaseCorrupt, told));
            }
            if let Some(setting) = self.setting {
                vfs::execute_for(&mut store, &self.disk, DEVICE, setting);
            }
            self.device = Some(store);
        }
        Ok(self.device.as_mut().unwrap())
    }

    pub(crate) fn office(&mut self) -> Result<&mut Office> {
        if self.office.is_none() {
            let mut office = Office::open(&self.folder(OFFICE))?;
            if let Some(setting) = self.setting {
                vfs::execute_for(&mut office, &self.disk, OFFICE, setting);
            }
            self.office = Some(office);
        }
        Ok(self.office.as_mut().unwrap())
    }

    /// Does it, and keeps in the ledger that it was done.
    pub(crate) fn act(&mut self, deed: &Deed) -> Result<()> {
        self.ledger().begin(deed);
        self.try_to(deed)?;
        let accepted = if *deed == Deed::Sync {
            self.accepted()
        } else {
            Vec::new()
        };
        let mut ledger = self.ledger();
        ledger.accepted.extend(accepted);
        ledger.done(deed);
        Ok(())
    }

    fn try_to(&mut self, deed: &Deed) -> Result<()> {
        match deed {
            Deed::Write(id, text) => {
                let target = NoteTarget::default();
                self.device()?.create_note(*id, &target, text, NOW)?;
            }
            Deed::Edit(id, position, delete, insert) => {
                let splice = Splice {
                    position: *position,
                    delete: *delete,
                    insert: insert.clone(),
                };
                self.device()?.edit_note(*id, &[splice], NOW)?;
            }
            Deed::Delete(id) => {
                self.device()?.delete_note(*id, NOW)?;
            }
            Deed::Act(id) => {
                let template = Template::get();
                let act = Act {
                    id: *id,
                    person: template.person,
                    meeting: template.meeting,
                    item: None,
                    kind: ActKind::QuestionSlip,
                    text: "A question".into(),
                    addressee: None,
                    withdraws: None,
                    made_at: NOW,
                    ruling: None,
                };
                self.device()?
                    .put_act(&act, DocumentId::from_bytes(*id.as_bytes()))?;
            }
            Deed::Sync => {
                self.office()?;
                self.device()?;
                let (Some(store), Some(office)) = (&mut self.device, &self.office) else {
                    unreachable!("both were opened");
                };
                local::sync(store, &mut self.dice, office, |_, reply| reply)?;
            }
            Deed::Publish(number) => {
                let folder = self.disk.root().to_owned();
                publish(self.office()?, &folder, *number + 1)?;
            }
            Deed::AddPerson(name) => {
                self.office()?.add_person(name, Role::Delegate)?;
            }
            Deed::ReopenDevice => {
                self.device = None;
                self.device()?;
            }
            Deed::ReopenOffice => {
                self.office = None;
                self.office()?;
            }
        }
        Ok(())
    }

    /// Holds what both sides show, as far as they are open, against what was promised.
    pub(crate) fn look(&self) -> Verdict {
        let promised = self.ledger().clone();
        if let Some(store) = &self.device {
            check_device(store, &promised)?;
        }
        if let Some(office) = &self.office {
            check_people(office, &promised)?;
        }
        Ok(())
    }

    /// The envelopes of which the device's database says that they are accepted, read past the disk.
    fn accepted(&self) -> Vec<Vec<u8>> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let path = self.folder(DEVICE).join("nghisu.db");
        let database = Connection::open_with_flags_and_vfs(path, flags, c"unix").unwrap();
        column(&database, ACCEPTED)
    }
}

const ACCEPTED: &str = "SELECT id FROM envelope WHERE outcome = 'accepted' ORDER BY device_seq";

pub(crate) fn open_store(folder: &Path) -> Result<Store> {
    let opening = Opening {
        seed: Zeroizing::new([9; 32]),
        sealing: Zeroizing::new([9; 32]),
        signer: None,
        database_key: None,
    };
    Store::open(folder, &opening, NOW)
}

fn column<T: rusqlite::types::FromSql>(database: &Connection, query: &str) -> Vec<T> {
    let mut statement = database.prepare(query).unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.map(rusqlite::Result::unwrap).collect()
}

/// What a check says.
pub(crate) type Verdict<T = ()> = std::result::Result<T, String>;

pub(crate) fn ensure(holds: bool, what: impl Fn() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(what()) }
}

pub(crate) fn told<T>(result: Result<T>, what: &str) -> Verdict<T> {
    result.map_err(|error| format!("{what}: {error}"))
}

fn connect(path: &Path) -> Connection {
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE).unwrap()
}

fn sound(database: &Connection, what: &str) -> Verdict {
    let found: Vec<String> = column(database, "PRAGMA integrity_check");
    ensure(found == ["ok"], || format!("{what}: {found:?}"))?;
    let foreign: Vec<String> = column(database, "PRAGMA foreign_key_check");
    ensure(foreign.is_empty(), || format!("{what}: {foreign:?}"))
}

/// Says whether a database is sound.
pub(crate) fn sound_at(path: &Path) -> Verdict {
    sound(&connect(path), "the database")
}

fn texts(notes: &[Note]) -> BTreeMap<DocumentId, String> {
    let text = |note: &Note| (note.id, note.text.clone());
    notes.iter().map(text).collect()
}

/// Opens what is in a folder as ever, holds it against what was promised, finishes what was open and
/// lets the owner's other device read it all. Returns the ledger of what is there now.
pub(crate) fn check(folder: &Path, promised: &Ledger) -> Verdict<Ledger> {
    let mut store = told(open_store(&folder.join(DEVICE)), "the store opens")?;
    let office = told(Office::open(&folder.join(OFFICE)), "the office opens")?;
    ensure(store.salvage().is_none(), || "the store is salvaged".into())?;
    let device_database = connect(&folder.join(DEVICE).join("nghisu.db"));
    let office_database = connect(&folder.join(OFFICE).join("office.db"));
    sound(&device_database, "the device's database")?;
    sound(&office_database, "the office's database")?;

    let ledger = check_device(&store, promised)?;
    let ledger = check_office(&office, &office_database, ledger)?;

    let mut dice = Dice::new([4; 32]);
    told(
        local::sync(&mut store, &mut dice, &office, |_, reply| reply),
        "the sync afterwards",
    )?;
    let unsent = told(store.unsent(), "unsent")?;
    ensure(unsent == 0, || format!("{unsent} stay unsent"))?;
    let refused = told(store.not_sent(), "not sent")?;
    ensure(refused.is_empty(), || format!("refused: {refused:?}"))?;
    check_log(&store, &device_database, &office_database)?;
    told(office.verify_log(), "the log")?;

    let other = local::folder();
    copy_folder(
        &Template::get().folder.path().join("other"),
        &other.path().join("other"),
    );
    let mut other = told(open_store(&other.path().join("other")), "the other opens")?;
    told(
        local::sync(&mut other, &mut Dice::new([5; 32]), &office, |_, reply| {
            reply
        }),
        "the other device's sync",
    )?;
    let read = [
        texts(&told(store.notes(None), "notes")?),
        texts(&told(other.notes(None), "the other's notes")?),
    ];
    ensure(read[0] == read[1], || {
        format!("the owner's devices differ: {read:?}")
    })?;
    check_receipts(&other, &ledger)?;
    Ok(ledger)
}

/// Everything promised is there, and nothing else but what was asked for.
fn check_device(store: &Store, promised: &Ledger) -> Verdict<Ledger> {
    let mut ledger = promised.clone();
    let open = promised.open.as_ref();
    let may_be = open.and_then(|deed| promised.text_after(deed));
    let found = texts(&told(store.notes(None), "notes")?);
    for (id, text) in &promised.notes {
        let is = found.get(id).cloned();
        if may_be.as_ref() == Some(&(*id, is.clone())) {
            continue;
        }
        ensure(is == *text, || {
            format!("note {id}: promised {text:?}, found {is:?}")
        })?;
    }
    for (id, text) in &found {
        let known =
            promised.notes.contains_key(id) || may_be.as_ref() == Some(&(*id, Some(text.clone())));
        ensure(known, || format!("note {id}: nobody wrote {text:?}"))?;
    }
    ledger
        .notes
        .extend(found.iter().map(|(id, text)| (*id, Some(text.clone()))));
    if let Some((id, None)) = may_be
        && !found.contains_key(&id)
    {
        ledger.notes.insert(id, None);
    }
    let acts: BTreeSet<ActId> = told(store.acts(None), "acts")?
        .iter()
        .map(|acted| acted.act.id)
        .collect();
    let mut may_be = promised.acts.clone();
    if let Some(Deed::Act(id)) = open {
        may_be.insert(*id);
    }
    ensure(
        promised.acts.is_subset(&acts) && acts.is_subset(&may_be),
        || format!("acts: promised {:?}, found {acts:?}", promised.acts),
    )?;
    ledger.acts = acts;
    Ok(ledger)
}

/// Everybody who was added is there, and every publication. Returns the number of the newest.
fn check_people(office: &Office, ledger: &Ledger) -> Verdict<u64> {
    let people = told(office.people(), "people")?;
    let people: BTreeSet<String> = people.into_iter().map(|person| person.name).collect();
    for name in &ledger.people {
        ensure(people.contains(name), || format!("{name} is gone"))?;
    }
    let meetings = told(office.meetings(), "meetings")?;
    // The template has published once.
    let published = meetings[0].published.unwrap_or(0).saturating_sub(1);
    ensure(published >= ledger.published, || {
        format!("publication {} is gone", ledger.published)
    })?;
    Ok(published)
}

fn check_office(office: &Office, database: &Connection, mut ledger: Ledger) -> Verdict<Ledger> {
    let published = check_people(office, &ledger)?;
    let ids: Vec<Vec<u8>> = column(database, "SELECT envelope_id FROM entry");
    let once: BTreeSet<&Vec<u8>> = ids.iter().collect();
    ensure(once.len() == ids.len(), || {
        "an envelope is twice in the log".into()
    })?;
    for id in &ledger.accepted {
        ensure(once.contains(id), || {
            "an accepted envelope is not in the log".into()
        })?;
    }
    ledger.published = published;
    ledger.open = None;
    Ok(ledger)
}

/// What the device knows to be accepted is what the office has of it, in order and once.
fn check_log(store: &Store, device: &Connection, office: &Connection) -> Verdict {
    let own: Vec<Vec<u8>> = column(device, ACCEPTED);
    let query = "SELECT bytes FROM entry JOIN envelope ON envelope.id = envelope_id ORDER BY seq";
    let log: Vec<Vec<u8>> = column(office, query);
    let this = store.signer().public_key().device();
    let log: Vec<Envelope> = log
        .iter()
        .map(|bytes| Envelope::decode(bytes).unwrap())
        .filter(|envelope| envelope.header().device == this)
        .collect();
    let ids: Vec<Vec<u8>> = log
        .iter()
        .map(|envelope| envelope.id().as_bytes().to_vec())
        .collect();
    ensure(own == ids, || {
        format!("{} accepted, {} in the log", own.len(), ids.len())
    })?;
    let numbers: Vec<u64> = log
        .iter()
        .map(|envelope| envelope.header().device_seq)
        .collect();
    ensure(
        numbers == (1..=log.len() as u64).collect::<Vec<_>>(),
        || format!("the chain: {numbers:?}"),
    )
}

/// Each act has one receipt, and the numbers have no gap.
fn check_receipts(store: &Store, ledger: &Ledger) -> Verdict {
    let receipts = told(store.receipts(Template::get().meeting), "receipts")?;
    let acts: Vec<ActId> = receipts.iter().map(|receipt| receipt.act).collect();
    let once: BTreeSet<ActId> = acts.iter().copied().collect();
    ensure(once.len() == acts.len() && once == ledger.acts, || {
        format!("receipts of {acts:?}, acts {:?}", ledger.acts)
    })?;
    let numbers: Vec<String> = receipts
        .iter()
        .filter_map(|receipt| Some(receipt.number?.to_string()))
        .collect();
    let distinct: BTreeSet<&String> = numbers.iter().collect();
    ensure(distinct.len() == acts.len(), || {
        format!("numbers {numbers:?}")
    })
}
