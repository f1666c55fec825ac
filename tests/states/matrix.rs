//! Carries out the four commands in a state and looks at every byte.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use crate::place::Place;

/// What a command has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Does {
    /// Ends with 0 and does what it is for.
    Works,
    /// Ends with this exit code, says this in its first line (`error: ` left
    /// out), and has changed nothing.
    Refuses(i32, &'static str),
    /// The same; git was asked, and may have left objects and what it looked
    /// up in the index, but no entry is another.
    GitRefuses(i32, &'static str),
    /// The same; a hook changed the target, which is left as it is then.
    HookEdits(i32, &'static str),
}

use Does::{GitRefuses, HookEdits, Refuses, Works};

/// What is looked at after a commit, where something is different.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    /// Everything.
    All,
    /// Objects are missing, so that `git fsck` fails before too.
    NoFsck,
    /// The user cannot commit.
    NoCommit,
    /// The file is not in the work tree.
    NotCheckedOut,
    /// A hook or a filter changes what is committed.
    Edited,
}

/// A state of a repository.
pub(crate) struct State {
    pub(crate) name: &'static str,
    /// Makes it; `Err` where the machine lacks something.
    pub(crate) make: fn() -> Result<Place, &'static str>,
    pub(crate) status: Does,
    pub(crate) dry_run: Does,
    pub(crate) worktree: Does,
    pub(crate) promote: Does,
    pub(crate) after: After,
}

/// A state in which everything works.
pub(crate) const fn works(name: &'static str, make: fn() -> Result<Place, &'static str>) -> State {
    let after = After::All;
    State { name, make, status: Works, dry_run: Works, worktree: Works, promote: Works, after }
}

/// A state in which nothing is written, for this reason.
pub(crate) const fn refuses(
    name: &'static str,
    make: fn() -> Result<Place, &'static str>,
    (code, message): (i32, &'static str),
) -> State {
    let no = Refuses(code, message);
    State { dry_run: no, worktree: no, promote: no, ..works(name, make) }
}

/// A state in which nothing works, for this reason.
pub(crate) const fn nothing(
    name: &'static str,
    make: fn() -> Result<Place, &'static str>,
    (code, message): (i32, &'static str),
) -> State {
    State { status: Refuses(code, message), ..refuses(name, make, (code, message)) }
}

type Files = BTreeMap<PathBuf, (u32, u64)>;

/// One command in one state.
struct Cell<'a> {
    state: &'a State,
    place: Place,
    command: &'static str,
    before: Files,
}

/// What a command said and how it ended.
struct Said {
    code: i32,
    first: String,
    whole: String,
}

/// Holds every cell of these states.
#[track_caller]
pub(crate) fn hold(states: &[State]) {
    let mut wrong = String::new();
    for state in states {
        if let Err(why) = state.cells() {
            write!(wrong, "\n{}: {why}", state.name).unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

impl State {
    fn cells(&self) -> Result<(), String> {
        let mut wrong = Vec::new();
        // The first two change nothing, so that they share a place.
        let Some(mut place) = self.place() else { return Ok(()) };
        for (command, does) in [("status", self.status), ("--dry-run", self.dry_run)] {
            let cell = Cell { before: place.everything(), state: self, place, command };
            wrong.extend(cell.hold(does).err());
            place = cell.place;
        }
        let writing = [("--worktree", self.worktree), ("promote", self.promote)];
        for (at, (command, does)) in writing.into_iter().enumerate() {
            let changed = at > 0 && !matches!(self.worktree, Refuses(..));
            if changed || !wrong.is_empty() {
                let Some(fresh) = self.place() else { return Ok(()) };
                place = fresh;
            }
            let cell = Cell { before: place.everything(), state: self, place, command };
            wrong.extend(cell.hold(does).err());
            place = cell.place;
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong.concat()) }
    }

    #[expect(clippy::print_stderr, reason = "a state that is skipped says so")]
    fn place(&self) -> Option<Place> {
        match (self.make)() {
            Ok(place) => Some(place),
            Err(why) => {
                eprintln!("SKIPPED: the state `{}`: {why}", self.name);
                None
            }
        }
    }
}

impl Cell<'_> {
    fn hold(&self, does: Does) -> Result<(), String> {
        // Where nothing at all may change git need not be asked.
        let asked = self.command == "promote" && !matches!(does, Refuses(..));
        let ask = |args: &[&str]| if asked { self.git(args) } else { String::new() };
        let head = ask(&["rev-parse", "HEAD"]);
        let entries = if asked { self.entries() } else { String::new() };
        let said = self.carry_out();
        let outcome = match does {
            Works => said.ends(0).and_then(|()| self.worked((&head, &entries))),
            Refuses(code, message) => said
                .ends(code)
                .and_then(|()| said.says(&format!("error: {message}")))
                .and_then(|()| self.unchanged(|_| false)),
            GitRefuses(code, message) | HookEdits(code, message) => said
                .ends(code)
                .and_then(|()| said.says(&format!("error: {message}")))
                .and_then(|()| {
                    let edited = matches!(does, HookEdits(..));
                    let target = |path: &Path| edited && path.ends_with(&self.place.target);
                    self.unchanged(|path| may_be_gits(path) || target(path))
                })
                .and_then(|()| same("entries of the index", &entries, &self.entries())),
        };
        outcome.map_err(|why| format!("\n  {}: {why}\n    {}", self.command, said.whole))
    }

    fn carry_out(&self) -> Said {
        let args: &[&str] = match self.command {
            "status" => &["-q", "status"],
            "promote" => &["-q", "web@v1.2.3", "staging"],
            way => &["-q", "web@v1.2.3", "staging", way],
        };
        let program = env!("CARGO_BIN_EXE_git-promote");
        let dir = self.place.dir.as_ref().unwrap_or(&self.place.root);
        let output = self.place.run(program, args, dir);
        let home = self.place.home.display().to_string();
        let whole = String::from_utf8_lossy(&output.stderr).replace(&home, "[HOME]");
        let whole = settled(&whole);
        let first = whole.lines().next().unwrap_or_default().to_owned();
        Said { code: output.status.code().unwrap_or(-1), first, whole }
    }

    fn git(&self, args: &[&str]) -> String {
        let output = self.place.try_git(args);
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// The entries of the index with their flags, without the target's.
    fn entries(&self) -> String {
        let listed = self.git(&["ls-files", "-s", "-v"]);
        let ends = format!("\t{}", self.place.target);
        let lines: Vec<&str> = listed.lines().filter(|line| !line.ends_with(&ends)).collect();
        lines.join("\n")
    }

    /// Nothing is another, but what `but` says.
    fn unchanged(&self, but: impl Fn(&Path) -> bool) -> Result<(), String> {
        let after = self.place.everything();
        let mut changed: Vec<&PathBuf> = Vec::new();
        changed.extend(after.keys().filter(|path| self.before.get(*path) != after.get(*path)));
        changed.extend(self.before.keys().filter(|path| !after.contains_key(*path)));
        changed.retain(|path| !but(path));
        if changed.is_empty() { Ok(()) } else { Err(format!("changed: {changed:?}")) }
    }

    fn worked(&self, (head, entries): (&str, &str)) -> Result<(), String> {
        let file = self.place.root.join(&self.place.target);
        match self.command {
            "--worktree" => {
                self.unchanged(|path| path == file)?;
                if self.state.after == After::Edited { Ok(()) } else { self.target_holds() }
            }
            "promote" => {
                self.user_keeps(&file)?;
                if self.state.after != After::Edited {
                    same("entries of the index", entries, &self.entries())?;
                    self.target_holds()?;
                }
                self.committed(head)
            }
            _ => self.unchanged(|_| false),
        }
    }

    /// Files of the work tree other than the target are the same, and no lock
    /// is left.
    fn user_keeps(&self, file: &Path) -> Result<(), String> {
        let after = self.place.everything();
        let mine = |path: &Path| {
            let text = path.to_string_lossy();
            path != file && !text.contains("git/") && !text.ends_with(".git")
        };
        let others = |files: &Files| -> String {
            let others = files.iter().filter(|(path, _)| mine(path));
            others.map(|file| format!("{file:?}")).collect::<Vec<_>>().join("\n")
        };
        if self.state.after != After::Edited {
            same("files", &others(&self.before), &others(&after))?;
        }
        let left = |path: &&PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.ends_with(".lock") || name.contains(".tmp") || name.starts_with("promote-")
        };
        let left: Vec<_> =
            after.keys().filter(left).filter(|p| !self.before.contains_key(*p)).collect();
        if left.is_empty() { Ok(()) } else { Err(format!("left behind: {left:?}")) }
    }

    /// The file of the work tree has the version, and is as it was else.
    fn target_holds(&self) -> Result<(), String> {
        let file = self.place.root.join(&self.place.target);
        if self.state.after == After::NotCheckedOut {
            return if file.exists() { Err("it was checked out".to_owned()) } else { Ok(()) };
        }
        let now = fs::read(&file).map_err(|error| error.to_string())?;
        let key = &file;
        let mut old = now.clone();
        for at in (0..now.len()).rev() {
            // In UTF-16 there is a NUL between the characters.
            for wanted in [&b"v1.2.3"[..], b"v\x001\x00.\x002\x00.\x003\x00"] {
                if now[at..].starts_with(wanted) {
                    let last = at + wanted.iter().rposition(|byte| *byte == b'3').unwrap();
                    old[last] = b'2';
                }
            }
        }
        if old == now {
            return Err(format!("the file does not have it: {:?}", String::from_utf8_lossy(&now)));
        }
        let mut hasher = std::hash::DefaultHasher::new();
        std::hash::Hash::hash(&old, &mut hasher);
        let hash = std::hash::Hasher::finish(&hasher);
        match self.before.get(key) {
            Some((_, before)) if *before == hash => Ok(()),
            _ => Err(format!("the file changed otherwise: {:?}", String::from_utf8_lossy(&now))),
        }
    }

    /// The commit is one, has the version, and the user's next one keeps it.
    fn committed(&self, head: &str) -> Result<(), String> {
        let target = &self.place.target;
        if self.state.after != After::NoFsck {
            let fsck = self.place.try_git(["fsck", "--strict", "--no-dangling"]);
            let said = String::from_utf8_lossy(&fsck.stderr).into_owned();
            same("git fsck", "", if fsck.status.success() { "" } else { &said })?;
        }
        let commit = self.git(&["log", "-1", "--format=%P", "--name-only", "--no-renames"]);
        let mut lines = commit.lines();
        same("parent", head, lines.next().unwrap_or_default())?;
        if self.state.after != After::Edited {
            let names: Vec<&str> = lines.skip(1).collect();
            same("files of the commit", target, &names.join(" "))?;
        }
        same("status of the target", "", &self.git(&["status", "--porcelain", "--", target]))?;
        let next = ["-c", "commit.gpgSign=false", "-c", "user.name=x", "-c", "user.email=x@y"];
        let commit = ["commit", "-q", "--allow-empty", "--no-verify", "-m", "next"];
        let next = self.place.try_git(next.iter().chain(&commit));
        if !next.status.success() {
            // A conflict elsewhere keeps git from any commit.
            let new = self.git(&["show", &format!("HEAD:{target}")]);
            let has = new.contains("v1.2.3") && self.state.after == After::NoCommit;
            return if has { Ok(()) } else { Err(format!("no next commit: {new}")) };
        }
        // Before, promoted, and after the next commit of the user.
        let specs = ["HEAD^^", "HEAD^", "HEAD"].map(|commit| format!("{commit}:{target}"));
        let shown =
            self.place.try_git(std::iter::once("show").chain(specs.each_ref().map(|s| &**s)));
        let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
        let third = shown.len() / 3;
        if self.state.after == After::Edited {
            let kept = shown.matches("v1.2.3").count() == 2;
            return if kept { Ok(()) } else { Err(format!("lost by the next: {shown}")) };
        }
        let new = shown[..third].replace("v1.2.2", "v1.2.3");
        same("promoted", &new, &shown[third..2 * third])?;
        same("after the next commit", &new, &shown[2 * third..])
    }
}

/// What git may leave where it was asked and refused.
fn may_be_gits(path: &Path) -> bool {
    let objects = path.components().any(|part| part.as_os_str() == "objects");
    objects || ["index", "COMMIT_EDITMSG"].iter().any(|name| path.ends_with(name))
}

impl Said {
    fn ends(&self, code: i32) -> Result<(), String> {
        same("exit code", &code.to_string(), &self.code.to_string())
    }

    /// A line that ends in `…` is the start of what is said: the rest is the
    /// words of git or of the system.
    fn says(&self, line: &str) -> Result<(), String> {
        match line.strip_suffix('…') {
            Some(start) if self.first.starts_with(start) => Ok(()),
            _ => same("first line", line, &self.first),
        }
    }
}

fn same(what: &str, wanted: &str, found: &str) -> Result<(), String> {
    if wanted == found {
        return Ok(());
    }
    // Of long texts only the lines that are in one of them.
    let without = |text: &str, other: &str| -> String {
        let lines = text.lines().filter(|line| !other.lines().any(|found| found == *line));
        lines.collect::<Vec<_>>().join("\n           ")
    };
    let (wanted, found) = (without(wanted, found), without(found, wanted));
    Err(format!("{what}:\n    wanted {wanted}\n    found  {found}"))
}

/// The text without ids and ages.
fn settled(text: &str) -> String {
    let ids = regex::Regex::new(r"\b([0-9a-f]{64}|[0-9a-f]{40})\b").unwrap();
    let ages = regex::Regex::new(r"held for \d+ s").unwrap();
    ages.replace_all(&ids.replace_all(text, "[ID]"), "held for [AGE] s").into_owned()
}
