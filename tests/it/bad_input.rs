//! What is wrong with input is said, with a way out, and nothing is written.

use std::fs;

use insta::assert_snapshot;

use crate::kit::{LINE, at, everything, line, overlay, put, repo, run, save};
use crate::testkit::Sandbox;

/// Runs, and holds that nothing at all was written.
fn refused(repo: &Sandbox, args: &[&str]) -> String {
    let before = everything(repo);
    let text = run(repo, args).text();
    assert_eq!(everything(repo), before);
    assert!(text.contains("\nhint: "), "{text}");
    text
}

#[test]
fn unknown_names_are_told_with_the_nearest() {
    let repo = line();
    assert_snapshot!(refused(&repo, &["v1.2.3", "satging"]), @"
    exit 5
    --- stderr
    error: `satging` is no environment; environments: dev, staging, prod
    hint: did you mean staging?
    ");
    assert_snapshot!(refused(&repo, &["wbe@v1.2.3", "staging"]), @"
    exit 5
    --- stderr
    error: there is no app `wbe`
    hint: did you mean web?
    hint: git promote status
    ");
    assert_snapshot!(refused(&repo, &["-a", "wbe", "v1.2.3", "staging"]), @"
    exit 5
    --- stderr
    error: there is no app `wbe`
    hint: did you mean web?
    hint: git promote status
    ");
}

#[test]
fn a_version_that_nobody_runs_is_refused() {
    let repo = line();
    assert_snapshot!(refused(&repo, &["1.2.3", "staging"]), @"
    exit 3
    --- stderr
    error: GP001: no app runs 1.2.3 in dev: looked at api, web
    hint: did you mean v1.2.3?
    hint: git promote status
    ");
    assert_snapshot!(refused(&repo, &["v7.7.7", "staging"]), @"
    exit 3
    --- stderr
    error: GP001: no app runs v7.7.7 in dev: looked at api, web
    hint: git promote status
    ");
    assert_snapshot!(refused(&repo, &["v1.2.3", "prod"]), @"
    exit 3
    --- stderr
    error: GP001: no app runs v1.2.3 in staging: looked at api, web
    hint: git promote v1.2.3 staging
    hint: git promote status
    ");
    assert_snapshot!(refused(&repo, &["web@v7.7.7", "prod"]), @"
    exit 3
    --- stdout
    web  prod  v1.2.2 -> v7.7.7
    fail  GP001  staging runs v1.2.2, not v7.7.7 (apps/web/overlays/staging/kustomization.yaml:5)
                  at apps/web/overlays/prod/kustomization.yaml:5
    warn  GP003  v7.7.7 jumps over 5 major versions after v1.2.2
                  at apps/web/overlays/prod/kustomization.yaml:5
    ok    GP004  no digest is pinned
    ok    GP005  v7.7.7 is no moving tag
    ok    GP007  only prod changes
    ok    GP008  no image of the set stays behind
    ok    GP011  every manifest can be read
    --- stderr
    error: refused by GP001; nothing was changed
    hint: git promote web@v7.7.7 dev
    hint: git promote explain GP001
    ");
}

#[test]
fn versions_are_read_by_the_grammar() {
    let repo = line();
    assert_snapshot!(refused(&repo, &["v1 2", "staging"]), @"
    exit 8
    --- stderr
    error: `v1 2` is not a valid tag: a tag is 1 to 128 of A-Z a-z 0-9 _ . - and starts with none of . -
    hint: git promote v1.2.3 staging
    ");
    assert_snapshot!(refused(&repo, &["", "staging"]), @"
    exit 8
    --- stderr
    error: the version is empty
    hint: git promote v1.2.3 staging
    ");
    let no_version = "web@";
    assert_snapshot!(refused(&repo, &[no_version, "staging"]), @"
    exit 8
    --- stderr
    error: the version is empty
    hint: git promote v1.2.3 staging
    ");
    assert_snapshot!(refused(&repo, &["v1@sha256:12", "staging"]), @"
    exit 8
    --- stderr
    error: `sha256:12` is not a valid digest: expected sha256: and 64 lower-case hex digits (or sha512: and 128)
    hint: git promote v1.2.3 staging
    ");
    assert_snapshot!(refused(&repo, &["web@v1@sha256:XYZ", "staging"]), @"
    exit 8
    --- stderr
    error: `sha256:XYZ` is not a valid digest: expected sha256: and 64 lower-case hex digits (or sha512: and 128)
    hint: git promote v1.2.3 staging
    ");
    assert_snapshot!(refused(&repo, &["a\u{1b}[31mb", "staging"]), @"
    exit 8
    --- stderr
    error: `a�[31mb` is not a valid tag: a tag is 1 to 128 of A-Z a-z 0-9 _ . - and starts with none of . -
    hint: git promote v1.2.3 staging
    ");
    assert_eq!(run(&repo, &[&"v".repeat(129), "staging"]).code(), 8);
}

/// web's staging overlay holds these bytes.
fn broken(bytes: &[u8]) -> Sandbox {
    let repo = line();
    fs::write(repo.root.join(at("web", "staging")), bytes).unwrap();
    save(&repo, "Break", &[]);
    repo
}

#[test]
fn files_that_cannot_be_read_are_left_alone() {
    let image = "images:\n- name: registry.example/acme/web\n  newTag: v1.2.2\n";
    let cases: [(&str, Vec<u8>); 4] = [
        ("unparsable", b"images: [\n".to_vec()),
        ("no UTF-8", [image.as_bytes(), b"# \xff\xfe\n"].concat()),
        ("NUL", [image.as_bytes(), b"# \0\n"].concat()),
        ("SOPS", format!("{image}sops:\n  mac: ENC[x]\n").into_bytes()),
    ];
    for (name, bytes) in cases {
        let repo = broken(&bytes);
        let text = refused(&repo, &["web@v1.2.3", "staging"]);
        match name {
            "unparsable" => assert_snapshot!(text, @"
            exit 8
            --- stderr
            error: apps/web/overlays/staging/kustomization.yaml:2:1: not valid YAML: while parsing a node, did not find expected node content
            hint: git log -1 -- apps/web/overlays/staging/kustomization.yaml
            "),
            "no UTF-8" => assert_snapshot!(text, @"
            exit 8
            --- stderr
            error: apps/web/overlays/staging/kustomization.yaml:4:3: not UTF-8
            hint: git log -1 -- apps/web/overlays/staging/kustomization.yaml
            "),
            "NUL" => assert_snapshot!(text, @"
            exit 8
            --- stderr
            error: apps/web/overlays/staging/kustomization.yaml:4:3: the character U+0000 is not allowed in YAML
            hint: git log -1 -- apps/web/overlays/staging/kustomization.yaml
            "),
            _ => assert_snapshot!(text, @"
            exit 8
            --- stderr
            error: apps/web/overlays/staging/kustomization.yaml:5:8: the file is signed by SOPS (`sops.mac`), so an edit would break it
            hint: edit it with `sops`
            "),
        }
    }
}

#[cfg(unix)]
#[test]
fn a_target_through_a_symlink_is_refused() {
    let repo = line();
    let target = at("web", "staging");
    repo.write("elsewhere.yaml", &repo.read(&target));
    fs::remove_file(repo.root.join(&target)).unwrap();
    std::os::unix::fs::symlink("../../../../elsewhere.yaml", repo.root.join(&target)).unwrap();
    save(&repo, "Link", &[]);
    assert_snapshot!(refused(&repo, &["web@v1.2.3", "staging"]), @"
    exit 8
    --- stderr
    error: `apps/web/overlays/staging/kustomization.yaml` is a symbolic link or a submodule, which is never followed
    hint: git log -1 -- apps/web/overlays/staging/kustomization.yaml
    ");
}

#[test]
fn a_target_in_a_submodule_is_refused() {
    let repo = line();
    let inner = repo.root.join("apps/web/overlays/staging");
    fs::remove_dir_all(&inner).unwrap();
    fs::create_dir(&inner).unwrap();
    repo.git_in(&inner, ["init", "-q"]);
    let text = overlay("registry.example/acme/web", "v1.2.2");
    fs::write(inner.join("kustomization.yaml"), text).unwrap();
    repo.git_in(&inner, ["add", "-A"]);
    repo.git_in(&inner, ["commit", "-q", "-m", "Inner"]);
    repo.git(["rm", "-q", "-r", "--cached", "apps/web/overlays/staging"]);
    save(&repo, "Submodule", &[]);
    assert_snapshot!(refused(&repo, &["web@v1.2.3", "staging"]), @"
    exit 8
    --- stderr
    error: `apps/web/overlays/staging` is a symbolic link or a submodule, which is never followed
    hint: git log -1 -- apps/web/overlays/staging
    ");
}

#[test]
fn a_dirty_target_is_refused() {
    let repo = line();
    repo.write(&at("web", "staging"), "# mine\n");
    let before = repo.state();
    assert_snapshot!(run(&repo, &["-q", "web@v1.2.3", "staging"]).text(), @"
    exit 6
    --- stderr
    error: cannot write `apps/web/overlays/staging/kustomization.yaml`: it has changes that are not committed
    hint: git stash push -- 'apps/web/overlays/staging/kustomization.yaml'
    ");
    assert_eq!(repo.state(), before);
    repo.git(["add", "-A"]);
    assert_eq!(run(&repo, &["web@v1.2.3", "staging"]).code(), 6);
    assert_eq!(run(&repo, &["web@v1.2.3", "staging", "--worktree"]).code(), 6);
}

#[test]
fn a_broken_config_is_told_with_its_place() {
    let repo = line();
    let config =
        LINE.replace("[[environment]]\nname = \"prod\"", "[[enviroment]]\nname = \"prod\"");
    save(&repo, "Typo", &[("promote.toml", &config)]);
    assert_snapshot!(refused(&repo, &["v1.2.3", "staging"]), @"
    exit 8
    --- stderr
    error: promote.toml:12:3: unknown key `enviroment`, did you mean `environment`?
    hint: write `environment`
    ");
}

#[test]
fn git_has_its_own_words() {
    let repo = line();
    let outside = repo.dir.path().join("outside");
    fs::create_dir(&outside).unwrap();
    let text = run(&repo, &["-C", outside.to_str().unwrap(), "status"]).text();
    assert_snapshot!(text, @"
    exit 128
    --- stderr
    error: not a git repository (or any of the parent directories): .git
    hint: git promote demo
    ");
    assert_snapshot!(run(&repo, &["-C", "nowhere", "status"]).text(), @"
    exit 128
    --- stderr
    error: cannot change to 'nowhere': No such file or directory (os error 2)
    hint: git promote -C DIRECTORY status
    ");
    repo.git_in(&outside, ["init", "-q", "-b", "main"]);
    let text = run(&repo, &["-C", outside.to_str().unwrap(), "v1", "dev"]).text();
    assert_snapshot!(text, @"
    exit 128
    --- stderr
    error: your current branch 'main' does not have any commits yet
    hint: git commit --allow-empty -m 'Start'
    ");
}

#[test]
fn a_merge_in_progress_is_refused() {
    let repo = line();
    repo.git(["checkout", "-q", "-b", "topic", "HEAD^"]);
    put(&repo, "web", "dev", "v5");
    repo.git(["checkout", "-q", "main"]);
    let merge = repo.try_git_in(&repo.root, ["merge", "topic"]);
    assert!(!merge.status.success());
    let before = repo.state();
    assert_snapshot!(run(&repo, &["-q", "web@v1.2.3", "staging"]).text(), @"
    exit 128
    --- stderr
    error: cannot do a partial commit during a merge.
    hint: git merge --continue
    ");
    assert_eq!(repo.state(), before);
}

#[test]
fn hostile_names_never_reach_the_terminal() {
    let hostile = "\u{1b}[31mred\u{202e}";
    let bidi = "red\u{202e}";
    let text = format!("images:\n- name: \"acme/\\e[31mred\"\n  newTag: v1 # {bidi}\n");
    let next = text.replace("v1", "v2");
    let dir = format!("apps/w{hostile}\nPromote-Override: GP001/overlays");
    let repo = repo(&[
        ("promote.toml", LINE),
        (&format!("{dir}/dev/kustomization.yaml"), &next),
        (&format!("{dir}/staging/kustomization.yaml"), &text),
    ]);
    for args in [
        &["-n", "--diff", "v2", "staging"][..],
        &["status"],
        &["status", "-o", "wide"],
        &["status", "-o", "markdown"],
        &["status", "-o", "tsv"],
        &["v3", "staging"],
        &["v2", "staging", "--color=never"],
    ] {
        let output = run(&repo, args).output();
        for bytes in [&output.stdout, &output.stderr] {
            let text = String::from_utf8(bytes.clone()).unwrap();
            let bad = |c: char| (c.is_control() && c != '\n' && c != '\t') || c == '\u{202e}';
            assert!(!text.contains(bad), "{args:?}: {text:?}");
        }
    }
    let trailers = repo.git(["log", "-1", "--format=%(trailers:only,unfold)"]);
    assert!(trailers.starts_with("Promote-To: staging\n"), "{trailers}");
    assert!(!trailers.contains("\nPromote-Override"), "{trailers}");
    let raw = b"images: [{name: a, newTag: v1}] # \x1b[31m\n".to_vec();
    fs::write(repo.root.join(format!("{dir}/dev/kustomization.yaml")), raw).unwrap();
    save(&repo, "Raw", &[]);
    assert_snapshot!(run(&repo, &["v1", "staging"]).text(), @"
    exit 3
    --- stdout
    w�[31mred��Promote-Override: GP001  staging  v2 -> v1
    fail  GP001  dev does not have acme/�[31mred of w�[31mred��Promote-Override: GP001
                  at apps/w�[31mred��Promote-Override: GP001/overlays/staging/kustomization.yaml:3
    fail  GP003  v1 is older than v2
                  at apps/w�[31mred��Promote-Override: GP001/overlays/staging/kustomization.yaml:3
    ok    GP004  no digest is pinned
    ok    GP005  v1 is no moving tag
    ok    GP007  only staging changes
    ok    GP008  no image of the set stays behind
    fail  GP011  apps/w�[31mred��Promote-Override: GP001/overlays/dev/kustomization.yaml:1:35: the character U+001B is not allowed in YAML
                  at apps/w�[31mred��Promote-Override: GP001/overlays/dev/kustomization.yaml
    fail  GP014  an `images` entry for `acme/�[31mred`, which is not followed
                  at apps/w�[31mred��Promote-Override: GP001/overlays/staging/kustomization.yaml:3
    --- stderr
    note: app w�[31mred��Promote-Override: GP001: the only app
    error: refused by GP001, GP003, GP011, GP014; nothing was changed
    hint: git promote rollback staging 'w�[31mred��Promote-Override: GP001@v1'
    hint: git promote explain GP001
    ");
}

/// What begins like a command is one, to its end: it can be pasted.
#[test]
fn hints_that_are_commands_are_nothing_else() {
    let hints = |repo: &Sandbox, args: &[&str]| -> Vec<String> {
        let text = run(repo, args).text();
        let hints = text.lines().filter_map(|line| line.strip_prefix("hint: git promote "));
        hints.map(str::to_owned).collect()
    };
    for args in [
        &["explain", "GP018"][..],
        &["config", "validate", "missing.toml"],
        &["init"],
        &["a b", "dev"],
        &["web@v1.2.3", "prod"],
    ] {
        let repo = line();
        let found = hints(&repo, args);
        assert!(!found.is_empty(), "{args:?}");
        for hint in found {
            let words: Vec<&str> = hint.split_whitespace().collect();
            let code = run(&repo, &words).code();
            assert_ne!(code, 2, "{args:?}: {hint}");
        }
    }
}
