//! A note in an editor, while other devices of its owner write it too.
//!
//! What is typed is put into a queue by the first poll of its call, on the app's own thread: so it counts
//! in the order in which it was typed, and is written although its caller stops waiting.

use std::sync::Arc;

use nghisu_core::{Error, client, document, ids::DocumentId, store};
use tokio::sync::{mpsc, oneshot};

use crate::{
    Device, Result,
    records::{Note, Splice, note_id},
};

/// One editor of one note. It knows what the screen shows: what is typed counts there, and what comes from
/// other devices is told as splices of it.
///
/// When `Change.Note` names the note, ask `came`. If the screen has made no more calls that write than
/// `Came.typed` says, show the splices and call `take` before anything else is typed; otherwise leave it,
/// and ask again after the next change. An editor ends when it is freed.
#[derive(Debug, uniffi::Object)]
pub struct NoteEditor {
    queue: mpsc::UnboundedSender<Order>,
    /// It lives for as long as its editors do.
    _device: Arc<Device>,
}

/// What has come from other devices since the screen was last brought up to date.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Came {
    /// Names it for `take`.
    pub id: u64,
    /// How many calls of `type_in` and `type_text` had ended, well or not.
    pub typed: u64,
    /// What changes on the screen, one after the other. Empty if nothing does.
    pub splices: Vec<Splice>,
}

/// Returns where the cursor, or one end of a selection, stands after splices: behind the letter that it stood
/// behind. UTF-16 code units.
#[uniffi::export]
pub fn moved_position(position_utf16: u32, splices: Vec<Splice>) -> u32 {
    let splices: Vec<_> = splices.into_iter().map(document::Splice::from).collect();
    let position = usize::try_from(position_utf16).unwrap_or(usize::MAX);
    u32::try_from(document::moved(position, &splices)).unwrap_or(u32::MAX)
}

#[derive(Debug)]
enum Order {
    Write(Typed, oneshot::Sender<nghisu_core::Result<store::Note>>),
    Take(u64),
    Text(oneshot::Sender<nghisu_core::Result<String>>),
    Come(oneshot::Sender<nghisu_core::Result<client::Came>>),
}

#[derive(Debug)]
enum Typed {
    Splices(Vec<document::Splice>),
    Text(String),
}

#[uniffi::export]
impl Device {
    /// Opens a note in an editor; its `text` is what it shows first. Several editors of one note do not know of
    /// each other, and each is right.
    pub async fn open_editor(self: Arc<Self>, note: String) -> Result<Arc<NoteEditor>> {
        let note: DocumentId = note_id(&note)?;
        let editor = self.run(|client| async move { client.editor(note).await });
        let editor = Arc::new(editor.await?);
        let (queue, orders) = mpsc::unbounded_channel();
        self.runtime.spawn(work_off(editor, orders));
        Ok(Arc::new(NoteEditor {
            queue,
            _device: self,
        }))
    }
}

async fn work_off(editor: Arc<client::Editor>, mut orders: mpsc::UnboundedReceiver<Order>) {
    while let Some(order) = orders.recv().await {
        match order {
            Order::Write(typed, done) => {
                let written = match typed {
                    Typed::Splices(splices) => editor.type_in(splices).await,
                    Typed::Text(text) => editor.type_text(text).await,
                };
                // Whoever typed it may have stopped waiting.
                let _ = done.send(written);
            }
            Order::Take(came) => {
                // What was typed before is in front of it in this queue, so it is right.
                editor.take(came);
            }
            // Behind what was taken before: otherwise that would be told a second time.
            Order::Text(done) => drop(done.send(editor.text().await)),
            Order::Come(done) => drop(done.send(editor.came().await)),
        }
    }
}

#[uniffi::export]
impl NoteEditor {
    /// Returns the text that the screen shows, as far as it was written.
    pub async fn text(&self) -> Result<String> {
        self.ask(Order::Text).await
    }

    /// Writes what was typed; positions count UTF-16 code units of what the screen shows. It is on disk when
    /// this returns. After an error nothing has changed, and every later call fails with the same code until
    /// `type_text` says what the screen shows.
    pub async fn type_in(&self, splices: Vec<Splice>) -> Result<Note> {
        let splices = splices.into_iter().map(document::Splice::from);
        self.write(Typed::Splices(splices.collect())).await
    }

    /// Writes that the screen shows this text: for editors that do not tell what was typed, and after an
    /// error. What differs between the common beginning and end counts as typed.
    pub async fn type_text(&self, text: String) -> Result<Note> {
        self.write(Typed::Text(text)).await
    }

    /// Returns what has come from other devices. After an error of `type_in` it fails with the same code.
    pub async fn came(&self) -> Result<Came> {
        let came = self.ask(Order::Come).await?;
        Ok(Came {
            id: came.id,
            typed: came.typed,
            splices: came.splices.into_iter().map(Splice::from).collect(),
        })
    }

    /// Says that the screen shows what was told: what is typed from here on counts in that.
    pub fn take(&self, came: u64) {
        // An error says that the editor's task has ended with the process.
        let _ = self.queue.send(Order::Take(came));
    }
}

impl NoteEditor {
    async fn write(&self, typed: Typed) -> Result<Note> {
        let written = self.ask(|done| Order::Write(typed, done)).await;
        written.map(Note::from)
    }

    /// Puts an order behind those that were given before, and waits until it is carried out.
    async fn ask<T>(
        &self,
        order: impl FnOnce(oneshot::Sender<nghisu_core::Result<T>>) -> Order,
    ) -> Result<T> {
        let ended = || Error::new(nghisu_core::Code::Internal, "the editor has ended");
        let (done, answer) = oneshot::channel();
        self.queue.send(order(done)).map_err(|_| ended())?;
        Ok(answer.await.map_err(|_| ended())??)
    }
}
