//! Signals that ask for an end: held back while files are written, so that
//! nothing is left behind before the branch moves and everything follows after.

use std::io;
use std::process::{Child, ExitStatus};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use super::super::CommitError;

#[cfg(unix)]
pub(super) use unix::Hold;
#[cfg(unix)]
use unix::pending;

/// An error once a signal has asked for an end. Not asked any more once the
/// branch has moved.
pub(in super::super) fn interrupted() -> Result<(), CommitError> {
    match pending() {
        0 => Ok(()),
        signal => Err(CommitError::Interrupted { signal }),
    }
}

/// Waits for a child; a signal that asks for an end is passed on to it.
pub(in super::super) fn wait_for(mut child: Child) -> io::Result<ExitStatus> {
    let id = child.id();
    let (running, ended) = channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let pause = Duration::from_millis(20);
            while ended.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                if pending() != 0 {
                    terminate(id);
                    return;
                }
            }
        });
        let status = child.wait();
        drop(running);
        status
    })
}

#[cfg(unix)]
fn terminate(process: u32) {
    use rustix::process::{Pid, Signal, kill_process};
    let process = i32::try_from(process).ok().and_then(Pid::from_raw);
    let _gone_already = process.map(|process| kill_process(process, Signal::TERM));
}

#[cfg(not(unix))]
fn terminate(_: u32) {}

#[cfg(unix)]
mod unix {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::sync::{Arc, OnceLock};

    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::flag;

    /// A signal reaches the whole process: there is one state for all of it.
    static STATE: OnceLock<State> = OnceLock::new();

    struct State {
        /// Whether signals do what they usually do.
        free: Arc<AtomicBool>,
        /// The signal that came; 0 for none.
        pending: Arc<AtomicUsize>,
    }

    impl State {
        fn new() -> Self {
            let state = Self {
                free: Arc::new(AtomicBool::new(true)),
                pending: Arc::new(AtomicUsize::new(0)),
            };
            let ignored = ignored();
            for signal in [SIGINT, SIGTERM, SIGHUP] {
                // Under nohup, say, it stays ignored.
                if ignored & (1 << (signal - 1)) != 0 {
                    continue;
                }
                let number = usize::try_from(signal).unwrap_or(0);
                // Where this fails, a signal ends the process as any other does.
                let _default = flag::register_conditional_default(signal, state.free.clone())
                    .and_then(|_| flag::register_usize(signal, state.pending.clone(), number));
            }
            state
        }
    }

    /// The signals that the process was started to ignore, as a mask.
    fn ignored() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
    }

    /// As long as it lives, signals are noted and do nothing else.
    #[derive(Debug)]
    pub(in super::super) struct Hold(());

    impl Hold {
        pub(in super::super) fn new() -> Self {
            let state = STATE.get_or_init(State::new);
            // One that came under an earlier hold still counts.
            state.free.store(false, Ordering::SeqCst);
            Self(())
        }
    }

    impl Drop for Hold {
        fn drop(&mut self) {
            if let Some(state) = STATE.get() {
                state.free.store(true, Ordering::SeqCst);
            }
        }
    }

    pub(super) fn pending() -> u8 {
        let pending = STATE.get().map_or(0, |state| state.pending.load(Ordering::SeqCst));
        u8::try_from(pending).unwrap_or(0)
    }
}

#[cfg(not(unix))]
fn pending() -> u8 {
    0
}

/// Signals are not held back here.
#[cfg(not(unix))]
#[derive(Debug)]
pub(super) struct Hold(());

#[cfg(not(unix))]
impl Hold {
    pub(super) fn new() -> Self {
        Self(())
    }
}
