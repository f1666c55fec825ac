//! `[[policy]]` and `require-trailers`: read and written.

use std::collections::BTreeSet;
use std::fmt::{self, Write};

use super::error::{ConfigError, Kind, Problem, Source};
use super::grammar::printable;
use super::guards::bad;
use super::raw::Text;
use super::raw_times::RawPolicy;
use super::write::{string, strings};
use crate::expression::Expression;
use crate::model::EnvironmentName;

/// The most policies that a file may have.
const MOST: usize = 100;

/// A condition that a promotion has to satisfy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyRule {
    /// Its name.
    pub name: String,
    /// The condition.
    pub expression: Expression,
    /// The environments where it is asked; empty: all.
    pub environments: Vec<EnvironmentName>,
    /// What is said where it does not hold.
    pub message: Option<String>,
    /// Whether a reason waives it.
    pub overridable: bool,
}

impl PolicyRule {
    /// Whether it is asked of promotions into that environment.
    pub fn is_for(&self, environment: &EnvironmentName) -> bool {
        self.environments.is_empty() || self.environments.contains(environment)
    }
}

/// Reads the policies; `environments` reads a list of names.
pub(super) fn read(
    source: Source<'_>,
    raw: &[RawPolicy],
    environments: &dyn Fn(&RawPolicy) -> Result<Vec<EnvironmentName>, ConfigError>,
) -> Result<Vec<PolicyRule>, ConfigError> {
    if let Some(beyond) = raw.get(MOST) {
        let problem = Problem::TooMany { list: "policy", most: MOST };
        return Err(source.at(beyond.name.span(), problem));
    }
    let mut seen = BTreeSet::new();
    let mut policies = Vec::new();
    for one in raw {
        let name = one.name.get_ref();
        if name.trim().is_empty() || name.contains('`') || name.chars().any(char::is_control) {
            return Err(bad(source, (&one.name, Kind::Policy), "it is no name on one line"));
        }
        if !seen.insert(name) {
            let problem = Problem::Twice { list: "policy", value: name.clone() };
            return Err(source.at(one.name.span(), problem));
        }
        policies.push(PolicyRule {
            name: name.clone(),
            expression: expression(source, &one.expression)?,
            environments: environments(one)?,
            message: one.message.as_ref().map(|text| printable(text.get_ref())),
            overridable: one.r#override,
        });
    }
    Ok(policies)
}

fn expression(source: Source<'_>, text: &Text) -> Result<Expression, ConfigError> {
    Expression::new(text.get_ref()).map_err(|flaw| {
        let span = text.span();
        let written = source.text.get(span.clone()).unwrap_or_default();
        // Where nothing is escaped the text stands in the file as it is.
        let plain = written.find(text.get_ref().as_str()).map(|start| start + flaw.at);
        let at = plain.or_else(|| escaped(written, flaw.at)).unwrap_or_default();
        source.at(span.start + at..span.end, Problem::Expression(flaw.message))
    })
}

/// Where a byte of the value of a string with escapes stands in it as it is
/// written.
fn escaped(written: &str, wanted: usize) -> Option<usize> {
    let is_long = written.starts_with("\"\"\"");
    let mut at = if is_long { 3 } else { 1 };
    if is_long {
        // A line end at the very start is not of the value.
        let rest = written.get(at..)?;
        at += if rest.starts_with("\r\n") { 2 } else { rest.starts_with('\n').into() };
    }
    let mut value = 0;
    while value < wanted {
        let rest = written.get(at..)?;
        let first = rest.chars().next()?;
        let (long, gives) =
            if first == '\\' { escape(rest)? } else { (first.len_utf8(), first.len_utf8()) };
        at += long;
        value += gives;
    }
    Some(at)
}

/// How many bytes an escape has, and how many it stands for.
fn escape(text: &str) -> Option<(usize, usize)> {
    let kind = text.chars().nth(1)?;
    let digits = match kind {
        'x' => 2,
        'u' => 4,
        'U' => 8,
        // A line end and all the blanks after it are not of the value.
        _ if kind.is_ascii_whitespace() => {
            let after = text.get(1..)?;
            return Some((1 + after.len() - after.trim_ascii_start().len(), 0));
        }
        _ => return Some((1 + kind.len_utf8(), 1)),
    };
    let code = u32::from_str_radix(text.get(2..2 + digits)?, 16).ok()?;
    Some((2 + digits, char::from_u32(code)?.len_utf8()))
}

/// Reads the keys of trailers.
pub(super) fn trailers(source: Source<'_>, raw: &[Text]) -> Result<Vec<String>, ConfigError> {
    let mut seen = BTreeSet::new();
    for key in raw {
        let text = key.get_ref();
        let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !plain || text.is_empty() || text.to_ascii_lowercase().starts_with("promote-") {
            let reason = "letters, digits and dashes, and not one of the record's";
            return Err(bad(source, (key, Kind::Trailer), reason));
        }
        if !seen.insert(text.to_ascii_lowercase()) {
            let problem = Problem::Twice { list: "require-trailers", value: text.clone() };
            return Err(source.at(key.span(), problem));
        }
    }
    Ok(raw.iter().map(|key| key.get_ref().clone()).collect())
}

/// Writes the policies.
pub(super) fn write(text: &mut String, policies: &[PolicyRule]) -> fmt::Result {
    for policy in policies {
        writeln!(text, "\n[[policy]]\nname = {}", string(&policy.name))?;
        writeln!(text, "expression = {}", string(policy.expression.text()))?;
        if !policy.environments.is_empty() {
            let names = strings(policy.environments.iter().map(EnvironmentName::as_str));
            writeln!(text, "environments = {names}")?;
        }
        if let Some(message) = &policy.message {
            writeln!(text, "message = {}", string(message))?;
        }
        if policy.overridable {
            text.push_str("override = true\n");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::config::from_files;

    #[test]
    fn a_flaw_has_its_place_also_behind_escapes() {
        let of = |expression: &str| {
            let text = format!(
                "version = 1\n[layout]\npaths = [\"{{app}}/{{env}}\"]\n[[environment]]\nname = \
                 \"dev\"\n[[policy]]\nname = \"x\"\nexpression = {expression}\n"
            );
            from_files(Some(text.as_bytes()), None).unwrap_err().to_string()
        };
        let escaped = r#""promotion.tag != \"a\" && promotion.bar""#;
        for (expression, place) in [
            ("'promotion.bar'", "8:24"),
            ("\"'ää' == promotion.bar\"", "8:32"),
            ("\"'\t' == promotion.bar\"", "8:31"),
            (escaped, "8:50"),
            (r#""'\u00e4\t' == promotion.bar""#, "8:38"),
            ("\"\"\"\n'\\t' == \\\n  promotion.bar\"\"\"", "10:12"),
        ] {
            let said = of(expression);
            assert!(said.contains(&format!("promote.toml:{place}: ")), "{expression}: {said}");
        }
    }
}
