//! `git promote report`: Markdown, the document, and the page as text. How the
//! page fares in a browser: [`crate::report_page`].

use std::fs;

use insta::assert_snapshot;
use pulldown_cmark::{Event, Options, Parser, Tag};
use regex::Regex;

use crate::kit::{LINE, Run, at, line, overlay, put, repo, run, save, start};
use crate::log::{git_on, put_on, story};
use crate::testkit::Sandbox;

/// 12 days behind the first commit of [`story`].
pub(crate) const CLOCK: &str = "1701036800";

pub(crate) fn report<'a>(repo: &'a Sandbox, args: &[&str]) -> Run<'a> {
    run(repo, &[&["report"], args].concat()).env("SOURCE_DATE_EPOCH", CLOCK)
}

/// The page, as it is printed.
pub(crate) fn page(repo: &Sandbox, args: &[&str]) -> String {
    report(repo, &[&["--html", "-"], args].concat()).stdout(0)
}

/// A name, a reason and an author that would be markup, were they believed.
pub(crate) const HOSTILE: &str = "<img src=x onerror=alert(1)>";
pub(crate) const HOSTILE_APP: &str = "\"'><script>alert(2)<&script>";

/// A repository whose names, versions, authors and reasons are hostile.
pub(crate) fn hostile() -> Sandbox {
    let repo = repo(&[("promote.toml", LINE)]);
    for env in ["dev", "staging", "prod"] {
        repo.write(&at(HOSTILE_APP, env), &overlay(HOSTILE, "v1"));
    }
    git_on(&repo, 0, &["add", "-A"]);
    git_on(&repo, 0, &["commit", "-q", "-m", "Start"]);
    repo.write(&at(HOSTILE_APP, "prod"), &overlay(HOSTILE, "v2"));
    git_on(&repo, 1, &["add", "-A"]);
    let message = format!(
        "Move\n\nPromote-To: prod\nPromote-App: {HOSTILE_APP} v1 -> v2\nPromote-Override: GP001\n\
         Promote-Reason: [x](javascript:alert(3)) <b>{HOSTILE} @all\n"
    );
    let author = format!(
        "--author=x{}\u{202e} <x@example.org>",
        "</title><script>4".replace(['<', '>'], "&lt;")
    );
    git_on(&repo, 1, &["commit", "-q", &author, "-m", &message]);
    repo
}

#[test]
fn markdown_for_a_wiki() {
    let repo = story();
    let text = report(&repo, &["--title", "Shop"]).stdout(0);
    let text = Regex::new(r"`[0-9a-f]{7}`").unwrap().replace_all(&text, "`[ID]`");
    assert_snapshot!(text, @"
    # Promotions of Shop

    Commit `[ID]` on `main`, told 2023-11-26 22:13 UTC: 1 app in 3 environments, 1 behind, 0 open violations.

    ## Open violations

    None: every version was in the environments before its own.

    ## Versions

    | App | `dev` | `staging` | `prod` |
    | --- | --- | --- | --- |
    | `web` | `v1.1.0` (11d) | `v1.1.0` (9d) | `v1.0.0` **behind** (5d) |

    ## Delivery

    | Environment | Promotions | A week | Lead time, median | 90 % within | Went back | Time to restore |
    | --- | --- | --- | --- | --- | --- | --- |
    | `dev` | 1 | 0.63 | – | – | 0 (0 %) | – |
    | `staging` | 1 | 0.63 | 2d | 2d | 0 (0 %) | – |
    | `prod` | 2 | 1.27 | 5d | 5d | 1 (50 %) | 24h |

    ## Latest promotions

    | When (UTC) | Environment | App | From | To | By | Commit | Notes |
    | --- | --- | --- | --- | --- | --- | --- | --- |
    | 2023-11-21 22:13 | `prod` | `web` | `v1.1.0` | `v1.0.0` | A U Thor | `[ID]` | rollback |
    | 2023-11-20 22:13 | `prod` | `web` | `v1.0.0` | `v1.1.0` | A U Thor | `[ID]` |  |
    | 2023-11-17 22:13 | `staging` | `web` | `v1.0.0` | `v1.1.0` | A U Thor | `[ID]` |  |
    | 2023-11-15 22:13 | `dev` | `web` | `v1.0.0` | `v1.1.0` | A U Thor | `[ID]` |  |
    ");
    let same = report(&repo, &["-o", "markdown", "--title", "Shop"]).stdout(0);
    assert_eq!(same, report(&repo, &["--title", "Shop"]).stdout(0));
}

#[test]
fn the_document_holds_all_of_it() {
    let repo = story();
    let document = report(&repo, &["-o", "json"]).json(0);
    assert_eq!(document["kind"], "Report");
    assert_eq!(document["title"], "repo");
    assert_eq!(document["time"], "2023-11-26T22:13:20Z");
    assert_eq!(document["rows"].as_array().unwrap().len(), 1);
    assert_eq!(document["records"].as_array().unwrap().len(), 7);
    assert_eq!(document["metrics"][2]["rollbacks"], 1);
    assert_eq!(document["violations"], serde_json::json!([]));
    let since = report(&repo, &["-o", "json", "--since", "2023-11-20"]).json(0);
    assert_eq!(since["records"].as_array().unwrap().len(), 2);
    let narrow = report(&repo, &["-o", "json", "--env", "staging", "--app", "w*"]).json(0);
    assert_eq!(narrow["records"].as_array().unwrap().len(), 2);
    assert_eq!(narrow["environments"].as_array().unwrap().len(), 1);
    let none = report(&repo, &["-o", "json", "--app", "z*"]).json(0);
    assert_eq!((&none["rows"], &none["records"]), (&serde_json::json!([]), &serde_json::json!([])));
    assert_eq!(report(&repo, &["nobody"]).code(), 5);
    assert_eq!(report(&repo, &["--since", "yesteryear"]).code(), 2);
}

#[test]
fn a_version_that_never_was_before_is_a_violation_and_one_that_was_is_not() {
    let repo = line();
    put(&repo, "web", "staging", "v1.2.3");
    put(&repo, "web", "dev", "v1.2.4");
    assert_eq!(report(&repo, &["-o", "json"]).json(0)["violations"], serde_json::json!([]));
    put(&repo, "api", "prod", "v9");
    let document = report(&repo, &["-o", "json"]).json(0);
    assert_eq!(document["violations"][0]["version"], "v9");
    assert!(page(&repo, &[]).contains("api/overlays/prod/kustomization.yaml:5"));
    assert_eq!(report(&repo, &["-o", "json", "web"]).json(0)["violations"], serde_json::json!([]));
}

#[test]
fn the_same_commit_and_clock_give_the_same_bytes() {
    let repo = story();
    let first = page(&repo, &[]);
    let other = report(&repo, &["--html", "-"]).env("TZ", "Asia/Tokyo").env("LC_ALL", "C");
    assert_eq!(first, other.stdout(0));
    let later = run(&repo, &["report", "--html", "-"]).env("SOURCE_DATE_EPOCH", "1702000000");
    assert_ne!(first, later.stdout(0));
    let wrong = run(&repo, &["report"]).env("SOURCE_DATE_EPOCH", "soon");
    assert_eq!(wrong.code(), 2);
}

#[test]
fn a_page_is_written_and_nothing_else_is_overwritten() {
    let repo = story();
    let told = report(&repo, &["--html", "out.html"]).text();
    let size = Regex::new(r"\d+ KiB").unwrap();
    assert_snapshot!(size.replace(&told, "SIZE"), @"
    exit 0
    --- stderr
    note: wrote out.html (SIZE)
    ");
    let first = fs::read(repo.root.join("out.html")).unwrap();
    report(&repo, &["--html", "out.html", "web"]).stdout(0);
    assert_ne!(first, fs::read(repo.root.join("out.html")).unwrap());
    assert_snapshot!(report(&repo, &["--html", "promote.toml"]).text(), @"
    exit 2
    --- stderr
    error: promote.toml is there and is no HTML page; it was left as it is
    hint: git promote report --html report.html
    ");
    assert_snapshot!(report(&repo, &["--html", "no/such/out.html"]).text(), @"
    exit 8
    --- stderr
    error: cannot write no/such/out.html: there is no such directory
    hint: git promote report --html report.html
    ");
    let both = report(&repo, &["--html", "out.html", "-o", "json"]).json(0);
    assert_eq!(both["kind"], "Report");
    assert_eq!(repo.git(["status", "--porcelain"]), "?? out.html\n");
}

#[test]
fn nothing_foreign_is_markup_in_the_page() {
    let repo = hostile();
    let page = page(&repo, &["--title", HOSTILE]);
    assert!(!page.contains("<script") && !page.contains("<img") && !page.contains("<b>"));
    assert!(page.contains("&lt;img src=x onerror=alert(1)&gt;"));
    assert!(page.contains("&quot;'&gt;&lt;script&gt;alert(2)"));
    assert!(!page.contains('\u{202e}') && page.contains("javascript:alert(3)"));
    // What is no address of this page is no address at all.
    for address in Regex::new(r#"(?:href|src|content)="([^"]*)""#).unwrap().captures_iter(&page) {
        assert!(!address[1].contains("javascript"), "{}", &address[1]);
    }
    let hrefs = Regex::new(r#"href="([^#d][^"]*)""#).unwrap();
    assert!(!hrefs.is_match(&page));
}

#[test]
fn nothing_foreign_is_markup_in_markdown() {
    let repo = hostile();
    let text = report(&repo, &["--title", HOSTILE]).stdout(0);
    for event in Parser::new_ext(&text, Options::all()) {
        let html = matches!(event, Event::Html(_) | Event::InlineHtml(_));
        let link = matches!(event, Event::Start(Tag::Link { .. } | Tag::Image { .. }));
        assert!(!html && !link, "{event:?}");
    }
    assert!(!text.contains("@all"));
}

/// That many apps in [`LINE`], of which each hundredth differs.
pub(crate) fn many(apps: usize) -> Sandbox {
    use std::fmt::Write as _;
    let repo = repo(&[("promote.toml", LINE)]);
    let mut stream = String::from(
        "commit refs/heads/main\ncommitter A <a@example.org> 1700000000 +0000\ndata 4\nMany\n\
         from refs/heads/main^0\n",
    );
    for app in 0..apps {
        for env in ["dev", "staging", "prod"] {
            let tag = if app % 100 == 0 && env == "dev" { "v1.1.0" } else { "v1.0.0" };
            let name = format!("app-{app:05}");
            let text = overlay(&format!("registry.example/{name}"), tag);
            let path = at(&name, env);
            writeln!(stream, "M 100644 inline {path}\ndata {}\n{text}", text.len()).unwrap();
        }
    }
    let file = repo.dir.path().join("stream");
    fs::write(&file, stream).unwrap();
    let import = format!("git fast-import --quiet --force < '{}'", file.display());
    start(&repo, "sh", &["-c", &import]).stdout(0);
    repo
}

#[test]
fn many_apps_are_folded_and_it_is_said_what_is_left_out() {
    let repo = many(1_000);
    let page = page(&repo, &[]);
    assert!(page.contains("990 rows with the same version everywhere"), "{}", &page[..9_000]);
    assert!(page.contains("790 more rows are left out"));
    assert!(page.contains("git promote app-00900@v1.1.0 staging"));
    assert!(page.len() < 200_000, "{}", page.len());
    let text = report(&repo, &[]).stdout(0);
    assert!(text.contains("990 rows with the same version everywhere left out."), "{text}");
    assert!(text.len() < 10_000, "{}", text.len());
}

#[test]
fn a_repository_without_promotions_has_a_page_too() {
    let repo = repo(&[("promote.toml", LINE)]);
    let page = page(&repo, &[]);
    assert!(page.contains("No version was found.") && page.contains("No promotion was found."));
    save(&repo, "Add web", &[(&at("web", "dev"), &overlay("acme/web", "v1"))]);
    assert!(report(&repo, &[]).stdout(0).contains("Nothing was promoted."));
}

#[test]
fn images_that_move_together_are_one_promotion_everywhere() {
    let repo = repo(&[("promote.toml", LINE)]);
    let two = |tag: &str| {
        format!("images:\n- name: acme/web\n  newTag: {tag}\n- name: acme/proxy\n  newTag: {tag}\n")
    };
    for (day, tag) in [(0, "v1"), (2, "v2")] {
        repo.write(&at("web", "dev"), &two(tag));
        git_on(&repo, day, &["add", "-A"]);
        git_on(&repo, day, &["commit", "-q", "-m", "Move"]);
    }
    let page = page(&repo, &[]);
    assert!(page.contains("dev: 1 promotion, 0 of them rolled back."), "{page}");
    assert!(page.contains("<span class=\"soft\">1 promotion</span>"), "{page}");
}

#[test]
fn what_is_dated_in_the_future_is_left_out_and_said() {
    let repo = story();
    put_on(&repo, 5_000, ("web", "dev", "v1.2.0"));
    let page = page(&repo, &[]);
    assert!(page.contains("1 promotion is left out: dated later than now."), "{page}");
    assert!(!page.contains(">2037</"), "{page}");
    let old = run(&repo, &["report", "--html", "-"]).env("SOURCE_DATE_EPOCH", "1900000000");
    let old = old.stdout(0);
    assert!(old.contains("dated later than now"), "{old}");
}

#[test]
fn what_is_left_out_of_the_plots_is_said_with_the_command_that_shows_it() {
    let repo = story();
    put_on(&repo, 900, ("web", "dev", "v1.2.0"));
    put_on(&repo, 901, ("web", "dev", "v1.3.0"));
    let late = run(&repo, &["report", "--html", "-"]).env("SOURCE_DATE_EPOCH", "1780000000");
    let late = late.stdout(0);
    assert!(late.contains("4 older promotions are left out: "), "{late}");
    assert!(late.contains("git promote report --since 2023-11-14</code> shows them."), "{late}");
}

#[test]
fn every_next_step_is_shown() {
    let text = LINE.replace("name = \"prod\"", "name = \"eu\"\nfrom = [\"staging\"]")
        + "\n[[environment]]\nname = \"us\"\nfrom = [\"staging\"]\n";
    let repo = repo(&[("promote.toml", &text)]);
    for (env, tag) in [("dev", "v2"), ("staging", "v2"), ("eu", "v1"), ("us", "v1")] {
        put(&repo, "web", env, tag);
    }
    let page = page(&repo, &[]);
    assert!(page.contains("git promote web@v2 eu</code><code>git promote web@v2 us"), "{page}");
}

#[test]
fn what_was_not_judged_is_not_called_good() {
    let repo = repo(&[]);
    for env in ["dev", "blue"] {
        put(&repo, "web", env, "v1");
    }
    let text = report(&repo, &[]).stdout(0);
    assert!(text.contains("violations not judged."), "{text}");
    let page = page(&repo, &[]);
    assert!(page.contains("<dd class=\"value\">not judged</dd>"), "{page}");
    assert!(!page.contains("<div class=\"good\">"), "{page}");
}

#[test]
fn a_shallow_clone_says_so() {
    let repo = story();
    let shallow = repo.dir.path().join("shallow");
    let url = format!("file://{}", repo.root.display());
    repo.git(["clone", "-q", "--depth", "2", &url, shallow.to_str().unwrap()]);
    let page = page(&repo, &["-C", shallow.to_str().unwrap()]);
    assert!(page.contains("The clone is shallow"));
    assert!(page.contains("<h1>repo</h1>"));
}

#[test]
fn what_is_held_or_frozen_is_no_next_step_here_either() {
    let config = format!(
        "{LINE}freezes = [{{ from = \"2023-11-01\", to = \"2099-12-31\", timezone = \"UTC\" }}]\n\
         [[environment]]\nname = \"us\"\nfrom = [\"staging\"]\n"
    );
    let repo = repo(&[("promote.toml", &config)]);
    for app in ["api", "db", "web"] {
        for env in ["dev", "staging", "prod", "us"] {
            put(&repo, app, env, "v1");
        }
    }
    for (app, env) in [("api", "dev"), ("db", "staging"), ("web", "dev"), ("web", "staging")] {
        put(&repo, app, env, "v2");
    }
    run(&repo, &["hold", "us", "web", "--reason", "INC-42"]).stdout(0);
    let steps = |document: &serde_json::Value| -> Vec<serde_json::Value> {
        let rows = document["rows"].as_array().or(document["status"]["rows"].as_array()).unwrap();
        rows.iter().map(|row| row["next"].clone()).collect()
    };
    let status = run(&repo, &["status", "-o", "json"]).json(0);
    let document = report(&repo, &["-o", "json"]).json(0);
    assert_eq!(steps(&status), steps(&document), "{document}");
    let text = report(&repo, &[]).stdout(0) + &page(&repo, &[]);
    assert!(text.contains("git promote api@v2 staging") && text.contains("git promote db@v2 us"));
    for waits in ["git promote web@v2 us", "@v2 prod"] {
        assert!(!text.contains(waits), "{waits}");
    }
    assert!(text.contains("2 with a next step"));
    // It waits, and that is told where all that is due is moved.
    let due = run(&repo, &["next", "--due", "-n", "-o", "tsv"]).text();
    assert!(due.contains("db to prod") && due.contains("web to us"), "{due}");
}
