//! A cable between a device and an office: it counts, keeps what passes, and can be cut.

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Instant,
};

/// What passed, and when.
#[derive(Debug, Default, Clone)]
pub struct Passed {
    /// Bytes from the device.
    pub up: Vec<u8>,
    /// Bytes from the office.
    pub down: Vec<u8>,
    /// When the newest byte from the device was handed on.
    pub up_at: Option<Instant>,
    /// When the newest byte from the office was handed on.
    pub down_at: Option<Instant>,
}

/// A relay on a port of its own.
#[derive(Debug)]
pub struct Link {
    address: SocketAddr,
    passed: Arc<Mutex<Passed>>,
    up: Arc<AtomicBool>,
}

impl Link {
    /// Lays a cable to the office at `office`.
    pub fn to(office: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port can be had");
        let address = listener.local_addr().expect("a listener has an address");
        let link = Self {
            address,
            passed: Arc::default(),
            up: Arc::new(AtomicBool::new(true)),
        };
        let (office, passed, up) = (
            office.to_owned(),
            Arc::clone(&link.passed),
            Arc::clone(&link.up),
        );
        thread::spawn(move || {
            for device in listener.incoming().flatten() {
                if !up.load(Ordering::SeqCst) {
                    continue;
                }
                if let Ok(office) = TcpStream::connect(&office) {
                    relay(&device, &office, &passed);
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
        self.up.store(up, Ordering::SeqCst);
    }

    /// Returns what has passed so far.
    pub fn passed(&self) -> Passed {
        self.lock().clone()
    }

    /// Looks at what has passed so far.
    pub fn look<T>(&self, look: impl FnOnce(&Passed) -> T) -> T {
        look(&self.lock())
    }

    /// Forgets what has passed.
    pub fn forget(&self) {
        *self.lock() = Passed::default();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Passed> {
        self.passed.lock().expect("no holder of the lock panics")
    }
}

fn relay(device: &TcpStream, office: &TcpStream, passed: &Arc<Mutex<Passed>>) {
    for (from, to, upwards) in [(device, office, true), (office, device, false)] {
        let (Ok(mut from), Ok(mut to)) = (from.try_clone(), to.try_clone()) else {
            return;
        };
        let passed = Arc::clone(passed);
        thread::spawn(move || {
            let mut buffer = [0; 16 << 10];
            while let Ok(count @ 1..) = from.read(&mut buffer) {
                let handed_on = to.write_all(&buffer[..count]).is_ok();
                let mut passed = passed.lock().expect("no holder of the lock panics");
                if upwards {
                    passed.up.extend(&buffer[..count]);
                    passed.up_at = Some(Instant::now());
                } else {
                    passed.down.extend(&buffer[..count]);
                    passed.down_at = Some(Instant::now());
                }
                drop(passed);
                if !handed_on {
                    break;
                }
            }
            // Either side may have closed already.
            let _ = to.shutdown(Shutdown::Both);
            let _ = from.shutdown(Shutdown::Both);
        });
    }
}
