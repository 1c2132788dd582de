//! Breaks the code in known ways and says whether the world notices.
//!
//! Each patch in `tests/mutations` is applied to a clone of the last commit in a folder of its own,
//! built, and lived for at most so many seeds, until the first that notices it. A seed counts only if
//! the code without the patch lives through it. What survives is named: either the world is blind
//! there, or the patch changes nothing that anybody promised.
//!
//! What stands in a patch before its first `diff` says which sentences of `core/README.md` it breaks
//! and how, and whether whoever wrote it had read the world.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::{Child, Command, ExitCode, Output, Stdio},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use clap::Parser;
use serde::{Deserialize, Serialize};

/// The first line of a patch whose author had not read the world.
const BLIND: &str = "Written without having read the world.";
/// Seeds that one process lives: it ends at the first that notices something.
const SEEDS_AT_ONCE: u64 = 5;
/// The test that lives them.
const TEST: &str = "in_any_life_nothing_is_lost_doubled_or_shown_to_others";

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
    /// Số tiến trình chạy cùng lúc. Processes that live at the same time.
    #[arg(long, default_value_t = 1)]
    jobs: usize,
    /// Số phút nhiều nhất cho một tiến trình; quá thì xem là không kết thúc. Minutes for a process at most;
    /// one that takes longer is taken not to end.
    #[arg(long, default_value_t = 10)]
    minutes: u64,
    /// Số bản vá ít nhất phải bị phát hiện; mặc định là tất cả. How many must be caught at least; all unless
    /// this says otherwise.
    #[arg(long)]
    at_least: Option<usize>,
    /// Tệp ghi kết quả; lần sau bỏ qua những gì đã thử với cùng mã nguồn. Keeps the results; what was tried
    /// with the same code is skipped the next time.
    #[arg(long)]
    results: Option<PathBuf>,
    /// Chỉ xem các bản vá có áp dụng được không. Only says which patches apply.
    #[arg(long)]
    check: bool,
    /// Thư mục làm việc; giữ lại thì lần sau dựng nhanh hơn. The working folder; kept, the next run builds
    /// faster.
    #[arg(long)]
    scratch: Option<PathBuf>,
}

/// A way to break the code.
struct Mutation {
    name: String,
    path: PathBuf,
    /// The hash of the patch.
    id: String,
    /// Whether whoever wrote it had not read the world.
    blind: bool,
    /// What it breaks, beginning with the numbers of the sentences.
    says: String,
}

/// What became of a mutation.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Tried {
    name: String,
    /// The patch and the code that it was tried on.
    patch: String,
    code: String,
    first: u64,
    seeds: u64,
    /// How the world noticed it; absent if it did not.
    noticed: Option<Noticed>,
    seconds: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Noticed {
    seed: u64,
    by: String,
}

fn say(line: &str) {
    // Nobody is left to be told if standard output is closed.
    let _ = writeln!(std::io::stdout(), "{line}");
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long a patch takes is for whoever waits"
)]
fn clock() -> Instant {
    Instant::now()
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

fn git(folder: &Path, arguments: &[&str]) -> Result<String, String> {
    let output = run(Command::new("git").arg("-C").arg(folder).args(arguments))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Reads the patches that are to be tried, by name.
fn mutations(root: &Path, names: &[String]) -> Result<Vec<Mutation>, String> {
    let folder = root.join("tests/mutations");
    let mut all = Vec::new();
    for file in fs::read_dir(&folder).map_err(|error| error.to_string())? {
        let path = file.map_err(|error| error.to_string())?.path();
        let name = path.file_stem().unwrap_or_default();
        let name = name.to_string_lossy().into_owned();
        let wanted = names.is_empty() || names.contains(&name);
        if !wanted || path.extension().is_none_or(|it| it != "patch") {
            continue;
        }
        let text = fs::read_to_string(&path).map_err(|error| error.to_string())?;
        let header = text.lines().take_while(|line| !line.starts_with("diff "));
        let header: Vec<&str> = header.filter(|line| !line.is_empty()).collect();
        let blind = header.first() == Some(&BLIND);
        let id = git(root, &["hash-object", &path.to_string_lossy()])?;
        all.push(Mutation {
            name,
            path,
            id,
            blind,
            says: header[usize::from(blind)..].join(" "),
        });
    }
    all.sort_by(|one, other| one.name.cmp(&other.name));
    match names
        .iter()
        .find(|name| all.iter().all(|it| it.name != **name))
    {
        Some(unknown) => Err(format!("no patch is called {unknown}")),
        None => Ok(all),
    }
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
        let name = path.file_name().unwrap_or_default();
        let name = name.to_string_lossy().into_owned();
        if name.contains('.') && !name.contains("nghisu") {
            fs::hard_link(&path, to.join("deps").join(&name)).map_err(failed)?;
        }
    }
    Ok(())
}

/// The folder in which the code is broken.
struct Bench {
    scratch: PathBuf,
    clone: PathBuf,
    target: PathBuf,
    /// Names the code without any patch.
    code: String,
}

impl Bench {
    /// Clones the last commit of the repository at `root`.
    fn new(root: &Path, scratch: &Path) -> Result<Self, String> {
        let (clone, target) = (scratch.join("clone"), scratch.join("target"));
        fs::create_dir_all(scratch).map_err(|error| error.to_string())?;
        if clone.exists() {
            fs::remove_dir_all(&clone).map_err(|error| error.to_string())?;
        }
        run(Command::new("git")
            .args(["clone", "-q", "--shared"])
            .arg(root)
            .arg(&clone))?;
        link_built(&root.join("target/ci"), &target.join("ci"))?;
        let parts = [
            "core",
            "server",
            "tests/src",
            "tests/tests/world.rs",
            "Cargo.lock",
        ];
        let mut named = vec!["rev-parse".to_owned()];
        named.extend(parts.map(|part| format!("HEAD:{part}")));
        let named: Vec<&str> = named.iter().map(String::as_str).collect();
        let trees = git(&clone, &named)?;
        let code = trees.lines().map(|tree| &tree[..12]).collect::<Vec<_>>();
        Ok(Self {
            scratch: scratch.to_owned(),
            code: code.join("-"),
            clone,
            target,
        })
    }

    /// Applies a patch to the code as it was committed.
    fn apply(&self, patch: Option<&Mutation>) -> Result<(), String> {
        git(&self.clone, &["checkout", "-q", "-f", "HEAD"])?;
        match patch {
            Some(patch) => git(&self.clone, &["apply", &patch.path.to_string_lossy()]).map(drop),
            None => Ok(()),
        }
    }

    /// Builds the world and puts its program aside.
    fn build(&self, name: &str) -> Result<PathBuf, String> {
        let mut cargo = Command::new("cargo");
        cargo
            .args(["test", "--profile", "ci", "-p", "nghisu-tests"])
            .args(["--test", "world", "--no-run", "--message-format=json"])
            .env("CARGO_TARGET_DIR", &self.target)
            .current_dir(&self.clone);
        let output = run(&mut cargo)?;
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        let messages = told
            .lines()
            .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        let built = messages
            .filter(|message| {
                message["target"]["name"] == "world" && message["reason"] == "compiler-artifact"
            })
            .find_map(|message| message["executable"].as_str().map(PathBuf::from))
            .ok_or("the world was not built")?;
        let program = self.scratch.join(name);
        fs::copy(&built, &program).map_err(|error| error.to_string())?;
        Ok(program)
    }

    /// Begins to live `seeds` seeds from `first` on.
    fn live(&self, program: &Path, (first, seeds): (u64, u64)) -> Result<(Child, PathBuf), String> {
        let told = self.scratch.join(format!("told-{first}"));
        let file = File::create(&told).map_err(|error| error.to_string())?;
        let child = Command::new(program)
            .args(["--exact", TEST, "--nocapture"])
            .env("NGHISU_WORLDS", seeds.to_string())
            .env("NGHISU_SEED", first.to_string())
            .env("NGHISU_FAILURES", "1")
            .env("NGHISU_SHRINK", "0")
            .env("RUST_BACKTRACE", "0")
            .current_dir(self.clone.join("tests"))
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()
            .map_err(|error| error.to_string())?;
        Ok((child, told))
    }

    /// Lives seeds to the first that notices something, in a process that is ended when `stop` says so
    /// or the time is over.
    fn notices(
        &self,
        program: &Path,
        (first, seeds): (u64, u64),
        limit: Duration,
        stop: &AtomicBool,
    ) -> Result<Option<Noticed>, String> {
        let (mut child, told) = self.live(program, (first, seeds))?;
        let begun = clock();
        let ended = loop {
            if let Some(status) = child.try_wait().map_err(|error| error.to_string())? {
                break Some(status);
            }
            if stop.load(Ordering::Relaxed) || begun.elapsed() > limit {
                // It may have ended by itself meanwhile.
                let _ = child.kill();
                child.wait().map_err(|error| error.to_string())?;
                break None;
            }
            thread::sleep(Duration::from_millis(50));
        };
        let lines = fs::read_to_string(&told).unwrap_or_default();
        let _ = fs::remove_file(&told);
        Ok(match ended {
            Some(status) if status.success() => None,
            Some(_) => Some(what_was_told(&lines, first)),
            None if stop.load(Ordering::Relaxed) => None,
            None => Some(Noticed {
                seed: first,
                by: format!("no end within {} minutes", limit.as_secs() / 60),
            }),
        })
    }
}

/// Finds in what a process has said at which seed it ended, and why.
fn what_was_told(lines: &str, first: u64) -> Noticed {
    let named = |line: &&str| line.starts_with("world ");
    let panicked = |line: &&str| line.contains(" panicked at ");
    let told = lines.lines().find(named);
    let line = told.or_else(|| lines.lines().find(panicked));
    let seed = told.and_then(|line| {
        let digits = line["world ".len()..].split(|it: char| !it.is_ascii_digit());
        digits.filter_map(|it| it.parse().ok()).next()
    });
    let by = line.unwrap_or("the test ended");
    Noticed {
        seed: seed.unwrap_or(first),
        by: by.chars().take(160).collect(),
    }
}

/// Lives with a patch until something notices it. Several processes share the seeds.
fn life(args: &Args, bench: &Bench, program: &Path) -> Result<Option<Noticed>, String> {
    let (next, stop) = (AtomicU64::new(args.first), AtomicBool::new(false));
    let end = args.first + args.seeds;
    let limit = Duration::from_secs(60 * args.minutes);
    let found: Mutex<Result<Option<Noticed>, String>> = Mutex::new(Ok(None));
    thread::scope(|scope| {
        for _ in 0..args.jobs.max(1) {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let first = next.fetch_add(SEEDS_AT_ONCE, Ordering::Relaxed);
                    if first >= end {
                        return;
                    }
                    let seeds = (first, SEEDS_AT_ONCE.min(end - first));
                    let noticed = bench.notices(program, seeds, limit, &stop);
                    if !matches!(noticed, Ok(None)) {
                        stop.store(true, Ordering::Relaxed);
                        *found.lock().unwrap_or_else(PoisonError::into_inner) = noticed;
                    }
                }
            });
        }
    });
    found.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Tries one patch. `control` is the world without any: it must live through what noticed the patch.
fn try_patch(
    args: &Args,
    bench: &Bench,
    control: &Path,
    patch: &Mutation,
) -> Result<Tried, String> {
    let begun = clock();
    bench.apply(Some(patch))?;
    let program = bench.build("mutant")?;
    let noticed = life(args, bench, &program)?;
    if let Some(noticed) = &noticed {
        let limit = Duration::from_secs(60 * args.minutes);
        let seed = (noticed.seed, 1);
        if let Some(other) = bench.notices(control, seed, limit, &AtomicBool::new(false))? {
            return Err(format!(
                "seed {} fails without the patch too: {}",
                noticed.seed, other.by
            ));
        }
    }
    Ok(Tried {
        name: patch.name.clone(),
        patch: patch.id.clone(),
        code: bench.code.clone(),
        first: args.first,
        seeds: args.seeds,
        noticed,
        seconds: begun.elapsed().as_secs(),
    })
}

/// Reads what was tried before. A later line about a patch takes the place of an earlier one.
fn tried_before(args: &Args) -> BTreeMap<String, Tried> {
    let file = args
        .results
        .as_ref()
        .and_then(|it| fs::read_to_string(it).ok());
    let lines = file.unwrap_or_default();
    let tried = lines
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    tried.map(|it: Tried| (it.name.clone(), it)).collect()
}

impl Tried {
    /// Says whether this stands for trying the patch now: what was caught is caught with any number of
    /// seeds, what has survived so many survives fewer.
    fn stands(&self, args: &Args, bench: &Bench, patch: &Mutation) -> bool {
        let same = self.patch == patch.id && self.code == bench.code;
        let end = |first: u64, seeds: u64| first.saturating_add(seeds);
        let lived =
            self.first <= args.first && end(self.first, self.seeds) >= end(args.first, args.seeds);
        same && (self.noticed.is_some() || lived)
    }
}

fn keep(args: &Args, tried: &Tried) -> Result<(), String> {
    let Some(path) = &args.results else {
        return Ok(());
    };
    let line = serde_json::to_string(tried).map_err(|error| error.to_string())?;
    let mut file = File::options()
        .create(true)
        .append(true)
        .open(path)
        .map_err(|error| error.to_string())?;
    writeln!(file, "{line}").map_err(|error| error.to_string())
}

fn line_of(patch: &Mutation, tried: &Result<Tried, String>) -> String {
    let blind = if patch.blind { "blind" } else { "" };
    let result = match tried {
        Ok(Tried {
            noticed: Some(noticed),
            seconds,
            ..
        }) => {
            format!("caught     {seconds:>5} s  {}", noticed.by)
        }
        Ok(Tried { seeds, seconds, .. }) => format!("survived   {seconds:>5} s  {seeds} seeds"),
        Err(why) => {
            let first: Vec<&str> = why.lines().filter(|it| it.contains("error")).collect();
            format!(
                "NOT TRIED           {}",
                first.first().unwrap_or(&why.as_str())
            )
        }
    };
    format!("{:<40} {blind:<5}  {result}", patch.name)
}

/// Tries what is asked for and prints how it went. Returns whether enough was caught, of patches that
/// could all be tried.
fn try_all(args: &Args, root: &Path, scratch: &Path) -> Result<bool, String> {
    let patches = mutations(root, &args.names)?;
    let bench = Bench::new(root, scratch)?;
    if args.check {
        let mut all = true;
        for patch in &patches {
            if let Err(why) = bench.apply(Some(patch)) {
                all = false;
                say(&format!("{}: {why}", patch.name));
            }
        }
        say(&format!(
            "{} patches, {}",
            patches.len(),
            if all { "all apply" } else { "not all apply" }
        ));
        return Ok(all);
    }
    let before = tried_before(args);
    bench.apply(None)?;
    let control = bench.build("control")?;
    let mut results = Vec::new();
    for patch in &patches {
        let known = before.get(&patch.name);
        let tried = match known.filter(|tried| tried.stands(args, &bench, patch)) {
            Some(known) => Ok(known.clone()),
            None => {
                let tried = try_patch(args, &bench, &control, patch);
                if let Ok(tried) = &tried {
                    keep(args, tried)?;
                }
                tried
            }
        };
        say(&line_of(patch, &tried));
        results.push((patch, tried));
    }
    summary(args, &results)
}

fn summary(args: &Args, results: &[(&Mutation, Result<Tried, String>)]) -> Result<bool, String> {
    let is_caught = |tried: &Result<Tried, String>| matches!(tried, Ok(it) if it.noticed.is_some());
    let caught = results.iter().filter(|(_, tried)| is_caught(tried));
    let (caught, blind): (Vec<_>, Vec<_>) = caught.map(|(patch, _)| (*patch, patch.blind)).unzip();
    let blind_caught = blind.iter().filter(|blind| **blind).count();
    let blind = results.iter().filter(|(patch, _)| patch.blind).count();
    let lost = results.iter().filter(|(_, tried)| tried.is_err()).count();
    say("");
    for (patch, tried) in results.iter().filter(|(_, tried)| !is_caught(tried)) {
        let what = if tried.is_ok() {
            "survived"
        } else {
            "not tried"
        };
        say(&format!("{what}: {}. {}", patch.name, patch.says));
    }
    say(&format!(
        "{} caught of {}; {blind_caught} of the {blind} that were written blind; {lost} could not be tried",
        caught.len(),
        results.len(),
    ));
    let needed = args.at_least.unwrap_or(results.len());
    match lost {
        0 => Ok(caught.len() >= needed),
        _ => Err("not every patch applies and builds".to_owned()),
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    let kept;
    let scratch = match (&args.scratch, tempfile::tempdir()) {
        (Some(folder), _) => folder.clone(),
        (None, Ok(folder)) => {
            kept = folder;
            kept.path().to_owned()
        }
        (None, Err(why)) => {
            say(&why.to_string());
            return ExitCode::from(2);
        }
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    match try_all(&args, root.unwrap_or_else(|| Path::new(".")), &scratch) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(why) => {
            say(&why);
            ExitCode::from(2)
        }
    }
}
