//! The way of a version from stage to stage, as teams walk it that promote by
//! copying: fast-feedback, extended-test, prod, each with a part of a registry.
//! Against Debian's registry.

use crate::image::Image;
use crate::real::{Registry, skopeo};
use crate::repo::{Repo, at};

const STAGES: [&str; 3] = ["fast-feedback", "extended-test", "prod"];

fn repository(host: &str, stage: &str) -> String {
    format!("{host}/tenant/grizzly/{stage}/web")
}

fn config_repo(host: &str) -> Repo {
    let stage = |stage: &str| format!("registry = \"{host}/tenant/grizzly/{stage}\"");
    let repo = Repo::new(&STAGES.map(|name| (name, stage(name))));
    for stage in STAGES {
        repo.app(stage, &repository(host, stage), "0.1.0");
    }
    repo.commit("Start");
    repo
}

#[test]
fn by_the_environments_of_a_config_repository() {
    let Some(registry) = Registry::start() else { return };
    let host = registry.host();
    let repo = config_repo(&host);
    let image = Image::index(&["amd64", "arm64", "s390x"], 50_000, 1).signed("{\"by\":\"ci\"}");
    registry.push("tenant/grizzly/fast-feedback/web", "1.1.1", &image);
    // What was built goes into the first stage.
    repo.says(&["web@1.1.1", "fast-feedback"], 0);
    // No stage is skipped, and nothing is copied for who tries.
    let said = repo.says(&["web@1.1.1", "prod"], 3);
    assert!(said.contains("GP001"), "{said}");
    assert!(registry.tags("tenant/grizzly/prod/web").is_empty());
    for stage in ["extended-test", "prod"] {
        let said = repo.says(&["web@1.1.1", stage], 0);
        let to = repository(&host, stage);
        assert!(said.contains(&format!("copied {to}:1.1.1")), "{said}");
        assert!(repo.read(&at(stage)).contains("newTag: 1.1.1"));
        for tag in ["1.1.1", &image.tagged[0].0] {
            let first = skopeo(&format!("{}:{tag}", repository(&host, "fast-feedback")));
            assert_eq!(skopeo(&format!("{to}:{tag}")), first);
        }
    }
    repo.says(&["check", "HEAD~1..HEAD", "--online"], 0);
    // A version that was never pushed to the first stage ends there.
    repo.says(&["web@2.0.0", "fast-feedback"], 3);
}

#[test]
fn by_stages_that_are_named_without_a_repository() {
    let (Some(here), Some(there)) = (Registry::start(), Registry::start()) else { return };
    let image = Image::single(1);
    here.push("tenant/grizzly/fast-feedback/web", "1.1.1", &image);
    let repo = Repo::new(&[("dev", String::new())]);
    let source = format!("{}/tenant/grizzly", here.host());
    let target = format!("{}/tenant/grizzly", there.host());
    // The first within a registry, the second to another one.
    repo.says(
        &[
            "registry",
            "copy",
            "web:1.1.1",
            "--source-registry",
            &source,
            "--source-stage",
            "fast-feedback",
            "--dest-registry",
            &source,
            "--dest-stage",
            "extended-test",
        ],
        0,
    );
    let variables = [
        ("SOURCE_REGISTRY", source.as_str()),
        ("SOURCE_STAGE", "extended-test"),
        ("DEST_REGISTRY", target.as_str()),
        ("DEST_STAGE", "prod"),
    ];
    let output = repo.run_with(&["registry", "copy", "web:1.1.1"], &variables);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let first = skopeo(&format!("{source}/fast-feedback/web:1.1.1"));
    assert_eq!(skopeo(&format!("{target}/prod/web:1.1.1")), first);
    // The same again finds it there.
    let output = repo.run_with(&["registry", "copy", "web:1.1.1"], &variables);
    assert!(String::from_utf8_lossy(&output.stdout).contains("unchanged"));
}
