//! A device that works until it is killed, and keeps a record of what it was told.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;
use nghisu_core::{
    Client, Code, Error, Result,
    ids::{DocumentId, MeetingId},
    store::Splice,
};
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};

/// How long it waits while the office is away.
const AWAY: Duration = Duration::from_millis(5);

/// On what it works.
#[derive(Args)]
pub(crate) struct Work {
    /// The record. Each line is on disk before the next thing is done: `editing N`, `edited N`,
    /// `acting`, `acted ID`, `syncing`, `accepted NUMBER ID` for each envelope, `synced`, `failed CODE`.
    record: PathBuf,
    /// Writes the next number at the end of this note.
    note: DocumentId,
    /// Hands in questions here.
    meeting: MeetingId,
}

struct Record {
    file: File,
    /// The number of the newest envelope of which it says that it was accepted.
    accepted: i64,
}

impl Record {
    fn open(path: &Path) -> Result<Self> {
        let written = fs::read_to_string(path).unwrap_or_default();
        let accepted = written.lines().filter_map(|line| {
            line.strip_prefix("accepted ")?
                .split(' ')
                .next()?
                .parse()
                .ok()
        });
        let file = File::options().create(true).append(true).open(path);
        Ok(Self {
            accepted: accepted.max().unwrap_or(0),
            file: file.map_err(failed)?,
        })
    }

    fn write(&mut self, lines: &str) -> Result<()> {
        let written = self.file.write_all(lines.as_bytes());
        written.and_then(|()| self.file.sync_data()).map_err(failed)
    }

    /// Notes which envelopes the office has accepted, as the device's database has it.
    fn write_accepted(&mut self, database: &Connection) -> Result<()> {
        let query = "SELECT device_seq, lower(hex(id)) FROM envelope WHERE outcome = 'accepted' AND device_seq > ?1 ORDER BY device_seq";
        let mut statement = database.prepare_cached(query).map_err(failed)?;
        let mut rows = statement.query([self.accepted]).map_err(failed)?;
        let mut lines = String::new();
        while let Some(row) = rows.next().map_err(failed)? {
            let number: i64 = row.get(0).map_err(failed)?;
            let id: String = row.get(1).map_err(failed)?;
            lines.push_str(&format!("accepted {number} {id}\n"));
            self.accepted = number;
        }
        lines.push_str("synced\n");
        self.write(&lines)
    }
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::new(Code::Storage, error)
}

/// Works until it is killed.
pub(crate) async fn work(client: &Client, folder: &Path, on: &Work) -> Result<(String, Value)> {
    let mut record = Record::open(&on.record)?;
    record.write("opened\n")?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let database = Connection::open_with_flags(folder.join("nghisu.db"), flags).map_err(failed)?;
    let mut rounds: u64 = 0;
    while on.record.exists() {
        let mut text = client.note(on.note).await?.text;
        for _ in 0..=rounds % 3 {
            let number = text.split_whitespace().count();
            record.write(&format!("editing {number}\n"))?;
            let splice = Splice {
                // The text is ASCII: a byte is a code unit.
                position: text.len(),
                delete: 0,
                insert: format!("{number} "),
            };
            text = client.edit_note(on.note, vec![splice]).await?.text;
            record.write(&format!("edited {number}\n"))?;
        }
        if rounds % 4 == 3 {
            record.write("acting\n")?;
            let question = format!("Question {rounds}");
            let act = client
                .hand_in_question(on.meeting, None, None, &question)
                .await?;
            record.write(&format!("acted {act}\n"))?;
        }
        record.write("syncing\n")?;
        match client.sync().await {
            Ok(_) => record.write_accepted(&database)?,
            Err(error) => {
                record.write(&format!("failed {}\n", error.code().name()))?;
                tokio::time::sleep(AWAY).await;
            }
        }
        rounds += 1;
    }
    Ok((rounds.to_string(), json!({ "rounds": rounds })))
}
