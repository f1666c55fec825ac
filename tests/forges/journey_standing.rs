//! The approvals that an environment wants, counted by the built program on
//! the forges beside GitHub: each is the stand-in of its client, whose request
//! has a real head.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::faults::Double;
use crate::journey_request::{at, overlay};
use crate::server::{Received, Reply, Server};
use crate::world::{Ran, World};

/// A forge, and what is particular to it.
struct Kind {
    name: &'static str,
    api: &'static str,
    repository: &'static str,
    /// What its stand-in gives as the head of a request, and how many digits of
    /// the head belong there.
    head: (&'static str, usize),
    double: fn() -> Arc<dyn Double>,
}

const GITLAB: Kind = Kind {
    name: "gitlab",
    api: "/api/v4",
    repository: "group/sub/config",
    head: ("0123456789abcdef0123456789abcdef01234567", 40),
    double: || Arc::new(crate::gitlab::Stand::default()),
};

const GITEA: Kind = Kind {
    name: "gitea",
    api: "/api/v1",
    repository: "acme/config",
    head: ("0123456789abcdef0123456789abcdef01234567", 40),
    double: || Arc::new(crate::gitea::Stand::default()),
};

const AZURE: Kind = Kind {
    name: "azure",
    api: "",
    repository: "acme/the%20shop/config",
    head: ("\"abc\"", 40),
    double: || Arc::new(crate::azure::Stand::default()),
};

const BITBUCKET: Kind = Kind {
    name: "bitbucket",
    api: "/2.0",
    repository: "acme/config",
    head: ("0123456789ab", 12),
    double: || Arc::new(crate::bitbucket::Stand::default()),
};

const CONFIG: &str = r#"version = 1

[layout]
paths = ["apps/{app}/{env}"]

[[environment]]
name = "dev"

[[environment]]
name = "prod"
approvals = 1
PROD

[forge]
kind = "KIND"
api = "API"
repository = "REPOSITORY"
"#;

/// What is answered at paths that end so; of a document these fields alone.
type Told = Arc<Mutex<Vec<(&'static str, Value)>>>;

struct Scene {
    world: World,
    root: PathBuf,
    told: Told,
    head: String,
    _server: Server,
}

/// `web` of which dev has v2, and a clone with the request into prod open.
fn requested(kind: &Kind, prod: &str) -> Scene {
    let (double, told) = ((kind.double)(), Told::default());
    let (own, head) = (Arc::clone(&told), Arc::new(Mutex::new(String::new())));
    let (fake, digits) = kind.head;
    let known = Arc::clone(&head);
    let server = Server::start(move |received| {
        let mut reply = answered(&*double, received, &own.lock().unwrap());
        let head = known.lock().unwrap();
        if let Some(short) = head.get(..digits) {
            let text = String::from_utf8(reply.body).unwrap();
            let real = if fake.starts_with('"') { format!("\"{short}\"") } else { short.into() };
            reply.body = text.replace(fake, &real).into_bytes();
        }
        reply
    });
    let config = CONFIG
        .replace("PROD", prod)
        .replace("KIND", kind.name)
        .replace("API", &format!("{}{}", server.origin(), kind.api))
        .replace("REPOSITORY", kind.repository);
    let (dev, at_prod) = (at("web", "dev"), at("web", "prod"));
    let (new, old) = (overlay("web", "v2"), overlay("web", "v1"));
    let world = World::new(&[("promote.toml", &config), (&dev, &new), (&at_prod, &old)]);
    let root = world.clone_as("repo");
    // Not everybody who is to be asked is known there.
    world.promote(&root, &["web@v2", "prod", "--pr"]).says("pull request #1 opened");
    world.git_in(&root, &["fetch", "-q", "origin"]);
    let branch = ["for-each-ref", "--format=%(objectname)", "refs/heads/promote"];
    let tip = world.git(&branch).trim().to_owned();
    assert_eq!(tip.len(), 40, "{tip}");
    head.lock().unwrap().clone_from(&tip);
    Scene { world, root, told, head: tip, _server: server }
}

fn answered(double: &dyn Double, received: &Received, told: &[(&'static str, Value)]) -> Reply {
    let known = told.iter().find(|(end, _)| received.path.ends_with(end));
    let Some((_, value)) = known.filter(|_| received.method == "GET") else {
        return double.answer(received);
    };
    let reply = double.answer(received);
    let mut document: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    if reply.status != 200 || !document.is_object() {
        return Reply::json(200, value);
    }
    for (key, value) in value.as_object().unwrap() {
        document[key] = value.clone();
    }
    Reply::json(200, &document)
}

impl Scene {
    /// From now on this is answered at paths that end so.
    fn tells(&self, end: &'static str, value: Value) {
        let mut told = self.told.lock().unwrap();
        told.retain(|(known, _)| *known != end);
        told.push((end, value));
    }

    fn check(&self) -> Ran {
        let args = ["check", "--base", "origin/main", "--head", &self.head, "--online", "-v"];
        self.world.promote(&self.root, &args)
    }

    fn why(&self) -> Ran {
        self.world.promote(&self.root, &["why", "web", "prod", "v2"]).ends(0)
    }
}

const TEAM: &str = "reviewers = [\"@ada\", \"@acme/ops\"]";

#[test]
fn gitlab_is_asked() {
    let scene = requested(&GITLAB, TEAM);
    scene.tells("/statuses", json!([]));
    let user = |name: &str| json!({"username": name, "state": "active"});
    let approved = |name: &str, time: &str| json!({"user": user(name), "approved_at": time});
    scene.tells("/merge_requests/1", json!({"author": user("bot"), "has_conflicts": true}));
    scene.tells("/approvals", json!({"approved_by": []}));
    scene.tells("/reviewers", json!([]));
    let pushed = json!({
        "id": 1, "head_commit_sha": scene.head, "created_at": "2026-01-02T03:00:00Z",
    });
    scene.tells("/versions", json!([pushed]));
    scene.check().ends(3).says("#1 needs 1 approval by @ada or @acme/ops, and has none");
    let by = [
        approved("ada", "2026-01-02T02:00:00Z"),
        approved("bot", "2026-01-02T04:00:00Z"),
        approved("carol", "2026-01-02T04:00:00Z"),
    ];
    scene.tells("/approvals", json!({ "approved_by": by }));
    // The group is not visible.
    let said = scene.check().ends(3);
    said.says("ada approved an older head; carol approved and is no reviewer");
    said.says("whether carol is in @acme/ops is not told: GitLab does not know the group acme/ops");
    let why = scene.why();
    why.says("conflicts with its base");
    why.says("ada approved an older head");
    scene.tells("/groups/acme%2Fops/members/all", json!([user("carol")]));
    scene.check().ends(0).says("#1 is approved by carol");
    scene.tells("/reviewers", json!([{"user": user("dan"), "state": "requested_changes"}]));
    scene.check().ends(3).says("dan asks for changes in #1");
    scene.why().says("dan asks for changes");
}

#[test]
fn gitlab_without_approvals_is_told() {
    let scene = requested(&GITLAB, "");
    scene.tells("/statuses", json!([]));
    scene.tells("/merge_requests/1", json!({"author": {"username": "bot"}}));
    let told = "GitLab does not know the approvals of !1: 404 Not Found";
    scene.check().ends(7).says(told);
    scene.why().says(&format!("whether a pull request is open is not known: {told}"));
}

#[test]
fn gitea_is_asked() {
    let scene = requested(&GITEA, TEAM);
    let review = |name: &str, state: &str, commit: &str| {
        json!({
            "user": {"login": name}, "state": state, "commit_id": commit, "official": true,
            "stale": false, "dismissed": false,
        })
    };
    let head = scene.head.clone();
    scene.tells("/pulls/1", json!({"user": {"login": "bot"}, "mergeable": false}));
    scene.tells("/pulls/1/reviews", json!([review("ada", "APPROVED", "aaaa")]));
    scene.check().ends(3).says("and has none; ada approved an older head");
    scene.why().says("conflicts with its base");
    scene.tells(
        "/pulls/1/reviews",
        json!([review("bot", "APPROVED", &head), review("carol", "APPROVED", &head)]),
    );
    let said = scene.check().ends(3);
    said.says("carol approved and is no reviewer; whether carol is in @acme/ops is not told");
    scene.tells("/orgs/acme/teams", json!([{"id": 7, "name": "ops"}]));
    scene.tells("/teams/7/members/carol", json!({"login": "carol"}));
    scene.check().ends(0).says("#1 is approved by carol");
    let both = [review("ada", "APPROVED", &head), review("ada", "REQUEST_CHANGES", &head)];
    scene.tells("/pulls/1/reviews", json!(both));
    scene.check().ends(3).says("ada asks for changes in #1");
}

#[test]
fn azure_does_not_tell_which_head() {
    let scene = requested(&AZURE, "reviewers = [\"@carol\"]");
    scene.tells("/statuses", json!({"value": []}));
    let voter = |id: &str, name: &str, vote: i64| json!({"id": id, "uniqueName": format!("{name}@acme.test"), "vote": vote});
    let tells = |reviewers: Value| {
        let bot = voter("b", "bot", 0);
        let now = json!({"createdBy": bot, "reviewers": reviewers, "mergeStatus": "conflicts"});
        scene.tells("/pullrequests/1", now);
    };
    tells(json!([]));
    scene.check().ends(3).says("#1 needs 1 approval by @carol, and has none");
    scene.why().says("conflicts with its base");
    tells(json!([voter("x", "dan", 10)]));
    scene.check().ends(3).says("dan@acme.test approved and is no reviewer");
    // The config calls her by her account, the request by her mail address.
    tells(json!([voter("00000000-0000-0000-0000-000000000002", "c.smith", 10)]));
    let said = scene.check().ends(0);
    said.says("does not tell whether the approvals of #1 by c.smith@acme.test are of what is on");
    tells(json!([voter("x", "dan", -10)]));
    scene.check().ends(3).says("dan@acme.test asks for changes in #1");
}

#[test]
fn bitbucket_does_not_tell_which_head() {
    let scene = requested(&BITBUCKET, "reviewers = [\"@557058:1\"]");
    let participant = |id: u32, nickname: &str, state: &str| {
        let user = json!({
            "uuid": format!("{{aa-{id}}}"), "account_id": format!("557058:{id}"),
            "nickname": nickname,
        });
        json!({"user": user, "state": state})
    };
    let tells = |participants: Value| {
        let author = json!({"uuid": "{aa-9}", "nickname": "bot"});
        scene.tells("/pullrequests/1", json!({"author": author, "participants": participants}));
    };
    tells(json!([]));
    // The request names the first digits of its head.
    let said = scene.check().ends(7);
    said.says(&format!("Bitbucket does not know the commit {}", &scene.head[..12]));
    let all: &'static str = format!("/commit/{}", &scene.head[..12]).leak();
    scene.tells(all, json!({ "hash": scene.head }));
    scene.check().ends(3).says("#1 needs 1 approval by @557058:1, and has none");
    tells(json!([participant(2, "carol", "approved")]));
    scene.check().ends(3).says("carol approved and is no reviewer");
    tells(json!([participant(1, "carol", "approved")]));
    let said = scene.check().ends(0);
    said.says(
        "does not tell whether the approvals of #1 by carol are of what is on the branch now",
    );
    tells(json!([participant(2, "carol", "changes_requested")]));
    scene.check().ends(3).says("carol asks for changes in #1");
    scene.tells("/statuses", json!({"values": []}));
    scene.why().says("carol asks for changes");
    // Another commit that begins the same is another.
    scene.tells(all, json!({"hash": format!("{}{}", &scene.head[..12], "f".repeat(28))}));
    scene.check().ends(7).says("has no open request of a branch of this repository");
}
