//! Hermetic repositories, made by real git: fixed clock and identity, no
//! settings of the machine.

use std::ffi::OsStr;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use promote::git::{
    CommitError, CommitOptions, CommitRequest, ObjectId, Repository, SignChoice, apply_to_worktree,
};
use promote::model::{FileChange, RepoPath};
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) const DATE: &str = "1700000000 +0100";

/// A repository in a directory of its own.
pub(crate) struct Sandbox {
    /// The directory around the repository, and the home directory.
    pub(crate) dir: TempDir,
    /// The top of the work tree.
    pub(crate) root: PathBuf,
}

impl Sandbox {
    /// A repository with `apps/{web,api}/{dev,prod}/kustomization.yaml`.
    pub(crate) fn new() -> Self {
        Self::with(&[])
    }

    /// The same, with more arguments to `git init`.
    pub(crate) fn with(init: &[&str]) -> Self {
        let dir = tempfile::Builder::new().prefix("promote-it-").tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap().join("repo");
        let sandbox = Self { dir, root };
        fs::create_dir(&sandbox.root).unwrap();
        sandbox.git([&["init", "-q", "-b", "main"], init].concat());
        for app in ["web", "api"] {
            for env in ["dev", "prod"] {
                sandbox.write(&format!("apps/{app}/{env}/kustomization.yaml"), &content("v1"));
            }
        }
        sandbox.git(["add", "-A"]);
        sandbox.git(["commit", "-q", "-m", "Start"]);
        sandbox
    }

    /// Runs git; it has to succeed. Gives what it printed.
    pub(crate) fn git(&self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> String {
        self.git_in(&self.root, args)
    }

    pub(crate) fn git_in(
        &self,
        dir: &Path,
        args: impl IntoIterator<Item = impl AsRef<OsStr>>,
    ) -> String {
        let output = self.try_git_in(dir, args);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "git failed: {text}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    pub(crate) fn try_git_in(
        &self,
        dir: &Path,
        args: impl IntoIterator<Item = impl AsRef<OsStr>>,
    ) -> Output {
        let mut command = Command::new("git");
        command.current_dir(dir).args(args);
        hermetic(&mut command, self.dir.path());
        command.output().unwrap()
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let file = self.root.join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.root.join(path)).unwrap()
    }

    pub(crate) fn open(&self) -> Repository {
        Repository::open(&self.root).unwrap()
    }

    pub(crate) fn head(&self) -> ObjectId {
        let hex = self.git(["rev-parse", "HEAD"]);
        ObjectId::from_hex(hex.trim().as_bytes()).unwrap()
    }

    /// Installs a hook.
    pub(crate) fn hook(&self, name: &str, script: &str) {
        hook_in(&self.root.join(".git/hooks"), name, script);
    }

    /// Commits these changes on HEAD with default options.
    pub(crate) fn commit(&self, changes: &[FileChange]) -> Outcome {
        Driver::new(self).commit(changes)
    }

    /// Everything of the user's that a commit must leave alone, or what a
    /// refused one must: status, entries, and files.
    pub(crate) fn state(&self) -> String {
        let mut text = self.git(["status", "--porcelain=v2", "--branch", "-uall"]);
        text.push_str(&self.git(["ls-files", "-s"]));
        text.push_str(&self.git(["reflog", "show", "HEAD"]));
        for path in self.git(["ls-files", "-co"]).lines() {
            let content = fs::read(self.root.join(path)).ok();
            writeln!(text, "{path}: {content:?}").unwrap();
        }
        text
    }

    /// Nothing is modified, staged or untracked.
    #[track_caller]
    pub(crate) fn assert_clean(&self) {
        assert_eq!(self.git(["status", "--porcelain"]), "");
        self.git(["fsck", "--strict", "--no-dangling"]);
    }
}

pub(crate) const MESSAGE: &str = "Promote web v2 to prod\n\nPromote-To: prod\nPromote-Id: 1\n";

/// Runs the library in a process of its own, so that environment and current
/// directory are what a test says.
pub(crate) struct Driver<'a> {
    sandbox: &'a Sandbox,
    dir: PathBuf,
    env: Vec<(String, String)>,
    unset: Vec<&'static str>,
    request: Value,
}

/// What the library answered.
#[derive(Debug)]
pub(crate) struct Outcome(pub(crate) Value);

impl<'a> Driver<'a> {
    pub(crate) fn new(sandbox: &'a Sandbox) -> Self {
        let mut driver = Self {
            sandbox,
            dir: sandbox.root.clone(),
            env: Vec::new(),
            unset: Vec::new(),
            request: json!({ "message": MESSAGE }),
        };
        for (name, value) in environment(sandbox.dir.path()) {
            driver = driver.env(name, &value);
        }
        driver
    }

    pub(crate) fn dir(mut self, dir: &Path) -> Self {
        dir.clone_into(&mut self.dir);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn unset_by(mut self, name: &'static str) -> Self {
        self.unset.push(name);
        self
    }

    /// Sets a field of the request: `base`, `message`, or one of the options.
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.request[name] = value.into();
        self
    }

    pub(crate) fn commit(self, changes: &[FileChange]) -> Outcome {
        self.run("commit", changes)
    }

    /// Starts the driver in a shell, after `limits`.
    pub(crate) fn run(mut self, action: &str, changes: &[FileChange]) -> Outcome {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        self.request["action"] = action.into();
        self.request["changes"] = changes
            .iter()
            .map(|change| {
                json!({ "path": change.path.as_str(), "old": change.old.as_deref().map(text),
                        "new": text(&change.new), "executable": change.executable,
                        "removed": change.removed })
            })
            .collect();
        let file = tempfile::NamedTempFile::new_in(self.sandbox.dir.path()).unwrap();
        fs::write(file.path(), self.request.to_string()).unwrap();
        let limits = self.request["limits"].as_str().unwrap_or(":");
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("{limits}; exec \"$0\" \"$@\""));
        command.arg(std::env::current_exe().unwrap());
        command.args(["--exact", "testkit::driver", "--ignored", "--nocapture"]);
        command.current_dir(&self.dir).envs(self.env.iter().map(|(name, value)| (name, value)));
        command.env("PROMOTE_IT_REQUEST", file.path());
        for name in &self.unset {
            command.env_remove(name);
        }
        let output = command.output().unwrap();
        let answer = fs::read_to_string(file.path().with_extension("answer"));
        let answer = answer.unwrap_or_else(|_| panic!("{}", text(&output.stderr)));
        Outcome(serde_json::from_str(&answer).unwrap())
    }
}

impl Outcome {
    /// The commit; panics where there is none or something was left undone.
    #[track_caller]
    pub(crate) fn id(&self) -> String {
        assert!(self.0["error"].is_null(), "{:#}", self.0);
        assert_eq!(self.0["unfinished"], json!([]), "{:#}", self.0);
        self.0["id"].as_str().unwrap().to_owned()
    }

    /// The kind of the error, as text; panics where there is none.
    #[track_caller]
    pub(crate) fn kind(&self) -> &str {
        self.0["kind"].as_str().unwrap_or_else(|| panic!("no error: {:#}", self.0))
    }

    pub(crate) fn text(&self, name: &str) -> &str {
        self.0[name].as_str().unwrap_or_default()
    }

    /// Which engine ran, told by what only the one of them leaves.
    pub(crate) fn notes(&self) -> String {
        self.0["notes"].to_string()
    }
}

/// The other end of [`Driver`]; does nothing when it is run as a test.
#[test]
#[ignore = "started by the other tests"]
fn driver() {
    let Some(file) = std::env::var_os("PROMOTE_IT_REQUEST").map(PathBuf::from) else { return };
    let request: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let answer = answer(&request).unwrap_or_else(|error| {
        json!({ "error": error.to_string(), "kind": format!("{:?}", error.kind()),
                "code": error.kind().exit_code(), "hint": error.hint() })
    });
    fs::write(file.with_extension("answer"), answer.to_string()).unwrap();
}

fn answer(request: &Value) -> Result<Value, CommitError> {
    let repo = Repository::open(Path::new("."))?;
    let changes: Vec<FileChange> =
        request["changes"].as_array().unwrap().iter().map(read_change).collect();
    match request["action"].as_str().unwrap() {
        "worktree" => {
            apply_to_worktree(&repo, &changes, request["stage"] == true)?;
            return Ok(json!({}));
        }
        "facts" => return facts(&repo, request),
        _ => {}
    }
    let base = match request["base"].as_str() {
        Some(hex) => ObjectId::from_hex(hex.as_bytes()).unwrap(),
        None => repo.head()?.commit.unwrap_or(ObjectId::null(gix::hash::Kind::Sha1)),
    };
    let sign = match &request["sign"] {
        Value::Bool(false) => SignChoice::Off,
        Value::Bool(true) => SignChoice::On(None),
        Value::String(key) => SignChoice::On(Some(key.clone())),
        _ => SignChoice::Config,
    };
    let trailer = |text: &Value| {
        let (key, value) = text.as_str().unwrap().split_once('=').unwrap();
        (key.to_owned(), value.to_owned())
    };
    let options = CommitOptions {
        sign,
        no_verify: request["no_verify"] == true,
        signoff: request["signoff"] == true,
        edit: request["edit"] == true,
        trailers: request["trailers"].as_array().into_iter().flatten().map(trailer).collect(),
    };
    let message = request["message"].as_str().unwrap().to_owned();
    let action = request["action"].as_str().unwrap_or_default().to_owned();
    let request = CommitRequest { changes: &changes, base, message, options: &options };
    if action == "build" {
        let id = promote::git::build(&repo, &request)?;
        return Ok(json!({ "id": id.to_string(), "unfinished": [] }));
    }
    let start = std::time::Instant::now();
    let done = promote::git::commit(&repo, &request)?;
    let micros = u64::try_from(start.elapsed().as_micros()).unwrap();
    Ok(
        json!({ "micros": micros, "id": done.id.to_string(), "branch": done.branch, "notes": done.notes,
               "unfinished": done.unfinished.iter().map(|left| format!("{left:?}")).collect::<Vec<_>>() }),
    )
}

fn facts(repo: &Repository, request: &Value) -> Result<Value, CommitError> {
    let key = request["key"].as_str().unwrap_or("promote.app");
    let head = repo.head()?;
    let upstream = repo.upstream_state()?;
    Ok(json!({
        "root": repo.root(),
        "prefix": repo.prefix().map(|prefix| prefix.as_str().to_owned()),
        "branch": head.branch,
        "commit": head.commit.map(|id| id.to_string()),
        "value": repo.config_string(key),
        "bool": repo.config_bool(key),
        "bare": repo.is_bare(),
        "shallow": repo.is_shallow(),
        "operation": repo.operation_in_progress().map(|operation| operation.to_string()),
        "remotes": repo.remote_names(),
        "upstream": upstream.map(|up| format!("{} {} {}", up.name, up.ahead, up.behind)),
    }))
}

fn read_change(value: &Value) -> FileChange {
    let mut read = change(
        value["path"].as_str().unwrap(),
        value["old"].as_str(),
        value["new"].as_str().unwrap(),
    );
    read.executable = value["executable"] == true;
    read.removed = value["removed"] == true;
    read
}

/// Installs a script in `dir`.
pub(crate) fn hook_in(dir: &Path, name: &str, script: &str) {
    fs::create_dir_all(dir).unwrap();
    let file = dir.join(name);
    fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
    executable(&file);
}

#[cfg(unix)]
pub(crate) fn executable(file: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
}

pub(crate) fn hermetic(command: &mut Command, home: &Path) {
    for (name, value) in environment(home) {
        command.env(name, value);
    }
}

/// The environment of every git in the tests.
pub(crate) fn environment(home: &Path) -> Vec<(&'static str, String)> {
    vec![
        ("HOME", home.display().to_string()),
        ("XDG_CONFIG_HOME", home.join(".config").display().to_string()),
        ("GIT_CONFIG_GLOBAL", "/dev/null".to_owned()),
        ("GIT_CONFIG_NOSYSTEM", "1".to_owned()),
        ("GIT_AUTHOR_NAME", "A U Thor".to_owned()),
        ("GIT_AUTHOR_EMAIL", "author@example.com".to_owned()),
        ("GIT_AUTHOR_DATE", DATE.to_owned()),
        ("GIT_COMMITTER_NAME", "C O Mitter".to_owned()),
        ("GIT_COMMITTER_EMAIL", "committer@example.com".to_owned()),
        ("GIT_COMMITTER_DATE", DATE.to_owned()),
        ("LC_ALL", "C".to_owned()),
    ]
}

/// What a kustomization of the sandbox holds.
pub(crate) fn content(tag: &str) -> String {
    format!("resources:\n- ../base\nimages:\n- name: web\n  newTag: {tag} # keep\n")
}

/// A change of the tag in one overlay.
pub(crate) fn promote(path: &str, old: &str, new: &str) -> FileChange {
    change(path, Some(&content(old)), &content(new))
}

pub(crate) fn change(path: &str, old: Option<&str>, new: &str) -> FileChange {
    FileChange {
        path: RepoPath::normalize(path).unwrap(),
        old: old.map(|text| text.as_bytes().to_vec()),
        new: new.as_bytes().to_vec(),
        removed: false,
        executable: false,
        edits: Vec::new(),
    }
}

/// A file that goes.
pub(crate) fn gone(path: &str, old: &str) -> FileChange {
    FileChange::gone(RepoPath::normalize(path).unwrap(), old.as_bytes().to_vec())
}

pub(crate) const WEB: &str = "apps/web/prod/kustomization.yaml";
