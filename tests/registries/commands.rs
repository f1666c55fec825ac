//! The commands, run as programs.

use std::os::unix::fs::PermissionsExt as _;

use crate::double::{Double, error};
use crate::image::Image;
use crate::real::promote;
use crate::repo::{Repo, at};
use crate::server::Received;

pub(crate) fn open() -> Double {
    Double::start(|_| None)
}

/// dev and prod on one registry, in two parts of it; v2 is in that of dev.
pub(crate) fn two_stages(prod: &str) -> (Double, Repo) {
    let registry = open();
    let host = registry.host();
    let repo = Repo::new(&[
        ("dev", format!("registry = \"{host}/acme/dev\"")),
        ("prod", format!("registry = \"{host}/acme/prod\"\n{prod}")),
    ]);
    repo.app("dev", &format!("{host}/acme/dev/web"), "v1");
    repo.app("prod", &format!("{host}/acme/prod/web"), "v1");
    repo.commit("Start");
    repo.app("dev", &format!("{host}/acme/dev/web"), "v2");
    repo.commit("v2 in dev");
    registry.hold("acme/dev/web", "v2", &Image::index(&["amd64", "arm64"], 4_000, 1));
    (registry, repo)
}

#[test]
fn a_check_says_where_a_version_is_and_what_it_is() {
    let (registry, repo) = two_stages("");
    let digest = registry.tag("acme/dev/web", "v2").unwrap();
    let said = repo.says(&["registry", "check", "web@v2"], 0);
    let host = registry.host();
    let expected = format!(
        "{host}/acme/dev/web:v2  (dev)\n  digest     {digest}\n  platforms  linux/amd64, linux/arm64\n  \
         created    2026-01-02T03:04:05Z\n  source     https://git.example/acme/web\n  \
         revision   0123456789abcdef\n  version    1.2.3\n{host}/acme/prod/web:v2  (prod)  is not there\n"
    );
    assert_eq!(said, expected);
    let document = repo.json(&["registry", "check", "web@v2", "prod"], 5);
    assert_eq!(document["rows"][0]["exists"], false);
    let document = repo.json(&["registry", "check", "web@v2", "dev"], 0);
    assert_eq!(document["rows"][0]["digest"], digest.as_str());
    repo.says(&["registry", "check", "web@v9"], 5);
    for (word, whole) in [("", "APP@VERSION"), ("@v2", "APP@v2"), ("web:v2", "web@v2")] {
        let said = repo.says(&["registry", "check", word], 2);
        let hint = format!("hint: git promote registry check {whole}\n");
        assert!(said.contains(&hint), "{said}");
    }
    repo.says(&["registry", "check", "web@v2", "moon"], 5);
    let said = repo.says(&["registry", "check", "wob@v2"], 5);
    assert!(said.contains("wob"), "{said}");
    // An image by itself, outside of any repository.
    let image = format!("{host}/acme/dev/web:v2");
    let outside = tempfile::tempdir().unwrap();
    let output = promote(outside.path(), &["registry", "check", &image]).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains(&digest));
}

#[test]
fn a_registry_that_does_not_answer_is_told_beside_the_others() {
    let down = Double::start(|_| Some(error(403, "DENIED", "not for you")));
    let up = open();
    let repo = Repo::new(&[("dev", String::new()), ("prod", String::new())]);
    repo.app("dev", &format!("{}/web", down.host()), "v1");
    repo.app("prod", &format!("{}/web", up.host()), "v1");
    repo.commit("Start");
    let document = repo.json(&["registry", "check", "web@v1"], 4);
    assert_eq!(document["rows"][0]["exists"], serde_json::Value::Null);
    assert!(document["rows"][0]["message"].as_str().unwrap().contains("DENIED"));
    up.hold("web", "v1", &Image::single(1));
    repo.json(&["registry", "check", "web@v1"], 0);
}

#[test]
fn a_promotion_copies_before_it_commits() {
    let (registry, repo) = two_stages("");
    let said = repo.says(&["web@v2", "prod", "--dry-run"], 0);
    assert!(said.contains("ok    GP002  v2 is copied from"), "{said}");
    assert_eq!(registry.tag("acme/prod/web", "v2"), None);
    let document = repo.json(&["web@v2", "prod"], 0);
    assert_eq!(document["result"], "committed");
    let copy = &document["copies"][0];
    assert_eq!((copy["result"].as_str(), copy["blobsSent"].as_u64()), (Some("copied"), Some(0)));
    assert_eq!(registry.tag("acme/prod/web", "v2"), registry.tag("acme/dev/web", "v2"));
    assert!(repo.read(&at("prod")).contains("newTag: v2\n"));
    assert!(repo.read(&at("prod")).contains("/acme/prod/web\n"), "newName stays");
}

#[test]
fn without_the_image_nothing_is_committed() {
    let (registry, repo) = two_stages("");
    let head = repo.git(&["rev-parse", "HEAD"]);
    repo.app("dev", &format!("{}/acme/dev/web", registry.host()), "v3");
    let dev = repo.commit("v3 in dev, which nobody pushed");
    let said = repo.says(&["web@v3", "prod"], 3);
    assert!(said.contains("fail  GP002") && said.contains("does not have v3"), "{said}");
    assert!(said.contains("hint: git promote registry check web@v3"), "{said}");
    assert_eq!(repo.git(&["rev-parse", "HEAD"]), dev);
    assert_ne!(head, dev);
    // Another image under the tag at the destination.
    registry.hold("acme/dev/web", "v3", &Image::single(1));
    registry.hold("acme/prod/web", "v3", &Image::single(2));
    let said = repo.says(&["web@v3", "prod"], 3);
    assert!(said.contains("has another image under v3"), "{said}");
}

#[test]
fn a_copy_that_fails_leaves_no_commit() {
    let refusing = |received: &Received| {
        (received.method == "PUT" && received.path.contains("/acme/prod/web/manifests/"))
            .then(|| error(403, "DENIED", "read only"))
    };
    let registry = Double::start(refusing);
    let host = registry.host();
    let repo = Repo::new(&[
        ("dev", format!("registry = \"{host}/acme/dev\"")),
        ("prod", format!("registry = \"{host}/acme/prod\"")),
    ]);
    repo.app("dev", &format!("{host}/acme/dev/web"), "v2");
    repo.app("prod", &format!("{host}/acme/prod/web"), "v1");
    let head = repo.commit("Start");
    registry.hold("acme/dev/web", "v2", &Image::single(1));
    let said = repo.says(&["web@v2", "prod"], 4);
    assert!(said.contains("DENIED"), "{said}");
    assert_eq!(repo.git(&["rev-parse", "HEAD"]), head);
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
}

#[test]
fn what_is_refused_here_is_not_copied_there() {
    let (registry, repo) = two_stages("");
    // Somebody works on the file.
    let text = repo.read(&at("prod"));
    repo.write(&at("prod"), &format!("# by hand\n{text}"));
    let said = repo.says(&["web@v2", "prod"], 6);
    assert!(!said.contains("copied"), "{said}");
    assert_eq!(registry.tag("acme/prod/web", "v2"), None);
    repo.write(&at("prod"), &text);
    // A hook that refuses is only known once it has run.
    repo.write(".git/hooks/pre-commit", "#!/bin/sh\necho no >&2; exit 1\n");
    let hook = repo.root.join(".git/hooks/pre-commit");
    std::fs::set_permissions(hook, std::fs::Permissions::from_mode(0o755)).unwrap();
    let output = repo.run(&["web@v2", "prod"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success());
    let copied = format!("(copied before, and there: {}/acme/prod/web:v2)", registry.host());
    assert!(said.contains(&copied), "{said}");
}

#[test]
fn a_registry_that_is_down_is_unverifiable() {
    let (registry, repo) = two_stages("");
    drop(registry);
    let said = repo.says(&["web@v2", "prod"], 7);
    assert!(said.contains("GP002") && said.contains("does not answer"), "{said}");
    // An emergency does not wait for it.
    let waived = ["web@v2", "prod", "--override", "GP002", "--reason", "INC-42"];
    let said = repo.says(&waived, 0);
    assert!(said.contains("GP002 is overridden: nothing was copied"), "{said}");
}

#[test]
fn check_asks_only_where_it_may() {
    let (registry, repo) = two_stages("");
    let base = repo.git(&["rev-parse", "HEAD"]);
    repo.app("prod", &format!("{}/acme/prod/web", registry.host()), "v2");
    repo.commit("v2 in prod, by hand");
    let range = format!("{base}..HEAD");
    let before = registry.server.received().len();
    let said = repo.says(&["check", &range], 0);
    assert!(said.contains("GP002") && said.contains("without --online"), "{said}");
    assert_eq!(registry.server.received().len(), before);
    let said = repo.says(&["check", &range, "--online"], 3);
    assert!(said.contains("does not have v2 yet"), "{said}");
    assert!(said.contains("git promote registry copy web@v2 prod"), "{said}");
    repo.says(&["registry", "copy", "web@v2", "prod"], 0);
    let said = repo.says(&["check", &range, "--online", "-v"], 0);
    assert!(said.contains("has v2"), "{said}");
}

#[test]
fn a_tag_is_pinned_with_its_digest() {
    let (registry, repo) = two_stages("pin = \"digest\"");
    let digest = registry.tag("acme/dev/web", "v2").unwrap();
    let document = repo.json(&["web@v2", "prod"], 0);
    assert_eq!(document["promotions"][0]["digest"], digest.as_str());
    let text = repo.read(&at("prod"));
    assert!(text.contains("newTag: v2\n") && text.contains(&digest), "{text}");
    // The change is judged alike by whoever asks the registry; who does not ask
    // cannot know it.
    repo.says(&["check", "HEAD~1..HEAD", "--online"], 0);
    let said = repo.says(&["check", "HEAD~1..HEAD"], 3);
    assert!(said.contains("without a digest: it proves none"), "{said}");
    // The tag moves, and what is pulled is the digest.
    registry.hold("acme/prod/web", "v2", &Image::single(9));
    let said = repo.says(&["check", "HEAD~1..HEAD", "--online"], 0);
    assert!(said.contains("moved since it was pinned"), "{said}");
}

#[test]
fn a_change_by_hand_that_pins_nothing_is_told() {
    let (registry, repo) = two_stages("pin = \"digest\"");
    repo.app("prod", &format!("{}/acme/prod/web", registry.host()), "v2");
    repo.commit("v2 in prod, by hand");
    let said = repo.says(&["check", "HEAD~1..HEAD"], 0);
    assert!(said.contains("warn  GP004") && said.contains("and v2 has none"), "{said}");
}

#[test]
fn a_digest_is_pinned_on_request() {
    let registry = open();
    let host = registry.host();
    let repo = Repo::new(&[("dev", String::new()), ("prod", String::new())]);
    repo.app("dev", &format!("{host}/web"), "v2");
    repo.app("prod", &format!("{host}/web"), "v1");
    repo.commit("Start");
    let said = repo.says(&["web@v2", "prod", "--pin"], 5);
    assert!(said.contains("does not have v2, so no digest can be pinned"), "{said}");
    registry.hold("web", "v2", &Image::single(1));
    let digest = registry.tag("web", "v2").unwrap();
    repo.says(&["web@v2", "prod", "--pin"], 0);
    assert!(repo.read(&at("prod")).contains(&digest));
    // What is there already gets its digest too, and a first environment.
    repo.says(&["web@v2", "dev", "--pin"], 0);
    assert!(repo.read(&at("dev")).contains(&digest));
    let said = repo.says(&["web@v2", "dev", "--pin"], 0);
    assert!(said.contains("already at"), "{said}");
}

#[test]
fn stages_are_named_by_flags_or_variables() {
    let registry = open();
    let host = registry.host();
    registry.hold("tenant/fast-feedback/web", "v1", &Image::single(1));
    let repo = Repo::new(&[("dev", String::new())]);
    let source = format!("{host}/tenant");
    let variables = [
        ("SOURCE_REGISTRY", source.as_str()),
        ("SOURCE_STAGE", "fast-feedback"),
        ("DEST_REGISTRY", source.as_str()),
        ("DEST_STAGE", "extended-test"),
    ];
    let output = repo.run_with(&["registry", "copy", "web:v1"], &variables);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains(&format!("{host}/tenant/extended-test/web:v1")), "{said}");
    let digest = registry.tag("tenant/fast-feedback/web", "v1");
    assert_eq!(registry.tag("tenant/extended-test/web", "v1"), digest);
    // A flag counts before a variable.
    let args = ["registry", "copy", "web:v1", "--dest-stage", "prod", "--dry-run", "-o", "json"];
    let output = repo.run_with(&args, &variables);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("tenant/prod/web") && said.contains("planned"), "{said}");
    assert_eq!(registry.tag("tenant/prod/web", "v1"), None);
    // Credentials that are named have to be there, though nobody asks for them.
    for name in ["SOURCE_AUTH_OVERRIDE", "DEST_AUTH_OVERRIDE"] {
        let with = [variables.as_slice(), &[(name, "/not/there.json")]].concat();
        let output = repo.run_with(&["registry", "copy", "web:v1"], &with);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(8), "{said}");
        assert!(said.contains("`/not/there.json` cannot be read: it is not there"), "{said}");
    }
    repo.says(&["registry", "copy", "web:v1"], 2);
    repo.says(&["registry", "copy", "web", "--source-registry", &source], 2);
}

#[test]
fn credentials_come_from_the_files_of_docker_and_from_helpers() {
    let closed = |received: &Received| {
        // robot:s3cret-passw0rd
        (received.header("authorization") != "Basic cm9ib3Q6czNjcmV0LXBhc3N3MHJk").then(|| {
            error(401, "UNAUTHORIZED", "who").header("WWW-Authenticate", "Basic realm=\"x\"")
        })
    };
    let registry = Double::start(closed);
    registry.hold("web", "v1", &Image::single(1));
    let host = registry.host();
    let image = format!("{host}/web:v1");
    let repo = Repo::new(&[("dev", String::new())]);
    let said = repo.says(&["registry", "check", &image], 4);
    assert!(said.contains("no credentials") && said.contains("docker login"), "{said}");
    let docker = repo.root.join("../docker");
    std::fs::create_dir(&docker).unwrap();
    let auth =
        r#"{"auths":{"HOST":{"auth":"cm9ib3Q6czNjcmV0LXBhc3N3MHJk"}}}"#.replace("HOST", &host);
    std::fs::write(docker.join("config.json"), auth).unwrap();
    let of_docker = [("DOCKER_CONFIG", docker.to_str().unwrap())];
    let output = repo.run_with(&["registry", "check", &image], &of_docker);
    assert_eq!(output.status.code(), Some(0));
    // A helper on the search path, which gets the host on its standard input.
    std::fs::write(docker.join("config.json"), r#"{"credsStore":"test"}"#).unwrap();
    let helper = docker.join("docker-credential-test");
    let script = format!(
        "#!/bin/sh\nread host; echo \"$@ $host\" >>\"{0}/asked\"\n\
         echo '{{\"Username\":\"robot\",\"Secret\":\"s3cret-passw0rd\"}}'\n",
        docker.display()
    );
    std::fs::write(&helper, script).unwrap();
    std::fs::set_permissions(&helper, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", docker.display(), std::env::var("PATH").unwrap());
    let variables = [of_docker[0], ("PATH", path.as_str())];
    let output = repo.run_with(&["registry", "check", &image], &variables);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let asked = std::fs::read_to_string(docker.join("asked")).unwrap();
    assert_eq!(asked.lines().next(), Some(format!("get {host}").as_str()));
}

#[test]
fn no_proxy_gets_what_goes_to_this_machine() {
    let (registry, proxy) = (open(), open());
    registry.hold("web", "v1", &Image::single(1));
    let image = format!("{}/web:v1", registry.host());
    let repo = Repo::new(&[("dev", String::new())]);
    let to = proxy.server.origin();
    let variables = [("HTTP_PROXY", to.as_str()), ("http_proxy", &to), ("ALL_PROXY", &to)];
    let output = repo.run_with(&["registry", "check", &image], &variables);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(proxy.server.received().is_empty());
}

/// A stand-in for cosign, which there is no package of: it takes the key
/// `good`, and writes down what it was asked.
fn cosign(repo: &Repo) -> String {
    let dir = repo.root.join("../bin");
    std::fs::create_dir(&dir).unwrap();
    let script = format!(
        "#!/bin/sh\necho \"$@\" >>\"{0}/asked\"\n\
         while [ $# -gt 0 ]; do [ \"$1\" = --key ] && grep -q good \"$2\" && exit 0; shift; done\n\
         exit 1\n",
        dir.display()
    );
    std::fs::write(dir.join("cosign"), script).unwrap();
    let permissions = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(dir.join("cosign"), permissions).unwrap();
    format!("{}:{}", dir.display(), std::env::var("PATH").unwrap())
}

#[test]
fn what_is_not_signed_is_refused() {
    let (registry, repo) = two_stages("verify-signature = { key = \"cosign.pub\" }");
    repo.write("cosign.pub", "good\n");
    repo.commit("Add the key");
    // The key of the base counts, whatever lies in the work tree.
    repo.write("cosign.pub", "other\n");
    let path = cosign(&repo);
    let with = [("PATH", path.as_str())];
    let digest = registry.tag("acme/dev/web", "v2").unwrap();
    let run = |args: &[&str]| {
        let output = repo.run_with(args, &with);
        let said = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap(), String::from_utf8(said).unwrap())
    };
    let (code, said) = run(&["web@v2", "prod", "--dry-run"]);
    assert_eq!(code, 0, "{said}");
    assert!(
        said.contains(&format!("@{} is signed by the key cosign.pub", &digest[..19])),
        "{said}"
    );
    let asked = std::fs::read_to_string(repo.root.join("../bin/asked")).unwrap();
    assert!(asked.contains(&format!("acme/dev/web@{digest}")), "{asked}");
    assert!(asked.contains("--allow-http-registry --"), "{asked}");
    // Another key at the base.
    repo.commit("Another key");
    let (code, said) = run(&["web@v2", "prod"]);
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("fail  GP014") && said.contains("finds no signature"), "{said}");
    assert!(said.contains("hint: cosign verify --key cosign.pub"), "{said}");
    // It cannot be waived.
    let (code, said) = run(&["web@v2", "prod", "--override", "GP014", "--reason", "now"]);
    assert_eq!(code, 3, "{said}");
    // No cosign.
    let bin = std::env::split_paths(&std::env::var_os("PATH").unwrap())
        .find(|dir| dir.join("git").exists() && !dir.join("cosign").exists());
    let without = repo.run_with(&["web@v2", "prod"], &[("PATH", bin.unwrap().to_str().unwrap())]);
    assert_eq!(without.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&without.stdout).contains("`cosign` cannot be started"));
}

#[test]
fn cosign_is_asked_for_whoever_the_config_names() {
    let issuer = "issuer = \"https://issuer.example\"";
    for (signer, flags) in [
        (
            format!("identity = \"ci@acme.example\", {issuer}"),
            "--certificate-identity ci@acme.example --certificate-oidc-issuer https://issuer.example",
        ),
        (
            format!("identity-regexp = \"^ci@\", {issuer}"),
            "--certificate-identity-regexp ^ci@ --certificate-oidc-issuer https://issuer.example",
        ),
        ("key = \"awskms:///alias/acme\"".to_owned(), "--key awskms:///alias/acme"),
    ] {
        let (registry, repo) = two_stages(&format!("verify-signature = {{ {signer} }}"));
        let path = cosign(&repo);
        let output = repo.run_with(&["web@v2", "prod"], &[("PATH", path.as_str())]);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(3), "{said}");
        let digest = registry.tag("acme/dev/web", "v2").unwrap();
        let image = format!("{}/acme/dev/web@{digest}", registry.host());
        let asked = std::fs::read_to_string(repo.root.join("../bin/asked")).unwrap();
        assert_eq!(asked, format!("verify {flags} --allow-http-registry -- {image}\n"));
    }
}

#[test]
fn versions_are_those_of_the_history_and_of_the_registry() {
    let (registry, repo) = two_stages("");
    for tag in ["v3", "latest", "dev"] {
        registry.hold("acme/dev/web", tag, &Image::single(1));
    }
    let signed = Image::single(1).signed("{}");
    registry.hold("acme/dev/web", "v3", &signed);
    let before = registry.server.received().len();
    let offline = repo.json(&["versions"], 0);
    assert_eq!(registry.server.received().len(), before);
    assert_eq!(offline["rows"].as_array().unwrap().len(), 2);
    let document = repo.json(&["versions", "web", "--online"], 0);
    let rows = document["rows"].as_array().unwrap();
    // What moves and what stands for a digest is no version; v1 is nowhere.
    let all: Vec<&str> = rows.iter().map(|row| row["version"].as_str().unwrap()).collect();
    assert_eq!(all, ["v3", "v2", "v1"]);
    assert_eq!(rows[0]["built"], "2026-01-02T03:04:05Z");
    assert_eq!(rows[0]["everIn"].as_array().unwrap().len(), 0);
    assert_eq!(rows[1]["nowIn"][0], "dev");
    let name = format!("{}/acme/dev/web", registry.host());
    assert_eq!(rows[1]["registries"][0], name.as_str());
    assert_eq!(rows[2]["registries"].as_array().unwrap().len(), 0);
    let said = repo.says(&["versions", "--online"], 0);
    assert!(said.contains("never") && said.contains("2 tags that move"), "{said}");
}

#[test]
fn a_preview_needs_its_image_and_its_signature() {
    let registry = open();
    let host = registry.host();
    let more = format!("registry = \"{host}/dev\"\nverify-signature = {{ key = \"cosign.pub\" }}");
    let repo = Repo::new(&[("dev", more)]);
    repo.app("dev", &format!("{host}/dev/web"), "v1");
    repo.write("cosign.pub", "other\n");
    repo.commit("Start");
    let path = cosign(&repo);
    let run = |code: i32| {
        let args = ["preview", "create", "login", "web@v8"];
        let output = repo.run_with(&args, &[("PATH", path.as_str())]);
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert_eq!(output.status.code(), Some(code), "{said}");
        said
    };
    let said = run(3);
    assert!(said.contains("GP002: ") && said.contains("does not have v8"), "{said}");
    registry.hold("dev/web", "v8", &Image::single(1));
    let said = run(3);
    assert!(said.contains("GP014: cosign finds no signature"), "{said}");
    assert!(!repo.root.join("apps/web/overlays/dev-preview-login").exists());
    repo.write("cosign.pub", "good\n");
    repo.commit("The key");
    run(0);
    assert!(repo.root.join("apps/web/overlays/dev-preview-login").exists());
}
