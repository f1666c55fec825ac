//! Who commits, and when.

use gix::actor::{Signature, SignatureRef};
use gix::bstr::{BString, ByteSlice};

use super::super::child;
use super::{CommitError, Repository};

/// One of the two people of a commit.
#[derive(Debug, Clone, Copy)]
pub(super) enum Role {
    Author,
    Committer,
}

/// The identity and time of `role`.
///
/// Where gix and git could differ git is asked: a missing name or address
/// (git may know one from the system, or has words for it), characters that
/// git strips, and dates in other than git's internal form.
pub(super) fn signature(repo: &Repository, role: Role) -> Result<Signature, CommitError> {
    let (known, date) = match role {
        Role::Author => (repo.gix.author(), "GIT_AUTHOR_DATE"),
        Role::Committer => (repo.gix.committer(), "GIT_COMMITTER_DATE"),
    };
    let date = std::env::var_os(date).filter(|text| !text.is_empty());
    let raw_date = date.is_none_or(|text| text.to_str().is_some_and(is_raw_date));
    if let Some(Ok(known)) = known
        && raw_date
        && is_plain(known.name)
        && is_plain(known.email)
    {
        return known.to_owned().map_err(|error| no_identity(error.to_string()));
    }
    ask_git(repo, role)
}

/// `[@]SECONDS +HHMM`
fn is_raw_date(text: &str) -> bool {
    let Some((seconds, zone)) = text.strip_prefix('@').unwrap_or(text).split_once(' ') else {
        return false;
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    // Git takes fewer than nine digits for something else than seconds.
    let long_enough = text.starts_with('@') || seconds.len() >= 9;
    let zone = zone.strip_prefix(['+', '-']).is_some_and(|zone| zone.len() == 4 && digits(zone));
    zone && long_enough && !seconds.is_empty() && digits(seconds)
}

/// Whether git takes the text as it is: nothing at its ends that it strips,
/// and nothing within that would end it.
fn is_plain(text: &gix::bstr::BStr) -> bool {
    let crud = |byte: &u8| *byte <= 32 || b".,:;<>\"\\'".contains(byte);
    let ends = [text.first(), text.last()];
    !text.is_empty()
        && !ends.iter().flatten().any(|byte| crud(byte))
        && !text.iter().any(|byte| matches!(byte, b'<' | b'>' | b'\n' | 0))
}

fn ask_git(repo: &Repository, role: Role) -> Result<Signature, CommitError> {
    let name = match role {
        Role::Author => "GIT_AUTHOR_IDENT",
        Role::Committer => "GIT_COMMITTER_IDENT",
    };
    let output = child::run(repo, &["var", name], b"")?;
    if !output.status.success() {
        return Err(no_identity(child::words(&output.stderr)));
    }
    let line = BString::from(output.stdout.trim_end());
    let parsed = SignatureRef::from_bytes(line.as_bstr());
    let parsed = parsed.map_err(|error| no_identity(error.to_string()))?;
    parsed.to_owned().map_err(|error| no_identity(error.to_string()))
}

fn no_identity(message: String) -> CommitError {
    CommitError::NoIdentity { message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_gits_internal_dates_are_taken_without_git() {
        assert!(is_raw_date("1700000000 +0100") && is_raw_date("@0 -0000"));
        for other in
            ["yesterday", "2024-01-01T00:00:00", "12 +0000", "1700000000", "1700000000 UTC"]
        {
            assert!(!is_raw_date(other), "{other}");
        }
    }

    #[test]
    fn names_that_git_changes_are_left_to_git() {
        assert!(is_plain("A. U. Thor".into()));
        for other in ["", " A", "A.", "A <b>", "A\nB", "\"A\""] {
            assert!(!is_plain(other.into()), "{other}");
        }
    }
}
