//! The one question before a rollback, on a terminal alone.

use std::fmt::Write as _;
use std::io::{BufRead, Write};

use crate::model::Outcome;
use crate::output::clean;
use crate::report::PromotionReport;

use super::super::{Exit, Failure};

/// Asks the person at the terminal.
pub(super) fn on_terminal(report: &PromotionReport) -> Result<(), Failure> {
    ask(report, &mut std::io::stdin().lock(), &mut std::io::stderr().lock())
}

/// Shows what goes back and asks; anything but a yes stops.
fn ask(
    report: &PromotionReport,
    from: &mut dyn BufRead,
    to: &mut dyn Write,
) -> Result<(), Failure> {
    // Who cannot be asked gives no answer either.
    let _ = to.write_all(question(report).as_bytes()).and_then(|()| to.flush());
    let mut line = String::new();
    let _ = from.read_line(&mut line);
    match line.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure::new(Exit::Interrupted, "not confirmed; nothing was changed")
            .hint("-y goes back without a question")),
    }
}

fn question(report: &PromotionReport) -> String {
    let mut text = String::new();
    for promotion in &report.promotions {
        let (app, image) = (&promotion.app, &promotion.image);
        let several = report.promotions.iter().filter(|other| other.app == *app).count() > 1;
        let name = if several { format!("{app} {image}") } else { app.to_string() };
        let line =
            format!("{name}  {}  {} -> {}", promotion.to, promotion.previous, promotion.version);
        let _ = writeln!(text, "{}", clean(&line));
    }
    let noticed = |outcome| matches!(outcome, Outcome::Warn | Outcome::Overridden);
    for finding in report.findings.iter().filter(|finding| noticed(finding.outcome)) {
        let _ = writeln!(text, "{}  {}", finding.rule, clean(&finding.message));
    }
    let _ = write!(text, "Go back? [y/N] ");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AppId, EnvironmentName, Promotion};
    use crate::report::Ending;

    fn asked(answer: &str) -> (String, Option<Failure>) {
        let promotion = Promotion {
            app: AppId::named("web"),
            image: "acme/web".to_owned(),
            repository: None,
            from: vec![],
            to: EnvironmentName::new("prod"),
            previous: "v2".parse().unwrap(),
            version: "v1".parse().unwrap(),
        };
        let report = PromotionReport {
            to: EnvironmentName::new("prod"),
            dry_run: false,
            promotions: vec![promotion],
            current: vec![],
            changes: vec![],
            copies: vec![],
            edits: vec![],
            effects: vec![],
            findings: vec![],
            ending: Ending::Unchanged,
            commit: None,
            branch: None,
            remote: None,
            request: None,
            unified: None,
        };
        let mut shown = Vec::new();
        let failure = ask(&report, &mut answer.as_bytes(), &mut shown).err();
        (String::from_utf8(shown).unwrap(), failure)
    }

    #[test]
    fn only_a_yes_goes_back() {
        let (shown, failure) = asked("y\n");
        assert_eq!((shown.as_str(), failure), ("web  prod  v2 -> v1\nGo back? [y/N] ", None));
        assert_eq!(asked("YES\n").1, None);
        for answer in ["", "\n", "n\n", "web\n"] {
            assert_eq!(asked(answer).1.unwrap().exit, Exit::Interrupted, "{answer}");
        }
    }
}
