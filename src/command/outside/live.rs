//! The health of an app as its cluster knows it, through kubectl.

use std::time::Duration;

use crate::cluster::{Kubectl, Rollout, rollout};
use crate::gate::{Silence, short_id};
use crate::model::{ClusterObject, Health, ImageRef, Sight};

use super::asker::{Asker, Subject, Trouble};

/// How long kubectl may take for one object.
const PATIENCE: Duration = Duration::from_secs(30);

impl Asker<'_> {
    /// What an object of the cluster says.
    pub(super) fn live(
        &self,
        subject: Subject<'_>,
        object: &ClusterObject,
    ) -> Result<Sight, Trouble> {
        let text = subject.filled(&object.to_string());
        let cluster = &subject.environment.cluster;
        let place = match &cluster.context {
            Some(context) => format!("{text} in {context}"),
            None => text.clone(),
        };
        let sight = |health, message: String| Sight {
            health,
            what: Some(place.clone()),
            commit: None,
            message,
            url: String::new(),
        };
        let object: ClusterObject = match text.parse() {
            Ok(object) => object,
            Err(reason) => return Ok(sight(Health::Failed, format!("no object: {reason}"))),
        };
        match Kubectl::new(cluster.clone(), PATIENCE).get(&object) {
            Ok(value) => {
                let found = rollout(&value);
                let (health, message) = self.judged(subject, &found)?;
                Ok(sight(health, message))
            }
            Err(error) if error.is_not_found() => {
                Ok(sight(Health::Failed, "the cluster does not have it".to_owned()))
            }
            Err(error) => Err(Trouble::Silence(Silence {
                message: format!("{}: {error}", subject.environment.name),
                hint: Some(command(subject, &object)),
            })),
        }
    }

    /// An object that is well, but of another version or of an older commit, is
    /// not there yet.
    fn judged(&self, subject: Subject<'_>, found: &Rollout) -> Result<(Health, String), Trouble> {
        let said = (found.health, found.message.clone());
        if found.health != Health::Healthy {
            return Ok(said);
        }
        if let Some(image) = other_version(subject, found) {
            return Ok((Health::Pending, format!("it still runs {image}")));
        }
        let repo = self.ground.repo;
        let id = |text: &str| repo.full_id(text);
        let since = subject.since.and_then(|moment| id(&moment.commit));
        let revision = found.revision.as_deref().and_then(id).filter(|id| repo.has(*id));
        if let (Some(since), Some(revision)) = (since, revision)
            && !repo.is_ancestor(since, revision)?
        {
            let revision = revision.to_string();
            let message = format!(
                "it is at {}, and the version came with {}",
                short_id(&revision),
                short_id(&since.to_string())
            );
            return Ok((Health::Pending, message));
        }
        Ok(said)
    }
}

/// An image of the object that is the subject's, at another version.
fn other_version(subject: Subject<'_>, found: &Rollout) -> Option<String> {
    let repository = subject.repository?;
    let images = found.images.iter().filter_map(|image| image.parse::<ImageRef>().ok());
    let own: Vec<ImageRef> = images.filter(|image| image.repository == repository).collect();
    let there = |image: &ImageRef| {
        let (has, wanted) = (&image.pin, subject.version);
        match (&has.digest, &wanted.digest) {
            (Some(has), Some(wanted)) => has == wanted,
            // A digest that only one of both has says nothing of the other.
            _ => wanted.tag.is_none() || has.tag.is_none() || has.tag == wanted.tag,
        }
    };
    own.iter().find(|image| !there(image)).map(ToString::to_string)
}

/// The question as a person would ask it.
fn command(subject: Subject<'_>, object: &ClusterObject) -> String {
    let cluster = &subject.environment.cluster;
    let mut command = "kubectl".to_owned();
    if let Some(context) = &cluster.context {
        command.push_str(&format!(" --context {}", crate::model::quoted(context)));
    }
    if let Some(namespace) = object.namespace.as_ref().or(cluster.namespace.as_ref()) {
        command.push_str(&format!(" -n {}", crate::model::quoted(namespace)));
    }
    format!("{command} get {}/{}", object.kind, object.name)
}
