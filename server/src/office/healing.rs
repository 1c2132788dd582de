//! Epochs of the log: how an office finds out that it was restored, and what it does until the devices
//! are back.
//!
//! `nghisu restore` begins an epoch. An office whose folder was put back by other means finds out with
//! the first device that has read further than the log goes, or has another entry there, or that was
//! enrolled and is not known. From then on it heals: it takes in and takes back, and gives no number
//! until somebody says that enough devices are back.

use std::collections::BTreeMap;

use nghisu_core::{
    Code, Error, Result, cbor,
    ids::{ActId, DocumentId, Feed, Kind, MeetingId, domain},
    meeting::act::{ActKind, Receipt, ReceiptBatch},
    sync::{
        envelope::{Chain, Envelope},
        healing::{EpochEntry, Introduction, ReturnedEntry},
        wire::{Cursor, LogHead, Request, SignedHead},
    },
    time::Timestamp,
    trust::{
        decide::DeviceStatus,
        enrol::{Certificate, Signed},
        keys::DeviceSigner,
        office::OnlineKey,
        orders::OrderKind,
    },
};

use super::{
    Office,
    admit::{adopt, give_receipt, note_given},
    ceremony::office_keys,
    log::Appending,
    office_row,
    page::{cursor_is_ours, equal_chain},
    papers_back::{MissingPaper, missing_papers},
    receipts, records,
};
use crate::db::{
    Tx,
    rows::{DeviceRow, GivenRow, OfficeRow, Person},
};

/// How far an office that was restored is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Healing {
    /// The epoch that began.
    pub epoch: u32,
    /// The last entry of before; 0 if the office found out by itself.
    pub begins: u64,
    /// When it began.
    pub begun_at: Timestamp,
    /// When healing was ended.
    pub ended_at: Option<Timestamp>,
    /// Devices that may sync.
    pub devices: u64,
    /// Those of them that have handed in all that they hold.
    pub back: u64,
    /// Entries that devices have brought back.
    pub returned: u64,
    /// Acts that wait for their receipts.
    pub waiting: u64,
    /// Numbers of receipts that were given twice.
    pub doubled: Vec<Doubled>,
    /// Publications that devices have and that do not follow what the office has, as long as no newer one
    /// says so: meeting and number.
    pub abandoned: Vec<(MeetingId, u64)>,
    /// Files that publications name and that are not there.
    pub papers_missing: Vec<MissingPaper>,
    /// People whose names came from their devices.
    pub people: Vec<String>,
}

/// A number of receipts that two offices have given, or one before and after it was restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubled {
    /// The meeting.
    pub meeting: MeetingId,
    /// The number.
    pub number: u64,
    /// Who holds it. The first keeps it.
    pub holders: Vec<Holder>,
}

/// Who holds a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The act.
    pub act: ActId,
    /// Whose act, by name.
    pub person: String,
    /// When an office received it.
    pub received_at: Timestamp,
    /// The number that the act has instead; 0 if it has joined another registration of its author.
    pub replaced_by: Option<u64>,
}

impl Office {
    /// Returns how far the office is with what it has lost; `None` if it was never restored.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn healing(&self) -> Result<Option<Healing>> {
        self.db.read(|tx| {
            let Some(epoch) = tx.newest_epoch()? else {
                return Ok(None);
            };
            let (devices, back) = tx.count_back(epoch.epoch)?;
            Ok(Some(Healing {
                epoch: epoch.epoch,
                begins: epoch.begins,
                begun_at: epoch.begun_at,
                ended_at: epoch.ended_at,
                devices,
                back,
                returned: tx.count_returned()?,
                waiting: tx.waiting_acts()?.len() as u64,
                doubled: doubled(tx)?,
                abandoned: tx.abandoned()?,
                papers_missing: missing_papers(tx, &self.folder)?,
                people: tx.people_from_devices()?,
            }))
        })
    }

    /// Ends healing: acts that wait get their receipts, and whoever holds a number that somebody else
    /// had before him gets another one. Devices that come later still bring back what they hold.
    /// Returns how many receipts were given.
    ///
    /// # Errors
    /// [`Code::NotAllowed`] if the office does not heal.
    pub fn finish_healing(&self, now: Timestamp) -> Result<u64> {
        let keys = self.keys.clone();
        self.db.write(move |tx| {
            let mut log = Appending::begin(tx, &keys, now)?;
            if tx.end_healing(now)? == 0 {
                return Err(Error::new(Code::NotAllowed, "nothing to heal"));
            }
            let given = give_numbers(&mut log)?;
            log.finish()?;
            Ok(given)
        })
    }
}

fn doubled(tx: &Tx<'_>) -> Result<Vec<Doubled>> {
    let mut all: Vec<Doubled> = Vec::new();
    for row in tx.doubled()? {
        let person = tx.person(row.person)?;
        let holder = Holder {
            act: row.act,
            person: person.map_or_else(|| row.person.to_string(), |person| person.name),
            received_at: row.received_at,
            replaced_by: row.replaced_by,
        };
        match all.last_mut() {
            Some(last) if (last.meeting, last.number) == (row.meeting, row.number) => {
                last.holders.push(holder);
            }
            Some(_) | None => all.push(Doubled {
                meeting: row.meeting,
                number: row.number,
                holders: vec![holder],
            }),
        }
    }
    Ok(all)
}

/// Gives receipts to the acts that wait, and new numbers in place of those that somebody else had
/// first. Returns how many.
pub(super) fn give_numbers(log: &mut Appending<'_>) -> Result<u64> {
    let tx = log.tx;
    let (mut known, mut new) = (Vec::new(), Vec::new());
    for (seq, act, received_at) in tx.waiting_acts()? {
        let Some(row) = tx.act(act)? else { continue };
        if row.kind == ActKind::Ruling {
            records::make_known_at(log, seq, received_at)?;
            continue;
        }
        match tx.settled_act(act)? {
            Some(receipt) => known.push((receipt, row)),
            None => new.push((row, received_at)),
        }
    }
    known.sort_by_key(|(receipt, _)| (receipt.received_at, receipt.number, receipt.act));
    for (receipt, row) in known {
        adopt(tx, row, &receipt)?;
    }
    let mut receipts: BTreeMap<MeetingId, Vec<Receipt>> = BTreeMap::new();
    for (row, received_at) in new {
        let meeting = row.meeting;
        let receipt = give_receipt(log, row, received_at, None)?;
        receipts.entry(meeting).or_default().push(receipt);
    }
    tx.clear_waiting_acts()?;
    let mut first: Option<(MeetingId, u64)> = None;
    for row in tx.doubled()? {
        let place = (row.meeting, row.number);
        if first != Some(place) {
            first = Some(place);
            continue;
        }
        if row.replaced_by.is_some() {
            continue;
        }
        if let Some(later) = tx.later_given(&row)? {
            tx.replace_given(&row, later)?;
        } else if let Some(receipt) = number_anew(log, &row)? {
            receipts.entry(row.meeting).or_default().push(receipt);
        }
    }
    let given = receipts.values().map(|of_one| of_one.len() as u64).sum();
    receipts::write(log, receipts)?;
    Ok(given)
}

/// Stands for the number of an act that has joined another one and holds none.
const JOINED: u64 = 0;

/// Gives another number to an act that holds one which somebody else had first.
fn number_anew(log: &Appending<'_>, held: &GivenRow) -> Result<Option<Receipt>> {
    let tx = log.tx;
    let Some(mut row) = tx.act(held.act)? else {
        return Ok(None);
    };
    let withdrawn = !row.standing;
    row.merged_into = None;
    row.standing = false;
    tx.set_act(&row)?;
    let receipt = give_receipt(log, row.clone(), held.received_at, Some(held.number))?;
    if withdrawn {
        row.standing = false;
        tx.set_act(&row)?;
    }
    tx.replace_given(held, receipt.number.unwrap_or(JOINED))?;
    Ok(Some(receipt))
}

/// Begins an epoch after that of the office, and after `seen`, if devices know of a later one. Cursors
/// that do not hold go on at entry `begins`, by default the log's last. Returns the epoch.
pub(super) fn begin(
    tx: &Tx<'_>,
    (seen, begins): (u32, Option<u64>),
    now: Timestamp,
) -> Result<u32> {
    let office = office_row(tx)?;
    let epoch = office.epoch.max(seen) + 1;
    let begins = match begins {
        Some(begins) => begins,
        None => tx.counter()?.seq,
    };
    // From here on numbers are compared with those that devices bring back.
    let mut after = 0;
    loop {
        let entries = tx.entries(after, 256)?;
        let Some(last) = entries.last() else { break };
        after = last.seq;
        for entry in entries {
            if let Feed::Receipts(meeting) = entry.feed {
                let bytes = tx.envelope(entry.envelope)?.unwrap_or_default();
                note_batch(tx, meeting, &bytes)?;
            }
        }
    }
    tx.begin_epoch(epoch, begins, now)?;
    Ok(epoch)
}

fn note_batch(tx: &Tx<'_>, meeting: MeetingId, bytes: &[u8]) -> Result<()> {
    let mut envelope = Envelope::decode(bytes)?;
    if envelope.header().kind == Kind::Returned {
        envelope = ReturnedEntry::open(&envelope)?.1;
    }
    if envelope.header().kind != Kind::Receipts {
        return Ok(());
    }
    let batch: ReceiptBatch = cbor::decode(envelope.payload(), "receipts")?;
    for receipt in &batch.receipts {
        note_given(tx, meeting, receipt)?;
    }
    Ok(())
}

/// Names in the log the epochs that it does not name yet.
pub(super) fn name_epochs(log: &mut Appending<'_>) -> Result<()> {
    for (epoch, begins) in log.tx.unnamed_epochs()? {
        let chain = log.tx.chain_at(begins)?;
        let entry = cbor::encode(&EpochEntry {
            epoch,
            begins,
            chain,
        });
        let (feed, document) = (
            Feed::Body(log.office.log),
            DocumentId::from_bytes(*log.office.log.as_bytes()),
        );
        let place = log.write(feed, document, Kind::Epoch, entry)?;
        log.tx.set_epoch_named(epoch, place.seq)?;
    }
    Ok(())
}

/// Where a device goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stand {
    /// After its cursor.
    Holds,
    /// In this epoch, after this entry.
    Resumes(u32, u64),
    /// At the beginning: the cursor is none of this office's.
    Unknown,
}

/// What a device has read, as its request says.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) epoch: u32,
    pub(super) cursor: Option<Cursor>,
    pub(super) head: Option<SignedHead>,
}

impl Known {
    pub(super) fn of(request: &Request) -> Self {
        Self {
            epoch: request.head.epoch,
            cursor: request.head.cursor.clone(),
            head: request.body.head.clone(),
        }
    }
}

/// Finds out where a device goes on. A cursor that this office has given, or a head that it has signed,
/// and that does not hold shows that the office was put back: it begins an epoch then.
pub(super) fn stand(
    tx: &Tx<'_>,
    office: &OfficeRow,
    device: &DeviceRow,
    known: &Known,
    now: Timestamp,
) -> Result<Stand> {
    let lost = match &known.head {
        Some(head) => lost_head(tx, office, head)?,
        None => None,
    };
    let Some(cursor) = &known.cursor else {
        return Ok(match lost {
            Some(head) => Stand::Resumes(put_back(tx, (head.epoch, head.seq), now)?, 0),
            None if known.epoch < office.epoch => Stand::Resumes(office.epoch, 0),
            None => Stand::Holds,
        });
    };
    if cursor.log != office.log {
        return Ok(Stand::Unknown);
    }
    let ours = cursor_is_ours(office, device.id, cursor);
    let holds = equal_chain(tx, (cursor.seq, cursor.chain))?;
    if cursor.epoch < office.epoch {
        let begins = tx.begins_after(cursor.epoch)?;
        return Ok(Stand::Resumes(
            office.epoch,
            match holds {
                true => cursor.seq,
                false if cursor.seq > begins => begins,
                false => 0,
            },
        ));
    }
    match (ours, holds && cursor.epoch == office.epoch) {
        (true, true) => Ok(match lost {
            // What was accepted of it stood between both.
            Some(head) => Stand::Resumes(put_back(tx, (head.epoch, head.seq), now)?, cursor.seq),
            None => Stand::Holds,
        }),
        (true, false) => {
            let read = (cursor.epoch, cursor.seq);
            Ok(Stand::Resumes(put_back(tx, read, now)?, 0))
        }
        (false, _) => Ok(Stand::Unknown),
    }
}

/// Begins an epoch, since a device has read up to an entry that the log does not have.
fn put_back(tx: &Tx<'_>, (epoch, seq): (u32, u64), now: Timestamp) -> Result<u32> {
    tracing::warn!(
        seq,
        "a device has read further than the log goes: the office was put back"
    );
    begin(tx, (epoch, Some(0)), now)
}

/// Returns the head that a device was told, if this office has signed it, has not known since that it was
/// put back, and has another log up to there.
fn lost_head(tx: &Tx<'_>, office: &OfficeRow, signed: &SignedHead) -> Result<Option<LogHead>> {
    let online = office_keys(office)?.by_a_root::<OnlineKey>(domain::ONLINE_KEY, &signed.online);
    let head = online.and_then(|online| signed.head.verify::<LogHead>(domain::HEAD, &online.key));
    let Ok(head) = head else { return Ok(None) };
    let known = head.log != office.log || head.epoch < office.epoch;
    let stands = head.epoch == office.epoch && equal_chain(tx, (head.seq, head.chain))?;
    Ok((!known && !stands).then_some(head))
}

/// A device that was enrolled and that the office has forgotten.
#[derive(Debug, Clone)]
pub(super) struct Introduced {
    pub(super) certificate: Certificate,
    person_name: String,
}

/// Reads who a device is that the office does not know: as one of its online keys has certified it.
pub(super) fn introduced(tx: &Tx<'_>, introduction: &Introduction) -> Result<Option<Introduced>> {
    let office = office_row(tx)?;
    let keys = office_keys(&office)?;
    let statements = introduction.online.iter().chain([&office.online]);
    for statement in statements {
        let Ok(online) = keys.by_a_root::<OnlineKey>(domain::ONLINE_KEY, statement) else {
            continue;
        };
        let certified = introduction
            .certificate
            .verify::<Certificate>(domain::CERTIFICATE, &online.key);
        if let Ok(certificate) = certified
            && online.log == office.log
            && certificate.log == office.log
        {
            return Ok(Some(Introduced {
                certificate,
                person_name: introduction.person_name.clone(),
            }));
        }
    }
    Ok(None)
}

/// Knows a device again that has introduced itself. That it is not known shows that the office was put
/// back.
pub(super) fn know_again(
    tx: &Tx<'_>,
    keys: &super::keys::Keys,
    introduced: &Introduced,
    now: Timestamp,
) -> Result<()> {
    if tx.device(introduced.certificate.device())?.is_some() {
        return Ok(());
    }
    if tx.newest_epoch()?.is_none() {
        begin(tx, (0, Some(0)), now)?;
    }
    let mut log = Appending::begin(tx, keys, now)?;
    let certificate = &introduced.certificate;
    if tx.person(certificate.person)?.is_none() {
        let name: String = introduced.person_name.trim().to_owned();
        let fits = !name.is_empty()
            && name.chars().count() <= 200
            && !name.chars().any(char::is_control)
            && tx.person_of_name(&name)?.is_none();
        tx.add_person(&Person {
            id: certificate.person,
            name: if fits {
                name
            } else {
                certificate.person.to_string()
            },
            role: certificate.role,
        })?;
        tx.set_from_device(certificate.person)?;
    }
    add_known_device(&mut log, &keys.online, certificate)?;
    log.finish()
}

/// Adds a device that was certified before, as what is known of it says, and certifies it in the log
/// once more.
pub(super) fn add_known_device(
    log: &mut Appending<'_>,
    online: &dyn DeviceSigner,
    certificate: &Certificate,
) -> Result<()> {
    let tx = log.tx;
    let id = certificate.device();
    let signed = Signed::sign(domain::CERTIFICATE, certificate, online)?;
    let ordered = tx.newest_order(id)?.map(|order| order.kind);
    let status = match ordered {
        _ if tx.is_closed(id)? => DeviceStatus::Revoked,
        Some(OrderKind::Wipe) => DeviceStatus::Revoked,
        Some(OrderKind::Lock) => DeviceStatus::Locked,
        Some(OrderKind::Release) | None => DeviceStatus::Active,
    };
    let row = DeviceRow {
        id,
        person: certificate.person,
        key: certificate.key.clone(),
        status,
        certificate: signed.clone(),
        counter: 0,
        chain: Chain::start(id, certificate.incarnation),
        quota_day: 0,
        quota_used: 0,
    };
    tx.add_device(&row, &certificate.name, certificate.issued_at)?;
    log.write(
        Feed::Person(certificate.person),
        DocumentId::from_bytes(*id.as_bytes()),
        Kind::Certificate,
        cbor::encode(&signed),
    )
    .map(drop)
}
