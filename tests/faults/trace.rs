//! strace: which system calls a run makes, and one of them struck.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use regex::Regex;

use crate::fault::Fault;
use crate::scene::{hermetic, tell};

/// System calls that change nothing that outlives the process. Every other one
/// is a point, also one that no one has thought of: write, pwrite64, rename,
/// link, unlink, mkdir, fsync, ftruncate, chmod, utimensat, flock, and so on.
const HARMLESS: &[&str] = &[
    "access",
    "arch_prctl",
    "brk",
    "chdir",
    "clock_gettime",
    "clock_nanosleep",
    "clone",
    "clone3",
    "close",
    "dup",
    "dup2",
    "dup3",
    "eventfd2",
    "execve",
    "exit",
    "exit_group",
    "faccessat",
    "faccessat2",
    "fadvise64",
    "fchdir",
    "fstat",
    "fstatfs",
    "futex",
    "getcwd",
    "getdents64",
    "getegid",
    "geteuid",
    "getgid",
    "getgroups",
    "getpgrp",
    "getpid",
    "getppid",
    "getpriority",
    "getrandom",
    "getrlimit",
    "gettid",
    "gettimeofday",
    "getuid",
    "getxattr",
    "ioctl",
    "kill",
    "lseek",
    "lstat",
    "madvise",
    "mincore",
    "mprotect",
    "mremap",
    "munmap",
    "nanosleep",
    "newfstatat",
    "pause",
    "pipe",
    "pipe2",
    "poll",
    "ppoll",
    "prctl",
    "pread64",
    "preadv",
    "prlimit64",
    "read",
    "readahead",
    "readlink",
    "readlinkat",
    "readv",
    "restart_syscall",
    "rseq",
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "rt_sigtimedwait",
    "sched_getaffinity",
    "sched_yield",
    "select",
    "set_robust_list",
    "set_tid_address",
    "sigaltstack",
    "socketpair",
    "stat",
    "statfs",
    "statx",
    "sysinfo",
    "tgkill",
    "uname",
    "umask",
    "vfork",
    "fork",
    "wait4",
    "waitid",
    "getpgid",
    "getsid",
    "setsid",
    "setpgid",
    "setitimer",
    "alarm",
    "times",
    "membarrier",
    "rt_sigsuspend",
    "sigsuspend",
    "sched_getparam",
    "getrusage",
    "fgetxattr",
    "lgetxattr",
    "getresuid",
    "getresgid",
    "mlock",
    "shutdown",
    "socket",
    "connect",
];

/// One system call of a run: the `ordinal`-th of its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Point {
    pub(crate) call: String,
    pub(crate) ordinal: usize,
    /// What the clean run did there, for people.
    pub(crate) line: String,
    pub(crate) kind: Kind,
}

/// What a system call is to a promotion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It changes something, or makes it last.
    Write,
    /// It opens something of the repository for reading.
    Read,
    /// It says something to the user.
    Say,
    /// The end of the process.
    End,
}

impl Point {
    /// The call and what it is about, without what differs from run to run.
    pub(crate) fn shape(&self) -> String {
        let name = Regex::new(r"\.tmp\w{6}|promote-faults-\w+|[0-9a-f]{38,}").unwrap();
        let path = Regex::new("/repo/([^>\"]*)").unwrap();
        let line = name.replace_all(&self.line, "_");
        let paths: Vec<&str> =
            path.captures_iter(&line).map(|found| found.extract::<1>().1[0]).collect();
        format!("{} {}", self.call, paths.join(" "))
    }
}

/// Whether system calls can be struck here; says so where they cannot.
///
/// With `PROMOTE_FAULTS=required` it is an error if not.
pub(crate) fn available() -> bool {
    let mut command = Command::new("env");
    command.args(["--default-signal=INT,TERM", "strace", "-f", "--seccomp-bpf", "-o", "/dev/null"]);
    command.args(["-e", "trace=write", "-e", "inject=write:error=EIO:when=9", "true"]);
    let why = match command.output() {
        Ok(output) if output.status.success() => return true,
        Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        Err(error) => error.to_string(),
    };
    let required = std::env::var("PROMOTE_FAULTS").is_ok_and(|text| text == "required");
    assert!(!required, "PROMOTE_FAULTS=required, and strace cannot be used: {why}");
    tell(&format!("SKIPPED: faults at system calls: strace: {why}"));
    false
}

/// Whose calls are struck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    /// Those of the program and of all that it starts.
    All,
    /// Those of the program alone: what it has started outlives it.
    Own,
}

impl Whose {
    fn flags(self) -> &'static [&'static str] {
        match self {
            Self::All => &["-f"],
            Self::Own => &[],
        }
    }
}

/// Runs a command in `root` and lists the points of it.
pub(crate) fn points(root: &Path, command: &[String], whose: Whose) -> (Output, Vec<Point>) {
    let log = root.parent().unwrap().join("clean.trace");
    let mut strace = Command::new("strace");
    strace.args(whose.flags()).args(["-q", "-y", "-s", "24", "-o"]).arg(&log);
    strace.args(command).current_dir(root);
    let output = hermetic(&mut strace).output().unwrap();
    let text = fs::read_to_string(&log).unwrap();
    (output, parse(&text, root))
}

/// A call in a log: the process (none where only one is traced), name, the rest.
fn call() -> Regex {
    Regex::new(r"^(?:(\d+) +)?(\w+)\((.*)$").unwrap()
}

/// The process that makes a call.
fn process(parts: &regex::Captures<'_>) -> String {
    parts.get(1).map(|id| id.as_str().to_owned()).unwrap_or_default()
}

/// The points of a log, in their order.
fn parse(log: &str, root: &Path) -> Vec<Point> {
    let line = call();
    let root = root.display().to_string();
    let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut found: Vec<Point> = Vec::new();
    for text in log.lines() {
        let Some(parts) = line.captures(text) else { continue };
        let (process, call, rest) = (process(&parts), &parts[2], &parts[3]);
        let ordinal = counts.entry((process, call.to_owned())).or_default();
        *ordinal += 1;
        let Some(kind) = kind(call, rest, &root) else { continue };
        let point = Point { call: call.to_owned(), ordinal: *ordinal, line: rest.to_owned(), kind };
        // Counts are kept a thread. Where several write, their ordinals fall
        // together: the first that comes there is struck.
        if !found.iter().any(|other| other.call == point.call && other.ordinal == point.ordinal) {
            found.push(point);
        }
    }
    found
}

/// How many threads or processes of a run write; one, or the points of the
/// others are not all reached.
pub(crate) fn writers(root: &Path) -> usize {
    let log = fs::read_to_string(root.parent().unwrap().join("clean.trace")).unwrap();
    let line = call();
    let root = root.display().to_string();
    let writes = log.lines().filter_map(|text| {
        let parts = line.captures(text)?;
        let kind = kind(&parts[2], &parts[3], &root)?;
        (kind == Kind::Write).then(|| process(&parts))
    });
    writes.collect::<BTreeSet<_>>().len()
}

/// What a call is; `None` where it is no point.
fn kind(call: &str, rest: &str, root: &str) -> Option<Kind> {
    match call {
        "exit_group" => Some(Kind::End),
        "mmap" => {
            let shared = rest.contains("MAP_SHARED") && rest.contains("PROT_WRITE");
            assert!(!shared, "a shared mapping is written to unseen: mmap({rest}");
            None
        }
        "fcntl" => (rest.contains("F_SETLK") || rest.contains("F_OFD")).then_some(Kind::Write),
        "open" | "openat" | "openat2" => {
            let writes = ["O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC"];
            if writes.iter().any(|flag| rest.contains(flag)) && !rest.contains("\"/dev/null\"") {
                return Some(Kind::Write);
            }
            rest.contains(root).then_some(Kind::Read)
        }
        "write" if rest.starts_with("1<") || rest.starts_with("2<") => Some(Kind::Say),
        _ => (!HARMLESS.contains(&call)).then_some(Kind::Write),
    }
}

/// What became of a run with a fault in it.
pub(crate) struct Struck {
    pub(crate) output: Output,
    /// Whether the fault struck where it was meant to.
    pub(crate) hit: bool,
}

/// Runs a command and strikes it at a point; waits for what outlives it.
pub(crate) fn strike(
    root: &Path,
    (command, whose): (&[String], Whose),
    point: &Point,
    fault: Fault,
) -> Struck {
    let log = root.parent().unwrap().join("struck.trace");
    // A run in the background is started with SIGINT ignored.
    let mut strace = Command::new("env");
    strace.args(["--default-signal=INT,TERM", "strace"]).args(whose.flags());
    strace.args(["-q", "-s", "0", "-o"]).arg(&log);
    if fault.is_error() {
        // Twice as fast, but strace 6.1 then loses signals.
        strace.arg("--seccomp-bpf");
    }
    let strike = format!("inject={}:{}:when={}", point.call, fault.injection(), point.ordinal);
    strace.args(["-e", &format!("trace={}", point.call), "-e", &strike]);
    let output = hermetic(strace.args(command).current_dir(root)).output().unwrap();
    let text = fs::read_to_string(&log).unwrap_or_default();
    let made = call();
    let calls = text.lines().filter_map(|line| made.captures(line));
    let calls = calls.filter(|parts| parts[2] == point.call).count();
    wait_for_all(root);
    let hit = calls >= point.ordinal
        && match fault {
            Fault::Kill => text.contains("+++ killed by SIGKILL"),
            Fault::Interrupt => text.contains("--- SIGINT"),
            Fault::Terminate => text.contains("--- SIGTERM"),
            Fault::Error(_) => text.contains("(INJECTED)"),
        };
    Struck { output, hit }
}

/// Waits until no process stands in a directory any more.
fn wait_for_all(root: &Path) {
    let until = Instant::now() + Duration::from_secs(20);
    let stands = |process: fs::DirEntry| {
        fs::read_link(process.path().join("cwd")).is_ok_and(|dir| dir.starts_with(root))
    };
    while fs::read_dir("/proc").unwrap().flatten().any(stands) {
        assert!(Instant::now() < until, "a process does not end");
        std::thread::sleep(Duration::from_millis(5));
    }
}
