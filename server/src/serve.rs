//! The office on the network. The loop is dull: accept, pass on, answer.

use std::{
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

use axum_server::{
    Handle,
    accept::NoDelayAcceptor,
    tls_rustls::{RustlsAcceptor, RustlsConfig},
};
use hyper_util::rt::TokioTimer;
use nghisu_core::{Code, Error, Result};
use tokio::task::JoinHandle;

use crate::{Office, clock, routes};

/// How long the head of a request and a TLS handshake may take.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// How long requests that are being answered may still take after a stop was asked for.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

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
}

impl Server {
    /// Serves `office` on `listener`, within the tokio runtime of the caller. With `tls` the office
    /// shows a certificate that its root has issued; without, a proxy before it must speak TLS.
    ///
    /// # Errors
    /// If the keys cannot be read or the listener cannot be used.
    pub fn start(office: Arc<Office>, listener: TcpListener, tls: bool) -> Result<ServerHandle> {
        let unusable = |error: std::io::Error| Error::new(Code::AddressInvalid, error);
        let addr = listener.local_addr().map_err(unusable)?;
        listener.set_nonblocking(true).map_err(unusable)?;
        // Listening again only lengthens the queue: a hall full of devices comes back at one moment.
        rustix::net::listen(&listener, BACKLOG).map_err(|error| unusable(error.into()))?;
        let handle = Handle::new();
        // A proxy shows the office's own chain, so that is issued either way.
        let config = office.tls_config(addr.ip(), clock::now())?;
        let service = routes::router(office).into_make_service();
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
            let acceptor = RustlsAcceptor::new(RustlsConfig::from_config(config))
                .handshake_timeout(HEAD_TIMEOUT)
                .acceptor(NoDelayAcceptor::new());
            tokio::spawn(server.acceptor(acceptor).serve(service))
        } else {
            tokio::spawn(server.acceptor(NoDelayAcceptor::new()).serve(service))
        };
        Ok(ServerHandle { addr, handle, task })
    }
}

impl ServerHandle {
    /// Stops: no new requests, and those that are being answered have ten seconds to end.
    ///
    /// # Errors
    /// If the server had stopped by itself.
    pub async fn shutdown(self) -> Result<()> {
        self.handle.listening().await;
        self.handle.graceful_shutdown(Some(STOP_TIMEOUT));
        match self.task.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Error::new(Code::Storage, error)),
            Err(error) => Err(Error::new(Code::Internal, error)),
        }
    }
}
