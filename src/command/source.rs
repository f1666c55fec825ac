//! The repository of an app itself, where a clone of it is known: what changed
//! between two versions.

use std::collections::BTreeMap;
use std::env::home_dir;
use std::path::{Path, PathBuf};

use crate::config::Config;
use crate::discover::CellKey;
use crate::forge::compare_versions;
use crate::gate::Lineage;
use crate::git::{ObjectId, Repository};
use crate::model::{AppId, Pin, Promotion, by_semver};
use crate::plan::Planned;
use crate::report::{Change, Changes};

use super::{Failure, Workspace};

/// An app whose repository is looked for.
#[derive(Clone, Copy)]
pub(super) struct AppSource<'a> {
    /// The repository of the config.
    pub(super) repo: &'a Repository,
    pub(super) app: &'a AppId,
}

impl AppSource<'_> {
    /// The clone of the app's repository that git's config names: from the top of
    /// the work tree on, or from a bare repository.
    pub(super) fn clone(&self) -> Option<PathBuf> {
        let source = self.repo.config_string(&format!("promote.{}.source", self.app.name))?;
        // As git reads a path.
        let at_home = source.strip_prefix("~/").and_then(|below| Some(home_dir()?.join(below)));
        let source = at_home.unwrap_or_else(|| source.into());
        Some(self.repo.root().unwrap_or(self.repo.git_dir()).join(source))
    }

    /// Whether a version comes after another one in the app's own repository.
    pub(super) fn lineage(&self, dir: &Path, (old, new): (&Pin, &Pin)) -> Result<Lineage, Failure> {
        let repo = self.open(dir)?;
        let (old, new) = (self.tag(&repo, dir, old)?, self.tag(&repo, dir, new)?);
        Ok(match (repo.is_ancestor(old, new)?, repo.is_ancestor(new, old)?) {
            (true, true) => Lineage::Same,
            (true, false) => Lineage::After,
            (false, true) => Lineage::Before,
            (false, false) if repo.is_shallow() => Lineage::Unknown {
                why: format!("`{}` is a shallow clone", dir.display()),
                hint: Some(format!("git -C {} fetch --unshallow --tags", dir.display())),
            },
            (false, false) => Lineage::Apart,
        })
    }

    fn open(&self, dir: &Path) -> Result<Repository, Failure> {
        Repository::open_at(dir).map_err(|error| {
            let message = format!("`{}` is no clone of {}: {error}", dir.display(), self.app);
            Failure::not_found(message).hint("git clone URL DIR")
        })
    }

    /// The commits between the tags of the versions, and whether they go from the
    /// second to the first.
    pub(super) fn commits(
        &self,
        dir: &Path,
        (from, to): (&Pin, &Pin),
    ) -> Result<(Vec<Change>, bool), Failure> {
        let repo = self.open(dir)?;
        let (old, new) = (self.tag(&repo, dir, from)?, self.tag(&repo, dir, to)?);
        let mut ids = repo.surely_only_in(old, new)?;
        let backwards = ids.is_empty() && old != new;
        if backwards {
            ids = repo.surely_only_in(new, old)?;
        }
        let change = |id: &ObjectId| {
            let carrier = repo.carrier(*id)?;
            let subject = carrier.message.lines().next().unwrap_or_default().to_owned();
            let commit = id.to_string();
            Ok(Change { commit, time: carrier.seconds, author: carrier.author, subject })
        };
        let commits: Result<Vec<Change>, Failure> = ids.iter().map(change).collect();
        Ok((commits?, backwards))
    }

    /// The commit of a version: its tag with or without `v`, alone or behind the
    /// app's name, else what git knows by it.
    fn tag(&self, repo: &Repository, dir: &Path, version: &Pin) -> Result<ObjectId, Failure> {
        let text = version.tag.as_ref().map(ToString::to_string).unwrap_or_default();
        let bare = text.strip_prefix('v').unwrap_or(&text);
        let name = &self.app.name;
        let forms = [text.clone(), format!("v{bare}"), bare.to_owned()];
        let mut names: Vec<String> = forms.iter().map(|form| format!("refs/tags/{form}")).collect();
        for form in &forms {
            names.extend(["/", "-", "@", "_"].map(|by| format!("refs/tags/{name}{by}{form}")));
        }
        // Images that are tagged by the commit they were built from.
        let hex = text.rsplit(['-', '.']).next().unwrap_or_default();
        let is_hex = hex.len() >= 7 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
        names.extend(is_hex.then(|| hex.to_owned()));
        names.iter().find_map(|name| repo.resolve(name).ok()).ok_or_else(|| {
            Failure::not_found(format!("`{}` has no tag for {version}", dir.display()))
                .hint(format!("git -C {} fetch --tags", dir.display()))
        })
    }

    /// Where a person sees what changed between two versions.
    pub(super) fn compare(&self, config: &Config, (from, to): (&Pin, &Pin)) -> Option<String> {
        let source = config.source_of(self.app)?;
        compare_versions(source, from.tag.as_ref()?.as_str(), to.tag.as_ref()?.as_str())
    }
}

/// How old and new version of what moves stand to one another, where tags do not
/// tell and a clone may.
pub(super) fn lineages(repo: &Repository, promotions: &[Planned]) -> BTreeMap<CellKey, Lineage> {
    let mut found = BTreeMap::new();
    for promotion in promotions.iter().map(|planned| &planned.promotion) {
        let Promotion { app, previous: old, version: new, .. } = promotion;
        let tagged = old.tag.is_some() && new.tag.is_some() && old.tag != new.tag;
        if !tagged || by_semver(new, old).is_some() {
            continue;
        }
        let source = AppSource { repo, app };
        let Some(dir) = source.clone() else { continue };
        let told = source.lineage(&dir, (old, new));
        let lineage = told.unwrap_or_else(|failure| Lineage::Unknown {
            why: failure.message,
            hint: failure.hints.into_iter().next(),
        });
        found.insert(CellKey::of(promotion, &promotion.to), lineage);
    }
    found
}

/// What changed between the versions of each app that moves, where anything
/// tells; and why a clone that is configured does not.
pub(super) fn changes(
    workspace: &Workspace,
    promotions: &[Promotion],
) -> (Vec<Changes>, Vec<String>) {
    let (mut all, mut notes): (Vec<Changes>, Vec<String>) = (Vec::new(), Vec::new());
    for promotion in promotions.iter().filter(|p| p.previous.tag.is_some()) {
        let (app, from, to) = (&promotion.app, &promotion.previous, &promotion.version);
        if all.iter().any(|told| (&told.app, &told.from, &told.to) == (app, from, to)) {
            continue;
        }
        let source = AppSource { repo: &workspace.repo, app };
        let compare = source.compare(&workspace.config, (from, to));
        let clone = source.clone();
        let log = clone.as_ref().map(|dir| source.commits(dir, (from, to))).transpose();
        let log = log.unwrap_or_else(|failure| {
            notes.push(failure.message);
            None
        });
        if compare.is_none() && log.is_none() {
            continue;
        }
        let shown = log.as_ref().and(clone).map(|dir| dir.display().to_string());
        let backwards = log.as_ref().is_some_and(|(_, backwards)| *backwards);
        all.push(Changes {
            app: app.clone(),
            from: from.clone(),
            to: to.clone(),
            compare,
            source: shown,
            commits: log.map(|(commits, _)| commits),
            backwards,
            arrivals: Vec::new(),
        });
    }
    (all, notes)
}
