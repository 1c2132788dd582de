//! Stopping a call from outside.
//!
//! Not every language tells the library that a caller has stopped waiting: Swift's generated code does
//! not. So the calls that wait for the network take a handle.

use std::sync::Arc;

use tokio::sync::watch;

use crate::runtime::told;

/// Stops the calls that it was given to, which fail with `Cancelled`. What they have written stays whole,
/// and the next call goes on there.
#[derive(Debug, uniffi::Object)]
pub struct CancelHandle {
    cancelled: watch::Sender<bool>,
}

#[uniffi::export]
impl CancelHandle {
    /// Returns one that has stopped nothing yet. It may be given to several calls.
    #[uniffi::constructor]
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            cancelled: watch::Sender::new(false),
        })
    }

    /// Stops the calls that have this handle, and at once those that get it after this. Safe to repeat,
    /// and from any thread.
    pub fn cancel(&self) {
        self.cancelled.send_replace(true);
    }
}

impl CancelHandle {
    /// Waits until it is cancelled, which one that is freed meanwhile never is.
    pub(crate) async fn told(self: Arc<Self>) {
        told(self.cancelled.subscribe()).await;
    }
}
