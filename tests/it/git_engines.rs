//! The two engines: the same result, and what only git can do.

use std::fs;
use std::process::Command;

use crate::testkit::{Driver, Sandbox, WEB, change, content, hook_in, promote};

fn web() -> Vec<promote::model::FileChange> {
    vec![promote(WEB, "v1", "v2")]
}

/// A hook that does nothing hands the commit to git.
fn use_git(sandbox: &Sandbox) {
    sandbox.hook("post-commit", "exit 0");
}

/// Everything that the engines have to agree on.
fn result(sandbox: &Sandbox) -> String {
    let mut text = sandbox.git(["cat-file", "-p", "HEAD"]);
    text.push_str(&sandbox.git(["rev-parse", "HEAD", "HEAD^{tree}"]));
    text.push_str(&sandbox.git(["reflog", "show", "--format=%H %gs %gn %ge", "HEAD"]));
    text.push_str(&sandbox.git(["reflog", "show", "--format=%H %gs %gn %ge", "main"]));
    text.push_str(&sandbox.git(["ls-files", "-s", "-v"]));
    let debug = sandbox.git(["ls-files", "--debug"]);
    let times = ["ctime:", "mtime:", "dev:", "uid:"];
    for line in debug.lines().filter(|line| !times.iter().any(|t| line.trim().starts_with(t))) {
        text.push_str(line);
        text.push('\n');
    }
    text.push_str(&sandbox.git(["status", "--porcelain=v2", "-uall"]));
    text
}

#[test]
fn both_engines_give_the_same() {
    type Setup = fn(&Sandbox);
    type Options = fn(Driver<'_>) -> Driver<'_>;
    let none: Options = |driver| driver;
    let cases: [(&str, Setup, Options); 7] = [
        ("plain", |_| (), none),
        (
            "staged work",
            |sandbox| {
                sandbox.write("apps/web/dev/kustomization.yaml", "staged");
                sandbox.write("new", "staged");
                sandbox.git(["add", "-A"]);
                sandbox.write("new", "later");
                sandbox.write("intended", "");
                sandbox.git(["add", "-N", "intended"]);
            },
            none,
        ),
        (
            "autocrlf",
            |sandbox| {
                sandbox.git(["config", "core.autocrlf", "true"]);
                fs::remove_file(sandbox.root.join(WEB)).unwrap();
                sandbox.git(["checkout", "-q", WEB]);
            },
            none,
        ),
        ("detached", |sandbox| _ = sandbox.git(["checkout", "-q", "--detach"]), none),
        (
            "message",
            |_| (),
            |driver| driver.with("message", "\n\n a subject \n goes on\n\n\n# kept  \n\nX: y\n\n"),
        ),
        (
            "signoff and trailers",
            |_| (),
            |driver| {
                driver.with("signoff", true).with("trailers", vec!["Ticket=OPS-1", "Ticket=OPS-2"])
            },
        ),
        (
            "trailers by git",
            |sandbox| _ = sandbox.git(["config", "trailer.ticket.key", "Bug #"]),
            |driver| driver.with("signoff", true).with("trailers", vec!["ticket=7"]),
        ),
    ];
    for (name, setup, options) in cases {
        let results = [false, true].map(|by_git| {
            let sandbox = Sandbox::new();
            setup(&sandbox);
            if by_git {
                use_git(&sandbox);
            }
            let new = change("apps/web/eu/k.yaml", None, "a\n");
            options(Driver::new(&sandbox)).commit(&[web().remove(0), new]).id();
            result(&sandbox)
        });
        assert_eq!(results[0], results[1], "{name}");
    }
}

#[test]
fn trailers_share_the_last_paragraph() {
    let sandbox = Sandbox::new();
    let driver = Driver::new(&sandbox).with("signoff", true).with("trailers", vec!["Ticket=OPS-1"]);
    driver.commit(&web()).id();
    let trailers = sandbox.git(["log", "-1", "--format=%(trailers:only)"]);
    assert_eq!(
        trailers.trim(),
        "Promote-To: prod\nPromote-Id: 1\nSigned-off-by: C O Mitter <committer@example.com>\nTicket: OPS-1"
    );
}

#[test]
fn hooks_run_as_with_git_commit() {
    let sandbox = Sandbox::new();
    let log = sandbox.dir.path().join("log");
    let note = |name: &str| format!("echo {name} >> '{}'", log.display());
    for name in ["pre-commit", "prepare-commit-msg", "post-commit"] {
        sandbox.hook(name, &note(name));
    }
    sandbox.hook("commit-msg", &format!("{}; echo 'Checked: yes' >> \"$1\"", note("commit-msg")));
    sandbox.commit(&web()).id();
    let all = "pre-commit\nprepare-commit-msg\ncommit-msg\npost-commit\n";
    assert_eq!(fs::read_to_string(&log).unwrap(), all);
    assert!(sandbox.git(["log", "-1", "--format=%B"]).contains("Checked: yes"));
    sandbox.assert_clean();

    fs::remove_file(&log).unwrap();
    Driver::new(&sandbox).with("no_verify", true).commit(&[promote(WEB, "v2", "v3")]).id();
    assert_eq!(fs::read_to_string(&log).unwrap(), "prepare-commit-msg\npost-commit\n");
}

#[test]
fn hooks_are_found_by_setting() {
    let sandbox = Sandbox::new();
    let hooks = sandbox.root.join("ci/hooks");
    hook_in(&hooks, "pre-commit", "echo no >&2; exit 1");
    sandbox.git(["add", "-A"]);
    sandbox.git(["commit", "-q", "-m", "hooks"]);
    sandbox.git(["config", "core.hooksPath", "ci/hooks"]);
    let sub = sandbox.root.join("apps/web");
    let refused = Driver::new(&sandbox).dir(&sub).commit(&web());
    assert_eq!((refused.kind(), refused.text("error")), ("Refused", "git commit refused: no"));
    Driver::new(&sandbox).with("no_verify", true).commit(&web()).id();
}

#[test]
fn a_refusing_hook_leaves_everything_as_it_was() {
    for hook in ["pre-commit", "commit-msg", "prepare-commit-msg", "reference-transaction"] {
        let sandbox = Sandbox::new();
        sandbox.write("apps/web/dev/kustomization.yaml", "staged");
        sandbox.write("untracked", "mine");
        sandbox.git(["add", "apps"]);
        let before = sandbox.state();
        sandbox.hook(hook, &format!("echo 'no: {hook}' >&2; exit 1"));
        let new = change("apps/web/eu/k.yaml", None, "a\n");
        let refused = sandbox.commit(&[web().remove(0), new]);
        assert_eq!((refused.kind(), refused.0["code"].as_u64()), ("Refused", Some(128)), "{hook}");
        assert!(refused.text("error").contains(&format!("no: {hook}")), "{}", refused.0);
        fs::remove_file(sandbox.root.join(".git/hooks").join(hook)).unwrap();
        assert_eq!(sandbox.state(), before, "{hook}");
        assert!(!sandbox.root.join("apps/web/eu").exists(), "{hook}");
        assert_eq!(
            fs::read_dir(sandbox.root.join(".git"))
                .unwrap()
                .flatten()
                .filter(|entry| entry.file_name().to_string_lossy().contains("promote"))
                .count(),
            0
        );
    }
}

#[test]
fn what_a_refusing_hook_changed_stays_and_is_named() {
    let sandbox = Sandbox::new();
    sandbox.hook("commit-msg", &format!("echo changed > {WEB}; exit 1"));
    let new = change("apps/web/eu/k.yaml", None, "a\n");
    let refused = sandbox.commit(&[web().remove(0), new]);
    assert_eq!(refused.0["code"].as_u64(), Some(128), "{}", refused.0);
    assert!(
        refused.text("error").contains(&format!("perhaps with the new version in it: `{WEB}`"))
    );
    assert_eq!(sandbox.read(WEB), "changed\n");
    assert!(!sandbox.root.join("apps/web/eu").exists());
    assert_eq!(sandbox.git(["diff", "--cached", "--name-only"]), "");
}

#[test]
fn what_a_hook_changed_is_read_back() {
    let sandbox = Sandbox::new();
    sandbox.hook("pre-commit", &format!("echo '# formatted' >> {WEB}; git add {WEB}"));
    let done = sandbox.commit(&web());
    assert!(done.notes().contains("otherwise than planned"), "{}", done.0);
    assert!(sandbox.git(["show", &format!("HEAD:{WEB}")]).contains("# formatted"));
}

#[test]
fn the_editor_gets_the_message() {
    let sandbox = Sandbox::new();
    let editor = |script: &str| {
        hook_in(sandbox.dir.path(), "editor", script);
        sandbox.dir.path().join("editor").display().to_string()
    };
    let edit = |path: &str| Driver::new(&sandbox).env("GIT_EDITOR", path).with("edit", true);
    edit(&editor("sed -i 's/Promote web/Edited/' \"$1\"")).commit(&web()).id();
    let message = sandbox.git(["log", "-1", "--format=%B"]);
    assert!(message.starts_with("Edited v2 to prod\n\nPromote-To: prod"), "{message}");
    let before = sandbox.state();
    let aborted = edit(&editor(": > \"$1\"")).commit(&[promote(WEB, "v2", "v3")]);
    assert_eq!(aborted.kind(), "Refused");
    assert_eq!(sandbox.state(), before);
}

#[test]
fn settings_that_only_git_knows_are_gits() {
    for (key, value) in [
        ("core.sharedRepository", "group"),
        ("i18n.commitEncoding", "ISO-8859-1"),
        ("commit.cleanup", "strip"),
    ] {
        let sandbox = Sandbox::new();
        sandbox.git(["config", key, value]);
        sandbox.commit(&web()).id();
        sandbox.assert_clean();
        let raw = sandbox.git(["cat-file", "-p", "HEAD"]);
        assert_eq!(raw.contains("encoding ISO-8859-1"), key == "i18n.commitEncoding");
    }
}

/// Without the variables that name author and committer.
fn nameless(sandbox: &Sandbox) -> Driver<'_> {
    ["GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"]
        .into_iter()
        .fold(Driver::new(sandbox), Driver::unset_by)
}

#[test]
fn identity_and_dates_are_gits() {
    let sandbox = Sandbox::new();
    let before = sandbox.state();
    sandbox.git(["config", "user.useConfigOnly", "true"]);
    let refused = nameless(&sandbox).commit(&web());
    assert_eq!((refused.kind(), refused.0["code"].as_u64()), ("NoIdentity", Some(128)));
    assert!(refused.text("error").contains("Please tell me who you are"), "{}", refused.0);
    assert_eq!(sandbox.state(), before);
    sandbox.git(["config", "user.name", " Some. "]);
    sandbox.git(["config", "user.email", "some@example.com"]);
    sandbox.git(["config", "author.name", "Other"]);
    let driver = nameless(&sandbox).env("GIT_AUTHOR_DATE", "2020-02-03 04:05:06 +0200");
    driver.commit(&web()).id();
    assert_eq!(
        sandbox.git(["log", "-1", "--format=%an <%ae> %ad|%cn <%ce>", "--date=iso"]).trim(),
        "Other <some@example.com> 2020-02-03 04:05:06 +0200|Some <some@example.com>"
    );
}

#[test]
fn settings_of_the_command_line_count() {
    let sandbox = Sandbox::new();
    let driver = ["GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"]
        .into_iter()
        .fold(Driver::new(&sandbox), Driver::unset_by);
    let driver =
        driver.env("GIT_CONFIG_PARAMETERS", "'user.name'='From It'\\''s' 'commit.gpgsign=false'");
    driver.commit(&web()).id();
    assert_eq!(sandbox.git(["log", "-1", "--format=%an|%cn"]).trim(), "From It's|From It's");
}

/// Keys of both kinds that `git verify-commit` trusts.
fn signing(sandbox: &Sandbox, format: &str) -> bool {
    let home = sandbox.dir.path();
    let run = |script: &str| {
        let mut command = Command::new("sh");
        command.arg("-c").arg(script).current_dir(home).env("GNUPGHOME", home.join("gnupg"));
        command.output().is_ok_and(|output| output.status.success())
    };
    if format == "ssh" {
        let key = home.join("key").display().to_string();
        sandbox.git(["config", "gpg.format", "ssh"]);
        sandbox.git(["config", "user.signingKey", &key]);
        sandbox.git([
            "config",
            "gpg.ssh.allowedSignersFile",
            &home.join("allowed").display().to_string(),
        ]);
        return run(
            "ssh-keygen -q -t ed25519 -N '' -f key && echo \"committer@example.com $(cat key.pub)\" > allowed",
        );
    }
    run(
        "mkdir -m 700 gnupg && gpg --batch --quiet --passphrase '' --quick-gen-key 'C O Mitter <committer@example.com>' ed25519 sign never",
    )
}

#[test]
fn signatures_verify() {
    for format in ["ssh", "openpgp"] {
        for by_git in [false, true] {
            let sandbox = Sandbox::new();
            if !signing(&sandbox, format) {
                crate::krew::skip(&format!("no program for {format}"));
                continue;
            }
            if by_git {
                use_git(&sandbox);
            }
            let gnupg = sandbox.dir.path().join("gnupg").display().to_string();
            let driver = || Driver::new(&sandbox).env("GNUPGHOME", &gnupg);
            let verified = |sandbox: &Sandbox| {
                let mut command = Command::new("git");
                command
                    .args(["verify-commit", "HEAD"])
                    .current_dir(&sandbox.root)
                    .env("GNUPGHOME", &gnupg);
                command.envs(crate::testkit::environment(sandbox.dir.path()));
                command.output().unwrap().status.success()
            };
            driver().commit(&web()).id();
            assert!(!verified(&sandbox), "{format}: not asked for");
            driver().with("sign", true).commit(&[promote(WEB, "v2", "v3")]).id();
            assert!(verified(&sandbox), "{format} {by_git}");
            sandbox.git(["config", "commit.gpgSign", "true"]);
            driver().commit(&[promote(WEB, "v3", "v4")]).id();
            assert!(verified(&sandbox), "{format} {by_git}");
            driver().with("sign", false).commit(&[promote(WEB, "v4", "v5")]).id();
            assert!(!verified(&sandbox), "{format} {by_git}");
            let before = sandbox.state();
            let refused = driver().with("sign", "/no/such/key").commit(&[promote(WEB, "v5", "v6")]);
            assert_eq!(
                (refused.kind(), refused.0["code"].as_u64()),
                ("Signing", Some(128)),
                "{}",
                refused.0
            );
            assert_eq!(sandbox.state(), before, "{format} {by_git}");
            sandbox.assert_clean();
        }
    }
}

#[test]
fn commits_are_made_wherever_git_points() {
    let sandbox = Sandbox::new();
    let git_dir = sandbox.root.join(".git").display().to_string();
    let root = sandbox.root.display().to_string();
    for (at, by_git) in [false, true].into_iter().enumerate() {
        if by_git {
            use_git(&sandbox);
        }
        let (old, new) = (format!("v{}", at + 1), format!("v{}", at + 2));
        Driver::new(&sandbox)
            .dir(sandbox.dir.path())
            .env("GIT_DIR", "repo/.git")
            .env("GIT_WORK_TREE", "repo")
            .commit(&[promote(WEB, &old, &new)])
            .id();
        sandbox.assert_clean();
        assert_eq!(sandbox.read(WEB), content(&new));
    }
    let index = sandbox.dir.path().join("other-index");
    fs::copy(sandbox.root.join(".git/index"), &index).unwrap();
    let driver = Driver::new(&sandbox).env("GIT_DIR", &git_dir).env("GIT_WORK_TREE", &root);
    let driver = driver.env("GIT_INDEX_FILE", &index.display().to_string());
    driver.commit(&[promote(WEB, "v3", "v4")]).id();
    let staged = sandbox.git(["diff", "--cached", "--name-only"]);
    assert_eq!(staged.trim(), WEB, "the usual index is not touched");
}
