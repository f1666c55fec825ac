//! Where the token of a forge comes from.

use crate::forge::{Place, Token};
use crate::git::Repository;

use super::Failure;

/// The token for a forge; `None` where there is none.
pub(super) fn token(_repo: &Repository, _place: &Place) -> Result<Option<Token>, Failure> {
    let text = std::env::var("GIT_PROMOTE_TOKEN").ok().filter(|text| !text.is_empty());
    Ok(text.map(Token::new))
}
