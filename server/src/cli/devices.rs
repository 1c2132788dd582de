//! `nghisu device`: what waits, what is enrolled, and what becomes of it.

use std::io::{BufRead, IsTerminal, Write};

use clap::Subcommand;
use nghisu_core::{Code, Error, Language, Result, trust::decide::DeviceStatus};

use super::{Data, out, say};
use crate::{Office, clock, office::DeviceInfo};

#[derive(Debug, Subcommand)]
pub(super) enum DeviceCommand {
    /// List devices: those that wait to be confirmed, with their six digits, then those enrolled
    List {
        /// Only this person's, by id or by name
        #[arg(long, value_name = "ID|NAME")]
        person: Option<String>,
        #[command(flatten)]
        data: Data,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Confirm a device that waits, once its six digits were compared
    Confirm {
        /// The six digits that the device shows, or its id
        #[arg(value_name = "DIGITS|DEVICE-ID")]
        device: String,
        /// With an id: the digits were compared, do not ask
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        data: Data,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Refuse a device that waits; its invitation stays used
    Refuse {
        /// The six digits that the device shows, or its id
        #[arg(value_name = "DIGITS|DEVICE-ID")]
        device: String,
        #[command(flatten)]
        data: Data,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn device(command: DeviceCommand, language: Language) -> Result<()> {
    match command {
        DeviceCommand::List { person, data, json } => list(&data, person, json, language),
        DeviceCommand::Confirm {
            device,
            yes,
            data,
            json,
        } => {
            let office = Office::open(&data.data)?;
            let found = office.device(&device, clock::now())?;
            // Whoever types the digits has read them off the device; whoever names it by its id has not.
            let compared = yes || found.digits.as_deref() == Some(digits_of(&device).as_str());
            if !compared && !ask(&found, language)? {
                return Err(Error::new(
                    Code::EnrolmentPending,
                    found.digits.unwrap_or_default(),
                ));
            }
            let confirmed = office.confirm_device(found.id, clock::now())?;
            show(
                &confirmed,
                json,
                say(language, "đã xác nhận", "confirmed"),
                language,
            )
        }
        DeviceCommand::Refuse { device, data, json } => {
            let office = Office::open(&data.data)?;
            let found = office.device(&device, clock::now())?;
            let refused = office.refuse_device(found.id, clock::now())?;
            show(
                &refused,
                json,
                say(language, "đã từ chối", "refused"),
                language,
            )
        }
    }
}

fn list(data: &Data, person: Option<String>, json: bool, language: Language) -> Result<()> {
    let office = Office::open(&data.data)?;
    let person = person.map(|person| office.person(&person)).transpose()?;
    let mut devices = office.devices(clock::now())?;
    devices.retain(|device| {
        person
            .as_ref()
            .is_none_or(|person| *person == device.person)
    });
    if json {
        return out(&devices
            .iter()
            .map(device_json)
            .collect::<serde_json::Value>());
    }
    devices
        .iter()
        .try_for_each(|device| out(&line(device, language)))
}

fn show(device: &DeviceInfo, json: bool, done: &str, language: Language) -> Result<()> {
    if json {
        return out(&device_json(device));
    }
    out(&format!("{done}: {}", line(device, language)))
}

/// Shows what waits and asks whether the digits are the same on both screens.
fn ask(device: &DeviceInfo, language: Language) -> Result<bool> {
    if !std::io::stdin().is_terminal() {
        return Ok(false);
    }
    let question = say(
        language,
        "Thiết bị hiện đúng sáu chữ số này? [c/K]",
        "Does the device show these six digits? [y/N]",
    );
    let storage = |error: std::io::Error| Error::new(Code::Storage, error);
    let mut stdout = std::io::stdout();
    write!(stdout, "{}\n{question} ", line(device, language)).map_err(storage)?;
    stdout.flush().map_err(storage)?;
    let mut answer = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut answer)
        .map_err(storage)?;
    let answer = answer.trim().to_lowercase();
    Ok(["c", "có", "y", "yes"].contains(&answer.as_str()))
}

fn digits_of(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

fn line(device: &DeviceInfo, language: Language) -> String {
    let digits = device.digits.as_ref().map_or_else(String::new, |digits| {
        let (first, last) = digits.split_at(digits.len() / 2);
        format!("  {first} {last}")
    });
    format!(
        "{}  {}  {}  {}  {}{digits}",
        device.id,
        word(device.status, language),
        device.since,
        device.person.name,
        device.name,
    )
}

fn device_json(device: &DeviceInfo) -> serde_json::Value {
    serde_json::json!({
        "id": device.id,
        "person": device.person.id,
        "person_name": device.person.name,
        "name": device.name,
        "status": status_name(device.status),
        "since": device.since,
        "digits": device.digits,
    })
}

const fn status_name(status: DeviceStatus) -> &'static str {
    match status {
        DeviceStatus::Active => "active",
        DeviceStatus::Pending => "pending",
        DeviceStatus::Locked => "locked",
        DeviceStatus::Revoked => "revoked",
    }
}

const fn word(status: DeviceStatus, language: Language) -> &'static str {
    match status {
        DeviceStatus::Active => say(language, "hoạt động", "active"),
        DeviceStatus::Pending => say(language, "chờ xác nhận", "waits"),
        DeviceStatus::Locked => say(language, "đã khóa", "locked"),
        DeviceStatus::Revoked => say(language, "đã thu hồi", "revoked"),
    }
}
