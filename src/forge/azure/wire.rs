//! What Azure DevOps sends, as far as it is needed.

use serde::Deserialize;

use crate::forge::common::{line, seconds};
use crate::forge::standing::{Person, Standing, Word};
use crate::forge::{Check, CheckState};

/// A list: everything is in `value`.
#[derive(Debug, Deserialize)]
pub(super) struct List<T> {
    pub(super) value: Vec<T>,
}

/// A pull request.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Pull {
    #[serde(rename = "pullRequestId")]
    pub(super) number: u64,
    pub(super) source_ref_name: String,
    pub(super) target_ref_name: String,
    pub(super) title: String,
    pub(super) description: Option<String>,
    #[serde(default)]
    pub(super) is_draft: bool,
    pub(super) status: String,
    pub(super) last_merge_source_commit: Option<Commit>,
    pub(super) auto_complete_set_by: Option<Identified>,
    pub(super) repository: Option<Repository>,
    /// The fork that its branch is in.
    pub(super) fork_source: Option<serde_json::Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Commit {
    pub(super) commit_id: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Repository {
    pub(super) project: Identified,
}

/// Anything with an id.
#[derive(Debug, Deserialize)]
pub(super) struct Identified {
    pub(super) id: String,
}

/// Whose token it is.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Connection {
    pub(super) authenticated_user: Identified,
}

/// A person or group of the organization.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Identity {
    pub(super) id: String,
    provider_display_name: Option<String>,
    custom_display_name: Option<String>,
    #[serde(default = "yes")]
    pub(super) is_active: bool,
    #[serde(default)]
    pub(super) is_container: bool,
    #[serde(default)]
    properties: Properties,
}

fn yes() -> bool {
    true
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Properties {
    account: Option<Property>,
    mail: Option<Property>,
}

#[derive(Debug, Deserialize)]
struct Property {
    #[serde(rename = "$value")]
    value: Option<String>,
}

impl Identity {
    /// Whether it has exactly this name, account or mail address. The search
    /// finds more.
    pub(super) fn is(&self, name: &str) -> bool {
        let held = |property: &Option<Property>| property.as_ref().and_then(|p| p.value.clone());
        let names = [
            self.provider_display_name.clone(),
            self.custom_display_name.clone(),
            held(&self.properties.account),
            held(&self.properties.mail),
        ];
        names.iter().flatten().any(|known| known.to_lowercase() == name.to_lowercase())
    }
}

/// A pull request, as far as it tells how it stands.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Votes {
    created_by: Voter,
    reviewers: Vec<Voter>,
    merge_status: Option<String>,
}

/// Somebody who has a vote, or wrote the request.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Voter {
    id: String,
    /// A mail address, or `DOMAIN\account`.
    unique_name: Option<String>,
    display_name: Option<String>,
    #[serde(default)]
    is_container: bool,
    #[serde(default)]
    vote: i64,
}

impl Voter {
    fn person(&self) -> Person {
        let names = [&self.unique_name, &self.display_name];
        let name = names.into_iter().flatten().find(|name| !name.is_empty());
        Person { name: name.unwrap_or(&self.id).clone(), ids: vec![self.id.clone()] }
    }

    /// To which push a vote belongs is not told.
    fn word(&self) -> Option<(Person, Word, Option<bool>)> {
        // A group has the votes of its members, who are listed too.
        if self.is_container {
            return None;
        }
        let word = match self.vote {
            5 | 10 => Word::Approved,
            -10 | -5 => Word::Rejected,
            _ => return None,
        };
        Some((self.person(), word, None))
    }
}

impl Votes {
    pub(super) fn standing(&self) -> Standing {
        let conflicts = match self.merge_status.as_deref() {
            Some("conflicts") => Some(true),
            Some("succeeded") => Some(false),
            _ => None,
        };
        let said = self.reviewers.iter().filter_map(Voter::word);
        Standing::of(&self.created_by.person(), said, conflicts)
    }
}

/// What a branch policy says of a pull request.
#[derive(Debug, Deserialize)]
pub(super) struct Evaluation {
    status: String,
    configuration: Option<Policy>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Policy {
    id: Option<u64>,
    #[serde(default)]
    is_enabled: bool,
    #[serde(default)]
    is_blocking: bool,
}

impl Evaluation {
    /// Whether it keeps a pull request from being completed.
    pub(super) fn blocks(&self) -> bool {
        let blocking = self.configuration.as_ref().is_some_and(|p| p.is_enabled && p.is_blocking);
        blocking && !matches!(&*self.status, "approved" | "notApplicable")
    }

    /// The number of a policy that keeps nothing from being completed.
    pub(super) fn optional(&self) -> Option<u64> {
        self.configuration.as_ref().filter(|policy| !policy.is_blocking)?.id
    }
}

/// A status of a commit.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Status {
    pub(super) id: u64,
    state: Option<String>,
    description: Option<String>,
    context: Context,
    creation_date: Option<String>,
    updated_date: Option<String>,
    target_url: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Context {
    name: String,
    genre: Option<String>,
}

impl Status {
    pub(super) fn check(self) -> Check {
        let state = match self.state.as_deref() {
            Some("succeeded" | "notApplicable") => CheckState::Success,
            Some("failed" | "error" | "partiallySucceeded") => CheckState::Failure,
            _ => CheckState::Pending,
        };
        let context = match self.context.genre.filter(|genre| !genre.is_empty()) {
            Some(genre) => format!("{genre}/{}", self.context.name),
            None => self.context.name,
        };
        let time = self.updated_date.or(self.creation_date);
        Check {
            context,
            state,
            description: line(self.description.as_deref()),
            updated: seconds(time.as_deref()),
            url: self.target_url.unwrap_or_default(),
        }
    }
}
