//! The one verifier: is what a fault left allowed, and does one more run lead
//! to exactly one promotion?

use std::path::Path;
use std::process::Output;

use crate::fault::Fault;
use crate::look::{End, Look, Tip, litter, say, torn_reflog};
use crate::scene::{overlay, target};
use crate::trace::{Kind, Point};

/// What no run may leave, in a word and in detail.
#[derive(Debug, Clone)]
pub(crate) struct Violation {
    pub(crate) class: &'static str,
    pub(crate) what: String,
}

impl Violation {
    /// Enough of it for a list.
    pub(crate) fn short(&self) -> String {
        self.what.chars().take(400).collect::<String>().trim().replace('\n', "\n      ")
    }
}

/// What is promoted, and how it was before.
pub(crate) struct Case<'a> {
    pub(crate) apps: &'a [&'a str],
    pub(crate) end: &'a End,
    pub(crate) before: Look,
}

/// How the run was struck, as far as it matters for what it may answer.
#[derive(Clone, Copy)]
pub(crate) struct Stroke<'a> {
    /// None where the surroundings were broken and not a call.
    pub(crate) point: Option<&'a Point>,
    pub(crate) fault: Fault,
}

/// How a process ended, as a shell says it.
pub(crate) fn code(output: &Output) -> i32 {
    use std::os::unix::process::ExitStatusExt as _;
    let status = output.status;
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(-1)
}

impl Case<'_> {
    fn is_target(&self, path: &str) -> bool {
        self.apps.iter().any(|app| target(app) == path)
    }

    /// Which tag a target holds; None where it is neither.
    fn tag(&self, look: &Look, app: &str) -> Option<&'static str> {
        let (mode, bytes) = look.files.get(&target(app))?;
        let before = self.before.files.get(&target(app)).map(|(mode, _)| mode);
        let tags = ["v1", "v2"].into_iter();
        tags.filter(|_| Some(mode) == before).find(|tag| *bytes == overlay(app, tag).into_bytes())
    }

    /// Whether all targets hold this tag.
    fn all_hold(&self, look: &Look, tag: &str) -> bool {
        self.apps.iter().all(|app| self.tag(look, app) == Some(tag))
    }

    /// Whether the index has every target as HEAD and its file have it.
    fn entries_follow(&self, root: &Path) -> bool {
        let mut args = vec!["status", "--porcelain", "--"];
        let paths: Vec<String> = self.apps.iter().map(|app| target(app)).collect();
        args.extend(paths.iter().map(String::as_str));
        say(root, &args).is_empty()
    }

    /// What holds whatever happened: objects, tip, files, the user's work.
    fn always(&self, look: &Look, found: &mut Vec<Violation>) {
        let mut add = |class, what| found.push(Violation { class, what });
        if !look.fsck.is_empty() {
            add("fsck", look.fsck.clone());
        }
        if let Tip::Other(log) = &look.tip {
            add("tip", log.clone());
        }
        for app in self.apps {
            if self.tag(look, app).is_none() {
                add("target", format!("{}: {:?}", target(app), look.files.get(&target(app))));
            }
        }
        for (path, content) in &self.before.files {
            if !self.is_target(path) && look.files.get(path) != Some(content) {
                add("work", format!("the file {path} changed"));
            }
        }
        let others = |look: &Look| {
            let mut entries = look.entries.clone();
            entries.retain(|path, _| !self.is_target(path));
            entries
        };
        if others(look) != others(&self.before) {
            let now = others(look);
            let lost =
                others(&self.before).into_iter().find(|(path, entry)| now.get(path) != Some(entry));
            add("work", format!("entries of the index changed: {lost:?}"));
        }
    }

    /// Judges the state after a fault, and what the run answered.
    pub(crate) fn struck(
        &self,
        root: &Path,
        output: &Output,
        stroke: Stroke<'_>,
    ) -> Vec<Violation> {
        let look = Look::at(root, self.end);
        let mut found = Vec::new();
        self.always(&look, &mut found);
        let code = code(output);
        let left = litter(root, &self.before, self.end);
        let followed = self.all_hold(&look, "v2") && self.entries_follow(root);
        let same = self.all_hold(&look, "v1") && look.entries == self.before.entries;
        let lie = match (code, &look.tip) {
            (137, _) if stroke.fault == Fault::Kill => None,
            (153, _) if stroke.point.is_none() => None,
            (0, Tip::New) if followed && !left.iter().any(|name| holds_up(name)) => None,
            (0, _) => Some("success"),
            (9, Tip::New) if !followed || !left.is_empty() || may_not_last(stroke) => None,
            (9, Tip::New) if about_output(stroke) => None,
            (9, _) => Some("something left"),
            (101 | 134 | 70, _) => Some("a panic"),
            (130 | 143, Tip::Old) if !left.is_empty() => Some("a clean stop"),
            (1.., Tip::Old) if same => None,
            (1.., Tip::New) if about_output(stroke) && followed => None,
            _ => Some("a failure"),
        };
        if let Some(lie) = lie {
            let said = String::from_utf8_lossy(&output.stderr);
            let what = format!(
                "exit {code} tells of {lie}: tip {:?}, followed {followed}, same {same}, \
                 left {left:?}: {said}",
                look.tip
            );
            found.push(Violation { class: "exit", what });
        }
        found
    }

    /// Judges a second run that was struck, after one that had been killed: it
    /// may not have got far, but what it says is true.
    pub(crate) fn struck_again(
        &self,
        root: &Path,
        output: &Output,
        stroke: Stroke<'_>,
    ) -> Vec<Violation> {
        if code(output) == 0 {
            return self.recovered(root, output);
        }
        let look = Look::at(root, self.end);
        let mut found = Vec::new();
        self.always(&look, &mut found);
        let code = code(output);
        let killed = code == 137 && stroke.fault == Fault::Kill;
        if !killed && matches!(code, 101 | 134 | 137 | 70) {
            let said = String::from_utf8_lossy(&output.stderr);
            found.push(Violation { class: "exit", what: format!("exit {code}: {said}") });
        }
        found
    }

    /// Judges what a recovery of its own left: all of the old, or all of the new.
    pub(crate) fn recovered(&self, root: &Path, output: &Output) -> Vec<Violation> {
        let look = Look::at(root, self.end);
        let mut found = Vec::new();
        self.always(&look, &mut found);
        let mut add = |what| found.push(Violation { class: "recovery", what });
        if code(output) != 0 {
            add(format!("exit {}: {}", code(output), String::from_utf8_lossy(&output.stderr)));
        }
        let left = litter(root, &self.before, self.end);
        if !left.is_empty() {
            add(format!("left {left:?}"));
        }
        let settled = match look.tip {
            Tip::Old if !self.end.commits => {
                let all = self.all_hold(&look, "v1") || self.all_hold(&look, "v2");
                all && look.entries == self.before.entries
            }
            Tip::Old => self.all_hold(&look, "v1") && look.entries == self.before.entries,
            Tip::New => self.all_hold(&look, "v2") && self.entries_follow(root),
            Tip::Other(_) => false,
        };
        if !settled {
            add(format!("half of it remains, tip {:?}", look.tip));
        }
        found
    }

    /// Judges the state after the retry: one promotion, nothing left.
    pub(crate) fn retried(&self, root: &Path, output: &Output) -> Vec<Violation> {
        let look = Look::at(root, self.end);
        let mut found = Vec::new();
        self.always(&look, &mut found);
        let mut add = |what| found.push(Violation { class: "retry", what });
        if code(output) != 0 {
            add(format!("exit {}: {}", code(output), String::from_utf8_lossy(&output.stderr)));
        }
        let tip = if self.end.commits { Tip::New } else { Tip::Old };
        if look.tip != tip || !self.all_hold(&look, "v2") {
            add(format!("no promotion: tip {:?}", look.tip));
        }
        let status = say(root, &["status", "--porcelain=v2", "-uall"]);
        if status != self.end.status {
            let known = |line: &&str| !self.end.status.contains(line);
            add(format!("status {:?}", status.lines().filter(known).collect::<Vec<_>>()));
        }
        let left = litter(root, &self.before, self.end);
        if !left.is_empty() {
            add(format!("left {left:?}"));
        }
        let torn = torn_reflog(root);
        if !torn.is_empty() {
            add(format!("reflog {torn:?}"));
        }
        found
    }

    /// The user's next commits hold the promotion and what was theirs.
    pub(crate) fn next(&self, root: &Path) -> Vec<Violation> {
        if next_trees(root) == self.end.next {
            return Vec::new();
        }
        let what = format!("the next commits hold {}", say(root, &["log", "--stat", "-3"]));
        vec![Violation { class: "next", what }]
    }
}

/// The trees of a plain commit of what is staged, and of one of everything.
pub(crate) fn next_trees(root: &Path) -> String {
    let commits = [["commit", "-qm", "Staged"], ["commit", "-qam", "All"]];
    let said = commits.map(|args| say(root, &args)).concat();
    format!("{said}{}", say(root, &["log", "-2", "--format=%T"]))
}

/// Whether a leftover stands in someone's way: all but files of our own in the
/// git directory, which the next run removes and no one else looks at.
fn holds_up(name: &str) -> bool {
    !name.starts_with(".git/git-promote.") && name != ".git/index.git-promote"
}

/// Whether all may be there and yet be lost by a power loss.
fn may_not_last(stroke: Stroke<'_>) -> bool {
    let lasting = ["fsync", "fdatasync", "sync_file_range", "openat", "open"];
    stroke.point.is_none_or(|point| lasting.contains(&point.call.as_str()))
}

/// Whether it was the answer itself that could not be given.
fn about_output(stroke: Stroke<'_>) -> bool {
    stroke.point.is_some_and(|point| matches!(point.kind, Kind::Say | Kind::End))
}
