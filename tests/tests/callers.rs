//! What a call of an app costs the thread that makes it: no file, no lock, no SQLite.

#![expect(clippy::unwrap_used, reason = "the helpers of the tests are tests too")]

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    pin::pin,
    sync::{Arc, mpsc},
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
};

use nghisu::{
    ActKind, CancelHandle, Change, ChangeListener, Device, DeviceConfig, DraftStep, Duty,
    EnrolmentListener, FloorRuling, Language, LogLevel, LogLine, LogListener, MeetingStep,
    NghisuError, NoteTarget, ProgressListener, Ruling, Splice, SyncListener, SyncStatus,
};
use nghisu_tests::{disk::Disk, process::Office, vfs};
use rusqlite::Connection;
use tempfile::TempDir;

const PROGRAMME: &str = "id = 'kh-1'\nkind = 'regular_session'\ntitle = 'Kỳ họp'\n\
    [[paper]]\nid = 'tt'\ntitle = 'Tờ trình'\nfile = 'tt.txt'\n\
    [[item]]\nid = 'm1'\nnumber = '1'\ntitle = 'Dự toán'\npapers = ['tt']\n";

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Polls a future on this thread, as generated code does, without a runtime around it.
fn wait<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::park(),
        }
    }
}

struct Heard(mpsc::Sender<()>);

impl ChangeListener for Heard {
    fn changed(&self, _: Change) {
        self.0.send(()).unwrap();
    }

    fn ended(&self) {}
}

impl SyncListener for Heard {
    fn stands(&self, _: SyncStatus) {
        self.0.send(()).unwrap();
    }

    fn ended(&self) {}
}

impl ProgressListener for Heard {
    fn progressed(&self, _: u64, _: u64) {}
}

impl LogListener for Heard {
    fn logged(&self, _: LogLine) {}
}

/// Is told the digits.
struct Told<F>(F);

impl<F: Fn(String) + Send + Sync> EnrolmentListener for Told<F> {
    fn digits(&self, digits: String) {
        self.0(digits);
    }
}

/// The calls that were made, by their names.
#[derive(Default)]
struct Calls(BTreeSet<&'static str>);

/// Makes a call and notes its name.
macro_rules! call {
    ($calls:ident, $object:ident.$name:ident($($argument:expr),*)) => {{
        $calls.0.insert(stringify!($name));
        $object.$name($($argument),*)
    }};
}

/// Makes an asynchronous call on this thread, which ends well.
macro_rules! must {
    ($calls:ident, $object:ident.$name:ident($($argument:expr),*)) => {
        wait(call!($calls, $object.$name($($argument),*))).unwrap()
    };
}

fn config(folder: &Path) -> DeviceConfig {
    DeviceConfig {
        directory: folder.to_str().unwrap().to_owned(),
        device_name: "điện thoại".into(),
        authorities: Vec::new(),
    }
}

fn open(calls: &mut Calls, folder: &Path) -> Arc<Device> {
    calls.0.insert("open");
    wait(Device::open(config(folder), None, None)).unwrap()
}

/// Returns the names of all that the surface exports to be called: not what the app implements.
fn exported() -> BTreeSet<String> {
    let surface = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bindings/surface.txt");
    let surface = fs::read_to_string(surface).unwrap();
    let mut names = BTreeSet::new();
    let mut of_app = false;
    for line in surface.lines() {
        let (part, text) = line
            .strip_prefix("    ")
            .map_or((false, line), |part| (true, part));
        if !part {
            of_app = line.ends_with("Listener") || line.ends_with("Signer");
        }
        let callable = text.contains(") -> ") && !of_app;
        if let (true, Some((name, _))) = (callable, text.split_once('(')) {
            names.insert(name.strip_prefix("async ").unwrap_or(name).to_owned());
        }
    }
    names
}

#[test]
fn no_call_of_an_app_enters_sqlite_on_the_thread_that_makes_it() {
    vfs::install();
    let (office, folder) = (Arc::new(Office::start(true)), TempDir::new().unwrap());
    let _disk = Disk::of(folder.path(), 1);
    office.file("tt.txt", "Nội dung".as_bytes());
    let mut calls = Calls::default();

    let phone = open(&mut calls, &folder.path().join("phone"));
    enrol(&mut calls, &office, &phone);
    office.publish("kh-1.toml", PROGRAMME.as_bytes());
    read_and_write(&mut calls, &phone);
    type_and_listen(&mut calls, &phone);
    let_others_in(&mut calls, &office, &phone, folder.path());
    preside(&mut calls, &office, &folder.path().join("secretary"));
    let desk = another(&mut calls, &office, "alice", &folder.path().join("desk"));
    must!(calls, desk.start_vault_over());

    let made: BTreeSet<_> = calls.0.iter().map(ToString::to_string).collect();
    assert_eq!(
        made,
        exported(),
        "each call is made, and no other is exported"
    );
    let threads = vfs::threads();
    assert!(!threads.is_empty(), "the stores are on the disk");
    assert!(!threads.contains(&thread::current().id()));

    // The same thread would be found.
    let here = Connection::open(folder.path().join("here.db")).unwrap();
    here.execute_batch("CREATE TABLE t (a)").unwrap();
    assert!(vfs::threads().contains(&thread::current().id()));
}

fn enrol(calls: &mut Calls, office: &Arc<Office>, phone: &Arc<Device>) {
    calls.0.extend(["version", "cancel"]);
    assert!(!nghisu::version().is_empty());
    assert!(must!(calls, phone.pending_enrolment()).is_none());
    let invitation = office.invite_to_compare("alice", office.address());
    let cancel = CancelHandle::new();
    let stop = Arc::clone(&cancel);
    let shown = Arc::new(Told(move |_| stop.cancel()));
    let stopped = wait(call!(
        calls,
        phone.enrol_until_confirmed(invitation, shown, Some(cancel))
    ));
    assert!(matches!(stopped, Err(NghisuError::Cancelled { .. })));
    let at_office = Arc::clone(office);
    let compared = Arc::new(Told(move |digits: String| {
        at_office.must(&["device", "confirm", &digits]);
    }));
    must!(calls, phone.resume_enrolment(compared, None));
    must!(calls, phone.sync_now(None));
}

fn read_and_write(calls: &mut Calls, phone: &Arc<Device>) {
    let language = Language::Vietnamese;
    must!(calls, phone.sync_now(None));
    must!(calls, phone.status());
    let meeting = must!(calls, phone.meetings(language))[0].id.clone();
    let programme = must!(calls, phone.programme(meeting.clone(), language));
    let item = Some(programme.items[0].id.clone());
    must!(calls, phone.changes_since_looked(meeting.clone(), language));
    must!(calls, phone.mark_looked(meeting.clone()));
    let (tell, _told) = mpsc::channel();
    must!(calls, phone.fetch_papers(Some(Arc::new(Heard(tell))), None));
    must!(calls, phone.paper_path(meeting.clone(), "tt".into()));
    must!(calls, phone.publication_proof(meeting.clone()));
    must!(calls, phone.alerts(language));

    let note = must!(calls, phone.create_note(anywhere(), "Hỏi".into()));
    let splice = splice(3, 0, " gì");
    must!(calls, phone.edit_note(note.id.clone(), vec![splice]));
    must!(calls, phone.delete_note(note.id));
    must!(calls, phone.notes(None));

    let topic = || "Kinh phí".to_owned();
    let act = must!(
        calls,
        phone.register_to_speak(meeting.clone(), item.clone(), topic())
    );
    must!(
        calls,
        phone.hand_in_question(meeting.clone(), item.clone(), None, topic())
    );
    must!(
        calls,
        phone.state_act(meeting.clone(), ActKind::CheckIn, item, String::new(), None)
    );
    must!(calls, phone.withdraw(meeting.clone(), act));
    must!(calls, phone.sync_now(None));
    assert_eq!(must!(calls, phone.acts(None)).len(), 4);
    must!(calls, phone.receipts(meeting));
    must!(calls, phone.not_sent());
    must!(calls, phone.devices());
    must!(calls, phone.own_data());
    must!(calls, phone.storage_use());
}

fn splice(position_utf16: u32, delete_utf16: u32, insert: &str) -> Splice {
    Splice {
        position_utf16,
        delete_utf16,
        insert: insert.into(),
    }
}

fn type_and_listen(calls: &mut Calls, phone: &Arc<Device>) {
    calls.0.extend(["log_to", "moved_position"]);
    let (tell, told) = mpsc::channel();
    nghisu::log_to(LogLevel::Warn, Some(Arc::new(Heard(tell.clone())))).unwrap();
    let changes = call!(calls, phone.subscribe(Arc::new(Heard(tell.clone()))));
    let statuses = call!(calls, phone.subscribe_sync(Arc::new(Heard(tell))));
    for _ in 0..2 {
        told.recv().unwrap();
    }
    changes.cancel();
    statuses.cancel();
    nghisu::log_to(LogLevel::Warn, None).unwrap();

    let note = must!(calls, phone.create_note(anywhere(), "Ghi".into())).id;
    call!(calls, phone.start_sync());
    call!(calls, phone.network_changed());
    call!(calls, phone.note_opened(note.clone())).unwrap();
    let editor = Arc::clone(phone);
    let editor = must!(calls, editor.open_editor(note.clone()));
    must!(calls, editor.text());
    must!(calls, editor.type_in(vec![splice(3, 0, " chú")]));
    must!(calls, editor.type_text("Ghi chép".into()));
    let came = must!(calls, editor.came());
    assert_eq!(nghisu::moved_position(3, came.splices), 3);
    call!(calls, editor.take(came.id));
    call!(calls, phone.note_closed(note)).unwrap();
    must!(calls, phone.pause_sync());
    must!(calls, phone.pause());
    must!(calls, phone.resume());
}

/// Rules as a secretary does.
fn preside(calls: &mut Calls, office: &Office, folder: &Path) {
    office.must(&["person", "add", "Thư ký 1", "--role", "secretary"]);
    let device = another(calls, office, "Thư ký 1", folder);
    let language = Language::Vietnamese;
    let meeting = must!(calls, device.meetings(language))[0].id.clone();
    let ruling = FloorRuling::TakeFloor;
    must!(
        calls,
        device.rule_floor(meeting.clone(), ruling, None, String::new())
    );
    let words = "Giao các Ban thực hiện".to_owned();
    must!(
        calls,
        device.rule(meeting.clone(), Ruling::Conclusion, None, words, None)
    );
    let course = must!(calls, device.course(meeting, language));
    assert!(course.floor.holder.unwrap().is_this);
    must!(calls, device.follow_up(language));
    assert_eq!(must!(calls, device.obligations(language)).len(), 1);
    must!(calls, device.body(language));
    must!(calls, device.body_on("2026-12-24".into(), language));
    must!(calls, device.due(Duty::WrittenAnswer, "2026-12-04".into()));
    draft(calls, &device);
    minutes(calls, office, &device, folder);
}

/// Writes and publishes a draft as a secretary does.
fn draft(calls: &mut Calls, device: &Arc<Device>) {
    let language = Language::Vietnamese;
    calls
        .0
        .extend(["item_types", "meeting_kinds", "meeting_states"]);
    let kind = nghisu::meeting_kinds(language)[0].word.clone();
    assert!(!nghisu::item_types(language).is_empty());
    let state = nghisu::meeting_states(language)[0].word.clone();
    let title = "Kỳ họp thứ Hai".to_owned();
    let meeting = must!(calls, device.begin_draft("kh-2".into(), kind, title));
    let step = DraftStep::Meeting {
        step: MeetingStep::State { state },
    };
    must!(calls, device.draft_step(meeting.clone(), step));
    assert_eq!(must!(calls, device.drafts(language)).len(), 2);
    let draft = must!(calls, device.draft(meeting.clone(), language));
    assert_eq!(draft.pending.len(), 2);
    must!(calls, device.publish(meeting, String::new()));
    must!(calls, device.sync_now(None));
}

/// Types minutes as a secretary does, and approves them as the chair does.
fn minutes(calls: &mut Calls, office: &Office, device: &Arc<Device>, folder: &Path) {
    let language = Language::Vietnamese;
    office.must(&["person", "add", "Chủ tọa", "--role", "chair"]);
    let chair = another(calls, office, "Chủ tọa", &folder.join("chair"));
    let meetings = must!(calls, device.meetings(language));
    let meeting = meetings[0].id.clone();
    let shown = must!(calls, device.minutes(meeting.clone(), language));
    let version = shown.unwrap().version;
    let typed = vec![splice(0, 0, "Khai mạc lúc 8 giờ.")];
    must!(
        calls,
        device.type_minutes(meeting.clone(), version, typed, language)
    );
    must!(calls, device.lay_minutes(meeting.clone()));
    must!(calls, device.sync_now(None));
    must!(calls, chair.sync_now(None));
    must!(calls, chair.approve_minutes(meeting));
}

/// Opens a device of a person, which is not in the vault.
fn another(calls: &mut Calls, office: &Office, person: &str, folder: &Path) -> Arc<Device> {
    let device = open(calls, folder);
    let invitation = office.invite(person, office.address());
    must!(calls, device.enrol(invitation));
    must!(calls, device.sync_now(None));
    device
}

fn let_others_in(calls: &mut Calls, office: &Office, phone: &Arc<Device>, folder: &Path) {
    must!(calls, phone.vault());
    let code = must!(calls, phone.recovery_code()).unwrap();
    must!(calls, phone.recovery_code_written());
    let tablet = another(calls, office, "alice", &folder.join("tablet"));
    let laptop = another(calls, office, "alice", &folder.join("laptop"));
    let link = must!(calls, tablet.link_code());
    must!(calls, tablet.sync_now(None));
    must!(calls, phone.sync_now(None));
    must!(calls, phone.approve_device(link));
    must!(calls, laptop.restore_notes(code));
    for device in [phone, &tablet, &laptop, phone] {
        must!(calls, device.sync_now(None));
    }
    must!(calls, phone.renew_recovery_code());
    let lost = must!(calls, laptop.status()).identity.unwrap().device;
    must!(calls, phone.remove_device(lost));
    must!(calls, phone.sync_now(None));
    must!(calls, laptop.shut_down());
    must!(calls, tablet.erase());
}

fn anywhere() -> NoteTarget {
    NoteTarget {
        meeting: None,
        item: None,
        paper: None,
    }
}
