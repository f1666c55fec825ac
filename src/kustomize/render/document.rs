//! From the bytes of a file to values: documents as kyaml splits them,
//! aliases expanded within bounds, everything odd told.

use super::context::{Context, Evidence};
use super::scalar;
use super::value::{Form, Kind, MAX_DEPTH, Place, Value};
use crate::yaml::{NodeId, NodeKind, Scalar, Stream, Style};

/// Text of a file, or of a block scalar inside one.
#[derive(Clone, Copy)]
pub(super) struct Source<'t> {
    pub(super) text: &'t str,
    /// Where it starts.
    pub(super) at: Place,
}

impl Source<'_> {
    fn place(&self, line: u32) -> Place {
        Place { file: self.at.file, line: self.at.line.saturating_add(line).saturating_sub(1) }
    }
}

/// The text of a file; says so where it is none.
pub(super) fn text(ctx: &mut Context<'_>, bytes: &[u8], at: Place) -> Option<String> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(text.replace("\r\n", "\n")),
        Err(_) => {
            ctx.opaque(at, "not UTF-8", Evidence::default().and_bytes(bytes));
            None
        }
    }
}

/// All documents of a resource or patch file, as kyaml's `ByteReader` splits
/// them: at every line that starts with `---`.
pub(super) fn all(ctx: &mut Context<'_>, source: Source<'_>) -> Vec<Value> {
    let mut found = Vec::new();
    let mut start = 0;
    let mut line = 1;
    while let Some((end, next)) = separator(source.text, start) {
        let separator = source.text.get(end + 1..next).unwrap_or_default();
        let rest = separator.get(3..).unwrap_or_default().trim();
        if !rest.is_empty() && !rest.starts_with('#') {
            let evidence = Evidence::text(source.text);
            ctx.opaque(source.place(line), "content on a line that starts with `---`", evidence);
        }
        // The line break before the separator stays with the document.
        let part = source.text.get(start..=end).unwrap_or_default();
        found.extend(one(ctx, Source { text: part, at: source.place(line) }));
        let passed = source.text.get(start..next).unwrap_or_default();
        line += u32::try_from(passed.matches('\n').count()).unwrap_or(u32::MAX);
        start = next;
    }
    let part = source.text.get(start..).unwrap_or_default();
    found.extend(one(ctx, Source { text: part, at: source.place(line) }));
    found
}

/// Where the next `\n---.*\n` starts and ends.
fn separator(text: &str, from: usize) -> Option<(usize, usize)> {
    let rest = text.get(from..)?;
    let start = from + rest.find("\n---")?;
    let end = text.get(start + 1..)?.find('\n')? + start + 2;
    Some((start, end))
}

/// The one document of a text; none where it is empty.
fn one(ctx: &mut Context<'_>, source: Source<'_>) -> Option<Value> {
    let stream = parse(ctx, source)?;
    if stream.documents().len() > 1 {
        let evidence = Evidence::text(source.text);
        ctx.opaque(source.at, "documents that kustomize splits otherwise", evidence);
    }
    field_meta(ctx, &stream, source);
    let root = *stream.documents().first()?;
    let value = convert(ctx, &stream, root, source)?;
    (!value.is_null()).then_some(value)
}

/// The first document of a text, as the reader of kustomizations takes it.
pub(super) fn first(ctx: &mut Context<'_>, source: Source<'_>) -> Option<Value> {
    let stream = parse(ctx, source)?;
    let root = *stream.documents().first()?;
    convert(ctx, &stream, root, source)
}

fn parse(ctx: &mut Context<'_>, source: Source<'_>) -> Option<Stream> {
    match Stream::parse(source.text.as_bytes()) {
        Ok(stream) => Some(stream),
        Err(error) => {
            let at = source.place(error.position().line);
            ctx.opaque(at, format!("YAML that is not read: {error}"), Evidence::text(source.text));
            None
        }
    }
}

/// Comments that kyaml reads as a schema of the field beside or below them
/// change how lists are merged; on a scalar they change nothing.
fn field_meta(ctx: &mut Context<'_>, stream: &Stream, source: Source<'_>) {
    for comment in stream.comments() {
        let text = stream.text().get(comment.span.clone()).unwrap_or_default();
        let json = text.trim_start_matches('#').trim();
        let inside = json.strip_prefix('{').map(str::trim_start);
        if !inside.is_some_and(|inside| inside.starts_with(['"', '}'])) {
            continue;
        }
        let beside = stream.leaf_before(comment.span.start).is_some_and(|(id, node)| {
            let same_line = stream.lines().index(node.span.end) == comment.line;
            let is_key = node
                .parent
                .is_some_and(|parent| stream.pairs_of(parent).iter().any(|pair| pair.key == id));
            let between = stream.text().get(node.span.end..comment.span.start);
            let next = between.is_some_and(|text| text.trim().is_empty());
            same_line && next && !is_key && node.span.end > node.span.start
        });
        if !beside {
            let at = source.place(stream.position(comment.span.start).line);
            ctx.opaque(at, "a comment that kustomize reads as a schema", Evidence::text(text));
        }
    }
}

fn convert(
    ctx: &mut Context<'_>,
    stream: &Stream,
    id: NodeId,
    source: Source<'_>,
) -> Option<Value> {
    let mut reader = Reader { ctx, stream, source };
    reader.value(id, 0)
}

struct Reader<'c, 's, 't> {
    ctx: &'c mut Context<'s>,
    stream: &'c Stream,
    source: Source<'t>,
}

impl Reader<'_, '_, '_> {
    fn place(&self, id: NodeId) -> Place {
        self.source.place(self.stream.position_of(id).line)
    }

    fn odd(&mut self, id: NodeId, what: &str) {
        let at = self.place(id);
        let span = self.stream.node(id).map(|node| node.span.clone()).unwrap_or_default();
        let text = self.stream.text().get(span).unwrap_or_default();
        self.ctx.opaque(at, what, Evidence::text(text));
    }

    fn value(&mut self, id: NodeId, depth: usize) -> Option<Value> {
        let at = self.place(id);
        if depth > MAX_DEPTH {
            let whole = Evidence::text(self.source.text);
            self.ctx.opaque(at, "nested too deep to follow", whole);
            return None;
        }
        let target = self.stream.resolve(id);
        let node = self.stream.node(target)?;
        let size = node.span.len() / 64;
        if !self.ctx.spend(at, 16 + size) {
            return None;
        }
        self.tag(target, node.tag.as_deref());
        let kind = match &node.kind {
            NodeKind::Scalar(scalar) => {
                Kind::Scalar(scalar.value.clone(), form(scalar, node.tag.as_deref()))
            }
            NodeKind::Alias { .. } => {
                self.odd(id, "an alias that stands for nothing");
                return None;
            }
            NodeKind::Sequence { items, .. } => {
                Kind::List(items.iter().filter_map(|item| self.value(*item, depth + 1)).collect())
            }
            NodeKind::Mapping { .. } => Kind::Map(self.pairs(target, depth)),
        };
        let at = self.place(target);
        Some(Value { at, set_by: None, kind })
    }

    fn pairs(&mut self, id: NodeId, depth: usize) -> Vec<(String, Value)> {
        let mut found = Vec::new();
        for pair in self.stream.pairs(id) {
            let Some(value) = self.value(pair.value, depth + 1) else { continue };
            let key = self.stream.resolve(pair.key);
            let scalar = self.stream.scalar(key);
            let tag = self.stream.node(key).and_then(|node| node.tag.clone());
            self.tag(key, tag.as_deref());
            match scalar {
                Some(scalar) if scalar.value == "<<" => self.odd(id, "a merge key (`<<`)"),
                Some(scalar) if form(scalar, tag.as_deref()) == Form::Null => {
                    self.odd(id, "a key that is null");
                }
                Some(scalar) => found.push((scalar.value.clone(), value)),
                None => self.odd(id, "a key that is no scalar"),
            }
        }
        if let Some((key, _)) = Value::twice(&found) {
            let what = format!("the key `{key}` given twice");
            self.odd(id, &what);
        }
        found
    }

    fn tag(&mut self, id: NodeId, tag: Option<&str>) {
        const KNOWN: [&str; 3] =
            ["tag:yaml.org,2002:str", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"];
        if let Some(tag) = tag.filter(|tag| !KNOWN.contains(tag)) {
            let what = format!("the tag `{tag}`");
            self.odd(id, &what);
        }
    }
}

fn form(scalar: &Scalar, tag: Option<&str>) -> Form {
    match (scalar.style, tag) {
        (_, Some(tag)) if tag.ends_with(":str") => Form::Text,
        (Style::Empty, _) => Form::Null,
        (Style::Plain, _) => scalar::plain(&scalar.value),
        _ => Form::Text,
    }
}
