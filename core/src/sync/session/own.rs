//! What a reply says of the device's own envelopes and their chain.

use super::{Session, Step, Work};
use crate::{
    error::{Code, Error, Result},
    ids::Hash,
    sync::wire::{Outcome, Stopped, Synced},
};

/// The reason of an envelope that is held by itself: those of other documents go on.
const MISSING_DEPENDENCY: &str = "missing_dependency";

impl Session<'_> {
    /// Counts what became of envelopes. Returns whether the office has stopped the batch at one that
    /// it holds, and whether anything is settled.
    pub(super) fn count(&mut self, outcomes: &[Outcome]) -> (bool, bool) {
        let (mut stops, mut progress) = (false, false);
        for outcome in outcomes {
            match outcome {
                Outcome::Accepted { .. } => self.report.accepted += 1,
                Outcome::Refused { .. } => self.report.refused += 1,
                Outcome::Redo { .. } => {}
                Outcome::Held {
                    reason,
                    retry_after_ms,
                } => {
                    self.report.held += 1;
                    self.hold_ms = self.hold_ms.max(*retry_after_ms);
                    self.report.held_ms = (*retry_after_ms).max(1);
                    stops |= reason != MISSING_DEPENDENCY;
                }
            }
            progress |= outcome.is_final();
        }
        (stops, progress)
    }

    /// Returns what to do where the office has stopped a batch, or tells of a chain that has lost what was
    /// settled.
    ///
    /// # Errors
    /// As [`Session::after_stop`].
    pub(super) fn what_is_lost(
        &mut self,
        work: &Work,
        sent: &[Hash],
        synced: &Synced,
    ) -> Result<Option<Step>> {
        if let Some(stopped) = &synced.stopped {
            return self.after_stop(work, stopped).map(Some);
        }
        let lost = lost(work, sent, synced).filter(|_| !self.resent);
        self.resent |= lost.is_some();
        Ok(lost.map(|device_seq| Step::Unsettle { device_seq }))
    }

    /// Returns what to do where the office has stopped a batch: offer again what it has lost, or, if
    /// that is not stored any more, ask for another incarnation. Each once in a sync.
    ///
    /// # Errors
    /// [`Code::LogChanged`] if both were tried.
    fn after_stop(&mut self, work: &Work, stopped: &Stopped) -> Result<Step> {
        let lost = stopped.reason == "chain" && stopped.device_seq < work.chain.device_seq;
        if lost && !self.resent {
            self.resent = true;
            return Ok(Step::Unsettle {
                device_seq: stopped.device_seq,
            });
        }
        if !self.asked_anew {
            self.asked_anew = true;
            return Ok(Step::Anew);
        }
        Err(Error::new(
            Code::LogChanged,
            format_args!("{} at {}", stopped.reason, stopped.device_seq),
        ))
    }
}

/// Returns the step that comes before all else of a reply, if the office has the device's chain in
/// another incarnation or further on: a copy of this device has spoken, or it was put back from one.
pub(super) fn other_chain(work: &Work, sent: &[Hash], synced: &Synced) -> Option<Step> {
    let chain = synced.own?;
    let granted = chain.incarnation > work.chain.incarnation;
    let further = chain.incarnation == work.chain.incarnation
        && chain.device_seq > work.chain.device_seq
        && !work.behind;
    (granted || further).then(|| Step::Own {
        chain,
        outcomes: sent
            .iter()
            .copied()
            .zip(synced.outcomes.iter().cloned())
            .collect(),
    })
}

/// Returns where the device's chain ends at the office, if that is before what the office had settled: it
/// was put back to before that, and nothing that this device has read shows it.
fn lost(work: &Work, sent: &[Hash], synced: &Synced) -> Option<u64> {
    let chain = synced.own?;
    let settled = match work.unsettled.first() {
        Some(first) => first.header().device_seq.saturating_sub(1),
        None => work.chain.device_seq.saturating_sub(sent.len() as u64),
    };
    let before = chain.incarnation == work.chain.incarnation && chain.device_seq < settled;
    (before && !work.quiet).then_some(chain.device_seq)
}
