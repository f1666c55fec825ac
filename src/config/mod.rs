//! What the repository says about its environments, layout and rules.
//!
//! A `Config` is made from the text of `promote.toml`, from
//! `gitops-promotion.yaml`, or from a guess by directory names; what it was
//! made from travels with it, so that every command can say so.

mod apps;
mod cluster;
mod delivery;
mod environments;
mod environments_yaml;
pub mod error;
mod gitops_promotion;
mod grammar;
mod grants;
mod guards;
mod health;
mod holds;
mod images;
mod import;
mod keys;
mod looser;
mod named;
mod policies;
mod raw;
mod raw_times;
mod read;
mod times;
mod write;
mod yaml;

pub use delivery::{DeliveryConfig, ForgeConfig, PullRequestConfig, placeholders};
pub use environments_yaml::import_environments_yaml;
pub use error::{ConfigError, Kind, Problem};
pub use gitops_promotion::{from_gitops_promotion, import_gitops_promotion};
pub use grammar::COMMANDS;
pub use guards::{Guard, Guards};
pub use health::{NAMES, unknown_name};
pub use holds::{HOLDS, Hold, Holds, with_hold, without_hold};
pub use import::{ImportNote, Imported};
pub use looser::grants as wider_grants;
pub use policies::PolicyRule;
pub use raw::schema;
pub use read::{FIXED, from_files, from_toml};
pub use write::to_toml;

use crate::model::{Environment, EnvironmentName, Pipeline, Rule};

/// The name of the config file, at the root of the repository.
pub const PROMOTE_TOML: &str = "promote.toml";

/// The name of the file of another tool that is read as it is where there is
/// no `promote.toml`.
pub const GITOPS_PROMOTION: &str = "gitops-promotion.yaml";

/// What a config was made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// `promote.toml` at the root of the repository.
    PromoteToml,
    /// `gitops-promotion.yaml` at the root of the repository.
    GitopsPromotion,
    /// Directory names.
    Guess(Guess),
}

/// What directory names told, and what they did not.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Guess {
    /// How the names were read, in one line.
    pub summary: String,
    /// Environments whose place in the order the names do not tell: nothing is
    /// promoted into them on a guess.
    pub undecided: Vec<EnvironmentName>,
}

/// The whole config, valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// What it was made from.
    pub origin: Origin,
    /// The environments and their order.
    pub pipeline: Pipeline,
    /// Where overlays are; the first template that matches a path wins.
    pub layout: Vec<LayoutPath>,
    /// What a change may waive; empty: every rule that can be waived.
    pub overrides: Vec<OverrideGrant>,
    /// Apps that differ from the rest, in order; the first match wins.
    pub apps: Vec<AppRule>,
    /// Tags that move (GP005), as globs, beside the built-in ones.
    pub mutable_tags: Vec<String>,
    /// How promotions reach the base branch.
    pub delivery: DeliveryConfig,
    /// Whether a rule that only somebody outside can answer refuses where
    /// nobody was asked.
    pub require_online: bool,
    /// What holds environments shut for a while.
    pub guards: Guards,
}

/// Where overlays are: a template such as `apps/{app}/overlays/{env}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayoutPath {
    /// The template: `{app}` `{env}` `{group}` or any other `{name}`, `*` one
    /// segment, `**` any depth. Names a directory, or a file if it ends in
    /// `.yaml`, `.yml` or `.json`.
    pub template: String,
    /// Fields that hold versions, beside those found by themselves.
    pub fields: Vec<FieldSpec>,
    /// Whether a `?ref=` that equals the old version moves along.
    pub couple: bool,
}

/// A declared field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldSpec {
    /// Keys with dots between, `[N]`, `[*]` or `[key=value]` behind a list:
    /// `spec.images[name=web].newTag`.
    pub path: String,
    /// Whether the value is a whole image reference rather than a version.
    pub image: bool,
}

/// What a change may waive, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverrideGrant {
    /// The rule.
    pub rule: Rule,
    /// The environments; empty: all.
    pub environments: Vec<EnvironmentName>,
    /// Until when; `None`: without end.
    pub until: Option<Until>,
    /// Whose signature the commit with the waiver needs; empty: nobody's.
    pub signers: Vec<AllowedSigner>,
}

/// A moment, as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Until {
    /// As it is written.
    pub text: String,
    /// The first second that is too late, since the epoch.
    pub end: i64,
}

/// Who may sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AllowedSigner {
    /// The holder of this key: `ssh-ed25519 AAAA...`, without a comment.
    Key(String),
    /// Whoever this file of the repository allows, as the base has it.
    File(String),
}

/// How strictly an app is held to the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AppPolicy {
    /// Rules refuse.
    #[default]
    Strict,
    /// Rules warn: for apps that are rebuilt per environment.
    Warn,
    /// Rules are not asked.
    Off,
}

/// An app, or a glob of apps, that differs from the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppRule {
    /// A glob over app names.
    pub name: String,
    /// How strictly it is held.
    pub policy: AppPolicy,
    /// The environments it exists in; empty: all.
    pub environments: Vec<EnvironmentName>,
    /// The address of the repository that its versions are made from.
    pub source: Option<String>,
}

impl Config {
    /// A config of `promote.toml` that says nothing but its environments.
    pub fn bare(pipeline: Pipeline) -> Self {
        Self {
            origin: Origin::PromoteToml,
            pipeline,
            layout: Vec::new(),
            overrides: Vec::new(),
            apps: Vec::new(),
            mutable_tags: Vec::new(),
            delivery: DeliveryConfig::default(),
            require_online: false,
            guards: Guards::default(),
        }
    }

    /// The environment of that name.
    pub fn environment(&self, name: &str) -> Option<&Environment> {
        self.pipeline.get(name)
    }
}
