//! Who may what, and how it is proven.

pub mod decide;
pub mod enrol;
pub mod incarnation;
pub mod keys;
pub mod lease;
pub mod membership;
pub mod office;
pub mod office_keys;
pub mod orders;
pub mod p256;
pub mod vault;
