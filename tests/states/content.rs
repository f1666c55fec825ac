//! Filters between what is committed and what is in the work tree.

use crate::matrix::{After, State, hold, refuses, works};
use crate::place::{Place, TARGET, overlay};

type Made = Result<Place, &'static str>;

/// A repository with these attributes and settings, checked out anew.
fn made(attributes: &str, settings: &[(&str, &str)]) -> Made {
    let place = Place::new();
    for (key, value) in settings {
        place.git(["config", key, value]);
    }
    if !attributes.is_empty() {
        place.write(".gitattributes", attributes);
        place.save("attributes");
    }
    place.remove(TARGET);
    place.git(["checkout", "-q", "--", TARGET]);
    Ok(place)
}

#[test]
fn line_ends() {
    hold(&[
        works("core.autocrlf=true", || made("", &[("core.autocrlf", "true")])),
        works("core.autocrlf=input", || made("", &[("core.autocrlf", "input")])),
        works("core.eol=crlf with text=auto", || made("* text=auto\n", &[("core.eol", "crlf")])),
        works("eol=crlf", || made("*.yaml text eol=crlf\n", &[])),
        works("eol=lf, core.autocrlf=true", || {
            made("*.yaml text eol=lf\n", &[("core.autocrlf", "true")])
        }),
        works("-text, core.autocrlf=true", || made("* -text\n", &[("core.autocrlf", "true")])),
        works("CRLF in the commit", || {
            let place = Place::new();
            place.write(TARGET, &overlay("web", "v1.2.2").replace('\n', "\r\n"));
            place.save("crlf");
            Ok(place)
        }),
        works("CRLF in the commit, core.autocrlf=true", || {
            let place = Place::new();
            place.write(TARGET, &overlay("web", "v1.2.2").replace('\n', "\r\n"));
            place.save("crlf");
            place.git(["config", "core.autocrlf", "true"]);
            Ok(place)
        }),
        works("core.safecrlf", || {
            made("", &[("core.autocrlf", "input"), ("core.safecrlf", "true")])
        }),
        works("attributes of .git/info", || {
            let place = Place::new();
            place.write(".git/info/attributes", "*.yaml text eol=crlf\n");
            place.remove(TARGET);
            place.git(["checkout", "-q", "--", TARGET]);
            Ok(place)
        }),
        works("attributes of core.attributesFile", || {
            let place = Place::new();
            std::fs::write(place.home.join("attributes"), "*.yaml text eol=crlf\n").unwrap();
            let file = place.home.join("attributes");
            place.git(["config", "core.attributesFile", file.to_str().unwrap()]);
            place.remove(TARGET);
            place.git(["checkout", "-q", "--", TARGET]);
            Ok(place)
        }),
    ]);
}

#[test]
fn filters() {
    hold(&[
        State {
            after: After::Edited,
            ..works("clean and smudge", || {
                made(
                    "*.yaml filter=case\n",
                    &[
                        ("filter.case.clean", "sed s/SET/set/"),
                        ("filter.case.smudge", "sed s/set/SET/"),
                    ],
                )
            })
        },
        works("clean alone", || {
            made("*.yaml filter=case\n", &[("filter.case.clean", "sed s/SET/set/")])
        }),
        works("a filter that no setting names", || made("*.yaml filter=unset\n", &[])),
        works("a filter that fails, and is not required", || {
            let place = made("*.yaml filter=bad\n", &[])?;
            place.git(["config", "filter.bad.clean", "false"]);
            place.git(["config", "filter.bad.smudge", "false"]);
            Ok(place)
        }),
        refuses(
            "a filter that fails, and is required",
            || {
                let place = made("*.yaml filter=bad\n", &[])?;
                place.git(["config", "filter.bad.clean", "false"]);
                place.git(["config", "filter.bad.required", "true"]);
                Ok(place)
            },
            (128, "`git hash-object` failed: external filter 'false' failed…"),
        ),
        refuses(
            "a long-running filter that is not there",
            || {
                let place = made("*.yaml filter=gone\n", &[])?;
                place.git(["config", "filter.gone.process", "/nonexistent"]);
                place.git(["config", "filter.gone.required", "true"]);
                Ok(place)
            },
            (128, "`git hash-object` failed: cannot run /nonexistent: No such file or directory"),
        ),
        works("ident", || made("*.yaml ident\n", &[])),
        State {
            after: After::Edited,
            ..works("ident, expanded in the target", || {
                let place = Place::new();
                place.write(".gitattributes", "*.yaml ident\n");
                place.write(TARGET, &format!("# $Id$\n{}", overlay("web", "v1.2.2")));
                place.save("ident");
                place.remove(TARGET);
                place.git(["checkout", "-q", "--", TARGET]);
                Ok(place)
            })
        },
        works("working-tree-encoding=UTF-16LE", || {
            encoded("*.yaml text working-tree-encoding=UTF-16LE eol=lf\n")
        }),
        // Git would not take the file into a commit either.
        refuses(
            "working-tree-encoding that is none",
            || {
                let place = Place::new();
                place.write(".git/info/attributes", "*.yaml text working-tree-encoding=NONE\n");
                Ok(place)
            },
            (
                128,
                "`git hash-object` failed: failed to encode 'apps/web/overlays/staging/kustomization.yaml' from NONE to UTF-8",
            ),
        ),
        works("whitespace, diff and merge attributes", || {
            made("*.yaml whitespace=trailing-space diff=yaml merge=union export-subst\n", &[])
        }),
        works("binary", || made("*.yaml binary\n", &[])),
        works("macros", || made("[attr]k8s text eol=lf\n*.yaml k8s\n", &[])),
    ]);
}

/// Files in the work tree that are in another encoding than in the commit.
fn encoded(attributes: &str) -> Made {
    let place = Place::new();
    place.write(".gitattributes", attributes);
    place.git(["add", ".gitattributes"]);
    place.git(["commit", "-q", "-m", "attributes"]);
    place.git(["rm", "-q", "-r", "--cached", "apps"]);
    place.sh("rm -rf apps; git checkout -q HEAD -- apps");
    Ok(place)
}
