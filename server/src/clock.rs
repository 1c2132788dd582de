//! The one place where the office reads the clock and the dice. All else gets them as arguments.

use std::time::{SystemTime, UNIX_EPOCH};

use nghisu_core::{Code, Error, Result, time::Timestamp};

/// Returns the time of this machine's clock.
#[allow(
    clippy::disallowed_methods,
    reason = "the only clock read of the office"
)]
pub fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_unix_ms(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Draws random bytes from the operating system.
pub(crate) fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::new(Code::Internal, format_args!("random bytes: {error}")))?;
    Ok(bytes)
}
