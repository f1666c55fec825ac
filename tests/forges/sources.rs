//! Where tokens come from, and where they do not go.

use std::cell::RefCell;

use promote::forge::{
    Ask, ForgeError, Form, Place, Sources, Token, Told, ask_program, find_token, missing_token,
};
use promote::model::ForgeKind;

use crate::github_app::skipped;

/// A search with these variables, and programs that answer.
fn found(
    place: &Place,
    variables: &[(&str, &str)],
    program: &dyn Fn(&Ask) -> Option<String>,
) -> Result<Option<Token>, ForgeError> {
    let variable = |name: &str| {
        let known = variables.iter().find(|(known, _)| *known == name);
        known.map(|(_, value)| (*value).to_owned())
    };
    find_token(place, Sources { variable: &variable, program }, None)
}

/// Where the token of a place comes from with these variables: its source and
/// its form.
fn from(place: &Place, variables: &[(&str, &str)]) -> String {
    match found(place, variables, &|_| None) {
        Ok(Some(token)) => format!("{} {:?}", token.source(), token.form()),
        Ok(None) => "none".to_owned(),
        Err(error) => error.to_string(),
    }
}

fn at(remote: &str, kind: ForgeKind) -> Place {
    Place::find(remote, Told { kind: Some(kind), ..Told::default() }).unwrap().unwrap()
}

/// A remote of the user and an interface that a file of the repository names.
fn led_astray() -> Place {
    let api = Some("https://elsewhere.example/api/v3");
    let told = Told { kind: Some(ForgeKind::GitHub), api, repository: None };
    Place::find("https://github.com/acme/config", told).unwrap().unwrap()
}

#[test]
fn our_variable_comes_first_and_apps_before_those_of_others() {
    let github = at("https://github.com/acme/config", ForgeKind::GitHub);
    let all = [
        ("GITHUB_TOKEN", "c3"),
        ("GH_TOKEN", "c2"),
        ("GIT_PROMOTE_APP_ID", "42"),
        ("GIT_PROMOTE_APP_KEY", "-----BEGIN\\nkey"),
        ("GIT_PROMOTE_APP_INSTALLATION", "5"),
        ("GIT_PROMOTE_TOKEN", "c1"),
    ];
    assert_eq!(from(&github, &all), "GIT_PROMOTE_TOKEN Access");
    let app = "GIT_PROMOTE_APP_KEY App { id: 42, installation: Some(5) }";
    assert_eq!(from(&github, &all[..5]), app);
    assert_eq!(from(&github, &all[..2]), "GH_TOKEN Access");
    assert_eq!(from(&github, &all[..1]), "GITHUB_TOKEN Access");
    assert_eq!(from(&github, &[("GH_TOKEN", "  "), ("GITHUB_TOKEN", "c")]), "GITHUB_TOKEN Access");
    assert_eq!(from(&github, &[]), "none");
    assert!(from(&github, &[("GIT_PROMOTE_APP_ID", "x"), all[3]]).contains("is no number"));
    let file = from(&github, &[all[2], ("GIT_PROMOTE_APP_KEY", "/nowhere/key.pem")]);
    assert!(file.contains("neither a key nor a file"), "{file}");
}

#[test]
fn variables_of_one_host_go_to_no_other() {
    let server = at("git@github.example.org:acme/config", ForgeKind::GitHub);
    let cloud = at("https://acme.ghe.com/acme/config", ForgeKind::GitHub);
    let github = at("https://github.com/acme/config", ForgeKind::GitHub);
    let usual = [("GH_TOKEN", "c"), ("GITHUB_TOKEN", "c")];
    let enterprise = [("GH_ENTERPRISE_TOKEN", "c")];
    assert_eq!(from(&server, &usual), "none");
    assert_eq!(from(&cloud, &usual), "GH_TOKEN Access");
    assert_eq!(from(&server, &enterprise), "GH_ENTERPRISE_TOKEN Access");
    assert_eq!(from(&github, &enterprise), "none");
    // The user says which host is meant.
    assert_eq!(from(&server, &[enterprise[0], ("GH_HOST", "other.example")]), "none");
    // A workflow on a server of its own.
    let home = ("GITHUB_SERVER_URL", "https://github.example.org");
    assert_eq!(from(&server, &[usual[1], home]), "GITHUB_TOKEN Access");
    assert_eq!(from(&github, &[usual[1], home]), "none");
}

#[test]
fn a_file_of_the_repository_leads_no_token_astray() {
    let astray = led_astray();
    assert_eq!(astray.api_host(), "elsewhere.example");
    for name in ["GH_TOKEN", "GITHUB_TOKEN", "GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN"] {
        assert_eq!(from(&astray, &[(name, "c")]), "none", "{name}");
    }
    let refused = from(&astray, &[("GIT_PROMOTE_TOKEN", "c")]);
    assert!(refused.contains("only where GIT_PROMOTE_HOST=elsewhere.example is set"), "{refused}");
    let app = [("GIT_PROMOTE_APP_ID", "4"), ("GIT_PROMOTE_APP_KEY", "-----BEGIN")];
    assert_eq!(from(&astray, &app), refused.replace("GIT_PROMOTE_TOKEN", "GIT_PROMOTE_APP_KEY"));
    let named = [("GIT_PROMOTE_TOKEN", "c"), ("GIT_PROMOTE_HOST", "elsewhere.example")];
    assert_eq!(from(&astray, &named), "GIT_PROMOTE_TOKEN Access");
    for kind in [ForgeKind::Gitea, ForgeKind::GitLab, ForgeKind::Azure, ForgeKind::Bitbucket] {
        let place = Place { kind, ..astray.clone() };
        let usual = ["GITEA_TOKEN", "FORGEJO_TOKEN", "GITLAB_TOKEN", "AZURE_DEVOPS_EXT_PAT"];
        let more = ["SYSTEM_ACCESSTOKEN", "BITBUCKET_TOKEN", "CI_JOB_TOKEN"];
        for name in usual.iter().chain(&more) {
            assert_eq!(from(&place, &[(name, "c")]), "none", "{name}");
        }
    }
}

#[test]
fn each_forge_has_its_variables() {
    let gitlab = at("https://gitlab.example.org/acme/config", ForgeKind::GitLab);
    let server = ("CI_SERVER_HOST", "gitlab.example.org");
    assert_eq!(from(&gitlab, &[("GITLAB_TOKEN", "c")]), "GITLAB_TOKEN Access");
    assert_eq!(from(&gitlab, &[("GITLAB_TOKEN", "c"), ("GITLAB_HOST", "gitlab.com")]), "none");
    assert_eq!(from(&gitlab, &[("CI_JOB_TOKEN", "c")]), "none");
    assert_eq!(from(&gitlab, &[("CI_JOB_TOKEN", "c"), server]), "CI_JOB_TOKEN Job");
    let gitea = at("https://codeberg.org/acme/config", ForgeKind::Gitea);
    assert_eq!(from(&gitea, &[("FORGEJO_TOKEN", "c")]), "FORGEJO_TOKEN Access");
    let azure = at("https://dev.azure.com/acme/shop/_git/config", ForgeKind::Azure);
    assert_eq!(from(&azure, &[("AZURE_DEVOPS_EXT_PAT", "c")]), "AZURE_DEVOPS_EXT_PAT Access");
    assert_eq!(from(&azure, &[("SYSTEM_ACCESSTOKEN", "c")]), "SYSTEM_ACCESSTOKEN Bearer");
    let bitbucket = at("https://bitbucket.org/acme/config", ForgeKind::Bitbucket);
    let password = [("BITBUCKET_USERNAME", "ann"), ("BITBUCKET_APP_PASSWORD", "c")];
    let wanted = "BITBUCKET_APP_PASSWORD Password { user: \"ann\" }";
    assert_eq!(from(&bitbucket, &password), wanted);
    assert_eq!(from(&bitbucket, &password[1..]), "none");
}

#[test]
fn programs_are_asked_for_the_host_and_cannot_answer_from_variables() {
    let asked = RefCell::new(Vec::new());
    let program = |ask: &Ask| {
        asked.borrow_mut().push(ask.clone());
        (ask.program == "git").then(|| "username=ann\npassword=from-git\n".to_owned())
    };
    let token = found(&led_astray(), &[("GH_TOKEN", "c")], &program).unwrap().unwrap();
    assert_eq!((token.source(), token.form()), ("git credential", &Form::Access));
    let asked = asked.into_inner();
    let [gh, git] = &asked[..] else { panic!("{asked:?}") };
    assert_eq!(gh.args, ["auth", "token", "--hostname", "elsewhere.example"]);
    assert_eq!(git.input, "protocol=https\nhost=elsewhere.example\npath=acme/config.git\n\n");
    for ask in [gh, git] {
        for name in ["GH_TOKEN", "GITHUB_TOKEN", "GH_ENTERPRISE_TOKEN", "GITLAB_TOKEN"] {
            assert!(ask.unset.contains(&name), "{ask:?}");
        }
        for pair in [("GIT_TERMINAL_PROMPT", "0"), ("GIT_ASKPASS", ""), ("SSH_ASKPASS", "")] {
            assert!(ask.set.contains(&pair), "{ask:?}");
        }
    }
    let gh = |ask: &Ask| (ask.program == "gh").then(|| "from-gh\n".to_owned());
    let github = at("https://github.com/acme/config", ForgeKind::GitHub);
    assert_eq!(found(&github, &[], &gh).unwrap().unwrap().source(), "gh");
}

#[test]
fn git_is_asked_for_https_alone_and_for_one_host() {
    let never = |ask: &Ask| -> Option<String> {
        assert_ne!(ask.program, "git", "{ask:?}");
        None
    };
    let mut place = led_astray();
    place.api = "http://elsewhere.example/api/v3".to_owned();
    assert_eq!(found(&place, &[], &never).unwrap(), None);
    place.api = "https://elsewhere.example/api/v3".to_owned();
    place.repository = "acme/config\nhost=github.com".to_owned();
    assert_eq!(found(&place, &[], &never).unwrap(), None);
}

#[test]
fn git_answers_from_its_helpers_and_asks_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let git = |args: &[&str]| {
        let mut git = std::process::Command::new("git");
        git.args(args).current_dir(dir.path()).output().is_ok_and(|output| output.status.success())
    };
    if !git(&["init", "-q"]) {
        skipped("there is no git");
        return;
    }
    let place = at("https://git.example/acme/config", ForgeKind::GitHub);
    let find = || {
        let sources = Sources {
            variable: &|_| None,
            program: &|ask| (ask.program == "git").then(|| ask_program(ask))?,
        };
        find_token(&place, sources, Some(dir.path())).unwrap()
    };
    // One that asks a person would leave a mark.
    let asks = dir.path().join("asks.sh");
    std::fs::write(&asks, "#!/bin/sh\ntouch asked\necho secret\n").unwrap();
    assert!(git(&["config", "core.askPass", &format!("sh {}", asks.display())]));
    assert!(git(&["config", "credential.helper", ""]));
    assert_eq!(find(), None);
    assert!(!dir.path().join("asked").exists());
    assert!(git(&[
        "config",
        "--add",
        "credential.helper",
        "!f() { echo username=ann; echo password=from-helper; }; f"
    ]));
    let token = find().unwrap();
    assert_eq!((token.source(), token.form()), ("git credential", &Form::Access));
    assert!(!format!("{token:?}").contains("from-helper"), "{token:?}");
}

#[test]
fn a_program_that_hangs_or_fails_knows_nothing() {
    let ask = |program: &'static str, args: &[&str]| {
        let args = args.iter().map(|arg| (*arg).to_owned()).collect();
        ask_program(&Ask { program, args, input: String::new(), set: &[], unset: &[], dir: None })
    };
    assert_eq!(ask("git-promote-no-such-program", &[]), None);
    assert_eq!(ask("sh", &["-c", "echo token; exit 1"]), None);
    assert_eq!(ask("sh", &["-c", "echo token"]), Some("token\n".to_owned()));
}

#[test]
fn what_is_missing_names_the_variables() {
    let said = |remote: &str, kind: ForgeKind| missing_token(&at(remote, kind)).to_string();
    assert_eq!(
        said("https://github.com/acme/config", ForgeKind::GitHub),
        "there is no token for github.com: set GIT_PROMOTE_TOKEN, GH_TOKEN or GITHUB_TOKEN"
    );
    let server = said("https://git.example/acme/config", ForgeKind::GitHub);
    assert!(server.ends_with("for git.example: set GIT_PROMOTE_TOKEN or GH_ENTERPRISE_TOKEN"));
}
