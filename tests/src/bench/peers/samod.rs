//! samod as a server: this program, started once more.

use std::{io::Read, path::Path, process, thread};

use axum::{Router, extract::WebSocketUpgrade, routing::get};
use samod::{PeerId, Repo, ShareConfig, storage::TokioFilesystemStorage};
use tokio::{net::TcpListener, runtime::Runtime};

use super::words;

/// Serves documents from a folder over WebSocket until whoever started it is gone.
///
/// It answers who asks for a document by its id and offers none by itself, as the others do.
///
/// # Errors
/// If the port cannot be had.
pub(super) fn serve(folder: &Path, port: &str) -> Result<(), String> {
    thread::spawn(|| {
        // What is read does not matter, only when it ends.
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        process::exit(0);
    });
    let port: u16 = port.parse().map_err(words)?;
    let runtime = Runtime::new().map_err(words)?;
    runtime.block_on(async {
        let repo = Repo::build_tokio()
            .with_peer_id(PeerId::from("office"))
            .with_storage(TokioFilesystemStorage::new(folder))
            .with_share_policy(ShareConfig::read_write().with_announce(false))
            .load()
            .await;
        let address = format!("ws://127.0.0.1:{port}").parse().map_err(words)?;
        let acceptor = repo.make_acceptor(address).map_err(words)?;
        let upgrade = move |upgrade: WebSocketUpgrade| async move {
            upgrade.on_upgrade(move |socket| async move {
                // A connection that comes while it stops is nobody's.
                let _ = acceptor.accept_axum(socket, None);
            })
        };
        let listener = TcpListener::bind(("127.0.0.1", port))
            .await
            .map_err(words)?;
        axum::serve(listener, Router::new().route("/", get(upgrade)))
            .await
            .map_err(words)
    })
}
