//! `POST /v1/sync` and `POST /v1/enrol`: bytes in, bytes out.

use axum::{
    extract::{Request, State},
    response::Response,
};
use nghisu_core::{Result, ids::DeviceId, limits::REQUEST_BYTES_MAX, trust::decide::Action};

use super::{App, answer_device, body, now, stranger_may};
use crate::office::orders::{device_of_enrolment, device_of_request};

/// Bytes of an enrolment request: its fields at their largest.
const ENROLMENT_BYTES_MAX: usize = 4 << 10;

pub(crate) async fn sync(State(app): State<App>, request: Request) -> Response {
    let mut device = None;
    let result = sync_bytes(&app, request, &mut device).await;
    answer_device(&app, result, device).await
}

async fn sync_bytes(app: &App, request: Request, device: &mut Option<DeviceId>) -> Result<Vec<u8>> {
    let _turn = app.turn().await?;
    let request = body(request, REQUEST_BYTES_MAX).await?;
    let bytes = request.clone();
    let result = app.run(move |office| office.sync(&request, now())).await;
    if result.is_err() {
        *device = device_of_request(&bytes);
    }
    result
}

pub(crate) async fn enrol(State(app): State<App>, request: Request) -> Response {
    let mut device = None;
    let result = enrol_bytes(&app, request, &mut device).await;
    answer_device(&app, result, device).await
}

async fn enrol_bytes(
    app: &App,
    request: Request,
    device: &mut Option<DeviceId>,
) -> Result<Vec<u8>> {
    stranger_may(Action::Enrol)?;
    let _turn = app.turn().await?;
    let request = body(request, ENROLMENT_BYTES_MAX).await?;
    let bytes = request.clone();
    let result = app.run(move |office| office.enrol(&request, now())).await;
    if result.is_err() {
        *device = device_of_enrolment(&bytes);
    }
    result
}
