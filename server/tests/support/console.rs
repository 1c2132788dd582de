//! The program beside an office, each command in a process of its own. The office lies in the folder `office`.
#![expect(clippy::unwrap_used, reason = "the helpers of the tests are tests too")]

use std::{
    path::Path,
    process::{Command, Output},
};

use nghisu_server::Office;

/// Runs a command in a folder, in English unless it says otherwise.
pub(crate) fn run(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_nghisu"))
        .current_dir(folder)
        .env_remove("LC_ALL")
        .env("LANG", "en_GB.UTF-8")
        .args(arguments)
        .args(["--data", "office"])
        .output()
        .unwrap()
}

/// Runs a command that must do what it was asked, and returns what it printed.
pub(crate) fn must(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {complaint}");
    String::from_utf8(output.stdout).unwrap()
}

/// Runs a command that must be refused with nothing written, and returns why.
pub(crate) fn refused(folder: &Path, office: &Office, arguments: &[&str], code: i32) -> String {
    let before = office.seq().unwrap();
    let output = run(folder, arguments);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}");
    let after = office.seq().unwrap();
    assert_eq!(after, before, "{arguments:?} has written something");
    String::from_utf8(output.stderr).unwrap()
}
