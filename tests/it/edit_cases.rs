//! Worked cases of edits: a file before, what is asked for, the file after.
//!
//! A case is a folder with `args.txt` ("key: value" lines) and the file before
//! and after. `fixtures/yaml/` are our own (`in.yaml`, `out.yaml`); the second
//! set is read where it lies beside the checkout.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use promote::kustomize::{Change, set_pins};
use promote::model::{FileChange, Pin, RepoPath, Target};

/// One case as it lies on disk.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) args: BTreeMap<String, String>,
    pub(crate) before: Vec<u8>,
    pub(crate) after: Vec<u8>,
}

impl Case {
    fn read(dir: &Path) -> Self {
        let args = fs::read_to_string(dir.join("args.txt")).unwrap();
        let args = args
            .lines()
            .filter_map(|line| line.split_once(": "))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        let any = |names: [&str; 2]| names.iter().find_map(|name| fs::read(dir.join(name)).ok());
        let before = any(["in.yaml", "input.yaml"]).unwrap();
        let after = any(["out.yaml", "expected.yaml"]).unwrap_or_else(|| before.clone());
        let name = dir.file_name().unwrap().to_string_lossy().into_owned();
        Self { name, args, before, after }
    }

    pub(crate) fn arg(&self, key: &str) -> Option<&str> {
        self.args.get(key).map(String::as_str)
    }

    pub(crate) fn path(&self) -> RepoPath {
        RepoPath::normalize(self.arg("file").unwrap()).unwrap()
    }

    fn pin(&self) -> Result<Pin, String> {
        let tag = self.arg("tag").map(str::parse).transpose();
        let digest = self.arg("digest").map(str::parse).transpose();
        Ok(Pin {
            tag: tag.map_err(|error: promote::model::VersionError| error.to_string())?,
            digest: digest.map_err(|error: promote::model::VersionError| error.to_string())?,
        })
    }

    fn target(&self) -> Target {
        let own = |key: &str| self.arg(key).unwrap().to_owned();
        match self.arg("mode").unwrap() {
            "kustomize" => Target::Image { name: own("image") },
            "marker" => Target::Policy { policy: own("policy") },
            "manifest" => Target::Manifest { repository: own("image") },
            "field" => Target::Field {
                path: own("field"),
                image: self.arg("kind") == Some("image"),
                repository: self.arg("image").map(str::to_owned),
            },
            "ref" => Target::Ref { old: own("old") },
            mode => panic!("{}: unknown mode {mode}", self.name),
        }
    }

    pub(crate) fn run(&self, bytes: &[u8]) -> Result<FileChange, String> {
        let change = Change {
            target: self.target(),
            pin: self.pin()?,
            repository: self.arg("repo").map(str::to_owned),
        };
        set_pins(&self.path(), bytes, &[change]).map_err(|error| error.to_string())
    }
}

/// All cases below `dir`, sorted by name.
pub(crate) fn cases(dir: &Path) -> Vec<Case> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let mut dirs: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    dirs.retain(|dir| dir.join("args.txt").is_file());
    dirs.sort();
    dirs.iter().map(|dir| Case::read(dir)).collect()
}

pub(crate) fn own_cases() -> Vec<Case> {
    cases(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/yaml"))
}

fn check(case: &Case) -> Result<(), String> {
    let result = case.arg("result").unwrap();
    match (case.run(&case.before), result) {
        (Err(error), "error") => match case.arg("message") {
            Some(part) if !error.contains(part) => Err(format!("says `{error}`, not `{part}`")),
            _ => Ok(()),
        },
        (Ok(_), "error") => Err("was not refused".to_owned()),
        (Err(error), _) => Err(format!("refused: {error}")),
        (Ok(change), _) => check_change(case, &change, result),
    }
}

fn check_change(case: &Case, change: &FileChange, result: &str) -> Result<(), String> {
    if change.new != case.after {
        let shown = String::from_utf8_lossy(&change.new).into_owned();
        return Err(format!("other bytes:\n{shown}"));
    }
    if (result == "unchanged") != change.edits.is_empty() {
        return Err(format!("{} edits", change.edits.len()));
    }
    if spliced(change) != case.after {
        return Err("the edits do not lead to the new bytes".to_owned());
    }
    let again = case.run(&change.new)?;
    if again.edits.is_empty() { Ok(()) } else { Err("a second run changes it again".to_owned()) }
}

/// The new bytes as they follow from the edits alone.
pub(crate) fn spliced(change: &FileChange) -> Vec<u8> {
    let old = change.old.as_ref().unwrap();
    let mut new = Vec::new();
    let mut done = 0;
    for edit in &change.edits {
        new.extend_from_slice(&old[done..edit.span.start]);
        new.extend_from_slice(&edit.replacement);
        done = edit.span.end;
    }
    new.extend_from_slice(&old[done..]);
    new
}

fn check_all(cases: &[Case]) {
    let failed: Vec<String> = cases
        .iter()
        .filter_map(|case| check(case).err().map(|error| format!("{}: {error}", case.name)))
        .collect();
    assert!(failed.is_empty(), "{} of {} fail\n{}", failed.len(), cases.len(), failed.join("\n"));
}

#[test]
fn our_cases_come_out_byte_for_byte() {
    let cases = own_cases();
    assert!(cases.len() >= 80, "only {} cases", cases.len());
    check_all(&cases);
}

#[test]
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn shared_cases_come_out_byte_for_byte() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let beside = ["../shared/cases/edit", "../../shared/cases/edit"];
    let cases = beside.iter().map(|dir| cases(&root.join(dir))).find(|cases| !cases.is_empty());
    match cases {
        Some(cases) => check_all(&cases),
        None => eprintln!("skip: no shared cases beside the checkout"),
    }
}
