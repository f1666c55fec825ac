//! How an approved plan reaches the branch that environments are deployed
//! from, and who is asked on the way.

use std::fmt;
use std::str::FromStr;

/// What a promotion does with its commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Deliver {
    /// It stays on the current branch.
    #[default]
    Commit,
    /// It is pushed to the base branch.
    Push,
    /// It goes to a branch of its own, with a pull request.
    Pr,
}

impl Deliver {
    /// Every way, by its word in the config.
    pub const WORDS: [(&'static str, Self); 3] =
        [("commit", Self::Commit), ("push", Self::Push), ("pr", Self::Pr)];
}

/// What an environment says of the delivery of promotions into it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EnvironmentDelivery {
    /// How, where it differs from the rest.
    pub deliver: Option<Deliver>,
    /// Whether the forge merges its pull requests by itself once it may.
    pub auto_merge: bool,
    /// Who is asked to look at its pull requests; where somebody is named, only
    /// their approvals count.
    pub reviewers: Vec<Reviewer>,
    /// How many approvals a pull request needs, where the config says so.
    pub approvals: Option<u8>,
    /// The same for a rollback.
    pub rollback_approvals: Option<u8>,
    /// Whether nothing goes in that nobody approved, and its paths have owners.
    pub protected: bool,
}

impl EnvironmentDelivery {
    /// How many approvals a promotion or a rollback needs: where it is
    /// protected and says nothing of it, one.
    pub fn needs(&self, rollback: bool) -> u8 {
        let own = self.approvals.unwrap_or(u8::from(self.protected));
        self.rollback_approvals.filter(|_| rollback).unwrap_or(own)
    }
}

/// Which promotions share a branch and a pull request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Flow {
    /// One for each app and environment.
    #[default]
    PerEnv,
    /// One for each app, whatever the environment.
    PerApp,
    /// One for each app, environment and version.
    PerVersion,
}

impl Flow {
    /// Every flow, by its word in the config.
    pub const WORDS: [(&'static str, Self); 3] =
        [("per-env", Self::PerEnv), ("per-app", Self::PerApp), ("per-version", Self::PerVersion)];
}

/// How a pull request is merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MergeMethod {
    /// By one new commit that holds everything.
    #[default]
    Squash,
    /// By a merge commit.
    Merge,
    /// By the commits themselves, put on top.
    Rebase,
}

impl MergeMethod {
    /// Every method, by its word in the config.
    pub const WORDS: [(&'static str, Self); 3] =
        [("squash", Self::Squash), ("merge", Self::Merge), ("rebase", Self::Rebase)];
}

/// A kind of forge: what speaks to people about changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ForgeKind {
    /// GitHub and GitHub Enterprise.
    GitHub,
    /// GitLab.
    GitLab,
    /// Gitea and Forgejo.
    Gitea,
    /// Azure DevOps.
    Azure,
    /// Bitbucket Cloud.
    Bitbucket,
    /// None: branches are pushed, and that is all.
    None,
}

impl ForgeKind {
    /// Every kind, by its word in the config.
    pub const WORDS: [(&'static str, Self); 6] = [
        ("github", Self::GitHub),
        ("gitlab", Self::GitLab),
        ("gitea", Self::Gitea),
        ("azure", Self::Azure),
        ("bitbucket", Self::Bitbucket),
        ("none", Self::None),
    ];
}

impl fmt::Display for ForgeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::GitHub => "GitHub",
            Self::GitLab => "GitLab",
            Self::Gitea => "Gitea",
            Self::Azure => "Azure DevOps",
            Self::Bitbucket => "Bitbucket",
            Self::None => "no forge",
        })
    }
}

/// Who is asked to look at a pull request.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reviewer {
    /// `@acme/security`: a team or group of an organization.
    Team {
        /// The organization, or the path of groups.
        organization: String,
        /// The team.
        name: String,
    },
    /// `@name`: a person.
    Person(String),
}

impl FromStr for Reviewer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || format!("`{text}` is neither `@name` nor `@org/team`");
        let rest = text.strip_prefix('@').ok_or_else(bad)?;
        let plain = |part: &str| {
            !part.is_empty() && !part.chars().any(|c| c.is_whitespace() || c.is_control())
        };
        match rest.rsplit_once('/') {
            Some((organization, name)) if plain(organization) && plain(name) => {
                let (organization, name) = (organization.to_owned(), name.to_owned());
                Ok(Self::Team { organization, name })
            }
            None if plain(rest) => Ok(Self::Person(rest.to_owned())),
            _ => Err(bad()),
        }
    }
}

impl fmt::Display for Reviewer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Team { organization, name } => write!(f, "@{organization}/{name}"),
            Self::Person(name) => write!(f, "@{name}"),
        }
    }
}
