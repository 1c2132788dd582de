//! `nghisu device`: what waits, what is enrolled, and what becomes of it.

use std::io::{BufRead, IsTerminal, Write};

use clap::{Args, Subcommand};
use nghisu_core::{
    Code, Error, Language, Result, ids::DeviceId, time::Timestamp, trust::decide::DeviceStatus,
};

use super::{Data, out, say};
use crate::{
    Office, clock,
    office::{DeviceInfo, status_name},
};

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
    /// Lock a lost device: it shows nothing until it is released or enrolled anew; nothing is lost
    Lock(OneDevice),
    /// Release a locked device
    Release(OneDevice),
    /// Close a device for good; it locks itself, and its owner can enrol it anew
    Revoke(OneDevice),
    /// Have a device destroy everything that it keeps, what it has not handed in too; prefer lock
    Wipe {
        #[command(flatten)]
        device: OneDevice,
        /// Do not ask
        #[arg(long)]
        yes: bool,
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

#[derive(Debug, Args)]
pub(super) struct OneDevice {
    /// Id of the device, from `nghisu device list`
    #[arg(value_name = "DEVICE")]
    device: DeviceId,
    #[command(flatten)]
    data: Data,
    /// Print JSON
    #[arg(long)]
    json: bool,
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
        DeviceCommand::Lock(one) => one.change(language, "đã khóa", "locked", Office::lock_device),
        DeviceCommand::Release(one) => {
            one.change(language, "đã mở khóa", "released", Office::release_device)
        }
        DeviceCommand::Revoke(one) => {
            one.change(language, "đã thu hồi", "revoked", Office::revoke_device)
        }
        DeviceCommand::Wipe { device: one, yes } => wipe(&one, yes, language),
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

impl OneDevice {
    fn change(
        &self,
        language: Language,
        vi: &'static str,
        en: &'static str,
        change: impl FnOnce(&Office, DeviceId, Timestamp) -> Result<DeviceInfo>,
    ) -> Result<()> {
        let office = Office::open(&self.data.data)?;
        let changed = change(&office, self.device, clock::now())?;
        show(&changed, self.json, say(language, vi, en), language)
    }
}

/// Says what a wipe would destroy, and asks.
fn wipe(one: &OneDevice, yes: bool, language: Language) -> Result<()> {
    let office = Office::open(&one.data.data)?;
    let found = office.device(&one.device.to_string(), clock::now())?;
    let synced_at = found.synced_at.map_or_else(
        || say(language, "chưa lần nào", "never").to_owned(),
        |at| at.to_string(),
    );
    let waiting = found.waiting;
    let warning = match language {
        Language::Vietnamese => format!(
            "Đồng bộ lần cuối: {synced_at}; khi đó còn {waiting} mục chưa gửi. \
             Mọi thứ trên máy sẽ bị xóa, kể cả những gì viết sau lần đó. \
             Khóa thiết bị (`nghisu device lock`) thì không mất gì."
        ),
        Language::English => format!(
            "Last synced: {synced_at}; {waiting} items then waited to be sent. \
             Everything on the device will be destroyed, also what was written after that. \
             Locking it (`nghisu device lock`) loses nothing."
        ),
    };
    if !yes {
        let question = say(language, "Vẫn xóa? [c/K]", "Destroy it? [y/N]");
        let asked = format!("{}\n{warning}\n{question} ", line(&found, language));
        if !agreed(&asked)? {
            return Err(Error::new(Code::NotAllowed, "--yes"));
        }
    } else if !one.json {
        out(&warning)?;
    }
    one.change(
        language,
        "đã ra lệnh xóa",
        "ordered to wipe",
        Office::wipe_device,
    )
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
    let question = say(
        language,
        "Thiết bị hiện đúng sáu chữ số này? [c/K]",
        "Does the device show these six digits? [y/N]",
    );
    agreed(&format!("{}\n{question} ", line(device, language)))
}

/// Asks at the terminal. Where there is none, nobody has agreed.
fn agreed(question: &str) -> Result<bool> {
    let storage = |error: std::io::Error| Error::new(Code::Storage, error);
    let mut stdout = std::io::stdout();
    write!(stdout, "{question}").map_err(storage)?;
    stdout.flush().map_err(storage)?;
    if !std::io::stdin().is_terminal() {
        writeln!(stdout).map_err(storage)?;
        return Ok(false);
    }
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
    let copies = match (device.copied, device.incarnation) {
        (true, _) => say(
            language,
            "  (có hai bản sao: ghi danh lại từng bản)",
            "  (two copies: enrol each anew)",
        ),
        (false, 1) => "",
        (false, _) => say(
            language,
            "  (đã khôi phục từ bản sao)",
            "  (put back from a copy)",
        ),
    };
    format!(
        "{}  {}  {}  {}  {}{digits}{copies}",
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
        "synced_at": device.synced_at,
        "waiting": device.waiting,
        "incarnation": device.incarnation,
        "copied": device.copied,
    })
}

const fn word(status: DeviceStatus, language: Language) -> &'static str {
    match status {
        DeviceStatus::Active => say(language, "hoạt động", "active"),
        DeviceStatus::Pending => say(language, "chờ xác nhận", "waits"),
        DeviceStatus::Locked => say(language, "đã khóa", "locked"),
        DeviceStatus::Revoked => say(language, "đã thu hồi", "revoked"),
    }
}
