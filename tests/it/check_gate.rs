//! The gate in process, on trees in memory: what `check` answers for two
//! trees without history.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use promote::config::{self, Config, PROMOTE_TOML};
use promote::gate::{self, Case, Foreign, Past};
use promote::model::{EnvironmentName, Finding, MemorySnapshot, Outcome, RepoPath};
use promote::plan;
use promote::proof::{self, Sides};

use crate::check_cases::{Node, shared};

/// Paths and bytes.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// How the bytes of a symbolic link start; what it says follows.
const LINK: &[u8] = b"\0link ";

/// A symbolic link among files.
pub(crate) fn linked(target: &str) -> Vec<u8> {
    [LINK, target.as_bytes()].concat()
}

/// What a symbolic link says; `None` for a file.
pub(crate) fn target(bytes: &[u8]) -> Option<String> {
    bytes.strip_prefix(LINK).map(|target| String::from_utf8_lossy(target).into_owned())
}

/// The files of a shared tree.
pub(crate) fn files_of(name: &str) -> Files {
    let file = |(path, node)| match node {
        Node::File(bytes) => (path, bytes),
        Node::Link(target) => (path, linked(&target)),
        Node::Submodule => panic!("{name}: {path} is no file"),
    };
    shared(name).into_iter().map(file).collect()
}

pub(crate) fn path(text: &str) -> RepoPath {
    RepoPath::normalize(text).unwrap()
}

pub(crate) fn snapshot(files: &Files) -> MemorySnapshot {
    let plain = files.iter().filter(|(_, bytes)| target(bytes).is_none());
    let links = files.iter().filter_map(|(at, bytes)| Some((path(at), target(bytes)?)));
    MemorySnapshot::new(plain.map(|(at, bytes)| (path(at), bytes.clone()))).with_links(links)
}

pub(crate) fn config(files: &Files) -> Config {
    let promote = files.get(PROMOTE_TOML).map(Vec::as_slice);
    config::from_files(promote, None).unwrap().unwrap()
}

/// The paths that differ.
pub(crate) fn changed(base: &Files, head: &Files) -> BTreeSet<String> {
    let all = base.keys().chain(head.keys());
    all.filter(|path| base.get(*path) != head.get(*path)).cloned().collect()
}

/// What the gate finds in a change. There is all of the history, and nothing
/// in it: so no rule misses any, and nothing is let in as a rollback.
pub(crate) fn findings(base: &Files, head: &Files) -> Vec<Finding> {
    let config = config(base);
    let (before, after) = (snapshot(base), snapshot(head));
    let changed: Vec<RepoPath> = changed(base, head).iter().map(|at| path(at)).collect();
    let sides = Sides {
        base: &before,
        head: &after,
        config: &config,
        changed: &changed,
        odd_names: 0,
        search: true,
    };
    let proof = proof::prove(&sides).unwrap();
    let promotions = plan::between(&config, &proof.before, &proof.after);
    let targets: BTreeSet<EnvironmentName> =
        promotions.iter().map(|planned| planned.promotion.to.clone()).collect();
    let case = Case {
        config: &config,
        inventory: &proof.before,
        promotions: &promotions,
        current: &[],
        targets: &targets.into_iter().collect::<Vec<_>>(),
        proof: &proof,
        check: Some(Foreign {
            head: &proof.after,
            holds: None,
            astray: &[],
            changed: &changed,
            base: "HEAD",
            cure: "",
            returned: &[],
            signers: &gate::Signers::default(),
        }),
        timelines: &BTreeMap::new(),
        ran: &BTreeMap::new(),
        dates: &BTreeMap::new(),
        lineages: &BTreeMap::new(),
        base: "",
        trailers: &[],
        holds: &config::Holds::default(),
        history: Past::Whole,
        rollback: false,
        waivers: &[],
        answers: None,
        now: 0,
    };
    gate::evaluate(&case)
}

/// Whether a finding refuses, and how.
pub(crate) fn worst(findings: &[Finding]) -> Outcome {
    let any = |outcome| findings.iter().any(|finding| finding.outcome == outcome);
    if any(Outcome::Fail) {
        Outcome::Fail
    } else if any(Outcome::Unverifiable) {
        Outcome::Unverifiable
    } else {
        Outcome::Pass
    }
}

/// What refuses, in words.
pub(crate) fn refusals(findings: &[Finding]) -> Vec<String> {
    findings
        .iter()
        .filter(|finding| matches!(finding.outcome, Outcome::Fail | Outcome::Unverifiable))
        .map(|finding| format!("{} {:?} {:?}", finding.rule, finding.path, finding.message))
        .collect()
}

/// Writes files below a directory.
pub(crate) fn write(files: &Files, dir: &Path) {
    for (name, bytes) in files {
        let file = dir.join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        match target(bytes) {
            #[cfg(unix)]
            Some(target) => std::os::unix::fs::symlink(target, file).unwrap(),
            _ => std::fs::write(file, bytes).unwrap(),
        }
    }
}
