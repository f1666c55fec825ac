//! A change of previews on its way.

use crate::model::{FileChange, RepoPath};
use crate::report::{PreviewAction, PreviewReport, PreviewRow};

use super::super::change::{self, Change, Performed};
use super::super::{Answer, Context, Failure, Remark, Workspace};
use super::{DeliveryArgs, answer, create};

/// What is to be done.
pub(super) struct Planned {
    pub(super) action: PreviewAction,
    pub(super) rows: Vec<PreviewRow>,
    pub(super) files: Vec<FileChange>,
    pub(super) listed_in: Option<RepoPath>,
    pub(super) remarks: Vec<Remark>,
    pub(super) subject: String,
    pub(super) trailers: Vec<(&'static str, String)>,
    /// The branch of a pull request.
    pub(super) branch: String,
}

/// What a change of previews is about.
struct About {
    action: PreviewAction,
    rows: Vec<PreviewRow>,
    listed_in: Option<RepoPath>,
}

impl Planned {
    fn split(self) -> (Change, About) {
        let row = |row: &PreviewRow| {
            let dir = row.dir.as_ref().map(ToString::to_string).unwrap_or_default();
            format!("{}  {} {}  {dir}", row.name, row.app, row.version)
        };
        let Self { action, rows, files, listed_in, remarks, subject, trailers, branch } = self;
        let lines = rows.iter().map(row).collect();
        (
            Change { files, remarks, subject, lines, trailers, branch },
            About { action, rows, listed_in },
        )
    }
}

/// How a change is delivered.
#[derive(Clone, Copy)]
pub(super) struct Delivering<'a> {
    pub(super) context: &'a Context,
    pub(super) args: &'a DeliveryArgs,
}

impl Delivering<'_> {
    /// Plans and delivers.
    pub(super) fn perform(
        &self,
        plan: &dyn Fn(&Workspace) -> Result<Planned, Failure>,
    ) -> Result<Answer, Failure> {
        let args = self.args.common();
        let first = |here: &Workspace| create::first(&here.config).map(|first| first.name.clone());
        let delivering = change::Delivering { context: self.context, args: &args, to: &first };
        let Performed { about, delivered, remarks, exit } =
            delivering.perform(&|workspace| Ok(plan(workspace)?.split()))?;
        let report = PreviewReport {
            action: about.action,
            previews: about.rows,
            listed_in: about.listed_in,
            change: delivered,
            now: self.context.now,
        };
        Ok(answer(self.context, &report, (remarks, exit)))
    }
}
