//! How meetings stand, and what is followed up: worked out from the office's records, and from this device's
//! own rulings that the office has not made known yet.

use std::collections::{BTreeMap, BTreeSet};

use super::{Changed, Store, column, sql};
use crate::{
    error::{Code, Error, Result},
    ids::{ActId, DeviceId, DocumentId, Feed, MeetingId, PersonId},
    meeting::{
        ItemId, Programme,
        act::{Act, ActKind, Receipt, SignedAct},
        body::Clocks,
        course::{Course, FollowUp, Question},
        deadlines::Obligation,
        owed::{Announced, Owed, obligations},
        publication::SignedPublication,
        ruling::{Author, FloorRuling, PENDING, Record, Ruling, Statement},
    },
    sync::envelope::Envelope,
    time::Timestamp,
    trust::decide::Role,
};

impl Store {
    /// Returns records with their feeds, by feed and number: those of one feed, or all.
    ///
    /// # Errors
    /// [`Code::Storage`].
    pub(super) fn records(&self, of: Option<Feed>) -> Result<Vec<(Feed, Record)>> {
        // The index is on the kind as a number.
        let mut statement = self
            .connection
            .prepare_cached(
                "SELECT feed, bytes FROM kept WHERE kind = 21 AND feed = ?1
                 UNION ALL SELECT feed, bytes FROM kept WHERE kind = 21 AND ?1 IS NULL",
            )
            .map_err(sql)?;
        let mut rows = statement
            .query([of.map(|feed| feed.to_bytes())])
            .map_err(sql)?;
        let mut records = Vec::new();
        while let Some(row) = rows.next().map_err(sql)? {
            let (feed, bytes): (Vec<u8>, Vec<u8>) =
                (row.get(0).map_err(sql)?, row.get(1).map_err(sql)?);
            let feed = column(&feed, Feed::from_slice)?;
            let envelope = Envelope::decode(&bytes)?;
            let record = Record::decode(envelope.payload(), feed, envelope.header().log)?;
            records.push((feed, record));
        }
        records.sort_by_key(|(feed, record)| (*feed, record.order()));
        Ok(records)
    }

    /// Returns own rulings that are not among `known`, as records that have no number yet, in the order in
    /// which they were made.
    fn pending_records(&self, known: &BTreeSet<ActId>) -> Result<Vec<Record>> {
        let pending = self.pending_acts(None, |act| known.contains(&act))?;
        let records = pending.into_iter().zip(PENDING..);
        Ok(records
            .filter_map(|((made_on, act), n)| Record::of(&act, made_on, n, act.made_at))
            .collect())
    }

    /// Returns own acts that were not refused and that `known` does not know, of a meeting or of all, in the
    /// order in which they were made, each with the device on which it was.
    pub(super) fn pending_acts(
        &self,
        meeting: Option<MeetingId>,
        known: impl Fn(ActId) -> bool,
    ) -> Result<Vec<(DeviceId, Act)>> {
        let mut statement = self
            .connection
            .prepare_cached(
                "SELECT id, content FROM act
                 WHERE (?1 IS NULL OR meeting = ?1) AND state IN ('written', 'accepted') ORDER BY rowid",
            )
            .map_err(sql)?;
        let mut rows = statement
            .query([meeting.map(|meeting| *meeting.as_bytes())])
            .map_err(sql)?;
        let mut pending = Vec::new();
        while let Some(row) = rows.next().map_err(sql)? {
            let (id, content): (Vec<u8>, Vec<u8>) =
                (row.get(0).map_err(sql)?, row.get(1).map_err(sql)?);
            if !known(column(&id, ActId::from_slice)?) {
                let (signed, act) = SignedAct::decode(&content)?;
                pending.push((signed.made_on, act));
            }
        }
        Ok(pending)
    }

    /// Returns how a meeting stands, own rulings included. Which of them the office has not made known yet
    /// their numbers say: [`Record::is_pending`].
    ///
    /// # Errors
    /// [`Code::MeetingUnknown`], [`Code::Storage`].
    pub fn course(&self, meeting: MeetingId) -> Result<Course> {
        self.programme(meeting)?;
        self.course_of(meeting, self.counting_receipts(meeting)?)
    }

    fn course_of(&self, meeting: MeetingId, receipts: Vec<Receipt>) -> Result<Course> {
        let mut records = Vec::new();
        for feed in Course::feeds(meeting) {
            records.extend(self.records(Some(feed))?.into_iter().map(|(_, it)| it));
        }
        let known = records.iter().map(|record| record.act).collect();
        let pending = self.pending_records(&known)?;
        records.extend(pending.into_iter().filter(|it| it.meeting == meeting));
        Ok(Course::of(receipts, records))
    }

    /// Returns the body's tasks and petitions, own rulings included.
    ///
    /// # Errors
    /// [`Code::NotEnrolled`], [`Code::Storage`].
    pub fn follow_up(&self) -> Result<FollowUp> {
        let log = self.person()?.0;
        let mut records = Vec::new();
        for feed in [Feed::Task(log), Feed::Petition(log)] {
            records.extend(self.records(Some(feed))?.into_iter().map(|(_, it)| it));
        }
        let known = records.iter().map(|record| record.act).collect();
        records.extend(self.pending_records(&known)?);
        let body = self.body()?.map(|stated| stated.body);
        Ok(FollowUp::of(records, Clocks(body.as_ref())))
    }

    /// Returns what the body has to do by a day and whether it has, what is due first first: what its rules ask
    /// for around the meetings that are read here, answers to questions, tasks and petitions.
    ///
    /// # Errors
    /// [`Code::NotEnrolled`], [`Code::Storage`].
    pub fn obligations(&self) -> Result<Vec<Obligation<Owed>>> {
        let body = self.body()?.map(|stated| stated.body);
        let mut announced = Vec::new();
        for (id, parts) in self.meeting_parts()? {
            let open = parts.into_iter().find(|(part, _)| part.circle.is_none());
            let Some((part, head)) = open else { continue };
            announced.push(Announced {
                id,
                meeting: Programme::from_json(&head)?.meeting,
                has_papers: self.has_open_papers(id)?,
                first: self.first_published(id)?.unwrap_or(part.published_at),
                last: part.published_at,
                questions: self.questions(id)?,
            });
        }
        let clocks = Clocks(body.as_ref());
        Ok(obligations(clocks, &announced, &self.follow_up()?))
    }

    fn questions(&self, meeting: MeetingId) -> Result<Vec<Question>> {
        let receipts = self.counting_receipts(meeting)?;
        let asks = |receipt: &Receipt| receipt.kind == ActKind::QuestionSlip;
        if !receipts.iter().any(asks) {
            return Ok(Vec::new());
        }
        Ok(self.course_of(meeting, receipts)?.questions)
    }

    /// Says whether all who take part in a meeting read papers with it.
    fn has_open_papers(&self, meeting: MeetingId) -> Result<bool> {
        self.connection
            .prepare_cached("SELECT 1 FROM paper WHERE feed = ?1")
            .and_then(|mut statement| statement.exists([Feed::Programme(meeting).to_bytes()]))
            .map_err(sql)
    }

    /// Returns when a meeting was published first, by the publications that are here.
    fn first_published(&self, meeting: MeetingId) -> Result<Option<Timestamp>> {
        // The index is on the kind as a number.
        let mut statement = self
            .connection
            .prepare_cached("SELECT bytes FROM kept WHERE kind = 3 AND feed = ?1")
            .map_err(sql)?;
        let mut rows = statement
            .query([Feed::Programme(meeting).to_bytes()])
            .map_err(sql)?;
        let mut first = None;
        while let Some(row) = rows.next().map_err(sql)? {
            let bytes: Vec<u8> = row.get(0).map_err(sql)?;
            let envelope = Envelope::decode(&bytes)?;
            let (_, publication) = SignedPublication::decode(envelope.payload())?;
            let at = publication.published_at;
            first = Some(first.map_or(at, |first: Timestamp| first.min(at)));
        }
        Ok(first)
    }

    /// Returns the receipts of a meeting that count.
    fn counting_receipts(&self, meeting: MeetingId) -> Result<Vec<Receipt>> {
        let mut by_act = BTreeMap::<ActId, Vec<Receipt>>::new();
        for receipt in self.receipts(meeting)? {
            by_act.entry(receipt.act).or_default().push(receipt);
        }
        Ok(by_act
            .into_values()
            .filter_map(Receipt::that_counts)
            .collect())
    }

    /// Signs and stores a ruling. `act` and `document` are random. It is on disk when this returns.
    ///
    /// # Errors
    /// [`Code::NotAllowed`] for what is not for this person's role to state, and as
    /// [`Store::put_act`]; [`Code::StatementInvalid`] for what [`Ruling::check`] refuses.
    pub fn put_ruling(
        &mut self,
        meeting: MeetingId,
        statement: Statement,
        (act, document): (ActId, DocumentId),
        now: Timestamp,
    ) -> Result<Changed> {
        let checked = statement.ruling.check();
        checked.map_err(|error| Error::new(Code::StatementInvalid, error.detail()))?;
        let person = self.may_state(statement.ruling.author())?;
        let Statement {
            item,
            ruling,
            text,
            addressee,
        } = statement;
        let act = Act {
            id: act,
            person,
            meeting,
            item,
            kind: ActKind::Ruling,
            text,
            addressee,
            withdraws: None,
            made_at: now,
            ruling: Some(ruling),
        };
        self.put_act(&act, document)
    }

    /// Returns this person, if he may state it by what he is. Who asked a question the office knows.
    fn may_state(&self, author: Author) -> Result<PersonId> {
        let certificate = self.identity()?.ok_or(Code::NotEnrolled)?.certificate;
        let (secretary, chair) = (
            certificate.role == Role::Secretary,
            certificate.role == Role::Chair,
        );
        if author.allows(secretary, chair) || matches!(author, Author::Asker(_)) {
            return Ok(certificate.person);
        }
        let detail = match author {
            Author::Officer | Author::Asker(_) => "a ruling; expected the chair or a secretary",
            Author::Secretary => "a ruling of secretaries; expected one of them",
            Author::Chair => "a ruling of the chair; expected him",
        };
        Err(Error::new(Code::NotAllowed, detail))
    }

    /// Signs and stores a ruling of the floor under the term that this device holds, or takes the floor
    /// under the next one.
    ///
    /// # Errors
    /// As [`Store::put_ruling`]; [`Code::FloorNotHeld`] where this device does not hold the floor, and
    /// [`Code::NotAllowed`] also where it would take the floor from itself.
    pub fn put_floor_ruling(
        &mut self,
        (meeting, item): (MeetingId, Option<ItemId>),
        ruling: FloorRuling,
        text: String,
        ids: (ActId, DocumentId),
        now: Timestamp,
    ) -> Result<Changed> {
        // Whoever may not rule is not told to take the floor.
        self.may_state(Author::Officer)?;
        let floor = self.course(meeting)?.floor;
        let holds = floor
            .holder
            .is_some_and(|holder| holder.device == Some(self.device()));
        let term = match (ruling, holds) {
            (FloorRuling::TakeFloor, true) => {
                let detail = "this device holds the floor; expected another ruling";
                return Err(Error::new(Code::NotAllowed, detail));
            }
            (FloorRuling::TakeFloor, false) => floor.term.saturating_add(1),
            (_, true) => floor.term,
            (_, false) => {
                return Err(Error::from(Code::FloorNotHeld));
            }
        };
        let statement = Statement {
            item,
            ruling: Ruling::Floor { term, ruling },
            text,
            addressee: None,
        };
        self.put_ruling(meeting, statement, ids, now)
    }
}
