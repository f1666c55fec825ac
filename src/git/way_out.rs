//! What a person does about locks and leftovers that this program leaves alone.

use std::path::Path;

/// A lock that nobody seems to hold. The command comes last, so that the whole
/// line does no harm where it is pasted.
pub fn unlock(path: &Path) -> String {
    format!("once no git runs here: rm -i '{}'", path.display())
}

/// What was left in another work tree.
pub fn recover_there(work_tree: &Path) -> String {
    format!("git -C '{}' promote doctor --recover", work_tree.display())
}
