//! Pushing one branch, and reading back what the remote then has.

use gix::ObjectId;

use super::commit::has_hook;
use super::remote::{classify, one_line, run, shown};
use super::{RemoteError, Repository, child};

/// What a push replaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// An ancestor of what is pushed; never anything else.
    Ancestor,
    /// Exactly this commit; `None`: no branch at all. Only for branches that
    /// are ours.
    Exactly(Option<ObjectId>),
}

/// How a branch is pushed.
#[derive(Debug, Clone, Copy)]
pub struct PushHow<'a> {
    /// What is replaced.
    pub expect: Expect,
    /// Whether the pre-push hook runs.
    pub verify: bool,
    /// For the remote (`git push -o`).
    pub options: &'a [String],
}

/// What is said where somebody else was quicker.
const LOST: [&str; 8] = [
    "fetch first",
    "non-fast-forward",
    "stale info",
    "cannot lock ref",
    "failed to update ref",
    "incorrect old value",
    "reference already exists",
    "failed to lock",
];

impl Repository {
    /// Pushes `commit` to a branch, and asks the remote whether it is there.
    pub fn push(
        &self,
        remote: &str,
        (branch, commit): (&str, ObjectId),
        how: PushHow<'_>,
    ) -> Result<(), RemoteError> {
        let refspec = format!("{commit}:refs/heads/{branch}");
        self.send(remote, (branch, &refspec), how)?;
        let found = self.list_remote(remote, &[branch])?.tip(branch);
        if found == Some(commit) {
            return Ok(());
        }
        // A branch that moved on from our commit holds it all the same.
        if how.expect == Expect::Ancestor && found.is_some() {
            return Ok(());
        }
        Err(RemoteError::ReadBack {
            remote: shown(remote),
            branch: branch.to_owned(),
            found: found.map_or_else(|| "gone".to_owned(), |id| id.to_string()),
        })
    }

    /// Deletes a branch of ours, if it still is at `tip`.
    pub fn delete_remote_branch(
        &self,
        remote: &str,
        branch: &str,
        tip: ObjectId,
    ) -> Result<(), RemoteError> {
        let refspec = format!(":refs/heads/{branch}");
        let how = PushHow { expect: Expect::Exactly(Some(tip)), verify: false, options: &[] };
        self.send(remote, (branch, &refspec), how)
    }

    fn send(
        &self,
        remote: &str,
        (branch, refspec): (&str, &str),
        PushHow { expect, verify, options }: PushHow<'_>,
    ) -> Result<(), RemoteError> {
        let mut args: Vec<String> =
            ["push", "--porcelain", "--no-progress", "--no-follow-tags", "--recurse-submodules=no"]
                .map(str::to_owned)
                .to_vec();
        if !verify {
            args.push("--no-verify".to_owned());
        }
        if let Expect::Exactly(old) = expect {
            let old = old.map(|id| id.to_string()).unwrap_or_default();
            args.push(format!("--force-with-lease=refs/heads/{branch}:{old}"));
        }
        args.extend(options.iter().map(|option| format!("--push-option={option}")));
        args.extend(["--end-of-options", remote, refspec].map(str::to_owned));
        let output = run(self, &args)?;
        if output.status.success() {
            return Ok(());
        }
        let said = child::words(&output.stderr);
        let report = String::from_utf8_lossy(&output.stdout).into_owned();
        let Some(summary) = report.lines().find_map(|line| line.strip_prefix("!\t")) else {
            return Err(self.unreported(remote, branch, &said));
        };
        let reason = summary.rsplit('\t').next().unwrap_or(summary);
        let (remote_name, branch) = (shown(remote), branch.to_owned());
        let low = reason.to_ascii_lowercase();
        if LOST.iter().any(|word| low.contains(word)) {
            let message = one_line(reason);
            return Err(RemoteError::Lost { remote: remote_name, branch, message });
        }
        let message = refusal(reason, &said);
        Err(RemoteError::Refused { remote: remote_name, branch, message })
    }
}

impl Repository {
    /// Moves the checked-out branch forward to `commit`, as `git merge
    /// --ff-only` does it: nothing that is not committed is overwritten.
    /// `None` where another branch is checked out, `false` where this one cannot
    /// follow.
    pub fn fast_forward(
        &self,
        branch: &str,
        commit: ObjectId,
    ) -> Result<Option<bool>, RemoteError> {
        let head = self.head()?;
        if head.branch.as_deref() != Some(branch) || self.root().is_none() {
            return Ok(None);
        }
        if head.commit == Some(commit) {
            return Ok(Some(true));
        }
        let id = commit.to_string();
        let args = ["merge", "--ff-only", "--quiet", "--no-edit", id.as_str()];
        Ok(Some(run(self, &args.map(str::to_owned))?.status.success()))
    }
}

impl Repository {
    /// A push that ended before the remote said anything of the branch: a hook
    /// of ours refused, or there was no connection.
    fn unreported(&self, remote: &str, branch: &str, said: &str) -> RemoteError {
        let hook = said.is_empty() || said.contains("failed to push some refs");
        let reached = ["unable to access", "Could not read from", "http-push", "return code"];
        let silent = !reached.iter().any(|words| said.contains(words));
        if hook && silent && has_hook(self, "pre-push") {
            return RemoteError::Refused {
                remote: shown(remote),
                branch: branch.to_owned(),
                message: format!("the pre-push hook refused: {}", one_line(said)),
            };
        }
        classify(remote, said)
    }
}

/// Why the remote refuses: its reason, and what its hooks said.
fn refusal(reason: &str, said: &str) -> String {
    let hooks = said.lines().filter_map(|line| line.trim().strip_prefix("remote: "));
    let mut texts = vec![one_line(reason)];
    texts.extend(hooks.map(one_line).filter(|text| !text.is_empty()).take(5));
    texts.join(": ")
}
