//! The health of the environment before, as the forge and a program tell it.

use std::path::PathBuf;

use serde_json::json;

use crate::journey_request::{at, overlay};
use crate::server::Reply;
use crate::world::{Ran, World};

/// Three environments; `{health}` is what staging asks for.
const CONFIG: &str = r#"version = 1

[layout]
paths = ["apps/{app}/{env}"]

[[environment]]
name = "dev"

[[environment]]
name = "staging"
health = HEALTH

[[environment]]
name = "prod"

[forge]
kind = "github"
api = "{api}"
repository = "acme/config"
"#;

/// `web` of which dev has v2 since a commit of its own, and a clone.
fn world_with(health: &str, more: &[(&str, &str)]) -> (World, PathBuf) {
    let config = CONFIG.replace("HEALTH", health);
    let mut files = vec![("promote.toml".to_owned(), config)];
    files.extend(more.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())));
    for env in ["dev", "staging", "prod"] {
        files.push((at("web", env), overlay("web", "v1")));
    }
    let files: Vec<(&str, &str)> =
        files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let world = World::new(&files);
    world.set("web", "dev", "v2");
    let root = world.clone_as("repo");
    (world, root)
}

const FLUX: &str = r#"{ context = "kustomization/{app}-{env}/*", timeout = "0s" }"#;

fn head(world: &World) -> String {
    world.git(&["rev-parse", "main"]).trim().to_owned()
}

fn dry(world: &World, root: &std::path::Path) -> Ran {
    world.promote(root, &["web@v2", "staging", "-n"])
}

#[test]
fn only_what_is_known_to_be_well_goes_on() {
    let (world, root) = world_with(FLUX, &[]);
    let brought = head(&world);
    let none = dry(&world, &root).ends(3);
    none.says("fail  GP015  dev is not known to be healthy: no status of ");
    none.says("fits `kustomization/web-dev/*`");
    none.says("hint: git promote wait dev");
    // Another name, another environment and another app say nothing.
    for other in ["kustomization/web-staging/1", "kustomization/api-dev/1", "helm/web-dev/1"] {
        world.status(&brought, other, "success");
    }
    dry(&world, &root).ends(3).says("no status of ");
    world.status(&brought, "kustomization/web-dev/1", "pending");
    dry(&world, &root).ends(3).says("GP015  dev is not known to be healthy yet");
    world.promote(&root, &["wait", "dev"]).ends(7).says("kustomization/web-dev/1");
    world.status(&brought, "kustomization/web-dev/1", "failure");
    dry(&world, &root).ends(3).says("GP015  dev is not healthy: kustomization/web-dev/1");
    world.promote(&root, &["wait", "dev"]).ends(3).says("failed");
    world.status(&brought, "kustomization/web-dev/1", "success");
    dry(&world, &root).ends(0).says("ok    GP015  dev is healthy: kustomization/web-dev/1");
    world.promote(&root, &["wait", "dev"]).ends(0).says("healthy");
    // Several of one pattern: each has to be well.
    world.status(&brought, "kustomization/web-dev/2", "failure");
    dry(&world, &root).ends(3).says("kustomization/web-dev/2");
}

#[test]
fn a_fix_that_landed_lifts_what_failed_before_it() {
    let (world, root) = world_with(FLUX, &[]);
    let brought = head(&world);
    world.status(&brought, "kustomization/web-dev/1", "failure");
    world.somebody_saves("Fix", &[("apps/web/dev/fix.yaml", "# later\n")]);
    let fix = head(&world);
    world.git_in(&root, &["pull", "-q"]);
    dry(&world, &root).ends(3).says(&brought[..7]);
    // Two of the first, so that its time is later than the first one's.
    world.status(&fix, "other", "success");
    world.status(&fix, "kustomization/web-dev/1", "success");
    dry(&world, &root).ends(0).says(&fix[..7]);
    // Nothing is told of a still newer one: what is known of the fix counts.
    world.somebody_saves("More", &[("docs/more.md", "more\n")]);
    world.git_in(&root, &["pull", "-q"]);
    dry(&world, &root).ends(0).says(&fix[..7]);
}

#[test]
fn a_later_commit_that_broke_it_counts_where_the_newest_says_nothing() {
    let (world, root) = world_with(FLUX, &[]);
    let brought = head(&world);
    world.status(&brought, "kustomization/web-dev/1", "success");
    world.somebody_saves("Break", &[("apps/web/dev/broken.yaml", "# later\n")]);
    let broken = head(&world);
    world.status(&broken, "kustomization/web-dev/1", "failure");
    world.somebody_saves("More", &[("docs/more.md", "more\n")]);
    world.git_in(&root, &["pull", "-q"]);
    let said = dry(&world, &root).ends(3);
    said.says(&format!("dev is not healthy: kustomization/web-dev/1 ({})", &broken[..7]));
    world.promote(&root, &["wait", "dev"]).ends(3).says("failed");
    // What is told of the first again is newer.
    world.status(&brought, "kustomization/web-dev/1", "success");
    dry(&world, &root).ends(0).says(&brought[..7]);
}

#[test]
fn any_failure_since_it_arrived_counts_where_that_is_wanted() {
    let since = r#"{ context = "kustomization/{app}-{env}/*", since-arrival = true }"#;
    let (world, root) = world_with(since, &[]);
    let brought = head(&world);
    // What failed before the version came is not of it.
    let before = world.git(&["rev-parse", "main~1"]).trim().to_owned();
    world.status(&before, "kustomization/web-dev/1", "failure");
    world.status(&brought, "kustomization/web-dev/1", "pending");
    world.status(&brought, "kustomization/web-dev/1", "success");
    dry(&world, &root).ends(0);
    world.status(&brought, "kustomization/web-dev/1", "failure");
    world.status(&brought, "kustomization/web-dev/1", "success");
    let said = dry(&world, &root).ends(3);
    said.says("dev is not healthy: kustomization/web-dev/1");
    said.says("failed since it arrived");
}

#[test]
fn a_forge_that_does_not_answer_is_never_a_pass() {
    let (world, root) = world_with(FLUX, &[]);
    let brought = head(&world);
    world.status(&brought, "kustomization/web-dev/1", "success");
    let down = || {
        for _ in 0..3 {
            world.fails("GET", "/status", Reply::text(503, "text/plain", "down"));
        }
    };
    down();
    let said = dry(&world, &root).ends(7);
    said.says("GP015");
    said.says("hint: git promote wait dev");
    down();
    let over = ["web@v2", "staging", "-n", "--override", "GP015", "--reason", "INC-42"];
    world.promote(&root, &over).ends(0).says("(overridden: INC-42)");
    world.hub().faults.clear();
    // Refused by something else too, it is a refusal.
    down();
    world.promote(&root, &["web@v9", "staging", "-n"]).ends(3);
    world.hub().faults.clear();
    let without = [("GIT_PROMOTE_TOKEN", "")];
    let said = world.promote_with(&root, &["web@v2", "staging", "-n"], &without);
    let said = said.ends(4);
    said.says("there is no token for 127.0.0.1");
    said.says("hint: export GIT_PROMOTE_TOKEN=TOKEN");
    let said = world.promote_with(&root, &["wait", "dev"], &without).ends(4);
    said.says("there is no token for 127.0.0.1");
    said.says("hint: export GIT_PROMOTE_TOKEN=TOKEN");
    world.fails("GET", "/status", Reply::json(403, &json!({ "message": "not by this token" })));
    let said = dry(&world, &root).ends(4);
    said.says("not by this token");
    said.says("hint: export GIT_PROMOTE_TOKEN=TOKEN");
}

#[test]
fn the_gate_asks_only_where_it_may() {
    let (world, root) = world_with(FLUX, &[]);
    let brought = head(&world);
    world.git_in(&root, &["switch", "-q", "-c", "change"]);
    let file = root.join(at("web", "staging"));
    std::fs::write(file, overlay("web", "v2")).unwrap();
    world.git_in(&root, &["commit", "-qam", "Staging"]);
    let asked = || world.server.received().iter().filter(|r| r.path.contains("/commits/")).count();
    let check = |more: &[&str]| {
        let args = ["check", "main..change", "-v"];
        world.promote(&root, &[&args[..], more].concat())
    };
    check(&[]).ends(0).says("whether dev is healthy is not asked without --online");
    assert_eq!(asked(), 0);
    check(&["--online"]).ends(3).says("no status of ");
    assert!(asked() > 0);
    world.status(&brought, "kustomization/web-dev/1", "success");
    let passed = check(&["--online", "-o", "json"]).ends(0).json();
    let all = passed["findings"].as_array().unwrap();
    let own: Vec<_> = all.iter().filter(|finding| finding["rule"] == "GP015").collect();
    assert_eq!(own.len(), 1, "{passed}");
    assert_eq!(own[0]["result"], "pass");
    for _ in 0..3 {
        world.fails("GET", "/check-runs", Reply::json(502, &json!({})));
    }
    check(&["--online"]).ends(7);
    // The config of the base can demand that it is asked.
    world.git_in(&root, &["switch", "-q", "main"]);
    let config = std::fs::read_to_string(root.join("promote.toml")).unwrap();
    let strict = config.replace("version = 1\n", "version = 1\nrequire-online = true\n");
    std::fs::write(root.join("promote.toml"), strict).unwrap();
    world.git_in(&root, &["commit", "-qam", "Strict"]);
    world.git_in(&root, &["switch", "-q", "change"]);
    world.git_in(&root, &["rebase", "-q", "main"]);
    let said = check(&[]).ends(3);
    said.says("whether dev is healthy was not asked, and `require-online` wants it asked");
    said.says("git promote check --online");
}

#[test]
fn a_program_tells_and_a_file_of_the_change_is_not_it() {
    let script =
        "#!/bin/sh\necho \"$PROMOTE_APP $PROMOTE_ENV $PROMOTE_VERSION $1 in $(ls | wc -l)\"\n";
    let health = r#"{ command = ["ci/smoke.sh", "{app}-{env}"], timeout = "5s" }"#;
    let (world, root) = world_with(health, &[("ci/smoke.sh", &format!("{script}exit 4\n"))]);
    let said = dry(&world, &root).ends(3);
    said.says("GP015  dev is not healthy: ci/smoke.sh: exit 4: web dev v2 web-dev in 1");
    // What lies in the work tree, or comes with the change, is another one.
    std::fs::write(root.join("ci/smoke.sh"), "#!/bin/sh\nexit 0\n").unwrap();
    dry(&world, &root).ends(3);
    world.git_in(&root, &["switch", "-q", "-c", "change"]);
    std::fs::write(root.join(at("web", "staging")), overlay("web", "v2")).unwrap();
    world.git_in(&root, &["commit", "-qam", "Both"]);
    world.promote(&root, &["check", "main..change", "--online"]).ends(3).says("exit 4");
    world.promote(&root, &["check", "main..change"]).says("not asked without --online");
    world.git_in(&root, &["switch", "-q", "main"]);
    let landed = |text: &str| {
        world.somebody_saves("Smoke", &[("ci/smoke.sh", text)]);
        world.git_in(&root, &["pull", "-q"]);
    };
    landed(&format!("{script}exit 0\n"));
    dry(&world, &root)
        .ends(0)
        .says("ok    GP015  dev is healthy: ci/smoke.sh: web dev v2 web-dev in 1");
    world.promote(&root, &["wait", "dev"]).ends(0);
    landed("#!/bin/sh\nsleep 30\n");
    dry(&world, &root).ends(3).says("it did not end within 5s");
}

#[test]
fn a_program_is_started_once_for_what_it_is_told() {
    let health = r#"{ command = ["sh", "-c", "echo {app} {version} >> $HOME/runs"] }"#;
    let (world, root) = world_with(health, &[]);
    let images = |web: &str, side: &str| {
        let entry = |name: &str, tag: &str| {
            format!("- name: registry.example/acme/{name}\n  newTag: {tag}\n")
        };
        format!("images:\n{}{}", entry("web", web), entry("side", side))
    };
    let saved = |dev: (&str, &str)| {
        let (dev, staging) = (images(dev.0, dev.1), images("v1", "v1"));
        let files = [(at("web", "dev"), dev), (at("web", "staging"), staging)];
        let files: Vec<(&str, &str)> =
            files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        world.somebody_saves("Images", &files);
        world.git_in(&root, &["pull", "-q"]);
    };
    let runs = world.home().join("runs");
    let ran = || {
        let text = std::fs::read_to_string(&runs).unwrap();
        std::fs::remove_file(&runs).unwrap();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    saved(("v3", "v3"));
    world.promote(&root, &["web@v3", "staging", "-n"]).ends(0).says("acme/side  staging");
    assert_eq!(ran(), ["web v3"]);
    // Of two versions it is told twice, and `wait` does as the gate does.
    saved(("v5", "v4"));
    world.promote(&root, &["wait", "dev"]).ends(0);
    assert_eq!(ran(), ["web v4", "web v5"]);
}

#[test]
fn a_program_that_is_not_there_is_no_pass() {
    let (world, root) = world_with(r#"{ command = ["ci/none.sh"] }"#, &[]);
    let said = dry(&world, &root).ends(8);
    said.says("ci/none.sh is not in the base commit");
    said.says("hint: git promote web@v2 staging --override GP015 --reason TEXT");
    // Asking again does not help.
    let said = world.promote(&root, &["wait", "dev"]).ends(8);
    said.says("ci/none.sh is not in the base commit");
    said.says("hint: git add ci/none.sh && git commit");
    let (world, root) = world_with(r#"{ command = ["no-such-program-here"] }"#, &[]);
    dry(&world, &root).ends(8).says("the program no-such-program-here is not there");
    let files = [("ci/smoke.sh", "no program at all\n")];
    let (world, root) = world_with(r#"{ command = ["ci/smoke.sh"] }"#, &files);
    dry(&world, &root).ends(8).says("ci/smoke.sh: ");
}

#[test]
fn nobody_is_asked_where_nothing_is_said_and_nothing_where_nobody_runs_it() {
    let (world, root) = world_with(FLUX, &[]);
    // Prod says nothing of health.
    let said = world.promote(&root, &["web@v1", "prod", "-n"]).ends(0);
    assert!(!said.out.contains("GP015"), "{}", said.out);
    world.promote(&root, &["wait", "prod"]).ends(2).says("does not say what tells");
    // A rollback goes to what dev does not run.
    let mend = ["web@v2", "staging", "--override", "GP015", "--reason", "x"];
    world.promote(&root, &mend).ends(0);
    let before = world.server.received().len();
    let back = world.promote(&root, &["rollback", "staging", "-a", "web", "-n"]).ends(0);
    back.says("GP015  dev does not run v1: its state says nothing");
    assert_eq!(world.server.received().len(), before);
}

#[test]
fn one_of_from_any_is_enough_for_the_gate_and_for_wait() {
    let sources = "from = []\n\n[[environment]]\nname = \"qa\"\nfrom = []\n\n[[environment]]\nname = \"staging\"";
    let config = CONFIG
        .replace("\n[[environment]]\nname = \"staging\"", sources)
        .replace("HEALTH", &format!("{FLUX}\nfrom-any = [\"dev\", \"qa\"]"));
    let mut files = vec![("promote.toml".to_owned(), config)];
    for (env, tag) in [("dev", "v2"), ("qa", "v2"), ("staging", "v1"), ("prod", "v1")] {
        files.push((at("web", env), overlay("web", tag)));
    }
    let files: Vec<(&str, &str)> =
        files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let world = World::new(&files);
    let root = world.clone_as("repo");
    let brought = head(&world);
    world.git_in(&root, &["switch", "-q", "-c", "change"]);
    std::fs::write(root.join(at("web", "staging")), overlay("web", "v2")).unwrap();
    world.git_in(&root, &["commit", "-qam", "Staging"]);
    let gate = |code| _ = world.promote(&root, &["check", "main..change", "--online"]).ends(code);
    let wait = |code| {
        let range = ["wait", "--base", "main", "--head", "change", "--timeout", "0s"];
        world.promote(&root, &range).ends(code)
    };
    world.status(&brought, "kustomization/web-qa/1", "failure");
    gate(3);
    wait(7).says("no status of ");
    world.status(&brought, "kustomization/web-dev/1", "success");
    gate(0);
    wait(0).says("one environment that is healthy is enough");
    world.status(&brought, "kustomization/web-dev/1", "failure");
    gate(3);
    wait(3);
    // One that is named is looked at by itself.
    world.status(&brought, "kustomization/web-dev/1", "success");
    world.promote(&root, &["wait", "qa"]).ends(3);
}
