//! The health of an app as a program of the config tells it.
//!
//! Which program, the config of the base says, and a program that is a file of
//! the repository is that of the base: the change that is judged has no say in
//! it. It is started in an empty directory for the same reason.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::gate::Silence;
use crate::model::{Cause, Health, Patience, RepoPath, Sight, Snapshot};
use crate::program::{self, Ran};

use super::asker::{Asker, Subject, Trouble};

/// How long it may run where the config does not say.
pub(in super::super) const PATIENCE: Patience = Patience(Duration::from_secs(600));

impl Asker<'_> {
    /// How the program ends.
    pub(super) fn command(&self, subject: Subject<'_>) -> Result<Sight, Trouble> {
        let words: Vec<String> =
            subject.settings.command.iter().map(|word| subject.filled(word)).collect();
        let Some((name, args)) = words.split_first() else {
            return Err(silence("no program is named".to_owned()));
        };
        let broken = |error: std::io::Error| silence(format!("{name}: {error}"));
        let dir = tempfile::Builder::new().prefix("git-promote-").tempdir().map_err(broken)?;
        let place = if name.contains('/') && !Path::new(name).is_absolute() {
            self.of_base(name, &dir)?
        } else {
            PathBuf::from(name)
        };
        let patience = subject.settings.timeout.unwrap_or(PATIENCE).0;
        let ran = start(&place, patience, |command| {
            command.args(args).current_dir(dir.path());
            surround(command, subject, &self.ground.base.to_string());
        });
        let ran = ran.map_err(|error| match error.kind() {
            ErrorKind::NotFound => silence(format!("the program {name} is not there")),
            _ => broken(error),
        })?;
        Ok(seen(name, &ran, patience))
    }

    /// Brings the file of the base commit into a directory of its own.
    fn of_base(&self, name: &str, dir: &TempDir) -> Result<PathBuf, Trouble> {
        let missing = || silence(format!("{name} is not in the base commit"));
        let path = RepoPath::normalize(name).ok_or_else(missing)?;
        let snapshot = self.ground.repo.snapshot(self.ground.base)?;
        let read = snapshot.read(&path).map_err(|error| Trouble::Failure(error.into()))?;
        let bytes = read.ok_or_else(missing)?;
        let file = dir.path().join(path.file_name());
        let written = fs::write(&file, bytes).and_then(|()| executable(&file));
        written.map_err(|error| silence(format!("{name}: {error}")))?;
        Ok(file)
    }
}

/// A program that cannot be started is so the next time, too.
fn silence(message: String) -> Trouble {
    Trouble::Silence(Silence { message, hint: None, cause: Cause::Broken })
}

#[cfg(unix)]
fn executable(file: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(file, fs::Permissions::from_mode(0o700))
}

#[cfg(not(unix))]
fn executable(_: &Path) -> std::io::Result<()> {
    Ok(())
}

/// Starts it; again where the file was still open in a process that another
/// thread has just begun.
fn start(place: &Path, patience: Duration, with: impl Fn(&mut Command)) -> std::io::Result<Ran> {
    for _ in 0..10 {
        let mut command = Command::new(place);
        with(&mut command);
        match program::run(command, patience) {
            Err(error) if error.kind() == ErrorKind::ExecutableFileBusy => {
                std::thread::sleep(Duration::from_millis(20));
            }
            ran => return ran,
        }
    }
    Err(ErrorKind::ExecutableFileBusy.into())
}

/// What is asked stands in variables too, where no shell can misread it.
fn surround(command: &mut Command, subject: Subject<'_>, base: &str) {
    let group = subject.app.group.clone().unwrap_or_default();
    let commit = subject.since.map_or_else(|| base.to_owned(), |since| since.commit.clone());
    command
        .env("PROMOTE_APP", &subject.app.name)
        .env("PROMOTE_GROUP", group)
        .env("PROMOTE_ENV", subject.environment.name.as_str())
        .env("PROMOTE_VERSION", subject.version.to_string())
        .env("PROMOTE_COMMIT", commit);
    // A git that it starts means the repository where it stands.
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"] {
        command.env_remove(name);
    }
}

fn seen(name: &str, ran: &Ran, patience: Duration) -> Sight {
    const MOST: usize = 200;
    let words: String = ran.last_words().chars().take(MOST).collect();
    let how = match ran.code {
        _ if ran.late => format!("it did not end within {}", Patience(patience)),
        Some(0) => String::new(),
        Some(code) => format!("exit {code}"),
        None => "it was stopped by a signal".to_owned(),
    };
    let message = [how, words].into_iter().filter(|part| !part.is_empty());
    Sight {
        health: if ran.is_well() { Health::Healthy } else { Health::Failed },
        what: Some(name.to_owned()),
        commit: None,
        message: message.collect::<Vec<_>>().join(": "),
        url: String::new(),
    }
}
