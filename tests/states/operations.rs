//! Operations of git that are not finished.

use crate::matrix::{Does, State, hold, refuses, works};
use crate::place::{Place, TARGET, overlay};

type Made = Result<Place, &'static str>;

/// Branches `main` and `side` that conflict in this file.
fn forked(path: &str) -> Place {
    let place = Place::new();
    place.git(["checkout", "-q", "-b", "side"]);
    let text = |word: &str| match path {
        TARGET => overlay("web", word),
        _ => format!("{word}\n"),
    };
    place.write(path, &text("v1.2.1"));
    place.save("side");
    place.git(["checkout", "-q", "main"]);
    place.write(path, &text("v1.2.0"));
    place.save("one");
    place.write("notes/b", "more\n");
    place.save("two");
    place
}

/// The same, after a command of git that stops.
fn stopped(path: &str, args: &[&str]) -> Made {
    let place = forked(path);
    let output = place.try_git(args);
    assert!(!output.status.success(), "{args:?} did not stop");
    Ok(place)
}

/// Nothing is committed then. Files can be edited, as git lets one do it.
const fn during(what: &'static str, make: fn() -> Made, message: &'static str) -> State {
    State { worktree: Does::Works, ..refuses(what, make, (128, message)) }
}

const UNMERGED: &str =
    "cannot write `apps/web/overlays/staging/kustomization.yaml`: it is not merged";
const MERGE: &str = "cannot do a partial commit during a merge.";
const REBASE: &str = "cannot do a partial commit during a rebase.";
const PICK: &str = "cannot do a partial commit during a cherry-pick.";
const REVERT: &str = "cannot do a partial commit during a revert.";
const AM: &str = "cannot do a partial commit during an am session.";

#[test]
fn unfinished() {
    hold(&[
        during("merge", || stopped("notes/a", &["merge", "side"]), MERGE),
        State {
            worktree: Does::Refuses(6, UNMERGED),
            ..during(
                "merge, the target is in conflict",
                || stopped(TARGET, &["merge", "side"]),
                MERGE,
            )
        },
        during("merge --no-commit", clean_merge, MERGE),
        during(
            "rebase with the merge backend",
            || stopped("notes/a", &["rebase", "--merge", "side"]),
            REBASE,
        ),
        during(
            "rebase with the apply backend",
            || stopped("notes/a", &["rebase", "--apply", "side"]),
            REBASE,
        ),
        during("rebase -i that stopped to edit", edited, REBASE),
        during("cherry-pick", || stopped("notes/a", &["cherry-pick", "side"]), PICK),
        during(
            "cherry-pick of several",
            || stopped("notes/a", &["cherry-pick", "side", "main"]),
            PICK,
        ),
        during("revert", reverted, REVERT),
        during("am", am, AM),
    ]);
}

fn reverted() -> Made {
    let place = Place::new();
    for text in ["one\n", "two\n"] {
        place.write("notes/a", text);
        place.save(text.trim());
    }
    assert!(!place.try_git(["revert", "--no-edit", "HEAD^"]).status.success());
    Ok(place)
}

fn clean_merge() -> Made {
    let place = Place::new();
    place.git(["checkout", "-q", "-b", "side"]);
    place.write("notes/a", "side\n");
    place.save("side");
    place.git(["checkout", "-q", "main"]);
    place.git(["merge", "-q", "--no-ff", "--no-commit", "side"]);
    Ok(place)
}

fn edited() -> Made {
    let mut place = forked("notes/a");
    place.env("GIT_SEQUENCE_EDITOR", "sed -i s/^pick/edit/");
    place.git(["rebase", "-q", "-i", "HEAD^^"]);
    Ok(place)
}

fn am() -> Made {
    let place = forked("notes/a");
    place.sh("git format-patch -q -1 side -o ../patches");
    let output = place.run("sh", ["-c", "git am ../patches/*"], &place.root);
    assert!(!output.status.success());
    Ok(place)
}

#[test]
fn bisect() {
    hold(&[
        works("bisect", || {
            let place = Place::new();
            place.git(["bisect", "start"]);
            Ok(place)
        }),
        during(
            "revert in a bisect",
            || {
                let place = reverted()?;
                place.git(["revert", "--quit"]);
                place.git(["reset", "-q", "--hard"]);
                place.git(["bisect", "start"]);
                assert!(!place.try_git(["revert", "--no-edit", "HEAD^"]).status.success());
                Ok(place)
            },
            REVERT,
        ),
    ]);
}
