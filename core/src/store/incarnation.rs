//! This device's own chain where the office has another one: a copy of the device has spoken, or the
//! device was put back from a copy.
//!
//! A device that is merely behind reads its own envelopes back and goes on. One that has written where
//! its copy has written too gets another incarnation: acts keep their ids and signatures, the words of
//! notes are brought over, and everything is sent once more as a chain of its own.

use std::collections::BTreeSet;

use rusqlite::{OptionalExtension, Transaction};

use super::{
    Changed, Store,
    alerts::{AlertKind, Finding, put_alert},
    devices::set_aside,
    inbox::settle,
    outbox::forget_cursor,
    put_state, rebuild, signed, sql, unsigned,
};
use crate::{
    cbor,
    error::Result,
    ids::{DeviceId, Feed, Hash, Kind, domain},
    sync::{
        envelope::Envelope,
        session::{Incoming, PageEnd},
        wire::{Outcome, OwnChain},
    },
    trust::incarnation::Incarnation,
};

impl Store {
    /// Returns the chain that this device is reading back.
    pub(super) fn behind(&self) -> Result<Option<OwnChain>> {
        self.state("behind")?
            .map(|bytes| cbor::decode(&bytes, "behind"))
            .transpose()
    }

    /// Returns the name of this device's request for another incarnation.
    pub(super) fn anew(&self) -> Result<Option<Hash>> {
        self.state("anew")?
            .map(|bytes| super::column(&bytes, Hash::from_slice))
            .transpose()
    }

    /// Asks for another incarnation from the next request on.
    pub(super) fn ask_anew(&mut self) -> Result<()> {
        let own = (self.device(), self.incarnation()?);
        self.write(|transaction| ask(transaction, own))
    }

    /// Takes up the chain as the office has it. What was settled is settled first: it is not written
    /// once more.
    pub(super) fn meet_own_chain(
        &mut self,
        chain: &OwnChain,
        outcomes: &[(Hash, Outcome)],
    ) -> Result<BTreeSet<Changed>> {
        let (device, own) = (self.device(), self.incarnation()?);
        let mut changed = BTreeSet::from([Changed::Everything]);
        self.write(|transaction| {
            for (id, outcome) in outcomes {
                settle(transaction, id, outcome, device, &mut changed)?;
            }
            if chain.incarnation < own {
                return Ok(());
            }
            rebuild::mark_unsent(transaction)?;
            if chain.incarnation > own {
                tracing::warn!(
                    incarnation = chain.incarnation,
                    "the office has granted another incarnation"
                );
                set_aside(transaction, device)?;
                put_state(transaction, "incarnation", &chain.incarnation.to_be_bytes())?;
                let over = "DELETE FROM state WHERE name IN ('anew', 'behind', 'vault_asked')";
                transaction.execute(over, []).map_err(sql)?;
            } else {
                put_state(transaction, "behind", &cbor::encode(chain))?;
            }
            put_state(transaction, "vault_again", &[1])?;
            forget_cursor(transaction)
        })?;
        self.open.clear();
        Ok(changed)
    }
}

fn ask(transaction: &Transaction<'_>, (device, incarnation): (DeviceId, u32)) -> Result<()> {
    let newest = newest(transaction, incarnation)?.map_or(Hash::ZERO, |(_, id)| id);
    let name = Hash::of(
        domain::INCARNATION,
        &[
            device.as_bytes(),
            &incarnation.to_be_bytes(),
            newest.as_bytes(),
        ],
    );
    put_state(transaction, "anew", name.as_bytes())
}

fn newest(transaction: &Transaction<'_>, incarnation: u32) -> Result<Option<(u64, Hash)>> {
    let query = "SELECT device_seq, id FROM envelope WHERE incarnation = ?1
        ORDER BY device_seq DESC LIMIT 1";
    let row: Option<(i64, Vec<u8>)> = transaction
        .query_row(query, [incarnation], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
        .map_err(sql)?;
    row.map(|(seq, id)| Ok((unsigned(seq), super::column(&id, Hash::from_slice)?)))
        .transpose()
}

/// Keeps an entry of this device's own incarnation that it does not have, and tells of devices that
/// were copied.
pub(super) fn keep(
    transaction: &Transaction<'_>,
    entry: &Incoming,
    envelope: &Envelope,
    (device, incarnation): (DeviceId, u32),
    changed: &mut BTreeSet<Changed>,
) -> Result<()> {
    let header = envelope.header();
    if (header.device, header.incarnation) == (device, incarnation) {
        let row = (
            incarnation,
            signed(header.device_seq),
            envelope.id().as_bytes().to_vec(),
            header.document.as_bytes().to_vec(),
            &entry.bytes,
            signed(entry.seq),
            signed(entry.received_at.unix_ms()),
        );
        transaction
            .prepare_cached(
                "INSERT OR IGNORE INTO envelope
                 (incarnation, device_seq, id, document, bytes, outcome, seq, received_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, 'accepted', ?6, ?7)",
            )
            .and_then(|mut statement| statement.execute(row))
            .map_err(sql)?;
    }
    if let (Kind::Incarnation, Feed::Person(_)) = (header.kind, header.feed) {
        let told: Incarnation = cbor::decode(envelope.payload(), "incarnation")?;
        let finding = Finding {
            kind: if told.copied {
                AlertKind::DeviceCopied
            } else {
                AlertKind::DeviceForked
            },
            finding: format!("{}:{}", told.device, told.number),
            meeting: None,
            detail: told.device.to_string(),
            at: told.at,
        };
        if put_alert(transaction, &finding)? {
            changed.insert(Changed::Alerts);
        }
    }
    Ok(())
}

/// At the end of the log: goes on if the own chain was found whole, and asks for another incarnation
/// if its end is not to be had: what was refused is in no log.
pub(super) fn end(
    transaction: &Transaction<'_>,
    end: &PageEnd,
    own: (DeviceId, u32),
) -> Result<()> {
    let behind: Option<Vec<u8>> = transaction
        .query_row("SELECT value FROM state WHERE name = 'behind'", [], |row| {
            row.get(0)
        })
        .optional()
        .map_err(sql)?;
    let (true, Some(behind)) = (end.complete, behind) else {
        return Ok(());
    };
    let behind: OwnChain = cbor::decode(&behind, "behind")?;
    let found = newest(transaction, own.1)?.is_some_and(|(seq, id)| {
        seq > behind.device_seq || (seq, id) == (behind.device_seq, behind.newest)
    });
    if !found {
        ask(transaction, own)?;
    }
    put_state(transaction, "vault_again", &[1])?;
    transaction
        .execute("DELETE FROM state WHERE name = 'behind'", [])
        .map(|_| ())
        .map_err(sql)
}
