//! The one place where the office reads the clock and the dice. All else gets them as arguments.

use std::time::{SystemTime, UNIX_EPOCH};

use nghisu_core::{Code, Error, Result, time::Timestamp};

#[cfg(feature = "simulation")]
pub use simulation::draw_from;

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
    #[cfg(feature = "simulation")]
    if let Some(bytes) = simulation::random() {
        return Ok(bytes);
    }
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::new(Code::Internal, format_args!("random bytes: {error}")))?;
    Ok(bytes)
}

/// Offices whose every step can be repeated. Not part of what `nghisu` is built from by itself.
#[cfg(feature = "simulation")]
mod simulation {
    use std::sync::{Mutex, PoisonError};

    use nghisu_core::trust::vault::Dice;

    static DICE: Mutex<Option<Dice>> = Mutex::new(None);

    /// Has every office of this process draw from `dice` from here on, or from the operating system
    /// again if there are none: two runs with equal dice are equal. Whoever knows the dice knows all
    /// keys that are drawn from them.
    pub fn draw_from(dice: Option<Dice>) {
        *DICE.lock().unwrap_or_else(PoisonError::into_inner) = dice;
    }

    pub(super) fn random<const N: usize>() -> Option<[u8; N]> {
        let mut dice = DICE.lock().unwrap_or_else(PoisonError::into_inner);
        dice.as_mut().map(Dice::draw)
    }
}
