#![doc = include_str!("../README.md")]
//!
//! # The map, from the top
//!
//! | module | what it is |
//! |---|---|
//! | [`client`] | the shell that apps call: the only async code, the only clock, the only dice |
//! | [`store`] | one SQLite file and the papers beside it |
//! | [`sync`] | log, envelopes, the wire; the device's half of the conversation |
//! | [`trust`] | keys, enrolment, and the one function that decides who may what |
//! | [`meeting`] | programmes, publications and what changed between two; acts, rulings, and how a meeting stands |
//! | [`document`] | Automerge, wrapped once |
//! | [`error`] [`ids`] [`time`] [`limits`] [`cbor`] | the ground |
//!
//! # What is absent
//!
//! - Imports run downwards only, in the order of the map.
//! - `sync`, `trust`, `meeting`, `document` and the ground never read a clock, never draw a random
//!   number, never touch a file or a socket, and have nothing async: time and dice are arguments.
//! - `store` never waits for the network and knows no tokio; no transaction is alive across an `await`.
//! - `client` decides nothing: it passes on what [`sync::session::Session`] says.
//! - Nothing outside of [`document`] speaks to Automerge.
//! - Nothing here panics on bytes from outside.
//!
//! `tests/tests/tidy.rs` keeps them on the sources themselves, but for what the clock-free layers
//! cannot show by their words: that `client` decides nothing, and the last, which the property tests
//! of every decoder try.
#![forbid(unsafe_code)]

pub mod cbor;
pub mod client;
pub mod document;
pub mod error;
pub mod ids;
pub mod limits;
pub mod meeting;
pub mod store;
pub mod sync;
pub mod time;
pub mod trust;

pub use client::{Client, Config};
pub use error::{Code, Error, Language, Result};
