//! What an app calls: open, enrol, read, write, sync, listen.
//!
//! The shell decides nothing. It owns the store's thread and the connection, reads the clock and
//! draws random numbers, and passes both on. Every call may be cancelled by dropping its future: what
//! it had begun to write is then written whole or not at all.

mod drafts;
mod driver;
mod editor;
mod enrol;
mod http;
mod listen;
mod minutes;
mod orders;
mod pace;
mod papers;
mod papers_back;
mod pin;
mod rulings;
mod vault;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use tokio::sync::{Mutex, RwLock, broadcast, watch};
use zeroize::Zeroizing;

use crate::{
    error::{Code, Error, Result},
    ids::{ActId, DocumentId, Hash, MeetingId},
    meeting::{
        Change, ItemId,
        act::{Act, ActKind, Receipt},
    },
    store::{
        Acted, Alert, Changed, DatabaseKey, Identity, MeetingRow, NotSent, Note, NoteTarget,
        Opening, Programmed, Salvage, Splice, Standing, StorageUse, Store,
    },
    sync::{
        proof::Proof,
        session::{Report, Session},
    },
    time::Timestamp,
    trust::{enrol::Address, keys::DeviceSigner, office_keys::OfficeKeys},
};
use driver::{StoreHandle, StoreThread};
use http::Http;
use pace::Pacer;
use pin::Trust;
use rustls::RootCertStore;

pub use crate::store::PendingEnrolment;
pub use crate::sync::cadence::Pace;
pub use editor::{Came, Editor};
pub use pace::{SyncStatus, SyncStatuses};

/// Where a device keeps what it has, and what it is called.
#[derive(Debug, Clone)]
pub struct Config {
    /// The folder of the store: one SQLite file and the papers. It is created if it is not there.
    pub directory: PathBuf,
    /// The name by which its owner knows the device: at most 100 characters.
    pub device_name: String,
    /// The phone's key store, if it holds the device's key; otherwise the store draws a key of its own.
    pub signer: Option<Arc<dyn DeviceSigner>>,
    /// Certificates in PEM of authorities that vouch for an office behind a proxy, beside those of the
    /// public web: a government's own, for example. An office that shows its own certificates needs none.
    pub authorities: Vec<String>,
    /// The key of the database, in a build with the cipher: it is sealed from its first opening, or never.
    pub database_key: Option<DatabaseKey>,
}

impl Config {
    /// A device that keeps what it has in `directory` and draws a key of its own.
    pub fn new(directory: impl Into<PathBuf>, device_name: impl Into<String>) -> Self {
        Self {
            directory: directory.into(),
            device_name: device_name.into(),
            signer: None,
            authorities: Vec::new(),
            database_key: None,
        }
    }
}

/// How a device stands.
#[derive(Debug, Clone)]
pub struct Status {
    /// Whose device this is; `None` before the enrolment.
    pub identity: Option<Identity>,
    /// Whether what it keeps may be read and written.
    pub standing: Standing,
    /// Changes and acts that the office has not settled.
    pub unsent: u64,
    /// When the log was last read to its end, by the office's clock.
    pub synced_at: Option<Timestamp>,
    /// What was carried over from a damaged database when the store was opened.
    pub salvage: Option<Salvage>,
}

/// What a download of papers did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Downloaded {
    /// Files that arrived whole.
    pub files: u32,
    /// Their bytes that crossed the network.
    pub bytes: u64,
    /// Files that were handed back to an office that had lost them.
    pub handed_back: u32,
}

/// A device: its store, and its way to the office.
#[derive(Debug)]
pub struct Client {
    config: Config,
    authorities: Arc<RootCertStore>,
    store: RwLock<Held>,
    /// Whoever opens or closes the store does so alone.
    turning: Mutex<()>,
    /// Why the store is closed, while it is: what waits for the network ends with it.
    closed: watch::Sender<Option<Code>>,
    /// Whether the automatic sync ran when the store was closed.
    resumes_sync: AtomicBool,
    http: RwLock<Option<Http>>,
    syncing: Mutex<()>,
    /// One download at a time.
    fetching: Mutex<()>,
    /// Held for as long as a piece of a paper is being written, which goes on when nobody waits for it any more.
    writing: Arc<RwLock<()>>,
    pacer: Arc<Pacer>,
    changed: broadcast::Sender<Changed>,
    salvage: Option<Salvage>,
}

/// The store of a client.
#[derive(Debug)]
enum Held {
    Open(StoreThread),
    Paused,
    ShutDown,
}

/// What a store says when it is opened.
struct Begun {
    http: Option<Http>,
    salvage: Option<Salvage>,
    synced_at: Option<Timestamp>,
}

/// Changes of rows as they happen. Dropping it ends it.
#[derive(Debug)]
pub struct Subscription {
    first: bool,
    receiver: broadcast::Receiver<Changed>,
}

impl Client {
    /// Opens the store, with or without a network. The first start needs no office either; only
    /// [`Client::enrol`] does.
    ///
    /// # Errors
    /// [`Code::AlreadyOpen`], [`Code::DatabaseNewer`], [`Code::FolderNotWritable`], [`Code::DiskFull`],
    /// [`Code::Storage`]; [`Code::Malformed`] if `authorities` are no certificates.
    pub async fn open(config: Config) -> Result<Self> {
        let authorities = pin::authorities(&config.authorities)?;
        let (thread, begun) = open_store(&config, &authorities).await?;
        Ok(Self {
            config,
            authorities,
            store: RwLock::new(Held::Open(thread)),
            turning: Mutex::new(()),
            closed: watch::Sender::new(None),
            resumes_sync: AtomicBool::new(false),
            http: RwLock::new(begun.http),
            syncing: Mutex::new(()),
            fetching: Mutex::new(()),
            writing: Arc::default(),
            pacer: Arc::new(Pacer::new(running_clock(), begun.synced_at)?),
            changed: broadcast::channel(256).0,
            salvage: begun.salvage,
        })
    }

    /// Uses another address of the same office, for example after it has moved to another network.
    ///
    /// # Errors
    /// [`Code::NotEnrolled`], [`Code::OfficeCertificate`], [`Code::Storage`].
    pub async fn move_office(&self, address: Address) -> Result<()> {
        let http = self.way_to(&address).await?;
        self.call_always(move |store| store.move_office(&address))
            .await?;
        *self.http.write().await = Some(http);
        Ok(())
    }

    /// Makes a way to the office that this device is enrolled at.
    async fn way_to(&self, address: &Address) -> Result<Http> {
        let office = self.call(|store| store.office_keys()).await?;
        let office = office.ok_or(Code::NotEnrolled)?;
        Http::new(address, Trust::known(office, Arc::clone(&self.authorities)))
    }

    /// One sync, while no other runs; see [`Client::sync`].
    async fn sync_once(&self) -> Result<Report> {
        let store = self.handle().await?.giving_way();
        let (parties, signer) = store
            .call(|store| match store.standing_ordered()? {
                // A locked device asks: the office may have released it.
                Some(Code::Wiped) => Err(Code::Wiped.into()),
                Some(_) | None => Ok((store.parties()?, store.signer())),
            })
            .await?;
        let http = self.http.read().await.clone().ok_or(Code::NotEnrolled)?;
        let root = parties.office.root().clone();
        let mut session = Session::new(parties, signer.as_ref(), u64::from_be_bytes(random()?));
        let report = self.rounds(&mut session, &store, &http).await;
        let (address, office) = store
            .call(|store| {
                Ok((
                    store.identity()?.map(|own| own.address),
                    store.office_keys()?,
                ))
            })
            .await?;
        // Another root follows the one that was known: from here on it alone leads to the office.
        if let (Some(address), Some(office)) = (address, office)
            && *office.root() != root
        {
            let trust = Trust::known(office, Arc::clone(&self.authorities));
            *self.http.write().await = Some(Http::new(&address, trust)?);
        }
        report
    }

    /// Returns how this device stands.
    ///
    /// # Errors
    /// [`Code::Storage`], [`Code::Closed`].
    pub async fn status(&self) -> Result<Status> {
        let (salvage, standing) = (self.salvage.clone(), self.standing().await?);
        self.call_always(move |store| {
            let wiped = standing == Standing::Wiped;
            Ok(Status {
                identity: store.identity()?,
                standing,
                unsent: if wiped { 0 } else { store.unsent()? },
                synced_at: store.synced_at()?,
                salvage,
            })
        })
        .await
    }

    /// Returns the meetings in the order of their time.
    ///
    /// # Errors
    /// [`Code::Storage`], [`Code::Closed`].
    pub async fn meetings(&self) -> Result<Vec<MeetingRow>> {
        self.call(|store| store.meetings()).await
    }

    /// Returns the newest published programme of a meeting.
    ///
    /// # Errors
    /// [`Code::MeetingUnknown`], [`Code::Storage`], [`Code::Closed`].
    pub async fn programme(&self, meeting: MeetingId) -> Result<Programmed> {
        self.call(move |store| store.programme(meeting)).await
    }

    /// Returns what has changed in a programme since its owner last looked.
    ///
    /// # Errors
    /// [`Code::MeetingUnknown`], [`Code::Storage`], [`Code::Closed`].
    pub async fn changes_since_looked(&self, meeting: MeetingId) -> Result<Vec<Change>> {
        self.call(move |store| store.changes_since_looked(meeting))
            .await
    }

    /// Notes that the owner has looked at the programme as it is shown.
    ///
    /// # Errors
    /// [`Code::MeetingUnknown`], [`Code::DiskFull`], [`Code::Storage`], [`Code::Closed`].
    pub async fn mark_looked(&self, meeting: MeetingId) -> Result<()> {
        self.call(move |store| store.mark_looked(meeting)).await
    }

    /// Returns where the file of a paper is; its bytes have the published hash.
    ///
    /// # Errors
    /// [`Code::PaperMissing`], [`Code::MeetingUnknown`], [`Code::Storage`], [`Code::Closed`].
    pub async fn paper(&self, meeting: MeetingId, paper: &str) -> Result<PathBuf> {
        let paper = paper.to_owned();
        self.call(move |store| store.paper(meeting, &paper)).await
    }

    /// Returns the files of published papers that are not here yet, with their lengths in bytes.
    ///
    /// # Errors
    /// [`Code::Storage`], [`Code::Closed`].
    pub async fn missing_files(&self) -> Result<BTreeMap<Hash, u64>> {
        self.call(|store| store.missing_files()).await
    }

    /// Returns the notes about a meeting, or all notes.
    ///
    /// # Errors
    /// [`Code::Storage`], [`Code::Closed`].
    pub async fn notes(&self, meeting: Option<MeetingId>) -> Result<Vec<Note>> {
        self.call(move |store| store.notes(meeting)).await
    }

    /// Returns a note.
    ///
    /// # Errors
    /// [`Code::NoteUnknown`], [`Code::Storage`], [`Code::Closed`].
    pub async fn note(&self, note: DocumentId) -> Result<Note> {
        self.call(move |store| store.note(note)).await
    }

    /// Writes a new note. It is on disk when this returns.
    ///
    /// # Errors
    /// [`Code::NotEnrolled`], [`Code::TooLarge`], [`Code::DiskFull`], [`Code::Storage`], [`Code::Closed`].
    pub async fn create_note(&self, target: NoteTarget, text: &str) -> Result<Note> {
        let (id, text) = (DocumentId::from_bytes(random()?), text.to_owned());
        let note = self
            .call(move |store| store.create_note(id, &target, &text, clock()))
            .await;
        let note = self.edited(id, note)?;
        self.tell(BTreeSet::from([Changed::Note(note.id)]));
        Ok(note)
    }

    /// Changes a note's text; positions count UTF-16 code units. It is on disk when this returns.
    ///
    /// # Errors
    /// [`Code::NoteUnknown`], [`Code::PositionInvalid`], [`Code::TooLarge`], [`Code::DiskFull`],
    /// [`Code::Storage`], [`Code::Closed`].
    pub async fn edit_note(&self, note: DocumentId, splices: Vec<Splice>) -> Result<Note> {
        let edited = self
            .call(move |store| store.edit_note(note, &splices, clock()))
            .await;
        let note = self.edited(note, edited)?;
        self.tell(BTreeSet::from([Changed::Note(note.id)]));
        Ok(note)
    }

    /// Hides a note on all of its owner's devices.
    ///
    /// # Errors
    /// [`Code::NoteUnknown`], [`Code::DiskFull`], [`Code::Storage`], [`Code::Closed`].
    pub async fn delete_note(&self, note: DocumentId) -> Result<()> {
        let deleted = self.call(move |store| store.delete_note(note, clock()));
        self.edited(note, deleted.await)?;
        self.tell(BTreeSet::from([Changed::Note(note)]));
        Ok(())
    }

    /// Registers to speak, with an optional topic. The act is signed and on disk when this returns;
    /// its place is the office's receipt.
    ///
    /// # Errors
    /// [`Code::MeetingUnknown`], [`Code::ItemUnknown`], [`Code::NotEnrolled`], [`Code::TooLarge`],
    /// [`Code::DiskFull`], [`Code::Storage`], [`Code::Closed`].
    pub async fn register_to_speak(
        &self,
        meeting: MeetingId,
        item: Option<ItemId>,
        topic: &str,
    ) -> Result<ActId> {
        self.act(
            meeting,
            item,
            ActKind::SpeakingRegistration,
            topic.to_owned(),
            None,
            None,
        )
        .await
    }

    /// Hands in a question, to a person or post if `addressee` names one.
    ///
    /// # Errors
    /// As [`Client::register_to_speak`].
    pub async fn hand_in_question(
        &self,
        meeting: MeetingId,
        item: Option<ItemId>,
        addressee: Option<String>,
        text: &str,
    ) -> Result<ActId> {
        self.act(
            meeting,
            item,
            ActKind::QuestionSlip,
            text.to_owned(),
            addressee,
            None,
        )
        .await
    }

    /// States an act of any kind but a withdrawal, which names another act, and a ruling, which says what is
    /// ruled.
    ///
    /// # Errors
    /// As [`Client::register_to_speak`]; [`Code::Malformed`] for these two.
    pub async fn state(
        &self,
        meeting: MeetingId,
        item: Option<ItemId>,
        kind: ActKind,
        addressee: Option<String>,
        text: &str,
    ) -> Result<ActId> {
        let other = match kind {
            ActKind::Withdrawal => Some("a withdrawal; expected a call of withdraw"),
            ActKind::Ruling => Some("a ruling; expected a call of rule"),
            ActKind::SpeakingRegistration
            | ActKind::QuestionSlip
            | ActKind::CheckIn
            | ActKind::Absence
            | ActKind::PointOfOrder
            | ActKind::OpinionSlip
            | ActKind::Recommendation
            | ActKind::Petition => None,
        };
        if let Some(detail) = other {
            return Err(Error::new(Code::Malformed, detail));
        }
        self.act(meeting, item, kind, text.to_owned(), addressee, None)
            .await
    }

    /// Takes an act back.
    ///
    /// # Errors
    /// As [`Client::register_to_speak`].
    pub async fn withdraw(&self, meeting: MeetingId, act: ActId) -> Result<ActId> {
        self.act(
            meeting,
            None,
            ActKind::Withdrawal,
            String::new(),
            None,
            Some(act),
        )
        .await
    }

    async fn act(
        &self,
        meeting: MeetingId,
        item: Option<ItemId>,
        kind: ActKind,
        text: String,
        addressee: Option<String>,
        withdraws: Option<ActId>,
    ) -> Result<ActId> {
        let (id, document) = (
            ActId::from_bytes(random()?),
            DocumentId::from_bytes(random()?),
        );
        let changed = self
            .call(move |store| {
                let person = store
                    .identity()?
                    .ok_or(Code::NotEnrolled)?
                    .certificate
                    .person;
                let act = Act {
                    id,
                    person,
                    meeting,
                    item,
                    kind,
                    text,
                    addressee,
                    withdraws,
                    made_at: clock(),
                    ruling: None,
                };
                store.put_act(&act, document)
            })
            .await;
        let changed = self.soon(changed)?;
        self.tell(BTreeSet::from([changed]));
        Ok(id)
    }

    /// Returns this person's acts in a meeting, or all of them.
    ///
    /// # Errors
    /// [`Code::Storage`], [`Code::Closed`].
    pub async fn acts(&self, meeting: Option<MeetingId>) -> Result<Vec<Acted>> {
        self.call(move |store| store.acts(meeting)).await
    }

    /// Returns the office's receipts in a meeting, in the order of receipt: this is how all see who
    /// has registered.
    ///
    /// # Errors
    /// [`Code::Storage`], [`Code::Closed`].
    pub async fn receipts(&self, meeting: MeetingId) -> Result<Vec<Receipt>> {
        self.call(move |store| store.receipts(meeting)).await
    }

    /// Returns what the office has refused for good, readable.
    ///
    /// # Errors
    /// [`Code::Storage`], [`Code::Closed`].
    pub async fn not_sent(&self) -> Result<Vec<NotSent>> {
        self.call(|store| store.not_sent()).await
    }

    /// Returns everything but notes as canonical JSON (RFC 8785).
    ///
    /// # Errors
    /// [`Code::Storage`], [`Code::Closed`].
    pub async fn view(&self) -> Result<String> {
        self.call(|store| store.view()).await
    }

    /// Returns what the owner has written, as one JSON text for himself or another program: who he is, his notes
    /// but for those that he has deleted, his acts with what became of them, and what was not sent.
    ///
    /// # Errors
    /// [`Code::NotEnrolled`], [`Code::Storage`], [`Code::Closed`].
    pub async fn own_data(&self) -> Result<String> {
        self.call(|store| store.own_data(clock())).await
    }

    /// Destroys all that this device keeps, what was not sent among it, and shuts it down. What the office has
    /// it keeps; the folder can be opened and enrolled as a new one.
    ///
    /// # Errors
    /// [`Code::Storage`], [`Code::Closed`]; the next opening of the folder finishes what was begun.
    pub async fn erase(&self) -> Result<()> {
        self.stop_syncing();
        self.call_always(Store::erase).await?;
        self.shut_down().await;
        Ok(())
    }

    /// Returns how much room this device takes on the disk.
    ///
    /// # Errors
    /// [`Code::Storage`] if the folder cannot be read.
    pub async fn storage_use(&self) -> Result<StorageUse> {
        let directory = self.config.directory.clone();
        tokio::task::spawn_blocking(move || StorageUse::of(&directory))
            .await
            .unwrap_or_else(|error| Err(Error::new(Code::Internal, error)))
    }

    /// Returns what the owner should hear about the office's log and publications, the oldest first.
    ///
    /// # Errors
    /// [`Code::Storage`], [`Code::Closed`].
    pub async fn alerts(&self) -> Result<Vec<Alert>> {
        self.call(|store| store.alerts()).await
    }

    /// Returns the original bytes by which this device can show, without an office, which version of a
    /// meeting's programme it has read.
    ///
    /// # Errors
    /// [`Code::MeetingUnknown`], [`Code::NotEnrolled`], [`Code::Storage`], [`Code::Closed`].
    pub async fn publication_proof(&self, meeting: MeetingId) -> Result<Proof> {
        self.call(move |store| store.publication_proof(meeting))
            .await
    }

    /// Begins to listen. The first thing heard is [`Changed::Everything`], so that a listener reads
    /// the current state first.
    pub fn subscribe(&self) -> Subscription {
        Subscription {
            first: true,
            receiver: self.changed.subscribe(),
        }
    }

    /// Closes the store and releases every lock on its files, until [`Client::resume`]: before the system
    /// suspends the app. A sync and a download end with the transaction that they are in, and go on later;
    /// other calls that were made before are carried out, and later ones fail with [`Code::Paused`].
    /// [`Client::pause_sync`] before it hands in what was written. Safe to repeat.
    pub async fn pause(&self) {
        let _one = self.turning.lock().await;
        if matches!(&*self.store.read().await, Held::Open(_)) {
            let synced = self.close(Held::Paused, Code::Paused).await;
            self.resumes_sync.store(synced, Ordering::Relaxed);
        }
    }

    /// Opens the store after [`Client::pause`], and goes on with the automatic sync if there was one. Whoever
    /// listens hears [`Changed::Everything`]. Without effect on a store that is open.
    ///
    /// # Errors
    /// [`Code::Closed`] after [`Client::shut_down`], and as [`Client::open`]; then it stays paused.
    pub async fn resume(self: &Arc<Self>) -> Result<()> {
        let _one = self.turning.lock().await;
        match &*self.store.read().await {
            Held::Open(_) => return Ok(()),
            Held::ShutDown => return Err(Code::Closed.into()),
            Held::Paused => {}
        }
        let (thread, begun) = open_store(&self.config, &self.authorities).await?;
        *self.http.write().await = begun.http;
        *self.store.write().await = Held::Open(thread);
        self.closed.send_replace(None);
        self.tell(BTreeSet::from([Changed::Everything]));
        if self.resumes_sync.load(Ordering::Relaxed) {
            self.start_sync();
        }
        Ok(())
    }

    /// Closes the store for good and releases every lock, as [`Client::pause`] does. Later calls fail with
    /// [`Code::Closed`]; a second call does nothing.
    pub async fn shut_down(&self) {
        let _one = self.turning.lock().await;
        self.close(Held::ShutDown, Code::Closed).await;
    }

    /// Returns whether there was an automatic sync.
    async fn close(&self, to: Held, why: Code) -> bool {
        let synced = self.stop_syncing();
        if let Held::Open(thread) = &*self.store.read().await {
            thread.cut(why);
        }
        let held = std::mem::replace(&mut *self.store.write().await, to);
        self.closed.send_replace(Some(why));
        if let Held::Open(thread) = held {
            thread.close().await;
            // Its folder is somebody else's from here on.
            let _ = self.writing.write().await;
        }
        synced
    }

    /// Carries `work` out as long as the store is open: what is cut goes on when it is begun again.
    async fn unless_closed<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let mut closed = self.closed.subscribe();
        tokio::select! {
            biased;
            Ok(why) = closed.wait_for(Option::is_some) => Err(why.unwrap_or(Code::Closed).into()),
            ended = work => ended,
        }
    }

    async fn handle(&self) -> Result<StoreHandle> {
        match &*self.store.read().await {
            Held::Open(thread) => Ok(thread.handle()),
            Held::Paused => Err(Code::Paused.into()),
            Held::ShutDown => Err(Code::Closed.into()),
        }
    }

    fn tell(&self, changed: BTreeSet<Changed>) {
        for change in changed {
            // Nobody listening is no error.
            let _ = self.changed.send(change);
        }
    }
}

impl Subscription {
    /// Waits for the next change; `None` once the client is gone.
    pub async fn next(&mut self) -> Option<Changed> {
        if std::mem::take(&mut self.first) {
            return Some(Changed::Everything);
        }
        match self.receiver.recv().await {
            Ok(change) => Some(change),
            Err(broadcast::error::RecvError::Lagged(_)) => Some(Changed::Everything),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

/// Opens a store on a thread of its own.
async fn open_store(
    config: &Config,
    authorities: &Arc<RootCertStore>,
) -> Result<(StoreThread, Begun)> {
    let (directory, opening) = (config.directory.clone(), dice(config)?);
    let thread = StoreThread::open(move || Store::open(&directory, &opening, clock())).await?;
    let begun = |store: &mut Store| {
        let known = store.identity()?.zip(store.office_keys()?);
        Ok((known, store.salvage().cloned(), store.synced_at()?))
    };
    let (known, salvage, synced_at) = thread.handle().call(begun).await?;
    let way = |(identity, office): (Identity, OfficeKeys)| {
        let trust = Trust::known(office, Arc::clone(authorities));
        Http::new(&identity.address, trust)
    };
    let begun = Begun {
        http: known.map(way).transpose()?,
        salvage,
        synced_at,
    };
    Ok((thread, begun))
}

#[expect(
    clippy::disallowed_methods,
    reason = "the shell reads the clock here and passes it on"
)]
fn clock() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_unix_ms(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

#[expect(
    clippy::disallowed_methods,
    reason = "the shell reads the clock here and passes it on"
)]
fn running_clock() -> Instant {
    Instant::now()
}

/// Draws what the store may need for new keys.
fn dice(config: &Config) -> Result<Opening> {
    Ok(Opening {
        seed: Zeroizing::new(random()?),
        sealing: Zeroizing::new(random()?),
        signer: config.signer.clone(),
        database_key: config.database_key.clone(),
    })
}

fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| Error::new(Code::Internal, error))?;
    Ok(bytes)
}
