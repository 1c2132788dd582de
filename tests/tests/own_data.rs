//! What a delegate takes along, and what is left where he has erased it.

use std::{fs, path::Path, sync::Arc};

use nghisu_core::{
    Client, Code,
    store::{NoteTarget, Standing},
};
use nghisu_tests::{
    app::{enrolled, open},
    process::Office,
};
use serde_json::Value;
use tempfile::TempDir;

const PROGRAMME: &str = "id = 'kh-1'\nkind = 'regular_session'\ntitle = 'Kỳ họp'\n
[[item]]\nid = 'm1'\nnumber = '1'\ntitle = 'Khai mạc'\n
[[paper]]\nid = 't1'\ntitle = 'Tờ trình'\nfile = 't1.txt'\n";

async fn begun(office: &Office, folder: &Path) -> Arc<Client> {
    office.file("t1.txt", "Nội dung tờ trình.".as_bytes());
    office.publish("kh-1.toml", PROGRAMME.as_bytes());
    let client = enrolled(office, folder).await;
    client.sync().await.expect("the office answers");
    client
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delegate_takes_out_what_he_has_written_and_sees_what_room_it_takes() {
    let (office, folder) = (Office::start(true), TempDir::new().unwrap());
    let nobody = open(&folder.path().join("nobody")).await;
    let refused = nobody.own_data().await.unwrap_err();
    assert_eq!(refused.code(), Code::NotEnrolled);
    let phone = begun(&office, &folder.path().join("phone")).await;
    let meeting = phone.meetings().await.unwrap()[0].id;
    let about = NoteTarget {
        meeting: Some(meeting),
        ..NoteTarget::default()
    };
    phone
        .create_note(about, "Hỏi về 😀 kinh phí")
        .await
        .unwrap();
    let deleted = phone.create_note(NoteTarget::default(), "bỏ đi").await;
    phone.delete_note(deleted.unwrap().id).await.unwrap();
    phone
        .register_to_speak(meeting, None, "Đường xã")
        .await
        .unwrap();
    phone.sync().await.unwrap();
    let before = phone.storage_use().await.unwrap();
    phone.fetch_papers(|_, _| {}).await.unwrap();

    let taken_out = phone.own_data().await.unwrap();

    assert!(!taken_out.contains("bỏ đi"));
    let data: Value = serde_json::from_str(&taken_out).unwrap();
    assert_eq!(data["format"], "nghisu-own-data-1");
    assert_eq!(data["person"]["name"], "Alice");
    assert_eq!(data["notes"].as_array().unwrap().len(), 1);
    assert_eq!(data["notes"][0]["text"], "Hỏi về 😀 kinh phí");
    assert_eq!(data["notes"][0]["meeting"], meeting.to_string());
    assert_eq!(data["acts"][0]["text"], "Đường xã");
    assert_eq!(data["acts"][0]["state"], "accepted");
    assert_eq!(data["acts"][0]["receipt"], 1);
    assert_eq!(data["not_sent"], Value::Array(Vec::new()));
    let after = phone.storage_use().await.unwrap();
    assert_eq!((before.papers, before.papers_bytes), (0, 0));
    let paper = "Nội dung tờ trình.".len() as u64;
    assert_eq!((after.papers, after.papers_bytes), (1, paper));
    assert!(after.database_bytes > 4_096);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_its_owner_erases_has_no_byte_of_his_left_and_begins_anew() {
    let (office, folder) = (Office::start(true), TempDir::new().unwrap());
    let phone = begun(&office, folder.path()).await;
    phone
        .create_note(NoteTarget::default(), "không để lại")
        .await
        .unwrap();
    phone.fetch_papers(|_, _| {}).await.unwrap();
    phone.start_sync();

    phone.erase().await.unwrap();

    assert_eq!(phone.notes(None).await.unwrap_err().code(), Code::Closed);
    let left: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert!(
        left.iter().all(|it| it.metadata().unwrap().len() == 0),
        "{left:?}"
    );
    let anew = open(folder.path()).await;
    assert!(anew.status().await.unwrap().identity.is_none());
    let invitation = office.invite("Alice", office.address());
    anew.enrol(&invitation).await.unwrap();
    anew.sync().await.unwrap();
    assert_eq!(anew.meetings().await.unwrap().len(), 1);
    assert_eq!(anew.standing().await.unwrap(), Standing::Usable);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_that_was_killed_is_finished_by_the_next_opening() {
    let (office, folder) = (Office::start(true), TempDir::new().unwrap());
    let phone = begun(&office, folder.path()).await;
    phone
        .create_note(NoteTarget::default(), "không để lại")
        .await
        .unwrap();
    phone.shut_down().await;
    fs::write(folder.path().join("nghisu.wipe"), "owner").unwrap();

    let anew = open(folder.path()).await;

    assert_eq!(anew.standing().await.unwrap(), Standing::Usable);
    assert!(anew.status().await.unwrap().identity.is_none());
    assert!(!folder.path().join("nghisu.wipe").exists());
}
