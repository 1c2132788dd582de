//! Writes what every later version must read: `fixture FOLDER`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it is a command")]

use std::{path::PathBuf, process::ExitCode};

fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: fixture FOLDER");
        return ExitCode::from(2);
    };
    nghisu_tests::fixture::write(&folder);
    println!("{}", folder.display());
    ExitCode::SUCCESS
}
