//! The vault of the private notes, from a terminal.

use clap::Subcommand;
use nghisu_core::{Client, Result, ids::DeviceId, store::VaultState};
use serde_json::{Value, json};

/// What can be asked of the vault.
#[derive(Subcommand)]
pub(crate) enum VaultCommand {
    /// Says how the vault stands on this device.
    Status,
    /// Shows the recovery code until it is confirmed as written down.
    Code {
        /// Confirms that it is, and erases it here.
        #[arg(long)]
        written: bool,
    },
    /// Shows the code by which an approved device lets this one in.
    Link,
    /// Approves the device that shows this code.
    Approve {
        /// The code.
        code: String,
    },
    /// Opens the vault with the recovery code.
    Restore {
        /// The code, as it was written down.
        code: String,
    },
    /// Removes a device from the vault.
    Remove {
        /// The device.
        device: DeviceId,
    },
    /// Puts another recovery code in force.
    Renew,
    /// Begins a new vault because all devices of the old one and its code are lost.
    StartOver,
}

/// Carries a command out.
pub(crate) async fn vault(client: &Client, command: &VaultCommand) -> Result<(String, Value)> {
    match command {
        VaultCommand::Status => return status(client).await,
        VaultCommand::Code { written: true } => client.recovery_code_written().await?,
        VaultCommand::Code { written: false } => {
            let code = client.recovery_code().await?;
            let code = code.as_ref().map(|code| code.as_str());
            return Ok((code.unwrap_or_default().to_owned(), json!({ "code": code })));
        }
        VaultCommand::Link => {
            let code = client.link_code().await?;
            return Ok((code.to_string(), json!({"code": code.as_str()})));
        }
        VaultCommand::Approve { code } => {
            let device = client.approve_device(code).await?;
            return Ok((device.to_string(), json!({"device": device.to_string()})));
        }
        VaultCommand::Restore { code } => client.restore(code).await?,
        VaultCommand::Remove { device } => client.remove_device(*device).await?,
        VaultCommand::Renew => client.renew_recovery_code().await?,
        VaultCommand::StartOver => client.start_over().await?,
    }
    status(client).await
}

async fn status(client: &Client) -> Result<(String, Value)> {
    let status = client.vault().await?;
    let state = match status.state {
        VaultState::Unknown => "unknown",
        VaultState::Waiting => "waiting",
        VaultState::Open => "open",
        VaultState::Replaced => "replaced",
    };
    let members: Vec<String> = status.members.iter().map(ToString::to_string).collect();
    let waiting: Vec<Value> = status
        .waiting
        .iter()
        .map(|waiting| json!({"device": waiting.device.to_string(), "asked": waiting.asked}))
        .collect();
    let value = json!({
        "state": state,
        "epoch": status.epoch,
        "members": members,
        "waiting": waiting,
        "code_to_write_down": status.code_to_write_down,
        "contradicted": status.contradicted,
        "unreadable": status.unreadable,
        "missing": status.missing,
    });
    let text = format!(
        "{state} · {} · {} thiết bị / devices · {} chờ duyệt / waiting · {} thiếu / missing",
        status.epoch,
        members.len(),
        waiting.len(),
        status.missing
    );
    Ok((text, value))
}
