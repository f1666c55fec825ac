//! Layout and order of environments from directory names alone.
//!
//! A guess may refuse too much, never too little: an environment whose place
//! in the order the names do not tell is undecided, and nothing is promoted
//! into it before `promote.toml` says where it stands.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::{self, Config, LayoutPath, Origin};
use crate::model::{
    Environment, EnvironmentName, Pipeline, RepoPath, Snapshot, SnapshotError, Sources,
};

use super::census::{Census, Container, Style};

/// With more places than this for one kind of layout, `**` stands for them.
const MAX_TEMPLATES: usize = 8;

/// What each word in a directory name says of its place in the order.
const WORDS: [(&str, Standing); 27] = [
    ("dev", Standing::Rank(0)),
    ("develop", Standing::Rank(0)),
    ("development", Standing::Rank(0)),
    ("int", Standing::Rank(1)),
    ("integration", Standing::Rank(1)),
    ("test", Standing::Rank(1)),
    ("testing", Standing::Rank(1)),
    ("tst", Standing::Rank(1)),
    ("qa", Standing::Rank(1)),
    ("stage", Standing::Rank(2)),
    ("staging", Standing::Rank(2)),
    ("stg", Standing::Rank(2)),
    ("uat", Standing::Rank(2)),
    ("preprod", Standing::Rank(2)),
    ("preproduction", Standing::Rank(2)),
    ("prod", Standing::Rank(3)),
    ("production", Standing::Rank(3)),
    ("prd", Standing::Rank(3)),
    ("live", Standing::Rank(3)),
    ("local", Standing::Out),
    ("preview", Standing::Out),
    ("previews", Standing::Out),
    ("sandbox", Standing::Out),
    ("base", Standing::Out),
    ("bases", Standing::Out),
    ("common", Standing::Out),
    ("components", Standing::Out),
];

/// What stands in the names of directories of previews.
const PREVIEW: &str = "-preview-";

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    /// Ordered by the number in front of the name (`01-dev`), or by the word.
    Rank(u32),
    /// No environment of the pipeline.
    Out,
    /// The name does not tell.
    Unknown,
}

/// The whole config, guessed; `None` where no directory looks like an environment.
pub fn guess(snapshot: &dyn Snapshot) -> Result<Option<Config>, SnapshotError> {
    let census = Census::take(snapshot, &|name| matches!(standing(name), Standing::Rank(_)))?;
    let Some((style, containers)) = census.best() else { return Ok(None) };
    let names: BTreeSet<&str> =
        containers.iter().flat_map(|c| c.children.iter().map(String::as_str)).collect();
    let (pipeline, undecided) = order(&names);
    let Ok(pipeline) = Pipeline::new(pipeline) else { return Ok(None) };
    let layout = templates(snapshot, style, containers)?;
    let summary = summary(&pipeline, &layout, &undecided);
    Ok(Some(Config {
        origin: Origin::Guess(config::Guess { summary, undecided }),
        layout,
        ..Config::bare(pipeline)
    }))
}

/// The layout for environments that are known; empty where none is found.
pub fn guess_layout(
    snapshot: &dyn Snapshot,
    pipeline: &Pipeline,
) -> Result<Vec<LayoutPath>, SnapshotError> {
    let census = Census::take(snapshot, &|name| pipeline.by_dir(name).is_some())?;
    match census.best() {
        Some((style, containers)) => templates(snapshot, style, containers),
        None => Ok(Vec::new()),
    }
}

/// What a directory name says: a word of its own, or one of its parts between
/// `-`, `_` and `.`; two parts that say different things say nothing.
fn standing(name: &str) -> Standing {
    let name = name.to_ascii_lowercase();
    // `dev-preview-login` is a copy that `preview create` made.
    if name.contains(PREVIEW) {
        return Standing::Out;
    }
    let (number, rest) = numbered(&name);
    let word = |text: &str| WORDS.iter().find(|(word, _)| *word == text).map(|(_, s)| *s);
    let by_word = word(rest).or_else(|| word(&rest.replace(['-', '_'], ""))).unwrap_or_else(|| {
        let parts = rest.split(['-', '_', '.']).filter_map(word);
        let said: BTreeSet<Standing> = parts.collect();
        match (said.len(), said.first()) {
            (1, Some(standing)) => *standing,
            _ => Standing::Unknown,
        }
    });
    match number {
        Some(number) if by_word != Standing::Out => Standing::Rank(number),
        _ => by_word,
    }
}

/// `01-dev` is 1 and `dev`.
fn numbered(name: &str) -> (Option<u32>, &str) {
    let digits = name.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = name.split_at(digits);
    match (number.parse(), rest.strip_prefix(['-', '_'])) {
        (Ok(number), Some(rest)) if !rest.is_empty() => (Some(number), rest),
        _ => (None, name),
    }
}

/// The environments in their order, and which of them the names do not place.
fn order(names: &BTreeSet<&str>) -> (Vec<Environment>, Vec<EnvironmentName>) {
    let numbered_names = names.iter().filter(|name| numbered(name).0.is_some()).count();
    let mixed = numbered_names > 0 && numbered_names < names.len();
    let mut ranks: BTreeMap<u32, Vec<&str>> = BTreeMap::new();
    let mut unknown = Vec::new();
    for name in names {
        match standing(name) {
            Standing::Rank(rank) if !mixed => ranks.entry(rank).or_default().push(name),
            Standing::Out => {}
            Standing::Rank(_) | Standing::Unknown => unknown.push(*name),
        }
    }
    let mut environments = Vec::new();
    let mut undecided = Vec::new();
    let mut before: Vec<EnvironmentName> = Vec::new();
    for group in ranks.values() {
        let sources = if before.is_empty() { Sources::First } else { Sources::All(before.clone()) };
        let members: Vec<Environment> =
            group.iter().map(|name| environment(name, names, sources.clone())).collect();
        before = members.iter().map(|member| member.name.clone()).collect();
        // One that is not placed may belong before any other.
        if group.len() > 1 || !unknown.is_empty() {
            undecided.extend(before.iter().cloned());
        }
        environments.extend(members);
    }
    for name in unknown {
        let environment = environment(name, names, Sources::First);
        undecided.push(environment.name.clone());
        environments.push(environment);
    }
    (environments, undecided)
}

/// Named without its number, where that is unique.
fn environment(dir: &str, names: &BTreeSet<&str>, sources: Sources) -> Environment {
    let (_, short) = numbered(dir);
    let unique = names.iter().filter(|other| numbered(other).1 == short).count() == 1;
    let name = EnvironmentName::new(if unique { short } else { dir });
    let dirs = vec![dir.to_owned()];
    Environment { dirs, ..Environment::bare(name, sources) }
}

fn templates(
    snapshot: &dyn Snapshot,
    style: Style,
    containers: &[Container],
) -> Result<Vec<LayoutPath>, SnapshotError> {
    let mut texts: BTreeSet<String> = BTreeSet::new();
    for container in containers {
        texts.insert(template(snapshot, (style, containers.len()), container)?);
    }
    if texts.len() > MAX_TEMPLATES {
        let ends: BTreeSet<String> = containers.iter().map(|c| any_depth(style, c)).collect();
        texts = ends;
    }
    let path = |template| LayoutPath { template, fields: Vec::new(), couple: true };
    Ok(texts.into_iter().map(path).collect())
}

/// `apps/web/overlays` becomes `apps/{app}/overlays/{env}`; a single place
/// with the environments on top has its apps, if any, below them.
fn template(
    snapshot: &dyn Snapshot,
    kind: (Style, usize),
    container: &Container,
) -> Result<String, SnapshotError> {
    let (style, count) = kind;
    let path = &container.path;
    let owner = if style == Style::Siblings { Some(path.clone()) } else { path.parent() };
    let names_app = style == Style::Overlays || count > 1;
    if let Some(owner) = owner.filter(|owner| names_app && owner.parent().is_some()) {
        let above = owner.parent().unwrap_or_default();
        let tail = if style == Style::Siblings { "" } else { path.file_name() };
        return Ok(above.join("{app}").join(tail).join("{env}").as_str().replace("//", "/"));
    }
    let environments = path.join("{env}");
    let apps =
        if holds_apps(snapshot, container)? { environments.join("{app}") } else { environments };
    Ok(apps.as_str().to_owned())
}

fn any_depth(style: Style, container: &Container) -> String {
    match style {
        Style::Siblings => "**/{app}/{env}".to_owned(),
        _ => format!("**/{{app}}/{}/{{env}}", container.path.file_name()),
    }
}

/// Whether the environments have no kustomization of their own but directories
/// below them do.
fn holds_apps(snapshot: &dyn Snapshot, container: &Container) -> Result<bool, SnapshotError> {
    let mut below = false;
    for child in &container.children {
        if !matches!(standing(child), Standing::Rank(_)) {
            continue;
        }
        let dir = container.path.join(child);
        if has_kustomization(snapshot, &dir)? {
            return Ok(false);
        }
        for entry in snapshot.list(&dir)?.unwrap_or_default() {
            below |= standing(&entry.name) != Standing::Out
                && has_kustomization(snapshot, &dir.join(&entry.name))?;
        }
    }
    Ok(below)
}

fn has_kustomization(snapshot: &dyn Snapshot, dir: &RepoPath) -> Result<bool, SnapshotError> {
    let entries = snapshot.list(dir)?.unwrap_or_default();
    Ok(entries.iter().any(|entry| crate::kustomize::is_kustomization(&entry.name)))
}

fn summary(pipeline: &Pipeline, layout: &[LayoutPath], undecided: &[EnvironmentName]) -> String {
    let names: Vec<&str> = pipeline
        .environments()
        .iter()
        .filter(|environment| !undecided.contains(&environment.name))
        .map(|environment| environment.name.as_str())
        .collect();
    let paths: Vec<&str> = layout.iter().map(|path| path.template.as_str()).collect();
    let mut text = format!("{} in {}", names.join(" -> "), paths.join(", "));
    if !undecided.is_empty() {
        let undecided: Vec<&str> = undecided.iter().map(EnvironmentName::as_str).collect();
        text = format!("{text}; no order for {}", undecided.join(", "));
    }
    text.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::MemorySnapshot;

    fn guessed(paths: &[&str]) -> Option<String> {
        let files = paths.iter().map(|path| (RepoPath::normalize(path).unwrap(), Vec::new()));
        let config = guess(&MemorySnapshot::new(files)).unwrap()?;
        match config.origin {
            Origin::Guess(guess) => Some(guess.summary),
            _ => None,
        }
    }

    #[test]
    fn overlays_come_first() {
        let found = guessed(&[
            "apps/web/base/kustomization.yaml",
            "apps/web/overlays/dev/kustomization.yaml",
            "apps/web/overlays/production/kustomization.yaml",
            "apps/api/overlays/staging/kustomization.yaml",
            "apps/api/overlays/local/kustomization.yaml",
            "clusters/dev/x.yaml",
            "clusters/prod/x.yaml",
        ]);
        assert_eq!(found.unwrap(), "dev -> staging -> production in apps/{app}/overlays/{env}");
    }

    #[test]
    fn environments_without_manifests_do_not_count() {
        let found = guessed(&[
            "infra/env/dev/main.tf",
            "infra/env/dev/dashboard.json",
            "infra/env/prod/main.tf",
            "deploy/dev/web/values.yaml",
            "deploy/prod/web/values.yaml",
        ]);
        assert_eq!(found.unwrap(), "dev -> prod in deploy/{env}");
    }

    #[test]
    fn numbers_give_the_order() {
        let found = guessed(&["envs/01-blue/a.yaml", "envs/02-green/a.yaml", "envs/03-dev/a.yaml"]);
        assert_eq!(found.unwrap(), "blue -> green -> dev in envs/{env}");
    }

    #[test]
    fn regions_are_not_ordered() {
        let found = guessed(&[
            "envs/qa/a.yml",
            "envs/staging/a.yml",
            "envs/prod-eu/a.yml",
            "envs/prod-us/a.yml",
        ]);
        assert_eq!(found.unwrap(), "qa -> staging in envs/{env}; no order for prod-eu, prod-us");
    }

    #[test]
    fn one_name_that_does_not_tell_leaves_all_undecided() {
        let found = guessed(&["envs/dev/a.yml", "envs/ring1/a.yml", "envs/prod/a.yml"]);
        assert_eq!(found.unwrap(), "in envs/{env}; no order for dev, prod, ring1");
    }

    #[test]
    fn apps_may_lie_below_the_environments() {
        let found = guessed(&[
            "environments/dev/web/kustomization.yaml",
            "environments/prod/web/kustomization.yaml",
        ]);
        assert_eq!(found.unwrap(), "dev -> prod in environments/{env}/{app}");
    }

    #[test]
    fn affixes_count_and_contradictions_do_not() {
        assert_eq!(standing("moc-prod"), Standing::Rank(3));
        assert_eq!(standing("pre-prod"), Standing::Rank(2));
        assert_eq!(standing("dev-test"), Standing::Unknown);
        assert_eq!(standing("dev-preview-prod"), Standing::Out);
        assert_eq!(standing("eu-west"), Standing::Unknown);
        assert!(guessed(&["src/main.rs", "docs/x.md"]).is_none());
    }
}
