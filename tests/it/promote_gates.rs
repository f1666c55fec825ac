//! Each rule: passing, failing, waived; and what the config says of waivers
//! and of apps that differ.

use insta::assert_snapshot;
use serde_json::Value;

use crate::kit::{D1, D2, LINE, app, at, line, line_with, overlay, put, repo, run, save, settled};
use crate::testkit::Sandbox;

/// What one rule says, one line a finding: result and message.
fn says(repo: &Sandbox, rule: &str, args: &[&str]) -> String {
    let output = run(repo, &[&["-n", "-o", "json"], args].concat()).output();
    let document: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| {
        panic!("{}", String::from_utf8_lossy(&output.stderr));
    });
    crate::schema::assert_valid(&document);
    let findings = document["findings"].as_array().unwrap().iter();
    let of_rule = findings.filter(|finding| finding["rule"] == rule);
    let lines: Vec<String> = of_rule
        .map(|f| {
            let hint = f["hint"].as_str().map(|hint| format!("\n  hint: {hint}"));
            let (result, message) = (f["result"].as_str().unwrap(), f["message"].as_str().unwrap());
            format!("{result}: {message}{}", hint.unwrap_or_default())
        })
        .collect();
    settled(&format!("exit {}\n{}", output.status.code().unwrap(), lines.join("\n")))
}

/// The same pin of web in an overlay.
fn pinned(repo: &Sandbox, env: &str, pin: &str) {
    let text =
        format!("resources:\n- ../../base\nimages:\n- name: registry.example/acme/web\n{pin}");
    save(repo, &format!("Pin web in {env}"), &[(&at("web", env), &text)]);
}

#[test]
fn gp001_the_environment_before_runs_it() {
    let repo = line();
    assert_snapshot!(says(&repo, "GP001", &["web@v1.2.3", "staging"]), @"
    exit 0
    pass: dev has run v1.2.3 for [AGE] ([ID])
    ");
    assert_snapshot!(says(&repo, "GP001", &["web@v1.2.3", "prod"]), @"
    exit 3
    fail: staging runs v1.2.2, not v1.2.3 (apps/web/overlays/staging/kustomization.yaml:5)
      hint: git promote web@v1.2.3 staging
    ");
    assert_snapshot!(says(&repo, "GP001", &["web@v9", "prod"]), @"
    exit 3
    fail: staging runs v1.2.2, not v9 (apps/web/overlays/staging/kustomization.yaml:5)
      hint: git promote web@v9 dev
    ");
    assert_snapshot!(says(&repo, "GP001", &["web@1.2.3", "staging"]), @"
    exit 3
    fail: dev runs v1.2.3, not 1.2.3 (apps/web/overlays/dev/kustomization.yaml:5)
      hint: git promote web@v1.2.3 staging
    ");
    assert_snapshot!(says(&repo, "GP001", &["web@v9", "dev"]), @"exit 0");
    let waived = ["web@v1.2.3", "prod", "--override", "GP001", "--reason", "INC-1"];
    assert_snapshot!(run(&repo, &waived).text(), @"
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
    fail  GP012  GP001 cannot be overridden unless the config says so
    --- stderr
    error: refused by GP001, GP012; nothing was changed
    hint: git promote web@v1.2.3 staging
    hint: git promote explain GP001
    ");
}

#[test]
fn gp001_reads_the_commit_and_not_the_work_tree() {
    let repo = line();
    repo.write(&at("web", "staging"), &overlay("registry.example/acme/web", "v1.2.3"));
    assert!(says(&repo, "GP001", &["web@v1.2.3", "prod"]).starts_with("exit 3\nfail"));
}

#[test]
fn gp001_seen_takes_what_was_there_at_some_time() {
    let seen = LINE.replace("name = \"staging\"", "name = \"staging\"\nseen = true");
    let repo = line();
    put(&repo, "web", "dev", "v1.2.4");
    assert!(says(&repo, "GP001", &["web@v1.2.3", "staging"]).starts_with("exit 3\nfail"));
    save(&repo, "Seen is enough", &[("promote.toml", &seen)]);
    assert_snapshot!(says(&repo, "GP001", &["web@v1.2.3", "staging"]), @"
    exit 0
    pass: dev has run v1.2.3 before
    ");
    assert_snapshot!(says(&repo, "GP001", &["web@v1.2.5", "staging"]), @"
    exit 3
    fail: dev runs v1.2.4, not v1.2.5 (apps/web/overlays/dev/kustomization.yaml:5)
      hint: git promote web@v1.2.5 dev
    ");
}

#[test]
fn gp003_no_way_back() {
    let repo = line();
    put(&repo, "web", "staging", "v1.3.0");
    assert_snapshot!(says(&repo, "GP003", &["web@v1.2.3", "staging"]), @"
    exit 3
    fail: v1.2.3 is older than v1.3.0
      hint: git promote web@v1.2.3 staging --override GP003 --reason TEXT
    ");
    put(&repo, "web", "dev", "build-7");
    put(&repo, "web", "staging", "build-7");
    put(&repo, "web", "staging", "build-8");
    assert_snapshot!(says(&repo, "GP003", &["web@build-7", "staging"]), @"
    exit 3
    fail: staging already ran build-7 and left it
      hint: git promote rollback staging web@build-7
    ");
    put(&repo, "web", "dev", "build-9");
    assert_snapshot!(says(&repo, "GP003", &["web@build-9", "staging"]), @"
    exit 0
    pass: staging did not run build-9 before
    ");
}

#[test]
fn gp003_warns_of_a_jump_over_a_major_version() {
    let repo = line();
    put(&repo, "web", "dev", "v2.0.0");
    assert_snapshot!(says(&repo, "GP003", &["web@v2.0.0", "staging"]), @"
    exit 0
    pass: v2.0.0 is newer than v1.2.2
    ");
    put(&repo, "web", "dev", "v4.1.0");
    assert_snapshot!(says(&repo, "GP003", &["web@v4.1.0", "staging"]), @"
    exit 0
    warn: v4.1.0 jumps over 2 major versions after v1.2.2
    ");
}

#[test]
fn gp003_waived_goes_on_record() {
    let repo = line();
    put(&repo, "web", "staging", "v1.3.0");
    let args = ["web@v1.2.3", "staging", "--override", "GP003", "--reason", "INC-42: too slow"];
    assert_snapshot!(run(&repo, &args).text(), @"
    exit 0
    --- stdout
    web  staging  v1.3.0 -> v1.2.3
    ok    GP001  dev has run v1.2.3 for [AGE] ([ID])
    over  GP003  v1.2.3 is older than v1.3.0 (overridden: INC-42: too slow)
                  at apps/web/overlays/staging/kustomization.yaml:5
    ok    GP004  no digest is pinned
    ok    GP005  v1.2.3 is no moving tag
    ok    GP007  only staging changes
    ok    GP008  no image of the set stays behind
    ok    GP011  every manifest can be read
    warn  GP012  GP003 may be overridden, but check and verify refuse it as long as no [[override]] of the config grants it
    apps/web/overlays/staging/kustomization.yaml:5  images[0].newTag  v1.3.0 -> v1.2.3
        Deployment/web containers[web].image  registry.example/acme/web:v1.3.0 -> registry.example/acme/web:v1.2.3
    [main [ID]] Promote web v1.2.3 to staging
    ");
    assert_snapshot!(settled(&repo.git(["log", "-1", "--format=%(trailers:only,unfold)"])), @"
    Promote-To: staging
    Promote-From: dev@[ID]
    Promote-App: web v1.3.0 -> v1.2.3
    Promote-Gate: GP001 pass; GP003 overridden; GP004 pass; GP005 pass; GP007 pass; GP008 pass; GP011 pass; GP012 warn
    Promote-Override: GP003
    Promote-Reason: INC-42: too slow
    Promote-Id: [HASH]
    ");
}

#[test]
fn gp004_a_tag_is_one_image() {
    let repo = line();
    pinned(&repo, "dev", &format!("  newTag: v1.3.0\n  digest: {D1}\n"));
    assert_snapshot!(says(&repo, "GP004", &["web@v1.3.0", "staging"]), @"
    exit 0
    pass: the digest is that of dev
    ");
    assert_snapshot!(says(&repo, "GP004", &[&format!("web@v1.3.0@{D2}"), "staging"]), @"
    exit 3
    fail: dev runs v1.3.0 as sha256:1111111111111111111111111111111111111111111111111111111111111111
      hint: git promote web@v1.3.0 staging
    ");
    let waived = &format!("web@v1.3.0@{D2}");
    let args = [waived, "staging", "--override", "GP004", "--reason", "x"];
    assert_snapshot!(says(&repo, "GP012", &args), @"
    exit 3
    fail: GP004 can never be overridden
      hint: git promote explain GP004
    ");
    assert!(says(&repo, "GP004", &args).contains("fail:"));
}

#[test]
fn gp004_a_digest_is_not_dropped_in_silence() {
    let repo = line();
    pinned(&repo, "staging", &format!("  newTag: v1.2.2\n  digest: {D1}\n"));
    assert_snapshot!(run(&repo, &["web@v1.2.3", "staging"]).text(), @"
    exit 3
    --- stdout
    web  staging  v1.2.2@sha256:111111111111 -> v1.2.3
    ok    GP001  dev has run v1.2.3 for [AGE] ([ID])
    ok    GP003  v1.2.3 is newer than v1.2.2@sha256:111111111111
    fail  GP004  staging pins a digest and v1.2.3 has none to replace it
                  at apps/web/overlays/staging/kustomization.yaml:5
    ok    GP005  v1.2.3 is no moving tag
    ok    GP007  only staging changes
    ok    GP008  no image of the set stays behind
    ok    GP011  every manifest can be read
    --- stderr
    error: refused by GP004; nothing was changed
    hint: git promote web@v1.2.3 staging --drop-digest
    hint: git promote explain GP004
    ");
    assert_snapshot!(run(&repo, &["web@v1.2.3", "staging", "--drop-digest"]).text(), @"
    exit 0
    --- stdout
    web  staging  v1.2.2@sha256:111111111111 -> v1.2.3
    ok    GP001  dev has run v1.2.3 for [AGE] ([ID])
    ok    GP003  v1.2.3 is newer than v1.2.2@sha256:111111111111
    ok    GP004  the digest that staging pins is dropped on request
    ok    GP005  v1.2.3 is no moving tag
    ok    GP007  only staging changes
    ok    GP008  no image of the set stays behind
    ok    GP011  every manifest can be read
    apps/web/overlays/staging/kustomization.yaml:5  images[0].newTag  v1.2.2 -> v1.2.3
    apps/web/overlays/staging/kustomization.yaml:6  images[0].digest  sha256:111111111111 -> none
        Deployment/web containers[web].image  registry.example/acme/web:v1.2.2@sha256:111111111111 -> registry.example/acme/web:v1.2.3
    [main [ID]] Promote web v1.2.3 to staging
    ");
    let text = repo.read(&at("web", "staging"));
    assert_eq!(
        text,
        "resources:\n- ../../base\nimages:\n- name: registry.example/acme/web\n  newTag: v1.2.3\n"
    );
}

#[test]
fn gp004_digests_alone_move_too() {
    let repo = line();
    pinned(&repo, "dev", &format!("  digest: {D2}\n"));
    pinned(&repo, "staging", &format!("  digest: {D1}\n"));
    assert_snapshot!(run(&repo, &["web@@sha256:2222222222222222222222222222222222222222222222222222222222222222", "staging"]).text(), @"
    exit 0
    --- stdout
    web  staging  sha256:111111111111 -> sha256:222222222222
    ok    GP001  dev has run sha256:222222222222 for [AGE] ([ID])
    ok    GP003  staging did not run sha256:222222222222 before
    ok    GP004  the digest is that of dev
    ok    GP005  a digest never moves
    ok    GP007  only staging changes
    ok    GP008  no image of the set stays behind
    ok    GP011  every manifest can be read
    apps/web/overlays/staging/kustomization.yaml:5  images[0].digest  sha256:111111111111 -> sha256:222222222222
        Deployment/web containers[web].image  registry.example/acme/web@sha256:111111111111 -> registry.example/acme/web@sha256:222222222222
    [main [ID]] Promote web sha256:2222222222222222222222222222222222222222222222222222222222222222 to staging
    ");
    assert!(repo.read(&at("web", "staging")).contains(D2));
}

#[test]
fn gp005_a_tag_that_moves() {
    let repo = line_with("");
    for tag in ["latest", "main", "Staging", "PROD"] {
        put(&repo, "web", "dev", tag);
        let said = says(&repo, "GP005", &[&format!("web@{tag}"), "staging"]);
        assert!(said.starts_with("exit 3\nfail: "), "{said}");
    }
    put(&repo, "web", "dev", "latest");
    assert_snapshot!(says(&repo, "GP005", &["web@latest", "staging"]), @"
    exit 3
    fail: the tag latest moves: it is a name for whatever is newest
      hint: git promote web@latest staging --override GP005 --reason TEXT
    ");
    let waived = ["web@latest", "staging", "--override", "GP005", "--reason", "demo day"];
    assert_snapshot!(says(&repo, "GP005", &waived), @"
    exit 0
    overridden: the tag latest moves: it is a name for whatever is newest (overridden: demo day)
    ");
    pinned(&repo, "dev", &format!("  newTag: latest\n  digest: {D1}\n"));
    assert_snapshot!(says(&repo, "GP005", &["web@latest", "staging"]), @"
    exit 0
    pass: latest moves, but its digest is pinned
    ");
}

#[test]
fn gp005_knows_the_configured_list() {
    let repo = line();
    let config = LINE.replace("version = 1", "version = 1\nmutable-tags = [\"nightly-*\"]");
    save(&repo, "List", &[("promote.toml", &config)]);
    put(&repo, "web", "dev", "nightly-7");
    assert_snapshot!(says(&repo, "GP005", &["web@nightly-7", "staging"]), @"
    exit 3
    fail: the tag nightly-7 moves: it is listed as `nightly-*` in mutable-tags
      hint: git promote web@nightly-7 staging --override GP005 --reason TEXT
    ");
}

#[test]
fn gp008_images_that_move_together() {
    let text = |tag: &str| {
        format!("images:\n- name: acme/web\n  newTag: {tag}\n- name: acme/job\n  newTag: {tag}\n")
    };
    let repo = repo(&[
        ("promote.toml", LINE),
        (&at("web", "dev"), &text("v2")),
        (&at("web", "staging"), &text("v1")),
    ]);
    assert_snapshot!(says(&repo, "GP008", &["v2", "staging"]), @"
    exit 0
    pass: no image of the set stays behind
    pass: no image of the set stays behind
    ");
    let part = ["v2", "staging", "--image", "acme/web"];
    assert_snapshot!(says(&repo, "GP008", &part), @"
    exit 0
    warn: left behind: acme/job
      hint: git promote web@v2 staging
    ");
    let waived = [&part[..], &["--override", "GP008", "--reason", "job is broken"]].concat();
    assert_snapshot!(says(&repo, "GP008", &waived), @"
    exit 0
    overridden: left behind: acme/job (overridden: job is broken)
    ");
}

#[test]
fn gp011_what_cannot_be_read() {
    let repo = line();
    save(&repo, "Template", &[("apps/web/overlays/staging/extra.yaml", "image: {{ b }}: c\n")]);
    assert_snapshot!(says(&repo, "GP011", &["web@v1.2.3", "staging"]), @"
    exit 0
    pass: every manifest can be read
    ");
    save(&repo, "Break dev", &[("apps/web/overlays/dev/more/kustomization.yaml", "images: [\n")]);
    assert_snapshot!(says(&repo, "GP011", &["web@v1.2.3", "staging"]), @"
    exit 3
    fail: apps/web/overlays/dev/more/kustomization.yaml:2:1: not valid YAML: while parsing a node, did not find expected node content
    ");
    let waived = ["web@v1.2.3", "staging", "--override", "GP011", "--reason", "x"];
    assert_snapshot!(says(&repo, "GP012", &waived), @"
    exit 3
    fail: GP011 can never be overridden
      hint: git promote explain GP011
    ");
    assert!(says(&repo, "GP011", &waived).contains("fail: "));
}

#[test]
fn gp011_says_nothing_of_other_apps() {
    let repo = line();
    save(&repo, "Break api", &[(&at("api", "staging"), "images: [\n")]);
    assert_snapshot!(says(&repo, "GP011", &["web@v1.2.3", "staging"]), @"
    exit 0
    pass: every manifest can be read
    ");
}

#[test]
fn gp012_a_waiver_needs_a_reason_and_a_rule_that_may_be_waived() {
    let repo = line();
    put(&repo, "web", "staging", "v1.3.0");
    let back = ["web@v1.2.3", "staging", "--override", "GP003"];
    assert_snapshot!(says(&repo, "GP012", &back), @"
    exit 3
    fail: GP003 is overridden without a reason
      hint: git promote web@v1.2.3 staging --override GP003 --reason TEXT
    ");
    assert_snapshot!(says(&repo, "GP012", &[&back[..], &["--reason", " "]].concat()), @"
    exit 3
    fail: GP003 is overridden without a reason
      hint: git promote web@v1.2.3 staging --override GP003 --reason TEXT
    ");
    assert_snapshot!(says(&repo, "GP012", &[&back[..], &["--reason", "x"]].concat()), @"
    exit 0
    warn: GP003 may be overridden, but check and verify refuse it as long as no [[override]] of the config grants it
    ");
    let other = ["web@v1.2.3", "staging", "--override", "GP017", "--reason", "x"];
    assert_snapshot!(says(&repo, "GP012", &other), @"
    exit 3
    fail: no policy of staging says `override = true`
      hint: git promote explain GP017
    ");
    assert_snapshot!(run(&repo, &["web@v1", "staging", "--override", "GP099"]).text(), @"
    exit 2
    --- stderr
    error: invalid value 'GP099' for '--override <RULE>': `GP099` is no rule: rules are GP001 to GP019
    hint: git promote help
    ");
    assert_snapshot!(run(&repo, &["web@v1", "staging", "--override", "soak"]).text(), @"
    exit 2
    --- stderr
    error: invalid value 'soak' for '--override <RULE>': `soak` is no rule: rules are GP001 to GP019
    hint: git promote help
    ");
    assert_snapshot!(run(&repo, &["web@v1", "staging", "--reason", "x"]).text(), @"
    exit 2
    --- stderr
    error: the following required arguments were not provided:
      --override <RULE>

    Usage: git promote [APP@]VERSION... ENV
           git promote FROM ENV
           git promote ENV
           git promote COMMAND
    hint: git promote help
    ");
}

#[test]
fn a_reason_cannot_forge_a_trailer() {
    let repo = line();
    put(&repo, "web", "staging", "v1.3.0");
    let before = repo.state();
    let back = ["web@v1.2.3", "staging", "--override", "GP003", "--reason"];
    let forged = [&back[..], &["x\nPromote-Override: GP001"]].concat();
    assert_snapshot!(run(&repo, &forged).text(), @"
    exit 2
    --- stderr
    error: --reason is one line without control characters
    hint: --reason 'INC-42: what happened'
    ");
    assert_eq!(repo.state(), before);
}

#[test]
fn the_config_says_what_may_be_waived_and_where() {
    let repo = line_with("\n[[override]]\nrule = \"GP003\"\nenvironments = [\"dev\"]\n");
    put(&repo, "web", "staging", "v1.3.0");
    let back = ["web@v1.2.3", "staging", "--override", "GP003", "--reason", "x"];
    assert_snapshot!(says(&repo, "GP012", &back), @"
    exit 3
    fail: the config does not let GP003 be overridden in staging ([[override]])
      hint: git promote explain GP003
    ");
    assert!(says(&repo, "GP003", &back).starts_with("exit 3\nfail"));
    let back = ["web@v1.2.2", "dev", "--override", "GP003", "--reason", "x"];
    assert!(says(&repo, "GP003", &back).starts_with("exit 0\noverridden"));
    let moving = ["web@latest", "dev", "--override", "GP005", "--reason", "x"];
    assert_snapshot!(says(&repo, "GP012", &moving), @"
    exit 3
    fail: the config does not let GP005 be overridden in dev ([[override]])
      hint: git promote explain GP005
    ");
}

#[test]
fn the_config_may_let_gp001_be_waived() {
    let repo = line_with("\n[[override]]\nrule = \"GP001\"\nenvironments = [\"prod\"]\n");
    let skip = ["web@v1.2.3", "prod", "--override", "GP001", "--reason", "INC-7"];
    assert_snapshot!(says(&repo, "GP001", &skip), @"
    exit 0
    overridden: staging runs v1.2.2, not v1.2.3 (apps/web/overlays/staging/kustomization.yaml:5) (overridden: INC-7)
    ");
}

#[test]
fn apps_may_differ_in_policy() {
    let repo = line_with(
        "\n[[app]]\nname = \"w*\"\npolicy = \"warn\"\n\n[[app]]\nname = \"api\"\npolicy = \"off\"\n",
    );
    assert_snapshot!(says(&repo, "GP001", &["web@v1.2.3", "prod"]), @"
    exit 0
    warn: staging runs v1.2.2, not v1.2.3 (apps/web/overlays/staging/kustomization.yaml:5)
      hint: git promote web@v1.2.3 staging
    ");
    assert_snapshot!(says(&repo, "GP001", &["api@v7", "prod"]), @"exit 0");
    assert_snapshot!(run(&repo, &["-n", "api@v7", "prod"]).text(), @"
    exit 0
    --- stdout
    api  prod  v1.2.2 -> v7
    ok    GP011  every manifest can be read
    apps/api/overlays/prod/kustomization.yaml:5  images[0].newTag  v1.2.2 -> v7
        Deployment/api containers[api].image  registry.example/acme/api:v1.2.2 -> registry.example/acme/api:v7
    dry run: nothing was written
    ");
}

#[test]
fn apps_may_exist_in_some_environments_only() {
    let repo = line_with("\n[[app]]\nname = \"web\"\nenvironments = [\"dev\", \"prod\"]\n");
    assert_snapshot!(says(&repo, "GP001", &["web@v1.2.3", "prod"]), @"
    exit 0
    pass: dev has run v1.2.3 for [AGE] ([ID])
    ");
    assert_snapshot!(says(&repo, "GP001", &["web@v9", "prod"]), @"
    exit 3
    fail: dev runs v1.2.3, not v9 (apps/web/overlays/dev/kustomization.yaml:5)
      hint: git promote web@v9 dev
    ");
    assert_snapshot!(run(&repo, &["web@v1.2.3", "staging"]).text(), @"
    exit 5
    --- stderr
    error: web does not exist in staging: its environments are dev, prod
    hint: git promote status web
    ");
    assert_eq!(run(&repo, &["-n", "-a", "web", "prod"]).code(), 0);
}

#[test]
fn a_dag_asks_every_environment_before() {
    let config = format!(
        "{LINE}from = [\"staging\", \"qa\"]\n\n[[environment]]\nname = \"qa\"\nfrom = [\"dev\"]\n"
    );
    let repo = repo(&[("promote.toml", &config)]);
    app(&repo, "web", &[("dev", "v2"), ("staging", "v2"), ("qa", "v1"), ("prod", "v1")]);
    save(&repo, "Add web", &[]);
    assert_snapshot!(says(&repo, "GP001", &["web@v2", "prod"]), @"
    exit 3
    fail: qa runs v1, not v2 (apps/web/overlays/qa/kustomization.yaml:5)
      hint: git promote web@v2 qa
    ");
    put(&repo, "web", "qa", "v2");
    assert_snapshot!(says(&repo, "GP001", &["web@v2", "prod"]), @"
    exit 0
    pass: staging has run v2 for [AGE] ([ID]); qa has run v2 for [AGE] ([ID])
    ");
    assert_snapshot!(says(&repo, "GP001", &["prod"]), @"
    exit 0
    pass: staging has run v2 for [AGE] ([ID]); qa has run v2 for [AGE] ([ID])
    ");
    run(&repo, &["web@v2", "prod"]).stdout(0);
    let trailers = settled(&repo.git(["log", "-1", "--format=%(trailers:only,unfold)"]));
    assert!(trailers.contains("Promote-From: staging@[ID]\nPromote-From: qa@[ID]\n"), "{trailers}");
}

#[test]
fn a_dag_may_be_content_with_one() {
    let config = format!(
        "{LINE}from-any = [\"staging\", \"qa\"]\n\n[[environment]]\nname = \"qa\"\nfrom = [\"dev\"]\n"
    );
    let repo = repo(&[("promote.toml", &config)]);
    app(&repo, "web", &[("dev", "v3"), ("staging", "v1"), ("qa", "v2"), ("prod", "v1")]);
    save(&repo, "Add web", &[]);
    assert_snapshot!(says(&repo, "GP001", &["web@v2", "prod"]), @"
    exit 0
    pass: qa has run v2 for [AGE] ([ID])
    ");
    assert_snapshot!(says(&repo, "GP001", &["web@v3", "prod"]), @"
    exit 3
    fail: staging runs v1, not v3 (apps/web/overlays/staging/kustomization.yaml:5); qa runs v2, not v3 (apps/web/overlays/qa/kustomization.yaml:5)
      hint: git promote web@v3 staging
    ");
    assert_snapshot!(run(&repo, &["prod"]).text(), @"
    exit 2
    --- stderr
    error: the environments before prod run different versions of web
    hint: git promote staging prod
    ");
    assert!(says(&repo, "GP001", &["qa", "prod"]).starts_with("exit 0\npass"));
}
