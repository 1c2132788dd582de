//! The table of routes as it is seen from the network, without a port.
#![expect(clippy::unwrap_used, reason = "the helpers of the tests are tests too")]

#[path = "support/device.rs"]
mod device;

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    http::{Method, Request, Response, StatusCode, header},
};
use data_encoding::BASE64URL_NOPAD;
use device::{Device, address, enrolled, enrolment};
use http_body_util::BodyExt;
use nghisu_core::{
    Code, cbor,
    ids::Hash,
    limits::REQUEST_BYTES_MAX,
    sync::wire::{MEDIA_TYPE, Refusal, Reply, RequestBody},
    trust::decide::{DeviceStatus, Role},
};
use nghisu_server::{
    Office, RootKey, clock,
    office::Confirmation,
    office::oparl::Base,
    routes::{Needs, ROUTES, router},
};
use tempfile::TempDir;
use tower::ServiceExt;

struct Http {
    folder: TempDir,
    office: Arc<Office>,
    router: Router,
}

impl Http {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let root = RootKey::draw().unwrap();
        let office = Office::open_or_create(&folder.path().join("office"), &root).unwrap();
        let public = Base::parse("https://hdnd.example/oparl").unwrap();
        let office = Arc::new(office.with_public_oparl(public));
        let router = router(office.clone());
        Self {
            folder,
            office,
            router,
        }
    }

    async fn send(&self, request: Request<Body>) -> Response<Body> {
        self.router.clone().oneshot(request).await.unwrap()
    }

    async fn post(&self, path: &str, body: impl Into<Body>) -> Response<Body> {
        let request = Request::post(path)
            .header(header::CONTENT_TYPE, MEDIA_TYPE)
            .body(body.into());
        self.send(request.unwrap()).await
    }

    /// Publishes a meeting with one paper of 200,000 bytes and returns its content.
    fn publish_paper(&self) -> Vec<u8> {
        let content: Vec<u8> = (0..200_000u32)
            .flat_map(u32::to_le_bytes)
            .step_by(4)
            .collect();
        let text = "id = 'kh-1'\nkind = 'regular_session'\ntitle = 'Kỳ họp'\n[[paper]]\nid = 'p1'\ntitle = 'Tờ trình'\nfile = 'p1.pdf'\n";
        let file = self.folder.path().join("kh.toml");
        std::fs::write(self.folder.path().join("p1.pdf"), &content).unwrap();
        std::fs::write(&file, text).unwrap();
        let now = clock::now();
        self.office.import_files(&[file], now, |_| {}).unwrap();
        self.office.publish(None, "", now).unwrap();
        content
    }
}

async fn bytes(response: Response<Body>) -> Vec<u8> {
    response
        .into_body()
        .collect()
        .await
        .unwrap()
        .to_bytes()
        .to_vec()
}

async fn code(response: Response<Body>) -> Code {
    let kind = response.headers()[header::CONTENT_TYPE].to_str().unwrap();
    assert_eq!(kind, MEDIA_TYPE);
    let refusal: Refusal = cbor::decode(&bytes(response).await, "refusal").unwrap();
    refusal.into_error().code()
}

/// Takes a page through the network, which reads the real clock for the read token.
async fn sync(http: &Http, device: &mut Device) -> Vec<u8> {
    let request = device.request(&RequestBody::default());
    let response = http.post("/v1/sync", request).await;
    assert_eq!(response.status(), StatusCode::OK);
    let Reply::Synced(synced) = Reply::decode(&bytes(response).await).unwrap() else {
        panic!("not carried out");
    };
    synced.read_token
}

fn paper(hash: impl std::fmt::Display, token: &[u8], range: Option<&str>) -> Request<Body> {
    let bearer = format!("Bearer {}", BASE64URL_NOPAD.encode(token));
    let mut request =
        Request::get(format!("/v1/papers/{hash}")).header(header::AUTHORIZATION, bearer);
    if let Some(range) = range {
        request = request.header(header::RANGE, range);
    }
    request.body(Body::empty()).unwrap()
}

#[tokio::test]
async fn whatever_needs_a_proof_refuses_whoever_brings_none() {
    let http = Http::new();
    for route in ROUTES {
        let method: Method = route.method.parse().unwrap();
        let mut path = route.path.replace("{hash}", &Hash::ZERO.to_string());
        path = path.replace("{*path}", "system.json");
        if path == "/v1/office" {
            path += &format!("?nonce={}", "A".repeat(43));
        }
        let request = Request::builder()
            .method(method)
            .uri(path)
            .body(Body::empty());

        let response = http.send(request.unwrap()).await;

        match route.needs {
            Needs::Nothing => assert_eq!(response.status(), StatusCode::OK, "{}", route.path),
            Needs::Invitation | Needs::Device | Needs::ReadToken => {
                assert!(response.status().is_client_error(), "{}", route.path);
                let code = code(response).await;
                assert!(
                    matches!(code, Code::Malformed | Code::DeviceRefused),
                    "{}: {code:?}",
                    route.path
                );
            }
        }
    }
}

#[tokio::test]
async fn what_is_not_in_the_table_is_not_found() {
    let http = Http::new();
    for request in [
        Request::get("/"),
        Request::get("/v1/sync"),
        Request::post("/health"),
        Request::delete("/v1/papers/x"),
        Request::get("/v1/papers/"),
        Request::get("/v1/../keys/root.key"),
    ] {
        let response = http.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
        assert_eq!(code(response).await, Code::Malformed);
    }
}

#[tokio::test]
async fn a_device_enrols_and_syncs() {
    let http = Http::new();
    let person = http.office.add_person("Alice", Role::Delegate).unwrap();
    let invitation = http
        .office
        .invite(
            person.id,
            address(),
            Confirmation::AtOnce,
            60_000,
            clock::now(),
        )
        .unwrap();

    let response = http.post("/v1/enrol", enrolment(1, &invitation)).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()[header::CONTENT_TYPE], MEDIA_TYPE);
    let mut alice = Device::of(1, &invitation, &bytes(response).await);
    sync(&http, &mut alice).await;

    let response = http.post("/v1/enrol", enrolment(2, &invitation)).await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert_eq!(code(response).await, Code::InvitationUsed);
}

#[tokio::test]
async fn too_large_and_truncated_requests_are_refused() {
    let http = Http::new();
    let mut alice = enrolled(&http.office, "Alice", Role::Delegate, 1);
    let request = alice.request(&RequestBody::default());

    for length in [0, 1, request.len() / 2, request.len() - 1] {
        let response = http.post("/v1/sync", request[..length].to_vec()).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        assert_eq!(code(response).await, Code::Malformed);
    }
    let large = vec![0; REQUEST_BYTES_MAX + 1];
    let response = http.post("/v1/sync", large.clone()).await;
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(code(response).await, Code::TooLarge);
    let pieces = futures_util::stream::iter(
        large
            .chunks(1 << 20)
            .map(|piece| Ok::<_, std::io::Error>(piece.to_vec()))
            .collect::<Vec<_>>(),
    );
    let response = http.post("/v1/sync", Body::from_stream(pieces)).await;
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let response = http.post("/v1/enrol", vec![0; 5000]).await;
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn a_locked_device_is_refused_with_403() {
    let http = Http::new();
    let mut alice = enrolled(&http.office, "Alice", Role::Delegate, 1);
    http.office
        .set_device_status(alice.chain.device, DeviceStatus::Locked)
        .unwrap();

    let response = http
        .post("/v1/sync", alice.request(&RequestBody::default()))
        .await;

    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert_eq!(code(response).await, Code::DeviceRefused);
}

#[tokio::test]
async fn papers_are_served_whole_and_in_ranges() {
    let http = Http::new();
    let content = http.publish_paper();
    let hash = Hash::of_content(&content);
    let mut alice = enrolled(&http.office, "Alice", Role::Delegate, 1);
    let token = sync(&http, &mut alice).await;

    let whole = http.send(paper(hash, &token, None)).await;
    assert_eq!(whole.status(), StatusCode::OK);
    assert_eq!(whole.headers()[header::CONTENT_LENGTH], "200000");
    assert_eq!(whole.headers()[header::CONTENT_TYPE], "application/pdf");
    assert_eq!(bytes(whole).await, content);

    let range = http.send(paper(hash, &token, Some("bytes=100000-"))).await;
    assert_eq!(range.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(
        range.headers()[header::CONTENT_RANGE],
        "bytes 100000-199999/200000"
    );
    assert_eq!(bytes(range).await, content[100_000..]);

    let outside = http.send(paper(hash, &token, Some("bytes=200000-"))).await;
    assert_eq!(outside.status(), StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(outside.headers()[header::CONTENT_RANGE], "bytes */200000");

    let missing = http.send(paper(Hash::ZERO, &token, None)).await;
    assert_eq!(missing.status(), StatusCode::NOT_FOUND);
    assert_eq!(code(missing).await, Code::PaperMissing);
    let refused = http.send(paper(hash, b"no token", None)).await;
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn health_shows_the_log_and_its_newest_entry() {
    let http = Http::new();
    enrolled(&http.office, "Alice", Role::Delegate, 1);

    let response = http
        .send(Request::get("/health").body(Body::empty()).unwrap())
        .await;

    let health: serde_json::Value = serde_json::from_slice(&bytes(response).await).unwrap();
    let log = http.office.log().to_string();
    assert_eq!(
        health,
        serde_json::json!({"status": "ok", "log": log, "seq": 2})
    );
}
