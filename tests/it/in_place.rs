//! What runs elsewhere: the scripts for CI jobs, the action and the templates
//! around them, and the hook for servers.
//!
//! The scripts are run by `sh` as a job runs them: in a shallow clone that is
//! made as the CI system makes it, with the variables that it sets.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::testkit::environment;

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_git-promote");

pub(crate) fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The sample repository, the server that it came from, and a clone of a job.
pub(crate) struct Place {
    dir: TempDir,
}

/// What a script answered.
pub(crate) struct Ran {
    pub(crate) code: i32,
    stdout: String,
    stderr: String,
}

impl Ran {
    fn of(output: &Output) -> Self {
        Self {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    #[track_caller]
    pub(crate) fn assert(&self, code: i32, words: &[&str]) {
        let all = format!("{}{}", self.stdout, self.stderr);
        assert_eq!(self.code, code, "{all}");
        for word in words {
            assert!(all.contains(word), "no `{word}` in:\n{all}");
        }
    }
}

impl Place {
    pub(crate) fn new() -> Self {
        let place = Self { dir: tempfile::Builder::new().prefix("promote-in-").tempdir().unwrap() };
        let root = place.root();
        place.run(&root, Command::new(PROGRAM).args(["demo", "-q", "demo"]));
        place.git(&root, &["clone", "-q", "--bare", "demo/config", "server.git"]);
        place.git(&place.server(), &["config", "uploadpack.allowFilter", "true"]);
        let url = place.url();
        place.git(&place.work(), &["remote", "set-url", "origin", &url]);
        place
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.dir.path().canonicalize().unwrap()
    }

    fn work(&self) -> PathBuf {
        self.root().join("demo/config")
    }

    fn server(&self) -> PathBuf {
        self.root().join("server.git")
    }

    fn job(&self) -> PathBuf {
        self.root().join("job")
    }

    fn url(&self) -> String {
        format!("file://{}", self.server().display())
    }

    /// Runs a program that may fail, with the built programs on the PATH.
    pub(crate) fn attempt(&self, dir: &Path, command: &mut Command) -> Ran {
        let programs = Path::new(PROGRAM).parent().unwrap().to_path_buf();
        let old = std::env::var_os("PATH").unwrap_or_default();
        let path = std::iter::once(programs).chain(std::env::split_paths(&old));
        command.current_dir(dir).env("PATH", std::env::join_paths(path).unwrap());
        for name in ["GITHUB_ACTIONS", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GITLAB_CI"] {
            if !command.get_envs().any(|(set, _)| set == name) {
                command.env_remove(name);
            }
        }
        Ran::of(&command.envs(environment(self.dir.path())).output().unwrap())
    }

    pub(crate) fn run(&self, dir: &Path, command: &mut Command) -> String {
        let ran = self.attempt(dir, command);
        assert_eq!(ran.code, 0, "{command:?}: {}{}", ran.stdout, ran.stderr);
        ran.stdout
    }

    fn git(&self, dir: &Path, args: &[&str]) -> String {
        self.run(dir, Command::new("git").args(args)).trim_end().to_owned()
    }

    fn id(&self, dir: &Path, name: &str) -> String {
        self.git(dir, &["rev-parse", name])
    }

    /// A branch with a promotion that takes no shortcut.
    fn promotion(&self, branch: &str) {
        self.git(&self.work(), &["checkout", "-q", "-b", branch, "main"]);
        self.run(&self.work(), Command::new(PROGRAM).args(["web@v1.3.0", "staging", "-q"]));
    }

    /// A branch that brings prod a version that staging does not run.
    fn skip(&self, branch: &str) {
        self.git(&self.work(), &["checkout", "-q", "-b", branch, "main"]);
        let path = self.work().join("apps/api/overlays/prod/kustomization.yaml");
        let text = fs::read_to_string(&path).unwrap().replace("v1.2.0", "v1.4.0");
        fs::write(path, text).unwrap();
        self.git(&self.work(), &["commit", "-qam", "Hurry"]);
    }

    /// The branch as pull request 1, with the merge that GitHub makes of it.
    fn pull_request(&self, branch: &str) {
        let work = self.work();
        self.git(&work, &["checkout", "-q", "--detach", "main"]);
        self.git(&work, &["merge", "-q", "--no-ff", "-m", "Merge", branch]);
        self.git(&work, &["update-ref", "refs/pull/1/merge", "HEAD"]);
        self.git(&work, &["push", "-q", "origin", "HEAD:refs/pull/1/merge", branch]);
        self.git(&work, &["checkout", "-q", branch]);
    }

    /// What `actions/checkout` and the runner of GitLab do: one commit.
    fn check_out(&self, id: &str, name: &str) {
        fs::create_dir(self.job()).unwrap();
        self.git(&self.job(), &["init", "-q"]);
        self.git(&self.job(), &["remote", "add", "origin", &self.url()]);
        let refspec = format!("+{id}:{name}");
        self.git(
            &self.job(),
            &["fetch", "-q", "--no-tags", "--prune", "--depth=1", "origin", &refspec],
        );
        self.git(&self.job(), &["checkout", "-q", "--force", "--detach", name]);
    }

    /// The job of a pull request of GitHub, checked out to a depth of one.
    fn github(&self, branch: &str) -> Command {
        self.pull_request(branch);
        let merge = self.id(&self.work(), "refs/pull/1/merge");
        self.check_out(&merge, "refs/remotes/pull/1/merge");
        let (base, head) = (self.id(&self.work(), "main"), self.id(&self.work(), branch));
        let event = serde_json::json!({
            "pull_request": { "base": { "sha": base }, "head": { "sha": head } }
        });
        let mut command = self.actions("pull_request", &event);
        command.env("GITHUB_SHA", &merge).env("GITHUB_BASE_REF", "main");
        command
    }

    fn actions(&self, name: &str, event: &serde_json::Value) -> Command {
        let root = self.root();
        fs::write(root.join("event.json"), event.to_string()).unwrap();
        let mut command = script("ci/check.sh");
        command
            .env("GITHUB_ACTIONS", "true")
            .env("GITHUB_EVENT_NAME", name)
            .env("GITHUB_EVENT_PATH", root.join("event.json"))
            .env("GITHUB_OUTPUT", root.join("output"))
            .env("GITHUB_STEP_SUMMARY", root.join("summary"));
        command
    }

    fn check(&self, command: &mut Command) -> Ran {
        self.attempt(&self.job(), command)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        fs::read_to_string(self.root().join(name)).unwrap_or_default()
    }

    /// How many objects of the past the clone of the job does not have.
    fn missing(&self) -> usize {
        let all = self.git(&self.job(), &["rev-list", "--objects", "--all", "--missing=print"]);
        all.lines().filter(|line| line.starts_with('?')).count()
    }
}

pub(crate) fn script(name: &str) -> Command {
    let mut command = Command::new("sh");
    command.arg(file(name));
    command
}

#[test]
fn a_promotion_passes_in_a_checkout_of_depth_one() {
    let place = Place::new();
    place.promotion("next");
    let mut command = place.github("next");
    command.env("PROMOTE_SARIF", place.root().join("sarif")).env("PROMOTE_JUNIT", "junit.xml");
    let ran = place.check(&mut command);
    ran.assert(0, &["pass: ", "fetching the base", "the history, without its files"]);
    let (base, head) = (place.id(&place.work(), "main"), place.id(&place.job(), "HEAD"));
    assert_eq!(place.text("output"), format!("verdict=pass\nbase={base}\nhead={head}\n"));
    assert!(place.text("sarif").contains("\"2.1.0\"") && place.text("job/junit.xml").contains('<'));
    assert_eq!(place.text("summary").matches("## git promote check: pass").count(), 1);
    // Run once more, nothing is fetched.
    let again = place.check(&mut command);
    again.assert(0, &["pass: "]);
    assert_eq!(again.stderr, "");
}

#[test]
fn a_skip_is_refused_in_a_checkout_of_depth_one() {
    let place = Place::new();
    place.skip("hurry");
    let mut command = place.github("hurry");
    let ran = place.check(&mut command);
    ran.assert(3, &["deny: ", "GP001", "::error file=apps/api/overlays/prod/kustomization.yaml"]);
    assert!(place.text("output").starts_with("verdict=deny\n"));
    let zero = place.check(command.env("PROMOTE_EXIT_ZERO", "true"));
    zero.assert(0, &["deny: "]);
}

#[test]
fn a_change_without_versions_needs_no_history() {
    let place = Place::new();
    place.git(&place.work(), &["checkout", "-q", "-b", "words", "main"]);
    fs::write(place.work().join("README.md"), "words\n").unwrap();
    place.git(&place.work(), &["add", "-A"]);
    place.git(&place.work(), &["commit", "-qm", "Words"]);
    let ran = place.check(&mut place.github("words"));
    ran.assert(0, &["pass: ", "fetching the base"]);
    assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    assert_eq!(place.git(&place.job(), &["rev-parse", "--is-shallow-repository"]), "true");
}

#[test]
fn a_merge_group_is_judged() {
    let place = Place::new();
    place.promotion("next");
    place.pull_request("next");
    place.skip("hurry");
    place.git(&place.work(), &["merge", "-q", "--no-ff", "-m", "Group", "refs/pull/1/merge"]);
    place.git(&place.work(), &["push", "-q", "origin", "HEAD:refs/heads/queue"]);
    let (base, head) = (place.id(&place.work(), "main"), place.id(&place.work(), "HEAD"));
    place.check_out(&head, "refs/remotes/origin/queue");
    let event = serde_json::json!({ "merge_group": { "base_sha": base, "head_sha": head } });
    let ran = place.check(&mut place.actions("merge_group", &event));
    ran.assert(3, &["deny: ", "GP001", "v1.4.0"]);
    assert!(place.text("output").ends_with(&format!("base={base}\nhead={head}\n")));
}

#[test]
fn merge_requests_of_gitlab_are_judged_against_the_tip_of_the_target() {
    let place = Place::new();
    place.promotion("next");
    place.git(&place.work(), &["push", "-q", "origin", "next"]);
    let (head, start) = (place.id(&place.work(), "next"), place.id(&place.work(), "main"));
    // The target has moved on since.
    place.git(&place.work(), &["checkout", "-q", "main"]);
    place.git(&place.work(), &["commit", "-q", "--allow-empty", "-m", "Later"]);
    place.git(&place.work(), &["push", "-q", "origin", "main"]);
    place.check_out(&head, "refs/pipelines/1");
    let mut command = script("ci/check.sh");
    command
        .env("GITLAB_CI", "true")
        .env("CI_COMMIT_SHA", &head)
        .env("CI_COMMIT_BEFORE_SHA", "0".repeat(40))
        .env("CI_MERGE_REQUEST_DIFF_BASE_SHA", start)
        .env("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "main")
        .env("PROMOTE_CODEQUALITY", "quality.json");
    let ran = place.check(&mut command);
    let tip = &place.id(&place.work(), "main")[..7];
    ran.assert(0, &["pass: ", tip]);
    let first = ran.stderr.lines().next().unwrap();
    assert!(first.ends_with("fetching the branch that is merged into"), "{first}");
    assert_eq!(place.text("job/quality.json"), "[]\n");
}

#[test]
fn what_cannot_be_fetched_stays_unproven() {
    let place = Place::new();
    place.promotion("next");
    let mut command = place.github("next");
    let gone = place.root().join("gone.git");
    fs::rename(place.server(), &gone).unwrap();
    let ran = place.check(&mut command);
    ran.assert(3, &["GP010", "is not in this clone", "hint: git fetch"]);
    assert_eq!(place.text("output").lines().next(), Some("verdict=unverifiable"));
    // Both ends are there, the past is not.
    fs::rename(&gone, place.server()).unwrap();
    let base = place.id(&place.work(), "main");
    place.git(&place.job(), &["fetch", "-q", "--depth=1", "origin", &base]);
    fs::rename(place.server(), &gone).unwrap();
    let ran = place.check(&mut command);
    ran.assert(3, &["unverifiable: ", "GP010"]);
    assert!(ran.stderr.lines().filter(|line| line.starts_with("git promote check:")).count() <= 5);
}

#[test]
fn a_server_that_filters_nothing_is_asked_for_all() {
    let place = Place::new();
    place.git(&place.server(), &["config", "uploadpack.allowFilter", "false"]);
    place.promotion("next");
    place.check(&mut place.github("next")).assert(0, &["pass: "]);
    assert_eq!(place.missing(), 0);
}

#[test]
fn names_of_branches_are_no_commands() {
    let place = Place::new();
    place.promotion("next");
    let mut command = place.github("next");
    for name in
        ["--upload-pack=touch pwned", "$(touch pwned)", "x;touch pwned;", "main:refs/heads/x"]
    {
        let ran = place.check(command.env("GITHUB_BASE_REF", name));
        assert!([0, 3].contains(&ran.code), "{name}: {}", ran.stderr);
        let ran = place.check(command.env("PROMOTE_BASE", name));
        assert_eq!(ran.code, 2, "{name}: {}", ran.stderr);
        command.env_remove("PROMOTE_BASE");
    }
    assert!(!place.job().join("pwned").exists() && !place.server().join("pwned").exists());
}

#[test]
fn a_job_without_the_program_fails() {
    let place = Place::new();
    let mut command = script("ci/check.sh");
    let ran = place.attempt(&place.work(), command.env("PROMOTE_PROGRAM", "git-promote-is-gone"));
    ran.assert(127, &["is not installed; nothing was checked"]);
}

#[test]
fn the_program_on_the_path_is_taken() {
    let place = Place::new();
    let ran = place.attempt(&place.root(), &mut script("ci/install.sh"));
    ran.assert(0, &[&format!("git-promote is {PROGRAM}")]);
    let rust = place.attempt(&place.root(), Command::new("rustc").arg("--version"));
    if rust.code != 0 {
        crate::krew::skip("no Rust for a home directory of its own, no key was made");
        return;
    }
    let key = place.run(&place.root(), script("ci/install.sh").arg("key"));
    assert!(key.starts_with("key=rustc-") && key.lines().count() == 1, "{key}");
}

/// A bare repository whose pre-receive hook is the sample.
fn server_with_hook(place: &Place, hook: &str) {
    let path = place.server().join("hooks/pre-receive");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, hook).unwrap();
    crate::testkit::executable(&path);
}

#[test]
fn a_push_that_skips_an_environment_is_refused() {
    let place = Place::new();
    let hook = fs::read_to_string(file("hooks/pre-receive")).unwrap();
    server_with_hook(&place, &hook);
    let push = |branch: &str| {
        let refspec = format!("{branch}:refs/heads/main");
        place.attempt(&place.work(), Command::new("git").args(["push", "origin", &refspec]))
    };
    let before = place.id(&place.server(), "main");
    place.skip("hurry");
    let refused = push("hurry");
    refused.assert(
        1,
        &["remote: deny: ", "GP001", "staging runs v1.2.0", "pre-receive hook declined"],
    );
    assert_eq!(place.id(&place.server(), "main"), before);
    place.promotion("next");
    push("next").assert(0, &["remote: pass: "]);
    assert_eq!(place.id(&place.server(), "main"), place.id(&place.work(), "next"));
    // Without the program nothing gets in.
    server_with_hook(&place, &hook.replace("git-promote", "git-promote-is-gone"));
    place.git(&place.work(), &["commit", "-q", "--allow-empty", "-m", "More"]);
    push("next").assert(1, &["is not installed on this server", "pre-receive hook declined"]);
}

/// A program that says how it was called.
const ECHO: &str = "#!/bin/sh
case \"$1 ${2:-}\" in
\"config show\") printf 'version = 1\\n[[environment]]\\nname = \"dev\"\\n[[environment]]\\nname = \"prod\"\\n' ;;
*) for word; do printf '[%s]' \"$word\"; done; echo ;;
esac
";

#[test]
fn the_words_of_the_other_tool_become_ours() {
    let place = Place::new();
    let program = place.root().join("echo");
    fs::write(&program, ECHO).unwrap();
    crate::testkit::executable(&program);
    let run = |words: &[(&str, &str)]| {
        let mut command = script("ci/promote.sh");
        command.env("PROMOTE_PROGRAM", &program).env("GIT_PROMOTE_TOKEN", "t");
        for (name, value) in words {
            command.env(format!("PROMOTE_{name}"), value);
        }
        place.attempt(&place.work(), &mut command)
    };
    let app = [("GROUP", "shop"), ("APP", "web"), ("TAG", "v2"), ("FEATURE", "feature/ABC-12")];
    let with = |action: &'static str| [&[("ACTION", action)], app.as_slice()].concat();
    run(&with("new")).assert(0, &["[to][dev][--version][shop:web@v2][--pr]"]);
    run(&with("feature")).assert(0, &["[preview][create][--pr][--][feature/ABC-12][shop:web@v2]"]);
    run(&[("ACTION", "promote")]).assert(0, &["[next]"]);
    run(&[("ACTION", "feature-stale")]).assert(0, &["[preview][prune][--max-age][7d][--pr]"]);
    run(&[("ACTION", "feature-stale"), ("MAX_AGE", "2w")]).assert(0, &["[2w]"]);
    run(&[("ACTION", "new"), ("APP", "web"), ("TAG", "v2")]).assert(0, &["[web@v2]"]);
    for bad in [
        [("ACTION", "new"), ("APP", "web")],
        [("ACTION", "feature"), ("APP", "web")],
        [("ACTION", "other"), ("APP", "web")],
        [("ACTION", ""), ("APP", "web")],
    ] {
        run(&bad).assert(2, &["error: "]);
    }
    run(&[("ACTION", "new"), ("APP", "$(touch pwned)"), ("TAG", ";touch pwned")])
        .assert(0, &["[$(touch pwned)@;touch pwned]"]);
    assert!(!place.work().join("pwned").exists());
}

#[test]
fn a_feature_becomes_a_branch_and_a_stale_one_goes() {
    let place = Place::new();
    let run = |words: &[(&str, &str)]| {
        let mut command = script("ci/promote.sh");
        for (name, value) in words {
            command.env(format!("PROMOTE_{name}"), value);
        }
        place.attempt(&place.work(), &mut command)
    };
    place.git(&place.work(), &["config", "protocol.file.allow", "always"]);
    let made = run(&[("ACTION", "feature"), ("APP", "web"), ("TAG", "v9"), ("FEATURE", "x/Y")]);
    made.assert(0, &["web  v9", "dev-preview-x-y"]);
    assert!(!place.id(&place.server(), "promote/preview/x-y").is_empty());
    run(&[("ACTION", "new"), ("APP", "web"), ("TAG", "v9")]).assert(0, &["v1.3.0 -> v9"]);
    assert!(!place.id(&place.server(), "promote/env/dev/-/web").is_empty());
    place.git(&place.server(), &["update-ref", "refs/heads/main", "promote/preview/x-y"]);
    run(&[("ACTION", "feature-stale"), ("MAX_AGE", "0s")])
        .assert(0, &["Remove the preview x-y of web"]);
    assert!(!place.id(&place.server(), "promote/prune/previews").is_empty());
    run(&[("ACTION", "promote")]).assert(0, &[]);
    place.promotion("next");
    let job = place.github("next");
    let mut status = script("ci/promote.sh");
    status.envs(job.get_envs().filter_map(|(name, value)| Some((name, value?))));
    // What is waited for, only a forge can tell, and there is none here.
    let ran = place.check(status.env("PROMOTE_ACTION", "status"));
    ran.assert(8, &["pass: ", "no forge is known"]);
}
