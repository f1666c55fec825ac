//! What a registry asks for where it does not let us in (RFC 9110, section
//! 11.6.1, and the token authentication of the distribution project), and who
//! may be asked for a token.

use reqwest::Url;

use super::name::{is_loopback, is_private};
use super::{RegistryError, RepositoryName};

/// How a registry wants to be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Challenge {
    /// With a name and a password.
    Basic,
    /// With a token from a service.
    Bearer {
        /// The address of the service.
        realm: String,
        /// What the registry calls itself there.
        service: Option<String>,
    },
}

/// The first challenge of a header that can be met; a token before a password.
pub(super) fn read(header: &str) -> Option<Challenge> {
    let mut basic = false;
    for (scheme, fields) in challenges(header) {
        let of = |name: &str| {
            let field = fields.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
            field.map(|(_, value)| value.clone())
        };
        if scheme.eq_ignore_ascii_case("bearer")
            && let Some(realm) = of("realm")
        {
            return Some(Challenge::Bearer { realm, service: of("service") });
        }
        basic |= scheme.eq_ignore_ascii_case("basic");
    }
    basic.then_some(Challenge::Basic)
}

/// `Scheme key="value", key=value, Scheme ...`
fn challenges(header: &str) -> Vec<(String, Vec<(String, String)>)> {
    let mut found: Vec<(String, Vec<(String, String)>)> = Vec::new();
    for part in parts(header) {
        let (head, value) = match part.split_once('=') {
            Some((head, value)) => (head.trim(), Some(value.trim())),
            None => (part.trim(), None),
        };
        let mut words = head.split_whitespace();
        let (first, second) = (words.next().unwrap_or_default(), words.next());
        if value.is_none() || second.is_some() {
            found.push((first.to_owned(), Vec::new()));
        }
        let key = second.unwrap_or(first);
        if let (Some(value), Some((_, fields))) = (value, found.last_mut()) {
            let value = value.strip_prefix('"').and_then(|v| v.strip_suffix('"')).unwrap_or(value);
            fields.push((key.to_owned(), value.replace("\\\"", "\"")));
        }
    }
    found
}

/// The text at its commas, but for those between quotes.
fn parts(header: &str) -> Vec<String> {
    let (mut parts, mut part, mut quoted, mut escaped) = (Vec::new(), String::new(), false, false);
    for c in header.chars() {
        match c {
            '"' if !escaped => quoted = !quoted,
            ',' if !quoted => {
                parts.push(std::mem::take(&mut part));
                continue;
            }
            _ => {}
        }
        escaped = c == '\\' && !escaped;
        part.push(c);
    }
    parts.push(part);
    parts.retain(|part| !part.trim().is_empty());
    parts
}

/// Services of well-known registries on another host.
const KNOWN: [(&str, &str); 2] =
    [("docker.io", "auth.docker.io"), ("registry.gitlab.com", "gitlab.com")];

/// The address of the token service, if it may be asked. With credentials only
/// the registry's own host, one that is known to belong to it, and one that
/// the user named.
pub(super) fn realm(
    name: &RepositoryName,
    realm: &str,
    with_credentials: bool,
    named: &[String],
) -> Result<Url, RegistryError> {
    let base = name.base()?;
    let url = base.join(realm).map_err(|_| RegistryError::Strange {
        registry: name.host.clone(),
        message: "it names no address for a token".to_owned(),
    })?;
    let host = authority(&url);
    let refuse = |why: &'static str, can_be_named: bool| {
        let (registry, realm) = (name.host.clone(), host.clone());
        Err(RegistryError::Realm { registry, realm, why, can_be_named })
    };
    let is_own = url.origin() == base.origin();
    let is_named = named.contains(&host);
    let machine = url.host_str().unwrap_or_default();
    match url.scheme() {
        "https" => {}
        "http" if is_own || (name.plain && is_loopback(machine)) => {}
        "http" => return refuse("it is not encrypted", false),
        _ => return refuse("it is no address of the web", false),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refuse("its address holds a name or a password", false);
    }
    if !is_own && !is_named && is_private(machine) && !is_private(&name.host) {
        return refuse("it is an address inside a network", true);
    }
    let is_known = KNOWN.contains(&(name.host.as_str(), host.as_str()));
    if with_credentials && !(is_own || is_named || is_known) {
        return refuse("credentials go to another host only where it is named", true);
    }
    Ok(url)
}

/// Whether a redirect, or an address that a registry gives, may be followed.
pub(super) fn may_follow(name: &RepositoryName, to: &Url) -> Result<(), &'static str> {
    let host = to.host_str().unwrap_or_default();
    match to.scheme() {
        "https" => {}
        "http" if name.base().is_ok_and(|base| base.origin() == to.origin()) => {}
        "http" if name.plain && is_loopback(host) && is_loopback(&name.host) => {}
        "http" => return Err("is not encrypted"),
        _ => return Err("is no address of the web"),
    }
    if is_private(host) && !is_private(&name.host) && !is_same_host(name, host) {
        return Err("is inside a network");
    }
    Ok(())
}

fn is_same_host(name: &RepositoryName, host: &str) -> bool {
    name.base().is_ok_and(|base| base.host_str() == Some(host))
}

/// Host and port, where that is not the usual one.
pub(super) fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_are_read() {
        let bearer = |realm: &str, service: Option<&str>| {
            let service = service.map(str::to_owned);
            Some(Challenge::Bearer { realm: realm.to_owned(), service })
        };
        assert_eq!(
            read(r#"Bearer realm="https://a/t",service="reg, one",scope="x:y:pull,push""#),
            bearer("https://a/t", Some("reg, one"))
        );
        assert_eq!(read("bearer realm=https://a/t"), bearer("https://a/t", None));
        assert_eq!(read(r#"Basic realm="x", Bearer realm="y""#), bearer("y", None));
        assert_eq!(read(r#"Basic realm="x""#), Some(Challenge::Basic));
        assert_eq!(read("Negotiate, Basic"), Some(Challenge::Basic));
        for none in ["", "Bearer", "Bearer service=x", "Negotiate", ",,,=", "\"Basic"] {
            assert_eq!(read(none), None, "{none}");
        }
    }

    fn may(registry: &str, to: &str, with: bool, named: &[&str]) -> Result<String, String> {
        let named: Vec<String> = named.iter().map(|name| (*name).to_owned()).collect();
        let url = realm(&registry.parse().unwrap(), to, with, &named);
        url.map(|url| url.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn who_may_be_asked_for_a_token() {
        let own = "registry.example/web";
        assert!(may(own, "https://registry.example/token", true, &[]).is_ok());
        assert!(may(own, "/token", true, &[]).is_ok());
        assert!(may(own, "https://auth.example/token", false, &[]).is_ok());
        assert!(may(own, "https://auth.example/token", true, &[]).is_err());
        assert!(may(own, "https://auth.example/token", true, &["auth.example"]).is_ok());
        assert!(may(own, "https://auth.example:8443/", true, &["auth.example"]).is_err());
        assert!(may("nginx", "https://auth.docker.io/token", true, &[]).is_ok());
        assert!(may("nginx", "https://auth.docker.io.evil.example/token", true, &[]).is_err());
        for bad in [
            "http://registry.example/token",
            "http://auth.example/token",
            "https://10.0.0.1/token",
            "https://169.254.169.254/latest",
            "http://127.0.0.1:5000/token",
            "ftp://registry.example/token",
            "https://user:pw@registry.example/token",
            "http://[::1]/",
        ] {
            assert!(may(own, bad, false, &[]).is_err(), "{bad}");
        }
        assert!(may("localhost:5000/web", "http://localhost:5001/token", false, &[]).is_ok());
        assert!(may("localhost:5000/web", "http://localhost:5001/token", true, &[]).is_err());
        assert!(may("localhost:5000/web", "http://auth.example/token", false, &[]).is_err());
    }

    #[test]
    fn where_a_redirect_may_lead() {
        let may = |registry: &str, to: &str| {
            may_follow(&registry.parse().unwrap(), &Url::parse(to).unwrap()).is_ok()
        };
        assert!(may("registry.example/web", "https://cdn.example/x"));
        assert!(!may("registry.example/web", "http://cdn.example/x"));
        assert!(!may("registry.example/web", "https://127.0.0.1/x"));
        assert!(!may("registry.example/web", "http://169.254.169.254/latest/meta-data"));
        assert!(may("localhost:5000/web", "http://localhost:5001/x"));
        assert!(!may("localhost:5000/web", "http://cdn.example/x"));
        assert!(may("http://registry.local/web", "http://registry.local/x"));
        assert!(!may("http://registry.local/web", "http://other.local/x"));
    }
}
