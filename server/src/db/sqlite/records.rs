//! Numbers of records.

use nghisu_core::{
    Result,
    ids::{ActId, Feed, Hash, MeetingId},
    meeting::ruling::Record,
    sync::healing::SerialNumber,
};

use super::{
    super::rows::{int, uint},
    Tx,
};

impl Tx<'_> {
    /// Takes the next number of a feed's records.
    pub(crate) fn next_record(&self, feed: Feed, epoch: u32) -> Result<u64> {
        let newest = self.one(
            "SELECT newest FROM record_series WHERE feed = ?",
            [feed.to_bytes()],
            |row| uint(row, 0),
        )?;
        let number = SerialNumber::after(newest.unwrap_or(0), epoch);
        self.run(
            "INSERT INTO record_series (feed, newest) VALUES (?1, ?2)
             ON CONFLICT (feed) DO UPDATE SET newest = ?2",
            (feed.to_bytes(), int(number)),
        )?;
        Ok(number)
    }

    /// Notes that a ruling is made known. What was noted first stays.
    pub(crate) fn add_record(&self, record: &Record, feed: Feed) -> Result<()> {
        self.run(
            "INSERT OR IGNORE INTO record_given (act, feed, number, content) VALUES (?, ?, ?, ?)",
            (
                record.act.as_bytes(),
                feed.to_bytes(),
                int(record.number),
                record.act_hash.as_bytes(),
            ),
        )
        .map(drop)
    }

    /// Says whether this very act is made known.
    pub(crate) fn is_recorded_as(&self, act: ActId, content: Hash) -> Result<bool> {
        let found = self.one(
            "SELECT 1 FROM record_given WHERE act = ? AND content = ?",
            (act.as_bytes(), content.as_bytes()),
            |row| uint(row, 0),
        )?;
        Ok(found.is_some())
    }

    /// Notes that a registration has no place any more, though nobody has withdrawn it.
    pub(crate) fn end_registration(&self, act: ActId) -> Result<()> {
        self.run(
            "INSERT OR IGNORE INTO registration_ended (act) VALUES (?)",
            [act.as_bytes()],
        )
        .map(drop)
    }

    /// Returns the newest term of a meeting's floor; 0 while nobody has taken it.
    pub(crate) fn newest_term(&self, meeting: MeetingId) -> Result<u64> {
        let newest = self.one(
            "SELECT term FROM floor_term WHERE meeting = ?",
            [meeting.as_bytes()],
            |row| uint(row, 0),
        )?;
        Ok(newest.unwrap_or(0))
    }

    /// Notes that somebody has taken the floor.
    pub(crate) fn note_term(&self, meeting: MeetingId, term: u32) -> Result<()> {
        self.run(
            "INSERT INTO floor_term (meeting, term) VALUES (?1, ?2)
             ON CONFLICT (meeting) DO UPDATE SET term = max(term, ?2)",
            (meeting.as_bytes(), term),
        )
        .map(drop)
    }

    /// Notes that the minutes of a meeting are approved.
    pub(crate) fn note_approved_minutes(&self, meeting: MeetingId) -> Result<()> {
        self.run(
            "INSERT OR IGNORE INTO minutes_approved (meeting) VALUES (?)",
            [meeting.as_bytes()],
        )
        .map(drop)
    }

    /// Says whether the minutes of a meeting are approved.
    pub(crate) fn has_approved_minutes(&self, meeting: MeetingId) -> Result<bool> {
        let found = self.one(
            "SELECT 1 FROM minutes_approved WHERE meeting = ?",
            [meeting.as_bytes()],
            |row| uint(row, 0),
        )?;
        Ok(found.is_some())
    }

    /// Says whether a ruling is made known.
    pub(crate) fn is_recorded(&self, act: ActId) -> Result<bool> {
        let found = self.one(
            "SELECT 1 FROM record_given WHERE act = ?",
            [act.as_bytes()],
            |row| uint(row, 0),
        )?;
        Ok(found.is_some())
    }
}
