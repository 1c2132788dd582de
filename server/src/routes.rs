//! What the office answers on the network: the whole table, and how an error becomes an answer.

mod gate;
mod office;
mod oparl;
mod papers;
pub(crate) mod pokes;
mod sync;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, Bytes, HttpBody},
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use nghisu_core::{
    Code, Error, Result, cbor,
    ids::DeviceId,
    sync::wire::{MEDIA_TYPE, Refusal},
    trust::decide::Action,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{Office, clock};
use gate::Claim;
use pokes::Hub;

/// Requests that are worked on at once: bounds memory, since each may hold a body of some MiB.
const REQUESTS_MAX: usize = 64;
/// Requests that wait: each holds a connection, and none of its body.
const WAITING_MAX: usize = 1_024;
/// Seconds after which a device is to ask again that was told that the office is busy, at least and at
/// most: drawn for each, so that they do not come back together.
const RETRY_AFTER_S: (u64, u64) = (2, 10);
/// How long a request waits for its turn before it is told that the office is busy.
const TURN_TIMEOUT: Duration = Duration::from_secs(10);
/// Requests for what is public that are worked on at once: they take no turn from devices.
const PUBLIC_MAX: usize = 8;
/// How long a body may take to arrive.
pub(crate) const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// What a request must bring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Nothing.
    Nothing,
    /// The code of an invitation, and the signature of the key that it is for.
    Invitation,
    /// The signature of an active device.
    Device,
    /// The read token of an active device.
    ReadToken,
}

/// One line of the table.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// The method.
    pub method: &'static str,
    /// The path.
    pub path: &'static str,
    /// What a request must bring.
    pub needs: Needs,
    /// What is asked of the table of rights before the request is looked at any further.
    pub action: Action,
    endpoint: Endpoint,
}

#[derive(Debug, Clone, Copy)]
enum Endpoint {
    Sync,
    Enrol,
    Paper,
    PapersMissing,
    PaperBack,
    Pokes,
    Health,
    Office,
    Oparl,
}

/// Everything that the office answers. There is nothing else.
pub const ROUTES: &[Route] = &[
    route("POST", "/v1/sync", Action::Sync, Endpoint::Sync),
    route("POST", "/v1/enrol", Action::Enrol, Endpoint::Enrol),
    route("GET", "/v1/papers/{hash}", Action::Papers, Endpoint::Paper),
    route("GET", "/v1/papers", Action::Papers, Endpoint::PapersMissing),
    route(
        "POST",
        "/v1/papers/{hash}",
        Action::PapersBack,
        Endpoint::PaperBack,
    ),
    route("GET", "/v1/pokes", Action::Pokes, Endpoint::Pokes),
    route("GET", "/health", Action::Health, Endpoint::Health),
    route("GET", "/v1/office", Action::Hello, Endpoint::Office),
    route("GET", "/oparl/{*path}", Action::Public, Endpoint::Oparl),
];

const fn route(
    method: &'static str,
    path: &'static str,
    action: Action,
    endpoint: Endpoint,
) -> Route {
    let needs = match endpoint {
        Endpoint::Health | Endpoint::Office | Endpoint::Oparl => Needs::Nothing,
        Endpoint::Enrol => Needs::Invitation,
        Endpoint::Sync => Needs::Device,
        Endpoint::Paper | Endpoint::PapersMissing | Endpoint::PaperBack | Endpoint::Pokes => {
            Needs::ReadToken
        }
    };
    Route {
        method,
        path,
        needs,
        action,
        endpoint,
    }
}

/// How many requests are worked on at once, how many may wait, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct Turns {
    /// Requests that are worked on at once.
    pub at_once: usize,
    /// Requests that wait for their turn; another one is told at once that the office is busy.
    pub waiting: usize,
    /// How long a request waits for its turn before it is told that the office is busy.
    pub patience: Duration,
}

impl Default for Turns {
    fn default() -> Self {
        Self {
            at_once: REQUESTS_MAX,
            waiting: WAITING_MAX,
            patience: TURN_TIMEOUT,
        }
    }
}

/// Returns the table as a service.
pub fn router(office: Arc<Office>) -> Router {
    router_with(office, Turns::default(), Arc::default())
}

/// Returns the table as a service that takes so many requests at once, with the devices that listen.
pub(crate) fn router_with(office: Arc<Office>, turns: Turns, pokes: Arc<Hub>) -> Router {
    let app = App {
        office,
        pokes,
        limits: turns,
        turns: Arc::new(Semaphore::new(turns.at_once)),
        places: Arc::new(Semaphore::new(turns.at_once + turns.waiting)),
        public_turns: Arc::new(Semaphore::new(PUBLIC_MAX)),
    };
    let mut router = Router::new();
    for route in ROUTES {
        let serve = move |State(app): State<App>, request: Request| async move {
            let mut claim = Claim::default();
            match serve(&app, route, request, &mut claim).await {
                Ok(response) => response,
                Err(error) => refuse_device(&app, &error, claim.device()).await,
            }
        };
        let method = match route.method {
            "GET" => get(serve),
            _ => post(serve),
        };
        router = router.route(route.path, method);
    }
    router
        .fallback(unknown)
        .method_not_allowed_fallback(unknown)
        .with_state(app)
}

/// Answers a request of a route. Each handler needs what only [`gate`] gives.
async fn serve(app: &App, route: &Route, request: Request, claim: &mut Claim) -> Result<Response> {
    let (parts, body) = request.into_parts();
    let _turn = match route.needs {
        Needs::Nothing => None,
        Needs::Invitation | Needs::Device | Needs::ReadToken => Some(app.turn().await?),
    };
    match route.endpoint {
        Endpoint::Health => health(app, gate::anybody(route.action)?).await,
        Endpoint::Office => {
            let anybody = gate::anybody(route.action)?;
            Ok(answer(office::show(app, anybody, &parts.uri).await?))
        }
        Endpoint::Oparl => Ok(oparl::show(app, gate::anybody(route.action)?, &parts).await),
        Endpoint::Enrol => {
            let invited = gate::invited(route.action, body, claim).await?;
            Ok(answer(sync::enrol(app, invited).await?))
        }
        Endpoint::Sync => {
            let asking = gate::device(route.action, app, body, claim).await?;
            Ok(answer(sync::sync(app, asking).await?))
        }
        Endpoint::Paper => {
            let bearer = gate::bearer(route.action, app, &parts.headers, claim).await?;
            papers::paper(app, bearer, &parts).await
        }
        Endpoint::PapersMissing => {
            let bearer = gate::bearer(route.action, app, &parts.headers, claim).await?;
            Ok(answer(papers::missing(app, bearer).await?))
        }
        Endpoint::PaperBack => {
            let bearer = gate::bearer(route.action, app, &parts.headers, claim).await?;
            Ok(answer(papers::back(app, bearer, &parts.uri, body).await?))
        }
        Endpoint::Pokes => {
            let bearer = gate::bearer(route.action, app, &parts.headers, claim).await?;
            pokes::pokes(app, bearer).await
        }
    }
}

#[derive(Clone)]
pub(crate) struct App {
    pub(crate) office: Arc<Office>,
    pub(crate) pokes: Arc<Hub>,
    limits: Turns,
    turns: Arc<Semaphore>,
    places: Arc<Semaphore>,
    public_turns: Arc<Semaphore>,
}

/// The right to be worked on. Dropping it lets the next one in.
pub(crate) struct Turn {
    _place: OwnedSemaphorePermit,
    _turn: OwnedSemaphorePermit,
}

impl App {
    /// Waits for a turn, if there is a place to wait.
    ///
    /// # Errors
    /// [`Code::OfficeBusy`].
    pub(crate) async fn turn(&self) -> Result<Turn> {
        let busy = || Error::from(Code::OfficeBusy);
        let place = self.places.clone().try_acquire_owned();
        let place = place.map_err(|_| busy())?;
        let turn = self.turns.clone().acquire_owned();
        match tokio::time::timeout(self.limits.patience, turn).await {
            Ok(Ok(turn)) => Ok(Turn {
                _place: place,
                _turn: turn,
            }),
            Ok(Err(_)) | Err(_) => Err(busy()),
        }
    }

    /// Waits for a turn to read what is public.
    ///
    /// # Errors
    /// [`Code::OfficeBusy`].
    async fn public_turn(&self) -> Result<OwnedSemaphorePermit> {
        let turn = self.public_turns.clone().acquire_owned();
        match tokio::time::timeout(self.limits.patience, turn).await {
            Ok(Ok(turn)) => Ok(turn),
            Ok(Err(_)) | Err(_) => Err(Code::OfficeBusy.into()),
        }
    }

    /// Runs something that waits for the disk.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Office) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let office = self.office.clone();
        tokio::task::spawn_blocking(move || work(&office))
            .await
            .unwrap_or_else(|error| Err(Error::new(Code::Internal, error)))
    }
}

/// Says that the office is up and its database can be read.
async fn health(app: &App, _allowed: gate::Allowed<()>) -> Result<Response> {
    let (log, seq) = app.run(|office| Ok((office.log(), office.seq()?))).await?;
    let body = serde_json::json!({ "status": "ok", "log": log, "seq": seq });
    let kind = HeaderValue::from_static("application/json");
    Ok(([(header::CONTENT_TYPE, kind)], body.to_string()).into_response())
}

async fn unknown(request: Request) -> Response {
    let detail = format!("{} {}", request.method(), request.uri().path());
    let detail: String = detail.chars().take(200).collect();
    refusal(StatusCode::NOT_FOUND, Code::Malformed, detail)
}

/// Answers with CBOR.
fn answer(bytes: Vec<u8>) -> Response {
    cbor_response(StatusCode::OK, bytes)
}

/// Answers with a refusal, and a device that is not accepted also with what was ordered of it.
async fn refuse_device(app: &App, error: &Error, device: Option<DeviceId>) -> Response {
    let (true, Some(device)) = (error.code() == Code::DeviceRefused, device) else {
        return refuse(error);
    };
    match app.run(move |office| office.standing_order(device)).await {
        Ok(order) => {
            let refusal = Refusal {
                code: error.code().name().into(),
                detail: error.detail().to_owned(),
                order,
            };
            cbor_response(status(error.code()), cbor::encode(&refusal))
        }
        Err(failure) => refuse(&failure),
    }
}

/// Answers with a refusal. What went wrong inside the office is logged and not told.
pub(crate) fn refuse(error: &Error) -> Response {
    let status = status(error.code());
    if !status.is_server_error() {
        return refusal(status, error.code(), error.detail().to_owned());
    }
    if error.code() == Code::OfficeBusy {
        tracing::warn!(detail = error.detail(), "busy");
    } else {
        tracing::error!(code = error.code().name(), detail = error.detail());
    }
    let told = [Code::OfficeBusy, Code::DiskFull, Code::OnlineKeyExpired].contains(&error.code());
    let code = if told { error.code() } else { Code::Internal };
    let mut response = refusal(status, code, String::new());
    if code == Code::OfficeBusy {
        let (least, most) = RETRY_AFTER_S;
        let dice = clock::random().map_or(0, u64::from_be_bytes);
        let seconds = least + dice % (most - least + 1);
        let headers = response.headers_mut();
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn refusal(status: StatusCode, code: Code, detail: String) -> Response {
    let refusal = Refusal {
        code: code.name().into(),
        detail,
        order: None,
    };
    cbor_response(status, cbor::encode(&refusal))
}

fn cbor_response(status: StatusCode, bytes: Vec<u8>) -> Response {
    let kind = HeaderValue::from_static(MEDIA_TYPE);
    let body = Body::from(Bytes::from(bytes));
    (status, [(header::CONTENT_TYPE, kind)], body).into_response()
}

/// The status of each code that a request can end in; all others are mistakes of the office.
fn status(code: Code) -> StatusCode {
    const STATUS: &[(Code, StatusCode)] = &[
        (Code::Malformed, StatusCode::BAD_REQUEST),
        (Code::NewerProtocol, StatusCode::BAD_REQUEST),
        (Code::TooLarge, StatusCode::PAYLOAD_TOO_LARGE),
        (Code::DeviceRefused, StatusCode::FORBIDDEN),
        (Code::NotAllowed, StatusCode::FORBIDDEN),
        (Code::InvitationInvalid, StatusCode::FORBIDDEN),
        (Code::InvitationUsed, StatusCode::FORBIDDEN),
        (Code::InvitationExpired, StatusCode::FORBIDDEN),
        (Code::AlreadyEnrolled, StatusCode::CONFLICT),
        (Code::TooManyDevices, StatusCode::CONFLICT),
        (Code::PaperMissing, StatusCode::NOT_FOUND),
        (Code::PaperDamaged, StatusCode::UNPROCESSABLE_ENTITY),
        (Code::OfficeBusy, StatusCode::SERVICE_UNAVAILABLE),
        (Code::OnlineKeyExpired, StatusCode::SERVICE_UNAVAILABLE),
        (Code::DiskFull, StatusCode::INSUFFICIENT_STORAGE),
    ];
    STATUS
        .iter()
        .find(|(known, _)| *known == code)
        .map_or(StatusCode::INTERNAL_SERVER_ERROR, |(_, status)| *status)
}

/// Reads a body within its limit and its time.
async fn body(request: Body, bytes_max: usize) -> Result<Bytes> {
    let too_large = || Error::new(Code::TooLarge, format_args!("more than {bytes_max} bytes"));
    // What was announced is known before it has arrived.
    if HttpBody::size_hint(&request).lower() > bytes_max as u64 {
        return Err(too_large());
    }
    let reading = axum::body::to_bytes(request, bytes_max);
    match tokio::time::timeout(BODY_TIMEOUT, reading).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) if is_over_limit(&error) => Err(too_large()),
        Ok(Err(_)) => Err(Error::new(Code::Malformed, "the body broke off")),
        Err(_) => Err(Error::new(Code::Malformed, "the body took too long")),
    }
}

fn is_over_limit(error: &axum::Error) -> bool {
    std::error::Error::source(error)
        .is_some_and(|source| source.is::<http_body_util::LengthLimitError>())
}

pub(crate) use clock::now;
