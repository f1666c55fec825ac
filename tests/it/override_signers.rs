//! Overrides that need a signature: real ssh keys, real git, and a gate that
//! starts no program.

use std::process::Command;

use crate::kit::{at, line, overlay, run, save, skipped};
use crate::testkit::{Sandbox, environment};

/// A fresh key; its public half without the comment.
fn key(sandbox: &Sandbox, name: &str) -> Option<String> {
    let file = sandbox.dir.path().join(name);
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", if name.starts_with("ec") { "ecdsa" } else { "ed25519" }])
        .args(["-N", "", "-C", "somebody", "-f"])
        .arg(&file)
        .output()
        .ok()?;
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let text = std::fs::read_to_string(file.with_extension("pub")).unwrap();
    let words: Vec<&str> = text.split_whitespace().collect();
    Some(format!("{} {}", words[0], words[1]))
}

/// A commit on a branch of its own that waives GP003, signed by this key.
fn waived(sandbox: &Sandbox, branch: &str, key: Option<&str>) {
    sandbox.git(["switch", "-q", "-c", branch, "main"]);
    sandbox.write(&at("web", "dev"), &overlay("registry.example/acme/web", "v1.0.0"));
    let message = "Back\n\nPromote-Override: GP003\nPromote-Reason: INC-42\n";
    let mut command = Command::new("git");
    command.current_dir(&sandbox.root).envs(environment(sandbox.dir.path()));
    if let Some(key) = key {
        let file = sandbox.dir.path().join(key);
        command.args(["-c", "gpg.format=ssh", "-c"]);
        command.arg(format!("user.signingKey={}", file.display()));
    }
    command.args(["commit", "-q", "-a", "-m", message]);
    command.arg(if key.is_some() { "-S" } else { "--no-gpg-sign" });
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    sandbox.git(["switch", "-q", "main"]);
}

#[track_caller]
fn check(sandbox: &Sandbox, branch: &str, code: i32, says: &str) {
    let range = format!("main..{branch}");
    // Nothing is found on this search path: no program can be started.
    let text = run(sandbox, &["check", &range, "-v"]).env("PATH", "/nowhere").text();
    assert!(text.starts_with(&format!("exit {code}\n")) && text.contains(says), "{text}");
}

#[test]
fn only_a_signature_of_those_who_may_waives() {
    let sandbox = line();
    let (Some(ada), Some(_)) = (key(&sandbox, "ada"), key(&sandbox, "eve")) else {
        skipped("ssh-keygen is not there, no override was signed");
        return;
    };
    let config = sandbox.read("promote.toml");
    let granted = format!(
        "{config}\n[[override]]\nrule = \"GP003\"\nallowed-signers = [\".promote/signers\"]\n"
    );
    let signers = format!("ada@example.org namespaces=\"git\" {ada}\n");
    save(&sandbox, "Signers", &[("promote.toml", &granted), (".promote/signers", &signers)]);
    waived(&sandbox, "unsigned", None);
    waived(&sandbox, "by-eve", Some("eve"));
    waived(&sandbox, "by-ada", Some("ada"));
    check(
        &sandbox,
        "unsigned",
        3,
        "needs the signature of an allowed signer: its commit is not signed",
    );
    check(&sandbox, "by-eve", 3, "the key of its commit is no allowed signer");
    check(&sandbox, "by-ada", 0, "(overridden: INC-42)");
    // A change that lets its author sign changes nothing for itself.
    sandbox.git(["switch", "-q", "by-eve"]);
    let eve = std::fs::read_to_string(sandbox.dir.path().join("eve.pub")).unwrap();
    save(&sandbox, "Me too", &[(".promote/signers", &format!("eve {eve}"))]);
    sandbox.git(["switch", "-q", "main"]);
    check(&sandbox, "by-eve", 3, "the key of its commit is no allowed signer");
    // A message that was changed after it was signed.
    let raw = sandbox.git(["cat-file", "commit", "by-ada"]);
    std::fs::write(sandbox.dir.path().join("forged"), raw.replace("INC-42", "INC-43")).unwrap();
    let forged = sandbox.dir.path().join("forged");
    let forged = sandbox.git(["hash-object", "-t", "commit", "-w", forged.to_str().unwrap()]);
    sandbox.git(["update-ref", "refs/heads/forged", forged.trim()]);
    check(&sandbox, "forged", 3, "its signature is not that of what it says");
    // What it says to whoever promotes.
    let args = ["web@v1.0.0", "dev", "--override", "GP003", "--reason", "x", "-n"];
    let text = run(&sandbox, &args).text();
    assert!(
        text.contains("warn  GP012  GP003 may be overridden here by a commit that an"),
        "{text}"
    );
}

#[test]
fn keys_of_the_config_may_sign_until_the_day() {
    let sandbox = line();
    let Some(ec) = key(&sandbox, "ec") else {
        skipped("ssh-keygen is not there, no override was signed");
        return;
    };
    let config = sandbox.read("promote.toml");
    let granted = format!(
        "{config}\n[[override]]\nrule = \"GP003\"\nuntil = \"2030-12-31\"\nallowed-signers = [\"{ec} \
         on call\"]\n"
    );
    save(&sandbox, "Keys", &[("promote.toml", &granted)]);
    waived(&sandbox, "signed", Some("ec"));
    let at = |time: &str| run(&sandbox, &["check", "main..signed", "-v", "--at", time]).text();
    let text = at("2030-12-31T23:59:59Z");
    assert!(text.starts_with("exit 0\n") && text.contains("(overridden: INC-42)"), "{text}");
    let text = at("2031-01-01T00:00:00Z");
    assert!(text.starts_with("exit 3\n"), "{text}");
    assert!(text.contains("GP003 could be overridden in dev until 2030-12-31"), "{text}");
}
