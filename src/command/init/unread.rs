//! Versions in Helm values that nothing finds by itself: which `fields` would
//! declare them.
//!
//! A search over lines, no reading of YAML: it only has to tell where a person
//! should look.

use std::collections::BTreeSet;

use crate::config::Config;
use crate::discover::{self, Overlay};
use crate::model::{EntryKind, RepoPath, Snapshot, SnapshotError};

/// No more notes than this.
const MAX_NOTES: usize = 3;
/// No more files than this are looked into.
const MAX_FILES: usize = 20_000;
/// Directories deeper than this are not looked at.
const MAX_DEPTH: usize = 10;
/// File names that do not name an app.
const GENERIC: [&str; 5] = ["values", "helmrelease", "helm-release", "release", "application"];

/// One note for each field that would be worth declaring, with a file that
/// has it.
pub(super) fn notes(
    snapshot: &dyn Snapshot,
    config: &Config,
    overlays: Vec<Overlay>,
) -> Result<Vec<String>, SnapshotError> {
    let inventory = discover::read(snapshot, config, overlays, &|_| true)?;
    let sites = inventory.cells.values().flat_map(|cell| &cell.sites);
    let read: BTreeSet<(&RepoPath, u32)> = sites.map(|site| (&site.path, site.line)).collect();
    let mut notes: Vec<(String, String)> = Vec::new();
    for path in manifests(snapshot)? {
        let Some(bytes) = snapshot.read(&path)? else { continue };
        if !may_hold_values(&path, &bytes) {
            continue;
        }
        let text = String::from_utf8_lossy(&bytes);
        for (line, field) in tags(&text).filter(|(line, _)| !read.contains(&(&path, *line))) {
            let Some(template) = template(&path, config, &inventory.overlays) else { break };
            let declared =
                format!("{{ path = \"{template}\", fields = [{{ path = \"{field}\" }}] }}");
            if notes.iter().all(|(_, known)| *known != declared) {
                notes.push((format!("{path}:{line}"), declared));
            }
        }
        if notes.len() >= MAX_NOTES {
            break;
        }
    }
    notes.truncate(MAX_NOTES);
    let say = |(place, declared)| {
        format!(
            "{place} holds a version that is not read; under [layout] paths this declares it: {declared}"
        )
    };
    Ok(notes.into_iter().map(say).collect())
}

/// The YAML files, those on top first.
fn manifests(snapshot: &dyn Snapshot) -> Result<Vec<RepoPath>, SnapshotError> {
    let mut files = Vec::new();
    let mut open = std::collections::VecDeque::from([RepoPath::root()]);
    while let Some(dir) = open.pop_front() {
        for entry in snapshot.list(&dir)?.unwrap_or_default() {
            let path = dir.join(&entry.name);
            match entry.kind {
                EntryKind::File if is_yaml(&entry.name) => {
                    files.push(path);
                }
                EntryKind::Directory
                    if !entry.name.starts_with('.') && dir.parts().count() < MAX_DEPTH =>
                {
                    open.push_back(path);
                }
                _ => {}
            }
        }
        if files.len() >= MAX_FILES {
            break;
        }
    }
    Ok(files)
}

fn is_yaml(name: &str) -> bool {
    let extension = name.rsplit_once('.').map(|(_, extension)| extension);
    matches!(extension, Some("yaml" | "yml"))
}

/// Helm values by the name of the file, or a resource that has some inside.
fn may_hold_values(path: &RepoPath, bytes: &[u8]) -> bool {
    let has = |word: &str| bytes.windows(word.len()).any(|window| window == word.as_bytes());
    path.file_name().contains("values") || has("kind: HelmRelease") || has("kind: Application")
}

/// The lines with a `tag:` below a key that speaks of an image, and the path
/// of keys to it. Nothing below lists.
fn tags(text: &str) -> impl Iterator<Item = (u32, String)> {
    let mut above: Vec<(usize, &str)> = Vec::new();
    (1..).zip(text.lines()).filter_map(move |(number, line)| {
        let key = line.trim_start();
        let indent = line.len() - key.len();
        let (key, value) = key.split_once(':')?;
        if key.is_empty() || key.starts_with('#') {
            return None;
        }
        above.retain(|(left, _)| *left < indent);
        above.push((indent, key));
        let parent = above.iter().rev().nth(1).map(|(_, parent)| parent.to_lowercase());
        let value = value.split(" #").next().unwrap_or_default().trim().trim_matches(['"', '\'']);
        let is_tag = key == "tag" && parent.is_some_and(|parent| parent.ends_with("image"));
        let plain =
            |key: &&str| key.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
        let keys: Vec<&str> = above.iter().map(|(_, key)| *key).collect();
        let found = is_tag && !value.is_empty() && keys.iter().all(plain);
        found.then(|| (number, keys.join(".")))
    })
}

/// The layout path that the file belongs to, or would; `None` where no part of
/// its path is an environment.
fn template(path: &RepoPath, config: &Config, overlays: &[Overlay]) -> Option<String> {
    if let Some(overlay) = overlays.iter().find(|overlay| path.is_within(&overlay.path)) {
        return config.layout.get(overlay.layout).map(|layout| layout.template.clone());
    }
    let mut parts: Vec<String> = path.parts().map(str::to_owned).collect();
    let is_environment = |part: &String| config.pipeline.by_dir(part).is_some();
    if let Some(at) = parts.iter().position(is_environment) {
        "{env}".clone_into(parts.get_mut(at)?);
        name_app(&mut parts, at);
        return Some(parts.join("/"));
    }
    let (stem, extension) = parts.last()?.rsplit_once('.')?;
    let mut words: Vec<&str> = stem.split('-').collect();
    let word = words.iter_mut().find(|word| config.pipeline.by_dir(word).is_some())?;
    *word = "{env}";
    let file = format!("{}.{extension}", words.join("-"));
    *parts.last_mut()? = file;
    Some(parts.join("/"))
}

/// The name of the file is that of an app, or the directory beside the
/// environment is.
fn name_app(parts: &mut [String], environment: usize) {
    let last = parts.len().saturating_sub(1);
    let Some((stem, extension)) = parts.last().and_then(|file| file.rsplit_once('.')) else {
        return;
    };
    let named = !GENERIC.iter().any(|generic| stem.starts_with(generic));
    let app = format!("{{app}}.{extension}");
    let beside =
        if environment + 1 < last { environment + 1 } else { environment.saturating_sub(1) };
    let (at, text) = if named { (last, app) } else { (beside, "{app}".to_owned()) };
    if let Some(part) = parts.get_mut(at).filter(|_| at != environment) {
        *part = text;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::MemorySnapshot;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let text = "version = 1\n[layout]\npaths = [\"apps/{app}/{env}\"]\n[[environment]]\nname = \
                    \"dev\"\n[[environment]]\nname = \"prod\"\n";
        let config = crate::config::from_toml(text).unwrap();
        let file = |(path, text): &(&str, &str)| {
            (RepoPath::normalize(path).unwrap(), text.as_bytes().to_vec())
        };
        let snapshot = MemorySnapshot::new(files.iter().map(file));
        let overlays = discover::overlays(&snapshot, &config, None).unwrap();
        let notes = notes(&snapshot, &config, overlays).unwrap();
        let short = |note: String| {
            note.replace(
                " holds a version that is not read; under [layout] paths this declares it:",
                "",
            )
        };
        notes.into_iter().map(short).collect()
    }

    const RELEASE: &str = "kind: HelmRelease\nspec:\n  values:\n    # image:\n    image:\n      \
                           repository: web\n      tag: v1\n  other:\n    tag: v2\n";

    #[test]
    fn helm_values_are_named_once_with_what_declares_them() {
        assert_eq!(
            found(&[("clusters/dev/web.yaml", RELEASE), ("clusters/prod/web.yaml", RELEASE)]),
            ["clusters/dev/web.yaml:7 { path = \"clusters/{env}/{app}.yaml\", \
              fields = [{ path = \"spec.values.image.tag\" }] }"]
        );
        assert_eq!(
            found(&[("charts/web/values-dev.yaml", "image:\n  tag: \"v1\"\n")]),
            ["charts/web/values-dev.yaml:2 { path = \"charts/web/values-{env}.yaml\", \
              fields = [{ path = \"image.tag\" }] }"]
        );
        assert_eq!(
            found(&[("dev/web/values.yaml", "webImage:\n  tag: v1\n")]),
            ["dev/web/values.yaml:2 { path = \"{env}/{app}/values.yaml\", \
              fields = [{ path = \"webImage.tag\" }] }"]
        );
        assert_eq!(
            found(&[("apps/web/dev/values.yaml", "image:\n  tag: v1\n")]),
            ["apps/web/dev/values.yaml:2 { path = \"apps/{app}/{env}\", \
              fields = [{ path = \"image.tag\" }] }"]
        );
    }

    #[test]
    fn what_is_no_version_of_an_environment_is_not_named() {
        for (path, text) in [
            ("charts/web/values.yaml", "image:\n  tag: v1\n"),
            ("clusters/dev/web.yaml", "image:\n  tag: v1\n"),
            ("clusters/dev/values.yaml", "image:\n  tag: \"\"\nother:\n  tag: v1\n"),
            ("clusters/dev/values.yaml", "image:\n- tag: v1\n"),
        ] {
            assert!(found(&[(path, text)]).is_empty(), "{path}: {text}");
        }
        let image = |n: u8| format!("a{n}Image:\n  tag: v1\n");
        let many = (0..9).map(image).collect::<Vec<_>>().concat();
        assert_eq!(found(&[("clusters/dev/values.yaml", &many)]).len(), MAX_NOTES);
    }
}
