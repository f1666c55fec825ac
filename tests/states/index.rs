//! Forms of the index, and what is left out of the work tree.

use std::fs;

use crate::matrix::{After, Does, State, hold, refuses, works};
use crate::place::{Place, TARGET};

type Made = Result<Place, &'static str>;

fn made(with: impl FnOnce(&mut Place)) -> Made {
    let mut place = Place::new();
    with(&mut place);
    Ok(place)
}

/// The same, while the user has something staged.
fn busy(with: impl FnOnce(&mut Place)) -> Made {
    made(|p| {
        with(p);
        p.write("notes/a", "mine\n");
        p.git(["add", "notes/a"]);
    })
}

#[test]
fn forms() {
    hold(&[
        works("version 4", || busy(|p| _ = p.git(["update-index", "--index-version", "4"]))),
        works("version 3", || busy(|p| _ = p.git(["update-index", "--skip-worktree", "notes/c"]))),
        works("split index", || busy(|p| _ = p.git(["update-index", "--split-index"]))),
        works("untracked cache", || {
            busy(|p| {
                p.git(["update-index", "--force-untracked-cache"]);
                p.git(["status"]);
            })
        }),
        works("no checksum", || busy(|p| _ = p.git(["config", "index.skipHash", "true"]))),
        works("feature.manyFiles", || {
            busy(|p| {
                p.git(["config", "feature.manyFiles", "true"]);
                p.git(["update-index", "--force-write-index"]);
            })
        }),
        works("no tree cache", || {
            busy(|p| _ = p.git(["read-tree", "--empty"])).inspect(|p| {
                p.git(["reset", "-q"]);
            })
        }),
        works("fsmonitor by a hook", || {
            busy(|p| {
                p.script(".git/fsmonitor", "echo 1; printf '/\\0'");
                p.git(["config", "core.fsmonitor", ".git/fsmonitor"]);
                p.git(["status"]);
            })
        }),
        works("fsmonitor by a hook that fails", || {
            busy(|p| {
                p.script(".git/fsmonitor", "exit 1");
                p.git(["config", "core.fsmonitor", ".git/fsmonitor"]);
            })
        }),
        works("another file by GIT_INDEX_FILE", || {
            made(|p| {
                fs::copy(p.root.join(".git/index"), p.root.join(".git/other")).unwrap();
                let other = p.root.join(".git/other").display().to_string();
                p.env("GIT_INDEX_FILE", &other);
            })
        }),
        works("read-only", || {
            let mut place = Place::new();
            place.mode(".git/index", 0o444);
            if place.as_someone() { Ok(place) } else { Err("nobody to run as") }
        }),
        works("resolve-undo", || {
            made(|p| {
                p.git(["checkout", "-q", "-b", "side"]);
                p.write("notes/a", "side\n");
                p.save("side");
                p.git(["checkout", "-q", "main"]);
                p.write("notes/a", "main\n");
                p.save("main");
                p.try_git(["merge", "side"]);
                p.write("notes/a", "both\n");
                p.git(["add", "notes/a"]);
                p.git(["commit", "-q", "-m", "merged"]);
            })
        }),
    ]);
}

#[test]
fn broken() {
    hold(&[
        refuses(
            "no index",
            || made(|p| p.remove(".git/index")),
            (
                6,
                "cannot write `apps/web/overlays/staging/kustomization.yaml`: it has staged changes",
            ),
        ),
        refuses(
            "nothing in it",
            || made(|p| _ = p.git(["read-tree", "--empty"])),
            (
                6,
                "cannot write `apps/web/overlays/staging/kustomization.yaml`: it has staged changes",
            ),
        ),
        refuses(
            "a file of no bytes",
            || made(|p| p.write(".git/index", "")),
            (128, "cannot read the index: it is corrupt: bad signature or version"),
        ),
        refuses(
            "garbage",
            || made(|p| p.write(".git/index", &"garbage ".repeat(50))),
            (128, "cannot read the index: it is corrupt: bad signature or version"),
        ),
        // Git passes over a wrong checksum too.
        works("its checksum is wrong", || {
            made(|p| {
                let mut bytes = p.read(".git/index");
                *bytes.last_mut().unwrap() ^= 1;
                fs::write(p.root.join(".git/index"), bytes).unwrap();
            })
        }),
        refuses(
            "cut off",
            || {
                made(|p| {
                    let bytes = p.read(".git/index");
                    fs::write(p.root.join(".git/index"), &bytes[..bytes.len() - 100]).unwrap();
                })
            },
            (128, "cannot read the index: it is corrupt: bad extension"),
        ),
        refuses(
            "a directory in its place",
            || {
                made(|p| {
                    p.remove(".git/index");
                    fs::create_dir(p.root.join(".git/index")).unwrap();
                })
            },
            (128, "cannot read the index: Is a directory (os error 21)"),
        ),
    ]);
}

/// Checks out these folders alone.
fn sparse(flags: &[&str], folders: &[&str]) -> Made {
    made(|p| {
        p.git([&["sparse-checkout", "set"], flags, folders].concat());
    })
}

const OUTSIDE: &str = "cannot write `apps/web/overlays/staging/kustomization.yaml`: it is outside of the sparse checkout";

#[test]
fn sparse_checkouts() {
    let outside = |state: State| State {
        worktree: Does::Refuses(6, OUTSIDE),
        after: After::NotCheckedOut,
        ..state
    };
    hold(&[
        works("cone, the target inside", || {
            sparse(&["--cone", "--no-sparse-index"], &["apps/web"])
        }),
        outside(works("cone, the target outside", || {
            sparse(&["--cone", "--no-sparse-index"], &["apps/api"])
        })),
        works("no cone, the target inside", || sparse(&["--no-cone"], &["/apps/web/**"])),
        outside(works("no cone, the target outside", || sparse(&["--no-cone"], &["/apps/api/**"]))),
        works("sparse index, the target inside", || {
            sparse(&["--cone", "--sparse-index"], &["apps/web"])
        }),
        State {
            worktree: Does::Refuses(6, OUTSIDE),
            ..refuses(
                "sparse index, the target outside",
                || sparse(&["--cone", "--sparse-index"], &["apps/api"]),
                (
                    128,
                    "`apps/web/overlays/staging/kustomization.yaml` is not checked out, and only git can commit it here, which needs that (the index is sparse)",
                ),
            )
        },
        State {
            worktree: Does::Refuses(6, OUTSIDE),
            ..refuses(
                "cone and a hook, the target outside",
                || {
                    sparse(&["--cone", "--no-sparse-index"], &["apps/api"]).inspect(|p| {
                        p.hook("pre-commit", "exit 0");
                    })
                },
                (
                    128,
                    "`apps/web/overlays/staging/kustomization.yaml` is not checked out, and only git can commit it here, which needs that (hook pre-commit)",
                ),
            )
        },
        works("sparse index, all of it checked out again", || {
            sparse(&["--cone", "--sparse-index"], &["apps/web"]).inspect(|p| {
                p.git(["sparse-checkout", "disable"]);
            })
        }),
        works("cone, and the target written there all the same", || {
            sparse(&["--cone", "--no-sparse-index"], &["apps/api"]).inspect(|p| {
                p.write(TARGET, &crate::place::overlay("web", "v1.2.2"));
            })
        }),
    ]);
}
