//! The library for one target.
//!
//! `cargo rustc --crate-type` makes one kind of library alone: with the three kinds that the manifest
//! names, cargo leaves link-time optimisation out without a word, since a Rust library cannot have it.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};
use object::{
    Architecture, Object, ObjectSymbol,
    elf::{FileHeader32, FileHeader64, PT_LOAD},
    endian::LittleEndian,
    read::elf::{ElfFile, FileHeader, ProgramHeader},
};

use crate::{Report, Workshop, say};

/// What Android asks of 64-bit libraries since its version 15.
const PAGE: u64 = 16 << 10;

/// An ABI of Android.
#[derive(Debug)]
pub(crate) struct Abi {
    /// Its name in an AAR.
    pub(crate) name: &'static str,
    target: &'static str,
    /// What the NDK calls it.
    triple: &'static str,
}

/// The ABIs of an AAR.
pub(crate) const ABIS: &[Abi] = &[
    Abi {
        name: "arm64-v8a",
        target: "aarch64-linux-android",
        triple: "aarch64-linux-android",
    },
    Abi {
        name: "armeabi-v7a",
        target: "armv7-linux-androideabi",
        triple: "armv7a-linux-androideabi",
    },
    Abi {
        name: "x86_64",
        target: "x86_64-linux-android",
        triple: "x86_64-linux-android",
    },
];

/// The oldest Android for which the library is linked.
pub(crate) const MIN_SDK: u32 = 24;

/// A build of the library.
#[derive(Debug)]
pub(crate) struct Build<'a> {
    workshop: &'a Workshop,
    kind: &'static str,
    target: Option<&'static str>,
    variables: Vec<(String, PathBuf)>,
    arguments: Vec<&'static str>,
}

impl<'a> Build<'a> {
    /// Builds a `cdylib` or a `staticlib` for this machine.
    pub(crate) const fn new(workshop: &'a Workshop, kind: &'static str) -> Self {
        Self {
            workshop,
            kind,
            target: None,
            variables: Vec::new(),
            arguments: Vec::new(),
        }
    }

    /// Builds for another machine.
    pub(crate) const fn target(mut self, target: &'static str) -> Self {
        self.target = Some(target);
        self
    }

    /// Gives the compiler an argument for the library itself, and not for what it depends on.
    pub(crate) fn argument(mut self, argument: &'static str) -> Self {
        self.arguments.push(argument);
        self
    }

    /// Sets a variable of the environment.
    pub(crate) fn variable(mut self, name: &str, value: PathBuf) -> Self {
        self.variables.push((name.to_owned(), value));
        self
    }

    /// Builds, and returns where the library is.
    ///
    /// # Errors
    /// If cargo fails; what it says goes to the terminal.
    pub(crate) fn run(&self) -> Result<PathBuf> {
        let Workshop { profile, .. } = self.workshop;
        let machine = self.target.unwrap_or("this machine");
        say(&format!(
            "building {} for {machine}, profile {profile}",
            self.kind
        ));
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command
            .current_dir(&self.workshop.root)
            .args([
                "rustc",
                "-q",
                "--locked",
                "-p",
                "nghisu-bindings",
                "--lib",
                "--no-default-features",
            ])
            .args(["--profile", profile, "--crate-type", self.kind])
            .arg("--target-dir")
            .arg(&self.workshop.target)
            .envs(self.variables.iter().map(|(name, value)| (name, value)));
        if let Some(target) = self.target {
            command.args(["--target", target]);
        }
        if self.workshop.cipher {
            command.args(["--features", "cipher"]);
        }
        command.arg("--").args(&self.arguments);
        let status = command.status().context("cargo does not run")?;
        ensure!(
            status.success(),
            "cargo could not build the library for {machine}"
        );
        let folder = self.workshop.target.join(self.target.unwrap_or_default());
        let folder = folder.join(if profile == "dev" { "debug" } else { profile });
        Ok(folder.join(library_name(self.kind, self.target)))
    }
}

fn library_name(kind: &str, target: Option<&str>) -> &'static str {
    let has = |word| target.map_or(env::consts::OS == word, |target| target.contains(word));
    match kind {
        "staticlib" => "libnghisu.a",
        _ if has("macos") || has("apple") => "libnghisu.dylib",
        _ if has("windows") => "nghisu.dll",
        _ => "libnghisu.so",
    }
}

/// Builds the library for an ABI of Android; `None` if the kit is not here, which the report then says.
///
/// # Errors
/// If it does not build, or is not as Android needs it.
pub(crate) fn android(
    workshop: &Workshop,
    abi: &Abi,
    report: &mut Report,
) -> Result<Option<Vec<u8>>> {
    let what = format!("{}/libnghisu.so", abi.name);
    let Some(tools) = ndk_tools() else {
        report.missing(
            &what,
            "no NDK; install one (r27 or newer) and set ANDROID_NDK_HOME to its folder",
        );
        return Ok(None);
    };
    if !has_target(abi.target) {
        report.missing(&what, &format!("run `rustup target add {}`", abi.target));
        return Ok(None);
    }
    let clang = tools.join(format!("{}{MIN_SDK}-clang", abi.triple));
    ensure!(
        clang.exists(),
        "{} is not there: take a newer NDK (r27 or newer)",
        clang.display()
    );
    let (small, large) = (
        abi.target.replace('-', "_"),
        abi.target.replace('-', "_").to_uppercase(),
    );
    let path = Build::new(workshop, "cdylib")
        .target(abi.target)
        .variable(&format!("CC_{small}"), clang.clone())
        .variable(&format!("AR_{small}"), tools.join("llvm-ar"))
        .variable(&format!("CARGO_TARGET_{large}_LINKER"), clang)
        .argument("-Clink-arg=-Wl,-z,max-page-size=16384")
        .run()?;
    let bytes = fs::read(&path).with_context(|| path.display().to_string())?;
    check_android(abi, &bytes).with_context(|| path.display().to_string())?;
    Ok(Some(bytes))
}

/// Returns the folder of the NDK's compilers.
fn ndk_tools() -> Option<PathBuf> {
    let names = [
        "ANDROID_NDK_HOME",
        "ANDROID_NDK_ROOT",
        "ANDROID_NDK_LATEST_HOME",
    ];
    let home = names.iter().find_map(env::var_os)?;
    let hosts = fs::read_dir(Path::new(&home).join("toolchains/llvm/prebuilt")).ok()?;
    let tools = |entry: fs::DirEntry| entry.path().join("bin");
    hosts.flatten().map(tools).find(|folder| folder.is_dir())
}

/// Returns whether the standard library for a target is installed.
pub(crate) fn has_target(target: &str) -> bool {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    Command::new(rustc)
        .args(["--print", "target-libdir", "--target", target])
        .output()
        .is_ok_and(|output| {
            let path = String::from_utf8_lossy(&output.stdout);
            output.status.success() && Path::new(path.trim()).is_dir()
        })
}

/// Reads the library that was linked: its machine, the alignment of what is loaded, what it exports.
fn check_android(abi: &Abi, bytes: &[u8]) -> Result<()> {
    let file = object::File::parse(bytes)?;
    let expected = match abi.name {
        "arm64-v8a" => Architecture::Aarch64,
        "armeabi-v7a" => Architecture::Arm,
        _ => Architecture::X86_64,
    };
    ensure!(
        file.architecture() == expected,
        "built for {:?}",
        file.architecture()
    );
    let least = if file.is_64() {
        alignment(&ElfFile::<FileHeader64<LittleEndian>>::parse(bytes)?)
    } else {
        alignment(&ElfFile::<FileHeader32<LittleEndian>>::parse(bytes)?)
    };
    ensure!(
        least >= PAGE,
        "its segments are aligned to {least} bytes and not to {PAGE}"
    );
    let exports = file
        .dynamic_symbols()
        .any(|symbol| symbol.name() == Ok("ffi_nghisu_uniffi_contract_version"));
    if !exports {
        bail!("it does not export what the generated code calls");
    }
    Ok(())
}

fn alignment<H: FileHeader>(file: &ElfFile<'_, H>) -> u64 {
    let endian = file.endian();
    file.elf_program_headers()
        .iter()
        .filter(|header| header.p_type(endian) == PT_LOAD)
        .map(|header| header.p_align(endian).into())
        .min()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_that_is_not_aligned_or_not_ours_is_not_taken() {
        // This program stands for a library: an ELF file of 4 KB pages that exports nothing of ours.
        let program = fs::read(env::current_exe().unwrap()).unwrap();

        let other = check_android(&ABIS[0], &program).unwrap_err().to_string();
        let own = check_android(&ABIS[2], &program).unwrap_err().to_string();

        assert!(other.contains("built for X86_64"), "{other}");
        assert!(own.contains("aligned to 4096"), "{own}");
    }
}
