//! One request for a branch, whatever happens on the way.

use std::time::Duration;

use super::{Draft, Forge, ForgeError, Request};

/// How a request came to be as it is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ensured {
    /// The request.
    pub request: Request,
    /// Whether it was opened by this call.
    pub created: bool,
    /// What could not be done beside it: labels, reviewers, milestone.
    pub problems: Vec<ForgeError>,
}

/// How often a request is tried to be opened where it is not known whether the
/// last try did it.
const TRIES: u32 = 3;

/// Opens a request for the branch, or brings the one that is there up to date.
/// `pause` is waited (longer each time) before it is looked for again.
pub fn ensure(forge: &dyn Forge, draft: &Draft, pause: Duration) -> Result<Ensured, ForgeError> {
    let (request, created) = open(forge, draft, pause)?;
    let problems = forge.decorate(&request, draft).err().into_iter().collect();
    Ok(Ensured { request, created, problems })
}

fn open(forge: &dyn Forge, draft: &Draft, pause: Duration) -> Result<(Request, bool), ForgeError> {
    let mut last: Option<ForgeError> = None;
    for attempt in 0..TRIES {
        if let Some(request) = find(forge, draft)? {
            // Somebody else opened it where the forge knew one before ours.
            let created = last.is_some_and(|error| error.is_ambiguous());
            return Ok((brought_up(forge, request, draft)?, created));
        }
        match forge.create(draft) {
            Ok(request) => return Ok((request, true)),
            // It may be there, or somebody else was quicker: look again.
            Err(error) if error.is_ambiguous() || matches!(error, ForgeError::Conflict { .. }) => {
                last = Some(error);
                std::thread::sleep(pause * (attempt + 1));
            }
            Err(error) => return Err(error),
        }
    }
    match find(forge, draft)? {
        Some(request) => {
            let created = last.is_some_and(|error| error.is_ambiguous());
            Ok((brought_up(forge, request, draft)?, created))
        }
        None => Err(last.unwrap_or_else(|| ForgeError::Config("nothing was tried".to_owned()))),
    }
}

/// The open request of the branch into the base.
fn find(forge: &dyn Forge, draft: &Draft) -> Result<Option<Request>, ForgeError> {
    let mut found = forge.find(&draft.head)?;
    found.retain(|request| request.base == draft.base);
    // The oldest, should there ever be two.
    Ok(found.into_iter().min_by_key(|request| request.number))
}

fn brought_up(forge: &dyn Forge, request: Request, draft: &Draft) -> Result<Request, ForgeError> {
    let same =
        (&request.title, &request.body, request.draft) == (&draft.title, &draft.body, draft.draft);
    if same { Ok(request) } else { forge.update(&request, draft) }
}
