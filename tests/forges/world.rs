//! A GitHub that keeps state, with a bare git repository behind it: it knows
//! branches by looking there, and what it merges is merged by real git.
//!
//! `world_api` is what it answers, `world_git` how it merges; here is what the
//! people of a test do, and the protection of its base branch.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::faults::{Double as _, TOKEN};
use crate::gitea::Stand;
use crate::server::{Received, Reply, Server};
use crate::{world_api, world_git};

/// A pull request.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is told by the forge")]
pub(crate) struct Pull {
    pub(crate) number: usize,
    pub(crate) head: String,
    pub(crate) base: String,
    pub(crate) title: String,
    pub(crate) body: String,
    pub(crate) draft: bool,
    pub(crate) closed: bool,
    pub(crate) merged: bool,
    /// How it is merged once it may be.
    pub(crate) auto_merge: Option<String>,
    pub(crate) labels: BTreeSet<String>,
    pub(crate) asked: Vec<String>,
    pub(crate) teams: Vec<String>,
    /// Who approves what is on the branch now.
    pub(crate) approvals: BTreeSet<String>,
    /// More reviews than those of `approvals`, as GitHub writes them.
    pub(crate) reviews: Vec<Value>,
    /// Whether it conflicts with its base.
    pub(crate) conflicts: bool,
    pub(crate) comments: Vec<String>,
    pub(crate) milestone: Option<u64>,
    /// The commit that it was looked at last.
    pub(crate) tip: String,
}

impl Pull {
    pub(crate) fn is_open(&self) -> bool {
        !self.closed && !self.merged
    }
}

/// What the forge keeps.
#[derive(Default)]
pub(crate) struct Hub {
    pub(crate) home: PathBuf,
    pub(crate) bare: PathBuf,
    pub(crate) pulls: Vec<Pull>,
    /// Statuses and check runs of commits.
    pub(crate) statuses: BTreeMap<String, Vec<Value>>,
    pub(crate) runs: BTreeMap<String, Vec<Value>>,
    pub(crate) milestones: Vec<String>,
    /// Teams and who is in them.
    pub(crate) members: Vec<(&'static str, &'static str)>,
    /// How many approvals a request with a label needs; the first that fits.
    pub(crate) approvals: Vec<(&'static str, usize)>,
    /// The statuses that the head of a request needs.
    pub(crate) required: Vec<&'static str>,
    /// Whether the settings of the repository allow auto-merge.
    pub(crate) auto_merge: bool,
    /// Somebody renews the branch of the next request while it is opened.
    pub(crate) interferes: bool,
    /// Whether git has to show the token over HTTP.
    pub(crate) closed_git: bool,
    /// What the next requests of a method below a path are answered with.
    pub(crate) faults: Vec<(&'static str, &'static str, Reply)>,
}

impl Hub {
    /// What keeps a request from being merged.
    pub(crate) fn missing(&self, pull: &Pull) -> Option<String> {
        let label = self.approvals.iter().find(|(label, _)| pull.labels.contains(*label));
        let needed = label.map_or(0, |(_, needed)| *needed);
        if pull.draft {
            return Some("Pull Request is still a draft".to_owned());
        }
        if pull.approvals.len() < needed {
            return Some(format!("At least {needed} approving reviews are required"));
        }
        let good = |context: &&&str| {
            let statuses = self.statuses.get(&pull.tip).into_iter().flatten();
            let mut own = statuses.filter(|status| status["context"] == ***context);
            own.next_back().is_some_and(|status| status["state"] == "success")
        };
        let open = self.required.iter().find(|context| !good(context));
        open.map(|context| format!("Required status check \"{context}\" is expected."))
    }

    /// Looks at the branches: a push dismisses what was approved.
    pub(crate) fn look(&mut self) {
        for at in 0..self.pulls.len() {
            let Some(tip) = self.tip(&self.pulls[at].head) else { continue };
            let pull = &mut self.pulls[at];
            if pull.is_open() && pull.tip != tip {
                pull.approvals.clear();
                pull.tip = tip;
            }
        }
    }

    /// Merges what may be merged by itself.
    pub(crate) fn settle(&mut self) {
        self.look();
        for at in 0..self.pulls.len() {
            let pull = &self.pulls[at];
            let method = pull.auto_merge.clone().filter(|_| pull.is_open());
            if let Some(method) = method.filter(|_| self.missing(&self.pulls[at]).is_none()) {
                world_git::merge(self, at, &method);
            }
        }
    }

    /// The commit of a branch.
    pub(crate) fn tip(&self, branch: &str) -> Option<String> {
        let name = format!("refs/heads/{branch}");
        let output = git(&self.home, &self.bare, &["rev-parse", "--verify", "-q", &name]);
        let text = String::from_utf8(output.stdout).unwrap().trim().to_owned();
        output.status.success().then_some(text)
    }
}

/// A config repository on a forge, and a clone of it.
pub(crate) struct World {
    pub(crate) dir: TempDir,
    pub(crate) bare: PathBuf,
    hub: Arc<Mutex<Hub>>,
    pub(crate) server: Server,
    /// The stand-in for Gitea beside it, at `{origin}/api/v1`.
    pub(crate) gitea: Arc<Stand>,
}

impl World {
    /// A forge with a repository of these files. Each text may hold `{api}`,
    /// the address of the forge, and `{origin}`.
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let dir = tempfile::Builder::new().prefix("promote-world-").tempdir().unwrap();
        let home = dir.path().canonicalize().unwrap();
        let bare = home.join("acme/config.git");
        let path = bare.display().to_string();
        ok(&home, &home, &["init", "-q", "--bare", "-b", "main", &path]);
        for setting in ["http.receivepack", "uploadpack.allowFilter"] {
            ok(&home, &bare, &["config", setting, "true"]);
        }
        let (bare_too, home_too) = (bare.clone(), home.clone());
        let hub = Hub { home, bare: bare_too, auto_merge: true, ..Hub::default() };
        let hub = Arc::new(Mutex::new(hub));
        let gitea = Arc::new(Stand::default());
        let (own, beside) = (Arc::clone(&hub), Arc::clone(&gitea));
        let server = Server::start(move |received| {
            let whole = received.path.splitn(4, '/').nth(3).unwrap_or_default();
            let proxied = received.path.starts_with("http://").then(|| format!("/{whole}"));
            let path = proxied.unwrap_or_else(|| received.path.clone());
            let received = Received { path, ..received.clone() };
            if received.path.starts_with("/acme/") {
                let closed = own.lock().unwrap().closed_git;
                return world_git::serve(&home_too, &received, closed);
            }
            if received.path.starts_with("/api/v1/") {
                return beside.answer(&received);
            }
            world_api::answer(&mut own.lock().unwrap(), &received)
        });
        let world = Self { dir, bare, hub, server, gitea };
        let root = world.clone_as("start");
        world.save(&root, "Start", files);
        world
    }

    pub(crate) fn hub(&self) -> MutexGuard<'_, Hub> {
        self.hub.lock().unwrap()
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.dir.path().canonicalize().unwrap()
    }

    /// A fresh clone.
    pub(crate) fn clone_as(&self, name: &str) -> PathBuf {
        let root = self.home().join(name);
        let (from, to) = (self.bare.display().to_string(), root.display().to_string());
        ok(&self.home(), &self.home(), &["clone", "-q", &from, &to]);
        root
    }

    /// A commit of these files, pushed to the base branch.
    pub(crate) fn save(&self, root: &Path, message: &str, files: &[(&str, &str)]) {
        let origin = self.server.origin();
        let api = format!("{origin}/api/v3");
        for (path, text) in files {
            let file = root.join(path);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text.replace("{api}", &api).replace("{origin}", &origin)).unwrap();
        }
        self.git_in(root, &["add", "-A"]);
        self.git_in(root, &["commit", "-q", "--allow-empty", "-m", message]);
        self.git_in(root, &["push", "-q", "origin", "HEAD:main"]);
    }

    /// A commit of these files on the base branch, by somebody.
    pub(crate) fn somebody_saves(&self, message: &str, files: &[(&str, &str)]) {
        let root = self.clone_as("somebody");
        self.save(&root, message, files);
        std::fs::remove_dir_all(root).unwrap();
    }

    pub(crate) fn git_in(&self, dir: &Path, args: &[&str]) -> String {
        ok(&self.home(), dir, args)
    }

    /// What git says in the repository of the forge.
    pub(crate) fn git(&self, args: &[&str]) -> String {
        ok(&self.home(), &self.bare, args)
    }

    /// A file of the base branch.
    pub(crate) fn there(&self, path: &str) -> String {
        self.git(&["show", &format!("main:{path}")])
    }

    pub(crate) fn pulls(&self) -> Vec<Pull> {
        let mut hub = self.hub();
        hub.look();
        hub.pulls.clone()
    }

    pub(crate) fn open(&self) -> Vec<Pull> {
        self.pulls().into_iter().filter(Pull::is_open).collect()
    }

    /// The only open request.
    #[track_caller]
    pub(crate) fn only(&self) -> Pull {
        let open = self.open();
        assert_eq!(open.len(), 1, "{open:#?}");
        open.into_iter().next().unwrap()
    }

    pub(crate) fn pull(&self, number: usize) -> Pull {
        self.pulls()[number - 1].clone()
    }

    /// Somebody approves.
    pub(crate) fn approve(&self, number: usize, who: &str) {
        let mut hub = self.hub();
        hub.look();
        hub.pulls[number - 1].approvals.insert(who.to_owned());
        hub.settle();
    }

    /// A status of a commit.
    pub(crate) fn status(&self, commit: &str, context: &str, state: &str) {
        let mut hub = self.hub();
        let list = hub.statuses.entry(commit.to_owned()).or_default();
        let at = format!("2030-01-01T00:00:{:02}Z", list.len());
        list.push(json!({ "context": context, "state": state, "updated_at": at }));
        hub.settle();
    }

    /// A check run of a commit.
    pub(crate) fn run(&self, commit: &str, name: &str, conclusion: Option<&str>) {
        let mut hub = self.hub();
        let list = hub.runs.entry(commit.to_owned()).or_default();
        let status = if conclusion.is_some() { "completed" } else { "in_progress" };
        let id = list.len() + 1;
        list.push(json!({ "id": id, "name": name, "status": status, "conclusion": conclusion }));
    }

    /// Somebody merges, where the protection lets them.
    pub(crate) fn merge(&self, number: usize, method: &str) -> Result<(), String> {
        let mut hub = self.hub();
        hub.look();
        match hub.missing(&hub.pulls[number - 1]) {
            Some(missing) => Err(missing),
            None => {
                world_git::merge(&mut hub, number - 1, method);
                Ok(())
            }
        }
    }

    /// Somebody edits the text.
    pub(crate) fn edit(&self, number: usize, edit: impl FnOnce(&str) -> String) {
        let mut hub = self.hub();
        let pull = &mut hub.pulls[number - 1];
        pull.body = edit(&pull.body);
    }

    /// What the next request of a method, whose path ends so, is answered with.
    pub(crate) fn fails(&self, method: &'static str, path: &'static str, reply: Reply) {
        self.hub().faults.push((method, path, reply));
    }

    /// Our program in a clone, with the token.
    pub(crate) fn promote(&self, root: &Path, args: &[&str]) -> Ran {
        self.promote_with(root, args, &[])
    }

    /// The same, with more variables.
    pub(crate) fn promote_with(&self, root: &Path, args: &[&str], set: &[(&str, &str)]) -> Ran {
        Ran::of(&self.command(root, args, set).output().unwrap())
    }

    pub(crate) fn command(&self, root: &Path, args: &[&str], set: &[(&str, &str)]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_git-promote"));
        command.args(args).current_dir(root).stdin(Stdio::null());
        hermetic(&mut command, &self.home());
        command.env("GIT_PROMOTE_TOKEN", TOKEN).envs(set.iter().copied());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

/// How our program ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// No token is in anything that it says.
    #[track_caller]
    pub(crate) fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert!(!out.contains(TOKEN) && !err.contains(TOKEN), "a token is shown: {out}{err}");
        Self { code: output.status.code().unwrap_or(-1), out, err }
    }

    #[track_caller]
    pub(crate) fn ends(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}\n{}", self.out, self.err);
        self
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap()
    }

    #[track_caller]
    pub(crate) fn says(&self, text: &str) {
        assert!(self.out.contains(text) || self.err.contains(text), "{}\n{}", self.out, self.err);
    }
}

/// No settings of the machine.
fn hermetic(command: &mut Command, home: &Path) {
    for name in ["GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE", "GIT_PREFIX", "GIT_TRACE"] {
        command.env_remove(name);
    }
    for (name, _) in std::env::vars() {
        let low = name.to_ascii_lowercase();
        if low.ends_with("_proxy") || low.ends_with("_token") || low.starts_with("git_promote_") {
            command.env_remove(name);
        }
    }
    command.env("HOME", home).env("XDG_CONFIG_HOME", home.join(".config")).env("LC_ALL", "C");
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    for role in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{role}_NAME"), "A U Thor");
        command.env(format!("GIT_{role}_EMAIL"), "author@example.com");
    }
}

/// Runs git.
pub(crate) fn git(home: &Path, dir: &Path, args: &[&str]) -> Output {
    let mut command = Command::new("git");
    command.current_dir(dir).args(args);
    hermetic(&mut command, home);
    command.output().unwrap()
}

/// Runs git; it has to succeed.
#[track_caller]
pub(crate) fn ok(home: &Path, dir: &Path, args: &[&str]) -> String {
    let output = git(home, dir, args);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "git {args:?}: {error}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
