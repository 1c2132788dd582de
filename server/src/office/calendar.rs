//! What all who take part in a meeting read of it now, as calendars need it.

use nghisu_core::{
    Result,
    ids::{Feed, MeetingId, PersonId},
    meeting::Programme,
};

use super::{Office, export::view};

/// The open part of a meeting as it was published last.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenMeeting {
    /// The meeting.
    pub meeting: MeetingId,
    /// The number of its publication.
    pub number: u64,
    /// When it was published, as RFC 3339.
    pub published_at: String,
    /// What it says. Nothing of a circle's is in it.
    pub programme: Programme,
}

impl Office {
    /// Returns the open part of every published meeting, by id. It comes from the log, which is checked.
    ///
    /// # Errors
    /// [`nghisu_core::Code::LogDamaged`].
    pub fn open_meetings(&self) -> Result<Vec<OpenMeeting>> {
        let view = self.db.read(view)?;
        let nobody = PersonId::from_bytes([0; 16]);
        let json = view.to_json_of(nobody, |feed| matches!(feed, Feed::Programme(_)));
        let meetings = json["meetings"].as_object().into_iter().flatten();
        let mut open = Vec::new();
        for (id, meeting) in meetings {
            let Ok(id) = id.parse() else { continue };
            open.push(OpenMeeting {
                meeting: id,
                number: meeting["number"].as_u64().unwrap_or(0),
                published_at: meeting["published_at"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned(),
                programme: Programme::from_json(&meeting["programme"])?,
            });
        }
        Ok(open)
    }
}
