//! Hooks: those that refuse, those that fail too late, those that change what
//! is committed.

use crate::matrix::{After, Does, State, hold, works};
use crate::place::{Place, TARGET};

type Made = Result<Place, &'static str>;

fn hooked(name: &str, script: &str) -> Made {
    let place = Place::new();
    place.hook(name, script);
    Ok(place)
}

/// A hook that refuses a commit; nothing else asks it.
const fn refused(name: &'static str, make: fn() -> Made, message: &'static str) -> State {
    State { promote: Does::GitRefuses(128, message), ..works(name, make) }
}

#[test]
fn hooks_that_refuse() {
    hold(&[
        refused(
            "pre-commit",
            || hooked("pre-commit", "echo 'no commits on a Friday' >&2; exit 1"),
            "git commit refused: no commits on a Friday",
        ),
        refused(
            "pre-commit without a word",
            || hooked("pre-commit", "exit 1"),
            "git commit refused: a hook refused the commit without a word",
        ),
        refused(
            "commit-msg",
            || hooked("commit-msg", "echo 'no ticket' >&2; exit 1"),
            "git commit refused: no ticket",
        ),
        refused(
            "prepare-commit-msg",
            || hooked("prepare-commit-msg", "echo 'not now' >&2; exit 3"),
            "git commit refused: not now",
        ),
        refused(
            "reference-transaction",
            || hooked("reference-transaction", "[ $1 != prepared ] || exit 1"),
            "git commit refused: …",
        ),
        refused(
            "pre-commit that kills itself",
            || hooked("pre-commit", "kill -9 $$"),
            "git commit refused: …",
        ),
        refused(
            "pre-commit that no program can run",
            || {
                let place = Place::new();
                place.write(".git/hooks/pre-commit", "#!/nonexistent\n");
                place.mode(".git/hooks/pre-commit", 0o755);
                Ok(place)
            },
            "git commit refused: cannot run .git/hooks/pre-commit: No such file or directory",
        ),
        State {
            promote: Does::HookEdits(
                128,
                "git commit refused: no; changed in the meantime, and left as it is, perhaps with \
                 the new version in it: `apps/web/overlays/staging/kustomization.yaml`",
            ),
            ..works("pre-commit that edits the target, and refuses", || {
                hooked("pre-commit", &format!("echo '# theirs' >> {TARGET}; echo no >&2; exit 1"))
            })
        },
        refused(
            "in core.hooksPath",
            || {
                let place = Place::new();
                place.script(".git/mine/pre-commit", "echo no >&2; exit 1");
                place.git(["config", "core.hooksPath", ".git/mine"]);
                Ok(place)
            },
            "git commit refused: no",
        ),
        refused(
            "while the user has work staged",
            || {
                hooked("pre-commit", "echo no >&2; exit 1").inspect(|p| {
                    p.write("notes/a", "mine\n");
                    p.git(["add", "notes/a"]);
                    p.write("notes/new", "mine\n");
                    p.git(["add", "-N", "notes/new"]);
                })
            },
            "git commit refused: no",
        ),
    ]);
}

#[test]
fn hooks_that_let_through() {
    hold(&[
        works("pre-commit", || hooked("pre-commit", "exit 0")),
        works("while the user has work staged", || {
            hooked("pre-commit", "exit 0").inspect(|p| {
                p.write("notes/a", "mine\n");
                p.git(["add", "notes/a"]);
                p.write("notes/a", "newer\n");
            })
        }),
        works("post-commit that fails", || hooked("post-commit", "exit 1")),
        works("post-index-change", || hooked("post-index-change", "exit 1")),
        works("samples, which do not run", || hooked("pre-commit.sample", "exit 1")),
        works("not executable", || {
            let place = hooked("pre-commit", "exit 1")?;
            place.mode(".git/hooks/pre-commit", 0o644);
            Ok(place)
        }),
        works("those of another command", || hooked("pre-push", "exit 1")),
        works("core.hooksPath names nothing", || {
            let place = hooked("pre-commit", "exit 1")?;
            place.git(["config", "core.hooksPath", "/dev/null"]);
            Ok(place)
        }),
        works("no hooks folder", || {
            let place = Place::new();
            place.sh("rm -rf .git/hooks");
            Ok(place)
        }),
        works("commit-msg that edits the message", || {
            hooked("commit-msg", "printf '\\nChange-Id: I1\\n' >> \"$1\"")
        }),
        State {
            after: After::Edited,
            ..works("pre-commit that adds a file", || {
                hooked("pre-commit", "echo x > made; git add made")
            })
        },
        State {
            after: After::Edited,
            ..works("pre-commit that edits the target and adds it", || {
                hooked("pre-commit", &format!("echo '# checked' >> {TARGET}; git add {TARGET}"))
            })
        },
        works("sparse index and a hook", || {
            let place = Place::new();
            place.git(["sparse-checkout", "set", "--cone", "--sparse-index", "apps/web"]);
            place.hook("pre-commit", "exit 0");
            Ok(place)
        }),
    ]);
}
