//! The trace of a run as one hash, and the errors that the code has logged.

use std::{
    fmt::{self, Write},
    sync::{Mutex, Once, PoisonError},
};

use sha2::{Digest, Sha256};
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

/// Everything that happened, in order.
#[derive(Default)]
pub(super) struct Trace {
    hash: Sha256,
    told: Vec<String>,
}

/// Lines that the report of a failure ends with, unless `NGHISU_LINES` says another number.
const LINES: usize = 80;

impl Trace {
    /// Notes what happened at a moment, and the bytes that went with it.
    pub(super) fn note(&mut self, at: u64, what: &str, bytes: &[u8]) {
        self.hash.update(at.to_be_bytes());
        self.hash.update((what.len() as u64).to_be_bytes());
        self.hash.update(what);
        self.hash.update((bytes.len() as u64).to_be_bytes());
        self.hash.update(bytes);
        self.told
            .push(format!("{at:>9} ms  {what}  {} bytes", bytes.len()));
    }

    /// Returns the hash as text.
    pub(super) fn hash(&self) -> String {
        let digest = self.hash.clone().finalize();
        digest.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    /// Returns the last lines.
    pub(super) fn last(&self) -> String {
        let wanted = std::env::var("NGHISU_LINES").ok();
        let lines = wanted.and_then(|it| it.parse().ok()).unwrap_or(LINES);
        self.told[self.told.len().saturating_sub(lines)..].join("\n")
    }
}

static ERRORS: Mutex<Vec<String>> = Mutex::new(Vec::new());
static LISTENING: Once = Once::new();

/// Has every logged error noted from here on.
pub(super) fn listen() {
    LISTENING.call_once(|| {
        // A test that listens already hears them itself.
        let _ = tracing::subscriber::set_global_default(Listener);
    });
}

/// Returns what was logged as an error since the last call.
pub(super) fn errors() -> Vec<String> {
    std::mem::take(&mut *ERRORS.lock().unwrap_or_else(PoisonError::into_inner))
}

struct Listener;

struct Words(String);

impl Visit for Words {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = write!(self.0, " {field}={value:?}");
    }
}

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == Level::ERROR
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut words = Words(String::new());
        event.record(&mut words);
        ERRORS
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(words.0);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}
