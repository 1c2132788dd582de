//! Whether an office is sound: its files, its log, its papers, its keys, its disk.
//!
//! Every question is asked, also when another one has found something: whoever has to act sees all of
//! it at once.

use std::path::Path;

use nghisu_core::{Code, Error, Result, time::Timestamp, trust::office::OnlineKey};

use super::{
    backup::{blob_files, hash_file},
    export::walk,
    files,
    keys::{Keys, RENEWAL_MS},
    office_row,
    papers_back::missing_papers,
};
use crate::db::{Tx, integrity, open_alone};

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Check {
    /// Whether SQLite finds the database whole.
    Database,
    /// Whether every envelope's hash and signature holds, and the chain over them up to the head.
    Log,
    /// Whether every paper's file is the one that its name says.
    Papers,
    /// Whether every paper that a publication names is there.
    PapersNamed,
    /// Whether the online key is there and holds.
    Keys,
    /// Whether the disk has room.
    Space,
    /// Whether there is a backup, and up to where.
    Backup,
    /// Whether the office has taken back what it lost.
    Healing,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// What was asked.
    pub check: Check,
    /// Whether it is well. What is not, somebody has to do something about.
    pub well: bool,
    /// Whether it is something to think of, although it is well.
    pub hint: bool,
    /// The values that belong to it.
    pub detail: String,
}

impl Check {
    /// Every question, in the order in which they are asked.
    pub const ALL: [Self; 8] = [
        Self::Database,
        Self::Log,
        Self::Papers,
        Self::PapersNamed,
        Self::Keys,
        Self::Space,
        Self::Backup,
        Self::Healing,
    ];

    /// Returns the stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::Log => "log",
            Self::Papers => "papers",
            Self::PapersNamed => "papers_named",
            Self::Keys => "keys",
            Self::Space => "space",
            Self::Backup => "backup",
            Self::Healing => "healing",
        }
    }
}

/// Bytes that the disk should have beside what a second copy of the database takes: a day's papers.
const SPARE_BYTES: u64 = 256 << 20;
/// Milliseconds after which the newest backup is too old: two days.
const BACKUP_AGE_MS: u64 = 2 * 24 * 60 * 60 * 1000;

/// Asks everything of the office in `folder`, also while it runs. Changes nothing.
///
/// # Errors
/// [`Code::OfficeMissing`] if there is none.
pub fn examine(folder: &Path, now: Timestamp) -> Result<Vec<Checked>> {
    let path = folder.join("office.db");
    if !path.is_file() {
        return Err(Error::new(Code::OfficeMissing, folder.display()));
    }
    let checks = Check::ALL.into_iter().map(|check| {
        let found = match check {
            Check::Database => open_alone(&path)
                .and_then(|it| integrity(&it))
                .map(|()| well("")),
            Check::Log => with_tx(&path, |tx| Ok(well(walk(tx, &mut |_, _| Ok(()))?))),
            Check::Papers => papers(folder),
            Check::PapersNamed => with_tx(&path, |tx| named(folder, tx)),
            Check::Keys => with_tx(&path, |tx| keys(folder, tx, now)),
            Check::Space => space(folder),
            Check::Backup => with_tx(&path, |tx| backup(tx, now)),
            Check::Healing => with_tx(&path, healing),
        };
        let (is_well, hint, detail) =
            found.unwrap_or_else(|error| (false, false, format!("{error}")));
        Checked {
            check,
            well: is_well,
            hint,
            detail,
        }
    });
    Ok(checks.collect())
}

/// Whether it is well, whether it is a hint, and the values.
type Found = (bool, bool, String);

fn well(detail: impl ToString) -> Found {
    (true, false, detail.to_string())
}

fn with_tx(path: &Path, look: impl FnOnce(&Tx<'_>) -> Result<Found>) -> Result<Found> {
    let connection = open_alone(path)?;
    look(&Tx::new(&connection))
}

fn papers(folder: &Path) -> Result<Found> {
    let files = blob_files(folder)?;
    let mut wrong = Vec::new();
    for (hash, path) in &files {
        if hash_file(path)?.hash != *hash {
            wrong.push(path.display().to_string());
        }
    }
    Ok(match wrong.is_empty() {
        true => well(files.len()),
        false => (false, false, wrong.join(", ")),
    })
}

fn named(folder: &Path, tx: &Tx<'_>) -> Result<Found> {
    let missing: Vec<String> = missing_papers(tx, folder)?
        .into_iter()
        .map(|missing| match missing.title {
            Some(title) => format!("{title} {}", missing.hash),
            None => missing.hash.to_string(),
        })
        .collect();
    Ok(match missing.is_empty() {
        true => well(tx.all_paper_refs()?.len()),
        false => (false, false, missing.join(", ")),
    })
}

fn keys(folder: &Path, tx: &Tx<'_>, now: Timestamp) -> Result<Found> {
    let office = office_row(tx)?;
    Keys::load(&folder.join("keys"), &office)?.follow(&office, now)?;
    let online: OnlineKey = office.online.unverified()?;
    let due = online.expires_at.ms_since(now) < RENEWAL_MS;
    Ok((true, due, online.expires_at.to_string()))
}

fn space(folder: &Path) -> Result<Found> {
    let failed = |error: rustix::io::Errno| files::file_error(&error.into(), folder);
    let disk = rustix::fs::statvfs(folder).map_err(failed)?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let database = std::fs::metadata(folder.join("office.db"))
        .map_err(|error| files::file_error(&error, folder))?
        .len();
    let enough = free >= database.saturating_add(SPARE_BYTES);
    Ok((enough, false, format!("{} MiB", free >> 20)))
}

fn backup(tx: &Tx<'_>, now: Timestamp) -> Result<Found> {
    let newest = tx.counter()?.seq;
    Ok(match tx.newest_backup()? {
        None => (true, true, "0".to_owned()),
        Some((covers, at)) => (
            true,
            now.ms_since(at) > BACKUP_AGE_MS,
            format!("{covers}/{newest}, {at}"),
        ),
    })
}

fn healing(tx: &Tx<'_>) -> Result<Found> {
    let Some(epoch) = tx.newest_epoch()? else {
        return Ok(well(1));
    };
    let (devices, back) = tx.count_back(epoch.epoch)?;
    let detail = format!("{}, {back}/{devices}", epoch.epoch);
    Ok((true, epoch.ended_at.is_none(), detail))
}
