//! What a delegate's device knows and does.

pub mod cbor;
pub mod document;
pub mod error;
pub mod ids;
pub mod limits;
pub mod meeting;
pub mod sync;
pub mod time;
pub mod trust;

pub use error::{Code, Error, Language, Result};
