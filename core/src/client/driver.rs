//! The loop between session, store and network: it waits for one thing at a time and passes it on.

use std::{
    sync::mpsc,
    thread::{self, JoinHandle},
};

use tokio::sync::oneshot;

use super::{Client, clock, http::Http, orders, random};
use crate::{
    error::{Code, Result},
    store::Store,
    sync::{
        cadence::Elsewhere,
        session::{Input, Output, Report, Session, Step},
    },
};

type Job = Box<dyn FnOnce(&mut Store) + Send>;

/// The thread that the store lives on. No caller's thread ever touches SQLite.
#[derive(Debug)]
pub(super) struct StoreThread {
    jobs: mpsc::Sender<Job>,
    thread: JoinHandle<()>,
}

/// A handle to the store's thread.
#[derive(Debug, Clone)]
pub(super) struct StoreHandle {
    jobs: mpsc::Sender<Job>,
}

impl StoreThread {
    /// Opens a store on a thread of its own.
    pub(super) async fn open(
        open: impl FnOnce() -> Result<Store> + Send + 'static,
    ) -> Result<Self> {
        let (jobs, queue) = mpsc::channel::<Job>();
        let (opened, opening) = oneshot::channel();
        let run = move || match open() {
            Ok(mut store) => {
                if opened.send(Ok(())).is_ok() {
                    queue.into_iter().for_each(|job| job(&mut store));
                }
            }
            Err(error) => drop(opened.send(Err(error))),
        };
        let thread = thread::Builder::new()
            .name("nghisu-store".into())
            .spawn(run)
            .map_err(|error| crate::Error::new(Code::Internal, error))?;
        opening
            .await
            .unwrap_or_else(|_| Err(Code::Internal.into()))?;
        Ok(Self { jobs, thread })
    }

    /// Returns a handle.
    pub(super) fn handle(&self) -> StoreHandle {
        StoreHandle {
            jobs: self.jobs.clone(),
        }
    }

    /// Closes the store once all handles are gone and what they asked for is done.
    pub(super) async fn close(self) {
        drop(self.jobs);
        let thread = self.thread;
        let joined = tokio::task::spawn_blocking(move || thread.join()).await;
        if !matches!(joined, Ok(Ok(()))) {
            tracing::error!("the store's thread has panicked");
        }
    }
}

impl StoreHandle {
    /// Runs `work` on the store's thread. It runs to its end even if the caller stops waiting.
    pub(super) async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Store) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (done, result) = oneshot::channel();
        let job: Job = Box::new(move |store| drop(done.send(work(store))));
        self.jobs.send(job).map_err(|_| Code::Closed)?;
        result.await.unwrap_or_else(|_| Err(Code::Internal.into()))
    }
}

/// Carries a sync out. `client` hears of every change of rows, after it is on disk.
pub(super) async fn run(
    session: &mut Session<'_>,
    store: &StoreHandle,
    http: &Http,
    client: &Client,
) -> Result<Report> {
    let mut elsewhere = Elsewhere::default();
    session.handle(clock(), Input::Wanted);
    while let Some(output) = session.poll() {
        client.pacer.progress(&session.report());
        let input = match output {
            Output::Load => {
                let dice = random()?;
                let work = store.call(move |store| store.work(dice)).await;
                work.map(|work| Input::Loaded(Box::new(work)))
            }
            Output::Save(step) => {
                let mut written = Vec::new();
                if let Step::Page(page) = step.as_ref() {
                    written = elsewhere.take(page);
                }
                store
                    .call(move |store| Ok((store.save(&step)?, store.is_unfinished()?)))
                    .await
                    .map(|(changed, unfinished)| {
                        client.tell(changed);
                        client.pacer.written_elsewhere(written);
                        if unfinished {
                            Input::SavedUnfinished
                        } else {
                            Input::Saved
                        }
                    })
            }
            Output::Send(request) => match http.post("/v1/sync", request).await {
                Ok(reply) => Ok(Input::Replied(reply)),
                Err(refused) => Err(orders::refused(store, refused, |it| client.tell(it)).await),
            },
            Output::Finished(ended) => return ended,
        };
        session.handle(clock(), input.unwrap_or_else(Input::Failed));
    }
    Err(Code::Internal.into())
}
