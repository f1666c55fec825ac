//! Texts that no message may hold.

/// The secrets of a client, which no message may hold.
#[derive(Clone, Default)]
pub struct Secrets(Vec<String>);

/// Nothing shorter is looked for: it would hide ordinary words.
const SHORTEST: usize = 4;

impl Secrets {
    /// Hides a text from now on.
    pub fn add(&mut self, text: &str) {
        let text = text.trim();
        if text.len() >= SHORTEST && !self.0.iter().any(|known| known == text) {
            self.0.push(text.to_owned());
            // What holds another goes first.
            self.0.sort_by_key(|known| std::cmp::Reverse(known.len()));
        }
    }

    /// A foreign text as one line without secrets and without what a terminal
    /// obeys: control characters and marks that turn the reading direction.
    pub fn line(&self, text: &str) -> String {
        let is_shown = |c: &char| !is_hostile(*c) || c.is_whitespace();
        let shown: String = text.chars().filter(is_shown).collect();
        // Not before: taking marks out may put a secret together.
        let hidden = self.0.iter().fold(shown, |text, secret| text.replace(secret, "***"));
        hidden.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

fn is_hostile(c: char) -> bool {
    let turning =
        matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || turning || matches!(c, '\u{61c}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hidden_however_they_stand() {
        let mut secrets = Secrets::default();
        for text in ["abcd", "abcdefgh", "x", " "] {
            secrets.add(text);
        }
        assert_eq!(secrets.line("x abcdefgh (abcd)\n\tab\u{1b}cd"), "x *** (***) ***");
        assert_eq!(secrets.line("a\0b\u{202e}c\u{9b}d"), "***");
        assert_eq!(Secrets::default().line("größe  ja"), "größe ja");
    }
}
