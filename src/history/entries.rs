//! The log: each version that entered an environment, told from what commits
//! did to overlays.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use crate::audit::{Said, Waiver};
use crate::discover::CellKey;
use crate::model::{AppId, EnvironmentName, Pin, RepoPath};

use super::backwards::goes_back;
use super::{Moment, Shift, Step};

/// A version that entered an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The commit of the first-parent line that brought it.
    pub moment: Arc<Moment>,
    /// The environment.
    pub environment: EnvironmentName,
    /// The app.
    pub app: AppId,
    /// The image.
    pub image: String,
    /// The version before; empty at the first appearance.
    pub previous: Pin,
    /// The version.
    pub version: Pin,
    /// Whether it goes back: the record says so, or, where there is none, the
    /// trees.
    pub rollback: bool,
    /// What the record says was waived.
    pub waivers: Vec<Waiver>,
    /// The preview that it is.
    pub preview: Option<String>,
    /// Whether the commit carries a record that says the same.
    pub recorded: bool,
    /// The overlay.
    pub path: RepoPath,
}

impl Entry {
    /// What it is an entry of.
    pub fn key(&self) -> CellKey {
        CellKey {
            environment: self.environment.clone(),
            app: self.app.clone(),
            image: self.image.clone(),
        }
    }
}

/// How apps are called that the layout does not name.
#[derive(Debug, Clone, Default)]
pub struct Names {
    /// By group and image, as they are called now.
    present: BTreeMap<(Option<String>, String), AppId>,
    /// Last segments of image names that mean one image only.
    short: BTreeMap<String, BTreeSet<String>>,
}

impl Names {
    /// The names of what is there now, and of what once was.
    pub fn new(present: impl IntoIterator<Item = (String, AppId)>, steps: &[Step]) -> Self {
        let mut names = Self::default();
        for (image, app) in present {
            names.short.entry(last_segment(&image).to_owned()).or_default().insert(image.clone());
            names.present.insert((app.group.clone(), image), app);
        }
        for shift in steps.iter().flat_map(|step| &step.shifts) {
            if shift.place.app.is_none() {
                let short = last_segment(&shift.image).to_owned();
                names.short.entry(short).or_default().insert(shift.image.to_string());
            }
        }
        names
    }

    fn of(&self, shift: &Shift) -> AppId {
        if let Some(app) = &shift.place.app {
            return app.clone();
        }
        if let Some((group, name)) = shift.policy.as_deref().and_then(|p| p.split_once(':')) {
            let mut app = AppId::named(name);
            app.group = Some(group.to_owned());
            app.from_marker = true;
            return app;
        }
        let key = (shift.place.group.clone(), shift.image.to_string());
        if let Some(app) = self.present.get(&key) {
            return app.clone();
        }
        let short = last_segment(&shift.image);
        let unique = self.short.get(short).is_some_and(|images| images.len() == 1);
        let mut app = AppId::named(if unique { short } else { &shift.image });
        app.group.clone_from(&shift.place.group);
        app
    }
}

fn last_segment(image: &str) -> &str {
    image.rsplit_once('/').map_or(image, |(_, name)| name)
}

/// All shifts of one commit that concern one image of one app in one
/// environment, as one.
#[derive(Default)]
struct Together<'a> {
    before: Vec<&'a Pin>,
    after: Vec<&'a Pin>,
    path: Option<&'a RepoPath>,
}

/// The entries, newest first, from the steps of a history, newest first.
pub fn entries(steps: &[Step], names: &Names) -> Vec<Entry> {
    let mut found = Vec::new();
    for step in steps {
        let mut together: BTreeMap<CellKey, Together<'_>> = BTreeMap::new();
        for shift in &step.shifts {
            let key = CellKey {
                environment: shift.place.environment.clone(),
                app: names.of(shift),
                image: shift.image.to_string(),
            };
            let one = together.entry(key).or_default();
            one.before.extend(&shift.before);
            one.after.extend(&shift.after);
            one.path.get_or_insert(&shift.place.path);
        }
        for (key, one) in together {
            let mut told: Vec<&Pin> = Vec::new();
            for pin in &one.after {
                if !one.before.contains(pin) && !told.contains(pin) {
                    told.push(pin);
                }
            }
            let Some((last, others)) = told.split_last() else { continue };
            found.extend(others.iter().map(|pin| entry(step, key.clone(), &one, pin)));
            found.push(entry(step, key, &one, last));
        }
    }
    mark_what_goes_back(&mut found);
    found
}

fn entry(step: &Step, key: CellKey, one: &Together<'_>, version: &Pin) -> Entry {
    let claims = step.claims.as_ref().filter(|claims| says(claims, &key, version));
    Entry {
        moment: step.moment.clone(),
        environment: key.environment,
        app: key.app,
        image: key.image,
        previous: one.before.first().copied().cloned().unwrap_or_default(),
        version: version.clone(),
        rollback: claims.is_some_and(|claims| claims.rollback),
        waivers: claims.map(|claims: &Arc<Said>| claims.waivers.clone()).unwrap_or_default(),
        preview: claims.and_then(|claims| claims.preview.clone()),
        recorded: claims.is_some(),
        path: one.path.cloned().unwrap_or_default(),
    }
}

/// Whether the record says that this version came here.
fn says(claims: &Said, key: &CellKey, version: &Pin) -> bool {
    let about =
        claims.about(&key.app, &key.image).filter(|_| claims.to == key.environment.as_str());
    about.is_some_and(|claim| match (&version.tag, &version.digest) {
        (Some(tag), _) => claim.version == tag.as_str(),
        (None, digest) => digest.as_ref().is_some_and(|digest| claim.version == digest.as_str()),
    })
}

/// Where there is no record: what ran there before, and is not newer by its
/// tag, goes back; unless it only undoes what went back.
fn mark_what_goes_back(found: &mut [Entry]) {
    let mut before: HashMap<_, (HashSet<&Pin>, Option<&Pin>)> = HashMap::new();
    let mut marks = Vec::with_capacity(found.len());
    for entry in found.iter().rev() {
        let Entry { environment, app, image, previous, version, .. } = entry;
        let (ran, undone) = before.entry((environment, app, image)).or_default();
        ran.insert(previous);
        let known = || !previous.is_empty() && ran.contains(version);
        let goes_back = || goes_back((previous, version), *undone, || true);
        let back = if entry.recorded { entry.rollback } else { known() && goes_back() };
        *undone = back.then_some(previous);
        ran.insert(version);
        marks.push(back);
    }
    for (entry, back) in found.iter_mut().rev().zip(marks) {
        entry.rollback = back;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Place;

    fn step(commit: &str, before: &[&str], after: &[&str]) -> Step {
        let place = Place {
            environment: EnvironmentName::new("prod"),
            app: Some(AppId::named("web")),
            group: None,
            path: RepoPath::normalize("web/prod").unwrap(),
        };
        let pins = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        let shift = Shift {
            place: Arc::new(place),
            image: "acme/web".into(),
            policy: None,
            repository: None,
            before: pins(before),
            after: pins(after),
        };
        let moment = Moment { commit: commit.to_owned(), seconds: 0, author: String::new() };
        let moment = Arc::new(moment);
        Step { moment, claims: None, shifts: vec![shift] }
    }

    fn told(steps: &[Step]) -> Vec<String> {
        let line = |e: &Entry| {
            let back = if e.rollback { " back" } else { "" };
            format!("{} {} -> {}{back}", e.moment.commit, e.previous, e.version)
        };
        entries(steps, &Names::default()).iter().map(line).collect()
    }

    #[test]
    fn what_goes_back_is_marked() {
        let steps = [
            step("e", &["b"], &["a"]),
            step("d", &["a"], &["b"]),
            step("c", &["b"], &["a"]),
            step("b", &["a"], &["b"]),
            step("a", &[], &["a"]),
        ];
        assert_eq!(
            told(&steps),
            ["e b -> a back", "d a -> b", "c b -> a back", "b a -> b", "a none -> a"]
        );
        let by_number = [
            step("d", &["v1.0.0"], &["v1.2.0"]),
            step("c", &["v1.1.0"], &["v1.0.0"]),
            step("b", &["v1.2.0"], &["v1.1.0"]),
            step("a", &[], &["v1.2.0"]),
        ];
        let told = told(&by_number);
        assert_eq!(told.first().unwrap(), "d v1.0.0 -> v1.2.0");
        assert_eq!(told.get(1).unwrap(), "c v1.1.0 -> v1.0.0");
    }

    #[test]
    fn what_comes_beside_is_an_entry_and_what_goes_is_none() {
        let steps = [
            step("c", &["v2"], &[]),
            step("b", &["v1", "v2"], &["v2"]),
            step("a", &["v1"], &["v1", "v2"]),
        ];
        assert_eq!(told(&steps), ["a v1 -> v2"]);
        let moved = {
            let mut moved = step("m", &["v1"], &[]);
            let mut there = step("m", &[], &["v1"]).shifts;
            let place = there.first_mut().unwrap();
            place.place = Arc::new(Place {
                path: RepoPath::normalize("x").unwrap(),
                ..(*place.place).clone()
            });
            moved.shifts.extend(there);
            moved
        };
        assert_eq!(told(&[moved]), [""; 0]);
    }
}
