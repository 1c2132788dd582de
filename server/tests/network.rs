//! Whole devices against a whole office, over real connections.

#![expect(clippy::unwrap_used, reason = "the helpers of the tests are tests too")]

use std::{net::TcpListener, path::Path, sync::Arc};

use nghisu_core::{
    Code,
    client::{Client, Config},
    limits::LEASE_RUNNING_MS,
    meeting::canonical_json,
    store::{NoteTarget, Standing},
    trust::{decide::Role, enrol::Address},
};
use nghisu_server::{Office, RootKey, Server, ServerHandle, clock, office::Confirmation};
use tempfile::TempDir;

struct Running {
    folder: TempDir,
    office: Arc<Office>,
    server: ServerHandle,
    tls: bool,
}

impl Running {
    fn start(tls: bool) -> Self {
        let folder = TempDir::new().unwrap();
        let office = Arc::new(
            Office::open_or_create(&folder.path().join("office"), &RootKey::draw().unwrap())
                .unwrap(),
        );
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Server::start(office.clone(), listener, tls).unwrap();
        Self {
            folder,
            office,
            server,
            tls,
        }
    }

    fn invite(&self, name: &str) -> String {
        let person = match self.office.person(name) {
            Ok(person) => person,
            Err(_) => self.office.add_person(name, Role::Delegate).unwrap(),
        };
        let address = Address {
            authority: self.server.addr.to_string(),
            tls: self.tls,
        };
        let invitation = self
            .office
            .invite(
                person.id,
                address,
                Confirmation::AtOnce,
                60_000,
                clock::now(),
            )
            .unwrap();
        invitation.to_string()
    }

    async fn enrol(&self, name: &str, store: &str) -> Client {
        let client = open(&self.folder.path().join(store)).await;
        client.enrol(&self.invite(name)).await.unwrap();
        client
    }

    fn publish(&self, title: &str) {
        let text = format!(
            "id = 'kh-1'\nkind = 'regular_session'\ntitle = '{title}'\n\
             [[paper]]\nid = 'p1'\ntitle = 'Tờ trình'\nfile = 'p1.pdf'\n\
             [[item]]\nid = 'i1'\ntitle = 'Khai mạc'\npapers = ['p1']\n"
        );
        let file = self.folder.path().join("kh.toml");
        std::fs::write(self.folder.path().join("p1.pdf"), vec![b'x'; 300_000]).unwrap();
        std::fs::write(&file, text).unwrap();
        let now = clock::now();
        self.office.import_files(&[file], now, |_| {}).unwrap();
        self.office.publish(None, title, now).unwrap();
    }
}

async fn open(directory: &Path) -> Client {
    let config = Config::new(directory, "điện thoại");
    Client::open(config).await.unwrap()
}

async fn a_meeting_is_read_and_acted_on(tls: bool) {
    let running = Running::start(tls);
    running.publish("Kỳ họp thứ Nhất");
    let alice = running.enrol("Alice", "alice").await;
    let bob = running.enrol("Bob", "bob").await;
    alice.sync().await.unwrap();
    let meeting = alice.meetings().await.unwrap()[0].id;

    alice
        .register_to_speak(meeting, Some("i1".parse().unwrap()), "ngân sách")
        .await
        .unwrap();
    alice.sync().await.unwrap();
    alice.sync().await.unwrap();
    bob.sync().await.unwrap();

    let receipts = bob.receipts(meeting).await.unwrap();
    assert_eq!(receipts.len(), 1);
    assert_eq!(receipts[0].number, Some(1));
    for (name, client) in [("Alice", &alice), ("Bob", &bob)] {
        let person = running.office.person(name).unwrap();
        let exported = running.office.export(&[person.id], None).unwrap().remove(0);
        assert_eq!(client.view().await.unwrap(), canonical_json(&exported));
    }
    let downloaded = bob.fetch_papers(|_, _| {}).await.unwrap();
    assert_eq!((downloaded.files, downloaded.bytes), (1, 300_000));
    let paper = bob.paper(meeting, "p1").await.unwrap();
    assert_eq!(std::fs::read(paper).unwrap(), vec![b'x'; 300_000]);
    running.server.shutdown().await.unwrap();
    assert_eq!(
        bob.sync().await.unwrap_err().code(),
        Code::OfficeUnreachable
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_meeting_is_read_and_acted_on_over_tls() {
    a_meeting_is_read_and_acted_on(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_meeting_is_read_and_acted_on_behind_a_proxy() {
    a_meeting_is_read_and_acted_on(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_office_with_another_root_at_the_same_address_is_not_talked_to() {
    let first = Running::start(true);
    let second = Running::start(true);
    let address = second.server.addr.to_string();
    let invitation = first
        .invite("Alice")
        .replace(&first.server.addr.to_string(), &address);
    let device = open(&first.folder.path().join("alice")).await;

    let error = device.enrol(&invitation).await.unwrap_err();

    assert_eq!(error.code(), Code::OfficeCertificate);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_waits_for_its_confirmation_and_goes_on_by_itself() {
    let running = Running::start(true);
    let alice = running.office.add_person("Alice", Role::Delegate).unwrap();
    let address = Address {
        authority: running.server.addr.to_string(),
        tls: true,
    };
    let now = clock::now();
    let invitation = running
        .office
        .invite(alice.id, address, Confirmation::Compared, 60_000, now)
        .unwrap()
        .to_string();
    let folder = running.folder.path().join("alice");
    let client = open(&folder).await;
    let first = client.enrol(&invitation).await.unwrap_err();
    assert_eq!(first.code(), Code::EnrolmentPending);
    client.shut_down().await;
    // The app was closed meanwhile: what it needs to go on is there.
    let client = open(&folder).await;
    let pending = client.pending_enrolment().await.unwrap().unwrap();
    assert_eq!(pending.invitation, invitation);
    assert_eq!(pending.digits.as_deref(), Some(first.detail()));

    let mut shown = Vec::new();
    let office = running.office.clone();
    let identity = client
        .enrol_until_confirmed(&pending.invitation, |digits| {
            shown.push(digits.to_owned());
            let waiting = office.device(digits, clock::now()).unwrap();
            office.confirm_device(waiting.id, clock::now()).unwrap();
        })
        .await
        .unwrap();

    assert_eq!(shown, [first.detail()]);
    assert_eq!(identity.certificate.person, alice.id);
    assert_eq!(client.pending_enrolment().await.unwrap(), None);
    client.sync().await.unwrap();
    let devices = client.devices().await.unwrap();
    assert_eq!(devices.len(), 1);
    assert!(devices[0].this && devices[0].name == "điện thoại");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_whose_lease_is_over_shows_nothing_until_it_has_met_its_office() {
    let running = Running::start(true);
    let client = running.enrol("Alice", "alice").await;
    client.sync().await.unwrap();
    let note = client
        .create_note(NoteTarget::default(), "Kiến nghị")
        .await
        .unwrap();
    client.shut_down().await;
    // As many weeks of running time as it takes, without one sync.
    let folder = running.folder.path().join("alice");
    let used_up = (LEASE_RUNNING_MS + 1).to_be_bytes();
    rusqlite::Connection::open(folder.join("nghisu.db"))
        .unwrap()
        .execute(
            "INSERT OR REPLACE INTO state (name, value) VALUES ('lease', ?1)",
            [used_up],
        )
        .unwrap();
    let client = open(&folder).await;

    assert_eq!(
        client.notes(None).await.unwrap_err().code(),
        Code::LeaseOver
    );
    let write = client.create_note(NoteTarget::default(), "x").await;
    assert_eq!(write.unwrap_err().code(), Code::LeaseOver);
    let status = client.status().await.unwrap();
    assert_eq!((status.standing, status.unsent), (Standing::LeaseOver, 1));

    client.sync().await.unwrap();

    assert_eq!(client.note(note.id).await.unwrap().text, "Kiến nghị");
    assert_eq!(client.status().await.unwrap().unsent, 0);
}
