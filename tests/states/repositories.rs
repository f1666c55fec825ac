//! Where the repository is: git directories elsewhere, submodules, bare ones,
//! those of others.

use std::fs;

use crate::matrix::{State, hold, nothing, refuses, works};
use crate::place::{Place, SOMEONE, TARGET, overlay};

type Made = Result<Place, &'static str>;

fn made(with: impl FnOnce(&mut Place)) -> Made {
    let mut place = Place::new();
    with(&mut place);
    Ok(place)
}

#[test]
fn git_directories() {
    hold(&[
        works("a git directory elsewhere", || {
            made(|p| {
                let elsewhere = p.home.join("elsewhere.git");
                p.git(["init", "-q", "--separate-git-dir", elsewhere.to_str().unwrap()]);
            })
        }),
        works("`.git` is a symbolic link", || {
            made(|p| {
                fs::rename(p.root.join(".git"), p.home.join("real.git")).unwrap();
                std::os::unix::fs::symlink("../real.git", p.root.join(".git")).unwrap();
            })
        }),
        works("the folder is reached by a symbolic link", || {
            made(|p| {
                std::os::unix::fs::symlink("repo", p.home.join("link")).unwrap();
                p.dir = Some(p.home.join("link"));
            })
        }),
        works("GIT_DIR and GIT_WORK_TREE", || {
            made(|p| {
                fs::rename(p.root.join(".git"), p.home.join("real.git")).unwrap();
                let (dir, tree) = (p.home.join("real.git"), p.root.clone());
                p.env("GIT_DIR", dir.to_str().unwrap());
                p.env("GIT_WORK_TREE", tree.to_str().unwrap());
            })
        }),
        works("GIT_DIR alone", || {
            made(|p| {
                fs::rename(p.root.join(".git"), p.home.join("real.git")).unwrap();
                let dir = p.home.join("real.git");
                p.env("GIT_DIR", dir.to_str().unwrap());
            })
        }),
        works("core.worktree", || {
            made(|p| {
                fs::rename(p.root.join(".git"), p.home.join("real.git")).unwrap();
                p.write(".git", "gitdir: ../real.git\n");
                p.git(["config", "core.worktree", "../repo"]);
            })
        }),
        works("a name with blanks, quotes and a line break", || {
            made(|p| {
                let odd = p.home.join("a 'b\"\n c");
                fs::rename(&p.root, &odd).unwrap();
                p.root = odd;
            })
        }),
        refuses(
            "core.bare beside a work tree",
            || made(|p| _ = p.git(["config", "core.bare", "true"])),
            (128, "this operation must be run in a work tree"),
        ),
        refuses(
            "bare",
            || {
                made(|p| {
                    let bare = p.home.join("bare.git");
                    p.git(["clone", "-q", "--bare", ".", bare.to_str().unwrap()]);
                    p.root = bare;
                })
            },
            (128, "this operation must be run in a work tree"),
        ),
        // Git itself refuses; which work tree is meant is plain all the same.
        works("started in the git directory", || made(|p| p.dir = Some(p.root.join(".git")))),
        works("started in the folder of another app", || {
            made(|p| p.dir = Some(p.root.join("apps/api/overlays/prod")))
        }),
        nothing(
            "no repository",
            || {
                made(|p| {
                    p.root = p.home.join("none");
                    fs::create_dir(&p.root).unwrap();
                    let above = p.home.display().to_string();
                    p.env("GIT_CEILING_DIRECTORIES", &above);
                })
            },
            (128, "not a git repository (or any of the parent directories): .git"),
        ),
        nothing(
            "GIT_DIR names nothing",
            || made(|p| p.env("GIT_DIR", "/nonexistent")),
            (128, "not a git repository: '/nonexistent'"),
        ),
        nothing(
            "`.git` names nothing",
            || {
                made(|p| {
                    fs::rename(p.root.join(".git"), p.home.join("real.git")).unwrap();
                    p.write(".git", "gitdir: /nonexistent\n");
                    p.env("GIT_CEILING_DIRECTORIES", "/");
                })
            },
            (128, "not a git repository (or any of the parent directories): .git"),
        ),
    ]);
}

/// The repository as a submodule of another one.
fn submodule() -> Made {
    made(|p| {
        let above = p.home.join("above");
        p.git(["init", "-q", "-b", "main", above.to_str().unwrap()]);
        let url = p.root.display().to_string();
        let allow = ["-c", "protocol.file.allow=always"];
        let add = ["submodule", "--quiet", "add", &url, "config"];
        p.git_in(&above, allow.iter().chain(&add));
        p.git_in(&above, ["commit", "-q", "-m", "config"]);
        p.root = above.join("config");
    })
}

#[test]
fn repositories_in_repositories() {
    const NEVER: (i32, &str) = (
        8,
        "`apps/web/overlays/staging` is a symbolic link or a submodule, which is never followed",
    );
    hold(&[
        works("a submodule", submodule),
        works("a submodule, detached", || {
            submodule().inspect(|p| {
                p.git(["checkout", "-q", "--detach"]);
            })
        }),
        works("another submodule beside the apps", || {
            made(|p| {
                let url = p.root.display().to_string();
                let allow = ["-c", "protocol.file.allow=always"];
                let add = ["submodule", "--quiet", "add", &url, "vendor/config"];
                p.git(allow.iter().chain(&add));
                p.git(["commit", "-q", "-m", "vendor"]);
            })
        }),
        works("a repository of its own beside the apps", || {
            made(|p| _ = p.git(["init", "-q", "scratch"]))
        }),
        refuses("the target in a submodule", || made(target_in_submodule), NEVER),
    ]);
}

fn target_in_submodule(place: &mut Place) {
    let inner = place.root.join("apps/web/overlays/staging");
    fs::remove_dir_all(&inner).unwrap();
    fs::create_dir(&inner).unwrap();
    place.git_in(&inner, ["init", "-q"]);
    place.write(TARGET, &overlay("web", "v1.2.2"));
    place.git_in(&inner, ["add", "-A"]);
    place.git_in(&inner, ["commit", "-q", "-m", "Inner"]);
    place.git(["rm", "-q", "-r", "--cached", "apps/web/overlays/staging"]);
    place.save("Submodule");
}

const FOREIGN: &str = "detected dubious ownership in repository at '[HOME]/repo'";

/// The repository belongs to someone else.
fn foreign(named_safe: Option<&str>) -> Made {
    let place = Place::new();
    if !Place::give_away(&place.root) {
        return Err("only root can give a repository away");
    }
    if let Some(named) = named_safe {
        let named =
            if named.is_empty() { place.root.display().to_string() } else { named.to_owned() };
        let text = format!("[safe]\n\tdirectory = {named}\n");
        fs::write(place.home.join("settings"), text).unwrap();
    }
    Ok(place)
}

#[test]
fn owners() {
    assert_ne!(SOMEONE, 0);
    hold(&[
        nothing("of someone else", || foreign(None), (128, FOREIGN)),
        nothing(
            "of someone else, another is named safe",
            || foreign(Some("/elsewhere")),
            (128, FOREIGN),
        ),
        works("of someone else, named safe", || foreign(Some(""))),
        works("of someone else, all are safe", || foreign(Some("*"))),
        SAFE_IN_REPO,
    ]);
}

/// A repository cannot call itself safe.
const SAFE_IN_REPO: State = nothing(
    "of someone else, who says that it is safe",
    || {
        foreign(None).inspect(|p| {
            let config = p.root.join(".git/config");
            let text = fs::read_to_string(&config).unwrap();
            fs::write(&config, format!("{text}[safe]\n\tdirectory = *\n")).unwrap();
        })
    },
    (128, FOREIGN),
);
