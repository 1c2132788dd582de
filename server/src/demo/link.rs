//! A cable between one device and the office: real sockets, bytes counted, and it can be pulled.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
};

use nghisu_core::{Code, Error, Result};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, tcp},
    sync::watch,
};

/// Bytes and connections that crossed a cable, TLS and HTTP headers included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Count {
    /// Bytes from the device to the office.
    pub(super) up: u64,
    /// Bytes from the office to the device.
    pub(super) down: u64,
    /// Connections opened.
    pub(super) connections: u64,
}

impl Count {
    /// Returns what was counted since `earlier`.
    pub(super) const fn since(self, earlier: Self) -> Self {
        Self {
            up: self.up - earlier.up,
            down: self.down - earlier.down,
            connections: self.connections - earlier.connections,
        }
    }
}

#[derive(Debug, Default)]
struct Shared {
    up: AtomicU64,
    down: AtomicU64,
    connections: AtomicU64,
    plugged: AtomicBool,
}

/// A cable. Pulling it ends every connection on it.
#[derive(Debug)]
pub(super) struct Link {
    address: SocketAddr,
    shared: Arc<Shared>,
    plug: watch::Sender<bool>,
}

impl Link {
    /// Lays a cable to the office at `office`, on a port of its own.
    pub(super) async fn to(office: SocketAddr) -> Result<Self> {
        let failed = |error| Error::new(Code::AddressInvalid, error);
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let shared = Arc::new(Shared {
            plugged: AtomicBool::new(true),
            ..Shared::default()
        });
        let (plug, plugged) = watch::channel(true);
        tokio::spawn(accept(listener, office, Arc::clone(&shared), plugged));
        Ok(Self {
            address,
            shared,
            plug,
        })
    }

    /// Returns the address at which the device finds the office.
    pub(super) fn authority(&self) -> String {
        self.address.to_string()
    }

    /// Pulls the cable or plugs it in.
    pub(super) fn set_plugged(&self, plugged: bool) {
        self.shared.plugged.store(plugged, Relaxed);
        self.plug.send_replace(plugged);
    }

    /// Returns what has crossed so far.
    pub(super) fn count(&self) -> Count {
        let Shared {
            up,
            down,
            connections,
            ..
        } = self.shared.as_ref();
        Count {
            up: up.load(Relaxed),
            down: down.load(Relaxed),
            connections: connections.load(Relaxed),
        }
    }
}

async fn accept(
    listener: TcpListener,
    office: SocketAddr,
    shared: Arc<Shared>,
    plugged: watch::Receiver<bool>,
) {
    while let Ok((device, _)) = listener.accept().await {
        if !shared.plugged.load(Relaxed) {
            continue;
        }
        shared.connections.fetch_add(1, Relaxed);
        let (shared, mut plugged) = (Arc::clone(&shared), plugged.clone());
        tokio::spawn(async move {
            let Ok(office) = TcpStream::connect(office).await else {
                return;
            };
            // Small messages wait for nothing, as on the devices and at the office.
            let _ = (device.set_nodelay(true), office.set_nodelay(true));
            let ((from_device, to_device), (from_office, to_office)) =
                (device.into_split(), office.into_split());
            let both = async {
                tokio::join!(
                    copy(from_device, to_office, &shared.up),
                    copy(from_office, to_device, &shared.down)
                )
            };
            tokio::select! {
                _ = both => {}
                _ = plugged.wait_for(|plugged| !plugged) => {}
            }
        });
    }
}

async fn copy(mut from: tcp::OwnedReadHalf, mut to: tcp::OwnedWriteHalf, counted: &AtomicU64) {
    let mut buffer = vec![0; 16 << 10];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        counted.fetch_add(count as u64, Relaxed);
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
    // The other side may have gone already.
    let _ = to.shutdown().await;
}
