//! What became of a change that is no promotion, for people.

use std::fmt::Write as _;

use crate::gate::short_id;
use crate::model::Edit;
use crate::report::{Delivered, Ending};

use super::text::clean;

/// What changes, each edit by `line`, and how it ended. `asked` is whether
/// anything was to change.
pub(super) fn delivered(change: &Delivered, line: fn(&Edit) -> String, asked: bool) -> String {
    let mut text: String = change.edits.iter().map(line).collect();
    if let Some(unified) = &change.unified {
        text.extend(unified.lines().map(|line| clean(line.trim_end_matches('\r')) + "\n"));
    }
    if let Some(commit) = &change.commit {
        let branch = change.branch.as_deref().unwrap_or("detached HEAD");
        let subject = clean(&commit.subject);
        let _ = writeln!(text, "[{} {}] {subject}", clean(branch), short_id(&commit.id));
    }
    if let Some(request) = &change.request {
        let done = if request.opened { "opened" } else { "brought up to date" };
        let _ = writeln!(text, "#{} {done}: {}", request.number, clean(&request.url));
    }
    match change.ending {
        Ending::Planned => text.push_str("dry run: nothing was written\n"),
        Ending::Unchanged if asked => text.push_str("nothing to do\n"),
        _ => {}
    }
    text
}
