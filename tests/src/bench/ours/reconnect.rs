//! A hall full of devices that comes back at one moment to an office that was restarted.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use nghisu_core::{
    Client, Result as Done,
    ids::{DocumentId, MeetingId},
    meeting::ItemId,
    store::{NoteTarget, Splice},
};

use super::{
    super::{
        Figures, Metric,
        material::{self, Agenda, EDITS_WHILE_AWAY},
    },
    Stores,
    hall::{Hall, Way, median, told},
    programmes,
};

/// After how long a device asks again that does not see everybody's registration, at first; then twice
/// as long each time.
const AGAIN: Duration = Duration::from_millis(50);

/// Devices that have been away.
pub(super) struct Away {
    hall: Hall,
    agendas: Vec<Agenda>,
    notes: Vec<DocumentId>,
    meeting: MeetingId,
    /// Whether each device also registers to speak.
    storm: bool,
    rounds: u64,
}

impl Away {
    pub(super) fn begin(count: usize, storm: bool, stores: Stores) -> Result<Self, String> {
        let agendas = material::shared();
        let mut hall = Hall::open(&agendas, stores)?;
        hall.enrol(count)?;
        let notes = hall.all(|number, client| async move {
            client.sync().await?;
            let text = material::note(number);
            let note = client.create_note(NoteTarget::default(), &text).await?;
            client.sync().await?;
            Ok(note.id)
        })?;
        let meeting = hall.meeting(0)?;
        Ok(Self {
            hall,
            agendas,
            notes,
            meeting,
            storm,
            rounds: 0,
        })
    }

    /// What happens while nobody is connected.
    fn be_away(&mut self) -> Result<(), String> {
        self.rounds += 1;
        let agenda = self.agendas.first_mut().ok_or("no agenda")?;
        let edits = material::edits(agenda, self.rounds, EDITS_WHILE_AWAY);
        for edit in &edits {
            programmes::edit(agenda, edit);
        }
        self.hall.publish(0, agenda)?;
        let (notes, meeting) = (self.notes.clone(), self.meeting);
        // Two of one person about one item are one registration, so each round has its own.
        let item = &agenda.items[self.rounds as usize % agenda.items.len()].id;
        let item: ItemId = item.parse().map_err(told)?;
        let storm = self.storm;
        self.hall.all(move |number, client| {
            let (note, item) = (notes[number], item.clone());
            async move {
                write(&client, note, &material::note_addition(number)).await?;
                if storm {
                    client.register_to_speak(meeting, Some(item), "").await?;
                }
                Ok(())
            }
        })?;
        Ok(())
    }

    pub(super) fn run(&mut self) -> Result<Figures, String> {
        let mut figures = Figures::new();
        for way in [Way::Direct, Way::Counted] {
            self.be_away()?;
            self.hall.restart();
            self.hall.reach(way)?;
            let receipts = if self.storm {
                self.rounds as usize * self.notes.len()
            } else {
                0
            };
            let meeting = self.meeting;
            let begun = Instant::now();
            let pulls = self
                .hall
                .all(move |_, client| come_back(client, meeting, receipts))?;
            let wall = begun.elapsed();
            let used = self.hall.used()?;
            self.check()?;
            match way {
                Way::Direct => {
                    let requests: u32 = pulls.iter().sum();
                    figures.insert(Metric::WallMs, wall.as_secs_f64() * 1e3);
                    figures.insert(Metric::ServerCpuMs, used.cpu_ms);
                    figures.insert(Metric::ServerPeakMib, used.peak_mib);
                    figures.insert(Metric::Requests, f64::from(requests));
                    let each = pulls.into_iter().map(f64::from).collect();
                    figures.insert(Metric::PullsPerDevice, median(each));
                }
                Way::Counted => {
                    let counted = self.hall.counted();
                    let payload = counted.iter().map(|it| it.payload() as f64).collect();
                    let tls = counted.iter().map(|it| it.tls as f64).collect();
                    figures.insert(Metric::BytesPerDevice, median(payload));
                    figures.insert(Metric::TlsBytesPerDevice, median(tls));
                }
            }
        }
        Ok(figures)
    }

    /// Everybody has the agenda, and the office has every note.
    fn check(&self) -> Result<(), String> {
        self.hall.shows(0, &self.agendas[0])?;
        let notes = self.notes.clone();
        let unsent = self.hall.all(move |number, client| {
            let note = notes[number];
            async move { Ok(client.note(note).await?.unsent + client.status().await?.unsent) }
        })?;
        match unsent.iter().sum::<u64>() {
            0 => Ok(()),
            unsent => Err(format!("{unsent} changes are not at the office")),
        }
    }
}

/// Writes at the end of a note.
async fn write(client: &Client, note: DocumentId, text: &str) -> Done<()> {
    let position = client.note(note).await?.text.encode_utf16().count();
    let splice = Splice {
        position,
        delete: 0,
        insert: text.to_owned(),
    };
    client.edit_note(note, vec![splice]).await.map(drop)
}

/// Syncs until so many registrations are seen, and returns the requests that it took.
async fn come_back(client: Arc<Client>, meeting: MeetingId, receipts: usize) -> Done<u32> {
    let report = client.sync().await?;
    let mut requests = report.requests + report.pulls;
    let mut pause = AGAIN;
    while receipts > 0 && client.receipts(meeting).await?.len() < receipts {
        tokio::time::sleep(pause).await;
        pause *= 2;
        let report = client.sync().await?;
        requests += report.requests + report.pulls;
    }
    Ok(requests)
}
