//! `JUnit` XML as GitLab, Jenkins and Azure Pipelines read it: one suite, a
//! case for each rule and promotion.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::model::{Finding, Outcome};
use crate::report::{CheckReport, Verdict};

use super::{EXIT_ZERO, command, config, excerpt, message, place, shown, subject, verdict, word};

/// The report of a check.
pub(super) fn junit(report: &CheckReport) -> String {
    let mut names = Names::default();
    let mut cases: String =
        report.findings.iter().map(|finding| case(report, finding, &mut names)).collect();
    let of = |outcomes: &[Outcome]| {
        report.findings.iter().filter(|finding| outcomes.contains(&finding.outcome)).count()
    };
    let mut failures = of(&[Outcome::Fail, Outcome::Unverifiable]);
    let skipped = of(&[Outcome::Skip]);
    if report.findings.is_empty() {
        // A suite without a case is an error to several readers.
        cases = whole(report);
        failures = usize::from(report.verdict != Verdict::Pass);
    }
    let tests = report.findings.len().max(1);
    let counts = format!("tests=\"{tests}\" failures=\"{failures}\" errors=\"0\"");
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <testsuites name=\"git-promote\" {counts}>\n\
         \x20 <testsuite name=\"git promote check\" {counts} skipped=\"{skipped}\">\n\
         {}{cases}\x20 </testsuite>\n\
         </testsuites>\n",
        properties(report)
    )
}

/// What the suite is about.
fn properties(report: &CheckReport) -> String {
    let config = config(report);
    let mut pairs = vec![
        ("base", report.base.as_str()),
        ("head", report.head.as_str()),
        ("config", config.as_str()),
        ("verdict", report.verdict.word()),
    ];
    if report.exit_zero {
        pairs.push(("exit-zero", EXIT_ZERO));
    }
    let notes = report.notes.iter().map(|note| ("note", note.as_str()));
    let mut text = "    <properties>\n".to_owned();
    for (name, value) in pairs.into_iter().chain(notes) {
        let value = xml(&shown(value));
        let _ = writeln!(text, "      <property name=\"{name}\" value=\"{value}\"/>");
    }
    text + "    </properties>\n"
}

/// The names of cases so far: readers take two of one name for one.
#[derive(Default)]
struct Names(BTreeMap<String, usize>);

impl Names {
    /// The name, with a number behind it where it is not the first.
    fn unique(&mut self, name: String) -> String {
        let count = self.0.entry(name.clone()).or_insert(0);
        *count += 1;
        if *count == 1 { name } else { format!("{name} #{count}") }
    }
}

fn case(report: &CheckReport, finding: &Finding, names: &mut Names) -> String {
    let about = match subject(finding) {
        subject if subject.is_empty() => "the change".to_owned(),
        subject => subject,
    };
    let name = names.unique(format!("{}: {about}", finding.rule));
    let file =
        finding.path.as_ref().map(|path| format!(" file=\"{}\"", xml(&shown(path.as_str()))));
    let line = finding.line.map(|line| format!(" line=\"{line}\""));
    format!(
        "    <testcase classname=\"git-promote.{}\" name=\"{}\"{}{}{}</testcase>\n",
        finding.rule,
        xml(&name),
        file.unwrap_or_default(),
        line.unwrap_or_default(),
        format_args!(">{}", body(report, finding)),
    )
}

/// What a case says of its result.
fn body(report: &CheckReport, finding: &Finding) -> String {
    let message = xml(&message(finding));
    let word = word(finding.outcome);
    match finding.outcome {
        Outcome::Fail | Outcome::Unverifiable => format!(
            "<failure type=\"{word}\" message=\"{message}\">{}</failure>",
            xml(&details(report, finding))
        ),
        Outcome::Skip => format!("<skipped message=\"{message}\"/>"),
        Outcome::Pass | Outcome::Warn | Outcome::Overridden => {
            format!("<system-out>{word}: {}</system-out>", xml(&shown(&finding.message)))
        }
    }
}

/// The place, the line and the cure of what is refused.
fn details(report: &CheckReport, finding: &Finding) -> String {
    let mut text = message(finding);
    if let Some(place) = place(finding) {
        let _ = write!(text, "\n  at {}", shown(&place));
    }
    if let Some(line) = excerpt(report, finding) {
        let _ = write!(text, "\n  {}", line.trim());
    }
    if let Some(hint) = &finding.hint {
        let _ = write!(text, "\nhint: {}", command(hint));
    }
    text
}

/// The one case of a report without findings.
fn whole(report: &CheckReport) -> String {
    let sentence = xml(&verdict(report));
    let result = match report.verdict {
        Verdict::Pass => format!("<system-out>{sentence}</system-out>"),
        other => format!("<failure type=\"{}\" message=\"{sentence}\"/>", other.word()),
    };
    format!("    <testcase classname=\"git-promote\" name=\"the change\">{result}</testcase>\n")
}

/// Text for an attribute or an element of XML 1.0. What its `Char` production
/// leaves out is replaced.
fn xml(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            '\n' => escaped.push_str("&#10;"),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}
