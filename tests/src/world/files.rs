//! Folders as a kill leaves them, and as somebody puts them back.

use std::{
    fs,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

/// Makes a folder in memory where the machine has one: what survives a loss of power is tried elsewhere.
pub(super) fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        TempDir::new_in(memory).unwrap()
    } else {
        TempDir::new().unwrap()
    }
}

/// Copies a folder as it is on disk, while its databases are open. The index of a write-ahead log is
/// left out: after a kill it is made anew.
pub(super) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        let target = to.join(file.file_name());
        if file.file_type().unwrap().is_dir() {
            copy(&file.path(), &target);
        } else if !file.file_name().to_string_lossy().ends_with("-shm") {
            fs::copy(file.path(), target).unwrap();
        }
    }
    fs::set_permissions(to, fs::metadata(from).unwrap().permissions()).unwrap();
}

/// Puts a copy in the place of a folder; the copy stays.
pub(super) fn put_back(copied: &Path, folder: &Path) {
    fs::remove_dir_all(folder).unwrap();
    copy(copied, folder);
}

/// Puts a copy in the place of a folder and takes the copy away.
pub(super) fn replace(copied: &Path, folder: &Path) {
    fs::remove_dir_all(folder).unwrap();
    fs::rename(copied, folder).unwrap();
}

/// Returns the files below a folder that hold these bytes.
pub(super) fn holding(folder: &Path, bytes: &[u8]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.is_dir() {
            found.extend(holding(&path, bytes));
        } else if memchr::memmem::find(&fs::read(&path).unwrap(), bytes).is_some() {
            found.push(path);
        }
    }
    found
}
