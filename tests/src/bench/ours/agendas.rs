//! Programmes that a device has and that change, and those that it does not have yet.

use std::time::Instant;

use super::{
    super::{
        Figures, Metric,
        material::{self, Agenda},
    },
    Stores,
    caller::Caller,
    hall::{Hall, Way, median},
    programmes,
};

/// A device that has 300 programmes, of which three change.
pub(super) struct CatchUp {
    hall: Hall,
    agendas: Vec<Agenda>,
    rounds: u64,
}

impl CatchUp {
    pub(super) fn begin() -> Result<Self, String> {
        let agendas = material::catalogue();
        let mut hall = Hall::open(&agendas, Stores::OnDisk)?;
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
    pub(super) fn begin(devices: usize, stores: Stores) -> Result<Self, String> {
        let agendas = material::shared();
        Ok(Self {
            hall: Hall::open(&agendas, stores)?,
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
    let mut hall = Hall::open(std::slice::from_ref(&agenda), Stores::OnDisk)?;
    hall.enrol(1)?;
    hall.sync()?;
    let mut waiting = Caller::enrol(hall.folder(), &hall.library, 1_000 + seed)?;
    waiting.sync(&hall.library)?;
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
            let took = waiting.sync(&hall.library)?;
            figures.insert(Metric::ApplyMs, took.applied.as_secs_f64() * 1e3);
        }
        pull(&mut hall, way, &mut figures)?;
        hall.shows(0, &agenda)?;
    }
    figures.remove(&Metric::BytesPerDevice);
    figures.remove(&Metric::PullsPerDevice);
    Ok(figures)
}
