//! `git promote verify` where the config is taken away, broken or changed, for
//! one commit or for good.

use insta::assert_snapshot;

use crate::kit::{LINE, line, line_with, put, run, save};
use crate::testkit::Sandbox;
use crate::verify::{does, findings};

/// Prod gets what nobody tested, while the config is another; then the config is
/// what it was.
fn meanwhile(config: Option<&str>) -> Sandbox {
    let sandbox = line();
    match config {
        Some(text) => save(&sandbox, "Change the config", &[("promote.toml", text)]),
        None => {
            sandbox.git(["rm", "-q", "promote.toml"]);
            save(&sandbox, "Remove the config", &[]);
        }
    }
    put(&sandbox, "web", "prod", "v9.0.0");
    save(&sandbox, "Repair", &[("promote.toml", LINE)]);
    sandbox
}

#[test]
fn a_config_that_is_gone_or_broken_is_found_and_the_last_one_counts() {
    for config in [None, Some(&*format!("{LINE}xx\n"))] {
        let sandbox = meanwhile(config);
        assert_eq!(findings(&sandbox, &[]), ["1 unexplained", "2 config"], "{config:?}");
        // Each by itself, as a machine sees them that looks at every push.
        assert_eq!(findings(&sandbox, &["HEAD~1..HEAD"]), [""; 0]);
        assert_eq!(findings(&sandbox, &["HEAD~2..HEAD~1"]), ["1 unexplained"]);
        assert_eq!(findings(&sandbox, &["HEAD~3..HEAD~2"]), ["2 config"]);
        let told = run(&sandbox, &["verify", "-o", "json"]).json(1);
        assert_eq!((&told["withoutConfig"], &told["beforeConfig"]), (&2.into(), &0.into()));
        let ids = ["HEAD", "HEAD~1"].map(|name| sandbox.git(["rev-parse", name]).trim().to_owned());
        assert_eq!(told["commitsWithoutConfig"], serde_json::json!(ids));
    }
    let text = run(&meanwhile(None), &["verify"]).stdout(1);
    assert!(text.contains("config  the config is gone"), "{text}");
    assert!(text.contains("2 commits: without a config that can be read"), "{text}");
}

#[test]
fn a_config_that_looks_elsewhere_or_lets_go_is_told() {
    let elsewhere = LINE.replace("apps/{app}", "svc/{app}");
    let off = format!("{LINE}\n[[app]]\nname = \"web\"\npolicy = \"off\"\n");
    for (config, what) in [(&elsewhere, "laid out"), (&off, "held less strictly")] {
        let sandbox = meanwhile(Some(config));
        assert_eq!(findings(&sandbox, &[]), [""; 0]);
        let told = run(&sandbox, &["verify", "-o", "json"]).json(0);
        let turns = told["configChanges"].as_array().unwrap();
        assert_eq!(turns.len(), 2);
        assert!(turns[1]["changes"].to_string().contains(what), "{turns:?}");
        assert_eq!(findings(&sandbox, &["--strict", "HEAD~3.."]), ["0 config", "2 config"]);
    }
    let text = run(&meanwhile(Some(&off)), &["verify"]).stdout(0);
    let text: Vec<&str> =
        text.lines().map(|line| line.split_once(":13  ").map_or(line, |l| l.1)).collect();
    assert_snapshot!(text.join("\n"), @"
    HEAD: 5 commits, 8 version changes, 0 records: nothing is wrong
    7 versions: no record, of new apps or into environments that have none before them (--strict)
    1 version: no record, of apps whose `policy` is `off`
    2 commits: the config lets more through, or looks elsewhere (--strict)
    the `[[app]]` entry `web` is another
    `web` is held less strictly
    ");
}

#[test]
fn a_config_that_asks_for_more_is_not_told() {
    let sandbox = line_with("");
    let more = LINE.replace("name = \"prod\"\n", "name = \"prod\"\nsoak = \"1h\"\n");
    save(&sandbox, "Let it soak", &[("promote.toml", &more)]);
    does(&sandbox, &["web@v1.2.3", "staging"]);
    assert_eq!(findings(&sandbox, &[]), [""; 0]);
    let told = run(&sandbox, &["verify", "-o", "json"]).json(0);
    assert_eq!(told["configChanges"], serde_json::json!([]));
}

#[test]
fn what_was_never_readable_is_from_before_the_config() {
    let sandbox = crate::kit::repo(&[("promote.toml", "version = \n")]);
    save(&sandbox, "Say something", &[("README.md", "hello\n")]);
    save(&sandbox, "Mend the config", &[("promote.toml", LINE)]);
    save(&sandbox, "Say more", &[("README.md", "hello again\n")]);
    let told = run(&sandbox, &["verify", "-o", "json"]).json(0);
    let counts = (&told["commits"], &told["beforeConfig"], &told["withoutConfig"]);
    assert_eq!(counts, (&1.into(), &2.into(), &0.into()));
}

#[test]
fn a_config_that_comes_back_is_held_against_the_last_one() {
    let off = format!("{LINE}\n[[app]]\nname = \"web\"\npolicy = \"off\"\n");
    for between in [None, Some("version = \n")] {
        let sandbox = line();
        match between {
            Some(text) => save(&sandbox, "Break the config", &[("promote.toml", text)]),
            None => {
                sandbox.git(["rm", "-q", "promote.toml"]);
                save(&sandbox, "Remove the config", &[]);
            }
        }
        save(&sandbox, "Say something", &[("README.md", "hello\n")]);
        save(&sandbox, "Bring it back", &[("promote.toml", &off)]);
        let told = run(&sandbox, &["verify", "-o", "json"]).json(1);
        let turns = told["configChanges"].as_array().unwrap();
        assert_eq!(turns.len(), 1, "{turns:?}");
        assert!(turns[0]["changes"].to_string().contains("held less strictly"), "{turns:?}");
        // As it was, nobody has to look at it.
        save(&sandbox, "Take it back", &[("promote.toml", between.unwrap_or(""))]);
        save(&sandbox, "Bring it back again", &[("promote.toml", &off)]);
        let told = run(&sandbox, &["verify", "-o", "json", "HEAD~1.."]).json(0);
        assert_eq!(told["configChanges"], serde_json::json!([]));
    }
}

#[test]
fn a_layout_is_guessed_for_each_tree() {
    let (head, rest) = LINE.split_once("[layout]").unwrap();
    let (_, rest) = rest.split_once("\n\n").unwrap();
    let sandbox = line();
    save(&sandbox, "Let it be guessed", &[("promote.toml", &format!("{head}{rest}"))]);
    does(&sandbox, &["web@v1.2.3", "staging"]);
    put(&sandbox, "web", "prod", "v9.0.0");
    put(&sandbox, "web", "prod", "v1.2.2");
    save(&sandbox, "Say something", &[("docs/a.yaml", "a: b\n")]);
    sandbox.git(["mv", "apps", "services"]);
    save(&sandbox, "Rename the directory", &[]);
    does(&sandbox, &["web@v1.2.3", "prod"]);
    assert_eq!(findings(&sandbox, &["HEAD~6.."]), ["3 unexplained", "4 unexplained"]);
    let told = run(&sandbox, &["verify", "-o", "json", "HEAD~6.."]).json(1);
    assert_eq!((&told["records"], &told["withoutConfig"]), (&2.into(), &0.into()));
    let turns = told["configChanges"].as_array().unwrap();
    assert_eq!(turns.len(), 1, "{turns:?}");
    assert_eq!(turns[0]["commit"], sandbox.git(["rev-parse", "HEAD~1"]).trim());
    assert!(turns[0]["changes"].to_string().contains("apps/{app}"), "{turns:?}");
    // The commit that renames is the newest one too.
    let told = run(&sandbox, &["verify", "-o", "json", "HEAD~2..HEAD~1"]).json(0);
    assert_eq!(told["configChanges"].as_array().unwrap().len(), 1);
}
