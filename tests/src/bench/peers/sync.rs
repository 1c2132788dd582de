//! Automerge's own sync protocol, in one process.

use std::time::Instant;

use automerge::{
    Automerge,
    sync::{Message, State, SyncDoc},
};

use super::{agenda, words};
use crate::bench::{
    Contender, Figures, Metric, Workload,
    material::{self, Agenda, Edit},
};

/// Rounds after which two sides are given up.
const ROUNDS_MAX: usize = 100;

/// Returns the protocol with fresh and with persisted states.
pub(super) fn contenders() -> Vec<Box<dyn Contender>> {
    [false, true]
        .into_iter()
        .map(|persisted| Box::new(Protocol { persisted }) as Box<dyn Contender>)
        .collect()
}

/// A device and a server that say to each other what the protocol says.
#[derive(Debug)]
pub(super) struct Protocol {
    /// Both still know what they said last time.
    pub(super) persisted: bool,
}

/// A document at the device, and what the server has of it on its disk.
pub(super) struct Pair {
    pub(super) device: Automerge,
    pub(super) stored: Vec<u8>,
}

impl Pair {
    /// A device that has an agenda, and a server that also has these edits.
    pub(super) fn of(agenda: &Agenda, edits: &[Edit]) -> Result<Self, String> {
        let device = agenda::document(agenda)?;
        let stored = agenda::edited(&device, agenda, edits)?.save();
        Ok(Self { device, stored })
    }
}

/// What a sync of many documents took.
#[derive(Debug, Default)]
struct Cost {
    messages: usize,
    bytes: usize,
    opened: usize,
    apply_ms: f64,
}

impl Contender for Protocol {
    fn name(&self) -> String {
        let states = if self.persisted { "persisted" } else { "fresh" };
        format!("automerge::sync 0.12.0, {states} states")
    }

    fn terms(&self) -> &'static str {
        "in process: no socket, no disk, no TLS, no signatures; bare messages"
    }

    fn run(&mut self, workload: Workload) -> Result<Figures, String> {
        let mut pairs = match workload {
            Workload::CatchUp => catalogue()?,
            Workload::Behind => vec![behind()?],
            Workload::Reconnect(_)
            | Workload::Storm(_)
            | Workload::FirstDownload(_)
            | Workload::Note(_)
            | Workload::ColdOpen
            | Workload::Live => return Err("this protocol has no server".to_owned()),
        };
        self.measure(&mut pairs)
    }
}

impl Protocol {
    /// Brings the devices' documents up to what the server has.
    pub(super) fn measure(&self, pairs: &mut [Pair]) -> Result<Figures, String> {
        let mut states = Vec::new();
        for pair in pairs.iter() {
            states.push(self.states(&pair.device)?);
        }
        let begun = Instant::now();
        let mut cost = Cost::default();
        for (pair, (device, server)) in pairs.iter_mut().zip(states) {
            cost.sync(pair, device, server)?;
        }
        let wall = begun.elapsed().as_secs_f64() * 1e3;
        Ok(Figures::from([
            (Metric::WallMs, wall),
            (Metric::Requests, cost.messages as f64),
            (Metric::Bytes, cost.bytes as f64),
            (Metric::DocumentsOpened, cost.opened as f64),
            (Metric::ApplyMs, cost.apply_ms),
        ]))
    }

    /// What both sides remember of the last time: they were equal then.
    fn states(&self, device: &Automerge) -> Result<(State, State), String> {
        let (mut ours, mut theirs) = (State::new(), State::new());
        if !self.persisted {
            return Ok((ours, theirs));
        }
        let (mut device, mut server) = (device.clone(), device.clone());
        for _ in 0..ROUNDS_MAX {
            let up = device.generate_sync_message(&mut ours);
            if let Some(message) = up.clone() {
                receive(&mut server, &mut theirs, message)?;
            }
            let down = server.generate_sync_message(&mut theirs);
            if let Some(message) = down.clone() {
                receive(&mut device, &mut ours, message)?;
            }
            if up.is_none() && down.is_none() {
                let kept = |state: &State| State::decode(&state.encode()).map_err(words);
                return Ok((kept(&ours)?, kept(&theirs)?));
            }
        }
        Err("both sides do not come to rest".to_owned())
    }
}

impl Cost {
    fn sync(&mut self, pair: &mut Pair, mut ours: State, mut theirs: State) -> Result<(), String> {
        let device = &mut pair.device;
        let mut server = Automerge::load(&pair.stored).map_err(words)?;
        self.opened += 1;
        for _ in 0..ROUNDS_MAX {
            let up = device.generate_sync_message(&mut ours);
            if let Some(message) = self.crosses(&up)? {
                receive(&mut server, &mut theirs, message)?;
            }
            let down = server.generate_sync_message(&mut theirs);
            if let Some(message) = self.crosses(&down)? {
                let begun = Instant::now();
                receive(device, &mut ours, message)?;
                self.apply_ms += begun.elapsed().as_secs_f64() * 1e3;
            }
            if up.is_none() && down.is_none() {
                return if device.get_heads() == server.get_heads() {
                    Ok(())
                } else {
                    Err("both sides rest and differ".to_owned())
                };
            }
        }
        Err("both sides do not come to rest".to_owned())
    }

    fn crosses(&mut self, message: &Option<Message>) -> Result<Option<Message>, String> {
        let Some(message) = message else {
            return Ok(None);
        };
        let bytes = message.clone().encode();
        self.messages += 1;
        self.bytes += bytes.len();
        Message::decode(&bytes).map(Some).map_err(words)
    }
}

fn receive(document: &mut Automerge, state: &mut State, message: Message) -> Result<(), String> {
    document.receive_sync_message(state, message).map_err(words)
}

fn catalogue() -> Result<Vec<Pair>, String> {
    let catalogue = material::catalogue();
    let mut pairs = Vec::new();
    for agenda in &catalogue {
        pairs.push(Pair::of(agenda, &[])?);
    }
    for (n, edits) in material::catalogue_edits(&catalogue) {
        pairs[n].stored = agenda::edited(&pairs[n].device, &catalogue[n], &edits)?.save();
    }
    Ok(pairs)
}

fn behind() -> Result<Pair, String> {
    let (agenda, edits) = material::behind();
    Pair::of(&agenda, &edits)
}
