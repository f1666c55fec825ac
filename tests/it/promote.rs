//! The line itself: what a promotion prints, commits and records.

use insta::assert_snapshot;
use serde_json::json;

use crate::kit::{at, differing, everything, line, put, run, settled};

#[test]
fn a_promotion_shows_what_it_did() {
    let repo = line();
    assert_snapshot!(run(&repo, &["v1.2.3", "staging"]).text(), @"
    exit 0
    --- stdout
    web  staging  v1.2.2 -> v1.2.3
    ok    GP001  dev has run v1.2.3 for [AGE] ([ID])
    ok    GP003  v1.2.3 is newer than v1.2.2
    ok    GP004  no digest is pinned
    ok    GP005  v1.2.3 is no moving tag
    ok    GP007  only staging changes
    ok    GP008  no image of the set stays behind
    ok    GP011  every manifest can be read
    apps/web/overlays/staging/kustomization.yaml:5  images[0].newTag  v1.2.2 -> v1.2.3
        Deployment/web containers[web].image  registry.example/acme/web:v1.2.2 -> registry.example/acme/web:v1.2.3
    [main [ID]] Promote web v1.2.3 to staging
    --- stderr
    note: app web: the only app that this fits
    ");
    repo.assert_clean();
    let message = settled(&repo.git(["log", "-1", "--format=%an <%ae> %ad%n%B", "--date=raw"]));
    assert_snapshot!(message, @"
    A U Thor <author@example.com> 1700000000 +0100
    Promote web v1.2.3 to staging

    web  staging  v1.2.2 -> v1.2.3

    Promote-To: staging
    Promote-From: dev@[ID]
    Promote-App: web v1.2.2 -> v1.2.3
    Promote-Gate: GP001 pass; GP003 pass; GP004 pass; GP005 pass; GP007 pass; GP008 pass; GP011 pass
    Promote-Id: [HASH]
    ");
    assert_snapshot!(repo.git(["diff", "-U0", "HEAD^", "HEAD"]), @"
    diff --git a/apps/web/overlays/staging/kustomization.yaml b/apps/web/overlays/staging/kustomization.yaml
    index 7519197..3340ad1 100644
    --- a/apps/web/overlays/staging/kustomization.yaml
    +++ b/apps/web/overlays/staging/kustomization.yaml
    @@ -5 +5 @@ images:
    -  newTag: v1.2.2 # set by us
    +  newTag: v1.2.3 # set by us
    ");
}

#[test]
fn the_trailers_are_what_git_reads() {
    let repo = line();
    run(&repo, &["v1.2.3", "staging"]).stdout(0);
    let trailers = repo.git(["log", "-1", "--format=%(trailers:only,unfold)"]);
    let keys: Vec<&str> = trailers
        .lines()
        .filter(|line| !line.is_empty())
        .filter_map(|line| line.split(": ").next())
        .collect();
    assert_eq!(keys, ["Promote-To", "Promote-From", "Promote-App", "Promote-Gate", "Promote-Id"]);
    let base = repo.git(["rev-parse", "HEAD^"]);
    assert!(trailers.contains(&format!("Promote-From: dev@{}", base.trim())), "{trailers}");
}

#[test]
fn a_skip_is_refused_with_the_command_that_is_missing() {
    let repo = line();
    let before = everything(&repo);
    assert_snapshot!(run(&repo, &["web@v1.2.3", "prod"]).text(), @"
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
    assert_eq!(everything(&repo), before);
}

#[test]
fn twice_is_once() {
    let repo = line();
    run(&repo, &["v1.2.3", "staging"]).stdout(0);
    let before = repo.state();
    assert_snapshot!(run(&repo, &["v1.2.3", "staging"]).text(), @"
    exit 0
    --- stdout
    web  staging  already at v1.2.3
    --- stderr
    note: app web: already there
    ");
    assert_eq!(repo.state(), before);
    let document = run(&repo, &["v1.2.3", "staging", "-o", "json"]).json(0);
    assert_eq!(document["result"], "unchanged");
    assert_eq!(document["promotions"], json!([]));
}

#[test]
fn a_dry_run_reads_all_and_writes_nothing() {
    let repo = line();
    let before = everything(&repo);
    assert_snapshot!(run(&repo, &["-n", "--diff", "v1.2.3", "staging"]).text(), @"
    exit 0
    --- stdout
    web  staging  v1.2.2 -> v1.2.3
    ok    GP001  dev has run v1.2.3 for [AGE] ([ID])
    ok    GP003  v1.2.3 is newer than v1.2.2
    ok    GP004  no digest is pinned
    ok    GP005  v1.2.3 is no moving tag
    ok    GP007  only staging changes
    ok    GP008  no image of the set stays behind
    ok    GP011  every manifest can be read
    apps/web/overlays/staging/kustomization.yaml:5  images[0].newTag  v1.2.2 -> v1.2.3
        Deployment/web containers[web].image  registry.example/acme/web:v1.2.2 -> registry.example/acme/web:v1.2.3
    --- a/apps/web/overlays/staging/kustomization.yaml
    +++ b/apps/web/overlays/staging/kustomization.yaml
    @@ -2,4 +2,4 @@
     - ../../base
     images:
     - name: registry.example/acme/web
    -  newTag: v1.2.2 # set by us
    +  newTag: v1.2.3 # set by us
    dry run: nothing was written
    --- stderr
    note: app web: the only app that this fits
    ");
    assert_eq!(everything(&repo), before);
    assert_eq!(run(&repo, &["-n", "--exit-code", "v1.2.3", "staging"]).code(), 1);
    assert_eq!(run(&repo, &["-n", "--exit-code", "v1.2.2", "staging"]).code(), 0);
    assert_eq!(run(&repo, &["-n", "--exit-code", "web@v1.2.3", "prod"]).code(), 3);
    assert_eq!(everything(&repo), before);
    assert_eq!(run(&repo, &["--exit-code", "v1.2.3", "staging"]).code(), 2);
}

#[test]
fn several_apps_make_one_commit() {
    let repo = line();
    put(&repo, "api", "dev", "v2.0.0");
    assert_snapshot!(run(&repo, &["web@v1.2.3", "api@v2.0.0", "staging"]).text(), @"
    exit 0
    --- stdout
    web  staging  v1.2.2 -> v1.2.3
    api  staging  v1.2.2 -> v2.0.0
    ok    GP001  web: dev has run v1.2.3 for [AGE] ([ID])
    ok    GP001  api: dev has run v2.0.0 for [AGE] ([ID])
    ok    GP003  web: v1.2.3 is newer than v1.2.2
    ok    GP003  api: v2.0.0 is newer than v1.2.2
    ok    GP004  web: no digest is pinned
    ok    GP004  api: no digest is pinned
    ok    GP005  web: v1.2.3 is no moving tag
    ok    GP005  api: v2.0.0 is no moving tag
    ok    GP007  web: only staging changes
    ok    GP007  api: only staging changes
    ok    GP008  web: no image of the set stays behind
    ok    GP008  api: no image of the set stays behind
    ok    GP011  web: every manifest can be read
    ok    GP011  api: every manifest can be read
    apps/api/overlays/staging/kustomization.yaml:5  images[0].newTag  v1.2.2 -> v2.0.0
        Deployment/api containers[api].image  registry.example/acme/api:v1.2.2 -> registry.example/acme/api:v2.0.0
    apps/web/overlays/staging/kustomization.yaml:5  images[0].newTag  v1.2.2 -> v1.2.3
        Deployment/web containers[web].image  registry.example/acme/web:v1.2.2 -> registry.example/acme/web:v1.2.3
    [main [ID]] Promote 2 apps to staging
    ");
    assert_snapshot!(settled(&repo.git(["log", "-1", "--format=%B"])), @"
    Promote 2 apps to staging

    web  staging  v1.2.2 -> v1.2.3
    api  staging  v1.2.2 -> v2.0.0

    Promote-To: staging
    Promote-From: dev@[ID]
    Promote-App: web v1.2.2 -> v1.2.3
    Promote-App: api v1.2.2 -> v2.0.0
    Promote-Gate: GP001 pass; GP003 pass; GP004 pass; GP005 pass; GP007 pass; GP008 pass; GP011 pass
    Promote-Id: [HASH]
    ");
}

#[test]
fn a_commit_of_something_else_afterwards_keeps_the_promoted_value() {
    let repo = line();
    run(&repo, &["v1.2.3", "staging"]).stdout(0);
    repo.assert_clean();
    repo.write("NEWS", "hello\n");
    repo.git(["add", "NEWS"]);
    repo.git(["commit", "-q", "-m", "News"]);
    let path = at("web", "staging");
    assert!(repo.git(["show", &format!("HEAD:{path}")]).contains("v1.2.3"));
    assert_eq!(repo.git(["diff", "--name-only", "HEAD^", "HEAD"]).trim(), "NEWS");
    repo.assert_clean();
}

#[test]
fn only_the_value_changes_in_the_file() {
    let repo = line();
    let before = repo.read(&at("web", "staging"));
    run(&repo, &["v1.2.3", "staging"]).stdout(0);
    let after = repo.read(&at("web", "staging"));
    assert_eq!(
        differing(&before, &after),
        [("newTag: v1.2.2 # set by us".into(), "newTag: v1.2.3 # set by us".into())]
    );
}

#[test]
fn quiet_says_nothing_and_verbose_more() {
    let repo = line();
    assert_snapshot!(run(&repo, &["-q", "web@v1.2.3", "prod"]).text(), @"
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
    assert_snapshot!(run(&repo, &["-q", "v1.2.3", "staging"]).text(), @"exit 0");
    assert_snapshot!(run(&repo, &["-v", "web@v1.2.2", "prod"]).text(), @"
    exit 0
    --- stdout
    web  prod  already at v1.2.2
    ");
}
