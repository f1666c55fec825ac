//! What GitHub does by GraphQL alone: draft or not, and merging by itself.

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::forge::ForgeError;
use crate::forge::http::Http;
use crate::model::MergeMethod;

/// Every text that is sent; a test holds them against GitHub's schema.
pub(super) const TO_DRAFT: &str = "mutation($id: ID!) { \
    convertPullRequestToDraft(input: {pullRequestId: $id}) { pullRequest { isDraft } } }";
pub(super) const TO_READY: &str = "mutation($id: ID!) { \
    markPullRequestReadyForReview(input: {pullRequestId: $id}) { pullRequest { isDraft } } }";
pub(super) const MERGE_ON: &str = "mutation($id: ID!, $method: PullRequestMergeMethod!) { \
    enablePullRequestAutoMerge(input: {pullRequestId: $id, mergeMethod: $method}) { \
    pullRequest { autoMergeRequest { mergeMethod } } } }";
pub(super) const MERGE_OFF: &str = "mutation($id: ID!) { \
    disablePullRequestAutoMerge(input: {pullRequestId: $id}) { \
    pullRequest { autoMergeRequest { mergeMethod } } } }";

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    data: Value,
    #[serde(default)]
    errors: Vec<Problem>,
}

#[derive(Deserialize)]
struct Problem {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    message: String,
}

/// A method of merging as GraphQL writes it; REST writes it in lower case.
pub(super) fn method(method: MergeMethod) -> &'static str {
    match method {
        MergeMethod::Squash => "SQUASH",
        MergeMethod::Merge => "MERGE",
        MergeMethod::Rebase => "REBASE",
    }
}

/// Sends a mutation; an answer that tells of an error is one, whatever its
/// status.
pub(super) fn mutate(
    http: &Http,
    path: &str,
    text: &str,
    variables: &Value,
) -> Result<(), ForgeError> {
    let body = json!({ "query": text, "variables": variables });
    let answer: Answer = http.write(Method::POST, path, &body)?;
    if let Some(first) = answer.errors.first() {
        let words: Vec<&str> = answer.errors.iter().map(|error| error.message.as_str()).collect();
        return Err(refusal(&first.kind, http.line(&words.join("; "))));
    }
    let is_done = |done: &Value| done.as_object().is_some_and(|done| !done.is_empty());
    if is_done(&answer.data) { Ok(()) } else { Err(http.strange("no data and no error")) }
}

fn refusal(kind: &str, message: String) -> ForgeError {
    let forge = "GitHub".to_owned();
    match kind {
        "NOT_FOUND" => ForgeError::NotFound { forge, what: "that".to_owned(), message },
        "FORBIDDEN" | "INSUFFICIENT_SCOPES" => ForgeError::Forbidden { forge, message },
        "RATE_LIMITED" => ForgeError::RateLimited { forge, after: None },
        _ => ForgeError::Refused { forge, message },
    }
}
