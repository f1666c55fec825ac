//! `promote.toml` as it is written: the shape that serde reads and that the
//! JSON Schema describes. What it means is in `read`.

use std::fmt;

use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use toml::Spanned;

use super::health::RawHealth;
use super::images::RawSignature;
use super::raw_times::{RawFreeze, RawPolicy, RawWindow};

/// A text with its place in the file.
pub(super) type Text = Spanned<String>;

/// The environments of a config repository, the order between them, and where
/// each one keeps what it runs.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(title = "promote.toml", extend("required" = ["version", "environment"]))]
pub(super) struct RawConfig {
    /// The version of this format: 1.
    #[serde(rename = "version")]
    #[schemars(extend("const" = 1))]
    _version: i64,
    /// What a promotion does when no flag says otherwise: `commit` (the
    /// default) commits on the current branch, `push` pushes to the base
    /// branch, `pr` opens a pull request.
    #[serde(default)]
    #[schemars(with = "Option<Deliver>")]
    pub(super) deliver: Option<Text>,
    /// The forge. Left out, it is found from the remote.
    #[serde(default)]
    pub(super) forge: Option<RawForge>,
    /// What pull requests look like.
    #[serde(default)]
    pub(super) pull_request: Option<RawPullRequest>,
    /// Where overlays are. Left out, the layout is guessed by the directories
    /// of the configured environments.
    #[serde(default)]
    pub(super) layout: Option<RawLayout>,
    /// The environments. The order of the list is the order of promotion.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub(super) environment: Vec<RawEnvironment>,
    /// What a change may waive with a reason. Left out: every rule that can be
    /// waived may be waived by `promote`, and none in `check`.
    #[serde(default)]
    pub(super) r#override: Vec<RawOverride>,
    /// Conditions that a promotion has to satisfy, in the Common Expression
    /// Language.
    #[serde(default)]
    pub(super) policy: Vec<RawPolicy>,
    /// Apps that differ from the rest; the first match wins.
    #[serde(default)]
    pub(super) app: Vec<RawApp>,
    /// Days on which nothing enters any environment.
    #[serde(default)]
    #[schemars(with = "Vec<RawFreeze>")]
    pub(super) freezes: Vec<Spanned<RawFreeze>>,
    /// Tags that move, as globs, beside the built-in ones such as `latest`.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub(super) mutable_tags: Vec<Text>,
    /// Whether `check` refuses what it was not let ask outside of the
    /// repository (`--online`). The default is that it says so and passes.
    #[serde(default)]
    pub(super) require_online: bool,
}

/// Where overlays are.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(rename = "Layout")]
pub(super) struct RawLayout {
    /// Paths from the root of the repository, with `{app}`, `{env}`, `{group}`
    /// or any other `{name}`; `*` is one part of a path, `**` any depth. The
    /// first that matches wins.
    #[schemars(with = "Vec<RawLayoutPath>", length(min = 1))]
    pub(super) paths: Spanned<Vec<Spanned<RawLayoutPath>>>,
}

/// One layout path, alone or with what is special about it.
#[derive(Debug, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "LayoutPath")]
pub(super) enum RawLayoutPath {
    /// The path alone.
    Plain(String),
    /// The path with fields of its own.
    Table(RawLayoutTable),
}

/// A layout path with what is special about it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(rename = "LayoutTable")]
pub(super) struct RawLayoutTable {
    /// The path from the root of the repository.
    #[schemars(with = "String")]
    pub(super) path: Text,
    /// Fields that hold versions, beside those found by themselves.
    #[serde(default)]
    pub(super) fields: Vec<RawField>,
    /// Whether a `?ref=` that equals the old version moves along.
    #[serde(default = "yes")]
    pub(super) couple: bool,
}

/// A `?ref=` follows the version it equals, unless the config says otherwise.
const fn yes() -> bool {
    true
}

/// A field that holds a version.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(rename = "Field")]
pub(super) struct RawField {
    /// Keys with dots between, and `[N]`, `[*]` or `[key=value]` behind a list.
    #[schemars(with = "String")]
    pub(super) path: Text,
    /// What the field holds: `version` alone (the default) or a whole `image`.
    #[serde(default)]
    #[schemars(with = "Option<FieldKind>")]
    pub(super) kind: Option<Text>,
}

/// A stage that versions pass through.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(rename = "Environment")]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of the file")]
pub(super) struct RawEnvironment {
    /// Its name, as it stands in commands.
    #[schemars(with = "String")]
    pub(super) name: Text,
    /// The environments that a version must all be in before. Left out: the
    /// one before in the list. Empty: a first environment.
    #[serde(default)]
    #[schemars(with = "Option<Vec<String>>")]
    pub(super) from: Option<Spanned<Vec<Text>>>,
    /// The environments of which one is enough, in place of `from`.
    #[serde(default)]
    #[schemars(with = "Option<Vec<String>>", length(min = 1))]
    pub(super) from_any: Option<Spanned<Vec<Text>>>,
    /// The directory names that mean this environment. Left out: its name.
    #[serde(default)]
    #[schemars(with = "Option<Vec<String>>", length(min = 1))]
    pub(super) dirs: Option<Spanned<Vec<Text>>>,
    /// Whether it is enough that a version was in `from` at some time. The
    /// default is that it is there now.
    #[serde(default)]
    pub(super) seen: bool,
    /// Whether one change may bring a version into the environments before and
    /// into this one. The default is that the first has to land before.
    #[serde(default)]
    pub(super) together: bool,
    /// What a promotion into it does, where that differs from `deliver` of the
    /// top of the file.
    #[serde(default)]
    #[schemars(with = "Option<Deliver>")]
    pub(super) deliver: Option<Text>,
    /// Whether the forge merges pull requests into it by itself, once all that
    /// it asks for is there.
    #[serde(default)]
    pub(super) auto_merge: bool,
    /// Who is asked to look at pull requests into it: `@org/team` or `@name`.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub(super) reviewers: Vec<Text>,
    /// How many approvals a pull request into it needs. Left out: none, or one
    /// where it is protected.
    #[serde(default)]
    #[schemars(with = "Option<u8>", range(max = 50))]
    pub(super) approvals: Option<Spanned<i64>>,
    /// Whether nothing goes in that nobody approved, and its paths have owners
    /// in the file of code owners.
    #[serde(default)]
    pub(super) protected: bool,
    /// What tells whether the environments before are healthy: a version comes
    /// in only from healthy ones.
    #[serde(default)]
    #[schemars(with = "Option<RawHealth>")]
    pub(super) health: Option<Spanned<RawHealth>>,
    /// The context of the kubeconfig that reaches its cluster, for
    /// `status --live` and `health`. Left out: the current one.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) context: Option<Text>,
    /// The one namespace to look in there. Left out: for `status --live` all of
    /// them, for `health` that of the context.
    #[serde(default)]
    #[schemars(with = "Option<String>", regex(pattern = "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"))]
    pub(super) namespace: Option<Text>,
    /// The registry that its images are pulled from, with a path if there is
    /// one: `registry.example/acme/prod`. A promotion copies versions there.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) registry: Option<Text>,
    /// `digest` pins a tag with the digest that the registry has for it.
    #[serde(default)]
    #[schemars(with = "Option<String>", extend("enum" = ["digest"]))]
    pub(super) pin: Option<Text>,
    /// Who has to have signed what enters it.
    #[serde(default)]
    #[schemars(with = "Option<RawSignature>")]
    pub(super) verify_signature: Option<Spanned<RawSignature>>,
    /// How long a version has to be in the environments before, without
    /// interruption: `24h`, `90m`, `2d`.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) soak: Option<Text>,
    /// What is other for a rollback into it.
    #[serde(default)]
    pub(super) rollback: Option<RawRollback>,
    /// When it may be entered: in any window that allows, and in none that
    /// denies. Left out: always.
    #[serde(default)]
    #[schemars(with = "Option<Vec<RawWindow>>", length(min = 1))]
    pub(super) windows: Option<Spanned<Vec<Spanned<RawWindow>>>>,
    /// Days on which nothing enters it.
    #[serde(default)]
    #[schemars(with = "Vec<RawFreeze>")]
    pub(super) freezes: Vec<Spanned<RawFreeze>>,
    /// The trailers that a change of it has to carry, by their keys.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub(super) require_trailers: Vec<Text>,
}

/// What is other for a rollback.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(rename = "Rollback")]
pub(super) struct RawRollback {
    /// The rules that a rollback need not satisfy. Left out: `GP009` and
    /// `GP015`, since the environments before have moved on.
    #[serde(default)]
    #[schemars(with = "Option<Vec<String>>")]
    pub(super) exempt: Option<Vec<Text>>,
    /// How many approvals a pull request for a rollback needs. Left out: as
    /// many as any other.
    #[serde(default)]
    #[schemars(with = "Option<u8>", range(max = 50))]
    pub(super) approvals: Option<Spanned<i64>>,
}

/// The forge that pull requests are opened on.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(rename = "Forge")]
pub(super) struct RawForge {
    /// What it is. Left out, it is told from the host of the remote.
    #[serde(default)]
    #[schemars(with = "Option<Forge>")]
    pub(super) kind: Option<Text>,
    /// The address of its interface, for one of your own:
    /// `https://github.example.org/api/v3`.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) api: Option<Text>,
    /// The repository there, where the remote does not tell: `acme/config`.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) repository: Option<Text>,
}

/// What pull requests look like and how they are merged.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(rename = "PullRequest")]
pub(super) struct RawPullRequest {
    /// Which promotions share a request: `per-env` (the default: one an app and
    /// environment), `per-app`, `per-version`.
    #[serde(default)]
    #[schemars(with = "Option<Flow>")]
    pub(super) flow: Option<Text>,
    /// How they are merged where the forge merges them: `squash` (the
    /// default), `merge`, `rebase`.
    #[serde(default)]
    #[schemars(with = "Option<MergeMethod>")]
    pub(super) merge_method: Option<Text>,
    /// Labels, with `{app}`, `{env}`, `{version}`, `{group}` and `{action}`, which
    /// is `promotion` or `rollback`.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub(super) labels: Vec<Text>,
    /// The title, with the same names. Left out: that of the commit.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) title: Option<Text>,
    /// Whether they are opened as drafts.
    #[serde(default)]
    pub(super) draft: bool,
    /// The title of the milestone that they belong to.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) milestone: Option<Text>,
    /// A file of the repository whose text stands above what is written.
    /// Left out: the forge's own template, if the repository has one.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) template: Option<Text>,
    /// Links for people, each a name and an address with the same names.
    #[serde(default)]
    #[schemars(with = "std::collections::BTreeMap<String, String>")]
    pub(super) links: std::collections::BTreeMap<String, Text>,
}

/// A rule that a change may waive.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(rename = "Override")]
pub(super) struct RawOverride {
    /// The rule, such as `GP003`.
    #[schemars(with = "String", regex(pattern = "^(GP|gp)0[01][0-9]$"))]
    pub(super) rule: Text,
    /// The environments where it may be waived. Left out: all of them.
    #[serde(default)]
    #[schemars(with = "Option<Vec<String>>", length(min = 1))]
    pub(super) environments: Option<Spanned<Vec<Text>>>,
    /// Until when it may be waived: a date, whose day is included (UTC), or a
    /// time such as `2026-12-31T18:00:00Z`. Left out: without end.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) until: Option<Text>,
    /// Whose ssh signature the commit with the waiver needs: public keys, or
    /// paths of files of allowed signers in the repository. Left out: nobody's.
    #[serde(default)]
    #[schemars(with = "Option<Vec<String>>", length(min = 1))]
    pub(super) allowed_signers: Option<Spanned<Vec<Text>>>,
}

/// Apps that differ from the rest.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(rename = "App")]
pub(super) struct RawApp {
    /// The app, or a glob over apps.
    #[schemars(with = "String")]
    pub(super) name: Text,
    /// How strictly the app is held to the rules: `strict` (the default),
    /// `warn`, `off`.
    #[serde(default)]
    #[schemars(with = "Option<Policy>")]
    pub(super) policy: Option<Text>,
    /// The environments it exists in. Left out: all of them.
    #[serde(default)]
    #[schemars(with = "Option<Vec<String>>", length(min = 1))]
    pub(super) environments: Option<Spanned<Vec<Text>>>,
    /// The address of the repository that its versions are made from, for what
    /// changed between two of them: `https://git.example/acme/web`.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) source: Option<Text>,
}

/// What a promotion does when no flag says otherwise.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
#[expect(dead_code, reason = "only says in the schema which words there are")]
enum Deliver {
    /// Commit on the current branch.
    Commit,
    /// Push to the base branch.
    Push,
    /// Open a pull request.
    Pr,
}

/// What forge it is.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
#[expect(dead_code, reason = "only says in the schema which words there are")]
enum Forge {
    GitHub,
    GitLab,
    Gitea,
    Azure,
    Bitbucket,
    None,
}

/// Which promotions share a pull request.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
#[expect(dead_code, reason = "only says in the schema which words there are")]
enum Flow {
    /// One for each app and environment.
    #[schemars(rename = "per-env")]
    Env,
    /// One for each app.
    #[schemars(rename = "per-app")]
    App,
    /// One for each app, environment and version.
    #[schemars(rename = "per-version")]
    Version,
}

/// How a pull request is merged.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
#[expect(dead_code, reason = "only says in the schema which words there are")]
enum MergeMethod {
    /// One new commit.
    Squash,
    /// A merge commit.
    Merge,
    /// The commits themselves.
    Rebase,
}

/// What a declared field holds.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
#[expect(dead_code, reason = "only says in the schema which words there are")]
enum FieldKind {
    /// A version alone.
    Version,
    /// A whole image reference.
    Image,
}

/// How strictly an app is held to the rules.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
#[expect(dead_code, reason = "only says in the schema which words there are")]
enum Policy {
    /// Rules refuse.
    Strict,
    /// Rules warn.
    Warn,
    /// Rules are not asked.
    Off,
}

/// The JSON Schema of `promote.toml`, for editors and for
/// `git promote schema config`.
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(RawConfig).to_value()
}

/// By hand, because serde's own untagged enums forget where values stand.
impl<'de> Deserialize<'de> for RawLayoutPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = RawLayoutPath;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a path, or a table with `path`")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(RawLayoutPath::Plain(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                RawLayoutTable::deserialize(MapAccessDeserializer::new(map))
                    .map(RawLayoutPath::Table)
            }
        }

        deserializer.deserialize_any(Either)
    }
}
