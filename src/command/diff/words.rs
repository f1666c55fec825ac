//! What the words of a diff mean.

use crate::discover;
use crate::model::nearest::nearest;
use crate::model::{AppId, EnvironmentName, Pin};

use super::super::promote::unknown_app;
use super::super::{Context, Failure, Workspace};
use super::{DiffArgs, Pair};

/// What is compared.
pub(super) enum Meant {
    /// Pairs of environments.
    Environments(Vec<Pair>),
    /// Two versions of an app.
    Versions(AppId, Pin, Pin),
}

pub(super) fn meant(
    context: &Context,
    workspace: &Workspace,
    args: &DiffArgs,
) -> Result<Meant, Failure> {
    let words = Words { context, workspace };
    match args.words.as_slice() {
        [] => words.neighbours(None).map(Meant::Environments),
        [one] if one.contains('@') => {
            Err(Failure::usage("two versions are compared, and one is named")
                .hint(format!("{} diff {one} VERSION", context.front.name())))
        }
        [one] => {
            let one = words.environment(one)?;
            words.neighbours(Some(&one)).map(Meant::Environments)
        }
        [first, second] if first.contains('@') => words.versions(first, second),
        [left, right] if words.are_versions(left, right) => {
            Err(Failure::usage("these are versions, and no app is named")
                .hint(format!("{} diff APP@{left} {right}", context.front.name())))
        }
        [left, right] => {
            let pair = (words.environment(left)?, words.environment(right)?);
            if pair.0 == pair.1 {
                return Err(Failure::usage(format!("{left} is named twice"))
                    .hint(format!("{} diff {left}", context.front.name())));
            }
            Ok(Meant::Environments(vec![pair]))
        }
        _ => Err(Failure::usage("two environments, or two versions of an app, are compared")
            .hint(format!("{} help diff", context.front.name()))),
    }
}

struct Words<'a> {
    context: &'a Context,
    workspace: &'a Workspace,
}

impl Words<'_> {
    /// Each environment with those before it; of one, if it is named.
    fn neighbours(&self, of: Option<&EnvironmentName>) -> Result<Vec<Pair>, Failure> {
        let environments = self.workspace.config.pipeline.environments().iter();
        let wanted = environments.filter(|e| of.is_none_or(|name| e.name == *name));
        let pairs: Vec<Pair> = wanted
            .flat_map(|e| e.sources.names().iter().map(|left| (left.clone(), e.name.clone())))
            .collect();
        if pairs.is_empty() {
            let message = match of {
                Some(name) => format!("no environment comes before {name}: name two"),
                None => "no environment comes after another".to_owned(),
            };
            return Err(
                Failure::usage(message).hint(format!("{} diff ENV ENV", self.context.front.name()))
            );
        }
        Ok(pairs)
    }

    /// Whether both look like versions, and none is an environment.
    fn are_versions(&self, left: &str, right: &str) -> bool {
        [left, right].into_iter().all(|word| {
            let digits = word.strip_prefix('v').unwrap_or(word);
            digits.starts_with(|first: char| first.is_ascii_digit())
                && word.parse::<Pin>().is_ok()
                && self.workspace.config.environment(word).is_none()
        })
    }

    fn environment(&self, name: &str) -> Result<EnvironmentName, Failure> {
        let config = &self.workspace.config;
        if let Some(environment) = config.environment(name) {
            return Ok(environment.name.clone());
        }
        let program = self.context.front.name();
        if self.app(name)?.is_some() {
            return Err(Failure::usage(format!("`{name}` is an app and no environment"))
                .hint(format!("{program} diff -a {name}")));
        }
        let names = config.pipeline.environments().iter().map(|e| e.name.as_str());
        let near = nearest(name, names.clone());
        let all: Vec<&str> = names.collect();
        Err(Failure::not_found(format!(
            "there is no environment `{name}`; environments: {}",
            all.join(", ")
        ))
        .maybe_hint(near.map(|near| format!("did you mean {near}?")))
        .hint(format!("{program} status")))
    }

    /// The app of that name, wherever it is.
    fn app(&self, name: &str) -> Result<Option<AppId>, Failure> {
        let workspace = self.workspace;
        let (snapshot, config) = (&workspace.snapshot, &workspace.config);
        let overlays = discover::overlays(snapshot, config, None)?;
        let inventory = discover::read(snapshot, config, overlays, &|overlay| {
            overlay.app.as_ref().is_none_or(|app| app.answers_to(name))
        })?;
        let apps = inventory.apps();
        Ok(apps.into_iter().find(|app| app.answers_to(name)).cloned())
    }

    /// `APP@V1 APP@V2`, or `APP@V1 V2`.
    fn versions(&self, first: &str, second: &str) -> Result<Meant, Failure> {
        let (name, from) = first.split_once('@').unwrap_or((first, ""));
        let (other, to) = match second.split_once('@') {
            Some((other, to)) if !to.starts_with("sha") => (other, to),
            _ => (name, second),
        };
        if name != other {
            return Err(Failure::usage(format!("{name} and {other} are two apps"))
                .hint(format!("{} diff {first} {name}@{to}", self.context.front.name())));
        }
        let app = self.app(name)?;
        let app = app.ok_or_else(|| unknown_app(self.context, self.workspace, name))?;
        Ok(Meant::Versions(app, from.parse()?, to.parse()?))
    }
}
