//! An office behind a proxy that shows a certificate of a public authority.

#![expect(clippy::unwrap_used, reason = "the helpers of the tests are tests too")]

use std::{
    net::{SocketAddr, TcpListener},
    path::Path,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::{Bytes, to_bytes},
    extract::Request,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use axum_server::{Handle, tls_rustls::RustlsConfig};
use nghisu_core::{
    Code, Result,
    client::{Client, Config},
    store::NoteTarget,
    trust::{decide::Role, enrol::Address},
};
use nghisu_server::{Office, RootKey, Server, ServerHandle, clock, office::Confirmation};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// An authority that vouches for who owns a name.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self {
            pem,
            issuer: Issuer::new(params, key),
        }
    }

    fn tls_for(&self, name: &str) -> RustlsConfig {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        let leaf = params.signed_by(&key, &self.issuer).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let secret = PrivatePkcs8KeyDer::from(key.serialize_der());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], PrivateKeyDer::Pkcs8(secret))
            .unwrap();
        RustlsConfig::from_config(Arc::new(config))
    }
}

/// What stands behind a proxy.
#[derive(Clone, Copy)]
enum Behind {
    /// A server that speaks HTTP.
    Server(SocketAddr),
    /// The page of a network that wants a login.
    SignInPage,
    /// A web server that knows nothing of offices.
    WebServer,
}

/// A proxy that ends TLS and notes all that it is told.
struct Proxy {
    addr: SocketAddr,
    tls: RustlsConfig,
    heard: Arc<Mutex<Vec<(String, Bytes)>>>,
}

impl Proxy {
    fn start(tls: RustlsConfig, behind: Behind) -> Self {
        let heard: Arc<Mutex<Vec<_>>> = Arc::default();
        let noted = Arc::clone(&heard);
        let app = Router::new().fallback(move |request: Request| {
            let noted = Arc::clone(&noted);
            async move {
                let line = format!("{} {}", request.method(), request.uri());
                let (parts, body) = request.into_parts();
                let body = to_bytes(body, 1 << 24).await.unwrap();
                noted.lock().unwrap().push((line, body.clone()));
                match behind {
                    Behind::Server(addr) => pass_on(addr, parts, body).await,
                    Behind::SignInPage => {
                        let to = [(header::LOCATION, "https://portal.example/login")];
                        (StatusCode::FOUND, to).into_response()
                    }
                    Behind::WebServer => "<html>It works!</html>".into_response(),
                }
            }
        });
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let addr = listener.local_addr().unwrap();
        let server = axum_server::from_tcp_rustls(listener, tls.clone()).unwrap();
        let handle: Handle<SocketAddr> = Handle::new();
        tokio::spawn(server.handle(handle).serve(app.into_make_service()));
        Self { addr, tls, heard }
    }

    fn address(&self) -> Address {
        Address {
            authority: format!("localhost:{}", self.addr.port()),
            tls: true,
        }
    }

    /// Returns what was asked, without what was asked for.
    fn asked(&self) -> Vec<String> {
        let heard = self.heard.lock().unwrap();
        let path = |line: &String| line.split('?').next().unwrap_or_default().to_owned();
        heard.iter().map(|(line, _)| path(line)).collect()
    }

    fn bodies(&self) -> Vec<u8> {
        let heard = self.heard.lock().unwrap();
        heard.iter().flat_map(|(_, body)| body.to_vec()).collect()
    }
}

async fn pass_on(addr: SocketAddr, parts: axum::http::request::Parts, body: Bytes) -> Response {
    // HTTP/1.0: the answer ends where the connection ends.
    let mut head = format!("{} {} HTTP/1.0\r\n", parts.method, parts.uri);
    for name in [header::CONTENT_TYPE, header::AUTHORIZATION, header::RANGE] {
        if let Some(value) = parts.headers.get(&name) {
            head.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap()));
        }
    }
    head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&body).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let end = answer
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap();
    let body = answer.split_off(end + 4);
    let head = String::from_utf8(answer).unwrap().to_ascii_lowercase();
    let status: u16 = head.split(' ').nth(1).unwrap().parse().unwrap();
    let kind = head
        .lines()
        .find_map(|line| line.strip_prefix("content-type: "));
    let kind = HeaderValue::from_str(kind.unwrap_or("application/octet-stream")).unwrap();
    let status = StatusCode::from_u16(status).unwrap();
    (status, [(header::CONTENT_TYPE, kind)], body).into_response()
}

/// An office that speaks HTTP to a proxy on its machine.
struct Running {
    folder: TempDir,
    office: Arc<Office>,
    server: ServerHandle,
}

impl Running {
    fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let root = RootKey::draw().unwrap();
        let data = folder.path().join("office");
        let office = Arc::new(Office::open_or_create(&data, &root).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Server::start(Arc::clone(&office), listener, false).unwrap();
        Self {
            folder,
            office,
            server,
        }
    }

    fn behind(&self) -> Behind {
        Behind::Server(self.server.addr)
    }

    fn invitation(&self, name: &str, address: Address) -> String {
        let person = self.office.add_person(name, Role::Delegate).unwrap();
        let (at_once, now) = (Confirmation::AtOnce, clock::now());
        self.office
            .invite(person.id, address, at_once, 60_000, now)
            .unwrap()
            .to_string()
    }

    fn publish(&self) {
        let file = self.folder.path().join("kh.toml");
        std::fs::write(self.folder.path().join("p1.pdf"), vec![b'x'; 70_000]).unwrap();
        let text = "id = 'kh-1'\nkind = 'regular_session'\ntitle = 'Kỳ họp'\n\
                    [[paper]]\nid = 'p1'\ntitle = 'Tờ trình'\nfile = 'p1.pdf'\n\
                    [[item]]\nid = 'i1'\ntitle = 'Khai mạc'\npapers = ['p1']\n";
        std::fs::write(&file, text).unwrap();
        let now = clock::now();
        self.office.import_files(&[file], now, |_| {}).unwrap();
        self.office.publish(None, "", now).unwrap();
    }
}

async fn device(folder: &Path, name: &str, authority: &Authority) -> Client {
    let config = Config {
        authorities: vec![authority.pem.clone()],
        ..Config::new(folder.join(name), "máy")
    };
    Client::open(config).await.unwrap()
}

fn code<T>(result: Result<T>) -> Code {
    result.err().unwrap().code()
}

/// The code of an invitation, as it would travel.
fn secret(invitation: &str) -> Vec<u8> {
    let invitation: nghisu_core::trust::enrol::Invitation = invitation.parse().unwrap();
    invitation.code.to_vec()
}

fn holds(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|part| part == needle)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_right_office_behind_a_public_certificate_is_enrolled_at_and_synced_with() {
    let (office, authority) = (Running::start(), Authority::new());
    office.publish();
    let proxy = Proxy::start(authority.tls_for("localhost"), office.behind());
    let invitation = office.invitation("Alice", proxy.address());
    let alice = device(office.folder.path(), "alice", &authority).await;

    alice.enrol(&invitation).await.unwrap();
    alice.sync().await.unwrap();
    let papers = alice.fetch_papers(|_, _| {}).await.unwrap();

    assert_eq!(alice.meetings().await.unwrap().len(), 1);
    assert_eq!(papers.files, 1);
    let asked = proxy.asked();
    assert_eq!(asked[..2], ["GET /v1/office", "POST /v1/enrol"]);
    let questions = asked.iter().filter(|line| *line == "GET /v1/office");
    assert_eq!(questions.count(), 1, "{asked:?}");
    // The instrument sees what is told.
    assert!(holds(&proxy.bodies(), &secret(&invitation)));

    // Another certificate of the same authority has to show again that it is the office's.
    proxy
        .tls
        .reload_from_config(authority.tls_for("localhost").get_inner());
    alice.shut_down().await;
    let alice = device(office.folder.path(), "alice", &authority).await;
    alice.sync().await.unwrap();
    let last: Vec<_> = proxy.asked().into_iter().rev().take(2).collect();
    assert_eq!(last, ["POST /v1/sync", "GET /v1/office"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_office_behind_a_public_certificate_learns_neither_code_nor_envelope() {
    let (office, other, authority) = (Running::start(), Running::start(), Authority::new());
    let right = Proxy::start(authority.tls_for("localhost"), office.behind());
    let wrong = Proxy::start(authority.tls_for("localhost"), other.behind());
    let invitation = office.invitation("Alice", wrong.address());
    let alice = device(office.folder.path(), "alice", &authority).await;

    assert_eq!(
        code(alice.enrol(&invitation).await),
        Code::OfficeCertificate
    );
    assert_eq!(wrong.asked(), ["GET /v1/office"]);
    assert!(!holds(&wrong.bodies(), &secret(&invitation)));

    // A device that is enrolled and has something to hand in.
    let bob = device(office.folder.path(), "bob", &authority).await;
    let invitation = office.invitation("Bob", right.address());
    bob.enrol(&invitation).await.unwrap();
    bob.create_note(NoteTarget::default(), "kín").await.unwrap();
    bob.move_office(wrong.address()).await.unwrap();
    assert_eq!(code(bob.sync().await), Code::OfficeCertificate);
    assert!(wrong.asked().iter().all(|line| line == "GET /v1/office"));
    assert!(wrong.bodies().is_empty());
    bob.move_office(right.address()).await.unwrap();
    assert!(bob.sync().await.unwrap().accepted > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_web_server_or_a_sign_in_page_with_a_public_certificate_is_named_and_told_nothing() {
    let (office, authority) = (Running::start(), Authority::new());
    for (number, behind) in [Behind::WebServer, Behind::SignInPage]
        .into_iter()
        .enumerate()
    {
        let proxy = Proxy::start(authority.tls_for("localhost"), behind);
        let name = format!("Person {number}");
        let invitation = office.invitation(&name, proxy.address());
        let alice = device(office.folder.path(), &name, &authority).await;

        let error = alice.enrol(&invitation).await.unwrap_err();

        assert_eq!(error.code(), Code::NotAnOffice);
        for language in [
            nghisu_core::Language::Vietnamese,
            nghisu_core::Language::English,
        ] {
            assert!(error.text(language).contains("localhost"));
        }
        assert_eq!(proxy.asked(), ["GET /v1/office"]);
        assert!(proxy.bodies().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rogue_certificate_hears_nothing_at_all() {
    let (office, authority) = (Running::start(), Authority::new());
    let nobodys = Authority::new();
    for (number, tls) in [
        nobodys.tls_for("localhost"),
        authority.tls_for("elsewhere.example"),
    ]
    .into_iter()
    .enumerate()
    {
        let proxy = Proxy::start(tls, office.behind());
        let name = format!("Person {number}");
        let invitation = office.invitation(&name, proxy.address());
        let alice = device(office.folder.path(), &name, &authority).await;

        assert_eq!(
            code(alice.enrol(&invitation).await),
            Code::OfficeCertificate
        );
        assert!(proxy.asked().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_certificate_is_no_authority() {
    let folder = TempDir::new().unwrap();
    for pem in [
        "",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ] {
        let config = Config {
            authorities: vec![pem.to_owned()],
            ..Config::new(folder.path(), "máy")
        };
        assert_eq!(code(Client::open(config).await), Code::Malformed);
    }
}
