//! `git promote doctor`: locks, and promotions that were broken off.

use clap::Args;

use crate::git::{self, Finding, Recovered, Repository, way_out};
use crate::output::{self, Format};
use crate::report::{Ailment, DoctorRecovery, DoctorReport, DoctorRow};

use super::leftovers::told;
use super::{Answer, Context, Exit, Failure, Remark};

/// Look for locks and for promotions that were broken off.
///
/// It ends with 1 where it finds something that has to be seen to. A promotion
/// that is under way is none.
#[derive(Debug, Clone, Args)]
pub struct DoctorArgs {
    /// Bring what was broken off to its end, and remove what it left: forward
    /// where it is committed, else back. Locks of others stay
    #[arg(long)]
    pub recover: bool,
}

/// `git promote doctor [--recover]`
pub fn run(context: &Context, args: &DoctorArgs) -> Result<Answer, Failure> {
    let repo = Repository::open(&context.directory)?;
    let recovered = if args.recover { Some(git::recover(&repo)?) } else { None };
    let found = git::examine(&repo);
    let mut remarks = recovered.as_ref().map(told).unwrap_or_default();
    remarks.extend(ways_out(&found));
    let failed = recovered.as_ref().is_some_and(|recovered| !recovered.failed.is_empty());
    let well = found.iter().all(|finding| matches!(finding, Finding::Running { .. }));
    let exit = match (failed, well) {
        (true, _) => Exit::Partly,
        (false, true) => Exit::Done,
        (false, false) => Exit::Differs,
    };
    for failed in recovered.iter().flat_map(|recovered| &recovered.failed) {
        remarks.insert(0, Remark::Error(failed.clone()));
    }
    let report = DoctorReport {
        rows: found.iter().map(row).collect(),
        recovery: recovered.filter(|recovered| recovered.found).map(recovery),
    };
    Ok(Answer { text: render(context, &report), remarks, exit })
}

fn render(context: &Context, report: &DoctorReport) -> String {
    match context.format {
        Format::Table | Format::Wide if context.quiet && report.rows.is_empty() => String::new(),
        Format::Table | Format::Wide => output::doctor(report),
        format => {
            let table = output::doctor_table(report);
            output::machine(format, &output::doctor_value(report), "findings", &table)
        }
    }
}

/// The commands that go on.
fn ways_out(found: &[Finding]) -> Vec<Remark> {
    let recover = found.iter().any(Finding::is_recoverable);
    let recover = recover.then(|| "git promote doctor --recover".to_owned());
    let remove = found.iter().filter_map(|finding| match finding {
        Finding::ForeignLock { path, owner: None, .. } => Some(way_out::unlock(path)),
        Finding::LeftElsewhere { work_tree, .. } => Some(way_out::recover_there(work_tree)),
        _ => None,
    });
    recover.into_iter().chain(remove).map(Remark::Hint).collect()
}

fn row(finding: &Finding) -> DoctorRow {
    let empty = DoctorRow {
        ailment: Ailment::Running,
        path: None,
        owner: None,
        seconds: 0,
        commit: None,
        files: Vec::new(),
        reason: None,
    };
    match finding {
        Finding::Running { process, age } => {
            DoctorRow { owner: process.clone(), seconds: age.as_secs(), ..empty }
        }
        Finding::OwnLock { path, age } => DoctorRow {
            ailment: Ailment::OwnLock,
            path: Some(path.display().to_string()),
            seconds: age.as_secs(),
            ..empty
        },
        Finding::ForeignLock { path, age, owner } => DoctorRow {
            ailment: Ailment::ForeignLock,
            path: Some(path.display().to_string()),
            owner: owner.clone(),
            seconds: age.as_secs(),
            ..empty
        },
        Finding::LeftElsewhere { path, age, work_tree } => DoctorRow {
            ailment: Ailment::OwnLock,
            path: Some(path.display().to_string()),
            seconds: age.as_secs(),
            reason: Some(format!("left by a run in {}", work_tree.display())),
            ..empty
        },
        Finding::Journal { commit, files, age } => DoctorRow {
            ailment: Ailment::BrokenOff,
            commit: commit.clone(),
            files: files.clone(),
            seconds: age.as_secs(),
            ..empty
        },
        Finding::Damaged { path, reason, .. } => DoctorRow {
            ailment: Ailment::DamagedJournal,
            path: Some(path.display().to_string()),
            reason: Some(reason.clone()),
            ..empty
        },
    }
}

fn recovery(recovered: Recovered) -> DoctorRecovery {
    DoctorRecovery {
        committed: recovered.committed,
        mended: recovered.mended.iter().map(ToString::to_string).collect(),
        left: recovered.left.into_iter().map(|left| (left.path.to_string(), left.reason)).collect(),
        failed: recovered.failed,
        notes: recovered.notes,
    }
}
