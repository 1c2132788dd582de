//! `nghisu member`, `nghisu circle` and `nghisu group`: who belongs where.

use clap::{Args, Subcommand};
use nghisu_core::{Language, Result, ids::Audience};

use super::{Data, out, person_json, say};
use crate::{
    Office, clock,
    office::{Asked, Member, Person},
};

#[derive(Debug, Subcommand)]
pub(super) enum MemberCommand {
    /// Let a person read a meeting, a circle or a group: what it held before and what is to come
    Add(MemberArguments),
    /// End that; the person's devices delete what they hold of it at their next sync
    Remove(MemberArguments),
    /// List who is in which meeting, circle and group
    List {
        #[command(flatten)]
        data: Data,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
pub(super) struct MemberArguments {
    /// Whom, by id or by name
    #[arg(value_name = "PERSON")]
    person: String,
    #[command(flatten)]
    to: To,
    #[command(flatten)]
    data: Data,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct To {
    /// A circle, by the name that items of a programme give it
    #[arg(long, value_name = "NAME")]
    circle: Option<String>,
    /// A group that was made with `nghisu group add`
    #[arg(long, value_name = "NAME")]
    group: Option<String>,
    /// A meeting, by its id or its author's
    #[arg(long, value_name = "ID")]
    meeting: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(super) enum GroupCommand {
    /// Make a group: its members write and read together
    Add {
        /// Name, unique among groups
        name: String,
        #[command(flatten)]
        data: Data,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum CircleCommand {
    /// Make a circle before the first draft names it: items of a circle are for its members alone
    Add {
        /// Name, as items give it
        name: String,
        #[command(flatten)]
        data: Data,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

impl To {
    fn asked(&self) -> Asked<'_> {
        match (&self.circle, &self.group, &self.meeting) {
            (Some(name), _, _) => Asked::Circle(name),
            (None, Some(name), _) => Asked::Group(name),
            (None, None, name) => Asked::Meeting(name.as_deref().unwrap_or_default()),
        }
    }
}

pub(super) fn run(command: MemberCommand, language: Language) -> Result<()> {
    match command {
        MemberCommand::Add(arguments) => {
            let (office, person, audience) = find(&arguments)?;
            let new = office.grant(person.id, audience, clock::now())?;
            let (vi, en) = if new {
                ("đã thêm", "added")
            } else {
                ("đã là thành viên", "was a member already")
            };
            out(&format!("{}  {}", say(language, vi, en), person.name))
        }
        MemberCommand::Remove(arguments) => {
            let (office, person, audience) = find(&arguments)?;
            let was = office.withdraw(person.id, audience, clock::now())?;
            let (vi, en) = if was {
                ("đã gỡ", "removed")
            } else {
                ("không phải thành viên", "was no member")
            };
            out(&format!("{}  {}", say(language, vi, en), person.name))
        }
        MemberCommand::List { data, json } => list(&Office::open(&data.data)?, json, language),
    }
}

fn find(arguments: &MemberArguments) -> Result<(Office, Person, Audience)> {
    let office = Office::open(&arguments.data.data)?;
    let person = office.person(&arguments.person)?;
    let audience = office.audience(arguments.to.asked())?;
    Ok((office, person, audience))
}

fn list(office: &Office, json: bool, language: Language) -> Result<()> {
    let members = office.members()?;
    if json {
        return out(&members
            .iter()
            .map(member_json)
            .collect::<serde_json::Value>());
    }
    // A circle or a group that nobody is in yet is listed too: this is where its name is found.
    for named in office.audience_names()? {
        if !members
            .iter()
            .any(|member| member.audience == named.audience)
        {
            let nobody = say(language, "chưa có ai", "nobody yet");
            out(&format!(
                "{:<7}  {}  ({nobody})",
                word(named.audience),
                named.name
            ))?;
        }
    }
    members.iter().try_for_each(|member| {
        let why = if member.implied {
            say(language, "theo vai trò", "by role")
        } else {
            say(language, "được thêm", "granted")
        };
        out(&format!(
            "{:<7}  {}  {}  ({why})",
            word(member.audience),
            member.name,
            member.person.name
        ))
    })
}

fn member_json(member: &Member) -> serde_json::Value {
    let mut json = serde_json::json!({
        "person": person_json(&member.person),
        "implied": member.implied,
    });
    json[word(member.audience)] = member.name.clone().into();
    json
}

const fn word(audience: Audience) -> &'static str {
    match audience {
        Audience::Circle(_) => "circle",
        Audience::Group(_) => "group",
        Audience::Meeting(_) => "meeting",
        Audience::Body(_) => "body",
        Audience::Person(_) => "person",
        Audience::Office(_) => "office",
    }
}

pub(super) fn run_group(command: GroupCommand) -> Result<()> {
    let GroupCommand::Add { name, data, json } = command;
    let group = Office::open(&data.data)?.add_group(&name)?;
    if json {
        return out(&serde_json::json!({ "group": group.name }));
    }
    out(&group.name)
}

pub(super) fn run_circle(command: CircleCommand) -> Result<()> {
    let CircleCommand::Add { name, data, json } = command;
    let circle = Office::open(&data.data)?.add_circle(&name)?;
    if json {
        return out(&serde_json::json!({ "circle": name, "id": circle }));
    }
    out(&name)
}
