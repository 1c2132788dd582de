//! A note in an editor, while other devices of its owner write it too.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use super::{Client, clock};
use crate::{
    document::{self, Splice},
    error::{Code, Error, Result},
    ids::DocumentId,
    store::{Changed, Note, Shown, Store},
};

/// One editor of one note. It knows what the screen shows: what is typed counts there, and what comes
/// from other devices is told as splices of it, to be taken when nobody types.
#[derive(Debug)]
pub struct Editor {
    client: Arc<Client>,
    note: DocumentId,
    /// Changed with the store, on its thread, so that a caller who stops waiting leaves it as it must be.
    state: Arc<Mutex<State>>,
    behind: Arc<Mutex<Behind>>,
}

/// How far the calls that write have come.
#[derive(Debug, Default)]
struct Behind {
    /// Calls that have ended, well or not.
    typed: u64,
    /// Why the screen shows more than was written, if it does.
    failed: Option<Code>,
}

#[derive(Debug)]
struct State {
    shown: Shown,
    /// What was told last, by its number, and what the screen shows once it has taken it.
    told: (u64, Option<Shown>),
}

/// What has come from elsewhere since the screen was last brought up to date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Came {
    /// Names it for [`Editor::take`].
    pub id: u64,
    /// How many calls that write had ended. If the screen has made more, the splices do not fit what it shows:
    /// it asks again later.
    pub typed: u64,
    /// What changes on the screen, one after the other. Empty if nothing does.
    pub splices: Vec<Splice>,
}

impl Came {
    /// Returns where the cursor, or one end of a selection, stands after the splices: behind the letter that
    /// it stood behind. UTF-16 code units.
    pub fn moved(&self, position: usize) -> usize {
        document::moved(position, &self.splices)
    }
}

impl Client {
    /// Opens a note in an editor; [`Editor::text`] is what it shows first. Several editors of one note do not
    /// know of each other, and each is right.
    ///
    /// # Errors
    /// [`Code::NoteUnknown`], [`Code::Storage`], [`Code::Closed`].
    pub async fn editor(self: &Arc<Self>, note: DocumentId) -> Result<Editor> {
        let shown = self.call(move |store| store.shown(note)).await?;
        let state = State {
            shown,
            told: (0, None),
        };
        Ok(Editor {
            client: Arc::clone(self),
            note,
            state: Arc::new(Mutex::new(state)),
            behind: Arc::default(),
        })
    }
}

impl Editor {
    /// Returns the text that the screen shows, as far as it was written.
    ///
    /// # Errors
    /// [`Code::Closed`].
    pub async fn text(&self) -> Result<String> {
        self.on_store(|_, _, state| Ok(state.shown.text().to_owned()))
            .await
    }

    /// Writes what was typed; positions count UTF-16 code units of what the screen shows. Calls are carried
    /// out in the order in which they were first polled, to their end even if the caller stops waiting. It is
    /// on disk when this returns.
    ///
    /// # Errors
    /// As [`Client::edit_note`]. Nothing has changed then, and since the screen shows more than was written,
    /// every later call fails with the same code until [`Editor::type_text`] says what it shows.
    pub async fn type_in(&self, splices: Vec<Splice>) -> Result<Note> {
        let behind = Arc::clone(&self.behind);
        self.typed(move |store, note, state| {
            no_more_is_shown(&behind)?;
            store.type_into(note, &state.shown, &splices, clock())
        })
        .await
    }

    /// Writes that the screen shows this text: for editors that do not tell what was typed, and after an
    /// error. What differs between its common beginning and end counts as typed.
    ///
    /// # Errors
    /// As [`Client::edit_note`]. Nothing has changed then.
    pub async fn type_text(&self, text: String) -> Result<Note> {
        self.typed(move |store, note, state| {
            let typed = document::between(state.shown.text(), &text);
            let splices = typed.as_slice();
            store.type_into(note, &state.shown, splices, clock())
        })
        .await
    }

    /// Returns what has come from elsewhere: to be asked for when [`Changed::Note`] names the note.
    ///
    /// # Errors
    /// As [`Client::editor`]; after an error of [`Editor::type_in`] its code.
    pub async fn came(&self) -> Result<Came> {
        let behind = Arc::clone(&self.behind);
        self.on_store(move |store, note, state| {
            no_more_is_shown(&behind)?;
            let (splices, shown) = store.come_meanwhile(note, &state.shown)?;
            let id = state.told.0 + 1;
            state.told = (id, Some(shown));
            let typed = lock(&behind).typed;
            Ok(Came { id, typed, splices })
        })
        .await
    }

    /// Says that the screen shows what was told: what is typed from here on counts in that, also on a device
    /// that was paused meanwhile. Returns whether that is right: if something was typed or told since, it is
    /// not. It waits for a call of this editor that is being carried out.
    pub fn take(&self, came: u64) -> bool {
        let mut state = lock(&self.state);
        let told = (state.told.0 == came).then(|| state.told.1.take());
        match told.flatten() {
            Some(shown) => {
                state.shown = shown;
                true
            }
            None => false,
        }
    }

    async fn typed(
        &self,
        write: impl FnOnce(&mut Store, DocumentId, &State) -> Result<(Note, Shown)> + Send + 'static,
    ) -> Result<Note> {
        let (behind, reached) = (Arc::clone(&self.behind), Arc::new(AtomicBool::new(false)));
        let reaches = Arc::clone(&reached);
        let typed = self
            .on_store(move |store, note, state| {
                reaches.store(true, Ordering::Relaxed);
                let written = write(store, note, state);
                let mut behind = lock(&behind);
                behind.typed += 1;
                match written {
                    Ok((note, shown)) => {
                        (state.shown, state.told.1, behind.failed) = (shown, None, None);
                        Ok(note)
                    }
                    Err(error) => {
                        behind.failed.get_or_insert_with(|| error.code());
                        Err(error)
                    }
                }
            })
            .await;
        if let Err(error) = &typed
            && !reached.load(Ordering::Relaxed)
        {
            let mut behind = lock(&self.behind);
            behind.typed += 1;
            behind.failed.get_or_insert_with(|| error.code());
        }
        let note = self.client.edited(self.note, typed)?;
        self.client.tell(BTreeSet::from([Changed::Note(self.note)]));
        Ok(note)
    }

    async fn on_store<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Store, DocumentId, &mut State) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (state, note) = (Arc::clone(&self.state), self.note);
        let work = move |store: &mut Store| work(store, note, &mut lock(&state));
        self.client.call(work).await
    }
}

fn no_more_is_shown(behind: &Mutex<Behind>) -> Result<()> {
    match lock(behind).failed {
        Some(code) => Err(Error::new(code, "after what was typed before")),
        None => Ok(()),
    }
}

fn lock<T>(state: &Mutex<T>) -> MutexGuard<'_, T> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
