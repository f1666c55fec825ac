//! Records save looking at commits, and change nothing of what is told: random
//! histories with records, without, and with records that lie, are told as the
//! same trees are told without any record.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use crate::git_walk::{Dice, file, import};
use crate::kit::{LINE, at, line, overlay, run, save};
use crate::log::story;
use crate::testkit::Sandbox;

const ENVIRONMENTS: [&str; 3] = ["dev", "staging", "prod"];

/// Apps and their images.
const APPS: [(&str, &[&str]); 3] = [("web", &["web"]), ("api", &["api"]), ("duo", &["one", "two"])];

/// How a record stands to what its commit did.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Record {
    True,
    None,
    OtherOld,
    OtherNew,
    OtherEnvironment,
    OtherApp,
}

/// A history while it is made: what each file holds, and the two streams.
struct Making {
    dice: Dice,
    held: BTreeMap<(usize, usize), Vec<usize>>,
    version: usize,
    with: String,
    without: String,
}

impl Making {
    fn new(seed: u64) -> Self {
        let held = BTreeMap::new();
        Self { dice: Dice(seed), held, version: 0, with: String::new(), without: String::new() }
    }

    /// Never the same twice, so that no two lies can cancel each other.
    fn fresh(&mut self) -> usize {
        self.version += 1;
        self.version
    }

    fn commit(&mut self, at: usize, message: &str, changes: &str) {
        for (stream, message) in [(&mut self.with, message), (&mut self.without, "Change\n")] {
            let time = 1_700_000_000 + at * 60;
            writeln!(stream, "commit refs/heads/main\ncommitter A <a@example.org> {time} +0000")
                .unwrap();
            write!(stream, "data {}\n{message}", message.len()).unwrap();
            if at == 0 {
                stream.push_str("from refs/heads/main^0\n");
            }
            stream.push_str(changes);
        }
    }

    fn write(&self, changes: &mut String, (app, env): (usize, usize)) {
        let mut text = String::from("resources:\n- ../../base\nimages:\n");
        for (image, version) in APPS[app].1.iter().zip(&self.held[&(app, env)]) {
            writeln!(text, "- name: registry.example/{image}\n  newTag: v{version}").unwrap();
        }
        file(changes, &at(APPS[app].0, ENVIRONMENTS[env]), &text);
    }

    /// Moves one image in one file; gives what a true record says.
    fn moved(&mut self, changes: &mut String) -> (usize, usize, String, String) {
        let (app, env) = (self.dice.roll(APPS.len()), self.dice.roll(3));
        let image = self.dice.roll(APPS[app].1.len());
        let new = self.fresh();
        let old = std::mem::replace(&mut self.held.get_mut(&(app, env)).unwrap()[image], new);
        self.write(changes, (app, env));
        (app, env, format!("v{old}"), format!("v{new}"))
    }

    fn step(&mut self, at: usize, lies: bool) {
        let mut changes = String::new();
        let record = match self.dice.roll(if lies { 40 } else { 30 }) {
            0..=24 => Record::True,
            25..=29 => Record::None,
            30..=32 => Record::OtherOld,
            33..=35 => Record::OtherNew,
            36 | 37 => Record::OtherEnvironment,
            _ => Record::OtherApp,
        };
        let (app, env, mut old, mut new) = self.moved(&mut changes);
        if lies && self.dice.roll(12) == 0 {
            self.moved(&mut changes);
        }
        let (mut said_env, mut said_app) = (env, app);
        match record {
            Record::OtherOld => old = format!("v{}", self.fresh()),
            Record::OtherNew => new = format!("v{}", self.fresh()),
            Record::OtherEnvironment => said_env = (env + 1) % 3,
            Record::OtherApp => said_app = (app + 1) % APPS.len(),
            Record::True | Record::None => {}
        }
        let (env, app) = (ENVIRONMENTS[said_env], APPS[said_app].0);
        let mut message = format!("Promote {app} {new} to {env}\n");
        if record != Record::None {
            write!(message, "\nPromote-To: {env}\nPromote-App: {app} {old} -> {new}\n").unwrap();
        }
        self.commit(at, &message, &changes);
    }
}

/// The same history twice: with records, and without any.
fn histories(seed: u64, lies: bool) -> (Sandbox, Sandbox) {
    let mut making = Making::new(seed);
    let mut changes = String::new();
    file(&mut changes, "promote.toml", LINE);
    for (app, (_, images)) in APPS.iter().enumerate() {
        for env in 0..3 {
            let first = images.iter().map(|_| making.fresh()).collect();
            making.held.insert((app, env), first);
            making.write(&mut changes, (app, env));
        }
    }
    making.commit(0, "Start\n", &changes);
    for at in 1..150 {
        making.step(at, lies);
    }
    let made = |stream: &str| {
        let sandbox = Sandbox::with(&[]);
        import(&sandbox.root, sandbox.dir.path(), stream);
        sandbox.git(["reset", "-q", "--hard", "main"]);
        sandbox
    };
    (made(&making.with), made(&making.without))
}

fn told(repo: &Sandbox, args: &[&str]) -> Vec<String> {
    let _ = fs::remove_dir_all(repo.root.join(".git/promote"));
    let form = ["log", "--format", "%ct %(env) %(app) %(image) %(previous) %(version) %(path)"];
    run(repo, &[&form, args].concat()).stdout(0).lines().map(str::to_owned).collect()
}

#[test]
fn records_change_nothing_of_what_is_told() {
    for seed in 0..10 {
        let (with, without) = histories(seed, seed > 2);
        for args in [&[][..], &["prod"], &["dev"], &["web"], &["duo", "staging"]] {
            let right = told(&without, args);
            assert!(right.len() > 10, "{args:?}");
            assert_eq!(told(&with, args), right, "seed {seed} {args:?}");
        }
    }
}

/// A commit that says what it did is not looked at: its tree can be missing.
#[test]
fn a_believed_commit_is_not_looked_at() {
    let repo = story();
    let all = told(&repo, &[]);
    let tree = repo.git(["rev-parse", "HEAD~1^{tree}"]);
    let (head, tail) = tree.trim().split_at(2);
    fs::remove_file(repo.root.join(format!(".git/objects/{head}/{tail}"))).unwrap();
    assert_eq!(told(&repo, &[]), all);
}

/// There and back in pull requests that were squashed: the last of their records
/// is the only one that git reads.
#[test]
fn a_squash_is_told_by_its_trees() {
    let repo = line();
    let both = |from: &str, to: &str| {
        let record = |env: &str| {
            format!("Promote-To: {env}\nPromote-App: web {from} -> {to}\nPromote-Id: 1\n")
        };
        let message = format!(
            "Ship it (#1)\n\n* Promote web to staging\n\n{}\n* Promote web to prod\n\n{}",
            record("staging"),
            record("prod")
        );
        let text = overlay("registry.example/acme/web", to);
        save(&repo, &message, &[(&at("web", "staging"), &text), (&at("web", "prod"), &text)]);
    };
    let before = told(&repo, &["web"]).len();
    both("v1.2.2", "v1.2.9");
    both("v1.2.9", "v1.2.2");
    for env in ["staging", "prod"] {
        assert_eq!(told(&repo, &[env, "web"]).len(), 3, "{env}");
    }
    assert_eq!(told(&repo, &["web"]).len(), before + 4);
}

/// A record names an environment as it was called then.
#[test]
fn an_environment_that_has_another_name_now_keeps_its_past() {
    let repo = story();
    let config = LINE.replace("name = \"staging\"", "name = \"stage\"\ndirs = [\"staging\"]");
    let before = told(&repo, &["staging"]).len();
    save(&repo, "Call it stage", &[("promote.toml", &config)]);
    assert_eq!(told(&repo, &["stage"]).len(), before);
    let of_it = told(&repo, &[]).iter().filter(|line| line.contains(" stage ")).count();
    assert_eq!(of_it, before);
}
