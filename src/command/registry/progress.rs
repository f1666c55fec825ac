//! How far a copy is, on a terminal, where it lasts.

use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::output::size;
use crate::registry::Meter;

/// Nothing is shown of what is done sooner.
const FIRST: Duration = Duration::from_millis(700);
const STEP: Duration = Duration::from_millis(100);

/// Shows a line on standard error until it is dropped.
pub(super) struct Progress {
    ended: Arc<AtomicBool>,
    shown: Option<JoinHandle<()>>,
}

impl Progress {
    /// `label` is what is copied.
    pub(super) fn start(meter: &Arc<Meter>, label: &str, quiet: bool) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        if quiet || !std::io::stderr().is_terminal() {
            return Self { ended, shown: None };
        }
        let (meter, own, label) = (Arc::clone(meter), Arc::clone(&ended), label.to_owned());
        let shown = std::thread::spawn(move || show(&meter, &own, &label));
        Self { ended, shown: Some(shown) }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        if let Some(shown) = self.shown.take() {
            // It shows, and decides nothing.
            let _ = shown.join();
        }
    }
}

fn show(meter: &Meter, ended: &AtomicBool, label: &str) {
    let mut waited = Duration::ZERO;
    let mut written = false;
    while !ended.load(Ordering::Relaxed) {
        std::thread::sleep(STEP);
        waited += STEP;
        if waited < FIRST {
            continue;
        }
        let (done, total) = meter.read();
        let percent = (done.min(total) * 100).checked_div(total).unwrap_or_default();
        let line = format!("\r\x1b[K{label}  {percent} %  {} of {}", size(done), size(total));
        let _ = std::io::stderr().write_all(line.as_bytes());
        written = true;
    }
    if written {
        let _ = std::io::stderr().write_all(b"\r\x1b[K");
    }
}
