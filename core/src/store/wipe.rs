//! Destroying everything that a store keeps, so that an interruption anywhere is finished by the
//! next opening.
//!
//! A marker is on disk before the first byte goes and until the last is gone. The database and what
//! belongs to it are overwritten before they are deleted, the one with the keys first. A flash disk
//! may keep old copies of pages that no program reaches: what protects those is the encryption of the
//! phone's storage.

use std::{
    fs::{self, File},
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
};

use super::{FILE_NAME, file_error};
use crate::error::Result;

const MARKER: &str = "nghisu.wipe";
static ZEROS: [u8; 8 << 10] = [0; 8 << 10];

/// What the marker holds if the owner wants it.
const BY_OWNER: &[u8] = b"owner";

/// Who wants everything destroyed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// The office: the owner is told so by the next opening.
    Office,
    /// The owner: the next opening begins anew.
    Owner,
}

/// Says whether a wipe has begun in this folder, and by whom.
pub(super) fn begun(directory: &Path) -> Result<Option<By>> {
    let path = directory.join(MARKER);
    match fs::read(&path) {
        Ok(marker) if marker == BY_OWNER => Ok(Some(By::Owner)),
        Ok(_) => Ok(Some(By::Office)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(file_error(&path, &error)),
    }
}

/// Writes down that everything in the folder is to be destroyed.
pub(super) fn begin(directory: &Path, by: By) -> Result<()> {
    let path = directory.join(MARKER);
    let content: &[u8] = match by {
        By::Office => &[],
        By::Owner => BY_OWNER,
    };
    File::create(&path)
        .and_then(|mut marker| {
            marker.write_all(content)?;
            marker.sync_all()
        })
        .map_err(|error| file_error(&path, &error))?;
    sync_folder(directory)
}

/// Destroys the database, what was carried over from damaged ones, and the papers. Nobody has the
/// database open. Doing it twice does no harm.
pub(super) fn destroy(directory: &Path) -> Result<()> {
    for path in databases(directory)? {
        overwrite(&path).map_err(|error| file_error(&path, &error))?;
    }
    sync_folder(directory)?;
    let papers = directory.join("papers");
    match fs::remove_dir_all(&papers) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(file_error(&papers, &error)),
        Ok(()) | Err(_) => sync_folder(directory),
    }
}

/// Notes that everything is gone.
pub(super) fn end(directory: &Path) -> Result<()> {
    let path = directory.join(MARKER);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(file_error(&path, &error)),
        Ok(()) | Err(_) => sync_folder(directory),
    }
}

/// Returns every file of a database in the folder, the present one first.
fn databases(directory: &Path) -> Result<Vec<PathBuf>> {
    let failed = |error| file_error(directory, &error);
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(FILE_NAME) && !name.ends_with(".lock") {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}

fn overwrite(path: &Path) -> std::io::Result<()> {
    let mut file = File::options().write(true).open(path)?;
    let mut left = file.metadata()?.len();
    while left > 0 {
        let step = left.min(ZEROS.len() as u64);
        file.write_all(&ZEROS[..usize::try_from(step).unwrap_or(ZEROS.len())])?;
        left -= step;
    }
    file.sync_all()?;
    fs::remove_file(path)
}

/// Makes sure that a folder's entries are on disk.
pub(super) fn sync_folder(directory: &Path) -> Result<()> {
    File::open(directory)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| file_error(directory, &error))
}
