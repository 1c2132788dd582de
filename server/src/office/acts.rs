//! The acts that were received on a meeting, as the office has them.

use std::collections::{BTreeMap, BTreeSet};

use nghisu_core::{
    Result, cbor,
    ids::{ActId, Feed, Kind, MeetingId},
    meeting::{
        Programme,
        act::{Act, ActKind, Receipt, ReceiptBatch, SignedAct},
        publication::programme_of,
        view::View,
    },
    time::Timestamp,
};

use super::{
    Office,
    export::{seen, walk},
    publish::find_meeting,
    records::envelopes_of,
};
use crate::db::Tx;

/// An act that the office has received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedAct {
    /// What was stated.
    pub act: Act,
    /// The name of who stated it.
    pub person: String,
    /// The number and title of its item, if that was published.
    pub item: Option<(String, String)>,
    /// When the office had it.
    pub received_at: Timestamp,
    /// The receipt that counts; none while the office heals.
    pub receipt: Option<Receipt>,
    /// Whether its author has taken it back.
    pub withdrawn: bool,
}

impl Office {
    /// Returns the acts of a meeting, by id or by its author's id: by number of the receipt, and those
    /// that have none behind the one that they refer to. Rulings are not among them. They come from the log, which is checked.
    ///
    /// # Errors
    /// [`nghisu_core::Code::MeetingUnknown`], [`nghisu_core::Code::LogDamaged`].
    pub fn acts(&self, meeting: &str) -> Result<Vec<ReceivedAct>> {
        self.db.read(|tx| {
            let meeting = find_meeting(tx, meeting)?.id;
            let mut acts = Vec::new();
            let mut receipts: BTreeMap<ActId, Vec<Receipt>> = BTreeMap::new();
            let (mut view, mut known) = (View::default(), BTreeSet::new());
            walk(tx, &mut |entry, envelope| {
                let (header, payload) = (envelope.header(), envelope.payload());
                if header.kind == Kind::Act {
                    let (_, act) = SignedAct::decode(payload)?;
                    let stated = act.meeting == meeting && act.kind != ActKind::Ruling;
                    if stated && known.insert(act.id) {
                        acts.push((act, entry.received_at));
                    }
                } else if header.kind == Kind::Receipts {
                    let batch: ReceiptBatch = cbor::decode(payload, "receipts")?;
                    for receipt in batch.receipts {
                        receipts.entry(receipt.act).or_default().push(receipt);
                    }
                } else if programme_of(entry.feed).is_some_and(|(of, _)| of == meeting) {
                    view.apply(seen(entry, envelope))?;
                }
                Ok(())
            })?;
            let items = items(&view, meeting)?;
            let mut received = Vec::new();
            for (act, received_at) in acts {
                let receipt = receipts.remove(&act.id).and_then(Receipt::that_counts);
                received.push(ReceivedAct {
                    person: tx.person(act.person)?.map(|it| it.name).unwrap_or_default(),
                    item: act
                        .item
                        .as_ref()
                        .and_then(|id| items.get(id.as_str()))
                        .cloned(),
                    received_at: receipt.as_ref().map_or(received_at, |it| it.received_at),
                    withdrawn: is_withdrawn(tx, &act)?,
                    receipt,
                    act,
                });
            }
            sort(&mut received);
            Ok(received)
        })
    }
}

/// Returns the receipts of a meeting that count.
pub(super) fn counting_receipts(tx: &Tx<'_>, meeting: MeetingId) -> Result<Vec<Receipt>> {
    let mut receipts: BTreeMap<ActId, Vec<Receipt>> = BTreeMap::new();
    for envelope in envelopes_of(tx, Feed::Receipts(meeting))? {
        if envelope.header().kind == Kind::Receipts {
            let batch: ReceiptBatch = cbor::decode(envelope.payload(), "receipts")?;
            for receipt in batch.receipts {
                receipts.entry(receipt.act).or_default().push(receipt);
            }
        }
    }
    Ok(receipts
        .into_values()
        .filter_map(Receipt::that_counts)
        .collect())
}

/// Returns number and title of every published item.
fn items(view: &View, meeting: MeetingId) -> Result<BTreeMap<String, (String, String)>> {
    let json = view.to_json();
    let programme = &json["meetings"][meeting.to_string()]["programme"];
    if programme.is_null() {
        return Ok(BTreeMap::new());
    }
    let items = Programme::from_json(programme)?.items.into_iter();
    let named = items.map(|(id, item)| (id.into(), (item.number.unwrap_or_default(), item.title)));
    Ok(named.collect())
}

/// An act goes with the one that it was merged into, whichever of the two was taken back.
fn is_withdrawn(tx: &Tx<'_>, act: &Act) -> Result<bool> {
    if act.kind == ActKind::Withdrawal {
        return Ok(false);
    }
    let Some(row) = tx.act(act.id)? else {
        return Ok(false);
    };
    let first = match row.merged_into {
        Some(first) => tx.act(first)?.unwrap_or(row),
        None => row,
    };
    Ok(!first.standing)
}

/// By number; what has none stands behind what it refers to, in the order of receipt.
fn sort(acts: &mut [ReceivedAct]) {
    let numbers: BTreeMap<ActId, u64> = acts
        .iter()
        .filter_map(|it| Some((it.act.id, it.receipt.as_ref()?.number?)))
        .collect();
    acts.sort_by_cached_key(|it| {
        let receipt = it.receipt.as_ref();
        let own = receipt.and_then(|receipt| receipt.number);
        let of = receipt.and_then(|receipt| numbers.get(&receipt.refers_to?).copied());
        let number = own.or(of).unwrap_or(u64::MAX);
        (number, own.is_none(), it.received_at, it.act.id)
    });
}
