//! What the office orders a lost device to do.
//!
//! An order is signed, names one device and has a number: one for another device, or one that was
//! played back, has no effect.

use minicbor::{Decode, Encode};

use crate::{
    ids::{DeviceId, LogId},
    time::Timestamp,
    trust::{enrol::Signed, office::SignedSuccession},
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
