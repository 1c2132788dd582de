//! How devices and office agree.
//!
//! The office keeps one log for each body. A device holds a cursor into it and its own envelopes
//! that have no final outcome yet. One request carries both; one reply carries an outcome for each
//! envelope and the entries behind the cursor. When the two sides have nothing new for each other,
//! that one request is all that travels, however many documents there are.
//!
//! *Saved before said*: an envelope is sent only after it is on this device's disk, byte for byte as
//! it will be repeated, and a cursor is sent only after everything before it is there too. So either
//! side may be killed at any moment: the device offers the same bytes again and the office, which
//! knows them by their hash, gives the same answer again.
//!
//! [`session::Session`] holds the device's half. It does nothing itself: it is told what happened and
//! says what is to be done next.

pub mod authors;
pub mod backoff;
pub mod cadence;
pub mod envelope;
pub mod healing;
pub mod papers;
pub mod proof;
pub mod publication;
pub mod reason;
pub mod session;
pub mod snapshot;
pub mod wire;
