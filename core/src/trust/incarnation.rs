//! What the office tells about a device whose chain has forked: entries in its owner's feed.

use minicbor::{Decode, Encode};

use crate::{
    ids::{DeviceId, Hash},
    time::Timestamp,
};

/// A device goes on in another incarnation, or is locked since two copies of it speak.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Incarnation {
    /// The device.
    #[n(0)]
    pub device: DeviceId,
    /// The incarnation that it goes on in; all lower ones are closed.
    #[n(1)]
    pub number: u32,
    /// What it was granted for: the envelope that did not continue the chain.
    #[n(2)]
    pub cause: Hash,
    /// When, by the office's clock.
    #[n(3)]
    pub at: Timestamp,
    /// Whether a closed incarnation has spoken after that: then the device's key is locked.
    #[n(4)]
    pub copied: bool,
}
