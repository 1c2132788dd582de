//! The vault: how a person's notes are sealed so that only the person's own devices open them.
//!
//! The office keeps the notes and owns every machine that they pass through; it may add devices,
//! withhold entries and answer anything. It must learn nothing of a note but its length, roughly,
//! and when which device wrote it.
//!
//! ```text
//!   recovery code ──HKDF──► recovery keys (X25519, Ed25519) ─────────────┐
//!   device's own keys (signature; X25519) ──┐                            │
//!                                           ▼                            ▼
//!   chain of steps:  genesis ◄── add ◄── remove ◄── add ◄── …   each signed by a member, or by
//!                       │         │        │                    the recovery key
//!              epoch 1 ─┴─────────┘        └─ epoch 2: new key, wrapped (HPKE) for all who stay;
//!                       ▲                              the key of epoch 1 sealed under it
//!                       └── payloads: XChaCha20-Poly1305 under a key of the epoch, padded
//! ```
//!
//! - [`seal`]: payloads, their padding, the keys of epochs and how they are wrapped.
//! - [`chain`]: who the owner's devices are, as they have signed it themselves. The office's
//!   certificates count for nothing here: whoever is not in the chain gets no key.
//! - [`codes`]: the recovery code on paper, and the code by which a new device and an approved one
//!   know each other although the office is between them.
//!
//! What this does not give: a removed device keeps what it has read; an approved device that is
//! stolen unlocked reads on until it is removed; a device restored by the code alone cannot know
//! whether the office withholds the newest steps.

pub mod chain;
pub mod codes;
pub mod seal;

use chacha20::{
    ChaCha20Rng,
    rand_core::{Rng, SeedableRng},
};

/// Random bytes for one task, grown from 32 that the caller has drawn.
pub struct Dice(ChaCha20Rng);

impl Dice {
    /// Grows dice from 32 random bytes. They must not be used for anything else.
    pub fn new(seed: [u8; 32]) -> Self {
        Self(ChaCha20Rng::from_seed(seed))
    }

    /// Draws bytes.
    pub fn draw<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill_bytes(&mut bytes);
        bytes
    }
}

impl std::fmt::Debug for Dice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Dice")
    }
}
