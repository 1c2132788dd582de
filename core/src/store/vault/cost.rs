//! What sealing costs on the network, measured on what this device has really handed in.

use super::{Unsealed, index_document, is_sealed};
use crate::{
    error::Result,
    ids::Audience,
    store::{Store, signed, sql},
    sync::{
        envelope::{Chain, Envelope, Subject},
        wire::{Entry, Segment},
    },
    time::Timestamp,
};

/// The notes that a device has handed in, as they travelled and as they would have travelled unsealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SealingCost {
    /// The number of the device's newest envelope: where the next count begins.
    pub newest: u64,
    /// Envelopes with sealed notes, the list of notes among them.
    pub envelopes: u64,
    /// Envelopes without sealing: there would be no list.
    pub envelopes_unsealed: u64,
    /// Their bytes on the way to the office.
    pub up: u64,
    /// The bytes of the same changes in unsealed envelopes.
    pub up_unsealed: u64,
    /// Their bytes on the way to the owner's other device, in one compressed segment.
    pub down: u64,
    /// The bytes of a segment of the unsealed envelopes.
    pub down_unsealed: u64,
}

impl Store {
    /// Measures the notes that were handed in after envelope number `after` of this device. The
    /// unsealed envelopes are really made, signed and compressed, and thrown away.
    ///
    /// # Errors
    /// [`Code::NotEnrolled`](crate::Code::NotEnrolled), [`Code::Storage`](crate::Code::Storage).
    pub fn sealing_cost(&self, after: u64) -> Result<SealingCost> {
        let owner = self.person()?.1;
        let signer = self.signer();
        let mut cost = SealingCost {
            newest: after,
            ..SealingCost::default()
        };
        let (mut sealed, mut unsealed) = (Vec::new(), Vec::new());
        let mut chain = Chain::start(self.device(), self.incarnation()?);
        let mut statement = self
            .connection
            .prepare_cached("SELECT device_seq, bytes FROM envelope WHERE device_seq > ?1 AND outcome = 'accepted' ORDER BY device_seq")
            .map_err(sql)?;
        let mut rows = statement.query([signed(after)]).map_err(sql)?;
        while let Some(row) = rows.next().map_err(sql)? {
            cost.newest = cost.newest.max(super::unsigned(row.get(0).map_err(sql)?));
            let bytes: Vec<u8> = row.get(1).map_err(sql)?;
            let envelope = Envelope::decode(&bytes)?;
            let header = envelope.header();
            if !is_sealed(header.feed, header.kind) {
                continue;
            }
            cost.envelopes += 1;
            cost.up += bytes.len() as u64;
            sealed.push(entry(header.device_seq, bytes));
            let Unsealed::Opened(payload) = self.unseal(&envelope)? else {
                continue;
            };
            if header.document == index_document(owner) {
                continue;
            }
            let subject = Subject {
                log: header.log,
                feed: header.feed,
                document: header.document,
                kind: header.kind,
                generation: header.generation,
                sealed: None,
                covers: None,
            };
            let plain = Envelope::sign(
                &mut chain,
                subject,
                payload.to_vec(),
                header.at,
                signer.as_ref(),
            )?
            .encode();
            cost.envelopes_unsealed += 1;
            cost.up_unsealed += plain.len() as u64;
            unsealed.push(entry(header.device_seq, plain));
        }
        let packed = |entries: &[Entry]| {
            let segment = Segment::pack(Audience::Person(owner), 0, 0, entries);
            if entries.is_empty() {
                0
            } else {
                crate::cbor::encode(&segment).len() as u64
            }
        };
        cost.down = packed(&sealed);
        cost.down_unsealed = packed(&unsealed);
        Ok(cost)
    }
}

const fn entry(seq: u64, envelope: Vec<u8>) -> Entry {
    Entry {
        seq,
        feed_seq: seq,
        received_at: Timestamp::from_unix_ms(1_800_000_000_000),
        envelope,
    }
}
