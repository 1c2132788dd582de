//! `nghisu init` and `nghisu keys`: the commands that need the root key, and those that look after it.

use std::{
    ffi::OsString,
    io::{IsTerminal, Read},
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand, ValueEnum};
use nghisu_core::{
    Code, Error, Language, Result,
    ids::DeviceId,
    trust::{keys::DeviceSigner, office::OnlineKey},
};
use zeroize::Zeroizing;

use super::{
    Data, absolute, out,
    passphrase::{NewPassphraseArguments, PassphraseArguments, is_somebody_there, tell},
    say,
};
use crate::{
    Office, Passphrase, RootKey, clock,
    office::{KeysStatus, Publications, files, pem::key_file},
};

/// How an office is made.
#[derive(Debug, Args)]
pub(super) struct Founding {
    /// File for the root key, outside of the office's folder; one that is there is used
    /// [default: DIR-root.key beside the folder]
    #[arg(long, value_name = "FILE")]
    root_key: Option<PathBuf>,
    #[command(flatten)]
    passphrase: PassphraseArguments,
    /// File for the root key's paper copy: print it and delete it [default: shown on a terminal]
    #[arg(long, value_name = "FILE")]
    paper: Option<PathBuf>,
    /// Who signs publications: this server, or secretaries on machines of their own
    #[arg(long, value_enum, default_value = "server")]
    publications: PublicationsName,
}

#[derive(Debug, Args)]
pub(super) struct InitArguments {
    #[command(flatten)]
    data: Data,
    #[command(flatten)]
    founding: Founding,
    /// Name of the body, shown on devices
    #[arg(long, value_name = "NAME")]
    body_name: Option<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum PublicationsName {
    Server,
    Secretary,
}

impl PublicationsName {
    const fn publications(self) -> Publications {
        match self {
            Self::Server => Publications::Server,
            Self::Secretary => Publications::Secretary,
        }
    }
}

/// The root key that a command opens.
#[derive(Debug, Args)]
pub(super) struct Root {
    /// File of the root key [default: where it was put when the office was made]
    #[arg(long, value_name = "FILE")]
    root_key: Option<PathBuf>,
    #[command(flatten)]
    passphrase: PassphraseArguments,
}

impl Root {
    fn path(&self, data: &Path) -> Result<PathBuf> {
        match &self.root_key {
            Some(path) => Ok(path.clone()),
            None => Ok(Office::root_file(data)?.into()),
        }
    }

    /// Opens the root key of the office in `data`.
    fn open(&self, data: &Path, language: Language) -> Result<RootKey> {
        open_root(&self.path(data)?, &self.passphrase, language)
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum KeysCommand {
    /// Show which keys there are, and until when they hold
    Show {
        #[command(flatten)]
        data: Data,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Make a new online key for a year, also while serve runs
    Renew {
        #[command(flatten)]
        data: Data,
        #[command(flatten)]
        root: Root,
        /// Who signs publications from now on [default: as before]
        #[arg(long, value_enum)]
        publications: Option<PublicationsName>,
    },
    /// Put another root key in the place of the present one; devices follow
    Successor {
        #[command(flatten)]
        data: Data,
        #[command(flatten)]
        root: Root,
        /// File for the new root key; one that is there is used
        #[arg(long, value_name = "FILE")]
        new_root_key: PathBuf,
        #[command(flatten)]
        new_passphrase: NewPassphraseArguments,
        /// File for the new root key's paper copy [default: shown on a terminal]
        #[arg(long, value_name = "FILE")]
        paper: Option<PathBuf>,
    },
    /// Make a key with which a secretary signs publications on a machine of his own
    Publication {
        #[command(flatten)]
        data: Data,
        #[command(flatten)]
        root: Root,
        /// Whose key it is
        #[arg(long, value_name = "NAME")]
        name: String,
        /// File for the key
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        #[command(flatten)]
        new_passphrase: NewPassphraseArguments,
    },
    /// Take back a secretary's key before its date, for one that was lost or whose holder has left
    Withdraw {
        #[command(flatten)]
        data: Data,
        #[command(flatten)]
        root: Root,
        /// The key, as `keys show` names it
        key: DeviceId,
    },
    /// Write the root key's paper copy once more
    Paper {
        /// File of the root key
        #[arg(long, value_name = "FILE")]
        root_key: PathBuf,
        #[command(flatten)]
        passphrase: PassphraseArguments,
        /// File for the paper copy: print it and delete it [default: shown on a terminal]
        #[arg(long, value_name = "FILE")]
        paper: Option<PathBuf>,
    },
    /// Make the root key's file again from its paper copy
    Restore {
        /// File for the root key; it must not be there
        #[arg(long, value_name = "FILE")]
        root_key: PathBuf,
        /// File with the lines of the paper copy [default: typed in]
        #[arg(long, value_name = "FILE")]
        paper: Option<PathBuf>,
        #[command(flatten)]
        new_passphrase: NewPassphraseArguments,
    },
    /// Give the root key's file another passphrase
    Passphrase {
        /// File of the root key
        #[arg(long, value_name = "FILE")]
        root_key: PathBuf,
        #[command(flatten)]
        passphrase: PassphraseArguments,
        #[command(flatten)]
        new_passphrase: NewPassphraseArguments,
    },
}

/// Makes an office.
pub(super) fn init(arguments: &InitArguments, language: Language) -> Result<()> {
    let data = &arguments.data.data;
    if Office::exists(data)? {
        return Err(Error::new(Code::OfficeExists, data.display()));
    }
    let body = arguments.body_name.as_deref();
    let office = open_or_found(data, &arguments.founding, body, language)?;
    let pin = office.pin();
    let (folder, file) = (data.display(), office.keys_status(clock::now())?.root_file);
    out(&match language {
        Language::Vietnamese => format!(
            "Văn phòng đã được tạo trong {folder}.\nKhóa gốc {pin}\nở {file}: chuyển tệp này sang nơi cất giữ, máy chủ không cần đến nó.\nMở văn phòng: nghisu serve --data {folder}"
        ),
        Language::English => format!(
            "The office was made in {folder}.\nRoot key {pin}\nin {file}: move this file to a safe place, the server does not need it.\nTo open the office: nghisu serve --data {folder}"
        ),
    })
}

/// Opens the office in `data`. If there is none, makes one, with a root key outside of it.
pub(super) fn open_or_found(
    data: &Path,
    founding: &Founding,
    body: Option<&str>,
    language: Language,
) -> Result<Office> {
    if Office::exists(data)? {
        finish_root_file(Path::new(&Office::root_file(data)?))?;
        let office = Office::open(data)?;
        name_body(&office, body)?;
        return Ok(office);
    }
    let path = match &founding.root_key {
        Some(path) => path.clone(),
        None => beside(data)?,
    };
    let path = outside(&path, data)?;
    // What the folder cannot be used for is found out before anybody is asked for a passphrase.
    files::make_folder(data)?;
    if let Some(paper) = &founding.paper {
        outside(paper, data)?;
        must_be_new(paper)?;
    }
    let (root, is_new) = if path.exists() {
        (open_root(&path, &founding.passphrase, language)?, false)
    } else {
        let passphrase = founding.passphrase.fresh(&path, language)?;
        let root = RootKey::draw()?;
        // Beside its place until the office is there: a start that is interrupted leaves no root
        // key behind of which nobody knows the passphrase.
        root.save(&waiting(&path), &passphrase)?;
        (root, true)
    };
    let publications = founding.publications.publications();
    let name = path.to_string_lossy();
    let office = Office::create(data, &root, &name, publications, clock::now())?;
    name_body(&office, body)?;
    if is_new {
        finish_root_file(&path)?;
        write_paper(
            &root,
            &office.body_name()?,
            founding.paper.as_deref(),
            &path,
            language,
        )?;
    }
    Ok(office)
}

fn name_body(office: &Office, body: Option<&str>) -> Result<()> {
    body.map_or(Ok(()), |body| office.set_body_name(body))
}

/// Says what a running office should be told about its keys, if anything.
pub(super) fn warning(status: &KeysStatus, language: Language) -> Option<String> {
    let until = status.online.expires_at;
    let words = if status.left_ms == 0 {
        say(
            language,
            "Khóa một năm đã hết hạn từ",
            "The one-year key has expired on",
        )
    } else if status.is_renewal_due() {
        say(
            language,
            "Khóa một năm sắp hết hạn, ngày",
            "The one-year key ends soon, on",
        )
    } else {
        return None;
    };
    Some(format!(
        "{words} {until}: nghisu keys renew --root-key {}",
        status.root_file
    ))
}

/// Carries out a command about keys.
pub(super) fn run(command: KeysCommand, language: Language) -> Result<()> {
    match command {
        KeysCommand::Show { data, json } => show(&data.data, json, language),
        KeysCommand::Renew {
            data,
            root,
            publications,
        } => {
            let root = root.open(&data.data, language)?;
            let publications = publications.map(PublicationsName::publications);
            let now = clock::now();
            let online = Office::renew_online_key(&data.data, &root, publications, now)?;
            renewed(&online, language)
        }
        KeysCommand::Successor {
            data,
            root,
            new_root_key,
            new_passphrase,
            paper,
        } => {
            let old_path = absolute(&root.path(&data.data)?)?;
            let old = root.open(&data.data, language)?;
            let path = outside(&new_root_key, &data.data)?;
            if path == old_path {
                return Err(Error::new(Code::KeyFilePlace, path.display()));
            }
            let new = successor(&path, &new_passphrase, language)?;
            let name = path.to_string_lossy();
            let now = clock::now();
            let online = Office::succeed_root(&data.data, &old, &new, &name, now)?;
            let body = Office::open(&data.data)?.body_name()?;
            write_paper(&new, &body, paper.as_deref(), &path, language)?;
            let words = say(language, "Khóa gốc mới", "New root key");
            out(&format!("{words} {}  {}", new.pin(), path.display()))?;
            renewed(&online, language)
        }
        KeysCommand::Publication {
            data,
            root,
            name,
            out: path,
            new_passphrase,
        } => {
            let path = outside(&path, &data.data)?;
            must_be_new(&path)?;
            let office = Office::open(&data.data)?;
            let root = root.open(&data.data, language)?;
            let signer = office.issue_publication_key(&root, &name, clock::now())?;
            signer.save(&path, &new_passphrase.fresh(&path, language)?)?;
            let (device, until) = (signer.public_key().device(), signer.key().expires_at);
            let (path, words) = (path.display(), say(language, "đến", "until"));
            out(&format!(
                "{}  {device}  {words} {until}  {path}",
                signer.key().name
            ))
        }
        KeysCommand::Withdraw { data, root, key } => {
            let root = root.open(&data.data, language)?;
            let online = Office::withdraw_publication_key(&data.data, &root, key, clock::now())?;
            let words = say(
                language,
                "đã thu hồi khóa công bố",
                "publication key taken back",
            );
            out(&format!("{words}  {key}"))?;
            renewed(&online, language)
        }
        KeysCommand::Paper {
            root_key,
            passphrase,
            paper,
        } => {
            let root = open_root(&root_key, &passphrase, language)?;
            write_paper(&root, "", paper.as_deref(), &root_key, language)
        }
        KeysCommand::Restore {
            root_key,
            paper,
            new_passphrase,
        } => restore(&root_key, paper.as_deref(), &new_passphrase, language),
        KeysCommand::Passphrase {
            root_key,
            passphrase,
            new_passphrase,
        } => {
            let root = open_root(&root_key, &passphrase, language)?;
            root.save(
                &absolute(&root_key)?,
                &new_passphrase.fresh(&root_key, language)?,
            )?;
            let words = say(language, "đã đổi mật khẩu", "passphrase changed");
            out(&format!("{words}  {}", root_key.display()))
        }
    }
}

/// Opens the root that shall follow, or draws one and writes its file.
fn successor(
    path: &Path,
    new_passphrase: &NewPassphraseArguments,
    language: Language,
) -> Result<RootKey> {
    let passphrase = new_passphrase.fresh(path, language)?;
    if path.exists() {
        return RootKey::open(path, &passphrase);
    }
    let root = RootKey::draw()?;
    root.save(path, &passphrase)?;
    Ok(root)
}

fn restore(
    root_key: &Path,
    paper: Option<&Path>,
    new_passphrase: &NewPassphraseArguments,
    language: Language,
) -> Result<()> {
    let path = absolute(root_key)?;
    must_be_new(&path)?;
    let mut text = Zeroizing::new(String::new());
    let io = |error: std::io::Error, path: &Path| files::file_error(&error, path);
    match paper {
        Some(paper) => std::fs::File::open(paper)
            .and_then(|mut file| file.read_to_string(&mut text))
            .map_err(|error| io(error, paper))?,
        None => {
            let words = say(
                language,
                "Gõ năm dòng của bản giấy, mỗi dòng một hàng:\n",
                "Type the five lines of the paper copy, each on a line:\n",
            );
            tell(words)?;
            let mut lines = std::io::stdin().lines();
            while text.lines().count() < 5 {
                let Some(line) = lines.next() else { break };
                let line = Zeroizing::new(line.map_err(|error| io(error, root_key))?);
                if !line.trim().is_empty() {
                    text.push_str(&line);
                    text.push('\n');
                }
            }
            text.len()
        }
    };
    let root = RootKey::from_paper(&text)?;
    root.save(&path, &new_passphrase.fresh(&path, language)?)?;
    let words = say(language, "đã khôi phục khóa gốc", "root key restored");
    out(&format!("{words} {}  {}", root.pin(), path.display()))
}

fn show(data: &Path, json: bool, language: Language) -> Result<()> {
    let office = Office::open(data)?;
    let status = office.keys_status(clock::now())?;
    let mode = if status.online.publishes {
        "server"
    } else {
        "secretary"
    };
    if json {
        let named: Vec<_> = status
            .named
            .iter()
            .map(|(seq, key)| {
                serde_json::json!({ "seq": seq, "key": key.key.device(), "issued_at": key.issued_at, "expires_at": key.expires_at })
            })
            .collect();
        let issued: Vec<_> = status
            .publication_keys
            .iter()
            .map(|key| {
                let withdrawn = status.online.withdrawn.contains(&key.key.device());
                serde_json::json!({ "key": key.key.device(), "name": key.name, "expires_at": key.expires_at, "withdrawn": withdrawn })
            })
            .collect();
        return out(&serde_json::json!({
            "root": status.pin,
            "root_file": status.root_file,
            "former_roots": status.former_pins,
            "publications": mode,
            "online": status.online.key.device(),
            "expires_at": status.online.expires_at,
            "renewal_due": status.is_renewal_due(),
            "online_keys": named,
            "publication_keys": issued,
        }));
    }
    let word = |vi: &'static str, en: &'static str| say(language, vi, en);
    let root = word("khóa gốc", "root key");
    out(&format!("{root}  {}  {}", status.pin, status.root_file))?;
    for pin in &status.former_pins {
        out(&format!(
            "{}  {pin}",
            word("khóa gốc trước", "former root key")
        ))?;
    }
    for (seq, key) in &status.named {
        let (name, from) = (
            word("khóa một năm", "online key"),
            word("từ mục", "from entry"),
        );
        let (device, until) = (key.key.device(), key.expires_at);
        out(&format!(
            "{name}  {device}  {from} {seq}  {} {until}",
            word("đến", "until")
        ))?;
    }
    out(&format!(
        "{}  {mode}",
        word("ký công bố", "publications signed by")
    ))?;
    for key in &status.publication_keys {
        let (device, until) = (key.key.device(), key.expires_at);
        let state = if status.online.withdrawn.contains(&device) {
            word("đã thu hồi", "taken back").to_owned()
        } else {
            format!("{} {until}", word("đến", "until"))
        };
        let name = word("khóa công bố", "publication key");
        out(&format!("{name}  {device}  {}  {state}", key.name))?;
    }
    warning(&status, language).map_or(Ok(()), |text| out(&text))
}

fn renewed(online: &OnlineKey, language: Language) -> Result<()> {
    let (device, until) = (online.key.device(), online.expires_at);
    out(&match language {
        Language::Vietnamese => format!(
            "Khóa một năm mới {device}, đến {until}. Văn phòng đang chạy tự nhận khóa này trong vài giây, không cần khởi động lại."
        ),
        Language::English => format!(
            "New one-year key {device}, until {until}. A running office takes it up within seconds, without a restart."
        ),
    })
}

fn open_root(path: &Path, passphrase: &PassphraseArguments, language: Language) -> Result<RootKey> {
    if !path.is_file() {
        return Err(key_file(path, "missing"));
    }
    let passphrase: Passphrase = passphrase.known(path, language)?;
    RootKey::open(path, &passphrase)
}

/// Writes the paper copy to a file, or shows it on a terminal. It never goes where a log would keep it.
fn write_paper(
    root: &RootKey,
    body: &str,
    paper: Option<&Path>,
    root_file: &Path,
    language: Language,
) -> Result<()> {
    let text = root.paper(body, clock::now(), language);
    if let Some(path) = paper {
        let path = absolute(path)?;
        must_be_new(&path)?;
        files::write_file(&path, text.as_bytes())?;
        let words = say(
            language,
            "Bản giấy của khóa gốc: in tệp này, cất bản in, rồi xóa tệp",
            "Paper copy of the root key: print this file, keep the print, then delete the file",
        );
        return out(&format!("{words}  {}", path.display()));
    }
    if std::io::stdout().is_terminal() && is_somebody_there() {
        return out(&text.as_str());
    }
    let words = say(
        language,
        "Chưa có bản giấy của khóa gốc. Lập ngay:",
        "There is no paper copy of the root key yet. Make it now:",
    );
    let root_file = root_file.display();
    tell(&format!(
        "{words} nghisu keys paper --root-key {root_file} --paper FILE\n"
    ))
}

/// Returns the root key's place unless another is named: beside the office's folder.
fn beside(data: &Path) -> Result<PathBuf> {
    let data = absolute(data)?;
    let mut name = data
        .file_name()
        .map_or_else(|| OsString::from("nghisu"), ToOwned::to_owned);
    name.push("-root.key");
    Ok(data.with_file_name(name))
}

/// Returns a path in full if it does not lie in the office's folder.
fn outside(path: &Path, data: &Path) -> Result<PathBuf> {
    let (path, data) = (absolute(path)?, absolute(data)?);
    let real = |path: &Path| {
        // What is not there yet lies where the part of its path that is there says.
        let there = path.ancestors().find(|above| above.exists())?;
        let rest = path.strip_prefix(there).ok()?;
        Some(there.canonicalize().ok()?.join(rest))
    };
    match (real(&path), real(&data)) {
        (Some(real), Some(data)) if !real.starts_with(&data) => Ok(path),
        _ => Err(Error::new(Code::KeyFilePlace, path.display())),
    }
}

fn must_be_new(path: &Path) -> Result<()> {
    if path.exists() {
        return Err(Error::new(Code::KeyFilePlace, path.display()));
    }
    Ok(())
}

/// Where a root key's file waits until its office is there.
fn waiting(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    name.into()
}

fn finish_root_file(path: &Path) -> Result<()> {
    let waiting = waiting(path);
    if path.exists() || !waiting.is_file() {
        return Ok(());
    }
    files::move_file(&waiting, path)
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn a_key_that_ends_within_thirty_days_is_announced_with_the_command_that_renews_it() {
        let folder = TempDir::new().unwrap();
        let (root, now) = (RootKey::draw().unwrap(), clock::now());
        let file = "/media/usb/root.key";
        let office = Office::create(folder.path(), &root, file, Publications::Server, now).unwrap();
        let told = |days: u64, language| {
            let then = now.plus_ms(days * 24 * 60 * 60 * 1000);
            warning(&office.keys_status(then).unwrap(), language)
        };
        assert_eq!(told(0, Language::English), None);
        assert_eq!(told(334, Language::English), None);
        let soon = told(336, Language::English).unwrap();
        assert!(
            soon.starts_with("The one-year key ends soon, on "),
            "{soon}"
        );
        assert!(
            soon.ends_with("nghisu keys renew --root-key /media/usb/root.key"),
            "{soon}"
        );
        let soon = told(336, Language::Vietnamese).unwrap();
        assert!(
            soon.starts_with("Khóa một năm sắp hết hạn, ngày "),
            "{soon}"
        );
        let over = told(366, Language::English).unwrap();
        assert!(
            over.starts_with("The one-year key has expired on "),
            "{over}"
        );
    }
}
