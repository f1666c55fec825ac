//! The small grammars inside a config: names, directories, layout paths, field
//! paths and globs.

use std::collections::BTreeSet;

use super::error::{Kind, Problem};

/// Every word that a command answers to: an environment of that name could not
/// be told from the command.
pub const COMMANDS: [&str; 33] = [
    "to",
    "status",
    "diff",
    "log",
    "why",
    "rollback",
    "versions",
    "check",
    "audit",
    "verify",
    "next",
    "wait",
    "preview",
    "registry",
    "hold",
    "resume",
    "report",
    "demo",
    "edit",
    "init",
    "config",
    "doctor",
    "setup",
    "completion",
    "man",
    "schema",
    "explain",
    "help",
    "version",
    "promote",
    "git-promote",
    "kubectl-promote",
    "kubectl",
];

fn bad(kind: Kind, value: &str, reason: impl Into<String>) -> Problem {
    let value = if value.is_empty() { "\"\"".to_owned() } else { printable(value) };
    Problem::BadValue { kind, value, reason: reason.into() }
}

/// What was written, with control and other invisible characters spelled out.
pub(super) fn printable(value: &str) -> String {
    let shown = value.chars().take(200);
    shown
        .flat_map(|c| {
            let hidden = c.is_control() || is_format(c);
            let plain = (!hidden).then_some(c);
            plain.into_iter().chain(hidden.then(|| c.escape_unicode()).into_iter().flatten())
        })
        .collect()
}

/// Characters that change how a line reads without being seen: Unicode's
/// directional marks, separators, joiners and the byte order mark.
fn is_format(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Checks the name of an environment. Such names stand in commands, commit
/// trailers (`dev@<commit>`) and branch names, so the alphabet is small.
pub(super) fn environment_name(name: &str) -> Result<(), Problem> {
    let reason = if name.is_empty() {
        "it is empty".to_owned()
    } else if name.starts_with(['-', '.', '+']) {
        format!("it starts with `{}`", name.chars().take(1).collect::<String>())
    } else if let Some(c) = name.chars().find(|c| !is_name_char(*c)) {
        format!("it holds {}", describe(c))
    } else if COMMANDS.contains(&name) {
        return Err(Problem::CommandName(name.to_owned()));
    } else {
        return Ok(());
    };
    Err(bad(Kind::EnvironmentName, name, reason))
}

fn is_name_char(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '+')
}

fn describe(c: char) -> String {
    match c {
        ' ' => "a blank".to_owned(),
        c if c.is_control() || is_format(c) => format!("the control character U+{:04X}", c as u32),
        c => format!("`{c}`"),
    }
}

/// Checks what every path in a config must be: relative, `/` between parts, and
/// nothing that climbs or cannot be typed.
fn plain_path(path: &str) -> Result<(), String> {
    if path.is_empty() {
        return Err("it is empty".to_owned());
    }
    if path.starts_with('/') {
        return Err("it is absolute".to_owned());
    }
    if let Some(c) = path.chars().find(|c| c.is_control() || is_format(*c) || *c == '\\') {
        return Err(format!("it holds {}", describe(c)));
    }
    for part in path.split('/') {
        match part {
            "" => return Err("it has an empty part".to_owned()),
            "." | ".." => return Err(format!("it has the part `{part}`")),
            _ => {}
        }
    }
    Ok(())
}

/// Checks a directory that means an environment, such as `prod/blue`.
pub(super) fn directory(dir: &str) -> Result<(), Problem> {
    plain_path(dir).map_err(|reason| bad(Kind::Directory, dir, reason))?;
    match dir.chars().find(|c| matches!(c, '*' | '{' | '}')) {
        Some(c) => Err(bad(Kind::Directory, dir, format!("it holds `{c}`"))),
        None => Ok(()),
    }
}

/// Checks a layout path: `{env}` is there, every name once, braces pair up, and
/// `**` is a part of its own.
pub(super) fn template(template: &str) -> Result<(), Problem> {
    let names = plain_path(template)
        .and_then(|()| template_names(template))
        .map_err(|reason| bad(Kind::Template, template, reason))?;
    let mut seen = BTreeSet::new();
    if let Some(twice) = names.iter().find(|name| !seen.insert(**name)) {
        return Err(bad(Kind::Template, template, format!("`{{{twice}}}` is in it twice")));
    }
    if seen.contains("env") {
        return Ok(());
    }
    Err(bad(Kind::Template, template, "it has no `{env}`"))
}

fn template_names(template: &str) -> Result<Vec<&str>, String> {
    let mut names = Vec::new();
    for part in template.split('/').filter(|part| *part != "**") {
        if part.contains("**") {
            return Err(format!("`**` is only part of `{part}`"));
        }
        part_names(part, &mut names)?;
    }
    Ok(names)
}

/// Collects the names of one part. Two wildcards in a row could be told apart
/// in more than one way, so they are refused.
fn part_names<'t>(part: &'t str, names: &mut Vec<&'t str>) -> Result<(), String> {
    let mut rest = part;
    let mut after_wildcard = false;
    while let Some(first) = rest.chars().next() {
        let wildcard = matches!(first, '{' | '*');
        if wildcard && after_wildcard {
            return Err(format!("two wildcards touch in `{part}`"));
        }
        after_wildcard = wildcard;
        rest = match first {
            '{' => {
                let (name, behind) = brace(rest)?;
                names.push(name);
                behind
            }
            '}' => return Err("it has a `}` without its `{`".to_owned()),
            _ => rest.strip_prefix(first).unwrap_or_default(),
        };
    }
    Ok(())
}

/// `{name}` at the start of `text`: the name, and what is behind it.
fn brace(text: &str) -> Result<(&str, &str), String> {
    let inner = text.strip_prefix('{').unwrap_or(text);
    let Some((name, behind)) = inner.split_once('}') else {
        return Err("it has a `{` without its `}`".to_owned());
    };
    let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if name.is_empty() || !name.chars().all(word) {
        return Err(format!("`{{{name}}}` is not a name"));
    }
    Ok((name, behind))
}

/// Checks the path of a declared field: keys with dots between, and `[N]`,
/// `[*]` or `[key=value]` behind a list.
pub(super) fn field_path(path: &str) -> Result<(), Problem> {
    let fail = |reason: String| bad(Kind::FieldPath, path, reason);
    if let Some(c) = path.chars().find(|c| c.is_control() || is_format(*c)) {
        return Err(fail(format!("it holds {}", describe(c))));
    }
    let mut rest = path;
    loop {
        rest = key(rest).map_err(fail)?;
        while rest.starts_with('[') {
            rest = selector(rest).map_err(fail)?;
        }
        match rest.strip_prefix('.') {
            Some(next) => rest = next,
            None if rest.is_empty() => return Ok(()),
            None => return Err(fail(format!("expected `.` or `[` before `{rest}`"))),
        }
    }
}

/// Takes one key off the start.
fn key(text: &str) -> Result<&str, String> {
    let end = text.find(['.', '[', ']']).unwrap_or(text.len());
    let (key, rest) = text.split_at(end);
    if key.trim().is_empty() || key.trim() != key {
        return Err(
            if key.is_empty() { "a key is empty" } else { "a key has blanks around it" }.to_owned()
        );
    }
    Ok(rest)
}

/// Takes one `[...]` off the start.
fn selector(text: &str) -> Result<&str, String> {
    let inner = text.strip_prefix('[').unwrap_or(text);
    let Some((selector, rest)) = inner.split_once(']') else {
        return Err("it has a `[` without its `]`".to_owned());
    };
    let index = selector.parse::<u32>().is_ok() && selector.bytes().all(|b| b.is_ascii_digit());
    let pair = selector.split_once('=').is_some_and(|(key, value)| {
        !key.is_empty() && !value.is_empty() && !selector.contains('[')
    });
    if index || pair || selector == "*" {
        return Ok(rest);
    }
    Err(format!("`[{selector}]` is neither `[N]` nor `[*]` nor `[key=value]`"))
}

/// Checks a glob over names.
pub(super) fn glob(glob: &str) -> Result<(), Problem> {
    if glob.is_empty() {
        return Err(bad(Kind::Glob, glob, "it is empty"));
    }
    if let Some(c) = glob.chars().find(|c| c.is_control() || is_format(*c)) {
        return Err(bad(Kind::Glob, glob, format!("it holds {}", describe(c))));
    }
    match globset::Glob::new(glob) {
        Ok(_) => Ok(()),
        Err(error) => Err(bad(Kind::Glob, glob, error.kind().to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reasons(check: fn(&str) -> Result<(), Problem>, values: &[&str]) -> String {
        values.iter().map(|value| check(value).unwrap_err().to_string() + "\n").collect()
    }

    #[test]
    fn environment_names_are_words_that_no_command_takes() {
        for good in ["dev", "01-dev", "prod-eu", "prod.eu_1", "Umgebung-ö"] {
            assert_eq!(environment_name(good), Ok(()), "{good}");
        }
        insta::assert_snapshot!(
            reasons(environment_name, &["", "-x", "a b", "a/b", "a@b", "a\nb", "a\u{202e}b", "wait"]),
            @r#"
        `""` is not a valid environment name: it is empty
        `-x` is not a valid environment name: it starts with `-`
        `a b` is not a valid environment name: it holds a blank
        `a/b` is not a valid environment name: it holds `/`
        `a@b` is not a valid environment name: it holds `@`
        `a\u{a}b` is not a valid environment name: it holds the control character U+000A
        `a\u{202e}b` is not a valid environment name: it holds the control character U+202E
        the environment name `wait` is the name of a command
        "#
        );
    }

    #[test]
    fn directories_are_relative_and_plain() {
        assert_eq!(directory("prod/blue"), Ok(()));
        insta::assert_snapshot!(
            reasons(directory, &["", "/prod", "../prod", "prod/", "a\\b", "prod-*", "{env}"]),
            @r#"
        `""` is not a valid directory of an environment: it is empty
        `/prod` is not a valid directory of an environment: it is absolute
        `../prod` is not a valid directory of an environment: it has the part `..`
        `prod/` is not a valid directory of an environment: it has an empty part
        `a\b` is not a valid directory of an environment: it holds `\`
        `prod-*` is not a valid directory of an environment: it holds `*`
        `{env}` is not a valid directory of an environment: it holds `{`
        "#
        );
    }

    #[test]
    fn templates_name_the_environment_once() {
        for good in ["{env}", "{group}/{env}/**", "argocd/{env}/{app}.yaml", "**/moc-{env}/*"] {
            assert_eq!(template(good), Ok(()), "{good}");
        }
        insta::assert_snapshot!(
            reasons(template, &[
                "", "/apps/{env}", "../{env}", "apps/{app}", "{env}/{env}", "a/{env", "a/env}",
                "a/{}/{env}", "a/{a b}/{env}", "{app}{env}", "a**/{env}", "a//{env}", "{{env}}",
            ]),
            @r#"
        `""` is not a valid layout path: it is empty
        `/apps/{env}` is not a valid layout path: it is absolute
        `../{env}` is not a valid layout path: it has the part `..`
        `apps/{app}` is not a valid layout path: it has no `{env}`
        `{env}/{env}` is not a valid layout path: `{env}` is in it twice
        `a/{env` is not a valid layout path: it has a `{` without its `}`
        `a/env}` is not a valid layout path: it has a `}` without its `{`
        `a/{}/{env}` is not a valid layout path: `{}` is not a name
        `a/{a b}/{env}` is not a valid layout path: `{a b}` is not a name
        `{app}{env}` is not a valid layout path: two wildcards touch in `{app}{env}`
        `a**/{env}` is not a valid layout path: `**` is only part of `a**`
        `a//{env}` is not a valid layout path: it has an empty part
        `{{env}}` is not a valid layout path: `{{env}` is not a name
        "#
        );
    }

    #[test]
    fn field_paths_name_keys_and_list_entries() {
        for good in ["image", "a.b[0].c[*].d[key=value]", "a[0][1]", "a[name=x/y:z.w].b"] {
            assert_eq!(field_path(good), Ok(()), "{good}");
        }
        insta::assert_snapshot!(
            reasons(field_path, &[
                "", ".a", "a.", "a..b", "a[", "a[]", "a[x]", "a[-1]", "a[0]b", "a]", "[0]",
                "a[=x]", "a[k=]", "a .b", "a[99999999999]",
            ]),
            @r#"
        `""` is not a valid field path: a key is empty
        `.a` is not a valid field path: a key is empty
        `a.` is not a valid field path: a key is empty
        `a..b` is not a valid field path: a key is empty
        `a[` is not a valid field path: it has a `[` without its `]`
        `a[]` is not a valid field path: `[]` is neither `[N]` nor `[*]` nor `[key=value]`
        `a[x]` is not a valid field path: `[x]` is neither `[N]` nor `[*]` nor `[key=value]`
        `a[-1]` is not a valid field path: `[-1]` is neither `[N]` nor `[*]` nor `[key=value]`
        `a[0]b` is not a valid field path: expected `.` or `[` before `b`
        `a]` is not a valid field path: expected `.` or `[` before `]`
        `[0]` is not a valid field path: a key is empty
        `a[=x]` is not a valid field path: `[=x]` is neither `[N]` nor `[*]` nor `[key=value]`
        `a[k=]` is not a valid field path: `[k=]` is neither `[N]` nor `[*]` nor `[key=value]`
        `a .b` is not a valid field path: a key has blanks around it
        `a[99999999999]` is not a valid field path: `[99999999999]` is neither `[N]` nor `[*]` nor `[key=value]`
        "#
        );
    }

    #[test]
    fn globs_are_those_of_globset() {
        assert_eq!(glob("legacy-{a,b}-*[0-9]"), Ok(()));
        insta::assert_snapshot!(reasons(glob, &["", "a[", "{a", "a\tb"]), @r#"
        `""` is not a valid glob: it is empty
        `a[` is not a valid glob: unclosed character class; missing ']'
        `{a` is not a valid glob: unclosed alternate group; missing '}' (maybe escape '{' with '[{]'?)
        `a\u{9}b` is not a valid glob: it holds the control character U+0009
        "#);
    }
}
