//! `git promote preview delete NAME` and `prune --max-age AGE`

use crate::preview::{self, Name, Preview};
use crate::report::{PreviewAction, PreviewRow};

use super::super::{Answer, Context, Failure, Remark, Workspace};
use super::deliver::{Delivering, Planned};
use super::{DeleteArgs, PruneArgs, list, name, overwrite};

/// The branch of a request that removes what is old.
const PRUNE: &str = "promote/prune/previews";

/// `git promote preview delete`
pub(super) fn delete(context: &Context, args: &DeleteArgs) -> Result<Answer, Failure> {
    let name = name(&args.name)?;
    let plan = |workspace: &Workspace| {
        let mut found = preview::all(&workspace.snapshot)?;
        found.retain(|preview| preview.name == name.as_str());
        if found.is_empty() {
            return Err(unknown(workspace, &name));
        }
        let rows = list::rows(workspace, &found)?;
        planned(workspace, (PreviewAction::Delete, &found, rows), preview::branch(&name))
    };
    Delivering { context, args: &args.delivery }.perform(&plan)
}

/// Why there is nothing to delete, and what helps.
fn unknown(workspace: &Workspace, name: &Name) -> Failure {
    let in_place = overwrite::standing(workspace).unwrap_or_default();
    if let Some(one) = in_place.iter().find(|one| one.name == name.as_str()) {
        let message = format!(
            "{name} was set in place: {} runs {} in {}",
            one.app, one.version, one.environment
        );
        let hint = format!("git promote rollback {} -a {}", one.environment, one.app);
        return Failure::not_found(message).hint(hint);
    }
    Failure::not_found(format!("there is no preview `{name}`")).hint("git promote preview list")
}

/// `git promote preview prune`
pub(super) fn prune(context: &Context, args: &PruneArgs) -> Result<Answer, Failure> {
    let plan = |workspace: &Workspace| {
        let all = preview::all(&workspace.snapshot)?;
        let rows = list::rows(workspace, &all)?;
        let is_old =
            |row: &PreviewRow| row.since.is_some_and(|since| context.now - since >= args.max_age);
        let unknown = rows.iter().filter(|row| row.since.is_none());
        let remarks: Vec<Remark> = unknown
            .map(|row| {
                let message =
                    format!("the history does not tell how old {} is: it stays", row.name);
                Remark::Warning(message)
            })
            .collect();
        let (found, rows): (Vec<Preview>, Vec<PreviewRow>) =
            all.into_iter().zip(rows).filter(|(_, row)| is_old(row)).unzip();
        let made = planned(workspace, (PreviewAction::Prune, &found, rows), PRUNE.to_owned())?;
        Ok(Planned { remarks, ..made })
    };
    Delivering { context, args: &args.delivery }.perform(&plan)
}

fn planned(
    workspace: &Workspace,
    (action, previews, rows): (PreviewAction, &[Preview], Vec<PreviewRow>),
    branch: String,
) -> Result<Planned, Failure> {
    let changes = preview::delete(&workspace.snapshot, previews)?;
    let subject = match previews {
        [one] => format!("Remove the preview {} of {}", one.name, one.app),
        several => format!("Remove {} previews", several.len()),
    };
    let trailer = |preview: &Preview| ("Promote-Preview-Removed", preview.name.clone());
    Ok(Planned {
        action,
        rows,
        files: changes.files,
        listed_in: None,
        remarks: Vec::new(),
        subject,
        trailers: previews.iter().map(trailer).collect(),
        branch,
    })
}
