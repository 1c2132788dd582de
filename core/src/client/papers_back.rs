//! Papers' files for an office that was restored from a backup older than they are.

use std::io::SeekFrom;

use tokio::{
    fs::File,
    io::{AsyncReadExt, AsyncSeekExt},
};

use super::{Client, http::Http};
use crate::{
    error::{Code, Error, Result},
    ids::Hash,
    limits::PAPER_PIECE_BYTES_MAX,
    store::file_error,
};

impl Client {
    /// Hands the office those of its files back that it lacks and this device has, if it was restored
    /// since this was done last. Returns how many.
    pub(super) async fn hand_papers_back(&self, http: &Http) -> Result<u32> {
        if !self.call(|store| store.owes_papers()).await? {
            return Ok(0);
        }
        match self.hand_missing_back(http).await {
            // The token's time is over: a sync brings a new one.
            Err(error) if error.code() == Code::DeviceRefused => {
                self.sync().await?;
                self.hand_missing_back(http).await
            }
            // An office of an earlier version takes none back.
            Err(error) if error.code() == Code::Malformed => Ok(0),
            handed => handed,
        }
    }

    async fn hand_missing_back(&self, http: &Http) -> Result<u32> {
        let token = self.call(|store| store.read_token()).await?;
        let token = token.ok_or(Code::NotEnrolled)?;
        let here = self.call(|store| store.missing_files()).await?;
        let mut handed = 0;
        for hash in http.papers_missing(&token).await?.files {
            if !here.contains_key(&hash) && self.hand_back(http, &token, &hash).await? {
                handed += 1;
            }
        }
        self.call(|store| store.papers_given_back()).await?;
        Ok(handed)
    }

    /// Hands a file back, piece by piece, from where the office has it. Returns whether it is there now.
    async fn hand_back(&self, http: &Http, token: &[u8], hash: &Hash) -> Result<bool> {
        let hash = *hash;
        let path = self.call(move |store| Ok(store.file_path(&hash))).await?;
        let io = |error: std::io::Error| file_error(&path, &error);
        let mut file = match File::open(&path).await {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(io(error)),
        };
        let length = file.metadata().await.map_err(io)?.len();
        let mut have = 0;
        // Each answer but the first brings the file on, so this is more than enough of them.
        for _ in 0..=length / PAPER_PIECE_BYTES_MAX as u64 + 2 {
            let mut piece = vec![0; PAPER_PIECE_BYTES_MAX.min((length - have) as usize)];
            file.seek(SeekFrom::Start(have)).await.map_err(io)?;
            file.read_exact(&mut piece).await.map_err(io)?;
            let place = (have, length);
            match http.paper_piece(&hash, token, place, &piece).await {
                Ok(taken) if taken.have >= length => return Ok(true),
                Ok(taken) => have = taken.have,
                // What lies here is not what was published, or nobody asks for it any more.
                Err(error) if [Code::PaperDamaged, Code::PaperMissing].contains(&error.code()) => {
                    tracing::warn!(%hash, reason = error.code().name(), "a file was not taken back");
                    return Ok(false);
                }
                Err(error) => return Err(error),
            }
        }
        Err(Error::new(
            Code::OfficeUnreachable,
            format_args!("{have} of {length} bytes"),
        ))
    }
}
