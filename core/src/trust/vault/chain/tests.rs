use proptest::prelude::*;

use super::*;
use crate::trust::{
    keys::SoftwareKey,
    vault::{codes::RecoveryCode, seal::Place},
};

const LOG: LogId = LogId::from_bytes([1; 16]);
const OWNER: PersonId = PersonId::from_bytes([2; 16]);

struct Device {
    key: SoftwareKey,
    sealing: SealingSecret,
}

impl Device {
    fn new(seed: u8) -> Self {
        Self {
            key: SoftwareKey::from_seed(&[seed; 32]),
            sealing: SealingSecret::from_slice(&[seed; 32]).unwrap(),
        }
    }

    fn id(&self) -> DeviceId {
        self.key.public_key().device()
    }

    fn member(&self) -> Member {
        Member {
            key: self.key.public_key(),
            sealing: self.sealing.public(),
        }
    }

    fn keys(&self, chain: &Chain) -> Result<BTreeMap<u32, EpochKey>> {
        chain.open_as(self.id(), &self.sealing)
    }

    fn newest(&self, chain: &Chain) -> EpochKey {
        self.keys(chain).unwrap().remove(&chain.epoch()).unwrap()
    }
}

fn code(seed: u8) -> RecoverySecrets {
    RecoveryCode::new([seed; 16]).keys(LOG, OWNER).unwrap()
}

fn begun(device: &Device, dice: &mut Dice) -> Chain {
    let genesis = Beginning {
        log: LOG,
        owner: OWNER,
        signer: &device.key,
        sealing: device.sealing.public(),
        recovery: &code(1),
        replaces: None,
    }
    .step(dice)
    .unwrap();
    let record = Record::Step(Box::new(genesis));
    match Record::decode(&record.encode()).unwrap() {
        Record::Step(genesis) => Chain::begin(&genesis).unwrap(),
        Record::Ask(_) => panic!("a step was written"),
    }
}

fn added(chain: &Chain, by: &Device, new: &Device, dice: &mut Dice) -> SignedStep {
    let signer = Signer::Device(&by.key);
    chain
        .add_step(signer, &new.member(), &by.newest(chain), None, dice)
        .unwrap()
}

fn removed(chain: &Chain, by: &Device, gone: &Device, dice: &mut Dice) -> SignedStep {
    let signer = Signer::Device(&by.key);
    chain
        .remove_step(signer, gone.id(), &by.newest(chain), dice)
        .unwrap()
}

#[test]
fn a_removed_device_opens_no_later_epoch_and_those_who_stay_open_all() {
    let mut dice = Dice::new([1; 32]);
    let [a, b, c] = [1, 2, 3].map(Device::new);
    let mut chain = begun(&a, &mut dice);
    chain.follow(&added(&chain, &a, &b, &mut dice)).unwrap();
    chain.follow(&added(&chain, &b, &c, &mut dice)).unwrap();
    let before = chain.clone();
    chain.follow(&removed(&chain, &a, &b, &mut dice)).unwrap();

    assert_eq!(b.keys(&chain).unwrap_err().code(), Code::VaultWaiting);
    let old = b.keys(&before).unwrap();
    assert_eq!(old.keys().copied().collect::<Vec<_>>(), [1]);
    for stays in [&a, &c] {
        let keys = stays.keys(&chain).unwrap();
        assert_eq!(keys.keys().copied().collect::<Vec<_>>(), [1, 2]);
        assert_eq!(keys[&1].as_bytes(), old[&1].as_bytes());
        assert_ne!(keys[&2].as_bytes(), old[&1].as_bytes());
    }
    assert_eq!(chain.open_with(&code(1)).unwrap().len(), 2);
    assert!(
        chain
            .steps()
            .last()
            .unwrap()
            .step()
            .what
            .new_epoch()
            .unwrap()
            .members
            .iter()
            .all(|(device, wrapped)| *device != b.id()
                && wrapped.open(&chain.vault(), 2, &b.sealing).is_err())
    );
}

#[test]
fn a_new_recovery_code_closes_the_old_one_out() {
    let mut dice = Dice::new([1; 32]);
    let a = Device::new(1);
    let mut chain = begun(&a, &mut dice);
    let step = chain
        .recovery_step(&a.key, &code(2), &a.newest(&chain), &mut dice)
        .unwrap();
    chain.follow(&step).unwrap();

    assert_eq!(
        chain.open_with(&code(1)).unwrap_err().code(),
        Code::RecoveryCodeWrong
    );
    assert_eq!(chain.open_with(&code(2)).unwrap().len(), 2);
}

#[test]
fn the_code_alone_adds_a_device_and_does_not_replace_itself() {
    let mut dice = Dice::new([1; 32]);
    let [a, b] = [1, 2].map(Device::new);
    let mut chain = begun(&a, &mut dice);
    let keys = chain.open_with(&code(1)).unwrap();
    let secrets = code(1);
    let signer = Signer::Recovery(&secrets);
    let step = chain
        .add_step(signer, &b.member(), &keys[&1], None, &mut dice)
        .unwrap();
    chain.follow(&step).unwrap();
    assert_eq!(b.newest(&chain).as_bytes(), keys[&1].as_bytes());

    let mut by_code = chain.next_step(
        None,
        2,
        What::Recovery {
            recovery: code(2).public(),
            keys: new_epoch(
                &chain.vault(),
                2,
                chain.members(),
                &code(2).public(),
                Some(&keys[&1]),
                &mut dice,
            )
            .unwrap(),
        },
    );
    by_code.by = None;
    let step = SignedStep::sign(by_code, &secrets.signing, Some(&code(2).signing)).unwrap();
    assert!(chain.follow(&step).is_err());
}

#[test]
fn nobody_but_a_member_or_the_code_changes_the_chain() {
    let mut dice = Dice::new([1; 32]);
    let [a, b, ghost] = [1, 2, 9].map(Device::new);
    let mut chain = begun(&a, &mut dice);
    chain.follow(&added(&chain, &a, &b, &mut dice)).unwrap();
    let stands = chain.clone();
    let key = a.newest(&chain);
    let by_ghost = Signer::Device(&ghost.key);
    let wrong_code = code(7);
    let foreign = [
        chain
            .add_step(by_ghost, &ghost.member(), &key, None, &mut dice)
            .unwrap(),
        chain
            .remove_step(by_ghost, a.id(), &key, &mut dice)
            .unwrap(),
        chain
            .recovery_step(&ghost.key, &code(9), &key, &mut dice)
            .unwrap(),
        chain
            .add_step(
                Signer::Recovery(&wrong_code),
                &ghost.member(),
                &key,
                None,
                &mut dice,
            )
            .unwrap(),
        chain
            .rejoin_step(&ghost.key, &ghost.member(), &key, &mut dice)
            .unwrap(),
    ];
    for step in foreign {
        assert!(chain.follow(&step).is_err());
        // Under a member's name the signature does not hold.
        let mut claimed = step.step.clone();
        claimed.by = Some(a.id());
        assert!(
            chain
                .follow(&SignedStep::sign(claimed, &ghost.key, None).unwrap())
                .is_err()
        );
    }
    assert_eq!(chain, stands);
}

#[test]
fn a_step_holds_at_its_place_alone() {
    let mut dice = Dice::new([1; 32]);
    let [a, b, c] = [1, 2, 3].map(Device::new);
    let mut chain = begun(&a, &mut dice);
    let (one, other) = (
        added(&chain, &a, &b, &mut dice),
        added(&chain, &a, &c, &mut dice),
    );
    chain.follow(&one).unwrap();
    assert!(chain.follow(&one).is_err(), "a step that was played back");
    assert!(
        chain.follow(&other).is_err(),
        "a second step with the same number"
    );
    chain.follow(&removed(&chain, &a, &b, &mut dice)).unwrap();
    assert!(
        chain.follow(&added(&chain, &a, &b, &mut dice)).is_err(),
        "a device that was removed"
    );
    assert!(
        chain.follow(&removed(&chain, &a, &a, &mut dice)).is_err(),
        "the last device"
    );

    let other_vault = begun(&a, &mut Dice::new([2; 32]));
    assert!(
        chain
            .follow(&added(&other_vault, &a, &c, &mut dice))
            .is_err()
    );
    assert!(chain.follow(&other_vault.steps()[0]).is_err());
}

#[test]
fn a_device_goes_on_under_another_key_by_its_own_word_alone() {
    let mut dice = Dice::new([1; 32]);
    let [a, b, again] = [1, 2, 3].map(Device::new);
    let mut chain = begun(&a, &mut dice);
    chain.follow(&added(&chain, &a, &b, &mut dice)).unwrap();
    let key = b.newest(&chain);
    let step = chain
        .rejoin_step(&b.key, &again.member(), &key, &mut dice)
        .unwrap();
    chain.follow(&step).unwrap();
    assert_eq!(again.newest(&chain).as_bytes(), key.as_bytes());
    assert!(chain.left().contains(&b.id()));
    let for_another = chain
        .add_member(
            Signer::Device(&a.key),
            &Device::new(4).member(),
            &key,
            None,
            Some(again.id()),
            &mut dice,
        )
        .unwrap();
    assert!(chain.follow(&for_another).is_err());
}

#[test]
fn a_new_device_trusts_the_step_of_whoever_saw_its_code() {
    let mut dice = Dice::new([1; 32]);
    let [a, b, ghost] = [1, 2, 9].map(Device::new);
    let link = LinkCode::new([5; 16]);
    let mut chain = begun(&a, &mut dice);
    let signer = Signer::Device(&a.key);
    let step = chain
        .add_step(
            signer,
            &b.member(),
            &a.newest(&chain),
            Some(&link),
            &mut dice,
        )
        .unwrap();
    chain.follow(&step).unwrap();
    assert!(chain.is_linked(b.id(), &link));
    assert!(!chain.is_linked(b.id(), &LinkCode::new([6; 16])));

    // The office makes a vault of its own and adds the new device to it.
    let mut served = begun(&ghost, &mut dice);
    let by_ghost = Signer::Device(&ghost.key);
    let mut step = served
        .add_step(
            by_ghost,
            &b.member(),
            &ghost.newest(&served),
            None,
            &mut dice,
        )
        .unwrap();
    step.link = chain.steps()[1].link.clone();
    served.follow(&step).unwrap();
    assert!(b.keys(&served).is_ok());
    assert!(
        !served.is_linked(b.id(), &link),
        "a code taken from another step"
    );
}

#[test]
fn a_key_that_differs_from_what_others_got_is_noticed() {
    let mut dice = Dice::new([1; 32]);
    let [a, b] = [1, 2].map(Device::new);
    let mut chain = begun(&a, &mut dice);
    let wrong = EpochKey::new([0; 32]);
    let step = chain
        .add_step(Signer::Device(&a.key), &b.member(), &wrong, None, &mut dice)
        .unwrap();
    chain.follow(&step).unwrap();
    assert_eq!(b.keys(&chain).unwrap_err().code(), Code::Malformed);
}

#[test]
fn a_vault_that_begins_in_place_of_another_goes_on_counting() {
    let (a, lost, secrets) = (Device::new(1), Hash::from_bytes([4; 32]), code(1));
    let beginning = |replaces| {
        let beginning = Beginning {
            log: LOG,
            owner: OWNER,
            signer: &a.key,
            sealing: a.sealing.public(),
            recovery: &secrets,
            replaces,
        };
        beginning.step(&mut Dice::new([1; 32])).unwrap()
    };
    let chain = Chain::begin(&beginning(Some((lost, 3)))).unwrap();
    assert_eq!((chain.epoch(), chain.replaces()), (4, Some(lost)));
    assert_eq!(a.keys(&chain).unwrap().len(), 1);
    let mut pretends = beginning(None).step;
    pretends.epoch = 4;
    let pretends = SignedStep::sign(pretends, &a.key, Some(&secrets.signing)).unwrap();
    assert!(Chain::begin(&pretends).is_err());
}

/// What happens to a vault in the property below.
#[derive(Debug, Clone)]
enum Event {
    Add { by: usize, new: u8 },
    Remove { by: usize, gone: usize },
    Renew { by: usize, code: u8 },
    AddByCode { new: u8 },
    Write,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        (any::<usize>(), 2..40u8).prop_map(|(by, new)| Event::Add { by, new }),
        (any::<usize>(), any::<usize>()).prop_map(|(by, gone)| Event::Remove { by, gone }),
        (any::<usize>(), 2..40u8).prop_map(|(by, code)| Event::Renew { by, code }),
        (2..40u8).prop_map(|new| Event::AddByCode { new }),
        Just(Event::Write),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever happened, each member and the code in force open everything that was ever sealed,
    /// and whoever left opens nothing that was sealed afterwards.
    #[test]
    fn members_and_the_code_open_all_and_others_open_nothing_later(
        events in proptest::collection::vec(event(), 1..25)
    ) {
        let mut dice = Dice::new([1; 32]);
        let mut devices: BTreeMap<DeviceId, Device> = BTreeMap::new();
        let first = Device::new(1);
        let mut chain = begun(&first, &mut dice);
        devices.insert(first.id(), first);
        let (mut code_now, mut codes_before) = (1, Vec::new());
        let mut sealed: Vec<(u32, Vec<u8>)> = Vec::new();
        let mut left: BTreeMap<DeviceId, usize> = BTreeMap::new();
        let member = |chain: &Chain, at: usize| {
            *chain.members().keys().nth(at % chain.members().len()).unwrap()
        };
        for event in events {
            let step = match event {
                Event::Add { by, new } => {
                    let new = Device::new(new);
                    let step = added(&chain, &devices[&member(&chain, by)], &new, &mut dice);
                    devices.entry(new.id()).or_insert(new);
                    step
                }
                Event::Remove { by, gone } => {
                    let (by, gone) = (member(&chain, by), member(&chain, gone));
                    removed(&chain, &devices[&by], &devices[&gone], &mut dice)
                }
                Event::Renew { by, code: new } => {
                    let by = &devices[&member(&chain, by)];
                    chain.recovery_step(&by.key, &code(new), &by.newest(&chain), &mut dice).unwrap()
                }
                Event::AddByCode { new } => {
                    let (new, secrets) = (Device::new(new), code(code_now));
                    let key = chain.open_with(&secrets).unwrap().remove(&chain.epoch()).unwrap();
                    let step = chain
                        .add_step(Signer::Recovery(&secrets), &new.member(), &key, None, &mut dice)
                        .unwrap();
                    devices.entry(new.id()).or_insert(new);
                    step
                }
                Event::Write => {
                    let by = &devices[&member(&chain, 0)];
                    let place = place(&chain, chain.epoch());
                    let text = [u8::try_from(sealed.len()).unwrap(); 5];
                    sealed.push((chain.epoch(), by.newest(&chain).seal(&place, &[1; 24], &text).unwrap()));
                    continue;
                }
            };
            let before = chain.clone();
            if chain.follow(&step).is_err() {
                prop_assert_eq!(&chain, &before);
                continue;
            }
            if let What::Recovery { recovery, .. } = &step.step.what {
                codes_before.push(code_now);
                code_now = (1..40).find(|seed| code(*seed).public() == *recovery).unwrap();
            }
            for gone in chain.left() {
                left.entry(*gone).or_insert(sealed.len());
            }
        }
        let open = |keys: &BTreeMap<u32, EpochKey>| -> Vec<bool> {
            sealed.iter().map(|(epoch, bytes)| {
                keys.get(epoch).is_some_and(|key| {
                    key.open(&place(&chain, *epoch), &[1; 24], bytes).is_ok()
                })
            }).collect()
        };
        for device in chain.members().keys() {
            prop_assert!(open(&devices[device].keys(&chain).unwrap()).iter().all(|opened| *opened));
        }
        prop_assert!(open(&chain.open_with(&code(code_now)).unwrap()).iter().all(|opened| *opened));
        for device in left.keys() {
            prop_assert!(devices[device].keys(&chain).is_err());
            // Not even by trying every wrapped key that there is.
            let later = chain.epochs().filter(|(epoch, keys)| {
                keys.members.iter().any(|(_, wrapped)| {
                    wrapped.open(&chain.vault(), *epoch, &devices[device].sealing).is_ok()
                })
            }).map(|(epoch, _)| epoch).max().unwrap_or(0);
            let from = left[device];
            prop_assert!(sealed.iter().skip(from).all(|(epoch, _)| *epoch > later));
        }
        for old in codes_before.into_iter().filter(|old| *old != code_now) {
            prop_assert!(chain.open_with(&code(old)).is_err());
        }
    }

    #[test]
    fn no_bytes_make_a_record_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Record::decode(&bytes);
        let mut near = vec![0x85, 0x00];
        near.extend(&bytes);
        let _ = Record::decode(&near);
    }
}

fn place(chain: &Chain, epoch: u32) -> Place {
    Place::new(
        chain.vault(),
        epoch,
        DocumentId::from_bytes([3; 16]),
        crate::ids::Kind::Changes,
    )
}
