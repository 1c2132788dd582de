//! What is newer, for those who listen.

use nghisu_core::{
    Result,
    ids::{Audience, Feed},
};

use super::{
    super::rows::{blob, int, uint},
    Tx,
};

impl Tx<'_> {
    /// Returns the number of an audience's newest entry.
    pub(crate) fn newest_of_audience(&self, audience: Audience) -> Result<Option<u64>> {
        self.one(
            "SELECT seq FROM entry_audience WHERE audience = ? ORDER BY seq DESC LIMIT 1",
            [audience.to_bytes()],
            |row| uint(row, 0),
        )
    }

    /// Returns the entries after `after` up to `upto` in the order of the log, each with its feed.
    pub(crate) fn feeds_after(
        &self,
        after: u64,
        upto: u64,
        count: usize,
    ) -> Result<Vec<(u64, Feed)>> {
        self.all(
            "SELECT seq, feed FROM entry WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?",
            (int(after), int(upto), int(count as u64)),
            |row| Ok((uint(row, 0)?, blob(row, 1, Feed::from_slice)?)),
        )
    }
}
