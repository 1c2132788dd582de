//! Where the work runs.
//!
//! An exported future is polled on the app's own thread, and it is dropped when the app stops waiting.
//! So it never works itself: it waits for a task on a runtime of ours. Calls that write run to their
//! end whoever waits; calls that wait for the network end with their future or with the device, which
//! the core allows at any point.

use std::{future::pending, sync::LazyLock};

use nghisu_core::{Code, Error, Result};
use tokio::{
    runtime::{Builder, Handle, Runtime},
    sync::watch,
    task::{JoinError, JoinHandle},
};

/// Two threads serve every device of the process: they only wait, since SQLite has its own.
const WORKERS: usize = 2;

static RUNTIME: LazyLock<std::io::Result<Runtime>> = LazyLock::new(|| {
    Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .thread_name("nghisu")
        .enable_all()
        .build()
});

/// Returns the runtime on which all devices work.
pub(crate) fn handle() -> Result<Handle> {
    match &*RUNTIME {
        Ok(runtime) => Ok(runtime.handle().clone()),
        Err(error) => Err(Error::new(Code::Internal, error)),
    }
}

/// Runs `work` to its end, also if nobody waits for it any more.
pub(crate) async fn run<T: Send + 'static>(
    runtime: &Handle,
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    runtime.spawn(work).await.unwrap_or_else(broken)
}

/// Runs `work` until it ends, nobody waits for it any more, the device is `shut` or the call `cancelled`.
pub(crate) async fn run_while_awaited<T: Send + 'static>(
    runtime: &Handle,
    shut: watch::Receiver<bool>,
    cancelled: Option<impl Future<Output = ()> + Send + 'static>,
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    let cancelled = async move {
        match cancelled {
            Some(cancelled) => cancelled.await,
            None => pending().await,
        }
    };
    let task = runtime.spawn(async move {
        tokio::select! {
            biased;
            () = told(shut) => Err(Code::Closed.into()),
            () = cancelled => Err(Code::Cancelled.into()),
            result = work => result,
        }
    });
    let mut task = AbortedOnDrop(task);
    (&mut task.0).await.unwrap_or_else(broken)
}

/// Waits until the flag is set, or nobody is left who could set it.
pub(crate) async fn told(mut flag: watch::Receiver<bool>) {
    // An error says that the sender is gone, which is the same to whoever waits.
    let _ = flag.wait_for(|set| *set).await;
}

fn broken<T>(error: JoinError) -> Result<T> {
    Err(Error::new(Code::Internal, error))
}

struct AbortedOnDrop<T>(JoinHandle<T>);

impl<T> Drop for AbortedOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::oneshot;

    use super::*;
    use crate::CancelHandle;

    const NEVER: Option<std::future::Pending<()>> = None;

    /// Polls a future once, as an app does that then stops waiting.
    async fn begin_and_drop(future: impl Future) {
        tokio::select! {
            biased;
            _ = future => unreachable!("it waits for us"),
            () = std::future::ready(()) => {}
        }
    }

    #[tokio::test]
    async fn what_writes_runs_to_its_end_although_nobody_waits() {
        let (go, wait) = oneshot::channel::<()>();
        let (done, end) = oneshot::channel();

        begin_and_drop(run(&handle().unwrap(), async move {
            wait.await.unwrap();
            done.send(()).unwrap();
            Ok(())
        }))
        .await;
        go.send(()).unwrap();

        end.await.unwrap();
    }

    #[tokio::test]
    async fn what_waits_for_the_network_ends_with_its_future() {
        let (_open, over) = watch::channel(false);
        let (held, freed) = oneshot::channel::<()>();

        begin_and_drop(run_while_awaited(
            &handle().unwrap(),
            over,
            NEVER,
            async move {
                let _held = held;
                pending::<Result<()>>().await
            },
        ))
        .await;

        assert!(
            freed.await.is_err(),
            "the work is dropped, and what it held"
        );
    }

    #[tokio::test]
    async fn what_waits_for_the_network_ends_with_the_device() {
        let (shut, over) = watch::channel(false);
        let runtime = handle().unwrap();
        let work = run_while_awaited(&runtime, over, NEVER, pending::<Result<()>>());

        shut.send_replace(true);

        assert_eq!(work.await.unwrap_err().code(), Code::Closed);
    }

    #[tokio::test]
    async fn what_waits_for_the_network_ends_when_it_is_cancelled_and_lets_go_of_what_it_held() {
        let (_open, over) = watch::channel(false);
        let cancel = CancelHandle::new();
        let (held, freed) = oneshot::channel::<()>();
        let runtime = handle().unwrap();
        let work = run_while_awaited(
            &runtime,
            over,
            Some(Arc::clone(&cancel).told()),
            async move {
                let _held = held;
                pending::<Result<()>>().await
            },
        );

        cancel.cancel();

        assert_eq!(work.await.unwrap_err().code(), Code::Cancelled);
        assert!(freed.await.is_err());
    }

    #[tokio::test]
    async fn a_panic_arrives_as_an_error() {
        let error = run::<()>(&handle().unwrap(), async { panic!("on purpose") }).await;

        assert_eq!(error.unwrap_err().code(), Code::Internal);
    }
}
