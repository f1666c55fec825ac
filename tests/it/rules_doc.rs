//! A page of `docs/rules` for each rule: what `explain` prints. `UPDATE_DOCS=1`
//! writes them.

use std::fs;
use std::path::Path;

use promote::gate::RULES;

use crate::kit::{line, run};

#[test]
fn every_rule_has_the_page_that_explain_prints() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/rules");
    let repo = line();
    let mut names = Vec::new();
    for info in RULES {
        let name = format!("{}.md", info.rule);
        let said = run(&repo, &["explain", &info.rule.to_string()]).stdout(0);
        let page = format!("# {}\n\n{said}", info.rule);
        if std::env::var_os("UPDATE_DOCS").is_some() {
            fs::create_dir_all(&dir).unwrap();
            fs::write(dir.join(&name), &page).unwrap();
        }
        let written = fs::read_to_string(dir.join(&name)).unwrap_or_default();
        assert_eq!(written, page, "UPDATE_DOCS=1 cargo test --test it every_rule_has");
        names.push(name);
    }
    let mut found: Vec<String> = fs::read_dir(&dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    found.sort();
    assert_eq!(found, names, "a page of no rule");
}
