//! Foreign text in Markdown, so that it stays text.

/// Text as it is: every sign escaped that Markdown reads, and a space of no
/// width behind those that begin a mention, a reference or an address, which
/// no escape keeps from becoming links.
pub(super) fn prose(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        if "\\`*_{}[]()<>#+!|~$&@^=".contains(c) {
            escaped.push('\\');
        }
        escaped.push(c);
        let address = c == ':' && rest.peek() == Some(&'/');
        let tail = escaped.get(escaped.len().saturating_sub(4)..).unwrap_or_default();
        let host = tail.eq_ignore_ascii_case("www.");
        if "@#!~$&%".contains(c) || address || host {
            escaped.push_str("&#8203;");
        }
    }
    escaped
}

/// Text for a cell of a table, where a bar ends the cell even in code and a
/// backslash may keep another from escaping it (GFM 0.29, 4.10).
pub(super) fn cell(text: &str) -> String {
    if text.contains(['|', '\\']) { prose(text) } else { code(text) }
}

/// A code span that its content cannot end (`CommonMark` 0.31, 6.1).
pub(super) fn code(text: &str) -> String {
    let mut longest = 0;
    let mut run = 0;
    for c in text.chars() {
        run = if c == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    let fence = "`".repeat(longest + 1);
    match text {
        "" => "` `".to_owned(),
        text if longest > 0 => format!("{fence} {text} {fence}"),
        text => format!("`{text}`"),
    }
}
