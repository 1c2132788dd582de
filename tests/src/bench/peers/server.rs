//! The process of a peer's server.

use std::{
    fs,
    io::Read,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use super::{AS_PEER, npm, words};
use crate::{bench::measure, process};

/// How long a server may take to listen.
const START_MAX: Duration = Duration::from_secs(60);

/// How long its folder must stay as it is before all is taken to be written. It is several times the
/// 100 ms for which automerge-repo puts writing off.
const QUIET: Duration = Duration::from_millis(700);

/// How long a server may take until its folder stays as it is.
const QUIET_MAX: Duration = Duration::from_secs(60);

/// Which server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A script of ten lines around automerge-repo.
    Repo,
    /// The published automerge-repo-sync-server.
    SyncServer,
    /// samod.
    Samod,
}

/// A server and its folder. It is killed when dropped.
#[derive(Debug)]
pub(super) struct Server {
    kind: Kind,
    folder: TempDir,
    address: SocketAddr,
    process: Option<Child>,
    cpu_ms_before: f64,
}

impl Server {
    /// Starts a server in a new folder.
    pub(super) fn start(kind: Kind) -> Result<Self, String> {
        let folder = TempDir::new_in(npm::cache()?).map_err(words)?;
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(words)?;
        let address = free.local_addr().map_err(words)?;
        // Its number is not given again soon, so that it is free for the server.
        drop(free);
        let mut server = Self {
            kind,
            folder,
            address,
            process: None,
            cpu_ms_before: 0.0,
        };
        server.restart()?;
        Ok(server)
    }

    /// Starts it again in its folder, at its address. CPU time counts from when it listens.
    pub(super) fn restart(&mut self) -> Result<(), String> {
        self.kill();
        let log = fs::File::create(self.log()).map_err(words)?;
        let mut command = self.command()?;
        let process = command
            .stdin(Stdio::piped())
            .stdout(log.try_clone().map_err(words)?)
            .stderr(log)
            .spawn()
            .map_err(|error| format!("{:?} does not start: {error}", self.kind))?;
        let process = self.process.insert(process);
        let pid = process.id();
        let begun = Instant::now();
        while TcpStream::connect(self.address).is_err() {
            let ended = process.try_wait().map_err(words)?;
            if ended.is_some() || begun.elapsed() > START_MAX {
                let said = fs::read_to_string(self.log()).unwrap_or_default();
                return Err(format!("{:?} does not come up: {said}", self.kind));
            }
            thread::sleep(Duration::from_millis(5));
        }
        // What starting set going shall be over.
        thread::sleep(Duration::from_millis(200));
        self.cpu_ms_before = measure::cpu_ms(pid).map_err(words)?;
        Ok(())
    }

    fn command(&self) -> Result<Command, String> {
        let mut command = match self.kind {
            Kind::Repo => npm::node("server.mjs", true)?,
            Kind::SyncServer => {
                let published = "node_modules/@automerge/automerge-repo-sync-server/src/index.js";
                npm::node(published, true)?
            }
            Kind::Samod => {
                let mut command = Command::new(process::program("bench"));
                command
                    .args([AS_PEER, "samod"])
                    .arg(self.data())
                    .arg(self.address.port().to_string());
                return Ok(command);
            }
        };
        command
            .env("DATA_DIR", self.data())
            .env("PORT", self.address.port().to_string());
        Ok(command)
    }

    /// Returns where it listens.
    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// CPU time since it listened, in milliseconds, and the largest resident memory since its start,
    /// in MiB.
    pub(super) fn cost(&self) -> Result<(f64, f64), String> {
        let process = self.process.as_ref().ok_or("the server is not running")?;
        let cpu = measure::cpu_ms(process.id()).map_err(words)? - self.cpu_ms_before;
        Ok((cpu, measure::peak_mib(process.id()).map_err(words)?))
    }

    /// Waits until nothing more is written.
    pub(super) fn settle(&self) -> Result<(), String> {
        let begun = Instant::now();
        let (mut last, mut since) = (written(&self.data())?, Instant::now());
        while since.elapsed() < QUIET {
            if begun.elapsed() > QUIET_MAX {
                return Err(format!("{:?} goes on writing", self.kind));
            }
            thread::sleep(Duration::from_millis(20));
            let now = written(&self.data())?;
            if now != last {
                (last, since) = (now, Instant::now());
            }
        }
        Ok(())
    }

    /// Returns the bytes that it has on disk.
    pub(super) fn stored(&self) -> Result<u64, String> {
        Ok(written(&self.data())?.1)
    }

    /// Returns the id of its process.
    #[cfg(test)]
    pub(super) fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Child::id)
    }

    /// Lets go of it as a benchmark does that is killed itself, and says whether it ended.
    #[cfg(test)]
    pub(super) fn let_go(&mut self, within: Duration) -> bool {
        let Some(process) = &mut self.process else {
            return true;
        };
        drop(process.stdin.take());
        let begun = Instant::now();
        while begun.elapsed() < within {
            if process.try_wait().is_ok_and(|ended| ended.is_some()) {
                return true;
            }
            thread::sleep(Duration::from_millis(10));
        }
        false
    }

    /// Returns the last lines that it has printed.
    pub(super) fn said(&self) -> String {
        let mut said = String::new();
        if let Ok(mut log) = fs::File::open(self.log()) {
            // A log that cannot be read says nothing.
            let _ = log.read_to_string(&mut said);
        }
        let last: Vec<&str> = said.lines().rev().take(5).collect();
        last.join(" | ")
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            // One that has ended already is what is wanted.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Files under a folder and their bytes.
fn written(folder: &Path) -> Result<(u64, u64), String> {
    let mut sum = (0, 0);
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        // A folder may be removed while it is looked at.
        let Ok(entries) = fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries {
            let entry = entry.map_err(words)?;
            let Ok(kind) = entry.metadata() else { continue };
            if kind.is_dir() {
                open.push(entry.path());
            } else {
                sum = (sum.0 + 1, sum.1 + kind.len());
            }
        }
    }
    Ok(sum)
}
