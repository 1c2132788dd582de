//! Others who can do the same work, built, started and driven in the same run as ours.

mod agenda;
mod behind;
mod cold;
mod devices;
mod hall;
mod npm;
mod samod;
mod server;
mod sync;
mod typing;

use std::{process::ExitCode, time::Duration};

use super::{Contender, Workload};

/// The first argument with which the benchmark starts itself as a peer's process.
pub const AS_PEER: &str = "peer";

/// From so many devices on no peer is put into a storm: at 100 one takes from a quarter of a minute on,
/// and it grows with the square.
const STORM_DEVICES_MAX: usize = 200;

/// Returns who can do a workload, beside us. After `patience` a server gets no more runs.
pub fn contenders(workload: Workload, patience: Duration) -> Vec<Box<dyn Contender>> {
    match workload {
        Workload::CatchUp => sync::contenders(),
        Workload::Behind => sync::contenders()
            .into_iter()
            .chain(behind::contenders())
            .collect(),
        Workload::Storm(STORM_DEVICES_MAX..) => Vec::new(),
        Workload::Reconnect(_)
        | Workload::Storm(_)
        | Workload::FirstDownload(_)
        | Workload::Live => hall::contenders(patience),
        Workload::Note(_) => typing::contenders(),
        Workload::ColdOpen => cold::contenders(),
    }
}

/// Does what a peer's process does, if the program was started as one: arguments without the
/// program's name.
pub fn run_as_process(arguments: &[String]) -> Option<ExitCode> {
    let (first, rest) = arguments.split_first()?;
    if first != AS_PEER {
        return None;
    }
    let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
    let done = match rest[..] {
        ["samod", folder, port] => samod::serve(folder.as_ref(), port),
        ["open", library, note, agenda] => cold::open(library, note.as_ref(), agenda.as_ref()),
        _ => Err(format!("no peer does {rest:?}")),
    };
    Some(match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            crate::report(&error);
            ExitCode::FAILURE
        }
    })
}

/// Says in words what another library said.
fn words(error: impl std::fmt::Display) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests;
