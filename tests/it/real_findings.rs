//! What promoting in real repositories has shown, with files of our own.

use std::process::{Command, Output};

use crate::testkit::Sandbox;

const NEXT: &str = "bb22222222222222222222222222222222222222";
const NOW: &str = "aa11111111111111111111111111111111111111";

/// A repository with only these files, each list of files one commit.
fn repository(commits: &[&[(&str, &str)]]) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.git(["rm", "-r", "-q", "apps"]);
    for files in commits {
        for (path, text) in *files {
            sandbox.write(path, text);
        }
        sandbox.git(["add", "-A"]);
        sandbox.git(["commit", "-q", "-m", "Change"]);
    }
    sandbox
}

fn promote(sandbox: &Sandbox, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_git-promote"));
    command.current_dir(&sandbox.root).args(args).env("HOME", sandbox.dir.path());
    for name in ["GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"] {
        command.env(name, "Tester");
    }
    for name in ["GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"] {
        command.env(name, "tester@example.com");
    }
    command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
    command.output().unwrap()
}

/// Exit code, and what was printed on both streams.
fn told(sandbox: &Sandbox, args: &[&str]) -> (i32, String) {
    let output = promote(sandbox, args);
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    (output.status.code().unwrap(), text.concat())
}

fn kustomization(images: &[(&str, &str)]) -> String {
    let entries = images.iter().map(|(name, tag)| format!("  - name: {name}\n    newTag: {tag}\n"));
    format!("images:\n{}", entries.collect::<String>())
}

fn remote_base(tag: &str) -> String {
    let base = format!("resources:\n- https://git.example/acme/web//config?ref={tag}\n");
    base + &kustomization(&[("web", tag)])
}

const STAGES: &str = "[[environment]]\nname = \"dev\"\n\n[[environment]]\nname = \"prod\"\n";

fn config(path: &str, environments: &str) -> String {
    format!("version = 1\n[layout]\npaths = [{path}]\n\n{environments}")
}

#[test]
fn a_ref_moves_along_where_the_config_is_silent() {
    let sandbox = repository(&[&[
        ("promote.toml", &config("\"web/{env}\"", STAGES)),
        ("web/dev/kustomization.yaml", &remote_base(NEXT)),
        ("web/prod/kustomization.yaml", &remote_base(NOW)),
    ]]);
    let (code, text) = told(&sandbox, &[NEXT, "prod"]);
    assert_eq!(code, 0, "{text}");
    assert_eq!(sandbox.read("web/prod/kustomization.yaml"), remote_base(NEXT));
}

#[test]
fn a_ref_stays_and_is_named_where_coupling_is_off() {
    let path = "{ path = \"web/{env}\", couple = false }";
    let sandbox = repository(&[&[
        ("promote.toml", &config(path, STAGES)),
        ("web/dev/kustomization.yaml", &remote_base(NEXT)),
        ("web/prod/kustomization.yaml", &remote_base(NOW)),
    ]]);
    let (code, text) = told(&sandbox, &[NEXT, "prod"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains(&format!("web/prod/kustomization.yaml:2 still says {NOW}")), "{text}");
}

#[test]
fn a_chart_version_has_build_metadata() {
    let chart = |version: &str| format!("chart: proxy\nversion: {version} # chart\n");
    let path = "{ path = \"{app}/{env}\", fields = [{ path = \"version\" }] }";
    let sandbox = repository(&[&[
        ("promote.toml", &config(path, STAGES)),
        ("proxy/dev/chart.yaml", &chart("0.1.1889+ca96506")),
        ("proxy/prod/chart.yaml", &chart("0.1.1871+9730448")),
    ]]);
    let (code, text) = told(&sandbox, &["0.1.1889+ca96506", "prod"]);
    assert_eq!(code, 0, "{text}");
    assert_eq!(sandbox.read("proxy/prod/chart.yaml"), chart("0.1.1889+ca96506"));
}

#[test]
fn an_image_tag_has_no_build_metadata() {
    let sandbox = repository(&[&[
        ("apps/web/overlays/dev/kustomization.yaml", &kustomization(&[("web", "1.0.0")])),
        ("apps/web/overlays/prod/kustomization.yaml", &kustomization(&[("web", "1.0.0")])),
    ]]);
    let (code, text) = told(&sandbox, &["1.0.1+a", "dev"]);
    assert_eq!(code, 8, "{text}");
    assert!(text.contains("`1.0.1+a` is not a valid tag"), "{text}");
    sandbox.assert_clean();
}

/// In a first environment nothing tells which image a version is one of.
#[test]
fn a_version_never_enters_every_image_of_a_first_environment() {
    let sandbox = repository(&[&[
        ("envs/dev/kustomization.yaml", &kustomization(&[("web", "v1"), ("redis", "7.2")])),
        ("envs/prod/kustomization.yaml", &kustomization(&[("web", "v1"), ("redis", "7.2")])),
    ]]);
    let (code, text) = told(&sandbox, &["v2", "dev"]);
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("several apps could be meant: redis, web"), "{text}");
    assert!(!text.contains("--all"), "{text}");
    let (code, text) = told(&sandbox, &["web@v2", "dev"]);
    assert_eq!(code, 0, "{text}");
    let expected = kustomization(&[("web", "v2"), ("redis", "7.2")]);
    assert_eq!(sandbox.read("envs/dev/kustomization.yaml"), expected);
}

#[test]
fn images_at_one_version_enter_together() {
    let sandbox = repository(&[&[
        ("envs/dev/kustomization.yaml", &kustomization(&[("web", "v1"), ("worker", "v1")])),
        ("envs/prod/kustomization.yaml", &kustomization(&[("web", "v1"), ("worker", "v1")])),
    ]]);
    let (code, text) = told(&sandbox, &["v2", "dev"]);
    assert_eq!(code, 0, "{text}");
    let expected = kustomization(&[("web", "v2"), ("worker", "v2")]);
    assert_eq!(sandbox.read("envs/dev/kustomization.yaml"), expected);
}

/// `staging` has moved on; of two images one had the version.
#[test]
fn with_seen_only_the_images_that_had_the_version_move() {
    let both = |controller: &str, worker: &str| {
        kustomization(&[("controller", controller), ("worker", worker)])
    };
    let dev = "apps/bot/overlays/dev/kustomization.yaml";
    let prod = "apps/bot/overlays/prod/kustomization.yaml";
    let layout = "\"apps/{app}/overlays/{env}\"";
    let sandbox = repository(&[
        &[
            ("promote.toml", &config(layout, &format!("{STAGES}seen = true\n"))),
            (dev, &both("a1", "b1")),
            (prod, &both("a0", "b0")),
        ],
        &[(dev, &both("a2", "b2"))],
    ]);
    let (code, text) = told(&sandbox, &["a1", "prod", "-a", "bot"]);
    assert_eq!(code, 0, "{text}");
    assert_eq!(sandbox.read(prod), both("a1", "b0"));
}

#[test]
fn without_seen_the_refusal_says_that_it_ran_before() {
    let dev = "apps/web/overlays/dev/kustomization.yaml";
    let prod = "apps/web/overlays/prod/kustomization.yaml";
    let sandbox = repository(&[
        &[(dev, &kustomization(&[("web", "a1")])), (prod, &kustomization(&[("web", "a0")]))],
        &[(dev, &kustomization(&[("web", "a2")]))],
    ]);
    let (code, text) = told(&sandbox, &["web@a1", "prod"]);
    assert_eq!(code, 3, "{text}");
    assert!(text.contains("dev runs a2, not a1") && text.contains("it ran that before"), "{text}");
    assert!(text.contains("hint: git promote dev prod -a web\n"), "{text}");
}

/// Kustomize refuses a tag that is written as a number.
#[test]
fn a_refusal_names_what_cannot_be_read() {
    let sandbox = repository(&[&[
        ("apps/web/overlays/dev/kustomization.yaml", &kustomization(&[("web", "1234")])),
        ("apps/web/overlays/prod/kustomization.yaml", &kustomization(&[("web", "v1")])),
    ]]);
    let (code, text) = told(&sandbox, &["web@1234", "prod"]);
    assert_eq!(code, 3, "{text}");
    assert!(text.contains("what dev runs cannot be read: "), "{text}");
}

/// A chart beside the kustomization, as `helmCharts` with `chartHome` has it.
#[test]
fn templates_of_a_chart_are_no_manifests() {
    let template = "{{- if .Values.on }}\nimage: {{ .Values.image }}:v1\n{{- end }}\n";
    let sandbox = repository(&[&[
        ("apps/web/overlays/dev/kustomization.yaml", &kustomization(&[("web", "v2")])),
        ("apps/web/overlays/dev/charts/web/Chart.yaml", "name: web\n"),
        ("apps/web/overlays/dev/charts/web/templates/deployment.yaml", template),
        ("apps/web/overlays/prod/kustomization.yaml", &kustomization(&[("web", "v1")])),
        ("apps/web/overlays/prod/charts/web/Chart.yaml", "name: web\n"),
        ("apps/web/overlays/prod/charts/web/templates/deployment.yaml", template),
    ]]);
    let (code, text) = told(&sandbox, &["v2", "prod"]);
    assert_eq!(code, 0, "{text}");
    assert!(!text.contains("warning"), "{text}");
}

/// `9c-{env}`: the environment is a part of the directory's name.
#[test]
fn an_entry_is_made_where_the_environment_is_part_of_a_name() {
    let stages = "[[environment]]\nname = \"main\"\n\n[[environment]]\nname = \"test\"\n";
    let sandbox = repository(&[&[
        ("promote.toml", &config("\"chain-{env}\"", stages)),
        ("chain-main/kustomization.yaml", &kustomization(&[("node", "v2")])),
        ("chain-test/kustomization.yaml", &kustomization(&[("seed", "v1")])),
    ]]);
    let (code, text) = told(&sandbox, &["node@v2", "test", "--create"]);
    assert_eq!(code, 0, "{text}");
    let expected = kustomization(&[("seed", "v1"), ("node", "v2")]);
    assert_eq!(sandbox.read("chain-test/kustomization.yaml"), expected);
}

#[test]
fn status_suggests_nothing_that_is_refused() {
    let sandbox = repository(&[&[
        ("envs/qa/kustomization.yaml", &kustomization(&[("web", "1.0.0")])),
        ("envs/staging/kustomization.yaml", &kustomization(&[("web", "2.0.0")])),
        ("envs/prod-eu/kustomization.yaml", &kustomization(&[("web", "0.9.0")])),
        ("envs/prod-us/kustomization.yaml", &kustomization(&[("web", "0.9.0")])),
    ]]);
    let (code, text) = told(&sandbox, &["status"]);
    assert_eq!(code, 0, "{text}");
    assert!(!text.contains("next:"), "{text}");
}

#[test]
fn status_says_why_it_is_empty() {
    let sandbox = repository(&[&[
        ("deploy/dev/web.yaml", "image:\n  tag: v1\n"),
        ("deploy/prod/web.yaml", "image:\n  tag: v1\n"),
    ]]);
    let (code, text) = told(&sandbox, &["status"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("no version was found in deploy/{env}"), "{text}");
}

/// Another tool's config, with its layout and markers, an integer among them.
#[test]
fn markers_of_gitops_promotion_move_in_their_environment() {
    let app = |tag: &str, image: &str| {
        format!(
            "kind: HelmRelease\ntag: {tag} # {{\"$imagepolicy\": \"team1:app1:tag\"}}\n\
             image: app1:{image} # {{\"$imagepolicy\": \"team1:app1\"}}\nwhy: true\n"
        )
    };
    let environments =
        "environments:\n  - name: dev\n    auto: true\n  - name: qa\n    auto: false\n";
    let sandbox = repository(&[&[
        ("gitops-promotion.yaml", environments),
        ("team1/dev/app1.yaml", &app("v1.0.1", "v1.0.1")),
        ("team1/qa/app1.yaml", &app("1234", "v1.0.0")),
    ]]);
    let (code, text) = told(&sandbox, &["v1.0.1", "qa"]);
    assert_eq!(code, 0, "{text}");
    assert_eq!(sandbox.read("team1/qa/app1.yaml"), app("v1.0.1", "v1.0.1"));
}
