//! The loop between session, store and network: it waits for one thing at a time and passes it on.

use std::{
    sync::{Arc, OnceLock, mpsc},
    thread::{self, JoinHandle},
    time::Instant,
};

use tokio::sync::oneshot;

use super::{Client, clock, http::Http, orders, random, running_clock};
use crate::{
    error::{Code, Result},
    store::Store,
    sync::{
        cadence::Elsewhere,
        session::{Input, Output, Report, Session, Step},
    },
};

type Work = Box<dyn FnOnce(&mut Store) + Send>;

enum Job {
    /// To be carried out.
    Do(Work),
    /// The same, unless the store is to be closed.
    DoUnlessClosing(Work),
    /// Nothing more comes.
    Close,
}

/// The thread that the store lives on. No caller's thread ever touches SQLite.
#[derive(Debug)]
pub(super) struct StoreThread {
    handle: StoreHandle,
    thread: JoinHandle<()>,
}

/// A handle to the store's thread.
#[derive(Debug, Clone)]
pub(super) struct StoreHandle {
    jobs: mpsc::Sender<Job>,
    /// Why the store is to be closed, once it is.
    closing: Arc<OnceLock<Code>>,
    opened: Instant,
    gives_way: bool,
}

impl StoreThread {
    /// Opens a store on a thread of its own.
    pub(super) async fn open(
        open: impl FnOnce() -> Result<Store> + Send + 'static,
    ) -> Result<Self> {
        let (jobs, queue) = mpsc::channel::<Job>();
        let (opened, opening) = oneshot::channel();
        let closing = Arc::default();
        let handle = StoreHandle {
            jobs,
            closing: Arc::clone(&closing),
            opened: running_clock(),
            gives_way: false,
        };
        let run = move || match open() {
            Ok(mut store) => {
                if opened.send(Ok(())).is_ok() {
                    work_off(&mut store, queue, &closing);
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
        Ok(Self { handle, thread })
    }

    /// Returns a handle.
    pub(super) fn handle(&self) -> StoreHandle {
        self.handle.clone()
    }

    /// From here on who gives way ends with the transaction that he is in, and gets `why`: the store is
    /// about to be closed.
    pub(super) fn cut(&self, why: Code) {
        // It is set once: one closes at a time.
        let _ = self.handle.closing.set(why);
    }

    /// Closes the store once what was asked for is done.
    pub(super) async fn close(self) {
        let Self { handle, thread } = self;
        // An error says that the thread has ended.
        let _ = handle.jobs.send(Job::Close);
        drop(handle);
        let joined = tokio::task::spawn_blocking(move || thread.join()).await;
        if !matches!(joined, Ok(Ok(()))) {
            tracing::error!("the store's thread has panicked");
        }
    }
}

/// Carries out what is asked for until the store is to be closed or nobody is left who could ask.
fn work_off(store: &mut Store, queue: mpsc::Receiver<Job>, closing: &Arc<OnceLock<Code>>) {
    for job in queue {
        match job {
            Job::Do(work) => work(store),
            Job::DoUnlessClosing(work) => {
                if closing.get().is_none() {
                    store.give_way(Some(Arc::clone(closing)));
                    work(store);
                    store.give_way(None);
                }
            }
            Job::Close => break,
        }
    }
}

impl StoreHandle {
    /// Returns the same handle for work that can be cut between any two transactions, as a sync can: it
    /// is when the store is to be closed.
    pub(super) fn giving_way(mut self) -> Self {
        self.gives_way = true;
        self
    }

    /// Milliseconds since the store was opened, by a clock that never goes back.
    pub(super) fn running_ms(&self) -> u64 {
        let ms = running_clock().duration_since(self.opened).as_millis();
        u64::try_from(ms).unwrap_or(u64::MAX)
    }

    fn ended(&self) -> Code {
        self.closing.get().copied().unwrap_or(Code::Internal)
    }

    /// Runs `work` on the store's thread. It runs to its end even if the caller stops waiting.
    pub(super) async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Store) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (done, result) = oneshot::channel();
        let work: Work = Box::new(move |store| drop(done.send(work(store))));
        let job = match self.gives_way {
            true => Job::DoUnlessClosing(work),
            false => Job::Do(work),
        };
        self.jobs.send(job).map_err(|_| self.ended())?;
        result.await.unwrap_or_else(|_| Err(self.ended().into()))
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

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::{store::Opening, time::Timestamp};

    /// Writes one transaction.
    fn write(store: &mut Store, what: &str) -> Result<()> {
        store.note_refusal(what)
    }

    async fn open(folder: &TempDir) -> StoreThread {
        let folder = folder.path().to_owned();
        let opening = Opening {
            seed: [1; 32].into(),
            sealing: [2; 32].into(),
            signer: None,
            database_key: None,
        };
        StoreThread::open(move || Store::open(&folder, &opening, Timestamp::default()))
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn work_that_gives_way_ends_with_the_transaction_in_which_the_store_is_to_be_closed() {
        let folder = TempDir::new().unwrap();
        let thread = open(&folder).await;
        let handle = thread.handle();
        let (begun, is_begun) = oneshot::channel();
        let closing = Arc::clone(&handle.closing);
        let cut = handle.clone().giving_way();
        let cut = tokio::spawn(async move {
            let work = move |store: &mut Store| {
                write(store, "one")?;
                let _ = begun.send(());
                while closing.get().is_none() {
                    thread::yield_now();
                }
                Ok(write(store, "two"))
            };
            cut.call(work).await
        });
        is_begun.await.unwrap();
        let late = handle.clone().giving_way();
        let late = tokio::spawn(async move { late.call(|store| write(store, "three")).await });
        let asked = handle.clone();
        let asked = tokio::spawn(async move { asked.call(|store| write(store, "four")).await });
        tokio::task::yield_now().await;

        thread.cut(Code::Paused);
        thread.close().await;

        let second = cut.await.unwrap().unwrap();
        assert_eq!(second.unwrap_err().code(), Code::Paused);
        assert_eq!(late.await.unwrap().unwrap_err().code(), Code::Paused);
        asked.await.unwrap().unwrap();
        let after = handle.call(|store| write(store, "five")).await;
        assert_eq!(after.unwrap_err().code(), Code::Paused);
        open(&folder).await;
    }
}
