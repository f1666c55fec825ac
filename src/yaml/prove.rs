//! Proof that an edited text says what was intended and nothing else.

use std::collections::{HashMap, HashSet};

use super::edit::Pairs;
use super::node::{Node, NodeKind, Style};
use super::{NodeId, Operation, Stream, YamlError};

/// One value of a document, in order. `None` for style and properties: any.
#[derive(Debug, PartialEq, Eq)]
enum Token {
    Mapping(Properties),
    Sequence(Properties),
    End,
    Alias(String),
    Scalar { value: String, style: Option<Style>, properties: Properties },
}

type Properties = (Option<String>, Option<String>);

/// What the operations change, by node.
#[derive(Default)]
struct Intended<'o> {
    values: HashMap<NodeId, String>,
    removed: HashSet<NodeId>,
    inserted: HashMap<NodeId, Vec<(&'o str, &'o str)>>,
    appended: HashMap<NodeId, Vec<&'o Pairs>>,
    items: HashMap<NodeId, Vec<&'o str>>,
    lists: HashMap<NodeId, (&'o str, &'o Pairs)>,
}

enum Work {
    Node(NodeId),
    End,
    Ready(Token),
}

/// Parses `text` and compares every value of every document with `stream` and
/// what `operations` intend.
pub(super) fn prove(
    stream: &Stream,
    operations: &[Operation],
    text: &str,
) -> Result<(), YamlError> {
    let edited = Stream::parse(text.as_bytes()).map_err(|error| YamlError::Unproven {
        at: error.position(),
        message: error.to_string(),
    })?;
    let intended = intend(stream, operations)?;
    let expected = flatten(stream, &intended);
    let found = flatten(&edited, &Intended::default());
    let mut places = edited.nodes.iter().map(|node| node.span.start);
    for (wanted, (token, is_node)) in expected.iter().zip(&found) {
        let at = if *is_node { places.next() } else { None };
        if !same(&wanted.0, token) {
            let at = edited.position(at.unwrap_or_default());
            return Err(unproven(at, &wanted.0, token));
        }
    }
    if expected.len() == found.len() {
        return Ok(());
    }
    let at = edited.position(text.len());
    Err(YamlError::Unproven { at, message: "values are missing or too many".to_owned() })
}

fn unproven(at: super::Position, wanted: &Token, found: &Token) -> YamlError {
    let message = format!("expected {}, found {}", describe(wanted), describe(found));
    YamlError::Unproven { at, message }
}

fn describe(token: &Token) -> String {
    match token {
        Token::Mapping(_) => "a mapping".to_owned(),
        Token::Sequence(_) => "a list".to_owned(),
        Token::End => "the end of a list or mapping".to_owned(),
        Token::Alias(name) => format!("the alias `*{name}`"),
        Token::Scalar { value, properties: (None, None), .. } => format!("`{value}`"),
        Token::Scalar { value, .. } => format!("`{value}` with an anchor or tag"),
    }
}

fn same(wanted: &Token, found: &Token) -> bool {
    match (wanted, found) {
        (
            Token::Scalar { value, style: None, properties },
            Token::Scalar { value: other, style: Some(style), properties: others },
        ) => value == other && *style != Style::Empty && properties == others,
        _ => wanted == found,
    }
}

fn intend<'o>(stream: &Stream, operations: &'o [Operation]) -> Result<Intended<'o>, YamlError> {
    let mut intended = Intended::default();
    let mut parts: HashMap<NodeId, Vec<(usize, usize, &str)>> = HashMap::new();
    for operation in operations {
        match operation {
            Operation::Set { node, value } => {
                intended.values.insert(*node, value.clone());
            }
            Operation::Part { node, range, text } => {
                parts.entry(*node).or_default().push((range.start, range.end, text));
            }
            Operation::Insert { mapping, after, key, value } => {
                let key_before = pair_key(stream, *mapping, *after)?;
                intended.inserted.entry(key_before).or_default().push((key, value));
            }
            Operation::Remove { mapping, index } => {
                intended.removed.insert(pair_key(stream, *mapping, *index)?);
            }
            Operation::Append { sequence, pairs } => {
                intended.appended.entry(*sequence).or_default().push(pairs);
            }
            Operation::AppendItem { sequence, value } => {
                intended.items.entry(*sequence).or_default().push(value);
            }
            Operation::RemoveItem { sequence, index } => {
                let item = stream.items(*sequence).get(*index).copied();
                intended.removed.insert(item.ok_or_else(|| no_item(stream, *sequence))?);
            }
            Operation::NewList { mapping, key, pairs } => {
                intended.lists.insert(*mapping, (key, pairs));
            }
        }
    }
    for (node, mut ranges) in parts {
        ranges.sort_unstable();
        let mut value = stream.value(node).unwrap_or_default().to_owned();
        for (start, end, text) in ranges.into_iter().rev() {
            if value.get(start..end).is_some() {
                value.replace_range(start..end, text);
            }
        }
        intended.values.insert(node, value);
    }
    Ok(intended)
}

fn no_item(stream: &Stream, sequence: NodeId) -> YamlError {
    let message = "no such item".to_owned();
    YamlError::Unchangeable { at: stream.position_of(sequence), message }
}

fn pair_key(stream: &Stream, mapping: NodeId, index: usize) -> Result<NodeId, YamlError> {
    stream.pairs(mapping).get(index).map(|pair| pair.key).ok_or_else(|| YamlError::Unchangeable {
        at: stream.position_of(mapping),
        message: "no such pair".to_owned(),
    })
}

/// All values in order, each with whether it is a node of the stream.
fn flatten(stream: &Stream, intended: &Intended<'_>) -> Vec<(Token, bool)> {
    let mut tokens = Vec::with_capacity(stream.nodes.len() + 16);
    let mut work: Vec<Work> = stream.documents.iter().rev().map(|root| Work::Node(*root)).collect();
    while let Some(next) = work.pop() {
        let id = match next {
            Work::Node(id) => id,
            Work::End => {
                tokens.push((Token::End, false));
                continue;
            }
            Work::Ready(token) => {
                tokens.push((token, false));
                continue;
            }
        };
        let Some(node) = stream.node(id) else { continue };
        let mut children = Vec::new();
        tokens.push((token(node, id, intended), true));
        match &node.kind {
            NodeKind::Mapping { .. } => {
                mapping_children(stream, id, intended, &mut children);
                children.push(Work::End);
            }
            NodeKind::Sequence { items, .. } => {
                let kept = items.iter().filter(|item| !intended.removed.contains(*item));
                children.extend(kept.map(|item| Work::Node(*item)));
                let new = intended.items.get(&id).into_iter().flatten();
                children.extend(new.map(|value| new_scalar(value)));
                for pairs in intended.appended.get(&id).into_iter().flatten() {
                    new_mapping(pairs, &mut children);
                }
                children.push(Work::End);
            }
            NodeKind::Scalar(_) | NodeKind::Alias { .. } => {}
        }
        work.extend(children.into_iter().rev());
    }
    tokens
}

fn mapping_children(
    stream: &Stream,
    id: NodeId,
    intended: &Intended<'_>,
    children: &mut Vec<Work>,
) {
    for pair in stream.pairs(id) {
        if !intended.removed.contains(&pair.key) {
            children.extend([Work::Node(pair.key), Work::Node(pair.value)]);
        }
        for (key, value) in intended.inserted.get(&pair.key).into_iter().flatten() {
            children.extend([new_scalar(key), new_scalar(value)]);
        }
    }
    if let Some((key, pairs)) = intended.lists.get(&id) {
        children.extend([new_scalar(key), Work::Ready(Token::Sequence((None, None)))]);
        new_mapping(pairs, children);
        children.push(Work::End);
    }
}

fn new_mapping(pairs: &[(&'static str, String)], children: &mut Vec<Work>) {
    children.push(Work::Ready(Token::Mapping((None, None))));
    for (key, value) in pairs {
        children.extend([new_scalar(key), new_scalar(value)]);
    }
    children.push(Work::End);
}

fn new_scalar(value: &str) -> Work {
    Work::Ready(Token::Scalar { value: value.to_owned(), style: None, properties: (None, None) })
}

fn token(node: &Node, id: NodeId, intended: &Intended<'_>) -> Token {
    let properties = (node.anchor.clone(), node.tag.clone());
    match (&node.kind, intended.values.get(&id)) {
        (NodeKind::Scalar(_) | NodeKind::Alias { .. }, Some(value)) => {
            Token::Scalar { value: value.clone(), style: None, properties }
        }
        (NodeKind::Scalar(scalar), None) => {
            Token::Scalar { value: scalar.value.clone(), style: Some(scalar.style), properties }
        }
        (NodeKind::Alias { name, .. }, None) => Token::Alias(name.clone()),
        (NodeKind::Mapping { .. }, _) => Token::Mapping(properties),
        (NodeKind::Sequence { .. }, _) => Token::Sequence(properties),
    }
}
