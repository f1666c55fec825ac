//! The text of a Helm template apart from its actions, where the actions only
//! pick, join and indent texts.

/// The parts of a template.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Parts {
    /// What stands around the actions.
    pub(super) texts: Vec<String>,
    /// The texts inside of the actions; a verb of `printf` is a blank.
    pub(super) literals: Vec<String>,
}

/// What actions may say. Nothing in it makes letters of what is none, or
/// takes a word apart.
const KNOWN: [&str; 43] = [
    "add",
    "and",
    "append",
    "default",
    "define",
    "dict",
    "else",
    "end",
    "eq",
    "false",
    "ge",
    "gt",
    "hasKey",
    "if",
    "include",
    "indent",
    "index",
    "int",
    "join",
    "keys",
    "le",
    "len",
    "list",
    "lt",
    "merge",
    "ne",
    "nil",
    "nindent",
    "not",
    "or",
    "printf",
    "quote",
    "range",
    "required",
    "slice",
    "sortAlpha",
    "splitList",
    "squote",
    "sub",
    "template",
    "ternary",
    "true",
    "with",
];

/// Fields that lead to more than values and whole files.
const FIELDS: [&str; 9] = [
    "AsConfig",
    "AsSecrets",
    "Capabilities",
    "GetBytes",
    "Glob",
    "HelmVersion",
    "Lines",
    "Subcharts",
    "Template",
];

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    /// The name of a function or a keyword.
    Word(String),
    /// A text, as it is meant.
    Literal(String),
    /// `:=` or `=`.
    Assign,
    /// A field, a variable, a number or a sign.
    Other,
}

/// The parts of a template; `None` where it does more, or where two things
/// that it takes could stand side by side without any text between them.
pub(super) fn parts(template: &str) -> Option<Parts> {
    let mut parts = Parts::default();
    let mut rest = template;
    let mut behind = false;
    while let Some((text, from)) = rest.split_once("{{") {
        let mut text = if behind { text.trim_start() } else { text };
        if from.starts_with("- ") {
            text = text.trim_end();
        }
        let (tokens, after) = action(from)?;
        if is_made(&tokens) && (text.is_empty() || text.ends_with('\\')) {
            return None;
        }
        parts.text(text)?;
        parts.action(tokens)?;
        behind = from.get(..from.len() - after.len()).is_some_and(|all| all.ends_with("-}}"));
        rest = after;
    }
    parts.text(if behind { rest.trim_start() } else { rest })?;
    Some(parts)
}

/// Whether an action makes text, and not only says when or of what.
fn is_made(tokens: &[Token]) -> bool {
    const SILENT: [&str; 6] = ["define", "else", "end", "if", "range", "with"];
    let silent = match tokens.first() {
        None => true,
        Some(Token::Word(word)) => SILENT.contains(&word.as_str()),
        _ => tokens.get(1) == Some(&Token::Assign),
    };
    !silent
}

impl Parts {
    /// Takes a text, which may not go on with an escape.
    fn text(&mut self, text: &str) -> Option<()> {
        let first = self.texts.is_empty();
        self.texts.push(text.to_owned());
        (first || !text.starts_with(['x', 'u', 'U'])).then_some(())
    }

    fn action(&mut self, tokens: Vec<Token>) -> Option<()> {
        const CUTTING: [&str; 3] = ["join", "printf", "splitList"];
        let mut before = None;
        for token in tokens {
            let cutting = before.as_deref().is_some_and(|word| CUTTING.contains(&word));
            let word = match token {
                Token::Literal(text) => {
                    self.literals.push(literal(before.as_deref(), &text)?);
                    None
                }
                _ if cutting => return None,
                Token::Word(word) if !KNOWN.contains(&word.as_str()) => return None,
                Token::Word(word) => Some(word),
                Token::Assign | Token::Other => None,
            };
            before = word;
        }
        let cutting = before.as_deref().is_some_and(|word| CUTTING.contains(&word));
        (!cutting).then_some(())
    }
}

/// A literal behind a word, as far as it can be part of what is made.
fn literal(before: Option<&str>, text: &str) -> Option<String> {
    match before {
        // Without letters it takes no word apart.
        Some("splitList") => {
            let cuts = !text.is_empty() && !text.contains(char::is_alphanumeric);
            cuts.then(|| text.to_owned())
        }
        Some("join") => is_between(text).then(|| text.to_owned()),
        Some("printf") => {
            let mut pieces = text.split('%');
            let mut shown = pieces.next()?.to_owned();
            let mut pieces = pieces.peekable();
            while let Some(piece) = pieces.next() {
                let piece = piece.strip_prefix(['s', 'd', 'v', 'q'])?;
                if pieces.peek().is_some() && !is_between(piece) {
                    return None;
                }
                shown.push(' ');
                shown.push_str(piece);
            }
            Some(shown)
        }
        _ => Some(text.to_owned()),
    }
}

/// Whether what stands around a text stays apart by it.
fn is_between(text: &str) -> bool {
    !text.is_empty() && !text.starts_with(['x', 'u', 'U']) && !text.ends_with('\\')
}

/// The tokens of an action that is open already, and what stands behind it.
fn action(from: &str) -> Option<(Vec<Token>, &str)> {
    let mut rest = from.strip_prefix("- ").unwrap_or(from);
    let mut tokens = Vec::new();
    if rest.trim_start().starts_with("/*") {
        let (_, after) = rest.split_once("*/")?;
        return Some((tokens, after.trim_start().trim_start_matches('-').strip_prefix("}}")?));
    }
    loop {
        rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix("}}").or_else(|| rest.strip_prefix("-}}")) {
            return Some((tokens, after));
        }
        let (token, after) = token(rest)?;
        tokens.push(token);
        rest = after;
    }
}

fn token(rest: &str) -> Option<(Token, &str)> {
    let first = rest.chars().next()?;
    let name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let end = |ends: &dyn Fn(char) -> bool| rest.find(|c| !ends(c)).unwrap_or(rest.len());
    match first {
        '"' => quoted(rest.get(1..)?),
        '.' | '$' => {
            let (field, after) = rest.split_at(end(&|c| name(c) || c == '.' || c == '$'));
            let leads = field.split('.').any(|part| FIELDS.contains(&part));
            (!leads).then_some((Token::Other, after))
        }
        '=' => Some((Token::Assign, rest.get(1..)?)),
        '|' | '(' | ')' | ',' => Some((Token::Other, rest.get(1..)?)),
        ':' => Some((Token::Assign, rest.strip_prefix(":=")?)),
        _ if first.is_ascii_digit() => Some((Token::Other, rest.get(end(&name)..)?)),
        _ if first.is_ascii_alphabetic() => {
            let (word, after) = rest.split_at(end(&name));
            Some((Token::Word(word.to_owned()), after))
        }
        _ => None,
    }
}

/// A literal that is open already.
fn quoted(rest: &str) -> Option<(Token, &str)> {
    let mut text = String::new();
    let mut chars = rest.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((Token::Literal(text), rest.get(at + 1..)?)),
            '\n' => return None,
            '\\' => text.push(match chars.next()?.1 {
                'n' => '\n',
                't' => '\t',
                '"' => '"',
                '\\' => '\\',
                _ => return None,
            }),
            _ => text.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_literals_are_told_apart() {
        let text = "a: {{ .Values.a | default \"b\\n\" }}\n{{- /* c */ -}}\nd";
        let found = parts(text).unwrap();
        assert_eq!(found.texts, ["a: ", "", "d"]);
        assert_eq!(found.literals, ["b\n"]);
        assert_eq!(parts("a {{ printf \"ki%s-%snd\" $x $y }}").unwrap().literals, ["ki - nd"]);
    }

    #[test]
    fn nothing_that_is_made_stands_side_by_side() {
        for text in [
            "{{ $a }}",
            "a {{ $a }}{{ $b }}",
            "a {{ $a -}} {{ $b }}",
            "a {{ $a }} {{- $b }}",
            "a {{ if $a }}{{ $b }}{{ end }}",
            "a \\{{ $a }}",
            "a \\\n{{- $a }}",
            "a {{ $a }}x6b",
            "a {{ $a -}} x6b",
            "a {{ printf \"%s%s\" $a $b }}",
            "a {{ join \"\" $a }}",
            "a {{ join \"\\\\\" $a }}",
        ] {
            assert_eq!(parts(text), None, "{text}");
        }
        assert!(parts("a {{ $b := $a }}{{ if $b }} {{ $b }},{{ end }}").is_some());
    }

    #[test]
    fn whatever_makes_other_text_is_refused() {
        for action in [
            "tpl .Values.a .",
            "b64dec \"a2luZA==\"",
            "\"x\" | lower",
            "printf \"%c\" 107",
            "printf .Values.format 107",
            ".Values.format | printf",
            "splitList \"x\" .Values.a",
            "splitList \"\" .Values.a",
            "splitList .Values.sep .Values.a",
            "`ki`",
            "'k'",
            "\"\\x6b\"",
            "\"\\153\"",
            ".Files.Glob \"*\"",
            "(index . \"Files\").AsConfig",
            ".Capabilities.APIVersions",
            "\"open",
        ] {
            assert_eq!(parts(&format!("a {{{{ {action} }}}} b")), None, "{action}");
        }
    }
}
