//! `git promote rollback` of the forms that a version has: a field beside its
//! repository, a tag that was pushed again; and what it says where it cannot.

use crate::kit::{at, line, put, repo, run, save};
use crate::testkit::Sandbox;

const LINE: &str = "\n[[environment]]\nname = \"dev\"\n[[environment]]\nname = \"staging\"\n\
                    [[environment]]\nname = \"prod\"\n";

fn put_file(sandbox: &Sandbox, path: &str, content: &str) {
    save(sandbox, "Change it", &[(path, content)]);
}

/// A declared field of `flux/ENV/pay.yaml`.
fn declared(field: &str) -> String {
    let path =
        format!("{{ path = \"flux/{{env}}/{{app}}.yaml\", fields = [{{ path = \"{field}\" }}] }}");
    format!("version = 1\n[layout]\npaths = [{path}]\n{LINE}")
}

fn release(tag: &str) -> String {
    format!(
        "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {{name: pay}}\n\
         spec:\n  values:\n    image:\n      repository: registry.example/acme/pay\n      tag: {tag}\n"
    )
}

fn application(tag: &str) -> String {
    format!(
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: pay}}\nspec:\n  \
         source:\n    repoURL: https://charts.example\n    chart: pay\n    targetRevision: 1.0.0\n    \
         helm:\n      valuesObject:\n        image:\n          \
         repository: registry.example/acme/pay\n          tag: {tag}\n"
    )
}

fn custom(tag: &str) -> String {
    format!(
        "apiVersion: acme.example/v1\nkind: Service\nmetadata: {{name: pay}}\nspec:\n  image:\n    \
         repository: registry.example/acme/pay\n    tag: {tag}\n"
    )
}

/// A repository in which v1, v2 and v3 went through all environments.
fn three(config: &str, path: &str, content: &dyn Fn(&str) -> String) -> Sandbox {
    let place = |env: &str| path.replace("ENV", env);
    let first = content("v1.0.0");
    let places: Vec<String> = ["dev", "staging", "prod"].map(place).to_vec();
    let mut files: Vec<(&str, &str)> = vec![("promote.toml", config)];
    files.extend(places.iter().map(|place| (place.as_str(), first.as_str())));
    let sandbox = repo(&files);
    for tag in ["v2.0.0", "v3.0.0"] {
        put_file(&sandbox, &place("dev"), &content(tag));
        assert_eq!(run(&sandbox, &[&format!("pay@{tag}"), "staging"]).code(), 0, "{tag}");
        assert_eq!(run(&sandbox, &[&format!("pay@{tag}"), "prod"]).code(), 0, "{tag}");
    }
    sandbox
}

#[track_caller]
fn goes_back(sandbox: &Sandbox) {
    let said = run(sandbox, &["rollback", "prod", "pay"]).stdout(0);
    assert!(said.contains("ok    GP001  a rollback: prod ran v2.0.0 before"), "{said}");
    let checked = run(sandbox, &["check", "HEAD^..HEAD"]).stdout(0);
    assert!(checked.contains("ok    GP001  a rollback: prod ran v2.0.0 before"), "{checked}");
    let changed = sandbox.git(["diff", "--name-only", "HEAD^", "HEAD"]);
    assert_eq!(changed.lines().count(), 1, "{changed}");
}

#[test]
fn a_field_beside_its_repository_goes_back() {
    goes_back(&three(&declared("spec.values.image.tag"), "flux/ENV/pay.yaml", &release));
    let field = "spec.source.helm.valuesObject.image.tag";
    goes_back(&three(&declared(field), "flux/ENV/pay.yaml", &application));
    goes_back(&three(&declared("spec.image.tag"), "flux/ENV/pay.yaml", &custom));
}

/// The same field of a `HelmRelease`, with another repository beside it.
fn moved(sandbox: &Sandbox, env: &str, tag: &str) {
    let moved = release(tag).replace("acme/pay", "other/pay");
    put_file(sandbox, &format!("flux/{env}/pay.yaml"), &moved);
}

#[test]
fn another_image_beside_the_field_is_no_way_back() {
    let sandbox = three(&declared("spec.values.image.tag"), "flux/ENV/pay.yaml", &release);
    // A revert that brings another image along.
    let base = sandbox.git(["rev-parse", "HEAD"]);
    moved(&sandbox, "prod", "v2.0.0");
    let said = run(&sandbox, &["check", &format!("{}..HEAD", base.trim())]);
    let text = said.text();
    assert!(text.starts_with("exit 3\n") && text.contains("fail  GP001"), "{text}");
    // Every environment went over to the other image, and back is the first one.
    sandbox.git(["reset", "--hard", "-q", base.trim()]);
    for env in ["dev", "staging", "prod"] {
        moved(&sandbox, env, "v4.0.0");
    }
    let text = run(&sandbox, &["rollback", "prod", "pay"]).text();
    assert!(text.starts_with("exit 3\n"), "{text}");
    let told = "no way back: prod ran v3.0.0 as another image, registry.example/acme/pay";
    assert!(text.contains(told), "{text}");
}

/// A patch of a `HelmRelease` whose repository stands in the base.
#[test]
fn a_patched_field_goes_back_as_long_as_the_base_names_the_image() {
    let config =
        format!("version = 1\n[layout]\npaths = [\"apps/{{app}}/overlays/{{env}}\"]\n{LINE}");
    let patch = |tag: &str| {
        format!(
            "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {{name: pay}}\n\
             spec:\n  values:\n    image:\n      \
             tag: {tag} # {{\"$imagepolicy\": \"flux-system:pay:tag\"}}\n"
        )
    };
    let overlay = "resources: [../../base]\npatches:\n- path: p.yaml\n";
    let base = release("v0").replace("      tag: v0\n", "");
    let mut files = vec![
        ("promote.toml".to_owned(), config),
        ("apps/pay/base/hr.yaml".to_owned(), base.clone()),
    ];
    files
        .push(("apps/pay/base/kustomization.yaml".to_owned(), "resources: [hr.yaml]\n".to_owned()));
    for env in ["dev", "staging", "prod"] {
        files.push((at("pay", env), overlay.to_owned()));
        files.push((format!("apps/pay/overlays/{env}/p.yaml"), patch("v1.0.0")));
    }
    let files: Vec<(&str, &str)> = files.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    let sandbox = repo(&files);
    for tag in ["v2.0.0", "v3.0.0"] {
        put_file(&sandbox, "apps/pay/overlays/dev/p.yaml", &patch(tag));
        for env in ["staging", "prod"] {
            assert_eq!(run(&sandbox, &["dev", env, "-A"]).code(), 0, "{tag} {env}");
        }
    }
    let said = run(&sandbox, &["rollback", "prod", "pay", "-n"]).text();
    assert!(said.starts_with("exit 0\n"), "{said}");
    // With another image in the base, prod never ran what would come.
    put_file(&sandbox, "apps/pay/base/hr.yaml", &base.replace("acme/pay", "other/pay"));
    let said = run(&sandbox, &["rollback", "prod", "pay", "-n"]).text();
    let told = "no way back: prod ran v2.0.0, but not registry.example/other/pay:v2.0.0";
    assert!(said.starts_with("exit 3\n") && said.contains(told), "{said}");
}

#[test]
fn a_tag_that_was_pushed_again_goes_back_to_its_first_digest() {
    let sandbox = line();
    let pinned = |digit: &str| {
        let digest = digit.repeat(64);
        format!("images:\n- name: acme/web\n  newTag: v5\n  digest: sha256:{digest}\n")
    };
    for digit in ["a", "b"] {
        for env in ["dev", "staging"] {
            put_file(&sandbox, &at("web", env), &pinned(digit));
        }
    }
    let said = run(&sandbox, &["rollback", "staging", "web"]).stdout(0);
    assert!(said.contains("ok    GP001  a rollback: staging ran v5@sha256:aaaa"), "{said}");
    assert!(said.contains("ok    GP004  a rollback: staging ran v5@sha256:aaaa"), "{said}");
    assert_eq!(sandbox.read(&at("web", "staging")), pinned("a"));
    assert_eq!(run(&sandbox, &["check", "HEAD^..HEAD"]).code(), 0);
}

#[test]
fn a_reason_is_asked_for_the_rollback_itself() {
    let sandbox = line();
    put(&sandbox, "web", "staging", "v2");
    let config = sandbox.read("promote.toml");
    let frozen = "name = \"staging\"\nfreezes = [{ from = \"2020-01-01\", to = \"2099-01-01\", \
                  timezone = \"UTC\", reason = \"moving\" }]\n";
    put_file(&sandbox, "promote.toml", &config.replace("name = \"staging\"\n", frozen));
    let said = run(&sandbox, &["rollback", "staging", "web"]).text();
    let hint = "git promote rollback staging web@v1.2.2 --override GP006 --reason TEXT";
    assert!(said.contains(&format!("hint: {hint}\n")), "{said}");
    let words: Vec<&str> = hint.split(' ').skip(2).collect();
    assert_eq!(run(&sandbox, &words).code(), 0);
}

#[test]
fn what_was_before_it_was_taken_away_is_not_gone_back_to() {
    let sandbox = line();
    put(&sandbox, "web", "staging", "v2");
    sandbox.git(["rm", "-q", "-r", "apps/web/overlays/staging"]);
    sandbox.git(["commit", "-q", "-m", "Take it away"]);
    put(&sandbox, "web", "staging", "v3");
    let came = sandbox.git(["rev-parse", "--short=7", "HEAD"]);
    let said = run(&sandbox, &["rollback", "staging", "web"]).text();
    let told = format!("has run no other version of web since it came there ({})", came.trim());
    assert!(said.starts_with("exit 5\n") && said.contains(&told), "{said}");
    let said = run(&sandbox, &["rollback", "staging", "web@v2"]).text();
    let told = format!("has not run v2 since web came there ({})", came.trim());
    assert!(said.starts_with("exit 3\n") && said.contains(&told), "{said}");
}

const REGIONS: &str = "\n[[environment]]\nname = \"staging\"\n[[environment]]\nname = \"eu\"\n\
                       [[environment]]\nname = \"us\"\nfrom = [\"staging\"]\n";

#[test]
fn regions_go_back_one_after_the_other() {
    let sandbox = repo(&[(
        "promote.toml",
        &format!("version = 1\n[layout]\npaths = [\"{{app}}/{{env}}\"]\n{REGIONS}"),
    )]);
    let one = |tag: &str| format!("images:\n- name: acme/web\n  newTag: {tag}\n");
    for tag in ["v1.0.0", "v2.0.0", "v3.0.0"] {
        for env in ["staging", "eu", "us"] {
            put_file(&sandbox, &format!("web/{env}/kustomization.yaml"), &one(tag));
        }
    }
    for region in ["eu", "us"] {
        assert_eq!(run(&sandbox, &["rollback", region, "web"]).code(), 0);
        let said = run(&sandbox, &["check", "HEAD^..HEAD"]).text();
        assert!(said.starts_with("exit 0\n"), "{region}: {said}");
        assert!(said.contains("a rollback: "), "{region}: {said}");
    }
    assert_eq!(run(&sandbox, &["verify", "HEAD~2..HEAD"]).code(), 0);
}

#[test]
fn what_was_pinned_and_never_ran_is_not_gone_back_to() {
    let sandbox = repo(&[(
        "promote.toml",
        &format!("version = 1\n[layout]\npaths = [\"{{app}}/{{env}}\"]\n{LINE}"),
    )]);
    let pod = |image: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: web}}\nspec:\n  containers:\n  - name: web\n    image: {image}\n"
        )
    };
    let pinned =
        |tag: &str| format!("resources: [../base]\nimages:\n- name: acme/web\n  newTag: {tag}\n");
    put_file(&sandbox, "web/base/kustomization.yaml", "resources: [pod.yaml]\n");
    put_file(&sandbox, "web/base/pod.yaml", &pod("acme/old:v9"));
    for tag in ["v1.0.0", "v2.0.0", "v3.0.0"] {
        for env in ["dev", "staging", "prod"] {
            put_file(&sandbox, &format!("web/{env}/kustomization.yaml"), &pinned(tag));
        }
    }
    put_file(&sandbox, "web/base/pod.yaml", &pod("acme/web"));
    let said = run(&sandbox, &["rollback", "prod", "web"]).text();
    let told = "no way back: prod ran v2.0.0, but not acme/web:v2.0.0";
    assert!(said.starts_with("exit 3\n") && said.contains(told), "{said}");
}

#[test]
fn what_was_seen_once_goes_on_where_the_image_stands_in_the_base() {
    let seen = LINE.replace("name = \"prod\"", "name = \"prod\"\nseen = true");
    let config = declared("spec.values.image.tag").replace(LINE, &seen);
    let sandbox = repo(&[("promote.toml", &config)]);
    for env in ["dev", "staging", "prod"] {
        put_file(&sandbox, &format!("flux/{env}/pay.yaml"), &release("v1.0.0"));
    }
    for tag in ["v2.0.0", "v3.0.0"] {
        for env in ["dev", "staging"] {
            put_file(&sandbox, &format!("flux/{env}/pay.yaml"), &release(tag));
        }
    }
    let said = run(&sandbox, &["pay@v2.0.0", "prod", "-n"]).text();
    assert!(said.starts_with("exit 0\n"), "{said}");
    assert_eq!(run(&sandbox, &["pay@v2.0.0", "prod"]).code(), 0);
    assert_eq!(run(&sandbox, &["check", "HEAD^..HEAD"]).code(), 0);
    // Staging had another image beside it.
    let sandbox = repo(&[("promote.toml", &config)]);
    for env in ["dev", "staging", "prod"] {
        moved(&sandbox, env, "v1.0.0");
    }
    for tag in ["v2.0.0", "v3.0.0"] {
        moved(&sandbox, "dev", tag);
        put_file(&sandbox, "flux/staging/pay.yaml", &release(tag));
    }
    let said = run(&sandbox, &["pay@v2.0.0", "prod", "-n"]).text();
    assert!(said.starts_with("exit 3\n") && said.contains("fail  GP001"), "{said}");
}

#[test]
fn a_hint_moves_something() {
    let sandbox = three(&declared("spec.values.image.tag"), "flux/ENV/pay.yaml", &release);
    // Prod and staging run v3: there is nothing that could be promoted.
    let base = sandbox.git(["rev-parse", "HEAD"]);
    moved(&sandbox, "prod", "v2.0.0");
    let said = run(&sandbox, &["check", &format!("{}..HEAD", base.trim())]).text();
    assert!(!said.contains("git promote staging prod"), "{said}");
    assert!(said.contains("git restore --source="), "{said}");
    assert!(
        said.contains("and prod did not run registry.example/other/pay:v2.0.0 with it"),
        "{said}"
    );
}
