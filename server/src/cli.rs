//! The commands of `nghisu`.

mod acts;
mod body;
mod bundle;
mod calendar;
mod course;
mod devices;
mod due;
mod floor;
mod invite;
mod item;
mod keys;
mod meeting;
mod member;
mod minutes;
mod oparl;
mod paper;
mod passphrase;
mod petition;
mod proof;
mod publish;
mod record;
mod restore;
mod roll;
mod ruling;
mod task;

use std::{
    io::Write,
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, ToSocketAddrs},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use clap::{Args, Parser, Subcommand, ValueEnum};
use nghisu_core::{
    Code, Error, Language, Result,
    meeting::canonical_json,
    trust::{decide::Role, enrol::Address},
};

use devices::{DeviceCommand, device};
use invite::{InviteArguments, invite};
use member::{CircleCommand, GroupCommand, MemberCommand};
use proof::VerifyArguments;
use publish::PublishArguments;

use crate::{
    Office, Server, clock,
    demo::{self, Break},
    office::{MeetingStatus, Person, Status, files, oparl::Base, tls::outward_ip},
};

/// The office of an assembly: programmes, papers, and the devices of its delegates.
///
/// Văn phòng của một hội đồng: chương trình, tài liệu và thiết bị của đại biểu.
#[derive(Debug, Parser)]
#[command(name = "nghisu", version, about)]
struct Arguments {
    /// Language of texts [default: from LC_ALL or LANG; vi unless it begins with en]
    #[arg(long, global = true, value_name = "vi|en")]
    lang: Option<Lang>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Lang {
    Vi,
    En,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make an office: its keys, its log, its folder
    Init(keys::InitArguments),
    /// Show, renew and look after the keys of the office
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// Serve the office to devices; makes it at the first start
    Serve(ServeArguments),
    /// Add and list people
    #[command(subcommand)]
    Person(PersonCommand),
    /// Grant and end access to meetings, circles and groups
    #[command(subcommand)]
    Member(MemberCommand),
    /// Make circles
    #[command(subcommand)]
    Circle(CircleCommand),
    /// Make groups
    #[command(subcommand)]
    Group(GroupCommand),
    /// Invite a person to enrol a device
    Invite(InviteArguments),
    /// List devices, confirm those that wait, lock those that are lost
    #[command(subcommand)]
    Device(DeviceCommand),
    /// Import programmes, with the papers beside them, as drafts
    Import {
        /// Programme files: TOML, or OParl 1.1 meetings in JSON
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        #[command(flatten)]
        data: Data,
    },
    /// Begin drafts of meetings, and edit what they say of the meeting
    #[command(subcommand)]
    Meeting(meeting::MeetingCommand),
    /// Write the items of a draft one step at a time, and list them
    #[command(subcommand)]
    Item(item::ItemCommand),
    /// Write the papers of a draft and their files, and list them
    #[command(subcommand)]
    Paper(paper::PaperCommand),
    /// Begin the draft of a monthly agenda with the tasks and petitions that are open
    Agenda(meeting::AgendaArguments),
    /// Publish drafts to the delegates, or prepare and sign that
    Publish(PublishArguments),
    /// Show what the office has
    Status {
        #[command(flatten)]
        data: Data,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Check the log and print what it says as canonical JSON
    Export {
        /// Only what this person is served, by id or by name; of several, one line each
        #[arg(long, value_name = "ID|NAME")]
        person: Vec<String>,
        /// Only what concerns this meeting, by its id or its author's
        #[arg(long, value_name = "ID")]
        meeting: Option<String>,
        #[command(flatten)]
        data: Data,
    },
    /// Write what is public of the body as OParl 1.1: a folder of files for any web server
    Oparl(oparl::OparlArguments),
    /// Tell the main job as a story: published here, read and annotated offline on devices, and back
    Demo(DemoArguments),
    /// Write a meeting as one signed file that is checked without an office
    Bundle(bundle::BundleArguments),
    /// Write the published meetings as iCalendar
    Calendar(calendar::CalendarArguments),
    /// Write the acts that were received on a meeting as a table
    Acts(acts::ActsArguments),
    /// Show how a meeting stands: the floor, who speaks next, the roll, questions, votes, conclusions
    Course(course::CourseArguments),
    /// Rule over the floor of a meeting from the office's console
    Floor(floor::FloorArguments),
    /// Write down and show who is there
    Roll(roll::RollArguments),
    /// Write down speeches, votes, conclusions and what becomes of questions
    Record(record::RecordArguments),
    /// Write the minutes of a meeting, lay them before the chair, and approve them
    #[command(subcommand)]
    Minutes(minutes::MinutesCommand),
    /// Give tasks, note what becomes of them, and list them
    #[command(subcommand)]
    Task(task::TaskCommand),
    /// Make petitions of voters known, note what becomes of them, and list them
    #[command(subcommand)]
    Petition(petition::PetitionCommand),
    /// List what has to be done by a day: around meetings, answers, tasks, petitions
    Due(due::DueArguments),
    /// State what the body is, show it as it is on a day, and work out what is due by its rules
    #[command(subcommand)]
    Body(body::BodyCommand),
    /// Check the log from its first entry, the proof that a device has written, or a bundle
    Verify(VerifyArguments),
    /// Copy the office to a folder while it runs: database and papers, every file checked, no keys
    Backup(restore::BackupArguments),
    /// Make an office of a backup, in a folder that holds none
    Restore(restore::RestoreArguments),
    /// Show what a restored office has got back, and end that
    Heal(restore::HealArguments),
    /// Find out whether the office is sound, and say what to do if it is not
    Doctor(restore::DoctorArguments),
}

#[derive(Debug, Args)]
struct DemoArguments {
    /// How many devices take part, from 2 to 500; two belong to one delegate
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = devices)]
    devices: usize,
    /// Print one JSON object instead of the story
    #[arg(long)]
    json: bool,
    /// Delete this envelope of the log, by its number or `last`, from the copy that is compared:
    /// the demo must then fail
    #[arg(long = "break", value_name = "N|last", value_parser = broken)]
    broken: Option<Break>,
    /// Keep the office running at the end, and print how to enrol
    #[arg(long)]
    serve: bool,
    /// Keep everything in this folder, which must be new or empty
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Data {
    /// Folder of the office
    #[arg(
        long,
        value_name = "DIR",
        default_value = "./nghisu-data",
        global = true
    )]
    data: PathBuf,
}

#[derive(Debug, Args)]
struct ServeArguments {
    #[command(flatten)]
    data: Data,
    /// Address to listen on
    #[arg(long, value_name = "ADDR", default_value = "0.0.0.0:7443")]
    listen: String,
    /// Speak HTTP without TLS, behind a proxy that speaks TLS
    #[arg(long)]
    plain_http: bool,
    /// Name of the body, shown on devices
    #[arg(long, value_name = "NAME")]
    body_name: Option<String>,
    #[command(flatten)]
    founding: keys::Founding,
    /// Give out what is public as OParl 1.1, to anybody, below /oparl; this is the address that others see
    #[arg(long, value_name = "URL", value_parser = Base::parse)]
    public_oparl: Option<Base>,
    /// File to write the address to once it is open
    #[arg(long, value_name = "FILE")]
    port_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum PersonCommand {
    /// Add a person
    Add {
        /// Name, unique within the body
        name: String,
        /// What the person is to the body
        #[arg(long, default_value = "delegate")]
        role: RoleName,
        #[command(flatten)]
        data: Data,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// List all people
    List {
        #[command(flatten)]
        data: Data,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum RoleName {
    Delegate,
    Secretary,
    Chair,
    Guest,
}

/// Runs the command that the arguments name. 0 is success, 1 a failure, 2 a wrong use.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    let language = language(arguments.lang);
    match run(arguments.command, language) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{}", error.text(language));
            ExitCode::FAILURE
        }
    }
}

fn language(asked: Option<Lang>) -> Language {
    match asked {
        Some(Lang::Vi) => return Language::Vietnamese,
        Some(Lang::En) => return Language::English,
        None => {}
    }
    let from = ["LC_ALL", "LANG"]
        .into_iter()
        .filter_map(|name| std::env::var(name).ok())
        .find(|value| !value.is_empty());
    if from.is_some_and(|value| value.starts_with("en")) {
        Language::English
    } else {
        Language::Vietnamese
    }
}

/// Carries a command out. Returns whether what it was to find out is well.
fn run(command: Command, language: Language) -> Result<bool> {
    if let Command::Demo(arguments) = command {
        return demo::run(&demo::Options {
            devices: arguments.devices,
            language,
            json: arguments.json,
            broken: arguments.broken,
            serve: arguments.serve,
            keep: arguments.keep,
        });
    }
    if let Command::Doctor(arguments) = command {
        return restore::doctor(&arguments, language);
    }
    carry_out(command, language).map(|()| true)
}

fn devices(text: &str) -> Result<usize, String> {
    let count = text
        .parse()
        .ok()
        .filter(|count| (2..=demo::DEVICES_MAX).contains(count));
    count.ok_or_else(|| format!("expected a number from 2 to {}", demo::DEVICES_MAX))
}

fn broken(text: &str) -> Result<Break, String> {
    if text == "last" {
        return Ok(Break::Last);
    }
    let nth = text.parse().ok().filter(|nth| *nth > 0);
    nth.map(Break::Nth)
        .ok_or_else(|| "expected a number from 1, or last".to_owned())
}

fn carry_out(command: Command, language: Language) -> Result<()> {
    match command {
        Command::Init(arguments) => keys::init(&arguments, language),
        Command::Keys(command) => keys::run(command, language),
        Command::Serve(arguments) => serve(&arguments, language),
        Command::Person(PersonCommand::Add {
            name,
            role,
            data,
            json,
        }) => {
            let person = Office::open(&data.data)?.add_person(&name, role.role())?;
            if json {
                out(&person_json(&person))
            } else {
                out(&format!("{}  {}", person.id, person.name))
            }
        }
        Command::Person(PersonCommand::List { data, json }) => {
            let people = Office::open(&data.data)?.people()?;
            if json {
                return out(&people
                    .iter()
                    .map(person_json)
                    .collect::<serde_json::Value>());
            }
            people.iter().try_for_each(|person| {
                out(&format!(
                    "{}  {:<9}  {}",
                    person.id,
                    role_word(person.role),
                    person.name
                ))
            })
        }
        Command::Member(command) => member::run(command, language),
        Command::Circle(command) => member::run_circle(command),
        Command::Group(command) => member::run_group(command),
        Command::Invite(arguments) => invite(&arguments, language),
        Command::Device(command) => device(command, language),
        Command::Import { files, data } => import(&data.data, &files, language),
        Command::Meeting(command) => meeting::run(command, language),
        Command::Paper(command) => paper::run(command, language),
        Command::Item(command) => item::run(command, language),
        Command::Agenda(arguments) => meeting::agenda(&arguments, language),
        Command::Publish(arguments) => publish::run(&arguments, language),
        Command::Status { data, json } => status(&data.data, json, language),
        Command::Export {
            person,
            meeting,
            data,
        } => {
            let office = Office::open(&data.data)?;
            let people = person.iter().map(|person| Ok(office.person(person)?.id));
            let people = people.collect::<Result<Vec<_>>>()?;
            let exports = office.export(&people, meeting.as_deref())?;
            exports
                .iter()
                .try_for_each(|json| out(&canonical_json(json)))
        }
        Command::Oparl(arguments) => oparl::run(&arguments, language),
        Command::Demo(_) | Command::Doctor(_) => Ok(()),
        Command::Backup(arguments) => restore::backup(&arguments, language),
        Command::Restore(arguments) => restore::restore(&arguments, language),
        Command::Heal(arguments) => restore::heal(&arguments, language),
        Command::Verify(arguments) => proof::run(&arguments, language),
        Command::Bundle(arguments) => bundle::run(&arguments, language),
        Command::Calendar(arguments) => calendar::run(&arguments, language),
        Command::Acts(arguments) => acts::run(&arguments, language),
        Command::Course(arguments) => course::run(&arguments, language),
        Command::Floor(arguments) => floor::run(arguments, language),
        Command::Roll(arguments) => roll::run(arguments, language),
        Command::Record(arguments) => record::run(arguments, language),
        Command::Minutes(command) => minutes::run(command, language),
        Command::Task(command) => task::run(command, language),
        Command::Petition(command) => petition::run(command, language),
        Command::Due(arguments) => due::run(&arguments, language),
        Command::Body(command) => body::run(command, language),
    }
}

fn serve(arguments: &ServeArguments, language: Language) -> Result<()> {
    let listener = listen(&arguments.listen)?;
    let (data, body) = (&arguments.data.data, arguments.body_name.as_deref());
    let mut office = keys::open_or_found(data, &arguments.founding, body, language)?;
    if let Some(base) = &arguments.public_oparl {
        office = office.with_public_oparl(base.clone());
    }
    let office = Arc::new(office);
    warn(&office, language)?;
    let _ = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_max_level(tracing::Level::WARN)
        .try_init();
    let runtime =
        tokio::runtime::Runtime::new().map_err(|error| Error::new(Code::Internal, error))?;
    runtime.block_on(async {
        let server = Server::start(office.clone(), listener, !arguments.plain_http)?;
        let address = Address {
            authority: reachable(server.addr).to_string(),
            tls: !arguments.plain_http,
        };
        office.set_address(&address)?;
        if let Some(path) = &arguments.port_file {
            files::write_file(&absolute(path)?, server.addr.to_string().as_bytes())?;
        }
        let (url, folder) = (address.url(), arguments.data.data.display());
        out(&match language {
            Language::Vietnamese => format!(
                "Văn phòng mở tại {url}, dữ liệu ở {folder}. Mời thiết bị: nghisu invite --person TÊN --data {folder}"
            ),
            Language::English => format!(
                "The office is open at {url}, data in {folder}. To invite a device: nghisu invite --person NAME --data {folder}"
            ),
        })?;
        stop_asked().await?;
        server.shutdown().await
    })
}

/// Says on standard error when the online key should be renewed.
fn warn(office: &Office, language: Language) -> Result<()> {
    match keys::warning(&office.keys_status(clock::now())?, language) {
        Some(text) => passphrase::tell(&format!("{text}\n")),
        None => Ok(()),
    }
}

async fn stop_asked() -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let listen = |kind| signal(kind).map_err(|error| Error::new(Code::Internal, error));
    let (mut terminate, mut interrupt) = (
        listen(SignalKind::terminate())?,
        listen(SignalKind::interrupt())?,
    );
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

fn listen(text: &str) -> Result<TcpListener> {
    let invalid = |error: std::io::Error| {
        let code = if error.kind() == std::io::ErrorKind::AddrInUse {
            Code::PortTaken
        } else {
            Code::AddressInvalid
        };
        Error::new(code, format_args!("{text}: {error}"))
    };
    let addresses: Vec<SocketAddr> = text.to_socket_addrs().map_err(invalid)?.collect();
    TcpListener::bind(addresses.as_slice()).map_err(invalid)
}

/// Returns the address under which others reach what listens on `addr`.
fn reachable(addr: SocketAddr) -> SocketAddr {
    let ip = if addr.ip().is_unspecified() {
        outward_ip().unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
    } else {
        addr.ip()
    };
    SocketAddr::new(ip, addr.port())
}

fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).map_err(|error| files::file_error(&error, path))
}

/// Files from which on the import shows how far it is.
const PROGRESS_FILES_MIN: usize = 20;

fn import(data: &Path, files: &[PathBuf], language: Language) -> Result<()> {
    let office = Office::open(data)?;
    let bar = indicatif::ProgressBar::new(files.len() as u64);
    if files.len() < PROGRESS_FILES_MIN {
        bar.set_draw_target(indicatif::ProgressDrawTarget::hidden());
    }
    let imported = office.import_files(files, clock::now(), |read| bar.set_position(read as u64));
    bar.finish_and_clear();
    for draft in imported? {
        let (vi, en) = if draft.changed {
            ("đã nhập", "imported")
        } else {
            ("không đổi", "unchanged")
        };
        let word = say(language, vi, en);
        out(&format!("{word}  {}  {}", draft.external_id, draft.title))?;
    }
    Ok(())
}

fn status(data: &Path, json: bool, language: Language) -> Result<()> {
    let office = Office::open(data)?;
    warn(&office, language)?;
    let status = office.status(clock::now())?;
    if json {
        let meetings: Vec<_> = status.meetings.iter().map(meeting_json).collect();
        return out(&serde_json::json!({
            "log": status.log,
            "epoch": status.epoch,
            "seq": status.seq,
            "body_name": status.body_name,
            "people": status.people,
            "devices": status.devices,
            "open_invitations": status.open_invitations,
            "meetings": meetings,
        }));
    }
    let Status {
        log,
        epoch,
        seq,
        people,
        devices,
        open_invitations,
        ..
    } = &status;
    out(&match language {
        Language::Vietnamese => format!(
            "{}\nnhật ký {log}, kỳ {epoch}, {seq} mục\n{people} người, {devices} thiết bị, {open_invitations} thư mời còn hạn",
            status.body_name
        ),
        Language::English => format!(
            "{}\nlog {log}, epoch {epoch}, {seq} entries\n{people} people, {devices} devices, {open_invitations} open invitations",
            status.body_name
        ),
    })?;
    for meeting in &status.meetings {
        let state = how_far(meeting, language);
        out(&format!(
            "{}  {}  {}  [{state}]",
            meeting.meeting, meeting.external_id, meeting.title
        ))?;
    }
    Ok(())
}

/// Says how far a meeting is.
fn how_far(meeting: &MeetingStatus, language: Language) -> String {
    match (meeting.published, meeting.differs) {
        (None, _) => say(language, "bản thảo", "draft").to_owned(),
        (Some(number), false) => format!("{} {number}", say(language, "công bố", "published")),
        (Some(number), true) => format!(
            "{} {number}, {}",
            say(language, "công bố", "published"),
            say(language, "có thay đổi", "draft differs")
        ),
    }
}

fn meeting_json(meeting: &MeetingStatus) -> serde_json::Value {
    serde_json::json!({
        "id": meeting.meeting,
        "external_id": meeting.external_id,
        "title": meeting.title,
        "published": meeting.published,
        "differs": meeting.differs,
    })
}

const fn say(language: Language, vi: &'static str, en: &'static str) -> &'static str {
    match language {
        Language::Vietnamese => vi,
        Language::English => en,
    }
}

impl RoleName {
    const fn role(self) -> Role {
        match self {
            Self::Delegate => Role::Delegate,
            Self::Secretary => Role::Secretary,
            Self::Chair => Role::Chair,
            Self::Guest => Role::Guest,
        }
    }
}

const fn role_word(role: Role) -> &'static str {
    match role {
        Role::Delegate => "delegate",
        Role::Secretary => "secretary",
        Role::Chair => "chair",
        Role::Guest => "guest",
    }
}

fn person_json(person: &Person) -> serde_json::Value {
    serde_json::json!({ "id": person.id, "name": person.name, "role": role_word(person.role) })
}

/// Writes a file in full, or to standard output where its name is `-`.
fn write_out(to: &Path, content: &[u8]) -> Result<()> {
    if to == Path::new("-") {
        let written = std::io::stdout().write_all(content);
        return written.map_err(|error| Error::new(Code::Storage, error));
    }
    files::write_file(&absolute(to)?, content)
}

/// Writes one line to standard output.
fn out(line: &impl std::fmt::Display) -> Result<()> {
    writeln!(std::io::stdout(), "{line}").map_err(|error| Error::new(Code::Storage, error))
}
