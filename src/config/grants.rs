//! How long and by whose signature a rule may be waived: read and written.

use std::fmt::{self, Write};

use ssh_key::PublicKey;
use toml::Spanned;

use super::error::{ConfigError, Kind, Problem, Source};
use super::grammar;
use super::guards::bad;
use super::raw::Text;
use super::write::{string, strings};
use super::{AllowedSigner, OverrideGrant, Until};
use crate::schedule::moment;

/// A date, whose day is included, or a time.
pub(super) fn until(source: Source<'_>, text: &Text) -> Result<Until, ConfigError> {
    let written = text.get_ref();
    let wrong = || bad(source, (text, Kind::Moment), "it is neither a date nor a time with a zone");
    let (_, end) = moment(written).ok_or_else(wrong)?;
    Ok(Until { text: written.clone(), end })
}

/// Keys as they stand in `id_ed25519.pub`, and paths.
pub(super) fn signers(
    source: Source<'_>,
    list: &Spanned<Vec<Text>>,
) -> Result<Vec<AllowedSigner>, ConfigError> {
    if list.get_ref().is_empty() {
        return Err(source.at(list.span(), Problem::EmptyList("allowed-signers")));
    }
    list.get_ref().iter().map(|text| signer(source, text)).collect()
}

fn signer(source: Source<'_>, text: &Text) -> Result<AllowedSigner, ConfigError> {
    let written = text.get_ref();
    let mut words = written.split_whitespace();
    let (first, second) = (words.next().unwrap_or_default(), words.next());
    if let Some(key) = second {
        let known = PublicKey::from_openssh(&format!("{first} {key}"));
        known.map_err(|_| bad(source, (text, Kind::AllowedSigner), "it is no public key"))?;
        return Ok(AllowedSigner::Key(format!("{first} {key}")));
    }
    grammar::directory(written).map_err(|problem| match problem {
        Problem::BadValue { reason, .. } => bad(source, (text, Kind::AllowedSigner), reason),
        other => source.at(text.span(), other),
    })?;
    Ok(AllowedSigner::File(written.clone()))
}

/// Writes what a grant says beside its rule and environments.
pub(super) fn write(text: &mut String, grant: &OverrideGrant) -> fmt::Result {
    if let Some(until) = &grant.until {
        writeln!(text, "until = {}", string(&until.text))?;
    }
    if !grant.signers.is_empty() {
        let names = grant.signers.iter().map(|signer| match signer {
            AllowedSigner::Key(text) | AllowedSigner::File(text) => text,
        });
        writeln!(text, "allowed-signers = {}", strings(names))?;
    }
    Ok(())
}
