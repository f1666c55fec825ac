//! The health of an app as its cluster knows it, through kubectl.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use crate::cluster::{Kubectl, KubectlError, Rollout, rollout};
use crate::gate::Silence;
use crate::model::{Cluster, ClusterObject, Health, Sight};

use super::asker::{Asker, Subject, Trouble};
use super::tie::{Tie, tie};

/// How long kubectl may take for one object.
const PATIENCE: Duration = Duration::from_secs(30);

impl Asker<'_> {
    /// What the objects of the cluster say. One that is well with another version
    /// is not there yet; where none says which version it runs, it is not known
    /// to be well. `tied` is whether something else that is asked says that.
    pub(super) fn seen_objects(
        &self,
        subject: Subject<'_>,
        tied: bool,
    ) -> Result<Vec<Sight>, Trouble> {
        let (mut sights, mut untold, mut told) = (Vec::new(), None, tied);
        for object in &subject.settings.kubectl {
            let (sight, tie) = self.live(subject, object)?;
            match tie {
                Some(Tie::Told) => told = true,
                Some(tie @ (Tie::Untold(_) | Tie::Cut(_))) => {
                    untold.get_or_insert((sights.len(), tie));
                }
                Some(Tie::Old(_)) | None => {}
            }
            sights.push(sight);
        }
        let well = sights.iter().all(|sight| sight.health == Health::Healthy);
        match untold.filter(|_| well && !told) {
            Some((_, Tie::Cut(silence))) => return Err(Trouble::Silence(silence)),
            Some((at, Tie::Untold(why))) => {
                if let Some(sight) = sights.get_mut(at) {
                    sight.health = Health::Unknown;
                    sight.message = format!("it is well, but {why}");
                }
            }
            _ => {}
        }
        Ok(sights)
    }

    /// Asks for all objects of the subjects, each once.
    pub(super) fn ask_clusters(&self, subjects: &[Subject<'_>]) {
        let of = |subject: &Subject<'_>| {
            let cluster = &subject.environment.cluster;
            let names = subject.settings.kubectl.iter();
            let texts = names.map(|object| subject.filled(&object.to_string()));
            let objects = texts.filter_map(|text| text.parse().ok());
            objects.map(|object| (cluster.clone(), object)).collect::<Vec<_>>()
        };
        let questions = subjects.iter().flat_map(of).collect();
        let silent = &self.silent;
        self.objects.ask(questions, |question| get(question, silent));
    }

    /// What an object of the cluster says, and of one that is well, whether with
    /// this version.
    fn live(
        &self,
        subject: Subject<'_>,
        object: &ClusterObject,
    ) -> Result<(Sight, Option<Tie>), Trouble> {
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
        let failed = |message: String| Ok((sight(Health::Failed, message), None));
        let object: ClusterObject = match text.parse() {
            Ok(object) => object,
            Err(reason) => return failed(format!("no object: {reason}")),
        };
        let (question, silent) = ((cluster.clone(), object.clone()), &self.silent);
        match self.objects.of(&question, |question| get(question, silent))? {
            Ok(found) => {
                if found.health != Health::Healthy {
                    return Ok((sight(found.health, found.message), None));
                }
                Ok(match tie(self.ground, subject, &found)? {
                    Tie::Old(message) => (sight(Health::Pending, message), None),
                    tie => (sight(Health::Healthy, found.message), Some(tie)),
                })
            }
            Err(error) if error.is_not_found() => failed("the cluster does not have it".to_owned()),
            Err(error) => Err(Trouble::Silence(Silence {
                message: format!("{}: {error}", subject.environment.name),
                hint: Some(command(subject, &object)),
                cause: error.cause(),
            })),
        }
    }
}

/// Asks a cluster for an object. One that did not answer in time is not asked
/// again: each object would be waited for.
fn get(
    (cluster, object): &(Cluster, ClusterObject),
    silent: &Mutex<BTreeSet<Option<String>>>,
) -> Result<Rollout, KubectlError> {
    if silent.lock().is_ok_and(|silent| silent.contains(&cluster.context)) {
        return Err(KubectlError::Late(PATIENCE));
    }
    let got = Kubectl::new(cluster.clone(), PATIENCE).get(object);
    if let (Err(KubectlError::Late(_)), Ok(mut silent)) = (&got, silent.lock()) {
        silent.insert(cluster.context.clone());
    }
    got.map(|value| rollout(&value))
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
