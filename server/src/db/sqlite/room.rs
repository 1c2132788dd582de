//! How much room the database takes.

use nghisu_core::Result;

use super::{Tx, error};

impl Tx<'_> {
    /// Bounds the number of pages of the database, and returns how many it has.
    pub(crate) fn limit_pages(&self, pages: Option<u32>) -> Result<u32> {
        let bound = pages.unwrap_or(u32::MAX - 1);
        self.connection
            .pragma_update_and_check(None, "max_page_count", bound, |_| Ok(()))
            .map_err(error)?;
        self.connection
            .pragma_query_value(None, "page_count", |row| row.get(0))
            .map_err(error)
    }
}
