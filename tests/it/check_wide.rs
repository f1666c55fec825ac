//! Large repositories: what is not searched there is said.

use serde_json::Value;

use crate::kit::{line, put, run, save};

fn notes(sandbox: &crate::testkit::Sandbox) -> String {
    let args = ["check", "--base", "HEAD~1", "--head", "HEAD", "-o", "json"];
    let document: Value = serde_json::from_str(&run(sandbox, &args).stdout(0)).unwrap();
    document["notes"].to_string()
}

#[test]
fn a_search_that_is_left_out_is_told() {
    let sandbox = line();
    put(&sandbox, "web", "staging", "v1.2.3");
    assert!(!notes(&sandbox).contains("not searched"));
    for number in 0..2_500 {
        sandbox.write(&format!("docs/{number}/note.txt"), "a note\n");
    }
    save(&sandbox, "Add notes", &[]);
    assert!(!notes(&sandbox).contains("not searched"), "what is outside is searched for");
    put(&sandbox, "web", "prod", "v1.2.3");
    assert!(notes(&sandbox).contains("not searched"));
}
