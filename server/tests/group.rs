//! Many requests at one moment: few transactions, few receipts' batches, each request its own outcome.
#![expect(clippy::unwrap_used, reason = "the helpers of the tests are tests too")]

#[path = "support/device.rs"]
mod device;

use std::{collections::BTreeSet, sync::Arc, thread};

use device::{Device, NOW, enrolled, entries_of, numbered};
use nghisu_core::{
    Code, cbor,
    ids::{ActId, Feed, Kind, MeetingId},
    meeting::act::{ActKind, ReceiptBatch},
    sync::{
        envelope::Envelope,
        wire::{Outcome, Reply, RequestBody},
    },
    trust::{decide::Role, keys::DeviceSigner},
};
use nghisu_server::{Office, RootKey};
use tempfile::TempDir;

/// Devices that register at one moment.
const DEVICES: usize = 500;
/// Requests that the office works on at once.
const AT_ONCE: usize = 64;

struct Hall {
    _folder: TempDir,
    office: Arc<Office>,
    meeting: MeetingId,
}

impl Hall {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let root = RootKey::draw().unwrap();
        let office = Office::open_or_create(&folder.path().join("office"), &root).unwrap();
        let file = folder.path().join("m.toml");
        std::fs::write(
            &file,
            "id = 'kh-1'\nkind = 'regular_session'\ntitle = 'Kỳ họp'\n",
        )
        .unwrap();
        office.import_files(&[file], NOW, |_| {}).unwrap();
        let meeting = office.publish(Some("kh-1"), "", NOW).unwrap()[0].meeting;
        Self {
            _folder: folder,
            office: Arc::new(office),
            meeting,
        }
    }

    /// A device for each of so many people.
    fn devices(&self, count: usize) -> Vec<Device> {
        let device = |n| {
            let name = format!("Đại biểu {n}");
            let person = self.office.add_person(&name, Role::Delegate).unwrap();
            numbered(&self.office, person.id, n)
        };
        (0..count).map(device).collect()
    }

    /// Lets all send at once, and returns what each was answered.
    fn send(&self, devices: Vec<(Device, Vec<u8>)>) -> Vec<(Device, Reply)> {
        let mut waiting = devices.into_iter().peekable();
        let mut answered = Vec::new();
        while waiting.peek().is_some() {
            let together: Vec<_> = waiting.by_ref().take(AT_ONCE).collect();
            let threads: Vec<_> = together
                .into_iter()
                .map(|(device, request)| {
                    let office = Arc::clone(&self.office);
                    thread::spawn(move || {
                        let reply = office.sync(&request, NOW).unwrap();
                        (device, Reply::decode(&reply).unwrap())
                    })
                })
                .collect();
            answered.extend(threads.into_iter().map(|thread| thread.join().unwrap()));
        }
        answered
    }
}

#[test]
fn five_hundred_devices_that_register_at_once_get_few_batches_of_receipts() {
    let hall = Hall::new();
    let mut reader = enrolled(&hall.office, "Reader", Role::Delegate, 251);
    let requests = hall
        .devices(DEVICES)
        .into_iter()
        .enumerate()
        .map(|(n, mut device)| {
            let mut act = device.act(0, hall.meeting, None, ActKind::SpeakingRegistration);
            let mut id = [0; 16];
            id[..8].copy_from_slice(&(n as u64 + 1).to_be_bytes());
            act.id = ActId::from_bytes(id);
            let envelope = device.send_act(&act);
            let body = RequestBody {
                envelopes: vec![envelope.into()],
                ..RequestBody::default()
            };
            let request = device.request(&body);
            (device, request)
        })
        .collect();
    reader.read_all(&hall.office);
    let before = hall.office.worked();

    let answered = hall.send(requests);

    let after = hall.office.worked();
    let commits = after.commits - before.commits;
    // Each commit has entries; the head is signed over all of them, not for each request.
    assert_eq!(after.heads - before.heads, commits);
    // Four, and another one for whoever has waited too long on a machine that is busy otherwise.
    assert!(after.readers <= 16, "connections opened: {}", after.readers);
    for (_, reply) in &answered {
        let Reply::Synced(synced) = reply else {
            panic!("not carried out");
        };
        assert!(matches!(synced.outcomes[..], [Outcome::Accepted { .. }]));
    }
    let request = reader.request(&RequestBody::default());
    let reply = hall.office.sync(&request, NOW).unwrap();
    let Reply::Synced(synced) = Reply::decode(&reply).unwrap() else {
        panic!("not carried out");
    };
    let (mut batches, mut numbers) = (0, BTreeSet::new());
    for entry in entries_of(&synced) {
        let envelope = Envelope::decode(&entry.envelope).unwrap();
        assert_eq!(envelope.header().kind, Kind::Receipts);
        assert_eq!(envelope.header().feed, Feed::Receipts(hall.meeting));
        let batch: ReceiptBatch = cbor::decode(envelope.payload(), "receipts").unwrap();
        numbers.extend(batch.receipts.iter().map(|receipt| receipt.number.unwrap()));
        batches += 1;
    }
    println!(
        "{DEVICES} devices register at once: {commits} commits, {batches} batches of receipts, {} bytes to read them",
        reply.len()
    );
    assert!(commits < 100 && batches < 100, "{commits} {batches}");
    assert_eq!(numbers, (1..=DEVICES as u64).collect());
    assert_eq!(
        hall.office.verify_log().unwrap(),
        hall.office.seq().unwrap()
    );
}

#[test]
fn a_request_that_fails_takes_nothing_from_those_that_share_its_transaction() {
    let hall = Hall::new();
    let outsider = |device: &mut Device| {
        let mut act = device.act(
            1,
            MeetingId::from_bytes([9; 16]),
            None,
            ActKind::QuestionSlip,
        );
        act.text = "không có kỳ họp này".into();
        device.send_act(&act)
    };
    let mut requests = Vec::new();
    for (n, mut device) in hall.devices(30).into_iter().enumerate() {
        let mut act = device.act(0, hall.meeting, None, ActKind::SpeakingRegistration);
        act.id = ActId::from_bytes([u8::try_from(n).unwrap() + 1; 16]);
        let good = device.send_act(&act);
        let envelope = if n % 3 == 1 {
            outsider(&mut device)
        } else {
            good
        };
        let body = RequestBody {
            envelopes: vec![envelope.into()],
            ..RequestBody::default()
        };
        requests.push((device.request(&body), n % 3));
        if n % 3 == 2 {
            let id = device.key.public_key().device();
            hall.office.lock_device(id, NOW).unwrap();
        }
    }
    let threads: Vec<_> = requests
        .into_iter()
        .map(|(request, which)| {
            let office = Arc::clone(&hall.office);
            thread::spawn(move || (which, office.sync(&request, NOW)))
        })
        .collect();
    let mut accepted = 0;
    for thread in threads {
        let (which, answer) = thread.join().unwrap();
        match (which, answer.map(|reply| Reply::decode(&reply).unwrap())) {
            (0, Ok(Reply::Synced(synced))) => {
                assert!(matches!(synced.outcomes[..], [Outcome::Accepted { .. }]));
                accepted += 1;
            }
            // The envelope before it in the chain was never sent.
            (1, Ok(Reply::Synced(synced))) => assert_eq!(synced.stopped.unwrap().reason, "chain"),
            (2, Err(error)) => assert_eq!(error.code(), Code::DeviceRefused),
            (which, answer) => panic!("{which}: {answer:?}"),
        }
    }
    assert_eq!(accepted, 10);
    let mut reader = enrolled(&hall.office, "Reader", Role::Delegate, 251);
    let entries = reader.read_all(&hall.office);
    let receipts: usize = entries
        .iter()
        .map(|entry| Envelope::decode(&entry.envelope).unwrap())
        .filter(|envelope| envelope.header().kind == Kind::Receipts)
        .map(|envelope| {
            let batch: ReceiptBatch = cbor::decode(envelope.payload(), "receipts").unwrap();
            batch.receipts.len()
        })
        .sum();
    assert_eq!(receipts, 10);
    hall.office.verify_log().unwrap();
}
