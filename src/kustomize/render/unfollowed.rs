//! The fields of a kustomization that are not followed, and those that do
//! nothing to images.

use std::collections::BTreeSet;

use super::context::{Context, Evidence};
use super::resource::Resource;
use super::spec::Spec;
use super::value::{Place, Value};
use super::{charts, configuration, document, load};
use crate::model::{EntryKind, RepoPath, SnapshotError};

/// How many files below a directory go into its hash.
const MAX_FILES: usize = 2_000;

/// Tells of generators, plugins and charts, which make objects of their own;
/// `true` where there are any.
pub(super) fn makers(
    ctx: &mut Context<'_>,
    dir: &RepoPath,
    spec: &Spec,
) -> Result<bool, SnapshotError> {
    let mut any = false;
    for (text, at) in spec.texts(ctx, "generators") {
        any = true;
        if let Some(charts) = charts_of(ctx, dir, &text, at)? {
            for chart in charts {
                ctx.apart(|ctx| charts::chart(ctx, dir, &chart, None))?;
            }
            continue;
        }
        let evidence = content(ctx, dir, &text, Evidence::text(&text))?;
        ctx.apart(|ctx| ctx.opaque(at, "a generator", evidence));
    }
    for field in ["helmCharts", "helmChartInflationGenerator"] {
        let globals = spec.given("helmGlobals").cloned();
        for chart in spec.list(ctx, field) {
            any = true;
            ctx.apart(|ctx| charts::chart(ctx, dir, &chart, globals.as_ref()))?;
        }
    }
    Ok(any)
}

/// The charts of a generator file that holds nothing else.
fn charts_of(
    ctx: &mut Context<'_>,
    dir: &RepoPath,
    text: &str,
    at: Place,
) -> Result<Option<Vec<Value>>, SnapshotError> {
    let file = dir.resolve(text).filter(|_| !text.contains('\n'));
    let Some(path) = file else { return Ok(None) };
    if ctx.snapshot.kind(&path)? != Some(EntryKind::File) || !path.is_within(dir) {
        return Ok(None);
    }
    let Some((_, text)) = load::file(ctx, dir, text, at)? else { return Ok(None) };
    let start = Place { file: ctx.file(&path), line: 1 };
    let documents = document::all(ctx, document::Source { text: &text, at: start });
    let inflates = |document: &Value| {
        document.shown_at("kind") == "HelmChartInflationGenerator"
            && document.shown_at("apiVersion") == "builtin"
    };
    let charts = !documents.is_empty() && documents.iter().all(inflates);
    Ok(charts.then_some(documents))
}

/// Tells of what changes how all the rest is read or changed; `true` where
/// `images:` may apply to more than what is known to be an image.
pub(super) fn changers(
    ctx: &mut Context<'_>,
    dir: &RepoPath,
    spec: &Spec,
    resources: &[Resource],
) -> Result<bool, SnapshotError> {
    let mut open = false;
    for (text, at) in spec.texts(ctx, "transformers") {
        let evidence = content(ctx, dir, &text, Evidence::text(&text))?;
        let evidence = resources.iter().fold(evidence, |all, one| all.and(&one.value));
        ctx.opaque(at, "a transformer", evidence);
    }
    for (text, at) in spec.texts(ctx, "configurations") {
        open |= configuration::follow(ctx, dir, (&text, at), resources)?;
    }
    for (text, at) in spec.texts(ctx, "crds") {
        let evidence = content(ctx, dir, &text, Evidence::text(&text))?;
        let evidence = resources.iter().fold(evidence, |all, one| all.and(&one.value));
        ctx.opaque(at, "a schema in `crds`", evidence);
    }
    if let Some(openapi) = spec.given("openapi") {
        let path = openapi.shown_at("path").to_owned();
        let evidence = content(ctx, dir, &path, Evidence::text(&path))?.and(openapi);
        let evidence = resources.iter().fold(evidence, |all, one| all.and(&one.value));
        ctx.opaque(openapi.at, "a schema of its own (`openapi`)", evidence);
    }
    for (text, at) in spec.texts(ctx, "validators") {
        // They may change nothing, but are run.
        let evidence = content(ctx, dir, &text, Evidence::text(&text))?;
        ctx.apart(|ctx| ctx.opaque(at, "a validator", evidence));
    }
    build_metadata(ctx, dir, spec);
    Ok(open)
}

/// Annotations that kustomize adds name paths.
fn build_metadata(ctx: &mut Context<'_>, dir: &RepoPath, spec: &Spec) {
    let odd = |path: &RepoPath| path.as_str().contains([':', '@']);
    let given = spec.given("buildMetadata");
    if let Some(given) = given.filter(|_| odd(dir) || ctx.files.iter().any(odd)) {
        ctx.opaque(given.at, "annotations of odd paths", Evidence::value(given));
    }
}

/// The content of a path or inline text: of a file, or of all files below a
/// directory, and of the files that they name.
pub(super) fn content(
    ctx: &mut Context<'_>,
    dir: &RepoPath,
    text: &str,
    mut evidence: Evidence,
) -> Result<Evidence, SnapshotError> {
    let inline = text.contains('\n') || text.contains("://") || text.is_empty();
    let Some(path) = dir.resolve(text).filter(|_| !inline) else {
        return mentioned(ctx, dir, text, evidence);
    };
    let mut open = vec![path];
    let mut seen = 0;
    while let Some(path) = open.pop() {
        seen += 1;
        if seen > MAX_FILES {
            return Ok(evidence.partial());
        }
        // What is looked at as a whole is the same elsewhere.
        let whole = if text == "." { dir.as_str() } else { "" };
        let name = path.as_str().strip_prefix(whole).unwrap_or(path.as_str()).to_owned();
        let part = if whole.is_empty() { None } else { charts::part(ctx, dir, &path)? };
        if matches!(part, Some(charts::Part::Lock)) {
            ctx.files.insert(path);
            continue;
        }
        evidence = evidence.and_bytes(name.as_bytes());
        if ctx.snapshot.kind(&path)? == Some(EntryKind::Directory) {
            let entries = ctx.snapshot.list(&path)?.unwrap_or_default();
            open.extend(entries.iter().map(|entry| path.join(&entry.name)));
            continue;
        }
        if let Some(charts::Part::Values(values)) = part {
            ctx.files.insert(path.clone());
            evidence = evidence.and(&values);
        } else {
            evidence = file(ctx, &path, evidence)?;
        }
        let text = ctx.snapshot.read(&path)?.unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        let here = path.parent().unwrap_or_default();
        evidence = mentioned(ctx, &here, &text, evidence)?;
        if here != *dir {
            evidence = mentioned(ctx, dir, &text, evidence)?;
        }
    }
    Ok(evidence)
}

/// Adds the content of a file, where there is one.
fn file(
    ctx: &mut Context<'_>,
    path: &RepoPath,
    evidence: Evidence,
) -> Result<Evidence, SnapshotError> {
    let evidence = match ctx.snapshot.read(path)? {
        Some(bytes) => evidence.and_bytes(&bytes),
        None if ctx.is_hidden(path)? => evidence.partial(),
        None => return Ok(evidence),
    };
    ctx.files.insert(path.clone());
    Ok(evidence)
}

/// Adds the files that a text may name, and those that these may name. A
/// directory may lead anywhere.
fn mentioned(
    ctx: &mut Context<'_>,
    dir: &RepoPath,
    text: &str,
    mut evidence: Evidence,
) -> Result<Evidence, SnapshotError> {
    let mut met = BTreeSet::new();
    let mut open = vec![(dir.clone(), text.to_owned())];
    while let Some((from, text)) = open.pop() {
        for word in super::mention::words(&text) {
            // A script names files as seen from where it is run, too.
            for dir in BTreeSet::from([&from, dir]) {
                let Some(path) = dir.resolve(word).filter(|path| path != dir) else { continue };
                if !met.insert(path.clone()) {
                    continue;
                }
                if met.len() > MAX_FILES {
                    return Ok(evidence.partial());
                }
                if ctx.snapshot.kind(&path)? == Some(EntryKind::Directory) {
                    evidence = evidence.partial();
                    continue;
                }
                evidence = file(ctx, &path, evidence)?;
                if let Some(bytes) = ctx.snapshot.read(&path)? {
                    let text = String::from_utf8_lossy(&bytes).into_owned();
                    open.push((path.parent().unwrap_or_default(), text));
                }
            }
        }
    }
    Ok(evidence)
}
