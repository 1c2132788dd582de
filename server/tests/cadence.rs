//! Devices that sync by themselves, against a whole office over real connections.

#![expect(clippy::unwrap_used, reason = "the helpers of the tests are tests too")]

use std::{
    net::{SocketAddr, TcpListener},
    path::Path,
    sync::Arc,
    time::Duration,
};

use nghisu_core::{
    Code,
    client::{Client, Config, Pace, SyncStatus},
    ids::DocumentId,
    store::{NoteTarget, Splice, VaultState},
    sync::cadence::QUIET_MS,
    trust::{decide::Role, enrol::Address},
};
use nghisu_server::{
    Office, RootKey, Server, ServerHandle, clock, office::Confirmation, routes::Turns,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout},
};

/// No test waits longer for what must happen.
const PATIENCE: Duration = Duration::from_secs(120);
/// Longer than a sync that begins at once takes here: what must not happen is waited for so long.
const A_SYNC: Duration = Duration::from_millis(500);

struct Running {
    folder: TempDir,
    office: Arc<Office>,
    server: ServerHandle,
    tls: bool,
}

impl Running {
    fn start() -> Self {
        Self::with(true, Turns::default())
    }

    fn with(tls: bool, turns: Turns) -> Self {
        let folder = TempDir::new().unwrap();
        let office = Arc::new(
            Office::open_or_create(&folder.path().join("office"), &RootKey::draw().unwrap())
                .unwrap(),
        );
        let server = listen(&office, "127.0.0.1:0".parse().unwrap(), tls, turns);
        Self {
            folder,
            office,
            server,
            tls,
        }
    }

    async fn enrol(&self, name: &str, store: &str) -> Arc<Client> {
        let person = match self.office.person(name) {
            Ok(person) => person,
            Err(_) => self.office.add_person(name, Role::Delegate).unwrap(),
        };
        let client = open(&self.folder.path().join(store)).await;
        let address = Address {
            authority: self.server.addr.to_string(),
            tls: self.tls,
        };
        let (now, at_once) = (clock::now(), Confirmation::AtOnce);
        let invited = self
            .office
            .invite(person.id, address, at_once, 60_000, now)
            .unwrap();
        client.enrol(&invited.to_string()).await.unwrap();
        client
    }

    /// Two devices of one person, both in the vault, and a note that both have.
    async fn pair(&self) -> (Arc<Client>, Arc<Client>, DocumentId) {
        let phone = self.enrol("Alice", "phone").await;
        phone.sync().await.unwrap();
        let note = phone.create_note(NoteTarget::default(), "Ghi chú").await;
        phone.sync().await.unwrap();
        let tablet = self.enrol("Alice", "tablet").await;
        tablet.sync().await.unwrap();
        let code = tablet.link_code().await.unwrap();
        tablet.sync().await.unwrap();
        phone.sync().await.unwrap();
        phone.approve_device(&code).await.unwrap();
        phone.sync().await.unwrap();
        tablet.sync().await.unwrap();
        assert_eq!(tablet.vault().await.unwrap().state, VaultState::Open);
        (phone, tablet, note.unwrap().id)
    }

    fn publish(&self, title: &str) {
        let text = format!("id = 'kh-1'\nkind = 'regular_session'\ntitle = '{title}'\n");
        let file = self.folder.path().join("kh.toml");
        std::fs::write(&file, text).unwrap();
        let now = clock::now();
        self.office.import_files(&[file], now, |_| {}).unwrap();
        self.office.publish(None, title, now).unwrap();
    }
}

fn listen(office: &Arc<Office>, at: SocketAddr, tls: bool, turns: Turns) -> ServerHandle {
    let listener = TcpListener::bind(at).unwrap();
    Server::start_with(office.clone(), listener, tls, turns).unwrap()
}

async fn open(directory: &Path) -> Arc<Client> {
    let config = Config::new(directory, "điện thoại");
    Arc::new(Client::open(config).await.unwrap())
}

/// Waits until the device says so, and returns after how long.
async fn until(client: &Client, wanted: impl Fn(&SyncStatus) -> bool) -> SyncStatus {
    let mut statuses = client.sync_statuses();
    let waited = timeout(PATIENCE, async {
        loop {
            let status = statuses.next().await.unwrap();
            if wanted(&status) {
                return status;
            }
        }
    });
    waited.await.expect("the device did not come to this")
}

async fn up_to_date(client: &Client) {
    until(client, |status| status.pace == Pace::UpToDate).await;
}

/// Waits until a note has this text, and returns after how long.
async fn text(client: &Client, note: DocumentId, wanted: &str) -> Duration {
    let begun = Instant::now();
    let mut changes = client.subscribe();
    let waited = timeout(PATIENCE, async {
        loop {
            let shown = client.note(note).await;
            if shown.is_ok_and(|shown| shown.text.contains(wanted)) {
                return begun.elapsed();
            }
            changes.next().await.unwrap();
        }
    });
    waited.await.expect("the note does not have this text")
}

async fn type_in(client: &Client, note: DocumentId, text: &str) {
    let splice = Splice {
        position: 0,
        delete: 0,
        insert: text.into(),
    };
    client.edit_note(note, vec![splice]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publication_and_an_act_reach_everybody_without_a_call_to_sync() {
    let running = Running::start();
    let (alice, bob) = (
        running.enrol("Alice", "alice").await,
        running.enrol("Bob", "bob").await,
    );
    for client in [&alice, &bob] {
        client.start_sync();
        up_to_date(client).await;
        assert!(client.status().await.unwrap().synced_at.is_some());
    }

    running.publish("Kỳ họp thứ Nhất");

    let mut changes = bob.subscribe();
    let waited = timeout(PATIENCE, async {
        while bob.meetings().await.unwrap().is_empty() {
            changes.next().await.unwrap();
        }
        bob.meetings().await.unwrap()[0].id
    });
    let meeting = waited.await.unwrap();
    bob.register_to_speak(meeting, None, "ngân sách")
        .await
        .unwrap();
    let mut changes = alice.subscribe();
    let waited = timeout(PATIENCE, async {
        while alice.receipts(meeting).await.map_or(0, |them| them.len()) != 1 {
            changes.next().await.unwrap();
        }
    });
    waited.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_typed_on_one_device_is_seen_live_on_the_other_that_writes_too() {
    let running = Running::start();
    let (phone, tablet, note) = running.pair().await;
    for client in [&phone, &tablet] {
        client.start_sync();
        client.note_opened(note);
        up_to_date(client).await;
    }

    // What is written first waits for quiet; then each knows of the other.
    type_in(&phone, note, "một ").await;
    text(&tablet, note, "một").await;
    type_in(&tablet, note, "hai ").await;
    text(&phone, note, "hai").await;
    let mut fastest = Duration::MAX;
    for n in 0..5 {
        let word = format!("từ{n}");
        type_in(&phone, note, &word).await;
        fastest = fastest.min(text(&tablet, note, &word).await);
    }

    println!("an edit on another open device: {fastest:?} at best");
    // The ordinary cadence would have waited longer.
    let ordinary = Duration::from_millis(QUIET_MS);
    assert!(fastest < ordinary, "{fastest:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_hands_in_what_was_written_and_nothing_follows_until_the_start() {
    let running = Running::start();
    let (phone, _, note) = running.pair().await;
    phone.start_sync();
    up_to_date(&phone).await;
    type_in(&phone, note, "cuối ").await;
    assert_eq!(phone.status().await.unwrap().unsent, 1);

    phone.pause_sync().await;
    phone.pause_sync().await;

    assert_eq!(phone.status().await.unwrap().unsent, 0);
    assert_eq!(
        phone.sync_statuses().next().await.unwrap().pace,
        Pace::Resting
    );
    let seq = running.office.seq().unwrap();
    type_in(&phone, note, "sau ").await;
    // In front this would sync at once.
    phone.note_closed(note);
    phone.network_changed();
    tokio::time::sleep(A_SYNC).await;
    assert_eq!(running.office.seq().unwrap(), seq);
    phone.start_sync();
    until(&phone, |status| {
        status.pace == Pace::UpToDate && status.handed_in == 1
    })
    .await;
    assert_eq!(running.office.seq().unwrap(), seq + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_without_a_network_ends_in_time_and_so_does_closing() {
    let running = Running::start();
    let (phone, _, note) = running.pair().await;
    // An office that takes connections and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let authority = silent.local_addr().unwrap().to_string();
    let address = Address {
        authority,
        tls: true,
    };
    phone.move_office(address).await.unwrap();
    phone.start_sync();
    type_in(&phone, note, "chờ ").await;

    // A request to such an office gives up by itself after 20 s; a pause takes four.
    let pause = Duration::from_secs(12);
    timeout(pause, phone.pause_sync()).await.unwrap();
    phone.start_sync();
    timeout(pause, phone.shut_down()).await.unwrap();

    phone.start_sync();
    assert_eq!(phone.note(note).await.unwrap_err().code(), Code::Closed);
    let reopened = open(&running.folder.path().join("phone")).await;
    assert!(reopened.note(note).await.unwrap().text.starts_with("chờ"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_office_that_goes_and_comes_back_is_offline_and_then_up_to_date() {
    let running = Running::start();
    let (phone, _, note) = running.pair().await;
    let addr = running.server.addr;
    phone.start_sync();
    up_to_date(&phone).await;
    running.server.shutdown().await.unwrap();

    type_in(&phone, note, "ngoại tuyến ").await;
    phone.note_opened(note);
    phone.note_closed(note);
    until(&phone, |status| status.pace == Pace::Offline).await;
    let again = listen(&running.office, addr, true, Turns::default());
    phone.network_changed();

    up_to_date(&phone).await;
    assert_eq!(phone.status().await.unwrap().unsent, 0);
    again.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_is_locked_while_it_listens_hears_of_it_at_once() {
    let running = Running::start();
    let (phone, _, note) = running.pair().await;
    phone.start_sync();
    up_to_date(&phone).await;
    let identity = phone.status().await.unwrap().identity.unwrap();

    running
        .office
        .lock_device(identity.certificate.device(), clock::now())
        .unwrap();

    until(&phone, |status| status.pace == Pace::Problem(Code::Locked)).await;
    assert_eq!(phone.note(note).await.unwrap_err().code(), Code::Locked);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_dropped_ends_its_task_and_frees_its_store() {
    let running = Running::start();
    let phone = running.enrol("Alice", "phone").await;
    phone.start_sync();
    up_to_date(&phone).await;
    let mut statuses = phone.sync_statuses();
    drop(phone);
    let waited = timeout(PATIENCE, async { while statuses.next().await.is_some() {} });
    waited.await.unwrap();
    let folder = running.folder.path().join("phone");
    let reopened = timeout(PATIENCE, async {
        loop {
            match Client::open(Config::new(&folder, "điện thoại")).await {
                Ok(client) => return client,
                Err(error) => assert_eq!(error.code(), Code::AlreadyOpen),
            }
            tokio::task::yield_now().await;
        }
    });
    assert!(
        reopened
            .await
            .unwrap()
            .status()
            .await
            .unwrap()
            .identity
            .is_some()
    );
}

/// An office that takes one request at a time is busy when many come: each device that is told so comes
/// back when it was asked to, and nothing is lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_busy_office_says_when_to_come_back_and_nothing_is_lost() {
    const DEVICES: usize = 4;
    let one = Turns {
        at_once: 1,
        waiting: 0,
        patience: Duration::from_millis(10),
    };
    let running = Running::with(false, one);
    running.publish("Kỳ họp thứ Nhất");
    let mut devices = Vec::new();
    for n in 0..DEVICES {
        let device = running
            .enrol(&format!("Đại biểu {n}"), &format!("d{n}"))
            .await;
        device.sync().await.unwrap();
        devices.push(device);
    }
    let meeting = devices[0].meetings().await.unwrap()[0].id;
    // A request whose body does not arrive holds the only turn.
    let held = hold_a_turn(running.server.addr).await;
    for device in &devices {
        device.register_to_speak(meeting, None, "").await.unwrap();
        let error = device.sync().await.unwrap_err();
        assert_eq!(error.code(), Code::OfficeBusy);
        assert!(
            (2_000..=10_000).contains(&error.retry_after_ms()),
            "{}",
            error.retry_after_ms()
        );
        device.start_sync();
    }
    let refused_at = Instant::now();
    drop(held);
    for device in &devices {
        up_to_date(device).await;
        assert_eq!(device.status().await.unwrap().unsent, 0);
    }
    assert!(refused_at.elapsed() >= Duration::from_secs(1));
    // The only turn may be another's: it comes by itself.
    let mut changes = devices[0].subscribe();
    let all = timeout(PATIENCE, async {
        while devices[0].receipts(meeting).await.unwrap().len() < DEVICES {
            changes.next().await.unwrap();
        }
    });
    all.await.unwrap();
}

/// Opens a connection that announces a body and sends none of it. The turn is held from here on: the
/// server asks for the body (RFC 9110, 10.1.1) where it begins to read it.
async fn hold_a_turn(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head =
        b"POST /v1/sync HTTP/1.1\r\nHost: office\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n";
    stream.write_all(head).await.unwrap();
    let mut asked = [0; 25];
    stream.read_exact(&mut asked).await.unwrap();
    assert_eq!(&asked, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream
}
