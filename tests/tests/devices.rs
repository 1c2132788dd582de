//! Devices as their owners and the office see them: enrolled, lost, found.
#![expect(clippy::unwrap_used, reason = "the helpers of the tests are tests too")]

use std::path::Path;

use nghisu_tests::{
    link::Link,
    process::{Device, Office},
    report,
};
use rusqlite::Connection;
use serde_json::Value;

const DELEGATE: &str = "Đại biểu 03";

fn devices(office: &Office) -> Vec<Value> {
    let listed = office.must(&["device", "list", "--json"]);
    let listed: Value = serde_json::from_str(&listed).unwrap();
    listed.as_array().unwrap().clone()
}

#[test]
fn a_device_is_enrolled_once_its_digits_were_compared_although_every_reply_was_lost() {
    let office = Office::start(false);
    let cable = Link::to(office.address());
    let [device, thief] = [Device::new(), Device::new()];
    let invitation = office.invite_to_compare(DELEGATE, &cable.address());

    cable.break_after(0);
    assert_eq!(device.error(&["enrol", &invitation]), "office_unreachable");
    let waiting = devices(&office);
    assert_eq!(waiting.len(), 1);
    assert_eq!(waiting[0]["status"], "pending");

    let pending = device.failure(&["enrol", &invitation]);
    assert_eq!(pending["error"], "enrolment_pending");
    assert_eq!(pending["detail"], waiting[0]["digits"]);
    assert_eq!(device.error(&["sync"]), "not_enrolled");
    // Another start of the device goes on with the same keys.
    assert_eq!(device.failure(&["enrol", &invitation]), pending);
    let stolen = thief.failure(&["enrol", &invitation]);
    assert_eq!(stolen["error"], "invitation_used");
    assert!(stolen["text"].as_str().unwrap().contains("Tell the office"));

    let digits = pending["detail"].as_str().unwrap();
    let wrong = if digits == "000000" {
        "000001"
    } else {
        "000000"
    };
    assert!(!office.run(&["device", "confirm", wrong]).status.success());
    let confirmed = office.must(&["device", "confirm", digits]);
    assert!(confirmed.contains(DELEGATE), "{confirmed}");
    Connection::open(office.database())
        .unwrap()
        .execute("UPDATE invitation SET expires_at = 1", [])
        .unwrap();

    cable.break_after(0);
    assert_eq!(device.error(&["enrol", &invitation]), "office_unreachable");
    device.must(&["enrol", &invitation]);
    device.must(&["sync"]);
    assert_eq!(thief.error(&["enrol", &invitation]), "invitation_used");
    assert_eq!(devices(&office).len(), 1);
}

#[test]
fn a_device_named_by_its_id_is_not_confirmed_unless_somebody_says_that_the_digits_are_right() {
    let office = Office::start(true);
    let device = Device::new();
    let invitation = office.invite_to_compare(DELEGATE, office.address());
    device.error(&["enrol", &invitation]);
    let id = devices(&office)[0]["id"].as_str().unwrap().to_owned();

    assert!(!office.run(&["device", "confirm", &id]).status.success());
    assert_eq!(device.error(&["enrol", &invitation]), "enrolment_pending");

    office.must(&["device", "confirm", &id, "--yes"]);
    device.must(&["enrol", &invitation]);
}

#[test]
fn a_device_that_the_office_refuses_says_so() {
    let office = Office::start(true);
    let device = Device::new();
    let invitation = office.invite_to_compare(DELEGATE, office.address());
    let pending = device.failure(&["enrol", &invitation]);

    office.must(&["device", "refuse", pending["detail"].as_str().unwrap()]);

    assert_eq!(device.error(&["enrol", &invitation]), "device_refused");
    assert!(devices(&office).is_empty());
}

#[test]
fn an_invitation_is_printed_as_a_letter_and_as_a_code_for_the_screen() {
    let office = Office::start(true);
    office.must(&["person", "add", DELEGATE]);

    let letter = office.must(&["invite", "--person", DELEGATE, "--letter"]);
    let screen = office.must(&["invite", "--person", DELEGATE, "--qr"]);

    for part in [
        DELEGATE,
        office.address(),
        "nghisu://",
        "sáu chữ số",
        "six digits",
        "█",
    ] {
        assert!(letter.contains(part), "{part}: {letter}");
    }
    assert!(letter.lines().all(|line| line.chars().count() <= 110));
    assert!(screen.chars().all(|c| "█▀▄ \n".contains(c)), "{screen}");
}

const PROGRAMME: &str = "id = 'kh-1'\nkind = 'regular_session'\ntitle = 'Kỳ họp'\n\
                         [[item]]\nid = 'i1'\ntitle = 'Khai mạc'\n";

fn id_of(device: &Device) -> String {
    let status = device.must(&["status"]);
    status["device"].as_str().unwrap().to_owned()
}

fn standing(device: &Device) -> String {
    let status = device.must(&["status"]);
    status["standing"].as_str().unwrap().to_owned()
}

fn meeting_of(device: &Device) -> String {
    let shown = device.must(&["show"]);
    shown[0]["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_locked_device_shows_nothing_until_it_is_released() {
    let office = Office::start(true);
    office.publish("kh.toml", PROGRAMME.as_bytes());
    let [tablet, phone] = [0, 1].map(|_| Device::enrol(&office, DELEGATE));
    tablet.must(&["sync"]);
    tablet.must(&["note", "create", "Kiến nghị"]);
    let id = id_of(&tablet);

    office.must(&["device", "lock", &id]);

    // Until it meets the office it cannot know.
    tablet.must(&["note", "list"]);
    for _ in 0..2 {
        assert_eq!(tablet.error(&["sync"]), "locked");
        for command in [
            &["note", "list"][..],
            &["note", "create", "x"],
            &["show"],
            &["act", "list"],
            &["view"],
            &["devices"],
        ] {
            assert_eq!(tablet.error(command), "locked", "{command:?}");
        }
        assert_eq!(standing(&tablet), "locked");
    }
    phone.must(&["sync"]);
    let seen = phone.must(&["devices"]);
    let seen = seen.as_array().unwrap();
    let of = |this: bool| seen.iter().find(|it| it["this"] == this).unwrap();
    assert_eq!(seen.len(), 2);
    assert_eq!(
        (&of(false)["id"], &of(false)["status"]),
        (&Value::from(id.as_str()), &Value::from("locked"))
    );
    assert_eq!(of(true)["status"], "active");

    office.must(&["device", "release", &id]);
    tablet.must(&["sync"]);
    assert_eq!(tablet.must(&["note", "list"]).as_array().unwrap().len(), 1);
    assert_eq!(tablet.must(&["status"])["unsent"], 0);
    tablet.must(&["sync"]);
    office.must(&["verify"]);
}

#[test]
fn a_wipe_says_what_it_destroys_and_is_not_given_without_a_yes() {
    let office = Office::start(true);
    office.publish("kh.toml", PROGRAMME.as_bytes());
    let phone = Device::enrol(&office, DELEGATE);
    let device = phone.another(&office, DELEGATE);
    device.must(&["note", "create", "Bí mật của tôi"]);
    device.must(&["sync"]);
    let id = id_of(&device);

    let asked = office.run(&["device", "wipe", &id]);
    let said = String::from_utf8(asked.stdout).unwrap();
    assert!(!asked.status.success());
    assert!(
        said.contains("Last synced: 20") && said.contains("0 items"),
        "{said}"
    );
    device.must(&["sync"]);

    office.must(&["device", "wipe", &id, "--yes"]);
    assert_eq!(device.error(&["sync"]), "wiped");
    assert_eq!(device.error(&["note", "list"]), "wiped");
    assert_eq!(standing(&device), "wiped");
    assert!(!found_in(device.folder(), "Bí mật của tôi"));

    // What the office had of him comes back to the device that was found.
    device.must(&["enrol", &office.invite(DELEGATE, office.address())]);
    phone.let_in(&device);
    assert_eq!(device.must(&["note", "list"]).as_array().unwrap().len(), 1);
}

fn found_in(folder: &Path, text: &str) -> bool {
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return found_in(&path, text);
        }
        let bytes = std::fs::read(&path).unwrap();
        bytes.windows(text.len()).any(|it| it == text.as_bytes())
    })
}

#[test]
fn a_device_that_is_killed_while_it_wipes_finishes_at_the_next_start() {
    let office = Office::start(false);
    let mut seen = [0; 2];
    for round in 0..8u32 {
        let device = Device::enrol(&office, &format!("Đại biểu {round:02}"));
        device.must(&["note", "create", &"Bí mật của tôi ".repeat(2_000)]);
        // Many pages, so that there is something to interrupt.
        std::fs::write(
            device.folder().join("nghisu.db.damaged-1"),
            "Bí mật của tôi".repeat(100_000),
        )
        .unwrap();
        office.must(&["device", "wipe", &id_of(&device), "--yes"]);
        let mut child = device.start(&["sync"]);
        let marker = device.folder().join("nghisu.wipe");
        for _ in 0..20_000 {
            if marker.exists() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_micros(500));
        }
        assert!(marker.exists());
        std::thread::sleep(std::time::Duration::from_micros(u64::from(round) * 300));
        child.kill().unwrap();
        child.wait().unwrap();
        let whole = found_in(device.folder(), "Bí mật của tôi");
        seen[usize::from(whole)] += 1;

        assert_eq!(standing(&device), "wiped", "round {round}");
        assert!(
            !found_in(device.folder(), "Bí mật của tôi"),
            "round {round}"
        );
        assert!(!marker.exists());
    }
    report(&format!(
        "killed while something was left: {}, afterwards: {}",
        seen[1], seen[0]
    ));
}

fn receipts(device: &Device, meeting: &str) -> Vec<Value> {
    let listed = device.must(&["act", "list", "--receipts", meeting]);
    listed.as_array().unwrap().clone()
}

#[test]
fn an_act_made_before_the_phone_was_lost_arrives_once_after_it_is_enrolled_anew() {
    // Either the act was still on the phone, or the office has it and the reply was lost.
    for handed_in in [false, true] {
        let office = Office::start(false);
        office.publish("kh.toml", PROGRAMME.as_bytes());
        let cable = Link::to(office.address());
        let device = Device::enrol_at(&office, DELEGATE, &cable.address());
        device.must(&["sync"]);
        let meeting = meeting_of(&device);
        device.must(&["act", "speak", &meeting, "ngân sách"]);
        device.must(&["note", "create", "Viết trên đường"]);
        if handed_in {
            cable.break_after(0);
            assert_eq!(device.error(&["sync"]), "office_unreachable");
        }
        let id = id_of(&device);

        office.must(&["device", if handed_in { "revoke" } else { "lock" }, &id]);
        assert_eq!(device.error(&["sync"]), "locked");
        let other = office.invite("Đại biểu khác", &cable.address());
        let refused = device.failure(&["enrol", &other]);
        assert_eq!(refused["error"], "already_enrolled");
        assert_eq!(refused["detail"], "Đại biểu khác");
        let anew = office.invite_to_compare(DELEGATE, &cable.address());
        cable.break_after(0);
        assert_eq!(device.error(&["enrol", &anew]), "office_unreachable");
        let pending = device.failure(&["enrol", &anew]);
        assert_eq!(pending["error"], "enrolment_pending");
        assert_eq!(device.error(&["note", "list"]), "locked");
        office.must(&["device", "confirm", pending["detail"].as_str().unwrap()]);
        device.must(&["enrol", &anew]);

        assert_ne!(id_of(&device), id);
        assert_eq!(device.must(&["status"])["unsent"], 2);
        let synced = device.must(&["sync"]);
        assert_eq!(synced["refused"], 0);
        assert_eq!(device.must(&["status"])["unsent"], 0);
        device.must(&["sync"]);
        let received = receipts(&device, &meeting);
        assert_eq!(received.len(), 1, "{received:?}");
        assert_eq!(received[0]["number"], 1);
        assert_eq!(device.must(&["act", "list"]).as_array().unwrap().len(), 1);
        let notes = device.must(&["note", "list"]);
        assert_eq!(notes.as_array().unwrap().len(), 1);
        office.must(&["verify"]);
        let exported: Value = serde_json::from_str(&office.must(&["export"])).unwrap();
        assert_eq!(exported["acts"].as_array().unwrap().len(), 1, "{exported}");
        // Another device of the same delegate, enrolled today, reads all of it.
        let tablet = device.another(&office, DELEGATE);
        assert_eq!(tablet.must(&["note", "list"]), notes);
        assert_eq!(receipts(&tablet, &meeting), received);
    }
}
