//! What clusters run beside what git says.

use crate::model::Pin;

use super::StatusRow;

/// What a cluster runs of one app and image.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LiveCell {
    /// The versions of the image in its workloads, each once.
    pub versions: Vec<Pin>,
    /// How many workloads run the image.
    pub workloads: usize,
}

impl LiveCell {
    /// `same` where every workload runs what git says, `absent` where none runs
    /// the image, else `differs`.
    pub fn word(&self, git: Option<&Pin>) -> &'static str {
        // What git leaves open, an admission controller may have filled in.
        let agrees = |live: &Pin| git.is_some_and(|git| live.carries(git));
        match self.versions.as_slice() {
            [] => "absent",
            versions if versions.iter().all(agrees) => "same",
            _ => "differs",
        }
    }
}

impl StatusRow {
    /// Whether a cluster runs something else than git says.
    pub fn runs_otherwise(&self) -> bool {
        self.cells.iter().any(|cell| {
            let live = cell.live.as_ref();
            live.is_some_and(|live| live.word(cell.pin.as_ref()) != "same" && cell.pin.is_some())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_it_has_to_be_what_git_says() {
        let digest = format!("sha256:{}", "1".repeat(64));
        let both = format!("v1@{digest}");
        let word = |git: &str, live: &[&str]| {
            let versions = live.iter().map(|text| text.parse().unwrap()).collect();
            let git: Pin = git.parse().unwrap();
            LiveCell { versions, workloads: 1 }.word(Some(&git))
        };
        assert_eq!(word("v1", &["v1"]), "same");
        assert_eq!(word("v1", &[&both]), "same");
        assert_eq!(word(&digest, &[&both]), "same");
        assert_eq!(word(&both, &["v1"]), "differs");
        assert_eq!(word("v1", &["v1", "v2"]), "differs");
        assert_eq!(word("v1", &[]), "absent");
        assert_eq!(LiveCell { versions: vec![Pin::default()], workloads: 1 }.word(None), "differs");
    }
}
