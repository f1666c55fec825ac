//! The branch of a promotion: the same for the same promotion, another for any
//! other, whatever apps and groups are called.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use crate::model::{AppId, EnvironmentName, Flow, Promotion, hex};

/// What all branches of pull requests begin with.
pub const PREFIX: &str = "promote/";

/// Stands for the group of an app that has none. No group is written so.
const NO_GROUP: &str = "-";

/// The branch of promotions into one environment, short.
///
/// `promote/env/ENV/GROUP/APP`, `promote/app/GROUP/APP`, or
/// `promote/version/ENV/GROUP/APP/VERSION`; several apps at once share
/// `promote/set/ENV/ID`. Each flow has a directory of its own, because a branch
/// cannot stand where another one has its directory.
pub fn branch(flow: Flow, to: &EnvironmentName, promotions: &[Promotion]) -> String {
    let apps: BTreeSet<&AppId> = promotions.iter().map(|promotion| &promotion.app).collect();
    let env = part(to.as_str());
    let mut several = apps.iter().skip(1);
    let (Some(app), None) = (apps.first(), several.next()) else {
        return format!("{PREFIX}set/{env}/{}", set_id(flow, promotions));
    };
    let group = app.group.as_deref().map_or_else(|| NO_GROUP.to_owned(), part);
    // What no name can hold keeps the labels apart from it.
    let labels = app.labels.iter().map(|(name, value)| format!("\0{name}={value}"));
    let name = part(&format!("{}{}", app.name, labels.collect::<String>()));
    match flow {
        Flow::PerEnv => format!("{PREFIX}env/{env}/{group}/{name}"),
        Flow::PerApp => format!("{PREFIX}app/{group}/{name}"),
        Flow::PerVersion => {
            let mut versions: Vec<String> =
                promotions.iter().map(|promotion| promotion.version.to_string()).collect();
            versions.sort();
            versions.dedup();
            let version = part(&versions.join("+"));
            format!("{PREFIX}version/{env}/{group}/{name}/{version}")
        }
    }
}

/// Whether a branch may hold a promotion into any environment: that of an app,
/// whatever it moves to.
pub fn is_shared(branch: &str) -> bool {
    branch.starts_with(&format!("{PREFIX}app/"))
}

/// What stands for a set of apps: their names, and where each version has a
/// request of its own, the versions.
fn set_id(flow: Flow, promotions: &[Promotion]) -> String {
    let line = |promotion: &Promotion| match flow {
        Flow::PerVersion => format!("{}\0{}", promotion.app, promotion.version),
        Flow::PerEnv | Flow::PerApp => promotion.app.to_string(),
    };
    let lines: BTreeSet<String> = promotions.iter().map(line).collect();
    let text = lines.into_iter().collect::<Vec<_>>().join("\n");
    hex(&Sha256::digest(text.as_bytes())).chars().take(12).collect()
}

/// A name as one part of a branch: git's rules for names of refs hold, and two
/// names never become one. What is not plain is written in hex behind `%`.
fn part(name: &str) -> String {
    let mut out = String::new();
    let bytes = name.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        // A dot must be neither first nor last, beside another, nor in `.lock`.
        let around = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        let before = at.checked_sub(1).and_then(|before| bytes.get(before));
        let dot = *byte == b'.'
            && around(before)
            && around(bytes.get(at + 1))
            && !bytes.get(at..).is_some_and(|rest| rest.eq_ignore_ascii_case(b".lock"));
        let dash = *byte == b'-' && name != NO_GROUP && at > 0;
        if byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'+') || dot || dash {
            out.push(char::from(*byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::Pin;

    fn promotion(group: Option<&str>, app: &str, version: &str) -> Promotion {
        Promotion {
            app: AppId { group: group.map(str::to_owned), ..AppId::named(app) },
            image: app.to_owned(),
            repository: None,
            from: Vec::new(),
            to: EnvironmentName::new("prod"),
            previous: Pin::default(),
            version: version.parse().unwrap(),
        }
    }

    fn of(flow: Flow, group: Option<&str>, app: &str) -> String {
        branch(flow, &EnvironmentName::new("prod"), &[promotion(group, app, "v1.2.3")])
    }

    #[test]
    fn each_flow_has_its_branches() {
        assert_eq!(of(Flow::PerEnv, None, "web"), "promote/env/prod/-/web");
        assert_eq!(of(Flow::PerEnv, Some("shop"), "web"), "promote/env/prod/shop/web");
        assert_eq!(of(Flow::PerApp, None, "web"), "promote/app/-/web");
        assert_eq!(of(Flow::PerVersion, None, "web"), "promote/version/prod/-/web/v1.2.3");
        assert!(is_shared(&of(Flow::PerApp, None, "web")));
        assert!(!is_shared(&of(Flow::PerEnv, Some("app"), "web")));
        let to = EnvironmentName::new("prod");
        let set = [promotion(None, "web", "v1"), promotion(None, "api", "v2")];
        let later = [promotion(None, "api", "v3"), promotion(None, "web", "v1")];
        assert_eq!(branch(Flow::PerEnv, &to, &set), branch(Flow::PerEnv, &to, &later));
        assert_ne!(branch(Flow::PerVersion, &to, &set), branch(Flow::PerVersion, &to, &later));
    }

    #[test]
    fn odd_names_become_good_ones() {
        assert_eq!(of(Flow::PerApp, Some("-"), "web"), "promote/app/%2D/web");
        assert_eq!(of(Flow::PerApp, None, "a.lock"), "promote/app/-/a%2Elock");
        assert_eq!(of(Flow::PerApp, None, "../x"), "promote/app/-/%2E%2E%2Fx");
        assert_eq!(of(Flow::PerApp, None, "a..b"), "promote/app/-/a%2E%2Eb");
    }

    proptest! {
        #[test]
        fn git_takes_every_branch(group in proptest::option::of(".{1,12}"), app in ".{1,20}") {
            let name = format!("refs/heads/{}", of(Flow::PerEnv, group.as_deref(), &app));
            prop_assert!(gix::refs::FullName::try_from(name.clone()).is_ok(), "{name}");
        }

        #[test]
        fn no_two_names_share_a_branch(
            one in (proptest::option::of("[-%./a2DE]{1,4}"), "[-%./a2DE]{1,5}"),
            other in (proptest::option::of("[-%./a2DE]{1,4}"), "[-%./a2DE]{1,5}"),
        ) {
            prop_assume!(one != other);
            let branch = |(group, app): &(Option<String>, String)| {
                of(Flow::PerEnv, group.as_deref(), app)
            };
            let (one, other) = (branch(&one), branch(&other));
            prop_assert_ne!(&one, &other);
            // Nor does one stand where the other has its directory.
            let directory = format!("{other}/");
            prop_assert!(!one.starts_with(&directory));
        }
    }
}
