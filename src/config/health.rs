//! `health` of an environment: read and written.

use std::fmt::{self, Write};

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use super::error::{ConfigError, Kind, Problem, Source};
use super::grammar::{self, printable};
use super::raw::Text;
use super::write::{string, strings};
use crate::model::{AppId, ClusterObject, EnvironmentName, HealthSettings, Patience};

/// The names that can stand in the texts of `health`.
pub const NAMES: [&str; 4] = ["{app}", "{group}", "{env}", "{version}"];

/// What tells whether the environments before are healthy. At least one of
/// `context`, `kubectl` and `command`; all that are there have to say so.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    rename_all = "kebab-case",
    expecting = "a table such as { context = \"*/{app}-{env}\" }"
)]
#[schemars(rename = "Health")]
pub(super) struct RawHealth {
    /// The commit statuses and check runs of the forge that count: a glob over
    /// their names, with `{app}`, `{group}`, `{env}` (the environment before) and
    /// `{version}`.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    context: Option<Text>,
    /// Whether any failure since the version arrived counts, whatever came
    /// after it. The default is that the newest state of each name does.
    #[serde(default)]
    #[schemars(with = "Option<bool>")]
    since_arrival: Option<Spanned<bool>>,
    /// Objects of the cluster that kubectl is asked for, as `KIND/NAME` or
    /// `NAMESPACE/KIND/NAME`, with the same names in braces.
    #[serde(default)]
    #[schemars(with = "Option<Vec<String>>", length(min = 1))]
    kubectl: Option<Spanned<Vec<Text>>>,
    /// A program and its arguments, with the same names in braces: it is well
    /// where the program ends with 0. A program named by a path with `/` is a
    /// file of the base commit.
    #[serde(default)]
    #[schemars(with = "Option<Vec<String>>", length(min = 1))]
    command: Option<Spanned<Vec<Text>>>,
    /// How long `git promote wait` waits, and how long a program may run: `90s`,
    /// `10m` (the default), `1h`.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    timeout: Option<Text>,
}

/// Reads what an environment says.
pub(super) fn read(
    source: Source<'_>,
    raw: &Spanned<RawHealth>,
) -> Result<HealthSettings, ConfigError> {
    let own = raw.get_ref();
    if own.context.is_none() && own.kubectl.is_none() && own.command.is_none() {
        return Err(source.at(raw.span(), Problem::AsksNobody));
    }
    if let Some(since) = own.since_arrival.as_ref().filter(|_| own.context.is_none()) {
        return Err(source.at(since.span(), Problem::Needs("since-arrival", "context")));
    }
    Ok(HealthSettings {
        context: own.context.as_ref().map(|text| context(source, text)).transpose()?,
        since_arrival: own.since_arrival.as_ref().is_some_and(|since| *since.get_ref()),
        kubectl: match &own.kubectl {
            Some(list) => objects(source, list)?,
            None => Vec::new(),
        },
        command: match &own.command {
            Some(words) => command(source, words)?,
            None => Vec::new(),
        },
        timeout: own.timeout.as_ref().map(|text| span(source, text)).transpose()?,
    })
}

fn bad(source: Source<'_>, text: &Text, kind: Kind, reason: impl Into<String>) -> ConfigError {
    let (value, reason) = (printable(text.get_ref()), reason.into());
    source.at(text.span(), Problem::BadValue { kind, value, reason })
}

/// A name in braces that stands for nothing in a glob, where braces hold
/// alternatives too: those have a comma.
pub fn unknown_name(glob: &str) -> Option<&str> {
    let mut open: Vec<(usize, bool)> = Vec::new();
    let mut bytes = glob.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'\\' => drop(bytes.next()),
            b'{' => open.push((at, false)),
            b',' => {
                if let Some(last) = open.last_mut() {
                    last.1 = true;
                }
            }
            b'}' => {
                let (start, alternatives) = open.pop()?;
                let name = glob.get(start..=at)?;
                if !alternatives && !NAMES.contains(&name) {
                    return Some(name);
                }
            }
            _ => {}
        }
    }
    None
}

fn context(source: Source<'_>, text: &Text) -> Result<String, ConfigError> {
    if let Some(name) = unknown_name(text.get_ref()) {
        let reason = format!("{name} is none of the names in braces: {}", NAMES.join(", "));
        return Err(bad(source, text, Kind::Context, reason));
    }
    let (app, env) = (AppId::named("x"), EnvironmentName::new("x"));
    let filled = super::placeholders(text.get_ref(), &app, &env, "x");
    grammar::glob(&filled).map_err(|_| {
        let problem = grammar::glob(text.get_ref()).err();
        let reason = match problem {
            Some(Problem::BadValue { reason, .. }) => reason,
            _ => "it is no glob".to_owned(),
        };
        bad(source, text, Kind::Context, reason)
    })?;
    Ok(text.get_ref().clone())
}

fn objects(
    source: Source<'_>,
    list: &Spanned<Vec<Text>>,
) -> Result<Vec<ClusterObject>, ConfigError> {
    if list.get_ref().is_empty() {
        return Err(source.at(list.span(), Problem::EmptyList("kubectl")));
    }
    let object = |text: &Text| {
        placeholders(source, text, Kind::ClusterObject)?;
        let parsed = text.get_ref().parse();
        parsed.map_err(|reason: &str| bad(source, text, Kind::ClusterObject, reason))
    };
    list.get_ref().iter().map(object).collect()
}

/// In these texts a brace means a name and nothing else.
fn placeholders(source: Source<'_>, text: &Text, kind: Kind) -> Result<(), ConfigError> {
    let mut rest = text.get_ref().clone();
    for name in NAMES {
        rest = rest.replace(name, "");
    }
    if rest.contains(['{', '}']) {
        let reason = format!("of names in braces there are {}", NAMES.join(", "));
        return Err(bad(source, text, kind, reason));
    }
    Ok(())
}

fn command(source: Source<'_>, words: &Spanned<Vec<Text>>) -> Result<Vec<String>, ConfigError> {
    let Some(program) = words.get_ref().first() else {
        return Err(source.at(words.span(), Problem::EmptyList("command")));
    };
    let name = program.get_ref();
    let reason = if name.trim().is_empty() {
        Some("it is empty")
    } else if name.contains(['{', '}']) {
        Some("which program it is does not depend on what is promoted")
    } else if name.split('/').any(|part| part == "..") {
        Some("it climbs out of the repository")
    } else {
        None
    };
    if let Some(reason) = reason {
        return Err(bad(source, program, Kind::Program, reason));
    }
    if let Some(odd) = words.get_ref().iter().find(|word| word.get_ref().contains('\0')) {
        return Err(bad(source, odd, Kind::Program, "it holds a NUL"));
    }
    Ok(words.get_ref().iter().map(|word| word.get_ref().clone()).collect())
}

fn span(source: Source<'_>, text: &Text) -> Result<Patience, ConfigError> {
    text.get_ref().parse().map_err(|reason: &str| bad(source, text, Kind::Span, reason))
}

/// Writes what an environment says.
pub(super) fn write(text: &mut String, own: &HealthSettings) -> fmt::Result {
    let mut keys = Vec::new();
    keys.extend(own.context.as_ref().map(|context| format!("context = {}", string(context))));
    if own.since_arrival {
        keys.push("since-arrival = true".to_owned());
    }
    if !own.kubectl.is_empty() {
        let objects = own.kubectl.iter().map(ToString::to_string);
        keys.push(format!("kubectl = {}", strings(objects)));
    }
    if !own.command.is_empty() {
        keys.push(format!("command = {}", strings(own.command.iter())));
    }
    keys.extend(own.timeout.map(|timeout| format!("timeout = \"{timeout}\"")));
    writeln!(text, "health = {{ {} }}", keys.join(", "))
}

#[cfg(test)]
mod tests {
    use super::unknown_name;

    #[test]
    fn a_name_in_braces_is_a_known_one() {
        for (glob, unknown) in [
            ("kustomization/{app}-{env}/*", None),
            ("{group},{version}/{app}", None),
            ("{flux,argo}/{app}", None),
            ("{flux-{env},argo}/{app}", None),
            (r"\{foo\}/{app}", None),
            ("x/{foo}", Some("{foo}")),
            ("{ap}", Some("{ap}")),
            ("{a,{ap}}", Some("{ap}")),
            ("{}", Some("{}")),
            ("}{", None),
        ] {
            assert_eq!(unknown_name(glob), unknown, "{glob}");
        }
    }
}
