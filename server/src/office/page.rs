//! `POST /v1/sync`: a request is carried out, then answered with a page of entries.
//!
//! Of equal entries all devices are served equal bytes; see [`super::segments`]. What a page takes grows
//! with what it holds: only audiences that got entries after the cursor are looked at.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap, VecDeque},
};

use nghisu_core::{
    Code, Error, Result, cbor,
    ids::{Audience, DeviceId, Feed, Hash, LogId, domain},
    limits::READ_TOKEN_MS,
    sync::{
        healing::Resumed,
        wire::{Backfill, Cursor, Entry, OwnChain, Reply, Request, Synced},
    },
    time::Timestamp,
    trust::{
        decide::{Action, Actor, Decision, decide},
        office::OnlineKey,
    },
};

use super::{
    Office,
    admit::{Admitted, Offered, admit, over_quota},
    asking::{Asking, allow, known_device},
    healing::{Known, Stand, know_again, stand},
    incarnation::{self, Spoken},
    log::Appending,
    office_row, receipts,
    returned::Returning,
    rights::Audiences,
    segments::{Picked, load_entry},
    snapshots::LeftOut,
};
use crate::db::{
    Tx,
    rows::{DeviceRow, EntryRow, OfficeRow, Person},
};

/// Entries that one audience is asked for at a time while a page is put together.
const AUDIENCE_STEP: usize = 64;
/// Bytes beside an envelope in a segment: numbers and lengths.
const ENTRY_BYTES: usize = 40;

impl Office {
    /// Carries a sync request out and returns the reply. What it reports as accepted is on disk.
    ///
    /// # Errors
    /// [`Code::DeviceRefused`], [`Code::Malformed`], [`Code::TooLarge`], [`Code::NewerProtocol`],
    /// and what the database says.
    pub fn sync(&self, request: &[u8], now: Timestamp) -> Result<Vec<u8>> {
        let asking = self.asking(request)?;
        allow(asking.actor(), Action::Sync)?;
        self.carry_out(asking, now)
    }

    /// Carries out what is asked for, if the device may still sync when it is appended and when it is
    /// answered.
    pub(crate) fn carry_out(&self, asking: Asking, now: Timestamp) -> Result<Vec<u8>> {
        let coming = self.db.expect();
        let Asking {
            request,
            key,
            introduced,
            ..
        } = asking;
        let id = request.head.device;
        if request.head.log != self.log {
            let epoch = self.db.read(office_row)?.epoch;
            return Ok(cbor::encode(&Reply::LogChanged { epoch }));
        }
        let batch: Vec<Offered> = request
            .body
            .envelopes
            .iter()
            .map(|bytes| Offered::read(bytes.to_vec(), &key))
            .collect();
        let keys = self.keys.clone();
        let closing = self.keys.clone();
        let (counter, known) = (request.head.counter, Known::of(&request));
        let offering = request.body.offering.clone();
        let waiting = u64::from(request.body.waiting);
        let note_bytes_max = self.note_bytes_max;
        let (said, anew) = (request.body.incarnation, request.body.anew);
        let carry_out = move |tx: &Tx<'_>| {
            if let Some(introduced) = &introduced {
                know_again(tx, &keys, introduced, now)?;
            }
            let (mut device, person) = known_device(tx, id)?;
            let office = office_row(tx)?;
            if counter <= device.counter {
                let counter = device.counter;
                return Ok(Carried::Not(Reply::CounterTooLow { counter }));
            }
            let stand = match stand(tx, &office, &device, &known, now)? {
                Stand::Unknown => {
                    let epoch = office.epoch;
                    return Ok(Carried::Not(Reply::LogChanged { epoch }));
                }
                stand @ (Stand::Holds | Stand::Resumes(..)) => stand,
            };
            let mut log = Appending::begin(tx, &keys, now)?;
            let offered = offering.as_ref();
            let returning = Returning::read(&mut log, &keys.online, &person, offered)?;
            device.counter = counter;
            let admitted = match incarnation::spoken(tx, &mut device, said, anew, &batch)? {
                Spoken::Copy => {
                    incarnation::lock_copies(&mut log, &device)?;
                    log.finish()?;
                    tx.set_device(&device)?;
                    return Ok(Carried::Locked);
                }
                Spoken::Again => incarnation::settled(tx, &device, &batch)?,
                Spoken::Now => match anew.filter(|_| over_quota(&mut device, now).is_none()) {
                    Some(cause) => {
                        incarnation::grant(&mut log, &mut device, cause)?;
                        Admitted::default()
                    }
                    // What it writes may follow what it is yet to bring back. Who introduces himself brings
                    // everything along.
                    None if introduced.is_none()
                        && goes_back(stand, &known)
                        && !batch.is_empty() =>
                    {
                        Admitted::nothing(&device)
                    }
                    None => {
                        let terms = (person.role, note_bytes_max);
                        let admitted = admit(&mut log, &mut device, terms, &batch, returning)?;
                        if offered.is_some_and(|offering| offering.all) {
                            tx.set_back(id, log.office.epoch)?;
                        }
                        admitted
                    }
                },
            };
            log.pass_on()?;
            tx.set_device(&device)?;
            let settled = admitted.outcomes.iter().filter(|it| it.is_final()).count();
            let waiting = waiting + (batch.len() - settled) as u64;
            tx.set_device_synced(id, now, waiting)?;
            Ok(Carried::Out(admitted, stand, device.chain.device_seq))
        };
        let close = move |tx: &Tx<'_>| receipts::close(tx, &closing, now);
        let carried_out = self.db.write_and_close(carry_out, close);
        // The writer waits for those who are still to write, not for those who read on.
        drop(coming);
        let reply = match carried_out? {
            Carried::Out(admitted, stand, device_seq) => {
                let page = self.page(&request, (stand, device_seq), admitted, now)?;
                Reply::Synced(Box::new(page))
            }
            Carried::Not(reply) => reply,
            Carried::Locked => return Err(Error::new(Code::DeviceRefused, "locked")),
        };
        Ok(cbor::encode(&reply))
    }

    fn page(
        &self,
        request: &Request,
        (stand, device_seq): (Stand, u64),
        admitted: Admitted,
        now: Timestamp,
    ) -> Result<Synced> {
        let (head, body) = (&request.head, &request.body);
        let after = match stand {
            Stand::Resumes(_, from) => from,
            Stand::Holds | Stand::Unknown => head.cursor.as_ref().map_or(0, |it| it.seq),
        };
        self.db.read(|tx| {
            let (device, person) = known_device(tx, head.device)?;
            let office = office_row(tx)?;
            let counter = tx.counter()?;
            let readable = match stand {
                Stand::Resumes(..) => Audiences::of(tx, office.log, &person)?,
                Stand::Holds | Stand::Unknown => {
                    let mut asked = self.recent.since(tx, office.log, after, counter.seq)?;
                    asked.insert(Audience::Person(person.id));
                    asked.extend(body.backfill.iter().map(|it| it.feed.audience(office.log)));
                    Audiences::among(tx, office.log, &person, asked)?
                }
            };
            let resumes = matches!(stand, Stand::Resumes(..));
            let own = (!body.own && !resumes).then_some(device.id);
            let page_bytes_max = self.page_bytes_max;
            let scan = scan(tx, &readable, after, counter.seq, own, page_bytes_max)?;
            let asker = actor(&device, &person);
            // Ranges are named by numbers of the log that was: those of this one follow from the reply.
            let asked: &[Backfill] = if resumes { &[] } else { &body.backfill };
            let ranges = readable_ranges(asker, &readable, office.log, asked);
            let backfilled = backfill(tx, &ranges, page_bytes_max)?;
            let mut segments = Vec::new();
            for (audience, picked) in &scan.picked {
                segments.extend(self.segments(tx, *audience, (after, scan.to), picked)?);
            }
            let chain = match scan.to {
                0 => Hash::ZERO,
                seq => tx
                    .chain_at(seq)?
                    .ok_or_else(|| super::log::damaged(seq, "the entry is missing"))?,
            };
            let online: OnlineKey = office.online.unverified()?;
            let known_key = head.office == online.key.device();
            let successions = if known_key {
                Vec::new()
            } else {
                office.successions.clone()
            };
            Ok(Synced {
                outcomes: admitted.outcomes,
                stopped: admitted.stopped,
                segments,
                backfilled: backfilled.entries,
                cursor: make_cursor(&office, &self.secret, device.id, scan.to, chain),
                more: scan.to < counter.seq,
                head: counter.head,
                read_token: make_token(&self.secret, device.id, now.plus_ms(READ_TOKEN_MS)),
                now,
                backed_up: tx.newest_backup()?.map_or(0, |(covers, _)| covers),
                online: (!known_key).then_some(office.online),
                successions,
                order: self.release_order(tx, device.id)?,
                backfilled_to: backfilled.to,
                covered: scan.covered,
                own: Some(OwnChain {
                    incarnation: device.chain.incarnation,
                    device_seq: device.chain.device_seq,
                    newest: device.chain.newest,
                }),
                resumed: match stand {
                    Stand::Resumes(epoch, from) => Some(Resumed {
                        epoch,
                        from,
                        feeds: feeds_at(tx, &readable, from)?,
                        device_seq,
                        chain: tx.chain_at(from)?,
                    }),
                    Stand::Holds | Stand::Unknown => None,
                },
            })
        })
    }

    /// Returns whose device holds this read token, as long as it holds and the device is active.
    pub(crate) fn token_holder(
        &self,
        tx: &Tx<'_>,
        token: &[u8],
        now: Timestamp,
    ) -> Result<(DeviceRow, Person)> {
        known_device(tx, self.token_device(token, now)?)
    }

    /// Returns the device that this read token was given to, as long as it holds.
    pub(super) fn token_device(&self, token: &[u8], now: Timestamp) -> Result<DeviceId> {
        let refused = || Error::new(Code::DeviceRefused, "read token");
        let (device, rest) = token.split_first_chunk::<16>().ok_or_else(refused)?;
        let (expiry, mac) = rest.split_first_chunk::<8>().ok_or_else(refused)?;
        let device = DeviceId::from_bytes(*device);
        let expires_at = Timestamp::from_unix_ms(u64::from_be_bytes(*expiry));
        let expected = token_mac(&self.secret, device, expires_at);
        if !equal(&expected, mac) || now > expires_at {
            return Err(refused());
        }
        Ok(device)
    }
}

/// What became of a request.
enum Carried {
    Out(Admitted, Stand, u64),
    /// It has to be asked in another way.
    Not(Reply),
    /// It was the second copy of its device, which is locked now.
    Locked,
}

/// Returns who asks with this device.
pub(crate) const fn actor(device: &DeviceRow, person: &Person) -> Actor {
    Actor::Device {
        person: person.id,
        role: person.role,
        status: device.status,
    }
}

struct Scan {
    picked: BTreeMap<Audience, Picked>,
    to: u64,
    covered: Vec<Backfill>,
}

/// Picks the entries after `after` in the order of the log, until a page is full. An entry stands in
/// one segment, also for somebody who reads it in two audiences. `own` is the device whose entries
/// are left out; without it nothing is left out, not even what a snapshot covers.
fn scan(
    tx: &Tx<'_>,
    readable: &Audiences,
    after: u64,
    upto: u64,
    own: Option<DeviceId>,
    page_bytes_max: usize,
) -> Result<Scan> {
    let mut sources = BTreeMap::new();
    let mut next = BinaryHeap::new();
    for (audience, granted) in readable.iter() {
        let mut source = Source::new(audience, after.max(granted), upto);
        if let Some(seq) = source.peek(tx)? {
            next.push(Reverse((seq, audience)));
            sources.insert(audience, source);
        }
    }
    let mut picked: BTreeMap<Audience, Picked> = BTreeMap::new();
    let (mut bytes, mut newest, mut full_before) = (0, after, None);
    let mut left_out = LeftOut::default();
    while let Some(Reverse((seq, audience))) = next.pop() {
        let Some(source) = sources.get_mut(&audience) else {
            continue;
        };
        let Some(entry) = source.pop(tx)? else {
            continue;
        };
        let twice = seq == newest;
        let mine = own == Some(entry.device);
        let covered = entry.covered && own.is_some();
        if !twice && !mine && !covered {
            let size = entry.length + ENTRY_BYTES;
            if bytes > 0 && bytes + size > page_bytes_max {
                full_before = Some(seq);
                break;
            }
            bytes += size;
        }
        if covered && !mine && !left_out.add(&entry) {
            full_before = Some(seq);
            break;
        }
        let of_audience = picked.entry(audience).or_default();
        of_audience.add(entry, twice || mine || covered);
        newest = seq;
        if let Some(seq) = source.peek(tx)? {
            next.push(Reverse((seq, audience)));
        }
    }
    picked.retain(|_, picked| !picked.is_empty());
    let to = full_before.map_or_else(|| upto.max(after), |seq| seq - 1);
    Ok(Scan {
        picked,
        to,
        covered: left_out.ranges,
    })
}

/// The entries of one audience, fetched a few at a time.
struct Source {
    audience: Audience,
    after: u64,
    upto: u64,
    fetched: VecDeque<EntryRow>,
}

impl Source {
    const fn new(audience: Audience, after: u64, upto: u64) -> Self {
        Self {
            audience,
            after,
            upto,
            fetched: VecDeque::new(),
        }
    }

    fn peek(&mut self, tx: &Tx<'_>) -> Result<Option<u64>> {
        if self.fetched.is_empty() && self.after < self.upto {
            let fetched =
                tx.entries_of_audience(self.audience, self.after, self.upto, AUDIENCE_STEP)?;
            self.after = match fetched.last() {
                Some(last) if fetched.len() == AUDIENCE_STEP => last.seq,
                _ => self.upto,
            };
            self.fetched = fetched.into();
        }
        Ok(self.fetched.front().map(|entry| entry.seq))
    }

    fn pop(&mut self, tx: &Tx<'_>) -> Result<Option<EntryRow>> {
        self.peek(tx)?;
        Ok(self.fetched.pop_front())
    }
}

/// Returns those of the ranges that the asker may read now.
fn readable_ranges(
    asker: Actor,
    readable: &Audiences,
    log: LogId,
    ranges: &[Backfill],
) -> Vec<Backfill> {
    let may_read = |range: &&Backfill| {
        let state = readable.state(range.feed, log);
        decide(asker, Action::Read(range.feed), state) == Decision::Allow
    };
    ranges.iter().filter(may_read).copied().collect()
}

/// What was served of ranges of feeds.
#[derive(Default)]
struct Backfilled {
    entries: Vec<Entry>,
    /// How far each range was answered; one that is not named was not begun.
    to: Vec<(Feed, u64)>,
}

/// Serves ranges of feeds, within the size of a page.
fn backfill(tx: &Tx<'_>, ranges: &[Backfill], page_bytes_max: usize) -> Result<Backfilled> {
    let mut served = Backfilled::default();
    let mut bytes = 0;
    for range in ranges {
        let mut after = range.after;
        while after < range.to {
            let rows = tx.entries_of_feed(range.feed, after, range.to, AUDIENCE_STEP)?;
            if rows.is_empty() {
                after = range.to;
            }
            for row in &rows {
                bytes += row.length + ENTRY_BYTES;
                if !served.entries.is_empty() && bytes > page_bytes_max {
                    let begun = after > range.after;
                    served.to.extend(begun.then_some((range.feed, after)));
                    return Ok(served);
                }
                served.entries.push(load_entry(tx, row)?);
                after = row.feed_seq;
            }
        }
        served.to.push((range.feed, range.to));
    }
    Ok(served)
}

/// Says whether a device goes on before what it has read: it has read what this log does not have.
/// Without a cursor epoch 0 says so, or a head.
fn goes_back(stand: Stand, known: &Known) -> bool {
    match (stand, &known.cursor) {
        (Stand::Resumes(_, from), Some(cursor)) => from < cursor.seq,
        (Stand::Resumes(..), None) => known.epoch == 0 || known.head.is_some(),
        (Stand::Holds | Stand::Unknown, _) => false,
    }
}

/// Says whether this office has given the cursor to the device.
pub(super) fn cursor_is_ours(office: &OfficeRow, device: DeviceId, cursor: &Cursor) -> bool {
    let of_its_epoch = OfficeRow {
        epoch: cursor.epoch,
        ..office.clone()
    };
    let secret = &office.secret;
    let expected = make_cursor(&of_its_epoch, secret, device, cursor.seq, cursor.chain);
    cursor.log == expected.log && equal(&cursor.mac, &expected.mac)
}

/// Says whether the log up to an entry has this chain.
pub(super) fn equal_chain(tx: &Tx<'_>, (seq, chain): (u64, Hash)) -> Result<bool> {
    let ours = match seq {
        0 => Some(Hash::ZERO),
        seq => tx.chain_at(seq)?,
    };
    Ok(ours == Some(chain))
}

/// Returns how far the feeds were that somebody reads, at an entry of the log.
fn feeds_at(tx: &Tx<'_>, readable: &Audiences, at: u64) -> Result<Vec<(Feed, u64)>> {
    let mut feeds = BTreeMap::new();
    if at > 0 {
        for (audience, _) in readable.iter() {
            feeds.extend(tx.feeds_of_audience_at(audience, at)?);
        }
    }
    Ok(feeds.into_iter().collect())
}

fn make_cursor(
    office: &OfficeRow,
    secret: &[u8; 32],
    device: DeviceId,
    seq: u64,
    chain: Hash,
) -> Cursor {
    let mac = Hash::of(
        domain::CURSOR,
        &[
            secret,
            device.as_bytes(),
            office.log.as_bytes(),
            &office.epoch.to_be_bytes(),
            &seq.to_be_bytes(),
            chain.as_bytes(),
        ],
    );
    Cursor {
        log: office.log,
        epoch: office.epoch,
        seq,
        chain,
        mac: half(&mac),
    }
}

fn make_token(secret: &[u8; 32], device: DeviceId, expires_at: Timestamp) -> Vec<u8> {
    let mut token = device.as_bytes().to_vec();
    token.extend(expires_at.unix_ms().to_be_bytes());
    token.extend(token_mac(secret, device, expires_at));
    token
}

fn token_mac(secret: &[u8; 32], device: DeviceId, expires_at: Timestamp) -> [u8; 16] {
    let expiry = expires_at.unix_ms().to_be_bytes();
    half(&Hash::of(
        domain::TOKEN,
        &[secret, device.as_bytes(), &expiry],
    ))
}

/// Half of a hash over a secret and fields of fixed length is an authentication code: without the
/// other half nobody can hash on from it.
fn half(hash: &Hash) -> [u8; 16] {
    let mut half = [0; 16];
    half.copy_from_slice(&hash.as_bytes()[..16]);
    half
}

/// Compares in a time that does not depend on where the difference is.
fn equal(left: &[u8], right: &[u8]) -> bool {
    left.len() == right.len()
        && left
            .iter()
            .zip(right)
            .fold(0, |difference, (a, b)| difference | (a ^ b))
            == 0
}
