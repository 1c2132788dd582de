//! How much room a store may take.

use super::{Store, sql};
use crate::error::Result;

impl Store {
    /// Lets the database grow to `pages` pages and no further, until it is opened again or told
    /// otherwise; `None` takes the bound away. What needs more room fails with
    /// [`Code::DiskFull`](crate::Code::DiskFull) and changes nothing. Returns how many pages it has.
    ///
    /// # Errors
    /// [`Code::Storage`](crate::Code::Storage).
    pub fn limit_pages(&self, pages: Option<u32>) -> Result<u32> {
        let bound = pages.unwrap_or(u32::MAX - 1);
        let pragma = |name: &str, value: u32| {
            self.connection
                .pragma_update_and_check(None, name, value, |_| Ok(()))
        };
        pragma("max_page_count", bound).map_err(sql)?;
        self.connection
            .pragma_query_value(None, "page_count", |row| row.get(0))
            .map_err(sql)
    }
}
