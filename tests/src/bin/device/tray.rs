//! What the office has refused for good, for its author to read and to write again.

use nghisu_core::{Client, Language, Result, sync::reason};
use serde_json::{Value, json};

/// Shows the tray "not sent": when, what, why, and what to do.
pub(super) async fn not_sent(client: &Client, language: Language) -> Result<(String, Value)> {
    let tray = client.not_sent().await?;
    let lines = tray.iter().map(|refused| {
        let told = reason::told(&refused.reason, language);
        format!("{}  {}\n  ✗ {told}", refused.at, refused.text)
    });
    let values = tray.iter().map(|refused| {
        json!({
            "document": refused.document,
            "at": refused.at,
            "text": refused.text,
            "reason": refused.reason,
            "told": reason::told(&refused.reason, language),
        })
    });
    let text = lines.collect::<Vec<_>>().join("\n");
    Ok((text, values.collect()))
}
