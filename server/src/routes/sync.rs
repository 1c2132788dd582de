//! `POST /v1/sync` and `POST /v1/enrol`: bytes in, bytes out.

use axum::{
    extract::{Request, State},
    response::Response,
};
use nghisu_core::{Result, limits::REQUEST_BYTES_MAX, trust::decide::Action};

use super::{App, answer, body, now, stranger_may};

/// Bytes of an enrolment request: its fields at their largest.
const ENROLMENT_BYTES_MAX: usize = 4 << 10;

pub(crate) async fn sync(State(app): State<App>, request: Request) -> Response {
    answer(sync_bytes(&app, request).await)
}

async fn sync_bytes(app: &App, request: Request) -> Result<Vec<u8>> {
    let _turn = app.turn().await?;
    let request = body(request, REQUEST_BYTES_MAX).await?;
    app.run(move |office| office.sync(&request, now())).await
}

pub(crate) async fn enrol(State(app): State<App>, request: Request) -> Response {
    answer(enrol_bytes(&app, request).await)
}

async fn enrol_bytes(app: &App, request: Request) -> Result<Vec<u8>> {
    stranger_may(Action::Enrol)?;
    let _turn = app.turn().await?;
    let request = body(request, ENROLMENT_BYTES_MAX).await?;
    app.run(move |office| office.enrol(&request, now())).await
}
