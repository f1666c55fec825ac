//! What an expression can ask about.

use std::sync::Arc;

use cel::Context;
use serde::Serialize;

/// A moment, seconds since the epoch; an expression sees a timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Time(pub i64);

impl Serialize for Time {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let time = chrono::DateTime::from_timestamp(self.0, 0).unwrap_or_default();
        cel::Timestamp(time.fixed_offset()).serialize(serializer)
    }
}

/// All that an expression can ask about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// What moves.
    pub promotion: PromotionFacts,
    /// The environments before.
    pub from: Vec<Place>,
    /// The environment that is entered.
    pub to: Place,
    /// The time that is judged at.
    pub now: Time,
    /// The change as a whole.
    pub change: Arc<ChangeFacts>,
    /// The repository.
    pub repo: RepoFacts,
}

/// What moves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PromotionFacts {
    /// The app, without its group.
    pub app: String,
    /// Its group; empty without one.
    pub group: String,
    /// The image.
    pub image: String,
    /// The version that comes: tag, `tag@digest` or digest.
    pub version: String,
    /// Its tag; empty without one.
    pub tag: String,
    /// Its digest; empty without one.
    pub digest: String,
    /// What was there before; empty where nothing was.
    pub previous: String,
    /// By how much the version grows: `major`, `minor`, `patch`, `none`,
    /// `back`, or `unknown` where the tags do not tell.
    pub step: String,
    /// Whether it goes back to what ran there.
    pub rollback: bool,
}

/// An environment, and what it runs of the image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// Its name.
    pub name: String,
    /// What it runs now; empty where nothing.
    pub version: String,
    /// Since when, by the commit that brought it; the time that is judged at
    /// where the history does not tell.
    pub since: Time,
}

/// The change as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChangeFacts {
    /// The apps that move, sorted.
    pub apps: Vec<String>,
    /// The environments that are entered, sorted.
    pub environments: Vec<String>,
    /// The files that change, sorted.
    pub files: Vec<String>,
    /// The values of the trailers, by their keys.
    pub trailers: std::collections::BTreeMap<String, Vec<String>>,
}

/// The repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RepoFacts {
    /// The full id of the base commit; empty where it is a tree.
    pub base: String,
    /// Whether the history of the base is there as a whole.
    pub complete: bool,
}

impl Facts {
    /// Gives a context the variables that are asked for.
    pub(super) fn bind(
        &self,
        context: &mut Context<'_, '_>,
        asked: &dyn Fn(&str) -> bool,
    ) -> Result<(), String> {
        let change = &*self.change;
        let most = super::MOST_ENTRIES;
        let lists = [&change.apps, &change.environments, &change.files];
        if lists.iter().any(|list| list.len() > most) || change.trailers.len() > most {
            return Err(format!("the change has more than {most} apps, files or trailers"));
        }
        if asked("promotion") {
            add(context, "promotion", &self.promotion)?;
        }
        if asked("from") {
            add(context, "from", &self.from)?;
        }
        if asked("to") {
            add(context, "to", &self.to)?;
        }
        if asked("now") {
            add(context, "now", &self.now)?;
        }
        if asked("change") {
            add(context, "change", change)?;
        }
        if asked("repo") {
            add(context, "repo", &self.repo)?;
        }
        Ok(())
    }
}

fn add(context: &mut Context<'_, '_>, name: &str, value: &impl Serialize) -> Result<(), String> {
    let value = cel::to_value(value).map_err(|error| error.to_string())?;
    context.add_variable(name, value).map_err(|error| format!("{error:?}"))
}
