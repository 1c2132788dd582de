//! The office on the network. The loop is dull: accept, pass on, answer.

use std::{
    net::{SocketAddr, TcpListener},
    sync::{Arc, Weak},
    time::Duration,
};

use axum_server::{
    Handle,
    accept::NoDelayAcceptor,
    tls_rustls::{RustlsAcceptor, RustlsConfig},
};
use hyper_util::rt::TokioTimer;
use nghisu_core::{Code, Error, Result, ids::DeviceId, time::Timestamp};
use tokio::task::JoinHandle;

use crate::{
    Office, clock,
    routes::{self, Turns, pokes::Hub},
};

/// How long the head of a request and a TLS handshake may take.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// How long requests that are being answered may still take after a stop was asked for.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// How often a running office looks whether its online key was renewed.
const FOLLOW_INTERVAL: Duration = Duration::from_secs(2);
/// How often it looks whether its TLS leaf is to be renewed.
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// Connections that may wait to be taken.
const BACKLOG: i32 = 1024;

/// Puts an office on the network.
#[derive(Debug)]
pub struct Server;

/// A running server. Dropping it does not stop it.
#[derive(Debug)]
pub struct ServerHandle {
    /// The address on which it listens, with the port that was given to it.
    pub addr: SocketAddr,
    handle: Handle<SocketAddr>,
    task: JoinHandle<std::io::Result<()>>,
    following: JoinHandle<()>,
    pokes: Arc<Hub>,
}

impl Server {
    /// Serves `office` on `listener`, within the tokio runtime of the caller. With `tls` the office
    /// shows a certificate that its root has issued; without, a proxy before it must speak TLS.
    ///
    /// # Errors
    /// If the keys cannot be read or the listener cannot be used.
    pub fn start(office: Arc<Office>, listener: TcpListener, tls: bool) -> Result<ServerHandle> {
        Self::start_with(office, listener, tls, Turns::default())
    }

    /// Serves `office` as [`Server::start`] does, and takes so many requests at once.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub fn start_with(
        office: Arc<Office>,
        listener: TcpListener,
        tls: bool,
        turns: Turns,
    ) -> Result<ServerHandle> {
        let unusable = |error: std::io::Error| Error::new(Code::AddressInvalid, error);
        let addr = listener.local_addr().map_err(unusable)?;
        listener.set_nonblocking(true).map_err(unusable)?;
        // Listening again only lengthens the queue: a hall full of devices comes back at one moment.
        rustix::net::listen(&listener, BACKLOG).map_err(|error| unusable(error.into()))?;
        let handle = Handle::new();
        // A proxy shows the office's own chain, so that is issued either way.
        let now = clock::now();
        let seen = (office.online_key(now)?.0, now);
        let config = RustlsConfig::from_config(office.tls_config(addr.ip(), now)?);
        let weak = Arc::downgrade(&office);
        let following = tokio::spawn(follow_keys(weak, addr, config.clone(), seen));
        let pokes = Arc::new(Hub::default());
        let service = routes::router_with(office, turns, Arc::clone(&pokes)).into_make_service();
        let mut server = axum_server::from_tcp(listener)
            .map_err(unusable)?
            .handle(handle.clone());
        server
            .http_builder()
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT);
        server
            .http_builder()
            .http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(HEAD_TIMEOUT);
        let task = if tls {
            let acceptor = RustlsAcceptor::new(config)
                .handshake_timeout(HEAD_TIMEOUT)
                .acceptor(NoDelayAcceptor::new());
            tokio::spawn(server.acceptor(acceptor).serve(service))
        } else {
            tokio::spawn(server.acceptor(NoDelayAcceptor::new()).serve(service))
        };
        Ok(ServerHandle {
            addr,
            handle,
            task,
            following,
            pokes,
        })
    }
}

/// Shows new certificates when another process has renewed the online key, or the leaf is to be
/// renewed, and says once a day that the online key comes to its end.
async fn follow_keys(
    office: Weak<Office>,
    addr: SocketAddr,
    shown: RustlsConfig,
    mut seen: (DeviceId, Timestamp),
) {
    let mut told_at = None;
    loop {
        let now = clock::now();
        let Some(office) = office.upgrade() else {
            return;
        };
        let looked =
            tokio::task::spawn_blocking(move || look_at_keys(&office, addr, now, seen)).await;
        match looked {
            Ok(Ok(looked)) => {
                seen = looked.key;
                if let Some(config) = looked.config {
                    shown.reload_from_config(config);
                }
                let tell = looked.renewal_due
                    && told_at.is_none_or(|told: Timestamp| now.ms_since(told) > DAY_MS);
                if tell {
                    told_at = Some(now);
                    tracing::warn!("the one-year key ends soon: nghisu keys renew");
                }
            }
            Ok(Err(error)) => {
                tracing::warn!(code = error.code().name(), detail = error.detail());
            }
            Err(error) => tracing::error!(%error),
        }
        tokio::time::sleep(FOLLOW_INTERVAL).await;
    }
}

struct Looked {
    key: (DeviceId, Timestamp),
    config: Option<Arc<rustls::ServerConfig>>,
    renewal_due: bool,
}

fn look_at_keys(
    office: &Office,
    addr: SocketAddr,
    now: Timestamp,
    (device, at): (DeviceId, Timestamp),
) -> Result<Looked> {
    let (online, renewal_due) = office.online_key(now)?;
    let (key, config) = if device == online && now.ms_since(at) < DAY_MS {
        ((device, at), None)
    } else {
        ((online, now), Some(office.tls_config(addr.ip(), now)?))
    };
    Ok(Looked {
        key,
        config,
        renewal_due,
    })
}

impl ServerHandle {
    /// Stops: no new requests, and those that are being answered have ten seconds to end.
    ///
    /// # Errors
    /// If the server had stopped by itself.
    pub async fn shutdown(self) -> Result<()> {
        self.following.abort();
        self.handle.listening().await;
        self.pokes.close();
        self.handle.graceful_shutdown(Some(STOP_TIMEOUT));
        match self.task.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Error::new(Code::Storage, error)),
            Err(error) => Err(Error::new(Code::Internal, error)),
        }
    }
}
