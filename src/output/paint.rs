//! Colour, where it is wanted; never colour alone.

use anstyle::{AnsiColor, Style};

use crate::model::Outcome;

/// Paints text, or leaves it as it is.
#[derive(Debug, Clone, Copy)]
pub struct Paint {
    /// Whether escapes are written.
    pub color: bool,
}

impl Paint {
    fn with(self, style: Style, text: &str) -> String {
        if self.color { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }

    /// What is old or removed.
    pub fn old(self, text: &str) -> String {
        self.with(AnsiColor::Red.on_default(), text)
    }

    /// What is new or added.
    pub fn fresh(self, text: &str) -> String {
        self.with(AnsiColor::Green.on_default(), text)
    }

    /// What heads a block.
    pub fn bold(self, text: &str) -> String {
        self.with(Style::new().bold(), text)
    }

    /// What can be passed over.
    pub fn dim(self, text: &str) -> String {
        self.with(Style::new().dimmed(), text)
    }

    /// The word for a rule's answer, four letters wide.
    pub fn outcome(self, outcome: Outcome) -> String {
        let (word, color) = match outcome {
            Outcome::Pass => ("ok  ", AnsiColor::Green),
            Outcome::Warn => ("warn", AnsiColor::Yellow),
            Outcome::Fail | Outcome::Unverifiable => ("fail", AnsiColor::Red),
            Outcome::Skip => ("skip", AnsiColor::Cyan),
            Outcome::Overridden => ("over", AnsiColor::Yellow),
        };
        self.with(color.on_default(), word)
    }
}
