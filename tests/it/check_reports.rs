//! What `check` found, in every form for people and CI services; none of them
//! lets a hostile text become a mark, a command or a tag.

use std::collections::BTreeMap;

use insta::assert_snapshot;
use promote::model::{AppId, EnvironmentName, Finding, Outcome, Pin, Promotion, RepoPath, Rule};
use promote::output::{Ci, CiChoice, Paint, ReportKind, annotations, check, render};
use promote::report::{CheckReport, Verdict};

pub(crate) const PLAIN: Paint = Paint { color: false };

pub(crate) fn finding(rule: Rule, outcome: Outcome, message: &str) -> Finding {
    Finding {
        rule,
        outcome,
        app: Some(AppId::named("web")),
        environment: Some(EnvironmentName::new("staging")),
        message: message.to_owned(),
        path: None,
        line: None,
        hint: None,
        silence: None,
    }
}

fn placed(mut finding: Finding, path: &str, line: u32) -> Finding {
    finding.path = RepoPath::normalize(path);
    finding.line = Some(line);
    finding
}

fn hinted(mut finding: Finding, hint: &str) -> Finding {
    finding.hint = Some(hint.to_owned());
    finding
}

fn promotion(app: &str, previous: &str, version: &str) -> Promotion {
    let pin = |text: &str| text.parse::<Pin>().unwrap();
    Promotion {
        app: AppId::named(app),
        image: format!("registry.example/acme/{app}"),
        repository: None,
        from: vec![EnvironmentName::new("dev")],
        to: EnvironmentName::new("staging"),
        previous: pin(previous),
        version: pin(version),
    }
}

/// A change that moves nothing and is fine.
pub(crate) fn quiet() -> CheckReport {
    CheckReport {
        base: "1".repeat(40),
        head: "2".repeat(40),
        config: Some(format!("promote.toml@{}", "3".repeat(40))),
        verdict: Verdict::Pass,
        promotions: Vec::new(),
        moves: 0,
        findings: Vec::new(),
        excerpts: BTreeMap::new(),
        notes: Vec::new(),
        exit_zero: false,
    }
}

const STAGING: &str = "apps/web/overlays/staging/kustomization.yaml";

/// One finding of each answer.
pub(crate) fn mixed() -> CheckReport {
    let (fail, hint) = ("dev runs v1.2.2, not v1.2.3", "git promote web@v1.2.3 dev");
    let mut whole = finding(Rule::GP007, Outcome::Warn, "the change touches 2 environments");
    (whole.app, whole.environment) = (None, None);
    CheckReport {
        verdict: Verdict::Deny,
        moves: 2,
        promotions: vec![promotion("web", "v1.2.2", "v1.2.3"), promotion("api", "v1", "v2")],
        findings: vec![
            finding(Rule::GP003, Outcome::Pass, "v1.2.3 is newer than v1.2.2"),
            whole,
            hinted(placed(finding(Rule::GP001, Outcome::Fail, fail), STAGING, 12), hint),
            finding(Rule::GP009, Outcome::Skip, "the clone has no history"),
            finding(Rule::GP005, Outcome::Overridden, "INC-42 by ann"),
            placed(
                finding(Rule::GP014, Outcome::Unverifiable, "a patch of an unknown form"),
                "apps/web/base/odd name#1.yaml",
                3,
            ),
        ],
        excerpts: BTreeMap::from([(
            (RepoPath::normalize(STAGING).unwrap(), 12),
            "    newTag: v1.2.3 # next".to_owned(),
        )]),
        notes: vec!["the base is 3 commits behind".to_owned()],
        ..quiet()
    }
}

/// Everything that could mean something to someone.
const HOSTILE: &str = "a\n::error::x\r\n%0A::stop-commands::t##vso[task.x]y##[add-path]/ ]|`b``c` \
    <script>alert(1)</script> @team #1 !2 [x](https://e.example) www.e.example *b* \u{202e}\u{0}\
    \u{fffe} & \"q\" 'r' ]]> -->";

pub(crate) fn hostile() -> CheckReport {
    let mut bad = hinted(finding(Rule::GP001, Outcome::Fail, HOSTILE), HOSTILE);
    bad.app = Some(AppId::named("::error::web\\|`x`@team"));
    bad.environment = Some(EnvironmentName::new(HOSTILE));
    let path = RepoPath::normalize(&HOSTILE.replace('/', "_")).unwrap();
    bad.path = Some(path.clone());
    bad.line = Some(1);
    let mut moved = promotion("web", "v1", "v2");
    moved.app = AppId::named("::error::web\\|`x`@team");
    moved.image = HOSTILE.to_owned();
    moved.to = EnvironmentName::new(HOSTILE);
    CheckReport {
        base: HOSTILE.to_owned(),
        head: HOSTILE.to_owned(),
        config: Some(HOSTILE.to_owned()),
        verdict: Verdict::Deny,
        promotions: vec![moved],
        moves: 1,
        findings: vec![bad],
        excerpts: BTreeMap::from([((path, 1), HOSTILE.to_owned())]),
        notes: vec![HOSTILE.to_owned()],
        exit_zero: false,
    }
}

/// Five thousand refusals and some more.
pub(crate) fn many() -> CheckReport {
    let refusal = |number: u32| {
        let message = format!("dev does not run v{number}; {}", "because ".repeat(20));
        placed(finding(Rule::GP001, Outcome::Fail, &message), STAGING, number)
    };
    let warning = |number: u32| finding(Rule::GP005, Outcome::Warn, &format!("mutable {number}"));
    CheckReport {
        verdict: Verdict::Deny,
        promotions: (0..5_000).map(|n| promotion(&format!("a{n}"), "v1", "v2")).collect(),
        findings: (1..=20).map(warning).chain((1..=5_001).map(refusal)).collect(),
        ..quiet()
    }
}

#[test]
fn people_see_the_verdict_the_moves_and_what_is_wrong() {
    assert_snapshot!(check(&mixed(), PLAIN, false), @"
    deny: refused by 1 finding; 1 finding cannot be proven (1111111..2222222, judged by promote.toml@3333333)
    web  staging  v1.2.2 -> v1.2.3
    api  staging  v1 -> v2
    fail  GP001  web in staging: dev runs v1.2.2, not v1.2.3
           --> apps/web/overlays/staging/kustomization.yaml:12
         12 |     newTag: v1.2.3 # next
            |     ^^^^^^^^^^^^^^^^^^^^^
          hint: git promote web@v1.2.3 dev
    fail  GP014  web in staging: cannot be proven: a patch of an unknown form
          --> apps/web/base/odd name#1.yaml:3
    over  GP005  web in staging: overridden: INC-42 by ann
    warn  GP007  the change touches 2 environments
    skip  GP009  web in staging: the clone has no history
    ok    GP003
    note: the base is 3 commits behind
    ");
}

#[test]
fn a_change_that_moves_nothing_is_one_line() {
    let mut report = quiet();
    report.findings = vec![finding(Rule::GP011, Outcome::Pass, "every manifest can be read")];
    assert_snapshot!(check(&report, PLAIN, false), @"pass: no version moves (1111111..2222222, judged by promote.toml@3333333)");
    report.exit_zero = true;
    report.config = None;
    report.verdict = Verdict::Unverifiable;
    report.findings = vec![finding(Rule::GP011, Outcome::Unverifiable, "there is no config")];
    assert_snapshot!(check(&report, PLAIN, false), @"
    unverifiable: no rule refuses; 1 finding cannot be proven (1111111..2222222, judged without a config)
    --exit-zero: the exit code is 0 whatever the verdict
    fail  GP011  web in staging: cannot be proven: there is no config
    ");
}

#[test]
fn many_findings_are_counted() {
    let text = check(&many(), PLAIN, false);
    assert!(text.lines().count() < 300, "{}", text.lines().count());
    for line in [
        "and 4951 more with the answer `fail`",
        "and 4950 more versions move",
        "deny: refused by 5001 findings (1111111..2222222, judged by promote.toml@3333333)",
    ] {
        assert!(text.lines().any(|own| own == line), "{line}");
    }
    assert!(check(&many(), PLAIN, true).lines().count() > 10_000);
}

#[test]
fn color_adds_nothing_but_color() {
    let painted = check(&mixed(), Paint { color: true }, false);
    assert!(painted.contains("\u{1b}[31m"), "{painted}");
    let escape = regex::Regex::new("\u{1b}\\[[0-9;]*m").unwrap();
    assert_eq!(escape.replace_all(&painted, ""), check(&mixed(), PLAIN, false));
}

/// The commands that a log reader of GitHub or Azure would find.
fn commands(text: &str) -> Vec<&str> {
    let command = |line: &&str| {
        line.trim_start().starts_with("::") || line.contains("##[") || line.contains("##vso[")
    };
    text.split(['\n', '\r']).filter(command).collect()
}

#[test]
fn no_text_steers_the_terminal_or_the_log() {
    let text = check(&hostile(), PLAIN, false);
    assert_eq!(commands(&text), Vec::<&str>::new(), "{text}");
    let control = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
    assert!(!text.contains(control), "{text}");
    assert_eq!(commands(&check(&hostile(), PLAIN, true)), Vec::<&str>::new());
    for kind in [ReportKind::Sarif, ReportKind::Codequality] {
        assert!(!render(kind, &hostile()).contains("##"));
    }
}

#[test]
fn github_shows_the_findings_beside_the_change() {
    assert_snapshot!(annotations(Ci::Github, &mixed()), @"
    ::error file=apps/web/overlays/staging/kustomization.yaml,line=12,title=GP001%3A web in staging::dev runs v1.2.2, not v1.2.3%0Ahint: git promote web@v1.2.3 dev
    ::error file=apps/web/base/odd name#1.yaml,line=3,title=GP014%3A web in staging::cannot be proven: a patch of an unknown form
    ::warning title=GP005%3A web in staging::overridden: INC-42 by ann
    ::warning title=GP007::the change touches 2 environments
    ");
    assert_eq!(annotations(Ci::Github, &quiet()), "");
}

#[test]
fn azure_shows_the_findings_beside_the_change() {
    assert_snapshot!(annotations(Ci::Azure, &mixed()), @"
    ##vso[task.logissue type=error;sourcepath=apps/web/overlays/staging/kustomization.yaml;linenumber=12;code=GP001;]GP001: web in staging: dev runs v1.2.2, not v1.2.3%0Ahint: git promote web@v1.2.3 dev
    ##vso[task.logissue type=error;sourcepath=apps/web/base/odd name#1.yaml;linenumber=3;code=GP014;]GP014: web in staging: cannot be proven: a patch of an unknown form
    ##vso[task.logissue type=warning;code=GP005;]GP005: web in staging: overridden: INC-42 by ann
    ##vso[task.logissue type=warning;code=GP007;]GP007: the change touches 2 environments
    ");
    let mut report = mixed();
    report.exit_zero = true;
    let text = annotations(Ci::Azure, &report);
    assert!(text.ends_with("##vso[task.complete result=SucceededWithIssues;]\n"), "{text}");
    assert_eq!(annotations(Ci::Azure, &quiet()), "");
}

#[test]
fn gitlab_is_told_which_reports_it_shows() {
    assert_snapshot!(annotations(Ci::Gitlab, &mixed()), @"GitLab shows this beside the change from artifacts:reports:codequality and :junit, written by --report codequality=FILE --report junit=FILE");
    assert_eq!(annotations(Ci::Gitlab, &quiet()), "");
}

#[test]
fn a_service_gets_what_it_shows_and_the_rest_is_counted() {
    let text = annotations(Ci::Github, &many());
    let count = |start: &str| text.lines().filter(|line| line.starts_with(start)).count();
    assert_eq!((count("::error "), count("::warning "), count("::notice ")), (10, 10, 1));
    let rest = "4991 errors and 10 warnings more, all in the output of git promote check";
    assert!(text.ends_with(&format!("::notice title=git promote check::{rest}\n")), "{text}");
    let text = annotations(Ci::Azure, &many());
    assert_eq!(text.lines().filter(|line| line.contains("type=error;")).count(), 10);
    assert!(text.ends_with(&format!("\n{rest}\n")), "{text}");
}

#[test]
fn a_hostile_text_is_one_command_and_nothing_more() {
    for (ci, start) in [(Ci::Github, "::error "), (Ci::Azure, "##vso[task.logissue ")] {
        let text = annotations(ci, &hostile());
        assert_eq!(text.matches(['\n', '\r']).count(), 1, "{text}");
        assert!(text.starts_with(start), "{text}");
    }
    // As the runner parses it: properties up to the next `::`, cut at commas.
    let text = annotations(Ci::Github, &hostile());
    let (properties, data) = text["::error ".len()..].split_once("::").unwrap();
    let names: Vec<&str> =
        properties.split(',').map(|pair| pair.split_once('=').unwrap().0).collect();
    assert_eq!(names, ["file", "line", "title"]);
    assert!(data.contains("%250A::stop-commands::t"), "{data}");
    // As the agent does: up to the first `]`, cut at semicolons.
    let text = annotations(Ci::Azure, &hostile());
    let (properties, data) = text.split_once(']').unwrap();
    let names: Vec<&str> = properties["##vso[task.logissue ".len()..]
        .split_terminator(';')
        .map(|pair| pair.split_once('=').unwrap().0)
        .collect();
    assert_eq!(names, ["type", "sourcepath", "linenumber", "code"]);
    assert!(data.contains("%AZP250A") && !data.contains(']'), "{data}");
}

#[test]
fn the_service_is_found_by_its_variable() {
    let service = |choice: CiChoice, name: &'static str| {
        choice.service(|asked| (asked == name).then(|| "True".to_owned()))
    };
    assert_eq!(service(CiChoice::Auto, "GITHUB_ACTIONS"), Some(Ci::Github));
    assert_eq!(service(CiChoice::Auto, "GITLAB_CI"), Some(Ci::Gitlab));
    assert_eq!(service(CiChoice::Auto, "TF_BUILD"), Some(Ci::Azure));
    assert_eq!(service(CiChoice::Auto, "CI"), None);
    assert_eq!(service(CiChoice::None, "TF_BUILD"), None);
    assert_eq!(service(CiChoice::Azure, "GITLAB_CI"), Some(Ci::Azure));
}
