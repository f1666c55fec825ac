//! Where a person sees what lies between two versions of an app.

use super::Place;
use super::place::{Told, encoded};
use crate::model::ForgeKind;

/// The address that compares two tags of the repository at `source`. A host
/// that is not known is taken for one that has the paths of GitHub.
pub fn compare_versions(source: &str, old: &str, new: &str) -> Option<String> {
    let source = source.trim_end_matches('/').trim_end_matches(".git");
    let place = Place::find(source, Told::default()).ok().flatten();
    let (old, new) = (encoded(old), encoded(new));
    Some(match place.map(|place| place.kind) {
        Some(ForgeKind::GitLab) => format!("{source}/-/compare/{old}...{new}"),
        Some(ForgeKind::Azure) => {
            format!("{source}/branchCompare?baseVersion=GT{old}&targetVersion=GT{new}")
        }
        Some(ForgeKind::Bitbucket) => format!("{source}/branches/compare/{new}%0D{old}"),
        _ => format!("{source}/compare/{old}...{new}"),
    })
}

#[cfg(test)]
mod tests {
    use super::compare_versions;

    #[test]
    fn each_forge_has_its_way_to_compare() {
        let of = |source: &str| compare_versions(source, "v1", "v2").unwrap();
        assert_eq!(
            of("https://github.com/acme/web.git"),
            "https://github.com/acme/web/compare/v1...v2"
        );
        assert_eq!(
            of("https://gitlab.com/acme/web"),
            "https://gitlab.com/acme/web/-/compare/v1...v2"
        );
        assert_eq!(
            of("https://git.example/acme/web/"),
            "https://git.example/acme/web/compare/v1...v2"
        );
    }
}
