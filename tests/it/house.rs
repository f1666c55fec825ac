//! The house: imports go down only, the pure half stays pure, files stay short,
//! and the top of the repository holds what belongs there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The layers from the bottom. A module may import those of lower layers.
const LAYERS: [&[&str]; 18] = [
    &["model"],
    &["expression", "schedule"],
    &["yaml", "audit", "config", "owners"],
    &["kustomize"],
    &["discover"],
    &["history"],
    &["plan", "preview"],
    &["proof"],
    &["diff", "gate"],
    &["report"],
    &["pull_request"],
    &["worktree", "program"],
    &["net"],
    &["git", "forge", "registry", "cluster"],
    &["output"],
    &["command"],
    &["cli"],
    &["lib"],
];

/// The layers that do no I/O and ask neither clock nor environment.
const PURE: usize = 11;

/// What the pure half may not name.
const IMPURE: [&str; 9] = [
    "std::fs",
    "std::process",
    "std::env",
    "std::net",
    "std::thread::sleep",
    "SystemTime",
    "Instant::now",
    "Timestamp::now",
    "Zoned::now",
];

/// No file is longer.
const MOST_LINES: usize = 600;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

/// The Rust files below a directory of the repository, with their text.
fn files(dir: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut open = vec![root().join(dir)];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path.strip_prefix(root()).unwrap().to_path_buf(), text));
            }
        }
    }
    found.sort();
    found
}

/// The module of a file: the first name below `src`.
fn module(path: &Path) -> String {
    let below = path.strip_prefix("src").unwrap();
    let first = below.components().next().unwrap().as_os_str().to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

/// The text without comments, so that a link in the docs is no import.
fn code(text: &str) -> String {
    let lines = text.lines().map(|line| line.split("//").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}

/// The modules that a text names behind `crate::`.
fn imports(text: &str) -> BTreeSet<String> {
    let code = code(text);
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(group) => found.extend(group_heads(group)),
            None => found.extend(head(rest)),
        }
    }
    found
}

/// The first name of a path.
fn head(path: &str) -> Option<String> {
    let name: String =
        path.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!name.is_empty()).then_some(name)
}

/// The first name of each path of a group that is already open.
fn group_heads(group: &str) -> Vec<String> {
    let mut depth = 0;
    let mut heads = Vec::new();
    let mut start = 0;
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                heads.extend(head(&group[start..at]));
                start = at + 1;
                if c == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    heads
}

/// The imports of a text of `module` that do not go down.
fn climbing(module: &str, text: &str) -> Vec<String> {
    let own = layer(module).unwrap_or_else(|| panic!("the module `{module}` has no layer"));
    let climbs = |import: &String| {
        // What is no module stands in lib.rs itself.
        import != module && layer(import).unwrap_or(LAYERS.len()) >= own
    };
    imports(text).into_iter().filter(climbs).collect()
}

#[test]
fn imports_go_down_only() {
    for (path, text) in files("src").iter().filter(|(path, _)| !path.starts_with("src/bin")) {
        let module = module(path);
        if module != "lib" {
            let climbing = climbing(&module, text);
            assert!(climbing.is_empty(), "{} imports upwards: {climbing:?}", path.display());
        }
    }
}

#[test]
fn an_import_that_climbs_is_named() {
    assert_eq!(climbing("plan", "use crate::gate::Approved;"), ["gate"]);
    assert_eq!(climbing("gate", "use crate::diff::Field;"), ["diff"]);
    assert_eq!(climbing("config", "let x = crate::run();"), ["run"]);
    let group = "use crate::{cli, git::{open, snapshot}, model::Pin,\n  output};";
    assert_eq!(climbing("git", group), ["cli", "output"]);
    assert_eq!(climbing("gate", "// crate::cli\nuse crate::{gate::x, model};"), [""; 0]);
}

/// What a text of the pure half names that it may not.
fn impure(text: &str) -> Vec<&'static str> {
    let code = code(text);
    IMPURE.into_iter().filter(|name| code.contains(name)).collect()
}

#[test]
fn the_pure_half_asks_neither_disk_nor_clock() {
    for (path, text) in files("src").iter().filter(|(path, _)| !path.starts_with("src/bin")) {
        if layer(&module(path)).is_some_and(|layer| layer < PURE) {
            let found = impure(text);
            assert!(found.is_empty(), "{} names {found:?}", path.display());
        }
    }
    assert_eq!(impure("use std::fs;\n// std::env\nInstant::now()"), ["std::fs", "Instant::now"]);
}

#[test]
fn files_are_short_and_say_what_they_are() {
    for (path, text) in files("src").iter().chain(&files("tests")) {
        let lines = text.lines().count();
        assert!(lines <= MOST_LINES, "{} has {lines} lines", path.display());
        assert!(text.starts_with("//! "), "{} has no `//!` at its top", path.display());
    }
}

#[test]
fn the_top_of_the_repository_holds_what_belongs_there() {
    let needed = ["CHANGELOG.md", "Cargo.lock", "Cargo.toml", "LICENSE", "SHORTCOMINGS.md"];
    let needed = needed.iter().chain(&["fixtures", "plugin.yaml", "src", "tests"]).copied();
    let welcome = ["README.md", "benches", "docs", "clippy.toml", "deny.toml", "rustfmt.toml"];
    // What a forge looks for at the top, and what it and servers run.
    let welcome = welcome.into_iter().chain(["action.yml", "ci", "fuzz", "hooks"]);
    let listed = std::process::Command::new("git").arg("ls-files").current_dir(root()).output();
    let Some(listed) = listed.ok().filter(|output| output.status.success()) else {
        crate::krew::skip("this is no git checkout, its top was not looked at");
        return;
    };
    let listed = String::from_utf8(listed.stdout).unwrap();
    let first = |path: &'_ str| path.split('/').next().unwrap_or_default().to_owned();
    let listed: BTreeSet<String> = listed.lines().map(first).collect();
    for name in needed.clone() {
        assert!(listed.contains(name), "{name} is missing");
    }
    let known: BTreeSet<&str> = needed.chain(welcome).collect();
    let strange: Vec<_> = listed
        .iter()
        .filter(|name| !name.starts_with('.') && !known.contains(name.as_str()))
        .collect();
    assert!(strange.is_empty(), "at the top stands what does not belong there: {strange:?}");
}

#[test]
fn the_reference_shows_the_tested_sample() {
    let reference = fs::read_to_string(root().join("docs/config.md")).unwrap();
    let sample = fs::read_to_string(root().join("fixtures/config/promote.toml")).unwrap();
    assert!(reference.contains(&sample), "docs/config.md shows another sample");
}
