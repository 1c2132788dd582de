//! Devices: those that wait, those that are enrolled, and what was ordered of them.

use nghisu_core::{
    Result, cbor,
    ids::{DeviceId, Hash, LogId, MeetingId, PersonId},
    time::Timestamp,
    trust::orders::Order,
};
use rusqlite::Row;

use super::Tx;
use crate::db::rows::{
    EnrolledRow, PendingRow, blob, int, maybe_blob, order_kind, order_number, status, time, uint,
};

impl Tx<'_> {
    pub(crate) fn pending_device(&self, id: DeviceId) -> Result<Option<PendingRow>> {
        self.one(
            "SELECT id, person, code_hash, key, sealing_key, name, digits, requested_at, refused
             FROM pending_device WHERE id = ?",
            [id.as_bytes()],
            pending,
        )
    }

    /// Returns the devices that wait, those first that have waited longest.
    pub(crate) fn pending_devices(&self) -> Result<Vec<PendingRow>> {
        self.all(
            "SELECT id, person, code_hash, key, sealing_key, name, digits, requested_at, refused
             FROM pending_device WHERE refused = 0 ORDER BY requested_at, id",
            [],
            pending,
        )
    }

    /// Stores a device that waits, in place of what it may have asked before.
    pub(crate) fn put_pending_device(&self, row: &PendingRow) -> Result<()> {
        self.run(
            "INSERT OR REPLACE INTO pending_device
             (id, person, code_hash, key, sealing_key, name, digits, requested_at, refused)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                row.id.as_bytes(),
                row.person.as_bytes(),
                row.code.as_bytes(),
                cbor::encode(&row.key),
                row.sealing_key.as_ref().map(<[u8; 32]>::as_slice),
                &row.name,
                &row.digits,
                int(row.requested_at.unix_ms()),
                row.refused,
            ),
        )
        .map(drop)
    }

    pub(crate) fn delete_pending_device(&self, id: DeviceId) -> Result<()> {
        self.run("DELETE FROM pending_device WHERE id = ?", [id.as_bytes()])
            .map(drop)
    }

    /// Drops the devices that have waited since before `time`.
    pub(crate) fn drop_pending_devices(&self, before: Timestamp) -> Result<()> {
        self.run(
            "DELETE FROM pending_device WHERE requested_at < ?",
            [int(before.unix_ms())],
        )
        .map(drop)
    }

    /// Returns the enrolled devices of a person, or of all, in the order of their enrolment.
    pub(crate) fn enrolled_devices(&self, person: Option<PersonId>) -> Result<Vec<EnrolledRow>> {
        self.all(
            "SELECT id, person, name, status, enrolled_at, synced_at, waiting, incarnation,
                    EXISTS (SELECT 1 FROM incarnation AS it
                        WHERE it.device = device.id AND it.copied_at IS NOT NULL)
             FROM device
             WHERE ?1 IS NULL OR person = ?1 ORDER BY enrolled_at, id",
            [person.as_ref().map(PersonId::as_bytes)],
            |row| {
                Ok(EnrolledRow {
                    id: blob(row, 0, DeviceId::from_slice)?,
                    person: blob(row, 1, PersonId::from_slice)?,
                    name: row.get(2)?,
                    status: status(row, 3)?,
                    enrolled_at: time(row, 4)?,
                    synced_at: row
                        .get::<_, Option<i64>>(5)?
                        .map(|at| Timestamp::from_unix_ms(at.unsigned_abs())),
                    waiting: uint(row, 6)?,
                    incarnation: row.get(7)?,
                    copied: row.get(8)?,
                })
            },
        )
    }
}

impl Tx<'_> {
    /// Notes that a device has synced, and what it has that is not settled.
    pub(crate) fn set_device_synced(
        &self,
        id: DeviceId,
        now: Timestamp,
        waiting: u64,
    ) -> Result<()> {
        self.run(
            "UPDATE device SET synced_at = ?, waiting = ? WHERE id = ?",
            (int(now.unix_ms()), int(waiting), id.as_bytes()),
        )
        .map(drop)
    }

    pub(crate) fn add_order(&self, order: &Order) -> Result<()> {
        self.run(
            "INSERT INTO device_order (device, number, kind, at) VALUES (?, ?, ?, ?)",
            (
                order.device.as_bytes(),
                int(order.number),
                order_number(order.kind),
                int(order.at.unix_ms()),
            ),
        )
        .map(drop)
    }

    /// Says whether this very order was given.
    pub(crate) fn has_order(&self, order: &Order) -> Result<bool> {
        let found = self.one(
            "SELECT 1 FROM device_order WHERE device = ? AND kind = ? AND at = ?",
            (
                order.device.as_bytes(),
                order_number(order.kind),
                int(order.at.unix_ms()),
            ),
            |_| Ok(()),
        )?;
        Ok(found.is_some())
    }

    pub(crate) fn newest_order(&self, id: DeviceId) -> Result<Option<Order>> {
        self.one(
            "SELECT number, kind, at, log FROM device_order, office
             WHERE device = ? ORDER BY number DESC LIMIT 1",
            [id.as_bytes()],
            |row| {
                Ok(Order {
                    log: blob(row, 3, LogId::from_slice)?,
                    device: id,
                    kind: order_kind(row, 1)?,
                    number: uint(row, 0)?,
                    at: time(row, 2)?,
                })
            },
        )
    }
}

impl Tx<'_> {
    /// Notes when an item ends, or the meeting if `item` is empty; `None` takes it back.
    pub(crate) fn set_end(
        &self,
        meeting: MeetingId,
        item: &str,
        at: Option<Timestamp>,
    ) -> Result<()> {
        match at {
            Some(at) => self.run(
                "INSERT OR REPLACE INTO ends (meeting, item, at) VALUES (?, ?, ?)",
                (meeting.as_bytes(), item, int(at.unix_ms())),
            ),
            None => self.run(
                "DELETE FROM ends WHERE meeting = ? AND item = ?",
                (meeting.as_bytes(), item),
            ),
        }
        .map(drop)
    }

    pub(crate) fn end(&self, meeting: MeetingId, item: &str) -> Result<Option<Timestamp>> {
        self.one(
            "SELECT at FROM ends WHERE meeting = ? AND item = ?",
            (meeting.as_bytes(), item),
            |row| time(row, 0),
        )
    }
}

fn pending(row: &Row<'_>) -> rusqlite::Result<PendingRow> {
    Ok(PendingRow {
        id: blob(row, 0, DeviceId::from_slice)?,
        person: blob(row, 1, PersonId::from_slice)?,
        code: blob(row, 2, Hash::from_slice)?,
        key: blob(row, 3, |bytes| cbor::decode(bytes, "key").ok())?,
        sealing_key: maybe_blob(row, 4, |bytes| bytes.try_into().ok())?,
        name: row.get(5)?,
        digits: row.get(6)?,
        requested_at: time(row, 7)?,
        refused: row.get(8)?,
    })
}
