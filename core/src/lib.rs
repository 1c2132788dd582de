//! What a delegate's device knows and does.

pub mod error;
pub mod ids;
pub mod limits;
pub mod time;

pub use error::{Code, Error, Language, Result};
