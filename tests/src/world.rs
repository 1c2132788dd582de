//! A world in one process: devices, an office, links between them and everything that goes wrong,
//! driven by one seed in virtual time through the code that ships.
//!
//! [`script`] makes a life out of a seed: a list of steps that can be replayed, also without some of
//! them. [`World`] lives it: sessions, stores, envelopes and the office are the real ones; only
//! sockets, clocks and dice are not. The model beside it knows ids and what people did, and after every
//! effect the checks hold both to the numbered sentences of `core/README.md`. Everything random comes
//! from the seed, so that the same script gives the same trace, byte for byte.
#![allow(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "tests from end to end: a failure is a panic"
)]

mod act;
mod admin;
mod backups;
mod checks;
mod copies;
mod coverage;
mod desk;
mod devices;
mod dice;
mod end;
mod enrol;
mod files;
mod held;
mod levels;
mod link;
mod model;
mod refusals;
mod rogue;
mod run;
mod scenes;
mod script;
mod shrink;
mod sync;
mod trace;
mod write;

pub use coverage::Coverage;
pub use run::{Failure, Life, World, live};
pub use script::{Fault, Step, script};
pub use shrink::{shrink, story};
