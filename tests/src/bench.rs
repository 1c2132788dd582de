//! What a workload costs us and others, measured in one run.
//!
//! A [`Contender`] does the work of a [`Workload`] as whole as it can and returns what that cost it.
//! Contenders alternate, so that a noisy machine is noisy for all; of five runs the median counts, and
//! what is compared are ratios. Bytes are those of HTTP or WebSocket as they cross the socket, both
//! ways, headers included; TLS is counted apart. CPU and memory are the operating system's.

pub mod curves;
pub mod material;
pub mod measure;
pub mod ours;
pub mod parts;
#[cfg(feature = "peers")]
pub mod peers;
pub mod runner;
pub mod table;
pub mod targets;

use std::{collections::BTreeMap, fmt};

/// What is measured. Of each, less is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Metric {
    /// From the start of the work until it is done, in milliseconds.
    WallMs,
    /// CPU time of the server's process, user and system, in milliseconds.
    ServerCpuMs,
    /// The largest resident memory of the server's process, in MiB.
    ServerPeakMib,
    /// Requests, or messages where there are no requests.
    Requests,
    /// Pulls of a device until it has all.
    PullsPerDevice,
    /// Bytes in both directions, in all.
    Bytes,
    /// Bytes in both directions of a device, median over the devices.
    BytesPerDevice,
    /// Handshake and record overhead of TLS of a device, counted in none of the others.
    TlsBytesPerDevice,
    /// Bytes for each key pressed, where all were pressed offline.
    BytesPerKey,
    /// Bytes for each key pressed, where they travelled while they were pressed.
    OnlineBytesPerKey,
    /// Requests, where keys travelled while they were pressed.
    OnlineRequests,
    /// Documents opened at the server.
    DocumentsOpened,
    /// Time to apply what arrived, in milliseconds.
    ApplyMs,
    /// Time until it can be shown, in milliseconds; of a note, where there is one.
    ShownMs,
    /// Time until an agenda can be shown, in milliseconds.
    AgendaShownMs,
    /// Time to open the store from which it is shown, in milliseconds.
    OpenMs,
    /// Bytes on the server's disk.
    StoredBytes,
    /// Bytes at the server for each key pressed.
    StoredBytesPerKey,
}

impl Metric {
    /// The name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::WallMs => "wall_ms",
            Self::ServerCpuMs => "server_cpu_ms",
            Self::ServerPeakMib => "server_peak_mib",
            Self::Requests => "requests",
            Self::PullsPerDevice => "pulls_per_device",
            Self::Bytes => "bytes",
            Self::BytesPerDevice => "bytes_per_device",
            Self::TlsBytesPerDevice => "tls_bytes_per_device",
            Self::BytesPerKey => "bytes_per_key",
            Self::OnlineBytesPerKey => "online_bytes_per_key",
            Self::OnlineRequests => "online_requests",
            Self::DocumentsOpened => "documents_opened",
            Self::ApplyMs => "apply_ms",
            Self::ShownMs => "shown_ms",
            Self::AgendaShownMs => "agenda_shown_ms",
            Self::OpenMs => "open_ms",
            Self::StoredBytes => "stored_bytes",
            Self::StoredBytesPerKey => "stored_bytes_per_key",
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What one run cost.
pub type Figures = BTreeMap<Metric, f64>;

/// A piece of work that is done by all contenders alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Workload {
    /// 300 documents, 3 of them changed by 5 edits each; the device is otherwise equal.
    CatchUp,
    /// One agenda of 60 items, 183 changes behind.
    Behind,
    /// So many devices come back at once to a server that was restarted, each with a changed note and
    /// an agenda that got 5 edits.
    Reconnect(usize),
    /// As [`Workload::Reconnect`], and every device adds a registration that all must see.
    Storm(usize),
    /// So many devices fetch 20 documents that they have never had.
    FirstDownload(usize),
    /// A note of so many keystrokes.
    Note(usize),
    /// A note of 20,000 keystrokes, and an agenda of 60 items, on screen after a cold start.
    ColdOpen,
    /// An edit on one open device until it is on the screen of another.
    Live,
}

impl Workload {
    /// The name by which it is asked for, with the number of devices or keys.
    pub fn name(self) -> String {
        match self {
            Self::CatchUp => "catch-up".into(),
            Self::Behind => "behind".into(),
            Self::Reconnect(devices) => format!("reconnect {devices}"),
            Self::Storm(devices) => format!("storm {devices}"),
            Self::FirstDownload(devices) => format!("first-download {devices}"),
            Self::Note(keys) => format!("note {keys}"),
            Self::ColdOpen => "cold-open".into(),
            Self::Live => "live".into(),
        }
    }
}

/// Somebody who can do a workload.
pub trait Contender {
    /// Name and version, as `automerge-repo 2.5.6`.
    fn name(&self) -> String;

    /// What was on disk when it said so, and whether TLS lay beneath, in a few words.
    fn terms(&self) -> &'static str;

    /// Does the work once, with everything that is to be measured freshly started.
    ///
    /// # Errors
    /// What went wrong, in words; nothing is measured then.
    fn run(&mut self, workload: Workload) -> Result<Figures, String>;
}
