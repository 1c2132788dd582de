//! The commands of `nghisu`.

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
    limits::{INVITATION_LETTER_MS, INVITATION_QR_MS},
    trust::{decide::Role, enrol::Address},
};

use crate::{
    Office, Server, clock,
    office::{Person, files, keys::outward_ip},
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
    /// Serve the office to devices; makes it at the first start
    Serve(ServeArguments),
    /// Add and list people
    #[command(subcommand)]
    Person(PersonCommand),
    /// Invite a person to enrol a device
    Invite(InviteArguments),
}

#[derive(Debug, Args)]
struct Data {
    /// Folder of the office
    #[arg(long, value_name = "DIR", default_value = "./nghisu-data")]
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

#[derive(Debug, Args)]
struct InviteArguments {
    /// Whom to invite, by id or by name
    #[arg(long, value_name = "ID|NAME")]
    person: String,
    /// Valid for 24 hours, to be sent as a letter, in place of 15 minutes
    #[arg(long)]
    letter: bool,
    /// Address under which the device finds the office [default: that of the newest serve]
    #[arg(long, value_name = "HOST:PORT")]
    address: Option<String>,
    #[command(flatten)]
    data: Data,
    /// Print JSON
    #[arg(long)]
    json: bool,
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
        Ok(()) => ExitCode::SUCCESS,
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

fn run(command: Command, language: Language) -> Result<()> {
    match command {
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
        Command::Invite(arguments) => invite(&arguments, language),
    }
}

fn serve(arguments: &ServeArguments, language: Language) -> Result<()> {
    let listener = listen(&arguments.listen)?;
    let office = Arc::new(Office::open_or_create(&arguments.data.data)?);
    if let Some(name) = &arguments.body_name {
        office.set_body_name(name)?;
    }
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
        let code = match error.kind() {
            std::io::ErrorKind::AddrInUse => Code::PortTaken,
            _ => Code::AddressInvalid,
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

fn invite(arguments: &InviteArguments, language: Language) -> Result<()> {
    let office = Office::open(&arguments.data.data)?;
    let person = office.person(&arguments.person)?;
    let noted = office.address()?;
    let address = match (&arguments.address, noted) {
        (Some(authority), noted) => Address {
            authority: authority.clone(),
            tls: noted.is_none_or(|noted| noted.tls),
        },
        (None, Some(noted)) => noted,
        (None, None) => return Err(Error::new(Code::AddressInvalid, "--address")),
    };
    let valid_ms = if arguments.letter {
        INVITATION_LETTER_MS
    } else {
        INVITATION_QR_MS
    };
    let now = clock::now();
    let invitation = office.invite(person.id, address, valid_ms, now)?;
    let text = invitation.to_string();
    // What would not be read back by the device is not handed out.
    text.parse::<nghisu_core::trust::enrol::Invitation>()
        .map_err(|_| Error::new(Code::AddressInvalid, &invitation.address.authority))?;
    let expires_at = now.plus_ms(valid_ms);
    if arguments.json {
        return out(&serde_json::json!({
            "invitation": text,
            "address": invitation.address.authority,
            "person": person.id,
            "name": person.name,
            "expires_at": expires_at,
        }));
    }
    out(&match language {
        Language::Vietnamese => format!("Thư mời cho {}, dùng được đến {expires_at}:", person.name),
        Language::English => format!("Invitation for {}, valid until {expires_at}:", person.name),
    })?;
    out(&text)?;
    out(&qr_code(&text)?)
}

fn qr_code(text: &str) -> Result<String> {
    let code = qrcode::QrCode::new(text.as_bytes())
        .map_err(|error| Error::new(Code::Internal, format_args!("QR code: {error}")))?;
    let width = code.width();
    let dark = |x: usize, y: usize| {
        // Two light modules around it, without which no camera finds it.
        let inside = (2..width + 2).contains(&x) && (2..width + 2).contains(&y);
        inside && code[(x - 2, y - 2)] == qrcode::Color::Dark
    };
    let rows = (0..(width + 4).div_ceil(2)).map(|row| {
        (0..width + 4)
            .map(|x| match (dark(x, 2 * row), dark(x, 2 * row + 1)) {
                (true, true) => ' ',
                (true, false) => '▄',
                (false, true) => '▀',
                (false, false) => '█',
            })
            .collect::<String>()
    });
    Ok(rows.collect::<Vec<_>>().join("\n"))
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

/// Writes one line to standard output.
fn out(line: &impl std::fmt::Display) -> Result<()> {
    writeln!(std::io::stdout(), "{line}").map_err(|error| Error::new(Code::Storage, error))
}
