//! The vault of the notes in the demo: how a delegate's second device comes into it, and what it costs.

use nghisu_core::{Client, Result, store::SealingCost};
use serde_json::json;

use super::{
    Device,
    report::{DeviceReport, Story},
};

/// The first device lets the second one into the vault: a code that the second one shows and the
/// first one scans, past the office.
pub(super) async fn let_in(first: &Client, second: &Client) -> Result<()> {
    first.sync().await?;
    second.sync().await?;
    let code = second.link_code().await?;
    second.sync().await?;
    first.sync().await?;
    first.approve_device(&code).await?;
    first.sync().await?;
    second.sync().await?;
    Ok(())
}

/// Notes where each device's envelopes stand before the return.
pub(super) async fn positions(devices: &[Device]) -> Result<Vec<u64>> {
    let mut positions = Vec::with_capacity(devices.len());
    for device in devices {
        positions.push(device.client.sealing_cost(0).await?.newest);
    }
    Ok(positions)
}

/// What sealing cost since then, on all devices together.
pub(super) async fn cost_since(devices: &[Device], positions: &[u64]) -> Result<SealingCost> {
    let mut total = SealingCost::default();
    for (device, after) in devices.iter().zip(positions) {
        let one = device.client.sealing_cost(*after).await?;
        total.envelopes += one.envelopes;
        total.envelopes_unsealed += one.envelopes_unsealed;
        total.up += one.up;
        total.up_unsealed += one.up_unsealed;
        total.down += one.down;
        total.down_unsealed += one.down_unsealed;
    }
    Ok(total)
}

impl Story {
    /// Tells what sealing cost when the devices returned.
    pub(super) fn sealing(&mut self, cost: &SealingCost, reports: &[DeviceReport]) {
        let SealingCost {
            envelopes,
            envelopes_unsealed,
            up,
            up_unsealed,
            down,
            down_unsealed,
            ..
        } = cost;
        let requests: u32 = reports.iter().map(|report| report.sync.requests).sum();
        self.say(
            &format!(
                "   Giá của niêm phong ghi chú: {requests} yêu cầu, không niêm phong cũng vậy; {envelopes} phong bì thay vì {envelopes_unsealed}; \
                 lên {up} B thay vì {up_unsealed} B; xuống máy khác của cùng người {down} B thay vì {down_unsealed} B."
            ),
            &format!(
                "   What sealing the notes costs: {requests} requests, as without; {envelopes} envelopes instead of {envelopes_unsealed}; \
                 up {up} B instead of {up_unsealed} B; down to another device of the owner {down} B instead of {down_unsealed} B."
            ),
        );
        self.put(
            "sealing",
            json!({
                "requests": requests,
                "requests_unsealed": requests,
                "envelopes": envelopes,
                "envelopes_unsealed": envelopes_unsealed,
                "up_bytes": up,
                "up_bytes_unsealed": up_unsealed,
                "down_bytes": down,
                "down_bytes_unsealed": down_unsealed,
            }),
        );
    }
}
