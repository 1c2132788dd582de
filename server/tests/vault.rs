//! What the office takes into somebody's notes: sealed bytes under the newest epoch, and steps that
//! follow the newest one.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

#[path = "support/device.rs"]
mod device;

use device::{Device, another, enrolled, writer};
use nghisu_core::{
    ids::{Feed, Kind},
    sync::wire::Outcome,
    trust::{
        decide::Role,
        keys::{DeviceSigner, SoftwareKey},
        vault::{
            Dice,
            chain::{Beginning, Chain, Member, Record, SignedStep, Signer},
            codes::RecoveryCode,
            seal::SealingSecret,
        },
    },
};
use nghisu_server::{Office, RootKey};
use tempfile::TempDir;

fn office() -> (TempDir, Office) {
    let folder = TempDir::new().unwrap();
    let office =
        Office::open_or_create(&folder.path().join("office"), &RootKey::draw().unwrap()).unwrap();
    (folder, office)
}

/// The chain of a writer of the support module, and the secret of its first device.
fn chain_of(genesis: &[u8]) -> Chain {
    match Record::decode(genesis).unwrap() {
        Record::Step(step) => Chain::begin(&step).unwrap(),
        Record::Ask(_) => panic!("a genesis"),
    }
}

/// A delegate whose device has begun a vault.
fn begun(office: &Office) -> (Device, Chain) {
    let mut alice = enrolled(office, "Alice", Role::Delegate, 1);
    let genesis = alice.begin_vault();
    let payload = nghisu_core::sync::envelope::Envelope::decode(&genesis).unwrap();
    let chain = chain_of(payload.payload());
    let synced = alice.sync(office, &[genesis]);
    assert!(matches!(synced.outcomes[..], [Outcome::Accepted { .. }]));
    (alice, chain)
}

fn step_of(device: &mut Device, step: SignedStep) -> Vec<u8> {
    device.record(&Record::Step(Box::new(step)))
}

fn added(alice: &Device, chain: &Chain, seed: u8) -> SignedStep {
    let member = Member {
        key: SoftwareKey::from_seed(&[seed; 32]).public_key(),
        sealing: SealingSecret::from_slice(&[seed; 32]).unwrap().public(),
    };
    let key = &alice.vault.as_ref().unwrap().1;
    let signer = Signer::Device(&alice.key);
    chain
        .add_step(signer, &member, key, None, &mut Dice::new([seed; 32]))
        .unwrap()
}

fn redo(reason: &str) -> Outcome {
    Outcome::Redo {
        reason: reason.into(),
    }
}

fn refused(reason: &str) -> Outcome {
    Outcome::Refused {
        reason: reason.into(),
    }
}

#[test]
fn a_note_that_is_not_sealed_is_refused() {
    let (_folder, office) = office();
    let mut alice = writer(&office, "Alice", Role::Delegate, 1);
    let notes = Feed::Notes(alice.person);
    let mut note = nghisu_core::document::Document::new([1; 16]);
    note.put_text("text").unwrap();
    let change = note.commit().unwrap();
    let batch = [
        alice.envelope(notes, 1, Kind::Changes, &change),
        alice.envelope(notes, 2, Kind::Snapshot, &change),
        alice.note(3, "a"),
    ];

    let outcomes = alice.sync(&office, &batch).outcomes;

    assert_eq!(outcomes[..2], [refused("unsealed"), refused("unsealed")]);
    assert!(matches!(outcomes[2], Outcome::Accepted { .. }));
}

#[test]
fn a_note_under_another_epoch_than_the_newest_comes_back() {
    let (_folder, office) = office();
    let mut bob = enrolled(&office, "Bob", Role::Delegate, 9);
    let early = bob.sealed(1, 1, b"x");
    assert_eq!(bob.sync(&office, &[early]).outcomes, [redo("epoch")]);

    let (mut alice, mut chain) = begun(&office);
    let add = added(&alice, &chain, 2);
    chain.follow(&add).unwrap();
    let key = alice.vault.clone().unwrap().1;
    let gone = SoftwareKey::from_seed(&[2; 32]).public_key().device();
    let signer = Signer::Device(&alice.key);
    let remove = chain
        .remove_step(signer, gone, &key, &mut Dice::new([5; 32]))
        .unwrap();
    let batch = [
        alice.sealed(1, 1, b"x"),
        step_of(&mut alice, add),
        alice.sealed(2, 1, b"x"),
        step_of(&mut alice, remove),
        alice.sealed(3, 1, b"x"),
        alice.sealed(4, 2, b"x"),
        alice.sealed(5, 3, b"x"),
        alice.sealed(3, 2, b"x"),
    ];

    let outcomes = alice.sync(&office, &batch).outcomes;

    let accepted: Vec<bool> = outcomes
        .iter()
        .map(|outcome| matches!(outcome, Outcome::Accepted { .. }))
        .collect();
    assert_eq!(
        accepted,
        [true, true, true, true, false, true, false, false],
        "{outcomes:?}"
    );
    // The last is under the newest epoch, and follows one of its document that is not.
    assert_eq!(
        [&outcomes[4], &outcomes[6], &outcomes[7]],
        [&redo("epoch"); 3]
    );
}

#[test]
fn of_two_steps_for_one_place_the_second_is_to_be_made_anew() {
    let (_folder, office) = office();
    let (mut alice, chain) = begun(&office);
    let steps = [2, 3].map(|seed| added(&alice, &chain, seed));
    let batch = steps.map(|step| step_of(&mut alice, step));

    let outcomes = alice.sync(&office, &batch).outcomes;

    assert!(matches!(outcomes[0], Outcome::Accepted { .. }));
    assert_eq!(outcomes[1], redo("vault"));
}

#[test]
fn a_step_that_no_member_signed_is_refused_and_holds_nobody_up() {
    let (_folder, office) = office();
    let (mut alice, chain) = begun(&office);
    let mut tablet = another(&office, alice.person, 2);
    let key = alice.vault.clone().unwrap().1;
    let own = Member {
        key: tablet.key.public_key(),
        sealing: [9; 32],
    };
    let forged = chain
        .add_step(
            Signer::Device(&tablet.key),
            &own,
            &key,
            None,
            &mut Dice::new([1; 32]),
        )
        .unwrap();
    let forged = step_of(&mut tablet, forged);
    assert_eq!(tablet.sync(&office, &[forged]).outcomes, [refused("vault")]);

    let add = added(&alice, &chain, 3);
    let add = step_of(&mut alice, add);
    assert!(matches!(
        alice.sync(&office, &[add]).outcomes[..],
        [Outcome::Accepted { .. }]
    ));
}

#[test]
fn a_second_vault_is_taken_in_the_place_of_the_first_alone() {
    let (_folder, office) = office();
    let (alice, chain) = begun(&office);
    let mut tablet = another(&office, alice.person, 2);
    let again = |tablet: &mut Device, replaces| {
        let secret = SealingSecret::from_slice(&[4; 32]).unwrap();
        let code = RecoveryCode::new([4; 16]);
        let beginning = Beginning {
            log: tablet.log,
            owner: tablet.person,
            signer: &tablet.key,
            sealing: secret.public(),
            recovery: &code.keys(tablet.log, tablet.person).unwrap(),
            replaces,
        };
        let step = beginning.step(&mut Dice::new([6; 32])).unwrap();
        let step = step_of(tablet, step);
        tablet.sync(&office, &[step]).outcomes
    };

    assert_eq!(again(&mut tablet, None), [redo("vault")]);
    let other = nghisu_core::ids::Hash::from_bytes([1; 32]);
    assert_eq!(again(&mut tablet, Some((other, 1))), [redo("vault")]);
    let outcomes = again(&mut tablet, Some((chain.vault().hash, 1)));
    assert!(matches!(outcomes[..], [Outcome::Accepted { .. }]));
    let note = tablet.sealed(1, 2, b"x");
    assert!(matches!(
        tablet.sync(&office, &[note]).outcomes[..],
        [Outcome::Accepted { .. }]
    ));
}
