//! How much room the office's database may take.

use nghisu_core::Result;

use super::Office;

impl Office {
    /// Lets the database grow to `pages` pages and no further, until the office is opened again or told
    /// otherwise; `None` takes the bound away. What needs more room fails with
    /// [`Code::DiskFull`](nghisu_core::Code::DiskFull) and changes nothing. Returns how many pages it
    /// has.
    ///
    /// # Errors
    /// What the database says.
    pub fn limit_pages(&self, pages: Option<u32>) -> Result<u32> {
        self.db.write(move |tx| tx.limit_pages(pages))
    }
}
