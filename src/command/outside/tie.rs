//! What ties an object of a cluster to a version: that it is well says nothing
//! where it may be well with the version before.

use crate::cluster::Rollout;
use crate::gate::{Silence, short_id};
use crate::git::{ObjectId, Repository};
use crate::model::{Cause, ImageRef, Pin};

use super::super::evidence::Ground;
use super::asker::{Subject, Trouble};

/// Whether an object that is well is so with the version that is asked for.
pub(super) enum Tie {
    /// It says that it runs it.
    Told,
    /// It says that it runs another one, or was made from a commit before.
    Old(String),
    /// It does not say.
    Untold(String),
    /// It says, and the clone is cut off before that.
    Cut(Silence),
}

/// What an object tells of the version of the subject.
pub(super) fn tie(
    ground: Ground<'_>,
    subject: Subject<'_>,
    found: &Rollout,
) -> Result<Tie, Trouble> {
    let wanted = Wanted { repository: subject.repository, version: subject.version };
    let image = by_images(wanted, found);
    if let Tie::Old(_) = image {
        return Ok(image);
    }
    let commit = by_commits(ground, subject, found)?;
    Ok(match (image, commit) {
        (_, Some(Tie::Old(old))) => Tie::Old(old),
        (Tie::Told, _) | (_, Some(Tie::Told)) => Tie::Told,
        _ if names_version(wanted, found) => Tie::Told,
        (Tie::Untold(why), None) => Tie::Untold(why),
        (image, commit) => commit.unwrap_or(image),
    })
}

/// What is looked for among images.
#[derive(Clone, Copy)]
struct Wanted<'w> {
    repository: Option<&'w str>,
    version: &'w Pin,
}

/// Whether it is of a chart of that version, or has it among its values.
fn names_version(wanted: Wanted<'_>, found: &Rollout) -> bool {
    let tag = wanted.version.tag.as_ref().map(ToString::to_string);
    tag.is_some_and(|tag| found.versions.contains(&tag))
}

fn by_images(wanted: Wanted<'_>, found: &Rollout) -> Tie {
    let set = own(wanted, &found.images);
    let running = own(wanted, &found.running);
    let is = |image: &&ImageRef, how: Same| same(wanted, image) == how;
    let all = set.all.iter().chain(&running.all);
    // Of containers each is at the version; of what Argo CD sees, jobs that are
    // over may be at another one.
    let other = set.all.iter().find(|image| is(image, Same::No));
    let other = other.filter(|_| set.exact || !set.all.iter().any(|image| is(&image, Same::Yes)));
    if let Some(other) = other {
        return Tie::Old(format!("it still runs {other}"));
    }
    if all.clone().any(|image| is(&image, Same::Yes)) {
        return Tie::Told;
    }
    if let Some(other) = running.all.iter().find(|image| is(image, Same::No)) {
        return Tie::Old(format!("it still runs {other}"));
    }
    let version = wanted.version;
    Tie::Untold(match (all.clone().next(), found.images.iter().chain(&found.running).next()) {
        (Some(image), _) => format!("it runs {image}, and nothing says whether that is {version}"),
        (None, Some(image)) => {
            let name = wanted.repository.unwrap_or("what is promoted");
            format!("it runs {image}, and nothing of {name}")
        }
        (None, None) => "nothing in it says which version it runs".to_owned(),
    })
}

/// The images of the subject among others.
struct Own {
    all: Vec<ImageRef>,
    /// Whether they are of its repository, and not only of its name.
    exact: bool,
}

/// Those of its repository; where there is none, those of the same name in
/// another one: a mirror.
fn own(wanted: Wanted<'_>, images: &[String]) -> Own {
    let Some(repository) = wanted.repository else { return Own { all: Vec::new(), exact: true } };
    let name = |repository: &str| repository.rsplit('/').next().map(str::to_owned);
    let parsed = || images.iter().filter_map(|image| image.parse::<ImageRef>().ok());
    let all: Vec<ImageRef> = parsed().filter(|image| image.repository == repository).collect();
    if !all.is_empty() {
        return Own { all, exact: true };
    }
    let alike = |image: &ImageRef| name(&image.repository) == name(repository);
    Own { all: parsed().filter(alike).collect(), exact: false }
}

#[derive(PartialEq, Eq)]
enum Same {
    Yes,
    No,
    /// A digest that only one of both has says nothing of the other.
    Unclear,
}

fn same(wanted: Wanted<'_>, image: &ImageRef) -> Same {
    let (has, wanted) = (&image.pin, wanted.version);
    let is = match (&has.digest, &wanted.digest) {
        (Some(has), Some(wanted)) => Some(has == wanted),
        _ => has.tag.as_ref().zip(wanted.tag.as_ref()).map(|(has, wanted)| has == wanted),
    };
    match is {
        Some(true) => Same::Yes,
        Some(false) => Same::No,
        None => Same::Unclear,
    }
}

/// Whether the commits that it was made from hold the one that brought the
/// version. `None` where it names none.
fn by_commits(
    ground: Ground<'_>,
    subject: Subject<'_>,
    found: &Rollout,
) -> Result<Option<Tie>, Trouble> {
    let repo = ground.repo;
    let since = subject.since.and_then(|moment| repo.full_id(&moment.commit));
    // Without its history, what is at the base or after it is known alone.
    let arrival = since.or(repo.commit_of(ground.base)?);
    let mut best = None;
    for revision in &found.revisions {
        let id = repo.full_id(revision).filter(|id| repo.has(*id));
        let holds = match id.zip(arrival) {
            Some((id, arrival)) => repo.is_ancestor(arrival, id)?,
            None => false,
        };
        match id.zip(since) {
            _ if holds => best = Some(Tie::Told),
            // What another source says does not help.
            Some((id, since)) => return Ok(Some(Tie::Old(behind(id, since)))),
            None => {
                best.get_or_insert_with(|| unclear(repo, revision));
            }
        }
    }
    Ok(best)
}

fn behind(revision: ObjectId, since: ObjectId) -> String {
    let (revision, since) = (revision.to_string(), since.to_string());
    format!("it is at {}, and the version came with {}", short_id(&revision), short_id(&since))
}

/// A commit of which is not known whether it has the version.
fn unclear(repo: &Repository, revision: &str) -> Tie {
    let id = short_id(revision);
    if repo.full_id(revision).is_none() {
        return Tie::Untold(format!(
            "it was made from {id}, which is no commit of this repository"
        ));
    }
    if repo.is_shallow() {
        return Tie::Cut(Silence {
            message: format!("whether {id} has the version is not known: the history is cut off"),
            hint: Some("git fetch --unshallow".to_owned()),
            cause: Cause::Broken,
        });
    }
    Tie::Untold(format!(
        "whether {id} has the version is not known here: `git fetch` may bring it, if it is of \
         this repository"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Health;

    const WEB: &str = "r.example/acme/web";

    /// `told`, `untold`, or what it still runs.
    fn of(version: &str, images: &[&str], running: &[&str]) -> String {
        let version = version.parse().unwrap();
        let strings = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let found = Rollout {
            health: Health::Healthy,
            message: String::new(),
            images: strings(images),
            running: strings(running),
            revisions: Vec::new(),
            versions: Vec::new(),
        };
        match by_images(Wanted { repository: Some(WEB), version: &version }, &found) {
            Tie::Told => "told".to_owned(),
            Tie::Old(message) => message.trim_start_matches("it still runs ").to_owned(),
            Tie::Untold(_) | Tie::Cut(_) => "untold".to_owned(),
        }
    }

    #[test]
    fn containers_tell_what_they_run() {
        let (new, old) = ("r.example/acme/web:v2", "r.example/acme/web:v1");
        let mirror = |tag: &str| format!("mirror.example/web:{tag}");
        assert_eq!(of("v2", &["proxy:1", new], &[]), "told");
        assert_eq!(of("v2", &[new, old], &[]), old);
        assert_eq!(of("v2", &[&mirror("v2")], &[]), "told");
        assert_eq!(of("v2", &[&mirror("v1")], &[]), mirror("v1"));
        // Its own repository counts before others of its name.
        assert_eq!(of("v2", &[new, &mirror("v1")], &[]), "told");
        assert_eq!(of("v2", &[&mirror("v1"), &mirror("v2")], &[]), "told");
        assert_eq!(of("v2", &["proxy:1"], &[]), "untold");
        assert_eq!(of("v2", &[], &[]), "untold");
    }

    #[test]
    fn what_runs_may_be_old_beside_the_new() {
        let (new, old) = ("r.example/acme/web:v2", "r.example/acme/web:v1");
        assert_eq!(of("v2", &[], &[old]), old);
        assert_eq!(of("v2", &[], &[old, new]), "told");
        assert_eq!(of("v2", &[], &["proxy:1"]), "untold");
    }

    #[test]
    fn a_digest_that_only_one_has_says_nothing() {
        let digest = |digit: &str| format!("sha256:{}", digit.repeat(64));
        let at = |digit: &str| format!("{WEB}@{}", digest(digit));
        assert_eq!(of(&digest("a"), &[&at("a")], &[]), "told");
        assert_eq!(of(&digest("a"), &[&at("b")], &[]), at("b"));
        assert_eq!(of("v2", &[&at("a")], &[]), "untold");
        assert_eq!(of(&digest("a"), &["r.example/acme/web:v2"], &[]), "untold");
        assert_eq!(of(&format!("v2@{}", digest("a")), &["r.example/acme/web:v2"], &[]), "told");
    }
}
