//! `nghisu calendar`: the published meetings as iCalendar (RFC 5545), as everybody may read them.
//!
//! Times are written in UTC: the body's rules say how far its clocks are ahead on a day, so nothing is lost
//! by it and no table of time clocks has to be right on the reader's side. A date alone is a whole day
//! and has no zone.

use std::path::PathBuf;

use clap::Args;
use icalendar::{Calendar, Component, Event, Property};
use nghisu_core::{
    Language, Result,
    ids::{Hash, LogId},
    meeting::{Item, Meeting, Programme, State, body::Clocks},
    time::{DateParts, Day, PartialDate, Timestamp},
};

use super::{Data, passphrase::tell, publish::visible, say, write_out};
use crate::{Office, office::OpenMeeting};

#[derive(Debug, Args)]
pub(super) struct CalendarArguments {
    /// The file to write, or - for standard output
    #[arg(value_name = "FILE|-")]
    file: PathBuf,
    #[command(flatten)]
    data: Data,
}

pub(super) fn run(arguments: &CalendarArguments, language: Language) -> Result<()> {
    let office = Office::open(&arguments.data.data)?;
    let (meetings, body_name) = (office.open_meetings()?, office.body_name()?);
    let stated = office.body()?.map(|stated| stated.body);
    let clocks = Clocks(stated.as_ref());
    let (text, remarks) = calendar(&meetings, (office.log(), clocks), &body_name, language);
    write_out(&arguments.file, text.as_bytes())?;
    remarks
        .iter()
        .try_for_each(|line| tell(&format!("{line}\n")))
}

/// When something is, as far as a calendar can say it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum When {
    /// From a moment on, and until another if one is known.
    Timed(Timestamp, Option<Timestamp>),
    /// Whole days: the first, and the day after the last if that is another.
    Days(Day, Option<Day>),
}

/// Why a meeting or an item is not in the calendar, or is there for the whole day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    NoDate,
    NoDay,
    NoYear,
    Early,
    NoTime,
    ManyDays,
}

impl Why {
    const fn text(self, language: Language) -> &'static str {
        match self {
            Self::NoDate => say(language, "bỏ qua, chưa có ngày", "left out, it has no date"),
            Self::NoDay => say(
                language,
                "bỏ qua, chưa rõ ngày nào",
                "left out, the day is not known",
            ),
            Self::NoYear => say(
                language,
                "bỏ qua, chưa rõ năm nào",
                "left out, the year is not known",
            ),
            Self::Early => say(language, "bỏ qua, trước năm 1970", "left out, before 1970"),
            Self::NoTime => say(
                language,
                "ghi cả ngày, chưa rõ giờ",
                "put in for the whole day, the time is not known",
            ),
            Self::ManyDays => say(
                language,
                "bỏ qua, cuộc họp nhiều ngày mà mục chỉ có giờ",
                "left out, it has a time alone and its meeting has several days",
            ),
        }
    }
}

fn calendar(
    meetings: &[OpenMeeting],
    (log, clocks): (LogId, Clocks<'_>),
    body_name: &str,
    language: Language,
) -> (String, Vec<String>) {
    let (mut calendar, mut remarks) = (Calendar::empty(), Vec::new());
    for (key, value) in [
        ("VERSION", "2.0"),
        ("PRODID", "-//Nghi Su//nghisu//VI"),
        ("CALSCALE", "GREGORIAN"),
        ("METHOD", "PUBLISH"),
    ] {
        calendar.append_property(Property::new(key, value));
    }
    for name in ["NAME", "X-WR-CALNAME"] {
        let mut property = Property::new(name, plain(body_name));
        calendar.append_property(property.add_parameter("VALUE", "TEXT").done());
    }
    for meeting in meetings {
        let of = &meeting.programme.meeting;
        let mut remark = |name: &str, why: Why| {
            let text = format!("{}  {}: {}", of.id, name, why.text(language));
            remarks.push(visible(&text));
        };
        match when(clocks, of.when.as_ref(), of.end.as_ref()) {
            Ok(found) => {
                if let (When::Days(..), Some(date)) = (&found, &of.when)
                    && date.part_of_day().is_some()
                {
                    remark(&of.title, Why::NoTime);
                }
                calendar.push(meeting_event(meeting, log, &found, language));
            }
            Err(why) => remark(&of.title, why),
        }
        for (id, item) in meeting.programme.items_in_order() {
            if !is_open(item) || (item.when.is_none() && item.end.is_none()) {
                continue;
            }
            match item_when(clocks, of, item) {
                Ok(found) => {
                    let event = item_event(meeting, log, (id.as_str(), item), &found);
                    calendar.push(event);
                }
                Err(why) => remark(&titled(item), why),
            }
        }
    }
    (calendar.to_string(), remarks)
}

/// An item that its author calls not public is in no calendar, also where all who take part read it.
fn is_open(item: &Item) -> bool {
    item.circle.is_none() && item.public != Some(false)
}

fn meeting_event(meeting: &OpenMeeting, log: LogId, found: &When, language: Language) -> Event {
    let of = &meeting.programme.meeting;
    let mut event = event(meeting, found);
    event.add_property("UID", meeting_uid(meeting, log));
    event.add_property("SUMMARY", summary(of, language));
    let description = description(&meeting.programme, language);
    if !description.is_empty() {
        event.add_property("DESCRIPTION", description);
    }
    event.done()
}

fn item_event(meeting: &OpenMeeting, log: LogId, (id, item): (&str, &Item), found: &When) -> Event {
    let mut event = event(meeting, found);
    let name = Hash::of_content(format!("{}\n{id}", meeting.meeting).as_bytes()).to_string();
    event.add_property("UID", format!("item-{}@{log}", &name[..32]));
    event.add_property("RELATED-TO", meeting_uid(meeting, log));
    event.add_property("SUMMARY", plain(&titled(item)));
    event.done()
}

/// What events of a meeting have in common. Nothing in it depends on when it is written.
fn event(meeting: &OpenMeeting, found: &When) -> Event {
    let of = &meeting.programme.meeting;
    let mut event = Event::new();
    let stamp = basic(&meeting.published_at);
    event.add_property("DTSTAMP", &stamp);
    event.add_property("LAST-MODIFIED", &stamp);
    event.add_property("SEQUENCE", meeting.number.to_string());
    if let Some(status) = status(&of.state) {
        event.add_property("STATUS", status);
    }
    match found {
        When::Timed(from, to) => {
            event.add_property("DTSTART", basic(&from.to_string()));
            if let Some(to) = to {
                event.add_property("DTEND", basic(&to.to_string()));
            }
        }
        When::Days(first, after) => {
            let days = [("DTSTART", Some(*first)), ("DTEND", *after)];
            for (key, day) in days {
                if let Some(day) = day {
                    let mut property = Property::new(key, day.to_string().replace('-', ""));
                    event.append_property(property.add_parameter("VALUE", "DATE").done());
                }
            }
        }
    }
    if let Some(name) = of.place.as_ref().and_then(|place| place.name.as_ref()) {
        event.add_property("LOCATION", plain(name));
    }
    event
}

fn meeting_uid(meeting: &OpenMeeting, log: LogId) -> String {
    format!("meeting-{}@{log}", meeting.meeting)
}

const fn status(state: &State) -> Option<&'static str> {
    match state {
        State::Foreseen | State::Planned => Some("TENTATIVE"),
        State::Convened | State::Running | State::Held => Some("CONFIRMED"),
        State::Cancelled => Some("CANCELLED"),
        State::Unknown(_) => None,
    }
}

fn summary(meeting: &Meeting, language: Language) -> String {
    let kind = meeting.kind.as_ref().map(|kind| kind.text(language));
    let title = Some(meeting.title.as_str()).filter(|title| !title.is_empty());
    plain(title.or(kind).unwrap_or(&meeting.id))
}

/// What people look for in their calendar: when in the author's words, what it is about, the open items.
fn description(programme: &Programme, language: Language) -> String {
    let meeting = &programme.meeting;
    let mut lines = Vec::new();
    lines.extend(meeting.when.as_ref().map(|when| when.written(language)));
    lines.extend(meeting.theme.clone());
    let items = programme.items_in_order().into_iter().map(|(_, item)| item);
    lines.extend(items.filter(|item| is_open(item)).map(titled));
    let lines: Vec<String> = lines.iter().map(|line| plain(line)).collect();
    lines.join("\n")
}

fn titled(item: &Item) -> String {
    match &item.number {
        Some(number) => format!("{number}. {}", item.title),
        None => item.title.clone(),
    }
}

/// Works out what a calendar can say of a beginning and an end. An end that is before the beginning, or
/// of which the day is not known, says nothing.
fn when(
    clocks: Clocks<'_>,
    begin: Option<&PartialDate>,
    end: Option<&PartialDate>,
) -> Result<When, Why> {
    let begin = begin.ok_or(Why::NoDate)?;
    let (first, from) = day_of(clocks, begin)?;
    let end = end.and_then(|end| on_day_of(end, begin));
    if let Some((hour, minute)) = begin.time() {
        let from = from.plus_ms((u64::from(hour) * 60 + u64::from(minute)) * 60_000);
        let to = end.as_ref().and_then(|end| moment_of(clocks, end));
        return Ok(When::Timed(from, to.filter(|to| *to > from)));
    }
    let last = end
        .and_then(|end| day_of(clocks, &end).ok())
        .map(|(last, _)| last);
    let last = last.filter(|last| *last > first);
    Ok(When::Days(first, last.map(|last| last.plus_days(1))))
}

/// An item that says a time alone is on the day of its meeting, if that has one day.
fn item_when(clocks: Clocks<'_>, meeting: &Meeting, item: &Item) -> Result<When, Why> {
    let own = item.when.as_ref().or(item.end.as_ref());
    let Some(begin) = own.filter(|date| date.month().is_none() && date.year().is_none()) else {
        return when(clocks, item.when.as_ref(), item.end.as_ref());
    };
    let of = meeting.when.as_ref().ok_or(Why::NoDate)?;
    if let When::Days(_, Some(_)) = when(clocks, Some(&of.whole_day()), meeting.end.as_ref())? {
        return Err(Why::ManyDays);
    }
    let begin = on_day_of(begin, of).ok_or(Why::NoDay)?;
    when(
        clocks,
        item.when.as_ref().map(|_| &begin),
        item.end.as_ref(),
    )
}

/// Returns a date that has no day of its own on the day of another; `None` if it has half of one.
fn on_day_of(date: &PartialDate, of: &PartialDate) -> Option<PartialDate> {
    if date.year().is_some() && date.day().is_some() {
        return Some(date.clone());
    }
    if date.year().is_some() || date.month().is_some() {
        return None;
    }
    let parts = DateParts {
        year: of.year().map(i64::from),
        month: of.month().map(i64::from),
        day: of.day().map(i64::from),
        ..DateParts::from(date.clone())
    };
    parts.try_into().ok()
}

/// Returns a day, and the moment at which it begins.
fn day_of(clocks: Clocks<'_>, date: &PartialDate) -> Result<(Day, Timestamp), Why> {
    match (date.year(), date.day()) {
        (None, Some(_)) => return Err(Why::NoYear),
        (_, None) if date.month().is_none() && date.year().is_none() => return Err(Why::NoDate),
        (_, None) => return Err(Why::NoDay),
        (Some(_), Some(_)) => {}
    }
    let day = date.last_day().ok_or(Why::NoDay)?;
    let begins = day.begins_at(clocks.utc_offset_ms(day));
    Ok((day, begins.ok_or(Why::Early)?))
}

/// Returns the moment at which something ends: its minute, or the end of its part of the day.
fn moment_of(clocks: Clocks<'_>, end: &PartialDate) -> Option<Timestamp> {
    let after = end.ends_at(clocks.utc_offset_ms(end.last_day()?))?;
    let minute = u64::from(end.time().is_some()) * 60_000;
    Some(Timestamp::from_unix_ms(after.unix_ms() - minute))
}

/// Writes a moment in UTC as iCalendar does.
fn basic(at: &str) -> String {
    let seconds = at.split('.').next().unwrap_or_default();
    let digits: String = seconds.chars().filter(|c| !"-:".contains(*c)).collect();
    format!("{}Z", digits.trim_end_matches('Z'))
}

/// Leaves out what no line of a calendar may have.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}
