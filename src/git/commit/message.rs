//! The message: more trailers in its last paragraph, and clean as `git commit
//! -m` leaves it.

use super::super::child;
use super::identity::{Role, signature};
use super::{CommitError, CommitRequest, Repository};

/// Trailers that git itself writes; one of them makes a paragraph that is a
/// quarter trailers a trailer paragraph.
const GENERATED: [&str; 2] = ["Signed-off-by: ", "(cherry picked from commit "];

/// The message as it is committed.
pub(super) fn compose(
    repo: &Repository,
    request: &CommitRequest<'_>,
) -> Result<String, CommitError> {
    let mut trailers = Vec::new();
    if request.options.signoff {
        let who = signature(repo, Role::Committer)?;
        trailers.push(("Signed-off-by".to_owned(), format!("{} <{}>", who.name, who.email)));
    }
    trailers.extend(request.options.trailers.iter().cloned());
    let message = if trailers.is_empty() {
        request.message.clone()
    } else if repo.has_config_section("trailer") {
        interpret(repo, &request.message, &trailers)?
    } else {
        let clean = clean(&request.message);
        trailers.iter().fold(clean, |message, (key, value)| with_trailer(&message, key, value))
    };
    let message = clean(&message);
    if message.is_empty() && !request.options.edit {
        return Err(CommitError::EmptyMessage);
    }
    Ok(message)
}

/// Lets git place the trailers, as its `trailer.*` settings say.
fn interpret(
    repo: &Repository,
    message: &str,
    trailers: &[(String, String)],
) -> Result<String, CommitError> {
    let mut args = vec!["interpret-trailers".to_owned(), "--no-divider".to_owned()];
    for (key, value) in trailers {
        args.extend(["--trailer".to_owned(), format!("{key}={value}")]);
    }
    let answer = child::answer(repo, &args, clean(message).as_bytes())?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// Adds a trailer to the last paragraph, or a paragraph where the last one
/// holds none. As `trailer.ifexists=addIfDifferentNeighbor`, git's default,
/// not a second time in a row.
fn with_trailer(message: &str, key: &str, value: &str) -> String {
    let trailer = format!("{key}: {value}");
    let message = message.trim_end_matches('\n');
    let last = last_paragraph(message);
    if last.is_some_and(is_trailer_block) {
        if message.lines().next_back() == Some(&trailer) {
            return format!("{message}\n");
        }
        return format!("{message}\n{trailer}\n");
    }
    format!("{message}\n\n{trailer}\n")
}

/// The last paragraph, unless it is the first one, which is the title.
fn last_paragraph(message: &str) -> Option<&str> {
    message.rsplit_once("\n\n").map(|(_, last)| last)
}

fn is_trailer_block(paragraph: &str) -> bool {
    let (mut trailers, mut others, mut generated) = (0, 0, false);
    let mut after_trailer = false;
    for line in paragraph.lines() {
        if line.starts_with([' ', '\t']) && after_trailer {
            continue;
        }
        let own = GENERATED.iter().any(|prefix| line.starts_with(prefix));
        after_trailer = own || is_trailer(line);
        generated |= own;
        if after_trailer { trailers += 1 } else { others += 1 }
    }
    trailers > 0 && (others == 0 || (generated && trailers * 3 >= others))
}

/// `Token: value`; git allows letters, digits and dashes, then blanks.
fn is_trailer(line: &str) -> bool {
    let token = line.split_once(':').map_or("", |(token, _)| token.trim_end_matches([' ', '\t']));
    !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// `--cleanup=whitespace`: no blanks at the end of lines, no two empty lines in
/// a row, none at start and end. Lines with `#` stay.
fn clean(message: &str) -> String {
    let mut out = String::with_capacity(message.len() + 1);
    let mut gap = false;
    for line in message.lines() {
        let line = line.trim_end_matches([' ', '\t', '\r', '\n', '\x0b', '\x0c']);
        if line.is_empty() {
            gap = !out.is_empty();
            continue;
        }
        if gap {
            out.push('\n');
            gap = false;
        }
        out.push_str(line);
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_cleaned_as_git_does() {
        assert_eq!(clean("\n\n a \t\n\n\n# b\n\n"), " a\n\n# b\n");
        assert_eq!(clean("\n \n"), "");
    }

    #[test]
    fn trailers_join_the_last_paragraph() {
        let audit = "Promote web\n\nPromote-To: staging\nPromote-Id: 1\n".to_owned();
        let signed = with_trailer(&audit, "Signed-off-by", "A <a@b>");
        assert_eq!(
            signed,
            "Promote web\n\nPromote-To: staging\nPromote-Id: 1\nSigned-off-by: A <a@b>\n"
        );
        assert_eq!(with_trailer(&signed, "Signed-off-by", "A <a@b>"), signed);
    }

    #[test]
    fn a_title_or_text_is_no_trailer_block() {
        let with = |text: &str| with_trailer(text, "K", "v");
        assert_eq!(with("fix: it\n"), "fix: it\n\nK: v\n");
        assert_eq!(with("a\n\nsome words: here\nmore\n"), "a\n\nsome words: here\nmore\n\nK: v\n");
        assert_eq!(with("a\n\nx\nSigned-off-by: A\n"), "a\n\nx\nSigned-off-by: A\nK: v\n");
        assert_eq!(with("a\n\nX: y\n  z\n"), "a\n\nX: y\n  z\nK: v\n");
    }
}
