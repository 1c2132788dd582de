//! Rulings: who may state them, and what the office makes known of them.

use nghisu_core::{
    Code, Error, Result, cbor,
    ids::{ActId, DeviceId, DocumentId, Feed, Hash, Kind, LogId, MeetingId},
    limits::{RECORD_PAYLOAD_BYTES_MAX, TERMS_AHEAD_MAX},
    meeting::{
        ItemId,
        act::{Act, ActKind, SignedAct},
        body::Clocks,
        course::{Course, FollowUp},
        minutes::MinutesRuling,
        ruling::{Author, FloorRuling, PetitionRuling, Record, Ruling, Statement, TaskRuling},
    },
    sync::{envelope::Envelope, healing::ReturnedEntry},
    time::Timestamp,
    trust::decide::Role,
};

use super::{
    Office,
    acts::counting_receipts,
    body,
    log::Appending,
    minutes,
    publish::{self, find_meeting, no_healing},
};
use crate::{clock, db::Tx};

impl Office {
    /// Makes a ruling of the office's own known.
    ///
    /// # Errors
    /// [`Code::MeetingUnknown`], [`Code::ItemUnknown`], also for an item that only a circle reads;
    /// [`Code::Malformed`] as [`Ruling::check`]; [`Code::StepInvalid`] for what does not hold as a draft or the
    /// minutes stand; [`Code::TooLarge`] for more words than a record holds;
    /// [`Code::OfficeHealing`].
    pub fn rule(&self, meeting: &str, statement: Statement, now: Timestamp) -> Result<Record> {
        statement.ruling.check()?;
        let meeting = meeting.to_owned();
        let keys = self.keys.clone();
        self.db.write(move |tx| {
            let mut log = Appending::begin(tx, &keys, now)?;
            no_healing(tx)?;
            let meeting = find_meeting(tx, &meeting)?.id;
            let ruling = (&statement.ruling, statement.text.as_str());
            if let Some(reason) = does_not_hold(tx, meeting, ruling)? {
                return Err(Error::new(Code::StepInvalid, reason));
            }
            if let Some(item) = &statement.item
                && !is_open(tx, meeting, item)?
            {
                return Err(Error::new(Code::ItemUnknown, item));
            }
            let Statement {
                item,
                ruling,
                text,
                addressee,
            } = statement;
            let mut record = draw_record(&log, meeting, ruling)?;
            (record.item, record.text, record.addressee) = (item, text, addressee);
            let bytes = cbor::encode(&record).len();
            if bytes > RECORD_PAYLOAD_BYTES_MAX {
                return Err(Error::new(Code::TooLarge, format_args!("{bytes} bytes")));
            }
            let words = std::mem::take(&mut record.text);
            write(&mut log, &mut record, words)?;
            log.finish()?;
            Ok(record)
        })
    }

    /// Returns how a meeting stands.
    ///
    /// # Errors
    /// [`Code::MeetingUnknown`], [`Code::LogDamaged`].
    pub fn course(&self, meeting: &str) -> Result<Course> {
        self.db.read(|tx| {
            let meeting = find_meeting(tx, meeting)?.id;
            let log = super::office_row(tx)?.log;
            let mut records = Vec::new();
            for feed in Course::feeds(meeting) {
                records.extend(records_of(tx, feed, log)?);
            }
            Ok(Course::of(counting_receipts(tx, meeting)?, records))
        })
    }

    /// Returns the reasons that were written down with the roll, the oldest first.
    ///
    /// # Errors
    /// As [`Office::course`].
    pub fn roll_reasons(&self, meeting: &str) -> Result<Vec<Record>> {
        self.db.read(|tx| {
            let meeting = find_meeting(tx, meeting)?.id;
            let log = super::office_row(tx)?.log;
            records_of(tx, Feed::RollPrivate(meeting), log)
        })
    }

    /// Returns the body's tasks and petitions.
    ///
    /// # Errors
    /// [`Code::LogDamaged`].
    pub fn follow_up(&self) -> Result<FollowUp> {
        self.db.read(|tx| {
            let log = super::office_row(tx)?.log;
            let tasks = records_of(tx, Feed::Task(log), log)?;
            let petitions = records_of(tx, Feed::Petition(log), log)?;
            let body = body::newest(tx)?.map(|stated| stated.body);
            let records = tasks.into_iter().chain(petitions);
            Ok(FollowUp::of(records, Clocks(body.as_ref())))
        })
    }

    /// Returns the meeting of the record by which a task or a petition began.
    ///
    /// # Errors
    /// [`Code::RecordUnknown`], [`Code::LogDamaged`].
    pub fn meeting_of_followed(&self, id: ActId) -> Result<MeetingId> {
        self.db.read(|tx| {
            let log = super::office_row(tx)?.log;
            let mut records = records_of(tx, Feed::Task(log), log)?;
            records.extend(records_of(tx, Feed::Petition(log), log)?);
            let first = records
                .into_iter()
                .filter(|record| begins(record) == Some(id))
                .min_by_key(Record::order);
            first
                .map(|record| record.meeting)
                .ok_or_else(|| Error::new(Code::RecordUnknown, id))
        })
    }
}

/// Returns the task or petition that begins with a record.
const fn begins(record: &Record) -> Option<ActId> {
    match record.ruling {
        Ruling::Task(TaskRuling::Task { .. })
        | Ruling::Petition(PetitionRuling::Petition { heard: None }) => Some(record.act),
        Ruling::Petition(PetitionRuling::Petition { heard }) => heard,
        Ruling::Floor { .. }
        | Ruling::Roll(_)
        | Ruling::Recorded(_)
        | Ruling::Task(TaskRuling::TaskStep { .. })
        | Ruling::Petition(PetitionRuling::PetitionStep { .. })
        | Ruling::Minutes(_)
        | Ruling::Draft(_) => None,
    }
}

/// Returns why the author of an act may not state its ruling, if so.
pub(super) fn why_not(tx: &Tx<'_>, role: Role, act: &Act) -> Result<Option<&'static str>> {
    let ruling = match (&act.ruling, act.kind) {
        (Some(ruling), ActKind::Ruling) => ruling,
        (Some(_), _) | (None, ActKind::Ruling) => return Ok(Some("malformed")),
        // What delegates state a secretary does not.
        (None, _) => return Ok((role == Role::Secretary).then_some("role")),
    };
    if ruling.check().is_err() || is_far_ahead(tx, act.meeting, ruling)? {
        return Ok(Some("malformed"));
    }
    let author = ruling.author();
    let allowed = author.allows(role == Role::Secretary, role == Role::Chair)
        || match author {
            Author::Officer | Author::Secretary | Author::Chair => false,
            Author::Asker(question) => tx.act(question)?.is_some_and(|question| {
                question.person == act.person && question.kind == ActKind::QuestionSlip
            }),
        };
    if !allowed {
        return Ok(Some("role"));
    }
    if let Some(reason) = does_not_hold(tx, act.meeting, (ruling, &act.text))? {
        return Ok(Some(reason));
    }
    match &act.item {
        Some(item) if !is_open(tx, act.meeting, item)? => Ok(Some("closed_item")),
        Some(_) | None => Ok(None),
    }
}

/// Returns why a ruling, with its words, does not hold as things stand, if so.
fn does_not_hold(
    tx: &Tx<'_>,
    meeting: MeetingId,
    (ruling, words): (&Ruling, &str),
) -> Result<Option<&'static str>> {
    match ruling {
        Ruling::Minutes(of_minutes) => minutes::why_not(tx, (meeting, of_minutes)),
        Ruling::Draft(of_draft) => publish::why_not(tx, meeting, (of_draft, words)),
        Ruling::Floor { .. }
        | Ruling::Roll(_)
        | Ruling::Recorded(_)
        | Ruling::Task(_)
        | Ruling::Petition(_) => Ok(None),
    }
}

/// Says whether a ruling names a term that nobody can have come to.
fn is_far_ahead(tx: &Tx<'_>, meeting: MeetingId, ruling: &Ruling) -> Result<bool> {
    match ruling {
        Ruling::Floor { term, .. } => {
            let known = tx.newest_term(meeting)?;
            Ok(u64::from(*term) > known + u64::from(TERMS_AHEAD_MAX))
        }
        Ruling::Roll(_)
        | Ruling::Recorded(_)
        | Ruling::Task(_)
        | Ruling::Petition(_)
        | Ruling::Minutes(_)
        | Ruling::Draft(_) => Ok(false),
    }
}

/// Says whether all who take part read an item: records are read by all of them.
fn is_open(tx: &Tx<'_>, meeting: MeetingId, item: &ItemId) -> Result<bool> {
    let feeds = tx.feeds_of_item(meeting, item.as_str())?;
    Ok(feeds.contains(&Feed::Programme(meeting)))
}

/// Makes a ruling known that was admitted, once.
pub(super) fn make_known(
    log: &mut Appending<'_>,
    act: &Act,
    made_on: DeviceId,
    received_at: Timestamp,
) -> Result<()> {
    if log.tx.is_recorded(act.id)? {
        return Ok(());
    }
    let Some(mut record) = Record::of(act, made_on, 0, received_at) else {
        return Ok(());
    };
    let feed = record.ruling.feed(act.meeting, log.office.log);
    record.number = log.tx.next_record(feed, log.office.epoch)?;
    record.text = String::new();
    write(log, &mut record, act.text.clone())
}

/// Makes a ruling known that waited in the log at `seq` until the office had healed.
pub(super) fn make_known_at(
    log: &mut Appending<'_>,
    seq: u64,
    received_at: Timestamp,
) -> Result<()> {
    let bytes = log.tx.envelope_at(seq)?.unwrap_or_default();
    let envelope = original(&bytes)?;
    let (signed, act) = SignedAct::decode(envelope.payload())?;
    // One that has waited may not hold any more: it then stays in its author's outbox.
    if let Some(ruling) = &act.ruling
        && does_not_hold(log.tx, act.meeting, (ruling, &act.text))?.is_some()
    {
        return Ok(());
    }
    make_known(log, &act, signed.made_on, received_at)
}

/// Writes a record with its words, or these for the office alone.
pub(super) fn write(log: &mut Appending<'_>, record: &mut Record, words: String) -> Result<()> {
    let feed = record.ruling.feed(record.meeting, log.office.log);
    let document = document_of(record.meeting);
    if record.ruling.is_private() {
        if !words.is_empty() {
            let reasons = Record {
                text: words,
                ..record.clone()
            };
            let feed = Feed::RollPrivate(record.meeting);
            log.write(feed, document, Kind::Record, cbor::encode(&reasons))?;
        }
    } else {
        record.text = words;
    }
    log.write(feed, document, Kind::Record, cbor::encode(record))?;
    note(log.tx, feed, record)?;
    match &record.ruling {
        Ruling::Minutes(of_minutes) => minutes::send(log, record, of_minutes),
        Ruling::Draft(of_draft) => publish::carry_out(log, record, of_draft),
        Ruling::Floor { .. }
        | Ruling::Roll(_)
        | Ruling::Recorded(_)
        | Ruling::Task(_)
        | Ruling::Petition(_) => Ok(()),
    }
}

/// Begins a record of the office's own, with its number.
pub(super) fn draw_record(
    log: &Appending<'_>,
    meeting: MeetingId,
    ruling: Ruling,
) -> Result<Record> {
    let feed = ruling.feed(meeting, log.office.log);
    Ok(Record {
        meeting,
        number: log.tx.next_record(feed, log.office.epoch)?,
        item: None,
        ruling,
        text: String::new(),
        addressee: None,
        by: None,
        device: None,
        act: ActId::from_bytes(clock::random()?),
        act_hash: Hash::ZERO,
        made_at: log.now,
        received_at: log.now,
    })
}

/// Notes what follows from a record that stands in the log.
fn note(tx: &Tx<'_>, feed: Feed, record: &Record) -> Result<()> {
    tx.add_record(record, feed)?;
    if let Ruling::Floor {
        term,
        ruling: FloorRuling::TakeFloor,
    } = record.ruling
    {
        tx.note_term(record.meeting, term)?;
    }
    if let Ruling::Minutes(MinutesRuling::Approved { .. }) = record.ruling {
        tx.note_approved_minutes(record.meeting)?;
    }
    match record.ruling.ends() {
        // Whoever registers again gets a place of his own.
        Some(registration) => tx.end_registration(registration),
        None => Ok(()),
    }
}

/// Takes up a record that a device has brought back.
pub(super) fn record_back(tx: &Tx<'_>, feed: Feed, log: LogId, payload: &[u8]) -> Result<()> {
    match Record::decode(payload, feed, log) {
        Ok(record) => note(tx, feed, &record),
        Err(_) => Ok(()),
    }
}

/// Returns a feed's records, in the order of the log.
pub(super) fn records_of(tx: &Tx<'_>, feed: Feed, log: LogId) -> Result<Vec<Record>> {
    envelopes_of(tx, feed)?
        .into_iter()
        .filter(|envelope| envelope.header().kind == Kind::Record)
        .map(|envelope| Record::decode(envelope.payload(), feed, log))
        .collect()
}

/// Returns a feed's envelopes in the order of the log; of those that were given back, the originals.
pub(super) fn envelopes_of(tx: &Tx<'_>, feed: Feed) -> Result<Vec<Envelope>> {
    let entries = tx.entries_of_feed(feed, 0, u64::MAX, usize::MAX)?;
    entries
        .into_iter()
        .map(|entry| original(&tx.envelope(entry.envelope)?.unwrap_or_default()))
        .collect()
}

/// Reads an envelope as its author wrote it.
pub(super) fn original(bytes: &[u8]) -> Result<Envelope> {
    let envelope = Envelope::decode(bytes)?;
    if envelope.header().kind == Kind::Returned {
        Ok(ReturnedEntry::open(&envelope)?.1)
    } else {
        Ok(envelope)
    }
}

/// A meeting's records are one document in each feed, known to all by the meeting's own id.
pub(super) const fn document_of(meeting: MeetingId) -> DocumentId {
    DocumentId::from_bytes(*meeting.as_bytes())
}
