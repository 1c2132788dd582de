//! How devices and office agree.

pub mod envelope;
pub mod wire;
