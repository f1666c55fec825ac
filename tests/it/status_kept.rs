//! What is kept of a status: told again of the same commit, and carried on to
//! those that come after it.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::kit::{LINE, at, kubectl, line, overlay, repo, run, save};
use crate::report::many;
use crate::testkit::Sandbox;

fn kept(repo: &Sandbox) -> PathBuf {
    repo.root.join(".git/promote/status")
}

/// Enough apps that what was told of them is kept.
fn enough() -> Sandbox {
    let repo = many(201);
    repo.git(["reset", "-q", "--hard"]);
    repo
}

/// An overlay's path and text.
fn of(app: &str, env: &str, tag: &str) -> (String, String) {
    (at(app, env), overlay(&format!("registry.example/{app}"), tag))
}

/// Moves apps, in one commit.
fn go(repo: &Sandbox, moves: &[(&str, &str, &str)]) {
    let files: Vec<_> = moves.iter().map(|(app, env, tag)| of(app, env, tag)).collect();
    let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    save(repo, "Move", &files);
}

const FORMS: [&[&str]; 5] = [
    &["status"],
    &["status", "-o", "json"],
    &["status", "--all", "-v"],
    &["status", "-o", "wide", "app-00001"],
    &["status", "staging", "-o", "tsv"],
];

fn told(repo: &Sandbox) -> Vec<String> {
    FORMS.iter().map(|args| run(repo, args).text()).collect()
}

#[test]
fn what_was_told_once_of_a_commit_is_told_the_same_again() {
    let repo = enough();
    go(&repo, &[("app-00001", "dev", "v1.2.0")]);
    go(&repo, &[("app-00001", "prod", "sometime")]);
    let image = |tag: &str| format!("- name: registry.example/b\n  newTag: {tag}\n");
    let both = format!("images:\n{}{}", image("v1.0.0"), image("v1.1.0"));
    save(&repo, "Both", &[(&at("b", "dev"), &both), (&at("b", "staging"), &both)]);
    let kept = kept(&repo);
    let questions: [&[&str]; 7] = [
        &["status"],
        &["status", "--all", "-v"],
        &["status", "-o", "json"],
        &["status", "-o", "wide", "app-00001"],
        &["status", "app-00001", "prod"],
        &["status", "staging", "-o", "tsv"],
        &["status", "nobody"],
    ];
    let answers = || -> Vec<String> {
        let forget = || drop(fs::remove_dir_all(&kept));
        questions
            .iter()
            .map(|args| {
                forget();
                run(&repo, args).text()
            })
            .collect()
    };
    let fresh = answers();
    run(&repo, &["status"]).stdout(0);
    assert_eq!(fs::read_dir(&kept).unwrap().count(), 1);
    for (args, fresh) in questions.iter().zip(&fresh) {
        assert_eq!(run(&repo, args).text(), *fresh, "{args:?}");
    }
    assert!(kubectl(&repo, &["status"]).stdout(0).contains("kubectl promote app-00000@v1.1.0"));
    // Whatever is wrong with the file, it is as if it were not there.
    let file = fs::read_dir(&kept).unwrap().next().unwrap().unwrap().path();
    let bytes = fs::read(&file).unwrap();
    let mut other = bytes.clone();
    let at_version = bytes.windows(6).position(|w| w == b"v1.2.0").unwrap();
    other[at_version + 1] = b'7';
    for broken in [&b""[..], &bytes[..bytes.len() / 2], &other] {
        for args in [0, 1] {
            fs::write(&file, broken).unwrap();
            assert_eq!(run(&repo, questions[args]).text(), fresh[args]);
        }
    }
}

#[test]
fn of_few_apps_nothing_is_kept() {
    let repo = line();
    run(&repo, &["status"]).stdout(0);
    assert!(!repo.root.join(".git/promote/status").exists());
}

/// The parts of a kept file, each with its checksum: the head, and the leaves.
fn parts(bytes: &[u8]) -> Vec<Vec<u8>> {
    let length = usize::try_from(u64::from_be_bytes(bytes[..8].try_into().unwrap())).unwrap();
    let (head, mut rest) = bytes[8..].split_at(length);
    let told: Value = serde_json::from_slice(&head[64..]).unwrap();
    let mut parts = vec![head.to_vec()];
    for leaf in told["leaves"].as_array().unwrap() {
        let length = usize::try_from(leaf[1].as_u64().unwrap()).unwrap();
        let (leaf, behind) = rest.split_at(length);
        parts.push(leaf.to_vec());
        rest = behind;
    }
    assert!(rest.is_empty());
    parts
}

/// A part with its checksum.
fn closed(body: &str) -> Vec<u8> {
    let mut part = String::new();
    for byte in Sha256::digest(body) {
        write!(part, "{byte:02x}").unwrap();
    }
    (part + body).into_bytes()
}

/// One text in the place of another in every kept file, its checksums made
/// right.
fn forge(dir: &Path, old: &str, new: &str) {
    for file in fs::read_dir(dir).unwrap() {
        let path = file.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        let body =
            |part: Vec<u8>| String::from_utf8(part[64..].to_vec()).unwrap().replace(old, new);
        let mut bodies = parts(&bytes).into_iter().map(body);
        let mut head: Value = serde_json::from_str(&bodies.next().unwrap()).unwrap();
        let leaves: Vec<Vec<u8>> = bodies.map(|body| closed(&body)).collect();
        for (told, leaf) in head["leaves"].as_array_mut().unwrap().iter_mut().zip(&leaves) {
            told[1] = leaf.len().into();
        }
        let head = closed(&head.to_string());
        let length = u64::try_from(head.len()).unwrap().to_be_bytes();
        fs::write(&path, [&length[..], &head, &leaves.concat()].concat()).unwrap();
        assert_ne!(fs::read(&path).unwrap(), bytes, "{old}");
    }
}

#[test]
fn what_did_not_change_is_carried_on() {
    let repo = enough();
    run(&repo, &["status"]).stdout(0);
    // What nobody would find in a tree shows what was not looked for there.
    forge(&kept(&repo), "app-00077", "app-forged");
    go(&repo, &[("app-00001", "dev", "v1.2.0")]);
    save(&repo, "Nothing that matters", &[("README.md", "Hello\n")]);
    let all = run(&repo, &["status", "--all"]).stdout(0);
    assert!(all.contains("app-forged") && !all.contains("app-00077"), "{all}");
    assert!(all.contains("v1.2.0"), "{all}");
    // Of an app that changed, and by other rules, everything is told anew.
    save(&repo, "Change the rules", &[("promote.toml", &format!("{LINE}# more\n"))]);
    let all = run(&repo, &["status", "--all"]).stdout(0);
    assert!(!all.contains("app-forged") && all.contains("app-00077"), "{all}");
}

#[test]
fn whatever_changes_the_next_commit_is_told_as_if_nothing_were_kept() {
    let repo = enough();
    let remove = |app: &str, envs: &[&str]| {
        for env in envs {
            fs::remove_file(repo.root.join(at(app, env))).unwrap();
        }
        save(&repo, "Remove", &[]);
    };
    let put = |files: &[(&str, &str)]| save(&repo, "Put", files);
    let steps: [&dyn Fn(); 18] = [
        &|| go(&repo, &[("app-00001", "dev", "v1.2.0"), ("app-00100", "staging", "v1.1.0")]),
        &|| go(&repo, &[("app-00001", "staging", "v1.2.0")]),
        &|| drop(repo.git(["revert", "--no-edit", "HEAD"])),
        // Until nothing differs in it, then again, then until it is gone.
        &|| go(&repo, &[("app-00150", "dev", "v9.0.0")]),
        &|| {
            for env in ["staging", "prod"] {
                go(&repo, &[("app-00150", env, "v9.0.0")]);
            }
        },
        &|| go(&repo, &[("app-00150", "prod", "v9.1.0")]),
        &|| remove("app-00150", &["dev", "staging", "prod"]),
        // A new app, before all others and behind them.
        &|| go(&repo, &[("a", "dev", "v1.0.0"), ("zebra", "prod", "v3.0.0")]),
        &|| remove("zebra", &["prod"]),
        &|| remove("app-00003", &["dev"]),
        // Another file of an overlay, and one that is no YAML.
        &|| put(&[("apps/a/overlays/dev/more.yaml", "images: [{name: b/c, newTag: v1}]\n")]),
        &|| put(&[("apps/a/overlays/dev/kustomization.yaml", "images: [\n")]),
        &|| go(&repo, &[("a", "dev", "v1.1.0"), ("app-00200", "prod", "v0.9.0")]),
        &|| put(&[("README.md", "Hello\n")]),
        &|| put(&[("promote.toml", &format!("{LINE}# more\n"))]),
        &|| put(&[("promote.toml", LINE)]),
        // A history that is another one.
        &|| drop(repo.git(["reset", "-q", "--hard", "HEAD~6"])),
        &|| go(&repo, &[("app-00001", "prod", "v1.1.5")]),
    ];
    run(&repo, &["status"]).stdout(0);
    for (at, step) in steps.iter().enumerate() {
        step();
        let carried = told(&repo);
        let aside = repo.dir.path().join("aside");
        fs::rename(kept(&repo), &aside).unwrap();
        assert_eq!(carried, told(&repo), "step {at}");
        fs::remove_dir_all(kept(&repo)).unwrap_or_default();
        fs::rename(&aside, kept(&repo)).unwrap();
    }
}

/// What was kept of the last commit that was told of.
fn newest(repo: &Sandbox) -> PathBuf {
    let files = fs::read_dir(kept(repo)).unwrap().map(|file| file.unwrap().path());
    files.max_by_key(|path| fs::metadata(path).unwrap().modified().unwrap()).unwrap()
}

/// Where the part of an app is among those of a file.
fn part_of(parts: &[Vec<u8>], app: &str) -> usize {
    parts.iter().position(|part| String::from_utf8_lossy(part).contains(app)).unwrap()
}

#[test]
fn only_the_leaves_of_apps_that_changed_are_opened() {
    let repo = enough();
    run(&repo, &["status"]).stdout(0);
    let before = parts(&fs::read(newest(&repo)).unwrap());
    let at = part_of(&before, "app-00077");
    let spoil = || {
        let file = newest(&repo);
        let mut bytes = fs::read(&file).unwrap();
        let place = bytes.windows(9).position(|w| w == b"app-00077").unwrap();
        bytes[place] = b'b';
        fs::write(&file, &bytes).unwrap();
    };
    spoil();
    go(&repo, &[("app-00101", "dev", "v1.2.0")]);
    let text = run(&repo, &["status"]).stdout(0);
    let after = parts(&fs::read(newest(&repo)).unwrap());
    let same = (1..before.len()).filter(|one| before[*one] == after[*one]).count();
    assert_eq!(same, before.len() - 3, "one leaf was spoiled, one renewed");
    assert!(String::from_utf8_lossy(&after[at]).contains("bpp-00077"), "it was read");
    // Every row is told, and what is spoiled is as if it were not there.
    let all = run(&repo, &["status", "--all"]).stdout(0);
    assert!(all.contains("app-00077") && !all.contains("bpp-00077"), "{all}");
    assert!(String::from_utf8_lossy(&fs::read(newest(&repo)).unwrap()).contains("app-00077"));
    spoil();
    go(&repo, &[("app-00077", "dev", "v1.2.0")]);
    let renewed = run(&repo, &["status"]).stdout(0);
    assert!(renewed.contains("app-00077") && renewed.contains("app-00101"), "{renewed}");
    assert_ne!(renewed, text);
    assert_the_same(&repo);
}

#[test]
fn of_few_apps_in_many_environments_all_are_shown() {
    let envs: Vec<String> = (0..21).map(|at| format!("env-{at}")).collect();
    let mut config = "version = 1\n[layout]\npaths = [\"apps/{app}/overlays/{env}\"]\n".to_owned();
    for env in &envs {
        write!(config, "[[environment]]\nname = \"{env}\"\n").unwrap();
    }
    let repo = repo(&[("promote.toml", &config)]);
    let apps = || (0..30).map(|at| format!("app-{at:05}"));
    let files: Vec<_> =
        apps().flat_map(|app| envs.iter().map(move |env| of(&app, env, "v1"))).collect();
    let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    save(&repo, "Start", &files);
    go(&repo, &[("app-00003", "env-0", "v2")]);
    let fresh = run(&repo, &["status"]).stdout(0);
    assert!(kept(&repo).is_dir() && apps().all(|app| fresh.contains(&app)), "{fresh}");
    assert_eq!(run(&repo, &["status"]).stdout(0), fresh);
}

/// What is told with what was kept, and without.
#[track_caller]
fn assert_the_same(repo: &Sandbox) {
    let carried = told(repo);
    fs::remove_dir_all(kept(repo)).unwrap();
    assert_eq!(carried, told(repo));
}

#[test]
fn what_came_and_went_in_between_is_a_part_of_the_past() {
    let repo = enough();
    go(&repo, &[("app-00001", "dev", "v2.0.0")]);
    run(&repo, &["status"]).stdout(0);
    go(&repo, &[("app-00001", "staging", "v2.0.0")]);
    go(&repo, &[("app-00001", "staging", "v1.0.0")]);
    save(&repo, "Nothing", &[]);
    assert_the_same(&repo);
    let text = run(&repo, &["status", "app-00001"]).stdout(0);
    assert!(!text.contains("git promote app-00001@v2.0.0 staging"), "{text}");
}

#[test]
fn a_file_that_two_names_fit_is_that_of_one_app() {
    let config = "version = 1\n[layout]\npaths = [{ path = \"argocd/{app}-{env}.yaml\", fields = [{ path = \"spec.tag\" }] }]\n\
                  [[environment]]\nname = \"dev\"\n[[environment]]\nname = \"eu-dev\"\n\
                  [[environment]]\nname = \"prod\"\n";
    let file = |tag: &str| format!("spec:\n  tag: {tag}\n");
    let repo = repo(&[("promote.toml", config)]);
    let texts: Vec<(String, String)> = (100..350)
        .flat_map(|at| {
            ["dev", "eu-dev", "prod"].map(|env| (format!("argocd/app{at}-{env}.yaml"), file("v1")))
        })
        .chain(
            ["dev", "eu-dev", "prod", "eu-prod"]
                .map(|env| (format!("argocd/web-{env}.yaml"), file("v1"))),
        )
        .collect();
    let files: Vec<_> = texts.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    save(&repo, "Start", &files);
    run(&repo, &["status"]).stdout(0);
    // `web-eu-prod` is `web-eu` in prod; `web-eu-dev` is `web` in eu-dev.
    save(&repo, "Move", &[("argocd/web-eu-prod.yaml", &file("v2"))]);
    assert_the_same(&repo);
    save(&repo, "Move", &[("argocd/web-dev.yaml", &file("v2"))]);
    let before = repo.head();
    assert_ne!(run(&repo, &["web-eu@v2", "dev"]).code(), 0, "a way around dev into eu-dev");
    assert_eq!(repo.head(), before);
    run(&repo, &["web@v2", "eu-dev"]).stdout(0);
    assert!(repo.read("argocd/web-eu-dev.yaml").contains("v2"));
}

#[test]
fn what_an_earlier_template_takes_is_not_found_by_a_later_one() {
    let config =
        LINE.replace("paths = [", "paths = [\"{app}/{cell}/{env}\", \"{cell}/{app}/{env}\", ");
    let repo = repo(&[("promote.toml", &config)]);
    let file = |tag: &str| format!("images:\n- name: acme/web\n  newTag: {tag}\n");
    save(
        &repo,
        "Start",
        &[("a/b/dev/kustomization.yaml", &file("v1")), ("b/c/dev/kustomization.yaml", &file("v1"))],
    );
    let all = run(&repo, &["status", "-o", "json"]).json(0);
    let named = run(&repo, &["status", "b", "-o", "json"]).json(0);
    assert_eq!(all["rows"].as_array().unwrap().len(), 2);
    assert_eq!(named["rows"][0], all["rows"][1]);
    let text = run(&repo, &["b@v2", "dev", "-n"]).text();
    assert!(text.contains("b/c/dev") && !text.contains("a/b/dev"), "{text}");
}
