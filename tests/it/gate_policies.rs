//! GP017: policies and required trailers. What expressions may say is a test
//! of `expression`.

use insta::assert_snapshot;
use promote::config::{from_toml, to_toml};
use promote::model::Rule;

use crate::config::error;
use crate::judged::Judged;
use crate::kit::{LINE, line, put, run, save};
use crate::testkit::Sandbox;

fn policy(text: &str) -> Judged {
    let mut judged = Judged::with("");
    judged.config.push_str(&format!("\n[[policy]]\nname = \"p\"\n{text}\n"));
    judged
}

fn says(judged: &Judged) -> String {
    judged.says(Rule::GP017)
}

#[test]
fn a_policy_that_is_false_refuses() {
    let minor = "expression = \"promotion.step == 'minor'\"";
    assert_snapshot!(says(&policy("expression = \"promotion.step == 'major'\"")), @"Fail: policy `p`: `promotion.step == 'major'` is false");
    assert_snapshot!(says(&policy(minor)), @"Fail: policy `p`: `promotion.step == 'minor'` is false");
    assert_snapshot!(says(&policy(&format!("{minor}\nmessage = \"only minor steps\""))), @"Fail: policy `p`: only minor steps");
    assert_eq!(says(&policy(&format!("{minor}\nenvironments = [\"prod\"]"))), "");
    assert_snapshot!(says(&policy("expression = \"from[3].name == 'x'\"")), @"Fail: policy `p`: cannot be told: Index out of bounds: Int(3)");
    assert_snapshot!(says(&policy("expression = \"from.all(f, now - f.since >= duration('24h'))\"")), @"Pass: holds: `p`");
    assert_snapshot!(says(&policy("expression = \"from.all(f, now - f.since > duration('24h'))\"")), @"Fail: policy `p`: `from.all(f, now - f.since > duration('24h'))` is false");
    assert_eq!(says(&Judged::with("")), "");
}

#[test]
fn only_a_policy_that_says_so_is_waived() {
    let minor = "expression = \"promotion.step == 'minor'\"";
    assert!(says(policy(minor).waive(Rule::GP017)).starts_with("Fail"));
    let mut open = policy(&format!("{minor}\noverride = true"));
    assert_snapshot!(says(open.waive(Rule::GP017)), @"Overridden: policy `p`: `promotion.step == 'minor'` is false (overridden: INC-42)");
    assert_eq!(open.says(Rule::GP012).split(':').next(), Some("Pass"));
    let mut both = policy(&format!("{minor}\noverride = true"));
    both.config = both
        .config
        .replace("name = \"staging\"", "name = \"staging\"\nrequire-trailers = [\"Ticket\"]");
    assert_snapshot!(says(both.waive(Rule::GP017)), @"
    Fail: staging wants the trailer `Ticket`, and no commit carries it
    Overridden: policy `p`: `promotion.step == 'minor'` is false (overridden: INC-42)
    ");
}

#[test]
fn what_waives_one_policy_hides_no_other() {
    for first in ["soft", "hard"] {
        let mut judged = Judged::with("");
        let policies = [
            ("soft", "\nname = \"soft\"\nexpression = \"false\"\noverride = true\n"),
            // Its name begins as that of the other one does in a finding.
            ("hard", "\nname = \"soft: \"\nexpression = \"false\"\nmessage = \"never\"\n"),
        ];
        let (own, others): (Vec<_>, Vec<_>) = policies.iter().partition(|one| one.0 == first);
        for (_, text) in own.into_iter().chain(others) {
            judged.config.push_str(&format!("\n[[policy]]{text}"));
        }
        let mut said: Vec<String> =
            says(judged.waive(Rule::GP017)).lines().map(str::to_owned).collect();
        said.sort();
        let waived = "Overridden: policy `soft`: `false` is false (overridden: INC-42)";
        assert_eq!(said, ["Fail: policy `soft: `: never", waived]);
    }
}

#[test]
fn a_trailer_that_is_wanted_has_to_be_there() {
    let mut judged = Judged::with("require-trailers = [\"Ticket\", \"Change-Id\"]");
    assert_snapshot!(says(&judged), @"
    Fail: staging wants the trailer `Ticket`, and no commit carries it
    Fail: staging wants the trailer `Change-Id`, and no commit carries it
    ");
    let findings = judged.findings();
    let hints: Vec<_> = findings.iter().filter(|one| one.rule == Rule::GP017).collect();
    let both = "git promote web@v2 staging --trailer Ticket=TEXT --trailer Change-Id=TEXT";
    assert!(hints.iter().all(|finding| finding.hint.as_deref() == Some(both)), "{hints:?}");
    judged.trailers.push(("ticket".to_owned(), "OPS-42".to_owned()));
    assert_snapshot!(says(&judged), @"Fail: staging wants the trailer `Change-Id`, and no commit carries it");
    judged.trailers.push(("Change-Id".to_owned(), " ".to_owned()));
    assert!(says(&judged).starts_with("Fail"), "an empty one is none");
    judged.trailers.push(("Change-Id".to_owned(), "I1".to_owned()));
    assert_snapshot!(says(&judged), @"Pass: every trailer is there");
}

fn wanting() -> Sandbox {
    let repo = line();
    let config =
        LINE.replace("name = \"staging\"", "name = \"staging\"\nrequire-trailers = [\"Ticket\"]");
    save(&repo, "Want a ticket", &[("promote.toml", &config)]);
    repo
}

#[test]
fn promote_and_check_want_the_trailer() {
    let repo = wanting();
    assert_snapshot!(run(&repo, &["web@v1.2.3", "staging"]).text(), @"
    exit 3
    --- stdout
    web  staging  v1.2.2 -> v1.2.3
    ok    GP001  dev has run v1.2.3 for [AGE] ([ID])
    ok    GP003  v1.2.3 is newer than v1.2.2
    ok    GP004  no digest is pinned
    ok    GP005  v1.2.3 is no moving tag
    ok    GP007  only staging changes
    ok    GP008  no image of the set stays behind
    ok    GP011  every manifest can be read
    fail  GP017  staging wants the trailer `Ticket`, and no commit carries it
                  at apps/web/overlays/staging/kustomization.yaml:5
    --- stderr
    error: refused by GP017; nothing was changed
    hint: git promote web@v1.2.3 staging --trailer Ticket=TEXT
    hint: git promote explain GP017
    ");
    repo.git(["branch", "base"]);
    run(&repo, &["web@v1.2.3", "staging", "--trailer", "Ticket=OPS-42"]).stdout(0);
    assert_eq!(run(&repo, &["check", "base..HEAD"]).code(), 0);
    repo.git(["checkout", "-q", "--detach", "base"]);
    put(&repo, "web", "staging", "v1.2.3");
    let said = run(&repo, &["check", "base..HEAD"]).text();
    assert!(said.starts_with("exit 3") && said.contains("--trailer 'Ticket: TEXT'"), "{said}");
    repo.git(["commit", "-q", "--allow-empty", "-m", "Name it", "--trailer", "Ticket: OPS-42"]);
    assert_eq!(run(&repo, &["check", "base..HEAD"]).code(), 0);
}

#[test]
fn what_is_no_policy_has_its_place() {
    let above = "version = 1\n[[environment]]\nname = \"dev\"\n";
    let bad = |text: &str| error(from_toml(&format!("{above}{text}\n")));
    let policy =
        |expression: &str| bad(&format!("[[policy]]\nname = \"p\"\nexpression = {expression}"));
    let all = [
        policy("\"promotion.nmae == 'x'\""),
        policy("'''\npromotion.app == 'x' &&\n  promotion.tga == 'y'\n'''"),
        policy("\"promotion.app == \\\"x\\\" && 1\""),
        policy("\"1 +\""),
        bad("[[policy]]\nname = \"p\""),
        bad("[[policy]]\nname = \"\"\nexpression = \"true\""),
        bad(
            "[[policy]]\nname = \"p\"\nexpression = \"true\"\n[[policy]]\nname = \"p\"\nexpression = \"true\"",
        ),
        bad("[[policy]]\nname = \"p\"\nexpression = \"true\"\nenvironments = [\"prod\"]"),
        bad("[policy]\nname = \"p\""),
        bad("[[policy]]\nname = \"p\"\nexpresion = \"true\""),
        bad("require-trailers = [\"Promote-To\"]").replace("MisplacedKey", ""),
    ];
    assert_snapshot!(all.concat(), @"
    promote.toml:6:24: the expression cannot be used: no field `nmae`: app, group, image, version, tag, digest, previous, step, rollback
      hint: docs/policies.md lists what an expression can ask
    promote.toml:8:12: the expression cannot be used: no field `tga`: app, group, image, version, tag, digest, previous, step, rollback
      hint: docs/policies.md lists what an expression can ask
    promote.toml:6:38: the expression cannot be used: `&&` does not take bool and int
      hint: docs/policies.md lists what an expression can ask
    promote.toml:6:18: the expression cannot be used: syntax error: mismatched input '<eof>'
      hint: docs/policies.md lists what an expression can ask
    promote.toml:4:1: the key `expression` is missing
      hint: add `expression`
    promote.toml:5:8: `` is not a valid name of a policy: it is no name on one line
      hint: write it like `no majors on Fridays`
    promote.toml:8:8: `p` is given twice in `policy`
      hint: remove the second `p`
    promote.toml:7:17: the environment `prod` is not configured
      hint: list it under the environments, or correct the name
    promote.toml:4:1: `policy` is a list of tables, not a table
      hint: write `[[policy]]` above each of them
    promote.toml:6:1: unknown key `expresion`, did you mean `expression`?
      hint: write `expression`
    promote.toml:4:21: `Promote-To` is not a valid key of a trailer: letters, digits and dashes, and not one of the record's
      hint: write it like `Ticket`
    ");
}

#[test]
fn what_is_written_reads_back() {
    let text = "version = 1\n[[environment]]\nname = \"dev\"\nrequire-trailers = [\"Ticket\"]\n\n[[policy]]\nname = \"p \\\"q\\\"\"\nexpression = '''\npromotion.app == \"x\" ||\n  true'''\nenvironments = [\"dev\"]\nmessage = \"no\"\noverride = true\n\n[[policy]]\nname = \"r\"\nexpression = \"true\"\n";
    let config = from_toml(text).unwrap();
    let written = to_toml(&config, &[]);
    assert_eq!(from_toml(&written).as_ref(), Ok(&config), "{written}");
}
