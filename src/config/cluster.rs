//! `context` and `namespace` of `[[environment]]` -> [`Cluster`], and back.

use std::fmt::{self, Write};

use super::error::{ConfigError, Kind, Problem, Source};
use super::grammar;
use super::raw::{RawEnvironment, Text};
use super::write::string;
use crate::model::Cluster;

pub(super) fn of_environment(
    source: Source<'_>,
    raw: &RawEnvironment,
) -> Result<Cluster, ConfigError> {
    let checked = |text: &Option<Text>, check: fn(&str) -> Result<(), Problem>| {
        let Some(text) = text else { return Ok(None) };
        check(text.get_ref()).map_err(|problem| source.at(text.span(), problem))?;
        Ok(Some(text.get_ref().clone()))
    };
    Ok(Cluster {
        context: checked(&raw.context, context)?,
        namespace: checked(&raw.namespace, namespace)?,
    })
}

/// Contexts are called whatever their owner likes; what cannot be typed is none.
fn context(text: &str) -> Result<(), Problem> {
    let good = !text.is_empty() && !text.starts_with('-') && !text.chars().any(char::is_control);
    if good { Ok(()) } else { Err(bad(Kind::ClusterContext, text, "it is no name of a context")) }
}

/// A DNS label, as Kubernetes asks of namespaces (RFC 1123).
fn namespace(text: &str) -> Result<(), Problem> {
    let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let inside = text.chars().all(|c| letter(c) || c == '-');
    let ends = text.starts_with(letter) && text.ends_with(letter);
    if inside && ends && text.len() <= 63 {
        return Ok(());
    }
    let reason = "a namespace has lower case letters, digits and `-`, at most 63";
    Err(bad(Kind::Namespace, text, reason))
}

fn bad(kind: Kind, text: &str, reason: &str) -> Problem {
    Problem::BadValue { kind, value: grammar::printable(text), reason: reason.to_owned() }
}

pub(super) fn write(text: &mut String, cluster: &Cluster) -> fmt::Result {
    for (key, value) in [("context", &cluster.context), ("namespace", &cluster.namespace)] {
        if let Some(value) = value {
            writeln!(text, "{key} = {}", string(value))?;
        }
    }
    Ok(())
}
