//! A disk that loses power, fills up and fails, as SQLite sees it through [`crate::vfs`].
//!
//! What is written, cut off, created or deleted is there at once for whoever reads, and lasts only from
//! the next sync on. When the power goes, each sector of 512 bytes that was not synced may be there or
//! not, in any order, an unsynced end of a file may hold garbage, and a name may be there again or not
//! yet: a folder's names last from the sync of the folder on, which SQLite asks for with the first sync
//! of a new journal and with some deletions. Everything follows from a seed.
//!
//! Files that SQLite does not know (papers, keys) last as they are: this is about the databases.

use std::{
    collections::BTreeMap,
    fmt, fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use rusqlite::ffi;

/// What a disk writes whole or not at all.
const SECTOR_BYTES: usize = 512;

/// What SQLite asks of a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// A file is made.
    Create,
    /// Bytes are written.
    Write,
    /// A file is cut off.
    Truncate,
    /// What was written to a file shall last.
    Sync,
    /// A file is deleted.
    Delete,
    /// Bytes are read.
    Read,
    /// The index of a write-ahead log gets room.
    Index,
}

impl Operation {
    /// Says whether what is on disk afterwards may be something else.
    pub const fn is_step(self) -> bool {
        match self {
            Self::Create | Self::Write | Self::Truncate | Self::Sync | Self::Delete => true,
            Self::Read | Self::Index => false,
        }
    }

    const fn needs_space(self) -> bool {
        match self {
            Self::Write | Self::Index => true,
            Self::Create | Self::Truncate | Self::Sync | Self::Delete | Self::Read => false,
        }
    }

    /// What SQLite is told when it fails.
    const fn failure(self) -> Failure {
        Failure(match self {
            Self::Create => ffi::SQLITE_CANTOPEN,
            Self::Write => ffi::SQLITE_IOERR_WRITE,
            Self::Truncate => ffi::SQLITE_IOERR_TRUNCATE,
            Self::Sync => ffi::SQLITE_IOERR_FSYNC,
            Self::Delete => ffi::SQLITE_IOERR_DELETE,
            Self::Read => ffi::SQLITE_IOERR_READ,
            Self::Index => ffi::SQLITE_IOERR_SHMMAP,
        })
    }

    const fn no_space(self) -> Failure {
        Failure(match self {
            Self::Index => ffi::SQLITE_IOERR_SHMSIZE,
            Self::Create
            | Self::Write
            | Self::Truncate
            | Self::Sync
            | Self::Delete
            | Self::Read => ffi::SQLITE_FULL,
        })
    }
}

/// The number by which SQLite knows an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Failure(pub(crate) i32);

/// What goes wrong with a disk. All count from 1, from when it was set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// Nothing does.
    None,
    /// From the operation with this number that needs space there is none.
    FullFrom(u64),
    /// The operation with this number, of all, fails, and those after it do not.
    ErrorAt(u64),
    /// The power goes before this step.
    PowerBefore(u64),
}

/// An operation after which other bytes may be on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Which one it is, from 1.
    pub number: u64,
    /// What it is.
    pub operation: Operation,
    /// The file, from the disk's root on.
    pub file: PathBuf,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            number,
            operation,
            file,
        } = self;
        write!(f, "{number} ({operation:?} {})", file.display())
    }
}

/// All files of a disk, by their paths from its root on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Image(BTreeMap<PathBuf, Vec<u8>>);

impl Image {
    /// Writes the files into a folder.
    ///
    /// # Panics
    /// If they cannot be written.
    pub fn write_to(&self, folder: &Path) {
        for (path, content) in &self.0 {
            let path = folder.join(path);
            let parent = path.parent().expect("a file is in a folder");
            fs::create_dir_all(parent).expect("folders can be made");
            fs::write(&path, content).expect("files can be written");
        }
    }

    /// Returns a file's content.
    pub fn get(&self, path: impl AsRef<Path>) -> Option<&[u8]> {
        self.0.get(path.as_ref()).map(Vec::as_slice)
    }
}

/// Small dice: the same seed gives the same numbers (splitmix64).
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// Dice that follow from `seed`.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Draws a number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Draws a number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound.max(1)).unwrap_or(u64::MAX);
        usize::try_from(self.draw() % bound).unwrap_or(0)
    }
}

/// What was done to a file since its last sync.
#[derive(Debug, Clone)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Truncate { length: usize },
}

#[derive(Debug, Default)]
struct Inode {
    /// What lasts.
    lasting: Vec<u8>,
    /// What does not, in its order.
    since: Vec<Change>,
    /// Whether the next sync makes the names in its folder last, too.
    syncs_folder: bool,
}

/// Which file a name means.
#[derive(Debug, Default)]
struct Name {
    lasting: Option<usize>,
    since: Vec<Option<usize>>,
}

impl Name {
    fn now(&self) -> Option<usize> {
        self.since.last().copied().unwrap_or(self.lasting)
    }
}

/// How much of what was not synced a loss of power leaves.
#[derive(Debug, Clone, Copy)]
enum Mercy {
    None,
    All,
    /// Each sector by itself, so many of eight.
    Sectors(usize),
    /// All up to a moment, and a part of what was written then.
    Begun,
    /// Of each file all or nothing.
    Files,
}

impl Mercy {
    fn draw(chance: &mut Chance) -> Self {
        match chance.below(8) {
            0 => Self::None,
            1 => Self::All,
            2 => Self::Sectors(1),
            3 => Self::Sectors(4),
            4 => Self::Sectors(7),
            5 | 6 => Self::Begun,
            _ => Self::Files,
        }
    }
}

impl Inode {
    fn survivors(&self, mercy: Mercy, chance: &mut Chance) -> Vec<u8> {
        let mut content = self.lasting.clone();
        let garbage = chance.below(2) == 1;
        let all = chance.below(2) == 1;
        let until = chance.below(self.since.len() + 1);
        for (number, change) in self.since.iter().enumerate() {
            let kept = match mercy {
                Mercy::None => 0,
                Mercy::All => 8,
                Mercy::Sectors(of_eight) => of_eight,
                Mercy::Begun if number < until => 8,
                Mercy::Begun if number == until => 4,
                Mercy::Begun => 0,
                Mercy::Files => 8 * usize::from(all),
            };
            match change {
                Change::Truncate { length } => {
                    if chance.below(8) < kept {
                        content.truncate(*length);
                    }
                }
                Change::Write { offset, bytes } => {
                    for (from, piece) in sectors(*offset, bytes) {
                        if chance.below(8) < kept {
                            put(&mut content, from, piece, garbage.then_some(&mut *chance));
                        }
                    }
                }
            }
        }
        content
    }

    fn sync(&mut self) {
        for change in std::mem::take(&mut self.since) {
            match change {
                Change::Truncate { length } => self.lasting.truncate(length),
                Change::Write { offset, bytes } => put(&mut self.lasting, offset, &bytes, None),
            }
        }
    }
}

/// Returns the parts of a write that lie in one sector each.
fn sectors(offset: usize, bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let from = offset + at;
        let length = (SECTOR_BYTES - from % SECTOR_BYTES).min(bytes.len() - at);
        let piece = &bytes[at..at + length];
        at += length;
        (length > 0).then_some((from, piece))
    })
}

/// Writes into a file. A gap before it is filled with zeros, or with garbage.
fn put(content: &mut Vec<u8>, offset: usize, bytes: &[u8], garbage: Option<&mut Chance>) {
    let end = offset + bytes.len();
    if content.len() < offset
        && let Some(chance) = garbage
    {
        let gap = offset - content.len();
        content.extend((0..gap).map(|_| chance.draw().to_le_bytes()[0]));
    }
    if content.len() < end {
        content.resize(end, 0);
    }
    content[offset..end].copy_from_slice(bytes);
}

/// The files of a disk that SQLite has met, and what of them lasts.
#[derive(Debug, Default)]
pub struct Files {
    root: PathBuf,
    inodes: Vec<Inode>,
    names: BTreeMap<PathBuf, Name>,
}

impl Files {
    /// Returns what is on the disk once the part of it under `lost` has lost its power, and the rest
    /// as it is.
    pub fn after_power_loss(&self, lost: &str, chance: &mut Chance) -> Image {
        let mut image = BTreeMap::new();
        walk(&self.root, &self.root, &mut image);
        let mercy = Mercy::draw(chance);
        for (path, name) in &self.names {
            if !path.starts_with(lost) {
                continue;
            }
            image.remove(path);
            let kept = match mercy {
                Mercy::None => 0,
                Mercy::All => name.since.len(),
                Mercy::Sectors(_) | Mercy::Begun | Mercy::Files => {
                    chance.below(name.since.len() + 1)
                }
            };
            let meant = kept
                .checked_sub(1)
                .map_or(name.lasting, |at| name.since[at]);
            if let Some(inode) = meant {
                let content = self.inodes[inode].survivors(mercy, chance);
                image.insert(path.clone(), content);
            }
        }
        Image(image)
    }

    /// Returns what is on the disk while it has power.
    pub fn present(&self) -> Image {
        let mut image = BTreeMap::new();
        walk(&self.root, &self.root, &mut image);
        Image(image)
    }

    fn name(&mut self, path: &Path) -> &mut Name {
        self.names.entry(path.to_owned()).or_default()
    }

    /// Meets a file that is there already: what is in it lasts.
    fn meet(&mut self, path: &Path) -> Option<usize> {
        let full = self.root.join(path);
        let there = full.is_file();
        match (there, self.name(path).now()) {
            (true, Some(inode)) => Some(inode),
            (true, None) => {
                let inode = self.inodes.len();
                self.inodes.push(Inode {
                    lasting: fs::read(&full).unwrap_or_default(),
                    ..Inode::default()
                });
                *self.name(path) = Name {
                    lasting: Some(inode),
                    since: Vec::new(),
                };
                Some(inode)
            }
            (false, known) => {
                if known.is_some() {
                    // Somebody else than SQLite has taken it away.
                    *self.name(path) = Name::default();
                }
                None
            }
        }
    }

    fn sync_folder(&mut self, of: &Path) {
        for (path, name) in &mut self.names {
            if path.parent() == of.parent() {
                name.lasting = name.now();
                name.since.clear();
            }
        }
    }
}

/// Reads all files under a folder. The index of a write-ahead log is memory, not a file.
fn walk(root: &Path, folder: &Path, image: &mut BTreeMap<PathBuf, Vec<u8>>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            walk(root, &path, image);
        } else if !path.to_string_lossy().ends_with("-shm")
            && let (Ok(content), Ok(name)) = (fs::read(&path), path.strip_prefix(root))
        {
            image.insert(name.to_owned(), content);
        }
    }
}

/// Hears of every step before it is done.
type Watch = Box<dyn FnMut(&Step, &Files) + Send>;

#[derive(Default)]
struct State {
    files: Files,
    chance: Option<Chance>,
    trouble: Option<Trouble>,
    counted: u64,
    steps: u64,
    counts: BTreeMap<(String, Operation), u64>,
    struck: Option<(Operation, PathBuf)>,
    image: Option<Image>,
    watch: Option<Watch>,
}

/// A folder whose databases are on a disk that may fail. It has to exist, and [`crate::vfs::install`]
/// has to be called before the first database in it is opened.
pub struct Disk {
    root: PathBuf,
    dead: AtomicU64,
    state: Mutex<State>,
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Disk({})", self.root.display())
    }
}

impl Disk {
    /// Makes a disk of a folder until the last reference to it is gone. What is in it lasts already.
    ///
    /// # Panics
    /// If the folder is not there.
    pub fn of(root: &Path, seed: u64) -> Arc<Self> {
        let root = root.canonicalize().expect("the disk's folder is there");
        let files = Files {
            root: root.clone(),
            ..Files::default()
        };
        let disk = Arc::new(Self {
            root,
            dead: AtomicU64::new(0),
            state: Mutex::new(State {
                files,
                chance: Some(Chance::new(seed)),
                ..State::default()
            }),
        });
        crate::vfs::mount(&disk);
        disk
    }

    /// Returns the folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Sets what goes wrong, and begins to count anew.
    pub fn trouble(&self, trouble: Trouble) {
        let mut state = self.state();
        state.trouble = Some(trouble);
        state.counted = 0;
        state.struck = None;
    }

    /// Returns the operation that went wrong first since trouble was set.
    pub fn struck(&self) -> Option<(Operation, PathBuf)> {
        self.state().struck.clone()
    }

    /// Calls `watch` before every step, on the thread that does it and with the disk held.
    pub fn watch(&self, watch: impl FnMut(&Step, &Files) + Send + 'static) {
        self.state().watch = Some(Box::new(watch));
    }

    /// Ends the watching.
    pub fn unwatch(&self) {
        self.state().watch = None;
    }

    /// Looks at the files.
    pub fn look<T>(&self, look: impl FnOnce(&Files) -> T) -> T {
        look(&self.state().files)
    }

    /// Returns how often each operation was done to files of each kind (by the end of their names).
    pub fn counts(&self) -> BTreeMap<(String, Operation), u64> {
        self.state().counts.clone()
    }

    /// Says whether the power has gone.
    pub fn is_dead(&self) -> bool {
        self.dead.load(Ordering::SeqCst) != 0
    }

    /// Takes the power away, unless it has gone, and returns what is left on the disk.
    pub fn after_power_loss(&self) -> Image {
        let mut state = self.state();
        self.die(&mut state);
        state.image.clone().unwrap_or_default()
    }

    fn die(&self, state: &mut State) {
        if self.dead.swap(1, Ordering::SeqCst) == 0 {
            let State {
                files,
                chance: Some(chance),
                image,
                ..
            } = state
            else {
                return;
            };
            *image = Some(files.after_power_loss("", chance));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns a path from the root on.
    pub(crate) fn within(&self, path: &Path) -> Option<PathBuf> {
        path.strip_prefix(&self.root).ok().map(Path::to_owned)
    }

    /// Counts an operation that is about to be done, and says if it fails.
    pub(crate) fn begin(&self, operation: Operation, path: &Path) -> Result<(), Failure> {
        let mut state = self.state();
        if self.is_dead() {
            return Err(operation.failure());
        }
        let ending = path.to_string_lossy();
        let ending = ending.rsplit(['.', '/']).next().unwrap_or_default();
        let key = (ending.to_owned(), operation);
        *state.counts.entry(key).or_default() += 1;
        let trouble = state.trouble.unwrap_or(Trouble::None);
        if operation.is_step() {
            state.steps += 1;
            let step = Step {
                number: state.steps,
                operation,
                file: path.to_owned(),
            };
            let State { files, watch, .. } = &mut *state;
            if let Some(watch) = watch {
                watch(&step, files);
            }
        }
        let counts = match trouble {
            Trouble::None => false,
            Trouble::PowerBefore(_) => operation.is_step(),
            Trouble::FullFrom(_) => operation.needs_space(),
            Trouble::ErrorAt(_) => true,
        };
        state.counted += u64::from(counts);
        let counted = state.counted;
        let failure = match trouble {
            Trouble::PowerBefore(at) if counts && counted == at => {
                self.die(&mut state);
                Some(operation.failure())
            }
            Trouble::FullFrom(at) if counts && counted >= at => Some(operation.no_space()),
            Trouble::ErrorAt(at) if counted == at => Some(operation.failure()),
            Trouble::None
            | Trouble::PowerBefore(_)
            | Trouble::FullFrom(_)
            | Trouble::ErrorAt(_) => None,
        };
        let Some(failure) = failure else {
            return Ok(());
        };
        if state.struck.is_none() {
            state.struck = Some((operation, path.to_owned()));
        }
        Err(failure)
    }

    /// Notes that a file was opened, and returns it.
    pub(crate) fn opened(&self, path: &Path, was_there: bool, syncs_folder: bool) -> usize {
        let mut state = self.state();
        let files = &mut state.files;
        let inode = match files.meet(path) {
            Some(inode) if was_there => inode,
            Some(_) | None => {
                files.inodes.push(Inode::default());
                let inode = files.inodes.len() - 1;
                files.name(path).since.push(Some(inode));
                inode
            }
        };
        if syncs_folder {
            files.inodes[inode].syncs_folder = true;
        }
        inode
    }

    /// Notes what a file is before SQLite creates it.
    pub(crate) fn met(&self, path: &Path) -> bool {
        self.state().files.meet(path).is_some()
    }

    pub(crate) fn wrote(&self, inode: usize, offset: usize, bytes: &[u8]) {
        self.state().files.inodes[inode].since.push(Change::Write {
            offset,
            bytes: bytes.to_owned(),
        });
    }

    pub(crate) fn truncated(&self, inode: usize, length: usize) {
        self.state().files.inodes[inode]
            .since
            .push(Change::Truncate { length });
    }

    pub(crate) fn synced(&self, inode: usize, path: &Path) {
        let mut state = self.state();
        state.files.inodes[inode].sync();
        if std::mem::take(&mut state.files.inodes[inode].syncs_folder) {
            state.files.sync_folder(path);
        }
    }

    /// A sync failed: what was written stays readable, and no later sync makes it last.
    pub(crate) fn failed_to_sync(&self, inode: usize) {
        self.state().files.inodes[inode].since.clear();
    }

    pub(crate) fn deleted(&self, path: &Path, syncs_folder: bool) {
        let mut state = self.state();
        state.files.name(path).since.push(None);
        if syncs_folder {
            state.files.sync_folder(path);
        }
    }
}
