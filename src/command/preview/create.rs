//! `git promote preview create NAME APP@VERSION`

use crate::config::{Config, GITOPS_PROMOTION, Origin};
use crate::discover::{self, Inventory, Overlay};
use crate::model::{AppId, Environment, EnvironmentName, Pin, RepoPath, Snapshot};
use crate::plan::{self, Intent, Move, Plan, Wanted, World};
use crate::preview::{self, Feature, Name, Source};
use crate::report::{PreviewAction, PreviewRow};

use super::super::promote::{self, Request, What};
use super::super::{Answer, Context, Failure, Remark, Workspace};
use super::deliver::{Delivering, Planned};
use super::{CreateArgs, images, name};

/// `git promote preview create`
pub(super) fn run(context: &Context, args: &CreateArgs) -> Result<Answer, Failure> {
    let name = name(&args.name)?;
    let (app, version) = wanted(&args.version)?;
    let delivery = Delivering { context, args: &args.delivery };
    if args.overwrite {
        return overwrite((context, args), &name, (&app, &version));
    }
    let here = || -> Result<bool, Failure> {
        let workspace = Workspace::open(context)?;
        Ok(Making { context, args, name: &name, app: &app, version: &version }
            .is_overwrite(&workspace))
    };
    if args.selector.is_empty() && here().unwrap_or_default() {
        return overwrite((context, args), &name, (&app, &version));
    }
    let making = Making { context, args, name: &name, app: &app, version: &version };
    delivery.perform(&|workspace| making.plan(workspace))
}

/// The app and the version.
fn wanted(text: &str) -> Result<(String, Pin), Failure> {
    let missing = || {
        Failure::usage(format!("`{text}` names no app and version"))
            .hint("git promote preview create NAME APP@VERSION")
    };
    let (app, version) =
        text.split_once('@').filter(|(app, _)| !app.is_empty()).ok_or_else(missing)?;
    Ok((app.to_owned(), version.parse()?))
}

/// The first environment; of several, the first in the order of the config.
pub(super) fn first(config: &Config) -> Option<&Environment> {
    config.pipeline.environments().iter().find(|e| e.sources.names().is_empty())
}

/// A plain promotion into the first environment, on record as a preview.
fn overwrite(
    (context, args): (&Context, &CreateArgs),
    name: &Name,
    (app, version): (&str, &Pin),
) -> Result<Answer, Failure> {
    let workspace = Workspace::open(context)?;
    let to = first(&workspace.config).map(|environment| environment.name.clone());
    let request = Request {
        to: to.unwrap_or_else(|| EnvironmentName::new("")),
        what: What::Apps(vec![(app.to_owned(), version.clone())]),
    };
    let common = promote::CommonArgs {
        images: args.images.clone(),
        preview: Some(name.to_string()),
        ..args.delivery.common()
    };
    Ok(promote::carry_out(context, &common, &request)?.answer(context))
}

struct Making<'a> {
    context: &'a Context,
    args: &'a CreateArgs,
    name: &'a Name,
    app: &'a str,
    version: &'a Pin,
}

/// The app in the first environment.
struct Found {
    inventory: Inventory,
    app: AppId,
    environment: EnvironmentName,
}

impl Making<'_> {
    /// Whether the file of another tool says that versions are set in place.
    fn is_overwrite(&self, workspace: &Workspace) -> bool {
        self.found(workspace).is_ok_and(|found| feature(workspace, &found.app).overwrite)
    }

    fn plan(&self, workspace: &Workspace) -> Result<Planned, Failure> {
        let found = self.found(workspace)?;
        let plan = self.pinned(workspace, &found)?;
        let overlay = overlay(&found, &plan)?;
        let selector = self.selector(workspace, (&found, overlay))?;
        let here = workspace.prefix();
        let list_in =
            self.args.list_in.as_deref().map(|text| repo_path(&here, text)).transpose()?;
        let source = Source {
            snapshot: &workspace.snapshot,
            config: &workspace.config,
            overlay,
            app: &found.app,
            version: self.version,
            pinned: &plan.files,
            selector: &selector,
            list_in: list_in.as_ref(),
        };
        let changes = preview::create(source, self.name)?;
        images::ask(self.context, workspace, (&found.inventory, &plan))?;
        let (app, version) = (found.app.to_string(), self.version.to_string());
        let mut remarks: Vec<Remark> =
            changes.warnings.into_iter().chain(plan.notes).map(Remark::Warning).collect();
        if changes.listed_in.is_none() {
            remarks.extend(unlisted(overlay, &changes.dir));
        }
        let row = PreviewRow {
            name: self.name.to_string(),
            app: app.clone(),
            environment: found.environment.to_string(),
            version: version.clone(),
            dir: Some(changes.dir),
            since: None,
            commit: None,
        };
        Ok(Planned {
            action: PreviewAction::Create,
            rows: vec![row],
            files: changes.files,
            listed_in: changes.listed_in,
            remarks,
            subject: format!("Preview {app} {version} as {}", self.name),
            trailers: vec![
                ("Promote-Preview", self.name.to_string()),
                ("Promote-Preview-App", format!("{app} {version}")),
            ],
            branch: preview::branch(self.name),
        })
    }

    /// The app, by what the first environment has.
    fn found(&self, workspace: &Workspace) -> Result<Found, Failure> {
        let Workspace { snapshot, config, .. } = workspace;
        let names: Vec<String> = std::iter::once(self.app)
            .chain(self.app.split_once(['/', ':']).map(|(_, name)| name))
            .map(str::to_owned)
            .collect();
        let overlays = discover::overlays_of(snapshot, config, Some(&names))?;
        let environment = first(config).map(|environment| environment.name.clone());
        let environment = environment.unwrap_or_else(|| EnvironmentName::new(""));
        let wanted = |overlay: &Overlay| overlay.environment == environment;
        let inventory = discover::read(snapshot, config, overlays, &wanted)?;
        let apps: Vec<&AppId> =
            inventory.apps().into_iter().filter(|app| app.answers_to(self.app)).collect();
        let app = match apps.as_slice() {
            [app] => (*app).clone(),
            [] => {
                let message = format!("{environment} has no app `{}`", self.app);
                return Err(Failure::not_found(message).hint("git promote status"));
            }
            several => {
                let shown: Vec<String> = several.iter().map(ToString::to_string).collect();
                let message = format!("`{}` could be {}", self.app, shown.join(" or "));
                return Err(Failure::usage(message).hint("git promote status"));
            }
        };
        Ok(Found { inventory, app, environment })
    }

    /// The overlay with the version in it, as a promotion would write it.
    fn pinned(&self, workspace: &Workspace, found: &Found) -> Result<Plan, Failure> {
        let world = World {
            snapshot: &workspace.snapshot,
            config: &workspace.config,
            inventory: &found.inventory,
        };
        let wanted = Wanted::Version(self.version.clone());
        let intent = Intent {
            digests: std::collections::BTreeMap::new(),
            to: found.environment.clone(),
            moves: vec![Move { app: found.app.clone(), wanted, named: true }],
            images: self.args.images.clone(),
            create: false,
            never: Vec::new(),
            drop_digest: true,
        };
        Ok(plan::promote(world, &intent)?)
    }

    /// The labels of what is copied.
    fn selector(
        &self,
        workspace: &Workspace,
        (found, overlay): (&Found, &Overlay),
    ) -> Result<Vec<(String, String)>, Failure> {
        let given: Result<Vec<(String, String)>, Failure> = self
            .args
            .selector
            .iter()
            .map(|text| {
                let pair = text.split_once('=').filter(|(key, _)| !key.is_empty());
                let pair = pair.map(|(key, value)| (key.to_owned(), value.to_owned()));
                pair.ok_or_else(|| {
                    Failure::usage(format!("`{text}` is no label")).hint("--selector app=web")
                })
            })
            .collect();
        let mut selector = given?;
        if selector.is_empty() {
            selector = feature(workspace, &found.app).selector;
        }
        let index = found.inventory.overlays.iter().position(|other| other == overlay);
        let held = found
            .inventory
            .cells
            .iter()
            .filter(|(_, cell)| index.is_some_and(|index| cell.overlays.contains(&index)));
        let others = held.filter(|(key, _)| key.app != found.app).count();
        if selector.is_empty() && others > 0 {
            let message = format!(
                "`{}` holds other apps than {} too: say which objects are meant",
                overlay.path, found.app
            );
            let hint = format!("--selector app={}", found.app.name);
            return Err(Failure::usage(message).hint(hint));
        }
        Ok(selector)
    }
}

/// What the file of another tool says of the app.
fn feature(workspace: &Workspace, app: &AppId) -> Feature {
    if workspace.config.origin != Origin::GitopsPromotion {
        return Feature::default();
    }
    let path = RepoPath::root().join(GITOPS_PROMOTION);
    let bytes = workspace.snapshot.read(&path).ok().flatten().unwrap_or_default();
    preview::feature(&bytes, app)
}

/// The one overlay that the app's version stands in.
fn overlay<'f>(found: &'f Found, plan: &Plan) -> Result<&'f Overlay, Failure> {
    let promoted = plan.promotions.iter().map(|planned| planned.promotion.image.as_str());
    let current = plan.current.iter().map(|(_, image, _)| image.as_str());
    let images: Vec<&str> = promoted.chain(current).collect();
    let cells = found
        .inventory
        .cells
        .iter()
        .filter(|(key, _)| key.app == found.app && images.contains(&key.image.as_str()));
    let mut indexes: Vec<usize> =
        cells.flat_map(|(_, cell)| cell.overlays.iter().copied()).collect();
    indexes.sort_unstable();
    indexes.dedup();
    match indexes.as_slice() {
        [index] => found.inventory.overlays.get(*index),
        _ => None,
    }
    .ok_or_else(|| {
        let message = format!(
            "{} stands in {} places in {}, and a preview is a copy of one",
            found.app,
            indexes.len(),
            found.environment
        );
        Failure::usage(message).hint("git promote preview create --overwrite NAME APP@VERSION")
    })
}

/// A path of the command line, as seen from where the user stands.
fn repo_path(here: &RepoPath, text: &str) -> Result<RepoPath, Failure> {
    let outside = || Failure::usage(format!("`{text}` is outside of the repository"));
    here.resolve(text).filter(|_| !text.starts_with('/')).ok_or_else(outside)
}

/// What is said where nothing applies the copy.
fn unlisted(overlay: &Overlay, dir: &RepoPath) -> [Remark; 2] {
    [
        Remark::Warning(format!(
            "no kustomization lists {}, so nothing applies the copy: whatever applies the original \
             has to be pointed at {dir} too",
            overlay.path
        )),
        Remark::Hint(format!("--list-in PATH lists {dir} in a kustomization")),
    ]
}
