//! Why a file cannot be read or changed.

use thiserror::Error;

use super::Position;

/// What is wrong with a file, and where.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum YamlError {
    /// The bytes are no UTF-8.
    #[error("not UTF-8")]
    NotUtf8 {
        /// The first bad byte.
        at: Position,
    },
    /// A character that YAML does not allow, or that readers disagree about.
    #[error("the character U+{code:04X} is not allowed in YAML")]
    Character {
        /// Where it stands.
        at: Position,
        /// Its code point.
        code: u32,
    },
    /// There is more of something than is read.
    #[error("the file is too large: more than {most} {of}")]
    TooLarge {
        /// Where the limit is reached.
        at: Position,
        /// The limit.
        most: usize,
        /// Of what: bytes, lines, values.
        of: &'static str,
    },
    /// The text is no YAML.
    #[error("not valid YAML: {message}")]
    Syntax {
        /// Where the parser stopped.
        at: Position,
        /// What it says.
        message: String,
    },
    /// The parser accepts the text, but the place of a value in it is unclear.
    #[error("the layout of this YAML is not understood: expected {expected}")]
    Layout {
        /// Where it became unclear.
        at: Position,
        /// What should stand there.
        expected: &'static str,
    },
    /// A value that cannot be changed in place.
    #[error("{message}")]
    Unchangeable {
        /// The value.
        at: Position,
        /// Why.
        message: String,
    },
    /// The edited text does not say what was intended; nothing is written.
    #[error("the edited file would not read as intended: {message}")]
    Unproven {
        /// The first difference, in the edited text.
        at: Position,
        /// What differs.
        message: String,
    },
}

impl YamlError {
    /// Where it happened.
    pub fn position(&self) -> Position {
        match self {
            Self::NotUtf8 { at }
            | Self::Character { at, .. }
            | Self::TooLarge { at, .. }
            | Self::Syntax { at, .. }
            | Self::Layout { at, .. }
            | Self::Unchangeable { at, .. }
            | Self::Unproven { at, .. } => *at,
        }
    }
}
