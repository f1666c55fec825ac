//! Large hostile files, given to the built program under limits of memory and
//! of processor time.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;

use crate::families::{Fate, families, text};
use crate::forms::{FORMS, Form};

/// Megabytes that the program may take, beside its own code and its stacks.
const MEMORY: u64 = 256;
/// Seconds of processor time; without optimization it takes longer.
const SECONDS: u64 = if cfg!(debug_assertions) { 20 } else { 2 };

fn args(form: &Form) -> Option<Vec<&'static str>> {
    match form.name {
        "kustomization" => Some(vec!["edit", form.file, "--image", "a/web", "--tag", "v2"]),
        "marker" => {
            Some(vec!["edit", form.file, "--policy", "flux:web", "--repo", "a/web", "--tag", "v2"])
        }
        "promote.toml" => Some(vec!["config", "validate", form.file]),
        _ => None,
    }
}

/// What is wrong with how the program takes this text.
fn run(form: &Form, bytes: &[u8], fate: Fate) -> Option<String> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join(form.file);
    fs::write(&file, bytes).unwrap();
    let program = env!("CARGO_BIN_EXE_git-promote");
    let code = fs::metadata(program).unwrap().len() >> 20;
    let kilobytes = (MEMORY + code + 16) << 10;
    let limits = format!("ulimit -v {kilobytes} && ulimit -t {SECONDS} && exec \"$0\" \"$@\"");
    let output = Command::new("sh")
        .args(["-c", &limits, program])
        .args(args(form)?)
        .current_dir(dir.path())
        .env("GIT_CEILING_DIRECTORIES", dir.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let first = said.lines().next().unwrap_or_default();
    let after = fs::read(&file).unwrap();
    let place = regex::Regex::new(&format!(r"{}:\d+:\d+: ", form.file)).unwrap();
    match output.status.code() {
        None => Some(format!("ended by signal {:?}: {first}", output.status.signal())),
        Some(0) if fate == Fate::Refused => Some("it is not refused".to_owned()),
        Some(0) if form.file == "promote.toml" => None,
        Some(0) => {
            (after.len() != bytes.len() || after == bytes).then(|| "edited wrong".to_owned())
        }
        Some(8) if after != bytes => Some("refused and changed".to_owned()),
        Some(8) if fate == Fate::Edited && form.file != "promote.toml" => {
            Some(format!("it is refused: {first}"))
        }
        Some(8) if place.is_match(first) => None,
        Some(code) => Some(format!("exit {code}: {first}")),
    }
}

#[test]
fn large_hostile_files_stay_within_bounds() {
    let mut work = Vec::new();
    for family in families() {
        for size in family.large {
            work.push((family.name, family.fate, *size));
        }
    }
    let all = families();
    let wrong = std::sync::Mutex::new(Vec::new());
    let next = std::sync::atomic::AtomicUsize::new(0);
    let one = || {
        while let Some((name, fate, size)) =
            work.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed))
        {
            let family = all.iter().find(|family| family.name == *name).unwrap();
            for form in FORMS.iter().filter(|form| args(form).is_some()) {
                let bytes = text(family, form.head, *size);
                if let Some(why) = run(form, &bytes, *fate) {
                    wrong.lock().unwrap().push(format!("{name} ({size}) as {}: {why}", form.name));
                }
            }
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(one);
        scope.spawn(one);
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
