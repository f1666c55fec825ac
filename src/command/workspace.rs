//! The repository a command works in: its base commit, tree and config.

use std::io::IsTerminal;

use crate::config::{self, Config, Origin};
use crate::discover;
use crate::git::{GitError, ObjectId, Repository, Tip, TreeSnapshot};
use crate::model::{EnvironmentName, RepoPath, Snapshot};
use crate::output::Paint;
use crate::worktree::read_beneath;

use super::{ColorChoice, Context, Exit, Failure, Remark, held};

/// A repository, opened, with the config of its base commit.
pub struct Workspace {
    /// The repository.
    pub repo: Repository,
    /// The commit that everything is read from.
    pub base: ObjectId,
    /// Its branch; `None` on a detached HEAD.
    pub branch: Option<String>,
    /// Its tree.
    pub snapshot: TreeSnapshot,
    /// Its config.
    pub config: Config,
    /// The colours to use.
    pub paint: Paint,
    /// Whether the base is what is checked out here.
    pub local: bool,
    now: i64,
}

/// How the `promote.toml` of the work tree differs from the committed one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pending {
    /// None is committed.
    New,
    /// Another one is committed.
    Changed,
}

fn pending(repo: &Repository, snapshot: &TreeSnapshot) -> Option<Pending> {
    let path = RepoPath::root().join(config::PROMOTE_TOML);
    let here = repo.root().and_then(|root| read_beneath(root, &path).ok().flatten())?;
    let Some(committed) = snapshot.read(&path).ok()? else { return Some(Pending::New) };
    // Line ends may differ between work tree and tree.
    let text = |bytes: &[u8]| bytes.iter().copied().filter(|b| *b != b'\r').collect::<Vec<u8>>();
    (text(&here.bytes) != text(&committed)).then_some(Pending::Changed)
}

impl Workspace {
    /// Opens the repository around the directory and reads its config.
    pub fn open(context: &Context) -> Result<Self, Failure> {
        Self::of(context, Repository::open(&context.directory)?)
    }

    /// The same of a repository that is open already.
    pub(super) fn of(context: &Context, repo: Repository) -> Result<Self, Failure> {
        let head = repo.head()?;
        let unborn = || GitError::Unborn { branch: head.branch.clone().unwrap_or_default() };
        let base = head.commit.ok_or_else(unborn)?;
        let snapshot = repo.snapshot(base)?;
        let config = read_config(&snapshot).map_err(|failure| {
            // Where nothing is found, a config that waits is the way out.
            match pending(&repo, &snapshot) {
                Some(Pending::New) => Failure {
                    hints: vec![
                        "git add promote.toml && git commit -m 'Add promote.toml'".to_owned(),
                    ],
                    ..failure
                },
                Some(Pending::Changed) => failure.hint("git commit promote.toml"),
                None => failure,
            }
        })?;
        let paint = paint(context, &repo);
        Ok(Self {
            repo,
            base,
            branch: head.branch,
            snapshot,
            config,
            paint,
            local: true,
            now: context.now,
        })
    }

    /// A repository with everything read from the tip of a branch of a remote.
    pub fn at(context: &Context, repo: &Repository, tip: &Tip) -> Result<Self, Failure> {
        let (repo, base) = (repo.clone(), tip.id);
        let snapshot = repo.snapshot(base)?;
        let config = read_config(&snapshot)?;
        let (branch, paint) = (Some(tip.branch.clone()), paint(context, &repo));
        Ok(Self { repo, base, branch, snapshot, config, paint, local: false, now: context.now })
    }

    /// Where in the tree the user stands; the root where that is not known.
    pub fn prefix(&self) -> RepoPath {
        self.repo.prefix().unwrap_or_default()
    }

    /// Whether the `promote.toml` of the work tree is another than the one
    /// that counts.
    pub fn pending(&self) -> Option<Pending> {
        if self.local { pending(&self.repo, &self.snapshot) } else { None }
    }

    /// What is to be said of the config: that it is a guess, that another one
    /// lies in the work tree and does not count yet, or that a hold holds
    /// nothing.
    pub fn config_notes(&self) -> Vec<Remark> {
        let pending = self.pending();
        let says = pending.map(|pending| match pending {
            Pending::Changed => "the changes of promote.toml count once they are committed",
            Pending::New => "promote.toml counts once it is committed",
        });
        let guess = match &self.config.origin {
            Origin::Guess(guess) if pending == Some(Pending::New) => {
                Some(format!("until then guessed: {}", guess.summary))
            }
            Origin::Guess(guess) => Some(format!("no promote.toml: guessed {}", guess.summary)),
            _ => None,
        };
        let notes = says.map(str::to_owned).into_iter().chain(guess).map(Remark::Note);
        notes.chain(held::idle(&self.snapshot, &self.config, self.now)).collect()
    }
}

/// The config of a snapshot: `promote.toml`, else `gitops-promotion.yaml`,
/// else a guess.
pub(super) fn read_config(snapshot: &dyn Snapshot) -> Result<Config, Failure> {
    let read = |name: &str| snapshot.read(&RepoPath::root().join(name));
    let promote = read("promote.toml")?;
    let legacy = if promote.is_none() { read("gitops-promotion.yaml")? } else { None };
    if let Some(mut config) = config::from_files(promote.as_deref(), legacy.as_deref())? {
        if config.layout.is_empty() {
            config.layout = discover::guess_layout(snapshot, &config.pipeline)?;
        }
        return Ok(config);
    }
    discover::guess(snapshot)?.ok_or_else(|| {
        Failure::new(
            Exit::Invalid,
            "no environment found: there is no promote.toml, and no directory is named like one \
             (dev, staging, prod)",
        )
        .hint(
            "git promote init --environments dev,staging,prod --layout 'apps/{app}/overlays/{env}'",
        )
    })
}

/// Whether the config is a guess that cannot place this environment.
pub(super) fn is_undecided(config: &Config, environment: &EnvironmentName) -> bool {
    matches!(&config.origin, Origin::Guess(guess) if guess.undecided.contains(environment))
}

/// `--color` > `color.promote` > `color.ui` > `NO_COLOR` > `CLICOLOR_FORCE` >
/// whether standard output is a terminal.
pub(super) fn paint(context: &Context, repo: &Repository) -> Paint {
    let configured = repo
        .config_string("color.promote")
        .or_else(|| repo.config_string("color.ui"))
        .and_then(|value| match value.as_str() {
            "always" => Some(ColorChoice::Always),
            "never" | "false" | "no" | "off" | "0" => Some(ColorChoice::Never),
            _ => None,
        });
    Paint { color: wants_color(context.color.filter(|c| *c != ColorChoice::Auto).or(configured)) }
}

/// The colour decision once flags and git's config are known.
pub(super) fn wants_color(choice: Option<ColorChoice>) -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    match choice {
        Some(ColorChoice::Always) => true,
        Some(ColorChoice::Never) => false,
        Some(ColorChoice::Auto) | None if set("NO_COLOR") => false,
        Some(ColorChoice::Auto) | None => {
            let forced = std::env::var_os("CLICOLOR_FORCE").is_some_and(|value| value != "0");
            let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
            forced || (std::io::stdout().is_terminal() && !dumb)
        }
    }
}
