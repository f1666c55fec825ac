//! Where the token of a forge comes from.

use crate::forge::{Place, Token};
use crate::git::Repository;

use super::Failure;

/// The token for a forge; `None` where there is none.
pub(super) fn token(_repo: &Repository, _place: &Place) -> Result<Option<Token>, Failure> {
    let text = std::env::var("GIT_PROMOTE_TOKEN").ok().filter(|text| !text.is_empty());
    Ok(text.map(Token::new))
}

/// What is said where there is no token.
pub(super) fn missing(place: &Place) -> Failure {
    Failure::new(super::Exit::Auth, format!("there is no token for {}", place.host))
        .hint("GIT_PROMOTE_TOKEN holds it, or git's credential helper")
}
