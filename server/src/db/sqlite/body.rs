//! Where the log states what the body is.

use nghisu_core::Result;

use super::{
    super::rows::{int, uint},
    Tx,
};

impl Tx<'_> {
    /// Notes that the entry at `seq` states the body, with this number.
    pub(crate) fn add_body_statement(&self, seq: u64, number: u64) -> Result<()> {
        self.run(
            "INSERT OR IGNORE INTO body_statement (seq, number) VALUES (?, ?)",
            (int(seq), int(number)),
        )
        .map(drop)
    }

    /// Returns the entries that state the body with the highest number: one, but for numbers that a restored
    /// office has given twice.
    pub(crate) fn body_statements(&self) -> Result<Vec<u64>> {
        self.all(
            "SELECT seq FROM body_statement
             WHERE number = (SELECT max(number) FROM body_statement) ORDER BY seq",
            [],
            |row| uint(row, 0),
        )
    }

    /// Returns where all statements of the body stand in the log.
    pub(crate) fn all_body_statements(&self) -> Result<Vec<u64>> {
        self.all("SELECT seq FROM body_statement ORDER BY seq", [], |row| {
            uint(row, 0)
        })
    }
}
