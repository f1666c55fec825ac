//! `git promote verify` over lines that merges and squashes made: forgeries
//! that hide behind honest records, and the honest lines that look like them.

use crate::kit::{D1, D2, at, line, line_with, overlay, put, run, save};
use crate::testkit::Sandbox;
use crate::verify::{does, findings, pin, reword};

const NONE: [&str; 0] = [];

/// The kustomization of `web` or `api` at a version.
fn set(sandbox: &Sandbox, name: &str, env: &str, tag: &str) {
    sandbox.write(&at(name, env), &overlay(&format!("registry.example/acme/{name}"), tag));
}

fn on_branch(sandbox: &Sandbox, work: impl FnOnce(&Sandbox)) {
    sandbox.git(["switch", "-q", "-c", "request"]);
    work(sandbox);
    sandbox.git(["switch", "-q", "main"]);
}

fn merge(sandbox: &Sandbox, message: &str) {
    sandbox.git(["merge", "-q", "--no-ff", "-m", message, "request"]);
}

/// A merge whose files are those of the line and what is written now.
fn merge_with(sandbox: &Sandbox, message: &str, work: impl FnOnce(&Sandbox)) {
    sandbox.git(["merge", "-q", "--no-ff", "--no-commit", "-s", "ours", "request"]);
    work(sandbox);
    sandbox.git(["add", "-A"]);
    sandbox.git(["commit", "-q", "-m", message]);
}

/// A squash of the branch, with all of its messages below the subject.
fn squash(sandbox: &Sandbox) {
    let messages = sandbox.git(["log", "--reverse", "--format=* %B", "main..request"]);
    sandbox.git(["merge", "-q", "--squash", "request"]);
    sandbox.git(["commit", "-q", "-m", &format!("Ship (#5)\n\n{messages}")]);
}

/// A record that nobody made, of a version that nobody tested.
fn forged(sandbox: &Sandbox) -> String {
    let base = sandbox.head();
    format!(
        "Promote api v9.9.9 to prod\n\nPromote-To: prod\nPromote-From: staging@{base}\n\
         Promote-App: api v1.2.2 -> v9.9.9\nPromote-Gate: GP001 pass; GP003 pass\n\
         Promote-Id: deadbeefdeadbeefdeadbeefdeadbeef\n"
    )
}

#[test]
fn a_second_record_hides_nothing() {
    let sandbox = line();
    let message = forged(&sandbox);
    let more = "Promote-To: staging\nPromote-App: nothing v1 -> v2\nPromote-Id: 00\n";
    let text = overlay("registry.example/acme/api", "v9.9.9");
    save(&sandbox, &format!("{message}{more}"), &[(&at("api", "prod"), &text)]);
    assert_eq!(findings(&sandbox, &[]), ["0 app", "0 id", "0 gate"]);
}

#[test]
fn a_rule_that_is_waived_in_the_text_has_to_be_granted() {
    let sandbox = line();
    put(&sandbox, "api", "dev", "v9.9.9");
    let message = forged(&sandbox).replace("Promote-Id", "Promote-Override: GP001\nPromote-Id");
    let text = overlay("registry.example/acme/api", "v9.9.9");
    let message = format!("Ship (#5)\n\n* {message}\n\nWords that end it.\n");
    save(&sandbox, &message, &[(&at("api", "prod"), &text)]);
    assert_eq!(findings(&sandbox, &[]), ["0 id", "0 override"]);
    reword(&sandbox, &|m| m.replace("GP001\n", "GP001\nPromote-Reason: INC-1\n"));
    assert_eq!(findings(&sandbox, &[]), ["0 id", "0 override"]);
}

#[test]
fn a_squash_through_several_environments_is_what_check_refuses() {
    let sandbox = line();
    on_branch(&sandbox, |s| {
        put(s, "web", "dev", "v1.2.4");
        does(s, &["web@v1.2.4", "staging"]);
        does(s, &["web@v1.2.4", "prod"]);
    });
    squash(&sandbox);
    assert_eq!(findings(&sandbox, &[]), ["0 gate", "0 gate"]);
}

#[test]
fn a_squash_of_steps_that_lead_on_is_in_order() {
    let sandbox = line();
    put(&sandbox, "api", "dev", "v1.2.3");
    on_branch(&sandbox, |s| {
        does(s, &["web@v1.2.3", "staging"]);
        does(s, &["api@v1.2.3", "staging"]);
        // Back, and forward again to something else.
        does(s, &["rollback", "staging", "web"]);
    });
    squash(&sandbox);
    assert_eq!(findings(&sandbox, &[]), NONE);
    assert_eq!(run(&sandbox, &["verify", "-o", "json"]).json(0)["records"], 3);
    // A step that nothing leads to.
    reword(&sandbox, &|m| {
        m.replace("App: api v1.2.2 -> v1.2.3", "App: api v1.2.1 -> v1.2.3")
            .replace("App: web v1.2.3 -> v1.2.2", "App: web v1.2.3 -> v1.2.1")
    });
    assert_eq!(findings(&sandbox, &[]), ["0 app", "0 previous", "0 app"]);
}

#[test]
fn a_squash_with_a_revert_is_in_order() {
    let sandbox = line();
    put(&sandbox, "api", "dev", "v1.2.3");
    on_branch(&sandbox, |s| {
        does(s, &["web@v1.2.3", "staging"]);
        s.git(["revert", "--no-edit", "HEAD"]);
        does(s, &["api@v1.2.3", "staging"]);
    });
    squash(&sandbox);
    assert_eq!(findings(&sandbox, &[]), NONE);
}

#[test]
fn the_record_of_a_merge_is_held_against_what_it_adds() {
    let sandbox = line();
    on_branch(&sandbox, |s| does(s, &["web@v1.2.3", "staging"]));
    let message = forged(&sandbox);
    sandbox.git(["merge", "-q", "--no-ff", "--no-commit", "request"]);
    set(&sandbox, "api", "prod", "v9.9.9");
    sandbox.git(["commit", "-q", "-a", "-m", &message]);
    assert_eq!(findings(&sandbox, &[]), ["0 id", "0 gate"]);
    // With the words of the honest one it is no copy of it.
    reword(&sandbox, &|m| m.replace("GP003 pass", "GP003 pass\nPromote-Override: GP001"));
    assert!(findings(&sandbox, &[]).contains(&"0 override".to_owned()));
}

#[test]
fn a_merge_may_repeat_what_its_branch_says() {
    let sandbox = line();
    put(&sandbox, "api", "dev", "v1.2.3");
    on_branch(&sandbox, |s| {
        does(s, &["web@v1.2.3", "staging"]);
        does(s, &["api@v1.2.3", "staging"]);
    });
    let messages = sandbox.git(["log", "--reverse", "--format=%B", "main..request"]);
    let indented = messages.replace('\n', "\n    ");
    save(&sandbox, "Say something", &[("README.md", "hello\n")]);
    merge(&sandbox, &format!("Merge pull request #7 from x\n\n### Audit record\n\n    {indented}"));
    assert_eq!(findings(&sandbox, &[]), NONE);
    // As the trailers of the last one too.
    let last = sandbox.git(["log", "-1", "--format=%B", "request"]);
    reword(&sandbox, &|_| last.clone());
    assert_eq!(findings(&sandbox, &[]), NONE);
    assert_eq!(run(&sandbox, &["verify", "-o", "json"]).json(0)["records"], 2);
}

#[test]
fn what_ran_on_a_branch_alone_proves_nothing() {
    // The merge takes the last step and leaves those before it.
    let sandbox = line();
    on_branch(&sandbox, |s| {
        put(s, "web", "dev", "v9.0.0");
        does(s, &["web@v9.0.0", "staging"]);
        does(s, &["web@v9.0.0", "prod"]);
    });
    merge_with(&sandbox, "Merge request", |s| set(s, "web", "prod", "v9.0.0"));
    assert_eq!(findings(&sandbox, &[]), ["0 gate"]);
    // The branch itself takes back what it was proven by.
    let sandbox = line();
    on_branch(&sandbox, |s| {
        put(s, "web", "dev", "v9.0.0");
        does(s, &["web@v9.0.0", "staging"]);
        put(s, "web", "dev", "v1.2.3");
    });
    save(&sandbox, "Say something", &[("README.md", "hello\n")]);
    merge(&sandbox, "Merge pull request #3 from x");
    assert_eq!(findings(&sandbox, &[]), ["0 gate"]);
}

#[test]
fn a_merge_that_was_judged_earlier_is_in_order() {
    // Staging goes on while the request for prod waits.
    let sandbox = line();
    does(&sandbox, &["web@v1.2.3", "staging"]);
    on_branch(&sandbox, |s| does(s, &["web@v1.2.3", "prod"]));
    put(&sandbox, "web", "dev", "v1.2.4");
    does(&sandbox, &["web@v1.2.4", "staging"]);
    merge(&sandbox, "Merge pull request #3 from x");
    assert_eq!(findings(&sandbox, &[]), NONE);
    assert_eq!(findings(&sandbox, &["--strict", "HEAD~1.."]), ["0 gate"]);
}

#[test]
fn a_merge_the_other_way_round_is_in_order() {
    // The line is pulled into a commit that was made meanwhile.
    let sandbox = line();
    on_branch(&sandbox, |s| {
        // With a digest, which every step hands on.
        pin(s, "dev", &format!("v1.2.4\n  digest: {D1}"));
        does(s, &["dev", "staging", "-a", "web"]);
        s.git(["switch", "-q", "-c", "topic"]);
        does(s, &["staging", "prod", "-a", "web"]);
        s.git(["switch", "-q", "request"]);
        save(s, "Say more", &[("docs/a.md", "hello\n")]);
        let message = s.git(["log", "-1", "--format=%B", "topic"]);
        let text = format!("Merge pull request #4 from x\n\n{message}");
        s.git(["merge", "-q", "--no-ff", "-m", &text, "topic"]);
    });
    save(&sandbox, "Local work", &[("README.md", "hello\n")]);
    merge(&sandbox, "Merge branch 'main' of x");
    assert_eq!(findings(&sandbox, &[]), NONE);
    // Step by step it came, and at once it is here.
    assert_eq!(
        findings(&sandbox, &["--strict", "HEAD~1.."]),
        ["0 gate", "0 gate", "0 unexplained"]
    );
}

#[test]
fn an_old_branch_takes_nothing_back() {
    let sandbox = line();
    on_branch(&sandbox, |s| does(s, &["web@v1.2.3", "staging"]));
    // The clock stands still: else it would be the same commit.
    save(&sandbox, "Say something", &[("README.md", "hello\n")]);
    does(&sandbox, &["web@v1.2.3", "staging"]);
    put(&sandbox, "web", "dev", "v1.2.4");
    does(&sandbox, &["web@v1.2.4", "staging"]);
    merge_with(&sandbox, "Merge pull request #9 from x", |s| set(s, "web", "staging", "v1.2.3"));
    assert_eq!(findings(&sandbox, &[]), ["0 previous"]);
    let text = run(&sandbox, &["verify"]).stdout(1);
    assert!(text.contains("no record leads from v1.2.4"), "{text}");
}

#[test]
fn a_conflict_that_is_resolved_forward_and_a_rollback_are_in_order() {
    let sandbox = line();
    put(&sandbox, "web", "dev", "v1.2.4");
    on_branch(&sandbox, |s| does(s, &["web@v1.2.4", "staging"]));
    put(&sandbox, "web", "dev", "v1.2.3");
    does(&sandbox, &["web@v1.2.3", "staging"]);
    merge_with(&sandbox, "Merge pull request #9 from x", |s| set(s, "web", "staging", "v1.2.4"));
    assert_eq!(findings(&sandbox, &[]), NONE);
    sandbox.git(["branch", "-q", "-D", "request"]);
    on_branch(&sandbox, |s| does(s, &["rollback", "staging", "web"]));
    save(&sandbox, "Say something", &[("README.md", "hello\n")]);
    merge(&sandbox, "Merge pull request #10 from x");
    assert_eq!(findings(&sandbox, &[]), NONE);
}

#[test]
fn several_images_of_an_app_are_in_order_however_they_come() {
    let images = |tags: [&str; 2], digest: &str| {
        let web = overlay("registry.example/acme/web", &format!("{}{digest}", tags[0]));
        format!("{web}- name: registry.example/acme/proxy\n  newTag: {}\n", tags[1])
    };
    let start = || {
        let sandbox = line();
        for env in ["dev", "staging", "prod"] {
            sandbox.write(&at("web", env), &images(["v1.2.2", "v7"], ""));
        }
        save(&sandbox, "Put a proxy beside it", &[]);
        let text = images(["v1.2.3", "v8"], &format!("\n  digest: {D1}"));
        save(&sandbox, "web in dev", &[(&at("web", "dev"), &text)]);
        put(&sandbox, "api", "dev", "v1.2.3");
        on_branch(&sandbox, |s| {
            does(s, &["dev", "staging", "-a", "web"]);
            does(s, &["api@v1.2.3", "staging"]);
        });
        save(&sandbox, "Say something", &[("README.md", "hello\n")]);
        sandbox
    };
    let squashed = start();
    squash(&squashed);
    let merged = start();
    merge(&merged, "Merge pull request #3 from x");
    let picked = start();
    picked.git(["cherry-pick", "request~1"]);
    merge(&picked, "Merge pull request #3 from x");
    for sandbox in [squashed, merged, picked] {
        let found = findings(&sandbox, &["HEAD~1.."]);
        assert_eq!(found, NONE, "{}", sandbox.git(["log", "--graph", "--oneline"]));
    }
}

#[test]
fn what_a_record_waives_holds_for_its_app_and_environment_alone() {
    let grant = "\n[[override]]\nrule = \"GP003\"\n";
    let waiver = ["--override", "GP003", "--reason", "INC-1"];
    let start = |name: &str| {
        let sandbox = line_with(grant);
        put(&sandbox, "api", "dev", "v1.2.4");
        put(&sandbox, "web", "dev", "v1.2.1");
        on_branch(&sandbox, |s| {
            does(s, &["api@v1.2.4", "staging"]);
            does(s, &[&["web@v1.2.1", "staging"], &waiver[..]].concat());
        });
        // The line is ahead of the branch by now.
        put(&sandbox, name, "dev", "v1.2.5");
        does(&sandbox, &[&format!("{name}@v1.2.5"), "staging"]);
        merge_with(&sandbox, "Merge pull request #3 from x", |s| {
            set(s, "web", "staging", "v1.2.1");
            set(s, "api", "staging", "v1.2.4");
        });
        sandbox
    };
    assert_eq!(findings(&start("web"), &[]), NONE);
    assert_eq!(findings(&start("api"), &[]), ["0 gate", "0 previous"]);
    // In a squash, too: the second one says nothing of what it does.
    let sandbox = line_with(grant);
    put(&sandbox, "web", "dev", "v1.2.1");
    put(&sandbox, "api", "dev", "v1.2.1");
    on_branch(&sandbox, |s| {
        does(s, &[&["web@v1.2.1", "staging"], &waiver[..]].concat());
        does(s, &[&["api@v1.2.1", "staging"], &waiver[..]].concat());
    });
    squash(&sandbox);
    assert_eq!(findings(&sandbox, &[]), NONE);
    reword(&sandbox, &|m| {
        let (head, tail) =
            m.rsplit_once("Promote-Override: GP003\nPromote-Reason: INC-1\n").unwrap();
        format!("{head}{tail}")
    });
    assert_eq!(findings(&sandbox, &[]), ["0 gate"]);
}

/// What somebody adds below the tag.
fn with(sandbox: &Sandbox, env: &str, more: &str) {
    let text = sandbox.read(&at("web", env));
    sandbox.write(&at("web", env), &format!("{text}  {more}\n"));
}

#[test]
fn a_merge_brings_no_image_that_no_commit_has() {
    let start = || {
        let sandbox = line();
        on_branch(&sandbox, |s| {
            does(s, &["web@v1.2.3", "staging"]);
            does(s, &["web@v1.2.3", "prod"]);
        });
        save(&sandbox, "Say something", &[("README.md", "hello\n")]);
        sandbox
    };
    let evil = "newName: registry.evil/web";
    for (more, flaw) in [(evil, "version"), (&*format!("digest: {D1}"), "digest")] {
        let sandbox = start();
        sandbox.git(["merge", "-q", "--no-ff", "--no-commit", "request"]);
        for env in ["dev", "staging", "prod"] {
            with(&sandbox, env, more);
        }
        sandbox.git(["commit", "-q", "-a", "-m", "Merge request"]);
        let wanted = [format!("0 {flaw}"), format!("0 {flaw}")];
        assert_eq!(findings(&sandbox, &["HEAD~1.."]), wanted, "{more}");
    }
}

#[test]
fn an_image_that_the_line_or_the_branch_has_elsewhere_is_in_order() {
    let elsewhere = |s: &Sandbox| {
        for env in ["dev", "staging", "prod"] {
            with(s, env, "newName: mirror.example/acme/web");
        }
        save(s, "Pull from the mirror", &[]);
    };
    for by_line in [true, false] {
        let sandbox = line();
        on_branch(&sandbox, |s| {
            does(s, &["web@v1.2.3", "staging"]);
            if !by_line {
                elsewhere(s);
            }
        });
        if by_line {
            elsewhere(&sandbox);
        }
        save(&sandbox, "Say something", &[("README.md", "hello\n")]);
        merge_with(&sandbox, "Merge request", |s| {
            set(s, "web", "staging", "v1.2.3");
            with(s, "staging", "newName: mirror.example/acme/web");
            if !by_line {
                for env in ["dev", "prod"] {
                    with(s, env, "newName: mirror.example/acme/web");
                }
            }
        });
        assert_eq!(findings(&sandbox, &[]), NONE, "by the line: {by_line}");
    }
}

#[test]
fn a_digest_in_a_squash_is_that_of_what_came_out() {
    let start = || {
        let sandbox = line();
        pin(&sandbox, "dev", &format!("v1.2.4\n  digest: {D1}"));
        put(&sandbox, "api", "dev", "v1.2.3");
        sandbox
    };
    let sandbox = start();
    on_branch(&sandbox, |s| {
        does(s, &["dev", "staging", "-a", "web"]);
        does(s, &["api@v1.2.3", "staging"]);
    });
    squash(&sandbox);
    assert_eq!(findings(&sandbox, &[]), NONE);
    let (line, other) = (format!("Promote-Digest: web {D1}"), format!("Promote-Digest: web {D2}"));
    reword(&sandbox, &|m| m.replace(&line, &other));
    assert_eq!(findings(&sandbox, &[]), ["0 digest"]);
    reword(&sandbox, &|m| m.replace(&format!("{other}\n"), ""));
    assert_eq!(findings(&sandbox, &[]), ["0 digest"]);
    // The same version once more, with another digest: a step that leads on.
    let sandbox = start();
    on_branch(&sandbox, |s| {
        does(s, &["dev", "staging", "-a", "web"]);
        pin(s, "dev", &format!("v1.2.4\n  digest: {D2}"));
        does(s, &["dev", "staging", "-a", "web"]);
    });
    // What dev runs is on the line before.
    pin(&sandbox, "dev", &format!("v1.2.4\n  digest: {D2}"));
    squash(&sandbox);
    assert_eq!(findings(&sandbox, &[]), NONE);
    reword(&sandbox, &|m| m.replace(&other, &line));
    assert_eq!(findings(&sandbox, &[]), ["0 digest"]);
}
