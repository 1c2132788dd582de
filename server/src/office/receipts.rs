//! Receipts: given with each act, written as one batch for each meeting at the end of the transaction.
//!
//! Requests that come at one moment are carried out in one transaction. That five hundred delegates
//! register at once is so some batches to read, not five hundred. The head of the log is signed there too,
//! once for all of them.

use std::collections::BTreeMap;

use nghisu_core::{
    Result, cbor,
    ids::{DocumentId, Feed, Kind, MeetingId},
    meeting::act::{Receipt, ReceiptBatch},
    time::Timestamp,
};

use super::{
    keys::Keys,
    log::{Appending, is_signed},
};
use crate::db::Tx;

/// Receipts in one batch: it stays far below what one entry may hold.
const BATCH_MAX: usize = 512;

/// Writes what the requests of this transaction were given, and signs the head that they have passed on.
pub(super) fn close(tx: &Tx<'_>, keys: &Keys, now: Timestamp) -> Result<()> {
    let mut due: BTreeMap<MeetingId, Vec<Receipt>> = BTreeMap::new();
    for (meeting, receipt) in tx.take_due_receipts()? {
        due.entry(meeting).or_default().push(receipt);
    }
    if due.is_empty() && is_signed(&tx.counter()?) {
        return Ok(());
    }
    let mut log = Appending::begin(tx, keys, now)?;
    write(&mut log, due)?;
    log.finish()
}

/// Writes receipts into the log, those of each meeting together.
pub(super) fn write(
    log: &mut Appending<'_>,
    receipts: BTreeMap<MeetingId, Vec<Receipt>>,
) -> Result<()> {
    for (meeting, receipts) in receipts {
        for receipts in receipts.chunks(BATCH_MAX) {
            let batch = ReceiptBatch {
                meeting,
                receipts: receipts.to_vec(),
            };
            let (feed, document) = (Feed::Receipts(meeting), document_of(meeting));
            log.write(feed, document, Kind::Receipts, cbor::encode(&batch))?;
        }
    }
    Ok(())
}

/// The series of a meeting's receipts is one document, known to all by the meeting's own id.
const fn document_of(meeting: MeetingId) -> DocumentId {
    DocumentId::from_bytes(*meeting.as_bytes())
}
