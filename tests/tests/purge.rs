//! What was withdrawn is in no file of a device's store, in no form.

use std::fs;

use nghisu_core::{
    ids::{ActId, Audience, DocumentId},
    meeting::act::{Act, ActKind},
    trust::decide::Role,
};
use nghisu_server::{Office, RootKey};
use nghisu_tests::{
    local::{Local, NOW, folder},
    scan::Needle,
};

const CANARY: &str = "Nghị quyết mật thất ẤQ7-XW4Z";
/// Publications: enough for a device to fold the document, which deflates its columns.
const PUBLICATIONS: usize = 70;

#[test]
fn a_withdrawn_meeting_is_in_no_file_of_the_store_in_any_form_and_own_work_stays() {
    let home = folder();
    let office =
        Office::open_or_create(&home.path().join("office"), &RootKey::draw().unwrap()).unwrap();
    let person = office.add_person("Đại biểu", Role::Delegate).unwrap().id;
    let paper = format!("{CANARY}\n").repeat(50);
    fs::write(home.path().join("p1.pdf"), &paper).unwrap();
    for number in 0..PUBLICATIONS {
        let text = format!(
            "id = 'm'\nkind = 'regular_session'\ntitle = '{CANARY} {number}'\n[[paper]]\nid = 'p1'\ntitle = '{CANARY}'\nfile = 'p1.pdf'\n"
        );
        let file = home.path().join("m.toml");
        fs::write(&file, text).unwrap();
        office.import_files(&[file], NOW, |_| {}).unwrap();
        office.publish(None, CANARY, NOW).unwrap();
    }
    // Pages of one entry: each change is a row of its own, until the rows are folded.
    let office = office.with_pages_of(1);
    let mut device = Local::enrol(&office, person, [1; 32]);
    device.sync(&office).unwrap();
    let meeting = device.store.meetings().unwrap()[0].id;
    device.store.mark_looked(meeting).unwrap();
    for hash in device.store.missing_files().unwrap().keys() {
        fs::write(device.store.file_path(hash), &paper).unwrap();
        device.store.put_file(hash).unwrap();
    }
    let note = device.write("Ghi chú của tôi");
    let act = Act {
        id: ActId::from_bytes([1; 16]),
        person,
        meeting,
        item: None,
        kind: ActKind::QuestionSlip,
        text: "câu hỏi".into(),
        addressee: None,
        withdraws: None,
        made_at: NOW,
        ruling: None,
    };
    let document = DocumentId::from_bytes([2; 16]);
    device.store.put_act(&act, document).unwrap();
    device.sync(&office).unwrap();
    let needle = Needle::new(&[CANARY]);
    let before = needle.find_in_folder(device.folder());
    assert!(before.plain > 0 && before.deflated > 0, "{before:?}");
    assert_eq!(device.store.receipts(meeting).unwrap().len(), 1);

    let audience = Audience::Meeting(meeting);
    assert!(office.withdraw(person, audience, NOW).unwrap());
    device.sync(&office).unwrap();

    let after = needle.find_in_folder(device.folder());
    assert_eq!(after.total(), 0, "{after:?}");
    assert!(device.store.meetings().unwrap().is_empty());
    assert!(device.store.receipts(meeting).unwrap().is_empty());
    assert_eq!(device.store.note(note).unwrap().text, "Ghi chú của tôi");
    assert_eq!(device.store.acts(None).unwrap()[0].act, act);
    let papers = fs::read_dir(device.folder().join("papers")).unwrap();
    assert_eq!(papers.count(), 0);

    assert!(office.grant(person, audience, NOW).unwrap());
    while device.store.is_unfinished().unwrap() || device.store.meetings().unwrap().is_empty() {
        device.sync(&office).unwrap();
    }
    let again = device.store.programme(meeting).unwrap();
    assert_eq!(again.number, PUBLICATIONS as u64);
    assert!(needle.find_in_folder(device.folder()).total() > 0);
}
