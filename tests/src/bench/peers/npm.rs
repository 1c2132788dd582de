//! The peers that npm has, installed once into a folder among what is built.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

use super::words;

const FILES: [(&str, &str); 4] = [
    ("package.json", include_str!("js/package.json")),
    ("devices.mjs", include_str!("js/devices.mjs")),
    ("leash.mjs", include_str!("js/leash.mjs")),
    ("server.mjs", include_str!("js/server.mjs")),
];

/// Written when all is installed: what was asked for.
const INSTALLED: &str = "installed.json";

/// How long npm may take.
const INSTALL_MAX: Duration = Duration::from_secs(300);

/// Returns the folder with our scripts and the packages that they need.
///
/// # Errors
/// If there is no Node, or npm cannot install them; said in words, and always the same.
pub(super) fn folder() -> Result<&'static Path, String> {
    static FOLDER: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    match FOLDER.get_or_init(install) {
        Ok(folder) => Ok(folder),
        Err(error) => Err(error.clone()),
    }
}

/// Returns the folder among what is built that peers write to.
pub(super) fn cache() -> Result<PathBuf, String> {
    let own = std::env::current_exe().map_err(words)?;
    let target = own
        .ancestors()
        .find(|folder| folder.join("CACHEDIR.TAG").is_file())
        .or_else(|| own.parent());
    let cache = target.unwrap_or(&own).join("peers");
    fs::create_dir_all(&cache).map_err(words)?;
    Ok(cache)
}

/// Returns a command that runs a script with Node in that folder. Servers get a leash, so that they
/// end when their input does; devices read their input themselves.
pub(super) fn node(script: &str, leash: bool) -> Result<Command, String> {
    let mut command = Command::new("node");
    command.current_dir(folder()?).stdin(Stdio::piped());
    if leash {
        command.args(["--import", "./leash.mjs"]);
    }
    command.arg(script);
    Ok(command)
}

/// Says what is absent and what that means.
pub(super) fn must_be_there(program: &str) -> Result<(), String> {
    let found = Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if found.is_ok_and(|status| status.success()) {
        Ok(())
    } else {
        Err(format!(
            "{program} is not there: automerge-repo and the devices of samod are left out"
        ))
    }
}

fn install() -> Result<PathBuf, String> {
    must_be_there("node")?;
    must_be_there("npm")?;
    let folder = cache()?.join("npm");
    fs::create_dir_all(&folder).map_err(words)?;
    for (name, content) in FILES {
        fs::write(folder.join(name), content).map_err(words)?;
    }
    let wanted = FILES[0].1;
    let installed = folder.join(INSTALLED);
    if fs::read_to_string(&installed).is_ok_and(|had| had == wanted) {
        return Ok(folder);
    }
    let log = fs::File::create(folder.join("npm.log")).map_err(words)?;
    let mut npm = Command::new("npm")
        .current_dir(&folder)
        .args(["install", "--no-package-lock", "--ignore-scripts"])
        .args(["--no-audit", "--no-fund"])
        .stdin(Stdio::null())
        .stdout(log.try_clone().map_err(words)?)
        .stderr(log)
        .spawn()
        .map_err(words)?;
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = npm.try_wait().map_err(words)? {
            break status;
        }
        if begun.elapsed() > INSTALL_MAX {
            npm.kill().map_err(words)?;
            break npm.wait().map_err(words)?;
        }
        thread::sleep(Duration::from_millis(50));
    };
    if !status.success() {
        let said = fs::read_to_string(folder.join("npm.log")).unwrap_or_default();
        let last: Vec<&str> = said.lines().rev().take(5).collect();
        return Err(format!("npm cannot install automerge-repo: {last:?}"));
    }
    fs::write(installed, wanted).map_err(words)?;
    Ok(folder)
}
