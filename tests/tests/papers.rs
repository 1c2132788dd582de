//! Papers on their way to a device that stops at any moment.

#![expect(clippy::unwrap_used, reason = "the helpers of the tests are tests too")]

use std::{fs, path::Path, sync::Mutex, time::Duration};

use nghisu_core::{Client, client::Downloaded};
use nghisu_tests::{app::enrolled, disk::Chance, process::Office};
use tempfile::TempDir;
use tokio::time::timeout;

const PAPER_BYTES: usize = 6 << 20;

/// An office with one large paper, and a device that knows of it. Returns the paper.
async fn published(office: &Office, folder: &Path) -> (std::sync::Arc<Client>, Vec<u8>) {
    let mut chance = Chance::new(5);
    let paper: Vec<u8> = (0..PAPER_BYTES / 8)
        .flat_map(|_| chance.draw().to_le_bytes())
        .collect();
    office.file("tt.pdf", &paper);
    let programme = "id = 'kh-1'\nkind = 'regular_session'\ntitle = 'Kỳ họp'\n\
        [[paper]]\nid = 'tt'\ntitle = 'Tờ trình'\nfile = 'tt.pdf'\n\
        [[item]]\nid = 'm1'\ntitle = 'Dự toán'\npapers = ['tt']\n";
    office.publish("kh-1.toml", programme.as_bytes());
    let phone = enrolled(office, folder).await;
    phone.sync().await.unwrap();
    (phone, paper)
}

async fn read(phone: &Client) -> Vec<u8> {
    let meeting = phone.meetings().await.unwrap()[0].id;
    fs::read(phone.paper(meeting, "tt").await.unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn downloads_that_are_cut_anywhere_go_on_where_they_stopped() {
    const DEVICES: u64 = 4;
    let (office, folder) = (Office::start(true), TempDir::new().unwrap());
    let (_phone, paper) = published(&office, &folder.path().join("phone")).await;
    let (mut cuts, mut last, mut chance) = (0, 0, Chance::new(11));
    for number in 0..DEVICES {
        let tablet = enrolled(&office, &folder.path().join(number.to_string())).await;
        tablet.sync().await.unwrap();
        let downloaded = loop {
            let patience = Duration::from_micros(chance.draw() % 20_000 + 50 * cuts);
            match timeout(patience, tablet.fetch_papers(|_, _| {})).await {
                Err(_) => cuts += 1,
                Ok(ended) => break ended.unwrap(),
            }
        };
        last += downloaded.bytes;
        assert!(read(&tablet).await == paper);
        let again = tablet.fetch_papers(|_, _| {}).await.unwrap();
        assert_eq!(again, Downloaded::default());
    }
    println!("{cuts} cuts; the last downloads brought {last} bytes");
    assert!(cuts > 0, "none was cut");
    assert!(
        last < DEVICES * PAPER_BYTES as u64,
        "they went on where they stopped"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_is_told_while_a_paper_arrives_and_two_downloads_at_once_are_one() {
    let (office, folder) = (Office::start(true), TempDir::new().unwrap());
    let (phone, paper) = published(&office, folder.path()).await;
    let told = Mutex::new(Vec::new());
    let tell = |done, total| told.lock().unwrap().push((done, total));

    let (one, other) = tokio::join!(phone.fetch_papers(tell), phone.fetch_papers(tell));

    let whole = PAPER_BYTES as u64;
    let bytes = [one.unwrap().bytes, other.unwrap().bytes];
    assert_eq!(bytes.iter().sum::<u64>(), whole, "{bytes:?}");
    assert!(read(&phone).await == paper);
    let told = told.into_inner().unwrap();
    assert!(told.len() > 10, "{told:?}");
    assert!(told.is_sorted() && told.iter().all(|(_, total)| *total == whole));
    assert_eq!(told.last(), Some(&(whole, whole)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_of_a_paper_is_used_if_it_can_become_that_paper() {
    let (office, folder) = (Office::start(true), TempDir::new().unwrap());
    let (phone, paper) = published(&office, &folder.path().join("phone")).await;
    phone.fetch_papers(|_, _| {}).await.unwrap();
    let meeting = phone.meetings().await.unwrap()[0].id;
    let path = phone.paper(meeting, "tt").await.unwrap();
    let mut longer = paper.clone();
    longer.push(0);
    let mut other = paper.clone();
    other[7] ^= 1;
    let (half, whole) = (PAPER_BYTES / 2, PAPER_BYTES);
    let cases = [
        (&paper[..half], half),
        (&paper, 0),
        (&longer, whole),
        (&other, whole),
    ];
    for (number, (left, network)) in cases.into_iter().enumerate() {
        let folder = folder.path().join(number.to_string());
        let tablet = enrolled(&office, &folder).await;
        tablet.sync().await.unwrap();
        let part = Path::new("papers").join(path.file_name().unwrap());
        fs::write(folder.join(part).with_extension("part"), left).unwrap();

        let downloaded = tablet.fetch_papers(|_, _| {}).await.unwrap();

        assert_eq!((downloaded.files, downloaded.bytes), (1, network as u64));
        assert!(read(&tablet).await == paper);
    }
}
