//! How a delegate's second device comes to his notes.

use nghisu_core::{Client, Result};

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
