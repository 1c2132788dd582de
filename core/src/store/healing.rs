//! What a device holds that a restored office has lost, and how it gives it back.
//!
//! A row whose entry was lost keeps a negative number in place of the entry's: it stays readable and
//! is marked as not back yet, until the same envelope arrives again under another number.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{OptionalExtension, Transaction};

use super::{
    Changed, Store,
    alerts::{expect_publications, put_alert, rolled_back},
    column,
    devices::offer_former,
    outbox::{forget_programmes, offer_again, put_steps},
    put_state, signed, sql, unsigned,
};
use crate::{
    error::{Code, Error, Result},
    ids::{Feed, Hash, Kind},
    limits::REQUEST_ENVELOPES_MAX,
    sync::{
        envelope::Envelope,
        healing::{BackupEntry, EpochEntry, Introduction, Offering, Resumed},
        session::{Owed, PageEnd},
    },
    trust::enrol::Signed,
};

/// Bytes that are offered in one request: half of what a request holds.
const OFFERING_BYTES_MAX: usize = 2 << 20;
/// What keeps the numbers of entries apart that were lost one time after the other.
const LOST_AT_ONCE: i64 = 1 << 40;

/// Publications that are shown and were lost have to be found in the log once more.
const EXPECT_LOST: &str = "UPDATE seen SET offered = 0 WHERE feed IN
    (SELECT programme.feed FROM programme JOIN kept ON kept.envelope = programme.envelope WHERE kept.seq < 0)";

impl Store {
    /// Goes on in an epoch of the log in which the entries after `resumed.from` are others than those
    /// that were read. What was read of them is kept, as not back yet, and one's own envelopes that
    /// the office has lost are offered again.
    ///
    /// # Errors
    /// [`Code::LogChanged`] if nothing shows that the entries up to there are those that were read: the
    /// log is to be read from its beginning.
    pub(super) fn resume(&mut self, resumed: &Resumed) -> Result<BTreeSet<Changed>> {
        if !self.has_read_up_to(resumed)? {
            return Err(Error::new(Code::LogChanged, "another log up to there"));
        }
        let incarnation = self.incarnation()?;
        let (head, at) = (self.head()?, self.synced_at()?.unwrap_or_default());
        let from = signed(resumed.from);
        let lost = LOST_AT_ONCE * (self.times_lost()? + 1);
        let whole: BTreeMap<Feed, u64> = resumed.feeds.iter().copied().collect();
        let steps = self.former_steps()?;
        let alarmed = self.write(|transaction| {
            for table in ["kept", "act", "receipt", "quarantine"] {
                let mark = format!("UPDATE {table} SET seq = -(seq + ?2) WHERE seq > ?1");
                transaction.execute(&mark, (from, lost)).map_err(sql)?;
            }
            // Their originals are among what is kept.
            execute(transaction, "DELETE FROM unopened WHERE seq > ?1", [from])?;
            // They name numbers of entries that are others by now.
            let snapshots = "DELETE FROM pending WHERE kind = ?1";
            execute(transaction, snapshots, [Kind::Snapshot.number()])?;
            let capped = "UPDATE document_seq SET seq = ?1 WHERE seq > ?1";
            execute(transaction, capped, [from])?;
            let capped = "UPDATE membership SET seq = ?1 WHERE seq > ?1";
            execute(transaction, capped, [from])?;
            offer_again(transaction, incarnation, resumed.device_seq)?;
            // One that arrived late may have been judged anew meanwhile, and otherwise.
            let lost = "UPDATE envelope SET outcome = NULL, reason = NULL
                WHERE incarnation = ?1 AND outcome = 'accepted' AND seq > ?2";
            execute(transaction, lost, (incarnation, from))?;
            offer_former(transaction)?;
            put_steps(transaction, &steps)?;
            if resumed.from == 0 {
                // Nobody knows where the log was cut: of the office's documents it may have another
                // history.
                cut_feeds(transaction, &whole)?;
                forget_programmes(transaction)?;
                expect_publications(transaction)?;
            } else {
                forget_lost_programmes(transaction, &whole)?;
                cut_feeds(transaction, &whole)?;
                execute(transaction, EXPECT_LOST, ())?;
            }
            // Of its own that stand above that entry it has known the numbers, and does not any more.
            put_state(transaction, "own", &[1])?;
            execute(transaction, "DELETE FROM checkpoint WHERE seq > ?1", [from])?;
            put_state(transaction, "healing", &resumed.epoch.to_be_bytes())?;
            put_state(transaction, "papers_owed", &[1])?;
            execute(
                transaction,
                "DELETE FROM state WHERE name IN ('head', 'healing_read', 'healing_at')",
                (),
            )?;
            match &head {
                Some(head) if head.seq > resumed.from => {
                    put_alert(transaction, &rolled_back(head, at))
                }
                Some(_) | None => Ok(false),
            }
        })?;
        self.open.clear();
        let alarmed = alarmed.then_some(Changed::Alerts);
        Ok(alarmed.into_iter().chain([Changed::Everything]).collect())
    }

    /// Says whether the log up to the entry at which it goes on is the one that was read.
    fn has_read_up_to(&self, resumed: &Resumed) -> Result<bool> {
        let cursor = self.cursor()?;
        if resumed.from == 0 {
            return Ok(true);
        }
        if let Some(cursor) = cursor.filter(|cursor| cursor.seq == resumed.from) {
            return Ok(resumed.chain.is_none_or(|chain| chain == cursor.chain));
        }
        let read = "SELECT chain FROM checkpoint WHERE seq = ?1";
        let chain: Option<Vec<u8>> = self
            .connection
            .query_row(read, [signed(resumed.from)], |row| row.get(0))
            .optional()
            .map_err(sql)?;
        let theirs = resumed.chain.map(|chain| chain.as_bytes().to_vec());
        Ok(chain.is_some() && chain == theirs)
    }

    /// Returns how often something was lost that is not back.
    fn times_lost(&self) -> Result<i64> {
        let newest = "SELECT coalesce(max(-seq / ?1), 0) FROM (
             SELECT min(seq) AS seq FROM kept UNION ALL SELECT min(seq) FROM act
             UNION ALL SELECT min(seq) FROM receipt UNION ALL SELECT min(seq) FROM quarantine)";
        self.connection
            .query_row(newest, [LOST_AT_ONCE], |row| row.get(0))
            .map_err(sql)
    }

    /// Says with the next request who this device is, and offers everything.
    pub(super) fn introduce(&mut self) -> Result<()> {
        let incarnation = self.incarnation()?;
        self.write(|transaction| {
            put_state(transaction, "introduce", &[1])?;
            put_state(transaction, "papers_owed", &[1])?;
            offer_again(transaction, incarnation, 0)
        })
    }

    /// Returns what an office that was restored is told.
    pub(super) fn owed(&self) -> Result<Owed> {
        let forgotten = self.state("introduce")?.is_some();
        if !forgotten && self.state("healing_read")?.is_none() {
            return Ok(Owed::default());
        }
        let office = self.office_keys()?.ok_or(Code::NotEnrolled)?;
        let online: Vec<Signed> = self
            .online_statements()?
            .into_values()
            .chain([office.newest_signed().clone()])
            .collect();
        let introduction = if forgotten {
            let certificate = self.state("certificate")?.ok_or(Code::NotEnrolled)?;
            Some(Introduction {
                certificate: crate::cbor::decode(&certificate, "certificate")?,
                online: online.clone(),
                person_name: self.identity()?.ok_or(Code::NotEnrolled)?.person_name,
            })
        } else {
            None
        };
        let mut owed = self.offering(forgotten)?;
        owed.introduction = introduction;
        if let Some(offering) = &mut owed.offering {
            offering.online = online;
        }
        Ok(owed)
    }

    /// Says whether the office was restored and was not asked since which papers' files it lacks. It is
    /// asked once it has all publications that this device can give back.
    ///
    /// # Errors
    /// [`Code::Storage`].
    pub fn owes_papers(&self) -> Result<bool> {
        Ok(self.state("papers_owed")?.is_some()
            && self.state("healing")?.is_none()
            && self.state("introduce")?.is_none())
    }

    /// Notes that the office has the papers' files that this device could hand back.
    ///
    /// # Errors
    /// [`Code::DiskFull`], [`Code::Storage`].
    pub fn papers_given_back(&mut self) -> Result<()> {
        self.write(|transaction| {
            let owed = "DELETE FROM state WHERE name = 'papers_owed'";
            execute(transaction, owed, ())
        })
    }

    /// Returns the originals that the office may have lost, as many as fit into a request.
    fn offering(&self, everything: bool) -> Result<Owed> {
        let offered = self.number("healing_at")?.map_or(0, signed);
        // One's own envelope that stood behind an original is known by the number that it had.
        let query = "SELECT abs(seq), bytes,
                (SELECT min(device_seq) FROM envelope
                    WHERE incarnation = ?6 AND outcome IS NULL AND envelope.seq > abs(kept.seq) % ?7)
             FROM kept
             WHERE (seq < 0 OR ?1) AND abs(seq) > ?2 AND kind NOT IN (?3, ?4, ?5) ORDER BY abs(seq)";
        let mut statement = self.connection.prepare_cached(query).map_err(sql)?;
        let mut rows = statement
            .query((
                everything,
                offered,
                Kind::OfficeKey.number(),
                Kind::Epoch.number(),
                Kind::Backup.number(),
                self.incarnation()?,
                LOST_AT_ONCE,
            ))
            .map_err(sql)?;
        let (mut owed, mut size) = (Owed::default(), 0);
        let mut offering = Offering {
            all: true,
            ..Offering::default()
        };
        while let Some(row) = rows.next().map_err(sql)? {
            let bytes: Vec<u8> = row.get(1).map_err(sql)?;
            let behind: Option<i64> = row.get(2).map_err(sql)?;
            let place = behind.map_or(u64::MAX, unsigned);
            size += bytes.len();
            let full = offering.envelopes.len() == REQUEST_ENVELOPES_MAX
                || (size > OFFERING_BYTES_MAX && !offering.envelopes.is_empty());
            if full {
                offering.all = false;
                owed.own_before = Some(place);
                break;
            }
            owed.rows.push(row.get(0).map_err(sql)?);
            offering.places.push(place);
            offering.envelopes.push(bytes.into());
        }
        owed.offering = Some(offering);
        Ok(owed)
    }
}

/// Notes a place of the log whose chain the office has signed.
pub(super) fn keep_checkpoint(transaction: &Transaction<'_>, envelope: &Envelope) -> Result<()> {
    let (kind, payload) = (envelope.header().kind, envelope.payload());
    let place = if kind == Kind::Backup {
        let backup = crate::cbor::decode::<BackupEntry>(payload, "backup entry").ok();
        backup.map(|backup| (backup.covers, backup.chain))
    } else if kind == Kind::Epoch {
        let epoch = crate::cbor::decode::<EpochEntry>(payload, "epoch entry").ok();
        epoch.and_then(|epoch| Some((epoch.begins, epoch.chain?)))
    } else {
        None
    };
    let Some((seq, chain)) = place else {
        return Ok(());
    };
    execute(
        transaction,
        "INSERT OR REPLACE INTO checkpoint (seq, chain) VALUES (?1, ?2)",
        (signed(seq), chain.as_bytes()),
    )
}

/// Fetches the drafts and programmes from their beginning of which the office has lost a change that was
/// read: it may have written another one in its place, under the same author and number, and takes back
/// whichever of both is brought first.
fn forget_lost_programmes(
    transaction: &Transaction<'_>,
    whole: &BTreeMap<Feed, u64>,
) -> Result<()> {
    let query = "SELECT feed, max(feed_seq) FROM
         (SELECT feed, feed_seq FROM feed UNION ALL SELECT feed, feed_seq FROM feed_ahead)
         WHERE substr(feed, 1, 1) IN (x'02', x'03', x'04', x'05') GROUP BY feed";
    let mut lost = Vec::new();
    {
        let mut statement = transaction.prepare(query).map_err(sql)?;
        let mut rows = statement.query([]).map_err(sql)?;
        while let Some(row) = rows.next().map_err(sql)? {
            let feed: Vec<u8> = row.get(0).map_err(sql)?;
            let read: i64 = row.get(1).map_err(sql)?;
            let newest = whole.get(&column(&feed, Feed::from_slice)?);
            let newest = newest.copied().map_or(0, signed);
            if read > newest {
                lost.push((feed, newest));
            }
        }
    }
    for (feed, newest) in lost {
        for statement in [
            "DELETE FROM document_change WHERE document IN (SELECT id FROM document WHERE feed = ?1)",
            "DELETE FROM document WHERE feed = ?1",
            "DELETE FROM feed WHERE feed = ?1",
            "DELETE FROM feed_ahead WHERE feed = ?1",
        ] {
            execute(transaction, statement, [&feed])?;
        }
        execute(
            transaction,
            "INSERT OR REPLACE INTO backfill (feed, upto) VALUES (?1, ?2)",
            (&feed, newest),
        )?;
    }
    Ok(())
}

/// Brings what is known of feeds to where they were at the entry from which the log goes on.
fn cut_feeds(transaction: &Transaction<'_>, whole: &BTreeMap<Feed, u64>) -> Result<()> {
    let mut known = BTreeSet::new();
    {
        let query = "SELECT feed FROM feed UNION SELECT feed FROM feed_ahead
             UNION SELECT feed FROM backfill UNION SELECT feed FROM parked UNION SELECT feed FROM seen";
        let mut statement = transaction.prepare(query).map_err(sql)?;
        let mut rows = statement.query([]).map_err(sql)?;
        while let Some(row) = rows.next().map_err(sql)? {
            known.insert(row.get::<_, Vec<u8>>(0).map_err(sql)?);
        }
    }
    for feed in known {
        let newest = Feed::from_slice(&feed).and_then(|feed| whole.get(&feed));
        let row = (&feed, newest.copied().map_or(0, signed));
        for statement in [
            "UPDATE feed SET feed_seq = min(feed_seq, ?2) WHERE feed = ?1",
            "DELETE FROM feed_ahead WHERE feed = ?1 AND feed_seq > ?2",
            "DELETE FROM parked WHERE feed = ?1 AND feed_seq > ?2",
            "UPDATE backfill SET upto = min(upto, ?2) WHERE feed = ?1",
            "UPDATE seen SET feed_seq = min(feed_seq, ?2) WHERE feed = ?1",
        ] {
            execute(transaction, statement, row)?;
        }
    }
    execute(
        transaction,
        "DELETE FROM backfill WHERE upto <= coalesce((SELECT feed_seq FROM feed WHERE feed.feed = backfill.feed), 0)",
        (),
    )
}

/// An envelope has arrived: if it was lost, what follows from it stands under its new number alone.
pub(super) fn came_back(transaction: &Transaction<'_>, envelope: &Hash) -> Result<()> {
    let lost: Option<i64> = transaction
        .prepare_cached("SELECT seq FROM kept WHERE envelope = ?1 AND seq < 0")
        .and_then(|mut statement| {
            statement
                .query_row([envelope.as_bytes()], |row| row.get(0))
                .optional()
        })
        .map_err(sql)?;
    match lost {
        Some(lost) => execute(transaction, "DELETE FROM receipt WHERE seq = ?1", [lost]),
        None => Ok(()),
    }
}

/// Entries that were lost are back, as the entry of this number shows.
pub(super) fn are_back(transaction: &Transaction<'_>, entries: &[(Hash, u64)]) -> Result<()> {
    let back = "UPDATE kept SET seq = ?2 WHERE envelope = ?1 AND seq < 0";
    for (envelope, seq) in entries {
        execute(transaction, back, (envelope.as_bytes(), signed(*seq)))?;
    }
    Ok(())
}

/// Notes what a request has offered, and that the log was read to its end in its new epoch: what is
/// still not back is offered then. Returns whether the office has all that this device can give back.
pub(super) fn end_page(transaction: &Transaction<'_>, end: &PageEnd) -> Result<bool> {
    execute(
        transaction,
        "DELETE FROM state WHERE name = 'introduce'",
        (),
    )?;
    match end.offered {
        Some(offered) if offered.all => execute(
            transaction,
            "DELETE FROM state WHERE name IN ('healing', 'healing_read', 'healing_at')",
            (),
        )?,
        Some(offered) => {
            if let Some(to) = offered.to {
                put_state(transaction, "healing_at", &to.to_be_bytes())?;
            }
        }
        None => {}
    }
    if end.complete {
        execute(
            transaction,
            "INSERT OR REPLACE INTO state (name, value)
             SELECT 'healing_read', x'01' FROM state WHERE name = 'healing'",
            (),
        )?;
    }
    let heals = "SELECT EXISTS (SELECT 1 FROM state WHERE name = 'healing')";
    let heals: bool = transaction
        .query_row(heals, [], |row| row.get(0))
        .map_err(sql)?;
    Ok(!heals)
}

fn execute(
    transaction: &Transaction<'_>,
    statement: &str,
    values: impl rusqlite::Params,
) -> Result<()> {
    transaction
        .prepare_cached(statement)
        .and_then(|mut statement| statement.execute(values))
        .map(drop)
        .map_err(sql)
}
