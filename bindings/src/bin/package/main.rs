//! Makes what apps take: a jar for tests on a desktop, an AAR, a Swift package, an XCFramework.
//!
//! - `archive` writes archives that are the same bytes each time.
//! - `build` makes the library for one target, with the kit that the target needs.
//! - `maven` puts jars and AARs into a folder that Gradle and Maven take as a repository.
//! - `apple` puts the Swift package and the XCFramework together.
//! - `size` weighs the library, and says what it is made of.
//!
//! What a machine has no kit for is left out, and the report names it with what to install. So every
//! machine makes all that it can, and `--require-all` is for the machine that publishes.

mod apple;
mod archive;
mod build;
mod maven;
mod size;

use std::{
    cell::OnceCell,
    env,
    io::Write as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Makes the packages of Nghị Sự for apps.
#[derive(Debug, Parser)]
#[command(name = "package")]
struct Options {
    #[command(subcommand)]
    what: What,
    /// The folder into which packages go.
    #[arg(long, global = true, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Fail when something is missing, instead of making the rest.
    #[arg(long, global = true)]
    require_all: bool,
    /// The profile of cargo that builds the library.
    #[arg(long, global = true, default_value = "mobile")]
    profile: String,
    /// Build the library with SQLCipher, which seals the database under a key of the app.
    #[arg(long, global = true)]
    cipher: bool,
}

#[derive(Debug, Subcommand)]
enum What {
    /// The jar for tests on this machine: classes, and the library for this system inside.
    Kotlin,
    /// The AAR: classes, and the library for each ABI for which the NDK is here.
    Android,
    /// The Swift package: sources, the generated module, and the library if it can be had here.
    Swift,
    /// The XCFramework: the static library for each of Apple's systems that can be built here.
    Apple,
    /// Prints the size of the library for this machine.
    Size(size::Options),
    /// Kotlin, Android, Apple and Swift.
    All,
}

/// Where things are, and how the library is built.
#[derive(Debug)]
struct Workshop {
    root: PathBuf,
    target: PathBuf,
    out: PathBuf,
    profile: String,
    cipher: bool,
    /// What Maven has compiled, once it has.
    classes: OnceCell<archive::Entries>,
}

impl Workshop {
    /// What the generator wrote for a language.
    fn generated(&self, language: &str) -> PathBuf {
        self.target.join("ci/bindings").join(language)
    }

    fn bindings(&self) -> PathBuf {
        self.root.join("bindings")
    }
}

/// What became of the work.
#[derive(Debug, Default)]
struct Report {
    made: Vec<String>,
    missing: Vec<String>,
}

impl Report {
    fn made(&mut self, path: &Path, what: &str) {
        self.made.push(format!("{}: {what}", path.display()));
    }

    fn missing(&mut self, what: &str, remedy: &str) {
        let line = format!("{what}: {remedy}");
        if !self.missing.contains(&line) {
            self.missing.push(line);
        }
    }

    fn print(&self) {
        for line in &self.made {
            say(&format!("made     {line}"));
        }
        for line in &self.missing {
            say(&format!("missing  {line}"));
        }
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    let mut report = Report::default();
    let done = run(&options, &mut report);
    report.print();
    if let Err(error) = done {
        say(&format!("failed   {error:#}"));
        return ExitCode::FAILURE;
    }
    if options.require_all && !report.missing.is_empty() {
        say("failed   parts are missing, and all were required");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn run(options: &Options, report: &mut Report) -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()?;
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let out = options.out.clone();
    let workshop = Workshop {
        out: out.unwrap_or_else(|| target.join("ci/packages")),
        root,
        target,
        profile: options.profile.clone(),
        cipher: options.cipher,
        classes: OnceCell::new(),
    };
    match &options.what {
        What::Kotlin => maven::jar(&workshop, report),
        What::Android => maven::aar(&workshop, report),
        What::Swift => apple::package(&workshop, report),
        What::Apple => apple::framework(&workshop, report),
        What::Size(size) => size::run(&workshop, size),
        What::All => {
            maven::jar(&workshop, report)?;
            maven::aar(&workshop, report)?;
            apple::framework(&workshop, report)?;
            apple::package(&workshop, report)
        }
    }
}

/// Prints one line. A reader that has gone is no reason to stop.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
