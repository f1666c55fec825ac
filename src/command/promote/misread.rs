//! Words that mean nothing where they stand, and what they were meant for.

use crate::config::COMMANDS;
use crate::model::nearest::nearest;
use crate::model::{EnvironmentName, ImageRef, Pin, listed, quoted};

use super::super::{Exit, Failure};
use super::words::Known;

/// More than this many ways are not shown.
const WAYS: usize = 5;

impl Known<'_> {
    /// A command of the contract that is not built yet is no version.
    pub(super) fn refuse_unbuilt(&self, word: &str) -> Result<(), Failure> {
        let own = ["promote", "git-promote", "kubectl-promote", "kubectl"];
        let known = COMMANDS.contains(&word) && !own.contains(&word);
        let built = self.commands.is_empty() || self.commands.iter().any(|name| name == word);
        if !known || built || self.pipeline.get(word).is_some() {
            return Ok(());
        }
        Err(Failure::usage(format!("`{word}` is not in this version"))
            .hint(format!("{} help", self.program)))
    }

    /// The last word is no environment.
    pub(super) fn no_environment(&self, last: &str, before: &[String]) -> Failure {
        let swapped = before.first().filter(|word| self.pipeline.get(word).is_some());
        if let Some(environment) = swapped {
            let order = format!("{} {last} {environment}", self.program);
            return Failure::usage(format!(
                "`{last}` is no environment; the environment comes last"
            ))
            .hint(order);
        }
        let meant = self.forgotten(last, before).or_else(|| self.app_alone(last, before));
        let unknown = self.unknown(last, before.is_empty());
        meant.unwrap_or_else(|| match before.first() {
            // Perhaps the command was misread, and it is no environment at all.
            Some(first) if self.may_be_command(first) => unknown,
            None if !self.commands.is_empty() => unknown,
            _ => Failure { exit: Exit::NotFound, ..unknown },
        })
    }

    fn may_be_command(&self, word: &str) -> bool {
        let known =
            word.contains('@') || looks_like_version(word) || self.pipeline.get(word).is_some();
        !known && nearest(word, self.commands.iter().map(String::as_str)).is_some()
    }

    /// `rollback web prod`: there the environment comes first.
    pub(super) fn refuse_environment_last(
        &self,
        first: &str,
        words: &[String],
    ) -> Result<(), Failure> {
        let to = words.iter().find(|word| self.pipeline.get(word).is_some());
        let Some(to) = to.filter(|_| self.pipeline.get(first).is_none()) else { return Ok(()) };
        let others = std::iter::once(first).chain(words.iter().map(String::as_str));
        let others: Vec<&str> = others.filter(|word| word != to).collect();
        let what = match others.as_slice() {
            [app, version] if !app.contains('@') && version.parse::<Pin>().is_ok() => {
                quoted(&format!("{app}@{version}"))
            }
            others => others.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" "),
        };
        Err(Failure::usage(format!(
            "`{first}` is no environment; the environment comes first here"
        ))
        .hint(format!("{} rollback {to} {what}", self.program)))
    }

    /// A failure to read the words of a rollback: its hints name one too.
    pub(super) fn as_rollback(&self, failure: Failure, to: &EnvironmentName) -> Failure {
        let turned = |hint: String| {
            let words = hint.strip_prefix(self.program).and_then(|rest| rest.strip_prefix(' '));
            let Some(words) = words else { return hint };
            match (words.split_once(' '), words.rsplit_once(' ')) {
                (Some((first, _)), _) if first == to.as_str() => {
                    format!("{} rollback {words}", self.program)
                }
                (_, Some((what, last))) if last == to.as_str() => {
                    format!("{} rollback {to} {what}", self.program)
                }
                _ => hint,
            }
        };
        let hints = failure.hints.into_iter().map(turned).collect();
        Failure { hints, ..failure }
    }

    /// `api@v1.1.0` or `v1.1.0` with nothing behind it.
    fn forgotten(&self, last: &str, before: &[String]) -> Option<Failure> {
        let environments = self.pipeline.environments().iter().map(|e| e.name.as_str());
        let named = last.split_once('@').filter(|(app, _)| matches!((self.is_app)(app), Ok(true)));
        let (app, version) = match named {
            Some((app, version)) => (Some(app), version.parse::<Pin>().ok()?),
            None if looks_like_version(last) && nearest(last, environments).is_none() => {
                (None, last.parse::<Pin>().ok()?)
            }
            None => return None,
        };
        let words: Vec<String> =
            before.iter().map(String::as_str).chain([last]).map(quoted).collect();
        let into = (self.takers)(app, &version);
        let mut failure = Failure::usage(format!(
            "into which environment? the last word is to be one of {}",
            listed(&self.environments())
        ));
        for environment in into.iter().take(WAYS) {
            failure = failure.hint(format!("{} {} {environment}", self.program, words.join(" ")));
        }
        Some(failure)
    }

    /// `promote api`
    fn app_alone(&self, word: &str, before: &[String]) -> Option<Failure> {
        if !before.is_empty() || !matches!((self.is_app)(word), Ok(true)) {
            return None;
        }
        let failure = Failure::usage(format!("`{word}` is an app and no environment"))
            .hint(format!("{} status {}", self.program, quoted(word)));
        Some(failure.maybe_hint((self.next)(word)))
    }

    fn environments(&self) -> Vec<&str> {
        self.pipeline.environments().iter().map(|e| e.name.as_str()).collect()
    }

    fn unknown(&self, word: &str, alone: bool) -> Failure {
        let environments = self.environments();
        let alone = alone && !self.commands.is_empty();
        let commands = self.commands.iter().map(String::as_str).filter(|_| alone);
        let failure = Failure::usage(format!(
            "`{word}` is no environment{}; environments: {}",
            if alone { " and no command" } else { "" },
            listed(&environments)
        ));
        let part = |name: &&&str| name.split(['-', '_', '.']).any(|part| part == word);
        let related: Vec<&&str> = environments.iter().filter(part).take(WAYS).collect();
        if !related.is_empty() {
            let hint = |failure: Failure, name| failure.hint(format!("did you mean {name}?"));
            return related.into_iter().fold(failure, hint);
        }
        match nearest(word, environments.iter().copied().chain(commands)) {
            Some(near) => failure.hint(format!("did you mean {near}?")),
            None => failure.hint(format!("{} help", self.program)),
        }
    }

    /// More than one environment, and perhaps versions beside them.
    pub(super) fn one_at_a_time(&self, words: &[String], to: &EnvironmentName) -> Failure {
        let is_environment = |word: &&String| self.pipeline.get(word).is_some();
        let (environments, versions): (Vec<&String>, Vec<&String>) =
            words.iter().partition(is_environment);
        let first_version = words.iter().position(|word| !is_environment(&word));
        // Before the first version, or where there is none, stands the source.
        let source = environments.first().filter(|_| versions.is_empty());
        let skip = first_version.unwrap_or(1);
        let target = words.iter().skip(skip).find(is_environment).map_or(to.as_str(), |e| e);
        let what: Vec<String> = source.into_iter().chain(&versions).map(|w| quoted(w)).collect();
        let named: Vec<&str> =
            environments.iter().map(|e| e.as_str()).chain([to.as_str()]).collect();
        Failure::usage(format!("one environment is named at a time: {}", listed(&named)))
            .hint(format!("{} {} {target}", self.program, what.join(" ")))
    }

    /// An app where a version belongs.
    pub(super) fn refuse_app(&self, words: &[String], to: &EnvironmentName) -> Result<(), Failure> {
        // A word without a digit is hardly a version; others are not looked up.
        let suspect = |word: &&String| !word.chars().any(|c| c.is_ascii_digit());
        for word in words.iter().filter(suspect) {
            if !(self.is_app)(word)? {
                continue;
            }
            let failure = Failure::usage(format!("`{word}` is an app and no version"));
            return Err(failure.hint(self.with_app(word, words, to)));
        }
        Ok(())
    }

    /// The command that names the app otherwise.
    fn with_app(&self, app: &str, words: &[String], to: &EnvironmentName) -> String {
        let program = self.program;
        let other = words.iter().find(|word| *word != app && word.parse::<Pin>().is_ok());
        let first = self.pipeline.get(to.as_str()).is_some_and(|e| e.sources.names().is_empty());
        match other {
            Some(version) if words.len() == 2 => {
                format!("{program} {} {to}", quoted(&format!("{app}@{version}")))
            }
            _ if first => format!("{program} {} {to}", quoted(&format!("{app}@VERSION"))),
            _ => format!("{program} {to} -a {}", quoted(app)),
        }
    }

    /// `@v1`, and the ways in which others write an image with its tag:
    /// `cart:1.11`, `registry/cart:1.11`, `cart=1.11`.
    pub(super) fn other_syntax(&self, word: &str, to: &EnvironmentName) -> Option<Failure> {
        if let Some(version) = word.strip_prefix('@') {
            let version = version.parse::<Pin>().ok()?;
            return Some(
                Failure::usage(format!("`{word}` names no app before the @"))
                    .hint(format!("{} {version} {to}", self.program)),
            );
        }
        let (name, pin) = match word.split_once('=') {
            Some((name, value)) => (name.to_owned(), pin_of(value)?),
            None => {
                let image: ImageRef = word.parse().ok()?;
                (image.repository, image.pin)
            }
        };
        if pin.is_empty() || ["sha256", "sha512"].contains(&name.as_str()) {
            return None;
        }
        let last = name.rsplit('/').next().unwrap_or(&name);
        let app = match (self.is_app)(last) {
            Ok(true) => Some((last.to_owned(), None)),
            _ => (self.of_image)(&name),
        };
        let Some((app, image)) = app else { return Some((self.no_app)(last)) };
        let image = image.map(|image| format!(" --image {}", quoted(&image))).unwrap_or_default();
        let word_of = quoted(&format!("{app}@{pin}"));
        let failure = Failure::usage(format!("`{word}` is no version: it is APP@VERSION here"));
        Some(failure.hint(format!("{} {word_of} {to}{image}", self.program)))
    }
}

fn pin_of(text: &str) -> Option<Pin> {
    text.parse::<Pin>().ok().or_else(|| Some(text.parse::<ImageRef>().ok()?.pin))
}

/// `v1`, `1.2`, `sha256:...`
fn looks_like_version(word: &str) -> bool {
    let digits = word.strip_prefix('v').unwrap_or(word);
    digits.starts_with(|c: char| c.is_ascii_digit()) || word.starts_with("sha256:")
}
