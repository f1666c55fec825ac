//! States of files: the target, the way to it, and the user's other work.

use std::fs;
use std::os::unix::fs::symlink;

use crate::matrix::{After, Does, State, hold, refuses, works};
use crate::place::{OTHER, Place, TARGET, overlay};

type Made = Result<Place, &'static str>;

const DIRTY: (i32, &str) = (
    6,
    "cannot write `apps/web/overlays/staging/kustomization.yaml`: it has changes that are not committed",
);
const STAGED: (i32, &str) =
    (6, "cannot write `apps/web/overlays/staging/kustomization.yaml`: it has staged changes");
const DELETED: (i32, &str) = (
    6,
    "cannot write `apps/web/overlays/staging/kustomization.yaml`: it is deleted in the work tree",
);

fn made(with: impl FnOnce(&mut Place)) -> Made {
    let mut place = Place::new();
    with(&mut place);
    Ok(place)
}

#[test]
fn the_target() {
    hold(&[
        works("clean", || made(|_| {})),
        refuses("dirty", || made(|p| p.write(TARGET, "# mine\n")), DIRTY),
        refuses(
            "staged",
            || {
                made(|p| {
                    p.write(TARGET, "# mine\n");
                    p.git(["add", TARGET]);
                })
            },
            STAGED,
        ),
        refuses(
            "staged, and put back in the work tree",
            || {
                made(|p| {
                    p.write(TARGET, "# mine\n");
                    p.git(["add", TARGET]);
                    p.write(TARGET, &overlay("web", "v1.2.2"));
                })
            },
            STAGED,
        ),
        refuses("deleted", || made(|p| p.remove(TARGET)), DELETED),
        refuses(
            "removed from the index",
            || made(|p| _ = p.git(["rm", "-q", "--cached", TARGET])),
            STAGED,
        ),
        refuses(
            "removed from index and work tree",
            || made(|p| _ = p.git(["rm", "-q", TARGET])),
            STAGED,
        ),
        refuses("made executable", || made(|p| p.mode(TARGET, 0o755)), DIRTY),
        works("made executable, core.fileMode=false", || {
            made(|p| {
                p.git(["config", "core.fileMode", "false"]);
                p.mode(TARGET, 0o755);
            })
        }),
        works("executable in the commit", || {
            made(|p| {
                p.mode(TARGET, 0o755);
                p.save("mode");
            })
        }),
        works("only the time is another", || {
            made(|p| {
                let file = fs::File::options().write(true).open(p.root.join(TARGET)).unwrap();
                file.set_modified(std::time::UNIX_EPOCH).unwrap();
            })
        }),
        works("read-only", || {
            let mut place = Place::new();
            place.mode(TARGET, 0o444);
            if place.as_someone() { Ok(place) } else { Err("nobody to run as") }
        }),
        works("ignored", || {
            made(|p| {
                p.write(".gitignore", "apps/web/overlays/staging/\n");
                p.save("ignore");
            })
        }),
        works("of another app is dirty", || {
            made(|p| p.write("apps/api/overlays/staging/kustomization.yaml", "# mine\n"))
        }),
    ]);
}

#[test]
fn flags_of_the_target() {
    hold(&[
        works("assume-unchanged", || flagged("--assume-unchanged", false)),
        refuses("assume-unchanged, and dirty", || flagged("--assume-unchanged", true), DIRTY),
        works("skip-worktree", || flagged("--skip-worktree", false)),
        refuses("skip-worktree, and dirty", || flagged("--skip-worktree", true), DIRTY),
        State {
            worktree: Does::Refuses(6, NOT_CHECKED_OUT),
            after: After::NotCheckedOut,
            ..works("skip-worktree, and away", || {
                made(|p| {
                    p.git(["update-index", "--skip-worktree", TARGET]);
                    p.remove(TARGET);
                })
            })
        },
        refuses(
            "intent-to-add after it was removed",
            || {
                made(|p| {
                    p.git(["rm", "-q", "--cached", TARGET]);
                    p.git(["add", "-N", TARGET]);
                })
            },
            STAGED,
        ),
        refuses(
            "unmerged, without a merge",
            || made(|p| unmerged(p, TARGET)),
            (6, "cannot write `apps/web/overlays/staging/kustomization.yaml`: it is not merged"),
        ),
        State {
            after: After::NoCommit,
            ..works("another file is unmerged, without a merge", || {
                made(|p| unmerged(p, "notes/a"))
            })
        },
    ]);
}

const NOT_CHECKED_OUT: &str = "cannot write `apps/web/overlays/staging/kustomization.yaml`: it is outside of the sparse checkout";

fn flagged(flag: &str, change: bool) -> Made {
    made(|p| {
        p.git(["update-index", flag, TARGET]);
        if change {
            p.write(TARGET, "# mine\n");
        }
    })
}

/// Makes an entry that is in conflict.
fn unmerged(place: &Place, path: &str) {
    let id = place.git(["rev-parse", &format!(":{path}")]);
    let id = id.trim();
    let none = "0".repeat(40);
    place.write(
        ".git/info/entries",
        &format!("0 {none} 0\t{path}\n100644 {id} 1\t{path}\n100644 {id} 2\t{path}\n"),
    );
    place.sh("git update-index --index-info < .git/info/entries");
}

#[test]
fn the_way_to_the_target() {
    hold(&[
        refuses(
            "a symbolic link",
            || {
                made(|p| {
                    link_target(p);
                    p.save("link");
                })
            },
            (
                8,
                "`apps/web/overlays/staging/kustomization.yaml` is a symbolic link or a submodule, which is never followed",
            ),
        ),
        refuses(
            "a symbolic link in the work tree alone",
            || made(link_target),
            (
                8,
                "cannot write `apps/web/overlays/staging/kustomization.yaml`: it is a symbolic link",
            ),
        ),
        refuses(
            "a linked folder",
            || {
                made(|p| {
                    link_folder(p);
                    p.save("link");
                })
            },
            (
                8,
                "`apps/web/overlays/staging` is a symbolic link or a submodule, which is never followed",
            ),
        ),
        refuses(
            "a linked folder in the work tree alone",
            || made(link_folder),
            (
                8,
                "cannot write `apps/web/overlays/staging/kustomization.yaml`: it is behind the symbolic link `apps/web/overlays/staging`",
            ),
        ),
        refuses(
            "a directory in its place",
            || {
                made(|p| {
                    p.remove(TARGET);
                    fs::create_dir(p.root.join(TARGET)).unwrap();
                })
            },
            (
                8,
                "cannot write `apps/web/overlays/staging/kustomization.yaml`: it is no regular file",
            ),
        ),
        refuses(
            "a file in place of its folder",
            || {
                made(|p| {
                    p.remove(TARGET);
                    fs::remove_dir(p.root.join("apps/web/overlays/staging")).unwrap();
                    p.write("apps/web/overlays/staging", "mine\n");
                })
            },
            (
                6,
                "cannot write `apps/web/overlays/staging`: a file that git does not track is in its place",
            ),
        ),
        refuses(
            "in a repository of its own",
            || {
                made(|p| {
                    let inner = p.root.join("apps/web/overlays/staging");
                    p.git_in(&inner, ["init", "-q"]);
                })
            },
            (
                8,
                "cannot write `apps/web/overlays/staging/kustomization.yaml`: it is in the submodule or nested repository `apps/web/overlays/staging`",
            ),
        ),
        refuses(
            "in a folder that cannot be written",
            || {
                let mut place = Place::new();
                if !place.as_someone() {
                    return Err("nobody to run as");
                }
                place.mode("apps/web/overlays/staging", 0o555);
                Ok(place)
            },
            (
                128,
                "cannot write `apps/web/overlays/staging/kustomization.yaml`: Permission denied (os error 13)",
            ),
        ),
        refuses(
            "cannot be read",
            || {
                let mut place = Place::new();
                if !place.as_someone() {
                    return Err("nobody to run as");
                }
                if place.user.is_none() {
                    return Err("only root can look at what it hides");
                }
                place.mode(TARGET, 0o000);
                Ok(place)
            },
            (
                128,
                "cannot write `apps/web/overlays/staging/kustomization.yaml`: Permission denied (os error 13)",
            ),
        ),
    ]);
}

fn link_target(place: &mut Place) {
    place.write("elsewhere.yaml", &overlay("web", "v1.2.2"));
    place.remove(TARGET);
    symlink("../../../../elsewhere.yaml", place.root.join(TARGET)).unwrap();
}

fn link_folder(place: &mut Place) {
    let folder = place.root.join("apps/web/overlays/staging");
    fs::rename(&folder, place.root.join("elsewhere")).unwrap();
    symlink("../../../elsewhere", folder).unwrap();
}

#[test]
fn other_work_of_the_user() {
    hold(&[
        works("staged", || {
            made(|p| {
                p.write("notes/a", "new\n");
                p.git(["add", "notes/a"]);
            })
        }),
        works("staged and edited again", || {
            made(|p| {
                p.write("notes/a", "new\n");
                p.git(["add", "notes/a"]);
                p.write("notes/a", "newer\n");
            })
        }),
        works("another overlay of the app is staged", || {
            made(|p| {
                p.write(OTHER, "# mine\n");
                p.git(["add", OTHER]);
            })
        }),
        works("not staged", || made(|p| p.write("notes/a", "new\n"))),
        works("intent-to-add", || {
            made(|p| {
                p.write("notes/new", "new\n");
                p.git(["add", "-N", "notes/new"]);
            })
        }),
        works("intent-to-add beside the target", || {
            made(|p| {
                p.write("apps/web/overlays/staging/new.yaml", "new\n");
                p.git(["add", "-N", "apps/web/overlays/staging/new.yaml"]);
            })
        }),
        works("deleted", || made(|p| p.remove("notes/a"))),
        works("deleted and staged", || made(|p| _ = p.git(["rm", "-q", "notes/a"]))),
        works("renamed", || made(|p| _ = p.git(["mv", "notes/a", "notes/z"]))),
        works("untracked", || made(|p| p.write("apps/web/overlays/staging/mine", "mine\n"))),
        works("skip-worktree", || {
            made(|p| {
                p.git(["update-index", "--skip-worktree", "notes/a"]);
                p.write("notes/a", "mine\n");
            })
        }),
        works("assume-unchanged", || {
            made(|p| {
                p.git(["update-index", "--assume-unchanged", "notes/a"]);
                p.write("notes/a", "mine\n");
            })
        }),
        works("stashed", || {
            made(|p| {
                p.write("notes/a", "mine\n");
                p.git(["stash", "-q"]);
            })
        }),
        works("a fixup is staged and the mode is another", || {
            made(|p| {
                p.mode("notes/b", 0o755);
                p.git(["add", "notes/b"]);
            })
        }),
        works("a promote.toml that is not committed yet", || {
            made(|p| {
                let text = String::from_utf8(p.read("promote.toml")).unwrap();
                p.write("promote.toml", &format!("{text}# mine\n"));
            })
        }),
    ]);
}
