//! Formats of repositories, and settings of where they are.

use crate::matrix::{State, hold, nothing, works};
use crate::place::{OTHER, Place};

type Made = Result<Place, &'static str>;

fn made(with: impl FnOnce(&mut Place)) -> Made {
    let mut place = Place::new();
    with(&mut place);
    Ok(place)
}

fn configured(settings: &[(&str, &str)]) -> Made {
    made(|p| {
        for (key, value) in settings {
            p.git(["config", key, value]);
        }
    })
}

#[test]
fn formats() {
    hold(&[
        works("sha256", || Ok(Place::made(&["--object-format=sha256"]))),
        works("sha256, packed, with index version 4", || {
            let place = Place::made(&["--object-format=sha256"]);
            place.git(["gc", "-q"]);
            place.git(["update-index", "--index-version", "4"]);
            Ok(place)
        }),
        works("sha256 in a linked work tree", || {
            let mut place = Place::made(&["--object-format=sha256"]);
            let tree = place.home.join("linked");
            place.git(["worktree", "add", "-q", tree.to_str().unwrap()]);
            place.root = tree;
            Ok(place)
        }),
        works("extensions.preciousObjects", || {
            configured(&[
                ("core.repositoryFormatVersion", "1"),
                ("extensions.preciousObjects", "true"),
            ])
        }),
        works("extensions.worktreeConfig", || {
            configured(&[
                ("core.repositoryFormatVersion", "1"),
                ("extensions.worktreeConfig", "true"),
            ])
        }),
        works("an unknown extension in format 0, as git passes over it", || {
            configured(&[("extensions.unheardOf", "true")])
        }),
        nothing(
            "an unknown extension",
            || {
                configured(&[
                    ("core.repositoryFormatVersion", "1"),
                    ("extensions.unheardOf", "true"),
                ])
            },
            (128, "the repository cannot be opened: unknown repository extension found: unheardOf"),
        ),
        nothing(
            "a format of the future",
            || configured(&[("core.repositoryFormatVersion", "2")]),
            (128, "the repository cannot be opened: expected git repo version <= 1, found 2"),
        ),
        REFTABLE_SETTING,
        nothing(
            "a reftable",
            || {
                let made = Place::new();
                let dir = made.home.join("reftable");
                let init = ["init", "-q", "--ref-format=reftable", dir.to_str().unwrap()];
                if !made.try_git(init).status.success() {
                    return Err("this git makes no reftables");
                }
                let mut place = made;
                place.root = dir;
                place.fill();
                Ok(place)
            },
            (128, "the repository cannot be opened: refs are stored as reftable"),
        ),
        nothing(
            "a config that cannot be read",
            || made(|p| p.write(".git/config", "[core\n\tbare = false\n")),
            (
                128,
                "the repository cannot be opened: Repository configuration could not be loaded: Could not parse configuration: …",
            ),
        ),
    ]);
}

const REFTABLE_SETTING: State = nothing(
    "a reftable, by its setting",
    || configured(&[("core.repositoryFormatVersion", "1"), ("extensions.refStorage", "reftable")]),
    (128, "the repository cannot be opened: refs are stored as reftable"),
);

#[test]
fn settings() {
    hold(&[
        works("core.sharedRepository=group", || configured(&[("core.sharedRepository", "group")])),
        works("core.sharedRepository=0660", || configured(&[("core.sharedRepository", "0660")])),
        works("core.ignoreCase", || configured(&[("core.ignoreCase", "true")])),
        works("core.ignoreCase, and a file in another case", || {
            configured(&[("core.ignoreCase", "true")]).inspect(|p| {
                p.write("Notes/A", "mine\n");
            })
        }),
        works("paths that differ in case alone", || {
            made(|p| {
                p.write("apps/web/overlays/staging/NOTES", "a\n");
                p.write("apps/web/overlays/staging/notes", "b\n");
                p.save("case");
            })
        }),
        works("core.precomposeUnicode, and names that are not ASCII", || {
            configured(&[("core.precomposeUnicode", "true")]).inspect(|p| {
                p.write("notes/a\u{308}", "mine\n");
                p.save("names");
            })
        }),
        works("core.quotePath off", || configured(&[("core.quotePath", "false")])),
        works("core.trustctime off", || configured(&[("core.trustctime", "false")])),
        works("core.checkStat minimal", || configured(&[("core.checkStat", "minimal")])),
        works("core.symlinks off", || configured(&[("core.symlinks", "false")])),
        works("core.untrackedCache keep", || configured(&[("core.untrackedCache", "keep")])),
        works("core.commentChar", || configured(&[("core.commentChar", ";")])),
        works("status.showUntrackedFiles=no", || {
            configured(&[("status.showUntrackedFiles", "no")]).inspect(|p| {
                p.write("mine", "mine\n");
            })
        }),
        works("commit.cleanup=scissors", || configured(&[("commit.cleanup", "scissors")])),
        works("commit.cleanup=strip", || configured(&[("commit.cleanup", "strip")])),
        works("commit.template", || configured(&[("commit.template", ".git/description")])),
        works("commit.verbose", || configured(&[("commit.verbose", "true")])),
        works("commit.status off", || configured(&[("commit.status", "false")])),
        works("i18n.commitEncoding", || configured(&[("i18n.commitEncoding", "ISO-8859-1")])),
        works("settings included from another file", || {
            made(|p| {
                p.write(".git/more", "[core]\n\tautocrlf = false\n[user]\n\tname = x\n");
                p.git(["config", "include.path", "more"]);
            })
        }),
        works("a setting of `git -c`", || {
            made(|p| p.env("GIT_CONFIG_PARAMETERS", "'core.autocrlf'='false'"))
        }),
        works("trace2 of git, which is no hook", || {
            made(|p| {
                let trace = p.home.join("settings");
                std::fs::write(trace, "[trace2]\n\tnormalTarget = 0\n").unwrap();
            })
        }),
        works("the overlay that comes after is dirty", || made(|p| p.write(OTHER, "# mine\n"))),
    ]);
}
