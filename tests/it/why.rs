//! `git promote why` and `git promote versions`: ways and versions.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::kit::{at, line, put, run, save};
use crate::log::{put_on, story};

#[test]
fn the_way_of_a_version() {
    let repo = story();
    let shown = |args: &[&str]| {
        let text = run(&repo, args).text();
        regex::Regex::new(r"\(\d+[dy]\)").unwrap().replace_all(&text, "([AGE])").into_owned()
    };
    assert_snapshot!(shown(&["why", "web", "staging"]), @"
    exit 0
    --- stdout
    web v1.1.0 is in staging since 2023-11-17 22:13 ([AGE])
    ENV      ARRIVED (UTC)     AFTER  STAYED     COMMIT   AUTHOR
    dev      2023-11-15 22:13         until now  31f6eeb  A U Thor
    staging  2023-11-17 22:13  2d     until now  9c0f975  A U Thor
    ");
    assert_snapshot!(shown(&["why", "web", "prod"]), @"
    exit 0
    --- stdout
    web v1.0.0 is in prod since 2023-11-21 22:13 ([AGE])
    ENV      ARRIVED (UTC)     AFTER  STAYED     COMMIT   AUTHOR    NOTES
    dev      2023-11-14 22:13         24h        ae590d4  A U Thor
    staging  2023-11-14 22:13  0s     3d         ae590d4  A U Thor
    prod     2023-11-21 22:13  7d     until now  82b4387  A U Thor  rollback
    --- stderr
    hint: git promote why web prod v1.1.0
    ");
    let document = run(&repo, &["why", "web", "staging", "-o", "json"]).json(0);
    assert_eq!(document["there"], true);
    assert_eq!(document["way"][1]["afterSeconds"], 2 * 86_400);
    assert_eq!(document["way"][1]["recorded"], true);
    assert_eq!(document["findings"], json!([]));
}

#[test]
fn what_keeps_a_version_out() {
    let repo = line();
    assert_snapshot!(run(&repo, &["why", "web", "prod", "v1.2.3"]).text(), @"
    exit 0
    --- stdout
    web v1.2.3 was never in prod, which runs v1.2.2
    ENV      ARRIVED (UTC)     AFTER  STAYED     COMMIT   AUTHOR
    dev      2023-11-14 22:13         until now  1fc1e5d  A U Thor
    staging  never
    prod     never

    fail  GP001  staging runs v1.2.2, not v1.2.3 (apps/web/overlays/staging/kustomization.yaml:5)
    --- stderr
    hint: git promote web@v1.2.3 staging
    hint: git promote explain GP001
    ");
    let document = run(&repo, &["why", "web", "prod", "v1.2.3", "-o", "json"]).json(0);
    assert_eq!(json!([document["there"], document["refused"]]), json!([false, true]));
    assert_eq!(document["findings"][0]["rule"], "GP001");
    // It says what promote says, and does nothing.
    let before = repo.state();
    assert_snapshot!(run(&repo, &["why", "web", "staging", "v1.2.3"]).text(), @"
    exit 0
    --- stdout
    web v1.2.3 was never in staging, which runs v1.2.2
    ENV      ARRIVED (UTC)     AFTER  STAYED     COMMIT   AUTHOR
    dev      2023-11-14 22:13         until now  1fc1e5d  A U Thor
    staging  never

    no rule keeps it out: nobody has promoted it
    --- stderr
    hint: git promote web@v1.2.3 staging
    ");
    assert_eq!(repo.state(), before);
    run(&repo, &["web@v1.2.3", "staging"]).stdout(0);
}

#[test]
fn a_version_that_was_there_is_told_from_one_that_never_was() {
    let repo = story();
    let text = run(&repo, &["why", "web", "prod", "v1.1.0"]).stdout(0);
    assert!(text.starts_with("web v1.1.0 was in prod, which runs v1.0.0 now\n"), "{text}");
    assert!(text.contains("rollback") || text.contains("GP003"), "{text}");
    let text = run(&repo, &["why", "web", "prod", "v7"]).stdout(0);
    assert!(text.starts_with("web v7 was never in prod, which runs v1.0.0\n"), "{text}");
}

#[test]
fn bad_questions_are_answered() {
    let repo = line();
    assert_snapshot!(run(&repo, &["why", "wob", "prod"]).text(), @"
    exit 5
    --- stderr
    error: there is no app or environment `wob`, and there never was
    hint: did you mean web?
    hint: git promote status
    ");
    assert_snapshot!(run(&repo, &["why", "web", "prd"]).text(), @"
    exit 5
    --- stderr
    error: there is no environment `prd`; there are dev, staging, prod
    hint: did you mean prod?
    hint: git promote status
    ");
    assert_eq!(run(&repo, &["why", "web", "prod", "not a version"]).code(), 8);
    assert_eq!(run(&repo, &["why", "web"]).code(), 2);
    repo.git(["rm", "-q", "-r", "apps/web/overlays/prod"]);
    repo.git(["commit", "-q", "-m", "Remove"]);
    assert_snapshot!(run(&repo, &["why", "web", "prod"]).text(), @"
    exit 5
    --- stderr
    error: prod runs no version of web
    hint: git promote why web prod v1.2.2
    hint: git promote status web
    ");
}

#[test]
fn an_app_with_several_images_is_told_image_by_image() {
    let repo = line();
    let pair = |env: &str, x: &str, y: &str| {
        let text =
            format!("images:\n- name: acme/x\n  newTag: {x}\n- name: acme/y\n  newTag: {y}\n");
        save(&repo, &format!("pair in {env}"), &[(&at("pair", env), &text)]);
    };
    for env in ["dev", "staging", "prod"] {
        pair(env, "v1", "p1");
    }
    pair("dev", "v1", "p2");
    pair("staging", "v1", "p2");
    let heads = |args: &[&str]| -> Vec<String> {
        let text = run(&repo, &[&["why", "pair", "prod"], args].concat()).stdout(0);
        text.lines().filter(|l| l.starts_with("pair")).map(str::to_owned).collect()
    };
    let both = heads(&[]);
    assert_eq!(both.len(), 2, "{both:?}");
    assert!(both[0].starts_with("pair acme/x v1 is in prod since "), "{both:?}");
    assert!(both[1].starts_with("pair acme/y p1 is in prod since "), "{both:?}");
    assert_eq!(heads(&["--image", "y"]), both[1..]);
    assert_eq!(heads(&["p2"]), ["pair acme/y p2 was never in prod, which runs p1"]);
    let said = run(&repo, &["why", "pair", "prod", "p2"]).text();
    assert!(said.contains("no rule keeps it out") && !said.contains("GP001"), "{said}");
    assert!(said.contains("hint: git promote pair@p2 prod\n"), "{said}");
    // Of a version that dev alone has: the way there, of that image.
    pair("dev", "v1", "p3");
    let said = run(&repo, &["why", "pair", "prod", "p3"]).text();
    assert!(said.contains("hint: git promote pair@p3 staging --image acme/y\n"), "{said}");
    let document = run(&repo, &["why", "pair", "prod", "-o", "json"]).json(0);
    let way: Vec<String> = document["way"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            format!("{} {}", row["image"].as_str().unwrap(), row["version"].as_str().unwrap())
        })
        .collect();
    assert_eq!(way, [["acme/x v1"; 3], ["acme/y p1"; 3]].concat());
    assert_eq!(document["running"], json!(["v1", "p1"]));
    let said = run(&repo, &["why", "pair", "prod", "--image", "z"]).text();
    assert!(said.starts_with("exit 5\n") && said.contains("pair has no image z"), "{said}");
}

#[test]
fn words_in_the_other_order_are_told() {
    assert_snapshot!(run(&line(), &["why", "prod", "web", "v1"]).text(), @"
    exit 2
    --- stderr
    error: `prod` is an environment; the app comes first here
    hint: git promote why web prod v1
    ");
}

#[test]
fn an_app_that_looks_like_a_flag_can_be_pasted() {
    let repo = line();
    for (env, tag) in [("dev", "v2"), ("staging", "v1"), ("prod", "v1")] {
        put(&repo, "-rf", env, tag);
    }
    let said = run(&repo, &["why", "--", "-rf", "staging", "v2"]).text();
    assert!(said.contains("hint: git promote -- '-rf@v2' staging\n"), "{said}");
    let document = run(&repo, &["status", "-o", "json"]).json(0);
    assert_eq!(document["rows"][0]["next"]["command"], "git promote -- '-rf@v2' staging");
    assert_eq!(run(&repo, &["--", "-rf@v2", "staging"]).code(), 0);
    assert_eq!(run(&repo, &["rollback", "staging", "--", "-rf"]).code(), 0);
    assert_eq!(run(&repo, &["dev", "staging", "-a-rf", "-n"]).code(), 3);
}

#[test]
fn versions_and_where_they_run() {
    let repo = story();
    put_on(&repo, 20, ("web", "dev", "v1.10.0"));
    put_on(&repo, 21, ("web", "dev", "v1.9.0"));
    let versions = |args: &[&str]| -> Vec<String> {
        let document = run(&repo, &[&["versions", "-o", "json"], args].concat()).json(0);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        document["rows"].as_array().unwrap().iter().map(|row| text(&row["version"])).collect()
    };
    assert_eq!(versions(&[]), ["v1.10.0", "v1.9.0", "v1.1.0", "v1.0.0"]);
    assert_eq!(versions(&["web", "--sort", "time"]), ["v1.9.0", "v1.10.0", "v1.1.0", "v1.0.0"]);
    let text = run(&repo, &["versions", "web"]).stdout(0);
    let text = regex::Regex::new(r"\d+[dy] ").unwrap().replace_all(&text, "AGE ").into_owned();
    assert_snapshot!(text, @"
    APP  VERSION  FIRST SEEN        AGE  IN   NOW IN
    web  v1.10.0  2023-12-04 22:13  AGE   dev  -
    web  v1.9.0   2023-12-05 22:13  AGE   dev  dev
    web  v1.1.0   2023-11-15 22:13  AGE   dev  staging
    web  v1.0.0   2023-11-14 22:13  AGE   dev  prod
    ");
    let document = run(&repo, &["versions", "-o", "json"]).json(0);
    let oldest = &document["rows"][3];
    assert_eq!(oldest["firstEnvironment"], "dev");
    assert_eq!(oldest["nowIn"], json!(["prod"]));
    assert_eq!(oldest["everIn"], json!(["dev", "staging", "prod"]));
    assert_eq!(run(&repo, &["versions", "prod"]).code(), 2);
    assert_eq!(run(&repo, &["versions", "wob"]).code(), 5);
    put(&repo, "api", "dev", "v1");
    assert_eq!(run(&repo, &["versions", "-o", "name"]).stdout(0).lines().count(), 5);
}
