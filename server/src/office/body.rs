//! What the body is: stated by the office, whole, under rising numbers.

use nghisu_core::{
    Code, Error, Language, Result, cbor,
    ids::{DocumentId, Feed, Kind, LogId},
    limits::BODY_BYTES_MAX,
    meeting::body::{Body, BodyStatement},
    time::Timestamp,
};

use super::{
    Office,
    log::{Appending, Place},
    office_row,
    publish::no_healing,
    records::original,
};
use crate::db::Tx;

impl Office {
    /// States what the body is from here on, to all with an account. What is stated already writes nothing,
    /// and is `None`.
    ///
    /// # Errors
    /// [`Code::BodyFile`] if something in it cannot be, or names an account that is not there;
    /// [`Code::TooLarge`]; [`Code::OfficeHealing`].
    pub fn state_body(&self, body: Body, now: Timestamp) -> Result<Option<BodyStatement>> {
        self.state_body_over(move |_| Ok(body), now)
    }

    /// States what `lay` makes of the body as it is stated, so that nothing is lost of what somebody states
    /// meanwhile. Where nothing is stated yet, it is given one that has nothing but a name.
    ///
    /// # Errors
    /// As [`Office::state_body`], and those of `lay`.
    pub fn state_body_over(
        &self,
        lay: impl FnOnce(&Body) -> Result<Body> + Send + 'static,
        now: Timestamp,
    ) -> Result<Option<BodyStatement>> {
        let keys = self.keys.clone();
        self.db.write(move |tx| {
            let mut log = Appending::begin(tx, &keys, now)?;
            no_healing(tx)?;
            let before = newest(tx)?.map(|stated| stated.body);
            let body = match &before {
                Some(before) => lay(before)?,
                None => lay(&Body::named(&log.office.body_name))?,
            };
            if before.as_ref() == Some(&body) {
                return Ok(None);
            }
            if let Some(fault) = body.faults().first() {
                let fault = fault.text(Language::English);
                return Err(Error::new(Code::BodyFile, fault));
            }
            for person in &body.persons {
                if let Some(account) = person.account
                    && tx.person(account)?.is_none()
                {
                    let detail = format_args!("{}: account {account}", person.id);
                    return Err(Error::new(Code::BodyFile, detail));
                }
            }
            let feed = Feed::Body(log.office.log);
            let stated = BodyStatement {
                number: tx.next_record(feed, log.office.epoch)?,
                stated_at: now,
                body,
            };
            let payload = cbor::encode(&stated);
            if payload.len() > BODY_BYTES_MAX {
                let detail = format_args!("{} > {BODY_BYTES_MAX} bytes", payload.len());
                return Err(Error::new(Code::TooLarge, detail));
            }
            let document = DocumentId::from_bytes(*log.office.log.as_bytes());
            let place = log.write(feed, document, Kind::Body, payload)?;
            tx.add_body_statement(place.seq, stated.number)?;
            log.finish()?;
            Ok(Some(stated))
        })
    }

    /// Returns what the office has stated of the body; `None` until it has.
    ///
    /// # Errors
    /// [`Code::LogDamaged`].
    pub fn body(&self) -> Result<Option<BodyStatement>> {
        self.db.read(newest)
    }
}

/// Returns the statement that counts.
pub(super) fn newest(tx: &Tx<'_>) -> Result<Option<BodyStatement>> {
    Ok(BodyStatement::newest(read(tx, tx.body_statements()?)?))
}

/// Returns all statements, the one that counts last.
pub(super) fn history(tx: &Tx<'_>) -> Result<Vec<BodyStatement>> {
    let mut stated = read(tx, tx.all_body_statements()?)?;
    stated.sort_by(BodyStatement::order);
    Ok(stated)
}

fn read(tx: &Tx<'_>, seqs: Vec<u64>) -> Result<Vec<BodyStatement>> {
    let log = office_row(tx)?.log;
    let stated = seqs.into_iter().map(|seq| {
        let envelope = original(&tx.envelope_at(seq)?.unwrap_or_default())?;
        BodyStatement::decode(envelope.payload(), envelope.header().feed, log)
    });
    stated.collect()
}

/// Takes up a statement that a device has brought back and that stands in the log at `place`.
pub(super) fn body_back(
    tx: &Tx<'_>,
    (feed, log): (Feed, LogId),
    payload: &[u8],
    place: Place,
) -> Result<()> {
    match BodyStatement::decode(payload, feed, log) {
        Ok(stated) => tx.add_body_statement(place.seq, stated.number),
        Err(_) => Ok(()),
    }
}
