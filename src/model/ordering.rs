//! Which of two versions is the newer one, where their tags tell.

use std::cmp::Ordering;

use semver::Version;

use super::Pin;

/// Digits beyond this make a number a date or an abbreviated commit id rather
/// than a build number.
const MAX_BUILD_DIGITS: usize = 6;

/// How `a` stands to `b` by `SemVer` 2.0; `None` where a tag is no version.
///
/// Lenient where tags are: a leading `v`, two parts (`1.10`), a build number;
/// but a build number and a version are of two minds, and not compared.
pub fn by_semver(a: &Pin, b: &Pin) -> Option<Ordering> {
    let dotted = |pin: &Pin| pin.tag.as_ref().is_some_and(|tag| tag.as_str().contains('.'));
    if dotted(a) != dotted(b) {
        return None;
    }
    Some(parse(a)?.cmp_precedence(&parse(b)?))
}

fn parse(pin: &Pin) -> Option<Version> {
    let text = pin.tag.as_ref()?.as_str();
    let text = text.strip_prefix('v').unwrap_or(text);
    if let Ok(version) = Version::parse(text) {
        return Some(version);
    }
    let numeric = text.split('.').all(|part| part.bytes().all(|b| b.is_ascii_digit()));
    let parts = text.split('.').count();
    match parts {
        2 if numeric => Version::parse(&format!("{text}.0")).ok(),
        1 if numeric && text.len() <= MAX_BUILD_DIGITS => {
            Version::parse(&format!("{text}.0.0")).ok()
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(a: &str, b: &str) -> Option<Ordering> {
        by_semver(&a.parse().unwrap(), &b.parse().unwrap())
    }

    #[test]
    fn tags_are_read_as_versions_where_they_are() {
        assert_eq!(order("v1.10.0", "v1.9.9"), Some(Ordering::Greater));
        assert_eq!(order("1.2", "v1.10"), Some(Ordering::Less));
        assert_eq!(order("1.0.0-rc.1", "1.0.0"), Some(Ordering::Less));
        assert_eq!(order("41", "7"), Some(Ordering::Greater));
        assert_eq!(order("1.0.0", "1.0.0"), Some(Ordering::Equal));
        assert_eq!(order("1234567", "7654321"), None);
        assert_eq!(order("sha-1", "1.0.0"), None);
        assert_eq!(order("v1.0.1", "1234"), None);
        assert_eq!(order("0.1.10+b", "0.1.9+a"), Some(Ordering::Greater));
    }
}
