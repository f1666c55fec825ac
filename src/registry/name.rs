//! The name of a repository of a registry, as manifests and people write it.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use reqwest::Url;

use super::RegistryError;

/// The longest name of a repository, by the distribution specification.
const LONGEST: usize = 255;

/// Where images of `docker.io` are served.
pub(super) const HUB: &str = "registry-1.docker.io";

/// A repository: a registry and a path there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepositoryName {
    /// Host and port, as people write them: `docker.io`, `localhost:5000`.
    pub host: String,
    /// The path, such as `library/nginx`.
    pub path: String,
    /// Whether it is spoken to without encryption: where `http://` stands
    /// before it, and on this machine.
    pub plain: bool,
}

impl RepositoryName {
    /// A registry, with a path or without one, that repositories are below.
    pub fn registry(text: &str) -> Result<Self, RegistryError> {
        let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
        if rest.trim_end_matches('/').contains('/') {
            return text.parse();
        }
        // With any path, to read the rest.
        let name: Self = format!("{}/x", text.trim_end_matches('/')).parse()?;
        Ok(Self { path: String::new(), ..name })
    }

    /// The repository of that name below this one.
    pub fn below(&self, name: &str) -> Result<Self, RegistryError> {
        check_path(name)?;
        let path = match self.path.as_str() {
            "" => name.to_owned(),
            path => format!("{path}/{name}"),
        };
        Ok(Self { path, ..self.clone() })
    }

    /// What is left of the path behind that of `above`, if it is below it.
    pub fn within(&self, above: &Self) -> Option<&str> {
        let rest = match above.path.as_str() {
            "" => &self.path,
            path => self.path.strip_prefix(path)?.strip_prefix('/')?,
        };
        (self.host == above.host).then_some(rest)
    }

    /// The last part of the path.
    pub fn last(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// The address of the registry.
    pub(super) fn base(&self) -> Result<Url, RegistryError> {
        let scheme = if self.plain { "http" } else { "https" };
        let host = if self.host == "docker.io" { HUB } else { &self.host };
        let url = Url::parse(&format!("{scheme}://{host}/v2/"));
        url.map_err(|_| RegistryError::Config(format!("`{}` is no address", self.host)))
    }
}

impl FromStr for RepositoryName {
    type Err = RegistryError;

    /// A first part with a dot or a port, or `localhost`, is a host; without
    /// one it is `docker.io`, as everywhere.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (scheme, name) = match text.split_once("://") {
            Some((scheme @ ("http" | "https"), name)) => (Some(scheme), name),
            Some(_) => return Err(bad(text, "only http:// and https:// may stand before it")),
            None => (None, text),
        };
        let name = name.trim_end_matches('/');
        let is_host = |first: &str| first.contains(['.', ':']) || first == "localhost";
        let (host, path) = match name.split_once('/') {
            Some((first, rest)) if is_host(first) || scheme.is_some() => (first, rest.to_owned()),
            Some(_) => ("docker.io", name.to_owned()),
            None if scheme.is_some() => return Err(bad(text, "a path is missing")),
            None => ("docker.io", format!("library/{name}")),
        };
        let host = match host {
            "index.docker.io" | HUB => "docker.io",
            host => host,
        };
        check_host(host).map_err(|why| bad(text, why))?;
        check_path(&path)?;
        let plain = scheme == Some("http") || (scheme.is_none() && is_loopback(host));
        Ok(Self { host: host.to_ascii_lowercase(), path, plain })
    }
}

impl fmt::Display for RepositoryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let between = if self.path.is_empty() { "" } else { "/" };
        write!(f, "{}{between}{}", self.host, self.path)
    }
}

fn bad(text: &str, why: &str) -> RegistryError {
    let text: String = text.chars().filter(|c| !c.is_control()).take(200).collect();
    RegistryError::Config(format!("`{text}` is no repository of a registry: {why}"))
}

fn check_host(host: &str) -> Result<(), &'static str> {
    let known = |b: u8| b.is_ascii_alphanumeric() || b".-:[]_".contains(&b);
    // A user before an `@` would be sent to a place of his own.
    if host.is_empty() || !host.bytes().all(known) {
        return Err("its host has a character that none has");
    }
    let url = Url::parse(&format!("https://{host}/")).map_err(|_| "its host cannot be read")?;
    if url.host_str().is_none() { Err("its host cannot be read") } else { Ok(()) }
}

/// The grammar of the distribution specification.
fn check_path(path: &str) -> Result<(), RegistryError> {
    let part = |part: &str| {
        let edge = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let bytes = part.as_bytes();
        let known = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(b);
        edge(bytes.first().copied())
            && edge(bytes.last().copied())
            && bytes.iter().all(known)
            && !part.contains("..")
            && !part.contains("___")
    };
    if path.len() <= LONGEST && path.split('/').all(part) {
        return Ok(());
    }
    Err(bad(path, "its parts are of a-z 0-9 . _ - with a / between"))
}

/// Whether a host, with or without a port, is this machine.
pub(super) fn is_loopback(host: &str) -> bool {
    let name = without_port(host);
    name == "localhost" || ip(name).is_some_and(|ip| ip.is_loopback())
}

/// Whether a host is an address that no public service has, or this machine.
pub(super) fn is_private(host: &str) -> bool {
    let name = without_port(host);
    if name == "localhost" || name.ends_with(".localhost") {
        return true;
    }
    match ip(name) {
        Some(IpAddr::V4(ip)) => {
            ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_unspecified()
        }
        Some(IpAddr::V6(ip)) => {
            let mapped = ip.to_ipv4_mapped();
            let mapped = mapped.is_some_and(|ip| is_private(&ip.to_string()));
            mapped
                || ip.is_loopback()
                || ip.is_unique_local()
                || ip.is_unicast_link_local()
                || ip.is_unspecified()
        }
        None => false,
    }
}

fn ip(name: &str) -> Option<IpAddr> {
    name.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !name.is_empty() => {
            // `::1` has no port.
            if name.contains(':') && !name.ends_with(']') { host } else { name }
        }
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        let name: RepositoryName = text.parse().unwrap();
        format!("{}{name}", if name.plain { "plain " } else { "" })
    }

    #[test]
    fn names_are_read_as_everywhere() {
        assert_eq!(read("nginx"), "docker.io/library/nginx");
        assert_eq!(read("acme/web"), "docker.io/acme/web");
        assert_eq!(read("index.docker.io/acme/web"), "docker.io/acme/web");
        assert_eq!(read("registry.example:5000/acme/web"), "registry.example:5000/acme/web");
        assert_eq!(read("localhost:5000/web"), "plain localhost:5000/web");
        assert_eq!(read("127.0.0.1:5000/web"), "plain 127.0.0.1:5000/web");
        assert_eq!(read("[::1]:5000/web"), "plain [::1]:5000/web");
        assert_eq!(read("https://localhost:5000/web"), "localhost:5000/web");
        assert_eq!(read("http://registry.local/web/"), "plain registry.local/web");
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for bad in [
            "",
            "/web",
            "ftp://registry.example/web",
            "https://registry.example",
            "user@registry.example/web",
            "registry.example/Web",
            "registry.example/web/../admin",
            "registry.example/-web",
            "registry.example/web?x=1",
            "registry.example/a b",
        ] {
            assert!(bad.parse::<RepositoryName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_below_is_told_from_what_begins_alike() {
        let of = |text: &str| text.parse::<RepositoryName>().unwrap();
        let prod = of("registry.example/acme/prod");
        assert_eq!(of("registry.example/acme/prod/team/web").within(&prod), Some("team/web"));
        assert_eq!(of("registry.example/acme/production/web").within(&prod), None);
        assert_eq!(of("other.example/acme/prod/web").within(&prod), None);
        assert_eq!(prod.below("web").unwrap().to_string(), "registry.example/acme/prod/web");
        assert!(prod.below("../x").is_err());
        let all = RepositoryName::registry("registry.example:5000").unwrap();
        assert_eq!(all.to_string(), "registry.example:5000");
        assert_eq!(all.below("web").unwrap(), of("registry.example:5000/web"));
        assert_eq!(of("registry.example:5000/a/b").within(&all), Some("a/b"));
        assert!(RepositoryName::registry("http://registry.local").unwrap().plain);
    }

    #[test]
    fn private_addresses_are_known() {
        for yes in [
            "10.0.0.1",
            "127.0.0.1:5000",
            "169.254.169.254",
            "[::1]:80",
            "[fd00::1]",
            "localhost",
            "[::ffff:10.0.0.1]",
            "192.168.1.1:443",
            "a.localhost",
        ] {
            assert!(is_private(yes), "{yes}");
        }
        for no in ["registry.example", "8.8.8.8", "[2001:db8::1]:5000", "local.example:5000"] {
            assert!(!is_private(no), "{no}");
        }
    }
}
