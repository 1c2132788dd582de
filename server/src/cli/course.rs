//! `nghisu course`: how a meeting stands.

use clap::Args;
use nghisu_core::{
    Language, Result,
    meeting::{
        ItemId,
        course::{SetAside, Why},
        ruling::Record,
        speaking::{BeforeOthers, Speaker},
        states::State,
    },
    sync::healing::SerialNumber,
};
use serde_json::{Value, json};

use super::{Data, out, roll::standing, ruling::Sitting};

#[derive(Debug, Args)]
pub(super) struct CourseArguments {
    /// Meeting, by its id or its author's
    #[arg(value_name = "MEETING")]
    meeting: String,
    /// Whose speaking list, by the item's id [default: that of the item that is open]
    #[arg(long, value_name = "ID")]
    item: Option<ItemId>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: Data,
}

pub(super) fn run(arguments: &CourseArguments, language: Language) -> Result<()> {
    let sitting = Sitting::open(&arguments.data.data, &arguments.meeting, language)?;
    let current = sitting.course.floor.item.as_ref();
    let item = arguments.item.as_ref().or(current);
    let list = sitting.course.speaking_list(item);
    if arguments.json {
        return out(&course_json(&sitting, &list));
    }
    say_floor(&sitting)?;
    out(&standing(&sitting))?;
    say_list(&sitting, item, &list)?;
    say_questions(&sitting)?;
    say_recorded(&sitting)?;
    sitting
        .course
        .set_aside
        .iter()
        .try_for_each(|it| say_set_aside(&sitting, it))
}

/// The course as it is, with the list, and the names of all people.
fn course_json(sitting: &Sitting, list: &[Speaker]) -> Value {
    let list = list.iter().map(|speaker| {
        json!({
            "number": SerialNumber::new(speaker.number).to_string(),
            "act": speaker.act,
            "person": speaker.person,
            "name": sitting.name(speaker.person),
            "before_others": speaker.before_others.map(|why| match why {
                BeforeOthers::PointOfOrder => "point_of_order",
                BeforeOthers::Asked => "asked",
            }),
        })
    });
    let mut json = json!(sitting.course);
    json["list"] = list.collect();
    json["names"] = json!(sitting.names);
    json
}

fn say_floor(sitting: &Sitting) -> Result<()> {
    let floor = &sitting.course.floor;
    let label = sitting.say("điều hành", "floor");
    match floor.holder {
        None => {
            let nobody = sitting.say("chưa có ai", "nobody yet");
            out(&format!("{label}: {nobody}"))?;
        }
        Some(holder) => {
            let name = holder.person.map_or_else(
                || sitting.say("văn phòng", "the office").to_owned(),
                |person| sitting.name(person),
            );
            let term = sitting.say("lượt", "term");
            out(&format!("{label}: {name}, {term} {}", floor.term))?;
        }
    }
    if let Some(item) = &floor.item {
        out(&format!("{}: {item}", sitting.say("đang bàn", "item")))?;
    }
    let mut registrations = sitting.course.registrations.iter();
    if let Some(it) = registrations.find(|it| Some(it.act) == floor.speaking) {
        let (number, name) = (SerialNumber::new(it.number), sitting.name(it.person));
        let label = sitting.say("đang phát biểu", "speaking");
        out(&format!("{label}: {number}  {name}"))?;
    }
    floor.allotted.map_or(Ok(()), |allotted| {
        let (seconds, since) = (allotted.seconds, sitting.shown(allotted.since));
        out(&match sitting.language {
            Language::Vietnamese => format!("thời gian: {seconds} giây từ {since}"),
            Language::English => format!("time: {seconds} seconds from {since}"),
        })
    })
}

fn say_list(sitting: &Sitting, item: Option<&ItemId>, list: &[Speaker]) -> Result<()> {
    let of = match item {
        Some(item) => item.to_string(),
        None => sitting.say("cả cuộc họp", "the meeting itself").to_owned(),
    };
    let label = sitting.say("danh sách phát biểu", "speaking list");
    let count = list.len();
    out(&format!("{label} ({of}): {count}"))?;
    list.iter().try_for_each(|speaker| {
        let (number, name) = (
            SerialNumber::new(speaker.number),
            sitting.name(speaker.person),
        );
        let why = match speaker.before_others {
            Some(BeforeOthers::PointOfOrder) => {
                sitting.say("  (trình tự phiên họp)", "  (point of order)")
            }
            Some(BeforeOthers::Asked) => sitting.say("  (người chất vấn)", "  (asked)"),
            None => "",
        };
        let called = sitting.course.registrations.iter();
        let state = called
            .filter(|it| it.act == speaker.act)
            .map(|it| it.history.state().text(sitting.language))
            .next()
            .unwrap_or_default();
        out(&format!("  {number}  {name}  {state}{why}"))
    })
}

fn say_questions(sitting: &Sitting) -> Result<()> {
    sitting.course.questions.iter().try_for_each(|question| {
        let (label, number) = (
            sitting.say("chất vấn", "question"),
            SerialNumber::new(question.number),
        );
        let (name, state) = (
            sitting.name(question.person),
            question.history.state().text(sitting.language),
        );
        let group = question.group.as_deref().map(|it| format!("  [{it}]"));
        let by = question.answered_by.as_deref();
        let by = by.map(|it| format!("  ({it})"));
        let (group, by) = (group.unwrap_or_default(), by.unwrap_or_default());
        out(&format!("{label} {number}  {name}  {state}{group}{by}"))
    })
}

/// Prints speeches, votes and conclusions as one record, by their numbers.
fn say_recorded(sitting: &Sitting) -> Result<()> {
    let mut lines: Vec<(&Record, String)> = Vec::new();
    for record in &sitting.course.speeches {
        let speaker = record.addressee.as_deref().unwrap_or_default();
        let word = sitting.say("phát biểu", "speech");
        lines.push((record, format!("{word}  {speaker}")));
    }
    for vote in &sitting.course.votes {
        let it = vote.result;
        let (yes, no, neither, present, total) =
            (it.in_favour, it.against, it.abstained, it.present, it.total);
        let carried = if vote.majority {
            sitting.say("quá nửa", "carried")
        } else {
            sitting.say("chưa quá nửa", "not carried")
        };
        let line = match sitting.language {
            Language::Vietnamese => format!(
                "biểu quyết  tán thành {yes}, không tán thành {no}, không biểu quyết {neither}; có mặt {present} / {total}: {carried}"
            ),
            Language::English => format!(
                "vote  for {yes}, against {no}, abstained {neither}; present {present} of {total}: {carried}"
            ),
        };
        lines.push((&vote.record, line));
    }
    for record in &sitting.course.conclusions {
        let by = record.addressee.as_deref().unwrap_or_default();
        let word = sitting.say("kết luận", "conclusion");
        lines.push((record, format!("{word}  {by}")));
    }
    lines.sort_by_key(|(record, _)| record.order());
    lines.into_iter().try_for_each(|(record, line)| {
        let number = SerialNumber::new(record.number);
        out(&format!("{number}  {line}  {}", record.text).trim_end())
    })
}

fn say_set_aside(sitting: &Sitting, aside: &SetAside) -> Result<()> {
    let why = match aside.why {
        Why::Overtaken => sitting.say("người khác đã điều hành", "somebody else held the floor"),
        Why::Step => sitting.say("bước không nối tiếp", "a step that does not follow"),
        Why::Unknown => sitting.say("không rõ về việc gì", "of something unknown"),
    };
    let counts = if aside.counts {
        sitting.say("vẫn được tính", "counts nevertheless")
    } else {
        sitting.say("không được tính", "does not count")
    };
    let word = json!(aside.record.ruling)["ruling"].clone();
    let (label, number) = (
        sitting.say("gác lại", "set aside"),
        SerialNumber::new(aside.record.number),
    );
    let by = aside.record.by.map_or_else(
        || sitting.say("văn phòng", "the office").to_owned(),
        |person| sitting.name(person),
    );
    let word = word.as_str().unwrap_or_default();
    out(&format!("{label}: {word} {number}  {by}  {why}; {counts}"))
}
