//! What the gate answers to every case of `fixtures/check`, and the proof by
//! kustomize that the hostile ones are dangerous.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex, OnceLock};

use serde_json::Value;
use tempfile::TempDir;

use crate::check_cases::{Case, Expect, Node, Proof, Tree, cases, root};
use crate::check_history::{Ids, import};
use crate::krew::skip;
use crate::render_compare::kustomize;
use crate::testkit::environment;

/// Asks each case on two threads; gives what they complain of, a line a case.
fn ask(cases: &[Case], question: impl Fn(&Case) -> Result<(), String> + Sync) -> Vec<String> {
    let open = Mutex::new(cases.iter());
    let found = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let next = open.lock().unwrap().next();
                    let Some(case) = next else { return };
                    if let Err(said) = question(case) {
                        found.lock().unwrap().push(format!("{:40} {said}", case.name));
                    }
                }
            });
        }
    });
    let mut found = found.into_inner().unwrap();
    found.sort();
    found
}

fn table(what: &str, lines: &[String]) {
    assert!(lines.is_empty(), "{} cases {what}:\n{}", lines.len(), lines.join("\n"));
}

/// What kustomize makes of a directory; the same question is asked once.
#[derive(Default)]
struct Renders {
    known: Mutex<HashMap<u64, Arc<OnceLock<Rendered>>>>,
}

type Rendered = Result<String, String>;

impl Renders {
    fn get(&self, tree: &Tree, dir: &str, flags: &[String]) -> Rendered {
        let mut hasher = DefaultHasher::new();
        (tree, dir, flags).hash(&mut hasher);
        let known = Arc::clone(self.known.lock().unwrap().entry(hasher.finish()).or_default());
        known.get_or_init(|| rendered(tree, dir, flags)).clone()
    }
}

fn rendered(tree: &Tree, dir: &str, flags: &[String]) -> Rendered {
    let top = tempfile::Builder::new().prefix("promote-check-").tempdir().unwrap();
    let place = top.path().canonicalize().unwrap().join("repo");
    materialize(tree, &place);
    let dir = place.join(dir);
    if dir.is_file() {
        return Ok(fs::read_to_string(dir).unwrap());
    }
    if !dir.is_dir() {
        return Err("no such directory".to_owned());
    }
    complete(&dir);
    let (program, arguments) = kustomize().unwrap().split_first().unwrap();
    let output = Command::new("timeout")
        .args(["20", program])
        .args(arguments)
        .args(flags)
        .arg(dir)
        .env("HOME", top.path())
        // What is remote is refused at once.
        .env("https_proxy", "http://127.0.0.1:9")
        .env("GIT_ALLOW_PROTOCOL", "none")
        .output()
        .unwrap();
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

fn materialize(tree: &Tree, place: &Path) {
    for (path, node) in tree {
        let file = place.join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        match node {
            Node::File(bytes) => fs::write(&file, bytes).unwrap(),
            Node::Link(target) => link(target, &file),
            Node::Submodule => fs::create_dir_all(&file).unwrap(),
        }
        if file.extension().is_some_and(|end| end == "sh") {
            executable(&file);
        }
    }
}

#[cfg(unix)]
fn link(target: &str, file: &Path) {
    std::os::unix::fs::symlink(target, file).unwrap();
}

#[cfg(not(unix))]
fn link(target: &str, file: &Path) {
    fs::write(file, target).unwrap();
}

#[cfg(unix)]
fn executable(file: &Path) {
    crate::testkit::executable(file);
}

#[cfg(not(unix))]
fn executable(_: &Path) {}

/// Flux runs all manifests of a directory without a kustomization.
fn complete(dir: &Path) {
    let names: Vec<String> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let own = ["kustomization.yaml", "kustomization.yml", "Kustomization"];
    if !names.iter().any(|name| own.contains(&name.as_str())) {
        let lines: String = names.iter().flat_map(|name| ["- ", name, "\n"]).collect();
        fs::write(dir.join("kustomization.yaml"), format!("resources:\n{lines}")).unwrap();
    }
}

/// Whether an image stands in a text: not as a part of a longer one.
fn runs(text: &str, image: &str) -> bool {
    let part = |c: char| c.is_ascii_alphanumeric() || "._-/:@+".contains(c);
    text.match_indices(image).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + image.len()..].chars().next();
        !before.is_some_and(part) && !after.is_some_and(part)
    })
}

/// The same directory in the environment before.
fn before(dir: &str) -> Option<String> {
    [("prod", "staging"), ("staging", "dev")].into_iter().find_map(|(env, before)| {
        let mut parts: Vec<&str> = dir.split('/').collect();
        let at = parts.iter().position(|part| *part == env)?;
        parts[at] = before;
        Some(parts.join("/"))
    })
}

fn bites(case: &Case, renders: &Renders) -> Result<(), String> {
    let tree = |at: usize| &case.commits[at].tree;
    let get = |at: usize, dir: &str| renders.get(tree(at), dir, &case.flags);
    let head = |dir: &str| get(case.head(), dir);
    let base = case.base();
    if !case.flags.is_empty() && kustomize().is_some_and(|program| program[0] == "kubectl") {
        skip(&format!("kubectl does not know the flags of {}", case.name));
        return Ok(());
    }
    match &case.proof {
        Proof::None | Proof::Unrendered => Ok(()),
        Proof::Bites(dir, image) => {
            new_in(&head(dir)?, image)?;
            old_is_clean(case, dir, |dir| get(base, dir))
        }
        Proof::Hides(dir, image) => {
            let later = case.find("later").ok_or("no commit `later`")?;
            if head(dir).is_ok_and(|text| runs(&text, image)) {
                return Err("it runs at the head already".to_owned());
            }
            new_in(&get(later, dir)?, image)?;
            old_is_clean(case, dir, |dir| get(base, dir))
        }
        Proof::Breaks(dir) => {
            get(base, dir)?;
            head(dir).err().map(drop).ok_or_else(|| "kustomize renders it".to_owned())
        }
    }
}

fn new_in(text: &str, image: &str) -> Result<(), String> {
    if runs(text, image) {
        return Ok(());
    }
    let images = text.lines().filter(|line| line.contains("image")).map(str::trim);
    Err(format!("does not run {image} but {}", images.collect::<Vec<_>>().join(", ")))
}

/// Neither the directory nor the one of the environment before runs the image
/// at the base.
fn old_is_clean(case: &Case, dir: &str, get: impl Fn(&str) -> Rendered) -> Result<(), String> {
    let (Proof::Bites(_, image) | Proof::Hides(_, image)) = &case.proof else { return Ok(()) };
    for dir in [Some(dir.to_owned()), before(dir)].into_iter().flatten() {
        match get(&dir) {
            Ok(text) if runs(&text, image) => return Err(format!("{dir} ran it before")),
            Err(said) if !said.contains("no such directory") => return Err(said),
            _ => {}
        }
    }
    Ok(())
}

#[test]
fn every_hostile_case_bites() {
    if kustomize().is_none() {
        skip("neither kustomize nor kubectl of 5.5, no hostile case was rendered by it");
        return;
    }
    let renders = Renders::default();
    let found = ask(&cases(), |case| bites(case, &renders));
    table("do not bite", &found);
}

/// A harmless change leaves every overlay of an app in a state that renders.
#[test]
fn every_harmless_case_renders() {
    if kustomize().is_none() {
        skip("neither kustomize nor kubectl of 5.5, no harmless case was rendered by it");
        return;
    }
    let renders = Renders::default();
    let found = ask(&cases(), |case| {
        let apart = case.hostile() || case.proof == Proof::Unrendered;
        let changed = if apart { BTreeSet::new() } else { overlays(case) };
        changed.iter().try_for_each(|dir| {
            renders.get(&case.commits[case.head()].tree, dir, &case.flags).map(drop)
        })
    });
    table("do not render", &found);
}

/// The overlays at the head that are the last ones or were changed.
fn overlays(case: &Case) -> BTreeSet<String> {
    let tree = |at: usize| &case.commits[at].tree;
    let (base, head) = (tree(case.base()), tree(case.head()));
    let dir = |path: &String| {
        let (dir, file) = path.rsplit_once('/')?;
        let last = dir.ends_with("/prod") || base.get(path) != head.get(path);
        (last && dir.contains("/overlays/") && file == "kustomization.yaml").then(|| dir.to_owned())
    };
    head.keys().filter_map(dir).collect()
}

#[test]
fn there_are_enough_cases() {
    let cases = cases();
    let hostile = cases.iter().filter(|case| case.hostile()).count();
    assert!(hostile >= 110, "only {hostile} hostile cases");
    assert!(cases.len() - hostile >= 45, "only {} harmless cases", cases.len() - hostile);
    for case in &cases {
        assert!(!case.title.is_empty(), "{} does not say why", case.name);
        assert_eq!(case.name.starts_with("ok-"), !case.hostile(), "{}", case.name);
        let proven = case.proof != Proof::None;
        assert!(proven || !case.hostile(), "{} is not proven", case.name);
        assert_eq!(case.covers.is_empty(), !case.hostile(), "{} covers nothing", case.name);
    }
    let mut known = BTreeMap::new();
    for case in &cases {
        let commits = case.commits.iter();
        let facts: Vec<_> =
            commits.map(|commit| (&commit.parents, &commit.message, &commit.tree)).collect();
        let twin = known.insert((facts, case.replace, case.trees), &case.name);
        assert!(twin.is_none(), "{} is {twin:?} once more", case.name);
    }
}

/// The table of the README: each way past a naive check with its cases.
/// `PROMOTE_UPDATE_FIXTURES=1` fills it in.
#[test]
fn every_way_has_a_case() {
    let file = root().join("README.md");
    let text = fs::read_to_string(&file).unwrap();
    let cases = cases();
    let mut ways = BTreeSet::new();
    let mut new = String::new();
    let mut listed = false;
    for line in text.lines() {
        listed |= line.starts_with("## ");
        match line.strip_prefix("| ").and_then(|row| row.split_once(" | ")) {
            Some((way, _)) if listed && way != "way" => {
                let of = |case: &&Case| case.covers.iter().any(|covered| covered == way);
                let names: Vec<_> = cases.iter().filter(of).map(|case| case.name.clone()).collect();
                assert!(!names.is_empty(), "no case for `{way}`");
                writeln!(new, "| {way} | {} |", names.join(", ")).unwrap();
                ways.insert(way.to_owned());
            }
            _ => writeln!(new, "{line}").unwrap(),
        }
    }
    let unknown = cases.iter().flat_map(|case| &case.covers).filter(|way| !ways.contains(*way));
    assert_eq!(unknown.collect::<Vec<_>>(), Vec::<&String>::new(), "not in the table");
    if std::env::var_os("PROMOTE_UPDATE_FIXTURES").is_some() {
        fs::write(&file, &new).unwrap();
    } else {
        assert_eq!(text, new, "the table is stale");
    }
}

/// Runs the gate on a case.
fn judged(case: &Case, ids: &Ids, dir: &TempDir) -> Result<(), String> {
    let id = |at: usize| ids.of(case, at);
    let (base, head) = (id(case.base()), id(case.head()));
    let output = Command::new(env!("CARGO_BIN_EXE_git-promote"))
        .args(["check", "--base", &base, "--head", &head, "-o", "json"])
        .args(case.at.iter().flat_map(|at| ["--at", at.as_str()]))
        .current_dir(dir.path().join("repo"))
        .envs(environment(dir.path()))
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    let document: Value = serde_json::from_slice(&output.stdout).map_err(|_| {
        let said = error.lines().next().unwrap_or_default();
        format!("no document: {:?}, {said}", output.status)
    })?;
    let verdict = document["verdict"].as_str().unwrap_or_default();
    let code = if verdict == "pass" { 0 } else { 3 };
    if output.status.code() != Some(code) {
        return Err(format!("{verdict} with {:?}", output.status));
    }
    if document["base"] != *base || document["head"] != *head {
        return Err("the verdict is about other objects".to_owned());
    }
    let expected = &case.expect;
    let fits = match expected.verdict.as_str() {
        "refused" => verdict == "deny" || verdict == "unverifiable",
        one => verdict == one,
    };
    let rules = rules(&document);
    if fits && rules_fit(expected, &rules) {
        return Ok(());
    }
    Err(format!("{verdict} {rules:?} instead of {} {:?}", expected.verdict, expected.rules))
}

/// The rules whose answer is neither a pass nor a skip, and what they say.
fn rules(document: &Value) -> BTreeMap<String, String> {
    let findings = document["findings"].as_array().into_iter().flatten();
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
    findings
        .map(|finding| (text(finding, "result"), finding))
        .filter(|(result, _)| result != "pass" && result != "skip")
        .map(|(result, finding)| {
            (text(finding, "rule"), format!("{result} {}", text(finding, "message")))
        })
        .collect()
}

/// One of the expected rules is among them, if there are any; a pass has
/// nothing that refuses.
fn rules_fit(expected: &Expect, found: &BTreeMap<String, String>) -> bool {
    let quiet = |said: &String| said.starts_with("warn") || said.starts_with("overridden");
    let known = expected.rules.is_empty() || expected.rules.iter().any(|r| found.contains_key(r));
    known && (expected.verdict != "pass" || found.values().all(quiet))
}

#[test]
fn the_gate_answers_as_expected() {
    let cases = cases();
    let (dir, ids) = import(&cases);
    table("are judged wrongly", &ask(&cases, |case| judged(case, &ids, &dir)));
}
