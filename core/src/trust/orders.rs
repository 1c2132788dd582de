//! What the office orders a lost device to do.
//!
//! An order is signed, names one device and has a number: one for another device, or one that was
//! played back, has no effect.

use minicbor::{Decode, Encode};

use crate::{
    error::{Code, Error, Result},
    ids::{DeviceId, LogId, domain},
    time::Timestamp,
    trust::{
        enrol::Signed,
        keys::{DeviceSigner, PublicKey},
        office::SignedSuccession,
    },
};

/// What is ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(index_only)]
pub enum OrderKind {
    /// Show nothing until the office releases the device or it is enrolled anew. Nothing is destroyed.
    #[n(1)]
    Lock,
    /// The lock is taken back.
    #[n(2)]
    Release,
    /// Destroy everything that the device keeps.
    #[n(3)]
    Wipe,
}

/// An order to one device.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Order {
    /// The log that the device belongs to.
    #[n(0)]
    pub log: LogId,
    /// The device.
    #[n(1)]
    pub device: DeviceId,
    /// What it shall do.
    #[n(2)]
    pub kind: OrderKind,
    /// Higher in every order to this device.
    #[n(3)]
    pub number: u64,
    /// When it was given, by the office's clock.
    #[n(4)]
    pub at: Timestamp,
}

/// An order with all that a device needs to check it, also one that has been away for years.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct SignedOrder {
    /// The [`Order`], signed by the online key.
    #[n(0)]
    pub order: Signed,
    /// The online key ([`OnlineKey`](crate::trust::office::OnlineKey)), signed by the root.
    #[n(1)]
    pub online: Signed,
    /// How the root came to follow its predecessors, the oldest first.
    #[n(2)]
    pub successions: Vec<SignedSuccession>,
}

/// The end of a device, as its owner's other devices and auditors read it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Revocation {
    /// The device.
    #[n(0)]
    pub device: DeviceId,
    /// When, by the office's clock. Entries of this device after this one do not count.
    #[n(1)]
    pub at: Timestamp,
}

impl Order {
    /// Signs the order with the office's online key. `online` is the root's statement about that key,
    /// `successions` say how the root came to be.
    ///
    /// # Errors
    /// What the signer says.
    pub fn sign(
        &self,
        key: &dyn DeviceSigner,
        online: Signed,
        successions: Vec<SignedSuccession>,
    ) -> Result<SignedOrder> {
        Ok(SignedOrder {
            order: Signed::sign(domain::ORDER, self, key)?,
            online,
            successions,
        })
    }
}

/// To whom an order must be, and after which one.
#[derive(Debug, Clone, Copy)]
pub struct Addressee {
    /// The log that the device belongs to.
    pub log: LogId,
    /// The device.
    pub device: DeviceId,
    /// The number of the newest order that it has obeyed; 0 before the first.
    pub obeyed: u64,
}

impl SignedOrder {
    /// Returns the order if `online` has signed it, it is to `addressee`, and it is new. `online` must
    /// have been found to be the office's before.
    ///
    /// # Errors
    /// [`Code::OfficeCertificate`] if it is forged or for somebody else; [`Code::Malformed`] if it was
    /// played back or is no order. Either way it must have no effect.
    pub fn check(&self, online: &PublicKey, addressee: &Addressee) -> Result<Order> {
        let order: Order = self.order.verify(domain::ORDER, online)?;
        if order.log != addressee.log || order.device != addressee.device {
            return Err(Error::new(
                Code::OfficeCertificate,
                "an order to another device",
            ));
        }
        if order.number <= addressee.obeyed {
            return Err(Error::new(
                Code::Malformed,
                format_args!("order {} after {}", order.number, addressee.obeyed),
            ));
        }
        Ok(order)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::{keys::SoftwareKey, office::OnlineKey};

    fn key(seed: u8) -> SoftwareKey {
        SoftwareKey::from_seed(&[seed; 32])
    }

    fn order(number: u64) -> Order {
        Order {
            log: LogId::from_bytes([1; 16]),
            device: DeviceId::from_bytes([2; 16]),
            kind: OrderKind::Lock,
            number,
            at: Timestamp::from_unix_ms(1),
        }
    }

    fn signed(order: &Order, by: u8) -> SignedOrder {
        let online = OnlineKey {
            log: order.log,
            key: key(by).public_key(),
            issued_at: Timestamp::from_unix_ms(1),
            expires_at: Timestamp::from_unix_ms(2),
            publishes: true,
            withdrawn: Vec::new(),
        };
        let online = Signed::sign(domain::ONLINE_KEY, &online, &key(9)).unwrap();
        order.sign(&key(by), online, Vec::new()).unwrap()
    }

    const TO: Addressee = Addressee {
        log: LogId::from_bytes([1; 16]),
        device: DeviceId::from_bytes([2; 16]),
        obeyed: 4,
    };

    #[test]
    fn an_order_holds_for_its_device_once() {
        let online = key(3).public_key();
        let check = |number| signed(&order(number), 3).check(&online, &TO);
        assert_eq!(check(5).unwrap(), order(5));
        assert_eq!(check(u64::MAX).unwrap().number, u64::MAX);
        for replayed in [0, 3, 4] {
            assert_eq!(check(replayed).unwrap_err().code(), Code::Malformed);
        }
    }

    #[test]
    fn a_forged_or_foreign_order_does_not_hold() {
        let online = key(3).public_key();
        let other_device = Order {
            device: DeviceId::from_bytes([3; 16]),
            ..order(5)
        };
        let other_log = Order {
            log: LogId::from_bytes([3; 16]),
            ..order(5)
        };
        // By another key; and a statement of the right key that is no order.
        let mut no_order = signed(&order(5), 3);
        no_order.order = Signed::sign(domain::CERTIFICATE, &order(5), &key(3)).unwrap();
        for wrong in [
            signed(&other_device, 3),
            signed(&other_log, 3),
            signed(&order(5), 4),
            no_order,
        ] {
            let error = wrong.check(&online, &TO).unwrap_err();
            assert_eq!(error.code(), Code::OfficeCertificate);
        }
    }
}
