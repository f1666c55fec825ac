//! Where the copy goes: beside the environment, and nowhere that the layout
//! would read it.

use super::{INNER, MARK, Name, OUTER, PreviewError};
use crate::config::Config;
use crate::discover::{self, Overlay};
use crate::model::{AppId, FileChange, Patched, RepoPath, Snapshot};

/// The directory of the preview of an overlay.
///
/// `overlays/dev` becomes `overlays/dev-preview-login`, `dev/web` becomes
/// `dev-preview-login/web`. Where the layout would read that, `previews` at the
/// root is tried.
pub(super) fn of(
    snapshot: &dyn Snapshot,
    config: &Config,
    (overlay, app): (&Overlay, &AppId),
    name: &Name,
) -> Result<RepoPath, PreviewError> {
    let beside = overlay.path_in(&format!("{}{MARK}{name}", overlay.dir));
    let word = |text: &str| -> String {
        text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect()
    };
    let apart = format!("previews/{}-{}{MARK}{name}", word(&overlay.dir), word(&app.to_string()));
    let mut refused = None;
    for place in beside.into_iter().chain(RepoPath::normalize(&apart)) {
        match taken(snapshot, config, &place)? {
            Some(taken) => _ = refused.get_or_insert((place, taken)),
            None => return Ok(place),
        }
    }
    let (path, taken) = refused.unwrap_or_default();
    Err(PreviewError::Taken { path, taken })
}

/// What the layout would take a preview at that place for.
fn taken(
    snapshot: &dyn Snapshot,
    config: &Config,
    place: &RepoPath,
) -> Result<Option<String>, PreviewError> {
    let file = |path: RepoPath| FileChange::added(path, Vec::new(), "");
    let files = [file(place.join(OUTER)), file(place.join(INNER).join(OUTER))];
    let with = Patched::new(snapshot, &files);
    let apps = discover::apps_on(config, files.iter().map(|file| &file.path));
    let apps: Vec<String> = apps.into_iter().collect();
    let overlays = discover::overlays_of(&with, config, Some(&apps))?;
    let reads =
        |overlay: &&Overlay| overlay.path.is_within(place) || place.is_within(&overlay.path);
    Ok(overlays.iter().find(reads).map(|overlay| match &overlay.app {
        Some(app) => format!("{app} in {}", overlay.environment),
        None => overlay.environment.to_string(),
    }))
}
