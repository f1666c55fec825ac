//! A repository for the time of one command: the tip of a branch of a remote,
//! without history, its files fetched as they are asked for.

use std::path::Path;

use tempfile::TempDir;

use super::remote::classify;
use super::{GitError, RemoteError, Repository, Tip, child, remote};

/// A borrowed repository; its directory goes with the value.
#[derive(Debug)]
pub struct Borrowed {
    /// The repository. Its remote is `origin`.
    pub repo: Repository,
    /// The branch that was fetched, and its commit.
    pub tip: Tip,
    _directory: TempDir,
}

/// Borrows the branch of the remote at `url`; without one, its default branch.
pub fn borrow(url: &str, branch: Option<&str>) -> Result<Borrowed, RemoteError> {
    if url.starts_with('-') {
        return Err(RemoteError::Unknown { name: url.to_owned(), known: Vec::new() });
    }
    let failed = |error: std::io::Error| GitError::read("a temporary directory", error);
    let directory = tempfile::Builder::new().prefix("git-promote-").tempdir().map_err(failed)?;
    let git_dir = directory.path().join("config.git");
    let git_dir_text = git_dir.display().to_string();
    plain(directory.path(), &["init", "--quiet", "--bare", &git_dir_text])?;
    plain(&git_dir, &["remote", "add", "--", "origin", url])?;
    let repo = Repository::open(&git_dir)?;
    let wanted: Vec<&str> = branch.into_iter().collect();
    let listing = repo.list_remote("origin", &wanted)?;
    let missing = |message: &str| RemoteError::NotFound {
        remote: remote::shown(url),
        message: message.to_owned(),
    };
    let name = branch.map(str::to_owned).or_else(|| listing.head.clone());
    let name = name.ok_or_else(|| missing("it does not say which branch is its default"))?;
    let id = listing.tip(&name).ok_or_else(|| missing(&format!("it has no branch `{name}`")))?;
    let refspec = format!("+refs/heads/{name}:refs/remotes/origin/{name}");
    let flags = ["fetch", "--quiet", "--no-tags", "--depth=1", "--filter=blob:none"];
    let mut args: Vec<String> = flags.map(str::to_owned).to_vec();
    args.extend(["--end-of-options", "origin", refspec.as_str()].map(str::to_owned));
    let output = remote::run(&repo, &args)?;
    if !output.status.success() {
        return Err(classify(url, &child::words(&output.stderr)));
    }
    // Opened anew: the fetch has made it shallow and partial.
    let repo = Repository::open(&git_dir)?.with_promised_files("origin");
    let id = repo.reference(&format!("refs/remotes/origin/{name}"))?.unwrap_or(id);
    Ok(Borrowed { repo, tip: Tip { branch: name, id }, _directory: directory })
}

impl Borrowed {
    /// Brings the history of the branch too, without its files.
    pub fn deepen(self) -> Result<Self, RemoteError> {
        let branch = &self.tip.branch;
        let refspec = format!("+refs/heads/{branch}:refs/remotes/origin/{branch}");
        let flags = ["fetch", "--quiet", "--no-tags", "--unshallow", "--filter=blob:none"];
        let mut args: Vec<String> = flags.map(str::to_owned).to_vec();
        args.extend(["--end-of-options", "origin", refspec.as_str()].map(str::to_owned));
        let output = remote::run(&self.repo, &args)?;
        if !output.status.success() {
            return Err(classify("origin", &child::words(&output.stderr)));
        }
        let repo = Repository::open(self.repo.git_dir())?.with_promised_files("origin");
        Ok(Self { repo, ..self })
    }
}

/// Runs a git command that speaks with nobody.
fn plain(dir: &Path, args: &[&str]) -> Result<(), RemoteError> {
    let failed = |message: String| GitError::Child { command: args.join(" "), message };
    let mut command = std::process::Command::new("git");
    command.args(args).current_dir(dir);
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR"] {
        command.env_remove(name);
    }
    let output = command.output().map_err(|error| failed(error.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    Err(failed(child::words(&output.stderr)).into())
}
