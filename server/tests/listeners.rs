//! What five hundred devices that listen cost an office, which runs as a program of its own.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "the helpers of the tests are tests too")]

#[path = "support/device.rs"]
mod device;

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use data_encoding::BASE64URL_NOPAD;
use device::numbered;
use nghisu_core::{
    sync::wire::{Reply, RequestBody},
    trust::decide::Role,
};
use nghisu_server::{Office, RootKey, clock};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use tempfile::TempDir;
use tokio::time::Instant;

const LISTENERS: usize = 500;
/// No test waits longer for what must happen.
const PATIENCE: Duration = Duration::from_secs(60);

struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Serving {
    fn start(folder: &std::path::Path, port: u16) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_nghisu"))
            .args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--data"])
            .arg(folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let serving = Self(child);
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begun.elapsed() < PATIENCE, "the office does not listen");
            std::thread::yield_now();
        }
        serving
    }

    /// Bytes of memory that it holds.
    fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let kib: u64 = line
            .unwrap()
            .split_whitespace()
            .nth(1)
            .unwrap()
            .parse()
            .unwrap();
        kib * 1024
    }

    /// Milliseconds of processor time that it has used.
    fn processor_ms(&self) -> u64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0.id())).unwrap();
        let after = stat.rsplit_once(')').unwrap().1;
        let field = |n: usize| -> u64 { after.split_whitespace().nth(n).unwrap().parse().unwrap() };
        // In hundredths of a second on every Linux that there is.
        (field(11) + field(12)) * 10
    }
}

/// The office's certificate is not what this is about.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

type Heard = BufReader<StreamOwned<ClientConnection, TcpStream>>;

fn listen(config: &Arc<ClientConfig>, port: u16, token: &[u8]) -> Heard {
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let tls = ClientConnection::new(Arc::clone(config), name).unwrap();
    let mut stream = StreamOwned::new(tls, stream);
    let token = BASE64URL_NOPAD.encode(token);
    let head =
        format!("GET /v1/pokes HTTP/1.1\r\nHost: office\r\nAuthorization: Bearer {token}\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    BufReader::new(stream)
}

/// Returns the next number that is said.
fn next(heard: &mut Heard) -> u64 {
    let mut line = String::new();
    loop {
        line.clear();
        assert_ne!(heard.read_line(&mut line).unwrap(), 0, "the end");
        if let Some(seq) = line.strip_prefix("data: ") {
            return seq.trim().parse().unwrap();
        }
    }
}

#[test]
fn five_hundred_devices_that_listen_cost_little_and_all_hear_of_a_publication() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("office");
    let office = Office::open_or_create(&data, &RootKey::draw().unwrap()).unwrap();
    let mut tokens = Vec::new();
    for n in 0..LISTENERS {
        let name = format!("Đại biểu {n}");
        let person = office.add_person(&name, Role::Delegate).unwrap();
        let request = numbered(&office, person.id, n).request(&RequestBody::default());
        let reply = office.sync(&request, clock::now()).unwrap();
        let Reply::Synced(synced) = Reply::decode(&reply).unwrap() else {
            panic!("not carried out");
        };
        tokens.push(synced.read_token);
    }
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let serving = Serving::start(&data, port);
    let provider = Arc::new(ring::default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody(provider)))
        .with_no_client_auth();
    let config = Arc::new(config);
    let memory = serving.memory();

    let mut listeners: Vec<_> = tokens
        .iter()
        .map(|token| listen(&config, port, token))
        .collect();
    for heard in &mut listeners {
        next(heard);
    }

    let each = (serving.memory().saturating_sub(memory)) / LISTENERS as u64;
    let file = folder.path().join("m.toml");
    fs::write(&file, "id = 'a'\nkind = 'regular_session'\ntitle = 'A'\n").unwrap();
    office.import_files(&[file], clock::now(), |_| {}).unwrap();
    let poked_from = serving.processor_ms();
    let begun = Instant::now();
    office.publish(None, "", clock::now()).unwrap();
    for heard in &mut listeners {
        next(heard);
    }
    let (took, poked) = (begun.elapsed(), serving.processor_ms() - poked_from);
    println!(
        "{LISTENERS} listeners over TLS: {} KiB each; \
         all heard of a publication within {took:?}, {poked} ms of processor",
        each / 1024
    );
    assert!(each < 128 << 10, "{each} bytes each");
    let mut rest = [0; 1];
    let first = listeners[0].get_mut();
    first.sock.set_nonblocking(true).unwrap();
    assert!(first.read(&mut rest).is_err(), "nobody is let go");
}
