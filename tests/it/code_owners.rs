//! `config validate` on files of code owners.

use crate::kit::{line, run, save};

#[test]
fn what_is_protected_has_to_have_owners() {
    let sandbox = line();
    let config = sandbox.read("promote.toml");
    let prod = "name = \"prod\"\n";
    assert!(config.contains(prod));
    let protected = config.replace(prod, &format!("{prod}protected = true\n"));
    save(&sandbox, "Protect", &[("promote.toml", &protected)]);
    let said = || run(&sandbox, &["config", "validate"]).text();
    let none = said();
    assert!(none.starts_with("exit 0\n"), "{none}");
    assert!(
        none.contains("an environment is protected, and there is no file of code owners"),
        "{none}"
    );
    let owners = "* \n/apps/*/overlays/prod/ @acme/ops\n/apps/api/overlays/prod/\n";
    save(&sandbox, "Owners", &[(".github/CODEOWNERS", owners)]);
    let some = said();
    assert!(
        some.contains("prod: .github/CODEOWNERS has no owner of apps/api/overlays/prod\n"),
        "{some}"
    );
    assert!(
        some.contains("promote.toml: .github/CODEOWNERS has no owner of promote.toml"),
        "{some}"
    );
    assert!(!some.contains("staging"), "{some}");
    let owners = "/apps/*/overlays/prod/ @acme/ops\n/promote.toml @acme/leads\n";
    save(&sandbox, "All", &[(".github/CODEOWNERS", owners)]);
    let all = said();
    assert!(!all.contains("owner"), "{all}");
    // What the config names and what is held binds as well.
    let named = format!(
        "{protected}health = {{ command = [\"ci/smoke.sh\"] }}\n\n[[override]]\nrule = \"GP003\"\n\
         allowed-signers = [\".promote/signers\"]\n"
    );
    let hold = "[[hold]]\nenvironment = \"prod\"\napp = \"web\"\nreason = \"x\"\n";
    save(&sandbox, "Name", &[("promote.toml", &named), (".promote/holds.toml", hold)]);
    let some = said();
    for file in ["ci/smoke.sh", ".promote/signers", ".promote/holds.toml"] {
        let warning = format!("{file}: .github/CODEOWNERS has no owner of {file}");
        assert!(some.contains(&warning), "{some}");
    }
    save(&sandbox, "Back", &[("promote.toml", &protected)]);
    let verbose = run(&sandbox, &["config", "validate", "-v"]).text();
    assert!(verbose.contains("note: prod: owned by @acme/ops (.github/CODEOWNERS)"), "{verbose}");
    assert!(verbose.contains("note: staging: .github/CODEOWNERS has no owner of"), "{verbose}");
}
