//! What stands beside a version: the repository that it is a version of.

use super::EditError;
use super::file::File;
use crate::model::{RepoPath, Site};
use crate::yaml::Position;

/// Keys that say which image a tag beside them is of.
const NAMES: [&str; 9] =
    ["repository", "registry", "image", "name", "newName", "url", "host", "chart", "ociUrl"];

/// The keys beside the value of a site that name its image, with their values
/// and 1-based lines.
pub fn beside(
    path: &RepoPath,
    bytes: &[u8],
    site: &Site,
) -> Result<Vec<(String, String, u32)>, EditError> {
    let file = File::parse(path, bytes)?;
    let stream = &file.stream;
    let here = |at: Position| (at.line, at.column) == (site.line, site.column);
    let found = stream.nodes().find(|(id, node)| node.is_leaf() && here(stream.position_of(*id)));
    let Some(parent) = found.and_then(|(_, node)| node.parent) else { return Ok(Vec::new()) };
    let mut names = Vec::new();
    for pair in stream.pairs(parent) {
        let key = stream.value(pair.key).unwrap_or_default();
        if NAMES.contains(&key) {
            let value = stream.value(pair.value).unwrap_or_default();
            let line = stream.position_of(pair.value).line;
            names.push((key.to_owned(), value.to_owned(), line));
        }
    }
    names.sort();
    Ok(names)
}
