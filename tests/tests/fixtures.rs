//! What earlier versions have written is read by this one: databases are brought forward with all
//! that is in them, and recorded conversations are understood.
#![expect(
    clippy::unwrap_used,
    reason = "the helpers below the tests are tests too"
)]

use std::{
    fs,
    path::{Path, PathBuf},
};

use minicbor::bytes::ByteVec;
use nghisu_core::{
    cbor,
    store::Store,
    sync::{
        envelope::Envelope,
        wire::{Reply, Request},
    },
    trust::vault::Dice,
};
use nghisu_server::Office;
use nghisu_tests::{
    canary::copy_folder,
    fixture::{DEVICES, open, shown},
    local,
};
use serde_json::Value;

/// Returns the folders of all fixtures, the oldest first.
fn fixtures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let mut found: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    found.sort();
    assert!(!found.is_empty());
    found
}

fn devices(folder: &Path) -> Vec<Store> {
    let numbered = (1..).zip(DEVICES);
    numbered
        .map(|(number, name)| open(&folder.join(name), number))
        .collect()
}

#[test]
fn what_an_earlier_version_stored_is_shown_as_it_was() {
    for fixture in fixtures() {
        let copy = local::folder();
        copy_folder(&fixture, copy.path());
        let then: Vec<Value> =
            serde_json::from_slice(&fs::read(fixture.join("shown.json")).unwrap()).unwrap();

        let now: Vec<Value> = devices(copy.path()).iter().map(shown).collect();

        assert_eq!(now, then, "{}", fixture.display());
    }
}

#[test]
fn an_office_and_devices_of_an_earlier_version_go_on_where_they_were() {
    for fixture in fixtures() {
        let copy = local::folder();
        copy_folder(&fixture, copy.path());
        let office = Office::open(&copy.path().join("office")).unwrap();
        let entries = office.verify_log().unwrap();
        let mut devices = devices(copy.path());

        let mut dice = Dice::new([9; 32]);
        for _ in 0..2 {
            for device in &mut devices {
                local::sync(device, &mut dice, &office, |_, reply| reply).unwrap();
            }
        }

        let shown: Vec<Value> = devices.iter().map(shown).collect();
        assert_eq!(shown[0], shown[1], "{}", fixture.display());
        assert_eq!(shown[0]["unsent"], 0);
        assert_eq!(shown[0]["notes"].as_array().unwrap().len(), 3);
        assert!(shown[0].to_string().contains("trên máy thứ hai"));
        assert_eq!(shown[0]["acts"][2][2], 3, "its receipt's number");
        assert!(office.verify_log().unwrap() > entries);
    }
}

#[test]
fn every_request_and_reply_of_an_earlier_version_is_understood() {
    for fixture in fixtures() {
        let bytes = fs::read(fixture.join("conversation.cbor")).unwrap();
        let conversation: Vec<(ByteVec, ByteVec)> = cbor::decode(&bytes, "conversation").unwrap();
        assert!(conversation.len() > 40);
        let (mut handed_in, mut served) = (0, 0);
        for (request, reply) in &conversation {
            let request = Request::decode(request).unwrap();
            for envelope in &request.body.envelopes {
                Envelope::decode(envelope).unwrap();
                handed_in += 1;
            }
            let Reply::Synced(synced) = Reply::decode(reply).unwrap() else {
                panic!("a reply of another kind");
            };
            assert_eq!(synced.outcomes.len(), request.body.envelopes.len());
            for segment in &synced.segments {
                for entry in segment.unpack().unwrap() {
                    Envelope::decode(&entry.envelope).unwrap();
                    served += 1;
                }
            }
        }
        assert!(handed_in > 40 && served > 15, "{handed_in}, {served}");
    }
}
