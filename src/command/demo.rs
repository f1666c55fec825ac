//! `git promote demo`: a sample config repository with history and a remote,
//! and a tour of the program in it.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;

use super::{Answer, Context, Exit, Failure, Front};

/// Make a sample config repository and show a tour of it
#[derive(Debug, Clone, Args)]
pub struct DemoArgs {
    /// Where to make it; a temporary directory if it is not named. With -q
    /// only its path is printed, and no tour
    #[arg(value_name = "DIR")]
    pub directory: Option<PathBuf>,
}

/// The files of the sample: three environments of two apps.
const FILES: [(&str, &str); 4] = [
    (
        "promote.toml",
        "version = 1\n\n[layout]\npaths = [\"apps/{app}/overlays/{env}\"]\n\n\
         [[environment]]\nname = \"dev\"\n\n[[environment]]\nname = \"staging\"\n\n\
         [[environment]]\nname = \"prod\"\n",
    ),
    (
        "apps/APP/base/deployment.yaml",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: APP\nspec:\n  selector:\n    \
         matchLabels: {app: APP}\n  template:\n    metadata:\n      labels: {app: APP}\n    spec:\n      \
         containers:\n      - name: APP\n        image: registry.example/acme/APP\n",
    ),
    (
        "apps/APP/base/kustomization.yaml",
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n- deployment.yaml\n",
    ),
    (
        "apps/APP/overlays/ENV/kustomization.yaml",
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nnamespace: ENV\nresources:\n\
         - ../../base\nimages:\n# pinned by git promote\n- name: registry.example/acme/APP\n  newTag: v1.2.0\n",
    ),
];

const ENVIRONMENTS: [&str; 3] = ["dev", "staging", "prod"];
const APPS: [&str; 2] = ["web", "api"];

/// `git promote demo [DIR]`
pub fn run(context: &Context, args: &DemoArgs) -> Result<Answer, Failure> {
    let place = match &args.directory {
        Some(directory) => empty_directory(&context.directory.join(directory))?,
        None => temporary_directory().map_err(cannot_write)?,
    };
    let demo =
        Demo { repo: place.join("config"), remote: place.join("remote.git"), front: context.front };
    demo.build()?;
    if context.quiet {
        return Ok(Answer::done(format!("{}\n", demo.repo.display())));
    }
    let mut tour =
        format!("A config repository with three environments: {}\n", demo.repo.display());
    demo.step(&mut tour, "who runs what?", &["status"])?;
    demo.step(&mut tour, "v1.3.0 of web is in dev. Promote it:", &["v1.3.0", "staging", "--diff"])?;
    demo.show_commit(&mut tour)?;
    demo.step(
        &mut tour,
        "v1.4.0 of api is only in dev. Prod is not next:",
        &["api@v1.4.0", "prod"],
    )?;
    demo.step(&mut tour, "the command that satisfies it:", &["api@v1.4.0", "staging"])?;
    demo.step(&mut tour, "and then:", &["api@v1.4.0", "prod"])?;
    let _ = write!(
        tour,
        "\nGo on playing there, git push goes to a remote of its own:\n\n    cd {}\n    {} status\n",
        demo.repo.display(),
        demo.typed()
    );
    Ok(Answer::done(tour))
}

fn empty_directory(directory: &Path) -> Result<PathBuf, Failure> {
    match make_empty(directory) {
        Ok(()) => Ok(directory.to_path_buf()),
        Err(error) => Err(Failure::new(
            Exit::Conflict,
            format!("cannot make the demo in '{}': {error}", directory.display()),
        )
        .hint("git promote demo")),
    }
}

fn temporary_directory() -> std::io::Result<PathBuf> {
    tempfile::Builder::new().prefix("git-promote-demo-").tempdir().map(tempfile::TempDir::keep)
}

/// Makes the directory, or finds it empty.
fn make_empty(directory: &Path) -> std::io::Result<()> {
    fs::create_dir_all(directory)?;
    if fs::read_dir(directory)?.next().is_some() {
        return Err(std::io::Error::other("it is not empty"));
    }
    Ok(())
}

fn create_file(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(path, bytes)
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err takes")]
fn cannot_write(error: std::io::Error) -> Failure {
    Failure::new(Exit::Invalid, format!("cannot write the demo: {error}"))
        .hint("git promote demo DIR")
}

/// How to start this very program: by its path, as it need not be installed.
fn program() -> PathBuf {
    std::env::current_exe().unwrap_or_else(|_| PathBuf::from("git-promote"))
}

struct Demo {
    repo: PathBuf,
    remote: PathBuf,
    front: Front,
}

impl Demo {
    /// The sample: first everything at v1.2.0, then v1.3.0 of web and v1.4.0
    /// of api come to dev.
    fn build(&self) -> Result<(), Failure> {
        let text = |path: &Path| path.display().to_string();
        git(None, &["init", "-q", "--bare", "-b", "main", &text(&self.remote)])?;
        git(None, &["init", "-q", "-b", "main", &text(&self.repo)])?;
        for (key, value) in [
            ("user.name", "Demo"),
            ("user.email", "demo@example.org"),
            ("commit.gpgSign", "false"),
            ("core.hooksPath", "/dev/null"),
        ] {
            self.git(&["config", key, value])?;
        }
        self.git(&["remote", "add", "origin", &text(&self.remote)])?;
        self.write_files()?;
        self.commit("Start with v1.2.0 everywhere", 30)?;
        for (app, version, days) in [("web", "v1.3.0", 2), ("api", "v1.4.0", 1)] {
            let file = format!("apps/{app}/overlays/dev/kustomization.yaml");
            let image = format!("registry.example/acme/{app}");
            self.promote(&["edit", &file, "--image", &image, "--tag", version])?;
            self.commit(&format!("Deploy {app} {version} to dev"), days)?;
        }
        self.git(&["push", "-q", "-u", "origin", "main"])?;
        Ok(())
    }

    fn write_files(&self) -> Result<(), Failure> {
        for (path, text) in FILES {
            let apps = if path.contains("APP") { &APPS[..] } else { &[""][..] };
            let environments = if path.contains("ENV") { &ENVIRONMENTS[..] } else { &[""][..] };
            for (app, environment) in
                apps.iter().flat_map(|a| environments.iter().map(move |e| (a, e)))
            {
                let fill = |text: &str| text.replace("APP", app).replace("ENV", environment);
                create_file(&self.repo.join(fill(path)), fill(text).as_bytes())
                    .map_err(cannot_write)?;
            }
        }
        Ok(())
    }

    fn commit(&self, message: &str, days_ago: i64) -> Result<(), Failure> {
        self.git(&["add", "-A"])?;
        let date = format!("{} +0000", jiff::Timestamp::now().as_second() - days_ago * 86_400);
        let mut command = self.command("git");
        command.args(["commit", "-q", "-m", message]);
        command.env("GIT_AUTHOR_DATE", &date).env("GIT_COMMITTER_DATE", &date);
        output(command).map(drop)
    }

    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.repo);
        isolate(&mut command);
        command
    }

    fn git(&self, args: &[&str]) -> Result<String, Failure> {
        git(Some(&self.repo), args)
    }

    fn promote(&self, args: &[&str]) -> Result<String, Failure> {
        let mut command = self.command(program());
        command.args(args);
        output(command)
    }

    /// Runs a command of the tour and shows it with what it said, its refusal
    /// included.
    fn step(&self, tour: &mut String, title: &str, args: &[&str]) -> Result<(), Failure> {
        let mut command = self.command(program());
        command.args(args);
        let done = command.output().map_err(cannot_write)?;
        let _ = write!(tour, "\n# {title}\n$ {} {}\n", self.front.name(), args.join(" "));
        tour.push_str(&String::from_utf8_lossy(&done.stdout));
        tour.push_str(&String::from_utf8_lossy(&done.stderr));
        let code = done.status.code().unwrap_or_default();
        if code != 0 {
            let _ = writeln!(tour, "(exit {code})");
        }
        Ok(())
    }

    /// What to type: the path, unless the program is found by its front.
    fn typed(&self) -> String {
        let name = self.front.name();
        let file = name.replace(' ', "-");
        let installed = std::env::var_os("PATH")
            .is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join(&file).exists()));
        if installed { name.to_owned() } else { program().display().to_string() }
    }

    fn show_commit(&self, tour: &mut String) -> Result<(), Failure> {
        let shown = self.git(&["log", "-1", "--stat", "--format=%h %an%n%n%B"])?;
        let _ = write!(tour, "\n# what it committed:\n$ git log -1 --stat\n{shown}");
        Ok(())
    }
}

/// The demo must not see the user's repository, identity or hooks.
fn isolate(command: &mut Command) {
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_OBJECT_DIRECTORY"]
    {
        command.env_remove(name);
    }
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    for who in ["AUTHOR", "COMMITTER"] {
        command.env_remove(format!("GIT_{who}_DATE"));
        command.env(format!("GIT_{who}_NAME"), "Demo");
        command.env(format!("GIT_{who}_EMAIL"), "demo@example.org");
    }
}

fn git(directory: Option<&Path>, args: &[&str]) -> Result<String, Failure> {
    let mut command = Command::new("git");
    if let Some(directory) = directory {
        command.current_dir(directory);
    }
    command.args(args);
    isolate(&mut command);
    output(command)
}

/// Standard output of a command that has to succeed.
fn output(mut command: Command) -> Result<String, Failure> {
    let done = command.output().map_err(|error| {
        Failure::new(
            Exit::NotFound,
            format!("cannot run {}: {error}", command.get_program().display()),
        )
        .hint("install git, version 2.25 or newer")
    })?;
    if done.status.success() {
        return Ok(String::from_utf8_lossy(&done.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&done.stderr).trim().to_owned();
    Err(Failure::new(Exit::Git, format!("the demo stopped: {said}")).hint("git --version"))
}
