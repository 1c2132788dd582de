//! Devices as their owners and the office see them: enrolled, lost, found.
#![expect(clippy::unwrap_used, reason = "the helpers of the tests are tests too")]

use nghisu_tests::{
    link::Link,
    process::{Device, Office},
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
