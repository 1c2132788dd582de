//! Papers' files: fetched piece by piece, checked, and put where they are read from.

use std::{
    cmp::Ordering,
    collections::BTreeSet,
    fs::{self, File},
    io::{self, ErrorKind, Read, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use sha2::{Digest, Sha256};
use tokio::task::spawn_blocking;

use super::{Changed, Client, Downloaded, http::Http};
use crate::{
    error::{Code, Error, Result},
    ids::Hash,
    store::file_error,
};

/// How many bytes of a paper arrive until its progress is told again: a bar moves, and a call into another
/// language stays rare.
const TOLD_BYTES: u64 = 256 << 10;

impl Client {
    /// Fetches the files of published papers that are not here yet. Each is checked by its SHA-256
    /// before it counts; one that was interrupted goes on where it stopped, and a second call while one
    /// runs waits for it. `progress` hears of bytes done and bytes in all. An office that was restored is
    /// first handed back those that it lacks.
    ///
    /// # Errors
    /// As [`Client::sync`], and [`Code::PaperDamaged`].
    pub async fn fetch_papers(
        &self,
        progress: impl Fn(u64, u64) + Send + Sync,
    ) -> Result<Downloaded> {
        self.unless_closed(self.fetch_all(&progress)).await
    }

    async fn fetch_all(&self, progress: &(impl Fn(u64, u64) + Send + Sync)) -> Result<Downloaded> {
        let _one = self.fetching.lock().await;
        let http = self.http.read().await.clone().ok_or(Code::NotEnrolled)?;
        let mut downloaded = Downloaded {
            handed_back: self.hand_papers_back(&http).await?,
            ..Downloaded::default()
        };
        let missing = self.missing_files().await?;
        let total: u64 = missing.values().sum();
        let mut done = 0;
        for (hash, length) in missing {
            let here = |length: u64| progress(done + length, total);
            let bytes = match self.fetch(&http, hash, length, &here).await {
                // The token's time is over: a sync brings a new one.
                Err(error) if error.code() == Code::DeviceRefused => {
                    self.sync().await?;
                    self.fetch(&http, hash, length, &here).await?
                }
                fetched => fetched?,
            };
            downloaded.files += 1;
            downloaded.bytes += bytes;
            done += length;
            progress(done, total);
            self.tell(BTreeSet::from([Changed::Papers]));
        }
        Ok(downloaded)
    }

    /// Fetches one file, and returns how many bytes crossed the network. `here` hears how much of it is here.
    async fn fetch(
        &self,
        http: &Http,
        hash: Hash,
        length: u64,
        here: &(impl Fn(u64) + Send + Sync),
    ) -> Result<u64> {
        let (path, token) = self
            .call(move |store| Ok((store.file_path(&hash), store.read_token()?)))
            .await?;
        let place = path.with_extension("part");
        let io = |error: io::Error| file_error(&place, &error);
        let begun = place.clone();
        // What an earlier call was writing when nobody waited for it any more has been written first.
        drop(self.writing.write().await);
        let mut part = self
            .on_disk(move || Part::open(begun, &hash, length))
            .await
            .map_err(io)?;
        let mut arrived = 0;
        if part.length < length {
            let token = token.ok_or(Code::NotEnrolled)?;
            let mut paper = http.paper(&hash, &token, part.length).await?;
            if paper.start == 0 {
                part = self.on_disk(move || part.emptied()).await.map_err(io)?;
            }
            let mut told = part.length;
            while let Some(piece) = paper.next().await? {
                arrived += piece.len() as u64;
                part = self.on_disk(move || part.with(&piece)).await.map_err(io)?;
                if part.length >= length {
                    break;
                }
                if part.length - told >= TOLD_BYTES {
                    told = part.length;
                    here(told);
                }
            }
        }
        let written = part.length;
        if written < length {
            return Err(Error::new(
                Code::OfficeUnreachable,
                format_args!("{written} of {length} bytes"),
            ));
        }
        let kept = self.on_disk(move || part.end(&hash, length, &path));
        if !kept.await.map_err(io)? {
            return Err(Error::new(Code::PaperDamaged, hash));
        }
        self.call(move |store| store.put_file(&hash)).await?;
        Ok(arrived)
    }

    /// Does work with files where it may take its time. It runs to its end although nobody waits for it any
    /// more, and holds `writing` until then.
    async fn on_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let writing = Arc::clone(&self.writing).read_owned().await;
        let work = spawn_blocking(move || {
            let done = work();
            drop(writing);
            done
        });
        work.await
            .unwrap_or_else(|error| Err(io::Error::other(error)))
    }
}

/// What is here of a file that is being fetched.
struct Part {
    place: PathBuf,
    file: File,
    hasher: Sha256,
    length: u64,
}

impl Part {
    /// Opens what an earlier call has left of a file of `whole` bytes, if it can become that, or begins it.
    fn open(place: PathBuf, hash: &Hash, whole: u64) -> io::Result<Self> {
        let mut options = File::options();
        let mut file = options.create(true).read(true).append(true).open(&place)?;
        let (mut hasher, mut length) = (Sha256::new(), 0);
        let mut buffer = vec![0; 64 << 10];
        loop {
            let count = match file.read(&mut buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                read => read?,
            };
            if count == 0 {
                break;
            }
            hasher.update(&buffer[..count]);
            length += count as u64;
        }
        let part = Self {
            place,
            file,
            hasher,
            length,
        };
        match length.cmp(&whole) {
            Ordering::Less => Ok(part),
            Ordering::Equal if part.is(hash) => Ok(part),
            Ordering::Equal | Ordering::Greater => part.emptied(),
        }
    }

    /// Begins again.
    fn emptied(mut self) -> io::Result<Self> {
        self.file.set_len(0)?;
        self.hasher = Sha256::new();
        self.length = 0;
        Ok(self)
    }

    fn is(&self, hash: &Hash) -> bool {
        let found: [u8; 32] = self.hasher.clone().finalize().into();
        found == *hash.as_bytes()
    }

    /// Takes a piece in.
    fn with(mut self, piece: &[u8]) -> io::Result<Self> {
        self.file.write_all(piece)?;
        self.hasher.update(piece);
        self.length += piece.len() as u64;
        Ok(self)
    }

    /// Puts the file where it is read from. Returns false if it is not the one that was asked for: then
    /// nothing is left of it.
    fn end(self, hash: &Hash, whole: u64, path: &Path) -> io::Result<bool> {
        if self.length != whole || !self.is(hash) {
            fs::remove_file(&self.place)?;
            return Ok(false);
        }
        self.file.sync_all()?;
        fs::rename(&self.place, path)?;
        Ok(true)
    }
}
