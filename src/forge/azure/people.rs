//! Who is asked to look at a request on Azure DevOps: people and teams have ids
//! that their names lead to.

use reqwest::Method;
use serde_json::json;

use super::wire::{Identified, Identity, List};
use super::{Azure, NAME, VERSION, segment, shown};
use crate::forge::common::Steps;
use crate::forge::place::encoded;
use crate::forge::{ForgeError, Request};
use crate::model::Reviewer;

impl Azure {
    /// The id of a person or team.
    fn identity(&self, reviewer: &Reviewer) -> Result<String, ForgeError> {
        match reviewer {
            Reviewer::Person(name) => self.person(name),
            Reviewer::Team { organization, name } => {
                // `@shop/reviewers` is of a project, `@acme/reviewers` of ours.
                let last = organization.rsplit('/').next().unwrap_or(organization);
                let own = self.project.rsplit('/').next().unwrap_or_default();
                let ours = segment(last).eq_ignore_ascii_case(&self.organization);
                let project = if ours { own.to_owned() } else { segment(last) };
                let path =
                    format!("{}/_apis/projects/{project}/teams/{}", self.base(), segment(name));
                let team: Identified = self.http.get(&path, &[VERSION])?;
                Ok(team.id)
            }
        }
    }

    /// The id of the one person that is called so.
    pub(super) fn person(&self, name: &str) -> Result<String, ForgeError> {
        let path = format!("{}/_apis/identities", self.base());
        let query = [
            ("searchFilter", "General"),
            ("filterValue", name),
            ("queryMembership", "None"),
            VERSION,
        ];
        let list: List<Identity> = self.people.get(&path, &query)?;
        let fits = |person: &&Identity| person.is_active && !person.is_container && person.is(name);
        let found: Vec<&Identity> = list.value.iter().filter(fits).collect();
        let forge = NAME.to_owned();
        match found.as_slice() {
            [person] => Ok(person.id.clone()),
            [] => {
                let message = "nobody has that name, account or mail address".to_owned();
                Err(ForgeError::NotFound { forge, what: format!("@{name}"), message })
            }
            several => {
                let count = several.len();
                let message = format!("{count} people are called {name}; a mail address tells");
                Err(ForgeError::Refused { forge, message })
            }
        }
    }

    /// Asks those who are no reviewers yet: to ask again takes a vote back.
    pub(super) fn ask(&self, request: &Request, reviewers: &[Reviewer]) -> Result<(), ForgeError> {
        let path = format!("{}/pullrequests/{}/reviewers", self.repository, request.number);
        let known: List<Identified> =
            self.http.get(&path, &[VERSION]).map_err(|error| error.about(&shown(request)))?;
        let mut steps = Steps::new(NAME);
        for reviewer in reviewers {
            if steps.is_lost() {
                break;
            }
            let id = self.identity(reviewer).map_err(|error| error.about(&reviewer.to_string()));
            let Some(id) = steps.take(id) else { continue };
            if known.value.iter().any(|known| known.id.eq_ignore_ascii_case(&id)) {
                continue;
            }
            let path = self.path(request, &format!("/reviewers/{}", encoded(&id)));
            let body = json!({"vote": 0, "isRequired": false});
            let asked = self.http.send(Method::PUT, &path, &body);
            steps.take(asked.map_err(|error| error.about(&reviewer.to_string())));
        }
        steps.end()
    }
}
