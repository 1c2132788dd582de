//! What the bytes of one sync consist of: `bench parts`.
//!
//! Office and device are called in this process, so that requests and replies can be taken apart; HTTP
//! and TLS are in none of the figures. What is packed is counted twice: as it is, and by how much the
//! packed bytes become fewer without it, which is what could be saved at most by not sending it.

use std::{collections::BTreeMap, io::Write, sync::Barrier, thread};

use flate2::{Compression, write::DeflateEncoder};
use nghisu_core::{
    Language, cbor,
    ids::{ActId, DocumentId, Kind, MeetingId},
    meeting::{
        ItemId,
        act::{Act, ActKind, ReceiptBatch},
    },
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
    /// The same, and everybody has registered to speak.
    Storm,
    /// Nothing is there yet.
    FirstDownload,
}

impl Taken {
    const ALL: [Self; 5] = [
        Self::CatchUp,
        Self::Behind,
        Self::Reconnect,
        Self::Storm,
        Self::FirstDownload,
    ];

    /// Returns the name of the workload.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CatchUp => "catch-up",
            Self::Behind => "behind",
            Self::Reconnect => "reconnect",
            Self::Storm => "storm",
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

/// Devices of a storm.
const STORM_DEVICES: usize = 100;

/// Takes all apart. `progress` hears what is going on.
///
/// # Errors
/// What went wrong, in words.
pub fn measure(mut progress: impl FnMut(&str)) -> Result<Vec<(Taken, Parts)>, String> {
    let mut all = Vec::new();
    for taken in Taken::ALL {
        progress(&format!("parts · {}", taken.name()));
        all.push((taken, apart(&conversation(taken, STORM_DEVICES)?)?));
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

    /// Enrols the device of one more delegate.
    fn device(&self, number: usize) -> Result<Local, String> {
        let name = format!("Đại biểu {number:04}");
        let person = self.office.add_person(&name, Role::Delegate);
        let person = person.map_err(told)?.id;
        let mut seed = [7; 32];
        seed[..8].copy_from_slice(&(number as u64).to_be_bytes());
        Ok(Local::enrol_in(
            self.folder.path(),
            &self.office,
            person,
            seed,
        ))
    }

    fn meeting(&self, n: usize) -> Result<MeetingId, String> {
        let meetings = self.office.meetings().map_err(told)?;
        let meeting = meetings.iter().find(|one| one.external_id == id(n));
        Ok(meeting.ok_or("no such meeting")?.meeting)
    }
}

/// The author's id of an agenda.
fn id(number: usize) -> String {
    format!("kh-{number}")
}

/// Returns the requests and replies of the sync; in a storm of so many devices.
fn conversation(taken: Taken, devices: usize) -> Result<Conversation, String> {
    let mut agendas = match taken {
        Taken::CatchUp => material::catalogue(),
        Taken::Behind => vec![material::behind().0],
        Taken::Reconnect | Taken::Storm | Taken::FirstDownload => material::shared(),
    };
    let place = Place::new(&agendas)?;
    if taken == Taken::Storm {
        return storm(&place, &mut agendas, devices);
    }
    let mut device = place.device(0)?;
    if taken != Taken::FirstDownload {
        device.sync(&place.office).map_err(told)?;
        let note: Option<DocumentId> =
            (taken == Taken::Reconnect).then(|| device.write(&material::note(0)));
        device.sync(&place.office).map_err(told)?;
        let changed = match taken {
            Taken::CatchUp => material::catalogue_edits(&agendas),
            Taken::Behind => vec![(0, material::behind().1)],
            Taken::Reconnect | Taken::Storm | Taken::FirstDownload => {
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

/// Returns what one of so many devices says and hears that all come back with a changed note and a
/// registration, until it has everybody's.
fn storm(place: &Place, agendas: &mut [Agenda], devices: usize) -> Result<Conversation, String> {
    let meeting = place.meeting(0)?;
    let item: ItemId = agendas[0].items[1].id.parse().map_err(told)?;
    let mut away = Vec::new();
    for number in 0..devices {
        let mut device = place.device(number)?;
        device.sync(&place.office).map_err(told)?;
        let note = device.write(&material::note(number));
        device.sync(&place.office).map_err(told)?;
        device.edit(note, &material::note_addition(number));
        register(&mut device, meeting, item.clone())?;
        away.push(device);
    }
    for one in &material::edits(&agendas[0], 1, material::EDITS_WHILE_AWAY) {
        edit(&mut agendas[0], one);
    }
    place.publish(0, &agendas[0])?;

    away[0].record();
    // Those who come at one moment are carried out together: the receipts of a storm are few batches.
    let together = Barrier::new(devices);
    thread::scope(|scope| {
        let come = |device: &mut Local| {
            together.wait();
            device.sync(&place.office).map(drop).map_err(told)
        };
        let coming: Vec<_> = away
            .iter_mut()
            .map(|device| scope.spawn(move || come(device)))
            .collect();
        let mut came = coming.into_iter().map(|one| one.join());
        came.try_for_each(|one| one.map_err(|_| "a device panicked".to_owned())?)
    })?;
    let device = &mut away[0];
    device.sync(&place.office).map_err(told)?;
    match device.store.receipts(meeting).map_err(told)?.len() {
        seen if seen == devices => Ok(device.recorded()),
        seen => Err(format!("{seen} of {devices} registrations are seen")),
    }
}

fn register(device: &mut Local, meeting: MeetingId, item: ItemId) -> Result<(), String> {
    let identity = device.store.identity().map_err(told)?;
    let act = Act {
        id: ActId::from_bytes(device.draw()),
        person: identity.ok_or("a device is nobody's")?.certificate.person,
        meeting,
        item: Some(item),
        kind: ActKind::SpeakingRegistration,
        text: String::new(),
        addressee: None,
        withdraws: None,
        made_at: NOW,
        ruling: None,
    };
    let document = DocumentId::from_bytes(device.draw());
    device.store.put_act(&act, document).map(drop).map_err(told)
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
        for (name, bytes) in pieces(&envelope)? {
            whole(parts, &format!("{kind} · {name}"), bytes.len());
        }
    }
    add(parts, "request · frame", left, left);
    Ok(())
}

/// Bytes of an Ed25519 signature.
const SIGNATURE_BYTES: usize = 64;

/// Returns header, signature and payload; receipts by what they say.
fn pieces(envelope: &Envelope) -> Result<Vec<(&'static str, Vec<u8>)>, String> {
    let header = cbor::encode(envelope.header());
    let payload = envelope.payload().to_vec();
    let encoded = envelope.encode();
    // The signature stands between the two: each is a byte string with its length before it.
    let end = encoded.len() - framed(&payload).len();
    let begin = 1 + framed(&header).len();
    let signature = encoded.get(begin..end).unwrap_or_default().to_vec();
    let mut pieces = vec![("header", header), ("signature", signature)];
    if envelope.header().kind == Kind::Receipts {
        pieces.extend(of_receipts(&payload)?);
    } else {
        pieces.push(("payload", payload));
    }
    Ok(pieces)
}

/// Returns the payload of receipts in pieces: the ids and hashes in it, and what stands between.
fn of_receipts(payload: &[u8]) -> Result<Vec<(&'static str, Vec<u8>)>, String> {
    let batch: ReceiptBatch = cbor::decode(payload, "receipts").map_err(told)?;
    let (mut pieces, mut left) = (Vec::new(), payload);
    for receipt in &batch.receipts {
        for (name, bytes) in [
            ("payload · whose", receipt.person.as_bytes().as_slice()),
            ("payload · act", receipt.act.as_bytes().as_slice()),
            ("payload · hash of the act", receipt.act_hash.as_bytes()),
        ] {
            let at = memchr::memmem::find(left, bytes).ok_or("a receipt in no batch")?;
            let (between, rest) = left.split_at(at);
            let (found, rest) = rest.split_at(bytes.len());
            pieces.push(("payload · else", between.to_vec()));
            pieces.push((name, found.to_vec()));
            left = rest;
        }
    }
    pieces.push(("payload · else", left.to_vec()));
    Ok(pieces)
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
        for (name, bytes) in pieces(&envelope)? {
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
        // One by one they may come to a few bytes more than there are: the last has those less.
        let left = segment.packed_bytes().saturating_sub(explained);
        let wire = whole.saturating_sub(without).min(left);
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
        let conversation = conversation(Taken::Reconnect, 1).unwrap();
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
    #[test]
    fn the_parts_of_a_storm_are_all_of_its_bytes() {
        const DEVICES: usize = 5;
        let conversation = conversation(Taken::Storm, DEVICES).unwrap();
        let parts = apart(&conversation).unwrap();

        let all: usize = conversation
            .iter()
            .map(|(up, down)| up.len() + down.len())
            .sum();
        assert_eq!(parts.values().map(|part| part.wire).sum::<usize>(), all);
        for (name, bytes) in [("whose", 16), ("act", 16), ("hash of the act", 32)] {
            let part = parts[&format!("entries · Receipts · payload · {name}")];
            assert_eq!((part.times, part.bytes), (DEVICES, DEVICES * bytes));
            assert!(
                part.wire + 8 >= part.bytes,
                "{name} does not pack: {part:?}"
            );
        }
        assert_eq!(parts["request · Act · payload"].times, 1);
    }
}
