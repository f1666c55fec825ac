//! What must hold of any bytes: the fuzz targets call these functions, and so
//! do the tests on stable Rust (`tests/hostile/mutate.rs`).

use promote::config::{FieldSpec, from_files, from_toml, import_environments_yaml, to_toml};
use promote::kustomize::{Change, read_sites, refs, set_pins};
use promote::model::{FileChange, Pin, RepoPath};

/// Nothing but the spans of the edits is another.
pub(crate) fn only_spans_differ(change: &FileChange) {
    let old = change.old.as_deref().expect("an edit has a text before");
    let mut new = Vec::new();
    let mut done = 0;
    for edit in &change.edits {
        new.extend_from_slice(&old[done..edit.span.start]);
        new.extend_from_slice(edit.replacement.as_ref());
        done = edit.span.end;
    }
    new.extend_from_slice(&old[done..]);
    assert_eq!(new, change.new, "bytes outside of the edits are others");
}

/// Every version that is found in the bytes can be changed or is refused; a
/// changed one is found again, and a second change finds nothing to do.
pub(crate) fn editor(bytes: &[u8]) {
    let field = |path: &str, image| FieldSpec { path: path.to_owned(), image };
    let fields = [field("image.tag", false), field("spec.images[*]", true)];
    let pins = [
        ("v9.9.9", None),
        ("1.10", Some("sha256:1111111111111111111111111111111111111111111111111111111111111111")),
    ];
    for name in ["kustomization.yaml", "deployment.yaml"] {
        let path = RepoPath::normalize(name).expect("it is a path");
        let _refs = refs(&path, bytes);
        let Ok(found) = read_sites(&path, bytes, &fields) else { continue };
        for site in found.sites.iter().take(4) {
            for (tag, digest) in pins {
                let pin = Pin {
                    tag: tag.parse().ok(),
                    digest: digest.and_then(|digest: &str| digest.parse().ok()),
                };
                let change = Change::new(site.target.clone(), pin);
                let Ok(changed) = set_pins(&path, bytes, std::slice::from_ref(&change)) else {
                    continue;
                };
                only_spans_differ(&changed);
                let again = set_pins(&path, &changed.new, &[change]);
                let again = again.expect("what was edited can be edited");
                assert!(again.edits.is_empty(), "a second edit finds something to do");
                let there = read_sites(&path, &changed.new, &fields).expect("it can be read");
                let kept = there.sites.iter().any(|now| now.target == site.target);
                assert!(kept, "the place is gone");
            }
        }
    }
}

/// A config that is read is written so that it reads the same.
pub(crate) fn config(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _imported = import_environments_yaml(text);
    }
    for config in [from_files(Some(bytes), None), from_files(None, Some(bytes))] {
        let Ok(Some(config)) = config else { continue };
        let written = to_toml(&config, &[]);
        let mut read = from_toml(&written).expect("what is written can be read");
        read.origin = config.origin.clone();
        assert_eq!(read, config, "it reads otherwise once it is written");
    }
}
