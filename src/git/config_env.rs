//! `GIT_CONFIG_PARAMETERS`: how `git -c key=value` reaches its children.
//!
//! gix 0.90 does not read it. Git writes `'key'='value'` since 2.31 and wrote
//! `'key=value'` before; both are sq-quoted and separated by blanks.

/// The settings in `text`, each as `key=value` or as `key` alone where it has
/// no value (which means true). `None` where the text is not well formed.
pub(super) fn parse(text: &str) -> Option<Vec<String>> {
    let mut settings = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (key, tail) = unquote(rest)?;
        let (setting, tail) = match tail.strip_prefix('=') {
            Some(tail) if tail.starts_with('\'') => {
                let (value, tail) = unquote(tail)?;
                (format!("{key}={value}"), tail)
            }
            Some(tail) => (key, tail),
            None => (key, tail),
        };
        settings.push(setting);
        if !tail.is_empty() && !tail.starts_with([' ', '\t', '\n']) {
            return None;
        }
        rest = tail.trim_start();
    }
    Some(settings)
}

/// Takes one sq-quoted word: `'...'`, with `'\''` and `'\!'` inside.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut word = String::new();
    let mut rest = text.strip_prefix('\'')?;
    loop {
        let (part, tail) = rest.split_once('\'')?;
        word.push_str(part);
        let escaped = ["\\'", "\\!"].iter().find(|escape| tail.starts_with(**escape));
        let Some(escape) = escaped else {
            return Some((word, tail));
        };
        let tail = tail.strip_prefix(escape)?;
        word.push_str(escape.trim_start_matches('\\'));
        rest = tail.strip_prefix('\'')?;
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn both_forms_are_read() {
        let old = parse("'user.name=A B' 'core.bare'").unwrap();
        assert_eq!(old, ["user.name=A B", "core.bare"]);
        let new = parse("'user.name'='it'\\''s' 'x.y'= 'a.b'='='").unwrap();
        assert_eq!(new, ["user.name=it's", "x.y", "a.b=="]);
        assert!(parse("user.name=A").is_none());
        assert!(parse("'open").is_none());
    }
}
