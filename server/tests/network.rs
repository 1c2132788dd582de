//! Whole devices against a whole office, over real connections.

#![expect(clippy::unwrap_used, reason = "the helpers of the tests are tests too")]

use std::{net::TcpListener, path::Path, sync::Arc};

use nghisu_core::{
    Code,
    client::{Client, Config},
    meeting::canonical_json,
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
