//! Servers with many devices: reconnect, storm, first download, an edit on another open device.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{
    devices::Devices,
    server::{Kind, Server},
    words,
};
use crate::bench::{
    Contender, Figures, Metric, Workload, material,
    measure::{Layer, Relay},
};

/// How long devices may take to have and give all that they shall before the work begins: for each,
/// and in all besides.
const JOIN_MAX: (Duration, Duration) = (Duration::from_secs(3), Duration::from_secs(120));

/// How long the work itself may take.
const WORK_MAX: Duration = Duration::from_secs(300);

/// Returns the servers, each of which gets no more runs after it has had so much time for all together.
pub(super) fn contenders(patience: Duration) -> Vec<Box<dyn Contender>> {
    [Kind::Repo, Kind::SyncServer, Kind::Samod]
        .into_iter()
        .map(|kind| Box::new(Turns::of(kind, patience)) as Box<dyn Contender>)
        .collect()
}

/// Runs of one server, as many as there is patience for.
#[derive(Debug)]
struct Turns {
    hall: Hall,
    runs: u32,
    spent: Duration,
    patience: Duration,
}

impl Turns {
    const fn of(kind: Kind, patience: Duration) -> Self {
        let hall = Hall { kind };
        Self {
            hall,
            runs: 0,
            spent: Duration::ZERO,
            patience,
        }
    }
}

/// A server and its devices.
#[derive(Debug)]
pub(super) struct Hall {
    pub(super) kind: Kind,
}

/// What devices have in the end.
#[derive(Debug)]
pub(super) struct Seen {
    /// Devices whose shared documents are those of the first.
    pub(super) equal: usize,
    /// Titles of the agenda.
    pub(super) titles: Vec<String>,
    /// Entries of the list that all write to.
    pub(super) registrations: usize,
    /// The note of each.
    pub(super) notes: Vec<String>,
}

impl Contender for Turns {
    fn name(&self) -> String {
        self.hall.name().to_owned()
    }

    fn terms(&self) -> &'static str {
        match self.hall.kind {
            Kind::Repo | Kind::SyncServer => {
                "confirmed from memory, files written up to 0.1 s later without fsync; no TLS, no sign-in"
            }
            Kind::Samod => "confirmed from memory, files written without fsync; no TLS, no sign-in",
        }
    }

    fn run(&mut self, workload: Workload) -> Result<Figures, String> {
        if self.spent > self.patience {
            let seconds = (self.spent / self.runs.max(1)).as_secs();
            return Err(format!(
                "only {} of the runs: with its preparation one takes {seconds} s",
                self.runs
            ));
        }
        let begun = Instant::now();
        let measured = self.hall.measure(workload);
        self.runs += 1;
        self.spent += begun.elapsed();
        measured.map(|(figures, _)| figures)
    }
}

impl Hall {
    const fn name(&self) -> &'static str {
        match self.kind {
            Kind::Repo => "automerge-repo 2.5.6",
            Kind::SyncServer => "automerge-repo-sync-server 0.2.8",
            Kind::Samod => "samod 0.16.0",
        }
    }

    /// Does the work and also returns what the devices have then.
    pub(super) fn measure(&self, workload: Workload) -> Result<(Figures, Seen), String> {
        let count = match workload {
            Workload::Reconnect(count)
            | Workload::Storm(count)
            | Workload::FirstDownload(count) => count,
            Workload::Live => 2,
            Workload::CatchUp | Workload::Behind | Workload::Note(_) | Workload::ColdOpen => {
                return Err("this server has no such work".to_owned());
            }
        };
        let mut server = Server::start(self.kind)?;
        let relay = Relay::to(server.address(), Layer::Plain).map_err(words)?;
        let mut devices = Devices::start(&relay, count)?;
        let done = self.work(workload, count, &mut server, &mut devices);
        done.map_err(|error| format!("{}: {error} [{}]", self.name(), server.said()))
    }

    fn work(
        &self,
        workload: Workload,
        count: usize,
        server: &mut Server,
        devices: &mut Devices,
    ) -> Result<(Figures, Seen), String> {
        devices.prepare(server.address())?;
        let join_max = JOIN_MAX.0 * u32::try_from(count).map_err(words)? + JOIN_MAX.1;
        let work = match workload {
            Workload::FirstDownload(_) => json!({"do": "download"}),
            Workload::Live => {
                devices.ask(json!({"do": "join"}), join_max)?;
                json!({"do": "live"})
            }
            Workload::Reconnect(_)
            | Workload::Storm(_)
            | Workload::CatchUp
            | Workload::Behind
            | Workload::Note(_)
            | Workload::ColdOpen => {
                let registrations = matches!(workload, Workload::Storm(_));
                devices.ask(json!({"do": "join"}), join_max)?;
                let change = json!({"do": "change", "registrations": registrations});
                devices.ask(change, join_max)?;
                json!({"do": "back", "registrations": registrations})
            }
        };
        server.settle()?;
        if workload != Workload::Live {
            server.restart()?;
        }
        devices.reset();
        let (cpu_before, _) = server.cost()?;
        let answer = devices.ask(work, WORK_MAX)?;
        let (cpu, peak) = server.cost()?;
        let bytes = devices.bytes();
        let seen = Seen::of(&devices.ask(json!({"do": "look"}), JOIN_MAX.1)?);
        check(workload, count, &seen)?;

        let mut figures = Figures::from([
            (Metric::ServerCpuMs, cpu - cpu_before),
            (Metric::ServerPeakMib, peak),
            (Metric::Requests, number(&answer["messages"])?),
            (Metric::Bytes, bytes.iter().sum::<u64>() as f64),
            (Metric::BytesPerDevice, bytes[bytes.len() / 2] as f64),
        ]);
        let wall = if workload == Workload::Live {
            let times = answer["times"].as_array().ok_or("no times")?;
            let mut times: Vec<f64> = times.iter().map(number).collect::<Result<_, _>>()?;
            times.sort_unstable_by(f64::total_cmp);
            *times.get(times.len() / 2).ok_or("no times")?
        } else {
            number(&answer["ms"])?
        };
        figures.insert(Metric::WallMs, wall);
        if workload != Workload::Live {
            server.settle()?;
            figures.insert(Metric::StoredBytes, server.stored()? as f64);
        }
        Ok((figures, seen))
    }
}

impl Seen {
    fn of(answer: &Value) -> Self {
        let texts = |key: &str| -> Vec<String> {
            let all = answer[key].as_array().into_iter().flatten();
            all.filter_map(|text| text.as_str().map(str::to_owned))
                .collect()
        };
        let count = |key: &str| {
            let count = answer[key].as_u64().unwrap_or_default();
            usize::try_from(count).unwrap_or_default()
        };
        Self {
            equal: count("equal"),
            titles: texts("titles"),
            registrations: count("registrations"),
            notes: texts("notes"),
        }
    }
}

/// Work that was not done is not measured.
fn check(workload: Workload, count: usize, seen: &Seen) -> Result<(), String> {
    if seen.equal != count {
        return Err(format!("{} of {count} devices are equal", seen.equal));
    }
    if let Workload::Storm(_) = workload
        && seen.registrations != count
    {
        return Err(format!("{} of {count} registrations", seen.registrations));
    }
    let agenda = &material::shared()[0];
    let edits = match workload {
        Workload::Reconnect(_) | Workload::Storm(_) => {
            let own = |n| material::note(n) + &material::note_addition(n);
            if !seen.notes.iter().cloned().eq((0..count).map(own)) {
                return Err("a note is not as it was written".to_owned());
            }
            material::edits(agenda, 5, material::EDITS_WHILE_AWAY)
        }
        Workload::Live => material::edits(agenda, 10, super::devices::LIVE_EDITS),
        Workload::FirstDownload(_)
        | Workload::CatchUp
        | Workload::Behind
        | Workload::Note(_)
        | Workload::ColdOpen => Vec::new(),
    };
    let mut titles: Vec<&str> = agenda.items.iter().map(|i| &*i.title).collect();
    for edit in &edits {
        if let material::Edit::Title { item, text } = edit {
            titles[*item] = text;
        }
    }
    if seen.titles == titles {
        Ok(())
    } else {
        Err("the agenda is not as it was edited".to_owned())
    }
}

fn number(value: &Value) -> Result<f64, String> {
    value
        .as_f64()
        .ok_or_else(|| format!("{value} is no number"))
}
