//! (environment, app, image) -> sites and version, read from one snapshot.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::config::{Config, FieldSpec};
use crate::kustomize::{self, EditError, FileSites};
use crate::model::{
    AppId, EnvironmentName, Pin, Promotion, RepoPath, Site, SiteKind, Snapshot, SnapshotError,
};

use super::Overlay;
use super::files::Files;

/// What identifies a version in the inventory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CellKey {
    /// The environment.
    pub environment: EnvironmentName,
    /// The app.
    pub app: AppId,
    /// The image's identity across environments.
    pub image: String,
}

impl CellKey {
    /// The key of a promotion's app and image in one of its environments.
    pub fn of(promotion: &Promotion, environment: &EnvironmentName) -> Self {
        Self {
            environment: environment.clone(),
            app: promotion.app.clone(),
            image: promotion.image.clone(),
        }
    }
}

/// What an environment has of one app and image.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cell {
    /// Every place that says so; never empty in an inventory.
    pub sites: Vec<Site>,
    /// Which overlays these are in, as indexes into [`Inventory::overlays`].
    pub overlays: BTreeSet<usize>,
}

impl Cell {
    /// The version, where all sites agree and can be read.
    pub fn pin(&self) -> Option<&Pin> {
        let (first, rest) = self.sites.split_first()?;
        let agreed = rest.iter().all(|site| site.pin == first.pin);
        let readable = self.sites.iter().all(|site| site.problem.is_none());
        (agreed && readable).then_some(&first.pin)
    }

    /// Every version that stands in it, in the order of its sites.
    pub fn pins(&self) -> Vec<&Pin> {
        let mut pins = Vec::new();
        for site in &self.sites {
            if !pins.contains(&&site.pin) {
                pins.push(&site.pin);
            }
        }
        pins
    }

    /// The repository, where a site tells.
    pub fn repository(&self) -> Option<&str> {
        self.sites.iter().find_map(|site| site.repository.as_deref())
    }

    /// The repository that registries are asked for, where a site tells.
    pub fn pulled(&self) -> Option<&str> {
        let told = |site: &'_ Site| site.repository.is_some() || site.beside.is_some();
        let site = self.sites.iter().find(|site| told(site))?;
        site.repository.as_deref().or(site.beside.as_deref())
    }
}

/// A file that could not be read as the YAML it should be, or a link that is
/// not followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// Whose overlay it is in, as an index into [`Inventory::overlays`].
    pub overlay: usize,
    /// The file.
    pub path: RepoPath,
    /// What is wrong, with line and column where they are known.
    pub message: String,
    /// Whether it is a symbolic link or a submodule, which may hold anything.
    pub link: bool,
}

/// Where overlays begin: there the overlay around them ends.
#[derive(Debug, Clone, Default)]
pub struct Roots(HashSet<RepoPath>);

impl Roots {
    /// The paths of these overlays.
    pub fn of<'a>(overlays: impl IntoIterator<Item = &'a Overlay>) -> Self {
        Self(overlays.into_iter().map(|overlay| overlay.path.clone()).collect())
    }

    pub(super) fn has(&self, path: &RepoPath) -> bool {
        self.0.contains(path)
    }
}

/// Everything found in a set of overlays.
#[derive(Debug, Clone, Default)]
pub struct Inventory {
    /// The overlays that were read.
    pub overlays: Vec<Overlay>,
    /// The versions.
    pub cells: BTreeMap<CellKey, Cell>,
    /// What could not be read.
    pub unreadable: Vec<Unreadable>,
    /// What a reader should know, such as markers that bind to nothing.
    pub notes: Vec<String>,
    roots: Roots,
}

impl Inventory {
    /// What was found in these overlays, in whatever parts it was read.
    pub fn of(
        (overlays, roots): (Vec<Overlay>, Roots),
        parts: impl IntoIterator<Item = Part>,
    ) -> Self {
        let mut all = Part::default();
        for part in parts {
            all.sites.extend(part.sites);
            all.unreadable.extend(part.unreadable);
            all.notes.extend(part.notes);
        }
        // What is of one overlay is in one part.
        all.sites.sort_by_key(|(index, _)| *index);
        all.unreadable.sort_by_key(|unreadable| unreadable.overlay);
        all.notes.sort_by_key(|(index, _)| *index);
        let notes = all.notes.into_iter().map(|(_, note)| note).collect();
        let unreadable = all.unreadable;
        let mut inventory = Self { overlays, unreadable, notes, roots, ..Self::default() };
        inventory.sort_in(all.sites);
        inventory
    }

    /// The cell of an environment, app and image.
    pub fn cell(&self, environment: &EnvironmentName, app: &AppId, image: &str) -> Option<&Cell> {
        self.cells.get(&CellKey {
            environment: environment.clone(),
            app: app.clone(),
            image: image.to_owned(),
        })
    }

    /// The images of an app in an environment.
    pub fn images<'a>(
        &'a self,
        environment: &'a EnvironmentName,
        app: &'a AppId,
    ) -> impl Iterator<Item = (&'a str, &'a Cell)> {
        // Cells are sorted by environment, app and image.
        let first =
            CellKey { environment: environment.clone(), app: app.clone(), image: String::new() };
        self.cells
            .range(first..)
            .take_while(move |(key, _)| key.environment == *environment && key.app == *app)
            .map(|(key, cell)| (key.image.as_str(), cell))
    }

    /// The paths of all overlays: where one begins, the overlay around it ends.
    pub fn roots(&self) -> &Roots {
        &self.roots
    }

    /// All apps, sorted.
    pub fn apps(&self) -> BTreeSet<&AppId> {
        self.cells.keys().map(|key| &key.app).collect()
    }
}

/// What was found in some of a set of overlays, each thing with the index of its
/// own.
#[derive(Debug, Default)]
pub struct Part {
    sites: Vec<(usize, Site)>,
    unreadable: Vec<Unreadable>,
    notes: Vec<(usize, String)>,
}

impl Part {
    /// Reads those of `overlays` that have these indexes, and adds what they
    /// hold. `roots` are those of all.
    pub fn read(
        &mut self,
        (snapshot, config): (&dyn Snapshot, &Config),
        (overlays, roots): (&[Overlay], &Roots),
        indexes: &[usize],
    ) -> Result<(), SnapshotError> {
        let mut reader = Reader { config, known: None };
        for index in indexes {
            let Some(overlay) = overlays.get(*index) else { continue };
            reader.read_one(snapshot, ((*index, overlay), roots), self)?;
        }
        Ok(())
    }
}

/// Reads those of `overlays` that are `wanted`, and sorts what they hold. The
/// others are known by their place alone.
pub fn read(
    snapshot: &dyn Snapshot,
    config: &Config,
    overlays: Vec<Overlay>,
    wanted: &dyn Fn(&Overlay) -> bool,
) -> Result<Inventory, SnapshotError> {
    Reader { config, known: None }.read(snapshot, overlays, wanted)
}

/// Reads inventories of one repository at several commits: a file that is the
/// same as when it was last read is not parsed again.
pub struct Reader<'a> {
    config: &'a Config,
    /// The files as they were last read; `None` where nothing is read twice.
    known: Option<BTreeMap<RepoPath, (Vec<u8>, Parsed)>>,
}

type Parsed = Result<FileSites, EditError>;

impl<'a> Reader<'a> {
    /// A reader that knows no file yet.
    pub fn new(config: &'a Config) -> Self {
        Self { config, known: Some(BTreeMap::new()) }
    }

    /// See [`read`].
    pub fn read(
        &mut self,
        snapshot: &dyn Snapshot,
        overlays: Vec<Overlay>,
        wanted: &dyn Fn(&Overlay) -> bool,
    ) -> Result<Inventory, SnapshotError> {
        let roots = Roots::of(&overlays);
        let mut part = Part::default();
        for (index, overlay) in overlays.iter().enumerate().filter(|(_, overlay)| wanted(overlay)) {
            self.read_one(snapshot, ((index, overlay), &roots), &mut part)?;
        }
        Ok(Inventory::of((overlays, roots), [part]))
    }

    /// Adds what one of several overlays holds.
    fn read_one(
        &mut self,
        snapshot: &dyn Snapshot,
        ((index, overlay), roots): ((usize, &Overlay), &Roots),
        part: &mut Part,
    ) -> Result<(), SnapshotError> {
        let fields =
            self.config.layout.get(overlay.layout).map_or(&[][..], |l| l.fields.as_slice());
        let files = Files::of(snapshot, overlay, roots)?;
        part.unreadable.extend(files.links.into_iter().map(|path| Unreadable {
            overlay: index,
            path,
            message: "is a symbolic link or a submodule, which is never followed".to_owned(),
            link: true,
        }));
        let mut sites = Vec::new();
        for path in files.paths {
            let Some(bytes) = snapshot.read(&path)? else { continue };
            match self.sites(&path, bytes, fields) {
                Ok(found) => {
                    let note =
                        |note: kustomize::Note| format!("{path}:{}: {}", note.line, note.message);
                    part.notes.extend(found.notes.into_iter().map(|found| (index, note(found))));
                    sites.extend(found.sites);
                }
                Err(error) => {
                    let (overlay, message) = (index, error.to_string());
                    part.unreadable.push(Unreadable { overlay, path, message, link: false });
                }
            }
        }
        part.sites.extend(uncovered(sites).into_iter().map(|site| (index, site)));
        Ok(())
    }

    fn sites(&mut self, path: &RepoPath, bytes: Vec<u8>, fields: &[FieldSpec]) -> Parsed {
        let Some(known) = &mut self.known else {
            return kustomize::read_sites(path, &bytes, fields);
        };
        if let Some((_, parsed)) = known.get(path).filter(|(before, _)| *before == bytes) {
            return parsed.clone();
        }
        let parsed = kustomize::read_sites(path, &bytes, fields);
        known.insert(path.clone(), (bytes, parsed.clone()));
        parsed
    }
}

/// An `image:` that an `images:` entry of the same overlay rewrites is no site
/// of its own: kustomize never lets its tag through.
fn uncovered(sites: Vec<Site>) -> Vec<Site> {
    let entries: BTreeSet<String> = sites
        .iter()
        .filter(|site| site.kind == SiteKind::Kustomize)
        .map(|site| site.image.clone())
        .collect();
    let covered = |site: &Site| {
        matches!(site.kind, SiteKind::Manifest | SiteKind::Patch) && entries.contains(&site.image)
    };
    sites.into_iter().filter(|site| !covered(site)).collect()
}

impl Inventory {
    fn sort_in(&mut self, found: Vec<(usize, Site)>) {
        let short_names = short_names(&self.overlays, &found);
        for (index, site) in found {
            let Some(overlay) = self.overlays.get(index) else { continue };
            let app = app_of(overlay, &site, &short_names);
            let environment = overlay.environment.clone();
            let key = CellKey { environment, app, image: site.image.clone() };
            let cell = self.cells.entry(key).or_default();
            cell.sites.push(site);
            cell.overlays.insert(index);
        }
    }
}

/// Which last segments of an image's name mean one image only, so that the
/// segment can serve as the name of the app.
fn short_names(overlays: &[Overlay], found: &[(usize, Site)]) -> BTreeMap<String, bool> {
    let mut images: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (index, site) in found {
        if overlays.get(*index).is_some_and(|overlay| overlay.app.is_none()) {
            images.entry(last_segment(&site.image)).or_default().insert(&site.image);
        }
    }
    images.into_iter().map(|(name, images)| (name.to_owned(), images.len() == 1)).collect()
}

fn last_segment(image: &str) -> &str {
    image.rsplit_once('/').map_or(image, |(_, name)| name)
}

/// `{app}` of the layout path; else the marker's `group:app`; else the last
/// segment of the image's name, or all of it where two images share that.
fn app_of(overlay: &Overlay, site: &Site, short_names: &BTreeMap<String, bool>) -> AppId {
    if let Some(app) = &overlay.app {
        return app.clone();
    }
    if let Some((group, name)) = site.policy.as_deref().and_then(|policy| policy.split_once(':')) {
        let mut app = AppId::named(name);
        app.group = Some(group.to_owned());
        app.from_marker = true;
        return app;
    }
    let short = last_segment(&site.image);
    let unique = short_names.get(short).copied().unwrap_or(false);
    let mut app = AppId::named(if unique { short } else { &site.image });
    app.group.clone_from(&overlay.group);
    app
}
