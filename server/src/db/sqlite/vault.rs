//! The vaults of private notes, as far as the office sees them.

use nghisu_core::{
    Result,
    ids::{Hash, PersonId},
};

use super::Tx;
use crate::db::rows::{VaultRow, blob, int, small, uint};

impl Tx<'_> {
    /// Returns the newest step of a person's newest vault.
    pub(crate) fn vault(&self, person: PersonId) -> Result<Option<VaultRow>> {
        self.one(
            "SELECT vault, number, newest, epoch FROM vault WHERE person = ?",
            [person.as_bytes()],
            |row| {
                Ok(VaultRow {
                    vault: blob(row, 0, Hash::from_slice)?,
                    number: uint(row, 1)?,
                    newest: blob(row, 2, Hash::from_slice)?,
                    epoch: small(row, 3)?,
                })
            },
        )
    }

    /// Returns the steps of a person's newest vault, in order.
    pub(crate) fn vault_steps(&self, person: PersonId) -> Result<Vec<Vec<u8>>> {
        self.all(
            "SELECT payload FROM vault_step WHERE person = ? ORDER BY number",
            [person.as_bytes()],
            |row| row.get(0),
        )
    }

    /// Notes a step that follows the newest. A genesis takes the place of the vault before.
    pub(crate) fn add_vault_step(
        &self,
        person: PersonId,
        row: &VaultRow,
        payload: &[u8],
    ) -> Result<()> {
        if row.number == 0 {
            self.run(
                "DELETE FROM vault_step WHERE person = ?",
                [person.as_bytes()],
            )?;
        }
        self.run(
            "INSERT INTO vault_step (person, number, payload) VALUES (?, ?, ?)",
            (person.as_bytes(), int(row.number), payload),
        )?;
        self.run(
            "INSERT INTO vault (person, vault, number, newest, epoch) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (person) DO UPDATE SET vault = ?2, number = ?3, newest = ?4, epoch = ?5",
            (
                person.as_bytes(),
                row.vault.as_bytes(),
                int(row.number),
                row.newest.as_bytes(),
                row.epoch,
            ),
        )
        .map(drop)
    }
}
