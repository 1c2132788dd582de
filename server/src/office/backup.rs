//! Backups: a copy of the database as of one moment, the papers beside it, and a manifest with the
//! hash of every file.
//!
//! ```text
//! DIR/blobs/ab/cdef                     papers, shared by all backups in DIR
//! DIR/backup-0000000123-1800000000000   up to entry 123, made at that time
//!     office.db  manifest.json
//! ```
//!
//! A backup is made under another name and moved into its place when all of it is on disk, so what is
//! called a backup is whole. It holds no secret: neither the root key nor the online key nor what the
//! office authenticates its cursors with. An entry of the log then says up to where it goes.

use std::{
    fs,
    io::{Read, Write},
    path::{Path, PathBuf},
};

use nghisu_core::{
    Code, Error, Result, cbor,
    ids::{DocumentId, Feed, Hash, Kind, LogId},
    meeting::canonical_json,
    sync::healing::BackupEntry,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Office, export::walk, files, log::Appending, office_row};
use crate::{
    clock,
    db::{Db, Tx},
};

const DATABASE: &str = "office.db";
const MANIFEST: &str = "manifest.json";
const PREFIX: &str = "backup-";
/// The newest epoch that an office restored from here has begun.
const EPOCHS: &str = "epoch";
/// The form of the manifest that this version writes and reads.
const FORMAT: u32 = 1;
/// Bytes that are hashed and copied at a time.
const PIECE_BYTES: usize = 64 << 10;

/// What a backup is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The form of this manifest.
    pub format: u32,
    /// The log.
    pub log: LogId,
    /// Its epoch.
    pub epoch: u32,
    /// All entries up to this one are in the backup.
    pub covers: u64,
    /// The log's chain at that entry.
    pub chain: Hash,
    /// When it was made, by the office's clock: milliseconds since 1970 UTC.
    pub made_at_ms: u64,
    /// The database.
    pub database: BackedUpFile,
    /// The papers, by their hashes.
    pub blobs: Vec<BackedUpFile>,
}

/// A file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackedUpFile {
    /// SHA-256 of its content.
    pub hash: Hash,
    /// Its length in bytes.
    pub length: u64,
}

/// A backup that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackedUp {
    /// Its folder.
    pub folder: PathBuf,
    /// What it is made of.
    pub manifest: Manifest,
    /// Papers that were copied.
    pub copied: u64,
    /// Papers that were there already, and were found whole.
    pub there: u64,
}

/// An office that was made of a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// The backup.
    pub backup: PathBuf,
    /// What it is made of.
    pub manifest: Manifest,
    /// The epoch of the log that begins with it.
    pub epoch: u32,
    /// Whether the epoch could be noted beside the backup, so that no other restore begins it too.
    pub noted: bool,
}

impl Office {
    /// Makes a backup in `to`, also while the office runs, and notes in the log up to where it goes.
    /// `progress` hears how many of how many papers are done.
    ///
    /// # Errors
    /// [`Code::LogDamaged`], [`Code::PaperDamaged`] if what is to be copied does not hold: then there
    /// is no backup. [`Code::FolderNotWritable`], [`Code::DiskFull`], [`Code::Storage`].
    pub fn backup(
        &self,
        to: &Path,
        now: Timestamp,
        mut progress: impl FnMut(u64, u64),
    ) -> Result<BackedUp> {
        let to = &absolute(to)?;
        let _one = files::lock_folder(to)?;
        sweep(to)?;
        files::make_folder(&to.join("blobs"))?;
        let part = tempfile::Builder::new()
            .prefix(".partial-")
            .tempdir_in(to)
            .map_err(|error| files::folder_error(&error, to))?;
        // The database first: what it names is among the papers by then, and none is ever deleted.
        let database = part.path().join(DATABASE);
        self.db.snapshot(&database)?;
        let state = inspect(&database)?;
        let blobs = self.blob_files()?;
        let (mut copied, mut there) = (0, 0);
        let mut backed_up = Vec::new();
        for (index, (hash, path)) in blobs.iter().enumerate() {
            progress(index as u64, blobs.len() as u64);
            let (length, new) = copy_checked(path, &blob_place(to, *hash), *hash)?;
            copied += u64::from(new);
            there += u64::from(!new);
            backed_up.push(BackedUpFile {
                hash: *hash,
                length,
            });
        }
        progress(blobs.len() as u64, blobs.len() as u64);
        let manifest = Manifest {
            format: FORMAT,
            log: state.log,
            epoch: state.epoch,
            covers: state.seq,
            chain: state.chain,
            made_at_ms: now.unix_ms(),
            database: hash_file(&database)?,
            blobs: backed_up,
        };
        let text = manifest.text()?;
        files::write_file(&part.path().join(MANIFEST), text.as_bytes())?;
        // One that was made in this millisecond and could not be noted has the name already.
        let mut at_ms = now.unix_ms();
        let named = |at_ms: u64| to.join(format!("{PREFIX}{:010}-{at_ms}", manifest.covers));
        while named(at_ms).exists() {
            at_ms += 1;
        }
        let folder = named(at_ms);
        files::sync_folder(part.path())?;
        let part = part.keep();
        fs::rename(&part, &folder).map_err(|error| files::file_error(&error, &folder))?;
        files::sync_folder(to)?;
        self.note_backup(&manifest, Hash::of_content(text.as_bytes()), now)?;
        Ok(BackedUp {
            folder,
            manifest,
            copied,
            there,
        })
    }

    /// Says in the log up to where a backup goes, so that the devices hear it.
    fn note_backup(&self, manifest: &Manifest, hash: Hash, now: Timestamp) -> Result<()> {
        let keys = self.keys.clone();
        let entry = BackupEntry {
            covers: manifest.covers,
            chain: manifest.chain,
            manifest: hash,
        };
        self.db.write(move |tx| {
            let mut log = Appending::begin(tx, &keys, now)?;
            let (feed, document) = (
                Feed::Body(log.office.log),
                DocumentId::from_bytes(*log.office.log.as_bytes()),
            );
            let place = log.write(feed, document, Kind::Backup, cbor::encode(&entry))?;
            log.finish()?;
            tx.add_backup(place.seq, entry.covers, now)
        })
    }

    /// Makes an office in `folder`, which must hold none, of a backup: of `from` itself, or of the
    /// newest one in it. Every hash is checked first. The log goes on in a new epoch, and the office has
    /// no keys yet: [`Office::renew_online_key`] makes one, and then it takes back what its devices
    /// hold.
    ///
    /// # Errors
    /// [`Code::BackupDamaged`], [`Code::OfficeExists`]; [`Code::FolderNotWritable`],
    /// [`Code::DiskFull`], [`Code::Storage`]. There is no office in `folder` then.
    pub fn restore(
        from: &Path,
        folder: &Path,
        now: Timestamp,
        mut progress: impl FnMut(u64, u64),
    ) -> Result<Restored> {
        let (from, folder) = (&absolute(from)?, &absolute(folder)?);
        let (backup, manifest) = find_backup(from)?;
        files::make_folder(folder)?;
        let _one = files::lock_folder(folder)?;
        let place = folder.join(DATABASE);
        if place.exists() {
            return Err(Error::new(Code::OfficeExists, folder.display()));
        }
        let database = backup.join(DATABASE);
        is_file(&database, &manifest.database)?;
        let blobs = backup.parent().unwrap_or(&backup);
        for (index, blob) in manifest.blobs.iter().enumerate() {
            progress(index as u64, manifest.blobs.len() as u64);
            is_file(&blob_place(blobs, blob.hash), blob)?;
        }
        for blob in &manifest.blobs {
            let to = blob_place(folder, blob.hash);
            copy_checked(&blob_place(blobs, blob.hash), &to, blob.hash)?;
        }
        files::make_folder(&folder.join("blobs"))?;
        let part = folder.join(".partial.db");
        for name in [".partial.db", ".partial.db-wal", ".partial.db-shm"] {
            remove(&folder.join(name))?;
        }
        copy_checked(&database, &part, manifest.database.hash)?;
        let state = inspect(&part)?;
        let same = state.log == manifest.log
            && state.seq == manifest.covers
            && state.chain == manifest.chain;
        if !same {
            return Err(damaged(&database, "another log than the manifest says"));
        }
        let epochs = blobs.join(EPOCHS);
        let seen = read_epoch(&epochs)?;
        let epoch = renew_epoch(&part, seen, now)?;
        let noted = files::write_file(&epochs, format!("{epoch}\n").as_bytes());
        fs::rename(&part, &place).map_err(|error| files::file_error(&error, &place))?;
        files::sync_folder(folder)?;
        progress(manifest.blobs.len() as u64, manifest.blobs.len() as u64);
        Ok(Restored {
            backup,
            manifest,
            epoch,
            noted: noted.is_ok(),
        })
    }

    /// Returns the files of papers, by their hashes.
    pub(super) fn blob_files(&self) -> Result<Vec<(Hash, PathBuf)>> {
        blob_files(&self.folder)
    }
}

impl Manifest {
    fn text(&self) -> Result<String> {
        let value =
            serde_json::to_value(self).map_err(|error| Error::new(Code::Internal, error))?;
        Ok(format!("{}\n", canonical_json(&value)))
    }

    fn read(path: &Path) -> Result<Self> {
        let bytes = files::read_file(path)?.ok_or_else(|| damaged(path, "missing"))?;
        let manifest: Self =
            serde_json::from_slice(&bytes).map_err(|error| damaged(path, &error.to_string()))?;
        if manifest.format != FORMAT {
            return Err(damaged(path, "of another version"));
        }
        Ok(manifest)
    }
}

/// What a copy of the database holds.
struct State {
    log: LogId,
    epoch: u32,
    seq: u64,
    chain: Hash,
}

/// Checks a copy of the database as a whole, and its log from the first entry.
fn inspect(path: &Path) -> Result<State> {
    let connection = crate::db::open_alone(path)?;
    crate::db::integrity(&connection)?;
    let tx = Tx::new(&connection);
    walk(&tx, &mut |_, _| Ok(()))?;
    let (office, counter) = (office_row(&tx)?, tx.counter()?);
    Ok(State {
        log: office.log,
        epoch: office.epoch,
        seq: counter.seq,
        chain: counter.chain,
    })
}

/// Begins a new epoch in a copy that no office serves yet, with a secret of its own. The log names the
/// epoch once there is a key to sign that with.
fn renew_epoch(path: &Path, seen: u32, now: Timestamp) -> Result<u32> {
    let db = Db::open(path)?;
    let secret = clock::random()?;
    db.write(move |tx| {
        tx.set_secret(&secret)?;
        super::healing::begin(tx, (seen, None), now)
    })
}

fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).map_err(|error| files::file_error(&error, path))
}

/// Returns the newest epoch that was begun with a backup from here; 0 if none was.
fn read_epoch(path: &Path) -> Result<u32> {
    let text = files::read_file(path)?.unwrap_or_default();
    let number = std::str::from_utf8(&text).ok().map(str::trim);
    Ok(number.and_then(|number| number.parse().ok()).unwrap_or(0))
}

/// Finds a backup: the folder itself, or the newest one in it.
fn find_backup(from: &Path) -> Result<(PathBuf, Manifest)> {
    if from.join(MANIFEST).is_file() {
        return Ok((from.to_owned(), Manifest::read(&from.join(MANIFEST))?));
    }
    let failed = |error| files::file_error(&error, from);
    let mut newest: Option<(PathBuf, Manifest)> = None;
    for file in fs::read_dir(from).map_err(failed)? {
        let path = file.map_err(failed)?.path();
        let named = path
            .file_name()
            .and_then(|name| name.to_str())
            .is_some_and(|name| name.starts_with(PREFIX));
        if !named {
            continue;
        }
        let manifest = Manifest::read(&path.join(MANIFEST))?;
        let newer = newest.as_ref().is_none_or(|(_, newest)| {
            (newest.made_at_ms, newest.covers) < (manifest.made_at_ms, manifest.covers)
        });
        if newer {
            newest = Some((path, manifest));
        }
    }
    newest.ok_or_else(|| damaged(from, "no backup is here"))
}

/// Deletes what a backup that was interrupted has left.
fn sweep(to: &Path) -> Result<()> {
    let failed = |error| files::file_error(&error, to);
    for file in fs::read_dir(to).map_err(failed)? {
        let path = file.map_err(failed)?.path();
        let partial = path
            .file_name()
            .and_then(|name| name.to_str())
            .is_some_and(|name| name.starts_with(".partial-"));
        if partial {
            fs::remove_dir_all(&path).map_err(failed)?;
        }
    }
    Ok(())
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        removed => removed.map_err(|error| files::file_error(&error, path)),
    }
}

/// Returns the files of papers in an office's folder, by their hashes. What has another name is none.
pub(super) fn blob_files(folder: &Path) -> Result<Vec<(Hash, PathBuf)>> {
    let blobs = folder.join("blobs");
    let mut found = Vec::new();
    let list = |folder: &Path| -> Result<Vec<PathBuf>> {
        let failed = |error| files::file_error(&error, folder);
        let entries = fs::read_dir(folder).map_err(failed)?;
        let paths = entries.map(|entry| entry.map(|entry| entry.path()));
        paths.collect::<std::io::Result<_>>().map_err(failed)
    };
    for shelf in list(&blobs)? {
        if !shelf.is_dir() {
            continue;
        }
        for file in list(&shelf)? {
            let name = |path: &Path| Some(path.file_name()?.to_str()?.to_owned());
            let hash = name(&shelf).zip(name(&file));
            let hash = hash.and_then(|(shelf, file)| format!("{shelf}{file}").parse().ok());
            found.extend(hash.map(|hash| (hash, file)));
        }
    }
    found.sort();
    Ok(found)
}

/// Returns where a paper lies in a folder of papers.
pub(super) fn blob_place(folder: &Path, hash: Hash) -> PathBuf {
    let name = hash.to_string();
    let (shelf, file) = name.split_at(2);
    folder.join("blobs").join(shelf).join(file)
}

/// Returns hash and length of a file.
pub(super) fn hash_file(path: &Path) -> Result<BackedUpFile> {
    let failed = |error| files::file_error(&error, path);
    let mut file = fs::File::open(path).map_err(failed)?;
    let mut hasher = Sha256::new();
    let mut piece = vec![0; PIECE_BYTES];
    let mut length = 0;
    loop {
        let count = file.read(&mut piece).map_err(failed)?;
        if count == 0 {
            break;
        }
        hasher.update(&piece[..count]);
        length += count as u64;
    }
    Ok(BackedUpFile {
        hash: Hash::from_bytes(hasher.finalize().into()),
        length,
    })
}

fn is_file(path: &Path, named: &BackedUpFile) -> Result<()> {
    if !path.is_file() {
        return Err(damaged(path, "missing"));
    }
    if hash_file(path)? == *named {
        Ok(())
    } else {
        Err(damaged(path, "not the file that was backed up"))
    }
}

/// Copies a file to its place unless a whole copy is there. When this returns it is on disk. Returns
/// its length, and whether it was copied.
fn copy_checked(from: &Path, to: &Path, hash: Hash) -> Result<(u64, bool)> {
    if to.is_file() {
        let there = hash_file(to)?;
        if there.hash == hash {
            return Ok((there.length, false));
        }
    }
    let folder = to.parent().unwrap_or(to);
    files::make_folder(folder)?;
    let mut source = fs::File::open(from).map_err(|error| files::file_error(&error, from))?;
    let mut copy = tempfile::Builder::new()
        .prefix(".partial-")
        .tempfile_in(folder)
        .map_err(|error| files::folder_error(&error, folder))?;
    let failed = |error| files::file_error(&error, to);
    let mut hasher = Sha256::new();
    let mut piece = vec![0; PIECE_BYTES];
    let mut length = 0;
    loop {
        let count = source
            .read(&mut piece)
            .map_err(|error| files::file_error(&error, from))?;
        if count == 0 {
            break;
        }
        hasher.update(&piece[..count]);
        copy.write_all(&piece[..count]).map_err(failed)?;
        length += count as u64;
    }
    if Hash::from_bytes(hasher.finalize().into()) != hash {
        return Err(Error::new(Code::PaperDamaged, from.display()));
    }
    copy.as_file().sync_all().map_err(failed)?;
    copy.persist(to).map_err(|error| failed(error.error))?;
    files::sync_folder(folder)?;
    if let Some(above) = folder.parent() {
        files::sync_folder(above)?;
    }
    Ok((length, true))
}

fn damaged(path: &Path, what: &str) -> Error {
    Error::new(
        Code::BackupDamaged,
        format_args!("{}: {what}", path.display()),
    )
}
