//! A config repository whose environments pull from registries on loopback.

use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;

use crate::real::promote;

pub(crate) struct Repo {
    dir: tempfile::TempDir,
    pub(crate) root: PathBuf,
}

impl Repo {
    /// `environments` are each a name and what is said of it.
    pub(crate) fn new(environments: &[(&str, String)]) -> Self {
        Self::laid_out("\"apps/{app}/overlays/{env}\"", environments)
    }

    /// The same with another path of the layout.
    pub(crate) fn laid_out(path: &str, environments: &[(&str, String)]) -> Self {
        let dir = tempfile::Builder::new().prefix("promote-registries-").tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap().join("repo");
        std::fs::create_dir(&root).unwrap();
        let repo = Self { dir, root };
        repo.git(&["init", "-q", "-b", "main"]);
        let mut config = format!("version = 1\n[layout]\npaths = [{path}]\n");
        for (name, more) in environments {
            config.push_str(&format!("\n[[environment]]\nname = \"{name}\"\n{more}\n"));
        }
        repo.write("promote.toml", &config);
        repo
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let file = self.root.join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }

    /// An app that pulls from this repository at this version.
    pub(crate) fn app(&self, environment: &str, repository: &str, pin: &str) {
        let pin = match pin.split_once('@') {
            Some((tag, digest)) => format!("newTag: {tag}\n  digest: {digest}"),
            None => format!("newTag: {pin}"),
        };
        self.write("apps/web/base/kustomization.yaml", "resources:\n- deployment.yaml\n");
        self.write("apps/web/base/deployment.yaml", DEPLOYMENT);
        let text = format!(
            "resources:\n- ../../base\nimages:\n- name: web\n  newName: {repository}\n  {pin}\n"
        );
        self.write(&at(environment), &text);
    }

    pub(crate) fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.root.join(path)).unwrap()
    }

    pub(crate) fn commit(&self, message: &str) -> String {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    pub(crate) fn git(&self, args: &[&str]) -> String {
        let mut command = Command::new("git");
        command.args(args).current_dir(&self.root).env("HOME", self.dir.path());
        command.env("GIT_CONFIG_NOSYSTEM", "1").envs(IDENTITY);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.run_with(args, &[])
    }

    pub(crate) fn run_with(&self, args: &[&str], variables: &[(&str, &str)]) -> Output {
        let mut command = promote(&self.root, args);
        command.env("HOME", self.dir.path()).envs(IDENTITY);
        command.envs(variables.iter().copied()).output().unwrap()
    }

    /// Standard output; the exit code has to be this one.
    #[track_caller]
    pub(crate) fn says(&self, args: &[&str], code: i32) -> String {
        let output = self.run(args);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(code), "{said}{error}");
        said + &error
    }

    #[track_caller]
    pub(crate) fn json(&self, args: &[&str], code: i32) -> Value {
        let output = self.run(&[args, &["-o", "json"]].concat());
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{error}");
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        let schema = self.run(&["schema", document["kind"].as_str().unwrap()]);
        let schema: Value = serde_json::from_slice(&schema.stdout).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let wrong: Vec<String> = validator.iter_errors(&document).map(|e| e.to_string()).collect();
        assert!(wrong.is_empty(), "{wrong:?}\n{document:#}");
        document
    }
}

/// The path of the kustomization of the app in an environment.
pub(crate) fn at(environment: &str) -> String {
    format!("apps/web/overlays/{environment}/kustomization.yaml")
}

const IDENTITY: [(&str, &str); 4] = [
    ("GIT_AUTHOR_NAME", "T"),
    ("GIT_AUTHOR_EMAIL", "t@example.com"),
    ("GIT_COMMITTER_NAME", "T"),
    ("GIT_COMMITTER_EMAIL", "t@example.com"),
];

const DEPLOYMENT: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  \
    selector:\n    matchLabels: {app: web}\n  template:\n    metadata:\n      labels: {app: web}\n    \
    spec:\n      containers:\n      - name: web\n        image: web\n";
