//! Who hears of changes.
//!
//! A listener is foreign code of unknown speed, so each has a thread of the runtime's blocking pool
//! to itself: a slow one holds up nobody, and what it was too slow to hear arrives as
//! [`Change::Everything`].

use std::sync::Arc;

use nghisu_core::client;
use tokio::{
    runtime::Handle,
    sync::{RwLock, watch},
};

use crate::{records::Change, runtime::told};

/// Hears of changes, one call after the other, on a thread of its own.
///
/// It must not throw: a listener that throws hears nothing more. It may call the device.
#[uniffi::export(with_foreign)]
pub trait ChangeListener: Send + Sync {
    /// Something changed, and is on disk. The first call is `Everything`: read the current state.
    fn changed(&self, change: Change);

    /// The device was shut down, and nothing more comes. Not called for a subscription that was
    /// cancelled.
    fn ended(&self);
}

/// Hears how far a download is.
#[uniffi::export(with_foreign)]
pub trait ProgressListener: Send + Sync {
    /// Bytes of papers that are here, of those that were missing at the beginning.
    fn progressed(&self, done_bytes: u64, total_bytes: u64);
}

/// Ends when it is cancelled or freed: keep it for as long as changes matter.
#[derive(Debug, uniffi::Object)]
pub struct Subscription {
    cancelled: watch::Sender<bool>,
}

#[uniffi::export]
impl Subscription {
    /// Ends it. At most the call that is under way comes after this. Safe to repeat.
    pub fn cancel(&self) {
        self.cancelled.send_replace(true);
    }
}

impl Subscription {
    /// Begins to tell `listener` what `changes` brings, until `shut` is set or this is cancelled.
    pub(crate) fn begin(
        runtime: &Handle,
        mut changes: client::Subscription,
        shut: watch::Receiver<bool>,
        listener: Arc<dyn ChangeListener>,
        listening: &Arc<RwLock<()>>,
    ) -> Self {
        let ended = Arc::clone(&listener);
        Self::hear(
            runtime,
            async move || changes.next().await,
            shut,
            move |change: nghisu_core::store::Changed| listener.changed(change.into()),
            move || ended.ended(),
            listening,
        )
    }

    /// Begins to `tell` what `next` brings, until it brings nothing more, `shut` is set or this is
    /// cancelled. Holds `listening` for as long as foreign code may be called.
    pub(crate) fn hear<T>(
        runtime: &Handle,
        mut next: impl AsyncFnMut() -> Option<T> + Send + 'static,
        shut: watch::Receiver<bool>,
        tell: impl Fn(T) + Send + 'static,
        ended: impl FnOnce() + Send + 'static,
        listening: &Arc<RwLock<()>>,
    ) -> Self {
        let (cancelled, cancel) = watch::channel(false);
        let here = runtime.clone();
        // Not to be had only while the device is being shut down, when nobody listens for long.
        let held = Arc::clone(listening).try_read_owned();
        runtime.spawn_blocking(move || {
            while let Some(one) = here.block_on(async {
                tokio::select! {
                    biased;
                    () = told(cancel.clone()) => None,
                    () = told(shut.clone()) => None,
                    one = next() => one,
                }
            }) {
                tell(one);
            }
            if *shut.borrow() && !*cancel.borrow() {
                ended();
            } else {
                drop(ended);
            }
            // Foreign code hears of that too, so it comes before anybody is told that this is over.
            drop(tell);
            drop(held);
        });
        Self { cancelled }
    }
}
