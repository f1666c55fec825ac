//! What an earlier run left: brought to its end before a command reads or
//! writes anything.

use crate::git::{self, Recovered, Repository};

use super::{Failure, Remark};

/// Brings it to its end; a dry run only tells of it.
pub(super) fn settle(repo: &Repository, dry_run: bool) -> Result<Vec<Remark>, Failure> {
    if dry_run { Ok(noticed(repo)) } else { Ok(told(&git::settle(repo)?)) }
}

/// What a command says of it that only reads.
pub(super) fn noticed(repo: &Repository) -> Vec<Remark> {
    if !git::is_anything_left(repo) || !git::examine(repo).iter().any(git::Finding::is_recoverable)
    {
        return Vec::new();
    }
    let left = "an earlier promotion was broken off; the next one that is no dry run ends it first";
    vec![Remark::Warning(left.to_owned()), Remark::Hint("git promote doctor --recover".to_owned())]
}

/// What is said of it.
pub(super) fn told(recovered: &Recovered) -> Vec<Remark> {
    let mut remarks = Vec::new();
    if recovered.found {
        remarks.push(Remark::Note(summary(recovered)));
    }
    remarks.extend(recovered.notes.iter().cloned().map(Remark::Warning));
    for left in &recovered.left {
        remarks.push(Remark::Warning(format!("{} was left: {}", left.path, left.reason)));
    }
    if let Some(left) = recovered.left.iter().find(|left| left.differs) {
        remarks.push(Remark::Hint(format!("git diff HEAD -- '{}'", left.path)));
    }
    remarks
}

/// One line.
fn summary(recovered: &Recovered) -> String {
    let files = match recovered.mended.len() {
        0 => String::new(),
        1 => "; 1 file was brought along".to_owned(),
        many => format!("; {many} files were brought along"),
    };
    match recovered.committed {
        None => "locks that an earlier promotion left were removed".to_owned(),
        Some(true) => format!("an earlier promotion was broken off; it is committed{files}"),
        Some(false) => {
            let files = files.replace("brought along", "given back what they held");
            format!("an earlier promotion was broken off; it is not committed{files}")
        }
    }
}
