//! Files that are there in full or not at all.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::Path,
};

use nghisu_core::{Code, Error, Result};

/// Makes a folder, and those above it, that only its owner may open.
pub(crate) fn make_folder(path: &Path) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder
        .create(path)
        .map_err(|error| folder_error(&error, path))
}

/// Writes a file beside its place, syncs it, and moves it there: whoever looks sees the old content
/// or the new one. Only the owner may read it.
pub(crate) fn write_file(path: &Path, content: &[u8]) -> Result<()> {
    write_with(path, |file| {
        file.write_all(content)
            .map_err(|error| file_error(&error, path))
    })
}

/// Writes a file in the same way, piece by piece.
pub(crate) fn write_with(path: &Path, write: impl FnOnce(&mut File) -> Result<()>) -> Result<()> {
    let folder = path
        .parent()
        .ok_or_else(|| Error::new(Code::Internal, path.display()))?;
    let mut file =
        tempfile::NamedTempFile::new_in(folder).map_err(|error| folder_error(&error, folder))?;
    write(file.as_file_mut())?;
    file.as_file()
        .sync_all()
        .map_err(|error| file_error(&error, path))?;
    file.persist(path)
        .map_err(|error| file_error(&error.error, path))?;
    sync_folder(folder)
}

/// Waits until nobody else holds the folder, and holds it until the file is dropped.
pub(crate) fn lock_folder(folder: &Path) -> Result<File> {
    make_folder(folder)?;
    let file = File::open(folder).map_err(|error| file_error(&error, folder))?;
    file.lock().map_err(|error| file_error(&error, folder))?;
    Ok(file)
}

/// Moves a file into the place of another in the same folder. That another process has done so
/// already is as good.
pub(crate) fn move_file(from: &Path, to: &Path) -> Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && to.is_file() => Ok(()),
        Err(error) => Err(file_error(&error, from)),
        Ok(()) => sync_folder(to.parent().unwrap_or(to)),
    }
}

/// Makes sure that a folder's entries are on disk.
pub(crate) fn sync_folder(folder: &Path) -> Result<()> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| file_error(&error, folder))
}

/// Reads a small file, or `None` where there is none.
pub(crate) fn read_file(path: &Path) -> Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(file_error(&error, path)),
    }
}

/// Says what a failure to write into a folder means to people.
pub(crate) fn folder_error(error: &io::Error, folder: &Path) -> Error {
    let code = if is_full(error) {
        Code::DiskFull
    } else {
        Code::FolderNotWritable
    };
    Error::new(code, format_args!("{}: {error}", folder.display()))
}

/// Says what a failure to read or write a file means to people.
pub(crate) fn file_error(error: &io::Error, path: &Path) -> Error {
    let closed = [
        io::ErrorKind::PermissionDenied,
        io::ErrorKind::ReadOnlyFilesystem,
    ];
    let code = if is_full(error) {
        Code::DiskFull
    } else if closed.contains(&error.kind()) {
        Code::FolderNotWritable
    } else {
        Code::Storage
    };
    Error::new(code, format_args!("{}: {error}", path.display()))
}

fn is_full(error: &io::Error) -> bool {
    [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded].contains(&error.kind())
}
