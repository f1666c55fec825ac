//! What the words of the command line mean.

use insta::assert_snapshot;

use crate::kit::{D1, D2, LINE, app, at, line, overlay, put, repo, run, save};

/// The first line that a dry run says of what would move.
fn moves(repo: &crate::testkit::Sandbox, args: &[&str]) -> String {
    let args = [&["-n", "-o", "tsv"], args].concat();
    let text = run(repo, &args).stdout(0);
    let lines: Vec<String> = text.lines().skip(1).map(|line| line.replace('\t', " ")).collect();
    format!("{}\n", lines.join("\n"))
}

#[test]
fn every_form_of_words_means_the_same() {
    let repo = line();
    let web = "web registry.example/acme/web staging v1.2.2 v1.2.3\n";
    for words in [
        &["v1.2.3", "staging"][..],
        &["web@v1.2.3", "staging"],
        &["dev", "staging"],
        &["staging"],
        &["to", "staging", "--version", "v1.2.3"],
        &["to", "staging", "--version", "web@v1.2.3"],
        &["to", "staging", "--from", "dev"],
        &["to", "staging"],
        &["-a", "web", "v1.2.3", "staging"],
        &["v1.2.3", "staging", "--app=w*"],
        &["-A", "v1.2.3", "staging"],
        &["--all", "staging"],
    ] {
        assert_eq!(moves(&repo, words), web, "{words:?}");
    }
}

#[test]
fn without_words_it_is_the_status() {
    let repo = line();
    assert_eq!(run(&repo, &[]).stdout(0), run(&repo, &["status"]).stdout(0));
    assert_snapshot!(run(&repo, &["-a", "web"]).text(), @"
    exit 2
    --- stderr
    error: `web` is to be promoted, but no environment is named
    hint: git promote VERSION ENV
    ");
}

#[test]
fn a_version_may_have_its_digest() {
    let repo = line();
    let pinned = format!(
        "resources:\n- ../../base\nimages:\n- name: registry.example/acme/web\n  newTag: v1.3.0\n  \
         digest: {D1}\n"
    );
    save(&repo, "Pin", &[(&at("web", "dev"), &pinned)]);
    let web = format!("web registry.example/acme/web staging v1.2.2 v1.3.0@{D1}\n");
    assert_eq!(moves(&repo, &["v1.3.0", "staging"]), web);
    assert_eq!(moves(&repo, &[&format!("v1.3.0@{D1}"), "staging"]), web);
    assert_eq!(moves(&repo, &[&format!("web@v1.3.0@{D1}"), "staging"]), web);
    assert_eq!(moves(&repo, &[D1, "staging"]), web);
    assert_snapshot!(run(&repo, &[&format!("web@v1.3.0@{D2}"), "staging"]).text(), @"
    exit 3
    --- stdout
    web  staging  v1.2.2 -> v1.3.0@sha256:222222222222
    ok    GP001  dev has run v1.3.0 for [AGE] ([ID])
    fail  GP001  staging would run registry.example/acme/web:v1.3.0@sha256:222222222222 (Deployment/web), and dev runs registry.example/acme/web:v1.3.0@sha256:111111111111
                  at apps/web/overlays/staging/kustomization.yaml:6
    ok    GP003  v1.3.0@sha256:222222222222 is newer than v1.2.2
    fail  GP004  dev runs v1.3.0 as sha256:111111111111
                  at apps/web/overlays/staging/kustomization.yaml:5
    ok    GP005  v1.3.0 is no moving tag
    ok    GP007  only staging changes
    ok    GP008  no image of the set stays behind
    ok    GP011  every manifest can be read
    --- stderr
    error: refused by GP001, GP004; nothing was changed
    hint: git promote web@v1.3.0 dev
    hint: git promote web@v1.3.0 staging
    hint: git promote explain GP001
    ");
}

#[test]
fn the_wrong_order_is_told() {
    let repo = line();
    assert_snapshot!(run(&repo, &["staging", "v1.2.3"]).text(), @"
    exit 2
    --- stderr
    error: `v1.2.3` is no environment; the environment comes last
    hint: git promote v1.2.3 staging
    ");
    assert_snapshot!(run(&repo, &["prod", "dev"]).text(), @"
    exit 2
    --- stderr
    error: prod comes after dev
    hint: git promote dev prod
    ");
    assert_snapshot!(run(&repo, &["staging", "staging"]).text(), @"
    exit 2
    --- stderr
    error: staging is named twice
    hint: git promote staging
    ");
    assert_snapshot!(run(&repo, &["dev", "v1", "staging"]).text(), @"
    exit 2
    --- stderr
    error: one environment is named at a time: dev, staging
    hint: git promote v1 staging
    ");
    assert_snapshot!(run(&repo, &["v1", "v2", "staging"]).text(), @"
    exit 2
    --- stderr
    error: several versions, and not each with its app
    hint: git promote web@v1.2.3 api@v2.0.0 staging
    ");
}

#[test]
fn a_mistyped_command_or_environment_is_told() {
    let repo = line();
    assert_snapshot!(run(&repo, &["statsu"]).text(), @"
    exit 2
    --- stderr
    error: `statsu` is no environment and no command; environments: dev, staging, prod
    hint: did you mean status?
    ");
    assert_snapshot!(run(&repo, &["v1.2.3", "stagign"]).text(), @"
    exit 5
    --- stderr
    error: `stagign` is no environment; environments: dev, staging, prod
    hint: did you mean staging?
    ");
    assert_snapshot!(run(&repo, &["v1.2.3", "moon"]).text(), @"
    exit 5
    --- stderr
    error: `moon` is no environment; environments: dev, staging, prod
    hint: git promote help
    ");
    // As of other commands.
    for words in [["rollback", "moon"], ["why", "moon"], ["log", "moon"], ["diff", "moon"]] {
        let app = if words[0] == "why" { vec!["why", "web", "moon"] } else { words.to_vec() };
        assert_eq!(run(&repo, &app).code(), 5, "{app:?}");
    }
    assert_eq!(run(&repo, &["dev", "moon"]).code(), 2, "the order is wrong");
    assert_eq!(run(&repo, &["statsu", "moon"]).code(), 2);
    assert_snapshot!(run(&repo, &["to", "moon"]).text(), @"
    exit 5
    --- stderr
    error: `moon` is no environment; environments: dev, staging, prod
    hint: git promote help
    ");
}

#[test]
fn a_first_environment_needs_a_version() {
    let repo = line();
    assert_snapshot!(run(&repo, &["dev"]).text(), @"
    exit 2
    --- stderr
    error: no environment comes before dev: name the version
    hint: git promote VERSION dev
    ");
    assert_eq!(
        moves(&repo, &["web@v9.9.9", "dev"]),
        "web registry.example/acme/web dev v1.2.3 v9.9.9\n"
    );
}

#[test]
fn an_environment_may_be_skipped_over_only_where_it_runs_the_same() {
    let repo = line();
    assert_snapshot!(run(&repo, &["dev", "prod", "-a", "web"]).text(), @"
    exit 3
    --- stdout
    web  prod  v1.2.2 -> v1.2.3
    fail  GP001  staging runs v1.2.2, not v1.2.3 (apps/web/overlays/staging/kustomization.yaml:5)
                  at apps/web/overlays/prod/kustomization.yaml:5
    ok    GP003  v1.2.3 is newer than v1.2.2
    ok    GP004  no digest is pinned
    ok    GP005  v1.2.3 is no moving tag
    ok    GP007  only prod changes
    ok    GP008  no image of the set stays behind
    ok    GP011  every manifest can be read
    --- stderr
    error: refused by GP001; nothing was changed
    hint: git promote web@v1.2.3 staging
    hint: git promote explain GP001
    ");
    put(&repo, "web", "staging", "v1.2.3");
    assert_eq!(
        moves(&repo, &["dev", "prod", "-a", "web"]),
        "web registry.example/acme/web prod v1.2.2 v1.2.3\n"
    );
}

#[test]
fn to_takes_an_environment_with_any_name() {
    let config = LINE.replace("staging", "v1.2.3");
    let repo = repo(&[("promote.toml", &config)]);
    app(&repo, "web", &[("dev", "v1"), ("v1.2.3", "v0")]);
    save(&repo, "Add web", &[]);
    assert_eq!(
        moves(&repo, &["to", "v1.2.3", "--version", "v1"]),
        "web registry.example/acme/web v1.2.3 v0 v1\n"
    );
    let text = overlay("registry.example/acme/web", "v2");
    save(&repo, "Next", &[(&at("web", "dev"), &text)]);
    assert_eq!(moves(&repo, &["dev", "v1.2.3"]), "web registry.example/acme/web v1.2.3 v0 v2\n");
}
