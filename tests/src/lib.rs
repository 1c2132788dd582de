//! Whole devices and a whole office together: real processes, real sockets, real disks.

#![deny(unsafe_code)]
#![allow(
    clippy::disallowed_methods,
    reason = "tests wait for programs and measure them"
)]

pub mod app;
pub mod bench;
pub mod body;
pub mod canary;
pub mod copies;
pub mod disk;
pub mod fixture;
pub mod hall;
pub mod link;
pub mod local;
pub mod oparl;
pub mod process;
pub mod scan;
pub mod vfs;
pub mod world;

use std::{io::Write, path::PathBuf};

/// Returns where the test material is, or says plainly that it is absent and returns `None`.
pub fn data(part: &str) -> Option<PathBuf> {
    let root = std::env::var_os("NGHISU_TEST_DATA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data")),
        PathBuf::from,
    );
    let path = root.join(part);
    if path.exists() {
        return Some(path);
    }
    report(&format!(
        "SKIPPED: {} is absent; set NGHISU_TEST_DATA",
        path.display()
    ));
    None
}

/// Prints a line of a test's report, also where the output of tests that succeed is kept back:
/// a skip that nobody sees would look like a success.
pub fn report(line: &str) {
    // Nobody is left to be told if standard error is closed.
    let _ = writeln!(std::io::stderr(), "{line}");
}
