//! Devices at the office: asked for, compared, confirmed or refused.
#![expect(clippy::unwrap_used, reason = "the helpers of the tests are tests too")]

#[path = "support/device.rs"]
mod device;

use std::collections::BTreeMap;

use device::{Device, NOW, address, another, asked, enrolment, writer};
use nghisu_core::{
    Code, Result, cbor,
    ids::{Kind, domain},
    limits::{DEVICES_PER_PERSON_MAX, ENROLMENT_PENDING_MS},
    sync::envelope::Envelope,
    trust::{
        decide::{DeviceStatus, Role},
        enrol::{
            Certificate, EnrolmentReply, EnrolmentRequest, Invitation, encode_request, six_digits,
        },
        keys::{DeviceSigner, SoftwareKey},
        office::OnlineKey,
        orders::{Addressee, OrderKind, SignedOrder},
    },
};
use nghisu_server::{
    Office, RootKey,
    office::{Confirmation, Person},
};
use tempfile::TempDir;

const LONG: u64 = 60_000;

fn office() -> (TempDir, Office, Person) {
    let folder = TempDir::new().unwrap();
    let office = Office::open_or_create(folder.path(), &RootKey::draw().unwrap()).unwrap();
    let alice = office.add_person("Alice", Role::Delegate).unwrap();
    (folder, office, alice)
}

fn invite(office: &Office, person: &Person) -> Invitation {
    office
        .invite(person.id, address(), Confirmation::Compared, LONG, NOW)
        .unwrap()
}

fn reply(bytes: Result<Vec<u8>>) -> EnrolmentReply {
    cbor::decode(&bytes.unwrap(), "reply").unwrap()
}

fn key(seed: u8) -> SoftwareKey {
    SoftwareKey::from_seed(&[seed; 32])
}

/// A request of the device of `seed` with this sealing key.
fn request(seed: u8, sealing: [u8; 32], invitation: &Invitation) -> (EnrolmentRequest, Vec<u8>) {
    let request = EnrolmentRequest {
        sealing_key: Some(sealing),
        ..asked(&key(seed), invitation)
    };
    let bytes = encode_request(&request, &key(seed)).unwrap();
    (request, bytes)
}

#[test]
fn a_device_waits_until_its_digits_are_confirmed() {
    let (_folder, office, alice) = office();
    let invitation = invite(&office, &alice);
    let (request, bytes) = request(1, [7; 32], &invitation);
    let seq = office.seq().unwrap();

    let first = reply(office.enrol(&bytes, NOW));
    let pending = first.check(&invitation, &request).unwrap_err();

    assert_eq!(pending.code(), Code::EnrolmentPending);
    let listed = office.devices(NOW).unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].status, DeviceStatus::Pending);
    assert_eq!(listed[0].digits.as_deref(), Some(pending.detail()));
    assert_eq!(
        (listed[0].person.clone(), listed[0].name.as_str()),
        (alice, "máy tính bảng")
    );
    assert_eq!(office.seq().unwrap(), seq, "nothing is written before");
    // The same answer, however often and however late it is asked for.
    let later = NOW.plus_ms(LONG + 1);
    let again = reply(office.enrol(&bytes, later));
    assert_eq!(again.certificate, None);

    let found = office.device(pending.detail(), later).unwrap();
    let confirmed = office.confirm_device(found.id, later).unwrap();

    assert_eq!(confirmed.digits.as_deref(), Some(pending.detail()));
    let enrolled = reply(office.enrol(&bytes, later))
        .check(&invitation, &request)
        .unwrap();
    assert_eq!(enrolled.certificate.sealing_key, Some([7; 32]));
    assert_eq!(enrolled.certificate.name, "máy tính bảng");
    let twice = reply(office.enrol(&bytes, later.plus_ms(ENROLMENT_PENDING_MS * 2)));
    let certificate: Certificate = twice.certificate.unwrap().unverified().unwrap();
    assert_eq!(certificate, enrolled.certificate);
    assert_eq!(office.seq().unwrap(), seq + 1, "one certificate");
    let status = office.devices(later).unwrap()[0].status;
    assert_eq!(status, DeviceStatus::Active);
    let gone = office.confirm_device(found.id, later).unwrap_err();
    assert_eq!(gone.code(), Code::DeviceUnknown);
}

#[test]
fn a_device_that_waits_may_do_nothing() {
    let (_folder, office, alice) = office();
    let at_once = office
        .invite(alice.id, address(), Confirmation::AtOnce, LONG, NOW)
        .unwrap();
    let mut like = Device::of(
        9,
        &at_once,
        &office.enrol(&enrolment(9, &at_once), NOW).unwrap(),
    );
    office
        .enrol(&enrolment(1, &invite(&office, &alice)), NOW)
        .unwrap();
    like.key = key(1);

    let error = like.try_sync(&office, &[]).unwrap_err();

    assert_eq!(
        (error.code(), error.detail()),
        (Code::DeviceRefused, "pending")
    );
}

#[test]
fn a_used_code_works_for_its_keys_alone() {
    let (_folder, office, alice) = office();
    for confirmation in [Confirmation::Compared, Confirmation::AtOnce] {
        let invitation = office
            .invite(alice.id, address(), confirmation, LONG, NOW)
            .unwrap();
        let seed = u8::from(confirmation == Confirmation::AtOnce);
        let (_, bytes) = request(seed, [1; 32], &invitation);
        office.enrol(&bytes, NOW).unwrap();
        let code = |bytes: &[u8]| office.enrol(bytes, NOW).unwrap_err().code();

        assert_eq!(
            code(&enrolment(seed + 5, &invitation)),
            Code::InvitationUsed
        );
        let (_, other_sealing) = request(seed, [2; 32], &invitation);
        assert_eq!(code(&other_sealing), Code::InvitationUsed);
        office.enrol(&bytes, NOW).unwrap();
    }
}

#[test]
fn a_refused_device_is_told_so_and_can_be_invited_again() {
    let (_folder, office, alice) = office();
    let invitation = invite(&office, &alice);
    let bytes = enrolment(1, &invitation);
    office.enrol(&bytes, NOW).unwrap();
    let id = key(1).public_key().device();

    office.refuse_device(id, NOW).unwrap();

    let error = office.enrol(&bytes, NOW).unwrap_err();
    assert_eq!(
        (error.code(), error.detail()),
        (Code::DeviceRefused, "refused")
    );
    assert_eq!(office.devices(NOW).unwrap(), []);
    assert_eq!(
        office.confirm_device(id, NOW).unwrap_err().code(),
        Code::DeviceUnknown
    );
    let again = enrolment(1, &invite(&office, &alice));
    office.enrol(&again, NOW).unwrap();
    office.confirm_device(id, NOW).unwrap();
}

#[test]
fn a_device_that_nobody_confirms_in_time_is_dropped_and_counts_no_more() {
    let (_folder, office, alice) = office();
    let mut requests = Vec::new();
    for seed in 1..=u8::try_from(DEVICES_PER_PERSON_MAX).unwrap() {
        let bytes = enrolment(seed, &invite(&office, &alice));
        office.enrol(&bytes, NOW).unwrap();
        requests.push(bytes);
    }
    let one_more = enrolment(9, &invite(&office, &alice));
    assert_eq!(
        office.enrol(&one_more, NOW).unwrap_err().code(),
        Code::TooManyDevices
    );
    let in_time = NOW.plus_ms(ENROLMENT_PENDING_MS);
    assert_eq!(
        office.devices(in_time).unwrap().len(),
        DEVICES_PER_PERSON_MAX
    );

    let late = in_time.plus_ms(1);

    assert_eq!(office.devices(late).unwrap(), []);
    let id = key(1).public_key().device();
    assert_eq!(
        office.confirm_device(id, late).unwrap_err().code(),
        Code::DeviceUnknown
    );
    assert_eq!(
        office.enrol(&requests[0], late).unwrap_err().code(),
        Code::InvitationExpired
    );
    let invitation = office
        .invite(alice.id, address(), Confirmation::Compared, LONG, late)
        .unwrap();
    office.enrol(&enrolment(9, &invitation), late).unwrap();
}

#[test]
fn two_waiting_devices_with_the_same_digits_are_told_apart_by_their_ids() {
    let (_folder, office, alice) = office();
    let (first, second) = (invite(&office, &alice), invite(&office, &alice));
    let sealing = |n: u16| {
        let mut key = [0; 32];
        key[..2].copy_from_slice(&n.to_be_bytes());
        key
    };
    let digits = |seed, n: u16, invitation| {
        let asked = EnrolmentRequest {
            sealing_key: Some(sealing(n)),
            ..asked(&key(seed), invitation)
        };
        six_digits(&asked, &office.root())
    };
    let of_first: BTreeMap<String, u16> = (0..5000).map(|n| (digits(1, n, &first), n)).collect();
    let (same, a, b) = (0..5000)
        .find_map(|n| {
            let digits = digits(2, n, &second);
            of_first.get(&digits).map(|&a| (digits.clone(), a, n))
        })
        .unwrap();
    office
        .enrol(&request(1, sealing(a), &first).1, NOW)
        .unwrap();
    office
        .enrol(&request(2, sealing(b), &second).1, NOW)
        .unwrap();

    assert_eq!(
        office.device(&same, NOW).unwrap_err().code(),
        Code::DeviceAmbiguous
    );

    let id = key(2).public_key().device();
    let found = office.device(&id.to_string(), NOW).unwrap();
    office.confirm_device(found.id, NOW).unwrap();
    let left = office.device(&same, NOW).unwrap();
    assert_eq!(left.id, key(1).public_key().device());
}

#[test]
fn an_invitation_of_somebody_else_does_not_take_a_device_over() {
    let (_folder, office, alice) = office();
    let bob = office.add_person("Bob", Role::Delegate).unwrap();
    let invitation = invite(&office, &bob);
    let request = EnrolmentRequest {
        person: Some(alice.id),
        ..asked(&key(1), &invitation)
    };

    let error = office
        .enrol(&encode_request(&request, &key(1)).unwrap(), NOW)
        .unwrap_err();

    assert_eq!(
        (error.code(), error.detail()),
        (Code::AlreadyEnrolled, "Bob")
    );
    // The invitation was not used up.
    office.enrol(&enrolment(2, &invitation), NOW).unwrap();
}

#[test]
fn a_revocation_by_another_process_ends_what_a_device_may_write_at_its_own_entry() {
    let (folder, office, _) = office();
    let (mut early, mut late) = (0, 0);
    for round in 0..16u8 {
        let person = format!("A{round}");
        let mut alice = writer(&office, &person, Role::Delegate, round + 1);
        let id = alice.key.public_key().device();
        let batches: Vec<Vec<Vec<u8>>> = (0..4)
            .map(|batch| (0..12).map(|n| alice.note(12 * batch + n, "a")).collect())
            .collect();
        let path = folder.path();
        let accepted = std::thread::scope(|scope| {
            scope.spawn(move || {
                let elsewhere = Office::open(path).unwrap();
                std::thread::sleep(std::time::Duration::from_micros(u64::from(round) * 600));
                elsewhere.revoke_device(id, NOW).unwrap();
            });
            batches
                .iter()
                .map_while(|batch| alice.try_sync(&office, batch).ok())
                .count()
        });
        let after = alice.try_sync(&office, &[]).unwrap_err();
        assert_eq!(
            (after.code(), after.detail()),
            (Code::DeviceRefused, "revoked")
        );
        let entries = another(&office, alice.person, 200 + round).read_all(&office);
        let of = |kind: Kind| -> Vec<u64> {
            let decoded = entries.iter().map(|entry| {
                let envelope = Envelope::decode(&entry.envelope).unwrap();
                (entry.seq, envelope.header().kind, envelope.header().device)
            });
            decoded
                .filter(|(_, of, by)| *of == kind && (kind == Kind::Revocation || *by == id))
                .map(|(seq, ..)| seq)
                .collect()
        };
        let (notes, revoked) = (of(Kind::Changes), of(Kind::Revocation));
        // A batch that was accepted whole right before may have found its reply refused.
        let batches = [12 * accepted, 12 * (accepted + 1)];
        assert!(batches.contains(&notes.len()), "round {round}");
        assert_eq!(revoked.len(), 1);
        assert!(notes.iter().all(|seq| *seq < revoked[0]), "round {round}");
        early += u32::from(accepted < 4);
        late += u32::from(accepted > 0);
    }
    office.verify_log().unwrap();
    assert!(
        early > 0 && late > 0,
        "{early} {late}: nothing happened at once"
    );
}

#[test]
fn orders_have_rising_numbers_and_go_out_with_the_refusal() {
    let (_folder, office, alice) = office();
    let invitation = office
        .invite(alice.id, address(), Confirmation::AtOnce, LONG, NOW)
        .unwrap();
    let reply = office.enrol(&enrolment(1, &invitation), NOW).unwrap();
    let mut device = Device::of(1, &invitation, &reply);
    let id = key(1).public_key().device();
    let check = |order: SignedOrder, obeyed| {
        let online: OnlineKey = order
            .online
            .verify(domain::ONLINE_KEY, &office.root())
            .unwrap();
        let to = Addressee {
            log: office.log(),
            device: id,
            obeyed,
        };
        order.check(&online.key, &to).unwrap()
    };
    assert_eq!(office.standing_order(id).unwrap(), None);
    let early = office.release_device(id, NOW).unwrap_err();
    assert_eq!(early.code(), Code::NotAllowed);

    office.lock_device(id, NOW).unwrap();
    let lock = check(office.standing_order(id).unwrap().unwrap(), 0);
    assert_eq!((lock.kind, lock.number), (OrderKind::Lock, 1));
    assert_eq!(
        device.try_sync(&office, &[]).unwrap_err().detail(),
        "locked"
    );
    office.release_device(id, NOW).unwrap();
    assert_eq!(office.standing_order(id).unwrap(), None);
    let released = check(device.sync(&office, &[]).order.unwrap(), lock.number);
    assert_eq!(released.kind, OrderKind::Release);
    office.revoke_device(id, NOW).unwrap();
    office.wipe_device(id, NOW).unwrap();
    let wipe = check(office.standing_order(id).unwrap().unwrap(), 3);
    assert_eq!((wipe.kind, wipe.number), (OrderKind::Wipe, 4));
    let again = office.lock_device(id, NOW).unwrap_err();
    assert_eq!(
        (again.code(), again.detail()),
        (Code::NotAllowed, "revoked")
    );
    let unknown = key(9).public_key().device();
    let error = office.lock_device(unknown, NOW).unwrap_err();
    assert_eq!(error.code(), Code::DeviceUnknown);
    office.verify_log().unwrap();
}
