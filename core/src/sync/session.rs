//! The device's half of the conversation.
//!
//! [`Session::handle`] is told what happened, then [`Session::poll`] is called until it returns
//! `None`; each output asks the shell for one thing, and the shell reports back with the next input.
//!
//! ```text
//!   Wanted ─► Load ─► Loaded ─► Save(envelopes) ─► Saved ─► Send ─► Reply ─► Save(page)… ─► Saved ─┐
//!               ▲            └──── nothing to save ──────────┘                                     │
//!               └────────────────── more to read, or more to send ─────────────────────────────────┤
//!                                                                                         Finished ◄┘
//! ```
//!
//! Entries come in two ways: after the cursor, in the order of the log, and by backfill, in the order of
//! their feed. The store says in [`Work::backfill`] which ranges it misses, and keeps entries that come
//! too early until their feed is whole up to them.

use std::collections::{BTreeMap, VecDeque};

use crate::{
    error::{Code, Error, Result},
    ids::{DeviceId, Feed, Hash, Kind, LogId, domain},
    limits::{COVERED_ENTRIES_MAX, REQUEST_BYTES_MAX, REQUEST_ENVELOPES_MAX},
    sync::{
        authors::{office_author, take_office_key},
        backoff::Backoff,
        envelope::{Chain, Envelope, Subject},
        healing::Resumed,
        publication::Publishers,
        wire::{
            Backfill, Cursor, Entry, LogHead, Outcome, OwnChain, Reply, Request, RequestBody,
            RequestHead, SignedHead, Synced, VERSION,
        },
    },
    time::Timestamp,
    trust::{
        enrol::{Certificate, Signed},
        keys::{DeviceSigner, PublicKey},
        office_keys::OfficeKeys,
        orders::{Revocation, SignedOrder},
    },
};

mod cut;
mod owed;
mod own;

pub use owed::{Offered, Owed};

/// Who takes part. Log and device are fixed from the enrolment on, the office's keys follow the log.
#[derive(Debug, Clone)]
pub struct Parties {
    /// The log, which also names the office.
    pub log: LogId,
    /// The office's keys, as far as this device knows them.
    pub office: OfficeKeys,
    /// This device.
    pub device: DeviceId,
}

/// What the store has for a request.
#[derive(Debug, Clone)]
pub struct Work {
    /// The log's epoch as the device knows it.
    pub epoch: u32,
    /// Where the device stands in the log.
    pub cursor: Option<Cursor>,
    /// The highest request counter used so far, as far as the store knows.
    pub counter: u64,
    /// Where the device's chain stands.
    pub chain: Chain,
    /// Envelopes that are stored and have no final outcome, in the order of the chain.
    pub unsettled: Vec<Envelope>,
    /// What is in no envelope yet, in the order in which it was written.
    pub pending: Vec<Pending>,
    /// Keys of other devices whose envelopes this device reads, by certificate.
    pub keys: BTreeMap<DeviceId, PublicKey>,
    /// Devices that were revoked, and the entry that says so: what they wrote after it does not count.
    pub revoked: BTreeMap<DeviceId, u64>,
    /// Changes and acts that the office has not settled.
    pub unsent: u64,
    /// Whether the device has to get its own envelopes back too.
    pub own: bool,
    /// Whether the device is reading its own chain back: it hands nothing in meanwhile.
    pub behind: bool,
    /// Whether nothing is handed in with this request, although something may be unsettled.
    pub quiet: bool,
    /// Names the device's request for another incarnation, if it asks for one.
    pub anew: Option<Hash>,
    /// Ranges of feeds that are missing, at most [`crate::limits::BACKFILL_RANGES_MAX`].
    pub backfill: Vec<Backfill>,
    /// Whether entries wait in the store whose feed is whole up to them: [`Step::Parked`] takes them in.
    pub parked: bool,
    /// What an office that was restored is told.
    pub owed: Owed,
    /// The newest head that the device was told, if it has not read up to there.
    pub head: Option<SignedHead>,
}

/// Something written that is in no envelope yet.
#[derive(Debug, Clone)]
pub struct Pending {
    /// What it is about.
    pub subject: Subject,
    /// Its content.
    pub payload: Vec<u8>,
    /// The newest of the store's pending rows that it covers: all rows of its document up to here.
    pub covers: i64,
    /// When it was written, by the device's clock.
    pub at: Timestamp,
}

/// What happened.
#[derive(Debug)]
pub enum Input {
    /// Somebody wants to sync.
    Wanted,
    /// The answer to [`Output::Load`].
    Loaded(Box<Work>),
    /// What [`Output::Save`] asked for is on disk.
    Saved,
    /// The same, and the store misses ranges of feeds or keeps entries that can be taken in.
    SavedUnfinished,
    /// The office's answer to [`Output::Send`].
    Replied(Vec<u8>),
    /// What was asked for failed: the store, the network, the office's refusal.
    Failed(Error),
}

/// What is to be done.
#[derive(Debug)]
pub enum Output {
    /// Read the work from the store.
    Load,
    /// Store this in one transaction and say [`Input::Saved`] when it is on disk.
    Save(Box<Step>),
    /// Send these bytes to `POST /v1/sync`.
    Send(Vec<u8>),
    /// The sync has ended.
    Finished(Result<Report>),
}

/// What the store writes in one transaction.
#[derive(Debug)]
pub enum Step {
    /// New envelopes, in the order of the chain, and the newest pending row that each covers.
    Envelopes(Vec<(Envelope, i64)>),
    /// A page of a reply, or a part of one.
    Page(Page),
    /// Envelopes after this `device_seq` have to be offered again.
    Unsettle {
        /// The newest envelope that the office has.
        device_seq: u64,
    },
    /// The office's log is not the one known, for example after a restore: read it again from the
    /// beginning, and offer one's own envelopes again. Nothing that the device holds is dropped.
    ReadAgain,
    /// The office has released this device: check it, and obey.
    Order(Box<SignedOrder>),
    /// Entries that waited for others of their feed are taken in, as many as fit into a step.
    Parked,
    /// The office has this device's own chain in another incarnation, or further on, than the device:
    /// the log is read again from the beginning before anything else is handed in.
    Own {
        /// The chain as the office has it.
        chain: OwnChain,
        /// What became of envelopes, by their ids.
        outcomes: Vec<(Hash, Outcome)>,
    },
    /// What is stored cannot continue the chain as the office has it: ask for another incarnation.
    Anew,
    /// The office was restored: what the device holds of entries above one was lost and is not back
    /// yet; its own envelopes above the office's newest are offered again.
    Resume(Box<Resumed>),
    /// The office has forgotten this device: it says who it is, and offers all that it has.
    Introduce,
}

/// A part of a reply.
#[derive(Debug, Default)]
pub struct Page {
    /// What became of envelopes, by their ids.
    pub outcomes: Vec<(Hash, Outcome)>,
    /// Entries: those of ranges first, then those after the cursor in the order of the log. A grant or a
    /// withdrawal stands alone: what is before it is stored before it counts.
    pub entries: Vec<Incoming>,
    /// Up to which number the office has answered ranges of feeds that were asked for.
    pub answered: Vec<(Feed, u64)>,
    /// Ranges that are left out since a snapshot holds what they say.
    pub covered: Vec<Backfill>,
    /// Set in a page's first part: where the log ended, as the office has signed it.
    pub head: Option<SignedHead>,
    /// Set in a page's last part: where the device stands, and what else the reply said.
    pub end: Option<Box<PageEnd>>,
}

/// What a reply said beside outcomes and entries.
#[derive(Debug)]
pub struct PageEnd {
    /// Where the device stands.
    pub cursor: Cursor,
    /// The request counter that was used.
    pub counter: u64,
    /// Opens papers.
    pub read_token: Vec<u8>,
    /// The office's clock.
    pub office_now: Timestamp,
    /// All entries up to this number are in a backup.
    pub backed_up: u64,
    /// Whether the log was read to its end.
    pub complete: bool,
    /// Where the log ended, as the office has signed it.
    pub head: LogHead,
    /// The office's keys as far as the log was read.
    pub office: Box<OfficeKeys>,
    /// What the request has offered to a restored office.
    pub offered: Option<Offered>,
}

/// An entry as it arrived.
#[derive(Debug)]
pub struct Incoming {
    /// Its number in the log.
    pub seq: u64,
    /// Its number in the feed.
    pub feed_seq: u64,
    /// When the office had it.
    pub received_at: Timestamp,
    /// The envelope with its author's signature checked, or why it cannot be taken.
    pub envelope: Result<Envelope>,
    /// The envelope's bytes.
    pub bytes: Vec<u8>,
    /// How it came.
    pub via: Via,
    /// Whether it was lost and given back: it tells what was, and gives or takes no access now.
    pub returned: bool,
}

/// How an entry came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// After the cursor.
    Cursor,
    /// As a part of a range that was asked for.
    Backfill,
    /// From the store, where it waited for others of its feed.
    Parked,
}

/// What a sync did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Report {
    /// Requests sent until all of the device's own work was settled.
    pub requests: u32,
    /// Further requests until the log was read to its end.
    pub pulls: u32,
    /// Envelopes accepted by the office.
    pub accepted: u32,
    /// Envelopes refused for good.
    pub refused: u32,
    /// Envelopes that the office holds back: they are offered again.
    pub held: u32,
    /// Entries received.
    pub received: u32,
    /// Milliseconds after which the office wants envelopes offered again that it has held; 0 if it has
    /// held none.
    pub held_ms: u64,
}

impl Report {
    /// Returns what this and the next round of a sync did together.
    pub const fn and(self, next: Self) -> Self {
        Self {
            requests: self.requests + next.requests,
            pulls: self.pulls + next.pulls,
            accepted: self.accepted + next.accepted,
            refused: self.refused + next.refused,
            held: self.held + next.held,
            received: self.received + next.received,
            held_ms: next.held_ms,
        }
    }
}

#[derive(Debug)]
enum State {
    Quiet,
    /// Whether a request follows even if the store has nothing to ask for.
    Loading {
        asks: bool,
    },
    SavingEnvelopes(Box<Prepared>),
    Waiting(Box<Prepared>),
    SavingPage {
        rest: VecDeque<Step>,
        again: bool,
    },
}

#[derive(Debug)]
struct Prepared {
    work: Work,
    sent: Vec<Hash>,
    /// Whether there is more to hand in than this request holds.
    left_over: bool,
    request: Vec<u8>,
}

/// The device's half of the conversation. See the module's page.
pub struct Session<'s> {
    parties: Parties,
    signer: &'s dyn DeviceSigner,
    state: State,
    outputs: VecDeque<Output>,
    report: Report,
    counter_seen: u64,
    resent: bool,
    reread: bool,
    asked_anew: bool,
    /// How long the office asked to wait with what it has not taken.
    hold_ms: u64,
    introduced: bool,
    backoff: Backoff,
    dice: u64,
    now: Timestamp,
    /// The ranges that the office was asked for last, if it has answered none of them.
    unanswered: Vec<Backfill>,
}

impl<'s> Session<'s> {
    /// Makes a session that is quiet. `dice` is random and moves the pauses after failures.
    pub fn new(parties: Parties, signer: &'s dyn DeviceSigner, dice: u64) -> Self {
        Self {
            parties,
            signer,
            state: State::Quiet,
            outputs: VecDeque::new(),
            report: Report::default(),
            counter_seen: 0,
            resent: false,
            reread: false,
            asked_anew: false,
            hold_ms: 0,
            introduced: false,
            backoff: Backoff::default(),
            dice,
            now: Timestamp::default(),
            unanswered: Vec::new(),
        }
    }

    /// Takes in what happened. An input that does not answer the last output is passed over.
    pub fn handle(&mut self, now: Timestamp, input: Input) {
        self.now = now;
        if let Input::Failed(error) = &input
            && self.is_forgotten(error)
        {
            return self.introduce();
        }
        let state = std::mem::replace(&mut self.state, State::Quiet);
        match (state, input) {
            (State::Quiet, Input::Wanted) => {
                self.report = Report::default();
                (self.resent, self.reread, self.asked_anew) = (false, false, false);
                (self.hold_ms, self.introduced) = (0, false);
                self.unanswered.clear();
                self.load(true);
            }
            (State::Quiet, _) => {}
            (State::SavingPage { .. }, Input::Failed(error))
                if error.code() == Code::LogChanged && !self.reread =>
            {
                self.reread = true;
                self.save_next(VecDeque::from([Step::ReadAgain]), true, false);
            }
            (_, Input::Failed(error)) => self.finish(Err(error)),
            (State::Loading { asks }, Input::Loaded(work)) => self.take_work(*work, asks),
            (State::SavingEnvelopes(prepared), Input::Saved | Input::SavedUnfinished) => {
                self.outputs
                    .push_back(Output::Send(prepared.request.clone()));
                self.state = State::Waiting(prepared);
            }
            (State::Waiting(prepared), Input::Replied(bytes)) => self.take_reply(*prepared, &bytes),
            (State::SavingPage { rest, again }, Input::Saved) => {
                self.save_next(rest, again, false);
            }
            (State::SavingPage { rest, again }, Input::SavedUnfinished) => {
                self.save_next(rest, again, true);
            }
            (state, _) => self.state = state,
        }
    }

    /// Returns the next thing to do. Call it after every [`Session::handle`] until it returns `None`.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Returns what the sync that runs, or the last one, has done so far.
    pub const fn report(&self) -> Report {
        self.report
    }

    /// Returns when to say [`Input::Wanted`] again: after a failure, or because the office holds
    /// something back. Changes when a sync ends.
    pub const fn deadline(&self) -> Option<Timestamp> {
        self.backoff.until()
    }

    fn load(&mut self, asks: bool) {
        self.outputs.push_back(Output::Load);
        self.state = State::Loading { asks };
    }

    fn take_work(&mut self, work: Work, asks: bool) {
        if work.parked {
            self.outputs.push_back(Output::Save(Box::new(Step::Parked)));
            self.state = State::SavingPage {
                rest: VecDeque::new(),
                again: asks,
            };
        } else if asks
            || work.owed.offering.is_some()
            || work.backfill.iter().any(|it| !self.unanswered.contains(it))
        {
            self.prepare(work);
        } else {
            self.finish(Ok(self.report));
        }
    }

    fn finish(&mut self, ended: Result<Report>) {
        match &ended {
            Ok(_) if self.hold_ms > 0 => self.backoff.hold(self.now, self.hold_ms),
            Ok(_) => self.backoff.succeed(),
            Err(_) => {
                self.backoff.fail(self.now, 0, self.dice);
                self.dice = self
                    .dice
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
            }
        }
        self.outputs.push_back(Output::Finished(ended));
        self.state = State::Quiet;
    }

    fn prepare(&mut self, work: Work) {
        match self.build(work) {
            Ok((prepared, fresh)) if fresh.is_empty() => {
                self.outputs
                    .push_back(Output::Send(prepared.request.clone()));
                self.state = State::Waiting(Box::new(prepared));
            }
            Ok((prepared, fresh)) => {
                self.outputs
                    .push_back(Output::Save(Box::new(Step::Envelopes(fresh))));
                self.state = State::SavingEnvelopes(Box::new(prepared));
            }
            Err(error) => self.finish(Err(error)),
        }
    }

    fn build(&self, mut work: Work) -> Result<(Prepared, Vec<(Envelope, i64)>)> {
        let mut room = REQUEST_BYTES_MAX - (64 << 10);
        let mut body = RequestBody {
            own: work.own,
            backfill: work.backfill.clone(),
            incarnation: work.chain.incarnation,
            anew: work.anew,
            head: work.head.clone(),
            ..RequestBody::default()
        };
        room -= work.owed.bytes().min(room);
        let mut sent = Vec::new();
        let owed = work.owed.clone();
        let mut fits = |envelope: &Envelope, sent: &mut Vec<Hash>| {
            let bytes = envelope.encode();
            let waits = sent.len() == REQUEST_ENVELOPES_MAX || owed.holds_back(envelope);
            if waits || bytes.len() + 16 > room {
                return false;
            }
            room -= bytes.len() + 16;
            sent.push(envelope.id());
            body.envelopes.push(bytes.into());
            true
        };
        let mut left_over = !work
            .unsettled
            .iter()
            .all(|envelope| fits(envelope, &mut sent));
        let mut fresh = Vec::new();
        for pending in std::mem::take(&mut work.pending) {
            if left_over {
                break;
            }
            let mut chain = work.chain;
            let envelope = Envelope::sign(
                &mut chain,
                pending.subject,
                pending.payload,
                pending.at,
                self.signer,
            )?;
            if !fits(&envelope, &mut sent) {
                left_over = true;
                break;
            }
            work.chain = chain;
            fresh.push((envelope, pending.covers));
        }
        let left = left_over.then(|| first_left(&work, &sent));
        work.owed.put_into(&mut body, left);
        if left_over {
            let beyond = work.unsent.saturating_sub(sent.len() as u64).max(1);
            body.waiting = u32::try_from(beyond).unwrap_or(u32::MAX);
        }
        work.counter = work.counter.max(self.counter_seen) + 1;
        let head = RequestHead {
            version: VERSION,
            log: self.parties.log,
            office: self.parties.office.newest().key.device(),
            device: self.parties.device,
            epoch: work.epoch,
            counter: work.counter,
            cursor: work.cursor.clone(),
            body: Hash::ZERO,
        };
        let request = Request::encode(head, &body, self.signer)?;
        Ok((
            Prepared {
                work,
                sent,
                left_over,
                request,
            },
            fresh,
        ))
    }

    fn take_reply(&mut self, prepared: Prepared, bytes: &[u8]) {
        let handed_in = !prepared.sent.is_empty();
        if handed_in || self.report.requests == 0 {
            self.report.requests += 1;
        } else {
            self.report.pulls += 1;
        }
        self.counter_seen = prepared.work.counter;
        let taken = Reply::decode(bytes).and_then(|reply| match reply {
            Reply::Synced(synced) => self.take_synced(prepared, *synced),
            Reply::CounterTooLow { counter } if counter >= self.counter_seen => {
                self.counter_seen = counter;
                Ok((VecDeque::new(), true))
            }
            Reply::CounterTooLow { .. } => Err(Error::new(
                Code::Malformed,
                "reply: a counter that is not too low",
            )),
            Reply::LogChanged { .. } if !self.reread && prepared.work.cursor.is_some() => {
                self.reread = true;
                Ok((VecDeque::from([Step::ReadAgain]), true))
            }
            Reply::LogChanged { epoch } => {
                Err(Error::new(Code::LogChanged, format_args!("epoch {epoch}")))
            }
        });
        match taken {
            Ok((steps, again)) => self.save_next(steps, again, false),
            Err(error) => self.finish(Err(error)),
        }
    }

    fn save_next(&mut self, mut rest: VecDeque<Step>, again: bool, unfinished: bool) {
        match rest.pop_front() {
            Some(step) => {
                self.outputs.push_back(Output::Save(Box::new(step)));
                self.state = State::SavingPage { rest, again };
            }
            None if again || unfinished => self.load(again),
            None => self.finish(Ok(self.report)),
        }
    }

    /// Checks a reply and cuts it into steps. The second value says whether another request follows.
    fn take_synced(
        &mut self,
        prepared: Prepared,
        synced: Synced,
    ) -> Result<(VecDeque<Step>, bool)> {
        let malformed = |what: &str| Error::new(Code::Malformed, format_args!("reply: {what}"));
        let Prepared {
            work,
            sent,
            left_over,
            ..
        } = prepared;
        let mut office = self.parties.office.clone();
        if work.cursor.is_none() {
            office.read_again();
        }
        if let Some(online) = &synced.online {
            office.meet(online, &synced.successions)?;
        }
        let head: LogHead = synced.head.verify(domain::HEAD, &office.newest().key)?;
        let signed_head = SignedHead {
            head: synced.head.clone(),
            online: office.newest_signed().clone(),
        };
        if head.log != self.parties.log || synced.cursor.log != self.parties.log {
            return Err(malformed("another log"));
        }
        if synced.outcomes.len() > sent.len() {
            return Err(malformed("more outcomes than envelopes"));
        }
        let mut after = work.cursor.as_ref().map_or(0, |cursor| cursor.seq);
        let mut steps = VecDeque::new();
        if let Some(resumed) = &synced.resumed {
            after = resumed.from;
            office.read_again_after(after);
            steps.push_back(Step::Resume(Box::new(resumed.clone())));
        }
        if synced.cursor.seq < after || head.seq < synced.cursor.seq {
            // A log that ends before what was read of it is another one.
            if self.reread || after == 0 {
                return Err(malformed("a log that goes back"));
            }
            self.reread = true;
            return Ok((VecDeque::from([Step::ReadAgain]), true));
        }
        if let Some(order) = synced.order.clone() {
            steps.push_back(Step::Order(Box::new(order)));
        }
        let (stops, progress) = self.count(&synced.outcomes);
        let mut again = synced.more || synced.stopped.is_some();
        // An office that was restored has forgotten a part of the chain: it is offered again.
        if synced.resumed.is_none() {
            if let Some(step) = own::other_chain(&work, &sent, &synced) {
                steps.push_back(step);
                return Ok((steps, true));
            }
            let step = self.what_is_lost(&work, &sent, &synced)?;
            again |= step.is_some();
            steps.extend(step);
        }
        let unanswered = sent.len() > synced.outcomes.len() && synced.stopped.is_none();
        if unanswered && !stops {
            return Err(malformed("fewer outcomes than envelopes"));
        }
        let incoming = self.check_entries(&work, &synced, after, &mut office)?;
        let named_last = office.named_last().map(|(_, online)| &online.key);
        if !synced.more && named_last != Some(&office.newest().key) {
            return Err(Error::new(
                Code::OfficeCertificate,
                "the log does not name the online key that signed its head",
            ));
        }
        self.parties.office = office.clone();
        let received = incoming.entries.len() + incoming.backfilled.len();
        self.report.received += u32::try_from(received).unwrap_or(u32::MAX);
        self.unanswered = if incoming.answered.is_empty() {
            work.backfill.clone()
        } else {
            Vec::new()
        };
        let outcomes = sent.iter().copied().zip(synced.outcomes).collect();
        let end = PageEnd {
            cursor: synced.cursor,
            counter: work.counter,
            read_token: synced.read_token,
            office_now: synced.now,
            backed_up: synced.backed_up,
            complete: !synced.more,
            head,
            office: Box::new(office),
            offered: work.owed.was_taken(synced.resumed.is_some()),
        };
        let parts = cut::cut((outcomes, signed_head), incoming, end);
        steps.extend(parts.into_iter().map(Step::Page));
        Ok((steps, again || (left_over && progress && !stops)))
    }

    /// # Errors
    /// [`Code::OfficeCertificate`] if an entry names an online key that the office may not name: then
    /// nothing of the reply is taken.
    fn check_entries(
        &self,
        work: &Work,
        synced: &Synced,
        after: u64,
        office: &mut OfficeKeys,
    ) -> Result<Checked> {
        let mut entries: Vec<Entry> = Vec::new();
        for segment in &synced.segments {
            entries.extend(segment.unpack()?);
        }
        entries.retain(|entry| entry.seq > after);
        entries.sort_by_key(|entry| entry.seq);
        entries.dedup_by_key(|entry| entry.seq);
        let mut all = entries.iter().chain(&synced.backfilled);
        if all.any(|entry| entry.seq > synced.cursor.seq) {
            return Err(Error::new(
                Code::Malformed,
                "reply: an entry beyond its cursor",
            ));
        }
        let lengths = synced.covered.iter().map(Backfill::length);
        if lengths.fold(0, u64::saturating_add) > COVERED_ENTRIES_MAX {
            return Err(Error::new(Code::Malformed, "reply: too much left out"));
        }
        let (mut keys, mut revoked) = (work.keys.clone(), work.revoked.clone());
        let entries: Vec<_> = entries.into_iter().map(decoded).collect();
        for (entry, envelope) in &entries {
            if let Ok(envelope) = envelope {
                take_office_key(office, entry.seq, envelope)?;
            }
        }
        let mut check = |entry, via| {
            let checked = self.check_entry(entry, via, &mut keys, office);
            heed_revocations(checked, &mut revoked)
        };
        let mut backfilled: Vec<_> = synced.backfilled.clone();
        backfilled.sort_by_key(|entry| entry.seq);
        let mut backfilled: Vec<_> = backfilled
            .into_iter()
            .map(|entry| check(decoded(entry), Via::Backfill))
            .collect();
        let asked = |feed, number| {
            let mut ranges = work.backfill.iter();
            ranges.any(|range| range.feed == feed && number > range.after && number <= range.to)
        };
        backfilled.retain(|entry| {
            let feed = entry.feed();
            feed.is_none_or(|feed| asked(feed, entry.feed_seq))
        });
        let mut answered = synced.backfilled_to.clone();
        answered.retain(|(feed, to)| asked(*feed, *to));
        let entries = entries.into_iter().map(|entry| check(entry, Via::Cursor));
        Ok(Checked {
            entries: entries.collect(),
            backfilled,
            answered,
            covered: synced.covered.clone(),
        })
    }

    fn check_entry(
        &self,
        (entry, envelope): (Entry, Result<Envelope>),
        via: Via,
        keys: &mut BTreeMap<DeviceId, PublicKey>,
        all_keys: &OfficeKeys,
    ) -> Incoming {
        let envelope = envelope.and_then(|envelope| {
            let author = envelope.header().device;
            let office = office_author(all_keys, entry.seq, &envelope)?;
            match office.or_else(|| keys.get(&author)) {
                Some(key) if envelope.header().log == self.parties.log && envelope.verify(key) => {}
                Some(_) => return Err(Error::new(Code::Malformed, "a signature does not hold")),
                None => {
                    return Err(Error::new(
                        Code::Malformed,
                        "an author without a certificate",
                    ));
                }
            }
            let by_office = office.is_some();
            if !by_office
                && !matches!(
                    envelope.header().feed,
                    Feed::Notes(_) | Feed::Outbox(_) | Feed::Group(_)
                )
            {
                return Err(Error::new(Code::NotAllowed, "only the office writes there"));
            }
            if by_office && envelope.header().kind == Kind::Returned {
                let place = (self.parties.log, entry.seq);
                return Ok((owed::original(&envelope, place, keys, all_keys)?, true));
            }
            if by_office && envelope.header().kind == Kind::Publication {
                let publishers = Publishers {
                    log: self.parties.log,
                    roots: all_keys.roots(),
                    server: all_keys.server_publishes(entry.seq),
                    withdrawn: all_keys.withdrawn(entry.seq),
                };
                publishers.check(envelope.payload(), envelope.header().feed)?;
            }
            if let Some(office) = office
                && envelope.header().kind == Kind::Certificate
            {
                let signed: Signed = crate::cbor::decode(envelope.payload(), "certificate")?;
                let certificate: Certificate = signed.verify(domain::CERTIFICATE, office)?;
                keys.insert(certificate.device(), certificate.key);
            }
            Ok((envelope, false))
        });
        let (envelope, returned) = match envelope {
            Ok((envelope, returned)) => (Ok(envelope), returned),
            Err(error) => (Err(error), false),
        };
        let Entry {
            seq,
            feed_seq,
            received_at,
            envelope: bytes,
        } = entry;
        Incoming {
            seq,
            feed_seq,
            received_at,
            bytes: match &envelope {
                Ok(original) if returned => original.encode(),
                Ok(_) | Err(_) => bytes,
            },
            envelope,
            via,
            returned,
        }
    }
}

/// Returns the number of the first envelope of one's own that a request leaves for the next one.
fn first_left(work: &Work, sent: &[Hash]) -> u64 {
    let number = |envelope: &Envelope| envelope.header().device_seq;
    let left = work.unsettled.get(sent.len());
    left.map_or(work.chain.device_seq + 1, number)
}

/// Notes which devices an entry revokes, and does not let one count that its author wrote after his
/// own revocation. Entries come in the order of the log, which the office has signed.
fn heed_revocations(mut incoming: Incoming, revoked: &mut BTreeMap<DeviceId, u64>) -> Incoming {
    let Ok(envelope) = &incoming.envelope else {
        return incoming;
    };
    let header = envelope.header();
    if let (Kind::Revocation, Feed::Person(_)) = (header.kind, header.feed)
        && let Ok(revocation) = crate::cbor::decode::<Revocation>(envelope.payload(), "revocation")
    {
        revoked.entry(revocation.device).or_insert(incoming.seq);
    }
    // What was given back is of the time before.
    if incoming.returned {
        return incoming;
    }
    if revoked
        .get(&header.device)
        .is_some_and(|&at| incoming.seq > at)
    {
        incoming.envelope = Err(Error::new(
            Code::NotAllowed,
            "written by a device that was revoked before",
        ));
    }
    incoming
}

fn decoded(entry: Entry) -> (Entry, Result<Envelope>) {
    let envelope = Envelope::decode(&entry.envelope);
    (entry, envelope)
}

/// What a reply brought, each envelope checked.
struct Checked {
    entries: Vec<Incoming>,
    backfilled: Vec<Incoming>,
    answered: Vec<(Feed, u64)>,
    covered: Vec<Backfill>,
}

impl Incoming {
    /// Returns the feed that the envelope names, also if its author's signature could not be checked.
    pub fn feed(&self) -> Option<Feed> {
        let read = match &self.envelope {
            Ok(envelope) => return Some(envelope.header().feed),
            Err(_) => Envelope::decode(&self.bytes),
        };
        read.ok().map(|envelope| envelope.header().feed)
    }

    /// Says whether it is a snapshot.
    pub fn is_snapshot(&self) -> bool {
        let kind = self.envelope.as_ref().map(|it| it.header().kind);
        matches!(kind, Ok(Kind::Snapshot))
    }

    /// Says whether it gives access to an audience or ends it.
    fn changes_access(&self) -> bool {
        let kind = self.envelope.as_ref().map(|it| it.header().kind);
        matches!(kind, Ok(Kind::Grant | Kind::Withdrawal))
    }
}

#[cfg(test)]
mod tests;
