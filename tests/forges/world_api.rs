//! What the forge of [`crate::world`] answers: the part of GitHub's REST and
//! GraphQL that the client speaks.

use serde_json::{Value, json};

use crate::faults::{Double as _, Refusal, TOKEN};
use crate::github_double::{self, GitHubDouble};
use crate::server::{Received, Reply};
use crate::world::{Hub, Pull, git};
use crate::world_git;

pub(crate) fn answer(hub: &mut Hub, received: &Received) -> Reply {
    if received.header("authorization") != format!("Bearer {TOKEN}") {
        return Reply::json(401, &json!({ "message": "Bad credentials" }));
    }
    let fits = |(method, path, _): &(&str, &str, Reply)| {
        received.method == *method && received.path.ends_with(path)
    };
    if let Some(at) = hub.faults.iter().position(fits) {
        return hub.faults.remove(at).2;
    }
    hub.look();
    let reply = known(hub, received);
    hub.settle();
    reply.unwrap_or_else(|| Reply::json(404, &json!({ "message": "Not Found" })))
}

fn known(hub: &mut Hub, received: &Received) -> Option<Reply> {
    let body = received.json();
    if received.is("POST", "/api/graphql") {
        return Some(graphql(hub, &body));
    }
    if let Some(rest) = received.path.strip_prefix("/api/v3/orgs/acme/teams/") {
        let Some((team, person)) = rest.split_once("/memberships/") else {
            return Some(Reply::json(200, &json!({ "slug": rest })));
        };
        let is = hub.members.iter().any(|(own, who)| *own == team && *who == person);
        return is.then(|| Reply::json(200, &json!({ "state": "active", "role": "member" })));
    }
    let path = received.path.strip_prefix("/api/v3/repos/acme/config/")?;
    let parts: Vec<&str> = path.split('/').collect();
    match (received.method.as_str(), &parts[..]) {
        ("GET", ["pulls"]) => {
            let head = received.query("head").strip_prefix("acme:").unwrap_or_default();
            let open = hub.pulls.iter().filter(|pull| pull.is_open());
            let found = open.filter(|pull| head.is_empty() || pull.head == head);
            Some(Reply::json(200, &found.map(shown).collect()))
        }
        ("POST", ["pulls"]) => Some(open(hub, &body)),
        ("GET", ["collaborators", person, "permission"]) => {
            let permission = if *person == "stranger" { "read" } else { "write" };
            Some(Reply::json(200, &json!({ "permission": permission })))
        }
        ("GET", ["milestones"]) => {
            let all = hub.milestones.iter().zip(1..);
            let all = all.map(|(title, number)| json!({ "number": number, "title": title }));
            Some(Reply::json(200, &all.collect()))
        }
        ("GET", ["commits", id, "status"]) => {
            // The newest of each name alone, as GitHub does it.
            let all = hub.statuses.get(*id).cloned().unwrap_or_default();
            let newest = |at: &usize| {
                !all[at + 1..].iter().any(|later| later["context"] == all[*at]["context"])
            };
            let newest: Vec<_> = (0..all.len()).filter(newest).map(|at| &all[at]).collect();
            Some(Reply::json(200, &json!({ "state": "pending", "statuses": newest })))
        }
        ("GET", ["commits", id, "statuses"]) => {
            let mut all = hub.statuses.get(*id).cloned().unwrap_or_default();
            all.reverse();
            Some(Reply::json(200, &json!(all)))
        }
        ("GET", ["commits", id, "check-runs"]) => {
            let runs = hub.runs.get(*id).cloned().unwrap_or_default();
            Some(Reply::json(200, &json!({ "total_count": runs.len(), "check_runs": runs })))
        }
        (method, ["pulls" | "issues", number, rest @ ..]) => {
            let at = number.parse::<usize>().ok()?.checked_sub(1)?;
            one(hub.pulls.get_mut(at)?, (method, rest), &body)
        }
        _ => None,
    }
}

/// A pull request as GitHub writes it.
fn shown(pull: &Pull) -> Value {
    let mut value = github_double::pull(pull.number as u64, &pull.head, 7);
    value["title"] = json!(pull.title);
    value["body"] = json!(pull.body);
    value["draft"] = json!(pull.draft);
    value["state"] = json!(if pull.is_open() { "open" } else { "closed" });
    value["merged"] = json!(pull.merged);
    value["head"]["sha"] = json!(pull.tip);
    value["base"]["ref"] = json!(pull.base);
    value["user"] = json!({ "login": "bot" });
    value["mergeable"] = json!(!pull.conflicts);
    if let Some(method) = &pull.auto_merge {
        value["auto_merge"] = json!({ "merge_method": method });
    }
    value
}

fn refusal(refusal: Refusal) -> Reply {
    GitHubDouble::default().refusal(refusal).unwrap()
}

fn open(hub: &mut Hub, body: &Value) -> Reply {
    let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
    let (head, base) = (text("head"), text("base"));
    let same = |pull: &Pull| pull.is_open() && pull.head == head && pull.base == base;
    if hub.pulls.iter().any(same) {
        return refusal(Refusal::Exists);
    }
    let (Some(tip), Some(_)) = (hub.tip(&head), hub.tip(&base)) else {
        return refusal(Refusal::Base);
    };
    let range = format!("{base}..{head}");
    let ahead = git(&hub.home, &hub.bare, &["rev-list", "--count", &range]);
    if ahead.stdout == b"0\n" {
        return refusal(Refusal::NoCommits);
    }
    let pull = Pull {
        number: hub.pulls.len() + 1,
        title: text("title"),
        body: text("body"),
        draft: body["draft"] == true,
        head,
        base,
        tip,
        ..Pull::default()
    };
    if std::mem::take(&mut hub.interferes) {
        world_git::interfere(hub, &pull.head);
    }
    let reply = Reply::json(201, &shown(&pull));
    hub.pulls.push(pull);
    reply
}

fn texts(value: &Value) -> Vec<String> {
    let all = value.as_array().into_iter().flatten();
    all.map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// What is asked of one pull request.
fn one(pull: &mut Pull, asked: (&str, &[&str]), body: &Value) -> Option<Reply> {
    match asked {
        ("GET", []) => {}
        ("PATCH", []) => {
            for (key, own) in [("title", &mut pull.title), ("body", &mut pull.body)] {
                if let Some(text) = body[key].as_str() {
                    text.clone_into(own);
                }
            }
            if body["state"] == "closed" {
                pull.closed = true;
                pull.auto_merge = None;
            }
            pull.milestone = body["milestone"].as_u64().or(pull.milestone);
        }
        ("GET", ["requested_reviewers"]) => {
            let all = |list: &[String], key: &str| {
                list.iter().map(|name| json!({ key: name })).collect::<Value>()
            };
            let (users, teams) = (all(&pull.asked, "login"), all(&pull.teams, "slug"));
            return Some(Reply::json(200, &json!({ "users": users, "teams": teams })));
        }
        ("POST", ["requested_reviewers"]) => {
            let people = texts(&body["reviewers"]);
            if people.iter().any(|name| name == "nobody") {
                return Some(refusal(Refusal::Reviewers));
            }
            pull.asked.extend(people);
            pull.teams.extend(texts(&body["team_reviewers"]));
        }
        ("GET", ["reviews"]) => {
            let given = pull.approvals.iter().map(|name| {
                let user = json!({ "login": name });
                json!({ "user": user, "state": "APPROVED", "commit_id": pull.tip })
            });
            let all = pull.reviews.iter().cloned().chain(given);
            return Some(Reply::json(200, &all.collect()));
        }
        ("POST", ["labels"]) => pull.labels.extend(texts(&body["labels"])),
        ("POST", ["comments"]) => {
            pull.comments.push(body["body"].as_str().unwrap().to_owned());
        }
        _ => return None,
    }
    Some(Reply::json(if asked.0 == "POST" { 201 } else { 200 }, &shown(pull)))
}

fn graphql(hub: &mut Hub, body: &Value) -> Reply {
    let said = |kind: &str, message: &str| {
        let error = json!({ "type": kind, "message": message });
        Reply::json(200, &json!({ "data": null, "errors": [error] }))
    };
    let (text, id) = (body["query"].as_str().unwrap(), body["variables"]["id"].as_str().unwrap());
    let mut all = hub.pulls.iter();
    let Some(at) = all.position(|pull| format!("PR_{}", pull.number) == id) else {
        return said("NOT_FOUND", "Could not resolve to a node");
    };
    let missing = hub.missing(&hub.pulls[at]);
    let allowed = hub.auto_merge;
    let pull = &mut hub.pulls[at];
    if text.contains("convertPullRequestToDraft") {
        pull.draft = true;
    } else if text.contains("markPullRequestReadyForReview") {
        pull.draft = false;
    } else if text.contains("enablePullRequestAutoMerge") {
        if !allowed {
            return said("UNPROCESSABLE", "Auto merge is not allowed for this repository");
        }
        if missing.is_none() {
            return refusal(Refusal::Within);
        }
        let method = body["variables"]["method"].as_str().unwrap();
        pull.auto_merge = Some(method.to_ascii_lowercase());
    } else if text.contains("disablePullRequestAutoMerge") {
        pull.auto_merge = None;
    }
    Reply::json(200, &json!({ "data": { "done": { "clientMutationId": null } } }))
}
