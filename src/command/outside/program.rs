//! The health of an app as a program of the config tells it.
//!
//! Which program, the config of the base says, and a program that is a file of
//! the repository is that of the base: the change that is judged has no say in
//! it. It is started in an empty directory for the same reason.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use crate::gate::Silence;
use crate::model::{Cause, Health, Patience, RepoPath, Sight, Snapshot, quoted};
use crate::program::{self, Ran};

use super::asker::{Asker, Subject, Trouble};

/// How long it may run where the config does not say.
pub(in super::super) const PATIENCE: Patience = Patience(Duration::from_secs(600));

/// A program with all that it is told.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Call {
    /// Its name, as the config has it.
    name: String,
    args: Vec<String>,
    variables: Vec<(&'static str, String)>,
    patience: Duration,
    /// What a file of the base holds; `None`: it is found on the search path.
    file: Option<Arc<[u8]>>,
}

impl Asker<'_> {
    /// The program of a subject, as it is to be started; `None` where the config
    /// names none.
    fn program(&self, subject: Subject<'_>) -> Result<Option<Call>, Trouble> {
        let words = subject.settings.command.iter();
        let words: Vec<String> = words.map(|word| subject.filled(word)).collect();
        let Some((name, args)) = words.split_first() else { return Ok(None) };
        let mut file = None;
        if name.contains('/') && !Path::new(name).is_absolute() {
            let Some(bytes) = self.of_base(name)? else {
                return Err(broken(format!("{name} is not in the base commit")).into());
            };
            file = Some(bytes);
        }
        let patience = subject.settings.timeout.unwrap_or(PATIENCE).0;
        let variables = variables(subject, &self.ground.base.to_string());
        let (name, args) = (name.clone(), args.to_vec());
        Ok(Some(Call { name, args, variables, patience, file }))
    }

    /// The command that brings the program of a subject where it is a file that
    /// the base does not have.
    pub(in super::super) fn bring_program(&self, subject: Subject<'_>) -> Option<String> {
        let name = subject.settings.command.first()?;
        let is_file = name.contains('/') && !Path::new(name).is_absolute();
        let path = RepoPath::normalize(name).filter(|_| is_file)?;
        let missing = matches!(self.of_base(name), Ok(None));
        missing.then(|| format!("git add {} && git commit", quoted(path.as_str())))
    }

    /// How the program of a subject ends.
    pub(super) fn ended(&self, subject: Subject<'_>) -> Result<Option<Sight>, Trouble> {
        let Some(question) = self.program(subject)? else { return Ok(None) };
        Ok(Some(self.programs.of(&question, call)??))
    }

    /// Starts the programs of the subjects, each once for all that it is told.
    pub(super) fn ask_programs(&self, subjects: &[Subject<'_>]) {
        // What cannot be asked is told where it is looked at.
        let questions = subjects.iter().filter_map(|subject| self.program(*subject).ok()?);
        self.programs.ask(questions.collect(), call);
    }

    /// What a file of the base commit holds.
    fn of_base(&self, name: &str) -> Result<Option<Arc<[u8]>>, Trouble> {
        let Some(path) = RepoPath::normalize(name) else { return Ok(None) };
        if let Some(known) = self.files.borrow().get(&path) {
            return Ok(known.clone());
        }
        let snapshot = self.ground.repo.snapshot(self.ground.base)?;
        let read = snapshot.read(&path).map_err(|error| Trouble::Failure(error.into()))?;
        let bytes: Option<Arc<[u8]>> = read.map(Arc::from);
        self.files.borrow_mut().insert(path, bytes.clone());
        Ok(bytes)
    }
}

/// How a program ends.
fn call(call: &Call) -> Result<Sight, Silence> {
    let name = &call.name;
    let failed = |error: std::io::Error| broken(format!("{name}: {error}"));
    let dir = tempfile::Builder::new().prefix("git-promote-").tempdir().map_err(failed)?;
    let mut place = PathBuf::from(name);
    if let Some(bytes) = &call.file {
        place = dir.path().join(place.file_name().unwrap_or_default());
        fs::write(&place, bytes).and_then(|()| executable(&place)).map_err(failed)?;
    }
    let ran = start(&place, call.patience, |command| {
        command.args(&call.args).current_dir(dir.path());
        command.envs(call.variables.iter().map(|(name, value)| (*name, value)));
        // A git that it starts means the repository where it stands.
        for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"] {
            command.env_remove(name);
        }
    });
    let ran = ran.map_err(|error| match error.kind() {
        ErrorKind::NotFound => broken(format!("the program {name} is not there")),
        _ => failed(error),
    })?;
    Ok(seen(name, &ran, call.patience))
}

/// A program that cannot be started is so the next time, too.
fn broken(message: String) -> Silence {
    Silence { message, hint: None, cause: Cause::Broken }
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
fn variables(subject: Subject<'_>, base: &str) -> Vec<(&'static str, String)> {
    let commit = subject.since.map_or_else(|| base.to_owned(), |since| since.commit.clone());
    vec![
        ("PROMOTE_APP", subject.app.name.clone()),
        ("PROMOTE_GROUP", subject.app.group.clone().unwrap_or_default()),
        ("PROMOTE_ENV", subject.environment.name.to_string()),
        ("PROMOTE_VERSION", subject.version.to_string()),
        ("PROMOTE_COMMIT", commit),
    ]
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
