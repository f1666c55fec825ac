//! `next` after merges of every kind, and `wait` in front of them.

use crate::journey_request::{STAGING, at, overlay, world_with};
use crate::world::World;

/// Where `load` comes after dev too.
const LOAD: &str = "\n[[environment]]\nname = \"load\"\nfrom = [\"dev\"]\n";

#[test]
fn whatever_way_it_was_merged_it_goes_on() {
    for method in ["squash", "rebase", "merge"] {
        let (world, root) = world_with("");
        world.promote(&root, &["web@v2", "staging", "--pr"]).ends(0);
        world.passes(1);
        assert!(world.pull(1).merged);
        world.promote(&root, &["web@v3", "dev", "--pr"]).ends(0);
        world.hub().pulls[1].auto_merge = None;
        world.passes(2);
        // Something else lands in between.
        world.set("api", "dev", "v3");
        world.merge(2, method).unwrap();
        let fresh = world.clone_as("fresh");
        let said = world.promote(&fresh, &["next", "-o", "json"]).ends(0).json();
        let rows = said["rows"].as_array().unwrap();
        assert_eq!(rows.len(), 1, "{method}: {said}");
        assert_eq!(rows[0]["app"], "web");
        assert_eq!(rows[0]["to"], "staging");
        assert_eq!(rows[0]["result"], "opened");
        let pull = world.only();
        assert_eq!(pull.title, "Promote web v3 to staging");
        assert!(pull.auto_merge.is_some());
        let again = world.promote(&fresh, &["next", "-o", "json"]).ends(0).json();
        assert_eq!(again["rows"][0]["result"], "up-to-date", "{again}");
        assert_eq!(world.only().tip, pull.tip);
    }
}

#[test]
fn what_somebody_wrote_by_hand_goes_on_to_both_environments_after_it() {
    let (world, _) = world_with(LOAD);
    let load = [(&at("web", "load")[..], &overlay("web", "v1")[..])];
    world.somebody_saves("Load", &load);
    world.set("web", "dev", "v3");
    let fresh = world.clone_as("fresh");
    for _ in 0..2 {
        world.promote(&fresh, &["next"]).ends(0);
        let heads: Vec<String> = world.open().into_iter().map(|pull| pull.head).collect();
        assert_eq!(heads, [STAGING, "promote/env/load/-/web"]);
    }
    let auto: Vec<bool> = world.open().iter().map(|pull| pull.auto_merge.is_some()).collect();
    assert_eq!(auto, [true, false]);
}

#[test]
fn what_is_held_back_is_told_and_what_fails_is_a_failure() {
    let (world, _) = world_with("");
    world.set("web", "staging", "v3");
    world.set("web", "dev", "v1");
    let fresh = world.clone_as("fresh");
    let said = world.promote(&fresh, &["next", "-o", "json"]).ends(0).json();
    assert_eq!(said["rows"][0]["result"], "held", "{said}");
    assert_eq!(said["rows"][0]["rule"], "GP003");
    assert!(world.open().is_empty());
    world.set("web", "dev", "v4");
    world.git_in(&fresh, &["pull", "-q"]);
    let bad = [("GIT_PROMOTE_TOKEN", "wr0ng-t0ken")];
    let said = world.promote_with(&fresh, &["next"], &bad).ends(4);
    said.says("failed");
    assert!(world.open().is_empty());
}

#[test]
fn one_failure_among_others_is_partly_done() {
    let (world, _) = world_with("");
    let config = world.there("promote.toml").replace("@ada", "@nobody");
    let files = [
        ("promote.toml".to_owned(), config),
        (at("web", "dev"), overlay("web", "v3")),
        (at("api", "staging"), overlay("api", "v2")),
    ];
    let files: Vec<(&str, &str)> = files.iter().map(|(p, t)| (p.as_str(), t.as_str())).collect();
    world.somebody_saves("Both", &files);
    let fresh = world.clone_as("fresh");
    let said = world.promote(&fresh, &["next"]).ends(9);
    said.says("is not a collaborator");
    assert_eq!(world.open().len(), 2);
}

#[test]
fn all_that_is_due_is_opened_once() {
    let (world, root) = world_with("");
    for _ in 0..2 {
        world.promote(&root, &["next", "--due"]).ends(0);
        let titles: Vec<String> = world.open().into_iter().map(|pull| pull.title).collect();
        assert_eq!(titles, ["Promote api v2 to staging", "Promote web v2 to staging"]);
    }
    assert_eq!(world.pulls().len(), 2);
}

/// The commit on the base that brought what dev runs.
fn arrival(world: &World) -> String {
    world.git(&["rev-parse", "main"]).trim().to_owned()
}

#[test]
fn the_required_check_waits_for_statuses_and_check_runs() {
    let (world, _) = world_with("");
    world.set("web", "dev", "v3");
    let brought = arrival(&world);
    let fresh = world.clone_as("fresh");
    world.promote(&fresh, &["next"]).ends(0);
    let tip = world.only().tip;
    world.git_in(&fresh, &["fetch", "-q", "origin"]);
    let check = |context: &str, timeout: &str| {
        let range = ["--base", "origin/main", "--head", &tip];
        let args = ["wait", "--context", context, "--timeout", timeout, "--interval", "1s"];
        world.promote(&fresh, &[&args[..], &range].concat())
    };
    check("flux/{env}-{app}", "0s").ends(7).says(&format!(
        "hint: git promote wait --timeout 1h --context 'flux/{{env}}-{{app}}' --base origin/main \
         --head {tip}"
    ));
    world.status(&brought, "flux/dev-web", "pending");
    check("flux/{env}-{app}", "0s").ends(7);
    world.status(&brought, "flux/dev-web", "failure");
    check("flux/{env}-{app}", "1m").ends(3);
    world.status(&brought, "flux/dev-web", "success");
    check("flux/{env}-{app}", "0s").ends(0).says("flux/dev-web");
    // A check run of a later commit counts as well.
    world.set("api", "dev", "v9");
    world.git_in(&fresh, &["fetch", "-q", "origin"]);
    let later = arrival(&world);
    world.run(&later, "smoke dev", None);
    check("smoke {env}", "0s").ends(7);
    world.run(&later, "smoke dev", Some("success"));
    check("smoke {env}", "0s").ends(0);
    world.run(&later, "smoke dev", Some("timed_out"));
    check("smoke {env}", "0s").ends(3);
    // While it is waited for, it becomes well.
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| check("late {env}", "1m"));
        std::thread::sleep(std::time::Duration::from_secs(1));
        world.status(&later, "late dev", "success");
        waiting.join().unwrap().ends(0);
    });
    let bad = [("GIT_PROMOTE_TOKEN", "wr0ng-t0ken")];
    world.promote_with(&fresh, &["wait", "dev", "--context", "*"], &bad).ends(4);
}
