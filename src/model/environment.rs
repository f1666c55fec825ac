//! Environments and the order between them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};
use thiserror::Error;

use super::{Cluster, EnvironmentDelivery, EnvironmentImages, HealthSettings};

/// The name of an environment, such as `prod-eu`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EnvironmentName(Arc<str>);

impl EnvironmentName {
    /// Takes the name as it is; whether it is a good one the config decides.
    pub fn new(name: impl AsRef<str>) -> Self {
        Self(name.as_ref().into())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for EnvironmentName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Serialize for EnvironmentName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl fmt::Display for EnvironmentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a version must be before it may enter an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sources {
    /// Nowhere: a first environment, which any valid version may enter.
    First,
    /// In every one of these (`from`). Never empty.
    All(Vec<EnvironmentName>),
    /// In at least one of these (`from-any`). Never empty.
    Any(Vec<EnvironmentName>),
}

impl Sources {
    /// The environments named, in the order given.
    pub fn names(&self) -> &[EnvironmentName] {
        match self {
            Self::First => &[],
            Self::All(names) | Self::Any(names) => names,
        }
    }
}

/// One stage of the pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// Its name.
    pub name: EnvironmentName,
    /// Where a version must be first.
    pub sources: Sources,
    /// The directory names that mean this environment; never empty.
    pub dirs: Vec<String>,
    /// Whether it is enough that a version was in the sources at some time.
    pub seen: bool,
    /// Whether one change may bring a version into the sources and in here.
    pub together: bool,
    /// How a promotion into it is delivered.
    pub delivery: EnvironmentDelivery,
    /// What tells whether the environments before are healthy; `None`: nobody
    /// asks.
    pub health: Option<HealthSettings>,
    /// Where it runs.
    pub cluster: Cluster,
    /// What is asked of its images.
    pub images: EnvironmentImages,
}

impl Environment {
    /// An environment that says nothing but its name and where versions come
    /// from; its directory has its name.
    pub fn bare(name: EnvironmentName, sources: Sources) -> Self {
        Self {
            dirs: vec![name.as_str().to_owned()],
            name,
            sources,
            seen: false,
            together: false,
            delivery: EnvironmentDelivery::default(),
            health: None,
            cluster: Cluster::default(),
            images: EnvironmentImages::default(),
        }
    }
}

/// What makes a list of environments no pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PipelineError {
    /// There is no environment at all.
    #[error("no environment is configured")]
    Empty,
    /// Two environments have one name.
    #[error("the environment `{0}` is given twice")]
    Duplicate(EnvironmentName),
    /// `from` names an environment that is not there.
    #[error("the environment `{environment}` comes from `{unknown}`, which is not configured")]
    Unknown {
        /// The environment with the bad `from`.
        environment: EnvironmentName,
        /// The name that is not there.
        unknown: EnvironmentName,
    },
    /// The environments come from one another in a circle.
    #[error("the environments come from one another in a circle: {}", path.iter().map(EnvironmentName::as_str).collect::<Vec<_>>().join(" <- "))]
    Cycle {
        /// The circle, its first name repeated at the end.
        path: Vec<EnvironmentName>,
    },
    /// Two environments claim one directory name.
    #[error("the directory name `{dir}` means both `{first}` and `{second}`")]
    SharedDirectory {
        /// The directory name.
        dir: String,
        /// The environment that is listed first.
        first: EnvironmentName,
        /// The environment that claims it again.
        second: EnvironmentName,
    },
}

/// The environments in their order: validated, acyclic, not empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pipeline {
    environments: Vec<Environment>,
}

impl Pipeline {
    /// Checks names, sources and directories; keeps the order given.
    pub fn new(environments: Vec<Environment>) -> Result<Self, PipelineError> {
        if environments.is_empty() {
            return Err(PipelineError::Empty);
        }
        reject_duplicates(&environments)?;
        reject_unknown_sources(&environments)?;
        let pipeline = Self { environments };
        match pipeline.find_cycle() {
            Some(path) => Err(PipelineError::Cycle { path }),
            None => Ok(pipeline),
        }
    }

    /// All environments, in the order of the config.
    pub fn environments(&self) -> &[Environment] {
        &self.environments
    }

    /// The environment of that name.
    pub fn get(&self, name: &str) -> Option<&Environment> {
        self.environments.iter().find(|environment| environment.name.as_str() == name)
    }

    /// The environment that a directory name means.
    pub fn by_dir(&self, dir: &str) -> Option<&Environment> {
        self.environments.iter().find(|environment| environment.dirs.iter().any(|own| own == dir))
    }

    /// The environments that name `name` as one of their sources.
    pub fn following(&self, name: &EnvironmentName) -> impl Iterator<Item = &Environment> {
        self.environments
            .iter()
            .filter(move |environment| environment.sources.names().contains(name))
    }

    /// Walks the sources of each environment depth first; a name met again on
    /// its own path closes a circle.
    fn find_cycle(&self) -> Option<Vec<EnvironmentName>> {
        let mut done: BTreeSet<&EnvironmentName> = BTreeSet::new();
        for start in &self.environments {
            let mut stack = vec![(&start.name, 0_usize)];
            while let Some((name, next)) = stack.last_mut() {
                let name: &EnvironmentName = name;
                let sources = self.get(name.as_str()).map_or(&[][..], |e| e.sources.names());
                let Some(source) = sources.get(*next) else {
                    done.insert(name);
                    stack.pop();
                    continue;
                };
                *next += 1;
                if let Some(at) = stack.iter().position(|(on_path, _)| *on_path == source) {
                    let mut path: Vec<EnvironmentName> =
                        stack.iter().skip(at).map(|(on_path, _)| (*on_path).clone()).collect();
                    path.push(source.clone());
                    return Some(path);
                }
                if !done.contains(source) {
                    stack.push((source, 0));
                }
            }
        }
        None
    }
}

fn reject_duplicates(environments: &[Environment]) -> Result<(), PipelineError> {
    let mut names = BTreeSet::new();
    let mut dirs: BTreeMap<&str, &EnvironmentName> = BTreeMap::new();
    for environment in environments {
        if !names.insert(&environment.name) {
            return Err(PipelineError::Duplicate(environment.name.clone()));
        }
        for dir in &environment.dirs {
            if let Some(first) = dirs.insert(dir, &environment.name) {
                return Err(PipelineError::SharedDirectory {
                    dir: dir.clone(),
                    first: first.clone(),
                    second: environment.name.clone(),
                });
            }
        }
    }
    Ok(())
}

fn reject_unknown_sources(environments: &[Environment]) -> Result<(), PipelineError> {
    let names: BTreeSet<&EnvironmentName> = environments.iter().map(|e| &e.name).collect();
    for environment in environments {
        for source in environment.sources.names() {
            if !names.contains(source) {
                return Err(PipelineError::Unknown {
                    environment: environment.name.clone(),
                    unknown: source.clone(),
                });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(name: &str, from: &[&str]) -> Environment {
        let sources = match from {
            [] => Sources::First,
            names => Sources::All(names.iter().map(|name| EnvironmentName::new(*name)).collect()),
        };
        Environment::bare(EnvironmentName::new(name), sources)
    }

    #[test]
    fn a_dag_is_a_pipeline() {
        let pipeline = Pipeline::new(vec![
            environment("dev", &[]),
            environment("eu", &["dev"]),
            environment("us", &["dev"]),
            environment("world", &["eu", "us"]),
        ])
        .unwrap();
        let dev = EnvironmentName::new("dev");
        let next: Vec<&str> = pipeline.following(&dev).map(|e| e.name.as_str()).collect();
        assert_eq!(next, ["eu", "us"]);
    }

    #[test]
    fn a_circle_is_named_with_its_path() {
        let error = Pipeline::new(vec![
            environment("dev", &["prod"]),
            environment("staging", &["dev"]),
            environment("prod", &["staging"]),
        ])
        .unwrap_err();
        assert_eq!(
            error.to_string(),
            "the environments come from one another in a circle: dev <- prod <- staging <- dev"
        );
    }

    #[test]
    fn unknown_and_duplicate_names_are_refused() {
        assert!(matches!(
            Pipeline::new(vec![environment("dev", &["nope"])]),
            Err(PipelineError::Unknown { .. })
        ));
        assert!(matches!(
            Pipeline::new(vec![environment("dev", &[]), environment("dev", &[])]),
            Err(PipelineError::Duplicate(_))
        ));
        assert_eq!(Pipeline::new(vec![]), Err(PipelineError::Empty));
    }
}
