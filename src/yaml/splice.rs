//! From an operation to the bytes that change.

use std::ops::Range;

use super::cursor::is_break;
use super::node::{Block, Node, NodeKind, Pair, Style};
use super::{NodeId, Operation, SourceMap, Splice, Stream, YamlError, plain_is_safe};

/// The bytes that an operation changes, and the new ones.
pub(super) fn compile(stream: &Stream, operation: &Operation) -> Result<Splice, YamlError> {
    match operation {
        Operation::Set { node, value } => set(stream, *node, value),
        Operation::Part { node, range, text } => part(stream, *node, range.clone(), text),
        Operation::Insert { mapping, after, key, value } => {
            let pair = pair(stream, *mapping, *after)?;
            Ok(insert(stream, *mapping, pair, (key, value)))
        }
        Operation::Remove { mapping, index } => remove(stream, *mapping, *index),
        Operation::Append { sequence, pairs } => append(stream, *sequence, pairs),
        Operation::AppendItem { sequence, value } => append_item(stream, *sequence, value),
        Operation::RemoveItem { sequence, index } => remove_item(stream, *sequence, *index),
        Operation::NewList { mapping, key, pairs } => new_list(stream, *mapping, key, pairs),
    }
}

fn refuse(stream: &Stream, node: NodeId, message: &str) -> YamlError {
    YamlError::Unchangeable { at: stream.position_of(node), message: message.to_owned() }
}

fn pair(stream: &Stream, mapping: NodeId, index: usize) -> Result<Pair, YamlError> {
    let pair = stream.pairs(mapping).get(index).copied();
    pair.ok_or_else(|| refuse(stream, mapping, "no such pair"))
}

/// `value` as a scalar of its own.
fn fresh(value: &str) -> String {
    if plain_is_safe(value) { value.to_owned() } else { quoted(value) }
}

fn quoted(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

fn set(stream: &Stream, id: NodeId, value: &str) -> Result<Splice, YamlError> {
    let node = stream.node(id).ok_or_else(|| refuse(stream, id, "no such value"))?;
    let at = stream.position_of(id);
    let (span, replacement) = match &node.kind {
        NodeKind::Alias { .. } => (node.span.clone(), fresh(value)),
        NodeKind::Scalar(scalar) => match (&scalar.block, scalar.style) {
            (Some(block), _) => set_block(stream, node, block, value),
            (None, Style::Empty) => set_empty(stream, node, value)?,
            (None, Style::SingleQuoted) => {
                (node.span.clone(), format!("'{}'", value.replace('\'', "''")))
            }
            (None, Style::DoubleQuoted) => (node.span.clone(), quoted(value)),
            (None, _) => (node.span.clone(), fresh(value)),
        },
        _ => return Err(refuse(stream, id, "a list or mapping stands where a value should be")),
    };
    Ok(Splice { span, replacement, at })
}

/// Header and comment stay, the header strips, and there is one content line.
fn set_block(stream: &Stream, node: &Node, block: &Block, value: &str) -> (Range<usize>, String) {
    let text = stream.text();
    let header = text.get(block.header.clone()).unwrap_or_default();
    let header =
        if header.contains('-') { header.to_owned() } else { header.replace('+', "") + "-" };
    let between = text.get(block.header.end..block.content.start).unwrap_or_default();
    let line_break =
        if block.content.is_empty() { line_ending(stream, node.span.start) } else { "" };
    let indent = " ".repeat(block.indent);
    (node.span.clone(), format!("{header}{between}{line_break}{indent}{value}"))
}

/// Right behind the `:`, so before a comment.
fn set_empty(
    stream: &Stream,
    node: &Node,
    value: &str,
) -> Result<(Range<usize>, String), YamlError> {
    if node.indicator.is_none() && node.properties.is_none() {
        let at = stream.position(node.span.start);
        let message = "the value and its `:` are left out".to_owned();
        return Err(YamlError::Unchangeable { at, message });
    }
    let start = node.span.start;
    let rest = stream.text().get(start..).unwrap_or_default();
    let line = rest.split(['\n', '\r']).next().unwrap_or_default();
    let free = line.starts_with(' ') && line.trim_start_matches([' ', '\t']).is_empty();
    if free {
        return Ok((start + 1..start + 1, fresh(value)));
    }
    let glued = rest.starts_with(|c: char| !c.is_whitespace() && !",]}".contains(c));
    Ok((start..start, format!(" {}{}", fresh(value), if glued { " " } else { "" })))
}

fn part(stream: &Stream, id: NodeId, range: Range<usize>, text: &str) -> Result<Splice, YamlError> {
    let unclear =
        || refuse(stream, id, "this value is written in a way that cannot be changed in place");
    let map = SourceMap::new(stream, id).ok_or_else(unclear)?;
    let span = map.range(range).ok_or_else(unclear)?;
    let at = stream.position(span.start);
    Ok(Splice { span, replacement: map.encode(text), at })
}

fn is_quoted(stream: &Stream, id: NodeId) -> bool {
    stream.scalar(id).is_some_and(|s| matches!(s.style, Style::SingleQuoted | Style::DoubleQuoted))
}

/// `key: value`, or JSON where the neighbour's key is quoted.
fn render_pair(stream: &Stream, neighbour: NodeId, (key, value): (&str, &str)) -> String {
    if is_quoted(stream, neighbour) {
        format!("\"{key}\": {}", quoted(value))
    } else {
        format!("{key}: {}", fresh(value))
    }
}

fn is_flow(stream: &Stream, id: NodeId) -> bool {
    match stream.node(id).map(|node| &node.kind) {
        Some(NodeKind::Mapping { flow, .. } | NodeKind::Sequence { flow, .. }) => *flow,
        _ => false,
    }
}

fn insert(stream: &Stream, mapping: NodeId, pair: Pair, new: (&str, &str)) -> Splice {
    let rendered = render_pair(stream, pair.key, new);
    let end = value_end(stream, pair);
    if is_flow(stream, mapping) {
        let at = stream.position(end);
        return Splice { span: end..end, replacement: format!(", {rendered}"), at };
    }
    let end = line_end(stream, end);
    let column = column(stream, pair.key);
    let line_break = line_ending(stream, end);
    let replacement = format!("{line_break}{}{rendered}", " ".repeat(column));
    Splice { span: end..end, replacement, at: stream.position(end) }
}

/// Where a pair starts: at its key, or at the `?` before it.
fn pair_start(stream: &Stream, key: NodeId) -> usize {
    let start = stream.node(key).map_or(0, Node::start);
    let before = stream.text().get(stream.lines().start_of(start)..start).unwrap_or_default();
    let blanks = before.len() - before.trim_end().len();
    if before.trim_end().ends_with('?') { start - blanks - 1 } else { start }
}

/// How many characters stand before a pair on its line.
fn column(stream: &Stream, key: NodeId) -> usize {
    let start = pair_start(stream, key);
    let before = stream.text().get(stream.lines().start_of(start)..start);
    before.map_or(0, |text| text.chars().count())
}

fn value_end(stream: &Stream, pair: Pair) -> usize {
    let key = stream.node(pair.key).map_or(0, |node| node.span.end);
    stream.node(pair.value).map_or(key, |node| node.span.end.max(key))
}

/// The end of the line that holds `offset`, before its line break.
fn line_end(stream: &Stream, offset: usize) -> usize {
    let bytes = stream.text().as_bytes().get(offset..).unwrap_or_default();
    offset + bytes.iter().position(|byte| is_break(*byte)).unwrap_or(bytes.len())
}

fn break_at(stream: &Stream, offset: usize) -> &str {
    let rest = stream.text().get(offset..).unwrap_or_default();
    ["\r\n", "\n", "\r"].into_iter().find(|ending| rest.starts_with(ending)).unwrap_or("")
}

/// The line ending of the line that holds `offset`, else of the file.
fn line_ending(stream: &Stream, offset: usize) -> &str {
    let own = break_at(stream, line_end(stream, offset));
    if !own.is_empty() {
        return own;
    }
    let first = break_at(stream, line_end(stream, 0));
    if first.is_empty() { "\n" } else { first }
}

fn remove(stream: &Stream, mapping: NodeId, index: usize) -> Result<Splice, YamlError> {
    let pair = pair(stream, mapping, index)?;
    let start = pair_start(stream, pair.key);
    let at = stream.position_of(pair.value);
    let (span, replacement) = if is_flow(stream, mapping) {
        remove_flow(stream, mapping, index)?
    } else {
        let end = line_end(stream, value_end(stream, pair));
        (remove_block(stream, start, end), String::new())
    };
    Ok(Splice { span, replacement, at })
}

/// The whole lines of a pair; behind a dash, up to what comes next.
fn remove_block(stream: &Stream, start: usize, end: usize) -> Range<usize> {
    let text = stream.text();
    let line_start = stream.lines().start_of(start);
    let behind = end + break_at(stream, end).len();
    let indent = text.get(line_start..start).unwrap_or_default();
    if !indent.trim_matches([' ', '\t']).is_empty() {
        let rest = text.get(behind..).unwrap_or_default();
        return start..behind + (rest.len() - rest.trim_start().len());
    }
    if behind > end || line_start == 0 {
        return line_start..behind;
    }
    // The last line has no line break, so the one before it goes instead.
    let before = text.get(..line_start).unwrap_or_default();
    let kept = before.strip_suffix("\r\n").or_else(|| before.strip_suffix(['\n', '\r']));
    kept.map_or(line_start, str::len)..behind
}

/// The pair and one comma: the one behind it, else the one before.
fn remove_flow(
    stream: &Stream,
    mapping: NodeId,
    index: usize,
) -> Result<(Range<usize>, String), YamlError> {
    let text = stream.text();
    let pairs = stream.pairs(mapping);
    let own = pair(stream, mapping, index)?;
    let start = stream.node(own.key).map_or(0, Node::start);
    let end = value_end(stream, own);
    if let Some(next) = pairs.get(index + 1) {
        let comma = stream.node(next.key).and_then(|node| node.indicator).unwrap_or(end);
        return Ok((remove_before_comma(stream, start, comma), String::new()));
    }
    let comma = stream.node(own.key).and_then(|node| node.indicator);
    let Some(comma) = comma else { return Ok((start..end, String::new())) };
    let between = text.get(comma + 1..start).unwrap_or_default();
    if between.trim().is_empty() {
        return Ok((comma..end, String::new()));
    }
    // A comment stands behind the comma: it stays, the line of the pair goes.
    let kept = between.trim_end_matches([' ', '\t']);
    let kept = kept.strip_suffix('\n').unwrap_or(kept);
    let kept = kept.strip_suffix('\r').unwrap_or(kept);
    Ok((comma..end, kept.to_owned()))
}

/// From a pair up to the next one, or its whole lines where nothing else
/// stands on them.
fn remove_before_comma(stream: &Stream, start: usize, comma: usize) -> Range<usize> {
    let text = stream.text();
    let line_start = stream.lines().start_of(start);
    let alone = text.get(line_start..start).is_some_and(|before| before.trim().is_empty());
    let rest = text.get(comma + 1..).unwrap_or_default();
    let blanks = rest.len() - rest.trim_start_matches([' ', '\t']).len();
    let end = comma + 1 + blanks;
    let line_break = break_at(stream, line_end(stream, end));
    let commented = text.get(end..).is_some_and(|rest| rest.starts_with('#'));
    if alone && (commented || line_end(stream, end) == end) {
        return line_start..line_end(stream, end) + line_break.len();
    }
    start..end
}

fn append(
    stream: &Stream,
    sequence: NodeId,
    pairs: &[(&'static str, String)],
) -> Result<Splice, YamlError> {
    append_rendered(
        stream,
        sequence,
        (&|json| flow_item(pairs, json), &|column, gap, line| block_item(pairs, column, gap, line)),
    )
}

/// A scalar at the end of a list.
fn append_item(stream: &Stream, sequence: NodeId, value: &str) -> Result<Splice, YamlError> {
    let item = if is_way_up(value) { value.to_owned() } else { fresh(value) };
    let flow = |json: bool| if json { quoted(value) } else { item.clone() };
    let block = |column: usize, gap: usize, line_break: &str| {
        format!("{line_break}{}-{}{item}", " ".repeat(column), " ".repeat(gap))
    };
    append_rendered(stream, sequence, (&flow, &block))
}

/// Whether it is a path such as `../../base`, which no reader takes for more.
fn is_way_up(value: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte);
    value.starts_with("../") && value.bytes().all(plain)
}

/// How an item is written in a flow list, and in a block list: column, gap
/// behind the dash, and line break.
type Rendering<'r> = (&'r dyn Fn(bool) -> String, &'r dyn Fn(usize, usize, &str) -> String);

fn append_rendered(
    stream: &Stream,
    sequence: NodeId,
    (flow, block): Rendering<'_>,
) -> Result<Splice, YamlError> {
    let last = stream.items(sequence).last().copied();
    let node = stream.node(sequence).ok_or_else(|| refuse(stream, sequence, "no such list"))?;
    if is_flow(stream, sequence) {
        let json = stream.text().get(node.span.clone()).is_some_and(|text| text.contains('"'));
        let end =
            last.and_then(|last| stream.node(last)).map_or(node.span.start + 1, |n| n.span.end);
        let item = flow(json);
        let replacement = if last.is_some() { format!(", {item}") } else { item };
        return Ok(Splice { span: end..end, replacement, at: stream.position(end) });
    }
    let last = last.and_then(|last| stream.node(last));
    let last = last.ok_or_else(|| refuse(stream, sequence, "the list is empty"))?;
    let dash = last.indicator.unwrap_or(last.span.start);
    let text = stream.text();
    let before = text.get(stream.lines().start_of(dash)..dash).unwrap_or_default();
    let gap = text.get(dash + 1..last.start()).unwrap_or_default();
    let gap = if gap.is_empty() || gap.contains(['\n', '\r', '\t']) { " " } else { gap };
    let end = line_end(stream, last_content(stream, last));
    let line_break = line_ending(stream, end);
    let replacement = block(before.chars().count(), gap.len(), line_break);
    Ok(Splice { span: end..end, replacement, at: stream.position(end) })
}

/// An item with its whole lines; in a flow list with one comma.
fn remove_item(stream: &Stream, sequence: NodeId, index: usize) -> Result<Splice, YamlError> {
    let items = stream.items(sequence);
    let missing = || refuse(stream, sequence, "no such item");
    let node = items.get(index).and_then(|item| stream.node(*item)).ok_or_else(missing)?;
    let at = stream.position(node.start());
    let neighbour = |index: Option<usize>| stream.node(*items.get(index?)?);
    if is_flow(stream, sequence) {
        let next = neighbour(Some(index + 1)).map(|next| node.start()..next.start());
        let before = neighbour(index.checked_sub(1)).map(|before| before.span.end..node.span.end);
        let span = next.or(before).unwrap_or(node.start()..node.span.end);
        return Ok(Splice { span, replacement: String::new(), at });
    }
    let dash = node.indicator.unwrap_or(node.start());
    let end = line_end(stream, last_content(stream, node));
    let before = stream.text().get(stream.lines().start_of(dash)..dash).unwrap_or_default();
    if !before.trim().is_empty() {
        return Err(refuse(stream, sequence, "something else stands on the line of the item"));
    }
    if items.len() > 1 {
        return Ok(Splice {
            span: remove_block(stream, dash, end),
            replacement: String::new(),
            at,
        });
    }
    // A list without items has to be written out.
    let colon = stream.node(sequence).and_then(|list| list.indicator).ok_or_else(missing)?;
    let between = stream.text().get(colon + 1..dash).unwrap_or_default();
    if !between.trim().is_empty() {
        return Err(refuse(stream, sequence, "a comment stands before the only item"));
    }
    Ok(Splice { span: colon + 1..end, replacement: " []".to_owned(), at })
}

/// The end of the last value inside a node. A block collection's span may
/// reach into the blank lines behind it.
fn last_content(stream: &Stream, node: &Node) -> usize {
    let text = stream.text().get(..node.span.end).unwrap_or_default();
    text.trim_end().len().max(node.span.start)
}

fn flow_item(pairs: &[(&'static str, String)], json: bool) -> String {
    let render = |(key, value): &(&str, String)| {
        if json {
            format!("\"{key}\": {}", quoted(value))
        } else {
            format!("{key}: {}", fresh(value))
        }
    };
    let rendered: Vec<String> = pairs.iter().map(render).collect();
    format!("{{{}}}", rendered.join(", "))
}

/// The lines of a new item, each with the line break before it.
fn block_item(
    pairs: &[(&'static str, String)],
    column: usize,
    gap: usize,
    line_break: &str,
) -> String {
    let mut lines = String::new();
    for (index, (key, value)) in pairs.iter().enumerate() {
        let lead = if index == 0 {
            format!("{}-{}", " ".repeat(column), " ".repeat(gap))
        } else {
            " ".repeat(column + 1 + gap)
        };
        lines.push_str(line_break);
        lines.push_str(&lead);
        lines.extend([*key, ": ", &fresh(value)]);
    }
    lines
}

fn new_list(
    stream: &Stream,
    mapping: NodeId,
    key: &str,
    pairs: &[(&'static str, String)],
) -> Result<Splice, YamlError> {
    let node = stream.node(mapping).ok_or_else(|| refuse(stream, mapping, "no such mapping"))?;
    if is_flow(stream, mapping) {
        let last = stream.pairs(mapping).last().copied();
        let json = last.is_none_or(|pair| is_quoted(stream, pair.key));
        let end = last.map_or(node.span.start + 1, |pair| value_end(stream, pair));
        let name = if json { format!("\"{key}\"") } else { key.to_owned() };
        let comma = if last.is_some() { ", " } else { "" };
        let replacement = format!("{comma}{name}: [{}]", flow_item(pairs, json));
        return Ok(Splice { span: end..end, replacement, at: stream.position(end) });
    }
    let column = stream.pairs(mapping).first().map_or(0, |pair| column(stream, pair.key));
    let end = line_end(stream, last_content(stream, node));
    let line_break = line_ending(stream, end);
    let item = block_item(pairs, column, 1, line_break);
    let replacement = format!("{line_break}{}{key}:{item}", " ".repeat(column));
    Ok(Splice { span: end..end, replacement, at: stream.position(end) })
}
