//! The devices of this store's owner, as the office has certified, locked and revoked them in his feed.

use std::collections::BTreeMap;

use super::{Store, sql, unsigned};
use crate::{
    error::Result,
    ids::{DeviceId, Kind},
    sync::envelope::Envelope,
    time::Timestamp,
    trust::{
        decide::DeviceStatus,
        enrol::{Certificate, Signed},
        orders::{Order, OrderKind, Revocation},
    },
};

/// A device of the owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnDevice {
    /// Names the device.
    pub id: DeviceId,
    /// The name by which its owner knows it.
    pub name: String,
    /// What the office holds of it.
    pub status: DeviceStatus,
    /// When it was enrolled, by the office's clock.
    pub enrolled_at: Timestamp,
    /// Whether it is the one that asks.
    pub this: bool,
}

impl Store {
    /// Returns the owner's devices in the order of their enrolment, as far as the log was read.
    ///
    /// # Errors
    /// [`Code::NotEnrolled`](crate::Code::NotEnrolled), [`Code::Storage`](crate::Code::Storage).
    pub fn own_devices(&self) -> Result<Vec<OwnDevice>> {
        let identity = self.identity()?.ok_or(crate::Code::NotEnrolled)?;
        let this = identity.certificate.device();
        let mut devices = BTreeMap::new();
        let mut certify = |certificate: Certificate| {
            let id = certificate.device();
            let device = OwnDevice {
                id,
                name: certificate.name,
                status: DeviceStatus::Active,
                enrolled_at: certificate.issued_at,
                this: id == this,
            };
            devices.entry(id).or_insert(device);
        };
        certify(identity.certificate);
        for (_, envelope) in self.kept(Kind::Certificate)? {
            let signed: Signed = crate::cbor::decode(envelope.payload(), "certificate")?;
            certify(signed.unverified()?);
        }
        for (_, envelope) in self.kept(Kind::Order)? {
            let order: Order = crate::cbor::decode(envelope.payload(), "order")?;
            if let Some(device) = devices.get_mut(&order.device) {
                device.status = match order.kind {
                    OrderKind::Lock => DeviceStatus::Locked,
                    OrderKind::Release => DeviceStatus::Active,
                    OrderKind::Wipe => DeviceStatus::Revoked,
                };
            }
        }
        for id in self.revocations()?.into_keys() {
            if let Some(device) = devices.get_mut(&id) {
                device.status = DeviceStatus::Revoked;
            }
        }
        let mut devices: Vec<OwnDevice> = devices.into_values().collect();
        devices.sort_by_key(|device| (device.enrolled_at, device.id));
        Ok(devices)
    }

    /// Returns the devices that were revoked, and the entry that says so.
    pub(super) fn revocations(&self) -> Result<BTreeMap<DeviceId, u64>> {
        let mut revoked = BTreeMap::new();
        for (seq, envelope) in self.kept(Kind::Revocation)? {
            let revocation: Revocation = crate::cbor::decode(envelope.payload(), "revocation")?;
            revoked.entry(revocation.device).or_insert(seq);
        }
        Ok(revoked)
    }

    /// Returns the office's statements of a kind, in the order of the log.
    fn kept(&self, kind: Kind) -> Result<Vec<(u64, Envelope)>> {
        let query = "SELECT abs(seq), bytes FROM kept WHERE kind = ?1 ORDER BY abs(seq)";
        let mut statement = self.connection.prepare_cached(query).map_err(sql)?;
        let rows = statement
            .query_map([kind.number()], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?))
            })
            .map_err(sql)?;
        rows.map(|row| {
            let (seq, bytes) = row.map_err(sql)?;
            Ok((unsigned(seq), Envelope::decode(&bytes)?))
        })
        .collect()
    }
}
