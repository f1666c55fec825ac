//! After a promotion kustomize renders the promoted image, and nothing else
//! has changed.

use crate::kit::{D1, LINE, app, at, deployment, differing, line, rendered, repo, run, save};
use crate::testkit::Sandbox;

/// Promotes, and gives the lines of the rendered overlay that changed.
fn change(repo: &Sandbox, dir: &str, args: &[&str]) -> Option<Vec<(String, String)>> {
    let before = rendered(repo, dir)?;
    run(repo, args).stdout(0);
    repo.assert_clean();
    Some(differing(&before, &rendered(repo, dir)?))
}

fn pair(old: &str, new: &str) -> (String, String) {
    (old.to_owned(), new.to_owned())
}

#[test]
fn a_tag() {
    let repo = line();
    let Some(lines) = change(&repo, "apps/web/overlays/staging", &["v1.2.3", "staging"]) else {
        return;
    };
    let image = "- image: registry.example/acme/web";
    assert_eq!(lines, [pair(&format!("{image}:v1.2.2"), &format!("{image}:v1.2.3"))]);
}

#[test]
fn a_tag_with_its_digest_into_another_registry() {
    let repo = line();
    let text = |below: &str| {
        format!("resources: [../../base]\nimages:\n- name: registry.example/acme/web\n{below}")
    };
    save(
        &repo,
        "Pin",
        &[
            (&at("web", "dev"), &text(&format!("  newTag: v2\n  digest: {D1}\n"))),
            (&at("web", "staging"), &text("  newName: mirror.example/web\n  newTag: v1.2.2\n")),
        ],
    );
    let Some(lines) = change(&repo, "apps/web/overlays/staging", &["v2", "staging"]) else {
        return;
    };
    let image = "- image: mirror.example/web";
    assert_eq!(lines, [pair(&format!("{image}:v1.2.2"), &format!("{image}:v2@{D1}"))]);
}

#[test]
fn an_image_field_of_a_patch() {
    let repo = repo(&[("promote.toml", LINE)]);
    app(&repo, "web", &[]);
    let patch = |tag: &str| {
        let text = deployment("web", &format!("registry.example/acme/web:{tag}"));
        text.replace("  selector:\n    matchLabels: {app: web}\n", "")
    };
    for (env, tag) in [("dev", "v2"), ("staging", "v1")] {
        repo.write(&at("web", env), "resources: [../../base]\npatches: [{path: patch.yaml}]\n");
        repo.write(&format!("apps/web/overlays/{env}/patch.yaml"), &patch(tag));
    }
    save(&repo, "Add web", &[]);
    let Some(lines) = change(&repo, "apps/web/overlays/staging", &["v2", "staging"]) else {
        return;
    };
    let image = "- image: registry.example/acme/web";
    assert_eq!(lines, [pair(&format!("{image}:v1"), &format!("{image}:v2"))]);
}

#[test]
fn an_entry_and_an_overlay_that_are_made() {
    let repo = line();
    save(&repo, "No image", &[(&at("web", "staging"), "resources:\n- ../../base\n")]);
    let args = ["web@v1.2.3", "staging", "--create"];
    let Some(lines) = change(&repo, "apps/web/overlays/staging", &args) else { return };
    let image = "- image: registry.example/acme/web";
    assert_eq!(lines, [pair(image, &format!("{image}:v1.2.3"))]);
    repo.git(["rm", "-rq", "apps/web/overlays/prod"]);
    save(&repo, "Drop", &[]);
    run(&repo, &["web@v1.2.3", "prod", "--create"]).stdout(0);
    let staging = rendered(&repo, "apps/web/overlays/staging");
    assert_eq!(rendered(&repo, "apps/web/overlays/prod"), staging);
}

#[test]
fn a_copied_overlay_runs_the_version_that_one_of_several_sources_has() {
    let config = format!(
        "{LINE}from-any = [\"staging\", \"qa\"]\n\n[[environment]]\nname = \"qa\"\nfrom = [\"dev\"]\n"
    );
    let repo = repo(&[("promote.toml", &config)]);
    app(&repo, "web", &[("dev", "v2"), ("staging", "v1"), ("qa", "v2")]);
    save(&repo, "Add web", &[]);
    run(&repo, &["web@v2", "prod", "--create"]).stdout(0);
    assert!(repo.read(&at("web", "prod")).contains("newTag: v2"));
    repo.assert_clean();
}

#[test]
fn a_copied_overlay_runs_the_version_that_was_waived() {
    let more = "\n[[override]]\nrule = \"GP001\"\n";
    let repo = repo(&[("promote.toml", &format!("{LINE}{more}"))]);
    app(&repo, "web", &[("dev", "v2")]);
    save(&repo, "Add web", &[]);
    let args = ["web@v3", "staging", "--create", "--override", "GP001", "--reason", "INC-1"];
    run(&repo, &args).stdout(0);
    assert!(repo.read(&at("web", "staging")).contains("newTag: v3"));
    assert!(repo.read(&at("web", "dev")).contains("newTag: v2"));
    repo.assert_clean();
}

#[test]
fn a_copied_overlay_brings_its_other_images_as_promotions() {
    let repo = repo(&[("promote.toml", LINE)]);
    let text = "images:\n- name: acme/web\n  newTag: v2\n- name: envoy\n  newTag: v9\n";
    save(&repo, "Add web", &[(&at("web", "dev"), text)]);
    let args = ["web@v2", "staging", "--create", "-o", "tsv"];
    let table = run(&repo, &args).stdout(0);
    assert_eq!(
        table.replace('\t', " "),
        "app image to previous version\nweb acme/web staging none v2\nweb envoy staging none v9\n"
    );
    assert_eq!(repo.read(&at("web", "staging")), text);
}
