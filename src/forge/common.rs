//! What several forges have in common beside the connection: steps that are
//! told together, marks of drafts in titles, the newest check of each name.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};

use super::http::secret;
use super::{Check, ForgeError, Form, Token};

/// How often is looked whether there is something that a merge waits for. A
/// forge starts its pipelines a moment after the request was opened.
const LOOKS: u32 = 5;

/// The header that lets us in. `own` is how the forge takes the tokens of a
/// person.
pub(super) fn entry(
    forge: &str,
    token: &Token,
    own: (HeaderName, String),
) -> Result<(HeaderName, HeaderValue), ForgeError> {
    let (name, value) = match token.form() {
        Form::Access => own,
        Form::Bearer => (AUTHORIZATION, format!("Bearer {}", token.secret())),
        Form::Password { user } => (AUTHORIZATION, format!("Basic {}", token.basic(user))),
        Form::Job | Form::App { .. } => {
            let source = token.source();
            return Err(ForgeError::Config(format!("{forge} takes no token such as {source}")));
        }
    };
    Ok((name, secret(&value)?))
}

/// Steps beside a request, each tried whatever became of the others.
pub(super) struct Steps {
    forge: &'static str,
    problems: Vec<ForgeError>,
}

impl Steps {
    pub(super) fn new(forge: &'static str) -> Self {
        Self { forge, problems: Vec::new() }
    }

    /// Notes what went wrong with a step.
    pub(super) fn take<T>(&mut self, step: Result<T, ForgeError>) -> Option<T> {
        step.map_err(|error| self.problems.push(error)).ok()
    }

    /// Whether the steps that follow cannot go better.
    pub(super) fn is_lost(&self) -> bool {
        self.problems.iter().any(is_general)
    }

    /// Everything that went wrong, as one.
    pub(super) fn end(mut self) -> Result<(), ForgeError> {
        if let Some(at) = self.problems.iter().position(is_general) {
            return Err(self.problems.swap_remove(at));
        }
        if self.problems.len() > 1 {
            let forge = self.forge.to_owned();
            let told = self.problems.iter().map(|problem| {
                let told = problem.to_string();
                told.strip_prefix(&format!("{forge} ")).map_or(told.clone(), str::to_owned)
            });
            let told: Vec<String> = told.collect();
            return Err(ForgeError::Refused { forge, message: told.join("; ") });
        }
        self.problems.pop().map_or(Ok(()), Err)
    }
}

/// Whether an error is not of one step: the next one meets it too.
fn is_general(error: &ForgeError) -> bool {
    matches!(
        error,
        ForgeError::Unauthorized { .. }
            | ForgeError::RateLimited { .. }
            | ForgeError::Unavailable { .. }
            | ForgeError::Strange { .. }
    )
}

/// The marks that make a draft of a request by its title. The first one is
/// written, all of them are read.
pub(super) struct Marks(pub(super) &'static [&'static str]);

impl Marks {
    /// The title with a mark, or without any.
    pub(super) fn written(&self, title: &str, draft: bool) -> String {
        let bare = self.bare(title);
        match self.0.first() {
            Some(mark) if draft => format!("{mark} {bare}"),
            _ => bare.to_owned(),
        }
    }

    /// The title without its marks.
    pub(super) fn bare<'a>(&self, title: &'a str) -> &'a str {
        let mut rest = title.trim_start();
        while let Some(less) = self.0.iter().find_map(|mark| {
            let (start, end) = rest.split_at_checked(mark.len())?;
            start.eq_ignore_ascii_case(mark).then(|| end.trim_start())
        }) {
            rest = less;
        }
        // A title that is nothing but a mark is its own.
        if rest.is_empty() { title } else { rest }
    }

    /// Whether a title makes a draft.
    pub(super) fn is_draft(&self, title: &str) -> bool {
        self.bare(title).len() < title.trim_start().len()
    }
}

/// The newest check of each name; of equally old ones the last.
pub(super) fn newest(checks: Vec<Check>) -> Vec<Check> {
    let mut found: BTreeMap<String, Check> = BTreeMap::new();
    for check in checks {
        match found.get(&check.context) {
            Some(known) if known.updated > check.updated => {}
            _ => {
                found.insert(check.context.clone(), check);
            }
        }
    }
    found.into_values().collect()
}

/// Seconds since the epoch of a time of RFC 3339; 0 where it is none.
pub(super) fn seconds(time: Option<&str>) -> i64 {
    time.and_then(|time| time.parse::<jiff::Timestamp>().ok()).map_or(0, jiff::Timestamp::as_second)
}

/// One line.
pub(super) fn line(text: Option<&str>) -> String {
    text.unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Looks a few times, with a pause that grows, until there is something.
pub(super) fn look<T>(
    pause: Duration,
    mut once: impl FnMut() -> Result<Option<T>, ForgeError>,
) -> Result<Option<T>, ForgeError> {
    for attempt in 1..=LOOKS {
        if let Some(found) = once()? {
            return Ok(Some(found));
        }
        if attempt < LOOKS {
            std::thread::sleep(pause * attempt);
        }
    }
    Ok(None)
}

/// Where nothing is to be waited for, a forge would merge at once.
pub(super) fn nothing_to_wait_for(forge: &str, request: &str, what: &str) -> ForgeError {
    let message = format!("nothing keeps {request} from being merged at once: {what}");
    ForgeError::Unsupported { forge: forge.to_owned(), message }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forge::CheckState;

    const MARKS: Marks = Marks(&["Draft:", "[Draft]"]);

    #[test]
    fn a_mark_is_written_once_and_read_in_every_form() {
        assert_eq!(MARKS.written("Promote web", true), "Draft: Promote web");
        assert_eq!(MARKS.written("[draft] Promote web", true), "Draft: Promote web");
        assert_eq!(MARKS.written("DRAFT: draft: Promote web", false), "Promote web");
        assert_eq!(MARKS.bare("Drafts are kept"), "Drafts are kept");
        assert_eq!(MARKS.bare("Draft:"), "Draft:");
        assert_eq!(MARKS.bare("ä"), "ä");
        assert!(MARKS.is_draft(" [Draft] x"));
        assert!(!MARKS.is_draft(" x"));
    }

    #[test]
    fn the_newest_check_of_each_name_is_left() {
        let check = |context: &str, updated, state| Check {
            context: context.to_owned(),
            state,
            description: String::new(),
            updated,
            url: String::new(),
        };
        let left = newest(vec![
            check("b", 1, CheckState::Pending),
            check("a", 5, CheckState::Failure),
            check("a", 7, CheckState::Success),
            check("a", 6, CheckState::Pending),
        ]);
        let left: Vec<_> = left.iter().map(|c| (c.context.as_str(), c.state)).collect();
        assert_eq!(left, [("a", CheckState::Success), ("b", CheckState::Pending)]);
    }

    #[test]
    fn what_is_general_goes_before_what_is_of_one_step() {
        let refused = |text: &str| ForgeError::Refused {
            forge: "Forge".to_owned(),
            message: text.to_owned(),
        };
        let mut steps = Steps::new("Forge");
        steps.take::<()>(Err(refused("one")));
        steps.take::<()>(Err(refused("two")));
        assert!(!steps.is_lost());
        let limited = ForgeError::RateLimited { forge: "Forge".to_owned(), after: None };
        steps.take::<()>(Err(limited.clone()));
        assert!(steps.is_lost());
        assert_eq!(steps.end(), Err(limited));
        let mut steps = Steps::new("Forge");
        steps.take::<()>(Err(refused("one")));
        steps.take::<()>(Err(refused("two")));
        let told = steps.end().unwrap_err().to_string();
        assert_eq!(told, "Forge refuses: refuses: one; refuses: two");
    }
}
