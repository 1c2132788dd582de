//! Backups, epochs of the log, and what devices bring back after a restore.

use nghisu_core::{
    Result, cbor,
    ids::{ActId, Audience, CircleId, DeviceId, Feed, Hash, MeetingId, PersonId},
    meeting::{
        act::Receipt,
        publication::{Abandoned, Publication},
    },
    time::Timestamp,
};

use super::{
    super::rows::{blob, int, small, time, uint},
    Tx,
};
use crate::db::rows::{ActRow, EpochRow, GivenRow, MembershipRow};

impl Tx<'_> {
    pub(crate) fn set_secret(&self, secret: &[u8; 32]) -> Result<()> {
        self.run("UPDATE office SET secret = ?", [secret.as_slice()])
            .map(drop)
    }

    // Backups.

    pub(crate) fn add_backup(&self, seq: u64, covers: u64, at: Timestamp) -> Result<()> {
        self.run(
            "INSERT INTO backup (seq, covers, at) VALUES (?, ?, ?)",
            (int(seq), int(covers), int(at.unix_ms())),
        )
        .map(drop)
    }

    /// Returns up to which entry the log is in a backup, and when the newest was made.
    pub(crate) fn newest_backup(&self) -> Result<Option<(u64, Timestamp)>> {
        self.one(
            "SELECT covers, at FROM backup ORDER BY covers DESC LIMIT 1",
            [],
            |row| Ok((uint(row, 0)?, time(row, 1)?)),
        )
    }

    // Epochs.

    /// Begins an epoch: the office's own chain starts anew in it.
    pub(crate) fn begin_epoch(&self, epoch: u32, begins: u64, now: Timestamp) -> Result<()> {
        self.run("UPDATE office SET epoch = ?", [epoch])?;
        self.run(
            "UPDATE counter SET device_seq = 0, newest = ?",
            [Hash::ZERO.as_bytes()],
        )?;
        self.run(
            "INSERT INTO epoch (epoch, begins, begun_at) VALUES (?, ?, ?)",
            (epoch, int(begins), int(now.unix_ms())),
        )
        .map(drop)
    }

    pub(crate) fn newest_epoch(&self) -> Result<Option<EpochRow>> {
        let query =
            "SELECT epoch, begins, begun_at, ended_at FROM epoch ORDER BY epoch DESC LIMIT 1";
        self.one(query, [], |row| {
            Ok(EpochRow {
                epoch: small(row, 0)?,
                begins: uint(row, 1)?,
                begun_at: time(row, 2)?,
                ended_at: row
                    .get::<_, Option<i64>>(3)?
                    .map(|at| Timestamp::from_unix_ms(at.unsigned_abs())),
            })
        })
    }

    /// Returns the epochs that the log does not name yet, each with the entry after which it begins.
    pub(crate) fn unnamed_epochs(&self) -> Result<Vec<(u32, u64)>> {
        self.all(
            "SELECT epoch, begins FROM epoch WHERE seq IS NULL ORDER BY epoch",
            [],
            |row| Ok((small(row, 0)?, uint(row, 1)?)),
        )
    }

    pub(crate) fn set_epoch_named(&self, epoch: u32, seq: u64) -> Result<()> {
        self.run(
            "UPDATE epoch SET seq = ? WHERE epoch = ?",
            (int(seq), epoch),
        )
        .map(drop)
    }

    /// Returns the entry at which a cursor of `epoch` that does not hold goes on.
    pub(crate) fn begins_after(&self, epoch: u32) -> Result<u64> {
        let begins = self.one(
            "SELECT coalesce(min(begins), 0) FROM epoch WHERE epoch > ?",
            [epoch],
            |row| uint(row, 0),
        )?;
        Ok(begins.unwrap_or(0))
    }

    pub(crate) fn is_healing(&self) -> Result<bool> {
        let found = self.one("SELECT 1 FROM epoch WHERE ended_at IS NULL", [], |_| Ok(()))?;
        Ok(found.is_some())
    }

    pub(crate) fn end_healing(&self, now: Timestamp) -> Result<usize> {
        self.run(
            "UPDATE epoch SET ended_at = ? WHERE ended_at IS NULL",
            [int(now.unix_ms())],
        )
    }

    /// Notes that a device has handed in all that it holds of before `epoch`.
    pub(crate) fn set_back(&self, device: DeviceId, epoch: u32) -> Result<()> {
        self.run(
            "UPDATE device SET back_epoch = ? WHERE id = ?",
            (epoch, device.as_bytes()),
        )
        .map(drop)
    }

    /// Counts the devices that may sync, and those of them that have handed in all that they hold.
    pub(crate) fn count_back(&self, epoch: u32) -> Result<(u64, u64)> {
        let counts = self.one(
            "SELECT count(*), count(*) FILTER (WHERE back_epoch >= ?) FROM device WHERE status = 1",
            [epoch],
            |row| Ok((uint(row, 0)?, uint(row, 1)?)),
        )?;
        Ok(counts.unwrap_or_default())
    }

    /// Returns the feeds of an audience as they were at entry `at`, each with its newest number.
    pub(crate) fn feeds_of_audience_at(
        &self,
        audience: Audience,
        at: u64,
    ) -> Result<Vec<(Feed, u64)>> {
        self.all(
            "SELECT e.feed, max(e.feed_seq) FROM entry_audience a JOIN entry e ON e.seq = a.seq
             WHERE a.audience = ? AND a.seq <= ? GROUP BY e.feed ORDER BY e.feed",
            (audience.to_bytes(), int(at)),
            |row| Ok((blob(row, 0, Feed::from_slice)?, uint(row, 1)?)),
        )
    }

    // What was brought back.

    /// Returns the entry in which an envelope stands, by itself or as one that was brought back, and
    /// its number in the feed.
    pub(crate) fn place_of(&self, envelope: Hash) -> Result<Option<(u64, u64)>> {
        self.one(
            "SELECT seq, feed_seq FROM entry WHERE envelope_id = ?1
             UNION ALL SELECT e.seq, e.feed_seq FROM returned r JOIN entry e ON e.seq = r.seq WHERE r.envelope = ?1",
            [envelope.as_bytes()],
            |row| Ok((uint(row, 0)?, uint(row, 1)?)),
        )
    }

    pub(crate) fn add_returned(&self, envelope: Hash, seq: u64) -> Result<()> {
        self.run(
            "INSERT INTO returned (envelope, seq) VALUES (?, ?)",
            (envelope.as_bytes(), int(seq)),
        )
        .map(drop)
    }

    pub(crate) fn count_returned(&self) -> Result<u64> {
        self.count("SELECT count(*) FROM returned", [])
    }

    pub(crate) fn envelope_at(&self, seq: u64) -> Result<Option<Vec<u8>>> {
        self.one(
            "SELECT bytes FROM entry e JOIN envelope v ON v.id = e.envelope_id WHERE e.seq = ?",
            [int(seq)],
            |row| row.get(0),
        )
    }

    // Numbers of receipts.

    pub(crate) fn add_given(&self, row: &GivenRow) -> Result<()> {
        self.run(
            "INSERT OR IGNORE INTO given (meeting, number, act, person, received_at) VALUES (?, ?, ?, ?, ?)",
            (
                row.meeting.as_bytes(),
                int(row.number),
                row.act.as_bytes(),
                row.person.as_bytes(),
                int(row.received_at.unix_ms()),
            ),
        )
        .map(drop)
    }

    /// Returns every number that several acts were given, those first that had it first.
    pub(crate) fn doubled(&self) -> Result<Vec<GivenRow>> {
        self.all(
            "SELECT meeting, number, act, person, received_at, replaced_by FROM given g
             WHERE EXISTS (SELECT 1 FROM given o
                WHERE o.meeting = g.meeting AND o.number = g.number AND o.act <> g.act)
             ORDER BY meeting, number, received_at, act",
            [],
            |row| {
                Ok(GivenRow {
                    meeting: blob(row, 0, MeetingId::from_slice)?,
                    number: uint(row, 1)?,
                    act: blob(row, 2, ActId::from_slice)?,
                    person: blob(row, 3, PersonId::from_slice)?,
                    received_at: time(row, 4)?,
                    replaced_by: row.get::<_, Option<i64>>(5)?.map(i64::unsigned_abs),
                })
            },
        )
    }

    pub(crate) fn replace_given(&self, row: &GivenRow, by: u64) -> Result<()> {
        self.run(
            "UPDATE given SET replaced_by = ? WHERE meeting = ? AND number = ? AND act = ?",
            (
                int(by),
                row.meeting.as_bytes(),
                int(row.number),
                row.act.as_bytes(),
            ),
        )
        .map(drop)
    }

    /// Keeps a receipt that was brought back; of several for one act the one that counts.
    pub(crate) fn add_settled_act(&self, receipt: &Receipt) -> Result<()> {
        let known = self.settled_act(receipt.act)?;
        let Some(counts) = Receipt::that_counts(known.into_iter().chain([receipt.clone()])) else {
            return Ok(());
        };
        self.run(
            "INSERT OR REPLACE INTO settled_act (act, receipt) VALUES (?, ?)",
            (counts.act.as_bytes(), cbor::encode(&counts)),
        )
        .map(drop)
    }

    /// Returns a number of the same meeting that an act was given later than this one.
    pub(crate) fn later_given(&self, held: &GivenRow) -> Result<Option<u64>> {
        self.one(
            "SELECT max(number) FROM given WHERE act = ? AND meeting = ? AND number > ?",
            (
                held.act.as_bytes(),
                held.meeting.as_bytes(),
                int(held.number),
            ),
            |row| Ok(row.get::<_, Option<i64>>(0)?.map(i64::unsigned_abs)),
        )
        .map(Option::flatten)
    }

    pub(crate) fn settled_act(&self, act: ActId) -> Result<Option<Receipt>> {
        self.one(
            "SELECT receipt FROM settled_act WHERE act = ?",
            [act.as_bytes()],
            |row| blob(row, 0, |bytes| cbor::decode(bytes, "receipt").ok()),
        )
    }

    pub(crate) fn add_waiting_act(&self, seq: u64, act: ActId, at: Timestamp) -> Result<()> {
        self.run(
            "INSERT OR IGNORE INTO waiting_act (seq, act, received_at) VALUES (?, ?, ?)",
            (int(seq), act.as_bytes(), int(at.unix_ms())),
        )
        .map(drop)
    }

    /// Returns the acts that wait for their receipts, in the order of the log, each with its place there.
    pub(crate) fn waiting_acts(&self) -> Result<Vec<(u64, ActId, Timestamp)>> {
        self.all(
            "SELECT seq, act, received_at FROM waiting_act ORDER BY seq",
            [],
            |row| {
                let act = blob(row, 1, ActId::from_slice)?;
                Ok((uint(row, 0)?, act, time(row, 2)?))
            },
        )
    }

    pub(crate) fn clear_waiting_acts(&self) -> Result<()> {
        self.run("DELETE FROM waiting_act", []).map(drop)
    }

    /// Stores whether an act stands, and what it has merged into.
    pub(crate) fn set_act(&self, act: &ActRow) -> Result<()> {
        self.run(
            "UPDATE act SET standing = ?, merged_into = ? WHERE id = ?",
            (
                act.standing,
                act.merged_into.as_ref().map(ActId::as_bytes),
                act.id.as_bytes(),
            ),
        )
        .map(drop)
    }

    // What follows from statements that were brought back.

    /// Returns when the grant or withdrawal was first given that the row repeats, if it does.
    pub(crate) fn returned_membership(&self, row: &MembershipRow) -> Result<Option<Timestamp>> {
        self.one(
            "SELECT at FROM returned_membership WHERE person = ? AND audience = ? AND seq = ?",
            (row.person.as_bytes(), row.audience.to_bytes(), int(row.seq)),
            |row| time(row, 0),
        )
    }

    pub(crate) fn set_returned_membership(
        &self,
        person: PersonId,
        audience: Audience,
        at: Timestamp,
        seq: u64,
    ) -> Result<()> {
        self.run(
            "INSERT OR REPLACE INTO returned_membership (person, audience, at, seq) VALUES (?, ?, ?, ?)",
            (
                person.as_bytes(),
                audience.to_bytes(),
                int(at.unix_ms()),
                int(seq),
            ),
        )
        .map(drop)
    }

    pub(crate) fn close_device(&self, device: DeviceId) -> Result<()> {
        self.run(
            "INSERT OR IGNORE INTO closed_device (device) VALUES (?)",
            [device.as_bytes()],
        )
        .map(drop)
    }

    pub(crate) fn is_closed(&self, device: DeviceId) -> Result<bool> {
        let query = "SELECT 1 FROM closed_device WHERE device = ?";
        Ok(self.one(query, [device.as_bytes()], |_| Ok(()))?.is_some())
    }

    /// Marks a person whose name came from his device.
    pub(crate) fn set_from_device(&self, person: PersonId) -> Result<()> {
        self.run(
            "UPDATE person SET from_device = 1 WHERE id = ?",
            [person.as_bytes()],
        )
        .map(drop)
    }

    /// Returns the names of the people that are known from their devices alone.
    pub(crate) fn people_from_devices(&self) -> Result<Vec<String>> {
        self.all(
            "SELECT name FROM person WHERE from_device = 1 ORDER BY name",
            [],
            |row| row.get(0),
        )
    }

    /// Names a circle as a programme does, if it has no name.
    pub(crate) fn name_circle(&self, circle: CircleId, name: &str) -> Result<()> {
        self.run(
            "INSERT OR IGNORE INTO audience_name (audience, kind, name) VALUES (?, 'circle', ?)",
            (Audience::Circle(circle).to_bytes(), name),
        )
        .map(drop)
    }

    pub(crate) fn add_abandoned(
        &self,
        feed: Feed,
        meeting: MeetingId,
        number: u64,
        content: Hash,
        published_at: Timestamp,
    ) -> Result<()> {
        self.run(
            "INSERT OR IGNORE INTO abandoned (feed, number, content, meeting, published_at) VALUES (?, ?, ?, ?, ?)",
            (
                feed.to_bytes(),
                int(number),
                content.as_bytes(),
                meeting.as_bytes(),
                int(published_at.unix_ms()),
            ),
        )
        .map(drop)
    }

    /// Returns the publications that were brought back and do not follow what the office has, as long as
    /// no newer one names them: meeting and number.
    pub(crate) fn abandoned(&self) -> Result<Vec<(MeetingId, u64)>> {
        self.all(
            "SELECT DISTINCT meeting, number FROM abandoned WHERE named_in IS NULL
             ORDER BY meeting, number",
            [],
            |row| Ok((blob(row, 0, MeetingId::from_slice)?, uint(row, 1)?)),
        )
    }

    /// Returns the abandoned publications of a part that no publication has named yet.
    pub(crate) fn abandoned_of(&self, feed: Feed) -> Result<Vec<Abandoned>> {
        self.all(
            "SELECT number, content FROM abandoned WHERE feed = ? AND named_in IS NULL
             ORDER BY number, content",
            [feed.to_bytes()],
            |row| {
                Ok(Abandoned {
                    number: uint(row, 0)?,
                    content: blob(row, 1, Hash::from_slice)?,
                })
            },
        )
    }

    /// Notes that a publication names these as abandoned.
    pub(crate) fn name_abandoned(&self, publication: &Publication) -> Result<()> {
        for abandoned in &publication.abandons {
            self.run(
                "UPDATE abandoned SET named_in = ? WHERE feed = ? AND number = ? AND content = ?",
                (
                    int(publication.number),
                    publication.feed().to_bytes(),
                    int(abandoned.number),
                    abandoned.content.as_bytes(),
                ),
            )?;
        }
        Ok(())
    }

    /// Returns the files that publications name.
    pub(crate) fn all_paper_refs(&self) -> Result<Vec<Hash>> {
        self.all(
            "SELECT DISTINCT hash FROM paper_ref ORDER BY hash",
            [],
            |row| blob(row, 0, Hash::from_slice),
        )
    }
}
