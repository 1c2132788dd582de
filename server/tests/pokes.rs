//! Who is told that there is something newer, who is not, and what listening costs.
#![expect(clippy::unwrap_used, reason = "the helpers of the tests are tests too")]

#[path = "support/device.rs"]
mod device;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, BodyDataStream},
    http::{Request, StatusCode, header},
};
use data_encoding::BASE64URL_NOPAD;
use device::{Device, another, enrolled, writer};
use futures_util::StreamExt;
use nghisu_core::{
    ids::{Audience, MeetingId},
    limits::READ_TOKEN_MS,
    meeting::act::ActKind,
    sync::wire::{Reply, RequestBody},
    time::Timestamp,
    trust::{
        decide::{DeviceStatus, Role},
        keys::DeviceSigner,
    },
};
use nghisu_server::{Office, RootKey, clock, office::Asked, routes::router};
use tempfile::TempDir;
use tokio::time::{Instant, timeout};
use tower::ServiceExt;

/// No test waits longer for what must happen.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long a test waits for what must not happen: longer than any delay of a poke to a few.
const SILENCE: Duration = Duration::from_millis(1_500);

struct Hall {
    folder: TempDir,
    office: Arc<Office>,
    router: Router,
}

impl Hall {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let root = RootKey::draw().unwrap();
        let office = Office::open_or_create(&folder.path().join("office"), &root).unwrap();
        let office = Arc::new(office);
        let router = router(office.clone());
        Self {
            folder,
            office,
            router,
        }
    }

    fn publish(&self, name: &str, title: &str) -> MeetingId {
        let text = format!("id = '{name}'\nkind = 'regular_session'\ntitle = '{title}'\n");
        let file = self.folder.path().join("m.toml");
        std::fs::write(&file, text).unwrap();
        let now = clock::now();
        self.office.import_files(&[file], now, |_| {}).unwrap();
        let published = self.office.publish(Some(name), "", now).unwrap();
        published[0].meeting
    }

    async fn listen(&self, device: &mut Device) -> Listening {
        self.listen_since(device, clock::now()).await.unwrap()
    }

    /// Begins to listen with a token that the device got at `then`.
    async fn listen_since(
        &self,
        device: &mut Device,
        then: Timestamp,
    ) -> Result<Listening, StatusCode> {
        let request = device.request(&RequestBody::default());
        let reply = self.office.sync(&request, then).unwrap();
        let Reply::Synced(synced) = Reply::decode(&reply).unwrap() else {
            panic!("not carried out");
        };
        device.read_token = synced.read_token;
        device.cursor = Some(synced.cursor);
        self.listen_with(&device.read_token).await
    }

    async fn listen_with(&self, token: &[u8]) -> Result<Listening, StatusCode> {
        let bearer = format!("Bearer {}", BASE64URL_NOPAD.encode(token));
        let request = Request::get("/v1/pokes").header(header::AUTHORIZATION, bearer);
        let request = request.body(Body::empty()).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        match response.status() {
            StatusCode::OK => Ok(Listening(response.into_body().into_data_stream())),
            status => Err(status),
        }
    }
}

struct Listening(BodyDataStream);

impl Listening {
    /// Returns the next number; `None` at the end.
    async fn next(&mut self) -> Option<u64> {
        let next = async {
            loop {
                let said = self.0.next().await?.unwrap();
                let said = std::str::from_utf8(&said).unwrap();
                if let Some(seq) = said.strip_prefix("data: ") {
                    return seq.trim().parse().ok();
                }
            }
        };
        timeout(PATIENCE, next).await.expect("nothing is said")
    }

    async fn is_silent(&mut self) -> bool {
        timeout(SILENCE, self.next()).await.is_err()
    }
}

#[tokio::test]
async fn only_who_reads_an_entry_is_told_of_it() {
    let hall = Hall::new();
    let meeting = hall.publish("kh-1", "Kỳ họp");
    let mut alice = writer(&hall.office, "Alice", Role::Delegate, 1);
    let mut tablet = another(&hall.office, alice.person, 2);
    let mut bob = enrolled(&hall.office, "Bob", Role::Delegate, 3);
    let mut guest = enrolled(&hall.office, "Guest", Role::Guest, 4);
    let mut secretary = enrolled(&hall.office, "Secretary", Role::Secretary, 5);
    let [
        mut hears_tablet,
        mut hears_bob,
        mut hears_guest,
        mut hears_secretary,
    ] = [
        hall.listen(&mut tablet).await,
        hall.listen(&mut bob).await,
        hall.listen(&mut guest).await,
        hall.listen(&mut secretary).await,
    ];
    for heard in [&mut hears_tablet, &mut hears_bob, &mut hears_secretary] {
        assert!(heard.next().await.unwrap() > 0, "what was there before");
    }
    let of_guest = hears_guest.next().await.unwrap();
    assert!(of_guest <= hall.office.seq().unwrap());

    let note = alice.note(7, "x");
    alice.sync(&hall.office, &[note]);
    assert_eq!(hears_tablet.next().await, Some(hall.office.seq().unwrap()));
    assert!(hears_bob.is_silent().await && hears_secretary.is_silent().await);

    let act = alice.act(8, meeting, None, ActKind::SpeakingRegistration);
    let act = alice.send_act(&act);
    alice.sync(&hall.office, &[act]);
    let newest = hall.office.seq().unwrap();
    for heard in [&mut hears_tablet, &mut hears_bob, &mut hears_secretary] {
        assert_eq!(heard.next().await, Some(newest));
    }
    assert!(hears_guest.is_silent().await);
}

#[tokio::test]
async fn what_is_granted_while_a_device_listens_is_told_and_what_is_withdrawn_is_not() {
    let hall = Hall::new();
    let meeting = hall.publish("kh-1", "Kỳ họp");
    let mut guest = enrolled(&hall.office, "Guest", Role::Guest, 1);
    let mut heard = hall.listen(&mut guest).await;
    heard.next().await;
    let audience = hall.office.audience(Asked::Meeting("kh-1")).unwrap();
    assert_eq!(audience, Audience::Meeting(meeting));

    hall.office
        .grant(guest.person, audience, clock::now())
        .unwrap();
    assert_eq!(heard.next().await, Some(hall.office.seq().unwrap()));
    hall.publish("kh-1", "Kỳ họp thứ nhất");
    assert_eq!(heard.next().await, Some(hall.office.seq().unwrap()));
    hall.office
        .withdraw(guest.person, audience, clock::now())
        .unwrap();
    assert_eq!(heard.next().await, Some(hall.office.seq().unwrap()));
    hall.publish("kh-1", "Kỳ họp thứ hai");

    assert!(heard.is_silent().await);
}

#[tokio::test]
async fn a_meeting_that_is_published_while_devices_listen_is_told() {
    let hall = Hall::new();
    let mut alice = enrolled(&hall.office, "Alice", Role::Delegate, 1);
    let mut heard = hall.listen(&mut alice).await;
    heard.next().await;
    // Another process publishes: this one hears of it by looking.
    let beside = Office::open(&hall.folder.path().join("office")).unwrap();
    let file = hall.folder.path().join("m.toml");
    std::fs::write(&file, "id = 'a'\nkind = 'regular_session'\ntitle = 'A'\n").unwrap();
    beside.import_files(&[file], clock::now(), |_| {}).unwrap();
    beside.publish(None, "", clock::now()).unwrap();

    assert_eq!(heard.next().await, Some(hall.office.seq().unwrap()));
}

#[tokio::test]
async fn what_a_device_was_told_at_the_beginning_is_not_told_again_when_the_log_is_looked_at() {
    let hall = Hall::new();
    let mut alice = enrolled(&hall.office, "Alice", Role::Delegate, 1);
    let mut bob = enrolled(&hall.office, "Bob", Role::Delegate, 2);
    let mut heard = hall.listen(&mut alice).await;
    heard.next().await;
    let beside = Office::open(&hall.folder.path().join("office")).unwrap();
    let file = hall.folder.path().join("m.toml");
    std::fs::write(&file, "id = 'a'\nkind = 'regular_session'\ntitle = 'A'\n").unwrap();
    beside.import_files(&[file], clock::now(), |_| {}).unwrap();
    beside.publish(None, "", clock::now()).unwrap();
    let newest = hall.office.seq().unwrap();

    let mut joined = hall.listen(&mut bob).await;
    assert_eq!(joined.next().await, Some(newest));
    assert_eq!(heard.next().await, Some(newest));
    assert!(joined.is_silent().await);
}

#[tokio::test]
async fn a_device_that_is_locked_revoked_or_has_an_old_token_is_let_go() {
    let hall = Hall::new();
    for (seed, revoke) in [(1, false), (2, true)] {
        let mut device = enrolled(&hall.office, &format!("{seed}"), Role::Delegate, seed);
        let id = device.key.public_key().device();
        let mut heard = hall.listen(&mut device).await;
        heard.next().await;
        let now = clock::now();
        if revoke {
            hall.office.revoke_device(id, now).unwrap();
        } else {
            hall.office.lock_device(id, now).unwrap();
        }
        assert_eq!(heard.next().await, None);
        let again = hall.listen_with(&device.read_token).await;
        assert_eq!(again.err(), Some(StatusCode::FORBIDDEN));
    }

    let mut alice = enrolled(&hall.office, "Alice", Role::Delegate, 3);
    let nearly = Timestamp::from_unix_ms(clock::now().unix_ms() + 700 - READ_TOKEN_MS);
    let mut heard = hall.listen_since(&mut alice, nearly).await.unwrap();
    heard.next().await;
    while heard.next().await.is_some() {}
    let again = hall.listen_with(&alice.read_token).await;
    assert_eq!(again.err(), Some(StatusCode::FORBIDDEN));
}

#[tokio::test]
async fn a_status_that_changed_without_an_entry_counts_at_the_next_poke() {
    let hall = Hall::new();
    hall.publish("kh-1", "Kỳ họp");
    let mut alice = enrolled(&hall.office, "Alice", Role::Delegate, 1);
    let mut heard = hall.listen(&mut alice).await;
    heard.next().await;
    let id = alice.key.public_key().device();
    hall.office
        .set_device_status(id, DeviceStatus::Pending)
        .unwrap();

    hall.publish("kh-1", "Kỳ họp thứ nhất");

    assert_eq!(heard.next().await, None);
}

#[tokio::test]
async fn a_second_connection_of_a_device_takes_the_place_of_the_first() {
    let hall = Hall::new();
    let mut alice = enrolled(&hall.office, "Alice", Role::Delegate, 1);
    let mut first = hall.listen(&mut alice).await;
    first.next().await;
    let mut second = hall.listen(&mut alice).await;
    second.next().await;
    assert_eq!(first.next().await, None);
    drop(first);
    hall.publish("kh-1", "Kỳ họp");
    assert_eq!(second.next().await, Some(hall.office.seq().unwrap()));
}

#[tokio::test]
async fn many_entries_in_a_second_are_few_pokes() {
    let hall = Hall::new();
    let meeting = hall.publish("kh-1", "Kỳ họp");
    let mut bob = enrolled(&hall.office, "Bob", Role::Delegate, 1);
    let mut alice = enrolled(&hall.office, "Alice", Role::Delegate, 2);
    let mut heard = hall.listen(&mut bob).await;
    heard.next().await;
    let begun = Instant::now();
    for n in 0..40 {
        let act = alice.act(n, meeting, None, ActKind::QuestionSlip);
        let act = alice.send_act(&act);
        alice.sync(&hall.office, &[act]);
        tokio::task::yield_now().await;
    }
    let newest = hall.office.seq().unwrap();
    let mut pokes = 1;
    while heard.next().await != Some(newest) {
        pokes += 1;
    }
    let seconds = begun.elapsed().as_secs() + 2;
    assert!(pokes <= seconds, "{pokes} pokes in {seconds} seconds");
}
