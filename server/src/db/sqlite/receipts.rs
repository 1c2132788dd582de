//! Receipts that wait for the end of their transaction.

use nghisu_core::{Result, cbor, ids::MeetingId, meeting::act::Receipt};

use super::{super::rows::blob, Tx};

impl Tx<'_> {
    /// Keeps a receipt for the batch that the end of this transaction writes.
    pub(crate) fn add_due_receipt(&self, meeting: MeetingId, receipt: &Receipt) -> Result<()> {
        self.run(
            "INSERT INTO receipt_due (meeting, receipt) VALUES (?, ?)",
            (meeting.as_bytes(), cbor::encode(receipt)),
        )
        .map(drop)
    }

    /// Takes the receipts that are due, in the order in which they were given.
    pub(crate) fn take_due_receipts(&self) -> Result<Vec<(MeetingId, Receipt)>> {
        let due = self.all(
            "SELECT meeting, receipt FROM receipt_due ORDER BY n",
            [],
            |row| {
                let meeting = blob(row, 0, MeetingId::from_slice)?;
                let receipt = blob(row, 1, |bytes| cbor::decode(bytes, "receipt").ok())?;
                Ok((meeting, receipt))
            },
        )?;
        if !due.is_empty() {
            self.run("DELETE FROM receipt_due", [])?;
        }
        Ok(due)
    }
}
