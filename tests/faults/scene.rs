//! The repository of the sweeps: five apps in three environments, and work of
//! the user's of every kind that a promotion could lose. It is made once; each
//! point gets a copy of its own.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

/// The apps, the first of which is the one of the small promotion.
pub(crate) const APPS: [&str; 5] = ["web", "api", "db", "mail", "auth"];

const CONFIG: &str = r#"version = 1

[layout]
paths = ["apps/{app}/overlays/{env}"]

[[environment]]
name = "dev"

[[environment]]
name = "staging"

[[environment]]
name = "prod"
"#;

/// Files in memory: no disk is worn out, and a sync costs nothing.
pub(crate) fn scratch() -> TempDir {
    let shared = Path::new("/dev/shm");
    let mut builder = tempfile::Builder::new();
    builder.prefix("promote-faults-");
    let dir = if shared.is_dir() { builder.tempdir_in(shared) } else { builder.tempdir() };
    dir.or_else(|_| tempfile::tempdir()).unwrap()
}

/// The file that a promotion of an app to staging changes.
pub(crate) fn target(app: &str) -> String {
    format!("apps/{app}/overlays/staging/kustomization.yaml")
}

/// What the target of an app holds.
pub(crate) fn overlay(app: &str, tag: &str) -> String {
    overlay_in(app, "staging", tag)
}

/// No two are alike, so that each promotion makes a blob.
fn overlay_in(app: &str, env: &str, tag: &str) -> String {
    format!("images: # of {env}\n- name: registry.example/acme/{app}\n  newTag: {tag} # ours\n")
}

/// A directory with a repository in it.
pub(crate) struct Copy {
    dir: TempDir,
}

impl Copy {
    /// The top of the work tree.
    pub(crate) fn root(&self) -> PathBuf {
        self.dir.path().join("repo")
    }

    /// Runs git here; it has to succeed.
    #[track_caller]
    pub(crate) fn git(&self, args: &[&str]) -> String {
        let output = git(&self.root(), args);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "git {args:?}: {said}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn write(&self, path: &str, text: &str) {
        let file = self.root().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
}

/// Runs git in a work tree.
pub(crate) fn git(root: &Path, args: &[&str]) -> Output {
    let mut command = Command::new("git");
    command.args(args).current_dir(root);
    hermetic(&mut command).output().unwrap()
}

/// Nothing of the machine's settings, a fixed clock and identity.
pub(crate) fn hermetic(command: &mut Command) -> &mut Command {
    let date = "1700000000 +0100";
    command.env_clear().stdin(Stdio::null());
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("HOME", "/nonexistent").env("LC_ALL", "C").env("GIT_OPTIONAL_LOCKS", "0");
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    command.env("GIT_AUTHOR_NAME", "A U Thor").env("GIT_AUTHOR_EMAIL", "author@example.com");
    command.env("GIT_COMMITTER_NAME", "C O Mitter").env("GIT_COMMITTER_EMAIL", "c@example.com");
    command.env("GIT_AUTHOR_DATE", date).env("GIT_COMMITTER_DATE", date);
    // A lock that is left behind is a finding, not worth ten seconds.
    command.env("GIT_PROMOTE_LOCK_TIMEOUT", "200")
}

/// The repository before the promotion; its branch has a file of its own, or
/// is only in `packed-refs`.
pub(crate) fn template(packed: bool) -> Copy {
    let copy = Copy { dir: scratch() };
    fs::create_dir(copy.root()).unwrap();
    copy.git(&["init", "-q", "-b", "main", "--template="]);
    for (name, value) in [("gc.auto", "0"), ("maintenance.auto", "false")] {
        copy.git(&["config", name, value]);
    }
    copy.write("promote.toml", CONFIG);
    for app in APPS {
        for env in ["dev", "staging", "prod"] {
            let path = format!("apps/{app}/overlays/{env}/kustomization.yaml");
            copy.write(&path, &overlay_in(app, env, "v1"));
        }
    }
    for name in ["staged", "both", "unstaged", "skipped", "assumed", "deleted", "gone", "plain"] {
        copy.write(&format!("notes/{name}"), "1\n");
    }
    copy.write("apps/web/overlays/staging/notes", "1\n");
    copy.write(".gitignore", "*.ignored\n");
    copy.git(&["add", "-A"]);
    copy.git(&["commit", "-q", "-m", "Start"]);
    for app in APPS {
        let path = format!("apps/{app}/overlays/dev/kustomization.yaml");
        copy.write(&path, &overlay_in(app, "dev", "v2"));
    }
    copy.git(&["commit", "-q", "-am", "v2 in dev"]);
    copy.git(&["gc", "-q"]);
    if !packed {
        let tip = copy.git(&["rev-parse", "HEAD"]);
        copy.git(&["update-ref", "refs/heads/main", "HEAD^"]);
        copy.git(&["update-ref", "refs/heads/main", tip.trim()]);
    }
    users_work(&copy);
    copy
}

/// Staged, unstaged, both, added, deleted, intended, untracked, ignored, and
/// the flags that hide a file from git.
fn users_work(copy: &Copy) {
    copy.write("notes/staged", "2\n");
    copy.write("notes/both", "2\n");
    copy.write("notes/added", "1\n");
    copy.write("apps/web/overlays/staging/notes", "2\n");
    copy.git(&["add", "notes/staged", "notes/both", "notes/added", "apps/web/overlays/staging"]);
    copy.git(&["rm", "-q", "--cached", "notes/deleted"]);
    copy.write("notes/both", "3\n");
    copy.write("notes/unstaged", "2\n");
    copy.write("notes/untracked", "1\n");
    copy.write("notes/mine.ignored", "1\n");
    copy.write("apps/api/overlays/staging/untracked", "1\n");
    copy.write("notes/intended", "1\n");
    copy.git(&["add", "-N", "notes/intended"]);
    copy.git(&["update-index", "--skip-worktree", "notes/skipped"]);
    copy.git(&["update-index", "--assume-unchanged", "notes/assumed"]);
    copy.write("notes/assumed", "2\n");
    for gone in ["notes/skipped", "notes/gone"] {
        fs::remove_file(copy.root().join(gone)).unwrap();
    }
    symlink("plain", copy.root().join("notes/link")).unwrap();
}

/// Adds a hook.
pub(crate) fn add_hook(copy: &Copy, name: &str, script: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    copy.write(&format!(".git/hooks/{name}"), &format!("#!/bin/sh\n{script}"));
    let file = copy.root().join(".git/hooks").join(name);
    fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
}

/// A copy of a repository, its index in step with the copied files.
pub(crate) fn copy(from: &Path) -> Copy {
    let copy = Copy { dir: scratch() };
    copy_into(from, &copy.root());
    copy
}

/// The same, into a directory that is not there yet.
pub(crate) fn copy_into(from: &Path, to: &Path) {
    // Older than the index, so that no entry is racy and has to be smudged.
    let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    fs::create_dir(to).unwrap();
    let mut open = vec![(from.to_path_buf(), to.to_path_buf())];
    while let Some((from, to)) = open.pop() {
        for entry in fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            let (kind, path) = (entry.file_type().unwrap(), to.join(entry.file_name()));
            if kind.is_dir() {
                fs::create_dir(&path).unwrap();
                open.push((entry.path(), path));
            } else if kind.is_symlink() {
                symlink(fs::read_link(entry.path()).unwrap(), path).unwrap();
            } else {
                fs::copy(entry.path(), &path).unwrap();
                // Objects are read-only; the date matters for the others.
                if let Ok(file) = File::options().append(true).open(&path) {
                    file.set_modified(old).unwrap();
                }
            }
        }
    }
    // Says with its exit code that there are changes: there are.
    git(to, &["update-index", "-q", "--refresh"]);
}

/// Says something that is seen even where a test passes.
pub(crate) fn tell(text: &str) {
    // Not a macro: those are captured by the test runner.
    writeln!(std::io::stderr(), "{text}").unwrap();
}
