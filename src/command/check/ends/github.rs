//! GitHub Actions, and Gitea and Forgejo Actions, which say the same.
//!
//! Sources: docs.github.com "Variables reference" (`GITHUB_EVENT_NAME`,
//! `GITHUB_EVENT_PATH`, `GITHUB_SHA`), "Events that trigger workflows"
//! (`GITHUB_SHA` of `pull_request` is the last merge commit of
//! `refs/pull/N/merge`, of `pull_request_target` the tip of the base branch, of
//! `merge_group` the commit of the group), "Webhook events and payloads"
//! (`pull_request.base.sha`, `merge_group.base_sha`, `push` with `before` and
//! `after`).

use serde_json::Value;

use super::{Around, Pair, full_id, merge_onto, merge_result, remote_branch};
use crate::command::{Exit, Failure};
use crate::git::{ObjectId, Repository};

/// A payload is a few hundred kilobytes; GitHub sends 25 MB at most.
const LONGEST_EVENT: u64 = 32 << 20;

/// What the event compares; `None` outside of Actions.
pub(super) fn find(repo: &Repository, around: &Around<'_>) -> Result<Option<Pair>, Failure> {
    if !around.is_true("GITHUB_ACTIONS") {
        return Ok(None);
    }
    let Some(name) = around.get("GITHUB_EVENT_NAME") else { return Ok(None) };
    let known = ["pull_request", "pull_request_target", "merge_group", "push"];
    if !known.contains(&name.as_str()) {
        let message = format!("the event `{}` names no base", name.escape_debug());
        return Err(Failure::usage(message).hint("git promote check BASE..HEAD"));
    }
    let event = Event { repo, json: read(around)? };
    match name.as_str() {
        "merge_group" => {
            let base = event.id("/merge_group/base_sha")?;
            Ok(Some(Pair::merged(base, event.id("/merge_group/head_sha")?)))
        }
        "push" => push(&event).map(Some),
        _ => pull_request(&event, around).map(Some),
    }
}

struct Event<'a> {
    repo: &'a Repository,
    json: Value,
}

impl Event<'_> {
    fn text(&self, pointer: &str) -> Option<&str> {
        self.json.pointer(pointer).and_then(Value::as_str)
    }

    /// The id at a place of the payload.
    fn id(&self, pointer: &str) -> Result<ObjectId, Failure> {
        let name = pointer.trim_start_matches('/').replace('/', ".");
        full_id(self.repo, &name, self.text(pointer).unwrap_or_default())
    }
}

fn read(around: &Around<'_>) -> Result<Value, Failure> {
    let failed = |why: String| {
        Failure::new(Exit::Invalid, format!("cannot read the event: {why}"))
            .hint("git promote check BASE..HEAD")
    };
    let path = around
        .get("GITHUB_EVENT_PATH")
        .ok_or_else(|| failed("GITHUB_EVENT_PATH is not set".to_owned()))?;
    let length = std::fs::metadata(&path).map_err(|error| failed(error.to_string()))?.len();
    if length > LONGEST_EVENT {
        return Err(failed(format!("it has {length} bytes")));
    }
    let bytes = std::fs::read(&path).map_err(|error| failed(error.to_string()))?;
    serde_json::from_slice(&bytes).map_err(|error| failed(error.to_string()))
}

/// The merge that GitHub has made, where that is what runs; else the head is
/// merged into the base here. A commit that is merely checked out is never
/// taken for GitHub's merge: the author of the change may have made it.
fn pull_request(event: &Event<'_>, around: &Around<'_>) -> Result<Pair, Failure> {
    let base = event.id("/pull_request/base/sha")?;
    let head = event.id("/pull_request/head/sha")?;
    let merge = around.get("GITHUB_SHA").and_then(|text| event.repo.full_id(&text));
    if let Some(merge) = merge
        && let Some(pair) = merge_result(event.repo, merge, head)?
    {
        return Ok(merge_onto(pair, Some(base)));
    }
    Ok(Pair::merged(base, head))
}

/// A branch that was moved, or a new one.
fn push(event: &Event<'_>) -> Result<Pair, Failure> {
    let (before, after) = (event.id("/before")?, event.id("/after")?);
    if after.is_null() {
        return Err(Failure::usage("the push deletes a branch: there is nothing to judge"));
    }
    if !before.is_null() {
        return Ok(Pair::moved(before, after));
    }
    let default = event.text("/repository/default_branch").unwrap_or_default();
    if event.text("/ref") == Some(format!("refs/heads/{default}").as_str()) {
        return Ok(Pair::moved(event.repo.empty_tree(), after));
    }
    let base = remote_branch(event.repo, default)?;
    Ok(Pair::merged(base, after).note(format!("a new branch, judged against `{default}`")))
}
