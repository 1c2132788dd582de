//! What the code may not do, checked on the sources themselves.
//!
//! The checks read tokens, not text: comments, string literals and `#[cfg(test)]` items do not
//! count. A path is taken from wherever it stands, and a `use` tree is unfolded first, so that
//! `use std::{fs, io}` is seen as `std::fs`.

#![expect(clippy::unwrap_used, reason = "a check fails by panicking")]

#[path = "tidy/source.rs"]
mod source;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;
use source::Source;

/// The modules of `core`, each with the modules it may use. Ground stands first; imports run downwards.
const LAYERS: &[(&str, &str)] = &[
    ("error", "ids time limits cbor"),
    ("ids", "error time limits cbor"),
    ("time", "error ids limits cbor"),
    ("limits", "error ids time cbor"),
    ("cbor", "error ids time limits"),
    ("text", "error ids time limits cbor"),
    ("document", "error ids time limits cbor"),
    ("meeting", "error ids time limits cbor text document"),
    ("trust", "error ids time limits cbor document"),
    ("sync", "error ids time limits cbor document trust meeting"),
    (
        "store",
        "error ids time limits cbor text document trust meeting sync",
    ),
    (
        "client",
        "error ids time limits cbor text document trust meeting sync store",
    ),
];

/// What a part of the code never mentions: sources, then paths or words.
const ABSENT: &[(&str, &str)] = &[
    (
        "core/src/{error,ids,time,limits,cbor,text,document,meeting,trust,sync}",
        "std::fs std::net std::time std::thread SystemTime Instant tokio async await rusqlite reqwest getrandom",
    ),
    ("core/src/{store}", "tokio reqwest SystemTime"),
    ("core/src/{meeting,trust,sync,store,client}", "automerge"),
    ("bindings/src", "rusqlite automerge"),
];

const FILE_LINES_MAX: usize = 900;
const FUNCTION_LINES_MAX: usize = 100;
const FILE_BYTES_MAX: u64 = 1 << 20;

const VISIBLE_ROOT: &[&str] = &[
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "bindings",
    "core",
    "server",
    "tests",
];

const LICENCES: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "BlueOak-1.0.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MPL-2.0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// A second provider of TLS, or OpenSSL by any door.
const FOREIGN_TLS: &[&str] = &[
    "aws-lc-rs",
    "aws-lc-sys",
    "native-tls",
    "openssl",
    "openssl-sys",
];

#[test]
fn imports_in_core_run_downwards() {
    let found: Vec<String> = sources("core/src")
        .iter()
        .flat_map(upward_imports)
        .collect();
    assert_eq!(found, [""; 0], "see LAYERS in this file");
}

#[test]
fn every_module_of_core_has_its_layer() {
    let known: BTreeSet<&str> = LAYERS.iter().map(|(module, _)| *module).collect();
    let unknown: BTreeSet<String> = sources("core/src")
        .iter()
        .filter_map(|s| s.module().into_iter().next())
        .filter(|m| !known.contains(&**m))
        .collect();
    assert_eq!(unknown, BTreeSet::new(), "give them a line in LAYERS");
}

#[test]
fn lower_layers_have_no_clock_no_dice_no_io_and_nothing_async() {
    let mut found = Vec::new();
    for (place, words) in ABSENT {
        for source in sources_in(place) {
            found.extend(mentions(&source, words));
        }
    }
    assert_eq!(found, [""; 0], "see ABSENT in this file");
}

#[test]
fn unsafe_code_stands_in_one_module_of_the_tests() {
    let found: BTreeSet<String> = ["core", "bindings", "server", "tests"]
        .iter()
        .flat_map(|krate| sources(krate))
        .filter(|source| !mentions(source, "unsafe").is_empty())
        .map(|source| source.path)
        .collect();
    assert_eq!(found, BTreeSet::from(["tests/src/vfs.rs".to_owned()]));
}

#[test]
fn a_planted_violation_is_found() {
    let planted = Source::new(
        "core/src/sync/planted.rs",
        r##"
            // std::fs in a comment does not count, /* nor */ tokio here
            use std::{collections::BTreeMap, fs, net::{IpAddr, TcpStream}};
            use crate::{ids::DeviceId, store::Store};
            const TEXT: &str = r#"std::thread::spawn "quoted" tokio"#;
            async fn lifetimes<'a>(c: &'a str) -> char { later().await; '"' }
            fn path() { crate::client::open(super::super::store::x(), super::wire::y()); }
            mod inner { fn up() { super::super::backoff(); } }
            #[cfg(test)]
            mod tests { use std::time::Instant; use crate::client::Client; }
            fn after() { std::time::Duration::ZERO; tokio::spawn(()); }
        "##,
    );

    let imports = upward_imports(&planted);
    let words = mentions(&planted, ABSENT[0].1);

    assert_eq!(
        imports,
        [
            "core/src/sync/planted.rs:4: `sync` uses `store`",
            "core/src/sync/planted.rs:7: `sync` uses `client`",
            "core/src/sync/planted.rs:7: `sync` uses `store`",
        ]
    );
    let found: Vec<&str> = words
        .iter()
        .map(|w| w.strip_prefix("core/src/sync/planted.rs:").unwrap())
        .collect();
    assert_eq!(
        found,
        [
            "3: std::fs",
            "3: std::net",
            "3: std::net",
            "6: async",
            "6: await",
            "11: std::time",
            "11: tokio"
        ]
    );
}

#[test]
fn files_and_functions_stay_readable() {
    let mut found = Vec::new();
    for source in ["core", "bindings", "server", "tests"]
        .iter()
        .flat_map(|krate| sources(krate))
    {
        let lines = source.lines_outside_tests();
        if lines > FILE_LINES_MAX {
            found.push(format!("{}: {lines} lines", source.path));
        }
        if !source.path.starts_with("tests/") {
            found.extend(
                source
                    .functions()
                    .filter(|(_, _, lines)| *lines > FUNCTION_LINES_MAX)
                    .map(|(name, line, lines)| {
                        format!("{}:{line}: fn {name} has {lines} lines", source.path)
                    }),
            );
        }
    }
    assert_eq!(
        found, [""; 0],
        "a file has at most {FILE_LINES_MAX} lines, a function {FUNCTION_LINES_MAX}"
    );
}

#[test]
fn the_way_of_an_edit_is_seven_files_as_the_readme_says() {
    let readme = fs::read_to_string(root().join("core/README.md")).unwrap();
    let way = readme.split("## The way of an edit").nth(1).unwrap();
    let way = way.split("\n## ").next().unwrap();
    let steps = way.lines().filter(|line| line.contains(". `"));
    let mut files = Vec::new();
    for step in steps {
        let mut named = step.split('`').skip(1).step_by(2);
        let (file, function) = (named.next().unwrap(), named.next().unwrap());
        let source = fs::read_to_string(root().join(file)).unwrap();
        assert!(source.contains(&format!("fn {function}(")), "{step}");
        files.push(file);
    }
    assert_eq!(files.len(), 7, "{files:?}");
}

#[test]
fn the_visible_root_is_what_the_readme_shows() {
    let root: BTreeSet<String> = tracked()
        .iter()
        .map(|path| path.split('/').next().unwrap().to_owned())
        .filter(|name| !name.starts_with('.'))
        .collect();
    assert_eq!(
        root,
        VISIBLE_ROOT.iter().map(|&name| name.to_owned()).collect()
    );
}

#[test]
fn tracked_files_name_no_machine_and_leave_nothing_for_later() {
    // Spelt in parts: this file is read too.
    let machine = ["work", "root", "home", "Users"].map(|folder| format!("/{folder}/"));
    let later = [["TO", "DO"], ["FIX", "ME"], ["XX", "X"]].map(|parts| parts.concat());
    let code = [
        "rs", "toml", "sql", "py", "kt", "kts", "swift", "sh", "xml", "js", "css", "html",
    ];
    let mut found = Vec::new();
    for path in tracked() {
        let full = root().join(&path);
        if fs::metadata(&full).unwrap().len() > FILE_BYTES_MAX {
            found.push(format!("{path}: more than {FILE_BYTES_MAX} bytes"));
        }
        let bytes = fs::read(&full).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        let is_code = path.starts_with(".ci/")
            || code
                .iter()
                .any(|ending| path.ends_with(&format!(".{ending}")));
        for (number, line) in (1..).zip(text.lines()) {
            found.extend(
                machine
                    .iter()
                    .filter(|folder| stands_alone(line, folder))
                    .map(|f| format!("{path}:{number}: {f}")),
            );
            let words = || line.split(|c: char| !c.is_alphanumeric());
            found.extend(
                later
                    .iter()
                    .filter(|w| is_code && words().any(|x| x == **w))
                    .map(|w| format!("{path}:{number}: {w}")),
            );
        }
    }
    assert_eq!(found, [""; 0]);
}

#[test]
fn every_dependency_has_a_licence_we_may_ship() {
    let metadata = metadata();
    let refused: Vec<String> = packages(&metadata)
        .filter(|package| package["source"].is_string())
        .filter(|package| !package["license"].as_str().is_some_and(is_allowed))
        .map(|package| format!("{}: {}", package["id"], package["license"]))
        .collect();
    assert_eq!(refused, [""; 0]);
}

#[test]
fn licence_expressions_are_read_as_choices_and_sums() {
    for allowed in [
        "MIT",
        "MIT/Apache-2.0",
        "GPL-3.0-only OR MIT",
        "(GPL-2.0 OR MIT) AND Unicode-3.0",
        "Apache-2.0 WITH LLVM-exception",
    ] {
        assert!(is_allowed(allowed), "{allowed}");
    }
    for refused in [
        "GPL-3.0-only",
        "AGPL-3.0 AND MIT",
        "MIT AND (GPL-2.0 OR LGPL-3.0)",
        "Apache-2.0 WITH Other-exception",
        "",
    ] {
        assert!(!is_allowed(refused), "{refused}");
    }
}

#[test]
fn one_sqlite_and_one_provider_of_tls_are_linked() {
    let metadata = metadata();
    let built = built(&metadata);

    let sqlite: Vec<&str> = built
        .values()
        .filter(|p| p["links"] == "sqlite3")
        .map(|p| p["name"].as_str().unwrap())
        .collect();
    let names: BTreeSet<&str> = built
        .values()
        .map(|package| package["name"].as_str().unwrap())
        .collect();

    assert_eq!(sqlite, ["libsqlite3-sys"]);
    assert!(names.contains("ring"));
    assert_eq!(
        FOREIGN_TLS
            .iter()
            .filter(|name| names.contains(*name))
            .collect::<Vec<_>>(),
        [&""; 0]
    );
}

#[test]
fn formats_that_live_on_disk_and_in_phones_are_pinned() {
    let metadata = metadata();
    for (krate, dependency) in [("nghisu-core", "automerge"), ("nghisu-bindings", "uniffi")] {
        let package = packages(&metadata)
            .find(|package| package["name"] == krate)
            .unwrap();
        let found = package["dependencies"]
            .as_array()
            .unwrap()
            .iter()
            .find(|d| d["name"] == dependency)
            .unwrap();
        let requirement = found["req"].as_str().unwrap();
        assert!(requirement.starts_with('='), "{dependency} {requirement}");
    }
    for name in ["automerge", "ring", "rusqlite", "rustls", "uniffi"] {
        let versions: Vec<&Value> = packages(&metadata)
            .filter(|p| p["name"] == name)
            .map(|p| &p["version"])
            .collect();
        assert_eq!(versions.len(), 1, "{name} {versions:?}");
    }
}

fn upward_imports(source: &Source) -> Vec<String> {
    let module = source.module();
    let Some(own) = module.first() else {
        return Vec::new();
    };
    let allowed = LAYERS
        .iter()
        .find(|(name, _)| name == own)
        .map_or("", |(_, allowed)| allowed);
    let mut found = Vec::new();
    for path in source.paths() {
        let ups = path
            .segments
            .iter()
            .take_while(|segment| *segment == "super")
            .count();
        let target = match path.segments[0].as_str() {
            "crate" => path.segments.get(1),
            "super" if ups >= module.len() + path.inline_modules => path.segments.get(ups),
            _ => None,
        };
        let Some(target) = target else { continue };
        // A lower-case name at the crate's root is a module; `Error` and `Result` belong to `error`.
        let target = if target.starts_with(char::is_uppercase) {
            "error"
        } else {
            target
        };
        if target != own && !allowed.split(' ').any(|name| name == target) {
            found.push(format!(
                "{}:{}: `{own}` uses `{target}`",
                source.path, path.line
            ));
        }
    }
    found
}

fn mentions(source: &Source, words: &str) -> Vec<String> {
    let mut found = Vec::new();
    for path in source.paths() {
        for word in words.split(' ') {
            let parts: Vec<&str> = word.split("::").collect();
            // A crate counts where a path begins; a type or keyword wherever it stands.
            let is_there = match parts[..] {
                [name] if name.starts_with(char::is_uppercase) => {
                    path.segments.iter().any(|s| s == name)
                }
                _ => {
                    path.segments.len() >= parts.len()
                        && parts.iter().zip(&path.segments).all(|(a, b)| a == b)
                }
            };
            if is_there {
                found.push(format!("{}:{}: {word}", source.path, path.line));
            }
        }
    }
    found
}

fn stands_alone(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || "._-/}~".contains(c))
    })
}

fn is_allowed(expression: &str) -> bool {
    let spaced = expression
        .replace('/', " OR ")
        .replace('(', " ( ")
        .replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    let allowed = any_of(&words, &mut at);
    allowed && at == words.len()
}

fn any_of(words: &[&str], at: &mut usize) -> bool {
    let mut allowed = all_of(words, at);
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        allowed |= all_of(words, at);
    }
    allowed
}

fn all_of(words: &[&str], at: &mut usize) -> bool {
    let mut allowed = one(words, at);
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        allowed &= one(words, at);
    }
    allowed
}

fn one(words: &[&str], at: &mut usize) -> bool {
    let Some(first) = words.get(*at) else {
        return false;
    };
    *at += 1;
    if *first == "(" {
        let allowed = any_of(words, at);
        *at += 1;
        return allowed;
    }
    if words.get(*at) == Some(&"WITH") {
        let exception = words.get(*at + 1).copied().unwrap_or_default();
        *at += 2;
        return LICENCES.contains(&&*format!("{first} WITH {exception}"));
    }
    LICENCES.contains(first)
}

/// What cargo resolves with the default features, for every platform.
fn metadata() -> Value {
    let run = |network: &[&str]| {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let arguments = ["metadata", "--format-version", "1", "--locked"];
        Command::new(cargo)
            .args(arguments)
            .args(network)
            .current_dir(root())
            .output()
            .unwrap()
    };
    let offline = run(&["--offline"]);
    // A fresh registry holds only this platform's crates; the rest is then asked for.
    let output = if offline.status.success() {
        offline
    } else {
        run(&[])
    };
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

fn packages(metadata: &Value) -> impl Iterator<Item = &Value> {
    metadata["packages"].as_array().unwrap().iter()
}

/// Returns the packages that are compiled for a normal build, by id: dependencies for tests are left out.
fn built(metadata: &Value) -> BTreeMap<&str, &Value> {
    let by_id: BTreeMap<&str, &Value> = packages(metadata)
        .map(|p| (p["id"].as_str().unwrap(), p))
        .collect();
    let nodes: BTreeMap<&str, &Value> = metadata["resolve"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|n| (n["id"].as_str().unwrap(), n))
        .collect();
    let members = metadata["workspace_members"].as_array().unwrap();
    let mut open: Vec<&str> = members.iter().map(|id| id.as_str().unwrap()).collect();
    let mut found = BTreeMap::new();
    while let Some(id) = open.pop() {
        if found.insert(id, by_id[id]).is_some() {
            continue;
        }
        let is_built = |d: &&Value| {
            d["dep_kinds"]
                .as_array()
                .unwrap()
                .iter()
                .any(|kind| kind["kind"] != "dev")
        };
        open.extend(
            nodes[id]["deps"]
                .as_array()
                .unwrap()
                .iter()
                .filter(is_built)
                .map(|d| d["pkg"].as_str().unwrap()),
        );
    }
    found
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

#[test]
fn every_change_that_the_world_must_notice_still_fits_the_code() {
    let patches: Vec<String> = tracked()
        .into_iter()
        .filter(|path| path.starts_with("tests/mutations/") && path.ends_with(".patch"))
        .collect();
    assert!(!patches.is_empty());
    for patch in patches {
        let applied = Command::new("git")
            .args(["apply", "--check", &patch])
            .current_dir(root())
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&applied.stderr);
        assert!(applied.status.success(), "{patch}: {error}");
    }
}

fn tracked() -> Vec<String> {
    let output = Command::new("git")
        .args(["ls-files", "-z"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let paths = String::from_utf8(output.stdout).unwrap();
    paths
        .split_terminator('\0')
        .filter(|path| root().join(path).is_file())
        .map(str::to_owned)
        .collect()
}

/// Returns the Rust files under a folder that are not tests by their name.
fn sources(folder: &str) -> Vec<Source> {
    let mut found = Vec::new();
    let mut open = vec![root().join(folder)];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "rs")
                && path.file_name().is_some_and(|n| n != "tests.rs")
            {
                let name = path
                    .strip_prefix(root())
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned();
                found.push(Source::new(&name, &fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// Returns the sources of `folder/{module,module}`, or all of a folder.
fn sources_in(place: &str) -> Vec<Source> {
    let Some((folder, modules)) = place.split_once("/{") else {
        return sources(place);
    };
    let modules: Vec<&str> = modules.trim_end_matches('}').split(',').collect();
    sources(folder)
        .into_iter()
        .filter(|s| s.module().first().is_some_and(|m| modules.contains(&&**m)))
        .collect()
}
