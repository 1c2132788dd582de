//! Minutes: what is typed is put together of records alone, and what goes out is the text alone.

use nghisu_core::{
    Code, Error, Result, cbor,
    document::{Splice, brought_over},
    ids::{Feed, Hash, Kind, MeetingId},
    limits::{MINUTES_TEXT_BYTES_MAX, MINUTES_TYPED_BYTES_MAX},
    meeting::{
        minutes::{
            Approval, Minutes, MinutesRuling, MinutesText, Transcript, Version, laid_text, pieces,
            text_hash,
        },
        ruling::{Record, Ruling},
        states::MinutesState,
    },
    time::Timestamp,
    trust::decide::Role,
};

use super::{
    Office,
    log::Appending,
    publish::{find_meeting, no_healing},
    records::{document_of, draw_record, envelopes_of, records_of, write},
};
use crate::db::Tx;

impl Office {
    /// Returns how the minutes of a meeting stand: their text as secretaries write it, or as it was approved.
    ///
    /// # Errors
    /// [`Code::MeetingUnknown`], [`Code::LogDamaged`].
    pub fn minutes(&self, meeting: &str) -> Result<Minutes> {
        self.db.read(|tx| {
            let meeting = find_meeting(tx, meeting)?.id;
            standing(tx, meeting)
        })
    }

    /// Makes the minutes of a meeting say `text`: what differs is typed into them, by words. `seen` is the name
    /// of the text from which it was written, if that is to be compared.
    ///
    /// # Errors
    /// [`Code::StepInvalid`] once they are approved, or if they are not what was seen any more;
    /// [`Code::TooLarge`], [`Code::MeetingUnknown`], [`Code::OfficeHealing`].
    pub fn write_minutes(
        &self,
        meeting: &str,
        (text, seen): (&str, Option<Hash>),
        now: Timestamp,
    ) -> Result<Minutes> {
        if text.len() > MINUTES_TEXT_BYTES_MAX {
            return Err(Error::new(
                Code::TooLarge,
                format_args!("{} bytes", text.len()),
            ));
        }
        let (meeting, text) = (meeting.to_owned(), text.to_owned());
        let keys = self.keys.clone();
        self.db.write(move |tx| {
            let mut log = Appending::begin(tx, &keys, now)?;
            no_healing(tx)?;
            let meeting = find_meeting(tx, &meeting)?.id;
            check_not_approved(tx, meeting)?;
            let transcript = transcript(&log, meeting)?;
            let is = text_hash(transcript.text());
            if seen.is_some_and(|seen| seen != is) {
                return Err(Error::new(
                    Code::StepInvalid,
                    format_args!("the minutes are {is} by now"),
                ));
            }
            let mut base = transcript.version();
            let changes = brought_over(transcript.text(), &text, transcript.text());
            for splices in batches(changes.iter().flat_map(pieces)) {
                let typed = MinutesRuling::Typed { base, splices };
                let mut record = draw_record(&log, meeting, Ruling::Minutes(typed))?;
                base = vec![record.act];
                write(&mut log, &mut record, String::new())?;
            }
            log.finish()?;
            standing(tx, meeting)
        })
    }

    /// Lays the minutes of a meeting before the chair as they stand.
    ///
    /// # Errors
    /// As [`Office::write_minutes`].
    pub fn lay_minutes(&self, meeting: &str, now: Timestamp) -> Result<Minutes> {
        self.rule_minutes(meeting, now, |log, meeting| {
            let content = text_hash(transcript(log, meeting)?.text());
            Ok(MinutesRuling::Laid { content })
        })
    }

    /// Approves the minutes of a meeting as they were laid before the chair last, for a chair who has no
    /// device.
    ///
    /// # Errors
    /// [`Code::StepInvalid`] also where none were laid before him, or where the text has changed since;
    /// otherwise as [`Office::write_minutes`].
    pub fn approve_minutes(&self, meeting: &str, now: Timestamp) -> Result<Minutes> {
        self.rule_minutes(meeting, now, |log, meeting| {
            let records = records_of(log.tx, Feed::MinutesDraft(meeting), log.office.log)?;
            let content = text_hash(Transcript::of(meeting, &records)?.text());
            if laid_text(meeting, &records, content)?.is_none() {
                let detail = "the minutes were not laid before the chair as they stand";
                return Err(Error::new(Code::StepInvalid, detail));
            }
            Ok(MinutesRuling::Approved { content })
        })
    }

    fn rule_minutes(
        &self,
        meeting: &str,
        now: Timestamp,
        ruling: impl FnOnce(&Appending<'_>, MeetingId) -> Result<MinutesRuling> + Send + 'static,
    ) -> Result<Minutes> {
        let (meeting, keys) = (meeting.to_owned(), self.keys.clone());
        self.db.write(move |tx| {
            let mut log = Appending::begin(tx, &keys, now)?;
            no_healing(tx)?;
            let meeting = find_meeting(tx, &meeting)?.id;
            check_not_approved(tx, meeting)?;
            let ruling = ruling(&log, meeting)?;
            let mut record = draw_record(&log, meeting, Ruling::Minutes(ruling))?;
            write(&mut log, &mut record, String::new())?;
            log.finish()?;
            standing(tx, meeting)
        })
    }
}

fn check_not_approved(tx: &Tx<'_>, meeting: MeetingId) -> Result<()> {
    if tx.has_approved_minutes(meeting)? {
        let detail = "the chair has approved the minutes";
        return Err(Error::new(Code::StepInvalid, detail));
    }
    Ok(())
}

/// Puts splices together that fit into an act.
fn batches(splices: impl Iterator<Item = Splice>) -> Vec<Vec<Splice>> {
    let mut batches: Vec<Vec<Splice>> = Vec::new();
    let mut bytes = 0;
    for splice in splices {
        bytes += Transcript::cost(&splice);
        match batches.last_mut() {
            Some(batch) if bytes <= MINUTES_TYPED_BYTES_MAX => batch.push(splice),
            Some(_) | None => {
                bytes = Transcript::cost(&splice);
                batches.push(vec![splice]);
            }
        }
    }
    batches
}

fn transcript(log: &Appending<'_>, meeting: MeetingId) -> Result<Transcript> {
    let records = records_of(log.tx, Feed::MinutesDraft(meeting), log.office.log)?;
    Transcript::of(meeting, &records)
}

fn standing(tx: &Tx<'_>, meeting: MeetingId) -> Result<Minutes> {
    for envelope in envelopes_of(tx, Feed::Record(meeting))? {
        if envelope.header().kind == Kind::Minutes {
            let approved = MinutesText::decode(envelope.payload(), Feed::Record(meeting))?;
            return Ok(Minutes {
                state: MinutesState::Approved,
                text: approved.text,
                version: Version::default(),
                approval: approved.approved,
                set_aside: Vec::new(),
            });
        }
    }
    let log = super::office_row(tx)?.log;
    let records = records_of(tx, Feed::MinutesDraft(meeting), log)?;
    let transcript = Transcript::of(meeting, &records)?;
    Ok(transcript.standing(0))
}

/// Returns why a ruling of the minutes does not hold as they stand, if so.
pub(super) fn why_not(
    tx: &Tx<'_>,
    (meeting, ruling): (MeetingId, &MinutesRuling),
) -> Result<Option<&'static str>> {
    if tx.has_approved_minutes(meeting)? {
        return Ok(Some("minutes_approved"));
    }
    // What devices still bring back comes before it.
    if tx.is_healing()? {
        return Ok(None);
    }
    let log = super::office_row(tx)?.log;
    let records = || records_of(tx, Feed::MinutesDraft(meeting), log);
    let holds = match ruling {
        MinutesRuling::Typed { .. } => true,
        MinutesRuling::Laid { content } => {
            let records = records()?;
            let transcript = Transcript::of(meeting, &records)?;
            if transcript.text().len() > MINUTES_TEXT_BYTES_MAX {
                return Ok(Some("too_large"));
            }
            text_hash(transcript.text()) == *content
        }
        MinutesRuling::Approved { content } => laid_text(meeting, &records()?, *content)?.is_some(),
    };
    Ok((!holds).then_some("minutes_changed"))
}

/// Sends out the text that a ruling lays before the chair or approves. Its record stands in the log.
pub(super) fn send(log: &mut Appending<'_>, record: &Record, ruling: &MinutesRuling) -> Result<()> {
    let meeting = record.meeting;
    let text_of = |log: &Appending<'_>, content: Hash| {
        let records = records_of(log.tx, Feed::MinutesDraft(meeting), log.office.log)?;
        laid_text(meeting, &records, content)
    };
    let (content, approved) = match ruling {
        MinutesRuling::Typed { .. } => return Ok(()),
        MinutesRuling::Laid { content } => (*content, None),
        MinutesRuling::Approved { content } => {
            let (act, by, at) = (record.act, record.by, record.received_at);
            (*content, Some(Approval { act, by, at }))
        }
    };
    let Some((text, laid, laid_at)) = text_of(log, content)? else {
        return Ok(());
    };
    let payload = cbor::encode(&MinutesText {
        meeting,
        text,
        laid,
        laid_at,
        approved,
    });
    let feeds = match approved {
        Some(_) => vec![Feed::Record(meeting)],
        None => {
            let people = log.tx.people()?.into_iter();
            let chairs = people.filter(|person| person.role == Role::Chair);
            chairs.map(|chair| Feed::Person(chair.id)).collect()
        }
    };
    for feed in feeds {
        log.write(feed, document_of(meeting), Kind::Minutes, payload.clone())?;
    }
    Ok(())
}
