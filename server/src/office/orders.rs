//! What becomes of a device that is lost: locked, released, wiped, revoked.
//!
//! An order stands in the log, in the feed of the device's owner, and reaches the device with the
//! answer to its next request. It is signed then, so that it is by the online key of that day.

use nghisu_core::{
    Code, Error, Result, cbor,
    ids::{DeviceId, DocumentId, Feed, Kind},
    sync::wire::Request,
    time::Timestamp,
    trust::{
        decide::DeviceStatus,
        enrol::decode_request,
        orders::{Order, OrderKind, Revocation, SignedOrder},
    },
};

use super::{Office, devices::device_info, log::Appending, office_row};
use crate::{db::Tx, office::DeviceInfo};

impl Office {
    /// Locks a device: it shows nothing until it is released or enrolled anew. Nothing is destroyed.
    ///
    /// # Errors
    /// [`Code::DeviceUnknown`]; [`Code::NotAllowed`] if it was revoked.
    pub fn lock_device(&self, id: DeviceId, now: Timestamp) -> Result<DeviceInfo> {
        self.order(id, OrderKind::Lock, Some(DeviceStatus::Locked), now)
    }

    /// Takes the lock of a device back.
    ///
    /// # Errors
    /// [`Code::DeviceUnknown`]; [`Code::NotAllowed`] if it is not locked.
    pub fn release_device(&self, id: DeviceId, now: Timestamp) -> Result<DeviceInfo> {
        self.order(id, OrderKind::Release, Some(DeviceStatus::Active), now)
    }

    /// Closes a device for good. It locks itself, and whatever it signs from now on does not count.
    /// Its owner's unsent work on it comes back when he enrols it anew.
    ///
    /// # Errors
    /// [`Code::DeviceUnknown`]; [`Code::NotAllowed`] if it was revoked before.
    pub fn revoke_device(&self, id: DeviceId, now: Timestamp) -> Result<DeviceInfo> {
        self.order(id, OrderKind::Lock, Some(DeviceStatus::Revoked), now)
    }

    /// Closes a device for good and has it destroy everything that it keeps.
    ///
    /// # Errors
    /// [`Code::DeviceUnknown`].
    pub fn wipe_device(&self, id: DeviceId, now: Timestamp) -> Result<DeviceInfo> {
        self.order(id, OrderKind::Wipe, None, now)
    }

    /// Gives an order. `status` is what the device becomes; `None` stands for a wipe, which may also
    /// follow a revocation.
    fn order(
        &self,
        id: DeviceId,
        kind: OrderKind,
        status: Option<DeviceStatus>,
        now: Timestamp,
    ) -> Result<DeviceInfo> {
        let keys = self.keys.clone();
        self.db.write(move |tx| {
            let unknown = || Error::new(Code::DeviceUnknown, id);
            let device = tx.device(id)?.ok_or_else(unknown)?;
            let may = match (device.status, kind) {
                (DeviceStatus::Revoked, OrderKind::Lock | OrderKind::Release)
                | (DeviceStatus::Active | DeviceStatus::Pending, OrderKind::Release) => false,
                (DeviceStatus::Locked, OrderKind::Lock) => status == Some(DeviceStatus::Revoked),
                (_, OrderKind::Lock | OrderKind::Release | OrderKind::Wipe) => true,
            };
            if !may {
                return Err(Error::new(Code::NotAllowed, status_name(device.status)));
            }
            let mut log = Appending::begin(tx, &keys, now)?;
            let status = status.unwrap_or(DeviceStatus::Revoked);
            let feed = Feed::Person(device.person);
            let document = DocumentId::from_bytes(*id.as_bytes());
            if status == DeviceStatus::Revoked && device.status != DeviceStatus::Revoked {
                let revocation = cbor::encode(&Revocation {
                    device: id,
                    at: now,
                });
                log.write(feed, document, Kind::Revocation, revocation)?;
            }
            let order = Order {
                log: log.office.log,
                device: id,
                kind,
                number: tx.newest_order(id)?.map_or(0, |newest| newest.number) + 1,
                at: now,
            };
            log.write(feed, document, Kind::Order, cbor::encode(&order))?;
            log.finish()?;
            tx.add_order(&order)?;
            tx.set_device_status(id, status)?;
            device_info(tx, id)
        })
    }

    /// Returns the order that goes with a refusal: the newest to this device, unless it is a release.
    ///
    /// # Errors
    /// If it cannot be read or signed.
    pub fn standing_order(&self, device: DeviceId) -> Result<Option<SignedOrder>> {
        self.db.read(|tx| {
            let newest = tx.newest_order(device)?;
            newest
                .filter(|order| order.kind != OrderKind::Release)
                .map(|order| self.sign_order(tx, &order))
                .transpose()
        })
    }

    /// Returns the newest order to this device, if it is a release.
    pub(super) fn release_order(
        &self,
        tx: &Tx<'_>,
        device: DeviceId,
    ) -> Result<Option<SignedOrder>> {
        let newest = tx.newest_order(device)?;
        newest
            .filter(|order| order.kind == OrderKind::Release)
            .map(|order| self.sign_order(tx, &order))
            .transpose()
    }

    fn sign_order(&self, tx: &Tx<'_>, order: &Order) -> Result<SignedOrder> {
        let office = office_row(tx)?;
        self.take_up_renewal(&office)?;
        order.sign(&self.keys.online, office.online, office.successions)
    }
}

/// Returns the device that sent a sync request, as far as the bytes say.
pub(crate) fn device_of_request(request: &[u8]) -> Option<DeviceId> {
    Some(Request::decode(request).ok()?.head.device)
}

/// Returns the device that sent an enrolment request.
pub(crate) fn device_of_enrolment(request: &[u8]) -> Option<DeviceId> {
    Some(decode_request(request).ok()?.key.device())
}

/// Returns the device that a read token names.
pub(crate) fn device_of_token(token: &[u8]) -> Option<DeviceId> {
    token
        .first_chunk::<16>()
        .map(|id| DeviceId::from_bytes(*id))
}

/// Returns the stable name of a status.
pub const fn status_name(status: DeviceStatus) -> &'static str {
    match status {
        DeviceStatus::Active => "active",
        DeviceStatus::Pending => "pending",
        DeviceStatus::Locked => "locked",
        DeviceStatus::Revoked => "revoked",
    }
}
