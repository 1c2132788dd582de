//! What the library weighs, and what it is made of.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use object::{Object, ObjectSection, ObjectSymbol, SectionKind, SymbolKind};
use rustc_demangle::try_demangle;

use crate::{
    Workshop,
    archive::{self, Entries},
    build::Build,
    say,
};

/// How much the library may grow before somebody has to write the new figure down.
const GROWTH_PER_CENT: u64 = 2;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Fail if the library has grown by more than 2 % over the figures in a file.
    #[arg(long, value_name = "FILE")]
    check: Option<PathBuf>,
    /// Write the figures to a file.
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// Print what each crate and each C library takes. Links the library a second time, with its symbols.
    #[arg(long)]
    by_crate: bool,
}

/// Bytes as they lie on a disk, and as they travel.
#[derive(Debug, PartialEq, Eq)]
struct Figures {
    stripped: u64,
    zipped: u64,
}

/// Weighs the library for this machine.
pub(crate) fn run(workshop: &Workshop, options: &Options) -> Result<()> {
    if options.by_crate {
        let path = Build::new(workshop, "cdylib")
            .argument("-Cstrip=none")
            .run()?;
        let bytes = fs::read(&path).with_context(|| path.display().to_string())?;
        print_parts(&parts(&bytes, workshop.cipher)?);
    }
    let path = Build::new(workshop, "cdylib").run()?;
    let bytes = fs::read(&path).with_context(|| path.display().to_string())?;
    let stripped = bytes.len() as u64;
    let zipped = archive::bytes(&Entries::from([("libnghisu.so".to_owned(), bytes)]))?;
    let figures = Figures {
        stripped,
        zipped: zipped.len() as u64,
    };
    say(&format!("stripped {:>10} bytes", figures.stripped));
    say(&format!("zipped   {:>10} bytes", figures.zipped));
    if let Some(path) = &options.write {
        let text = format!("stripped {}\nzipped {}\n", figures.stripped, figures.zipped);
        archive::write_file(path, text)?;
    }
    options.check.as_deref().map_or(Ok(()), |path| {
        let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
        compare(&figures, &parse(&text)?, path)
    })
}

fn parse(text: &str) -> Result<Figures> {
    let number = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        let number = line.with_context(|| format!("no line begins with {name}"))?;
        number.trim().parse().with_context(|| number.to_owned())
    };
    Ok(Figures {
        stripped: number("stripped ")?,
        zipped: number("zipped ")?,
    })
}

fn compare(found: &Figures, last: &Figures, path: &Path) -> Result<()> {
    let pairs = [
        ("stripped", found.stripped, last.stripped),
        ("zipped", found.zipped, last.zipped),
    ];
    for (name, found, last) in pairs {
        if found * 100 > last * (100 + GROWTH_PER_CENT) {
            bail!(
                "{name}: {found} bytes, more than {GROWTH_PER_CENT} % over the {last} of {}: find out why \
                 with --by-crate, then make it smaller or write the new figure down with --write",
                path.display()
            );
        }
        if found * 100 < last * (100 - GROWTH_PER_CENT) {
            say(&format!(
                "{name}: well below the {last} of {}: write it down with --write",
                path.display()
            ));
        }
    }
    Ok(())
}

/// Adds up what is loaded of an ELF file: symbols by crate, and the rest by section.
fn parts(bytes: &[u8], cipher: bool) -> Result<BTreeMap<String, u64>> {
    let file = object::File::parse(bytes)?;
    let mut left = BTreeMap::new();
    for section in file.sections() {
        let is_loaded = !matches!(
            section.kind(),
            SectionKind::Debug
                | SectionKind::DebugString
                | SectionKind::Other
                | SectionKind::Metadata
                | SectionKind::UninitializedData
                | SectionKind::UninitializedTls
                | SectionKind::Common
                | SectionKind::OtherString
        );
        if is_loaded && section.address() > 0 {
            left.insert(
                section.index().0,
                (section.name()?.to_owned(), section.size()),
            );
        }
    }
    let mut source = String::new();
    let mut symbols = Vec::new();
    for symbol in file.symbols() {
        if symbol.kind() == SymbolKind::File {
            symbol.name()?.clone_into(&mut source);
        } else if let Some(section) = symbol.section_index()
            && symbol.size() > 0
            && left.contains_key(&section.0)
        {
            let source = if symbol.is_local() {
                source.as_str()
            } else {
                ""
            };
            let owner = owner(symbol.name()?, source, cipher);
            symbols.push((symbol.address(), symbol.size(), section.0, owner));
        }
    }
    ensure!(!symbols.is_empty(), "the library has no symbols");
    symbols.sort();
    let (mut found, mut end) = (BTreeMap::new(), 0);
    for (address, size, section, owner) in symbols {
        // Several names of one function count once.
        let own = (address + size).saturating_sub(end.max(address));
        end = end.max(address + size);
        *found.entry(owner).or_default() += own;
        if let Some((_, rest)) = left.get_mut(&section) {
            *rest = rest.saturating_sub(own);
        }
    }
    for (name, rest) in left.into_values() {
        *found
            .entry(format!("({})", section_group(&name)))
            .or_default() += rest;
    }
    Ok(found)
}

/// Says in whose name the bytes of a symbol are counted.
fn owner(symbol: &str, source: &str, cipher: bool) -> String {
    if let Ok(name) = try_demangle(symbol) {
        return crate_of(&format!("{name:#}")).to_owned();
    }
    let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| symbol.starts_with(prefix));
    let owner = if begins(&["uniffi_", "ffi_nghisu", "UNIFFI_META"]) {
        "nghisu"
    } else if source.starts_with("sqlite3") || begins(&["sqlite3"]) {
        "SQLite (C)"
    } else if source.starts_with("sqlcipher") || begins(&["sqlcipher"]) {
        "SQLCipher with SQLite (C)"
    } else if begins(&["rust_", "__rust", "__rg_", "rdl_"]) {
        "std"
    } else if cipher && !begins(&["ring_core_"]) {
        "OpenSSL (C)"
    } else {
        "ring (C)"
    };
    owner.to_owned()
}

/// Finds the crate for which a function was made: of `Vec<automerge::Op>::push`, automerge.
fn crate_of(name: &str) -> &str {
    const STD: &[&str] = &[
        "std",
        "core",
        "alloc",
        "addr2line",
        "gimli",
        "object",
        "rustc_demangle",
    ];
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut at = 0;
    while let Some(begin) = name[at..].find(is_word).map(|found| at + found) {
        let word = name[begin..]
            .split(|c| !is_word(c))
            .next()
            .unwrap_or_default();
        let end = begin + word.len();
        let begins_a_path = !name[..begin].ends_with([':', '\'']) && name[end..].starts_with("::");
        if begins_a_path && word.starts_with(char::is_lowercase) && !STD.contains(&word) {
            return word;
        }
        at = end;
    }
    "std"
}

fn section_group(name: &str) -> &'static str {
    match name {
        ".eh_frame" | ".eh_frame_hdr" | ".gcc_except_table" => "tables for unwinding",
        ".rela.dyn" | ".rela.plt" | ".got" | ".got.plt" | ".plt" | ".plt.got" | ".relr.dyn" => {
            "relocations"
        }
        ".dynsym" | ".dynstr" | ".gnu.hash" | ".hash" | ".gnu.version" | ".gnu.version_r" => {
            "names of what is exported"
        }
        ".rodata" => "constants without a name",
        ".data.rel.ro" => "tables of pointers without a name",
        ".text" => "code without a name",
        _ => "other sections",
    }
}

fn print_parts(parts: &BTreeMap<String, u64>) {
    let total: u64 = parts.values().sum();
    let mut list: Vec<_> = parts.iter().filter(|(_, bytes)| **bytes > 0).collect();
    list.sort_by_key(|(_, bytes)| std::cmp::Reverse(**bytes));
    for (name, bytes) in list {
        let per_mille = bytes * 1000 / total.max(1);
        say(&format!(
            "{bytes:>10} {:>3}.{} % {name}",
            per_mille / 10,
            per_mille % 10
        ));
    }
    say(&format!("{total:>10} 100.0 % what is loaded"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_counts_for_the_crate_for_which_it_was_made() {
        for (name, owner) in [
            ("automerge::op_set::OpSet::len", "automerge"),
            (
                "<alloc::vec::Vec<automerge::Op> as core::ops::Drop>::drop",
                "automerge",
            ),
            (
                "<hexane::Cursor<'a> as core::iter::Iterator>::next",
                "hexane",
            ),
            ("core::ptr::drop_in_place<std::io::Error>", "std"),
            ("<&mut F as std::io::Write>::write", "std"),
            (
                "<nghisu_core::store::Store>::open::{closure#0}",
                "nghisu_core",
            ),
        ] {
            assert_eq!(crate_of(name), owner, "{name}");
        }
    }

    #[test]
    fn parts_of_c_are_told_by_their_names_and_files() {
        assert_eq!(owner("balance", "sqlite3.c", false), "SQLite (C)");
        assert_eq!(owner("sqlite3_open", "", true), "SQLite (C)");
        assert_eq!(owner("ecp_nistz256_precomputed", "", false), "ring (C)");
        assert_eq!(owner("ring_core_0_17_14__aes", "", true), "ring (C)");
        assert_eq!(owner("EVP_md5", "", true), "OpenSSL (C)");
    }

    #[test]
    fn growth_of_more_than_two_per_cent_fails() {
        let last = parse("stripped 1000\nzipped 500\n").unwrap();
        let grown =
            |stripped, zipped| compare(&Figures { stripped, zipped }, &last, Path::new("size.txt"));

        assert!(grown(1020, 510).is_ok());
        assert!(grown(900, 100).is_ok());
        assert!(grown(1021, 500).is_err());
        assert!(grown(1000, 511).is_err());
        assert!(parse("stripped 1000").is_err());
    }
}
