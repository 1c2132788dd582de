//! A reply in parts that the store writes one by one.

use super::{Checked, Incoming, Page, PageEnd, Via};
use crate::{
    ids::Hash,
    limits::{STEP_BYTES_MAX, STEP_ENTRIES_MAX},
    sync::wire::{Outcome, SignedHead},
};

/// Cuts a page into parts that the store writes without keeping an edit waiting.
/// The cursor moves in the last part, so a part that is repeated must change nothing.
/// The head is kept with what was accepted: that stands in the log up to there.
pub(super) fn cut(
    (outcomes, head): (Vec<(Hash, Outcome)>, SignedHead),
    incoming: Checked,
    end: PageEnd,
) -> Vec<Page> {
    let mut pages = vec![Page {
        outcomes,
        covered: incoming.covered,
        head: Some(head),
        ..Page::default()
    }];
    let mut bytes = 0;
    let mut answered = Some(incoming.answered).filter(|answered| !answered.is_empty());
    // Ranges come first: they were served for the access that the device had when it asked.
    for entry in incoming.backfilled.into_iter().chain(incoming.entries) {
        if entry.via == Via::Cursor
            && let (Some(answered), Some(page)) = (answered.take(), pages.last_mut())
        {
            page.answered = answered;
        }
        let full = match pages.last() {
            Some(page) => {
                page.entries.len() == STEP_ENTRIES_MAX
                    || (!page.entries.is_empty() && entry.changes_access())
                    || page.entries.last().is_some_and(Incoming::changes_access)
                    || (bytes > 0 && bytes + entry.bytes.len() > STEP_BYTES_MAX)
            }
            None => true,
        };
        if full {
            pages.push(Page::default());
            bytes = 0;
        }
        bytes += entry.bytes.len();
        if let Some(page) = pages.last_mut() {
            page.entries.push(entry);
        }
    }
    if let Some(page) = pages.last_mut() {
        page.answered.extend(answered.into_iter().flatten());
        page.end = Some(Box::new(end));
    }
    pages
}
