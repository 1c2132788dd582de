//! What a delegate's device knows and does.

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
