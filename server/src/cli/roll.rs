//! `nghisu roll`: who is there.

use std::collections::{BTreeMap, BTreeSet};

use clap::{Args, Subcommand, builder::NonEmptyStringValueParser};
use nghisu_core::{
    Code, Error, Language, Result,
    ids::{Audience, PersonId},
    meeting::{
        course::Attendance,
        ruling::{Presence, Record, RollRuling, Ruling, Statement, general_quorum},
    },
    trust::decide::Role,
};
use serde_json::json;

use super::{Data, out, ruling::Sitting};
use crate::office::Asked;

#[derive(Debug, Args)]
pub(super) struct RollArguments {
    /// Meeting, by its id or its author's
    #[arg(value_name = "MEETING")]
    meeting: String,
    #[command(flatten)]
    data: Data,
    #[command(subcommand)]
    command: RollCommand,
}

#[derive(Debug, Subcommand)]
enum RollCommand {
    /// Write down how many delegates the body has, and how many make a quorum
    Seats {
        /// All delegates of the body
        #[arg(value_name = "TOTAL")]
        total: u16,
        /// How many must be there [default: two thirds of all]
        #[arg(long, value_name = "N")]
        quorum: Option<u16>,
    },
    /// Write down whether somebody is there
    Set {
        /// Whom, by id or by name
        #[arg(value_name = "PERSON")]
        person: String,
        /// How: in_hall, online, late, left, excused or absent
        #[arg(value_name = "PRESENCE", value_parser = presence)]
        presence: Presence,
        /// Why; the office alone reads it
        #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
        reason: Option<String>,
    },
    /// Show who is there, by what the office has written down and what each has stated himself
    Show {
        /// Show the reasons too, which are the office's alone
        #[arg(long)]
        reasons: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// One person of the roll.
struct Row {
    person: PersonId,
    name: String,
    attendance: Attendance,
    reasons: Vec<Record>,
}

fn presence(text: &str) -> Result<Presence, String> {
    Presence::of_name(text).ok_or_else(|| {
        let names: Vec<&str> = Presence::ALL.iter().map(|it| it.name()).collect();
        format!("expected {}", names.join(", "))
    })
}

pub(super) fn run(arguments: RollArguments, language: Language) -> Result<()> {
    let meeting = &arguments.meeting;
    let sitting = Sitting::open(&arguments.data.data, meeting, language)?;
    match arguments.command {
        RollCommand::Seats { total, quorum } => {
            let quorum = quorum.unwrap_or_else(|| general_quorum(total));
            if quorum == 0 || quorum > total {
                let words = sitting.say(
                    "số cần có mặt phải từ 1 đến tổng số đại biểu",
                    "a quorum is from 1 to the number of delegates",
                );
                let detail = format!("{quorum} / {total}: {words}");
                return Err(Error::new(Code::StatementInvalid, detail));
            }
            state(&sitting, RollRuling::Seats { total, quorum }, None)?;
            out(&match language {
                Language::Vietnamese => format!("{total} đại biểu, cần {quorum} có mặt"),
                Language::English => format!("{total} delegates, {quorum} make a quorum"),
            })
        }
        RollCommand::Set {
            person,
            presence,
            reason,
        } => {
            let person = sitting.office.person(&person)?;
            let ruling = RollRuling::Presence {
                person: person.id,
                presence,
            };
            state(&sitting, ruling, reason)?;
            out(&format!("{}  {}", presence.text(language), person.name))
        }
        RollCommand::Show { reasons, json } => show(&sitting, meeting, reasons, json),
    }
}

fn state(sitting: &Sitting, ruling: RollRuling, reason: Option<String>) -> Result<()> {
    let stated = sitting.state(Statement {
        item: None,
        ruling: Ruling::Roll(ruling),
        text: reason.unwrap_or_default(),
        addressee: None,
    });
    stated.map(drop)
}

fn show(sitting: &Sitting, meeting: &str, reasons: bool, json: bool) -> Result<()> {
    let rows = rows(sitting, meeting, reasons)?;
    let roll = &sitting.course.roll;
    if json {
        let people: Vec<_> = rows.iter().map(|row| row_json(row, reasons)).collect();
        return out(&json!({
            "total": roll.total,
            "quorum": roll.quorum,
            "present": roll.present(),
            "has_quorum": roll.has_quorum(),
            "people": people,
        }));
    }
    for row in &rows {
        say_row(sitting, row)?;
    }
    out(&standing(sitting))
}

/// Says how many are there and whether that is enough.
pub(super) fn standing(sitting: &Sitting) -> String {
    let roll = &sitting.course.roll;
    let present = roll.present();
    let Some((total, quorum)) = roll.total.zip(roll.quorum) else {
        let words = sitting.say(
            "chưa ghi tổng số đại biểu: nghisu roll CUỘC-HỌP seats",
            "how many there are is not written down: nghisu roll MEETING seats",
        );
        return format!("{} {present} ({words})", sitting.say("có mặt", "present"));
    };
    let enough = if roll.has_quorum() == Some(true) {
        sitting.say("đủ số đại biểu", "a quorum")
    } else {
        sitting.say("chưa đủ số đại biểu", "no quorum")
    };
    match sitting.language {
        Language::Vietnamese => format!("có mặt {present} / {total}, cần {quorum}: {enough}"),
        Language::English => format!("present {present} of {total}, needed {quorum}: {enough}"),
    }
}

/// Returns everybody of whom something is known and every delegate of the meeting, by name.
fn rows(sitting: &Sitting, meeting: &str, reasons: bool) -> Result<Vec<Row>> {
    let audience = sitting.office.audience(Asked::Meeting(meeting))?;
    let roll = &sitting.course.roll;
    let mut people: BTreeSet<PersonId> = roll.people.keys().copied().collect();
    people.extend(delegates(sitting, audience)?);
    let mut written: BTreeMap<PersonId, Vec<Record>> = BTreeMap::new();
    if reasons {
        for record in sitting.office.roll_reasons(meeting)? {
            if let Ruling::Roll(RollRuling::Presence { person, .. }) = record.ruling {
                written.entry(person).or_default().push(record);
            }
        }
    }
    let mut rows: Vec<Row> = people
        .into_iter()
        .map(|person| Row {
            person,
            name: sitting.name(person),
            attendance: roll.people.get(&person).copied().unwrap_or_default(),
            reasons: written.remove(&person).unwrap_or_default(),
        })
        .collect();
    rows.sort_by(|a, b| (&a.name, a.person).cmp(&(&b.name, b.person)));
    Ok(rows)
}

fn delegates(sitting: &Sitting, audience: Audience) -> Result<Vec<PersonId>> {
    let members = sitting.office.members()?.into_iter();
    let sits = |role| match role {
        Role::Delegate | Role::Chair => true,
        Role::Secretary | Role::Guest => false,
    };
    Ok(members
        .filter(|member| member.audience == audience && sits(member.person.role))
        .map(|member| member.person.id)
        .collect())
}

fn presence_of(record: &Record) -> Option<Presence> {
    match record.ruling {
        Ruling::Roll(RollRuling::Presence { presence, .. }) => Some(presence),
        Ruling::Roll(RollRuling::Seats { .. })
        | Ruling::Floor { .. }
        | Ruling::Recorded(_)
        | Ruling::Task(_)
        | Ruling::Petition(_)
        | Ruling::Minutes(_)
        | Ruling::Draft(_) => None,
    }
}

fn row_json(row: &Row, reasons: bool) -> serde_json::Value {
    let mut json = json!({
        "person": row.person,
        "name": row.name,
        "recorded": row.attendance.recorded,
        "stated": row.attendance.stated,
        "disputed": row.attendance.is_disputed(),
    });
    if reasons {
        let reason = |record: &Record| {
            json!({
                "presence": presence_of(record),
                "text": record.text,
                "received_at": record.received_at,
            })
        };
        json["reasons"] = row.reasons.iter().map(reason).collect();
    }
    json
}

fn say_row(sitting: &Sitting, row: &Row) -> Result<()> {
    let language = sitting.language;
    let recorded = row.attendance.recorded;
    let recorded = recorded.map_or("—", |presence| presence.text(language));
    let stated = row.attendance.stated.map_or(String::new(), |kind| {
        let words = sitting.say("tự báo:", "stated:");
        format!("  ({words} {})", kind.text(language))
    });
    let disputed = if row.attendance.is_disputed() {
        sitting.say("  ! khác nhau", "  ! disputed")
    } else {
        ""
    };
    out(&format!("{}  {recorded}{stated}{disputed}", row.name))?;
    row.reasons.iter().try_for_each(|record| {
        let presence = presence_of(record).map_or("", |presence| presence.text(language));
        out(&format!("    {presence}: {}", record.text))
    })
}
