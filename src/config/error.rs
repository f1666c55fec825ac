//! What is wrong with a config: where, why, and what to do about it.

use std::ops::Range;

use thiserror::Error;

use crate::model::PipelineError;

/// The most bytes that a config file may have; the largest sensible ones have
/// a hundredth of it.
pub const MAX_BYTES: usize = 1_048_576;

/// The most environments that a pipeline may have.
pub const MAX_ENVIRONMENTS: usize = 1000;

/// A config that cannot be used, with the place that says so.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{file}:{line}:{column}: {problem}")]
pub struct ConfigError {
    /// The file, such as `promote.toml`.
    pub file: &'static str,
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
    /// What is wrong there.
    pub problem: Problem,
}

impl ConfigError {
    /// What to do about it, without the word `hint:`.
    pub fn hint(&self) -> String {
        match &self.problem {
            Problem::Syntax(_) if self.file == super::HOLDS => {
                "`[[hold]]` with `environment`, `app`, `reason` and perhaps `until` is a hold"
                    .to_owned()
            }
            problem => problem.hint(),
        }
    }
}

/// What can be wrong with a config.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Problem {
    /// The text breaks the grammar of its format, or a value has a wrong type.
    #[error("{0}")]
    Syntax(String),
    /// The text is too long to be a config.
    #[error("the file has {0} bytes, more than the {MAX_BYTES} that a config may have")]
    TooLarge(usize),
    /// The bytes are no text.
    #[error("the file is not valid UTF-8")]
    NotUtf8,
    /// A construct that a config file has no use for, such as a YAML alias.
    #[error("{0} are not allowed in a config file")]
    Construct(&'static str),
    /// A key that means nothing here.
    #[error("unknown key `{key}`{}", nearest.as_ref().map(|near| format!(", did you mean `{near}`?")).unwrap_or_default())]
    UnknownKey {
        /// The key as written.
        key: String,
        /// The known key that it is nearest to.
        nearest: Option<String>,
        /// The keys known at this place.
        known: Vec<&'static str>,
    },
    /// A key that means something elsewhere in the file.
    #[error("the key `{key}` does not belong here")]
    MisplacedKey {
        /// The key.
        key: String,
        /// The table it belongs to.
        table: &'static str,
    },
    /// A key that must be there is not.
    #[error("the key `{0}` is missing")]
    Missing(&'static str),
    /// A key that means something only beside another one.
    #[error("`{0}` means nothing without `{1}`")]
    Needs(&'static str, &'static str),
    /// A `health` that says nothing of who is asked.
    #[error("`health` asks nobody")]
    AsksNobody,
    /// A format version that this program does not know.
    #[error("`version = {0}` is not known, this program reads version 1")]
    Version(String),
    /// A list of tables is written as one table, or as tables by name.
    #[error("`{0}` is a list of tables, not a table")]
    NotAList(&'static str),
    /// A list that says something by being there is empty.
    #[error("the list `{0}` is empty")]
    EmptyList(&'static str),
    /// The same thing stands twice in one list.
    #[error("`{value}` is given twice in `{list}`")]
    Twice {
        /// The list.
        list: &'static str,
        /// What stands there twice.
        value: String,
    },
    /// More environments than can be meant.
    #[error(
        "there are {0} environments, more than the {MAX_ENVIRONMENTS} that a pipeline may have"
    )]
    TooManyEnvironments(usize),
    /// An environment that has the name of a command.
    #[error("the environment name `{0}` is the name of a command")]
    CommandName(String),
    /// Both ways to say where a version comes from.
    #[error("the environment `{0}` has both `from` and `from-any`")]
    BothSources(String),
    /// The environments do not make a pipeline.
    #[error("{error}")]
    Pipeline {
        /// What they lack.
        error: PipelineError,
        /// The environment that an unknown name is nearest to.
        nearest: Option<String>,
    },
    /// A name that is no configured environment.
    #[error("the environment `{name}` is not configured")]
    UnknownEnvironment {
        /// The name.
        name: String,
        /// The environment that it is nearest to.
        nearest: Option<String>,
    },
    /// A rule that does not exist.
    #[error("`{0}` is not a rule")]
    UnknownRule(String),
    /// A rule that no config can allow to be waived.
    #[error("the rule `{0}` cannot be overridden")]
    FixedRule(String),
    /// An expression that is no condition.
    #[error("the expression cannot be used: {0}")]
    Expression(String),
    /// A list that is longer than can be meant.
    #[error("`{list}` has more than {most} entries")]
    TooMany {
        /// The list.
        list: &'static str,
        /// As many as it may have.
        most: usize,
    },
    /// An entry that says none of several things, or more than one.
    #[error("an entry of `windows` has one of `allow`, `deny` and `cron`")]
    NotOneTime,
    /// A key that goes with another one alone.
    #[error("`duration` goes with `cron`, and `cron` with `duration`")]
    Duration,
    /// Two windows of one zone that have a time in common.
    #[error("`{second}` overlaps `{first}`")]
    Overlap {
        /// The window that is listed first.
        first: String,
        /// The other one.
        second: String,
    },
    /// Windows in which the environment is never open.
    #[error("with these windows the environment `{0}` is never open")]
    NeverOpens(String),
    /// A freeze that ends before it begins.
    #[error("the freeze ends on {to}, before it begins on {from}")]
    Backwards {
        /// The first day.
        from: String,
        /// The last day.
        to: String,
    },
    /// A rule that also a rollback has to satisfy.
    #[error("a rollback cannot be exempt from the rule `{0}`")]
    NotExempt(String),
    /// A value that is not among the words known.
    #[error("`{value}` is not a value of `{key}`")]
    UnknownValue {
        /// The key.
        key: &'static str,
        /// The value.
        value: String,
        /// The values known.
        known: Vec<&'static str>,
    },
    /// A value that breaks the grammar of its kind.
    #[error("`{value}` is not a valid {kind}: {reason}")]
    BadValue {
        /// What it should be.
        kind: Kind,
        /// The value.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// The kinds of value that have a grammar of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Kind {
    /// The name of an environment.
    #[error("environment name")]
    EnvironmentName,
    /// A directory that means an environment.
    #[error("directory of an environment")]
    Directory,
    /// A layout path.
    #[error("layout path")]
    Template,
    /// The path of a declared field.
    #[error("field path")]
    FieldPath,
    /// A glob over names.
    #[error("glob")]
    Glob,
    /// Who is asked to review.
    #[error("reviewer")]
    Reviewer,
    /// The address of a forge.
    #[error("address of a forge")]
    Address,
    /// A repository on a forge.
    #[error("repository")]
    Repository,
    /// A context of a kubeconfig.
    #[error("context")]
    ClusterContext,
    /// A namespace of a cluster.
    #[error("namespace")]
    Namespace,
    /// A glob over the names of commit statuses.
    #[error("glob over the names of commit statuses")]
    Context,
    /// An object of a cluster.
    #[error("object of a cluster")]
    ClusterObject,
    /// A program that is started.
    #[error("program")]
    Program,
    /// A date or time.
    #[error("date or time")]
    Moment,
    /// Who may sign.
    #[error("ssh key or path of a file of allowed signers")]
    AllowedSigner,
    /// A registry of images.
    #[error("registry")]
    Registry,
    /// Who has to have signed an image.
    #[error("signer")]
    Signer,
    /// A number of approvals.
    #[error("number of approvals")]
    Approvals,
    /// A span of time.
    #[error("span of time")]
    Span,
    /// The name of a time zone.
    #[error("time zone")]
    Zone,
    /// Days and hours.
    #[error("window")]
    Days,
    /// A cron pattern.
    #[error("cron pattern")]
    Cron,
    /// A day.
    #[error("date")]
    Date,
    /// A moment.
    #[error("time")]
    Time,
    /// The name of a policy.
    #[error("name of a policy")]
    Policy,
    /// The key of a trailer.
    #[error("key of a trailer")]
    Trailer,
}

impl Kind {
    /// A value of this kind as it should be.
    fn example(self) -> &'static str {
        match self {
            Self::EnvironmentName => "`prod-eu`: letters, digits and `. _ - +`",
            Self::Directory => "`prod/blue`, relative to where the layout has `{env}`",
            Self::Template => "`apps/{app}/overlays/{env}`, relative to the root of the repository",
            Self::FieldPath => "`spec.images[name=web].newTag` or `images[0].tag` or `tags[*]`",
            Self::Glob => "`legacy-*`; `[` starts a set and `[[]` is the bracket itself",
            Self::Reviewer => "`@acme/security` for a team, `@name` for a person",
            Self::Address => "`https://github.example.org/api/v3`, without name and password",
            Self::Repository => "`acme/config`",
            Self::ClusterContext => "`prod-eu`, as `kubectl config get-contexts` lists them",
            Self::Namespace => "`shop-prod`",
            Self::Context => "`kustomization/{app}-{env}/*`",
            Self::ClusterObject => "`deployment/{app}` or `flux-system/kustomization/{app}`",
            Self::Program => "`[\"ci/smoke.sh\", \"{app}\"]`: a name, or a path in the repository",
            Self::Moment => "`2026-12-31` or `2026-12-31T18:00:00Z`",
            Self::AllowedSigner => "`ssh-ed25519 AAAA...` or `.promote/allowed_signers`",
            Self::Registry => "`registry.example/acme/prod`: a host, and a path if there is one",
            Self::Signer => "`{ key = \"cosign.pub\" }`",
            Self::Approvals => "`2`",
            Self::Span => "`24h`, `90m` or `1d 12h`",
            Self::Zone => "`Europe/Berlin` or `UTC`",
            Self::Days => "`Mon-Fri 10:00-16:00`, `Sat-Sun` or `22:00-02:00`",
            Self::Cron => "`0 10 * * 1-5`: minute, hour, day of the month, month, day of the week",
            Self::Date => "`2026-12-20`",
            Self::Policy => "`no majors on Fridays`",
            Self::Trailer => "`Ticket`",
            Self::Time => "`2026-12-01T10:00:00Z`",
        }
    }
}

/// The key that is missing, as the reader of the file says it.
fn missing(text: &str) -> Option<&str> {
    text.strip_prefix("the key `")?.strip_suffix("` is missing")
}

impl Problem {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Syntax(text) if missing(text) == Some("timezone") => {
                "add `timezone = \"UTC\"`, or another one such as `Europe/Berlin`".to_owned()
            }
            Self::Syntax(text) if missing(text).is_some() => {
                format!("add `{}`", missing(text).unwrap_or_default())
            }
            Self::Syntax(_) | Self::NotUtf8 | Self::Construct(_) | Self::TooLarge(_) => {
                "`git promote init --print` shows a config as it should be".to_owned()
            }
            Self::UnknownKey { .. } | Self::MisplacedKey { .. } | Self::NotAList(_) => {
                self.key_hint()
            }
            Self::Missing("version") => "write `version = 1` as the first line".to_owned(),
            Self::Missing(key) | Self::Needs(_, key) => format!("add `{key}`"),
            Self::AsksNobody => "add `context`, `kubectl` or `command`".to_owned(),
            Self::Version(_) => "write `version = 1`, or use a newer git-promote".to_owned(),
            Self::EmptyList(list) => format!("name something in `{list}`, or remove it"),
            Self::Twice { value, .. } => format!("remove the second `{value}`"),
            Self::BadValue { kind, .. } => format!("write it like {}", kind.example()),
            Self::UnknownRule(_) => "rules are GP001 to GP019".to_owned(),
            Self::FixedRule(_) => "remove it: the rule has no exception".to_owned(),
            Self::NotExempt(rule) => match rule.as_str() {
                "GP001" => "remove `GP001`: what ran here satisfies GP001".to_owned(),
                "GP017" => "write `|| promotion.rollback` in the policy instead".to_owned(),
                _ => format!("remove `{rule}`: the rule has no exception"),
            },
            Self::UnknownValue { known, .. } => format!("write one of: {}", known.join(", ")),
            Self::NotOneTime | Self::Duration | Self::Overlap { .. } | Self::NeverOpens(_) => {
                self.window_hint()
            }
            Self::Backwards { .. } => "`to` is the last day of the freeze".to_owned(),
            _ => self.environment_hint(),
        }
    }

    fn window_hint(&self) -> String {
        match self {
            Self::NotOneTime => {
                "windows = [{ allow = \"Mon-Fri 10:00-16:00\", timezone = \"Europe/Berlin\" }]"
            }
            Self::Duration => {
                "{ cron = \"0 10 * * 1-5\", duration = \"6h\", timezone = \"Europe/Berlin\" }"
            }
            Self::Overlap { .. } => {
                "make one window of the two, or let the one end where the other begins"
            }
            _ => "an environment that nothing enters has no place in the pipeline",
        }
        .to_owned()
    }

    fn key_hint(&self) -> String {
        match self {
            Self::UnknownKey { nearest: Some(near), .. } => format!("write `{near}`"),
            Self::UnknownKey { known, .. } => format!("keys known here: {}", known.join(", ")),
            Self::MisplacedKey { table, .. } => format!("move it to {table}"),
            Self::NotAList(key) => format!("write `[[{key}]]` above each of them"),
            _ => String::new(),
        }
    }

    fn environment_hint(&self) -> String {
        match self {
            Self::CommandName(name) => format!(
                "choose another name, and keep the directory with `dirs = [\"{name}\"]` in promote.toml"
            ),
            Self::BothSources(_) => {
                "keep `from` if all of them are needed, `from-any` if one is enough".to_owned()
            }
            Self::UnknownEnvironment { nearest: Some(near), .. }
            | Self::Pipeline { nearest: Some(near), .. } => format!("did you mean `{near}`?"),
            Self::Pipeline { error: PipelineError::Empty, .. } => {
                "list them in the order of promotion, the first one first".to_owned()
            }
            Self::Pipeline { error: PipelineError::Cycle { .. }, .. } => {
                "remove one `from` of the circle; a first environment has `from = []`".to_owned()
            }
            Self::Pipeline { error: PipelineError::Duplicate(name), .. } => {
                format!("rename or remove the second `{name}`")
            }
            Self::Pipeline { error: PipelineError::SharedDirectory { .. }, .. } => {
                "give each environment directories of its own with `dirs`".to_owned()
            }
            Self::Expression(_) => "docs/policies.md lists what an expression can ask".to_owned(),
            Self::TooMany { .. } => "remove those that are over".to_owned(),
            Self::TooManyEnvironments(_) => "split the repository".to_owned(),
            _ => "list it under the environments, or correct the name".to_owned(),
        }
    }
}

/// A text with the name of its file: turns byte spans into lines and columns.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'t> {
    /// The name of the file.
    pub(super) file: &'static str,
    /// Its text.
    pub(super) text: &'t str,
}

impl<'t> Source<'t> {
    /// Takes the text, unless it is too long to be a config.
    pub(super) fn new(file: &'static str, text: &'t str) -> Result<Self, ConfigError> {
        let source = Self { file, text };
        if text.len() > MAX_BYTES {
            return Err(source.at(0..0, Problem::TooLarge(text.len())));
        }
        Ok(source)
    }

    /// The error at the start of a byte span.
    pub(super) fn at(&self, span: Range<usize>, problem: Problem) -> ConfigError {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let before = before.strip_prefix('\u{feff}').unwrap_or(before);
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        let in_line = before.rsplit('\n').next().unwrap_or_default();
        let column = in_line.chars().count() + 1;
        ConfigError { file: self.file, line: small(line), column: small(column), problem }
    }
}

/// A line or column as it is kept; texts are far too short to reach the limit.
pub(super) fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
