//! What workloads cost us and others: `bench NAME [--json]`.
//!
//! Every peer is measured in the same run, in turn with us, so what counts are ratios. Built with
//! `--features peers` it builds and starts the peers too; without, it shows us alone.

use std::{
    io::Write,
    process::{Command, ExitCode},
    time::Duration,
};

use clap::{Parser, ValueEnum};
use nghisu_core::Language;
use nghisu_tests::bench::{
    Contender, Workload, curves,
    ours::{Ours, Stores},
    parts,
    runner::alternate,
    table,
};
use serde_json::Value;

/// Đo chi phí của các công việc đồng bộ, của chúng ta và của các phần mềm khác.
/// Measures what workloads cost us and others.
#[derive(Parser)]
#[command(name = "bench", version)]
struct Args {
    /// Công việc cần đo. What is to be measured.
    #[arg(value_enum)]
    name: Name,
    /// Số lần đo; lấy trung vị. How many runs; the median counts.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    runs: u16,
    /// Số thiết bị, thay cho 100 và 500. How many devices, in place of 100 and 500.
    #[arg(long)]
    devices: Option<u16>,
    /// Số phím của ghi chú. How many keystrokes a note has.
    #[arg(long, default_value_t = KEYS)]
    keys: usize,
    /// Sau bao nhiêu giây một máy chủ khác không được đo thêm. Seconds of all runs together after which a
    /// peer's server gets no more.
    #[arg(long, default_value_t = 240)]
    patience: u64,
    /// Chỉ đo chúng ta. Measures us alone.
    #[arg(long)]
    alone: bool,
    /// In ra JSON thay cho bảng. Prints JSON in place of tables.
    #[arg(long)]
    json: bool,
    /// Ngôn ngữ của bảng: vi hoặc en. The language of the tables: vi or en.
    #[arg(long, default_value = "vi", value_parser = ["vi", "en"])]
    lang: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Name {
    /// 300 tài liệu, 3 tài liệu thay đổi. 300 documents of which 3 changed
    CatchUp,
    /// Một chương trình chậm 183 thay đổi. One agenda 183 changes behind
    Behind,
    /// Cả hội trường nối lại cùng lúc. A hall of devices comes back at once
    Reconnect,
    /// Như thế, và ai cũng đăng ký phát biểu. The same, and everybody registers to speak
    Storm,
    /// Tải lần đầu. The first download
    FirstDownload,
    /// Ghi chú 20.000 phím. A note of 20,000 keystrokes
    Note,
    /// Mở nguội. A cold start
    ColdOpen,
    /// Sửa trên một máy đến khi hiện trên máy khác. From one screen to another
    Live,
    /// Chi phí theo số tài liệu, thiết bị, lịch sử. Cost against documents, devices, history
    Curves,
    /// Byte của một lần đồng bộ gồm những gì. What the bytes of a sync consist of
    Parts,
    /// Tất cả. Everything
    All,
}

/// Keystrokes of a note.
const KEYS: usize = 20_000;

fn workloads(name: Name, devices: Option<u16>, keys: usize) -> Vec<Workload> {
    let sizes = devices.map_or_else(|| vec![100, 500], |count| vec![usize::from(count)]);
    let of = |workload: fn(usize) -> Workload| sizes.iter().copied().map(workload).collect();
    match name {
        Name::CatchUp => vec![Workload::CatchUp],
        Name::Behind => vec![Workload::Behind],
        Name::Reconnect => of(Workload::Reconnect),
        Name::Storm => of(Workload::Storm),
        Name::FirstDownload => vec![Workload::FirstDownload(devices.map_or(100, usize::from))],
        Name::Note => vec![Workload::Note(keys)],
        Name::ColdOpen => vec![Workload::ColdOpen],
        Name::Live => vec![Workload::Live],
        Name::Curves | Name::Parts => Vec::new(),
        Name::All => [
            Name::CatchUp,
            Name::Behind,
            Name::Reconnect,
            Name::Storm,
            Name::FirstDownload,
            Name::Note,
            Name::ColdOpen,
            Name::Live,
        ]
        .into_iter()
        .flat_map(|name| workloads(name, devices, keys))
        .collect(),
    }
}

fn say(line: &str) {
    // Nobody is left to be told if standard output is closed.
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn progress(line: &str) {
    let _ = writeln!(std::io::stderr(), "· {line}");
}

/// Builds the office beside this program, as it is delivered: without what only tests switch on.
fn build_office() -> Result<(), String> {
    let profile = if cfg!(debug_assertions) {
        "ci"
    } else {
        "release"
    };
    progress(&format!("cargo build --profile {profile} -p nghisu-server"));
    let cargo = option_env!("CARGO").unwrap_or("cargo");
    let built = Command::new(cargo)
        .args([
            "build",
            "--quiet",
            "--profile",
            profile,
            "-p",
            "nghisu-server",
        ])
        .args([
            "--manifest-path",
            concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"),
        ])
        .status()
        .map_err(|error| format!("cargo: {error}"))?;
    if built.success() {
        Ok(())
    } else {
        Err("the office cannot be built".into())
    }
}

fn contenders(workload: Workload, args: &Args) -> Vec<Box<dyn Contender>> {
    let mut contenders: Vec<Box<dyn Contender>> = vec![Box::new(Ours::default())];
    let many = matches!(
        workload,
        Workload::Reconnect(_) | Workload::Storm(_) | Workload::FirstDownload(_)
    );
    if many {
        contenders.push(Box::new(Ours::with(Stores::InMemory)));
    }
    contenders.extend(if args.alone {
        Vec::new()
    } else {
        peers(workload, Duration::from_secs(args.patience))
    });
    contenders
}

#[cfg(feature = "peers")]
fn peers(workload: Workload, patience: Duration) -> Vec<Box<dyn Contender>> {
    nghisu_tests::bench::peers::contenders(workload, patience)
}

#[cfg(not(feature = "peers"))]
const fn peers(_: Workload, _: Duration) -> Vec<Box<dyn Contender>> {
    Vec::new()
}

fn run(args: &Args) -> Result<bool, String> {
    build_office()?;
    let language = if args.lang == "vi" {
        Language::Vietnamese
    } else {
        Language::English
    };
    let mut values = Vec::new();
    let mut all_ran = true;
    for workload in workloads(args.name, args.devices, args.keys) {
        let mut contenders = contenders(workload, args);
        let runs = usize::from(args.runs);
        let measured = alternate(workload, &mut contenders, runs, progress);
        all_ran &= measured.iter().all(|one| !one.runs.is_empty());
        if args.json {
            values.push(table::for_programs(workload, &measured));
        } else {
            say(&table::for_people(workload, &measured, language));
        }
    }
    if matches!(args.name, Name::Curves | Name::All) {
        let points = curves::measure(progress)?;
        if args.json {
            values.push(curves::for_programs(&points));
        } else {
            say(&curves::for_people(&points, language));
        }
    }
    if args.name == Name::Parts {
        let all = parts::measure(progress)?;
        if args.json {
            values.push(parts::for_programs(&all));
        } else {
            say(&parts::for_people(&all, language));
        }
    }
    if args.json {
        let machine = std::thread::available_parallelism().map_or(0, usize::from);
        let whole = serde_json::json!({"cores": machine, "results": Value::Array(values)});
        say(&whole.to_string());
    }
    Ok(all_ran)
}

fn main() -> ExitCode {
    #[cfg(feature = "peers")]
    {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        if let Some(ended) = nghisu_tests::bench::peers::run_as_process(&arguments) {
            return ended;
        }
    }
    match run(&Args::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(2),
        Err(failure) => {
            progress(&failure);
            ExitCode::FAILURE
        }
    }
}
