//! The devices of one owner, and whether this one may be used.

use nghisu_core::{store, trust::decide};

use crate::{Device, Result, records::ms};

/// Whether what a device keeps may be read and written. While it may not, such calls fail with `Locked`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum Standing {
    /// It may.
    Usable,
    /// The office has locked the device. Nothing was destroyed: sync once the office has released it, or
    /// enrol it anew.
    Locked,
    /// The device has run too long without meeting its office. Nothing was destroyed: sync.
    LeaseOver,
    /// Everything was destroyed as the office ordered. Shut it down, open it again and enrol it anew.
    Wiped,
}

impl From<store::Standing> for Standing {
    fn from(standing: store::Standing) -> Self {
        match standing {
            store::Standing::Usable => Self::Usable,
            store::Standing::Locked => Self::Locked,
            store::Standing::LeaseOver => Self::LeaseOver,
            store::Standing::Wiped => Self::Wiped,
        }
    }
}

/// What the office holds of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum OwnDeviceState {
    /// It may sync.
    Active,
    /// It waits for the office's confirmation.
    Pending,
    /// It is locked until the office says otherwise.
    Locked,
    /// It is closed for good.
    Revoked,
}

impl From<decide::DeviceStatus> for OwnDeviceState {
    fn from(status: decide::DeviceStatus) -> Self {
        match status {
            decide::DeviceStatus::Active => Self::Active,
            decide::DeviceStatus::Pending => Self::Pending,
            decide::DeviceStatus::Locked => Self::Locked,
            decide::DeviceStatus::Revoked => Self::Revoked,
        }
    }
}

/// A device of the owner.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct OwnDevice {
    /// The device.
    pub id: String,
    /// The name by which its owner knows it.
    pub name: String,
    /// What the office holds of it.
    pub state: OwnDeviceState,
    /// When it was enrolled, by the office's clock.
    pub enrolled_at_ms: i64,
    /// Whether it is the one that asks.
    pub is_this: bool,
}

impl From<store::OwnDevice> for OwnDevice {
    fn from(device: store::OwnDevice) -> Self {
        Self {
            id: device.id.to_string(),
            name: device.name,
            state: device.status.into(),
            enrolled_at_ms: ms(device.enrolled_at),
            is_this: device.this,
        }
    }
}

#[uniffi::export]
impl Device {
    /// Returns the devices of this one's owner in the order of their enrolment, as far as the log was
    /// read: this one among them.
    pub async fn devices(&self) -> Result<Vec<OwnDevice>> {
        self.run(|client| async move {
            let devices = client.devices().await?;
            Ok(devices.into_iter().map(OwnDevice::from).collect())
        })
        .await
    }
}
