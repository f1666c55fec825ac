//! Small overlays, one for each feature and trap: what the resolver finds is
//! held in `expected.txt`, and where it follows everything, kustomize renders
//! the same images. `PROMOTE_UPDATE_FIXTURES=1` writes the files anew.

use std::fs;
use std::path::{Path, PathBuf};

use promote::kustomize::render::{Rendered, render};
use promote::model::{MemorySnapshot, RepoPath};

use crate::krew::skip;
use crate::render_compare::{Disk, Outcome, compare, kustomize, lines};

/// The directories of all cases.
pub(crate) fn cases() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/render");
    let mut cases: Vec<PathBuf> =
        fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    cases
}

/// What the resolver found, as the files hold it.
fn shown(rendered: &Rendered) -> String {
    let mut text = String::new();
    for opaque in &rendered.opaque {
        text.push_str(&format!("opaque {}:{} {}\n", opaque.path, opaque.line, opaque.what));
    }
    for image in &rendered.images {
        let (path, line) = &image.origin;
        text.push_str(&format!("{:?} {} {} ", image.kind, image.object, image.field));
        text.push_str(&format!("{} from {path}:{line}", image.reference));
        if let Some((path, line)) = &image.set_by {
            text.push_str(&format!(" set by {path}:{line}"));
        }
        text.push('\n');
    }
    text
}

#[test]
fn every_case_renders_as_expected() {
    let prod = RepoPath::normalize("prod").unwrap();
    let mut wrong = String::new();
    let cases = cases();
    assert!(cases.len() >= 120, "only {} cases", cases.len());
    for case in cases {
        let found = shown(&render(&Disk(case.clone()), &prod).unwrap());
        let file = case.join("expected.txt");
        if std::env::var_os("PROMOTE_UPDATE_FIXTURES").is_some() {
            fs::write(&file, &found).unwrap();
        }
        let expected = fs::read_to_string(&file).unwrap_or_default();
        if found != expected {
            wrong.push_str(&format!("{}:\n{expected}-- but found --\n{found}\n", case.display()));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn kustomize_renders_what_the_resolver_follows() {
    if kustomize().is_none() {
        skip("neither kustomize nor kubectl of 5.5, the fixtures were not rendered by it");
        return;
    }
    let mut agree = 0;
    let mut wrong = String::new();
    for case in cases() {
        match compare(&case, "prod").1 {
            Outcome::Agree => agree += 1,
            Outcome::Opaque => {}
            Outcome::Refused(said) => {
                wrong.push_str(&format!("{}: refused: {said}\n", case.display()));
            }
            Outcome::Disagree(said) => wrong.push_str(&format!("{}:\n{said}\n", case.display())),
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(agree >= 60, "only {agree} cases are followed");
}

fn memory(files: &[(&str, &str)]) -> MemorySnapshot {
    MemorySnapshot::new(
        files
            .iter()
            .map(|(path, text)| (RepoPath::normalize(path).unwrap(), text.as_bytes().to_vec())),
    )
}

#[test]
fn what_is_opaque_alike_has_the_same_hash() {
    let dir = RepoPath::normalize("prod").unwrap();
    let with = |resource: &str, tag: &str| {
        let text = format!("resources: ['{resource}']\nimages: [{{name: web, newTag: {tag}}}]\n");
        render(&memory(&[("prod/kustomization.yaml", &text)]), &dir).unwrap()
    };
    let base = with("https://example.org/x?ref=v1", "v1");
    let tagged = with("https://example.org/x?ref=v1", "v2");
    let moved = with("https://example.org/x?ref=v2", "v1");
    assert_eq!(base.opaque, tagged.opaque);
    assert_ne!(base.opaque, moved.opaque);
    // The entry shows the version that the unknown objects are given.
    assert_eq!(base.images.len(), 1);
    assert_eq!(base.images[0].reference, "web:v1");
    assert_eq!(tagged.images[0].reference, "web:v2");
}

#[test]
fn hostile_input_is_bounded() {
    let dir = RepoPath::root();
    let deep =
        format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nx: {}", "[".repeat(50_000));
    let braces = format!("{}1{}", "{a: ".repeat(20_000), "}".repeat(20_000));
    let json = format!("[{}]", vec!["{op: copy, from: /spec, path: /spec/x}"; 5_000].join(","));
    let patch =
        format!("resources: [p.yaml]\npatches:\n- target: {{kind: Pod}}\n  patch: '{json}'\n");
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {a: b}\n";
    let mut wide = "resources:\n".to_owned();
    wide.push_str(&"- ./sub\n".repeat(50_000));
    for files in [
        vec![("kustomization.yaml", "resources: [p.yaml]\n"), ("p.yaml", deep.as_str())],
        vec![("kustomization.yaml", braces.as_str())],
        vec![("kustomization.yaml", patch.as_str()), ("p.yaml", pod)],
        vec![
            ("kustomization.yaml", wide.as_str()),
            ("sub/kustomization.yaml", "resources: [p.yaml]"),
            ("sub/p.yaml", pod),
        ],
    ] {
        let rendered = render(&memory(&files), &dir).unwrap();
        assert!(!rendered.opaque.is_empty(), "{}", files[0].1.get(..40).unwrap_or_default());
        assert!(lines(&rendered.images).is_empty());
    }
}
