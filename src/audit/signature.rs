//! Signatures of commits by ssh keys, verified here: no program is started.
//!
//! The form is that of OpenSSH's `PROTOCOL.sshsig`; git signs the commit without
//! its `gpgsig` header in the namespace `git`. The file of allowed signers is
//! that of `ssh-keygen(1)`, "ALLOWED SIGNERS".

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use ssh_key::{PublicKey, SshSig};

/// Git's own namespace.
const NAMESPACE: &str = "git";

/// The key that a signature is by, as `ssh-ed25519 AAAA...`; else why it proves
/// nothing.
pub fn signer(signature: &str, payload: &[u8]) -> Result<String, String> {
    if signature.contains("BEGIN PGP") {
        return Err("it is signed by gpg, which is not verified here".to_owned());
    }
    if !signature.contains("BEGIN SSH SIGNATURE") {
        return Err("it is not signed by an ssh key".to_owned());
    }
    let bad = || "its signature cannot be read".to_owned();
    let signature = SshSig::from_pem(signature.trim()).map_err(|_| bad())?;
    let key = PublicKey::from(signature.public_key().clone());
    let said = key.verify(NAMESPACE, payload, &signature);
    said.map_err(|_| "its signature is not that of what it says".to_owned())?;
    bare(&key).ok_or_else(bad)
}

/// A key without its comment.
fn bare(key: &PublicKey) -> Option<String> {
    let text = key.to_openssh().ok()?;
    let mut words = text.split_whitespace();
    Some(format!("{} {}", words.next()?, words.next()?))
}

/// The keys of a file of allowed signers that may sign commits at a time,
/// seconds since the epoch. What is not understood lets nobody in.
pub fn allowed(text: &str, now: i64) -> Vec<String> {
    text.lines().filter_map(|line| entry(line.trim(), now)).collect()
}

/// `PRINCIPALS [OPTIONS] TYPE KEY [COMMENT]`
fn entry(line: &str, now: i64) -> Option<String> {
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let (_, rest) = token(line)?;
    let parse = |rest: &str| {
        let mut words = rest.split_whitespace();
        let (kind, key) = (words.next()?, words.next()?);
        bare(&PublicKey::from_openssh(&format!("{kind} {key}")).ok()?)
    };
    if let Some(key) = parse(rest) {
        return Some(key);
    }
    let (options, rest) = token(rest)?;
    let holds = |option: &str| {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        let value = value.trim_matches('"');
        match name.to_ascii_lowercase().as_str() {
            "namespaces" => value.split(',').any(|name| name == NAMESPACE || name == "*"),
            "valid-after" => time(value).is_some_and(|time| now >= time),
            "valid-before" => time(value).is_some_and(|time| now < time),
            // Certificates are not verified, and what is not known may be a
            // limit.
            _ => false,
        }
    };
    split(options).into_iter().all(holds).then(|| parse(rest)).flatten()
}

/// The first word, in which blanks between quotes are part of it.
fn token(text: &str) -> Option<(&str, &str)> {
    let mut quoted = false;
    let end = text.find(|c: char| {
        quoted ^= c == '"';
        c.is_whitespace() && !quoted
    })?;
    let (word, rest) = text.split_at(end);
    Some((word, rest.trim_start()))
}

/// Options have commas between them, and may have some within quotes.
fn split(options: &str) -> Vec<&str> {
    let mut quoted = false;
    options
        .split(|c: char| {
            quoted ^= c == '"';
            c == ',' && !quoted
        })
        .collect()
}

/// `YYYYMMDD[HHMM[SS]][Z]`, always taken as UTC.
fn time(text: &str) -> Option<i64> {
    let digits = text.strip_suffix(['Z', 'z']).unwrap_or(text);
    let full = match digits.len() {
        8 => format!("{digits}000000"),
        12 => format!("{digits}00"),
        14 => digits.to_owned(),
        _ => return None,
    };
    let time = DateTime::strptime("%Y%m%d%H%M%S", full).ok()?;
    Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAq3DKQSlHcR+JxGKzgpv3AJ4GRVvztHYnFbgvfKVUD3";

    fn keys(line: &str) -> usize {
        allowed(line, 1_800_000_000).len()
    }

    #[test]
    fn who_is_allowed_is_read_with_its_limits() {
        let plain = format!("# people\n\nada@example.org {KEY} a comment\n");
        assert_eq!(allowed(&plain, 0), [KEY]);
        for good in [
            "ada,grace namespaces=\"git,file\"",
            "\"a b\" namespaces=\"git\"",
            "ada namespaces=\"git\",valid-after=\"20200101\",valid-before=\"20990101Z\"",
            "ada valid-after=20270115080000Z",
        ] {
            assert_eq!(keys(&format!("{good} {KEY}")), 1, "{good}");
        }
        for bad in [
            "ada namespaces=\"file\"",
            "ada cert-authority",
            "ada valid-before=\"20200101\"",
            "ada valid-after=\"20990101\"",
            "ada valid-after=\"soon\"",
            "ada valid-before=\"20271301\"",
            "ada some-limit=\"1\"",
            "",
        ] {
            assert_eq!(keys(&format!("{bad} {KEY}")), 0, "{bad}");
        }
        assert_eq!(keys("ada ssh-ed25519 AAAA"), 0);
        assert_eq!(keys("ada"), 0);
    }

    #[test]
    fn what_is_no_signature_of_an_ssh_key_says_so() {
        let why = |text: &str| signer(text, b"x").unwrap_err();
        assert!(why("-----BEGIN PGP SIGNATURE-----\n").contains("gpg"));
        assert!(why("").contains("not signed by an ssh key"));
        let broken = "-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----";
        assert!(why(broken).contains("cannot be read"));
    }
}
