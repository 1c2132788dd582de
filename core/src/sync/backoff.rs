//! When to try again after a failure.

use crate::time::Timestamp;

/// The first pause, in milliseconds.
pub const PAUSE_MS_MIN: u64 = 2_000;
/// The longest pause: a phone in a pocket in a hall without a network tries every five minutes.
pub const PAUSE_MS_MAX: u64 = 300_000;

/// Doubling pauses, each moved by chance within its upper half, so that a hall full of devices does
/// not come back at one moment.
#[derive(Debug, Clone, Default)]
pub struct Backoff {
    failures: u32,
    until: Option<Timestamp>,
}

impl Backoff {
    /// Notes a failure. `retry_after_ms` is the least pause that the office asked for; `dice` is random.
    pub fn fail(&mut self, now: Timestamp, retry_after_ms: u64, dice: u64) {
        let pause = PAUSE_MS_MIN
            .saturating_mul(1 << self.failures.min(10))
            .min(PAUSE_MS_MAX);
        let pause = pause / 2 + dice % (pause / 2 + 1);
        self.failures = self.failures.saturating_add(1);
        self.until = Some(now.plus_ms(pause.max(retry_after_ms)));
    }

    /// Notes a success after which the office asked to wait.
    pub fn hold(&mut self, now: Timestamp, retry_after_ms: u64) {
        self.failures = 0;
        self.until = Some(now.plus_ms(retry_after_ms));
    }

    /// Notes a success.
    pub fn succeed(&mut self) {
        *self = Self::default();
    }

    /// Returns when to try again; `None` if nothing has failed or is held back.
    pub const fn until(&self) -> Option<Timestamp> {
        self.until
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn pauses_grow_within_their_bounds(dice: u64, failures in 1u32..40, asked in 0u64..1_000_000) {
            let mut backoff = Backoff::default();
            let now = Timestamp::from_unix_ms(1_000);
            for _ in 0..failures {
                backoff.fail(now, asked, dice);
                let pause = backoff.until().unwrap().ms_since(now);
                prop_assert!(pause >= PAUSE_MS_MIN / 2 && pause >= asked);
                prop_assert!(pause <= PAUSE_MS_MAX.max(asked));
            }
            backoff.succeed();
            prop_assert_eq!(backoff.until(), None);
        }
    }
}
