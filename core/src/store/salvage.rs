//! What to do with a database that cannot be read any more: move it aside, carry over what can.

use std::{
    fs,
    path::{Path, PathBuf},
};

use rusqlite::{Connection, OpenFlags, types::Value};

use super::{file_error, schema, sql};
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

/// Moves the database at `path` aside, makes a new one and copies into it every row that can be read.
pub(super) fn move_aside(path: &Path, now: Timestamp) -> Result<(Connection, Option<Salvage>)> {
    let moved_to = path.with_extension(format!("db.damaged-{}", now.unix_ms()));
    for suffix in ["-wal", "-shm", ""] {
        let (from, to) = (with_suffix(path, suffix), with_suffix(&moved_to, suffix));
        if from.exists() {
            fs::rename(&from, &to).map_err(|error| file_error(&from, &error))?;
        }
    }
    let fresh = schema::open(path)?;
    let mut salvage = Salvage {
        moved_to,
        rows: 0,
        damaged_tables: Vec::new(),
    };
    for table in tables(&fresh)? {
        // Opened anew for each table: an error in one must not spoil the next.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE;
        let damaged = Connection::open_with_flags(&salvage.moved_to, flags);
        let whole = match damaged {
            Ok(damaged) => copy_table(&damaged, &fresh, &table, &mut salvage.rows)?,
            Err(_) => false,
        };
        if !whole {
            salvage.damaged_tables.push(table);
        }
    }
    Ok((fresh, Some(salvage)))
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
            break;
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
            if let Ok(inserted) =
                values.and_then(|values| insert.execute(rusqlite::params_from_iter(values)))
            {
                *rows += inserted as u64;
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
