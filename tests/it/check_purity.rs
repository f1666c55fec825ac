//! What `check` does to the machine and takes from it: nothing but git objects
//! is read, nothing but the reports is written, nobody is called.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::check_cases::cases;
use crate::check_history::import;
use crate::kit::{Run, at, line, overlay, put, save, start};
use crate::krew::skip;
use crate::testkit::{Sandbox, executable, hook_in};

const PROGRAM: &str = env!("CARGO_BIN_EXE_git-promote");

/// `main`, and on branches of their own a promotion, a skip, and what cannot
/// be proven.
fn branches() -> Sandbox {
    let sandbox = line();
    let branch = |name: &str| sandbox.git(["checkout", "-q", "-b", name, "main"]);
    branch("good");
    put(&sandbox, "web", "staging", "v1.2.3");
    branch("bad");
    put(&sandbox, "web", "prod", "v1.2.3");
    branch("odd");
    let text = overlay("registry.example/acme/web", "v1.2.2");
    let text = text.replace("- ../../base", "- ../../base\n- https://example.org/x.yaml");
    save(&sandbox, "Odd", &[(&at("web", "prod"), &text)]);
    sandbox.git(["checkout", "-q", "main"]);
    sandbox
}

/// One way to ask, and what may be touched for it.
struct Setting {
    args: Vec<String>,
    env: Vec<(&'static str, String)>,
    stdin: String,
    code: i32,
    writes: Vec<PathBuf>,
    index: bool,
}

fn setting(args: &[&str], code: i32) -> Setting {
    let args = std::iter::once("check").chain(args.iter().copied());
    Setting {
        args: args.map(str::to_owned).collect(),
        env: Vec::new(),
        stdin: String::new(),
        code,
        writes: Vec::new(),
        index: false,
    }
}

fn settings(sandbox: &Sandbox) -> Vec<Setting> {
    let id = |name: &str| sandbox.git(["rev-parse", name]).trim().to_owned();
    let mut all = vec![
        setting(&["main..good"], 0),
        setting(&["main..bad"], 3),
        setting(&["main..odd"], 3),
        setting(&["--base", "main", "--head", "bad", "-o", "json", "--exit-zero"], 0),
        Setting { index: true, ..setting(&["--staged"], 3) },
        Setting {
            stdin: format!("{} {} refs/heads/main\n", id("main"), id("bad")),
            ..setting(&["--pre-receive"], 3)
        },
        Setting {
            stdin: format!("refs/heads/x {} refs/heads/main {}\n", id("good"), id("main")),
            ..setting(&["--pre-push"], 0)
        },
    ];
    let files = sandbox.dir.path().canonicalize().unwrap();
    let mut reports = setting(&["main..bad"], 3);
    for kind in ["sarif", "junit", "codequality", "markdown"] {
        let file = files.join(kind);
        reports.args.extend(["--report".to_owned(), format!("{kind}={}", file.display())]);
        reports.writes.push(file);
    }
    all.push(reports);
    let summary = files.join("summary");
    all.push(Setting {
        env: vec![
            ("GITHUB_ACTIONS", "true".to_owned()),
            ("GITHUB_STEP_SUMMARY", summary.display().to_string()),
        ],
        writes: vec![summary],
        ..setting(&["main..bad"], 3)
    });
    for name in ["GITLAB_CI", "TF_BUILD"] {
        let env = vec![(name, "true".to_owned())];
        all.push(Setting { env, ..setting(&["main..bad"], 3) });
    }
    all
}

fn has_strace() -> bool {
    let there = Command::new("strace").args(["-qq", "true"]).output();
    let works = there.is_ok_and(|output| output.status.success());
    if !works {
        skip("strace is missing or may not trace: the purity of check was not looked at");
    }
    works
}

/// Runs a setting under strace; gives what it did that it must not do.
fn traced(sandbox: &Sandbox, setting: &Setting) -> Vec<String> {
    let log = sandbox.dir.path().join("strace.log");
    let traced = ["-f", "-y", "-qq", "-s", "4096", "-e", "trace=process,network,file", "-o"];
    let mut args: Vec<&str> = traced.to_vec();
    args.extend([log.to_str().unwrap(), PROGRAM]);
    args.extend(setting.args.iter().map(String::as_str));
    let mut run = start(sandbox, "strace", &args).stdin(&setting.stdin);
    for (name, value) in &setting.env {
        run = run.env(name, value);
    }
    let output = run.output();
    let mut said = Vec::new();
    if output.status.code() != Some(setting.code) {
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        said.push(format!("exit {:?}: {text}", output.status));
    }
    let log = fs::read_to_string(log).unwrap();
    let calls: Vec<Call> = log.lines().filter_map(Call::read).collect();
    assert!(calls.len() > 10, "{log}");
    let starts = calls.iter().filter(|call| call.name.starts_with("execve")).count();
    if starts != 1 {
        said.push(format!("{starts} programs were started"));
    }
    said.extend(calls.iter().filter(|call| call.is_odd(sandbox, setting)).map(|c| c.line.clone()));
    said
}

/// A line of strace.
struct Call {
    name: String,
    line: String,
    paths: Vec<PathBuf>,
}

const NETWORK: [&str; 8] =
    ["socket", "socketpair", "connect", "bind", "listen", "accept", "sendto", "sendmsg"];
const CHANGES: [&str; 16] = [
    "creat",
    "unlink",
    "unlinkat",
    "rename",
    "renameat",
    "renameat2",
    "mkdir",
    "mkdirat",
    "rmdir",
    "link",
    "linkat",
    "symlink",
    "symlinkat",
    "truncate",
    "chmod",
    "fchmodat",
];

impl Call {
    fn read(line: &str) -> Option<Self> {
        let (_, rest) = line.split_once(' ')?;
        let (name, arguments) = rest.trim_start().split_once('(')?;
        let mut paths = Vec::new();
        let mut parts = arguments.split('"');
        while let (Some(before), Some(text)) = (parts.next(), parts.next()) {
            let dir = before.rsplit_once('<').and_then(|(_, dir)| dir.split_once('>'));
            let dir = dir.map_or(PathBuf::new(), |(dir, _)| PathBuf::from(dir));
            paths.push(dir.join(text));
        }
        Some(Self { name: name.to_owned(), line: line.to_owned(), paths })
    }

    fn opens(&self) -> bool {
        self.name.starts_with("open")
    }

    fn writes(&self) -> bool {
        let words = ["O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_APPEND"];
        CHANGES.contains(&self.name.as_str())
            || self.opens() && words.iter().any(|word| self.line.contains(word))
    }

    fn forks(&self) -> bool {
        matches!(self.name.as_str(), "fork" | "vfork")
            || self.name.starts_with("clone") && !self.line.contains("CLONE_THREAD")
    }

    fn is_odd(&self, sandbox: &Sandbox, setting: &Setting) -> bool {
        let git = sandbox.root.join(".git");
        let beside = |path: &Path| path.starts_with(&sandbox.root) && !path.starts_with(&git);
        let reads = self.opens() && self.paths.iter().any(|path| beside(path));
        let index = self.opens() && self.paths.iter().any(|path| path.ends_with(".git/index"));
        let writes = self.writes() && !self.paths.iter().all(|path| setting.writes.contains(path));
        NETWORK.contains(&self.name.as_str())
            || self.forks()
            || writes
            || reads
            || index && !setting.index
    }
}

#[test]
fn nothing_is_started_connected_written_or_read_beside_the_objects() {
    if !has_strace() {
        return;
    }
    let sandbox = branches();
    sandbox.write(&at("web", "prod"), &overlay("registry.example/acme/web", "v1.2.3"));
    sandbox.git(["add", "-A"]);
    for setting in settings(&sandbox) {
        let said = traced(&sandbox, &setting);
        assert!(said.is_empty(), "{:?}:\n{}", setting.args, said.join("\n"));
        assert!(setting.writes.iter().all(|file| file.is_file()), "{:?}", setting.args);
    }
    // And the eye that looks is open.
    let mut blind = setting(&["main..bad", "--report", "sarif=out.sarif"], 3);
    assert_eq!(traced(&sandbox, &blind).len(), 1);
    blind.writes.push(sandbox.root.join("out.sarif"));
    assert_eq!(traced(&sandbox, &blind).len(), 1, "it lies in the work tree");
    let status = Setting { args: vec!["status".to_owned()], ..setting(&[], 0) };
    assert!(!traced(&sandbox, &status).is_empty());
}

/// Every `step`th case of `fixtures/check` under strace.
fn trace_cases(step: usize) {
    if !has_strace() {
        return;
    }
    let cases = cases();
    let (dir, ids) = import(&cases);
    let root = dir.path().canonicalize().unwrap().join("repo");
    let sandbox = Sandbox { dir, root };
    for case in cases.iter().step_by(step) {
        let range = format!("{}..{}", ids.of(case, case.base()), ids.of(case, case.head()));
        let code = if case.hostile() { 3 } else { 0 };
        let at = case.at.as_deref().map(|at| ["--at", at]);
        let args: Vec<&str> =
            [range.as_str()].into_iter().chain(at.into_iter().flatten()).collect();
        let mut said = traced(&sandbox, &setting(&args, code));
        // The verdict is another test's.
        said.retain(|line| !line.starts_with("exit "));
        assert!(said.is_empty(), "{}:\n{}", case.name, said.join("\n"));
    }
}

#[test]
fn hostile_changes_start_nothing_either() {
    trace_cases(25);
}

#[test]
#[ignore = "part of the full test"]
fn no_change_of_all_starts_anything() {
    trace_cases(1);
}

/// A program that leaves a marker wherever it is called.
fn trap(sandbox: &Sandbox, name: &str) -> String {
    let marker = sandbox.dir.path().join("marker").display().to_string();
    let dir = sandbox.dir.path().join("traps");
    hook_in(&dir, name, &format!("echo {name} >>'{marker}'; cat; exit 0"));
    dir.join(name).display().to_string()
}

/// Settings that name a program.
const CALLING: [&str; 23] = [
    "core.fsmonitor",
    "core.pager",
    "core.editor",
    "core.sshCommand",
    "core.askPass",
    "core.gitProxy",
    "core.alternateRefsCommand",
    "pager.check",
    "pager.promote",
    "credential.helper",
    "gpg.program",
    "diff.external",
    "diff.trap.command",
    "diff.trap.textconv",
    "filter.trap.clean",
    "filter.trap.smudge",
    "filter.trap.process",
    "merge.trap.driver",
    "alias.promote",
    "alias.check",
    "uploadpack.packObjectsHook",
    "sequence.editor",
    "interactive.diffFilter",
];

const HOOKS: [&str; 10] = [
    "pre-commit",
    "post-checkout",
    "post-index-change",
    "reference-transaction",
    "update",
    "pre-receive",
    "fsmonitor-watchman",
    "post-merge",
    "pre-push",
    "proc-receive",
];

/// Settings, attributes and hooks that call programs, as hostile as they get.
fn set_traps(sandbox: &Sandbox) {
    let git = sandbox.root.join(".git");
    let mut config = String::new();
    for key in CALLING {
        let (section, name) = key.rsplit_once('.').unwrap();
        let section = match section.split_once('.') {
            Some((top, sub)) => format!("{top} \"{sub}\""),
            None => section.to_owned(),
        };
        let call = if section == "alias" || section == "credential" { "!" } else { "" };
        let program = trap(sandbox, &key.replace('.', "-"));
        writeln!(config, "[{section}]\n\t{name} = \"{call}{program}\"").unwrap();
    }
    let attributes = sandbox.dir.path().join("attributes");
    let all =
        "* filter=trap diff=trap merge=trap text eol=crlf ident working-tree-encoding=UTF-16\n";
    fs::write(&attributes, all).unwrap();
    writeln!(config, "[core]\n\tattributesFile = {}\n\tautocrlf = true", attributes.display())
        .unwrap();
    writeln!(config, "[filter \"trap\"]\n\trequired = true").unwrap();
    let file = git.join("config");
    let old = fs::read_to_string(&file).unwrap();
    fs::write(file, old + &config).unwrap();
    fs::create_dir_all(git.join("info")).unwrap();
    fs::write(git.join("info/attributes"), all).unwrap();
    for hook in HOOKS {
        fs::copy(trap(sandbox, hook), git.join("hooks").join(hook)).unwrap();
        executable(&git.join("hooks").join(hook));
    }
}

/// Variables that make git call programs or write files.
fn trapped<'a>(sandbox: &'a Sandbox, mut run: Run<'a>) -> Run<'a> {
    for name in [
        "GIT_EXTERNAL_DIFF",
        "GIT_PAGER",
        "PAGER",
        "GIT_EDITOR",
        "EDITOR",
        "VISUAL",
        "GIT_SSH",
        "GIT_SSH_COMMAND",
        "GIT_ASKPASS",
        "SSH_ASKPASS",
        "GIT_PROXY_COMMAND",
        "LESSOPEN",
    ] {
        run = run.env(name, &trap(sandbox, name));
    }
    for name in ["git", "kubectl", "kustomize", "sh", "less", "ssh", "gpg", "helm"] {
        trap(sandbox, name);
    }
    let traps = sandbox.dir.path().join("traps").display().to_string();
    let trace = sandbox.dir.path().join("trace").display().to_string();
    for name in [
        "GIT_TRACE",
        "GIT_TRACE2",
        "GIT_TRACE2_EVENT",
        "GIT_TRACE_SETUP",
        "GIT_TRACE_PACK_ACCESS",
        "GIT_TRACE_PACKET",
        "RUST_LOG_FILE",
    ] {
        run = run.env(name, &trace);
    }
    run.env("GIT_EXEC_PATH", &traps).env("PATH", &traps)
}

fn answers<'a>(sandbox: &'a Sandbox, wrap: impl Fn(Run<'a>) -> String) -> String {
    let mut text = String::new();
    for range in ["main..good", "main..bad", "main..odd"] {
        for form in ["table", "json"] {
            text += &wrap(start(sandbox, PROGRAM, &["check", range, "-o", form]));
        }
    }
    text
}

#[test]
fn settings_hooks_variables_and_the_work_tree_change_nothing() {
    let sandbox = branches();
    let expected = answers(&sandbox, Run::text);
    for head in ["exit 0\n--- stdout\npass", "exit 3\n--- stdout\ndeny", "exit 3\n--- stdout\nunv"]
    {
        assert!(expected.contains(head), "{head}\n{expected}");
    }
    let marker = sandbox.dir.path().join("marker");

    // A repository among the files, grafts and replacements.
    let tree = |name: &str| sandbox.git(["rev-parse", &format!("{name}^{{tree}}")]);
    sandbox.git(["replace", tree("bad").trim(), tree("main").trim()]);
    sandbox.git(["replace", "bad", "main"]);
    let graft = sandbox.git(["rev-parse", "main"]);
    fs::create_dir_all(sandbox.root.join(".git/info")).unwrap();
    fs::write(sandbox.root.join(".git/info/grafts"), graft).unwrap();
    for (path, text) in [
        ("HEAD", "ref: refs/heads/main\n"),
        ("objects/x", ""),
        ("refs/x", ""),
        ("config", "[core]\n\tbare = true\n\tfsmonitor = touch marker\n"),
        (".gitattributes", "* filter=trap\n"),
        (".git-promote.toml", "nonsense"),
    ] {
        sandbox.write(path, text);
    }
    set_traps(&sandbox);
    let ask = |run| trapped(&sandbox, run).text();
    assert_eq!(answers(&sandbox, ask), expected);
    assert!(!marker.exists(), "{}", fs::read_to_string(&marker).unwrap());
    assert!(!sandbox.dir.path().join("trace").exists());

    for entry in fs::read_dir(&sandbox.root).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with(".git") {
            fs::remove_dir_all(path).unwrap();
        } else if path.is_file() {
            fs::remove_file(path).unwrap();
        }
    }
    fs::remove_file(sandbox.root.join(".git/index")).unwrap();
    assert_eq!(answers(&sandbox, ask), expected);
    assert!(!marker.exists(), "{}", fs::read_to_string(&marker).unwrap());

    // The traps are traps.
    sandbox.try_git_in(&sandbox.root, ["checkout", "-q", "-f", "good"]);
    assert!(marker.exists());
}
