//! What the office states of the body, as it is shown: the newest statement that is here.

use super::{Store, sql};
use crate::{error::Result, meeting::body::BodyStatement, sync::envelope::Envelope};

impl Store {
    /// Returns what the office has stated of the body; `None` until it has.
    ///
    /// # Errors
    /// [`Code::Storage`](crate::Code::Storage).
    pub fn body(&self) -> Result<Option<BodyStatement>> {
        // The index is on the kind as a number.
        let mut statement = self
            .connection
            .prepare_cached("SELECT bytes FROM kept WHERE kind = 24")
            .map_err(sql)?;
        let mut rows = statement.query([]).map_err(sql)?;
        let mut newest: Option<BodyStatement> = None;
        while let Some(row) = rows.next().map_err(sql)? {
            let bytes: Vec<u8> = row.get(0).map_err(sql)?;
            let envelope = Envelope::decode(&bytes)?;
            let (feed, log) = (envelope.header().feed, envelope.header().log);
            // An earlier version keeps what it does not know without trying it.
            if let Ok(read) = BodyStatement::decode(envelope.payload(), feed, log) {
                newest = BodyStatement::newest(newest.into_iter().chain([read]));
            }
        }
        Ok(newest)
    }
}
