//! A delegate's device as a program, over the same `Client` that apps use.
//!
//! It keeps everything in one folder, works without a network from the second start on, and says on
//! standard output what it did. With `--hold` it stays after the command until its input ends, for
//! those who want to see what a kill leaves behind.

#[path = "device/tray.rs"]
mod tray;
#[path = "device/vault.rs"]
mod vault;
#[path = "device/work.rs"]
mod work;

use std::{
    io::{Read, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Parser, Subcommand};
use nghisu_core::{
    Client, Code, Config, Error, Language, Result,
    ids::{DocumentId, MeetingId},
    meeting::{ItemId, act::Receipt},
    store::{ActState, Acted, Note, NoteTarget, OwnDevice, Programmed, Splice},
    sync::reason,
    trust::decide::DeviceStatus,
};
use serde_json::{Value, json};
use tray::not_sent;
use vault::{VaultCommand, vault};
use work::{Work, work};

/// A delegate's device: enrols with an office, syncs, and works offline.
#[derive(Parser)]
#[command(name = "device", version)]
struct Arguments {
    /// The folder of the device's store; created if it is not there.
    directory: PathBuf,
    /// The language of texts for people: vi or en.
    #[arg(long, global = true, default_value = "vi", value_parser = ["vi", "en"])]
    lang: String,
    /// Prints one JSON value instead of text.
    #[arg(long, global = true)]
    json: bool,
    /// Stays after the command until standard input ends.
    #[arg(long, global = true)]
    hold: bool,
    #[command(subcommand)]
    command: Command,
}

impl Arguments {
    fn language(&self) -> Language {
        if self.lang == "en" {
            Language::English
        } else {
            Language::Vietnamese
        }
    }
}

#[derive(Subcommand)]
enum Command {
    /// Enrols the device with an invitation of the office.
    Enrol {
        /// The invitation: `nghisu://…`.
        invitation: String,
        /// The device's name.
        #[arg(long, default_value = "device")]
        name: String,
    },
    /// Hands in what waits, reads what is new and fetches papers.
    Sync {
        /// Leaves papers at the office.
        #[arg(long)]
        without_papers: bool,
    },
    /// Shows the meetings, or one programme.
    Show {
        /// The meeting's id.
        meeting: Option<MeetingId>,
        /// Shows what has changed since this was last asked, instead of the programme.
        #[arg(long)]
        changes: bool,
    },
    /// Writes and shows notes.
    #[command(subcommand)]
    Note(NoteCommand),
    /// Registers to speak, asks, withdraws, and shows what became of it.
    #[command(subcommand)]
    Act(ActCommand),
    /// Says where the file of a paper is.
    Paper {
        /// The meeting.
        meeting: MeetingId,
        /// The paper's id.
        paper: String,
    },
    /// Shows what the office has refused for good, with the reason and what to do.
    NotSent,
    /// Shows what the owner should hear about the office's log and publications.
    Alerts,
    /// Writes the proof of which version of a programme was read.
    Proof {
        /// The meeting.
        meeting: MeetingId,
        /// The file to write.
        file: PathBuf,
    },
    /// The vault in which the notes are sealed.
    #[command(subcommand)]
    Vault(VaultCommand),
    /// Prints everything but notes as canonical JSON.
    View,
    /// Says whose device this is and what waits to be sent.
    Status,
    /// Lists the devices of this one's owner.
    Devices,
    /// Writes, acts and syncs until it is killed or its record is deleted.
    Work(Work),
}

#[derive(Subcommand)]
enum NoteCommand {
    /// Writes a new note.
    Create {
        /// Its text.
        text: String,
        /// The meeting that it is about.
        #[arg(long)]
        meeting: Option<MeetingId>,
        /// The item that it is about.
        #[arg(long)]
        item: Option<ItemId>,
    },
    /// Changes a note.
    Edit {
        /// The note's id.
        note: DocumentId,
        /// Where, in UTF-16 code units.
        #[arg(long, default_value_t = 0)]
        at: usize,
        /// How many UTF-16 code units go.
        #[arg(long, default_value_t = 0)]
        delete: usize,
        /// What comes.
        #[arg(default_value = "")]
        insert: String,
    },
    /// Hides a note on all of its owner's devices.
    Delete {
        /// The note's id.
        note: DocumentId,
    },
    /// Shows all notes.
    List,
}

#[derive(Subcommand)]
enum ActCommand {
    /// Registers to speak.
    Speak {
        /// The meeting.
        meeting: MeetingId,
        /// The topic.
        #[arg(default_value = "")]
        topic: String,
        /// The item.
        #[arg(long)]
        item: Option<ItemId>,
    },
    /// Hands in a question.
    Ask {
        /// The meeting.
        meeting: MeetingId,
        /// The question.
        text: String,
        /// The item.
        #[arg(long)]
        item: Option<ItemId>,
        /// To whom it is put.
        #[arg(long)]
        to: Option<String>,
    },
    /// Takes an act back.
    Withdraw {
        /// The meeting.
        meeting: MeetingId,
        /// The act.
        act: nghisu_core::ids::ActId,
    },
    /// Shows one's own acts, or all receipts of a meeting.
    List {
        /// Shows the office's receipts of this meeting.
        #[arg(long)]
        receipts: Option<MeetingId>,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let language = arguments.language();
    match run(&arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let printed = if arguments.json {
                json!({"error": error.code().name(), "detail": error.detail(), "text": error.text(language)}).to_string()
            } else {
                error.text(language)
            };
            // Nobody is left to be told if standard error is closed.
            let _ = writeln!(std::io::stderr(), "{printed}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> Result<()> {
    let device_name = match &arguments.command {
        Command::Enrol { name, .. } => name.clone(),
        Command::Sync { .. }
        | Command::Show { .. }
        | Command::Note(_)
        | Command::Act(_)
        | Command::Paper { .. }
        | Command::NotSent
        | Command::Alerts
        | Command::Proof { .. }
        | Command::Vault(_)
        | Command::View
        | Command::Status
        | Command::Devices
        | Command::Work(_) => String::new(),
    };
    let client = Client::open(Config::new(&arguments.directory, device_name)).await?;
    let (text, value) = carry_out(&client, arguments).await?;
    let printed = if arguments.json {
        value.to_string()
    } else {
        text
    };
    let mut out = std::io::stdout();
    writeln!(out, "{}", printed.trim_end())
        .and_then(|()| out.flush())
        .map_err(|error| Error::new(Code::Storage, format_args!("standard output: {error}")))?;
    if arguments.hold {
        // The end of the input ends the wait, whatever it is.
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
    }
    client.shut_down().await;
    Ok(())
}

async fn carry_out(client: &Client, arguments: &Arguments) -> Result<(String, Value)> {
    match &arguments.command {
        Command::Enrol { invitation, .. } => enrol(client, invitation).await,
        Command::Sync { without_papers } => sync(client, *without_papers).await,
        Command::Show { meeting: None, .. } => show_meetings(client).await,
        Command::Show {
            meeting: Some(meeting),
            changes: true,
        } => show_changes(client, *meeting).await,
        Command::Show {
            meeting: Some(meeting),
            changes: false,
        } => Ok(show_programme(&client.programme(*meeting).await?)),
        Command::Note(command) => note(client, command).await,
        Command::Act(command) => act(client, command, arguments.language()).await,
        Command::NotSent => not_sent(client, arguments.language()).await,
        Command::Vault(command) => vault(client, command).await,
        Command::Paper { meeting, paper } => {
            let path = client.paper(*meeting, paper).await?.display().to_string();
            Ok((path.clone(), json!({"path": path})))
        }
        Command::Alerts => alerts(client).await,
        Command::Proof { meeting, file } => {
            let proof = client.publication_proof(*meeting).await?.encode();
            std::fs::write(file, &proof).map_err(|error| Error::new(Code::Storage, error))?;
            Ok((file.display().to_string(), json!({"bytes": proof.len()})))
        }
        Command::View => {
            let view = client.view().await?;
            let value =
                serde_json::from_str(&view).map_err(|error| Error::new(Code::Internal, error))?;
            Ok((view, value))
        }
        Command::Status => status(client).await,
        Command::Devices => devices(client).await,
        Command::Work(on) => work(client, &arguments.directory, on).await,
    }
}

async fn alerts(client: &Client) -> Result<(String, Value)> {
    let alerts = client.alerts().await?;
    let lines: Vec<String> = alerts
        .iter()
        .map(|alert| format!("{}  {}", alert.at, alert.text(Language::Vietnamese)))
        .collect();
    let values: Vec<Value> = alerts
        .iter()
        .map(|alert| {
            json!({
                "kind": alert.kind.name(),
                "meeting": alert.meeting,
                "detail": alert.detail,
                "at": alert.at,
                "text": alert.text(Language::English),
            })
        })
        .collect();
    Ok((lines.join("\n"), values.into()))
}

async fn enrol(client: &Client, invitation: &str) -> Result<(String, Value)> {
    let identity = client.enrol(invitation).await?;
    let value = json!({"person": identity.certificate.person, "name": identity.person_name, "body": identity.body_name});
    Ok((
        format!("{} · {}", identity.person_name, identity.body_name),
        value,
    ))
}

async fn sync(client: &Client, without_papers: bool) -> Result<(String, Value)> {
    let report = client.sync().await?;
    let papers = if without_papers {
        Default::default()
    } else {
        client.fetch_papers(|_, _| {}).await?
    };
    let value = json!({
        "requests": report.requests,
        "pulls": report.pulls,
        "accepted": report.accepted,
        "refused": report.refused,
        "held": report.held,
        "received": report.received,
        "papers": papers.files,
        "paper_bytes": papers.bytes,
        "handed_back": papers.handed_back,
    });
    let text = format!(
        "↑ {} ↓ {} · {} tài liệu / papers",
        report.accepted, report.received, papers.files
    );
    Ok((text, value))
}

async fn show_meetings(client: &Client) -> Result<(String, Value)> {
    let meetings = client.meetings().await?;
    let when = |row: &nghisu_core::store::MeetingRow| {
        row.meeting
            .when
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default()
    };
    let lines: Vec<String> = meetings
        .iter()
        .map(|row| {
            format!(
                "{}  {:>2}  {}  {}",
                row.id,
                row.number,
                row.meeting.title,
                when(row)
            )
        })
        .collect();
    let values: Vec<Value> = meetings
        .iter()
        .map(|row| {
            json!({
                "id": row.id,
                "number": row.number,
                "title": row.meeting.title,
                "when": when(row),
                "items": row.items,
                "papers": row.papers,
                "files_missing": row.files_missing,
            })
        })
        .collect();
    Ok((lines.join("\n"), values.into()))
}

async fn show_changes(client: &Client, meeting: MeetingId) -> Result<(String, Value)> {
    let changes = client.changes_since_looked(meeting).await?;
    client.mark_looked(meeting).await?;
    let lines: Vec<String> = changes
        .iter()
        .map(|change| change.text(Language::Vietnamese))
        .collect();
    Ok((lines.join("\n"), json!(changes)))
}

fn show_programme(shown: &Programmed) -> (String, Value) {
    let mut lines = vec![format!(
        "{} · {}",
        shown.programme.meeting.title, shown.number
    )];
    for (id, item) in shown.programme.items_in_order() {
        lines.push(format!(
            "{:>6}  {}  [{}]",
            item.number.as_deref().unwrap_or_default(),
            item.title,
            id.as_str()
        ));
    }
    let parts: Vec<Value> = shown
        .parts
        .iter()
        .map(|part| json!({"circle": part.circle, "number": part.number}))
        .collect();
    let value = json!({
        "number": shown.number,
        "note": shown.note,
        "signed_by": shown.signed_by.text(Language::English),
        "parts": parts,
        "programme": shown.programme.to_json(),
    });
    (lines.join("\n"), value)
}

async fn note(client: &Client, command: &NoteCommand) -> Result<(String, Value)> {
    match command {
        NoteCommand::Create {
            text,
            meeting,
            item,
        } => {
            let target = NoteTarget {
                meeting: *meeting,
                item: item.clone(),
                paper: None,
            };
            Ok(shown_note(&client.create_note(target, text).await?))
        }
        NoteCommand::Edit {
            note,
            at,
            delete,
            insert,
        } => {
            let splice = Splice {
                position: *at,
                delete: *delete,
                insert: insert.clone(),
            };
            Ok(shown_note(&client.edit_note(*note, vec![splice]).await?))
        }
        NoteCommand::Delete { note } => {
            client.delete_note(*note).await?;
            Ok((note.to_string(), json!({"id": note})))
        }
        NoteCommand::List => {
            let (lines, values): (Vec<_>, Vec<_>) =
                client.notes(None).await?.iter().map(shown_note).unzip();
            Ok((lines.join("\n"), values.into()))
        }
    }
}

fn shown_note(note: &Note) -> (String, Value) {
    let value = json!({"id": note.id, "text": note.text, "unsent": note.unsent});
    (
        format!(
            "{}  {}  {}",
            note.id,
            if note.unsent == 0 { "✓✓" } else { "✓" },
            note.text
        ),
        value,
    )
}

async fn act(client: &Client, command: &ActCommand, language: Language) -> Result<(String, Value)> {
    let id = match command {
        ActCommand::Speak {
            meeting,
            topic,
            item,
        } => {
            client
                .register_to_speak(*meeting, item.clone(), topic)
                .await?
        }
        ActCommand::Ask {
            meeting,
            text,
            item,
            to,
        } => {
            client
                .hand_in_question(*meeting, item.clone(), to.clone(), text)
                .await?
        }
        ActCommand::Withdraw { meeting, act } => client.withdraw(*meeting, *act).await?,
        ActCommand::List {
            receipts: Some(meeting),
        } => {
            let (lines, values): (Vec<_>, Vec<_>) = client
                .receipts(*meeting)
                .await?
                .iter()
                .map(shown_receipt)
                .unzip();
            return Ok((lines.join("\n"), values.into()));
        }
        ActCommand::List { receipts: None } => {
            let acts = client.acts(None).await?;
            let shown = acts.iter().map(|acted| shown_act(acted, language));
            let (lines, values): (Vec<_>, Vec<_>) = shown.unzip();
            return Ok((lines.join("\n"), values.into()));
        }
    };
    Ok((id.to_string(), json!({"id": id})))
}

fn shown_receipt(receipt: &Receipt) -> (String, Value) {
    let number = receipt
        .number
        .map_or_else(|| "–".to_owned(), |number| number.to_string());
    (
        format!("{number:>4}  {}  {}", receipt.kind.name(), receipt.person),
        json!(receipt),
    )
}

fn shown_act(acted: &Acted, language: Language) -> (String, Value) {
    let state = match &acted.state {
        ActState::Written => "✓".to_owned(),
        ActState::Accepted { .. } => "✓✓".to_owned(),
        ActState::Refused { reason } => format!("✗ {}", reason::told(reason, language)),
    };
    let number = acted.receipt.as_ref().and_then(|receipt| receipt.number);
    let value = json!({
        "id": acted.act.id,
        "kind": acted.act.kind,
        "text": acted.act.text,
        "state": acted.state,
        "number": number,
    });
    let number = number.map(|number| number.to_string()).unwrap_or_default();
    (
        format!(
            "{}  {}  {state} {number}  {}",
            acted.act.id,
            acted.act.kind.name(),
            acted.act.text
        ),
        value,
    )
}

async fn devices(client: &Client) -> Result<(String, Value)> {
    let devices = client.devices().await?;
    let status = |device: &OwnDevice| match device.status {
        DeviceStatus::Active => "active",
        DeviceStatus::Pending => "pending",
        DeviceStatus::Locked => "locked",
        DeviceStatus::Revoked => "revoked",
    };
    let lines = devices.iter().map(|device| {
        let this = if device.this { "*" } else { " " };
        format!(
            "{this} {}  {:<8} {}",
            device.id,
            status(device),
            device.name
        )
    });
    let values = devices.iter().map(|device| {
        json!({
            "id": device.id,
            "name": device.name,
            "status": status(device),
            "enrolled_at": device.enrolled_at,
            "this": device.this,
        })
    });
    let text = lines.collect::<Vec<_>>().join("\n");
    Ok((text, values.collect()))
}

async fn status(client: &Client) -> Result<(String, Value)> {
    let status = client.status().await?;
    let name = status
        .identity
        .as_ref()
        .map(|identity| identity.person_name.clone());
    let value = json!({
        "name": name,
        "device": status.identity.as_ref().map(|identity| identity.certificate.device().to_string()),
        "standing": status.standing.name(),
        "address": status.identity.map(|identity| identity.address.authority),
        "unsent": status.unsent,
        "synced_at": status.synced_at,
        "salvaged_rows": status.salvage.map(|salvage| salvage.rows),
    });
    Ok((
        format!("{} · ↑ {}", name.unwrap_or_default(), status.unsent),
        value,
    ))
}
