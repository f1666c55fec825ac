//! Which forge a remote belongs to, and which repository there.

use reqwest::Url;

use super::ForgeError;
use crate::model::ForgeKind;

/// A repository on a forge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The kind of forge.
    pub kind: ForgeKind,
    /// The host, with a port where it is not the usual one.
    pub host: String,
    /// Where its interface is, without a slash at the end:
    /// `https://api.github.com`.
    pub api: String,
    /// Where people see it, without a slash at the end: `https://github.com`.
    pub web: String,
    /// The repository: `acme/config`; `group/sub/config` on GitLab,
    /// `organization/project/repository` on Azure DevOps.
    pub repository: String,
}

/// What the config says of the forge; what it leaves out is found from the
/// remote.
#[derive(Debug, Clone, Copy, Default)]
pub struct Told<'a> {
    /// The kind.
    pub kind: Option<ForgeKind>,
    /// The address of the interface.
    pub api: Option<&'a str>,
    /// The repository.
    pub repository: Option<&'a str>,
}

impl Place {
    /// Finds the forge of a remote. `None` where there is none that is known:
    /// a path, a host of no known name, or `kind = "none"`.
    pub fn find(remote: &str, told: Told<'_>) -> Result<Option<Self>, ForgeError> {
        let address = Address::parse(remote);
        let guessed = address.as_ref().and_then(Address::kind);
        let Some(kind) = told.kind.or(guessed).filter(|kind| *kind != ForgeKind::None) else {
            return Ok(None);
        };
        let api = told.api.map(|api| origin(api).map(|_| api.trim_end_matches('/').to_owned()));
        let api = api.transpose()?;
        let named = told.repository.map(str::to_owned);
        let repository = named.or_else(|| address.as_ref()?.repository(kind));
        let Some(repository) = repository.filter(|name| name.split('/').count() >= 2) else {
            return Err(ForgeError::Config(format!(
                "the repository on {kind} cannot be told from the remote `{}`",
                shown(remote)
            )));
        };
        let web = match (&address, &api) {
            (Some(address), _) => address.web(kind),
            (None, Some(api)) => origin(api)?,
            (None, None) => {
                return Err(ForgeError::Config(format!(
                    "the address of {kind} cannot be told from the remote `{}`",
                    shown(remote)
                )));
            }
        };
        let host = web.split("://").nth(1).unwrap_or_default().to_owned();
        let api = api.unwrap_or_else(|| default_api(kind, &web));
        Ok(Some(Self { kind, host, api, web, repository }))
    }

    /// Where a person opens a request for a branch by hand.
    pub fn compare_url(&self, base: &str, head: &str) -> String {
        let (web, name) = (&self.web, &self.repository);
        let (base, head) = (encoded(base), encoded(head));
        match self.kind {
            ForgeKind::GitHub => format!("{web}/{name}/compare/{base}...{head}?expand=1"),
            ForgeKind::Gitea => format!("{web}/{name}/compare/{base}...{head}"),
            ForgeKind::GitLab => format!(
                "{web}/{name}/-/merge_requests/new?merge_request%5Bsource_branch%5D={head}\
                 &merge_request%5Btarget_branch%5D={base}"
            ),
            ForgeKind::Azure => {
                let (project, repository) = self.azure();
                format!(
                    "{web}/{project}/_git/{repository}/pullrequestcreate?sourceRef={head}\
                     &targetRef={base}"
                )
            }
            ForgeKind::Bitbucket => {
                format!("{web}/{name}/pull-requests/new?source={head}&dest={base}")
            }
            ForgeKind::None => String::new(),
        }
    }

    /// The host that a token is kept and sent for: that of the remote where the
    /// interface belongs to it, else that of the interface, which a file of the
    /// repository may have named.
    pub fn api_host(&self) -> String {
        let rest = self.api.split_once("://").map_or(&*self.api, |(_, rest)| rest);
        let host = rest.split('/').next().unwrap_or_default().to_ascii_lowercase();
        if host == format!("api.{}", self.host) { self.host.clone() } else { host }
    }

    /// `organization/project` and the repository, on Azure DevOps.
    pub(super) fn azure(&self) -> (&str, &str) {
        self.repository.rsplit_once('/').unwrap_or((&self.repository, &self.repository))
    }
}

/// A branch in an address: everything but letters, digits and a few marks is
/// written in hex, the slash too.
pub(super) fn encoded(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// The origin (scheme, host, port) of an address of ours.
fn origin(text: &str) -> Result<String, ForgeError> {
    let bad = || ForgeError::Config(format!("`{}` is no address of a forge", shown(text)));
    let url = Url::parse(text).map_err(|_| bad())?;
    let plain = url.username().is_empty() && url.password().is_none() && url.query().is_none();
    let host = url.host_str().filter(|_| plain && matches!(url.scheme(), "http" | "https"));
    let host = host.ok_or_else(bad)?;
    Ok(match url.port() {
        Some(port) => format!("{}://{host}:{port}", url.scheme()),
        None => format!("{}://{host}", url.scheme()),
    })
}

fn default_api(kind: ForgeKind, web: &str) -> String {
    match kind {
        ForgeKind::GitHub if web == "https://github.com" => "https://api.github.com".to_owned(),
        // With a domain of its own.
        ForgeKind::GitHub if web.ends_with(".ghe.com") => web.replacen("://", "://api.", 1),
        ForgeKind::GitHub => format!("{web}/api/v3"),
        ForgeKind::GitLab => format!("{web}/api/v4"),
        ForgeKind::Gitea => format!("{web}/api/v1"),
        ForgeKind::Bitbucket if web == "https://bitbucket.org" => {
            "https://api.bitbucket.org/2.0".to_owned()
        }
        _ => web.to_owned(),
    }
}

/// An address without what may be secret in it.
pub(super) fn shown(remote: &str) -> String {
    match remote.split_once("://") {
        Some((scheme, rest)) => {
            let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
            let host = host.rsplit('@').next().unwrap_or(host);
            let path = path.split('?').next().unwrap_or(path);
            format!("{scheme}://{host}/{path}")
        }
        None => remote.to_owned(),
    }
}

/// A remote, taken apart.
struct Address {
    /// `https`, `ssh`, ...
    scheme: String,
    /// The host, without user and port.
    host: String,
    /// The port, where one is given.
    port: Option<u16>,
    /// The path, without slashes at its ends and without `.git`.
    path: String,
}

impl Address {
    /// `scheme://[user@]host[:port]/path` or `[user@]host:path`.
    fn parse(remote: &str) -> Option<Self> {
        let clean = |path: &str| {
            let path = path.trim_matches('/');
            path.strip_suffix(".git").unwrap_or(path).to_owned()
        };
        if let Some((scheme, rest)) = remote.split_once("://") {
            let (authority, path) = rest.split_once('/')?;
            let authority = authority.rsplit('@').next()?;
            let (host, port) = match authority.rsplit_once(':') {
                Some((host, port)) if !port.ends_with(']') => (host, Some(port.parse().ok()?)),
                _ => (authority, None),
            };
            let known = matches!(scheme, "http" | "https" | "ssh" | "git" | "git+ssh" | "ssh+git");
            let address = Self {
                scheme: scheme.to_owned(),
                host: host.to_ascii_lowercase(),
                port,
                path: clean(path),
            };
            return (known && !host.is_empty()).then_some(address);
        }
        // As git tells it: a colon before any slash is a host.
        let (authority, path) = remote.split_once(':')?;
        if authority.contains('/') || authority.is_empty() {
            return None;
        }
        let host = authority.rsplit('@').next()?.to_ascii_lowercase();
        Some(Self { scheme: "ssh".to_owned(), host, port: None, path: clean(path) })
    }

    /// The forge that a host is known for.
    fn kind(&self) -> Option<ForgeKind> {
        let host = self.host.as_str();
        let is = |name: &str| host == name || host.ends_with(&format!(".{name}"));
        let starts = |name: &str| host.starts_with(&format!("{name}."));
        if is("github.com") || starts("github") || is("ghe.com") {
            Some(ForgeKind::GitHub)
        } else if is("gitlab.com") || starts("gitlab") {
            Some(ForgeKind::GitLab)
        } else if is("dev.azure.com") || is("visualstudio.com") {
            Some(ForgeKind::Azure)
        } else if is("bitbucket.org") {
            Some(ForgeKind::Bitbucket)
        } else if is("codeberg.org") || starts("gitea") || starts("forgejo") || is("gitea.com") {
            Some(ForgeKind::Gitea)
        } else {
            None
        }
    }

    /// Where people see the forge.
    fn web(&self, kind: ForgeKind) -> String {
        if kind == ForgeKind::Azure && self.is_azure_cloud() {
            return "https://dev.azure.com".to_owned();
        }
        // Over ssh GitHub, GitLab and Bitbucket have names of their own.
        let host = match self.host.as_str() {
            "ssh.github.com" => "github.com",
            "altssh.gitlab.com" => "gitlab.com",
            "altssh.bitbucket.org" => "bitbucket.org",
            host => host,
        };
        match (self.scheme.as_str(), self.port) {
            ("http", Some(port)) => format!("http://{host}:{port}"),
            ("http", None) => format!("http://{host}"),
            ("https", Some(port)) => format!("https://{host}:{port}"),
            // The port of ssh is not that of the web.
            _ => format!("https://{host}"),
        }
    }

    fn is_azure_cloud(&self) -> bool {
        let host = self.host.as_str();
        host.ends_with("dev.azure.com") || host.ends_with("visualstudio.com")
    }

    /// The repository that the path names.
    fn repository(&self, kind: ForgeKind) -> Option<String> {
        let parts: Vec<&str> = self.path.split('/').filter(|part| !part.is_empty()).collect();
        if kind != ForgeKind::Azure {
            return (parts.len() >= 2).then(|| parts.join("/"));
        }
        let parts: Vec<&str> = parts
            .iter()
            .copied()
            .filter(|part| !matches!(*part, "v3" | "_git" | "DefaultCollection"))
            .collect();
        let organization =
            self.host.strip_suffix(".visualstudio.com").filter(|org| *org != "vs-ssh");
        match (organization, parts.as_slice()) {
            (Some(org), [project, repository]) => Some(format!("{org}/{project}/{repository}")),
            // A project whose repository has its name may leave it out.
            (Some(org), [project]) => Some(format!("{org}/{project}/{project}")),
            (None, [org, project, repository]) => Some(format!("{org}/{project}/{repository}")),
            (None, [org, project]) => Some(format!("{org}/{project}/{project}")),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(remote: &str) -> (ForgeKind, String, String) {
        let place = Place::find(remote, Told::default()).unwrap().unwrap();
        (place.kind, place.api, place.repository)
    }

    #[test]
    fn remotes_name_their_forge() {
        let github =
            (ForgeKind::GitHub, "https://api.github.com".to_owned(), "acme/config".to_owned());
        for remote in [
            "https://github.com/acme/config.git",
            "https://token@github.com/acme/config",
            "git@github.com:acme/config.git",
            "ssh://git@github.com:22/acme/config.git",
            "ssh://git@ssh.github.com:443/acme/config.git",
        ] {
            assert_eq!(found(remote), github, "{remote}");
        }
        let (_, api, _) = found("https://acme.ghe.com/acme/config");
        assert_eq!(api, "https://api.acme.ghe.com");
        let (_, api, _) = found("https://github.example.org/acme/config");
        assert_eq!(api, "https://github.example.org/api/v3");
        let (kind, api, repository) = found("git@gitlab.example.org:group/sub/config.git");
        assert_eq!(kind, ForgeKind::GitLab);
        assert_eq!(api, "https://gitlab.example.org/api/v4");
        assert_eq!(repository, "group/sub/config");
        for remote in [
            "https://acme@dev.azure.com/acme/shop/_git/config",
            "git@ssh.dev.azure.com:v3/acme/shop/config",
            "https://acme.visualstudio.com/DefaultCollection/shop/_git/config",
        ] {
            let azure = (
                ForgeKind::Azure,
                "https://dev.azure.com".to_owned(),
                "acme/shop/config".to_owned(),
            );
            assert_eq!(found(remote), azure, "{remote}");
        }
    }

    #[test]
    fn paths_and_unknown_hosts_have_no_forge() {
        for remote in
            ["/srv/git/config.git", "../config", "https://git.example/acme/config", "C:\\x"]
        {
            assert_eq!(Place::find(remote, Told::default()), Ok(None), "{remote}");
        }
    }

    #[test]
    fn the_config_goes_before_the_remote() {
        let told = Told {
            kind: Some(ForgeKind::Gitea),
            api: Some("http://127.0.0.1:3000/api/v1/"),
            repository: Some("acme/config"),
        };
        let place = Place::find("/srv/git/config.git", told).unwrap().unwrap();
        assert_eq!(place.api, "http://127.0.0.1:3000/api/v1");
        assert_eq!(place.web, "http://127.0.0.1:3000");
        assert_eq!(place.host, "127.0.0.1:3000");
    }

    #[test]
    fn secrets_of_a_remote_are_not_shown() {
        let error = Place::find("https://u:secret@github.com/x", Told::default()).unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
    }

    #[test]
    fn branches_are_encoded_in_compare_addresses() {
        let place =
            Place::find("https://github.com/acme/config", Told::default()).unwrap().unwrap();
        assert_eq!(
            place.compare_url("main", "promote/env/prod/web"),
            "https://github.com/acme/config/compare/main...promote%2Fenv%2Fprod%2Fweb?expand=1"
        );
    }
}
