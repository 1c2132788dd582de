//! The one task that syncs by itself. When, [`Cadence`] decides; here is the clock that it is told.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, Instant},
};

use tokio::{
    sync::{Notify, watch},
    task::JoinHandle,
    time::{sleep, timeout},
};

use super::{Client, listen, random, running_clock};
use crate::{
    error::{Code, Result},
    ids::DocumentId,
    sync::{
        cadence::{Cadence, Input, Pace},
        session::Report,
    },
    time::Timestamp,
};

/// How long going to the background takes at most: phones stop an app that takes longer.
const PAUSE_TIMEOUT: Duration = Duration::from_secs(4);

/// How the automatic sync stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyncStatus {
    /// What it does, or why it does nothing. Of a problem, the code's remedy says what to do.
    pub pace: Pace,
    /// Envelopes settled by the sync that runs, or by the last one.
    pub handed_in: u32,
    /// Entries received by it.
    pub received: u32,
    /// When the log was last read to its end, by the office's clock.
    pub synced_at: Option<Timestamp>,
}

/// The states of the automatic sync, the newest one alone. Dropping it ends it.
#[derive(Debug)]
pub struct SyncStatuses {
    first: bool,
    states: watch::Receiver<SyncStatus>,
}

impl SyncStatuses {
    /// Returns the present state at first, then waits for the next; `None` once the client is gone.
    pub async fn next(&mut self) -> Option<SyncStatus> {
        if !std::mem::take(&mut self.first) {
            self.states.changed().await.ok()?;
        }
        Some(*self.states.borrow_and_update())
    }
}

/// What the automatic sync has in common with the calls that it hears of.
#[derive(Debug)]
pub(super) struct Pacer {
    cadence: Mutex<Cadence>,
    opened: Instant,
    woken: Notify,
    cut: Notify,
    states: watch::Sender<SyncStatus>,
    task: Mutex<Option<JoinHandle<()>>>,
}

/// A sync that has begun; dropped before its end it was given up.
pub(super) struct Begun<'p> {
    pacer: &'p Pacer,
    ended: bool,
}

impl Pacer {
    pub(super) fn new(opened: Instant, synced_at: Option<Timestamp>) -> Result<Self> {
        let states = SyncStatus {
            pace: Pace::Resting,
            handed_in: 0,
            received: 0,
            synced_at,
        };
        Ok(Self {
            cadence: Mutex::new(Cadence::new(u64::from_be_bytes(random()?))),
            opened,
            woken: Notify::new(),
            cut: Notify::new(),
            states: watch::Sender::new(states),
            task: Mutex::default(),
        })
    }

    /// Tells the cadence what happened, and whoever waits for it.
    pub(super) fn tell(&self, input: Input) {
        let mut cadence = self.cadence();
        cadence.handle(self.now(), input);
        let pace = cadence.pace();
        self.states.send_if_modified(|state| {
            if pace == Pace::Syncing && state.pace != pace {
                (state.handed_in, state.received) = (0, 0);
            }
            std::mem::replace(&mut state.pace, pace) != pace
        });
        drop(cadence);
        self.woken.notify_one();
    }

    pub(super) fn written_elsewhere(&self, notes: Vec<DocumentId>) {
        for note in notes {
            self.tell(Input::WrittenElsewhere(note));
        }
    }

    pub(super) fn progress(&self, report: &Report) {
        let done = (report.accepted + report.refused, report.received);
        self.states.send_if_modified(|state| {
            let before = (state.handed_in, state.received);
            (state.handed_in, state.received) = done;
            before != done
        });
    }

    pub(super) fn begin(&self) -> Begun<'_> {
        self.tell(Input::Began);
        Begun {
            pacer: self,
            ended: false,
        }
    }

    fn cadence(&self) -> MutexGuard<'_, Cadence> {
        self.cadence.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A clock that never goes back, in milliseconds since the client was opened.
    fn now(&self) -> Timestamp {
        let ms = running_clock().duration_since(self.opened).as_millis();
        Timestamp::from_unix_ms(u64::try_from(ms).unwrap_or(u64::MAX))
    }

    /// Waits until `due`, or until something happens.
    async fn wait(&self, due: Option<Timestamp>) {
        let pause = due.map(|due| Duration::from_millis(due.ms_since(self.now())));
        tokio::select! {
            () = self.woken.notified() => {}
            () = sleep(pause.unwrap_or(Duration::MAX)), if pause.is_some() => {}
        }
    }

    /// Waits until nothing is due and nothing runs.
    async fn settled(&self) {
        let mut states = self.states.subscribe();
        while self.cadence().deadline().is_some() || self.cadence().pace() == Pace::Syncing {
            if states.changed().await.is_err() {
                return;
            }
        }
    }

    /// Ends the automatic sync. Returns whether there was one.
    fn stop(&self) -> bool {
        self.tell(Input::Stopped);
        let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        let task = task.take();
        if let Some(task) = &task {
            task.abort();
        }
        task.is_some_and(|task| !task.is_finished())
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.pacer.stop();
    }
}

impl Begun<'_> {
    /// Notes how the sync ended, and up to where the log is read.
    pub(super) fn end(
        mut self,
        ended: &Result<Report>,
        (read_to, synced_at): (u64, Option<Timestamp>),
    ) {
        self.ended = true;
        match ended {
            Ok(report) => {
                self.pacer.progress(report);
                self.pacer
                    .states
                    .send_modify(|state| state.synced_at = synced_at);
                self.pacer.tell(Input::Done {
                    read_to,
                    held_ms: report.held_ms,
                });
            }
            Err(error) => self.pacer.tell(Input::Failed {
                code: error.code(),
                retry_after_ms: error.retry_after_ms(),
            }),
        }
    }
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        if !self.ended {
            self.pacer.tell(Input::GivenUp);
        }
    }
}

impl Client {
    /// Hands in what the office has not settled and reads what is new, until both are done. A second
    /// call while one runs waits for it and then syncs again.
    ///
    /// # Errors
    /// [`Code::NotEnrolled`]; [`Code::OfficeUnreachable`], [`Code::OfficeBusy`], [`Code::NotAnOffice`]
    /// and [`Code::OfficeCertificate`], after which nothing is lost and it can be tried again;
    /// [`Code::DeviceRefused`], [`Code::Locked`], [`Code::Wiped`], [`Code::KeyMissing`],
    /// [`Code::LogChanged`], [`Code::DiskFull`], [`Code::Storage`].
    pub async fn sync(&self) -> Result<Report> {
        let _one = self.syncing.lock().await;
        let begun = self.pacer.begin();
        let ended = self.unless_closed(self.sync_once()).await;
        // What was cut is given up, and is no problem to be told of.
        if matches!(&ended, Err(error) if error.code() == Code::Paused) {
            return ended;
        }
        let reached = self
            .call_always(|store| Ok((store.read_to()?, store.synced_at()?)))
            .await;
        match reached {
            Ok(reached) => begun.end(&ended, reached),
            Err(error) if ended.is_ok() => begun.end(&Err(error), (0, None)),
            Err(_) => begun.end(&ended, (0, None)),
        }
        ended
    }

    /// Begins to sync by itself, within the tokio runtime of the caller, and says that the app is in
    /// front: a moment after edits, at once after acts, when the office says that something is new,
    /// and again after failures. Papers are not fetched by it. A second call says again that the app is
    /// in front.
    pub fn start_sync(self: &Arc<Self>) {
        let mut task = self
            .pacer
            .task
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if task.as_ref().is_none_or(JoinHandle::is_finished) {
            let driven = drive(Arc::downgrade(self), Arc::clone(&self.pacer));
            *task = Some(tokio::spawn(driven));
        }
        drop(task);
        self.pacer.tell(Input::Resumed);
    }

    /// Says that the app goes to the background. What was written is handed in at once; after four
    /// seconds at most this returns, and then nothing syncs by itself until [`Client::start_sync`]. Safe to
    /// repeat, and without effect before the start. Then [`Client::pause`] closes the store.
    pub async fn pause_sync(&self) {
        self.pacer.tell(Input::Paused);
        if timeout(PAUSE_TIMEOUT, self.pacer.settled()).await.is_err() {
            self.pacer.cut.notify_waiters();
        }
    }

    /// Says that the network has come back or is another one: what waited for it is tried at once.
    pub fn network_changed(&self) {
        self.pacer.tell(Input::NetworkBack);
    }

    /// Says that a note is shown. While another device writes in it too, changes travel within a
    /// moment.
    pub fn note_opened(&self, note: DocumentId) {
        self.pacer.tell(Input::Opened(note));
    }

    /// Says that a note is not shown any more: what was written in it is handed in at once.
    pub fn note_closed(&self, note: DocumentId) {
        self.pacer.tell(Input::Closed(note));
    }

    /// Returns how the automatic sync stands, and every state that follows.
    pub fn sync_statuses(&self) -> SyncStatuses {
        SyncStatuses {
            first: true,
            states: self.pacer.states.subscribe(),
        }
    }

    /// Passes a result on; something was written that is to reach the office soon if it is a good one.
    pub(super) fn soon<T>(&self, written: Result<T>) -> Result<T> {
        if written.is_ok() {
            self.pacer.tell(Input::Acted);
        }
        written
    }

    /// Passes a result on, and notes the edit of a note if it is a good one.
    pub(super) fn edited<T>(&self, note: DocumentId, written: Result<T>) -> Result<T> {
        if written.is_ok() {
            self.pacer.tell(Input::Edited(note));
        }
        written
    }

    /// Ends the automatic sync, in whatever it is. Returns whether there was one.
    pub(super) fn stop_syncing(&self) -> bool {
        self.pacer.stop()
    }
}

/// Syncs whenever that is due, and listens to the office while the app is in front.
async fn drive(client: Weak<Client>, pacer: Arc<Pacer>) {
    let mut listening = Listening(None);
    loop {
        let (due, listen_at, front) = {
            let cadence = pacer.cadence();
            (
                cadence.deadline(),
                cadence.listen_at(),
                cadence.is_in_front(),
            )
        };
        let now = pacer.now();
        if !front {
            listening.end();
        } else if listening.is_over() && listen_at.is_some_and(|at| at <= now) {
            let listen = listen::listen(client.clone(), Arc::clone(&pacer));
            listening.0 = Some(tokio::spawn(listen));
        }
        if due.is_some_and(|due| due <= now) {
            let Some(client) = client.upgrade() else {
                return;
            };
            tokio::select! {
                ended = client.sync() => {
                    if let Err(error) = ended {
                        tracing::debug!(code = error.code().name(), detail = error.detail(), "sync");
                    }
                }
                () = pacer.cut.notified() => {}
            }
            continue;
        }
        let listen_at = listen_at.filter(|_| listening.is_over());
        // The client may be dropped while nothing happens, which ends this.
        let next = due.into_iter().chain(listen_at).min();
        pacer.wait(next).await;
    }
}

/// The task that listens; it ends with this.
struct Listening(Option<JoinHandle<()>>);

impl Listening {
    fn is_over(&self) -> bool {
        self.0.as_ref().is_none_or(JoinHandle::is_finished)
    }

    fn end(&mut self) {
        if let Some(task) = self.0.take() {
            task.abort();
        }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.end();
    }
}
