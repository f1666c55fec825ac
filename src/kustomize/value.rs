//! What a scalar says as a version.

use std::str::FromStr;

use crate::model::{Digest, ImageRef, Pin, Tag};
use crate::yaml::{NodeId, Stream, Style};

/// A scalar as Kubernetes tools read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reading {
    /// Left out, empty or null.
    Nothing,
    /// A text.
    Text(String),
    /// Written so that tools take it for something other than text.
    Other(String, &'static str),
    /// A list or mapping.
    Collection,
}

/// Reads the scalar at `id`, an alias followed.
pub(super) fn read(stream: &Stream, id: NodeId) -> Reading {
    let id = stream.resolve(id);
    let Some(scalar) = stream.scalar(id) else { return Reading::Collection };
    let text = scalar.value.clone();
    let tag = stream.node(id).and_then(|node| node.tag.as_deref());
    match tag {
        Some("tag:yaml.org,2002:null") => return Reading::Nothing,
        Some(tag) if !is_string_tag(tag) => return Reading::Other(text, "not a string"),
        Some(_) => return Reading::Text(text),
        None => {}
    }
    match scalar.style {
        Style::Empty => Reading::Nothing,
        Style::Plain if matches!(text.as_str(), "~" | "null" | "Null" | "NULL") => Reading::Nothing,
        Style::Plain => match plain_kind(&text) {
            Some(kind) => Reading::Other(text, kind),
            None => Reading::Text(text),
        },
        _ if text.is_empty() => Reading::Nothing,
        _ => Reading::Text(text),
    }
}

/// Whether an explicit tag says that the value is text.
pub(super) fn is_string_tag(tag: &str) -> bool {
    tag == "tag:yaml.org,2002:str" || tag == "!"
}

/// What Kustomize takes a plain scalar for, if not for text.
fn plain_kind(text: &str) -> Option<&'static str> {
    const BOOLEANS: [&str; 8] = ["y", "n", "yes", "no", "on", "off", "true", "false"];
    let lower = text.to_ascii_lowercase();
    let tail = text.get(1..).unwrap_or_default();
    let spelled = [tail.to_ascii_lowercase(), tail.to_ascii_uppercase()].iter().any(|t| t == tail);
    if BOOLEANS.contains(&lower.as_str()) && spelled {
        return Some("a boolean");
    }
    if lower.starts_with('_') {
        return None;
    }
    let bare = lower.replace('_', "");
    let digits = bare.strip_prefix(['+', '-']).unwrap_or(&bare);
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let radix = [("0x", 16), ("0b", 2), ("0o", 8)].into_iter().any(|(prefix, radix)| {
        digits.strip_prefix(prefix).is_some_and(|rest| u64::from_str_radix(rest, radix).is_ok())
    });
    let float = digits.bytes().all(|b| b.is_ascii_digit() || b".e+-".contains(&b))
        && digits.parse::<f64>().is_ok_and(f64::is_finite);
    (radix || float).then_some("a number")
}

/// A version and what is wrong with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Parsed<T> {
    pub(super) value: T,
    pub(super) problem: Option<String>,
}

/// The text of the value at `id` as a `T`. A number is a `T` too, with a problem.
pub(super) fn parse<T>(stream: &Stream, id: Option<NodeId>, what: &str) -> Parsed<Option<T>>
where
    T: FromStr,
    T::Err: ToString,
{
    let reading = id.map_or(Reading::Nothing, |id| read(stream, id));
    let (text, mut problem) = match reading {
        Reading::Nothing => return Parsed { value: None, problem: None },
        Reading::Text(text) => (text, None),
        Reading::Other(text, kind) => {
            let problem = format!("the {what} `{text}` is {kind} here: it needs quotes");
            (text, Some(problem))
        }
        Reading::Collection => {
            let problem = Some(format!("the {what} is a list or mapping"));
            return Parsed { value: None, problem };
        }
    };
    let value = match text.parse() {
        Ok(value) => Some(value),
        Err(error) => {
            problem.get_or_insert(T::Err::to_string(&error));
            None
        }
    };
    Parsed { value, problem }
}

/// A pin from the scalars that hold its tag and its digest.
pub(super) fn pin(stream: &Stream, tag: Option<NodeId>, digest: Option<NodeId>) -> Parsed<Pin> {
    let tag = parse::<Tag>(stream, tag, "tag");
    let digest = parse::<Digest>(stream, digest, "digest");
    let pin = Pin { tag: tag.value, digest: digest.value };
    Parsed { value: pin, problem: tag.problem.or(digest.problem) }
}

/// Whether a text is a repository: registry, port and path, without tag and digest.
pub(super) fn is_repository(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._/:-".contains(&b);
    let parsed = text.parse::<ImageRef>();
    text.bytes().all(plain) && parsed.is_ok_and(|reference| reference.pin.is_empty())
}

/// The text of the value at `id`, where it is not empty.
pub(super) fn text(stream: &Stream, id: Option<NodeId>) -> Option<String> {
    match read(stream, id?) {
        Reading::Text(text) | Reading::Other(text, _) => Some(text),
        Reading::Nothing | Reading::Collection => None,
    }
}
