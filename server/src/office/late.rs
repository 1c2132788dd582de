//! Acts that come after what they are about has ended. They are received all the same and said to
//! be late; no clock but the office's has a say.

use nghisu_core::{
    Result,
    ids::Feed,
    meeting::{Programme, body::Clocks},
    time::{PartialDate, Timestamp},
};

use super::body;
use crate::db::{Tx, rows::ActRow};

/// Keeps when the meeting and its items end, as this publication says. An end that is published is
/// taken; a meeting without one ends with the day on which it begins. What has no date with its year
/// has no end. Of a circle's part only the items count.
pub(crate) fn note_ends(tx: &Tx<'_>, feed: Feed, programme: &Programme) -> Result<()> {
    let (Feed::Programme(meeting) | Feed::CircleProgramme(meeting, _)) = feed else {
        return Ok(());
    };
    let body = body::newest(tx)?.map(|stated| stated.body);
    let clocks = Clocks(body.as_ref());
    let ends_at = |end: Option<&PartialDate>| end?.ends_at(clocks.utc_offset_ms(end?.last_day()?));
    let whole = &programme.meeting;
    let end = match &whole.end {
        Some(end) => Some(end.clone()),
        None => whole.when.as_ref().map(PartialDate::whole_day),
    };
    if feed == Feed::Programme(meeting) {
        tx.set_end(meeting, "", ends_at(end.as_ref()))?;
    }
    programme
        .items
        .iter()
        .try_for_each(|(id, item)| tx.set_end(meeting, id.as_str(), ends_at(item.end.as_ref())))
}

/// Says whether an act that is received now is late: after the end of its item, or of its meeting if
/// it names no item or the item's end is not published.
pub(crate) fn is_late(tx: &Tx<'_>, act: &ActRow, now: Timestamp) -> Result<bool> {
    let of_item = match &act.item {
        Some(item) => tx.end(act.meeting, item)?,
        None => None,
    };
    let end = match of_item {
        Some(end) => Some(end),
        None => tx.end(act.meeting, "")?,
    };
    Ok(end.is_some_and(|end| now >= end))
}
