//! Every overlay of real repositories, rendered by both.
//!
//! `PROMOTE_RENDER_REPOS=<folder of clones> cargo test -- --ignored real_overlays`
//! prints the table that stands in `docs/resolver.md`. With
//! `PROMOTE_RENDER_WHY=1` it says why an overlay is opaque.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use promote::kustomize::is_kustomization;

use crate::krew::skip;
use crate::render_compare::{Outcome, compare, kustomize, rendered_by_kustomize};

/// All directories with a kustomization, relative to `root`.
fn overlays(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![root.to_path_buf()];
    while let Some(dir) = open.pop() {
        let mut here = false;
        for entry in fs::read_dir(&dir).unwrap() {
            let entry = entry.unwrap();
            let kind = entry.file_type().unwrap();
            if kind.is_dir() && entry.file_name() != ".git" {
                open.push(entry.path());
            }
            here |= !kind.is_dir() && is_kustomization(&entry.file_name().to_string_lossy());
        }
        if here {
            found.push(dir.strip_prefix(root).unwrap().to_string_lossy().into_owned());
        }
    }
    found.sort();
    found
}

#[derive(Default)]
struct Count {
    overlays: usize,
    builds: usize,
    agree: usize,
    opaque: usize,
    images: usize,
    refused: usize,
    disagree: usize,
}

fn say(text: &str) {
    writeln!(std::io::stderr(), "{text}").unwrap();
}

fn repository(root: &Path, name: &str, why: &mut BTreeMap<String, usize>) -> Count {
    let explain = std::env::var_os("PROMOTE_RENDER_WHY").is_some();
    let mut count = Count::default();
    for dir in overlays(root) {
        count.overlays += 1;
        let (ours, outcome) = compare(root, &dir);
        match outcome {
            Outcome::Agree => {
                count.agree += 1;
                count.builds += 1;
                count.images += ours.images.len();
            }
            Outcome::Opaque if rendered_by_kustomize(&root.join(&dir)).is_ok() => {
                count.opaque += 1;
                count.builds += 1;
                for opaque in &ours.opaque {
                    let what = opaque.what.split('`').next().unwrap_or_default().to_owned();
                    *why.entry(what).or_default() += 1;
                    if explain {
                        say(&format!(
                            "{name}/{dir}: {}:{}: {}",
                            opaque.path, opaque.line, opaque.what
                        ));
                    }
                }
            }
            Outcome::Opaque => {}
            Outcome::Refused(said) => {
                count.refused += 1;
                if explain {
                    say(&format!("{name}/{dir}: kustomize refuses: {said}"));
                }
            }
            Outcome::Disagree(said) => {
                count.disagree += 1;
                say(&format!("DISAGREE {name}/{dir}:\n{said}"));
            }
        }
    }
    count
}

#[test]
#[ignore = "needs a folder of clones"]
fn real_overlays_render_alike() {
    let Some(folder) = std::env::var_os("PROMOTE_RENDER_REPOS").map(PathBuf::from) else {
        skip("PROMOTE_RENDER_REPOS is not set");
        return;
    };
    if kustomize().is_none() {
        skip("no kustomize 5.5");
        return;
    }
    let mut names: Vec<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    let mut why = BTreeMap::new();
    let mut wrong = 0;
    say("| repository | overlays | build offline | agree | opaque | disagree | images |");
    say("|---|---|---|---|---|---|---|");
    for name in names {
        let Count { overlays, builds, agree, opaque, images, refused, disagree } =
            repository(&folder.join(&name), &name, &mut why);
        let builds = builds + disagree;
        say(&format!(
            "| {} | {overlays} | {builds} | {agree} | {opaque} | {disagree} | {images} | refused {refused}",
            name.replace('+', "/")
        ));
        wrong += disagree;
    }
    for (what, count) in why {
        say(&format!("{count:6} {what}"));
    }
    assert_eq!(wrong, 0);
}
