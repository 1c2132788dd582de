//! A cable between a device and an office: it counts, keeps what passes, and can be cut.

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// What passed, and when.
#[derive(Debug, Default, Clone)]
pub struct Passed {
    /// Bytes from the device.
    pub up: Vec<u8>,
    /// Bytes from the office.
    pub down: Vec<u8>,
    /// When the first byte from the device came.
    pub up_began_at: Option<Instant>,
    /// When the newest byte from the device was handed on.
    pub up_at: Option<Instant>,
    /// When the first byte from the office came.
    pub down_began_at: Option<Instant>,
    /// When the newest byte from the office was handed on.
    pub down_at: Option<Instant>,
}

/// A message of HTTP/1.1 as it passed.
#[derive(Debug, Clone)]
pub struct Message {
    /// The head, from its first line to the empty one.
    pub head: String,
    /// The body.
    pub body: Vec<u8>,
}

/// Reads the messages that passed in full without TLS. What follows them, if anything does, is the
/// beginning of one that has not; the second value says how many bytes of it there are.
///
/// # Panics
/// If the bytes are no messages with a `content-length`.
pub fn messages(mut bytes: &[u8]) -> (Vec<Message>, usize) {
    let mut messages = Vec::new();
    while let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
        let (head, rest) = bytes.split_at(end + 4);
        let head = String::from_utf8(head.to_vec()).expect("a head is text");
        let length = head
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .map_or(0, |(_, value)| {
                value.trim().parse().expect("a length is a number")
            });
        let Some(body) = rest.get(..length) else {
            break;
        };
        bytes = &rest[length..];
        messages.push(Message {
            head,
            body: body.to_vec(),
        });
    }
    (messages, bytes.len())
}

/// A relay on a port of its own.
#[derive(Debug)]
pub struct Link {
    address: SocketAddr,
    cable: Arc<Cable>,
}

#[derive(Debug, Default)]
struct Cable {
    passed: Mutex<Passed>,
    more: Condvar,
    down: AtomicBool,
    /// How many bytes at a time the office is handed; 0 stands for as many as there are.
    piece: AtomicUsize,
    /// How many bytes from the office the connection passes that uses them up.
    left: Mutex<Option<usize>>,
}

impl Link {
    /// Lays a cable to the office at `office`.
    pub fn to(office: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port can be had");
        let address = listener.local_addr().expect("a listener has an address");
        let cable = Arc::new(Cable::default());
        let link = Self {
            address,
            cable: Arc::clone(&cable),
        };
        let office = office.to_owned();
        thread::spawn(move || {
            for device in listener.incoming().flatten() {
                if cable.down.load(Ordering::SeqCst) {
                    continue;
                }
                if let Ok(office) = TcpStream::connect(&office) {
                    relay(&device, &office, &cable);
                }
            }
        });
        link
    }

    /// Returns the address at which devices reach the office.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Cuts the cable for new connections, or joins it again.
    pub fn set_up(&self, up: bool) {
        self.cable.down.store(!up, Ordering::SeqCst);
    }

    /// Hands the office at most `bytes` at a time from now on.
    pub fn hand_on_in_pieces(&self, bytes: usize) {
        self.cable.piece.store(bytes, Ordering::SeqCst);
    }

    /// Breaks off the connection that brings the byte after the next `bytes` from the office, once.
    pub fn break_after(&self, bytes: usize) {
        *self.cable.left() = Some(bytes);
    }

    /// Returns what has passed so far.
    pub fn passed(&self) -> Passed {
        self.cable.passed().clone()
    }

    /// Looks at what has passed so far.
    pub fn look<T>(&self, look: impl FnOnce(&Passed) -> T) -> T {
        look(&self.cable.passed())
    }

    /// Waits until `until` holds of what has passed, and says whether it came to that in time.
    pub fn wait(&self, max: Duration, mut until: impl FnMut(&Passed) -> bool) -> bool {
        let waited = self
            .cable
            .more
            .wait_timeout_while(self.cable.passed(), max, |passed| !until(passed));
        !waited.expect("no holder of the lock panics").1.timed_out()
    }

    /// Forgets what has passed.
    pub fn forget(&self) {
        *self.cable.passed() = Passed::default();
    }
}

impl Cable {
    fn passed(&self) -> MutexGuard<'_, Passed> {
        self.passed.lock().expect("no holder of the lock panics")
    }

    fn left(&self) -> MutexGuard<'_, Option<usize>> {
        self.left.lock().expect("no holder of the lock panics")
    }

    /// Takes `count` bytes from the office off what is left, and returns how many of them still pass.
    fn take(&self, count: usize) -> usize {
        let mut left = self.left();
        match *left {
            Some(bytes) if bytes < count => {
                *left = None;
                bytes
            }
            Some(bytes) => {
                *left = Some(bytes - count);
                count
            }
            None => count,
        }
    }

    fn begins(&self, upwards: bool) {
        let mut passed = self.passed();
        let began_at = if upwards {
            &mut passed.up_began_at
        } else {
            &mut passed.down_began_at
        };
        began_at.get_or_insert_with(Instant::now);
        drop(passed);
        self.more.notify_all();
    }

    fn note(&self, upwards: bool, bytes: &[u8]) {
        let mut passed = self.passed();
        if upwards {
            passed.up.extend(bytes);
            passed.up_at = Some(Instant::now());
        } else {
            passed.down.extend(bytes);
            passed.down_at = Some(Instant::now());
        }
        drop(passed);
        self.more.notify_all();
    }
}

fn relay(device: &TcpStream, office: &TcpStream, cable: &Arc<Cable>) {
    for stream in [device, office] {
        // Without it what passes is the same, only later.
        let _ = stream.set_nodelay(true);
    }
    for (from, to, upwards) in [(device, office, true), (office, device, false)] {
        let (Ok(mut from), Ok(mut to)) = (from.try_clone(), to.try_clone()) else {
            return;
        };
        let cable = Arc::clone(cable);
        thread::spawn(move || {
            let mut buffer = [0; 16 << 10];
            while let Ok(count @ 1..) = from.read(&mut buffer) {
                cable.begins(upwards);
                let passes = if upwards { count } else { cable.take(count) };
                let piece = match cable.piece.load(Ordering::SeqCst) {
                    bytes @ 1.. if upwards => bytes,
                    _ => passes.max(1),
                };
                let handed_on = buffer[..passes].chunks(piece).all(|piece| {
                    // What comes back is noted before the device has it: once a sync has ended, all
                    // of it is there to be looked at.
                    if !upwards {
                        cable.note(upwards, piece);
                    }
                    let handed_on = to.write_all(piece).is_ok();
                    if upwards {
                        cable.note(upwards, piece);
                    }
                    handed_on
                });
                if !handed_on || passes < count {
                    break;
                }
            }
            // Either side may have closed already.
            let _ = to.shutdown(Shutdown::Both);
            let _ = from.shutdown(Shutdown::Both);
        });
    }
}
