//! Who commits, and how commits are signed.

use std::fs;

use crate::matrix::{Does, State, hold, works};
use crate::place::Place;

type Made = Result<Place, &'static str>;

fn made(with: impl FnOnce(&mut Place)) -> Made {
    let mut place = Place::new();
    with(&mut place);
    Ok(place)
}

/// Nobody, but for these settings.
fn nobody(settings: &[(&str, &str)]) -> Made {
    made(|p| {
        for (key, value) in settings {
            p.git(["config", key, value]);
        }
        for who in ["AUTHOR", "COMMITTER"] {
            p.env(&format!("GIT_{who}_NAME"), "");
            p.env(&format!("GIT_{who}_EMAIL"), "");
        }
    })
}

const UNKNOWN: &str = "Author identity unknown";

/// Only a commit needs to know who makes it, and a dry run of one.
const fn needed(name: &'static str, make: fn() -> Made, message: &'static str) -> State {
    let no = Does::Refuses(128, message);
    State { dry_run: no, promote: no, ..works(name, make) }
}

#[test]
fn identities() {
    hold(&[
        works("of settings", || nobody(&[("user.name", "A"), ("user.email", "a@example.com")])),
        works("of author and committer", || {
            nobody(&[
                ("author.name", "A"),
                ("author.email", "a@example.com"),
                ("committer.name", "C"),
                ("committer.email", "c@example.com"),
            ])
        }),
        needed("none, user.useConfigOnly", || nobody(&[("user.useConfigOnly", "true")]), UNKNOWN),
        needed(
            "a name alone, user.useConfigOnly",
            || nobody(&[("user.useConfigOnly", "true"), ("user.name", "A")]),
            UNKNOWN,
        ),
        needed(
            "an empty name",
            || {
                nobody(&[("user.email", "a@example.com")]).map(|mut p| {
                    p.env("GIT_AUTHOR_NAME", " ");
                    p
                })
            },
            "name consists only of disallowed characters:",
        ),
        needed(
            "a date that is none",
            || made(|p| p.env("GIT_AUTHOR_DATE", "yesterweek 99")),
            "invalid date format: yesterweek 99",
        ),
        works("GIT_AUTHOR_DATE in words", || {
            made(|p| p.env("GIT_AUTHOR_DATE", "2024-02-03T04:05:06Z"))
        }),
        works("a reflog action", || made(|p| p.env("GIT_REFLOG_ACTION", "deploy"))),
    ]);
}

/// Signs with this program.
fn signed(script: &str) -> Made {
    made(|p| {
        let sign = p.home.join("sign");
        fs::write(&sign, format!("#!/bin/sh\ncat > /dev/null\n{script}\n")).unwrap();
        p.sh("chmod +x ../sign");
        p.git(["config", "gpg.program", sign.to_str().unwrap()]);
        p.git(["config", "user.signingKey", "x"]);
        p.git(["config", "commit.gpgSign", "true"]);
    })
}

const SIGNS: &str = "echo '[GNUPG:] SIG_CREATED ' >&2; printf -- '-----BEGIN PGP SIGNATURE-----\\n\\nx\\n-----END PGP SIGNATURE-----\\n'";

#[test]
fn signatures() {
    hold(&[
        works("signed", || signed(SIGNS)),
        works("signed by git, for a hook", || {
            signed(SIGNS).inspect(|p| {
                p.hook("post-commit", "exit 0");
            })
        }),
        State {
            promote: Does::GitRefuses(128, "failed to sign the commit: no secret key"),
            ..works("the program fails", || signed("echo 'no secret key' >&2; exit 2"))
        },
        State {
            promote: Does::GitRefuses(128, "failed to sign the commit: …"),
            ..works("the program says nothing", || signed("exit 0"))
        },
        State {
            promote: Does::GitRefuses(128, "failed to sign the commit: …"),
            ..works("there is no program", || {
                made(|p| {
                    p.git(["config", "gpg.program", "/nonexistent"]);
                    p.git(["config", "commit.gpgSign", "true"]);
                })
            })
        },
        State {
            promote: Does::GitRefuses(128, "failed to sign the commit: …"),
            ..works("the program fails, and there is a hook", || {
                signed("echo 'no secret key' >&2; exit 2").inspect(|p| {
                    p.hook("post-commit", "exit 0");
                })
            })
        },
        State {
            promote: Does::GitRefuses(128, "failed to sign the commit: …"),
            ..works("ssh without a key", || {
                made(|p| {
                    p.git(["config", "gpg.format", "ssh"]);
                    p.git(["config", "commit.gpgSign", "true"]);
                })
            })
        },
    ]);
}
