//! Papers: files named by their content.

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
};

use nghisu_core::{
    Code, Error, Result,
    ids::{Feed, Hash},
    limits::PAPER_BYTES_MAX,
    time::Timestamp,
    trust::decide::{Action, Decision, State, decide},
};

use super::{Office, files, page::actor, people::audiences};

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
    /// Stores a paper's bytes under their hash. When this returns they are on disk.
    ///
    /// # Errors
    /// [`Code::TooLarge`], [`Code::DiskFull`], [`Code::Storage`].
    pub fn store_paper(&self, content: &[u8]) -> Result<Hash> {
        if content.len() as u64 > PAPER_BYTES_MAX {
            return Err(Error::new(
                Code::TooLarge,
                format_args!("{} bytes", content.len()),
            ));
        }
        let hash = Hash::of_content(content);
        let path = self.blob_path(hash);
        if !path.is_file() {
            let folder = path.parent().unwrap_or(&self.folder);
            files::make_folder(folder)?;
            files::write_file(&path, content)?;
            files::sync_folder(&self.folder.join("blobs"))?;
        }
        Ok(hash)
    }

    /// Returns the paper's file if the holder of the read token may read a meeting of which a
    /// publication names it.
    ///
    /// # Errors
    /// [`Code::DeviceRefused`] if the token does not hold, [`Code::PaperMissing`] if there is no such
    /// paper or it is not for this reader: the two look the same from outside.
    pub fn paper(&self, token: &[u8], hash: Hash, now: Timestamp) -> Result<Paper> {
        let media_type = self.db.read(|tx| {
            let (device, person) = self.token_holder(tx, token, now)?;
            let readable = audiences(tx, self.log, &person)?;
            let allowed = tx.paper_refs(hash)?.into_iter().find(|&(meeting, _)| {
                let feed = Feed::Programme(meeting);
                let member = readable.contains(&feed.audience(self.log));
                let asked = decide(
                    actor(&device, &person),
                    Action::Read(feed),
                    State { member },
                );
                asked == Decision::Allow
            });
            Ok(allowed.map(|(_, media_type)| media_type))
        })?;
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

    fn blob_path(&self, hash: Hash) -> PathBuf {
        let name = hash.to_string();
        let (folder, file) = name.split_at(2);
        self.folder.join("blobs").join(folder).join(file)
    }
}

/// Reads a paper's file within its limit.
pub(crate) fn read_paper(path: &Path) -> Result<Vec<u8>> {
    let missing = |error| {
        Error::new(
            Code::PaperMissing,
            format_args!("{}: {error}", path.display()),
        )
    };
    let file = fs::File::open(path).map_err(missing)?;
    let mut content = Vec::new();
    file.take(PAPER_BYTES_MAX + 1)
        .read_to_end(&mut content)
        .map_err(|error| files::file_error(&error, path))?;
    if content.len() as u64 > PAPER_BYTES_MAX {
        return Err(Error::new(Code::TooLarge, path.display()));
    }
    Ok(content)
}
