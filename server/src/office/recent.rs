//! Which audiences that many read got entries lately: a pull looks at those alone, however many meetings
//! there are.
//!
//! What is kept follows from the log, which only grows: it may be behind, and is brought up before it is
//! asked, and it may be ahead of whoever reads an earlier moment, who then looks where nothing is. So
//! whichever process has written, no entry is missed.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
};

use nghisu_core::{
    Result,
    ids::{Audience, LogId},
};

use super::log::audiences_of;
use crate::db::Tx;

/// Entries that are looked at in one go.
const ENTRIES_MAX: usize = 4_096;

/// The newest entry of each audience but those of single people.
#[derive(Default)]
pub(super) struct Recent {
    known: Mutex<Option<Known>>,
}

#[derive(Default)]
struct Known {
    /// Up to which entry this is known.
    upto: u64,
    newest: BTreeMap<Audience, u64>,
    in_order: BTreeSet<(u64, Audience)>,
}

impl Recent {
    /// Returns the audiences that have entries after `after`, as far as `tx` sees. Some of them may have
    /// none that it sees. Audiences of single people are never among them.
    pub(super) fn since(
        &self,
        tx: &Tx<'_>,
        log: LogId,
        after: u64,
        upto: u64,
    ) -> Result<BTreeSet<Audience>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let known = match &mut *known {
            Some(known) => known,
            unknown @ None => unknown.insert(Known::begin(tx, upto)?),
        };
        known.bring_up(tx, log, upto)?;
        let newest_first = known.in_order.iter().rev();
        let since = newest_first.take_while(|(seq, _)| *seq > after);
        Ok(since.map(|(_, audience)| *audience).collect())
    }
}

impl Known {
    fn begin(tx: &Tx<'_>, upto: u64) -> Result<Self> {
        let mut known = Self {
            upto,
            ..Self::default()
        };
        for (audience, seq) in tx.newest_of_audiences()? {
            known.note(audience, seq);
        }
        Ok(known)
    }

    fn bring_up(&mut self, tx: &Tx<'_>, log: LogId, upto: u64) -> Result<()> {
        while self.upto < upto {
            let feeds = tx.feeds_after(self.upto, upto, ENTRIES_MAX)?;
            let reached = match feeds.last() {
                Some((last, _)) if feeds.len() == ENTRIES_MAX => *last,
                _ => upto,
            };
            for (seq, feed) in feeds {
                for audience in audiences_of(feed, log) {
                    self.note(audience, seq);
                }
            }
            self.upto = reached;
        }
        Ok(())
    }

    fn note(&mut self, audience: Audience, seq: u64) {
        if matches!(audience, Audience::Person(_)) {
            return;
        }
        if let Some(before) = self.newest.insert(audience, seq) {
            self.in_order.remove(&(before, audience));
        }
        self.in_order.insert((seq, audience));
    }
}
