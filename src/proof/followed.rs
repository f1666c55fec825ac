//! Versions of what objects of Flux and Argo CD take from elsewhere: of charts,
//! of artifacts and of revisions.
//!
//! Another one brings other content into an environment. It is a version like
//! that of an image: the environments before have to take the same one of the
//! same thing.

use std::collections::BTreeSet;

use crate::kustomize::render::{Pointer, PointerField, Source};
use crate::model::{AppId, EnvironmentName, RepoPath, SnapshotError, Sources};

use super::pointers::pointers;
use super::renders::Side;
use super::unit::{Judging, Unit};
use super::{Doubt, Moved};

/// What the objects of a unit take at the head, judged.
pub(super) struct Followed {
    /// The objects; what is judged of them is as at the base.
    pub(super) head: Vec<Pointer>,
    pub(super) moved: Vec<Moved>,
    pub(super) doubts: Vec<Doubt>,
}

/// One thing that an object takes, at one version.
struct Taken {
    /// The field that names the version, or would; what lies below it too.
    slot: String,
    /// What it is, without the version.
    name: String,
    version: String,
    place: (RepoPath, u32),
}

/// The kind of an object, and its name without the namespace.
pub(super) fn named(object: &str) -> (&str, &str) {
    let (kind, rest) = object.split_once('/').unwrap_or((object, ""));
    (kind, rest.rsplit('/').next().unwrap_or(rest))
}

fn value<'p>(pointer: &'p Pointer, path: &str) -> &'p str {
    let field = pointer.fields.iter().find(|field| field.path == path);
    field.map_or("", |field| field.value.as_str())
}

fn is_below(field: &PointerField, slot: &str) -> bool {
    let rest = field.path.strip_prefix(slot);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// What an object takes.
fn taken(pointer: &Pointer) -> Vec<Taken> {
    let of = |slot: &str, name: String| {
        let parts: Vec<&PointerField> =
            pointer.fields.iter().filter(|field| is_below(field, slot)).collect();
        // A tag and a range of versions are not one.
        let shown = |field: &&PointerField| match field.path.strip_prefix(slot) {
            None | Some("") => field.value.clone(),
            Some(part) => format!("{} {}", part.trim_start_matches('.'), field.value),
        };
        let version: Vec<String> = parts.iter().map(shown).collect();
        let place = parts.first().map_or(&pointer.origin, |field| &field.origin).clone();
        Taken { slot: slot.to_owned(), name, version: version.join(", "), place }
    };
    let chart = |slot: &str, above: &str| {
        let part = |name: &str| value(pointer, &format!("{above}.{name}"));
        let from = format!("{} {}", part("sourceRef.kind"), part("sourceRef.name"));
        of(slot, format!("the chart {} of {from}", part("chart")))
    };
    match named(&pointer.object).0 {
        "HelmRelease" if !value(pointer, "spec.chart.spec.chart").is_empty() => {
            vec![chart("spec.chart.spec.version", "spec.chart.spec")]
        }
        "HelmChart" => vec![chart("spec.version", "spec")],
        "OCIRepository" => {
            vec![of("spec.ref", format!("the artifact {}", value(pointer, "spec.url")))]
        }
        "Application" => {
            let repositories = pointer.fields.iter().filter_map(|field| {
                let above = field.path.strip_suffix(".repoURL")?;
                let part = |name: &str| value(pointer, &format!("{above}.{name}"));
                let slot = format!("{above}.targetRevision");
                let name = match part("chart") {
                    "" => format!("{} of {}", part("path"), field.value),
                    chart => format!("the chart {}/{chart}", field.value.trim_end_matches('/')),
                };
                Some(of(&slot, name))
            });
            repositories.collect()
        }
        _ => Vec::new(),
    }
}

/// The charts and artifacts that an object takes, each with its version.
pub(super) fn versions(pointer: &Pointer) -> BTreeSet<(String, String)> {
    let whole = taken(pointer).into_iter().filter(|one| one.name.starts_with("the "));
    whole.map(|one| (one.name, one.version)).collect()
}

/// Fields that say which values a chart gets, but none of these.
const VALUES: [&str; 3] =
    ["spec.valuesFrom", "spec.chart.spec.valuesFile", "spec.chart.spec.valuesFiles"];

/// The environments before one, and what their objects are at the base.
pub(super) struct Line<'a> {
    pub(super) environment: &'a EnvironmentName,
    pub(super) app: Option<&'a AppId>,
    pub(super) sources: Sources,
    pub(super) before: Vec<(EnvironmentName, Vec<Pointer>)>,
}

impl Judging<'_> {
    /// The environments before that of a unit.
    pub(super) fn line<'u>(&self, unit: &'u Unit<'_>) -> Result<Line<'u>, SnapshotError> {
        let sources = self.sources(unit);
        let mut before = Vec::new();
        for source in sources.names() {
            let rendered = match self.unit(&unit.key, source) {
                Some(other) => self.rendered(other, Side::Base)?,
                None => Vec::new(),
            };
            before.push((source.clone(), pointers(&rendered)));
        }
        Ok(Line { environment: &unit.environment, app: unit.key.app(), sources, before })
    }
}

impl Line<'_> {
    /// Judges the versions that objects take, and the values that they take
    /// from elsewhere.
    pub(super) fn follow(
        &self,
        base: &[Pointer],
        head: &[Pointer],
        judged: &dyn Fn(&(RepoPath, u32)) -> bool,
    ) -> Followed {
        let mut found = Followed { head: Vec::new(), moved: Vec::new(), doubts: Vec::new() };
        let mut settled = head.to_vec();
        for pointer in &mut settled {
            let Some(old) = base.iter().find(|old| old.object == pointer.object) else { continue };
            for new in taken(pointer) {
                let was = taken(old).into_iter().find(|was| was.slot == new.slot);
                let Some(was) = was.filter(|was| was.name == new.name) else { continue };
                if was.version == new.version {
                    continue;
                }
                settle(pointer, old, &new.slot);
                if judged(&new.place) {
                    continue;
                }
                let moved = self.moved(head, pointer, &new);
                if !moved.vouched {
                    found.doubts.push(self.refusal(&moved));
                }
                found.moved.push(moved);
            }
            for slot in VALUES {
                if self.has_alike(pointer, slot) {
                    settle(pointer, old, slot);
                }
            }
        }
        found.head = settled;
        found
    }

    fn all(&self, mut says: impl FnMut(&[Pointer]) -> bool) -> bool {
        let mut answers = self.before.iter().map(|(_, theirs)| says(theirs));
        match &self.sources {
            Sources::First => true,
            Sources::All(_) => answers.all(|answer| answer),
            Sources::Any(_) => answers.any(|answer| answer),
        }
    }

    /// Whether the objects of the same name have the same below a field.
    fn has_alike(&self, pointer: &Pointer, slot: &str) -> bool {
        let below = |pointer: &Pointer| -> BTreeSet<(String, String)> {
            let fields = pointer.fields.iter().filter(|field| is_below(field, slot));
            fields.map(|field| (field.path.clone(), field.value.clone())).collect()
        };
        self.all(|theirs| {
            let mut own =
                theirs.iter().filter(|other| named(&other.object) == named(&pointer.object));
            own.any(|other| below(other) == below(pointer))
        })
    }

    /// What an environment has of a thing: by the object of the same name, or
    /// else by any of that kind.
    fn has(theirs: &[Pointer], pointer: &Pointer, new: &Taken) -> Vec<Source> {
        let of = |alike: &dyn Fn(&Pointer) -> bool| -> Vec<Source> {
            let all = theirs.iter().filter(|other| alike(other)).flat_map(taken);
            all.filter(|one| one.name == new.name).map(|one| source(&one)).collect()
        };
        let own = of(&|other| named(&other.object) == named(&pointer.object));
        if !own.is_empty() {
            return own;
        }
        of(&|other| named(&other.object).0 == named(&pointer.object).0)
    }

    fn moved(&self, head: &[Pointer], pointer: &Pointer, new: &Taken) -> Moved {
        let version = source(new);
        let has = |theirs: &[Pointer]| {
            Self::has(theirs, pointer, new).iter().any(|other| other.is(&version))
                && is_used_alike(pointer, head, theirs)
        };
        let from = self
            .before
            .iter()
            .map(|(environment, theirs)| (environment.clone(), Self::has(theirs, pointer, new)));
        Moved {
            environment: self.environment.clone(),
            app: self.app.cloned(),
            place: new.place.clone(),
            vouched: self.all(has),
            from: from.collect(),
            source: version,
        }
    }

    fn refusal(&self, moved: &Moved) -> Doubt {
        let known = self.all(|theirs| {
            let mut all = theirs.iter().flat_map(taken);
            all.any(|one| source(&one).is(&moved.source))
        });
        let Moved { environment, source: Source { name, version, .. }, .. } = moved;
        let message = if known {
            format!(
                "{environment} would take {name} {version}, and what it takes of that is not known \
                 to be the same as before"
            )
        } else {
            moved.refusal()
        };
        let (path, line) = moved.place.clone();
        Doubt {
            environment: Some(environment.clone()),
            app: moved.app.clone(),
            path,
            line,
            message,
        }
    }
}

/// Whether the objects that take from this one take the same of it as those
/// of an environment before. An artifact may hold a directory for each.
fn is_used_alike(pointer: &Pointer, head: &[Pointer], theirs: &[Pointer]) -> bool {
    let (kind, name) = named(&pointer.object);
    if kind != "OCIRepository" {
        return true;
    }
    let refers = |user: &Pointer, by: &str| {
        value(user, &format!("{by}.kind")) == kind && value(user, &format!("{by}.name")) == name
    };
    let path = |user: &Pointer| {
        let path = value(user, "spec.path").trim_start_matches("./").trim_matches('/');
        path.to_owned()
    };
    let mut users = 0;
    for user in head {
        if refers(user, "spec.chartRef") {
            users += 1;
        } else if refers(user, "spec.sourceRef") {
            let mut same = theirs.iter().filter(|other| refers(other, "spec.sourceRef"));
            if !same.any(|other| path(other) == path(user)) {
                return false;
            }
            users += 1;
        }
    }
    users > 0
}

/// Takes the fields of a slot from the object of the base.
fn settle(pointer: &mut Pointer, old: &Pointer, slot: &str) {
    pointer.fields.retain(|field| !is_below(field, slot));
    pointer.fields.extend(old.fields.iter().filter(|field| is_below(field, slot)).cloned());
}

fn source(taken: &Taken) -> Source {
    let version = if taken.version.is_empty() { "in any version" } else { &taken.version };
    Source { name: taken.name.clone(), version: version.to_owned(), local: false, rest: [0; 32] }
}
