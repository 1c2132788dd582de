use super::*;
use crate::{
    time::Timestamp,
    trust::keys::{DeviceSigner, SoftwareKey},
};

const LOG: LogId = LogId::from_bytes([9; 16]);

fn key(seed: u8) -> SoftwareKey {
    SoftwareKey::from_seed(&[seed; 32])
}

fn online(root: u8, seed: u8, issued: u64) -> Signed {
    let statement = OnlineKey {
        log: LOG,
        key: key(seed).public_key(),
        issued_at: Timestamp::from_unix_ms(issued),
        expires_at: Timestamp::from_unix_ms(issued + 10),
        publishes: true,
        withdrawn: Vec::new(),
    };
    Signed::sign(domain::ONLINE_KEY, &statement, &key(root)).unwrap()
}

fn succession(old: u8, new: u8) -> SignedSuccession {
    let statement = Succession {
        old: key(old).public_key(),
        new: key(new).public_key(),
        at: Timestamp::from_unix_ms(5),
    };
    let sign = |by: u8| Signed::sign(domain::SUCCESSION, &statement, &key(by)).unwrap();
    SignedSuccession {
        by_old: sign(old),
        by_new: sign(new),
    }
}

fn pin(root: u8) -> Hash {
    fingerprint(&key(root).public_key())
}

fn pinned(root: u8, newest: &Signed) -> OfficeKeys {
    OfficeKeys::begin(&pin(root), &key(root).public_key(), newest, &[]).unwrap()
}

/// Names an online key in the log, by the hand of the key `by`.
fn name(
    keys: &mut OfficeKeys,
    seq: u64,
    by: u8,
    online: &Signed,
    successions: &[SignedSuccession],
) -> Result<()> {
    let entry = OfficeKeyEntry {
        online: online.clone(),
        successions: successions.to_vec(),
    };
    keys.name(seq, &entry, |named| *named == key(by).public_key())
}

#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T>) {
    assert_eq!(result.unwrap_err().code(), Code::OfficeCertificate);
}

/// Root 1; online keys 11, 12 and 13, one after the other.
fn renewed() -> OfficeKeys {
    let mut keys = pinned(1, &online(1, 11, 100));
    for (seq, seed) in [(1, 11), (20, 12), (30, 13)] {
        let online = online(1, seed, 100 + seq);
        name(&mut keys, seq, seed, &online, &[]).unwrap();
    }
    keys
}

#[test]
fn each_online_key_holds_from_its_own_entry_to_that_of_the_next() {
    let keys = renewed();
    let holds = |seq| keys.at(seq).map(|online| online.key.clone());
    for (seq, seed) in [(1, 11), (19, 11), (20, 12), (29, 12), (30, 13), (999, 13)] {
        assert_eq!(holds(seq), Some(key(seed).public_key()), "seq {seq}");
    }
    assert_eq!(holds(0), None);
    assert_eq!(keys.newest().key, key(13).public_key());
}

#[test]
fn a_device_that_enrolled_after_renewals_takes_the_earlier_keys_from_the_log_alone() {
    let mut keys = pinned(1, &online(1, 13, 130));
    assert_eq!(keys.at(1), None);
    for (seq, seed) in [(1, 11), (20, 12), (30, 13)] {
        let online = online(1, seed, 100 + seq);
        name(&mut keys, seq, seed, &online, &[]).unwrap();
        name(&mut keys, seq, seed, &online, &[]).unwrap();
    }
    assert_eq!(keys.at(25).unwrap().key, key(12).public_key());
    assert_eq!(keys.newest().key, key(13).public_key());
}

#[test]
fn a_key_that_was_replaced_never_comes_back() {
    let mut keys = renewed();
    refused(keys.meet(&online(1, 12, 120), &[]));
    refused(name(&mut keys, 40, 12, &online(1, 12, 120), &[]));
    refused(name(&mut keys, 25, 14, &online(1, 14, 140), &[]));
    keys.read_again();
    refused(keys.meet(&online(1, 12, 120), &[]));
    keys.meet(&online(1, 14, 140), &[]).unwrap();
    assert_eq!(keys.newest().key, key(14).public_key());
}

#[test]
fn an_online_key_counts_by_its_own_hand_for_its_own_log_under_the_pinned_root_alone() {
    let mut keys = pinned(1, &online(1, 11, 100));
    refused(name(&mut keys, 1, 12, &online(1, 11, 100), &[]));
    refused(name(&mut keys, 1, 12, &online(2, 12, 100), &[]));
    refused(keys.meet(&online(2, 12, 200), &[]));
    let mut elsewhere = OfficeKeys {
        log: LogId::from_bytes([8; 16]),
        ..keys.clone()
    };
    refused(name(&mut elsewhere, 1, 11, &online(1, 11, 100), &[]));
    refused(elsewhere.meet(&online(1, 12, 200), &[]));
    assert_eq!(keys, pinned(1, &online(1, 11, 100)));
}

#[test]
fn a_device_that_pinned_the_old_root_follows_to_the_new_one() {
    let mut keys = renewed();
    let line = [succession(1, 2), succession(2, 3)];
    keys.meet(&online(2, 21, 210), &line[..1]).unwrap();
    assert_eq!(*keys.root(), key(2).public_key());
    name(&mut keys, 40, 21, &online(2, 21, 210), &line[..1]).unwrap();
    name(&mut keys, 50, 31, &online(3, 31, 310), &line).unwrap();
    assert_eq!(*keys.root(), key(3).public_key());
    assert_eq!(keys.successions(), line);
    assert_eq!(keys.at(35).unwrap().key, key(13).public_key());
    assert_eq!(keys.at(60).unwrap().key, key(31).public_key());
}

#[test]
fn a_device_that_pinned_the_new_root_takes_what_the_old_one_signed_before() {
    let line = [succession(1, 2), succession(2, 3)];
    let root = key(3).public_key();
    let newest = online(3, 31, 310);
    let mut keys = OfficeKeys::begin(&pin(3), &root, &newest, &line).unwrap();
    name(&mut keys, 1, 11, &online(1, 11, 100), &[]).unwrap();
    name(&mut keys, 9, 31, &newest, &line).unwrap();
    assert_eq!(keys.at(5).unwrap().key, key(11).public_key());
    let mut late = OfficeKeys::begin(&pin(3), &root, &newest, &line).unwrap();
    for (seq, by, signed, known) in [
        (1, 11, online(1, 11, 100), 0),
        (4, 21, online(2, 21, 200), 1),
        (9, 31, newest.clone(), 2),
    ] {
        name(&mut late, seq, by, &signed, &line[..known]).unwrap();
    }
    assert_eq!(late.successions(), line);
    // The old root has no say once the new one has spoken.
    refused(name(&mut keys, 12, 12, &online(1, 12, 900), &[]));
    refused(keys.meet(&online(1, 12, 900), &[]));
    // An invitation of the old days leads to the same office.
    let old = OfficeKeys::begin(&pin(1), &root, &newest, &line).unwrap();
    assert_eq!(old.successions(), line);
}

#[test]
fn a_succession_that_one_root_alone_or_somebody_else_has_signed_is_refused() {
    let good = succession(1, 2);
    let other = succession(1, 7);
    let statement: Succession = good.by_old.unverified().unwrap();
    let by_stranger = Signed::sign(domain::SUCCESSION, &statement, &key(8)).unwrap();
    let by = |by_old: &Signed, by_new: &Signed| SignedSuccession {
        by_old: by_old.clone(),
        by_new: by_new.clone(),
    };
    for forged in [
        by(&good.by_old, &good.by_old),
        by(&good.by_new, &good.by_new),
        by(&by_stranger, &good.by_new),
        by(&good.by_old, &by_stranger),
        by(&good.by_old, &other.by_new),
    ] {
        let mut keys = renewed();
        let before = keys.clone();
        let line = [forged];
        refused(keys.meet(&online(2, 21, 210), &line));
        refused(name(&mut keys, 40, 21, &online(2, 21, 210), &line));
        refused(OfficeKeys::begin(
            &pin(2),
            &key(2).public_key(),
            &online(2, 21, 210),
            &line,
        ));
        assert_eq!(keys, before);
    }
}

#[test]
fn successions_of_another_root_or_with_a_gap_lead_nowhere() {
    let mut keys = renewed();
    refused(keys.meet(&online(4, 41, 210), &[succession(3, 4)]));
    let gap = [succession(1, 2), succession(3, 4)];
    refused(keys.meet(&online(4, 41, 210), &gap));
    keys.meet(&online(2, 21, 210), &[succession(1, 2)]).unwrap();
    // A second heir of the old root comes too late.
    refused(keys.meet(&online(5, 51, 310), &[succession(1, 5)]));
    let many = vec![succession(1, 2); SUCCESSIONS_MAX + 1];
    refused(keys.meet(&online(2, 21, 210), &many));
}

#[test]
fn what_is_known_is_read_back_from_its_bytes() {
    let mut keys = renewed();
    keys.meet(&online(2, 21, 210), &[succession(1, 2)]).unwrap();
    let bytes = crate::cbor::encode(&keys);
    assert_eq!(
        crate::cbor::decode::<OfficeKeys>(&bytes, "keys").unwrap(),
        keys
    );
}

#[test]
fn once_secretaries_publish_no_key_of_the_server_publishes_also_not_one_of_earlier() {
    let (first, root) = (online(1, 2, 10), key(1));
    let mut keys = pinned(1, &first);
    name(&mut keys, 1, 2, &first, &[]).unwrap();
    assert!(keys.server_publishes(3));
    let second = OnlineKey {
        log: LOG,
        key: key(3).public_key(),
        issued_at: Timestamp::from_unix_ms(20),
        expires_at: Timestamp::from_unix_ms(30),
        publishes: false,
        withdrawn: Vec::new(),
    };
    let second = Signed::sign(domain::ONLINE_KEY, &second, &root).unwrap();
    name(&mut keys, 5, 3, &second, &[]).unwrap();
    assert!(!keys.server_publishes(3));
    assert!(!keys.server_publishes(6));
}
