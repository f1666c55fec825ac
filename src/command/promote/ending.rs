//! How a promotion ends that is refused, and what is said beside the report.

use std::collections::BTreeSet;

use crate::gate;
use crate::model::{Finding, Outcome as Verdict, Rule};
use crate::output::{self, Format, Paint};
use crate::report::{Ending, PromotionReport};

use super::super::{Answer, Context, Exit, Failure, Remark, Workspace};
use super::{Promoting, deliver};

/// How a promotion ends: what is said beside the report, and the exit code.
pub(in super::super) struct End {
    pub(in super::super) remarks: Vec<Remark>,
    pub(in super::super) exit: Exit,
}

/// What became of a promotion.
pub(in super::super) struct Outcome {
    pub(in super::super) report: PromotionReport,
    pub(in super::super) remarks: Vec<Remark>,
    pub(in super::super) exit: Exit,
    pub(in super::super) paint: Paint,
}

impl Outcome {
    /// What is said of it, in the form that was asked for.
    pub(in super::super) fn answer(self, context: &Context) -> Answer {
        let report = &self.report;
        let text = match context.format {
            Format::Table | Format::Wide if context.quiet && report.ending != Ending::Refused => {
                String::new()
            }
            Format::Table | Format::Wide => output::promotion(report, self.paint, context.verbose),
            format => {
                let table = output::promotion_table(report);
                output::machine(format, &output::promotion_value(report), "promotions", &table)
            }
        };
        Answer { text, remarks: self.remarks, exit: self.exit }
    }
}

impl End {
    pub(in super::super) fn quiet(exit: Exit) -> Self {
        Self { remarks: Vec::new(), exit }
    }
}

/// One line for every rule that refuses, with the command that satisfies it.
pub(super) fn refusal(workspace: &Workspace, findings: &[Finding]) -> End {
    let refusing: Vec<&Finding> = findings
        .iter()
        .filter(|f| matches!(f.outcome, Verdict::Fail | Verdict::Unverifiable))
        .collect();
    let rules: BTreeSet<String> = refusing.iter().map(|f| f.rule.to_string()).collect();
    let rules: Vec<String> = rules.into_iter().collect();
    let mut remarks =
        vec![Remark::Error(format!("refused by {}; nothing was changed", rules.join(", ")))];
    let skips = refusing.iter().any(|finding| finding.rule == Rule::GP001);
    if skips {
        remarks.extend(deliver::behind(workspace));
    }
    let mut hints: Vec<String> = Vec::new();
    for hint in refusing.iter().filter_map(|finding| finding.hint.clone()) {
        if !hints.contains(&hint) {
            hints.push(hint);
        }
    }
    let explain = rules.first().map(|rule| format!("git promote explain {rule}"));
    // Another rule waived is no way around the one that nothing waives.
    hints
        .retain(|hint| Some(hint) != explain.as_ref() && !(skips && hint.contains(" --override ")));
    remarks.extend(hints.into_iter().chain(explain).map(Remark::Hint));
    let exit = gate::only_silence(findings).map_or(Exit::Refused, Exit::of_silence);
    End { remarks, exit }
}

impl Promoting<'_> {
    /// A refusal before there is a plan: for programs it is a document too.
    pub(super) fn refused_outright(&self, failure: Failure) -> Outcome {
        let message = failure.message.trim_start_matches("GP001: ").to_owned();
        let finding = Finding {
            rule: Rule::GP001,
            outcome: Verdict::Fail,
            app: None,
            environment: Some(self.request.to.clone()),
            message,
            path: None,
            line: None,
            hint: failure.hints.first().cloned(),
            silence: None,
        };
        let report = PromotionReport {
            to: self.request.to.clone(),
            dry_run: self.args.dry_run,
            promotions: Vec::new(),
            current: Vec::new(),
            changes: Vec::new(),
            copies: Vec::new(),
            edits: Vec::new(),
            effects: Vec::new(),
            findings: vec![finding],
            ending: Ending::Refused,
            commit: None,
            branch: self.workspace.branch.clone(),
            remote: None,
            request: None,
            unified: None,
        };
        let hints = failure.hints.into_iter().map(Remark::Hint);
        let remarks = std::iter::once(Remark::Error(failure.message)).chain(hints).collect();
        Outcome { report, remarks, exit: failure.exit, paint: self.workspace.paint }
    }
}
