//! The core for Kotlin, Swift and Python: translation only. It decides nothing.
//!
//! - `records` holds the values that cross: immutable, one record a screen.
//! - `body` is the body itself: its terms, organisations, people, posts and rules.
//! - `cancel` stops calls that wait for the network.
//! - `course` is how a meeting stands, and what the chair and secretaries rule.
//! - `devices` are those of one owner, and whether this one may be used.
//! - `drafts` are programmes that secretaries write step by step.
//! - `editor` is a note on a screen that other devices write too.
//! - `enrolment` shows the six digits and waits for the office.
//! - `error` has one case for each thing that an app can do about an error.
//! - `publications` says who answers for what was published, and what does not fit.
//! - `listener` tells the app what changed.
//! - `logging` gives the library's log to the app.
//! - `minutes` are typed by secretaries and approved by the chair.
//! - `own_data` takes out, destroys and counts what is the owner's own.
//! - `pace` is about the automatic sync: when it may run, and how it stands.
//! - `signer` is the phone's key store, if that holds the device's key.
//! - `runtime` is where the work runs: never on the thread of the app.
//! - `vault` is about the private notes: which devices open them.
//!
//! An object is only what has a life: a [`Device`], a [`Subscription`], a [`NoteEditor`] and a
//! [`CancelHandle`].

mod body;
mod cancel;
mod course;
mod devices;
mod drafts;
mod editor;
mod enrolment;
mod error;
mod listener;
mod logging;
mod minutes;
mod own_data;
mod pace;
mod publications;
mod records;
mod runtime;
mod signer;
mod vault;

use std::{sync::Arc, time::Duration};

use nghisu_core::{Client, Code, Config, Error, store::DatabaseKey};
use tokio::{
    runtime::Handle,
    sync::{RwLock, watch},
    task::block_in_place,
    time::timeout,
};
use zeroize::Zeroizing;

pub use cancel::CancelHandle;
pub use devices::{OwnDevice, OwnDeviceState, Standing};
pub use drafts::{item_types, meeting_kinds, meeting_states};
pub use editor::{Came, NoteEditor, moved_position};
pub use enrolment::{EnrolmentListener, PendingEnrolment};
pub use error::NghisuError;
pub use listener::{ChangeListener, ProgressListener, Subscription};
pub use logging::{LogLevel, LogLine, LogListener, log_to};
pub use own_data::StorageUse;
pub use pace::{SyncListener, SyncPace, SyncProblem, SyncStatus};
pub use publications::{Alert, AlertKind, PublishedBy};
pub use records::{
    Act, ActKind, ActState, Allotted, Attendance, BeforeOthers, BodyOnDay, BodyRule, BodyRules,
    BodyStatement, Change, Course, DateParts, DayStep, DeviceConfig, DeviceStatus, Downloaded,
    Draft, DraftItem, DraftPaper, DraftStep, Durability, Duty, DutyPeriod, Floor, FloorRuling,
    FollowUp, FollowedPetition, FollowedTask, Heading, HeldMembership, HeldOrganisation, HeldTerm,
    Holder, Identity, ItemStep, Language, MeetingStep, MeetingSummary, Membership, Minutes,
    MinutesApproval, MinutesState, NewItem, NotSent, Note, NoteTarget, Obligation, Organisation,
    OtherBody, Outcome, OutcomeTask, Owed, Paper, PaperFile, PaperStep, PartOfDay, Participant,
    Person, PetitionState, Predecessor, Presence, ProgrammeItem, ProgrammeScreen, Question,
    QuestionState, Receipt, RecordedSpeech, RecordedVote, Registration, Role, Roll, Ruled, Ruling,
    RulingRecord, Salvage, SetAside, Speaker, SpeakingList, SpeakingState, Splice, Spoke, Step,
    SyncReport, TaskState, Term, Timing, UnplacedWords, VoteResult, Weekday, WhySetAside, Word,
    WorkCalendar,
};
pub use signer::{DeviceSigner, SignerError};
pub use vault::{VaultState, VaultStatus, WaitingDevice};

use records::{item_id, meeting_id, note_id};
use signer::KeyStore;

uniffi::setup_scaffolding!();

/// The result of what can fail.
type Result<T, E = NghisuError> = std::result::Result<T, E>;

/// Returns the version of the library.
#[uniffi::export]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}

/// A device: its store, and its way to the office.
///
/// What writes is on disk when it returns, and is written whole although its caller stops waiting.
/// `sync_now` and `fetch_papers` stop with their caller or with a [`CancelHandle`], and can be begun again
/// at any time.
#[derive(Debug, uniffi::Object)]
pub struct Device {
    client: Arc<Client>,
    runtime: Handle,
    shut: watch::Sender<bool>,
    listening: Arc<RwLock<()>>,
}

/// How long shutting down waits for listeners that are being called: an app that ends right after it
/// is called by nobody any more.
const LISTENERS_END: Duration = Duration::from_secs(1);

#[uniffi::export]
impl Device {
    /// Opens the store, with or without a network. One device opens a folder at a time.
    ///
    /// A device that was first opened with a `signer` is always opened with that one, and one that was
    /// opened without draws a key of its own and stays without.
    ///
    /// In a build with the cipher a `database_key` of 32 random bytes seals the database: from its first
    /// opening, or never. Another build refuses one.
    #[uniffi::constructor(default(signer = None, database_key = None))]
    pub async fn open(
        config: DeviceConfig,
        signer: Option<Arc<dyn DeviceSigner>>,
        database_key: Option<Vec<u8>>,
    ) -> Result<Arc<Self>> {
        let runtime = runtime::handle()?;
        let database_key = database_key.map(Zeroizing::new);
        let open = async move {
            let mut opening = Config::new(config.directory, config.device_name);
            opening.authorities = config.authorities;
            let key = database_key.as_deref().map(|key| DatabaseKey::new(key));
            opening.database_key = key.transpose()?;
            if let Some(signer) = signer {
                opening.signer = Some(Arc::new(KeyStore::open(signer)?));
            }
            Client::open(opening).await
        };
        let client = runtime::run(&runtime, open).await?;
        Ok(Arc::new(Self {
            client: Arc::new(client),
            runtime,
            shut: watch::Sender::new(false),
            listening: Arc::default(),
        }))
    }

    /// Hands in what the office has not settled and reads what is new, until both are done. A second
    /// call while one runs waits for it and then syncs again.
    #[uniffi::method(default(cancel = None))]
    pub async fn sync_now(&self, cancel: Option<Arc<CancelHandle>>) -> Result<SyncReport> {
        self.run_while_awaited(cancel, |client| async move {
            client.sync().await.map(SyncReport::from)
        })
        .await
    }

    /// Fetches the files of published papers that are not here yet. One that was interrupted goes on
    /// where it stopped.
    #[uniffi::method(default(listener = None, cancel = None))]
    pub async fn fetch_papers(
        &self,
        listener: Option<Arc<dyn ProgressListener>>,
        cancel: Option<Arc<CancelHandle>>,
    ) -> Result<Downloaded> {
        let progress = move |done, total| {
            if let Some(listener) = &listener {
                // Foreign code may take its time, and others wait for this thread.
                block_in_place(|| listener.progressed(done, total));
            }
        };
        self.run_while_awaited(cancel, |client| async move {
            client.fetch_papers(progress).await.map(Downloaded::from)
        })
        .await
    }

    /// Returns how this device stands.
    pub async fn status(&self) -> Result<DeviceStatus> {
        self.run(|client| async move { client.status().await.map(DeviceStatus::from) })
            .await
    }

    /// Returns the meetings in the order of their time.
    pub async fn meetings(&self, language: Language) -> Result<Vec<MeetingSummary>> {
        self.run(|client| async move {
            let rows = client.meetings().await?;
            Ok(rows
                .into_iter()
                .map(|row| MeetingSummary::new(row, language))
                .collect())
        })
        .await
    }

    /// Returns the newest published programme of a meeting, as one screen shows it.
    pub async fn programme(&self, meeting: String, language: Language) -> Result<ProgrammeScreen> {
        let meeting = meeting_id(&meeting)?;
        self.run(|client| async move {
            let shown = client.programme(meeting).await?;
            let missing = client.missing_files().await?;
            Ok(ProgrammeScreen::new(shown, &missing, language))
        })
        .await
    }

    /// Returns the path of a paper's file, whose bytes have the published hash.
    pub async fn paper_path(&self, meeting: String, paper: String) -> Result<String> {
        let meeting = meeting_id(&meeting)?;
        self.run(|client| async move {
            let path = client.paper(meeting, &paper).await?;
            Ok(path.to_string_lossy().into_owned())
        })
        .await
    }

    /// Says what has changed in a programme since its owner last looked, a line for each change;
    /// nothing if he has never looked.
    pub async fn changes_since_looked(
        &self,
        meeting: String,
        language: Language,
    ) -> Result<Vec<String>> {
        let meeting = meeting_id(&meeting)?;
        self.run(|client| async move {
            let changes = client.changes_since_looked(meeting).await?;
            Ok(changes
                .iter()
                .map(|change| change.text(language.into()))
                .collect())
        })
        .await
    }

    /// Notes that the owner has looked at the programme as it is shown.
    pub async fn mark_looked(&self, meeting: String) -> Result<()> {
        let meeting = meeting_id(&meeting)?;
        self.run(|client| async move { client.mark_looked(meeting).await })
            .await
    }

    /// Writes a new note.
    pub async fn create_note(&self, target: NoteTarget, text: String) -> Result<Note> {
        let target = target.try_into()?;
        self.run(|client| async move { client.create_note(target, &text).await.map(Note::from) })
            .await
    }

    /// Changes a note's text; positions count UTF-16 code units. After an error nothing has changed.
    pub async fn edit_note(&self, note: String, splices: Vec<Splice>) -> Result<Note> {
        let note = note_id(&note)?;
        let splices = splices.into_iter().map(Into::into).collect();
        self.run(|client| async move { client.edit_note(note, splices).await.map(Note::from) })
            .await
    }

    /// Hides a note on all of its owner's devices.
    pub async fn delete_note(&self, note: String) -> Result<()> {
        let note = note_id(&note)?;
        self.run(|client| async move { client.delete_note(note).await })
            .await
    }

    /// Returns the notes about a meeting, or all notes; deleted ones are left out.
    #[uniffi::method(default(meeting = None))]
    pub async fn notes(&self, meeting: Option<String>) -> Result<Vec<Note>> {
        let meeting = meeting.as_deref().map(meeting_id).transpose()?;
        self.run(|client| async move {
            let notes = client.notes(meeting).await?;
            Ok(notes.into_iter().map(Note::from).collect())
        })
        .await
    }

    /// Registers to speak, with a topic that may be empty, and returns the act. It is signed and on disk
    /// then; its place is the office's receipt.
    pub async fn register_to_speak(
        &self,
        meeting: String,
        item: Option<String>,
        topic: String,
    ) -> Result<String> {
        let meeting = meeting_id(&meeting)?;
        let item = item.as_deref().map(item_id).transpose()?;
        self.run(|client| async move {
            let act = client.register_to_speak(meeting, item, &topic).await?;
            Ok(act.to_string())
        })
        .await
    }

    /// Hands in a question, to a person or post if `addressee` names one, and returns the act.
    pub async fn hand_in_question(
        &self,
        meeting: String,
        item: Option<String>,
        addressee: Option<String>,
        text: String,
    ) -> Result<String> {
        let meeting = meeting_id(&meeting)?;
        let item = item.as_deref().map(item_id).transpose()?;
        self.run(|client| async move {
            let act = client
                .hand_in_question(meeting, item, addressee, &text)
                .await?;
            Ok(act.to_string())
        })
        .await
    }

    /// States what has no call of its own, and returns the act: a check-in, an absence with its reason, a
    /// point of order, an opinion, a recommendation or a voters' petition, to a person or post if `addressee`
    /// names one. It is signed and on disk then.
    #[uniffi::method(default(item = None, text = "", addressee = None))]
    pub async fn state_act(
        &self,
        meeting: String,
        kind: ActKind,
        item: Option<String>,
        text: String,
        addressee: Option<String>,
    ) -> Result<String> {
        let meeting = meeting_id(&meeting)?;
        let item = item.as_deref().map(item_id).transpose()?;
        self.run(|client| async move {
            let act = client.state(meeting, item, kind.into(), addressee, &text);
            Ok(act.await?.to_string())
        })
        .await
    }

    /// Takes an act back, and returns the act that does so.
    pub async fn withdraw(&self, meeting: String, act: String) -> Result<String> {
        let meeting = meeting_id(&meeting)?;
        let act = act.parse().map_err(|_| Error::new(Code::Malformed, &act))?;
        self.run(|client| async move {
            let withdrawal = client.withdraw(meeting, act).await?;
            Ok(withdrawal.to_string())
        })
        .await
    }

    /// Returns this person's acts in a meeting, or all of them, in the order in which they were made.
    #[uniffi::method(default(meeting = None))]
    pub async fn acts(&self, meeting: Option<String>) -> Result<Vec<Act>> {
        let meeting = meeting.as_deref().map(meeting_id).transpose()?;
        self.run(|client| async move {
            let acts = client.acts(meeting).await?;
            Ok(acts.into_iter().map(Act::from).collect())
        })
        .await
    }

    /// Returns the office's receipts in a meeting, in the order of receipt: this is how all see who has
    /// registered.
    pub async fn receipts(&self, meeting: String) -> Result<Vec<Receipt>> {
        let meeting = meeting_id(&meeting)?;
        self.run(|client| async move {
            let receipts = client.receipts(meeting).await?;
            Ok(receipts.into_iter().map(Receipt::from).collect())
        })
        .await
    }

    /// Returns what the office has refused for good, readable.
    pub async fn not_sent(&self) -> Result<Vec<NotSent>> {
        self.run(|client| async move {
            let refused = client.not_sent().await?;
            Ok(refused.into_iter().map(NotSent::from).collect())
        })
        .await
    }

    /// Begins to tell `listener` what changes. It hears `Everything` first, so that it reads the current
    /// state first.
    pub fn subscribe(&self, listener: Arc<dyn ChangeListener>) -> Arc<Subscription> {
        Arc::new(Subscription::begin(
            &self.runtime,
            self.client.subscribe(),
            self.shut.subscribe(),
            listener,
            &self.listening,
        ))
    }

    /// Closes the store and releases every lock, until `resume`: before the system suspends the app. A sync or
    /// a download ends with the transaction that it is in, and goes on when it is begun again; other calls
    /// that were made before are carried out, and later ones fail with `Paused`. Subscriptions stay. Safe to
    /// repeat.
    pub async fn pause(&self) -> Result<()> {
        self.run(|client| async move {
            client.pause().await;
            Ok(())
        })
        .await
    }

    /// Opens the store again, and goes on with the automatic sync if there was one. Listeners hear
    /// `Everything`. Safe to repeat.
    pub async fn resume(&self) -> Result<()> {
        self.run(|client| async move { client.resume().await })
            .await
    }

    /// Closes the store and releases every lock; a sync or a download that runs is stopped, and
    /// subscriptions end. It waits for what is being written, and a second at most for listeners that are
    /// being called. Later calls fail with `Closed`; a second one of this does nothing.
    pub async fn shut_down(&self) -> Result<()> {
        self.shut.send_replace(true);
        let listening = Arc::clone(&self.listening);
        self.run(|client| async move {
            client.shut_down().await;
            // A listener that takes longer ends by itself.
            let _ = timeout(LISTENERS_END, listening.write()).await;
            Ok(())
        })
        .await
    }
}

impl Device {
    async fn run<T, F>(&self, work: impl FnOnce(Arc<Client>) -> F) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = nghisu_core::Result<T>> + Send + 'static,
    {
        let work = work(Arc::clone(&self.client));
        Ok(runtime::run(&self.runtime, work).await?)
    }

    async fn run_while_awaited<T, F>(
        &self,
        cancel: Option<Arc<CancelHandle>>,
        work: impl FnOnce(Arc<Client>) -> F,
    ) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = nghisu_core::Result<T>> + Send + 'static,
    {
        let (work, shut) = (work(Arc::clone(&self.client)), self.shut.subscribe());
        let cancelled = cancel.map(CancelHandle::told);
        Ok(runtime::run_while_awaited(&self.runtime, shut, cancelled, work).await?)
    }
}
