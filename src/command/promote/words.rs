//! The words before the environment: versions, `APP@VERSION`, or an
//! environment whose versions are meant.

use std::collections::BTreeMap;

use crate::model::{AppId, EnvironmentName, Pin, Pipeline, quoted};

use super::super::{Exit, Failure};

/// What the words of a promotion mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Request {
    pub(in super::super) to: EnvironmentName,
    pub(in super::super) what: What,
}

/// Which versions are to move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) enum What {
    /// One version, of the app that is still to be found.
    Version(Pin),
    /// Apps and their versions.
    Apps(Vec<(String, Pin)>),
    /// Whatever that environment runs; `None`: the one before.
    RunsIn(Option<EnvironmentName>),
    /// Images of apps, each at its version: what a rollback comes to.
    Images(Vec<(AppId, BTreeMap<String, Pin>)>),
}

impl Request {
    /// The request as it is typed, for hints.
    pub(super) fn typed(&self) -> String {
        match &self.what {
            What::Version(version) => format!("{version} {}", self.to),
            What::Apps(apps) => {
                let words: Vec<String> =
                    apps.iter().map(|(app, version)| quoted(&format!("{app}@{version}"))).collect();
                format!("{} {}", words.join(" "), self.to)
            }
            What::Images(_) => format!("rollback {}", self.to),
            What::RunsIn(Some(source)) => format!("{source} {}", self.to),
            What::RunsIn(None) => self.to.to_string(),
        }
    }
}

/// The app that an image belongs to, and the image's name where the app has
/// others too.
pub(super) type Owner = (String, Option<String>);

/// What the words are resolved against.
pub(super) struct Known<'a> {
    pub(super) pipeline: &'a Pipeline,
    /// The commands, for those that are mistyped.
    pub(super) commands: &'a [String],
    /// Whether there is an app of that name.
    pub(super) is_app: &'a dyn Fn(&str) -> Result<bool, Failure>,
    /// The failure for an app that does not exist.
    pub(super) no_app: &'a dyn Fn(&str) -> Failure,
    /// The environments that could take a version, of an app if one is named.
    pub(super) takers: &'a dyn Fn(Option<&str>, &Pin) -> Vec<EnvironmentName>,
    /// The command for the next promotion of an app, if there is one.
    pub(super) next: &'a dyn Fn(&str) -> Option<String>,
    /// The app of an image.
    pub(super) of_image: &'a dyn Fn(&str) -> Option<Owner>,
    /// How the user starts the program.
    pub(super) program: &'a str,
}

impl Known<'_> {
    /// Reads `[APP@]VERSION... ENV`, `FROM ENV` or `ENV`.
    pub(super) fn resolve(&self, words: &[String]) -> Result<Request, Failure> {
        let Some((last, before)) = words.split_last() else {
            return Err(Failure::usage("no environment is named"));
        };
        if let Some(first) = words.first() {
            self.refuse_unbuilt(first)?;
        }
        let to = self.environment(last, before)?;
        let what = match before {
            [] => What::RunsIn(None),
            [word] if self.pipeline.get(word).is_some() => {
                self.refuse_backwards(word, &to)?;
                What::RunsIn(Some(EnvironmentName::new(word.as_str())))
            }
            words => self.versions(words, &to)?,
        };
        Ok(Request { to, what })
    }

    /// Reads `to ENV --version V`, `--from ENV` or neither.
    pub(super) fn resolve_to(
        &self,
        environment: &str,
        version: Option<&str>,
        from: Option<&str>,
    ) -> Result<Request, Failure> {
        let to = self.environment(environment, &[])?;
        let what = match (version, from) {
            (Some(version), _) => self.versions(&[version.to_owned()], &to)?,
            (None, Some(from)) => {
                let source = self.environment(from, &[])?;
                self.refuse_backwards(from, &to)?;
                What::RunsIn(Some(source))
            }
            (None, None) => What::RunsIn(None),
        };
        Ok(Request { to, what })
    }

    /// `rollback ENV [[APP@]VERSION|APP ...]`; without a version, the one before
    /// is meant, which is not known yet.
    pub(super) fn resolve_rollback(
        &self,
        environment: &str,
        words: &[String],
    ) -> Result<Request, Failure> {
        let unknown = |failure| Failure { exit: Exit::NotFound, ..failure };
        self.refuse_environment_last(environment, words)?;
        let to = self.environment(environment, &[]).map_err(unknown)?;
        let mut apps = Vec::new();
        for word in words {
            if (self.is_app)(word)? {
                // Without a version: the one that ran before.
                apps.push((word.clone(), Pin::default()));
            }
        }
        let what = match words {
            [] => What::RunsIn(None),
            words if apps.len() == words.len() => What::Apps(apps),
            words => self.versions(words, &to).map_err(|failure| self.as_rollback(failure, &to))?,
        };
        Ok(Request { to, what })
    }

    fn environment(&self, last: &str, before: &[String]) -> Result<EnvironmentName, Failure> {
        if let Some(environment) = self.pipeline.get(last) {
            return Ok(environment.name.clone());
        }
        Err(self.no_environment(last, before))
    }

    /// `promote prod dev` would carry versions backwards.
    fn refuse_backwards(&self, from: &str, to: &EnvironmentName) -> Result<(), Failure> {
        let mut open: Vec<&EnvironmentName> =
            self.pipeline.get(from).map_or(vec![], |e| e.sources.names().iter().collect());
        while let Some(name) = open.pop() {
            if name == to {
                return Err(Failure::usage(format!("{from} comes after {to}"))
                    .hint(format!("{} {to} {from}", self.program)));
            }
            if let Some(environment) = self.pipeline.get(name.as_str()) {
                open.extend(environment.sources.names());
            }
        }
        if from == to.as_str() {
            return Err(Failure::usage(format!("{from} is named twice"))
                .hint(format!("{} {to}", self.program)));
        }
        Ok(())
    }

    fn versions(&self, words: &[String], to: &EnvironmentName) -> Result<What, Failure> {
        if words.iter().any(|word| self.pipeline.get(word).is_some()) && words.len() > 1 {
            return Err(self.one_at_a_time(words, to));
        }
        self.refuse_app(words, to)?;
        let mut apps = Vec::new();
        let mut plain = Vec::new();
        for word in words {
            match word.split_once('@') {
                Some((app, version)) if !app.is_empty() && (self.is_app)(app)? => {
                    apps.push((app.to_owned(), version.parse::<Pin>()?));
                }
                _ => plain.push(self.version(word, to)?),
            }
        }
        match (apps.is_empty(), plain.as_slice()) {
            (false, []) => Ok(What::Apps(apps)),
            (true, [version]) => Ok(What::Version(version.clone())),
            _ => Err(Failure::usage("several versions, and not each with its app")
                .hint(format!("{} web@v1.2.3 api@v2.0.0 {to}", self.program))),
        }
    }

    /// A word with an `@` that is no version with its digest was meant as
    /// `APP@VERSION`.
    fn version(&self, word: &str, to: &EnvironmentName) -> Result<Pin, Failure> {
        let version = word.parse::<Pin>();
        match (word.split_once('@'), version) {
            (_, Ok(version)) => Ok(version),
            (Some((app, rest)), Err(_)) if !app.is_empty() && rest.parse::<Pin>().is_ok() => {
                Err((self.no_app)(app))
            }
            (_, Err(error)) => Err(self.other_syntax(word, to).unwrap_or_else(|| error.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Environment, Sources};

    fn resolve(words: &[&str]) -> Result<What, Failure> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        with_known(|known| known.resolve(&words)).map(|request| request.what)
    }

    fn with_known<T>(ask: impl FnOnce(&Known<'_>) -> T) -> T {
        let names = ["dev", "staging", "prod"];
        let environments = names.iter().enumerate().map(|(index, name)| {
            let sources = match index {
                0 => Sources::First,
                index => Sources::All(vec![EnvironmentName::new(names[index - 1])]),
            };
            Environment::bare(EnvironmentName::new(*name), sources)
        });
        let known = Known {
            pipeline: &Pipeline::new(environments.collect()).unwrap(),
            commands: &["status".to_owned(), "explain".to_owned()],
            is_app: &|name| Ok(name == "web"),
            no_app: &|name| Failure::not_found(format!("there is no app `{name}`")),
            takers: &|_, _| vec![EnvironmentName::new("staging")],
            next: &|_| None,
            of_image: &|_| None,
            program: "git promote",
        };
        ask(&known)
    }

    #[test]
    fn words_mean_versions_apps_or_environments() {
        let v1: Pin = "v1".parse().unwrap();
        assert_eq!(resolve(&["v1", "staging"]).unwrap(), What::Version(v1.clone()));
        assert_eq!(
            resolve(&["web@v1", "staging"]).unwrap(),
            What::Apps(vec![("web".to_owned(), v1)])
        );
        assert_eq!(resolve(&["staging"]).unwrap(), What::RunsIn(None));
        let dev = EnvironmentName::new("dev");
        assert_eq!(resolve(&["dev", "staging"]).unwrap(), What::RunsIn(Some(dev)));
        let digest = format!("v1@sha256:{}", "1".repeat(64));
        assert_eq!(resolve(&[&digest, "staging"]).unwrap(), What::Version(digest.parse().unwrap()));
    }

    #[test]
    fn a_misunderstood_rollback_says_what_was_meant() {
        let hint = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            let (environment, words) = words.split_first().unwrap();
            with_known(|known| known.resolve_rollback(environment, words))
                .unwrap_err()
                .hints
                .join(" ")
        };
        let meant = "git promote rollback prod web@v1.0.0";
        assert_eq!(hint(&["prod", "web", "v1.0.0"]), meant);
        assert_eq!(hint(&["prod", "web=v1.0.0"]), meant);
        assert_eq!(hint(&["web@v1.0.0", "prod"]), meant);
        assert_eq!(hint(&["web", "prod"]), "git promote rollback prod web");
        assert_eq!(hint(&["web", "prod", "v1.0.0"]), meant);
        assert_eq!(hint(&["prd", "web"]), "did you mean prod?");
    }

    #[test]
    fn a_misunderstanding_says_what_was_meant() {
        let hint = |words: &[&str]| {
            let failure = resolve(words).unwrap_err();
            (failure.exit, failure.hints.join(" "))
        };
        assert_eq!(hint(&["staging", "v1"]), (Exit::Usage, "git promote v1 staging".into()));
        assert_eq!(hint(&["statsu"]), (Exit::Usage, "did you mean status?".into()));
        assert_eq!(hint(&["v1", "stagin"]), (Exit::NotFound, "did you mean staging?".into()));
        assert_eq!(hint(&["statsu", "nosuch"]).0, Exit::Usage);
        assert_eq!(hint(&["prod", "dev"]), (Exit::Usage, "git promote dev prod".into()));
        assert_eq!(hint(&["v1", "v2", "dev"]).0, Exit::Usage);
        assert_eq!(hint(&["nope@v1", "dev"]).0, Exit::NotFound);
        assert_eq!(hint(&["v1 #x", "dev"]).0, Exit::Invalid);
    }
}
