//! Phones that are copied, and phones that are put back from an older copy: no word is lost, none is
//! there twice, and two copies of one key do not go on.
#![expect(clippy::unwrap_used, reason = "the helpers of the tests are tests too")]

use std::{fs, path::Path};

use nghisu_core::{
    Code,
    ids::{ActId, DocumentId, Hash, MeetingId, PersonId},
    store::{ActState, AlertKind, Durability},
    trust::decide::{DeviceStatus, Role},
};
use nghisu_server::{Office, RootKey};
use nghisu_tests::{
    copies::{Moment, Phone, publish},
    link::Link,
    local::{NOW, folder},
    process::{self, Device},
};
use serde_json::Value;
use tempfile::TempDir;

/// An office, a phone and a tablet of one delegate, both in his vault.
struct Setting {
    office: Office,
    person: PersonId,
    meeting: MeetingId,
    phone: Phone,
    tablet: Phone,
    _folder: TempDir,
}

fn setting() -> Setting {
    let folder = folder();
    let office =
        Office::open_or_create(&folder.path().join("office"), &RootKey::draw().unwrap()).unwrap();
    let person = office.add_person("Đại biểu 03", Role::Delegate).unwrap().id;
    let meeting = publish(&office);
    let mut tablet = Phone::enrol(&office, person, [1; 32]);
    tablet.sync(&office).unwrap();
    let mut phone = Phone::enrol(&office, person, [2; 32]);
    tablet.let_in(&office, &mut phone).unwrap();
    Setting {
        office,
        person,
        meeting,
        phone,
        tablet,
        _folder: folder,
    }
}

impl Setting {
    /// Texts of the acts that the office has, in its order.
    fn acts(&self) -> Vec<String> {
        let export = self.office.export(&[self.person], None).unwrap();
        let acts = export[0]["acts"].as_array().unwrap();
        let text = |act: &Value| act["text"].as_str().unwrap().to_owned();
        acts.iter().map(text).collect()
    }

    fn receipts(&self) -> usize {
        let export = self.office.export(&[self.person], None).unwrap();
        export[0]["receipts"].as_array().unwrap().len()
    }
}

fn once(text: &str, words: &[&str]) {
    for word in words {
        assert_eq!(text.matches(word).count(), 1, "{word} in {text:?}");
    }
}

fn alerts(phone: &mut Phone) -> Vec<AlertKind> {
    let alerts = phone.store().alerts().unwrap();
    alerts.iter().map(|alert| alert.kind).collect()
}

/// Syncs all until nothing moves any more.
fn quiet(office: &Office, phones: &mut [&mut Phone]) {
    for _ in 0..3 {
        for phone in phones.iter_mut() {
            phone.sync(office).unwrap();
        }
    }
    for phone in phones.iter_mut() {
        assert_eq!(phone.store().unsent().unwrap(), 0);
        assert!(phone.store().not_sent().unwrap().is_empty());
        let status = phone.store().vault_status().unwrap();
        assert_eq!((status.missing, status.unreadable), (0, 0));
    }
    let texts = |phone: &mut Phone| -> Vec<(DocumentId, String)> {
        let notes = phone.notes().into_iter();
        notes.map(|note| (note.id, note.text)).collect()
    };
    let (first, others) = phones.split_first_mut().unwrap();
    let shown = texts(first);
    for phone in others {
        assert_eq!(texts(phone), shown);
    }
}

#[test]
fn two_copies_of_a_phone_lose_no_word_and_write_none_twice() {
    let mut all = setting();
    let Setting {
        office,
        phone,
        tablet,
        meeting,
        ..
    } = &mut all;
    let note = phone.write("gốc");
    let gone = phone.write("sẽ xóa");
    phone.sync(office).unwrap();
    phone.append(note, " chung");
    phone.ask(*meeting, "câu chung");
    let mut copy = phone.copy([3; 32]);
    phone.append(note, " một");
    copy.append(note, " hai");
    phone.ask(*meeting, "câu một");
    copy.ask(*meeting, "câu hai");
    let of_copy = copy.write("riêng của bản sao");
    copy.store().delete_note(gone, NOW).unwrap();

    // The first to come goes on as it was, the second in an incarnation of its own.
    phone.sync(office).unwrap();
    copy.sync(office).unwrap();
    tablet.sync(office).unwrap();
    for shown in [copy.text(note), tablet.text(note)] {
        once(&shown, &["gốc", "chung", "một", "hai"]);
    }
    assert_eq!(tablet.text(of_copy), "riêng của bản sao");
    assert!(tablet.notes().iter().all(|note| note.id != gone));
    assert_eq!(alerts(tablet), [AlertKind::DeviceForked]);
    assert_eq!(alerts(&mut copy), [AlertKind::DeviceForked]);

    // The closed one speaks: there are two, and neither goes on.
    phone.append(note, " nữa");
    phone.ask(*meeting, "câu nữa");
    let refused = phone.sync(office).unwrap_err();
    assert_eq!(refused.code(), Code::DeviceRefused);
    copy.append(note, " cuối");
    assert_eq!(copy.sync(office).unwrap_err().code(), Code::DeviceRefused);
    assert!(phone.is_locked() && copy.is_locked());
    let device = phone.id();
    let listed = office.devices(NOW).unwrap();
    let listed = listed.iter().find(|it| it.id == device).unwrap();
    assert_eq!(listed.status, DeviceStatus::Locked);
    assert_eq!((listed.incarnation, listed.copied), (2, true));
    tablet.sync(office).unwrap();
    assert_eq!(
        alerts(tablet),
        [AlertKind::DeviceForked, AlertKind::DeviceCopied]
    );

    // Both enrol anew, and hand in what they had not.
    phone.enrol_anew(office);
    copy.enrol_anew(office);
    tablet.let_in(office, phone).unwrap();
    tablet.let_in(office, &mut copy).unwrap();
    quiet(office, &mut [tablet, phone, &mut copy]);
    once(
        &tablet.text(note),
        &["gốc", "chung", "một", "hai", "nữa", "cuối"],
    );
    let mut acts = all.acts();
    acts.sort();
    acts.dedup();
    assert_eq!(acts, ["câu chung", "câu hai", "câu một", "câu nữa"]);
    assert_eq!(all.receipts(), 4);
    all.office.verify_log().unwrap();
}

#[test]
fn a_phone_put_back_without_unsent_words_goes_on_in_its_own_chain() {
    let Setting {
        office,
        mut phone,
        mut tablet,
        _folder,
        ..
    } = setting();
    let note = phone.write("gốc");
    phone.sync(&office).unwrap();
    let mut backup = phone.copy([3; 32]);
    phone.append(note, " sau đó");
    phone.sync(&office).unwrap();
    phone.put_back(&mut backup);
    assert_eq!(phone.text(note), "gốc");

    phone.sync(&office).unwrap();
    assert_eq!(phone.text(note), "gốc sau đó");
    phone.append(note, " và tiếp");
    quiet(&office, &mut [&mut phone, &mut tablet]);

    assert_eq!(tablet.text(note), "gốc sau đó và tiếp");
    let id = phone.id();
    let listed = office.devices(NOW).unwrap();
    let listed = listed.iter().find(|it| it.id == id).unwrap();
    assert_eq!((listed.incarnation, listed.copied), (1, false));
    assert!(alerts(&mut tablet).is_empty());
}

#[test]
fn a_phone_put_back_with_unsent_words_has_them_once() {
    let mut all = setting();
    let Setting {
        office,
        phone,
        tablet,
        meeting,
        ..
    } = &mut all;
    let note = phone.write("gốc");
    phone.sync(office).unwrap();
    // Unsent in the copy, and sent by the phone later: it must not come back as another word.
    phone.append(note, " trước");
    phone.ask(*meeting, "câu trước");
    let mut backup = phone.copy([3; 32]);
    phone.sync(office).unwrap();
    phone.append(note, " giữa");
    phone.sync(office).unwrap();
    phone.put_back(&mut backup);
    phone.append(note, " sau");
    phone.ask(*meeting, "câu sau");

    phone.sync(office).unwrap();
    quiet(office, &mut [phone, tablet]);

    once(&tablet.text(note), &["gốc", "trước", "giữa", "sau"]);
    assert_eq!(alerts(tablet), [AlertKind::DeviceForked]);
    assert_eq!(all.receipts(), 2);
    let mut acts = all.acts();
    acts.dedup();
    assert_eq!(acts, ["câu trước", "câu sau"]);
}

#[test]
fn a_phone_put_back_sends_its_words_also_where_others_stay_sealed_in_a_vault_that_was_lost() {
    let Setting {
        office,
        mut phone,
        mut tablet,
        _folder,
        ..
    } = setting();
    let note = phone.write("gốc");
    quiet(&office, &mut [&mut phone, &mut tablet]);
    let mut backup = phone.copy([3; 32]);
    phone.append(note, " một");
    phone.sync(&office).unwrap();
    tablet.sync(&office).unwrap();
    tablet.store().remove_device(phone.id()).unwrap();
    tablet.sync(&office).unwrap();
    tablet.append(note, " kín");
    tablet.sync(&office).unwrap();
    phone.put_back(&mut backup);
    phone.append(note, " hai");
    phone.sync(&office).unwrap();

    // The tablet is lost, and the paper with the code: what it wrote last stays sealed for good.
    phone.store().start_over([4; 16]).unwrap();
    for _ in 0..3 {
        phone.sync(&office).unwrap();
    }

    let text = phone.text(note);
    once(&text, &["gốc", "một", "hai"]);
    assert!(!text.contains("kín"), "{text:?}");
    assert_eq!(phone.store().unsent().unwrap(), 0);
    let level = phone.store().durability(note).unwrap();
    assert_eq!(level, Durability::AtOffice);
}

#[test]
fn a_grant_whose_reply_was_lost_is_given_again() {
    for kept in [Moment::Replied, Moment::Save, Moment::Saved] {
        let Setting {
            office,
            mut phone,
            mut tablet,
            _folder,
            ..
        } = setting();
        let note = phone.write("gốc");
        phone.sync(&office).unwrap();
        let mut copy = phone.copy([3; 32]);
        phone.append(note, " một");
        phone.sync(&office).unwrap();
        copy.append(note, " hai");
        // Every sync is cut at this moment, once each, until one goes through.
        let mut cuts = 0;
        for at in 0..20 {
            let mut seen = 0;
            let ended = copy.sync_cut(&office, |moment| {
                seen += usize::from(moment == kept);
                moment == kept && seen == at + 1
            });
            match ended {
                Ok(_) => break,
                Err(error) => assert_eq!(error.code(), Code::OfficeUnreachable, "{error}"),
            }
            cuts += 1;
        }
        assert!(cuts >= 2, "{kept:?}: {cuts} cuts");
        quiet(&office, &mut [&mut copy, &mut tablet]);
        once(&tablet.text(note), &["gốc", "một", "hai"]);
        let id = copy.id();
        let listed = office.devices(NOW).unwrap();
        let listed = listed.iter().find(|it| it.id == id).unwrap();
        assert_eq!((listed.incarnation, listed.copied), (2, false), "{kept:?}");
    }
}

#[test]
fn copies_that_take_turns_and_never_write_at_once_go_on_as_one() {
    let Setting {
        office,
        mut phone,
        mut tablet,
        _folder,
        ..
    } = setting();
    let note = phone.write("0");
    phone.sync(&office).unwrap();
    let mut copy = phone.copy([3; 32]);
    let mut words = Vec::new();
    for turn in 0..4 {
        let word = format!(" lượt{turn}");
        let one = if turn % 2 == 0 { &mut phone } else { &mut copy };
        one.sync(&office).unwrap();
        one.append(note, &word);
        one.sync(&office).unwrap();
        words.push(word);
    }

    quiet(&office, &mut [&mut phone, &mut copy, &mut tablet]);

    assert_eq!(tablet.text(note), format!("0{}", words.concat()));
    assert!(alerts(&mut tablet).is_empty());
}

#[test]
fn an_act_keeps_its_answer_when_its_phone_is_put_back() {
    let Setting {
        office,
        mut phone,
        meeting,
        _folder,
        ..
    } = setting();
    phone.sync(&office).unwrap();
    let act: ActId = phone.ask(meeting, "câu hỏi");
    let mut backup = phone.copy([3; 32]);
    phone.sync(&office).unwrap();
    let first = phone.store().acts(None).unwrap();
    phone.put_back(&mut backup);
    phone.sync(&office).unwrap();

    let again = phone.store().acts(None).unwrap();
    assert_eq!(again.len(), 1);
    assert_eq!(again[0].act.id, act);
    assert!(matches!(again[0].state, ActState::Accepted { .. }));
    assert_eq!(again[0].receipt, first[0].receipt);
    assert!(again[0].receipt.is_some());
}

/// A text that stays too long for the office of these tests, however it is packed.
fn too_long() -> String {
    let words = (0u32..300).map(|n| Hash::of_content(&n.to_be_bytes()).to_string());
    words.collect::<Vec<_>>().join(" ") + " "
}

/// Cuts a sync right before its first request: what was to be sent is an envelope from then on.
fn seal_up(phone: &mut Phone, office: &Office) {
    let ended = phone.sync_cut(office, |moment| moment == Moment::Send);
    assert_eq!(ended.unwrap_err().code(), Code::OfficeUnreachable);
}

#[test]
fn a_refused_change_lies_in_the_tray_and_what_was_written_behind_it_arrives() {
    let mut all = setting();
    all.office = all.office.with_notes_of(4 << 10);
    let Setting {
        office,
        phone,
        tablet,
        meeting,
        ..
    } = &mut all;
    let note = phone.write("gốc");
    let other = phone.write("khác");
    phone.sync(office).unwrap();
    let long = too_long();
    phone.insert(note, 0, &long);
    seal_up(phone, office);
    phone.append(note, " sau");
    phone.append(other, " cũng vậy");
    phone.ask(*meeting, "câu hỏi");
    seal_up(phone, office);
    phone.append(note, " cùng");

    let report = phone.sync(office).unwrap();
    tablet.sync(office).unwrap();

    // The large one, and both behind it, which were signed before the answer came.
    assert_eq!(report.refused, 3);
    assert_eq!(phone.text(note), "gốc sau cùng");
    assert_eq!(tablet.text(note), "gốc sau cùng");
    assert_eq!(tablet.text(other), "khác cũng vậy");
    let tray = phone.store().not_sent().unwrap();
    assert_eq!(tray.len(), 1);
    assert_eq!(tray[0].document, note);
    assert_eq!(tray[0].reason, "too_large");
    assert_eq!(tray[0].text, long.trim());
    assert_eq!(phone.store().unsent().unwrap(), 0);
    // What is written from here on goes its way, also through a restart.
    phone.append(note, " nữa");
    phone.restart();
    phone.append(note, " rồi");
    phone.sync(office).unwrap();
    tablet.sync(office).unwrap();
    tablet.append(note, " đây");
    tablet.sync(office).unwrap();
    phone.sync(office).unwrap();
    assert_eq!(tablet.text(note), "gốc sau cùng nữa rồi đây");
    assert_eq!(phone.text(note), tablet.text(note));
    assert_eq!(all.acts(), ["câu hỏi"]);
    all.office.verify_log().unwrap();
}

#[test]
fn a_new_note_that_is_refused_lies_in_the_tray_and_can_be_written_again() {
    let mut all = setting();
    all.office = all.office.with_notes_of(4 << 10);
    let Setting {
        office,
        phone,
        tablet,
        ..
    } = &mut all;
    let long = too_long();
    let note = phone.write(&long);

    let report = phone.sync(office).unwrap();
    assert_eq!(report.refused, 1);
    assert_eq!(phone.store().not_sent().unwrap()[0].text, long.trim());
    assert_eq!(phone.text(note), "");
    phone.append(note, "ngắn");
    phone.sync(office).unwrap();
    tablet.sync(office).unwrap();

    assert_eq!(tablet.text(note), "ngắn");
    assert_eq!(tablet.store().vault_status().unwrap().missing, 0);
    assert_eq!(phone.store().not_sent().unwrap().len(), 1);
}

#[test]
fn a_refusal_that_is_never_taken_back_ends_in_the_tray_and_stops_nothing() {
    let mut all = setting();
    let Setting {
        office,
        phone,
        tablet,
        meeting,
        ..
    } = &mut all;
    let note = phone.write("gốc");
    phone.sync(office).unwrap();
    // An office that takes no notes at all any more.
    *office = Office::open(office.folder()).unwrap().with_notes_of(0);
    phone.append(note, " sau");
    let new = phone.write("mới");
    phone.ask(*meeting, "câu hỏi");
    for _ in 0..4 {
        phone.sync(office).unwrap();
    }
    tablet.sync(office).unwrap();

    assert_eq!(phone.text(note), "gốc");
    assert_eq!(phone.store().unsent().unwrap(), 0);
    let tray = phone.store().not_sent().unwrap();
    let mut texts: Vec<&str> = tray.iter().map(|refused| refused.text.as_str()).collect();
    texts.sort_unstable();
    assert_eq!(texts, ["mới", "sau"]);
    assert!(phone.notes().iter().all(|note| note.id != new));
    assert_eq!(all.acts(), ["câu hỏi"]);
}

/// The same as programs over HTTPS, with replies that break off and kills in between.
#[test]
fn copied_and_restored_phones_lose_nothing_over_a_network_that_breaks() {
    const DELEGATE: &str = "Đại biểu 03";
    let server = process::Office::start(true);
    let programme = "id = 'kh-1'\nkind = 'regular_session'\ntitle = 'Kỳ họp'\n";
    server.publish("kh-1.toml", programme.as_bytes());
    let cable = Link::to(server.address());
    let tablet = Device::enrol(&server, DELEGATE);
    let phone = tablet.another_at(&server, DELEGATE, &cable.address());
    let meeting = phone.must(&["show"])[0]["id"].as_str().unwrap().to_owned();
    let note = phone.must(&["note", "create", "gốc"])["id"].clone();
    let note = note.as_str().unwrap();
    let write = |device: &Device, text: &str| device.must(&["note", "edit", note, text]);
    let text = |device: &Device| {
        let notes = device.must(&["note", "list"]);
        let notes = notes.as_array().unwrap();
        let found = notes.iter().find(|it| it["id"] == note).unwrap();
        found["text"].as_str().unwrap().to_owned()
    };
    phone.must(&["sync"]);
    write(&phone, "trước ");
    phone.must(&["act", "ask", &meeting, "câu trước"]);

    // The folder is copied while something is unsent; both go on.
    let place = folder();
    let (copied, backup) = (place.path().join("copy"), place.path().join("backup"));
    for to in [&copied, &backup] {
        copy_folder(phone.folder(), to);
    }
    let copy = Device::at(&copied);
    write(&phone, "một ");
    write(&copy, "hai ");
    copy.must(&["act", "ask", &meeting, "câu hai"]);
    phone.must(&["sync"]);
    for at in [0, 500, 2_000, 3_000, 4_000, 5_000] {
        cable.break_after(at);
        copy.run(&["sync"]);
        let mut child = copy.start(&["sync"]);
        std::thread::sleep(std::time::Duration::from_millis(5 + at as u64 / 50));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    cable.break_after(usize::MAX);
    copy.must(&["sync"]);
    copy.must(&["sync"]);
    tablet.must(&["sync"]);
    once(&text(&tablet), &["gốc", "trước", "một", "hai"]);
    assert_eq!(text(&copy), text(&tablet));
    assert_eq!(tablet.must(&["alerts"])[0]["kind"], "device_forked");

    // The closed incarnation speaks again.
    write(&phone, "sau ");
    assert_eq!(phone.error(&["sync"]), "locked");
    assert_eq!(copy.error(&["sync"]), "locked");
    let listed = server.must(&["device", "list", "--json"]);
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let of = |listed: &Value, status: &str| {
        let all = listed.as_array().unwrap().iter();
        all.filter(|it| it["status"] == status).count()
    };
    assert_eq!((of(&listed, "locked"), of(&listed, "active")), (1, 1));
    let locked = listed.as_array().unwrap().iter();
    let locked = locked.clone().find(|it| it["status"] == "locked").unwrap();
    assert_eq!(
        (&locked["incarnation"], &locked["copied"]),
        (&2.into(), &true.into())
    );
    let told = server.must(&["device", "list"]);
    assert!(told.contains("two copies"), "{told}");
    for device in [&phone, &copy] {
        device.must(&["enrol", &server.invite(DELEGATE, &cable.address())]);
    }
    phone.must(&["sync"]);
    tablet.let_in(&copy);

    // And a phone comes back from the backup that was made before all that.
    fs::remove_dir_all(phone.folder()).unwrap();
    copy_folder(&backup, phone.folder());
    write(&phone, "xưa ");
    assert_eq!(phone.error(&["sync"]), "locked");
    phone.must(&["enrol", &server.invite(DELEGATE, &cable.address())]);
    tablet.let_in(&phone);
    for device in [&phone, &copy, &tablet, &phone, &copy, &tablet] {
        device.must(&["sync"]);
    }
    let shown = text(&tablet);
    once(&shown, &["gốc", "trước", "một", "hai", "sau", "xưa"]);
    assert_eq!([text(&phone), text(&copy)], [shown.clone(), shown]);
    let acts = phone.must(&["act", "list", "--receipts", &meeting]);
    assert_eq!(acts.as_array().unwrap().len(), 2);
    server.must(&["verify"]);
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for file in fs::read_dir(from).unwrap() {
        let path = file.unwrap().path();
        if path.is_file() && path.extension() != Some("lock".as_ref()) {
            fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
        }
    }
}
