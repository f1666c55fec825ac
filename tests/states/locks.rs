//! Locks that others hold, and directories that cannot be written.

use crate::matrix::{Does, State, hold, refuses, works};
use crate::place::Place;

type Made = Result<Place, &'static str>;

const INDEX: (i32, &str) =
    (6, "unable to create '[HOME]/repo/.git/index.lock': file exists, held for [AGE] s…");
const BRANCH: (i32, &str) =
    (6, "unable to create '[HOME]/repo/.git/refs/heads/main.lock': file exists, held for [AGE] s…");
const HEAD: (i32, &str) =
    (6, "unable to create '[HOME]/repo/.git/HEAD.lock': file exists, held for [AGE] s…");

fn held(lock: &str) -> Made {
    let place = Place::new();
    place.write(&format!(".git/{lock}"), "");
    Ok(place)
}

#[test]
fn held_locks() {
    hold(&[
        // Whether a lock is still held when it counts, a dry run cannot know.
        State { dry_run: Does::Works, ..refuses("the index", || held("index.lock"), INDEX) },
        State {
            promote: Does::GitRefuses(BRANCH.0, BRANCH.1),
            ..works("the branch", || held("refs/heads/main.lock"))
        },
        State { promote: Does::GitRefuses(HEAD.0, HEAD.1), ..works("HEAD", || held("HEAD.lock")) },
        works("the config", || held("config.lock")),
        works("another branch", || held("refs/heads/other.lock")),
        works("a shallow file", || held("shallow.lock")),
    ]);
}

/// Directories of git that someone who is not root cannot write.
fn closed(dirs: &[&str]) -> Made {
    let mut place = Place::new();
    if !place.as_someone() {
        return Err("nobody to run as");
    }
    for dir in dirs {
        place.mode(dir, 0o555);
    }
    Ok(place)
}

#[test]
fn closed_directories() {
    hold(&[
        State {
            dry_run: Does::Works,
            ..refuses(
                ".git",
                || closed(&[".git"]),
                (
                    128,
                    "cannot write `[HOME]/repo/.git/git-promote.lock`: Permission denied (os error 13)",
                ),
            )
        },
        State {
            promote: Does::GitRefuses(128, "cannot write …"),
            ..works("objects", || closed(&[".git/objects"]))
        },
        State {
            promote: Does::GitRefuses(128, "cannot write …"),
            ..works("refs", || closed(&[".git/refs", ".git/refs/heads"]))
        },
        State {
            promote: Does::GitRefuses(128, "cannot write …"),
            ..works("logs", || {
                let place = closed(&[])?;
                place.mode(".git/logs/HEAD", 0o444);
                Ok(place)
            })
        },
    ]);
}
