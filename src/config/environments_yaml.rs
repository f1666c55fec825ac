//! `environments.yaml` with `approval.{required,auto_merge,approvers,count}`,
//! as the promotion of `DataKit` (`dk promote`) keeps it, for `init` to import.
//!
//! Read in both shapes that are met: a list of `{name, approval}`, and a
//! mapping by name, either of them alone or under `environments`. The order of
//! the file is taken as the order of promotion.

use super::Config;
use super::error::{ConfigError, Problem, Source};
use super::grammar::printable;
use super::import::{Imported, Importer};
use super::yaml::{self, Node};

/// The name of the file.
const FILE: &str = "environments.yaml";

/// What an approval may say.
const APPROVAL: [&str; 4] = ["required", "auto_merge", "approvers", "count"];

/// Makes a config of the text of an `environments.yaml`. What it says of
/// approvals cannot be carried over, and is in the notes.
pub fn import_environments_yaml(text: &str) -> Result<Imported, ConfigError> {
    let source = Source::new(FILE, text)?;
    let root = yaml::parse(source)?;
    let mut importer = Importer::new(source);
    let list = match root.get("environments") {
        Some(list) => {
            importer.note_unknown(&root, &["apiVersion", "kind", "environments"]);
            list
        }
        None => &root,
    };
    let entries = entries(&importer, list)?;
    let mut stages = Vec::new();
    for (name, body) in &entries {
        stages.push((*name, auto_merge(&importer, body)?));
    }
    let pipeline = importer.pipeline(list, &stages)?;
    for (name, body) in entries {
        note_environment(&mut importer, name, body)?;
    }
    importer.notes.sort_by_key(|note| note.line);
    let config = Config::bare(pipeline);
    Ok(Imported { config, notes: importer.notes })
}

/// Name and body of each environment.
fn entries<'n>(
    importer: &Importer<'_>,
    list: &'n Node,
) -> Result<Vec<(&'n Node, &'n Node)>, ConfigError> {
    if let Some(map) = list.map() {
        return Ok(map.iter().map(|(name, body)| (name, body)).collect());
    }
    if list.is_null() {
        return Ok(Vec::new());
    }
    let Some(entries) = list.list() else {
        return Err(importer.shape(list, "environments", "a list or a mapping"));
    };
    entries.iter().map(|entry| Ok((name_of(importer, entry)?, entry))).collect()
}

/// An entry of the list is the name alone, or has it under `name`.
fn name_of<'n>(importer: &Importer<'_>, entry: &'n Node) -> Result<&'n Node, ConfigError> {
    if entry.scalar().is_some() {
        return Ok(entry);
    }
    match entry.get("name") {
        Some(name) if name.scalar().is_some() => Ok(name),
        Some(name) => Err(importer.shape(name, "name", "a text")),
        None => Err(entry.error(importer.source, Problem::Missing("name"))),
    }
}

fn auto_merge(importer: &Importer<'_>, body: &Node) -> Result<bool, ConfigError> {
    let approval = body.get("approval");
    importer.bool(approval.and_then(|approval| approval.get("auto_merge")), "auto_merge")
}

fn note_environment(
    importer: &mut Importer<'_>,
    name: &Node,
    body: &Node,
) -> Result<(), ConfigError> {
    importer.note_unknown(body, &["name", "approval"]);
    let Some(approval) = body.get("approval") else { return Ok(()) };
    if approval.map().is_none() {
        return Err(importer.shape(approval, "approval", "a mapping"));
    }
    importer.note_unknown(approval, &APPROVAL);
    let shown = printable(name.scalar().unwrap_or_default());
    let required = importer.bool(approval.get("required"), "required")?;
    let count = count(importer, approval)?;
    let approvers = approvers(importer, approval)?;
    if required || count > 0 || !approvers.is_empty() {
        let count = count.max(1);
        let by = if approvers.is_empty() { String::new() } else { format!(" of {approvers}") };
        let text = format!(
            "`{shown}` asks for {count} approval(s){by}: go on asking where changes are merged, this version does not"
        );
        importer.note(approval, text);
    }
    Ok(())
}

fn count(importer: &Importer<'_>, approval: &Node) -> Result<u32, ConfigError> {
    let Some(count) = approval.get("count") else { return Ok(0) };
    let number = count.scalar().and_then(|text| text.parse().ok());
    number.ok_or_else(|| importer.shape(count, "count", "a number"))
}

fn approvers(importer: &Importer<'_>, approval: &Node) -> Result<String, ConfigError> {
    let Some(node) = approval.get("approvers") else { return Ok(String::new()) };
    let names = match (node.list(), node.scalar()) {
        (Some(list), _) => list.iter().map(Node::scalar).collect::<Option<Vec<_>>>(),
        (None, name) => name.map(|name| vec![name]),
    };
    let Some(names) = names else {
        return Err(importer.shape(node, "approvers", "a list of names"));
    };
    Ok(printable(&names.join(", ")))
}
