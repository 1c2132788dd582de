//! What was published, in which part, and what it names.

use std::collections::BTreeSet;

use nghisu_core::{
    Result,
    ids::{Feed, Hash, MeetingId},
    meeting::publication::{Publication, SignedPublication, programme_of},
};

use super::{
    super::rows::{blob, int, uint},
    Tx,
};

impl Tx<'_> {
    /// Returns the newest publication of a part: as it stands in the log, and what its record says.
    pub(crate) fn newest_publication(
        &self,
        feed: Feed,
    ) -> Result<Option<(SignedPublication, Publication)>> {
        self.one(
            "SELECT payload FROM publication WHERE feed = ? ORDER BY number DESC LIMIT 1",
            [feed.to_bytes()],
            |row| blob(row, 0, |bytes| SignedPublication::decode(bytes).ok()),
        )
    }

    /// Returns the publications of a part, the oldest first.
    pub(crate) fn publications(&self, feed: Feed) -> Result<Vec<Publication>> {
        self.all(
            "SELECT payload FROM publication WHERE feed = ? ORDER BY number",
            [feed.to_bytes()],
            |row| {
                blob(row, 0, |bytes| {
                    Some(SignedPublication::decode(bytes).ok()?.1)
                })
            },
        )
    }

    /// Returns how many publications there are, of all parts.
    pub(crate) fn count_publications(&self) -> Result<u64> {
        let count = self.one("SELECT count(*) FROM publication", [], |row| uint(row, 0))?;
        Ok(count.unwrap_or(0))
    }

    /// Returns the newest number under which anything of the meeting was published; 0 before the first.
    pub(crate) fn newest_number(&self, meeting: MeetingId) -> Result<u64> {
        let newest = self.one(
            "SELECT coalesce(max(number), 0) FROM publication WHERE meeting = ?",
            [meeting.as_bytes()],
            |row| uint(row, 0),
        )?;
        Ok(newest.unwrap_or(0))
    }

    /// Returns the parts of which anything was published.
    pub(crate) fn published_feeds(&self, meeting: MeetingId) -> Result<Vec<Feed>> {
        self.all(
            "SELECT DISTINCT feed FROM publication WHERE meeting = ? ORDER BY feed",
            [meeting.as_bytes()],
            |row| blob(row, 0, Feed::from_slice),
        )
    }

    /// Returns the meetings of which all who take part have been given something: what was published,
    /// and what a device brought back before its publication.
    pub(crate) fn given_meetings(&self) -> Result<BTreeSet<MeetingId>> {
        let published = "SELECT DISTINCT meeting FROM publication";
        let meetings = self.all(published, [], |row| blob(row, 0, MeetingId::from_slice))?;
        let feeds = self.all("SELECT feed FROM document", [], |row| {
            blob(row, 0, Feed::from_slice)
        })?;
        let brought_back = feeds
            .into_iter()
            .filter_map(|feed| match programme_of(feed) {
                Some((meeting, None)) => Some(meeting),
                Some(_) | None => None,
            });
        Ok(meetings.into_iter().chain(brought_back).collect())
    }

    /// Says whether the meeting is one of [`Tx::given_meetings`].
    pub(crate) fn is_given(&self, meeting: MeetingId) -> Result<bool> {
        let query = "SELECT EXISTS (SELECT 1 FROM publication WHERE meeting = ?)
            OR EXISTS (SELECT 1 FROM document WHERE feed = ?)";
        let feed = Feed::Programme(meeting).to_bytes();
        let found = self.one(query, (meeting.as_bytes(), feed), |row| uint(row, 0))?;
        Ok(found == Some(1))
    }

    pub(crate) fn is_published(&self, meeting: MeetingId) -> Result<bool> {
        Ok(self.newest_number(meeting)? > 0)
    }

    pub(crate) fn add_publication(
        &self,
        publication: &Publication,
        signed: &SignedPublication,
    ) -> Result<()> {
        self.run(
            "INSERT INTO publication (feed, number, meeting, payload) VALUES (?, ?, ?, ?)",
            (
                publication.feed().to_bytes(),
                int(publication.number),
                publication.meeting.as_bytes(),
                signed.encode(),
            ),
        )
        .map(drop)
    }

    pub(crate) fn add_published_item(
        &self,
        meeting: MeetingId,
        item: &str,
        feed: Feed,
    ) -> Result<()> {
        self.run(
            "INSERT OR IGNORE INTO published_item (meeting, item, feed) VALUES (?, ?, ?)",
            (meeting.as_bytes(), item, feed.to_bytes()),
        )
        .map(drop)
    }

    /// Returns the parts of which a publication has named the item.
    pub(crate) fn feeds_of_item(&self, meeting: MeetingId, item: &str) -> Result<Vec<Feed>> {
        self.all(
            "SELECT feed FROM published_item WHERE meeting = ? AND item = ? ORDER BY feed",
            (meeting.as_bytes(), item),
            |row| blob(row, 0, Feed::from_slice),
        )
    }

    pub(crate) fn add_paper_ref(&self, hash: Hash, feed: Feed, media_type: &str) -> Result<()> {
        self.run(
            "INSERT OR IGNORE INTO paper_ref (hash, feed, media_type) VALUES (?, ?, ?)",
            (hash.as_bytes(), feed.to_bytes(), media_type),
        )
        .map(drop)
    }

    pub(crate) fn remove_paper_ref(&self, hash: Hash, feed: Feed) -> Result<()> {
        self.run(
            "DELETE FROM paper_ref WHERE hash = ? AND feed = ?",
            (hash.as_bytes(), feed.to_bytes()),
        )
        .map(drop)
    }

    /// Returns the parts of which a publication has named the file, with its media type.
    pub(crate) fn paper_refs(&self, hash: Hash) -> Result<Vec<(Feed, String)>> {
        self.all(
            "SELECT feed, media_type FROM paper_ref WHERE hash = ?",
            [hash.as_bytes()],
            |row| Ok((blob(row, 0, Feed::from_slice)?, row.get(1)?)),
        )
    }
}
