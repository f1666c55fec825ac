//! Helm charts that a kustomization inflates: which chart it is, is opaque;
//! its settings are looked through for what names an image.

use super::context::{Context, Evidence};
use super::reference;
use super::unfollowed::content;
use super::value::{Form, Kind, Value};
use super::{ImageKind, RenderedImage, Source, data_chart, document, load};
use crate::kustomize::file::step;
use crate::model::{RepoPath, SnapshotError};

/// Fields of a chart that hold its settings, or files of them.
const SETTINGS: [&str; 4] = ["valuesInline", "valuesFile", "additionalValuesFiles", "values"];

/// How keys end that say which image, and which version of it.
pub(super) const NAMES: [&str; 7] =
    ["image", "tag", "digest", "repository", "registry", "version", "sha"];

/// Tells of a chart, and of what its settings say of images.
pub(super) fn chart(
    ctx: &mut Context<'_>,
    dir: &RepoPath,
    chart: &Value,
    globals: Option<&Value>,
) -> Result<(), SnapshotError> {
    let name = match chart.shown_at("name") {
        "" => chart.shown_at("chartName").to_owned(),
        name => name.to_owned(),
    };
    let owner = owner(chart, &name);
    ctx.charts.insert(owner.1.clone());
    let settled = |key: &String| SETTINGS.contains(&key.as_str());
    let own: Vec<_> = chart.pairs().iter().filter(|(key, _)| !settled(key)).cloned().collect();
    let mut evidence = Evidence::value(&Value::map(chart.at, own));
    if let Some(globals) = globals {
        evidence = evidence.and(globals);
    }
    let home = [chart.shown_at("chartHome"), globals.map_or("", |g| g.shown_at("chartHome"))];
    let home = home.into_iter().find(|home| !home.is_empty()).unwrap_or("charts");
    let version = chart.shown_at("version");
    let mut source = named((chart, globals), &name, version);
    if is_odd(chart, globals, (&name, version)) {
        (evidence, source) = (evidence.partial(), None);
    }
    for path in configs(dir, chart, globals) {
        // Helm reads its settings there, and runs what it finds as plugins.
        if ctx.is_hidden(&path)? {
            (evidence, source) = (evidence.partial(), None);
        } else if ctx.snapshot.list(&path)?.is_some() {
            (evidence, source) = (content(ctx, &path, ".", evidence)?, None);
        }
    }
    // A chart that was pulled lies in a directory that is named by its version.
    for place in [name.clone(), format!("{name}-{version}")] {
        let Some(path) = dir.resolve(home).map(|home| home.join(&place)) else { continue };
        if ctx.is_hidden(&path)? {
            // What lies behind a link is not looked at.
            (evidence, source) = (evidence.partial(), None);
        } else if ctx.snapshot.list(&path)?.is_some() {
            evidence = content(ctx, &path, ".", evidence)?;
            source = local(ctx, &path, &name)?;
        }
    }
    // What it is set to matters where something may copy from its objects.
    let set = values_of(ctx, dir, chart, evidence.clone())?;
    let told = ("a Helm chart".to_owned(), source);
    let whole = ctx.described(chart.at, told.clone(), set);
    let place = dir.resolve(home).map(|home| home.join(&name));
    let data = match place {
        Some(place) => data_chart::is_data(ctx, (dir, &place), chart, globals)?,
        None => false,
    };
    let part = (!data).then(|| ctx.described(chart.at, told, evidence));
    ctx.marked.push(whole.clone());
    ctx.tell_part(part, whole);
    all_settings(ctx, dir, chart, &owner)
}

/// The directories of helm's own settings.
fn configs<'c>(
    dir: &'c RepoPath,
    chart: &'c Value,
    globals: Option<&'c Value>,
) -> impl Iterator<Item = RepoPath> + 'c {
    let all = std::iter::once(chart).chain(globals).map(|value| value.shown_at("configHome"));
    all.filter(|home| !home.is_empty()).filter_map(|home| dir.resolve(home))
}

/// Takes what all settings of a chart say of images.
fn all_settings(
    ctx: &mut Context<'_>,
    dir: &RepoPath,
    chart: &Value,
    owner: &Owner,
) -> Result<(), SnapshotError> {
    for (_, value) in chart.pairs().iter().filter(|(key, _)| SETTINGS.contains(&key.as_str())) {
        if matches!(value.kind, Kind::Map(_)) {
            settings(ctx, owner, value, "");
            continue;
        }
        let files =
            if value.items().is_empty() { std::slice::from_ref(value) } else { value.items() };
        for file in files.iter().filter(|file| !file.shown().is_empty()) {
            let Some((path, text)) = load::file(ctx, dir, file.shown(), file.at)? else { continue };
            let start = super::value::Place { file: ctx.file(&path), line: 1 };
            for found in document::all(ctx, document::Source { text: &text, at: start }) {
                settings(ctx, owner, &found, "");
            }
        }
    }
    Ok(())
}

/// Keys of a chart, of the generator that inflates one, and of the settings for
/// all of them (kustomize 5.5). It reads them whatever their case.
const KEYS: [&str; 29] = [
    "additionalValuesFiles",
    "apiVersion",
    "apiVersions",
    "chartHome",
    "chartName",
    "chartRepo",
    "chartVersion",
    "configHome",
    "debug",
    "devel",
    "helmBin",
    "helmHome",
    "includeCRDs",
    "kind",
    "kubeVersion",
    "metadata",
    "name",
    "nameTemplate",
    "namespace",
    "releaseName",
    "releaseNamespace",
    "repo",
    "skipHooks",
    "skipTests",
    "values",
    "valuesFile",
    "valuesInline",
    "valuesMerge",
    "version",
];

/// Whether a chart is named in a way by which helm finds another one than is
/// looked at here: other keys, a name or version that is a path, a home that
/// is no directory of the repository.
fn is_odd(chart: &Value, globals: Option<&Value>, (name, version): (&str, &str)) -> bool {
    let all = || std::iter::once(chart).chain(globals);
    let unknown = all().flat_map(Value::pairs).any(|(key, _)| !KEYS.contains(&key.as_str()));
    let homes = all().map(|value| value.shown_at("chartHome"));
    let path = |text: &str| text.contains(['/', '\\']) || text.contains("..");
    unknown || path(name) || path(version) || homes.into_iter().any(|home| home.starts_with('/'))
}

/// What a file of a chart comes to.
pub(super) enum Part {
    /// Its values, however they are written.
    Values(Value),
    /// Nothing: it says which dependencies were taken, and there are none.
    Lock,
}

/// Whether a chart may have dependencies.
pub(super) fn depends(chart: &str) -> bool {
    let mut lines = chart.lines().filter(|line| !line.starts_with('#'));
    let says = |line: &str| line.contains('\\') || line.to_lowercase().contains("dependenc");
    !chart.is_ascii() || lines.any(says)
}

/// What a file comes to for helm, where that is less than its bytes.
pub(super) fn part(
    ctx: &Context<'_>,
    home: &RepoPath,
    path: &RepoPath,
) -> Result<Option<Part>, SnapshotError> {
    if *path == home.join("Chart.lock") {
        let chart = ctx.snapshot.read(&home.join("Chart.yaml"))?.unwrap_or_default();
        let chart = String::from_utf8_lossy(&chart);
        return Ok((!depends(&chart)).then_some(Part::Lock));
    }
    if *path != home.join("values.yaml") {
        return Ok(None);
    }
    let bytes = ctx.snapshot.read(path)?.unwrap_or_default();
    let Ok(text) = std::str::from_utf8(&bytes) else { return Ok(None) };
    let mut apart = Context::new(ctx.snapshot);
    let at = super::value::Place { file: apart.file(path), line: 1 };
    let mut found = document::all(&mut apart, document::Source { text, at });
    let plain = found.len() == 1 && apart.opaque.is_empty() && !apart.cut;
    Ok(found.pop().filter(|_| plain).map(Part::Values))
}

/// All settings of a chart.
fn values_of(
    ctx: &Context<'_>,
    dir: &RepoPath,
    chart: &Value,
    evidence: Evidence,
) -> Result<Evidence, SnapshotError> {
    let mut evidence = evidence.and(chart);
    let one = chart.get("valuesFile").into_iter();
    let more = chart.get("additionalValuesFiles").map_or(&[][..], Value::items);
    for path in one.chain(more).filter_map(|name| dir.resolve(name.raw()?)) {
        evidence = evidence.and_bytes(&ctx.snapshot.read(&path)?.unwrap_or_default());
    }
    Ok(evidence)
}

/// A chart of a repository, and its version.
fn named((chart, globals): (&Value, Option<&Value>), name: &str, version: &str) -> Option<Source> {
    let repo = match chart.shown_at("repo") {
        "" => chart.shown_at("chartRepo"),
        repo => repo,
    };
    let known = !repo.is_empty() && !version.is_empty();
    let said = |key: &String| key != "version" && !SETTINGS.contains(&key.as_str());
    let rest: Vec<_> = chart.pairs().iter().filter(|(key, _)| said(key)).cloned().collect();
    let rest = Evidence::value(&Value::map(chart.at, rest));
    let rest = globals.map_or(rest.clone(), |globals| rest.and(globals));
    known.then(|| Source {
        rest: rest.digest(),
        name: format!("the chart {}/{name}", repo.trim_end_matches('/')),
        version: version.to_owned(),
        local: false,
    })
}

/// A chart that lies in the repository, and the version that it says it has.
fn local(ctx: &Context<'_>, path: &RepoPath, name: &str) -> Result<Option<Source>, SnapshotError> {
    let text = ctx.snapshot.read(&path.join("Chart.yaml"))?.unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let version = text.lines().find_map(|line| line.strip_prefix("version:"));
    Ok(version.map(|version| Source {
        name: format!("the chart {name}"),
        version: version.trim().trim_matches(['"', '\'']).to_owned(),
        local: true,
        rest: [0; 32],
    }))
}

/// A chart by its name, and told apart from others of that name.
type Owner = (String, String);

fn owner(chart: &Value, name: &str) -> Owner {
    let of = |keys: [&str; 2]| {
        keys.into_iter().map(|key| chart.shown_at(key)).find(|text| !text.is_empty())
    };
    let mut title = format!("chart {name}");
    if let Some(release) = of(["releaseName", "nameTemplate"]) {
        title = format!("{title} as {release}");
    }
    if let Some(namespace) = of(["namespace", "releaseNamespace"]) {
        title = format!("{title} in {namespace}");
    }
    (name.to_owned(), title)
}

/// The settings that name an image or a version, as they are said.
fn settings(ctx: &mut Context<'_>, owner: &Owner, value: &Value, path: &str) {
    match &value.kind {
        Kind::Scalar(text, form) => {
            let key = path.rsplit(['.', ']']).next().unwrap_or(path).to_ascii_lowercase();
            let named = NAMES.iter().any(|name| key.ends_with(name));
            if *form != Form::Null && (named || reference::is_image_like(text)) {
                let origin = ctx.place(value.at);
                ctx.settings.push(RenderedImage {
                    kind: ImageKind::Setting,
                    object: owner.1.clone(),
                    field: path.to_owned(),
                    reference: format!("{} {path}={text}", owner.0),
                    origin,
                    set_by: None,
                });
            }
        }
        Kind::Map(pairs) => {
            for (key, value) in pairs {
                let dot = if path.is_empty() { "" } else { "." };
                settings(ctx, owner, value, &format!("{path}{dot}{}", step(key)));
            }
        }
        Kind::List(items) => {
            for (index, item) in items.iter().enumerate() {
                settings(ctx, owner, item, &format!("{path}[{index}]"));
            }
        }
    }
}
