//! What to do with a database that cannot be read any more: move it aside, carry over what can.
//!
//! An interruption anywhere is finished by the next opening. The fresh database is made beside the
//! damaged one and names it; only then is the damaged one moved, and the fresh one into its place. As
//! long as the fresh one names it, rows are carried over, those that are there already once.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, types::Value};

use super::{
    cipher::{self, DatabaseKey},
    file_error, put_state, schema, sql,
    wipe::sync_folder,
};
use crate::{
    error::{Code, Error, Result},
    time::Timestamp,
};

/// What was carried over from a damaged file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Salvage {
    /// Where the damaged file is. It stays there until a person deletes it.
    pub moved_to: PathBuf,
    /// Rows carried over.
    pub rows: u64,
    /// Tables of which some rows, or all, could not be read.
    pub damaged_tables: Vec<String>,
}

/// The row of `state` in which a fresh database names the damaged one.
const DAMAGED: &str = "salvaging";

/// Moves the database at `path` aside and makes a new one that names it.
pub(super) fn move_aside(
    path: &Path,
    key: Option<&DatabaseKey>,
    now: Timestamp,
) -> Result<Connection> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let moved_to = format!("{name}.damaged-{}", now.unix_ms());
    let fresh = fresh(path);
    remove(&fresh)?;
    let mut connection = schema::open(&fresh, key)?;
    let transaction = connection.transaction().map_err(sql)?;
    put_state(&transaction, DAMAGED, moved_to.as_bytes())?;
    transaction.commit().map_err(sql)?;
    // It moves without its log.
    let busy: i64 = connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
        .map_err(sql)?;
    if busy != 0 {
        return Err(Error::new(Code::Storage, "the checkpoint was kept waiting"));
    }
    drop(connection);
    change_places(path, &moved_to)?;
    schema::open(path, key)
}

/// Finishes a move that was interrupted, before the database at `path` is opened.
pub(super) fn resume(path: &Path, key: Option<&DatabaseKey>) -> Result<()> {
    let fresh = fresh(path);
    if !fresh.exists() {
        return Ok(());
    }
    if path.exists() {
        // Nothing was moved yet.
        return remove(&fresh);
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE;
    let connection = cipher::connect(&fresh, flags, key)?;
    let moved_to = damaged(&connection)?;
    drop(connection);
    let missing = || Error::new(Code::DatabaseCorrupt, fresh.display());
    change_places(path, &moved_to.ok_or_else(missing)?)
}

/// Moves the damaged database first, then what belongs to it, and the fresh one last.
fn change_places(path: &Path, moved_to: &str) -> Result<()> {
    let moved_to = path.with_file_name(moved_to);
    let folder = path.parent().unwrap_or(path);
    for suffix in ["", "-wal", "-shm"] {
        let (from, to) = (with_suffix(path, suffix), with_suffix(&moved_to, suffix));
        if from.exists() {
            fs::rename(&from, &to).map_err(|error| file_error(&from, &error))?;
        }
    }
    sync_folder(folder)?;
    let fresh = fresh(path);
    for suffix in ["-wal", "-shm"] {
        remove_file(&with_suffix(&fresh, suffix))?;
    }
    fs::rename(&fresh, path).map_err(|error| file_error(&fresh, &error))?;
    sync_folder(folder)
}

/// Carries every row that can be read over from the damaged database that the one at `path` names, if
/// it names one. Doing it twice does no harm.
pub(super) fn carry_over(
    connection: &Connection,
    path: &Path,
    key: Option<&DatabaseKey>,
) -> Result<Option<Salvage>> {
    let Some(moved_to) = damaged(connection)? else {
        return Ok(None);
    };
    let mut salvage = Salvage {
        moved_to: path.with_file_name(moved_to),
        rows: 0,
        damaged_tables: Vec::new(),
    };
    for table in tables(connection)? {
        // Opened anew for each table: an error in one must not spoil the next. Twice if need be: what a
        // disk failed to read once may be readable the second time.
        let mut whole = false;
        for _ in 0..2 {
            let flags = OpenFlags::SQLITE_OPEN_READ_WRITE;
            whole = match cipher::connect(&salvage.moved_to, flags, key) {
                Ok(damaged) => copy_table(&damaged, connection, &table, &mut salvage.rows)?,
                Err(_) => false,
            };
            if whole {
                break;
            }
        }
        if !whole {
            salvage.damaged_tables.push(table);
        }
    }
    Ok(Some(salvage))
}

/// Notes that everything that follows from the carrying over is done.
pub(super) fn end(connection: &Connection) -> Result<()> {
    let delete = "DELETE FROM state WHERE name = ?1";
    connection
        .execute(delete, [DAMAGED])
        .map(|_| ())
        .map_err(sql)
}

fn damaged(connection: &Connection) -> Result<Option<String>> {
    let query = "SELECT CAST(value AS TEXT) FROM state WHERE name = ?1";
    connection
        .query_row(query, [DAMAGED], |row| row.get(0))
        .optional()
        .map_err(sql)
}

fn fresh(path: &Path) -> PathBuf {
    with_suffix(path, ".fresh")
}

fn remove(database: &Path) -> Result<()> {
    ["", "-wal", "-shm"]
        .iter()
        .try_for_each(|suffix| remove_file(&with_suffix(database, suffix)))
}

fn remove_file(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(file_error(path, &error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn tables(connection: &Connection) -> Result<Vec<String>> {
    let mut statement = connection
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name")
        .map_err(sql)?;
    let names = statement.query_map([], |row| row.get(0)).map_err(sql)?;
    names.collect::<rusqlite::Result<_>>().map_err(sql)
}

/// Copies the rows that can be read, from both ends: a damaged page in the middle hides only itself.
/// Returns whether all could.
fn copy_table(
    damaged: &Connection,
    fresh: &Connection,
    table: &str,
    rows: &mut u64,
) -> Result<bool> {
    let columns = columns(fresh, table)?;
    let list = columns.join(", ");
    let marks = vec!["?"; columns.len()].join(", ");
    fresh.execute_batch("BEGIN IMMEDIATE").map_err(sql)?;
    let mut insert = fresh
        .prepare(&format!(
            "INSERT OR IGNORE INTO {table} ({list}) VALUES ({marks})"
        ))
        .map_err(sql)?;
    let mut whole = false;
    // Without an index: the table itself may be readable where its index is not.
    for order in ["", "ORDER BY rowid DESC"] {
        let Ok(mut select) =
            damaged.prepare(&format!("SELECT {list} FROM {table} NOT INDEXED {order}"))
        else {
            continue;
        };
        let Ok(mut found) = select.query([]) else {
            continue;
        };
        whole = loop {
            let row = match found.next() {
                Ok(Some(row)) => row,
                Ok(None) => break true,
                Err(_) => break false,
            };
            let values: rusqlite::Result<Vec<Value>> =
                (0..columns.len()).map(|index| row.get(index)).collect();
            let Ok(values) = values else { continue };
            match insert.execute(rusqlite::params_from_iter(values)) {
                Ok(inserted) => *rows += inserted as u64,
                // A row that no table takes is damaged; anything else is about the disk.
                Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
                }
                Err(error) => return Err(sql(error)),
            }
        };
        if whole {
            break;
        }
    }
    drop(insert);
    fresh.execute_batch("COMMIT").map_err(sql)?;
    Ok(whole)
}

fn columns(connection: &Connection, table: &str) -> Result<Vec<String>> {
    let mut statement = connection
        .prepare("SELECT name FROM pragma_table_info(?1)")
        .map_err(sql)?;
    let names = statement
        .query_map([table], |row| row.get(0))
        .map_err(sql)?;
    let names: Vec<String> = names.collect::<rusqlite::Result<_>>().map_err(sql)?;
    if names.is_empty() {
        return Err(Error::new(Code::Internal, format_args!("no table {table}")));
    }
    Ok(names)
}
