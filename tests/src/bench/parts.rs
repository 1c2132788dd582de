//! What the bytes of one sync consist of: `bench parts`.
//!
//! Office and device are called in this process, so that requests and replies can be taken apart; HTTP
//! and TLS are in none of the figures. What is packed is counted twice: as it is, and by how much the
//! packed bytes become fewer without it, which is what could be saved at most by not sending it.

use std::{collections::BTreeMap, io::Write};

use flate2::{Compression, write::DeflateEncoder};
use nghisu_core::{
    Language, cbor,
    ids::DocumentId,
    sync::{
        envelope::Envelope,
        wire::{Reply, Request, Segment, Synced},
    },
    trust::decide::Role,
};
use nghisu_server::{Office, RootKey};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    material::{self, Agenda},
    ours::{beside_programs, edit, programme, told},
    table::{columns, number},
};
use crate::local::{Local, NOW};

/// A sync that is taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// Three of 300 programmes have changed.
    CatchUp,
    /// A programme is 183 edits behind.
    Behind,
    /// A programme has changed, and so has a note of the device's own.
    Reconnect,
    /// Nothing is there yet.
    FirstDownload,
}

impl Taken {
    const ALL: [Self; 4] = [
        Self::CatchUp,
        Self::Behind,
        Self::Reconnect,
        Self::FirstDownload,
    ];

    /// Returns the name of the workload.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CatchUp => "catch-up",
            Self::Behind => "behind",
            Self::Reconnect => "reconnect",
            Self::FirstDownload => "first-download",
        }
    }
}

/// A kind of bytes within a sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Part {
    /// How often it is there.
    pub times: usize,
    /// Its bytes as they are.
    pub bytes: usize,
    /// By how much the message is longer for it.
    pub wire: usize,
}

/// Requests, each with its reply.
type Conversation = Vec<(Vec<u8>, Vec<u8>)>;

/// The parts of one sync by name. What is left of each message is its frame.
pub type Parts = BTreeMap<String, Part>;

/// Takes all four apart. `progress` hears what is going on.
///
/// # Errors
/// What went wrong, in words.
pub fn measure(mut progress: impl FnMut(&str)) -> Result<Vec<(Taken, Parts)>, String> {
    let mut all = Vec::new();
    for taken in Taken::ALL {
        progress(&format!("parts · {}", taken.name()));
        all.push((taken, apart(&conversation(taken)?)?));
    }
    Ok(all)
}

struct Place {
    office: Office,
    folder: TempDir,
}

impl Place {
    fn new(agendas: &[Agenda]) -> Result<Self, String> {
        let folder = beside_programs()?;
        let root = RootKey::draw().map_err(told)?;
        let office = Office::open_or_create(&folder.path().join("office"), &root);
        let office = office.map_err(told)?;
        let place = Self { office, folder };
        let named = agendas.iter().enumerate();
        let meetings = named.map(|(n, agenda)| Ok((programme(&id(n), agenda)?, Vec::new())));
        let meetings = meetings.collect::<Result<Vec<_>, String>>()?;
        place.office.import(meetings, NOW).map_err(told)?;
        place.office.publish(None, "", NOW).map_err(told)?;
        Ok(place)
    }

    fn publish(&self, n: usize, agenda: &Agenda) -> Result<(), String> {
        let imported = vec![(programme(&id(n), agenda)?, Vec::new())];
        self.office.import(imported, NOW).map_err(told)?;
        let published = self.office.publish(Some(&id(n)), "", NOW);
        published.map(drop).map_err(told)
    }

    fn device(&self) -> Result<Local, String> {
        let person = self.office.add_person("Đại biểu", Role::Delegate);
        let person = person.map_err(told)?.id;
        Ok(Local::enrol_in(
            self.folder.path(),
            &self.office,
            person,
            [7; 32],
        ))
    }
}

/// The author's id of an agenda.
fn id(number: usize) -> String {
    format!("kh-{number}")
}

/// Returns the requests and replies of the sync.
fn conversation(taken: Taken) -> Result<Conversation, String> {
    let mut agendas = match taken {
        Taken::CatchUp => material::catalogue(),
        Taken::Behind => vec![material::behind().0],
        Taken::Reconnect | Taken::FirstDownload => material::shared(),
    };
    let place = Place::new(&agendas)?;
    let mut device = place.device()?;
    if taken != Taken::FirstDownload {
        device.sync(&place.office).map_err(told)?;
        let note: Option<DocumentId> =
            (taken == Taken::Reconnect).then(|| device.write(&material::note(0)));
        device.sync(&place.office).map_err(told)?;
        let changed = match taken {
            Taken::CatchUp => material::catalogue_edits(&agendas),
            Taken::Behind => vec![(0, material::behind().1)],
            Taken::Reconnect | Taken::FirstDownload => {
                let edits = material::edits(&agendas[0], 1, material::EDITS_WHILE_AWAY);
                vec![(0, edits)]
            }
        };
        for (n, edits) in &changed {
            for one in edits {
                edit(&mut agendas[*n], one);
            }
            place.publish(*n, &agendas[*n])?;
        }
        if let Some(note) = note {
            device.edit(note, &material::note_addition(0));
        }
    }
    device.record();
    device.sync(&place.office).map_err(told)?;
    Ok(device.recorded())
}

fn apart(conversation: &[(Vec<u8>, Vec<u8>)]) -> Result<Parts, String> {
    let mut parts = Parts::new();
    for (request, reply) in conversation {
        of_request(&mut parts, request)?;
        of_reply(&mut parts, reply)?;
    }
    Ok(parts)
}

fn add(parts: &mut Parts, name: impl Into<String>, bytes: usize, wire: usize) {
    let part = parts.entry(name.into()).or_default();
    part.times += 1;
    part.bytes += bytes;
    part.wire += wire;
}

fn of_request(parts: &mut Parts, bytes: &[u8]) -> Result<(), String> {
    let request = Request::decode(bytes).map_err(told)?;
    let head = cbor::encode(&request.head).len();
    let mut left = bytes.len();
    let mut whole = |parts: &mut Parts, name: &str, count: usize| {
        left = left.saturating_sub(count);
        add(parts, format!("request · {name}"), count, count);
    };
    whole(parts, "head", head);
    whole(parts, "signature", SIGNATURE_BYTES);
    for envelope in &request.body.envelopes {
        let envelope = Envelope::decode(envelope).map_err(told)?;
        let kind = format!("{:?}", envelope.header().kind);
        for (name, bytes) in pieces(&envelope) {
            whole(parts, &format!("{kind} · {name}"), bytes.len());
        }
    }
    add(parts, "request · frame", left, left);
    Ok(())
}

/// Bytes of an Ed25519 signature.
const SIGNATURE_BYTES: usize = 64;

/// Returns header, signature and payload.
fn pieces(envelope: &Envelope) -> [(&'static str, Vec<u8>); 3] {
    let header = cbor::encode(envelope.header());
    let payload = envelope.payload().to_vec();
    let encoded = envelope.encode();
    // The signature stands between the two: each is a byte string with its length before it.
    let end = encoded.len() - framed(&payload).len();
    let begin = 1 + framed(&header).len();
    let signature = encoded.get(begin..end).unwrap_or_default().to_vec();
    [
        ("header", header),
        ("signature", signature),
        ("payload", payload),
    ]
}

fn framed(bytes: &[u8]) -> Vec<u8> {
    cbor::encode(&minicbor::bytes::ByteVec::from(bytes.to_vec()))
}

fn of_reply(parts: &mut Parts, bytes: &[u8]) -> Result<(), String> {
    let reply: Reply = cbor::decode(bytes, "reply").map_err(told)?;
    let Reply::Synced(synced) = reply else {
        return Err("the office did not carry the request out".into());
    };
    let mut left = bytes.len();
    for (name, count) in fields(&synced) {
        if count > 0 {
            left = left.saturating_sub(count);
            add(parts, format!("reply · {name}"), count, count);
        }
    }
    for segment in &synced.segments {
        left = left.saturating_sub(segment.packed_bytes());
        of_segment(parts, segment)?;
    }
    add(parts, "reply · frame", left, left);
    Ok(())
}

fn fields(synced: &Synced) -> [(&'static str, usize); 6] {
    let some = |there: bool, count: usize| if there { count } else { 0 };
    [
        (
            "outcomes",
            some(
                !synced.outcomes.is_empty(),
                cbor::encode(&synced.outcomes).len(),
            ),
        ),
        ("cursor", cbor::encode(&synced.cursor).len()),
        ("signed head", cbor::encode(&synced.head).len()),
        ("read token", synced.read_token.len()),
        (
            "own chain",
            some(synced.own.is_some(), cbor::encode(&synced.own).len()),
        ),
        (
            "online key",
            some(synced.online.is_some(), cbor::encode(&synced.online).len()),
        ),
    ]
}

fn of_segment(parts: &mut Parts, segment: &Segment) -> Result<(), String> {
    let mut named: Vec<(String, Vec<u8>)> = Vec::new();
    for entry in segment.unpack().map_err(told)? {
        let envelope = Envelope::decode(&entry.envelope).map_err(told)?;
        let kind = format!("{:?}", envelope.header().kind);
        let numbers = cbor::encode(&(entry.seq, entry.feed_seq, entry.received_at));
        named.push(("entries · numbers".into(), numbers));
        for (name, bytes) in pieces(&envelope) {
            named.push((format!("entries · {kind} · {name}"), bytes));
        }
    }
    let whole = deflated(named.iter().map(|(_, bytes)| bytes.as_slice()))?;
    let mut explained = 0;
    let names: std::collections::BTreeSet<String> =
        named.iter().map(|(name, _)| name.clone()).collect();
    for name in names {
        let of = named.iter().filter(|(one, _)| *one == name);
        let bytes: usize = of.clone().map(|(_, bytes)| bytes.len()).sum();
        let others = named.iter().filter(|(one, _)| *one != name);
        let without = deflated(others.map(|(_, bytes)| bytes.as_slice()))?;
        let times = of.count();
        let part = parts.entry(name).or_default();
        let wire = whole.saturating_sub(without);
        part.times += times;
        part.bytes += bytes;
        part.wire += wire;
        explained += wire;
    }
    // Between its parts, and what two of them have in common.
    let rest = segment.packed_bytes().saturating_sub(explained);
    add(parts, "entries · shared", 0, rest);
    Ok(())
}

fn deflated<'a>(parts: impl Iterator<Item = &'a [u8]>) -> Result<usize, String> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    for part in parts {
        encoder.write_all(part).map_err(told)?;
    }
    encoder.finish().map(|bytes| bytes.len()).map_err(told)
}

/// Returns the parts as tables.
pub fn for_people(all: &[(Taken, Parts)], language: Language) -> String {
    let vi = language == Language::Vietnamese;
    let head = if vi {
        ["số lần", "byte", "trên đường truyền"]
    } else {
        ["times", "bytes", "on the wire"]
    };
    let mut text = String::new();
    for (taken, parts) in all {
        let mut rows = vec![vec![format!("parts · {}", taken.name())]];
        rows[0].extend(head.map(str::to_owned));
        for (name, part) in parts {
            let figures = [part.times, part.bytes, part.wire];
            let mut row = vec![name.clone()];
            row.extend(figures.map(|figure| number(figure as f64)));
            rows.push(row);
        }
        let sum: usize = parts.values().map(|part| part.wire).sum();
        let all = ["=".into(), String::new(), String::new(), number(sum as f64)];
        rows.push(all.to_vec());
        text += &columns(&rows);
        text.push('\n');
    }
    text
}

/// Returns the same for programs.
pub fn for_programs(all: &[(Taken, Parts)]) -> Value {
    let of = |parts: &Parts| -> Vec<Value> {
        let one = |(name, part): (&String, &Part)| json!({"part": name, "times": part.times, "bytes": part.bytes, "wire": part.wire});
        parts.iter().map(one).collect()
    };
    let all: Vec<Value> = all
        .iter()
        .map(|(taken, parts)| json!({"of": taken.name(), "parts": of(parts)}))
        .collect();
    json!({"workload": "parts", "results": all})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_sync_are_all_of_its_bytes() {
        let conversation = conversation(Taken::Reconnect).unwrap();
        let parts = apart(&conversation).unwrap();

        let all: usize = conversation
            .iter()
            .map(|(up, down)| up.len() + down.len())
            .sum();
        assert_eq!(parts.values().map(|part| part.wire).sum::<usize>(), all);
        // An own change, and of others a change and its publication.
        assert_eq!(parts["request · Changes · payload"].times, 1);
        for name in ["Changes", "Publication"] {
            let part = parts[&format!("entries · {name} · signature")];
            assert_eq!(part.times, 1);
            assert_eq!(part.bytes, 2 + SIGNATURE_BYTES);
            // Random bytes do not pack, but for a few that happen to stand elsewhere as well.
            assert!(part.wire >= SIGNATURE_BYTES - 8, "{part:?}");
        }
    }
}
