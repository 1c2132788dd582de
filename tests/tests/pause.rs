//! Devices whose app goes to the background: the store is closed at once and opened again.

#![expect(clippy::unwrap_used, reason = "the helpers of the tests are tests too")]

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::MetadataExt,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    time::Duration,
};

use nghisu_core::{
    Client, Code,
    client::Pace,
    store::{Changed, NoteTarget, Splice},
};
use nghisu_tests::{
    app::{enrolled, let_in},
    disk::{Disk, Operation},
    process::{Device, Office},
    vfs,
};
use tempfile::TempDir;
use tokio::{
    sync::oneshot,
    task::JoinSet,
    time::{Instant, timeout},
};

/// No test waits longer for what must happen.
const PATIENCE: Duration = Duration::from_secs(120);

async fn write(client: &Client, text: &str) {
    client
        .create_note(NoteTarget::default(), text)
        .await
        .unwrap();
}

/// Returns the locks that the system knows on files of a folder.
fn locks(folder: &Path) -> Vec<String> {
    let mut files = BTreeSet::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            files.insert(entry.metadata().unwrap().ino().to_string());
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            }
        }
    }
    let known = fs::read_to_string("/proc/locks").unwrap();
    let of_folder = |line: &&str| {
        let mut parts = line.split_whitespace();
        let inode = parts.find_map(|part| Some(part.split_once(':')?.1.split_once(':')?.1));
        inode.is_some_and(|inode| files.contains(inode))
    };
    known.lines().filter(of_folder).map(str::to_owned).collect()
}

/// Transactions on a device's store.
#[derive(Debug, Default)]
struct Transactions {
    /// How many have ended.
    ended: AtomicU64,
    /// Where the next one that writes says so, and what it waits for then.
    gate: Mutex<Option<(oneshot::Sender<()>, mpsc::Receiver<()>)>>,
}

/// Counts the transactions that end on a device's store from now on: each writes pages to the write-ahead log,
/// which takes two writes or more, and syncs that before it is over. A log that begins is synced after its header,
/// which is one write, and one that is folded in at the end without any.
fn transactions(folder: &Path) -> (Arc<Disk>, Arc<Transactions>) {
    vfs::install();
    let (disk, transactions) = (Disk::of(folder, 1), Arc::<Transactions>::default());
    let (mut writes, counted) = (0, Arc::clone(&transactions));
    disk.watch(move |step, _| {
        let is_log = step.file.to_string_lossy().ends_with("-wal");
        match step.operation {
            Operation::Write if is_log => {
                writes += 1;
                if let Some((reached, go)) = counted.gate.lock().unwrap().take() {
                    reached.send(()).unwrap();
                    // An error says that the test has ended.
                    let _ = go.recv();
                }
            }
            Operation::Sync if is_log => {
                counted
                    .ended
                    .fetch_add(u64::from(writes > 1), Ordering::SeqCst);
                writes = 0;
            }
            Operation::Create
            | Operation::Write
            | Operation::Truncate
            | Operation::Sync
            | Operation::Delete
            | Operation::Read
            | Operation::Index => {}
        }
    });
    (disk, transactions)
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_pause_another_process_opens_the_store_and_after_it_the_app_goes_on() {
    let (office, folder) = (Office::start(true), TempDir::new().unwrap());
    let phone = enrolled(&office, folder.path()).await;
    phone.sync().await.unwrap();
    write(&phone, "trước").await;
    let mut changes = phone.subscribe();
    assert_eq!(changes.next().await, Some(Changed::Everything));
    let beside = Device::at(folder.path());
    assert_eq!(beside.error(&["status"]), "already_open");
    assert!(!locks(folder.path()).is_empty());

    phone.pause().await;
    phone.pause().await;

    assert_eq!(locks(folder.path()), Vec::<String>::new());
    assert_eq!(beside.must(&["note", "list"]).as_array().unwrap().len(), 1);
    beside.must(&["note", "create", "ở tiến trình khác"]);
    assert_eq!(phone.notes(None).await.unwrap_err().code(), Code::Paused);
    assert_eq!(phone.sync().await.unwrap_err().code(), Code::Paused);
    let papers = phone.fetch_papers(|_, _| {}).await;
    assert_eq!(papers.unwrap_err().code(), Code::Paused);

    phone.resume().await.unwrap();
    phone.resume().await.unwrap();

    assert_eq!(beside.error(&["status"]), "already_open");
    let heard = timeout(PATIENCE, async {
        while changes.next().await != Some(Changed::Everything) {}
    });
    heard.await.unwrap();
    assert_eq!(phone.notes(None).await.unwrap().len(), 2);
    phone.sync().await.unwrap();
    assert_eq!(phone.status().await.unwrap().unsent, 0);
    phone.shut_down().await;
    assert_eq!(locks(folder.path()), Vec::<String>::new());
    assert_eq!(phone.resume().await.unwrap_err().code(), Code::Closed);
    phone.pause().await;
    assert_eq!(phone.notes(None).await.unwrap_err().code(), Code::Closed);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_asked_for_before_a_pause_is_carried_out() {
    const NOTES: usize = 200;
    let (office, folder) = (Office::start(true), TempDir::new().unwrap());
    let phone = enrolled(&office, folder.path()).await;
    phone.sync().await.unwrap();
    let mut writing = JoinSet::new();
    for number in 0..NOTES {
        let phone = Arc::clone(&phone);
        writing.spawn(async move {
            phone
                .create_note(NoteTarget::default(), &number.to_string())
                .await
                .map(|note| note.text)
        });
    }
    tokio::task::yield_now().await;
    phone.pause().await;

    let mut written = BTreeSet::new();
    while let Some(note) = writing.join_next().await {
        match note.unwrap() {
            Ok(text) => drop(written.insert(text)),
            Err(error) => assert_eq!(error.code(), Code::Paused),
        }
    }
    phone.resume().await.unwrap();
    let notes = phone.notes(None).await.unwrap();
    let there: BTreeSet<String> = notes.into_iter().map(|note| note.text).collect();
    assert_eq!(there, written);
}

/// Pauses a device while a transaction of its sync is being written. Returns how many transactions ended after
/// that, or nothing if none was met.
async fn pause_in_transaction(client: &Arc<Client>, transactions: &Transactions) -> Option<u64> {
    let ((reached, met), (go, gate)) = (oneshot::channel(), mpsc::channel());
    *transactions.gate.lock().unwrap() = Some((reached, gate));
    client.start_sync();
    // None comes once everything is here.
    if timeout(Duration::from_secs(2), met).await.is_err() {
        *transactions.gate.lock().unwrap() = None;
        return None;
    }
    let before = transactions.ended.load(Ordering::SeqCst);
    let pausing = Arc::clone(client);
    let pausing = tokio::spawn(async move { pausing.pause().await });
    // It ends when the store is about to be closed, and what it asks the store for before that is cut.
    assert_eq!(client.sync().await.unwrap_err().code(), Code::Paused);
    go.send(()).unwrap();
    pausing.await.unwrap();
    Some(transactions.ended.load(Ordering::SeqCst) - before)
}

/// A first download is cut again and again, in whatever it is, and ends as one that nobody cuts.
#[tokio::test(flavor = "multi_thread")]
async fn a_sync_that_is_paused_again_and_again_releases_the_store_each_time_and_loses_nothing() {
    const NOTES: usize = 1_500;
    let (office, folder) = (Office::start(true), TempDir::new().unwrap());
    let phone = enrolled(&office, &folder.path().join("phone")).await;
    phone.sync().await.unwrap();
    let items: String = (0..800)
        .map(|n| format!("\n[[item]]\nid = 'm{n}'\nnumber = '{n}'\ntitle = 'Nội dung {n}'\n"))
        .collect();
    let programme = format!("id = 'kh-1'\nkind = 'regular_session'\ntitle = 'Kỳ họp'\n{items}");
    office.publish("kh-1.toml", programme.as_bytes());
    for number in 0..NOTES {
        write(&phone, &format!("Ghi chú {number}")).await;
    }
    phone.sync().await.unwrap();

    let cut = folder.path().join("tablet");
    fs::create_dir(&cut).unwrap();
    let (_disk, transactions) = transactions(&cut);
    let tablet = enrolled(&office, &cut).await;
    let (mut longest, mut cuts, mut met) = (Duration::ZERO, 0, 0);
    for round in 0..40_u64 {
        let ended = if round % 2 == 0 {
            tablet.start_sync();
            tokio::time::sleep(Duration::from_millis(round * 7 % 90)).await;
            None
        } else {
            pause_in_transaction(&tablet, &transactions).await
        };
        let was_syncing = tablet.sync_statuses().next().await;
        let begun = Instant::now();
        tablet.pause().await;
        if was_syncing.is_some_and(|status| status.pace == Pace::Syncing) {
            cuts += 1;
            longest = longest.max(begun.elapsed());
        }
        if let Some(ended) = ended {
            assert_eq!(ended, 1, "the transaction that was met, and no other");
            met += 1;
        }
        assert_eq!(locks(&cut), Vec::<String>::new());
        tablet.resume().await.unwrap();
    }
    println!(
        "40 pauses: {met} in a transaction, {cuts} elsewhere in a sync, of which the longest took {longest:?}"
    );
    assert!(cuts > 0 && met > 0, "pauses met a sync, and transactions");
    tablet.sync().await.unwrap();

    let_in(&phone, &tablet).await;
    let texts = |client: Arc<Client>| async move {
        let notes = client.notes(None).await.unwrap();
        notes
            .into_iter()
            .map(|note| note.text)
            .collect::<BTreeSet<_>>()
    };
    assert_eq!(
        texts(Arc::clone(&tablet)).await,
        texts(Arc::clone(&phone)).await
    );
    assert_eq!(tablet.notes(None).await.unwrap().len(), NOTES);
    let meeting = tablet.meetings().await.unwrap()[0].id;
    let note = tablet.notes(None).await.unwrap()[0].id;
    let here = Splice {
        position: 0,
        delete: 0,
        insert: "sửa ".into(),
    };
    tablet.edit_note(note, vec![here]).await.unwrap();
    tablet.sync().await.unwrap();
    assert_eq!(tablet.meetings().await.unwrap()[0].id, meeting);
}
