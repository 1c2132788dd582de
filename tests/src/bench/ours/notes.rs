//! A note of many keystrokes: on its way to the office, and on screen.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use nghisu_core::{
    Client,
    ids::DocumentId,
    store::{Changed, NoteTarget, Opening, Splice, Store},
    sync::cadence::EDITS_MS_MAX,
};
use nghisu_server::clock;
use rusqlite::Connection;
use zeroize::Zeroizing;

use super::{
    super::{
        Figures, Metric,
        material::{self, Key},
    },
    Stores,
    hall::{Hall, Way, median, told},
};

/// Keys that are pressed in a second.
const KEYS_PER_S: usize = 5;
/// Keys in one edit: an app hands over what was typed within a second at most.
const KEYS_PER_EDIT: usize = KEYS_PER_S;
/// Edits on one screen that are waited for on another.
const LIVE_EDITS: usize = 10;
/// How long one may take before it counts as lost.
const LIVE_MAX: Duration = Duration::from_secs(30);

fn splices(keys: &[Key]) -> Vec<Splice> {
    let splice = |key: &Key| match *key {
        Key::Insert(position, letter) => Splice {
            position,
            delete: 0,
            insert: letter.to_string(),
        },
        Key::Delete(position) => Splice {
            position,
            delete: 1,
            insert: String::new(),
        },
    };
    keys.iter().map(splice).collect()
}

/// Types into a note, as an app hands it over.
async fn press(client: &Client, note: DocumentId, keys: &[Key]) -> Result<(), String> {
    for keys in keys.chunks(KEYS_PER_EDIT) {
        let edited = client.edit_note(note, splices(keys)).await;
        edited.map_err(told)?;
    }
    Ok(())
}

/// Bytes of envelopes in the office's log.
fn stored(hall: &Hall) -> Result<f64, String> {
    let database = Connection::open(hall.office.database()).map_err(told)?;
    let sum = "SELECT coalesce(sum(length(bytes)), 0) FROM envelope";
    database
        .query_row(sum, [], |row| row.get::<_, i64>(0))
        .map(|bytes| bytes as f64)
        .map_err(told)
}

/// A device that writes.
pub(super) struct Writing {
    hall: Hall,
    keys: Vec<Key>,
}

impl Writing {
    pub(super) fn begin(keys: usize) -> Result<Self, String> {
        let mut hall = Hall::open(&[], Stores::OnDisk)?;
        hall.enrol(1)?;
        hall.sync()?;
        Ok(Self {
            hall,
            keys: material::keystrokes(keys),
        })
    }

    pub(super) fn run(&mut self) -> Result<Figures, String> {
        let mut figures = Figures::new();
        let count = self.keys.len() as f64;
        let client = self.new_client();
        let hall = &self.hall;

        let note = self.new_note(&client)?;
        hall.wait(press(&client, note, &self.keys))?;
        hall.reach(Way::Counted)?;
        let before = stored(hall)?;
        let begun = Instant::now();
        hall.sync()?;
        let wall = begun.elapsed();
        let counted = hall.counted();
        let counted = counted.first().ok_or("no device")?;
        figures.insert(Metric::WallMs, wall.as_secs_f64() * 1e3);
        figures.insert(Metric::BytesPerKey, counted.payload() as f64 / count);
        let kept = stored(hall)? - before;
        figures.insert(Metric::StoredBytes, kept);
        figures.insert(Metric::StoredBytesPerKey, kept / count);
        self.check(&client, note)?;

        let note = self.new_note(&client)?;
        hall.reach(Way::Counted)?;
        let at_once = KEYS_PER_S * usize::try_from(EDITS_MS_MAX / 1_000).map_err(told)?;
        let mut requests = 0;
        for keys in self.keys.chunks(at_once) {
            hall.wait(press(&client, note, keys))?;
            let report = hall.wait(client.sync()).map_err(told)?;
            requests += report.requests + report.pulls;
        }
        let counted = hall.counted();
        let counted = counted.first().ok_or("no device")?;
        figures.insert(Metric::OnlineBytesPerKey, counted.payload() as f64 / count);
        figures.insert(Metric::OnlineRequests, f64::from(requests));
        self.check(&client, note)?;
        Ok(figures)
    }

    fn new_client(&self) -> Arc<Client> {
        Arc::clone(&self.hall.devices[0].client)
    }

    /// An empty note that the office has.
    fn new_note(&self, client: &Client) -> Result<DocumentId, String> {
        self.hall.wait(async {
            let note = client.create_note(NoteTarget::default(), "").await;
            let note = note.map_err(told)?;
            client.sync().await.map_err(told)?;
            Ok(note.id)
        })
    }

    fn check(&self, client: &Client, note: DocumentId) -> Result<(), String> {
        let note = self.hall.wait(client.note(note)).map_err(told)?;
        if note.text != material::typed(&self.keys) || note.unsent > 0 {
            return Err("the note is not what was typed, or not at the office".into());
        }
        Ok(())
    }
}

/// A store with a long note and a long agenda.
pub(super) struct Cold {
    hall: Hall,
    note: DocumentId,
}

impl Cold {
    pub(super) fn begin(keys: usize) -> Result<Self, String> {
        let agendas = material::shared();
        let mut hall = Hall::open(&agendas[..1], Stores::OnDisk)?;
        hall.enrol(1)?;
        hall.sync()?;
        let client = Arc::clone(&hall.devices[0].client);
        let note = hall.wait(async {
            let note = client.create_note(NoteTarget::default(), "").await;
            let note = note.map_err(told)?.id;
            press(&client, note, &material::keystrokes(keys)).await?;
            client.sync().await.map_err(told)?;
            client.shut_down().await;
            Ok::<_, String>(note)
        })?;
        Ok(Self { hall, note })
    }

    /// Opens the store as after the start of an app, and reads what its first screen shows.
    pub(super) fn run(&self) -> Result<Figures, String> {
        let meeting = self.hall.meeting(0)?;
        let directory = &self.hall.devices[0].directory;
        let opening = Opening {
            seed: Zeroizing::new([1; 32]),
            sealing: Zeroizing::new([2; 32]),
            signer: None,
            database_key: None,
        };
        let mut figures = Figures::new();
        for (metric, note) in [(Metric::ShownMs, true), (Metric::AgendaShownMs, false)] {
            let begun = Instant::now();
            let store = Store::open(directory, &opening, clock::now()).map_err(told)?;
            let opened = begun.elapsed();
            let begun = Instant::now();
            let shown = if note {
                store.note(self.note).map(|note| note.text.chars().count())
            } else {
                let shown = store.programme(meeting);
                shown.map(|shown| shown.programme.items_in_order().len())
            };
            let read = begun.elapsed();
            if shown.map_err(told)? < 60 {
                return Err("less is shown than there is".into());
            }
            figures.insert(metric, read.as_secs_f64() * 1e3);
            figures.insert(Metric::OpenMs, opened.as_secs_f64() * 1e3);
        }
        Ok(figures)
    }
}

/// Two devices of one person that have the same note open.
pub(super) struct Live {
    hall: Hall,
    note: DocumentId,
}

impl Live {
    pub(super) fn begin() -> Result<Self, String> {
        let mut hall = Hall::open(&[], Stores::OnDisk)?;
        hall.enrol(1)?;
        hall.sync()?;
        hall.enrol_another(0)?;
        let [first, second] = [0, 1].map(|n| Arc::clone(&hall.devices[n].client));
        let note = hall.wait(async {
            first.sync().await?;
            second.sync().await?;
            let code = second.link_code().await?;
            second.sync().await?;
            first.sync().await?;
            first.approve_device(&code).await?;
            first.sync().await?;
            second.sync().await?;
            let note = first.create_note(NoteTarget::default(), "…").await?;
            first.sync().await?;
            second.sync().await?;
            for client in [&first, &second] {
                client.start_sync();
                client.note_opened(note.id);
            }
            Ok::<_, nghisu_core::Error>(note.id)
        });
        let live = Self {
            hall,
            note: note.map_err(told)?,
        };
        // From the second edit on both know that the other one writes.
        for n in 0..4 {
            live.edit(n)?;
        }
        Ok(live)
    }

    /// Writes on one device, and returns the milliseconds until the other one shows it.
    fn edit(&self, n: usize) -> Result<f64, String> {
        let [from, to] = [n % 2, 1 - n % 2].map(|n| Arc::clone(&self.hall.devices[n].client));
        let note = self.note;
        let ms = self.hall.wait(async {
            let mut heard = to.subscribe();
            let before = to.note(note).await.map_err(told)?.text;
            let word = Splice {
                position: 0,
                delete: 0,
                insert: "chữ ".into(),
            };
            let begun = Instant::now();
            from.edit_note(note, vec![word]).await.map_err(told)?;
            let seen = async {
                while let Some(changed) = heard.next().await {
                    let concerns = matches!(changed, Changed::Everything | Changed::Note(_));
                    if concerns && to.note(note).await.map_err(told)?.text != before {
                        break;
                    }
                }
                Ok::<_, String>(begun.elapsed())
            };
            let seen = tokio::time::timeout(LIVE_MAX, seen).await;
            let seen = seen.map_err(|_| "an edit did not arrive")??;
            Ok::<_, String>(seen.as_secs_f64() * 1e3)
        })?;
        // Nobody types all the time; the next word finds both at rest.
        std::thread::sleep(Duration::from_millis(600));
        Ok(ms)
    }

    pub(super) fn run(&self) -> Result<Figures, String> {
        let ms = (0..LIVE_EDITS)
            .map(|n| self.edit(n))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Figures::from([(Metric::WallMs, median(ms))]))
    }
}
