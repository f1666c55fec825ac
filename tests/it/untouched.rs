//! The user's own work is the same before and after a promotion, whatever
//! state it is in.

use std::collections::BTreeMap;
use std::fs;

use proptest::prelude::*;

use crate::kit::{at, line, run};
use crate::testkit::Sandbox;

/// What the user may have done to a file that the promotion does not touch.
#[derive(Debug, Clone, Copy)]
enum Deed {
    Edit,
    EditAndStage,
    StageAndEditAgain,
    Add,
    Untracked,
    Delete,
    DeleteStaged,
    IntentToAdd,
    Executable,
    SameSize,
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        Just(Deed::Edit),
        Just(Deed::EditAndStage),
        Just(Deed::StageAndEditAgain),
        Just(Deed::Add),
        Just(Deed::Untracked),
        Just(Deed::Delete),
        Just(Deed::DeleteStaged),
        Just(Deed::IntentToAdd),
        Just(Deed::Executable),
        Just(Deed::SameSize),
    ]
}

fn prepared(files: usize) -> Sandbox {
    let repo = line();
    for index in 0..files {
        repo.write(&format!("notes/{index}"), "old\n");
        repo.write(&format!("apps/web/overlays/staging/note-{index}.txt"), "old\n");
    }
    repo.git(["add", "-A"]);
    repo.git(["commit", "-q", "-m", "Notes"]);
    repo
}

fn perform(repo: &Sandbox, path: &str, deed: Deed) {
    let fresh = format!("{path}.new");
    match deed {
        Deed::Edit => repo.write(path, "new\n"),
        Deed::EditAndStage => {
            repo.write(path, "new\n");
            repo.git(["add", path]);
        }
        Deed::StageAndEditAgain => {
            repo.write(path, "new\n");
            repo.git(["add", path]);
            repo.write(path, "newer\n");
        }
        Deed::Add => {
            repo.write(&fresh, "added\n");
            repo.git(["add", &fresh]);
        }
        Deed::Untracked => repo.write(&fresh, "mine\n"),
        Deed::Delete => fs::remove_file(repo.root.join(path)).unwrap(),
        Deed::DeleteStaged => {
            repo.git(["rm", "-q", path]);
        }
        Deed::IntentToAdd => {
            repo.write(&fresh, "mine\n");
            repo.git(["add", "-N", &fresh]);
        }
        Deed::Executable => crate::testkit::executable(&repo.root.join(path)),
        Deed::SameSize => {
            // The same size in the same second: git must still see it.
            repo.write(path, "odl\n");
        }
    }
}

/// Everything of the user's: status, index entries and bytes, without the file
/// that is promoted.
fn user_state(repo: &Sandbox) -> BTreeMap<String, String> {
    let target = at("web", "staging");
    let mut state = BTreeMap::new();
    let status = repo.git(["status", "--porcelain=v2", "-uall"]);
    state.insert("status".to_owned(), status);
    let entries = repo.git(["ls-files", "-s", "--debug"]);
    let entries: Vec<&str> = entries
        .lines()
        .filter(|line| line.starts_with(|c: char| c.is_ascii_digit()) && !line.contains(&target))
        .collect();
    state.insert("index".to_owned(), entries.join("\n"));
    for path in repo.git(["ls-files", "-co", "--deduplicate"]).lines() {
        if path != target {
            let bytes = fs::read(repo.root.join(path)).ok();
            state.insert(path.to_owned(), format!("{bytes:?}"));
        }
    }
    state
}

/// The tree of the index's entries, made without the cache that the index may
/// carry of it.
fn tree_from_scratch(repo: &Sandbox) -> String {
    let fresh = repo.dir.path().join("fresh-index");
    let listed = repo.dir.path().join("entries");
    // What is only intended to be added is in no tree.
    let intended = repo.git(["diff", "--name-only", "--diff-filter=A"]);
    let is_intended =
        |line: &&str| intended.lines().any(|path| line.ends_with(&format!("\t{path}")));
    let entries = repo.git(["ls-files", "-s"]);
    let kept: Vec<&str> = entries.lines().filter(|line| !is_intended(line)).collect();
    fs::write(&listed, kept.join("\n") + "\n").unwrap();
    let script = format!(
        "GIT_INDEX_FILE={0} git update-index --index-info <{1} && GIT_INDEX_FILE={0} git write-tree; rm -f {0}",
        fresh.display(),
        listed.display()
    );
    let output = std::process::Command::new("sh")
        .args(["-c", &script])
        .current_dir(&repo.root)
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 20, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_promotion_touches_nothing_of_the_users(
        deeds in prop::collection::vec((0..4_usize, any::<bool>(), deed()), 0..5),
        split in any::<bool>(),
    ) {
        let repo = prepared(4);
        if split {
            repo.git(["config", "core.untrackedCache", "true"]);
        }
        let mut used = std::collections::BTreeSet::new();
        for (index, near, deed) in deeds {
            if used.insert((index, near)) {
                let path = if near {
                    format!("apps/web/overlays/staging/note-{index}.txt")
                } else {
                    format!("notes/{index}")
                };
                perform(&repo, &path, deed);
            }
        }
        let before = user_state(&repo);
        run(&repo, &["web@v1.2.3", "staging"]).stdout(0);
        prop_assert_eq!(user_state(&repo), before);
        let names = repo.git(["diff", "--name-only", "HEAD^", "HEAD"]);
        prop_assert_eq!(names.trim(), at("web", "staging"));
        prop_assert_eq!(repo.git(["write-tree"]), tree_from_scratch(&repo));
    }
}
