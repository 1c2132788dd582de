//! The minutes on this device: what the office has made known of them, and what was typed here.
//!
//! What is typed is on disk at once, and becomes one act with what is typed next, until the next sync or until
//! an act is full: so an hour of typing is a few acts, and none is lost.

use rusqlite::{OptionalExtension, Transaction};

use super::{Changed, Store, column, listing::write_act, signed, sql, unsigned};
use crate::{
    cbor,
    document::Splice,
    error::{Code, Error, Result},
    ids::{ActId, DocumentId, Feed, MeetingId},
    limits::{MINUTES_TEXT_BYTES_MAX, MINUTES_TYPED_BYTES_MAX},
    meeting::{
        act::{Act, ActKind},
        minutes::{Minutes, MinutesRuling, MinutesText, Transcript, Version, pieces, text_hash},
        ruling::{Record, Ruling, Statement},
        states::MinutesState,
    },
    sync::envelope::Envelope,
    time::Timestamp,
    trust::decide::Role,
};

/// The text of a meeting's minutes as the office has made it known, put together once.
#[derive(Debug)]
pub(super) struct Known {
    meeting: MeetingId,
    /// How many records it is made of, the newest entry of the log among them, and what they are sorted by
    /// at their end.
    made_of: (i64, i64),
    ends: Option<Order>,
    transcript: Transcript,
}

type Order = (u64, Timestamp, ActId);

/// What was typed and is not stated yet.
struct Typed {
    act: ActId,
    document: DocumentId,
    base: Vec<ActId>,
    splices: Vec<Splice>,
    bytes: usize,
}

impl Known {
    fn new(meeting: MeetingId) -> Result<Self> {
        Ok(Self {
            meeting,
            made_of: (0, -1),
            ends: None,
            transcript: Transcript::new(meeting)?,
        })
    }

    /// Takes in the records that came since. Returns whether they are all, and stand behind those before.
    fn takes(&mut self, newer: &[Record], made_of: (i64, i64)) -> Result<bool> {
        let all = self.made_of.0 + i64::try_from(newer.len()).unwrap_or(i64::MAX) == made_of.0;
        let behind = newer
            .first()
            .is_none_or(|first| Some(first.order()) > self.ends);
        if !all || !behind {
            return Ok(false);
        }
        for record in newer {
            self.transcript.take_record(record)?;
        }
        self.ends = newer.last().map(Record::order).or(self.ends);
        self.made_of = made_of;
        Ok(true)
    }
}

/// A row of what was typed: act, document, content, bytes.
type TypedRow = (Vec<u8>, Vec<u8>, Vec<u8>, i64);

impl Store {
    /// Returns how the minutes of a meeting stand, what was typed here included; `None` while there are none
    /// for this person to read.
    ///
    /// # Errors
    /// [`Code::MeetingUnknown`], [`Code::NotEnrolled`], [`Code::Storage`].
    pub fn minutes(&mut self, meeting: MeetingId) -> Result<Option<Minutes>> {
        self.programme(meeting)?;
        let sent = self.minutes_sent(meeting)?;
        if let Some(approved) = sent.iter().find(|it| it.approved.is_some()) {
            return Ok(Some(Minutes {
                state: MinutesState::Approved,
                text: approved.text.clone(),
                version: Version::default(),
                approval: approved.approved,
                set_aside: Vec::new(),
            }));
        }
        if self.is_secretary()? {
            return self.minutes_written(meeting).map(Some);
        }
        Ok(sent
            .into_iter()
            .max_by_key(|it| it.laid_at)
            .map(|laid| Minutes {
                state: MinutesState::Laid,
                text: laid.text,
                version: Version::default(),
                approval: None,
                set_aside: Vec::new(),
            }))
    }

    /// Types into the minutes, in the text that was shown as `version`. It is on disk when this returns; after
    /// an error nothing has changed. The ids are random, and needed where an act begins.
    ///
    /// # Errors
    /// [`Code::PositionInvalid`] for a splice that leaves that text or cuts a character, and for a text that
    /// is not shown any more: read the minutes again; [`Code::NotAllowed`] for who does not write them, and
    /// once they are approved; [`Code::TooLarge`]; [`Code::MeetingUnknown`], [`Code::DiskFull`],
    /// [`Code::Storage`].
    pub fn type_minutes(
        &mut self,
        meeting: MeetingId,
        version: &Version,
        splices: &[Splice],
        mut ids: impl FnMut() -> Result<(ActId, DocumentId)>,
        now: Timestamp,
    ) -> Result<Minutes> {
        self.check_writes_minutes(meeting)?;
        let splices: Vec<Splice> = splices.iter().flat_map(pieces).collect();
        let base = self.base_of(meeting, version)?;
        let mut tried = self.transcript(meeting)?;
        let before = tried.unplaced().len();
        let trial = ActId::from_bytes([0; 16]);
        tried.take(trial, None, (&base, &splices))?;
        if tried.unplaced().len() > before {
            let detail = "the text that was shown; expected splices within it";
            return Err(Error::new(Code::PositionInvalid, detail));
        }
        let bytes = tried.text().len();
        if bytes > MINUTES_TEXT_BYTES_MAX {
            return Err(Error::new(Code::TooLarge, format_args!("{bytes} bytes")));
        }
        let mut open = self.typed(meeting)?;
        let mut full = Vec::new();
        let mut base = base;
        for splice in splices {
            let cost = Transcript::cost(&splice);
            let goes_on = open.as_ref().is_some_and(|typed| {
                base == [typed.act] && typed.bytes + cost <= MINUTES_TYPED_BYTES_MAX
            });
            if !goes_on {
                full.extend(open.take());
            }
            let typed = match &mut open {
                Some(typed) => typed,
                None => {
                    let (act, document) = ids()?;
                    open.insert(Typed {
                        act,
                        document,
                        base: std::mem::replace(&mut base, vec![act]),
                        splices: Vec::new(),
                        bytes: 0,
                    })
                }
            };
            typed.bytes += cost;
            typed.splices.push(splice);
        }
        let stated = full
            .into_iter()
            .map(|typed| self.act_of(meeting, typed, now))
            .collect::<Result<Vec<_>>>()?;
        self.write(|transaction| {
            for (act, document, content) in &stated {
                write_act(transaction, act, content, *document)?;
            }
            match &open {
                Some(typed) => put_typed(transaction, meeting, typed),
                None => Ok(()),
            }
        })?;
        self.minutes_written(meeting)
    }

    /// States what was typed as acts, to be handed in. Returns what has changed for whoever shows them.
    ///
    /// # Errors
    /// [`Code::DiskFull`], [`Code::Storage`], and what the signer says; then nothing has changed.
    pub fn state_typed(&mut self, now: Timestamp) -> Result<Vec<Changed>> {
        let query = "SELECT meeting FROM minutes_typed ORDER BY meeting";
        let meetings = {
            let mut statement = self.connection.prepare_cached(query).map_err(sql)?;
            let rows = statement.query_map([], |row| row.get::<_, Vec<u8>>(0));
            rows.map_err(sql)?
                .map(|meeting| column(&meeting.map_err(sql)?, MeetingId::from_slice))
                .collect::<Result<Vec<MeetingId>>>()?
        };
        // Whoever is no secretary any more keeps what he has typed, for whoever makes him one again.
        if meetings.is_empty() || !self.is_secretary()? {
            return Ok(Vec::new());
        }
        let mut changed = Vec::new();
        for meeting in meetings {
            let Some(typed) = self.typed(meeting)? else {
                continue;
            };
            let (act, document, content) = self.act_of(meeting, typed, now)?;
            self.write(|transaction| {
                write_act(transaction, &act, &content, document)?;
                let delete = "DELETE FROM minutes_typed WHERE meeting = ?1";
                transaction
                    .execute(delete, [meeting.as_bytes()])
                    .map(drop)
                    .map_err(sql)
            })?;
            changed.push(Changed::Acts(meeting));
        }
        Ok(changed)
    }

    /// Lays the minutes before the chair as this device shows them.
    ///
    /// # Errors
    /// [`Code::NotAllowed`] for who does not write them, and once they are approved; otherwise as
    /// [`Store::put_ruling`].
    pub fn lay_minutes(
        &mut self,
        meeting: MeetingId,
        ids: (ActId, DocumentId),
        now: Timestamp,
    ) -> Result<Changed> {
        self.check_writes_minutes(meeting)?;
        self.state_typed(now)?;
        let content = text_hash(self.transcript(meeting)?.text());
        self.put_minutes_ruling(meeting, MinutesRuling::Laid { content }, ids, now)
    }

    /// Approves the minutes as they were laid before the chair and as this device shows them.
    ///
    /// # Errors
    /// [`Code::NotAllowed`] for who is not the chair, and where nothing lies before him; otherwise as
    /// [`Store::put_ruling`].
    pub fn approve_minutes(
        &mut self,
        meeting: MeetingId,
        ids: (ActId, DocumentId),
        now: Timestamp,
    ) -> Result<Changed> {
        let minutes = self.minutes(meeting)?;
        let laid = minutes.filter(|minutes| minutes.state == MinutesState::Laid);
        let Some(laid) = laid else {
            let detail =
                "no minutes lie before the chair; expected a secretary to lay them before him";
            return Err(Error::new(Code::NotAllowed, detail));
        };
        let content = text_hash(&laid.text);
        self.put_minutes_ruling(meeting, MinutesRuling::Approved { content }, ids, now)
    }

    fn put_minutes_ruling(
        &mut self,
        meeting: MeetingId,
        ruling: MinutesRuling,
        ids: (ActId, DocumentId),
        now: Timestamp,
    ) -> Result<Changed> {
        let statement = Statement {
            item: None,
            ruling: Ruling::Minutes(ruling),
            text: String::new(),
            addressee: None,
        };
        self.put_ruling(meeting, statement, ids, now)
    }

    /// Returns how the minutes stand for whoever writes them.
    fn minutes_written(&mut self, meeting: MeetingId) -> Result<Minutes> {
        let typed = self.typed(meeting)?.map_or(0, |typed| typed.splices.len());
        let transcript = self.transcript(meeting)?;
        Ok(transcript.standing(typed as u64))
    }

    /// # Errors
    /// [`Code::NotAllowed`] for who is no secretary.
    pub(super) fn check_secretary(&self) -> Result<()> {
        match self.is_secretary()? {
            true => Ok(()),
            false => Err(Error::new(Code::NotAllowed, "expected a secretary")),
        }
    }

    fn is_secretary(&self) -> Result<bool> {
        let identity = self.identity()?.ok_or(Code::NotEnrolled)?;
        Ok(identity.certificate.role == Role::Secretary)
    }

    fn check_writes_minutes(&self, meeting: MeetingId) -> Result<()> {
        self.programme(meeting)?;
        self.check_secretary()?;
        let sent = self.minutes_sent(meeting)?;
        if sent.iter().any(|it| it.approved.is_some()) {
            let detail =
                "minutes that the chair has approved; expected what was forgotten as a record";
            return Err(Error::new(Code::NotAllowed, detail));
        }
        Ok(())
    }

    /// Returns the texts of a meeting's minutes that the office has sent.
    fn minutes_sent(&self, meeting: MeetingId) -> Result<Vec<MinutesText>> {
        // The index is on the kind as a number.
        let query = "SELECT feed, bytes FROM kept WHERE kind = 22 ORDER BY abs(seq)";
        let mut statement = self.connection.prepare_cached(query).map_err(sql)?;
        let mut rows = statement.query([]).map_err(sql)?;
        let mut sent = Vec::new();
        while let Some(row) = rows.next().map_err(sql)? {
            let (feed, bytes): (Vec<u8>, Vec<u8>) =
                (row.get(0).map_err(sql)?, row.get(1).map_err(sql)?);
            let feed = column(&feed, Feed::from_slice)?;
            let envelope = Envelope::decode(&bytes)?;
            let minutes = MinutesText::decode(envelope.payload(), feed)?;
            if minutes.meeting == meeting {
                sent.push(minutes);
            }
        }
        Ok(sent)
    }

    /// Returns the text with all that was typed here.
    fn transcript(&mut self, meeting: MeetingId) -> Result<Transcript> {
        let mut transcript = self.known_transcript(meeting)?.clone();
        let own = self.person()?.1;
        for (_, act) in self.pending_acts(Some(meeting), |act| transcript.has(act))? {
            if let Some(Ruling::Minutes(MinutesRuling::Typed { base, splices })) = &act.ruling {
                transcript.take(act.id, Some(own), (base, splices))?;
            }
        }
        if let Some(typed) = self.typed(meeting)? {
            transcript.take(typed.act, Some(own), (&typed.base, &typed.splices))?;
        }
        Ok(transcript)
    }

    fn known_transcript(&mut self, meeting: MeetingId) -> Result<&Transcript> {
        let feed = Feed::MinutesDraft(meeting);
        let made_of: (i64, i64) = self
            .connection
            .prepare_cached(
                "SELECT count(*), coalesce(max(abs(seq)), 0) FROM kept WHERE kind = 21 AND feed = ?1",
            )
            .and_then(|mut statement| {
                statement.query_row([feed.to_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))
            })
            .map_err(sql)?;
        let known = self.minutes.take().filter(|it| it.meeting == meeting);
        let mut known = match known {
            Some(known) if known.made_of.0 <= made_of.0 => known,
            Some(_) | None => Known::new(meeting)?,
        };
        if known.made_of != made_of {
            let newer = self.minutes_records(feed, known.made_of.1)?;
            if !known.takes(&newer, made_of)? {
                // Something came back that stands before what was there.
                known = Known::new(meeting)?;
                let all = self.minutes_records(feed, -1)?;
                known.takes(&all, made_of)?;
            }
        }
        Ok(&self.minutes.insert(known).transcript)
    }

    /// Returns the records of a feed that stand behind an entry of the log, in their order.
    fn minutes_records(&self, feed: Feed, behind: i64) -> Result<Vec<Record>> {
        let query = "SELECT bytes FROM kept WHERE kind = 21 AND feed = ?1 AND abs(seq) > ?2";
        let mut statement = self.connection.prepare_cached(query).map_err(sql)?;
        let rows = statement
            .query_map((feed.to_bytes(), behind), |row| row.get::<_, Vec<u8>>(0))
            .map_err(sql)?;
        let mut records = Vec::new();
        for bytes in rows {
            let envelope = Envelope::decode(&bytes.map_err(sql)?)?;
            let log = envelope.header().log;
            records.push(Record::decode(envelope.payload(), feed, log)?);
        }
        records.sort_by_key(Record::order);
        Ok(records)
    }

    /// Returns the acts that have made the text that was shown as `version`.
    fn base_of(&self, meeting: MeetingId, version: &Version) -> Result<Vec<ActId>> {
        let open = self.typed(meeting)?;
        let stale = open.is_some_and(|typed| {
            version.acts.contains(&typed.act) && version.typed != typed.splices.len() as u64
        });
        if stale {
            let detail = "a text that was typed into since; expected the minutes to be read again";
            return Err(Error::new(Code::PositionInvalid, detail));
        }
        Ok(version.acts.clone())
    }

    fn typed(&self, meeting: MeetingId) -> Result<Option<Typed>> {
        let row: Option<TypedRow> = self
            .connection
            .prepare_cached(
                "SELECT act, document, content, bytes FROM minutes_typed WHERE meeting = ?1",
            )
            .and_then(|mut statement| {
                statement
                    .query_row([meeting.as_bytes()], |row| {
                        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
                    })
                    .optional()
            })
            .map_err(sql)?;
        let Some((act, document, content, bytes)) = row else {
            return Ok(None);
        };
        let (base, splices) = cbor::decode(&content, "typed")?;
        Ok(Some(Typed {
            act: column(&act, ActId::from_slice)?,
            document: column(&document, DocumentId::from_slice)?,
            base,
            splices,
            bytes: usize::try_from(unsigned(bytes)).unwrap_or(usize::MAX),
        }))
    }

    fn act_of(
        &self,
        meeting: MeetingId,
        typed: Typed,
        now: Timestamp,
    ) -> Result<(Act, DocumentId, Vec<u8>)> {
        let Typed { base, splices, .. } = typed;
        let act = Act {
            id: typed.act,
            person: self.person()?.1,
            meeting,
            item: None,
            kind: ActKind::Ruling,
            text: String::new(),
            addressee: None,
            withdraws: None,
            made_at: now,
            ruling: Some(Ruling::Minutes(MinutesRuling::Typed { base, splices })),
        };
        let content = self.sign_act(&act)?;
        Ok((act, typed.document, content))
    }
}

fn put_typed(transaction: &Transaction<'_>, meeting: MeetingId, typed: &Typed) -> Result<()> {
    let content = cbor::encode(&(&typed.base, &typed.splices));
    transaction
        .prepare_cached(
            "INSERT OR REPLACE INTO minutes_typed (meeting, act, document, content, bytes)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )
        .and_then(|mut statement| {
            statement.execute((
                meeting.as_bytes(),
                typed.act.as_bytes(),
                typed.document.as_bytes(),
                content,
                signed(typed.bytes as u64),
            ))
        })
        .map(drop)
        .map_err(sql)
}
