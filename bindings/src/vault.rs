//! The vault of the private notes: which devices open them, and the codes by which one gets in.
//!
//! A code is a text of its own and never part of a record, because a record is printed whole.

use nghisu_core::{Code, Error, store};
use zeroize::Zeroizing;

use crate::{Device, Result};

/// How the vault stands on this device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum VaultState {
    /// The device has not synced yet, so it does not know.
    Unknown,
    /// There is a vault, and this device is not in it: show its link code, or ask for the recovery code.
    /// Notes written here stay here until then.
    Waiting,
    /// Notes are sealed, sent and read.
    Open,
    /// The owner, or somebody who says so, has begun another vault in place of this one. Notes stay here
    /// until this device is let into that one.
    Replaced,
}

impl From<store::VaultState> for VaultState {
    fn from(state: store::VaultState) -> Self {
        match state {
            store::VaultState::Unknown => Self::Unknown,
            store::VaultState::Waiting => Self::Waiting,
            store::VaultState::Open => Self::Open,
            store::VaultState::Replaced => Self::Replaced,
        }
    }
}

/// A device that the office says is the owner's, and that opens no notes.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct WaitingDevice {
    /// The device.
    pub device: String,
    /// Whether it has asked, so that its link code can be given. One that never asks may be a device that
    /// the office has added by itself.
    pub asked: bool,
}

/// How the vault stands.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct VaultStatus {
    /// On this device.
    pub state: VaultState,
    /// The epoch: a new one begins when a device leaves. 0 while there is none.
    pub epoch: u32,
    /// The devices that open the notes.
    pub members: Vec<String>,
    /// The devices that wait for approval.
    pub waiting: Vec<WaitingDevice>,
    /// Whether the recovery code was made here and not confirmed as written down yet: show it.
    pub code_to_write_down: bool,
    /// Whether the office serves another vault of this owner, or one that contradicts what this device
    /// knows. Show it.
    pub contradicted: bool,
    /// Sealed entries that this device cannot open. They are kept.
    pub unreadable: u64,
    /// Notes that the owner's devices have listed and the office has not delivered.
    pub missing: u64,
}

impl From<store::VaultStatus> for VaultStatus {
    fn from(status: store::VaultStatus) -> Self {
        Self {
            state: status.state.into(),
            epoch: status.epoch,
            members: status.members.iter().map(ToString::to_string).collect(),
            waiting: status
                .waiting
                .iter()
                .map(|waiting| WaitingDevice {
                    device: waiting.device.to_string(),
                    asked: waiting.asked,
                })
                .collect(),
            code_to_write_down: status.code_to_write_down,
            contradicted: status.contradicted,
            unreadable: status.unreadable,
            missing: status.missing,
        }
    }
}

#[uniffi::export]
impl Device {
    /// Returns how the vault of the private notes stands: which devices open them, and which wait.
    pub async fn vault(&self) -> Result<VaultStatus> {
        self.run(|client| async move { client.vault().await.map(VaultStatus::from) })
            .await
    }

    /// Returns the recovery code, until `recovery_code_written` says that its owner has it on paper. None
    /// afterwards, before the first sync, and on devices that did not make it.
    ///
    /// Whoever has it opens the notes; if all devices are lost, nothing else does. Show it, and neither
    /// log nor store it.
    pub async fn recovery_code(&self) -> Result<Option<String>> {
        self.run(|client| async move {
            let code = client.recovery_code().await?;
            Ok(code.map(|code| code.as_str().to_owned()))
        })
        .await
    }

    /// Erases the recovery code here because its owner has it on paper. It is never shown again.
    pub async fn recovery_code_written(&self) -> Result<()> {
        self.run(|client| async move { client.recovery_code_written().await })
            .await
    }

    /// Puts another recovery code in force with the next sync, after which `recovery_code` returns it. The
    /// former one opens nothing that is written from then on.
    pub async fn renew_recovery_code(&self) -> Result<()> {
        self.run(|client| async move { client.renew_recovery_code().await })
            .await
    }

    /// Returns the code that this device shows, as text and for a QR code, so that another device of its
    /// owner approves it. Then sync both: this one, the other, and this one again.
    ///
    /// Always the same one until it is approved. Show it on this screen only: never send it, and neither
    /// log nor store it.
    pub async fn link_code(&self) -> Result<String> {
        self.run(|client| async move {
            let code = client.link_code().await?;
            Ok(code.as_str().to_owned())
        })
        .await
    }

    /// Approves the device of the same owner that shows this link code, and returns that device. It takes
    /// effect with the next sync of both. `Vault` if no device that asks shows this code.
    pub async fn approve_device(&self, link_code: String) -> Result<String> {
        let code = Zeroizing::new(link_code);
        self.run(|client| async move {
            let device = client.approve_device(&code).await?;
            Ok(device.to_string())
        })
        .await
    }

    /// Opens the notes with the recovery code, with the next sync. Capitals, spaces and hyphens do not
    /// matter; the detail of the error names the group of letters that is mistyped, where one is.
    pub async fn restore_notes(&self, recovery_code: String) -> Result<()> {
        let code = Zeroizing::new(recovery_code);
        self.run(|client| async move { client.restore(&code).await })
            .await
    }

    /// Removes another device of the owner, such as a lost one: what is written from the next sync on it
    /// cannot open. What it has read it has read.
    pub async fn remove_device(&self, device: String) -> Result<()> {
        let device = device
            .parse()
            .map_err(|_| Error::new(Code::DeviceUnknown, &device))?;
        self.run(|client| async move { client.remove_device(device).await })
            .await
    }

    /// Begins a new vault because every device of the old one and its code are lost: what was sealed
    /// there stays sealed for good. Ask twice.
    pub async fn start_vault_over(&self) -> Result<()> {
        self.run(|client| async move { client.start_over().await })
            .await
    }
}
