//! [`Config`] -> the text of a `promote.toml` that reads back to it.

use std::fmt::{self, Write};

use toml::Value;

use super::import::ImportNote;
use super::{
    AppPolicy, AppRule, Config, FieldSpec, LayoutPath, OverrideGrant, cluster, delivery, grants,
    guards, health, images, policies,
};
use crate::model::{Environment, EnvironmentName, Sources};

const HEADER: &str = "\
# What `git promote` knows of this repository: the environments, the order
# between them, and where each one keeps what it runs.
";

/// Writes a commented `promote.toml`. `notes` say what could not be carried
/// over from another tool; they become comments at the top.
pub fn to_toml(config: &Config, notes: &[ImportNote]) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = write_all(&mut text, config, notes);
    text
}

fn write_all(text: &mut String, config: &Config, notes: &[ImportNote]) -> fmt::Result {
    text.push_str(HEADER);
    if !notes.is_empty() {
        text.push_str("#\n# Not carried over:\n");
    }
    for note in notes {
        writeln!(text, "#   {}", super::grammar::printable(&note.to_string()))?;
    }
    text.push_str("version = 1\n");
    delivery::write_top(text, &config.delivery)?;
    if config.require_online {
        text.push_str("require-online = true\n");
    }
    if !config.mutable_tags.is_empty() {
        text.push_str("\n# Tags that move, beside the built-in ones such as `latest`.\n");
        writeln!(text, "mutable-tags = {}", strings(config.mutable_tags.iter()))?;
    }
    guards::write_top(text, &config.guards)?;
    layout(text, &config.layout)?;
    text.push_str("\n# The order of this list is the order of promotion.");
    let mut before = None;
    for one in config.pipeline.environments() {
        environment(text, one, before)?;
        guards::write_environment(text, config.guard(&one.name), one.delivery.rollback_approvals)?;
        before = Some(&one.name);
    }
    config.overrides.iter().try_for_each(|one| grant(text, one))?;
    config.apps.iter().try_for_each(|one| app(text, one))?;
    policies::write(text, &config.guards.policies)?;
    delivery::write_tables(text, &config.delivery)
}

fn layout(text: &mut String, layout: &[LayoutPath]) -> fmt::Result {
    if layout.is_empty() {
        return Ok(());
    }
    text.push_str(
        "\n# Where overlays are; the first path that matches wins.\n[layout]\npaths = [\n",
    );
    for path in layout {
        let template = string(&path.template);
        if path.fields.is_empty() && path.couple {
            writeln!(text, "    {template},")?;
            continue;
        }
        write!(text, "    {{ path = {template}")?;
        if !path.fields.is_empty() {
            let fields: Vec<String> = path.fields.iter().map(field).collect();
            write!(text, ", fields = [{}]", fields.join(", "))?;
        }
        let couple = if path.couple { "" } else { ", couple = false" };
        writeln!(text, "{couple} }},")?;
    }
    text.push_str("]\n");
    Ok(())
}

fn field(field: &FieldSpec) -> String {
    let kind = if field.image { ", kind = \"image\"" } else { "" };
    format!("{{ path = {}{kind} }}", string(&field.path))
}

/// Says of the sources only what the order of the list does not.
fn environment(
    text: &mut String,
    one: &Environment,
    before: Option<&EnvironmentName>,
) -> fmt::Result {
    writeln!(text, "\n[[environment]]\nname = {}", string(one.name.as_str()))?;
    match (&one.sources, before) {
        (Sources::First, None) => {}
        (Sources::First, Some(_)) => text.push_str("from = []\n"),
        (Sources::All(names), Some(before)) if names.iter().eq([before]) => {}
        (Sources::All(all), _) => writeln!(text, "from = {}", names(all))?,
        (Sources::Any(any), _) => writeln!(text, "from-any = {}", names(any))?,
    }
    if !one.dirs.iter().eq([one.name.as_str()]) {
        writeln!(text, "dirs = {}", strings(one.dirs.iter()))?;
    }
    if one.seen {
        text.push_str("seen = true\n");
    }
    if one.together {
        text.push_str("together = true\n");
    }
    cluster::write(text, &one.cluster)?;
    images::write_environment(text, &one.images)?;
    delivery::write_environment(text, &one.delivery)?;
    if let Some(own) = &one.health {
        health::write(text, own)?;
    }
    Ok(())
}

fn grant(text: &mut String, grant: &OverrideGrant) -> fmt::Result {
    writeln!(text, "\n[[override]]\nrule = \"{}\"", grant.rule)?;
    environments(text, &grant.environments)?;
    grants::write(text, grant)
}

fn app(text: &mut String, app: &AppRule) -> fmt::Result {
    writeln!(text, "\n[[app]]\nname = {}", string(&app.name))?;
    match app.policy {
        AppPolicy::Strict => {}
        AppPolicy::Warn => text.push_str("policy = \"warn\"\n"),
        AppPolicy::Off => text.push_str("policy = \"off\"\n"),
    }
    environments(text, &app.environments)?;
    match &app.source {
        Some(source) => writeln!(text, "source = {}", string(source)),
        None => Ok(()),
    }
}

fn environments(text: &mut String, environments: &[EnvironmentName]) -> fmt::Result {
    if environments.is_empty() {
        return Ok(());
    }
    writeln!(text, "environments = {}", names(environments))
}

fn names(list: &[EnvironmentName]) -> String {
    strings(list.iter().map(EnvironmentName::as_str))
}

pub(super) fn strings(values: impl Iterator<Item = impl AsRef<str>>) -> String {
    let values: Vec<String> = values.map(|value| string(value.as_ref())).collect();
    format!("[{}]", values.join(", "))
}

/// A TOML string, quoted and escaped as the toml crate does it.
pub(super) fn string(text: &str) -> String {
    Value::String(text.to_owned()).to_string()
}
