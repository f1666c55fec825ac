//! kustomize's own library behind a pipe (`tests/oracle`): fifty times faster
//! than a process for each directory. `.ci/run` builds it where Go is:
//!
//!     (cd tests/oracle && go build -trimpath -o ../../target/render-oracle .)
//!
//! Without it the tests ask the program.

use std::cell::RefCell;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use crate::render_compare::restricted_path;

/// After this a render counts as one that does not end.
const LIMIT: Duration = Duration::from_secs(20);

type Answer = Result<String, String>;

/// One that runs, for one thread.
struct Oracle {
    child: Child,
    input: ChildStdin,
    answers: Receiver<Answer>,
}

impl Drop for Oracle {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where it is, if it was built.
pub(crate) fn program() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/render-oracle");
    path.is_file().then_some(path)
}

fn start() -> Option<Oracle> {
    let mut child = Command::new(program()?)
        // A remote resource is refused at once, not fetched.
        .env("PATH", restricted_path())
        .env("https_proxy", "http://127.0.0.1:9")
        .env("http_proxy", "http://127.0.0.1:9")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let input = child.stdin.take()?;
    let mut output = BufReader::new(child.stdout.take()?);
    let (sender, answers) = channel();
    std::thread::spawn(move || {
        while let Some(answer) = read(&mut output) {
            if sender.send(answer).is_err() {
                break;
            }
        }
    });
    Some(Oracle { child, input, answers })
}

fn read(output: &mut BufReader<ChildStdout>) -> Option<Answer> {
    let mut head = String::new();
    output.read_line(&mut head).ok()?;
    let (word, length) = head.trim_end().split_once(' ')?;
    let mut bytes = vec![0; length.parse().ok()?];
    output.read_exact(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Some(if word == "ok" { Ok(text) } else { Err(text) })
}

impl Oracle {
    fn ask(&mut self, dir: &Path) -> Option<Answer> {
        writeln!(self.input, "{}", dir.display()).ok()?;
        self.answers.recv_timeout(LIMIT).ok()
    }
}

/// What the library renders; `None` where it is not there, or did not answer.
pub(crate) fn render(dir: &Path) -> Option<Answer> {
    thread_local!(static RUNNING: RefCell<Option<Oracle>> = const { RefCell::new(None) });
    RUNNING.with_borrow_mut(|running| {
        if running.is_none() {
            *running = start();
        }
        let answer = running.as_mut()?.ask(dir);
        if answer.is_none() {
            *running = None;
        }
        answer
    })
}
