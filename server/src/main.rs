//! The office's program.

use std::process::ExitCode;

fn main() -> ExitCode {
    nghisu_server::cli::main()
}
