//! Papers' files that the office has lost: which they are, and how devices hand them back.
//!
//! An office that was restored gets its publications back from devices, but a backup older than a
//! publication has none of the files that it names. Whoever may read such a file may hand it back; it
//! counts once it has come whole and its hash is the one that the publication names.

use std::{
    collections::BTreeSet,
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use nghisu_core::{
    Code, Error, Result,
    ids::{DeviceId, Hash},
    limits::PAPER_BYTES_MAX,
    sync::papers::{PapersMissing, PieceTaken},
    time::Timestamp,
};

use super::{Office, backup::blob_place, files, publish::paper_title};
use crate::db::Tx;

/// A file that a publication names and that is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingPaper {
    /// Its hash.
    pub hash: Hash,
    /// The paper's title, if the newest publication still has it.
    pub title: Option<String>,
}

/// Returns the files that publications name and that are not in the office's folder.
pub(super) fn missing_papers(tx: &Tx<'_>, folder: &Path) -> Result<Vec<MissingPaper>> {
    let named: BTreeSet<Hash> = tx.all_paper_refs()?.into_iter().collect();
    let missing = named
        .into_iter()
        .filter(|hash| !blob_place(folder, *hash).is_file());
    missing
        .map(|hash| {
            let title = paper_title(tx, hash)?;
            Ok(MissingPaper { hash, title })
        })
        .collect()
}

impl Office {
    /// Returns the files that are not there, of those that the holder of the read token may read.
    ///
    /// # Errors
    /// [`Code::DeviceRefused`] if the token does not hold.
    pub fn papers_missing(&self, token: &[u8], now: Timestamp) -> Result<PapersMissing> {
        self.db.read(|tx| {
            self.token_holder(tx, token, now)?;
            let mut files = Vec::new();
            for hash in tx.all_paper_refs()? {
                if !self.blob_path(hash).is_file()
                    && self.readable_paper(tx, token, hash, now)?.is_some()
                {
                    files.push(hash);
                }
            }
            Ok(PapersMissing { files })
        })
    }

    /// Takes a piece of a file that is not there: the bytes from `at` on, of a file of `of` bytes. A
    /// piece that does not follow what has come is passed over, and the answer says what has. With the
    /// last piece the file is checked and put into its place.
    ///
    /// # Errors
    /// [`Code::DeviceRefused`] if the token does not hold; [`Code::PaperMissing`] if no publication that
    /// the holder reads names the file; [`Code::PaperDamaged`] if it is another one: begin anew;
    /// [`Code::TooLarge`], [`Code::DiskFull`], [`Code::Storage`].
    pub fn take_paper_piece(
        &self,
        token: &[u8],
        hash: Hash,
        (at, of): (u64, u64),
        piece: &[u8],
        now: Timestamp,
    ) -> Result<PieceTaken> {
        let device = self.token_device(token, now)?;
        let readable = self
            .db
            .read(|tx| self.readable_paper(tx, token, hash, now))?;
        if readable.is_none() {
            return Err(Error::new(Code::PaperMissing, hash));
        }
        if of > PAPER_BYTES_MAX {
            return Err(Error::new(Code::TooLarge, format_args!("{of} bytes")));
        }
        if self.blob_path(hash).is_file() {
            return Ok(PieceTaken { have: of });
        }
        let parts = self.folder.join("blobs/returning");
        files::make_folder(&parts)?;
        let part = parts.join(part_name(hash, device));
        let have = append(&part, (at, of), piece)?;
        if have < of {
            return Ok(PieceTaken { have });
        }
        let kept = self.keep_paper(&part, hash);
        if kept.is_ok() {
            tracing::info!(%hash, %device, "a device has handed a paper's file back");
            forget_parts(&parts, hash)?;
        } else {
            forget(&part)?;
        }
        kept.map(|()| PieceTaken { have })
    }
}

fn part_name(hash: Hash, device: DeviceId) -> String {
    format!("{hash}-{device}")
}

/// Appends a piece to what a device has handed in of a file, if it belongs there. Returns how much there
/// is then.
fn append(part: &Path, (at, of): (u64, u64), piece: &[u8]) -> Result<u64> {
    let failed = |error| files::file_error(&error, part);
    let mut file = fs::File::options()
        .create(true)
        .append(true)
        .open(part)
        .map_err(failed)?;
    let have = file.metadata().map_err(failed)?.len();
    if have > of {
        // Of a file of another length, or nothing of this one.
        file.set_len(0).map_err(failed)?;
        return Ok(0);
    }
    let after = have.saturating_add(piece.len() as u64);
    if at != have || after > of {
        return Ok(have);
    }
    file.write_all(piece).map_err(failed)?;
    Ok(after)
}

fn forget(part: &Path) -> Result<()> {
    fs::remove_file(part).map_err(|error| files::file_error(&error, part))
}

/// Deletes what devices have handed in of a file that is in its place now.
fn forget_parts(parts: &Path, hash: Hash) -> Result<()> {
    let failed = |error| files::file_error(&error, parts);
    for file in fs::read_dir(parts).map_err(failed)? {
        let path: PathBuf = file.map_err(failed)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with(&hash.to_string()) {
            forget(&path)?;
        }
    }
    Ok(())
}
