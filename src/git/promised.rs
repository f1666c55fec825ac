//! Objects that a remote promises: in a partial clone they are fetched once
//! they are asked for, those of a directory together.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use gix::ObjectId;

use super::{GitError, child};

/// Where promised objects come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Promised {
    /// The repository that they are brought to.
    pub(super) git_dir: PathBuf,
    /// The remote that has them.
    pub(super) remote: String,
}

impl Promised {
    /// Brings the objects here, by the fetch that git itself would make.
    pub(super) fn bring(&self, ids: &BTreeSet<ObjectId>) -> Result<(), GitError> {
        if ids.is_empty() {
            return Ok(());
        }
        let failed = |message: String| GitError::Child { command: "fetch".to_owned(), message };
        let mut command = Command::new("git");
        command
            .arg("--git-dir")
            .arg(&self.git_dir)
            .args(["-c", "fetch.negotiationAlgorithm=noop", "fetch", "--quiet", "--no-tags"])
            .args(["--no-write-fetch-head", "--recurse-submodules=no", "--filter=blob:none"])
            .args(["--stdin", "--end-of-options", &self.remote])
            .env("GIT_TERMINAL_PROMPT", "0")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        for name in child::UNSET {
            command.env_remove(name);
        }
        let mut running = command.spawn().map_err(|error| failed(error.to_string()))?;
        let mut lines = String::new();
        for id in ids {
            lines.push_str(&format!("{id}\n"));
        }
        let stdin = running.stdin.take();
        let output = std::thread::scope(|scope| {
            scope.spawn(move || {
                stdin.map(|mut stdin| std::io::Write::write_all(&mut stdin, lines.as_bytes()))
            });
            running.wait_with_output()
        });
        let output = output.map_err(|error| failed(error.to_string()))?;
        if output.status.success() {
            return Ok(());
        }
        Err(failed(super::remote::one_line(&child::words(&output.stderr))))
    }
}
