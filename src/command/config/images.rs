//! What `config validate` says of the images of environments.

use crate::config::Config;
use crate::model::EnvironmentName;

/// Settings that do not hold what they seem to.
pub(super) fn told(config: &Config) -> Vec<String> {
    let environments = config.pipeline.environments().iter();
    let verified = environments.filter(|environment| environment.images.signature.is_some());
    let loose = verified.filter(|environment| !is_pinned(config, &environment.name));
    let warning = |name: &EnvironmentName| {
        format!(
            "{name} has `verify-signature` and no `pin = \"digest\"`, nor has one before it: what is \
             pulled by the tag later need not be what was verified"
        )
    };
    loose.map(|environment| warning(&environment.name)).collect()
}

/// Whether digests are pinned on the way into an environment.
fn is_pinned(config: &Config, name: &EnvironmentName) -> bool {
    let Some(environment) = config.environment(name.as_str()) else { return false };
    // The pipeline has no cycle, so this ends.
    environment.images.pin
        || environment.sources.names().iter().any(|source| is_pinned(config, source))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warnings(dev: &str, prod: &str) -> usize {
        let text = format!(
            "version = 1\n[[environment]]\nname = \"dev\"\n{dev}\n[[environment]]\nname = \"prod\"\n\
             verify-signature = {{ key = \"cosign.pub\" }}\n{prod}\n"
        );
        told(&crate::config::from_files(Some(text.as_bytes()), None).unwrap().unwrap()).len()
    }

    #[test]
    fn a_signature_of_what_is_not_pinned_is_told() {
        assert_eq!(warnings("", ""), 1);
        assert_eq!(warnings("", "pin = \"digest\""), 0);
        assert_eq!(warnings("pin = \"digest\"", ""), 0);
    }
}
