//! What the operating system says of a process, and what crosses a socket.

use std::{
    fs, io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    runtime::Runtime,
};

/// Ticks of the CPU clock in a second, as Linux tells them to programs on every platform that it has.
const TICKS_PER_S: f64 = 100.0;

/// Returns the CPU time that a process has used, user and system, in milliseconds.
///
/// The sum over its threads is exact to the nanosecond and lacks threads that have ended; the sum for
/// the process has those and counts in ticks of 10 ms, rounded down. The larger of both is returned.
///
/// # Errors
/// If the process is gone.
pub fn cpu_ms(pid: u32) -> io::Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let malformed = || io::Error::new(io::ErrorKind::InvalidData, "/proc/PID/stat");
    // The name in brackets may hold anything; what is wanted stands behind it.
    let (_, fields) = stat.rsplit_once(')').ok_or_else(malformed)?;
    let ticks: Option<f64> = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|ticks| ticks.parse::<f64>().ok())
        .sum();
    let whole = ticks.ok_or_else(malformed)? * 1000.0 / TICKS_PER_S;
    Ok(whole.max(threads_ms(pid).unwrap_or_default()))
}

/// The CPU time of the threads that are there, where the kernel tells it.
fn threads_ms(pid: u32) -> Option<f64> {
    let mut ns = 0.0;
    for thread in fs::read_dir(format!("/proc/{pid}/task")).ok()? {
        // A thread may end while it is looked at.
        let Ok(line) = fs::read_to_string(thread.ok()?.path().join("schedstat")) else {
            continue;
        };
        ns += line.split_whitespace().next()?.parse::<f64>().ok()?;
    }
    Some(ns / 1e6)
}

/// Returns the largest resident memory that a process has had since its start, or since
/// [`reset_peak`], in MiB.
///
/// # Errors
/// If the process is gone.
pub fn peak_mib(pid: u32) -> io::Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let kib = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next())
        .and_then(|kib| kib.parse::<f64>().ok());
    kib.map(|kib| kib / 1024.0)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "/proc/PID/status"))
}

/// Lets the largest resident memory of a process count from now on.
///
/// # Errors
/// If that is not permitted.
pub fn reset_peak(pid: u32) -> io::Result<()> {
    fs::write(format!("/proc/{pid}/clear_refs"), "5")
}

/// What lies beneath HTTP or WebSocket on a cable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    /// Nothing: every byte counts as payload.
    Plain,
    /// TLS 1.3 without client certificates, whose server sends its tickets in one record: what is
    /// within the records counts as payload, handshake and record overhead as TLS.
    Tls,
}

/// What crossed a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counted {
    /// Connections that came about.
    pub connections: u64,
    /// Bytes of payload from the device.
    pub up: u64,
    /// Bytes of payload to the device.
    pub down: u64,
    /// Handshake, record headers, authentication codes, alerts: both ways.
    pub tls: u64,
}

impl Counted {
    /// Bytes of payload, both ways.
    pub const fn payload(&self) -> u64 {
        self.up + self.down
    }
}

/// A relay that counts at the socket what crosses it. It stops when dropped.
#[derive(Debug)]
pub struct Relay {
    runtime: Option<Runtime>,
    server: SocketAddr,
    layer: Layer,
}

/// An address of a relay with a count of its own.
#[derive(Debug, Clone)]
pub struct Port {
    /// Where to connect to.
    pub address: SocketAddr,
    counted: Arc<Mutex<Counted>>,
}

impl Relay {
    /// Begins a relay to `server`.
    ///
    /// # Errors
    /// If no thread can be had.
    pub fn to(server: SocketAddr, layer: Layer) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_io()
            .build()?;
        Ok(Self {
            runtime: Some(runtime),
            server,
            layer,
        })
    }

    /// Opens a port that counts for itself: one for each device, for example.
    ///
    /// # Errors
    /// If no port is free.
    pub fn port(&self) -> io::Result<Port> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let port = Port {
            address: listener.local_addr()?,
            counted: Arc::default(),
        };
        let Some(runtime) = &self.runtime else {
            return Ok(port);
        };
        let (server, layer, counted) = (self.server, self.layer, Arc::clone(&port.counted));
        let _entered = runtime.enter();
        let listener = TcpListener::from_std(listener)?;
        runtime.spawn(async move {
            while let Ok((device, _)) = listener.accept().await {
                let counted = Arc::clone(&counted);
                tokio::spawn(async move {
                    if let Ok(server) = TcpStream::connect(server).await {
                        relay(device, server, layer, &counted).await;
                    }
                });
            }
        });
        Ok(port)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        // Where the last owner is itself a task, nothing may be waited for.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Port {
    /// Returns what has crossed so far. What comes down is counted before the device has it.
    pub fn counted(&self) -> Counted {
        *lock(&self.counted)
    }

    /// Counts from zero again. Connections that stand go on being counted.
    pub fn reset(&self) {
        *lock(&self.counted) = Counted::default();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn relay(device: TcpStream, server: TcpStream, layer: Layer, counted: &Mutex<Counted>) {
    for stream in [&device, &server] {
        // Without it what passes is the same, only later.
        let _ = stream.set_nodelay(true);
    }
    lock(counted).connections += 1;
    let seen = Mutex::new(Handshake::default());
    let (device_reads, device_writes) = device.into_split();
    let (server_reads, server_writes) = server.into_split();
    let up = Side::new(true, layer, counted, &seen);
    let down = Side::new(false, layer, counted, &seen);
    tokio::join!(
        up.pump(device_reads, server_writes),
        down.pump(server_reads, device_writes),
    );
}

/// How far the handshake of a connection has come.
#[derive(Debug, Default)]
struct Handshake {
    /// The device has sent its last message.
    finished: bool,
    /// The server has sent its tickets.
    ticketed: bool,
}

/// One direction of a connection.
struct Side<'a> {
    up: bool,
    layer: Layer,
    counted: &'a Mutex<Counted>,
    handshake: &'a Mutex<Handshake>,
    head: Vec<u8>,
    /// Bytes of the present record that are still to come.
    left: usize,
}

/// Bytes of a record's header.
const HEADER: usize = 5;
/// Bytes in a record beside what it carries: the kind and the authentication code.
const SEALED: usize = 17;
/// The kind of a record of TLS 1.3 that is encrypted, whatever is within.
const APPLICATION_DATA: u8 = 23;
/// An alert, which also ends a connection: two bytes.
const ALERT: usize = 2;

impl<'a> Side<'a> {
    const fn new(
        up: bool,
        layer: Layer,
        counted: &'a Mutex<Counted>,
        handshake: &'a Mutex<Handshake>,
    ) -> Self {
        Self {
            up,
            layer,
            counted,
            handshake,
            head: Vec::new(),
            left: 0,
        }
    }

    async fn pump(mut self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(count @ 1..) = from.read(&mut buffer).await {
            self.count(&buffer[..count]);
            if to.write_all(&buffer[..count]).await.is_err() {
                break;
            }
        }
        // The other side may have closed already.
        let _ = to.shutdown().await;
    }

    fn count(&mut self, mut bytes: &[u8]) {
        if self.layer == Layer::Plain {
            return self.add(bytes.len(), 0);
        }
        while !bytes.is_empty() {
            if self.left > 0 {
                let within = self.left.min(bytes.len());
                self.left -= within;
                bytes = &bytes[within..];
                continue;
            }
            let wanted = (HEADER - self.head.len()).min(bytes.len());
            self.head.extend_from_slice(&bytes[..wanted]);
            bytes = &bytes[wanted..];
            if let &[kind, _, _, high, low] = self.head.as_slice() {
                self.left = usize::from(u16::from_be_bytes([high, low]));
                self.head.clear();
                self.begin(kind, self.left);
            }
        }
    }

    /// Counts a record when its header is there: before anybody has the whole of it.
    fn begin(&self, kind: u8, length: usize) {
        let carries = length.saturating_sub(SEALED);
        let payload = if kind == APPLICATION_DATA && carries != ALERT && self.is_past_handshake() {
            carries
        } else {
            0
        };
        self.add(payload, HEADER + length - payload);
    }

    /// Says whether an encrypted record carries what the application says.
    fn is_past_handshake(&self) -> bool {
        let mut handshake = lock(self.handshake);
        let passed = if self.up {
            &mut handshake.finished
        } else if handshake.finished {
            &mut handshake.ticketed
        } else {
            return false;
        };
        std::mem::replace(passed, true)
    }

    fn add(&self, payload: usize, tls: usize) {
        let mut counted = lock(self.counted);
        if self.up {
            counted.up += payload as u64;
        } else {
            counted.down += payload as u64;
        }
        counted.tls += tls as u64;
    }
}

#[cfg(test)]
mod tests;
