//! Access as it is given and taken: feeds fetched from their beginning, in order, and purged.
//!
//! An entry is taken in when its feed is whole up to it. A grant names feeds with the number of their
//! newest entry: they are fetched by backfill, and what comes after that number waits meanwhile. A
//! number that is skipped is fetched in the same way. A withdrawal purges: no table and no file holds
//! anything of the audience afterwards, except one's own acts and notes.

use std::collections::{BTreeMap, BTreeSet, btree_map::Entry};

use rusqlite::{OptionalExtension, Transaction};

use super::{
    Changed, Store, column, publications::forget_programme, put_state, signed, sql, unsigned,
};
use crate::{
    error::{Code, Error, Result},
    ids::{Audience, Feed, Hash, LogId},
    limits::{BACKFILL_RANGES_MAX, STEP_BYTES_MAX, STEP_ENTRIES_MAX},
    sync::{
        envelope::Envelope,
        session::{Incoming, Page, Via},
        wire::{Backfill, Outcome},
    },
    time::Timestamp,
    trust::membership::{Grant, Withdrawal},
};

/// What becomes of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// It is taken in now.
    Take,
    /// It waits for entries in front of it.
    Park,
    /// It is passed over: the device has no access to its audience, or has not asked for it.
    Drop,
}

/// How far the feeds of a page are; read when they are first met, written with the page.
#[derive(Debug, Default)]
pub(super) struct Progress {
    feeds: BTreeMap<Feed, Reach>,
}

/// How far a feed is.
#[derive(Debug, Default)]
struct Reach {
    /// Nothing is missing up to here.
    whole: u64,
    /// Numbers above that are here too.
    ahead: BTreeSet<u64>,
    /// The missing range goes from `whole` up to here.
    wanted: Option<u64>,
    /// Whether entries wait.
    parked: bool,
    /// What the newest grant or withdrawal of its audience says, if there was one.
    access: Option<Access>,
}

#[derive(Debug, Clone, Copy)]
struct Access {
    member: bool,
    seq: u64,
}

impl Reach {
    fn has(&mut self, number: u64) {
        if number > self.whole {
            self.ahead.insert(number);
        }
        self.advance();
    }

    /// What is left out of a range is held by a snapshot that follows.
    fn covered(&mut self, range: &Backfill) {
        if range.after <= self.whole {
            return self.answered(range.to);
        }
        self.ahead.extend(range.after + 1..=range.to);
    }

    fn answered(&mut self, number: u64) {
        self.whole = self.whole.max(number);
        self.ahead.retain(|ahead| *ahead > number);
        self.advance();
    }

    fn advance(&mut self) {
        while self.ahead.remove(&(self.whole + 1)) {
            self.whole += 1;
        }
        if self.wanted.is_some_and(|wanted| wanted <= self.whole) {
            self.wanted = None;
        }
    }

    /// Says what becomes of the entry `number`. `readable` is whether its envelope was checked.
    fn turn(&mut self, entry: &Incoming, readable: bool) -> Turn {
        let number = entry.feed_seq;
        match entry.via {
            Via::Cursor => {
                let given = self
                    .access
                    .is_none_or(|access| access.member && entry.seq > access.seq);
                if !given {
                    return Turn::Drop;
                }
                // Taking in an entry again changes nothing.
                if number <= self.whole {
                    return Turn::Take;
                }
                let waits = self.wanted.is_some() || self.parked;
                if !waits && number > self.whole + 1 && !self.ahead.contains(&number) {
                    self.wanted = Some(number - 1);
                } else if !waits {
                    self.has(number);
                    return Turn::Take;
                }
                if readable {
                    self.parked = true;
                    Turn::Park
                } else {
                    self.has(number);
                    Turn::Take
                }
            }
            Via::Backfill => {
                let asked = self.wanted.is_some_and(|wanted| number <= wanted);
                if !asked || number <= self.whole {
                    return Turn::Drop;
                }
                self.has(number);
                Turn::Take
            }
            Via::Parked => {
                self.has(number);
                Turn::Take
            }
        }
    }
}

impl Progress {
    fn reach(&mut self, store: &Store, feed: Feed, log: LogId) -> Result<&mut Reach> {
        Ok(match self.feeds.entry(feed) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(store.reach(feed, log)?),
        })
    }

    /// Writes how far the feeds are.
    pub(super) fn save(&self, transaction: &Transaction<'_>) -> Result<()> {
        for (feed, reach) in &self.feeds {
            let feed = feed.to_bytes();
            execute(
                transaction,
                "INSERT INTO feed (feed, feed_seq) VALUES (?1, ?2)
                 ON CONFLICT (feed) DO UPDATE SET feed_seq = ?2 WHERE feed_seq <> ?2",
                (&feed, signed(reach.whole)),
            )?;
            execute(
                transaction,
                "DELETE FROM feed_ahead WHERE feed = ?1 AND feed_seq <= ?2",
                (&feed, signed(reach.whole)),
            )?;
            for number in &reach.ahead {
                execute(
                    transaction,
                    "INSERT OR IGNORE INTO feed_ahead (feed, feed_seq) VALUES (?1, ?2)",
                    (&feed, signed(*number)),
                )?;
            }
            match reach.wanted {
                Some(wanted) => want(transaction, &feed, wanted)?,
                None => execute(transaction, "DELETE FROM backfill WHERE feed = ?1", [&feed])?,
            }
        }
        Ok(())
    }
}

impl Store {
    fn reach(&self, feed: Feed, log: LogId) -> Result<Reach> {
        let bytes = feed.to_bytes();
        let number = |query: &str| -> Result<Option<u64>> {
            let mut statement = self.connection.prepare_cached(query).map_err(sql)?;
            let found: Option<i64> = statement
                .query_row([&bytes], |row| row.get(0))
                .optional()
                .map_err(sql)?;
            Ok(found.map(unsigned))
        };
        let mut statement = self
            .connection
            .prepare_cached("SELECT feed_seq FROM feed_ahead WHERE feed = ?1")
            .map_err(sql)?;
        let ahead = statement
            .query_map([&bytes], |row| row.get(0).map(unsigned))
            .map_err(sql)?;
        Ok(Reach {
            whole: number("SELECT feed_seq FROM feed WHERE feed = ?1")?.unwrap_or(0),
            ahead: ahead.collect::<rusqlite::Result<_>>().map_err(sql)?,
            wanted: number("SELECT upto FROM backfill WHERE feed = ?1")?,
            parked: number("SELECT 1 FROM parked WHERE feed = ?1 LIMIT 1")?.is_some(),
            access: access(&self.connection, feed.audience(log))?,
        })
    }

    /// Says what becomes of each entry of a page, and how far its feeds are then.
    pub(super) fn turns(&self, page: &Page, log: LogId) -> Result<(Vec<Turn>, Progress)> {
        let mut progress = Progress::default();
        for (id, outcome) in &page.outcomes {
            if let Outcome::Accepted { feed_seq, .. } = outcome
                && let Some(feed) = self.feed_of_own(id)?
            {
                progress.reach(self, feed, log)?.has(*feed_seq);
            }
        }
        let notes = Feed::Notes(self.person()?.1);
        for range in page.covered.iter().filter(|range| range.feed == notes) {
            progress.reach(self, notes, log)?.covered(range);
        }
        let mut turns = Vec::new();
        for entry in &page.entries {
            let turn = match entry.feed() {
                Some(feed) => progress
                    .reach(self, feed, log)?
                    .turn(entry, entry.envelope.is_ok()),
                None => Turn::Take,
            };
            turns.push(turn);
        }
        for (feed, to) in &page.answered {
            let reach = progress.reach(self, *feed, log)?;
            if let Some(wanted) = reach.wanted {
                reach.answered(wanted.min(*to));
            }
        }
        Ok((turns, progress))
    }

    fn feed_of_own(&self, id: &Hash) -> Result<Option<Feed>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT bytes FROM envelope WHERE id = ?1")
            .map_err(sql)?;
        let bytes: Option<Vec<u8>> = statement
            .query_row([id.as_bytes()], |row| row.get(0))
            .optional()
            .map_err(sql)?;
        let envelope = bytes.map(|bytes| Envelope::decode(&bytes)).transpose()?;
        Ok(envelope.map(|envelope| envelope.header().feed))
    }

    /// Returns the ranges of feeds that are missing, as many as a request may ask for.
    pub(super) fn missing_ranges(&self) -> Result<Vec<Backfill>> {
        let query = "SELECT backfill.feed, coalesce(feed.feed_seq, 0), upto
            FROM backfill LEFT JOIN feed ON feed.feed = backfill.feed ORDER BY backfill.rowid LIMIT ?1";
        let mut statement = self.connection.prepare_cached(query).map_err(sql)?;
        let limit = signed(BACKFILL_RANGES_MAX as u64);
        let mut rows = statement.query([limit]).map_err(sql)?;
        let mut ranges = Vec::new();
        while let Some(row) = rows.next().map_err(sql)? {
            let feed: Vec<u8> = row.get(0).map_err(sql)?;
            ranges.push(Backfill {
                feed: column(&feed, Feed::from_slice)?,
                after: unsigned(row.get(1).map_err(sql)?),
                to: unsigned(row.get(2).map_err(sql)?),
            });
        }
        Ok(ranges)
    }

    /// Says whether feeds miss ranges, or entries wait that can be taken in.
    ///
    /// # Errors
    /// [`Code::Storage`].
    pub fn is_unfinished(&self) -> Result<bool> {
        let query = "SELECT EXISTS (SELECT 1 FROM backfill) OR EXISTS (SELECT 1 FROM parked)
            OR EXISTS (SELECT 1 FROM state WHERE name = 'healing_read')";
        self.connection
            .query_row(query, [], |row| row.get(0))
            .map_err(sql)
    }

    /// Says whether entries wait of a feed of which no range is missing.
    pub(super) fn has_parked(&self) -> Result<bool> {
        Ok(self.parked_feed()?.is_some())
    }

    fn parked_feed(&self) -> Result<Option<Feed>> {
        let query = "SELECT feed FROM parked WHERE feed NOT IN (SELECT feed FROM backfill) ORDER BY rowid LIMIT 1";
        let feed: Option<Vec<u8>> = self
            .connection
            .query_row(query, [], |row| row.get(0))
            .optional()
            .map_err(sql)?;
        feed.map(|feed| column(&feed, Feed::from_slice)).transpose()
    }

    /// Takes in entries of one feed that waited, in order; if one is missing before the first, that
    /// range is fetched next.
    pub(super) fn take_parked(&mut self) -> Result<BTreeSet<Changed>> {
        let Some(feed) = self.parked_feed()? else {
            return Ok(BTreeSet::new());
        };
        let log = self.person()?.0;
        let mut reach = self.reach(feed, log)?;
        let mut page = Page::default();
        let mut missing = None;
        let (mut size, mut drawn) = (0, 0);
        {
            let query = "SELECT feed_seq, seq, received_at, bytes FROM parked WHERE feed = ?1
                ORDER BY feed_seq LIMIT ?2";
            let mut statement = self.connection.prepare_cached(query).map_err(sql)?;
            let limit = signed(STEP_ENTRIES_MAX as u64);
            let mut rows = statement.query((feed.to_bytes(), limit)).map_err(sql)?;
            while let Some(row) = rows.next().map_err(sql)? {
                let feed_seq = unsigned(row.get(0).map_err(sql)?);
                let bytes: Vec<u8> = row.get(3).map_err(sql)?;
                size += bytes.len();
                if feed_seq > reach.whole + 1 {
                    missing = Some(feed_seq - 1);
                    break;
                }
                if drawn > 0 && size > STEP_BYTES_MAX {
                    break;
                }
                drawn += 1;
                reach.has(feed_seq);
                page.entries.push(Incoming {
                    seq: unsigned(row.get(1).map_err(sql)?),
                    feed_seq,
                    received_at: Timestamp::from_unix_ms(unsigned(row.get(2).map_err(sql)?)),
                    envelope: Envelope::decode(&bytes),
                    bytes,
                    via: Via::Parked,
                    returned: false,
                });
            }
        }
        if let (Some(missing), 0) = (missing, drawn) {
            self.write(|transaction| want(transaction, &feed.to_bytes(), missing))?;
            return Ok(BTreeSet::new());
        }
        self.save_page(&page)
    }

    /// Finishes a purge: deletes files that no programme names, and leaves no copy of what was deleted
    /// in the database's files. Repeated until it has succeeded.
    pub(super) fn scrub(&mut self) -> Result<()> {
        if self.state("scrub")?.is_none() {
            return Ok(());
        }
        self.sweep_papers()?;
        // Deleted rows are overwritten where they stood (`secure_delete`); a page that was split or
        // merged before may hold an older copy of a row, so the file is written anew.
        self.connection.execute_batch("VACUUM").map_err(sql)?;
        let busy: i64 = self
            .connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
            .map_err(sql)?;
        if busy != 0 {
            return Err(Error::new(Code::Storage, "the checkpoint was kept waiting"));
        }
        self.write(|transaction| execute(transaction, "DELETE FROM state WHERE name = 'scrub'", ()))
    }

    /// Deletes what lies among the papers and belongs to no file that a programme names.
    pub(super) fn sweep_papers(&self) -> Result<()> {
        let folder = self.directory().join("papers");
        let failed = |error: std::io::Error| super::file_error(&folder, &error);
        for file in std::fs::read_dir(&folder).map_err(failed)? {
            let path = file.map_err(failed)?.path();
            let hash: Option<Hash> = path
                .file_stem()
                .and_then(|stem| stem.to_str()?.parse().ok());
            let Some(hash) = hash else { continue };
            let query = "SELECT 1 FROM file WHERE hash = ?1";
            let known: Option<i64> = self
                .connection
                .query_row(query, [hash.as_bytes()], |row| row.get(0))
                .optional()
                .map_err(sql)?;
            if known.is_none() {
                std::fs::remove_file(&path).map_err(failed)?;
            }
        }
        Ok(())
    }
}

/// Runs a statement.
pub(super) fn execute(
    transaction: &Transaction<'_>,
    statement: &str,
    values: impl rusqlite::Params,
) -> Result<()> {
    transaction
        .prepare_cached(statement)
        .and_then(|mut statement| statement.execute(values))
        .map(|_| ())
        .map_err(sql)
}

fn want(transaction: &Transaction<'_>, feed: &[u8], upto: u64) -> Result<()> {
    execute(
        transaction,
        "INSERT INTO backfill (feed, upto) VALUES (?1, ?2)
         ON CONFLICT (feed) DO UPDATE SET upto = max(upto, ?2)",
        (feed, signed(upto)),
    )
}

fn access(connection: &rusqlite::Connection, audience: Audience) -> Result<Option<Access>> {
    let mut statement = connection
        .prepare_cached("SELECT member, seq FROM membership WHERE audience = ?1")
        .map_err(sql)?;
    statement
        .query_row([audience.to_bytes()], |row| {
            Ok(Access {
                member: row.get(0)?,
                seq: unsigned(row.get(1)?),
            })
        })
        .optional()
        .map_err(sql)
}

/// Notes the newest grant or withdrawal. Returns whether it is that.
fn is_newest(
    transaction: &Transaction<'_>,
    audience: Audience,
    member: bool,
    seq: u64,
) -> Result<bool> {
    if access(transaction, audience)?.is_some_and(|access| access.seq >= seq) {
        return Ok(false);
    }
    execute(
        transaction,
        "INSERT OR REPLACE INTO membership (audience, member, seq) VALUES (?1, ?2, ?3)",
        (audience.to_bytes(), member, signed(seq)),
    )?;
    Ok(true)
}

/// Puts an entry aside until its feed is whole up to it.
pub(super) fn park(
    transaction: &Transaction<'_>,
    entry: &Incoming,
    envelope: &Envelope,
) -> Result<()> {
    execute(
        transaction,
        "INSERT OR IGNORE INTO parked (feed, feed_seq, seq, received_at, bytes) VALUES (?1, ?2, ?3, ?4, ?5)",
        (
            envelope.header().feed.to_bytes(),
            signed(entry.feed_seq),
            signed(entry.seq),
            signed(entry.received_at.unix_ms()),
            &entry.bytes,
        ),
    )
}

/// Takes an entry that has waited out of the waiting rows.
pub(super) fn unpark(transaction: &Transaction<'_>, entry: &Incoming) -> Result<()> {
    let (Via::Parked, Some(feed)) = (entry.via, entry.feed()) else {
        return Ok(());
    };
    execute(
        transaction,
        "DELETE FROM parked WHERE feed = ?1 AND feed_seq = ?2",
        (feed.to_bytes(), signed(entry.feed_seq)),
    )
}

/// Takes in that access begins: what its feeds held before is wanted.
pub(super) fn granted(
    transaction: &Transaction<'_>,
    grant: &Grant,
    seq: u64,
    log: LogId,
) -> Result<()> {
    if !is_newest(transaction, grant.audience, true, seq)? {
        return Ok(());
    }
    for (feed, newest) in &grant.feeds {
        let bytes = feed.to_bytes();
        let whole: Option<i64> = transaction
            .query_row(
                "SELECT feed_seq FROM feed WHERE feed = ?1",
                [&bytes],
                |row| row.get(0),
            )
            .optional()
            .map_err(sql)?;
        let missing = *newest > whole.map_or(0, unsigned);
        if missing && feed.audience(log) == grant.audience {
            want(transaction, &bytes, *newest)?;
        }
    }
    Ok(())
}

/// Takes in that access ends: nothing of the audience's feeds stays.
pub(super) fn withdrawn(
    transaction: &Transaction<'_>,
    withdrawal: &Withdrawal,
    seq: u64,
    log: LogId,
    changed: &mut BTreeSet<Changed>,
) -> Result<()> {
    if !is_newest(transaction, withdrawal.audience, false, seq)? {
        return Ok(());
    }
    for feed in known_feeds(transaction)? {
        if feed.audience(log) == withdrawal.audience {
            purge(transaction, feed, changed)?;
        }
    }
    // What cannot be read at all may be of any feed.
    execute(transaction, "DELETE FROM quarantine WHERE feed IS NULL", ())?;
    forget_files(transaction)?;
    changed.insert(Changed::Papers);
    put_state(transaction, "scrub", &[1])
}

/// The tables that hold something by its feed.
const BY_FEED: [&str; 7] = [
    "kept",
    "document",
    "quarantine",
    "feed",
    "feed_ahead",
    "backfill",
    "parked",
];

fn known_feeds(transaction: &Transaction<'_>) -> Result<BTreeSet<Feed>> {
    let queries = BY_FEED.map(|table| format!("SELECT feed FROM {table} WHERE feed IS NOT NULL"));
    let mut statement = transaction.prepare(&queries.join(" UNION ")).map_err(sql)?;
    let mut rows = statement.query([]).map_err(sql)?;
    let mut feeds = BTreeSet::new();
    while let Some(row) = rows.next().map_err(sql)? {
        let feed: Vec<u8> = row.get(0).map_err(sql)?;
        feeds.insert(column(&feed, Feed::from_slice)?);
    }
    Ok(feeds)
}

fn purge(transaction: &Transaction<'_>, feed: Feed, changed: &mut BTreeSet<Changed>) -> Result<()> {
    let bytes = feed.to_bytes();
    execute(
        transaction,
        "DELETE FROM document_change WHERE document IN (SELECT id FROM document WHERE feed = ?1)",
        [&bytes],
    )?;
    for table in BY_FEED {
        let delete = format!("DELETE FROM {table} WHERE feed = ?1");
        execute(transaction, &delete, [&bytes])?;
    }
    match feed {
        Feed::Programme(meeting) | Feed::CircleProgramme(meeting, _) => {
            forget_programme(transaction, feed)?;
            changed.insert(Changed::Meeting(meeting));
        }
        Feed::Receipts(meeting) => {
            let delete = "DELETE FROM receipt WHERE meeting = ?1";
            execute(transaction, delete, [meeting.as_bytes()])?;
            changed.insert(Changed::Acts(meeting));
        }
        Feed::Body(_)
        | Feed::Draft(_)
        | Feed::MinutesDraft(_)
        | Feed::Outbox(_)
        | Feed::Roll(_)
        | Feed::RollPrivate(_)
        | Feed::Record(_)
        | Feed::Floor(_)
        | Feed::Petition(_)
        | Feed::Task(_)
        | Feed::Notes(_)
        | Feed::Group(_)
        | Feed::Person(_) => {}
    }
    Ok(())
}

/// Forgets the files that no programme names any more; [`Store::scrub`] then deletes them.
fn forget_files(transaction: &Transaction<'_>) -> Result<()> {
    execute(
        transaction,
        "DELETE FROM file WHERE lower(hex(hash)) NOT IN (
            SELECT json_extract(content, '$.file.hash') FROM paper
            WHERE json_extract(content, '$.file.hash') IS NOT NULL
            UNION SELECT json_extract(content, '$.text_file.hash') FROM paper
            WHERE json_extract(content, '$.text_file.hash') IS NOT NULL)",
        (),
    )
}

/// Forgets how far every feed is: the log is read again from its beginning.
pub(super) fn forget_progress(transaction: &Transaction<'_>) -> Result<()> {
    for table in ["feed", "feed_ahead", "backfill", "parked", "membership"] {
        execute(transaction, &format!("DELETE FROM {table}"), ())?;
    }
    Ok(())
}
