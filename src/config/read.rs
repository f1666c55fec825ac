//! `promote.toml` -> [`Config`].

use std::collections::BTreeSet;
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer};

use super::error::{ConfigError, Problem, Source};
use super::raw::{RawApp, RawConfig, RawField, RawLayoutPath, RawOverride, Text};
use super::{
    AppPolicy, AppRule, Config, FieldSpec, GITOPS_PROMOTION, LayoutPath, Origin, OverrideGrant,
    PROMOTE_TOML, delivery, environments, from_gitops_promotion, grammar, grants, guards, keys,
    policies,
};
use crate::model::{EnvironmentName, Pipeline, Rule, nearest};

/// The rules that the contract gives no exception to, whatever a config says.
pub const FIXED: [Rule; 6] =
    [Rule::GP004, Rule::GP010, Rule::GP011, Rule::GP012, Rule::GP013, Rule::GP014];

/// Reads the text of a `promote.toml`.
pub fn from_toml(text: &str) -> Result<Config, ConfigError> {
    let source = Source::new(PROMOTE_TOML, text)?;
    let table = DeTable::parse(text).map_err(|error| syntax(source, &error))?;
    check_version(source, table.get_ref())?;
    keys::check(source, table.get_ref())?;
    let raw = RawConfig::deserialize(Deserializer::from(table))
        .map_err(|error| syntax(source, &error))?;
    let delivery = delivery::read(source, &raw)?;
    let mut guards = guards::read(source, &raw)?;
    let reader = Reader { source, pipeline: environments::pipeline(source, &raw.environment)? };
    let mutable_tags =
        raw.mutable_tags.iter().map(|tag| reader.glob(tag)).collect::<Result<_, _>>()?;
    let layout =
        raw.layout.map_or_else(|| Ok(Vec::new()), |layout| reader.layout(&layout.paths))?;
    let overrides = raw.r#override.iter().map(|one| reader.grant(one)).collect::<Result<_, _>>()?;
    let apps = reader.apps(&raw.app)?;
    guards.policies = policies::read(source, &raw.policy, &|policy| {
        reader.environments(policy.environments.as_ref())
    })?;
    let pipeline = reader.pipeline;
    let origin = Origin::PromoteToml;
    let require_online = raw.require_online;
    let config = Config::bare(pipeline);
    Ok(Config {
        origin,
        layout,
        overrides,
        apps,
        mutable_tags,
        delivery,
        require_online,
        guards,
        ..config
    })
}

/// Reads the config of a repository from the bytes of its config files, as far
/// as they are there: `promote.toml`, else `gitops-promotion.yaml`. `None` where
/// there is neither, and the layout has to be guessed.
pub fn from_files(
    promote_toml: Option<&[u8]>,
    gitops_promotion: Option<&[u8]>,
) -> Result<Option<Config>, ConfigError> {
    match (promote_toml, gitops_promotion) {
        (Some(bytes), _) => from_toml(utf8(PROMOTE_TOML, bytes)?).map(Some),
        (None, Some(bytes)) => from_gitops_promotion(utf8(GITOPS_PROMOTION, bytes)?).map(Some),
        (None, None) => Ok(None),
    }
}

/// The text of the bytes; the error stands where they stop being text.
fn utf8<'b>(file: &'static str, bytes: &'b [u8]) -> Result<&'b str, ConfigError> {
    std::str::from_utf8(bytes).map_err(|error| {
        let good = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let text = std::str::from_utf8(good).unwrap_or_default();
        Source { file, text }.at(text.len()..text.len(), Problem::NotUtf8)
    })
}

/// What toml or serde says, in one line.
fn syntax(source: Source<'_>, error: &toml::de::Error) -> ConfigError {
    let mut message = error.message().trim().replace('\n', ", ");
    // serde's words for what TOML calls a list and a table.
    for (serde, toml) in [("a sequence", "a list"), ("type: map", "type: table")] {
        message = message.replace(serde, toml);
    }
    if let Some(missing) = message.strip_prefix("missing field ") {
        message = format!("the key {missing} is missing");
    }
    source.at(error.span().unwrap_or(0..0), Problem::Syntax(grammar::printable(&message)))
}

/// Before all else: the keys of another version are not ours to judge.
fn check_version(source: Source<'_>, root: &DeTable<'_>) -> Result<(), ConfigError> {
    let Some(version) = root.get("version") else {
        return Err(source.at(0..0, Problem::Missing("version")));
    };
    let found = match version.get_ref() {
        DeValue::Integer(number) if number.as_str() == "1" && number.radix() == 10 => return Ok(()),
        _ => source.text.get(version.span()).unwrap_or_default(),
    };
    Err(source.at(version.span(), Problem::Version(grammar::printable(found))))
}

/// What every part of the file is read against.
struct Reader<'t> {
    source: Source<'t>,
    pipeline: Pipeline,
}

impl Reader<'_> {
    fn at<T>(&self, span: Range<usize>, result: Result<T, Problem>) -> Result<T, ConfigError> {
        result.map_err(|problem| self.source.at(span, problem))
    }

    fn glob(&self, text: &Text) -> Result<String, ConfigError> {
        self.at(text.span(), grammar::glob(text.get_ref()))?;
        Ok(text.get_ref().clone())
    }

    fn layout(
        &self,
        paths: &Spanned<Vec<Spanned<RawLayoutPath>>>,
    ) -> Result<Vec<LayoutPath>, ConfigError> {
        if paths.get_ref().is_empty() {
            return Err(self.source.at(paths.span(), Problem::EmptyList("paths")));
        }
        let mut layout: Vec<LayoutPath> = Vec::new();
        let mut seen = BTreeSet::new();
        for path in paths.get_ref() {
            let path = self.layout_path(path, &mut seen)?;
            layout.push(path);
        }
        Ok(layout)
    }

    fn layout_path<'p>(
        &self,
        raw: &'p Spanned<RawLayoutPath>,
        seen: &mut BTreeSet<&'p str>,
    ) -> Result<LayoutPath, ConfigError> {
        let (span, template, fields, couple) = match raw.get_ref() {
            RawLayoutPath::Plain(template) => (raw.span(), template, &[][..], true),
            RawLayoutPath::Table(table) => {
                (table.path.span(), table.path.get_ref(), table.fields.as_slice(), table.couple)
            }
        };
        self.at(span.clone(), grammar::template(template))?;
        if !seen.insert(template) {
            let twice = Problem::Twice { list: "paths", value: template.clone() };
            return Err(self.source.at(span, twice));
        }
        let fields = fields.iter().map(|field| self.field(field)).collect::<Result<_, _>>()?;
        Ok(LayoutPath { template: template.clone(), fields, couple })
    }

    fn field(&self, raw: &RawField) -> Result<FieldSpec, ConfigError> {
        self.at(raw.path.span(), grammar::field_path(raw.path.get_ref()))?;
        let image = match raw.kind.as_ref().map(|kind| (kind, kind.get_ref().as_str())) {
            None | Some((_, "version")) => false,
            Some((_, "image")) => true,
            Some((kind, other)) => {
                let problem = unknown_value("kind", other, vec!["version", "image"]);
                return Err(self.source.at(kind.span(), problem));
            }
        };
        Ok(FieldSpec { path: raw.path.get_ref().clone(), image })
    }

    fn grant(&self, raw: &RawOverride) -> Result<OverrideGrant, ConfigError> {
        let name = raw.rule.get_ref();
        let rule = name
            .parse::<Rule>()
            .map_err(|_| Problem::UnknownRule(grammar::printable(name)))
            .and_then(|rule| {
                if FIXED.contains(&rule) {
                    Err(Problem::FixedRule(rule.to_string()))
                } else {
                    Ok(rule)
                }
            });
        let rule = self.at(raw.rule.span(), rule)?;
        Ok(OverrideGrant {
            rule,
            environments: self.environments(raw.environments.as_ref())?,
            until: raw.until.as_ref().map(|text| grants::until(self.source, text)).transpose()?,
            signers: match &raw.allowed_signers {
                Some(list) => grants::signers(self.source, list)?,
                None => Vec::new(),
            },
        })
    }

    fn apps(&self, raw: &[RawApp]) -> Result<Vec<AppRule>, ConfigError> {
        let mut seen = BTreeSet::new();
        let mut apps = Vec::new();
        for app in raw {
            if !seen.insert(app.name.get_ref()) {
                let twice = Problem::Twice { list: "app", value: app.name.get_ref().clone() };
                return Err(self.source.at(app.name.span(), twice));
            }
            apps.push(self.app(app)?);
        }
        Ok(apps)
    }

    fn app(&self, raw: &RawApp) -> Result<AppRule, ConfigError> {
        let policy = match raw.policy.as_ref().map(|policy| (policy, policy.get_ref().as_str())) {
            None | Some((_, "strict")) => AppPolicy::Strict,
            Some((_, "warn")) => AppPolicy::Warn,
            Some((_, "off")) => AppPolicy::Off,
            Some((policy, other)) => {
                let problem = unknown_value("policy", other, vec!["strict", "warn", "off"]);
                return Err(self.source.at(policy.span(), problem));
            }
        };
        let environments = self.environments(raw.environments.as_ref())?;
        let source = raw.source.as_ref().map(|text| delivery::address(self.source, text));
        Ok(AppRule {
            name: self.glob(&raw.name)?,
            policy,
            environments,
            source: source.transpose()?,
        })
    }

    /// Names of configured environments; a list that is there names at least one.
    fn environments(
        &self,
        names: Option<&Spanned<Vec<Text>>>,
    ) -> Result<Vec<EnvironmentName>, ConfigError> {
        let Some(names) = names else { return Ok(Vec::new()) };
        if names.get_ref().is_empty() {
            return Err(self.source.at(names.span(), Problem::EmptyList("environments")));
        }
        let known = || self.pipeline.environments().iter().map(|one| one.name.as_str());
        for name in names.get_ref() {
            if !known().any(|known| known == name.get_ref()) {
                let problem = Problem::UnknownEnvironment {
                    name: grammar::printable(name.get_ref()),
                    nearest: nearest(name.get_ref(), known()).map(str::to_owned),
                };
                return Err(self.source.at(name.span(), problem));
            }
        }
        environments::names(self.source, "environments", names.get_ref())
    }
}

pub(super) fn unknown_value(key: &'static str, value: &str, known: Vec<&'static str>) -> Problem {
    Problem::UnknownValue { key, value: grammar::printable(value), known }
}
