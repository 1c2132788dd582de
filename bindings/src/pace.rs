//! The automatic sync: when it may run, and how it stands.

use std::sync::Arc;

use nghisu_core::{
    Error,
    client::{self, Pace},
};

use crate::{
    Device, Result,
    listener::Subscription,
    records::{ms, note_id},
};

/// What the automatic sync does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum SyncPace {
    /// Nothing is synced by itself: before `start_sync`, and after `pause_sync`.
    Resting,
    /// There is something to hand in or to fetch, and its moment has not come yet.
    Waiting,
    /// A sync is running.
    Syncing,
    /// All is handed in and fetched, as far as is known.
    UpToDate,
    /// The newest attempt found no office; it is tried again by itself.
    Offline,
    /// The newest attempt failed otherwise; `problem` says what to do.
    Problem,
}

/// What stands in the way of the automatic sync, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct SyncProblem {
    /// What happened, as a stable name.
    pub code: String,
    /// What happened and what to do, in Vietnamese.
    pub reason: String,
    /// The same in English.
    pub reason_en: String,
}

/// How the automatic sync stands.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct SyncStatus {
    /// What it does.
    pub pace: SyncPace,
    /// Changes, acts and records of the vault that were settled by the sync that runs, or by the last one.
    pub handed_in: u32,
    /// Entries received by it.
    pub received: u32,
    /// When the log was last read to its end, by the office's clock.
    pub synced_at_ms: Option<i64>,
    /// What stands in the way.
    pub problem: Option<SyncProblem>,
}

impl From<client::SyncStatus> for SyncStatus {
    fn from(status: client::SyncStatus) -> Self {
        let (pace, problem) = match status.pace {
            Pace::Resting => (SyncPace::Resting, None),
            Pace::Waiting => (SyncPace::Waiting, None),
            Pace::Syncing => (SyncPace::Syncing, None),
            Pace::UpToDate => (SyncPace::UpToDate, None),
            Pace::Offline => (SyncPace::Offline, None),
            Pace::Problem(code) => (SyncPace::Problem, Some(code)),
        };
        let problem = problem.map(|code| {
            let error = Error::from(code);
            SyncProblem {
                code: code.name().to_owned(),
                reason: error.text(nghisu_core::Language::Vietnamese),
                reason_en: error.text(nghisu_core::Language::English),
            }
        });
        Self {
            pace,
            handed_in: status.handed_in,
            received: status.received,
            synced_at_ms: status.synced_at.map(ms),
            problem,
        }
    }
}

/// Hears how the automatic sync stands, one call after the other, on a thread of its own.
///
/// It must not throw: a listener that throws hears nothing more. It may call the device.
#[uniffi::export(with_foreign)]
pub trait SyncListener: Send + Sync {
    /// The first call is how it stands now. A slow listener hears the newest state alone.
    fn stands(&self, status: SyncStatus);

    /// The device was shut down, and nothing more comes. Not called for a subscription that was
    /// cancelled.
    fn ended(&self);
}

#[uniffi::export]
impl Device {
    /// Begins to sync by itself, and says that the app is in front: a moment after edits, at once after
    /// acts, when the office says that something is new, and again after failures. Papers are not fetched
    /// by it. Call it whenever the app comes to the front.
    pub fn start_sync(&self) {
        let _here = self.runtime.enter();
        self.client.start_sync();
    }

    /// Says that the app goes to the background. What was written is handed in at once; after four seconds
    /// at most this returns, and then nothing syncs by itself until `start_sync`. Safe to repeat. `pause`
    /// then closes the store.
    pub async fn pause_sync(&self) -> Result<()> {
        self.run(|client| async move {
            client.pause_sync().await;
            Ok(())
        })
        .await
    }

    /// Says that the network has come back or is another one: what waited for it is tried at once.
    pub fn network_changed(&self) {
        self.client.network_changed();
    }

    /// Says that a note is shown. While another device writes in it too, changes travel within a moment.
    pub fn note_opened(&self, note: String) -> Result<()> {
        self.client.note_opened(note_id(&note)?);
        Ok(())
    }

    /// Says that a note is not shown any more: what was written in it is handed in at once.
    pub fn note_closed(&self, note: String) -> Result<()> {
        self.client.note_closed(note_id(&note)?);
        Ok(())
    }

    /// Begins to tell `listener` how the automatic sync stands.
    pub fn subscribe_sync(&self, listener: Arc<dyn SyncListener>) -> Arc<Subscription> {
        let mut statuses = self.client.sync_statuses();
        let ended = Arc::clone(&listener);
        Arc::new(Subscription::hear(
            &self.runtime,
            async move || statuses.next().await,
            self.shut.subscribe(),
            move |status: client::SyncStatus| listener.stands(status.into()),
            move || ended.ended(),
            &self.listening,
        ))
    }
}
