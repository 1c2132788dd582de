//! The one way to open a database: pragmas, then the migrations that it has not had.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::{
    cipher::{self, DatabaseKey},
    sql,
};
use crate::error::{Code, Error, Result};

/// The migrations in order; a database's `user_version` counts those that it has had.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001.sql"),
    include_str!("migrations/0002_keys.sql"),
    include_str!("migrations/0003_publications.sql"),
    include_str!("migrations/0004_rights.sql"),
    include_str!("migrations/0005_vault.sql"),
    include_str!("migrations/0006_devices.sql"),
    include_str!("migrations/0007_snapshots.sql"),
    include_str!("migrations/0008_restore.sql"),
    include_str!("migrations/0009_fork.sql"),
    include_str!("migrations/0010_checkpoint.sql"),
    include_str!("migrations/0011_documents.sql"),
    include_str!("migrations/0012_records.sql"),
    include_str!("migrations/0013_minutes.sql"),
    include_str!("migrations/0014_body.sql"),
    include_str!("migrations/0015_publications.sql"),
];

/// `"NGHS"`: tells our files from other SQLite files.
const APPLICATION_ID: i32 = 0x4e47_4853;

/// Opens the database at `path`, creates or migrates it.
///
/// # Errors
/// [`Code::DatabaseNewer`], [`Code::DatabaseCorrupt`], [`Code::KeyMissing`], or what [`sql`] says.
pub(super) fn open(path: &Path, key: Option<&DatabaseKey>) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = cipher::connect(path, flags, key)?;
    let version: i64 = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(sql)?;
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    if version > known {
        return Err(Error::new(
            Code::DatabaseNewer,
            format_args!("version {version}, known {known}"),
        ));
    }
    check(&connection, version)?;
    prepare(&connection)?;
    migrate(&mut connection, version)?;
    Ok(connection)
}

fn check(connection: &Connection, version: i64) -> Result<()> {
    let id: i32 = connection
        .pragma_query_value(None, "application_id", |row| row.get(0))
        .map_err(sql)?;
    if version > 0 && id != APPLICATION_ID {
        return Err(Error::new(
            Code::DatabaseCorrupt,
            "not a store of this software",
        ));
    }
    let look = || -> Result<String> {
        connection
            .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
            .map_err(sql)
    };
    // A disk that failed to read once, or memory that ran out, looks like damage the first time.
    if look()? == "ok" {
        return Ok(());
    }
    let found = look()?;
    if found == "ok" {
        Ok(())
    } else {
        Err(Error::new(Code::DatabaseCorrupt, found))
    }
}

fn prepare(connection: &Connection) -> Result<()> {
    // `fullfsync` reaches the platter on Apple systems and is ignored elsewhere; temporary tables in
    // memory since Android has no usable temporary folder; what is deleted is overwritten, since codes
    // and keys of the vault are among it.
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL;
             PRAGMA synchronous = FULL;
             PRAGMA fullfsync = ON;
             PRAGMA checkpoint_fullfsync = ON;
             PRAGMA temp_store = MEMORY;
             PRAGMA trusted_schema = OFF;
             PRAGMA secure_delete = ON;
             PRAGMA busy_timeout = 2000;",
        )
        .map_err(sql)?;
    connection.set_prepared_statement_cache_capacity(256);
    let mode: String = connection
        .pragma_query_value(None, "journal_mode", |row| row.get(0))
        .map_err(sql)?;
    let level: i64 = connection
        .pragma_query_value(None, "synchronous", |row| row.get(0))
        .map_err(sql)?;
    if (mode.as_str(), level) != ("wal", 2) {
        // A full disk leaves the mode as it was without a word; a write says so.
        connection
            .pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0))
            .and_then(|version| connection.pragma_update(None, "user_version", version))
            .map_err(sql)?;
        return Err(Error::new(
            Code::Storage,
            format_args!("journal mode {mode}, synchronous {level}"),
        ));
    }
    Ok(())
}

fn migrate(connection: &mut Connection, version: i64) -> Result<()> {
    for (number, migration) in (1i64..)
        .zip(MIGRATIONS)
        .skip_while(|(number, _)| *number <= version)
    {
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(sql)?;
        transaction.execute_batch(migration).map_err(sql)?;
        transaction
            .pragma_update(None, "application_id", APPLICATION_ID)
            .map_err(sql)?;
        transaction
            .pragma_update(None, "user_version", number)
            .map_err(sql)?;
        transaction.commit().map_err(sql)?;
    }
    Ok(())
}
