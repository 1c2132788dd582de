//! How long a device may be used without meeting its office.
//!
//! Only running time counts, as a clock that never goes back measures it within one run of the
//! program. Wall clocks have no say: whoever holds a device can set them as he likes. What is used
//! up is written down ahead, so that killing the program saves nothing.

use crate::limits::{LEASE_RUNNING_MS, LEASE_STEP_MS};

/// The running time since the office was last met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lease {
    used_ms: u64,
    kept_ms: u64,
    running_ms: Option<u64>,
}

impl Lease {
    /// Goes on, in a new run of the program, from what was written down in the run before.
    pub const fn resume(kept_ms: u64) -> Self {
        Self {
            used_ms: kept_ms,
            kept_ms,
            running_ms: None,
        }
    }

    /// Counts up to `running_ms` of a clock that runs from any point of this run of the program. One
    /// that has gone back counts nothing. Returns what has to be written down now, if anything has.
    pub fn run(&mut self, running_ms: u64) -> Option<u64> {
        let since = self
            .running_ms
            .map_or(0, |before| running_ms.saturating_sub(before));
        self.running_ms = Some(running_ms);
        self.used_ms = self.used_ms.saturating_add(since);
        if self.used_ms < self.kept_ms {
            return None;
        }
        self.kept_ms = self.used_ms.saturating_add(LEASE_STEP_MS);
        Some(self.kept_ms)
    }

    /// Begins anew: the office was met.
    pub const fn met(&mut self) {
        self.used_ms = 0;
        self.kept_ms = 0;
    }

    /// Says whether the device has run too long without its office.
    pub const fn is_over(&self) -> bool {
        self.used_ms > LEASE_RUNNING_MS
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_lease_is_over_after_its_running_time_and_begins_anew_at_the_office() {
        let mut lease = Lease::default();
        lease.run(5);
        lease.run(LEASE_RUNNING_MS + 5);
        assert!(!lease.is_over());
        lease.run(LEASE_RUNNING_MS + 6);
        assert!(lease.is_over());
        lease.met();
        assert!(!lease.is_over());
        lease.run(LEASE_RUNNING_MS + 6 + LEASE_STEP_MS);
        assert!(!lease.is_over());
    }

    #[test]
    fn killing_the_program_saves_no_running_time() {
        let mut kept = 0;
        let mut runs = 0;
        while !Lease::resume(kept).is_over() {
            // Killed right after the first look at the clock.
            kept = Lease::resume(kept).run(0).unwrap();
            runs += 1;
        }
        assert_eq!(runs, LEASE_RUNNING_MS / LEASE_STEP_MS + 1);
    }

    proptest! {
        #[test]
        fn what_is_kept_is_never_less_than_what_was_used(steps in proptest::collection::vec((0u64..200_000, any::<bool>()), 1..200)) {
            let (mut lease, mut clock, mut kept, mut ran) = (Lease::default(), 0, 0, 0);
            for (ms, killed) in steps {
                if killed {
                    (lease, clock) = (Lease::resume(kept), 0);
                    kept = lease.run(clock).unwrap_or(kept);
                }
                clock += ms;
                let first = lease.running_ms.is_none();
                kept = lease.run(clock).unwrap_or(kept);
                ran += if first { 0 } else { ms };
                prop_assert!(kept >= ran);
                prop_assert!(lease.used_ms >= ran);
            }
        }
    }
}
