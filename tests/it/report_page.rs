//! The page of `git promote report` in a real browser: what it loads, what it
//! says to those who do not see it, and how it fits.
//!
//! Pictures of it are kept in `target/tmp/report`.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::browser::{Browser, chromium};
use crate::krew::skip;
use crate::log::story;
use crate::report::{hostile, many, page};
use crate::testkit::Sandbox;

/// Of the page, what has to be in it for those who do not see it; gives what is
/// amiss.
const SOUND: &str = r"(() => {
  const amiss = [], all = (what) => [...document.querySelectorAll(what)];
  const need = (holds, what) => { if (!holds) amiss.push(what); };
  need(document.documentElement.lang === 'en', 'language');
  need(document.title.trim() !== '', 'title');
  for (const part of ['header', 'nav[aria-label]', 'main#main', 'footer'])
    need(all(part).length === 1, 'landmark ' + part);
  const levels = all('h1,h2,h3,h4').map((h) => +h.tagName[1]);
  need(levels[0] === 1 && levels.filter((l) => l === 1).length === 1, 'one h1, first');
  need(levels.every((l, at) => at === 0 || l <= levels[at - 1] + 1), 'order of headings');
  for (const t of all('table')) {
    need(t.caption && t.caption.textContent.trim(), 'caption');
    need([...t.querySelectorAll('th')].every((h) => ['col', 'row'].includes(h.scope)), 'scope');
    need([...t.tBodies[0].rows].every((r) => r.querySelector('th[scope=row]')), 'head of a row');
    need([...t.rows].every((r) => r.cells.length === t.rows[0].cells.length), 'as many cells a row');
  }
  for (const s of all('svg:not([aria-hidden])')) {
    need(s.getAttribute('role') === 'img', 'role of a plot');
    for (const id of (s.getAttribute('aria-labelledby') || '').split(' '))
      need(document.getElementById(id)?.textContent.trim(), 'text of a plot: ' + id);
    need(s.closest('section').querySelector('details table'), 'table of a plot');
  }
  for (const r of all('.scroll'))
    need(r.tabIndex === 0 && document.getElementById(r.getAttribute('aria-labelledby')), 'region');
  const ids = all('[id]').map((e) => e.id);
  need(new Set(ids).size === ids.length, 'ids');
  for (const a of all('a')) need(document.querySelector(a.getAttribute('href')), 'link ' + a.href);
  need(all('script,iframe,object,embed,form,base,img,b').length === 0, 'foreign elements');
  need(all('*').every((e) => [...e.attributes].every((a) => !/^on|^style$/.test(a.name))), 'handlers');
  return amiss;
})()";

/// What sticks out of the window, but for what scrolls by itself.
const TOO_WIDE: &str = r"[document.documentElement.scrollWidth - innerWidth,
  ...[...document.querySelectorAll('body *')].filter((e) => !e.closest('.scroll') &&
    !e.closest('.skip') && e.getBoundingClientRect().right > innerWidth + 0.5)
    .map((e) => e.tagName + '.' + e.className)].filter((e) => typeof e === 'string' || e > 0)";

/// The contrast of what is drawn, which axe-core does not measure: 4.5 of
/// letters, 3 of shapes; gives what has less.
const FAINT: &str = r"(() => {
  const light = (color) => {
    const [r, g, b] = color.match(/[\d.]+/g).slice(0, 3).map((v) => v / 255)
      .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a, b) => {
    const [low, high] = [light(a), light(b)].sort((x, y) => x - y);
    return (high + 0.05) / (low + 0.05);
  };
  return [...document.querySelectorAll('svg text, svg .move, svg .back, svg .gone, svg .ring')]
    .filter((e) => {
      const style = getComputedStyle(e), ground = getComputedStyle(e.closest('section'));
      const letters = e.tagName === 'text', drawn = /move|back/.test(e.className.baseVal);
      const color = letters || drawn ? style.fill : style.stroke;
      return contrast(color, ground.backgroundColor) < (letters ? 4.5 : 3);
    }).map((e) => e.outerHTML);
})()";

/// The browser with that page open in it.
fn opened(repo: &Sandbox, args: &[&str]) -> Option<(Browser, PathBuf)> {
    let Some(program) = chromium() else {
        skip("there is no chromium, the page was not looked at");
        return None;
    };
    let file = repo.dir.path().join("report.html");
    fs::write(&file, page(repo, args)).unwrap();
    let mut browser = Browser::start(&program);
    browser.media("screen", "light");
    browser.size(1_200, 900);
    browser.open(&file);
    Some((browser, file))
}

/// Nothing was requested but the page, and nothing was complained of.
fn is_silent(browser: &Browser) {
    for request in browser.told("Network.requestWillBeSent") {
        let url = request["request"]["url"].as_str().unwrap();
        assert!(url.ends_with("/report.html") || url == "data:,", "{url}");
    }
    for what in ["Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown"] {
        assert_eq!(browser.told(what), Vec::<&Value>::new());
    }
    assert!(browser.told("Page.javascriptDialogOpening").is_empty());
}

/// axe-core, where it is installed (`.ci/run` does that).
fn axe() -> Option<String> {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/page-check");
    let root = std::env::var_os("PROMOTE_PAGE_CHECK").map_or(default, PathBuf::from);
    fs::read_to_string(root.join("node_modules/axe-core/axe.min.js")).ok()
}

/// Everything that axe-core knows, with every fold open.
fn has_no_barrier(browser: &mut Browser) {
    let Some(axe) = axe() else {
        skip("axe-core is not installed (npm install axe-core), it was not asked");
        return;
    };
    browser.value(&(axe + "; 0"));
    browser.value("document.querySelectorAll('details').forEach((d) => { d.open = true; })");
    let run = "axe.run({resultTypes: ['violations']}).then((r) => r.violations.flatMap((v) => \
               v.nodes.map((n) => v.id + ': ' + n.html.slice(0, 160) + ' ' + n.failureSummary)))";
    assert_eq!(browser.value(run), json!([]));
}

fn looks_well(browser: &mut Browser, file: &Path, name: &str) {
    is_silent(browser);
    assert_eq!(browser.value(SOUND), json!([]));
    let read = browser.value("document.body.innerText");
    for scheme in ["light", "dark"] {
        browser.media("screen", scheme);
        browser.size(1_200, 900);
        browser.picture(&format!("{name}-{scheme}"));
        assert_eq!(browser.value(TOO_WIDE), json!([]));
        assert_eq!(browser.value(FAINT), json!([]));
        has_no_barrier(browser);
        browser.open(file);
    }
    browser.size(360, 780);
    browser.picture(&format!("{name}-narrow"));
    assert_eq!(browser.value(TOO_WIDE), json!([]));
    browser.value("document.querySelectorAll('details').forEach((d) => { d.open = true; })");
    assert_eq!(browser.value(TOO_WIDE), json!([]));
    browser.size(1_200, 900);
    browser.ask("Emulation.setScriptExecutionDisabled", &json!({"value": true}));
    browser.open(file);
    assert_eq!(browser.value("document.body.innerText"), read);
    is_silent(browser);
}

#[test]
fn the_page_is_sound_for_eyes_ears_and_keys() {
    let repo = story();
    let Some((mut browser, file)) = opened(&repo, &[]) else { return };
    looks_well(&mut browser, &file, "story");
}

#[test]
fn hostile_names_do_nothing_in_the_page() {
    let repo = hostile();
    let title = format!("{}</title><script>alert(9)</script>", crate::report::HOSTILE);
    let Some((mut browser, file)) = opened(&repo, &["--title", &title]) else { return };
    let cells = "[...document.querySelectorAll('#versions tbody th')].map((c) => c.textContent)";
    assert_eq!(browser.value(cells), json!([crate::report::HOSTILE_APP]));
    assert_eq!(browser.value("document.title"), format!("{title} \u{b7} promotions"));
    looks_well(&mut browser, &file, "hostile");
}

#[test]
fn a_page_of_many_apps_fits_as_well() {
    let repo = many(1_000);
    let Some((mut browser, file)) = opened(&repo, &[]) else { return };
    looks_well(&mut browser, &file, "many");
}

#[test]
fn the_two_schemes_differ_and_paper_shows_everything() {
    let repo = story();
    let Some((mut browser, _)) = opened(&repo, &[]) else { return };
    let ground = "getComputedStyle(document.body).backgroundColor";
    let light = browser.value(ground);
    browser.media("screen", "dark");
    assert_ne!(browser.value(ground), light);
    browser.media("print", "light");
    assert_eq!(browser.value("getComputedStyle(document.querySelector('nav')).display"), "none");
    let folded = "[...document.querySelectorAll('details table')].every((t) => t.checkVisibility(\
                  {contentVisibilityAuto: true}) && t.getBoundingClientRect().height > 0)";
    assert_eq!(browser.value(folded), true);
    browser.media("screen", "light");
    assert_eq!(browser.value(folded), false);
}

#[test]
fn the_keyboard_finds_its_way() {
    let repo = story();
    let Some((mut browser, _)) = opened(&repo, &[]) else { return };
    browser.press("Tab");
    let seen = "(() => { const e = document.activeElement, r = e.getBoundingClientRect(); return \
                [e.className, r.left >= 0 && r.top >= 0, getComputedStyle(e).outlineStyle]; })()";
    assert_eq!(browser.value(seen), json!(["skip", true, "solid"]));
    let stops = browser.value(
        "[...document.querySelectorAll('a,summary,[tabindex=\"0\"]')].filter((e) => \
         e.checkVisibility()).length",
    );
    let mut rings = 1;
    for _ in 1..stops.as_u64().unwrap() {
        browser.press("Tab");
        let ring = browser.value("getComputedStyle(document.activeElement).outlineStyle");
        assert_eq!(ring, "solid");
        rings += 1;
    }
    assert_eq!(json!(rings), stops);
}

#[test]
#[ignore = "looks at a page of your own: PROMOTE_REPORT_PAGE=/path/report.html"]
fn any_page_is_sound() {
    let file = PathBuf::from(std::env::var_os("PROMOTE_REPORT_PAGE").expect("a page to look at"));
    assert!(file.ends_with("report.html"));
    let mut browser = Browser::start(&chromium().expect("a chromium"));
    browser.media("screen", "light");
    browser.size(1_200, 900);
    browser.open(&file);
    looks_well(&mut browser, &file, "any");
}
