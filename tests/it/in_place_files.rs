//! The files that others include: they can be read, they call what is there,
//! and nothing foreign gets into a shell but by the environment.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use regex::Regex;
use yaml_rust2::{Yaml, YamlLoader};

use crate::in_place::{PROGRAM, Place, file};

const ACTIONS: [&str; 4] =
    ["action.yml", "ci/audit/action.yml", "ci/next/action.yml", "ci/promote/action.yml"];
const WORKFLOWS: [&str; 5] = [
    ".github/workflows/ci.yml",
    ".github/workflows/promote-check.yml",
    ".github/workflows/promote-audit.yml",
    ".github/workflows/promote-next.yml",
    ".github/workflows/promote-first.yml",
];
const TEMPLATES: [&str; 3] = ["ci/gitlab.yml", "ci/azure.yml", ".pre-commit-hooks.yaml"];
const SCRIPTS: [&str; 6] = [
    "ci/check.sh",
    "ci/install.sh",
    "ci/audit.sh",
    "ci/next.sh",
    "ci/promote.sh",
    "hooks/pre-receive",
];

fn yaml_files() -> impl Iterator<Item = &'static str> {
    ACTIONS.into_iter().chain(WORKFLOWS).chain(TEMPLATES)
}

fn read(name: &str) -> String {
    fs::read_to_string(file(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn load(name: &str) -> Vec<Yaml> {
    YamlLoader::load_from_str(&read(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The code blocks of a page in one language.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let text = read(page);
    let open = format!("```{language}\n");
    let blocks = text.split(&open).skip(1);
    blocks.map(|rest| rest.split("\n```").next().unwrap_or_default().to_owned()).collect()
}

/// Every text in a document, with the key that it stands behind.
fn texts(yaml: &Yaml, key: &str, found: &mut Vec<(String, String)>) {
    match yaml {
        Yaml::String(text) => found.push((key.to_owned(), text.clone())),
        Yaml::Array(items) => items.iter().for_each(|item| texts(item, key, found)),
        Yaml::Hash(map) => {
            for (name, value) in map {
                texts(value, name.as_str().unwrap_or_default(), found);
            }
        }
        _ => {}
    }
}

fn texts_of(name: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for document in &load(name) {
        texts(document, "", &mut found);
    }
    found
}

#[test]
fn every_file_can_be_read() {
    for name in yaml_files() {
        assert!(!texts_of(name).is_empty(), "{name}");
    }
    let known: BTreeSet<&str> = yaml_files().collect();
    for dir in ["ci", ".github/workflows"] {
        for entry in fs::read_dir(file(dir)).unwrap() {
            let name = format!("{dir}/{}", entry.unwrap().file_name().to_string_lossy());
            let is_yaml = Path::new(&name).extension().is_some_and(|end| end == "yml");
            assert!(!is_yaml || known.contains(name.as_str()), "{name} is not tested");
        }
    }
    let samples = blocks("docs/gate.md", "yaml");
    assert!(samples.len() >= 5, "{}", samples.len());
    for sample in samples {
        YamlLoader::load_from_str(&sample).unwrap_or_else(|error| panic!("{error}\n{sample}"));
    }
}

#[test]
fn the_config_for_those_who_come_from_elsewhere_is_valid() {
    let samples = blocks("docs/migrate.md", "toml");
    assert_eq!(samples.len(), 1);
    for sample in samples {
        promote::config::from_toml(&sample).unwrap_or_else(|error| panic!("{error}\n{sample}"));
    }
}

#[test]
fn nothing_foreign_is_pasted_into_a_shell() {
    let mut scripts = 0;
    for name in yaml_files() {
        for (key, text) in texts_of(name) {
            if ["run", "bash", "script", "entry"].contains(&key.as_str()) {
                scripts += 1;
                for paste in ["${{", "$[[", "$("] {
                    let own = paste == "$(" && text.ends_with("=$(mktemp -d)");
                    assert!(own || !text.contains(paste), "{name}: {text}");
                }
            }
        }
    }
    assert!(scripts > 10, "{scripts}");
}

#[test]
fn what_is_handed_on_is_known() {
    let inputs = |name: &str| -> BTreeSet<String> {
        let action = &load(name)[0];
        let keys = action["inputs"].as_hash().unwrap().keys();
        keys.map(|key| key.as_str().unwrap().to_owned()).collect()
    };
    let actions = [
        ("git-promote/git-promote@", inputs("action.yml")),
        ("git-promote/git-promote/ci/audit@", inputs("ci/audit/action.yml")),
        ("git-promote/git-promote/ci/promote@", inputs("ci/promote/action.yml")),
    ];
    let mut used = 0;
    let pages = ["docs/gate.md", "README.md", "docs/migrate.md"];
    let samples = pages.into_iter().flat_map(|page| blocks(page, "yaml"));
    let samples = samples.flat_map(|text| YamlLoader::load_from_str(&text).unwrap());
    for document in WORKFLOWS.iter().flat_map(|name| load(name)).chain(samples) {
        let Some(jobs) = document["jobs"].as_hash() else { continue };
        for step in jobs.values().flat_map(|job| job["steps"].clone().into_iter()) {
            let action = step["uses"].as_str().unwrap_or_default();
            let Some((_, known)) = actions.iter().find(|(name, _)| action.starts_with(name)) else {
                continue;
            };
            used += 1;
            for key in step["with"].as_hash().into_iter().flat_map(|with| with.keys()) {
                assert!(known.contains(key.as_str().unwrap()), "{action}: {key:?}");
            }
        }
    }
    assert!(used >= 3, "{used}");
    // The scripts know each variable that they are given.
    let variable = Regex::new(r"\bPROMOTE_[A-Z]+(_[A-Z]+)*\b").unwrap();
    let scripts: String = SCRIPTS.iter().map(|name| read(name)).collect();
    for name in yaml_files() {
        let text = read(name);
        for found in variable.find_iter(&text) {
            // The name of a secret is the user's.
            let secret = text[..found.start()].ends_with("secrets.");
            let found = found.as_str();
            let own = secret || ["PROMOTE_SOURCE", "PROMOTE_VERSION"].contains(&found);
            assert!(own || scripts.contains(&format!("${{{found}:-")), "{name}: {found}");
        }
    }
}

#[test]
fn the_version_that_is_named_is_the_one_of_the_package() {
    let version = Regex::new(r"\bv\d+\.\d+\.\d+\b").unwrap();
    let ours = concat!("v", env!("CARGO_PKG_VERSION"));
    let files = yaml_files().filter(|name| *name != ".github/workflows/ci.yml");
    for name in files {
        for found in version.find_iter(&read(name)) {
            assert_eq!(found.as_str(), ours, "{name}");
        }
    }
    for line in read("docs/gate.md").lines().filter(|line| line.contains("git-promote/git-promote"))
    {
        assert!(version.find_iter(line).all(|found| found.as_str() == ours), "{line}");
    }
}

/// The flags of each line that calls the program, by the command.
fn flags() -> Vec<(String, String, String)> {
    let calls = Regex::new(r"git[- ]promote (check|audit)\b([^#`|]*)").unwrap();
    let flag = Regex::new(r#"(?:^|[\s"])(--[a-z][a-z-]*)"#).unwrap();
    let mut found = Vec::new();
    let mut take = |place: &str, command: &str, text: &str| {
        for flags in flag.captures_iter(text) {
            found.push((place.to_owned(), command.to_owned(), flags[1].to_owned()));
        }
    };
    for name in ["ci/check.sh", "ci/audit.sh"] {
        let command = name.trim_start_matches("ci/").trim_end_matches(".sh");
        let own = |line: &&str| {
            ["set -- check", "set -- audit", "set -- \"$@\"", "\"$program\" \"$@\""]
                .iter()
                .any(|start| line.contains(start))
        };
        for line in read(name).lines().filter(own) {
            take(name, command, &line.replace("set -- ", ""));
        }
    }
    let pages = ["docs/gate.md", "hooks/pre-receive", ".pre-commit-hooks.yaml", "README.md"];
    for name in yaml_files().chain(pages) {
        for call in calls.captures_iter(&read(name)) {
            take(name, &call[1], &call[2]);
        }
    }
    found
}

#[test]
fn every_flag_that_is_used_is_there() {
    let help = |command: &str| {
        let output = Command::new(PROGRAM).args([command, "--help"]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let helps = [("check", help("check")), ("audit", help("audit"))];
    let found = flags();
    let kinds: BTreeSet<&str> = found.iter().map(|(_, _, flag)| flag.as_str()).collect();
    for flag in ["--adopt", "--report", "--exit-zero", "--pre-receive", "--base", "--output"] {
        assert!(kinds.contains(flag), "{flag} is not found in {found:?}");
    }
    for (place, command, flag) in found {
        let (_, help) = helps.iter().find(|(name, _)| *name == command).unwrap();
        if command == "audit" && !help.contains("promote audit [") {
            crate::krew::skip("there is no command audit, its flags are not compared");
            continue;
        }
        let shown = |end: &str| help.contains(&format!(" {flag}{end}"));
        assert!(shown(" ") || shown(",") || shown("\n") || shown("["), "{place}: {command} {flag}");
    }
}

#[test]
fn every_kind_of_report_that_is_used_is_there() {
    let kinds = Regex::new(r"--report[= ]([a-z]+)=").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut seen = BTreeSet::new();
    for text in [read("ci/check.sh"), read("docs/gate.md")] {
        seen.extend(kinds.captures_iter(&text).map(|found| found[1].to_owned()));
    }
    assert!(seen.len() >= 4, "{seen:?}");
    for kind in seen {
        let report = format!("--report={kind}=x");
        let output =
            Command::new(PROGRAM).args(["check", &report]).current_dir(&dir).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(error.contains("not a git repository"), "{kind}: {error}");
    }
}

#[test]
fn the_scripts_are_as_they_should_be() {
    let Ok(output) = Command::new("shellcheck").arg("--version").output() else {
        crate::krew::skip("shellcheck is not installed, the scripts were only parsed");
        for name in SCRIPTS {
            let parsed = Command::new("sh").arg("-n").arg(file(name)).output().unwrap();
            assert!(parsed.status.success(), "{name}");
        }
        return;
    };
    assert!(output.status.success());
    let output = Command::new("shellcheck").args(SCRIPTS.map(file)).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

/// `gh` as far as the script calls it: an issue is a directory.
const GH: &str = r#"#!/bin/sh
echo "$*" >>"$STATE/calls"
case "$1 $2" in
"issue list") if [ -e "$STATE/issue" ]; then echo 7; fi ;;
"issue view") cat "$STATE/issue" ;;
"issue edit") cp "$5" "$STATE/issue" ;;
"issue create") for last; do :; done; cp "$last" "$STATE/issue" ;;
"issue close") mv "$STATE/issue" "$STATE/closed" ;;
"label create") ;;
*) exit 1 ;;
esac
"#;

#[test]
fn one_issue_is_opened_renewed_and_closed() {
    let place = Place::new();
    let root = place.root();
    fs::create_dir(root.join("bin")).unwrap();
    for (name, text) in [("gh", GH), ("audit", "#!/bin/sh\ncat \"$STATE/table\"\nexit $CODE\n")] {
        let path = root.join("bin").join(name);
        fs::write(&path, text).unwrap();
        crate::testkit::executable(&path);
    }
    let run = |code: &str, table: &str| {
        fs::write(root.join("table"), table).unwrap();
        let _ = fs::remove_file(root.join("calls"));
        let mut command = Command::new("sh");
        command.arg("-c").arg("PATH=$STATE/bin:$PATH exec sh \"$0\"").arg(file("ci/audit.sh"));
        command
            .env("STATE", &root)
            .env("CODE", code)
            .env("PROMOTE_PROGRAM", root.join("bin/audit"));
        let ran = place.attempt(&root, command.env("GITHUB_OUTPUT", root.join("output")));
        let verbs = place.text("calls");
        let verbs = verbs.lines().map(|line| line.split(' ').nth(1).unwrap().to_owned());
        (ran.code, verbs.collect::<Vec<_>>().join(" "))
    };
    let ended = |code, verbs: &str| (code, verbs.to_owned());
    assert_eq!(run("0", ""), ended(0, "list"));
    assert_eq!(run("1", "| api |\n"), ended(0, "list create create"));
    assert!(place.text("issue").contains("| api |"), "{}", place.text("issue"));
    assert_eq!(run("1", "| api |\n"), ended(0, "list view"), "nothing to renew");
    assert_eq!(run("1", "| web |\n"), ended(0, "list view edit"));
    assert!(place.text("issue").contains("| web |"));
    assert_eq!(run("8", ""), ended(8, ""), "the issue is left as it is");
    assert_eq!(run("1", &"x".repeat(70_000)), ended(0, "list view edit"));
    assert!(place.text("issue").len() < 65_536 && place.text("issue").contains("cut off"));
    assert_eq!(run("0", ""), ended(0, "list close"));
    assert!(place.text("output").ends_with("found=true\nfound=false\n"));
    assert_eq!(run("0", ""), ended(0, "list"));
}
