//! Many devices of automerge-repo in one process of Node, told what to do.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    process::{Child, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{npm, words};
use crate::bench::{
    material,
    measure::{Port, Relay},
};

/// The process, which is killed when dropped, and a port of the relay for each device.
#[derive(Debug)]
pub(super) struct Devices {
    process: Child,
    answers: Receiver<String>,
    ports: Vec<Port>,
    folder: TempDir,
}

impl Devices {
    /// Starts so many devices of a server, which is reached through the relay.
    pub(super) fn start(relay: &Relay, count: usize) -> Result<Self, String> {
        let ports: Vec<Port> = (0..count)
            .map(|_| relay.port())
            .collect::<Result<_, _>>()
            .map_err(words)?;
        let folder = TempDir::new_in(npm::cache()?).map_err(words)?;
        let log = fs::File::create(folder.path().join("log")).map_err(words)?;
        let mut process = npm::node("devices.mjs", false)?
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .map_err(words)?;
        let (said, answers) = mpsc::channel();
        if let Some(output) = process.stdout.take() {
            thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    if said.send(line).is_err() {
                        break;
                    }
                }
            });
        }
        Ok(Self {
            process,
            answers,
            ports,
            folder,
        })
    }

    /// Writes down what is worked upon, and lets the secretary give the server the shared documents.
    pub(super) fn prepare(&mut self, server: std::net::SocketAddr) -> Result<(), String> {
        let shared = material::shared();
        let notes: Vec<Value> = (0..self.ports.len())
            .map(|n| json!({"text": material::note(n), "addition": material::note_addition(n)}))
            .collect();
        let material = json!({
            "edits": material::edits(&shared[0], 5, material::EDITS_WHILE_AWAY),
            "live": material::edits(&shared[0], 10, LIVE_EDITS),
            "notes": notes,
            "shared": shared,
        });
        let file = self.folder.path().join("material.json");
        fs::write(&file, material.to_string()).map_err(words)?;
        let devices: Vec<String> = self.ports.iter().map(|p| p.address.to_string()).collect();
        self.ask(
            json!({"do": "prepare", "material": file, "direct": server.to_string(), "devices": devices}),
            Duration::from_secs(120),
        )?;
        Ok(())
    }

    /// Has something done and returns what is answered.
    pub(super) fn ask(&mut self, what: Value, within: Duration) -> Result<Value, String> {
        let input = self.process.stdin.as_mut().ok_or("the devices are gone")?;
        writeln!(input, "{what}").map_err(|error| self.failure(&what, &words(error)))?;
        let begun = Instant::now();
        loop {
            let left = within.saturating_sub(begun.elapsed());
            let line = match self.answers.recv_timeout(left) {
                Ok(line) => line,
                Err(RecvTimeoutError::Timeout) => {
                    let seconds = within.as_secs();
                    return Err(self.failure(&what, &format!("not done within {seconds} s")));
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(self.failure(&what, "the devices are gone"));
                }
            };
            let Ok(answer) = serde_json::from_str::<Value>(&line) else {
                continue;
            };
            return match answer.get("error") {
                None => Ok(answer),
                Some(error) => Err(self.failure(&what, &error.to_string())),
            };
        }
    }

    /// Counts bytes from zero.
    pub(super) fn reset(&self) {
        for port in &self.ports {
            port.reset();
        }
    }

    /// Bytes of each device, both ways, in rising order.
    pub(super) fn bytes(&self) -> Vec<u64> {
        let mut bytes: Vec<u64> = self.ports.iter().map(|p| p.counted().payload()).collect();
        bytes.sort_unstable();
        bytes
    }

    fn failure(&self, what: &Value, error: &str) -> String {
        let said = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        let last: Vec<&str> = said.lines().rev().take(3).collect();
        format!("devices, {}: {error} {last:?}", what["do"])
    }
}

/// How many edits are followed to another screen.
pub(super) const LIVE_EDITS: usize = 10;

impl Drop for Devices {
    fn drop(&mut self) {
        // Devices that have ended already are what is wanted.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
