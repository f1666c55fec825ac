//! Running a program that is not git: with a time limit that holds for all it
//! started, and with what it said kept, up to a bound.
//!
//! Shell code. What is run, and when, the commands decide.

use std::io::Read;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

/// More is not kept of what a program says: an answer of a cluster is far below.
const LONGEST: u64 = 16 << 20;

/// After a program has ended, what it started may hold its pipes for so long.
const GRACE: Duration = Duration::from_secs(2);

/// Once that is stopped, the rest of what was said is there so soon.
const REST: Duration = Duration::from_millis(200);

/// Between two looks whether it has ended.
const PAUSE: Duration = Duration::from_millis(5);

/// What became of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// Its exit code; `None` where it did not end by itself.
    pub code: Option<i32>,
    /// Whether it was stopped because the time was over.
    pub late: bool,
    /// Its standard output.
    pub stdout: Vec<u8>,
    /// Its standard error.
    pub stderr: Vec<u8>,
}

impl Ran {
    /// Whether it ended with 0.
    pub fn is_well(&self) -> bool {
        self.code == Some(0)
    }

    /// The last line that says something: of standard error, else of standard
    /// output.
    pub fn last_words(&self) -> String {
        let last = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes).into_owned();
            let line = text.lines().rev().find(|line| !line.trim().is_empty());
            line.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        };
        last(&self.stderr).or_else(|| last(&self.stdout)).unwrap_or_default()
    }
}

/// Runs a program without a terminal; it gets no input. Errors where it cannot
/// be started.
pub fn run(command: Command, patience: Duration) -> std::io::Result<Ran> {
    run_up_to(command, patience, LONGEST)
}

/// As [`run`], and keeps so many bytes of what it says.
pub fn run_up_to(mut command: Command, patience: Duration, most: u64) -> std::io::Result<Ran> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    alone(&mut command);
    let start = Instant::now();
    let mut child = command.spawn()?;
    let (stdout, stderr) = (
        child.stdout.take().map(|pipe| keep(pipe, most)),
        child.stderr.take().map(|pipe| keep(pipe, LONGEST)),
    );
    let left = || patience.saturating_sub(start.elapsed());
    let status = ended(&mut child, &left);
    if status.is_none() {
        stop(&mut child);
    }
    let over = Instant::now() + if status.is_some() { GRACE } else { REST };
    // What it started may hold the pipes for longer than it lives.
    let mut take = |kept: Option<Receiver<Vec<u8>>>| {
        let Some(kept) = kept else { return Vec::new() };
        let left = over.saturating_duration_since(Instant::now());
        let said = kept.recv_timeout(left.max(REST)).or_else(|_| {
            stop(&mut child);
            kept.recv_timeout(REST)
        });
        said.unwrap_or_default()
    };
    let (stdout, stderr) = (take(stdout), take(stderr));
    let code = status.and_then(|status| status.code());
    Ok(Ran { code, late: status.is_none(), stdout, stderr })
}

/// Reads on a thread of its own, so that neither pipe holds the other up; keeps
/// so many bytes.
pub(crate) fn keep(pipe: impl Read + Send + 'static, most: u64) -> Receiver<Vec<u8>> {
    let (send, receive) = channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let mut pipe = pipe;
        let read = pipe.by_ref().take(most).read_to_end(&mut bytes);
        // Nobody waits for it any more where it is late.
        drop(send.send(if read.is_ok() { bytes } else { Vec::new() }));
        // The rest is read away: a full pipe would hold the program up.
        drop(std::io::copy(&mut pipe, &mut std::io::sink()));
    });
    receive
}

/// How it ended; `None` where the time is over first.
pub(crate) fn ended(child: &mut Child, left: &dyn Fn() -> Duration) -> Option<ExitStatus> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if !left().is_zero() => thread::sleep(PAUSE.min(left())),
            _ => return None,
        }
    }
}

/// A group of its own, which can be stopped as a whole.
fn alone(command: &mut Command) {
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    #[cfg(not(unix))]
    let _ = command;
}

fn stop(child: &mut Child) {
    #[cfg(unix)]
    if let Some(group) = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw) {
        // It may have ended by itself in between.
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    let _ = child.kill();
    let _ = child.wait();
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    fn sh(script: &str, patience: Duration) -> Ran {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        run(command, patience).unwrap()
    }

    #[test]
    fn the_exit_code_and_the_last_words_are_kept() {
        let ran = sh("echo one; echo 'two  three'; echo; exit 4", Duration::from_secs(10));
        assert_eq!((ran.code, ran.late, ran.last_words().as_str()), (Some(4), false, "two three"));
        let ran = sh("echo out; echo err >&2", Duration::from_secs(10));
        assert!(ran.is_well());
        assert_eq!(ran.last_words(), "err");
    }

    #[test]
    fn what_is_late_is_stopped_with_all_it_started() {
        let start = Instant::now();
        let ran = sh("echo begun; sleep 60 & sleep 60", Duration::from_millis(300));
        assert!(ran.late && ran.code.is_none() && !ran.is_well());
        assert!(start.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn what_it_left_behind_is_not_waited_for_and_stopped() {
        let start = Instant::now();
        let ran = sh("sleep 60 & echo $!; echo well >&2", Duration::from_secs(60));
        assert!(start.elapsed() < Duration::from_secs(20));
        assert_eq!((ran.code, ran.late, ran.last_words().as_str()), (Some(0), false, "well"));
        let left = String::from_utf8(ran.stdout).unwrap();
        let pid = left.trim().parse().ok().and_then(rustix::process::Pid::from_raw).unwrap();
        // Whoever takes it over may need a moment to see that it has ended.
        let is_there = || rustix::process::test_kill_process(pid).is_ok() && !is_over(pid);
        while is_there() && start.elapsed() < Duration::from_secs(20) {
            thread::sleep(PAUSE);
        }
        assert!(!is_there());
    }

    fn is_over(pid: rustix::process::Pid) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
        stat.is_ok_and(|stat| stat.contains(") Z "))
    }

    #[test]
    fn much_is_read_away_and_not_kept() {
        let ran = sh("yes | head -c 40000000; echo end >&2", Duration::from_secs(60));
        assert!(ran.is_well());
        assert_eq!(ran.stdout.len() as u64, LONGEST);
    }

    #[test]
    fn what_is_not_there_is_an_error() {
        let command = Command::new("/nowhere/to/be/found");
        assert!(run(command, Duration::from_secs(1)).is_err());
    }
}
