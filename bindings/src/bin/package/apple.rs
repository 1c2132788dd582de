//! The XCFramework and the Swift package.
//!
//! The layout of an XCFramework is documented and small, so it is written here, with Xcode or without.
//! What Xcode adds is the SDK, without which nothing is linked: a static library needs none.

use std::{collections::BTreeSet, env, fs, path::Path, process::Command};

use anyhow::{Context, Result, ensure};
use object::{Architecture, BinaryFormat, Object, ObjectSymbol, read::archive::ArchiveFile};

use crate::{
    Report, Workshop, archive,
    build::{Build, has_target},
    say,
};

const FRAMEWORK: &str = "NghisuCoreFFI.xcframework";

/// One of Apple's systems.
struct Slice {
    target: &'static str,
    folder: &'static str,
    platform: &'static str,
    simulator: bool,
}

const SLICES: &[Slice] = &[
    Slice {
        target: "aarch64-apple-ios",
        folder: "ios-arm64",
        platform: "ios",
        simulator: false,
    },
    Slice {
        target: "aarch64-apple-ios-sim",
        folder: "ios-arm64-simulator",
        platform: "ios",
        simulator: true,
    },
    Slice {
        target: "aarch64-apple-darwin",
        folder: "macos-arm64",
        platform: "macos",
        simulator: false,
    },
];

/// The oldest systems for which the library is built.
const OLDEST: &[(&str, &str)] = &[
    ("IPHONEOS_DEPLOYMENT_TARGET", "15.0"),
    ("MACOSX_DEPLOYMENT_TARGET", "12.0"),
];

/// Functions for which Apple asks for a reason, by the category that the privacy manifest names.
const REASONS_ASKED: &[(&str, &[&str])] = &[
    (
        "NSPrivacyAccessedAPICategoryFileTimestamp",
        &[
            "stat",
            "fstat",
            "lstat",
            "fstatat",
            "getattrlist",
            "fgetattrlist",
            "getattrlistat",
            "getattrlistbulk",
        ],
    ),
    (
        "NSPrivacyAccessedAPICategoryDiskSpace",
        &[
            "statfs",
            "fstatfs",
            "statvfs",
            "fstatvfs",
            "getattrlist",
            "fgetattrlist",
            "getattrlistat",
        ],
    ),
    (
        "NSPrivacyAccessedAPICategorySystemBootTime",
        &["mach_absolute_time", "mach_continuous_time"],
    ),
    (
        "NSPrivacyAccessedAPICategoryUserDefaults",
        &["OBJC_CLASS_$_NSUserDefaults"],
    ),
];

/// Makes the XCFramework of what can be built here.
pub(crate) fn framework(workshop: &Workshop, report: &mut Report) -> Result<()> {
    let made = workshop.out.join(FRAMEWORK);
    if made.exists() {
        fs::remove_dir_all(&made).with_context(|| made.display().to_string())?;
    }
    let mut slices = Vec::new();
    for slice in SLICES {
        if build(workshop, slice, &made, report)? {
            slices.push(slice);
        }
    }
    if slices.is_empty() {
        return Ok(());
    }
    archive::write_file(&made.join("Info.plist"), info(&slices))?;
    let inside = archive::files(&made)?;
    let entries = inside
        .into_iter()
        .map(|(name, bytes)| (format!("{FRAMEWORK}/{name}"), bytes));
    archive::write(
        &workshop.out.join(format!("{FRAMEWORK}.zip")),
        &entries.collect(),
    )?;
    let names: Vec<&str> = slices.iter().map(|slice| slice.folder).collect();
    let linked = if cfg!(target_os = "macos") {
        ""
    } else {
        "; not linked into an app here"
    };
    report.made(&made, &format!("{}{linked}", names.join(", ")));
    Ok(())
}

/// Puts the Swift package together: for Apple's systems, and on Linux for Linux.
pub(crate) fn package(workshop: &Workshop, report: &mut Report) -> Result<()> {
    if !workshop.bindings().join("swift/stage").exists() {
        report.missing(
            "swift",
            "bindings/swift/stage, which puts it together, is not there",
        );
        return Ok(());
    }
    if cfg!(target_os = "linux") {
        let library = Build::new(workshop, "cdylib").run()?;
        let made = workshop.out.join("swift-linux");
        stage(workshop, &made, &library)?;
        report.made(&made, "the Swift package for tests on Linux");
    }
    let framework = workshop.out.join(FRAMEWORK);
    if !framework.exists() {
        report.missing(
            "swift",
            "no XCFramework was made, which the Swift package holds",
        );
        return Ok(());
    }
    let made = workshop.out.join("swift");
    stage(workshop, &made, &framework)?;
    report.made(&made, "the Swift package for Apple's systems");
    Ok(())
}

fn stage(workshop: &Workshop, into: &Path, library: &Path) -> Result<()> {
    let generated = workshop.generated("swift");
    ensure!(
        generated.join("NghisuCore.swift").exists(),
        "the generated Swift is not in {}: run `.ci/test build bindings`",
        generated.display()
    );
    let script = workshop.bindings().join("swift/stage");
    let status = Command::new("bash")
        .arg(&script)
        .args([&generated, into, library])
        .status()
        .with_context(|| script.display().to_string())?;
    ensure!(status.success(), "{} failed", script.display());
    Ok(())
}

/// Builds one slice; false if the kit is not here, which the report then says.
fn build(workshop: &Workshop, slice: &Slice, made: &Path, report: &mut Report) -> Result<bool> {
    let Slice { target, folder, .. } = *slice;
    if !has_target(target) {
        report.missing(folder, &format!("run `rustup target add {target}`"));
        return Ok(false);
    }
    let compiler = format!("CC_{}", target.replace('-', "_"));
    if !cfg!(target_os = "macos") && env::var_os(&compiler).is_none() {
        let remedy = format!(
            "no SDK; take a Mac with Xcode, or name a compiler for its C parts in {compiler}"
        );
        report.missing(folder, &remedy);
        return Ok(false);
    }
    let mut build = Build::new(workshop, "staticlib").target(target);
    for (name, version) in OLDEST {
        build = build.variable(name, version.into());
    }
    let path = build.run()?;
    let bytes = fs::read(&path).with_context(|| path.display().to_string())?;
    let asked = check(&bytes).with_context(|| path.display().to_string())?;
    check_privacy(workshop, &asked)?;
    let place = made.join(folder);
    archive::write_file(&place.join("libnghisu.a"), bytes)?;
    let generated = workshop.generated("swift");
    for (from, to) in [
        ("NghisuCoreFFI.h", "NghisuCoreFFI.h"),
        ("NghisuCoreFFI.modulemap", "module.modulemap"),
    ] {
        let from = generated.join(from);
        let bytes = fs::read(&from)
            .with_context(|| format!("{}: run `.ci/test build bindings`", from.display()))?;
        archive::write_file(&place.join("Headers").join(to), bytes)?;
    }
    Ok(true)
}

/// Reads the static library: every member is for the machine, and some define what is called.
/// Returns the functions that it takes from the system.
fn check(bytes: &[u8]) -> Result<BTreeSet<String>> {
    let archive = ArchiveFile::parse(bytes)?;
    let (mut defined, mut wanted) = (BTreeSet::new(), BTreeSet::new());
    let mut members = 0;
    for member in archive.members() {
        let member = member?;
        let name = String::from_utf8_lossy(member.name()).into_owned();
        let data = member.data(bytes)?;
        let file = object::File::parse(data).with_context(|| name.clone())?;
        ensure!(
            file.format() == BinaryFormat::MachO && file.architecture() == Architecture::Aarch64,
            "{name} is {:?} for {:?}",
            file.format(),
            file.architecture()
        );
        members += 1;
        for symbol in file.symbols().filter(ObjectSymbol::is_global) {
            let symbols = if symbol.is_undefined() {
                &mut wanted
            } else {
                &mut defined
            };
            let name = symbol.name()?;
            symbols.insert(name.strip_prefix('_').unwrap_or(name).to_owned());
        }
    }
    ensure!(
        defined.contains("ffi_nghisu_uniffi_contract_version"),
        "none of its {members} members defines what the generated code calls"
    );
    say(&format!("checked {members} Mach-O members"));
    Ok(&wanted - &defined)
}

/// Compares what the library takes from the system with what the privacy manifest gives reasons for.
fn check_privacy(workshop: &Workshop, wanted: &BTreeSet<String>) -> Result<()> {
    let path = workshop
        .bindings()
        .join("swift/Sources/Nghisu/PrivacyInfo.xcprivacy");
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    for (category, functions) in REASONS_ASKED {
        let used: Vec<&&str> = functions
            .iter()
            .filter(|name| wanted.contains(**name))
            .collect();
        ensure!(
            used.is_empty() || text.contains(category),
            "{} gives no reason of {category} for {used:?}",
            path.display()
        );
    }
    Ok(())
}

fn info(slices: &[&Slice]) -> String {
    let libraries: String = slices.iter().map(|slice| library(slice)).collect();
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
	<key>AvailableLibraries</key>
	<array>
{libraries}	</array>
	<key>CFBundlePackageType</key>
	<string>XFWK</string>
	<key>XCFrameworkFormatVersion</key>
	<string>1.0</string>
</dict>
</plist>
"#
    )
}

fn library(slice: &Slice) -> String {
    let Slice {
        folder, platform, ..
    } = slice;
    let variant = if slice.simulator {
        "\t\t\t<key>SupportedPlatformVariant</key>\n\t\t\t<string>simulator</string>\n"
    } else {
        ""
    };
    format!(
        "\t\t<dict>
			<key>BinaryPath</key>
			<string>libnghisu.a</string>
			<key>HeadersPath</key>
			<string>Headers</string>
			<key>LibraryIdentifier</key>
			<string>{folder}</string>
			<key>LibraryPath</key>
			<string>libnghisu.a</string>
			<key>SupportedArchitectures</key>
			<array>
				<string>arm64</string>
			</array>
			<key>SupportedPlatform</key>
			<string>{platform}</string>
{variant}\t\t</dict>
"
    )
}
