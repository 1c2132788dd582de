//! What is the owner's own: taken out as one text, destroyed, and how much room it takes.

use nghisu_core::store;

use crate::{Device, Result};

/// How much room a device takes on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Record)]
pub struct StorageUse {
    /// Bytes of the database and of what belongs to it.
    pub database_bytes: u64,
    /// Bytes of the files of papers.
    pub papers_bytes: u64,
    /// Files of papers, those among them that have not come whole.
    pub papers: u64,
}

impl From<store::StorageUse> for StorageUse {
    fn from(of: store::StorageUse) -> Self {
        Self {
            database_bytes: of.database_bytes,
            papers_bytes: of.papers_bytes,
            papers: of.papers,
        }
    }
}

#[uniffi::export]
impl Device {
    /// Returns what the owner has written, as one JSON text for himself or another program: who he is, his notes
    /// but for those that he has deleted, his acts with what became of them, and what was not sent.
    ///
    /// The notes are readable in it: hand it to nobody but the owner.
    pub async fn own_data(&self) -> Result<String> {
        self.run(|client| async move { client.own_data().await })
            .await
    }

    /// Destroys all that this device keeps, what was not sent among it, and shuts it down. What the office has it
    /// keeps; the folder can be opened and enrolled as a new one. Ask twice.
    pub async fn erase(&self) -> Result<()> {
        self.run(|client| async move { client.erase().await })
            .await?;
        self.shut_down().await
    }

    /// Returns how much room this device takes on the disk.
    pub async fn storage_use(&self) -> Result<StorageUse> {
        self.run(|client| async move { client.storage_use().await.map(StorageUse::from) })
            .await
    }
}
