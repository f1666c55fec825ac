//! Config repositories for the tests of the commands, and the built programs
//! run in them. What is printed is shown as a whole: exit code, standard
//! output, standard error, with everything that changes from run to run
//! replaced.

use std::fmt::Write as _;
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use crate::testkit::{Sandbox, environment};

/// Three environments in a line, one overlay directory an app and environment.
pub(crate) const LINE: &str = r#"version = 1

[layout]
paths = ["apps/{app}/overlays/{env}"]

[[environment]]
name = "dev"

[[environment]]
name = "staging"

[[environment]]
name = "prod"
"#;

pub(crate) const D1: &str =
    "sha256:1111111111111111111111111111111111111111111111111111111111111111";
pub(crate) const D2: &str =
    "sha256:2222222222222222222222222222222222222222222222222222222222222222";

/// A repository of these files, in one commit.
pub(crate) fn repo(files: &[(&str, &str)]) -> Sandbox {
    let dir = tempfile::Builder::new().prefix("promote-it-").tempdir().unwrap();
    let root = dir.path().canonicalize().unwrap().join("repo");
    fs::create_dir(&root).unwrap();
    let sandbox = Sandbox { dir, root };
    sandbox.git(["init", "-q", "-b", "main"]);
    save(&sandbox, "Start", files);
    sandbox
}

/// Writes files and commits everything.
pub(crate) fn save(sandbox: &Sandbox, message: &str, files: &[(&str, &str)]) {
    for (path, text) in files {
        sandbox.write(path, text);
    }
    sandbox.git(["add", "-A"]);
    sandbox.git(["commit", "-q", "--allow-empty", "-m", message]);
}

/// The path of an overlay's kustomization in [`LINE`].
pub(crate) fn at(app: &str, env: &str) -> String {
    format!("apps/{app}/overlays/{env}/kustomization.yaml")
}

/// A kustomization with one image; `pin` is what stands below the name.
pub(crate) fn overlay(image: &str, tag: &str) -> String {
    format!("resources:\n- ../../base\nimages:\n- name: {image}\n  newTag: {tag} # set by us\n")
}

/// An app with a base that kustomize can render, at these versions.
pub(crate) fn app(sandbox: &Sandbox, name: &str, versions: &[(&str, &str)]) {
    let image = format!("registry.example/acme/{name}");
    let base = format!("apps/{name}/base");
    sandbox.write(&format!("{base}/kustomization.yaml"), "resources:\n- deployment.yaml\n");
    sandbox.write(&format!("{base}/deployment.yaml"), &deployment(name, &image));
    for (env, tag) in versions {
        sandbox.write(&at(name, env), &overlay(&image, tag));
    }
}

pub(crate) fn deployment(name: &str, image: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {name}\nspec:\n  selector:\n    \
         matchLabels: {{app: {name}}}\n  template:\n    metadata:\n      labels: {{app: {name}}}\n    \
         spec:\n      containers:\n      - name: {name}\n        image: {image}\n"
    )
}

/// `web` and `api` in [`LINE`]: dev has run v1.2.3 of web since the second
/// commit, everything else is at v1.2.2.
pub(crate) fn line() -> Sandbox {
    line_with("")
}

/// The same, with more text in `promote.toml`.
pub(crate) fn line_with(more: &str) -> Sandbox {
    let sandbox = repo(&[("promote.toml", &format!("{LINE}{more}"))]);
    let old = [("dev", "v1.2.2"), ("staging", "v1.2.2"), ("prod", "v1.2.2")];
    app(&sandbox, "web", &old);
    app(&sandbox, "api", &old);
    save(&sandbox, "Add web and api", &[]);
    put(&sandbox, "web", "dev", "v1.2.3");
    sandbox
}

/// A commit that sets the version of an app of [`line`].
pub(crate) fn put(sandbox: &Sandbox, name: &str, env: &str, tag: &str) {
    let text = overlay(&format!("registry.example/acme/{name}"), tag);
    save(sandbox, &format!("{name} {tag} in {env}"), &[(&at(name, env), &text)]);
}

/// One run of a program.
pub(crate) struct Run<'a> {
    sandbox: &'a Sandbox,
    command: Command,
}

/// `git-promote` in the root of the repository.
pub(crate) fn run<'a>(sandbox: &'a Sandbox, args: &[&str]) -> Run<'a> {
    start(sandbox, env!("CARGO_BIN_EXE_git-promote"), args)
}

/// `kubectl-promote` in the root of the repository.
pub(crate) fn kubectl<'a>(sandbox: &'a Sandbox, args: &[&str]) -> Run<'a> {
    start(sandbox, env!("CARGO_BIN_EXE_kubectl-promote"), args)
}

/// `git promote`, found by git on the search path.
pub(crate) fn by_git<'a>(sandbox: &'a Sandbox, args: &[&str]) -> Run<'a> {
    let bin = Path::new(env!("CARGO_BIN_EXE_git-promote")).parent().unwrap();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let paths = std::iter::once(bin.to_path_buf()).chain(std::env::split_paths(&path));
    let mut run = start(sandbox, "git", args);
    run.command.env("PATH", std::env::join_paths(paths).unwrap());
    run
}

pub(crate) fn start<'a>(sandbox: &'a Sandbox, program: &str, args: &[&str]) -> Run<'a> {
    let mut command = Command::new(program);
    command.args(args).current_dir(&sandbox.root).stdin(Stdio::null());
    for name in ["NO_COLOR", "CLICOLOR_FORCE", "GIT_DIR", "GIT_PREFIX", "GIT_INDEX_FILE"] {
        command.env_remove(name);
    }
    command.envs(environment(sandbox.dir.path()));
    Run { sandbox, command }
}

impl Run<'_> {
    pub(crate) fn dir(mut self, dir: &str) -> Self {
        self.command.current_dir(self.sandbox.root.join(dir));
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn stdin(mut self, text: &str) -> Self {
        let file = self.sandbox.dir.path().join("stdin");
        fs::write(&file, text).unwrap();
        self.command.stdin(fs::File::open(file).unwrap());
        self
    }

    pub(crate) fn output(mut self) -> Output {
        self.command.output().unwrap()
    }

    pub(crate) fn spawn(mut self) -> std::process::Child {
        self.command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// The exit code alone.
    pub(crate) fn code(self) -> i32 {
        self.output().status.code().unwrap()
    }

    /// Standard output as it is; the exit code has to be this one.
    #[track_caller]
    pub(crate) fn stdout(self, code: i32) -> String {
        let output = self.output();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{error}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The JSON document of standard output, valid against its schema.
    #[track_caller]
    pub(crate) fn json(self, code: i32) -> Value {
        let document: Value = serde_json::from_str(&self.stdout(code)).unwrap();
        crate::schema::assert_valid(&document);
        document
    }

    /// Exit code, standard output and standard error for a snapshot.
    pub(crate) fn text(self) -> String {
        let root = self.sandbox.root.display().to_string();
        let around = self.sandbox.dir.path().display().to_string();
        let output = self.output();
        let mut text = format!("exit {}\n", output.status.code().unwrap_or(-1));
        for (name, bytes) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
            if !bytes.is_empty() {
                write!(text, "--- {name}\n{}", String::from_utf8_lossy(bytes)).unwrap();
            }
        }
        settled(&text.replace(&root, "[ROOT]").replace(&around, "[HOME]"))
    }
}

/// The text without commit ids and ages.
pub(crate) fn settled(text: &str) -> String {
    static CHANGING: LazyLock<[(Regex, &str); 5]> = LazyLock::new(|| {
        let rule = |text: &str| Regex::new(text).unwrap();
        [
            (rule(r"\b[0-9a-f]{40}\b"), "[ID]"),
            (rule(r"(Promote-Id: )[0-9a-f]{32}\b"), "$1[HASH]"),
            (rule(r"for \d+[smhdy] \([0-9a-f]{7}\)"), "for [AGE] ([ID])"),
            (rule(r"\(\d+[smhdy]\)"), "([AGE])"),
            (rule(r"(\[(main|detached HEAD|[a-z]+)\]? )[0-9a-f]{7}\b"), "$1[ID]"),
        ]
    });
    CHANGING
        .iter()
        .fold(text.to_owned(), |text, (rule, name)| rule.replace_all(&text, *name).into_owned())
}

/// Every file of the repository and its work tree, with a hash of its bytes.
pub(crate) fn everything(sandbox: &Sandbox) -> Vec<(PathBuf, u64)> {
    let mut found = Vec::new();
    let mut open = vec![sandbox.root.clone()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(&dir).unwrap() {
            let path = entry.unwrap().path();
            let kind = fs::symlink_metadata(&path).unwrap();
            if kind.is_dir() {
                found.push((path.clone(), 0));
                open.push(path);
            } else if kind.is_file() {
                let mut hasher = DefaultHasher::new();
                fs::read(&path).unwrap().hash(&mut hasher);
                found.push((path.clone(), hasher.finish()));
            }
        }
    }
    found.sort();
    found
}

/// Says aloud that a test was not carried out.
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
pub(crate) fn skipped(why: &str) {
    eprintln!("SKIPPED: {why}");
}

/// What `kubectl kustomize` makes of a directory; `None`, said aloud, where
/// there is no kubectl.
pub(crate) fn rendered(sandbox: &Sandbox, dir: &str) -> Option<String> {
    let output = match Command::new("kubectl")
        .args(["kustomize", dir])
        .current_dir(&sandbox.root)
        .env("HOME", sandbox.dir.path())
        .output()
    {
        Ok(output) => output,
        Err(error) => {
            skipped(&format!("kubectl kustomize: {error}"));
            return None;
        }
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

/// The lines of two texts that differ, old and new side by side.
pub(crate) fn differing(old: &str, new: &str) -> Vec<(String, String)> {
    assert_eq!(old.lines().count(), new.lines().count(), "{old}\n{new}");
    let pairs = old.lines().zip(new.lines()).filter(|(old, new)| old != new);
    pairs.map(|(old, new)| (old.trim().to_owned(), new.trim().to_owned())).collect()
}
