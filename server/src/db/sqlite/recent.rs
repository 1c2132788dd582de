//! Where the log was written last.

use nghisu_core::{Result, ids::Audience};

use super::{
    super::rows::{blob, uint},
    Tx,
};

impl Tx<'_> {
    /// Returns every audience with the number of its newest entry. It steps from one audience to the
    /// next, however many entries each has.
    pub(crate) fn newest_of_audiences(&self) -> Result<Vec<(Audience, u64)>> {
        self.all(
            "WITH RECURSIVE each (audience) AS (
                 SELECT min(audience) FROM entry_audience
                 UNION ALL
                 SELECT (SELECT min(audience) FROM entry_audience WHERE audience > each.audience)
                 FROM each WHERE each.audience IS NOT NULL
             )
             SELECT audience, (SELECT max(seq) FROM entry_audience WHERE audience = each.audience)
             FROM each WHERE audience IS NOT NULL",
            [],
            |row| Ok((blob(row, 0, Audience::from_slice)?, uint(row, 1)?)),
        )
    }
}
