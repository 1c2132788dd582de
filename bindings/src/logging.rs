//! The library's log, for the app's own: what happened, and never what somebody wrote.

use std::{
    fmt::{self, Write},
    sync::{
        Arc, OnceLock, PoisonError, RwLock,
        atomic::{AtomicU8, Ordering},
        mpsc::{SyncSender, sync_channel},
    },
    thread,
};

use nghisu_core::{Code, Error};
use tracing::{
    Event, Level, Metadata, Subscriber,
    callsite::rebuild_interest_cache,
    field::{Field, Visit},
    span,
    subscriber::set_global_default,
};

use crate::Result;

/// Lines that wait for a slow listener; further ones are left out.
const WAITING_MAX: usize = 256;
/// What is said of errors in detail may hold what somebody wrote, or an address.
const LEFT_OUT: &str = "detail";

static LISTENER: RwLock<Option<SyncSender<LogLine>>> = RwLock::new(None);
/// Whether the process's log comes here.
static TAKEN: OnceLock<bool> = OnceLock::new();
static LEVEL: AtomicU8 = AtomicU8::new(0);

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, uniffi::Enum)]
pub enum LogLevel {
    /// A mistake of the software: report it.
    Error,
    /// Somebody should look at it.
    Warn,
    /// What happens now and then.
    Info,
    /// What happens all the time.
    Debug,
}

/// Something that happened. It holds codes, numbers and ids, and nothing that anybody wrote.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct LogLine {
    /// How much it matters.
    pub level: LogLevel,
    /// Where in the library.
    pub target: String,
    /// What happened, in English.
    pub text: String,
}

/// Gets the library's log, one line after the other, on a thread of its own. It must not throw.
#[uniffi::export(with_foreign)]
pub trait LogListener: Send + Sync {
    /// Something happened.
    fn logged(&self, line: LogLine);
}

/// Gives the library's log to `listener`, down to `level`, in place of the one before; none ends it. For the
/// whole process. Lines that a slow listener has no room for are left out.
///
/// `Internal` if something else in this process takes the log.
#[uniffi::export]
pub fn log_to(level: LogLevel, listener: Option<Arc<dyn LogListener>>) -> Result<()> {
    let lines = match listener {
        Some(listener) => {
            if !*TAKEN.get_or_init(|| set_global_default(Bridge).is_ok()) {
                return Err(Error::new(Code::Internal, "the log is taken").into());
            }
            Some(told_by_thread(listener)?)
        }
        None => None,
    };
    *LISTENER.write().unwrap_or_else(PoisonError::into_inner) = lines;
    LEVEL.store(number(level), Ordering::Relaxed);
    rebuild_interest_cache();
    Ok(())
}

fn told_by_thread(listener: Arc<dyn LogListener>) -> nghisu_core::Result<SyncSender<LogLine>> {
    let (lines, queue) = sync_channel::<LogLine>(WAITING_MAX);
    thread::Builder::new()
        .name("nghisu-log".into())
        .spawn(move || {
            for line in queue {
                listener.logged(line);
            }
        })
        .map_err(|error| Error::new(Code::Internal, error))?;
    Ok(lines)
}

const fn number(level: LogLevel) -> u8 {
    match level {
        LogLevel::Error => 1,
        LogLevel::Warn => 2,
        LogLevel::Info => 3,
        LogLevel::Debug => 4,
    }
}

fn level_of(level: Level) -> LogLevel {
    match level {
        Level::ERROR => LogLevel::Error,
        Level::WARN => LogLevel::Warn,
        Level::INFO => LogLevel::Info,
        _ => LogLevel::Debug,
    }
}

/// Takes the log of this library alone to whoever listens.
struct Bridge;

impl Subscriber for Bridge {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("nghisu")
            && number(level_of(*metadata.level())) <= LEVEL.load(Ordering::Relaxed)
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let current = LISTENER.read().unwrap_or_else(PoisonError::into_inner);
        let Some(lines) = &*current else { return };
        let mut text = Text::default();
        event.record(&mut text);
        let metadata = event.metadata();
        // No room is no error: whoever happens to log must not wait for the app.
        let _ = lines.try_send(LogLine {
            level: level_of(*metadata.level()),
            target: metadata.target().to_owned(),
            text: format!("{}{}", text.message, text.fields),
        });
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing into a text does not fail.
        let _ = match field.name() {
            LEFT_OUT => Ok(()),
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Mutex, time::Duration};

    use super::*;

    struct Kept(SyncSender<LogLine>);

    impl LogListener for Kept {
        fn logged(&self, line: LogLine) {
            self.0.send(line).unwrap();
        }
    }

    /// The log is one for the whole process.
    static ONE: Mutex<()> = Mutex::new(());

    #[test]
    fn a_line_says_what_happened_and_nothing_that_somebody_wrote() {
        let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        let (kept, lines) = sync_channel(16);
        log_to(LogLevel::Info, Some(Arc::new(Kept(kept.clone())))).unwrap();

        tracing::warn!(target: "nghisu_core::store", seq = 7, reason = "malformed", detail = "mật", "an entry was set aside");
        tracing::debug!(target: "nghisu_core::client", "left out by its level");
        tracing::warn!(target: "hyper::client", "of somebody else");

        let line = lines.recv_timeout(Duration::from_secs(10)).unwrap();
        assert_eq!(line.level, LogLevel::Warn);
        assert_eq!(line.target, "nghisu_core::store");
        assert_eq!(line.text, "an entry was set aside seq=7 reason=malformed");
        log_to(LogLevel::Debug, Some(Arc::new(Kept(kept)))).unwrap();
        tracing::debug!(target: "nghisu_core::client", "the next");
        let line = lines.recv_timeout(Duration::from_secs(10)).unwrap();
        assert_eq!(
            (line.level, line.text.as_str()),
            (LogLevel::Debug, "the next")
        );
        log_to(LogLevel::Debug, None).unwrap();
        tracing::error!(target: "nghisu_core::client", "nobody listens");
        assert!(lines.recv_timeout(Duration::from_millis(50)).is_err());
    }
}
