//! One file a command: its arguments, what they mean, and the straight line
//! from them to a report.

pub mod audit;
mod change;
pub mod check;
mod chosen;
pub mod config;
mod dates;
pub mod demo;
pub mod diff;
pub mod doctor;
pub mod edit;
mod evidence;
pub mod explain;
mod failure;
mod forges;
mod held;
pub mod hold;
pub mod init;
mod inventory;
mod leftovers;
pub mod log;
mod moved;
pub mod next;
mod outside;
mod past;
pub mod preview;
pub mod promote;
pub mod registry;
pub mod report;
pub mod schema;
mod source;
pub mod status;
pub mod verify;
pub mod versions;
pub mod wait;
pub mod why;
mod workspace;

pub use failure::{Exit, Failure};
pub use workspace::Workspace;

use std::path::PathBuf;

use crate::output::Format;

/// Under which name the program was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Front {
    /// `git promote`.
    Git,
    /// `kubectl promote`.
    Kubectl,
}

impl Front {
    /// How the user starts it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Git => "git promote",
            Self::Kubectl => "kubectl promote",
        }
    }

    /// A text that names commands, with the name that this front goes by.
    pub fn commands(self, text: &str) -> String {
        match self {
            Self::Git => text.to_owned(),
            Self::Kubectl => text.replace(Self::Git.name(), self.name()),
        }
    }
}

/// When output is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum ColorChoice {
    /// On a terminal.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What surrounds a command: decided once, passed in.
#[derive(Debug, Clone)]
pub struct Context {
    /// How it was started.
    pub front: Front,
    /// Where the user stands.
    pub directory: PathBuf,
    /// The form of the output.
    pub format: Format,
    /// Whether to colour.
    pub color: Option<ColorChoice>,
    /// Say only what is asked for.
    pub quiet: bool,
    /// Say more.
    pub verbose: bool,
    /// Whether a question can be asked.
    pub interactive: bool,
    /// Seconds since the epoch.
    pub now: i64,
}

/// What a command says and how it ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// For standard output.
    pub text: String,
    /// For standard error: notes first, then hints.
    pub remarks: Vec<Remark>,
    /// The exit code.
    pub exit: Exit,
}

/// A line for standard error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remark {
    /// What a person should know.
    Note(String),
    /// What deserves attention.
    Warning(String),
    /// Why the command refuses.
    Error(String),
    /// A command to go on with.
    Hint(String),
}

impl Answer {
    /// Done, with this text.
    pub fn done(text: String) -> Self {
        Self { text, remarks: Vec::new(), exit: Exit::Done }
    }
}
