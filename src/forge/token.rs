//! What lets us in at a forge. It is shown nowhere.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

/// What lets us in, and where it is from.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    form: Form,
    secret: String,
    source: String,
}

/// How a token is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// As the forge takes the tokens of a person.
    Access,
    /// `Authorization: Bearer`.
    Bearer,
    /// A user and a password: `Authorization: Basic`.
    Password {
        /// The user.
        user: String,
    },
    /// The token of a job of GitLab's CI.
    Job,
    /// The key of a GitHub App, as PEM.
    App {
        /// The app.
        id: u64,
        /// Where it is installed; found by the repository where it is not said.
        installation: Option<u64>,
    },
}

impl Token {
    /// A token of a person. `source` tells people where it is from:
    /// `GITHUB_TOKEN`.
    pub fn new(secret: impl Into<String>, source: impl Into<String>) -> Self {
        Self::with(Form::Access, secret, source)
    }

    /// A token that is sent in its own way.
    pub fn with(form: Form, secret: impl Into<String>, source: impl Into<String>) -> Self {
        Self { form, secret: secret.into(), source: source.into() }
    }

    /// How it is sent.
    pub fn form(&self) -> &Form {
        &self.form
    }

    /// Where it is from, for people.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The token itself.
    pub(super) fn secret(&self) -> &str {
        &self.secret
    }

    /// The value of `Authorization: Basic` for a user, without the word.
    pub(super) fn basic(&self, user: &str) -> String {
        BASE64_STANDARD.encode(format!("{user}:{}", self.secret))
    }

    /// Every text by which it could be seen.
    pub(super) fn hidden(&self) -> Vec<String> {
        let mut texts = vec![self.secret.clone(), self.basic("")];
        match &self.form {
            Form::Password { user } => texts.push(self.basic(user)),
            // Each line of a key.
            Form::App { .. } => texts.extend(self.secret.lines().map(str::to_owned)),
            Form::Access | Form::Bearer | Form::Job => {}
        }
        texts
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("form", &self.form)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}
