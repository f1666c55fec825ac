//! Transformer configurations: followed where they say nothing of images, and
//! known by what they can reach where they say it of annotations alone.

use super::context::{Context, Evidence};
use super::resource::{self, Resource};
use super::value::{Place, Value};
use super::{document, load};
use crate::model::{RepoPath, SnapshotError};

/// Fields that leave images alone, wherever they lead.
const HARMLESS: [&str; 5] =
    ["nameReference", "commonLabels", "commonAnnotations", "labels", "templateLabels"];

/// What a document of a configuration can do to images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    Nothing,
    /// Annotations: `images:` applies to these as well.
    Annotations,
    Anything,
}

/// Tells of a configuration, if there is anything to tell; `true` where
/// `images:` applies to annotations.
pub(super) fn follow(
    ctx: &mut Context<'_>,
    dir: &RepoPath,
    (text, at): (&str, Place),
    resources: &[Resource],
) -> Result<bool, SnapshotError> {
    let Some((path, text)) = load::file(ctx, dir, text, at)? else { return Ok(false) };
    let start = Place { file: ctx.file(&path), line: 1 };
    let documents = document::all(ctx, document::Source { text: &text, at: start });
    let reach = documents.iter().map(reach).max().unwrap_or(Reach::Nothing);
    let evidence = match reach {
        Reach::Nothing => return Ok(false),
        Reach::Annotations => {
            resources.iter().fold(Evidence::default(), |all, one| annotations(&one.value, all))
        }
        Reach::Anything => resource::evidence(resources),
    };
    let evidence = documents.iter().fold(evidence, Evidence::and);
    ctx.opaque(start, "a transformer configuration", evidence);
    Ok(reach == Reach::Annotations)
}

fn reach(document: &Value) -> Reach {
    let of = |(key, value): &(String, Value)| match key.as_str() {
        // Variables are looked for wherever they may stand.
        "varReference" => Reach::Nothing,
        "namespace" if value.items().iter().all(sets_namespace) => Reach::Nothing,
        "images" if value.items().iter().all(is_annotation) => Reach::Annotations,
        key if HARMLESS.contains(&key) && !value.any(&mut names_image) => Reach::Nothing,
        _ => Reach::Anything,
    };
    document.pairs().iter().map(of).max().unwrap_or(Reach::Nothing)
}

/// Whether a field spec leads to a field called `namespace`.
fn sets_namespace(spec: &Value) -> bool {
    let path = spec.shown_at("path");
    path.ends_with("/namespace") && !spec.any(&mut names_image)
}

/// Whether a scalar names a field that may hold an image.
fn names_image(value: &Value) -> bool {
    let text = value.shown().to_ascii_lowercase();
    text.contains("image") || text.contains("containers")
}

/// Whether a field spec leads to one annotation.
fn is_annotation(spec: &Value) -> bool {
    let path = spec.shown_at("path").replace("\\/", "");
    let Some((above, _)) = path.rsplit_once('/') else { return false };
    let parts: Vec<&str> = above.rsplit('/').take(2).collect();
    matches!(*parts.as_slice(), ["annotations", "metadata"])
}

/// Adds every annotation of an object, at any depth, to the evidence.
fn annotations(value: &Value, mut evidence: Evidence) -> Evidence {
    for (key, below) in value.pairs() {
        evidence =
            if key == "annotations" { evidence.and(below) } else { annotations(below, evidence) };
    }
    value.items().iter().fold(evidence, |evidence, item| annotations(item, evidence))
}
