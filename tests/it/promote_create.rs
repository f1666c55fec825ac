//! `--create`, coupled references, digests that are pinned, and places that
//! still say the old version.

use insta::assert_snapshot;

use crate::kit::{LINE, at, everything, line, repo, run, save};

#[test]
fn a_missing_overlay_is_named_with_the_flag_that_makes_it() {
    let repo = line();
    repo.git(["rm", "-q", "-r", "apps/web/overlays/staging"]);
    save(&repo, "Drop web from staging", &[]);
    let before = everything(&repo);
    assert_snapshot!(run(&repo, &["web@v1.2.3", "staging"]).text(), @"
    exit 5
    --- stderr
    error: web has no overlay in staging
    hint: git promote web@v1.2.3 staging --create
    ");
    assert_eq!(everything(&repo), before);
    assert_snapshot!(run(&repo, &["web@v1.2.3", "staging", "--create"]).text(), @"
    exit 0
    --- stdout
    web  staging  none -> v1.2.3
    ok    GP001  dev has run v1.2.3 for [AGE] ([ID])
    ok    GP003  staging had no version of its own
    ok    GP004  no digest is pinned
    ok    GP005  v1.2.3 is no moving tag
    ok    GP007  only staging changes
    ok    GP008  no image of the set stays behind
    ok    GP011  every manifest can be read
    apps/web/overlays/staging/kustomization.yaml:1  copy of apps/web/overlays/dev/kustomization.yaml  none -> 95 bytes
    [main [ID]] Promote web v1.2.3 to staging
    --- stderr
    warning: apps/web/overlays/staging is a copy of apps/web/overlays/dev: look for what is meant for dev only
    ");
    repo.assert_clean();
    assert_eq!(repo.read(&at("web", "staging")), repo.read(&at("web", "dev")));
}

#[test]
fn a_copy_points_out_what_names_its_source() {
    let repo = line();
    let text = format!(
        "namespace: web-dev\nlabels: [{{pairs: {{tier: develop}}}}]\n{}",
        repo.read(&at("web", "dev"))
    );
    save(&repo, "Namespace", &[(&at("web", "dev"), &text)]);
    repo.git(["rm", "-q", "-r", "apps/web/overlays/staging"]);
    repo.git(["commit", "-q", "-m", "Remove"]);
    let said = run(&repo, &["web@v1.2.3", "staging", "--create", "-n"]).text();
    let named = format!("warning: {}:1 names dev: namespace: web-dev\n", at("web", "staging"));
    assert!(said.contains(&named), "{said}");
    assert_eq!(said.matches(" names dev").count(), 1, "{said}");
}

#[test]
fn a_copied_overlay_brings_all_its_files() {
    let repo = line();
    save(&repo, "Patch", &[("apps/api/overlays/dev/patches/a.yaml", "a: 1\n")]);
    repo.git(["rm", "-q", "-r", "apps/api/overlays/staging"]);
    save(&repo, "Drop api from staging", &[]);
    run(&repo, &["api@v1.2.2", "staging", "--create"]).stdout(0);
    assert_eq!(repo.read("apps/api/overlays/staging/patches/a.yaml"), "a: 1\n");
    let names = repo.git(["diff", "--name-status", "HEAD^", "HEAD"]);
    assert_snapshot!(names, @"
    A	apps/api/overlays/staging/kustomization.yaml
    A	apps/api/overlays/staging/patches/a.yaml
    ");
    repo.assert_clean();
}

#[test]
fn a_missing_entry_is_added() {
    let repo = line();
    save(&repo, "No image", &[(&at("web", "staging"), "resources:\n- ../../base\n")]);
    assert_snapshot!(run(&repo, &["web@v1.2.3", "staging"]).text(), @"
    exit 5
    --- stderr
    error: web has no entry for registry.example/acme/web in staging
    hint: git promote web@v1.2.3 staging --create
    ");
    assert_snapshot!(run(&repo, &["web@v1.2.3", "staging", "--create"]).text(), @"
    exit 0
    --- stdout
    web  staging  none -> v1.2.3
    ok    GP001  dev has run v1.2.3 for [AGE] ([ID])
    ok    GP003  staging had no version of its own
    ok    GP004  no digest is pinned
    ok    GP005  v1.2.3 is no moving tag
    ok    GP007  only staging changes
    ok    GP008  no image of the set stays behind
    ok    GP011  every manifest can be read
    apps/web/overlays/staging/kustomization.yaml:2  images[0]  none -> v1.2.3
    [main [ID]] Promote web v1.2.3 to staging
    ");
    assert_snapshot!(repo.read(&at("web", "staging")), @"
    resources:
    - ../../base
    images:
    - name: registry.example/acme/web
      newTag: v1.2.3
    ");
}

#[test]
fn nothing_is_made_for_a_version_that_nobody_runs() {
    let repo = line();
    repo.git(["rm", "-q", "-r", "apps/web/overlays/staging"]);
    save(&repo, "Drop web from staging", &[]);
    assert_snapshot!(run(&repo, &["web@v9", "staging", "--create"]).text(), @"
    exit 3
    --- stdout
    web  staging  none -> v9
    fail  GP001  dev runs v1.2.3, not v9 (apps/web/overlays/dev/kustomization.yaml:5)
                  at apps/web/overlays/staging/kustomization.yaml:1
    ok    GP003  staging had no version of its own
    ok    GP004  no digest is pinned
    ok    GP005  v9 is no moving tag
    ok    GP007  only staging changes
    ok    GP008  no image of the set stays behind
    ok    GP011  every manifest can be read
    --- stderr
    warning: apps/web/overlays/staging is a copy of apps/web/overlays/dev: look for what is meant for dev only
    error: refused by GP001; nothing was changed
    hint: git promote web@v9 dev
    hint: git promote explain GP001
    ");
}

fn coupled(layout: &str) -> crate::testkit::Sandbox {
    let config = LINE.replace("\"apps/{app}/overlays/{env}\"", layout);
    let text = |tag: &str| {
        format!(
            "resources:\n- https://git.example/acme/web//deploy?ref={tag}\n\
             - https://git.example/acme/crds?ref=v0.1\nimages:\n- name: acme/web\n  newTag: {tag}\n"
        )
    };
    repo(&[
        ("promote.toml", &config),
        (&at("web", "dev"), &text("v2.0")),
        (&at("web", "staging"), &text("v1.0")),
    ])
}

#[test]
fn a_coupled_reference_moves_along() {
    let repo = coupled("{ path = \"apps/{app}/overlays/{env}\", couple = true }");
    assert_snapshot!(run(&repo, &["v2.0", "staging"]).text(), @"
    exit 0
    --- stdout
    web  staging  v1.0 -> v2.0
    ok    GP001  dev has run v2.0 for [AGE] ([ID])
    ok    GP001  dev has https://git.example/acme/web//deploy ref=v2.0
    ok    GP003  v2.0 is newer than v1.0
    ok    GP004  no digest is pinned
    ok    GP005  v2.0 is no moving tag
    ok    GP007  only staging changes
    ok    GP008  no image of the set stays behind
    ok    GP011  every manifest can be read
    apps/web/overlays/staging/kustomization.yaml:2  resources[0]  https://git.example/acme/web//deploy?ref=v1.0 -> https://git.example/acme/web//deploy?ref=v2.0
    apps/web/overlays/staging/kustomization.yaml:6  images[0].newTag  v1.0 -> v2.0
    [main [ID]] Promote web v2.0 to staging
    --- stderr
    note: app web: the only app
    ");
    assert_snapshot!(repo.read(&at("web", "staging")), @"
    resources:
    - https://git.example/acme/web//deploy?ref=v2.0
    - https://git.example/acme/crds?ref=v0.1
    images:
    - name: acme/web
      newTag: v2.0
    ");
}

#[test]
fn references_are_coupled_unless_the_config_says_otherwise() {
    let repo = coupled("\"apps/{app}/overlays/{env}\"");
    run(&repo, &["v2.0", "staging"]).stdout(0);
    assert!(repo.read(&at("web", "staging")).contains("?ref=v2.0"));
}

#[test]
fn an_uncoupled_reference_stays_and_is_told() {
    let repo = coupled("{ path = \"apps/{app}/overlays/{env}\", couple = false }");
    assert_snapshot!(run(&repo, &["v2.0", "staging"]).text(), @"
    exit 0
    --- stdout
    web  staging  v1.0 -> v2.0
    ok    GP001  dev has run v2.0 for [AGE] ([ID])
    ok    GP003  v2.0 is newer than v1.0
    ok    GP004  no digest is pinned
    ok    GP005  v2.0 is no moving tag
    ok    GP007  only staging changes
    ok    GP008  no image of the set stays behind
    ok    GP011  every manifest can be read
    apps/web/overlays/staging/kustomization.yaml:6  images[0].newTag  v1.0 -> v2.0
    [main [ID]] Promote web v2.0 to staging
    --- stderr
    note: app web: the only app
    warning: apps/web/overlays/staging/kustomization.yaml:2 still says v1.0
    ");
    assert!(repo.read(&at("web", "staging")).contains("?ref=v1.0"));
}

#[test]
fn what_still_says_the_old_version_is_told() {
    let repo = line();
    let patch = "env:\n- name: VERSION\n  value: v1.2.2\n- name: OTHER\n  value: v1.2.22\n";
    save(&repo, "Patch", &[("apps/web/overlays/staging/patch.yaml", patch)]);
    assert_snapshot!(run(&repo, &["-n", "-q", "web@v1.2.3", "staging"]).text(), @"
    exit 0
    --- stderr
    warning: apps/web/overlays/staging/patch.yaml:3 still says v1.2.2
    ");
}
