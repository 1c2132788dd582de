//! `POST /v1/sync` and `POST /v1/enrol`: bytes in, bytes out.

use nghisu_core::Result;

use super::{App, gate::Allowed, now};
use crate::office::Asking;

pub(super) async fn sync(app: &App, asking: Allowed<Asking>) -> Result<Vec<u8>> {
    let asking = asking.into_shown();
    app.run(move |office| office.carry_out(asking, now())).await
}

pub(super) async fn enrol(app: &App, request: Allowed<Vec<u8>>) -> Result<Vec<u8>> {
    let request = request.into_shown();
    app.run(move |office| office.enrol(&request, now())).await
}
