//! Every route, tried by every role with a device in every state.
//!
//! [`EXPECTED`] is data: what each route answers to whom. The test walks the office's own table of
//! routes, and a route without a row here fails it.
#![expect(clippy::unwrap_used, reason = "the helpers of the tests are tests too")]

#[path = "support/device.rs"]
mod device;

use std::{collections::BTreeSet, sync::Arc};

use axum::{
    Router,
    body::Body,
    http::{Method, Request, Response, StatusCode, header},
};
use data_encoding::BASE64URL_NOPAD;
use device::{Device, address, another, asked, entries_of};
use http_body_util::BodyExt;
use nghisu_core::{
    Code, cbor,
    ids::{Audience, Hash, MeetingId, PersonId},
    sync::wire::{Refusal, Reply, RequestBody},
    trust::{
        decide::{DeviceStatus, Role},
        enrol::encode_request,
        keys::{DeviceSigner, SoftwareKey},
    },
};
use nghisu_server::{
    Office, RootKey, clock,
    office::{Confirmation, oparl::Base},
    routes::{ROUTES, router},
};
use tempfile::TempDir;
use tower::ServiceExt;

/// Who asks: `active`, `pending`, `locked` and `revoked` sign with their own key; `unknown` has a key
/// that the office never saw; `forged` signs with another key than it claims, or alters what it was
/// given; `nothing` brings no proof at all; `foreign` brings what another office would accept.
const STATES: [&str; 8] = [
    "active", "pending", "locked", "revoked", "unknown", "forged", "nothing", "foreign",
];

const ROLES: [(&str, Role); 4] = [
    ("delegate", Role::Delegate),
    ("chair", Role::Chair),
    ("secretary", Role::Secretary),
    ("guest", Role::Guest),
];

/// route | states | roles | answer: `ok`, or the name of a code. The first line that fits counts.
const EXPECTED: &str = "
POST /v1/sync          | active                         | *     | ok
POST /v1/sync          | pending locked revoked unknown | *     | device_refused
POST /v1/sync          | forged                         | *     | device_refused
POST /v1/sync          | nothing                        | *     | malformed
POST /v1/sync          | foreign                        | *     | device_refused

POST /v1/enrol         | active pending locked revoked unknown | * | ok
POST /v1/enrol         | forged                         | *     | malformed
POST /v1/enrol         | nothing                        | *     | malformed
POST /v1/enrol         | foreign                        | *     | invitation_invalid

GET /v1/papers/{hash}  | active                         | guest | paper_missing
GET /v1/papers/{hash}  | active                         | *     | ok
GET /v1/papers/{hash}  | *                              | *     | device_refused

GET /v1/papers         | active                         | *     | ok
GET /v1/papers         | *                              | *     | device_refused

POST /v1/papers/{hash} | active                         | guest | paper_missing
POST /v1/papers/{hash} | active                         | *     | ok
POST /v1/papers/{hash} | *                              | *     | device_refused

GET /v1/pokes          | active                         | *     | ok
GET /v1/pokes          | *                              | *     | device_refused

GET /health            | *                              | *     | ok
GET /v1/office         | *                              | *     | ok
GET /oparl/{*path}     | *                              | *     | ok
";

fn expected(route: &str, state: &str, role: &str) -> Option<&'static str> {
    let rows = EXPECTED.lines().filter(|line| !line.trim().is_empty());
    let mut rows = rows.map(|line| line.split('|').map(str::trim).collect::<Vec<_>>());
    let fits = |list: &str, word: &str| list == "*" || list.split(' ').any(|listed| listed == word);
    let row = rows.find(|row| row[0] == route && fits(row[1], state) && fits(row[2], role));
    row.map(|row| row[3])
}

struct Http {
    folder: TempDir,
    office: Arc<Office>,
    router: Router,
    paper: Hash,
    meeting: MeetingId,
    seed: u8,
}

impl Http {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let root = RootKey::draw().unwrap();
        let office = Office::open_or_create(&folder.path().join("office"), &root).unwrap();
        let public = Base::parse("https://hdnd.example/oparl").unwrap();
        let office = Arc::new(office.with_public_oparl(public));
        let content = b"paper";
        std::fs::write(folder.path().join("p1.pdf"), content).unwrap();
        let text = "id = 'kh-1'\nkind = 'regular_session'\ntitle = 'Kỳ họp'\n[[paper]]\nid = 'p1'\ntitle = 'Tờ trình'\nfile = 'p1.pdf'\n";
        let file = folder.path().join("kh.toml");
        std::fs::write(&file, text).unwrap();
        office.import_files(&[file], clock::now(), |_| {}).unwrap();
        let published = office.publish(None, "", clock::now()).unwrap();
        Self {
            router: router(office.clone()),
            paper: Hash::of_content(content),
            meeting: published[0].meeting,
            folder,
            office,
            seed: 0,
        }
    }

    fn person(&self, role: Role) -> PersonId {
        let name = format!("{role:?} {}", self.office.people().unwrap().len());
        self.office.add_person(&name, role).unwrap().id
    }

    fn next_seed(&mut self) -> u8 {
        self.seed += 1;
        self.seed
    }

    async fn send(&self, route: &str, proof: Proof) -> Response<Body> {
        let (method, path) = route.split_once(' ').unwrap();
        let mut path = path.replace("{hash}", &self.paper.to_string());
        path = path.replace("{*path}", "system.json");
        if route == "POST /v1/papers/{hash}" {
            path += "?at=0&of=5";
        }
        let mut request = Request::builder()
            .method(method.parse::<Method>().unwrap())
            .uri(path);
        if let Some(token) = proof.token {
            let bearer = format!("Bearer {}", BASE64URL_NOPAD.encode(&token));
            request = request.header(header::AUTHORIZATION, bearer);
        }
        let request = request.body(Body::from(proof.body)).unwrap();
        self.router.clone().oneshot(request).await.unwrap()
    }

    /// Returns a device of the person in the state `state`, and its key.
    fn device(&mut self, person: PersonId, state: &str) -> Device {
        let seed = self.next_seed();
        let mut device = another(&self.office, person, seed);
        // The token is one that the device got while it was active.
        let request = device.request(&RequestBody::default());
        let reply = self.office.sync(&request, clock::now()).unwrap();
        let Reply::Synced(synced) = Reply::decode(&reply).unwrap() else {
            panic!("not carried out");
        };
        device.read_token = synced.read_token;
        let status = match state {
            "locked" => DeviceStatus::Locked,
            "revoked" => DeviceStatus::Revoked,
            "pending" => DeviceStatus::Pending,
            _ => return device,
        };
        let id = device.key.public_key().device();
        self.office.set_device_status(id, status).unwrap();
        device
    }

    /// Returns a device that waits for somebody to compare its digits, and was never active.
    fn pending(&mut self, person: PersonId) -> Device {
        let seed = self.next_seed();
        let key = SoftwareKey::from_seed(&[seed; 32]);
        let now = clock::now();
        let invitation = self
            .office
            .invite(person, address(), Confirmation::Compared, 60_000, now)
            .unwrap();
        let request = encode_request(&asked(&key, &invitation), &key).unwrap();
        self.office.enrol(&request, now).unwrap();
        let mut device = self.device(person, "active");
        device.key = key;
        device
    }

    /// Returns what somebody in this state brings to a route.
    fn proof(&mut self, route: &str, state: &str, person: PersonId) -> Proof {
        match route {
            "POST /v1/sync" => Proof::body(self.sync_proof(state, person)),
            "POST /v1/enrol" => Proof::body(self.enrol_proof(state, person)),
            "GET /v1/papers/{hash}"
            | "POST /v1/papers/{hash}"
            | "GET /v1/papers"
            | "GET /v1/pokes" => Proof {
                body: Vec::new(),
                token: self.token(state, person),
            },
            _ => Proof::body(Vec::new()),
        }
    }

    fn sync_proof(&mut self, state: &str, person: PersonId) -> Vec<u8> {
        let mut device = match state {
            "nothing" => return Vec::new(),
            "pending" => self.pending(person),
            "foreign" => return elsewhere().request(&RequestBody::default()),
            _ => self.device(person, state),
        };
        match state {
            "unknown" => device.key = SoftwareKey::from_seed(&[200; 32]),
            "forged" => {
                // Signed by one key in the name of another.
                let genuine = device.key.public_key().device();
                device.key = SoftwareKey::from_seed(&[201; 32]);
                return device.request_as(genuine, &RequestBody::default());
            }
            _ => {}
        }
        device.request(&RequestBody::default())
    }

    fn enrol_proof(&mut self, state: &str, person: PersonId) -> Vec<u8> {
        let now = clock::now();
        // Whatever became of his other devices: with an invitation he enrols another one.
        if ["locked", "revoked", "active", "pending"].contains(&state) {
            self.device(person, state);
        }
        let mut invitation = self
            .office
            .invite(person, address(), Confirmation::AtOnce, 60_000, now)
            .unwrap();
        let key = SoftwareKey::from_seed(&[self.next_seed(); 32]);
        match state {
            "nothing" => return Vec::new(),
            "foreign" => invitation.root = Hash::ZERO,
            "forged" => {
                let other = SoftwareKey::from_seed(&[202; 32]);
                return encode_request(&asked(&key, &invitation), &other).unwrap();
            }
            _ => {}
        }
        encode_request(&asked(&key, &invitation), &key).unwrap()
    }

    fn token(&mut self, state: &str, person: PersonId) -> Option<Vec<u8>> {
        let mut token = match state {
            "nothing" => return None,
            "foreign" => elsewhere().read_token,
            _ => self.device(person, state).read_token,
        };
        match state {
            // The same token in the name of a device that is not there.
            "unknown" => token[..16].copy_from_slice(&[9; 16]),
            "forged" => *token.last_mut().unwrap() ^= 1,
            _ => {}
        }
        Some(token)
    }
}

struct Proof {
    body: Vec<u8>,
    token: Option<Vec<u8>>,
}

impl Proof {
    const fn body(body: Vec<u8>) -> Self {
        Self { body, token: None }
    }
}

/// An active device of another office, with a token of that office.
fn elsewhere() -> Device {
    let mut other = Http::new();
    other.seed = 220;
    let person = other.person(Role::Delegate);
    other.device(person, "active")
}

async fn outcome(response: Response<Body>) -> String {
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE).cloned();
    if status == StatusCode::OK && kind.is_some_and(|kind| kind == "text/event-stream") {
        // It does not end by itself.
        return "ok".into();
    }
    let body = response.into_body().collect().await.unwrap().to_bytes();
    if status == StatusCode::OK {
        return "ok".into();
    }
    assert!(status.is_client_error(), "{status}");
    let refusal: Refusal = cbor::decode(&body, "refusal").unwrap();
    refusal.into_error().code().name().into()
}

#[tokio::test]
async fn every_route_answers_every_role_and_device_as_the_table_says() {
    let mut tried = 0;
    for route in ROUTES {
        let name = format!("{} {}", route.method, route.path);
        for state in STATES {
            for (role_name, role) in ROLES {
                let Some(expected) = expected(&name, state, role_name) else {
                    panic!("{name} has no row for {state} {role_name}");
                };
                let mut http = Http::new();
                let person = http.person(role);
                let proof = http.proof(&name, state, person);
                let seq = http.office.seq().unwrap();

                let told = outcome(http.send(&name, proof).await).await;

                assert_eq!(told, expected, "{name} {state} {role_name}");
                let written = http.office.seq().unwrap() - seq;
                let enrols = told == "ok" && name == "POST /v1/enrol";
                assert_eq!(written, u64::from(enrols), "{name} {state} {role_name}");
                tried += 1;
            }
        }
    }
    assert_eq!(tried, ROUTES.len() * STATES.len() * ROLES.len());
}

#[test]
fn every_row_of_expectations_is_about_a_route() {
    let routes: BTreeSet<_> = ROUTES
        .iter()
        .map(|route| format!("{} {}", route.method, route.path))
        .collect();
    let rows = EXPECTED.lines().filter(|line| !line.trim().is_empty());
    let named = rows.map(|line| line.split('|').next().unwrap().trim().to_owned());
    assert_eq!(named.collect::<BTreeSet<_>>(), routes);
}

#[tokio::test]
async fn a_sync_serves_each_role_its_audiences_and_a_guest_what_was_granted() {
    let mut http = Http::new();
    let log = http.office.log();
    for (name, role) in ROLES {
        let person = http.person(role);
        let meeting = Audience::Meeting(http.meeting);
        let mut expected = BTreeSet::from([Audience::Body(log), Audience::Person(person)]);
        if role != Role::Guest {
            expected.insert(meeting);
        }
        if role == Role::Secretary {
            expected.insert(Audience::Office(log));
        }
        let mut device = http.device(person, "active");
        let served = |bytes: &[u8]| {
            let Reply::Synced(synced) = Reply::decode(bytes).unwrap() else {
                panic!("not carried out");
            };
            assert!(!entries_of(&synced).is_empty());
            let audiences = synced.segments.iter().map(|segment| segment.audience);
            audiences.collect::<BTreeSet<_>>()
        };

        let request = Proof::body(device.request(&RequestBody::default()));
        let reply = http.send("POST /v1/sync", request).await.into_body();
        let reply = reply.collect().await.unwrap().to_bytes();
        assert_eq!(served(&reply), expected, "{name}");

        if role == Role::Guest {
            let now = clock::now();
            http.office.grant(person, meeting, now).unwrap();
            let token = Some(device.read_token.clone());
            let proof = Proof {
                body: Vec::new(),
                token,
            };
            let paper = http.send("GET /v1/papers/{hash}", proof).await;
            assert_eq!(outcome(paper).await, "ok");
            http.office.withdraw(person, meeting, now).unwrap();
            let proof = Proof {
                body: Vec::new(),
                token: Some(device.read_token.clone()),
            };
            let paper = http.send("GET /v1/papers/{hash}", proof).await;
            assert_eq!(outcome(paper).await, Code::PaperMissing.name());
        }
    }
    assert!(http.folder.path().is_dir());
}
