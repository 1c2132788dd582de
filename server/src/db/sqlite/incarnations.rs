//! Incarnations that were granted.

use nghisu_core::{
    Result,
    ids::{DeviceId, Hash},
    time::Timestamp,
};

use super::Tx;
use crate::db::rows::{IncarnationRow, blob, int};

impl Tx<'_> {
    pub(crate) fn add_incarnation(
        &self,
        device: DeviceId,
        row: &IncarnationRow,
        now: Timestamp,
    ) -> Result<()> {
        self.run(
            "INSERT INTO incarnation (device, number, cause, at) VALUES (?, ?, ?, ?)",
            (
                device.as_bytes(),
                row.number,
                row.cause.as_bytes(),
                int(now.unix_ms()),
            ),
        )
        .map(drop)
    }

    /// Returns the newest grant of a device; none while it is in the one that its certificate names.
    pub(crate) fn newest_incarnation(&self, device: DeviceId) -> Result<Option<IncarnationRow>> {
        self.one(
            "SELECT number, cause FROM incarnation WHERE device = ? ORDER BY number DESC LIMIT 1",
            [device.as_bytes()],
            |row| {
                Ok(IncarnationRow {
                    number: row.get(0)?,
                    cause: blob(row, 1, Hash::from_slice)?,
                })
            },
        )
    }

    /// Notes that a closed incarnation of a device has spoken.
    pub(crate) fn set_copied(&self, device: DeviceId, number: u32, now: Timestamp) -> Result<()> {
        self.run(
            "UPDATE incarnation SET copied_at = ? WHERE device = ? AND number = ?",
            (int(now.unix_ms()), device.as_bytes(), number),
        )
        .map(drop)
    }
}
