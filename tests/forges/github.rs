//! The client of GitHub.

use std::sync::Arc;
use std::time::Duration;

use promote::forge::{
    CheckState, Draft, Ensured, Forge, ForgeError, Limits, Token, connect, ensure,
};
use promote::model::{MergeMethod, Reviewer};
use serde_json::{Value, json};

use crate::faults::{Double, TOKEN, draft, limits, play};
use crate::github_double::{GitHubDouble, place, pull};
use crate::server::{How, Reply, Server};

/// A stand-in, its server and a client.
pub(crate) struct Scene {
    pub(crate) double: Arc<GitHubDouble>,
    pub(crate) server: Server,
    pub(crate) forge: Box<dyn Forge>,
}

pub(crate) fn scene(double: GitHubDouble) -> Scene {
    let double = Arc::new(double);
    let own = Arc::clone(&double);
    let server = Server::start(move |received| own.answer(received));
    let forge = double.connect(&server.origin(), limits()).unwrap();
    Scene { double, server, forge }
}

impl Scene {
    fn ensure(&self, draft: &Draft) -> Ensured {
        ensure(&*self.forge, draft, Duration::ZERO).unwrap()
    }

    /// Method and path of all that was asked since `from`, below the repository.
    fn asked(&self, from: usize) -> Vec<String> {
        let received = self.server.received();
        let short = |path: &str| path.replace("/api/v3/repos/acme/config/", "");
        received[from..].iter().map(|one| format!("{} {}", one.method, short(&one.path))).collect()
    }
}

#[test]
fn every_fault_ends_well() {
    assert_eq!(play(|| Arc::new(GitHubDouble::default())), [""; 0]);
}

#[test]
fn nearly_right_answers_end_well() {
    crate::garbled::play(|| Arc::new(GitHubDouble::default()), 60);
}

#[test]
fn a_request_is_opened_once_and_brought_up_to_date() {
    let scene = scene(GitHubDouble::default());
    let mut draft = Draft { milestone: Some("Spring".to_owned()), ..draft() };
    let first = scene.ensure(&draft);
    assert!(first.created && first.problems.is_empty(), "{first:?}");
    assert_eq!(first.request.url, "https://github.example/acme/config/pull/1");
    assert_eq!((&*first.request.id, &*first.request.tip), ("PR_1", "1111"));
    let after = scene.server.received().len();

    let again = scene.ensure(&draft);
    assert!(!again.created && again.request == first.request, "{again:?}");
    let asked = scene.asked(after);
    assert!(!asked.iter().any(|asked| asked.starts_with("PATCH pulls")), "{asked:?}");
    assert!(!asked.contains(&"POST pulls/1/requested_reviewers".to_owned()), "{asked:?}");

    draft.title = "Promote web v1.2.4 to staging".to_owned();
    draft.draft = true;
    let changed = scene.ensure(&draft);
    assert!(changed.request.draft && changed.request.title == draft.title, "{changed:?}");
    draft.draft = false;
    assert!(!scene.ensure(&draft).request.draft);

    let state = scene.double.state.lock().unwrap();
    assert_eq!(state.pulls.len(), 1);
    assert_eq!(state.pulls[0]["draft"], false);
    assert_eq!(state.pulls[0]["title"], "Promote web v1.2.4 to staging");
    assert_eq!((&state.labels[0], &state.milestone), (&json!("promotion"), &json!(3)));
    let asked = json!([{ "reviewers": ["carol"], "team_reviewers": ["security"] }]);
    assert_eq!(json!(state.asked), asked);
}

#[test]
fn reviewers_are_asked_once_and_not_for_each_other() {
    let scene = scene(GitHubDouble::default());
    let people = ["Carol", "nobody", "dave"].map(|name| Reviewer::Person(name.to_owned()));
    scene.double.state.lock().unwrap().reviews =
        vec![json!({ "user": { "login": "carol" } }), json!({ "user": null })];
    let ensured = scene.ensure(&Draft { reviewers: people.to_vec(), ..draft() });
    let [ForgeError::Refused { message, .. }] = &ensured.problems[..] else {
        panic!("{ensured:?}");
    };
    assert!(message.contains("may only be requested from collaborators"), "{message}");
    let asked = json!([{ "reviewers": ["dave"], "team_reviewers": [] }]);
    assert_eq!(json!(scene.double.state.lock().unwrap().asked), asked);
}

#[test]
fn a_milestone_that_is_not_there_is_a_problem_beside() {
    let scene = scene(GitHubDouble::default());
    let ensured = scene.ensure(&Draft { milestone: Some("Autumn".to_owned()), ..draft() });
    let problem = ensured.problems[0].to_string();
    assert!(problem.contains("does not know an open milestone `Autumn`"), "{problem}");
    assert_eq!(scene.double.state.lock().unwrap().asked.len(), 1);
    // All that went wrong is told.
    let nobody = vec![Reviewer::Person("nobody".to_owned())];
    let both = Draft { milestone: Some("Autumn".to_owned()), reviewers: nobody, ..draft() };
    let problem = scene.ensure(&both).problems[0].to_string();
    assert!(problem.contains("collaborators") && problem.contains("`Autumn`"), "{problem}");
}

#[test]
fn branches_of_forks_and_other_bases_are_not_ours() {
    let double = GitHubDouble { page: 2, ..GitHubDouble::default() };
    let mut gone = pull(3, &draft().head, 7);
    gone["head"]["repo"] = Value::Null;
    let mut elsewhere = pull(4, &draft().head, 7);
    elsewhere["base"]["ref"] = json!("release");
    let ours = pull(5, "promote/api/staging", 7);
    let pulls = vec![pull(1, &draft().head, 8), pull(2, "other", 8), gone, elsewhere, ours];
    double.state.lock().unwrap().pulls = pulls;
    let scene = scene(double);
    let numbers = |requests: Vec<promote::forge::Request>| -> Vec<u64> {
        requests.iter().map(|request| request.number).collect()
    };
    assert_eq!(numbers(scene.forge.find(&draft().head).unwrap()), [4]);
    assert_eq!(numbers(scene.forge.find("promote/api/staging").unwrap()), [5]);
    // Over three pages.
    assert_eq!(numbers(scene.forge.open_requests().unwrap()), [4, 5]);
}

#[test]
fn auto_merge_is_turned_on_and_off_and_read_back() {
    let scene = scene(GitHubDouble::default());
    let request = scene.ensure(&draft()).request;
    scene.forge.set_auto_merge(&request, Some(MergeMethod::Rebase)).unwrap();
    let on = scene.forge.find(&request.head).unwrap();
    assert!(on[0].auto_merge);
    assert_eq!(scene.double.state.lock().unwrap().pulls[0]["auto_merge"]["merge_method"], "rebase");
    // So already, whatever GitHub says to it.
    scene.double.state.lock().unwrap().refuses_merge = Some("It is on already");
    scene.forge.set_auto_merge(&request, Some(MergeMethod::Rebase)).unwrap();
    let error = scene.forge.set_auto_merge(&request, Some(MergeMethod::Squash)).unwrap_err();
    assert_eq!(
        (error.exit_code(), &*error.to_string()),
        (4, "GitHub does not allow it: It is on already")
    );
    scene.forge.set_auto_merge(&request, None).unwrap();
    assert!(!scene.forge.find(&request.head).unwrap()[0].auto_merge);
}

#[test]
fn what_could_be_merged_at_once_is_not_merged() {
    let scene = scene(GitHubDouble::default());
    let request = scene.ensure(&draft()).request;
    scene.double.state.lock().unwrap().refuses_merge = Some("clean");
    let error = scene.forge.set_auto_merge(&request, Some(MergeMethod::Squash)).unwrap_err();
    assert_eq!(error.exit_code(), 8);
    let said = error.to_string();
    assert!(said.contains("is in clean status") && said.contains("merged at once"), "{said}");
    let asked = scene.asked(0);
    assert!(!asked.iter().any(|asked| asked.contains("/merge")), "{asked:?}");
    assert_eq!(scene.double.state.lock().unwrap().pulls[0]["state"], "open");
}

#[test]
fn what_github_only_says_is_not_believed() {
    let scene = scene(GitHubDouble::default());
    let request = scene.ensure(&draft()).request;
    scene.double.state.lock().unwrap().refuses_merge = Some("nothing is done");
    let error = scene.forge.set_auto_merge(&request, Some(MergeMethod::Squash)).unwrap_err();
    assert!(error.to_string().contains("says that it did it, and did not"), "{error}");
}

#[test]
fn comments_are_made_and_requests_closed() {
    let scene = scene(GitHubDouble::default());
    let request = scene.ensure(&draft()).request;
    scene.forge.comment(&request, "Superseded by #2").unwrap();
    scene.forge.close(&request).unwrap();
    assert_eq!(scene.double.state.lock().unwrap().comments, ["Superseded by #2"]);
    assert_eq!(scene.forge.find(&request.head).unwrap(), []);
}

#[test]
fn the_newest_check_of_each_name_counts() {
    let scene = scene(GitHubDouble::default());
    let run = |id: u64, name: &str, status: &str, conclusion: Option<&str>| {
        json!({ "id": id, "name": name, "status": status, "conclusion": conclusion,
                "html_url": "https://github.example/run", "started_at": null,
                "completed_at": "2026-01-02T03:04:05Z", "output": { "title": "2 of 3" } })
    };
    {
        let mut state = scene.double.state.lock().unwrap();
        state.runs = vec![
            run(9, "test", "queued", None),
            run(8, "test", "completed", Some("success")),
            run(3, "lint", "completed", Some("timed_out")),
            run(4, "docs", "completed", Some("skipped")),
            run(5, "both", "completed", Some("success")),
        ];
        state.statuses = vec![
            json!({ "context": "deploy/dev", "state": "error", "description": null,
                    "target_url": null, "updated_at": "1970-01-01T00:01:00Z" }),
            json!({ "context": "both", "state": "pending" }),
        ];
    }
    let checks = scene.forge.checks("1111").unwrap();
    let found: Vec<_> = checks.iter().map(|check| (&*check.context, check.state)).collect();
    let wanted = [
        ("both", CheckState::Pending),
        ("deploy/dev", CheckState::Failure),
        ("docs", CheckState::Success),
        ("lint", CheckState::Failure),
        ("test", CheckState::Pending),
    ];
    assert_eq!(found, wanted);
    assert_eq!((checks[1].updated, checks[3].updated), (60, 1_767_323_045));
    assert_eq!(checks[3].description, "2 of 3");
}

#[test]
fn refusals_are_in_the_words_of_github() {
    let said = |status: u16, body: Value| {
        let server = Server::start(move |received| match &*received.method {
            "GET" => Reply::json(200, &json!([])),
            _ => Reply::json(status, &body),
        });
        let forge = GitHubDouble::default().connect(&server.origin(), limits()).unwrap();
        let error = forge.create(&draft()).unwrap_err();
        format!("{} {error}", error.exit_code())
    };
    let base = json!({ "message": "Validation Failed", "documentation_url": "https://docs.example",
        "errors": [{ "resource": "PullRequest", "field": "base", "code": "invalid" },
                   { "resource": "PullRequest", "field": "head", "code": "missing" }] });
    let wanted = "8 GitHub refuses: Validation Failed: `base` is invalid; `head` is missing";
    assert_eq!(said(422, base), wanted);
    let gone = json!({ "message": "Not Found" });
    assert_eq!(said(404, gone), "5 GitHub does not know acme/config: Not Found");
    let limit = json!({ "message": "You have exceeded a secondary rate limit." });
    assert_eq!(said(403, limit), "7 GitHub asks to wait");
}

#[test]
fn large_answers_are_not_read_to_their_end() {
    for how in [How::Whole, How::Endless] {
        let server =
            Server::start(move |_| Reply::json(200, &json!([" ".repeat(70_000)])).how(how));
        let forge = GitHubDouble::default().connect(&server.origin(), limits()).unwrap();
        let error = forge.open_requests().unwrap_err();
        assert!(error.to_string().contains("an answer of more than 65536 bytes"), "{error}");
    }
}

#[test]
fn a_list_has_a_limit_in_sum() {
    let server = Server::start(|received| {
        let mut large = pull(1, "some", 7);
        large["body"] = json!("a".repeat(60_000));
        let next = format!("<{}>; rel=\"next\"", received.path);
        Reply::json(200, &json!([large])).header("Link", &next)
    });
    let limits = Limits { pages: 1000, ..limits() };
    let forge = GitHubDouble::default().connect(&server.origin(), limits).unwrap();
    let error = forge.open_requests().unwrap_err();
    assert!(error.to_string().contains("a list of more than 524288 bytes"), "{error}");
    assert_eq!(server.received().len(), 9);
}

#[test]
fn a_used_up_limit_says_until_when() {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let reset = (now.as_secs() + 1000).to_string();
    let server = Server::start(move |_| {
        Reply::json(403, &json!({ "message": "API rate limit exceeded" }))
            .header("X-RateLimit-Remaining", "0")
            .header("X-RateLimit-Reset", &reset)
    });
    let forge = GitHubDouble::default().connect(&server.origin(), limits()).unwrap();
    let Err(ForgeError::RateLimited { after: Some(after), .. }) = forge.open_requests() else {
        panic!("it is not told");
    };
    assert!((990..=1000).contains(&after.as_secs()), "{after:?}");
    assert_eq!(server.received().len(), 1);
}

#[test]
fn each_request_says_who_asks_and_for_what() {
    let scene = scene(GitHubDouble::default());
    let request = scene.ensure(&draft()).request;
    scene.forge.set_auto_merge(&request, Some(MergeMethod::Squash)).unwrap();
    for received in scene.server.received() {
        let of = |name: &str| -> Vec<&str> {
            let found = received.headers.iter().filter(|(key, _)| key == name);
            found.map(|(_, value)| value.as_str()).collect()
        };
        assert_eq!(of("authorization"), [format!("Bearer {TOKEN}")]);
        assert_eq!(of("user-agent"), [concat!("git-promote/", env!("CARGO_PKG_VERSION"))]);
        assert_eq!(of("accept"), ["application/vnd.github+json"]);
        assert_eq!(of("x-github-api-version"), ["2022-11-28"]);
        assert!(received.path.starts_with("/api/"), "{}", received.path);
    }
}

#[test]
fn graphql_of_github_com_is_beside_rest() {
    let server = Server::start(|_| Reply::json(200, &json!({ "data": { "done": { "id": 1 } } })));
    let forge = connect(&place(&server.origin()), &Token::new(TOKEN, "a test"), limits()).unwrap();
    let request = promote::forge::Request { title: "a".to_owned(), ..Default::default() };
    let draft = Draft { title: "a".to_owned(), draft: true, ..Draft::default() };
    assert!(forge.update(&request, &draft).unwrap().draft);
    assert!(server.received()[0].is("POST", "/graphql"));
}

#[test]
fn tokens_that_no_header_can_hold_are_refused() {
    for token in ["abcd\nefgh", "abcd\u{1}efgh"] {
        let place = place("http://127.0.0.1:9/api/v3");
        let error = connect(&place, &Token::new(token, "a test"), limits()).unwrap_err();
        let said = format!("{error} {error:?}");
        assert!(!said.contains("efgh") && error.exit_code() == 8, "{said}");
    }
}
