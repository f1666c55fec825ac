//! Places that still say the old version after a promotion.

use std::collections::BTreeSet;

use crate::discover::overlay_files;
use crate::model::{FileChange, RepoPath};

use super::{PlanError, Planned, World};

/// More than this many places are counted, not listed.
const LISTED: usize = 10;
/// A shorter text than this stands for too many things to be looked for.
const SHORTEST: usize = 3;

/// Every place in the overlays of the promotions that still says the version
/// they leave, with file and line.
pub(super) fn report(
    world: World<'_>,
    promotions: &[Planned],
    files: &[FileChange],
) -> Result<Vec<String>, PlanError> {
    let mut places = BTreeSet::new();
    for planned in promotions {
        let promotion = &planned.promotion;
        let old = promotion.previous.tag.as_ref().map(|tag| tag.as_str().to_owned());
        let Some(old) = old.filter(|old| old.len() >= SHORTEST) else { continue };
        if promotion.version.tag == promotion.previous.tag {
            continue;
        }
        for path in touched(world, planned)? {
            let edited = files.iter().find(|file| file.path == path).map(|file| file.new.clone());
            let bytes = match edited {
                Some(bytes) => Some(bytes),
                None => world.snapshot.read(&path)?,
            };
            for line in lines_with(&bytes.unwrap_or_default(), old.as_bytes()) {
                places.insert((path.clone(), line, old.clone()));
            }
        }
    }
    Ok(told(places))
}

fn touched(world: World<'_>, planned: &Planned) -> Result<Vec<RepoPath>, PlanError> {
    let promotion = &planned.promotion;
    let cell = world.inventory.cell(&promotion.to, &promotion.app, &promotion.image);
    let mut paths = Vec::new();
    for index in cell.iter().flat_map(|cell| &cell.overlays) {
        if let Some(overlay) = world.inventory.overlays.get(*index) {
            paths.extend(overlay_files(world.snapshot, overlay, world.inventory.roots())?);
        }
    }
    Ok(paths)
}

/// The 1-based lines that hold `word` with no character of a tag beside it.
fn lines_with(bytes: &[u8], word: &[u8]) -> Vec<u32> {
    let part = |byte: Option<&u8>| {
        byte.is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
    };
    let mut lines = Vec::new();
    for (number, line) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
        let mut windows = line.windows(word.len()).enumerate();
        let alone = windows.any(|(at, window)| {
            let before = at.checked_sub(1).and_then(|at| line.get(at));
            window == word && !part(before) && !part(line.get(at + word.len()))
        });
        if alone {
            lines.push(number);
        }
    }
    lines
}

fn told(places: BTreeSet<(RepoPath, u32, String)>) -> Vec<String> {
    let more = places.len().saturating_sub(LISTED);
    let mut notes: Vec<String> = places
        .into_iter()
        .take(LISTED)
        .map(|(path, line, old)| format!("{path}:{line} still says {old}"))
        .collect();
    if more > 0 {
        notes.push(format!("{more} more places still say an old version"));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::lines_with;

    #[test]
    fn only_whole_versions_count() {
        let text = b"a: v1.2\nb: v1.2.3\nc: x-v1.2\nd: web:v1.2 # v1.2\ne: v1.2\n";
        assert_eq!(lines_with(text, b"v1.2"), [1, 4, 5]);
    }
}
