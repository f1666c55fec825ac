//! HEAD, branches, and work trees of one repository.

use std::fs;

use crate::matrix::{State, hold, nothing, works};
use crate::place::Place;

type Made = Result<Place, &'static str>;

fn made(with: impl FnOnce(&mut Place)) -> Made {
    let mut place = Place::new();
    with(&mut place);
    Ok(place)
}

#[test]
fn where_head_points() {
    hold(&[
        works("detached", || made(|p| _ = p.git(["checkout", "-q", "--detach"]))),
        works("a branch in a folder", || {
            made(|p| _ = p.git(["checkout", "-q", "-b", "team/web/next"]))
        }),
        works("a branch `promote`", || made(|p| _ = p.git(["checkout", "-q", "-b", "promote"]))),
        works("a branch `promote` beside work on main", || {
            made(|p| _ = p.git(["branch", "promote"]))
        }),
        works("a branch and a tag of one name", || made(|p| _ = p.git(["tag", "main", "HEAD^"]))),
        works("a branch that is a symbolic ref", || {
            made(|p| {
                p.git(["branch", "real"]);
                p.git(["symbolic-ref", "refs/heads/alias", "refs/heads/real"]);
                p.git(["symbolic-ref", "HEAD", "refs/heads/alias"]);
            })
        }),
        works("without reflogs", || {
            made(|p| _ = p.git(["config", "core.logAllRefUpdates", "false"]))
        }),
        works("packed refs", || made(|p| _ = p.git(["pack-refs", "--all", "--prune"]))),
        works("behind and ahead of its upstream", diverged),
        nothing(
            "a branch that is not there",
            || made(|p| _ = p.git(["symbolic-ref", "HEAD", "refs/heads/gone"])),
            (128, "your current branch 'gone' does not have any commits yet"),
        ),
        nothing(
            "unborn",
            || {
                made(|p| {
                    let fresh = p.home.join("fresh");
                    p.git(["init", "-q", "-b", "trunk", fresh.to_str().unwrap()]);
                    p.root = fresh;
                })
            },
            (128, "your current branch 'trunk' does not have any commits yet"),
        ),
        nothing(
            "HEAD is garbage",
            || made(|p| p.write(".git/HEAD", "garbage\n")),
            (128, "cannot read HEAD: The reference at \"HEAD\" could not be decoded"),
        ),
        nothing(
            "HEAD is empty",
            || made(|p| p.write(".git/HEAD", "")),
            (128, "cannot read HEAD: The reference at \"HEAD\" could not be decoded"),
        ),
        nothing(
            "the branch is garbage",
            || made(|p| p.write(".git/refs/heads/main", "garbage\n")),
            (128, "cannot read HEAD: The reference at \"refs/heads/main\" could not be decoded"),
        ),
        nothing(
            "the branch names a commit that is not there",
            || {
                made(|p| {
                    p.write(".git/refs/heads/main", "1111111111111111111111111111111111111111\n");
                })
            },
            (5, "the commit [ID] is not in this clone"),
        ),
    ]);
}

fn diverged() -> Made {
    made(|p| {
        let bare = p.home.join("origin.git");
        p.git(["clone", "-q", "--bare", ".", bare.to_str().unwrap()]);
        p.git(["remote", "add", "origin", bare.to_str().unwrap()]);
        p.git(["fetch", "-q", "origin"]);
        p.git(["branch", "-q", "-u", "origin/main"]);
        p.save("ours");
        p.git(["push", "-q", "origin", "HEAD:refs/heads/ours"]);
        p.git(["update-ref", "refs/remotes/origin/main", "HEAD"]);
        p.git(["reset", "-q", "--soft", "HEAD^"]);
        p.save("ours too");
    })
}

/// A linked work tree, in which the commands are run.
fn linked(with: impl FnOnce(&mut Place)) -> Made {
    made(|p| {
        let tree = p.home.join("linked");
        p.git(["worktree", "add", "-q", "-b", "topic", tree.to_str().unwrap()]);
        p.root = tree;
        with(p);
    })
}

#[test]
fn work_trees() {
    hold(&[
        works("linked", || linked(|_| {})),
        works("linked and detached", || linked(|p| _ = p.git(["checkout", "-q", "--detach"]))),
        works("linked and locked", || linked(|p| _ = p.git(["worktree", "lock", "."]))),
        works("linked, and the user works there", || {
            linked(|p| {
                p.write("notes/a", "mine\n");
                p.git(["add", "notes/a"]);
                p.write("notes/b", "mine\n");
            })
        }),
        works("linked, with settings of its own", || {
            linked(|p| {
                p.git(["config", "extensions.worktreeConfig", "true"]);
                p.git(["config", "--worktree", "core.autocrlf", "false"]);
            })
        }),
        works("linked, with a relative way back", || {
            linked(|p| {
                fs::write(p.root.join(".git"), "gitdir: ../repo/.git/worktrees/linked\n").unwrap();
            })
        }),
        nothing(
            "linked, and its repository is gone",
            || linked(|p| fs::remove_dir_all(p.home.join("repo/.git/worktrees")).unwrap()),
            (128, "not a git repository (or any of the parent directories): .git"),
        ),
        works("the main one, while another is linked", || {
            linked(|_| {}).map(|mut p| {
                p.root = p.home.join("repo");
                p
            })
        }),
        STOPPED_ELSEWHERE,
    ]);
}

/// A rebase in one work tree is none of the other's business.
const STOPPED_ELSEWHERE: State = works("linked, while the main one merges", || {
    made(|p| {
        p.git(["branch", "topic"]);
        p.git(["checkout", "-q", "-b", "side"]);
        p.write("notes/a", "side\n");
        p.save("side");
        p.git(["checkout", "-q", "main"]);
        p.git(["merge", "-q", "--no-ff", "--no-commit", "side"]);
        let tree = p.home.join("linked");
        p.git(["worktree", "add", "-q", tree.to_str().unwrap(), "topic"]);
        p.root = tree;
    })
});
