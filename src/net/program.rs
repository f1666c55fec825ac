//! Programs that are asked for something: nobody is asked on a terminal, and
//! none is waited for without end.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::program;

/// More is not read of what a program says.
const LONGEST: u64 = 1 << 20;

/// What a program said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Whether it ended well, and in time.
    pub well: bool,
    /// Its standard output.
    pub text: String,
}

/// Runs a program with this input; `None` where it cannot be started. What it
/// says on standard error is dropped: it is about itself, and may hold what it
/// should not.
pub fn ask(mut command: Command, input: &str, patience: Duration) -> Option<Said> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().ok()?;
    // A program that does not read closes it, which is no matter.
    drop(child.stdin.take()?.write_all(input.as_bytes()));
    let stdout = program::keep(child.stdout.take()?, LONGEST);
    let start = Instant::now();
    let left = || patience.saturating_sub(start.elapsed());
    let said = stdout.recv_timeout(patience).ok();
    let ended = program::ended(&mut child, &left);
    if ended.is_none() {
        // It may have ended by itself in between.
        let _ = child.kill();
        let _ = child.wait();
    }
    let whole = said.filter(|bytes| (bytes.len() as u64) < LONGEST);
    let text = whole.and_then(|bytes| String::from_utf8(bytes).ok());
    let well = ended.is_some_and(|status| status.success()) && text.is_some();
    Some(Said { well, text: text.unwrap_or_default() })
}
