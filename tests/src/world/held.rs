//! What is served, and what a device holds: exactly what the table of rights and the numbers of the log
//! say, after every step.

use std::collections::{BTreeMap, BTreeSet};

use nghisu_core::{
    ids::{Feed, Kind, PersonId},
    sync::wire::{Request, Synced},
};

use super::{
    devices::number,
    model::{Verdict, log::Logged},
    run::World,
};

impl World {
    /// Entry s of audience A is in a reply exactly if the person is in A now and s is above both the
    /// cursor and the last grant of A.
    pub(super) fn check_served(
        &mut self,
        person: PersonId,
        request: &Request,
        synced: &Synced,
    ) -> Verdict {
        // An office that was put back says where a device goes on.
        let resumed = synced.resumed.as_ref().map(|resumed| resumed.from);
        let cursor = request.head.cursor.as_ref().map_or(0, |cursor| cursor.seq);
        let after = resumed.unwrap_or(cursor);
        let own = request.body.own || resumed.is_some();
        let device = request.head.device;
        let left_out = |feed: Feed, feed_seq: u64| {
            let mut ranges = synced.covered.iter();
            ranges.any(|range| range.feed == feed && feed_seq > range.after && feed_seq <= range.to)
        };
        let expected: Vec<u64> = self
            .log
            .entries
            .iter()
            .filter(|entry| entry.seq > after && entry.seq <= synced.cursor.seq)
            .filter(|entry| own || entry.device != device)
            .filter(|entry| {
                let granted = self.access.since_feed(person, entry.feed, u64::MAX);
                granted.is_some_and(|granted| entry.seq > granted)
            })
            .filter(|entry| !left_out(entry.feed, entry.feed_seq) || !self.log.is_covered(entry))
            .map(|entry| entry.seq)
            .collect();
        self.coverage.add_to(
            "deeds",
            "range left out for a snapshot",
            synced.covered.len() as u64,
        );
        let mut served = Vec::new();
        for segment in &synced.segments {
            let entries = segment
                .unpack()
                .map_err(|error| format!("a segment: {error}"))?;
            served.extend(entries.iter().map(|entry| entry.seq));
        }
        served.sort_unstable();
        if served != expected {
            return Err(format!(
                "S7: of entries {after} to {} it serves {served:?}, not {expected:?}",
                synced.cursor.seq
            ));
        }
        let answered: BTreeMap<Feed, u64> = synced.backfilled_to.iter().copied().collect();
        let mut expected = Vec::new();
        for range in &request.body.backfill {
            self.coverage.count("deeds", "backfill asked for");
            let readable = self
                .access
                .since_feed(person, range.feed, u64::MAX)
                .is_some();
            // What does not fit into the page is not answered yet.
            if !readable && answered.contains_key(&range.feed) {
                return Err(format!("S7: {range:?} is answered and may not be read"));
            }
            let to = answered.get(&range.feed).copied().unwrap_or(0);
            let of_range = self.log.entries.iter().filter(|entry| {
                entry.feed == range.feed && entry.feed_seq > range.after && entry.feed_seq <= to
            });
            expected.extend(of_range.map(|entry| entry.seq));
        }
        let served: Vec<u64> = synced.backfilled.iter().map(|entry| entry.seq).collect();
        if served == expected {
            Ok(())
        } else {
            Err(format!(
                "S7: as backfill it serves {served:?}, not {expected:?}"
            ))
        }
    }

    /// Each feed is held whole up to some number and not beyond, and only those that the newest entry
    /// about access which the device has read lets it hold.
    pub(super) fn check_held(&mut self, node: usize) -> Verdict {
        let it = &self.nodes[node];
        let feed = |row: &rusqlite::Row<'_>, index| -> rusqlite::Result<Feed> {
            Ok(Feed::from_slice(&row.get::<_, Vec<u8>>(index)?).unwrap())
        };
        let held = |query: &str| -> BTreeSet<(Feed, u64)> {
            let rows = it.rows(query, |row| Ok((feed(row, 0)?, number(row, 1)?)));
            rows.into_iter().collect()
        };
        // What others wrote is kept until a backup has it, and checked by what it says.
        let mut kept = held("SELECT feed, seq FROM kept WHERE seq > 0 AND kind NOT IN (1, 2, 15)");
        let set_aside = held("SELECT feed, seq FROM quarantine WHERE feed IS NOT NULL AND seq > 0");
        // A secretary's device has no certificates of those whose acts it is served: it keeps them aside.
        let foreign = |feed: &Feed| matches!(feed, Feed::Outbox(person) if *person != it.person);
        let mut wrongly = set_aside.iter();
        if let Some((feed, seq)) = wrongly.find(|(feed, _)| !foreign(feed)) {
            let query = "SELECT reason FROM quarantine ORDER BY seq";
            let reasons = it.rows(query, |row| row.get::<_, String>(0));
            return Err(format!(
                "S6: entry {seq} of {feed} was set aside: {reasons:?}"
            ));
        }
        kept.extend(set_aside);
        let person = Feed::Person(it.person);
        let of_person = kept.iter().filter(|(feed, _)| *feed == person);
        let read_upto = of_person.map(|(_, seq)| *seq).max().unwrap_or(0);
        // A store that was enrolled anew reads the log again, and keeps meanwhile what it has.
        let again = it.count("SELECT count(*) FROM state WHERE name = 'own'") > 0;
        // So does one that an office which was put back has sent back to an earlier entry.
        let behind = self.put_back > 0 && it.cursor < self.log.seq();
        let tables = "SELECT feed, 'feed' FROM feed UNION SELECT feed, 'kept' FROM kept
            UNION SELECT feed, 'document' FROM document UNION SELECT feed, 'parked' FROM parked
            UNION SELECT feed, 'backfill' FROM backfill UNION SELECT feed, 'ahead' FROM feed_ahead
            UNION SELECT feed, 'quarantine' FROM quarantine WHERE feed IS NOT NULL";
        for (feed, table) in it.rows(tables, |row| Ok((feed(row, 0)?, row.get::<_, String>(1)?))) {
            // On its way it wishes again for what was taken later, and is served what was given since.
            let wish = ["feed", "backfill", "ahead"].contains(&table.as_str());
            let now = self.access.since_feed(it.person, feed, u64::MAX);
            // And it keeps what it was given until it has read again that it was taken.
            let ever = self.access.turns.iter().any(|turn| {
                let since = self.access.since_feed(it.person, feed, turn.seq);
                turn.person == it.person && since.is_some()
            });
            if (again || behind) && (wish || now.is_some() || ever) {
                continue;
            }
            if self.access.since_feed(it.person, feed, read_upto).is_none() {
                let of_person = self
                    .access
                    .turns
                    .iter()
                    .filter(|turn| turn.person == it.person);
                return Err(format!(
                    "S7: {feed} is held in {table} without access at {read_upto}: {:?}",
                    of_person.collect::<Vec<_>>()
                ));
            }
        }
        if self.put_back > 0 {
            return Ok(());
        }
        let whole: BTreeMap<Feed, u64> = held("SELECT feed, feed_seq FROM feed")
            .into_iter()
            .collect();
        let upto = |feed: &Feed| whole.get(feed).copied().unwrap_or(0);
        let own = &it.was;
        // What it had before it began to read the log again stays while a feed is fetched again.
        let fetched: BTreeSet<Feed> = it
            .rows(
                "SELECT feed FROM backfill UNION SELECT feed FROM parked",
                |row| feed(row, 0),
            )
            .into_iter()
            .collect();
        let stays =
            |entry: &Logged| again || entry.seq <= it.read_before && fetched.contains(&entry.feed);
        let mut expected = BTreeSet::new();
        for entry in &self.log.entries {
            let key = (entry.feed, entry.seq);
            let due = entry.feed_seq <= upto(&entry.feed) || (stays(entry) && kept.contains(&key));
            if due
                && !matches!(
                    entry.kind,
                    Kind::Changes | Kind::Bundle | Kind::Snapshot | Kind::Backup
                )
            {
                // Its own entries come back after a damage only.
                if !own.contains(&entry.device) || kept.contains(&key) {
                    expected.insert(key);
                }
            }
        }
        if kept != expected {
            let missing: Vec<_> = expected.difference(&kept).collect();
            let more: Vec<_> = kept.difference(&expected).collect();
            return Err(format!(
                "S6: not kept: {missing:?}; kept beyond its feed: {more:?}"
            ));
        }
        let again = again || it.read_before > 0 && !fetched.is_empty();
        self.check_shown(node, &whole, again)
    }

    /// The programmes that an app reads are those of the newest publication up to where its feed is
    /// whole, and never older than what was shown before.
    fn check_shown(&mut self, node: usize, whole: &BTreeMap<Feed, u64>, again: bool) -> Verdict {
        let it = &mut self.nodes[node];
        let shown: BTreeMap<Vec<u8>, Vec<u8>> = it
            .rows("SELECT feed, envelope FROM programme", |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .into_iter()
            .collect();
        let mut newest = BTreeMap::new();
        for entry in &self.log.entries {
            let upto = whole.get(&entry.feed).copied().unwrap_or(0);
            if entry.kind == Kind::Publication && entry.feed_seq <= upto {
                newest.insert(entry.feed, (entry.feed_seq, entry.envelope));
            }
        }
        let mut expected = BTreeMap::new();
        for (feed, (feed_seq, envelope)) in newest {
            let ever = it.shown.entry(feed).or_insert(0);
            if feed_seq >= *ever {
                *ever = feed_seq;
                expected.insert(feed.to_bytes(), envelope.as_bytes().to_vec());
            }
        }
        // While the log is read again, what was shown stays.
        let of_before = |feed: &Vec<u8>, envelope: &Vec<u8>| {
            self.log.entries.iter().any(|entry| {
                let ever = it.shown.get(&entry.feed).copied().unwrap_or(0);
                entry.envelope.as_bytes() == envelope.as_slice()
                    && entry.feed.to_bytes() == *feed
                    && entry.feed_seq >= ever
            })
        };
        if shown == expected || (again && shown.iter().all(|(feed, it)| of_before(feed, it))) {
            return Ok(());
        }
        let count = (shown.len(), expected.len());
        Err(format!(
            "S11: programmes are shown that were not published last: {count:?}"
        ))
    }
}
