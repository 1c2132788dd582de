//! What an office that was restored takes back, request by request.
#![expect(clippy::unwrap_used, reason = "the helpers of the tests are tests too")]

#[path = "support/device.rs"]
mod device;

use device::{NOW, enrolled};
use nghisu_core::{
    ids::Hash,
    sync::{
        healing::Offering,
        wire::{Reply, RequestBody},
    },
    trust::decide::Role,
};
use nghisu_server::{Office, RootKey};
use tempfile::TempDir;

#[test]
fn a_device_of_which_nothing_was_taken_is_not_counted_as_back() {
    let folder = TempDir::new().unwrap();
    let (backups, new) = (folder.path().join("backups"), folder.path().join("new"));
    let root = RootKey::draw().unwrap();
    let office = Office::open_or_create(&folder.path().join("office"), &root).unwrap();
    let mut alice = enrolled(&office, "Alice", Role::Delegate, 1);
    alice.sync(&office, &[]);
    office.backup(&backups, NOW, |_, _| {}).unwrap();
    Office::restore(&backups, &new, NOW, |_, _| {}).unwrap();
    Office::renew_online_key(&new, &root, None, NOW).unwrap();
    let office = Office::open(&new).unwrap();
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
