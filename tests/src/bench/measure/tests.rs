use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned,
    crypto::ring,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};

use super::*;

/// Answers each connection once: reads `up` bytes, writes `down`.
fn serve(config: Option<Arc<ServerConfig>>, up: usize, down: usize) -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut socket in listener.incoming().flatten() {
            match &config {
                None => talk(&mut socket, down, up, false),
                Some(config) => {
                    let connection = ServerConnection::new(Arc::clone(config)).unwrap();
                    let mut stream = StreamOwned::new(connection, socket);
                    talk(&mut stream, down, up, false);
                    stream.conn.send_close_notify();
                    let _ = stream.flush();
                }
            }
        }
    });
    address
}

fn talk(stream: &mut (impl Read + Write), writes: usize, reads: usize, first: bool) {
    let mut read = vec![0; reads];
    if !first {
        stream.read_exact(&mut read).unwrap();
    }
    stream.write_all(&vec![7; writes]).unwrap();
    stream.flush().unwrap();
    if first {
        stream.read_exact(&mut read).unwrap();
    }
}

#[test]
fn bytes_are_counted_within_tls_as_they_are_without() {
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der());
    let provider = Arc::new(ring::default_provider());
    let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certified.cert.der().clone()],
            PrivateKeyDer::Pkcs8(key),
        )
        .unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certified.cert.der().clone()).unwrap();
    let client = Arc::new(
        ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth(),
    );
    let (up, down) = (70_001, 123_457);
    let relay = Relay::to(serve(Some(Arc::new(server)), up, down), Layer::Tls).unwrap();
    let port = relay.port().unwrap();
    // The second connection takes the first one's session up again.
    for _ in 0..2 {
        let socket = TcpStream::connect(port.address).unwrap();
        let name = "localhost".try_into().unwrap();
        let connection = ClientConnection::new(Arc::clone(&client), name).unwrap();
        let mut stream = StreamOwned::new(connection, socket);
        talk(&mut stream, up, down, true);
        let _ = stream.read(&mut [0]);
    }
    let sealed = port.counted();
    let (up, down) = (2 * up as u64, 2 * down as u64);
    assert_eq!((sealed.up, sealed.down, sealed.connections), (up, down, 2));
    assert!(sealed.tls > 1_000, "{sealed:?}");
}

#[test]
fn without_tls_every_byte_counts_and_each_port_for_itself() {
    let relay = Relay::to(serve(None, 10, 20), Layer::Plain).unwrap();
    let ports = [relay.port().unwrap(), relay.port().unwrap()];
    for (port, times) in ports.iter().zip([1, 3]) {
        for _ in 0..times {
            let mut stream = TcpStream::connect(port.address).unwrap();
            talk(&mut stream, 10, 20, true);
        }
        let counted = port.counted();
        assert_eq!((counted.up, counted.down), (10 * times, 20 * times));
        assert_eq!((counted.tls, counted.connections), (0, times));
        assert_eq!(counted.payload(), 30 * times);
    }
    ports[0].reset();
    assert_eq!(ports[0].counted(), Counted::default());
}

#[test]
fn what_this_process_works_and_holds_is_seen() {
    let own = std::process::id();
    let (before, begun) = (cpu_ms(own).unwrap(), Instant::now());
    let mut held = vec![0_u8; 1];
    while begun.elapsed() < Duration::from_millis(50) {
        held = vec![held[0].wrapping_add(1); 64 << 20];
    }
    let peak = peak_mib(own).unwrap();
    assert!(
        cpu_ms(own).unwrap() > before + 10.0,
        "{held:?}",
        held = held[0]
    );
    assert!(peak > 64.0, "{peak}");
    assert!(cpu_ms(u32::MAX).is_err());
}
