//! The office's keys over the years: renewed, followed by another root, lost and brought back.

#![expect(clippy::unwrap_used, reason = "the helpers of the tests are tests too")]

use std::{net::TcpListener, path::PathBuf, sync::Arc, time::Duration};

use nghisu_core::{
    Code,
    client::{Client, Config},
    trust::{decide::Role, enrol::Address},
};
use nghisu_server::{
    Office, Passphrase, RootKey, Server, ServerHandle, clock,
    office::{Confirmation, Publications},
};
use tempfile::TempDir;

/// An office that serves, and the root key that it does not have.
struct World {
    folder: TempDir,
    root: RootKey,
    office: Arc<Office>,
    server: ServerHandle,
}

impl World {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let root = RootKey::draw().unwrap();
        Office::open_or_create(&folder.path().join("office"), &root).unwrap();
        let (office, server) = start(&folder.path().join("office"), "127.0.0.1:0");
        Self {
            folder,
            root,
            office,
            server,
        }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("office")
    }

    async fn restart(self) -> Self {
        let address = self.server.addr.to_string();
        self.server.shutdown().await.unwrap();
        drop(self.office);
        let (office, server) = start(&self.folder.path().join("office"), &address);
        Self {
            office,
            server,
            ..self
        }
    }

    fn invitation(&self, name: &str) -> String {
        let person = match self.office.person(name) {
            Ok(person) => person,
            Err(_) => self.office.add_person(name, Role::Delegate).unwrap(),
        };
        let address = Address {
            authority: self.server.addr.to_string(),
            tls: true,
        };
        let at_once = Confirmation::AtOnce;
        let now = clock::now();
        self.office
            .invite(person.id, address, at_once, 60_000, now)
            .unwrap()
            .to_string()
    }

    async fn enrol(&self, name: &str) -> Client {
        let client = open(&self.folder.path().join(name)).await;
        client.enrol(&self.invitation(name)).await.unwrap();
        client
    }

    fn publish(&self, title: &str) {
        let file = self.folder.path().join("kh.toml");
        let text = format!(
            "id = 'kh-1'\nkind = 'regular_session'\ntitle = '{title}'\n[[item]]\nid = 'i1'\ntitle = 'Khai mạc'\n"
        );
        std::fs::write(&file, text).unwrap();
        let now = clock::now();
        self.office.import_files(&[file], now, |_| {}).unwrap();
        self.office.publish(None, title, now).unwrap();
    }

    fn renew(&self) {
        Office::renew_online_key(&self.data(), &self.root, None, clock::now()).unwrap();
    }
}

fn start(data: &std::path::Path, listen: &str) -> (Arc<Office>, ServerHandle) {
    let office = Arc::new(Office::open(data).unwrap());
    let listener = TcpListener::bind(listen).unwrap();
    let server = Server::start(Arc::clone(&office), listener, true).unwrap();
    (office, server)
}

async fn open(directory: &std::path::Path) -> Client {
    Client::open(Config::new(directory, "máy")).await.unwrap()
}

async fn title(client: &Client) -> String {
    client.meetings().await.unwrap()[0].meeting.title.clone()
}

async fn act(client: &Client) {
    let meeting = client.meetings().await.unwrap()[0].id;
    client
        .register_to_speak(meeting, None, "ngân sách")
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn devices_of_before_and_after_renewals_read_and_act_without_a_restart() {
    let world = World::new();
    world.publish("một");
    let (alice, away) = (world.enrol("Alice").await, world.enrol("Bob").await);
    alice.sync().await.unwrap();
    away.sync().await.unwrap();
    let first = alice.status().await.unwrap().identity.unwrap().online;

    for word in ["hai", "ba"] {
        world.renew();
        world.publish(word);
        alice.sync().await.unwrap();
    }
    act(&alice).await;
    alice.sync().await.unwrap();
    act(&away).await;
    away.sync().await.unwrap();
    let late = world.enrol("Carol").await;
    late.sync().await.unwrap();
    alice.sync().await.unwrap();

    for client in [&alice, &away, &late] {
        assert_eq!(title(client).await, "ba");
        let meeting = client.meetings().await.unwrap()[0].id;
        assert_eq!(client.receipts(meeting).await.unwrap().len(), 2);
        let online = client.status().await.unwrap().identity.unwrap().online;
        assert_eq!(
            online,
            world.office.keys_status(clock::now()).unwrap().online
        );
        assert_ne!(online.key, first.key);
    }
    let named = world.office.keys_status(clock::now()).unwrap().named;
    assert_eq!(named.len(), 3);
    assert_eq!(named[0].0, 1);
    assert!(world.office.verify_log().unwrap() > 6);
    world.office.export(&[], None).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_key_survives_restarts_of_device_and_office() {
    let world = World::new();
    world.publish("một");
    let alice = world.enrol("Alice").await;
    alice.sync().await.unwrap();
    world.renew();
    let world = world.restart().await;
    alice.sync().await.unwrap();
    alice.shut_down().await;

    let alice = open(&world.folder.path().join("Alice")).await;
    world.publish("hai");
    alice.sync().await.unwrap();

    assert_eq!(title(&alice).await, "hai");
    let online = alice.status().await.unwrap().identity.unwrap().online;
    assert_eq!(
        online,
        world.office.keys_status(clock::now()).unwrap().online
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_office_shows_the_certificate_of_a_renewed_key_by_itself() {
    let world = World::new();
    let shown = || std::fs::read(world.data().join("keys/tls.crt")).unwrap();
    let before = shown();
    world.renew();
    for _ in 0..2_400 {
        if shown() != before {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_ne!(shown(), before);
    world.enrol("Alice").await.sync().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn devices_follow_to_another_root_and_new_ones_pin_that() {
    let world = World::new();
    world.publish("một");
    let (alice, away) = (world.enrol("Alice").await, world.enrol("Bob").await);
    alice.sync().await.unwrap();
    let letter = world.invitation("Dora");
    let next = RootKey::draw().unwrap();

    Office::succeed_root(&world.data(), &world.root, &next, "", clock::now()).unwrap();
    let world = world.restart().await;
    world.publish("hai");
    let late = world.enrol("Carol").await;
    let dora = open(&world.folder.path().join("Dora")).await;
    dora.enrol(&letter).await.unwrap();

    for client in [&alice, &away, &late, &dora] {
        client.sync().await.unwrap();
        assert_eq!(title(client).await, "hai");
        let identity = client.status().await.unwrap().identity.unwrap();
        assert_eq!(identity.root, world.office.root());
        client.sync().await.unwrap();
    }
    assert_eq!(world.office.pin(), next.pin());
    let status = world.office.keys_status(clock::now()).unwrap();
    assert_eq!(status.former_pins, [world.root.pin()]);
    // The old root has no say any more.
    let error = Office::renew_online_key(&world.data(), &world.root, None, clock::now());
    assert_eq!(error.unwrap_err().code(), Code::KeyFile);
    let back = Office::succeed_root(&world.data(), &next, &world.root, "", clock::now());
    assert_eq!(back.unwrap_err().code(), Code::KeyFile);

    // Another one after it, for devices that have followed once and for one that never did.
    let third = RootKey::draw().unwrap();
    Office::succeed_root(&world.data(), &next, &third, "", clock::now()).unwrap();
    let world = world.restart().await;
    world.publish("ba");
    for client in [&alice, &dora] {
        client.sync().await.unwrap();
        assert_eq!(title(client).await, "ba");
    }
    world.office.verify_log().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_office_that_lost_its_keys_folder_comes_back_by_its_root() {
    let world = World::new();
    world.publish("một");
    let alice = world.enrol("Alice").await;
    alice.sync().await.unwrap();
    let address = world.server.addr.to_string();
    world.server.shutdown().await.unwrap();
    drop(world.office);
    let data = world.folder.path().join("office");
    std::fs::remove_dir_all(data.join("keys")).unwrap();
    let error = Office::open(&data).unwrap_err();
    assert_eq!(error.code(), Code::KeyFile);

    Office::renew_online_key(&data, &world.root, None, clock::now()).unwrap();
    let (office, _server) = start(&data, &address);

    alice.sync().await.unwrap();
    act(&alice).await;
    assert_eq!(alice.sync().await.unwrap().accepted, 1);
    office.verify_log().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_office_restored_from_before_a_renewal_is_believed_again_after_the_next_one() {
    let world = World::new();
    world.publish("một");
    let alice = world.enrol("Alice").await;
    alice.sync().await.unwrap();
    let address = world.server.addr.to_string();
    world.server.shutdown().await.unwrap();
    drop(world.office);
    let (data, copy) = (
        world.folder.path().join("office"),
        world.folder.path().join("copy"),
    );
    copy_folder(&data, &copy);
    Office::renew_online_key(&data, &world.root, None, clock::now()).unwrap();
    let (office, server) = start(&data, &address);
    act(&alice).await;
    alice.sync().await.unwrap();
    server.shutdown().await.unwrap();
    drop(office);

    // A thief of the old key could do the same: the device takes no word of a key that was replaced.
    let (office, server) = start(&copy, &address);
    let error = alice.sync().await.unwrap_err();
    assert_eq!(error.code(), Code::OfficeCertificate);
    server.shutdown().await.unwrap();
    drop(office);
    Office::renew_online_key(&copy, &world.root, None, clock::now()).unwrap();
    let (office, _server) = start(&copy, &address);

    alice.sync().await.unwrap();

    assert_eq!(alice.status().await.unwrap().unsent, 0);
    let exported = office.export(&[], None).unwrap().remove(0);
    assert_eq!(exported["acts"].as_array().unwrap().len(), 1);
    office.verify_log().unwrap();
}

fn copy_folder(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let place = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_folder(&path, &place);
        } else {
            std::fs::copy(&path, &place).unwrap();
        }
    }
}

#[test]
fn an_online_key_signs_nothing_after_its_year() {
    let folder = TempDir::new().unwrap();
    let root = RootKey::draw().unwrap();
    let day = 24 * 60 * 60 * 1000;
    let now = clock::now();
    let office = Office::create(folder.path(), &root, "", Publications::Server, now).unwrap();
    let kh = folder.path().join("kh.toml");
    let text = "id = 'kh-1'\nkind = 'regular_session'\ntitle = 'Kỳ họp'\n";
    std::fs::write(&kh, text).unwrap();
    let import = |at| office.import_files(std::slice::from_ref(&kh), at, |_| {});

    assert!(
        !office
            .keys_status(now.plus_ms(334 * day))
            .unwrap()
            .is_renewal_due()
    );
    assert!(
        office
            .keys_status(now.plus_ms(336 * day))
            .unwrap()
            .is_renewal_due()
    );
    import(now.plus_ms(364 * day)).unwrap();
    let later = now.plus_ms(366 * day);
    assert_eq!(import(later).unwrap_err().code(), Code::OnlineKeyExpired);
    let error = office.tls_config([127, 0, 0, 1].into(), later).unwrap_err();
    assert_eq!(error.code(), Code::OnlineKeyExpired);
    Office::renew_online_key(folder.path(), &root, None, later).unwrap();
    import(later).unwrap();
    office.tls_config([127, 0, 0, 1].into(), later).unwrap();
    office.verify_log().unwrap();
}

#[test]
fn who_signs_publications_is_pinned_by_the_root_and_stays_over_renewals() {
    let folder = TempDir::new().unwrap();
    let (root, now) = (RootKey::draw().unwrap(), clock::now());
    let publishes = |office: &Office| office.keys_status(now).unwrap().online.publishes;
    let office = Office::create(folder.path(), &root, "", Publications::Secretary, now).unwrap();
    assert!(!publishes(&office));
    Office::renew_online_key(folder.path(), &root, None, now).unwrap();
    assert!(!publishes(&office));
    let server = Some(Publications::Server);
    Office::renew_online_key(folder.path(), &root, server, now).unwrap();
    assert!(publishes(&office));
    let again = Office::create(folder.path(), &root, "", Publications::Server, now);
    assert_eq!(again.unwrap_err().code(), Code::OfficeExists);
}

#[test]
fn another_offices_root_renews_and_issues_nothing() {
    let folder = TempDir::new().unwrap();
    let (root, other) = (RootKey::draw().unwrap(), RootKey::draw().unwrap());
    let office = Office::open_or_create(folder.path(), &root).unwrap();
    let now = clock::now();
    let before = office.keys_status(now).unwrap().online;
    let failed = [
        Office::renew_online_key(folder.path(), &other, None, now).unwrap_err(),
        Office::succeed_root(folder.path(), &other, &root, "", now).unwrap_err(),
        office
            .issue_publication_key(&other, "Thư ký", now)
            .unwrap_err(),
    ];
    assert!(failed.iter().all(|error| error.code() == Code::KeyFile));
    assert_eq!(office.keys_status(now).unwrap().online, before);
    let signer = office
        .issue_publication_key(&root, "Thư ký 1", now)
        .unwrap();
    assert_eq!(signer.key().log, office.log());
}

#[test]
fn a_renewal_killed_before_or_after_its_commit_leaves_an_office_that_opens() {
    let folder = TempDir::new().unwrap();
    let root = RootKey::draw().unwrap();
    let office = Office::open_or_create(folder.path(), &root).unwrap();
    drop(office);
    let key = folder.path().join("keys/online.key");
    let next = folder.path().join("keys/online-next.key");
    let before = std::fs::read(&key).unwrap();
    // Before: the new key lies beside the old one, and the database names the old one.
    let stray = std::fs::read_to_string(&key).unwrap().replace('A', "B");
    std::fs::write(&next, stray).unwrap();
    Office::open(folder.path()).unwrap().verify_log().unwrap();
    // After: the database names the new one, which has not taken its place.
    Office::renew_online_key(folder.path(), &root, None, clock::now()).unwrap();
    std::fs::rename(&key, &next).unwrap();
    std::fs::write(&key, &before).unwrap();

    let office = Office::open(folder.path()).unwrap();

    assert_eq!(office.verify_log().unwrap(), 2);
    assert!(!next.exists());
    assert_ne!(std::fs::read(&key).unwrap(), before);
}

#[test]
fn a_root_file_that_was_lost_comes_back_from_paper_under_another_passphrase() {
    let folder = TempDir::new().unwrap();
    let root = RootKey::draw().unwrap();
    Office::open_or_create(&folder.path().join("office"), &root).unwrap();
    let paper = root.paper("HĐND", clock::now(), nghisu_core::Language::Vietnamese);
    drop(root);

    let passphrase = Passphrase::new("câu khác cho tệp mới");
    let path = folder.path().join("root.key");
    RootKey::from_paper(&paper)
        .unwrap()
        .save(&path, &passphrase)
        .unwrap();
    let root = RootKey::open(&path, &passphrase).unwrap();

    let data = folder.path().join("office");
    Office::renew_online_key(&data, &root, None, clock::now()).unwrap();
    let error = RootKey::open(&path, &Passphrase::new("câu cũ đã quên mất")).unwrap_err();
    assert_eq!(error.code(), Code::PassphraseWrong);
}
