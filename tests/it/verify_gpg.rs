//! `git promote verify` and promotions that `gpg` signs, with the real program.

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::kit::{line, run, skipped};
use crate::verify::does;

/// A key ring of its own in a short place, which the agent's socket needs; its
/// agent ends with it.
struct KeyRing(tempfile::TempDir);

impl KeyRing {
    /// With a key of each of these; `None` where there is no gpg.
    fn of(users: &[&str]) -> Option<Self> {
        let ring = Self(tempfile::Builder::new().prefix("gp-").tempdir_in("/tmp").unwrap());
        let made = users.iter().all(|user| {
            ring.gpg(&["--passphrase", "", "--quick-gen-key", user, "ed25519", "sign", "never"])
        });
        made.then_some(ring)
    }

    fn home(&self) -> &str {
        self.0.path().to_str().unwrap()
    }

    fn gpg(&self, args: &[&str]) -> bool {
        let mut command = Command::new("gpg");
        command.args(["--batch", "--quiet", "--yes"]).args(args).env("GNUPGHOME", self.home());
        command.output().is_ok_and(|output| output.status.success())
    }
}

impl Drop for KeyRing {
    fn drop(&mut self) {
        let mut command = Command::new("gpgconf");
        let _ = command.args(["--kill", "all"]).env("GNUPGHOME", self.home()).output();
    }
}

#[test]
fn signatures_of_gpg_keys_are_held_against_the_key_ring() {
    let users = ["C O Mitter <committer@example.com>", "Mallory <mallory@example.com>"];
    let Some(ring) = KeyRing::of(&users) else {
        skipped("there is no gpg");
        return;
    };
    let sandbox = line();
    let gpg = |args: &[&str]| run(&sandbox, args).env("GNUPGHOME", ring.home());
    let found = |args: &[&str]| {
        let output = gpg(&[&["verify", "-o", "json"], args].concat()).output();
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        let rows = document["findings"].as_array().unwrap().clone();
        let shown = |row: &Value| format!("{} {}", row["finding"], row["message"]);
        rows.iter().map(shown).collect::<Vec<String>>()
    };
    let by_git = |args: &[&str]| {
        let output = Command::new("git")
            .args(args)
            .current_dir(&sandbox.root)
            .envs(crate::testkit::environment(sandbox.dir.path()))
            .env("GNUPGHOME", ring.home())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    // Unsigned, it is a finding only where signatures are asked for.
    does(&sandbox, &["web@v1.2.3", "staging"]);
    assert_eq!(found(&[]), [""; 0]);
    assert_eq!(found(&["--signed"]).len(), 1);
    sandbox.git(["reset", "-q", "--hard", "HEAD~1"]);
    let said = gpg(&["web@v1.2.3", "staging", "-S"]).text();
    assert!(said.starts_with("exit 0"), "{said}");
    by_git(&["verify-commit", "HEAD"]);
    assert_eq!(found(&["--signed"]), [""; 0]);
    let text = gpg(&["verify"]).stdout(0);
    assert!(text.contains("signatures: 1 good"), "{text}");
    // A key by its name, and the setting instead of the flag.
    sandbox.git(["config", "commit.gpgSign", "true"]);
    sandbox.git(["config", "user.signingKey", "mallory@example.com"]);
    assert!(gpg(&["web@v1.2.3", "prod"]).text().starts_with("exit 0"));
    assert_eq!(found(&["--signed"]), [""; 0]);
    // The signature of one commit below the words of another.
    let commit = sandbox.git(["cat-file", "commit", "HEAD"]);
    let file = sandbox.dir.path().join("commit");
    fs::write(&file, commit.replace("Promote web", "Promote the web")).unwrap();
    let forged = sandbox.git(["hash-object", "-t", "commit", "-w", &file.display().to_string()]);
    sandbox.git(["reset", "-q", "--hard", forged.trim()]);
    let forgery = found(&[]);
    assert_eq!(forgery.len(), 1, "{forgery:?}");
    assert!(
        forgery[0].starts_with("\"signature\"") && forgery[0].contains("does not fit"),
        "{forgery:?}"
    );
    // Signed by somebody whose key is not in the ring.
    sandbox.git(["reset", "-q", "--hard", "HEAD~1"]);
    assert!(gpg(&["web@v1.2.3", "prod"]).text().starts_with("exit 0"));
    assert!(ring.gpg(&["--delete-secret-and-public-key", &fingerprint(&ring, "mallory")]));
    assert_eq!(found(&[]), [""; 0], "it cannot be checked, and is not bad");
    let unknown = found(&["--signed"]);
    assert!(unknown.len() == 1 && unknown[0].contains("is not known here"), "{unknown:?}");
    // A key that is not there: nothing is committed.
    let before = sandbox.head();
    let refused = gpg(&["rollback", "prod", "web", "-S"]).text();
    assert!(refused.starts_with("exit 128"), "{refused}");
    assert_eq!(sandbox.head(), before);
}

fn fingerprint(ring: &KeyRing, user: &str) -> String {
    let mut command = Command::new("gpg");
    command.args(["--batch", "--with-colons", "--list-keys", user]).env("GNUPGHOME", ring.home());
    let said = String::from_utf8(command.output().unwrap().stdout).unwrap();
    let line = said.lines().find(|line| line.starts_with("fpr:")).unwrap();
    line.split(':').nth(9).unwrap().to_owned()
}
