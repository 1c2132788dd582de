//! Breaks the code in known ways and says whether the world notices.
//!
//! Each patch in `tests/mutations` is applied to a clone of the last commit in a folder of its own,
//! built, and lived for at most so many seeds. What survives is named: either the world is blind there,
//! or the patch changes nothing that anybody promised.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Output},
};

use clap::Parser;

/// Thay đổi mã nguồn theo cách đã biết và xem thế giới mô phỏng có phát hiện không.
/// Breaks the code in known ways and says whether the world notices.
#[derive(Parser)]
struct Args {
    /// Những bản vá cần thử; mặc định là tất cả. The patches to try; all unless some are named.
    names: Vec<String>,
    /// Số hạt giống nhiều nhất cho mỗi bản vá. Seeds for each patch at most.
    #[arg(long, default_value_t = 500)]
    seeds: u64,
    /// Hạt giống đầu tiên. The first seed.
    #[arg(long, default_value_t = 1)]
    first: u64,
    /// Thư mục làm việc; giữ lại thì lần sau dựng nhanh hơn. The working folder; kept, the next run builds
    /// faster.
    #[arg(long)]
    scratch: Option<PathBuf>,
}

fn say(line: &str) {
    // Nobody is left to be told if standard output is closed.
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn run(command: &mut Command) -> Result<Output, String> {
    let output = command
        .output()
        .map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(output);
    }
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(format!("{command:?}: {told}"))
}

fn git(folder: &Path, arguments: &[&str]) -> Result<Output, String> {
    run(Command::new("git").arg("-C").arg(folder).args(arguments))
}

/// Links the libraries that are built already, so that only what a patch changes is built again. They are
/// never written to in place; our own crates are built anew.
fn link_built(from: &Path, to: &Path) -> Result<(), String> {
    if to.exists() || !from.exists() {
        return Ok(());
    }
    let failed = |error: std::io::Error| error.to_string();
    fs::create_dir_all(to.join("deps")).map_err(failed)?;
    for folder in [".fingerprint", "build"] {
        run(Command::new("cp")
            .arg("-a")
            .arg(from.join(folder))
            .arg(to.join(folder)))?;
    }
    for file in fs::read_dir(from.join("deps")).map_err(failed)? {
        let path = file.map_err(failed)?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if name.contains('.') && !name.contains("nghisu") {
            fs::hard_link(&path, to.join("deps").join(&name)).map_err(failed)?;
        }
    }
    Ok(())
}

/// Returns the test's program from what Cargo says.
fn built(clone: &Path, target: &Path) -> Result<PathBuf, String> {
    let mut cargo = Command::new("cargo");
    cargo
        .args([
            "test",
            "--profile",
            "ci",
            "-p",
            "nghisu-tests",
            "--test",
            "world",
            "--no-run",
        ])
        .arg("--message-format=json")
        .env("CARGO_TARGET_DIR", target)
        .current_dir(clone);
    let output = run(&mut cargo)?;
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let messages = told
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    messages
        .filter(|message| {
            message["target"]["name"] == "world" && message["reason"] == "compiler-artifact"
        })
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .ok_or_else(|| "the world was not built".to_owned())
}

/// Lives with one patch. Returns what noticed it, or `None` if nothing did.
fn try_patch(
    args: &Args,
    clone: &Path,
    target: &Path,
    patch: &Path,
) -> Result<Option<String>, String> {
    git(clone, &["checkout", "-q", "-f", "HEAD"])?;
    let path = patch.to_string_lossy();
    git(clone, &["apply", &path])?;
    let world = built(clone, target)?;
    let lived = Command::new(world)
        .args([
            "--exact",
            "in_any_life_nothing_is_lost_doubled_or_shown_to_others",
            "--nocapture",
        ])
        .env("NGHISU_WORLDS", args.seeds.to_string())
        .env("NGHISU_SEED", args.first.to_string())
        .env("NGHISU_SHRINK", "0")
        .env("RUST_BACKTRACE", "0")
        .current_dir(clone.join("tests"))
        .output()
        .map_err(|error| error.to_string())?;
    if lived.status.success() {
        return Ok(None);
    }
    let told = String::from_utf8_lossy(&lived.stderr).into_owned();
    let noticed = told.lines().find(|line| line.starts_with("world "));
    Ok(Some(
        noticed
            .unwrap_or("the test ended")
            .chars()
            .take(200)
            .collect(),
    ))
}

fn try_all(args: &Args) -> Result<usize, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .ok_or("the tests stand in a workspace")?;
    let kept;
    let scratch = match &args.scratch {
        Some(folder) => folder.clone(),
        None => {
            kept = tempfile::tempdir().map_err(|error| error.to_string())?;
            kept.path().to_owned()
        }
    };
    let (clone, target) = (scratch.join("clone"), scratch.join("target"));
    fs::create_dir_all(&scratch).map_err(|error| error.to_string())?;
    if clone.exists() {
        fs::remove_dir_all(&clone).map_err(|error| error.to_string())?;
    }
    run(Command::new("git")
        .args(["clone", "-q", "--shared"])
        .arg(root)
        .arg(&clone))?;
    link_built(&root.join("target/ci"), &target.join("ci"))?;
    let mut patches: Vec<PathBuf> = fs::read_dir(root.join("tests/mutations"))
        .map_err(|error| error.to_string())?
        .filter_map(|file| Some(file.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|it| it == "patch"))
        .collect();
    patches.sort();
    let (mut caught, mut survived) = (0, 0);
    for patch in patches {
        let name = patch
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if !args.names.is_empty() && !args.names.contains(&name) {
            continue;
        }
        match try_patch(args, &clone, &target, &patch)? {
            Some(noticed) => {
                caught += 1;
                say(&format!("caught    {name}: {noticed}"));
            }
            None => {
                survived += 1;
                say(&format!("survived  {name}: {} seeds", args.seeds));
            }
        }
    }
    say(&format!("{caught} caught, {survived} survived"));
    Ok(survived)
}

fn main() -> ExitCode {
    match try_all(&Args::parse()) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(1),
        Err(why) => {
            say(&why);
            ExitCode::from(2)
        }
    }
}
