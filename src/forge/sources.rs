//! Where a token is looked for: variables, the forge's own program, git's
//! credential helpers, in this order.
//!
//! Variables that are made for one host are not sent to another, and no
//! program is asked while it could answer from such a variable. Nothing is
//! asked on a terminal, and no token is ever an argument.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::token::{Form, Token};
use super::{ForgeError, Place};
use crate::model::ForgeKind;

/// What is asked for a token. Tests pass their own.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    /// The value of a variable of the environment.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    /// What a program says; `None` where it is not there or knows nothing.
    pub program: &'a dyn Fn(&Ask) -> Option<String>,
}

impl Sources<'static> {
    /// The environment of this process, and programs in truth.
    pub fn real() -> Self {
        Self { variable: &variable, program: &run }
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// A program that may know a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// Its name, looked for on the search path.
    pub program: &'static str,
    /// Its arguments.
    pub args: Vec<String>,
    /// What it reads.
    pub input: String,
    /// Variables that it gets.
    pub set: &'static [(&'static str, &'static str)],
    /// Variables that it does not get.
    pub unset: &'static [&'static str],
    /// Where it runs; `None` for here.
    pub dir: Option<PathBuf>,
}

/// The variables of GitHub, for its own host and for others.
const GITHUB: [&str; 2] = ["GH_TOKEN", "GITHUB_TOKEN"];
const GITHUB_ELSEWHERE: [&str; 2] = ["GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN"];
const GITLAB: &str = "GITLAB_TOKEN";

/// A program may take a token from them that is not for the host.
const UNSET: &[&str] = &[
    "GH_TOKEN",
    "GITHUB_TOKEN",
    "GH_ENTERPRISE_TOKEN",
    "GITHUB_ENTERPRISE_TOKEN",
    "GITLAB_TOKEN",
    "GITLAB_ACCESS_TOKEN",
    "OAUTH_TOKEN",
];

/// Nobody is asked: not on the terminal and not by a window.
const SILENT: &[(&str, &str)] = &[
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_ASKPASS", ""),
    ("SSH_ASKPASS", ""),
    ("GCM_INTERACTIVE", "never"),
    ("GH_PROMPT_DISABLED", "1"),
    ("NO_PROMPT", "1"),
];

/// Finds a token for a place. `dir` is where git is asked, whose settings may
/// name helpers for one repository.
pub fn find(
    place: &Place,
    sources: Sources<'_>,
    dir: Option<&Path>,
) -> Result<Option<Token>, ForgeError> {
    let search = Search { place, sources, host: place.api_host(), dir };
    if let Some(token) = search.ours()? {
        return Ok(Some(token));
    }
    if let Some(token) = search.app()? {
        return Ok(Some(token));
    }
    let usual = search.usual().or_else(|| search.forge_program());
    Ok(usual.or_else(|| search.git()))
}

/// What to say where there is none.
pub fn missing(place: &Place) -> ForgeError {
    let names = match place.kind {
        ForgeKind::GitHub if is_github(&place.api_host()) => ", GH_TOKEN or GITHUB_TOKEN",
        ForgeKind::GitHub => " or GH_ENTERPRISE_TOKEN",
        ForgeKind::GitLab => " or GITLAB_TOKEN",
        ForgeKind::Gitea => ", GITEA_TOKEN or FORGEJO_TOKEN",
        ForgeKind::Azure => ", AZURE_DEVOPS_EXT_PAT or SYSTEM_ACCESSTOKEN",
        ForgeKind::Bitbucket => {
            ", BITBUCKET_TOKEN or BITBUCKET_USERNAME and BITBUCKET_APP_PASSWORD"
        }
        ForgeKind::None => "",
    };
    ForgeError::NoToken { host: place.api_host(), names: format!("GIT_PROMOTE_TOKEN{names}") }
}

fn is_github(host: &str) -> bool {
    host == "github.com" || host.ends_with(".ghe.com")
}

struct Search<'a> {
    place: &'a Place,
    sources: Sources<'a>,
    /// The host that the token is sent to.
    host: String,
    dir: Option<&'a Path>,
}

impl Search<'_> {
    fn variable(&self, name: &str) -> Option<String> {
        let value = (self.sources.variable)(name)?;
        let value = value.trim();
        (!value.is_empty()).then(|| value.to_owned())
    }

    fn first(&self, names: &[&str]) -> Option<Token> {
        names.iter().find_map(|name| Some(Token::new(self.variable(name)?, *name)))
    }

    /// Whether what has no host in its name may go to the host: it is that of
    /// the remote, or the user names it. A file of the repository alone must not
    /// lead a token astray.
    fn is_trusted(&self) -> bool {
        let named = self.variable("GIT_PROMOTE_HOST");
        self.host == self.place.host || named.is_some_and(|named| self.is_host(&named))
    }

    /// Whether a text is the host: its name, or an address there.
    fn is_host(&self, text: &str) -> bool {
        let text = text.split_once("://").map_or(text, |(_, rest)| rest);
        text.split('/').next().is_some_and(|host| host.eq_ignore_ascii_case(&self.host))
    }

    /// `GIT_PROMOTE_TOKEN`.
    fn ours(&self) -> Result<Option<Token>, ForgeError> {
        const NAME: &str = "GIT_PROMOTE_TOKEN";
        let Some(secret) = self.variable(NAME) else { return Ok(None) };
        self.is_trusted().then(|| Some(Token::new(secret, NAME))).ok_or_else(|| self.astray(NAME))
    }

    fn astray(&self, name: &str) -> ForgeError {
        let (host, remote) = (&self.host, &self.place.host);
        ForgeError::Config(format!(
            "`[forge] api` is on {host} and the remote on {remote}; {name} goes there only where \
             GIT_PROMOTE_HOST={host} is set"
        ))
    }

    /// A GitHub App.
    fn app(&self) -> Result<Option<Token>, ForgeError> {
        const NAME: &str = "GIT_PROMOTE_APP_KEY";
        let (Some(id), Some(key)) = (self.variable("GIT_PROMOTE_APP_ID"), self.variable(NAME))
        else {
            return Ok(None);
        };
        if self.place.kind != ForgeKind::GitHub {
            return Ok(None);
        }
        if !self.is_trusted() {
            return Err(self.astray(NAME));
        }
        let number = |name: &str, text: String| {
            let parsed = text.parse();
            parsed.map_err(|_| ForgeError::Config(format!("{name} is no number")))
        };
        let id = number("GIT_PROMOTE_APP_ID", id)?;
        let installation = "GIT_PROMOTE_APP_INSTALLATION";
        let installed = self.variable(installation).map(|text| number(installation, text));
        let form = Form::App { id, installation: installed.transpose()? };
        Ok(Some(Token::with(form, pem(&key)?, NAME)))
    }

    /// The variables that the forge's other programs read.
    fn usual(&self) -> Option<Token> {
        match self.place.kind {
            ForgeKind::GitHub => self.github(),
            ForgeKind::GitLab => self.gitlab(),
            _ if !self.is_trusted() => None,
            ForgeKind::Gitea => self.first(&["GITEA_TOKEN", "FORGEJO_TOKEN"]),
            ForgeKind::Azure => self.first(&["AZURE_DEVOPS_EXT_PAT"]).or_else(|| {
                const NAME: &str = "SYSTEM_ACCESSTOKEN";
                Some(Token::with(Form::Bearer, self.variable(NAME)?, NAME))
            }),
            ForgeKind::Bitbucket => self.first(&["BITBUCKET_TOKEN"]).or_else(|| {
                const NAME: &str = "BITBUCKET_APP_PASSWORD";
                let user = self.variable("BITBUCKET_USERNAME")?;
                Some(Token::with(Form::Password { user }, self.variable(NAME)?, NAME))
            }),
            ForgeKind::None => None,
        }
    }

    fn github(&self) -> Option<Token> {
        // In a workflow of GitHub Enterprise Server they are for that server.
        let home = self.variable("GITHUB_SERVER_URL");
        let is_home = home.map_or_else(|| is_github(&self.host), |home| self.is_host(&home));
        if is_home {
            return self.first(&GITHUB);
        }
        let named = self.variable("GH_HOST");
        let is_meant = named.map_or_else(|| self.is_trusted(), |named| self.is_host(&named));
        if is_meant && !is_github(&self.host) { self.first(&GITHUB_ELSEWHERE) } else { None }
    }

    fn gitlab(&self) -> Option<Token> {
        let job = "CI_JOB_TOKEN";
        let server = self.variable("CI_SERVER_HOST").filter(|server| self.is_host(server));
        let named = self.variable("GITLAB_HOST");
        let is_meant = named.map_or_else(|| self.is_trusted(), |named| self.is_host(&named));
        let own = self.first(&[GITLAB]).filter(|_| is_meant || server.is_some());
        own.or_else(|| {
            Some(Token::with(Form::Job, self.variable(job).filter(|_| server.is_some())?, job))
        })
    }

    /// The forge's own program, which keeps a token for each host.
    fn forge_program(&self) -> Option<Token> {
        let gh = ["auth", "token", "--hostname", &self.host];
        let glab = ["config", "get", "token", "--host", &self.host];
        let (program, args) = match self.place.kind {
            ForgeKind::GitHub => ("gh", gh.as_slice()),
            ForgeKind::GitLab => ("glab", glab.as_slice()),
            _ => return None,
        };
        let said = self.ask(program, args, String::new())?;
        let token = said.lines().next()?.trim();
        (!token.is_empty()).then(|| Token::new(token, program))
    }

    /// What git's helpers know of the host, as for a push over https.
    fn git(&self) -> Option<Token> {
        if !self.place.api.starts_with("https://") {
            return None;
        }
        let (host, path) = (&self.host, &self.place.repository);
        // A line more would ask for another host.
        if [host, path].iter().any(|text| text.contains(char::is_control)) {
            return None;
        }
        let input = format!("protocol=https\nhost={host}\npath={path}.git\n\n");
        let args = ["-c", "credential.interactive=false", "credential", "fill"];
        let said = self.ask("git", &args, input)?;
        let of = |key: &str| {
            let mut pairs = said.lines().filter_map(|line| line.split_once('='));
            pairs.find(|(name, _)| *name == key).map(|(_, value)| value.to_owned())
        };
        let secret = of("password").filter(|secret| !secret.is_empty())?;
        let user = of("username").unwrap_or_default();
        let form = match self.place.kind {
            ForgeKind::Bitbucket if user == "x-token-auth" => Form::Bearer,
            // A password there may be one of a person.
            ForgeKind::Bitbucket | ForgeKind::Gitea => Form::Password { user },
            _ => Form::Access,
        };
        Some(Token::with(form, secret, "git credential"))
    }

    fn ask(&self, program: &'static str, args: &[&str], input: String) -> Option<String> {
        let args = args.iter().map(|arg| (*arg).to_owned()).collect();
        let dir = self.dir.map(Path::to_owned);
        (self.sources.program)(&Ask { program, args, input, set: SILENT, unset: UNSET, dir })
    }
}

/// The longest file that is taken for a key.
const LONGEST_KEY: u64 = 64 << 10;

/// A key: its text, or a file that holds it.
fn pem(text: &str) -> Result<String, ForgeError> {
    if text.contains("-----BEGIN") {
        // Some services keep variables on one line.
        return Ok(text.replace("\\n", "\n"));
    }
    let bad = |why: &str| {
        ForgeError::Config(format!(
            "GIT_PROMOTE_APP_KEY is neither a key nor a file with one: {why}"
        ))
    };
    let mut key = String::new();
    let file = std::fs::File::open(text).map_err(|error| bad(&error.to_string()))?;
    file.take(LONGEST_KEY).read_to_string(&mut key).map_err(|error| bad(&error.to_string()))?;
    if key.contains("-----BEGIN") { Ok(key) } else { Err(bad("it holds no PEM")) }
}

/// For how long a program is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks a program in truth. What it says on standard error is dropped: it is
/// about itself, and may hold what it should not.
pub fn run(ask: &Ask) -> Option<String> {
    let mut command = Command::new(ask.program);
    command.args(&ask.args).envs(ask.set.iter().copied());
    ask.unset.iter().for_each(|name| {
        command.env_remove(name);
    });
    if let Some(dir) = &ask.dir {
        command.current_dir(dir);
    }
    let said = crate::net::ask(command, &ask.input, PATIENCE)?;
    said.well.then_some(said.text)
}
