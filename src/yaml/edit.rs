//! Changes to values: what is asked for, and carrying it out as a whole.

use std::ops::Range;

use super::{NodeId, Position, Stream, YamlError, prove, splice};

/// Keys and values of a new mapping.
pub type Pairs = Vec<(&'static str, String)>;

/// One thing to change. A file's operations are carried out together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// The value of a scalar; an alias is replaced by the value.
    Set {
        /// The scalar or alias.
        node: NodeId,
        /// The new value.
        value: String,
    },
    /// A part of a scalar's value; everything else in it keeps its bytes.
    Part {
        /// The scalar.
        node: NodeId,
        /// The part, in bytes of the value.
        range: Range<usize>,
        /// What stands there instead.
        text: String,
    },
    /// A new pair behind another one.
    Insert {
        /// The mapping.
        mapping: NodeId,
        /// The index of the pair before it.
        after: usize,
        /// The key.
        key: &'static str,
        /// The value.
        value: String,
    },
    /// A pair goes.
    Remove {
        /// The mapping.
        mapping: NodeId,
        /// The index of the pair.
        index: usize,
    },
    /// A new mapping at the end of a sequence of mappings.
    Append {
        /// The sequence.
        sequence: NodeId,
        /// Keys and values.
        pairs: Pairs,
    },
    /// A new scalar at the end of a sequence, in the style of the list.
    AppendItem {
        /// The sequence.
        sequence: NodeId,
        /// The value.
        value: String,
    },
    /// An item of a sequence goes, with its whole lines.
    RemoveItem {
        /// The sequence.
        sequence: NodeId,
        /// The index of the item.
        index: usize,
    },
    /// A new key at the end of a document's mapping, with a sequence of one mapping.
    NewList {
        /// The mapping.
        mapping: NodeId,
        /// The key.
        key: &'static str,
        /// Keys and values of the one item.
        pairs: Pairs,
    },
}

/// Bytes that are replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Splice {
    /// The bytes of the text before.
    pub span: Range<usize>,
    /// What stands there instead.
    pub replacement: String,
    /// Where the value stands, or where it goes.
    pub at: Position,
}

/// A file after its operations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The new text.
    pub text: String,
    /// One splice an operation, in the order of the operations.
    pub splices: Vec<Splice>,
}

/// Carries out all operations and proves the result: the new text is parsed
/// and must differ from the old one in nothing but what was asked for.
pub fn apply(stream: &Stream, operations: &[Operation]) -> Result<Applied, YamlError> {
    let mut splices = Vec::with_capacity(operations.len());
    for operation in operations {
        splices.push(splice::compile(stream, operation)?);
    }
    let text = splice_all(stream, &splices)?;
    prove::prove(stream, operations, &text)?;
    Ok(Applied { text, splices })
}

/// Puts the splices into the text. At one place an insertion comes before a
/// replacement, and insertions keep their order.
fn splice_all(stream: &Stream, splices: &[Splice]) -> Result<String, YamlError> {
    let mut ordered: Vec<&Splice> = splices.iter().collect();
    ordered.sort_by_key(|splice| (splice.span.start, splice.span.end));
    let mut text = String::with_capacity(stream.text().len() + 256);
    let mut done = 0;
    for splice in ordered {
        let kept = stream.text().get(done..splice.span.start).ok_or_else(|| overlap(splice))?;
        text.push_str(kept);
        text.push_str(&splice.replacement);
        done = splice.span.end;
    }
    text.push_str(stream.text().get(done..).unwrap_or_default());
    Ok(text)
}

fn overlap(splice: &Splice) -> YamlError {
    let message = "two changes meet in the same bytes".to_owned();
    YamlError::Unchangeable { at: splice.at, message }
}
