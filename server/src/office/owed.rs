//! What the body has to do by a day, as every device works it out too.

use nghisu_core::{
    Result,
    ids::Feed,
    meeting::{
        body::Clocks,
        deadlines::Obligation,
        owed::{Announced, Owed, obligations},
    },
    time::{Day, Timestamp},
};

use super::Office;

impl Office {
    /// Returns what the body has to do by a day and whether it has, what is due first first: what its rules ask
    /// for around the published meetings, answers to questions, tasks and petitions.
    ///
    /// # Errors
    /// [`nghisu_core::Code::LogDamaged`].
    pub fn obligations(&self) -> Result<Vec<Obligation<Owed>>> {
        let body = self.body()?.map(|stated| stated.body);
        let mut announced = Vec::new();
        for open in self.open_meetings()? {
            let feed = Feed::Programme(open.meeting);
            let publications = self.db.read(move |tx| tx.publications(feed))?;
            let mut at = publications.iter().map(|it| it.published_at);
            let Some(last) = at.next_back() else { continue };
            announced.push(Announced {
                id: open.meeting,
                meeting: open.programme.meeting,
                has_papers: !open.programme.papers.is_empty(),
                first: at.min().unwrap_or(last),
                last,
                questions: self.course(&open.meeting.to_string())?.questions,
            });
        }
        let clocks = Clocks(body.as_ref());
        Ok(obligations(clocks, &announced, &self.follow_up()?))
    }

    /// Returns the day that it is for the body at a moment.
    ///
    /// # Errors
    /// [`nghisu_core::Code::LogDamaged`].
    pub fn day_at(&self, moment: Timestamp) -> Result<Day> {
        let body = self.body()?.map(|stated| stated.body);
        Ok(Clocks(body.as_ref()).day_at(moment))
    }
}
