//! Windows, freezes and policies as `promote.toml` writes them.

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use super::raw::Text;

/// A time to be open, or to be shut: one of `allow`, `deny` and `cron`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(rename = "Window")]
pub(super) struct RawWindow {
    /// Days and hours at which it is open: `Mon-Fri 10:00-16:00`.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) allow: Option<Text>,
    /// Days and hours at which it is shut, whatever else allows.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) deny: Option<Text>,
    /// A cron pattern of five fields; it is open from each occurrence on, for
    /// `duration`.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) cron: Option<Text>,
    /// How long it stays open after each occurrence of `cron`: `6h`.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) duration: Option<Text>,
    /// The IANA name of the time zone: `Europe/Berlin`.
    #[schemars(with = "String")]
    pub(super) timezone: Text,
}

/// Days on which nothing moves.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(rename = "Freeze")]
pub(super) struct RawFreeze {
    /// The first day: `2026-12-20`.
    #[schemars(with = "String")]
    pub(super) from: Text,
    /// The last day; it is part of the freeze.
    #[schemars(with = "String")]
    pub(super) to: Text,
    /// The IANA name of the time zone: `Europe/Berlin`.
    #[schemars(with = "String")]
    pub(super) timezone: Text,
    /// Why; it stands in what is refused.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) reason: Option<Text>,
}

/// A condition that a promotion has to satisfy.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(rename = "PolicyRule")]
pub(super) struct RawPolicy {
    /// Its name, which stands in what is refused.
    #[schemars(with = "String")]
    pub(super) name: Text,
    /// The condition: `promotion.step != "major"`.
    #[schemars(with = "String")]
    pub(super) expression: Text,
    /// The environments where it is asked. Left out: all of them.
    #[serde(default)]
    #[schemars(with = "Option<Vec<String>>", length(min = 1))]
    pub(super) environments: Option<Spanned<Vec<Text>>>,
    /// What is said where it does not hold.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) message: Option<Text>,
    /// Whether `--override GP017` with a reason waives it, also in `check`.
    #[serde(default)]
    pub(super) r#override: bool,
}
