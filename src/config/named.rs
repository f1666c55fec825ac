//! The files of the repository that the config names: what they hold is part of
//! the rules.

use std::collections::BTreeSet;

use super::{AllowedSigner, Config};
use crate::model::{RepoPath, Signer};

impl Config {
    /// The files that it names: those of allowed signers, keys of signatures, the
    /// programs that tell whether an environment is healthy.
    pub fn named_files(&self) -> BTreeSet<RepoPath> {
        let signers = self.overrides.iter().flat_map(|grant| &grant.signers);
        let signers = signers.filter_map(|signer| match signer {
            AllowedSigner::File(file) => RepoPath::normalize(file),
            AllowedSigner::Key(_) => None,
        });
        let environments = self.pipeline.environments();
        let keys =
            environments.iter().filter_map(|environment| match &environment.images.signature {
                Some(Signer::Key(key)) if !key.contains("://") => RepoPath::normalize(key),
                _ => None,
            });
        let health = environments.iter().filter_map(|environment| environment.health.as_ref());
        let programs = health.filter_map(|health| {
            let name = health.command.first()?;
            RepoPath::normalize(name).filter(|_| name.contains('/') && !name.starts_with('/'))
        });
        signers.chain(keys).chain(programs).collect()
    }
}
