//! `deliver`, `[forge]`, `[pull-request]` and what an environment says of its
//! delivery: read and written.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use toml::Spanned;

use super::error::{ConfigError, Kind, Problem, Source};
use super::grammar::printable;
use super::raw::{RawConfig, RawEnvironment, RawForge, RawPullRequest, Text};
use super::read::unknown_value;
use super::write::{string, strings};
use crate::model::{
    AppId, Deliver, EnvironmentDelivery, EnvironmentName, Flow, ForgeKind, MergeMethod, Reviewer,
};

/// How promotions reach the base branch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeliveryConfig {
    /// What a promotion does when neither a flag nor its environment says.
    pub deliver: Deliver,
    /// The forge, as far as the config tells.
    pub forge: ForgeConfig,
    /// What pull requests look like.
    pub pull_request: PullRequestConfig,
}

/// The forge, as far as the config tells; the rest is found from the remote.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ForgeConfig {
    /// What it is.
    pub kind: Option<ForgeKind>,
    /// The address of its interface.
    pub api: Option<String>,
    /// The repository there.
    pub repository: Option<String>,
}

/// What pull requests look like and how they are merged.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PullRequestConfig {
    /// Which promotions share one.
    pub flow: Flow,
    /// How the forge merges them.
    pub merge_method: MergeMethod,
    /// Labels, with [`placeholders`] in them.
    pub labels: Vec<String>,
    /// The title, with [`placeholders`]; `None`: that of the commit.
    pub title: Option<String>,
    /// Whether they are drafts.
    pub draft: bool,
    /// The milestone, by its title.
    pub milestone: Option<String>,
    /// The file whose text stands above what is written.
    pub template: Option<String>,
    /// Names and addresses, with [`placeholders`] in the addresses.
    pub links: BTreeMap<String, String>,
}

/// Puts the names of a promotion in: `{app}`, `{group}`, `{env}`, `{version}`.
pub fn placeholders(
    text: &str,
    app: &AppId,
    environment: &EnvironmentName,
    version: &str,
) -> String {
    let group = app.group.as_deref().unwrap_or_default();
    // One pass, so that a name that looks like a placeholder stays.
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let known = [
            ("{app}", app.name.as_str()),
            ("{group}", group),
            ("{env}", environment.as_str()),
            ("{version}", version),
        ];
        match known.iter().find(|(name, _)| from.starts_with(name)) {
            Some((name, value)) => {
                out.push_str(value);
                rest = from.get(name.len()..).unwrap_or_default();
            }
            None => {
                out.push('{');
                rest = from.get(1..).unwrap_or_default();
            }
        }
    }
    out.push_str(rest);
    out
}

/// Reads what the top of the file says.
pub(super) fn read(source: Source<'_>, raw: &RawConfig) -> Result<DeliveryConfig, ConfigError> {
    let forge = raw.forge.as_ref().map(|forge| forge_config(source, forge)).transpose()?;
    let pull_request =
        raw.pull_request.as_ref().map(|raw| pull_request_config(source, raw)).transpose()?;
    Ok(DeliveryConfig {
        deliver: word(source, "deliver", raw.deliver.as_ref(), &Deliver::WORDS)?
            .unwrap_or_default(),
        forge: forge.unwrap_or_default(),
        pull_request: pull_request.unwrap_or_default(),
    })
}

/// Reads what an environment says.
pub(super) fn of_environment(
    source: Source<'_>,
    raw: &RawEnvironment,
) -> Result<EnvironmentDelivery, ConfigError> {
    let reviewer = |text: &Text| {
        let parsed = text.get_ref().parse::<Reviewer>();
        parsed.map_err(|_| {
            let reason = "it is neither `@name` nor `@org/team`".to_owned();
            let value = printable(text.get_ref());
            source.at(text.span(), Problem::BadValue { kind: Kind::Reviewer, value, reason })
        })
    };
    Ok(EnvironmentDelivery {
        deliver: word(source, "deliver", raw.deliver.as_ref(), &Deliver::WORDS)?,
        auto_merge: raw.auto_merge,
        reviewers: raw.reviewers.iter().map(reviewer).collect::<Result<_, _>>()?,
        approvals: raw.approvals.as_ref().map(|number| approvals(source, number)).transpose()?,
        rollback_approvals: raw
            .rollback
            .as_ref()
            .and_then(|rollback| rollback.approvals.as_ref())
            .map(|number| approvals(source, number))
            .transpose()?,
        protected: raw.protected,
    })
}

/// More than anybody could ask for is a slip.
const MOST_APPROVALS: i64 = 50;

fn approvals(source: Source<'_>, number: &Spanned<i64>) -> Result<u8, ConfigError> {
    let given = *number.get_ref();
    let fits = (0..=MOST_APPROVALS).contains(&given);
    u8::try_from(given).ok().filter(|_| fits).ok_or_else(|| {
        let reason = format!("it is not between 0 and {MOST_APPROVALS}");
        let value = given.to_string();
        source.at(number.span(), Problem::BadValue { kind: Kind::Approvals, value, reason })
    })
}

fn forge_config(source: Source<'_>, raw: &RawForge) -> Result<ForgeConfig, ConfigError> {
    let api = raw.api.as_ref().map(|api| address(source, api)).transpose()?;
    let repository = raw.repository.as_ref().map(|name| repository(source, name)).transpose()?;
    let kind = word(source, "kind", raw.kind.as_ref(), &ForgeKind::WORDS)?;
    Ok(ForgeConfig { kind, api, repository })
}

fn pull_request_config(
    source: Source<'_>,
    raw: &RawPullRequest,
) -> Result<PullRequestConfig, ConfigError> {
    let own = |text: &Option<Text>| text.as_ref().map(|text| text.get_ref().clone());
    Ok(PullRequestConfig {
        flow: word(source, "flow", raw.flow.as_ref(), &Flow::WORDS)?.unwrap_or_default(),
        merge_method: word(source, "merge-method", raw.merge_method.as_ref(), &MergeMethod::WORDS)?
            .unwrap_or_default(),
        labels: raw.labels.iter().map(|label| label.get_ref().clone()).collect(),
        title: own(&raw.title),
        draft: raw.draft,
        milestone: own(&raw.milestone),
        template: own(&raw.template),
        links: raw.links.iter().map(|(n, text)| (n.clone(), text.get_ref().clone())).collect(),
    })
}

/// The value that a word stands for.
fn word<T: Copy>(
    source: Source<'_>,
    key: &'static str,
    text: Option<&Text>,
    known: &[(&'static str, T)],
) -> Result<Option<T>, ConfigError> {
    let Some(text) = text else { return Ok(None) };
    let found = known.iter().find(|(word, _)| word == text.get_ref());
    match found {
        Some((_, value)) => Ok(Some(*value)),
        None => {
            let words = known.iter().map(|(word, _)| *word).collect();
            Err(source.at(text.span(), unknown_value(key, text.get_ref(), words)))
        }
    }
}

pub(super) fn address(source: Source<'_>, text: &Text) -> Result<String, ConfigError> {
    let value = text.get_ref();
    let rest = value.strip_prefix("https://").or_else(|| value.strip_prefix("http://"));
    let plain = |rest: &str| {
        let host = rest.split('/').next().unwrap_or_default();
        !host.is_empty() && !rest.contains(['@', '?', '#']) && !rest.contains(char::is_whitespace)
    };
    if rest.is_some_and(plain) {
        return Ok(value.clone());
    }
    let reason = "it is no address such as https://github.example.org/api/v3".to_owned();
    // What stands before an `@` may be a password.
    let shown = match value.rsplit_once('@') {
        Some((_, host)) => format!("...@{host}"),
        None => value.clone(),
    };
    let value = printable(&shown);
    Err(source.at(text.span(), Problem::BadValue { kind: Kind::Address, value, reason }))
}

fn repository(source: Source<'_>, text: &Text) -> Result<String, ConfigError> {
    let value = text.get_ref();
    let odd = |c: char| c.is_whitespace() || c.is_control() || "?#\\".contains(c);
    let parts: Vec<&str> = value.split('/').collect();
    let good = |part: &&str| !matches!(*part, "" | "." | "..") && !part.contains(odd);
    if parts.len() >= 2 && parts.iter().all(good) {
        return Ok(value.clone());
    }
    let reason = "it is no name such as acme/config".to_owned();
    let value = printable(value);
    Err(source.at(text.span(), Problem::BadValue { kind: Kind::Repository, value, reason }))
}

/// The word of a value.
fn word_of<T: PartialEq>(value: &T, known: &[(&'static str, T)]) -> &'static str {
    known.iter().find(|(_, other)| other == value).map_or("", |(word, _)| word)
}

/// Writes `deliver`.
pub(super) fn write_top(text: &mut String, config: &DeliveryConfig) -> fmt::Result {
    writeln!(text, "deliver = \"{}\"", word_of(&config.deliver, &Deliver::WORDS))
}

/// Writes what an environment says.
pub(super) fn write_environment(text: &mut String, own: &EnvironmentDelivery) -> fmt::Result {
    if let Some(deliver) = &own.deliver {
        writeln!(text, "deliver = \"{}\"", word_of(deliver, &Deliver::WORDS))?;
    }
    if own.auto_merge {
        text.push_str("auto-merge = true\n");
    }
    if !own.reviewers.is_empty() {
        let names = own.reviewers.iter().map(ToString::to_string);
        writeln!(text, "reviewers = {}", strings(names))?;
    }
    if let Some(approvals) = own.approvals {
        writeln!(text, "approvals = {approvals}")?;
    }
    if own.protected {
        text.push_str("protected = true\n");
    }
    Ok(())
}

/// Writes `[forge]` and `[pull-request]`, as far as they differ from what holds
/// without them.
pub(super) fn write_tables(text: &mut String, config: &DeliveryConfig) -> fmt::Result {
    if config.forge != ForgeConfig::default() {
        text.push_str("\n[forge]\n");
        let kind = config.forge.kind.map(|kind| word_of(&kind, &ForgeKind::WORDS).to_owned());
        write_text(text, "kind", kind.as_deref())?;
        write_text(text, "api", config.forge.api.as_deref())?;
        write_text(text, "repository", config.forge.repository.as_deref())?;
    }
    if config.pull_request != PullRequestConfig::default() {
        text.push_str("\n[pull-request]\n");
        write_pull_request(text, &config.pull_request)?;
    }
    Ok(())
}

fn write_pull_request(text: &mut String, own: &PullRequestConfig) -> fmt::Result {
    write_text(text, "flow", Some(word_of(&own.flow, &Flow::WORDS)))?;
    write_text(text, "merge-method", Some(word_of(&own.merge_method, &MergeMethod::WORDS)))?;
    if !own.labels.is_empty() {
        writeln!(text, "labels = {}", strings(own.labels.iter()))?;
    }
    write_text(text, "title", own.title.as_deref())?;
    if own.draft {
        text.push_str("draft = true\n");
    }
    write_text(text, "milestone", own.milestone.as_deref())?;
    write_text(text, "template", own.template.as_deref())?;
    if !own.links.is_empty() {
        let pair =
            |(name, link): (&String, &String)| format!("{} = {}", string(name), string(link));
        let pairs: Vec<String> = own.links.iter().map(pair).collect();
        writeln!(text, "links = {{ {} }}", pairs.join(", "))?;
    }
    Ok(())
}

fn write_text(text: &mut String, key: &str, value: Option<&str>) -> fmt::Result {
    match value {
        Some(value) => writeln!(text, "{key} = {}", string(value)),
        None => Ok(()),
    }
}
