//! What the database keeps of the office's keys and certificates. No secret is among it.

use nghisu_core::{
    Result, cbor,
    ids::DeviceId,
    trust::{enrol::Signed, office::PublicationKey},
};

use super::Tx;
use crate::{
    db::rows::{OfficeRow, int, maybe_blob, time},
    office::tls::Leaf,
};

impl Tx<'_> {
    /// Stores what the root has signed: itself, its predecessors, the online key, certificates.
    pub(crate) fn set_office_keys(&self, office: &OfficeRow) -> Result<()> {
        self.run(
            "UPDATE office SET root = ?, successions = ?, root_file = ?, online = ?,
                    online_certificate = ?, root_certificates = ?",
            (
                cbor::encode(&office.root),
                cbor::encode(&office.successions),
                &office.root_file,
                cbor::encode(&office.online),
                &office.online_certificate,
                &office.root_certificates,
            ),
        )
        .map(drop)
    }

    /// Notes a key that the root has signed for a secretary.
    pub(crate) fn add_publication_key(&self, statement: &Signed) -> Result<()> {
        let key: PublicationKey = statement.unverified()?;
        self.run(
            "INSERT INTO publication_key (device, name, statement) VALUES (?, ?, ?)",
            (
                key.key.device().as_bytes(),
                &key.name,
                cbor::encode(statement),
            ),
        )
        .map(drop)
    }

    /// Returns the keys that the root has signed for secretaries.
    pub(crate) fn publication_keys(&self) -> Result<Vec<PublicationKey>> {
        let statements: Vec<Vec<u8>> = self.all(
            "SELECT statement FROM publication_key ORDER BY name, rowid",
            [],
            |row| row.get(0),
        )?;
        statements
            .iter()
            .map(|bytes| cbor::decode::<Signed>(bytes, "publication key")?.unverified())
            .collect()
    }

    /// Returns the TLS leaf as it was issued last.
    pub(crate) fn leaf(&self) -> Result<Leaf> {
        let leaf = self.one(
            "SELECT leaf_names, leaf_until, leaf_issuer FROM office",
            [],
            |row| {
                Ok(Leaf {
                    names: row.get(0)?,
                    until: time(row, 1)?,
                    issuer: maybe_blob(row, 2, DeviceId::from_slice)?,
                })
            },
        )?;
        Ok(leaf.unwrap_or_default())
    }

    pub(crate) fn set_leaf(&self, leaf: &Leaf) -> Result<()> {
        self.run(
            "UPDATE office SET leaf_names = ?, leaf_until = ?, leaf_issuer = ?",
            (
                &leaf.names,
                int(leaf.until.unix_ms()),
                leaf.issuer.map(|issuer| *issuer.as_bytes()),
            ),
        )
        .map(drop)
    }
}
