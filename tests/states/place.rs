//! A repository of a state: a copy of one that is made once, with a fixed
//! clock and identity and without settings of the machine.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

use tempfile::TempDir;

/// The file that is promoted.
pub(crate) const TARGET: &str = "apps/web/overlays/staging/kustomization.yaml";
/// A file of the same app that is not.
pub(crate) const OTHER: &str = "apps/web/overlays/prod/kustomization.yaml";
/// Who owns what is given away, and who runs what root could always do.
pub(crate) const SOMEONE: u32 = 12345;

const CONFIG: &str = "version = 1\n\n[layout]\npaths = [\"apps/{app}/overlays/{env}\"]\n\n\
     [[environment]]\nname = \"dev\"\n\n[[environment]]\nname = \"staging\"\n\n\
     [[environment]]\nname = \"prod\"\n";

/// A kustomization at this version.
pub(crate) fn overlay(app: &str, tag: &str) -> String {
    format!("# set by us\nimages:\n- name: registry.example/acme/{app}\n  newTag: {tag} # keep\n")
}

/// A repository, and where and how programs are run in it.
pub(crate) struct Place {
    _around: TempDir,
    /// The directory around everything, and the home directory.
    pub(crate) home: PathBuf,
    /// The top of the work tree.
    pub(crate) root: PathBuf,
    /// Where the commands are run, if not there.
    pub(crate) dir: Option<PathBuf>,
    /// The file that is promoted, below `root`.
    pub(crate) target: String,
    /// More variables for the commands; empty: taken away.
    pub(crate) env: Vec<(String, String)>,
    /// Another user who runs the commands.
    pub(crate) user: Option<u32>,
}

/// The repository that others are copies of.
static TEMPLATE: LazyLock<Place> = LazyLock::new(|| Place::made(&[]));

impl Place {
    /// A copy of the repository that is made once.
    pub(crate) fn new() -> Self {
        let place = Self::empty();
        copy(&TEMPLATE.root, &place.root);
        // The copies are other files than those that the index knows.
        place.git(["update-index", "-q", "--refresh"]);
        place
    }

    /// A repository made with more arguments to `git init`.
    pub(crate) fn made(init: &[&str]) -> Self {
        let place = Self::empty();
        fs::create_dir(&place.root).unwrap();
        place.git([&["init", "-q", "-b", "main"], init].concat());
        place.fill();
        place
    }

    fn empty() -> Self {
        let dir = tempfile::Builder::new().prefix("promote-states-").tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let home = dir.path().canonicalize().unwrap();
        let root = home.join("repo");
        let target = TARGET.to_owned();
        Self { _around: dir, home, root, dir: None, target, env: Vec::new(), user: None }
    }

    /// Commits apps of which dev runs v1.2.3, the others v1.2.2.
    pub(crate) fn fill(&self) {
        self.write("promote.toml", CONFIG);
        for app in ["web", "api"] {
            for env in ["dev", "staging", "prod"] {
                let path = format!("apps/{app}/overlays/{env}/kustomization.yaml");
                self.write(&path, &overlay(app, "v1.2.2"));
            }
        }
        for name in ["a", "b", "c"] {
            self.write(&format!("notes/{name}"), "old\n");
        }
        self.save("Start");
        // Another file than staging will be, so that a blob is written for that.
        let dev = overlay("web", "v1.2.3").replace("# keep", "# dev");
        self.write("apps/web/overlays/dev/kustomization.yaml", &dev);
        self.save("web v1.2.3 in dev");
    }

    /// Commits everything.
    pub(crate) fn save(&self, message: &str) {
        self.git(["add", "-A"]);
        self.git(["commit", "-q", "--allow-empty", "-m", message]);
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let file = self.root.join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }

    pub(crate) fn read(&self, path: &str) -> Vec<u8> {
        fs::read(self.root.join(path)).unwrap()
    }

    pub(crate) fn remove(&self, path: &str) {
        fs::remove_file(self.root.join(path)).unwrap();
    }

    pub(crate) fn mode(&self, path: &str, mode: u32) {
        let file = self.root.join(path);
        fs::set_permissions(file, fs::Permissions::from_mode(mode)).unwrap();
    }

    /// Installs a hook.
    pub(crate) fn hook(&self, name: &str, script: &str) {
        self.script(&format!(".git/hooks/{name}"), script);
    }

    /// Writes a program.
    pub(crate) fn script(&self, path: &str, script: &str) {
        self.write(path, &format!("#!/bin/sh\n{script}\n"));
        self.mode(path, 0o755);
    }

    pub(crate) fn env(&mut self, name: &str, value: &str) {
        self.env.push((name.to_owned(), value.to_owned()));
    }

    /// Runs git; it has to succeed.
    #[track_caller]
    pub(crate) fn git(&self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> String {
        self.git_in(&self.root, args)
    }

    #[track_caller]
    pub(crate) fn git_in(
        &self,
        dir: &Path,
        args: impl IntoIterator<Item = impl AsRef<OsStr>>,
    ) -> String {
        let output = self.run("git", args, dir);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "git failed: {said}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Runs git, whatever comes of it.
    pub(crate) fn try_git(&self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Output {
        self.run("git", args, &self.root)
    }

    /// Runs a shell script, which has to succeed.
    #[track_caller]
    pub(crate) fn sh(&self, script: &str) {
        let output = self.run("sh", ["-ec", script], &self.root);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Runs a program here, as this user, with these variables.
    pub(crate) fn run(
        &self,
        program: impl AsRef<OsStr>,
        args: impl IntoIterator<Item = impl AsRef<OsStr>>,
        dir: &Path,
    ) -> Output {
        use std::os::unix::process::CommandExt as _;
        let mut command = Command::new(program);
        command.args(args).current_dir(dir).stdin(Stdio::null());
        for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_PREFIX", "GIT_INDEX_FILE", "NO_COLOR"] {
            command.env_remove(name);
        }
        command.envs(environment(&self.home));
        for (name, value) in &self.env {
            match value.as_str() {
                "" => command.env_remove(name),
                value => command.env(name, value),
            };
        }
        if let Some(user) = self.user {
            command.uid(user).gid(user);
        }
        command.output().unwrap()
    }

    /// Everything in the home directory: kind, mode and bytes.
    pub(crate) fn everything(&self) -> BTreeMap<PathBuf, (u32, u64)> {
        let mut found = BTreeMap::new();
        let mut open = vec![self.home.clone()];
        while let Some(dir) = open.pop() {
            for entry in fs::read_dir(&dir).unwrap() {
                let path = entry.unwrap().path();
                let meta = fs::symlink_metadata(&path).unwrap();
                let mut hasher = DefaultHasher::new();
                if meta.is_dir() {
                    open.push(path.clone());
                } else if meta.is_symlink() {
                    fs::read_link(&path).unwrap().hash(&mut hasher);
                } else if meta.is_file() {
                    fs::read(&path).unwrap().hash(&mut hasher);
                }
                found.insert(path, (meta.mode(), hasher.finish()));
            }
        }
        found
    }

    /// Gives everything to [`SOMEONE`], who runs the commands from now on
    /// (root is stopped by no permission); false where that is not possible.
    pub(crate) fn as_someone(&mut self) -> bool {
        if fs::metadata(&self.home).unwrap().uid() != 0 {
            return true;
        }
        self.user = Some(SOMEONE);
        Self::give_away(&self.home)
    }

    /// Gives a directory to [`SOMEONE`]; false where that is not possible.
    pub(crate) fn give_away(dir: &Path) -> bool {
        let owner = format!("{SOMEONE}:{SOMEONE}");
        let mut command = Command::new("chown");
        command.args(["-h", "-R", &owner]).arg(dir).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // What cannot be written cannot be removed either.
        let home = self.home.as_os_str();
        let _best_effort = Command::new("chmod").args(["-R", "u+rwX"]).arg(home).output();
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), &to).unwrap();
        }
    }
}

fn environment(home: &Path) -> Vec<(&'static str, String)> {
    let date = "1700000000 +0100".to_owned();
    vec![
        ("HOME", home.display().to_string()),
        ("XDG_CONFIG_HOME", home.join(".config").display().to_string()),
        ("GIT_CONFIG_GLOBAL", home.join("settings").display().to_string()),
        ("GIT_CONFIG_NOSYSTEM", "1".to_owned()),
        ("GIT_AUTHOR_NAME", "A U Thor".to_owned()),
        ("GIT_AUTHOR_EMAIL", "author@example.com".to_owned()),
        ("GIT_AUTHOR_DATE", date.clone()),
        ("GIT_COMMITTER_NAME", "C O Mitter".to_owned()),
        ("GIT_COMMITTER_EMAIL", "committer@example.com".to_owned()),
        ("GIT_COMMITTER_DATE", date),
        ("GIT_PROMOTE_LOCK_TIMEOUT", "50".to_owned()),
        ("LC_ALL", "C".to_owned()),
    ]
}
