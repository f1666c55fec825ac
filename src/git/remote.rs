//! Remotes: what they hold, fetching and pushing, all by the user's own `git`,
//! so that its ssh agents, credential helpers, proxies, `insteadOf` and hooks
//! count.

use gix::ObjectId;
use thiserror::Error;

use super::{GitError, Repository, child};

/// Transports that a remote may use, unless the user says otherwise
/// (`GIT_ALLOW_PROTOCOL`): none that runs a command of the address.
const PROTOCOLS: &str = "file:git:http:https:ssh";

/// Where versions are read from and pushed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    /// Its name, or its address where it has none.
    pub name: String,
    /// The address that is read from, as git resolves it.
    pub url: String,
    /// The name or address that is pushed to.
    pub push_name: String,
    /// The address that is pushed to, as git resolves it.
    pub push_url: String,
}

impl Remote {
    /// What is pushed to, as people may see it: without what may be secret.
    pub fn pushed_to(&self) -> String {
        shown(&self.push_name)
    }
}

/// The tip of a branch of a remote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tip {
    /// The branch, short.
    pub branch: String,
    /// Its commit.
    pub id: ObjectId,
}

/// What a remote says it holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// The branch that HEAD of the remote points at, short.
    pub head: Option<String>,
    /// The branches that were asked for and are there.
    pub branches: Vec<Tip>,
}

impl Listing {
    /// The tip of a branch.
    pub fn tip(&self, branch: &str) -> Option<ObjectId> {
        self.branches.iter().find(|tip| tip.branch == branch).map(|tip| tip.id)
    }
}

/// Why a remote did not do what it was asked for.
#[derive(Debug, Error)]
pub enum RemoteError {
    /// The repository could not be read.
    #[error(transparent)]
    Git(#[from] GitError),
    /// There is no such remote.
    #[error("there is no remote `{name}`{}", known_remotes(known))]
    Unknown {
        /// The name.
        name: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// The repository has several remotes, and nothing says which one is meant.
    #[error("which remote is meant is not clear: there are {}", known.join(", "))]
    Several {
        /// Those that there are.
        known: Vec<String>,
    },
    /// The remote does not let us in.
    #[error("{remote} does not let us in: {message}")]
    Auth {
        /// The remote.
        remote: String,
        /// What git said.
        message: String,
    },
    /// The remote cannot be reached now.
    #[error("{remote} cannot be reached: {message}")]
    Unavailable {
        /// The remote.
        remote: String,
        /// What git said.
        message: String,
    },
    /// The remote or the branch is not there.
    #[error("{remote}: {message}")]
    NotFound {
        /// The remote.
        remote: String,
        /// What git said.
        message: String,
    },
    /// Something else moved the branch in the meantime.
    #[error("`{branch}` of {remote} moved in the meantime: {message}")]
    Lost {
        /// The remote.
        remote: String,
        /// The branch, short.
        branch: String,
        /// What git said.
        message: String,
    },
    /// The remote, or a hook of ours, refuses.
    #[error("{remote} refuses `{branch}`: {message}")]
    Refused {
        /// The remote.
        remote: String,
        /// The branch, short.
        branch: String,
        /// What git said.
        message: String,
    },
    /// What was pushed is not what is there.
    #[error("`{branch}` of {remote} is not what was pushed: it is {found}")]
    ReadBack {
        /// The remote.
        remote: String,
        /// The branch, short.
        branch: String,
        /// What is there.
        found: String,
    },
}

fn known_remotes(known: &[String]) -> String {
    match known {
        [] => "; the repository has none".to_owned(),
        known => format!("; there are {}", known.join(", ")),
    }
}

impl RemoteError {
    /// The documented exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Git(error) => error.kind().exit_code(),
            Self::Unknown { .. } | Self::NotFound { .. } => 5,
            Self::Several { .. } => 2,
            Self::Auth { .. } => 4,
            Self::Unavailable { .. } => 7,
            Self::Lost { .. } | Self::ReadBack { .. } => 6,
            Self::Refused { .. } => 128,
        }
    }

    /// A command that helps.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Git(error) => error.hint(),
            Self::Unknown { known, .. } if known.is_empty() => {
                Some("git remote add origin URL".to_owned())
            }
            Self::Unknown { .. } => Some("git remote -v".to_owned()),
            Self::Several { known } => {
                let first = known.first().map_or("origin", String::as_str);
                Some(format!("git config promote.remote {first}"))
            }
            Self::Auth { remote, .. }
            | Self::Unavailable { remote, .. }
            | Self::NotFound { remote, .. } => Some(format!("git ls-remote {remote}")),
            Self::Lost { remote, .. } | Self::ReadBack { remote, .. } => {
                Some(format!("git fetch {remote}"))
            }
            Self::Refused { .. } => None,
        }
    }
}

impl Repository {
    /// The remote of that name or address; else that of `promote.remote`, of
    /// the current branch, `origin`, or the only one.
    pub fn remote(&self, wanted: Option<&str>) -> Result<Remote, RemoteError> {
        let known = self.remote_names();
        let wanted = wanted.map(str::to_owned).or_else(|| self.config_string("promote.remote"));
        let branch = self.head()?.branch;
        let name = match wanted {
            Some(name) => Self::checked_remote(name, &known)?,
            None => self.usual_remote(branch.as_deref(), known)?,
        };
        let of_branch =
            branch.and_then(|name| self.config_string(&format!("branch.{name}.pushRemote")));
        let push_name = of_branch
            .or_else(|| self.config_string("remote.pushDefault"))
            .unwrap_or_else(|| name.clone());
        let url = self.url_of(&name, false)?;
        let push_url = self.url_of(&push_name, true)?;
        Ok(Remote { name, url, push_name, push_url })
    }

    /// What was asked for is a remote, or an address.
    fn checked_remote(name: String, known: &[String]) -> Result<String, RemoteError> {
        let address = name.contains([':', '/']);
        if name.starts_with('-') || !address && !known.contains(&name) {
            return Err(RemoteError::Unknown { name, known: known.to_vec() });
        }
        Ok(name)
    }

    fn usual_remote(
        &self,
        branch: Option<&str>,
        known: Vec<String>,
    ) -> Result<String, RemoteError> {
        let of_branch = branch.and_then(|b| self.config_string(&format!("branch.{b}.remote")));
        if let Some(name) = of_branch.filter(|name| name != ".") {
            return Self::checked_remote(name, &known);
        }
        match known.as_slice() {
            [only] => Ok(only.clone()),
            [] => Err(RemoteError::Unknown { name: "origin".to_owned(), known }),
            several if several.iter().any(|name| name == "origin") => Ok("origin".to_owned()),
            _ => Err(RemoteError::Several { known }),
        }
    }

    /// The address of a remote with `insteadOf` and `pushInsteadOf` applied.
    fn url_of(&self, name: &str, push: bool) -> Result<String, RemoteError> {
        let mut args = vec!["ls-remote", "--get-url", "--end-of-options", name];
        if push && self.remote_names().iter().any(|known| known == name) {
            args = vec!["remote", "get-url", "--push", "--", name];
        }
        let said = child::answer(self, &args, b"")?;
        Ok(String::from_utf8_lossy(&said).trim().to_owned())
    }

    /// Asks a remote for HEAD and for branches, in one connection.
    pub fn list_remote(&self, remote: &str, branches: &[&str]) -> Result<Listing, RemoteError> {
        let mut args = vec!["ls-remote".to_owned(), "--symref".to_owned()];
        args.extend(["--end-of-options".to_owned(), remote.to_owned(), "HEAD".to_owned()]);
        args.extend(branches.iter().map(|branch| format!("refs/heads/{branch}")));
        let said = self.talk(remote, &args)?;
        let text = String::from_utf8_lossy(&said);
        let mut listing = Listing::default();
        for line in text.lines() {
            let Some((left, name)) = line.split_once('\t') else { continue };
            if let Some(target) = left.strip_prefix("ref: ").filter(|_| name == "HEAD") {
                listing.head = target.strip_prefix("refs/heads/").map(str::to_owned);
            } else if name == "HEAD" {
                let branch = listing.head.clone();
                listing.branches.extend(branch.and_then(|branch| self.tip(&branch, left)));
            } else if let Some(branch) = name.strip_prefix("refs/heads/") {
                listing.branches.extend(self.tip(branch, left));
            }
        }
        Ok(listing)
    }

    fn tip(&self, branch: &str, id: &str) -> Option<Tip> {
        Some(Tip { branch: branch.to_owned(), id: self.full_id(id)? })
    }

    /// Brings the commit of a tip here, if it is not; gives the tip as it is
    /// then, which may be a later one.
    pub fn fetch(&self, remote: &Remote, tip: &Tip) -> Result<Tip, RemoteError> {
        if self.has_whole(tip.id) {
            return Ok(tip.clone());
        }
        let named = self.remote_names().contains(&remote.name);
        let full = format!("refs/heads/{}", tip.branch);
        let tracking = format!("refs/remotes/{}/{}", remote.name, tip.branch);
        let refspec = if named { format!("+{full}:{tracking}") } else { full };
        let mut args = vec!["fetch", "--quiet", "--no-tags", "--no-recurse-submodules"];
        args.extend(["--end-of-options", remote.name.as_str(), refspec.as_str()]);
        let args: Vec<String> = args.into_iter().map(str::to_owned).collect();
        self.talk(&remote.name, &args)?;
        let now = if named { self.reference(&tracking)? } else { None };
        Ok(Tip { branch: tip.branch.clone(), id: now.unwrap_or(tip.id) })
    }

    /// Whether a commit is here and reachable, so that its history is too.
    fn has_whole(&self, id: ObjectId) -> bool {
        self.gix.find_commit(id).is_ok_and(|commit| commit.tree().is_ok())
    }

    /// Runs a git command that speaks with a remote.
    fn talk(&self, remote: &str, args: &[String]) -> Result<Vec<u8>, RemoteError> {
        let output = run(self, args)?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        Err(classify(remote, &child::words(&output.stderr)))
    }
}

/// Runs git with the words of its errors in English, and with safe transports.
pub(super) fn run(repo: &Repository, args: &[String]) -> Result<std::process::Output, GitError> {
    let failed = |error: std::io::Error| GitError::Child {
        command: args.first().cloned().unwrap_or_default(),
        message: error.to_string(),
    };
    let mut command = child::git(repo);
    command.args(args).env("LC_ALL", "C").stdin(std::process::Stdio::null());
    if std::env::var_os("GIT_ALLOW_PROTOCOL").is_none() {
        command.env("GIT_ALLOW_PROTOCOL", PROTOCOLS);
    }
    command.output().map_err(failed)
}

/// What a failure to speak with a remote means, by what git and ssh say.
pub(super) fn classify(remote: &str, said: &str) -> RemoteError {
    const AUTH: [&str; 9] = [
        "authentication failed",
        "could not read username",
        "could not read password",
        "permission denied",
        "access denied",
        "terminal prompts disabled",
        "host key verification failed",
        "returned error: 401",
        "returned error: 403",
    ];
    const MISSING: [&str; 6] = [
        "does not appear to be a git repository",
        "repository not found",
        "couldn't find remote ref",
        "does not exist",
        "returned error: 404",
        "not found",
    ];
    let low = said.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| low.contains(word));
    let remote = shown(remote);
    let message = one_line(said);
    if has(&AUTH) {
        RemoteError::Auth { remote, message }
    } else if has(&MISSING) {
        RemoteError::NotFound { remote, message }
    } else {
        RemoteError::Unavailable { remote, message }
    }
}

/// A remote by its name; by its address without what may be secret in it.
pub(super) fn shown(remote: &str) -> String {
    let Some((scheme, rest)) = remote.split_once("://") else { return remote.to_owned() };
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    format!("{scheme}://{}/{path}", host.rsplit('@').next().unwrap_or(host))
}

/// What was said in one line, without the userinfo of addresses in it.
pub(super) fn one_line(said: &str) -> String {
    let words = said.split_whitespace().map(|word| match word.split_once("://") {
        Some((before, rest)) => {
            let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
            let slash = if rest.contains('/') { "/" } else { "" };
            format!("{before}://{}{slash}{path}", host.rsplit('@').next().unwrap_or(host))
        }
        None => word.to_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}
