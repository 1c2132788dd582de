//! Papers: files named by their content.

use std::{
    fs,
    io::{Read, Write},
    path::{Path, PathBuf},
};

use nghisu_core::{
    Code, Error, Result,
    ids::Hash,
    limits::PAPER_BYTES_MAX,
    time::Timestamp,
    trust::decide::{Action, Decision, decide},
};

use sha2::{Digest, Sha256};

use super::{Office, files, oparl::PublicFile, page::actor, rights::Audiences};
use crate::db::Tx;

/// Bytes that are copied at a time.
const PIECE_BYTES: usize = 64 << 10;

/// A paper's file that may be served.
#[derive(Debug, Clone)]
pub struct Paper {
    /// Where it is.
    pub path: PathBuf,
    /// Its length in bytes.
    pub length: u64,
    /// Its media type.
    pub media_type: String,
}

impl Office {
    /// Copies a paper to its place. When this returns it is there in full and on disk.
    ///
    /// # Errors
    /// [`Code::PaperDamaged`] if the file is not the one that `hash` names: it was altered since it
    /// was hashed. [`Code::PaperMissing`], [`Code::TooLarge`], [`Code::DiskFull`], [`Code::Storage`].
    pub(crate) fn keep_paper(&self, file: &Path, hash: Hash) -> Result<()> {
        let place = self.blob_path(hash);
        if place.is_file() {
            return Ok(());
        }
        let folder = place.parent().unwrap_or(&self.folder);
        files::make_folder(folder)?;
        files::sync_folder(&self.folder.join("blobs"))?;
        let missing = |error| {
            Error::new(
                Code::PaperMissing,
                format_args!("{}: {error}", file.display()),
            )
        };
        let mut source = fs::File::open(file).map_err(missing)?;
        let mut copy = tempfile::NamedTempFile::new_in(folder)
            .map_err(|error| files::folder_error(&error, folder))?;
        let failed = |error| files::file_error(&error, &place);
        let mut hasher = Sha256::new();
        let mut piece = vec![0; PIECE_BYTES];
        let mut length = 0;
        loop {
            let count = source.read(&mut piece).map_err(missing)?;
            if count == 0 {
                break;
            }
            length += count as u64;
            if length > PAPER_BYTES_MAX {
                return Err(Error::new(Code::TooLarge, file.display()));
            }
            hasher.update(&piece[..count]);
            copy.write_all(&piece[..count]).map_err(failed)?;
        }
        if Hash::from_bytes(hasher.finalize().into()) != hash {
            return Err(Error::new(Code::PaperDamaged, file.display()));
        }
        copy.as_file().sync_all().map_err(failed)?;
        copy.persist(&place).map_err(|error| failed(error.error))?;
        files::sync_folder(folder)
    }

    /// Returns the paper's file if the holder of the read token may read a part of a programme of
    /// which a publication names it.
    ///
    /// # Errors
    /// [`Code::DeviceRefused`] if the token does not hold, [`Code::PaperMissing`] if there is no such
    /// paper or it is not for this reader: the two look the same from outside.
    pub fn paper(&self, token: &[u8], hash: Hash, now: Timestamp) -> Result<Paper> {
        let media_type = self
            .db
            .read(|tx| self.readable_paper(tx, token, hash, now))?;
        let missing = || Error::new(Code::PaperMissing, hash);
        let media_type = media_type.ok_or_else(missing)?;
        let path = self.blob_path(hash);
        let length = fs::metadata(&path).map_err(|_| missing())?.len();
        Ok(Paper {
            path,
            length,
            media_type,
        })
    }

    /// Returns the content of a paper's file.
    ///
    /// # Errors
    /// [`Code::PaperMissing`] if it is not there.
    pub(crate) fn paper_content(&self, hash: Hash) -> Result<Vec<u8>> {
        fs::read(self.blob_path(hash)).map_err(|_| Error::new(Code::PaperMissing, hash))
    }

    /// Returns a file of a public paper.
    ///
    /// # Errors
    /// [`Code::PaperMissing`] if it is not there.
    pub(crate) fn public_paper(&self, file: &PublicFile) -> Result<Paper> {
        let path = self.blob_path(file.hash);
        let found = fs::metadata(&path).map_err(|_| Error::new(Code::PaperMissing, file.hash))?;
        Ok(Paper {
            path,
            length: found.len(),
            media_type: file.media_type.clone(),
        })
    }

    /// Returns the media type of a file, if the holder of the read token may read a part of a programme
    /// of which a publication names it.
    pub(super) fn readable_paper(
        &self,
        tx: &Tx<'_>,
        token: &[u8],
        hash: Hash,
        now: Timestamp,
    ) -> Result<Option<String>> {
        let (device, person) = self.token_holder(tx, token, now)?;
        let readable = Audiences::of(tx, self.log, &person)?;
        let allowed = tx.paper_refs(hash)?.into_iter().find(|&(feed, _)| {
            let asked = decide(
                actor(&device, &person),
                Action::Read(feed),
                readable.state(feed, self.log),
            );
            asked == Decision::Allow
        });
        Ok(allowed.map(|(_, media_type)| media_type))
    }

    pub(super) fn blob_path(&self, hash: Hash) -> PathBuf {
        super::backup::blob_place(&self.folder, hash)
    }
}
