//! Programs that are asked for something: nobody is asked on a terminal, and
//! none is waited for without end.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

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
    let stdout = child.stdout.take()?;
    let (send, receive) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut said = String::new();
        let read = stdout.take(LONGEST).read_to_string(&mut said);
        // Nobody waits for it any more where it is late.
        drop(send.send(read.is_ok().then_some(said)));
    });
    let start = Instant::now();
    let said = receive.recv_timeout(patience).ok().flatten();
    let ended = ended_well(&mut child, patience.saturating_sub(start.elapsed()));
    Some(Said { well: ended && said.is_some(), text: said.unwrap_or_default() })
}

fn ended_well(child: &mut Child, patience: Duration) -> bool {
    let start = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) if start.elapsed() < patience => {
                std::thread::sleep(Duration::from_millis(5));
            }
            _ => {
                // It may have ended by itself in between.
                let _ = child.kill();
                let _ = child.wait();
                return false;
            }
        }
    }
}
