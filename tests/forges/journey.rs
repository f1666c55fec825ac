//! The whole way from the first environment to the last and back, against a
//! forge that keeps state: with real pushes, real merges and fresh clones.

use std::path::PathBuf;

use crate::world::{Ran, World};

/// A person or a job that has a clone, and nothing but it.
struct Job<'w> {
    world: &'w World,
    root: PathBuf,
    set: Vec<(&'static str, String)>,
}

impl<'w> Job<'w> {
    /// A fresh clone of the base branch.
    fn fresh(world: &'w World) -> Self {
        let name = format!("job-{}", world.server.received().len());
        let root = world.home().join(name);
        if root.exists() {
            std::fs::remove_dir_all(&root).unwrap();
        }
        let root = world.clone_as(&root.file_name().unwrap().to_string_lossy());
        Self { world, root, set: Vec::new() }
    }

    fn run(&self, args: &[&str]) -> Ran {
        let set: Vec<_> = self.set.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.world.promote_with(&self.root, args, &set)
    }

    /// What the workflow of a request does: `check` and `wait` over the change,
    /// told to the forge as the status that it requires.
    fn required_check(&self, number: usize, context: &str) -> (i32, i32) {
        let pull = self.world.pull(number);
        self.world.git_in(&self.root, &["fetch", "-q", "origin"]);
        let checked = self.run(&["check", &format!("origin/main...{}", pull.tip)]);
        let range = ["--base", "origin/main", "--head", &pull.tip];
        let args = ["wait", "--context", context, "--timeout", "0s"];
        let waited = self.run(&[&args[..], &range].concat());
        if checked.code == 0 && waited.code == 0 {
            self.world.status(&pull.tip, "gate", "success");
        }
        (checked.code, waited.code)
    }
}

/// The newest commit of the base branch.
fn head(world: &World) -> String {
    world.git(&["rev-parse", "main"]).trim().to_owned()
}

/// What was merged last passes the gate, whoever looks.
#[track_caller]
fn last_merge_passes(world: &World) {
    let job = Job::fresh(world);
    let parent = world.git(&["rev-parse", "main^1"]).trim().to_owned();
    job.run(&["check", &format!("{parent}..{}", head(world))]).ends(0);
}

/// The versions of an app, as the status of a fresh clone tells them.
#[track_caller]
fn versions(job: &Job<'_>, app: &str) -> Vec<String> {
    let document = job.run(&["status", "-o", "json"]).ends(0).json();
    let rows = document["rows"].as_array().unwrap();
    let row =
        rows.iter().find(|row| format!("{}:{}", row["group"], row["app"]).contains(app)).unwrap();
    let cells = row["cells"].as_array().unwrap();
    cells.iter().map(|cell| cell["version"].as_str().unwrap().to_owned()).collect()
}

/// A manifest with the marker that names its app.
fn manifest(tag: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: podinfo}}\nspec:\n  template:\n    \
         spec:\n      containers:\n      - name: podinfo\n        image: acme/podinfo:{tag} # \
         {{\"$imagepolicy\": \"apps:podinfo\"}}\n"
    )
}

fn tutorial_at(env: &str) -> String {
    format!("apps/{env}/podinfo.yaml")
}

/// The repository of the tutorial of gitops-promotion: its own file alone, the
/// forge found from the remote.
fn tutorial(flow: &str) -> World {
    let config = format!(
        "prflow: {flow}\nstatus_timeout_minutes: 5\nenvironments:\n  - name: dev\n    auto: true\n  \
         - name: qa\n    auto: true\n  - name: prod\n    auto: false\n"
    );
    let old = manifest("v1.0.0");
    let files = ["dev", "qa", "prod"].map(tutorial_at);
    let mut all = vec![("gitops-promotion.yaml", config.as_str())];
    all.extend(files.iter().map(|path| (path.as_str(), old.as_str())));
    let world = World::new(&all);
    world.hub().required = vec!["gate"];
    world
}

/// A clone from `http://github.example`, which the forge is a proxy for: that
/// is where the kind and the address of the forge are told from.
fn hosted(world: &World) -> Job<'_> {
    let job = Job::fresh(world);
    let url = "http://github.example/acme/config.git";
    world.git_in(&job.root, &["remote", "set-url", "origin", url]);
    let set = vec![("http_proxy", world.server.origin())];
    // Git asks the forge too.
    world.git_in(&job.root, &["config", "http.proxy", &world.server.origin()]);
    Job { set, ..job }
}

fn tutorial_way(flow: &str, branches: [&str; 3]) {
    const CONTEXT: &str = "kustomization/{env}-{app}";
    let world = tutorial(flow);
    hosted(&world).run(&["apps:podinfo@v1.1.0", "dev", "--pr"]).ends(0);
    for (at, env) in ["dev", "qa", "prod"].into_iter().enumerate() {
        let number = at + 1;
        let pull = world.only();
        assert_eq!((pull.number, pull.head.as_str()), (number, branches[at]));
        assert_eq!(pull.auto_merge.is_some(), env != "prod", "{env}");
        // Auto-merge waits for the environment before.
        if at > 0 {
            let (checked, waited) = hosted(&world).required_check(number, CONTEXT);
            assert_eq!((checked, waited), (0, 7), "{env}");
            assert!(!world.pull(number).merged);
            let before = ["dev", "qa"][at - 1];
            world.status(&head(&world), &format!("kustomization/{before}-podinfo"), "success");
        }
        assert_eq!(hosted(&world).required_check(number, CONTEXT), (0, 0), "{env}");
        if env == "prod" {
            assert!(!world.pull(number).merged);
            world.merge(number, "merge").unwrap();
        }
        assert!(world.pull(number).merged, "{env}");
        assert!(world.there(&tutorial_at(env)).contains("podinfo:v1.1.0 # {"));
        last_merge_passes(&world);
        hosted(&world).run(&["next"]).ends(0);
    }
    assert!(world.open().is_empty());
    assert_eq!(versions(&hosted(&world), "podinfo"), ["v1.1.0", "v1.1.0", "v1.1.0"]);
    hosted(&world).run(&["next"]).ends(0).says("nothing goes on");
}

#[test]
fn the_tutorial_of_gitops_promotion_with_a_branch_for_an_app() {
    tutorial_way("per-app", ["promote/app/apps/podinfo"; 3]);
}

#[test]
fn the_tutorial_of_gitops_promotion_with_a_branch_for_an_environment() {
    let branch = |env: &str| format!("promote/env/{env}/apps/podinfo");
    let branches = ["dev", "qa", "prod"].map(branch);
    tutorial_way("per-env", branches.each_ref().map(String::as_str));
}

/// Environments with approvals, by labels that the forge's rules look at.
const APPROVALS: &str = r#"version = 1

[layout]
paths = ["services/{app}/{env}"]

[[environment]]
name = "dev"
auto-merge = true

[[environment]]
name = "staging"
auto-merge = true
reviewers = ["@acme/leads"]

[[environment]]
name = "prod"
auto-merge = true
reviewers = ["@acme/leads", "@oncall"]

[forge]
kind = "github"
api = "{api}"
repository = "acme/config"

[pull-request]
labels = ["{action}", "env:{env}", "{action}:{env}"]
"#;

fn service(tag: &str) -> String {
    format!("images:\n- name: registry.example/acme/catalog\n  newTag: {tag}\n")
}

fn service_at(env: &str) -> String {
    format!("services/catalog/{env}/kustomization.yaml")
}

fn with_approvals() -> World {
    let old = service("2.3.0");
    let files = ["dev", "staging", "prod"].map(service_at);
    let mut all = vec![("promote.toml", APPROVALS)];
    all.extend(files.iter().map(|path| (path.as_str(), old.as_str())));
    let world = World::new(&all);
    world.hub().required = vec!["gate"];
    // A rollback is expedited: one approval is enough.
    world.hub().approvals = vec![("rollback", 1), ("env:staging", 1), ("env:prod", 2)];
    world
}

#[test]
fn one_approval_two_approvals_and_back_with_one() {
    const CONTEXT: &str = "argocd/{app}-{env}";
    let world = with_approvals();
    let well = |env: &str| world.status(&head(&world), &format!("argocd/catalog-{env}"), "success");
    Job::fresh(&world).run(&["catalog@2.4.0", "dev", "--pr"]).ends(0);
    let dev = world.only();
    assert!(dev.asked.is_empty() && dev.labels.contains("promotion:dev"));
    assert_eq!(Job::fresh(&world).required_check(1, CONTEXT), (0, 0));
    assert!(world.pull(1).merged);
    last_merge_passes(&world);
    well("dev");
    // Staging: the check alone does not merge it, the approval does.
    Job::fresh(&world).run(&["next"]).ends(0);
    assert_eq!(world.only().teams, ["leads"]);
    assert_eq!(Job::fresh(&world).required_check(2, CONTEXT), (0, 0));
    assert!(!world.pull(2).merged);
    world.approve(2, "ada");
    assert!(world.pull(2).merged);
    last_merge_passes(&world);
    // Prod: two of them.
    Job::fresh(&world).run(&["next"]).ends(0);
    let prod = world.only();
    assert_eq!((&prod.asked[..], &prod.teams[..]), (&["oncall".into()][..], &["leads".into()][..]));
    assert_eq!(Job::fresh(&world).required_check(3, CONTEXT), (0, 7));
    well("staging");
    assert_eq!(Job::fresh(&world).required_check(3, CONTEXT), (0, 0));
    world.approve(3, "ada");
    assert!(!world.pull(3).merged);
    assert!(world.merge(3, "squash").unwrap_err().contains("At least 2"));
    // Asked again, nothing of it is lost.
    Job::fresh(&world).run(&["next"]).ends(0);
    assert!(world.pull(3).approvals.contains("ada"));
    world.approve(3, "grace");
    assert!(world.pull(3).merged);
    last_merge_passes(&world);
    assert_eq!(versions(&Job::fresh(&world), "catalog"), ["2.4.0"; 3]);
    back(&world, &service_at("prod"));
}

/// Back in the last environment, with one approval.
fn back(world: &World, path: &str) {
    let job = Job::fresh(world);
    job.run(&["rollback", "prod", "-a", "catalog", "--pr"]).ends(0);
    let pull = world.only();
    assert_eq!(pull.title, "Roll back catalog to 2.3.0 in prod");
    assert!(pull.labels.contains("rollback") && pull.auto_merge.is_some());
    assert!(pull.body.contains("Promote-Rollback: true"), "{}", pull.body);
    // The environment before does not run the version: nothing is waited for.
    let codes = Job::fresh(world).required_check(pull.number, "argocd/{app}-{env}-other");
    assert_eq!(codes, (0, 0));
    assert!(!world.pull(pull.number).merged);
    world.approve(pull.number, "oncall");
    assert!(world.pull(pull.number).merged);
    assert!(world.there(path).contains("2.3.0"));
    last_merge_passes(world);
    assert_eq!(versions(&Job::fresh(world), "catalog"), ["2.4.0", "2.4.0", "2.3.0"]);
    Job::fresh(world).run(&["next"]).ends(0).says("nothing goes on");
    assert_eq!(world.pulls().len(), 4);
}
