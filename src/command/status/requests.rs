//! `--requests`: the pull requests that are open for a version, as the forge of
//! the remote knows them.

use crate::forge::Request;
use crate::model::{Cause, Pin};
use crate::pull_request::{self, Memory};
use crate::report::{OpenMove, StatusReport, StatusRow};

use super::super::forges::{self, NoForge};
use super::super::{Exit, Failure, Remark, Workspace};

/// Marks the cells that an open request would change; gives what to say where
/// the forge does not tell.
pub(super) fn look(workspace: &Workspace, report: &mut StatusReport) -> Vec<Remark> {
    match open(workspace) {
        Ok(requests) => {
            for request in requests {
                let Some(memory) = pull_request::read(&request.body) else { continue };
                report.rows.iter_mut().for_each(|row| mark(row, &request, &memory));
            }
            report.forge = Some(Ok(()));
            Vec::new()
        }
        Err(Failure { exit, message, .. }) => {
            let closed = exit == Exit::Auth;
            report.forge = Some(Err(if closed { Cause::Closed } else { Cause::Passing }));
            vec![Remark::Warning(format!("which pull requests are open is not known: {message}"))]
        }
    }
}

/// The open requests, or why they are not known.
fn open(workspace: &Workspace) -> Result<Vec<Request>, Failure> {
    let Workspace { repo, config, .. } = workspace;
    if repo.remote_names().is_empty() {
        return Err(Failure::new(Exit::Unavailable, "the repository has no remote"));
    }
    let forge = forges::of_remote((repo, config), None).map_err(NoForge::failure)?;
    Ok(forge.open_requests()?)
}

/// Marks what a request moves in a row, but for what is there already. What one
/// is open for is not what comes next.
fn mark(row: &mut StatusRow, request: &Request, memory: &Memory) {
    let app = row.app.to_string();
    let cell = row.cells.iter_mut().find(|cell| cell.environment.as_str() == memory.environment);
    let Some(cell) = cell else { return };
    for moved in memory.moves.iter().filter(|moved| moved.app == app) {
        let Ok(version) = moved.version.parse::<Pin>() else { continue };
        if cell.pin.as_ref().is_some_and(|pin| pin.carries(&version)) {
            continue;
        }
        row.next
            .retain(|next| next.environment != cell.environment || !version.carries(&next.version));
        cell.requests.push(OpenMove { number: request.number, url: request.url.clone(), version });
    }
}
