//! What an office that was restored takes back, request by request.
#![expect(clippy::unwrap_used, reason = "the helpers of the tests are tests too")]

#[path = "support/device.rs"]
mod device;

use device::{NOW, enrolled};
use minicbor::bytes::ByteVec;
use nghisu_core::{
    ids::{Hash, MeetingId, domain},
    meeting::act::ActKind,
    sync::{
        envelope::Chain,
        healing::Offering,
        wire::{LogHead, Reply, RequestBody, SignedHead},
    },
    trust::{decide::Role, enrol::Signed, keys::DeviceSigner, office::OnlineKey},
};
use nghisu_server::{Office, RootKey};
use tempfile::TempDir;

/// Makes an office, lets something happen in it, and returns what is restored from its backup.
fn restored(folder: &TempDir, happens: impl FnOnce(&Office)) -> Office {
    let (backups, new) = (folder.path().join("backups"), folder.path().join("new"));
    let root = RootKey::draw().unwrap();
    let office = Office::open_or_create(&folder.path().join("office"), &root).unwrap();
    happens(&office);
    office.backup(&backups, NOW, |_, _| {}).unwrap();
    Office::restore(&backups, &new, NOW, |_, _| {}).unwrap();
    Office::renew_online_key(&new, &root, None, NOW).unwrap();
    Office::open(&new).unwrap()
}

#[test]
fn a_device_of_which_nothing_was_taken_is_not_counted_as_back() {
    let folder = TempDir::new().unwrap();
    let mut alice = None;
    let office = restored(&folder, |office| {
        let mut device = enrolled(office, "Alice", Role::Delegate, 1);
        device.sync(office, &[]);
        alice = Some(device);
    });
    let mut alice = alice.unwrap();
    alice.cursor = None;
    let mut ask = |anew| {
        let offering = Some(Offering {
            all: true,
            ..Offering::default()
        });
        let request = alice.request(&RequestBody {
            offering,
            anew,
            ..RequestBody::default()
        });
        let reply = Reply::decode(&office.sync(&request, NOW).unwrap()).unwrap();
        assert!(matches!(reply, Reply::Synced(_)), "{reply:?}");
        office.healing().unwrap().unwrap().back
    };

    // A request for another incarnation is answered with that alone; the device offers all again.
    assert_eq!(ask(Some(Hash::of_content(b"behind"))), 0);
    assert_eq!(ask(None), 1);
}

#[test]
fn an_act_that_nothing_shows_to_have_been_there_is_judged_as_any_other_when_it_is_brought_back() {
    let folder = TempDir::new().unwrap();
    let office = restored(&folder, |_| {});
    let mut guest = enrolled(&office, "Khách mời", Role::Guest, 2);
    let meeting = MeetingId::from_bytes([7; 16]);
    let act = guest.act(1, meeting, None, ActKind::QuestionSlip);
    let original = guest.send_act(&act);
    // What is offered is no part of the device's chain.
    guest.chain = Chain::start(guest.key.public_key().device(), guest.chain.incarnation);
    let mut ask = |envelopes: Vec<ByteVec>| {
        let request = guest.request(&RequestBody {
            offering: Some(Offering {
                envelopes,
                all: true,
                ..Offering::default()
            }),
            ..RequestBody::default()
        });
        office.sync(&request, NOW).unwrap();
        office.seq().unwrap()
    };
    let before = ask(Vec::new());

    assert_eq!(ask(vec![original.into()]), before);
}

#[test]
fn a_head_that_the_office_has_not_signed_or_that_stands_in_its_log_begins_no_epoch() {
    let folder = TempDir::new().unwrap();
    let root = RootKey::draw().unwrap();
    let office = Office::open_or_create(&folder.path().join("office"), &root).unwrap();
    let mut alice = enrolled(&office, "Alice", Role::Delegate, 1);
    // An office names its key to whoever knows another one.
    alice.office = alice.key.public_key().device();
    let synced = alice.sync(&office, &[]);
    let (stands, online) = (synced.head, synced.online.unwrap());
    let mut named: OnlineKey = online.unverified().unwrap();
    named.key = alice.key.public_key();
    let own = Signed::sign(domain::ONLINE_KEY, &named, &alice.key).unwrap();
    let mut head: LogHead = stands.unverified().unwrap();
    head.seq += 5;
    head.chain = Hash::of_content(b"another log");
    let other = Signed::sign(domain::HEAD, &head, &alice.key).unwrap();
    alice.cursor = None;

    for (head, online) in [
        (stands, online.clone()),
        (other.clone(), online.clone()),
        (other, own.clone()),
        (own, online),
    ] {
        let head = Some(SignedHead { head, online });
        let request = alice.request(&RequestBody {
            head,
            ..RequestBody::default()
        });
        let reply = Reply::decode(&office.sync(&request, NOW).unwrap()).unwrap();
        let Reply::Synced(synced) = reply else {
            panic!("{reply:?}");
        };
        assert_eq!(synced.resumed, None);
        assert_eq!(office.healing().unwrap(), None);
    }
}

#[test]
fn a_device_that_has_not_read_up_to_the_head_that_it_was_told_shows_an_office_that_it_was_put_back()
{
    let folder = TempDir::new().unwrap();
    let (data, copy) = (folder.path().join("office"), folder.path().join("copy"));
    let office = Office::open_or_create(&data, &RootKey::draw().unwrap()).unwrap();
    let mut alice = enrolled(&office, "Alice", Role::Delegate, 1);
    // An office names its key to whoever knows another one.
    alice.office = alice.key.public_key().device();
    let online = alice.sync(&office, &[]).online.unwrap();
    let read = alice.cursor.clone();
    drop(office);
    for part in ["", "keys", "blobs"] {
        std::fs::create_dir_all(copy.join(part)).unwrap();
        for file in std::fs::read_dir(data.join(part))
            .unwrap()
            .map(Result::unwrap)
        {
            if file.file_type().unwrap().is_file() {
                std::fs::copy(file.path(), copy.join(part).join(file.file_name())).unwrap();
            }
        }
    }
    let office = Office::open(&data).unwrap();
    enrolled(&office, "Bob", Role::Delegate, 2);
    let told = alice.sync(&office, &[]).head;
    drop(office);

    // The folder as it was, put back by hand: the cursor stands before the cut.
    let office = Office::open(&copy).unwrap();
    alice.cursor = read.clone();
    let head = Some(SignedHead { head: told, online });
    let request = alice.request(&RequestBody {
        head,
        ..RequestBody::default()
    });
    let reply = Reply::decode(&office.sync(&request, NOW).unwrap()).unwrap();
    let Reply::Synced(synced) = reply else {
        panic!("{reply:?}");
    };
    let resumed = synced.resumed.expect("an epoch has begun");
    assert_eq!(resumed.from, read.unwrap().seq);
    assert!(office.healing().unwrap().is_some());
}
