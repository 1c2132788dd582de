//! What becomes of the envelopes that a device hands in.
//!
//! Everything that needs no database is done before the transaction: reading, hashing, signatures.
//! Accepted and refused are final: they advance the device's chain, and repeats get the same answer.
//! A batch stops at a quota, at what leaves out a part of the chain, and at what forks it; then nothing
//! of the rest is remembered.

use std::collections::BTreeSet;

use nghisu_core::{
    Result,
    ids::{ActId, DeviceId, Feed, Hash, Kind, LogId, MeetingId, PersonId, domain},
    limits::{
        ENVELOPES_PER_DEVICE_AND_DAY_MAX, GROUP_PAYLOAD_BYTES_MAX, OFFICE_PAYLOAD_BYTES_MAX,
        RECORD_PAYLOAD_BYTES_MAX,
    },
    meeting::{
        ItemId,
        act::{Act, ActKind, Receipt, SignedAct},
        ruling::Ruling,
    },
    sync::{
        envelope::{Chain, Envelope},
        wire::{Outcome, Stopped},
    },
    time::Timestamp,
    trust::{
        decide::{Action, Actor, Decision, Role, decide},
        keys::PublicKey,
    },
};

use super::{
    incarnation, late,
    log::{Appending, Place},
    publish::{begins, has_draft},
    records,
    returned::Returning,
    rights::state_of,
    vault::{self, Verdict},
};
use crate::db::{
    Tx,
    rows::{ActRow, DeviceRow, GivenRow},
};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// An envelope as far as it can be judged without the database.
pub(crate) struct Offered {
    bytes: Vec<u8>,
    /// `None` if the bytes are no envelope.
    envelope: Option<Envelope>,
    /// Whether the device that asks has signed it.
    signed: bool,
}

impl Offered {
    /// Returns the envelope's id, if the device that asks has signed it.
    pub(super) fn id(&self) -> Option<Hash> {
        let envelope = self.envelope.as_ref().filter(|_| self.signed)?;
        Some(envelope.id())
    }

    pub(crate) fn read(bytes: Vec<u8>, key: &PublicKey) -> Self {
        let envelope = Envelope::decode(&bytes).ok();
        let signed = envelope
            .as_ref()
            .is_some_and(|envelope| envelope.verify(key));
        Self {
            bytes,
            envelope,
            signed,
        }
    }
}

/// The role of whoever hands in, and how large payloads of notes may be, in bytes.
pub(super) type Terms = (Role, usize);

/// What became of a batch.
#[derive(Debug, Default)]
pub(crate) struct Admitted {
    pub(crate) outcomes: Vec<Outcome>,
    pub(crate) stopped: Option<Stopped>,
}

impl Admitted {
    /// Takes nothing of a batch: it is offered again once the device has read on.
    pub(super) fn nothing(device: &DeviceRow) -> Self {
        Self {
            outcomes: Vec::new(),
            stopped: Some(Stopped {
                reason: "chain".into(),
                device_seq: device.chain.device_seq,
                newest: device.chain.newest,
            }),
        }
    }
}

/// Takes in a batch, in order. `device` moves on with it; the caller stores it.
pub(crate) fn admit(
    log: &mut Appending<'_>,
    device: &mut DeviceRow,
    terms: Terms,
    batch: &[Offered],
    mut returning: Returning<'_>,
) -> Result<Admitted> {
    let mut admitted = Admitted::default();
    // Documents of which something is to be made again.
    let mut redone = BTreeSet::new();
    for offered in batch {
        let header = offered.envelope.as_ref().map(Envelope::header);
        if let Some(header) = header {
            returning.take_before(log, header.device_seq)?;
        }
        let behind = header.is_some_and(|header| redone.contains(&header.document));
        match admit_one(log, device, terms, (offered, behind))? {
            Step::Settled(outcome) => {
                if let (Outcome::Redo { .. }, Some(header)) = (&outcome, header) {
                    redone.insert(header.document);
                }
                admitted.outcomes.push(outcome);
            }
            Step::Held(outcome) => {
                admitted.outcomes.push(outcome);
                break;
            }
            Step::Forked(cause) => {
                incarnation::grant(log, device, cause)?;
                break;
            }
            Step::Stopped(reason) => {
                admitted.stopped = Some(Stopped {
                    reason: reason.into(),
                    device_seq: device.chain.device_seq,
                    newest: device.chain.newest,
                });
                break;
            }
        }
    }
    returning.finish(log)?;
    Ok(admitted)
}

enum Step {
    Settled(Outcome),
    Held(Outcome),
    Stopped(&'static str),
    /// Another copy of the device has written in this place of the chain.
    Forked(Hash),
}

/// Takes in one envelope. One `behind` another of its document that is to be made again is to be made again
/// too: what it builds upon comes later, and others would read it first.
fn admit_one(
    log: &mut Appending<'_>,
    device: &mut DeviceRow,
    terms: Terms,
    (offered, behind): (&Offered, bool),
) -> Result<Step> {
    let Some(envelope) = &offered.envelope else {
        return Ok(Step::Stopped("malformed"));
    };
    let (header, id) = (envelope.header(), envelope.id());
    if let Some(outcome) = log.tx.outcome(device.id, id)? {
        return Ok(Step::Settled(outcome));
    }
    let next = device.chain.device_seq.checked_add(1);
    let in_place = header.log == log.office.log
        && header.device == device.id
        && header.incarnation == device.chain.incarnation
        && next.is_some_and(|next| header.device_seq <= next);
    if !in_place {
        return Ok(Step::Stopped("chain"));
    }
    if !offered.signed {
        return Ok(Step::Stopped("signature"));
    }
    if let Some((seq, feed_seq)) = log.tx.place_of(id)? {
        // Somebody else has brought it back.
        let outcome = log.accepted(Place { seq, feed_seq });
        device.chain = Chain {
            device_seq: header.device_seq,
            newest: id,
            ..device.chain
        };
        log.tx.add_outcome(&device.chain, &outcome)?;
        return Ok(Step::Settled(outcome));
    }
    if let Some(retry_after_ms) = over_quota(device, log.now) {
        return Ok(Step::Held(Outcome::Held {
            reason: "quota".into(),
            retry_after_ms,
        }));
    }
    if Some(header.device_seq) != next || header.previous != device.chain.newest {
        return Ok(Step::Forked(id));
    }
    let judged = match judge(log.tx, device, terms, envelope)? {
        Judged::Accepted(_) if behind && header.kind == Kind::Changes => Judged::Redo("epoch"),
        judged @ (Judged::Accepted(_) | Judged::Redo(_) | Judged::Refused(_)) => judged,
    };
    let outcome = match judged {
        Judged::Accepted(act) => {
            let place = log.append(envelope, &offered.bytes)?;
            if let Some(stated) = act
                && let Some(receipt) = receive(log, &stated, place)?
            {
                log.tx.add_due_receipt(stated.0.meeting, &receipt)?;
            }
            log.accepted(place)
        }
        Judged::Redo(reason) => Outcome::Redo {
            reason: reason.into(),
        },
        Judged::Refused(reason) => {
            if header.kind == Kind::Changes {
                log.tx
                    .add_refused_document(device.id, header.document, header.generation)?;
            }
            Outcome::Refused {
                reason: reason.into(),
            }
        }
    };
    device.chain = Chain {
        device_seq: header.device_seq,
        newest: id,
        ..device.chain
    };
    log.tx.add_outcome(&device.chain, &outcome)?;
    Ok(Step::Settled(outcome))
}

/// Counts one envelope more; if that is over the quota of the day, returns after how many
/// milliseconds the next day begins.
pub(super) fn over_quota(device: &mut DeviceRow, now: Timestamp) -> Option<u64> {
    let (day, ms) = (now.unix_ms() / DAY_MS, now.unix_ms() % DAY_MS);
    if device.quota_day != day {
        device.quota_day = day;
        device.quota_used = 0;
    }
    if device.quota_used >= ENVELOPES_PER_DEVICE_AND_DAY_MAX {
        return Some(DAY_MS - ms);
    }
    device.quota_used += 1;
    None
}

pub(super) enum Judged {
    /// It may be appended. An act that has no receipt yet comes with it, and the device that it was made on.
    Accepted(Option<Box<(Act, DeviceId)>>),
    Refused(&'static str),
    /// It must be made anew.
    Redo(&'static str),
}

fn judge(
    tx: &Tx<'_>,
    device: &DeviceRow,
    (role, note_bytes_max): Terms,
    envelope: &Envelope,
) -> Result<Judged> {
    let header = envelope.header();
    let actor = Actor::Device {
        person: device.person,
        role,
        status: device.status,
    };
    if envelope.payload().len() > payload_bytes_max(header.feed, note_bytes_max) {
        return Ok(Judged::Refused("too_large"));
    }
    let decision = decide(
        actor,
        Action::Append(header.feed, header.kind),
        state_of(tx, header.log, device.person, header.feed)?,
    );
    if let Decision::Deny(reason) = decision {
        return Ok(Judged::Refused(reason.name()));
    }
    if let Feed::Notes(owner) = header.feed {
        return judge_note(tx, device.id, owner, envelope);
    }
    if header.sealed.is_some() {
        return Ok(Judged::Refused("kind"));
    }
    match (header.feed, header.kind) {
        (Feed::Outbox(_), Kind::Act) => judge_act(tx, actor, envelope),
        // Group notes carry changes that others would have to open: the office takes none of them from
        // a device until it can try each one where a harmful one harms nobody.
        (Feed::Group(_), Kind::Changes) => Ok(Judged::Refused("not_yet")),
        _ => Ok(Judged::Refused("kind")),
    }
}

const fn payload_bytes_max(feed: Feed, note_bytes_max: usize) -> usize {
    match feed {
        Feed::Notes(_) => note_bytes_max,
        Feed::Group(_) => GROUP_PAYLOAD_BYTES_MAX,
        Feed::Outbox(_) => RECORD_PAYLOAD_BYTES_MAX,
        Feed::Draft(_)
        | Feed::MinutesDraft(_)
        | Feed::Body(_)
        | Feed::Programme(_)
        | Feed::CircleProgramme(..)
        | Feed::Receipts(_)
        | Feed::Roll(_)
        | Feed::RollPrivate(_)
        | Feed::Record(_)
        | Feed::Floor(_)
        | Feed::Petition(_)
        | Feed::Task(_)
        | Feed::Person(_) => OFFICE_PAYLOAD_BYTES_MAX,
    }
}

/// Notes are sealed: the office looks at their headers alone.
fn judge_note(
    tx: &Tx<'_>,
    device: DeviceId,
    owner: PersonId,
    envelope: &Envelope,
) -> Result<Judged> {
    let header = envelope.header();
    if header.kind == Kind::Changes
        && tx.is_refused_document(device, header.document, header.generation)?
    {
        return Ok(Judged::Refused("after_refused"));
    }
    Ok(match vault::judge(tx, owner, envelope)? {
        Verdict::Accept => Judged::Accepted(None),
        Verdict::Refuse(reason) => Judged::Refused(reason),
        Verdict::Redo(reason) => Judged::Redo(reason),
    })
}

/// Judges an act, whoever brings it: one that had its receipt, or that the log has, was judged before.
pub(super) fn judge_act(tx: &Tx<'_>, actor: Actor, envelope: &Envelope) -> Result<Judged> {
    let Ok((signed, act)) = SignedAct::decode(envelope.payload()) else {
        return Ok(Judged::Refused("malformed"));
    };
    if envelope.header().feed != Feed::Outbox(act.person) {
        return Ok(Judged::Refused("not_yours"));
    }
    // An act outlives the device on which it was made, so that one may be closed by now.
    let made_on = tx.device(signed.made_on)?;
    let (content, signature) = signed.signed_parts();
    let holds = made_on.is_some_and(|made_on| {
        made_on.person == act.person && made_on.key.verify(domain::ACT, content, signature)
    });
    if !holds {
        return Ok(Judged::Refused("signature"));
    }
    if let Some(known) = tx.act(act.id)? {
        return Ok(if known.content == act.content_hash() {
            Judged::Accepted(None)
        } else {
            Judged::Refused("act_id_reused")
        });
    }
    let programme = Feed::Programme(act.meeting);
    let readable = Action::Read(programme);
    let role = match actor {
        Actor::Device { role, .. } => role,
        Actor::Office | Actor::Stranger => return Ok(Judged::Refused("unknown")),
    };
    let state = state_of(tx, envelope.header().log, act.person, programme)?;
    // An act that had its receipt or its record was judged before the office was restored.
    let lost =
        tx.settled_act(act.id)?.is_some() || tx.is_recorded_as(act.id, act.content_hash())?;
    // A draft is written before anything is published.
    let is_there = match &act.ruling {
        Some(Ruling::Draft(ruling)) if role == Role::Secretary => {
            // While the office heals, devices may not have brought the draft back yet.
            begins(ruling) || has_draft(tx, act.meeting)? || tx.is_healing()?
        }
        Some(_) | None => {
            decide(actor, readable, state) == Decision::Allow && tx.is_published(act.meeting)?
        }
    };
    // Who has no access to a meeting is told neither whether it exists nor what its items are.
    if !lost && !is_there {
        return Ok(Judged::Refused("meeting_unknown"));
    }
    if let Some(item) = &act.item
        && !lost
        && !reads_item(tx, actor, envelope.header().log, &act, item)?
    {
        return Ok(Judged::Refused("item_unknown"));
    }
    if !lost && let Some(reason) = records::why_not(tx, role, &act)? {
        return Ok(Judged::Refused(reason));
    }
    let made_on = signed.made_on;
    Ok(match (act.kind, act.withdraws) {
        (ActKind::Withdrawal, None) => Judged::Refused("malformed"),
        (ActKind::Withdrawal, Some(withdrawn)) => match tx.act(withdrawn)? {
            Some(other) if other.person != act.person => Judged::Refused("not_yours"),
            Some(other) if other.meeting != act.meeting || other.kind == ActKind::Withdrawal => {
                Judged::Refused("malformed")
            }
            Some(_) | None => Judged::Accepted(Some(Box::new((act, made_on)))),
        },
        (_, Some(_)) => Judged::Refused("malformed"),
        (_, None) => Judged::Accepted(Some(Box::new((act, made_on)))),
    })
}

/// Says whether the author of an act reads a part of the programme that has, or had, the item.
fn reads_item(tx: &Tx<'_>, actor: Actor, log: LogId, act: &Act, item: &ItemId) -> Result<bool> {
    for feed in tx.feeds_of_item(act.meeting, item.as_str())? {
        let state = state_of(tx, log, act.person, feed)?;
        if decide(actor, Action::Read(feed), state) == Decision::Allow {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Returns the item that a receipt names: all who take part read receipts, so none of a circle's.
fn receipted_item(tx: &Tx<'_>, act: &ActRow) -> Result<Option<ItemId>> {
    let Some(item) = &act.item else {
        return Ok(None);
    };
    let feeds = tx.feeds_of_item(act.meeting, item)?;
    let open = feeds.contains(&Feed::Programme(act.meeting));
    Ok(item.parse().ok().filter(|_| open))
}

/// Records an act. Its receipt comes at once, unless the office heals or somebody has brought back the
/// one that it once had. A ruling is made known in place of a receipt.
pub(super) fn receive(
    log: &mut Appending<'_>,
    (act, made_on): &(Act, DeviceId),
    place: Place,
) -> Result<Option<Receipt>> {
    let row = ActRow {
        id: act.id,
        content: act.content_hash(),
        person: act.person,
        meeting: act.meeting,
        item: act.item.as_ref().map(|item| item.as_str().to_owned()),
        kind: act.kind,
        standing: false,
        merged_into: None,
        withdraws: act.withdraws,
    };
    log.tx.add_act(&row)?;
    if log.tx.is_healing()? {
        log.tx.add_waiting_act(place.seq, act.id, log.now)?;
        return Ok(None);
    }
    if act.kind == ActKind::Ruling {
        let now = log.now;
        records::make_known(log, act, *made_on, now)?;
        return Ok(None);
    }
    if let Some(receipt) = log.tx.settled_act(act.id)? {
        adopt(log.tx, row, &receipt)?;
        return Ok(None);
    }
    give_receipt(log, row, log.now, None).map(Some)
}

/// Gives an act its receipt: a number of its own, or what it refers to; in place of the number
/// `replaces`, if somebody else had that first.
pub(super) fn give_receipt(
    log: &Appending<'_>,
    mut row: ActRow,
    received_at: Timestamp,
    replaces: Option<u64>,
) -> Result<Receipt> {
    let tx = log.tx;
    let (mut number, mut refers_to) = (None, row.withdraws);
    row.standing = row.kind != ActKind::Withdrawal;
    if row.kind == ActKind::Withdrawal {
        if let Some(withdrawn) = row.withdraws.map(|id| tx.act(id)).transpose()?.flatten() {
            tx.withdraw_act(withdrawn.merged_into.unwrap_or(withdrawn.id))?;
        }
    } else if let Some(withdrawal) = tx.withdrawal_of(&row)? {
        // It has waited for this act: whatever the act joins goes with it, as in the other order.
        row.standing = false;
        row.merged_into = mergeable(tx, &row)?;
        if let Some(first) = row.merged_into {
            tx.withdraw_act(first)?;
        }
        refers_to = Some(withdrawal);
    } else if let Some(first) = mergeable(tx, &row)? {
        row.merged_into = Some(first);
        refers_to = Some(first);
    } else {
        number = Some(tx.next_receipt(row.meeting, log.office.epoch)?);
    }
    tx.set_act(&row)?;
    let receipt = Receipt {
        number,
        person: row.person,
        item: receipted_item(tx, &row)?,
        kind: row.kind,
        received_at,
        act: row.id,
        act_hash: row.content,
        refers_to,
        late: late::is_late(tx, &row, received_at)?,
        replaces,
    };
    note_given(tx, row.meeting, &receipt)?;
    Ok(receipt)
}

/// Notes who holds a receipt's number.
pub(super) fn note_given(tx: &Tx<'_>, meeting: MeetingId, receipt: &Receipt) -> Result<()> {
    let Some(number) = receipt.number else {
        return Ok(());
    };
    tx.add_given(&GivenRow {
        meeting,
        number,
        act: receipt.act,
        person: receipt.person,
        received_at: receipt.received_at,
        replaced_by: None,
    })
}

/// Takes up what the receipt says that an act once had.
pub(super) fn adopt(tx: &Tx<'_>, mut row: ActRow, receipt: &Receipt) -> Result<()> {
    if row.kind == ActKind::Withdrawal {
        if let Some(withdrawn) = row.withdraws.map(|id| tx.act(id)).transpose()?.flatten() {
            tx.withdraw_act(withdrawn.merged_into.unwrap_or(withdrawn.id))?;
        }
        return Ok(());
    }
    let withdrawn = tx.withdrawal_of(&row)?.is_some();
    row.standing = !withdrawn;
    if let (None, Some(first)) = (receipt.number, receipt.refers_to)
        && let Some(first) = tx.act(first)?
        && first.kind != ActKind::Withdrawal
    {
        row.merged_into = Some(first.id);
        row.standing = first.standing && !withdrawn;
    }
    tx.set_act(&row)
}

/// Returns the act that stands and that another one of its kind joins.
fn mergeable(tx: &Tx<'_>, row: &ActRow) -> Result<Option<ActId>> {
    if row.kind.merges() {
        tx.standing_act(row)
    } else {
        Ok(None)
    }
}
