//! The report files of `check` and its documents: against their schemas, read
//! by parsers that are not ours.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use insta::assert_snapshot;
use promote::model::{AppId, EnvironmentName, Outcome, Pin, RepoPath, Rule};
use promote::output::{
    Format, ReportKind, audit, audit_table, audit_value, check_table, check_value, machine, render,
    replay, replay_table, replay_value,
};
use promote::report::{AuditReport, AuditRow, CheckReport, ReplayReport, ReplayRow, Verdict};
use pulldown_cmark::{Event, Options, Parser, Tag};
use serde_json::{Value, json};

use crate::check_reports::{PLAIN, finding, hostile, many, mixed, quiet};
use crate::schema::assert_valid;

fn all() -> [CheckReport; 4] {
    [quiet(), mixed(), hostile(), many()]
}

fn json(kind: ReportKind, report: &CheckReport) -> Value {
    serde_json::from_str(&render(kind, report)).unwrap()
}

/// The schema of SARIF 2.1.0 by OASIS, as the package `serde-sarif` brings it:
/// beside the sources of the packages that this test is built of.
fn sarif_schema() -> Option<Value> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(Path::new(&std::env::var_os("HOME")?).join(".cargo")))?;
    let lock = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.lock")).ok()?;
    let (_, rest) = lock.split_once("name = \"serde-sarif\"\nversion = \"")?;
    let package = format!("serde-sarif-{}/src/schema.json", rest.split('"').next()?);
    let registries = fs::read_dir(home.join("registry/src")).ok()?;
    let texts = registries.flatten().map(|entry| fs::read(entry.path().join(&package)));
    let text = texts.flatten().next()?;
    let mut schema: Value = serde_json::from_slice(&text).unwrap();
    // The pattern of the languages, which reports do not name, is broken.
    for part in ["run", "toolComponent"] {
        let language = &mut schema["definitions"][part]["properties"]["language"];
        language.as_object_mut().unwrap().remove("pattern").unwrap();
    }
    Some(schema)
}

#[test]
fn sarif_keeps_to_its_schema() {
    let Some(schema) = sarif_schema() else {
        crate::krew::skip("the schema of SARIF is not among the sources of the packages");
        return;
    };
    let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
    for report in all() {
        let document = json(ReportKind::Sarif, &report);
        let errors: Vec<String> =
            validator.iter_errors(&document).map(|error| error.to_string()).take(5).collect();
        assert!(errors.is_empty(), "{errors:#?}");
        serde_json::from_value::<serde_sarif::sarif::Sarif>(document).unwrap();
    }
    let mut broken = json(ReportKind::Sarif, &mixed());
    broken["runs"][0]["results"][0]["level"] = json!("fatal");
    assert!(!validator.is_valid(&broken));
}

#[test]
fn sarif_tells_what_is_wrong_where_and_how_to_mend_it() {
    let document = json(ReportKind::Sarif, &mixed());
    let run = &document["runs"][0];
    let results = run["results"].as_array().unwrap();
    let short = |it: &Value| format!("{} {} {}", it["ruleId"], it["level"], it["message"]["text"]);
    let lines: Vec<String> = results.iter().map(short).collect();
    assert_snapshot!(lines.join("\n"), @r#"
    "GP001" "error" "web in staging: dev runs v1.2.2, not v1.2.3\nTo fix it: git promote web@v1.2.3 dev"
    "GP014" "error" "web in staging: cannot be proven: a patch of an unknown form"
    "GP005" "note" "web in staging: overridden: INC-42 by ann"
    "GP007" "warning" "the change touches 2 environments"
    "#);
    assert_snapshot!(format!("{:#}", results[0]), @r#"
    {
      "ruleId": "GP001",
      "ruleIndex": 0,
      "level": "error",
      "message": {
        "text": "web in staging: dev runs v1.2.2, not v1.2.3\nTo fix it: git promote web@v1.2.3 dev"
      },
      "locations": [
        {
          "physicalLocation": {
            "artifactLocation": {
              "uri": "apps/web/overlays/staging/kustomization.yaml",
              "uriBaseId": "%SRCROOT%"
            },
            "region": {
              "startLine": 12,
              "snippet": {
                "text": "    newTag: v1.2.3 # next"
              }
            }
          }
        }
      ],
      "partialFingerprints": {
        "gitPromote/v1": "7a463093e03f4429e18105c54840c97840fe57fcd8cd96c3d41b79fb38050bb1"
      },
      "properties": {
        "result": "fail"
      }
    }
    "#);
    let odd = &results[1]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
    assert_eq!(odd, "apps/web/base/odd%20name%231.yaml");
    assert_eq!(results[2]["suppressions"][0]["kind"], "external");
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    for result in results {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"]);
    }
    let notifications = run["invocations"][0]["toolExecutionNotifications"].to_string();
    assert!(notifications.contains("GP009 was not asked: the clone has no history"));
}

#[test]
fn sarif_stays_within_what_code_scanning_takes() {
    let text = render(ReportKind::Sarif, &many());
    assert!(text.len() < 10_000_000, "{}", text.len());
    let document: Value = serde_json::from_str(&text).unwrap();
    let results = document["runs"][0]["results"].as_array().unwrap();
    assert_eq!(results.len(), 5_000);
    assert!(results.iter().all(|result| result["level"] == "error"));
    assert!(text.contains("21 more results are left out"), "{}", &text[..300]);
}

/// The names that a form gives to the problems of a report.
fn names(kind: ReportKind, report: &CheckReport) -> Vec<String> {
    let document = json(kind, report);
    let names: Vec<&Value> = match kind {
        ReportKind::Sarif => {
            let results = document["runs"][0]["results"].as_array().unwrap();
            results.iter().map(|it| &it["partialFingerprints"]["gitPromote/v1"]).collect()
        }
        _ => document.as_array().unwrap().iter().map(|it| &it["fingerprint"]).collect(),
    };
    names.into_iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

#[test]
fn fingerprints_are_unique_and_survive_a_move_of_the_line() {
    for kind in [ReportKind::Sarif, ReportKind::Codequality] {
        let unique: BTreeSet<String> = names(kind, &many()).into_iter().collect();
        assert_eq!(unique.len(), names(kind, &many()).len());
        let before = mixed();
        let mut after = mixed();
        after.excerpts = BTreeMap::new();
        for finding in &mut after.findings {
            finding.message.push_str(", for 3h");
            finding.line = finding.line.map(|line| line + 7);
        }
        for ((path, line), text) in before.excerpts.clone() {
            after.excerpts.insert((path, line + 7), format!("  {text}"));
        }
        assert_eq!(names(kind, &before), names(kind, &after));
        after.excerpts.values_mut().for_each(|text| text.push('4'));
        assert_ne!(names(kind, &before)[0], names(kind, &after)[0]);
    }
}

#[test]
fn code_quality_has_what_gitlab_requires() {
    assert_snapshot!(render(ReportKind::Codequality, &mixed()), @r#"
    [
      {
        "description": "GP001: web in staging: dev runs v1.2.2, not v1.2.3 (to fix it: git promote web@v1.2.3 dev)",
        "check_name": "GP001",
        "fingerprint": "7a463093e03f4429e18105c54840c97840fe57fcd8cd96c3d41b79fb38050bb1",
        "severity": "blocker",
        "location": {
          "path": "apps/web/overlays/staging/kustomization.yaml",
          "lines": {
            "begin": 12
          }
        }
      },
      {
        "description": "GP014: web in staging: cannot be proven: a patch of an unknown form",
        "check_name": "GP014",
        "fingerprint": "f8762081bccdd3ec37ac188673491c98cc1b25c5524978819da08632e7abca6b",
        "severity": "critical",
        "location": {
          "path": "apps/web/base/odd name#1.yaml",
          "lines": {
            "begin": 3
          }
        }
      },
      {
        "description": "GP005: web in staging: overridden: INC-42 by ann",
        "check_name": "GP005",
        "fingerprint": "6d2c06eb8ad90730b01d119683a9e6d1cbf921ee4e2653d253fbcc5428c24c86",
        "severity": "info",
        "location": {
          "path": "promote.toml",
          "lines": {
            "begin": 1
          }
        }
      },
      {
        "description": "GP007: the change touches 2 environments",
        "check_name": "GP007",
        "fingerprint": "406a1b4630da45dc8a3f7856fedefc49ccd805d6f7a2fb3df64036e5f8bf4c76",
        "severity": "minor",
        "location": {
          "path": "promote.toml",
          "lines": {
            "begin": 1
          }
        }
      }
    ]
    "#);
    assert_eq!(render(ReportKind::Codequality, &quiet()), "[]\n");
    for report in all() {
        for row in json(ReportKind::Codequality, &report).as_array().unwrap() {
            assert!(row["location"]["lines"]["begin"].as_u64().unwrap() > 0);
            assert!(!row["location"]["path"].as_str().unwrap().is_empty());
        }
    }
}

#[test]
fn junit_has_a_case_for_each_finding() {
    assert_snapshot!(render(ReportKind::Junit, &mixed()), @r#"
    <?xml version="1.0" encoding="UTF-8"?>
    <testsuites name="git-promote" tests="6" failures="2" errors="0">
      <testsuite name="git promote check" tests="6" failures="2" errors="0" skipped="1">
        <properties>
          <property name="base" value="1111111111111111111111111111111111111111"/>
          <property name="head" value="2222222222222222222222222222222222222222"/>
          <property name="config" value="promote.toml@3333333"/>
          <property name="verdict" value="deny"/>
          <property name="note" value="the base is 3 commits behind"/>
        </properties>
        <testcase classname="git-promote.GP003" name="GP003: web in staging"><system-out>pass: v1.2.3 is newer than v1.2.2</system-out></testcase>
        <testcase classname="git-promote.GP007" name="GP007: the change"><system-out>warn: the change touches 2 environments</system-out></testcase>
        <testcase classname="git-promote.GP001" name="GP001: web in staging" file="apps/web/overlays/staging/kustomization.yaml" line="12"><failure type="fail" message="dev runs v1.2.2, not v1.2.3">dev runs v1.2.2, not v1.2.3&#10;  at apps/web/overlays/staging/kustomization.yaml:12&#10;  newTag: v1.2.3 # next&#10;hint: git promote web@v1.2.3 dev</failure></testcase>
        <testcase classname="git-promote.GP009" name="GP009: web in staging"><skipped message="the clone has no history"/></testcase>
        <testcase classname="git-promote.GP005" name="GP005: web in staging"><system-out>overridden: INC-42 by ann</system-out></testcase>
        <testcase classname="git-promote.GP014" name="GP014: web in staging" file="apps/web/base/odd name#1.yaml" line="3"><failure type="unverifiable" message="cannot be proven: a patch of an unknown form">cannot be proven: a patch of an unknown form&#10;  at apps/web/base/odd name#1.yaml:3</failure></testcase>
      </testsuite>
    </testsuites>
    "#);
    let text = render(ReportKind::Junit, &quiet());
    assert!(text.contains("<testcase classname=\"git-promote\" name=\"the change\">"), "{text}");
}

#[test]
fn junit_is_xml_whatever_the_texts_say() {
    for report in all() {
        let text = render(ReportKind::Junit, &report);
        let document = roxmltree::Document::parse(&text).unwrap();
        let of = |name: &str| document.descendants().filter(|n| n.has_tag_name(name)).count();
        assert_eq!(of("testcase"), report.findings.len().max(1));
        assert_eq!(of("script"), 0);
        let suite = document.descendants().find(|n| n.has_tag_name("testsuite")).unwrap();
        assert_eq!(suite.attribute("failures").unwrap(), of("failure").to_string());
        assert_eq!(suite.attribute("skipped").unwrap(), of("skipped").to_string());
        let cases = document.descendants().filter(|n| n.has_tag_name("testcase"));
        let unique: BTreeSet<_> = cases.map(|n| n.attribute("name").unwrap()).collect();
        assert_eq!(unique.len(), of("testcase"));
    }
}

#[test]
fn markdown_is_a_summary() {
    assert_snapshot!(render(ReportKind::Markdown, &mixed()), @"
    ## git promote check: deny

    refused by 1 finding; 1 finding cannot be proven: `1111111..2222222`, judged by `promote.toml@3333333`.

    | App | Image | Environment | From | To |
    |---|---|---|---|---|
    | `web` | `registry.example/acme/web` | `staging` | `v1.2.2` | `v1.2.3` |
    | `api` | `registry.example/acme/api` | `staging` | `v1` | `v2` |

    ### Refused (1)

    - **GP001** `web in staging`: dev runs v1.2.2, not v1.2.3
      - at `apps/web/overlays/staging/kustomization.yaml:12`: `newTag: v1.2.3 # next`
      - to fix it: `git promote web@v1.2.3 dev`

    ### Cannot be proven (1)

    - **GP014** `web in staging`: a patch of an unknown form
      - at `apps/web/base/odd name#1.yaml:3`

    ### Overridden (1)

    - **GP005** `web in staging`: INC-42 by ann

    ### Warnings (1)

    - **GP007**: the change touches 2 environments

    ### Not asked (1)

    - **GP009** `web in staging`: the clone has no history

    1 finding passed.

    Note: the base is 3 commits behind
    ");
    assert_snapshot!(render(ReportKind::Markdown, &quiet()), @"
    ## git promote check: pass

    no version moves: `1111111..2222222`, judged by `promote.toml@3333333`.
    ");
}

/// The cells of a row as GFM cuts it: a backslash takes the sign behind it
/// along, and every other bar ends a cell, also in code.
fn cells(row: &str) -> usize {
    let mut signs = row.chars();
    let mut bars = 0;
    while let Some(sign) = signs.next() {
        match sign {
            '\\' => drop(signs.next()),
            '|' => bars += 1,
            _ => {}
        }
    }
    bars - 1
}

#[test]
fn no_text_is_markdown() {
    let text = render(ReportKind::Markdown, &hostile());
    let mut count: BTreeMap<&str, usize> = BTreeMap::new();
    let mut prose = String::new();
    let mut in_code = String::new();
    for event in Parser::new_ext(&text, Options::all()) {
        match event {
            Event::Start(Tag::Heading { .. }) => *count.entry("heading").or_default() += 1,
            Event::Start(Tag::TableCell) => *count.entry("cell").or_default() += 1,
            Event::Start(Tag::Item) => *count.entry("item").or_default() += 1,
            Event::Start(Tag::Strong) => *count.entry("strong").or_default() += 1,
            Event::Start(
                Tag::Paragraph | Tag::List(None) | Tag::Table(_) | Tag::TableHead | Tag::TableRow,
            )
            | Event::End(_)
            | Event::SoftBreak => {}
            Event::Text(text) => prose += &text,
            Event::Code(text) => in_code += &text,
            other => panic!("{other:?} in {text}"),
        }
    }
    let expected = [("cell", 10), ("heading", 2), ("item", 3), ("strong", 1)];
    assert_eq!(count, BTreeMap::from(expected), "{text}");
    // Those that the forge makes links of behind the parser.
    for link in [r"[@#!~$&%]\w", "://", r"(?i)www\.\w"] {
        let link = regex::Regex::new(link).unwrap();
        assert!(!link.is_match(&prose), "{link} in {prose}");
    }
    assert!(prose.contains("<script>") && in_code.contains("<script>"));
    let row = text.lines().filter(|line| line.starts_with('|')).nth(2).unwrap();
    assert_eq!(cells(row), 5, "{row}");
}

#[test]
fn markdown_fits_into_a_comment() {
    let text = render(ReportKind::Markdown, &many());
    assert!(text.len() <= 60_000 && text.len() > 50_000, "{}", text.len());
    assert!(text.contains(" versions more not shown here._\n"));
    assert!(text.contains(" findings more not shown here._\n"));
    let mut wide = quiet();
    let long = "\u{1f980} ".repeat(5_000);
    wide.findings = vec![finding(Rule::GP001, Outcome::Fail, &long); 100];
    wide.notes = vec![long; 100];
    assert!(render(ReportKind::Markdown, &wide).len() <= 60_000);
}

#[test]
fn the_document_of_a_check() {
    for report in all() {
        assert_valid(&check_value(&report));
    }
    let document = check_value(&mixed());
    assert_eq!(document["verdict"], "deny");
    assert_eq!(document["config"], format!("promote.toml@{}", "3".repeat(40)));
    assert_eq!(
        document["findings"][2],
        json!({"rule": "GP001", "result": "fail", "app": "web", "environment": "staging",
               "message": "dev runs v1.2.2, not v1.2.3", "line": 12,
               "path": "apps/web/overlays/staging/kustomization.yaml",
               "hint": "git promote web@v1.2.3 dev"})
    );
    let text =
        machine(Format::Json, &check_value(&hostile()), "findings", &check_table(&hostile()));
    assert!(!text.contains("##"), "{text}");
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), check_value(&hostile()));
}

#[test]
fn the_table_of_a_check_begins_with_what_refuses() {
    let report = mixed();
    let form = |format| machine(format, &check_value(&report), "findings", &check_table(&report));
    assert_snapshot!(form(Format::Table), @"
    RULE   RESULT        APP  ENVIRONMENT  PLACE                                            MESSAGE
    GP001  fail          web  staging      apps/web/overlays/staging/kustomization.yaml:12  dev runs v1.2.2, not v1.2.3
    GP014  unverifiable  web  staging      apps/web/base/odd name#1.yaml:3                  a patch of an unknown form
    GP005  overridden    web  staging      -                                                INC-42 by ann
    GP007  warn          -    -            -                                                the change touches 2 environments
    GP009  skip          web  staging      -                                                the clone has no history
    GP003  pass          web  staging      -                                                v1.2.3 is newer than v1.2.2
    ");
    assert_eq!(form(Format::Ndjson).lines().count(), report.findings.len());
}

fn standing() -> AuditReport {
    let row = |app: &str, ever_in: Option<bool>| AuditRow {
        app: AppId::named(app),
        image: format!("registry.example/acme/{app}"),
        environment: EnvironmentName::new("prod"),
        version: "v1.2.3".parse::<Pin>().unwrap(),
        missing_in: vec![EnvironmentName::new("staging"), EnvironmentName::new("qa")],
        since: ever_in.map(|_| 86_400),
        commit: ever_in.map(|_| "4".repeat(40)),
        ever_in,
        path: RepoPath::normalize("apps/web/overlays/prod/kustomization.yaml"),
        line: Some(9),
    };
    let rows = vec![row("web", Some(false)), row("api", Some(true)), row("job", None)];
    AuditReport { base: "1".repeat(40), rows }
}

#[test]
fn an_audit_in_every_form() {
    let report = standing();
    assert_snapshot!(audit(&report, PLAIN, false), @"
    web  prod  v1.2.3  not in staging, qa, and never was; since 1970-01-02T00:00:00Z 4444444
      at apps/web/overlays/prod/kustomization.yaml:9
    api  prod  v1.2.3  not in staging, qa any more; since 1970-01-02T00:00:00Z 4444444
      at apps/web/overlays/prod/kustomization.yaml:9
    job  prod  v1.2.3  not in staging, qa
      at apps/web/overlays/prod/kustomization.yaml:9
    3 versions are not in an environment before them (1111111)
    ");
    assert_snapshot!(audit_table(&report).tsv(), @"
    app	image	environment	version	missing in	ever	since	commit	place
    web	registry.example/acme/web	prod	v1.2.3	staging, qa	no	1970-01-02T00:00:00Z	4444444	apps/web/overlays/prod/kustomization.yaml:9
    api	registry.example/acme/api	prod	v1.2.3	staging, qa	yes	1970-01-02T00:00:00Z	4444444	apps/web/overlays/prod/kustomization.yaml:9
    job	registry.example/acme/job	prod	v1.2.3	staging, qa	-	-	-	apps/web/overlays/prod/kustomization.yaml:9
    ");
    let document = audit_value(&report);
    assert_valid(&document);
    assert_eq!(document["rows"][0]["everIn"], false);
    assert_eq!(document["rows"][2]["everIn"], Value::Null);
    assert_eq!(document["rows"][0]["missingIn"], json!(["staging", "qa"]));
    let empty = AuditReport { rows: Vec::new(), ..report };
    assert_snapshot!(audit(&empty, PLAIN, false), @"no version has skipped an environment (1111111)");
    assert_valid(&audit_value(&empty));
}

fn past() -> ReplayReport {
    let row = |id: &str, verdict: Verdict, rules: &[Rule]| ReplayRow {
        commit: id.repeat(40),
        time: 0,
        subject: "Bump ::error::".to_owned(),
        verdict,
        rules: rules.to_vec(),
        promotions: 2,
        moves: 2,
    };
    let rows = vec![
        row("a", Verdict::Deny, &[Rule::GP001, Rule::GP007]),
        row("b", Verdict::Pass, &[]),
        row("c", Verdict::Unverifiable, &[Rule::GP014]),
        row("d", Verdict::Deny, &[Rule::GP001]),
    ];
    ReplayReport { range: "v1..main".to_owned(), rows }
}

#[test]
fn a_replay_in_every_form() {
    let report = past();
    assert_snapshot!(replay(&report, PLAIN, false), @"
    v1..main: 4 commits: 1 pass, 2 deny, 1 unverifiable
    0 commits move no version; 0 of them refused
    GP001  2 commits
    GP007  1 commit
    GP014  1 commit

    COMMIT   TIME                  VERDICT       RULES        PROMOTIONS  SUBJECT
    aaaaaaa  1970-01-01T00:00:00Z  deny          GP001,GP007  2           Bump ::error::
    ccccccc  1970-01-01T00:00:00Z  unverifiable  GP014        2           Bump ::error::
    ddddddd  1970-01-01T00:00:00Z  deny          GP001        2           Bump ::error::
    ");
    let document = replay_value(&report);
    assert_valid(&document);
    assert_eq!(document["verdicts"], json!({"pass": 1, "deny": 2, "unverifiable": 1}));
    assert_eq!(document["rules"][0], json!({"rule": "GP001", "commits": 2}));
    assert_eq!(document["commits"], 4);
    assert_eq!(replay_table(&report).tsv().lines().count(), 5);
}
