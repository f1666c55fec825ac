//! Where an environment pulls from, and what is said where that, or a word, is not
//! what it should be.

use crate::commands::{open, two_stages};
use crate::double::{Double, error};
use crate::image::Image;
use crate::repo::{Repo, at};

#[test]
fn an_overlay_that_is_made_pulls_from_the_registry_of_its_environment() {
    for (dev, moves) in [("/acme/dev", true), ("/other", false)] {
        let registry = open();
        let host = registry.host();
        let repo = Repo::new(&[
            ("dev", if moves { format!("registry = \"{host}/acme/dev\"") } else { String::new() }),
            ("prod", format!("registry = \"{host}/acme/prod\"")),
        ]);
        repo.app("dev", &format!("{host}{dev}/web"), "v2");
        let head = repo.commit("Start");
        registry.hold(&format!("{}/web", &dev[1..]), "v2", &Image::single(1));
        let code = if moves { 0 } else { 8 };
        let said = repo.says(&["web@v2", "prod", "--create"], code);
        if moves {
            assert!(repo.read(&at("prod")).contains(&format!("newName: {host}/acme/prod/web\n")));
            assert!(registry.tag("acme/prod/web", "v2").is_some());
            repo.says(&["check", "HEAD~1..HEAD", "--online"], 0);
            repo.says(&["registry", "check", "web@v2"], 0);
        } else {
            assert!(said.contains("its `registry` in promote.toml is"), "{said}");
            assert_eq!(repo.git(&["rev-parse", "HEAD"]), head);
            assert_eq!(registry.tag("acme/prod/web", "v2"), None);
        }
    }
}

#[test]
fn an_overlay_that_is_made_gets_the_digest_and_no_other_version() {
    let registry = open();
    let host = registry.host();
    let repo = Repo::new(&[
        ("dev", format!("registry = \"{host}/acme/dev\"")),
        ("prod", format!("registry = \"{host}/acme/prod\"\npin = \"digest\"")),
    ]);
    repo.app("dev", &format!("{host}/acme/dev/web"), "v2");
    let base = repo.commit("Start");
    registry.hold("acme/dev/web", "v2", &Image::single(1));
    let digest = registry.tag("acme/dev/web", "v2").unwrap();
    repo.says(&["web@v2", "prod", "--create"], 0);
    assert!(repo.read(&at("prod")).contains(&digest));
    repo.git(&["reset", "-q", "--hard", &base]);
    for (repository, pin) in [("acme/prod/web", "v3"), ("acme/prod/wob", "v2"), ("evil/web", "v2")]
    {
        repo.app("prod", &format!("{host}/{repository}"), pin);
        repo.commit("By hand");
        let said = repo.says(&["check", "HEAD~1..HEAD"], 3);
        assert!(said.contains("fail  GP001"), "{said}");
        repo.git(&["reset", "-q", "--hard", &base]);
    }
}

#[test]
fn a_change_is_judged_by_where_it_would_pull_from() {
    let (registry, repo) = two_stages("");
    let base = repo.git(&["rev-parse", "HEAD"]);
    repo.app("prod", &format!("{}/acme/dev/web", registry.host()), "v2");
    repo.commit("v2 in prod, from the registry of dev");
    let said = repo.says(&["check", &format!("{base}..HEAD"), "--online"], 8);
    assert!(said.contains("its `registry` in promote.toml is"), "{said}");
}

#[test]
fn a_registry_that_the_overlay_does_not_pull_from_is_told() {
    let registry = open();
    let host = registry.host();
    let repo =
        Repo::new(&[("dev", String::new()), ("prod", format!("registry = \"{host}/acme/prod\""))]);
    repo.app("dev", &format!("{host}/acme/dev/web"), "v2");
    repo.app("prod", &format!("{host}/acme/dev/web"), "v1");
    repo.commit("Start");
    let said = repo.says(&["web@v2", "prod"], 8);
    assert!(
        said.contains("prod pulls") && said.contains("its `registry` in promote.toml"),
        "{said}"
    );
    let file = at("prod");
    assert!(said.contains(&format!("/acme/dev/web ({file}:6)")), "{said}");
    let hint = format!("hint: git grep -n -e newName -e registry -- promote.toml {file}\n");
    assert!(said.contains(&hint), "{said}");
    let shown = repo.git(&["grep", "-n", "-e", "newName", "-e", "registry", "--", "promote.toml"]);
    assert!(shown.contains("/acme/prod"), "{shown}");
}

#[test]
fn one_environment_does_not_silence_the_others() {
    let (up, down) = (open(), Double::start(|_| Some(error(403, "DENIED", "not for you"))));
    let repo = Repo::new(&[
        ("dev", String::new()),
        ("staging", String::new()),
        ("prod", format!("registry = \"{}/acme/prod\"", up.host())),
    ]);
    repo.app("dev", &format!("{}/web", up.host()), "v2");
    repo.app("staging", &format!("{}/web", down.host()), "v1");
    repo.app("prod", &format!("{}/other/web", up.host()), "v1");
    repo.commit("Start");
    up.hold("web", "v2", &Image::single(1));
    let document = repo.json(&["registry", "check", "web@v2"], 0);
    let rows = document["rows"].as_array().unwrap();
    let exists: Vec<_> = rows.iter().map(|row| row["exists"].as_bool()).collect();
    assert_eq!(exists, [Some(true), None, None]);
    let why = rows[2]["message"].as_str().unwrap();
    assert!(why.contains("its `registry` in promote.toml is"), "{why}");
    // Named alone, it is the answer.
    repo.says(&["registry", "check", "web@v2", "prod"], 8);
    let output = repo.run(&["versions", "web", "--online"]);
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert_eq!(output.status.code(), Some(8), "{said}");
    assert!(said.contains("2026-01-02") && said.contains("DENIED"), "{said}");
    assert!(said.contains("warning: prod pulls"), "{said}");
}

#[test]
fn the_date_of_a_pinned_version_is_that_of_its_image() {
    let registry = open();
    let host = registry.host();
    let repo = Repo::new(&[("dev", String::new())]);
    registry.hold("web", "v2", &Image::single(1));
    let pinned = registry.tag("web", "v2").unwrap();
    repo.app("dev", &format!("{host}/web"), &format!("v2@{pinned}"));
    repo.commit("Start");
    registry.hold("web", "v2", &Image::dated("2027-01-01T00:00:00Z"));
    let document = repo.json(&["versions", "web", "--online"], 0);
    assert_eq!(document["rows"][0]["built"], "2026-01-02T03:04:05Z");
    let said = repo.says(&["versions", "web", "--online"], 0);
    assert!(said.contains("has v2 as another image than sha256:"), "{said}");
}

#[test]
fn a_word_that_is_not_understood_is_told_with_the_one_that_is() {
    let (registry, repo) = two_stages("");
    let image = format!("{}/acme/dev/web", registry.host());
    let at = |word: &str| format!("{image}{word}");
    for (args, hint) in [
        (vec!["check", "web"], "check web@VERSION"),
        (vec!["check", "web:v2", "prod"], "check web@v2 prod"),
        (vec!["check", &image], &*format!("check {}", at(":VERSION"))),
        (vec!["check", &at(":v2"), "prod"], &*format!("check {}", at(":v2"))),
        (vec!["copy", "web", "prod"], "copy web@VERSION prod"),
        (vec!["copy", "web:v2", "prod"], "copy web@v2 prod"),
    ] {
        let said = repo.says(&[&["registry"], args.as_slice()].concat(), 2);
        assert!(said.contains(&format!("hint: git promote registry {hint}\n")), "{said}");
    }
    // A short name is one of Docker Hub, as everywhere: here a proxy that
    // refuses it stands for that.
    let closed = Double::start(|_| Some(error(403, "DENIED", "no way out")));
    let to = closed.server.origin();
    let variables = [("HTTPS_PROXY", to.as_str()), ("https_proxy", &to)];
    let output = repo.run_with(&["registry", "check", "nginx:1.25"], &variables);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(7), "{said}");
    assert!(said.contains("docker.io does not answer"), "{said}");
    assert!(said.contains("hint: curl -sSi https://registry-1.docker.io/v2/"), "{said}");
    assert!(!closed.server.received().is_empty());
}

#[test]
fn a_flag_that_would_do_nothing_is_refused() {
    let repo = Repo::new(&[("dev", String::new()), ("prod", String::new())]);
    let ends = ["--source-registry", "r.example", "--dest-registry", "s.example"];
    for more in [["--from", "dev"], ["--image", "web"]] {
        let args = [&["registry", "copy", "web:v1"], ends.as_slice(), &more].concat();
        let said = repo.says(&args, 2);
        assert!(said.contains(&format!("{} is for an app", more[0])), "{said}");
    }
    for end in ["registry", "stage", "auth-override"] {
        for side in ["source", "dest"] {
            let flag = format!("--{side}-{end}");
            let said = repo.says(&["registry", "copy", "web@v1", "prod", &flag, "x"], 2);
            assert!(said.contains(&flag) && said.contains("cannot be used with"), "{said}");
        }
    }
}
