//! Credentials for registries: the files of docker and podman, and the helpers
//! that they name.
//!
//! Nothing is looked for before a registry asks. A helper gets the host on its
//! standard input, never as an argument.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::{RegistryError, RepositoryName};

/// What a registry, or its token service, is given.
#[derive(Clone, PartialEq, Eq)]
pub enum Credential {
    /// A name and a password (or what is used as one).
    Password {
        /// The name.
        user: String,
        /// The password.
        password: String,
    },
    /// A token that is exchanged for others.
    Identity(String),
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credential(***)")
    }
}

/// Finds the credentials for a repository.
type Find = dyn Fn(&RepositoryName) -> Result<Option<Credential>, RegistryError> + Send + Sync;

/// Where credentials come from. Tests pass their own.
#[derive(Clone)]
pub struct Keys(Arc<Find>);

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys")
    }
}

impl Keys {
    /// Credentials from a function.
    pub fn new(
        find: impl Fn(&RepositoryName) -> Result<Option<Credential>, RegistryError>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        Self(Arc::new(find))
    }

    /// The files and helpers of this machine. `first` is a file that is looked
    /// into before all others, or one that the helpers of Google's cloud read;
    /// it has to be there.
    pub fn of_this_machine(first: Option<PathBuf>) -> Result<Self, RegistryError> {
        Files::of_environment(first.as_deref())?;
        Ok(Self::new(move |name| search(&Files::of_environment(first.as_deref())?, name)))
    }

    /// The credentials for a repository, if there are any.
    pub fn find(&self, name: &RepositoryName) -> Result<Option<Credential>, RegistryError> {
        (self.0)(name)
    }
}

/// The files to look into, in their order, and what helpers are told.
struct Files {
    paths: Vec<PathBuf>,
    /// A file for the helpers that ask Google's cloud.
    cloud: Option<PathBuf>,
}

/// More is no file of credentials.
const LONGEST: u64 = 1 << 20;

/// What `gcloud` and its credential helper read in place of their own.
const CLOUD: &str = "CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE";

/// For how long a helper is waited for; those of clouds ask over the network.
const PATIENCE: Duration = Duration::from_secs(30);

impl Files {
    fn of_environment(first: Option<&std::path::Path>) -> Result<Self, RegistryError> {
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let dir = |name: &str, rest: &str| variable(name).map(|dir| PathBuf::from(dir).join(rest));
        let named = [
            variable("REGISTRY_AUTH_FILE").map(PathBuf::from),
            dir("DOCKER_CONFIG", "config.json"),
            dir("XDG_RUNTIME_DIR", "containers/auth.json"),
            dir("XDG_CONFIG_HOME", "containers/auth.json"),
            dir("HOME", ".config/containers/auth.json"),
            dir("HOME", ".docker/config.json"),
        ];
        let mut paths: Vec<PathBuf> = named.into_iter().flatten().collect();
        let mut cloud = None;
        if let Some(first) = first {
            // It is one or the other, which its content tells.
            match read(first)? {
                Some(file) if file.is_empty() => cloud = Some(first.to_owned()),
                Some(_) => paths.insert(0, first.to_owned()),
                None => return Err(unusable(first, "it is not there")),
            }
        }
        Ok(Self { paths, cloud })
    }
}

/// A file of credentials, of docker or podman.
#[derive(Debug, Default, Deserialize)]
struct File {
    #[serde(default)]
    auths: BTreeMap<String, Entry>,
    #[serde(default, rename = "credHelpers")]
    helpers: BTreeMap<String, String>,
    #[serde(default, rename = "credsStore")]
    store: Option<String>,
}

impl File {
    fn is_empty(&self) -> bool {
        self.auths.is_empty() && self.helpers.is_empty() && self.store.is_none()
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
struct Entry {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
}

impl Entry {
    fn credential(&self) -> Option<Credential> {
        if let Some(token) = self.identitytoken.as_ref().filter(|token| !token.is_empty()) {
            return Some(Credential::Identity(token.clone()));
        }
        let of_auth = || {
            let bytes = STANDARD.decode(self.auth.as_ref()?.trim()).ok()?;
            let text = String::from_utf8(bytes).ok()?;
            let (user, password) = text.split_once(':')?;
            Some((user.to_owned(), password.trim_end_matches('\0').to_owned()))
        };
        let (user, password) = self.username.clone().zip(self.password.clone()).or_else(of_auth)?;
        (!user.is_empty()).then_some(Credential::Password { user, password })
    }
}

fn unusable(path: &std::path::Path, why: impl std::fmt::Display) -> RegistryError {
    RegistryError::Config(format!("the credentials of `{}` cannot be read: {why}", path.display()))
}

/// The file as it is; `None` where there is none.
fn read(path: &std::path::Path) -> Result<Option<File>, RegistryError> {
    use std::io::Read as _;
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unusable(path, error)),
    };
    let mut text = String::new();
    file.take(LONGEST).read_to_string(&mut text).map_err(|error| unusable(path, error))?;
    if text.trim().is_empty() {
        return Ok(Some(File::default()));
    }
    // What serde says may show a part of the file.
    serde_json::from_str(&text).map(Some).map_err(|_| unusable(path, "it is no such JSON"))
}

/// The first that is found; what went wrong where none is.
fn search(files: &Files, name: &RepositoryName) -> Result<Option<Credential>, RegistryError> {
    let mut wrong = None;
    for path in &files.paths {
        let file = match read(path) {
            Ok(Some(file)) => file,
            Ok(None) => continue,
            Err(error) => {
                wrong.get_or_insert(error);
                continue;
            }
        };
        match in_file(&file, name, files.cloud.as_deref()) {
            Ok(Some(found)) => return Ok(Some(found)),
            Ok(None) => {}
            Err(error) => {
                wrong.get_or_insert(error);
            }
        }
    }
    wrong.map_or(Ok(None), Err)
}

fn in_file(
    file: &File,
    name: &RepositoryName,
    cloud: Option<&std::path::Path>,
) -> Result<Option<Credential>, RegistryError> {
    let host = server(&name.host);
    let named = file.helpers.iter().find(|(key, _)| bare(key) == bare(host));
    let helper = named.map(|(_, helper)| helper).or(file.store.as_ref());
    if let Some(helper) = helper.filter(|helper| !helper.is_empty())
        && let Some(found) = ask(helper, host, cloud)?
    {
        return Ok(Some(found));
    }
    // Podman keeps them for a part of a registry too; the nearest one counts.
    let full = format!("{}/{}", bare(host), name.path);
    let above = |key: &str| {
        let key = bare(key);
        let rest = full.strip_prefix(key);
        rest.is_some_and(|rest| rest.starts_with('/')).then_some(key.len())
    };
    let nearest = file.auths.iter().filter_map(|(key, entry)| Some((above(key)?, entry)));
    Ok(nearest.max_by_key(|(length, _)| *length).and_then(|(_, entry)| entry.credential()))
}

/// What the files call a host.
fn server(host: &str) -> &str {
    if host == "docker.io" { "https://index.docker.io/v1/" } else { host }
}

/// A key without what old versions wrote around the host.
fn bare(key: &str) -> &str {
    let key = key.trim_start_matches("https://").trim_start_matches("http://");
    let key = key.trim_end_matches('/');
    let key = key.strip_suffix("/v1").or_else(|| key.strip_suffix("/v2")).unwrap_or(key);
    if key == "docker.io" { "index.docker.io" } else { key }
}

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "Username", default)]
    user: String,
    #[serde(rename = "Secret", default)]
    secret: String,
}

/// Asks `docker-credential-NAME get`.
fn ask(
    helper: &str,
    host: &str,
    cloud: Option<&std::path::Path>,
) -> Result<Option<Credential>, RegistryError> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    if !helper.bytes().all(plain) {
        return Err(RegistryError::Config("a credential helper is named by a path".to_owned()));
    }
    let program = OsString::from(format!("docker-credential-{helper}"));
    let mut command = Command::new(&program);
    command.arg("get");
    if let Some(cloud) = cloud {
        command.env(CLOUD, cloud);
    }
    let Some(said) = crate::net::ask(command, host, PATIENCE) else {
        let message = format!("`docker-credential-{helper}` cannot be started");
        return Err(RegistryError::Config(message));
    };
    if !said.well {
        // Told on standard output, in these words, by every helper.
        let nothing = said.text.contains("not found") || said.text.contains("no credentials");
        let message = format!("`docker-credential-{helper}` fails for {host}");
        return if nothing { Ok(None) } else { Err(RegistryError::Config(message)) };
    }
    let Ok(Answer { user, secret }) = serde_json::from_str(&said.text) else {
        let message = format!("`docker-credential-{helper}` answers something else than JSON");
        return Err(RegistryError::Config(message));
    };
    Ok(match (user.as_str(), secret) {
        (_, secret) if secret.is_empty() => None,
        ("<token>", secret) => Some(Credential::Identity(secret)),
        (_, password) => Some(Credential::Password { user, password }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(file: &str, name: &str) -> Option<String> {
        let file: File = serde_json::from_str(file).unwrap();
        match in_file(&file, &name.parse().unwrap(), None).unwrap()? {
            Credential::Password { user, password } => Some(format!("{user}:{password}")),
            Credential::Identity(token) => Some(token),
        }
    }

    #[test]
    fn the_entry_of_the_host_counts() {
        let file = r#"{"auths": {
            "https://index.docker.io/v1/": {"auth": "aHViOmE="},
            "registry.example": {"auth": "aG9zdDpiOmM="},
            "registry.example/acme": {"username": "part", "password": "d"},
            "other.example:5000": {"identitytoken": "long"},
            "bad.example": {"auth": "%%%"}
        }, "HttpHeaders": {"a": "b"}}"#;
        assert_eq!(user(file, "nginx").as_deref(), Some("hub:a"));
        assert_eq!(user(file, "registry.example/x").as_deref(), Some("host:b:c"));
        assert_eq!(user(file, "registry.example/acme/web").as_deref(), Some("part:d"));
        assert_eq!(user(file, "registry.example/acmes/web").as_deref(), Some("host:b:c"));
        assert_eq!(user(file, "other.example:5000/x").as_deref(), Some("long"));
        for none in ["bad.example/x", "registry.example.evil/x", "other.example/x"] {
            assert_eq!(user(file, none), None, "{none}");
        }
    }

    #[test]
    fn a_helper_is_a_name_and_no_path() {
        let error = ask("../../bin/sh", "registry.example", None).unwrap_err();
        assert!(error.to_string().contains("a path"), "{error}");
        let error = ask("is-not-there", "registry.example", None).unwrap_err();
        assert!(error.to_string().contains("cannot be started"), "{error}");
    }

    #[test]
    fn a_credential_is_never_shown() {
        let secret = Credential::Identity("hidden".to_owned());
        assert!(!format!("{secret:?}").contains("hidden"));
    }
}
