//! What a workload costs us: the office as a process of its own with TLS, devices over the same client
//! that apps use, everything signed, notes sealed, and nothing accepted that is not on disk.
//!
//! A run goes two rounds: one over the office's own address, where the clock is looked at, and one
//! through a relay, where bytes are counted. Both restart the office, so that nothing is warm and every
//! device shakes hands anew. CPU and memory of the office are those since its start.

mod agendas;
mod caller;
mod hall;
mod notes;
mod programmes;
mod reconnect;

use super::{Contender, Figures, Workload};

pub(super) use caller::Caller;
pub(super) use hall::{beside_programs, told};
pub use programmes::{edit, programme};

/// Keystrokes of the note that is opened.
const KEYS: usize = 20_000;

/// Where devices keep their stores. The office's folder is on the disk in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Stores {
    /// All on the one disk that the office has too, with fsync.
    #[default]
    OnDisk,
    /// In memory, where the peers' devices have theirs: whoever waits for the disk is the office alone.
    InMemory,
}

/// This workspace.
#[derive(Default)]
pub struct Ours {
    stores: Stores,
    /// The office and the devices that earlier runs of a workload have left.
    standing: Option<(Workload, Standing)>,
    runs: u64,
}

enum Standing {
    CatchUp(Box<agendas::CatchUp>),
    Behind,
    Reconnect(Box<reconnect::Away>),
    FirstDownload(Box<agendas::FirstDownload>),
    Note(Box<notes::Writing>),
    ColdOpen(Box<notes::Cold>),
    Live(Box<notes::Live>),
}

impl std::fmt::Debug for Ours {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Ours({} runs)", self.runs)
    }
}

impl Ours {
    /// Returns this workspace with devices that keep their stores there.
    pub fn with(stores: Stores) -> Self {
        Self {
            stores,
            ..Self::default()
        }
    }
}

impl Contender for Ours {
    fn name(&self) -> String {
        let name = concat!("nghisu ", env!("CARGO_PKG_VERSION"));
        match self.stores {
            Stores::OnDisk => name.into(),
            Stores::InMemory => format!("{name}, devices in memory"),
        }
    }

    fn terms(&self) -> &'static str {
        match self.stores {
            Stores::OnDisk => "TLS 1.3, signed, notes sealed, fsync before each answer",
            Stores::InMemory => {
                "TLS 1.3, signed, notes sealed, fsync before each answer at the office alone"
            }
        }
    }

    fn run(&mut self, workload: Workload) -> Result<Figures, String> {
        self.runs += 1;
        let standing = match self.standing.take() {
            Some((of, standing)) if of == workload => standing,
            Some(_) | None => begin(workload, self.stores)?,
        };
        let (_, standing) = self.standing.insert((workload, standing));
        match standing {
            Standing::CatchUp(catch_up) => catch_up.run(),
            Standing::Behind => agendas::behind(self.runs),
            Standing::Reconnect(away) => away.run(),
            Standing::FirstDownload(first) => first.run(),
            Standing::Note(writing) => writing.run(),
            Standing::ColdOpen(cold) => cold.run(),
            Standing::Live(live) => live.run(),
        }
    }
}

fn begin(workload: Workload, stores: Stores) -> Result<Standing, String> {
    Ok(match workload {
        Workload::CatchUp => Standing::CatchUp(Box::new(agendas::CatchUp::begin()?)),
        Workload::Behind => Standing::Behind,
        Workload::Reconnect(count) => {
            Standing::Reconnect(Box::new(reconnect::Away::begin(count, false, stores)?))
        }
        Workload::Storm(count) => {
            Standing::Reconnect(Box::new(reconnect::Away::begin(count, true, stores)?))
        }
        Workload::FirstDownload(count) => {
            Standing::FirstDownload(Box::new(agendas::FirstDownload::begin(count, stores)?))
        }
        Workload::Note(keys) => Standing::Note(Box::new(notes::Writing::begin(keys)?)),
        Workload::ColdOpen => Standing::ColdOpen(Box::new(notes::Cold::begin(KEYS)?)),
        Workload::Live => Standing::Live(Box::new(notes::Live::begin()?)),
    })
}
