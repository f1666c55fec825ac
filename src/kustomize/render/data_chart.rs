//! Charts that can make nothing but `ConfigMap`s, whatever their templates do.
//!
//! Every object has a `kind`. Where that word stands in a chart and its
//! values only in the lines `kind: ConfigMap`, and nothing there can be put
//! together to it, no edit of scripts, values and templates makes a workload.
//! What a template can put together is bounded by what is allowed in it:
//! functions that join, pick and indent whole texts, none that cuts letters
//! out of a text, decodes one or reads a text as a template.

use super::action::{self, Parts};
use super::context::Context;
use super::value::{Kind, Value};
use super::{charts, reference};
use crate::model::{EntryKind, RepoPath, SnapshotError};

/// A chart with more files is not looked through.
const MAX_FILES: usize = 200;

/// The only object that templates may begin.
const HEADING: &str = "apiVersion: v1\nkind: ConfigMap\n";

/// Fields of a chart that may be given.
const FIELDS: [&str; 8] = [
    "name",
    "releaseName",
    "namespace",
    "repo",
    "valuesFile",
    "additionalValuesFiles",
    "valuesInline",
    "valuesMerge",
];

/// The beginnings of `kind` that could be put together to it, and what makes
/// other text of what is written.
const WORDS: [&str; 6] = ["k", "ki", "kin", "kind", "apiversion", "binary"];

/// No word may have one of these in it: they name images, or tell kustomize
/// how to treat an object.
const PARTS: [&str; 4] = ["image", "digest", "sha256", "annotation"];

/// Whether the chart in `home` can make nothing but `ConfigMap`s without
/// images. Files of values are those that `dir` names.
pub(super) fn is_data(
    ctx: &Context<'_>,
    (dir, home): (&RepoPath, &RepoPath),
    chart: &Value,
    globals: Option<&Value>,
) -> Result<bool, SnapshotError> {
    let known = chart.pairs().iter().all(|(key, _)| FIELDS.contains(&key.as_str()));
    let plain = globals.is_none_or(|g| g.pairs().iter().all(|(key, _)| key == "chartHome"));
    if !known || !plain {
        return Ok(false);
    }
    let mut said = Said::default();
    said.value(chart);
    let whole = values(ctx, dir, chart, &mut said)? && files(ctx, home, &mut said)?;
    Ok(whole && said.is_data())
}

/// Everything that can come out of a chart.
#[derive(Default)]
struct Said {
    /// Texts that a template can take.
    texts: Vec<String>,
    templates: Vec<Parts>,
}

impl Said {
    fn value(&mut self, value: &Value) {
        match &value.kind {
            Kind::Scalar(text, _) => self.texts.push(text.clone()),
            Kind::List(items) => items.iter().for_each(|item| self.value(item)),
            Kind::Map(pairs) => pairs.iter().for_each(|(key, value)| {
                self.texts.push(key.clone());
                self.value(value);
            }),
        }
    }

    fn is_data(&self) -> bool {
        let literals = self.templates.iter().flat_map(|parts| &parts.literals);
        let mut texts = self.texts.iter().chain(literals);
        texts.all(|text| is_harmless(text)) && self.templates.iter().all(is_template)
    }
}

/// Takes the files of values; `false` where one is not there.
fn values(
    ctx: &Context<'_>,
    dir: &RepoPath,
    chart: &Value,
    said: &mut Said,
) -> Result<bool, SnapshotError> {
    let one = chart.get("valuesFile").into_iter();
    let more = chart.get("additionalValuesFiles").map_or(&[][..], Value::items);
    for name in one.chain(more) {
        let name = name.raw().filter(|name| !name.contains("://"));
        let Some(path) = name.and_then(|name| dir.resolve(name)) else { return Ok(false) };
        let text = ctx.snapshot.read(&path)?.and_then(|bytes| String::from_utf8(bytes).ok());
        let Some(text) = text else { return Ok(false) };
        said.texts.push(text);
    }
    Ok(true)
}

/// Takes the files of a chart; `false` where one of them is no text, or makes
/// something of its own.
fn files(ctx: &Context<'_>, home: &RepoPath, said: &mut Said) -> Result<bool, SnapshotError> {
    let mut open = vec![home.clone()];
    let mut seen = 0;
    let mut chart = false;
    while let Some(path) = open.pop() {
        seen += 1;
        let kind = ctx.snapshot.kind(&path)?;
        if kind == Some(EntryKind::Directory) && seen <= MAX_FILES {
            let entries = ctx.snapshot.list(&path)?.unwrap_or_default();
            open.extend(entries.iter().map(|entry| path.join(&entry.name)));
            continue;
        }
        let text = ctx.snapshot.read(&path)?.and_then(|bytes| String::from_utf8(bytes).ok());
        let (true, Some(text)) = (kind == Some(EntryKind::File) && seen <= MAX_FILES, text) else {
            return Ok(false);
        };
        let name = path.as_str().strip_prefix(home.as_str()).unwrap_or_default();
        let name = name.trim_start_matches('/');
        said.texts.push(name.to_owned());
        match name.split_once('/') {
            Some(("charts" | "crds", _)) => return Ok(false),
            Some(("templates", _)) => match action::parts(&text) {
                Some(parts) => said.templates.push(parts),
                None => return Ok(false),
            },
            None if ["requirements.yaml", "requirements.lock"].contains(&name) => return Ok(false),
            None if name == "Chart.yaml" => {
                chart = !charts::depends(&text);
                said.texts.push(text.replacen("apiVersion:", "", 1));
            }
            _ => said.texts.push(text),
        }
    }
    Ok(chart)
}

/// Whether a template can put no kind together but that of a `ConfigMap`.
fn is_template(parts: &Parts) -> bool {
    // Any text may stand in the place of an action.
    let shown = parts.texts.join("x.x");
    let harmless = |text: &String| is_harmless(&without_headings(text));
    reference::images_in(&shown).is_empty() && parts.texts.iter().all(harmless)
}

/// A text without the lines that begin a `ConfigMap`: they have to stand
/// together, and the next line has to be a key.
fn without_headings(text: &str) -> String {
    let mut rest = text;
    let mut left = String::new();
    while let Some(at) = rest.find(HEADING) {
        let (before, from) = rest.split_at(at);
        let after = from.get(HEADING.len()..).unwrap_or_default();
        let begins = before.is_empty() && left.is_empty() || before.ends_with('\n');
        left.push_str(before);
        if !begins || !after.starts_with(|c: char| c.is_ascii_lowercase()) {
            left.push_str(HEADING);
        }
        rest = after;
    }
    left.push_str(rest);
    left
}

/// Whether nothing in a text names an image, or is a part of what names the
/// kind of an object.
pub(super) fn is_harmless(text: &str) -> bool {
    let odd = ["\0", "!!", "!<", "config.kubernetes.io", "config.k8s.io"];
    !odd.iter().any(|odd| text.contains(odd))
        && !has_escape(text)
        && reference::images_in(text).is_empty()
        && words(text).all(|word| {
            let word = word.to_lowercase();
            !WORDS.contains(&word.as_str()) && !PARTS.iter().any(|part| word.contains(part))
        })
}

/// The words of a text; behind a backslash, what is left of one where the
/// first letter belongs to it is one too.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '\\').flat_map(|word| {
        let pieces = word.split('\\').enumerate();
        pieces.flat_map(|(index, piece)| {
            let mut letters = piece.chars();
            letters.next();
            [piece, if index > 0 { letters.as_str() } else { piece }]
        })
    })
}

/// Whether a text has the escape of a letter, or one that what follows could
/// complete.
fn has_escape(text: &str) -> bool {
    text.split('\\').skip(1).any(|rest| {
        let Some(digits) = rest.strip_prefix(['x', 'u', 'U']) else { return false };
        let end = digits.find(|c: char| !c.is_ascii_hexdigit());
        let open = end.is_none_or(|end| !digits.get(end..).is_some_and(starts_word));
        let full = if rest.starts_with('x') { 2 } else { 4 };
        open || end.is_some_and(|end| end >= full)
    })
}

fn starts_word(text: &str) -> bool {
    text.starts_with(char::is_alphanumeric)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_template(text: &str) -> bool {
        let parts = action::parts(text);
        parts.is_some_and(|parts| Said { texts: Vec::new(), templates: vec![parts] }.is_data())
    }

    #[test]
    fn words_that_could_become_a_kind_are_seen() {
        for text in [
            "kind: Pod",
            "ki",
            "a\nKi-nd",
            "\u{212a}ind",
            "a\\nkind",
            "a\\kind",
            "\"\\x6bind\"",
            "\"\\u006bind\"",
            "!!binary a2luZA==",
            "image: web",
            "a.b/c:v1",
            "k\0",
            "a \\x",
            "a \\x6-b",
            "kustomize.config.k8s.io/x",
        ] {
            assert!(!is_harmless(text), "{text:?}");
        }
        for text in ["kflux-fedora-01", "mankind", "C:\\Users\\y", "unkind\\ness", "sudo -u x"] {
            assert!(is_harmless(text), "{text:?}");
        }
    }

    #[test]
    fn templates_make_config_maps_only_where_each_begins_as_one() {
        let made = |rest: &str| is_template(&format!("{HEADING}metadata:\n  name: a\n{rest}"));
        assert!(made("data:\n  a: {{ .Values.a | quote }}\n"));
        assert!(made("---\napiVersion: v1\nkind: ConfigMap\nmetadata: {}\n"));
        assert!(!made("---\napiVersion: v1\nkind: ConfigMap\n  Foo\nmetadata: {}\n"));
        assert!(!made("---\napiVersion: v1\nkind: Pod\n"));
        assert!(!made("x: {{ \"ki\" }}{{ \"nd\" }}"));
        assert!(!made("x: quay.io/a/b:{{ .Values.a }}"));
        assert!(!is_template("apiVersion: v1\nkind: ConfigMap\n{{- \"Foo\" }}\nmetadata:\n"));
        assert!(!is_template("apiVersion: v1\nkind: ConfigMap{{ .Values.a }}\nmetadata:\n"));
    }
}
