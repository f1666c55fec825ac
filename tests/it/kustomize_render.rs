//! Renders the worked cases with `kubectl kustomize` before and after: the
//! image that was meant changes, and no other line.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

use promote::kustomize::read_sites;
use promote::model::{ImageRef, SiteKind};

use crate::edit_cases::{Case, own_cases};

/// A Deployment with one container an image.
fn deployment(names: &[String]) -> String {
    let mut text = String::from(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: all}\nspec:\n  selector: {matchLabels: {a: b}}\n  template:\n    metadata: {labels: {a: b}}\n    spec:\n      containers:\n",
    );
    for (index, name) in names.iter().enumerate() {
        writeln!(text, "      - {{name: c{index}, image: {name}}}").unwrap();
    }
    text
}

/// The case's kustomization with the Deployment as its resource; `None` where
/// it cannot be had by adding a line.
fn with_resource(bytes: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let block = !text.trim_start_matches('\u{feff}').starts_with(['{', '%', '?']);
    let single = !text.contains("---") && !text.contains("resources");
    (block && single).then(|| format!("{text}\nresources: [all.yaml]\n").into_bytes())
}

fn render(dir: &Path, case: &Case, bytes: &[u8]) -> Option<String> {
    fs::write(dir.join(case.path().file_name()), with_resource(bytes)?).unwrap();
    let output = Command::new("kubectl").arg("kustomize").arg(dir).output().ok()?;
    output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
}

/// Whether the case could be rendered; a wrong image is a panic.
fn check(case: &Case) -> bool {
    let before = read_sites(&case.path(), &case.before, &[]).unwrap().sites;
    let mut names: Vec<String> = before.iter().map(|site| site.image.clone()).collect();
    names.sort();
    let all = names.len();
    names.dedup();
    if names.len() < all || before.iter().any(|site| site.kind != SiteKind::Kustomize) {
        return false;
    }
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("all.yaml"), deployment(&names)).unwrap();
    let Some(old) = render(dir.path(), case, &case.before) else { return false };
    let new = render(dir.path(), case, &case.after)
        .unwrap_or_else(|| panic!("{}: does not render any more", case.name));
    let name = case.arg("image").unwrap();
    let sites = read_sites(&case.path(), &case.after, &[]).unwrap().sites;
    let site = sites.into_iter().find(|site| site.image == name).unwrap();
    let image = ImageRef { repository: site.repository.unwrap(), pin: site.pin }.to_string();
    let index = names.iter().position(|other| other == name).unwrap();
    let wanted = format!("- image: {image}");
    let at = new.lines().position(|line| line.trim() == wanted);
    let at = at.unwrap_or_else(|| panic!("{}: no `{wanted}` in\n{new}", case.name));
    let container = new.lines().nth(at + 1).unwrap().trim();
    assert_eq!(container, format!("name: c{index}"), "{}", case.name);
    // A tag with a line break, as a block scalar may give one, renders over lines.
    if !old.contains("image: |") {
        assert_eq!(old.lines().count(), new.lines().count(), "{}", case.name);
        let differ = |(old, new): &(&str, &str)| old != new;
        let lines: Vec<_> = old.lines().zip(new.lines()).filter(differ).collect();
        assert!(lines.iter().all(|(_, new)| new.trim() == wanted), "{}: {lines:?}", case.name);
    }
    true
}

#[test]
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn rendering_changes_the_promoted_image_alone() {
    if Command::new("kubectl").arg("version").arg("--client").output().is_err() {
        eprintln!("skip: no kubectl");
        return;
    }
    let mut cases = own_cases();
    cases.retain(|c| c.arg("mode") == Some("kustomize") && c.arg("result") != Some("error"));
    let (left, right) = cases.split_at(cases.len() / 2);
    let count = |cases: &[Case]| cases.iter().filter(|case| check(case)).count();
    let rendered = std::thread::scope(|scope| {
        let other = scope.spawn(|| count(left));
        count(right) + other.join().unwrap()
    });
    assert!(rendered >= 40, "only {rendered} cases could be rendered");
}

/// `name` of an entry is a regular expression, and the last entry wins.
#[test]
fn a_pin_that_changes_no_rendered_image_is_reported() {
    let repo = crate::kit::line();
    let path = crate::kit::at("web", "staging");
    let own = repo.read(&path);
    let text = format!("{own}- name: registry.example/acme/.*\n  newTag: v0.0.1\n");
    crate::kit::save(&repo, "Pin all of acme", &[(&path, &text)]);
    let said = crate::kit::run(&repo, &["web@v1.2.3", "staging"]).text();
    assert!(
        said.contains(&format!("warning: {path}:5 changes no image that is rendered")),
        "{said}"
    );
    assert!(!said.contains("-> registry.example/acme/web:v1.2.3"), "{said}");
    if let Some(rendered) = crate::kit::rendered(&repo, "apps/web/overlays/staging") {
        assert!(rendered.contains("image: registry.example/acme/web:v0.0.1"), "{rendered}");
    }
}
