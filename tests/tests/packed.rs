//! What a note that is typed costs on the way to the office.
#![expect(clippy::unwrap_used, reason = "the helpers of the tests are tests too")]

use nghisu_core::{
    ids::DocumentId,
    store::{SealingCost, Splice},
};
use nghisu_server::{Office, RootKey};
use nghisu_tests::local::{Local, NOW, folder};

/// Types at the end of a note, a keystroke an edit.
fn keystrokes(device: &mut Local, note: DocumentId, count: usize) {
    let text = "Kiến nghị của cử tri về đường liên xã và trường học. ";
    let mut position = device.store.note(note).unwrap().text.encode_utf16().count();
    for letter in text.chars().cycle().take(count) {
        let splice = Splice {
            position,
            delete: 0,
            insert: letter.to_string(),
        };
        position += letter.len_utf16();
        device.store.edit_note(note, &[splice], NOW).unwrap();
    }
}

#[test]
fn two_hundred_keystrokes_travel_in_few_bytes_and_are_read_by_every_device() {
    let folder = folder();
    let root = RootKey::draw().unwrap();
    let office = Office::open_or_create(&folder.path().join("office"), &root).unwrap();
    let person = office
        .add_person("Đại biểu", nghisu_core::trust::decide::Role::Delegate)
        .unwrap();
    let mut phone = Local::enrol(&office, person.id, [1; 32]);
    phone.sync(&office).unwrap();
    let mut tablet = Local::enrol(&office, person.id, [2; 32]);
    phone.let_in(&office, &mut tablet).unwrap();
    let note = phone.write("Ghi chú: ");
    phone.sync(&office).unwrap();
    let before = phone.store.sealing_cost(0).unwrap().newest;

    keystrokes(&mut phone, note, 200);
    let report = phone.sync(&office).unwrap();

    let SealingCost {
        envelopes,
        up,
        up_unsealed,
        ..
    } = phone.store.sealing_cost(before).unwrap();
    println!(
        "200 keystrokes, offline: {envelopes} envelope of {up} bytes; as change chunks {up_unsealed}"
    );
    assert_eq!((report.requests, report.accepted, envelopes), (1, 1, 1));
    assert!(up * 8 < up_unsealed, "{up} of {up_unsealed}");
    tablet.sync(&office).unwrap();
    let text = phone.store.note(note).unwrap().text;
    assert_eq!(text.encode_utf16().count(), 209);
    assert_eq!(tablet.store.note(note).unwrap().text, text);
}
