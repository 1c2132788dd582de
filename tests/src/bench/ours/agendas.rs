//! Programmes that a device has and that change, and those that it does not have yet.

use std::time::Instant;

use nghisu_core::{
    limits::SYNC_ROUNDS_MAX,
    sync::session::{Input, Output, Session},
    trust::{decide::Role, vault::Dice},
};
use nghisu_server::clock;

use super::{
    super::{
        Figures, Metric,
        material::{self, Agenda},
    },
    hall::{Hall, Way, median, told},
    programmes,
};
use crate::local::Local;

/// A device that has 300 programmes, of which three change.
pub(super) struct CatchUp {
    hall: Hall,
    agendas: Vec<Agenda>,
    rounds: u64,
}

impl CatchUp {
    pub(super) fn begin() -> Result<Self, String> {
        let agendas = material::catalogue();
        let mut hall = Hall::open(&agendas)?;
        hall.enrol(1)?;
        hall.sync()?;
        Ok(Self {
            hall,
            agendas,
            rounds: 0,
        })
    }

    /// What a secretary changes in one sitting he publishes at once.
    fn change(&mut self) -> Result<(), String> {
        for (number, _) in material::catalogue_edits(&self.agendas) {
            self.rounds += 1;
            let agenda = &mut self.agendas[number];
            let edits = material::edits(agenda, self.rounds, material::CATALOGUE_EDITED.1);
            for edit in &edits {
                programmes::edit(agenda, edit);
            }
            self.hall.publish(number, agenda)?;
        }
        Ok(())
    }

    pub(super) fn run(&mut self) -> Result<Figures, String> {
        let mut figures = Figures::new();
        for way in [Way::Direct, Way::Counted] {
            self.change()?;
            pull(&mut self.hall, way, &mut figures)?;
            for (number, _) in material::catalogue_edits(&self.agendas) {
                self.hall.shows(number, &self.agendas[number])?;
            }
        }
        // What the office opens to answer is counted where SQLite tells it: in server/tests/costs.rs.
        figures.insert(Metric::DocumentsOpened, 0.0);
        Ok(figures)
    }
}

/// Restarts the office, lets all devices sync at one moment and enters what that cost.
fn pull(hall: &mut Hall, way: Way, figures: &mut Figures) -> Result<(), String> {
    hall.restart();
    hall.reach(way)?;
    let begun = Instant::now();
    let reports = hall.sync()?;
    let wall = begun.elapsed();
    let used = hall.used()?;
    match way {
        Way::Direct => {
            let requests = reports.iter().map(|it| f64::from(it.requests + it.pulls));
            figures.insert(Metric::WallMs, wall.as_secs_f64() * 1e3);
            figures.insert(Metric::ServerCpuMs, used.cpu_ms);
            figures.insert(Metric::ServerPeakMib, used.peak_mib);
            figures.insert(Metric::Requests, requests.clone().sum());
            figures.insert(Metric::PullsPerDevice, median(requests.collect()));
        }
        Way::Counted => {
            let counted = hall.counted();
            let payload: Vec<f64> = counted.iter().map(|it| it.payload() as f64).collect();
            let tls = counted.iter().map(|it| it.tls as f64).collect();
            figures.insert(Metric::Bytes, payload.iter().sum());
            figures.insert(Metric::BytesPerDevice, median(payload));
            figures.insert(Metric::TlsBytesPerDevice, median(tls));
        }
    }
    Ok(())
}

/// So many devices that have nothing yet.
pub(super) struct FirstDownload {
    hall: Hall,
    agendas: Vec<Agenda>,
    devices: usize,
}

impl FirstDownload {
    pub(super) fn begin(devices: usize) -> Result<Self, String> {
        let agendas = material::shared();
        Ok(Self {
            hall: Hall::open(&agendas)?,
            agendas,
            devices,
        })
    }

    pub(super) fn run(&mut self) -> Result<Figures, String> {
        let mut figures = Figures::new();
        for way in [Way::Direct, Way::Counted] {
            self.hall.dismiss();
            self.hall.enrol(self.devices)?;
            pull(&mut self.hall, way, &mut figures)?;
            for (number, agenda) in self.agendas.iter().enumerate() {
                self.hall.shows(number, agenda)?;
            }
        }
        figures.remove(&Metric::Bytes);
        Ok(figures)
    }
}

/// Returns what it costs a device to be 183 edits behind in an agenda: edited in a draft by one who then
/// publishes.
pub(super) fn behind(seed: u64) -> Result<Figures, String> {
    let (mut agenda, edits) = material::behind();
    let mut hall = Hall::open(std::slice::from_ref(&agenda))?;
    hall.enrol(1)?;
    hall.sync()?;
    let mut waiting = Waiting::enrol(&hall, seed)?;
    waiting.sync(&hall)?;
    let mut figures = Figures::new();
    for way in [Way::Direct, Way::Counted] {
        // The same edits once more: what they edit is put back in between, and read.
        let (original, _) = material::behind();
        if way == Way::Counted {
            hall.publish(0, &original)?;
            hall.sync()?;
            agenda = original;
        }
        for edit in &edits {
            programmes::edit(&mut agenda, edit);
        }
        hall.publish(0, &agenda)?;
        if way == Way::Direct {
            figures.insert(Metric::ApplyMs, waiting.sync(&hall)?);
        }
        pull(&mut hall, way, &mut figures)?;
        hall.shows(0, &agenda)?;
    }
    figures.remove(&Metric::BytesPerDevice);
    figures.remove(&Metric::PullsPerDevice);
    Ok(figures)
}

/// A device whose store is called here, so that the clock can be looked at around it. What it is answered
/// is what the office's process would answer.
struct Waiting {
    device: Local,
    dice: Dice,
}

impl Waiting {
    fn enrol(hall: &Hall, seed: u64) -> Result<Self, String> {
        let mut bytes = [7; 32];
        bytes[..8].copy_from_slice(&seed.to_be_bytes());
        let person = hall.library.add_person("Người chờ", Role::Delegate);
        let person = person.map_err(told)?;
        let device = Local::enrol_in(hall.folder(), &hall.library, person.id, bytes);
        Ok(Self {
            device,
            dice: Dice::new(bytes),
        })
    }

    /// Syncs and returns how many milliseconds it took to store what came, on disk.
    fn sync(&mut self, hall: &Hall) -> Result<f64, String> {
        let store = &mut self.device.store;
        let mut applied = std::time::Duration::ZERO;
        for round in 0..SYNC_ROUNDS_MAX {
            let now = clock::now();
            let prepared = store.prepare_vault(self.dice.draw(), now).map_err(told)?;
            let again = store.take_vault_again().map_err(told)? || prepared;
            if round > 0 && !again {
                break;
            }
            let signer = store.signer();
            let mut session = Session::new(store.parties().map_err(told)?, signer.as_ref(), 7);
            session.handle(now, Input::Wanted);
            while let Some(output) = session.poll() {
                let input = match output {
                    Output::Load => store
                        .work(self.dice.draw())
                        .map(|work| Input::Loaded(Box::new(work))),
                    Output::Save(step) => {
                        let begun = Instant::now();
                        let saved = store.save(&step).map(|_| Input::Saved);
                        applied += begun.elapsed();
                        saved
                    }
                    Output::Send(request) => hall.library.sync(&request, now).map(Input::Replied),
                    Output::Finished(ended) => {
                        ended.map_err(told)?;
                        break;
                    }
                };
                session.handle(now, input.unwrap_or_else(Input::Failed));
            }
        }
        Ok(applied.as_secs_f64() * 1e3)
    }
}
