//! Base and head as the command line names them.

use super::{Around, Asked, Ends, Pair, current, surrounding};
use crate::command::Failure;
use crate::git::{ObjectId, Repository};
use crate::model::quoted;

/// The pair that the command line names, in whole or in part.
pub(super) fn named(
    repo: &Repository,
    asked: &Asked,
    around: &Around<'_>,
) -> Result<Option<Pair>, Failure> {
    if let Some(range) = &asked.range {
        let (base, head) = split(range)?;
        return Ok(Some(Pair::merged(revision(repo, base)?, revision(repo, head)?)));
    }
    let other = || match surrounding(repo, around)? {
        Ends::Pair(pair) => Ok(Some(pair)),
        Ends::Staged | Ends::Updates(_) => Ok::<_, Failure>(None),
    };
    Ok(match (&asked.base, &asked.head) {
        (None, None) => None,
        (Some(base), Some(head)) => {
            Some(Pair::merged(revision(repo, base)?, revision(repo, head)?))
        }
        (Some(base), None) => {
            let base = revision(repo, base)?;
            // A CI system that says nothing of the head has it checked out.
            let head =
                other().ok().flatten().map_or_else(|| current(repo), |pair| Ok(pair.head))?;
            Some(Pair::merged(base, head))
        }
        (None, Some(head)) => {
            let head = revision(repo, head)?;
            let base = other()?.ok_or_else(|| {
                Failure::usage("nothing says which base --head is judged against")
                    .hint("git promote check --base origin/main --head HEAD")
            })?;
            Some(Pair::merged(base.base, head))
        }
    })
}

/// The two sides of `BASE..HEAD`; a side that is left out is HEAD.
fn split(range: &str) -> Result<(&str, &str), Failure> {
    let found = range.split_once("...").or_else(|| range.split_once(".."));
    let Some((base, head)) = found else {
        let message = format!("`{}` is no range", range.escape_debug());
        let meant = if range.is_empty() { "origin/main" } else { range };
        let hint = format!("git promote check {}..HEAD", quoted(meant));
        return Err(Failure::usage(message).hint(hint));
    };
    Ok((side(base), side(head)))
}

fn side(text: &str) -> &str {
    if text.is_empty() { "HEAD" } else { text }
}

/// The commit or tree that `text` names. What git would read as an option, a
/// refspec, a path or a search is refused.
pub(super) fn revision(repo: &Repository, text: &str) -> Result<ObjectId, Failure> {
    let odd = |c: char| {
        c.is_control()
            || c.is_whitespace()
            || matches!(c, ':' | '?' | '*' | '[' | '\\' | '"' | '\'')
    };
    let refused = text.is_empty()
        || text.starts_with(['-', '+', '^', '!'])
        || text.contains("..")
        || text.chars().any(odd);
    if refused {
        let message = format!("`{}` is no revision of one commit or tree", text.escape_debug());
        return Err(Failure::usage(message).hint("git promote check origin/main..HEAD"));
    }
    Ok(repo.revision(text)?)
}
