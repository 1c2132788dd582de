//! What the office runs: the log, programmes and papers, and the devices that sync with it.
//!
//! [`Office`] is the office itself: a folder, and what happens to it. [`Server`] puts it on the
//! network. [`import`] reads programmes from files. The commands of `nghisu` are in [`cli`].

pub mod bundle;
pub mod cli;
pub mod clock;
mod db;
mod demo;
pub mod import;
pub mod office;
pub mod routes;
mod serve;

pub use office::{
    Office,
    pem::{Passphrase, PublicationSigner},
    root::RootKey,
};
pub use serve::{Server, ServerHandle};
