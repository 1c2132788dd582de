//! Archives that hold the same bytes whenever and wherever they are made: entries in order, one time,
//! one mode.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{Cursor, Read, Seek, Write},
    path::Path,
};

use anyhow::{Context, Result};
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter, write::SimpleFileOptions};

/// What an archive holds, by name.
pub(crate) type Entries = BTreeMap<String, Vec<u8>>;

/// Reads all files below a folder.
///
/// # Errors
/// If one cannot be read.
pub(crate) fn files(folder: &Path) -> Result<Entries> {
    let mut found = Entries::new();
    let mut open = vec![folder.to_owned()];
    while let Some(inner) = open.pop() {
        let entries = fs::read_dir(&inner).with_context(|| inner.display().to_string())?;
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let parts = path.strip_prefix(folder)?.components();
            let parts: Vec<_> = parts
                .map(|part| part.as_os_str().to_string_lossy())
                .collect();
            let bytes = fs::read(&path).with_context(|| path.display().to_string())?;
            found.insert(parts.join("/"), bytes);
        }
    }
    Ok(found)
}

/// Reads what an archive holds.
///
/// # Errors
/// If it cannot be read.
pub(crate) fn read(path: &Path) -> Result<Entries> {
    let file = File::open(path).with_context(|| path.display().to_string())?;
    let mut archive = ZipArchive::new(file)?;
    let mut found = Entries::new();
    for at in 0..archive.len() {
        let mut entry = archive.by_index(at)?;
        if entry.is_file() {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes)?;
            found.insert(entry.name()?.into_owned(), bytes);
        }
    }
    Ok(found)
}

/// Writes an archive to a file.
///
/// # Errors
/// If it cannot be written.
pub(crate) fn write(path: &Path, entries: &Entries) -> Result<()> {
    create_folder_of(path)?;
    let file = File::create(path).with_context(|| path.display().to_string())?;
    write_to(file, entries).with_context(|| path.display().to_string())
}

/// Returns an archive as it would be written.
///
/// # Errors
/// If it cannot be made.
pub(crate) fn bytes(entries: &Entries) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    write_to(Cursor::new(&mut bytes), entries)?;
    Ok(bytes)
}

/// Writes a file, and the folders that it lies in.
///
/// # Errors
/// If it cannot be written.
pub(crate) fn write_file(path: &Path, bytes: impl AsRef<[u8]>) -> Result<()> {
    create_folder_of(path)?;
    fs::write(path, bytes).with_context(|| path.display().to_string())
}

fn create_folder_of(path: &Path) -> Result<()> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())
}

fn write_to(file: impl Write + Seek, entries: &Entries) -> Result<()> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(9))
        .last_modified_time(DateTime::DEFAULT)
        .unix_permissions(0o644);
    let mut writer = ZipWriter::new(file);
    // Readers of jars look for the manifest first.
    let first = |name: &str| name != "META-INF/MANIFEST.MF";
    let mut names: Vec<&String> = entries.keys().collect();
    names.sort_by_key(|name| first(name));
    for name in names {
        writer.start_file(name.as_str(), options)?;
        writer.write_all(&entries[name])?;
    }
    writer.finish()?;
    Ok(())
}
