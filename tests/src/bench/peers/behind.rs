//! What an agenda has missed, as one file of Automerge: chunks, chunks deflated, a bundle.

use std::{
    io::{Read, Write},
    time::Instant,
};

use automerge::Automerge;
use flate2::{Compression, read::DeflateDecoder, write::DeflateEncoder};

use super::{agenda, words};
use crate::bench::{Contender, Figures, Metric, Workload, material};

pub(super) fn contenders() -> Vec<Box<dyn Contender>> {
    [Form::Chunks, Form::Deflated, Form::Bundle]
        .into_iter()
        .map(|form| Box::new(form) as Box<dyn Contender>)
        .collect()
}

#[derive(Debug, Clone, Copy)]
enum Form {
    Chunks,
    Deflated,
    Bundle,
}

impl Contender for Form {
    fn name(&self) -> String {
        let form = match self {
            Self::Chunks => "chunks",
            Self::Deflated => "chunks deflated",
            Self::Bundle => "one bundle",
        };
        format!("automerge 0.12.0, {form}")
    }

    fn terms(&self) -> &'static str {
        "in process: the bare file, as if the server knew what is missing; no TLS, no signatures"
    }

    fn run(&mut self, workload: Workload) -> Result<Figures, String> {
        if workload != Workload::Behind {
            return Err("a file has no server".to_owned());
        }
        let (agenda, edits) = material::behind();
        let mut device = agenda::document(&agenda)?;
        let server = agenda::edited(&device, &agenda, &edits)?;
        let had = device.get_heads();

        let begun = Instant::now();
        let file = self.file(&server, &had)?;
        let applies = Instant::now();
        let bytes = self.unpacked(&file)?;
        device.load_incremental(&bytes).map_err(words)?;
        let (wall, apply) = (begun.elapsed(), applies.elapsed());

        if device.get_heads() != server.get_heads() {
            return Err("the file does not bring all".to_owned());
        }
        Ok(Figures::from([
            (Metric::WallMs, wall.as_secs_f64() * 1e3),
            (Metric::Requests, 1.0),
            (Metric::Bytes, file.len() as f64),
            (Metric::DocumentsOpened, 1.0),
            (Metric::ApplyMs, apply.as_secs_f64() * 1e3),
        ]))
    }
}

impl Form {
    fn file(self, server: &Automerge, had: &[automerge::ChangeHash]) -> Result<Vec<u8>, String> {
        let chunks = || -> Vec<u8> {
            let mut changes = server.get_changes(had);
            changes
                .iter_mut()
                .flat_map(|change| change.raw_bytes().to_vec())
                .collect()
        };
        match self {
            Self::Chunks => Ok(chunks()),
            Self::Deflated => {
                let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
                encoder.write_all(&chunks()).map_err(words)?;
                encoder.finish().map_err(words)
            }
            Self::Bundle => {
                let changes = server.get_changes(had);
                let bundle = server.bundle(changes.iter().map(automerge::Change::hash));
                Ok(bundle.map_err(words)?.bytes().to_vec())
            }
        }
    }

    fn unpacked(self, file: &[u8]) -> Result<Vec<u8>, String> {
        match self {
            Self::Chunks | Self::Bundle => Ok(file.to_vec()),
            Self::Deflated => {
                let mut bytes = Vec::new();
                let mut decoder = DeflateDecoder::new(file);
                decoder.read_to_end(&mut bytes).map_err(words)?;
                Ok(bytes)
            }
        }
    }
}
